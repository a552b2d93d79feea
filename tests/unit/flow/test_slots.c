/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"

#define RECORDS 20000

static bool holds(const struct slots *s, uint32_t tag, uint32_t record)
{
	struct slot_walk w;
	uint32_t i = slots_first(s, tag, &w);

	while (i != SLOTS_NONE && i != record)
		i = slots_next(s, &w);
	return i == record;
}

/* Few distinct tags make long runs; many make the usual ones. */
static uint32_t tag_of(uint32_t record, uint32_t distinct)
{
	return (uint32_t)hash_u64(record % distinct + 1);
}

static void check_all(const struct slots *s, const bool *in, uint32_t distinct)
{
	for (uint32_t i = 0; i < RECORDS; i++)
		assert_int_equal(holds(s, tag_of(i, distinct), i), in[i]);
}

static void records_are_found_while_the_table_grows_and_shrinks(void **state)
{
	static const uint32_t distinct[] = {RECORDS, RECORDS / 8};
	static bool in[RECORDS];

	(void)state;
	for (size_t d = 0; d < 2; d++) {
		struct slots s;
		uint64_t random = 1;
		uint32_t used = 0;

		assert_int_equal(slots_init(&s, RECORDS), 0);
		for (uint32_t i = 0; i < RECORDS; i++)
			in[i] = false;
		for (int step = 0; step < 200000; step++) {
			uint32_t i, tag;

			random = hash_u64(random + 0x9e3779b97f4a7c15u);
			i = (uint32_t)(random % RECORDS);
			tag = tag_of(i, distinct[d]);
			assert_int_equal(holds(&s, tag, i), in[i]);
			/* Mostly additions first, mostly removals later. */
			if (!in[i]) {
				slots_add(&s, tag, i);
				in[i] = true;
				used++;
			} else if ((random >> 40) % 4 < (step < 100000 ? 1 : 3)) {
				slots_remove(&s, tag, i);
				in[i] = false;
				used--;
			}
			assert_int_equal(s.used, used);
			if (step % 20000 == 0)
				check_all(&s, in, distinct[d]);
		}
		check_all(&s, in, distinct[d]);
		slots_release(&s);
	}
}

/* A grown table is settled long before it must grow again, and never over three quarters. */
static void growth_is_spread_and_bounded(void **state)
{
	struct slots s;
	uint32_t longest = 0, moving = 0;

	(void)state;
	assert_int_equal(slots_init(&s, 100000), 0);
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t before = s.bits;

		slots_add(&s, (uint32_t)hash_u64(i), i);
		if (s.bits != before)
			assert_int_equal(moving, 0);
		moving = s.moving ? moving + 1 : 0;
		longest = moving > longest ? moving : longest;
		assert_true((uint64_t)s.used * 4 <= ((uint64_t)1 << s.bits) * 3);
	}
	assert_true(longest > 100);
	assert_true(longest <= ((uint32_t)1 << (s.bits - 1)) / 16 + 1);
	assert_int_equal(s.bits, s.bits_max);
	slots_release(&s);
}

static void too_many_records_are_refused(void **state)
{
	struct slots s;

	(void)state;
	assert_true(slots_init(&s, UINT32_MAX - 1) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_found_while_the_table_grows_and_shrinks),
		cmocka_unit_test(growth_is_spread_and_bounded),
		cmocka_unit_test(too_many_records_are_refused),
	};

	return cmocka_run_group_tests_name("flow/slots", tests, NULL, NULL);
}
