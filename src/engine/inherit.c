/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/inherit.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pool.h"
#include "flow/slots.h"

struct entry {
	struct inherit_key key;
	struct legacy legacy;
	int64_t last_us; /* of the last packet of an ended connection that made it */
	uint32_t makers, heirs;
	uint32_t prev, next; /* entries that nobody holds, as they were let go; + 1 */
	bool allowed;        /* false: void */
};

struct inherit {
	struct pool *entries;
	struct slots slots;
	struct intern *texts;
	uint64_t seed;
	uint32_t first, last; /* of the list, + 1 */
	uint64_t forgotten;
};

struct inherit *inherit_create(uint32_t max, uint64_t seed, struct intern *texts)
{
	struct inherit *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->texts = texts;
	t->seed = seed;
	t->entries = pool_create(sizeof(struct entry), max);
	if (t->entries == NULL || slots_init(&t->slots, max) != 0) {
		pool_destroy(t->entries);
		free(t);
		return NULL;
	}
	return t;
}

void inherit_destroy(struct inherit *t)
{
	if (t == NULL)
		return;
	slots_release(&t->slots);
	pool_destroy(t->entries);
	free(t);
}

static struct entry *entry_at(const struct inherit *t, uint32_t number)
{
	return number == INHERIT_NONE ? NULL : pool_at(t->entries, number - 1);
}

static uint32_t number_of(const struct inherit *t, const struct entry *e)
{
	return pool_index(t->entries, e) + 1;
}

static uint32_t tag_of(const struct inherit *t, const struct inherit_key *k)
{
	uint8_t bytes[sizeof(k->inside.b) + sizeof(k->server.b) + sizeof(k->port)];

	memcpy(bytes, k->inside.b, sizeof(k->inside.b));
	memcpy(bytes + sizeof(k->inside.b), k->server.b, sizeof(k->server.b));
	memcpy(bytes + sizeof(k->inside.b) + sizeof(k->server.b), &k->port,
	       sizeof(k->port));
	return (uint32_t)hash_bytes(bytes, sizeof(bytes), t->seed);
}

static struct entry *find(const struct inherit *t, const struct inherit_key *k)
{
	struct slot_walk walk;

	for (uint32_t i = slots_first(&t->slots, tag_of(t, k), &walk); i != SLOTS_NONE;
	     i = slots_next(&t->slots, &walk)) {
		struct entry *e = pool_at(t->entries, i);

		if (e->key.port == k->port && addr_equal(&e->key.inside, &k->inside) &&
		    addr_equal(&e->key.server, &k->server))
			return e;
	}
	return NULL;
}

/* ---- who is held by nobody ---- */

static bool is_held(const struct entry *e)
{
	return e->makers > 0 || e->heirs > 0;
}

static void enlist(struct inherit *t, struct entry *e)
{
	const uint32_t me = number_of(t, e);

	e->prev = t->last;
	e->next = 0;
	if (t->last == 0)
		t->first = me;
	else
		entry_at(t, t->last)->next = me;
	t->last = me;
}

static void unlist(struct inherit *t, struct entry *e)
{
	if (e->prev == 0)
		t->first = e->next;
	else
		entry_at(t, e->prev)->next = e->next;
	if (e->next == 0)
		t->last = e->prev;
	else
		entry_at(t, e->next)->prev = e->prev;
}

static void hold_texts(struct inherit *t, const struct legacy *l)
{
	(void)intern_hold(t->texts, intern_text(t->texts, l->host));
	(void)intern_hold(t->texts, intern_text(t->texts, l->sni));
	(void)intern_hold(t->texts, intern_text(t->texts, l->offers));
	(void)intern_hold(t->texts, intern_text(t->texts, l->ja4));
}

static void release_texts(struct inherit *t, const struct legacy *l)
{
	intern_release(t->texts, l->host);
	intern_release(t->texts, l->sni);
	intern_release(t->texts, l->offers);
	intern_release(t->texts, l->ja4);
}

/* One that is in no list. */
static void give_back(struct inherit *t, struct entry *e)
{
	release_texts(t, &e->legacy);
	slots_remove(&t->slots, tag_of(t, &e->key), pool_index(t->entries, e));
	pool_put(t->entries, e);
}

/* The one that was let go first, or NULL. */
static struct entry *first_of(const struct inherit *t)
{
	return entry_at(t, t->first);
}

static void remove_entry(struct inherit *t, struct entry *e)
{
	unlist(t, e);
	give_back(t, e);
}

static void let_go(struct inherit *t, struct entry *e)
{
	if (is_held(e))
		return;
	if (e->allowed)
		enlist(t, e);
	else
		give_back(t, e);
}

void inherit_expire(struct inherit *t, int64_t clock_us)
{
	for (struct entry *e = first_of(t);
	     e != NULL && clock_us - e->last_us > INHERIT_US; e = first_of(t))
		remove_entry(t, e);
}

/* ---- entries ---- */

static struct entry *add(struct inherit *t, const struct inherit_key *k)
{
	struct entry *e = pool_get(t->entries);

	if (e == NULL) {
		struct entry *first = first_of(t);

		t->forgotten++;
		if (first == NULL)
			return NULL;
		remove_entry(t, first);
		e = pool_get(t->entries);
	}
	memset(e, 0, sizeof(*e));
	e->key = *k;
	e->last_us = INT64_MIN / 2;
	slots_add(&t->slots, tag_of(t, k), pool_index(t->entries, e));
	return e;
}

uint32_t inherit_allow(struct inherit *t, const struct inherit_key *k,
		       const struct legacy *l)
{
	struct entry *e = find(t, k);

	if (e == NULL)
		e = add(t, k);
	else if (!is_held(e))
		unlist(t, e);
	if (e == NULL)
		return INHERIT_NONE;
	hold_texts(t, l);
	release_texts(t, &e->legacy);
	e->legacy = *l;
	e->allowed = true;
	e->makers++;
	return number_of(t, e);
}

void inherit_deny(struct inherit *t, const struct inherit_key *k)
{
	struct entry *e = find(t, k);

	if (e == NULL)
		return;
	e->allowed = false;
	if (is_held(e))
		return;
	remove_entry(t, e);
}

uint32_t inherit_find(struct inherit *t, const struct inherit_key *k, int64_t clock_us)
{
	struct entry *e = find(t, k);

	if (e == NULL || !e->allowed ||
	    (e->makers == 0 && clock_us - e->last_us > INHERIT_US))
		return INHERIT_NONE;
	if (!is_held(e))
		unlist(t, e);
	e->heirs++;
	return number_of(t, e);
}

const struct legacy *inherit_legacy(const struct inherit *t, uint32_t entry)
{
	const struct entry *e = entry_at(t, entry);

	return e != NULL && e->allowed ? &e->legacy : NULL;
}

void inherit_end(struct inherit *t, uint32_t entry, int64_t last_us)
{
	struct entry *e = entry_at(t, entry);

	if (e == NULL)
		return;
	if (last_us > e->last_us)
		e->last_us = last_us;
	e->makers--;
	let_go(t, e);
}

void inherit_leave(struct inherit *t, uint32_t entry)
{
	struct entry *e = entry_at(t, entry);

	if (e == NULL)
		return;
	e->heirs--;
	let_go(t, e);
}

void inherit_stats(const struct inherit *t, struct inherit_stats *ret)
{
	*ret = (struct inherit_stats){.entries = pool_used(t->entries),
				      .forgotten = t->forgotten};
}
