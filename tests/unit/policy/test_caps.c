/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caps of the rule language: the last that fits is taken, one more is an error that names the
 * cap and what to write instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/ast.h"
#include "scene.h"

typedef void say_one(FILE *out, size_t i);

struct cap {
	const char *head; /* before the first */
	say_one *say;
	size_t most;
	const char *tail;
	const char *message; /* of one more */
};

static void say_macro(FILE *out, size_t i)
{
	(void)fprintf(out, "m%zu = x\n", i);
}

static void say_table(FILE *out, size_t i)
{
	(void)fprintf(out, "table <t%zu> { 10.0.0.0/8 }\n", i);
}

static void say_tenant(FILE *out, size_t i)
{
	(void)fprintf(out, "tenant t%zu %08zx-0f57-4a6b-9d36-3f1c2a7b9e10 own\n", i, i);
}

static void say_environment(FILE *out, size_t i)
{
	(void)fprintf(out, "environment e%zu %08zx-0f57-4a6b-9d36-3f1c2a7b9e10 own\n", i,
		      i);
}

static void say_binding(FILE *out, size_t i)
{
	(void)fprintf(out, "bind 10.%zu.%zu.%zu to environment e\n", i >> 16,
		      i >> 8 & 255, i & 255);
}

static void say_bound(FILE *out, size_t i)
{
	(void)fprintf(out, "%s 10.%zu.%zu.%zu",
		      i == 0         ? ""
		      : i % 100 == 0 ? ",\\\n"
				     : ",",
		      i >> 16, i >> 8 & 255, i & 255);
}

static void say_policy(FILE *out, size_t i)
{
	(void)fprintf(out, "policy \"p%zu\"\n", i);
}

static void say_list(FILE *out, size_t i)
{
	(void)i;
	(void)fputs("list shared_sql for role gateway\n 1 deny \"*\"\n", out);
}

static void say_endpoint(FILE *out, size_t i)
{
	(void)fprintf(out, "%zu deny \"s%zu,d\"\n", i + 1, i);
}

static void say_line(FILE *out, size_t i)
{
	(void)fprintf(out, "alert to any port %zu\n", i % 65000 + 1);
}

static void say_hosts(FILE *out, size_t i)
{
	(void)fprintf(out, "alert to host h%zu.example\n", i);
}

static void say_word(FILE *out, size_t i)
{
	(void)fputs(i % 1000 == 999 ? ",\\\n" : i % 2 == 0 ? "1" : ",", out);
}

static size_t errors_of(const struct cap *cap, size_t n, char **ret_text)
{
	char *rules = NULL;
	size_t len = 0, errors;
	FILE *in = open_memstream(&rules, &len);
	FILE *out = open_memstream(ret_text, &len);
	struct diag *d = diag_create();

	assert_non_null(in);
	assert_non_null(out);
	(void)fputs(cap->head, in);
	for (size_t i = 0; i < n; i++)
		cap->say(in, i);
	(void)fputs(cap->tail, in);
	assert_int_equal(fclose(in), 0);
	policy_destroy(load_text(rules, d));
	diag_print(d, out, false);
	assert_int_equal(fclose(out), 0);
	errors = diag_count(d, DIAG_ERROR);
	free(rules);
	diag_destroy(d);
	return errors;
}

#define ENVIRONMENT "environment e 6d1c5a3e-0f57-4a6b-9d36-3f1c2a7b9e10 own\n"

static void test_caps(void **state)
{
	static const struct cap caps[] = {
		{"", say_macro, POLICY_NAMES_MAX, "", "more than 1000 macros"},
		{"", say_table, POLICY_NAMES_MAX, "", "more than 1000 tables"},
		{"", say_tenant, POLICY_NAMES_MAX, "", "more than 1000 tenants"},
		{"", say_environment, POLICY_ENVS_MAX, "", "more than 4000 environments"},
		{ENVIRONMENT, say_binding, POLICY_BINDS_MAX, "",
		 "more than 10000 bindings"},
		{ENVIRONMENT "bind {", say_bound, POLICY_LIST_MAX, "} to environment e\n",
		 "this list has more than 10000 items"},
		{"gate connectors\n", say_policy, POLICY_NAMES_MAX, "",
		 "more than 1000 policies"},
		{"gate endpoints\n", say_list, POLICY_LISTS_MAX, "",
		 "more than 1000 lists"},
		{"gate endpoints\nlist shared_sql for role gateway\n", say_endpoint,
		 POLICY_LIST_RULES_MAX - 1, "1000 deny \"*\"\n",
		 "list shared_sql has more than 1000 lines"},
		{"gate rules\n", say_line, POLICY_RULES_MAX, "",
		 "more than 100000 lines in all gates"},
		{"gate rules\n", say_hosts, 16384, "",
		 "more than 16384 different lists of hosts or prefixes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		char *text;
		size_t errors = errors_of(&caps[i], caps[i].most, &text);

		if (errors != 0)
			print_error("%s: the last is refused:\n%.500s\n", caps[i].message,
				    text);
		assert_int_equal(errors, 0);
		free(text);
		assert_int_not_equal(errors_of(&caps[i], caps[i].most + 1, &text), 0);
		if (strstr(text, caps[i].message) == NULL)
			print_error("%s: got\n%.500s\n", caps[i].message, text);
		assert_non_null(strstr(text, caps[i].message));
		assert_non_null(strstr(strstr(text, caps[i].message), "= write: "));
		free(text);
	}
}

static void test_words_of_a_statement(void **state)
{
	static const struct cap cap = {"allow port {", say_word, 60001, "}\n",
				       "this statement has more than 60000 words"};
	char *text;

	(void)state;
	assert_int_not_equal(errors_of(&cap, cap.most, &text), 0);
	assert_non_null(strstr(text, cap.message));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_words_of_a_statement),
	};

	return cmocka_run_group_tests_name("policy/caps", tests, NULL, NULL);
}
