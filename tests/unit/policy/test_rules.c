/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file of tests/rules: what is right prints in its canonical form, which prints as
 * itself; what is wrong gives exactly the messages that are written down.  UPDATE=1 in the
 * environment writes them anew: read the difference before you keep it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "fixture.h"
#include "policy/policy.h"

#define OK_FOLDER   "tests/rules/ok/"
#define FAIL_FOLDER "tests/rules/fail/"
#define PATH_BYTES  512

static bool updating(void)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no threads */
	const char *update = getenv("UPDATE");

	return update != NULL && strcmp(update, "1") == 0;
}

static int is_input(const struct dirent *e)
{
	return str_ends_with(str_of(e->d_name), STR(".in"));
}

static void path_of(char *path, const char *folder, const char *name, const char *ending)
{
	int n = snprintf(path, PATH_BYTES, "%s%.*s%s", folder, (int)strlen(name) - 3,
			 name, ending);

	assert_in_range(n, 1, PATH_BYTES - 1);
}

static struct policy *load(const char *path, struct diag *d)
{
	struct policy_cfg cfg = {
		.files = &path,
		.file_count = 1,
		.vocabulary = &fixture_vocabulary,
		.now_us = FIXTURE_NOW_US,
	};

	return policy_load(&cfg, d);
}

/* The caller frees. */
static char *print_policy(const struct policy *p)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	policy_print(p, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static char *print_findings(const struct diag *d)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	diag_print(d, out, false);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* Compare with the file, or write it; says which file it was. */
static bool is_golden(const char *path, const char *got)
{
	char *want = NULL;
	size_t len = 0;
	bool same;

	if (updating()) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		assert_true(fputs(got, f) >= 0);
		assert_int_equal(fclose(f), 0);
		return true;
	}
	if (file_read(path, 1 << 20, &want, &len) != 0) {
		print_error("%s: cannot be read\n", path);
		return false;
	}
	same = strcmp(want, got) == 0;
	if (!same)
		print_error("%s: wanted\n%s\ngot\n%s\n", path, want, got);
	free(want);
	return same;
}

static bool check_ok(const char *name)
{
	char in[PATH_BYTES], ok[PATH_BYTES];
	struct diag *d = diag_create();
	struct policy *p;
	char *text, *again;
	bool fine;

	path_of(in, OK_FOLDER, name, ".in");
	path_of(ok, OK_FOLDER, name, ".ok");
	p = load(in, d);
	if (p == NULL) {
		text = print_findings(d);
		print_error("%s is refused:\n%s\n", in, text);
		free(text);
		diag_destroy(d);
		return false;
	}
	text = print_policy(p);
	policy_destroy(p);
	fine = is_golden(ok, text);

	p = fine ? load(ok, d) : NULL;
	if (fine && p == NULL) {
		print_error("%s does not parse again\n", ok);
		fine = false;
	} else if (fine) {
		again = print_policy(p);
		fine = strcmp(text, again) == 0;
		if (!fine)
			print_error("%s prints differently:\n%s\n", ok, again);
		free(again);
	}
	policy_destroy(p);
	free(text);
	diag_destroy(d);
	return fine;
}

static bool check_fail(const char *name)
{
	char in[PATH_BYTES], ok[PATH_BYTES];
	struct diag *d = diag_create();
	struct policy *p;
	char *text;
	bool fine;

	path_of(in, FAIL_FOLDER, name, ".in");
	path_of(ok, FAIL_FOLDER, name, ".ok");
	p = load(in, d);
	/* With an error nothing is loaded; with warnings alone something is. */
	fine = (p == NULL) == (diag_count(d, DIAG_ERROR) > 0) &&
	       diag_count(d, DIAG_ERROR) + diag_count(d, DIAG_WARNING) > 0;
	if (!fine)
		print_error("%s: no finding, or a policy in spite of an error\n", in);
	policy_destroy(p);
	text = print_findings(d);
	fine = is_golden(ok, text) && fine;
	free(text);
	diag_destroy(d);
	return fine;
}

static void check_folder(const char *folder, bool (*check)(const char *name), int least)
{
	struct dirent **list;
	int n = scandir(folder, &list, is_input, alphasort);
	int bad = 0;

	assert_true(n >= least);
	for (int i = 0; i < n; i++) {
		bad += !check(list[i]->d_name);
		free(list[i]);
	}
	free(list);
	assert_int_equal(bad, 0);
}

static void right_files_print_canonically(void **state)
{
	(void)state;
	check_folder(OK_FOLDER, check_ok, 10);
}

static void wrong_files_give_exact_messages(void **state)
{
	(void)state;
	check_folder(FAIL_FOLDER, check_fail, 10);
}

/* What is between the first "error: " or "warning" of a line and its end. */
static const char *message_of(const char *line)
{
	const char *m = strstr(line, ": error: ");

	return m != NULL ? m : strstr(line, ": warning [");
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void messages_are_many_and_different(void **state)
{
	static char *seen[1000];
	struct dirent **list;
	int n = scandir(FAIL_FOLDER, &list, is_input, alphasort);
	size_t count = 0, different = 0;

	(void)state;
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		char path[PATH_BYTES];
		char *text, *rest, *line;
		size_t len;

		path_of(path, FAIL_FOLDER, list[i]->d_name, ".ok");
		assert_int_equal(file_read(path, 1 << 20, &text, &len), 0);
		rest = text;
		while ((line = strsep(&rest, "\n")) != NULL)
			if (message_of(line) != NULL && count < 1000)
				seen[count++] = strdup(message_of(line));
		free(text);
		free(list[i]);
	}
	free(list);
	qsort(seen, count, sizeof(seen[0]), compare_lines);
	for (size_t i = 0; i < count; i++)
		different += i == 0 || strcmp(seen[i], seen[i - 1]) != 0;
	for (size_t i = 0; i < count; i++)
		free(seen[i]);
	assert_true(different >= 250);
}

static void the_digest_follows_the_text(void **state)
{
	const char *names[] = {OK_FOLDER "contoso.in", OK_FOLDER "monitor.in"};
	uint8_t digests[3][32];
	struct diag *d = diag_create();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct policy *p = load(names[i % 2], d);

		assert_non_null(p);
		policy_digest(p, digests[i]);
		policy_destroy(p);
	}
	diag_destroy(d);
	assert_memory_equal(digests[0], digests[2], 32);
	assert_memory_not_equal(digests[0], digests[1], 32);
}

/* A literal display of the man page as the text that it shows. */
static char *shown(const char *start, const char *end)
{
	char *text = malloc((size_t)(end - start) + 1);
	size_t n = 0;

	assert_non_null(text);
	for (const char *p = start; p < end; p++) {
		text[n++] = *p;
		if (p[0] == '\\' && p[1] == 'e')
			p++;
	}
	text[n] = '\0';
	return text;
}

static void the_man_page_s_examples_are_tested(void **state)
{
	static const char mark[] = ".\\\" example: ";
	static const char begin[] = ".Bd -literal -offset indent\n";
	size_t len, count = 0;
	char *page, *at;

	(void)state;
	assert_int_equal(file_read("docs/man/weir.rules.5", 1 << 20, &page, &len), 0);
	for (at = strstr(page, mark); at != NULL; at = strstr(at, mark)) {
		char name[64], path[PATH_BYTES];
		char *start, *end, *text;

		at += strlen(mark);
		assert_int_equal(sscanf(at, "%60s", name), 1);
		start = strstr(at, begin);
		assert_non_null(start);
		start += strlen(begin);
		end = strstr(start, ".Ed\n");
		assert_non_null(end);
		text = shown(start, end);
		(void)snprintf(path, sizeof(path), "%s%s.in", OK_FOLDER, name);
		assert_true(is_golden(path, text));
		free(text);
		count++;
	}
	assert_int_equal(count, 4);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_files_print_canonically),
		cmocka_unit_test(wrong_files_give_exact_messages),
		cmocka_unit_test(messages_are_many_and_different),
		cmocka_unit_test(the_digest_follows_the_text),
		cmocka_unit_test(the_man_page_s_examples_are_tested),
	};

	return cmocka_run_group_tests_name("policy/rules", tests, NULL, NULL);
}
