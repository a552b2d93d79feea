/* SPDX-License-Identifier: Apache-2.0 */
#include "record/upkeep.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/diag.h"
#include "record/keys.h"
#include "record/ledger.h"
#include "record/pack.h"
#include "record/read.h"
#include "record/retire.h"
#include "record/verify.h"

#define START   INT64_C(1790000000000000)
#define SEGMENT UINT64_C(20000)
#define DAY     INT64_C(86400000000)

struct place {
	char top[64], dir[80], keys[80];
	struct upkeep_cfg upkeep;
	int64_t mono; /* of the last tend */
	int64_t wall; /* START is there at mono 0 */
	int64_t line; /* time of the next line, in seconds from START */
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct keys k;

	*state = p;
	(void)umask(022);
	if (p == NULL)
		return -1;
	(void)snprintf(p->top, sizeof(p->top), "/tmp/weir-upkeep-XXXXXX");
	if (mkdtemp(p->top) == NULL)
		return -1;
	(void)snprintf(p->dir, sizeof(p->dir), "%s/l", p->top);
	(void)snprintf(p->keys, sizeof(p->keys), "%s/k", p->top);
	p->wall = START;
	if (keys_create(p->keys, &k) != 0)
		return -1;
	keys_close(&k);
	return 0;
}

static void empty_folder(const char *name)
{
	DIR *d = opendir(name);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) // NOLINT(concurrency-mt-unsafe)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	(void)rmdir(name);
}

static int remove_place(void **state)
{
	struct place *p = *state;

	empty_folder(p->dir);
	empty_folder(p->keys);
	(void)rmdir(p->top);
	free(p);
	return 0;
}

static int shell(const char *command)
{
	return system(command); // NOLINT(cert-env33-c,concurrency-mt-unsafe): of the test
}

static struct ledger *open_at(const struct place *p)
{
	const struct ledger_seals seals = {
		.keys = p->keys, .events = 20, .epoch_us = DAY, .wall_us = p->wall};
	const struct ledger_cfg cfg = {.dir = p->dir,
				       .fd = -1,
				       .segment_bytes = SEGMENT,
				       .seals = &seals,
				       .upkeep = p->upkeep};
	struct ledger *l = NULL;
	char error[300];

	assert_int_equal(ledger_open(&cfg, &l, error), 0);
	return l;
}

/* Lines a minute apart. */
static void append(struct place *p, struct ledger *l, unsigned count)
{
	while (count-- > 0) {
		char tail[300], when[RFC3339_LEN + 1];
		int n;

		clock_format_rfc3339(START + p->line * 1000000, when);
		n = snprintf(tail, sizeof(tail),
			     "\"time\":\"%s\",\"type\":\"system\",\"sensor\":\"s\","
			     "\"mode\":\"replay\",\"what\":\"x\",\"message\":\"%lld\"}\n",
			     when, (long long)p->line);
		p->line += 60;
		assert_int_equal(ledger_append(l, tail, (size_t)n), 0);
	}
}

static int tend(struct place *p, struct ledger *l)
{
	p->mono += 1000;
	return ledger_tend(l, p->wall + p->mono, p->mono);
}

static void tend_all(struct place *p, struct ledger *l)
{
	int rc, n = 0;

	do {
		rc = tend(p, l);
		assert_true(rc >= 0);
		assert_true(n++ < 10000);
	} while (rc > 0);
}

static bool exists(const struct place *p, uint32_t number, const char *suffix)
{
	char name[SEGMENT_NAME_MAX], path[200];

	segment_name(number, suffix, name);
	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	return access(path, F_OK) == 0;
}

static struct ledger_proof proof;

static void verify(const struct place *p)
{
	const struct verify_cfg cfg = {.dir = p->dir};

	assert_int_equal(ledger_verify(&cfg, &proof), 0);
	if (proof.finding_count > 0)
		print_message("%s: line %llu: %s\n", proof.findings[0].segment,
			      (unsigned long long)proof.findings[0].seq,
			      ledger_fault_name(proof.findings[0].fault));
}

static void assert_whole(const struct place *p)
{
	verify(p);
	assert_int_equal(proof.finding_count, 0);
	assert_int_equal(proof.sound_seq + proof.unsealed, proof.last_seq);
}

/* What docs/ledger-check.py, which knows nothing of this code, says. */
static int check_without_weir(const struct place *p)
{
	char command[200];

	(void)snprintf(command, sizeof(command),
		       "python3 docs/ledger-check.py %s >/dev/null 2>&1", p->dir);
	return shell(command);
}

/* All lines as they are read, one text. */
static char *all_lines(const struct place *p)
{
	struct diag *d = diag_create();
	struct ledger_reader *r = ledger_reader_open(p->dir, d);
	struct ledger_line line;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(r);
	assert_non_null(f);
	while (ledger_reader_next(r, &line)) {
		(void)fwrite(line.text.p, 1, line.text.len, f);
		(void)fputc('\n', f);
	}
	ledger_reader_close(r);
	diag_destroy(d);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void closed_segments_are_compressed(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	char *before, *after;

	p->upkeep.compress = true;
	l = open_at(p);
	append(p, l, 400);
	assert_int_equal(ledger_sync(l), 0);
	assert_true(exists(p, 4, "jsonl"));
	before = all_lines(p);
	tend_all(p, l);
	after = all_lines(p);
	assert_string_equal(before, after);
	free(before);
	free(after);
	for (uint32_t i = 1; i < 4; i++) {
		assert_true(exists(p, i, "jsonl.zst"));
		assert_true(exists(p, i, "tags"));
		assert_false(exists(p, i, "jsonl"));
		assert_false(exists(p, i, "part"));
	}
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
	assert_true(proof.segments >= 4);
	l = open_at(p);
	append(p, l, 50);
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
	assert_int_equal(check_without_weir(p), 0);
}

static void nothing_is_compressed_unasked(void **state)
{
	struct place *p = *state;
	struct ledger *l = open_at(p);

	append(p, l, 400);
	assert_int_equal(tend(p, l), 0);
	assert_true(exists(p, 1, "jsonl"));
	assert_int_equal(ledger_close(l), 0);
}

/* The next segment was begun and holds nothing yet; the one before is compressed. */
static void empty_segment_behind_a_compressed_one(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	char path[200];
	uint64_t next;
	FILE *f;

	p->upkeep.compress = true;
	l = open_at(p);
	append(p, l, 300);
	tend_all(p, l);
	assert_int_equal(ledger_close(l), 0);
	verify(p);
	(void)snprintf(path, sizeof(path), "zstd -q --rm %s/00000%u.jsonl", p->dir,
		       (unsigned)proof.segments);
	assert_int_equal(shell(path), 0);
	(void)snprintf(path, sizeof(path), "%s/00000%u.jsonl", p->dir,
		       (unsigned)proof.segments + 1);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	next = proof.last_seq + 1;
	l = open_at(p);
	assert_int_equal(ledger_next_seq(l), next);
	append(p, l, 5);
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
}

/* In a process that ends after so many steps, with nothing closed.  False: all was done before. */
static bool end_after(struct place *p, unsigned steps, unsigned lines)
{
	const pid_t child = fork();
	int status = 0;

	if (child == 0) {
		struct ledger *l = open_at(p);

		append(p, l, lines);
		if (ledger_sync(l) != 0)
			_exit(3);
		for (unsigned i = 0; i < steps; i++) {
			const int rc = tend(p, l);

			if (rc <= 0)
				_exit(rc == 0 ? 0 : 4);
		}
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return WEXITSTATUS(status) == 1;
}

static void an_end_at_any_step_leaves_a_whole_ledger(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	unsigned steps = 0;

	p->upkeep.compress = true;
	l = open_at(p);
	append(p, l, 400);
	assert_int_equal(ledger_close(l), 0);
	while (end_after(p, steps, 0)) {
		assert_whole(p);
		steps++;
		assert_true(steps < 200);
	}
	assert_true(steps > 3);
	assert_true(exists(p, 2, "jsonl.zst"));
	assert_false(exists(p, 2, "jsonl"));
	assert_whole(p);
	/* And while the oldest go: each start removes some. */
	p->upkeep.keep_bytes = 1;
	for (steps = 0; end_after(p, steps, 100); steps++) {
		assert_whole(p);
		assert_true(steps < 200);
	}
	assert_whole(p);
	assert_true(proof.removed_to > 0);
	assert_true(proof.tombstones > 0);
}

static void the_oldest_go_by_size(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	uint64_t all;

	l = open_at(p);
	append(p, l, 600);
	assert_int_equal(ledger_close(l), 0);
	verify(p);
	all = proof.segments;
	p->upkeep.keep_bytes = 3 * SEGMENT;
	l = open_at(p);
	tend_all(p, l);
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
	assert_true(proof.segments < all && proof.segments >= 2);
	assert_int_equal(proof.tombstones, all - proof.segments);
	assert_int_equal(proof.removed_to + 1, proof.first_seq);
	assert_int_equal(check_without_weir(p), 0);
	assert_false(exists(p, 1, "jsonl"));
	assert_false(exists(p, 1, "tags"));
	/* However small: the open one and the one before stay. */
	p->upkeep.keep_bytes = 1;
	l = open_at(p);
	tend_all(p, l);
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
	assert_int_equal(proof.segments, 2);
	/* And it goes on. */
	l = open_at(p);
	append(p, l, 300);
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
}

static void the_oldest_go_by_age(void **state)
{
	struct place *p = *state;
	struct ledger *l = open_at(p);

	append(p, l, 600); /* ten hours */
	assert_int_equal(ledger_close(l), 0);
	p->upkeep.keep_us = DAY;
	p->wall = START + DAY;
	l = open_at(p);
	tend_all(p, l);
	assert_true(exists(p, 1, "jsonl"));
	assert_int_equal(ledger_close(l), 0);
	/* The second one began before the day, the third did not. */
	p->mono = 0;
	p->wall = START + DAY + 3 * DAY / 24;
	l = open_at(p);
	tend_all(p, l);
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
	assert_false(exists(p, 1, "jsonl"));
	assert_true(proof.removed_to > 0);
	assert_true(proof.removed_to < 3 * 60 + 20);
}

static void a_clock_step_removes_nothing(void **state)
{
	struct place *p = *state;
	struct ledger *l;

	p->upkeep.keep_us = DAY;
	l = open_at(p);
	append(p, l, 600);
	tend_all(p, l);
	p->wall += 365 * DAY;
	p->mono += 61000000;
	tend_all(p, l);
	assert_true(exists(p, 1, "jsonl"));
	p->wall -= 365 * DAY; /* and back: set right */
	p->mono += 61000000;
	tend_all(p, l);
	p->mono += 3700000000;
	tend_all(p, l);
	assert_true(exists(p, 1, "jsonl"));
	p->wall += 365 * DAY; /* for good */
	p->mono += 61000000;
	tend_all(p, l);
	assert_true(exists(p, 1, "jsonl"));
	p->mono += 3700000000;
	tend_all(p, l);
	assert_false(exists(p, 1, "jsonl"));
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
}

/* A ledger whose beginning was removed, as it should be; the files that prove it. */
static void removed_ledger(struct place *p)
{
	struct ledger *l;

	p->upkeep.keep_bytes = 3 * SEGMENT;
	l = open_at(p);
	append(p, l, 600);
	tend_all(p, l);
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
	assert_true(proof.first_seq > 1);
}

static void assert_fault(const struct place *p, enum ledger_fault want)
{
	bool found = false;

	verify(p);
	assert_true(proof.finding_count > 0);
	for (size_t i = 0; i < proof.finding_count && i < VERIFY_FINDINGS_MAX; i++)
		found = found || proof.findings[i].fault == want;
	assert_true(found);
}

static void a_beginning_that_nobody_sealed_away_is_missing(void **state)
{
	struct place *p = *state;
	char path[200];
	uint32_t first = 1;

	removed_ledger(p);
	while (!exists(p, first, "jsonl"))
		first++;
	(void)snprintf(path, sizeof(path), "%s/%06u.jsonl", p->dir, first);
	assert_int_equal(unlink(path), 0);
	assert_fault(p, FAULT_MISSING);
}

static uint32_t first_segment(const struct place *p)
{
	uint32_t first = 1;

	while (!exists(p, first, "jsonl"))
		first++;
	return first;
}

/* As the ledger does it, with a tombstone by a key that is not the ledger's. */
static void retire_first(const struct place *p)
{
	struct sign_key *key = sign_key_generate();
	struct seal s = {.seq = 5000,
			 .cause = SEAL_RETENTION,
			 .first_seq = 4990,
			 .last_seq = 4999};
	struct retire *r = NULL;
	char line[SEAL_LINE_MAX];
	size_t len;
	DIR *d = opendir(p->dir);

	assert_non_null(d);
	assert_int_equal(retire_open(dirfd(d), first_segment(p), &r), 0);
	while (retire_step(r) > 0)
		;
	(void)memset(s.key, 'A', FINGERPRINT_LEN);
	for (size_t i = 4; i < FINGERPRINT_LEN; i += 5)
		s.key[i] = '-';
	s.has_removed = true;
	s.removed = *retire_removed(r);
	len = seal_format(&s, STR_NONE, key, line);
	assert_true(len > 0 && seal_parse((struct str){line, len - 1}, &s));
	assert_int_equal(retire_finish(r, (struct str){line, len}), 0);
	retire_close(r);
	(void)closedir(d);
	sign_key_destroy(key);
}

/* Who removes the beginning and makes epochs.jsonl fit has no seal in the ledger that says so. */
static void a_forged_tombstone_is_missing(void **state)
{
	struct place *p = *state;

	removed_ledger(p);
	retire_first(p);
	assert_fault(p, FAULT_MISSING);
	assert_int_equal(proof.finding_count, 1);
	assert_int_equal(proof.findings[0].seq, 1);
	assert_int_equal(proof.findings[0].to_seq, proof.first_seq - 1);
	assert_int_equal(proof.sound_seq, 0);
	assert_int_not_equal(check_without_weir(p), 0);
}

/* An end between keeping the keys of a segment and removing it. */
static void keys_of_what_is_there_yet_are_not_followed(void **state)
{
	struct place *p = *state;
	char command[300];

	removed_ledger(p);
	(void)snprintf(command, sizeof(command), "cp -a %s %s/saved", p->dir, p->top);
	assert_int_equal(shell(command), 0);
	retire_first(p);
	(void)snprintf(command, sizeof(command), "cp -an %s/saved/* %s; rm -r %s/saved",
		       p->top, p->dir, p->top);
	assert_int_equal(shell(command), 0);
	assert_whole(p);
}

static void a_part_that_was_given_up_goes(void **state)
{
	struct place *p = *state;
	struct ledger *l = open_at(p);
	struct pack *pack = NULL;
	DIR *d = opendir(p->dir);

	append(p, l, 400);
	assert_int_equal(ledger_close(l), 0);
	assert_non_null(d);
	assert_int_equal(pack_open(dirfd(d), 1, &pack), 0);
	assert_int_equal(pack_step(pack), 1);
	assert_true(exists(p, 1, "part"));
	pack_close(pack);
	assert_false(exists(p, 1, "part"));
	assert_true(exists(p, 1, "jsonl"));
	assert_int_equal(pack_open(dirfd(d), 99, &pack), -ENOENT);
	(void)closedir(d);
}

static void without_its_epochs_nothing_is_proven(void **state)
{
	struct place *p = *state;
	char path[200];

	removed_ledger(p);
	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, RETIRE_EPOCHS);
	assert_int_equal(unlink(path), 0);
	assert_fault(p, FAULT_MISSING);
	assert_fault(p, FAULT_FOREIGN_KEY);
	assert_int_equal(proof.sound_seq, 0);
}

static void a_damaged_segment_stays(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	char path[200];

	l = open_at(p);
	append(p, l, 600);
	(void)snprintf(path, sizeof(path), "%s/000001.jsonl", p->dir);
	assert_int_equal(truncate(path, SEGMENT / 2 + 7), 0);
	assert_int_equal(ledger_close(l), 0);
	p->upkeep.keep_bytes = 1;
	l = open_at(p);
	while (tend(p, l) > 0)
		;
	assert_true(exists(p, 1, "jsonl"));
	p->mono += 61000000;
	assert_int_equal(tend(p, l), 1);
	assert_int_equal(tend(p, l), -EBADMSG);
	assert_int_equal(ledger_close(l), 0);
	assert_true(exists(p, 1, "jsonl"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(closed_segments_are_compressed),
		TEST(nothing_is_compressed_unasked),
		TEST(empty_segment_behind_a_compressed_one),
		TEST(an_end_at_any_step_leaves_a_whole_ledger),
		TEST(the_oldest_go_by_size),
		TEST(the_oldest_go_by_age),
		TEST(a_clock_step_removes_nothing),
		TEST(a_beginning_that_nobody_sealed_away_is_missing),
		TEST(a_forged_tombstone_is_missing),
		TEST(keys_of_what_is_there_yet_are_not_followed),
		TEST(a_part_that_was_given_up_goes),
		TEST(without_its_epochs_nothing_is_proven),
		TEST(a_damaged_segment_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
