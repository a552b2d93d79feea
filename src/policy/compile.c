/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile - from the ast to the program.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/fold.h"
#include "policy/program.h"
#include "policy/sets.h"

struct compiler {
	struct program *p;
	struct ast *a;
	struct arena *arena;
	struct diag *d;
	struct sets sets;
	const struct rule *rule; /* at hand, for messages */
	bool no_memory;
};

static void *take(struct compiler *c, size_t size)
{
	void *p = arena_alloc(c->arena, size);

	if (p == NULL)
		c->no_memory = true;
	return p;
}

static void note(struct compiler *c, int rc)
{
	if (rc != 0)
		c->no_memory = true;
}

/* ---- parts ------------------------------------------------------------------------------- */

/* `items` to `count` are all of one field. */
struct group {
	const struct item *items;
	size_t count;
};

static uint32_t new_set(struct compiler *c, uint32_t *counter)
{
	if (*counter < SETS_MAX)
		return (*counter)++;
	diag_error(c->d, c->rule == NULL ? (struct span){.file = "rules"} : c->rule->at,
		   "more than %d different lists of hosts or prefixes", SETS_MAX);
	diag_remedy(c->d, "one table for lists that are alike");
	return 0;
}

/* A set for the group; a table alone has one set, wherever it stands. */
static uint32_t compile_set(struct compiler *c, const struct group *g, bool hosts)
{
	struct table *only = g->count == 1 ? g->items->table : NULL;
	uint32_t *counter = hosts ? &c->sets.host_sets : &c->sets.prefix_sets;
	uint32_t set;

	if (only != NULL && only->set != 0)
		return only->set - 1;
	set = new_set(c, counter);
	if (only != NULL)
		only->set = set + 1;
	note(c, hosts ? sets_add_hosts(&c->sets, g->items, g->count, set)
		      : sets_add_prefixes(&c->sets, g->items, g->count, set));
	return set;
}

static const struct bitset *compile_ids(struct compiler *c, const struct group *g)
{
	const struct item *it = g->items;
	struct bitset *b;
	uint32_t max = 0;

	for (size_t i = 0; i < g->count; i++, it = it->next)
		if (it->id != CONNECTOR_ANY && it->id > max)
			max = it->id;
	b = take(c, sizeof(*b) + (max / 64 + 1) * sizeof(b->bits[0]));
	if (b == NULL)
		return NULL;
	b->words = max / 64 + 1;
	it = g->items;
	for (size_t i = 0; i < g->count; i++, it = it->next)
		if (it->id != CONNECTOR_ANY)
			b->bits[it->id / 64] |= (uint64_t)1 << (it->id % 64);
	return b;
}

static const struct service_set *compile_services(struct compiler *c,
						  const struct item *items)
{
	const struct vocabulary *v = c->a->vocabulary;
	struct service_set *s = take(c, sizeof(*s));

	for (const struct item *it = items; it != NULL && s != NULL; it = it->next) {
		if (it->field != FIELD_SERVICE)
			break;
		if (it->id < SERVICES_MAX) {
			service_set_add(s, (uint16_t)it->id);
			continue;
		}
		for (size_t w = 0; w < SERVICES_MAX / 64; w++)
			s->bits[w] |= v->groups[it->id - SERVICES_MAX].members.bits[w];
	}
	return s;
}

static void add_country(struct country_set *s, uint32_t id)
{
	if (id == COUNTRY_UNKNOWN)
		s->unknown = true;
	else if (id == COUNTRY_NOT_EXPECTED)
		s->not_expected = true;
	else
		s->bits[id / 64] |= (uint64_t)1 << (id % 64);
}

static const struct country_set *compile_countries(struct compiler *c,
						   const struct group *g)
{
	struct country_set *s = take(c, sizeof(*s));
	const struct item *it = g->items;

	for (size_t i = 0; i < g->count && s != NULL; i++, it = it->next) {
		if (it->table == NULL)
			add_country(s, it->id);
		else
			for (const struct item *in = it->table->items; in != NULL;
			     in = in->next)
				add_country(s, in->id);
	}
	return s;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static const struct number_set *compile_numbers(struct compiler *c, const struct group *g)
{
	struct number_set *s = take(c, sizeof(*s) + g->count * sizeof(s->numbers[0]));
	const struct item *it = g->items;

	if (s == NULL)
		return NULL;
	for (size_t i = 0; i < g->count; i++, it = it->next)
		s->numbers[s->count++] = it->id;
	qsort(s->numbers, s->count, sizeof(s->numbers[0]), compare_numbers);
	return s;
}

static const struct range *compile_ranges(struct compiler *c, const struct group *g)
{
	struct range *r = take(c, g->count * sizeof(*r));
	const struct item *it = g->items;

	for (size_t i = 0; i < g->count && r != NULL; i++, it = it->next)
		r[i] = (struct range){(uint16_t)it->id, (uint16_t)it->high};
	return r;
}

static const struct str *compile_texts(struct compiler *c, const struct group *g)
{
	struct str *s = take(c, g->count * sizeof(*s));
	const struct item *it = g->items;

	for (size_t i = 0; i < g->count && s != NULL; i++, it = it->next)
		s[i] = it->text;
	return s;
}

static int compare_users(const void *a, const void *b)
{
	return str_compare_fold(*(const struct str *)a, *(const struct str *)b);
}

static const struct str *compile_users(struct compiler *c, const struct group *g)
{
	struct str *s = take(c, g->count * sizeof(*s));
	const struct item *it = g->items;

	if (s == NULL)
		return NULL;
	for (size_t i = 0; i < g->count; i++, it = it->next)
		s[i] = it->text;
	qsort(s, g->count, sizeof(*s), compare_users);
	return s;
}

static void compile_mask(const struct group *g, struct part *t)
{
	const struct item *it = g->items;

	for (size_t i = 0; i < g->count; i++, it = it->next) {
		if (it->id >= PROTO_TRANSPORT) {
			uint32_t n = it->id - PROTO_TRANSPORT;

			t->transports[n / 32 % 8] |= 1u << (n % 32);
		} else {
			t->mask |= (uint64_t)1 << (it->id % 64);
		}
	}
}

static void compile_part(struct compiler *c, const struct group *g, struct part *t)
{
	t->field = g->items->field;
	t->count = (uint32_t)g->count;
	switch (t->field) {
	case FIELD_ROLE:
	case FIELD_SCOPE:
	case FIELD_OWN:
	case FIELD_PARTNER:
	case FIELD_FOREIGN:
	case FIELD_UNKNOWN:
	case FIELD_PROTO:
	case FIELD_DIRECTION:
	case FIELD_EVIDENCE:
	case FIELD_CORROBORATION:
	case FIELD_REASON:
		compile_mask(g, t);
		break;
	case FIELD_SOURCE:
	case FIELD_SITE:
	case FIELD_BOUND:
	case FIELD_ENVIRONMENT:
	case FIELD_TAG:
		t->u.ids = compile_ids(c, g);
		break;
	case FIELD_CONNECTOR:
		t->u.ids = compile_ids(c, g);
		for (const struct item *it = g->items; it != NULL; it = it->next)
			if (it->field == FIELD_CONNECTOR && it->id == CONNECTOR_ANY)
				t->mask = 1;
		break;
	case FIELD_INSIDE:
	case FIELD_EGRESS:
	case FIELD_PEER:
		c->p->asks_inside = c->p->asks_inside || t->field == FIELD_INSIDE;
		c->p->asks_egress = c->p->asks_egress || t->field == FIELD_EGRESS;
		c->p->asks_peer = c->p->asks_peer || t->field == FIELD_PEER;
		t->set = compile_set(c, g, false);
		break;
	case FIELD_HOST:
		t->set = compile_set(c, g, true);
		break;
	case FIELD_SERVICE:
		t->u.services = compile_services(c, g->items);
		break;
	case FIELD_COUNTRY:
		t->u.countries = compile_countries(c, g);
		break;
	case FIELD_ASN:
		t->u.numbers = compile_numbers(c, g);
		break;
	case FIELD_PORT:
		t->u.ranges = compile_ranges(c, g);
		break;
	case FIELD_USER:
		t->u.texts = compile_users(c, g);
		break;
	case FIELD_JA4:
		t->u.texts = compile_texts(c, g);
		break;
	case FIELD_HOURS:
	case FIELD_DURING:
	case FIELD_COUNT:
		break;
	}
}

/* Whatever depends on the name, or on the bytes that come with it. */
static bool asks_name(enum field f)
{
	switch (f) {
	case FIELD_ROLE:
	case FIELD_SOURCE:
	case FIELD_SITE:
	case FIELD_INSIDE:
	case FIELD_EGRESS:
	case FIELD_BOUND:
	case FIELD_PEER:
	case FIELD_TAG:
	case FIELD_ASN:
	case FIELD_PORT:
	case FIELD_DIRECTION:
	case FIELD_HOURS:
	case FIELD_DURING:
	case FIELD_REASON:
		return false;
	case FIELD_SCOPE:
	case FIELD_ENVIRONMENT:
	case FIELD_OWN:
	case FIELD_PARTNER:
	case FIELD_FOREIGN:
	case FIELD_UNKNOWN:
	case FIELD_SERVICE:
	case FIELD_CONNECTOR:
	case FIELD_COUNTRY: /* not-expected: the region of the name has a say */
	case FIELD_HOST:
	case FIELD_PROTO:
	case FIELD_EVIDENCE:
	case FIELD_CORROBORATION:
	case FIELD_JA4:
	case FIELD_USER: /* the hello may tell that many share the address */
	case FIELD_COUNT:
		break;
	}
	return true;
}

/* ---- lines ------------------------------------------------------------------------------- */

static void compile_items(struct compiler *c, const struct condition *k, struct test *t)
{
	struct part *parts;
	uint32_t groups = 0;

	for (const struct item *it = k->items; it != NULL; it = it->next)
		groups += it->next == NULL || it->next->field != it->field;
	parts = take(c, groups * sizeof(*parts));
	if (parts == NULL)
		return;
	t->parts = parts;
	t->part_count = groups;
	for (const struct item *it = k->items; it != NULL;) {
		struct group g = {.items = it};

		for (; it != NULL && it->field == g.items->field; it = it->next)
			g.count++;
		c->p->asks_name = c->p->asks_name || asks_name(g.items->field);
		compile_part(c, &g, parts++);
	}
}

static void compile_cut(struct compiler *c, const struct schedule *plan)
{
	struct cut *cut = take(c, sizeof(*cut));

	if (cut == NULL)
		return;
	*cut = (struct cut){.next = c->p->cuts, .plan = plan};
	c->p->cuts = cut;
}

static void compile_time(struct compiler *c, const struct condition *k, struct test *t)
{
	struct part *part = take(c, sizeof(*part));

	if (part == NULL)
		return;
	part->field = k->field;
	part->mask = k->outside;
	part->u.schedule = k->schedule;
	part->cut = c->rule->cut;
	if (part->cut && k->field == FIELD_HOURS)
		c->p->cuts_site_hours = true;
	else if (part->cut)
		compile_cut(c, k->schedule);
	t->parts = part;
	t->part_count = 1;
}

/* Single lists that an exception skips. */
static void compile_skip(struct compiler *c, const struct rule *r, struct line *l)
{
	struct group g = {.items = r->skip_lists};

	for (const struct item *it = r->skip_lists; it != NULL; it = it->next) {
		g.count++;
		l->skip_custom = l->skip_custom || it->id == CONNECTOR_ANY;
	}
	if (g.count > (l->skip_custom ? 1u : 0u))
		l->skip_lists = compile_ids(c, &g);
}

static void compile_line(struct compiler *c, const struct rule *r, struct line *l)
{
	struct test *tests;
	uint32_t n = 0;

	for (const struct condition *k = r->conditions; k != NULL; k = k->next)
		n++;
	tests = take(c, n * sizeof(*tests));
	*l = (struct line){
		.action = r->action,
		.report_only = r->report_only,
		.rule = r->number,
		.expires_us = r->has_expires ? r->expires_us : INT64_MAX,
		.skip = r->skip,
		.layer = r->from == NULL ? 0 : r->from->layer,
		.tests = tests,
	};
	if (tests == NULL)
		return;
	compile_skip(c, r, l);
	c->rule = r;
	for (const struct condition *k = r->conditions; k != NULL; k = k->next) {
		struct test *t = &tests[l->test_count];

		t->negated = k->negated;
		if (k->items == NULL)
			compile_time(c, k, t);
		else
			compile_items(c, k, t);
		/* Gate connectors tallies the connectors itself. */
		if (r->gate == GATE_CONNECTORS && k->field == FIELD_CONNECTOR &&
		    t->part_count == 1)
			l->connectors = t->parts->mask != 0 ? NULL : t->parts->u.ids;
		else
			l->test_count++;
	}
}

/* Lines of one file together, each file's in its order. */
static int compare_layers(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->layer != y->layer)
		return x->layer < y->layer ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void guard_add(struct guard *g, const struct part *t)
{
	if (t->field == FIELD_ROLE)
		g->roles &= (uint32_t)t->mask;
	else if (t->field == FIELD_HOST)
		g->host = t->set;
	else if (t->field == FIELD_PEER)
		g->peer = t->set;
	else if (t->field == FIELD_INSIDE)
		g->inside = t->set;
}

/* Alternatives of two kinds, and what is negated, are no guards. */
static const struct guard *compile_guards(struct compiler *c, const struct lines *l)
{
	struct guard *guards = take(c, l->count * sizeof(*guards));

	for (uint32_t i = 0; i < l->count && guards != NULL; i++) {
		const struct line *line = &l->list[i];

		guards[i] = (struct guard){UINT32_MAX, SET_NONE, SET_NONE, SET_NONE};
		for (uint32_t k = 0; k < line->test_count; k++)
			if (!line->tests[k].negated && line->tests[k].part_count == 1)
				guard_add(&guards[i], line->tests[k].parts);
	}
	return guards;
}

static void compile_gate(struct compiler *c, enum gate g)
{
	const struct gate_ast *from = &c->a->gates[g];
	struct lines *to = &c->p->gates[g];
	struct line *list = take(c, from->count * sizeof(*list));

	if (list == NULL)
		return;
	for (const struct rule *r = from->rules; r != NULL; r = r->next) {
		to->has_report = to->has_report || r->report_only;
		c->p->rules[r->number] = r;
		compile_line(c, r, &list[to->count++]);
	}
	if (g == GATE_CONNECTORS && to->count > 0)
		qsort(list, to->count, sizeof(*list), compare_layers);
	to->list = list;
	to->guards = compile_guards(c, to);
}

/* ---- endpoints --------------------------------------------------------------------------- */

static int compare_keyed(const void *a, const void *b)
{
	const struct keyed_line *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* Which lines are asked only about their own server. */
static void compile_keys(struct compiler *c, struct endpoints *l)
{
	struct keyed_line *keyed = take(c, l->count * sizeof(*keyed));
	uint32_t *loose = take(c, l->count * sizeof(*loose));

	if (keyed == NULL || loose == NULL)
		return;
	for (uint32_t i = 0; i < l->count; i++) {
		uint32_t key;

		if (endpoint_key(l->list[i].pattern.text, &key)) {
			keyed[l->keyed_count++] = (struct keyed_line){key, i};
			l->keys[key / 64 % 16] |= (uint64_t)1 << (key % 64);
		} else {
			loose[l->loose_count++] = i;
		}
	}
	if (l->keyed_count > 0)
		qsort(keyed, l->keyed_count, sizeof(*keyed), compare_keyed);
	l->keyed = keyed;
	l->loose = loose;
	if (l->loose_count == 1 && l->list[loose[0]].all)
		l->rest = &l->list[loose[0]];
}

/*
 * May the URL of an address match this line, other than under "*", which takes the name's too?
 * Without a star in the server it must begin with a digit or a bracket.
 */
static bool may_be_address(const struct endpoint_line *line)
{
	struct str s = line->pattern.text;
	const char *mark = s.len == 0 ? NULL : memmem(s.p, s.len, "://", 3);
	uint32_t key;

	if (line->all)
		return false;
	if (!endpoint_key(s, &key))
		return true;
	return mark != NULL && mark + 3 < s.p + s.len &&
	       (ascii_is_digit(mark[3]) || mark[3] == '[');
}

static void compile_sieves(struct compiler *c, struct endpoints *l)
{
	struct sieve *sieves = take(c, l->count * sizeof(*sieves));

	l->sieves = sieves;
	for (uint32_t i = 0; i < l->count && sieves != NULL; i++) {
		const struct glob *g = &l->list[i].pattern;

		memcpy(sieves[i].grams, g->grams, sizeof(sieves[i].grams));
		sieves[i].gram_count = g->gram_count;
		sieves[i].open = g->has_star && g->head == 0 && g->tail == 0;
	}
}

static void compile_list(struct compiler *c, const struct endpoint_list *from,
			 struct endpoints *to)
{
	struct endpoint_line *list = take(c, from->rule_count * sizeof(*list));

	*to = (struct endpoints){
		.connector = from->connector,
		.family = from->family,
		.roles = from->roles,
		.report_only = from->report_only,
		.bound_negated = from->bound_negated,
		.list = list,
	};
	if (from->bound != NULL) {
		struct group g = {.items = from->bound};

		for (const struct item *it = from->bound; it != NULL; it = it->next)
			g.count++;
		to->bound = compile_ids(c, &g);
	}
	if (from->beside != NULL)
		to->beside = compile_services(c, from->beside);
	for (const struct rule *r = from->rules; r != NULL && list != NULL; r = r->next) {
		struct endpoint_line *line = &list[to->count++];

		line->action = r->action;
		line->ignores =
			from->family == FAMILY_CUSTOM && r->group == CUSTOM_GROUP_IGNORE;
		line->rule = r->number;
		line->all = str_equal(r->folded, STR("*"));
		glob_compile(&line->pattern, r->folded);
		if (from->family == FAMILY_HTTP && may_be_address(line))
			c->p->asks_address = true;
		c->p->rules[r->number] = r;
	}
	compile_keys(c, to);
	compile_sieves(c, to);
}

/* Lists of one connector stand together, where the first of them stands in the files. */
static int compare_lists(const void *a, const void *b)
{
	const struct endpoint_list *x = *(const struct endpoint_list *const *)a;
	const struct endpoint_list *y = *(const struct endpoint_list *const *)b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void compile_lists(struct compiler *c)
{
	size_t n = c->a->list_count;
	struct endpoints *lists = take(c, n * sizeof(*lists));
	struct endpoint_list **sorted = take(c, n * sizeof(void *));
	size_t i = 0;

	if (lists == NULL || sorted == NULL)
		return;
	for (struct endpoint_list *l = c->a->lists; l != NULL; l = l->next)
		sorted[i++] = l;
	for (size_t k = 0; k < n; k++) {
		size_t first = 0;

		while (sorted[first]->connector != sorted[k]->connector)
			first++;
		sorted[k]->first = sorted[first]->number;
	}
	if (n > 0)
		qsort(sorted, n, sizeof(void *), compare_lists);
	c->p->lists = lists;
	for (i = 0; i < n; i++) {
		enum family f = sorted[i]->family;
		enum gate g = f == FAMILY_CUSTOM ? GATE_CONNECTORS : GATE_ENDPOINTS;

		sorted[i]->place = c->p->list_count;
		compile_list(c, sorted[i], &lists[c->p->list_count++]);
		c->p->family_first[f + 1] = c->p->list_count;
		if (sorted[i]->report_only)
			c->p->gates[g].has_report = true;
	}
	for (unsigned f = 0; f < FAMILY_COUNT; f++)
		if (c->p->family_first[f + 1] < c->p->family_first[f])
			c->p->family_first[f + 1] = c->p->family_first[f];
}

static void compile_infrastructure(struct compiler *c)
{
	for (struct table *t = c->a->tables; t != NULL; t = t->next) {
		struct item it = {.field = FIELD_HOST, .table = t};
		struct group g = {.items = &it, .count = 1};
		bool hosts = t->kind == TABLE_HOSTS;

		if (!str_equal(t->name, STR("infrastructure")) ||
		    (!hosts && t->kind != TABLE_PREFIXES))
			continue;
		c->p->has_infrastructure = true;
		c->p->infrastructure_is_hosts = hosts;
		c->p->asks_peer = c->p->asks_peer || !hosts;
		c->p->infrastructure_set = compile_set(c, &g, hosts);
	}
}

/* ---- what is ours ------------------------------------------------------------------------ */

static int compare_owned(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;

	return strcmp(x->guid, y->guid);
}

static struct owned *sorted_copy(struct compiler *c, const struct owned *list, size_t n)
{
	struct owned *copy = take(c, n * sizeof(*copy));

	if (copy == NULL || n == 0)
		return copy;
	memcpy(copy, list, n * sizeof(*copy));
	qsort(copy, n, sizeof(*copy), compare_owned);
	return copy;
}

static void own_hosts(struct compiler *c, const struct item *hosts, uint32_t value)
{
	for (const struct item *it = hosts; it != NULL && !c->no_memory; it = it->next) {
		note(c, suffix_add(c->p->own_hosts, it->text, value));
		c->p->own_host_count++;
	}
}

static void compile_tenants(struct compiler *c)
{
	struct owned *list = take(c, c->a->tenant_count * sizeof(*list));

	if (list == NULL)
		return;
	for (const struct tenant *t = c->a->tenants; t != NULL; t = t->next) {
		struct owned *o = &list[t->index];

		memcpy(o->guid, t->guid, sizeof(o->guid));
		o->ownership = (uint8_t)t->ownership;
		o->index = t->index;
		own_hosts(c, t->hosts, NAME_TENANT | t->index);
		c->p->tenants_have_hosts = c->p->tenants_have_hosts || t->hosts != NULL;
	}
	c->p->tenant_by_index = list;
	c->p->tenant_count = (uint32_t)c->a->tenant_count;
	c->p->tenants = sorted_copy(c, list, c->a->tenant_count);
}

static void compile_organizations(struct compiler *c, const struct owned *environments)
{
	struct owned *list;
	size_t n = 0;

	for (const struct environment *e = c->a->environments; e != NULL; e = e->next)
		for (const struct item *it = e->orgs; it != NULL; it = it->next)
			n++;
	list = take(c, n * sizeof(*list));
	if (list == NULL)
		return;
	n = 0;
	for (const struct environment *e = c->a->environments; e != NULL; e = e->next)
		for (const struct item *it = e->orgs; it != NULL; it = it->next) {
			list[n] = environments[e->index];
			memcpy(list[n].guid, it->text.p, GUID_LEN);
			n++;
		}
	if (n > 0)
		qsort(list, n, sizeof(*list), compare_owned);
	c->p->organizations = list;
	c->p->organization_count = (uint32_t)n;
}

static void compile_environments(struct compiler *c)
{
	struct owned *list = take(c, c->a->environment_count * sizeof(*list));

	if (list == NULL)
		return;
	for (const struct environment *e = c->a->environments; e != NULL; e = e->next) {
		struct owned *o = &list[e->index];

		memcpy(o->guid, e->guid, sizeof(o->guid));
		o->ownership = (uint8_t)e->ownership;
		o->tenant_ownership = (uint8_t)(e->tenant == NULL ? OWNERSHIP_UNKNOWN
								  : e->tenant->ownership);
		o->index = e->index;
		o->orgs = e->orgs;
		own_hosts(c, e->hosts, e->index);
	}
	c->p->environment_by_index = list;
	c->p->environment_count = (uint32_t)c->a->environment_count;
	c->p->environments = sorted_copy(c, list, c->a->environment_count);
	compile_organizations(c, list);
}

/* ---- bindings --------------------------------------------------------------------------- */

struct bound_writer {
	struct compiler *c;
	const struct binding *binding;
	const struct bitset *environments;
	struct bound *list;
	size_t count;
};

static void write_bound(void *arg, struct bind_item *i, const struct prefix *prefix)
{
	struct bound_writer *w = arg;

	if (w->c->no_memory)
		return;
	note(w->c, prefixes_add(w->c->p->bindings, prefix, (uint32_t)w->count));
	w->list[w->count++] = (struct bound){
		.binding = w->binding,
		.item = i->item,
		.environments = w->environments,
		.prefix = *prefix,
	};
}

static void compile_bindings(struct compiler *c)
{
	const struct vocabulary *v = c->a->vocabulary;
	struct bound_writer w = {.c = c};
	size_t n = 0;

	for (const struct binding *b = c->a->bindings; b != NULL; b = b->next)
		n += binding_prefixes(v, b, NULL, NULL);
	if (n == 0)
		return;
	c->p->bindings = prefixes_create();
	w.list = take(c, n * sizeof(*w.list));
	if (c->p->bindings == NULL || w.list == NULL) {
		c->no_memory = true;
		return;
	}
	c->p->bounds = w.list;
	for (const struct binding *b = c->a->bindings; b != NULL; b = b->next) {
		struct group g = {.items = b->environments};

		for (const struct item *it = b->environments; it != NULL; it = it->next)
			g.count++;
		w.binding = b;
		w.environments = compile_ids(c, &g);
		(void)binding_prefixes(v, b, write_bound, &w);
	}
	if (!c->no_memory)
		note(c, prefixes_seal(c->p->bindings));
}

/* ---- undecidable ------------------------------------------------------------------------- */

static enum remedy remedy_for(enum action a)
{
	return a == ACTION_DENY    ? REMEDY_DENY
	       : a == ACTION_ALLOW ? REMEDY_ALLOW
				   : REMEDY_ALERT;
}

static bool holds(const struct condition *k, uint32_t id)
{
	bool found = false;

	for (const struct item *it = k->items; it != NULL; it = it->next)
		found = found || it->id == id;
	return found != k->negated;
}

static bool concerns(const struct rule *r, uint32_t role, uint32_t reason)
{
	for (const struct condition *k = r->conditions; k != NULL; k = k->next)
		if (!holds(k, k->field == FIELD_ROLE ? role : reason))
			return false;
	return true;
}

static void compile_reason(struct compiler *c, uint32_t role, uint32_t reason)
{
	struct undecidable_policy *u = &c->p->undecidable[role][reason];

	for (const struct rule *r = c->a->gates[GATE_UNDECIDABLE].rules; r != NULL;
	     r = r->next) {
		if (!concerns(r, role, reason))
			continue;
		if (r->report_only) {
			if (!u->has_report) {
				u->has_report = true;
				u->would = remedy_for(r->action);
				u->would_rule = r->number;
			}
			continue;
		}
		u->remedy = remedy_for(r->action);
		u->rule = r->number;
		return;
	}
}

static void compile_undecidable(struct compiler *c)
{
	for (const struct rule *r = c->a->gates[GATE_UNDECIDABLE].rules; r != NULL;
	     r = r->next) {
		c->p->rules[r->number] = r;
		if (r->action == ACTION_DENY)
			c->p->asks_name = true;
	}
	for (uint32_t role = 0; role < ROLE_COUNT; role++)
		for (uint32_t why = 0; why < UNDECIDABLE_COUNT; why++)
			compile_reason(c, role, why);
}

/* ---- all --------------------------------------------------------------------------------- */

static void compile_all(struct compiler *c)
{
	struct program *p = c->p;

	p->rule_count = c->a->rule_count;
	/* One more: the header of gate own, see policy_load(). */
	p->rules = take(c, ((size_t)p->rule_count + 2) * sizeof(void *));
	p->own_hosts = suffix_create();
	p->own_complete = c->a->own_complete;
	if (p->rules == NULL || p->own_hosts == NULL) {
		c->no_memory = true;
		return;
	}
	compile_tenants(c);
	compile_environments(c);
	compile_bindings(c);
	for (unsigned g = 0; g < GATE_COUNT; g++)
		if (g != GATE_ENDPOINTS && g != GATE_UNDECIDABLE)
			compile_gate(c, (enum gate)g);
	compile_lists(c);
	compile_infrastructure(c);
	compile_undecidable(c);
	p->asks_name = p->asks_name || p->list_count > 0 ||
		       p->gates[GATE_CONNECTORS].count > 0 ||
		       p->gates[GATE_OWN].count > 0;
	if (!c->no_memory)
		note(c, suffix_seal(p->own_hosts));
	if (!c->no_memory)
		note(c, sets_seal(&c->sets, c->arena, p));
}

int program_compile(struct program *p, struct ast *a, struct diag *d)
{
	struct compiler c = {.p = p, .a = a, .arena = a->arena, .d = d};

	memset(p, 0, sizeof(*p));
	compile_all(&c);
	sets_finish(&c.sets);
	return c.no_memory ? -ENOMEM : 0;
}

void program_finish(struct program *p)
{
	suffix_destroy(p->hosts);
	suffix_destroy(p->own_hosts);
	prefixes_destroy(p->prefixes);
	prefixes_destroy(p->bindings);
	p->bindings = NULL;
	p->hosts = NULL;
	p->own_hosts = NULL;
	p->prefixes = NULL;
}
