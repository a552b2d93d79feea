/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of some types go out of closed segments, and the ledger can be verified as before; what
 * was taken out without a seal that says so is found.
 */
#include "record/expire.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "base/hash.h"
#include "record/segments.h"

#include "place.h"

#define HOUR INT64_C(3600000000)

/* A line of each of four types in turn; each but `system` has the word "somebody" in it. */
static const char *const types[] = {"flow", "dns", "system", "rollup"};

static unsigned append_types(struct place *p, struct ledger *l, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const char *type = types[i % 4];
		char tail[400], when[RFC3339_LEN + 1];
		int n;

		clock_format_rfc3339(START + p->line * 1000000, when);
		n = snprintf(tail, sizeof(tail),
			     "\"time\":\"%s\",\"type\":\"%s\",\"sensor\":\"s\",\"mode\":"
			     "\"replay\",\"principal\":\"%s %lld\",\"host\":"
			     "\"somewhere.example\"}\n",
			     when, type, i % 4 == 2 ? "nobody" : type,
			     (long long)p->line);
		p->line += 60;
		assert_int_equal(ledger_append(l, tail, (size_t)n), 0);
	}
	return count;
}

/* How often a text stands in the ledger's segments, unpacked, and in what else is in the folder. */
static unsigned count_text(const struct place *p, const char *text)
{
	char command[400], answer[32] = "";
	FILE *f;

	(void)snprintf(
		command, sizeof(command),
		"cd %s && { zstd -dcq *.zst 2>/dev/null; cat $(ls -p | grep -v zst | grep -v /); } "
		"| grep -ao '%s' | wc -l",
		p->dir, text);
	f = popen(command, "r"); // NOLINT(cert-env33-c): of the test
	assert_non_null(f);
	assert_non_null(fgets(answer, sizeof(answer), f));
	(void)pclose(f);
	return (unsigned)strtoul(answer, NULL, 10);
}

/* A ledger of some closed segments, whose lines are of the first day. */
static struct ledger *full(struct place *p)
{
	struct ledger *l = open_at(p);

	append_types(p, l, 400);
	assert_int_equal(ledger_sync(l), 0);
	assert_true(exists(p, 4, "jsonl"));
	return l;
}

/* So much time passes. */
static void pass(struct place *p, struct ledger *l, int64_t us)
{
	p->mono += us;
	/* A line of now, by which the time of the segments before it is known. */
	p->line = (p->wall - START + p->mono) / 1000000;
	append_types(p, l, 4);
	assert_int_equal(ledger_sync(l), 0);
}

/* A ledger of some closed segments, out of which that type has gone. */
static struct ledger *two_days_later(struct place *p, enum expiring type)
{
	struct ledger *l;

	p->upkeep.keep_type_us[type] = DAY;
	l = full(p);
	pass(p, l, 2 * DAY);
	tend_all(p, l);
	return l;
}

static void close_whole(struct place *p, struct ledger *l)
{
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
	assert_int_equal(check_without_weir(p), 0);
}

static uint32_t last_segment(const struct place *p)
{
	const int fd = open(p->dir, O_RDONLY | O_DIRECTORY);
	uint32_t n = 0;

	assert_true(fd >= 0);
	assert_int_equal(segments_last(fd, &n), 0);
	(void)close(fd);
	return n;
}

static struct expired_marks marks(const struct place *p)
{
	const int fd = open(p->dir, O_RDONLY | O_DIRECTORY);
	struct expired_marks m;

	assert_true(fd >= 0);
	expired_marks_read(fd, &m);
	(void)close(fd);
	return m;
}

static void only_lines_of_that_type_go(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	unsigned left;

	p->upkeep.compress = true;
	p->upkeep.keep_type_us[EXPIRING_DNS] = 7 * DAY;
	l = full(p);
	tend_all(p, l);
	assert_int_equal(count_text(p, "\"dns [0-9]"), 100);
	pass(p, l, 8 * DAY);
	tend_all(p, l);
	/* Of the segment before the open one it is not known how old its last line is. */
	left = count_text(p, "\"dns [0-9]");
	assert_true(left > 0 && left < 35);
	assert_int_equal(count_text(p, "\"flow [0-9]"), 101);
	assert_int_equal(count_text(p, "\"nobody [0-9]"), 101);
	assert_int_equal(count_text(p, "\"type\":\"expired\""), 101 - left);
	assert_int_equal(marks(p).to[EXPIRING_DNS], last_segment(p) - 1);
	assert_int_equal(marks(p).to[EXPIRING_FLOW], 0);
	close_whole(p, l);
	assert_int_equal(proof.expired_lines, 101 - left);
	assert_int_equal(proof.expired_segments, last_segment(p) - 1);
	assert_int_equal(proof.expired_types, 1u << EXPIRING_DNS);
}

static void types_have_their_own_times(void **state)
{
	struct place *p = *state;
	struct ledger *l;

	p->upkeep.compress = true;
	p->upkeep.keep_type_us[EXPIRING_DNS] = DAY;
	p->upkeep.keep_type_us[EXPIRING_FLOW] = 30 * DAY;
	l = full(p);
	pass(p, l, 2 * DAY);
	tend_all(p, l);
	assert_true(count_text(p, "\"dns [0-9]") < 35);
	assert_int_equal(count_text(p, "\"flow [0-9]"), 101);
	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
	/* The rest by another run. */
	l = open_at(p);
	pass(p, l, 31 * DAY);
	p->mono += HOUR + 120000000; /* that was a step of the clock, to this run */
	tend_all(p, l);
	p->mono += HOUR + 120000000;
	tend_all(p, l);
	assert_true(count_text(p, "\"flow [0-9]") < 35);
	assert_int_equal(count_text(p, "\"rollup [0-9]"), 102);
	close_whole(p, l);
	assert_int_equal(proof.expired_types, 1u << EXPIRING_DNS | 1u << EXPIRING_FLOW);
}

static void nothing_goes_before_its_time(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	uint64_t lines;

	p->upkeep.keep_type_us[EXPIRING_DNS] = 7 * DAY;
	l = full(p);
	pass(p, l, 6 * DAY);
	lines = ledger_next_seq(l);
	tend_all(p, l);
	assert_int_equal(ledger_next_seq(l), lines);
	assert_int_equal(count_text(p, "\"dns [0-9]"), 101);
	/* A clock that is set is no time that passed. */
	p->wall += 30 * DAY;
	p->mono += 60000000;
	tend_all(p, l);
	assert_int_equal(count_text(p, "\"dns [0-9]"), 101);
	close_whole(p, l);
}

/* Also where nothing is compressed; a compressed copy beside, and what was torn, go. */
static void plain_segments_and_their_copies(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	char command[300];

	p->upkeep.keep_type_us[EXPIRING_ROLLUP] = DAY;
	l = full(p);
	(void)snprintf(command, sizeof(command),
		       "cd %s && zstd -q 000001.jsonl && mkdir packets && "
		       "echo '\"rollup 8' >000002.torn",
		       p->dir);
	assert_int_equal(shell(command), 0);
	pass(p, l, 2 * DAY);
	tend_all(p, l);
	assert_false(exists(p, 1, "jsonl.zst"));
	assert_false(exists(p, 2, "torn"));
	assert_true(exists(p, 1, "jsonl"));
	assert_true(count_text(p, "\"rollup [0-9]") < 35);
	(void)snprintf(command, sizeof(command), "rmdir %s/packets", p->dir);
	assert_int_equal(shell(command), 0);
	close_whole(p, l);
}

/* Each line stays where it stood. */
static void places_stay(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	char command[300];

	p->upkeep.keep_type_us[EXPIRING_FLOW] = DAY;
	l = full(p);
	(void)snprintf(command, sizeof(command), "cp %s/000001.jsonl %s/before", p->dir,
		       p->top);
	assert_int_equal(shell(command), 0);
	pass(p, l, 2 * DAY);
	tend_all(p, l);
	(void)snprintf(command, sizeof(command),
		       "cd %s && ! cmp -s before l/000001.jsonl && awk '{print length}' "
		       "before >a && awk '{print length}' l/000001.jsonl >b && cmp a b; "
		       "rc=$?; rm -f before a b; exit $rc",
		       p->top);
	assert_int_equal(shell(command), 0);
	close_whole(p, l);
}

static void files_of_packets_go_with_their_lines(void **state)
{
	struct place *p = *state;
	struct ledger *l = open_at(p);
	char command[300], tail[400], when[RFC3339_LEN + 1];
	int n;

	p->upkeep.keep_type_us[EXPIRING_FLOW] = DAY;
	assert_int_equal(ledger_close(l), 0);
	l = open_at(p);
	clock_format_rfc3339(START, when);
	n = snprintf(
		tail, sizeof(tail),
		"\"time\":\"%s\",\"type\":\"flow\",\"sensor\":\"s\",\"mode\":\"replay\","
		"\"host\":\"a,\\\"packets\\\":\\\"c.pcapng\",\"flow_id\":"
		"\"00000000000000aa\",\"packets\":\"00000000000000aa.pcapng\","
		"\"packets_sha256\":\"00\"}\n",
		when);
	assert_int_equal(ledger_append(l, tail, (size_t)n), 0);
	append_types(p, l, 400);
	(void)snprintf(command, sizeof(command),
		       "cd %s && mkdir packets && cd packets && touch "
		       "00000000000000aa.pcapng 00000000000000ab.pcapng c.pcapng",
		       p->dir);
	assert_int_equal(shell(command), 0);
	pass(p, l, 2 * DAY);
	tend_all(p, l);
	(void)snprintf(command, sizeof(command),
		       "cd %s/packets && test ! -e 00000000000000aa.pcapng && rm "
		       "00000000000000ab.pcapng c.pcapng && rmdir ../packets",
		       p->dir);
	assert_int_equal(shell(command), 0);
	close_whole(p, l);
}

static void an_end_at_any_step_leaves_a_whole_ledger(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	unsigned steps = 0;
	uint64_t lines;
	char path[200];

	p->upkeep.compress = true;
	l = full(p);
	tend_all(p, l);
	pass(p, l, 2 * DAY);
	assert_int_equal(ledger_close(l), 0);
	p->upkeep.keep_type_us[EXPIRING_DNS] = DAY;
	/* Each start goes one step further, from what the one before left. */
	while (end_after(p, steps, 0)) {
		assert_whole(p);
		assert_int_equal(check_without_weir(p), 0);
		steps++;
		assert_true(steps < 200);
	}
	assert_true(steps > 3);
	assert_whole(p);
	assert_true(proof.expired_lines > 65);
	assert_true(count_text(p, "\"dns [0-9]") < 35);
	/* The marks are lost: looked through again, and nothing is said anew. */
	l = open_at(p);
	lines = ledger_next_seq(l);
	(void)snprintf(path, sizeof(path), "%s/" EXPIRED_MARKS, p->dir);
	assert_int_equal(unlink(path), 0);
	tend_all(p, l);
	assert_int_equal(ledger_next_seq(l), lines);
	assert_true(marks(p).to[EXPIRING_DNS] > 2);
	close_whole(p, l);
}

/* What cannot be done is tried once a minute, and leaves no seal each time. */
static void a_failure_is_not_repeated_at_once(void **state)
{
	struct place *p = *state;
	unsigned failures = 0;
	struct ledger *l;
	uint64_t lines;
	char path[200];

	p->upkeep.keep_type_us[EXPIRING_DNS] = DAY;
	l = full(p);
	(void)snprintf(path, sizeof(path), "%s/" EXPIRED_MARKS, p->dir);
	assert_int_equal(mkdir(path, 0700), 0); /* no file can take its name */
	pass(p, l, 2 * DAY);
	lines = ledger_next_seq(l);
	for (unsigned i = 0; i < 100; i++)
		failures += tend(p, l) < 0;
	assert_int_equal(failures, 1);
	assert_int_equal(ledger_next_seq(l), lines + 1);
	p->mono += 61000000;
	for (unsigned i = 0; i < 100; i++)
		failures += tend(p, l) < 0;
	assert_int_equal(failures, 2);
	assert_int_equal(ledger_next_seq(l), lines + 1);
	assert_int_equal(rmdir(path), 0);
	p->mono += 61000000;
	tend_all(p, l);
	assert_true(marks(p).to[EXPIRING_DNS] > 2);
	close_whole(p, l);
}

/* The seal was written, and the segment is the old one again: an end came, or a backup. */
static void more_lines_than_the_seal_says_are_no_fault(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	char command[300];

	p->upkeep.keep_type_us[EXPIRING_DNS] = DAY;
	l = full(p);
	(void)snprintf(command, sizeof(command), "cp %s/000002.jsonl %s/kept", p->dir,
		       p->top);
	assert_int_equal(shell(command), 0);
	pass(p, l, 2 * DAY);
	tend_all(p, l);
	(void)snprintf(command, sizeof(command), "mv %s/kept %s/000002.jsonl", p->top,
		       p->dir);
	assert_int_equal(shell(command), 0);
	close_whole(p, l);
}

static void the_oldest_go_with_lines_that_went_before(void **state)
{
	struct place *p = *state;
	struct ledger *l;

	p->upkeep.keep_type_us[EXPIRING_DNS] = DAY;
	p->upkeep.keep_type_us[EXPIRING_FLOW] = DAY;
	p->upkeep.keep_us = 3 * DAY;
	l = full(p);
	pass(p, l, 2 * DAY);
	tend_all(p, l);
	assert_true(exists(p, 1, "jsonl"));
	pass(p, l, 2 * DAY);
	append_types(p, l, 200);
	tend_all(p, l);
	p->mono += 120000000;
	tend_all(p, l);
	assert_false(exists(p, 1, "jsonl"));
	close_whole(p, l);
	assert_true(proof.removed_to > 0);
	assert_true(proof.tombstones > 0);
}

/* What the kernel does rarely. */
static bool sync_fails;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int fdatasync(int fd)
{
	if (!sync_fails)
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

/* A segment whose sync failed ends without a seal: its last range goes on in the next one. */
static void fail_once(struct ledger *l)
{
	sync_fails = true;
	assert_int_equal(ledger_sync(l), -EIO);
	sync_fails = false;
	assert_int_equal(ledger_retry(l), 0);
}

static void ranges_over_two_segments(void **state)
{
	struct place *p = *state;
	struct ledger *l = open_at(p);

	append_types(p, l, 50);
	fail_once(l);
	append_types(p, l, 47);
	fail_once(l);
	fail_once(l); /* and one that stays empty */
	append_types(p, l, 90);
	assert_int_equal(ledger_close(l), 0);
	assert_true(last_segment(p) == 4);
	p->upkeep.keep_type_us[EXPIRING_FLOW] = DAY;
	l = open_at(p);
	append_types(p, l, 200);
	pass(p, l, 2 * DAY);
	tend_all(p, l);
	close_whole(p, l);
	assert_true(proof.expired_lines > 45);
	assert_int_equal(proof.expired_types, 1u << EXPIRING_FLOW);
	/* Of another type out of the first segments alone: their shared range has both. */
	p->upkeep.keep_type_us[EXPIRING_DNS] = DAY;
	l = open_at(p);
	for (unsigned i = 0; i < 12 && marks(p).to[EXPIRING_DNS] < 1; i++)
		(void)tend(p, l);
	assert_int_equal(marks(p).to[EXPIRING_DNS], 1);
	close_whole(p, l);
	l = open_at(p);
	tend_all(p, l);
	close_whole(p, l);
	assert_true(proof.expired_lines > 90);
}

static void a_segment_is_closed_when_it_is_old(void **state)
{
	struct place *p = *state;
	struct ledger *l;

	assert_int_equal(upkeep_segment_us(&p->upkeep), 0);
	p->upkeep.keep_us = 30 * DAY;
	assert_int_equal(upkeep_segment_us(&p->upkeep), DAY);
	p->upkeep.keep_type_us[EXPIRING_FLOW] = 2 * HOUR;
	assert_int_equal(upkeep_segment_us(&p->upkeep), 6 * HOUR);
	p->upkeep.keep_type_us[EXPIRING_FLOW] = 0;
	p->upkeep.keep_type_us[EXPIRING_DNS] = 7 * HOUR;
	l = open_at(p);
	assert_int_equal(ledger_tick(l, p->wall, 1), 0);
	append_types(p, l, 4);
	assert_int_equal(ledger_tick(l, p->wall, 1), 0);
	assert_int_equal(ledger_tick(l, p->wall + 7 * HOUR - 1, 2), 0);
	assert_int_equal(last_segment(p), 1);
	assert_int_equal(ledger_sync(l), 0);
	assert_int_equal(ledger_tick(l, p->wall + 7 * HOUR, 3), 0);
	assert_int_equal(last_segment(p), 2);
	/* Not one without a line. */
	assert_int_equal(ledger_tick(l, p->wall + 19 * HOUR, 4), 0);
	assert_int_equal(last_segment(p), 2);
	append_types(p, l, 4);
	assert_int_equal(ledger_close(l), 0);
	/* Of a segment that another run began, its first line's time counts. */
	l = open_at(p);
	assert_int_equal(ledger_tick(l, p->wall + HOUR, 1), 0);
	assert_int_equal(last_segment(p), 2);
	assert_int_equal(ledger_tick(l, p->wall + 8 * HOUR, 2), 0);
	assert_int_equal(last_segment(p), 3);
	/* One that begins in the future is of a clock that was wrong. */
	p->line = 86400;
	append_types(p, l, 4);
	assert_int_equal(ledger_close(l), 0);
	l = open_at(p);
	assert_int_equal(ledger_tick(l, p->wall + 8 * HOUR, 1), 0);
	assert_int_equal(last_segment(p), 4);
	close_whole(p, l);
}

/* ---- what was not Weir's doing ------------------------------------------------------------ */

/* One line of a plain segment, by its number there; `change` gets it in place. */
static void change_line(const struct place *p, uint32_t segment, unsigned number,
			void (*change)(char *line, size_t len))
{
	char name[SEGMENT_NAME_MAX], path[200], *text = NULL, *line;
	size_t size;
	FILE *f;

	segment_name(segment, "jsonl", name);
	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	size = (size_t)ftell(f);
	rewind(f);
	text = malloc(size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, size, f), size);
	text[size] = '\0';
	line = text;
	for (unsigned i = 1; i < number; i++)
		line = strchr(line, '\n') + 1;
	change(line, strcspn(line, "\n"));
	rewind(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	free(text);
}

static void take_out(char *line, size_t len)
{
	uint8_t digest[CHAIN_DIGEST];
	uint64_t seq;

	assert_true(line_seq((struct str){line, len}, &seq));
	chain_digest(line, len + 1, digest);
	assert_true(expired_format(seq, digest, line, len));
}

static bool changed;

static void take_out_but_dns(char *line, size_t len)
{
	changed = expiring_of((struct str){line, len}) != EXPIRING_DNS;
	if (changed)
		take_out(line, len);
}

static void take_out_system(char *line, size_t len)
{
	changed = memmem(line, len, "\"type\":\"system\"", 15) != NULL;
	if (changed)
		take_out(line, len);
}

static void assert_first(const struct place *p, enum ledger_fault fault, uint64_t seq)
{
	verify(p);
	assert_true(proof.finding_count > 0);
	assert_string_equal(ledger_fault_name(proof.findings[0].fault),
			    ledger_fault_name(fault));
	assert_int_equal(proof.findings[0].seq, seq);
	assert_true(proof.sound_seq < seq);
	assert_int_not_equal(check_without_weir(p), 0);
}

static void a_line_that_somebody_took_out(void **state)
{
	struct place *p = *state;
	struct ledger *l = full(p);

	assert_int_equal(ledger_close(l), 0);
	assert_whole(p);
	change_line(p, 2, 7, take_out);
	verify(p);
	assert_int_equal(proof.finding_count, 1);
	assert_int_equal(proof.findings[0].line, 7);
	assert_string_equal(proof.findings[0].segment, "000002.jsonl");
	assert_int_equal(proof.expired_lines, 0);
	assert_first(p, FAULT_TAKEN_OUT, proof.findings[0].seq);
}

static void one_more_than_the_seal_says(void **state)
{
	struct place *p = *state;
	struct ledger *l;

	l = two_days_later(p, EXPIRING_DNS);
	close_whole(p, l);
	change_line(p, 1, 3, take_out); /* a line of type system */
	assert_first(p, FAULT_TAKEN_OUT, 2);
	assert_int_equal(proof.findings[0].line, 2);
	assert_int_equal(proof.sound_seq, 0);
}

/* Of a type that does not expire: Weir leaves the segment as it found it, and says so. */
static void a_line_that_cannot_expire_was_taken_out_before(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	int rc = 1;

	p->upkeep.keep_type_us[EXPIRING_DNS] = DAY;
	l = full(p);
	change_line(p, 1, 3, take_out);
	pass(p, l, 2 * DAY);
	while (rc > 0)
		rc = tend(p, l);
	assert_int_equal(rc, -ENOTSUP);
	assert_int_equal(marks(p).to[EXPIRING_DNS], 1);
	/* Those behind it are due all the same. */
	tend_all(p, l);
	assert_int_equal(marks(p).to[EXPIRING_DNS], last_segment(p) - 1);
	assert_int_equal(ledger_close(l), 0);
	assert_first(p, FAULT_TAKEN_OUT, 3);
}

/* Its packets and its text are evidence, too. */
static void what_is_passed_over_keeps_all(void **state)
{
	struct place *p = *state;
	struct ledger *l;
	char command[300];

	p->upkeep.keep_type_us[EXPIRING_FLOW] = DAY;
	l = full(p);
	(void)snprintf(command, sizeof(command), "cp %s/000001.jsonl %s/before", p->dir,
		       p->top);
	changed = false;
	for (unsigned line = 105; !changed; line++)
		change_line(p, 1, line, take_out_system);
	assert_int_equal(shell(command), 0);
	pass(p, l, 2 * DAY);
	while (tend(p, l) >= 0)
		continue;
	tend_all(p, l);
	(void)snprintf(command, sizeof(command),
		       "cmp %s/before %s/000001.jsonl && rm %s/before", p->top, p->dir,
		       p->top);
	assert_int_equal(shell(command), 0);
	assert_int_equal(ledger_close(l), 0);
}

/* Of a type that can, but did not: the seal over all that is gone does not make it good. */
static void one_line_alone_cannot_expire(void **state)
{
	struct place *p = *state;
	struct ledger *l;

	p->upkeep.keep_type_us[EXPIRING_DNS] = DAY;
	l = full(p);
	change_line(p, 1, 5, take_out); /* of type flow */
	pass(p, l, 2 * DAY);
	tend_all(p, l);
	assert_int_equal(ledger_close(l), 0);
	assert_first(p, FAULT_TAKEN_OUT, 2);
	/* Nor a seal that names the type while other lines of it stay. */
	p->upkeep.keep_type_us[EXPIRING_DNS] = 0;
	p->upkeep.keep_type_us[EXPIRING_SIGNAL] = DAY;
	l = open_at(p);
	p->mono += 120000000;
	tend_all(p, l);
	assert_int_equal(ledger_close(l), 0);
	assert_first(p, FAULT_TAKEN_OUT, 2);
}

/* In any sealed range of the segment, not the first alone. */
static void no_line_of_any_range_can_be_taken_out(void **state)
{
	struct place *p = *state;

	for (unsigned line = 1; line < 120; line += 9) {
		struct ledger *l;
		char command[300];
		struct keys k;

		p->upkeep.keep_type_us[EXPIRING_DNS] = DAY;
		p->mono = p->line = 0;
		l = full(p);
		change_line(p, 2, line, take_out_but_dns);
		pass(p, l, 2 * DAY);
		for (unsigned i = 0; i < 100; i++)
			(void)tend(p, l);
		assert_int_equal(ledger_close(l), 0);
		verify(p);
		if (changed) {
			assert_true(proof.finding_count > 0);
			assert_int_not_equal(check_without_weir(p), 0);
		}
		(void)snprintf(command, sizeof(command), "rm -r %s %s/ledger.key", p->dir,
			       p->keys);
		assert_int_equal(shell(command), 0);
		assert_int_equal(keys_create(p->keys, &k), 0);
		keys_close(&k);
	}
}

static void seals_count_lines_by_type(void **state)
{
	struct place *p = *state;
	struct ledger *l = open_at(p);
	char line[SEAL_LINE_MAX];
	struct seal s;

	append_types(p, l, 7);
	assert_int_equal(ledger_close(l), 0);
	assert_int_equal(seal_last(p->dir, &s, line), 0);
	assert_int_equal(s.lines[EXPIRING_FLOW], 2);
	assert_int_equal(s.lines[EXPIRING_DNS], 2);
	assert_int_equal(s.lines[EXPIRING_ROLLUP], 1);
	assert_int_equal(s.lines[EXPIRING_SIGNAL], 0);
	assert_non_null(strstr(line, "\"count\":7,\"flow_lines\":2,\"rollup_lines\":1,"
				     "\"dns_lines\":2,\"head\":"));
	/* Of the range alone. */
	l = open_at(p);
	append_types(p, l, 5);
	assert_int_equal(ledger_close(l), 0);
	assert_int_equal(seal_last(p->dir, &s, line), 0);
	assert_int_equal(s.lines[EXPIRING_FLOW], 2);
	assert_int_equal(s.lines[EXPIRING_DNS], 1);
}

static void other_digest(char *line, size_t len)
{
	char *at = memmem(line, len, "digest\":\"", 9);

	assert_non_null(at);
	at[9] = at[9] == '0' ? '1' : '0';
}

static void no_blank(char *line, size_t len)
{
	assert_int_equal(line[len - 2], ' ');
	line[len - 2] = '\t';
}

static void what_is_left_of_a_line_is_changed(void **state)
{
	struct place *p = *state;
	struct ledger *l;

	l = two_days_later(p, EXPIRING_DNS);
	close_whole(p, l);
	change_line(p, 1, 6, other_digest);
	assert_first(p, FAULT_CHANGED, 6);
}

static void a_blank_is_changed(void **state)
{
	struct place *p = *state;
	struct ledger *l;

	l = two_days_later(p, EXPIRING_DNS);
	close_whole(p, l);
	change_line(p, 1, 6, no_blank);
	assert_first(p, FAULT_CHANGED, 6);
}

/* ---- lines and marks ---------------------------------------------------------------------- */

static void only_exact_lines_are_expired(void **state)
{
	static const char hex[] =
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	uint8_t digest[CHAIN_DIGEST], got[CHAIN_DIGEST];
	char line[200], odd[220];
	uint64_t seq = 0;
	size_t n;

	(void)state;
	assert_true(hex_parse(str_of(hex), digest, sizeof(digest)));
	for (size_t len = 0; len < sizeof(line); len++) {
		memset(line, 'x', sizeof(line));
		if (!expired_format(42, digest, line, len)) {
			assert_true(len < 140);
			assert_int_equal(line[0], 'x');
			continue;
		}
		assert_true(len > 100);
		assert_true(expired_parse((struct str){line, len}, &seq, got));
		assert_int_equal(seq, 42);
		assert_memory_equal(got, digest, sizeof(digest));
	}
	n = sizeof(line);
	assert_true(expired_format(UINT64_MAX - 1, digest, line, n));
	assert_true(expired_parse((struct str){line, n}, &seq, got));
	assert_int_equal(seq, UINT64_MAX - 1);
	/* Every other byte anywhere makes another line of it, but digits. */
	for (size_t i = 0; i < n; i++) {
		memcpy(odd, line, n);
		odd[i] = '!';
		assert_false(expired_parse((struct str){odd, n}, &seq, got));
	}
	for (size_t len = 0; len < n; len++)
		assert_false(expired_parse((struct str){line, len}, &seq, got));
	assert_true(expired_format(7, digest, line, n));
	memcpy(odd, line, n);
	memmove(odd + 14, odd + 13, n - 13);
	odd[13] = '0'; /* 07 */
	assert_false(expired_parse((struct str){odd, n + 1}, &seq, got));
}

static void marks_are_read_as_they_were_written(void **state)
{
	struct place *p = *state;
	const struct expired_marks want = {
		.to = {[EXPIRING_FLOW] = 1, [EXPIRING_DNS] = UINT32_MAX},
		.lines = {[EXPIRING_DNS] = UINT64_MAX - 1}};
	struct expired_marks got;
	struct ledger *l = open_at(p);
	char path[200];
	int fd;
	FILE *f;

	assert_int_equal(ledger_close(l), 0);
	fd = open(p->dir, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	expired_marks_read(fd, &got);
	assert_int_equal(got.to[EXPIRING_FLOW], 0);
	assert_int_equal(expired_marks_write(fd, &want), 0);
	expired_marks_read(fd, &got);
	assert_memory_equal(&got, &want, sizeof(got));
	(void)snprintf(path, sizeof(path), "%s/" EXPIRED_MARKS, p->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(
		"what 3 4\nflow\nflow 1\nflow 4294967296 1\nsignal -1 1\nrollup 5 6\ndns 6 7",
		f);
	assert_int_equal(fclose(f), 0);
	expired_marks_read(fd, &got);
	assert_int_equal(got.to[EXPIRING_FLOW], 0);
	assert_int_equal(got.to[EXPIRING_SIGNAL], 0);
	assert_int_equal(got.to[EXPIRING_ROLLUP], 5);
	assert_int_equal(got.to[EXPIRING_DNS], 0); /* half a line */
	(void)close(fd);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(only_lines_of_that_type_go),
		CASE(types_have_their_own_times),
		CASE(nothing_goes_before_its_time),
		CASE(plain_segments_and_their_copies),
		CASE(places_stay),
		CASE(files_of_packets_go_with_their_lines),
		CASE(an_end_at_any_step_leaves_a_whole_ledger),
		CASE(a_failure_is_not_repeated_at_once),
		CASE(more_lines_than_the_seal_says_are_no_fault),
		CASE(the_oldest_go_with_lines_that_went_before),
		CASE(ranges_over_two_segments),
		CASE(a_segment_is_closed_when_it_is_old),
		CASE(a_line_that_somebody_took_out),
		CASE(one_more_than_the_seal_says),
		CASE(a_line_that_cannot_expire_was_taken_out_before),
		CASE(one_line_alone_cannot_expire),
		CASE(no_line_of_any_range_can_be_taken_out),
		CASE(what_is_passed_over_keeps_all),
		CASE(seals_count_lines_by_type),
		CASE(what_is_left_of_a_line_is_changed),
		CASE(a_blank_is_changed),
		CASE(only_exact_lines_are_expired),
		CASE(marks_are_read_as_they_were_written),
	};

	return cmocka_run_group_tests_name("record/expire", tests, NULL, NULL);
}
