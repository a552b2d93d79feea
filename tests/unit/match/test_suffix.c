/* SPDX-License-Identifier: Apache-2.0 */
#include "match/suffix.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LABEL_63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

struct match_row {
	const char *pattern, *host;
	bool want;
};

static const struct match_row match_rows[] = {
	{"host.example", "host.example", true},
	{"Host.Example.", "host.example", true},
	{"host.example", "a.host.example", false},
	{"host.example", "xhost.example", false},
	{"host.example", "host.exampl", false},
	{"host.example", "", false},
	/* A leading "*." is one or more labels, never none. */
	{"*.host.example", "a.host.example", true},
	{"*.host.example", "a.b.host.example", true},
	{"*.host.example", "host.example", false},
	{"*.host.example", ".host.example", false},
	{"*.host.example", "xhost.example", false},
	{"*.com", "a.com", true},
	{"*.com", "com", false},
	/* A whole label elsewhere is exactly one. */
	{"a.*.example", "a.b.example", true},
	{"a.*.example", "a.b.c.example", false},
	{"a.*.example", "a.example", false},
	{"a.*.example", "a..example", false},
	{"*.*.database.windows.net", "srv.pool.database.windows.net", true},
	{"*.*.database.windows.net", "x.srv.pool.database.windows.net", true},
	{"*.*.database.windows.net", "srv.database.windows.net", false},
	{"*.s3.*.amazonaws.com", "bucket.s3.eu-west-1.amazonaws.com", true},
	{"*.s3.*.amazonaws.com", "bucket.s3.a.b.amazonaws.com", false},
	{"oor.*", "oor.example", true},
	{"oor.*", "oor.example.com", false},
	{"oor.*", "oor", false},
	/* Inside a label: any bytes, also none, no dot. */
	{"flow-apim-*.x.example", "flow-apim-eu-01.x.example", true},
	{"flow-apim-*.x.example", "flow-apim-.x.example", true},
	{"flow-apim-*.x.example", "flow-apim-a.b.x.example", false},
	{"*-my.sharepoint.com", "contoso-my.sharepoint.com", true},
	{"*-my.sharepoint.com", "-my.sharepoint.com", true},
	{"*-my.sharepoint.com", "a.contoso-my.sharepoint.com", false},
	{"*.crm*.dynamics.com", "org.crm4.dynamics.com", true},
	{"*.crm*.dynamics.com", "org.api.crm4.dynamics.com", true},
	{"*.crm*.dynamics.com", "org.crm.dynamics.com", true},
	{"*.crm*.dynamics.com", "org.crm4.x.dynamics.com", false},
	{"*.crm*.dynamics.com", "crm4.dynamics.com", false},
	{"a*a*a.x", "aaaaa.x", true},
	{"a*a*a.x", "aaaa.x", true},
	{"a*b.c*d.x", "abb.cdd.x", true},
	{"a*b.c*d.x", "abb.cd.x", true},
	{"**a.x", "bba.x", true},
	{"**a.x", "ba.x", true},
	{"*", "a", false}, /* not a pattern */
};

static void test_single_patterns_match_label_by_label(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(match_rows); i++) {
		const struct match_row *r = &match_rows[i];
		struct suffix_table *t;
		uint32_t value;
		size_t count;

		if (suffix_match(str_of(r->pattern), str_of(r->host)) != r->want)
			fail_msg("suffix_match('%s', '%s') is not %d", r->pattern,
				 r->host, r->want);
		/* A table of this one pattern says the same. */
		t = suffix_create();
		assert_non_null(t);
		count = suffix_add(t, str_of(r->pattern), 7) == 0;
		assert_int_equal(count, strcmp(r->pattern, "*") != 0);
		assert_int_equal(suffix_seal(t), 0);
		count = suffix_find(t, str_of(r->host), &value, 1);
		if (count != r->want)
			fail_msg("table of '%s' finds '%s' %zu times", r->pattern,
				 r->host, count);
		suffix_destroy(t);
	}
}

struct check_row {
	const char *pattern;
	enum suffix_fault want;
	size_t at;
};

static const struct check_row check_rows[] = {
	{"host.example", SUFFIX_FINE, 0},
	{"_sip.host_1.example.", SUFFIX_FINE, 0},
	{"crm*.x", SUFFIX_FINE, 0},
	{LABEL_63 ".x", SUFFIX_FINE, 0},
	{"", SUFFIX_EMPTY, 0},
	{".", SUFFIX_EMPTY, 0},
	{".a", SUFFIX_EMPTY, 0},
	{"a..b", SUFFIX_EMPTY, 2},
	{"a..", SUFFIX_EMPTY, 2},
	{LABEL_63 "h.x", SUFFIX_TOO_LONG, 63},
	{"a b.example", SUFFIX_BAD_BYTE, 1},
	{"host.example:443", SUFFIX_BAD_BYTE, 12},
	{"https://host", SUFFIX_BAD_BYTE, 5},
	{"m\xc3\xbcnchen.example", SUFFIX_BAD_BYTE, 1},
	{"a?.example", SUFFIX_BAD_BYTE, 1},
	{"*", SUFFIX_ONLY_STARS, 0},
	{"*.*", SUFFIX_ONLY_STARS, 0},
	{"**.*.", SUFFIX_ONLY_STARS, 0},
};

static void test_faults_are_named_with_their_place(void **state)
{
	struct suffix_table *t = suffix_create();

	(void)state;
	assert_non_null(t);
	for (size_t i = 0; i < COUNT(check_rows); i++) {
		const struct check_row *r = &check_rows[i];
		size_t at = 0;

		assert_int_equal(suffix_check(str_of(r->pattern), &at), r->want);
		if (r->want != SUFFIX_FINE)
			assert_int_equal(at, r->at);
		assert_int_equal(suffix_add(t, str_of(r->pattern), 0),
				 r->want == SUFFIX_FINE ? 0 : -EINVAL);
	}
	suffix_destroy(t);
}

static void test_length_limit_is_that_of_the_header(void **state)
{
	char text[SUFFIX_PATTERN_MAX + 2];
	size_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? 'a' : '.';
	assert_int_equal(suffix_check((struct str){text, SUFFIX_PATTERN_MAX}, &at),
			 SUFFIX_FINE);
	/* One more byte is a final dot, and ignored; two more are too long. */
	assert_int_equal(suffix_check((struct str){text, SUFFIX_PATTERN_MAX + 1}, &at),
			 SUFFIX_FINE);
	assert_int_equal(suffix_check((struct str){text, SUFFIX_PATTERN_MAX + 2}, &at),
			 SUFFIX_TOO_LONG);
	assert_int_equal(at, SUFFIX_PATTERN_MAX);
}

static struct suffix_table *table_of(const char *const *patterns, size_t count)
{
	struct suffix_table *t = suffix_create();

	assert_non_null(t);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(suffix_add(t, str_of(patterns[i]), (uint32_t)i), 0);
	assert_int_equal(suffix_seal(t), 0);
	return t;
}

static void test_best_matches_come_first(void **state)
{
	static const char *const patterns[] = {
		"*.com",                   /* 0 */
		"oor.*",                   /* 1 */
		"*.dynamics.com",          /* 2 */
		"org.crm4.dynamics.com",   /* 3 */
		"*.crm*.dynamics.com",     /* 4 */
		"*.crm4.dynamics.com",     /* 5 */
		"ORG.*.dynamics.com",      /* 6 */
		"*.dynamics.com.",         /* 7 */
		"org.crm4.dynamics.com",   /* 8 */
		"org.c*.dynamics.com",     /* 9 */
		"other.crm4.dynamics.com", /* 10 */
		"*.org.crm4.dynamics.com", /* 11 */
	};
	/* Literal labels 4 4 3 3 3 2 2 2 1; among equals more literal bytes, then the order. */
	static const uint32_t want[] = {3, 8, 5, 9, 6, 4, 2, 7, 0};
	struct suffix_table *t = table_of(patterns, COUNT(patterns));
	uint32_t got[COUNT(patterns)];

	(void)state;
	assert_int_equal(suffix_find(t, STR("org.crm4.dynamics.com"), got, COUNT(got)),
			 COUNT(want));
	assert_memory_equal(got, want, sizeof(want));
	for (size_t max = 0; max < COUNT(want); max++) {
		assert_int_equal(suffix_find(t, STR("org.crm4.dynamics.com"), got, max),
				 max);
		assert_memory_equal(got, want, max * sizeof(want[0]));
	}
	assert_int_equal(suffix_find(t, STR("oor.com"), got, COUNT(got)), 2);
	assert_int_equal(got[0], 0); /* as literal as the other, and added first */
	assert_int_equal(got[1], 1);
	assert_int_equal(suffix_find(t, STR("example.org"), got, COUNT(got)), 0);
	assert_int_equal(suffix_find(t, STR(""), got, COUNT(got)), 0);
	suffix_destroy(t);
}

static void test_an_empty_or_open_table_finds_nothing(void **state)
{
	struct suffix_table *t = suffix_create();
	uint32_t got;

	(void)state;
	assert_non_null(t);
	assert_int_equal(suffix_find(t, STR("a.example"), &got, 1), 0);
	assert_int_equal(suffix_seal(t), 0);
	assert_int_equal(suffix_seal(t), 0);
	assert_int_equal(suffix_find(t, STR("a.example"), &got, 1), 0);
	assert_int_equal(suffix_add(t, STR("a.example"), 1), -EINVAL);
	suffix_destroy(t);
	suffix_destroy(NULL);
}

/* A small generator with a fixed seed: the same tables in every run. */
static uint32_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

/* One to four labels of one to three bytes of `alphabet`. */
static void random_name(uint64_t *state, const char *alphabet, char ret[20])
{
	size_t labels = 1 + next_random(state) % 4, len = 0;
	size_t letters = strlen(alphabet);

	for (size_t l = 0; l < labels; l++) {
		size_t bytes = 1 + next_random(state) % 3;

		if (l > 0)
			ret[len++] = '.';
		for (size_t i = 0; i < bytes; i++)
			ret[len++] = alphabet[next_random(state) % letters];
	}
	ret[len] = '\0';
}

static size_t literal_labels(const char *pattern)
{
	size_t count = 0;

	for (const char *label = pattern; *label != '\0';) {
		size_t len = strcspn(label, ".");

		count += memchr(label, '*', len) == NULL;
		label += len + (label[len] == '.');
	}
	return count;
}

static size_t literal_bytes(const char *pattern)
{
	size_t count = 0;

	for (; *pattern != '\0'; pattern++)
		count += *pattern != '*';
	return count;
}

/* May pattern `a` (added as number `x`) stand before `b` (number `y`)? */
static bool in_order(const char *a, uint32_t x, const char *b, uint32_t y)
{
	bool a_wild = strchr(a, '*') != NULL, b_wild = strchr(b, '*') != NULL;

	if (literal_labels(a) != literal_labels(b))
		return literal_labels(a) > literal_labels(b);
	if (a_wild != b_wild)
		return b_wild;
	if (literal_bytes(a) != literal_bytes(b))
		return literal_bytes(a) > literal_bytes(b);
	return x < y;
}

#define RANDOM_PATTERNS 200

static void test_tables_agree_with_single_patterns(void **state)
{
	static char texts[RANDOM_PATTERNS][20];
	uint64_t seed = 20261122;
	size_t matched = 0;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct suffix_table *t = suffix_create();

		assert_non_null(t);
		for (uint32_t i = 0; i < RANDOM_PATTERNS; i++) {
			size_t at;

			do
				random_name(&seed, "ab*", texts[i]);
			while (suffix_check(str_of(texts[i]), &at) != SUFFIX_FINE);
			assert_int_equal(suffix_add(t, str_of(texts[i]), i), 0);
		}
		assert_int_equal(suffix_seal(t), 0);
		for (int h = 0; h < 200; h++) {
			uint32_t got[RANDOM_PATTERNS];
			size_t count, want = 0;
			char host[20];

			random_name(&seed, "ab", host);
			count = suffix_find(t, str_of(host), got, COUNT(got));
			for (size_t i = 0; i < RANDOM_PATTERNS; i++)
				want += suffix_match(str_of(texts[i]), str_of(host));
			assert_int_equal(count, want);
			for (size_t i = 0; i < count; i++) {
				assert_true(suffix_match(str_of(texts[got[i]]),
							 str_of(host)));
				assert_true(i == 0 ||
					    in_order(texts[got[i - 1]], got[i - 1],
						     texts[got[i]], got[i]));
			}
			matched += count;
		}
		suffix_destroy(t);
	}
	assert_true(matched > 10000);
}

static void test_thousands_of_patterns_are_each_found(void **state)
{
	struct suffix_table *t = suffix_create();
	char text[64];
	uint32_t got[2];

	(void)state;
	assert_non_null(t);
	for (uint32_t i = 0; i < 20000; i++) {
		(void)snprintf(text, sizeof(text), "%st%u.crm%u.dynamics.com",
			       i % 2 == 0 ? "*." : "", i, i % 23);
		assert_int_equal(suffix_add(t, str_of(text), i), 0);
	}
	assert_int_equal(suffix_seal(t), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		(void)snprintf(text, sizeof(text), "%st%u.crm%u.dynamics.com",
			       i % 2 == 0 ? "a.b." : "", i, i % 23);
		assert_int_equal(suffix_find(t, str_of(text), got, 2), 1);
		assert_int_equal(got[0], i);
	}
	suffix_destroy(t);
}

static void test_names_of_any_length_are_looked_up(void **state)
{
	static const char *const patterns[] = {"*.a", "*.a.a"};
	struct suffix_table *t = table_of(patterns, COUNT(patterns));
	static char host[4001];
	uint32_t got[4];

	(void)state;
	for (size_t i = 0; i < sizeof(host); i++)
		host[i] = i % 2 == 0 ? 'a' : '.';
	assert_int_equal(suffix_find(t, (struct str){host, sizeof(host)}, got, 4), 2);
	assert_int_equal(got[0], 1);
	memset(host, '.', sizeof(host));
	assert_int_equal(suffix_find(t, (struct str){host, sizeof(host)}, got, 4), 0);
	suffix_destroy(t);
}

/* The table keeps the ends of a label; one of over 16 bytes has a middle too. */
static void test_long_labels_are_compared_to_the_middle(void **state)
{
	struct suffix_table *t = suffix_create();
	uint32_t value;

	(void)state;
	assert_non_null(t);
	assert_int_equal(suffix_add(t, STR("*.aaaaaaaa-x-bbbbbbbb.example"), 3), 0);
	assert_int_equal(suffix_seal(t), 0);
	assert_int_equal(suffix_find(t, STR("a.aaaaaaaa-x-bbbbbbbb.example"), &value, 1),
			 1);
	assert_int_equal(value, 3);
	assert_int_equal(suffix_find(t, STR("a.aaaaaaaa-y-bbbbbbbb.example"), &value, 1),
			 0);
	suffix_destroy(t);
}

/* Labels of any length before, in and behind what is read of a name in one piece. */
static void test_labels_of_any_length_agree_with_single_patterns(void **state)
{
	static const char *const patterns[] = {
		"*.example",
		"*.b.example",
		"*.a*.example",
		"aa*.b.*.example",
		"*.b.*.example",
		"*.a*.b.c*.example",
		"*-a.b.ccc.example",
		"aaa.b.c.example",
		"*.example.com",
		"*.*.c.example",
		"*.cccccccc.example",
		"*.ccccccccc.example",
		"*.b.cccccccccccccccccccc.example",
	};
	struct suffix_table *t = table_of(patterns, COUNT(patterns));
	size_t matched = 0;

	(void)state;
	for (size_t n = 0; n < 2400; n++) {
		size_t a = 1 + n / 30, c = 1 + n % 30, count, want = 0;
		uint32_t got[COUNT(patterns)];
		struct str one;
		char host[160];

		(void)snprintf(host, sizeof(host), "%0*d.b.%0*d.example", (int)a, 0,
			       (int)c, 0);
		for (size_t i = 0; host[i] != '\0'; i++)
			if (host[i] == '0')
				host[i] = i < a ? 'a' : 'c';
		if (n % 7 == 0 && a > 1)
			host[a - 2] = '-';
		else if (n % 5 == 0 && a > 2)
			host[a / 2] = '.';
		one = str_of(host);
		count = suffix_find(t, one, got, COUNT(got));
		for (size_t i = 0; i < COUNT(patterns); i++)
			want += suffix_match(str_of(patterns[i]), one);
		assert_int_equal(count, want);
		for (size_t i = 0; i < count; i++)
			assert_true(suffix_match(str_of(patterns[got[i]]), one));
		matched += count;
	}
	assert_true(matched > 5000);
	suffix_destroy(t);
}

/* Two tails that differ only where the hash of a label does not look. */
static void test_tails_of_one_hash_are_told_apart(void **state)
{
	static const char *const patterns[] = {
		"*.aaaaaaaa-x-bbbbbbbb.example",   "*.aaaaaaaa-y-bbbbbbbb.example",
		"aaaaaaaa-y-bbbbbbbb.example",     "*-1.aaaaaaaa-y-bbbbbbbb.example",
		"*.c.aaaaaaaa-z-bbbbbbbb.example", "*.d.e.aaaaaaaa-y-bbbbbbbb.example",
	};
	static const struct {
		const char *host;
		size_t count;
		uint32_t first;
	} rows[] = {
		{"d.aaaaaaaa-x-bbbbbbbb.example", 1, 0},
		{"d.aaaaaaaa-y-bbbbbbbb.example", 1, 1},
		{"aaaaaaaa-y-bbbbbbbb.example", 1, 2},
		{"aaaaaaaa-x-bbbbbbbb.example", 0, 0},
		{"d-1.aaaaaaaa-y-bbbbbbbb.example", 2, 3},
		{"d-1.aaaaaaaa-x-bbbbbbbb.example", 1, 0},
		{"d.c.aaaaaaaa-z-bbbbbbbb.example", 1, 4},
		{"d.c.aaaaaaaa-x-bbbbbbbb.example", 1, 0},
		{"d.c.aaaaaaaa-w-bbbbbbbb.example", 0, 0},
		{"d.d.e.aaaaaaaa-y-bbbbbbbb.example", 2, 5},
	};
	struct suffix_table *t = table_of(patterns, COUNT(patterns));

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t got[COUNT(patterns)];

		assert_int_equal(suffix_find(t, str_of(rows[i].host), got, COUNT(got)),
				 rows[i].count);
		if (rows[i].count > 0)
			assert_int_equal(got[0], rows[i].first);
	}
	suffix_destroy(t);
}

/* Dots at the ends, which no normalized name has, match what single patterns match. */
static void test_names_with_empty_labels_are_looked_up(void **state)
{
	static const char *const patterns[] = {"*.b.example", "**.b.example", "c.example",
					       "*.*.b.example"};
	static const char *const hosts[] = {
		"a.b.example.", ".b.example", "b.example", "..b.example", "a..b.example",
		"c.example",    ".c.example", ".",         ".x.b.example"};
	struct suffix_table *t = table_of(patterns, COUNT(patterns));

	(void)state;
	for (size_t h = 0; h < COUNT(hosts); h++) {
		uint32_t got[COUNT(patterns)];
		size_t want = 0;

		for (size_t i = 0; i < COUNT(patterns); i++)
			want += suffix_match(str_of(patterns[i]), str_of(hosts[h]));
		assert_int_equal(suffix_find(t, str_of(hosts[h]), got, COUNT(got)), want);
	}
	suffix_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_patterns_match_label_by_label),
		cmocka_unit_test(test_faults_are_named_with_their_place),
		cmocka_unit_test(test_length_limit_is_that_of_the_header),
		cmocka_unit_test(test_best_matches_come_first),
		cmocka_unit_test(test_an_empty_or_open_table_finds_nothing),
		cmocka_unit_test(test_tables_agree_with_single_patterns),
		cmocka_unit_test(test_thousands_of_patterns_are_each_found),
		cmocka_unit_test(test_names_of_any_length_are_looked_up),
		cmocka_unit_test(test_long_labels_are_compared_to_the_middle),
		cmocka_unit_test(test_labels_of_any_length_agree_with_single_patterns),
		cmocka_unit_test(test_tails_of_one_hash_are_told_apart),
		cmocka_unit_test(test_names_with_empty_labels_are_looked_up),
	};

	return cmocka_run_group_tests_name("match/suffix", tests, NULL, NULL);
}
