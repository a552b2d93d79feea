/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_RING_H
#define BASE_RING_H

/*
 * ring - bounded queue of byte records between one producer and one consumer thread
 * or process.
 *
 * Records have any length up to a quarter of the capacity and stay contiguous in memory (a
 * record that does not fit before the end starts anew at the front).  Lock-free: one release
 * store a side.  A full ring is an answer (NULL), never a wait: the caller owns the policy.
 *
 * Threads: exactly one producer and one consumer at a time, each using its own functions.
 */

#include <stddef.h>
#include <stdint.h>

struct ring;

/* `capacity` bytes, rounded up to a power of two, at least 4096.  NULL: out of memory. */
struct ring *ring_create(size_t capacity);
/*
 * The same in memory that processes forked later share with this one; resident at once.  The
 * other side is not believed: positions and lengths that cannot be are faults, never an access
 * outside the ring.  What a record says may still change while it is looked at.
 */
struct ring *ring_create_shared(size_t capacity);
void ring_destroy(struct ring *r); /* NULL is a no-op */

/* In a process that takes over a side of a shared ring: begin where the last one ended. */
void ring_attach(struct ring *r);

/*
 * Producer: room for a record of up to `len` bytes, 8-byte aligned, or NULL when the ring is
 * full (or `len` is over a quarter of the capacity).  Invisible until ring_commit().
 */
void *ring_reserve(struct ring *r, size_t len);

/* Producer: publish the reserved record with its final length, `len` <= the reserved one. */
void ring_commit(struct ring *r, size_t len);

/* Consumer: the oldest record (borrowed until ring_release) and its length, or NULL. */
const void *ring_peek(struct ring *r, size_t *ret_len);

/* Consumer: how often what lay in the ring was no record; all that was published was dropped. */
uint64_t ring_faults(const struct ring *r);

/* Consumer: drop the record that ring_peek() returned. */
void ring_release(struct ring *r);

#endif /* BASE_RING_H */
