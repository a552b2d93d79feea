/* SPDX-License-Identifier: Apache-2.0 */
#include "record/upkeep.h"

#include <errno.h>

#include "record/pack.h"
#include "record/retire.h"

#include "place.h"

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
