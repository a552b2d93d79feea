/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_RESOLVE_H
#define ENGINE_RESOLVE_H

/*
 * resolve - which packets are answers of a site's own resolver to one of its clients.
 *
 * Decided by the packets between these alone: port 53, between an inside client and a resolver
 * that its site names (sites.resolvers), the first answer to a query that was seen; by UDP, or by
 * TCP of which the SYN and the client's first bytes were seen.  What it depends on are the packets
 * of such resolvers and nothing else, so that the reader of a replay finds for all of its workers
 * what one worker finds for itself.
 *
 * Streams of TCP are put together as flow/head does.  At most RESOLVE_STREAMS at a time, the
 * one that was silent longest goes; one with two contents for a byte, with a message of over
 * 18 KiB, or without memory is given up.  All three are counted: its answers count for nobody.
 *
 * Threads: one owner.  Memory: reserved at creation, resident as used.
 */

#include <stdbool.h>
#include <stdint.h>

#include "engine/generation.h"
#include "identify/dns.h"
#include "model/packet.h"

#define RESOLVE_QUERIES 16384u /* outstanding at a time */
#define RESOLVE_STREAMS 1024u

/* What a resolver told somebody of its site. */
struct site_answer {
	uint64_t site; /* generation_site_id() */
	struct dns_message message;
};

struct resolve;

struct resolve *resolve_create(uint32_t queries); /* NULL: out of memory */
void resolve_destroy(struct resolve *r);          /* NULL is a no-op */

/* Are both such that resolve_packet() may want the packet?  Quickly, by addresses alone. */
bool resolve_concerns(const struct generation *g, const struct addr *src,
		      const struct addr *dst);

/* Remember queries, and tell the answers that the packet completes; *a is borrowed for the call. */
typedef void resolve_tell(void *arg, const struct site_answer *a);
void resolve_packet(struct resolve *r, const struct generation *g,
		    const struct packet *pkt, int64_t clock_us, resolve_tell *tell,
		    void *arg);

/* Streams that were given up. */
uint64_t resolve_lost(const struct resolve *r);

#endif /* ENGINE_RESOLVE_H */
