/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prefix_sort.h"

#include <string.h>

static uint64_t be64_at(const uint8_t *b)
{
	uint64_t v;

	memcpy(&v, b, sizeof(v));
	return be64toh(v);
}

/* The first `bits` of 64 bits are ones. */
static uint64_t mask_of(unsigned bits)
{
	return bits == 0 ? 0 : bits >= 64 ? UINT64_MAX : UINT64_MAX << (64 - bits);
}

struct prefix_key prefix_key(const struct prefix *p, uint32_t number)
{
	return (struct prefix_key){
		.hi = be64_at(p->addr.b) & mask_of(p->bits),
		.lo = be64_at(p->addr.b + 8) & mask_of(p->bits > 64 ? p->bits - 64u : 0),
		.bits = p->bits,
		.number = number,
	};
}

static inline bool before(const struct prefix_key *a, const struct prefix_key *b)
{
	if (a->hi != b->hi)
		return a->hi < b->hi;
	if (a->lo != b->lo)
		return a->lo < b->lo;
	if (a->bits != b->bits)
		return a->bits < b->bits;
	return a->number < b->number;
}

/* One past the end of the run that begins at `from`. */
static size_t run_end(const struct prefix_key *list, size_t from, size_t count)
{
	size_t at = from;

	while (++at < count && !before(&list[at], &list[at - 1]))
		;
	return at < count ? at : count;
}

static void merge(struct prefix_key *to, const struct prefix_key *a, size_t a_count,
		  const struct prefix_key *b, size_t b_count)
{
	const struct prefix_key *a_end = a + a_count, *b_end = b + b_count;

	while (a != a_end && b != b_end)
		*to++ = before(b, a) ? *b++ : *a++;
	memcpy(to, a, (size_t)(a_end - a) * sizeof(*a));
	memcpy(to + (a_end - a), b, (size_t)(b_end - b) * sizeof(*b));
}

/* Merge each two neighbouring runs of `list` into `to`; how many runs are left. */
static size_t merge_runs(const struct prefix_key *list, struct prefix_key *to,
			 size_t count)
{
	size_t runs = 0;

	for (size_t at = 0; at < count; runs++) {
		size_t middle = run_end(list, at, count);
		size_t end = middle < count ? run_end(list, middle, count) : count;

		merge(to + at, list + at, middle - at, list + middle, end - middle);
		at = end;
	}
	return runs;
}

void prefix_sort(struct prefix_key *list, struct prefix_key *room, size_t count)
{
	struct prefix_key *from = list, *to = room;

	if (run_end(list, 0, count) == count)
		return;
	for (size_t runs = 2; runs > 1;) {
		struct prefix_key *sorted = to;

		runs = merge_runs(from, to, count);
		to = from;
		from = sorted;
	}
	if (from != list)
		memcpy(list, from, count * sizeof(*list));
}
