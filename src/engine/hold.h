/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_HOLD_H
#define ENGINE_HOLD_H

/*
 * hold - packets that the kernel keeps for us until their connection is decided, and how many
 * of them a connection, a source and all together may have.
 *
 * Only the kernel's numbers are kept, in the order of arrival, as a list for each connection.
 * What goes over a cap is not held; the caller drops it and the sender sends it again.
 *
 * Threads: one.  Memory: reserved at creation, none a packet.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct hold_cfg {                /* 0 = the default in brackets */
	uint32_t flow_packets;   /* [32] */
	uint32_t flow_bytes;     /* [128 KiB] */
	uint32_t source_packets; /* [2,048] */
	uint32_t total_packets;  /* [16,384]; at most 1,000,000 */
	uint64_t total_bytes;    /* [64 MiB] */
	uint64_t seed;           /* of the sources' hash */
};

struct hold;

struct hold *hold_create(const struct hold_cfg *cfg); /* NULL: out of memory */
void hold_destroy(struct hold *h);                    /* NULL is a no-op */

/* The held packets of one connection; all zero = none. */
struct hold_list {
	uint32_t first, last; /* numbers of the records + 1; 0 = none */
	uint32_t packets, bytes;
};

/* How the kernel knows a packet. */
struct held_packet {
	uint32_t id;
	uint32_t mark; /* as it came */
};

/* Keep packet `p` of `bytes` bytes from `source`.  False: it would go over a cap. */
bool hold_add(struct hold *h, struct hold_list *l, const struct addr *source,
	      struct held_packet p, uint32_t bytes) __attribute__((warn_unused_result));

/* Take the oldest out of the list.  False: the list is empty. */
bool hold_take(struct hold *h, struct hold_list *l, const struct addr *source,
	       struct held_packet *ret);

struct hold_stats {
	uint64_t held;                               /* so far */
	uint64_t over_flow, over_source, over_total; /* refused */
	uint32_t now;                                /* packets */
	uint64_t now_bytes;
};
const struct hold_stats *hold_stats(const struct hold *h);

#endif /* ENGINE_HOLD_H */
