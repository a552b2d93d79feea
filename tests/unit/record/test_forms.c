/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record/asim.h"
#include "record/cef.h"
#include "record/form.h"
#include "record/line.h"
#include "sample.h"

static struct record_line l;
static char text[LINE_TEXT_MAX + 1];
static char form[CEF_LINE_MAX > ASIM_LINE_MAX ? CEF_LINE_MAX : ASIM_LINE_MAX];

static enum line_answer read_line(const char *p, size_t len)
{
	struct diag *d = diag_create();
	const struct ledger_line line = {
		.file = "000001.jsonl", .line = 4, .text = {p, len}};
	enum line_answer a;

	assert_non_null(d);
	a = record_line_read(&line, d, &l);
	assert_true((a == LINE_UNSOUND) == (diag_count(d, DIAG_ERROR) == 1));
	diag_destroy(d);
	return a;
}

/* A line as long as one may be, of one value that is `fill` over and over. */
static size_t longest(const char *type, const char *field, const char *fill)
{
	int n = snprintf(
		text, sizeof(text),
		"{\"v\":1,\"seq\":1,\"time\":\"2026-11-22T00:00:00.000000Z\","
		"\"type\":\"%s\",\"src_ip\":\"::1\",\"dst_ip\":\"::2\",\"%s\":\"",
		type, field);
	size_t at = (size_t)n;

	while (at + strlen(fill) + 2 <= LINE_TEXT_MAX) {
		for (const char *p = fill; *p != '\0'; p++)
			text[at++] = *p;
	}
	text[at++] = '"';
	text[at++] = '}';
	return at;
}

static void test_the_longest_lines_fit(void **state)
{
	static const char *const types[] = {"flow", "signal", "seal", "incident"};
	static const char *const names[] = {"host", "principal", "signal", "later",
					    "rule"};
	static const char *const fills[] = {"=", "\x7f", "|", "\xe2\x82\xac", "x"};

	(void)state;
	for (size_t t = 0; t < 4; t++)
		for (size_t f = 0; f < 25; f++) {
			size_t len = longest(types[t], names[f / 5], fills[f % 5]);
			size_t n = 0;

			assert_int_equal(read_line(text, len), LINE_READ);
			n = cef_format(&l, STR("1"), form, CEF_LINE_MAX);
			assert_true(n > 0);
			assert_true(asim_format(&l, STR("1"), form, ASIM_LINE_MAX, &n) !=
				    ASIM_NO_ROOM);
		}
	/* And one byte more is refused. */
	text[longest("flow", "host", "x")] = ' ';
	assert_int_equal(read_line(text, LINE_TEXT_MAX + 1), LINE_UNSOUND);
}

/* Too small a buffer: nothing is said, nothing is written past it. */
static void test_a_small_buffer_holds_nothing(void **state)
{
	const size_t len = longest("flow", "host", "x");

	(void)state;
	assert_int_equal(read_line(text, len), LINE_READ);
	for (size_t size = 0; size < 1000; size += 7) {
		size_t n = 0;

		form[size] = '#';
		assert_int_equal(cef_format(&l, STR("1"), form, size), 0);
		assert_int_equal(asim_format(&l, STR("1"), form, size, &n), ASIM_NO_ROOM);
		assert_int_equal(form[size], '#');
	}
}

/* What form.h writes is read, whole, and has both forms. */
static void test_what_was_written_has_its_forms(void **state)
{
	static const char head[] = "{\"v\":1,\"seq\":77,";
	struct sample s;
	size_t n, len;

	(void)state;
	sample_fill(&s);
	memcpy(text, head, sizeof(head) - 1);
	n = form_flow(&s.flow, &s.origin, text + sizeof(head) - 1,
		      sizeof(text) - sizeof(head));
	assert_true(n > 0);
	assert_int_equal(read_line(text, sizeof(head) - 1 + n - 1), LINE_READ);
	assert_int_equal(l.type, LINE_TYPE_FLOW);
	/* No field of it is strange to line.h. */
	assert_int_equal(l.other_count, 0);
	assert_true(cef_format(&l, STR("1"), form, CEF_LINE_MAX) > 0);
	assert_int_equal(asim_format(&l, STR("1"), form, ASIM_LINE_MAX, &len), ASIM_ROW);
}

static void principal_is(const char *value, enum line_principal want)
{
	int n = snprintf(text, sizeof(text),
			 "{\"v\":1,\"seq\":1,\"time\":\"2026-11-22T00:00:00.000000Z\","
			 "\"type\":\"flow\",\"principal\":\"%s\"}",
			 value);

	assert_int_equal(read_line(text, (size_t)n), LINE_READ);
	assert_int_equal(line_principal(&l), want);
}

static void test_what_a_principal_is(void **state)
{
	(void)state;
	principal_is("", LINE_PRINCIPAL_NONE);
	principal_is("jane", LINE_PRINCIPAL_USER);
	principal_is("02:00:5e:10:00:01", LINE_PRINCIPAL_MAC);
	principal_is("02:00:5e:10:00:0g", LINE_PRINCIPAL_USER);
	principal_is("10.0.0.1", LINE_PRINCIPAL_ADDRESS);
	principal_is("fd10:0:1::/64", LINE_PRINCIPAL_ADDRESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_longest_lines_fit),
		cmocka_unit_test(test_a_small_buffer_holds_nothing),
		cmocka_unit_test(test_what_was_written_has_its_forms),
		cmocka_unit_test(test_what_a_principal_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
