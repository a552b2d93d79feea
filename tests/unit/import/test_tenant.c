/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/golden/import.sh cannot reach: trees, encodings, visibility, changes. */
#include "import/tenant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "import/changes.h"
#include "import/encoding.h"
#include "import/enforceability.h"
#include "import/tree.h"
#include "import/write.h"

static const struct node *parse(struct arena *a, struct diag *d, const char *text)
{
	return tree_parse("t.json", str_of(text), a, d);
}

static void a_tree_finds_keys_in_any_case(void **state)
{
	struct arena *a = arena_create((size_t)1 << 20);
	struct diag *d = diag_create();
	const struct node *root =
		parse(a, d, "{\"A\":{\"endPoint\":\"x\\u0041\"},\"b\":null,\"n\":12}");
	const struct node *n = tree_path(root, "a.ENDPOINT");

	(void)state;
	assert_non_null(n);
	assert_true(str_equal(n->text, STR("xA")));
	assert_int_equal(n->at.line, 1);
	assert_int_equal(n->at.col, 18);
	assert_null(tree_get(root, "b"));
	assert_null(tree_path(root, "a.endpoint.x"));
	assert_null(tree_text(root, "n").p);
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	diag_destroy(d);
	arena_destroy(a);
}

static size_t count_items(const struct node *list)
{
	size_t n = 0;

	for (const struct node *i = tree_first(list); i != NULL; i = tree_next(list, i))
		n++;
	return n;
}

static void a_list_may_be_one_value_or_wrapped(void **state)
{
	struct arena *a = arena_create((size_t)1 << 20);
	struct diag *d = diag_create();

	(void)state;
	assert_int_equal(count_items(parse(a, d, "[1,2,3]")), 3);
	assert_int_equal(count_items(parse(a, d, "{\"x\":1}")), 1);
	assert_int_equal(count_items(parse(a, d, "{\"value\":[1,2],\"Count\":2}")), 2);
	assert_int_equal(count_items(parse(a, d, "[]")), 0);
	assert_int_equal(count_items(NULL), 0);
	diag_destroy(d);
	arena_destroy(a);
}

static void what_powershell_cut_off_is_found(void **state)
{
	static const char *const texts[] = {"{\"a\":\"@{x=1}\"}", "[\"System.Object[]\"]",
					    "[\"System.Collections.Hashtable\"]",
					    "[\"@\"]", "[\"x@{\"]"};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct arena *a = arena_create((size_t)1 << 20);
		struct diag *d = diag_create();

		assert_int_equal(parse(a, d, texts[i]) == NULL, i < 3);
		assert_int_equal(diag_count(d, DIAG_ERROR), i < 3);
		diag_destroy(d);
		arena_destroy(a);
	}
}

static void utf16_becomes_utf8(void **state)
{
	/* mark, 'a', U+00E9, U+20AC, U+1F600, a lone surrogate, half a unit */
	static const char text[] = "\xff\xfe"
				   "a\0\xe9\0\xac\x20\x3d\xd8\x00\xde\x3d\xd8"
				   "z";
	size_t n;
	char *to;

	(void)state;
	assert_true(encoding_is_utf16le(text, sizeof(text) - 1));
	assert_true(encoding_is_utf16le("{\0\n\0", 4));
	assert_false(encoding_is_utf16le("{}", 2));
	assert_false(encoding_is_utf16le("\0{", 2));
	assert_false(encoding_is_utf16le("{", 1));
	to = encoding_from_utf16le(text, sizeof(text) - 1, &n);
	assert_non_null(to);
	assert_string_equal(to, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd");
	assert_int_equal(n, strlen(to));
	free(to);
}

static void visibility_of_patterns(void **state)
{
	static const struct {
		enum endpoint_kind kind;
		const char *pattern;
		enum visible want;
	} rows[] = {
		{ENDPOINT_KIND_SQL, "*", VISIBLE_EXACT},
		{ENDPOINT_KIND_SQL, "srv.example,*", VISIBLE_EXACT},
		{ENDPOINT_KIND_SQL, "srv.example,db", VISIBLE_HOST},
		{ENDPOINT_KIND_SQL, "*.example,*", VISIBLE_HOST},
		{ENDPOINT_KIND_SQL, "*.example*", VISIBLE_HOST},
		{ENDPOINT_KIND_SMTP, "smtp.example,587", VISIBLE_EXACT},
		{ENDPOINT_KIND_BLOB, "contoso*", VISIBLE_EXACT},
		{ENDPOINT_KIND_URL, "https://a.example/*", VISIBLE_EXACT},
		{ENDPOINT_KIND_URL, "https://a.example*", VISIBLE_EXACT},
		{ENDPOINT_KIND_URL, "https://a.example/v1/*", VISIBLE_HOST},
		{ENDPOINT_KIND_URL, "https://a.example/", VISIBLE_HOST},
		{ENDPOINT_KIND_URL, "https://*.a.example/*", VISIBLE_HOST},
		{ENDPOINT_KIND_URL, "a.example/*", VISIBLE_HOST},
		{ENDPOINT_KIND_CUSTOM, "https://a.example/*", VISIBLE_EXACT},
		{ENDPOINT_KIND_BROWSER, "https://a.example/*", VISIBLE_HOST},
		{ENDPOINT_KIND_BROWSER, "*", VISIBLE_EXACT},
		{ENDPOINT_KIND_SCREEN, "*", VISIBLE_NOT},
		{ENDPOINT_KIND_NONE, "*", VISIBLE_NOT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(endpoint_visible(rows[i].kind, str_of(rows[i].pattern)),
				 rows[i].want);
	assert_int_equal(
		endpoint_visible_at(ENDPOINT_KIND_SMTP, STR("a,25"), ROLE_GATEWAY),
		VISIBLE_NOT);
	assert_int_equal(endpoint_visible_at(ENDPOINT_KIND_SQL, STR("*"), ROLE_GATEWAY),
			 VISIBLE_EXACT);
}

static void places_of_connectors(void **state)
{
	struct known_connector c = {.has_hosts = true, .verified = true};

	(void)state;
	assert_int_equal(connector_visible_at(&c, ROLE_DESKTOP), VISIBLE_EXACT);
	assert_int_equal(connector_visible_at(&c, ROLE_USER), VISIBLE_NOT);
	c.not_by_gateway = true;
	assert_int_equal(connector_visible_at(&c, ROLE_GATEWAY), VISIBLE_NOT);
	assert_int_equal(connector_visible_at(&c, ROLE_SUBNET), VISIBLE_EXACT);
	c.verified = false;
	assert_int_equal(connector_visible_at(&c, ROLE_DESKTOP), VISIBLE_HOST);
	c.has_hosts = false;
	assert_int_equal(connector_visible_at(&c, ROLE_DESKTOP), VISIBLE_NOT);
	assert_int_equal(connector_visible_at(NULL, ROLE_DESKTOP), VISIBLE_NOT);
}

static void changes_name_the_statement(void **state)
{
	static const char before[] = "gate connectors\n"
				     "allow  connector { \\\n\tb, \\\n\tc \\\n}\n"
				     "deny   connector { \\\n\td \\\n}\n";
	static const char after[] = "gate connectors\n"
				    "allow  connector { \\\n\tb \\\n}\n"
				    "deny   connector { \\\n\tc, \\\n\td \\\n}\n";
	static const char want[] = "@ allow  connector {\n- \tc\n"
				   "@ deny   connector {\n+ \tc\n";
	struct changes c;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	assert_int_equal(changes_print(str_of(before), str_of(after), out, &c), 0);
	(void)fclose(out);
	assert_string_equal(text, want);
	assert_int_equal(c.removed, 1);
	assert_int_equal(c.added, 1);
	free(text);
}

static void two_files_that_share_too_little_are_told_whole(void **state)
{
	enum {
		LINES = 4000
	};
	char *a = malloc((size_t)LINES * 16), *b = malloc((size_t)LINES * 16);
	size_t n = 0, m = 0;
	struct changes c;

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	for (unsigned i = 0; i < LINES; i++) {
		n += (size_t)snprintf(a + n, 16, "allow a%u\n", i % 1000);
		m += (size_t)snprintf(b + m, 16, "allow b%u\n", i % 1000);
	}
	assert_int_equal(changes_print((struct str){a, n}, (struct str){b, m}, NULL, &c),
			 0);
	assert_int_equal(c.removed, LINES);
	assert_int_equal(c.added, LINES);
	free(a);
	free(b);
}

static void a_hash_tells_edits(void **state)
{
	static const char first[] = WRITE_FIRST "\n";

	(void)state;
	assert_int_equal(generated_check(str_of("version 1\n")), GENERATED_NOT);
	assert_int_equal(generated_check(str_of("")), GENERATED_NOT);
	assert_int_equal(generated_check(str_of(first)), GENERATED_EDITED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_finds_keys_in_any_case),
		cmocka_unit_test(a_list_may_be_one_value_or_wrapped),
		cmocka_unit_test(what_powershell_cut_off_is_found),
		cmocka_unit_test(utf16_becomes_utf8),
		cmocka_unit_test(visibility_of_patterns),
		cmocka_unit_test(places_of_connectors),
		cmocka_unit_test(changes_name_the_statement),
		cmocka_unit_test(two_files_that_share_too_little_are_told_whole),
		cmocka_unit_test(a_hash_tells_edits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
