/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_REST_H
#define ENGINE_REST_H

/*
 * rest - connections of TCP that have ended for us, and may go on for their ends: by time-out,
 * by a reset that may have been lost, for want of room.
 *
 * What such a connection says later is no beginning, however it looks.  They are known by their
 * key until newer ones take their place.  Threads and memory: one worker's, of fixed size.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/flow_key.h"

struct rests;

/* So many, rounded up to a power of two.  NULL: out of memory. */
struct rests *rests_create(uint32_t max, uint64_t seed);
void rests_destroy(struct rests *r); /* NULL is a no-op */

/*
 * It may go on.  `next`: the sequence number of its client's next byte; `begins`: there the
 * client's next message begins, since all before were whole.
 */
void rests_note(struct rests *r, const struct flow_key *k, uint32_t next, bool begins);

/* It cannot. */
void rests_forget(struct rests *r, const struct flow_key *k);

/* A connection whose client's first byte seen is `seq`: did it go on, amid a message? */
bool rests_is_amid(const struct rests *r, const struct flow_key *k, uint32_t seq);

/* Is it one of them? */
bool rests_has(const struct rests *r, const struct flow_key *k);

#endif /* ENGINE_REST_H */
