/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prefix_sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 3000u

static int slowly(const void *x, const void *y)
{
	const struct prefix_key *a = x, *b = y;

	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Few values a field, so that all fields decide somewhere. */
static void fill(struct prefix_key *list, size_t count, uint32_t *state)
{
	for (size_t i = 0; i < count; i++)
		list[i] = (struct prefix_key){
			.hi = (uint64_t)(next(state) % 9) << 61 | next(state) % 3,
			.lo = (uint64_t)(next(state) % 4) << 62,
			.bits = next(state) % 5,
			.number = (uint32_t)i,
		};
}

static void test_gives_the_order_of_qsort(void **state)
{
	static struct prefix_key mine[COUNT], theirs[COUNT], room[COUNT];
	uint32_t seed = 7;

	(void)state;
	for (size_t count = 0; count <= COUNT; count = count * 3 / 2 + 1) {
		fill(mine, count, &seed);
		memcpy(theirs, mine, count * sizeof(*mine));
		prefix_sort(mine, room, count);
		qsort(theirs, count, sizeof(*theirs), slowly);
		assert_memory_equal(mine, theirs, count * sizeof(*mine));
	}
}

/* Whole, reversed, and in runs of every length: where runs begin and end. */
static void test_sorts_runs(void **state)
{
	static struct prefix_key list[COUNT], room[COUNT];
	const size_t count = 60;

	(void)state;
	for (size_t run = 1; run <= count + 1; run++) {
		for (size_t i = 0; i < count; i++)
			list[i] = (struct prefix_key){.lo = i % run * 100 +
							    (count - i) / run,
						      .number = (uint32_t)i};
		prefix_sort(list, room, count);
		for (size_t i = 1; i < count; i++)
			assert_true(slowly(&list[i - 1], &list[i]) < 0);
	}
}

static void test_a_key_drops_bits_past_the_length(void **state)
{
	static const struct {
		unsigned bits;
		uint64_t hi, lo;
	} cases[] = {
		{0, 0, 0},
		{1, UINT64_C(1) << 63, 0},
		{63, UINT64_MAX - 1, 0},
		{64, UINT64_MAX, 0},
		{65, UINT64_MAX, UINT64_C(1) << 63},
		{128, UINT64_MAX, UINT64_MAX},
	};
	struct prefix p;

	(void)state;
	memset(&p.addr, 0xff, sizeof(p.addr));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix_key k;

		p.bits = (uint8_t)cases[i].bits;
		k = prefix_key(&p, 9);
		assert_true(k.hi == cases[i].hi && k.lo == cases[i].lo);
		assert_true(k.bits == cases[i].bits && k.number == 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gives_the_order_of_qsort),
		cmocka_unit_test(test_sorts_runs),
		cmocka_unit_test(test_a_key_drops_bits_past_the_length),
	};

	return cmocka_run_group_tests_name("base/prefix_sort", tests, NULL, NULL);
}
