/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DECODE_DECODE_H
#define DECODE_DECODE_H

/*
 * decode - a frame's headers, from the link layer to the transport.
 *
 * Ethernet II and 802.3/SNAP, any number of VLAN tags up to DECODE_TAGS_MAX (802.1Q, 802.1ad,
 * 0x9100), Linux cooked v1/v2, null/loop, raw IP; IPv4 with options; IPv6 with hop-by-hop,
 * routing, destination, fragment, AH and mobility headers up to DECODE_EXTENSIONS_MAX;
 * fragments of both families put together within caps, overlaps detected; TCP with options,
 * UDP, ICMP, ICMPv6, SCTP ports.  Every frame ends in exactly one decode_result, each counted.
 *
 * ICMP "ports" are Community ID's: type and code mapped so that request and reply share a
 * key (corelight/community-id-spec); for errors the packet is the ICMP packet itself.
 *
 * Bytes: every read goes through base/cursor.  Memory: the context is allocated at creation;
 * decoding allocates nothing.  Threads: one context a thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "model/frame.h"
#include "model/packet.h"

#define DECODE_TAGS_MAX       4
#define DECODE_EXTENSIONS_MAX 10

/*
 * Word, and what it means; docs/counters.md and a golden case for each.  FRAGMENT_TIMEOUT
 * alone counts datagrams and is no frame's result.
 */
#define DECODE_RESULTS(X)                                                              \
	X(OK, "ok", "a packet")                                                        \
	X(FRAGMENT_HELD, "fragment_held", "a fragment waiting for the others")         \
	X(NOT_IP, "not_ip", "ARP, LLDP and other link-layer protocols")                \
	X(LINK_TRUNCATED, "link_truncated", "frame shorter than its link header")      \
	X(LINK_UNKNOWN, "link_unknown", "unknown address family or link header")       \
	X(TAGS_TOO_DEEP, "tags_too_deep", "more VLAN tags than read")                  \
	X(IP_TRUNCATED, "ip_truncated", "IP header cut off")                           \
	X(IP_VERSION, "ip_version", "version nibble is neither 4 nor 6")               \
	X(IP_HEADER_LENGTH, "ip_header_length", "IPv4 header length under 20 bytes")   \
	X(IP_TOTAL_LENGTH, "ip_total_length",                                          \
	  "total length under the header's or over the frame's; jumbograms")           \
	X(IP_CHECKSUM, "ip_checksum", "IPv4 header checksum wrong")                    \
	X(IP_MAPPED, "ip_mapped", "IPv6 packet with an IPv4-mapped address")           \
	X(EXTENSION_TRUNCATED, "extension_truncated", "IPv6 extension header cut off") \
	X(EXTENSION_TOO_MANY, "extension_too_many",                                    \
	  "more IPv6 extension headers than read")                                     \
	X(FRAGMENT_BAD, "fragment_bad",                                                \
	  "offset, length or end of a fragment impossible, or cut by the capture")     \
	X(FRAGMENT_OVERLAP, "fragment_overlap",                                        \
	  "fragments overlap: datagram dropped (RFC 5722)")                            \
	X(FRAGMENT_CAP, "fragment_cap", "no room for another datagram in pieces")      \
	X(FRAGMENT_TIMEOUT, "fragment_timeout", "datagrams never completed")           \
	X(L4_TRUNCATED, "l4_truncated", "transport header cut off")                    \
	X(TCP_HEADER_LENGTH, "tcp_header_length", "TCP data offset impossible")        \
	X(TCP_OPTIONS, "tcp_options", "TCP options run past the header")               \
	X(UDP_LENGTH, "udp_length", "UDP length impossible")

#define DECODE_ENUM(id, word, text) DECODE_##id,
enum decode_result {
	DECODE_RESULTS(DECODE_ENUM) DECODE_RESULT_COUNT
};
#undef DECODE_ENUM

const char *decode_result_name(enum decode_result r);
const char *decode_result_text(enum decode_result r);

struct decode_cfg {
	uint32_t fragments_max; /* datagrams of at most 64 KiB in pieces; 0 = 1,024 */
	int64_t fragment_timeout_us; /* by frame clock; 0 = 30 s */
};

struct decoder;

struct decoder *decoder_create(const struct decode_cfg *cfg); /* NULL: out of memory */
void decoder_destroy(struct decoder *d);

/*
 * Decode `f`.  On DECODE_OK fills *ret; with IP_CHECKSUM, TCP_OPTIONS nothing is delivered.
 * A packet whose capture was cut inside the payload is OK with `truncated`.
 */
enum decode_result decode_frame(struct decoder *d, const struct frame *f,
				struct packet *ret);

/* Give up what waits for fragments since too long; decode_frame() does so by itself. */
void decoder_tick(struct decoder *d, int64_t clock_us);

/* Verify the TCP or UDP checksum of `p` (just decoded) and store it in p->l4_checksum. */
void decode_check_l4(struct packet *p);

/* Counts by decode_result since creation. */
const uint64_t *decoder_counts(const struct decoder *d);

/*
 * Only the IP addresses of a frame, quickly, for choosing a worker: true when it is IP.
 * Agrees with decode_frame() on every frame for which that answers OK or FRAGMENT_HELD.
 */
bool decode_addresses(const struct frame *f, struct addr *ret_src, struct addr *ret_dst);

#endif /* DECODE_DECODE_H */
