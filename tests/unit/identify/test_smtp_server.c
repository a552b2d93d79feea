/* SPDX-License-Identifier: Apache-2.0 */
/* What a mail server says of itself, for display: printable, whole lines, capped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support.h"

static struct str reply(const char *bytes, size_t len, struct str code, char *copy)
{
	/* Exactly so many, for the sanitizers. */
	char *exact = malloc(len == 0 ? 1 : len);
	struct str s;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	s = identify_smtp_reply((const uint8_t *)exact, len, code);
	if (s.len > 0)
		memcpy(copy, s.p, s.len);
	s.p = copy;
	free(exact);
	return s;
}

static void the_first_line_of_a_reply(void **state)
{
	static const struct {
		const char *said, *want; /* "" = absent */
	} rows[] = {
		{"220 mail.example ESMTP ready\r\n", "mail.example ESMTP ready"},
		{"220-mail.example\r\n220 more\r\n", "mail.example"},
		{"220 a\n", "a"},
		{"220   blanks   \r\n", "blanks"},
		{"220 mail.example ESMTP ready\r", ""},
		{"220 mail.example", ""},
		{"220\r\n", ""},
		{"220", ""},
		{"", ""},
		{"220 \r\n", ""},
		{"221 mail.example\r\n", ""},
		{"22 mail.example\r\n", ""},
		{"2200 mail.example\r\n", ""},
		{" 220 mail.example\r\n", ""},
		{"220 a\tb\r\n", ""},
		{"220 a\x1b[31m\r\n", ""},
		{"220 \xc3\xa4\r\n", ""},
		{"220 a\x7f\r\n", ""},
		{"220 a\rb\r\n", ""},
	};
	char copy[IDENTIFY_BANNER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct str s =
			reply(rows[i].said, strlen(rows[i].said), STR("220"), copy);

		if (!str_equal(s, str_of(rows[i].want)))
			fail_msg("%s: %.*s", rows[i].said, (int)s.len, s.p);
	}
	assert_int_equal(reply("220 a\0b\r\n", 9, STR("220"), copy).len, 0);
	assert_int_equal(reply("250 a\r\n", 7, STR("250"), copy).len, 1);
}

static void a_long_line_is_cut(void **state)
{
	char said[600] = "220 ", copy[IDENTIFY_BANNER_MAX];

	(void)state;
	memset(said + 4, 'x', 500);
	said[504] = '\n';
	assert_int_equal(reply(said, 505, STR("220"), copy).len, 200);
	said[300] = '\t'; /* not printable, where it would be cut off */
	assert_int_equal(reply(said, 505, STR("220"), copy).len, 0);
}

static void a_name_is_a_domain_or_an_address(void **state)
{
	static const struct {
		const char *said, *want;
	} rows[] = {
		{"Mail.Example greets you", "mail.example"},
		{"mail.example", "mail.example"},
		{"[192.0.2.7] hello", "192.0.2.7"},
		{"[IPv6:2001:db8::7]", "2001:db8::7"},
		{"a_b!c hello", ""},
		{"", ""},
		{" mail.example", ""},
	};
	char name[HOST_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const size_t n = identify_smtp_name(str_of(rows[i].said), name);

		if (!str_equal((struct str){name, n}, str_of(rows[i].want)))
			fail_msg("%s: %.*s", rows[i].said, (int)n, name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_of_a_reply),
		cmocka_unit_test(a_long_line_is_cut),
		cmocka_unit_test(a_name_is_a_domain_or_an_address),
	};

	return cmocka_run_group_tests_name("identify/smtp_server", tests, NULL, NULL);
}
