/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_AHEAD_H
#define RECORD_AHEAD_H

/*
 * ahead - the lines of one segment with their digests, read and hashed ahead of who walks them.
 *
 * A line's digest does not depend on the chain, so another thread makes it.  The order, and what
 * is returned, are the same with and without that thread.
 *
 * Memory: about 9 MiB on the heap, of which batches touch what their lines need.  Threads: one of
 * its own from open to close, unless `alone` or none can be had; the caller is another.
 */

#include "record/chain.h"
#include "record/lines.h"

struct ahead;

/* As lines_open(). */
int ahead_open(int dir_fd, uint32_t number, bool alone, struct ahead **ret)
	__attribute__((warn_unused_result));
void ahead_close(struct ahead *a); /* NULL is a no-op */

const char *ahead_name(const struct ahead *a);

/*
 * As lines_next(), with D of the line (record/chain.h); both until the next call.  Nothing is
 * given with an end.
 */
enum lines_end ahead_next(struct ahead *a, struct str *ret,
			  const uint8_t (**ret_digest)[CHAIN_DIGEST]);

#endif /* RECORD_AHEAD_H */
