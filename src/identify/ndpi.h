/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_NDPI_H
#define IDENTIFY_NDPI_H

/*
 * ndpi - nDPI behind one adapter: the protocol of what our own readers do not know.
 *
 * Never on the way to a name.  nDPI is C code that reads hostile bytes: it gets packets that
 * we rebuilt (plain IP header and transport, so that both parsers see the same thing), of
 * one transport protocol a flow, at most NDPI_PACKETS_MAX, and its memory is given back at
 * the answer.  Facts about 4.2 (Debian 12): one detection module a thread; frees by the last
 * packet's transport, so mixing transports in one flow structure crashes it.
 *
 * Off the packet path's rules: nDPI allocates; its allocations are counted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/packet.h"

#define NDPI_PACKETS_MAX 8

struct ndpi_adapter;
struct ndpi_guess; /* one flow's state */

struct ndpi_adapter *ndpi_adapter_create(void); /* NULL: out of memory */
void ndpi_adapter_destroy(struct ndpi_adapter *a);

struct ndpi_guess *ndpi_guess_start(struct ndpi_adapter *a, uint8_t ip_proto);

/*
 * Feed a packet; true when nDPI has its answer (or has had enough).  Then, or at the flow's
 * end, ndpi_guess_finish() writes the lower-case protocol word ("bittorrent"; "" = unknown;
 * port guesses count as unknown) into name[24] and frees the state.
 */
bool ndpi_guess_feed(struct ndpi_adapter *a, struct ndpi_guess *g, const struct packet *p,
		     int64_t time_us);
void ndpi_guess_finish(struct ndpi_adapter *a, struct ndpi_guess *g, char name[24]);

const char *ndpi_library_version(void);

#endif /* IDENTIFY_NDPI_H */
