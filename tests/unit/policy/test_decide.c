/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rule files mean: text and a connection in, the verdict with its gate and line
 * out.
 */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "match/zone.h"
#include "scene.h"

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
	static const uint16_t tags[] = {TAG_CONNECTORS};
	struct scene c;

	(void)state;
	scene_init(&c);
	c.service.service = SVC_SQL;
	add_connector(&c, CON_SQL, CONFIDENCE_VERIFIED);
	c.place.tag_count = 1;
	c.place.tags = tags;
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
	/* The hello may tell that the address is shared; who is nobody known stays so. */
	check_early("gate rules\ndeny from user \"anna\"\n", &c, "later");
	c.s.user = STR("anna");
	check_early("gate rules\ndeny from user \"anna\"\n", &c, "later");
	check_early("gate rules\ndeny from not user \"kim\"\n", &c, "later");
	check_early("gate rules\nallow from user \"kim\"\ndeny to any\n", &c, "later");
	c.s.user = STR_NONE;
	check_early("gate rules\nallow from user \"anna\"\ndeny to any\n", &c,
		    "deny rules 3");
	/* In scope by role: no name can change that. */
	c.s.role = ROLE_DESKTOP;
	c.s.in_scope = true;
	check_early("gate default\ndeny in-scope\n", &c, "deny default 2");
}

static void people_are_known_by_name(void **state)
{
	static const char rules[] = "gate rules\n"
				    "deny from user { \"kim\", \"Anna\", \"zoe\" }\n"
				    "deny from not user { \"bob\", \"max\" }\n";
	struct scene c;

	(void)state;
	scene_init(&c);
	check(rules, &c, "allow - 0");
	c.s.user = STR("ANNA");
	check(rules, &c, "deny rules 2");
	c.s.user = STR("zoe");
	check(rules, &c, "deny rules 2");
	c.s.user = STR("kimm");
	check(rules, &c, "deny rules 3");
	c.s.user = STR("max");
	check(rules, &c, "allow - 0");
	c.s.user = STR("Kim");
	check("gate rules\ndeny from user \"kim\" port 80\nallow from user \"kim\"\n"
	      "deny to any\n",
	      &c, "allow rules 3");
}

#define LISTS                                               \
	"gate endpoints\n"                                  \
	"list Http for role desktop\n 1 deny \"*\"\n"       \
	"list shared_sql for role desktop\n 1 deny \"*\"\n" \
	"list shared_webcontents for role desktop\n 1 deny \"*\"\n"
#define EXCEPTION(skip)     \
	"gate exceptions\n" \
	"allow from 10.0.0.0/8 skip " skip " owner o reason r expires 2027-01-01\n"

static void an_exception_lifts_the_lists_of_one_connector(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	check(LISTS, &c, "deny endpoints 3");
	check(EXCEPTION("endpoints:Http") LISTS, &c, "deny endpoints 9");
	check(EXCEPTION("endpoints:shared_sql") LISTS, &c, "deny endpoints 5");
	check(EXCEPTION("{ endpoints:http, endpoints:shared_webcontents }") LISTS, &c,
	      "allow - 0");
	check(EXCEPTION("{ rules, \"endpoints:Http\", endpoints:shared_webcontents }")
		      LISTS "gate rules\ndeny to any\n",
	      &c, "allow - 0");
	c.s.server_port = 1433;
	c.s.protocol = PROTOCOL_TDS;
	check(EXCEPTION("endpoints:Http") LISTS, &c, "deny endpoints 7");
	check(EXCEPTION("endpoints:shared_sql") LISTS, &c, "allow - 0");
}

static void an_exception_lifts_the_patterns_of_custom_connectors(void **state)
{
	static const char patterns[] = "gate connectors\n"
				       "list custom-connectors for role desktop\n"
				       " 1 group blocked \"*\"\n";
	char rules[512];
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	check(patterns, &c, "deny connectors 3");
	(void)snprintf(rules, sizeof(rules), "%s%s",
		       EXCEPTION("connectors:custom-connectors"), patterns);
	check(rules, &c, "allow - 0");
	(void)snprintf(rules, sizeof(rules), "%s%s", EXCEPTION("endpoints:Http"),
		       patterns);
	check(rules, &c, "deny connectors 5");
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
		cmocka_unit_test(people_are_known_by_name),
		cmocka_unit_test(an_exception_lifts_the_lists_of_one_connector),
		cmocka_unit_test(an_exception_lifts_the_patterns_of_custom_connectors),
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
		cmocka_unit_test(reasons_have_policies_by_role),
		cmocka_unit_test(early_denies_are_certain_whatever_the_name),
		cmocka_unit_test(early_denies_agree_with_later_ones),
		cmocka_unit_test(has_rules_tells_whether_a_name_matters),
		cmocka_unit_test(a_name_in_more_patterns_than_fit_is_still_found),
	};

	return cmocka_run_group_tests_name("policy/decide", tests, NULL, NULL);
}
