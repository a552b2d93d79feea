/* SPDX-License-Identifier: Apache-2.0 */
/* Saved cursor, window, back-off and frames; the whole is tested by tests/tools/test_ship.py. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "record/seal.h"
#include "ship/backoff.h"
#include "ship/follower.h"
#include "ship/saved.h"
#include "ship/syslog.h"
#include "ship/window.h"

/* ---- saved -------------------------------------------------------------------------------- */

static struct ship_saved sample(void)
{
	struct ship_saved s = {
		.place = {.segment = 7, .line = 12, .offset = 4711, .seq = 30012},
		.acked = 30100,
		.lost = 3,
		.time_us = INT64_C(1795313476123456),
		.error = "siem port 6514: Connection refused"};

	memset(s.ledger, 0xa5, sizeof(s.ledger));
	memset(s.place.digest, 0x3c, sizeof(s.place.digest));
	return s;
}

static void assert_saved(const struct ship_saved *a, const struct ship_saved *b)
{
	assert_memory_equal(a->ledger, b->ledger, SHIP_DIGEST);
	assert_memory_equal(a->place.digest, b->place.digest, SHIP_DIGEST);
	assert_int_equal(a->place.segment, b->place.segment);
	assert_int_equal(a->place.line, b->place.line);
	assert_true(a->place.offset == b->place.offset && a->place.seq == b->place.seq);
	assert_true(a->acked == b->acked && a->lost == b->lost);
	assert_true(a->time_us == b->time_us);
	assert_string_equal(a->error, b->error);
}

static void test_what_is_saved_is_read(void **state)
{
	const struct ship_saved s = sample();
	char dir[] = "/tmp/weir-ship-XXXXXX", path[64];
	struct ship_saved r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/cursor", dir);
	assert_int_equal(saved_load(path, &r), -ENOENT);
	assert_int_equal(saved_store(path, &s), 0);
	assert_int_equal(saved_load(path, &r), 0);
	assert_saved(&r, &s);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* Torn at each byte, and each byte another: never read as something. */
static void test_a_damaged_file_is_refused(void **state)
{
	const struct ship_saved s = sample();
	char text[SAVED_TEXT_MAX + 1];
	const size_t n = saved_format(&s, text);
	struct ship_saved r;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const char was = text[i];

		assert_int_equal(saved_parse((struct str){text, i}, &r), -EBADMSG);
		text[i] = (char)(was ^ 1);
		assert_int_equal(saved_parse((struct str){text, n}, &r), -EBADMSG);
		text[i] = was;
	}
	text[n] = '\n';
	assert_int_equal(saved_parse((struct str){text, n + 1}, &r), -EBADMSG);
	assert_int_equal(saved_parse((struct str){text, n}, &r), 0);
}

/* With its check made right again: numbers and texts have bounds of their own. */
static int parse_resealed(const char *from, const char *to)
{
	const struct ship_saved s = sample();
	char text[SAVED_TEXT_MAX], changed[2 * SAVED_TEXT_MAX], hex[2 * SHIP_DIGEST + 1];
	uint8_t sum[SHIP_DIGEST];
	struct ship_saved r;
	char *at;
	size_t n;

	text[saved_format(&s, text)] = '\0';
	*strstr(text, "check ") = '\0';
	at = strstr(text, from);
	assert_non_null(at);
	n = (size_t)snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text,
			     to, at + strlen(from));
	digest_sha256(changed, n, sum);
	hex_format(sum, SHIP_DIGEST, hex);
	n += (size_t)snprintf(changed + n, sizeof(changed) - n, "check %s\n", hex);
	return saved_parse((struct str){changed, n}, &r);
}

static void test_hostile_values_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse_resealed("seq 30012", "seq 30013"), 0);
	assert_int_equal(parse_resealed("weir-ship 1", "weir-ship 2"), -EBADMSG);
	assert_int_equal(parse_resealed("segment 7", "segment 4294967295"), -EBADMSG);
	assert_int_equal(parse_resealed("segment 7", "segment 0"), -EBADMSG);
	assert_int_equal(parse_resealed("line 12", "line 0"), -EBADMSG);
	assert_int_equal(parse_resealed("seq 30012", "seq 0"), -EBADMSG);
	assert_int_equal(parse_resealed("offset 4711", "offset 9223372036854775808"),
			 -EBADMSG);
	assert_int_equal(parse_resealed("offset 4711", "offset -1"), -EBADMSG);
	assert_int_equal(parse_resealed("3c", "3C"), -EBADMSG);
	assert_int_equal(parse_resealed("refused", "\x1b[2J"), -EBADMSG);
}

/* ---- window ------------------------------------------------------------------------------- */

static void push(struct window *w, uint64_t seq, uint64_t end)
{
	const struct ship_place p = {.segment = 1, .line = 1, .seq = seq};

	window_push(w, &p, seq == 3 ? 5 : 0, end);
}

static void test_the_cursor_stays_a_window_behind(void **state)
{
	struct window *w = window_create(16);
	struct ship_place cursor = {.seq = 0};
	uint64_t lost = 0, seq = 0;

	(void)state;
	assert_non_null(w);
	for (; seq < 16; seq++) {
		assert_true(window_has_room(w));
		push(w, seq + 1, 100 * (seq + 1));
	}
	assert_false(window_has_room(w));
	/* Full, but nothing is acknowledged. */
	assert_int_equal(window_settle(w, &cursor, &lost), 0);
	assert_int_equal(window_acknowledge(w, 99), 0);
	assert_int_equal(window_acknowledge(w, 100), 1);
	assert_int_equal(window_acknowledge(w, 250), 2);
	assert_int_equal(window_settle(w, &cursor, &lost), 2);
	assert_int_equal(cursor.seq, 2);
	assert_int_equal(lost, 0);
	/* Room again: acknowledged lines stay. */
	assert_int_equal(window_acknowledge(w, 1600), 16);
	assert_true(window_is_acknowledged(w));
	assert_int_equal(window_settle(w, &cursor, &lost), 0);
	push(w, 17, 1700);
	push(w, 18, 1800);
	assert_false(window_is_acknowledged(w));
	assert_int_equal(window_settle(w, &cursor, &lost), 3);
	assert_int_equal(cursor.seq, 5);
	assert_int_equal(lost, 5);
	window_clear(w);
	assert_true(window_is_acknowledged(w));
	assert_int_equal(window_acknowledge(w, 9999), 0);
	window_destroy(w);
}

/* ---- back-off ----------------------------------------------------------------------------- */

/* ---- lines that expire -------------------------------------------------------------------- */

/* Ten lines, of which those of `expired` (bits from 1 on) have. */
static void write_lines(const char *path, unsigned expired)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	for (unsigned i = 1; i <= 10; i++) {
		char text[200];
		uint8_t digest[CHAIN_DIGEST];
		int n = snprintf(
			text, sizeof(text),
			"{\"v\":1,\"seq\":%u,\"time\":\"2026-11-29T10:00:00."
			"000000Z\",\"type\":\"flow\",\"sensor\":\"a-sensor\",\"host\":"
			"\"somewhere-far-away-of-here.example\"}\n",
			i);

		chain_digest(text, (size_t)n, digest);
		if ((expired >> i & 1) != 0)
			assert_true(expired_format(i, digest, text, (size_t)n - 1));
		assert_int_equal(fwrite(text, 1, (size_t)n, out), n);
	}
	assert_int_equal(fclose(out), 0);
}

static uint64_t next_seq(struct follower *f, struct ship_place *ret)
{
	struct followed l;
	uint64_t seq = 0;

	follower_next(f, &l);
	if (l.kind == FOLLOWED_END)
		return 0;
	assert_int_equal(l.kind, FOLLOWED_LINE);
	assert_true(line_seq(l.line.text, &seq));
	*ret = l.at;
	return seq;
}

static void test_expired_lines_are_passed_over(void **state)
{
	char dir[] = "/tmp/weir-ship-XXXXXX", path[64];
	static const uint8_t any[SHIP_DIGEST];
	struct ship_place at = {.seq = 0};
	struct follower *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/000001.jsonl", dir);
	write_lines(path, 0);
	f = follower_create(dir);
	assert_non_null(f);
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(next_seq(f, &at), i);
	follower_destroy(f);
	/* The one that was sent last is among them: the place is known by what is left of it. */
	write_lines(path, 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 8 | 1u << 10);
	f = follower_create(dir);
	assert_non_null(f);
	follower_go(f, &at, any);
	assert_int_equal(next_seq(f, &at), 7);
	assert_int_equal(next_seq(f, &at), 9);
	assert_int_equal(next_seq(f, &at), 0);
	assert_int_equal(next_seq(f, &at), 0);
	follower_destroy(f);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void test_waits_grow_to_a_bound(void **state)
{
	struct backoff b = {0}, twin = {0}, other = {0};
	int64_t bound = BACKOFF_FIRST_US, now = 0, differ = 0;

	(void)state;
	for (int i = 0; i < 40; i++) {
		const int64_t wait = backoff_next(&b, now);

		assert_true(wait >= bound / 2 && wait <= bound);
		assert_true(wait == backoff_next(&twin, now));
		differ += wait != backoff_next(&other, now + 1);
		now += wait;
		bound = bound < BACKOFF_MOST_US / 2 ? 2 * bound : BACKOFF_MOST_US;
	}
	assert_true(differ > 30);
	assert_true(bound == BACKOFF_MOST_US);
	backoff_reset(&b);
	assert_true(backoff_next(&b, now) <= BACKOFF_FIRST_US);
}

/* ---- frames ------------------------------------------------------------------------------- */

static struct record_line line;
static char buf[SYSLOG_FRAME_MAX + 1];

static size_t framed(const char *text, bool json)
{
	const struct syslog_form f = {
		.json = json, .version = STR("1"), .sensor = STR("s")};
	const struct ledger_line l = {
		.file = "000001.jsonl", .line = 1, .text = str_of(text)};
	struct diag *d = diag_create();
	size_t n;

	assert_non_null(d);
	assert_int_equal(record_line_read(&l, d, &line), LINE_READ);
	diag_destroy(d);
	n = syslog_event(&f, &line, buf, sizeof(buf));
	buf[n] = '\0';
	return n;
}

static void test_frames_count_octets(void **state)
{
	static const char text[] =
		"{\"v\":1,\"seq\":7,\"time\":\"2026-11-22T02:11:16.123456Z\",\"type\":"
		"\"system\",\"sensor\":\"m\xc3\xbc n\",\"what\":\"start\",\"message\":"
		"\"gr\xc3\xbc\xc3\x9f\"}";
	static const char head[] =
		"<166>1 2026-11-22T02:11:16.123456Z m___n weir - system - ";
	char *rest;

	(void)state;
	assert_int_equal(framed(text, true), 4 + sizeof(head) - 1 + sizeof(text) - 1);
	assert_int_equal(strtol(buf, &rest, 10), sizeof(head) - 1 + sizeof(text) - 1);
	assert_memory_equal(rest + 1, head, sizeof(head) - 1);
	assert_string_equal(rest + sizeof(head), text);
	assert_true(framed(text, false) > 0);
	assert_int_equal(strtol(buf, &rest, 10), strlen(rest) - 1);
	assert_non_null(strstr(rest, " - CEF:0|Weir|Weir|1|system:start|"));
	assert_int_equal(syslog_event(&(struct syslog_form){.json = true}, &line, buf,
				      SYSLOG_FRAME_MAX - 1),
			 0);
}

static void test_notices(void **state)
{
	struct syslog_form f = {.version = STR("1"), .sensor = STR("edge-1")};
	const struct ship_note n = {.what = SHIP_LOST,
				    .count = 12,
				    .time_us = INT64_C(1795313476123456),
				    .text = "lines 1 to 12 were removed"};
	size_t len;

	(void)state;
	len = syslog_notice(&f, &n, buf, sizeof(buf));
	buf[len] = '\0';
	assert_string_equal(
		buf, "225 <163>1 2026-11-22T02:11:16.123456Z edge-1 weir - ship - "
		     "CEF:0|Weir|Weir|1|ship:lost|Lines that the receiver does not get|8|"
		     "rt=1795313476123 cat=ship deviceExternalId=edge-1 dvchost=edge-1 "
		     "cnt=12 msg=lines 1 to 12 were removed");
	f.json = true;
	len = syslog_notice(&f, &n, buf, sizeof(buf));
	buf[len] = '\0';
	assert_non_null(
		strstr(buf, " weir - ship - {\"time\":\"2026-11-22T02:11:16.123456Z\","
			    "\"type\":\"ship\",\"sensor\":\"edge-1\",\"what\":\"lost\","
			    "\"count\":12,\"message\":\"lines 1 to 12 were removed\"}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_saved_is_read),
		cmocka_unit_test(test_a_damaged_file_is_refused),
		cmocka_unit_test(test_hostile_values_are_refused),
		cmocka_unit_test(test_the_cursor_stays_a_window_behind),
		cmocka_unit_test(test_expired_lines_are_passed_over),
		cmocka_unit_test(test_waits_grow_to_a_bound),
		cmocka_unit_test(test_frames_count_octets),
		cmocka_unit_test(test_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
