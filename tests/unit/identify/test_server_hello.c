/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"

static struct bytes hello;

/* `selected` in supported_versions unless it is 0; `rest`: bytes of other records behind it. */
static void make_hello(uint16_t legacy, uint16_t selected, bool extensions, size_t rest)
{
	struct bytes body = {.len = 0};

	put_be(&body, legacy, 2);
	put_fill(&body, 7, 32);
	put_be(&body, 4, 1);
	put_fill(&body, 1, 4);
	put_be(&body, 0x1301, 2);
	put_be(&body, 0, 1);
	if (extensions) {
		put_be(&body, selected != 0 ? 4 + 4 + 6 : 4 + 4, 2);
		put_be(&body, 51, 2);
		put_be(&body, 4, 2);
		put_fill(&body, 9, 4);
		if (selected != 0) {
			put_be(&body, 43, 2);
			put_be(&body, 2, 2);
			put_be(&body, selected, 2);
		}
	}
	hello.len = 0;
	put_be(&hello, 22, 1);
	put_be(&hello, 0x0303, 2);
	put_be(&hello, body.len + 4, 2);
	put_be(&hello, 2, 1);
	put_be(&hello, body.len, 3);
	put_mem(&hello, body.b, body.len);
	put_fill(&hello, 0x17, rest);
}

static uint16_t ask(size_t len)
{
	uint8_t *exact = malloc(len == 0 ? 1 : len);
	uint16_t got;

	assert_non_null(exact);
	memcpy(exact, hello.b, len);
	got = identify_server_hello(exact, len);
	free(exact);
	return got;
}

static void the_chosen_version_is_read(void **state)
{
	(void)state;
	make_hello(0x0303, 0x0304, true, 0);
	assert_int_equal(ask(hello.len), 0x0304);
	make_hello(0x0303, 0x0304, true, 500); /* the rest of the flight */
	assert_int_equal(ask(hello.len), 0x0304);
	make_hello(0x0303, 0, true, 10);
	assert_int_equal(ask(hello.len), 0x0303);
	make_hello(0x0301, 0, false, 0);
	assert_int_equal(ask(hello.len), 0x0301);
}

static void a_cut_hello_says_nothing(void **state)
{
	(void)state;
	make_hello(0x0303, 0x0304, true, 0);
	for (size_t n = 0; n < hello.len; n++)
		assert_int_equal(ask(n), 0);
}

static void what_is_no_hello_says_nothing(void **state)
{
	(void)state;
	for (size_t at = 0; at < 9; at++) {
		if (at == 2 || at == 3 || at == 4) /* version and length of the record */
			continue;
		make_hello(0x0303, 0x0304, true, 0);
		hello.b[at] ^= 0xff;
		assert_int_equal(ask(hello.len), 0);
	}
	make_hello(0x0303, 0x0304, true, 0);
	hello.b[43] = 200; /* the session id ends behind the hello */
	assert_int_equal(ask(hello.len), 0);
	hello.len = 0;
	put_fill(&hello, 0xff, 200);
	assert_int_equal(ask(hello.len), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chosen_version_is_read),
		cmocka_unit_test(a_cut_hello_says_nothing),
		cmocka_unit_test(what_is_no_hello_says_nothing),
	};

	return cmocka_run_group_tests_name("identify/server_hello", tests, NULL, NULL);
}
