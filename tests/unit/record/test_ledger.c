/* SPDX-License-Identifier: Apache-2.0 */
#include "record/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "record/form.h"

#include "folder.h"

#define TAIL      "\"type\":\"system\",\"what\":\"x\"}\n"
#define HEAD(seq) "{\"v\":1,\"seq\":" #seq ","
#define LINE(seq) HEAD(seq) TAIL

static char error[300];

/* A folder for one test; *state is its name. */
static int make_folder(void **state)
{
	char *name = strdup("/tmp/weir-ledger-XXXXXX");

	(void)umask(022);
	*state = name;
	if (name == NULL || mkdtemp(name) == NULL)
		return -1;
	return 0;
}

static char *path_in(const void *folder, const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", (const char *)folder, name) > 0);
	return path;
}

static int remove_folder(void **state)
{
	char *ledger = path_in(*state, "l");

	remove_folder_of_files(ledger);
	remove_folder_of_files(*state);
	free(ledger);
	free(*state);
	return 0;
}

static struct ledger *open_in(void **state, uint64_t segment_bytes)
{
	char *dir = path_in(*state, "l");
	struct ledger_cfg cfg = {.dir = dir, .segment_bytes = segment_bytes};
	struct ledger *l = NULL;

	assert_int_equal(ledger_open(&cfg, &l, error), 0);
	free(dir);
	return l;
}

static int open_error(void **state, bool must_be_new)
{
	char *dir = path_in(*state, "l");
	struct ledger_cfg cfg = {.dir = dir, .must_be_new = must_be_new};
	struct ledger *l = NULL;
	int rc = ledger_open(&cfg, &l, error);

	free(dir);
	assert_null(l);
	assert_string_not_equal(error, "");
	return rc;
}

static void append(struct ledger *l, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		assert_int_equal(ledger_append(l, TAIL, sizeof(TAIL) - 1), 0);
}

static char *contents(void **state, const char *name, size_t *ret_len)
{
	char *path = path_in(*state, name), *text = NULL;
	size_t len = 0;

	assert_int_equal(file_read(path, 1 << 28, &text, &len), 0);
	free(path);
	if (ret_len != NULL)
		*ret_len = len;
	return text;
}

static void assert_contents(void **state, const char *name, const char *want)
{
	char *text = contents(state, name, NULL);

	assert_string_equal(text, want);
	free(text);
}

static void put(void **state, const char *name, const char *bytes)
{
	char *path = path_in(*state, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(bytes, f) >= 0);
	assert_int_equal(fclose(f), 0);
	free(path);
}

static void make_ledger_folder(void **state)
{
	char *dir = path_in(*state, "l");

	assert_int_equal(mkdir(dir, 0750), 0);
	free(dir);
}

static bool exists(void **state, const char *name)
{
	char *path = path_in(*state, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* All segments together: whole lines, from 1 on, without a gap. */
static uint64_t count_lines(void **state)
{
	uint64_t seq = 0;
	char name[32], head[FORM_HEAD_MAX];

	for (unsigned n = 1;; n++) {
		char *text, *p;
		size_t len;

		(void)snprintf(name, sizeof(name), "l/%06u.jsonl", n);
		if (!exists(state, name))
			return seq;
		text = contents(state, name, &len);
		for (p = text; p < text + len; seq++) {
			size_t head_len = form_head(seq + 1, head);

			assert_memory_equal(p, head, head_len);
			assert_memory_equal(p + head_len, TAIL, sizeof(TAIL) - 1);
			p += head_len + sizeof(TAIL) - 1;
		}
		free(text);
	}
}

static void a_new_ledger_numbers_lines_from_one(void **state)
{
	struct ledger *l = open_in(state, 0);

	assert_string_equal(error, "");
	assert_int_equal(ledger_next_seq(l), 1);
	append(l, 2);
	assert_int_equal(ledger_next_seq(l), 3);
	assert_int_equal(ledger_bytes(l), 2 * (sizeof(LINE(1)) - 1));
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000001.jsonl", LINE(1) LINE(2));
}

static void lines_wait_in_the_buffer_until_flushed(void **state)
{
	struct ledger *l = open_in(state, 0);

	append(l, 1);
	assert_contents(state, "l/000001.jsonl", "");
	assert_int_equal(ledger_flush(l), 0);
	assert_contents(state, "l/000001.jsonl", LINE(1));
	append(l, 1);
	assert_int_equal(ledger_sync(l), 0);
	assert_contents(state, "l/000001.jsonl", LINE(1) LINE(2));
	assert_int_equal(ledger_close(l), 0);
}

static void a_discarded_ledger_leaves_nothing_of_its_own(void **state)
{
	char *dir = path_in(*state, "l");
	struct stat st;
	struct ledger *l = open_in(state, 2 * sizeof(LINE(1)));

	append(l, 5); /* several segments */
	ledger_discard(l, dir);
	assert_int_not_equal(stat(dir, &st), 0);

	assert_int_equal(mkdir(dir, 0700), 0); /* somebody's folder */
	l = open_in(state, 0);
	append(l, 1);
	ledger_discard(l, dir);
	assert_int_equal(rmdir(dir), 0);
	ledger_discard(NULL, dir);
	free(dir);
}

static void files_are_for_owner_and_group_only(void **state)
{
	char *dir = path_in(*state, "l"), *file = path_in(*state, "l/000001.jsonl");
	struct stat st;

	assert_int_equal(ledger_close(open_in(state, 0)), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	free(dir);
	free(file);
}

static void an_existing_ledger_goes_on(void **state)
{
	struct ledger *l = open_in(state, 0);

	append(l, 1);
	assert_int_equal(ledger_close(l), 0);
	l = open_in(state, 0);
	assert_string_equal(error, "");
	assert_int_equal(ledger_next_seq(l), 2);
	assert_int_equal(ledger_bytes(l), 0);
	append(l, 1);
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000001.jsonl", LINE(1) LINE(2));
}

static void remove_path(void **state, const char *name)
{
	char *path = path_in(*state, name);

	assert_int_equal(remove(path), 0);
	free(path);
}

/* rm on a ledger that is being written: further lines go where they can be found. */
static void a_removed_segment_is_noticed(void **state)
{
	struct ledger *l = open_in(state, 0);

	append(l, 1);
	assert_int_equal(ledger_flush(l), 0);
	assert_int_equal(ledger_look(l), 0);
	remove_path(state, "l/000001.jsonl");
	assert_int_equal(ledger_look(l), 1);
	assert_int_equal(ledger_look(l), 0);
	append(l, 1);
	assert_int_equal(ledger_flush(l), 0);
	assert_contents(state, "l/000002.jsonl", LINE(2));
	remove_path(state, "l/000002.jsonl");
	remove_path(state, "l");
	assert_int_equal(ledger_look(l), -ENOENT);
	(void)ledger_close(l);
}

static void must_be_new_refuses_an_existing_one(void **state)
{
	assert_int_equal(ledger_close(open_in(state, 0)), 0);
	assert_int_equal(open_error(state, true), -EEXIST);
	assert_non_null(strstr(error, "holds a ledger already"));
}

static void segments_close_at_their_size(void **state)
{
	struct ledger *l = open_in(state, 2 * sizeof(LINE(1)));

	append(l, 5);
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000001.jsonl", LINE(1) LINE(2));
	assert_contents(state, "l/000002.jsonl", LINE(3) LINE(4));
	assert_contents(state, "l/000003.jsonl", LINE(5));
	l = open_in(state, 2 * sizeof(LINE(1)));
	append(l, 2);
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000003.jsonl", LINE(5) LINE(6));
	assert_contents(state, "l/000004.jsonl", LINE(7));
}

static void a_line_longer_than_a_segment_has_one_of_its_own(void **state)
{
	struct ledger *l = open_in(state, 10);

	append(l, 2);
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000001.jsonl", LINE(1));
	assert_contents(state, "l/000002.jsonl", LINE(2));
}

static void many_lines_pass_through_the_buffer(void **state)
{
	struct ledger *l = open_in(state, 1 << 20);

	append(l, 60000);
	assert_int_equal(ledger_close(l), 0);
	assert_int_equal(count_lines(state), 60000);
	assert_true(exists(state, "l/000003.jsonl"));
}

static void only_whole_tails_are_appended(void **state)
{
	static char long_tail[FORM_LINE_MAX + 1];
	struct ledger *l = open_in(state, 0);

	memset(long_tail, 'x', sizeof(long_tail));
	long_tail[sizeof(long_tail) - 1] = '\n';
	assert_int_equal(ledger_append(l, "", 0), -EINVAL);
	assert_int_equal(ledger_append(l, "}", 1), -EINVAL);
	assert_int_equal(ledger_append(l, "x}", 2), -EINVAL);
	assert_int_equal(ledger_append(l, "a\nb}\n", 5), -EINVAL);
	assert_int_equal(ledger_append(l, long_tail, sizeof(long_tail)), -EINVAL);
	append(l, 1);
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000001.jsonl", LINE(1));
}

static void a_torn_last_line_is_moved_aside(void **state)
{
	struct ledger *l;

	make_ledger_folder(state);
	put(state, "l/000001.jsonl", LINE(1) LINE(2) "{\"v\":1,\"se");
	l = open_in(state, 0);
	assert_non_null(strstr(error, "10 bytes moved to 000001.torn"));
	assert_int_equal(ledger_next_seq(l), 3);
	append(l, 1);
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000001.jsonl", LINE(1) LINE(2) LINE(3));
	assert_contents(state, "l/000001.torn", "{\"v\":1,\"se");
}

static void a_torn_only_line_gives_its_number_back(void **state)
{
	struct ledger *l;

	make_ledger_folder(state);
	put(state, "l/000001.jsonl", LINE(1));
	put(state, "l/000002.jsonl", "{\"v\":1,");
	l = open_in(state, 0);
	assert_non_null(strstr(error, "000002.torn"));
	append(l, 1);
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000002.jsonl", LINE(2));
}

static void a_torn_first_line_leaves_an_empty_ledger(void **state)
{
	struct ledger *l;

	make_ledger_folder(state);
	put(state, "l/000001.jsonl", "{");
	l = open_in(state, 0);
	assert_int_equal(ledger_next_seq(l), 1);
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000001.torn", "{");
}

static void torn_bytes_add_up(void **state)
{
	make_ledger_folder(state);
	put(state, "l/000001.jsonl", LINE(1) "a");
	assert_int_equal(ledger_close(open_in(state, 0)), 0);
	put(state, "l/000001.jsonl", LINE(1) "b");
	assert_int_equal(ledger_close(open_in(state, 0)), 0);
	assert_contents(state, "l/000001.torn", "ab");
}

static void what_is_no_ledger_is_not_touched(void **state)
{
	static const char *const rows[] = {
		"hello\n",
		"{\"seq\":1}\n",
		"{\"v\":1,\"seq\":}\n",
		"{\"v\":1,\"seq\":18446744073709551616,}\n",
		"{\"v\":1,\"seq\":7,\n",
		"{\"v\":,\"seq\":7,}\n",
		"\n",
		LINE(1) "\n",
	};

	make_ledger_folder(state);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(state, "l/000001.jsonl", rows[i]);
		assert_int_equal(open_error(state, false), -EBADMSG);
		assert_contents(state, "l/000001.jsonl", rows[i]);
	}
}

static void an_empty_segment_after_a_missing_one_is_refused(void **state)
{
	make_ledger_folder(state);
	put(state, "l/000003.jsonl", "");
	assert_int_equal(open_error(state, false), -ENOENT);
}

static void other_files_of_the_folder_do_not_matter(void **state)
{
	struct ledger *l;

	make_ledger_folder(state);
	put(state, "l/1.jsonl", "x");
	put(state, "l/00000x.jsonl", "x");
	put(state, "l/000009.json", "x");
	put(state, "l/0000009.jsonl", "x");
	put(state, "l/000000.jsonl", "x");
	l = open_in(state, 0);
	append(l, 1);
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000001.jsonl", LINE(1));
}

static void a_second_writer_is_refused(void **state)
{
	struct ledger *l = open_in(state, 0);

	assert_int_equal(open_error(state, false), -EBUSY);
	assert_non_null(strstr(error, "another process writes"));
	assert_int_equal(ledger_close(l), 0);
	assert_int_equal(ledger_close(open_in(state, 0)), 0);
}

static void links_and_fifos_are_not_followed(void **state)
{
	char *segment = path_in(*state, "l/000001.jsonl");

	make_ledger_folder(state);
	put(state, "elsewhere", LINE(1));
	assert_int_equal(symlink("../elsewhere", segment), 0);
	assert_int_equal(open_error(state, false), -ELOOP);
	assert_non_null(strstr(error, "segment 000001: it is a symbolic link"));
	assert_int_equal(unlink(segment), 0);
	assert_int_equal(mkfifo(segment, 0600), 0);
	assert_int_equal(open_error(state, false), -EBADMSG);
	free(segment);
}

static void a_folder_that_cannot_be_is_said(void **state)
{
	struct ledger_cfg cfg = {.dir = "/proc/weir"};
	struct ledger *l = NULL;

	(void)state;
	assert_true(ledger_open(&cfg, &l, error) < 0);
	assert_non_null(strstr(error, "cannot create the ledger '/proc/weir'"));
	cfg = (struct ledger_cfg){.dir = "/dev/null"};
	assert_int_equal(ledger_open(&cfg, &l, error), -ENOTDIR);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/*
 * A file-size limit stands for a full disk: write(2) writes a part, then fails.  Whatever
 * the limit, the segment holds whole lines only, and nothing is lost when there is room.
 */
static void a_full_disk_leaves_whole_lines_and_loses_none(void **state)
{
	static const rlim_t rows[] = {0, 1, 100, 5000, 262144, 300001};

	(void)signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ledger *l = open_in(state, 0);
		uint64_t appended = 0;
		char *dir = path_in(*state, "l");
		int rc;

		limit_files(rows[i]);
		while ((rc = ledger_append(l, TAIL, sizeof(TAIL) - 1)) == 0 &&
		       appended < 20000)
			appended++;
		assert_int_equal(rc, -EFBIG);
		assert_int_equal(ledger_next_seq(l), appended + 1);
		assert_int_equal(ledger_append(l, TAIL, sizeof(TAIL) - 1), -EFBIG);
		assert_int_equal(ledger_flush(l), -EFBIG);
		assert_int_equal(ledger_retry(l), -EFBIG);
		limit_files(RLIM_INFINITY);
		(void)count_lines(state); /* whole lines, in order */
		assert_int_equal(ledger_retry(l), 0);
		append(l, 1);
		assert_int_equal(ledger_close(l), 0);
		assert_int_equal(count_lines(state), appended + 1);
		remove_folder_of_files(dir);
		free(dir);
	}
}

static void closing_says_what_was_lost(void **state)
{
	struct ledger *l = open_in(state, 0);

	(void)signal(SIGXFSZ, SIG_IGN);
	append(l, 3);
	limit_files(sizeof(LINE(1)) + 5);
	assert_int_equal(ledger_close(l), -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_contents(state, "l/000001.jsonl", LINE(1));
}

static void no_room_for_the_next_segment_is_an_error_until_there_is(void **state)
{
	struct ledger *l = open_in(state, sizeof(LINE(1)));
	struct rlimit r, none;

	append(l, 1);
	/* No descriptor left: the next segment cannot be opened. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	none = r;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(ledger_append(l, TAIL, sizeof(TAIL) - 1), -EMFILE);
	assert_int_equal(ledger_retry(l), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	assert_int_equal(ledger_retry(l), 0);
	append(l, 1);
	assert_int_equal(ledger_close(l), 0);
	assert_contents(state, "l/000001.jsonl", LINE(1));
	assert_contents(state, "l/000002.jsonl", LINE(2));
}

static struct ledger *open_stream(int fd)
{
	struct ledger_cfg cfg = {.fd = fd};
	struct ledger *l = NULL;

	assert_int_equal(ledger_open(&cfg, &l, error), 0);
	return l;
}

static void a_stream_has_the_same_lines(void **state)
{
	char *path = path_in(*state, "events");
	int fd;
	struct ledger *l;

	put(state, "events", "before\n");
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	l = open_stream(fd);
	append(l, 2);
	assert_int_equal(ledger_close(l), 0);
	assert_int_equal(close(fd), 0); /* still ours */
	assert_contents(state, "events", "before\n" LINE(1) LINE(2));
	free(path);
}

static void a_stream_into_a_file_is_cut_back_behind_what_was_there(void **state)
{
	static const int modes[] = {O_APPEND, 0};

	(void)signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < 2; i++) {
		char *path = path_in(*state, "events");
		struct ledger *l;
		int fd;

		put(state, "events", "before\n");
		fd = open(path, O_WRONLY | O_CLOEXEC | modes[i]);
		assert_true(fd >= 0);
		assert_int_equal(lseek(fd, 0, SEEK_END), 7);
		l = open_stream(fd);
		append(l, 2);
		limit_files(7 + sizeof(LINE(1)) + 5);
		assert_int_equal(ledger_flush(l), -EFBIG);
		limit_files(RLIM_INFINITY);
		assert_contents(state, "events", "before\n" LINE(1));
		assert_int_equal(ledger_retry(l), 0);
		assert_int_equal(ledger_close(l), 0);
		assert_int_equal(close(fd), 0);
		assert_contents(state, "events", "before\n" LINE(1) LINE(2));
		free(path);
	}
}

static void a_full_device_is_an_error_that_stays(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct ledger *l;

	(void)state;
	assert_true(fd >= 0);
	l = open_stream(fd);
	append(l, 1);
	assert_int_equal(ledger_flush(l), -ENOSPC);
	assert_int_equal(ledger_append(l, TAIL, sizeof(TAIL) - 1), -ENOSPC);
	assert_int_equal(ledger_retry(l), -ENOSPC);
	assert_int_equal(ledger_close(l), -ENOSPC);
	assert_int_equal(close(fd), 0);
}

static void a_closed_pipe_is_an_error_and_no_signal(void **state)
{
	int fds[2];
	struct ledger *l;

	(void)state;
	(void)signal(SIGPIPE, SIG_DFL);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(close(fds[0]), 0);
	l = open_stream(fds[1]);
	append(l, 1);
	assert_int_equal(ledger_flush(l), -EPIPE);
	assert_int_equal(ledger_close(l), -EPIPE);
	assert_int_equal(close(fds[1]), 0);
}

static void a_stream_must_be_open_for_writing(void **state)
{
	struct ledger_cfg cfg = {.fd = -1};
	struct ledger *l = NULL;

	(void)state;
	assert_int_equal(ledger_open(&cfg, &l, error), -EBADF);
	assert_int_equal(ledger_close(NULL), 0);
}

#define FOLDER_TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(a_new_ledger_numbers_lines_from_one),
		FOLDER_TEST(lines_wait_in_the_buffer_until_flushed),
		FOLDER_TEST(a_discarded_ledger_leaves_nothing_of_its_own),
		FOLDER_TEST(files_are_for_owner_and_group_only),
		FOLDER_TEST(an_existing_ledger_goes_on),
		FOLDER_TEST(a_removed_segment_is_noticed),
		FOLDER_TEST(must_be_new_refuses_an_existing_one),
		FOLDER_TEST(segments_close_at_their_size),
		FOLDER_TEST(a_line_longer_than_a_segment_has_one_of_its_own),
		FOLDER_TEST(many_lines_pass_through_the_buffer),
		FOLDER_TEST(only_whole_tails_are_appended),
		FOLDER_TEST(a_torn_last_line_is_moved_aside),
		FOLDER_TEST(a_torn_only_line_gives_its_number_back),
		FOLDER_TEST(a_torn_first_line_leaves_an_empty_ledger),
		FOLDER_TEST(torn_bytes_add_up),
		FOLDER_TEST(what_is_no_ledger_is_not_touched),
		FOLDER_TEST(an_empty_segment_after_a_missing_one_is_refused),
		FOLDER_TEST(other_files_of_the_folder_do_not_matter),
		FOLDER_TEST(a_second_writer_is_refused),
		FOLDER_TEST(links_and_fifos_are_not_followed),
		cmocka_unit_test(a_folder_that_cannot_be_is_said),
		FOLDER_TEST(a_full_disk_leaves_whole_lines_and_loses_none),
		FOLDER_TEST(closing_says_what_was_lost),
		FOLDER_TEST(no_room_for_the_next_segment_is_an_error_until_there_is),
		FOLDER_TEST(a_stream_has_the_same_lines),
		FOLDER_TEST(a_stream_into_a_file_is_cut_back_behind_what_was_there),
		cmocka_unit_test(a_full_device_is_an_error_that_stays),
		cmocka_unit_test(a_closed_pipe_is_an_error_and_no_signal),
		cmocka_unit_test(a_stream_must_be_open_for_writing),
	};

	return cmocka_run_group_tests_name("record/ledger", tests, NULL, NULL);
}
