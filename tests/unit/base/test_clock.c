/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DAY_US   INT64_C(86400000000)

/* Figures from date -u -d ... +%s. */
static void test_known_moments(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
		int weekday;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000000Z", 3},
		{-1, "1969-12-31T23:59:59.999999Z", 2},
		{INT64_C(951782400) * 1000000, "2000-02-29T00:00:00.000000Z", 1},
		{INT64_C(1708977600) * 1000000, "2024-02-26T20:00:00.000000Z", 0},
		{INT64_C(1795313476123456), "2026-11-22T02:11:16.123456Z", 6},
		{INT64_C(4107542399) * 1000000, "2100-02-28T23:59:59.000000Z", 6},
		{INT64_C(4107542400) * 1000000, "2100-03-01T00:00:00.000000Z", 0},
		{INT64_C(-62135596800) * 1000000, "0001-01-01T00:00:00.000000Z", 0},
		{INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z", 4},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char buf[RFC3339_LEN + 1];
		struct civil c = civil_from_us(cases[i].us);
		int64_t back = 0;

		clock_format_rfc3339(cases[i].us, buf);
		assert_string_equal(buf, cases[i].text);
		assert_int_equal(strlen(buf), RFC3339_LEN);
		assert_int_equal(c.weekday, cases[i].weekday);
		assert_true(civil_to_us(&c) == cases[i].us);
		assert_true(clock_parse_rfc3339(buf, RFC3339_LEN, &back));
		assert_true(back == cases[i].us);
	}
}

static void test_years_out_of_range_are_clamped(void **state)
{
	char buf[RFC3339_LEN + 1];

	(void)state;
	clock_format_rfc3339(INT64_MIN, buf);
	assert_string_equal(buf, "0001-01-01T00:00:00.000000Z");
	clock_format_rfc3339(INT64_C(-62135596800000001), buf);
	assert_string_equal(buf, "0001-01-01T00:00:00.000000Z");
	clock_format_rfc3339(INT64_MAX, buf);
	assert_string_equal(buf, "9999-12-31T23:59:59.999999Z");
	clock_format_rfc3339(INT64_C(253402300800000000), buf);
	assert_string_equal(buf, "9999-12-31T23:59:59.999999Z");
}

/* Every day of the years 1 to 9999, one after the other, weekday included. */
static void test_every_day_follows_the_one_before(void **state)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t day = civil_days(1, 1, 1);
	int weekday = 0;

	(void)state;
	for (int y = 1; y <= 9999; y++)
		for (int m = 1; m <= 12; m++) {
			bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
			int last = days[m - 1] + (m == 2 && leap ? 1 : 0);

			for (int d = 1; d <= last; d++) {
				struct civil c = civil_from_us(day * DAY_US + 1);

				if (civil_days(y, m, d) != day || c.year != y ||
				    c.month != m || c.day != d || c.weekday != weekday ||
				    !civil_valid_date(y, m, d))
					fail_msg("%04d-%02d-%02d", y, m, d);
				day++;
				weekday = (weekday + 1) % 7;
			}
			assert_false(civil_valid_date(y, m, last + 1));
		}
}

static void test_impossible_dates_are_refused(void **state)
{
	(void)state;
	assert_true(civil_valid_date(2024, 2, 29));
	assert_false(civil_valid_date(2023, 2, 29));
	assert_false(civil_valid_date(1900, 2, 29));
	assert_true(civil_valid_date(2000, 2, 29));
	assert_false(civil_valid_date(2024, 4, 31));
	assert_false(civil_valid_date(2024, 0, 1));
	assert_false(civil_valid_date(2024, 13, 1));
	assert_false(civil_valid_date(2024, 1, 0));
	assert_false(civil_valid_date(0, 1, 1));
	assert_false(civil_valid_date(10000, 1, 1));
}

static void test_rfc3339_forms_that_are_read(void **state)
{
	static const struct {
		const char *in;
		int64_t want;
	} cases[] = {
		{"2026-11-22T02:11:16Z", INT64_C(1795313476000000)},
		{"2026-11-22 02:11:16Z", INT64_C(1795313476000000)},
		{"2026-11-22T02:11:16.5Z", INT64_C(1795313476500000)},
		{"2026-11-22T02:11:16.123456Z", INT64_C(1795313476123456)},
		{"2026-11-22T02:11:16.1234567Z", INT64_C(1795313476123456)},
		{"2026-11-22T02:11:16.123456789Z", INT64_C(1795313476123456)},
		{"2026-11-22T03:11:16+01:00", INT64_C(1795313476000000)},
		{"2026-11-21T20:41:16-05:30", INT64_C(1795313476000000)},
		{"2026-11-22T02:11:16-00:00", INT64_C(1795313476000000)},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t got = 0;

		assert_true(clock_parse_rfc3339(cases[i].in, strlen(cases[i].in), &got));
		assert_true(got == cases[i].want);
	}
}

static void test_anything_else_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"2026-11-22",
		"2026-11-22T02:11:16",
		"2026-11-22T02:11Z",
		"2026-11-22T02:11:16.Z",
		"2026-11-22T02:11:16.1234567890Z",
		"2026-11-22T02:11:16,5Z",
		"2026-11-22T02:11:16z",
		"2026-11-22t02:11:16Z",
		"2026-11-22_02:11:16Z",
		"2026-11-22T02:11:16ZZ",
		"2026-11-22T02:11:16Z ",
		" 2026-11-22T02:11:16Z",
		"2026-11-22T02:11:16+1:00",
		"2026-11-22T02:11:16+0100",
		"2026-11-22T02:11:16+24:00",
		"2026-11-22T02:11:16+01:60",
		"2026-11-22T02:11:16*01:00",
		"2026-11-22T24:00:00Z",
		"2026-11-22T02:60:00Z",
		"2026-11-22T02:11:60Z",
		"2026-02-29T02:11:16Z",
		"2026-00-22T02:11:16Z",
		"2026-13-22T02:11:16Z",
		"0000-01-01T00:00:00Z",
		"2026-1-22T02:11:16Z",
		"+026-11-22T02:11:16Z",
		"2026/11/22T02:11:16Z",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t got = 4711;

		if (clock_parse_rfc3339(cases[i], strlen(cases[i]), &got))
			fail_msg("accepted '%s'", cases[i]);
		assert_int_equal(got, 4711);
	}
}

static void test_length_ends_the_text(void **state)
{
	const char *text = "2026-11-22T02:11:16Z";
	int64_t got;

	(void)state;
	for (size_t len = 0; len < strlen(text); len++)
		assert_false(clock_parse_rfc3339(text, len, &got));
	assert_false(clock_parse_rfc3339(NULL, 0, &got));
}

static void test_real_clock_is_the_system_clock(void **state)
{
	int64_t before = (int64_t)time(NULL);
	int64_t now = clock_real.now_us(clock_real.arg);
	int64_t after = (int64_t)time(NULL) + 1;

	(void)state;
	assert_true(now / 1000000 >= before - 1 && now / 1000000 <= after);
}

/* Kept or not, the text is that of the time. */
static void test_kept_text_is_the_text(void **state)
{
	static const int64_t times[] = {
		0,
		999999,
		1000000,
		1999999,
		1000000, /* back within the second */
		999999,  /* and before it */
		INT64_C(1795313476123456),
		INT64_C(1795313476123457),
		INT64_C(1795313477000000),
		-1,
		-1,
		INT64_MIN,
		INT64_MAX,
		INT64_MAX,
		INT64_C(253402300799999999),
		INT64_C(1) << 57,
		(INT64_C(1) << 57) - 1,
		INT64_C(1) << 57,
		INT64_C(1700000000000000),
		INT64_C(1700006399999999), /* the last of that day */
		INT64_C(1699920000000000), /* the first of that day */
		INT64_C(1700006400000000),
		INT64_C(1700006399999999),
	};
	struct time_text t = {.day_us = 0};

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		char want[RFC3339_LEN + 1];

		clock_format_rfc3339(times[i], want);
		time_text_set(&t, times[i]);
		assert_string_equal(t.text, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_moments),
		cmocka_unit_test(test_years_out_of_range_are_clamped),
		cmocka_unit_test(test_every_day_follows_the_one_before),
		cmocka_unit_test(test_impossible_dates_are_refused),
		cmocka_unit_test(test_rfc3339_forms_that_are_read),
		cmocka_unit_test(test_anything_else_is_refused),
		cmocka_unit_test(test_length_ends_the_text),
		cmocka_unit_test(test_kept_text_is_the_text),
		cmocka_unit_test(test_real_clock_is_the_system_clock),
	};

	return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
