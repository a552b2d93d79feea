/* SPDX-License-Identifier: Apache-2.0 */
/* settings - tenant isolation, IP firewalls of organizations, lists of environments. */
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "import/reading.h"

/* A boolean of any spelling: PowerShell and CSV turn them into words. */
static bool is_true(const struct node *n)
{
	return n != NULL &&
	       (n->kind == JSON_READ_TRUE ||
		(n->kind == JSON_READ_STRING && str_equal_fold(n->text, STR("true"))));
}

/* ---- keys -------------------------------------------------------------------------------- */

static const struct known_key keys_of_isolation[] = {
	{.key = "tenantId", .kind = KEY_STRING, .may_be_null = true},
	{.key = "id", .kind = KEY_STRING, .may_be_null = true},
	{.key = "isDisabled", .kind = KEY_BOOLEAN, .may_be_null = true},
	{.key = "is_disabled", .kind = KEY_BOOLEAN, .may_be_null = true},
	{.key = "allowedTenants", .kind = KEY_LIST, .may_be_null = true},
	{.key = "allowed_tenants", .kind = KEY_LIST, .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_partner[] = {
	{.key = "tenantId", .kind = KEY_STRING},
	{.key = "tenant_id", .kind = KEY_STRING},
	{.key = "direction", .kind = KEY_OBJECT},
	{.key = "inbound", .kind = KEY_BOOLEAN},
	{.key = "outbound", .kind = KEY_BOOLEAN},
	{.key = NULL}};

static const struct known_key keys_of_direction[] = {
	{.key = "inbound", .kind = KEY_BOOLEAN},
	{.key = "outbound", .kind = KEY_BOOLEAN, .required = true},
	{.key = NULL}};

static const struct known_key keys_of_firewall[] = {
	{.key = "environmentid", .kind = KEY_STRING, .may_be_null = true},
	{.key = "environment_id", .kind = KEY_STRING, .may_be_null = true},
	{.key = "enableipbasedfirewallrule", .kind = KEY_BOOLEAN, .may_be_null = true},
	{.key = "enableipbasedfirewallruleinauditmode",
	 .kind = KEY_BOOLEAN,
	 .may_be_null = true},
	{.key = "allowapplicationuseraccess", .kind = KEY_BOOLEAN, .may_be_null = true},
	{.key = "allowmicrosofttrustedservicetags",
	 .kind = KEY_BOOLEAN,
	 .may_be_null = true},
	{.key = "allowediprangeforfirewall", .kind = KEY_STRING, .may_be_null = true},
	{.key = "allowedservicetagsforfirewall", .kind = KEY_STRING, .may_be_null = true},
	{.key = "reverseproxyipaddresses"},
	{.key = "enableipbasedcookiebinding"},
	{.key = "organizationid"},
	{.key = "name"},
	{.key = NULL}};

/* product.security of powerplatform_environment_settings (provider 3.x and 4.x). */
static const struct known_key keys_of_security[] = {
	{.key = "enable_ip_based_firewall_rule",
	 .kind = KEY_BOOLEAN,
	 .may_be_null = true},
	{.key = "enable_ip_based_firewall_rule_in_audit_mode",
	 .kind = KEY_BOOLEAN,
	 .may_be_null = true},
	{.key = "allow_application_user_access",
	 .kind = KEY_BOOLEAN,
	 .may_be_null = true},
	{.key = "allow_microsoft_trusted_service_tags",
	 .kind = KEY_BOOLEAN,
	 .may_be_null = true},
	{.key = "allowed_ip_range_for_firewall", .kind = KEY_LIST, .may_be_null = true},
	{.key = "allowed_service_tags_for_firewall",
	 .kind = KEY_LIST,
	 .may_be_null = true},
	{.key = "reverse_proxy_ip_addresses"},
	{.key = "enable_ip_based_cookie_binding"},
	{.key = NULL}};

/* ---- tenant isolation -------------------------------------------------------------------- */

/* Our own tenant, or one that is on the list already: nothing prevents either in the portal. */
static bool is_known_tenant(const struct tenant_isolation *i, const char *guid)
{
	if (strcmp(i->tenant, guid) == 0)
		return true;
	for (size_t k = 0; k < i->partner_count; k++)
		if (strcmp(i->partners[k], guid) == 0)
			return true;
	return false;
}

static void read_partner(struct reading *g, const struct node *n,
			 struct tenant_isolation *i)
{
	const struct node *direction = tree_get(n, "direction");
	const struct node *outbound = tree_get(direction, "outbound");
	struct str id = tree_text(n, "tenantId");

	if (id.p == NULL)
		id = tree_text(n, "tenant_id");
	if (outbound == NULL)
		outbound = tree_get(n, "outbound");
	if (!reading_keys(g, n, keys_of_partner) ||
	    !reading_keys(g, direction, keys_of_direction))
		return;
	if (outbound == NULL) {
		reading_refuse(g, n->at, "an allowed tenant without its direction");
		diag_remedy(g->d, "\"direction\": {\"inbound\": .., \"outbound\": ..}");
		return;
	}
	if (!is_true(outbound)) {
		i->inbound_only++;
		return;
	}
	if (str_equal(id, STR("*"))) {
		i->any_outbound = true;
		return;
	}
	if (guid_in(id, i->partners[i->partner_count])) {
		if (!is_known_tenant(i, i->partners[i->partner_count]))
			i->partner_count++;
		return;
	}
	reading_refuse(g, n->at, "an allowed tenant without a GUID");
	diag_remedy(g->d, "\"tenantId\": a GUID, or \"*\"");
}

void read_isolation(struct reading *g, const struct node *o)
{
	const struct node *p = tree_get(o, "properties");
	const struct node *list, *disabled;
	struct tenant_isolation *i = reading_take(g, sizeof(*i));
	size_t n = 0;

	if (p == NULL)
		p = o;
	list = tree_get(p, "allowedTenants");
	if (list == NULL)
		list = tree_get(p, "allowed_tenants");
	disabled = tree_get(p, "isDisabled");
	if (disabled == NULL)
		disabled = tree_get(p, "is_disabled");
	if (i == NULL || !reading_keys(g, p, keys_of_isolation))
		return;
	if (disabled == NULL) {
		diag_add(g->d, DIAG_WARNING, p->at, "assumed",
			 "the export does not say whether isolation is on: taken for on");
		diag_remedy(g->d, "\"isDisabled\": false, or true");
	}
	if (g->t->isolation != NULL) {
		reading_refuse(g, o->at, "a second tenant isolation policy");
		diag_remedy(g->d, "one tenant at a time");
		return;
	}
	i->at = o->at;
	i->file = g->file;
	i->disabled = is_true(disabled);
	if (!guid_in(tree_text(p, "tenantId"), i->tenant) &&
	    !guid_in(tree_text(p, "id"), i->tenant)) {
		reading_refuse(g, o->at, "this policy does not say whose it is");
		diag_remedy(g->d, "\"tenantId\": the GUID of the tenant");
		return;
	}
	for (const struct node *t = tree_first(list); t != NULL; t = tree_next(list, t))
		n++;
	if (n > TENANT_ENVIRONMENTS_MAX / 8) {
		reading_refuse(g, list->at, "more than %d allowed tenants",
			       TENANT_ENVIRONMENTS_MAX / 8);
		diag_remedy(g->d, "at most %d", TENANT_ENVIRONMENTS_MAX / 8);
		return;
	}
	i->partners = reading_take(g, (n + 1) * sizeof(*i->partners));
	if (i->partners == NULL)
		return;
	for (const struct node *t = tree_first(list); t != NULL; t = tree_next(list, t))
		read_partner(g, t, i);
	g->t->isolation = i;
}

/* ---- IP firewall ------------------------------------------------------------------------- */

static void add_range(struct reading *g, const struct node *n, struct str s,
		      struct ip_firewall *f)
{
	char buf[PREFIX_TEXT_MAX];
	struct prefix p;
	enum prefix_error e = prefix_parse(s.p, s.len, &p);
	size_t len;
	char *copy;

	if (e == PREFIX_BAD_ADDRESS || e == PREFIX_BAD_LENGTH) {
		reading_refuse(g, n->at, "\"%.*s\" is no address range",
			       (int)(s.len < 60 ? s.len : 60), s.p);
		diag_remedy(g->d, "ranges such as 198.51.100.0/24, with commas between");
		return;
	}
	len = prefix_format(&p, buf);
	if (e == PREFIX_HOST_BITS)
		diag_add(g->d, DIAG_WARNING, n->at, "host-bits",
			 "%.*s has bits set past its length: read as %s",
			 (int)(s.len < 60 ? s.len : 60), s.p, buf);
	copy = reading_take(g, len + 1);
	if (copy == NULL)
		return;
	memcpy(copy, buf, len + 1);
	f->ranges[f->range_count++] = (struct str){copy, len};
}

/* The next range of a list with commas; false = none is left. */
static bool next_range(struct str *left, struct str *ret)
{
	while (left->len > 0) {
		*ret = str_trim(str_item(left, ','));
		if (ret->len > 0)
			return true;
	}
	return false;
}

/* `text`, which stands at `n`. */
static void read_ranges(struct reading *g, const struct node *n, struct str text,
			struct ip_firewall *f)
{
	size_t errors = diag_count(g->d, DIAG_ERROR), count = 0;
	struct str left = text, one;

	while (next_range(&left, &one))
		count++;
	if (n->text.len > TENANT_RANGE_TEXT_MAX) {
		reading_refuse(g, n->at,
			       "the ranges have %zu bytes; at most %d are taken",
			       n->text.len, TENANT_RANGE_TEXT_MAX);
		diag_remedy(g->d, "fewer or wider ranges: it is Microsoft's own limit");
		return;
	}
	if (count > TENANT_RANGES_MAX) {
		reading_refuse(g, n->at, "there are %zu ranges; at most %d are taken",
			       count, TENANT_RANGES_MAX);
		diag_remedy(g->d, "fewer or wider ranges: it is Microsoft's own limit");
		return;
	}
	left = text;
	while (diag_count(g->d, DIAG_ERROR) < errors + 8 && next_range(&left, &one))
		add_range(g, n, one, f);
}

static struct ip_firewall *new_firewall(struct reading *g, const struct node *o)
{
	struct ip_firewall *f = reading_take(g, sizeof(*f));

	if (f == NULL)
		return NULL;
	if (g->t->firewall_count == TENANT_ENVIRONMENTS_MAX) {
		reading_refuse(g, o->at, "more than %d IP firewalls",
			       TENANT_ENVIRONMENTS_MAX);
		diag_remedy(g->d, "at most %d", TENANT_ENVIRONMENTS_MAX);
		return NULL;
	}
	f->ranges = reading_take(g, TENANT_RANGES_MAX * sizeof(struct str));
	f->file = g->file;
	f->at = o->at;
	return f->ranges == NULL ? NULL : f;
}

static void add_firewall(struct reading *g, struct ip_firewall *f)
{
	*g->t->firewalls_end = f;
	g->t->firewalls_end = &f->next;
	g->t->firewall_count++;
}

void read_ip_firewall(struct reading *g, const struct node *o)
{
	struct ip_firewall *f = new_firewall(g, o);
	const struct node *ranges;

	if (f == NULL || !reading_keys(g, o, keys_of_firewall))
		return;
	if (tree_get(o, "enableipbasedfirewallrule") == NULL) {
		diag_add(g->d, DIAG_WARNING, o->at, "assumed",
			 "the export does not say whether the firewall is on: taken for "
			 "off, so that its ranges decide nothing");
		diag_remedy(g->d, "\"enableipbasedfirewallrule\": true, or false");
	}
	if (!guid_in(tree_text(o, "environmentid"), f->environment))
		(void)guid_in(tree_text(o, "environment_id"), f->environment);
	f->on = is_true(tree_get(o, "enableipbasedfirewallrule"));
	f->audit = is_true(tree_get(o, "enableipbasedfirewallruleinauditmode"));
	f->applications = is_true(tree_get(o, "allowapplicationuseraccess"));
	f->trusted_services = is_true(tree_get(o, "allowmicrosofttrustedservicetags"));
	f->service_tags = tree_text(o, "allowedservicetagsforfirewall");
	ranges = tree_get(o, "allowediprangeforfirewall");
	if (ranges != NULL)
		read_ranges(g, ranges, ranges->text, f);
	add_firewall(g, f);
}

/* A set of strings as the organization row has it: with commas between. */
static struct str joined(struct reading *g, const struct node *list)
{
	size_t len = 0, used = 0;
	char *text;

	for (const struct node *n = tree_first(list); n != NULL; n = tree_next(list, n))
		len += n->text.len + 1;
	text = len == 0 ? NULL : reading_take(g, len);
	if (text == NULL)
		return STR_NONE;
	for (const struct node *n = tree_first(list); n != NULL; n = tree_next(list, n)) {
		if (n->kind != JSON_READ_STRING) {
			reading_refuse(g, n->at, "this is no string");
			diag_remedy(g->d, "the state as terraform show -json wrote it");
			return STR_NONE;
		}
		if (n->text.len > 0)
			memcpy(text + used, n->text.p, n->text.len);
		used += n->text.len;
		text[used++] = ',';
	}
	return (struct str){text, used - 1};
}

void read_terraform_firewall(struct reading *g, const struct node *o)
{
	const struct node *security = tree_path(o, "product.security");
	const struct node *ranges = tree_get(security, "allowed_ip_range_for_firewall");
	const bool on = is_true(tree_get(security, "enable_ip_based_firewall_rule"));
	struct ip_firewall *f;

	/* The provider writes all settings of an environment, set or not. */
	if (security == NULL || (!on && tree_first(ranges) == NULL))
		return;
	f = new_firewall(g, o);
	if (f == NULL || !reading_keys(g, security, keys_of_security))
		return;
	(void)guid_in(tree_text(o, "environment_id"), f->environment);
	f->on = on;
	f->audit = is_true(
		tree_get(security, "enable_ip_based_firewall_rule_in_audit_mode"));
	f->applications = is_true(tree_get(security, "allow_application_user_access"));
	f->trusted_services =
		is_true(tree_get(security, "allow_microsoft_trusted_service_tags"));
	f->service_tags =
		joined(g, tree_get(security, "allowed_service_tags_for_firewall"));
	if (ranges != NULL)
		read_ranges(g, ranges, joined(g, ranges), f);
	add_firewall(g, f);
}

/* ---- environments ------------------------------------------------------------------------ */

/* The host of a URL, lower case; absent = none. */
static struct str host_of(struct reading *g, struct str url)
{
	static const char mark[] = "://";
	const char *from = url.p == NULL ? NULL : memmem(url.p, url.len, mark, 3);
	size_t n = 0, left;
	char *copy;

	if (from == NULL)
		return STR_NONE;
	from += 3;
	left = url.len - (size_t)(from - url.p);
	while (n < left && (ascii_is_alpha(from[n]) || ascii_is_digit(from[n]) ||
			    from[n] == '-' || from[n] == '.'))
		n++;
	if (n == 0 || n > 253)
		return STR_NONE;
	copy = reading_take(g, n + 1);
	if (copy == NULL)
		return STR_NONE;
	for (size_t i = 0; i < n; i++)
		copy[i] = ascii_lower(from[i]);
	return (struct str){copy, n};
}

/* The name that rules call it by: of its title, what a name may hold. */
static void make_name(struct str title, struct tenant_environment *e)
{
	size_t n = 0;

	for (size_t i = 0; i < title.len && n < 40; i++) {
		char c = title.p[i];

		if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '_')
			e->name[n++] = ascii_lower(c);
		else if (n > 0 && e->name[n - 1] != '-')
			e->name[n++] = '-';
	}
	while (n > 0 && e->name[n - 1] == '-')
		n--;
	if (n == 0)
		n = (size_t)snprintf(e->name, sizeof(e->name), "environment");
	e->name[n] = '\0';
}

/* Two environments of one title: both get the beginning of their GUID. */
static void part_names(struct tenant *t, struct tenant_environment *fresh)
{
	bool again = false;
	size_t n;

	for (struct tenant_environment *e = t->environments; e != NULL; e = e->next)
		again = again || strcmp(e->name, fresh->name) == 0;
	if (!again && !ascii_is_digit(fresh->name[0]))
		return;
	n = strlen(fresh->name);
	(void)snprintf(fresh->name + n, sizeof(fresh->name) - n, "-%.18s", fresh->guid);
}

/* The first of some keys that is there and holds a string; NULL = none. */
static const struct node *node_of(const struct node *o, const char *const *keys)
{
	for (; *keys != NULL; keys++) {
		const struct node *n = tree_path(o, *keys);

		if (n != NULL && n->kind == JSON_READ_STRING)
			return n;
	}
	return NULL;
}

static struct str one_of(const struct node *o, const char *const *keys)
{
	const struct node *n = node_of(o, keys);

	return n == NULL ? STR_NONE : n->text;
}

static const char *const guid_keys[] = {"EnvironmentName", "name", "id", NULL};
static const char *const title_keys[] = {"properties.displayName", "DisplayName",
					 "display_name", NULL};
static const char *const url_keys[] = {
	"properties.linkedEnvironmentMetadata.instanceUrl",
	"Internal.properties.linkedEnvironmentMetadata.instanceUrl", "dataverse.url",
	NULL};
static const char *const api_keys[] = {
	"properties.linkedEnvironmentMetadata.instanceApiUrl",
	"Internal.properties.linkedEnvironmentMetadata.instanceApiUrl", NULL};
static const char *const org_keys[] = {
	"properties.linkedEnvironmentMetadata.resourceId",
	"Internal.properties.linkedEnvironmentMetadata.resourceId", "OrganizationId",
	"dataverse.organization_id", NULL};
static const char *const tenant_keys[] = {
	"properties.tenantId", "Internal.properties.tenantId", "TenantId", NULL};

static const struct known_key keys_of_environment[] = {
	{.key = "EnvironmentName", .kind = KEY_STRING, .may_be_null = true},
	{.key = "name", .kind = KEY_STRING, .may_be_null = true},
	{.key = "id", .kind = KEY_STRING, .may_be_null = true},
	{.key = "DisplayName", .kind = KEY_STRING, .may_be_null = true},
	{.key = "display_name", .kind = KEY_STRING, .may_be_null = true},
	{.key = "EnvironmentType"}, /* of the cmdlet's object, not read; so is the next */
	{.key = "InternalCds"},
	{.key = "OrganizationId", .kind = KEY_STRING, .may_be_null = true},
	{.key = "TenantId", .kind = KEY_STRING, .may_be_null = true},
	{.key = "properties", .kind = KEY_OBJECT, .may_be_null = true},
	{.key = "Internal", .kind = KEY_OBJECT, .may_be_null = true},
	{.key = "dataverse", .kind = KEY_OBJECT, .may_be_null = true},
	{.key = NULL}};

static const struct known_key keys_of_properties[] = {
	{.key = "displayName", .kind = KEY_STRING, .may_be_null = true},
	{.key = "tenantId", .kind = KEY_STRING, .may_be_null = true},
	{.key = "environmentSku"},
	{.key = "linkedEnvironmentMetadata", .kind = KEY_OBJECT, .may_be_null = true},
	{.key = NULL}};

/* instanceState is no misspelling of the others. */
static const struct known_key keys_of_metadata[] = {
	{.key = "resourceId", .kind = KEY_STRING, .may_be_null = true},
	{.key = "instanceUrl", .kind = KEY_STRING, .may_be_null = true},
	{.key = "instanceApiUrl", .kind = KEY_STRING, .may_be_null = true},
	{.key = "instanceState"},
	{.key = NULL}};

static const struct known_key keys_of_dataverse[] = {
	{.key = "url", .kind = KEY_STRING, .may_be_null = true},
	{.key = "organization_id", .kind = KEY_STRING, .may_be_null = true},
	{.key = NULL}};

static bool environment_keys(struct reading *g, const struct node *o)
{
	static const char *const inner[] = {"properties", "Internal.properties"};
	size_t errors = diag_count(g->d, DIAG_ERROR);

	(void)reading_keys(g, o, keys_of_environment);
	(void)reading_keys(g, tree_get(o, "dataverse"), keys_of_dataverse);
	for (size_t i = 0; i < 2; i++) {
		const struct node *p = tree_path(o, inner[i]);

		(void)reading_keys(g, p, keys_of_properties);
		(void)reading_keys(g, tree_get(p, "linkedEnvironmentMetadata"),
				   keys_of_metadata);
	}
	return diag_count(g->d, DIAG_ERROR) == errors;
}

/* A URL that is there and holds no host would be lost without a word. */
static struct str host_at(struct reading *g, const struct node *o,
			  const char *const *keys)
{
	const struct node *n = node_of(o, keys);
	struct str host = n == NULL ? STR_NONE : host_of(g, n->text);

	if (n == NULL || host.len > 0 || str_trim(n->text).len == 0)
		return host;
	reading_refuse(g, n->at, "\"%.*s\" is no URL of an environment",
		       (int)(n->text.len < 60 ? n->text.len : 60), n->text.p);
	diag_remedy(g->d, "such as \"https://contoso.crm4.dynamics.com/\"");
	return STR_NONE;
}

void read_environment(struct reading *g, const struct node *o)
{
	struct tenant_environment *e = reading_take(g, sizeof(*e));
	struct str id = one_of(o, guid_keys);

	if (e == NULL)
		return;
	if (g->t->environment_count == TENANT_ENVIRONMENTS_MAX) {
		reading_refuse(g, o->at, "more than %d environments",
			       TENANT_ENVIRONMENTS_MAX);
		diag_remedy(g->d, "at most %d", TENANT_ENVIRONMENTS_MAX);
		return;
	}
	if (!environment_keys(g, o))
		return;
	if (!guid_in(id, e->guid)) {
		reading_refuse(g, o->at, "an environment without its GUID");
		diag_remedy(g->d, "\"name\": the GUID of the environment");
		return;
	}
	for (const struct tenant_environment *one = g->t->environments; one != NULL;
	     one = one->next)
		if (strcmp(one->guid, e->guid) == 0) {
			reading_refuse(g, o->at, "environment %s is listed twice",
				       e->guid);
			diag_note(g->d, "first on line %u of %s", one->at.line,
				  one->at.file);
			diag_remedy(g->d, "one of them");
			return;
		}
	e->title = one_of(o, title_keys);
	e->host = host_at(g, o, url_keys);
	e->api_host = host_at(g, o, api_keys);
	e->at = o->at;
	e->file = g->file;
	(void)guid_in(one_of(o, org_keys), e->org);
	(void)guid_in(one_of(o, tenant_keys), e->tenant);
	make_name(e->title, e);
	part_names(g->t, e);
	*g->t->environments_end = e;
	g->t->environments_end = &e->next;
	g->t->environment_count++;
}
