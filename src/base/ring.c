/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Positions count bytes since creation and never wrap in practice (64 bits); a position's
 * place in memory is position & mask.  A record is an 8-byte length, then its bytes, padded
 * to 8.  A length of WRAP says that the rest up to the end of memory is unused.
 *
 *     0 u64 length or WRAP | 8 bytes, padded to a multiple of 8
 */
#define LENGTH_BYTES   sizeof(uint64_t)
#define WRAP           UINT64_MAX
#define CACHE_LINE     64
#define CAPACITY_LEAST ((size_t)4096)

/* Padded on purpose: a line that two threads write to would travel at every record. */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct ring {
	/* Written by nobody after creation. */
	unsigned char *bytes;
	size_t capacity; /* a power of two */
	bool shared;     /* mapped, record and bytes in one piece */

	/* The producer's line. */
	alignas(CACHE_LINE) _Atomic uint64_t head; /* end of what is published */
	uint64_t tail_seen;  /* the consumer's tail when last read: spares its line */
	uint64_t reserve_at; /* where the reserved record starts */

	/* The consumer's line. */
	alignas(CACHE_LINE) _Atomic uint64_t tail; /* end of what is released */
	uint64_t head_seen; /* the producer's head when last read */
	uint64_t peek_at;   /* where the record returned by ring_peek() starts */
	bool peeked;
};

static size_t record_bytes(size_t len)
{
	return LENGTH_BYTES + ((len + 7) & ~(size_t)7);
}

static unsigned char *at(const struct ring *r, uint64_t position)
{
	return r->bytes + (position & (r->capacity - 1));
}

static size_t to_end(const struct ring *r, uint64_t position)
{
	return r->capacity - (size_t)(position & (r->capacity - 1));
}

static size_t round_up(size_t capacity)
{
	size_t size = CAPACITY_LEAST;

	while (size < capacity)
		size *= 2;
	return size;
}

static void init(struct ring *r, unsigned char *bytes, size_t size)
{
	memset(r, 0, sizeof(*r));
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	r->capacity = size;
	r->bytes = bytes;
}

struct ring *ring_create(size_t capacity)
{
	unsigned char *bytes;
	struct ring *r;

	if (capacity > SIZE_MAX / 4)
		return NULL;
	r = aligned_alloc(CACHE_LINE, sizeof(*r));
	bytes = aligned_alloc(CACHE_LINE, round_up(capacity));
	if (r == NULL || bytes == NULL) {
		free(r);
		free(bytes);
		return NULL;
	}
	init(r, bytes, round_up(capacity));
	return r;
}

struct ring *ring_create_shared(size_t capacity)
{
	size_t size;
	void *at_all;
	struct ring *r;

	if (capacity > SIZE_MAX / 4)
		return NULL;
	size = round_up(capacity);
	at_all = mmap(NULL, sizeof(*r) + size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (at_all == MAP_FAILED)
		return NULL;
	r = at_all;
	init(r, (unsigned char *)at_all + sizeof(*r), size);
	r->shared = true;
	return r;
}

void ring_destroy(struct ring *r)
{
	if (r == NULL)
		return;
	if (r->shared) {
		(void)munmap(r, sizeof(*r) + r->capacity);
		return;
	}
	free(r->bytes);
	free(r);
}

void *ring_reserve(struct ring *r, size_t len)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t start = head;
	size_t need;

	if (len > r->capacity / 4)
		return NULL;
	need = record_bytes(len);
	if (need > to_end(r, head))
		start += to_end(r, head);
	if (start + need - r->tail_seen > r->capacity) {
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (start + need - r->tail_seen > r->capacity)
			return NULL;
	}
	r->reserve_at = start;
	return at(r, start) + LENGTH_BYTES;
}

void ring_commit(struct ring *r, size_t len)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	const uint64_t wrap = WRAP;
	const uint64_t length = len;

	if (r->reserve_at != head)
		memcpy(at(r, head), &wrap, sizeof(wrap));
	memcpy(at(r, r->reserve_at), &length, sizeof(length));
	head = r->reserve_at + record_bytes(len);
	r->reserve_at = head;
	atomic_store_explicit(&r->head, head, memory_order_release);
}

const void *ring_peek(struct ring *r, size_t *ret_len)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	uint64_t length;

	if (tail == r->head_seen) {
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
		if (tail == r->head_seen)
			return NULL;
	}
	memcpy(&length, at(r, tail), sizeof(length));
	if (length == WRAP) { /* published together with the record at the front */
		tail += to_end(r, tail);
		memcpy(&length, at(r, tail), sizeof(length));
	}
	r->peek_at = tail;
	r->peeked = true;
	*ret_len = (size_t)length;
	return at(r, tail) + LENGTH_BYTES;
}

void ring_release(struct ring *r)
{
	uint64_t length;

	if (!r->peeked)
		return;
	r->peeked = false;
	memcpy(&length, at(r, r->peek_at), sizeof(length));
	atomic_store_explicit(&r->tail, r->peek_at + record_bytes((size_t)length),
			      memory_order_release);
}
