/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/hostname.h"

#include <string.h>

struct tail {
	const char *domain;
	enum grammar grammar;
};

/* Longer domains need not stand before shorter ones: the longest that fits is taken. */
static const struct tail tails[] = {
	{"api.powerplatform.com", GRAMMAR_GUID},
	{"api.exp.powerplatform.com", GRAMMAR_GUID},
	{"api.dev.powerplatform.com", GRAMMAR_GUID},
	{"api.prv.powerplatform.com", GRAMMAR_GUID},
	{"api.test.powerplatform.com", GRAMMAR_GUID},
	{"api.preprod.powerplatform.com", GRAMMAR_GUID},
	{"api.gov.powerplatform.microsoft.us", GRAMMAR_GUID},
	{"api.high.powerplatform.microsoft.us", GRAMMAR_GUID},
	{"api.appsplatform.us", GRAMMAR_GUID},
	{"api.powerplatform.partner.microsoftonline.cn", GRAMMAR_GUID},
	{"api.powerplatform.eaglex.ic.gov", GRAMMAR_GUID},
	{"api.powerplatform.microsoft.scloud", GRAMMAR_GUID},
	{"logic.azure.com", GRAMMAR_LOGIC},
	{"logic.azure.us", GRAMMAR_LOGIC},
	{"logic.azure.cn", GRAMMAR_LOGIC},
	{"azure-apim.net", GRAMMAR_APIM},
	{"azure-apihub.net", GRAMMAR_APIHUB},
	{"azure-apihub.us", GRAMMAR_APIHUB},
	{"gateway.prod.island.powerapps.com", GRAMMAR_ISLAND},
	{"gateway.gov.island.powerapps.us", GRAMMAR_ISLAND},
	{"gateway.gov.island.appsplatform.us", GRAMMAR_ISLAND},
	{"gateway.mooncake.island.powerapps.cn", GRAMMAR_ISLAND},
	{"api.bap.microsoft.com", GRAMMAR_LOCATION},
	{"gov.api.bap.microsoft.us", GRAMMAR_LOCATION},
	{"high.api.bap.microsoft.us", GRAMMAR_LOCATION},
	{"api.bap.appsplatform.us", GRAMMAR_LOCATION},
	{"api.bap.partner.microsoftonline.cn", GRAMMAR_LOCATION},
	{"api.powerapps.com", GRAMMAR_LOCATION},
	{"api.flow.microsoft.com", GRAMMAR_LOCATION},
	{"api.powerautomate.cn", GRAMMAR_LOCATION},
	{"api.cds.microsoft.com", GRAMMAR_LOCATION},
	{"api.advisor.powerapps.com", GRAMMAR_LOCATION},
	{"csanalytics.powerplatform.microsoft.com", GRAMMAR_ANALYTICS},
	{"powerappsportals.com", GRAMMAR_SITE},
	{"microsoftcrmportals.com", GRAMMAR_SITE},
	{"powerappsmtportals.com", GRAMMAR_SITE},
	{"powerappsportals.us", GRAMMAR_SITE},
	{"high.powerappsportals.us", GRAMMAR_SITE},
	{"dynamics365portals.us", GRAMMAR_SITE},
	{"high.dynamics365portals.us", GRAMMAR_SITE},
	{"powerappsportals.cn", GRAMMAR_SITE},
	{"sharepoint.com", GRAMMAR_TENANT},
	{"sharepoint.us", GRAMMAR_TENANT},
	{"sharepoint-mil.us", GRAMMAR_TENANT},
	{"sharepoint.cn", GRAMMAR_TENANT},
	{"b2clogin.com", GRAMMAR_TENANT},
	{"ciamlogin.com", GRAMMAR_TENANT},
	{"database.windows.net", GRAMMAR_ACCOUNT},
	{"database.usgovcloudapi.net", GRAMMAR_ACCOUNT},
	{"database.chinacloudapi.cn", GRAMMAR_ACCOUNT},
	{"sql.azuresynapse.net", GRAMMAR_ACCOUNT},
	{"blob.core.windows.net", GRAMMAR_ACCOUNT},
	{"dfs.core.windows.net", GRAMMAR_ACCOUNT},
	{"sql.azuresynapse.usgovcloudapi.net", GRAMMAR_ACCOUNT},
	{"sql.azuresynapse.azure.cn", GRAMMAR_ACCOUNT},
	{"dfs.core.usgovcloudapi.net", GRAMMAR_ACCOUNT},
	{"table.core.usgovcloudapi.net", GRAMMAR_ACCOUNT},
	{"queue.core.usgovcloudapi.net", GRAMMAR_ACCOUNT},
	{"file.core.usgovcloudapi.net", GRAMMAR_ACCOUNT},
	{"dfs.core.chinacloudapi.cn", GRAMMAR_ACCOUNT},
	{"table.core.chinacloudapi.cn", GRAMMAR_ACCOUNT},
	{"queue.core.chinacloudapi.cn", GRAMMAR_ACCOUNT},
	{"file.core.chinacloudapi.cn", GRAMMAR_ACCOUNT},
	{"documents.azure.us", GRAMMAR_ACCOUNT},
	{"documents.azure.cn", GRAMMAR_ACCOUNT},
	{"openai.azure.us", GRAMMAR_ACCOUNT},
	{"table.core.windows.net", GRAMMAR_ACCOUNT},
	{"queue.core.windows.net", GRAMMAR_ACCOUNT},
	{"file.core.windows.net", GRAMMAR_ACCOUNT},
	{"blob.core.usgovcloudapi.net", GRAMMAR_ACCOUNT},
	{"blob.core.chinacloudapi.cn", GRAMMAR_ACCOUNT},
	{"vault.azure.net", GRAMMAR_ACCOUNT},
	{"vault.usgovcloudapi.net", GRAMMAR_ACCOUNT},
	{"vault.azure.cn", GRAMMAR_ACCOUNT},
	{"servicebus.windows.net", GRAMMAR_ACCOUNT},
	{"servicebus.usgovcloudapi.net", GRAMMAR_ACCOUNT},
	{"servicebus.chinacloudapi.cn", GRAMMAR_ACCOUNT},
	{"documents.azure.com", GRAMMAR_ACCOUNT},
	{"openai.azure.com", GRAMMAR_ACCOUNT},
	{"service-now.com", GRAMMAR_ACCOUNT},
	{"my.salesforce.com", GRAMMAR_ACCOUNT},
	/* What stands before these decides: a label crm..., or one of F&O's words. */
	{"dynamics.com", GRAMMAR_DATAVERSE},
	{"microsoftdynamics.us", GRAMMAR_DATAVERSE},
	{"microsoftdynamics.de", GRAMMAR_DATAVERSE},
	{"dynamics.cn", GRAMMAR_DATAVERSE},
	{"appsplatform.us", GRAMMAR_DATAVERSE},
};

static bool begins_with(struct str s, const char *head)
{
	size_t n = strlen(head);

	return s.len >= n && memcmp(s.p, head, n) == 0;
}

/* Does `s` end with ".domain", or is it the domain? */
static bool in_domain(struct str s, struct str domain)
{
	return str_equal(s, domain) || (s.len > domain.len && str_ends_with(s, domain) &&
					s.p[s.len - domain.len - 1] == '.');
}

/* What stands before the last `tail` bytes and their dot; absent when nothing does. */
static struct str head_of(struct str s, size_t tail)
{
	return s.len > tail + 1 ? (struct str){s.p, s.len - tail - 1} : STR_NONE;
}

/* Cut the first label off `rest`; absent when `rest` is empty. */
static struct str first_label(struct str *rest)
{
	struct str label = *rest;
	const char *dot;

	if (rest->p == NULL || rest->len == 0)
		return STR_NONE;
	dot = memchr(rest->p, '.', rest->len);
	if (dot == NULL) {
		*rest = STR_NONE;
		return label;
	}
	label.len = (size_t)(dot - label.p);
	*rest = (struct str){dot + 1, rest->len - label.len - 1};
	return label;
}

/* Cut the last label off `rest`. */
static struct str last_label(struct str *rest)
{
	struct str label = *rest;

	for (size_t i = rest->len; i > 0; i--) {
		if (rest->p[i - 1] != '.')
			continue;
		label = (struct str){rest->p + i, rest->len - i};
		rest->len = i - 1;
		return label;
	}
	*rest = STR_NONE;
	return label;
}

static bool one_label(struct str s)
{
	return s.len > 0 && memchr(s.p, '.', s.len) == NULL;
}

/* "a-b-c" at its last '-': false when there is none with something on both sides. */
static bool split_dash(struct str s, struct str *head, struct str *end)
{
	for (size_t i = s.len; i > 1; i--) {
		if (s.p[i - 1] != '-')
			continue;
		*head = (struct str){s.p, i - 1};
		*end = (struct str){s.p + i, s.len - i};
		return end->len > 0;
	}
	return false;
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.p[i]))
			return false;
	}
	return s.len > 0;
}

static bool all_hex(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_hex(s.p[i]))
			return false;
	}
	return s.len > 0;
}

static enum grammar dynamics_grammar(struct str pattern, size_t tail)
{
	struct str rest = head_of(pattern, tail);
	bool finance = false;

	if (rest.len == 0)
		return GRAMMAR_NONE;
	if (begins_with(last_label(&rest), "crm"))
		return GRAMMAR_DATAVERSE;
	rest = head_of(pattern, tail);
	while (rest.len > 0) {
		struct str label = first_label(&rest);

		finance = finance || str_equal(label, STR("operations")) ||
			  str_equal(label, STR("cloudax")) ||
			  str_equal(label, STR("axcloud"));
	}
	return finance ? GRAMMAR_FINANCE : GRAMMAR_NONE;
}

enum grammar hostname_grammar(struct str pattern, uint8_t *ret_tail)
{
	enum grammar found = GRAMMAR_NONE;
	size_t best = 0;

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct str domain = str_of(tails[i].domain);

		if (domain.len > best && in_domain(pattern, domain)) {
			best = domain.len;
			found = tails[i].grammar;
		}
	}
	*ret_tail = (uint8_t)best;
	return found == GRAMMAR_DATAVERSE ? dynamics_grammar(pattern, best) : found;
}

/*
 * A GUID without dashes in two labels, 30 + 2 or 31 + 1 digits: which clouds use which is
 * told differently by Microsoft's own sources, so both are read everywhere.
 */
static bool read_guid(struct str a, struct str b, char ret[GUID_LEN + 1])
{
	char digits[32];
	unsigned other = 0;

	if (!(a.len == 30 && b.len == 2) && !(a.len == 31 && b.len == 1))
		return false;
	memcpy(digits, a.p, a.len);
	memcpy(digits + a.len, b.p, b.len);
	for (size_t i = 0; i < sizeof(digits); i++) { /* names are lower case */
		uint8_t c = (uint8_t)digits[i];

		other |= (uint8_t)(c - '0') > 9 && (uint8_t)(c - 'a') > 5;
	}
	if (other != 0)
		return false;
	memcpy(ret, digits, 8);
	memcpy(ret + 9, digits + 8, 4);
	memcpy(ret + 14, digits + 12, 4);
	memcpy(ret + 19, digits + 16, 4);
	memcpy(ret + 24, digits + 20, 12);
	ret[8] = ret[13] = ret[18] = ret[23] = '-';
	ret[GUID_LEN] = '\0';
	return true;
}

/*
 * The default environment's id is "Default-<tenant id>": its name tells the tenant, and no
 * environment GUID exists.
 */
static void decode_guid(struct str head, struct service *ret)
{
	static const char default_word[] = "default";
	const size_t skip = sizeof(default_word) - 1;
	struct str a = first_label(&head);
	struct str b = first_label(&head);
	struct str kind = head;

	if (str_equal(kind, STR("tenant"))) {
		(void)read_guid(a, b, ret->tenant_id);
	} else if (str_equal(kind, STR("organization"))) {
		(void)read_guid(a, b, ret->organization_id);
	} else if (str_equal(kind, STR("environment"))) {
		if (read_guid(a, b, ret->environment_id) || !begins_with(a, default_word))
			return;
		a = (struct str){a.p + skip, a.len - skip};
		if (read_guid(a, b, ret->tenant_id))
			ret->host_role = STR("default-environment");
	}
}

/* "crm", "crm4" */
static bool is_crm(struct str label)
{
	return begins_with(label, "crm") &&
	       (label.len == 3 || all_digits((struct str){label.p + 3, label.len - 3}));
}

/* Hosts below crmN that are no organization (DiscoveryServers.cs; bare "api"). */
static bool is_infrastructure(struct str head, struct str first)
{
	return str_equal(first, STR("globaldisco")) || str_equal(first, STR("disco")) ||
	       str_equal(first, STR("port")) || str_equal(first, STR("api")) ||
	       str_equal(head, STR("admin.services"));
}

static void decode_dataverse(struct str head, size_t tail, struct service *ret,
			     struct region_ref *region)
{
	struct str crm = last_label(&head);
	struct str below = head;
	struct str org = first_label(&below);

	*region =
		(struct region_ref){REGION_CRM, (struct str){crm.p, crm.len + 1 + tail}};
	ret->region = STR("?");
	if (is_infrastructure(head, org)) {
		ret->host_role = STR("infrastructure");
	} else if (str_equal(below, STR("api"))) {
		ret->org = org;
		ret->host_role = STR("web-api");
	} else if (below.len == 0 && org.len > 0) {
		ret->org = org;
	} else if (begins_with(ret->host_role, "org")) {
		ret->host_role =
			STR_NONE; /* the row's, "org" or "org-api": there is none */
	}
}

static void decode_finance(struct str head, struct service *ret)
{
	struct str env = first_label(&head);
	struct str word = first_label(&head);
	bool sandbox = str_equal(word, STR("sandbox"));

	if (str_equal(word, STR("cloudax")) || str_equal(word, STR("axcloud"))) {
		if (head.len > 0)
			return;
		ret->org = env;
		ret->host_role = STR("dev");
		return;
	}
	if (sandbox)
		word = first_label(&head);
	if (!str_equal(word, STR("operations")) || (head.len > 0 && !one_label(head)))
		return;
	ret->org = env;
	ret->region = head;
	ret->host_role = sandbox ? STR("sandbox") : STR("prod");
}

static void set_region(struct service *ret, struct region_ref *region,
		       enum region_scheme scheme, struct str token)
{
	if (token.len == 0)
		return;
	ret->region = token;
	*region = (struct region_ref){scheme, token};
}

static void decode_logic(struct str head, struct service *ret, struct region_ref *region)
{
	struct str stamp = first_label(&head);

	if (!one_label(head))
		return;
	ret->stamp = stamp;
	set_region(ret, region, REGION_AZURE, head);
}

static struct str skip_bytes(struct str s, size_t n)
{
	return (struct str){s.p + n, s.len - n};
}

/* flow-apim-<geo>-<nnn>-<azure region>-<nn> */
static void decode_flow_apim(struct str rest, struct service *ret,
			     struct region_ref *region)
{
	struct str head, azure, number;

	ret->component = STR("flow");
	if (split_dash(rest, &head, &number) && all_digits(number) &&
	    split_dash(head, &head, &azure)) {
		ret->stamp = number;
		set_region(ret, region, REGION_AZURE, azure);
	}
}

static void decode_apim(struct str head, struct service *ret, struct region_ref *region)
{
	struct str name, number;

	if (str_ends_with(head, STR(".consent"))) {
		ret->component = STR("oauth-consent");
		name = first_label(&head);
		if (!str_equal(name, STR("global")))
			set_region(ret, region, REGION_APIM, name);
	} else if (!one_label(head)) {
		return;
	} else if (begins_with(head, "logic-apis-")) {
		ret->component = STR("logicapps");
		set_region(ret, region, REGION_AZURE, skip_bytes(head, 11));
	} else if (begins_with(head, "flow-apim-")) {
		decode_flow_apim(skip_bytes(head, 10), ret, region);
	} else if (begins_with(head, "msmanaged-")) {
		ret->component = STR("msmanaged");
		set_region(ret, region, REGION_APIM, skip_bytes(head, 10));
	} else if (split_dash(head, &name, &number) && all_digits(number)) {
		ret->stamp = number;
		set_region(ret, region, REGION_APIM, name);
	}
}

/*
 * <key>.<xx> before "common".  The key looks like an environment id in the one documented
 * example; that it is one has not been established, so it is reported as what it is.
 */
static void decode_apihub_key(struct str key, struct str geo, struct service *ret,
			      struct region_ref *region)
{
	struct str rest = key;
	struct str id = first_label(&rest);

	if (id.len == 0 || rest.len != 2 || !all_hex(rest))
		return;
	if (begins_with(geo, "logic-")) {
		ret->component = STR("logicapps");
		set_region(ret, region, REGION_AZURE, skip_bytes(geo, 6));
		return;
	}
	ret->component = STR("env");
	ret->key = key;
	set_region(ret, region, REGION_APIHUB, geo);
}

static void decode_apihub(struct str head, struct service *ret, struct region_ref *region)
{
	struct str last = last_label(&head);
	struct str name, number;

	if (str_equal(head, STR("management")) || str_equal(head, STR("custom"))) {
		ret->component = head;
		set_region(ret, region, REGION_APIHUB, last);
	} else if (str_equal(last, STR("admin")) && one_label(head) &&
		   split_dash(head, &name, &number) && all_digits(number)) {
		ret->component = last;
		ret->stamp = number;
		set_region(ret, region, REGION_APIHUB, name);
	} else if (str_ends_with(head, STR(".common"))) {
		head.len -= sizeof(".common") - 1;
		decode_apihub_key(head, last, ret, region);
	}
}

static void decode_island(struct str head, struct service *ret, struct region_ref *region)
{
	struct str component = first_label(&head);
	struct str country, island;

	if (!one_label(head) || !split_dash(head, &country, &island) ||
	    country.len != 2 || !ascii_is_alpha(country.p[0]) ||
	    !ascii_is_alpha(country.p[1]) || !begins_with(island, "il") ||
	    !all_digits(skip_bytes(island, 2)))
		return;
	ret->component = component;
	set_region(ret, region, REGION_ISLAND, country);
}

static void decode_tenant(struct str head, struct service *ret)
{
	static const char *const endings[] = {"-myfiles", "-files", "-admin", "-my"};

	if (!one_label(head))
		return;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct str ending = str_of(endings[i]);

		if (str_ends_with(head, ending)) {
			head.len -= ending.len;
			break;
		}
	}
	if (head.len > 0)
		ret->tenant_name = head;
}

/* "high" alone is the first label of GCC High's domain, no site. */
static void decode_site(struct str head, struct service *ret)
{
	if (one_label(head) && !str_equal(head, STR("high")))
		ret->site_name = head;
}

/* Second names of one account: Synapse's serverless pool, storage's replica to read from. */
static const struct {
	const char *domain, *ending;
} second_names[] = {
	{".sql.azuresynapse.net", "-ondemand"},
	{".sql.azuresynapse.usgovcloudapi.net", "-ondemand"},
	{".sql.azuresynapse.azure.cn", "-ondemand"},
	{".core.windows.net", "-secondary"},
	{".core.usgovcloudapi.net", "-secondary"},
	{".core.chinacloudapi.cn", "-secondary"},
};

static void decode_account(struct str host, struct str head, struct service *ret)
{
	struct str account = first_label(&head);

	for (size_t i = 0; i < sizeof(second_names) / sizeof(second_names[0]); i++) {
		struct str ending = str_of(second_names[i].ending);

		if (account.len > ending.len && str_ends_with(account, ending) &&
		    str_ends_with(host, str_of(second_names[i].domain)))
			account.len -= ending.len;
	}
	ret->account = account;
}

bool hostname_fits(enum grammar g, uint8_t tail, struct str host)
{
	struct str head = head_of(host, tail);

	if (g == GRAMMAR_DATAVERSE)
		return is_crm(last_label(&head));
	/* "contoso.operations.crm9.dynamics.com" is below Dataverse's crm9. */
	return g != GRAMMAR_FINANCE || !is_crm(last_label(&head));
}

bool hostname_may_misfit(enum grammar g, uint8_t tail, struct str pattern)
{
	struct str head = head_of(pattern, tail);
	struct str label = last_label(&head);

	if (g != GRAMMAR_DATAVERSE && g != GRAMMAR_FINANCE)
		return false;
	return label.len == 0 || memchr(label.p, '*', label.len) != NULL ||
	       !hostname_fits(g, tail, pattern);
}

void hostname_decode(enum grammar g, uint8_t tail, struct str host, struct service *ret,
		     struct region_ref *ret_region)
{
	struct str head = head_of(host, tail);

	*ret_region = (struct region_ref){REGION_SCHEME_COUNT, STR_NONE};
	if (head.len == 0)
		return;
	switch (g) {
	case GRAMMAR_NONE:
		break;
	case GRAMMAR_GUID:
		decode_guid(head, ret);
		break;
	case GRAMMAR_DATAVERSE:
		decode_dataverse(head, tail, ret, ret_region);
		break;
	case GRAMMAR_FINANCE:
		decode_finance(head, ret);
		break;
	case GRAMMAR_LOGIC:
		decode_logic(head, ret, ret_region);
		break;
	case GRAMMAR_APIM:
		decode_apim(head, ret, ret_region);
		break;
	case GRAMMAR_APIHUB:
		decode_apihub(head, ret, ret_region);
		break;
	case GRAMMAR_ISLAND:
		decode_island(head, ret, ret_region);
		break;
	case GRAMMAR_LOCATION:
		if (one_label(head))
			set_region(ret, ret_region, REGION_LOCATION, head);
		break;
	case GRAMMAR_ANALYTICS:
		if (one_label(head))
			set_region(ret, ret_region, REGION_CSANALYTICS, head);
		break;
	case GRAMMAR_SITE:
		decode_site(head, ret);
		break;
	case GRAMMAR_TENANT:
		decode_tenant(head, ret);
		break;
	case GRAMMAR_ACCOUNT:
		decode_account(host, head, ret);
		break;
	}
}
