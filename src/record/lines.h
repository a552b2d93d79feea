/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_LINES_H
#define RECORD_LINES_H

/*
 * lines - the lines of one segment, plain (NNNNNN.jsonl) or compressed (NNNNNN.jsonl.zst,
 * RFC 8878).
 *
 * The bytes are hostile: a line has a cap, a compressed file a cap of memory (its window), and
 * what is damaged ends the reading.  Where both files are there, the plain one is read: the
 * compressed one is a copy whose making was interrupted.
 *
 * Memory: about 3 MiB on the heap.  Threads: one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define LINES_LINE_MAX ((size_t)1 << 20) /* form.h writes at most a tenth */

struct lines;

enum lines_end {
	LINES_LINE = 0, /* a whole one */
	LINES_END,
	LINES_TORN,   /* bytes without a newline at the end: no line */
	LINES_LONG,   /* a line over the cap; nothing behind it is read */
	LINES_DAMAGED /* unreadable, or no zstd */
};

/* 0 or -errno: -ENOENT when there is no such segment. */
int lines_open(int dir_fd, uint32_t number, struct lines **ret)
	__attribute__((warn_unused_result));
void lines_close(struct lines *l); /* NULL is a no-op */

/* The file's name; as long as it is open. */
const char *lines_name(const struct lines *l);

/*
 * The next line without its newline, which stands behind it in memory, so that (p, len + 1) is
 * the line with it.  Until the next call.  LINES_TORN gives the bytes that are there.
 */
enum lines_end lines_next(struct lines *l, struct str *ret);

/*
 * Go on at `offset` of the text: where a line begins.  Forward is cheap, also in a compressed
 * file; backward begins one anew.  False: it cannot be, and no line follows.
 */
bool lines_seek(struct lines *l, uint64_t offset);

#endif /* RECORD_LINES_H */
