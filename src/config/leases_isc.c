/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leases_isc - dhcpd.leases and dhcpd6.leases of ISC's DHCP server, dhcpd.leases(5) of 4.4.
 *
 * A log: "lease ADDRESS { STATEMENT; ... }", a later one of an address stands for those before it.
 * Times are UTC: "starts 4 2026/11/26 12:00:00;", "ends never;", or "starts epoch 1795521600;".
 * IPv6: "ia-na ID { cltt TIME; iaaddr ADDRESS { STATEMENT; ... } ... }", the same of "ia-ta".  ID
 * is the IAID's 4 bytes and the DUID, a string with octal escapes or, by "lease-id-format hex",
 * pairs of digits with ':' between them.  It began when the client was last heard of (cltt).  A
 * DUID of a link-layer address (RFC 8415 11.2, 11.4) has the MAC of one of the machine's
 * interfaces, by which it is known; another DUID names no machine.  Prefixes (ia-pd) and all else
 * are passed over.
 */
#include <string.h>

#include "base/clock.h"
#include "config/identity_impl.h"

enum token_kind {
	TOKEN_END = 0, /* of the text, also within a string */
	TOKEN_WORD,
	TOKEN_STRING,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_SEMICOLON
};

struct token {
	enum token_kind kind;
	struct str text; /* of a string: with its quotes */
};

#define STATEMENT_MAX 8 /* words of a statement that are kept */

struct statement {
	struct str words[STATEMENT_MAX];
	size_t count;
	enum token_kind end; /* SEMICOLON, OPEN, CLOSE or END */
};

static void take(struct identity_reader *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (r->rest.p[i] == '\n') {
			r->line++;
			r->base = r->rest.p + i + 1;
		}
	r->rest.p += n;
	r->rest.len -= n;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct identity_reader *r)
{
	while (r->rest.len > 0) {
		size_t n = 0;

		while (n < r->rest.len && is_blank(r->rest.p[n]))
			n++;
		if (n < r->rest.len && r->rest.p[n] == '#')
			while (n < r->rest.len && r->rest.p[n] != '\n')
				n++;
		if (n == 0)
			return;
		take(r, n);
	}
}

static size_t string_len(struct str s)
{
	size_t n = 1;

	while (n < s.len && s.p[n] != '"')
		n += s.p[n] == '\\' ? 2 : 1;
	return n < s.len ? n + 1 : s.len + 1; /* one more: it is not closed */
}

static size_t word_len(struct str s)
{
	size_t n = 0;

	while (n < s.len && !is_blank(s.p[n]) && strchr("{};\"#", s.p[n]) == NULL)
		n++;
	return n;
}

static struct token next_token(struct identity_reader *r)
{
	struct token t = {.kind = TOKEN_END};
	size_t n = 1;

	skip_blanks(r);
	if (r->rest.len == 0)
		return t;
	switch (r->rest.p[0]) {
	case '{':
		t.kind = TOKEN_OPEN;
		break;
	case '}':
		t.kind = TOKEN_CLOSE;
		break;
	case ';':
		t.kind = TOKEN_SEMICOLON;
		break;
	case '"':
		t.kind = TOKEN_STRING;
		n = string_len(r->rest);
		break;
	default:
		t.kind = TOKEN_WORD;
		n = word_len(r->rest);
	}
	if (n > r->rest.len) {
		take(r, r->rest.len);
		return (struct token){.kind = TOKEN_END};
	}
	t.text = (struct str){r->rest.p, n};
	if (n == 0) { /* a NUL: strchr() finds it */
		t.text.len = 1;
		n = 1;
	}
	take(r, n);
	return t;
}

static struct statement next_statement(struct identity_reader *r)
{
	struct statement s = {.count = 0};

	for (;;) {
		const struct token t = next_token(r);

		if (t.kind != TOKEN_WORD && t.kind != TOKEN_STRING) {
			s.end = t.kind;
			return s;
		}
		if (s.count < STATEMENT_MAX)
			s.words[s.count++] = t.text;
	}
}

/* Behind a '{' of something else: to its '}'. */
static void skip_block(struct identity_reader *r)
{
	size_t depth = 1;

	while (depth > 0) {
		const struct token t = next_token(r);

		if (t.kind == TOKEN_END)
			return;
		depth += t.kind == TOKEN_OPEN;
		depth -= t.kind == TOKEN_CLOSE;
	}
}

static bool digits(struct str s, size_t at, size_t n, int *ret)
{
	uint64_t v;

	if (at + n > s.len || !parse_u64((struct str){s.p + at, n}, 9999, &v))
		return false;
	*ret = (int)v;
	return true;
}

/* "2026/11/26" and "12:00:00". */
static bool date_and_time(struct str date, struct str time, int64_t *ret_us)
{
	struct civil c = {0};

	if (date.len != 10 || time.len != 8 || date.p[4] != '/' || date.p[7] != '/' ||
	    time.p[2] != ':' || time.p[5] != ':' || !digits(date, 0, 4, &c.year) ||
	    !digits(date, 5, 2, &c.month) || !digits(date, 8, 2, &c.day) ||
	    !digits(time, 0, 2, &c.hour) || !digits(time, 3, 2, &c.minute) ||
	    !digits(time, 6, 2, &c.second))
		return false;
	if (!civil_valid_date(c.year, c.month, c.day) || c.hour > 23 || c.minute > 59 ||
	    c.second > 60)
		return false;
	*ret_us = civil_to_us(&c);
	return true;
}

static bool take_moment(struct identity_reader *r, const struct statement *s,
			int64_t *ret_us)
{
	if (s->count == 2 && str_equal(s->words[1], STR("never"))) {
		*ret_us = IDENTITY_EVER;
		return true;
	}
	if (s->count == 3 && str_equal(s->words[1], STR("epoch")) &&
	    identity_seconds(s->words[2], ret_us))
		return true;
	if (s->count == 4 && date_and_time(s->words[2], s->words[3], ret_us))
		return true;
	identity_fault(r, s->words[0], "is followed by no time",
		       "4 2026/11/26 12:00:00, epoch 1795521600 or never");
	return false;
}

struct lease {
	struct identity_row row;
	bool is_active, has_state, bad;
};

static void lease_statement(struct identity_reader *r, const struct statement *s,
			    struct lease *l)
{
	const struct str *w = s->words;

	if (s->count == 0)
		return;
	if (str_equal(w[0], STR("starts")))
		l->bad |= !take_moment(r, s, &l->row.from_us);
	else if (str_equal(w[0], STR("ends")))
		l->bad |= !take_moment(r, s, &l->row.until_us);
	else if (s->count == 3 && str_equal(w[0], STR("binding")) &&
		 str_equal(w[1], STR("state"))) {
		l->has_state = true;
		l->is_active = str_equal(w[2], STR("active"));
	} else if (s->count == 3 && str_equal(w[0], STR("hardware")) &&
		   str_equal(w[1], STR("ethernet"))) {
		l->bad |= !identity_hardware(r, w[2], &l->row.mac);
	}
}

/* Behind "lease ADDRESS {" or "iaaddr ADDRESS {"; `l` says what is known.  False: the end. */
static bool read_lease(struct identity_reader *r, struct lease l)
{
	struct statement s;

	do {
		s = next_statement(r);
		if (s.end == TOKEN_END)
			return false; /* being written */
		if (s.end == TOKEN_OPEN)
			skip_block(r);
		else
			lease_statement(r, &s, &l);
	} while (s.end != TOKEN_CLOSE);
	if (l.bad)
		return true;
	/* Free, released, expired: nobody has it from its end on. */
	if (l.has_state && !l.is_active) {
		l.row.mac = (struct mac){{0}};
		if (l.row.until_us != IDENTITY_EVER)
			l.row.from_us = l.row.until_us;
		l.row.until_us = IDENTITY_EVER;
	}
	if (l.row.until_us > l.row.from_us)
		identity_keep(r, &l.row, STR_NONE);
	return true;
}

static struct lease lease_of(struct str address)
{
	struct lease l = {.row = {.kind = IDENTITY_LEASES,
				  .from_us = IDENTITY_BEFORE,
				  .until_us = IDENTITY_EVER}};

	l.bad = !addr_parse(address.p, address.len, &l.row.addr);
	return l;
}

/* The byte that `s` begins with, taken off it; false: there is none. */
static bool string_byte(struct str *s, uint8_t *ret)
{
	size_t n = 1, octal = 0;
	unsigned v = 0;

	if (s->len == 0)
		return false;
	*ret = (uint8_t)s->p[0];
	if (s->p[0] == '\\' && s->len > 1) {
		while (octal < 3 && octal + 1 < s->len && s->p[octal + 1] >= '0' &&
		       s->p[octal + 1] <= '7')
			v = v * 8 + (unsigned)(s->p[++octal] - '0');
		*ret = octal > 0 ? (uint8_t)v : (uint8_t)s->p[1];
		n += octal > 0 ? octal : 1;
	}
	*s = (struct str){s->p + n, s->len - n};
	return true;
}

/* The same of "00:1f:..". */
static bool hex_byte(struct str *s, uint8_t *ret)
{
	size_t n = 0;
	uint8_t v = 0;

	for (; n < 2; n++) {
		const char c = n < s->len ? ascii_lower(s->p[n]) : '\0';

		if (!ascii_is_hex(c))
			return false;
		v = (uint8_t)(v << 4 | (c <= '9' ? c - '0' : c - 'a' + 10));
	}
	if (s->len > n && s->p[n++] != ':')
		return false;
	*ret = v;
	*s = (struct str){s->p + n, s->len - n};
	return true;
}

#define IAID_BYTES 4u
#define LLT_BYTES  14u /* type, hardware type, time, MAC */
#define LL_BYTES   10u
#define ID_BYTES   (IAID_BYTES + LLT_BYTES + 1u) /* one more tells that it is too long */

/* The MAC in the DUID of an identifier; none: it has none, or one that is no machine's. */
static void duid_mac(struct identity_reader *r, struct str id, struct mac *ret)
{
	const bool quoted = id.p[0] == '"';
	struct str rest = quoted ? (struct str){id.p + 1, id.len - 2} : id;
	uint8_t bytes[ID_BYTES] = {0};
	const uint8_t *duid = bytes + IAID_BYTES;
	struct mac m;
	size_t n = 0;

	while (n < sizeof(bytes) &&
	       (quoted ? string_byte(&rest, &bytes[n]) : hex_byte(&rest, &bytes[n])))
		n++;
	*ret = (struct mac){{0}};
	/* DUID-LLT is 1, DUID-LL is 3; Ethernet is 1. */
	if (rest.len > 0 || duid[0] != 0 || duid[2] != 0 || duid[3] != 1 ||
	    !((duid[1] == 1 && n == IAID_BYTES + LLT_BYTES) ||
	      (duid[1] == 3 && n == IAID_BYTES + LL_BYTES)))
		return;
	memcpy(m.b, bytes + n - sizeof(m.b), sizeof(m.b));
	(void)identity_machine(r, id, &m, ret);
}

static bool is_word(const struct statement *s, const char *word)
{
	return s->count > 0 && str_equal(s->words[0], str_of(word));
}

/*
 * Behind "ia-na ID {"; `mac` is the ID's.  Each "iaaddr" that is whole counts, also where what
 * is around it is being written.
 */
static void read_association(struct identity_reader *r, const struct mac *mac)
{
	int64_t from_us = IDENTITY_BEFORE;
	struct statement s;
	struct lease l;

	do {
		s = next_statement(r);
		if (s.end == TOKEN_OPEN && is_word(&s, "iaaddr")) {
			l = lease_of(s.count == 2 ? s.words[1] : STR_NONE);
			if (l.bad)
				identity_fault(r, s.words[s.count - 1],
					       "is no IP address", NULL);
			l.row.from_us = from_us;
			l.row.mac = *mac;
			if (!read_lease(r, l))
				return;
		} else if (s.end == TOKEN_OPEN) {
			skip_block(r);
		} else if (is_word(&s, "cltt")) {
			(void)take_moment(r, &s, &from_us); /* else the file is refused */
		}
	} while (s.end != TOKEN_CLOSE && s.end != TOKEN_END);
}

/* What begins with `s`, a '{' behind it. */
static void read_entry(struct identity_reader *r, const struct statement *s)
{
	struct lease l;
	struct mac mac;

	if (is_word(s, "lease")) {
		l = lease_of(s->count == 2 ? s->words[1] : STR_NONE);
		if (l.bad)
			identity_fault(r, s->words[s->count - 1], "is no IP address",
				       NULL);
		(void)read_lease(r, l);
	} else if (s->count == 2 && (is_word(s, "ia-na") || is_word(s, "ia-ta"))) {
		duid_mac(r, s->words[1], &mac);
		read_association(r, &mac);
	} else {
		skip_block(r);
	}
}

void identity_read_isc(struct identity_reader *r)
{
	const char *start = r->rest.p;
	bool any = false;
	struct statement s;

	r->line = 1;
	r->base = r->rest.p;
	for (;; any = true) {
		s = next_statement(r);
		if (s.end == TOKEN_END)
			break;
		if (s.end == TOKEN_CLOSE) {
			identity_fault(r, STR_NONE, "a '}' without its '{'", NULL);
			break;
		}
		if (s.end == TOKEN_OPEN)
			read_entry(r, &s);
	}
	if (!any && s.end == TOKEN_END && s.count > 0) {
		r->line = 1;
		r->base = start;
		identity_fault(r, STR_NONE, "is no file of leases that is known",
			       "a file of dnsmasq, ISC dhcpd or Kea (memfile)");
	}
}
