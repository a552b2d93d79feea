/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

/*
 * pool - objects of one size, their number bounded, given out and taken back without malloc.
 *
 * Address space for `max` objects is reserved at creation; a page becomes resident only when
 * an object on it is first used, so the resident size follows the greatest use.  Freed
 * objects are reused last in, first out.  Objects are also named by a 32-bit index, so that
 * tables and lists hold 4 bytes instead of 8.
 *
 * Threads: a pool belongs to one thread at a time; no locking inside.
 */

#include <stddef.h>
#include <stdint.h>

#define POOL_NONE UINT32_MAX /* the index that names no object */

struct pool;

/*
 * `object_bytes` is rounded up to a multiple of 16; `max` < POOL_NONE.
 * Returns the pool (caller owns it: pool_destroy) or NULL when memory cannot be reserved.
 */
struct pool *pool_create(size_t object_bytes, uint32_t max);

/*
 * Take an object; its bytes are NOT cleared (a new one is all zero, a reused one is not).
 * NULL when all `max` are in use: the caller counts it and applies its stated policy.
 */
void *pool_get(struct pool *p);

/* Give an object back.  NULL is a no-op; anything else must have come from this pool. */
void pool_put(struct pool *p, void *object);

uint32_t pool_index(const struct pool *p,
		    const void *object);             /* object in use -> index */
void *pool_at(const struct pool *p, uint32_t index); /* index in use -> object */
uint32_t pool_used(const struct pool *p);
uint32_t pool_max(const struct pool *p);
size_t pool_object_bytes(const struct pool *p); /* after rounding */

/* Release everything, objects in use too.  NULL is a no-op. */
void pool_destroy(struct pool *p);

#endif /* BASE_POOL_H */
