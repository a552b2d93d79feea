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

/* What the two sides tell each other.  In shared memory it is all that is believed, and checked. */
struct marks {
	alignas(CACHE_LINE) _Atomic uint64_t head; /* end of what is published */
	alignas(CACHE_LINE) _Atomic uint64_t tail; /* end of what is released */
};

/*
 * Padded on purpose: a line that two threads write to would travel at every record.  Memory of
 * the process: what a hostile process on the other side can write to leads no pointer astray.
 */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct ring {
	/* Written by nobody after creation. */
	struct marks *marks;
	unsigned char *bytes;
	size_t capacity; /* a power of two */
	bool shared;     /* marks and bytes are one mapping */

	/* The producer's line. */
	alignas(CACHE_LINE) uint64_t head;
	uint64_t tail_seen;  /* the consumer's tail when last read: spares its line */
	uint64_t reserve_at; /* where the reserved record starts */

	/* The consumer's line. */
	alignas(CACHE_LINE) uint64_t tail;
	uint64_t head_seen; /* the producer's head when last read */
	uint64_t peek_end;  /* where the record returned by ring_peek() ends */
	bool peeked;
	uint64_t faults;
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

static struct ring *create(struct marks *marks, unsigned char *bytes, size_t size)
{
	struct ring *r = aligned_alloc(CACHE_LINE, sizeof(*r));

	if (r == NULL)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->marks = marks;
	r->bytes = bytes;
	r->capacity = size;
	atomic_init(&marks->head, 0);
	atomic_init(&marks->tail, 0);
	return r;
}

struct ring *ring_create(size_t capacity)
{
	unsigned char *bytes;
	struct marks *marks;
	struct ring *r = NULL;

	if (capacity > SIZE_MAX / 4)
		return NULL;
	marks = aligned_alloc(CACHE_LINE, sizeof(*marks));
	bytes = aligned_alloc(CACHE_LINE, round_up(capacity));
	if (marks != NULL && bytes != NULL)
		r = create(marks, bytes, round_up(capacity));
	if (r == NULL) {
		free(marks);
		free(bytes);
	}
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
	at_all = mmap(NULL, sizeof(struct marks) + size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (at_all == MAP_FAILED)
		return NULL;
	r = create(at_all, (unsigned char *)at_all + sizeof(struct marks), size);
	if (r == NULL)
		(void)munmap(at_all, sizeof(struct marks) + size);
	else
		r->shared = true;
	return r;
}

void ring_destroy(struct ring *r)
{
	if (r == NULL)
		return;
	if (r->shared) {
		(void)munmap(r->marks, sizeof(struct marks) + r->capacity);
	} else {
		free(r->marks);
		free(r->bytes);
	}
	free(r);
}

void ring_attach(struct ring *r)
{
	r->head = atomic_load_explicit(&r->marks->head, memory_order_acquire);
	r->tail = atomic_load_explicit(&r->marks->tail, memory_order_acquire);
	/* Whoever died may have been hostile: positions are multiples of 8. */
	r->head &= ~(uint64_t)7;
	r->tail &= ~(uint64_t)7;
	r->reserve_at = r->head;
	r->tail_seen = r->tail;
	r->head_seen = r->tail;
	r->peeked = false;
}

void *ring_reserve(struct ring *r, size_t len)
{
	uint64_t start = r->head;
	size_t need;

	if (len > r->capacity / 4)
		return NULL;
	need = record_bytes(len);
	if (need > to_end(r, start))
		start += to_end(r, start);
	if (start + need - r->tail_seen > r->capacity) {
		r->tail_seen =
			atomic_load_explicit(&r->marks->tail, memory_order_acquire);
		if (start + need - r->tail_seen > r->capacity)
			return NULL;
	}
	r->reserve_at = start;
	return at(r, start) + LENGTH_BYTES;
}

void ring_commit(struct ring *r, size_t len)
{
	const uint64_t wrap = WRAP;
	const uint64_t length = len;

	if (r->reserve_at != r->head)
		memcpy(at(r, r->head), &wrap, sizeof(wrap));
	memcpy(at(r, r->reserve_at), &length, sizeof(length));
	r->head = r->reserve_at + record_bytes(len);
	r->reserve_at = r->head;
	atomic_store_explicit(&r->marks->head, r->head, memory_order_release);
}

/* What lies there is no record: go on behind all that is published. */
static const void *skip_all(struct ring *r, uint64_t head)
{
	r->faults++;
	r->tail = head & ~(uint64_t)7;
	r->head_seen = r->tail;
	atomic_store_explicit(&r->marks->tail, r->tail, memory_order_release);
	return NULL;
}

static uint64_t length_at(const struct ring *r, uint64_t position)
{
	uint64_t length;

	memcpy(&length, at(r, position), sizeof(length));
	return length;
}

const void *ring_peek(struct ring *r, size_t *ret_len)
{
	uint64_t from = r->tail, length;

	if (from == r->head_seen) {
		const uint64_t head =
			atomic_load_explicit(&r->marks->head, memory_order_acquire);

		if (head == from)
			return NULL;
		if (head - from > r->capacity || (head & 7) != 0)
			return skip_all(r, head);
		r->head_seen = head;
	}
	length = length_at(r, from);
	if (length == WRAP) { /* published together with the record at the front */
		if (r->head_seen - from <= to_end(r, from))
			return skip_all(r, r->head_seen);
		from += to_end(r, from);
		length = length_at(r, from);
	}
	if (length > r->capacity / 4 ||
	    record_bytes((size_t)length) > r->head_seen - from ||
	    record_bytes((size_t)length) > to_end(r, from))
		return skip_all(r, r->head_seen);
	r->peek_end = from + record_bytes((size_t)length);
	r->peeked = true;
	*ret_len = (size_t)length;
	return at(r, from) + LENGTH_BYTES;
}

void ring_release(struct ring *r)
{
	if (!r->peeked)
		return;
	r->peeked = false;
	r->tail = r->peek_end;
	atomic_store_explicit(&r->marks->tail, r->tail, memory_order_release);
}

uint64_t ring_faults(const struct ring *r)
{
	return r->faults;
}
