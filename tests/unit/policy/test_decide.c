/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rule files mean: text and a connection in, the verdict with its gate and line out.
 */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "match/zone.h"

/* One connection, with room for what its subject points to. */
struct scene {
	struct subject s;
	struct service service;
	struct place place;
	struct connector_ref connectors[8];
};

static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

/* A person's TLS connection to a name that the catalogue does not know. */
static void scene_init(struct scene *c)
{
	memset(c, 0, sizeof(*c));
	c->service.service = ID_NONE;
	c->service.connectors = c->connectors;
	c->s.inside = address("10.10.16.41");
	c->s.peer = address("198.51.100.7");
	c->s.server_port = 443;
	c->s.peer_port = 443;
	c->s.ip_proto = 6;
	c->s.direction = DIRECTION_OUTBOUND;
	c->s.role = ROLE_USER;
	c->s.site = SITE_MUNICH;
	c->s.source = ID_NONE;
	c->s.protocol = PROTOCOL_TLS;
	c->s.evidence = EVIDENCE_SNI;
	c->s.visibility = VISIBILITY_HOST;
	c->s.host = STR("api.example.com");
	c->s.service = &c->service;
	c->s.place = &c->place;
	c->s.in_hours = KNOWN_YES;
	c->s.country_expected = KNOWN_YES;
	c->s.time_us = FIXTURE_NOW_US;
	memcpy(c->place.country, "DE", 3);
}

static void no_name(struct scene *c, enum undecidable why)
{
	c->s.host = STR_NONE;
	c->s.evidence = EVIDENCE_ADDRESS;
	c->s.visibility = VISIBILITY_ADDRESS;
	c->s.undecidable = why;
}

static void first_packet(struct scene *c)
{
	no_name(c, UNDECIDABLE_NONE);
	c->s.name_pending = true;
	c->s.protocol = PROTOCOL_UNKNOWN;
}

static void add_connector(struct scene *c, enum fixture_connector id,
			  enum confidence confidence)
{
	c->connectors[c->service.connector_count++] =
		(struct connector_ref){(uint16_t)id, (uint8_t)confidence};
}

static struct policy *load_text(const char *text, struct diag *d)
{
	char path[] = "/tmp/weir-test-decide-XXXXXX";
	const char *files[] = {path};
	struct policy_cfg cfg = {
		.files = files,
		.file_count = 1,
		.vocabulary = &fixture_vocabulary,
	};
	struct policy *p;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	p = policy_load(&cfg, d);
	assert_int_equal(unlink(path), 0);
	return p;
}

static struct policy *load(const char *text)
{
	struct diag *d = diag_create();
	struct policy *p = load_text(text, d);

	if (p == NULL)
		diag_print(d, stderr, false);
	diag_destroy(d);
	assert_non_null(p);
	return p;
}

/* Verdict, gate and line in one word: "deny own 3", "allow - 0". */
static void told(const struct policy *p, const struct decision *d, char ret[64])
{
	(void)snprintf(ret, 64, "%s %s %u", verdict_name(d->verdict),
		       d->gate < GATE_COUNT ? gate_name(d->gate) : "-",
		       (unsigned)policy_rule(p, d->rule).line);
}

static void check(const char *rules, const struct scene *c, const char *want)
{
	struct policy *p = load(rules);
	struct decision d;
	char got[64];

	policy_decide(p, &c->s, &d);
	told(p, &d, got);
	if (strcmp(got, want) != 0)
		print_error("rules:\n%s\nwant: %s, got: %s\n", rules, want, got);
	assert_string_equal(got, want);
	policy_destroy(p);
}

/* The answer of one gate, as "deny 3" or "undecidable shared_host". */
static void check_gate(const char *rules, const struct scene *c, enum gate g,
		       const char *want)
{
	struct policy *p = load(rules);
	struct decision d;
	char got[64];

	policy_decide(p, &c->s, &d);
	if (d.gates[g].answer == ANSWER_UNDECIDABLE)
		(void)snprintf(got, sizeof(got), "undecidable %s",
			       undecidable_name(d.gates[g].why));
	else
		(void)snprintf(got, sizeof(got), "%s %u", answer_name(d.gates[g].answer),
			       (unsigned)policy_rule(p, d.gates[g].rule).line);
	if (strcmp(got, want) != 0)
		print_error("rules:\n%s\nwant: %s, got: %s\n", rules, want, got);
	assert_string_equal(got, want);
	policy_destroy(p);
}

/* ---- gates and order --------------------------------------------------------------------- */

static void the_first_matching_line_answers(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	check("gate rules\n"
	      "deny  to host \"other.example.com\"\n"
	      "allow to host \"api.example.com\"\n"
	      "deny  to host \"*.example.com\"\n",
	      &c, "allow rules 3");
	check("gate rules\n"
	      "deny  to host \"*.example.com\"\n"
	      "allow to host \"api.example.com\"\n",
	      &c, "deny rules 2");
}

static void nothing_said_is_allowed(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	check("", &c, "allow - 0");
	check("gate own\ngate rules\ngate default\n", &c, "allow - 0");
}

static void default_answers_for_scope_when_rules_do_not(void **state)
{
	static const char rules[] = "gate rules\n"
				    "allow to service graph\n"
				    "gate default\n"
				    "deny in-scope\n"
				    "allow other\n";
	struct scene c;

	(void)state;
	scene_init(&c);
	check(rules, &c, "allow default 5");
	c.s.in_scope = true;
	check(rules, &c, "deny default 4");
	c.service.service = SVC_GRAPH;
	check(rules, &c, "allow rules 2");
}

static void an_allow_of_an_early_gate_only_narrows(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.in_scope = true;
	check("gate ip-firewall\nallow to any\ngate default\ndeny in-scope\n", &c,
	      "deny default 4");
	check("gate ip-firewall\ndeny to any\ngate rules\nallow to any\n", &c,
	      "deny ip-firewall 2");
}

static void files_join_their_gates(void **state)
{
	static const char *const files[] = {"tests/rules/ok/include/second.inc",
					    "tests/rules/ok/monitor.in"};
	struct policy_cfg cfg = {
		.files = files, .file_count = 2, .vocabulary = &fixture_vocabulary};
	struct diag *d = diag_create();

	(void)state;
	/* The first file alone has no gate: its line is outside, whatever came before. */
	assert_null(policy_load(&cfg, d));
	assert_int_equal(diag_count(d, DIAG_ERROR), 1);
	diag_destroy(d);

	d = diag_create();
	cfg.files = &files[1];
	cfg.file_count = 1;
	policy_destroy(policy_load(&cfg, d));
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	diag_destroy(d);
}

/* ---- exceptions -------------------------------------------------------------------------- */

static void an_exception_skips_its_gates_until_it_expires(void **state)
{
	static const char rules[] =
		"gate exceptions\n"
		"allow from source dgw1 to host \"ftp.example\" skip { rules, default }"
		" owner \"o\" reason \"r\" expires 2026-11-24\n"
		"gate rules\n"
		"deny to any\n";
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.host = STR("ftp.example");
	check(rules, &c, "deny rules 4");
	c.s.source = SRC_DGW1;
	check(rules, &c, "allow - 0");
	check_gate(rules, &c, GATE_RULES, "skipped 0");
	check_gate(rules, &c, GATE_EXCEPTIONS, "allow 2");
	/* The last second of the day by UTC, and the first of the next. */
	c.s.time_us = INT64_C(1795564799) * 1000000;
	check(rules, &c, "allow - 0");
	c.s.time_us = INT64_C(1795564800) * 1000000;
	check(rules, &c, "deny rules 4");
}

static void an_exception_that_skips_rules_leaves_default(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.in_scope = true;
	check("gate exceptions\n"
	      "allow from 10.10.0.0/16 skip rules owner o reason r expires 2027-01-01\n"
	      "gate rules\nallow to any\ngate default\ndeny in-scope\n",
	      &c, "deny default 6");
}

/* ---- report-only ------------------------------------------------------------------------- */

static void report_only_never_decides_but_is_told(void **state)
{
	static const char rules[] = "gate rules\n"
				    "deny  to host \"api.example.com\"  report-only\n"
				    "allow to any\n";
	struct policy *p = load(rules);
	struct decision d;
	struct scene c;

	(void)state;
	scene_init(&c);
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_int_equal(policy_rule(p, d.rule).line, 3);
	assert_int_equal(d.would, VERDICT_DENY);
	assert_int_equal(d.would_gate, GATE_RULES);
	assert_int_equal(policy_rule(p, d.would_rule).line, 2);
	assert_int_equal(d.gates[GATE_RULES].answer, ANSWER_ALLOW);
	assert_int_equal(d.gates[GATE_RULES].report, ANSWER_DENY);
	policy_destroy(p);
}

static void a_report_only_allow_would_let_through(void **state)
{
	struct policy *p = load("gate rules\nallow to any report-only\ndeny to any\n");
	struct decision d;
	struct scene c;

	(void)state;
	scene_init(&c);
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_DENY);
	assert_int_equal(d.would, VERDICT_ALLOW);
	policy_destroy(p);
}

static void a_report_only_line_behind_the_answer_has_no_say(void **state)
{
	struct policy *p = load("gate rules\nallow to any\n"
				"gate default report-only\ndeny in-scope\n");
	struct decision d;
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.in_scope = true;
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.would, VERDICT_NONE);
	policy_destroy(p);
}

/* ---- alerts ------------------------------------------------------------------------------ */

static void alerts_go_on_and_are_kept_in_order(void **state)
{
	struct policy *p = load("gate own\n"
				"alert to unknown { organization }\n"
				"gate rules\n"
				"alert to country not-expected  score 40  label geo\n"
				"alert outside hours\n"
				"alert not proto dns\n"
				"allow to any\n"
				"alert from any\n");
	struct decision d;
	struct scene c;
	struct str name;

	(void)state;
	scene_init(&c);
	c.s.country_expected = KNOWN_NO;
	c.s.in_hours = KNOWN_NO;
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_int_equal(d.alert_count, 3);
	name = policy_signal_name(p, d.alerts[0]);
	assert_true(str_equal(name, STR("unexpected_country")));
	assert_int_equal(policy_rule_score(p, d.alerts[0]), 40);
	assert_true(str_equal(policy_rule(p, d.alerts[0]).label, STR("geo")));
	name = policy_signal_name(p, d.alerts[1]);
	assert_true(str_equal(name, STR("off_hours")));
	name = policy_signal_name(p, d.alerts[2]);
	assert_true(str_equal(name, STR("rule_alert")));
	policy_destroy(p);
}

static void too_many_alerts_are_counted_as_lost(void **state)
{
	char rules[400] = "gate rules\n";
	struct decision d;
	struct policy *p;
	struct scene c;

	(void)state;
	for (int i = 0; i < ALERTS_MAX + 1; i++)
		memcpy(rules + strlen(rules), "alert to any\n", sizeof("alert to any\n"));
	p = load(rules);
	scene_init(&c);
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.alert_count, ALERTS_MAX);
	assert_true(d.alerts_lost);
	policy_destroy(p);
}

/* ---- conditions -------------------------------------------------------------------------- */

struct condition_row {
	const char *condition;
	bool want;
};

static void check_conditions(const struct scene *c, const struct condition_row *rows,
			     size_t count)
{
	char rules[512];

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(rules, sizeof(rules),
			       "tenant t 11111111-1111-1111-1111-111111111111 own host "
			       "t.sharepoint.com\n"
			       "table <nets> { 192.0.2.0/24, 198.51.100.0/24 }\n"
			       "table <hosts> { \"*.example.com\" }\n"
			       "table <lands> { CN, DE }\n"
			       "gate rules\ndeny %s\n",
			       rows[i].condition);
		check(rules, c, rows[i].want ? "deny rules 6" : "allow - 0");
	}
}
#define CHECK_CONDITIONS(c, rows) \
	check_conditions((c), (rows), sizeof(rows) / sizeof((rows)[0]))

static void conditions_about_the_source(void **state)
{
	static const struct condition_row rows[] = {
		{"from role user", true},
		{"from role { desktop, user }", true},
		{"from role desktop", false},
		{"from not role desktop", true},
		{"not from role user", false},
		{"from site munich", true},
		{"from site lyon", false},
		{"from source dgw1", false},
		{"from not source dgw1", true},
		{"from 10.10.0.0/16", true},
		{"from 10.11.0.0/16", false},
		{"from not 10.11.0.0/16", true},
		{"from { source dgw1, 10.10.16.41 }", true},
		{"from not { source dgw1, 10.10.16.41 }", false},
		{"from { fd00::/8, <nets> }", false},
		{"direction outbound", true},
		{"direction { inbound, internal }", false},
	};
	struct scene c;

	(void)state;
	scene_init(&c);
	CHECK_CONDITIONS(&c, rows);
}

static void conditions_about_the_destination(void **state)
{
	static const struct condition_row rows[] = {
		{"to host \"api.example.com\"", true},
		{"to host \"API.example.com.\"", true},
		{"to host \"example.com\"", false},
		{"to host { \"x.example\", \"*.example.com\" }", true},
		{"to not host \"*.example.com\"", false},
		{"to <hosts>", true},
		{"to host { <hosts>, \"y.example\" }", true},
		{"to 198.51.100.0/24", true},
		{"to <nets>", true},
		{"to not <nets>", false},
		{"to service sql", true},
		{"to service { graph, relay }", false},
		{"to service power-platform", false},
		{"to not service power-platform", true},
		{"to connector shared_sql", true},
		{"to connector Shared_SQL", true},
		{"to connector { shared_teams, shared_dropbox }", false},
		{"to connector any", true},
		{"to country DE", true},
		{"to <lands>", true},
		{"to country { FR, <lands> }", true},
		{"to country FR", false},
		{"to not country FR", true},
		{"to country unknown", false},
		{"to country not-expected", false},
		{"to tag AzureConnectors", true},
		{"to tag AzureCloud.westeurope", false},
		{"to asn { AS1, 8075 }", true},
		{"to not asn AS8075", false},
		{"port 443", true},
		{"port 1000-2000", false},
		{"port { 80, 400-500 }", true},
		{"not port 443", false},
		{"proto tls", true},
		{"proto tcp", true},
		{"proto { udp, quic }", false},
		{"not proto dns", true},
		{"evidence sni", true},
		{"evidence { dns, address }", false},
		{"corroboration none", true},
		{"corroboration { dns_client, dns_site }", false},
		{"ja4 t13d1516h2_8daaf6152771_e5627efa2ab1", true},
		{"ja4 t13d1516h2_8daaf6152771_000000000000", false},
		{"to service sql port 443 from role user", true},
		{"to service sql port 444 from role user", false},
	};
	struct scene c;

	(void)state;
	scene_init(&c);
	c.service.service = SVC_SQL;
	add_connector(&c, CON_SQL, CONFIDENCE_VERIFIED);
	c.place.tag_count = 1;
	c.place.tags[0] = TAG_CONNECTORS;
	c.place.asn = 8075;
	c.s.ja4 = STR("t13d1516h2_8daaf6152771_e5627efa2ab1");
	CHECK_CONDITIONS(&c, rows);
}

/* docs/policy.md "What is not known". */
static void what_is_not_known_matches_neither_way(void **state)
{
	static const struct condition_row rows[] = {
		{"to host \"*.example.com\"", false},
		{"to not host \"*.example.com\"", false},
		{"to service sql", false},
		{"to not service sql", false},
		{"to not connector any", false},
		{"to not foreign tenant", false},
		{"to not asn 8075", false},
		{"not ja4 t13d1516h2_8daaf6152771_e5627efa2ab1", false},
		{"inside hours", false},
		{"outside hours", false},
		{"to country not-expected", false},
		{"to not country not-expected", false},
		/* These are classes of their own. */
		{"to country unknown", true},
		{"to country { DE, unknown }", true},
		{"to not country unknown", false},
		{"to not country DE", true},
		{"proto unknown", true},
		{"not proto dns", true},
		{"evidence address", true},
		{"not from source dgw1", true},
		/* One alternative that is known is enough. */
		{"to { host \"x.example\", 198.51.100.7 }", true},
		{"to not { host \"x.example\", 192.0.2.1 }", false},
	};
	struct scene c;

	(void)state;
	scene_init(&c);
	no_name(&c, UNDECIDABLE_NO_READER);
	c.s.protocol = PROTOCOL_UNKNOWN;
	c.place.country[0] = '\0';
	c.s.in_hours = KNOWN_UNKNOWN;
	c.s.country_expected = KNOWN_UNKNOWN;
	CHECK_CONDITIONS(&c, rows);
}

static void hours_and_schedules(void **state)
{
	static const struct condition_row monday[] = {
		{"inside hours", true},
		{"outside hours", false},
		/* 2026-11-24 is a Tuesday; 12:00 UTC is 13:00 in Berlin */
		{"during \"tue 12:30-13:30\"", true},
		{"during \"tue 12:30-13:30\" zone \"UTC\"", false},
		{"during \"tue 11:30-12:30\" zone \"UTC\"", true},
		{"not during \"mon-fri 08:00-18:00\"", false},
		{"during \"mon 22:00-14:00\"", true},
		{"during \"always\"", true},
		{"during \"never\"", false},
	};
	static const struct condition_row off[] = {
		{"inside hours", false},
		{"outside hours", true},
	};
	struct zone *zone;
	struct scene c;

	(void)state;
	assert_int_equal(zone_load(NULL, "Europe/Berlin", &zone), 0);
	scene_init(&c);
	c.s.zone = zone;
	CHECK_CONDITIONS(&c, monday);
	c.s.in_hours = KNOWN_NO;
	CHECK_CONDITIONS(&c, off);
	zone_destroy(zone);
}

static void an_unknown_egress_is_undecidable(void **state)
{
	static const char rules[] = "gate ip-firewall\n"
				    "allow from egress 203.0.113.0/24\n"
				    "deny  to any\n"
				    "gate undecidable\n"
				    "deny egress_unknown\n";
	struct scene c;

	(void)state;
	scene_init(&c);
	check_gate(rules, &c, GATE_IP_FIREWALL, "undecidable egress_unknown");
	check(rules, &c, "deny undecidable 5");
	c.s.egress = address("203.0.113.20");
	check(rules, &c, "allow - 0");
	c.s.egress = address("198.51.100.10");
	check(rules, &c, "deny ip-firewall 3");
	/* Where both ways say the same, it is not asked. */
	memset(&c.s.egress, 0, sizeof(c.s.egress));
	check("gate ip-firewall\ndeny from egress 203.0.113.0/24\ndeny to any\n", &c,
	      "deny ip-firewall 3");
	check_gate("gate ip-firewall\ndeny from not egress 203.0.113.0/24\n", &c,
		   GATE_IP_FIREWALL, "undecidable egress_unknown");
}

/* ---- own --------------------------------------------------------------------------------- */

#define OWN_NAMES                                                                   \
	"tenant us 11111111-1111-1111-1111-111111111111 own host "                  \
	"us.sharepoint.com\n"                                                       \
	"tenant them 22222222-2222-2222-2222-222222222222 partner\n"                \
	"environment prod 33333333-3333-3333-3333-333333333333 own tenant us host " \
	"us.crm4.dynamics.com org 44444444-4444-4444-4444-444444444444\n"           \
	"environment lab 55555555-5555-5555-5555-555555555555 partner\n"
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
	c.s.host = STR("evil.blob.core.windows.net");
	check_gate(rules, &c, GATE_ENDPOINTS, "deny 5");
	c.s.host = STR("contosodata.example");
	check_gate(rules, &c, GATE_ENDPOINTS, "not_concerned 0");
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

/* ---- undecidable ------------------------------------------------------------------------- */

static void reasons_have_policies_by_role(void **state)
{
	static const char rules[] = "gate undecidable\n"
				    "deny  { no_sni, ech_used } from role desktop\n"
				    "allow no_sni\n"
				    "alert ech_used\n"
				    "deny  conflict report-only\n";
	struct policy *p = load(rules);
	struct decision d;
	struct scene c;

	(void)state;
	scene_init(&c);
	no_name(&c, UNDECIDABLE_NO_SNI);
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_int_equal(d.reason, VERDICT_REASON_UNDECIDABLE);
	assert_false(d.undecidable_alert);
	assert_int_equal(policy_rule(p, d.undecidable_rule).line, 3);

	c.s.undecidable = UNDECIDABLE_ECH_USED;
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_true(d.undecidable_alert);
	assert_int_equal(policy_rule(p, d.undecidable_rule).line, 4);

	c.s.role = ROLE_DESKTOP;
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_DENY);
	assert_int_equal(d.gate, GATE_UNDECIDABLE);
	assert_int_equal(d.undecidable, UNDECIDABLE_ECH_USED);
	assert_int_equal(policy_rule(p, d.rule).line, 2);

	c.s.undecidable = UNDECIDABLE_CONFLICT;
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_true(d.undecidable_alert);
	assert_int_equal(d.undecidable_rule, RULE_NONE);
	assert_int_equal(d.would, VERDICT_DENY);
	assert_int_equal(d.would_gate, GATE_UNDECIDABLE);
	policy_destroy(p);
}

/* ---- the first packet -------------------------------------------------------------------- */

static void check_early(const char *rules, const struct scene *c, const char *want)
{
	struct policy *p = load(rules);
	struct decision d = {.verdict = VERDICT_NONE};
	char got[64] = "later";

	if (policy_decide_early(p, &c->s, &d)) {
		told(p, &d, got);
		assert_int_equal(d.reason, VERDICT_REASON_ADDRESS);
	} else {
		assert_int_equal(d.verdict, VERDICT_NONE); /* untouched */
	}
	if (strcmp(got, want) != 0)
		print_error("rules:\n%s\n", rules);
	assert_string_equal(got, want);
	policy_destroy(p);
}

static void early_denies_are_certain_whatever_the_name(void **state)
{
	static const struct {
		const char *rules, *want;
	} rows[] = {
		{"gate rules\ndeny to 198.51.100.0/24\n", "deny rules 2"},
		{"gate rules\nallow to any\n", "later"},
		{"gate rules\ndeny to host \"x.example\"\n", "later"},
		{"gate rules\nallow to host \"x.example\"\ndeny to any\n", "later"},
		{"gate rules\ndeny to host \"x.example\"\ndeny to any\n", "deny rules 3"},
		{"gate rules\ndeny to not host \"x.example\"\n", "later"},
		{"gate rules\ndeny to service sql port 22\ndeny to country DE\n",
		 "deny rules 3"},
		{"gate rules\nallow proto tls\ndeny to any\n", "later"},
		{"gate rules\nallow proto udp\ndeny to any\n", "deny rules 3"},
		{"gate rules\ndeny proto tcp\n", "deny rules 2"},
		{"gate rules\ndeny evidence address\n", "later"},
		{"gate rules\ndeny outside hours\n", "later"}, /* it is inside */
		{"gate rules\ndeny inside hours\n", "deny rules 2"},
		{"gate rules\ndeny to country not-expected\n", "later"},
		{"gate default\ndeny other\n", "later"}, /* the name may be in scope */
		{"gate default\ndeny other\ndeny in-scope\n", "deny default 2"},
		{"gate rules\nallow to service sql\ngate default\ndeny other\n"
		 "deny in-scope\n",
		 "later"},
		{"gate rules\ndeny to any report-only\n", "later"},
		{"gate own\ndeny from 10.0.0.0/8\ngate rules\nallow to any\n",
		 "deny own 2"},
		{"gate exceptions\nallow from 10.0.0.0/8 to host \"x.example\" skip rules "
		 "owner o reason r expires 2027-01-01\ngate rules\ndeny to any\n",
		 "later"},
		{"gate exceptions\nallow from 11.0.0.0/8 to host \"x.example\" skip rules "
		 "owner o reason r expires 2027-01-01\ngate rules\ndeny to any\n",
		 "deny rules 4"},
		{"gate exceptions\nallow from 10.0.0.0/8 to host \"x.example\" skip own "
		 "owner o reason r expires 2027-01-01\ngate rules\ndeny to any\n",
		 "deny rules 4"},
		{"gate rules\ndeny from egress 203.0.113.0/24\n", "later"},
		{"gate connectors\ndeny connector any from role user\n", "later"},
		{"gate endpoints\nlist Http for role user\n1 deny \"*\"\n", "later"},
	};
	struct scene c;

	(void)state;
	scene_init(&c);
	first_packet(&c);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_early(rows[i].rules, &c, rows[i].want);
	/* In scope by role: no name can change that. */
	c.s.role = ROLE_DESKTOP;
	c.s.in_scope = true;
	check_early("gate default\ndeny in-scope\n", &c, "deny default 2");
}

/* What a connection may turn out to be once its name and protocol are known. */
static void sixth(struct scene *c, size_t n)
{
	static const char *const hosts[] = {"a.example", "b.example", NULL};

	scene_init(c);
	c->s.host = str_of(hosts[n % 3]);
	c->s.protocol = n < 3 ? PROTOCOL_TLS : PROTOCOL_OTHER;
	if (n % 3 == 1) {
		c->service.service = SVC_SQL;
		c->s.in_scope = true;
		c->s.country_expected = KNOWN_NO;
		add_connector(c, CON_SQL, CONFIDENCE_VERIFIED);
	}
}

/* Is it denied early?  Then it is denied in each case. */
static bool denied_both_ways(const struct policy *p, const char *rules)
{
	struct decision d;
	struct scene c;

	scene_init(&c);
	first_packet(&c);
	if (!policy_decide_early(p, &c.s, &d))
		return false;
	for (size_t n = 0; n < 6; n++) {
		sixth(&c, n);
		policy_decide(p, &c.s, &d);
		if (d.verdict != VERDICT_DENY)
			print_error("%s", rules);
		assert_int_equal(d.verdict, VERDICT_DENY);
	}
	return true;
}

/* Soundness, by trying: what is denied early is denied for each of these names too. */
static void early_denies_agree_with_later_ones(void **state)
{
	static const char *const lines[] = {
		"deny to host \"a.example\"",
		"allow to host \"a.example\"",
		"deny to not service sql",
		"allow proto quic",
		"deny port 443",
		"deny to country not-expected",
		"allow to connector any",
		"deny from role user",
		"allow evidence sni",
		"deny to foreign tenant",
		"deny not proto { tls, tcp }",
		"allow to { host \"b.example\", country FR }",
	};
	const size_t n = sizeof(lines) / sizeof(lines[0]);
	size_t early = 0;

	(void)state;
	for (size_t i = 0; i < n * n * n; i++) {
		struct policy *p;
		char rules[400];

		(void)snprintf(rules, sizeof(rules),
			       "gate rules\n%s\n%s\n%s\ngate default\n%s\n", lines[i % n],
			       lines[i / n % n], lines[i / n / n],
			       i % 2 == 0 ? "deny other" : "deny in-scope\ndeny other");
		p = load(rules);
		early += denied_both_ways(p, rules);
		policy_destroy(p);
	}
	assert_true(early > 100);
}

static void has_rules_tells_whether_a_name_matters(void **state)
{
	static const struct {
		const char *rules;
		bool want;
	} rows[] = {
		{"", false},
		{"gate rules\ndeny to 192.0.2.0/24\nalert outside hours\n", false},
		{"gate rules\ndeny to service sql\n", true},
		{"gate rules\ndeny proto dns\n", true},
		{"gate default\nallow other\n", true},
		{"gate undecidable\nalert no_sni\n", false},
		{"gate undecidable\ndeny no_sni\n", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy *p = load(rows[i].rules);

		assert_int_equal(policy_has_rules(p), rows[i].want);
		policy_destroy(p);
	}
}

/* ---- size -------------------------------------------------------------------------------- */

static void a_name_in_more_patterns_than_fit_is_still_found(void **state)
{
	/* 300 patterns with a star inside a label, all of which match the name. */
	char *rules = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&rules, &len);
	char name[300];
	struct scene c;

	(void)state;
	assert_non_null(out);
	(void)fputs("gate rules\n", out);
	for (int i = 1; i < 300; i++) {
		int a = i % 60 + 1, b = i / 60 + 1;

		(void)fprintf(
			out, "alert to host \"%.*s*.%.*s*.example\"\n", a,
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			b, "bbbbbbbb");
	}
	(void)fputs("deny to host \"a*.b*.example\"\n", out);
	assert_int_equal(fclose(out), 0);
	(void)snprintf(name, sizeof(name), "%s.%s.example",
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		       "bbbbbbbbb");
	scene_init(&c);
	c.s.host = str_of(name);
	check(rules, &c, "deny rules 301");
	free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_matching_line_answers),
		cmocka_unit_test(nothing_said_is_allowed),
		cmocka_unit_test(default_answers_for_scope_when_rules_do_not),
		cmocka_unit_test(an_allow_of_an_early_gate_only_narrows),
		cmocka_unit_test(files_join_their_gates),
		cmocka_unit_test(an_exception_skips_its_gates_until_it_expires),
		cmocka_unit_test(an_exception_that_skips_rules_leaves_default),
		cmocka_unit_test(report_only_never_decides_but_is_told),
		cmocka_unit_test(a_report_only_allow_would_let_through),
		cmocka_unit_test(a_report_only_line_behind_the_answer_has_no_say),
		cmocka_unit_test(alerts_go_on_and_are_kept_in_order),
		cmocka_unit_test(too_many_alerts_are_counted_as_lost),
		cmocka_unit_test(conditions_about_the_source),
		cmocka_unit_test(conditions_about_the_destination),
		cmocka_unit_test(what_is_not_known_matches_neither_way),
		cmocka_unit_test(hours_and_schedules),
		cmocka_unit_test(an_unknown_egress_is_undecidable),
		cmocka_unit_test(ownership_by_guid_and_by_host),
		cmocka_unit_test(no_tenant_of_ours_makes_nobody_foreign),
		cmocka_unit_test(unknown_owners_alert_unless_a_line_answers),
		cmocka_unit_test(connectors_deny_only_what_is_wholly_denied),
		cmocka_unit_test(a_denied_default_group_spares_what_is_allowed),
		cmocka_unit_test(sql_lists_know_server_and_database),
		cmocka_unit_test(smtp_lists_know_server_and_port),
		cmocka_unit_test(blob_lists_know_the_account),
		cmocka_unit_test(http_lists_know_url_or_host),
		cmocka_unit_test(clear_http_is_judged_by_its_url),
		cmocka_unit_test(infrastructure_is_not_concerned),
		cmocka_unit_test(several_lists),
		cmocka_unit_test(a_report_only_list_is_told),
		cmocka_unit_test(reasons_have_policies_by_role),
		cmocka_unit_test(early_denies_are_certain_whatever_the_name),
		cmocka_unit_test(early_denies_agree_with_later_ones),
		cmocka_unit_test(has_rules_tells_whether_a_name_matters),
		cmocka_unit_test(a_name_in_more_patterns_than_fit_is_still_found),
	};

	return cmocka_run_group_tests_name("policy/decide", tests, NULL, NULL);
}
