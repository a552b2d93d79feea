/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_GATEWAY_H
#define MODEL_GATEWAY_H

/*
 * gateway - what travels between the kernel's queue, the engine and enforcement inline.
 *
 * Addresses and ports are as the FORWARD hook sees them: the source before translation, the
 * destination after it.  Numbers are in host byte order.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "model/frame.h"
#include "model/names.h"

/* A packet that the kernel holds until we answer for it. */
struct queued_packet {
	uint32_t id;        /* the kernel's number, for the answer */
	uint32_t mark;      /* packet mark as it came, all bits */
	struct frame frame; /* LINK_RAW_IP; borrowed for the call */
};

/* A reset that ends one side of a TCP connection: from src to dst, as if src had sent it. */
struct tcp_reset {
	struct addr src, dst;
	uint16_t src_port, dst_port;
	uint32_t seq;
	uint32_t ack;
	bool has_ack; /* RST+ACK, else RST alone */
};

/* What connection tracking tells of one connection. */
struct conn_report {
	struct addr src, dst;
	uint16_t src_port, dst_port;
	uint8_t ip_proto;
	struct addr nat_src;   /* source after translation; all zero = not translated */
	uint16_t nat_src_port; /* 0 = not translated */
	bool counted;          /* accounting was on: the four numbers below are set */
	uint64_t packets_out, bytes_out; /* original direction; IP total lengths */
	uint64_t packets_in, bytes_in;   /* reply direction */
	uint32_t mark;                   /* conntrack mark, all bits */
	bool ended;
	enum end_reason end_reason; /* with ended: FIN, RESET or TIMEOUT */
};

#endif /* MODEL_GATEWAY_H */
