/* SPDX-License-Identifier: Apache-2.0 */
#include "import/ranges.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, strlen(text), &p), PREFIX_OK);
	return p;
}

static struct ranges ranges_of(const char *text)
{
	struct ranges r = {0};
	char copy[4096], *save = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *w = strtok_r(copy, ",", &save); w != NULL;
	     w = strtok_r(NULL, ",", &save)) {
		struct prefix p = prefix(w);

		assert_int_equal(ranges_add(&r, &p), 0);
	}
	return r;
}

static void assert_fit(const char *given, size_t max, const char *want, double foreign)
{
	struct ranges r = ranges_of(given);
	struct range_fit fit;
	char text[4096] = "", one[PREFIX_TEXT_MAX];
	double sum = 0;

	assert_int_equal(ranges_fit(&r, max, 4000, &fit), 0);
	for (size_t i = 0; i < r.count; i++) {
		(void)prefix_format(&r.list[i], one);
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			       i == 0 ? "" : ",", one);
	}
	assert_string_equal(text, want);
	assert_int_equal(ranges_text_len(&r), strlen(want));
	for (size_t i = 0; i < fit.merge_count; i++)
		sum += fit.merges[i].foreign;
	assert_true(sum == foreign);
	range_fit_finish(&fit);
	ranges_finish(&r);
}

static void joining_changes_nothing(void **state)
{
	(void)state;
	assert_fit("203.0.113.7/32,203.0.113.6/32", 9, "203.0.113.6/31", 0);
	assert_fit("8.8.8.0/24,8.8.8.8/32,8.8.8.0/24", 9, "8.8.8.0/24", 0);
	assert_fit("8.8.0.0/18,8.8.64.0/18,8.8.128.0/17,9.9.9.9/32", 9,
		   "8.8.0.0/16,9.9.9.9/32", 0);
	assert_fit("2001:db8:0:1::/64,2001:db8::/64,8.8.8.8/32", 9,
		   "8.8.8.8/32,2001:db8::/63", 0);
	/* Neighbours, but no halves of one. */
	assert_fit("203.0.113.7/32,203.0.113.8/32", 9, "203.0.113.7/32,203.0.113.8/32",
		   0);
}

static void merging_takes_the_cheapest(void **state)
{
	(void)state;
	assert_fit("203.0.113.7/32,203.0.113.4/32,8.8.8.8/32", 2,
		   "8.8.8.8/32,203.0.113.4/30", 2);
	/* What lies between goes with it. */
	assert_fit("203.0.113.1/32,203.0.113.3/32,203.0.113.5/32", 1, "203.0.113.0/29",
		   5);
	/* A network of 64 bits weighs an address of IPv4. */
	assert_fit("8.8.8.0/32,8.8.8.3/32,2001:db8::/64,2001:db8:0:3::/64", 3,
		   "8.8.8.0/30,2001:db8::/64,2001:db8:0:3::/64", 2);
	assert_fit("8.8.8.0/32,8.8.8.7/32,2001:db8::/64,2001:db8:0:3::/64", 3,
		   "8.8.8.0/32,8.8.8.7/32,2001:db8::/62", 2 * 18446744073709551616.0);
}

static void merging_has_bounds(void **state)
{
	static const char *const refused[] = {
		"9.1.1.1/32,8.8.8.8/32",       /* to 8.0.0.0/7 */
		"172.1.1.1/32,172.200.1.1/32", /* over 172.16.0.0/12 */
		"8.8.8.8/32,2001:db8::/64",
		"2001:db8::/64,2600::/64",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct ranges r = ranges_of(refused[i]);
		struct range_fit fit;

		assert_int_equal(ranges_fit(&r, 1, 4000, &fit), -ERANGE);
		range_fit_finish(&fit);
		ranges_finish(&r);
	}
}

/* Any 1,000 addresses of a few networks fit, and none of them is lost. */
static void limits_are_kept(void **state)
{
	struct ranges r = {0}, given = {0};
	struct range_fit fit;
	uint32_t x = 7;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		uint8_t b[4] = {8, 8, 0, 0};
		struct prefix p = {.bits = 128};

		x = x * 1664525u + 1013904223u;
		b[2] = (uint8_t)(x >> 24);
		b[3] = (uint8_t)(x >> 16);
		p.addr = addr_from_v4(b);
		assert_int_equal(ranges_add(&r, &p), 0);
		assert_int_equal(ranges_add(&given, &p), 0);
	}
	assert_int_equal(ranges_fit(&r, 200, 2500, &fit), 0);
	assert_int_equal(fit.given, 1000);
	assert_true(fit.merge_count > 0);
	assert_in_range(r.count, 100, 200);
	assert_in_range(ranges_text_len(&r), 1000, 2500);
	for (size_t i = 0; i < given.count; i++) {
		bool found = false;

		for (size_t k = 0; k < r.count; k++)
			found = found || prefix_contains(&r.list[k], &given.list[i].addr);
		assert_true(found);
	}
	range_fit_finish(&fit);
	ranges_finish(&r);
	ranges_finish(&given);
}

static void private_ranges_are_told(void **state)
{
	static const char *const no[] = {
		"10.1.2.3/32", "172.31.0.0/16", "192.0.0.0/8", "100.127.0.0/16",
		"fd00::/8",    "fe80::1/128",   "::1/128",     "169.254.169.254/32",
		"0.0.0.0/0",   "240.0.0.0/4"};
	static const char *const yes[] = {"198.51.100.10/32", "172.32.0.0/16",
					  "192.169.0.0/16", "2001:db8::/32",
					  "100.128.0.0/16"};

	(void)state;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		struct prefix p = prefix(no[i]);

		assert_non_null(range_private(&p));
	}
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		struct prefix p = prefix(yes[i]);

		assert_null(range_private(&p));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joining_changes_nothing),
		cmocka_unit_test(merging_takes_the_cheapest),
		cmocka_unit_test(merging_has_bounds),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(private_ranges_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
