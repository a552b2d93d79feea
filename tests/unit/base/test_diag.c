/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum form {
	PLAIN,
	COLOURED,
	JSON,
};

/*
 * Print the findings and free them; the caller frees the text.  Not inlined: gcc 12 would
 * take the stream for a pointer to the local variable that it fills.
 */
__attribute__((noinline)) static char *printed(struct diag *d, enum form form)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	if (form == JSON)
		diag_print_json(d, out);
	else
		diag_print(d, out, form == COLOURED);
	assert_int_equal(fclose(out), 0);
	diag_destroy(d);
	return text;
}

static void assert_printed(struct diag *d, enum form form, const char *want)
{
	char *got = printed(d, form);

	assert_string_equal(got, want);
	free(got);
}

static struct span span(unsigned line, unsigned col, unsigned len)
{
	return (struct span){"corp.rules", line, col, len};
}

static const char rules[] = "allow from any to sql.azureconectors port 70000\n"
			    "deny\tfrom\tanny\r\n"
			    "\n"
			    "last line";

static struct diag *with_rules(void)
{
	struct diag *d = diag_create();

	assert_non_null(d);
	diag_source(d, "corp.rules", rules, strlen(rules));
	return d;
}

static void test_no_finding_prints_nothing(void **state)
{
	(void)state;
	assert_printed(diag_create(), PLAIN, "");
	assert_printed(diag_create(), JSON, "[]\n");
}

static void test_finding_with_source_carets_and_remedy(void **state)
{
	struct diag *d = with_rules();

	(void)state;
	diag_error(d, span(1, 43, 5), "port %u is out of range (1-65535)", 70000u);
	diag_remedy(d, "port 1433");
	diag_note(d, "ports are 16-bit numbers");
	assert_int_equal(diag_count(d, DIAG_ERROR), 1);
	assert_int_equal(diag_count(d, DIAG_WARNING), 0);
	assert_printed(d, PLAIN,
		       "corp.rules:1:43: error: port 70000 is out of range (1-65535)\n"
		       "  1 | allow from any to sql.azureconectors port 70000\n"
		       "    |                                           ^^^^^\n"
		       "    = write: port 1433\n"
		       "    = ports are 16-bit numbers\n"
		       "1 error, 0 warnings\n");
}

static void test_order_is_file_then_place_then_time(void **state)
{
	struct diag *d = diag_create();

	(void)state;
	diag_add(d, DIAG_WARNING, (struct span){"z.rules", 2, 1, 0}, "shadowed", "first");
	diag_error(d, ((struct span){"a.rules", 1, 1, 0}), "second");
	diag_error(d, ((struct span){"z.rules", 1, 7, 0}), "third");
	diag_error(d, ((struct span){"z.rules", 1, 2, 0}), "fourth");
	diag_error(d, ((struct span){"z.rules", 2, 1, 0}), "fifth");
	diag_error(d, ((struct span){"z.rules", 0, 0, 0}), "sixth");
	assert_printed(d, PLAIN,
		       "z.rules: error: sixth\n"
		       "z.rules:1:2: error: fourth\n"
		       "z.rules:1:7: error: third\n"
		       "z.rules:2:1: warning [shadowed]: first\n"
		       "z.rules:2:1: error: fifth\n"
		       "a.rules:1:1: error: second\n"
		       "5 errors, 1 warning\n");
}

static void test_tabs_are_repeated_under_the_line(void **state)
{
	struct diag *d = with_rules();

	(void)state;
	diag_error(d, span(2, 11, 4), "'anny' is no address");
	assert_printed(d, PLAIN,
		       "corp.rules:2:11: error: 'anny' is no address\n"
		       "  2 | deny\tfrom\tanny\n"
		       "    |     \t    \t^^^^\n"
		       "1 error, 0 warnings\n");
}

static void test_places_at_and_past_the_end(void **state)
{
	struct diag *d = with_rules();

	(void)state;
	diag_error(d, span(4, 10, 0), "the line ends");
	diag_error(d, span(4, 99, 5), "far right");
	diag_error(d, span(4, 6, 100), "too long");
	diag_error(d, span(3, 1, 0), "empty line");
	diag_error(d, span(4, 0, 0), "whole line");
	diag_error(d, span(5, 1, 1), "no such line");
	assert_printed(d, PLAIN,
		       "corp.rules:3:1: error: empty line\n"
		       "  3 | \n"
		       "    | ^\n"
		       "corp.rules:4: error: whole line\n"
		       "  4 | last line\n"
		       "corp.rules:4:6: error: too long\n"
		       "  4 | last line\n"
		       "    |      ^^^^\n"
		       "corp.rules:4:10: error: the line ends\n"
		       "  4 | last line\n"
		       "    |          ^\n"
		       "corp.rules:4:99: error: far right\n"
		       "  4 | last line\n"
		       "    |          ^\n"
		       "corp.rules:5:1: error: no such line\n"
		       "6 errors, 0 warnings\n");
}

static void test_line_numbers_are_right_aligned(void **state)
{
	struct diag *d = diag_create();
	char text[2400];

	(void)state;
	memset(text, '\n', sizeof(text));
	diag_source(d, "corp.rules", text, sizeof(text));
	diag_error(d, span(35, 1, 0), "a");
	diag_error(d, span(350, 1, 0), "b");
	diag_error(d, span(2350, 1, 0), "c");
	diag_note(d, "d");
	assert_printed(d, PLAIN,
		       "corp.rules:35:1: error: a\n"
		       " 35 | \n"
		       "    | ^\n"
		       "corp.rules:350:1: error: b\n"
		       "350 | \n"
		       "    | ^\n"
		       "corp.rules:2350:1: error: c\n"
		       "2350 | \n"
		       "     | ^\n"
		       "     = d\n"
		       "3 errors, 0 warnings\n");
}

static void test_control_bytes_are_escaped_and_carets_follow(void **state)
{
	struct diag *d = diag_create();
	/* ESC, u umlaut, an ill-formed byte, a C1 control character */
	const char *text = "a\x1b[2J \xc3\xbc\xff\xc2\x9b word";

	(void)state;
	diag_source(d, "bad\nname", text, strlen(text));
	diag_error(d, ((struct span){"bad\nname", 1, 13, 4}), "'%s'", "x\x1b\r\xc3\xbc");
	diag_error(d, ((struct span){"bad\nname", 1, 9, 1}), "in the middle");
	diag_note(d, "a\tb");
	assert_printed(d, PLAIN,
		       "bad\\x0aname:1:9: error: in the middle\n"
		       "  1 | a\\x1b[2J \xc3\xbc\\xff\\xc2\\x9b word\n"
		       "    |           ^^^^\n"
		       "    = a\\x09b\n"
		       "bad\\x0aname:1:13: error: 'x\\x1b\\x0d\xc3\xbc'\n"
		       "  1 | a\\x1b[2J \xc3\xbc\\xff\\xc2\\x9b word\n"
		       "    |                        ^^^^\n"
		       "2 errors, 0 warnings\n");
}

static void test_long_line_is_shown_around_the_place(void **state)
{
	char text[1000];
	struct diag *d = diag_create();
	char *got;
	char *line;
	char *caret;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[499] = '!';
	diag_source(d, "corp.rules", text, sizeof(text));
	diag_error(d, span(1, 500, 1), "here");
	got = printed(d, PLAIN);
	line = strchr(got, '\n') + 1;
	caret = strchr(line, '\n') + 1;
	assert_int_equal(strcspn(line, "\n"), 6 + 3 + 200 + 3);
	assert_memory_equal(line + 6, "...x", 4);
	assert_memory_equal(line + 6 + 3 + 199, "x...\n", 5);
	assert_int_equal(strcspn(caret, "^"), strcspn(line, "!"));
	free(got);
}

/* The width counts as it is printed: 4 columns for a byte that is no text. */
static void test_long_line_of_bytes(void **state)
{
	static char text[70000];
	char *got, *line, *caret;

	(void)state;
	memset(text, 1, sizeof(text));
	text[499] = '!';
	for (unsigned col = 1; col <= sizeof(text); col += col == 1 ? 499 : 69500) {
		struct diag *d = diag_create();

		diag_source(d, "corp.rules", text, sizeof(text));
		diag_error(d, span(1, col, 70000), "here");
		got = printed(d, PLAIN);
		line = strchr(got, '\n') + 1;
		caret = strchr(line, '\n') + 1;
		assert_in_range(strcspn(line, "\n"), 60, 6 + 3 + 200 + 3);
		assert_in_range(strcspn(caret, "\n"), 6, 6 + 3 + 200);
		if (col == 500)
			assert_int_equal(strcspn(caret, "^"), strcspn(line, "!"));
		assert_int_equal(strncmp(line + 6, "...", 3) == 0, col > 1);
		free(got);
	}
}

static void test_long_line_is_not_cut_inside_a_character(void **state)
{
	char text[1000];
	struct diag *d;
	char *got;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? '\xc3' : '\xbc';
	for (unsigned col = 401; col <= 403; col++) {
		d = diag_create();
		diag_source(d, "corp.rules", text, sizeof(text));
		diag_error(d, span(1, col, 1), "here");
		got = printed(d, PLAIN);
		assert_null(strstr(got, "\\x"));
		free(got);
	}
}

static void test_sources_may_go_before_printing(void **state)
{
	struct diag *d = diag_create();
	char *text = strdup("one\ntwo\nthree\n");

	(void)state;
	diag_source(d, "corp.rules", text, strlen(text));
	diag_error(d, span(2, 1, 3), "bad");
	diag_forget_sources(d);
	memset(text, '?', strlen(text));
	free(text);
	diag_error(d, span(3, 1, 3), "later");
	diag_forget_sources(d);
	assert_printed(d, PLAIN,
		       "corp.rules:2:1: error: bad\n"
		       "  2 | two\n"
		       "    | ^^^\n"
		       "corp.rules:3:1: error: later\n"
		       "2 errors, 0 warnings\n");
}

static void test_findings_of_another_are_taken(void **state)
{
	struct diag *d = diag_create(), *other = diag_create();

	(void)state;
	diag_error(d, span(1, 0, 0), "first");
	diag_source(other, "corp.rules", "one\ntwo\n", 8);
	diag_add(other, DIAG_WARNING, span(2, 1, 3), "odd", "100%% odd");
	diag_remedy(other, "even");
	for (unsigned i = 0; i < DIAG_MAX; i++)
		diag_error(other, span(9, 0, 0), "more");
	diag_take(d, other);
	assert_int_equal(diag_count(d, DIAG_ERROR), DIAG_MAX + 1);
	assert_int_equal(diag_count(d, DIAG_WARNING), 1);
	diag_destroy(d);
	d = diag_create();
	diag_destroy(other);
	other = diag_create();
	diag_source(other, "corp.rules", "one\ntwo\n", 8);
	diag_add(other, DIAG_WARNING, span(2, 1, 3), "odd", "100%% odd");
	diag_remedy(other, "even");
	diag_take(d, other);
	diag_destroy(other);
	assert_printed(d, PLAIN,
		       "corp.rules:2:1: warning [odd]: 100% odd\n"
		       "  2 | two\n"
		       "    | ^^^\n"
		       "    = write: even\n"
		       "0 errors, 1 warning\n");
}

static void test_findings_over_the_cap_are_counted(void **state)
{
	struct diag *d = diag_create();
	char *got;

	(void)state;
	for (unsigned i = 0; i < DIAG_MAX + 23; i++) {
		diag_add(d, i % 2 == 0 ? DIAG_ERROR : DIAG_WARNING, span(i + 1, 1, 0),
			 NULL, "finding %u", i);
		diag_remedy(d, "remedy %u", i); /* of one not kept: must go nowhere */
	}
	assert_int_equal(diag_count(d, DIAG_ERROR), 62);
	assert_int_equal(diag_count(d, DIAG_WARNING), 61);
	got = printed(d, PLAIN);
	/* All errors, and the first warnings. */
	assert_non_null(strstr(got, "finding 75\n    = write: remedy 75\n"));
	assert_null(strstr(got, "remedy 77"));
	assert_null(strstr(got, "remedy 121"));
	assert_non_null(strstr(got, "finding 122\n    = write: remedy 122\n"
				    "62 errors, 61 warnings (23 not shown)\n"));
	free(got);
}

static void test_four_notes_a_finding(void **state)
{
	struct diag *d = diag_create();

	(void)state;
	diag_note(d, "of nothing");
	diag_error(d, span(0, 0, 0), "m");
	for (int i = 1; i <= 6; i++)
		diag_note(d, "%d", i);
	assert_printed(d, PLAIN,
		       "corp.rules: error: m\n"
		       "    = 1\n    = 2\n    = 3\n    = 4\n"
		       "1 error, 0 warnings\n");
}

static void test_65th_source_prints_no_line(void **state)
{
	struct diag *d = diag_create();
	char *got;
	char name[16];

	(void)state;
	for (int i = 0; i < 66; i++) {
		(void)snprintf(name, sizeof(name), "%d.rules", i);
		diag_source(d, name, "text", 4);
	}
	diag_source(d, "0.rules", "next", 4); /* a known file may change its text */
	diag_error(d, ((struct span){"0.rules", 1, 1, 1}), "a");
	diag_error(d, ((struct span){"63.rules", 1, 1, 1}), "b");
	diag_error(d, ((struct span){"64.rules", 1, 1, 1}), "c");
	got = printed(d, PLAIN);
	assert_string_equal(got, "0.rules:1:1: error: a\n  1 | next\n    | ^\n"
				 "63.rules:1:1: error: b\n  1 | text\n    | ^\n"
				 "64.rules:1:1: error: c\n"
				 "3 errors, 0 warnings\n");
	free(got);
}

static void test_finding_without_a_file(void **state)
{
	struct diag *d = diag_create();

	(void)state;
	diag_error(d, ((struct span){NULL, 0, 0, 0}), "no rules");
	assert_printed(d, PLAIN, "error: no rules\n1 error, 0 warnings\n");
}

static void test_long_texts_are_cut(void **state)
{
	struct diag *d = diag_create();
	char text[5000];
	char *got;

	(void)state;
	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	diag_add(d, DIAG_WARNING, (struct span){text, 1, 1, 1}, text, "%s", text);
	for (int i = 0; i < 4; i++)
		diag_remedy(d, "%s", text);
	got = printed(d, JSON);
	assert_int_equal(strlen(got),
			 strlen("[{\"file\":\"\",\"line\":1,\"column\":1,\"length\":1,"
				"\"level\":\"warning\",\"name\":\"\","
				"\"message\":\"\",\"notes\":["
				"\"write: \",\"write: \",\"write: \","
				"\"write: \"]}]\n") +
				 (size_t)6 * (1023 + 32 + 1023 + 4 * 1023));
	free(got);
}

static void test_colours_only_when_asked_for(void **state)
{
	struct diag *d = with_rules();

	(void)state;
	diag_error(d, span(4, 1, 4), "m");
	diag_add(d, DIAG_WARNING, span(4, 6, 4), "shadowed", "w");
	assert_printed(
		d, COLOURED,
		"\033[1mcorp.rules:4:1: \033[0m\033[1;31merror:\033[0m m\n"
		"  4 | last line\n"
		"    | \033[1;32m^^^^\033[0m\n"
		"\033[1mcorp.rules:4:6: \033[0m\033[1;35mwarning [shadowed]:\033[0m w\n"
		"  4 | last line\n"
		"    | \033[1;32m     ^^^^\033[0m\n"
		"1 error, 1 warning\n");
}

static void test_json_has_every_field(void **state)
{
	struct diag *d = with_rules();

	(void)state;
	diag_add(d, DIAG_WARNING, span(4, 6, 4), "shadowed", "never \"matches\"");
	diag_remedy(d, "nothing");
	diag_note(d, "see line 1");
	diag_error(d, span(1, 0, 0), "m");
	assert_printed(d, JSON,
		       "[{\"file\":\"corp.rules\",\"line\":1,\"column\":0,\"length\":0,"
		       "\"level\":\"error\",\"message\":\"m\",\"notes\":[]},"
		       "{\"file\":\"corp.rules\",\"line\":4,\"column\":6,\"length\":4,"
		       "\"level\":\"warning\",\"name\":\"shadowed\","
		       "\"message\":\"never \\\"matches\\\"\","
		       "\"notes\":[\"write: nothing\",\"see line 1\"]}]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_finding_prints_nothing),
		cmocka_unit_test(test_finding_with_source_carets_and_remedy),
		cmocka_unit_test(test_order_is_file_then_place_then_time),
		cmocka_unit_test(test_tabs_are_repeated_under_the_line),
		cmocka_unit_test(test_places_at_and_past_the_end),
		cmocka_unit_test(test_line_numbers_are_right_aligned),
		cmocka_unit_test(test_control_bytes_are_escaped_and_carets_follow),
		cmocka_unit_test(test_long_line_is_shown_around_the_place),
		cmocka_unit_test(test_long_line_of_bytes),
		cmocka_unit_test(test_long_line_is_not_cut_inside_a_character),
		cmocka_unit_test(test_sources_may_go_before_printing),
		cmocka_unit_test(test_findings_of_another_are_taken),
		cmocka_unit_test(test_findings_over_the_cap_are_counted),
		cmocka_unit_test(test_four_notes_a_finding),
		cmocka_unit_test(test_65th_source_prints_no_line),
		cmocka_unit_test(test_finding_without_a_file),
		cmocka_unit_test(test_long_texts_are_cut),
		cmocka_unit_test(test_colours_only_when_asked_for),
		cmocka_unit_test(test_json_has_every_field),
	};

	diag_destroy(NULL);
	return cmocka_run_group_tests_name("base/diag", tests, NULL, NULL);
}
