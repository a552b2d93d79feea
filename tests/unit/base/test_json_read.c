/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* All tokens as one line: kind letter, and the text in <>. */
static void read_all(const char *text, size_t len, struct diag *d, char *out, size_t room)
{
	static const char letters[] = ".{}[]ksn10-";
	struct json_reader r;
	struct json_token t;
	size_t used = 0;

	json_read_start(&r, "f.json", text, len, d);
	while (json_read_next(&r, &t)) {
		assert_true(used + t.text.len + 8 < room);
		out[used++] = letters[t.kind];
		if (t.kind == JSON_READ_KEY || t.kind == JSON_READ_STRING ||
		    t.kind == JSON_READ_NUMBER) {
			out[used++] = '<';
			memcpy(out + used, t.text.p, t.text.len);
			used += t.text.len;
			out[used++] = '>';
		}
	}
	assert_false(json_read_next(&r, &t));
	assert_int_equal(json_read_failed(&r), diag_count(d, DIAG_ERROR) > 0);
	out[used] = '\0';
}

static void a_sound_text_is_a_row_of_tokens(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"{}", "{}"},
		{" [ ] ", "[]"},
		{"\xef\xbb\xbf{\"a\":1}", "{k<a>n<1>}"},
		{"{\"a\":[1,-2.5e+3,0],\"b\":{\"c\":null}}",
		 "{k<a>[n<1>n<-2.5e+3>n<0>]k<b>{k<c>-}}"},
		{"[true,false,null,\"x\"]", "[10-s<x>]"},
		{"\"\\u00e9\\uD83D\\ude00\\\\\\/\"", "s<\xc3\xa9\xf0\x9f\x98\x80\\/>"},
		{"\"a\\\"b\xc3\xa9\"", "s<a\"b\xc3\xa9>"},
		{"12", "n<12>"},
		{"[[],{}]\r\n", "[[]{}]"},
	};
	char got[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct diag *d = diag_create();

		read_all(rows[i].text, strlen(rows[i].text), d, got, sizeof(got));
		assert_string_equal(got, rows[i].want);
		assert_int_equal(diag_count(d, DIAG_ERROR), 0);
		diag_destroy(d);
	}
}

static void assert_finding(const char *text, size_t len, const char *want)
{
	struct diag *d = diag_create();
	char got[4096], *shown = NULL;
	size_t shown_len = 0;
	FILE *f;

	read_all(text, len, d, got, sizeof(got));
	assert_int_equal(diag_count(d, DIAG_ERROR), 1);
	f = open_memstream(&shown, &shown_len);
	diag_print(d, f, false);
	assert_int_equal(fclose(f), 0);
	if (strstr(shown, want) == NULL)
		fail_msg("of %s\nwant %s\ngot %s", text, want, shown);
	free(shown);
	diag_destroy(d);
}

static void faults_have_line_and_column(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", "f.json:1:1: error: the file ends in the middle"},
		{"{", "f.json:1:2: error: the file ends"},
		{"[1,", "f.json:1:4: error: the file ends"},
		{"{\"a\":", "f.json:1:6: error: the file ends"},
		{"{\n  \"a\" 1}", "f.json:2:7: error: ':' is missing"},
		{"{\n  \"a\":1 \"b\":2}", "f.json:2:9: error: ',' is missing"},
		{"[1 2]", "f.json:1:4: error: ',' is missing"},
		{"[1,]", "f.json:1:4: error: no value"},
		{"{\"a\":1,}", "f.json:1:8: error: a key in quotes"},
		{"{a:1}", "f.json:1:2: error: a key in quotes"},
		{"{\"a\":}", "f.json:1:6: error: no value"},
		{"{\"a\":1]", "f.json:1:7: error: an object is open"},
		{"[1}", "f.json:1:3: error: an array is open"},
		{"]", "f.json:1:1: error: no value"},
		{"[01]", "f.json:1:2: error: no number"},
		{"[-]", "f.json:1:2: error: no number"},
		{"[1.]", "f.json:1:2: error: no number"},
		{"[1e]", "f.json:1:2: error: no number"},
		{"[tru]", "f.json:1:2: error: no value"},
		{"[\"a", "f.json:1:2: error: the string has no end"},
		{"[\"a\tb\"]", "f.json:1:4: error: a control byte"},
		{"[\"a\\x\"]", "f.json:1:4: error: no escape"},
		{"[\"\\ud800\"]", "f.json:1:3: error: no escape"},
		{"[\"\\ud800\\u0041\"]", "f.json:1:3: error: no escape"},
		{"[\"\\udc00\"]", "f.json:1:3: error: no escape"},
		{"[\"\\u12g4\"]", "f.json:1:3: error: no escape"},
		{"[\"\xc0\xaf\"]", "f.json:1:3: error: a byte that is no UTF-8"},
		{"{} {}", "f.json:1:4: error: more text"},
		{"<html>", "f.json:1:1: error: no value"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_finding(rows[i].text, strlen(rows[i].text), rows[i].want);
	assert_finding("[\"a\0b\"]", 7, "f.json:1:4: error: a control byte");
}

/* 32 open ones are fine, 33 are a finding; a string with escapes has a cap of its own. */
static void sizes_have_caps(void **state)
{
	char text[10000], got[10000];
	struct diag *d = diag_create();

	(void)state;
	memset(text, '[', 33);
	memset(text + 32, ']', 32);
	read_all(text, 64, d, got, sizeof(got));
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	memset(text, 'a', 9000);
	text[0] = text[8999] = '"';
	read_all(text, 9000, d, got, sizeof(got));
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	assert_int_equal(strlen(got), 9001);
	diag_destroy(d);
	for (size_t at = 1; at < 8998; at += 8996) {
		memset(text, 'a', 9000);
		text[0] = text[8999] = '"';
		text[at] = '\\';
		text[at + 1] = 'n';
		assert_finding(text, 9000, "f.json:1:1: error: the string is too long");
	}
	memset(text, '[', 33);
	assert_finding(text, 33, "f.json:1:33: error: more than 32 objects");
}

/* Every byte at every place of strings of every short length: runs are read by the word. */
static void each_byte_is_looked_at(void **state)
{
	char text[24], got[64], want[64];

	(void)state;
	for (size_t len = 1; len <= 18; len++)
		for (size_t at = 0; at < len; at++)
			for (int c = 1; c < 256; c++) {
				const bool sound =
					c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
				struct diag *d = diag_create();

				memset(text, 'a', sizeof(text));
				text[0] = text[len + 1] = '"';
				text[1 + at] = (char)c;
				read_all(text, len + 2, d, got, sizeof(got));
				(void)snprintf(want, sizeof(want), "s<%.*s>", (int)len,
					       text + 1);
				if (sound)
					assert_string_equal(got, want);
				assert_int_equal(diag_count(d, DIAG_ERROR) == 0, sound);
				diag_destroy(d);
			}
}

static void a_value_is_passed_over_whole(void **state)
{
	const char *text = "{\"x\":{\"y\":[1,{\"z\":[]}]},\"a\":\"b\"}";
	struct diag *d = diag_create();
	struct json_reader r;
	struct json_token t;

	(void)state;
	json_read_start(&r, "f.json", text, strlen(text), d);
	assert_true(json_read_next(&r, &t));
	assert_true(json_read_next(&r, &t));
	assert_true(json_read_next(&r, &t));
	assert_int_equal(t.kind, JSON_READ_OBJECT);
	json_read_skip(&r, &t);
	assert_true(json_read_next(&r, &t));
	assert_true(str_equal(t.text, STR("a")));
	assert_int_equal(t.col, 25);
	assert_int_equal(t.len, 3);
	json_read_skip(&r, &t);
	assert_true(json_read_next(&r, &t));
	assert_true(str_equal(t.text, STR("b")));
	assert_true(json_read_next(&r, &t));
	assert_int_equal(t.kind, JSON_READ_OBJECT_END);
	assert_false(json_read_next(&r, &t));
	assert_false(json_read_failed(&r));
	diag_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_text_is_a_row_of_tokens),
		cmocka_unit_test(faults_have_line_and_column),
		cmocka_unit_test(sizes_have_caps),
		cmocka_unit_test(each_byte_is_looked_at),
		cmocka_unit_test(a_value_is_passed_over_whole),
	};

	return cmocka_run_group_tests_name("base/json_read", tests, NULL, NULL);
}
