/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_SQUEEZE_H
#define RECORD_SQUEEZE_H

/*
 * squeeze - the text of a segment, in parts, into a file that is being made: NNNNNN.part, in zstd
 * form (RFC 8878) or as it is.
 *
 * Each wait for the disk is short: after each MiB a sync is due.
 *
 * Memory: about a MiB of zstd's while one is open.  Threads: one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/segments.h"

#define SQUEEZE_FRAME_BYTES ((size_t)64 << 10)

struct ZSTD_CCtx_s;

struct squeeze {
	int dir_fd;               /* the caller's */
	int fd;                   /* -1 = none */
	struct ZSTD_CCtx_s *zstd; /* NULL = as it is */
	size_t unsynced;
	char name[SEGMENT_NAME_MAX];
	char frame[SQUEEZE_FRAME_BYTES];
};

/* What is there by that name goes first.  0 or -errno. */
int squeeze_open(struct squeeze *s, int dir_fd, uint32_t number, bool packed)
	__attribute__((warn_unused_result));

/* `last`: nothing follows. */
int squeeze_add(struct squeeze *s, const char *text, size_t len, bool last)
	__attribute__((warn_unused_result));

bool squeeze_is_due(const struct squeeze *s); /* for a sync */
int squeeze_sync(struct squeeze *s) __attribute__((warn_unused_result));

/* It is whole and synced: it takes that name.  0 or -errno. */
int squeeze_rename(struct squeeze *s, const char *name)
	__attribute__((warn_unused_result));

/* Of one that has no other name yet the file goes. */
void squeeze_close(struct squeeze *s);

#endif /* RECORD_SQUEEZE_H */
