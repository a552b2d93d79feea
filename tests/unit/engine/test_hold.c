/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct addr source(unsigned n)
{
	const uint8_t b[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return addr_from_v4(b);
}

static struct hold *create(struct hold_cfg cfg)
{
	struct hold *h = hold_create(&cfg);

	assert_non_null(h);
	return h;
}

static bool add(struct hold *h, struct hold_list *l, unsigned from, uint32_t id,
		uint32_t bytes)
{
	const struct addr a = source(from);

	return hold_add(h, l, &a, (struct held_packet){id, id + 7}, bytes);
}

static void assert_take(struct hold *h, struct hold_list *l, unsigned from, uint32_t id)
{
	const struct addr a = source(from);
	struct held_packet p;

	assert_true(hold_take(h, l, &a, &p));
	assert_int_equal(p.id, id);
	assert_int_equal(p.mark, id + 7);
}

static void assert_empty(struct hold *h, struct hold_list *l)
{
	static const struct hold_list none;
	const struct addr a = source(0);
	struct held_packet p = {1, 2};

	assert_false(hold_take(h, l, &a, &p));
	assert_int_equal(p.id, 1);
	assert_memory_equal(l, &none, sizeof(none));
}

static void packets_come_out_as_they_went_in(void **state)
{
	struct hold *h = create((struct hold_cfg){.seed = 3});
	struct hold_list a = {0}, b = {0};

	(void)state;
	assert_empty(h, &a);
	for (uint32_t i = 0; i < 10; i++) {
		assert_true(add(h, &a, 1, i, 100));
		assert_true(add(h, &b, 2, 100 + i, 1));
	}
	assert_int_equal(a.packets, 10);
	assert_int_equal(a.bytes, 1000);
	assert_int_equal(hold_stats(h)->now, 20);
	assert_int_equal(hold_stats(h)->now_bytes, 1010);
	for (uint32_t i = 0; i < 5; i++)
		assert_take(h, &a, 1, i);
	assert_true(add(h, &a, 1, 10, 100)); /* behind those that stayed */
	for (uint32_t i = 5; i < 11; i++)
		assert_take(h, &a, 1, i);
	assert_empty(h, &a);
	for (uint32_t i = 0; i < 10; i++)
		assert_take(h, &b, 2, 100 + i);
	assert_empty(h, &b);
	assert_int_equal(hold_stats(h)->held, 21);
	assert_int_equal(hold_stats(h)->now, 0);
	assert_int_equal(hold_stats(h)->now_bytes, 0);
	hold_destroy(h);
}

static void the_defaults_are_those_of_the_header(void **state)
{
	struct hold *h = create((struct hold_cfg){0});
	struct hold_list l = {0};

	(void)state;
	for (uint32_t i = 0; i < 32; i++)
		assert_true(add(h, &l, 1, i, 4096)); /* 128 KiB: both caps at once */
	assert_false(add(h, &l, 1, 32, 0));
	l = (struct hold_list){0};
	assert_true(add(h, &l, 1, 33, 131072));
	assert_false(add(h, &l, 1, 34, 1));
	assert_int_equal(hold_stats(h)->over_flow, 2);
	for (uint32_t i = 33; i < 2048; i++) {
		l = (struct hold_list){0};
		assert_true(add(h, &l, 1, i, 1));
	}
	l = (struct hold_list){0};
	assert_false(add(h, &l, 1, 0, 1));
	assert_int_equal(hold_stats(h)->over_source, 1);
	for (uint32_t i = 2048; i < 16384; i++) {
		l = (struct hold_list){0};
		assert_true(add(h, &l, i, i, 1));
	}
	l = (struct hold_list){0};
	assert_false(add(h, &l, 2, 0, 1));
	assert_int_equal(hold_stats(h)->over_total, 1);
	hold_destroy(h);
}

static void bytes_in_all_have_a_cap(void **state)
{
	struct hold *h = create((struct hold_cfg){.total_bytes = 100});
	struct hold_list a = {0}, b = {0};

	(void)state;
	assert_true(add(h, &a, 1, 1, 60));
	assert_false(add(h, &b, 2, 2, 41));
	assert_int_equal(hold_stats(h)->over_total, 1);
	assert_true(add(h, &b, 2, 3, 40));
	assert_false(add(h, &a, 1, 4, UINT32_MAX));
	assert_take(h, &a, 1, 1);
	assert_true(add(h, &b, 2, 5, 60));
	hold_destroy(h);
}

static void what_is_refused_leaves_no_trace(void **state)
{
	struct hold *h = create((struct hold_cfg){
		.flow_packets = 2, .flow_bytes = 100, .source_packets = 3});
	struct hold_list a = {0}, b = {0};
	struct hold_stats before;

	(void)state;
	assert_true(add(h, &a, 1, 1, 10));
	assert_false(add(h, &a, 1, 2, 91));
	assert_true(add(h, &a, 1, 3, 90));
	assert_false(add(h, &a, 1, 4, 0));
	assert_true(add(h, &b, 1, 5, 1));
	before = *hold_stats(h);
	assert_false(add(h, &b, 1, 6, 1)); /* the source's third was b's first */
	assert_int_equal(hold_stats(h)->over_source, before.over_source + 1);
	assert_int_equal(hold_stats(h)->now, before.now);
	assert_int_equal(hold_stats(h)->now_bytes, before.now_bytes);
	assert_int_equal(b.packets, 1);
	assert_true(add(h, &(struct hold_list){0}, 2, 7, 1));
	assert_take(h, &a, 1, 1);
	assert_true(add(h, &b, 1, 8, 1));
	hold_destroy(h);
}

/* ---- against arrays ------------------------------------------------------------------------- */

#define LISTS   40u
#define SOURCES 13u
#define PACKETS 8u
#define OF_ALL  64u

struct model {
	uint32_t ids[LISTS][PACKETS], count[LISTS];
	uint32_t of_source[SOURCES], total;
};

static void sources_are_counted_through_all_changes(void **state)
{
	struct hold *h = create((struct hold_cfg){.flow_packets = PACKETS,
						  .source_packets = 11,
						  .total_packets = OF_ALL,
						  .seed = 1});
	static struct hold_list lists[LISTS];
	static struct model m;
	uint64_t r = 88172645463325252u;

	(void)state;
	for (uint32_t id = 0; id < 200000; id++) {
		uint32_t l, s;

		r ^= r << 13;
		r ^= r >> 7;
		r ^= r << 17;
		l = (uint32_t)(r >> 20) % LISTS;
		s = l % SOURCES;
		if ((r >> 11) % 16 < 9) {
			const bool fits = m.count[l] < PACKETS && m.of_source[s] < 11 &&
					  m.total < OF_ALL;

			assert_int_equal(add(h, &lists[l], s, id, 1), fits);
			if (!fits)
				continue;
			m.ids[l][m.count[l]++] = id;
			m.of_source[s]++;
			m.total++;
		} else if (m.count[l] > 0) {
			assert_take(h, &lists[l], s, m.ids[l][0]);
			m.count[l]--;
			memmove(m.ids[l], m.ids[l] + 1, m.count[l] * sizeof(uint32_t));
			m.of_source[s]--;
			m.total--;
		} else {
			assert_empty(h, &lists[l]);
		}
		assert_int_equal(hold_stats(h)->now, m.total);
	}
	hold_destroy(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_come_out_as_they_went_in),
		cmocka_unit_test(the_defaults_are_those_of_the_header),
		cmocka_unit_test(bytes_in_all_have_a_cap),
		cmocka_unit_test(what_is_refused_leaves_no_trace),
		cmocka_unit_test(sources_are_counted_through_all_changes),
	};

	return cmocka_run_group_tests_name("engine/hold", tests, NULL, NULL);
}
