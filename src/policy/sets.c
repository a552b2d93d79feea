/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more element of `size` bytes; NULL when memory ran out. */
static void *grow(void *list, size_t count, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 256 : *room * 2;
	void *bigger;

	if (count < *room)
		return list;
	bigger = realloc(list, more * size);
	if (bigger != NULL)
		*room = more;
	return bigger;
}

static int add_host(struct sets *s, const struct item *it, uint32_t set)
{
	struct host_pair *list =
		grow(s->hosts, s->host_count, &s->host_room, sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	s->hosts = list;
	list[s->host_count++] = (struct host_pair){it->text, set};
	return 0;
}

static int add_prefix(struct sets *s, const struct item *it, uint32_t set)
{
	struct prefix_pair *list =
		grow(s->prefixes, s->prefix_count, &s->prefix_room, sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	s->prefixes = list;
	list[s->prefix_count++] = (struct prefix_pair){it->prefix, set};
	return 0;
}

static int add_items(struct sets *s, const struct item *items, size_t count, uint32_t set,
		     int (*add)(struct sets *s, const struct item *it, uint32_t set))
{
	int rc = 0;

	for (const struct item *it = items; it != NULL && count > 0 && rc == 0;
	     it = it->next, count--) {
		if (it->table == NULL) {
			rc = add(s, it, set);
			continue;
		}
		for (const struct item *in = it->table->items; in != NULL && rc == 0;
		     in = in->next)
			rc = add(s, in, set);
	}
	return rc;
}

int sets_add_hosts(struct sets *s, const struct item *items, size_t count, uint32_t set)
{
	return add_items(s, items, count, set, add_host);
}

int sets_add_prefixes(struct sets *s, const struct item *items, size_t count,
		      uint32_t set)
{
	return add_items(s, items, count, set, add_prefix);
}

static int compare_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_patterns(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = memcmp(a.p, b.p, n);

	if (c != 0)
		return c;
	return a.len < b.len ? -1 : a.len > b.len;
}

static int compare_hosts(const void *a, const void *b)
{
	const struct host_pair *x = a, *y = b;
	int c = compare_patterns(x->pattern, y->pattern);

	return c != 0 ? c : compare_u32(x->set, y->set);
}

static int compare_keys(const struct prefix *a, const struct prefix *b)
{
	int c = addr_compare(&a->addr, &b->addr);

	return c != 0 ? c : compare_u32(a->bits, b->bits);
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct prefix_pair *x = a, *y = b;
	int c = compare_keys(&x->prefix, &y->prefix);

	return c != 0 ? c : compare_u32(x->set, y->set);
}

/* The writable halves of postings while they are filled. */
struct filling {
	uint32_t *first, *sets;
	uint32_t keys, sets_used;
};

static int filling_start(struct filling *f, struct arena *arena, size_t pairs)
{
	*f = (struct filling){
		.first = arena_alloc(arena, (pairs + 1) * sizeof(*f->first)),
		.sets = arena_alloc(arena, pairs * sizeof(*f->sets)),
	};
	return f->first == NULL || f->sets == NULL ? -ENOMEM : 0;
}

static void filling_key(struct filling *f)
{
	f->first[f->keys++] = f->sets_used;
}

/* Pairs come sorted, so that a set twice under one key is the last one again. */
static void filling_set(struct filling *f, uint32_t set)
{
	if (f->sets_used > f->first[f->keys - 1] && f->sets[f->sets_used - 1] == set)
		return;
	f->sets[f->sets_used++] = set;
}

static struct postings filling_end(struct filling *f, uint32_t set_count)
{
	f->first[f->keys] = f->sets_used;
	return (struct postings){
		.key_count = f->keys,
		.first = f->first,
		.sets = f->sets,
		.set_count = set_count,
	};
}

static int seal_hosts(struct sets *s, struct arena *arena, struct program *p)
{
	struct str *patterns = arena_alloc(arena, s->host_count * sizeof(*patterns));
	struct filling f;
	int rc = filling_start(&f, arena, s->host_count);

	p->hosts = suffix_create();
	if (rc != 0 || patterns == NULL || p->hosts == NULL)
		return -ENOMEM;
	if (s->host_count > 0)
		qsort(s->hosts, s->host_count, sizeof(*s->hosts), compare_hosts);
	for (size_t i = 0; i < s->host_count && rc == 0; i++) {
		const struct host_pair *pair = &s->hosts[i];

		if (i == 0 || compare_patterns(pair->pattern, pair[-1].pattern) != 0) {
			patterns[f.keys] = pair->pattern;
			rc = suffix_add(p->hosts, pair->pattern, f.keys);
			filling_key(&f);
		}
		filling_set(&f, pair->set);
	}
	p->host_patterns = patterns;
	p->host_keys = filling_end(&f, s->host_sets);
	return rc != 0 ? rc : suffix_seal(p->hosts);
}

static int seal_prefixes(struct sets *s, struct arena *arena, struct program *p)
{
	struct filling f;
	int rc = filling_start(&f, arena, s->prefix_count);

	p->prefixes = prefixes_create();
	if (rc != 0 || p->prefixes == NULL)
		return -ENOMEM;
	if (s->prefix_count > 0)
		qsort(s->prefixes, s->prefix_count, sizeof(*s->prefixes),
		      compare_prefixes);
	for (size_t i = 0; i < s->prefix_count && rc == 0; i++) {
		const struct prefix_pair *pair = &s->prefixes[i];

		if (i == 0 || compare_keys(&pair->prefix, &pair[-1].prefix) != 0) {
			rc = prefixes_add(p->prefixes, &pair->prefix, f.keys);
			filling_key(&f);
		}
		filling_set(&f, pair->set);
	}
	p->prefix_keys = filling_end(&f, s->prefix_sets);
	return rc != 0 ? rc : prefixes_seal(p->prefixes);
}

int sets_seal(struct sets *s, struct arena *arena, struct program *p)
{
	int rc = seal_hosts(s, arena, p);

	return rc != 0 ? rc : seal_prefixes(s, arena, p);
}

void sets_finish(struct sets *s)
{
	free(s->hosts);
	free(s->prefixes);
	*s = (struct sets){0};
}
