/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/words.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 64

void words_start(struct words *w, struct arena *arena, size_t max)
{
	*w = (struct words){.arena = arena, .max = max};
}

void words_end(struct words *w)
{
	free(w->list);
	free(w->slots);
	w->list = NULL;
	w->slots = NULL;
	w->count = w->room = w->slot_count = 0;
}

/* FNV-1a over lower-case bytes: the lists come from the operator's own files. */
static uint32_t fold_hash(struct str s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (uint8_t)ascii_lower(s.p[i])) * 16777619u;
	return h;
}

static size_t slot_of(const struct words *w, struct str s)
{
	size_t at = fold_hash(s) & (w->slot_count - 1);

	while (w->slots[at] != 0 && !str_equal_fold(str_of(w->list[w->slots[at] - 1]), s))
		at = (at + 1) & (w->slot_count - 1);
	return at;
}

uint16_t words_find(const struct words *w, struct str s)
{
	size_t at;

	if (w->slot_count == 0)
		return UINT16_MAX;
	at = slot_of(w, s);
	return w->slots[at] == 0 ? UINT16_MAX : (uint16_t)(w->slots[at] - 1);
}

static int grow(struct words *w)
{
	size_t room = w->room == 0 ? FIRST_ROOM : w->room * 2;
	uint32_t *slots = calloc(room * 2, sizeof(*slots));
	const char **list;

	if (slots == NULL)
		return -ENOMEM;
	list = realloc(w->list, room * sizeof(*list));
	if (list == NULL) {
		free(slots);
		return -ENOMEM;
	}
	free(w->slots);
	w->list = list;
	w->room = room;
	w->slots = slots;
	w->slot_count = room * 2;
	for (size_t i = 0; i < w->count; i++)
		w->slots[slot_of(w, str_of(w->list[i]))] = (uint32_t)i + 1;
	return 0;
}

int words_add(struct words *w, struct str s, uint16_t *ret)
{
	uint16_t old = words_find(w, s);
	char *copy;

	if (old != UINT16_MAX) {
		*ret = old;
		return 0;
	}
	if (w->count >= w->max)
		return -ENOSPC;
	if (w->count == w->room && grow(w) < 0)
		return -ENOMEM;
	copy = arena_strndup(w->arena, s.p, s.len);
	if (copy == NULL)
		return -ENOMEM;
	w->slots[slot_of(w, s)] = (uint32_t)w->count + 1;
	w->list[w->count] = copy;
	*ret = (uint16_t)w->count++;
	return 0;
}
