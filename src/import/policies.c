/* SPDX-License-Identifier: Apache-2.0 */
/* policies - data policies (DLP) of all shapes, and advanced connector policies. */
#include <string.h>

#include "import/reading.h"

/* ---- keys -------------------------------------------------------------------------------- */

#define BESIDE "\"policyDefinition\": {..}, and this beside it, not in it"

static const struct known_key keys_of_v2[] = {
	{.key = "policyDefinition"},
	{.key = "connectorConfigurationsDefinition",
	 .kind = KEY_OBJECT,
	 .may_be_null = true},
	{.key = "customConnectorUrlPatternsDefinition",
	 .kind = KEY_OBJECT,
	 .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_definition[] = {
	{.key = "name", .kind = KEY_STRING, .may_be_null = true},
	{.key = "displayName", .kind = KEY_STRING, .may_be_null = true},
	{.key = "defaultConnectorsClassification"},
	{.key = "connectorGroups", .kind = KEY_LIST, .may_be_null = true},
	{.key = "environmentType"},
	{.key = "environments", .kind = KEY_LIST, .may_be_null = true},
	{.key = "lastModifiedTime"},
	{.key = "connectorConfigurationsDefinition",
	 .kind = KEY_ELSEWHERE,
	 .remedy = BESIDE},
	{.key = "customConnectorUrlPatternsDefinition",
	 .kind = KEY_ELSEWHERE,
	 .remedy = BESIDE},
	{.key = "endpointConfigurations", .kind = KEY_ELSEWHERE, .remedy = BESIDE},
	{.key = NULL}};

static const struct known_key keys_of_group[] = {
	{.key = "classification"},
	{.key = "connectors", .kind = KEY_LIST, .required = true},
	{.key = NULL}};

static const struct known_key keys_of_cmdlet[] = {
	{.key = "PolicyName", .kind = KEY_STRING, .may_be_null = true},
	{.key = "DisplayName", .kind = KEY_STRING, .may_be_null = true},
	{.key = "LastModifiedTime"},
	{.key = "BusinessDataGroup", .kind = KEY_LIST, .may_be_null = true},
	{.key = "NonBusinessDataGroup", .kind = KEY_LIST, .may_be_null = true},
	{.key = "BlockedGroup", .kind = KEY_LIST, .may_be_null = true},
	{.key = "BlockedDataGroup",
	 .kind = KEY_ELSEWHERE,
	 .remedy = "\"BlockedGroup\", as Get-AdminDlpPolicy calls it"},
	{.key = "DefaultGroup"},
	{.key = "FilterType"},
	{.key = "Environments", .kind = KEY_LIST, .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_legacy[] = {
	{.key = "apiGroups", .kind = KEY_OBJECT, .required = true},
	{.key = "defaultApiGroup"},
	{.key = "constraints", .kind = KEY_OBJECT, .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_legacy_groups[] = {
	{.key = "hbi", .kind = KEY_OBJECT, .may_be_null = true},
	{.key = "lbi", .kind = KEY_OBJECT, .may_be_null = true},
	{.key = "blocked", .kind = KEY_OBJECT, .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_legacy_group[] = {
	{.key = "apis", .kind = KEY_LIST, .required = true}, {.key = NULL}};

static const struct known_key keys_of_advanced[] = {{.key = "id"},
						    {.key = "name"},
						    {.key = "lastModified"},
						    {.key = "ruleSets", .kind = KEY_LIST},
						    {.key = NULL}};

static const struct known_key keys_of_set_inputs[] = {
	{.key = "AllowedConnectorList", .kind = KEY_LIST, .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_terraform[] = {
	{.key = "id"},
	{.key = "display_name"},
	{.key = "default_connectors_classification"},
	{.key = "last_modified_time"},
	{.key = "business_connectors", .kind = KEY_LIST, .may_be_null = true},
	{.key = "non_business_connectors", .kind = KEY_LIST, .may_be_null = true},
	{.key = "blocked_connectors", .kind = KEY_LIST, .may_be_null = true},
	{.key = "custom_connectors_patterns", .kind = KEY_LIST, .may_be_null = true},
	{.key = "environment_type"},
	{.key = "environments"},
	{.key = NULL}};

static const struct known_key keys_of_terraform_action[] = {
	{.key = "action_id", .kind = KEY_STRING, .required = true},
	{.key = "behavior", .kind = KEY_STRING, .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_terraform_connector[] = {
	{.key = "id"},
	{.key = "default_action_rule_behavior", .kind = KEY_STRING, .may_be_null = true},
	{.key = "action_rules", .kind = KEY_LIST, .may_be_null = true},
	{.key = "endpoint_rules", .kind = KEY_LIST, .may_be_null = true},
	{.key = NULL}};

/* ---- connectors -------------------------------------------------------------------------- */

/* Ids of one policy, to find those that stand twice: open addressing. */
#define SLOTS ((size_t)16384)
_Static_assert(SLOTS >= (size_t)3 * TENANT_CONNECTORS_MAX, "room for all connectors");

static size_t hash_fold(struct str s)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)ascii_lower(s.p[i])) * 1099511628211u;
	return (size_t)(h ^ h >> 29);
}

static struct tenant_connector **slot_find(const struct reading *g, struct str id)
{
	size_t i = hash_fold(id) % SLOTS;

	while (g->slots[i] != NULL && !str_equal_fold(g->slots[i]->id, id))
		i = (i + 1) % SLOTS;
	return &g->slots[i];
}

struct filling {
	struct dlp_policy *p;
	struct tenant_connector **end;
};

static bool filling_init(struct reading *g, struct dlp_policy *p, struct filling *f)
{
	f->p = p;
	f->end = &p->connectors;
	if (g->slots == NULL)
		g->slots = reading_take(g, SLOTS * sizeof(struct tenant_connector *));
	else
		memset(g->slots, 0, SLOTS * sizeof(struct tenant_connector *));
	return g->slots != NULL;
}

static void add_connector(struct reading *g, struct filling *f, const struct node *n,
			  const char *key, enum data_group group)
{
	struct tenant_connector *c, **slot;
	struct str id;

	if (n->kind != JSON_READ_OBJECT) {
		reading_refuse(g, n->at, "a connector must be an object, not %s",
			       json_kind_name(n->kind));
		diag_remedy(g->d,
			    "{\"id\": \"/providers/Microsoft.PowerApps/apis/NAME\"}");
		return;
	}
	if (!reading_connector_id(g, n, key, &id))
		return;
	slot = slot_find(g, id);
	if (*slot != NULL && (*slot)->group == group) {
		diag_add(g->d, DIAG_WARNING, n->at, "twice",
			 "connector %.*s stands twice in its group", (int)id.len, id.p);
		return;
	}
	if (*slot != NULL) {
		reading_refuse(g, n->at, "connector %.*s is in group %s and in group %s",
			       (int)id.len, id.p, data_group_name((*slot)->group),
			       data_group_name(group));
		diag_note(g->d, "first on line %u", (*slot)->at.line);
		diag_remedy(g->d, "one group for it, in the tenant");
		return;
	}
	if (f->p->connector_count == TENANT_CONNECTORS_MAX) {
		reading_refuse(g, n->at, "this policy has more than %d connectors",
			       TENANT_CONNECTORS_MAX);
		diag_remedy(g->d, "at most %d", TENANT_CONNECTORS_MAX);
		return;
	}
	c = reading_take(g, sizeof(*c));
	if (c == NULL)
		return;
	*c = (struct tenant_connector){
		.id = id, .title = tree_text(n, "name"), .group = group, .at = n->at};
	*slot = c;
	*f->end = c;
	f->end = &c->next;
	f->p->connector_count++;
	f->p->groups[group]++;
}

static void add_connectors(struct reading *g, struct filling *f, const struct node *list,
			   enum data_group group)
{
	for (const struct node *n = tree_first(list); n != NULL; n = tree_next(list, n))
		add_connector(g, f, n, "id", group);
}

/* ---- what policies have in common -------------------------------------------------------- */

static void read_guid(struct reading *g, const struct node *o, const char *key,
		      struct dlp_policy *p)
{
	const struct node *n = tree_get(o, key);

	if (n == NULL || n->kind != JSON_READ_STRING)
		return;
	if (!guid_in(n->text, p->guid)) {
		reading_refuse(g, n->at, "this is no GUID of a policy");
		diag_remedy(g->d, "32 hexadecimal digits as 8-4-4-4-12");
	}
}

static void read_scope_word(struct reading *g, const struct node *n,
			    struct tenant_scope *s)
{
	static const struct {
		const char *word;
		enum policy_scope kind;
	} words[] = {
		{"AllEnvironments", POLICY_SCOPE_ALL},
		{"none", POLICY_SCOPE_ALL},
		{"OnlyEnvironments", POLICY_SCOPE_ONLY},
		{"include", POLICY_SCOPE_ONLY},
		{"SingleEnvironment", POLICY_SCOPE_ONLY},
		{"ExceptEnvironments", POLICY_SCOPE_EXCEPT},
		{"exclude", POLICY_SCOPE_EXCEPT},
	};

	if (n == NULL)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (n->kind == JSON_READ_STRING &&
		    str_equal_fold(n->text, str_of(words[i].word))) {
			s->kind = words[i].kind;
			return;
		}
	reading_refuse(g, n->at, "this is no word for a policy's environments");
	diag_remedy(g->d, "AllEnvironments, OnlyEnvironments or ExceptEnvironments");
}

static struct str environment_text(const struct node *n)
{
	struct str name;

	if (n->kind == JSON_READ_STRING)
		return n->text;
	name = tree_text(n, "name");
	return name.len > 0 ? name : tree_text(n, "id");
}

/* Those that no rule can name: the policy does not reach them as it is written. */
static void warn_unnamed(struct reading *g, const struct node *environments)
{
	char guid[GUID_LEN + 1];

	for (const struct node *e = tree_first(environments); e != NULL;
	     e = tree_next(environments, e)) {
		struct str name = environment_text(e);

		if (guid_in(name, guid) || guid_in(tree_text(e, "id"), guid))
			continue;
		diag_add(g->d, DIAG_WARNING, e->at, "no-guid",
			 "environment \"%.*s\" has no GUID and is left out: the others "
			 "of the list are kept",
			 (int)(name.len < 60 ? name.len : 60),
			 name.p == NULL ? "" : name.p);
		diag_remedy(g->d, "\"name\": the GUID of the environment");
	}
}

/* A key that says who is meant is not there. */
static void warn_assumed(struct reading *g, const struct node *o, const char *key,
			 const char *what)
{
	const struct node *n = tree_get(o, key);

	if (n != NULL && (n->kind != JSON_READ_STRING || n->text.len > 0))
		return;
	diag_add(g->d, DIAG_WARNING, o->at, "assumed", "there is no \"%s\": taken for %s",
		 key, what);
	diag_remedy(g->d, "the whole policy, as Microsoft's tool wrote it");
}

#define ALL_ENVIRONMENTS "all environments"
#define GENERAL_GROUP    "General, as a new policy has it"

static void read_scope(struct reading *g, const struct node *word,
		       const struct node *environments, struct tenant_scope *s)
{
	size_t n = 0;

	read_scope_word(g, word, s);
	if (s->kind == POLICY_SCOPE_ALL)
		return;
	for (const struct node *e = tree_first(environments); e != NULL;
	     e = tree_next(environments, e))
		n++;
	if (n > TENANT_ENVIRONMENTS_MAX) {
		reading_refuse(g, environments->at, "more than %d environments",
			       TENANT_ENVIRONMENTS_MAX);
		return;
	}
	s->guids = reading_take(g, (n + 1) * sizeof(*s->guids));
	s->names = reading_take(g, (n + 1) * sizeof(*s->names));
	if (s->guids == NULL || s->names == NULL)
		return;
	for (const struct node *e = tree_first(environments); e != NULL;
	     e = tree_next(environments, e)) {
		struct str name = environment_text(e);

		if (guid_in(name, s->guids[s->count]) ||
		    guid_in(tree_text(e, "id"), s->guids[s->count]))
			s->names[s->count++] = name;
		else
			s->unnamed++;
	}
	if (s->count > 0 && s->unnamed > 0)
		warn_unnamed(g, environments);
}

static void read_other(struct reading *g, const struct node *o, const char *key,
		       struct dlp_policy *p)
{
	const struct node *n = tree_get(o, key);

	if (n == NULL || (n->kind == JSON_READ_STRING && n->text.len == 0))
		return;
	if (n->kind == JSON_READ_STRING && data_group_find(n->text, &p->other) &&
	    p->other != DATA_GROUP_IGNORE)
		return;
	p->other = DATA_GROUP_BLOCKED;
	reading_refuse(g, n->at, "this is no data group");
	diag_remedy(g->d, "General, Confidential or Blocked");
}

static void warn_no_groups(struct reading *g, const struct dlp_policy *p)
{
	if (p->has_groups)
		return;
	diag_add(
		g->d, DIAG_WARNING, p->at, "no-groups",
		"this policy has no connector groups here: it is a list of policies, and "
		"blocks nothing when imported");
	diag_remedy(g->d, "export each policy by itself, with its connectorGroups");
}

/* ---- the shapes -------------------------------------------------------------------------- */

/* The keys that the v2 and the flat shape share. */
static struct dlp_policy *read_definition(struct reading *g, const struct node *o,
					  const char *shape)
{
	const struct node *groups = tree_get(o, "connectorGroups");
	struct dlp_policy *p = reading_policy(g, o, shape);
	struct filling f;

	if (p == NULL || !filling_init(g, p, &f))
		return NULL;
	(void)reading_keys(g, o, keys_of_definition);
	p->title = tree_text(o, "displayName");
	p->has_groups = groups != NULL;
	read_guid(g, o, "name", p);
	read_other(g, o, "defaultConnectorsClassification", p);
	date_of(tree_text(o, "lastModifiedTime"), p->date);
	for (const struct node *n = tree_first(groups); n != NULL;
	     n = tree_next(groups, n)) {
		const struct node *c = tree_get(n, "classification");
		enum data_group group;

		if (c != NULL && c->kind == JSON_READ_STRING &&
		    data_group_find(c->text, &group) && group != DATA_GROUP_IGNORE) {
			if (reading_keys(g, n, keys_of_group))
				add_connectors(g, &f, tree_get(n, "connectors"), group);
			continue;
		}
		reading_refuse(g, c == NULL ? n->at : c->at,
			       "this group of connectors has no classification that "
			       "is known");
		diag_remedy(g->d, "Confidential, General or Blocked");
	}
	read_scope(g, tree_get(o, "environmentType"), tree_get(o, "environments"),
		   &p->scope);
	if (p->has_groups) {
		warn_assumed(g, o, "defaultConnectorsClassification", GENERAL_GROUP);
		warn_assumed(g, o, "environmentType", ALL_ENVIRONMENTS);
	}
	warn_no_groups(g, p);
	return p;
}

void read_policy_v2(struct reading *g, const struct node *o)
{
	const struct node *definition = tree_get(o, "policyDefinition");
	struct dlp_policy *p;

	(void)reading_keys(g, o, keys_of_v2);
	if (definition->kind != JSON_READ_OBJECT) {
		reading_refuse(g, definition->at,
			       "\"policyDefinition\" must be an object");
		return;
	}
	p = read_definition(g, definition, "v2 governance");
	if (p == NULL)
		return;
	read_lists(g, tree_get(o, "connectorConfigurationsDefinition"), &p->lists);
	read_pattern_object(g, tree_get(o, "customConnectorUrlPatternsDefinition"),
			    &p->patterns);
}

void read_policy_flat(struct reading *g, const struct node *o)
{
	(void)read_definition(g, o, "Get-DlpPolicy");
}

void read_policy_cmdlet(struct reading *g, const struct node *o)
{
	struct dlp_policy *p = reading_policy(g, o, "Get-AdminDlpPolicy");
	struct filling f;

	if (p == NULL || !filling_init(g, p, &f))
		return;
	(void)reading_keys(g, o, keys_of_cmdlet);
	p->has_groups = true;
	p->title = tree_text(o, "DisplayName");
	read_guid(g, o, "PolicyName", p);
	date_of(tree_text(o, "LastModifiedTime"), p->date);
	add_connectors(g, &f, tree_get(o, "BusinessDataGroup"), DATA_GROUP_BUSINESS);
	add_connectors(g, &f, tree_get(o, "NonBusinessDataGroup"), DATA_GROUP_GENERAL);
	add_connectors(g, &f, tree_get(o, "BlockedGroup"), DATA_GROUP_BLOCKED);
	read_other(g, o, "DefaultGroup", p);
	read_scope(g, tree_get(o, "FilterType"), tree_get(o, "Environments"), &p->scope);
	warn_assumed(g, o, "DefaultGroup", GENERAL_GROUP);
	warn_assumed(g, o, "FilterType", ALL_ENVIRONMENTS);
}

void read_policy_legacy(struct reading *g, const struct node *o)
{
	const struct node *properties = tree_get(o, "properties");
	const struct node *definition = tree_get(properties, "definition");
	const struct node *filter, *groups;
	struct dlp_policy *p = reading_policy(g, o, "legacy apiPolicies");
	struct filling f;

	if (p == NULL || !filling_init(g, p, &f))
		return;
	(void)reading_keys(g, definition, keys_of_legacy);
	groups = tree_get(definition, "apiGroups");
	(void)reading_keys(g, groups, keys_of_legacy_groups);
	for (const struct node *n = groups == NULL ? NULL : groups->first; n != NULL;
	     n = n->next)
		(void)reading_keys(g, n, keys_of_legacy_group);
	p->has_groups = true;
	p->title = tree_text(properties, "displayName");
	read_guid(g, o, "name", p);
	date_of(tree_text(properties, "lastModifiedTime"), p->date);
	add_connectors(g, &f, tree_path(definition, "apiGroups.hbi.apis"),
		       DATA_GROUP_BUSINESS);
	add_connectors(g, &f, tree_path(definition, "apiGroups.lbi.apis"),
		       DATA_GROUP_GENERAL);
	add_connectors(g, &f, tree_path(definition, "apiGroups.blocked.apis"),
		       DATA_GROUP_BLOCKED);
	read_other(g, definition, "defaultApiGroup", p);
	filter = tree_path(definition, "constraints.environmentFilter1.parameters");
	read_scope(g, tree_get(filter, "filterType"), tree_get(filter, "environments"),
		   &p->scope);
	warn_assumed(g, definition, "defaultApiGroup", GENERAL_GROUP);
}

/* Names of actions, or objects that hold one. */
static void read_allowed_actions(struct reading *g, const struct node *list,
				 struct tenant_action rule, struct tenant_lists *to)
{
	for (const struct node *n = tree_first(list); n != NULL; n = tree_next(list, n)) {
		const struct node *name = n->kind == JSON_READ_OBJECT ? n->first : n;

		while (name != NULL && name != n && name->kind != JSON_READ_STRING)
			name = name->next;
		if (name == NULL || name->kind != JSON_READ_STRING ||
		    name->text.len == 0) {
			reading_refuse(g, n->at, "an allowed action without its name");
			diag_remedy(g->d, "the export as Microsoft's tool wrote it");
			continue;
		}
		rule.action = name->text;
		reading_action(g, n, to, rule);
	}
}

static bool is_connector_set(const struct node *set)
{
	return str_equal_fold(tree_text(set, "id"), STR("ConnectorManagement"));
}

/* Else that is said. */
static bool has_connector_set(struct reading *g, const struct node *sets)
{
	const struct node *first = tree_first(sets), *id = tree_get(first, "id");

	for (const struct node *n = first; n != NULL; n = tree_next(sets, n))
		if (is_connector_set(n))
			return true;
	if (first == NULL)
		return true; /* it allows nothing, which is said */
	reading_refuse(g, id == NULL ? first->at : id->at,
		       "a rule set that is not about connectors");
	diag_remedy(g->d, "rule sets with the id ConnectorManagement");
	return false;
}

/* One set of rules of an advanced connector policy. */
static void read_rule_set(struct reading *g, const struct node *set, struct filling *f)
{
	const struct node *list = tree_path(set, "inputs.AllowedConnectorList");
	struct tenant_action rule = {.behavior = STR("Allow")};

	(void)reading_keys(g, tree_get(set, "inputs"), keys_of_set_inputs);
	for (const struct node *n = tree_first(list); n != NULL; n = tree_next(list, n)) {
		const struct node *actions = tree_get(n, "AllowedActions");

		add_connector(g, f, n, "AllowedConnector", DATA_GROUP_GENERAL);
		if (tree_first(actions) != NULL &&
		    reading_connector_id(g, n, "AllowedConnector", &rule.connector))
			read_allowed_actions(g, actions, rule, &f->p->lists);
	}
}

void read_policy_advanced(struct reading *g, const struct node *o)
{
	const struct node *sets = tree_get(o, "ruleSets");
	size_t errors = diag_count(g->d, DIAG_ERROR);
	struct dlp_policy *p = reading_policy(g, o, "advanced connector policy");
	struct filling f;

	if (p == NULL || !filling_init(g, p, &f))
		return;
	(void)reading_keys(g, o, keys_of_advanced);
	p->advanced = true;
	p->has_groups = true;
	p->other = DATA_GROUP_BLOCKED;
	p->title = tree_text(o, "name");
	if (!guid_in(tree_text(o, "id"), p->guid))
		p->guid[0] = '\0';
	date_of(tree_text(o, "lastModified"), p->date);
	if (!has_connector_set(g, sets))
		return;
	for (const struct node *n = tree_first(sets); n != NULL; n = tree_next(sets, n)) {
		if (is_connector_set(n)) {
			read_rule_set(g, n, &f);
			continue;
		}
		diag_add(g->d, DIAG_WARNING, n->at, "not-enforced",
			 "this rule set is not about connectors: it is left out");
	}
	if (p->connector_count == 0 && diag_count(g->d, DIAG_ERROR) == errors) {
		diag_add(g->d, DIAG_WARNING, o->at, "denies-all",
			 "this advanced connector policy allows no connector: it denies "
			 "all of them");
		diag_remedy(g->d, "its AllowedConnectorList, unless that is meant");
	}
}

/* ---- terraform show -json ---------------------------------------------------------------- */

static void read_terraform_actions(struct reading *g, const struct node *connector,
				   struct tenant_lists *to)
{
	const struct node *list = tree_get(connector, "action_rules");
	struct tenant_action a = {
		.behavior = tree_text(connector, "default_action_rule_behavior")};

	if ((tree_first(list) == NULL && a.behavior.len == 0) ||
	    !reading_connector_id(g, connector, "id", &a.connector))
		return;
	if (a.behavior.len > 0)
		reading_action(g, connector, to, a);
	for (const struct node *n = tree_first(list); n != NULL; n = tree_next(list, n)) {
		if (!reading_keys(g, n, keys_of_terraform_action))
			continue;
		a.action = tree_text(n, "action_id");
		a.behavior = tree_text(n, "behavior");
		if (a.action.len > 0)
			reading_action(g, n, to, a);
	}
}

static void read_terraform_connectors(struct reading *g, struct filling *f,
				      const struct node *list, enum data_group group)
{
	for (const struct node *n = tree_first(list); n != NULL; n = tree_next(list, n)) {
		const struct node *rules = tree_get(n, "endpoint_rules");
		struct str id;

		(void)reading_keys(g, n, keys_of_terraform_connector);
		add_connector(g, f, n, "id", group);
		read_terraform_actions(g, n, &f->p->lists);
		if (tree_first(rules) != NULL && reading_connector_id(g, n, "id", &id))
			read_list(g, id, rules, &f->p->lists);
	}
}

static void read_terraform_policy(struct reading *g, const struct node *o)
{
	struct dlp_policy *p = reading_policy(g, o, "terraform show -json");
	struct filling f;

	if (p == NULL || !filling_init(g, p, &f))
		return;
	(void)reading_keys(g, o, keys_of_terraform);
	p->has_groups = true;
	p->title = tree_text(o, "display_name");
	read_guid(g, o, "id", p);
	read_other(g, o, "default_connectors_classification", p);
	date_of(tree_text(o, "last_modified_time"), p->date);
	read_terraform_connectors(g, &f, tree_get(o, "business_connectors"),
				  DATA_GROUP_BUSINESS);
	read_terraform_connectors(g, &f, tree_get(o, "non_business_connectors"),
				  DATA_GROUP_GENERAL);
	read_terraform_connectors(g, &f, tree_get(o, "blocked_connectors"),
				  DATA_GROUP_BLOCKED);
	read_patterns(g, tree_get(o, "custom_connectors_patterns"), &p->patterns);
	read_scope(g, tree_get(o, "environment_type"), tree_get(o, "environments"),
		   &p->scope);
	warn_assumed(g, o, "default_connectors_classification", GENERAL_GROUP);
	warn_assumed(g, o, "environment_type", ALL_ENVIRONMENTS);
}

static size_t read_resource(struct reading *g, const struct node *n)
{
	const struct node *values = tree_get(n, "values");
	struct str type = tree_text(n, "type");

	if (values == NULL || values->kind != JSON_READ_OBJECT)
		return 0;
	if (str_equal(type, STR("powerplatform_data_loss_prevention_policy"))) {
		read_terraform_policy(g, values);
		return 1;
	}
	if (str_equal(type, STR("powerplatform_tenant_isolation_policy"))) {
		read_isolation(g, values);
		return 1;
	}
	if (str_equal(type, STR("powerplatform_environment_settings"))) {
		read_terraform_firewall(g, values);
		return 1;
	}
	return 0;
}

/* Modules inside each other: a list of those still to be read instead of recursion. */
void read_terraform(struct reading *g, const struct node *o)
{
	enum {
		MODULES_MAX = 1000
	};
	const struct node **todo = reading_take(g, MODULES_MAX * sizeof(struct node *));
	const struct node *root = tree_path(o, "values.root_module");
	size_t count = 0, found = 0;

	if (todo == NULL)
		return;
	if (root == NULL)
		root = tree_path(o, "planned_values.root_module");
	if (root != NULL)
		todo[count++] = root;
	while (count > 0) {
		const struct node *m = todo[--count];
		const struct node *list = tree_get(m, "resources");
		const struct node *inner = tree_get(m, "child_modules");

		for (const struct node *n = tree_first(list); n != NULL;
		     n = tree_next(list, n))
			found += read_resource(g, n);
		for (const struct node *n = tree_first(inner); n != NULL;
		     n = tree_next(inner, n)) {
			if (count == MODULES_MAX) {
				reading_refuse(g, n->at, "more than %d modules",
					       MODULES_MAX);
				return;
			}
			todo[count++] = n;
		}
	}
	if (found > 0)
		return;
	reading_refuse(g, o->at,
		       "no policy of the provider power-platform is in this state");
	diag_remedy(
		g->d,
		"terraform show -json, where "
		"powerplatform_data_loss_prevention_policy, .._tenant_isolation_policy "
		"or .._environment_settings is managed");
}
