/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_SEGMENTS_H
#define RECORD_SEGMENTS_H

/*
 * segments - the files of a ledger's folder: names, the last one, its last whole line.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SEGMENT_NAME_MAX 32

/*
 * "000001.jsonl"; more digits when there are more segments.  No other spelling of a number, and
 * no 0, is a segment's name.
 */
void segment_name(uint32_t number, const char *suffix, char buf[SEGMENT_NAME_MAX]);

/* *ret: the highest segment number in the folder, 0 = none.  0 or -errno. */
int segments_last(int dir_fd, uint32_t *ret) __attribute__((warn_unused_result));

/* *ret: the lowest segment number above `after`, 0 = none.  0 or -errno. */
int segments_after(int dir_fd, uint32_t after, uint32_t *ret)
	__attribute__((warn_unused_result));

/*
 * The time of the first line that has one (record/expired.h: not all have).  0 or -errno:
 * -EBADMSG when there is none.
 */
int segment_begins(int dir_fd, uint32_t number, int64_t *ret_us)
	__attribute__((warn_unused_result));

/* *ret: the bytes of all segments, compressed or not, and of their sidecars.  0 or -errno. */
int segments_bytes(int dir_fd, uint64_t *ret) __attribute__((warn_unused_result));

struct segments_odd {
	unsigned
		stray_count; /* digits and .jsonl, but not as segment_name() spells them */
	char stray[SEGMENT_NAME_MAX]; /* the first of them; a long name is cut */
	char no_file
		[SEGMENT_NAME_MAX]; /* the first segment that is a link, a FIFO, ... */
};

/* What looks like a segment in the folder and is none.  Empty names: nothing is. */
void segments_odd(const char *dir, struct segments_odd *ret);

/* A file that root made in another user's folder becomes that user's.  0 or -errno. */
int segment_give(int dir_fd, int fd) __attribute__((warn_unused_result));

/* Another file in such a folder: made or emptied, written, given as above, synced.  0 or -errno. */
int segment_beside(int dir_fd, const char *name, mode_t mode, const void *bytes,
		   size_t len) __attribute__((warn_unused_result));

/* Create a segment that does not exist yet; its entry is synced.  A descriptor or -errno. */
int segment_create(int dir_fd, uint32_t number) __attribute__((warn_unused_result));

struct segment_end {
	int fd; /* open for appending; the caller's */
	uint64_t size;
	uint64_t torn_bytes; /* moved into NNNNNN.torn */
	bool has_line;
	uint64_t last_seq; /* of the last whole line */
};

/*
 * Open a segment to go on behind its last whole line.  A torn last line is moved aside.
 * 0 or -errno; -EBADMSG when the last whole line is not one of a ledger.
 */
int segment_reopen(int dir_fd, uint32_t number, struct segment_end *ret)
	__attribute__((warn_unused_result));

/* The same of a compressed one: has_line and last_seq are said, fd is -1.  0 or -errno. */
int segment_packed_end(int dir_fd, uint32_t number, struct segment_end *ret)
	__attribute__((warn_unused_result));

#endif /* RECORD_SEGMENTS_H */
