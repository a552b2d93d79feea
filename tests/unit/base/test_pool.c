/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_object_size_is_rounded_to_16(void **state)
{
	static const struct {
		size_t in;
		size_t want;
	} cases[] = {{0, 16}, {1, 16}, {16, 16}, {17, 32}, {1000, 1008}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pool *p = pool_create(cases[i].in, 4);

		assert_non_null(p);
		assert_int_equal(pool_object_bytes(p), cases[i].want);
		assert_int_equal(pool_max(p), 4);
		pool_destroy(p);
	}
}

static void test_new_objects_are_zero_in_order_and_bounded(void **state)
{
	struct pool *p = pool_create(100, 50);

	(void)state;
	for (uint32_t i = 0; i < 50; i++) {
		static const unsigned char zero[100];
		unsigned char *o = pool_get(p);

		assert_non_null(o);
		assert_int_equal((uintptr_t)o % 16, 0);
		assert_memory_equal(o, zero, sizeof(zero));
		memset(o, 0xff, 100);
		assert_int_equal(pool_index(p, o), i);
		assert_ptr_equal(pool_at(p, i), o);
		assert_int_equal(pool_used(p), i + 1);
	}
	assert_null(pool_get(p));
	assert_int_equal(pool_used(p), 50);
	pool_destroy(p);
}

static void test_freed_objects_come_back_last_first(void **state)
{
	struct pool *p = pool_create(64, 3);
	void *a = pool_get(p);
	void *b = pool_get(p);
	void *c = pool_get(p);

	(void)state;
	pool_put(p, b);
	pool_put(p, a);
	pool_put(p, NULL);
	assert_int_equal(pool_used(p), 1);
	assert_ptr_equal(pool_get(p), a);
	assert_ptr_equal(pool_get(p), b);
	assert_null(pool_get(p));
	pool_put(p, c);
	assert_ptr_equal(pool_get(p), c);
	pool_destroy(p);
}

static void test_reused_object_keeps_bytes_past_the_link(void **state)
{
	struct pool *p = pool_create(64, 3);
	unsigned char *a = pool_get(p);

	(void)state;
	memset(a, 7, 64);
	pool_put(p, a);
	assert_ptr_equal(pool_get(p), a);
	assert_int_equal(a[63], 7);
	pool_destroy(p);
}

static void test_unused_objects_are_not_resident(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct pool *p = pool_create(page, 64);
	unsigned char *first = pool_get(p);
	unsigned char seen[64];
	size_t resident = 0;
	size_t skew = (uintptr_t)first % page;

	(void)state;
	first[0] = 1;
	assert_int_equal(skew, 0);
	assert_int_equal(mincore(first, 64 * page, seen), 0);
	for (size_t i = 0; i < 64; i++)
		resident += seen[i] & 1;
	assert_in_range(resident, 1, 63); /* the kernel may fault in a few more */
	pool_destroy(p);
}

static void test_impossible_sizes_are_refused(void **state)
{
	(void)state;
	assert_null(pool_create(16, POOL_NONE));
	assert_null(pool_create(SIZE_MAX, 1));
	assert_null(pool_create(SIZE_MAX - 15, 2));
	assert_null(pool_create(SIZE_MAX / 4, 1000));
	assert_null(pool_create(SIZE_MAX / 32, 16)); /* no overflow, but no such space */
}

static void test_empty_pool_gives_nothing(void **state)
{
	struct pool *p = pool_create(16, 0);

	(void)state;
	assert_non_null(p);
	assert_null(pool_get(p));
	pool_destroy(p);
	pool_destroy(NULL);
}

/* Any order of gets and puts: objects in use are apart and keep what is in them. */
static void test_random_use_keeps_objects_apart(void **state)
{
	enum {
		MAX = 97
	};
	struct pool *p = pool_create(sizeof(uint64_t), MAX);
	uint64_t *held[MAX];
	uint32_t count = 0;
	uint32_t random = 12345;

	(void)state;
	for (uint64_t step = 0; step < 20000; step++) {
		random = random * 1664525u + 1013904223u;
		if (random >> 31 != 0 && count < MAX) {
			held[count] = pool_get(p);
			assert_non_null(held[count]);
			*held[count] = (uint64_t)pool_index(p, held[count]) * 1000003u;
			count++;
		} else if (count > 0) {
			uint32_t which = (random >> 8) % count;

			assert_int_equal(*held[which],
					 (uint64_t)pool_index(p, held[which]) * 1000003u);
			pool_put(p, held[which]);
			held[which] = held[--count];
		}
		assert_int_equal(pool_used(p), count);
	}
	pool_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_object_size_is_rounded_to_16),
		cmocka_unit_test(test_new_objects_are_zero_in_order_and_bounded),
		cmocka_unit_test(test_freed_objects_come_back_last_first),
		cmocka_unit_test(test_reused_object_keeps_bytes_past_the_link),
		cmocka_unit_test(test_unused_objects_are_not_resident),
		cmocka_unit_test(test_impossible_sizes_are_refused),
		cmocka_unit_test(test_empty_pool_gives_nothing),
		cmocka_unit_test(test_random_use_keeps_objects_apart),
	};

	return cmocka_run_group_tests_name("base/pool", tests, NULL, NULL);
}
