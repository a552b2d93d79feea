/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#define STEPS_MAX 8

struct step {
	uint32_t at;
	const char *data;
	enum head_result want;
};

struct row {
	const char *name;
	struct step steps[STEPS_MAX];
	const char *filled;
	uint32_t highest;
	bool conflict;
	uint32_t conflict_at;
	bool out_of_order;
};

static const struct row rows[] = {
	{"in order",
	 {{0, "abc", HEAD_ADDED}, {3, "de", HEAD_ADDED}},
	 "abcde",
	 5,
	 false,
	 0,
	 false},
	{"nothing is kept",
	 {{0, "", HEAD_KEPT}, {7, "", HEAD_KEPT}},
	 "",
	 0,
	 false,
	 0,
	 false},
	{"a gap holds back what follows",
	 {{0, "ab", HEAD_ADDED}, {4, "ef", HEAD_KEPT}},
	 "ab",
	 6,
	 false,
	 0,
	 false},
	{"filling the gap releases it",
	 {{0, "ab", HEAD_ADDED}, {4, "ef", HEAD_KEPT}, {2, "cd", HEAD_ADDED}},
	 "abcdef",
	 6,
	 false,
	 0,
	 true},
	{"two gaps, closed from the end",
	 {{6, "g", HEAD_KEPT},
	  {3, "de", HEAD_KEPT},
	  {5, "f", HEAD_KEPT},
	  {0, "abc", HEAD_ADDED}},
	 "abcdefg",
	 7,
	 false,
	 0,
	 true},
	{"same bytes again are no conflict",
	 {{0, "abcd", HEAD_ADDED}, {1, "bc", HEAD_KEPT}, {0, "abcdef", HEAD_ADDED}},
	 "abcdef",
	 6,
	 false,
	 0,
	 false},
	{"the first copy stays",
	 {{0, "abcd", HEAD_ADDED}, {1, "bXd", HEAD_KEPT}},
	 "abcd",
	 4,
	 true,
	 2,
	 false},
	{"conflict beyond a gap",
	 {{4, "ef", HEAD_KEPT}, {3, "dX", HEAD_KEPT}, {0, "abc", HEAD_ADDED}},
	 "abcdef",
	 6,
	 true,
	 4,
	 true},
	{"conflict only in the overlap of a longer copy",
	 {{2, "cd", HEAD_KEPT}, {0, "abXde", HEAD_ADDED}},
	 "abcde",
	 5,
	 true,
	 2,
	 true},
	{"the lowest conflict is reported, whenever it came",
	 {{0, "abcdef", HEAD_ADDED},
	  {4, "X", HEAD_KEPT},
	  {1, "Y", HEAD_KEPT},
	  {5, "Z", HEAD_KEPT}},
	 "abcdef",
	 6,
	 true,
	 1,
	 false},
	{"a byte past all others is not out of order",
	 {{0, "a", HEAD_ADDED}, {2, "c", HEAD_KEPT}, {2, "cd", HEAD_KEPT}},
	 "a",
	 4,
	 false,
	 0,
	 false},
	{"a second gap after the first was closed",
	 {{1, "b", HEAD_KEPT},
	  {0, "a", HEAD_ADDED},
	  {4, "e", HEAD_KEPT},
	  {3, "d", HEAD_KEPT},
	  {2, "c", HEAD_ADDED}},
	 "abcde",
	 5,
	 false,
	 0,
	 true},
};

static int make_pools(void **state)
{
	*state = head_pools_create(2, 1);
	return *state == NULL ? -1 : 0;
}

static int drop_pools(void **state)
{
	head_pools_destroy(*state);
	return 0;
}

static void segments_give_the_bytes_and_flags_of_their_row(void **state)
{
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		const struct row *row = &rows[r];
		struct head h = {0};

		for (size_t i = 0; i < STEPS_MAX && row->steps[i].data != NULL; i++) {
			const struct step *s = &row->steps[i];

			assert_int_equal(head_add(&h, *state, s->at,
						  (const uint8_t *)s->data,
						  strlen(s->data)),
					 s->want);
		}
		assert_int_equal(h.filled, strlen(row->filled));
		if (h.filled > 0)
			assert_memory_equal(h.bytes, row->filled, h.filled);
		assert_int_equal(h.highest, row->highest);
		assert_int_equal(h.conflict, row->conflict);
		assert_int_equal(h.conflict_at, row->conflict_at);
		assert_int_equal(h.out_of_order, row->out_of_order);
		assert_false(h.beyond);
		head_clear(&h, *state);
		assert_null(h.bytes);
	}
}

static uint8_t pattern(uint32_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}

/* Every border of the map's words and of the two sizes is crossed. */
static void pieces_of_any_size_in_reverse_give_the_whole_stream(void **state)
{
	static const uint32_t sizes[] = {1,    7,    63,   64,   65,
					 1000, 2047, 2048, 2049, HEAD_MAX};
	static uint8_t want[HEAD_MAX];

	for (uint32_t i = 0; i < HEAD_MAX; i++)
		want[i] = pattern(i);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		uint32_t pieces = (HEAD_MAX + sizes[s] - 1) / sizes[s];
		struct head h = {0};

		for (uint32_t i = pieces; i-- > 0;) {
			uint32_t at = i * sizes[s];
			uint32_t n = at + sizes[s] > HEAD_MAX ? HEAD_MAX - at : sizes[s];

			assert_int_equal(head_add(&h, *state, at, want + at, n),
					 i == 0 ? HEAD_ADDED : HEAD_KEPT);
		}
		assert_int_equal(h.filled, HEAD_MAX);
		assert_memory_equal(h.bytes, want, HEAD_MAX);
		assert_false(h.conflict);
		head_clear(&h, *state);
	}
}

/* 64 KiB segments exist (GRO); offsets come from 32-bit sequence numbers. */
static void bytes_past_the_cap_are_dropped_and_flagged(void **state)
{
	static uint8_t big[65535];
	struct head h = {0};

	assert_int_equal(head_add(&h, *state, HEAD_MAX, big, 1), HEAD_KEPT);
	assert_true(h.beyond);
	assert_null(h.bytes);
	h.beyond = false;
	assert_int_equal(head_add(&h, *state, UINT32_MAX, big, sizeof(big)), HEAD_KEPT);
	assert_true(h.beyond);
	h.beyond = false;
	assert_int_equal(head_add(&h, *state, 10, big, sizeof(big)), HEAD_KEPT);
	assert_true(h.beyond);
	assert_int_equal(h.highest, HEAD_MAX);
	assert_int_equal(head_add(&h, *state, 0, big, 10), HEAD_ADDED);
	assert_int_equal(h.filled, HEAD_MAX);
	head_clear(&h, *state);
	assert_int_equal(head_add(&h, *state, 0, big, HEAD_MAX), HEAD_ADDED);
	assert_false(h.beyond);
	head_clear(&h, *state);
}

static void growing_keeps_bytes_and_gaps(void **state)
{
	static const uint8_t tail[100] = {9};
	struct head h = {0};

	assert_int_equal(head_add(&h, *state, 0, (const uint8_t *)"ab", 2), HEAD_ADDED);
	assert_int_equal(head_add(&h, *state, 4, (const uint8_t *)"ef", 2), HEAD_KEPT);
	assert_int_equal(h.size, HEAD_SMALL);
	assert_int_equal(head_add(&h, *state, HEAD_SMALL - 50, tail, sizeof(tail)),
			 HEAD_KEPT);
	assert_int_equal(h.size, HEAD_MAX);
	assert_int_equal(head_add(&h, *state, 3, (const uint8_t *)"dX", 2), HEAD_KEPT);
	assert_true(h.conflict);
	assert_int_equal(h.conflict_at, 4);
	assert_int_equal(head_add(&h, *state, 2, (const uint8_t *)"c", 1), HEAD_ADDED);
	assert_int_equal(h.filled, 6);
	assert_memory_equal(h.bytes, "abcdef", 6);
	head_clear(&h, *state);
}

static void an_empty_pool_stores_nothing_and_changes_nothing(void **state)
{
	static const uint8_t big[HEAD_MAX + 1] = {1};
	struct head h[3] = {0};
	struct head before;

	for (int i = 0; i < 2; i++)
		assert_int_equal(head_add(&h[i], *state, 0, (const uint8_t *)"x", 1),
				 HEAD_ADDED);
	assert_int_equal(head_add(&h[2], *state, 0, (const uint8_t *)"x", 1),
			 HEAD_NO_ROOM);
	assert_null(h[2].bytes);
	assert_int_equal(head_add(&h[2], *state, 0, big, HEAD_MAX), HEAD_ADDED);

	before = h[0];
	assert_int_equal(head_add(&h[0], *state, 1, big, sizeof(big)), HEAD_NO_ROOM);
	assert_memory_equal(&h[0], &before, sizeof(before));

	head_clear(&h[2], *state);
	assert_int_equal(head_add(&h[0], *state, 1, big, HEAD_SMALL), HEAD_ADDED);
	assert_int_equal(h[0].size, HEAD_MAX);
	assert_int_equal(head_add(&h[2], *state, 0, (const uint8_t *)"x", 1), HEAD_ADDED);
	for (int i = 0; i < 3; i++)
		head_clear(&h[i], *state);
}

static void a_copy_in_which_the_last_bytes_stay(void **state)
{
	static const uint8_t far[] = "z";
	struct head first = {0}, last = {0};

	assert_true(head_copy(&last, *state, &first));
	assert_null(last.bytes);
	assert_int_equal(head_add(&first, *state, 0, (const uint8_t *)"abcd", 4),
			 HEAD_ADDED);
	assert_int_equal(head_add(&first, *state, 6, (const uint8_t *)"gh", 2),
			 HEAD_KEPT);
	assert_true(head_copy(&last, *state, &first));
	assert_int_equal(last.filled, 4);
	assert_int_equal(last.highest, 8);
	assert_int_equal(head_overwrite(&last, *state, 2, (const uint8_t *)"CDEF", 4),
			 HEAD_ADDED);
	assert_int_equal(last.filled, 8);
	assert_memory_equal(last.bytes, "abCDEFgh", 8);
	assert_memory_equal(first.bytes, "abcd", 4);
	assert_int_equal(first.filled, 4);
	/* Past the cap nothing is written. */
	assert_int_equal(head_overwrite(&last, *state, HEAD_MAX, far, 1), HEAD_KEPT);
	assert_int_equal(
		head_overwrite(&last, *state, HEAD_MAX - 1, (const uint8_t *)"yz", 2),
		HEAD_KEPT);
	assert_int_equal(last.bytes[HEAD_MAX - 1], 'y');
	head_clear(&first, *state);
	head_clear(&last, *state);
}

/*
 * Whatever was seen, and wherever it is cut: the rest is what was seen behind the cut.  No
 * room is needed for it.
 */
static void what_lies_behind_a_cut_moves_to_the_front(void **state)
{
	static const struct {
		uint32_t at, len;
	} runs[][4] = {
		{{0, 300}},
		{{0, 10}, {64, 64}, {130, 1}},
		{{5, 1}, {63, 2}, {128, 100}},
		{{0, 64}, {128, 64}, {299, 1}},
	};
	struct head_pools *pools = head_pools_create(2, 2);
	uint8_t bytes[300];

	(void)state;
	assert_non_null(pools);
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + 1);
	for (size_t r = 0; r < sizeof(runs) / sizeof(runs[0]); r++) {
		for (uint32_t cut = 0; cut <= 300; cut++) {
			struct head h = {0}, want = {0};

			for (size_t i = 0; i < 4; i++) {
				const uint32_t at = runs[r][i].at,
					       end = at + runs[r][i].len;
				const uint32_t from = at > cut ? at : cut;

				(void)head_add(&h, pools, at, bytes + at, end - at);
				if (end > from)
					(void)head_add(&want, pools, from - cut,
						       bytes + from, end - from);
			}
			head_drop(&h, pools, cut);
			assert_int_equal(h.filled, want.filled);
			assert_int_equal(h.highest, want.highest);
			for (uint32_t i = 0; i < 300; i++) {
				const uint8_t other = (uint8_t)~bytes[i];

				assert_int_equal(head_contradicts(&h, i, &other, 1),
						 head_contradicts(&want, i, &other, 1));
			}
			if (h.filled > 0)
				assert_memory_equal(h.bytes, bytes + cut, h.filled);
			head_clear(&h, pools);
			head_clear(&want, pools);
		}
	}
	head_pools_destroy(pools);
}

/* Against an array of bytes with a mark each: gaps, words of the map, places past the end. */
static void bytes_in_front_move_the_others_on(void **state)
{
	static const uint8_t text[] = "abcdef";

	for (uint32_t n = 1; n < HEAD_MAX + 4; n = n * 2 + 1) {
		const uint32_t end = n + 6 < HEAD_MAX ? n + 6 : HEAD_MAX;
		struct head h = {0};

		(void)head_add(&h, *state, 0, text, 2);
		(void)head_add(&h, *state, 4, text + 4, 2);
		assert_true(head_shift(&h, *state, n));
		assert_int_equal(h.filled, 0);
		assert_int_equal(h.beyond, n + 6 > HEAD_MAX);
		if (n < HEAD_MAX) {
			assert_int_equal(h.bytes[n], 'a');
			assert_true(head_has(&h, n, n + 2 < end ? n + 2 : end));
			assert_false(head_has(&h, n - 1, n));
		}
		if (end == n + 6) {
			assert_int_equal(h.highest, end);
			assert_false(head_has(&h, n + 2, n + 4));
			assert_int_equal(head_add(&h, *state, n + 2, text + 2, 2),
					 HEAD_KEPT);
			assert_memory_equal(h.bytes + n, text, 6);
		}
		head_clear(&h, *state);
		assert_true(head_shift(&h, *state, n));
		assert_null(h.bytes);
	}
}

static void contradiction_is_that_of_the_bytes_seen(void **state)
{
	static uint8_t bytes[700], seen[700], data[300];
	uint64_t x = 88172645463325252;
	unsigned yes = 0;

	for (unsigned round = 0; round < 200; round++) {
		struct head h = {0};

		memset(seen, 0, sizeof(seen));
		for (unsigned step = 0; step < 60; step++) {
			uint32_t at, len;
			bool differs = false;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			at = (uint32_t)(x % 500);
			len = (uint32_t)(x >> 20) % (step % 7 == 0 ? 200 : 20);
			for (uint32_t i = 0; i < len; i++) {
				data[i] = (x >> 40 & 7) == 0 && i == len - 1 ? 'x' : 'a';
				differs |= seen[at + i] != 0 && bytes[at + i] != data[i];
			}
			assert_int_equal(head_contradicts(&h, at, data, len), differs);
			yes += differs;
			assert_int_not_equal(head_add(&h, *state, at, data, len),
					     HEAD_NO_ROOM);
			for (uint32_t i = 0; i < len; i++) {
				bytes[at + i] =
					seen[at + i] != 0 ? bytes[at + i] : data[i];
				seen[at + i] = 1;
			}
		}
		head_clear(&h, *state);
	}
	assert_true(yes > 100);
}

/* All ranges of heads with and without gaps, in one word of the map and over several. */
static void a_range_is_there_when_each_byte_was_seen(void **state)
{
	static const struct {
		uint32_t at, len;
	} pieces[] = {{0, 5}, {70, 60}, {131, 1}, {5, 1}, {200, 10}, {6, 64}};
	static const uint8_t data[64] = {0};
	bool seen[220] = {false};
	struct head h = {0};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		for (uint32_t from = 0; from < 220; from++) {
			bool all = true;

			for (uint32_t end = from; end < 220; end++) {
				assert_int_equal(head_has(&h, from, end), all);
				all = all && seen[end];
			}
		}
		(void)head_add(&h, *state, pieces[i].at, data, pieces[i].len);
		memset(seen + pieces[i].at, 1, pieces[i].len);
	}
	head_clear(&h, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			segments_give_the_bytes_and_flags_of_their_row, make_pools,
			drop_pools),
		cmocka_unit_test_setup_teardown(
			pieces_of_any_size_in_reverse_give_the_whole_stream, make_pools,
			drop_pools),
		cmocka_unit_test_setup_teardown(
			bytes_past_the_cap_are_dropped_and_flagged, make_pools,
			drop_pools),
		cmocka_unit_test_setup_teardown(growing_keeps_bytes_and_gaps, make_pools,
						drop_pools),
		cmocka_unit_test_setup_teardown(
			an_empty_pool_stores_nothing_and_changes_nothing, make_pools,
			drop_pools),
		cmocka_unit_test_setup_teardown(contradiction_is_that_of_the_bytes_seen,
						make_pools, drop_pools),
		cmocka_unit_test_setup_teardown(a_range_is_there_when_each_byte_was_seen,
						make_pools, drop_pools),
		cmocka_unit_test_setup_teardown(a_copy_in_which_the_last_bytes_stay,
						make_pools, drop_pools),
		cmocka_unit_test_setup_teardown(what_lies_behind_a_cut_moves_to_the_front,
						make_pools, drop_pools),
		cmocka_unit_test_setup_teardown(bytes_in_front_move_the_others_on,
						make_pools, drop_pools),
	};

	return cmocka_run_group_tests_name("flow/head", tests, NULL, NULL);
}
