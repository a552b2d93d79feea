/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool parse(const char *text, struct addr *ret)
{
	return addr_parse(text, strlen(text), ret);
}

static void assert_canonical(const char *in, const char *want)
{
	char buf[ADDR_TEXT_MAX];
	struct addr a;
	struct addr again;

	if (!parse(in, &a))
		fail_msg("refused '%s'", in);
	assert_int_equal(addr_format(&a, buf), strlen(want));
	assert_string_equal(buf, want);
	assert_true(parse(buf, &again));
	assert_true(addr_equal(&a, &again));
}

/* The examples of RFC 5952 sections 1 to 4, and the borders of its rules. */
static void test_text_is_rfc_5952(void **state)
{
	static const struct {
		const char *in;
		const char *want;
	} cases[] = {
		/* 1: the same address in many forms */
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8:0:0:1::1", "2001:db8::1:0:0:1"},
		{"2001:db8:0000:0:1::1", "2001:db8::1:0:0:1"},
		{"2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"},
		/* 2.1 and 4.1: leading zeros */
		{"2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001",
		 "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"},
		{"2001:0db8::0001", "2001:db8::1"},
		/* 2.2 and 4.2.1: shorten as much as possible */
		{"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
		{"2001:db8::0:1", "2001:db8::1"},
		/* 4.2.2: not one group alone */
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		/* 4.2.3: the longest run, then the first */
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		/* 4.3: lower case */
		{"2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:AAAA",
		 "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"},
		/* runs at the ends */
		{"::", "::"},
		{"0:0:0:0:0:0:0:0", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"1:0:0:0:0:0:0:0", "1::"},
		{"0:0:1:0:0:0:0:1", "0:0:1::1"},
		{"1:0:0:2:3:4:0:0", "1::2:3:4:0:0"},
		{"0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"},
		{"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"},
		{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
		{"fe80::a:0:10:100", "fe80::a:0:10:100"},
		/* 5: IPv4-mapped is IPv4 here; other embeddings stay hexadecimal */
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"::ffff:c000:201", "192.0.2.1"},
		{"0:0:0:0:0:FFFF:129.144.52.38", "129.144.52.38"},
		{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
		{"::13.1.68.3", "::d01:4403"},
		{"1:2:3:4:5:6:7.8.9.10", "1:2:3:4:5:6:708:90a"},
		/* IPv4 */
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"10.200.3.99", "10.200.3.99"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_canonical(cases[i].in, cases[i].want);
}

static void test_longest_text_fits(void **state)
{
	struct addr a;
	struct prefix p;
	char buf[PREFIX_TEXT_MAX];

	(void)state;
	memset(a.b, 0xff, sizeof(a.b));
	assert_int_equal(addr_format(&a, buf), 39);
	p = (struct prefix){a, 128};
	assert_int_equal(prefix_format(&p, buf), 43);
}

static void test_bad_addresses_are_refused(void **state)
{
	static const char *const cases[] = {
		"",
		" ",
		"1",
		"1.2.3",
		"1.2.3.4.",
		".1.2.3.4",
		"1..3.4",
		"1.2.3.4.5",
		"1.2.3.256",
		"1.2.3.1000",
		"1.2.3.99999999999",
		"01.2.3.4",
		"1.2.3.00",
		"1.2.3.4 ",
		" 1.2.3.4",
		"+1.2.3.4",
		"0x1.2.3.4",
		"1.2.3.a",
		"1,2,3,4",
		":",
		":::",
		"::1::",
		"1::2::3",
		":1",
		"1:",
		":1::",
		"::1:",
		"1:::2",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7:8::",
		"::1:2:3:4:5:6:7:8",
		"1:2:3:4::5:6:7:8",
		"12345::",
		"g::",
		"::-1",
		"fe80::1%eth0",
		"[::1]",
		"::1.2.3",
		"::1.2.3.04",
		"::1.2.3.256",
		"1.2.3.4::",
		"::1.2.3.4:5",
		"1:2:3:4:5:6:7:1.2.3.4",
		"1:2:3:4:5:1.2.3.4",
		"::1:2:3:4:5:6:1.2.3.4",
		"::ffff:1.2.3.4 ",
		"0000:0000:0000:0000:0000:0000:0000:00000000001",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct addr before = {{1, 2, 3}};
		struct addr a = before;

		if (parse(cases[i], &a))
			fail_msg("accepted '%s'", cases[i]);
		assert_true(addr_equal(&a, &before));
	}
}

static void test_length_ends_the_text(void **state)
{
	struct addr a;
	char buf[ADDR_TEXT_MAX];

	(void)state;
	assert_true(addr_parse("1.2.3.45", 7, &a));
	(void)addr_format(&a, buf);
	assert_string_equal(buf, "1.2.3.4");
	assert_true(addr_parse("::12", 3, &a));
	(void)addr_format(&a, buf);
	assert_string_equal(buf, "::1");
	assert_true(addr_parse("::12", 2, &a));
	assert_false(addr_parse("::12", 1, &a));
	assert_false(addr_parse("1.2.3.4\0", 8, &a));
	assert_false(addr_parse(NULL, 0, &a));
}

static void test_families_share_one_form(void **state)
{
	static const uint8_t v4[4] = {192, 0, 2, 1};
	static const uint8_t v6[16] = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0,
				       0,    0, 0,    0,    0, 0, 0, 1};
	struct addr a = addr_from_v4(v4);
	struct addr b;

	(void)state;
	assert_true(parse("192.0.2.1", &b));
	assert_true(addr_equal(&a, &b));
	assert_true(addr_is_v4(&a));
	a = addr_from_v6(v6);
	assert_true(parse("2001:db8::1", &b));
	assert_true(addr_equal(&a, &b));
	assert_false(addr_is_v4(&a));
	assert_true(parse("192.0.2.2", &b));
	assert_true(addr_compare(&a, &b) > 0);
	assert_true(addr_compare(&b, &a) < 0);
	assert_int_equal(addr_compare(&a, &a), 0);
	/* The first byte that differs decides, wherever it is. */
	for (size_t i = 0; i < sizeof(a.b); i++) {
		memset(&a, 0x55, sizeof(a));
		memset(&b, 0x55, sizeof(b));
		a.b[i] = 0x80;
		memset(b.b + i + 1, 0xff, sizeof(b.b) - i - 1);
		assert_true(addr_compare(&a, &b) > 0);
		assert_true(addr_compare(&b, &a) < 0);
	}
}

static void test_prefixes(void **state)
{
	static const struct {
		const char *in;
		enum prefix_error error;
		unsigned bits;
		const char *text; /* of *ret, where it is set */
	} cases[] = {
		{"10.0.0.0/8", PREFIX_OK, 104, "10.0.0.0/8"},
		{"0.0.0.0/0", PREFIX_OK, 96, "0.0.0.0/0"},
		{"192.0.2.1", PREFIX_OK, 128, "192.0.2.1/32"},
		{"192.0.2.1/32", PREFIX_OK, 128, "192.0.2.1/32"},
		{"192.0.2.128/25", PREFIX_OK, 121, "192.0.2.128/25"},
		{"2001:db8::/32", PREFIX_OK, 32, "2001:db8::/32"},
		{"2001:db8::1", PREFIX_OK, 128, "2001:db8::1/128"},
		{"::/0", PREFIX_OK, 0, "::/0"},
		{"::ffff:10.0.0.0/104", PREFIX_OK, 104, "10.0.0.0/8"},
		{"10.1.2.3/8", PREFIX_HOST_BITS, 104, "10.0.0.0/8"},
		{"192.0.2.129/25", PREFIX_HOST_BITS, 121, "192.0.2.128/25"},
		{"1.2.3.4/0", PREFIX_HOST_BITS, 96, "0.0.0.0/0"},
		{"2001:db8:ffff::/33", PREFIX_HOST_BITS, 33, "2001:db8:8000::/33"},
		{"::1/0", PREFIX_HOST_BITS, 0, "::/0"},
		{"::ffff:1.2.3.4/8", PREFIX_HOST_BITS, 8, "::/8"},
		{"10.0.0.0/33", PREFIX_BAD_LENGTH, 0, NULL},
		{"::/129", PREFIX_BAD_LENGTH, 0, NULL},
		{"10.0.0.0/", PREFIX_BAD_LENGTH, 0, NULL},
		{"10.0.0.0/08", PREFIX_BAD_LENGTH, 0, NULL},
		{"10.0.0.0/00", PREFIX_BAD_LENGTH, 0, NULL},
		{"10.0.0.0/-1", PREFIX_BAD_LENGTH, 0, NULL},
		{"10.0.0.0/8 ", PREFIX_BAD_LENGTH, 0, NULL},
		{"10.0.0.0/8/8", PREFIX_BAD_LENGTH, 0, NULL},
		{"10.0.0.0/255.0.0.0", PREFIX_BAD_LENGTH, 0, NULL},
		{"10.0.0/8", PREFIX_BAD_ADDRESS, 0, NULL},
		{"/8", PREFIX_BAD_ADDRESS, 0, NULL},
		{"", PREFIX_BAD_ADDRESS, 0, NULL},
		{"any", PREFIX_BAD_ADDRESS, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefix p = {.bits = 77};
		char buf[PREFIX_TEXT_MAX];

		assert_int_equal(prefix_parse(cases[i].in, strlen(cases[i].in), &p),
				 cases[i].error);
		if (cases[i].text == NULL) {
			assert_int_equal(p.bits, 77);
			continue;
		}
		assert_int_equal(p.bits, cases[i].bits);
		assert_int_equal(prefix_format(&p, buf), strlen(cases[i].text));
		assert_string_equal(buf, cases[i].text);
	}
}

static void test_prefix_contains(void **state)
{
	static const struct {
		const char *prefix;
		const char *addr;
		bool want;
	} cases[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.0/8", "9.255.255.255", false},
		{"192.0.2.128/25", "192.0.2.128", true},
		{"192.0.2.128/25", "192.0.2.127", false},
		{"192.0.2.1/32", "192.0.2.1", true},
		{"192.0.2.1/32", "192.0.2.0", false},
		{"0.0.0.0/0", "255.255.255.255", true},
		{"0.0.0.0/0", "::1", false},
		{"2001:db8::/33", "2001:db8:7fff::", true},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"2001:db8::/127", "2001:db8::1", true},
		{"2001:db8::/127", "2001:db8::2", false},
		{"::/0", "2001:db8::", true},
		{"::/0", "10.0.0.1", true}, /* both families in one space */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefix p;
		struct addr a;

		assert_int_equal(
			prefix_parse(cases[i].prefix, strlen(cases[i].prefix), &p),
			PREFIX_OK);
		assert_true(parse(cases[i].addr, &a));
		assert_int_equal(prefix_contains(&p, &a), cases[i].want);
	}
}

/* The table of RFC 6052 2.4, and what is none. */
static void test_nat64(void **state)
{
	static const struct {
		const char *prefix, *addr, *want; /* NULL = none */
	} cases[] = {
		{"2001:db8::/32", "2001:db8:c000:221::", "192.0.2.33"},
		{"2001:db8:100::/40", "2001:db8:1c0:2:21::", "192.0.2.33"},
		{"2001:db8:122::/48", "2001:db8:122:c000:2:2100::", "192.0.2.33"},
		{"2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::", "192.0.2.33"},
		{"2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::", "192.0.2.33"},
		{"2001:db8:122:344::/96", "2001:db8:122:344::c000:221", "192.0.2.33"},
		{"64:ff9b::/96", "64:ff9b::192.0.2.33", "192.0.2.33"},
		{"64:ff9b::/96", "64:ff9b::1:c000:221", NULL},
		{"2001:db8:122::/48", "2001:db8:122:c000:102:2100::", NULL},
		{"2001:db8::/33", "2001:db8:c000:221::", NULL},
		{"2001:db8::/88", "2001:db8::c000:221", NULL},
		{"2001:db8::/24", "2001:db8::", NULL},
		{"2001:db8::/96", "192.0.2.33", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr a, got = {{0}};
		struct prefix p;
		char text[ADDR_TEXT_MAX];

		(void)prefix_parse(cases[i].prefix, strlen(cases[i].prefix), &p);
		assert_true(addr_parse(cases[i].addr, strlen(cases[i].addr), &a));
		assert_int_equal(nat64_embedded(&p, &a, &got), cases[i].want != NULL);
		if (cases[i].want == NULL)
			continue;
		(void)addr_format(&got, text);
		assert_string_equal(text, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_rfc_5952),
		cmocka_unit_test(test_longest_text_fits),
		cmocka_unit_test(test_bad_addresses_are_refused),
		cmocka_unit_test(test_length_ends_the_text),
		cmocka_unit_test(test_families_share_one_form),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_prefix_contains),
		cmocka_unit_test(test_nat64),
	};

	return cmocka_run_group_tests_name("base/addr", tests, NULL, NULL);
}
