/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* FIPS 180 examples: https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines */
static void test_digests_of_the_standard(void **state)
{
	static const struct {
		const char *in;
		const char *sha1;
		const char *sha256;
	} cases[] = {
		{"", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
		 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t sum[32];
		char hex[65];

		digest_sha1(cases[i].in, strlen(cases[i].in), sum);
		hex_format(sum, 20, hex);
		assert_string_equal(hex, cases[i].sha1);
		digest_sha256(cases[i].in, strlen(cases[i].in), sum);
		hex_format(sum, 32, hex);
		assert_string_equal(hex, cases[i].sha256);
	}
}

static void test_pieces_digest_as_the_whole(void **state)
{
	uint8_t data[300];
	uint8_t whole[32];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	digest_sha256(data, sizeof(data), whole);
	for (size_t cut = 0; cut <= sizeof(data); cut++) {
		struct digest d;
		uint8_t got[32];

		digest_start(&d);
		digest_add(&d, data, cut);
		digest_add(&d, data, 0);
		digest_add(&d, data + cut, sizeof(data) - cut);
		digest_end(&d, got);
		assert_memory_equal(got, whole, 32);
	}
}

static void test_running_digest_may_be_copied(void **state)
{
	struct digest a;
	struct digest b;
	uint8_t got[32];
	uint8_t want[32];

	(void)state;
	digest_start(&a);
	digest_add(&a, "ab", 2);
	b = a;
	digest_add(&a, "c", 1);
	digest_add(&b, "x", 1);
	digest_end(&a, got);
	digest_sha256("abc", 3, want);
	assert_memory_equal(got, want, 32);
	digest_end(&b, got);
	digest_sha256("abx", 3, want);
	assert_memory_equal(got, want, 32);
}

static void test_table_hash_depends_on_bytes_length_and_seed(void **state)
{
	uint8_t data[300];
	uint64_t seen[300];

	(void)state;
	memset(data, 0, sizeof(data));
	for (size_t len = 0; len < COUNT(seen); len++) {
		seen[len] = hash_bytes(data, len, 1);
		assert_true(hash_bytes(data, len, 1) == seen[len]);
		assert_true(hash_bytes(data, len, 2) != seen[len]);
		for (size_t i = 0; i < len; i++)
			assert_true(seen[i] != seen[len]);
	}
	data[17] = 1;
	assert_true(hash_bytes(data, 100, 1) != seen[100]);
	/* XXH3 64 bits of the empty input with seed 0, from the specification. */
	assert_true(hash_bytes(data, 0, 0) == UINT64_C(0x2d06800538d394c2));
}

static void test_number_hash_spreads_neighbours(void **state)
{
	unsigned buckets[256] = {0};

	(void)state;
	for (uint64_t i = 0; i < UINT64_C(256) * 64; i++)
		buckets[hash_u64(i << 16) & 255]++;
	for (size_t i = 0; i < 256; i++)
		assert_in_range(buckets[i], 24, 120); /* 64 expected, deviation 8 */
}

static void test_hexadecimal(void **state)
{
	static const uint8_t data[] = {0x00, 0x0f, 0xf0, 0xab};
	char buf[9];

	(void)state;
	hex_format(data, 4, buf);
	assert_string_equal(buf, "000ff0ab");
	hex_format(data, 0, buf);
	assert_string_equal(buf, "");
}

/* RFC 4648 section 10, and all 64 digits. */
static void test_base64(void **state)
{
	static const struct {
		const char *in;
		const char *want;
	} cases[] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xfb\xff\xfe", "+//+"},
	};
	static const uint8_t all[48] = {
		0x00, 0x10, 0x83, 0x10, 0x51, 0x87, 0x20, 0x92, 0x8b, 0x30, 0xd3, 0x8f,
		0x41, 0x14, 0x93, 0x51, 0x55, 0x97, 0x61, 0x96, 0x9b, 0x71, 0xd7, 0x9f,
		0x82, 0x18, 0xa3, 0x92, 0x59, 0xa7, 0xa2, 0x9a, 0xab, 0xb2, 0xdb, 0xaf,
		0xc3, 0x1c, 0xb3, 0xd3, 0x5d, 0xb7, 0xe3, 0x9e, 0xbb, 0xf3, 0xdf, 0xbf,
	};
	char buf[65];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(base64_format((const uint8_t *)cases[i].in,
					       strlen(cases[i].in), buf),
				 strlen(cases[i].want));
		assert_string_equal(buf, cases[i].want);
	}
	assert_int_equal(base64_format(all, sizeof(all), buf), 64);
	assert_string_equal(
		buf, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digests_of_the_standard),
		cmocka_unit_test(test_pieces_digest_as_the_whole),
		cmocka_unit_test(test_running_digest_may_be_copied),
		cmocka_unit_test(test_table_hash_depends_on_bytes_length_and_seed),
		cmocka_unit_test(test_number_hash_spreads_neighbours),
		cmocka_unit_test(test_hexadecimal),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
