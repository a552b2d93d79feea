/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/context.h"

enum identify_step identify_settle(struct identify *id, struct facts *f)
{
	switch (f->protocol) {
	case PROTOCOL_TLS:
		id->stats.tls++;
		break;
	case PROTOCOL_QUIC:
		id->stats.quic++;
		break;
	case PROTOCOL_HTTP:
		id->stats.http++;
		break;
	case PROTOCOL_DNS:
		id->stats.dns++;
		break;
	case PROTOCOL_UNKNOWN:
	case PROTOCOL_SMTP:
	case PROTOCOL_TDS:
	case PROTOCOL_SSH:
	case PROTOCOL_SOCKS:
	case PROTOCOL_ICMP:
	case PROTOCOL_NTP:
	case PROTOCOL_OTHER:
	case PROTOCOL_COUNT:
		id->stats.other++;
		break;
	}
	id->stats.undecidable[f->undecidable]++;
	if (f->url_len > 0)
		f->visibility = VISIBILITY_URL;
	else if (f->host_len > 0)
		f->visibility = VISIBILITY_HOST;
	else
		f->visibility = VISIBILITY_ADDRESS;
	return IDENTIFY_DONE;
}

/* NOLINTNEXTLINE(readability-function-size): the parts of a head, spelt out for callers */
enum identify_step identify_stream(struct identify *id, const uint8_t *bytes,
				   size_t filled, bool final, bool beyond_cap,
				   uint16_t port, struct facts *f)
{
	struct stream s = {bytes, filled, final, beyond_cap, port};
	enum fit fit = FIT_NO;

	/*
	 * One reader after the other: a later one is asked when all before have said no, so
	 * that the answer does not hang on how the bytes came in.
	 */
	if (filled > 0) {
		fit = tls_read(id, &s, f);
		if (fit == FIT_NO)
			fit = plain_read(&s, f);
		if (fit == FIT_NO)
			fit = http_read(&s, f);
	}
	if (fit == FIT_DONE)
		return identify_settle(id, f);
	if (!final && (fit != FIT_NO || filled == 0))
		return IDENTIFY_MORE;
	f->protocol = PROTOCOL_UNKNOWN;
	return identify_settle(id, f);
}
