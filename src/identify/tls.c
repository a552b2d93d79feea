/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - the record layer in front of a ClientHello (RFC 8446 5.1).
 *
 *     0 u8 content type | 1 be16 version | 3 be16 length | 5 fragment
 *
 * A handshake message may be spread over records in any way, and servers accept that, so the
 * message is complete by its own length and never by a record's.
 */
#include "base/cursor.h"
#include "identify/context.h"
#include "identify/hello.h"

#define RECORD_HEADER 5
#define RECORD_MAX    (1u << 14)

enum content {
	CONTENT_CHANGE_CIPHER_SPEC = 20,
	CONTENT_ALERT = 21,
	CONTENT_HANDSHAKE = 22,
	CONTENT_APPLICATION_DATA = 23,
	CONTENT_HEARTBEAT = 24, /* RFC 6520 */
};

/* The handshake bytes of the records so far. */
struct records {
	const uint8_t *first; /* the first record's fragment */
	size_t first_len;     /* of it, what has been seen */
	size_t have;          /* bytes of all fragments seen */
	size_t announced;     /* bytes that the last record header promises in all */
	size_t end;           /* of the last record walked, in the stream */
	bool bad;             /* another content type, an empty or oversized record */
	uint8_t header[4];    /* the first bytes */
};

static bool next_record(struct cursor *c, struct cursor *ret_fragment, size_t *ret_len)
{
	uint8_t type = cur_u8(c);
	uint16_t len;

	cur_skip(c, 2); /* the version MUST be ignored (RFC 8446 5.1) */
	len = cur_be16(c);
	if (!cur_ok(c))
		return false;
	*ret_len = 0;
	if (type != CONTENT_HANDSHAKE || len == 0 || len > RECORD_MAX)
		return true;
	*ret_len = len;
	*ret_fragment = cur_sub(c, len < c->left ? len : c->left);
	return true;
}

/*
 * Walk the records until `want` handshake bytes are seen or the stream ends; copy them to
 * `to` unless it is NULL.
 */
static void walk_records(const struct stream *s, size_t want, uint8_t *to,
			 struct records *r)
{
	struct cursor c = cur_init(s->bytes, s->filled);
	struct cursor fragment;
	size_t len;

	*r = (struct records){.first = NULL};
	while (r->have < want && next_record(&c, &fragment, &len)) {
		if (len == 0) {
			r->bad = true;
			return;
		}
		if (r->first == NULL) {
			r->first = fragment.p;
			r->first_len = fragment.left;
		}
		for (size_t i = 0; i < fragment.left && r->have + i < 4; i++)
			r->header[r->have + i] = fragment.p[i];
		if (to != NULL) {
			size_t room = want - r->have;

			memcpy(to + r->have, fragment.p,
			       fragment.left < room ? fragment.left : room);
		}
		r->announced = r->have + len;
		r->end = s->filled - c.left;
		r->have += fragment.left;
	}
}

static enum fit done(struct facts *f, enum undecidable why)
{
	f->protocol = PROTOCOL_TLS;
	f->undecidable = why;
	return FIT_DONE;
}

static enum fit read_whole(struct identify *id, const struct stream *s,
			   const struct records *r, size_t len, struct facts *f)
{
	const uint8_t *message = r->first;
	struct records again;

	/* Nothing may follow a ClientHello in its record: keys change there (RFC 8446 5.1). */
	if (r->announced > len)
		return done(f, UNDECIDABLE_MALFORMED_HELLO);
	f->protocol = PROTOCOL_TLS;
	f->hello_end = (uint16_t)r->end;
	if (r->first_len < len) {
		walk_records(s, len, id->hello, &again);
		message = id->hello;
		f->flags |= 1u << FLAG_RECORD_SPLIT;
	}
	hello_read(&id->ja4, message, len, 't', f);
	return FIT_DONE;
}

/*
 * 0 be16 0x8000|length | 2 u8 1 | 3 be16 version: a ClientHello in the framing of SSL 2,
 * which has no room for extensions (RFC 5246 E.2).
 */
static bool is_ssl2_hello(const struct stream *s)
{
	return s->filled >= 5 && (s->bytes[0] & 0x80) != 0 && s->bytes[2] == 1 &&
	       s->bytes[3] == 3 && s->bytes[4] <= 4;
}

/*
 * Servers ignore the version of a record (RFC 8446 5.1), but here it tells TLS from others: with
 * an odd one more of a hello must be there, its type and that it has less than 64 KiB.
 */
static enum fit odd_record(const struct stream *s)
{
	struct cursor c = cur_init(s->bytes, s->filled);
	uint16_t len;

	cur_skip(&c, 3);
	len = cur_be16(&c);
	if (!cur_ok(&c))
		return s->final ? FIT_NO : FIT_MAYBE;
	if (len == 0 || len > RECORD_MAX)
		return FIT_NO;
	if (c.left > 0 && cur_u8(&c) != HANDSHAKE_CLIENT_HELLO)
		return FIT_NO;
	if (c.left > 0)
		return len == 1 || cur_u8(&c) == 0 ? FIT_MINE : FIT_NO;
	return s->final ? FIT_NO : FIT_MAYBE;
}

/* Does the stream begin with a record header?  *ret_type is its content type. */
static enum fit first_record(const struct stream *s, uint8_t *ret_type)
{
	struct cursor c = cur_init(s->bytes, s->filled);

	*ret_type = cur_u8(&c);
	if (*ret_type < CONTENT_CHANGE_CIPHER_SPEC || *ret_type > CONTENT_HEARTBEAT)
		return FIT_NO;
	if (c.left > 0 && cur_u8(&c) != 3)
		return *ret_type == CONTENT_HANDSHAKE ? odd_record(s) : FIT_NO;
	if (s->filled < 3)
		return s->final ? FIT_NO : FIT_MAYBE;
	/* Other content types only with a version that exists: they are no start of TLS. */
	if (*ret_type != CONTENT_HANDSHAKE && cur_u8(&c) > 4)
		return FIT_NO;
	return FIT_MINE;
}

enum fit tls_read(struct identify *id, const struct stream *s, struct facts *f)
{
	struct records r;
	size_t len;
	uint8_t type;
	enum fit fit = first_record(s, &type);

	if (fit == FIT_NO && is_ssl2_hello(s))
		return done(f, UNDECIDABLE_NO_SNI);
	if (fit == FIT_NO && (s->bytes[0] & 0x80) != 0 && s->filled < 5 && !s->final)
		return FIT_MAYBE;
	if (fit != FIT_MINE)
		return fit;
	if (type == CONTENT_APPLICATION_DATA || type == CONTENT_HEARTBEAT)
		return done(f, UNDECIDABLE_MIDSTREAM);

	walk_records(s, 4, NULL, &r);
	switch (hello_measure(r.header, r.have, HELLO_MAX - RECORD_HEADER, &len)) {
	case HELLO_NOT:
		return done(f, UNDECIDABLE_MALFORMED_HELLO);
	case HELLO_TOO_BIG:
		return done(f, UNDECIDABLE_HELLO_TOO_BIG);
	case HELLO_MORE:
	case HELLO_WHOLE:
		break;
	}
	if (len > 0 && !r.bad)
		walk_records(s, len, NULL, &r);
	if (len > 0 && r.have >= len)
		return read_whole(id, s, &r, len, f);
	if (r.bad)
		return done(f, UNDECIDABLE_MALFORMED_HELLO);
	return s->final ? done(f, stream_unfinished(s)) : FIT_MINE;
}
