/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_VOLUME_H
#define ENGINE_VOLUME_H

/*
 * volume - which flow events are written one by one, and which are only counted.
 *
 * Denials (also those of report-only lines alone) are kept apart by source, gate, line and host.
 * Of each such key the first VOLUME_SINGLE connections of a minute are written one by one, the
 * rest is counted; while a key is counted, so are the ends of its connections.  When the minute
 * is over a `rollup` event tells how many connections and ends were only counted, with exact
 * sums.  With `rest`, allowed connections that are not in scope are all counted so, by source,
 * service, line and host.  Nothing else is ever held back.
 *
 * What is written and what is counted always adds up:
 *   connections of a key = `start` events + sum of `count`,
 *   their ends           = `end` events + sum of `ends`.
 * A connection whose beginning was counted has its end counted.  When there is no more room for
 * keys or for open connections, events are written one by one: that costs space, loses nothing
 * and is counted.
 *
 * Minutes are those of the events' time, so that the same capture gives the same bytes however
 * many workers read it: events come here in their order.
 *
 * Memory: reserved at creation.  Threads: one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"

#define VOLUME_SINGLE    20u /* connections of a key that are written one by one a minute */
#define VOLUME_KEYS      8192u   /* keys of a minute */
#define VOLUME_OPEN      131072u /* counted connections that are open */
#define VOLUME_MINUTE_US INT64_C(60000000)

struct volume;
struct policy;     /* policy/policy.h */
struct vocabulary; /* model/service.h */

struct volume *volume_create(bool rest); /* NULL: out of memory */
void volume_destroy(struct volume *v);   /* NULL is a no-op */

/* True: it was counted and is not to be written. */
bool volume_take(struct volume *v, const struct event_digest *d);

/*
 * Where rollups go.  `vocabulary` and `rule_of` give the names of what the digests held by
 * number; they belong to the generation whose digests were taken, so all is told, by
 * volume_finish(), before another one is used.
 */
struct volume_names {
	const struct vocabulary *vocabulary;
	const struct policy *policy; /* NULL: lines are not named */
};
typedef void volume_put(void *arg, const struct rollup_event *e);

/* Tell what is counted for minutes that are over at `now_us`. */
void volume_tick(struct volume *v, int64_t now_us, const struct volume_names *names,
		 volume_put *put, void *arg);

/* Tell everything; connections that are open stay known. */
void volume_finish(struct volume *v, int64_t now_us, const struct volume_names *names,
		   volume_put *put, void *arg);

struct volume_stats {
	uint64_t counted;       /* events that were not written */
	uint64_t keys_refused;  /* events written for want of room for their key */
	uint64_t opens_refused; /* the same, for their connection */
};
void volume_stats(const struct volume *v, struct volume_stats *ret);

#endif /* ENGINE_VOLUME_H */
