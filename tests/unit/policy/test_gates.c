/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gates own, connectors and endpoints answer.
 */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scene.h"

/* ---- own --------------------------------------------------------------------------------- */

#define OWN_NAMES                                                                   \
	"tenant us 11111111-1111-1111-1111-111111111111 own host "                  \
	"us.sharepoint.com\n"                                                       \
	"tenant them 22222222-2222-2222-2222-222222222222 partner\n"                \
	"environment prod 33333333-3333-3333-3333-333333333333 own tenant us host " \
	"us.crm4.dynamics.com org 44444444-4444-4444-4444-444444444444\n"           \
	"environment lab 55555555-5555-5555-5555-555555555555 partner host "        \
	"lab.api.crm4.dynamics.com\n"
#define OWN_RULES                                                 \
	"gate own\n"                                              \
	"deny to foreign { tenant, environment, organization }\n" \
	"allow to environment prod\n"                             \
	"allow to own { tenant, environment, organization }\n"    \
	"allow to partner { tenant, environment, organization }\n"

static void set_guid(char ret[GUID_LEN + 1], char digit)
{
	for (size_t i = 0; i < GUID_LEN; i++)
		ret[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : digit;
	ret[GUID_LEN] = '\0';
}

struct own_row {
	char tenant, environment, organization; /* digit of the GUID, 0 = none */
	const char *host;
	const char *org, *tenant_name;
	const char *want, *want_complete;
};

static void ownership_by_guid_and_by_host(void **state)
{
	/* Lines: 1-4 names, 5 gate own, 6 foreign, 7 prod, 8 own, 9 partner. */
	static const struct own_row rows[] = {
		{'1', 0, 0, "x.example", NULL, NULL, "allow 8", "allow 8"},
		{'2', 0, 0, "x.example", NULL, NULL, "allow 9", "allow 9"},
		{'9', 0, 0, "x.example", NULL, NULL, "deny 6", "deny 6"},
		{0, '3', 0, "x.example", NULL, NULL, "allow 7", "allow 7"},
		{0, '5', 0, "x.example", NULL, NULL, "allow 9", "allow 9"},
		{0, '9', 0, "x.example", NULL, NULL, "not_concerned 0", "deny 6"},
		{0, 0, '4', "x.example", NULL, NULL, "allow 7", "allow 7"},
		{0, 0, '9', "x.example", NULL, NULL, "not_concerned 0", "deny 6"},
		{0, 0, 0, "us.crm4.dynamics.com", "us", NULL, "allow 7", "allow 7"},
		{0, 0, 0, "hr.crm4.dynamics.com", "hr", NULL, "not_concerned 0",
		 "deny 6"},
		{0, 0, 0, "us.api.crm4.dynamics.com", "us", NULL, "allow 7", "allow 7"},
		{0, 0, 0, "hr.api.crm4.dynamics.com", "hr", NULL, "not_concerned 0",
		 "deny 6"},
		{0, 0, 0, "us.api.crm.dynamics.com", "us", NULL, "not_concerned 0",
		 "deny 6"},
		{0, 0, 0, "lab.crm4.dynamics.com", "lab", NULL, "allow 9", "allow 9"},
		{0, 0, 0, "us.sharepoint.com", NULL, "us", "allow 8", "allow 8"},
		{0, 0, 0, "hr.sharepoint.com", NULL, "hr", "not_concerned 0", "deny 6"},
		{'9', '3', 0, "x.example", NULL, NULL, "deny 6", "deny 6"},
		{0, 0, 0, "x.example", NULL, NULL, "not_concerned 0", "not_concerned 0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene c;

		scene_init(&c);
		c.s.host = str_of(rows[i].host);
		if (rows[i].tenant != 0)
			set_guid(c.service.tenant_id, rows[i].tenant);
		if (rows[i].environment != 0)
			set_guid(c.service.environment_id, rows[i].environment);
		if (rows[i].organization != 0)
			set_guid(c.service.organization_id, rows[i].organization);
		c.service.org = str_of(rows[i].org);
		c.service.tenant_name = str_of(rows[i].tenant_name);
		check_gate(OWN_NAMES OWN_RULES, &c, GATE_OWN, rows[i].want);
		check_gate(OWN_NAMES OWN_RULES "own complete\n", &c, GATE_OWN,
			   rows[i].want_complete);
	}
}

static void no_tenant_of_ours_makes_nobody_foreign(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	set_guid(c.service.tenant_id, '9');
	check_gate("gate own\ndeny to foreign tenant\n", &c, GATE_OWN, "not_concerned 0");
}

static void unknown_owners_alert_unless_a_line_answers(void **state)
{
	struct policy *p = load(OWN_NAMES OWN_RULES);
	struct decision d;
	struct scene c;
	struct str name;

	(void)state;
	scene_init(&c);
	c.service.org = STR("hr");
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_int_equal(d.alert_count, 1);
	name = policy_signal_name(p, d.alerts[0]);
	assert_true(str_equal(name, STR("unknown_owner")));
	assert_int_equal(policy_rule(p, d.alerts[0]).line, 5);
	assert_in_range(d.alerts[0], 1, policy_rule_count(p));
	policy_destroy(p);

	p = load(OWN_NAMES OWN_RULES "allow to unknown organization\n");
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.alert_count, 0);
	policy_destroy(p);

	p = load(""); /* an empty gate is not concerned */
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.alert_count, 0);
	policy_destroy(p);
}

/* ---- connectors -------------------------------------------------------------------------- */

#define CONNECTOR_RULES                              \
	"gate connectors\n"                          \
	"allow connector shared_teams\n"             \
	"deny  connector { shared_dropbox, Http }\n" \
	"deny  connector shared_office365  from role user\n"

static void connectors_deny_only_what_is_wholly_denied(void **state)
{
	static const struct {
		enum role role;
		int connectors[3]; /* fixture_connector + 1; 0 = none */
		bool verified, platform;
		const char *want;
	} rows[] = {
		{ROLE_DESKTOP, {CON_DROPBOX + 1}, true, false, "deny 3"},
		{ROLE_GATEWAY, {CON_DROPBOX + 1}, true, false, "deny 3"},
		{ROLE_SUBNET, {CON_DROPBOX + 1}, true, false, "deny 3"},
		{ROLE_USER, {CON_DROPBOX + 1}, true, false, "not_concerned 0"},
		{ROLE_PUBLISHED, {CON_DROPBOX + 1}, true, false, "not_concerned 0"},
		{ROLE_USER, {CON_OUTLOOK + 1}, true, false, "deny 4"},
		{ROLE_DESKTOP, {CON_OUTLOOK + 1}, true, false, "not_concerned 0"},
		{ROLE_DESKTOP,
		 {CON_DROPBOX + 1},
		 false,
		 false,
		 "undecidable shared_host"},
		{ROLE_DESKTOP, {CON_DROPBOX + 1}, true, true, "not_concerned 0"},
		{ROLE_DESKTOP, {CON_DROPBOX + 1, CON_HTTP + 1}, true, false, "deny 3"},
		{ROLE_DESKTOP,
		 {CON_DROPBOX + 1, CON_TEAMS + 1},
		 true,
		 false,
		 "undecidable shared_host"},
		{ROLE_DESKTOP,
		 {CON_DROPBOX + 1, CON_SQL + 1},
		 true,
		 false,
		 "undecidable shared_host"},
		{ROLE_DESKTOP, {CON_TEAMS + 1, CON_SQL + 1}, true, false, "allow 2"},
		{ROLE_DESKTOP, {CON_SQL + 1}, true, false, "not_concerned 0"},
		{ROLE_DESKTOP, {0}, true, false, "not_concerned 0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene c;

		scene_init(&c);
		c.s.role = rows[i].role;
		c.service.platform = rows[i].platform;
		for (size_t k = 0; k < 3 && rows[i].connectors[k] != 0; k++)
			add_connector(&c,
				      (enum fixture_connector)(rows[i].connectors[k] - 1),
				      rows[i].verified && k == 0 ? CONFIDENCE_VERIFIED
								 : CONFIDENCE_PUBLISHED);
		check_gate(CONNECTOR_RULES, &c, GATE_CONNECTORS, rows[i].want);
	}
}

static void a_denied_default_group_spares_what_is_allowed(void **state)
{
	static const char rules[] = "gate connectors\n"
				    "allow connector shared_teams\n"
				    "deny  connector any\n";
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_GATEWAY;
	add_connector(&c, CON_SQL, CONFIDENCE_VERIFIED);
	check_gate(rules, &c, GATE_CONNECTORS, "deny 3");
	c.connectors[0].connector = CON_TEAMS;
	check_gate(rules, &c, GATE_CONNECTORS, "allow 2");
	check_gate("gate connectors\ndeny connector any report-only\n", &c,
		   GATE_CONNECTORS, "not_concerned 0");
}

/* ---- endpoints --------------------------------------------------------------------------- */

#define SQL_LIST                                           \
	"gate endpoints\n"                                 \
	"list shared_sql for role gateway\n"               \
	"1 deny  \"contososql.database.windows.net,HR\"\n" \
	"2 allow \"contososql.database.windows.net, *\"\n" \
	"3 allow \"11.22.33.44,*\"\n"                      \
	"4 deny  \"*\"\n"

static void sql_lists_know_server_and_database(void **state)
{
	static const struct {
		const char *host, *database, *peer;
		enum undecidable why;
		const char *want;
	} rows[] = {
		{"contososql.database.windows.net", "sales", "198.51.100.7",
		 UNDECIDABLE_NONE, "allow 4"},
		{"contososql.database.windows.net", "hr", "198.51.100.7",
		 UNDECIDABLE_NONE, "deny 3"},
		{"contososql.database.windows.net", NULL, "198.51.100.7",
		 UNDECIDABLE_NONE, "undecidable database_hidden"},
		{"other.database.windows.net", NULL, "198.51.100.7", UNDECIDABLE_NONE,
		 "deny 6"},
		{"other.database.windows.net", NULL, "11.22.33.44", UNDECIDABLE_NONE,
		 "allow 5"},
		{NULL, NULL, "198.51.100.7", UNDECIDABLE_NO_SNI, "undecidable no_sni"},
		{NULL, NULL, "198.51.100.7", UNDECIDABLE_NONE, "undecidable no_host"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene c;

		scene_init(&c);
		c.s.role = ROLE_GATEWAY;
		c.s.protocol = PROTOCOL_TDS;
		c.s.server_port = 1433;
		c.s.peer = address(rows[i].peer);
		c.s.host = str_of(rows[i].host);
		c.s.database = str_of(rows[i].database);
		c.s.undecidable = rows[i].why;
		check_gate(SQL_LIST, &c, GATE_ENDPOINTS, rows[i].want);
		c.s.role = ROLE_DESKTOP;
		check_gate(SQL_LIST, &c, GATE_ENDPOINTS, "not_concerned 0");
	}
}

#define SMTP_LIST                              \
	"gate endpoints\n"                     \
	"list shared_smtp for role desktop\n"  \
	"1 allow \"smtp.office365.com,587\"\n" \
	"2 deny \"*\"\n"

static void smtp_lists_know_server_and_port(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	c.s.host = STR("smtp.office365.com");
	check_gate(SMTP_LIST, &c, GATE_ENDPOINTS, "not_concerned 0"); /* port 443 */
	c.s.server_port = 587;
	check_gate(SMTP_LIST, &c, GATE_ENDPOINTS, "allow 3");
	c.s.server_port = 465;
	check_gate(SMTP_LIST, &c, GATE_ENDPOINTS, "deny 4");
	no_name(&c, UNDECIDABLE_NO_SNI);
	check_gate(SMTP_LIST, &c, GATE_ENDPOINTS, "deny 4");
	c.s.server_port = 587;
	check_gate(SMTP_LIST, &c, GATE_ENDPOINTS, "undecidable no_sni");
}

static void blob_lists_know_the_account(void **state)
{
	static const char rules[] = "gate endpoints\n"
				    "list shared_azureblob for role desktop\n"
				    "1 allow \"ContosoData\"\n"
				    "2 allow \"partner.blob.core.windows.net\"\n"
				    "3 deny \"*\"\n";
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	c.s.host = STR("contosodata.blob.core.windows.net");
	check_gate(rules, &c, GATE_ENDPOINTS, "allow 3");
	c.s.host = STR("partner.blob.core.windows.net");
	check_gate(rules, &c, GATE_ENDPOINTS, "allow 4");
	c.s.host = STR("contosodata-secondary.blob.core.windows.net");
	check_gate(rules, &c, GATE_ENDPOINTS, "allow 3");
	c.s.host = STR("partner-secondary.blob.core.windows.net");
	check_gate(rules, &c, GATE_ENDPOINTS, "allow 4");
	c.s.host = STR("evil.blob.core.windows.net");
	check_gate(rules, &c, GATE_ENDPOINTS, "deny 5");
	c.s.host = STR("contosodata.example");
	check_gate(rules, &c, GATE_ENDPOINTS, "not_concerned 0");
}

static void a_blob_url_means_the_account(void **state)
{
	static const char rules[] =
		"gate endpoints\n"
		"list shared_azureblob for role desktop\n"
		"1 deny \"https://secret.blob.core.windows.net/*\"\n"
		"2 deny \"acct/container\"\n"
		"3 allow \"https://part.blob.core.windows.net/container/*\"\n"
		"4 allow \"HTTPS://Whole.blob.core.windows.net/\"\n"
		"5 deny \"*\"\n";
	static const char *const rows[][2] = {
		{"secret.blob.core.windows.net", "deny 3"},
		{"secret-secondary.blob.core.windows.net", "deny 3"},
		{"acct.blob.core.windows.net", "deny 4"},
		{"part.blob.core.windows.net", "deny 7"},
		{"whole.blob.core.windows.net", "allow 6"},
	};
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		c.s.host = str_of(rows[i][0]);
		check_gate(rules, &c, GATE_ENDPOINTS, rows[i][1]);
	}
}

static void lists_know_names_by_their_letters(void **state)
{
	static const char rules[] = "gate endpoints\n"
				    "list Http for role desktop\n"
				    "1 deny \"https://BÜCHER.example/*\"\n"
				    "2 deny \"https://www.straße.example*\"\n"
				    "3 deny \"https://пример.рф:8443/*\"\n"
				    "4 allow \"*\"\n";
	static const struct {
		const char *host, *want;
		uint16_t port;
	} rows[] = {
		{"xn--bcher-kva.example", "deny 3", 443},
		{"www.xn--strae-oqa.example", "deny 4", 443},
		{"xn--e1afmkfd.xn--p1ai", "deny 5", 8443},
		{"xn--e1afmkfd.xn--p1ai", "allow 6", 443},
		{"xn--bcher-kvb.example", "allow 6", 443},
	};
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		c.s.host = str_of(rows[i].host);
		c.s.server_port = rows[i].port;
		check_gate(rules, &c, GATE_ENDPOINTS, rows[i].want);
	}
}

#define HTTP_LIST                                                       \
	"gate endpoints\n"                                              \
	"list Http for role desktop beside service power-platform\n"    \
	"1 allow \"HTTPS://Management.azure.com:443/subscriptions*\"\n" \
	"2 allow \"https://graph.microsoft.com/*\"\n"                   \
	"3 allow \"http://*.contoso.example/Flow/*\"\n"                 \
	"4 deny \"*\"\n"

static void http_lists_know_url_or_host(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	c.s.host = STR("graph.microsoft.com");
	check_gate(HTTP_LIST, &c, GATE_ENDPOINTS, "allow 4");
	c.s.protocol = PROTOCOL_QUIC;
	check_gate(HTTP_LIST, &c, GATE_ENDPOINTS, "allow 4");
	c.s.server_port = 8443;
	check_gate(HTTP_LIST, &c, GATE_ENDPOINTS, "deny 6");
	c.s.server_port = 443;
	c.s.host = STR("management.azure.com");
	check_gate(HTTP_LIST, &c, GATE_ENDPOINTS, "undecidable path_hidden");
	c.s.host = STR("api.dropboxapi.com");
	check_gate(HTTP_LIST, &c, GATE_ENDPOINTS, "deny 6");
	c.service.service = SVC_POWER_APPS;
	check_gate(HTTP_LIST, &c, GATE_ENDPOINTS, "not_concerned 0"); /* beside */
	c.service.service = ID_NONE;
	c.service.platform = true;
	check_gate(HTTP_LIST, &c, GATE_ENDPOINTS, "not_concerned 0");
}

static void clear_http_is_judged_by_its_url(void **state)
{
	static const struct {
		const char *url, *want;
	} rows[] = {
		{"http://a.contoso.example/Flow/1", "allow 5"},
		{"http://a.contoso.example/flow/1", "deny 6"}, /* a path keeps its case */
		{"http://a.contoso.example/Flow/1?x=&y=", "allow 5"},
		{"http://b.example/Flow/1", "deny 6"},
	};
	struct scene c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scene_init(&c);
		c.s.role = ROLE_DESKTOP;
		c.s.protocol = PROTOCOL_HTTP;
		c.s.server_port = 80;
		c.s.host = STR("a.contoso.example");
		c.s.visibility = VISIBILITY_URL;
		c.s.url = str_of(rows[i].url);
		check_gate(HTTP_LIST, &c, GATE_ENDPOINTS, rows[i].want);
	}
}

static void infrastructure_is_not_concerned(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	check_gate("table <infrastructure> { \"*.example.com\" }\n" HTTP_LIST, &c,
		   GATE_ENDPOINTS, "not_concerned 0");
	check_gate("table <infrastructure> { 198.51.100.0/24 }\n" HTTP_LIST, &c,
		   GATE_ENDPOINTS, "not_concerned 0");
	check_gate("table <infrastructure> { 192.0.2.0/24 }\n" HTTP_LIST, &c,
		   GATE_ENDPOINTS, "deny 7");
}

static void several_lists(void **state)
{
	static const char same[] = "gate endpoints\n"
				   "list Http for role desktop\n"
				   "1 allow \"*\"\n"
				   "list Http for role desktop\n"
				   "1 deny \"https://api.example.com/*\"\n"
				   "2 allow \"*\"\n";
	static const char other[] = "gate endpoints\n"
				    "list Http for role desktop\n"
				    "1 allow \"*\"\n"
				    "list shared_webcontents for role desktop\n"
				    "1 deny \"https://api.example.com/*\"\n"
				    "2 allow \"*\"\n";
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	/* Of one connector: the most restrictive.  Of two: whose connection is it? */
	check_gate(same, &c, GATE_ENDPOINTS, "deny 5");
	check_gate(other, &c, GATE_ENDPOINTS, "undecidable which_connector");
	c.s.host = STR("b.example");
	check_gate(same, &c, GATE_ENDPOINTS, "allow 3");
	check_gate(other, &c, GATE_ENDPOINTS, "allow 3");
}

static void a_report_only_list_is_told(void **state)
{
	struct policy *p = load("gate endpoints\n"
				"list Http for role desktop report-only\n"
				"1 deny \"*\"\n");
	struct decision d;
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_int_equal(d.would, VERDICT_DENY);
	assert_int_equal(d.would_gate, GATE_ENDPOINTS);
	assert_int_equal(policy_rule(p, d.would_rule).line, 3);
	policy_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ownership_by_guid_and_by_host),
		cmocka_unit_test(no_tenant_of_ours_makes_nobody_foreign),
		cmocka_unit_test(unknown_owners_alert_unless_a_line_answers),
		cmocka_unit_test(connectors_deny_only_what_is_wholly_denied),
		cmocka_unit_test(a_denied_default_group_spares_what_is_allowed),
		cmocka_unit_test(sql_lists_know_server_and_database),
		cmocka_unit_test(smtp_lists_know_server_and_port),
		cmocka_unit_test(blob_lists_know_the_account),
		cmocka_unit_test(a_blob_url_means_the_account),
		cmocka_unit_test(lists_know_names_by_their_letters),
		cmocka_unit_test(http_lists_know_url_or_host),
		cmocka_unit_test(clear_http_is_judged_by_its_url),
		cmocka_unit_test(infrastructure_is_not_concerned),
		cmocka_unit_test(several_lists),
		cmocka_unit_test(a_report_only_list_is_told),
	};

	return cmocka_run_group_tests_name("policy/gates", tests, NULL, NULL);
}
