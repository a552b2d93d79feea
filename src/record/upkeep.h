/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_UPKEEP_H
#define RECORD_UPKEEP_H

/*
 * upkeep - what happens to the closed segments of a ledger: they are compressed, and the oldest
 * go when they are too old or all are too large.
 *
 * In small steps between other work.  The open segment and the closed one before it always stay.
 * A segment is too old when the next one begins before `keep_us` ago.  When the clock is set by
 * more than a minute, age removes nothing for an hour: a clock that is wrong must not empty the
 * ledger.
 *
 * Threads: one writer.  Memory: a few MiB while there is something to do.
 */

#include <stdbool.h>
#include <stdint.h>

#include "record/seal.h"

struct upkeep_cfg {
	bool compress;
	int64_t keep_us;     /* 0 = for ever */
	uint64_t keep_bytes; /* of all segments with their tags; 0 = any */
};

struct pack;
struct retire;

struct upkeep {
	struct upkeep_cfg cfg;
	struct pack *pack;
	struct retire *retire;
	uint32_t packed_to;                   /* segments up to this one need nothing */
	int64_t pack_at, look_at, hold_until; /* monotonic */
	bool has_offset;
	int64_t offset_us; /* of wall time from monotonic time */
};

/* Where the ledger is, and when. */
struct upkeep_now {
	int dir_fd;
	uint32_t open; /* the segment that is written */
	int64_t wall_us, mono_us;
};

enum {
	UPKEEP_IDLE = 0, /* nothing is to be done */
	UPKEEP_MORE,     /* something was done */
	UPKEEP_SEAL /* write a seal that says upkeep_removed(), sync, call upkeep_remove() */
};

void upkeep_init(struct upkeep *u, const struct upkeep_cfg *cfg);
void upkeep_finish(struct upkeep *u);

/* One small step, or -errno: what failed is tried again after a minute. */
int upkeep_step(struct upkeep *u, const struct upkeep_now *now)
	__attribute__((warn_unused_result));

const struct seal_removed *upkeep_removed(const struct upkeep *u);

/* 0 or -errno. */
int upkeep_remove(struct upkeep *u, struct str tombstone)
	__attribute__((warn_unused_result));

#endif /* RECORD_UPKEEP_H */
