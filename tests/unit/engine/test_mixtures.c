/* SPDX-License-Identifier: Apache-2.0 */
/* Contents that segments make which contradict each other: as many as their orders give, no more and no fewer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/copies.h"

#define LEN      12u
#define MOST     120 /* orders of five */
#define SEGMENTS 5

static struct copies copies;

struct said {
	uint32_t from, end;
	char text[LEN];
};

/* Contents without two alike. */
struct contents {
	unsigned count;
	char text[MOST][LEN];
};

static void put_new(struct contents *c, const char *text)
{
	for (unsigned i = 0; i < c->count; i++)
		if (memcmp(c->text[i], text, LEN) == 0)
			return;
	memcpy(c->text[c->count++], text, LEN);
}

/* Each order of the segments: of those that lie at a byte the first in it counts. */
static void play_orders(const struct said *s, unsigned n, struct contents *ret)
{
	static const unsigned factorial[] = {1, 1, 2, 6, 24, 120};

	ret->count = 0;
	for (unsigned number = 0; number < factorial[n]; number++) {
		unsigned left[SEGMENTS] = {0, 1, 2, 3, 4}, rest = number;
		char text[LEN] = "            ";

		for (unsigned k = n; k > 0; k--) {
			const unsigned pick = rest % k;
			const struct said *next = &s[left[pick]];

			rest /= k;
			memmove(left + pick, left + pick + 1,
				(k - pick - 1) * sizeof(left[0]));
			for (uint32_t i = next->from; i < next->end; i++)
				if (text[i] == ' ')
					text[i] = next->text[i];
		}
		put_new(ret, text);
	}
}

/* The contents in order, the first copies first; true: that is all. */
static bool mix(const struct head *first, struct contents *ret)
{
	static struct mixtures m;
	uint8_t bytes[HEAD_MAX];

	ret->count = 0;
	memcpy(bytes, first->bytes, first->highest);
	mixtures_begin(&m, &copies, first);
	while (mixtures_next(&m, bytes)) {
		if (ret->count == 0)
			assert_memory_equal(bytes, first->bytes, first->highest);
		assert_true(ret->count < MOST);
		memcpy(ret->text[ret->count++], bytes, LEN);
	}
	return !m.more;
}

static void take(struct head *first, struct head_pools *pools, struct segments *before,
		 const struct said *s)
{
	const struct str bytes = {s->text + s->from, s->end - s->from};

	if (before != NULL &&
	    !head_contradicts(first, s->from, (const uint8_t *)bytes.p, bytes.len)) {
		segments_add(before, s->from, s->end);
	} else {
		if (before != NULL)
			copies_begin(&copies, before);
		copies_add(&copies, first, s->from, bytes);
	}
	(void)head_add(first, pools, s->from, (const uint8_t *)bytes.p, bytes.len);
}

static uint32_t below(uint32_t *random, uint32_t n)
{
	*random = *random * 1664525u + 1013904223u;
	return (*random >> 8) % n;
}

static void make_segment(uint32_t *random, struct said *s)
{
	static const char texts[3][LEN + 1] = {"aaaaaaaaaaaa", "abababababab",
					       "bbaaaabbbccc"};

	s->from = below(random, LEN);
	s->end = s->from + 1 + below(random, LEN - s->from);
	memcpy(s->text, texts[below(random, 3)], LEN);
}

/* All that come are in some order; what comes before a contradiction, and behind it. */
static void contents_are_those_of_all_orders(void **state)
{
	struct head_pools *pools = head_pools_create(1, 1);
	unsigned several = 0;

	(void)state;
	for (uint32_t seed = 0; seed < 20000; seed++) {
		uint32_t random = seed * 2654435761u;
		const unsigned n = 2 + below(&random, SEGMENTS - 1);
		struct said s[SEGMENTS];
		static struct contents want, got;
		struct head first = {0};
		struct segments before = {0};

		for (unsigned i = 0; i < n; i++)
			make_segment(&random, &s[i]);
		s[0].from = 0; /* all of it is there */
		s[0].end = LEN;
		if (n > 2 && below(&random, 2) == 0) {
			s[0].end = s[1].from = LEN / 2;
			s[1].end = LEN;
		}
		copies_begin(&copies, &before);
		for (unsigned i = 0; i < n; i++)
			take(&first, pools, copies.count == 0 ? &before : NULL, &s[i]);
		play_orders(s, n, &want);
		assert_true(mix(&first, &got));
		several += want.count > 2;
		assert_int_equal(got.count, want.count > 1 ? want.count : 0);
		for (unsigned i = 0; i < got.count; i++)
			put_new(&want, got.text[i]);
		assert_true(got.count == 0 || got.count == want.count);
		head_clear(&first, pools);
	}
	assert_true(several > 1000);
	head_pools_destroy(pools);
}

/* Of these the head begins elsewhere. */
static void contents_move_with_the_head(void **state)
{
	static const struct said said[] = {
		{0, 6, "abcdef"}, {6, 12, "      ghijkl"}, {4, 8, "    EFGH"}};
	struct head_pools *pools = head_pools_create(2, 1);

	(void)state;
	for (int32_t by = -7; by < 8; by++) {
		const uint32_t cut = by < 0 ? (uint32_t)-by : 0;
		struct head first = {0};
		struct segments before = {0};
		static struct contents got;

		copies_begin(&copies, &before);
		take(&first, pools, &before, &said[0]);
		take(&first, pools, &before, &said[1]);
		take(&first, pools, &before, &said[2]);
		assert_int_equal(copies.count, 3);
		if (by > 0)
			assert_true(head_shift(&first, pools, (uint32_t)by));
		else
			head_drop(&first, pools, cut);
		copies_move(&copies, by);
		assert_true(mix(&first, &got));
		assert_int_equal(got.count, by < -5 ? 2 : 4);
		assert_memory_equal(got.text[got.count - 1] + (by > 0 ? by : 0),
				    &"abcdEFGHijkl"[cut],
				    LEN - (by > 0 ? (uint32_t)by : cut));
		head_clear(&first, pools);
	}
	head_pools_destroy(pools);
}

/* Each of these is told by `more`, and nothing lies outside of what there is room for. */
static void what_finds_no_room_is_told(void **state)
{
	static char much[HEAD_MAX + 10];
	struct head_pools *pools = head_pools_create(1, 1);
	struct segments s = {0};
	struct head first = {0};
	static struct contents got;
	static struct mixtures m;
	uint8_t bytes[HEAD_MAX];

	(void)state;
	for (uint32_t i = 0; i < 2 * SEGMENTS_MAX; i++) {
		segments_add(&s, i, i + 1);
		segments_add(&s, i, i + 1);
		segments_add(&s, i, i);
		assert_int_equal(s.more, i >= SEGMENTS_MAX);
	}
	s.more = false;
	memset(much, 'a', sizeof(much));
	(void)head_add(&first, pools, 0, (const uint8_t *)much, HEAD_MAX);
	memset(much, 'b', sizeof(much));
	copies_begin(&copies, &s);
	copies_add(&copies, &first, 0, (struct str){much, COPIES_BYTES});
	assert_false(copies.more);
	copies_add(&copies, &first, HEAD_MAX - 1, (struct str){much, 10});
	assert_true(copies.more);
	copies_begin(&copies, &s);
	copies_add(&copies, &first, HEAD_MAX - 1, (struct str){much, 10});
	copies_add(&copies, &first, HEAD_MAX, (struct str){much, 10});
	copies_add(&copies, &first, 70000, (struct str){much, 10});
	assert_int_equal(copies.count, SEGMENTS_MAX + 1);
	assert_false(copies.more);
	for (uint32_t i = 0; i < COPIES_MAX; i++)
		copies_add(&copies, &first, 100 + i, (struct str){much, 1});
	assert_true(copies.more);
	assert_false(mix(&first, &got));

	s = (struct segments){0};
	segments_add(&s, 0, HEAD_MAX);
	copies_begin(&copies, &s);
	for (uint32_t i = 0; i < 7; i++) /* 128 contents */
		copies_add(&copies, &first, 100 + 2 * i, (struct str){much, 1});
	memcpy(bytes, first.bytes, first.highest);
	mixtures_begin(&m, &copies, &first);
	for (unsigned i = 0; i < MIXTURES_MAX; i++)
		assert_true(mixtures_next(&m, bytes));
	assert_false(m.more);
	assert_false(mixtures_next(&m, bytes));
	assert_true(m.more);
	for (uint32_t i = 7; i < PLACES_MAX + 1; i++)
		copies_add(&copies, &first, 100 + 2 * i, (struct str){much, 1});
	mixtures_begin(&m, &copies, &first);
	assert_true(m.more);
	head_clear(&first, pools);
	head_pools_destroy(pools);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents_are_those_of_all_orders),
		cmocka_unit_test(contents_move_with_the_head),
		cmocka_unit_test(what_finds_no_room_is_told),
	};

	return cmocka_run_group_tests_name("engine/mixtures", tests, NULL, NULL);
}
