/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "catalog/hostname.h"
#include "shipped.h"

#define FIELDS_MAX 16

/* The fields of `s` by the names that `weir lookup --json` uses. */
static struct str field_of(const struct service *s, const struct vocabulary *v,
			   struct str name)
{
	const struct {
		const char *name;
		struct str value;
	} fields[] = {
		{"service", str_of(word_of(v->services, s->service))},
		{"cloud", s->cloud},
		{"region", s->region},
		{"role", s->host_role},
		{"environment_id", str_of(s->environment_id)},
		{"tenant_id", str_of(s->tenant_id)},
		{"organization_id", str_of(s->organization_id)},
		{"org", s->org},
		{"site", s->site_name},
		{"tenant_name", s->tenant_name},
		{"account", s->account},
		{"key", s->key},
		{"component", s->component},
		{"stamp", s->stamp},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (str_equal(name, str_of(fields[i].name)))
			return fields[i].value;
	}
	fail_msg("no field is called %.*s", (int)name.len, name.p);
	return STR_NONE;
}

/* Cut the text before `end` off `rest`. */
static struct str cut(struct str *rest, char end)
{
	const char *at = rest->len == 0 ? NULL : memchr(rest->p, end, rest->len);
	struct str head = *rest;

	if (at == NULL) {
		*rest = STR_NONE;
		return head;
	}
	head.len = (size_t)(at - head.p);
	*rest = (struct str){at + 1, rest->len - head.len - 1};
	return head;
}

static void check_field(const char *host, struct str name, struct str want,
			struct str got)
{
	if (!str_equal(want, got))
		fail_msg("%s: %.*s is \"%.*s\" instead of \"%.*s\"", host, (int)name.len,
			 name.p, (int)got.len, got.p == NULL ? "" : got.p, (int)want.len,
			 want.p == NULL ? "" : want.p);
}

/* What a row does not name must not be made up. */
static void check_silence(const char *host, const struct service *s,
			  const struct vocabulary *v, struct str expect)
{
	static const char *const ids[] = {
		"environment_id", "tenant_id",   "organization_id", "org",
		"site",           "tenant_name", "account",         "key",
		"component",      "stamp"};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct str rest = expect;
		bool named = false;

		while (rest.len > 0) {
			struct str pair = cut(&rest, ';');

			named = named || str_equal(cut(&pair, '='), str_of(ids[i]));
		}
		if (!named)
			check_field(host, str_of(ids[i]), STR_NONE,
				    field_of(s, v, str_of(ids[i])));
	}
}

static void check_vector(const struct catalog *c, struct str host, struct str expect)
{
	char name[256];
	struct vocabulary v;
	struct service s;
	struct str rest = expect;

	assert_true(host.len < sizeof(name));
	for (size_t i = 0; i < host.len; i++)
		name[i] = ascii_lower(host.p[i]);
	name[host.len] = '\0';
	catalog_vocabulary(c, &v);
	catalog_name(c, (struct str){name, host.len}, &s);
	while (rest.len > 0) {
		struct str pair = cut(&rest, ';');
		struct str key = cut(&pair, '=');

		check_field(name, key, pair, field_of(&s, &v, key));
	}
	check_silence(name, &s, &v, expect);
}

static void every_published_vector_comes_out(void **state)
{
	struct catalog *c = shipped_load(NULL, NULL, NULL);
	struct str rest, host, expect;
	char *text;
	unsigned rows = 0;

	(void)state;
	assert_int_equal(
		file_read("tests/data/hostname_vectors.csv", 1 << 20, &text, &rest.len),
		0);
	rest.p = text;
	(void)cut(&rest, '\n');
	while (rest.len > 0) {
		struct str line = cut(&rest, '\n');

		if (line.len == 0)
			continue;
		host = cut(&line, ',');
		expect = cut(&line, ',');
		check_vector(c, host, expect);
		rows++;
	}
	assert_int_equal(rows, 34);
	free(text);
	catalog_destroy(c);
}

static const struct {
	const char *host, *expect;
} further_names[] = {
	/* both splits in every cloud, upper and lower ring names */
	{"839eace659ab424397eca5b8fcc104.e4.environment.api.powerplatform.com",
	 "environment_id=839eace6-59ab-4243-97ec-a5b8fcc104e4;cloud=public"},
	{"839eace659ab424397eca5b8fcc104e.4.environment.api.powerplatform.com",
	 "environment_id=839eace6-59ab-4243-97ec-a5b8fcc104e4"},
	{"839eace659ab424397eca5b8fcc104e.4.environment.api.appsplatform.us",
	 "environment_id=839eace6-59ab-4243-97ec-a5b8fcc104e4;cloud=dod"},
	{"839eace659ab424397eca5b8fcc104.e4.tenant.api.powerplatform.partner."
	 "microsoftonline.cn",
	 "tenant_id=839eace6-59ab-4243-97ec-a5b8fcc104e4;cloud=china"},
	{"839eace659ab424397eca5b8fcc104e.4.tenant.api.test.powerplatform.com",
	 "tenant_id=839eace6-59ab-4243-97ec-a5b8fcc104e4"},
	{"839eace659ab424397eca5b8fcc104e.4.organization.api.powerplatform."
	 "eaglex.ic.gov",
	 "organization_id=839eace6-59ab-4243-97ec-a5b8fcc104e4;cloud=usnat"},
	/* the default environment names the tenant */
	{"default839eace659ab424397eca5b8fcc104.e4.environment.api.gov."
	 "powerplatform.microsoft.us",
	 "tenant_id=839eace6-59ab-4243-97ec-a5b8fcc104e4;cloud=gcc;role=default-"
	 "environment"},
	/* no GUIDs */
	{"839eace659ab424397eca5b8fcc10.4e4.environment.api.powerplatform.com",
	 "service=power-platform-api"},
	{"839eace659ab424397eca5b8fcc1zz.e4.environment.api.powerplatform.com",
	 "service=power-platform-api"},
	{"default839eace659ab424397eca5b8fcc104.e4.tenant.api.powerplatform.com",
	 "service=power-platform-api"},
	{"x.839eace659ab424397eca5b8fcc104.e4.environment.api.powerplatform.com",
	 "service=power-platform-api"},
	{"839eace659ab424397eca5b8fcc104.e4.environment.api.powerplatform.com."
	 "evil.example",
	 "service="},
	{"839eace659ab424397eca5b8fcc104.e4.robot.api.high.powerplatform.microsoft.us",
	 "service=power-platform-api;cloud=gcchigh"},
	/* Dataverse */
	{"contoso.crm.dynamics.com",
	 "service=dataverse;org=contoso;region=NAM;cloud=public"},
	{"contoso.crm5.dynamics.com", "service=dataverse;org=contoso;region=APJ"},
	{"contoso.api.crm2.dynamics.com",
	 "service=dataverse;org=contoso;region=SAM;role=web-api"},
	{"contoso.crm23.dynamics.com", "service=dataverse;org=contoso;region=?"},
	{"contoso.api.crm9.dynamics.com",
	 "service=dataverse;org=contoso;region=GCC;cloud=gcc;role=web-api"},
	{"contoso.api.crm.appsplatform.us",
	 "service=dataverse;org=contoso;cloud=dod;role=web-api"},
	{"contoso.crm.microsoftdynamics.de",
	 "service=dataverse;org=contoso;cloud=germany-legacy;region=DEU"},
	{"disco.crm4.dynamics.com", "service=dataverse;role=infrastructure"},
	{"port.crm9.dynamics.com", "service=dataverse;role=infrastructure;cloud=gcc"},
	{"admin.services.crm4.dynamics.com", "service=dataverse;role=infrastructure"},
	{"api.crm4.dynamics.com", "service=dataverse;role=infrastructure"},
	{"admin.crm4.dynamics.com", "service=dataverse;org=admin"},
	{"services.crm4.dynamics.com", "service=dataverse;org=services"},
	{"a.b.crm4.dynamics.com", "service=dataverse"},
	{"a.api.b.crm4.dynamics.com", "service=dataverse"},
	{"contoso.crm13.dynamics.com", "service=dataverse;org=contoso;region=?"},
	{"contoso.crm04.dynamics.com", "service=dataverse;org=contoso;region=?"},
	{"contoso.crm-4.dynamics.com", "service=dynamics365"},
	{"contoso.crm4.dynamics.cn", "service=dynamics365;cloud=china"},
	{"contoso.crmx.dynamics.com", "service=dynamics365"},
	{"contoso.crm4x.dynamics.com", "service=dynamics365"},
	{"crm4.dynamics.com", "service=dynamics365"},
	{"home.dynamics.com", "service=dynamics365"},
	{"dynamics.com", "service="},
	/* the rest of the platform */
	{"contoso.operations.fr.dynamics.com",
	 "service=dynamics365-fo;org=contoso;region=fr;role=prod"},
	{"contoso.operations.crm9.dynamics.com", "service=dataverse;cloud=gcc"},
	{"contoso.x.operations.dynamics.com", "service=dynamics365-fo"},
	{"operations.dynamics.com", "service=dynamics365"},
	{"devbox1.cloudax.dynamics.com", "service=dynamics365-fo;org=devbox1;role=dev"},
	{"powervamg.eu-il109.gateway.prod.island.powerapps.com",
	 "service=copilot-studio;component=powervamg;region=eu"},
	{"gw.us-il101.gateway.gov.island.powerapps.us",
	 "service=pp-island;component=gw;region=us;cloud=gcc|gcchigh"},
	{"powervamg.us-il101.gateway.gov.island.powerapps.us",
	 "service=copilot-studio;component=powervamg;region=us;cloud=gcc|gcchigh"},
	{"powervamg.us-il1.gateway.gov.island.appsplatform.us",
	 "service=copilot-studio;component=powervamg;region=us;cloud=dod"},
	{"aibuildertextapiservice.cn-il1.gateway.mooncake.island.powerapps.cn",
	 "service=ai-builder;component=aibuildertextapiservice;region=cn;cloud=china"},
	{"a.u1-il1.gateway.prod.island.powerapps.com", "service=pp-island;region="},
	{"a.1u-il1.gateway.prod.island.powerapps.com", "service=pp-island;region="},
	{"gw.us-ilx1.gateway.prod.island.powerapps.com", "service=pp-island"},
	{"gw.us-il.gateway.prod.island.powerapps.com", "service=pp-island"},
	{"gw.usa-il101.gateway.prod.island.powerapps.com", "service=pp-island"},
	{"x.gw.us-il101.gateway.prod.island.powerapps.com", "service=pp-island"},
	{"a.b.c.common.usa002.azure-apihub.net", "service=connector-runtime"},
	{"a.zz.common.usa002.azure-apihub.net", "service=connector-runtime"},
	{"9d51.00.01.common.logic-westus.azure-apihub.net", "service=connector-runtime"},
	{"x.europe-002.azure-apim.net", "service=connector-runtime"},
	{"europe-00a.azure-apim.net", "service=connector-runtime"},
	{"flow-apim-europe-001-westeurope-01.azure-apim.net",
	 "service=connector-runtime;component=flow;region=westeurope;stamp=01"},
	{"msmanaged-na.azure-apim.net",
	 "service=connector-runtime;component=msmanaged;region=na"},
	{"europe-001.admin.azure-apihub.net",
	 "service=connector-runtime;component=admin;region=europe;stamp=001"},
	{"europe.api.advisor.powerapps.com", "service=power-apps-api;region=europe"},
	{"a.b.api.powerapps.com", "service=power-apps-api;region="},
	{"prod-12.usgovtexas.logic.azure.us",
	 "service=logic-apps-or-flow-trigger;cloud=gcc|gcchigh|dod;region="
	 "usgovtexas;stamp=prod-12"},
	{"a.b.powerappsportals.com", "service=power-pages"},
	{"high.powerappsportals.us", "service=power-pages"},
	{"login.microsoftonline.com", "service=entra;cloud=public|gcc"},
	{"login.partner.microsoftonline.cn", "service=entra;cloud=public|china"},
	{"contoso.b2clogin.com", "service=entra;tenant_name=contoso"},
	/* resources of customers */
	{"contoso-admin.sharepoint.com", "service=sharepoint;tenant_name=contoso"},
	{"contoso-myfiles.sharepoint.com", "service=sharepoint;tenant_name=contoso"},
	{"contoso.sharepoint.com", "service=sharepoint;tenant_name=contoso"},
	{"contoso-my.sharepoint.us",
	 "service=sharepoint;tenant_name=contoso;cloud=gcchigh"},
	{"-my.sharepoint.com", "service=sharepoint"},
	{"a.contoso.sharepoint.com", "service=sharepoint"},
	{"mi1.public.abc123.database.windows.net",
	 "service=sql;account=mi1;role=managed-instance"},
	{"mi1.abc123.database.windows.net",
	 "service=sql;account=mi1;role=managed-instance"},
	{"db1.privatelink.database.windows.net", "service=sql;account=db1;role=server"},
	{"mi1.privatelink.abc123.database.windows.net",
	 "service=sql;account=mi1;role=managed-instance"},
	{"contoso.crm4.dynamics.com", "service=dataverse;org=contoso;role=org"},
	{"a.b.crm4.dynamics.com", "service=dataverse;role="},
	{"a.b.api.crm4.dynamics.com", "service=dataverse;role="},
	{"dw-ondemand.sql.azuresynapse.net", "service=sql;account=dw"},
	{"dw-ondemand.database.windows.net", "service=sql;account=dw-ondemand"},
	{"dw.sql.azuresynapse.azure.cn", "service=sql;account=dw;cloud=china"},
	{"logs-secondary.blob.core.windows.net", "service=blob;account=logs"},
	{"db-secondary.database.windows.net", "service=sql;account=db-secondary"},
	{"logs.privatelink.blob.core.windows.net", "service=blob;account=logs"},
	{"logs.queue.core.usgovcloudapi.net",
	 "service=storage;account=logs;cloud=gcc|gcchigh|dod"},
	{"x.documents.azure.us", "service=azure;account=x"},
	{"logs.blob.core.windows.net", "service=blob;account=logs"},
	{"logs.table.core.windows.net", "service=storage;account=logs"},
	{"gw1.servicebus.windows.net", "service=relay;account=gw1"},
	{"v1.vault.azure.net", "service=key-vault;account=v1"},
	{"dev1.service-now.com", "service=;account=dev1"},
	{"anything.windows.net", "service=azure"},
	{"attacker.azureedge.net", "service=azure-cdn"},
	{"smtp.office365.com", "service=smtp"},
	{"dns.google", "service=doh"},
};

static void further_names_come_out(void **state)
{
	struct catalog *c = shipped_load(NULL, NULL, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(further_names) / sizeof(further_names[0]); i++)
		check_vector(c, str_of(further_names[i].host),
			     str_of(further_names[i].expect));
	catalog_destroy(c);
}

/* Every GUID, written by an independent rule, reads back in both splits. */
static void guids_read_back_in_both_splits(void **state)
{
	uint8_t tail;
	enum grammar g =
		hostname_grammar(STR("*.environment.api.powerplatform.com"), &tail);

	(void)state;
	assert_int_equal(g, GRAMMAR_GUID);
	for (unsigned i = 0; i < 20000; i++) {
		char guid[GUID_LEN + 1], digits[33], host[128];
		size_t at = i % 2 == 0 ? 30 : 31, n = 0;
		struct service s = {0};
		struct region_ref region;

		(void)snprintf(guid, sizeof(guid), "%08x-%04x-%04x-%04x-%012llx",
			       i * 2654435761u, i % 65536, i * 7 % 65536, i * 31 % 65536,
			       (unsigned long long)i * 11400714819323198485u >> 16);
		for (size_t k = 0; k < GUID_LEN; k++) {
			if (guid[k] != '-')
				digits[n++] = guid[k];
		}
		digits[n] = '\0';
		(void)snprintf(host, sizeof(host),
			       "%.*s.%s.environment.api.powerplatform.com", (int)at,
			       digits, digits + at);
		hostname_decode(g, tail, str_of(host), &s, &region);
		assert_string_equal(s.environment_id, guid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_published_vector_comes_out),
		cmocka_unit_test(further_names_come_out),
		cmocka_unit_test(guids_read_back_in_both_splits),
	};

	return cmocka_run_group_tests_name("catalog/hostname", tests, NULL, NULL);
}
