/* SPDX-License-Identifier: Apache-2.0 */
/* What mmdb_write makes, mmdb reads back: checked against the ranges, address by address. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/mmdb.h"
#include "catalog/mmdb_write.h"
#include "catalog/tor_geoip.h"
#include "shipped.h"

static const struct mmdb_write_cfg cfg = {"test", "a test", 1782361800};

static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static void put(struct mmdb_write *w, const char *first, const char *last, int record)
{
	struct addr a = address(first), b = address(last);

	assert_int_equal(mmdb_write_range(w, &a, &b, record), 0);
}

static struct mmdb *end(struct mmdb_write *w, enum mmdb_kind kind)
{
	struct diag *d = diag_create();
	uint8_t *bytes;
	size_t len;
	struct mmdb *m;

	assert_int_equal(mmdb_write_end(w, &cfg, &bytes, &len), 0);
	m = mmdb_open("written", bytes, len, kind, d);
	diag_print(d, stderr, false);
	assert_non_null(m);
	diag_destroy(d);
	free(bytes);
	return m;
}

static void expect(const struct mmdb *m, const char *text, const char *want)
{
	struct addr a = address(text);
	char got[3];

	mmdb_country(m, &a, got);
	if (strcmp(got, want) != 0)
		(void)fprintf(stderr, "%s: got '%s', want '%s'\n", text, got, want);
	assert_string_equal(got, want);
}

static void ranges_have_their_country_and_gaps_none(void **state)
{
	struct mmdb_write *w = mmdb_write_create();
	int nl = mmdb_write_country(w, "NL"), be = mmdb_write_country(w, "BE");
	struct mmdb_about about;
	struct mmdb *m;

	(void)state;
	put(w, "0.0.0.0", "0.0.0.0", nl);
	put(w, "10.0.0.3", "10.0.1.9", nl);
	put(w, "10.0.1.10", "10.0.1.10", be);
	put(w, "255.255.255.255", "255.255.255.255", be);
	put(w, "2001:db8::5", "2001:db8:1::", nl);
	put(w, "ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", be);
	m = end(w, MMDB_COUNTRY);
	expect(m, "0.0.0.0", "NL");
	expect(m, "0.0.0.1", "");
	expect(m, "10.0.0.2", "");
	expect(m, "10.0.0.3", "NL");
	expect(m, "10.0.1.9", "NL");
	expect(m, "10.0.1.10", "BE");
	expect(m, "10.0.1.11", "");
	expect(m, "255.255.255.254", "");
	expect(m, "255.255.255.255", "BE");
	expect(m, "2001:db8::4", "");
	expect(m, "2001:db8::5", "NL");
	expect(m, "2001:db8:1::", "NL");
	expect(m, "2001:db8:1::1", "");
	expect(m, "fffe:ffff::", "");
	expect(m, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "BE");
	mmdb_about(m, &about);
	assert_string_equal(about.type, "test");
	assert_int_equal(about.build_us, INT64_C(1782361800000000));
	assert_true(about.v4 && about.v6);
	assert_int_equal(about.records, 2);
	mmdb_close(m);
	mmdb_write_destroy(w);
}

static void all_addresses_and_the_later_call(void **state)
{
	struct mmdb_write *w = mmdb_write_create();
	int nl = mmdb_write_country(w, "NL"), be = mmdb_write_country(w, "BE");
	struct mmdb *m;

	(void)state;
	put(w, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", be);
	put(w, "0.0.0.0", "255.255.255.255", be);
	put(w, "10.0.0.0", "10.255.255.255", nl);
	put(w, "10.1.0.0", "10.1.255.255", be);
	m = end(w, MMDB_COUNTRY);
	expect(m, "9.255.255.255", "BE");
	expect(m, "10.0.255.255", "NL");
	expect(m, "10.1.0.1", "BE");
	expect(m, "10.2.0.0", "NL");
	expect(m, "2001:db8::", "BE");
	mmdb_close(m);
	mmdb_write_destroy(w);
}

static void networks_with_long_names(void **state)
{
	static const size_t lengths[] = {0, 28, 29, 284, 285, 65535};
	struct mmdb_write *w = mmdb_write_create();
	char *name = malloc(65536);
	struct addr a = {{0}};
	struct mmdb *m;

	(void)state;
	memset(name, 'n', 65536);
	for (unsigned i = 0; i < 6; i++) {
		const uint8_t b[4] = {10, 0, 0, (uint8_t)i};
		int record = mmdb_write_network(w, UINT32_MAX - i,
						(struct str){name, lengths[i]});

		a = addr_from_v4(b);
		assert_int_equal(mmdb_write_range(w, &a, &a, record), 0);
	}
	assert_int_equal(mmdb_write_network(w, 1, (struct str){name, 65536}), -EINVAL);
	m = end(w, MMDB_ASN);
	for (unsigned i = 0; i < 6; i++) {
		const uint8_t b[4] = {10, 0, 0, (uint8_t)i};
		struct str org;
		uint32_t asn;

		a = addr_from_v4(b);
		mmdb_network(m, &a, &asn, &org);
		assert_int_equal(asn, UINT32_MAX - i);
		assert_int_equal(org.len, lengths[i]);
	}
	mmdb_close(m);
	mmdb_write_destroy(w);
	free(name);
}

static void what_is_no_range_is_refused(void **state)
{
	struct mmdb_write *w = mmdb_write_create();
	int nl = mmdb_write_country(w, "NL");
	struct addr a = address("10.0.0.1"), b = address("10.0.0.0"),
		    v6 = address("2001:db8::");

	(void)state;
	assert_int_equal(mmdb_write_range(w, &a, &b, nl), -EINVAL);
	assert_int_equal(mmdb_write_range(w, &a, &v6, nl), -EINVAL);
	assert_int_equal(mmdb_write_range(w, &b, &a, nl + 1), -EINVAL);
	assert_int_equal(mmdb_write_range(w, &b, &a, -1), -EINVAL);
	mmdb_write_destroy(w);
}

static uint32_t dice(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*state >> 33);
}

/* 300 random ranges in 16 bits of space, beside a plain array; 28-bit tree records as well. */
static void random_ranges_agree_with_an_array(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct mmdb_write *w = mmdb_write_create();
		static uint8_t want[65536];
		int records[3] = {mmdb_write_country(w, "NL"),
				  mmdb_write_country(w, "BE"),
				  mmdb_write_country(w, "DE")};
		static const char *const codes[] = {"", "NL", "BE", "DE"};
		struct mmdb *m;

		memset(want, 0, sizeof(want));
		for (unsigned i = 0; i < 300; i++) {
			uint32_t from = dice(&seed) & 0xffff,
				 to = from + (dice(&seed) & 0x3ff);
			unsigned k = dice(&seed) % 3;

			to = to > 0xffff ? 0xffff : to;
			const uint8_t b[4] = {192, 168, (uint8_t)(from >> 8),
					      (uint8_t)from};
			const uint8_t e[4] = {192, 168, (uint8_t)(to >> 8), (uint8_t)to};
			struct addr first = addr_from_v4(b), last = addr_from_v4(e);

			assert_int_equal(mmdb_write_range(w, &first, &last, records[k]),
					 0);
			memset(want + from, (int)k + 1, to - from + 1);
		}
		m = end(w, MMDB_COUNTRY);
		for (uint32_t i = 0; i < 65536; i++) {
			const uint8_t b[4] = {192, 168, (uint8_t)(i >> 8), (uint8_t)i};
			struct addr a = addr_from_v4(b);
			char got[3];

			mmdb_country(m, &a, got);
			assert_string_equal(got, codes[want[i]]);
		}
		mmdb_close(m);
		mmdb_write_destroy(w);
	}
}

/* More than 16 million values do not fit 24 bits: 2^24 bytes of names make it 28. */
static void large_files_have_longer_tree_records(void **state)
{
	struct mmdb_write *w = mmdb_write_create();
	char *name = calloc(1, 65535);
	struct addr a = {{0}};
	struct str org;
	struct mmdb *m;
	uint32_t asn;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		const uint8_t b[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
		int record = mmdb_write_network(w, 1000 + i, (struct str){name, 65535});

		a = addr_from_v4(b);
		assert_int_equal(mmdb_write_range(w, &a, &a, record), 0);
	}
	m = end(w, MMDB_ASN);
	mmdb_network(m, &a, &asn, &org);
	assert_int_equal(asn, 1299);
	assert_int_equal(org.len, 65535);
	mmdb_close(m);
	mmdb_write_destroy(w);
	free(name);
}

static char *parsed(const char *text, struct tor_geoip *ret)
{
	struct diag *d = diag_create();
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	memset(ret, 0, sizeof(*ret));
	diag_source(d, "geoip", text, strlen(text));
	(void)tor_geoip_parse("geoip", text, strlen(text), ret, d);
	diag_print(d, f, false);
	(void)fclose(f);
	diag_destroy(d);
	return out;
}

static void debians_text_is_read(void **state)
{
	struct tor_geoip t;
	char *out = parsed("# Generated: Thu, 25 Jun 2026 04:33:59 GMT\r\n"
			   "#\n\n"
			   "15726992,15726999,?\?\n"
			   "16777216,16777471,AU\r\n"
			   "16777472,16778239,XD\n"
			   "2001:200::,2001:200:134:ffff:ffff:ffff:ffff:ffff,jp",
			   &t);

	(void)state;
	assert_string_equal(out, "");
	assert_int_equal(t.count, 2);
	assert_int_equal(t.unknown, 2);
	assert_int_equal(t.generated_s, 1782345600);
	assert_memory_equal(t.list[1].code, "JP", 2);
	assert_int_equal(t.list[0].last.b[15], 255);
	free(t.list);
	free(out);
}

static void every_fault_of_the_text_is_told(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"1,2\n", "geoip:1: error: is no range"},
		{"1,2,NL,x\n", "geoip:1: error: is no range"},
		{"1,4294967296,NL\n", "geoip:1:3: error: is no address"},
		{"x,2,NL\n", "geoip:1:1: error: is no address"},
		{"1.2.3.4,1.2.3.5,NL\n", "geoip:1:1: error: is no address"},
		{"9,2,NL\n", "geoip:1:1: error: ends before it begins"},
		{"9,2001::,NL\n", "geoip:1:1: error: ends before it begins"},
		{"1,5,NL\n5,6,NL\n", "geoip:2:1: error: begins before"},
		{"1,5,?\?\n5,6,NL\n", "geoip:2:1: error: begins before"},
		{"# nothing\n", "error: holds no range"},
		{"1,,NL\n,2,NL\n", "2 errors"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tor_geoip t;
		char *out = parsed(rows[i].text, &t);

		if (strstr(out, rows[i].want) == NULL)
			(void)fprintf(stderr, "want %s\ngot %s", rows[i].want, out);
		assert_non_null(strstr(out, rows[i].want));
		free(t.list);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_have_their_country_and_gaps_none),
		cmocka_unit_test(all_addresses_and_the_later_call),
		cmocka_unit_test(networks_with_long_names),
		cmocka_unit_test(what_is_no_range_is_refused),
		cmocka_unit_test(random_ranges_agree_with_an_array),
		cmocka_unit_test(large_files_have_longer_tree_records),
		cmocka_unit_test(debians_text_is_read),
		cmocka_unit_test(every_fault_of_the_text_is_told),
	};

	return cmocka_run_group_tests_name("catalog/mmdb_write", tests, NULL, NULL);
}
