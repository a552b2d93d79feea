/* SPDX-License-Identifier: Apache-2.0 */
#include "model/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * One row an enumeration.  Its own type is an unsigned in the table: the functions are
 * wrapped, because calling one through a pointer of another type is undefined.
 */
struct list {
	const char *type;
	unsigned count;
	const char *(*name)(unsigned v);
	unsigned (*find)(struct str word);
};

#define WRAP(type)                                     \
	static const char *type##_word(unsigned v)     \
	{                                              \
		return type##_name(v);                 \
	}                                              \
	static unsigned type##_number(struct str word) \
	{                                              \
		return (unsigned)type##_find(word);    \
	}

#define ROW(type, PREFIX) {#type, (unsigned)PREFIX##_COUNT, type##_word, type##_number},

#define LISTS(X)                              \
	X(protocol, PROTOCOL)                 \
	X(evidence, EVIDENCE)                 \
	X(corroboration, CORROBORATION)       \
	X(visibility, VISIBILITY)             \
	X(undecidable, UNDECIDABLE)           \
	X(role, ROLE)                         \
	X(direction, DIRECTION)               \
	X(mode, MODE)                         \
	X(gate, GATE)                         \
	X(answer, ANSWER)                     \
	X(verdict, VERDICT)                   \
	X(verdict_reason, VERDICT_REASON)     \
	X(effect, EFFECT)                     \
	X(phase, PHASE)                       \
	X(end_reason, END_REASON)             \
	X(guess_confidence, GUESS_CONFIDENCE) \
	X(flag, FLAG)                         \
	X(ownership, OWNERSHIP)

#define WRAP_ROW(type, PREFIX) WRAP(type)
LISTS(WRAP_ROW)
static const struct list lists[] = {LISTS(ROW)};

#define LIST_COUNT (sizeof(lists) / sizeof(lists[0]))

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '_' || c == '-';
}

static void test_words_have_plain_characters(void **state)
{
	(void)state;
	for (size_t i = 0; i < LIST_COUNT; i++)
		for (unsigned v = 0; v < lists[i].count; v++) {
			const char *word = lists[i].name(v);

			/* Only the first may be empty: nothing is known, no field is written. */
			if (word[0] == '\0' && v > 0)
				fail_msg("%s %u has no word", lists[i].type, v);
			for (const char *p = word; *p != '\0'; p++)
				if (!is_word_char(*p))
					fail_msg("%s '%s'", lists[i].type, word);
		}
}

static void test_words_of_a_list_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < LIST_COUNT; i++)
		for (unsigned v = 0; v < lists[i].count; v++)
			for (unsigned w = 0; w < v; w++)
				assert_string_not_equal(lists[i].name(v),
							lists[i].name(w));
}

static void test_each_word_finds_its_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < LIST_COUNT; i++)
		for (unsigned v = 0; v < lists[i].count; v++) {
			struct str word = str_of(lists[i].name(v));

			/* The empty word means "none" and cannot be asked for. */
			assert_int_equal(lists[i].find(word),
					 word.len == 0 ? lists[i].count : v);
		}
}

static void test_unknown_words_find_nothing(void **state)
{
	static const char *const words[] = {"",      "?",  "no such word",
					    "ALLOW", "tl", "tlss"};

	(void)state;
	for (size_t i = 0; i < LIST_COUNT; i++) {
		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
			assert_int_equal(lists[i].find(str_of(words[k])), lists[i].count);
		assert_int_equal(lists[i].find(STR_NONE), lists[i].count);
	}
}

static void test_value_out_of_range_has_a_word_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < LIST_COUNT; i++)
		assert_string_equal(lists[i].name(lists[i].count), "?");
}

static void test_flags_fit_into_32_bits(void **state)
{
	(void)state;
	assert_true(FLAG_COUNT <= 32);
}

static void test_transports(void **state)
{
	(void)state;
	assert_string_equal(transport_name(1), "icmp");
	assert_string_equal(transport_name(6), "tcp");
	assert_string_equal(transport_name(17), "udp");
	assert_string_equal(transport_name(58), "icmp6");
	assert_string_equal(transport_name(132), "sctp");
	assert_null(transport_name(0));
	assert_null(transport_name(255));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_have_plain_characters),
		cmocka_unit_test(test_words_of_a_list_are_unique),
		cmocka_unit_test(test_each_word_finds_its_value),
		cmocka_unit_test(test_unknown_words_find_nothing),
		cmocka_unit_test(test_value_out_of_range_has_a_word_too),
		cmocka_unit_test(test_flags_fit_into_32_bits),
		cmocka_unit_test(test_transports),
	};

	return cmocka_run_group_tests_name("model/names", tests, NULL, NULL);
}
