/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shadowed lines against deciding: what check calls shadowed never answers, whatever is asked;
 * of lines about one field alone, what never answers is called shadowed.  A line that is called
 * contradictory matches nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../property/random.h"
#include "scene.h"

#define LINES     10
#define TEXT_MAX  8192
#define PORTS     12
#define ADDRESSES 8

struct text {
	char p[TEXT_MAX];
	size_t len;
};

static void say(struct text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->len += (size_t)vsnprintf(t->p + t->len, TEXT_MAX - t->len, fmt, args);
	va_end(args);
	assert_in_range(t->len, 0, TEXT_MAX - 1);
}

static void say_ports(struct text *t, struct rng *r)
{
	unsigned n = 1 + below(r, 3);

	say(t, "  port { ");
	for (unsigned i = 0; i < n; i++) {
		unsigned low = 1 + below(r, PORTS);
		unsigned high = low + below(r, PORTS + 1 - low);

		say(t, "%s%u-%u", i == 0 ? "" : ", ", low, high);
	}
	say(t, " }");
}

static void say_prefixes(struct text *t, struct rng *r)
{
	unsigned n = 1 + below(r, 3);

	say(t, "  from %s{ ", below(r, 5) == 0 ? "not " : "");
	for (unsigned i = 0; i < n; i++) {
		unsigned bits = below(r, 4); /* that are free */

		say(t, "%s10.0.0.%u/%u", i == 0 ? "" : ", ",
		    below(r, ADDRESSES) >> bits << bits, 32 - bits);
	}
	say(t, " }");
}

static void say_plain_prefixes(struct text *t, struct rng *r)
{
	unsigned bits = below(r, 4);

	say(t, "  from 10.0.0.%u/%u", below(r, ADDRESSES) >> bits << bits, 32 - bits);
}

static void say_roles(struct text *t, struct rng *r)
{
	unsigned set = 1 + below(r, (1u << ROLE_COUNT) - 1);
	const char *comma = "";

	say(t, "  from role { ");
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if ((set >> i & 1) != 0) {
			say(t, "%s%s", comma, role_name((enum role)i));
			comma = ", ";
		}
	say(t, " }");
}

static const char *const hosts[] = {"a.example",     "b.a.example", "c-b.a.example",
				    "c.b.a.example", "x.test",      NULL};

static void say_hosts(struct text *t, struct rng *r)
{
	static const char *const patterns[] = {
		"\"*.example\"",    "\"*.a.example\"",  "\"a.example\"",
		"\"*b.a.example\"", "\"c*.a.example\"", "{ \"x.test\", \"*.example\" }",
		"\"b.a.example\""};

	say(t, "  to %shost %s", below(r, 5) == 0 ? "not " : "",
	    patterns[below(r, sizeof(patterns) / sizeof(patterns[0]))]);
}

static void say_countries(struct text *t, struct rng *r)
{
	static const char *const sets[] = {"DE", "FR", "{ DE, FR }", "{ DE, unknown }",
					   "not-expected"};

	say(t, "  %sto country %s", below(r, 3) == 0 ? "not " : "",
	    sets[below(r, sizeof(sets) / sizeof(sets[0]))]);
}

static void say_services(struct text *t, struct rng *r)
{
	static const char *const sets[] = {"power-platform", "dataverse", "doh",
					   "{ power-apps, power-automate, dataverse }"};

	say(t, "  to service %s", sets[below(r, sizeof(sets) / sizeof(sets[0]))]);
}

typedef void say_condition(struct text *t, struct rng *r);

/* Which lines of the file have a finding of that name: a bit each. */
static uint32_t found(const struct diag *d, const char *name)
{
	char *text = NULL, *line, *rest;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	uint32_t lines = 0;

	assert_non_null(out);
	diag_print(d, out, false);
	assert_int_equal(fclose(out), 0);
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL) {
		const char *colon = strchr(line, ':');
		const char *tag = strstr(line, ": warning [");

		if (colon == NULL || tag == NULL || strncmp(line, "/tmp/", 5) != 0 ||
		    strncmp(tag + 11, name, strlen(name)) != 0)
			continue;
		lines |= 1u << strtoul(colon + 1, NULL, 10);
	}
	free(text);
	return lines;
}

/* How often the findings have these words. */
static size_t said(const struct diag *d, const char *words)
{
	char *text = NULL;
	size_t len = 0, n = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	diag_print(d, out, false);
	assert_int_equal(fclose(out), 0);
	for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
		n++;
	free(text);
	return n;
}

/* Ask everything that the lines can tell apart: the lines that answered or alerted. */
struct asked {
	const struct policy *p;
	struct scene c;
	uint32_t lines;
};

static void ask(struct asked *a)
{
	struct decision d;

	policy_decide(a->p, &a->c.s, &d);
	if (d.gates[GATE_RULES].rule != RULE_NONE)
		a->lines |= 1u << policy_rule(a->p, d.gates[GATE_RULES].rule).line;
	for (unsigned i = 0; i < d.alert_count; i++)
		a->lines |= 1u << policy_rule(a->p, d.alerts[i]).line;
}

static void ask_names(struct asked *a)
{
	static const uint16_t services[] = {SVC_DATAVERSE, SVC_POWER_APPS, SVC_DOH,
					    ID_NONE};

	for (size_t h = 0; h < sizeof(hosts) / sizeof(hosts[0]); h++)
		for (unsigned n = 0; n < 3 * 4; n++) {
			static const char *const codes[] = {"DE", "FR", ""};

			a->c.s.host = hosts[h] == NULL ? STR_NONE : str_of(hosts[h]);
			memcpy(a->c.place.country, codes[n % 3],
			       strlen(codes[n % 3]) + 1);
			a->c.s.country_expected = (enum known)(n % 3);
			a->c.service.service =
				hosts[h] == NULL ? ID_NONE : services[n / 3];
			ask(a);
		}
}

static uint32_t ask_all(const struct policy *p, bool names)
{
	struct asked a = {.p = p};

	scene_init(&a.c);
	for (unsigned role = 0; role < ROLE_COUNT; role++)
		for (unsigned port = 1; port <= PORTS; port++)
			for (unsigned i = 0; i < ADDRESSES; i++) {
				a.c.s.role = (enum role)role;
				a.c.s.server_port = (uint16_t)port;
				a.c.s.inside = addr_from_v4(
					(const uint8_t[]){10, 0, 0, (uint8_t)i});
				if (names && (port % 4 == 1 || i % 4 == 1))
					ask_names(&a);
				else
					ask(&a);
			}
	return a.lines;
}

static void say_lines(struct text *t, struct rng *r, say_condition *const *say_one,
		      size_t kinds)
{
	static const char *const actions[] = {"allow", "deny", "allow", "deny", "alert"};

	say(t, "gate rules\n");
	for (unsigned i = 0; i < LINES; i++) {
		size_t count = 0;

		say(t, "%s", actions[below(r, kinds == 1 ? 4 : 5)]);
		for (size_t k = 0; k < kinds; k++)
			if (kinds == 1 || below(r, kinds) < 2) {
				say_one[k](t, r);
				count++;
			}
		say(t, "%s\n", count == 0 ? "  to any" : "");
	}
}

static void test_what_is_shadowed_never_answers(void **state)
{
	static say_condition *const all[] = {say_ports, say_prefixes,  say_roles,
					     say_hosts, say_countries, say_services};
	size_t reported = 0;

	(void)state;
	for (unsigned run = 0; run < 150; run++) {
		struct rng r = rng_of(17, run);
		struct text t = {.len = 0};
		struct diag *d = diag_create();
		struct policy *p;
		uint32_t shadowed, answered;

		say_lines(&t, &r, all, sizeof(all) / sizeof(all[0]));
		p = load_text(t.p, d);
		shadowed = found(d, "shadowed");
		answered = ask_all(p, true);
		if ((shadowed & answered) != 0)
			print_error("%slines %#x\n", t.p,
				    (unsigned)(shadowed & answered));
		assert_int_equal(shadowed & answered, 0);
		reported += (size_t)__builtin_popcount(shadowed);
		policy_destroy(p);
		diag_destroy(d);
	}
	assert_true(reported > 150);
}

static void exact_for(say_condition *one, uint64_t seed)
{
	size_t reported = 0;

	for (unsigned run = 0; run < 300; run++) {
		struct rng r = rng_of(seed, run);
		struct text t = {.len = 0};
		struct diag *d = diag_create();
		uint32_t lines = ((1u << LINES) - 1) << 2; /* gate rules is line 1 */
		struct policy *p;
		uint32_t shadowed;

		say_lines(&t, &r, &one, 1);
		p = load_text(t.p, d);
		shadowed = found(d, "shadowed");
		if (shadowed != (lines & ~ask_all(p, false)))
			print_error("%ssaid %#x\n", t.p, (unsigned)shadowed);
		assert_int_equal(shadowed, lines & ~ask_all(p, false));
		reported += (size_t)__builtin_popcount(shadowed);
		policy_destroy(p);
		diag_destroy(d);
	}
	assert_true(reported > 300);
}

static void test_of_one_field_all_are_found(void **state)
{
	(void)state;
	exact_for(say_ports, 1);
	exact_for(say_plain_prefixes, 2);
	exact_for(say_roles, 3);
}

/* ---- lists of URLs ----------------------------------------------------------------------- */

/* No line has a "z": what matches a word with it, matches it by a star. */
#define LETTERS 4
static const char letters[LETTERS + 1] = "ab/z";

static void say_url(struct text *t, struct rng *r)
{
	static const char *const parts[] = {"http", "s",   "://", "*", "*", "a",
					    "b",    "a/b", "*/",  "h", "p"};
	static const char *const starts[] = {"http://", "https://", "http*://", "*://",
					     ""};

	if (below(r, 6) == 0) {
		say(t, "%s*", starts[below(r, 2)]);
		return;
	}
	say(t, "%s", starts[below(r, 5)]);
	for (unsigned n = 1 + below(r, 3); n > 0; n--)
		say(t, "%s", parts[below(r, sizeof(parts) / sizeof(parts[0]))]);
	say(t, "%s", below(r, 2) == 0 ? "*" : "");
}

static void say_urls(struct text *t, struct rng *r)
{
	say(t, "gate endpoints\nlist Http for role desktop\n");
	for (unsigned i = 1; i < LINES; i++) {
		say(t, "%u %s \"", i, below(r, 2) == 0 ? "allow" : "deny");
		say_url(t, r);
		say(t, "\"\n");
	}
	say(t, "%d deny \"*\"\n", LINES);
}

/* All URLs of up to five letters: the lines that answered. */
static uint32_t ask_urls(const struct policy *p)
{
	uint32_t lines = 0;

	for (unsigned n = 0; n < 5 * 1024; n++) {
		char url[32];
		size_t len;
		struct gate_answer a;

		for (unsigned scheme = 0; scheme < 2; scheme++) {
			len = (size_t)snprintf(url, sizeof(url), "http%s://",
					       scheme == 0 ? "" : "s");
			for (unsigned i = 0, rest = n; i < 1 + n / 1024;
			     i++, rest /= LETTERS)
				url[len++] = letters[rest % LETTERS];
			a = policy_list_answer(p, 1, (struct str){url, len});
			assert_int_not_equal(a.answer, ANSWER_UNDECIDABLE);
			lines |= 1u << policy_rule(p, a.rule).line;
		}
	}
	return lines;
}

/* What is said never answers, and of what never answers to short URLs nearly all is said. */
static void test_lists_of_urls(void **state)
{
	size_t together = 0, silent = 0, reported = 0;

	(void)state;
	for (unsigned run = 0; run < 400; run++) {
		/* Not the last line, "*", which has to be there. */
		const uint32_t lines = ((1u << (LINES - 1)) - 1) << 3;
		struct rng r = rng_of(19, run);
		struct text t = {.len = 0};
		struct diag *d = diag_create();
		struct policy *p;
		uint32_t never, answered;

		say_urls(&t, &r);
		p = load_text(t.p, d);
		never = found(d, "shadowed") | found(d, "duplicate");
		answered = ask_urls(p);
		if ((never & answered & lines) != 0)
			print_error("%slines %#x\n", t.p, (unsigned)(never & answered));
		assert_int_equal(never & answered & lines, 0);
		reported += (size_t)__builtin_popcount(never & lines);
		silent += (size_t)__builtin_popcount(lines & ~never & ~answered);
		together += said(d, "match together");
		policy_destroy(p);
		diag_destroy(d);
	}
	print_message("[   info   ] %zu never answer, %zu of them by lines together; "
		      "%zu more match no short URL\n",
		      reported, together, silent);
	assert_true(reported > 500);
	assert_true(together > 20);
}

/* ---- contradictions ---------------------------------------------------------------------- */

static void say_zero_or_not(struct text *t, struct rng *r, say_condition *one)
{
	struct text plain = {.len = 0};
	const char *word;

	one(&plain, r);
	plain.p[plain.len] = '\0';
	word = plain.p + strspn(plain.p, " ");
	say(t, "  %s%s", below(r, 2) == 0 && strstr(word, "not ") == NULL ? "not " : "",
	    word);
}

/* A line that is called contradictory matches nothing; of two fields alone all are. */
static void test_contradictions(void **state)
{
	static say_condition *const all[] = {say_ports, say_plain_prefixes, say_roles,
					     say_hosts, say_countries,      say_services};
	size_t reported = 0, matched = 0;

	(void)state;
	for (unsigned run = 0; run < 600; run++) {
		struct rng r = rng_of(23, run);
		struct text t = {.len = 0};
		struct diag *d = diag_create();
		say_condition *one = all[run % (sizeof(all) / sizeof(all[0]))];
		struct policy *p;
		bool called, asked;

		say(&t, "gate rules\ndeny");
		say_zero_or_not(&t, &r, one);
		say_zero_or_not(&t, &r, one);
		say(&t, "\n");
		p = load_text(t.p, d);
		assert_non_null(p);
		called = (found(d, "contradiction") >> 2 & 1) != 0;
		asked = (ask_all(p, true) >> 2 & 1) != 0;
		if (called && asked)
			print_error("%s", t.p);
		assert_false(called && asked);
		reported += called;
		matched += asked;
		policy_destroy(p);
		diag_destroy(d);
	}
	assert_true(reported > 80);
	assert_true(matched > 250);
}

static void test_comparing_ends(void **state)
{
	char *rules = NULL, *text = NULL;
	size_t rules_len = 0, len = 0;
	FILE *in = open_memstream(&rules, &rules_len);
	FILE *out = open_memstream(&text, &len);
	struct diag *d = diag_create();
	struct policy *p;

	(void)state;
	assert_non_null(in);
	assert_non_null(out);
	(void)fputs("gate rules\n", in);
	for (unsigned i = 0; i < 5000; i++)
		(void)fprintf(in, "deny  to host \"h%u.example\"  port %u\n", i,
			      i % 100 + 1);
	assert_int_equal(fclose(in), 0);
	p = load_text(rules, d);
	assert_non_null(p);
	diag_print(d, out, false);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "warning [not-compared]"));
	assert_int_equal(diag_count(d, DIAG_WARNING), 3); /* own-empty and no-default */
	free(rules);
	free(text);
	policy_destroy(p);
	diag_destroy(d);
}

/* Two tables that have nothing in common take too many comparisons. */
static void test_comparing_conditions_ends(void **state)
{
	char *rules = NULL;
	size_t len = 0;
	FILE *in = open_memstream(&rules, &len);
	struct diag *d = diag_create();
	struct policy *p;

	(void)state;
	assert_non_null(in);
	for (unsigned t = 0; t < 2; t++) {
		(void)fprintf(in, "table <t%u> { ", t);
		for (unsigned i = 0; i < 3500; i++)
			(void)fprintf(in, "\\\n%s10.%u.%u.%u", i == 0 ? "" : ",", t,
				      i / 200, i % 200);
		(void)fprintf(in, " }\n");
	}
	(void)fputs("gate rules\ndeny to <t0> port 25\ndeny to <t0>  to <t1>\n"
		    "deny port 25 port 26\n",
		    in);
	assert_int_equal(fclose(in), 0);
	p = load_text(rules, d);
	assert_non_null(p);
	assert_int_equal(diag_count(d, DIAG_WARNING), 3); /* own-empty and no-default */
	assert_int_equal(said(d, "of a line were not compared with each other"), 1);
	free(rules);
	policy_destroy(p);
	diag_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_shadowed_never_answers),
		cmocka_unit_test(test_of_one_field_all_are_found),
		cmocka_unit_test(test_lists_of_urls),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_comparing_ends),
		cmocka_unit_test(test_comparing_conditions_ends),
	};

	return cmocka_run_group_tests_name("policy/check", tests, NULL, NULL);
}
