/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/intern.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pool.h"

/*
 * Texts live in pools by size class; a number is (pool index << 3 | class) + 1.  The hash
 * table chains through the texts themselves.
 */
#define CLASSES 5
#define BUCKETS (1u << 16)

static const size_t class_bytes[CLASSES] = {32, 64, 128, 288, INTERN_TEXT_MAX + 16};

struct entry {
	uint32_t next; /* number of the next text of the bucket */
	uint32_t holders;
	uint32_t hash;
	uint16_t len;
	char text[];
};

struct intern {
	struct pool *pools[CLASSES];
	uint64_t refused;
	uint32_t buckets[BUCKETS];
};

struct intern *intern_create(uint32_t max)
{
	struct intern *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	for (size_t i = 0; i < CLASSES; i++) {
		t->pools[i] =
			pool_create(class_bytes[i], i == CLASSES - 1 ? max / 8 + 1 : max);
		if (t->pools[i] == NULL) {
			intern_destroy(t);
			return NULL;
		}
	}
	return t;
}

void intern_destroy(struct intern *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < CLASSES; i++)
		pool_destroy(t->pools[i]);
	free(t);
}

static struct entry *entry_of(const struct intern *t, uint32_t number)
{
	return pool_at(t->pools[(number - 1) & 7], (number - 1) >> 3);
}

static unsigned class_of(size_t len)
{
	unsigned c = 0;

	while (c < CLASSES - 1 && sizeof(struct entry) + len > class_bytes[c])
		c++;
	return c;
}

uint32_t intern_hold(struct intern *t, struct str s)
{
	uint32_t hash, number;
	struct entry *e;
	unsigned c;

	if (s.len == 0)
		return INTERN_NONE;
	if (s.len > INTERN_TEXT_MAX)
		s.len = INTERN_TEXT_MAX;
	hash = (uint32_t)hash_bytes(s.p, s.len, 0);
	for (number = t->buckets[hash % BUCKETS]; number != INTERN_NONE;
	     number = e->next) {
		e = entry_of(t, number);
		if (e->hash == hash && e->len == s.len &&
		    memcmp(e->text, s.p, s.len) == 0) {
			e->holders++;
			return number;
		}
	}
	c = class_of(s.len);
	e = pool_get(t->pools[c]);
	if (e == NULL) {
		t->refused++;
		return INTERN_NONE;
	}
	number = (pool_index(t->pools[c], e) << 3 | c) + 1;
	e->next = t->buckets[hash % BUCKETS];
	e->holders = 1;
	e->hash = hash;
	e->len = (uint16_t)s.len;
	memcpy(e->text, s.p, s.len);
	t->buckets[hash % BUCKETS] = number;
	return number;
}

void intern_release(struct intern *t, uint32_t number)
{
	uint32_t *link;
	struct entry *e;

	if (number == INTERN_NONE)
		return;
	e = entry_of(t, number);
	if (--e->holders > 0)
		return;
	link = &t->buckets[e->hash % BUCKETS];
	while (*link != number)
		link = &entry_of(t, *link)->next;
	*link = e->next;
	pool_put(t->pools[(number - 1) & 7], e);
}

struct str intern_text(const struct intern *t, uint32_t number)
{
	const struct entry *e;

	if (number == INTERN_NONE)
		return STR_NONE;
	e = entry_of(t, number);
	return (struct str){e->text, e->len};
}

size_t intern_copy(const struct intern *t, uint32_t number, char *to, size_t size)
{
	return str_copy(intern_text(t, number), to, size);
}

uint64_t intern_refused(const struct intern *t)
{
	return t->refused;
}
