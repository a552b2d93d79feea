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
 * Small blocks stay on the heap and are copied back.  Large ones and maps lie in pages that
 * nobody may touch at first: who does is noted by the fault and gets the page, which from then on
 * comes back for each input.  Inputs touch few pages and mostly the same ones, so the kernel is
 * seldom asked.  Now and then the pages are taken away again, so that few stay few.
 *
 * AddressSanitizer guards both as ever: the heap and the pools do it themselves, what lies around
 * a large block is poisoned here, and what a pool has poisoned is noted, to be undone.
 *
 * Memory: nothing is given back.  A block that is freed between mark and back is a use after
 * free; one that is added and not freed leaks.  A state must not be touched before its
 * rewind_back().  One thread.  In gdb: handle SIGSEGV nostop noprint pass.
 */

#include <signal.h>
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
#define rewind_forbid(at, len) __real___asan_poison_memory_region((at), (len))
#else
#define rewind_permit(at, len) ((void)(at), (void)(len))
#define rewind_forbid(at, len) ((void)(at), (void)(len))
#endif

#define REWIND_BLOCKS 64
#define REWIND_LARGE  ((size_t)16384)
#define REWIND_MAPS   ((size_t)64 << 20) /* address space, of which little is touched */
#define REWIND_PAGE   ((size_t)4096)
#define REWIND_PAGES  (REWIND_MAPS / REWIND_PAGE)
#define REWIND_OPEN   128    /* so many pages more than at the mark, or ... */
#define REWIND_TURNS  16384u /* ... inputs, and all of them are taken away */
#define REWIND_HIDDEN 4096

struct rewind_block {
	unsigned char *at;
	unsigned char *copy; /* of what it held at the mark; NULL = zeros */
	size_t len;
};

struct rewind {
	struct rewind_block blocks[REWIND_BLOCKS]; /* small ones */
	size_t block_count;
	unsigned char *maps; /* large blocks and maps, a page between two */
	size_t maps_used;
	struct rewind_block parts[REWIND_BLOCKS]; /* each one a large block or map */
	size_t part_count;
	struct rewind_block open[REWIND_PAGES]; /* pages, as far as they are a part's */
	size_t open_count, kept_count;          /* the first ones were open at the mark */
	struct rewind_block hidden[REWIND_HIDDEN]; /* what pools have poisoned since */
	size_t hidden_count;
	unsigned turns;
};

static struct rewind *rewind_recording; /* NULL = nothing is noted */
static struct rewind *rewind_now;       /* whose pages may be touched */
static struct sigaction rewind_others;  /* who is told of other faults */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void __real___asan_poison_memory_region(const volatile void *at, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void __wrap___asan_poison_memory_region(const volatile void *at, size_t len);

static inline void rewind_require(bool holds)
{
	if (!holds)
		abort();
}

/* So many zeros, at the end of their pages but for `align`, or at the beginning when that is 0. */
static inline unsigned char *rewind_map(struct rewind *r, size_t len, size_t align)
{
	unsigned char *map = r->maps + r->maps_used, *at = map;
	const size_t room = (len + REWIND_PAGE - 1) / REWIND_PAGE * REWIND_PAGE;

	rewind_require(room + REWIND_PAGE <= REWIND_MAPS - r->maps_used);
	rewind_require(r->part_count < REWIND_BLOCKS);
	r->maps_used += room + REWIND_PAGE;
	if (align > 0)
		at += room - (len + align - 1) / align * align;
	rewind_forbid(map, (size_t)(at - map));
	rewind_forbid(at + len, (size_t)(map + room + REWIND_PAGE - (at + len)));
	r->parts[r->part_count++] = (struct rewind_block){.at = at, .len = len};
	return at;
}

/* Zeros, for what is recorded; NULL: the heap shall do it. */
static inline void *rewind_large(size_t len, size_t align)
{
	struct rewind *r = rewind_recording;

	return r == NULL || len < REWIND_LARGE ? NULL : rewind_map(r, len, align);
}

static inline void *rewind_small(void *at, size_t len)
{
	struct rewind *r = rewind_recording;
	struct rewind_block *b;

	if (r == NULL || at == NULL)
		return at;
	rewind_require(r->block_count < REWIND_BLOCKS);
	b = &r->blocks[r->block_count++];
	*b = (struct rewind_block){.at = at, .len = len};
	return at;
}

void *__wrap_malloc(size_t size)
{
	void *at = rewind_large(size, 16);

	return at != NULL ? at : rewind_small(__real_malloc(size), size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *at = rewind_large(count * size, 16);

	return at != NULL ? at : rewind_small(__real_calloc(count, size), count * size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	void *at = rewind_large(size, align);

	return at != NULL ? at : rewind_small(__real_aligned_alloc(align, size), size);
}

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (rewind_recording == NULL)
		return __real_mmap(at, len, prot, flags, fd, offset);
	rewind_require(fd == -1 && prot == (PROT_READ | PROT_WRITE));
	return rewind_map(rewind_recording, len, 0);
}

/* What a pool does to an object that was given back. */
void __wrap___asan_poison_memory_region(const volatile void *at, size_t len)
{
	struct rewind *r = rewind_now;
	const volatile unsigned char *from = at;

	rewind_forbid(at, len);
	if (r == NULL || from < r->maps || from >= r->maps + r->maps_used)
		return;
	rewind_require(rewind_recording == NULL); /* nobody would hide it again */
	if (r->hidden_count < REWIND_HIDDEN)
		r->hidden[r->hidden_count] = (struct rewind_block){
			.at = r->maps + (from - r->maps), .len = len};
	r->hidden_count++;
}

/* Gives the page at `at` to who touches it.  False: it is nobody's. */
static inline bool rewind_open(struct rewind *r, const unsigned char *at)
{
	const size_t offset = (size_t)(at - r->maps);
	unsigned char *from = r->maps + offset / REWIND_PAGE * REWIND_PAGE;
	unsigned char *to = from + REWIND_PAGE;

	for (size_t i = 0; i < r->part_count; i++) {
		const struct rewind_block *p = &r->parts[i];

		if (to <= p->at || from >= p->at + p->len)
			continue;
		if (mprotect(from, REWIND_PAGE, PROT_READ | PROT_WRITE) != 0)
			return false;
		from = from < p->at ? p->at : from;
		to = to > p->at + p->len ? p->at + p->len : to;
		r->open[r->open_count++] =
			(struct rewind_block){.at = from, .len = (size_t)(to - from)};
		return true;
	}
	return false;
}

/* The pages that were not open at the mark, and are zeros, are nobody's again. */
static inline void rewind_close(struct rewind *r)
{
	for (size_t i = r->kept_count; i < r->open_count; i++) {
		const size_t offset = (size_t)(r->open[i].at - r->maps);
		unsigned char *page = r->maps + offset / REWIND_PAGE * REWIND_PAGE;

		rewind_require(mprotect(page, REWIND_PAGE, PROT_NONE) == 0);
		rewind_require(madvise(page, REWIND_PAGE, MADV_DONTNEED) == 0);
	}
	r->open_count = r->kept_count;
	r->turns = 0;
}

/* The second time an address faults it is not for want of its page. */
static inline void rewind_fault(int number, siginfo_t *info, void *context)
{
	struct rewind *r = rewind_now;
	const unsigned char *at = info->si_addr;

	if (r != NULL && at >= r->maps && at < r->maps + r->maps_used &&
	    info->si_code == SEGV_ACCERR && rewind_open(r, at))
		return;
	if ((rewind_others.sa_flags & SA_SIGINFO) != 0)
		rewind_others.sa_sigaction(number, info, context);
	else
		(void)sigaction(SIGSEGV, &rewind_others, NULL); /* it comes again */
}

static inline void rewind_take_faults(void)
{
	static bool taken;
	const struct sigaction act = {.sa_sigaction = rewind_fault,
				      .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (taken)
		return;
	rewind_require(sigaction(SIGSEGV, &act, &rewind_others) == 0);
	taken = true;
}

/* Everything that is taken from now on belongs to `r`, which is zeroed. */
static inline void rewind_record(struct rewind *r)
{
	rewind_take_faults();
	r->maps = __real_mmap(NULL, REWIND_MAPS, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	rewind_require(r->maps != MAP_FAILED);
	rewind_recording = rewind_now = r;
}

static inline void rewind_keep(struct rewind_block *b)
{
	b->copy = __real_malloc(b->len);
	rewind_require(b->copy != NULL);
	memcpy(b->copy, b->at, b->len);
}

static inline void rewind_mark(struct rewind *r)
{
	rewind_recording = NULL;
	for (size_t i = 0; i < r->block_count; i++)
		rewind_keep(&r->blocks[i]);
	r->kept_count = r->open_count;
	for (size_t i = 0; i < r->kept_count; i++)
		rewind_keep(&r->open[i]);
}

static inline void rewind_permit_hidden(struct rewind *r)
{
	if (r->hidden_count <= REWIND_HIDDEN)
		for (size_t i = 0; i < r->hidden_count; i++)
			rewind_permit(r->hidden[i].at, r->hidden[i].len);
	else
		for (size_t i = 0; i < r->part_count; i++)
			rewind_permit(r->parts[i].at, r->parts[i].len);
	r->hidden_count = 0;
}

static inline void rewind_back(struct rewind *r)
{
	rewind_now = r;
	rewind_permit_hidden(r);
	if (++r->turns == REWIND_TURNS || r->open_count > r->kept_count + REWIND_OPEN)
		rewind_close(r);
	for (size_t i = 0; i < r->kept_count; i++)
		memcpy(r->open[i].at, r->open[i].copy, r->open[i].len);
	for (size_t i = r->kept_count; i < r->open_count; i++)
		memset(r->open[i].at, 0, r->open[i].len);
	for (size_t i = 0; i < r->block_count; i++)
		memcpy(r->blocks[i].at, r->blocks[i].copy, r->blocks[i].len);
}

/* Is this one of the inputs, one in 256, that a new state plays too?  The input alone decides. */
static inline bool rewind_is_compared(const uint8_t *data, size_t size)
{
	return hash_bytes(data, size, 64) % 256 == 0;
}

#endif /* FUZZ_REWIND_H */
