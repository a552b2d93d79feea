/* SPDX-License-Identifier: Apache-2.0 */
/* Databases in a catalogue: two of a kind, and whether they are believed. */
#include <stdlib.h>
#include <string.h>

#include "catalog/mmdb_write.h"
#include "shipped.h"
#include "texts.h"

/* 200 /24 of Azure, half of them in the Netherlands: 10.0.x.0, 10.1.x.0 (the US). */
static char *tags_text(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)fprintf(f, "prefix\ttag\tregion\n");
	for (unsigned i = 0; i < 100; i++)
		(void)fprintf(f,
			      "10.0.%u.0/24\tAzureCloud\twesteurope\n"
			      "10.1.%u.0/24\tAzureCloud\teastus\n",
			      i, i);
	(void)fclose(f);
	return text;
}

static void put(struct mmdb_write *w, unsigned second, unsigned from, unsigned to,
		const char *code)
{
	const uint8_t b[4] = {10, (uint8_t)second, (uint8_t)from, 0};
	const uint8_t e[4] = {10, (uint8_t)second, (uint8_t)to, 255};
	struct addr first = addr_from_v4(b), last = addr_from_v4(e);

	assert_int_equal(mmdb_write_range(w, &first, &last, mmdb_write_country(w, code)),
			 0);
}

static void put_v6(struct mmdb_write *w, const char *code)
{
	struct addr first, last;

	assert_true(addr_parse("2001:db8::", 10, &first));
	assert_true(addr_parse("2001:db8::ffff", 14, &last));
	assert_int_equal(mmdb_write_range(w, &first, &last, mmdb_write_country(w, code)),
			 0);
}

static struct tsv_text finish(struct mmdb_write *w, const char *name)
{
	const struct mmdb_write_cfg cfg = {"test", "test", 1782361800};
	uint8_t *bytes;
	size_t len;

	assert_int_equal(mmdb_write_end(w, &cfg, &bytes, &len), 0);
	mmdb_write_destroy(w);
	return (struct tsv_text){name, (const char *)bytes, len};
}

/* `us` of the 100 Dutch /24 are called American, `none` are not known, the rest are right. */
static struct tsv_text country_file(unsigned us, unsigned none)
{
	struct mmdb_write *w = mmdb_write_create();

	if (us > 0)
		put(w, 0, 0, us - 1, "US");
	if (us + none < 100)
		put(w, 0, us + none, 99, "NL");
	put(w, 1, 0, 99, "US");
	put_v6(w, "NL");
	return finish(w, "country.mmdb");
}

static void drop(struct tsv_text *file)
{
	union {
		const char *given;
		char *owned;
	} text = {.given = file->text};

	free(text.owned);
}

static struct catalog *build(struct tsv_text files[FILE_COUNT], bool accept,
			     char **ret_said)
{
	const struct build_extra extra = {.accept_registrant = accept};
	struct diag *d = diag_create();
	struct catalog *c = catalog_build_with(files, &extra, d);
	size_t len;
	FILE *f = open_memstream(ret_said, &len);

	diag_print(d, f, false);
	(void)fclose(f);
	diag_destroy(d);
	return c;
}

static void start(struct tsv_text files[FILE_COUNT], char *tags)
{
	texts_small(files);
	texts_set(files, FILE_REGIONS, "regions.tsv",
		  "scheme\ttoken\tregion\tcountries\n"
		  "azure-region\twesteurope\twesteurope\tNL\n"
		  "azure-region\teastus\teastus\tUS\n"
		  "azure-region\teastasia\teastasia\tHK|SG\n"
		  "dataverse-crm\tcrm4.dynamics.com\tEUR\tNL|IE\n");
	texts_set(files, FILE_TAGS, "tags.tsv", tags);
}

static void registrants_are_refused_beyond_a_share(void **state)
{
	static const struct {
		unsigned us, none;
		bool refused;
	} rows[] = {
		{0, 0, false},  {30, 0, false},  {31, 0, true}, {100, 0, true},
		{10, 80, true}, {10, 81, false}, /* 19 answers are too few to tell */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tsv_text files[FILE_COUNT];
		char *tags = tags_text(), *said;
		struct geo_probe p;
		struct catalog *c;

		start(files, tags);
		files[FILE_COUNTRY] = country_file(rows[i].us, rows[i].none);
		c = build(files, false, &said);
		if (rows[i].refused) {
			assert_null(c);
			assert_non_null(strstr(said,
					       "country.mmdb: error: gives the "
					       "country of the registrant: of 100 "));
			assert_non_null(strstr(said,
					       "10.0.0.1 is in NL (westeurope by the "
					       "service tags), it says US"));
			assert_non_null(strstr(said, "accept_registrant = true;"));
		} else {
			assert_non_null(c);
			assert_string_equal(said, "");
			catalog_probe(c, 0, false, &p);
			assert_int_equal(p.asked, 100);
			assert_int_equal(p.answered, 100 - rows[i].none);
			assert_int_equal(p.registrant, rows[i].us);
			assert_int_equal(p.right, 100 - rows[i].none - rows[i].us);
		}
		catalog_destroy(c);
		free(said);
		drop(&files[FILE_COUNTRY]);
		free(tags);
	}
}

/* A database of one /24 or /48 for each of the 100, all of them called `code`. */
static struct tsv_text family_file(const char *name, bool v4, bool v6, const char *code)
{
	struct mmdb_write *w = mmdb_write_create();

	if (v4)
		put(w, 0, 0, 99, code);
	if (v6) {
		struct addr first, last;

		assert_true(addr_parse("2001:db8::", 10, &first));
		assert_true(addr_parse("2001:db8:ffff::", 15, &last));
		assert_int_equal(
			mmdb_write_range(w, &first, &last, mmdb_write_country(w, code)),
			0);
	}
	return finish(w, name);
}

/* 100 Dutch /24 and as many /48. */
static char *tags_of_both(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)fprintf(f, "prefix\ttag\tregion\n");
	for (unsigned i = 0; i < 100; i++)
		(void)fprintf(f,
			      "10.0.%u.0/24\tAzureCloud\twesteurope\n"
			      "2001:db8:%x::/48\tAzureCloud\twesteurope\n",
			      i, i * 2);
	(void)fclose(f);
	return text;
}

/* Each file is asked for each family that it knows, and the one that errs is named. */
static void each_file_and_family_is_probed(void **state)
{
	static const struct {
		const char *code[2]; /* of a.mmdb, of b.mmdb */
		bool v4[2], v6[2];
		const char *blamed, *family;
	} rows[] = {
		{{"NL", "US"}, {true, false}, {false, true}, "b.mmdb", " IPv6 "},
		{{"NL", "US"}, {false, true}, {true, false}, "b.mmdb", " IPv4 "},
		{{"US", "NL"}, {false, true}, {true, false}, "a.mmdb", " IPv6 "},
		{{"NL", "US"}, {true, true}, {true, false}, "b.mmdb", " IPv4 "},
		{{"NL", "NL"}, {true, false}, {false, true}, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tsv_text files[FILE_COUNT];
		char *tags = tags_of_both(), *said, want[64];
		struct catalog *c;

		start(files, tags);
		files[FILE_COUNTRY] = family_file("a.mmdb", rows[i].v4[0], rows[i].v6[0],
						  rows[i].code[0]);
		files[FILE_COUNTRY_2] = family_file("b.mmdb", rows[i].v4[1],
						    rows[i].v6[1], rows[i].code[1]);
		c = build(files, false, &said);
		if (rows[i].blamed == NULL) {
			assert_string_equal(said, "");
			assert_non_null(strstr(catalog_summary(c),
					       "of 100 IPv6 addresses in Azure's regions "
					       "outside the US b.mmdb answers 100: 100 "
					       "right, 0 with US\n"));
		} else {
			assert_null(c);
			(void)snprintf(want, sizeof(want), "%s: error: gives",
				       rows[i].blamed);
			assert_non_null(strstr(said, want));
			assert_non_null(strstr(said, rows[i].family));
			assert_non_null(strstr(said, "\n1 error, "));
		}
		catalog_destroy(c);
		free(said);
		drop(&files[FILE_COUNTRY]);
		drop(&files[FILE_COUNTRY_2]);
		free(tags);
	}
}

static void one_key_accepts_a_registrants_database(void **state)
{
	struct tsv_text files[FILE_COUNT];
	char *tags = tags_text(), *said;
	struct catalog *c;

	(void)state;
	start(files, tags);
	files[FILE_COUNTRY] = country_file(100, 0);
	c = build(files, true, &said);
	assert_non_null(c);
	assert_non_null(strstr(said, "warning [registrant]: gives the country"));
	catalog_destroy(c);
	free(said);
	drop(&files[FILE_COUNTRY]);
	free(tags);
}

static void expect(const struct catalog *c, const char *text, const char *want)
{
	struct addr a;
	struct place p;

	assert_true(addr_parse(text, strlen(text), &a));
	catalog_address(c, &a, &p);
	assert_string_equal(p.country, want);
}

static void two_files_answer_for_their_families(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct geo_file geo[GEO_FILES_MAX];
	struct mmdb_write *v4 = mmdb_write_create(), *v6 = mmdb_write_create();
	char *said;
	struct catalog *c;

	(void)state;
	texts_small(files);
	put(v4, 2, 0, 99, "FR");
	put_v6(v6, "DE");
	files[FILE_COUNTRY] = finish(v4, "v4.mmdb");
	c = build(files, false, &said);
	assert_non_null(
		strstr(said, "v4.mmdb: warning [one-family]: knows no IPv6 address"));
	assert_non_null(c);
	expect(c, "10.2.0.1", "FR");
	expect(c, "2001:db8::1", "");
	catalog_destroy(c);
	free(said);
	files[FILE_COUNTRY_2] = finish(v6, "v6.mmdb");
	c = build(files, false, &said);
	assert_string_equal(said, "");
	assert_non_null(c);
	expect(c, "10.2.0.1", "FR");
	expect(c, "2001:db8::1", "DE");
	expect(c, "10.3.0.1", "");
	assert_int_equal(catalog_geo_files(c, geo), 2);
	assert_string_equal(geo[1].path, "v6.mmdb");
	assert_non_null(strstr(catalog_summary(c),
			       "schema maxmind (country.iso_code), 1 records, "
			       "IPv6 only, v6.mmdb"));
	catalog_destroy(c);
	free(said);
	drop(&files[FILE_COUNTRY]);
	drop(&files[FILE_COUNTRY_2]);
}

/* A second database is part of the generation's name. */
static void the_digest_covers_both_files(void **state)
{
	struct tsv_text files[FILE_COUNT];
	uint8_t one[32], two[32], other[32];
	struct tsv_text a, b;
	char *said;
	struct catalog *c;

	(void)state;
	texts_small(files);
	a = country_file(0, 0);
	b = country_file(0, 50);
	files[FILE_COUNTRY] = a;
	c = build(files, false, &said);
	catalog_digest(c, one);
	catalog_destroy(c);
	free(said);
	files[FILE_COUNTRY_2] = a;
	c = build(files, false, &said);
	catalog_digest(c, two);
	catalog_destroy(c);
	free(said);
	files[FILE_COUNTRY_2] = b;
	c = build(files, false, &said);
	catalog_digest(c, other);
	catalog_destroy(c);
	free(said);
	assert_memory_not_equal(one, two, 32);
	assert_memory_not_equal(two, other, 32);
	drop(&a);
	drop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registrants_are_refused_beyond_a_share),
		cmocka_unit_test(each_file_and_family_is_probed),
		cmocka_unit_test(one_key_accepts_a_registrants_database),
		cmocka_unit_test(two_files_answer_for_their_families),
		cmocka_unit_test(the_digest_covers_both_files),
	};

	return cmocka_run_group_tests_name("catalog/geo_files", tests, NULL, NULL);
}
