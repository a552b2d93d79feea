/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_RETIRE_H
#define RECORD_RETIRE_H

/*
 * retire - the oldest segment of a ledger goes, and leaves what the rest is proven by.
 *
 * Its lines are read first: their numbers, times and the running digest behind them are what the
 * seal with cause `retention` (the tombstone) says.  The seals in it that name the next key are
 * appended to epochs.jsonl, so that the keys can be followed from the root, and a copy of the
 * tombstone, by which verify finds it.  Only then the files go: an end before leaves a ledger
 * that begins where it began, and the segment is retired again.
 *
 * Memory: 3 MiB on the heap while one is open, and its epoch seals.  Threads: one.
 */

#include <stdint.h>

#include "record/seal.h"

#define RETIRE_EPOCHS "epochs.jsonl"

struct retire;

/* 0 or -errno. */
int retire_open(int dir_fd, uint32_t number, struct retire **ret)
	__attribute__((warn_unused_result));

/*
 * Read on, at most RETIRE_STEP_BYTES.  1: there is more; 0: it is read; -EBADMSG: it cannot be
 * read to its end, or holds no seal, and should stay: it is evidence of that.
 */
#define RETIRE_STEP_BYTES ((size_t)512 << 10)
int retire_step(struct retire *r) __attribute__((warn_unused_result));

/* What the tombstone says; once retire_step() returned 0. */
const struct seal_removed *retire_removed(const struct retire *r);

/* `tombstone`, with its newline, is on the disk: keep the keys, remove the files.  0 or -errno. */
int retire_finish(struct retire *r, struct str tombstone)
	__attribute__((warn_unused_result));

void retire_close(struct retire *r); /* NULL is a no-op */

#endif /* RECORD_RETIRE_H */
