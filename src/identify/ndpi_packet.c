/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/ndpi_packet.h"

#include <string.h>

#include "base/hash.h"
#include "base/put.h"

#define IP4_HEADER 20
#define TCP_HEADER 20
#define UDP_HEADER 8
#define TCP_OFFSET 0x50 /* of the payload: five words, no options */

/*
 * A stand-in for one end's address, the same for all packets of a flow and never that of
 * another flow.  nDPI 4.2 remembers addresses from flow to flow, and then calls one
 * BitTorrent because of another; a flow's word has to follow from its own packets, not from
 * which flows share a worker.  240.0.0.0/4 is in none of nDPI's address lists.
 */
static void put_stand_in(uint8_t to[4], const struct packet *p, bool source)
{
	uint8_t ends[2][sizeof(struct addr) + 2];
	uint64_t here, there, both;

	memcpy(ends[0], p->src.b, sizeof(p->src.b));
	memcpy(ends[1], p->dst.b, sizeof(p->dst.b));
	(void)put_be16(ends[0] + sizeof(p->src.b), p->src_port);
	(void)put_be16(ends[1] + sizeof(p->dst.b), p->dst_port);
	here = hash_bytes(ends[source ? 0 : 1], sizeof(ends[0]), 0);
	there = hash_bytes(ends[source ? 1 : 0], sizeof(ends[0]), 0);
	both = hash_u64(here + (here ^ there)); /* here ^ there is the flow's */
	to[0] = (uint8_t)(240 + both % 15);
	(void)put_be16(to + 1, (size_t)(both >> 8 & 0xffff));
	to[3] = (uint8_t)(both >> 24);
}

static size_t transport_header(uint8_t ip_proto)
{
	switch (ip_proto) {
	case IP_PROTO_TCP:
		return TCP_HEADER;
	case IP_PROTO_UDP:
		return UDP_HEADER;
	default:
		return 0;
	}
}

size_t ndpi_packet_normalize(const struct packet *p, uint8_t to[NDPI_PACKET_MAX])
{
	const size_t header = transport_header(p->ip_proto);
	uint8_t *l4 = to + IP4_HEADER;
	size_t payload = p->payload_len;

	if (header == 0 || !p->has_l4 || payload == 0)
		return 0;
	if (payload > NDPI_PAYLOAD_MAX)
		payload = NDPI_PAYLOAD_MAX;
	memset(to, 0, IP4_HEADER + header);
	to[0] = 0x45;
	(void)put_be16(to + 2, IP4_HEADER + header + payload);
	to[8] = p->ttl;
	to[9] = p->ip_proto;
	put_stand_in(to + 12, p, true);
	put_stand_in(to + 16, p, false);
	(void)put_be16(l4, p->src_port);
	(void)put_be16(l4 + 2, p->dst_port);
	if (p->ip_proto == IP_PROTO_TCP) {
		(void)put_be32(l4 + 4, p->seq);
		(void)put_be32(l4 + 8, p->ack);
		l4[12] = TCP_OFFSET;
		l4[13] = TCP_ACK | TCP_PSH;
		(void)put_be16(l4 + 14, p->window);
	} else {
		(void)put_be16(l4 + 4, header + payload);
	}
	memcpy(l4 + header, p->payload, payload);
	return IP4_HEADER + header + payload;
}

bool ndpi_packet_is_normal(const uint8_t *packet, size_t len, uint8_t ip_proto)
{
	const size_t header = transport_header(ip_proto);
	const uint8_t *l4 = packet + IP4_HEADER;

	if (header == 0 || len <= IP4_HEADER + header || len > NDPI_PACKET_MAX ||
	    packet[0] != 0x45 || packet[6] != 0 || packet[7] != 0 ||
	    packet[9] != ip_proto || ((size_t)packet[2] << 8 | packet[3]) != len)
		return false;
	if (ip_proto == IP_PROTO_TCP)
		return l4[12] == TCP_OFFSET;
	return ((size_t)l4[4] << 8 | l4[5]) == len - IP4_HEADER;
}
