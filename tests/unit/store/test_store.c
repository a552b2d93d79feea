/* SPDX-License-Identifier: Apache-2.0 */
#include "store/query.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash.h"
#include "record/expire.h"
#include "record/pack.h"
#include "store/check.h"

static char dir[64];

static void ledger_path(unsigned segment, char buf[128])
{
	(void)snprintf(buf, 128, "%s/%06u.jsonl", dir, segment);
}

/* What `service` says of connections: begun, and counted only. */
static uint64_t begun[4], counted[4];

/* Events from..to-1, 7 minutes apart, of a few kinds that the number alone decides. */
static void add(unsigned segment, unsigned from, unsigned to)
{
	static const char *const services[] = {"power-apps", "dataverse", "sql", "m365"};
	char path[128], when[RFC3339_LEN + 1];
	FILE *out;

	ledger_path(segment, path);
	out = fopen(path, "ae");
	assert_non_null(out);
	for (unsigned i = from; i < to; i++) {
		const unsigned h = (unsigned)(hash_u64(i + 1) % 1000);
		const bool rollup = h % 50 != 0 && hash_u64(i + 1) % 51 == 7,
			   start = h % 9 > 3;

		clock_format_rfc3339((int64_t)i * 420000000, when);
		(void)fprintf(out,
			      "{\"v\":1,\"seq\":%u,\"time\":\"%s\",\"type\":\"%s\","
			      "\"sensor\":\"a-sensor-of-this-test\","
			      "\"principal\":\"u%u\",\"service\":\"%s\",\"sni\":\"s%u\"",
			      i + 1, when,
			      h % 50 == 0 ? "change"
			      : rollup    ? "rollup"
					  : "flow",
			      h % 7, services[h % 4], h % 5);
		if (h % 3 == 0)
			(void)fprintf(out, ",\"verdict\":\"%s\",\"bytes_out\":%u",
				      h % 2 == 0 ? "deny" : "allow", h);
		if (h % 10 != 0)
			(void)fprintf(out, ",\"host\":\"h%u\"", h % 43);
		if (i / 50 % 4 == 1 && h % 5 == 0) /* in few lines, some with escapes */
			(void)fprintf(out, ",\"url\":\"http:%s//h/x%u\"",
				      h % 2 == 0 ? "\\/" : "", h % 4);
		if (h % 6 == 5) /* the name of a field of the event, too */
			(void)fprintf(out, ",\"detail\":{\"sni\":\"s%u\"}", h % 4);
		if (rollup)
			(void)fprintf(out, ",\"count\":%u", h);
		else if (h % 50 != 0)
			(void)fprintf(out, ",\"phase\":\"%s\"", start ? "start" : "end");
		(void)fprintf(out, "}\n");
		counted[h % 4] += rollup ? h : 0;
		begun[h % 4] += !rollup && h % 50 != 0 && start;
	}
	assert_int_equal(fclose(out), 0);
}

static struct store *open_store(size_t *ret_warnings)
{
	const struct store_cfg cfg = {.ledger = dir};
	struct diag *d = diag_create();
	struct store *s = NULL;

	assert_non_null(d);
	assert_int_equal(store_open(&cfg, d, &s), 0);
	if (ret_warnings != NULL)
		*ret_warnings = diag_count(d, DIAG_WARNING);
	diag_destroy(d);
	return s;
}

static void ask(struct store *s, const struct query *q, struct query_result *r)
{
	struct diag *d = diag_create();

	assert_non_null(d);
	assert_int_equal(query_run(s, q, d, r), 0);
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	diag_destroy(d);
}

static void filter(struct query *q, const char *field, const char *value)
{
	struct field_ref f;

	assert_true(field_ref_find(field, &f));
	assert_null(query_filter(q, &f, str_of(value)));
}

/* A digest of an answer that does not depend on the order of groups. */
static uint64_t digest(const struct query *q, const struct query_result *r)
{
	uint64_t sum = r->matched;

	for (size_t i = 0; i < r->line_count; i++)
		sum += hash_u64(r->lines[i].place.offset + 1) * (i + 1);
	for (size_t i = 0; i < sums_count(r->groups); i++) {
		const struct sums_row g = sums_at(r->groups, i);
		uint64_t one =
			g.count ^ (uint64_t)g.first_us ^ hash_u64((uint64_t)g.last_us);

		one ^= hash_u64((uint64_t)g.key[0]);
		for (size_t k = 0; k <= q->sum_count; k++)
			one = hash_u64(one ^ (uint64_t)g.values[k]);
		for (size_t k = 0; k < q->group_count; k++) {
			const struct str t =
				strings_text(r->texts, g.key[k + 1] == QUERY_ABSENT
							       ? 0
							       : (uint32_t)g.key[k + 1]);

			one = hash_u64(one ^
				       hash_bytes(t.p == NULL ? "" : t.p, t.len, 3));
		}
		sum += one;
	}
	return sum;
}

/* One query of the shape that `n` says. */
static void shape(struct query *q, unsigned n)
{
	static const char *const groups[] = {"service", "principal", "verdict", "sni",
					     "type"};
	static const char *const values[][2] = {
		{"service", "d*"},   {"verdict", "deny"},  {"verdict", "!*"},
		{"sni", "s1"},       {"principal", "!u3"}, {"type", "change"},
		{"seq", "100..700"}, {"url", "*X3"},       {"url", "!*"},
		{"url", "*/*/h*"},   {"detail.sni", "s1"}};
	struct field_ref f;

	query_init(q);
	filter(q, values[n % 11][0], values[n % 11][1]);
	if (n / 11 % 2 == 0)
		filter(q, values[(n / 3 + 1) % 11][0], values[(n / 3 + 1) % 11][1]);
	if (n % 13 == 5) { /* rows by an index, of two values, and of more than are few */
		filter(q, "host", "h7");
		filter(q, "host", n % 2 == 0 ? "h31" : "h3*");
	} else if (n % 13 == 7) {
		filter(q, "host", "h19");
	}
	if (n % 4 != 0) {
		assert_true(field_ref_find(groups[n % 5], &q->groups[q->group_count++]));
		assert_true(field_ref_find("bytes_out", &q->sums[q->sum_count++]));
	}
	if (n % 8 == 5 && field_ref_find(groups[n % 3], &f) && f.at != q->groups[0].at)
		q->groups[q->group_count++] = f;
	if (n % 6 == 1)
		q->bucket_us = n % 12 == 1 ? (int64_t)3600 * 1000000 : 5000000000;
	if (n % 5 == 2) {
		q->since_us = (int64_t)n * 3600 * 1000000;
		q->until_us = (int64_t)(n + 70) * 3600 * 1000000 + (n % 2);
	}
}

static void test_sums_and_columns_answer_as_lines_do(void **state)
{
	static struct query q;
	struct store *s;
	uint64_t rows = 0, matched = 0;

	(void)state;
	add(1, 0, 600);
	add(2, 600, 1500);
	s = open_store(NULL);
	assert_true(store_totals(s).events == 1500 && store_totals(s).files == 8);
	for (unsigned n = 0; n < 840; n++) {
		struct query_result fast, plain;
		uint64_t want;

		shape(&q, n);
		q.plain = true;
		ask(s, &q, &plain);
		want = digest(&q, &plain);
		q.plain = false;
		ask(s, &q, &fast);
		if (digest(&q, &fast) != want || fast.matched != plain.matched)
			fail_msg("query %u: %zu events, not %zu", n, (size_t)fast.matched,
				 (size_t)plain.matched);
		rows += plain.rows - fast.rows;
		matched += fast.matched;
		query_result_finish(&fast);
		query_result_finish(&plain);
	}
	assert_true(rows > 0 &&
		    matched > 10000); /* the sums did answer, and not with nothing */
	store_close(s);
}

/* The last lines are the same, whether all are counted or not. */
static void test_the_newest_lines_are_found_without_the_rest(void **state)
{
	static struct query q;
	struct store *s;
	uint64_t saved = 0, stopped = 0, shown = 0;

	(void)state;
	add(1, 0, 600);
	add(2, 600, 1500);
	s = open_store(NULL);
	for (unsigned n = 0; n < 440; n++) {
		struct query_result all, last;

		shape(&q, n);
		q.group_count = q.sum_count = 0;
		q.bucket_us = 0;
		q.limit = 1 + n % 37;
		ask(s, &q, &all);
		q.newest = true;
		ask(s, &q, &last);
		assert_false(all.stopped);
		assert_int_equal(last.line_count,
				 all.matched < q.limit ? all.matched : q.limit);
		assert_int_equal(last.line_count, all.line_count);
		for (size_t i = 0; i < all.line_count; i++)
			assert_true(last.lines[i].place.segment ==
					    all.lines[i].place.segment &&
				    last.lines[i].place.offset ==
					    all.lines[i].place.offset);
		if (!last.stopped)
			assert_int_equal(last.matched, all.matched);
		saved += all.rows - last.rows;
		stopped += last.stopped;
		shown += last.line_count;
		query_result_finish(&all);
		query_result_finish(&last);
	}
	assert_true(saved > 100000 && stopped > 50 && shown > 2000);
	query_init(&q);
	filter(&q, "seq", "1..37"); /* of the first file: there are no older ones */
	q.newest = true;
	for (q.limit = 36; q.limit < 39; q.limit++) {
		struct query_result r;

		ask(s, &q, &r);
		assert_true(r.stopped == (q.limit < 37));
		assert_int_equal(r.line_count, q.limit < 37 ? q.limit : 37);
		query_result_finish(&r);
	}
	store_close(s);
}

/* Rows of minutes without such a field are passed over; the index says which. */
static void test_rows_without_a_field_of_lines_are_passed_over(void **state)
{
	static struct query q;
	struct query_result r;
	struct store *s;

	(void)state;
	add(1, 0, 1000);
	s = open_store(NULL);
	query_init(&q);
	filter(&q, "url", "*");
	ask(s, &q, &r);
	assert_true(r.matched > 20 && r.rows == r.matched); /* one a minute here */
	query_result_finish(&r);
	query_init(&q);
	filter(&q, "ja4", "*x");
	ask(s, &q, &r);
	assert_true(r.rows == 0 && r.lines_read == 0);
	query_result_finish(&r);
	store_close(s);
}

struct told {
	unsigned times;
	uint64_t last, of;
};

static void note_progress(void *arg, uint64_t events, uint64_t of)
{
	struct told *t = arg;

	assert_true(events <= of && (t->times == 0 || of == t->of));
	t->times++;
	t->last = events > t->last ? events : t->last;
	t->of = of;
}

static void test_progress_is_told(void **state)
{
	static struct query q;
	struct query_result r;
	struct told told = {0};
	struct store *s;

	(void)state;
	add(1, 0, 100); /* one file: nobody else counts */
	s = open_store(NULL);
	query_init(&q);
	filter(&q, "sni", "*x");
	q.progress = note_progress;
	q.progress_arg = &told;
	ask(s, &q, &r);
	query_result_finish(&r);
	assert_true(told.times > 0 && told.last == 100 && told.of == 100);
	store_close(s);
}

static void test_connections_are_those_begun_and_those_counted(void **state)
{
	static struct query q;
	struct store *s;

	(void)state;
	memset(begun, 0, sizeof(begun));
	memset(counted, 0, sizeof(counted));
	add(1, 0, 600);
	add(2, 600, 1500);
	s = open_store(NULL);
	query_init(&q);
	assert_true(field_ref_find("service", &q.groups[q.group_count++]));
	for (unsigned n = 0; n < 3; n++) { /* sums, columns, lines */
		struct query_result r;
		uint64_t got[4] = {0};

		q.bucket_us = n == 1 ? 5000000000 : 0;
		q.plain = n == 2;
		ask(s, &q, &r);
		assert_true(n == 1 ? sums_count(r.groups) > 100
				   : sums_count(r.groups) == 4);
		for (size_t i = 0; i < sums_count(r.groups); i++) {
			static const char *const services[] = {"power-apps", "dataverse",
							       "sql", "m365"};
			const struct sums_row g = sums_at(r.groups, i);
			size_t k = 0;

			while (!str_equal(strings_text(r.texts, (uint32_t)g.key[1]),
					  str_of(services[k])))
				k++;
			got[k] += (uint64_t)g.values[0];
		}
		for (size_t k = 0; k < 4; k++) {
			assert_true(counted[k] > 100 && begun[k] > 50);
			assert_int_equal(got[k], begun[k] + counted[k]);
		}
		query_result_finish(&r);
	}
	store_close(s);
}

static void test_a_ledger_that_grows_is_followed(void **state)
{
	size_t warnings;
	struct store *s;
	struct diag *d = diag_create();

	(void)state;
	add(1, 0, 100);
	s = open_store(NULL);
	assert_int_equal(store_totals(s).added, 100);
	add(1, 100, 130);
	add(2, 130, 150);
	assert_int_equal(store_update(s, d), 0);
	assert_true(store_totals(s).events == 150 && store_totals(s).added == 150);
	assert_int_equal(store_totals(s).gaps, 0);
	store_close(s);
	s = open_store(&warnings);
	assert_true(store_totals(s).added == 0 && warnings == 0);
	add(3, 160, 170); /* ten are missing */
	assert_int_equal(store_update(s, d), 0);
	assert_int_equal(store_totals(s).gaps, 1);
	store_close(s);
	diag_destroy(d);
}

static void test_removed_segments_take_their_days_along(void **state)
{
	char path[128];
	size_t warnings;
	struct store *s;

	(void)state;
	add(1, 0, 600); /* nearly three days */
	add(2, 600, 1500);
	store_close(open_store(NULL));
	ledger_path(1, path);
	assert_int_equal(unlink(path), 0);
	s = open_store(&warnings);
	assert_int_equal(warnings, 0);
	assert_true(store_totals(s).files == 6); /* the third day is in both segments */
	store_close(s);
	for (unsigned day = 1; day < 9; day++) {
		(void)snprintf(path, sizeof(path), "%s/index/1970-01-%02u.sqlite", dir,
			       day);
		assert_int_equal(access(path, F_OK), day < 3 ? -1 : 0);
	}
}

/* The plain form, the compressed one, or both for a moment. */
static void compress(unsigned segment, bool keep_plain)
{
	const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[128], copy[140];
	struct pack *p = NULL;
	int rc;

	ledger_path(segment, path);
	(void)snprintf(copy, sizeof(copy), "%s.keep", path);
	if (keep_plain)
		assert_int_equal(link(path, copy), 0);
	assert_true(dir_fd != -1 && pack_open(dir_fd, segment, &p) == 0);
	do
		rc = pack_step(p);
	while (rc == 1);
	assert_int_equal(rc, 0);
	pack_close(p);
	(void)close(dir_fd);
	assert_int_equal(access(path, F_OK), -1);
	if (keep_plain)
		assert_int_equal(rename(copy, path), 0);
}

/* All lines of numbers 1 to `last` are in the index once and can be read. */
static void check_all(struct store *s, uint64_t last)
{
	static struct query q;
	struct query_result r;

	query_init(&q);
	q.prove = true;
	assert_true(field_ref_find("seq", &q.groups[q.group_count++]));
	ask(s, &q, &r);
	assert_int_equal(r.matched, last);
	assert_int_equal(sums_count(r.groups), last);
	assert_int_equal(r.lines_gone, 0);
	assert_int_equal(r.proved, last);
	query_result_finish(&r);
}

/* Connections of a segment expire; returns how many lines went.  `mark`: and it is said. */
static uint64_t expire(unsigned segment, bool mark)
{
	const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct expired_marks m = {.to = {[EXPIRING_FLOW] = segment},
					.lines = {[EXPIRING_FLOW] = 1}};
	struct expire *e = NULL;
	uint64_t went;
	int rc;

	assert_true(dir_fd != -1);
	assert_int_equal(expire_open(dir_fd, segment, 1u << EXPIRING_FLOW, &e), 0);
	do
		rc = expire_step(e);
	while (rc == 1);
	assert_int_equal(rc, 0);
	assert_non_null(expire_result(e));
	went = expire_result(e)->lines;
	assert_int_equal(expire_finish(e), 0);
	expire_close(e);
	if (mark)
		assert_int_equal(expired_marks_write(dir_fd, &m), 0);
	(void)close(dir_fd);
	return went;
}

static void check_index(struct store *s)
{
	struct diag *d = diag_create();
	struct store_check c;

	assert_int_equal(store_check(s, d, &c), 0);
	assert_string_equal(c.difference, "");
	assert_int_equal(c.not_compared, 0);
	diag_destroy(d);
}

/* Files of the index in which a text stands. */
static int files_with(const char *text)
{
	char command[200];

	(void)snprintf(command, sizeof(command),
		       "exit $(grep -la '%s' %s/index/* | wc -l)", text, dir);
	return system(command) >> 8; // NOLINT(cert-env33-c,concurrency-mt-unsafe)
}

static void test_expired_lines_leave_the_index(void **state)
{
	static struct query a, b;
	uint64_t went, events;
	struct query_result r, plain;
	size_t warnings;
	struct store *s;
	char path[128];
	FILE *out;

	(void)state;
	add(1, 0, 599); /* nearly three days */
	ledger_path(1, path);
	out = fopen(path, "ae");
	assert_non_null(out);
	(void)fprintf(out,
		      "{\"v\":1,\"seq\":600,\"time\":\"1970-01-03T21:53:00.000000Z\","
		      "\"type\":\"flow\",\"sensor\":\"a-sensor-of-this-test\","
		      "\"principal\":\"somebody\",\"host\":\"only-here.example\"}\n");
	assert_int_equal(fclose(out), 0);
	add(2, 600, 1200);
	add(3, 1200, 1500);
	store_close(open_store(NULL));
	assert_int_equal(files_with("only-here.example"), 1);
	/* The text is gone, and the index does not know yet: not an answer, nor a doubt. */
	went = expire(1, false);
	s = open_store(&warnings);
	assert_int_equal(warnings, 0);
	assert_int_equal(store_totals(s).events, 1500);
	query_init(&a);
	filter(&a, "principal", "somebody");
	filter(&a, "sensor", "*");
	ask(s, &a, &r);
	query_result_finish(&r);
	store_close(s);
	went += expire(2, true);
	went += expire(3, true); /* the last line of all, too */
	assert_true(went > 1200);
	s = open_store(&warnings);
	assert_int_equal(warnings, 0);
	events = store_totals(s).events;
	assert_int_equal(events, 1500 - went);
	assert_int_equal(store_totals(s).gaps, 0);
	assert_int_equal(store_totals(s).added, 0);
	assert_int_equal(files_with("only-here.example"), 0);
	assert_int_equal(files_with("somebody"), 0);
	check_all(s, events);
	check_index(s);
	for (unsigned n = 0; n < 200; n++) {
		shape(&a, n);
		shape(&b, n);
		b.plain = true;
		ask(s, &a, &r);
		ask(s, &b, &plain);
		assert_true(digest(&a, &r) == digest(&b, &plain));
		query_result_finish(&r);
		query_result_finish(&plain);
	}
	store_close(s);
	/* It goes on there, and one that is made anew is the same. */
	add(4, 1500, 1600);
	s = open_store(&warnings);
	assert_int_equal(warnings, 0);
	assert_int_equal(store_totals(s).added, 100);
	assert_int_equal(store_totals(s).gaps, 0);
	check_all(s, events + 100);
	store_close(s);
	(void)snprintf(path, sizeof(path), "rm -r %s/index", dir);
	assert_int_equal(system(path), 0); // NOLINT(cert-env33-c,concurrency-mt-unsafe)
	s = open_store(NULL);
	assert_int_equal(store_totals(s).events, events + 100);
	assert_int_equal(store_totals(s).gaps, 0);
	check_all(s, events + 100);
	check_index(s);
	store_close(s);
}

static void test_segments_are_compressed_while_they_are_indexed(void **state)
{
	struct diag *d = diag_create();
	size_t warnings;
	struct store *s;

	(void)state;
	add(1, 0, 300);
	s = open_store(NULL);
	compress(1, false); /* the one that the index ends in */
	assert_int_equal(store_update(s, d), 0);
	assert_int_equal(store_totals(s).added, 300);
	check_all(s, 300);
	add(2, 300, 400);
	assert_int_equal(store_update(s, d), 0);
	add(2, 400, 450); /* written on, behind the place where the index ends */
	add(3, 450, 500);
	compress(2, true);
	assert_int_equal(store_update(s, d), 0);
	assert_int_equal(store_totals(s).added, 500);
	check_all(s, 500);
	assert_int_equal(diag_count(d, DIAG_WARNING), 0);
	store_close(s);
	s = open_store(&warnings);
	assert_true(store_totals(s).added == 0 && warnings == 0);
	check_all(s, 500);
	store_close(s);
	diag_destroy(d);
}

static void test_a_changed_line_is_found(void **state)
{
	static struct query q;
	struct query_result r;
	struct store *s;
	char path[128];
	FILE *f;

	(void)state;
	add(1, 0, 50);
	s = open_store(NULL);
	ledger_path(1, path);
	f = fopen(path, "r+e");
	assert_non_null(f);
	assert_int_equal(fseek(f, 14, SEEK_SET), 0); /* in "time" of line 1 */
	assert_int_equal(fputc('m', f), 'm');
	assert_int_equal(fclose(f), 0);
	query_init(&q);
	q.prove = true;
	{
		struct diag *d = diag_create();

		assert_int_equal(query_run(s, &q, d, &r), 0);
		diag_destroy(d);
	}
	assert_true(r.changed == 1 && r.first_changed.line == 1 && r.proved == 49);
	query_result_finish(&r);
	store_close(s);
}

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/weir-store-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
	char path[128];

	(void)state;
	for (unsigned i = 1; i < 5; i++) {
		ledger_path(i, path);
		(void)unlink(path);
		/* ledger_path() leaves room. */
		(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), ".zst");
		(void)unlink(path);
	}
	for (unsigned i = 1; i < 9; i++) {
		(void)snprintf(path, sizeof(path), "%s/index/1970-01-%02u.sqlite", dir,
			       i);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/" EXPIRED_MARKS, dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/index/lock", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/index", dir);
	(void)rmdir(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sums_and_columns_answer_as_lines_do,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			test_the_newest_lines_are_found_without_the_rest, make_dir,
			remove_dir),
		cmocka_unit_test_setup_teardown(
			test_rows_without_a_field_of_lines_are_passed_over, make_dir,
			remove_dir),
		cmocka_unit_test_setup_teardown(test_progress_is_told, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(
			test_connections_are_those_begun_and_those_counted, make_dir,
			remove_dir),
		cmocka_unit_test_setup_teardown(test_a_ledger_that_grows_is_followed,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			test_removed_segments_take_their_days_along, make_dir,
			remove_dir),
		cmocka_unit_test_setup_teardown(
			test_segments_are_compressed_while_they_are_indexed, make_dir,
			remove_dir),
		cmocka_unit_test_setup_teardown(test_expired_lines_leave_the_index,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_a_changed_line_is_found, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
