/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void words_are_numbered_as_met_and_case_is_ignored(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct words w;
	uint16_t id;

	(void)state;
	words_start(&w, arena, 100);
	assert_int_equal(words_find(&w, STR("a")), UINT16_MAX);
	assert_int_equal(words_add(&w, STR("shared_Sql"), &id), 0);
	assert_int_equal(id, 0);
	assert_int_equal(words_add(&w, STR("b"), &id), 0);
	assert_int_equal(id, 1);
	assert_int_equal(words_add(&w, STR("SHARED_SQL"), &id), 0);
	assert_int_equal(id, 0);
	assert_int_equal(w.count, 2);
	assert_string_equal(w.list[0], "shared_Sql");
	assert_int_equal(words_find(&w, STR("B")), 1);
	assert_int_equal(words_find(&w, STR("shared_sq")), UINT16_MAX);
	words_end(&w);
	arena_destroy(arena);
}

static void thousands_of_words_are_all_found(void **state)
{
	struct arena *arena = arena_create(1 << 20);
	struct words w;
	char text[16];
	uint16_t id;

	(void)state;
	words_start(&w, arena, 5000);
	for (unsigned i = 0; i < 5000; i++) {
		(void)snprintf(text, sizeof(text), "w%u", i);
		assert_int_equal(words_add(&w, str_of(text), &id), 0);
		assert_int_equal(id, i);
	}
	assert_int_equal(words_add(&w, STR("one more"), &id), -ENOSPC);
	for (unsigned i = 0; i < 5000; i++) {
		(void)snprintf(text, sizeof(text), "W%u", i);
		assert_int_equal(words_find(&w, str_of(text)), i);
	}
	words_end(&w);
	arena_destroy(arena);
}

static void a_full_arena_is_an_error(void **state)
{
	struct arena *arena = arena_create(32);
	struct words w;
	uint16_t id;
	int rc = 0;

	(void)state;
	words_start(&w, arena, 100);
	for (unsigned i = 0; i < 20 && rc == 0; i++) {
		char text[2] = {(char)('a' + i), '\0'};

		rc = words_add(&w, str_of(text), &id);
	}
	assert_int_equal(rc, -ENOMEM);
	words_end(&w);
	arena_destroy(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_numbered_as_met_and_case_is_ignored),
		cmocka_unit_test(thousands_of_words_are_all_found),
		cmocka_unit_test(a_full_arena_is_an_error),
	};

	return cmocka_run_group_tests_name("catalog/words", tests, NULL, NULL);
}
