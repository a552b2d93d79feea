/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ndpi_packet - what is a packet for nDPI, and what we make one.
 *
 * Input: u8 transport | be16 ports | u8 end of each address | payload; and the whole as a packet
 * that somebody else wrote.  Properties: what we write is of the form, with that transport and
 * no other; it is written of TCP and UDP with payload alone, holds that payload, and shows no
 * address of the wire.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "identify/ndpi_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_written(const struct packet *p)
{
	static uint8_t to[NDPI_PACKET_MAX];
	const bool tcp = p->ip_proto == IP_PROTO_TCP;
	const size_t head = tcp ? 40 : NDPI_UDP_PAYLOAD;
	const size_t payload =
		p->payload_len < NDPI_PAYLOAD_MAX ? p->payload_len : NDPI_PAYLOAD_MAX;
	const size_t len = ndpi_packet_normalize(p, to);

	check((len > 0) ==
	      ((tcp || p->ip_proto == IP_PROTO_UDP) && p->has_l4 && p->payload_len > 0));
	if (len == 0)
		return;
	check(len == head + payload && memcmp(to + head, p->payload, payload) == 0);
	check(ndpi_packet_is_normal(to, len, p->ip_proto));
	check(!ndpi_packet_is_normal(to, len, tcp ? IP_PROTO_UDP : IP_PROTO_TCP));
	check(!ndpi_packet_is_normal(to, len - 1, p->ip_proto));
	to[tcp ? 32 : 25] ^= 1; /* another length of the header, or of the datagram */
	check(!ndpi_packet_is_normal(to, len, p->ip_proto));
	check(to[12] >= 240 && to[16] >= 240);
	check(memcmp(to + 12, to + 16, 4) != 0 || p->src_port == p->dst_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Memory of exactly the packet's size: the sanitizer sees a byte too far. */
	uint8_t *exact = malloc(size == 0 ? 1 : size);
	struct cursor c = cur_init(data, size);
	struct packet p = {.ttl = 64};

	check(exact != NULL);
	if (size > 0)
		memcpy(exact, data, size);
	if (size > 9)
		(void)ndpi_packet_is_normal(exact, size, exact[9]);
	p.ip_proto = cur_u8(&c);
	p.has_l4 = (p.ip_proto & 0x80) == 0;
	p.src_port = cur_be16(&c);
	p.dst_port = cur_be16(&c);
	p.src = addr_from_v4((const uint8_t[]){10, 0, 0, cur_u8(&c)});
	p.dst = addr_from_v4((const uint8_t[]){192, 0, 2, cur_u8(&c)});
	if (cur_ok(&c) && c.left > 0) {
		p.payload = exact + (size - c.left);
		p.payload_len = c.left;
	}
	check_written(&p);
	free(exact);
	return 0;
}
