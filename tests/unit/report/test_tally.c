/* SPDX-License-Identifier: Apache-2.0 */
#include "report/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void add(struct tally *t, const char *text, const char *source, int64_t at)
{
	const struct tally_one one = {.texts = {str_of(text), STR_NONE, STR("x")},
				      .source = str_of(source),
				      .example = str_of(source),
				      .time_us = at};

	assert_true(tally_add(t, &one));
}

static void test_rows_come_by_count_then_text(void **state)
{
	struct tally *t = tally_create();
	const struct tally_row *r;

	(void)state;
	assert_non_null(t);
	add(t, "b", "s1", 5);
	add(t, "c", "s1", 5);
	add(t, "a", "s1", 5);
	add(t, "c", "s2", 3);
	add(t, "c", "s1", 9);
	assert_int_equal(tally_sort(t), 3);
	r = tally_at(t, 0);
	assert_true(str_equal(r->texts[0], STR("c")) && r->count == 3);
	assert_true(r->first_us == 3 && r->last_us == 9);
	assert_true(r->source_count == 2 && str_equal(r->sources[0], STR("s1")) &&
		    str_equal(r->sources[1], STR("s2")));
	assert_true(str_equal(r->example, STR("s1")));
	assert_true(str_equal(tally_at(t, 1)->texts[0], STR("a")));
	assert_true(str_equal(tally_at(t, 2)->texts[0], STR("b")));
	assert_true(str_equal(tally_at(t, 2)->texts[2], STR("x")));
	tally_destroy(t);
}

/* The same bytes, parted elsewhere, are other texts. */
static void test_texts_are_held_apart(void **state)
{
	struct tally *t = tally_create();
	const struct tally_one ones[] = {
		{.texts = {STR("ab"), STR("c")}},
		{.texts = {STR("a"), STR("bc")}},
		{.texts = {STR("abc")}},
		{.texts = {STR_NONE, STR("abc")}},
	};

	(void)state;
	assert_non_null(t);
	for (size_t i = 0; i < 4; i++)
		assert_true(tally_add(t, &ones[i]));
	assert_int_equal(tally_sort(t), 4);
	tally_destroy(t);
}

static void test_sources_have_a_cap(void **state)
{
	struct tally *t = tally_create();
	char name[16];

	(void)state;
	assert_non_null(t);
	for (int i = 0; i < TALLY_SOURCES_MAX + 1; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		add(t, "a", name, i);
		add(t, "a", name, i);
	}
	assert_int_equal(tally_sort(t), 1);
	assert_int_equal(tally_at(t, 0)->source_count, TALLY_SOURCES_MAX);
	assert_true(tally_at(t, 0)->sources_cut);
	assert_int_equal(tally_at(t, 0)->count, 2 * (TALLY_SOURCES_MAX + 1));
	tally_destroy(t);
}

static void test_rows_have_a_cap(void **state)
{
	struct tally *t = tally_create();
	char name[16];

	(void)state;
	assert_non_null(t);
	for (int i = 0; i < TALLY_ROWS_MAX + 5; i++) {
		(void)snprintf(name, sizeof(name), "r%d", i);
		add(t, name, "", 0);
	}
	add(t, "r0", "", 0);
	assert_int_equal(tally_lost(t), 5);
	assert_int_equal(tally_sort(t), TALLY_ROWS_MAX);
	assert_true(str_equal(tally_at(t, 0)->texts[0], STR("r0")));
	tally_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_come_by_count_then_text),
		cmocka_unit_test(test_texts_are_held_apart),
		cmocka_unit_test(test_sources_have_a_cap),
		cmocka_unit_test(test_rows_have_a_cap),
	};

	return cmocka_run_group_tests_name("report/tally", tests, NULL, NULL);
}
