/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENFORCE_INJECT_H
#define ENFORCE_INJECT_H

/*
 * inject - packets that say no: TCP resets to both ends, ICMP prohibited to a UDP client.
 *
 * Resets go out by raw sockets with our own IP header (IP_HDRINCL, IPV6_HDRINCL) in the name
 * of the other end; a receiver takes a reset only with the exact next sequence number (RFC
 * 5961 section 3.2), so the caller gives the numbers of the packet it answers.  ICMP goes out
 * in the gateway's own name: type 3 code 13 (RFC 1812 5.2.7.1), ICMPv6 type 1 code 1 (RFC
 * 4443 3.1); the kernel's limit on ICMP errors does not hold for raw sockets, so there is one
 * of ours, counted.
 *
 * Building is pure (inject_build_*), sending is not; sockets are opened before rights are
 * dropped (CAP_NET_RAW).  Threads: one.  No allocation after inject_open().
 */

#include <stddef.h>
#include <stdint.h>

#include "model/gateway.h"

#define INJECT_PACKET_MAX 1280
#define INJECT_ERROR_MAX  300

/*
 * A whole IP packet with checksums into buf; returns its length, 0 when src and dst are of
 * different families.  TTL 64, no options, window 0.
 */
size_t inject_build_reset(const struct tcp_reset *r, uint8_t buf[INJECT_PACKET_MAX]);

/*
 * The ICMP or ICMPv6 message (its header, then as much of the offending packet as fits: RFC
 * 1812 4.3.2.3: 576 bytes, RFC 4443 2.4: 1,280 bytes, IP header counted) about the packet at
 * `ip`.  The ICMPv6 checksum is left 0: the kernel fills it.  0: `ip` is no IP packet, or is
 * one that must not be answered (ICMP error, multicast or broadcast destination, not a first
 * fragment, a source that is not one host; RFC 1122 3.2.2, RFC 4443 2.4), or one of which
 * this cannot be seen because it is cut before that.  *ret_to: whom it goes to.
 */
size_t inject_build_prohibited(const uint8_t *ip, size_t len, struct addr *ret_to,
			       uint8_t buf[INJECT_PACKET_MAX]);

struct inject;

/* Open the raw sockets.  0 or -errno with a sentence in `error`. */
int inject_open(struct inject **ret, char error[INJECT_ERROR_MAX])
	__attribute__((warn_unused_result));
void inject_close(struct inject *i); /* NULL is a no-op */

/* Send; what could not be sent is counted.  Never blocks. */
void inject_reset(struct inject *i, const struct tcp_reset *r);
void inject_prohibited(struct inject *i, const uint8_t *ip, size_t len, int64_t now_us);

#define INJECT_ICMP_PER_SECOND 1000u

struct inject_stats {
	uint64_t resets, resets_failed;
	uint64_t icmp, icmp_failed, icmp_limited, icmp_not_due;
};
const struct inject_stats *inject_stats(const struct inject *i);

#endif /* ENFORCE_INJECT_H */
