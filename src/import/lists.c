/* SPDX-License-Identifier: Apache-2.0 */
/* lists - endpoint lists and URL patterns, in the spellings of all exports. */
#include <string.h>

#include "import/reading.h"
#include "match/glob.h"

#define ORDER_MAX 1000000

static bool read_order(struct reading *g, const struct node *o, uint32_t *ret)
{
	const struct node *n = tree_get(o, "order");
	bool plain =
		n != NULL && (n->kind == JSON_READ_NUMBER || n->kind == JSON_READ_STRING);
	uint64_t v;

	if (plain && parse_u64(n->text, ORDER_MAX, &v)) {
		*ret = (uint32_t)v;
		return true;
	}
	if (plain)
		reading_refuse(g, n->at, "order %.*s is no whole number from 0 to %d",
			       (int)(n->text.len < 40 ? n->text.len : 40), n->text.p,
			       ORDER_MAX);
	else
		reading_refuse(g, n == NULL ? o->at : n->at,
			       "this rule has no order, which is a whole number");
	diag_remedy(g->d, "1 for the first rule, 2 for the second, ...");
	return false;
}

static size_t count_stars(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == '*';
	return n;
}

static bool read_pattern(struct reading *g, const struct node *o, const char *const *keys,
			 struct tenant_rule *r)
{
	const struct node *n = NULL;

	for (; n == NULL && *keys != NULL; keys++)
		n = tree_get(o, *keys);
	if (n == NULL || n->kind != JSON_READ_STRING || str_trim(n->text).len == 0) {
		reading_refuse(g, n == NULL ? o->at : n->at,
			       "this rule has no endpoint or pattern");
		diag_remedy(g->d, "a string such as \"https://api.contoso.example/*\"");
		return false;
	}
	r->pattern = str_trim(n->text);
	r->at = n->at;
	if (r->pattern.len > GLOB_MAX) {
		reading_refuse(
			g, n->at,
			"this pattern has %zu bytes; more than %d are not imported",
			r->pattern.len, GLOB_MAX);
		diag_remedy(g->d, "a shorter pattern, in the tenant");
		return false;
	}
	if (!glob_valid(r->pattern)) {
		reading_refuse(
			g, n->at,
			"this pattern has %zu stars; more than %d are not imported",
			count_stars(r->pattern), GLOB_STARS_MAX);
		diag_remedy(g->d, "a pattern with fewer stars, in the tenant");
		return false;
	}
	for (size_t i = 0; i < r->pattern.len; i++)
		if (r->pattern.p[i] == '"' || (unsigned char)r->pattern.p[i] < 0x20 ||
		    r->pattern.p[i] == 0x7f) {
			reading_refuse(g, n->at,
				       "this pattern holds a quote or a "
				       "control byte, which no rule can");
			diag_remedy(g->d, "a pattern without it, in the tenant");
			return false;
		}
	return true;
}

static bool read_behavior(struct reading *g, const struct node *o, bool *ret)
{
	struct str s;

	if (!reading_text(g, o, "behavior", &s))
		return false;
	if (str_equal_fold(s, STR("Allow"))) {
		*ret = true;
		return true;
	}
	*ret = false;
	if (str_equal_fold(s, STR("Deny")) || str_equal_fold(s, STR("Block")))
		return true;
	reading_refuse(g, tree_get(o, "behavior")->at,
		       "\"behavior\" is neither Allow nor "
		       "Deny");
	diag_remedy(g->d, "Allow or Deny");
	return false;
}

/* Room for one rule more? */
static struct tenant_rule *new_rule(struct reading *g, const struct node *o,
				    struct tenant_rules *to)
{
	struct tenant_rule *r;

	if (to->count == TENANT_RULES_MAX) {
		reading_refuse(g, o->at, "this list has more than %d rules",
			       TENANT_RULES_MAX);
		diag_remedy(g->d, "at most %d rules a list", TENANT_RULES_MAX);
		return NULL;
	}
	r = reading_take(g, sizeof(*r));
	if (r == NULL)
		return NULL;
	to->count++;
	return r;
}

/* ---- keys -------------------------------------------------------------------------------- */

static const struct known_key keys_of_rule[] = {
	{.key = "order"}, {.key = "behavior"}, {.key = "endPoint"}, {.key = NULL}};

static const struct known_key keys_of_pattern[] = {
	{.key = "order"},
	{.key = "pattern"},
	{.key = "host_url_pattern"},
	{.key = "customConnectorRuleClassification"},
	{.key = "data_group"},
	{.key = NULL}};

static const struct known_key keys_of_list[] = {
	{.key = "connectorId"},
	{.key = "endpointRules", .kind = KEY_LIST, .required = true},
	{.key = NULL}};

static const struct known_key keys_of_actions[] = {
	{.key = "connectorId"},
	{.key = "actionRules", .kind = KEY_LIST, .may_be_null = true},
	{.key = "defaultConnectorActionRuleBehavior",
	 .kind = KEY_STRING,
	 .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_action[] = {
	{.key = "actionId", .kind = KEY_STRING, .required = true},
	{.key = "behavior", .kind = KEY_STRING, .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_lists[] = {
	{.key = "endpointConfigurations", .kind = KEY_LIST, .may_be_null = true},
	{.key = "connectorActionConfigurations", .kind = KEY_LIST, .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_patterns[] = {
	{.key = "rules", .kind = KEY_LIST, .may_be_null = true}, {.key = NULL}};

/* ---- rules ------------------------------------------------------------------------------- */

static bool is_object(struct reading *g, const struct node *n, const char *what)
{
	if (n->kind == JSON_READ_OBJECT)
		return true;
	reading_refuse(g, n->at, "%s must be an object, not %s", what,
		       json_kind_name(n->kind));
	diag_remedy(g->d, "the export as Microsoft's tool wrote it");
	return false;
}

static bool read_rules(struct reading *g, const struct node *rules,
		       struct tenant_rules *to)
{
	static const char *const keys[] = {"endPoint", NULL};
	struct tenant_rule **end = &to->first;
	bool fine = true;

	for (const struct node *n = tree_first(rules); n != NULL;
	     n = tree_next(rules, n)) {
		struct tenant_rule *r;

		if (!is_object(g, n, "an endpoint rule") ||
		    !reading_keys(g, n, keys_of_rule)) {
			fine = false;
			continue;
		}
		r = new_rule(g, n, to);
		if (r == NULL)
			return false;
		fine = read_order(g, n, &r->order) && fine;
		fine = read_behavior(g, n, &r->allow) && fine;
		fine = read_pattern(g, n, keys, r) && fine;
		*end = r;
		end = &r->next;
	}
	return fine;
}

void read_list(struct reading *g, struct str id, const struct node *rules,
	       struct tenant_lists *to)
{
	struct tenant_list **end = &to->first, *l;

	if (tree_first(rules) == NULL)
		return;
	for (; *end != NULL; end = &(*end)->next)
		if (str_equal_fold((*end)->id, id)) {
			reading_refuse(g, rules->at, "a second list of connector %.*s",
				       (int)id.len, id.p);
			diag_note(g->d, "the first is on line %u", (*end)->at.line);
			diag_remedy(g->d, "one list, with the rules of both");
			return;
		}
	if (to->count == TENANT_LISTS_MAX) {
		reading_refuse(g, rules->at, "more than %d endpoint lists",
			       TENANT_LISTS_MAX);
		diag_remedy(g->d, "at most %d", TENANT_LISTS_MAX);
		return;
	}
	l = reading_take(g, sizeof(*l));
	if (l == NULL)
		return;
	l->id = id;
	l->at = rules->at;
	if (!read_rules(g, rules, &l->rules) ||
	    !reading_finish_rules(g, &l->rules, l->at, false))
		return;
	*end = l;
	to->count++;
}

void reading_action(struct reading *g, const struct node *at, struct tenant_lists *to,
		    struct tenant_action action)
{
	struct tenant_action *a;

	if (to->action_rules == TENANT_ACTIONS_MAX) {
		reading_refuse(g, at->at, "more than %d action rules",
			       TENANT_ACTIONS_MAX);
		diag_remedy(g->d, "at most %d", TENANT_ACTIONS_MAX);
		return;
	}
	a = reading_take(g, sizeof(*a));
	if (a == NULL)
		return;
	*a = action;
	to->action_rules += action.action.len > 0;
	if (to->last_action == NULL)
		to->actions = a;
	else
		to->last_action->next = a;
	to->last_action = a;
}

static void read_actions(struct reading *g, const struct node *o, struct tenant_lists *to)
{
	const struct node *rules = tree_get(o, "actionRules");
	struct tenant_action a = {0};

	if (!is_object(g, o, "an action configuration") ||
	    !reading_keys(g, o, keys_of_actions) ||
	    !reading_connector_id(g, o, "connectorId", &a.connector))
		return;
	for (const struct node *n = tree_first(rules); n != NULL;
	     n = tree_next(rules, n)) {
		if (!is_object(g, n, "an action rule") ||
		    !reading_keys(g, n, keys_of_action))
			continue;
		a.action = tree_text(n, "actionId");
		a.behavior = tree_text(n, "behavior");
		reading_action(g, n, to, a);
	}
	a.action = STR_NONE;
	a.behavior = tree_text(o, "defaultConnectorActionRuleBehavior");
	if (a.behavior.len > 0)
		reading_action(g, o, to, a);
}

void read_lists(struct reading *g, const struct node *o, struct tenant_lists *to)
{
	const struct node *lists = tree_get(o, "endpointConfigurations");
	const struct node *actions = tree_get(o, "connectorActionConfigurations");
	struct str id;

	if (!reading_keys(g, o, keys_of_lists))
		return;
	for (const struct node *n = tree_first(lists); n != NULL; n = tree_next(lists, n))
		if (is_object(g, n, "an endpoint configuration") &&
		    reading_keys(g, n, keys_of_list) &&
		    reading_connector_id(g, n, "connectorId", &id))
			read_list(g, id, tree_get(n, "endpointRules"), to);
	for (const struct node *n = tree_first(actions); n != NULL;
	     n = tree_next(actions, n))
		read_actions(g, n, to);
}

void read_patterns(struct reading *g, const struct node *rules, struct tenant_rules *to)
{
	static const char *const keys[] = {"pattern", "host_url_pattern", NULL};
	struct tenant_rules got = {0};
	struct tenant_rule **end = &got.first;
	bool fine = true;

	if (tree_first(rules) == NULL)
		return;
	for (const struct node *n = tree_first(rules); n != NULL;
	     n = tree_next(rules, n)) {
		const char *key = tree_get(n, "data_group") != NULL
					  ? "data_group"
					  : "customConnectorRuleClassification";
		struct tenant_rule *r;
		struct str word;

		if (!is_object(g, n, "a URL pattern") ||
		    !reading_keys(g, n, keys_of_pattern)) {
			fine = false;
			continue;
		}
		r = new_rule(g, n, &got);
		if (r == NULL)
			return;
		fine = read_order(g, n, &r->order) && fine;
		fine = read_pattern(g, n, keys, r) && fine;
		*end = r;
		end = &r->next;
		if (!reading_text(g, n, key, &word)) {
			fine = false;
		} else if (!data_group_find(word, &r->group)) {
			fine = false;
			reading_refuse(g, tree_get(n, key)->at,
				       "\"%.*s\" is no data group", (int)word.len,
				       word.p);
			diag_remedy(g->d, "Confidential, General, Blocked or Ignore");
		}
	}
	if (fine && reading_finish_rules(g, &got, rules->at, true))
		*to = got;
}

void read_pattern_object(struct reading *g, const struct node *o, struct tenant_rules *to)
{
	if (reading_keys(g, o, keys_of_patterns))
		read_patterns(g, tree_get(o, "rules"), to);
}

/* ---- files of their own ------------------------------------------------------------------ */

static struct tenant_loose *new_loose(struct reading *g, const struct node *o)
{
	struct tenant_loose *l = reading_take(g, sizeof(*l));

	if (l == NULL)
		return NULL;
	(void)guid_in(str_of(g->file->name), l->guid);
	l->file = g->file;
	l->file_name = g->text->name;
	l->at = o->at;
	*g->t->loose_end = l;
	g->t->loose_end = &l->next;
	return l;
}

void read_configurations(struct reading *g, const struct node *o)
{
	struct tenant_loose *l = new_loose(g, o);

	if (l != NULL)
		read_lists(g, o, &l->lists);
}

void read_url_patterns(struct reading *g, const struct node *o)
{
	struct tenant_loose *l = new_loose(g, o);

	if (l != NULL)
		read_pattern_object(g, o, &l->patterns);
}
