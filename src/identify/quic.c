/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/quic.h"

#include "identify/hello.h"

#define TYPE_MASK  0x30 /* long packet type */
#define TYPE_SHIFT 4

#define FIXED_BIT     0x40
#define RESERVED_BITS 0x0c

/* A datagram of 1,500 bytes cannot hold more; real clients send one or two. */
#define PACKETS_MAX 64

enum frame { /* RFC 9000 12.4: all that an Initial may hold */
	FRAME_PADDING = 0x00,
	FRAME_PING = 0x01,
	FRAME_ACK = 0x02,
	FRAME_ACK_ECN = 0x03,
	FRAME_CRYPTO = 0x06,
	FRAME_CONNECTION_CLOSE = 0x1c,
};

/* One packet of a datagram. */
struct packet_view {
	struct quic_long head;
	uint8_t type;
	const uint8_t *start;
	size_t number_at; /* offset of the packet number */
	size_t len;       /* bytes of the packet, header included */
	bool reserved;    /* once opened: some reserved bit is set */
};

/* RFC 9000 16: the two highest bits of the first byte say 1, 2, 4 or 8 bytes. */
static uint64_t cur_varint(struct cursor *c)
{
	uint8_t first = cur_u8(c);
	uint64_t v = first & 0x3f;

	for (unsigned more = (1u << (first >> 6)) - 1; more > 0; more--)
		v = v << 8 | cur_u8(c);
	return cur_ok(c) ? v : 0;
}

static void read_long(struct cursor *c, struct quic_long *ret)
{
	ret->first = cur_u8(c);
	ret->version = cur_be32(c);
	ret->dcid_len = cur_u8(c);
	ret->dcid = cur_take(c, ret->dcid_len);
	ret->scid_len = cur_u8(c);
	ret->scid = cur_take(c, ret->scid_len);
}

bool quic_read_long(const uint8_t *data, size_t len, struct quic_long *ret)
{
	struct cursor c = cur_init(data, len);

	read_long(&c, ret);
	return cur_ok(&c) && (ret->first & 0x80) != 0;
}

/*
 * RFC 9000 17.2: after the long header an Initial has varint token length | token, and all
 * but Retry have varint length | packet number | payload.  false: nothing more to read here.
 */
static bool next_packet(struct cursor *c, const struct quic_version *v,
			struct packet_view *ret)
{
	struct cursor at = *c;
	uint64_t len;

	ret->start = c->p;
	read_long(&at, &ret->head);
	if (!cur_ok(&at) || (ret->head.first & 0x80) == 0 ||
	    ret->head.version != v->number || ret->head.dcid_len > QUIC_DCID_MAX ||
	    ret->head.scid_len > QUIC_DCID_MAX)
		return false;
	ret->type = (uint8_t)((ret->head.first & TYPE_MASK) >> TYPE_SHIFT);
	if (ret->type == v->type_retry)
		return false;
	if (ret->type == v->type_initial) {
		uint64_t token = cur_varint(&at);

		if (token > at.left)
			return false;
		cur_skip(&at, (size_t)token);
	}
	len = cur_varint(&at);
	if (!cur_ok(&at) || len > at.left)
		return false;
	ret->number_at = (size_t)(at.p - ret->start);
	ret->len = ret->number_at + (size_t)len;
	cur_skip(c, ret->len);
	return true;
}

/* Remove header protection and open with these keys; *ret_len bytes in id->plain. */
static bool open_packet(struct identify *id, struct packet_view *p,
			const struct quic_keys *keys, size_t *ret_len)
{
	uint8_t mask[5];
	struct quic_sealed s;
	const uint8_t *number = p->start + p->number_at;

	/* The sample is 16 bytes, 4 after the start of the number (RFC 9001 5.4.2). */
	if (p->len - p->number_at < 4 + 16 ||
	    !quic_header_mask(&id->crypto, keys, number + 4, mask))
		return false;
	s.first = (uint8_t)(p->head.first ^ (mask[0] & 0x0f));
	s.header = p->start + 1;
	s.header_len = p->number_at - 1;
	s.number_len = (s.first & 3u) + 1;
	for (size_t i = 0; i < s.number_len; i++)
		s.number[i] = number[i] ^ mask[1 + i];
	s.payload = number + s.number_len;
	s.payload_len = p->len - p->number_at - s.number_len;
	*ret_len = s.payload_len - QUIC_TAG_LEN;
	p->reserved = (s.first & RESERVED_BITS) != 0;
	return quic_open(&id->crypto, keys, &s, id->plain);
}

bool quic_holds_initial(const struct quic_version *v, struct cursor data)
{
	struct packet_view p;

	for (int i = 0; i < PACKETS_MAX && data.left > 0 && next_packet(&data, v, &p);
	     i++)
		if (p.type == v->type_initial)
			return true;
	return false;
}

enum opened {
	OPENED_NOT = 0,
	OPENED,
	OPENED_OTHER,    /* under a connection id of its own: a second connection */
	OPENED_SHORT_ID, /* not looked into: the id of its own is too short */
};

static bool same_id(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/*
 * The keys follow from the connection id that the client chose first, or from the one that a
 * Retry gave it; they stay when the client goes over to the server's own id.
 */
static enum opened open_initial(struct identify *id, struct datagram_state *st,
				const struct quic_version *v, struct packet_view *p,
				size_t *ret_len)
{
	const uint8_t *own = p->head.dcid;
	size_t own_len = p->head.dcid_len;
	const uint8_t *known = st->retry_dcid_len > 0 ? st->retry_dcid : st->dcid;
	size_t known_len = st->retry_dcid_len > 0 ? st->retry_dcid_len : st->dcid_len;

	if (st->opened) {
		/*
		 * RFC 9000 5.2: a packet of another version is of no connection that is known.  A
		 * server that chooses another one chooses an id, too (RFC 9368 2.3).
		 */
		const bool known_id = same_id(known, known_len, own, own_len);
		const bool same_version = v->number == st->version;

		if ((same_version || !known_id) &&
		    open_packet(id, p, quic_client_keys(&id->crypto, v, known, known_len),
				ret_len))
			return OPENED;
		/* Under the known id the tag is wrong; under the one before a Retry it is late. */
		if (same_version &&
		    (known_id || same_id(st->dcid, st->dcid_len, own, own_len)))
			return OPENED_NOT;
	}
	if (own_len < IDENTIFY_DCID_MIN)
		return OPENED_SHORT_ID;
	if (!open_packet(id, p, quic_client_keys(&id->crypto, v, own, own_len), ret_len))
		return OPENED_NOT;
	if (st->opened)
		return OPENED_OTHER;
	memcpy(st->dcid, own, own_len);
	st->dcid_len = (uint8_t)own_len;
	return OPENED;
}

static void skip_ack(struct cursor *c, bool ecn)
{
	uint64_t ranges;

	(void)cur_varint(c); /* largest acknowledged */
	(void)cur_varint(c); /* delay */
	ranges = cur_varint(c);
	(void)cur_varint(c); /* first range */
	for (; ranges > 0 && cur_ok(c); ranges--) {
		(void)cur_varint(c);
		(void)cur_varint(c);
	}
	for (int i = 0; ecn && i < 3; i++)
		(void)cur_varint(c);
}

/* NONE: go on. */
static enum undecidable add_crypto(struct cursor *c, const struct crypto_sink *sink)
{
	uint64_t at = cur_varint(c);
	uint64_t len = cur_varint(c);
	const uint8_t *data;

	if (!cur_ok(c) || len > c->left) {
		c->bad = true;
		return UNDECIDABLE_NONE;
	}
	data = cur_take(c, (size_t)len);
	if (at > HELLO_MAX || len > HELLO_MAX - at)
		return UNDECIDABLE_HELLO_TOO_BIG;
	if (len > 0 && !sink->add(sink->arg, (uint32_t)at, data, (size_t)len))
		return UNDECIDABLE_BUDGET;
	return sink->conflict(sink->arg) ? UNDECIDABLE_CONFLICT : UNDECIDABLE_NONE;
}

/* With a frame that does not belong into an Initial, or a broken one, a server closes the connection. */
static enum undecidable read_frames(const uint8_t *plain, size_t len,
				    const struct crypto_sink *sink)
{
	struct cursor c = cur_init(plain, len);
	enum undecidable why = UNDECIDABLE_NONE;

	while (why == UNDECIDABLE_NONE && c.left > 0 && cur_ok(&c)) {
		uint64_t type = cur_varint(&c);

		switch (type) {
		case FRAME_PADDING:
		case FRAME_PING:
			break;
		case FRAME_ACK:
		case FRAME_ACK_ECN:
			skip_ack(&c, type == FRAME_ACK_ECN);
			break;
		case FRAME_CRYPTO:
			why = add_crypto(&c, sink);
			break;
		case FRAME_CONNECTION_CLOSE:
			return UNDECIDABLE_NONE;
		default:
			return UNDECIDABLE_MALFORMED_HELLO;
		}
	}
	return cur_ok(&c) ? why : UNDECIDABLE_MALFORMED_HELLO;
}

/*
 * Is the hello that begins at `from` whole by its own length?  true: the facts are final, and
 * *ret_len is its length, or 0 where it is none.
 */
static bool read_hello(struct identify *id, const struct crypto_sink *sink, size_t from,
		       struct facts *f, uint32_t *ret_len)
{
	size_t filled = 0;
	const uint8_t *bytes = sink->bytes(sink->arg, &filled);
	uint8_t header[4] = {0};
	size_t len;

	*ret_len = 0;
	if (filled <= from || bytes == NULL)
		return false;
	bytes += from;
	filled -= from;
	memcpy(header, bytes, filled < sizeof(header) ? filled : sizeof(header));
	switch (hello_measure(header, filled, HELLO_MAX, &len)) {
	case HELLO_MORE:
		return false;
	case HELLO_NOT:
		f->undecidable = UNDECIDABLE_MALFORMED_HELLO;
		return true;
	case HELLO_TOO_BIG:
		f->undecidable = UNDECIDABLE_HELLO_TOO_BIG;
		return true;
	case HELLO_WHOLE:
		break;
	}
	hello_read(&id->ja4, bytes, len, 'q', f);
	f->protocol = PROTOCOL_QUIC;
	*ret_len = (uint32_t)len;
	return true;
}

static void discard(struct identify *id, struct datagram_state *st, struct facts *f)
{
	id->stats.quic_discarded++;
	st->discarded = true;
	f->flags |= 1u << FLAG_DECOY_IGNORED;
}

enum quic_seen quic_client_datagram(struct identify *id, struct datagram_state *st,
				    const struct quic_version *v, struct cursor data,
				    const struct crypto_sink *sink, struct facts *f)
{
	struct packet_view p;
	const bool padded = data.left >= QUIC_DATAGRAM_MIN;
	const uint8_t *dcid = NULL; /* of the datagram's first packet */
	size_t dcid_len = 0;
	enum quic_seen seen = QUIC_NOTHING;
	size_t plain_len;
	uint32_t hello_len;

	for (int i = 0; i < PACKETS_MAX && data.left > 0 && next_packet(&data, v, &p);
	     i++) {
		if (i == 0) {
			dcid = p.head.dcid;
			dcid_len = p.head.dcid_len;
		}
		/* Receivers ignore packets of another connection (RFC 9000 12.2). */
		if (p.type != v->type_initial ||
		    !same_id(p.head.dcid, p.head.dcid_len, dcid, dcid_len))
			continue;
		seen = QUIC_INITIAL;
		if (!padded || (p.head.first & FIXED_BIT) == 0) {
			discard(id, st, f);
			continue;
		}
		switch (open_initial(id, st, v, &p, &plain_len)) {
		case OPENED_NOT:
			id->stats.quic_failed++;
			continue;
		case OPENED_SHORT_ID:
			discard(id, st, f);
			continue;
		case OPENED_OTHER:
			id->stats.quic_initials++;
			return QUIC_OTHER;
		case OPENED:
			break;
		}
		id->stats.quic_initials++;
		if (!st->opened)
			st->version = v->number;
		st->opened = true;
		f->undecidable = p.reserved ? UNDECIDABLE_MALFORMED_HELLO
					    : read_frames(id->plain, plain_len, sink);
		if (f->undecidable != UNDECIDABLE_NONE)
			return QUIC_HELLO;
		if (read_hello(id, sink, 0, f, &hello_len)) {
			st->hello_len = hello_len;
			return QUIC_HELLO;
		}
	}
	return seen;
}

enum identify_step identify_crypto(struct identify *id, const struct crypto_sink *sink,
				   struct facts *f)
{
	uint32_t len;

	return read_hello(id, sink, 0, f, &len) ? identify_settle(id, f) : IDENTIFY_MORE;
}

enum identify_step identify_second_crypto(struct identify *id,
					  const struct datagram_state *st,
					  const struct crypto_sink *sink, struct facts *f)
{
	uint32_t len;

	return st->hello_len > 0 && read_hello(id, sink, st->hello_len, f, &len)
		       ? IDENTIFY_DONE
		       : IDENTIFY_MORE;
}

/* ---- what the server answers ------------------------------------------------------------- */

/* RFC 8446 4.1.3: a ServerHello with this random is a HelloRetryRequest. */
static bool may_be_retry(const struct datagram_state *st)
{
	static const uint8_t random[32] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
		0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
		0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
	const unsigned front = IDENTIFY_ANSWER - sizeof(random);

	/* u8 2 | be24 length | be16 0x0303 | random */
	for (unsigned i = 0; i < IDENTIFY_ANSWER; i++) {
		if ((st->answer_seen >> i & 1) == 0)
			continue;
		if (i >= front ? st->answer[i] != random[i - front]
			       : (i == 0 && st->answer[i] != 2) ||
					 (i >= 4 && st->answer[i] != 3))
			return false;
	}
	return true;
}

/* Bytes of the server's stream: true when some lie behind the HelloRetryRequest that it begins with. */
static bool add_answer(struct datagram_state *st, uint64_t at, const uint8_t *data,
		       size_t len)
{
	const uint64_t retry_len = 4 + ((uint64_t)st->answer[1] << 16 |
					(uint64_t)st->answer[2] << 8 | st->answer[3]);

	for (size_t i = 0; i < len && at + i < IDENTIFY_ANSWER; i++) {
		if ((st->answer_seen >> (at + i) & 1) == 0)
			st->answer[at + i] = data[i];
		st->answer_seen |= UINT64_C(1) << (at + i);
	}
	return st->asks_again && len > 0 && (at > retry_len || len > retry_len - at);
}

/* An Initial of the server: true when it holds an answer to the second hello. */
static bool read_answer(struct datagram_state *st, const uint8_t *plain, size_t len)
{
	struct cursor c = cur_init(plain, len);
	bool behind = false;

	while (c.left > 0 && cur_ok(&c)) {
		uint64_t type = cur_varint(&c);
		uint64_t at, n;

		if (type == FRAME_ACK || type == FRAME_ACK_ECN)
			skip_ack(&c, type == FRAME_ACK_ECN);
		else if (type == FRAME_CRYPTO) {
			at = cur_varint(&c);
			n = cur_varint(&c);
			if (!cur_ok(&c) || n > c.left)
				return behind;
			behind |= add_answer(st, at, cur_take(&c, (size_t)n), (size_t)n);
		} else if (type != FRAME_PADDING && type != FRAME_PING)
			return behind;
	}
	return behind;
}

/*
 * A server's datagram of long headers.  What cannot be opened, or comes under later keys, shows that
 * the hello was taken; and what holds none of its stream yet does not.
 */
static enum identify_step hear_server(struct identify *id, struct datagram_state *st,
				      const struct quic_version *v, struct cursor data)
{
	const bool retried = st->retry_dcid_len > 0;
	struct quic_keys keys;
	struct packet_view p;
	size_t plain_len;
	bool answered = ++st->server_datagrams > IDENTIFY_DATAGRAMS_MAX, any = false;

	quic_server_keys(&id->crypto, v, retried ? st->retry_dcid : st->dcid,
			 retried ? st->retry_dcid_len : st->dcid_len, &keys);
	for (int i = 0; i < PACKETS_MAX && data.left > 0 && next_packet(&data, v, &p);
	     i++) {
		any = true;
		if (p.type != v->type_initial || !open_packet(id, &p, &keys, &plain_len))
			answered = true;
		else
			answered |= read_answer(st, id->plain, plain_len);
	}
	if (!may_be_retry(st) || answered || !any)
		return IDENTIFY_ANSWERED;
	if (st->answer_seen != (UINT64_C(1) << IDENTIFY_ANSWER) - 1 || st->asks_again)
		return IDENTIFY_MORE;
	st->asks_again = true;
	return IDENTIFY_HELLO_RETRY;
}

enum identify_answer identify_whose_answer(struct identify *id,
					   const struct datagram_state *st,
					   const uint8_t *data, size_t len)
{
	const bool retried = st->retry_dcid_len > 0;
	const struct quic_version *v;
	struct cursor at = cur_init(data, len);
	struct quic_keys keys;
	struct packet_view p;
	struct quic_long head;
	size_t plain_len;

	if (!st->opened || !quic_read_long(data, len, &head) ||
	    (v = quic_version_find(head.version)) == NULL)
		return ANSWER_NOBODYS;
	if ((head.first & TYPE_MASK) >> TYPE_SHIFT == v->type_retry)
		return !retried && quic_retry_genuine(&id->crypto, v, st->dcid,
						      st->dcid_len, data, len)
			       ? ANSWER_OWN
			       : ANSWER_OTHERS;
	quic_server_keys(&id->crypto, v, retried ? st->retry_dcid : st->dcid,
			 retried ? st->retry_dcid_len : st->dcid_len, &keys);
	for (int i = 0; i < PACKETS_MAX && at.left > 0 && next_packet(&at, v, &p); i++)
		if (p.type == v->type_initial)
			return open_packet(id, &p, &keys, &plain_len) ? ANSWER_OWN
								      : ANSWER_OTHERS;
	return ANSWER_NOBODYS;
}

enum identify_step quic_server_datagram(struct identify *id, struct datagram_state *st,
					const uint8_t *data, size_t len,
					const struct crypto_sink *sink, struct facts *f)
{
	const struct quic_version *v;
	struct quic_long head;
	enum identify_step step;
	bool retry;

	if (!quic_read_long(data, len, &head))
		return st->opened ? IDENTIFY_ANSWERED : IDENTIFY_MORE;
	v = quic_version_find(head.version);
	if (v == NULL || (st->opened && v->number != st->version))
		return IDENTIFY_MORE;
	retry = (head.first & TYPE_MASK) >> TYPE_SHIFT == v->type_retry;
	if (!st->opened) {
		st->answered_unseen |= !retry;
		return IDENTIFY_MORE;
	}
	if (!retry) {
		if (head.scid_len <= QUIC_DCID_MAX) {
			memcpy(st->server_scid, head.scid, head.scid_len);
			st->server_scid_len = head.scid_len;
		}
		step = hear_server(id, st, v, cur_init(data, len));
		st->answered_unseen |= step == IDENTIFY_ANSWERED && st->hello_len == 0;
		return step;
	}
	/* A client takes one Retry, and only before any other packet (RFC 9000 17.2.5.2). */
	if (st->retry_dcid_len > 0 || head.scid_len == 0 ||
	    head.scid_len > QUIC_DCID_MAX ||
	    !quic_retry_genuine(&id->crypto, v, st->dcid, st->dcid_len, data, len))
		return IDENTIFY_MORE;
	memcpy(st->retry_dcid, head.scid, head.scid_len);
	st->retry_dcid_len = head.scid_len;
	st->hello_len = 0;
	st->answer_seen = 0;
	sink->reset(sink->arg);
	f->flags |= 1u << FLAG_QUIC_RETRY;
	return IDENTIFY_RETRY;
}
