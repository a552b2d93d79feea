/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DNSTAP_LOG_H
#define ENGINE_DNSTAP_LOG_H

/*
 * dnstap_log - answers to clients out of files of dnstap, in the order of their time.
 *
 * The operator names the file, so it is a resolver's of ours; only clients of a site count.
 * A log that is not in order is taken as it comes.  At its first fault a log ends, with a
 * sentence; what came before counts.
 *
 * Threads: one owner.  Memory: a buffer a file, at opening.
 */

#include <stdint.h>

#include "engine/generation.h"
#include "identify/dnstap.h"

#define DNSTAP_LOGS_MAX 16

struct dnstap_stats {
	uint64_t answers;   /* given */
	uint64_t others;    /* messages of other types */
	uint64_t strangers; /* answers to clients of no site */
	uint64_t unusable;  /* without client, time or readable answer, or malformed */
};

struct dnstap_logs;

/*
 * Open `count` files (at most DNSTAP_LOGS_MAX, `paths` borrowed).  `fault` is told of each that
 * cannot be read to its end, or at all; then and later.  NULL: out of memory.
 */
struct dnstap_logs *dnstap_logs_open(const struct generation *g, const char *const *paths,
				     size_t count,
				     void (*fault)(void *arg, const char *message),
				     void *arg);
void dnstap_logs_close(struct dnstap_logs *l); /* NULL is a no-op */

/* The next answer given at or before `clock_us`, borrowed until the next call; NULL = none. */
const struct dnstap_answer *dnstap_logs_next(struct dnstap_logs *l, int64_t clock_us);

const struct dnstap_stats *dnstap_logs_stats(const struct dnstap_logs *l);

#endif /* ENGINE_DNSTAP_LOG_H */
