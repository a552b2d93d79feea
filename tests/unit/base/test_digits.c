/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check(uint64_t v)
{
	char want[DIGITS_MAX + 2], got[DIGITS_MAX + 2];
	const int n = snprintf(want, sizeof(want), "%" PRIu64, v);

	memset(got, '#', sizeof(got));
	assert_ptr_equal(digits_put(got, v), got + n);
	assert_memory_equal(got, want, (size_t)n);
	assert_int_equal(got[n], '#');
	assert_int_equal(digits_count(v), n);
}

/* Around every power of ten, and all of the first hundred thousand. */
static void test_as_printf_writes_them(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (uint64_t v = 0; v < 100000; v++)
		check(v);
	for (unsigned i = 0; i < 19; i++, power *= 10)
		for (uint64_t d = 0; d < 3; d++) {
			check(power - 1 + d);
			check(9 * power + d);
		}
	check(power);
	check(UINT64_MAX);
}

static void test_pairs(void **state)
{
	char got[4] = "";

	(void)state;
	for (unsigned v = 0; v < 100; v++) {
		char want[4];

		(void)snprintf(want, sizeof(want), "%02u", v);
		assert_ptr_equal(digits_two(got, v), got + 2);
		assert_string_equal(got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_printf_writes_them),
		cmocka_unit_test(test_pairs),
	};

	return cmocka_run_group_tests_name("base/digits", tests, NULL, NULL);
}
