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

/*
 * What a plain question over TCP begins with (RFC 1035 4.2.2, 4.1.1): be16 length, be16 id, flags of a
 * query, be16 1, two be16 0, and be16 0 or 1 for EDNS.
 */
static bool may_be_question(const struct stream *s)
{
	static const struct {
		uint8_t mask, value;
	} begin[2 + DNS_HEADER_LEN] = {{0xfe, 0}, {0, 0},    {0, 0},    {0, 0},
				       {0xfe, 0}, {0xcf, 0}, {0xff, 0}, {0xff, 1},
				       {0xff, 0}, {0xff, 0}, {0xff, 0}, {0xff, 0},
				       {0xff, 0}, {0xfe, 0}};

	for (size_t i = 0; i < s->filled && i < sizeof(begin) / sizeof(begin[0]); i++)
		if ((s->bytes[i] & begin[i].mask) != begin[i].value)
			return false;
	return true;
}

/*
 * On DNS's port all that may be a message; on others only a whole question tells.  The first message
 * is waited for, unless no more comes.
 */
static enum fit dns_over_tcp(const struct stream *s, struct facts *f)
{
	struct cursor c = cur_init(s->bytes, s->filled);
	const bool known = s->port == DNS_PORT, last = s->final || s->beyond_cap;
	struct dns_message m;
	enum dns_fault fault;
	uint16_t len = cur_be16(&c);

	if (s->port == MDNS_PORT || (cur_ok(&c) && len < DNS_HEADER_LEN) ||
	    (!known && !may_be_question(s)))
		return FIT_NO;
	if (!cur_ok(&c) || c.left < DNS_HEADER_LEN)
		return FIT_MAYBE;
	fault = dns_parse(c.p, c.left < len ? c.left : len, &m);
	if (fault == DNS_NOT_DNS && known)
		fault = dns_parse_upkeep(c.p, c.left < len ? c.left : len);
	if (fault == DNS_NOT_DNS)
		return FIT_NO;
	if (c.left < len && !last)
		return known || fault != DNS_MALFORMED ? FIT_MAYBE : FIT_NO;
	if (!known &&
	    (c.left < len || fault != DNS_FINE || !dns_is_plain_query(&m, c.p, len)))
		return FIT_NO;
	return done(f, PROTOCOL_DNS,
		    c.left < len ? UNDECIDABLE_NONE : dns_refused(&m, fault));
}

enum fit plain_read(const struct stream *s, struct facts *f)
{
	enum fit fit = dns_over_tcp(s, f);

	if (fit == FIT_DONE)
		return fit;
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
