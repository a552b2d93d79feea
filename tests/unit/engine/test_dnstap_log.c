/* SPDX-License-Identifier: Apache-2.0 */
/* Several logs as one, by time; each ends at its first fault, which is told. */
#include "engine/dnstap_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "sites.h"

#define LOG  "tests/data/unbound.dnstap"
#define TOLD 6u /* to clients of a site */

static char *bytes;
static size_t len;

struct told {
	unsigned faults;
	char last[300];
};

static void note(void *arg, const char *message)
{
	struct told *t = arg;

	t->faults++;
	(void)snprintf(t->last, sizeof(t->last), "%s", message);
}

static unsigned drain(struct dnstap_logs *l, int64_t until_us)
{
	const struct dnstap_answer *a;
	int64_t before = 0;
	unsigned n = 0;

	while ((a = dnstap_logs_next(l, until_us)) != NULL) {
		assert_true(a->time_us >= before && a->time_us <= until_us);
		before = a->time_us;
		n++;
	}
	return n;
}

static void answers_come_in_the_order_of_their_time(void **state)
{
	static const char *const twice[] = {LOG, LOG};
	const struct dnstap_answer *a;
	struct told t = {0};
	struct dnstap_logs *l = dnstap_logs_open(sites, twice, 2, note, &t);
	int64_t first_us;

	(void)state;
	assert_non_null(l);
	assert_null(dnstap_logs_next(l, 0));
	a = dnstap_logs_next(l, INT64_MAX);
	assert_non_null(a);
	first_us = a->time_us;
	assert_int_equal(drain(l, first_us), 1); /* of the other log */
	assert_int_equal(drain(l, INT64_MAX), 2 * TOLD - 2);
	assert_null(dnstap_logs_next(l, INT64_MAX));
	assert_int_equal(dnstap_logs_stats(l)->answers, 2 * TOLD);
	assert_int_equal(dnstap_logs_stats(l)->strangers, 2);
	assert_int_equal(dnstap_logs_stats(l)->others, 14);
	assert_int_equal(t.faults, 0);
	dnstap_logs_close(l);
}

/* A log of `count` copies of that one, of which the last has `last` bytes. */
static unsigned answers_of(unsigned count, size_t last, struct told *t)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	char name[32];
	const char *path = name;
	struct dnstap_logs *l;
	unsigned n;

	assert_true(fd >= 0);
	for (unsigned i = 0; i < count; i++) {
		const size_t want = i + 1 == count ? last : len;

		assert_int_equal(write(fd, bytes, want), want);
	}
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	memset(t, 0, sizeof(*t));
	l = dnstap_logs_open(sites, &path, 1, note, t);
	assert_non_null(l);
	n = 0;
	while (dnstap_logs_next(l, INT64_MAX) != NULL)
		n++;
	dnstap_logs_close(l);
	(void)close(fd);
	return n;
}

static void logs_put_together_are_one(void **state)
{
	struct told t;

	(void)state;
	/* Over the buffer's size many times. */
	assert_int_equal(answers_of(2000, len, &t), 2000 * TOLD);
	assert_int_equal(t.faults, 0);
}

static void a_log_that_is_cut_tells_so_and_keeps_what_came_before(void **state)
{
	struct told t;

	(void)state;
	for (size_t cut = 1; cut < len; cut++) {
		const unsigned n = answers_of(2, cut, &t);

		if (t.faults != 1 || strstr(t.last, ": the log is cut off") == NULL ||
		    n < TOLD || n > 2 * TOLD)
			fail_msg("%zu bytes: %u answers, '%s'", cut, n, t.last);
	}
}

static void what_is_no_log_is_told(void **state)
{
	static const char *const other[] = {"tests/unit/engine/sites.conf", "/nowhere/x"};
	struct told t = {0};
	struct dnstap_logs *l = dnstap_logs_open(sites, &other[0], 1, note, &t);

	(void)state;
	assert_non_null(l);
	assert_string_equal(t.last, "tests/unit/engine/sites.conf: no dnstap log, or "
				    "damaged from here on");
	assert_null(dnstap_logs_next(l, INT64_MAX));
	dnstap_logs_close(l);
	l = dnstap_logs_open(sites, &other[1], 1, note, &t);
	assert_non_null(l);
	assert_string_equal(t.last, "/nowhere/x: No such file or directory");
	assert_int_equal(t.faults, 2);
	assert_null(dnstap_logs_next(l, INT64_MAX));
	dnstap_logs_close(l);
	dnstap_logs_close(NULL);
}

static int make(void **state)
{
	return sites_make(state) != 0 ? -1 : file_read(LOG, 1 << 20, &bytes, &len);
}

static int unmake(void **state)
{
	free(bytes);
	return sites_unmake(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_the_order_of_their_time),
		cmocka_unit_test(logs_put_together_are_one),
		cmocka_unit_test(a_log_that_is_cut_tells_so_and_keeps_what_came_before),
		cmocka_unit_test(what_is_no_log_is_told),
	};

	return cmocka_run_group_tests_name("engine/dnstap_log", tests, make, unmake);
}
