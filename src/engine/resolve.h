/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_RESOLVE_H
#define ENGINE_RESOLVE_H

/*
 * resolve - which packets are answers of a site's own resolver to one of its clients.
 *
 * Decided by the packet alone: UDP, port 53, between an inside client and a resolver that its
 * site names (sites.resolvers), the first answer to a query that was seen.  What it
 * depends on are the packets of such resolvers and nothing else, so that the reader of a replay
 * finds for all of its workers what one worker finds for itself.
 */

#include <stdbool.h>
#include <stdint.h>

#include "engine/generation.h"
#include "identify/dns.h"
#include "identify/outstanding.h"
#include "model/packet.h"

#define RESOLVE_QUERIES 16384u /* outstanding at a time */

/* What a resolver told somebody of its site. */
struct site_answer {
	uint64_t site; /* generation_site_id() */
	struct dns_message message;
};

/* Are both such that resolve_packet() may want the packet?  Quickly, by addresses alone. */
bool resolve_concerns(const struct generation *g, const struct addr *src,
		      const struct addr *dst);

/* Remember a query, or find an answer: true, *ret is filled. */
bool resolve_packet(struct outstanding *asked, const struct generation *g,
		    const struct packet *pkt, int64_t clock_us, struct site_answer *ret);

#endif /* ENGINE_RESOLVE_H */
