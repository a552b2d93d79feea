/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_EXPIRE_H
#define RECORD_EXPIRE_H

/*
 * expire - the lines of some types go out of a closed segment, and their numbers and digests stay
 * (record/expired.h).
 *
 * The segment is read and written anew as NNNNNN.part, a small step at a time.  Then a seal with
 * cause `expiry` says what the new one holds, and is synced; only then the new one takes the old
 * one's name.  An end before leaves the segment as it was, and a seal that says more than was
 * done: the segment is done again.  Its torn line, and the files of packets of the connections
 * whose lines go, go just before.
 *
 * Memory: about 5 MiB on the heap while one is open.  Threads: one.
 */

#include <stdint.h>

#include "record/seal.h"

struct expire;

/* types: a set (1u << enum expiring).  0 or -errno. */
int expire_open(int dir_fd, uint32_t number, unsigned types, struct expire **ret)
	__attribute__((warn_unused_result));

/*
 * Read on, at most EXPIRE_STEP_BYTES, or sync.  1: there is more; 0: it is written; -EBADMSG: it
 * cannot be read to its end, or its lines cannot be those that were sealed, or its seals do not
 * count lines by type (of a version before): it stays as it is.
 */
#define EXPIRE_STEP_BYTES ((size_t)256 << 10)
int expire_step(struct expire *e) __attribute__((warn_unused_result));

/* Once expire_step() returned 0: what the seal says.  NULL: no line went, nothing is to be said. */
const struct seal_expired *expire_result(const struct expire *e);

/* How many lines of a type went. */
uint64_t expire_went(const struct expire *e, enum expiring type);

/* Nothing is to be said: only a torn line goes.  0 or -errno. */
int expire_pass(const struct expire *e) __attribute__((warn_unused_result));

/* The seal is on the disk: the new segment takes the old one's place.  0 or -errno. */
int expire_finish(struct expire *e) __attribute__((warn_unused_result));

void expire_close(
	struct expire *e); /* NULL is a no-op; what was not finished is removed */

#endif /* RECORD_EXPIRE_H */
