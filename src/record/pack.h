/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_PACK_H
#define RECORD_PACK_H

/*
 * pack - a closed segment into zstd form (RFC 8878), a small step at a time.
 *
 * NNNNNN.jsonl is read, NNNNNN.part is written and synced piece by piece, renamed to
 * NNNNNN.jsonl.zst, and only then the plain file goes.  An end at any moment leaves the plain
 * file, or both, or the compressed one alone, and each is whole: lines.h reads the plain one of
 * both.  What an end left is done again from the beginning.
 *
 * Memory: a few MiB on the heap while one is open.  Threads: one.
 */

#include <stdint.h>

struct pack;

/* 0 or -errno: -ENOENT when there is no plain file. */
int pack_open(int dir_fd, uint32_t number, struct pack **ret)
	__attribute__((warn_unused_result));

/*
 * One step: at most PACK_STEP_BYTES are read and compressed, or a part is synced, or a name
 * changed.  1: there is more to do; 0: done, the plain file is gone; or -errno: it stays.
 */
#define PACK_STEP_BYTES (256u * 1024)
int pack_step(struct pack *p) __attribute__((warn_unused_result));

/* NULL is a no-op.  What was not finished is removed. */
void pack_close(struct pack *p);

#endif /* RECORD_PACK_H */
