/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0xf9};

static void test_reads_in_both_byte_orders(void **state)
{
	struct cursor c = cur_init(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cur_u8(&c), 0x01);
	assert_int_equal(cur_be16(&c), 0x0203);
	assert_int_equal(cur_be24(&c), 0x040506);
	assert_int_equal(cur_le16(&c), 0x0807);
	assert_int_equal(cur_u8(&c), 0xf9);
	assert_true(cur_ok(&c));
	assert_int_equal(c.left, 0);

	c = cur_init(bytes + 1, sizeof(bytes) - 1); /* not aligned */
	assert_int_equal(cur_be32(&c), 0x02030405);
	assert_int_equal(cur_le32(&c), 0xf9080706);
	assert_true(cur_ok(&c));
	c = cur_init(bytes + 1, sizeof(bytes) - 1);
	assert_true(cur_be64(&c) == UINT64_C(0x02030405060708f9));
}

static unsigned long long read_be16(struct cursor *c)
{
	return cur_be16(c);
}

static unsigned long long read_be24(struct cursor *c)
{
	return cur_be24(c);
}

static unsigned long long read_be32(struct cursor *c)
{
	return cur_be32(c);
}

static unsigned long long read_be64(struct cursor *c)
{
	return cur_be64(c);
}

static unsigned long long read_le16(struct cursor *c)
{
	return cur_le16(c);
}

static unsigned long long read_le32(struct cursor *c)
{
	return cur_le32(c);
}

static unsigned long long read_u8(struct cursor *c)
{
	return cur_u8(c);
}

static void test_short_input_reads_zero_and_stays_bad(void **state)
{
	static const struct {
		unsigned long long (*read)(struct cursor *c);
		size_t bytes;
	} cases[] = {
		{read_u8, 1},   {read_be16, 2}, {read_be24, 3}, {read_be32, 4},
		{read_be64, 8}, {read_le16, 2}, {read_le32, 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t len = 0; len <= cases[i].bytes; len++) {
			struct cursor c = cur_init(bytes, len);
			unsigned long long v = cases[i].read(&c);

			assert_int_equal(cur_ok(&c), len == cases[i].bytes);
			assert_int_equal(v != 0, len == cases[i].bytes);
			assert_int_equal(cur_u8(&c),
					 0); /* sticky: also where 1 byte is left */
			assert_false(cur_ok(&c));
			assert_int_equal(c.left, 0); /* no loop goes on */
		}
	}
}

static void test_take_and_skip_stop_at_the_end(void **state)
{
	struct cursor c = cur_init(bytes, 4);

	(void)state;
	assert_ptr_equal(cur_take(&c, 0), bytes);
	cur_skip(&c, 1);
	assert_ptr_equal(cur_take(&c, 2), bytes + 1);
	assert_null(cur_take(&c, 2));
	assert_false(cur_ok(&c));
	assert_null(cur_take(&c, 1)); /* sticky, although one byte is left */
	assert_null(cur_take(&c, 0));

	c = cur_init(bytes, 4);
	cur_skip(&c, SIZE_MAX);
	assert_false(cur_ok(&c));
}

static void test_sub_cursor_is_fenced(void **state)
{
	struct cursor c = cur_init(bytes, 8);
	struct cursor sub = cur_sub(&c, 2);

	(void)state;
	assert_int_equal(cur_be16(&sub), 0x0102);
	assert_int_equal(cur_u8(&sub), 0);
	assert_false(cur_ok(&sub));
	assert_true(cur_ok(&c));
	assert_int_equal(cur_u8(&c), 0x03);

	sub = cur_sub(&c, 6);
	assert_false(cur_ok(&sub));
	assert_int_equal(sub.left, 0);
	assert_false(cur_ok(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_in_both_byte_orders),
		cmocka_unit_test(test_short_input_reads_zero_and_stays_bad),
		cmocka_unit_test(test_take_and_skip_stop_at_the_end),
		cmocka_unit_test(test_sub_cursor_is_fenced),
	};

	return cmocka_run_group_tests_name("base/cursor", tests, NULL, NULL);
}
