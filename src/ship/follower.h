/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIP_FOLLOWER_H
#define SHIP_FOLLOWER_H

/*
 * follower - the lines of a ledger behind a place, while it grows, is compressed and pruned.
 *
 * The place is checked by the digest of its line.  Each line that is passed over is told: lines
 * that are gone, lines that are none of a ledger.  What the folder holds is hostile.
 *
 * Memory: record/read.h's, about 3 MiB.  Threads: one.  Reads no clock.
 */

#include <stdint.h>

#include "record/read.h"
#include "ship/saved.h"

struct follower;

enum followed_kind {
	FOLLOWED_LINE = 0,
	FOLLOWED_END,   /* no more lines now */
	FOLLOWED_LOST,  /* lines from_seq to to_seq are gone */
	FOLLOWED_BEGUN, /* the place is not in this ledger: read from its first line */
	FOLLOWED_BACK,  /* the same ledger without that line: from the segment's first */
	FOLLOWED_ODD, /* a line that is none of a ledger, or stands at another's place */
	FOLLOWED_UNREADABLE /* `error` says why; perhaps later */
};

struct followed {
	enum followed_kind kind;
	struct ledger_line line; /* LINE, ODD; until the next call */
	struct ship_place at;    /* LINE */
	uint64_t from_seq, to_seq;
	char error[SHIP_ERROR_MAX];
};

/* NULL: out of memory.  `dir` need not be there yet. */
struct follower *follower_create(const char *dir);
void follower_destroy(struct follower *f); /* NULL is a no-op */

/*
 * Go on behind `after`.  `ledger` is what follower_ledger() said when the place was saved; all
 * zero = not known.
 */
void follower_go(struct follower *f, const struct ship_place *after,
		 const uint8_t ledger[SHIP_DIGEST]);

void follower_next(struct follower *f, struct followed *ret);

/* SHA-256 of the ledger's ledger.pub: all zero when it has none. */
void follower_ledger(const struct follower *f, uint8_t ret[SHIP_DIGEST]);

#endif /* SHIP_FOLLOWER_H */
