/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy - headers that name the client, and requests that name the server: HAProxy's PROXY
 * protocol (its specification of 2020), SOCKS 4, 4a and 5 (RFC 1928, RFC 1929).
 *
 * Whoever speaks PROXY stands in front of the server and passes a client's bytes on: they are
 * read as if they stood alone; nothing is answered, so nothing waits (2).
 */
#include "base/addr.h"
#include "base/cursor.h"
#include "identify/dns.h"
#include "identify/layer.h"

/* ---- PROXY ------------------------------------------------------------------------------ */

#define V1_MAX 107 /* bytes of a line, its end included */
#define V2_MAX 536 /* payload of the header that a receiver must take */

static const uint8_t v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
					 0x0a, 'Q',  'U',  'I',  'T',  0x0a};

/* Up to the next blank, which is stepped over; one blank stands between two words (2.1). */
static struct str next_word(struct str *line)
{
	const char *blank = line->len == 0 ? NULL : memchr(line->p, ' ', line->len);
	const size_t n = blank == NULL ? line->len : (size_t)(blank - line->p);
	const struct str word = {line->p, n};

	line->p += n + (blank != NULL);
	line->len -= n + (blank != NULL);
	return word;
}

/* What is not written like that the receiver must refuse: it aborts the connection (2.1). */
static bool is_v1_line(struct str line)
{
	struct addr a;
	uint64_t port;
	struct str family;
	bool is_v4;

	(void)next_word(&line); /* "PROXY" */
	family = next_word(&line);
	if (str_equal(family, STR("UNKNOWN")))
		return true;
	is_v4 = str_equal(family, STR("TCP4"));
	if (!is_v4 && !str_equal(family, STR("TCP6")))
		return false;
	for (size_t i = 0; i < 2; i++) {
		const struct str word = next_word(&line);

		/* HAProxy writes addresses of two families as ::ffff:192.0.2.1. */
		if (!addr_parse(word.p, word.len, &a) ||
		    (memchr(word.p, ':', word.len) == NULL) != is_v4)
			return false;
	}
	return parse_u64(next_word(&line), UINT16_MAX, &port) &&
	       parse_u64(line, UINT16_MAX, &port);
}

static enum layer_step read_v1(const struct stream *s, struct layer *ret, struct facts *f)
{
	const size_t n = s->filled < V1_MAX ? s->filled : V1_MAX;
	const uint8_t *lf = memchr(s->bytes, '\n', n);

	if (lf == NULL && n < V1_MAX)
		return layer_unfinished(s, f, PROTOCOL_UNKNOWN);
	if (lf == NULL || lf[-1] != '\r' ||
	    !is_v1_line(
		    (struct str){(const char *)s->bytes, (size_t)(lf - s->bytes) - 1}))
		return layer_done(f, PROTOCOL_UNKNOWN, UNDECIDABLE_MALFORMED_HELLO);
	return layer_behind(s, (size_t)(lf - s->bytes) + 1, ret);
}

/* 12 signature | u8 version and command | u8 family | be16 length | addresses and more. */
static enum layer_step read_v2(const struct stream *s, struct layer *ret, struct facts *f)
{
	struct cursor c = cur_init(s->bytes, s->filled);
	uint8_t command;
	uint16_t len;

	cur_skip(&c, sizeof(v2_signature));
	command = cur_u8(&c);
	cur_skip(&c, 1);
	len = cur_be16(&c);
	if (!cur_ok(&c))
		return layer_unfinished(s, f, PROTOCOL_UNKNOWN);
	if (command >> 4 != 2 || (command & 15) > 1 || len > V2_MAX)
		return layer_done(f, PROTOCOL_UNKNOWN, UNDECIDABLE_MALFORMED_HELLO);
	cur_skip(&c, len);
	if (!cur_ok(&c))
		return layer_unfinished(s, f, PROTOCOL_UNKNOWN);
	return layer_behind(s, s->filled - c.left, ret);
}

static bool begins(const struct stream *s, const void *with, size_t len)
{
	return memcmp(s->bytes, with, s->filled < len ? s->filled : len) == 0;
}

enum layer_step proxy_layer(const struct stream *s, struct layer *ret, struct facts *f)
{
	ret->protocol = PROTOCOL_UNKNOWN;
	ret->why = UNDECIDABLE_INCOMPLETE;
	if (begins(s, v2_signature, sizeof(v2_signature))) {
		if (s->filled >= sizeof(v2_signature))
			return read_v2(s, ret, f);
		return s->final ? LAYER_NO : LAYER_MAYBE;
	}
	if (!begins(s, "PROXY TCP", 9) && !begins(s, "PROXY UNKNOWN", 13))
		return LAYER_NO;
	if (s->filled >= 9)
		return read_v1(s, ret, f);
	return s->final ? LAYER_NO : LAYER_MAYBE;
}

/* ---- SOCKS ------------------------------------------------------------------------------ */

enum socks_method {
	METHOD_NONE = 0,
	METHOD_PASSWORD = 2,
};

enum socks_command {
	COMMAND_CONNECT = 1,
	COMMAND_BIND = 2,
};

#define SOCKS_CHOICE      2 /* bytes of an answer to a greeting or a password */
#define SOCKS_REPLY_LEAST 7 /* of one to a request: the shortest of SOCKS 5 */

enum socks_address {
	ADDRESS_V4 = 1,
	ADDRESS_NAME = 3,
	ADDRESS_V6 = 4,
};

static enum layer_step ask_for(const struct stream *s, size_t end, struct str name,
			       struct layer *ret, struct facts *f)
{
	const enum host_kind kind = host_normalize(name, &ret->host);

	if (kind == HOST_MALFORMED)
		return layer_done(f, PROTOCOL_SOCKS, UNDECIDABLE_MALFORMED_NAME);
	ret->named = true;
	ret->literal = kind == HOST_ADDRESS;
	/* Who asks for a name goes there, whatever it says behind that. */
	ret->ends_turn = ret->literal;
	ret->turns = (uint8_t)(ret->turns + ret->literal);
	ret->bytes_due = (uint8_t)(ret->bytes_least + 1);
	ret->bytes_least = (uint8_t)(ret->bytes_least + SOCKS_REPLY_LEAST);
	return layer_behind(s, end, ret);
}

static enum layer_step ask_for_address(const struct stream *s, size_t end,
				       const struct addr *a, struct layer *ret,
				       struct facts *f)
{
	char text[ADDR_TEXT_MAX];
	const size_t len = addr_format(a, text);

	return ask_for(s, end, (struct str){text, len}, ret, f);
}

/* u8 5 | u8 command | u8 0 | u8 kind | address | be16 port */
static enum layer_step read_request(const struct stream *s, struct cursor c,
				    struct layer *ret, struct facts *f)
{
	const uint8_t version = cur_u8(&c), command = cur_u8(&c);
	struct addr a = {0};
	struct str name;
	uint8_t kind;

	cur_skip(&c, 1);
	kind = cur_u8(&c);
	name = (struct str){NULL, kind == ADDRESS_V4   ? 4
				  : kind == ADDRESS_V6 ? 16
						       : cur_u8(&c)};
	name.p = (const char *)c.p;
	cur_skip(&c, name.len + 2);
	if (!cur_ok(&c))
		return layer_unfinished(s, f, PROTOCOL_SOCKS);
	if (version != 5 ||
	    (kind != ADDRESS_V4 && kind != ADDRESS_V6 && kind != ADDRESS_NAME))
		return layer_done(f, PROTOCOL_SOCKS, UNDECIDABLE_MALFORMED_HELLO);
	if (command != COMMAND_CONNECT)
		return layer_done(f, PROTOCOL_SOCKS, UNDECIDABLE_NO_READER);
	if (kind == ADDRESS_NAME)
		return ask_for(s, s->filled - c.left, name, ret, f);
	a = kind == ADDRESS_V4 ? addr_from_v4((const uint8_t *)name.p)
			       : addr_from_v6((const uint8_t *)name.p);
	return ask_for_address(s, s->filled - c.left, &a, ret, f);
}

/* RFC 1929: u8 1 | u8 length, name | u8 length, password.  It is stepped over. */
static bool skip_password(struct cursor *c)
{
	cur_skip(c, 1);
	cur_skip(c, cur_u8(c));
	cur_skip(c, cur_u8(c));
	return cur_ok(c);
}

/*
 * RFC 1928 3, RFC 1929 2: the client waits for the answer.  Servers that take one message from each
 * read throw away what came along with it (microsocks); others, which buffer (OpenSSH), take it.
 */
static void end_turn(struct layer *ret)
{
	ret->turns++;
	ret->ends_turn = true;
	ret->bytes_least = (uint8_t)(ret->bytes_least + SOCKS_CHOICE);
	ret->bytes_due = ret->bytes_least;
}

/*
 * In front of DNS messages over TCP stands their length, and a message of 1,281 bytes or more may look
 * like a greeting: on that port a request must follow as it is written.
 */
static bool may_be_request(const struct stream *s, const struct cursor *c)
{
	const uint8_t *b = c->p;

	return s->port != DNS_PORT ||
	       (b[0] == 5 && (c->left < 2 || (b[1] >= 1 && b[1] <= 3)) &&
		(c->left < 3 || b[2] == 0) &&
		(c->left < 4 || b[3] == ADDRESS_V4 || b[3] == ADDRESS_V6 ||
		 b[3] == ADDRESS_NAME));
}

/* A method that IANA has assigned, or a private one: RFC 1928 3. */
static bool is_assigned(uint8_t method)
{
	return method <= 9 || (method >= 0x80 && method != 0xff);
}

/* u8 5 | u8 number of methods | methods.  The client waits for the server's choice. */
static enum layer_step read_socks5(const struct stream *s, struct layer *ret,
				   struct facts *f)
{
	struct cursor c = cur_init(s->bytes, s->filled);
	bool password = false, assigned = true, usual = false;
	uint8_t count;

	cur_skip(&c, 1);
	if (c.left == 0)
		return s->final ? LAYER_NO : LAYER_MAYBE;
	count = cur_u8(&c);
	if (count == 0)
		return LAYER_NO;
	for (uint8_t i = 0; i < count; i++) {
		const uint8_t method = cur_u8(&c);

		if (!cur_ok(&c))
			return s->final ? LAYER_NO : LAYER_MAYBE;
		assigned &= is_assigned(method);
		usual |= method <= METHOD_PASSWORD;
		password |= method == METHOD_PASSWORD;
	}
	/* The server picks one (3); a list without any that is known is something else. */
	if (!assigned && !usual)
		return LAYER_NO;
	end_turn(ret);
	if (c.left == 0)
		return layer_behind(s, s->filled, ret);
	if (c.p[0] == 1 && password) {
		if (!skip_password(&c) && s->port == DNS_PORT)
			return s->final ? LAYER_NO : LAYER_MAYBE;
		if (!cur_ok(&c))
			return layer_unfinished(s, f, PROTOCOL_SOCKS);
		end_turn(ret);
		if (c.left == 0)
			return layer_behind(s, s->filled, ret);
	}
	if (!may_be_request(s, &c))
		return LAYER_NO;
	if (c.p[0] != 5) /* another negotiation of rights */
		return layer_done(f, PROTOCOL_SOCKS, UNDECIDABLE_NO_READER);
	return read_request(s, c, ret, f);
}

/* A text up to a NUL.  false: it is not all there, or no text (*ret_bad). */
static bool text_to_nul(struct cursor *c, struct str *ret, bool *ret_bad)
{
	*ret = (struct str){(const char *)c->p, 0};
	for (;; ret->len++) {
		const uint8_t b = cur_u8(c);

		if (!cur_ok(c))
			return false;
		if (b == 0)
			return true;
		if (b < 0x20 || b > 0x7e || ret->len == HOST_MAX) {
			*ret_bad = true;
			return false;
		}
	}
}

/* u8 4 | u8 command | be16 port | 4 address | user, NUL; address 0.0.0.x: then name, NUL. */
static enum layer_step read_socks4(const struct stream *s, struct layer *ret,
				   struct facts *f)
{
	struct cursor c = cur_init(s->bytes, s->filled);
	const uint8_t *address;
	struct str user, name;
	bool bad = false;
	uint8_t command;
	struct addr a;

	cur_skip(&c, 1);
	command = cur_u8(&c);
	if (cur_ok(&c) && command != COMMAND_CONNECT && command != COMMAND_BIND)
		return LAYER_NO;
	cur_skip(&c, 2);
	address = c.p;
	cur_skip(&c, 4);
	if (!cur_ok(&c) || !text_to_nul(&c, &user, &bad))
		return bad || s->final ? LAYER_NO : LAYER_MAYBE;
	if (command != COMMAND_CONNECT)
		return layer_done(f, PROTOCOL_SOCKS, UNDECIDABLE_NO_READER);
	if (address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] != 0) {
		if (!text_to_nul(&c, &name, &bad))
			return bad ? layer_done(f, PROTOCOL_SOCKS,
						UNDECIDABLE_MALFORMED_NAME)
				   : layer_unfinished(s, f, PROTOCOL_SOCKS);
		return ask_for(s, s->filled - c.left, name, ret, f);
	}
	a = addr_from_v4(address);
	return ask_for_address(s, s->filled - c.left, &a, ret, f);
}

enum layer_step socks_layer(const struct stream *s, struct layer *ret, struct facts *f)
{
	ret->protocol = PROTOCOL_SOCKS;
	ret->why = UNDECIDABLE_INCOMPLETE;
	if (s->bytes[0] == 5)
		return read_socks5(s, ret, f);
	return s->bytes[0] == 4 && s->port != DNS_PORT ? read_socks4(s, ret, f)
						       : LAYER_NO;
}
