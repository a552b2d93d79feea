/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DNSTAP_FEED_H
#define ENGINE_DNSTAP_FEED_H

/*
 * dnstap_feed - what resolvers tell the running gateway, from the process that listens to them
 * (dnstap_server.h) to the worker: one ring of records, each a client, a time and a DNS message.
 *
 * Neither side believes the other.  A record is copied before it is looked at, its DNS message is
 * read by the reader of all DNS, only clients of a site count, and a time that is yet to come
 * is now: so whoever listens can tell lies of DNS, and nothing else.
 *
 * Threads: each side belongs to one.  Memory: 64 KiB at creation.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ring.h"
#include "engine/worker.h"
#include "identify/dnstap.h"

#define DNSTAP_DNS_MAX 65535u /* a DNS message, RFC 1035 4.2.2 */

/* The listener's side.  False: the ring is full, or the message is none. */
bool dnstap_feed_put(struct ring *r, const struct dnstap_told *told);

/* ---- the worker's side ---- */

struct dnstap_feed_stats {
	uint64_t answers;   /* to clients of a site */
	uint64_t strangers; /* to others */
	uint64_t unusable;  /* no answer that can be read, or no record */
};

struct dnstap_feed;

/* NULL: out of memory.  `r` is borrowed for its life. */
struct dnstap_feed *dnstap_feed_create(struct ring *r);
void dnstap_feed_destroy(struct dnstap_feed *f); /* NULL is a no-op */

/*
 * The oldest record, which is given back.  False: there is none.  *ret: the answer, borrowed until
 * the next call, or NULL: the record was none (counted).
 */
bool dnstap_feed_next(struct dnstap_feed *f, const struct dnstap_answer **ret);

/* Give up to `max` answers to the worker; how many records there were. */
unsigned dnstap_feed_take(struct dnstap_feed *f, struct worker *w,
			  const struct generation *g, int64_t now_us, unsigned max);
void dnstap_feed_stats(const struct dnstap_feed *f, struct dnstap_feed_stats *ret);

#endif /* ENGINE_DNSTAP_FEED_H */
