/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_LEDGER_H
#define RECORD_LEDGER_H

/*
 * ledger - the append-only event log on disk, or a stream of the same lines.
 *
 * A ledger is a folder of segments 000001.jsonl, 000002.jsonl, ... of whole lines; a segment
 * closes at segment_bytes and, where lines are kept for a time, in ledger_tick() at an age
 * (upkeep_segment_us()).  Sequence numbers start at 1 and never skip.  Lines are buffered
 * and written in large pieces; ledger_sync() puts them on the disk (write, fdatasync).
 * Opening an existing ledger goes on after its last whole line; a torn last line is moved
 * aside into a .torn file and said in `error`, though ledger_open() then returns 0.
 * On a write error (disk full) nothing half-written stays: the segment is cut back to the
 * last whole line and every further append fails with the same error until ledger_retry(),
 * which writes what is still buffered.  A pipe cannot be cut back; its lines are whole only
 * as far as its reader took them.
 *
 * With `seals` the lines are chained (record/chain.h), each has a tag in the segment's sidecar,
 * and seal lines are put in where they are due: they take a sequence number, and are in no
 * return value but ledger_next_seq().  A seal that cannot be made now is made later.  Closed
 * segments are compressed, and removed when they are too old or too many, in ledger_tend().
 *
 * Threads: one writer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/upkeep.h"

struct ledger;

#define LEDGER_SEAL_EVENTS 1000
#define LEDGER_SEAL_US     10000000
#define LEDGER_EPOCH_US    3600000000

struct ledger_seals {
	const char *keys;    /* folder; NULL = a key in memory, for this ledger alone */
	uint32_t events;     /* a seal after so many lines; 0 = LEDGER_SEAL_EVENTS */
	int64_t interval_us; /* and after so much time, by ledger_tick(); 0 = never */
	int64_t epoch_us;    /* the key's life; 0 = for ever */
	int64_t wall_us;     /* time of the seal at the start; 0 = packet time */
};

struct ledger_cfg {
	const char *dir; /* NULL: lines go to `fd` instead */
	int fd;
	uint64_t segment_bytes; /* 0 = 256 MiB */
	bool must_be_new;       /* -EEXIST when dir holds a ledger already */
	const struct ledger_seals
		*seals; /* NULL = lines are not sealed; borrowed for the call */
	struct upkeep_cfg
		upkeep; /* of a sealed ledger in a folder; zero = nothing is done */
};

/*
 * 0 and *ret (caller owns: ledger_close), or -errno.  error: a sentence for the user, empty
 * when there is nothing to say; -EBUSY when another process writes this ledger.
 * The folder is made (0750) when it is missing, the one above it is not; files are 0640.
 */
int ledger_open(const struct ledger_cfg *cfg, struct ledger **ret, char error[300])
	__attribute__((warn_unused_result));

/* Append one line: `tail` as form_*() made it.  0 or -errno; on an error nothing is added. */
int ledger_append(struct ledger *l, const char *tail, size_t len)
	__attribute__((warn_unused_result));

/*
 * Time has come so far: seals and epochs that are due.  wall_us: since 1970, for the record;
 * mono_us: for intervals.  A step of an epoch waits for the disk.  0 or -errno.
 */
int ledger_tick(struct ledger *l, int64_t wall_us, int64_t mono_us)
	__attribute__((warn_unused_result));

/*
 * When there is time: one small step of what closed segments need (record/upkeep.h).  Before
 * lines are removed a seal that says so is on the disk.  1: there may be more to do; 0: there is
 * not; or -errno, which is no error of the open segment: lines go on being written.
 */
int ledger_tend(struct ledger *l, int64_t wall_us, int64_t mono_us)
	__attribute__((warn_unused_result));

struct ledger_state {
	uint64_t seal_seq; /* of the last seal; 0 = none yet */
	int64_t seal_us;
	uint64_t epoch;
	uint8_t root_public[32];
};

/* False: its lines are not sealed. */
bool ledger_state(const struct ledger *l, struct ledger_state *ret);

uint64_t ledger_next_seq(const struct ledger *l);
uint64_t ledger_bytes(
	const struct ledger *l); /* written by this process, buffered ones too */

int ledger_flush(struct ledger *l)
	__attribute__((warn_unused_result));                           /* to the kernel */
int ledger_sync(struct ledger *l) __attribute__((warn_unused_result)); /* to the disk */
int ledger_retry(struct ledger *l) __attribute__((warn_unused_result));

/*
 * Are the open segment and the folder still there?  0; 1: the segment was removed, and a new
 * one was begun, to which further lines go; -ENOENT: the folder was removed, and only opening
 * the ledger anew helps; or -errno.  What went with a removed file cannot be had back.
 */
int ledger_look(struct ledger *l) __attribute__((warn_unused_result));

/* Flush, sync and close.  0 or -errno of what was lost; the ledger is gone either way. */
int ledger_close(struct ledger *l);

/*
 * Close and take back a ledger that was opened with must_be_new: its segments are removed, and
 * `dir` (as it was opened) if ledger_open() made it.
 */
void ledger_discard(struct ledger *l, const char *dir);

#endif /* RECORD_LEDGER_H */
