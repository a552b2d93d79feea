/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which environments an inside address is bound to, and the gates that ask about it.
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

#define NAMES                                                      \
	"environment a 33333333-3333-3333-3333-333333333333 own\n" \
	"environment b 44444444-4444-4444-4444-444444444444 own\n" \
	"environment c 55555555-5555-5555-5555-555555555555 own\n" \
	"table <net> { 10.10.8.0/24, 10.10.8.0/24, 2001:db8::/32 }\n"

/* "a b 10.10.8.21/32 dgw1 5" for each binding that holds the address, in order. */
static void told_bindings(const struct policy *p, const char *text, char *ret,
			  size_t size)
{
	struct policy_binding b[8];
	struct addr a = address(text);
	size_t n = policy_bindings(p, &a, b, 8), len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		char prefix[PREFIX_TEXT_MAX];
		struct str name;

		for (size_t k = 0; (name = policy_bound_environment(p, &b[i], k)).len > 0;
		     k++)
			len += (size_t)snprintf(ret + len, size - len, "%.*s ",
						(int)name.len, name.p);
		(void)prefix_format(&b[i].prefix, prefix);
		len += (size_t)snprintf(
			ret + len, size - len, "%s %s %u; ", prefix,
			b[i].source == ID_NONE ? "-" : fixture_sources[b[i].source],
			(unsigned)b[i].place.line);
	}
}

static void the_longest_prefix_comes_first(void **state)
{
	static const char *const rows[][2] = {
		{"10.10.8.21", "a b 10.10.8.21/32 dgw1 5; a b 10.10.8.0/24 - 5; "
			       "b 10.10.0.0/16 - 7; "},
		{"10.10.8.22", "a b 10.10.8.0/24 - 5; b 10.10.0.0/16 - 7; "},
		{"10.10.9.32", "c 10.10.9.32/32 robots 6; b 10.10.0.0/16 - 7; "},
		{"10.10.200.1", "b 10.10.0.0/16 - 7; "},
		{"10.11.0.1", ""},
		{"2001:db8::1", "a b 2001:db8::/32 - 5; c ::/0 - 10; "},
		{"2001:db8:1::1", "c 2001:db8:1::/48 - 10; a b 2001:db8::/32 - 5; "
				  "c ::/0 - 10; "},
	};
	struct policy *p =
		load(NAMES "bind { source dgw1, <net> } to environment { a, b }\n"
			   "bind source robots to environment c\n"
			   "bind 10.10.0.0/16 \\\n  to environment b\n\n"
			   "bind { 2001:db8:1::/48, ::/0 } to environment c\n");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char got[400];

		told_bindings(p, rows[i][0], got, sizeof(got));
		assert_string_equal(got, rows[i][1]);
	}
	policy_destroy(p);
}

static void without_bindings_nobody_is_bound(void **state)
{
	struct policy *p = load(NAMES "gate rules\nallow to any\n");
	struct addr a = address("10.10.8.21");
	struct policy_binding b;

	(void)state;
	assert_int_equal(policy_bindings(p, &a, &b, 1), 0);
	policy_destroy(p);
}

struct asked {
	const char *inside;
	const char *want;
};

/* The same rules about each address. */
static void check_all(const char *rules, const struct asked *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct scene c;

		scene_init(&c);
		c.s.role = ROLE_GATEWAY;
		c.s.inside = address(rows[i].inside);
		check(rules, &c, rows[i].want);
	}
}

#define BOUND                                                   \
	NAMES                                                   \
	"bind { source dgw1, <net> } to environment { a, b }\n" \
	"bind 10.10.0.0/16 to environment b\n"                  \
	"bind 10.10.8.22 to environment c\n"

static void lines_ask_what_the_source_is_bound_to(void **state)
{
	/* Line 9 is the first of the gate. */
	static const struct asked rows[] = {
		{"10.10.8.21", "deny rules 9"},  {"10.10.8.23", "deny rules 9"},
		{"10.10.8.22", "deny rules 10"}, {"10.10.77.1", "allow rules 11"},
		{"192.0.2.1", "deny rules 12"},
	};

	(void)state;
	check_all(BOUND "gate rules\n"
			"deny from environment a\n"
			"deny from { environment c, 10.99.0.0/16 }\n"
			"allow from not environment c from environment b\n"
			"deny from not environment { a, b, c }\n",
		  rows, 5);
}

static void a_binding_is_known_at_the_first_packet(void **state)
{
	struct policy *p = load(BOUND "gate rules\ndeny from environment a\n");
	struct decision d;
	struct scene c;

	(void)state;
	scene_init(&c);
	first_packet(&c);
	c.s.inside = address("10.10.8.21");
	assert_true(policy_decide_early(p, &c.s, &d));
	assert_int_equal(policy_rule(p, d.rule).line, 9);
	c.s.inside = address("10.10.8.22");
	assert_false(policy_decide_early(p, &c.s, &d));
	assert_false(policy_has_rules(p)); /* the name is not asked about */
	policy_destroy(p);
}

static void a_list_is_chosen_by_the_binding(void **state)
{
	static const char rules[] =
		BOUND "gate endpoints\n"
		      "list http for role gateway environment a\n"
		      " 1 deny \"*\"\n"
		      "list http for role gateway environment { b, c }\n"
		      " 1 allow \"*\"\n";
	/* Of two lists that are for the source the deny wins, by its line 10. */
	static const struct asked rows[] = {
		{"10.10.8.21", "deny endpoints 10"},
		{"10.10.8.22", "allow - 0"},
		{"10.10.77.1", "allow - 0"},
		{"192.0.2.1", "allow - 0"},
	};
	struct scene c;

	(void)state;
	check_all(rules, rows, 4);
	scene_init(&c);
	c.s.role = ROLE_GATEWAY;
	c.s.inside = address("10.10.77.1");
	check_gate(rules, &c, GATE_ENDPOINTS, "allow 12");
	c.s.inside = address("192.0.2.1");
	check_gate(rules, &c, GATE_ENDPOINTS, "not_concerned 0");
}

static void explain_says_what_the_source_is_bound_to(void **state)
{
	static const char *const rows[][2] = {
		{"10.10.8.22", "the source is bound to c\n"},
		{"10.10.77.1", "the source is bound to b\n"},
		{"192.0.2.1", "the source is bound to no environment\n"},
	};
	struct policy *p = load(BOUND "gate rules\ndeny from environment a\n");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);
		struct decision d;
		struct scene c;

		assert_non_null(out);
		scene_init(&c);
		c.s.inside = address(rows[i][0]);
		policy_decide(p, &c.s, &d);
		policy_explain(p, &c.s, &d, out);
		assert_int_equal(fclose(out), 0);
		assert_non_null(strstr(text, rows[i][1]));
		free(text);
	}
	policy_destroy(p);
}

/* ---- against a plain scan ---------------------------------------------------------------- */

#define RANDOM_BINDINGS 300

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

struct drawn {
	uint32_t address;
	unsigned bits, environment;
};

/* The prefixes lie in each other as often as not; equal ones would be an error. */
static size_t draw_bindings(uint32_t *seed, struct drawn *list)
{
	size_t n = 0;

	while (n < RANDOM_BINDINGS) {
		unsigned bits = 8 + draw(seed) % 25;
		uint32_t a = 0x0a000000u | (draw(seed) & 0x000f0f0fu);
		bool fresh = true;

		a &= UINT32_MAX << (32 - bits);
		for (size_t i = 0; i < n && fresh; i++)
			fresh = list[i].address != a || list[i].bits != bits;
		if (fresh)
			list[n++] = (struct drawn){a, bits, draw(seed) % 3};
	}
	return n;
}

static int scan(const struct drawn *list, size_t n, uint32_t address)
{
	int best = -1;
	unsigned bits = 0;

	for (size_t i = 0; i < n; i++)
		if ((address ^ list[i].address) >> (32 - list[i].bits) == 0 &&
		    list[i].bits >= bits) {
			best = (int)list[i].environment;
			bits = list[i].bits;
		}
	return best;
}

static void quad(uint32_t a, char ret[16])
{
	(void)snprintf(ret, 16, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255,
		       a & 255);
}

static void random_bindings_answer_as_a_scan_does(void **state)
{
	static const char names[] = "abc";
	struct drawn list[RANDOM_BINDINGS];
	static char text[32768] = NAMES;
	char at[16];
	size_t len = strlen(text), n, bound = 0;
	uint32_t seed = 5;
	struct policy *p;

	(void)state;
	n = draw_bindings(&seed, list);
	for (size_t i = 0; i < n; i++) {
		quad(list[i].address, at);
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"bind %s/%u to environment %c\n", at,
					list[i].bits, names[list[i].environment]);
	}
	p = load(text);
	for (size_t i = 0; i < 20000; i++) {
		uint32_t a = 0x0a000000u | (draw(&seed) & 0x000f0f0fu);
		struct policy_binding b;
		struct addr inside;
		int want = scan(list, n, a);

		quad(a, at);
		inside = address(at);
		assert_int_equal(policy_bindings(p, &inside, &b, 1), want >= 0);
		if (want < 0)
			continue;
		bound++;
		assert_int_equal(policy_bound_environment(p, &b, 0).p[0], names[want]);
	}
	assert_true(bound > 1000);
	policy_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_prefix_comes_first),
		cmocka_unit_test(without_bindings_nobody_is_bound),
		cmocka_unit_test(lines_ask_what_the_source_is_bound_to),
		cmocka_unit_test(a_binding_is_known_at_the_first_packet),
		cmocka_unit_test(a_list_is_chosen_by_the_binding),
		cmocka_unit_test(explain_says_what_the_source_is_bound_to),
		cmocka_unit_test(random_bindings_answer_as_a_scan_does),
	};

	return cmocka_run_group_tests_name("policy/bindings", tests, NULL, NULL);
}
