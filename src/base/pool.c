/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * A pool hides the use of a freed object from AddressSanitizer, so it is told.  Objects that
 * were never given out stay accessible: marking all of a large pool would cost an eighth of
 * its address space.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#define forbid(at, len) __asan_poison_memory_region((at), (len))
#define permit(at, len) __asan_unpoison_memory_region((at), (len))
#else
#define forbid(at, len) ((void)(at), (void)(len))
#define permit(at, len) ((void)(at), (void)(len))
#endif

#define ALIGN ((size_t)16)

struct pool {
	unsigned char *base; /* reserved address space, `reserved` bytes */
	size_t reserved;
	size_t bytes;   /* of one object, a multiple of ALIGN */
	uint32_t max;   /* objects */
	uint32_t fresh; /* objects from here on were never given out */
	uint32_t used;  /* objects given out now */
	uint32_t
		free; /* last one given back, or POOL_NONE; the next is in its first bytes */
};

struct pool *pool_create(size_t object_bytes, uint32_t max)
{
	struct pool *p;
	void *base;
	size_t bytes;
	size_t reserved;

	if (object_bytes > SIZE_MAX - ALIGN || max == POOL_NONE)
		return NULL;
	bytes = object_bytes == 0 ? ALIGN : (object_bytes + ALIGN - 1) & ~(ALIGN - 1);
	if (__builtin_mul_overflow(bytes, (size_t)max, &reserved))
		return NULL;
	if (reserved == 0)
		reserved = ALIGN; /* mmap refuses 0 bytes */

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	base = mmap(NULL, reserved, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED) {
		free(p);
		return NULL;
	}
	*p = (struct pool){
		.base = base,
		.reserved = reserved,
		.bytes = bytes,
		.max = max,
		.free = POOL_NONE,
	};
	return p;
}

void *pool_at(const struct pool *p, uint32_t index)
{
	return p->base + index * p->bytes;
}

uint32_t pool_index(const struct pool *p, const void *object)
{
	return (uint32_t)((size_t)((const unsigned char *)object - p->base) / p->bytes);
}

void *pool_get(struct pool *p)
{
	void *object;

	if (p->free != POOL_NONE) {
		object = pool_at(p, p->free);
		permit(object, p->bytes);
		memcpy(&p->free, object, sizeof(p->free));
	} else if (p->fresh < p->max) {
		object = pool_at(p, p->fresh);
		p->fresh++;
	} else {
		return NULL;
	}
	p->used++;
	return object;
}

void pool_put(struct pool *p, void *object)
{
	if (object == NULL)
		return;
	memcpy(object, &p->free, sizeof(p->free));
	p->free = pool_index(p, object);
	p->used--;
	forbid(object, p->bytes);
}

uint32_t pool_used(const struct pool *p)
{
	return p->used;
}

uint32_t pool_max(const struct pool *p)
{
	return p->max;
}

size_t pool_object_bytes(const struct pool *p)
{
	return p->bytes;
}

void pool_destroy(struct pool *p)
{
	if (p == NULL)
		return;
	permit(p->base, p->fresh * p->bytes);
	(void)munmap(p->base, p->reserved);
	free(p);
}
