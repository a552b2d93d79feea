/* SPDX-License-Identifier: Apache-2.0 */
/* Broken and hostile databases: refused with a reason, or read, and never more. */
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "catalog/mmdb.h"
#include "catalog/mmdb_check.h"
#include "raw_mmdb.h"
#include "shipped.h"

#define BYTES(s) (s), sizeof(s) - 1

static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static char *printed(const struct diag *d)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	diag_print(d, f, false);
	(void)fclose(f);
	return text;
}

/* The file opens, and 10.0.0.1 is in `country`; NULL: refused, and `want` stands in the message. */
static void expect_file(const struct raw *r, const char *country, const char *want)
{
	struct diag *d = diag_create();
	struct mmdb *m = mmdb_open("raw.mmdb", r->b, r->n, MMDB_COUNTRY, d);
	struct addr a = address("10.0.0.1");
	char *text = printed(d), got[3];

	if (country == NULL ? strstr(text, want) == NULL : m == NULL)
		(void)fprintf(stderr, "wanted: %s\ngot: %s", want, text);
	if (country == NULL) {
		assert_null(m);
		assert_non_null(strstr(text, want));
		assert_non_null(strstr(text, "write: "));
	} else {
		assert_non_null(m);
		mmdb_country(m, &a, got);
		assert_string_equal(got, country);
	}
	mmdb_close(m);
	free(text);
	diag_destroy(d);
}

static void expect_record(const void *data, size_t len, const char *country,
			  const char *want)
{
	struct raw r;

	raw_file(&r, data, len);
	expect_file(&r, country, want);
}

#define CODE   \
	"\x4c" \
	"country_code"

static void countries_are_normalized_and_checked(void **state)
{
	(void)state;
	expect_record(BYTES("\xe1" CODE "\x42"
			    "NL"),
		      "NL", "");
	expect_record(BYTES("\xe1" CODE "\x42"
			    "nl"),
		      "NL", "");
	expect_record(BYTES("\xe1" CODE "\x42"
			    "UK"),
		      "GB", "");
	expect_record(BYTES("\xe1" CODE "\x42"
			    "XK"),
		      "XK", "");
	expect_record(BYTES("\xe1" CODE "\x42"
			    "EU"),
		      "", "");
	expect_record(BYTES("\xe1" CODE "\x42"
			    "AP"),
		      "", "");
	expect_record(BYTES("\xe1" CODE "\x42"
			    "XX"),
		      "", "");
	expect_record(BYTES("\xe1" CODE "\x42"
			    "\?\?"),
		      "", "");
	expect_record(BYTES("\xe1" CODE "\x42"
			    "A1"),
		      "", "");
	expect_record(BYTES("\xe1" CODE "\x40"), "", "");
	expect_record(BYTES("\xe1" CODE "\x43"
			    "NLD"),
		      "", "");
}

/* Values that Weir does not need may be of any type, float as double. */
static void other_values_of_every_type_are_passed_over(void **state)
{
	(void)state;
	expect_record(BYTES("\xe9"
			    "\x48"
			    "latitude"
			    "\x04\x08\x42\x52\x00\x00" /* float */
			    "\x49"
			    "longitude"
			    "\x68\x40\x15\x00\x00\x00\x00\x00\x00" /* double */
			    "\x41"
			    "a"
			    "\x82\x00\x01" /* bytes */
			    "\x41"
			    "b"
			    "\xa0" /* uint16 */
			    "\x41"
			    "c"
			    "\x01\x01\xff" /* int32 */
			    "\x41"
			    "d"
			    "\x00\x03" /* uint128 */
			    "\x41"
			    "e"
			    "\x01\x07" /* boolean */
			    "\x41"
			    "f"
			    "\x02\x04\x41"
			    "x"
			    "\xe0" /* array */
			    CODE "\x42"
			    "NL"),
		      "NL", "");
}

static void records_that_are_not_sound_are_refused(void **state)
{
	(void)state;
	expect_record(BYTES("\x42"
			    "NL"),
		      NULL, mmdb_fault_text(MMDB_FAULT_NO_MAP));
	expect_record(BYTES("\xe1\xa1\x01\x42"
			    "NL"),
		      NULL, mmdb_fault_text(MMDB_FAULT_KEY));
	expect_record(BYTES("\xe1" CODE "\xc5\x01\x02\x03\x04\x05"), NULL,
		      mmdb_fault_text(MMDB_FAULT_SIZE));
	expect_record(BYTES("\xe1" CODE "\x63\x01\x02\x03"), NULL,
		      mmdb_fault_text(MMDB_FAULT_SIZE)); /* a short double */
	expect_record(BYTES("\xe1" CODE "\x00\x05"), NULL,
		      mmdb_fault_text(MMDB_FAULT_TYPE));
	expect_record(BYTES("\xe1" CODE "\x00\x06"), NULL,
		      mmdb_fault_text(MMDB_FAULT_TYPE));
	expect_record(BYTES("\xe1" CODE "\x00\x40"), NULL,
		      mmdb_fault_text(MMDB_FAULT_TYPE));
	/* 16,843,036 entries, and 16 MiB of text */
	expect_record(BYTES("\xff\xff\xff\xff" CODE "\x42"
			    "NL"),
		      NULL, "is no sound MaxMind DB file");
	expect_record(BYTES("\xe1" CODE "\x5f\xff\xff\xff"), NULL,
		      mmdb_fault_text(MMDB_FAULT_CUT));
}

static void pointers_that_go_astray_are_refused(void **state)
{
	(void)state;
	expect_record(BYTES("\xe1" CODE "\x20\x10\x42"
			    "NL"),
		      "NL", ""); /* a good one: to 16 */
	expect_record(BYTES("\xe1" CODE "\x20\x0e"), NULL,
		      mmdb_fault_text(MMDB_FAULT_POINTER)); /* to itself */
	expect_record(BYTES("\xe1" CODE "\x20\x10\x20\x0e"), NULL,
		      mmdb_fault_text(MMDB_FAULT_POINTER)); /* to a pointer */
	expect_record(BYTES("\xe1" CODE "\x38\xff\xff\xff\xff"), NULL,
		      mmdb_fault_text(MMDB_FAULT_POINTER)); /* far outside */
	expect_record(BYTES("\xe1" CODE "\x20\x00"), NULL,
		      mmdb_fault_text(MMDB_FAULT_DEEP)); /* a map that holds itself */
}

/* Ten maps, each with ten pointers to the next: 10^10 values in 500 bytes. */
static void a_bomb_of_pointers_is_refused_at_once(void **state)
{
	uint8_t data[512];
	size_t n = 0;

	(void)state;
	for (unsigned level = 0; level < 10; level++) {
		data[n++] = 0xea;
		for (unsigned k = 0; k < 10; k++) {
			data[n++] = 0x41;
			data[n++] = (uint8_t)('a' + k);
			data[n++] = (uint8_t)(0x20 | (level + 1) * 41 >> 8);
			data[n++] = (uint8_t)((level + 1) * 41);
		}
	}
	data[n++] = 0xe0;
	expect_record(data, n, NULL, mmdb_fault_text(MMDB_FAULT_LONG));
}

static void deep_records_are_refused(void **state)
{
	char data[3 * MMDB_DEPTH_MAX + 32];
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < MMDB_DEPTH_MAX; i++) {
		data[n++] = '\xe1';
		data[n++] = '\x41';
		data[n++] = 'a';
	}
	data[n] = '\xe0';
	expect_record(data, n + 1, NULL, mmdb_fault_text(MMDB_FAULT_DEEP));
	data[n] = '\x41'; /* one less: only not a country */
	data[n + 1] = 'x';
	expect_record(data, n + 2, NULL, "keys met: a, a.a");
}

static void an_unknown_schema_lists_the_keys_met(void **state)
{
	(void)state;
	expect_record(BYTES("\xe2\x44"
			    "land\x42NL\x44"
			    "city\xe1\x42\x1bx\x41y"),
		      NULL, "keys met: land, city, city.?x");
	expect_record(BYTES("\xe1\x44"
			    "land\x42NL"),
		      NULL,
		      "database type \"raw\" has none of country.iso_code, country_code");
	expect_record(BYTES("\xe1" CODE "\xa1\x07"), NULL, "keys met: country_code");
}

static void the_preset_of_most_records_is_taken(void **state)
{
	static const uint8_t separator[16] = {0};
	struct raw r = {.n = 0};
	struct diag *d = diag_create();
	struct mmdb_about about;
	struct mmdb *m;

	(void)state;
	/* Three nodes: 0.0.0.0/2 and 64.0.0.0/2 flat, 128.0.0.0/2 nested as well. */
	raw_be(&r, 1, 3);
	raw_be(&r, 2, 3);
	raw_be(&r, 3 + 16, 3);
	raw_be(&r, 3 + 16 + 17, 3);
	raw_be(&r, 3 + 16 + 34, 3);
	raw_be(&r, 3, 3);
	raw_add(&r, separator, sizeof(separator));
	raw_add(&r, BYTES("\xe1" CODE "\x42"
			  "NL"
			  "\xe1" CODE "\x42"
			  "BE"));
	raw_add(&r, BYTES("\xe1\x47"
			  "country"
			  "\xe1\x48"
			  "iso_code"
			  "\x42"
			  "DE"));
	raw_metadata(&r, (struct raw_meta){3, 24, 4});
	m = mmdb_open("raw.mmdb", r.b, r.n, MMDB_COUNTRY, d);
	diag_print(d, stderr, false);
	assert_non_null(m);
	mmdb_about(m, &about);
	assert_string_equal(about.schema, "flat");
	assert_int_equal(about.records, 3);
	assert_true(about.v4);
	assert_false(about.v6);
	mmdb_close(m);
	diag_destroy(d);
}

static void networks_may_be_numbers_or_texts(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		uint32_t asn;
		const char *org;
	} rows[] = {
		{BYTES("\xe2\x43"
		       "asn\xc2\x1f\x8b\x47"
		       "as_name\x44"
		       "Test"),
		 8075, "Test"},
		{BYTES("\xe1\x43"
		       "asn\x46"
		       "AS8075"),
		 8075, NULL},
		{BYTES("\xe1\x43"
		       "asn\x44"
		       "8075"),
		 8075, NULL},
		{BYTES("\xe1\x43"
		       "asn\x42"
		       "AS"),
		 0, NULL},
		{BYTES("\xe1\x43"
		       "asn\x4c"
		       "AS4294967296"),
		 0, NULL},
		{BYTES("\xe1\x58"
		       "autonomous_system_number\xa2\x1f\x8b"),
		 8075, NULL},
	};
	struct addr a = address("10.0.0.1");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag *d = diag_create();
		struct mmdb *m;
		struct raw r;
		uint32_t asn;
		struct str org;

		raw_file(&r, rows[i].data, rows[i].len);
		m = mmdb_open("raw.mmdb", r.b, r.n, MMDB_ASN, d);
		diag_print(d, stderr, false);
		assert_non_null(m);
		mmdb_network(m, &a, &asn, &org);
		assert_int_equal(asn, rows[i].asn);
		assert_true(rows[i].org == NULL ? org.p == NULL
						: str_equal(org, str_of(rows[i].org)));
		mmdb_close(m);
		diag_destroy(d);
	}
}

#define GOOD               \
	"\xe1" CODE "\x42" \
	"NL"

static void the_last_metadata_counts(void **state)
{
	struct raw r;

	(void)state;
	/* Two markers: the first, with a wrong record size, is data. */
	r.n = 0;
	raw_be(&r, 1 + 16, 3);
	raw_be(&r, 1, 3);
	raw_be(&r, 0, 8);
	raw_be(&r, 0, 8);
	raw_add(&r, BYTES(GOOD));
	raw_metadata(&r, (struct raw_meta){7, 23, 5});
	raw_metadata(&r, (struct raw_meta){1, 24, 4});
	expect_file(&r, "NL", "");
	/* A marker alone at the end makes the sound one data. */
	raw_add(&r, BYTES(RAW_MARKER));
	expect_file(&r, NULL, "metadata: ");
}

static void metadata_that_lies_is_refused(void **state)
{
	static const struct raw_meta lies[] = {
		{1, 23, 4}, {1, 0, 4},       {1, 24, 5},          {0, 24, 4},
		{0, 24, 6}, {100000, 24, 4}, {UINT32_MAX, 32, 6},
	};
	struct raw r;

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		r.n = 0;
		raw_be(&r, 1 + 16, 3);
		raw_be(&r, 1, 3);
		raw_be(&r, 0, 8);
		raw_be(&r, 0, 8);
		raw_add(&r, BYTES(GOOD));
		raw_metadata(&r, lies[i]);
		expect_file(&r, NULL, "metadata: ");
	}
	/* The first of two counts is what libmaxminddb believes. */
	r.n = 0;
	raw_be(&r, 1 + 16, 3);
	raw_be(&r, 1, 3);
	raw_be(&r, 0, 8);
	raw_be(&r, 0, 8);
	raw_add(&r, BYTES(GOOD));
	raw_metadata(&r, (struct raw_meta){UINT32_MAX, 24, 4});
	for (size_t i = 0; i < r.n; i++)
		if (r.b[i] == 0xe9)
			r.b[i] = 0xea;
	raw_text(&r, "node_count");
	raw_number(&r, 6, 1);
	expect_file(&r, NULL, "node_count says more");
	/* A map of 16 million entries, and one of 5,000 that are there. */
	r.n = 0;
	raw_add(&r, BYTES(RAW_MARKER "\xff\xff\xff\xff"));
	expect_file(&r, NULL, "metadata: ");
	r.n = 0;
	raw_add(&r, BYTES(RAW_MARKER "\xfe\x12\x6b"));
	for (unsigned i = 0; i < 5000; i++)
		raw_add(&r, BYTES("\x41"
				  "a\x41"
				  "b"));
	expect_file(&r, NULL, mmdb_fault_text(MMDB_FAULT_LONG));
	r.n = 0;
	expect_file(&r, NULL, "no metadata");
}

static void trees_that_lead_astray_are_refused_or_end(void **state)
{
	struct raw r;

	(void)state;
	raw_file(&r, BYTES(GOOD));
	r.b[1] = 0xff; /* left: far behind the data */
	expect_file(&r, NULL, "is no sound MaxMind DB file");
	raw_file(&r, BYTES(GOOD));
	r.b[2] = 1 + 3; /* into the separator */
	expect_file(&r, NULL, "is no sound MaxMind DB file");
	raw_file(&r, BYTES(GOOD));
	r.b[5] = 0; /* right: the root again */
	expect_file(&r, NULL, "leads outside");
	/* Two nodes: the second leads to itself on both sides. */
	r.n = 0;
	raw_be(&r, 2 + 16, 3);
	raw_be(&r, 1, 3);
	raw_be(&r, 1, 3);
	raw_be(&r, 1, 3);
	raw_be(&r, 0, 8);
	raw_be(&r, 0, 8);
	raw_add(&r, BYTES(GOOD));
	raw_metadata(&r, (struct raw_meta){2, 24, 4});
	expect_file(&r, "NL", "");
	r.b[2] = 1; /* nothing but the circle */
	expect_file(&r, NULL, "keys met: none");
}

/* Cut at any length it is refused, but for the last byte or two of its metadata. */
static void cut_files_are_refused(void **state)
{
	struct raw r, cut;

	(void)state;
	raw_file(&r, BYTES(GOOD));
	for (size_t n = 0; n < r.n; n++) {
		cut.n = n;
		memcpy(cut.b, r.b, n);
		expect_file(&cut, NULL, "raw.mmdb: error: ");
	}
}

static void every_fault_has_its_text(void **state)
{
	(void)state;
	for (unsigned f = 0; f < MMDB_FAULT_COUNT; f++)
		assert_true(strlen(mmdb_fault_text((enum mmdb_fault)f)) > 4);
}

static void write_file(const char *path, const void *bytes, size_t len, const char *how)
{
	FILE *f = fopen(path, how);

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* The catalogue's copy is its own: what becomes of the file changes nothing and kills nobody. */
static void truncation_and_writes_after_loading_change_nothing(void **state)
{
	char path[] = "/tmp/weir-mmdb-XXXXXX";
	struct addr a = address("91.198.174.192");
	struct place p;
	struct catalog *c;
	char *bytes;
	size_t len;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(file_read("tests/data/country-test.mmdb", 1 << 20, &bytes, &len),
			 0);
	write_file(path, bytes, len, "wb");
	c = shipped_load(NULL, path, NULL);
	catalog_address(c, &a, &p);
	assert_string_equal(p.country, "NL");
	memset(bytes, 0xff, len);
	write_file(path, bytes, len, "r+b");
	catalog_address(c, &a, &p);
	assert_string_equal(p.country, "NL");
	assert_int_equal(truncate(path, 0), 0);
	catalog_address(c, &a, &p);
	assert_string_equal(p.country, "NL");
	assert_int_equal(unlink(path), 0);
	catalog_destroy(c);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(countries_are_normalized_and_checked),
		cmocka_unit_test(other_values_of_every_type_are_passed_over),
		cmocka_unit_test(records_that_are_not_sound_are_refused),
		cmocka_unit_test(pointers_that_go_astray_are_refused),
		cmocka_unit_test(a_bomb_of_pointers_is_refused_at_once),
		cmocka_unit_test(deep_records_are_refused),
		cmocka_unit_test(an_unknown_schema_lists_the_keys_met),
		cmocka_unit_test(the_preset_of_most_records_is_taken),
		cmocka_unit_test(networks_may_be_numbers_or_texts),
		cmocka_unit_test(the_last_metadata_counts),
		cmocka_unit_test(metadata_that_lies_is_refused),
		cmocka_unit_test(trees_that_lead_astray_are_refused_or_end),
		cmocka_unit_test(cut_files_are_refused),
		cmocka_unit_test(every_fault_has_its_text),
		cmocka_unit_test(truncation_and_writes_after_loading_change_nothing),
	};

	return cmocka_run_group_tests_name("catalog/mmdb_hostile", tests, NULL, NULL);
}
