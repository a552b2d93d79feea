/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain - protocols that their first bytes give away and that are not read further.
 *
 * DNS and SSH hold no name; HTTP/2 in clear holds one that is not read: undecidable no_reader.
 */
#include "base/cursor.h"
#include "identify/context.h"
#include "identify/dns.h"

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
	{{"PRI * HTTP/2.0\r\n", 16}, PROTOCOL_HTTP, UNDECIDABLE_NO_READER}, /* RFC 9113 */
};

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
	enum fit fit = dns_over_tcp(s);

	if (fit == FIT_DONE)
		return done(f, PROTOCOL_DNS, UNDECIDABLE_NONE);
	if (fit == FIT_MAYBE && !s->final)
		return FIT_MAYBE;
	for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
		fit = begins(s, openings[i].text);
		if (fit == FIT_DONE)
			return done(f, openings[i].protocol, openings[i].why);
		if (fit == FIT_MAYBE && !s->final)
			return FIT_MAYBE;
	}
	return FIT_NO;
}
