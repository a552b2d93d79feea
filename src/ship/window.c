/* SPDX-License-Identifier: Apache-2.0 */
#include "ship/window.h"

#include <stdlib.h>

struct sent {
	struct ship_place at;
	uint64_t gap, end;
};

struct window {
	size_t size, first, count;
	size_t acknowledged; /* of count, from the oldest on */
	struct sent lines[];
};

struct window *window_create(size_t size)
{
	struct window *w = calloc(1, sizeof(*w) + size * sizeof(w->lines[0]));

	if (w != NULL)
		w->size = size;
	return w;
}

void window_destroy(struct window *w)
{
	free(w);
}

void window_clear(struct window *w)
{
	w->first = w->count = w->acknowledged = 0;
}

bool window_has_room(const struct window *w)
{
	return w->count < w->size;
}

static struct sent *nth(struct window *w, size_t n)
{
	return &w->lines[(w->first + n) % w->size];
}

void window_push(struct window *w, const struct ship_place *at, uint64_t gap,
		 uint64_t end)
{
	*nth(w, w->count) = (struct sent){.at = *at, .gap = gap, .end = end};
	w->count++;
}

uint64_t window_acknowledge(struct window *w, uint64_t bytes)
{
	while (w->acknowledged < w->count && nth(w, w->acknowledged)->end <= bytes)
		w->acknowledged++;
	return w->acknowledged == 0 ? 0 : nth(w, w->acknowledged - 1)->at.seq;
}

uint64_t window_settle(struct window *w, struct ship_place *cursor, uint64_t *lost)
{
	size_t n = w->count < w->size ? 0 : w->size / 8 + 1;

	if (n > w->acknowledged)
		n = w->acknowledged;
	for (size_t i = 0; i < n; i++) {
		*cursor = nth(w, i)->at;
		*lost += nth(w, i)->gap;
	}
	w->first = (w->first + n) % w->size;
	w->count -= n;
	w->acknowledged -= n;
	return n;
}

bool window_is_acknowledged(const struct window *w)
{
	return w->acknowledged == w->count;
}
