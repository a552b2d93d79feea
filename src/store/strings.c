/* SPDX-License-Identifier: Apache-2.0 */
#include "store/strings.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"

#define SLOTS_FIRST 1024u
#define BYTES_MAX   ((size_t)1 << 32)

struct entry {
	struct str text;
	uint64_t hash;
};

struct strings {
	struct arena *arena;
	struct entry *entries; /* number - 1 */
	uint32_t count, room;
	uint32_t *slots; /* numbers; 0 = free; at most half are taken */
	uint32_t slot_count;
};

struct strings *strings_create(void)
{
	struct strings *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->arena = arena_create(BYTES_MAX);
	t->slot_count = SLOTS_FIRST;
	t->slots = calloc(SLOTS_FIRST, sizeof(*t->slots));
	if (t->arena != NULL && t->slots != NULL)
		return t;
	strings_destroy(t);
	return NULL;
}

void strings_destroy(struct strings *t)
{
	if (t == NULL)
		return;
	arena_destroy(t->arena);
	free(t->entries);
	free(t->slots);
	free(t);
}

static bool grow_slots(struct strings *t)
{
	const uint32_t n = t->slot_count * 2;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t at = (uint32_t)t->entries[i].hash & (n - 1);

		while (slots[at] != 0)
			at = (at + 1) & (n - 1);
		slots[at] = i + 1;
	}
	free(t->slots);
	t->slots = slots;
	t->slot_count = n;
	return true;
}

static bool make_room(struct strings *t)
{
	const uint32_t room = t->room == 0 ? SLOTS_FIRST : t->room * 2;
	struct entry *more;

	if (t->count == STRINGS_MAX)
		return false;
	if (t->count == t->room) {
		more = realloc(t->entries, room * sizeof(*more));
		if (more == NULL)
			return false;
		t->entries = more;
		t->room = room;
	}
	return t->count < t->slot_count / 2 || grow_slots(t);
}

uint32_t strings_add(struct strings *t, struct str s)
{
	const uint64_t hash = hash_bytes(s.p, s.len, 0);
	uint32_t at = (uint32_t)hash & (t->slot_count - 1);
	char *copy;

	for (; t->slots[at] != 0; at = (at + 1) & (t->slot_count - 1)) {
		const struct entry *e = &t->entries[t->slots[at] - 1];

		if (e->hash == hash && str_equal(e->text, s))
			return t->slots[at];
	}
	if (!make_room(t))
		return 0;
	copy = arena_strndup(t->arena, s.p == NULL ? "" : s.p, s.len);
	if (copy == NULL)
		return 0;
	for (at = (uint32_t)hash & (t->slot_count - 1); t->slots[at] != 0;)
		at = (at + 1) & (t->slot_count - 1);
	t->entries[t->count] = (struct entry){{copy, s.len}, hash};
	t->slots[at] = ++t->count;
	return t->count;
}

uint32_t strings_count(const struct strings *t)
{
	return t->count;
}

struct str strings_text(const struct strings *t, uint32_t number)
{
	return number == 0 || number > t->count ? STR_NONE : t->entries[number - 1].text;
}
