/* SPDX-License-Identifier: Apache-2.0 */
#include "match/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
	const char *pattern, *seen;
	enum glob_answer want;
};

/* What the wire shows of endpoints, against rules in the connectors' canonical forms. */
static const struct row rows[] = {
	/* Nothing hidden: an ordinary anchored match. */
	{"*", "", GLOB_YES},
	{"", "", GLOB_YES},
	{"", "a", GLOB_NO},
	{"a", "", GLOB_NO},
	{"*a*", "", GLOB_NO},
	{"ab*ba", "aba", GLOB_NO},
	{"ab*ba", "abba", GLOB_YES},
	{"*.database.windows.net*", "x.database.windows.net,db", GLOB_YES},
	{"*.database.windows.net*", "database.windows.net,db", GLOB_NO},
	{"11.22.33*", "11.22.334.1,1433,db", GLOB_YES},
	{"smtp.gmail.com,587", "smtp.gmail.com,25", GLOB_NO},
	{"ws1\\name,db", "ws1\\name,db", GLOB_YES},
	{"a?c", "abc", GLOB_NO},
	{"[ab]", "a", GLOB_NO},
	{"https://www.contoso.example*", "https://www.contoso.example.evil.test/",
	 GLOB_YES},
	{"*aab", "aaaaab", GLOB_YES},
	{"*ab*bc*cd*", "abcd", GLOB_NO},
	{"*ab*bc*cd*", "abbccd", GLOB_YES},
	/* TLS: the host is known, the path is hidden. */
	{"https://management.azure.com/subscriptions*", "https://management.azure.com/*",
	 GLOB_MAYBE},
	{"https://management.azure.com/*", "https://management.azure.com/*", GLOB_YES},
	{"https://management.azure.com/*", "https://example.com/*", GLOB_NO},
	{"*powerplatform*", "https://make.powerplatform.example/*", GLOB_YES},
	{"*powerplatform*", "https://www.example/*", GLOB_MAYBE},
	{"https://www.example/", "https://www.example/*", GLOB_MAYBE},
	{"*", "https://x.example/*", GLOB_YES},
	/* An encrypted login hides the database. */
	{"s.database.windows.net,testdb", "s.database.windows.net,*", GLOB_MAYBE},
	{"s.database.windows.net,*", "s.database.windows.net,*", GLOB_YES},
	{"s.database.windows.net,*", "other.database.windows.net,*", GLOB_NO},
	{"s.database.windows.net", "s.database.windows.net,*", GLOB_NO},
	/* No name for the server. */
	{"smtp.gmail.com,587", "*,587", GLOB_MAYBE},
	{"smtp.gmail.com,587", "*,25", GLOB_NO},
	{"*,587", "*,587", GLOB_YES},
	{"*587", "*,587", GLOB_YES},
	/* Stars on both sides. */
	{"a*b", "a*c", GLOB_NO},
	{"a*b", "*", GLOB_MAYBE},
	{"a*b", "ax*xb", GLOB_YES},
	{"a*a", "a*", GLOB_MAYBE},
	{"*a*", "*b*", GLOB_MAYBE},
	{"a**b", "a*b", GLOB_YES},
};

/* The measured way must say what the plain one says. */
static enum glob_answer ask(struct str pattern, struct str seen)
{
	enum glob_answer plain = glob_match(pattern, seen);
	struct glob_seen s;
	struct glob g;

	glob_compile(&g, pattern);
	glob_see(&s, seen);
	assert_int_equal(glob_ask(&g, &s), plain);
	return plain;
}

static void test_rows_answer_as_documented(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		enum glob_answer got = ask(str_of(r->pattern), str_of(r->seen));

		if (got != r->want)
			fail_msg("'%s' against '%s': %d, not %d", r->pattern, r->seen,
				 (int)got, (int)r->want);
		assert_int_equal(glob_covers(str_of(r->pattern), str_of(r->seen)),
				 r->want == GLOB_YES);
	}
}

static void test_absent_strings_are_empty(void **state)
{
	(void)state;
	assert_int_equal(ask(STR_NONE, STR_NONE), GLOB_YES);
	assert_int_equal(ask(STR("*"), STR_NONE), GLOB_YES);
	assert_int_equal(ask(STR("**a*"), STR_NONE), GLOB_NO);
	assert_int_equal(ask(STR_NONE, STR("*")), GLOB_MAYBE);
}

static void test_beyond_the_limits_nothing_is_sure(void **state)
{
	char big[GLOB_MAX + 1], stars[GLOB_STARS_MAX + 1];
	struct str at_limit = {big, GLOB_MAX}, over = {big, GLOB_MAX + 1};
	struct str many = {stars, sizeof(stars)};

	(void)state;
	memset(big, 'a', sizeof(big));
	memset(stars, '*', sizeof(stars));
	assert_true(glob_valid(at_limit));
	assert_false(glob_valid(over));
	assert_true(glob_valid((struct str){stars, GLOB_STARS_MAX}));
	assert_false(glob_valid(many));
	assert_int_equal(ask(STR("b"), over), GLOB_MAYBE);
	assert_int_equal(ask(over, STR("b")), GLOB_MAYBE);
	assert_int_equal(ask(many, STR("b")), GLOB_MAYBE);
	assert_int_equal(ask(at_limit, at_limit), GLOB_YES);
	assert_false(glob_covers(over, over));
}

/*
 * Proof by brute force: all patterns of up to 4 symbols over {a, b, *}, in pairs, against all
 * words of up to 8 symbols over {a, b, c}; c is the letter that no pattern has.  8 symbols
 * are enough: two patterns that share a word share one as long as both without their stars.
 */
#define PATTERNS  121 /* 1 + 3 + 9 + 27 + 81 */
#define WORDS     9841
#define WORD_BITS ((WORDS + 63) / 64)

struct short_text {
	char p[8];
	size_t len;
};

/* All texts of up to `longest` symbols of `alphabet`; returns their number. */
static size_t enumerate(const char *alphabet, size_t longest, struct short_text *ret)
{
	size_t count = 1, symbols = strlen(alphabet), from = 0;

	ret[0] = (struct short_text){.len = 0};
	for (size_t len = 1; len <= longest; len++) {
		size_t to = count;

		for (; from < to; from++) {
			for (size_t s = 0; s < symbols; s++) {
				ret[count] = ret[from];
				ret[count].p[ret[count].len++] = alphabet[s];
				count++;
			}
		}
	}
	return count;
}

/* The definition of a pattern's language, by sets of positions; shares nothing with glob.c. */
static bool accepts(const struct short_text *pattern, const struct short_text *word)
{
	unsigned set = 1;

	for (size_t w = 0; w <= word->len; w++) {
		unsigned next = 0;

		for (size_t i = 0; i < pattern->len; i++) {
			if ((set >> i & 1) == 0)
				continue;
			if (pattern->p[i] == '*') {
				set |= 1u << (i + 1);
				next |= 1u << i;
			} else if (w < word->len && pattern->p[i] == word->p[w]) {
				next |= 1u << (i + 1);
			}
		}
		if (w < word->len)
			set = next;
	}
	return (set >> pattern->len & 1) != 0;
}

static void test_all_short_pairs_agree_with_brute_force(void **state)
{
	static struct short_text patterns[PATTERNS], words[WORDS];
	static uint64_t language[PATTERNS][WORD_BITS];
	size_t answers[3] = {0};

	(void)state;
	assert_int_equal(enumerate("ab*", 4, patterns), PATTERNS);
	assert_int_equal(enumerate("abc", 8, words), WORDS);
	for (size_t p = 0; p < PATTERNS; p++) {
		for (size_t w = 0; w < WORDS; w++) {
			if (accepts(&patterns[p], &words[w]))
				language[p][w / 64] |= UINT64_C(1) << w % 64;
		}
	}
	for (size_t p = 0; p < PATTERNS; p++) {
		for (size_t s = 0; s < PATTERNS; s++) {
			bool shared = false, all = true;
			enum glob_answer want, got;

			for (size_t i = 0; i < WORD_BITS; i++) {
				shared |= (language[p][i] & language[s][i]) != 0;
				all &= (language[s][i] & ~language[p][i]) == 0;
			}
			want = all ? GLOB_YES : shared ? GLOB_MAYBE : GLOB_NO;
			got = ask((struct str){patterns[p].p, patterns[p].len},
				  (struct str){patterns[s].p, patterns[s].len});
			if (got != want)
				fail_msg("'%.4s' against '%.4s': %d, not %d",
					 patterns[p].p, patterns[s].p, (int)got,
					 (int)want);
			answers[got]++;
		}
	}
	assert_int_equal(answers[0] + answers[1] + answers[2], PATTERNS * PATTERNS);
	for (size_t i = 0; i < 3; i++)
		assert_true(answers[i] > 1000);
}

/*
 * Long patterns over few bytes, so that parts overlap and the groups of three collide with
 * each other: the measured way against the plain one, which the test above proves.
 */
static void test_measured_patterns_agree_on_long_texts(void **state)
{
	static const char bytes[] = "ab/*";
	uint32_t x = 1;
	size_t yes = 0;

	(void)state;
	for (size_t n = 0; n < 200000; n++) {
		char text[2][40];
		struct str s[2];

		for (size_t k = 0; k < 2; k++) {
			s[k] = (struct str){text[k], (x >> 8) % (k == 0 ? 16 : 40)};
			for (size_t i = 0; i < s[k].len; i++) {
				x = x * 1664525u + 1013904223u;
				text[k][i] = bytes[(x >> 16) % 4];
			}
			x = x * 1664525u + 1013904223u;
		}
		yes += ask(s[0], s[1]) == GLOB_YES;
	}
	assert_in_range(yes, 2000, 198000);
}

static void test_work_counts_searches_alone(void **state)
{
	struct glob_seen s;
	struct glob g;

	(void)state;
	glob_see(&s, STR("https://www.contoso.example/"));
	glob_compile(&g, STR("https://*.fabrikam.example/"));
	assert_int_equal(glob_ask(&g, &s), GLOB_NO);
	glob_compile(&g, STR("*fabrikam*"));
	assert_int_equal(glob_ask(&g, &s), GLOB_NO);
	assert_int_equal(s.work, 0);
	glob_compile(&g, STR("*contoso*"));
	assert_int_equal(glob_ask(&g, &s), GLOB_YES);
	assert_int_equal(s.work, 9 + 28);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_answer_as_documented),
		cmocka_unit_test(test_absent_strings_are_empty),
		cmocka_unit_test(test_beyond_the_limits_nothing_is_sure),
		cmocka_unit_test(test_all_short_pairs_agree_with_brute_force),
		cmocka_unit_test(test_measured_patterns_agree_on_long_texts),
		cmocka_unit_test(test_work_counts_searches_alone),
	};

	return cmocka_run_group_tests_name("match/glob", tests, NULL, NULL);
}
