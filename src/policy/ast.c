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
	[FIELD_INSIDE] = {"", SIDE_FROM},
	[FIELD_EGRESS] = {"egress", SIDE_FROM},
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
	a->tables_end = &a->tables;
	a->tenants_end = &a->tenants;
	a->environments_end = &a->environments;
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
