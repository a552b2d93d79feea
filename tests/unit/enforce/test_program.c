/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "enforce/program.h"

/* While set, time is counted and not waited for: this stands before the C library's. */
static bool fast;
static int64_t waited_ns;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int nanosleep(const struct timespec *requested, struct timespec *remaining)
{
	int rc;

	if (fast) {
		waited_ns += requested->tv_sec * 1000000000 + requested->tv_nsec;
		return 0;
	}
	rc = clock_nanosleep(CLOCK_MONOTONIC, 0, requested, remaining);
	errno = rc;
	return rc == 0 ? 0 : -1;
}

/* A shell's script; what it wrote, which the caller frees. */
static char *shell(const char *script, const char *input, int want_status)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	int status = -1;
	char *said = NULL;

	assert_int_equal(program_run(argv, input, &status, &said), 0);
	assert_non_null(said);
	assert_int_equal(status, want_status);
	return said;
}

static void expect(const char *script, const char *input, const char *want)
{
	char *said = shell(script, input, 0);

	assert_string_equal(said, want);
	free(said);
}

/* This process has no child, neither running nor dead. */
static void expect_no_child(void)
{
	errno = 0;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void input_comes_out_whole(void **state)
{
	const size_t size = 300000; /* more than a pipe holds */
	char *text = malloc(size + 1), *said;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i % 26);
	text[size] = '\0';
	said = shell("cat", text, 0);
	assert_string_equal(said, text);
	free(said);
	free(text);
	expect("cat", NULL, "");
	expect("cat", "", "");
	expect("read a; read b; echo $b", "one\ntwo\nthree\n", "two\n");
	expect("true", "nobody reads this", "");
	expect_no_child();
}

static void both_outputs_are_kept_in_order(void **state)
{
	(void)state;
	expect("echo one; echo two >&2; echo three", NULL, "one\ntwo\nthree\n");
}

static void status_is_told(void **state)
{
	static const struct {
		const char *script;
		int want;
	} cases[] = {
		{"exit 0", 0},       {"exit 1", 1},          {"exit 255", 255},
		{"kill -9 $$", 128}, {"kill -TERM $$", 128},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		free(shell(cases[i].script, NULL, cases[i].want));
	free(shell("echo why; exit 4", NULL, 4));
	expect_no_child();
}

static void output_is_cut_at_the_limit(void **state)
{
	static const struct {
		const char *script;
		size_t want;
	} cases[] = {
		{"head -c 1048575 /dev/zero | tr '\\0' x", PROGRAM_OUTPUT_MAX - 1},
		{"head -c 1048576 /dev/zero | tr '\\0' x", PROGRAM_OUTPUT_MAX},
		{"head -c 1048577 /dev/zero | tr '\\0' x", PROGRAM_OUTPUT_MAX},
		{"head -c 9000000 /dev/zero | tr '\\0' x", PROGRAM_OUTPUT_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *said = shell(cases[i].script, NULL, 0);

		assert_int_equal(strlen(said), cases[i].want);
		assert_int_equal(strspn(said, "x"), cases[i].want);
		free(said);
	}
}

static void missing_program_is_told(void **state)
{
	static const char *const names[] = {"weir-has-no-such-program", "sh.no"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *const argv[] = {names[i], NULL};
		char there[] = "", *said = there;
		int status = 4711;

		assert_int_equal(program_run(argv, "x", &status, &said), -ENOENT);
		assert_null(said);
		assert_int_equal(status, 4711);
	}
	expect_no_child();
}

/* NOLINTBEGIN(concurrency-mt-unsafe): no thread has been started */
static void other_folders_are_not_searched(void **state)
{
	char folder[] = "/tmp/weir-program-XXXXXX", path[64], old[4096];
	const char *const argv[] = {"weir-test-program", NULL};
	const char *path_was = getenv("PATH");
	int status, fd, rc;
	char *said;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/%s", folder, argv[0]);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	(void)close(fd);
	(void)snprintf(old, sizeof(old), "%s", path_was == NULL ? "" : path_was);
	assert_int_equal(setenv("PATH", folder, 1), 0);
	rc = program_run(argv, NULL, &status, &said);
	(void)setenv("PATH", old, 1);
	(void)unlink(path);
	(void)rmdir(folder);
	assert_int_equal(rc, -ENOENT);
}

static void environment_is_fixed(void **state)
{
	char *said;

	(void)state;
	assert_int_equal(setenv("LD_PRELOAD_OF_WEIR", "evil", 1), 0);
	assert_int_equal(setenv("XTABLES_LIBDIR", "/tmp", 1), 0);
	said = shell("env | grep -v ^PWD= | sort", NULL, 0);
	(void)unsetenv("LD_PRELOAD_OF_WEIR");
	(void)unsetenv("XTABLES_LIBDIR");
	assert_string_equal(said, "LC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
	free(said);
}

/* NOLINTEND(concurrency-mt-unsafe) */

static void no_descriptor_is_inherited(void **state)
{
	/* Without O_CLOEXEC, on purpose. */
	/* NOLINTNEXTLINE(android-cloexec-open) */
	int leaky = open("/dev/zero", O_RDONLY), high;
	char *said;

	(void)state;
	assert_true(leaky > 2);
	/* NOLINTNEXTLINE(android-cloexec-dup) */
	high = fcntl(leaky, F_DUPFD, 200);
	assert_true(high >= 200);
	/* ls opens the folder itself as the next number. */
	said = shell("ls /proc/self/fd", NULL, 0);
	(void)close(leaky);
	(void)close(high);
	assert_string_equal(said, "0\n1\n2\n3\n");
	free(said);
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
	return n;
}

static void nothing_stays_open(void **state)
{
	const char *const none[] = {"weir-has-no-such-program", NULL};
	const unsigned before = open_descriptors();
	char *said;
	int status;

	(void)state;
	for (int i = 0; i < 20; i++) {
		free(shell("echo x", "y", 0));
		assert_int_equal(program_run(none, "x", &status, &said), -ENOENT);
	}
	assert_int_equal(open_descriptors(), before);
	expect_no_child();
}

/* A process whose standard descriptors are closed still gets its texts through. */
static void closed_standard_descriptors_do_no_harm(void **state)
{
	const char *const argv[] = {"sh", "-c", "cat; echo err >&2", NULL};

	(void)state;
	for (unsigned closed = 0; closed < 8; closed++) {
		int status = 0;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			char *said = NULL;
			int rc;

			for (int fd = 0; fd < 3; fd++)
				if ((closed >> fd & 1) != 0)
					(void)close(fd);
			rc = program_run(argv, "in ", &status, &said);
			_exit(rc != 0 || status != 0          ? 1
			      : said == NULL                  ? 2
			      : strcmp(said, "in err\n") != 0 ? 3
							      : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void signals_are_not_blocked_in_the_program(void **state)
{
	sigset_t all, before;
	char *said;

	(void)state;
	(void)sigfillset(&all);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &all, &before), 0);
	said = shell("grep SigBlk /proc/self/status", NULL, 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	assert_string_equal(said, "SigBlk:\t0000000000000000\n");
	free(said);
}

static void endless_program_is_ended_after_ten_seconds(void **state)
{
	const char *const argv[] = {"sleep", "1000", NULL};
	char there[] = "", *said = there;
	int status = 4711, rc;

	(void)state;
	waited_ns = 0;
	fast = true;
	rc = program_run(argv, NULL, &status, &said);
	fast = false;
	assert_int_equal(rc, -ETIMEDOUT);
	assert_null(said);
	assert_int_equal(status, 4711);
	assert_true(waited_ns > INT64_C(9900000000));
	assert_true(waited_ns <= INT64_C(10000000000));
	expect_no_child(); /* it was killed, and collected */
}

static void tick(int number)
{
	(void)number;
}

/* Signals that come all the time end neither the wait nor leave a zombie. */
static void signals_of_ours_do_no_harm(void **state)
{
	const struct sigaction on = {.sa_handler = tick}; /* without SA_RESTART */
	const struct timespec often = {.tv_nsec = 100000};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	const struct itimerspec timing = {.it_interval = often, .it_value = often};
	struct sigaction was;
	timer_t timer;
	char *said;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &on, &was), 0);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	assert_int_equal(timer_settime(timer, 0, &timing, NULL), 0);
	said = shell("echo start; sleep 0.3; cat", "end\n", 0);
	assert_int_equal(timer_delete(timer), 0);
	assert_int_equal(sigaction(SIGUSR1, &was, NULL), 0);
	assert_string_equal(said, "start\nend\n");
	free(said);
	expect_no_child();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(input_comes_out_whole),
		cmocka_unit_test(both_outputs_are_kept_in_order),
		cmocka_unit_test(status_is_told),
		cmocka_unit_test(output_is_cut_at_the_limit),
		cmocka_unit_test(missing_program_is_told),
		cmocka_unit_test(other_folders_are_not_searched),
		cmocka_unit_test(environment_is_fixed),
		cmocka_unit_test(no_descriptor_is_inherited),
		cmocka_unit_test(nothing_stays_open),
		cmocka_unit_test(closed_standard_descriptors_do_no_harm),
		cmocka_unit_test(signals_are_not_blocked_in_the_program),
		cmocka_unit_test(endless_program_is_ended_after_ten_seconds),
		cmocka_unit_test(signals_of_ours_do_no_harm),
	};

	return cmocka_run_group_tests_name("enforce/program", tests, NULL, NULL);
}
