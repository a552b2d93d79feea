/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_NDPI_PACKET_H
#define IDENTIFY_NDPI_PACKET_H

/*
 * ndpi_packet - what nDPI gets to see of a packet: headers of one form that we write, and the
 * payload that decode found.
 *
 *     IPv4 header of 20 bytes (RFC 791 3.1; IPv6 too becomes this), no checksum, two stand-ins
 *     for addresses | TCP header of 20 bytes (RFC 9293 3.1: ports, numbers, ACK PSH, window) or
 *     UDP header of 8 (RFC 768) | payload, at most NDPI_PAYLOAD_MAX bytes
 *
 * Options, fragments, flags, checksums and addresses of the wire stay behind.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/packet.h"

#define NDPI_PAYLOAD_MAX 4096
#define NDPI_PACKET_MAX  (20 + 20 + NDPI_PAYLOAD_MAX)
#define NDPI_UDP_PAYLOAD (20 + 8) /* where it begins */

/* Length of the packet in `to`; 0: it is not TCP or UDP, or has no payload. */
size_t ndpi_packet_normalize(const struct packet *p, uint8_t to[NDPI_PACKET_MAX]);

/* Is this of that form, with this transport?  For those who got it from somebody else. */
bool ndpi_packet_is_normal(const uint8_t *packet, size_t len, uint8_t ip_proto);

#endif /* IDENTIFY_NDPI_PACKET_H */
