/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_lines - what a line says beyond its condition: host patterns that match names that
 * anybody may register, a deny of the infrastructure, tables without entries, people and
 * connectors.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/check.h"
#include "policy/parse.h"

#define ITEMS_COMPARED 100000 /* items of a line with those of the table */

struct span rule_span(const struct rule *r, struct str word)
{
	const char *at = word.len == 0 || r->text.len == 0
				 ? NULL
				 : memmem(r->text.p, r->text.len, word.p, word.len);
	struct span s = r->at;

	if (at == NULL)
		return s;
	s.col += (unsigned)(at - r->text.p);
	s.len = (unsigned)word.len;
	return s;
}

void note_origin(struct diag *d, const struct rule *r)
{
	if (r->from == NULL || !r->from->generated)
		return;
	if (r->from->title.len > 0)
		diag_note(d,
			  "the line comes from the tenant (policy \"%.*s\"): correct it "
			  "there, then import again",
			  SHOWN(r->from->title));
	else
		diag_note(d, "the line comes from the tenant: correct it there, then "
			     "import again");
}

/* ---- hosts ------------------------------------------------------------------------------- */

/* Where the label begins that somebody registers: "contoso" of "x.contoso.co.uk". */
static size_t registered(struct str s)
{
	size_t end = s.len, dots[3] = {0}, n = 0;

	for (size_t i = s.len; i-- > 0 && n < 3;)
		if (s.p[i] == '.')
			dots[n++] = i;
	if (n == 0)
		return end;
	/* "co.uk", "com.au": two letters, and three at most before them. */
	if (n >= 2 && s.len - dots[0] == 3 && dots[0] - dots[1] <= 4)
		return n == 3 ? dots[2] + 1 : 0;
	return n >= 2 ? dots[1] + 1 : 0;
}

static void check_host(const struct rule *r, const struct item *it, struct diag *d)
{
	const struct str s = it->text;
	const size_t from = registered(s);
	const char *dot = from < s.len ? memchr(s.p + from, '.', s.len - from) : NULL;
	const size_t len = dot == NULL ? 0 : (size_t)(dot - s.p) - from;
	const char *star = len < 2 ? NULL : memchr(s.p + from, '*', len);
	size_t before;

	if (star == NULL)
		return;
	before = (size_t)(star - s.p);
	diag_add(d, DIAG_WARNING, rule_span(r, s), "string-prefix",
		 "also matches %.*sevil%.*s, a name that anybody may register",
		 (int)(before > 100 ? 100 : before), s.p,
		 (int)(s.len - before - 1 > 100 ? 100 : s.len - before - 1), star + 1);
	if (before == 0)
		diag_remedy(d, "{ \"%.*s\", \"*.%.*s\" }", (int)s.len - 1, s.p + 1,
			    (int)s.len - 1, s.p + 1);
	else
		diag_remedy(d, "each name that is meant, without this star");
	note_origin(d, r);
}

static void check_hosts(const struct rule *r, struct diag *d)
{
	if (r->action != ACTION_ALLOW)
		return;
	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		for (const struct item *it = c->items; it != NULL; it = it->next)
			if (!c->negated && it->field == FIELD_HOST && it->table == NULL)
				check_host(r, it, d);
}

/* ---- the infrastructure ------------------------------------------------------------------ */

static const struct item *infrastructure_of(const struct ast *a)
{
	const struct table *t = a->tables;

	while (t != NULL && !str_equal(t->name, STR("infrastructure")))
		t = t->next;
	return t == NULL ? NULL : t->items;
}

/* The entry of the table that the item denies, whole or in part. */
static const struct item *denied_entry(const struct ast *a, const struct item *table,
				       const struct item *it, size_t *steps)
{
	if (it->field != table->field || it->table != NULL)
		return NULL;
	for (const struct item *t = table; t != NULL; t = t->next) {
		if (++*steps > ITEMS_COMPARED)
			return NULL;
		if (item_covers(a->vocabulary, t, it) ||
		    item_covers(a->vocabulary, it, t))
			return t;
	}
	return NULL;
}

/* A list is not asked about these hosts; a line is. */
static void check_infrastructure(const struct ast *a, const struct rule *r,
				 const struct item *table, struct diag *d)
{
	size_t steps = 0;

	if (table == NULL || r->action != ACTION_DENY)
		return;
	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		for (const struct item *it = c->items; it != NULL && !c->negated;
		     it = it->next) {
			const struct item *hit = denied_entry(a, table, it, &steps);

			if (hit == NULL)
				continue;
			diag_add(
				d, DIAG_WARNING, rule_span(r, it->text),
				"denies-infrastructure",
				"table <infrastructure> holds \"%.*s\": machines need it "
				"for login, updates or certificates",
				SHOWN(hit->text));
			diag_remedy(d, "an allow line above for those who need it, or "
				       "the table without this entry");
			note_origin(d, r);
		}
}

/* ---- connectors and people --------------------------------------------------------------- */

/* A flow of a person runs in Microsoft's cloud: what passes here is the person's browser. */
static void check_people(const struct rule *r, struct diag *d)
{
	if (r->gate != GATE_CONNECTORS || r->action != ACTION_DENY)
		return;
	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		for (const struct item *it = c->items; it != NULL && !c->negated;
		     it = it->next) {
			if (it->field != FIELD_ROLE || it->id != ROLE_USER)
				continue;
			diag_add(d, DIAG_WARNING, rule_span(r, it->text), "people",
				 "connectors are never seen where role user stands: this "
				 "denies people the hosts in their browsers");
			diag_remedy(d, "from role { gateway, desktop, subnet }, or the "
				       "hosts in gate rules");
			return;
		}
}

/* ---- all --------------------------------------------------------------------------------- */

static void check_tables(const struct ast *a, struct diag *d)
{
	for (const struct table *t = a->tables; t != NULL; t = t->next) {
		if (t->count > 0)
			continue;
		diag_add(d, DIAG_WARNING, t->at, "empty-table",
			 "table <%.*s> holds nothing: what asks for it never matches",
			 SHOWN(t->name));
		diag_remedy(d, "its entries, or the files without the table");
	}
}

/* ---- whose a name is --------------------------------------------------------------------- */

/* A host name or an organization, and the line that lists it. */
struct claim {
	struct str text, owner;
	struct span at;
};

static int compare_claims(const void *x, const void *y)
{
	const struct claim *a = x, *b = y;
	int c = str_compare_fold(a->text, b->text);

	if (c != 0)
		return c;
	return a->at.line != b->at.line ? (a->at.line < b->at.line ? -1 : 1)
					: strcmp(a->at.file, b->at.file);
}

static size_t claim(struct claim *list, const struct item *items, struct str owner,
		    struct span at)
{
	size_t n = 0;

	for (const struct item *it = items; it != NULL; it = it->next, n++)
		if (list != NULL)
			list[n] = (struct claim){it->text, owner, at};
	return n;
}

/* All of them into `list`, or NULL to count them. */
static size_t claims(const struct ast *a, struct claim *list)
{
	size_t n = 0;

	for (const struct tenant *t = a->tenants; t != NULL; t = t->next)
		n += claim(list == NULL ? NULL : list + n, t->hosts, t->name, t->at);
	for (const struct environment *e = a->environments; e != NULL; e = e->next) {
		n += claim(list == NULL ? NULL : list + n, e->hosts, e->name, e->at);
		n += claim(list == NULL ? NULL : list + n, e->orgs, e->name, e->at);
	}
	return n;
}

/* Without memory nothing is said: who loads these files next is told that there is none. */
static void check_owners(const struct ast *a, struct diag *d)
{
	const size_t n = claims(a, NULL);
	struct claim *list = n < 2 ? NULL : arena_alloc(a->arena, n * sizeof(*list));

	if (list == NULL)
		return;
	(void)claims(a, list);
	qsort(list, n, sizeof(*list), compare_claims);
	for (size_t i = 1; i < n; i++) {
		const struct claim *one = &list[i], *first = &list[i - 1];

		if (!str_equal_fold(one->text, first->text) ||
		    str_equal(one->owner, first->owner))
			continue;
		diag_add(
			d, DIAG_WARNING, one->at, "two-owners",
			"%.*s is listed for %.*s, too: one of the two answers, whichever "
			"it is",
			SHOWN(one->text), SHOWN(first->owner));
		diag_note(d, "%.*s stands at %s:%u", SHOWN(first->owner), first->at.file,
			  first->at.line);
		diag_remedy(d, "it in one of the two lines");
	}
}

/* ---- exceptions of single lists ---------------------------------------------------------- */

static bool has_list(const struct ast *a, uint32_t connector)
{
	for (const struct endpoint_list *l = a->lists; l != NULL; l = l->next)
		if (l->connector == connector)
			return true;
	return false;
}

static void check_skipped(const struct ast *a, const struct rule *r, struct diag *d)
{
	for (const struct item *it = r->skip_lists; it != NULL; it = it->next) {
		if (has_list(a, it->id))
			continue;
		diag_add(d, DIAG_WARNING, rule_span(r, it->text), "no-list",
			 "there is no list of %.*s, so there is nothing to skip",
			 SHOWN(it->text));
		diag_remedy(d, "the line without it, or the list in gate %s",
			    gate_name(it->id == CONNECTOR_ANY ? GATE_CONNECTORS
							      : GATE_ENDPOINTS));
	}
}

void check_lines(const struct ast *a, struct diag *d)
{
	const struct item *infrastructure = infrastructure_of(a);

	for (size_t g = 0; g < GATE_COUNT; g++)
		for (const struct rule *r = a->gates[g].rules; r != NULL; r = r->next) {
			check_hosts(r, d);
			check_infrastructure(a, r, infrastructure, d);
			check_people(r, d);
			check_skipped(a, r, d);
		}
	check_tables(a, d);
	check_owners(a, d);
}
