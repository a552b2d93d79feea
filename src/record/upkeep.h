/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_UPKEEP_H
#define RECORD_UPKEEP_H

/*
 * upkeep - what happens to the closed segments of a ledger: they are compressed, lines of types
 * whose time has passed are taken out, and the oldest segments go when they are too old or all are
 * too large.
 *
 * In small steps between other work.  The open segment and the closed one before it always stay;
 * lines go out of any closed one.
 * A segment is too old when one behind it begins before `keep_us` ago.  One whose lines cannot be
 * those that were sealed, or were not counted by type, is passed over with -ENOTSUP.  When the clock is set by
 * more than a minute, age removes nothing for an hour, neither lines nor segments: a clock that is
 * wrong must not empty the ledger.
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
	int64_t keep_type_us
		[EXPIRING_COUNT]; /* lines of these types; 0 = as their segment */
};

struct pack;
struct expire;
struct retire;

struct upkeep {
	struct upkeep_cfg cfg;
	struct pack *pack;
	struct expire *expire; /* of that segment, for these types */
	uint32_t expire_segment;
	unsigned expire_types;
	uint64_t expire_went[EXPIRING_COUNT]; /* lines of the last one that was closed */
	bool marks_read;
	struct expired_marks marks;
	struct retire *retire;
	uint32_t packed_to; /* segments up to this one need nothing */
	bool failed;        /* upkeep_go() did */
	int64_t pack_at, expire_at, look_at, hold_until; /* monotonic */
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
	UPKEEP_SEAL /* write a seal that says upkeep_told(), sync, call upkeep_go() */
};

/*
 * The age at which the open segment should be closed, so that what is kept for a time does not
 * stay much longer: a day, or the shortest of the times, but at least 6 hours.  0 = any age.
 */
int64_t upkeep_segment_us(const struct upkeep_cfg *cfg);

void upkeep_init(struct upkeep *u, const struct upkeep_cfg *cfg);
void upkeep_finish(struct upkeep *u);

/* One small step, or -errno: what failed is tried again after a minute. */
int upkeep_step(struct upkeep *u, const struct upkeep_now *now)
	__attribute__((warn_unused_result));

/* What that seal says: one of the two, the other is NULL. */
void upkeep_told(const struct upkeep *u, const struct seal_removed **ret_removed,
		 const struct seal_expired **ret_expired);

/* `seal`, with its newline, is on the disk.  0 or -errno. */
int upkeep_go(struct upkeep *u, int dir_fd, struct str seal)
	__attribute__((warn_unused_result));

#endif /* RECORD_UPKEEP_H */
