/* SPDX-License-Identifier: Apache-2.0 */
#include "base/country.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_codes(void **state)
{
	static const char *const known[] = {"AD", "DE", "GB", "US", "XK", "ZW"};
	static const char *const unknown[] = {"",   "D",  "DEU", "de", "UK", "EU",
					      "XX", "ZZ", "D ",  " D", "W "};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(country_known(str_of(known[i])));
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_false(country_known(str_of(unknown[i])));
	assert_false(country_known(STR_NONE));
}

/* 249 of the standard, and XK. */
static void test_how_many(void **state)
{
	char code[2];
	size_t n = 0;

	(void)state;
	for (code[0] = 'A'; code[0] <= 'Z'; code[0]++)
		for (code[1] = 'A'; code[1] <= 'Z'; code[1]++)
			n += country_known((struct str){code, 2});
	assert_int_equal(n, 250);
}

static void test_what_was_meant(void **state)
{
	char buf[3];

	(void)state;
	assert_string_equal(country_meant(STR("UK"), buf), "GB");
	assert_string_equal(country_meant(STR("uk"), buf), "GB");
	assert_string_equal(country_meant(STR("EL"), buf), "GR");
	assert_string_equal(country_meant(STR("de"), buf), "DE");
	assert_string_equal(country_meant(STR("dE"), buf), "DE");
	assert_null(country_meant(STR("XX"), buf));
	assert_null(country_meant(STR("DEU"), buf));
	assert_null(country_meant(STR_NONE, buf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_how_many),
		cmocka_unit_test(test_what_was_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
