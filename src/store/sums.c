/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SLOTS_FIRST 1024u

struct entry {
	uint64_t hash, count;
	int64_t first_us, last_us;
	int64_t values[SUMS_VALUES_MAX];
};

struct sums {
	size_t keys; /* a row */
	struct entry *entries;
	int64_t *key_values; /* keys for each entry */
	size_t count, room;
	uint32_t *slots; /* entry + 1; 0 = free; at most half are taken */
	size_t slot_count;
};

struct sums *sums_create(size_t keys)
{
	struct sums *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->keys = keys;
	s->slot_count = SLOTS_FIRST;
	s->slots = calloc(SLOTS_FIRST, sizeof(*s->slots));
	if (s->slots != NULL)
		return s;
	free(s);
	return NULL;
}

void sums_destroy(struct sums *s)
{
	if (s == NULL)
		return;
	free(s->entries);
	free(s->key_values);
	free(s->slots);
	free(s);
}

static bool grow_slots(struct sums *s)
{
	const size_t n = s->slot_count * 2;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (size_t i = 0; i < s->count; i++) {
		size_t at = s->entries[i].hash & (n - 1);

		while (slots[at] != 0)
			at = (at + 1) & (n - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(s->slots);
	s->slots = slots;
	s->slot_count = n;
	return true;
}

static bool make_room(struct sums *s)
{
	const size_t room = s->room == 0 ? SLOTS_FIRST : s->room * 2;
	struct entry *entries;
	int64_t *keys;

	if (s->count == s->room) {
		entries = realloc(s->entries, room * sizeof(*entries));
		if (entries == NULL)
			return false;
		s->entries = entries;
		keys = realloc(s->key_values, room * s->keys * sizeof(*keys));
		if (keys == NULL)
			return false;
		s->key_values = keys;
		s->room = room;
	}
	return s->count < s->slot_count / 2 || grow_slots(s);
}

static int64_t add_clamped(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static void add_to(struct entry *e, const struct sums_one *one)
{
	e->count += one->count;
	if (one->first_us < e->first_us)
		e->first_us = one->first_us;
	if (one->last_us > e->last_us)
		e->last_us = one->last_us;
	for (size_t i = 0; i < SUMS_VALUES_MAX; i++)
		e->values[i] = add_clamped(e->values[i], one->values[i]);
}

bool sums_add(struct sums *s, const struct sums_one *one)
{
	const size_t bytes = s->keys * sizeof(*one->key);
	const uint64_t hash = hash_bytes(one->key, bytes, 0);
	size_t at = hash & (s->slot_count - 1);

	for (; s->slots[at] != 0; at = (at + 1) & (s->slot_count - 1)) {
		const size_t i = s->slots[at] - 1;

		if (s->entries[i].hash == hash &&
		    memcmp(s->key_values + i * s->keys, one->key, bytes) == 0) {
			add_to(&s->entries[i], one);
			return true;
		}
	}
	if (s->count == UINT32_MAX - 1 || !make_room(s))
		return false;
	for (at = hash & (s->slot_count - 1); s->slots[at] != 0;)
		at = (at + 1) & (s->slot_count - 1);
	if (bytes > 0)
		memcpy(s->key_values + s->count * s->keys, one->key, bytes);
	s->entries[s->count] =
		(struct entry){hash, one->count, one->first_us, one->last_us, {0}};
	memcpy(s->entries[s->count].values, one->values,
	       sizeof(s->entries[s->count].values));
	s->slots[at] = (uint32_t)++s->count;
	return true;
}

size_t sums_count(const struct sums *s)
{
	return s->count;
}

struct sums_row sums_at(const struct sums *s, size_t i)
{
	const struct entry *e = &s->entries[i];
	struct sums_row r = {
		s->key_values + i * s->keys, e->count, e->first_us, e->last_us, {0}};

	memcpy(r.values, e->values, sizeof(r.values));
	return r;
}

void sums_clear(struct sums *s)
{
	s->count = 0;
	memset(s->slots, 0, s->slot_count * sizeof(*s->slots));
}
