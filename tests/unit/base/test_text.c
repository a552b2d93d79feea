/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_strings_compare_by_ascii_case_only(void **state)
{
	(void)state;
	assert_true(str_equal(STR("ab"), STR("ab")));
	assert_false(str_equal(STR("ab"), STR("aB")));
	assert_false(str_equal(STR("ab"), STR("abc")));
	assert_true(str_equal(STR_NONE, STR("")));
	assert_true(str_equal_fold(STR("Contoso.COM"), STR("contoso.com")));
	assert_false(str_equal_fold(STR("contoso.com"), STR("contoso.co")));
	assert_false(
		str_equal_fold(STR("\xc3\x84"), STR("\xc3\xa4"))); /* A and a umlaut */
	assert_false(str_equal_fold(STR("@["), STR("\x60{"))); /* around the letters */
	assert_true(str_equal_fold(STR_NONE, STR_NONE));
	assert_null(str_of(NULL).p);
	assert_int_equal(str_of(NULL).len, 0);
}

static void test_tail_is_found_only_at_the_end(void **state)
{
	(void)state;
	assert_true(str_ends_with(STR("a.example"), STR(".example")));
	assert_true(str_ends_with(STR(".example"), STR(".example")));
	assert_true(str_ends_with(STR("a"), STR("")));
	assert_true(str_ends_with(STR_NONE, STR_NONE));
	assert_false(str_ends_with(STR("example"), STR(".example")));
	assert_false(str_ends_with(STR(".example."), STR(".example")));
}

static void test_trim_takes_blanks_and_tabs_off(void **state)
{
	static const struct {
		const char *in;
		const char *want;
	} cases[] = {
		{"", ""}, {" \t ", ""}, {" a b\t", "a b"}, {"a", "a"}, {"\na\r", "\na\r"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_true(
			str_equal(str_trim(str_of(cases[i].in)), str_of(cases[i].want)));
	assert_int_equal(str_trim(STR_NONE).len, 0);
}

static void test_numbers_are_digits_within_the_bound(void **state)
{
	static const struct {
		const char *in;
		uint64_t max;
		bool want;
		uint64_t value;
	} cases[] = {
		{"0", 0, true, 0},
		{"007", 7, true, 7},
		{"65535", 65535, true, 65535},
		{"65536", 65535, false, 0},
		{"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, false, 0},
		{"99999999999999999999", UINT64_MAX, false, 0},
		{"184467440737095516150", UINT64_MAX, false, 0},
		{"", 10, false, 0},
		{"+1", 10, false, 0},
		{"-1", 10, false, 0},
		{" 1", 10, false, 0},
		{"1 ", 10, false, 0},
		{"0x1", 10, false, 0},
		{"1/", 100, false, 0},
		{"1:", 100, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t got = 4711;

		assert_int_equal(parse_u64(str_of(cases[i].in), cases[i].max, &got),
				 cases[i].want);
		assert_true(got == (cases[i].want ? cases[i].value : 4711));
	}
}

static void test_durations(void **state)
{
	static const struct {
		const char *in;
		int64_t want; /* < 0: refused */
		const char *why;
	} cases[] = {
		{"0s", 0, NULL},
		{"1us", 1, NULL},
		{"250ms", 250000, NULL},
		{"30s", 30000000, NULL},
		{"10min", 600000000, NULL},
		{"24h", INT64_C(86400000000), NULL},
		{"7d", INT64_C(604800000000), NULL},
		{"106751991d", INT64_C(9223372022400000000), NULL},
		{"106751992d", -1, "is too large: durations end at 106751991d"},
		{"9223372036854775807us", INT64_MAX, NULL},
		{"9223372036854775808us", -1,
		 "is too large: durations end at 106751991d"},
		{"30", -1, "has no unit: write 30s, 10min, 24h or 7d"},
		{"", -1, "is no duration: write 30s, 10min, 24h or 7d"},
		{"s", -1, "is no duration: write 30s, 10min, 24h or 7d"},
		{"-5s", -1, "is no duration: write 30s, 10min, 24h or 7d"},
		{"5m", -1, NULL},
		{"5 s", -1, NULL},
		{"5S", -1, NULL},
		{"5s ", -1, NULL},
		{"1h30min", -1, NULL},
		{"1.5h", -1,
		 "has a unit other than us, ms, s, min, h and d: write 30s, 10min, 24h or 7d"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *why = NULL;
		int64_t got = -7;
		bool ok = parse_duration(str_of(cases[i].in), &got, &why);

		assert_int_equal(ok, cases[i].want >= 0);
		assert_true(got == (ok ? cases[i].want : -7));
		assert_int_equal(why == NULL, ok);
		if (cases[i].why != NULL)
			assert_string_equal(why, cases[i].why);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *in;
		bool ok;
		uint64_t want;
		const char *why;
	} cases[] = {
		{"0B", true, 0, NULL},
		{"1500B", true, 1500, NULL},
		{"512KiB", true, 524288, NULL},
		{"64MiB", true, 67108864, NULL},
		{"2GiB", true, UINT64_C(2147483648), NULL},
		{"1TiB", true, UINT64_C(1099511627776), NULL},
		{"3KB", true, 3000, NULL},
		{"4MB", true, 4000000, NULL},
		{"5GB", true, UINT64_C(5000000000), NULL},
		{"18446744073709551615B", true, UINT64_MAX, NULL},
		{"16777215TiB", true, UINT64_C(16777215) << 40, NULL},
		{"16777216TiB", false, 0, "is too large: sizes end at 16777215TiB"},
		{"64", false, 0, "has no unit: write 512KiB, 64MiB or 2GiB"},
		{"64mib", false, 0, NULL},
		{"64M", false, 0,
		 "has a unit other than B, KiB, MiB, GiB, TiB, KB, MB and GB: write 512KiB, "
		 "64MiB or 2GiB"},
		{"MiB", false, 0, "is no size: write 512KiB, 64MiB or 2GiB"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *why = NULL;
		uint64_t got = 4711;

		assert_int_equal(parse_size(str_of(cases[i].in), &got, &why),
				 cases[i].ok);
		assert_true(got == (cases[i].ok ? cases[i].want : 4711));
		assert_int_equal(why == NULL, cases[i].ok);
		if (cases[i].why != NULL)
			assert_string_equal(why, cases[i].why);
	}
}

static void test_shares(void **state)
{
	static const struct {
		const char *in;
		bool ok;
		unsigned want;
		const char *why;
	} cases[] = {
		{"0%", true, 0, NULL},
		{"90%", true, 9000, NULL},
		{"100%", true, 10000, NULL},
		{"101%", false, 0, "is too large: shares end at 100%"},
		{"50", false, 0, "has no unit: write 50% or 90%"},
		{"%", false, 0, "is no share: write 50% or 90%"},
		{"50 %", false, 0, "has a unit other than %: write 50% or 90%"},
		{"50%%", false, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *why = NULL;
		unsigned got = 4711;

		assert_int_equal(parse_share(str_of(cases[i].in), &got, &why),
				 cases[i].ok);
		assert_int_equal(got, cases[i].ok ? cases[i].want : 4711);
		assert_int_equal(why == NULL, cases[i].ok);
		if (cases[i].why != NULL)
			assert_string_equal(why, cases[i].why);
	}
}

static void test_hexadecimal_words_have_32_bits(void **state)
{
	static const struct {
		const char *in;
		bool want;
		uint32_t value;
	} cases[] = {
		{"0x0", true, 0},
		{"0xf", true, 0xf},
		{"0x0ff00000", true, 0x0ff00000},
		{"0xffffffff", true, UINT32_MAX},
		{"0xDeadBeef", true, 0xdeadbeef},
		{"0x00000000000000000000001", true, 1}, /* of any number */
		{"0x0000000ffffffff", true, UINT32_MAX},
		{"0x100000000", false, 0}, /* 33 bits */
		{"0x1ffffffff", false, 0},
		{"0xfffffffff", false, 0},
		{"0x1000000000000000000000000", false, 0},
		{"0x", false, 0},
		{"0", false, 0},
		{"", false, 0},
		{"0X1", false, 0},
		{"x1", false, 0},
		{"1x1", false, 0},
		{"00x1", false, 0},
		{"10", false, 0},
		{"0xg", false, 0},
		{"0x1g", false, 0},
		{"0x:", false, 0}, /* around the digits */
		{"0x/", false, 0},
		{"0x@", false, 0},
		{"0x`", false, 0},
		{"0x1 ", false, 0},
		{" 0x1", false, 0},
		{"0x 1", false, 0},
		{"0x+1", false, 0},
		{"-0x1", false, 0},
		{"0x0x1", false, 0},
		{"0x\xb1", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint32_t got = 4711;

		assert_int_equal(parse_hex_u32(str_of(cases[i].in), &got), cases[i].want);
		assert_int_equal(got, cases[i].want ? cases[i].value : 4711);
	}
	for (unsigned bit = 0; bit < 32; bit++) {
		const uint32_t want = (uint32_t)1 << bit;
		char text[16];
		uint32_t got = 0;

		(void)snprintf(text, sizeof(text), "0x%x", want);
		assert_true(parse_hex_u32(str_of(text), &got));
		assert_int_equal(got, want);
	}
	assert_false(parse_hex_u32(STR_NONE, NULL));
	/* What follows the string is not looked at. */
	for (size_t len = 0; len < 3; len++)
		assert_false(parse_hex_u32((struct str){"0x1", len}, NULL));
}

static void test_nearest_word(void **state)
{
	static const char *const words[] = {"connector", "endpoint", "tls", "dns",
					    "outbound",  "inbound",  "ip"};
	static const struct {
		const char *in;
		const char *want;
	} cases[] = {
		{"connectro", "connector"},  /* neighbours swapped: 1 */
		{"conector", "connector"},   /* left out */
		{"connnector", "connector"}, /* too many */
		{"konnektor", "connector"},  /* 2 replaced */
		{"konnekdor", "connector"},  /* 3 replaced, of 9 */
		{"konnekdar", NULL},         /* 4 */
		{"CONNECTOR", "connector"},  /* case is no edit */
		{"connectorsabc", NULL},     /* 4 more */
		{"tsl", "tls"},              /* 1 of 3 */
		{"tlx", "tls"},              /* 1 of 3 */
		{"txx", NULL},               /* 2 of 3 */
		{"pi", NULL},                /* a third of 2 is none */
		{"ip", "ip"},                /* the word itself */
		{"nbound", "inbound"},       /* nearer than outbound */
		{"", NULL},
		{"ednpiont", "endpoint"}, /* two swaps */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *got = text_nearest(str_of(cases[i].in), words, COUNT(words));

		if (cases[i].want == NULL)
			assert_null(got);
		else
			assert_string_equal(got, cases[i].want);
	}
	assert_null(text_nearest(STR_NONE, words, COUNT(words)));
	assert_null(text_nearest(STR("tls"), NULL, 0));
}

static void test_nearest_takes_the_first_of_equals(void **state)
{
	static const char *const words[] = {"abx", "aby", "abc", "abz"};

	(void)state;
	assert_string_equal(text_nearest(STR("abq"), words, 2), "abx");
	assert_string_equal(text_nearest(STR("abc"), words, 4), "abc");
}

static void test_nearest_leaves_long_words_alone(void **state)
{
	char word[66];
	const char *const words[] = {word};

	(void)state;
	memset(word, 'a', sizeof(word));
	word[64] = '\0';
	assert_ptr_equal(text_nearest(str_of(word), words, 1), word);
	word[64] = 'a';
	word[65] = '\0';
	assert_null(text_nearest(str_of(word), words, 1));
	assert_null(text_nearest((struct str){word, 64}, words, 1));
}

#define SHORT_MAX 14

/* The whole table, by the definition: what is kept of it in text.c must not show. */
static unsigned all_edits(const char *a, const char *b)
{
	const size_t m = strlen(a), n = strlen(b);
	unsigned t[SHORT_MAX + 1][SHORT_MAX + 1];

	for (unsigned i = 0; i <= m; i++)
		for (unsigned j = 0; j <= n; j++) {
			if (i == 0 || j == 0) {
				t[i][j] = i + j;
				continue;
			}
			t[i][j] = t[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (t[i - 1][j] + 1 < t[i][j])
				t[i][j] = t[i - 1][j] + 1;
			if (t[i][j - 1] + 1 < t[i][j])
				t[i][j] = t[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && t[i - 2][j - 2] + 1 < t[i][j])
				t[i][j] = t[i - 2][j - 2] + 1;
		}
	return t[m][n];
}

static void random_word(uint32_t *seed, char word[SHORT_MAX + 1])
{
	size_t len;

	*seed = *seed * 1664525u + 1013904223u;
	len = 1 + (*seed >> 8) % SHORT_MAX;
	for (size_t i = 0; i < len; i++) {
		*seed = *seed * 1664525u + 1013904223u;
		word[i] = (char)('a' + (*seed >> 8) % 3);
	}
	word[len] = '\0';
}

static void test_nearest_is_that_of_the_whole_table(void **state)
{
	unsigned found = 0;
	uint32_t seed = 1;

	(void)state;
	for (unsigned n = 0; n < 50000; n++) {
		char a[SHORT_MAX + 1], b[SHORT_MAX + 1];
		const char *const words[] = {b};
		unsigned most;
		bool near;

		random_word(&seed, a);
		random_word(&seed, b);
		most = strlen(a) / 3 > 3 ? 3 : (unsigned)strlen(a) / 3;
		near = all_edits(a, b) <= most;
		found += near;
		assert_int_equal(text_nearest(str_of(a), words, 1) != NULL, near);
	}
	assert_in_range(found, 500, 25000);
}

static void test_host_names_are_told_from_patterns(void **state)
{
	static const char *const names[] = {"a", "x-1_y.example", "192.0.2.1", "..", "-"};
	static const char *const others[] = {
		"",    "*",   "*.example", "a b",  "a\"",       "a,b", "a\\b",
		"a/b", "a:1", "a\n",       "\x1b", "b\xc3\xbc", "a@b"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(str_is_host_name(str_of(names[i])));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(str_is_host_name(str_of(others[i])));
	assert_false(str_is_host_name((struct str){"a\0b", 3}));
	assert_false(str_is_host_name(STR_NONE));
}

static void test_a_terminal_gets_printable_bytes(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	str_put_printable(out, (struct str){"a ~\x1b[m\0\x7f\xc3\xbc\n", 11});
	str_put_printable(out, STR_NONE);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "a ~?[m?????");
	free(text);
}

static void test_lists_grow_as_far_as_there_is_room(void **state)
{
	char list[8];
	struct str rest;
	size_t len = 0, count;

	(void)state;
	assert_false(list_has((struct str){list, 0}, STR("ab"), &count));
	assert_int_equal(count, 0);
	assert_int_equal(list_put(list, 0, sizeof(list), STR("123456789")), 0);
	len = list_put(list, len, sizeof(list), STR("ab"));
	len = list_put(list, len, sizeof(list), STR_NONE);
	len = list_put(list, len, sizeof(list), STR("cde"));
	assert_int_equal(list_put(list, len, sizeof(list), STR("fg")), len);
	len = list_put(list, len, sizeof(list), STR("f"));
	assert_int_equal(len, 8);
	assert_memory_equal(list, "ab,cde,f", 8);
	assert_true(list_has((struct str){list, len}, STR("f"), &count));
	assert_int_equal(count, 2);
	assert_false(list_has((struct str){list, len}, STR("cd"), &count));
	assert_int_equal(count, 3);
	rest = (struct str){list, len};
	assert_true(str_equal(str_item(&rest, ','), STR("ab")));
	assert_true(str_equal(str_item(&rest, ','), STR("cde")));
	assert_true(str_equal(str_item(&rest, ','), STR("f")));
	assert_int_equal(rest.len, 0);
	assert_int_equal(str_item(&rest, ',').len, 0);
	assert_int_equal(str_copy(STR("abc"), list, 2), 2);
	assert_int_equal(str_copy(STR_NONE, list, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings_compare_by_ascii_case_only),
		cmocka_unit_test(test_tail_is_found_only_at_the_end),
		cmocka_unit_test(test_trim_takes_blanks_and_tabs_off),
		cmocka_unit_test(test_numbers_are_digits_within_the_bound),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_hexadecimal_words_have_32_bits),
		cmocka_unit_test(test_lists_grow_as_far_as_there_is_room),
		cmocka_unit_test(test_nearest_word),
		cmocka_unit_test(test_nearest_takes_the_first_of_equals),
		cmocka_unit_test(test_nearest_is_that_of_the_whole_table),
		cmocka_unit_test(test_nearest_leaves_long_words_alone),
		cmocka_unit_test(test_host_names_are_told_from_patterns),
		cmocka_unit_test(test_a_terminal_gets_printable_bytes),
	};

	return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
