/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_LARGE_H
#define FUZZ_LARGE_H

/*
 * large - large blocks of the heap are kept when they are freed, for the next one who asks.
 *
 * AddressSanitizer maps a large block anew each time, and all of its shadow: of megabytes of which
 * an input reads a few lines, that is nearly all that the input costs.  The linker's --wrap (see the
 * Makefile) brings malloc(), calloc() and free() here.  A freed block is nobody's pages, so who
 * uses it faults; what lies around a block is poisoned; large_end() is for the end of an input,
 * when none may be left.
 *
 * Memory: nothing is given back.  What a block holds at first is what it held last, but for
 * its first page.  realloc() is for small blocks.  One thread asks for large ones.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LARGE_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define LARGE_ASAN 1
#endif
#ifdef LARGE_ASAN
#include <sanitizer/asan_interface.h>
#define large_permit(at, len) __asan_unpoison_memory_region((at), (len))
#define large_forbid(at, len) __asan_poison_memory_region((at), (len))
#else
#define large_permit(at, len) ((void)(at), (void)(len))
#define large_forbid(at, len) ((void)(at), (void)(len))
#endif

#define LARGE_BYTES  ((size_t)131072) /* smaller ones the sanitizer keeps itself */
#define LARGE_ROOM   ((size_t)256 << 20)
#define LARGE_BLOCKS 64
#define LARGE_PAGE   ((size_t)4096)

struct large {
	unsigned char *map; /* `room` bytes and a page that is nobody's */
	size_t room;
	unsigned char *at; /* of the block; NULL = it is free */
};

static struct large large_blocks[LARGE_BLOCKS];
static size_t large_count;
static unsigned char *large_space; /* of LARGE_ROOM bytes, where all maps are */
static size_t large_used;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *at);

static inline void large_require(bool holds)
{
	if (!holds)
		abort();
}

/* A map of `room` bytes that is free, or NULL when there is no more. */
static inline struct large *large_find(size_t room)
{
	struct large *b;

	for (b = large_blocks; b < large_blocks + large_count; b++)
		if (b->room == room && b->at == NULL)
			return b;
	if (large_space == NULL) {
		large_space = mmap(NULL, LARGE_ROOM, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		large_require(large_space != MAP_FAILED);
	}
	if (large_count == LARGE_BLOCKS || room + LARGE_PAGE > LARGE_ROOM - large_used)
		return NULL;
	large_count++;
	*b = (struct large){.map = large_space + large_used, .room = room};
	large_used += room + LARGE_PAGE;
	return b;
}

/* At the end of its pages, so that the byte behind it is poisoned. */
static inline void *large_take(size_t size)
{
	const size_t room = (size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
	struct large *b = large_find(room);

	if (b == NULL)
		return __real_malloc(size);
	large_require(mprotect(b->map, room, PROT_READ | PROT_WRITE) == 0);
	b->at = b->map + (room - (size + 15) / 16 * 16);
	large_permit(b->map, LARGE_PAGE); /* where the last one's ends were; */
	large_permit(b->map + (room - LARGE_PAGE), LARGE_PAGE); /* no more is poisoned */
	large_forbid(b->map, (size_t)(b->at - b->map));
	large_forbid(b->at + size, (size_t)(b->map + room - (b->at + size)));
	memset(b->at, 0xbe, LARGE_PAGE);
	return b->at;
}

void *__wrap_malloc(size_t size)
{
	return size < LARGE_BYTES || size > LARGE_ROOM ? __real_malloc(size)
						       : large_take(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	size_t bytes;
	void *at;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes < LARGE_BYTES ||
	    bytes > LARGE_ROOM)
		return __real_calloc(count, size);
	at = large_take(bytes);
	return at == NULL ? NULL : memset(at, 0, bytes);
}

void __wrap_free(void *at)
{
	unsigned char *p = at;

	if (large_space == NULL || p < large_space || p >= large_space + large_used) {
		__real_free(at);
		return;
	}
	for (struct large *b = large_blocks; b < large_blocks + large_count; b++)
		if (b->at == p) {
			b->at = NULL;
			large_require(mprotect(b->map, b->room, PROT_NONE) == 0);
			return;
		}
	abort(); /* twice, or not where it begins */
}

/* Nothing that is large is left; what is small LeakSanitizer sees. */
static inline void large_end(void)
{
	for (const struct large *b = large_blocks; b < large_blocks + large_count; b++)
		large_require(b->at == NULL);
}

#endif /* FUZZ_LARGE_H */
