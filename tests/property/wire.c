/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#define CLIENT_PORT 40000

static const uint8_t ends_v4[2][4] = {{192, 0, 2, 7}, {10, 1, 2, 3}};
static const uint8_t ends_v6[2][16] = {
	{0x20, 1, 0x0d, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7},
	{0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3}};

static void put_ends(struct build *b, bool ipv6, uint16_t port, bool from_client,
		     unsigned proto)
{
	build_start(b, LINK_RAW_IP);
	if (ipv6) {
		put_ipv6(b, proto);
		memcpy(b->b + 8, ends_v6[from_client], 16);
		memcpy(b->b + 24, ends_v6[!from_client], 16);
	} else {
		put_ipv4(b, proto);
		memcpy(b->b + 12, ends_v4[from_client], 4);
		memcpy(b->b + 16, ends_v4[!from_client], 4);
	}
	put16(b, from_client ? CLIENT_PORT : port);
	put16(b, from_client ? port : CLIENT_PORT);
}

static void put_options(struct build *b, const struct segment *s)
{
	if (s->stamped) {
		put32(b, 0x0101080a);
		put32(b, s->stamp);
		put32(b, 7);
	}
	if (s->md5) {
		put16(b, 0x0101);
		put16(b, 0x1312);
		put_pattern(b, 16, 3);
	}
}

void wire_segment(struct build *b, bool ipv6, uint16_t port, const struct segment *s)
{
	const unsigned words = 5u + (s->stamped ? 3u : 0) + (s->md5 ? 5u : 0);

	put_ends(b, ipv6, port, s->from_client, IP_PROTO_TCP);
	put32(b, s->seq);
	put32(b, s->ack);
	put16(b, (s->short_header ? 3u : words) << 12 | s->flags);
	put16(b, 64240);
	put32(b, 0);
	put_options(b, s);
	if (s->len > 0)
		put(b, s->data, s->len);
	b->b[ipv6 ? 7 : 8] = s->ttl == 0 ? 64 : s->ttl;
	build_end(b);
	b->b[b->l4 + 16] ^= (uint8_t)(s->spoil >> 8);
	b->b[b->l4 + 17] ^= (uint8_t)s->spoil;
}

void wire_datagram(struct build *b, bool ipv6, uint16_t port, bool from_client,
		   const uint8_t *data, size_t len)
{
	put_ends(b, ipv6, port, from_client, IP_PROTO_UDP);
	put16(b, (unsigned)(8 + len));
	put16(b, 0);
	put(b, data, len);
	build_end(b);
}
