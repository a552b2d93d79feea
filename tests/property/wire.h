/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROPERTY_WIRE_H
#define PROPERTY_WIRE_H

/*
 * wire - the packets of one connection, as they lie in a frame; for tests/fuzz too.
 */

#include "../unit/decode/build.h"
#include "model/packet.h"

struct segment {
	bool from_client;
	unsigned flags; /* TCP_... */
	uint32_t seq, ack;
	const uint8_t *data;
	size_t len;
	bool stamped;
	uint32_t stamp, echo; /* its time stamp, and that of the other side */
	bool md5;
	uint8_t ttl;       /* 0 = 64 */
	uint16_t spoil;    /* 0 = nothing, else changed in the checksum; not 0xffff */
	bool short_header; /* a data offset of three words */
};

/* Between 10.1.2.3 or 2001:db8:1::3 and 192.0.2.7 or 2001:db8:9::7. */
#define WIRE_CLIENT_PORT 40000

static const uint8_t wire_v4[2][4] = {{192, 0, 2, 7}, {10, 1, 2, 3}};
static const uint8_t wire_v6[2][16] = {
	{0x20, 1, 0x0d, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7},
	{0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3}};

static inline void wire_ends(struct build *b, bool ipv6, uint16_t port, bool from_client,
			     unsigned proto)
{
	build_start(b, LINK_RAW_IP);
	if (ipv6) {
		put_ipv6(b, proto);
		memcpy(b->b + 8, wire_v6[from_client], 16);
		memcpy(b->b + 24, wire_v6[!from_client], 16);
	} else {
		put_ipv4(b, proto);
		memcpy(b->b + 12, wire_v4[from_client], 4);
		memcpy(b->b + 16, wire_v4[!from_client], 4);
	}
	put16(b, from_client ? WIRE_CLIENT_PORT : port);
	put16(b, from_client ? port : WIRE_CLIENT_PORT);
}

static inline void wire_options(struct build *b, const struct segment *s)
{
	if (s->stamped) {
		put32(b, 0x0101080a);
		put32(b, s->stamp);
		put32(b, s->echo);
	}
	if (s->md5) {
		put16(b, 0x0101);
		put16(b, 0x1312);
		put_pattern(b, 16, 3);
	}
}

/* Neither right nor the sum of the ends alone, which a network card completes: that is believed. */
static inline void wire_spoil(struct build *b, bool ipv6, uint16_t spoil)
{
	uint8_t *field = b->b + b->l4 + 16;
	const unsigned right = (unsigned)field[0] << 8 | field[1];
	const unsigned partial = build_sum(b->b + b->ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8,
					   (uint32_t)(b->len - b->l4) + b->proto);
	unsigned wrong = right ^ spoil;

	while (wrong == partial || wrong == right || (wrong ^ right) == 0xffff)
		wrong = (wrong + 1) & 0xffff;
	set16(b, b->l4 + 16, wrong);
}

static inline void wire_segment(struct build *b, bool ipv6, uint16_t port,
				const struct segment *s)
{
	const unsigned words = 5u + (s->stamped ? 3u : 0) + (s->md5 ? 5u : 0);

	wire_ends(b, ipv6, port, s->from_client, IP_PROTO_TCP);
	put32(b, s->seq);
	put32(b, s->ack);
	put16(b, (s->short_header ? 3u : words) << 12 | s->flags);
	put16(b, 64240);
	put32(b, 0);
	wire_options(b, s);
	if (s->len > 0)
		put(b, s->data, s->len);
	b->b[ipv6 ? 7 : 8] = s->ttl == 0 ? 64 : s->ttl;
	build_end(b);
	if (s->spoil != 0)
		wire_spoil(b, ipv6, s->spoil);
}

static inline void wire_datagram(struct build *b, bool ipv6, uint16_t port,
				 bool from_client, const uint8_t *data, size_t len)
{
	wire_ends(b, ipv6, port, from_client, IP_PROTO_UDP);
	put16(b, (unsigned)(8 + len));
	put16(b, 0);
	put(b, data, len);
	build_end(b);
}

#endif /* PROPERTY_WIRE_H */
