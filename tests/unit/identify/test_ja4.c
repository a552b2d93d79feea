/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/ja4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct ja4_memory
	memory; /* of all tests: what one leaves may not change another */

static void fill(struct ja4_values *l, const uint16_t *v, size_t count)
{
	l->count = 0;
	l->more = false;
	for (size_t i = 0; i < count; i++)
		ja4_push(l, v[i]);
}

/* The published example's lists, shuffled and with GREASE between. */
static void example(struct ja4_input *in)
{
	static const uint16_t ciphers[] = {0x6a6a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f,
					   0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
					   0x009c, 0x009d, 0x002f, 0x0035};
	static const uint16_t extensions[] = {
		0xbaba, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d,
		0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0xfafa};
	static const uint16_t signatures[] = {0x0403, 0x0804, 0x0401, 0x0503,
					      0x0805, 0x0501, 0x0806, 0x0601};

	memset(in, 0, sizeof(*in));
	in->transport = 't';
	in->version = 0x0304;
	in->sni = true;
	in->alpn_len = 2;
	in->alpn_first = 'h';
	in->alpn_last = '2';
	fill(&in->ciphers, ciphers, COUNT(ciphers));
	fill(&in->extensions, extensions, COUNT(extensions));
	fill(&in->signatures, signatures, COUNT(signatures));
}

static void assert_ja4(struct ja4_input *in, const char *want)
{
	char got[JA4_LEN + 1] = "";

	assert_true(ja4_write(&memory, in, got));
	got[JA4_LEN] = '\0';
	assert_string_equal(got, want);
}

static void writes_the_published_example(void **state)
{
	struct ja4_input in;

	(void)state;
	example(&in);
	assert_ja4(&in, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	example(&in);
	in.transport = 'q';
	assert_ja4(&in, "q13d1516h2_8daaf6152771_e5627efa2ab1");
}

static void without_signatures_there_is_no_second_list(void **state)
{
	struct ja4_input in;

	(void)state;
	example(&in);
	in.signatures.count = 0;
	/* SHA-256 of "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01" */
	assert_ja4(&in, "t13d1516h2_8daaf6152771_6d807ffa2a79");
}

static void empty_lists_are_zeros(void **state)
{
	struct ja4_input in;

	(void)state;
	memset(&in, 0, sizeof(in));
	in.transport = 't';
	in.version = 0x0303;
	assert_ja4(&in, "t12i000000_000000000000_000000000000");
}

static void versions_have_their_words(void **state)
{
	static const struct {
		uint16_t version;
		const char *want;
	} rows[] = {{0x0304, "13"}, {0x0303, "12"}, {0x0302, "11"}, {0x0301, "10"},
		    {0x0300, "s3"}, {0x0002, "s2"}, {0x7f1c, "00"}};
	struct ja4_input in;
	char got[JA4_LEN];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		example(&in);
		in.version = rows[i].version;
		assert_true(ja4_write(&memory, &in, got));
		assert_memory_equal(got + 1, rows[i].want, 2);
	}
}

static void alpn_is_two_characters_or_two_digits(void **state)
{
	static const struct {
		uint8_t len, first, last;
		const char *want;
	} rows[] = {
		{8, 'h', '1', "h1"},   {1, 'x', 'x', "xx"}, {0, 0, 0, "00"},
		{2, 0xab, 0xcd, "ad"}, {2, 'h', '-', "6d"}, {2, '-', 'h', "28"},
	};
	struct ja4_input in;
	char got[JA4_LEN];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		example(&in);
		in.alpn_len = rows[i].len;
		in.alpn_first = rows[i].first;
		in.alpn_last = rows[i].last;
		assert_true(ja4_write(&memory, &in, got));
		assert_memory_equal(got + 8, rows[i].want, 2);
	}
}

static void counts_stop_at_99_and_lists_at_their_room(void **state)
{
	struct ja4_input in;
	char got[JA4_LEN];

	(void)state;
	example(&in);
	while (in.ciphers.count < JA4_VALUES_MAX)
		ja4_push(&in.ciphers, 0x1234);
	assert_true(ja4_write(&memory, &in, got));
	assert_memory_equal(got, "t13d9916h2", 10);
	ja4_push(&in.ciphers, 0x1234);
	assert_false(ja4_write(&memory, &in, got));
}

/* More lists than are remembered, short ones and those beyond what is. */
static void memory_changes_no_fingerprint(void **state)
{
	static const struct ja4_memory empty;
	struct ja4_memory forgetful;
	struct ja4_input in;
	char want[JA4_LEN], got[JA4_LEN];

	(void)state;
	for (unsigned i = 0; i < 4 * JA4_REMEMBERED; i++) {
		example(&in);
		in.ciphers.v[i % 15] ^= (uint16_t)i;
		while (i % 3 == 0 && in.extensions.count < 90 + i % 20)
			ja4_push(&in.extensions, (uint16_t)(0x2000 + i));
		for (int round = 0; round < 8; round++) {
			struct ja4_input copy = in;

			forgetful = empty;
			assert_true(ja4_write(&forgetful, &copy, want));
			copy = in;
			assert_true(ja4_write(&memory, &copy, got));
			assert_memory_equal(got, want, JA4_LEN);
			/* What is remembered begins with the next list. */
			in.ciphers = copy.ciphers;
			in.ciphers.count--;
		}
	}
}

/* Who asks for a list that is remembered gets what stands there. */
static void list_seen_before_is_not_hashed_again(void **state)
{
	struct ja4_memory m;
	struct ja4_input in;
	char got[JA4_LEN];

	(void)state;
	memset(&m, 0, sizeof(m));
	example(&in);
	assert_true(ja4_write(&m, &in, got));
	for (size_t i = 0; i < JA4_REMEMBERED; i++)
		memset(m.digests[i].digest, '#', JA4_PART_LEN);
	example(&in);
	assert_true(ja4_write(&m, &in, got));
	assert_memory_equal(got, "t13d1516h2_############_############", JA4_LEN);
}

static void grease_is_the_sixteen_values_of_its_rfc(void **state)
{
	unsigned count = 0;

	(void)state;
	for (uint32_t v = 0; v <= 0xffff; v++)
		count += tls_is_grease((uint16_t)v);
	assert_int_equal(count, 16);
	assert_true(tls_is_grease(0x0a0a));
	assert_true(tls_is_grease(0xfafa));
	assert_false(tls_is_grease(0x0a1a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_published_example),
		cmocka_unit_test(without_signatures_there_is_no_second_list),
		cmocka_unit_test(empty_lists_are_zeros),
		cmocka_unit_test(versions_have_their_words),
		cmocka_unit_test(alpn_is_two_characters_or_two_digits),
		cmocka_unit_test(counts_stop_at_99_and_lists_at_their_room),
		cmocka_unit_test(memory_changes_no_fingerprint),
		cmocka_unit_test(list_seen_before_is_not_hashed_again),
		cmocka_unit_test(grease_is_the_sixteen_values_of_its_rfc),
	};

	return cmocka_run_group_tests_name("identify/ja4", tests, NULL, NULL);
}
