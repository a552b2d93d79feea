/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DECODE_TRANSPORT_H
#define DECODE_TRANSPORT_H

/*
 * transport - the header above IP: TCP, UDP, ICMP, ICMPv6, SCTP.
 *
 * Memory: borrows the bytes.  Threads: no state.
 */

#include <stddef.h>

#include "base/cursor.h"
#include "decode/decode.h"
#include "model/packet.h"

/*
 * Decode the payload of an IP packet: `c` holds its captured bytes, link-layer padding cut
 * off, and `wire_len` (>= c.left) says how many it had on the wire.  p->src, p->dst and
 * p->ip_proto are set; fills the transport's fields of *p.
 */
enum decode_result transport_decode(struct cursor c, size_t wire_len, struct packet *p);

#endif /* DECODE_TRANSPORT_H */
