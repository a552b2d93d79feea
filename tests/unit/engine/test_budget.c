/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define NOW    (INT64_C(1795521600) * SECOND)

static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static unsigned take(struct budget *b, const char *source, unsigned n, int64_t us)
{
	const struct addr a = address(source);
	unsigned got = 0;

	for (unsigned i = 0; i < n; i++)
		got += budget_take(b, &a, us) ? 1 : 0;
	return got;
}

static void each_source_has_its_own_and_a_second_later_again(void **state)
{
	struct budget *b = budget_create(10, 0, 7);

	(void)state;
	assert_int_equal(take(b, "10.1.2.3", 20, NOW), 10);
	assert_int_equal(take(b, "10.1.2.4", 5, NOW), 5);
	assert_int_equal(take(b, "10.1.2.3", 1, NOW + SECOND - 1), 0);
	assert_int_equal(take(b, "10.1.2.4", 20, NOW + SECOND - 1), 5);
	assert_int_equal(take(b, "10.1.2.3", 20, NOW + SECOND), 10);
	budget_destroy(b);
}

static void a_network_of_ipv6_is_one_source(void **state)
{
	struct budget *b = budget_create(10, 0, 7);

	(void)state;
	assert_int_equal(take(b, "2001:db8::1", 6, NOW), 6);
	assert_int_equal(take(b, "2001:db8::2", 6, NOW), 4);
	assert_int_equal(take(b, "2001:db8:0:1::2", 6, NOW), 6);
	budget_destroy(b);
}

static void all_together_have_no_more_than_all(void **state)
{
	struct budget *b = budget_create(10, 25, 7);

	(void)state;
	assert_int_equal(take(b, "10.0.0.1", 20, NOW), 10);
	assert_int_equal(take(b, "10.0.0.2", 20, NOW), 10);
	assert_int_equal(take(b, "10.0.0.3", 20, NOW), 5);
	assert_int_equal(take(b, "10.0.0.4", 20, NOW), 0);
	assert_int_equal(take(b, "10.0.0.4", 20, NOW + SECOND), 10);
	budget_destroy(b);
}

/* More sources than there are places: who comes back has not got a new budget. */
static void a_flood_of_sources_renews_nobody(void **state)
{
	struct budget *b = budget_create(10, 0, 7);
	struct addr a = address("10.0.0.0");
	unsigned got = 0;

	(void)state;
	assert_int_equal(take(b, "192.0.2.1", 20, NOW), 10);
	for (unsigned i = 0; i < 100000; i++) {
		a.b[13] = (uint8_t)(i >> 16);
		a.b[14] = (uint8_t)(i >> 8);
		a.b[15] = (uint8_t)i;
		got += budget_take(b, &a, NOW) ? 1 : 0;
	}
	assert_int_equal(take(b, "192.0.2.1", 20, NOW), 0);
	assert_true(got <= 4096 * 10);
	budget_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_source_has_its_own_and_a_second_later_again),
		cmocka_unit_test(a_network_of_ipv6_is_one_source),
		cmocka_unit_test(all_together_have_no_more_than_all),
		cmocka_unit_test(a_flood_of_sources_renews_nobody),
	};

	return cmocka_run_group_tests_name("engine/budget", tests, NULL, NULL);
}
