/* SPDX-License-Identifier: Apache-2.0 */
#include "match/prefixes.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "base/prefix_sort.h"

#define V4_BITS        96 /* an IPv4 prefix has at least so many in the 16-byte form */
#define DEPTH_MAX      129
#define INDEX_BITS_MAX 16
#define NONE           PREFIXES_NONE

#define ENTRIES_MAX (1u << 26)

/*
 * One distinct prefix: values[first .. first + count) in the order of adding, and the node of
 * the next shorter prefix around it.  Walking to the parents yields every containing prefix,
 * longest first, and no list is held twice.
 */
struct node {
	uint32_t first;
	uint32_t count;
	uint32_t parent; /* NONE = no prefix around it */
};

/* A 128-bit address as two host-order numbers: comparing is two compares, not a memcmp. */
struct wide {
	uint64_t hi;
	uint64_t lo;
};

/*
 * Disjoint ranges in ascending order, the first from the lowest address on, each up to the
 * next one's start.  `node` is the longest prefix around all of the range.
 */
struct v4_range {
	uint32_t start;
	uint32_t node;
};

struct v4_ranges {
	struct v4_range *list;
	uint32_t count;
	/*
	 * index[x] is the range that holds the first address whose top `index_bits` bits are
	 * x; a last entry closes the table.  Sized by the number of ranges, so that a small
	 * table stays small and a large one needs few steps of the binary search.
	 */
	uint32_t *index;
	unsigned index_bits;
};

/* The ranges that begin with one value of the address's first 32 bits. */
struct v6_block {
	uint32_t top;
	uint32_t low;   /* the range that holds the block's first address */
	uint32_t count; /* of ranges from there to the block's end; 0 = an empty slot */
};

/*
 * IPv6 prefixes crowd in a few /16, which leading bits would not part; their /32 are many and
 * small.  So the /32 of the address is hashed to its ranges; an address whose /32 no range
 * begins in is searched for among all.
 */
struct v6_ranges {
	struct wide *starts;
	uint32_t *nodes; /* one a start */
	uint32_t count;
	struct v6_block *blocks; /* 1 << block_bits, at least twice the blocks */
	unsigned block_bits;
};

struct prefixes {
	struct prefix_key *keys; /* what was added, by `added`; gone once sealed */
	uint32_t *added;         /* values in the order of adding; gone once sealed */
	uint32_t count, room;
	bool sealed;
	uint32_t *values;
	struct node *nodes;
	uint32_t node_count;
	struct v4_ranges v4;
	struct v6_ranges v6;
};

static uint64_t be64_at(const uint8_t *b)
{
	uint64_t v;

	memcpy(&v, b, sizeof(v));
	return be64toh(v);
}

static struct wide wide_of(const struct addr *a)
{
	return (struct wide){be64_at(a->b), be64_at(a->b + 8)};
}

static bool wide_less(struct wide a, struct wide b)
{
	return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo);
}

/* The first address after prefix `start`/`bits`; false when it reaches the last address. */
static bool wide_after(struct wide start, unsigned bits, struct wide *ret)
{
	struct wide next = start;

	if (bits == 0)
		return false;
	if (bits <= 64) {
		next.hi += (uint64_t)1 << (64 - bits);
		next.lo = 0;
	} else {
		next.lo += (uint64_t)1 << (128 - bits);
		next.hi += next.lo == 0;
	}
	*ret = next;
	return next.hi != 0 || next.lo != 0;
}

struct prefixes *prefixes_create(void)
{
	return calloc(1, sizeof(struct prefixes));
}

static void release_tables(struct prefixes *t)
{
	free(t->values);
	free(t->nodes);
	free(t->v4.list);
	free(t->v4.index);
	free(t->v6.starts);
	free(t->v6.nodes);
	free(t->v6.blocks);
	t->values = NULL;
	t->nodes = NULL;
	t->node_count = 0;
	t->v4 = (struct v4_ranges){0};
	t->v6 = (struct v6_ranges){0};
}

static void release_added(struct prefixes *t)
{
	free(t->keys);
	free(t->added);
	t->keys = NULL;
	t->added = NULL;
}

void prefixes_destroy(struct prefixes *t)
{
	if (t == NULL)
		return;
	release_tables(t);
	release_added(t);
	free(t);
}

size_t prefixes_count(const struct prefixes *t)
{
	return t->count;
}

/* Room for the next entry. */
static int make_room(struct prefixes *t)
{
	uint32_t room = t->room == 0 ? 64 : t->room * 2;
	struct prefix_key *keys;
	uint32_t *added;

	if (t->count < t->room)
		return 0;
	if (t->room >= ENTRIES_MAX)
		return -ENOMEM;
	keys = reallocarray(t->keys, room, sizeof(*keys));
	if (keys == NULL)
		return -ENOMEM;
	t->keys = keys;
	added = reallocarray(t->added, room, sizeof(*added));
	if (added == NULL)
		return -ENOMEM;
	t->added = added;
	t->room = room;
	return 0;
}

int prefixes_add(struct prefixes *t, const struct prefix *p, uint32_t value)
{
	if (t->sealed || p->bits > 128)
		return -EINVAL;
	if (make_room(t) != 0)
		return -ENOMEM;
	t->keys[t->count] = prefix_key(p, t->count);
	t->added[t->count++] = value;
	return 0;
}

static bool is_v4(const struct prefix_key *k)
{
	return k->bits >= V4_BITS && k->hi == 0 && k->lo >> 32 == 0xffff;
}

/* The prefixes around the place that the sweep has reached, shortest first. */
struct sweep {
	struct prefixes *t;
	bool v4;
	size_t depth;
	struct {
		uint32_t node;
		bool ends; /* false: reaches the family's last address */
		struct wide after;
	} stack[DEPTH_MAX];
};

/* From `start` on, `node` is the longest prefix.  A later word about one start replaces it. */
static void emit_v4(struct v4_ranges *r, uint32_t start, uint32_t node)
{
	if (r->count > 0 && r->list[r->count - 1].start == start)
		r->count--;
	if (r->count > 0 && r->list[r->count - 1].node == node)
		return;
	r->list[r->count++] = (struct v4_range){start, node};
}

static void emit_v6(struct v6_ranges *r, struct wide start, uint32_t node)
{
	if (r->count > 0 && r->starts[r->count - 1].hi == start.hi &&
	    r->starts[r->count - 1].lo == start.lo)
		r->count--;
	if (r->count > 0 && r->nodes[r->count - 1] == node)
		return;
	r->starts[r->count] = start;
	r->nodes[r->count++] = node;
}

static void emit(struct sweep *s, struct wide start, uint32_t node)
{
	if (s->v4)
		emit_v4(&s->t->v4, (uint32_t)start.lo, node);
	else
		emit_v6(&s->t->v6, start, node);
}

static uint32_t sweep_top(const struct sweep *s)
{
	return s->depth == 0 ? NONE : s->stack[s->depth - 1].node;
}

/* Leave the prefixes that end at or before `start`; NULL: all of them. */
static void sweep_leave(struct sweep *s, const struct wide *start)
{
	while (s->depth > 0) {
		struct wide after = s->stack[s->depth - 1].after;
		bool ends = s->stack[s->depth - 1].ends;

		if (start != NULL && (!ends || wide_less(*start, after)))
			return;
		s->depth--;
		if (ends)
			emit(s, after, sweep_top(s));
	}
}

static void sweep_enter(struct sweep *s, const struct prefix_key *k, uint32_t node)
{
	struct wide start = {k->hi, k->lo};
	struct wide after = {0, 0};
	bool ends = wide_after(start, k->bits, &after);

	/* ::ffff:255.255.255.255 is the last IPv4 address, but not the last of 16 bytes. */
	if (s->v4 && (uint32_t)after.lo == 0)
		ends = false;
	emit(s, start, node);
	s->stack[s->depth].node = node;
	s->stack[s->depth].ends = ends;
	s->stack[s->depth].after = after;
	s->depth++;
}

/* Turn the sorted entries of one family into nodes and ranges. */
static void build_family(struct prefixes *t, bool v4)
{
	struct sweep s = {.t = t, .v4 = v4};

	if (v4) {
		t->v4.list[0] = (struct v4_range){0, NONE};
		t->v4.count = 1;
	} else {
		t->v6.nodes[0] = NONE;
		t->v6.count = 1;
	}
	for (uint32_t i = 0; i < t->count;) {
		const struct prefix_key *k = &t->keys[i];
		struct wide start = {k->hi, k->lo};
		uint32_t first = i;

		for (; i < t->count && prefix_key_same(&t->keys[i], k); i++)
			t->values[i] = t->added[t->keys[i].number];
		if (is_v4(k) != v4)
			continue;
		sweep_leave(&s, &start);
		t->nodes[t->node_count] = (struct node){
			.first = first, .count = i - first, .parent = sweep_top(&s)};
		sweep_enter(&s, k, t->node_count++);
	}
	sweep_leave(&s, NULL);
}

/* At most two range borders a prefix, and the one at the lowest address. */
static int allocate_ranges(struct prefixes *t)
{
	size_t v4 = 1, v6 = 1;

	for (uint32_t i = 0; i < t->count; i++) {
		if (is_v4(&t->keys[i]))
			v4 += 2;
		else
			v6 += 2;
	}
	t->values = malloc(((size_t)t->count + 1) * sizeof(*t->values));
	t->nodes = malloc(((size_t)t->count + 1) * sizeof(*t->nodes));
	t->v4.list = calloc(v4, sizeof(*t->v4.list));
	t->v6.starts = calloc(v6, sizeof(*t->v6.starts));
	t->v6.nodes = malloc(v6 * sizeof(*t->v6.nodes));
	while (t->v4.index_bits < INDEX_BITS_MAX && v4 >> t->v4.index_bits > 4)
		t->v4.index_bits++;
	t->v4.index = malloc((((size_t)1 << t->v4.index_bits) + 1) * sizeof(uint32_t));
	if (t->values == NULL || t->nodes == NULL || t->v4.list == NULL ||
	    t->v4.index == NULL || t->v6.starts == NULL || t->v6.nodes == NULL)
		return -ENOMEM;
	return 0;
}

static void build_index(struct v4_ranges *r)
{
	uint32_t range = 0;
	size_t size = (size_t)1 << r->index_bits;

	for (size_t x = 0; x < size; x++) {
		uint64_t first = (uint64_t)x << (32 - r->index_bits);

		while (range + 1 < r->count && r->list[range + 1].start <= first)
			range++;
		r->index[x] = range;
	}
	r->index[size] = r->count - 1;
}

static uint32_t top_of(struct wide w)
{
	return (uint32_t)(w.hi >> 32);
}

/* The slot of `top`, or the empty one where it would stand. */
static struct v6_block *block_of(const struct v6_ranges *r, uint32_t top)
{
	uint32_t mask = (1u << r->block_bits) - 1;
	uint32_t at = top * 0x9e3779b1u >> (32 - r->block_bits);

	while (r->blocks[at].count != 0 && r->blocks[at].top != top)
		at = (at + 1) & mask;
	return &r->blocks[at];
}

static int build_blocks(struct v6_ranges *r)
{
	uint32_t blocks = 1;

	for (uint32_t i = 1; i < r->count; i++)
		blocks += top_of(r->starts[i]) != top_of(r->starts[i - 1]);
	r->block_bits = 1;
	while (1u << r->block_bits < blocks * 2)
		r->block_bits++;
	r->blocks = calloc((size_t)1 << r->block_bits, sizeof(*r->blocks));
	if (r->blocks == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t top = top_of(r->starts[i]);
		struct v6_block *b = block_of(r, top);
		bool begins = (uint32_t)r->starts[i].hi == 0 && r->starts[i].lo == 0;

		if (b->count ==
		    0) { /* unless one begins with it, the range before holds it */
			b->top = top;
			b->low = begins ? i : i - 1;
		}
		b->count = i - b->low + 1;
	}
	return 0;
}

/* Give back what the estimate took too much; shrinking in place does not fail in practice. */
static void *shrink(void *p, size_t count, size_t width)
{
	void *smaller = count == 0 ? NULL : reallocarray(p, count, width);

	return smaller == NULL ? p : smaller;
}

static void shrink_tables(struct prefixes *t)
{
	t->nodes = shrink(t->nodes, t->node_count, sizeof(*t->nodes));
	t->v4.list = shrink(t->v4.list, t->v4.count, sizeof(*t->v4.list));
	t->v6.starts = shrink(t->v6.starts, t->v6.count, sizeof(*t->v6.starts));
	t->v6.nodes = shrink(t->v6.nodes, t->v6.count, sizeof(*t->v6.nodes));
}

static int sort_added(struct prefixes *t)
{
	struct prefix_key *room = reallocarray(NULL, (size_t)t->count + 1, sizeof(*room));

	if (room == NULL)
		return -ENOMEM;
	prefix_sort(t->keys, room, t->count);
	free(room);
	return 0;
}

int prefixes_seal(struct prefixes *t)
{
	if (t->sealed)
		return 0;
	if (allocate_ranges(t) != 0 || sort_added(t) != 0) {
		release_tables(t);
		return -ENOMEM;
	}
	build_family(t, false);
	build_family(t, true);
	build_index(&t->v4);
	shrink_tables(t);
	if (build_blocks(&t->v6) != 0) {
		release_tables(t);
		return -ENOMEM;
	}
	release_added(t);
	t->sealed = true;
	return 0;
}

static uint32_t v4_node(const struct v4_ranges *r, uint32_t key)
{
	size_t x = (size_t)((uint64_t)key >> (32 - r->index_bits));
	uint32_t low = r->index[x];
	uint32_t n = r->index[x + 1] - low + 1;

	/* The answer is one of low .. low + n - 1. */
	while (n > 1) {
		uint32_t half = n / 2;

		low += r->list[low + half].start <= key ? half : 0;
		n -= half;
	}
	return r->list[low].node;
}

static uint32_t v6_node(const struct v6_ranges *r, struct wide key)
{
	const struct v6_block *b = block_of(r, top_of(key));
	uint32_t low = b->count > 0 ? b->low : 0;
	uint32_t n = b->count > 0 ? b->count : r->count;

	while (n > 1) {
		uint32_t half = n / 2;

		low += wide_less(key, r->starts[low + half]) ? 0 : half;
		n -= half;
	}
	return r->nodes[low];
}

uint32_t prefixes_longest(const struct prefixes *t, const struct addr *a)
{
	struct wide key = wide_of(a);

	if (!t->sealed)
		return NONE;
	return addr_is_v4(a) ? v4_node(&t->v4, (uint32_t)key.lo) : v6_node(&t->v6, key);
}

uint32_t prefixes_distinct(const struct prefixes *t)
{
	return t->node_count;
}

size_t prefixes_around(const struct prefixes *t, uint32_t number, uint32_t *ret,
		       size_t max)
{
	size_t count = 0;
	uint32_t i = number;

	for (; i != NONE && count < max; i = t->nodes[i].parent) {
		const struct node *n = &t->nodes[i];

		for (uint32_t v = 0; v < n->count && count < max; v++)
			ret[count++] = t->values[n->first + v];
	}
	return count;
}

size_t prefixes_find(const struct prefixes *t, const struct addr *a, uint32_t *ret,
		     size_t max)
{
	return prefixes_around(t, prefixes_longest(t, a), ret, max);
}

bool prefixes_contain(const struct prefixes *t, const struct addr *a)
{
	return prefixes_longest(t, a) != NONE;
}

static struct addr addr_of_v4(uint32_t v)
{
	const uint32_t be = htobe32(v);
	uint8_t b[4];

	memcpy(b, &be, sizeof(b));
	return addr_from_v4(b);
}

bool prefixes_v4_range(const struct prefixes *t, size_t i, struct addr *ret_first,
		       struct addr *ret_last)
{
	const struct v4_ranges *r = &t->v4;

	if (i >= r->count)
		return false;
	*ret_first = addr_of_v4(r->list[i].start);
	*ret_last = addr_of_v4(i + 1 < r->count ? r->list[i + 1].start - 1 : UINT32_MAX);
	return true;
}

static struct addr addr_of_wide(struct wide w)
{
	const uint64_t be[2] = {htobe64(w.hi), htobe64(w.lo)};
	struct addr a;

	memcpy(a.b, be, sizeof(a.b));
	return a;
}

bool prefixes_v6_range(const struct prefixes *t, size_t i, struct addr *ret_first,
		       struct addr *ret_last)
{
	const struct v6_ranges *r = &t->v6;
	struct wide last = {UINT64_MAX, UINT64_MAX};

	if (i >= r->count)
		return false;
	if (i + 1 < r->count) { /* no start but the first is zero */
		last = r->starts[i + 1];
		last.hi -= last.lo == 0;
		last.lo--;
	}
	*ret_first = addr_of_wide(r->starts[i]);
	*ret_last = addr_of_wide(last);
	return true;
}
