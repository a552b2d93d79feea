/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "catalog/mmdb.h"
#include "shipped.h"

static struct mmdb *open_file(const char *path, enum mmdb_kind kind, struct diag *d)
{
	struct mmdb *m;
	char *bytes;
	size_t len;

	assert_int_equal(file_read(path, 1 << 20, &bytes, &len), 0);
	m = mmdb_open(path, bytes, len, kind, d);
	free(bytes);
	return m;
}

static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static void both_schemas_give_the_same_countries(void **state)
{
	static const char *const files[] = {"tests/data/country-test.mmdb",
					    "tests/data/country-flat-test.mmdb"};
	static const struct {
		const char *address, *country;
	} rows[] = {
		{"8.8.8.8", "US"},          {"1.1.1.1", "AU"},
		{"91.198.174.192", "NL"},   {"81.2.69.160", "GB"},
		{"5.45.192.77", "RU"},      {"114.114.114.114", "CN"},
		{"2a00:1450:4001::", "IE"}, {"2a02:6b8::1", "RU"},
		{"40.126.0.1", ""}, /* a registrant's country is no country */
		{"192.0.2.1", ""},          {"2001:db8::1", ""},
	};
	struct diag *d = diag_create();

	(void)state;
	for (size_t f = 0; f < 2; f++) {
		struct mmdb *m = open_file(files[f], MMDB_COUNTRY, d);

		assert_non_null(m);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct addr a = address(rows[i].address);
			char country[3];

			mmdb_country(m, &a, country);
			assert_string_equal(country, rows[i].country);
		}
		mmdb_close(m);
	}
	diag_destroy(d);
}

static void no_database_knows_nothing(void **state)
{
	struct addr a = address("8.8.8.8");
	char country[3] = "XX";
	uint32_t asn = 1;
	struct str org = STR("x");

	(void)state;
	mmdb_country(NULL, &a, country);
	mmdb_network(NULL, &a, &asn, &org);
	assert_string_equal(country, "");
	assert_int_equal(asn, 0);
	assert_null(org.p);
	mmdb_close(NULL);
}

static void a_database_of_another_kind_is_refused(void **state)
{
	struct diag *d = diag_create();

	(void)state;
	assert_null(open_file("tests/data/asn-test.mmdb", MMDB_COUNTRY, d));
	assert_null(open_file("tests/data/country-test.mmdb", MMDB_ASN, d));
	assert_null(open_file("tests/data/hostname_vectors.csv", MMDB_COUNTRY, d));
	assert_int_equal(diag_count(d, DIAG_ERROR), 3);
	diag_destroy(d);
}

/* Cut or changed anywhere, a file is refused or read, but never brings the process down. */
static void damaged_databases_do_no_harm(void **state)
{
	struct diag *d = diag_create();
	struct addr v4 = address("8.8.8.8"), v6 = address("2a00:1450::1");
	char *bytes;
	size_t len;

	(void)state;
	assert_int_equal(file_read("tests/data/country-test.mmdb", 1 << 20, &bytes, &len),
			 0);
	for (unsigned i = 0; i < 1200; i++) {
		size_t cut = i % 3 == 0 ? (size_t)i * 7919 % len : len;
		size_t at = (size_t)i * 104729 % len;
		char kept = bytes[at];
		struct mmdb *m;
		char country[3];

		bytes[at] = (char)(kept ^ (1 << i % 8));
		m = mmdb_open("damaged", bytes, cut, MMDB_COUNTRY, d);
		if (m != NULL) {
			mmdb_country(m, &v4, country);
			mmdb_country(m, &v6, country);
		}
		mmdb_close(m);
		bytes[at] = kept;
	}
	assert_true(diag_count(d, DIAG_ERROR) > 100);
	free(bytes);
	diag_destroy(d);
}

static void it_tells_when_it_was_made(void **state)
{
	struct diag *d = diag_create();
	struct mmdb *m = open_file("tests/data/asn-test.mmdb", MMDB_ASN, d);
	struct mmdb_about about;

	(void)state;
	mmdb_about(m, &about);
	assert_int_equal(about.build_us, 1795478400000000);
	assert_string_equal(about.type, "Weir-Test-ASN");
	assert_string_equal(about.schema, "maxmind");
	assert_string_equal(about.path, "autonomous_system_number");
	assert_true(about.v4);
	assert_true(strlen(mmdb_library_version()) >= 5);
	mmdb_close(m);
	diag_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_schemas_give_the_same_countries),
		cmocka_unit_test(no_database_knows_nothing),
		cmocka_unit_test(a_database_of_another_kind_is_refused),
		cmocka_unit_test(damaged_databases_do_no_harm),
		cmocka_unit_test(it_tells_when_it_was_made),
	};

	return cmocka_run_group_tests_name("catalog/mmdb", tests, NULL, NULL);
}
