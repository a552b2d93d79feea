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
 * Where the configuration says so, tunnels are opened (decode/tunnel.h) and the packet is the
 * innermost one, through at most DECODE_TUNNELS_MAX of them.
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
#define DECODE_EXTENSIONS_MAX 192 /* a packet of 1,500 bytes has no room for more */
#define DECODE_TUNNELS_MAX    8   /* one in the other; a stack of labels is one */
#define DECODE_LABELS_MAX     16  /* MPLS labels of one stack */

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
	X(UDP_LENGTH, "udp_length", "UDP length impossible")                           \
	X(TUNNEL_TRUNCATED, "tunnel_truncated", "header of a tunnel cut off")          \
	X(TUNNEL_TOO_DEEP, "tunnel_too_deep", "more tunnels in each other than read")  \
	X(PPPOE_HEADER, "pppoe_header",                                                \
	  "PPPoE version, type or code wrong, or length over the frame's")             \
	X(MPLS_LABELS, "mpls_labels", "more MPLS labels than read")                    \
	X(MPLS_PAYLOAD, "mpls_payload",                                                \
	  "neither IP nor Ethernet that carries it behind MPLS labels")                \
	X(GRE_FLAGS, "gre_flags", "GRE with source routes or a reserved flag")         \
	X(GRE_CHECKSUM, "gre_checksum", "GRE checksum wrong")                          \
	X(ERSPAN_HEADER, "erspan_header", "ERSPAN version not that of its type")       \
	X(GENEVE_OPTIONS, "geneve_options", "Geneve options run past the datagram")

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
	/*
	 * Open tunnels.  Only where nobody acts on the outer packet by what is said of the
	 * inner one: replay and mirror ports, never inline.
	 */
	bool tunnels;
};

struct decoder;

struct decoder *decoder_create(const struct decode_cfg *cfg); /* NULL: out of memory */
void decoder_destroy(struct decoder *d);

/*
 * Decode `f`.  On DECODE_OK fills *ret; with IP_CHECKSUM nothing is delivered.
 * A packet whose capture was cut inside the payload is OK with `truncated`.
 */
enum decode_result decode_frame(struct decoder *d, const struct frame *f,
				struct packet *ret);

/* Give up what waits for fragments since too long; decode_frame() does so by itself. */
void decoder_tick(struct decoder *d, int64_t clock_us);

/*
 * Verify the TCP or UDP checksum of `p` (just decoded, with its whole header) and store what it is in
 * p->l4_checksum.
 */
void decode_check_l4(struct packet *p);

/* Counts by decode_result since creation. */
const uint64_t *decoder_counts(const struct decoder *d);

enum decode_place {
	DECODE_PLACE_NONE = 0,  /* no packet */
	DECODE_PLACE_ADDRESSES, /* a packet between these */
	DECODE_PLACE_FRAGMENT,  /* only the whole datagram will tell */
};

/*
 * Only the IP addresses of a frame, quickly and without state, for choosing a worker; `tunnels`
 * as in decode_cfg.  The addresses agree with decode_frame() on every frame for which that
 * answers OK; a fragment is one to both, unless its capture or its place is wrong.
 */
enum decode_place decode_addresses(const struct frame *f, bool tunnels,
				   struct addr *ret_src, struct addr *ret_dst);

#endif /* DECODE_DECODE_H */
