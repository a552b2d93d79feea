/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_TAGS_H
#define RECORD_TAGS_H

/*
 * tags - the sidecar of a segment: NNNNNN.tags, CHAIN_TAG bytes a line, in order.
 *
 * A seal says that something in its range is wrong; the tags say which line.  They are no proof:
 * whoever can change lines can change them.  A tag is written after its line.
 *
 * Memory: the caller's; nothing is allocated.  Threads: one writer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/chain.h"

#define TAGS_WAITING_MAX 16384

struct tags {
	int fd;           /* -1 = none */
	uint64_t written; /* tags in the file */
	size_t waiting;   /* of these, `ready` belong to lines that were written */
	size_t ready;
	uint8_t buf[TAGS_WAITING_MAX][CHAIN_TAG];
};

void tags_init(struct tags *t);

/* The sidecar of a segment that holds `lines` tags, others are cut off or missing.  0 or -errno. */
int tags_open(struct tags *t, int dir_fd, uint32_t number, uint64_t lines)
	__attribute__((warn_unused_result));
void tags_close(struct tags *t); /* what is ready and not written is dropped */

/* False: no room; lines must be written first. */
bool tags_add(struct tags *t, const uint8_t digest[CHAIN_DIGEST]);

/* So many of the waiting ones have their lines in the file now. */
void tags_ready(struct tags *t, size_t lines);

/* Write what is ready.  0 or -errno; what could not be written stays. */
int tags_flush(struct tags *t) __attribute__((warn_unused_result));
int tags_sync(struct tags *t) __attribute__((warn_unused_result));

#endif /* RECORD_TAGS_H */
