/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/tags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define HEAD "{\"changeNumber\":7,\"cloud\":\"Public\",\"values\":["
#define ONE(name, prefixes) \
	"{\"name\":\"" name "\",\"properties\":{\"addressPrefixes\":[" prefixes "]}}"

static struct tag_file *parse(const char *name, const char *text, struct diag *d)
{
	const struct tsv_text t = {name, text, strlen(text)};

	diag_source(d, name, text, t.len);
	return tag_file_parse(&t, TAG_BY_TAG, d);
}

static struct tag_file *sound(const char *name, const char *text)
{
	struct diag *d = diag_create();
	struct tag_file *f = parse(name, text, d);

	diag_print(d, stderr, false);
	assert_non_null(f);
	assert_int_equal(diag_count(d, DIAG_WARNING), 0);
	diag_destroy(d);
	return f;
}

/* "AzureCloud 192.0.2.0/24" for each entry, in the order of the file's numbers. */
static const char *dump(const struct tag_file *f, char *out, size_t room)
{
	size_t used = 0;

	for (size_t i = 0; i < f->count; i++) {
		char text[PREFIX_TEXT_MAX];

		(void)prefix_format(&f->entries[i].prefix, text);
		used += (size_t)snprintf(out + used, room - used, "%s %s\n",
					 f->names.list[f->entries[i].tag], text);
		assert_true(used < room);
	}
	return out;
}

static void microsofts_file_is_read_as_it_is(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf{\n  \"changeNumber\": 398,\n  \"cloud\": \"Public\",\n"
		"  \"x-new\": {\"deep\": [1, {\"name\": \"no\"}]},\n  \"values\": [\n"
		"    {\"name\": \"Sql\", \"id\": \"Sql\", \"properties\": {\n"
		"      \"changeNumber\": 1, \"region\": \"\", \"regionId\": 0,\n"
		"      \"addressPrefixes\": [\"2001:db8::/32\", \"192.0.2.0/24\"],\n"
		"      \"networkFeatures\": [\"API\"]}},\n"
		"    {\"properties\": {\"addressPrefixes\": [\"192.0.2.7\"], "
		"\"region\": \"x\"},\n     \"name\": \"Sql.West\\u0045urope\"}\n  ]\n}\n";
	struct tag_file *f = sound("in/ServiceTags_Public_20260506.json", text);
	char got[512];

	(void)state;
	assert_string_equal(dump(f, got, sizeof(got)), "Sql 192.0.2.0/24\n"
						       "Sql 2001:db8::/32\n"
						       "Sql.WestEurope 192.0.2.7/32\n");
	assert_true(str_equal(f->cloud, STR("Public")));
	assert_int_equal(f->change, 398);
	assert_string_equal(f->date, "2026-05-06");
	assert_int_equal(f->entries[2].line, 10);
	tag_file_destroy(f);
}

static void keys_stand_in_any_order(void **state)
{
	struct tag_file *f = sound(
		"t.json", "{\"values\":[" ONE(
				  "A", "\"192.0.2.1\"") "],\"cloud\":"
							"\"China\",\"changeNumber\":1}");

	(void)state;
	assert_int_equal(f->count, 1);
	assert_true(str_equal(f->cloud, STR("China")));
	assert_string_equal(f->date, "");
	tag_file_destroy(f);
}

static void the_date_is_the_one_of_the_name(void **state)
{
	static const struct {
		const char *name, *date;
	} rows[] = {
		{"ServiceTags_Public_20260506.json", "2026-05-06"},
		{"a/20200101/ServiceTags_China_20260720 (1).json", "2026-07-20"},
		{"ServiceTags_Public_20260506_change398.json", "2026-05-06"},
		{"ServiceTags_Public_20261306.json", ""},
		{"ServiceTags_Public_120260506.json", ""},
		{"20260506", "2026-05-06"},
		{"tags.json", ""},
		{"x", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tag_file *f = sound(rows[i].name, HEAD "]}");

		assert_string_equal(f->date, rows[i].date);
		tag_file_destroy(f);
	}
}

static void the_tsv_says_the_same_in_less_space(void **state)
{
	struct tag_file *f = sound("t.tsv", "# cloud: Public\n# change: 398\n"
					    "# date: 2026-05-06\n"
					    "prefix\ttag\tregion\n"
					    "192.0.2.0/24\tSql\tWestEurope\n"
					    "192.0.2.0/24\tSql\tEastAsia\n"
					    "198.51.100.0/24\tStorage.West\t-\n");
	char got[512];

	(void)state;
	assert_string_equal(dump(f, got, sizeof(got)), "Sql 192.0.2.0/24\n"
						       "Sql.WestEurope 192.0.2.0/24\n"
						       "Sql.EastAsia 192.0.2.0/24\n"
						       "Storage.West 198.51.100.0/24\n");
	assert_int_equal(f->change, 398);
	assert_string_equal(f->date, "2026-05-06");
	tag_file_destroy(f);
}

static void assert_findings(const char *text, const char *want)
{
	struct diag *d = diag_create();
	char *shown = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&shown, &len);

	assert_null(parse("t.json", text, d));
	diag_print(d, out, false);
	assert_int_equal(fclose(out), 0);
	if (strstr(shown, want) == NULL)
		fail_msg("want %s\ngot %s", want, shown);
	free(shown);
	diag_destroy(d);
}

static void faults_are_findings_with_place_and_remedy(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"{}", "t.json:1:1: error: the file has no \"cloud\""},
		{"{}", "error: the file has no \"changeNumber\""},
		{"{}", "error: the file has no \"values\""},
		{"[]",
		 "t.json:1:1: error: the whole file must be an object, not an array"},
		{"<html>", "t.json:1:1: error: no value of JSON"},
		{"{\"cloud\":1,\"changeNumber\":7,\"values\":[]}",
		 "t.json:1:10: error: cloud must be a string, not a number"},
		{"{\"cloud\":\"a b\",\"changeNumber\":7,\"values\":[]}",
		 "t.json:1:10: error: is no name of a cloud"},
		{"{\"cloud\":\"P\",\"changeNumber\":\"7\",\"values\":[]}",
		 "error: changeNumber must be a number, not a string"},
		{"{\"cloud\":\"P\",\"changeNumber\":-7,\"values\":[]}",
		 "error: is no number of a change"},
		{"{\"cloud\":\"P\",\"changeNumber\":1,\"values\":{}}",
		 "error: values must be an array, not an object"},
		{"{\"cloud\":\"P\",\"cloud\":\"P\",\"changeNumber\":1,\"values\":[]}",
		 "t.json:1:14: error: \"cloud\" stands twice"},
		{HEAD "5]}", "error: a service tag must be an object, not a number"},
		{HEAD "{}]}", "error: a service tag without \"name\""},
		{HEAD "{\"name\":\"A\"}]}",
		 "error: a service tag without \"properties\""},
		{HEAD "{\"name\":5,\"properties\":{\"addressPrefixes\":[]}}]}",
		 "error: name must be a string, not a number"},
		{HEAD ONE("A B", "") "]}", "error: is no name of a service tag"},
		{HEAD ONE("A", "") "," ONE("a", "") "]}",
		 "error: this service tag stands in the file twice"},
		{HEAD ONE("A.", "") "]}", "error: is no name of a service tag"},
		{HEAD ONE("A", "5") "]}",
		 "error: a prefix must be a string, not a number"},
		{HEAD ONE("A", "\"192.0.2.1/24\"") "]}",
		 "error: has address bits past its length"},
		{HEAD ONE("A", "\"192.0.2.1/24\"") "]}", "= write: 192.0.2.0/24"},
		{HEAD ONE("A", "\"192.0.2.0/33\"") "]}",
		 "error: has no sound prefix length"},
		{HEAD ONE("A", "\"host\"") "]}", "error: is no address prefix"},
		{HEAD ONE("A", "\"0.0.0.0/0\"") "]}", "error: is wider than any range"},
		{HEAD ONE("A", "\"::/0\"") "]}", "error: is wider than any range"},
		{HEAD ONE("A", "\"16.0.0.0/7\"") "]}", "error: is wider than any range"},
		{HEAD ONE("A", "\"x\"") "," ONE("B", "\"y\"") "]}", "2 errors"},
		{HEAD "{\"properties\":{\"addressPrefixes\":[\"192.0.2.1\",\"192.0.2.1\"",
		 "error: the file ends in the middle"},
		{HEAD ONE("A", "") "]} x", "error: more text behind the end"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_findings(rows[i].text, rows[i].want);
}

static void a_prefix_that_stands_twice_is_a_warning(void **state)
{
	struct diag *d = diag_create();
	struct tag_file *f = parse(
		"t.json", HEAD ONE("A", "\"192.0.2.0/24\",\n\"192.0.2.0/24\"") "]}", d);

	(void)state;
	assert_non_null(f);
	assert_int_equal(f->count, 1);
	assert_int_equal(diag_count(d, DIAG_WARNING), 1);
	tag_file_destroy(f);
	diag_destroy(d);
}

/* ---- what the catalogue makes of them ----------------------------------------------------- */

static struct catalog *build(const char *first, const char *second, struct diag *d)
{
	struct tsv_text files[FILE_COUNT];

	texts_small(files);
	texts_set(files, FILE_TAGS, "first.json", first);
	if (second != NULL)
		texts_set(files, FILE_MORE_TAGS, "second_20260720.json", second);
	return catalog_build(files, d);
}

static struct place ask(const struct catalog *c, const char *text)
{
	struct place p;
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	catalog_address(c, &a, &p);
	return p;
}

static const char *tag_name(const struct catalog *c, const struct place *p, size_t i)
{
	struct vocabulary v;

	catalog_vocabulary(c, &v);
	return i < p->tag_count ? v.tags.words[p->tags[i]] : "";
}

static void files_of_several_clouds_stand_together(void **state)
{
	struct diag *d = diag_create();
	struct catalog *c =
		build(HEAD ONE("AzureCloud", "\"192.0.2.0/24\"") "," ONE(
			      "Sql.WestEurope",
			      "\"192.0.2.0/25\"") "," ONE("Sql", "\"192.0.2.0/25\"") "]}",
		      "{\"cloud\":\"China\",\"changeNumber\":8,\"values\":[" ONE(
			      "AzureCloud.newland",
			      "\"198.51.100.0/24\"") "," ONE("Sql.Core", "\"198.51.100.0/"
									 "24\"") "]}",
		      d);
	const struct tag_feed *feeds;
	struct place p;

	(void)state;
	assert_non_null(c);
	assert_int_equal(catalog_feeds(c, &feeds), 2);
	assert_string_equal(feeds[1].cloud, "China");
	assert_string_equal(feeds[1].date, "2026-07-20");
	assert_int_equal(feeds[1].date_us, INT64_C(1784505600000000));
	assert_int_equal(feeds[0].date_us, INT64_MIN);
	assert_int_equal(feeds[0].prefix_count, 3);
	p = ask(c, "192.0.2.5");
	assert_int_equal(p.tag_count, 3);
	assert_string_equal(tag_name(c, &p, 0), "Sql.WestEurope");
	assert_string_equal(tag_name(c, &p, 1), "Sql");
	assert_string_equal(tag_name(c, &p, 2), "AzureCloud");
	assert_true(str_equal(p.region, STR("westeurope")));
	assert_string_equal(p.country, "NL");
	assert_true(str_equal(p.tag_cloud, STR("Public")));
	p = ask(c, "198.51.100.1"); /* a region newer than the table; Core is none */
	assert_true(str_equal(p.region, STR("newland")));
	assert_true(str_equal(p.tag_cloud, STR("China")));
	assert_int_equal(p.tag_count, 2);
	p = ask(c, "203.0.113.1");
	assert_int_equal(p.tag_count, 0);
	assert_null(p.region.p);
	catalog_destroy(c);
	diag_destroy(d);
}

static void one_cloud_twice_is_an_error(void **state)
{
	struct diag *d = diag_create();

	(void)state;
	assert_null(build(HEAD "]}", HEAD "]}", d));
	assert_int_equal(diag_count(d, DIAG_ERROR), 1);
	diag_destroy(d);
}

/* `count` tags of one prefix, as one JSON text. */
static char *many_tags(size_t count)
{
	size_t room = count * 96 + 128, used;
	char *text = malloc(room);

	assert_non_null(text);
	used = (size_t)snprintf(text, room, "%s", HEAD);
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, room - used,
					 "%s" ONE("T%zu", "\"192.0.2.0/24\""),
					 i > 0 ? "," : "", i);
	(void)snprintf(text + used, room - used, "]}");
	return text;
}

/* All of 64 are told; with 65 nothing is loaded. */
static void no_set_of_tags_is_cut(void **state)
{
	char *fits = many_tags(PLACE_TAGS_MAX), *over = many_tags(PLACE_TAGS_MAX + 1);
	struct diag *d = diag_create();
	struct catalog *c = build(fits, NULL, d);
	struct place p;

	(void)state;
	assert_non_null(c);
	p = ask(c, "192.0.2.1");
	assert_int_equal(p.tag_count, PLACE_TAGS_MAX);
	catalog_destroy(c);
	assert_null(build(over, NULL, d));
	assert_int_equal(diag_count(d, DIAG_ERROR), 1);
	diag_destroy(d);
	free(fits);
	free(over);
}

static void the_digest_follows_the_date_of_the_name(void **state)
{
	struct diag *d = diag_create();
	struct catalog *a, *b;
	struct tsv_text files[FILE_COUNT];
	uint8_t x[32], y[32];

	(void)state;
	texts_small(files);
	texts_set(files, FILE_TAGS, "a_20260506.json", HEAD "]}");
	a = catalog_build(files, d);
	files[FILE_TAGS].name = "a_20260507.json";
	b = catalog_build(files, d);
	assert_non_null(a);
	assert_non_null(b);
	catalog_digest(a, x);
	catalog_digest(b, y);
	assert_memory_not_equal(x, y, 32);
	assert_non_null(strstr(catalog_summary(a), "Public change 7 of 2026-05-06"));
	catalog_destroy(a);
	catalog_destroy(b);
	diag_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(microsofts_file_is_read_as_it_is),
		cmocka_unit_test(keys_stand_in_any_order),
		cmocka_unit_test(the_date_is_the_one_of_the_name),
		cmocka_unit_test(the_tsv_says_the_same_in_less_space),
		cmocka_unit_test(faults_are_findings_with_place_and_remedy),
		cmocka_unit_test(a_prefix_that_stands_twice_is_a_warning),
		cmocka_unit_test(files_of_several_clouds_stand_together),
		cmocka_unit_test(one_cloud_twice_is_an_error),
		cmocka_unit_test(no_set_of_tags_is_cut),
		cmocka_unit_test(the_digest_follows_the_date_of_the_name),
	};

	return cmocka_run_group_tests_name("catalog/tags", tests, NULL, NULL);
}
