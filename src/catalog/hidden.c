/* SPDX-License-Identifier: Apache-2.0 */
/* hidden - own entries that take names of the platform away from the shipped rows. */
#include <stdlib.h>
#include <string.h>

#include "catalog/builder.h"

#define HITS_MAX 16 /* patterns of one name that are looked at; as in catalog.c */

/* What one own entry takes. */
struct taken {
	uint32_t rows;    /* shipped ones of which it answers a typical name */
	uint32_t example; /* entry */
	bool in_part;     /* not that: names of its own fall under the example */
};

/* A short name that falls under `pattern`: "x" for a whole label, nothing inside one. */
static struct str typical_name(struct str pattern, char buf[SUFFIX_PATTERN_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < pattern.len && n < SUFFIX_PATTERN_MAX; i++) {
		bool begins = i == 0 || pattern.p[i - 1] == '.';
		bool ends = i + 1 == pattern.len || pattern.p[i + 1] == '.';

		if (pattern.p[i] != '*')
			buf[n++] = pattern.p[i];
		else if (begins && ends)
			buf[n++] = 'x';
	}
	return (struct str){buf, n};
}

static struct meaning meaning_of(const struct catalog *c, const struct entry *e)
{
	static const struct meaning none = {.in_scope = false};
	uint16_t service = e->service->service;

	return service == ID_NONE ? none : c->meanings[service];
}

/* Would names of `shipped` leave the scope, or the hosts that no connector denies? */
static bool takes_away(const struct catalog *c, const struct entry *own,
		       const struct entry *shipped)
{
	const struct meaning had = meaning_of(c, shipped), has = meaning_of(c, own);

	return (had.in_scope && !has.in_scope) || (had.platform && !has.platform);
}

/* The best entry with a service for `host`: the site's, or a shipped one; NULL = none. */
static const struct entry *best_of(const struct catalog *c, struct str host, bool own)
{
	uint32_t hits[HITS_MAX];
	size_t n = suffix_find(c->names, host, hits, HITS_MAX);

	for (size_t i = 0; i < n; i++) {
		const struct entry *e = &c->entries[hits[i] >> NAME_SHIFT];

		if (e->own == own && e->service != NULL &&
		    hostname_fits(e->grammar, e->tail, host))
			return e;
	}
	return NULL;
}

static void look(const struct catalog *c, uint32_t at, struct taken *taken)
{
	const struct entry *e = &c->entries[at], *other;
	char buf[SUFFIX_PATTERN_MAX + 1];
	struct taken *t;

	if (e->service == NULL)
		return;
	other = best_of(c, typical_name(e->pattern, buf), !e->own);
	if (other == NULL || !takes_away(c, e->own ? e : other, e->own ? other : e))
		return;
	t = &taken[e->own ? e - c->entries : other - c->entries];
	if (e->own && t->rows == 0) {
		t->in_part = true;
		t->example = (uint32_t)(other - c->entries);
	} else if (!e->own) {
		if (t->rows++ == 0)
			t->example = at;
		t->in_part = false;
	}
}

static void warn(struct builder *b, const struct entry *own, const struct taken *t)
{
	const struct entry *e = &b->c->entries[t->example];
	const struct span at = {own->service->file, own->service->line, own->service->col,
				(unsigned)own->pattern.len};
	const char *service = b->c->services.list[e->service->service];

	if (t->in_part)
		diag_add(b->d, DIAG_WARNING, at, "hides-platform",
			 "takes names of the platform from the shipped row %.*s (%s)",
			 (int)e->pattern.len, e->pattern.p, service);
	else
		diag_add(b->d, DIAG_WARNING, at, "hides-platform",
			 "hides %u shipped row%s of the platform: %.*s (%s)%s", t->rows,
			 t->rows == 1 ? "" : "s", (int)e->pattern.len, e->pattern.p,
			 service, t->rows == 1 ? "" : " and others");
	diag_note(b->d,
		  "an own pattern beats all shipped ones: such names would be out of "
		  "scope, or no hosts of the platform");
	diag_remedy(b->d, "a pattern of your own hosts alone, if this is not meant");
}

void warn_hidden(struct builder *b)
{
	const struct catalog *c = b->c;
	struct taken *taken;

	if (b->own.words.count == 0)
		return;
	taken = calloc(c->entry_count, sizeof(*taken));
	if (taken == NULL) {
		b->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < c->entry_count; i++)
		look(c, (uint32_t)i, taken);
	for (size_t i = 0; i < c->entry_count; i++)
		if (taken[i].rows > 0 || taken[i].in_part)
			warn(b, &c->entries[i], &taken[i]);
	free(taken);
}
