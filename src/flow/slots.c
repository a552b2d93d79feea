/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/slots.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define BITS_MIN 9  /* a page of slots */
#define BITS_MAX 30 /* a home slot is part of the 32-bit tag */
#define MOVE_STEP \
	16 /* old slots looked at per insertion; 2 would be enough to finish in time */

static struct slot *table_of(const struct slots *s, uint32_t bits)
{
	return s->base + ((size_t)1 << bits);
}

static uint32_t mask_of(uint32_t bits)
{
	return ((uint32_t)1 << bits) - 1;
}

static bool too_full(uint32_t records, uint32_t bits)
{
	return (uint64_t)records * 4 > ((uint64_t)1 << bits) * 3;
}

int slots_init(struct slots *s, uint32_t max)
{
	void *base;

	memset(s, 0, sizeof(*s));
	s->bits = BITS_MIN;
	s->bits_max = BITS_MIN;
	while (too_full(max, s->bits_max)) {
		if (++s->bits_max > BITS_MAX)
			return -EINVAL;
	}
	s->bytes = sizeof(struct slot) << (s->bits_max + 1);
	base = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -ENOMEM;
	s->base = base;
	return 0;
}

void slots_release(struct slots *s)
{
	if (s->base != NULL)
		(void)munmap(s->base, s->bytes);
	s->base = NULL;
}

static uint32_t probe(const struct slots *s, struct slot_walk *w)
{
	for (;;) {
		uint32_t bits = w->in_old ? s->bits - 1 : s->bits;
		const struct slot *table = table_of(s, bits);
		uint32_t mask = mask_of(bits);

		for (uint32_t i = w->at & mask; table[i].ref != 0; i = (i + 1) & mask) {
			if (table[i].tag == w->tag) {
				w->at = i + 1;
				return table[i].ref - 1;
			}
		}
		if (w->in_old || !s->moving)
			return SLOTS_NONE;
		w->in_old = true;
		w->at = w->tag;
	}
}

uint32_t slots_first(const struct slots *s, uint32_t tag, struct slot_walk *w)
{
	*w = (struct slot_walk){.tag = tag, .at = tag, .in_old = false};
	return probe(s, w);
}

uint32_t slots_next(const struct slots *s, struct slot_walk *w)
{
	return probe(s, w);
}

static void put(struct slots *s, struct slot entry)
{
	struct slot *table = table_of(s, s->bits);
	uint32_t mask = mask_of(s->bits);
	uint32_t i = entry.tag & mask;

	while (table[i].ref != 0)
		i = (i + 1) & mask;
	table[i] = entry;
}

static void grow(struct slots *s)
{
	const struct slot *old = table_of(s, s->bits);
	uint32_t i = 0;

	while (old[i].ref != 0)
		i++;
	s->start = i;
	s->cursor = i;
	s->moving = true;
	s->bits++;
}

/*
 * Whole runs between empty slots move at once: a run holds the home slots of all its records,
 * so those left behind are still found, and no removal shifts a record across the cursor.
 */
static void move_some(struct slots *s)
{
	struct slot *old = table_of(s, s->bits - 1);
	uint32_t mask = mask_of(s->bits - 1);
	uint32_t looked = 0;

	for (;;) {
		s->cursor = (s->cursor + 1) & mask;
		looked++;
		if (old[s->cursor].ref != 0) {
			put(s, old[s->cursor]);
			old[s->cursor].ref = 0;
			continue;
		}
		if (s->cursor == s->start) {
			s->moving = false;
			(void)madvise(old, sizeof(*old) << (s->bits - 1), MADV_DONTNEED);
			return;
		}
		if (looked >= MOVE_STEP)
			return;
	}
}

void slots_add(struct slots *s, uint32_t tag, uint32_t record)
{
	if (s->moving)
		move_some(s);
	else if (too_full(s->used + 1, s->bits) && s->bits < s->bits_max)
		grow(s);
	put(s, (struct slot){.tag = tag, .ref = record + 1});
	s->used++;
}

/* Empty slot `hole`, moving later records of its run into the holes they can fill. */
static void close_gap(struct slot *table, uint32_t mask, uint32_t hole)
{
	for (uint32_t i = (hole + 1) & mask; table[i].ref != 0; i = (i + 1) & mask) {
		uint32_t home = table[i].tag & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			table[hole] = table[i];
			hole = i;
		}
	}
	table[hole] = (struct slot){0};
}

static bool remove_from(const struct slots *s, uint32_t bits, struct slot entry)
{
	struct slot *table = table_of(s, bits);
	uint32_t mask = mask_of(bits);

	for (uint32_t i = entry.tag & mask; table[i].ref != 0; i = (i + 1) & mask) {
		if (table[i].ref == entry.ref) {
			close_gap(table, mask, i);
			return true;
		}
	}
	return false;
}

void slots_remove(struct slots *s, uint32_t tag, uint32_t record)
{
	const struct slot entry = {.tag = tag, .ref = record + 1};

	if (remove_from(s, s->bits, entry) ||
	    (s->moving && remove_from(s, s->bits - 1, entry)))
		s->used--;
}
