/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/head.h"

#include <string.h>

#include "flow/head_pools.h"

/*
 * Bytes [0, filled) are covered without looking at the map; the map is read and written only
 * while there is a gap (highest > filled) and then speaks of [filled, highest), all bits from
 * `highest` on being zero.  A stream in order never touches it.
 */

#define WORD 64 /* bytes of the stream that one word of the map covers */

static uint64_t map_get(const struct head *h, uint32_t word)
{
	uint64_t w;

	memcpy(&w, h->map + (size_t)word * sizeof(w), sizeof(w));
	return w;
}

static void map_put(struct head *h, uint32_t word, uint64_t w)
{
	memcpy(h->map + (size_t)word * sizeof(w), &w, sizeof(w));
}

static void map_clear(struct head *h, uint32_t from_word)
{
	size_t skip = (size_t)from_word * sizeof(uint64_t);

	memset(h->map + skip, 0, head_map_bytes(h->size) - skip);
}

/* There is to be a gap.  As many maps as large heads, so there is one. */
static void map_make(struct head *h, struct head_pools *p)
{
	if (h->map == NULL)
		h->map =
			h->size == HEAD_SMALL ? h->bytes + HEAD_SMALL : pool_get(p->maps);
}

/* Bits [from, to) of a word, 0 <= from < to <= 64. */
static uint64_t mask_of(uint32_t from, uint32_t to)
{
	uint64_t upto = to == WORD ? UINT64_MAX : ((uint64_t)1 << to) - 1;

	return upto & ~(((uint64_t)1 << from) - 1);
}

static void put_back(struct head_pools *p, const struct head *h)
{
	if (h->size == HEAD_SMALL) {
		pool_put(p->small, h->bytes);
		return;
	}
	pool_put(p->large, h->bytes);
	pool_put(p->maps, h->map);
}

/* Room for `end` bytes; what was stored moves along.  False: the pool is empty. */
static bool make_room(struct head *h, struct head_pools *p, uint32_t end)
{
	const struct head old = *h;
	uint32_t size = end <= HEAD_SMALL ? HEAD_SMALL : HEAD_MAX;
	uint8_t *bytes;

	if (h->bytes != NULL && end <= h->size)
		return true;
	bytes = pool_get(size == HEAD_SMALL ? p->small : p->large);
	if (bytes == NULL)
		return false;
	h->bytes = bytes;
	h->map = NULL;
	h->size = size;
	if (old.bytes == NULL)
		return true;
	memcpy(bytes, old.bytes, old.highest);
	if (old.highest != old.filled) {
		map_make(h, p);
		memcpy(h->map, old.map, head_map_bytes(old.size));
		map_clear(h, old.size / WORD);
	}
	put_back(p, &old);
	return true;
}

static void note_conflict(struct head *h, uint32_t at)
{
	if (!h->conflict || at < h->conflict_at)
		h->conflict_at = at;
	h->conflict = true;
}

/* All of [at, at + len) is covered. */
static void compare(struct head *h, uint32_t at, const uint8_t *data, uint32_t len)
{
	if (memcmp(h->bytes + at, data, len) == 0)
		return;
	for (uint32_t i = 0; i < len; i++) {
		if (h->bytes[at + i] != data[i]) {
			note_conflict(h, at + i);
			return;
		}
	}
}

/* [at, at + len) lies within one word of the map, beyond `filled`. */
static void add_in_word(struct head *h, uint32_t at, const uint8_t *data, uint32_t len)
{
	const uint32_t word = at / WORD;
	const uint32_t bit = at % WORD;
	const uint64_t mask = mask_of(bit, bit + len);
	const uint64_t had = map_get(h, word);
	const uint64_t fresh = mask & ~had;

	if (fresh != 0 && word * WORD + (uint32_t)__builtin_ctzll(fresh) < h->highest)
		h->out_of_order = true;
	if (fresh == mask) {
		memcpy(h->bytes + at, data, len);
	} else {
		for (uint32_t i = 0; i < len; i++) {
			if ((had >> (bit + i) & 1) == 0)
				h->bytes[at + i] = data[i];
			else if (h->bytes[at + i] != data[i])
				note_conflict(h, at + i);
		}
	}
	map_put(h, word, had | mask);
}

static void add_with_map(struct head *h, uint32_t at, const uint8_t *data, uint32_t len)
{
	while (len > 0) {
		uint32_t n = WORD - at % WORD;

		if (n > len)
			n = len;
		add_in_word(h, at, data, n);
		at += n;
		data += n;
		len -= n;
	}
}

/* The first uncovered byte at or after `from`, by the map. */
static uint32_t first_hole(const struct head *h, uint32_t from)
{
	while (from < h->highest) {
		uint64_t holes = ~map_get(h, from / WORD) & mask_of(from % WORD, WORD);

		if (holes != 0)
			return from / WORD * WORD + (uint32_t)__builtin_ctzll(holes);
		from = (from / WORD + 1) * WORD;
	}
	return h->highest;
}

/* The part from `filled` on: at >= filled, len > 0, and there is room. */
static void add_new(struct head *h, struct head_pools *p, uint32_t at,
		    const uint8_t *data, uint32_t len)
{
	const uint32_t end = at + len;

	if (h->filled == h->highest && at == h->filled) {
		memcpy(h->bytes + at, data, len);
		h->filled = end;
		h->highest = end;
		return;
	}
	if (h->filled == h->highest || h->map == NULL) {
		map_make(h, p);
		map_clear(h, h->filled / WORD);
	}
	add_with_map(h, at, data, len);
	if (end > h->highest)
		h->highest = end;
	if (at == h->filled)
		h->filled = first_hole(h, end);
}

enum head_result head_add(struct head *h, struct head_pools *p, uint32_t at,
			  const uint8_t *data, size_t len)
{
	const uint32_t filled = h->filled;
	const bool beyond = len > 0 && (at >= HEAD_MAX || len > HEAD_MAX - at);
	uint32_t n, known = 0;

	if (len == 0)
		return HEAD_KEPT;
	if (at >= HEAD_MAX) {
		h->beyond = true;
		return HEAD_KEPT;
	}
	n = beyond ? HEAD_MAX - at : (uint32_t)len;
	if (!make_room(h, p, at + n))
		return HEAD_NO_ROOM;
	h->beyond |= beyond;
	if (at < filled) {
		known = n < filled - at ? n : filled - at;
		compare(h, at, data, known);
	}
	if (n > known)
		add_new(h, p, at + known, data + known, n - known);
	return h->filled > filled ? HEAD_ADDED : HEAD_KEPT;
}

enum head_result head_overwrite(struct head *h, struct head_pools *p, uint32_t at,
				const uint8_t *data, size_t len)
{
	enum head_result r = head_add(h, p, at, data, len);

	if (r != HEAD_NO_ROOM && len > 0 && at < HEAD_MAX)
		memcpy(h->bytes + at, data, len < HEAD_MAX - at ? len : HEAD_MAX - at);
	return r;
}

bool head_copy(struct head *to, struct head_pools *p, const struct head *from)
{
	if (from->bytes == NULL)
		return true;
	if (!make_room(to, p, from->highest))
		return false;
	memcpy(to->bytes, from->bytes, from->highest);
	if (from->highest > from->filled) {
		map_make(to, p);
		map_clear(to, 0);
		memcpy(to->map, from->map,
		       head_map_bytes(to->size < from->size ? to->size : from->size));
	}
	to->filled = from->filled;
	to->highest = from->highest;
	return true;
}

/* The next run of bytes that have been seen, at or after `at`.  False: there is none. */
static bool next_run(const struct head *h, uint32_t at, uint32_t *ret_from,
		     uint32_t *ret_end)
{
	if (at < h->filled) {
		*ret_from = at;
		*ret_end = h->filled;
		return true;
	}
	while (at < h->highest) {
		const uint64_t seen = map_get(h, at / WORD) >> (at % WORD);

		if (seen != 0) {
			*ret_from = at + (uint32_t)__builtin_ctzll(seen);
			*ret_end = first_hole(h, *ret_from);
			return *ret_from < h->highest;
		}
		at = (at / WORD + 1) * WORD;
	}
	return false;
}

/* What `from` holds from offset `from_at` on is added from offset `at` on. */
static bool add_runs(struct head *to, struct head_pools *p, uint32_t at,
		     const struct head *from, uint32_t from_at)
{
	uint32_t run = from_at, end;

	while (next_run(from, run, &run, &end)) {
		if (head_add(to, p, at + (run - from_at), from->bytes + run, end - run) ==
		    HEAD_NO_ROOM)
			return false;
		run = end;
	}
	return true;
}

bool head_copy_from(struct head *to, struct head_pools *p, const struct head *from,
		    uint32_t from_at)
{
	return add_runs(to, p, 0, from, from_at);
}

bool head_add_all(struct head *to, struct head_pools *p, uint32_t at,
		  const struct head *from)
{
	return add_runs(to, p, at, from, 0);
}

bool head_shift(struct head *h, struct head_pools *p, uint32_t n)
{
	struct head moved = {.conflict = h->conflict,
			     .conflict_at = h->conflict_at + n,
			     .out_of_order = h->out_of_order,
			     .beyond = h->beyond};

	if (!add_runs(&moved, p, n, h, 0)) {
		head_clear(&moved, p);
		return false;
	}
	head_clear(h, p);
	*h = moved;
	return true;
}

bool head_has(const struct head *h, uint32_t at, uint32_t end)
{
	if (at < h->filled)
		at = h->filled;
	if (at >= end)
		return true;
	return end <= h->highest && first_hole(h, at) >= end;
}

/* The map without its first `n` bits. */
static void map_drop(struct head *h, uint32_t n)
{
	const uint32_t words = h->size / WORD, by = n / WORD, bits = n % WORD;

	for (uint32_t i = 0; i < words; i++) {
		uint64_t w = i + by < words ? map_get(h, i + by) >> bits : 0;

		if (bits > 0 && i + by + 1 < words)
			w |= map_get(h, i + by + 1) << (WORD - bits);
		map_put(h, i, w);
	}
}

void head_drop(struct head *h, struct head_pools *p, uint32_t n)
{
	const bool whole = h->filled == h->highest;

	if (n >= h->highest) {
		head_clear(h, p);
		return;
	}
	memmove(h->bytes, h->bytes + n, h->highest - n);
	h->highest -= n;
	if (whole || h->map == NULL) { /* a gap has a map */
		h->filled -= n;
		return;
	}
	map_drop(h, n);
	h->filled = n < h->filled ? h->filled - n : first_hole(h, 0);
}

/* The bytes that have been seen behind a hole, from `at` to `end`. */
static bool differs_behind(const struct head *h, uint32_t at, uint32_t end,
			   const uint8_t *data)
{
	for (uint32_t k = at; k < end;) {
		const uint64_t seen = map_get(h, k / WORD) >> (k % WORD);

		if (seen == 0) {
			k = (k / WORD + 1) * WORD;
			continue;
		}
		k += (uint32_t)__builtin_ctzll(seen);
		if (k < end && h->bytes[k] != data[k - at])
			return true;
		k++;
	}
	return false;
}

bool head_contradicts(const struct head *h, uint32_t at, const uint8_t *data, size_t len)
{
	uint32_t end, known;

	if (at >= h->highest) /* most segments bring what nobody has seen */
		return false;
	end = len < h->highest - at ? at + (uint32_t)len : h->highest;
	known = end < h->filled ? end : h->filled;
	if (at < known) {
		if (memcmp(h->bytes + at, data, known - at) != 0)
			return true;
		data += known - at;
		at = known;
	}
	return differs_behind(h, at, end, data);
}

size_t head_agrees(const struct head *h, uint32_t at, const uint8_t *data, size_t len)
{
	size_t i = 0;

	if (!head_contradicts(h, at, data, len))
		return len;
	while (!head_has(h, at + (uint32_t)i, at + (uint32_t)i + 1) ||
	       h->bytes[at + i] == data[i])
		i++;
	return i;
}

void head_clear(struct head *h, struct head_pools *p)
{
	if (h->bytes != NULL)
		put_back(p, h);
	memset(h, 0, sizeof(*h));
}
