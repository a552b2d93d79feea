/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Standard error goes to a file that has lost its name; what is in it is compared. */
struct catcher {
	int file;
	int real; /* standard error */
};

static struct catcher begin_catch(void)
{
	char path[] = "/tmp/weir-log-XXXXXX";
	struct catcher c = {.file = mkstemp(path), .real = dup(STDERR_FILENO)};

	assert_true(c.file != -1 && c.real != -1);
	(void)unlink(path);
	assert_true(dup2(c.file, STDERR_FILENO) != -1);
	return c;
}

static void end_catch(struct catcher *c, char *buf, size_t size)
{
	ssize_t n;

	(void)dup2(c->real, STDERR_FILENO);
	n = pread(c->file, buf, size - 1, 0);
	(void)close(c->file);
	(void)close(c->real);
	assert_true(n >= 0);
	buf[n] = '\0';
}

/* First of all, while nobody has said whether there is a journal. */
static void test_journal_stream_is_recognised(void **state)
{
	char buf[256];
	char stream[64];
	struct catcher c = begin_catch();
	struct stat st;

	(void)state;
	assert_int_equal(fstat(c.file, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_error("disk full");
	log_notice("started");
	end_catch(&c, buf, sizeof(buf));
	assert_string_equal(buf, "<3>weir: error: disk full\n<5>weir: notice: started\n");
}

static void test_levels_up_to_the_set_one_are_written(void **state)
{
	static const struct {
		enum log_level level;
		const char *want;
	} cases[] = {
		{LOG_LEVEL_ERROR, "weir: error: e\n"},
		{LOG_LEVEL_WARNING, "weir: error: e\nweir: warning: w\n"},
		{LOG_LEVEL_NOTICE, "weir: error: e\nweir: warning: w\nweir: notice: n\n"},
		{LOG_LEVEL_INFO,
		 "weir: error: e\nweir: warning: w\nweir: notice: n\nweir: info: i\n"},
		{LOG_LEVEL_DEBUG, "weir: error: e\nweir: warning: w\nweir: notice: n\n"
				  "weir: info: i\nweir: debug: d\n"},
	};

	(void)state;
	log_to_journal(false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buf[256];
		struct catcher c = begin_catch();

		log_set_level(cases[i].level);
		log_error("e");
		log_warning("w");
		log_notice("n");
		log_info("i");
		log_debug("d");
		end_catch(&c, buf, sizeof(buf));
		assert_string_equal(buf, cases[i].want);
	}
	log_set_level(LOG_LEVEL_NOTICE);
}

static void test_journal_prefix_when_asked_for(void **state)
{
	char buf[256];
	struct catcher c = begin_catch();

	(void)state;
	log_to_journal(true);
	log_warning("queue %d is %s", 3, "full");
	log_to_journal(false);
	end_catch(&c, buf, sizeof(buf));
	assert_string_equal(buf, "<4>weir: warning: queue 3 is full\n");
}

static void test_wire_bytes_cannot_forge_a_line(void **state)
{
	char buf[256];
	struct catcher c = begin_catch();

	(void)state;
	log_error("host '%s'", "a\nweir: error: b\x1b[2J\x7f\xc3\xbc\t~ ");
	end_catch(&c, buf, sizeof(buf));
	assert_string_equal(buf,
			    "weir: error: host 'a\\x0aweir: error: b\\x1b[2J\\x7f\\xc3"
			    "\\xbc\\x09~ '\n");
}

static void test_long_message_is_cut_to_one_line(void **state)
{
	char text[3000];
	char buf[8192];
	struct catcher c = begin_catch();

	(void)state;
	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	end_catch(&c, buf, sizeof(buf));
	assert_int_equal(strlen(buf), strlen("weir: error: ") + (size_t)4 * 1023 + 1);
	assert_ptr_equal(strchr(buf, '\n'), buf + strlen(buf) - 1);
}

/* Nowhere to write to: the failed write(2) must not show. */
static void test_errno_is_preserved(void **state)
{
	char buf[256];
	struct catcher c = begin_catch();
	int saved;

	(void)state;
	(void)close(STDERR_FILENO);
	errno = ENOENT;
	log_error("lost");
	saved = errno;
	end_catch(&c, buf, sizeof(buf));
	assert_int_equal(saved, ENOENT);
	assert_string_equal(buf, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal_stream_is_recognised),
		cmocka_unit_test(test_levels_up_to_the_set_one_are_written),
		cmocka_unit_test(test_journal_prefix_when_asked_for),
		cmocka_unit_test(test_wire_bytes_cannot_forge_a_line),
		cmocka_unit_test(test_long_message_is_cut_to_one_line),
		cmocka_unit_test(test_errno_is_preserved),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
