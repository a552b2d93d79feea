/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_GUESSER_H
#define ENGINE_GUESSER_H

/*
 * guesser - the other end of guess.h's rings: nDPI in a process of its own, without rights.
 *
 * It has nothing but the two rings, a page of numbers (gateway.h) and what was in memory at the
 * fork.  Each ask is copied and given back before nDPI sees it, so a packet that ends one guesser
 * does not meet the next.  A new guesser knows nothing of the guesses before it: their packets are
 * ignored.
 *
 * Threads: none but its own.  Memory: the caps of identify/ndpi.h.
 */

#include "engine/guess.h"

struct guesser;

struct guesser *guesser_create(const struct guess_rings *rings,
			       const struct ndpi_cfg *ndpi);
void guesser_destroy(struct guesser *g); /* NULL is a no-op */

/* Take up to `max` asks; how many there were. */
unsigned guesser_serve(struct guesser *g, unsigned max);

struct guesser_stats {
	struct ndpi_memory memory;
	uint64_t answers_lost; /* found their ring full */
	uint64_t ignored;      /* asks of guesses before its time, or that were no asks */
};
void guesser_stats(const struct guesser *g, struct guesser_stats *ret);

#endif /* ENGINE_GUESSER_H */
