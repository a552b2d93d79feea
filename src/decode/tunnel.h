/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DECODE_TUNNEL_H
#define DECODE_TUNNEL_H

/*
 * tunnel - from the header of a tunnel to the first byte of what it carries; private to this
 * folder.
 *
 *   under IP     PPPoE sessions (RFC 2516), MPLS labels (RFC 3032) with IP, or with Ethernet
 *                behind a control word or without one (RFC 4385, RFC 4448)
 *   IP protocol  IPv4 and IPv6 in either (RFC 2003, 2473, 4213), MPLS (RFC 4023), GRE version
 *                0 (RFC 2784, 2890) with IP, MPLS, Ethernet, ERSPAN I, II and III
 *                (draft-foschiano-erspan-03)
 *   UDP          VXLAN (RFC 7348) on port 4789, Geneve (RFC 8926) on port 6081
 *
 * A packet that looks like none of them is left as it is and judged by its own addresses: so
 * are GRE version 1 (PPTP), GRE with another protocol inside, and datagrams on the ports of
 * VXLAN and Geneve whose header says something else (a port alone hides nothing).
 *
 * Bytes: every read goes through base/cursor.  Memory: borrows.  Threads: no state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "decode/decode.h"
#include "decode/link.h"
#include "model/packet.h"

#define TUNNEL_PORT_VXLAN  4789
#define TUNNEL_PORT_GENEVE 6081

/* Something not read yet: a packet in its link layer or tunnel, or what a packet carries. */
struct layer {
	struct cursor c;         /* captured bytes */
	size_t wire_len;         /* on the wire, at least c.left */
	enum link_family family; /* what it starts with */
	bool cut;  /* whoever made the copy left out the end: wire_len is no bound */
	bool lent; /* lies in a reassembled datagram */
};

/*
 * A layer of family MPLS or PPPOE: DECODE_OK with *l inside it, else why not.
 */
enum decode_result tunnel_enter_link(struct layer *l);

/*
 * The payload `l` of an IP packet of protocol `proto`.  False, and *l as it was: no tunnel.
 * True: *ret is DECODE_OK with *l inside it, else why not.
 */
bool tunnel_enter(uint8_t proto, struct layer *l, enum decode_result *ret);

/* Is it worth asking?  Almost never. */
static inline bool tunnel_possible(uint8_t proto, const struct cursor *payload)
{
	struct cursor h;
	uint16_t port;

	switch (proto) {
	case IP_PROTO_TCP:
		return false;
	case IP_PROTO_UDP:
		h = *payload;
		cur_skip(&h, 2);
		port = cur_be16(&h);
		return port == TUNNEL_PORT_VXLAN || port == TUNNEL_PORT_GENEVE;
	case IP_PROTO_IPV4:
	case IP_PROTO_IPV6:
	case IP_PROTO_GRE:
	case IP_PROTO_MPLS:
		return true;
	default:
		return false;
	}
}

#endif /* DECODE_TUNNEL_H */
