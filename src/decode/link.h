/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DECODE_LINK_H
#define DECODE_LINK_H

/*
 * link - from the first byte of a frame to the first byte of its IP header, or of a tunnel
 * between the two.
 *
 * Memory: borrows the frame.  Threads: no state.
 */

#include <stdint.h>

#include "base/cursor.h"
#include "decode/decode.h"
#include "model/frame.h"

enum link_family {
	LINK_FAMILY_ANY = 0, /* the link layer does not say: the version nibble does */
	LINK_FAMILY_MPLS = 1,
	LINK_FAMILY_PPPOE = 2,
	LINK_FAMILY_IPV4 = 4,
	LINK_FAMILY_IPV6 = 6,
};

/* IANA ieee-802-numbers; values below ETHERTYPE_MIN are lengths (IEEE 802.3 3.2.6). */
enum {
	ETHERTYPE_MIN = 0x0600,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ERSPAN3 = 0x22eb,  /* draft-foschiano-erspan-03 */
	ETHERTYPE_BRIDGING = 0x6558, /* transparent Ethernet bridging */
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_MPLS = 0x8847,
	ETHERTYPE_MPLS_UPSTREAM = 0x8848, /* or multicast, before RFC 5332 */
	ETHERTYPE_PPPOE = 0x8864,         /* the session stage */
	ETHERTYPE_SERVICE_VLAN = 0x88a8,
	ETHERTYPE_ERSPAN2 = 0x88be,  /* and type I */
	ETHERTYPE_OLD_QINQ = 0x9100, /* before 802.1ad; still a setting of switches */
};

/*
 * DECODE_OK with *ret_ip behind the link layer (all captured bytes, padding too) and the
 * family that it announces; else DECODE_NOT_IP, _LINK_TRUNCATED, _LINK_UNKNOWN or
 * _TAGS_TOO_DEEP.
 */
enum decode_result link_decode(const struct frame *f, struct cursor *ret_ip,
			       enum link_family *ret_family);

/* The same of an Ethernet frame in a tunnel; moves *c. */
enum decode_result link_decode_ethernet(struct cursor *c, enum link_family *ret_family);

#endif /* DECODE_LINK_H */
