/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/ike.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support.h"

/* IKE_SA_INIT of version 2 with a payload of four bytes. */
static const uint8_t init[32] = {1, 2,    3,  4, 5, 6, 7, 8, 0, 0, 0, 0,  0, 0, 0, 0,
				 0, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 4};

static void begins_an_exchange(void **state)
{
	uint8_t shifted[4 + sizeof(init)] = {0};

	(void)state;
	assert_true(ike_begins(init, sizeof(init)));
	memcpy(shifted + 4, init, sizeof(init));
	assert_true(ike_begins(shifted, sizeof(shifted)));
	shifted[0] = 1; /* ESP, RFC 3948 2.1 */
	assert_false(ike_begins(shifted, sizeof(shifted)));
}

static void each_version_has_its_exchanges(void **state)
{
	static const struct {
		uint8_t version, exchange;
		bool want;
	} rows[] = {{0x20, 34, true},  {0x20, 37, true},  {0x20, 33, false},
		    {0x20, 38, false}, {0x20, 2, false},  {0x10, 2, true},
		    {0x10, 4, true},   {0x10, 34, false}, {0x10, 3, false},
		    {0x30, 34, false}, {0x00, 34, false}};
	uint8_t b[sizeof(init)];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(b, init, sizeof(b));
		b[17] = rows[i].version;
		b[18] = rows[i].exchange;
		assert_int_equal(ike_begins(b, sizeof(b)), rows[i].want);
	}
}

static void the_length_and_the_initiator_must_be_right(void **state)
{
	uint8_t b[sizeof(init) + 1] = {0};

	(void)state;
	memcpy(b, init, sizeof(init));
	for (size_t len = 0; len < sizeof(init); len++)
		assert_false(ike_begins(b, len));
	assert_false(ike_begins(b, sizeof(b)));
	memset(b, 0, 8);
	assert_false(ike_begins(b, sizeof(init)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_an_exchange),
		cmocka_unit_test(each_version_has_its_exchanges),
		cmocka_unit_test(the_length_and_the_initiator_must_be_right),
	};

	return cmocka_run_group_tests_name("identify/ike", tests, NULL, NULL);
}
