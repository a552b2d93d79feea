/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 0 be16 id | 2 be16 flags | 4 be16 questions | 6 be16 answers | 8 be16 authority | 10 be16
 * additional (RFC 1035 4.1.1); then questions of name | be16 type | be16 class, and records of
 * name | be16 type | be16 class | be32 ttl | be16 length | data.
 */
#include "identify/dns.h"

#include "base/cursor.h"
#include "base/text.h"
#include "identify/host.h"

#define HEADER_LEN    12
#define QUESTIONS_MAX 32  /* mDNS asks several; nobody asks more */
#define RECORDS_MAX   512 /* answers looked at */
#define JUMPS_MAX     64
#define NAME_TEXT_MAX 253 /* 255 bytes on the wire (RFC 1035 2.3.4) */

#define FLAG_ANSWER        0x8000
#define FLAG_TRUNCATED     0x0200
#define FLAG_AUTHORITATIVE 0x0400 /* of NOTIFY */
#define OPCODE_NOTIFY      0x2000
#define OPCODE_UPDATE      0x2800
#define CLASS_MASK         0x7fff /* mDNS uses the top bit (RFC 6762 10.2) */
#define CLASS_IN           1
#define ECH_KEY            5 /* SvcParamKey (RFC 9849 and RFC 9460 14.3.2) */
#define ECH_VERSION        0xfe0d

enum type {
	TYPE_A = 1,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_AAAA = 28,
	TYPE_SVCB = 64,
	TYPE_HTTPS = 65,
};

struct name {
	uint16_t len;
	char text[HOST_MAX + 1];
};

struct record {
	struct name owner;
	uint16_t type, class;
	uint32_t ttl_s;
	struct cursor data;
};

struct message {
	const uint8_t *data;
	size_t len;
};

static enum dns_fault put_label(struct name *ret, const uint8_t *label, size_t len)
{
	size_t dot = ret->len > 0 ? 1 : 0;

	if (ret->len + dot + len > NAME_TEXT_MAX)
		return DNS_MALFORMED;
	if (ret->len > 0)
		ret->text[ret->len++] = '.';
	for (size_t i = 0; i < len; i++) {
		if (label[i] < 0x21 || label[i] > 0x7e || label[i] == '.')
			return DNS_MALFORMED;
		ret->text[ret->len++] = ascii_lower((char)label[i]);
	}
	return DNS_FINE;
}

/*
 * The name at the cursor, which then stands behind it.  A pointer leads to before the piece
 * that holds it, so that reading always ends.
 */
static enum dns_fault read_name(const struct message *m, struct cursor *c,
				struct name *ret)
{
	struct cursor at = *c;
	size_t piece = (size_t)(c->p - m->data);
	unsigned jumps = 0;

	ret->len = 0;
	for (;;) {
		uint8_t len = cur_u8(&at);
		const uint8_t *label;
		size_t to;

		if (!cur_ok(&at))
			return DNS_SHORT;
		if (len == 0)
			break;
		if (len < 0x40) {
			label = cur_take(&at, len);
			if (label == NULL)
				return DNS_SHORT;
			if (put_label(ret, label, len) != DNS_FINE)
				return DNS_MALFORMED;
			continue;
		}
		to = (size_t)(len & 0x3f) << 8 | cur_u8(&at);
		if (!cur_ok(&at))
			return DNS_SHORT;
		if (len < 0xc0 || to >= piece || to < HEADER_LEN || ++jumps > JUMPS_MAX)
			return DNS_MALFORMED;
		if (jumps == 1)
			*c = at;
		piece = to;
		at = cur_init(m->data + to, m->len - to);
	}
	if (jumps == 0)
		*c = at;
	ret->text[ret->len] = '\0';
	return DNS_FINE;
}

static enum dns_fault read_record(const struct message *m, struct cursor *c,
				  struct record *ret)
{
	enum dns_fault fault = read_name(m, c, &ret->owner);

	if (fault != DNS_FINE)
		return fault;
	ret->type = cur_be16(c);
	ret->class = cur_be16(c) & CLASS_MASK;
	ret->ttl_s = cur_be32(c);
	ret->data = cur_sub(c, cur_be16(c));
	return cur_ok(c) ? DNS_FINE : DNS_SHORT;
}

/* The question and the names that it leads to through CNAMEs. */
struct chain {
	size_t count;
	struct name names[1 + DNS_CNAMES_MAX];
};

static bool same_name(const struct name *a, const struct name *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static bool in_chain(const struct chain *ch, const struct name *n)
{
	for (size_t i = 0; i < ch->count; i++)
		if (same_name(&ch->names[i], n))
			return true;
	return false;
}

/* The aliases of the answer section, in any order; as many as are followed. */
struct aliases {
	size_t count;
	struct {
		struct name from, to;
	} alias[DNS_CNAMES_MAX];
};

static enum dns_fault read_aliases(const struct message *m, struct cursor c,
				   size_t records, struct aliases *ret)
{
	enum dns_fault fault = DNS_FINE;
	struct record r;

	ret->count = 0;
	for (size_t i = 0; i < records && fault == DNS_FINE; i++) {
		fault = read_record(m, &c, &r);
		if (fault != DNS_FINE || r.type != TYPE_CNAME || r.class != CLASS_IN ||
		    ret->count == DNS_CNAMES_MAX)
			continue;
		ret->alias[ret->count].from = r.owner;
		fault = read_name(m, &r.data, &ret->alias[ret->count].to);
		ret->count++;
	}
	return fault;
}

/* Any order of the records; each alias is followed once. */
static void follow_aliases(struct aliases *a, struct chain *ch)
{
	bool grew = true;

	while (grew) {
		grew = false;
		for (size_t i = 0; i < a->count; i++) {
			if (ch->count > DNS_CNAMES_MAX || in_chain(ch, &a->alias[i].to) ||
			    !in_chain(ch, &a->alias[i].from))
				continue;
			ch->names[ch->count++] = a->alias[i].to;
			grew = true;
		}
	}
}

static void keep_address(struct dns_message *ret, const struct record *r, size_t len)
{
	struct cursor c = r->data;
	const uint8_t *b = cur_take(&c, len);

	if (b == NULL || c.left != 0)
		return;
	if (ret->address_count == DNS_ADDRESSES_MAX) {
		ret->more_addresses = true;
		return;
	}
	ret->addresses[ret->address_count].addr =
		len == 4 ? addr_from_v4(b) : addr_from_v6(b);
	ret->addresses[ret->address_count].ttl_s = r->ttl_s;
	ret->address_count++;
}

/*
 * RFC 9849 4: be16 length, then be16 version | be16 length | u8 id | be16 KEM | key and suites with
 * be16 lengths | u8 longest name | u8 length, public name | be16 length, extensions.  The first of a
 * version that is known.
 */
static void read_ech_configs(struct cursor c, struct dns_message *ret)
{
	struct cursor list = cur_sub(&c, cur_be16(&c));
	struct host host;

	while (list.left > 0 && cur_ok(&list)) {
		const uint16_t version = cur_be16(&list);
		struct cursor config = cur_sub(&list, cur_be16(&list));
		struct str name;

		cur_skip(&config, 3);
		cur_skip(&config, cur_be16(&config));
		cur_skip(&config, cur_be16(&config));
		cur_skip(&config, 1);
		name.len = cur_u8(&config);
		name.p = (const char *)cur_take(&config, name.len);
		if (version != ECH_VERSION || !cur_ok(&list) || !cur_ok(&config) ||
		    host_normalize(name, &host) != HOST_NAME)
			continue;
		memcpy(ret->ech_name, host.text, (size_t)host.len + 1);
		ret->ech_name_len = host.len;
		return;
	}
}

/* RFC 9460 2.2: be16 priority | name | parameters of be16 key | be16 length | value. */
static void look_for_ech(struct cursor c, struct dns_message *ret)
{
	uint8_t label;

	cur_skip(&c, 2);
	do {
		label = cur_u8(&c);
		cur_skip(&c, label);
	} while (label != 0 && cur_ok(&c));
	while (c.left > 0 && cur_ok(&c)) {
		const uint16_t key = cur_be16(&c);
		const struct cursor value = cur_sub(&c, cur_be16(&c));

		if (cur_ok(&c) && key == ECH_KEY)
			read_ech_configs(value, ret);
	}
}

static enum dns_fault read_answers(const struct message *m, struct cursor c,
				   size_t records, struct dns_message *ret)
{
	struct aliases aliases;
	struct chain chain;
	struct record r;
	enum dns_fault fault = read_aliases(m, c, records, &aliases);

	if (fault == DNS_MALFORMED)
		return fault;
	chain.count = 1;
	chain.names[0].len = ret->name_len;
	memcpy(chain.names[0].text, ret->name, (size_t)ret->name_len + 1);
	follow_aliases(&aliases, &chain);
	for (size_t i = 0; i < records && read_record(m, &c, &r) == DNS_FINE; i++) {
		if (r.class != CLASS_IN || !in_chain(&chain, &r.owner))
			continue;
		if (r.type == TYPE_A)
			keep_address(ret, &r, 4);
		else if (r.type == TYPE_AAAA)
			keep_address(ret, &r, 16);
		else if ((r.type == TYPE_HTTPS || r.type == TYPE_SVCB) &&
			 ret->ech_name_len == 0) {
			look_for_ech(r.data, ret);
			ret->ech_ttl_s = r.ttl_s;
		}
	}
	return fault;
}

static enum dns_fault read_questions(const struct message *m, struct cursor *c,
				     struct dns_message *ret)
{
	struct name name;

	for (uint16_t i = 0; i < ret->question_count; i++) {
		enum dns_fault fault = read_name(m, c, &name);
		uint16_t type = cur_be16(c);

		cur_skip(c, 2);
		if (fault != DNS_FINE)
			return fault;
		if (!cur_ok(c))
			return DNS_SHORT;
		if (i > 0)
			continue;
		ret->qtype = type;
		ret->name_len = name.len;
		memcpy(ret->name, name.text, (size_t)name.len + 1);
	}
	return DNS_FINE;
}

/* Standard queries with counts that somebody would send. */
static bool is_plausible(uint16_t flags, uint16_t questions, uint16_t answers)
{
	bool query = (flags & FLAG_ANSWER) == 0;

	return (flags & 0x7800) == 0 && (flags & 0x0040) == 0 &&
	       questions <= QUESTIONS_MAX && (questions > 0 || !query) &&
	       (!query || (answers <= QUESTIONS_MAX && (flags & 0x000f) == 0));
}

enum dns_fault dns_parse(const uint8_t *data, size_t len, struct dns_message *ret)
{
	struct message m = {data, len};
	struct cursor c = cur_init(data, len);
	uint16_t flags, answers;
	enum dns_fault fault;

	/* The addresses are not cleared: only address_count of them are ever read. */
	ret->address_count = 0;
	ret->more_addresses = false;
	ret->ech_name_len = 0;
	ret->ech_ttl_s = 0;
	ret->qtype = 0;
	ret->name_len = 0;
	ret->name[0] = '\0';
	ret->id = cur_be16(&c);
	flags = cur_be16(&c);
	ret->question_count = cur_be16(&c);
	answers = cur_be16(&c);
	cur_skip(&c, 4);
	ret->is_answer = (flags & FLAG_ANSWER) != 0;
	ret->truncated = (flags & FLAG_TRUNCATED) != 0;
	ret->rcode = flags & 0x000f;
	if (!cur_ok(&c))
		return DNS_SHORT;
	if (!is_plausible(flags, ret->question_count, answers))
		return DNS_NOT_DNS;
	fault = read_questions(&m, &c, ret);
	if (fault != DNS_FINE || !ret->is_answer || ret->question_count == 0)
		return fault;
	fault = read_answers(&m, c, answers < RECORDS_MAX ? answers : RECORDS_MAX, ret);
	/* A truncated answer may end anywhere. */
	return fault == DNS_SHORT && ret->truncated ? DNS_FINE : fault;
}

enum dns_fault dns_parse_upkeep(const uint8_t *data, size_t len)
{
	const struct message m = {data, len};
	struct cursor c = cur_init(data, len);
	struct name zone;
	enum dns_fault fault;
	uint16_t flags, zones;

	cur_skip(&c, 2);
	flags = cur_be16(&c) & (uint16_t)~FLAG_AUTHORITATIVE;
	zones = cur_be16(&c);
	cur_skip(&c, 6);
	if (!cur_ok(&c))
		return DNS_SHORT;
	if ((flags != OPCODE_UPDATE && flags != OPCODE_NOTIFY) || zones != 1)
		return DNS_NOT_DNS;
	fault = read_name(&m, &c, &zone);
	if (fault == DNS_MALFORMED)
		return DNS_NOT_DNS;
	if (fault == DNS_FINE && cur_be16(&c) != TYPE_SOA && cur_ok(&c))
		return DNS_NOT_DNS;
	return fault == DNS_FINE && cur_ok(&c) ? DNS_FINE : DNS_SHORT;
}

bool dns_is_plain_query(const struct dns_message *m, const uint8_t *data, size_t len)
{
	static const uint8_t no_records[5] = {0};
	const size_t end = DNS_HEADER_LEN + m->name_len + 2 + 4;

	return !m->is_answer && m->question_count == 1 &&
	       memchr(m->name, '.', m->name_len) != NULL &&
	       memcmp(data + 6, no_records, sizeof(no_records)) == 0 &&
	       ((data[11] == 0 && len == end) || (data[11] == 1 && len > end));
}

enum undecidable dns_refused(const struct dns_message *m, enum dns_fault fault)
{
	return fault == DNS_MALFORMED || (fault == DNS_FINE && !m->is_answer &&
					  m->question_count > 1)
		       ? UNDECIDABLE_MALFORMED_NAME
		       : UNDECIDABLE_NONE;
}
