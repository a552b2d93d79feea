/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hidden - own entries that take names away from the shipped rows: from the platform's
 * services, or from connectors.
 */
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

/* The first connector of `shipped` that `own` has not; ID_NONE = it has all. */
static uint16_t connector_lost(const struct entry *own, const struct entry *shipped)
{
	for (uint32_t i = 0, k = 0; i < shipped->connector_count; i++) {
		const uint16_t c = shipped->connectors[i].connector;

		while (k < own->connector_count && own->connectors[k].connector < c)
			k++;
		if (k == own->connector_count || own->connectors[k].connector != c)
			return c;
	}
	return ID_NONE;
}

/*
 * Would names of `shipped` leave the scope, the hosts that no connector denies, or a
 * connector?
 */
static bool takes_away(const struct catalog *c, const struct entry *own,
		       const struct entry *shipped, uint32_t kind)
{
	struct meaning had, has;

	if (kind == NAME_CONNECTORS)
		return connector_lost(own, shipped) != ID_NONE;
	had = meaning_of(c, shipped);
	has = meaning_of(c, own);
	return (had.in_scope && !has.in_scope) || (had.platform && !has.platform);
}

/* The best entry of that kind for `host`: the site's, or a shipped one; NULL = none. */
static const struct entry *best_of(const struct catalog *c, struct str host, bool own,
				   uint32_t kind)
{
	uint32_t hits[HITS_MAX];
	size_t n = suffix_find(c->names, host, hits, HITS_MAX);

	for (size_t i = 0; i < n; i++) {
		const struct entry *e = &c->entries[hits[i] >> NAME_SHIFT];

		if (e->own == own && (hits[i] & kind) != 0 &&
		    hostname_fits(e->grammar, e->tail, host))
			return e;
	}
	return NULL;
}

static bool is_one_host(const struct entry *e)
{
	return memchr(e->pattern.p, '*', e->pattern.len) == NULL;
}

static void look(const struct catalog *c, uint32_t at, uint32_t kind, struct taken *taken)
{
	const struct entry *e = &c->entries[at], *other;
	char buf[SUFFIX_PATTERN_MAX + 1];
	struct taken *t;

	if (kind == NAME_SERVICE ? e->service == NULL : e->connectors == NULL)
		return;
	other = best_of(c, typical_name(e->pattern, buf), !e->own, kind);
	if (other == NULL || !takes_away(c, e->own ? e : other, e->own ? other : e, kind))
		return;
	t = &taken[e->own ? e - c->entries : other - c->entries];
	if (!e->own) {
		if (t->rows++ == 0)
			t->example = at;
		t->in_part = false;
	} else if (t->rows == 0 && (kind == NAME_SERVICE || !is_one_host(e))) {
		/* One host that has a connector of its own is what such rows are for. */
		t->in_part = true;
		t->example = (uint32_t)(other - c->entries);
	}
}

static void warn_service(struct builder *b, const struct entry *own,
			 const struct taken *t)
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

static void warn_connectors(struct builder *b, const struct entry *own,
			    const struct taken *t)
{
	const struct entry *e = &b->c->entries[t->example];
	const struct span at = {own->first->file, own->first->line, own->first->col,
				(unsigned)own->pattern.len};
	const char *lost = b->c->connectors.list[connector_lost(own, e)];

	if (t->in_part)
		diag_add(b->d, DIAG_WARNING, at, "hides-connector",
			 "takes names of %s from the shipped row %.*s", lost,
			 (int)e->pattern.len, e->pattern.p);
	else
		diag_add(b->d, DIAG_WARNING, at, "hides-connector",
			 "hides %u shipped row%s of connectors: %.*s (%s)%s", t->rows,
			 t->rows == 1 ? "" : "s", (int)e->pattern.len, e->pattern.p, lost,
			 t->rows == 1 ? "" : " and others");
	diag_note(
		b->d,
		"own rows replace all connectors of the names that they match: rules and "
		"policies on %s would not meet such names",
		lost);
	diag_remedy(b->d,
		    "one more row \"%.*s\" for %s, or a pattern of your own hosts alone, "
		    "if this is not meant",
		    (int)own->pattern.len, own->pattern.p, lost);
}

static void warn_kind(struct builder *b, uint32_t kind, struct taken *taken)
{
	const struct catalog *c = b->c;

	memset(taken, 0, c->entry_count * sizeof(*taken));
	for (size_t i = 0; i < c->entry_count; i++)
		look(c, (uint32_t)i, kind, taken);
	for (size_t i = 0; i < c->entry_count; i++) {
		if (taken[i].rows == 0 && !taken[i].in_part)
			continue;
		if (kind == NAME_SERVICE)
			warn_service(b, &c->entries[i], &taken[i]);
		else
			warn_connectors(b, &c->entries[i], &taken[i]);
	}
}

void warn_hidden(struct builder *b)
{
	struct taken *taken;

	if (b->own.words.count == 0)
		return;
	taken = calloc(b->c->entry_count, sizeof(*taken));
	if (taken == NULL) {
		b->out_of_memory = true;
		return;
	}
	warn_kind(b, NAME_SERVICE, taken);
	warn_kind(b, NAME_CONNECTORS, taken);
	free(taken);
}
