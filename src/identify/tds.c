/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tds - a client of TDS 7 up to its name (MS-TDS, 2.2.3.1, 2.2.6.4, 2.2.6.5).
 *
 *     packet: u8 type | u8 status | be16 length | be16 spid | u8 number | u8 window | data
 *
 * PRELOGIN comes first and names nobody.  Then TLS inside packets of the same type, whose hello
 * has the name; or, where neither side encrypts, LOGIN7 in clear with the server as the client
 * was told it, and the database that it asks for.  Nothing else of a LOGIN7 is looked at: it
 * holds the password.
 *
 * A client sends nothing behind PRELOGIN until it is answered (3.2.5.1): the answer says whether TLS
 * or LOGIN7 follows.  What a server makes of bytes that do not wait is not written down anywhere.
 */
#include "base/cursor.h"
#include "identify/layer.h"

#define HEADER         8
#define LENGTH_MAX     32767
#define TYPE_LOGIN7    0x10
#define TYPE_PRELOGIN  0x12
#define END_OF_MESSAGE 1
#define IGNORE_EVENT   2 /* a packet that the server shall forget */
#define VERSION_LENGTH 6

struct packets {
	size_t end;   /* of the whole message, or of what is there */
	size_t data;  /* bytes of data up to there */
	bool whole;   /* the last packet of the message is all there */
	bool foreign; /* a packet of another type, or no packet */
};

/* The packets of one message from `at` on; their data to `to` unless it is NULL. */
static struct packets read_message(const struct stream *s, size_t at, uint8_t type,
				   uint8_t *to)
{
	struct cursor c = cur_init(s->bytes + at, s->filled - at);
	struct packets r = {.end = at};

	while (!r.whole && c.left > 0) {
		const uint8_t got = cur_u8(&c), status = cur_u8(&c);
		const uint16_t len = cur_be16(&c);
		size_t have;

		cur_skip(&c, HEADER - 4);
		r.foreign |= got != type || (status & IGNORE_EVENT) != 0;
		if (!cur_ok(&c) || r.foreign)
			return r;
		if (len <= HEADER || len > LENGTH_MAX) {
			r.foreign = true;
			return r;
		}
		have = (size_t)(len - HEADER) < c.left ? (size_t)(len - HEADER) : c.left;
		if (to != NULL)
			memcpy(to + r.data, c.p, have);
		r.data += have;
		r.whole =
			have == (size_t)(len - HEADER) && (status & END_OF_MESSAGE) != 0;
		cur_skip(&c, have);
		r.end = s->filled - c.left;
	}
	return r;
}

/* Text in UTF-16LE: printable ASCII only, no longer than a host name. */
static bool text_at(const uint8_t *bytes, size_t size, size_t entry, struct host *ret)
{
	struct cursor c = cur_init(bytes + entry, size - entry);
	const uint16_t at = cur_le16(&c), count = cur_le16(&c);

	ret->len = 0;
	if (at > size || (size_t)count * 2 > size - at || count > HOST_MAX)
		return false;
	c = cur_init(bytes + at, (size_t)count * 2);
	for (uint16_t i = 0; i < count; i++) {
		const uint16_t unit = cur_le16(&c);

		if (unit < 0x20 || unit > 0x7e)
			return false;
		ret->text[ret->len++] = (char)unit;
	}
	return true;
}

/* "[tcp:]server[\instance][,port]" as clients are told it. */
static struct str server_part(struct str s)
{
	if (s.len > 4 && str_equal_fold((struct str){s.p, 4}, STR("tcp:"))) {
		s.p += 4;
		s.len -= 4;
	}
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == ',' || s.p[i] == '\\')
			s.len = i;
	return s;
}

/* 36 bytes of numbers | pairs of le16 offset, le16 characters: server, database. */
#define LOGIN7_SERVER   52
#define LOGIN7_DATABASE 68

/*
 * Servers compare database names by their collation: blanks at the end never count, and other
 * letters may equal ASCII ones.  What is not told here stays hidden, and a rule that asks for
 * it cannot tell.
 */
static void read_database(const uint8_t *bytes, size_t size, struct facts *f)
{
	struct host raw;

	if (size < LOGIN7_DATABASE + 4 || !text_at(bytes, size, LOGIN7_DATABASE, &raw) ||
	    raw.len > DATABASE_MAX)
		return;
	while (raw.len > 0 && raw.text[raw.len - 1] == ' ')
		raw.len--;
	for (uint16_t i = 0; i < raw.len; i++) {
		const char c = raw.text[i];

		if (c == '[' || c == ']' || c == '"' || c == '*') /* quotes, a pattern */
			return;
	}
	memcpy(f->database, raw.text, raw.len);
	f->database_len = raw.len;
}

static enum layer_step read_login7(const uint8_t *bytes, size_t size, struct facts *f)
{
	struct host raw, host;
	enum host_kind kind;

	f->flags |= 1u << FLAG_CLEAR_TEXT;
	if (size < LOGIN7_SERVER + 4)
		return layer_done(f, PROTOCOL_TDS, UNDECIDABLE_MALFORMED_HELLO);
	read_database(bytes, size, f);
	if (!text_at(bytes, size, LOGIN7_SERVER, &raw) ||
	    memchr(raw.text, ' ', raw.len) != NULL)
		return layer_done(f, PROTOCOL_TDS, UNDECIDABLE_MALFORMED_NAME);
	/* FreeTDS tells the name of its own entry for the server: a word without a dot. */
	if (memchr(raw.text, '.', raw.len) == NULL)
		return layer_done(f, PROTOCOL_TDS, UNDECIDABLE_NO_SNI);
	kind = host_normalize(server_part((struct str){raw.text, raw.len}), &host);
	if (kind == HOST_MALFORMED)
		return layer_done(f, PROTOCOL_TDS, UNDECIDABLE_MALFORMED_NAME);
	if (kind == HOST_ADDRESS)
		f->flags |= 1u << FLAG_IP_LITERAL;
	memcpy(f->host, host.text, (size_t)host.len + 1);
	f->host_len = host.len;
	f->evidence = EVIDENCE_REQUEST;
	return layer_done(f, PROTOCOL_TDS, UNDECIDABLE_NONE);
}

static enum layer_step read_after(struct identify *id, const struct stream *s, size_t at,
				  struct layer *ret, struct facts *f)
{
	const uint8_t type = s->bytes[at];
	struct packets p;

	if (type != TYPE_PRELOGIN && type != TYPE_LOGIN7)
		return layer_done(f, PROTOCOL_TDS, UNDECIDABLE_MALFORMED_HELLO);
	p = read_message(s, at, type, id->unwrapped);
	/* What was whole before it has been read, when the bytes came in pieces. */
	if (p.foreign && (type == TYPE_LOGIN7 || p.data == 0))
		return layer_done(f, PROTOCOL_TDS, UNDECIDABLE_MALFORMED_HELLO);
	if (type == TYPE_LOGIN7)
		return p.whole ? read_login7(id->unwrapped, p.data, f)
			       : layer_unfinished(s, f, PROTOCOL_TDS);
	if (p.data == 0)
		return layer_unfinished(s, f, PROTOCOL_TDS);
	ret->wrapped = stream_after(s, at);
	ret->inside = *s;
	ret->inside.bytes = id->unwrapped;
	ret->inside.filled = p.data;
	ret->inside.final |= p.foreign;
	ret->broken = p.foreign;
	return LAYER_INSIDE;
}

/*
 * Servers look neither at number and window nor at the other bits of the status (2.2.3.1.2,
 * 2.2.3.1.5, 2.2.3.1.6); but where they are not what clients write, PRELOGIN must begin as it does:
 * u8 0 (VERSION) | be16 offset | be16 6.
 */
static enum layer_step is_prelogin(const struct stream *s)
{
	static const uint8_t version[] = {0, 0, VERSION_LENGTH};
	static const uint8_t at[] = {HEADER, HEADER + 3, HEADER + 4};
	const bool odd = (s->filled > 1 && s->bytes[1] > 1) ||
			 (s->filled > 6 && s->bytes[6] > 1) ||
			 (s->filled > 7 && s->bytes[7] != 0);

	for (size_t i = 0; odd && i < sizeof(at); i++) {
		if (s->filled <= at[i])
			return s->final ? LAYER_NO : LAYER_MAYBE;
		if (s->bytes[at[i]] != version[i])
			return LAYER_NO;
	}
	return LAYER_MORE;
}

enum layer_step tds_layer(struct identify *id, const struct stream *s, struct layer *ret,
			  struct facts *f)
{
	enum layer_step step;
	struct packets p;

	if (s->bytes[0] != TYPE_PRELOGIN)
		return LAYER_NO;
	p = read_message(s, 0, TYPE_PRELOGIN, NULL);
	step = p.foreign ? LAYER_NO : is_prelogin(s);
	if (step != LAYER_MORE)
		return step;
	if (s->filled < HEADER)
		return s->final ? LAYER_NO : LAYER_MAYBE;
	if (!p.whole)
		return layer_unfinished(s, f, PROTOCOL_TDS);
	ret->protocol = PROTOCOL_TDS;
	ret->why = UNDECIDABLE_INCOMPLETE;
	ret->turns = 1;
	ret->ends_turn = true;
	ret->bytes_due = 1;
	ret->bytes_least = HEADER + 1;
	if (p.end == s->filled)
		return layer_behind(s, p.end, ret);
	return read_after(id, s, p.end, ret, f);
}

size_t tds_end(const struct stream *wrapped, size_t n)
{
	struct cursor c = cur_init(wrapped->bytes, wrapped->filled);
	size_t before = 0;

	while (before < n) {
		uint16_t len;

		cur_skip(&c, 2);
		len = cur_be16(&c);
		cur_skip(&c, HEADER - 4);
		if (!cur_ok(&c) || len <= HEADER)
			return 0;
		before += (size_t)len - HEADER;
		cur_skip(&c, (size_t)len - HEADER);
	}
	return before == n && cur_ok(&c) ? wrapped->filled - c.left : 0;
}

struct str identify_unwrap(struct identify *id, const uint8_t *bytes, size_t filled,
			   bool *ret_broken)
{
	const struct stream s = {.bytes = bytes, .filled = filled};
	struct packets p = {.whole = true};
	size_t have = 0;

	while (p.whole && p.end < filled) {
		p = read_message(&s, p.end, TYPE_PRELOGIN, id->unwrapped + have);
		have += p.data;
	}
	*ret_broken = p.foreign;
	return (struct str){(const char *)id->unwrapped, have};
}
