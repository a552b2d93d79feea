/* SPDX-License-Identifier: Apache-2.0 */
/* The passive DNS table on its way: in slices to shared memory, to disk, and back. */
#include "engine/dns_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "identify/dns_table.h"
#include "sites.h"

#define SECOND INT64_C(1000000)
#define NOW    (1700000000 * SECOND)
#define MANY   5000u

/* An enforcer's worker with a table, and what it shares. */
struct stage {
	struct worker *w;
	struct dns_share sh;
	int fd;
	struct dns_writer *d;
	char dir[64];
};

static void put_nothing(void *arg, const struct event_key *key,
			const struct event_digest *d, const char *tail, size_t len)
{
	(void)arg;
	(void)key;
	(void)d;
	(void)tail;
	(void)len;
}

static struct dns_message answer(unsigned number)
{
	struct dns_message m;

	memset(&m, 0, sizeof(m));
	m.is_answer = true;
	m.question_count = 1;
	m.name_len = (uint16_t)snprintf(m.name, sizeof(m.name), "n%u.example", number);
	m.address_count = 1;
	m.addresses[0].addr = (struct addr){{[10] = 0xff, 0xff, 192, 0, 2, 1}};
	m.addresses[0].ttl_s = 3600;
	return m;
}

/* `n` clients of the north are told a name each, and the site. */
static void fill(struct stage *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct dns_message m = answer(i);
		const struct addr client = {
			{[10] = 0xff, 0xff, 10, 1, (uint8_t)(i >> 8), (uint8_t)i}};

		assert_true(witness_keep(worker_witness(s->w), &client, &m, NOW));
	}
	if (n > 0) {
		const struct dns_message m = answer(0);

		assert_true(witness_keep_site(worker_witness(s->w),
					      generation_site_id(sites, 0), &m, NOW));
	}
}

static void open_stage(struct stage *s)
{
	struct worker_cfg wc = {.generation = sites, .sink = {.put = put_nothing}};

	memset(s, 0, sizeof(*s));
	s->w = worker_create(&wc);
	s->fd = dns_share_open();
	s->d = dns_writer_create(&s->sh, s->fd);
	assert_true(s->w != NULL && s->fd >= 0 && s->d != NULL);
	memcpy(s->dir, "/tmp/weir-test-XXXXXX", 22);
	assert_non_null(mkdtemp(s->dir));
}

static void close_stage(struct stage *s)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/" DNS_FILE_NAME, s->dir);
	(void)unlink(path);
	assert_int_equal(rmdir(s->dir), 0); /* nothing else was left there */
	free(s->d);
	(void)close(s->fd);
	worker_destroy(s->w);
}

static int copy_to_nowhere(const struct stage *s)
{
	const int to = open("/dev/null", O_WRONLY | O_CLOEXEC);
	uint64_t version;
	const int rc = dns_share_copy(&s->sh, s->fd, to, &version);

	(void)close(to);
	return rc;
}

static bool take_turn(struct stage *s, bool due)
{
	return dns_writer_turn(s->d, s->w, sites, NOW + SECOND, due);
}

static unsigned finish(struct stage *s)
{
	unsigned turns = 1;

	while (take_turn(s, false))
		turns++;
	return turns;
}

static int save(struct stage *s)
{
	uint64_t version = 0;

	return dns_file_save(s->dir, &s->sh, s->fd, &version);
}

/* Into an empty witness; returns how many rows. */
static int load(const struct stage *s, int64_t now_us, struct dns_loaded *ret)
{
	struct witness *to = witness_create(0);
	struct witness_row row;
	char error[300] = "";
	unsigned rows = 0;
	int rc;

	assert_non_null(to);
	rc = dns_file_load(s->dir, to, sites, now_us, ret, error);
	for (size_t i = 0; i < witness_places(to); i++)
		rows += witness_row_at(to, i, now_us, &row);
	assert_int_equal(rows, ret->rows);
	assert_int_equal(rc == 0, error[0] == '\0');
	witness_destroy(to);
	return rc;
}

/* ---- slices ---- */

static void a_table_is_there_when_its_last_slice_is(void **state)
{
	struct stage s;
	unsigned turns;

	(void)state;
	open_stage(&s);
	fill(&s, MANY);
	assert_int_equal(copy_to_nowhere(&s), -ENODATA);
	assert_false(take_turn(&s, false)); /* nobody asked */
	assert_int_equal(copy_to_nowhere(&s), -ENODATA);
	atomic_fetch_add(&s.sh.wanted, 1);
	assert_true(take_turn(&s, false));
	assert_int_equal(copy_to_nowhere(&s), -EAGAIN);
	assert_int_equal(atomic_load(&s.sh.made), 0);
	turns = finish(&s);
	assert_true(turns > 10); /* 131,072 places */
	assert_int_equal(atomic_load(&s.sh.made), 1);
	assert_int_equal(copy_to_nowhere(&s), 0);
	assert_false(take_turn(&s, false));
	assert_true(take_turn(&s, true)); /* due */
	close_stage(&s);
}

static void who_asks_while_it_is_written_gets_the_next_one(void **state)
{
	struct stage s;

	(void)state;
	open_stage(&s);
	atomic_store(&s.sh.wanted, 1);
	assert_true(take_turn(&s, false));
	atomic_store(&s.sh.wanted, 2);
	while (atomic_load(&s.sh.made) == 0)
		(void)take_turn(&s, false);
	assert_int_equal(atomic_load(&s.sh.made), 1);
	assert_true(take_turn(&s, false));
	(void)finish(&s);
	assert_int_equal(atomic_load(&s.sh.made), 2);
	close_stage(&s);
}

static void what_another_process_left_half_written_is_never_copied(void **state)
{
	struct stage s;
	struct dns_writer *next;

	(void)state;
	open_stage(&s);
	fill(&s, 3);
	assert_true(take_turn(&s, true));
	next = dns_writer_create(&s.sh, s.fd); /* the first one has died */
	assert_non_null(next);
	free(s.d);
	s.d = next;
	assert_int_equal(copy_to_nowhere(&s), -EAGAIN);
	assert_true(take_turn(&s, true));
	assert_int_equal(copy_to_nowhere(&s), -EAGAIN);
	(void)finish(&s);
	assert_int_equal(copy_to_nowhere(&s), 0);
	close_stage(&s);
}

static void another_generation_begins_it_anew(void **state)
{
	struct stage s;

	(void)state;
	open_stage(&s);
	atomic_store(&s.sh.wanted, 1);
	assert_true(take_turn(&s, false));
	dns_writer_restart(s.d);
	assert_int_equal(copy_to_nowhere(&s), -EAGAIN);
	assert_true(take_turn(&s, false)); /* still asked for */
	(void)finish(&s);
	assert_int_equal(atomic_load(&s.sh.made), 1);
	dns_writer_restart(s.d);
	assert_false(take_turn(&s, false));
	close_stage(&s);
}

static void a_length_that_cannot_be_is_not_believed(void **state)
{
	struct stage s;

	(void)state;
	open_stage(&s);
	atomic_store(&s.sh.version, 2);
	atomic_store(&s.sh.bytes, DNS_TABLE_BYTES_MAX + 1);
	assert_int_equal(copy_to_nowhere(&s), -EIO);
	assert_int_equal(ftruncate(s.fd, 1), -1); /* nor can it grow or shrink */
	assert_int_equal(ftruncate(s.fd, (off_t)DNS_TABLE_BYTES_MAX * 2), -1);
	close_stage(&s);
}

/* ---- disk ---- */

static void what_is_saved_is_loaded(void **state)
{
	struct dns_loaded n;
	struct stage s;
	char path[128];
	struct stat st;

	(void)state;
	open_stage(&s);
	assert_int_equal(load(&s, NOW, &n), 0); /* there is none */
	assert_int_equal(n.rows, 0);
	assert_int_equal(save(&s), -ENODATA);
	fill(&s, MANY);
	dns_writer_all(s.d, s.w, sites, NOW + SECOND);
	assert_int_equal(save(&s), 0);
	(void)snprintf(path, sizeof(path), "%s/" DNS_FILE_NAME, s.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(load(&s, NOW + 2 * SECOND, &n), 0);
	assert_int_equal(n.rows, MANY + 1);
	assert_int_equal(n.ended + n.foreign, 0);
	assert_int_equal(load(&s, NOW + 3601 * SECOND, &n), 0);
	assert_int_equal(n.rows, 0);
	assert_int_equal(n.ended, MANY + 1);
	close_stage(&s);
}

static void a_save_that_fails_leaves_the_old_file(void **state)
{
	struct dns_loaded n;
	struct stage s;

	(void)state;
	open_stage(&s);
	fill(&s, 5);
	dns_writer_all(s.d, s.w, sites, NOW);
	assert_int_equal(save(&s), 0);
	assert_true(take_turn(&s, true));
	assert_int_equal(save(&s), -EAGAIN);
	assert_int_equal(load(&s, NOW, &n), 0);
	assert_int_equal(n.rows, 6);
	close_stage(&s);
}

static void a_site_that_is_no_more_is_left_out(void **state)
{
	struct dns_loaded n = {0};
	struct generation_cfg gc = {.share = "."};
	struct diag *d = diag_create();
	struct generation *old = sites;
	struct stage s;

	(void)state;
	assert_non_null(d);
	open_stage(&s);
	fill(&s, 5);
	dns_writer_all(s.d, s.w, sites, NOW);
	assert_int_equal(save(&s), 0);
	sites = generation_load(&gc, d);
	assert_non_null(sites);
	assert_int_equal(load(&s, NOW, &n), 0);
	assert_int_equal(n.foreign, 1);
	assert_int_equal(n.rows, 5);
	generation_destroy(sites);
	sites = old;
	diag_destroy(d);
	close_stage(&s);
}

static void damage_is_refused_as_a_whole(void **state)
{
	struct dns_loaded n;
	struct stage s;
	char path[128];
	off_t size;
	int fd;

	(void)state;
	open_stage(&s);
	fill(&s, 40);
	dns_writer_all(s.d, s.w, sites, NOW);
	assert_int_equal(save(&s), 0);
	(void)snprintf(path, sizeof(path), "%s/" DNS_FILE_NAME, s.dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	size = lseek(fd, 0, SEEK_END);
	for (off_t at = DNS_TABLE_HEAD; at < size; at += 37) {
		uint8_t byte, other;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		other = byte ^ 0x40;
		assert_int_equal(pwrite(fd, &other, 1, at), 1);
		assert_int_equal(load(&s, NOW, &n), -EBADMSG);
		assert_int_equal(n.rows, 0);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	assert_int_equal(load(&s, NOW, &n), 0);
	for (off_t len = size - 1; len >= 0; len -= 41) {
		assert_int_equal(ftruncate(fd, len), 0);
		assert_int_equal(load(&s, NOW, &n), -EBADMSG);
	}
	(void)close(fd);
	close_stage(&s);
}

static void what_is_no_file_of_ours_is_not_read(void **state)
{
	struct dns_loaded n;
	struct stage s;
	char path[128];
	int fd;

	(void)state;
	open_stage(&s);
	(void)snprintf(path, sizeof(path), "%s/" DNS_FILE_NAME, s.dir);
	assert_int_equal(mkfifo(path, 0600), 0); /* would be waited for */
	assert_int_equal(load(&s, NOW, &n), -EINVAL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(load(&s, NOW, &n), -ELOOP);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, (off_t)DNS_TABLE_BYTES_MAX + 1), 0);
	assert_int_equal(load(&s, NOW, &n), -EFBIG);
	(void)close(fd);
	close_stage(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_there_when_its_last_slice_is),
		cmocka_unit_test(who_asks_while_it_is_written_gets_the_next_one),
		cmocka_unit_test(what_another_process_left_half_written_is_never_copied),
		cmocka_unit_test(another_generation_begins_it_anew),
		cmocka_unit_test(a_length_that_cannot_be_is_not_believed),
		cmocka_unit_test(what_is_saved_is_loaded),
		cmocka_unit_test(a_save_that_fails_leaves_the_old_file),
		cmocka_unit_test(a_site_that_is_no_more_is_left_out),
		cmocka_unit_test(damage_is_refused_as_a_whole),
		cmocka_unit_test(what_is_no_file_of_ours_is_not_read),
	};

	return cmocka_run_group_tests_name("engine/dns_file", tests, sites_make,
					   sites_unmake);
}
