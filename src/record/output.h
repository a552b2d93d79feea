/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_OUTPUT_H
#define RECORD_OUTPUT_H

/*
 * output - one descriptor that only ever holds whole lines.
 *
 * A write that fails half-way is cut back to the last whole line where the descriptor can be
 * cut (a regular file that nobody else has grown); a pipe or socket cannot take bytes back.  A
 * file that nobody else writes is also cut back when a write failed and left bytes all the same.
 *
 * Threads: one writer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output {
	int fd;         /* -1 = none */
	bool can_cut;   /* a regular file */
	bool alone;     /* and nobody else writes it: whoever opened it says so */
	bool torn;      /* bytes past `size` are still there: cut before writing */
	uint64_t size;  /* of whole lines, or where writing began when it cannot be cut */
	uint64_t stuck; /* file size when the cut failed */
};

/* Take over `fd` as it stands.  0 or -errno. */
int output_open(struct output *o, int fd) __attribute__((warn_unused_result));

/*
 * Write lines.  *ret_written: how many bytes of whole lines stand in the file (all of them
 * when 0 is returned).  0 or -errno; -EPIPE instead of SIGPIPE.
 */
int output_write(struct output *o, const char *lines, size_t len, size_t *ret_written)
	__attribute__((warn_unused_result));

/* write(2) of everything, through signals and full non-blocking pipes. */
int output_write_all(int fd, const char *bytes, size_t len, size_t *ret_done)
	__attribute__((warn_unused_result));

#endif /* RECORD_OUTPUT_H */
