/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A folder of its own for each test. */
struct place {
	char folder[32];
	char path[48];
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -1;
	*state = p;
	(void)snprintf(p->folder, sizeof(p->folder), "/tmp/weir-file-XXXXXX");
	if (mkdtemp(p->folder) == NULL)
		return -1;
	(void)snprintf(p->path, sizeof(p->path), "%s/x", p->folder);
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;

	(void)unlink(p->path);
	(void)rmdir(p->folder);
	free(p);
	return 0;
}

static void fill(const char *path, const char *bytes, size_t len)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void test_whole_file_with_a_nul_after_it(void **state)
{
	const struct place *p = *state;
	char *text = NULL;
	size_t len = 0;

	fill(p->path, "a\0b\n", 4);
	assert_int_equal(file_read(p->path, 4, &text, &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(text, "a\0b\n", 5);
	free(text);

	fill(p->path, "", 0);
	assert_int_equal(file_read(p->path, 0, &text, &len), 0);
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
	free(text);
}

static void test_sizes_around_the_first_buffer(void **state)
{
	const struct place *p = *state;
	char bytes[8193];

	memset(bytes, 'q', sizeof(bytes));
	for (size_t size = 4094; size <= sizeof(bytes); size += size < 4099 ? 1 : 4094) {
		char *text = NULL;
		size_t len = 0;

		fill(p->path, bytes, size);
		assert_int_equal(file_read(p->path, SIZE_MAX, &text, &len), 0);
		assert_int_equal(len, size);
		assert_memory_equal(text, bytes, size);
		assert_int_equal(text[size], '\0');
		free(text);
	}
}

static void test_larger_than_the_limit_is_refused(void **state)
{
	const struct place *p = *state;
	char *text = NULL;
	size_t len = 4711;

	fill(p->path, "12345", 5);
	assert_int_equal(file_read(p->path, 4, &text, &len), -EFBIG);
	assert_null(text);
	assert_int_equal(len, 4711);
	assert_int_equal(file_read(p->path, 0, &text, &len), -EFBIG);
}

/* The size that fstat() tells is 0 there, but bytes come. */
static void test_file_that_tells_no_size(void **state)
{
	char *text = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(file_read("/proc/self/status", 1 << 20, &text, &len), 0);
	assert_true(len > 0);
	free(text);
	assert_int_equal(file_read("/proc/self/status", 3, &text, &len), -EFBIG);
}

static void test_what_is_no_file_is_refused(void **state)
{
	const struct place *p = *state;
	char *text = NULL;
	size_t len;

	assert_int_equal(file_read(p->path, 10, &text, &len), -ENOENT);
	assert_int_equal(file_read(p->folder, 10, &text, &len), -EISDIR);
	assert_int_equal(file_read("/dev/zero", 10, &text, &len), -EINVAL);
	assert_null(text);
}

/* Writes in two parts, with a pause that outlasts some signals. */
struct writer {
	const char *path;
	size_t part;
};

static void *write_slowly(void *arg)
{
	const struct writer *w = arg;
	char bytes[5000];
	sigset_t alarm;
	int fd;

	(void)sigemptyset(&alarm);
	(void)sigaddset(&alarm, SIGALRM);
	(void)pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	memset(bytes, 'p', sizeof(bytes));
	fd = open(w->path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return NULL;
	(void)!write(fd, bytes, w->part);
	(void)usleep(60000);
	(void)!write(fd, bytes, w->part);
	(void)close(fd);
	return NULL;
}

static int read_pipe(const char *path, size_t part, size_t limit, size_t *ret_len)
{
	struct writer w = {path, part};
	pthread_t thread;
	char *text = NULL;
	int rc;

	assert_int_equal(pthread_create(&thread, NULL, write_slowly, &w), 0);
	rc = file_read(path, limit, &text, ret_len);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (rc == 0)
		for (size_t i = 0; i < *ret_len; i++)
			assert_int_equal(text[i], 'p');
	free(text);
	return rc;
}

static volatile sig_atomic_t alarms;

static void count_alarm(int signal)
{
	(void)signal;
	alarms++;
}

static void test_pipe_is_read_to_its_end_despite_signals(void **state)
{
	const struct place *p = *state;
	const struct sigaction catch = {.sa_handler = count_alarm}; /* no SA_RESTART */
	const struct itimerval often = {{0, 5000}, {0, 5000}};
	const struct itimerval never = {{0, 0}, {0, 0}};
	size_t len = 0;

	assert_int_equal(mkfifo(p->path, 0600), 0);
	assert_int_equal(sigaction(SIGALRM, &catch, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_int_equal(read_pipe(p->path, 5000, 10000, &len), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(len, 10000);
	assert_true(alarms > 0);
}

static void test_pipe_over_the_limit_is_refused(void **state)
{
	const struct place *p = *state;
	size_t len = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(mkfifo(p->path, 0600), 0);
	assert_int_equal(read_pipe(p->path, 5000, 9999, &len), -EFBIG);
}

static void test_name_beside_another(void **state)
{
	static const struct {
		const char *base;
		const char *name;
		const char *want;
	} cases[] = {
		{"/etc/weir/weir.conf", "corp.rules", "/etc/weir/corp.rules"},
		{"/etc/weir/weir.conf", "rules/corp.rules", "/etc/weir/rules/corp.rules"},
		{"/etc/weir/weir.conf", "../x", "/etc/weir/../x"},
		{"/etc/weir/weir.conf", "/srv/corp.rules", "/srv/corp.rules"},
		{"weir.conf", "corp.rules", "corp.rules"},
		{"conf/weir.conf", "corp.rules", "conf/corp.rules"},
		{"/weir.conf", "corp.rules", "/corp.rules"},
		{"conf/", "x", "conf/x"},
		{"conf/weir.conf", "", "conf/"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *got = file_beside(cases[i].base, cases[i].name);

		assert_non_null(got);
		assert_string_equal(got, cases[i].want);
		free(got);
	}
}

#define in_place(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

static void a_replaced_or_written_file_is_another(void **state)
{
	char path[] = "/tmp/weir-id-XXXXXX", aside[] = "/tmp/weir-id-XXXXXX";
	struct file_id first, again, written, replaced;
	int fd = mkstemp(path), other = mkstemp(aside);

	(void)state;
	assert_int_equal(file_identify(path, &first), 0);
	assert_int_equal(file_identify(path, &again), 0);
	assert_true(file_same(&first, &again));
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(file_identify(path, &written), 0);
	assert_false(file_same(&first, &written));
	assert_int_equal(write(other, "x", 1), 1);
	assert_int_equal(rename(aside, path), 0);
	assert_int_equal(file_identify(path, &replaced), 0);
	assert_false(file_same(&written, &replaced));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_identify(path, &again), -ENOENT);
	assert_int_equal(again.inode, 0);
	(void)close(fd);
	(void)close(other);
}

/* Whether or not a file is there. */
static void two_names_of_one_place(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"x", "x", true},
		{"x", "./x", true},
		{"src/none", "src/base/../none", true},
		{"src/base/none", "src/none", false},
		{"src/none", "src/nona", false},
		{"nowhere/none", "nowhere/./none", false}, /* no such folder */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(file_is_place(rows[i].a, rows[i].b), rows[i].same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_place(test_whole_file_with_a_nul_after_it),
		in_place(test_sizes_around_the_first_buffer),
		in_place(test_larger_than_the_limit_is_refused),
		cmocka_unit_test(test_file_that_tells_no_size),
		in_place(test_what_is_no_file_is_refused),
		in_place(test_pipe_is_read_to_its_end_despite_signals),
		in_place(test_pipe_over_the_limit_is_refused),
		cmocka_unit_test(test_name_beside_another),
		cmocka_unit_test(two_names_of_one_place),
		cmocka_unit_test(a_replaced_or_written_file_is_another),
	};

	return cmocka_run_group_tests_name("base/file", tests, NULL, NULL);
}
