/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"

static struct bytes hello;
static struct server_hello chosen; /* of the last ask() */

/* Of the ALPN extension, if it is to be there. */
static const char *alpn;
static size_t alpn_len;

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
		put_be(&body,
		       4u + 4 + (selected != 0 ? 6u : 0) +
			       (alpn != NULL ? 4 + alpn_len : 0u),
		       2);
		put_be(&body, 51, 2);
		put_be(&body, 4, 2);
		put_fill(&body, 9, 4);
		if (selected != 0) {
			put_be(&body, 43, 2);
			put_be(&body, 2, 2);
			put_be(&body, selected, 2);
		}
		if (alpn != NULL)
			put_extension(&body, 16, alpn, alpn_len);
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
	bool got;

	assert_non_null(exact);
	memcpy(exact, hello.b, len);
	memset(&chosen, 0xa5, sizeof(chosen));
	got = identify_server_hello(exact, len, &chosen);
	free(exact);
	assert_int_equal(got, chosen.version != 0);
	if (!got)
		assert_int_equal(chosen.alpn_len, 0);
	return chosen.version;
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

static void the_protocol_chosen_in_clear_is_read(void **state)
{
	static const struct {
		const char *data; /* of the extension */
		size_t len;
		uint16_t legacy, selected;
		uint16_t version; /* 0: the hello is not read */
		const char *alpn;
	} rows[] = {
		{"\0\x09\x08http/1.1", 11, 0x0303, 0, 0x0303, "http/1.1"},
		{"\0\4\3a,\x07", 6, 0x0302, 0, 0x0302, "a??"},
		{"\0\x09\x08http/1.1", 11, 0x0303, 0x0304, 0x0304,
		 ""},                                  /* illegal there */
		{"\0\2\2h2", 5, 0x0303, 0, 0, ""},     /* the list is too short, */
		{"\0\6\2h2\2h3", 8, 0x0303, 0, 0, ""}, /* holds two, */
		{"\0\1\0", 3, 0x0303, 0, 0, ""},       /* an empty one, */
		{"\0\3\2h2x", 6, 0x0303, 0, 0, ""},    /* has a byte behind it */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		alpn = rows[i].data;
		alpn_len = rows[i].len;
		make_hello(rows[i].legacy, rows[i].selected, true, 100);
		assert_int_equal(ask(hello.len), rows[i].version);
		assert_int_equal(chosen.alpn_len, strlen(rows[i].alpn));
		assert_memory_equal(chosen.alpn, rows[i].alpn, chosen.alpn_len);
	}
	alpn = NULL;
}

static void in_a_packet_of_tds_it_is_read(void **state)
{
	static struct bytes bare;

	(void)state;
	make_hello(0x0303, 0, true, 20);
	bare = hello;
	for (unsigned type = 0; type < 256; type++) {
		hello.len = 0;
		put_be(&hello, type, 1);
		put_be(&hello, 1, 1);
		put_be(&hello, bare.len + 8, 2);
		put_fill(&hello, 0, 4);
		put_mem(&hello, bare.b, bare.len);
		assert_int_equal(ask(hello.len), type == 0x12 || type == 4 ? 0x0303 : 0);
	}
	hello.b[0] = 0x12;
	hello.b[2] = 0;
	hello.b[3] = (uint8_t)(bare.len + 8 - 20);
	assert_int_equal(ask(hello.len), 0x0303);
	hello.b[3]--; /* the last byte of the hello is in the next packet */
	assert_int_equal(ask(hello.len), 0);
	hello.b[3] = 7;
	assert_int_equal(ask(hello.len), 0);
}

static void without_a_version_it_says_nothing(void **state)
{
	(void)state;
	make_hello(0, 0, true, 0);
	assert_int_equal(ask(hello.len), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chosen_version_is_read),
		cmocka_unit_test(a_cut_hello_says_nothing),
		cmocka_unit_test(what_is_no_hello_says_nothing),
		cmocka_unit_test(the_protocol_chosen_in_clear_is_read),
		cmocka_unit_test(in_a_packet_of_tds_it_is_read),
		cmocka_unit_test(without_a_version_it_says_nothing),
	};

	return cmocka_run_group_tests_name("identify/server_hello", tests, NULL, NULL);
}
