/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain - protocols that their first bytes give away and that are not read further.
 *
 * Most of them hold a name behind a negotiation (STARTTLS, TDS 7, SOCKS, HTTP/2 in clear, a
 * PROXY header): undecidable no_reader.  DNS and SSH hold none.
 */
#include "base/cursor.h"
#include "identify/context.h"
#include "identify/dns.h"

#define DNS_PORT 53

static enum fit done(struct facts *f, enum protocol protocol, enum undecidable why)
{
	f->protocol = protocol;
	f->undecidable = why;
	return FIT_DONE;
}

/* Does the stream begin with `text` (upper case), ignoring case? */
static enum fit begins(const struct stream *s, struct str text)
{
	size_t n = s->filled < text.len ? s->filled : text.len;

	for (size_t i = 0; i < n; i++)
		if (ascii_lower((char)s->bytes[i]) != ascii_lower(text.p[i]))
			return FIT_NO;
	return n == text.len ? FIT_DONE : FIT_MAYBE;
}

struct opening {
	struct str text;
	enum protocol protocol;
	enum undecidable why;
};

static const struct opening openings[] = {
	{{"SSH-", 4}, PROTOCOL_SSH, UNDECIDABLE_NONE}, /* RFC 4253 4.2 */
	{{"EHLO ", 5}, PROTOCOL_SMTP, UNDECIDABLE_NO_READER},
	{{"HELO ", 5}, PROTOCOL_SMTP, UNDECIDABLE_NO_READER},
	{{"EHLO\r", 5}, PROTOCOL_SMTP, UNDECIDABLE_NO_READER},
	{{"HELO\r", 5}, PROTOCOL_SMTP, UNDECIDABLE_NO_READER},
	{{"PRI * HTTP/2.0\r\n", 16}, PROTOCOL_HTTP, UNDECIDABLE_NO_READER}, /* RFC 9113 */
	/* HAProxy's PROXY protocol, versions 1 and 2: another protocol follows. */
	{{"PROXY TCP", 9}, PROTOCOL_UNKNOWN, UNDECIDABLE_NO_READER},
	{{"PROXY UNKNOWN", 13}, PROTOCOL_UNKNOWN, UNDECIDABLE_NO_READER},
	{{"\r\n\r\n\0\r\nQUIT\n", 12}, PROTOCOL_UNKNOWN, UNDECIDABLE_NO_READER},
};

/* MS-TDS 2.2.3.1: u8 type | u8 status | be16 length | be16 spid | u8 packet | u8 window. */
static enum fit tds_prelogin(const struct stream *s)
{
	struct cursor c = cur_init(s->bytes, s->filled);
	uint16_t len;

	if (cur_u8(&c) != 0x12 || cur_u8(&c) > 1)
		return FIT_NO;
	len = cur_be16(&c);
	cur_skip(&c, 4);
	if (!cur_ok(&c))
		return FIT_MAYBE;
	return len > 8 && len <= 32767 && s->bytes[7] == 0 ? FIT_DONE : FIT_NO;
}

/* RFC 1928 3: u8 5 | u8 number of methods | methods.  Then the client waits. */
static enum fit socks5(const struct stream *s)
{
	struct cursor c = cur_init(s->bytes, s->filled);
	uint8_t count;

	if (cur_u8(&c) != 5)
		return FIT_NO;
	if (c.left == 0)
		return FIT_MAYBE;
	count = cur_u8(&c);
	if (count == 0)
		return FIT_NO;
	for (uint8_t i = 0; i < count; i++) {
		uint8_t method = cur_u8(&c);

		if (!cur_ok(&c))
			return FIT_MAYBE;
		if (method > 9 && method < 0x80) /* not assigned by IANA */
			return FIT_NO;
	}
	return FIT_DONE;
}

/* SOCKS4: u8 4 | u8 1 or 2 | be16 port | 4 address | user name, NUL. */
static enum fit socks4(const struct stream *s)
{
	struct cursor c = cur_init(s->bytes, s->filled);
	uint8_t command;

	if (cur_u8(&c) != 4)
		return FIT_NO;
	command = cur_u8(&c);
	cur_skip(&c, 6);
	if (!cur_ok(&c))
		return s->filled < 2 || command == 1 || command == 2 ? FIT_MAYBE : FIT_NO;
	if (command != 1 && command != 2)
		return FIT_NO;
	for (size_t i = 0; i < 256; i++) {
		uint8_t b = cur_u8(&c);

		if (!cur_ok(&c))
			return FIT_MAYBE;
		if (b == 0)
			return FIT_DONE;
		if (b < 0x20 || b > 0x7e)
			return FIT_NO;
	}
	return FIT_NO;
}

/* RFC 1035 4.2.2: be16 length in front of each message. */
static enum fit dns_over_tcp(const struct stream *s)
{
	struct cursor c = cur_init(s->bytes, s->filled);
	struct dns_message m;
	uint16_t len = cur_be16(&c);

	if (s->port != DNS_PORT || (cur_ok(&c) && len < 12))
		return FIT_NO;
	if (!cur_ok(&c) || c.left < 12)
		return FIT_MAYBE;
	return dns_parse(c.p, c.left < len ? c.left : len, &m) == DNS_NOT_DNS ? FIT_NO
									      : FIT_DONE;
}

enum fit plain_read(const struct stream *s, struct facts *f)
{
	static const struct {
		enum fit (*fits)(const struct stream *s);
		enum protocol protocol;
		enum undecidable why;
	} shapes[] = {
		{dns_over_tcp, PROTOCOL_DNS, UNDECIDABLE_NONE},
		{tds_prelogin, PROTOCOL_TDS, UNDECIDABLE_NO_READER},
		{socks5, PROTOCOL_SOCKS, UNDECIDABLE_NO_READER},
		{socks4, PROTOCOL_SOCKS, UNDECIDABLE_NO_READER},
	};

	for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
		enum fit fit = begins(s, openings[i].text);

		if (fit == FIT_DONE)
			return done(f, openings[i].protocol, openings[i].why);
		if (fit == FIT_MAYBE && !s->final)
			return FIT_MAYBE;
	}
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		enum fit fit = shapes[i].fits(s);

		if (fit == FIT_DONE)
			return done(f, shapes[i].protocol, shapes[i].why);
		if (fit == FIT_MAYBE && !s->final)
			return FIT_MAYBE;
	}
	return FIT_NO;
}
