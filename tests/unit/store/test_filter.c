/* SPDX-License-Identifier: Apache-2.0 */
#include "store/filter.h"
#include "store/saved.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool matches(enum line_kind kind, const char *filter, const char *text)
{
	static struct filter f;
	struct value v = {.set = text != NULL, .text = str_of(text)};

	f = (struct filter){.kind = kind};
	assert_null(filter_add(&f, str_of(filter)));
	if (kind_is_number(kind) && v.set)
		assert_true(value_parse(kind, v.text, &v.number));
	return filter_matches(&f, &v);
}

static void test_texts(void **state)
{
	(void)state;
	assert_true(matches(LINE_TEXT, "Deny", "deny"));
	assert_false(matches(LINE_TEXT, "den", "deny"));
	assert_true(matches(LINE_TEXT, "!den", "deny"));
	assert_true(matches(LINE_TEXT, "!den", NULL));
	assert_false(matches(LINE_TEXT, "*", NULL));
	assert_true(matches(LINE_TEXT, "!*", NULL));
	assert_true(matches(LINE_LIST, "b*",
			    "aa\x1f"
			    "bc\x1f"
			    "d"));
	assert_false(matches(LINE_LIST, "aa*d",
			     "aa\x1f"
			     "d"));
}

static void test_stars(void **state)
{
	(void)state;
	assert_true(matches(LINE_TEXT, "*.crm*.example", "a.crm4.b.crm.EXAMPLE"));
	assert_false(matches(LINE_TEXT, "*.crm*.example", "a.crm4.b.crm.examples"));
	assert_true(matches(LINE_TEXT, "a**b", "ab"));
	assert_false(matches(LINE_TEXT, "a*ba", "aba_"));
	assert_false(matches(LINE_TEXT, "ab*ba", "aba"));
}

static void test_numbers_and_addresses(void **state)
{
	(void)state;
	assert_true(matches(LINE_NUMBER, "1..5", "5"));
	assert_false(matches(LINE_NUMBER, ">5", "5"));
	assert_true(matches(LINE_NUMBER, ">=5", "5"));
	assert_true(matches(LINE_NUMBER, "<0", "-1"));
	assert_true(matches(LINE_ID, "00000000000000ff", "00000000000000ff"));
	assert_true(matches(LINE_ADDRESS, "10.0.0.0/8", "10.9.8.7"));
	assert_false(matches(LINE_ADDRESS, "10.0.0.0/8", "11.9.8.7"));
	assert_true(matches(LINE_ADDRESS, "2001:DB8::/32", "2001:db8:1::1"));
	assert_true(matches(LINE_ADDRESS, "10.9.*", "10.9.8.7"));
}

static void test_several_values(void **state)
{
	static struct filter f;
	const struct value a = {.set = true, .text = STR("ab")},
			   b = {.set = true, .text = STR("ac")},
			   c = {.set = true, .text = STR("x")};

	(void)state;
	f = (struct filter){.kind = LINE_TEXT};
	assert_null(filter_add(&f, STR("a*")));
	assert_null(filter_add(&f, STR("!ac")));
	assert_true(filter_matches(&f, &a));
	assert_false(filter_matches(&f, &b));
	assert_false(filter_matches(&f, &c));
	assert_null(filter_add(&f, STR("x")));
	assert_true(filter_matches(&f, &c));
}

static void test_wrong_values_are_said(void **state)
{
	static struct filter f;

	(void)state;
	f = (struct filter){.kind = LINE_NUMBER};
	assert_non_null(filter_add(&f, STR("x")));
	assert_non_null(filter_add(&f, STR("1..")));
	assert_non_null(filter_add(&f, STR("!")));
	f.kind = LINE_ADDRESS;
	assert_non_null(filter_add(&f, STR("10.0.0.1/8")));
	f.kind = LINE_TEXT;
	for (unsigned i = 0; i < FILTER_VALUES_MAX; i++)
		assert_null(filter_add(&f, STR("a")));
	assert_non_null(filter_add(&f, STR("a")));
}

/* The last part of each saved query is the end: readers go on until it. */
static void test_saved_queries_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < saved_count; i++)
		assert_int_equal(saved_queries[i].parts[SAVED_PARTS_MAX - 1].kind,
				 SAVED_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_stars),
		cmocka_unit_test(test_numbers_and_addresses),
		cmocka_unit_test(test_several_values),
		cmocka_unit_test(test_wrong_values_are_said),
		cmocka_unit_test(test_saved_queries_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
