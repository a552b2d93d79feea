/* SPDX-License-Identifier: Apache-2.0 */
#include "report/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/chart.h"
#include "report/page.h"

#define HOUR_US ((int64_t)3600 * 1000000)

struct written {
	FILE *out;
	char *text;
	size_t len;
};

static FILE *begin(struct written *w)
{
	w->text = NULL;
	w->out = open_memstream(&w->text, &w->len);
	assert_non_null(w->out);
	return w->out;
}

static void finish(struct written *w)
{
	assert_int_equal(fclose(w->out), 0);
}

static void assert_text(const char *in, size_t len, const char *want)
{
	struct written w;

	html_text(begin(&w), (struct str){in, len});
	finish(&w);
	assert_string_equal(w.text, want);
	free(w.text);
}

#define TEXT(in, want) assert_text(in, sizeof(in) - 1, want)

static void test_markup_is_text(void **state)
{
	(void)state;
	TEXT("<script>alert('x')</script>",
	     "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
	TEXT("\" onload=\"x", "&quot; onload=&quot;x");
	TEXT("&lt;", "&amp;lt;");
	TEXT("m\xc3\xbcnchen \xe6\x97\xa5", "m\xc3\xbcnchen \xe6\x97\xa5");
	TEXT("", "");
}

static void test_what_is_unseen_is_shown(void **state)
{
	(void)state;
	TEXT("a\x1f\nb\0c\x7f", "a\\u001f\\u000ab\\u0000c\\u007f");
	TEXT("\xc2\x9b", "\\u009b");
	TEXT("\xe2\x80\xaegpj.exe", "\\u202egpj.exe");        /* right-to-left override */
	TEXT("\xe2\x81\xa6x\xe2\x81\xa9", "\\u2066x\\u2069"); /* isolates */
	TEXT("\xe2\x80\x8b\xef\xbb\xbf\xc2\xad", "\\u200b\\ufeff\\u00ad");
	TEXT("\xd8\x9c", "\\u061c");
	TEXT("\xf3\xa0\x81\xa1", "\\ue0061"); /* a tag */
	TEXT("\xe2\x80\xa8", "\\u2028");
}

static void test_ill_formed_bytes(void **state)
{
	(void)state;
	TEXT("a\xff\x80z", "a\xef\xbf\xbd\xef\xbf\xbdz");
	TEXT("\xc0\xbcscript", "\xef\xbf\xbd\xef\xbf\xbdscript"); /* an overlong '<' */
	TEXT("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	TEXT("cut \xe2\x80", "cut \xef\xbf\xbd\xef\xbf\xbd");
}

static void test_cut(void **state)
{
	struct written w;

	(void)state;
	html_text_cut(begin(&w), STR("abc\xc3\xbc<"), 4);
	finish(&w);
	assert_string_equal(w.text, "abc\xc3\xbc...");
	free(w.text);
	html_text_cut(begin(&w), STR("abcd"), 4);
	finish(&w);
	assert_string_equal(w.text, "abcd");
	free(w.text);
}

static void test_numbers(void **state)
{
	static const struct {
		uint64_t n;
		const char *count, *bytes;
	} cases[] = {{0, "0", "0 B"},
		     {999, "999", "999 B"},
		     {1000, "1,000", "1.0 kB"},
		     {1234567, "1,234,567", "1.2 MB"},
		     {999999, "999,999", "999.9 kB"},
		     {UINT64_MAX, "18,446,744,073,709,551,615", "18.4 EB"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct written w;

		html_count(begin(&w), cases[i].n);
		finish(&w);
		assert_string_equal(w.text, cases[i].count);
		free(w.text);
		html_bytes(begin(&w), cases[i].n);
		finish(&w);
		assert_string_equal(w.text, cases[i].bytes);
		free(w.text);
	}
}

static void test_say(void **state)
{
	struct written w;

	(void)state;
	page_say(begin(&w), "# of #.", (uint64_t[]){1, 1000});
	finish(&w);
	assert_string_equal(w.text, "1 of 1,000.");
	free(w.text);
}

static void test_ceiling(void **state)
{
	(void)state;
	assert_int_equal(chart_ceiling(1), 1);
	assert_int_equal(chart_ceiling(3), 5);
	assert_int_equal(chart_ceiling(10), 10);
	assert_int_equal(chart_ceiling(501), 1000);
	assert_true(chart_ceiling(10000000000000000001u) == UINT64_MAX);
	assert_true(chart_ceiling(UINT64_MAX) == UINT64_MAX);
}

/* ---- charts ---- */

static char *drawn(const struct chart_point *points, size_t count, int64_t to_us)
{
	const struct chart c = {.id = "x",
				.title = "Things",
				.names = {"one", "two"},
				.series = 2,
				.points = points,
				.count = count,
				.from_us = 0,
				.to_us = to_us,
				.width_us = HOUR_US};
	struct written w;

	chart_print(begin(&w), &c);
	finish(&w);
	return w.text;
}

/* Every number of an attribute is one: no sign, nothing beyond the view. */
static void assert_places(const char *svg)
{
	static const char *const names[] = {" x=\"", " y=\"", " width=\"", " height=\""};

	for (size_t i = 0; i < 4; i++)
		for (const char *at = svg; (at = strstr(at, names[i])) != NULL;) {
			at += strlen(names[i]);
			assert_true(*at >= '0' && *at <= '9');
			assert_true(strspn(at, "0123456789.") <= 5);
		}
}

static size_t count_of(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		n++;
		text += strlen(what);
	}
	return n;
}

static void test_empty_charts(void **state)
{
	const struct chart_point zero = {.at_us = 0};
	char *text = drawn(NULL, 0, HOUR_US);

	(void)state;
	assert_non_null(strstr(text, "Nothing in this period"));
	assert_null(strstr(text, "<svg"));
	free(text);
	text = drawn(&zero, 1, HOUR_US);
	assert_null(strstr(text, "<svg"));
	free(text);
}

static void test_one_point(void **state)
{
	const struct chart_point one = {.at_us = HOUR_US, .values = {0, 7}};
	char *text = drawn(&one, 1, 2 * HOUR_US);

	(void)state;
	assert_int_equal(count_of(text, "</title></rect>"), 1);
	assert_non_null(strstr(text, "<title>1970-01-01 01:00 two: 7</title>"));
	assert_non_null(strstr(text, "role=\"img\" aria-labelledby=\"x-t\""));
	/* The second half of the axis, seven tenths of its height. */
	assert_non_null(strstr(text, "<rect x=\"480.0\" y=\"86.2\" width=\"409.0\" "
				     "height=\"121.8\""));
	assert_non_null(strstr(text, "<td class=\"n\">7</td>"));
	assert_places(text);
	free(text);
	/* An axis without length. */
	text = drawn(&one, 1, 0);
	assert_places(text);
	free(text);
}

static void test_huge_numbers(void **state)
{
	const struct chart_point points[] = {
		{.at_us = INT64_MIN, .values = {1, 0}},
		{.at_us = 0, .values = {UINT64_MAX, UINT64_MAX}},
		{.at_us = INT64_MAX, .values = {UINT64_MAX / 2, 1}}};
	char *text = drawn(points, 3, INT64_MAX);

	(void)state;
	assert_int_equal(count_of(text, "</title></rect>"), 5);
	assert_non_null(strstr(text, "18,446,744,073,709,551,615"));
	assert_places(text);
	free(text);
}

static void test_bars(void **state)
{
	struct written w;

	(void)state;
	chart_bar(begin(&w), 1, 4);
	chart_bar(w.out, 0, 0);
	chart_bar(w.out, 1, UINT64_MAX);
	chart_bar(w.out, UINT64_MAX, UINT64_MAX);
	finish(&w);
	assert_non_null(strstr(w.text, "width=\"25.0\""));
	assert_non_null(strstr(w.text, "width=\"0.0\""));
	assert_non_null(strstr(w.text, "width=\"1.0\""));
	assert_non_null(strstr(w.text, "width=\"100.0\""));
	free(w.text);
}

static void test_page_needs_nothing_else(void **state)
{
	struct written w;

	(void)state;
	page_begin(begin(&w), "Title");
	page_query(w.out, STR("weir query --host '<b>'"), 1, NULL);
	page_end(w.out);
	finish(&w);
	assert_non_null(strstr(w.text, "content=\"default-src 'none'; style-src "
				       "'unsafe-inline'\""));
	assert_null(strstr(w.text, "<script"));
	assert_null(strstr(w.text, "url(http"));
	assert_null(strstr(w.text, "@import"));
	assert_null(strstr(w.text, "<b>"));
	assert_non_null(
		strstr(w.text, "&#39;&lt;b&gt;&#39;</code> &rarr; <span>1 event<"));
	free(w.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_markup_is_text),
		cmocka_unit_test(test_what_is_unseen_is_shown),
		cmocka_unit_test(test_ill_formed_bytes),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_say),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_empty_charts),
		cmocka_unit_test(test_one_point),
		cmocka_unit_test(test_huge_numbers),
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_page_needs_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
