/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "shipped.h"
#include "texts.h"

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

static struct catalog *build(const struct tsv_text files[FILE_COUNT])
{
	struct diag *d = diag_create();
	struct catalog *c = catalog_build(files, d);

	diag_print(d, stderr, false);
	diag_destroy(d);
	assert_non_null(c);
	return c;
}

static const char *service_name(const struct catalog *c, const struct service *s)
{
	struct vocabulary v;

	catalog_vocabulary(c, &v);
	return word_of(v.services, s->service);
}

static void a_small_catalogue_answers(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct catalog *c;
	struct vocabulary v;
	struct service s;

	(void)state;
	texts_small(files);
	c = build(files);
	catalog_vocabulary(c, &v);
	catalog_name(c, STR("contoso.crm4.dynamics.com"), &s);
	assert_string_equal(service_name(c, &s), "dataverse");
	assert_int_equal(s.row, 2);
	catalog_name(c, STR("api.contoso.example"), &s);
	assert_int_equal(s.connector_count, 2);
	assert_string_equal(word_of(v.connectors, s.connectors[0].connector), "shared_b");
	assert_int_equal(s.connectors[1].confidence, CONFIDENCE_PUBLISHED);
	assert_int_equal(s.confidence, CONFIDENCE_PUBLISHED);
	assert_int_equal(v.connectors.count, 4);
	catalog_destroy(c);
}

static void two_countries_of_a_region_are_no_country(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct addr a;
	struct place p;
	struct catalog *c;

	(void)state;
	texts_small(files);
	c = build(files);
	assert_true(addr_parse("198.51.100.1", 12, &a));
	catalog_address(c, &a, &p);
	assert_true(str_equal(p.region, STR("eastasia")));
	assert_string_equal(p.country, "");
	assert_false(p.country_from_tag);
	catalog_destroy(c);
}

static void a_newer_region_than_the_table_is_kept_by_name(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct addr a;
	struct place p;
	struct catalog *c;

	(void)state;
	texts_small(files);
	texts_set(files, FILE_TAGS, "tags.tsv",
		  "prefix\ttag\tregion\n192.0.2.0/24\tAzureCloud\tMoonNorth\n");
	c = build(files);
	assert_true(addr_parse("192.0.2.1", 9, &a));
	catalog_address(c, &a, &p);
	assert_true(str_equal(p.region, STR("moonnorth")));
	assert_string_equal(p.country, "");
	catalog_destroy(c);
}

static void own_entries_override_shipped_ones(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct catalog *c;
	struct vocabulary v;
	struct service s;

	(void)state;
	texts_small(files);
	texts_set(files, FILE_OWN, "own.tsv",
		  "pattern\tservice\n"
		  "*.crm4.dynamics.com\tsql\n"        /* another service */
		  "db1.database.windows.net\t-\n"     /* none at all */
		  "*.contoso.example\tpayroll\n"      /* a service of the site */
		  "api.contoso.example\tshared_ftp\n" /* other connectors */
		  "robots.contoso.example\tshared_robots\n"
		  "*.windows.net\tcdn\n" /* both shorter than the shipped one */
		  "*.net\tshared_ftp\n");
	c = build(files);
	catalog_vocabulary(c, &v);
	catalog_name(c, STR("x.crm4.dynamics.com"), &s);
	assert_string_equal(service_name(c, &s), "sql");
	assert_true(str_equal(s.org, STR("x")));
	assert_true(str_equal(s.source, STR("own entry")));
	assert_int_equal(s.confidence, CONFIDENCE_VERIFIED);
	catalog_name(c, STR("db1.database.windows.net"), &s);
	assert_int_equal(s.service, ID_NONE);
	assert_int_equal(s.connector_count, 1);
	assert_string_equal(word_of(v.connectors, s.connectors[0].connector),
			    "shared_ftp");
	catalog_name(c, STR("db2.database.windows.net"), &s);
	assert_string_equal(service_name(c, &s), "cdn");
	catalog_name(c, STR("api.contoso.example"), &s);
	assert_string_equal(service_name(c, &s), "payroll");
	assert_false(s.platform);
	assert_int_equal(s.connector_count, 1);
	assert_string_equal(word_of(v.connectors, s.connectors[0].connector),
			    "shared_ftp");
	assert_int_equal(s.connectors[0].confidence, CONFIDENCE_VERIFIED);
	catalog_name(c, STR("robots.contoso.example"), &s);
	assert_string_equal(word_of(v.connectors, s.connectors[0].connector),
			    "shared_robots");
	catalog_destroy(c);
}

struct fault {
	enum catalog_file file;
	const char *text;
	const char *want; /* part of what is printed */
};

static void check_fault(const struct fault *f)
{
	struct tsv_text files[FILE_COUNT];
	struct diag *d = diag_create();
	char *text;

	texts_small(files);
	texts_set(files, f->file, "bad.tsv", f->text);
	diag_source(d, "bad.tsv", f->text, strlen(f->text));
	assert_null(catalog_build(files, d));
	assert_true(diag_count(d, DIAG_ERROR) > 0);
	text = printed(d);
	if (strstr(text, f->want) == NULL)
		fail_msg("wanted: %s\ngot: %s", f->want, text);
	free(text);
	diag_destroy(d);
}

#define SERVICES_HEAD "pattern\tservice\tcloud\trole\tports\tconfidence\tsource\n"
#define CONNECT_HEAD  "pattern\tconnector\tconfidence\tsource\n"
#define GROUPS_HEAD   "service\tscope\tplatform\tgroups\tranges\n"

static void faults_are_shown_with_place_and_remedy(void **state)
{
	static const struct fault rows[] = {
		{FILE_SERVICES, "", "bad.tsv: error: holds no rows"},
		{FILE_SERVICES, "pattern\tservice\n", "column \"cloud\" is missing"},
		{FILE_SERVICES, SERVICES_HEAD "a.example\tsql\n",
		 "bad.tsv:2:1: error: 2 columns instead of 7"},
		{FILE_SERVICES, SERVICES_HEAD "a..example\tsql\t-\t-\t-\tassumed\t-\n",
		 "bad.tsv:2:3: error: is no host pattern: an empty label\n"
		 "  2 | a..example\t"},
		{FILE_SERVICES, SERVICES_HEAD "*\tsql\t-\t-\t-\tassumed\t-\n",
		 "bad.tsv:2:1: error: would match every name"},
		{FILE_OWN, "pattern\tservice\n10.0.0.1\tx\n",
		 "bad.tsv:2:1: error: ends like an address: no name of a host does, and "
		 "addresses cannot be matched\n  2 | 10.0.0.1"},
		{FILE_OWN, "pattern\tservice\n1.2.3\tshared_x\n",
		 "bad.tsv:2:1: error: ends like an address"},
		{FILE_OWN, "pattern\tservice\n*.a.0X1f.\t-\n",
		 "bad.tsv:2:1: error: ends like an address"},
		/* Columns are those of the file, byte order mark and all. */
		{FILE_OWN, "\xef\xbb\xbfpattern\tsurface\n",
		 "bad.tsv:1:4: error: column \"service\" is missing"},
		{FILE_SERVICES, SERVICES_HEAD "a b.example\tsql\t-\t-\t-\tassumed\t-\n",
		 "bad.tsv:2:2: error: cannot stand in a host pattern"},
		{FILE_SERVICES, SERVICES_HEAD "a.example\tsqk\t-\t-\t-\tassumed\t-\n",
		 "   = write: sql\n"},
		{FILE_SERVICES,
		 SERVICES_HEAD "a.example\tsql\tpublik\t-\t-\tassumed\t-\n",
		 "bad.tsv:2:15: error: no such cloud\n"},
		{FILE_SERVICES,
		 SERVICES_HEAD "a.example\tsql\tgcc|publik\t-\t-\tassumed\t-\n",
		 "bad.tsv:2:19: error: no such cloud\n"},
		{FILE_SERVICES, SERVICES_HEAD "a.example\tsql\t-\t-\ttcp/0\tassumed\t-\n",
		 "bad.tsv:2:19: error: is no port\n"},
		{FILE_SERVICES, SERVICES_HEAD "a.example\tsql\t-\t-\t-\tsure\t-\n",
		 "   = write: verified, published or assumed\n"},
		{FILE_SERVICES,
		 SERVICES_HEAD "a.example\tsql\t-\t-\t-\tassumed\t-\n"
			       "A.EXAMPLE.\tsql\t-\t-\t-\tassumed\t-\n",
		 "bad.tsv:3:1: error: this pattern stands in an earlier row already"},
		{FILE_SERVICES, SERVICES_HEAD "a\x01.example\tsql\t-\t-\t-\tassumed\t-\n",
		 "bad.tsv:2:2: error: control byte 0x01"},
		{FILE_CONNECTORS, CONNECT_HEAD "a.example\ta b\tassumed\t-\n",
		 "bad.tsv:2:11: error: is no name"},
		{FILE_CONNECTORS,
		 CONNECT_HEAD "a.example\tshared_a\tassumed\t-\n"
			      "a.example\tshared_a\tassumed\t-\n",
		 "bad.tsv:3: error: \"a.example\" and shared_a stand in line 2 already"},
		{FILE_GROUPS, GROUPS_HEAD "sql\tmaybe\tyes\t-\t-\n",
		 "   = write: in or out"},
		{FILE_GROUPS, GROUPS_HEAD "sql\tin\tyes\tsql\t-\n",
		 "\"sql\" is a service and a group"},
		{FILE_REGIONS, "scheme\ttoken\tregion\tcountries\nmoon\ta\tb\tNL\n",
		 "bad.tsv:2:1: error: no such scheme"},
		{FILE_REGIONS,
		 "scheme\ttoken\tregion\tcountries\nazure-region\ta\tb\tnl\n",
		 "bad.tsv:2:18: error: is no list of countries"},
		{FILE_REGIONS,
		 "scheme\ttoken\tregion\tcountries\nazure-region\ta\tb\t-\n"
		 "azure-region\tA\tb\t-\n",
		 "bad.tsv:3: error: azure-region \"a\" stands in an earlier row already"},
		{FILE_TAGS, "prefix\ttag\tregion\n10.0.0.1/8\tX\t-\n",
		 "   = write: 10.0.0.0/8"},
		{FILE_TAGS, "prefix\ttag\tregion\n10.0.0.0/33\tX\t-\n",
		 "bad.tsv:2:1: error: has no sound prefix length"},
		{FILE_TAGS, "prefix\ttag\tregion\nten\tX\t-\n",
		 "bad.tsv:2:1: error: is no address prefix"},
		{FILE_TAGS, "prefix\ttag\tregion\n10.0.0.0/8\t-\t-\n",
		 "bad.tsv:2:12: error: is no name of a service tag"},
		{FILE_OWN, "pattern\tservice\tconfidence\na.example\tsql\tsure\n",
		 "bad.tsv:2:15: error: is no confidence"},
		{FILE_NETWORKS, "asn\n8075\n8068\n8075\n",
		 "bad.tsv:4:1: error: stands in an earlier row already"},
		{FILE_NETWORKS, "asn\nAS8075\n",
		 "bad.tsv:2:1: error: is no number of an autonomous system"},
		{FILE_NETWORKS, "asn\n0\n", "   = write: its number alone, such as 8075"},
		{FILE_COUNTRY, "no database",
		 "bad.tsv: error: is no sound MaxMind DB file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_fault(&rows[i]);
}

#define ABOUT_HEAD                                                               \
	"pattern\tconnector\tconfidence\tsource\tdate\ttitle\tpublisher\ttier\t" \
	"endpoint_filterable\tunblockable\tgateway\tvnet\n"

static void connector_columns_are_held_to_their_words(void **state)
{
	static const struct fault rows[] = {
		{FILE_CONNECTORS,
		 ABOUT_HEAD "a.b\tshared_a\tassumed\tdoc\t-\tA\tB\tgold\tyes\tno\t-\t-\n",
		 "bad.tsv:2:32: error: is neither of the two words"},
		{FILE_CONNECTORS,
		 ABOUT_HEAD "a.b\tshared_a\tassumed\tdoc\t-\tA\tB\t-\tyes\tmaybe\t-\t-\n",
		 "bad.tsv:2:38: error: is neither of the two words"},
		{FILE_CONNECTORS,
		 ABOUT_HEAD
		 "a.b\tshared_a\tassumed\tdoc\t2026-02-30\tA\tB\t-\t-\t-\t-\t-\n",
		 "bad.tsv:2:26: error: is no date"},
		{FILE_OWN, "pattern\tservice\tdate\na.b\tsql\t26-11-01\n",
		 "bad.tsv:2:9: error: is no date"},
		{FILE_OWN, "pattern\tservice\tdate\na.b\tshared_a\tnow\n",
		 "bad.tsv:2:14: error: is no date"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_fault(&rows[i]);
}

/* The rows behind an answer: the row's own date or its file's, and what it says. */
static void rows_tell_what_they_say_of_a_connector(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct catalog_row row;
	struct catalog *c;
	struct service s;

	(void)state;
	texts_small(files);
	texts_set(
		files, FILE_CONNECTORS, "connectors.tsv",
		"# date: 2026-11-24\n" ABOUT_HEAD
		"x.example\tshared_x\tpublished\tdoc\t2025-01-02\tX\tMaker\tpremium\tno\tyes\t-\tyes\n"
		"x.example\tshared_y\tassumed\tother\t-\tY\t-\t-\t-\t-\t-\t-\n"
		"-\tshared_z\tassumed\tdoc\t-\tZ\tMaker\tstandard\tyes\tno\tno\t-\n");
	texts_set(files, FILE_OWN, "own.tsv",
		  "pattern\tservice\tdate\nz.example\tshared_z\t2026-11-28\n");
	c = build(files);

	catalog_name(c, STR("x.example"), &s);
	assert_int_equal(s.connector_count, 2);
	catalog_connector_row(c, &s.connectors[0], &row);
	assert_string_equal(row.file, "connectors.tsv");
	assert_int_equal(row.line, 3);
	assert_int_equal(row.confidence, CONFIDENCE_PUBLISHED);
	assert_true(str_equal(row.pattern, STR("x.example")));
	assert_true(str_equal(row.title, STR("X")));
	assert_true(str_equal(row.publisher, STR("Maker")));
	assert_true(str_equal(row.tier, STR("premium")));
	assert_true(str_equal(row.date, STR("2025-01-02")));
	assert_int_equal(row.endpoint_filterable, STATED_NO);
	assert_int_equal(row.unblockable, STATED_YES);
	assert_int_equal(row.gateway, STATED_NOT);
	assert_int_equal(row.vnet, STATED_YES);
	catalog_connector_row(c, &s.connectors[1], &row);
	assert_int_equal(row.line, 4);
	assert_true(str_equal(row.date, STR("2026-11-24")));
	assert_true(catalog_name_row(c, STR("x.example"), &row));
	assert_int_equal(row.line, 3);
	assert_false(catalog_name_row(c, STR("y.example"), &row));
	assert_false(catalog_name_row(c, STR_NONE, &row));

	/* An own row names hosts; what the connector is, the shipped row says. */
	catalog_name(c, STR("z.example"), &s);
	assert_int_equal(s.connector_count, 1);
	catalog_connector_row(c, &s.connectors[0], &row);
	assert_string_equal(row.file, "own.tsv");
	assert_true(row.own);
	assert_int_equal(row.confidence, CONFIDENCE_VERIFIED);
	assert_true(str_equal(row.tier, STR("standard")));
	assert_int_equal(row.endpoint_filterable, STATED_YES);
	assert_int_equal(row.gateway, STATED_NO);
	assert_true(str_equal(row.date, STR("2026-11-28")));
	catalog_destroy(c);
}

/* A pattern whose form the name does not have gives neither service nor connectors. */
static void connectors_need_the_form_of_their_pattern_too(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct catalog *c;
	struct service s;

	(void)state;
	texts_small(files);
	texts_set(files, FILE_CONNECTORS, "connectors.tsv",
		  CONNECT_HEAD "*.crm*.dynamics.com\tshared_a\tassumed\tdoc\n"
			       "*.operations.*.dynamics.com\tshared_a\tassumed\tdoc\n");
	c = build(files);
	catalog_name(c, STR("contoso.operations.eu.dynamics.com"), &s);
	assert_true(str_equal(s.pattern, STR("*.operations.*.dynamics.com")));
	catalog_name(c, STR("contoso.operations.crm9.dynamics.com"), &s);
	assert_true(str_equal(s.pattern, STR("*.crm*.dynamics.com")));
	catalog_name(c, STR("contoso.crm7.dynamics.com"), &s);
	assert_int_equal(s.connector_count, 1);
	catalog_name(c, STR("contoso.crmfoo.dynamics.com"), &s);
	assert_int_equal(s.connector_count, 0);
	catalog_destroy(c);
}

static void all_faults_of_all_files_are_reported(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct diag *d = diag_create();

	(void)state;
	texts_small(files);
	texts_set(files, FILE_SERVICES, "services.tsv",
		  SERVICES_HEAD "a..b\tsql\t-\t-\t-\tassumed\t-\n"
				"a.b\tnone\t-\t-\t-\tassumed\t-\n");
	texts_set(files, FILE_TAGS, "tags.tsv", "prefix\ttag\tregion\nx\ty\t-\n");
	assert_null(catalog_build(files, d));
	assert_int_equal(diag_count(d, DIAG_ERROR), 3);
	diag_destroy(d);
}

static void a_name_nearly_known_is_a_warning_in_own_entries(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct diag *d = diag_create();
	struct catalog *c;
	char *text;

	(void)state;
	texts_small(files);
	texts_set(files, FILE_OWN, "own.tsv",
		  "pattern\tservice\na.example\tdataverze\nb.example\tshared_fpt\n");
	c = catalog_build(files, d);
	assert_non_null(c);
	assert_int_equal(diag_count(d, DIAG_WARNING), 2);
	text = printed(d);
	assert_non_null(strstr(text, "own.tsv:2:11: warning [new-name]: a new name"));
	assert_non_null(strstr(text, "dataverse, if that is meant"));
	free(text);
	catalog_destroy(c);
	diag_destroy(d);
}

static void a_byte_order_mark_is_passed_over(void **state)
{
	static const enum catalog_file kinds[] = {FILE_REGIONS,    FILE_TAGS,
						  FILE_GROUPS,     FILE_SERVICES,
						  FILE_CONNECTORS, FILE_OWN};
	struct tsv_text files[FILE_COUNT];

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char text[4096];
		struct catalog *c;
		struct service s;

		texts_small(files);
		texts_set(files, FILE_OWN, "own.tsv",
			  "# date: 2026-01-02\npattern\tservice\n1.example\tsql\n");
		(void)snprintf(text, sizeof(text), "\xef\xbb\xbf%s",
			       files[kinds[i]].text);
		texts_set(files, kinds[i], "marked.tsv", text);
		c = build(files);
		catalog_name(c, STR("1.example"), &s);
		assert_string_equal(service_name(c, &s), "sql");
		assert_non_null(strstr(catalog_summary(c), "1 rows of 2026-01-02"));
		catalog_destroy(c);
	}
}

/* What `check` says of the own entries `rows`. */
static char *said_of_own(const char *rows)
{
	struct tsv_text files[FILE_COUNT];
	struct diag *d = diag_create();
	struct catalog *c;
	char *text;

	texts_small(files);
	texts_set(files, FILE_GROUPS, "groups.tsv",
		  "service\tscope\tplatform\tgroups\tranges\n"
		  "dataverse\tin\tyes\tplatform\tSql\n"
		  "lcs\tout\tyes\t-\t-\n"
		  "entra\tin\tyes\t-\t-\n"
		  "sql\tout\tno\t-\tSql\n");
	texts_set(files, FILE_SERVICES, "services.tsv",
		  SERVICES_HEAD "*.crm4.dynamics.com\tdataverse\t-\t-\t-\tassumed\t-\n"
				"*.crm*.dynamics.com\tdataverse\t-\t-\t-\tassumed\t-\n"
				"lcs.dynamics.com\tlcs\t-\t-\t-\tassumed\t-\n"
				"*.database.windows.net\tsql\t-\t-\t-\tassumed\t-\n"
				"login.live.com\tentra\t-\t-\t-\tassumed\t-\n");
	texts_set(files, FILE_OWN, "own.tsv", rows);
	diag_source(d, "own.tsv", rows, strlen(rows));
	c = catalog_build(files, d);
	assert_non_null(c);
	text = printed(d);
	catalog_destroy(c);
	diag_destroy(d);
	return text;
}

static void own_entries_that_hide_the_platform_are_told(void **state)
{
	static const struct {
		const char *row, *said; /* said NULL = nothing */
	} rows[] = {
		{"*.com\tcdn",
		 "own.tsv:2:1: warning [hides-platform]: hides 4 shipped rows of "
		 "the platform: *.crm4.dynamics.com (dataverse) and others\n"
		 "  2 | *.com\tcdn\n    | ^^^^^\n"},
		{"login.live.com\t-",
		 "hides 1 shipped row of the platform: login.live.com"},
		{"lcs.dynamics.com\tlcs2",
		 "hides 1 shipped row of the platform: lcs.dyn"},
		{"a.crm4.dynamics.com\tcdn",
		 "takes names of the platform from the shipped row *.crm4.dynamics.com"},
		{"*.crm4.dynamics.com\tentra", NULL}, /* stays in scope */
		{"lcs.dynamics.com\tentra", NULL},
		{"login.live.com\tshared_sql", NULL}, /* the service stays */
		{"*.net\tcdn", NULL},                 /* sql is none of the platform */
		{"*.contoso.com\tcdn", NULL},
		{"com\tcdn", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char own[128], *text;

		(void)snprintf(own, sizeof(own), "pattern\tservice\n%s\n", rows[i].row);
		text = said_of_own(own);
		if (rows[i].said == NULL)
			assert_null(strstr(text, "hides-platform"));
		else if (strstr(text, rows[i].said) == NULL)
			fail_msg("%s: %s", rows[i].row, text);
		free(text);
	}
}

static void own_entries_that_hide_connectors_are_told(void **state)
{
	static const struct {
		const char *rows, *said; /* said NULL = nothing */
	} rows[] = {
		{"*.net\tshared_http\n",
		 "own.tsv:2:1: warning [hides-connector]: hides 1 shipped row of connectors: "
		 "*.database.windows.net (shared_sql)\n  2 | *.net\tshared_http\n"
		 "    | ^^^^^\n"},
		{"*.net\tshared_http\n",
		 "one more row \"*.net\" for shared_sql, or a pattern"},
		{"*.net\tshared_http\n*.net\tshared_sql\n", NULL},
		{"api.contoso.example\tshared_b\n", "api.contoso.example (shared_a)"},
		{"api.contoso.example\tshared_a\n", "api.contoso.example (shared_b)"},
		{"*.example\tshared_sql\n*.net\tshared_a\n",
		 "own.tsv:3:1: warning [hides-connector]"},
		{"*.x.database.windows.net\tshared_a\n",
		 "takes names of shared_sql from the shipped row *.database.windows.net"},
		{"db1.database.windows.net\tshared_a\n", NULL},
		{"*.net\tcdn\n", NULL}, /* a service: connectors stay */
		{"*.contoso.example\tshared_ftp\n", "(shared_b)"},
		{"*.fabrikam.example\tshared_ftp\n", NULL},
		{"*.contoso.example\tshared_sql\n*.contoso.example\tshared_a\n"
		 "*.contoso.example\tshared_b\n",
		 NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char own[160], *text;

		(void)snprintf(own, sizeof(own), "pattern\tservice\n%s", rows[i].rows);
		text = said_of_own(own);
		if (rows[i].said == NULL ? strstr(text, "hides-connector") != NULL
					 : strstr(text, rows[i].said) == NULL)
			fail_msg("%s: %s", rows[i].rows, text);
		free(text);
	}
}

static void missing_files_are_named(void **state)
{
	const struct catalog_cfg cfg = {.services = "tests/none.tsv",
					.connectors = "rules/catalog/connectors.tsv",
					.regions = "geo/regions.tsv"};
	struct diag *d = diag_create();
	char *text;

	(void)state;
	assert_null(catalog_load(&cfg, d));
	text = printed(d);
	assert_non_null(strstr(text, "tests/none.tsv: error: cannot be read: No such"));
	free(text);
	diag_destroy(d);
}

static void nothing_but_the_required_files_is_needed(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct catalog *c;
	struct service s;
	struct place p;
	struct addr a;

	(void)state;
	texts_small(files);
	files[FILE_TAGS] = (struct tsv_text){.name = NULL};
	texts_set(files, FILE_SERVICES, "services.tsv", SERVICES_HEAD);
	texts_set(files, FILE_CONNECTORS, "connectors.tsv", CONNECT_HEAD);
	c = build(files);
	catalog_name(c, STR("contoso.crm4.dynamics.com"), &s);
	assert_int_equal(s.service, ID_NONE);
	assert_true(addr_parse("192.0.2.1", 9, &a));
	catalog_address(c, &a, &p);
	assert_int_equal(p.tag_count, 0);
	assert_string_equal(p.country, "");
	assert_false(catalog_range_of_service(c, &s, &p));
	catalog_destroy(c);
}

static void columns_may_move_and_lines_may_end_in_cr(void **state)
{
	struct tsv_text files[FILE_COUNT];
	struct catalog *c;
	struct service s;

	(void)state;
	texts_small(files);
	texts_set(files, FILE_CONNECTORS, "connectors.tsv",
		  "# date: 2026-11-24\r\n"
		  "source\tnew-column\tconnector\tconfidence\tpattern\r\n\r\n"
		  "doc\twhatever\tshared_x\tverified\tx.example\r\n");
	c = build(files);
	catalog_name(c, STR("x.example"), &s);
	assert_int_equal(s.connector_count, 1);
	assert_int_equal(s.row, 4);
	assert_non_null(strstr(catalog_summary(c), "1 rows of 2026-11-24"));
	catalog_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_catalogue_answers),
		cmocka_unit_test(connector_columns_are_held_to_their_words),
		cmocka_unit_test(rows_tell_what_they_say_of_a_connector),
		cmocka_unit_test(connectors_need_the_form_of_their_pattern_too),
		cmocka_unit_test(two_countries_of_a_region_are_no_country),
		cmocka_unit_test(a_newer_region_than_the_table_is_kept_by_name),
		cmocka_unit_test(own_entries_override_shipped_ones),
		cmocka_unit_test(faults_are_shown_with_place_and_remedy),
		cmocka_unit_test(all_faults_of_all_files_are_reported),
		cmocka_unit_test(a_byte_order_mark_is_passed_over),
		cmocka_unit_test(own_entries_that_hide_the_platform_are_told),
		cmocka_unit_test(own_entries_that_hide_connectors_are_told),
		cmocka_unit_test(a_name_nearly_known_is_a_warning_in_own_entries),
		cmocka_unit_test(missing_files_are_named),
		cmocka_unit_test(nothing_but_the_required_files_is_needed),
		cmocka_unit_test(columns_may_move_and_lines_may_end_in_cr),
	};

	return cmocka_run_group_tests_name("catalog/load", tests, NULL, NULL);
}
