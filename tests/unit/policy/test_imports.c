/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several policies in gate connectors, imported files, and where their lines come from.
 * That a changed file is refused: tests/rules/fail/import.in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

static struct policy *load_file(const char *path)
{
	struct diag *d = diag_create();
	struct policy_cfg cfg = {
		.files = &path, .file_count = 1, .vocabulary = &fixture_vocabulary};
	struct policy *p = policy_load(&cfg, d);

	if (p == NULL)
		diag_print(d, stderr, false);
	assert_non_null(p);
	diag_destroy(d);
	return p;
}

#define TWO                                \
	"gate connectors\n"                \
	"policy \"first\"\n"               \
	"allow connector shared_sql\n"     \
	"deny connector shared_dropbox\n"  \
	"allow connector any\n"            \
	"policy \"second\"\n"              \
	"deny connector shared_sql\n"      \
	"allow connector shared_dropbox\n" \
	"deny connector shared_teams\n"    \
	"allow connector any\n"

static void robot(struct scene *c, enum fixture_connector id)
{
	scene_init(c);
	c->s.role = ROLE_DESKTOP;
	add_connector(c, id, CONFIDENCE_VERIFIED);
}

static void test_the_most_restrictive_policy_counts(void **state)
{
	struct scene c;

	(void)state;
	robot(&c, CON_SQL);
	check_gate(TWO, &c, GATE_CONNECTORS, "deny 7");
	robot(&c, CON_DROPBOX);
	check_gate(TWO, &c, GATE_CONNECTORS, "deny 4");
	robot(&c, CON_TEAMS);
	check_gate(TWO, &c, GATE_CONNECTORS, "deny 9");
	robot(&c, CON_OUTLOOK);
	check_gate(TWO, &c, GATE_CONNECTORS, "allow 5");
	/* One denies the one, the other the other connector of the host. */
	robot(&c, CON_DROPBOX);
	add_connector(&c, CON_TEAMS, CONFIDENCE_PUBLISHED);
	check_gate(TWO, &c, GATE_CONNECTORS, "deny 4");
	add_connector(&c, CON_OUTLOOK, CONFIDENCE_VERIFIED);
	check_gate(TWO, &c, GATE_CONNECTORS, "undecidable shared_host");
	/* Without policies the first line answers. */
	robot(&c, CON_SQL);
	check_gate("gate connectors\nallow connector any\ndeny connector shared_sql\n",
		   &c, GATE_CONNECTORS, "allow 2");
}

static void test_imports_are_policies_for_their_roles(void **state)
{
	struct policy *p = load_file("tests/rules/ok/import.in");
	struct decision d;
	struct scene c;

	(void)state;
	robot(&c, CON_DROPBOX);
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.gates[GATE_CONNECTORS].answer, ANSWER_DENY);
	c.s.role = ROLE_SUBNET; /* the file says so, the statement does not */
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.gates[GATE_CONNECTORS].answer, ANSWER_NOT_CONCERNED);
	c.s.role = ROLE_USER;
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.gates[GATE_CONNECTORS].answer, ANSWER_NOT_CONCERNED);
	/* The second file denies nearly all, report-only, but whoever is bound to prod. */
	robot(&c, CON_OUTLOOK);
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.gates[GATE_CONNECTORS].answer, ANSWER_ALLOW);
	assert_int_equal(d.gates[GATE_CONNECTORS].report, ANSWER_DENY);
	c.s.inside = address("10.80.4.1");
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.gates[GATE_CONNECTORS].answer, ANSWER_ALLOW);
	assert_int_equal(d.gates[GATE_CONNECTORS].report, ANSWER_NOT_CONCERNED);
	policy_destroy(p);
}

static void test_imported_firewalls_report_until_enforced(void **state)
{
	struct policy *reporting = load_file("tests/rules/ok/import.in");
	struct policy *enforced = load_file("tests/rules/ok/import-enforce.in");
	struct decision d;
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.inside = address("192.0.2.1");
	c.s.egress = address("203.0.113.9");
	c.s.host = STR("prod.crm4.dynamics.com");
	policy_decide(reporting, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_int_equal(d.would, VERDICT_DENY);
	policy_decide(enforced, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_DENY);
	assert_int_equal(d.gate, GATE_IP_FIREWALL);
	c.s.egress = address("198.51.100.3");
	policy_decide(enforced, &c.s, &d);
	assert_int_equal(d.gates[GATE_IP_FIREWALL].answer, ANSWER_ALLOW);
	policy_destroy(reporting);
	policy_destroy(enforced);
}

static void assert_holds(char *text, const char *want)
{
	if (strstr(text, want) == NULL)
		fail_msg("no \"%s\" in:\n%s", want, text);
	free(text);
}

static void test_lines_tell_their_policy(void **state)
{
	struct policy *p = load_file("tests/rules/ok/import.in");
	struct rule_origin o;
	struct decision d;
	struct scene c;
	char *text;
	size_t len;
	FILE *out;

	(void)state;
	robot(&c, CON_DROPBOX);
	policy_decide(p, &c.s, &d);
	assert_true(policy_rule_origin(p, d.rule, &o));
	assert_true(str_equal(o.title, STR("Contoso, everywhere")));
	assert_true(str_equal(o.policy, STR("6a1f0a2c-7c4d-4a90-8f0e-1d2c3b4a5968")));
	assert_true(str_equal(o.source, STR("export.json")));
	assert_true(str_equal(o.date, STR("2026-11-20")));
	assert_int_equal(o.sha256.len, 64);
	assert_false(policy_origin(p, 3, &o));
	out = open_memstream(&text, &len);
	policy_explain(p, &c.s, &d, out);
	assert_int_equal(fclose(out), 0);
	assert_holds(text, "  [policy \"Contoso, everywhere\" "
			   "6a1f0a2c-7c4d-4a90-8f0e-1d2c3b4a5968 from export.json of "
			   "2026-11-20]\n");
	out = open_memstream(&text, &len);
	policy_print_origins(p, out);
	assert_int_equal(fclose(out), 0);
	assert_holds(text,
		     "# import: tests/rules/ok/import/strict.rules  source export.json"
		     "  sha256 ");
	policy_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_most_restrictive_policy_counts),
		cmocka_unit_test(test_imports_are_policies_for_their_roles),
		cmocka_unit_test(test_imported_firewalls_report_until_enforced),
		cmocka_unit_test(test_lines_tell_their_policy),
	};

	return cmocka_run_group_tests_name("policy/imports", tests, NULL, NULL);
}
