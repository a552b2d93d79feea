/* SPDX-License-Identifier: Apache-2.0 */
#include "report/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"

#define MEMORY_MAX ((size_t)256 << 20)
#define SLOTS      ((size_t)TALLY_ROWS_MAX * 2) /* a power of two */

struct tally {
	struct arena *arena;
	struct tally_row *rows;
	size_t count, room;
	uint32_t *slots; /* number of a row + 1; 0 = empty; gone once sorted */
	uint64_t lost;
};

struct tally *tally_create(void)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->arena = arena_create(MEMORY_MAX);
	t->slots = calloc(SLOTS, sizeof(*t->slots));
	if (t->arena != NULL && t->slots != NULL)
		return t;
	tally_destroy(t);
	return NULL;
}

void tally_destroy(struct tally *t)
{
	if (t == NULL)
		return;
	if (t->arena != NULL)
		arena_destroy(t->arena);
	free(t->rows);
	free(t->slots);
	free(t);
}

static uint64_t hash_texts(const struct str texts[TALLY_TEXTS_MAX])
{
	uint64_t h = 0;

	for (size_t i = 0; i < TALLY_TEXTS_MAX; i++)
		h = hash_bytes(texts[i].len == 0 ? "" : texts[i].p, texts[i].len, h + 1);
	return h;
}

static bool same_texts(const struct str a[TALLY_TEXTS_MAX],
		       const struct str b[TALLY_TEXTS_MAX])
{
	for (size_t i = 0; i < TALLY_TEXTS_MAX; i++)
		if (!str_equal(a[i], b[i]))
			return false;
	return true;
}

static bool copy(struct tally *t, struct str s, struct str *ret)
{
	char *p = s.len == 0 ? NULL : arena_strndup(t->arena, s.p, s.len);

	*ret = (struct str){p, s.len};
	return s.len == 0 || p != NULL;
}

static bool make_room(struct tally *t)
{
	size_t room = t->room == 0 ? 64 : t->room * 2;
	struct tally_row *more;

	if (t->count < t->room)
		return true;
	more = reallocarray(t->rows, room, sizeof(*more));
	if (more == NULL)
		return false;
	t->rows = more;
	t->room = room;
	return true;
}

/* The row of `one`, new or old; NULL: out of memory. */
static struct tally_row *row_of(struct tally *t, const struct tally_one *one,
				uint32_t *slot)
{
	struct tally_row row = {.first_us = one->time_us, .last_us = one->time_us};
	bool sound;

	if (*slot != 0)
		return &t->rows[*slot - 1];
	sound = make_room(t) && copy(t, one->example, &row.example);
	for (size_t i = 0; sound && i < TALLY_TEXTS_MAX; i++)
		sound = copy(t, one->texts[i], &row.texts[i]);
	if (!sound)
		return NULL;
	t->rows[t->count] = row;
	*slot = (uint32_t)++t->count;
	return &t->rows[t->count - 1];
}

static bool add_source(struct tally *t, struct tally_row *row, struct str source)
{
	if (source.len == 0)
		return true;
	for (size_t i = 0; i < row->source_count; i++)
		if (str_equal(row->sources[i], source))
			return true;
	if (row->source_count == TALLY_SOURCES_MAX) {
		row->sources_cut = true;
		return true;
	}
	return copy(t, source, &row->sources[row->source_count++]);
}

bool tally_add(struct tally *t, const struct tally_one *one)
{
	size_t at = (size_t)hash_texts(one->texts) & (SLOTS - 1);
	struct tally_row *row;

	while (t->slots[at] != 0 &&
	       !same_texts(t->rows[t->slots[at] - 1].texts, one->texts))
		at = (at + 1) & (SLOTS - 1);
	if (t->slots[at] == 0 && t->count == TALLY_ROWS_MAX) {
		t->lost++;
		return true;
	}
	row = row_of(t, one, &t->slots[at]);
	if (row == NULL)
		return false;
	row->count++;
	if (one->time_us < row->first_us)
		row->first_us = one->time_us;
	if (one->time_us > row->last_us)
		row->last_us = one->time_us;
	return add_source(t, row, one->source);
}

static int compare_texts(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	return c != 0 ? c : a.len < b.len ? -1 : a.len > b.len;
}

static int by_count(const void *x, const void *y)
{
	const struct tally_row *a = x, *b = y;
	int c = 0;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	for (size_t i = 0; c == 0 && i < TALLY_TEXTS_MAX; i++)
		c = compare_texts(a->texts[i], b->texts[i]);
	return c;
}

size_t tally_sort(struct tally *t)
{
	free(t->slots);
	t->slots = NULL;
	if (t->count > 1)
		qsort(t->rows, t->count, sizeof(*t->rows), by_count);
	return t->count;
}

const struct tally_row *tally_at(const struct tally *t, size_t i)
{
	return &t->rows[i];
}

uint64_t tally_lost(const struct tally *t)
{
	return t->lost;
}
