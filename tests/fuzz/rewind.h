/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_REWIND_H
#define FUZZ_REWIND_H

/*
 * rewind - a state that is made once and is as new for each input, whatever the last one did.
 *
 * What is taken from the heap and from mmap() between rewind_record() and rewind_mark() is
 * noted, by the linker's --wrap (see the Makefile); rewind_back() gives all of it the content
 * that it had at the mark.  So no part can be forgotten, but for what a shared library keeps for
 * itself: a target that rewinds also plays some of its inputs from a state that is new, and
 * compares.
 *
 * Small blocks stay on the heap and are copied back.  Large ones and maps lie in pages of which
 * only those come back that were touched.  AddressSanitizer guards both as ever: the heap and
 * the pools do it themselves, what lies around a large block is poisoned here.
 *
 * Memory: nothing is given back.  A block that is freed between mark and back is a use after
 * free; one that is added and not freed leaks.  One thread.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REWIND_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define REWIND_ASAN 1
#endif
#ifdef REWIND_ASAN
#include <sanitizer/asan_interface.h>
#define rewind_permit(at, len) __asan_unpoison_memory_region((at), (len))
#define rewind_forbid(at, len) __asan_poison_memory_region((at), (len))
#else
#define rewind_permit(at, len) ((void)(at), (void)(len))
#define rewind_forbid(at, len) ((void)(at), (void)(len))
#endif

#define REWIND_BLOCKS 64
#define REWIND_LARGE  ((size_t)16384)
#define REWIND_MAPS   ((size_t)64 << 20) /* address space, of which little is touched */
#define REWIND_PAGE   ((size_t)4096)
#define REWIND_PAGES  (REWIND_MAPS / REWIND_PAGE)
/* A pool poisons all of an object whose first bytes it has written: up to a whole datagram. */
#define REWIND_OBJECT 20

struct rewind_block {
	unsigned char *at;
	unsigned char *copy;
	size_t len;
};

struct rewind {
	struct rewind_block blocks[REWIND_BLOCKS];
	size_t block_count;
	unsigned char
		*maps; /* large blocks and the state's own maps, a page between two */
	size_t maps_used;
	struct rewind_block
		guards[REWIND_BLOCKS]; /* parts of the maps that are nobody's */
	size_t guard_count;
	unsigned char
		*kept[REWIND_PAGES]; /* what a page held at the mark; NULL = zeros */
};

static struct rewind *rewind_recording; /* NULL = nothing is noted */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);

static inline void rewind_require(bool holds)
{
	if (!holds)
		abort();
}

static inline void rewind_guard(struct rewind *r, unsigned char *from,
				const unsigned char *to)
{
	rewind_require(r->guard_count < REWIND_BLOCKS);
	r->guards[r->guard_count++] =
		(struct rewind_block){.at = from, .len = (size_t)(to - from)};
}

/* So many zeros, at the end of their pages when `at_end`; a page behind them is nobody's. */
static inline unsigned char *rewind_map(struct rewind *r, size_t len, bool at_end)
{
	unsigned char *map = r->maps + r->maps_used, *at = map;
	const size_t room = (len + REWIND_PAGE - 1) / REWIND_PAGE * REWIND_PAGE;

	rewind_require(room + REWIND_PAGE <= REWIND_MAPS - r->maps_used);
	r->maps_used += room + REWIND_PAGE;
	if (at_end)
		at += room - (len + 15) / 16 * 16;
	if (at > map)
		rewind_guard(r, map, at);
	rewind_guard(r, at + len, map + room + REWIND_PAGE);
	return at;
}

/* Zeros, for what is recorded; NULL: the heap shall do it. */
static inline void *rewind_large(size_t len)
{
	struct rewind *r = rewind_recording;

	return r == NULL || len < REWIND_LARGE ? NULL : rewind_map(r, len, true);
}

static inline void *rewind_small(void *at, size_t len)
{
	struct rewind *r = rewind_recording;
	struct rewind_block *b;

	if (r == NULL || at == NULL)
		return at;
	rewind_require(r->block_count < REWIND_BLOCKS);
	b = &r->blocks[r->block_count++];
	*b = (struct rewind_block){.at = at, .copy = __real_malloc(len), .len = len};
	rewind_require(b->copy != NULL);
	return at;
}

void *__wrap_malloc(size_t size)
{
	void *at = rewind_large(size);

	return at != NULL ? at : rewind_small(__real_malloc(size), size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *at = rewind_large(count * size);

	return at != NULL ? at : rewind_small(__real_calloc(count, size), count * size);
}

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (rewind_recording == NULL)
		return __real_mmap(at, len, prot, flags, fd, offset);
	rewind_require(fd == -1 && prot == (PROT_READ | PROT_WRITE));
	return rewind_map(rewind_recording, len, false);
}

/* Everything that is taken from now on belongs to `r`, which is zeroed. */
static inline void rewind_record(struct rewind *r)
{
	r->maps = __real_mmap(NULL, REWIND_MAPS, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	rewind_require(r->maps != MAP_FAILED);
	rewind_recording = r;
}

/* Which pages of the maps are there, a byte each. */
static inline const unsigned char *rewind_touched(const struct rewind *r)
{
	static unsigned char pages[REWIND_PAGES];

	rewind_require(mincore(r->maps, r->maps_used, pages) == 0);
	return pages;
}

static inline void rewind_mark(struct rewind *r)
{
	const unsigned char *touched = rewind_touched(r);

	rewind_recording = NULL;
	for (size_t i = 0; i < r->block_count; i++) {
		struct rewind_block *b = &r->blocks[i];

		memcpy(b->copy, b->at, b->len);
	}
	for (size_t i = 0; i < r->maps_used / REWIND_PAGE; i++) {
		if ((touched[i] & 1) == 0)
			continue;
		r->kept[i] = malloc(REWIND_PAGE);
		rewind_require(r->kept[i] != NULL);
		memcpy(r->kept[i], r->maps + i * REWIND_PAGE, REWIND_PAGE);
	}
}

static inline void rewind_back(struct rewind *r)
{
	const unsigned char *touched = rewind_touched(r);
	const size_t pages = r->maps_used / REWIND_PAGE;

	for (size_t i = 0, from = 0; i < pages; i++) {
		const size_t end = i + REWIND_OBJECT < pages ? i + REWIND_OBJECT : pages;

		if ((touched[i] & 1) == 0)
			continue;
		if (from < i)
			from = i;
		rewind_permit(r->maps + from * REWIND_PAGE, (end - from) * REWIND_PAGE);
		from = end;
	}
	rewind_require(madvise(r->maps, r->maps_used, MADV_DONTNEED) == 0);
	(void)rewind_touched(r); /* again, into the same bytes */
	for (size_t i = 0; i < pages; i++) {
		rewind_require((touched[i] & 1) == 0);
		if (r->kept[i] != NULL)
			memcpy(r->maps + i * REWIND_PAGE, r->kept[i], REWIND_PAGE);
	}
	for (size_t i = 0; i < r->block_count; i++)
		memcpy(r->blocks[i].at, r->blocks[i].copy, r->blocks[i].len);
	for (size_t i = 0; i < r->guard_count; i++)
		rewind_forbid(r->guards[i].at, r->guards[i].len);
}

/* Is this one of the inputs, one in 64, that a new state plays too?  The input alone decides. */
static inline bool rewind_is_compared(const uint8_t *data, size_t size)
{
	return hash_bytes(data, size, 64) % 64 == 0;
}

#endif /* FUZZ_REWIND_H */
