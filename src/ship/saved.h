/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIP_SAVED_H
#define SHIP_SAVED_H

/*
 * saved - the file that keeps how far the receiver has the ledger.
 *
 *   weir-ship 1
 *   ledger HEX     SHA-256 of the ledger's ledger.pub; zeros = it had none
 *   segment N      of the last line that is not sent again; 0 with seq 0 = none yet
 *   line N         in the segment, from 1
 *   offset N       of its first byte in the segment's text
 *   seq N
 *   digest HEX     SHA-256 of it with its newline
 *   acked N        the last line that the receiver's kernel has acknowledged
 *   lost N         lines that were gone before they could be sent
 *   time TIME      when this was written, RFC 3339
 *   error TEXT     what keeps lines from being sent, printable ASCII; empty = nothing does
 *   check HEX      SHA-256 of all lines above
 *
 * The file is hostile: what is not exactly of this form is refused.  It is replaced whole
 * (base/file.h), so a crash leaves the old or the new one.
 *
 * Memory: none kept.  Threads: any.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define SHIP_DIGEST    32
#define SHIP_ERROR_MAX 300
#define SAVED_TEXT_MAX 1024

/* A line of the ledger; seq 0: before all of them. */
struct ship_place {
	uint32_t segment;
	unsigned line;   /* from 1 */
	uint64_t offset; /* bytes */
	uint64_t seq;
	uint8_t digest[SHIP_DIGEST];
};

struct ship_saved {
	uint8_t ledger[SHIP_DIGEST];
	struct ship_place place;
	uint64_t acked, lost;
	int64_t time_us;
	char error[SHIP_ERROR_MAX];
};

/* What is not printable ASCII in `error` is written as '?'.  Returns the length. */
size_t saved_format(const struct ship_saved *s, char buf[SAVED_TEXT_MAX]);

/* 0, or -EBADMSG: damaged, or of another version. */
int saved_parse(struct str text, struct ship_saved *ret)
	__attribute__((warn_unused_result));

/* 0 or -errno: -ENOENT there is none yet, -EBADMSG as above. */
int saved_load(const char *path, struct ship_saved *ret)
	__attribute__((warn_unused_result));
int saved_store(const char *path, const struct ship_saved *s)
	__attribute__((warn_unused_result));

#endif /* SHIP_SAVED_H */
