/* SPDX-License-Identifier: Apache-2.0 */
#include "record/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HOST "http://a.example"
#define TEN  "0123456789"

struct row {
	const char *url, *want;
};

static void expect_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char buf[URL_MAX];
		const struct str got = redact_url(str_of(rows[i].url), buf);

		if (!str_equal(got, str_of(rows[i].want)))
			fail_msg("%s: %.*s, not %s", rows[i].url, (int)got.len, got.p,
				 rows[i].want);
	}
}

#define EXPECT(rows) expect_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void readable_paths_stay(void **state)
{
	static const struct row rows[] = {
		{HOST "/", HOST "/"},
		{HOST, HOST},
		{HOST "/api/data/v9.2/accounts", HOST "/api/data/v9.2/accounts"},
		{HOST "/reports/report-2026-11-22-final.html",
		 HOST "/reports/report-2026-11-22-final.html"},
		{HOST "/workflows/abc/triggers/manual?api-version=&sig=",
		 HOST "/workflows/abc/triggers/manual?api-version=&sig="},
		{HOST "/GetListOfThings/index.html", HOST "/GetListOfThings/index.html"},
		{HOST "/2026112212345/x86-64", HOST "/2026112212345/x86-64"},
		{HOST "//a//", HOST "//a//"},
		{"db.example,Sales0123456789abcdef01",
		 "db.example,Sales0123456789abcdef01"},
		{"*", "*"},
	};

	(void)state;
	EXPECT(rows);
}

static void keys_go(void **state)
{
	static const struct row rows[] = {
		/* a GUID, 32 hexadecimal digits, base64url, an issue number that is long */
		{HOST "/hook/3f2504e0-4f89-11d3-9a0c-0305e82c3301/x", HOST "/hook/*/x"},
		{HOST "/w/8f14e45fceea167a5a36dedd4bea2543", HOST "/w/*"},
		{HOST "/services/T0A1B2C3D/B4E5F6G7H/xq",
		 HOST "/services/T0A1B2C3D/B4E5F6G7H/xq"},
		{HOST "/t/Ab3_dE-5fGh7IjK9lMn0_pQ4r", HOST "/t/*"},
		{HOST "/n/1234567890123456?a=", HOST "/n/*?a="},
		{HOST "/l/qWeRtYuIoPaSdFgHjKlZ", HOST "/l/*"},
		/* each limit, and one less */
		{HOST "/a1b2c3d4-e5f6g7h8", HOST "/*"},
		{HOST "/a1b2c3d4-e5f6g7h", HOST "/a1b2c3d4-e5f6g7h"},
		{HOST "/123456789012345", HOST "/123456789012345"},
		{HOST "/aBaBaBacccccccccccca", HOST "/*"},
		{HOST "/aBaBaacccccccccccca", HOST "/aBaBaacccccccccccca"},
		{HOST "/" TEN TEN "-a", HOST "/*"},
	};

	(void)state;
	EXPECT(rows);
}

static void escapes_count_as_characters(void **state)
{
	static const struct row rows[] = {
		{HOST "/%61%31%62%32%63%33%64%34%65%35%66%36%67%37%68%38", HOST "/*"},
		{HOST "/a%zz1%4", HOST "/a%zz1%4"},
		{HOST "/a%20b", HOST "/a%20b"},
	};

	(void)state;
	EXPECT(rows);
}

static void parameters_of_segments_go(void **state)
{
	static const struct row rows[] = {
		{HOST "/a;jsessionid=1/b;v=2?q=", HOST "/a;*/b;*?q="},
		{HOST "/a;", HOST "/a;"},
		{HOST "/;x", HOST "/;*"},
	};

	(void)state;
	EXPECT(rows);
}

static void long_ones_go(void **state)
{
	char url[2 * URL_MAX] = HOST "/", buf[URL_MAX];
	const size_t at = strlen(url);
	struct str got;

	(void)state;
	memset(url + at, 'a', REDACT_LONGEST);
	got = redact_url((struct str){url, at + REDACT_LONGEST}, buf);
	assert_int_equal(got.len, at + REDACT_LONGEST);
	memset(url + at, 'a', sizeof(url) - at);
	got = redact_url((struct str){url, at + REDACT_LONGEST + 1}, buf);
	assert_int_equal(got.len, at + 1);
	assert_int_equal(got.p[at], '*');
	/* Of URL_MAX bytes all fit, whatever they are. */
	memset(url + at, ';', URL_MAX - at);
	got = redact_url((struct str){url, URL_MAX}, buf);
	assert_true(got.len <= URL_MAX);
	got = redact_url((struct str){url, URL_MAX + 1}, buf);
	assert_true(str_equal(got, STR("*")));
}

static void methods_that_nobody_registered_go(void **state)
{
	static const struct row rows[] = {
		{"GET", "GET"},
		{"MERGE", "MERGE"},
		{"VERSION-CONTROL", "VERSION-CONTROL"},
		{"UPDATEREDIRECTRE", "UPDATEREDIRECTRE"}, /* as facts have it */
		{"UPDATEREDIRECTR", "other"},
		{"GE", "other"},
		{"get", "other"},
		{"GETS", "other"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(str_equal(redact_method(str_of(rows[i].url)),
				      str_of(rows[i].want)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readable_paths_stay),
		cmocka_unit_test(keys_go),
		cmocka_unit_test(escapes_count_as_characters),
		cmocka_unit_test(parameters_of_segments_go),
		cmocka_unit_test(long_ones_go),
		cmocka_unit_test(methods_that_nobody_registered_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
