/* SPDX-License-Identifier: Apache-2.0 */
#include "import/service_tags.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEAD "prefix\ttag\tregion\n"
#define OLD                                                                 \
	"# cloud: Public\n# change: 10\n# date: 2026-05-06\n" HEAD          \
	"192.0.2.0/25\tA\t-\n192.0.2.128/25\tA\t-\n198.51.100.0/24\tA\t-\n" \
	"198.51.101.0/24\tA\t-\n203.0.113.0/24\tB\t-\n"

static struct tag_file *parse(const char *text)
{
	const struct tsv_text t = {"t.tsv", text, strlen(text)};
	struct diag *d = diag_create();
	struct tag_file *f = tag_file_parse(&t, TAG_BY_TAG, d);

	diag_print(d, stderr, false);
	assert_non_null(f);
	diag_destroy(d);
	return f;
}

static bool uses_a(void *arg, struct str tag)
{
	(void)arg;
	return str_equal(tag, STR("A"));
}

struct pair {
	struct tag_file *before, *after;
	struct tag_update u;
};

static void compare(struct pair *p, const char *after, struct tag_update_cfg cfg)
{
	p->before = parse(OLD);
	p->after = parse(after);
	cfg.uses = uses_a;
	if (cfg.loss == 0)
		cfg.loss = TAG_LOSS_DEFAULT;
	assert_int_equal(tag_update_compare(p->before, p->after, &cfg, &p->u), 0);
}

static void finish(struct pair *p)
{
	tag_update_finish(&p->u);
	tag_file_destroy(p->before);
	tag_file_destroy(p->after);
}

/* Joined and split ranges are the same addresses. */
static void other_borders_change_nothing(void **state)
{
	struct pair p;

	(void)state;
	compare(&p,
		"# cloud: Public\n# change: 11\n" HEAD
		"192.0.2.0/24\tA\t-\n198.51.100.0/23\tA\t-\n203.0.113.0/25\tB\t-\n"
		"203.0.113.128/25\tB\t-\n",
		(struct tag_update_cfg){0});
	assert_int_equal(p.u.count, 0);
	assert_false(p.u.refused);
	finish(&p);
}

static void a_tag_that_loses_too_much_is_refused(void **state)
{
	static const char after[] = "# cloud: Public\n# change: 11\n" HEAD
				    "192.0.2.0/24\tA\t-\n198.51.100.0/24\tA\t-\n"
				    "2001:db8::/32\tA\t-\n2001:db8::/32\tC\t-\n";
	static const char *const accepted[] = {"a"};
	struct pair p;

	(void)state;
	compare(&p, after, (struct tag_update_cfg){0});
	assert_int_equal(p.u.count, 3);
	assert_true(str_equal(p.u.changes[0].name, STR("A")));
	assert_int_equal(p.u.changes[0].removed, 1);
	assert_int_equal(p.u.changes[0].added, 1);
	assert_true(p.u.changes[0].refused);
	assert_int_equal(p.u.changes[1].after, 0); /* B, which nobody uses */
	assert_false(p.u.changes[1].refused);
	assert_int_equal(p.u.changes[2].before, 0);
	assert_int_equal(p.u.tags_added, 1);
	assert_int_equal(p.u.tags_removed, 1);
	assert_true(p.u.refused);
	finish(&p);
	compare(&p, after, (struct tag_update_cfg){.loss = 2500}); /* 25 %: one of four */
	assert_false(p.u.refused);
	finish(&p);
	compare(&p, after,
		(struct tag_update_cfg){.accepted = accepted, .accepted_count = 1});
	assert_false(p.u.refused);
	assert_true(p.u.changes[0].accepted);
	finish(&p);
}

static void an_older_or_another_file_is_refused(void **state)
{
	static const struct {
		const char *head;
		bool older, other;
	} rows[] = {
		{"# cloud: Public\n# change: 9\n# date: 2026-06-01\n", true, false},
		{"# cloud: Public\n# change: 11\n# date: 2026-05-05\n", true, false},
		{"# cloud: China\n# change: 11\n# date: 2026-06-01\n", false, true},
		{"# change: 11\n", false, true},
		{"# cloud: public\n# change: 10\n# date: 2026-05-06\n", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];
		struct pair p;

		(void)snprintf(text, sizeof(text), "%s%s", rows[i].head,
			       strstr(OLD, HEAD));
		compare(&p, text, (struct tag_update_cfg){0});
		assert_int_equal(p.u.older, rows[i].older);
		assert_int_equal(p.u.other_cloud, rows[i].other);
		assert_int_equal(p.u.refused, rows[i].older || rows[i].other);
		finish(&p);
		compare(&p, text,
			(struct tag_update_cfg){.accept_older = true,
						.accept_cloud = true});
		assert_false(p.u.refused);
		finish(&p);
	}
}

static void without_an_old_file_there_is_no_guard(void **state)
{
	struct tag_file *f = parse(OLD);
	struct tag_update u;

	(void)state;
	assert_int_equal(tag_update_compare(NULL, f, &(struct tag_update_cfg){0}, &u), 0);
	assert_int_equal(u.count, 0);
	assert_false(u.refused);
	tag_file_destroy(f);
}

static char *printed(const struct tag_file *f)
{
	uint8_t digest[32] = {0xab};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(tag_file_print(f, "S_20260506.json", digest, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* A region's row says the whole tag's too; where the whole lacks the prefix it does not. */
static void what_is_written_reads_as_the_same(void **state)
{
	static const char text[] =
		"# cloud: Public\n# change: 10\n# date: 2026-05-06\n" HEAD
		"2001:db8::/32\tA.West\t-\n192.0.2.0/24\tA\tWest\n192.0.2.0/24\tA\tEast\n"
		"198.51.100.0/24\tA\t-\n203.0.113.0/24\tOnly.West\t-\n";
	static const char want[] =
		"# source: S_20260506.json\n# sha256: ab000000000000000000000000000000"
		"00000000000000000000000000000000\n# cloud: Public\n# change: 10\n"
		"# date: 2026-05-06\nprefix\ttag\tregion\n"
		"192.0.2.0/24\tA\tWest\n192.0.2.0/24\tA\tEast\n198.51.100.0/24\tA\t-\n"
		"203.0.113.0/24\tOnly.West\t-\n2001:db8::/32\tA.West\t-\n";
	struct tag_file *f = parse(text), *again;
	char *once = printed(f), *twice;

	(void)state;
	assert_string_equal(strstr(once, "# source"), want);
	again = parse(once);
	assert_int_equal(again->count, f->count);
	twice = printed(again);
	assert_string_equal(once, twice);
	free(once);
	free(twice);
	tag_file_destroy(f);
	tag_file_destroy(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_borders_change_nothing),
		cmocka_unit_test(a_tag_that_loses_too_much_is_refused),
		cmocka_unit_test(an_older_or_another_file_is_refused),
		cmocka_unit_test(without_an_old_file_there_is_no_guard),
		cmocka_unit_test(what_is_written_reads_as_the_same),
	};

	return cmocka_run_group_tests_name("import/service_tags", tests, NULL, NULL);
}
