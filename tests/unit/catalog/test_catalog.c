/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "catalog/tables.h"
#include "shipped.h"

#define COUNTRY "tests/data/country-test.mmdb"
#define ASN     "tests/data/asn-test.mmdb"

static struct catalog *shipped;
static struct vocabulary words;

static int setup(void **state)
{
	(void)state;
	shipped = shipped_load(NULL, COUNTRY, ASN);
	catalog_vocabulary(shipped, &words);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	catalog_destroy(shipped);
	return 0;
}

static bool has_connector(const struct service *s, const char *name)
{
	for (size_t i = 0; i < s->connector_count; i++) {
		if (strcmp(word_of(words.connectors, s->connectors[i].connector), name) ==
		    0)
			return true;
	}
	return false;
}

static void a_host_gives_the_connectors_of_its_longest_pattern(void **state)
{
	static const struct {
		const char *host, *connector;
		bool has;
	} rows[] = {
		{"api.dropboxapi.com", "shared_dropbox", true},
		{"graph.microsoft.com", "shared_office365", true},
		{"graph.microsoft.com", "shared_planner", true},
		{"contososql.database.windows.net", "shared_sql", true},
		{"contoso.sharepoint.com", "shared_sharepointonline", true},
		{"contoso-my.sharepoint.com", "shared_onedriveforbusiness", true},
		{"contoso-my.sharepoint.com", "shared_sharepointonline", false},
		{"pdf-services.adobe.io", "shared_adobepdftools", true},
		{"pdf-services.adobe.io", "shared_adobecreativecloud", false},
		{"contoso.crm4.dynamics.com", "shared_commondataservice", true},
		{"prod-12.westeurope.logic.azure.com", "HttpRequestReceived", true},
		{"smtp.office365.com", "shared_smtp", true},
		{"api.dropboxapi.com.evil.example", "shared_dropbox", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service s;

		catalog_name(shipped, str_of(rows[i].host), &s);
		if (has_connector(&s, rows[i].connector) != rows[i].has)
			fail_msg("%s %s", rows[i].host, rows[i].connector);
	}
}

static void connector_sets_are_sorted_and_free_of_repeats(void **state)
{
	struct service s;

	(void)state;
	catalog_name(shipped, STR("graph.microsoft.com"), &s);
	assert_true(s.connector_count >= 20);
	for (size_t i = 1; i < s.connector_count; i++)
		assert_true(s.connectors[i - 1].connector < s.connectors[i].connector);
}

static void only_stated_connector_hosts_are_verified(void **state)
{
	static const struct {
		const char *host;
		uint8_t confidence;
	} rows[] = {
		{"contososql.database.windows.net", CONFIDENCE_VERIFIED},
		{"smtp.gmail.com", CONFIDENCE_VERIFIED},
		{"api.dropboxapi.com", CONFIDENCE_ASSUMED},
		{"automate.1me.live", CONFIDENCE_PUBLISHED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service s;

		catalog_name(shipped, str_of(rows[i].host), &s);
		assert_int_equal(s.connector_count, 1);
		assert_int_equal(s.connectors[0].confidence, rows[i].confidence);
	}
}

static void a_connectors_backend_is_no_platform_service(void **state)
{
	static const struct {
		const char *host, *service;
		bool platform, in_scope;
	} rows[] = {
		{"make.powerapps.com", "power-apps", true, true},
		{"contoso.crm4.dynamics.com", "dataverse", true, true},
		{"login.microsoftonline.com", "entra", true, true},
		{"gw1.servicebus.windows.net", "relay", true, true},
		{"europe-001.azure-apim.net", "connector-runtime", true, true},
		{"graph.microsoft.com", "graph", false, false},
		{"contososql.database.windows.net", "sql", false, false},
		{"evil.blob.core.windows.net", "blob", false, false},
		{"evil.azurefd.net", "azure-cdn", false, false},
		{"api.dropboxapi.com", "", false, false},
		{"www.example.org", "", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service s;

		catalog_name(shipped, str_of(rows[i].host), &s);
		assert_string_equal(word_of(words.services, s.service), rows[i].service);
		assert_int_equal(s.platform, rows[i].platform);
		assert_int_equal(s.in_scope, rows[i].in_scope);
	}
}

static void an_answer_names_its_row_and_source(void **state)
{
	struct service s;

	(void)state;
	catalog_name(shipped, STR("contoso.crm4.dynamics.com"), &s);
	assert_true(str_equal(s.pattern, STR("*.crm4.dynamics.com")));
	assert_true(s.row > 10);
	assert_true(s.source.len > 10);
	assert_true(str_equal(s.countries, STR("NL|IE")));
	catalog_name(shipped, STR("api.dropboxapi.com"), &s);
	assert_true(str_equal(s.pattern, STR("api.dropboxapi.com")));
	assert_true(s.row > 10);
	assert_true(s.source.len > 10);
	/* Two connectors, one assumed: the better one's confidence. */
	catalog_name(shipped, STR("api-ssl.bitly.com"), &s);
	assert_int_equal(s.connector_count, 2);
	assert_int_equal(s.confidence, CONFIDENCE_PUBLISHED);
	catalog_name(shipped, STR("www.example.org"), &s);
	assert_int_equal(s.service, ID_NONE);
	assert_int_equal(s.row, 0);
	assert_null(s.pattern.p);
	assert_int_equal(s.connector_count, 0);
	catalog_name(shipped, STR_NONE, &s);
	assert_int_equal(s.service, ID_NONE);
}

static uint16_t service_id(const char *name)
{
	for (size_t i = 0; i < words.services.count; i++) {
		if (strcmp(words.services.words[i], name) == 0)
			return (uint16_t)i;
	}
	return ID_NONE;
}

static const struct service_group *group(const char *name)
{
	for (size_t i = 0; i < words.group_count; i++) {
		if (strcmp(words.groups[i].name, name) == 0)
			return &words.groups[i];
	}
	fail_msg("no group %s", name);
	return NULL;
}

static void groups_hold_what_their_names_promise(void **state)
{
	static const struct {
		const char *group, *service;
		bool has;
	} rows[] = {
		{"power-platform", "power-apps", true},
		{"power-platform", "dataverse", true},
		{"power-platform", "connector-runtime", true},
		{"power-platform", "power-platform-api", true},
		{"power-platform", "logic-apps-or-flow-trigger", false},
		{"power-platform", "azure-cdn", false},
		{"power-platform", "sharepoint", false},
		{"http-trigger", "logic-apps-or-flow-trigger", true},
		{"login", "entra", true},
		{"microsoft-365", "sharepoint", true},
		{"encrypted-dns", "doh", true},
		{"encrypted-dns", "dot", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t id = service_id(rows[i].service);

		assert_int_not_equal(id, ID_NONE);
		assert_int_equal(service_set_has(&group(rows[i].group)->members, id),
				 rows[i].has);
	}
}

static struct place place_of(const struct catalog *c, const char *address)
{
	struct addr a;
	struct place p;

	assert_true(addr_parse(address, strlen(address), &a));
	catalog_address(c, &a, &p);
	return p;
}

static void the_service_tag_tells_the_region_before_the_database(void **state)
{
	static const struct {
		const char *address, *country;
		const char *tag, *region; /* the first tag */
		bool from_tag, service, cloud;
	} rows[] = {
		{"4.144.51.7", "HK", "PowerPlatformPlex.EastAsia", "eastasia", true, true,
		 true},
		{"4.144.0.1", "HK", "AzureCloud.eastasia", "eastasia", true, false, true},
		{"2603:1061:2002:800::1", "NL", "PowerPlatformInfra.WestEurope",
		 "westeurope", true, true, true},
		{"162.125.1.1", "US", NULL, NULL, false, false, false},
		{"5.45.192.1", "RU", NULL, NULL, false, false, false},
		{"2a00:1450:4001::5", "IE", NULL, NULL, false, false, false},
		{"203.0.113.9", "", NULL, NULL, false, false, false},
		{"2001:db8::1", "", NULL, NULL, false, false, false},
		{"10.0.0.1", "", NULL, NULL, false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct place p = place_of(shipped, rows[i].address);

		assert_string_equal(p.country, rows[i].country);
		assert_int_equal(p.country_from_tag, rows[i].from_tag);
		assert_int_equal(p.microsoft_service, rows[i].service);
		assert_int_equal(p.microsoft_cloud, rows[i].cloud);
		assert_int_equal(p.tag_count > 0, rows[i].tag != NULL);
		if (rows[i].tag == NULL)
			continue;
		assert_string_equal(word_of(words.tags, p.tags[0]), rows[i].tag);
		assert_true(str_equal(p.region, str_of(rows[i].region)));
	}
}

static bool has_tag(const struct place *p, const char *tag)
{
	for (size_t i = 0; i < p->tag_count; i++) {
		if (strcmp(word_of(words.tags, p->tags[i]), tag) == 0)
			return true;
	}
	return false;
}

static void a_regional_range_belongs_to_the_whole_tag_too(void **state)
{
	struct place p = place_of(shipped, "4.144.51.7");

	(void)state;
	assert_true(has_tag(&p, "PowerPlatformPlex"));
	assert_true(has_tag(&p, "AzureCloud.eastasia"));
	assert_true(has_tag(&p, "AzureCloud"));
	assert_int_equal(p.tag_count, 4);
}

static void networks_come_from_the_database(void **state)
{
	struct place p = place_of(shipped, "162.125.1.1");

	(void)state;
	assert_int_equal(p.asn, 19679);
	assert_true(str_equal(p.as_org, STR("Dropbox")));
	p = place_of(shipped, "203.0.113.9");
	assert_int_equal(p.asn, 0);
	assert_null(p.as_org.p);
}

static void a_range_witnesses_only_its_own_services(void **state)
{
	static const struct {
		const char *host, *address;
		bool want;
	} rows[] = {
		{"contoso.crm4.dynamics.com", "4.144.51.7", true}, /* Plex */
		{"contoso.crm4.dynamics.com", "4.144.0.1", false}, /* AzureCloud alone */
		{"contoso.database.windows.net", "4.144.9.1", true},
		{"contoso.database.windows.net", "4.144.51.7", false},
		{"www.example.org", "4.144.51.7", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct place p = place_of(shipped, rows[i].address);
		struct service s;

		catalog_name(shipped, str_of(rows[i].host), &s);
		assert_int_equal(catalog_range_of_service(shipped, &s, &p), rows[i].want);
	}
}

/* Tags that groups.tsv names and no file has would silently witness nothing. */
static void every_range_named_by_a_service_is_loaded(void **state)
{
	static const char *const tags[] = {"PowerPlatformInfra",
					   "PowerPlatformPlex",
					   "AzureConnectors",
					   "LogicApps",
					   "PowerBI",
					   "PowerQueryOnline",
					   "ServiceBus",
					   "AzureActiveDirectory",
					   "Storage",
					   "Sql",
					   "AzureCloud",
					   "Dynamics365BusinessCentral"};

	(void)state;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		assert_int_not_equal(words_find(&shipped->tags, str_of(tags[i])),
				     ID_NONE);
	assert_true(shipped->meanings[service_id("dataverse")].range_count == 2);
	assert_true(shipped->meanings[service_id("entra")].range_count == 2);
}

static void the_digest_follows_the_bytes(void **state)
{
	struct catalog *again = shipped_load(NULL, COUNTRY, ASN);
	struct catalog *other = shipped_load(NULL, NULL, ASN);
	uint8_t a[32], b[32], c[32];

	(void)state;
	catalog_digest(shipped, a);
	catalog_digest(again, b);
	catalog_digest(other, c);
	assert_memory_equal(a, b, 32);
	assert_memory_not_equal(a, c, 32);
	assert_non_null(strstr(catalog_summary(shipped), "services"));
	assert_non_null(strstr(catalog_summary(shipped), "2026-11-23"));
	assert_non_null(strstr(catalog_summary(shipped), "Weir-Test-Country"));
	catalog_destroy(again);
	catalog_destroy(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_gives_the_connectors_of_its_longest_pattern),
		cmocka_unit_test(connector_sets_are_sorted_and_free_of_repeats),
		cmocka_unit_test(only_stated_connector_hosts_are_verified),
		cmocka_unit_test(a_connectors_backend_is_no_platform_service),
		cmocka_unit_test(an_answer_names_its_row_and_source),
		cmocka_unit_test(groups_hold_what_their_names_promise),
		cmocka_unit_test(the_service_tag_tells_the_region_before_the_database),
		cmocka_unit_test(a_regional_range_belongs_to_the_whole_tag_too),
		cmocka_unit_test(networks_come_from_the_database),
		cmocka_unit_test(a_range_witnesses_only_its_own_services),
		cmocka_unit_test(every_range_named_by_a_service_is_loaded),
		cmocka_unit_test(the_digest_follows_the_bytes),
	};

	return cmocka_run_group_tests_name("catalog/catalog", tests, setup, teardown);
}
