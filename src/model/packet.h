/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_PACKET_H
#define MODEL_PACKET_H

/*
 * packet - what decode makes of a frame: addresses, transport, payload.
 *
 * All numbers are in host byte order.  Pointers borrow from the frame, or from the
 * reassembly buffer of decode, until the next call of the decoder.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum ip_proto {
	IP_PROTO_ICMP = 1,
	IP_PROTO_IPV4 = 4,
	IP_PROTO_TCP = 6,
	IP_PROTO_UDP = 17,
	IP_PROTO_IPV6 = 41,
	IP_PROTO_GRE = 47,
	IP_PROTO_ICMP6 = 58,
	IP_PROTO_SCTP = 132,
	IP_PROTO_MPLS = 137,
};

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
};

enum checksum {
	CHECKSUM_UNKNOWN = 0, /* not computed (truncated, absent, or not asked for) */
	CHECKSUM_GOOD,
	CHECKSUM_BAD,
	CHECKSUM_PARTIAL, /* of the pseudo header: the sender's network card is to complete it */
};

struct packet {
	struct addr src, dst;
	uint16_t src_port,
		dst_port; /* 0 when the protocol has none; ICMP: see decode.h */
	uint8_t ip_proto; /* after extension headers; 0 .. 255 */
	uint8_t ttl;      /* or hop limit */
	uint8_t tunnels;  /* that it came out of; all else is of the innermost packet */
	bool has_l4;      /* the transport header was there and well formed */
	bool was_fragmented; /* reassembled from fragments */
	bool overlaps;   /* ... of which some byte came with two values, at any layer */
	bool truncated;  /* the capture cut this packet (snaplen) */
	uint32_t ip_len; /* IP total length, headers included; all fragments */

	const uint8_t *ip; /* first byte of the IP header (reassembled: NULL) */
	const uint8_t *l4; /* first byte of the transport header */
	size_t l4_len;     /* bytes there: header and payload */
	const uint8_t *payload;
	size_t payload_len;      /* captured bytes; link-layer padding is left out */
	size_t payload_wire_len; /* bytes on the wire: larger when truncated */

	/* TCP only */
	uint32_t seq, ack;
	uint8_t tcp_flags;
	uint16_t window;
	bool tcp_md5;       /* option 19 (RFC 2385) present */
	bool tcp_timestamp; /* option 8 present */
	uint32_t ts_val, ts_ecr;
	bool tcp_scaled;   /* option 3 present (RFC 7323 2.2) */
	uint8_t tcp_scale; /* its shift, at most 14 */
	enum checksum l4_checksum;

	/* ICMP and ICMPv6 only */
	uint8_t icmp_type, icmp_code;
};

#endif /* MODEL_PACKET_H */
