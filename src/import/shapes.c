/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shapes - which export is it?  By the keys that it has, never by its file's name.
 *
 * The keys were read in exports of the governance API, of PowerShell and of Terraform's
 * provider (docs/import.md).
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "import/reading.h"

#define UNWRAP_MAX 4 /* {"value": [..]} and arrays inside each other */

static bool has(const struct node *o, const char *path)
{
	return tree_path(o, path) != NULL;
}

static bool is_policy_v2(const struct node *o)
{
	return has(o, "policyDefinition");
}

static bool is_flat(const struct node *o)
{
	return has(o, "connectorGroups") || has(o, "defaultConnectorsClassification");
}

static bool is_cmdlet(const struct node *o)
{
	return has(o, "BusinessDataGroup");
}

static bool is_legacy(const struct node *o)
{
	return has(o, "properties.definition");
}

static bool is_configurations(const struct node *o)
{
	return has(o, "endpointConfigurations") ||
	       has(o, "connectorActionConfigurations");
}

static bool is_advanced(const struct node *o)
{
	return has(o, "ruleSets");
}

static bool is_patterns(const struct node *o)
{
	const struct node *rules = tree_get(o, "rules");
	const struct node *first = tree_first(rules);

	return rules != NULL && (first == NULL || has(first, "pattern") ||
				 has(first, "customConnectorRuleClassification"));
}

static bool is_isolation(const struct node *o)
{
	return has(o, "properties.allowedTenants") ||
	       (has(o, "allowedTenants") && has(o, "tenantId"));
}

static bool is_ip_firewall(const struct node *o)
{
	return has(o, "allowediprangeforfirewall") || has(o, "enableipbasedfirewallrule");
}

static bool is_terraform(const struct node *o)
{
	return has(o, "format_version") && (has(o, "values") || has(o, "planned_values"));
}

static bool is_environment(const struct node *o)
{
	return has(o, "properties.environmentSku") ||
	       has(o, "properties.linkedEnvironmentMetadata") ||
	       (has(o, "EnvironmentName") && has(o, "DisplayName")) ||
	       (has(o, "environment_type") && has(o, "display_name") &&
		!has(o, "business_connectors"));
}

static const struct {
	bool (*is)(const struct node *o);
	void (*read)(struct reading *g, const struct node *o);
} shapes[] = {
	{is_policy_v2, read_policy_v2},           {is_flat, read_policy_flat},
	{is_cmdlet, read_policy_cmdlet},          {is_legacy, read_policy_legacy},
	{is_configurations, read_configurations}, {is_advanced, read_policy_advanced},
	{is_patterns, read_url_patterns},         {is_isolation, read_isolation},
	{is_ip_firewall, read_ip_firewall},       {is_terraform, read_terraform},
	{is_environment, read_environment},
};

/* ---- what is known, and not imported ----------------------------------------------------- */

static bool is_flow_log(const struct node *o)
{
	const struct node *first = tree_first(tree_get(o, "records"));

	return has(first, "flowRecords") || has(first, "properties.flows");
}

static bool is_connector_list(const struct node *o)
{
	return has(o, "metadata.unblockable") || has(o, "metadata.virtualConnector") ||
	       has(o, "properties.apiEnvironment") ||
	       (has(o, "properties.tier") && has(o, "properties.publisher"));
}

static bool is_environment_group(const struct node *o)
{
	return has(o, "parameters") &&
	       (has(o, "environmentFilter") || has(o, "lastModified"));
}

/*
 * Microsoft365DSC: its resources hold some of the keys of real exports, so that this is asked
 * first.  Those of Power Platform begin with PP.
 */
static bool is_desired_state(const struct node *o)
{
	struct str name = tree_text(o, "ResourceName");

	return name.p != NULL && (has(o, "ResourceInstanceName") ||
				  (name.len > 2 && strncasecmp(name.p, "PP", 2) == 0));
}

static bool is_service_tags(const struct node *o)
{
	return has(o, "changeNumber") && has(o, "values");
}

static bool is_terraform_output(const struct node *o)
{
	return has(o, "terraform_output") || has(o, "outputs");
}

static const struct {
	bool (*is)(const struct node *o);
	const char *what, *remedy;
} refused[] = {
	{is_flow_log, "a flow log of Azure's: it holds connections, no policy",
	 "a policy; Azure's flow logs are not read by this version"},
	{is_connector_list,
	 "a list of connectors: what exists, not which of them a policy blocks",
	 "the policy itself (Get-DlpPolicy | ConvertTo-Json -Depth 20); the catalogue of "
	 "connectors is Weir's own (docs/catalog.md)"},
	{is_environment_group,
	 "a rule set of an environment group: it concerns sharing and makers, nothing that "
	 "crosses a network",
	 "the advanced connector policy (ruleSets) of the group, if it has one"},
	{is_desired_state,
	 "an export of Microsoft365DSC: lossy, its resources carry no endpoint rules",
	 "the exports of docs/import.md; from this one no \"no endpoint rules\" follows"},
	{is_service_tags, "a file of service tags, which has a command of its own",
	 "weir import service-tags FILE"},
	{is_terraform_output,
	 "an output of Terraform, whose form each module chooses for itself",
	 "terraform show -json > FILE"},
};

static void refuse_unknown(struct reading *g, const struct node *o)
{
	char keys[200];
	size_t len = 0, count = 0;

	keys[0] = '\0';
	for (const struct node *n = o->first; n != NULL; n = n->next, count++) {
		int k = n->key.len > 40 ? 40 : (int)n->key.len;

		if (len + 60 < sizeof(keys))
			len += (size_t)snprintf(keys + len, sizeof(keys) - len, "%s%.*s",
						count == 0 ? "" : ", ", k,
						n->key.p == NULL ? "" : n->key.p);
		else if (len + 6 < sizeof(keys) && keys[len - 1] != '.')
			len += (size_t)snprintf(keys + len, sizeof(keys) - len, ", ...");
	}
	if (o->kind != JSON_READ_OBJECT)
		reading_refuse(g, o->at, "%s where an export has an object",
			       json_kind_name(o->kind));
	else if (count == 0)
		reading_refuse(g, o->at, "an empty object: no export that is known");
	else
		reading_refuse(g, o->at, "no export that is known; its keys are: %s",
			       keys);
	diag_remedy(g->d, "one of the exports that docs/import.md lists");
}

/* ---- unwrapping -------------------------------------------------------------------------- */

static void check_pages(struct reading *g, const struct node *o)
{
	static const char *const keys[] = {"nextLink", "@odata.nextLink"};

	for (size_t i = 0; i < 2; i++) {
		const struct node *n = tree_get(o, keys[i]);

		if (n == NULL || n->kind != JSON_READ_STRING || n->text.len == 0)
			continue;
		reading_refuse(g, n->at, "this is one page of several");
		diag_remedy(g->d, "all pages, each in a file of its own, without \"%s\"",
			    keys[i]);
	}
}

/* The list that stands for this value; NULL = it is itself what is to be read. */
static const struct node *inner(const struct node *n)
{
	const struct node *value;

	if (n->kind == JSON_READ_ARRAY)
		return n;
	value = tree_get(n, "value");
	return value != NULL && (value->kind == JSON_READ_ARRAY ||
				 value->kind == JSON_READ_OBJECT)
		       ? value
		       : NULL;
}

/* False: the file is of a kind that is not imported, so that its other items are not either. */
static bool read_one(struct reading *g, const struct node *o)
{
	for (size_t i = 0; !is_desired_state(o) && i < sizeof(shapes) / sizeof(shapes[0]);
	     i++)
		if (shapes[i].is(o)) {
			shapes[i].read(g, o);
			return true;
		}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i].is(o)) {
			reading_refuse(g, o->at, "this is %s", refused[i].what);
			diag_remedy(g->d, "%s", refused[i].remedy);
			return false;
		}
	refuse_unknown(g, o);
	return false;
}

static bool is_known(const struct node *o)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].is(o))
			return true;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i].is(o))
			return true;
	return false;
}

/* Lists inside each other, each with the item that is read; no recursion. */
struct level {
	const struct node *list, *item;
};

static void read_all(struct reading *g, const struct node *root)
{
	struct level levels[UNWRAP_MAX];
	const struct node *n = root;
	size_t depth = 0, errors = diag_count(g->d, DIAG_ERROR);

	while (n != NULL) {
		const struct node *list = is_known(n) ? NULL : inner(n);

		if (list != NULL && depth < UNWRAP_MAX) {
			check_pages(g, n);
			reading_count(g, n);
			levels[depth].list = list;
			levels[depth++].item = tree_first(list);
		} else if (list != NULL) {
			reading_refuse(g, n->at, "lists inside lists inside lists");
			return;
		} else {
			if (!read_one(g, n))
				return;
			if (depth > 0)
				levels[depth - 1].item = tree_next(
					levels[depth - 1].list, levels[depth - 1].item);
		}
		if (depth == 0 || diag_count(g->d, DIAG_ERROR) > errors + 50)
			return;
		while (levels[depth - 1].item == NULL) {
			if (--depth == 0)
				return;
			levels[depth - 1].item =
				tree_next(levels[depth - 1].list, levels[depth - 1].item);
		}
		n = levels[depth - 1].item;
	}
}

/* ---- text that is no JSON ---------------------------------------------------------------- */

static bool holds(struct str text, const char *word)
{
	return memmem(text.p, text.len, word, strlen(word)) != NULL;
}

static bool ends_fold(const char *name, const char *tail)
{
	size_t n = strlen(name), m = strlen(tail);

	return n >= m &&
	       str_equal_fold((struct str){name + n - m, m}, (struct str){tail, m});
}

/* False: it is not JSON, and that was said. */
static bool check_json(struct reading *g)
{
	struct str s = g->text->text;
	const struct span at = {g->text->name, 1, 1, 0};
	size_t i = s.len >= 3 && memcmp(s.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (i < s.len &&
	       (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\n'))
		i++;
	if (i < s.len && (s.p[i] == '{' || s.p[i] == '['))
		return true;
	if (holds(s, "Microsoft365DSC") || holds(s, "PPDLPPolicy")) {
		reading_refuse(g, at, "this is %s", refused[3].what);
		diag_remedy(g->d, "%s", refused[3].remedy);
	} else if (ends_fold(g->text->name, ".tfvars") ||
		   ends_fold(g->text->name, ".tf") ||
		   holds(s, "default_connectors_classification")) {
		reading_refuse(g, at,
			       "this is Terraform's language: variables and "
			       "modules decide what it means");
		diag_remedy(g->d,
			    "terraform show -json > FILE, of the plan or the state");
	} else if (i == s.len) {
		reading_refuse(g, at, "the file is empty");
		diag_remedy(g->d, "the export; was it written at all?");
	} else if (s.len >= 2 && memcmp(s.p, "\xfe\xff", 2) == 0) {
		reading_refuse(g, at, "this is UTF-16 with the high byte first");
		diag_remedy(g->d, "the file in UTF-8, or as PowerShell's > writes it");
	} else if (s.len >= i + 4 && memcmp(s.p + i, "null", 4) == 0) {
		reading_refuse(g, at,
			       "this is null: what was asked for is not in the tenant");
		diag_remedy(g->d, "the export with the right names, or the others "
				  "without this file");
	} else {
		reading_refuse(g, at, "this is no JSON: it begins with neither { nor [");
		diag_remedy(g->d, "| ConvertTo-Json -Depth 20 > FILE, in PowerShell");
	}
	return false;
}

bool tenant_file_fill(struct tenant_file *f, const struct tenant_text *text,
		      struct arena *arena)
{
	const char *slash = strrchr(text->name, '/');
	const char *name = slash == NULL ? text->name : slash + 1;

	f->name = arena_strndup(arena, name, strlen(name));
	hex_format(text->sha256, sizeof(text->sha256), f->sha256);
	return f->name != NULL;
}

bool tenant_read(struct tenant *t, const struct tenant_text *text,
		 const struct tenant_cfg *cfg, struct diag *d)
{
	struct reading g = {.t = t, .cfg = cfg, .text = text, .d = d};
	size_t errors = diag_count(d, DIAG_ERROR);
	const struct node *root;

	g.file = reading_take(&g, sizeof(*g.file));
	if (g.file == NULL || !tenant_file_fill(g.file, text, t->arena) ||
	    !check_json(&g))
		return false;
	root = tree_parse(text->name, text->text, t->arena, d);
	if (root != NULL)
		read_all(&g, root);
	return diag_count(d, DIAG_ERROR) == errors;
}
