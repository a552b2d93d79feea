/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ast.h"

#include <stdlib.h>
#include <string.h>

#include "match/zone.h"

static const struct {
	const char *word;
	enum side side;
} fields[FIELD_COUNT] = {
	[FIELD_ROLE] = {"role", SIDE_FROM},
	[FIELD_SOURCE] = {"source", SIDE_FROM},
	[FIELD_SITE] = {"site", SIDE_FROM},
	[FIELD_USER] = {"user", SIDE_FROM},
	[FIELD_INSIDE] = {"", SIDE_FROM},
	[FIELD_EGRESS] = {"egress", SIDE_FROM},
	[FIELD_BOUND] = {"environment", SIDE_FROM},
	[FIELD_SCOPE] = {"", SIDE_BARE},
	[FIELD_REASON] = {"", SIDE_BARE},
	[FIELD_ENVIRONMENT] = {"environment", SIDE_TO},
	[FIELD_OWN] = {"own", SIDE_TO},
	[FIELD_PARTNER] = {"partner", SIDE_TO},
	[FIELD_FOREIGN] = {"foreign", SIDE_TO},
	[FIELD_UNKNOWN] = {"unknown", SIDE_TO},
	[FIELD_SERVICE] = {"service", SIDE_TO},
	[FIELD_CONNECTOR] = {"connector", SIDE_TO},
	[FIELD_PEER] = {"", SIDE_TO},
	[FIELD_COUNTRY] = {"country", SIDE_TO},
	[FIELD_TAG] = {"tag", SIDE_TO},
	[FIELD_ASN] = {"asn", SIDE_TO},
	[FIELD_HOST] = {"host", SIDE_TO},
	[FIELD_PORT] = {"port", SIDE_BARE},
	[FIELD_PROTO] = {"proto", SIDE_BARE},
	[FIELD_DIRECTION] = {"direction", SIDE_BARE},
	[FIELD_EVIDENCE] = {"evidence", SIDE_BARE},
	[FIELD_CORROBORATION] = {"corroboration", SIDE_BARE},
	[FIELD_JA4] = {"ja4", SIDE_BARE},
	[FIELD_HOURS] = {"hours", SIDE_BARE},
	[FIELD_DURING] = {"during", SIDE_BARE},
};

const char *const custom_group_words[CUSTOM_GROUP_COUNT] = {
	"", "business", "general", "blocked", "ignore",
};

const char *const own_kind_words[OWN_KIND_COUNT] = {
	[OWN_TENANT] = "tenant",
	[OWN_ENVIRONMENT] = "environment",
	[OWN_ORGANIZATION] = "organization",
};

const char *field_word(enum field f)
{
	return fields[f].word;
}

enum side field_side(enum field f)
{
	return fields[f].side;
}

const char *table_kind_name(enum table_kind k)
{
	static const char *const names[] = {"nothing", "prefixes", "host names",
					    "countries"};

	return names[k];
}

void ast_init(struct ast *a, struct arena *arena, const struct vocabulary *v)
{
	memset(a, 0, sizeof(*a));
	a->arena = arena;
	a->vocabulary = v;
	a->sources_end = &a->sources;
	a->provenances_end = &a->provenances;
	a->tables_end = &a->tables;
	a->tenants_end = &a->tenants;
	a->environments_end = &a->environments;
	a->bindings_end = &a->bindings;
	a->lists_end = &a->lists;
	a->expects_end = &a->expects;
	for (size_t g = 0; g < GATE_COUNT; g++)
		a->gates[g].rules_end = &a->gates[g].rules;
}

void ast_finish(struct ast *a)
{
	for (struct source *s = a->sources; s != NULL; s = s->next) {
		free(s->text);
		s->text = NULL;
	}
	for (struct zone_ref *z = a->zones; z != NULL; z = z->next) {
		zone_destroy(z->zone);
		z->zone = NULL;
	}
}

static size_t item_prefixes(const struct vocabulary *v, struct bind_item *i,
			    binding_prefix *each, void *arg)
{
	const struct item *it = i->item;
	size_t n = 0;

	if (it->field == FIELD_SOURCE) {
		const struct prefix_list none = {NULL, 0};
		const struct prefix_list *l =
			v->source_prefixes == NULL ? &none : &v->source_prefixes[it->id];

		for (; n < l->count; n++)
			if (each != NULL)
				each(arg, i, &l->list[n]);
		return n;
	}
	for (it = it->table != NULL ? it->table->items : it; it != NULL; it = it->next) {
		if (each != NULL)
			each(arg, i, &it->prefix);
		n++;
	}
	return n;
}

size_t binding_prefixes(const struct vocabulary *v, const struct binding *b,
			binding_prefix *each, void *arg)
{
	size_t n = 0;

	for (struct bind_item *i = b->items; i != NULL; i = i->next)
		n += item_prefixes(v, i, each, arg);
	return n;
}
