/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FFFD     "\xef\xbf\xbd"

#define LENGTH_MAX 49

static void assert_written(const struct json *j, const char *want)
{
	assert_true(json_ok(j));
	assert_int_equal(j->len, strlen(want));
	assert_memory_equal(j->buf, want, j->len);
}

/* Everything at once, as deep as events go. */
static void write_sample(struct json *j)
{
	json_object_begin(j, NULL);
	json_u64(j, "v", 1);
	json_string(j, "host", STR("contoso.crm4.dynamics.com"));
	json_array_begin(j, "flags");
	json_array_end(j);
	json_array_begin(j, "gates");
	json_object_begin(j, NULL);
	json_cstring(j, "gate", "own");
	json_bool(j, "final", true);
	json_object_end(j);
	json_object_begin(j, NULL);
	json_object_end(j);
	json_cstring(j, NULL, "a\nb");
	json_i64(j, NULL, -5);
	json_bool(j, NULL, false);
	json_array_begin(j, NULL);
	json_u64(j, NULL, 0);
	json_array_end(j);
	json_array_end(j);
	json_cstring(j, "none", NULL);
	json_string(j, "absent", STR_NONE);
	json_string(j, "empty", STR(""));
	json_object_end(j);
	json_raw(j, "\n", 1);
}

static const char sample[] =
	"{\"v\":1,\"host\":\"contoso.crm4.dynamics.com\",\"flags\":[],\"gates\":["
	"{\"gate\":\"own\",\"final\":true},{},\"a\\nb\",-5,false,[0]],\"empty\":\"\"}\n";

static void test_values_keys_and_commas(void **state)
{
	char buf[512];
	struct json j;

	(void)state;
	json_init(&j, buf, sizeof(buf));
	write_sample(&j);
	assert_written(&j, sample);
}

static void test_full_buffer_is_never_overrun(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof(sample) + 8; size++) {
		char buf[sizeof(sample) + 8];
		struct json j;

		memset(buf, '#', sizeof(buf));
		json_init(&j, buf, size);
		write_sample(&j);
		assert_int_equal(json_ok(&j), size >= strlen(sample));
		assert_true(j.len <= size);
		assert_memory_equal(buf, sample, j.len); /* a prefix of the whole */
		for (size_t i = size; i < sizeof(buf); i++)
			assert_int_equal(buf[i], '#');
	}
}

static void test_overflow_is_sticky(void **state)
{
	char buf[8];
	struct json j;
	size_t len;

	(void)state;
	json_init(&j, buf, sizeof(buf));
	json_cstring(&j, NULL, "too long for it");
	assert_false(json_ok(&j));
	len = j.len;
	json_raw(&j, "", 0);
	json_raw(&j, "x", 1);
	json_u64(&j, NULL, 1);
	assert_false(json_ok(&j));
	assert_int_equal(j.len, len);
}

static void test_numbers_at_their_bounds(void **state)
{
	char buf[256];
	struct json j;

	(void)state;
	json_init(&j, buf, sizeof(buf));
	json_array_begin(&j, NULL);
	json_u64(&j, NULL, 0);
	json_u64(&j, NULL, 9);
	json_u64(&j, NULL, 10);
	json_u64(&j, NULL, UINT64_MAX);
	json_i64(&j, NULL, 0);
	json_i64(&j, NULL, -1);
	json_i64(&j, NULL, INT64_MAX);
	json_i64(&j, NULL, INT64_MIN);
	json_array_end(&j);
	assert_written(&j, "[0,9,10,18446744073709551615,0,-1,9223372036854775807,"
			   "-9223372036854775808]");
}

static void test_every_number_of_digits(void **state)
{
	uint64_t v = 1;

	(void)state;
	for (int digits = 1; digits <= 20; digits++) {
		static const int64_t around[] = {-1, 0, 1};

		for (size_t i = 0; i < COUNT(around); i++) {
			char buf[32];
			char want[32];
			struct json j;
			uint64_t n = v + (uint64_t)around[i];

			json_init(&j, buf, sizeof(buf));
			json_u64(&j, NULL, n);
			(void)snprintf(want, sizeof(want), "%llu", (unsigned long long)n);
			assert_written(&j, want);
		}
		v *= 10;
	}
}

static void test_strings_are_escaped(void **state)
{
	static const struct {
		struct str in;
		const char *want;
	} cases[] = {
		{{"", 0}, ""},
		{{"plain text, no more: 0-9 ~", 26}, "plain text, no more: 0-9 ~"},
		{{"\"", 1}, "\\\""},
		{{"\\", 1}, "\\\\"},
		{{"/", 1}, "/"},
		{{"\n\r\t", 3}, "\\n\\r\\t"},
		{{"\0", 1}, "\\u0000"},
		{{"\x1f", 1}, "\\u001f"},
		{{"\x1b[2J", 4}, "\\u001b[2J"},
		{{"\x7f", 1}, "\\u007f"},
		/* UTF-8 of 2, 3 and 4 bytes, and the first and last of each length */
		{{"M\xc3\xbcnchen", 8}, "M\xc3\xbcnchen"},
		{{"\xc2\xa0", 2}, "\xc2\xa0"},
		{{"\xdf\xbf", 2}, "\xdf\xbf"},
		{{"\xe0\xa0\x80", 3}, "\xe0\xa0\x80"},
		{{"\xed\x9f\xbf", 3}, "\xed\x9f\xbf"},
		{{"\xee\x80\x80", 3}, "\xee\x80\x80"},
		{{"\xef\xbf\xbf", 3}, "\xef\xbf\xbf"},
		{{"\xf0\x90\x80\x80", 4}, "\xf0\x90\x80\x80"},
		{{"\xf4\x8f\xbf\xbf", 4}, "\xf4\x8f\xbf\xbf"},
		/* C1 */
		{{"\xc2\x80", 2}, "\\u0080"},
		{{"\xc2\x9b", 2}, "\\u009b"},
		{{"\xc2\x9f", 2}, "\\u009f"},
		/* ill-formed: each byte is replaced */
		{{"\x80", 1}, FFFD},
		{{"a\xff", 2}, "a" FFFD},
		{{"\xc0\xaf", 2}, FFFD FFFD},
		{{"\xc1\xbf", 2}, FFFD FFFD},
		{{"\xe0\x9f\xbf", 3}, FFFD FFFD FFFD},
		{{"\xf0\x8f\xbf\xbf", 4}, FFFD FFFD FFFD FFFD},
		{{"\xed\xa0\x80", 3}, FFFD FFFD FFFD}, /* surrogate */
		{{"\xed\xbf\xbf", 3}, FFFD FFFD FFFD},
		{{"\xf4\x90\x80\x80", 4}, FFFD FFFD FFFD FFFD}, /* U+110000 */
		{{"\xf5\x80\x80\x80", 4}, FFFD FFFD FFFD FFFD},
		{{"\xc3", 1}, FFFD},
		{{"\xe2\x82", 2}, FFFD FFFD},
		{{"\xf0\x9f\x98", 3}, FFFD FFFD FFFD},
		{{"\xc3\"", 2}, FFFD "\\\""},
		{{"\xe2\x82z", 3}, FFFD FFFD "z"},
		{{"\xc3\xbc", 1}, FFFD}, /* the length cuts the sequence */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char buf[128];
		char want[128];
		struct json j;

		json_init(&j, buf, sizeof(buf));
		json_string(&j, NULL, cases[i].in);
		(void)snprintf(want, sizeof(want), "\"%s\"", cases[i].want);
		assert_written(&j, want);
	}
}

static size_t written_bytes(unsigned char c)
{
	if (c < 0x80 && c != 0 && strchr("\"\\\n\r\t", c) != NULL)
		return 2; /* backslash and a letter */
	if (c < 0x20 || c == 0x7f)
		return 6; /* \u00XX */
	return c < 0x80 ? 1 : strlen(FFFD);
}

static void assert_one_odd_byte(unsigned char c, size_t place, size_t len)
{
	const size_t width = written_bytes(c);
	char in[LENGTH_MAX];
	char buf[LENGTH_MAX + 8];
	struct json j;

	for (size_t i = 0; i < len; i++)
		in[i] = (char)('A' + i % 26);
	in[place] = (char)c;
	json_init(&j, buf, sizeof(buf));
	json_string(&j, NULL, (struct str){in, len});
	assert_int_equal(j.len, len - 1 + width + 2);
	assert_memory_equal(buf + 1, in, place);
	if (width == 1)
		assert_int_equal(buf[1 + place], (char)c);
	assert_memory_equal(buf + 1 + place + width, in + place + 1, len - place - 1);
}

/* Several bytes are looked at together, as many as the length allows. */
static void test_each_byte_at_each_place_of_each_length(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		for (size_t len = 1; len <= LENGTH_MAX; len++)
			for (size_t place = 0; place < len; place++)
				assert_one_odd_byte((unsigned char)c, place, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_keys_and_commas),
		cmocka_unit_test(test_full_buffer_is_never_overrun),
		cmocka_unit_test(test_overflow_is_sticky),
		cmocka_unit_test(test_numbers_at_their_bounds),
		cmocka_unit_test(test_every_number_of_digits),
		cmocka_unit_test(test_strings_are_escaped),
		cmocka_unit_test(test_each_byte_at_each_place_of_each_length),
	};

	return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
