/* SPDX-License-Identifier: Apache-2.0 */
#include "match/prefixes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct addr addr_of(const char *text)
{
	struct addr a;

	if (!addr_parse(text, strlen(text), &a))
		fail_msg("'%s' is no address", text);
	return a;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, strlen(text), &p) != PREFIX_OK)
		fail_msg("'%s' is no prefix", text);
	return p;
}

static struct prefixes *table_of(const char *const *texts, size_t count)
{
	struct prefixes *t = prefixes_create();

	assert_non_null(t);
	for (size_t i = 0; i < count; i++) {
		struct prefix p = prefix_of(texts[i]);

		assert_int_equal(prefixes_add(t, &p, (uint32_t)i), 0);
	}
	assert_int_equal(prefixes_seal(t), 0);
	return t;
}

static const char *const texts[] = {
	"10.0.0.0/8",                           /* 0 */
	"10.1.0.0/16",                          /* 1 */
	"10.1.2.0/24",                          /* 2 */
	"10.1.0.0/16",                          /* 3: again */
	"10.255.255.255/32",                    /* 4 */
	"255.0.0.0/8",                          /* 5 */
	"255.255.255.255/32",                   /* 6 */
	"0.0.0.0/32",                           /* 7 */
	"2001:db8::/32",                        /* 8 */
	"2001:db8:1::/48",                      /* 9 */
	"::/128",                               /* 10 */
	"ffff::/16",                            /* 11 */
	"2001:db8:0:0:8000::/65",               /* 12 */
	"2001:db8:0:0:ffff:ffff:ffff:ffff/128", /* 13 */
	"192.0.2.0/25",                         /* 14 */
	"192.0.2.128/25",                       /* 15: its neighbour */
};

struct row {
	const char *addr;
	size_t count;
	uint32_t values[4];
};

static const struct row rows[] = {
	{"9.255.255.255", 0, {0}},
	{"10.0.0.0", 1, {0}},
	{"10.1.0.0", 3, {1, 3, 0}},
	{"10.1.1.255", 3, {1, 3, 0}},
	{"10.1.2.0", 4, {2, 1, 3, 0}},
	{"10.1.2.255", 4, {2, 1, 3, 0}},
	{"10.1.3.0", 3, {1, 3, 0}},
	{"10.2.0.0", 1, {0}},
	{"10.255.255.254", 1, {0}},
	{"10.255.255.255", 2, {4, 0}},
	{"11.0.0.0", 0, {0}},
	{"254.255.255.255", 0, {0}},
	{"255.0.0.0", 1, {5}},
	{"255.255.255.255", 2, {6, 5}},
	{"0.0.0.0", 1, {7}},
	{"0.0.0.1", 0, {0}},
	{"192.0.2.127", 1, {14}},
	{"192.0.2.128", 1, {15}},
	{"192.0.3.0", 0, {0}},
	{"2001:db8::", 1, {8}},
	{"2001:db7:ffff::", 0, {0}},
	{"2001:db8:1::5", 2, {9, 8}},
	{"2001:db8:2::5", 1, {8}},
	{"2001:db9::", 0, {0}},
	{"::", 1, {10}},
	{"::1", 0, {0}},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, {11}},
	{"2001:db8::7fff:ffff:ffff:ffff", 1, {8}},
	{"2001:db8::8000:0:0:0", 2, {12, 8}},
	{"2001:db8::ffff:ffff:ffff:ffff", 3, {13, 12, 8}},
	{"2001:db8:0:1::", 1, {8}},
};

static void test_longest_prefix_comes_first(void **state)
{
	struct prefixes *t = table_of(texts, COUNT(texts));

	(void)state;
	assert_int_equal(prefixes_count(t), COUNT(texts));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr a = addr_of(rows[i].addr);
		uint32_t got[8];
		size_t count = prefixes_find(t, &a, got, COUNT(got));

		if (count != rows[i].count ||
		    memcmp(got, rows[i].values, count * sizeof(got[0])) != 0)
			fail_msg("%s: %zu values, not %zu, or others", rows[i].addr,
				 count, rows[i].count);
		assert_int_equal(prefixes_contain(t, &a), count > 0);
		/* Less room gives the first of them. */
		for (size_t max = 0; max < count; max++) {
			assert_int_equal(prefixes_find(t, &a, got, max), max);
			assert_memory_equal(got, rows[i].values, max * sizeof(got[0]));
		}
	}
	prefixes_destroy(t);
}

static void test_families_are_apart(void **state)
{
	static const char *const all[] = {"::/0", "0.0.0.0/0", "::/1"};
	struct addr v4 = addr_of("192.0.2.1"), v6 = addr_of("2001:db8::1");
	struct addr high = addr_of("8000::");
	struct prefixes *t = table_of(all, COUNT(all));
	uint32_t got[4];

	(void)state;
	assert_int_equal(prefixes_find(t, &v4, got, 4), 1);
	assert_int_equal(got[0], 1);
	assert_int_equal(prefixes_find(t, &v6, got, 4), 2);
	assert_int_equal(got[0], 2);
	assert_int_equal(got[1], 0);
	assert_int_equal(prefixes_find(t, &high, got, 4), 1);
	assert_int_equal(got[0], 0);
	prefixes_destroy(t);
}

static void test_empty_and_open_tables_contain_nothing(void **state)
{
	struct prefixes *t = prefixes_create();
	struct addr v4 = addr_of("0.0.0.0"), v6 = addr_of("::");
	struct prefix p = prefix_of("0.0.0.0/0");

	(void)state;
	assert_non_null(t);
	assert_false(prefixes_contain(t, &v4));
	assert_int_equal(prefixes_seal(t), 0);
	assert_int_equal(prefixes_seal(t), 0);
	assert_false(prefixes_contain(t, &v4));
	assert_false(prefixes_contain(t, &v6));
	assert_int_equal(prefixes_add(t, &p, 1), -EINVAL);
	prefixes_destroy(t);
	prefixes_destroy(NULL);
}

static void test_bits_past_the_length_are_ignored(void **state)
{
	struct prefixes *t = prefixes_create();
	struct prefix p = {.addr = addr_of("10.1.2.3"), .bits = 96 + 12};
	struct prefix too_long = {.addr = addr_of("::"), .bits = 129};
	struct addr in = addr_of("10.15.0.0"), out = addr_of("10.16.0.0");

	(void)state;
	assert_non_null(t);
	assert_int_equal(prefixes_add(t, &too_long, 1), -EINVAL);
	assert_int_equal(prefixes_add(t, &p, 1), 0);
	assert_int_equal(prefixes_seal(t), 0);
	assert_true(prefixes_contain(t, &in));
	assert_false(prefixes_contain(t, &out));
	prefixes_destroy(t);
}

/* A small generator with a fixed seed: the same tables in every run. */
static uint32_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

/* Addresses crowd around few places and the ends, so that prefixes nest and touch. */
static struct addr random_addr(uint64_t *seed, bool v4)
{
	struct addr a;
	size_t from = v4 ? 12 : 0;

	memset(a.b, 0, sizeof(a.b));
	if (v4)
		a = addr_of("0.0.0.0");
	for (size_t i = from; i < sizeof(a.b); i++) {
		static const uint8_t bytes[] = {0, 0, 1, 0x7f, 0x80, 0xff, 0xff, 0xfe};

		a.b[i] = bytes[next_random(seed) % sizeof(bytes)];
	}
	return a;
}

static struct prefix random_prefix(uint64_t *seed, bool v4)
{
	struct prefix p = {.addr = random_addr(seed, v4)};

	p.bits = (uint8_t)(v4 ? 96 + next_random(seed) % 33 : next_random(seed) % 129);
	for (unsigned bit = p.bits; bit < 128; bit++)
		p.addr.b[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return p;
}

static bool is_v4_prefix(const struct prefix *p)
{
	return p->bits >= 96 && addr_is_v4(&p->addr);
}

/* The contract, word for word, over the list as it was added. */
static size_t find_slowly(const struct prefix *list, size_t count, const struct addr *a,
			  uint32_t *ret)
{
	size_t found = 0;

	for (int bits = 128; bits >= 0; bits--) {
		for (size_t i = 0; i < count; i++) {
			if (list[i].bits == bits && prefix_contains(&list[i], a) &&
			    is_v4_prefix(&list[i]) == addr_is_v4(a))
				ret[found++] = (uint32_t)i;
		}
	}
	return found;
}

#define LIST 300

static void test_random_tables_agree_with_a_plain_search(void **state)
{
	uint64_t seed = 20261123;
	size_t found = 0;

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct prefix list[LIST];
		struct prefixes *t = prefixes_create();
		size_t count = 1 + next_random(&seed) % LIST;

		assert_non_null(t);
		for (size_t i = 0; i < count; i++) {
			list[i] = random_prefix(&seed, next_random(&seed) % 2 == 0);
			assert_int_equal(prefixes_add(t, &list[i], (uint32_t)i), 0);
		}
		assert_int_equal(prefixes_seal(t), 0);
		for (size_t i = 0; i < 400; i++) {
			/* Some of the addresses begin a prefix. */
			struct addr a =
				i < count ? list[i].addr
					  : random_addr(&seed, next_random(&seed) % 2);
			uint32_t want[LIST], got[LIST];
			size_t n = find_slowly(list, count, &a, want);

			assert_int_equal(prefixes_find(t, &a, got, LIST), n);
			assert_memory_equal(got, want, n * sizeof(want[0]));
			assert_int_equal(prefixes_contain(t, &a), n > 0);
			found += n;
		}
		prefixes_destroy(t);
	}
	assert_true(found > 10000);
}

static void test_large_tables_are_indexed_without_holes(void **state)
{
	struct prefixes *t = prefixes_create();

	(void)state;
	assert_non_null(t);
	/* Every second /24 of 100 /8s: enough that every entry of the index is in use. */
	for (uint32_t i = 0; i < 100u << 15; i += 32) {
		struct prefix p = {.bits = 96 + 24};
		uint8_t be[4] = {(uint8_t)(i >> 15), (uint8_t)(i >> 7), (uint8_t)(i << 1),
				 0};

		p.addr = addr_from_v4(be);
		assert_int_equal(prefixes_add(t, &p, i), 0);
	}
	assert_int_equal(prefixes_seal(t), 0);
	for (uint32_t i = 0; i < 100u << 15; i += 32) {
		uint8_t be[4] = {(uint8_t)(i >> 15), (uint8_t)(i >> 7), (uint8_t)(i << 1),
				 255};
		struct addr a = addr_from_v4(be);
		uint32_t got = 0;

		assert_int_equal(prefixes_find(t, &a, &got, 1), 1);
		assert_int_equal(got, i);
		a.b[14] |= 1;
		assert_false(prefixes_contain(t, &a));
	}
	prefixes_destroy(t);
}

/* Ascending, without gaps, from the first address to the last. */
static void ranges_of_v4_cover_all_of_it(void **state)
{
	static const char *const list[] = {"10.0.0.0/8", "10.1.0.0/16", "192.0.2.7",
					   "2001:db8::/32"};
	struct prefixes *t = prefixes_create();
	struct addr first, last, before = {{0}};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct prefix p;

		assert_int_equal(prefix_parse(list[i], strlen(list[i]), &p), PREFIX_OK);
		assert_int_equal(prefixes_add(t, &p, (uint32_t)i), 0);
	}
	assert_int_equal(prefixes_seal(t), 0);
	for (; prefixes_v4_range(t, n, &first, &last); n++) {
		uint32_t a[8], b[8];
		size_t count = prefixes_find(t, &first, a, 8);

		assert_true(addr_compare(&first, &last) <= 0);
		assert_true(addr_compare(&before, &first) < 0);
		assert_int_equal(count, prefixes_find(t, &last, b, 8));
		assert_memory_equal(a, b, count * sizeof(a[0]));
		before = last;
	}
	assert_int_equal(n, 7);
	assert_true(
		addr_equal(&before, &(struct addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
						    0xff, 0xff, 0xff, 0xff, 0xff}}));
	prefixes_destroy(t);
}

static void ranges_of_v6_cover_all_of_it(void **state)
{
	static const char *const list[] = {"2001:db8::/32", "2001:db8:1::/48",
					   "2001:db8:1::7", "10.0.0.0/8"};
	struct prefixes *t = prefixes_create();
	struct addr first, last, next = {{0}};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct prefix p;

		assert_int_equal(prefix_parse(list[i], strlen(list[i]), &p), PREFIX_OK);
		assert_int_equal(prefixes_add(t, &p, (uint32_t)i), 0);
	}
	assert_int_equal(prefixes_seal(t), 0);
	for (; prefixes_v6_range(t, n, &first, &last); n++) {
		uint32_t a[8], b[8];
		size_t count = prefixes_find(t, &first, a, 8);

		assert_true(addr_equal(&first, &next));
		assert_int_equal(count, prefixes_find(t, &last, b, 8));
		assert_memory_equal(a, b, count * sizeof(a[0]));
		next = last;
		for (size_t i = 16; i-- > 0 && ++next.b[i] == 0;)
			;
	}
	assert_int_equal(n, 7);
	assert_true(addr_equal(&next, &(struct addr){{0}})); /* past the last address */
	prefixes_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_prefix_comes_first),
		cmocka_unit_test(test_families_are_apart),
		cmocka_unit_test(test_empty_and_open_tables_contain_nothing),
		cmocka_unit_test(test_bits_past_the_length_are_ignored),
		cmocka_unit_test(test_random_tables_agree_with_a_plain_search),
		cmocka_unit_test(test_large_tables_are_indexed_without_holes),
		cmocka_unit_test(ranges_of_v4_cover_all_of_it),
		cmocka_unit_test(ranges_of_v6_cover_all_of_it),
	};

	return cmocka_run_group_tests_name("match/prefixes", tests, NULL, NULL);
}
