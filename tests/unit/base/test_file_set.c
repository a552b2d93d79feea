/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file_set.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char path[] = "/tmp/weir-set-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0 || close(fd) != 0)
		return -1;
	return file_put(path, "one", 3);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void assert_reads(struct file_set *s, const char *name, const char *want)
{
	char *text;
	size_t len;

	assert_int_equal(file_set_read(s, name, 100, &text, &len), 0);
	assert_int_equal(len, strlen(want));
	assert_string_equal(text, want);
	free(text);
}

static void test_without_a_set_files_are_read(void **state)
{
	(void)state;
	assert_reads(NULL, path, "one");
	assert_false(file_set_is_sealed(NULL));
}

static void test_what_was_read_stays(void **state)
{
	struct file_set *s = file_set_create();
	struct file_in_set f;

	(void)state;
	assert_non_null(s);
	assert_reads(s, path, "one");
	assert_int_equal(file_put(path, "another", 7), 0);
	assert_reads(s, path, "one");
	assert_true(file_set_at(s, 0, &f));
	assert_string_equal(f.name, path);
	assert_int_equal(f.len, 3);
	assert_memory_equal(f.bytes, "one", 3);
	assert_false(file_set_at(s, 1, &f));
	assert_int_equal(file_put(path, "one", 3), 0);
	file_set_destroy(s);
}

static void test_a_sealed_set_is_all_there_is(void **state)
{
	struct file_set *s = file_set_create();
	char *text = NULL;
	size_t len;

	(void)state;
	assert_non_null(s);
	assert_int_equal(file_set_add(s, "/nowhere/a", "text", 4), 0);
	assert_int_equal(file_set_add(s, "/nowhere/a", "text", 4), -EEXIST);
	file_set_seal(s);
	assert_true(file_set_is_sealed(s));
	assert_int_equal(file_set_add(s, "/nowhere/b", "text", 4), -EINVAL);
	assert_reads(s, "/nowhere/a", "text");
	assert_int_equal(file_set_read(s, path, 100, &text, &len), -ENOENT);
	assert_int_equal(file_set_read(s, "/nowhere/a", 3, &text, &len), -EFBIG);
	assert_null(text);
	file_set_destroy(s);
}

static void test_errors_are_those_of_file_read(void **state)
{
	struct file_set *s = file_set_create();
	struct file_in_set f;
	char *text = NULL;
	size_t len;

	(void)state;
	assert_non_null(s);
	assert_int_equal(file_set_read(s, "/nowhere/a", 100, &text, &len), -ENOENT);
	assert_int_equal(file_set_read(s, path, 2, &text, &len), -EFBIG);
	assert_false(file_set_at(s, 0, &f));
	file_set_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_set_files_are_read),
		cmocka_unit_test(test_what_was_read_stays),
		cmocka_unit_test(test_a_sealed_set_is_all_there_is),
		cmocka_unit_test(test_errors_are_those_of_file_read),
	};

	return cmocka_run_group_tests_name("base/file_set", tests, make_file,
					   remove_file);
}
