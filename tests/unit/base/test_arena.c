/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_memory_is_zeroed_aligned_and_apart(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 1000, 65536, 65537, 200000, 3};
	struct arena *a = arena_create((size_t)1 << 20);
	unsigned char *got[sizeof(sizes) / sizeof(sizes[0])];

	(void)state;
	assert_non_null(a);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		got[i] = arena_alloc(a, sizes[i]);
		assert_non_null(got[i]);
		assert_int_equal((uintptr_t)got[i] % alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(got[i][k], 0);
		memset(got[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(got[i][k], i + 1);
	arena_destroy(a);
}

static void test_limit_is_kept_and_survived(void **state)
{
	struct arena *a = arena_create(64);

	(void)state;
	assert_non_null(arena_alloc(a, 33)); /* counts 48 */
	assert_int_equal(arena_used(a), 48);
	assert_null(arena_alloc(a, 17));
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_null(arena_alloc(a, SIZE_MAX - 8));
	assert_int_equal(arena_used(a), 48);
	assert_non_null(arena_alloc(a, 16));
	assert_null(arena_alloc(a, 1));
	assert_int_equal(arena_used(a), 64);
	arena_destroy(a);
}

static void test_odd_limit_never_exceeded_by_padding(void **state)
{
	struct arena *a = arena_create(15);

	(void)state;
	assert_null(arena_alloc(a, 15));
	assert_int_equal(arena_used(a), 0);
	arena_destroy(a);
}

static void test_strndup_copies_and_ends(void **state)
{
	struct arena *a = arena_create(4096);

	(void)state;
	assert_string_equal(arena_strndup(a, "firewall", 4), "fire");
	assert_string_equal(arena_strndup(a, "", 0), "");
	assert_string_equal(arena_strndup(a, NULL, 0), "");
	assert_null(arena_strndup(a, "x", SIZE_MAX));
	arena_destroy(a);
}

/* What a parser does: a list of entries with names. */
struct entry {
	struct entry *next;
	const char *name;
};

static bool build(struct arena *a, size_t count, struct entry **ret)
{
	struct entry *list = NULL;

	for (size_t i = 0; i < count; i++) {
		struct entry *e = arena_alloc(a, sizeof(*e));

		if (e == NULL)
			return false;
		e->name = arena_strndup(a, "sql.azureconnectors", 19);
		if (e->name == NULL)
			return false;
		e->next = list;
		list = e;
	}
	*ret = list;
	return true;
}

static void test_every_shortage_is_reported(void **state)
{
	const size_t enough = (size_t)10 * (16 + 32);

	(void)state;
	for (size_t limit = 0; limit <= enough + 64; limit++) {
		struct arena *a = arena_create(limit);
		struct entry *list = NULL;
		size_t n = 0;

		assert_non_null(a);
		assert_int_equal(build(a, 10, &list), limit >= enough);
		assert_true(arena_used(a) <= limit);
		for (struct entry *e = list; e != NULL; e = e->next, n++)
			assert_string_equal(e->name, "sql.azureconnectors");
		assert_int_equal(n, limit >= enough ? 10 : 0);
		arena_destroy(a);
	}
}

static void test_destroy_of_nothing_is_nothing(void **state)
{
	(void)state;
	arena_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(test_limit_is_kept_and_survived),
		cmocka_unit_test(test_odd_limit_never_exceeded_by_padding),
		cmocka_unit_test(test_strndup_copies_and_ends),
		cmocka_unit_test(test_every_shortage_is_reported),
		cmocka_unit_test(test_destroy_of_nothing_is_nothing),
	};

	return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
