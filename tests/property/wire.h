/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROPERTY_WIRE_H
#define PROPERTY_WIRE_H

/* wire - the packets of one connection, as they lie in a frame. */

#include "../unit/decode/build.h"
#include "model/packet.h"

struct segment {
	bool from_client;
	unsigned flags; /* TCP_... */
	uint32_t seq, ack;
	const uint8_t *data;
	size_t len;
	bool stamped;
	uint32_t stamp;
	bool md5;
	uint8_t ttl;       /* 0 = 64 */
	uint16_t spoil;    /* 0 = nothing, else changed in the checksum; not 0xffff */
	bool short_header; /* a data offset of three words */
};

/* Between 10.1.2.3 or 2001:db8:1::3 and 192.0.2.7 or 2001:db8:9::7. */
void wire_segment(struct build *b, bool ipv6, uint16_t port, const struct segment *s);
void wire_datagram(struct build *b, bool ipv6, uint16_t port, bool from_client,
		   const uint8_t *data, size_t len);

#endif /* PROPERTY_WIRE_H */
