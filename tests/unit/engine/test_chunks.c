/* SPDX-License-Identifier: Apache-2.0 */
/* What stands around chunks, kept until it is acknowledged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/chunks.h"

#define NEAR_WRAP 0xfffffff0u

static enum chunks_match compare(const struct chunks *k, uint32_t at, const char *text)
{
	const struct chunk_frame *f;

	return chunks_compare(k, at, str_of(text), &f);
}

static void any_part_of_a_frame_is_compared(void **state)
{
	static struct chunks k;

	(void)state;
	for (uint32_t base = 100; base != 0; base = base == 100 ? NEAR_WRAP : 0) {
		memset(&k, 0, sizeof(k));
		chunks_add(&k, base, STR("10"));
		chunks_add(&k, base + 2, STR("00\r\n"));
		chunks_add(&k, base + 20, STR("\r\n0\r\n\r\n"));
		assert_int_equal(k.count, 2);
		assert_int_equal(compare(&k, base, "1000\r\n"), CHUNKS_SAME);
		assert_int_equal(compare(&k, base + 3, "0\r\nany body ....."),
				 CHUNKS_SAME);
		assert_int_equal(compare(&k, base + 6, "any body ....."), CHUNKS_SAME);
		assert_int_equal(compare(&k, base + 6, "any body .....\r\n1"),
				 CHUNKS_OTHER);
		assert_int_equal(compare(&k, base - 3, "xxx2"), CHUNKS_OTHER);
		assert_int_equal(compare(&k, base + 5, "\r"), CHUNKS_OTHER);
		assert_int_equal(compare(&k, base + 22, "0\r\n\r\nGET"), CHUNKS_SAME);
		assert_int_equal(compare(&k, base + 22, "0\r\nA"), CHUNKS_OTHER);
		assert_int_equal(compare(&k, base + 27, "GET"), CHUNKS_SAME);
	}
}

static void what_is_taken_is_compared_no_more(void **state)
{
	static struct chunks k;

	(void)state;
	memset(&k, 0, sizeof(k));
	chunks_add(&k, NEAR_WRAP, STR("10\r\n"));
	chunks_add(&k, NEAR_WRAP + 20, STR("\r\n0\r\n"));
	assert_false(chunks_taken(&k, NEAR_WRAP + 3));
	assert_int_equal(compare(&k, NEAR_WRAP, "2"), CHUNKS_OTHER);
	assert_false(chunks_taken(&k, NEAR_WRAP + 4));
	assert_int_equal(compare(&k, NEAR_WRAP, "2"), CHUNKS_SAME);
	assert_int_equal(compare(&k, NEAR_WRAP + 22, "1"), CHUNKS_OTHER);
	assert_true(chunks_taken(&k, NEAR_WRAP + 25));
	assert_int_equal(compare(&k, NEAR_WRAP + 22, "1"), CHUNKS_SAME);
}

static void what_finds_no_room_is_known_to_be_forgotten(void **state)
{
	static struct chunks k;
	static char much[CHUNKS_BYTES + 1];
	uint32_t at = 0;

	(void)state;
	memset(&k, 0, sizeof(k));
	for (unsigned i = 0; i < 3 * CHUNKS_MAX; i++, at += 1000) {
		chunks_add(&k, at, STR("\r\n3e0\r\n"));
		assert_true(k.count <= CHUNKS_MAX);
		assert_int_equal(compare(&k, at, "\r\n3e0\r\n"), CHUNKS_SAME);
	}
	assert_int_equal(compare(&k, at - 50 * 1000, "\r\n3e1\r\n"), CHUNKS_OTHER);
	assert_int_equal(compare(&k, 1000, "\r\n3e0\r\n"), CHUNKS_UNKNOWN);
	assert_false(chunks_taken(&k, k.forgot_end - 1));
	assert_int_equal(compare(&k, 1000, "\r\n3e0\r\n"), CHUNKS_UNKNOWN);
	assert_false(chunks_taken(&k, k.forgot_end));
	assert_int_equal(compare(&k, 1000, "\r\n3e0\r\n"), CHUNKS_SAME);
	/* Few and long. */
	memset(much, ';', sizeof(much));
	chunks_add(&k, at, (struct str){much, CHUNKS_BYTES - 1});
	chunks_add(&k, at + 5000, STR("12"));
	assert_int_equal(compare(&k, at + CHUNKS_BYTES - 2, ";"), CHUNKS_UNKNOWN);
	assert_int_equal(compare(&k, at + CHUNKS_BYTES - 1, "x"), CHUNKS_SAME);
	assert_int_equal(compare(&k, at + 5001, "3"), CHUNKS_OTHER);
	chunks_add(&k, at + 6000, (struct str){much, sizeof(much)});
	assert_int_equal(k.count, 1);
	assert_int_equal(compare(&k, at + 6000 + CHUNKS_BYTES - 1, ";"), CHUNKS_UNKNOWN);
	assert_int_equal(compare(&k, at + 6000 + CHUNKS_BYTES, "x"), CHUNKS_OTHER);
	assert_true(chunks_taken(&k, at + 6000 + CHUNKS_BYTES + 1));
}

/* The last of all frames that there is room for goes on in the next piece. */
static void what_goes_on_needs_no_other_room(void **state)
{
	static struct chunks k;

	(void)state;
	memset(&k, 0, sizeof(k));
	for (uint32_t i = 0; i < CHUNKS_MAX; i++)
		chunks_add(&k, i * 100, STR("1\r"));
	chunks_add(&k, (CHUNKS_MAX - 1) * 100 + 2, STR("\n"));
	assert_int_equal(compare(&k, 0, "2"), CHUNKS_OTHER);
	chunks_add(&k, CHUNKS_MAX * 100, STR(""));
	assert_int_equal(compare(&k, 0, "2"), CHUNKS_OTHER);
	chunks_add(&k, CHUNKS_MAX * 100, STR("1"));
	assert_int_equal(compare(&k, 0, "2"), CHUNKS_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_part_of_a_frame_is_compared),
		cmocka_unit_test(what_is_taken_is_compared_no_more),
		cmocka_unit_test(what_finds_no_room_is_known_to_be_forgotten),
		cmocka_unit_test(what_goes_on_needs_no_other_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
