/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/volume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/service.h"
#include "policy/policy.h"
#include "record/form.h"

#define MINUTE VOLUME_MINUTE_US

static const char *const services[] = {"sql", "smtp"};
static const char *const sites[] = {"munich"};
static const struct vocabulary vocabulary = {
	.services = {.words = services, .count = 2},
	.sites = {.words = sites, .count = 1},
};

/* What was written and what was told, in sums. */
struct sums {
	struct volume *v;
	uint64_t starts, ends, single_starts, single_ends, rollups;
	uint64_t count, counted_ends, bytes_out;
	size_t bytes; /* of lines */
	struct rollup_event last;
	char host[300];
};

static void put(void *arg, const struct rollup_event *e)
{
	static const struct event_origin origin = {.sensor = {"gw", 2},
						   .generation = {"0123456789abcdef", 16},
						   .mode = MODE_ENFORCE};
	struct sums *s = arg;
	char line[FORM_LINE_MAX];

	s->rollups++;
	s->count += e->count;
	s->counted_ends += e->ends;
	s->bytes_out += e->bytes_out;
	s->last = *e;
	assert_in_range(e->host.len, 0, sizeof(s->host));
	memcpy(s->host, e->host.p, e->host.len);
	s->last.host.p = s->host;
	s->bytes += form_rollup(e, &origin, line, sizeof(line));
	assert_true(e->count > 0 || e->ends > 0);
}

static struct event_digest denied(uint64_t id, int64_t time_us, const char *host)
{
	return (struct event_digest){.type = EVENT_FLOW,
				     .phase = PHASE_START,
				     .judged = true,
				     .verdict = VERDICT_DENY,
				     .gate = GATE_ENDPOINTS,
				     .rule = 7,
				     .service = 1,
				     .site = 0,
				     .in_scope = true,
				     .flow_id = id,
				     .time_us = time_us,
				     .start_us = time_us,
				     .host = str_of(host),
				     .principal = STR("10.10.9.31")};
}

#define LINE_BYTES 1100 /* of a flow event; the demo's denied ones have 1,073 */

static struct volume_names names_of(const struct policy *p)
{
	return (struct volume_names){.vocabulary = &vocabulary, .policy = p};
}

static void take(struct sums *s, const struct event_digest *d)
{
	const struct volume_names names = names_of(NULL);
	bool taken;

	volume_tick(s->v, d->time_us, &names, put, s);
	taken = volume_take(s->v, d);
	if (d->phase == PHASE_END) {
		s->ends++;
		s->single_ends += !taken;
	} else {
		s->starts++;
		s->single_starts += !taken;
	}
	s->bytes += taken ? 0 : LINE_BYTES;
}

static void end_of(struct sums *s, struct event_digest d, int64_t after, uint64_t bytes)
{
	d.phase = PHASE_END;
	d.time_us += after;
	d.bytes_out = bytes;
	d.packets_out = 1;
	take(s, &d);
}

static void finish(struct sums *s, int64_t now)
{
	const struct volume_names names = names_of(NULL);

	volume_finish(s->v, now, &names, put, s);
	assert_int_equal(s->starts, s->single_starts + s->count);
	assert_int_equal(s->ends, s->single_ends + s->counted_ends);
	volume_destroy(s->v);
}

static void begin(struct sums *s, bool rest)
{
	memset(s, 0, sizeof(*s));
	s->v = volume_create(rest);
	assert_non_null(s->v);
}

static void test_first_twenty_of_a_minute_are_written(void **state)
{
	struct sums s;

	(void)state;
	begin(&s, false);
	for (uint64_t i = 1; i <= 50; i++) {
		struct event_digest d = denied(i, 1000 * (int64_t)i, "a.example");

		take(&s, &d);
	}
	assert_int_equal(s.single_starts, VOLUME_SINGLE);
	assert_int_equal(s.rollups, 0);
	struct event_digest d = denied(51, MINUTE, "a.example");

	take(&s, &d); /* a new minute: written, and the old one told */
	assert_int_equal(s.single_starts, VOLUME_SINGLE + 1);
	assert_int_equal(s.rollups, 1);
	assert_int_equal(s.last.count, 30);
	assert_int_equal(s.last.first_us, 21000);
	assert_int_equal(s.last.last_us, 50000);
	assert_int_equal(s.last.time_us, MINUTE);
	assert_true(str_equal(s.last.host, STR("a.example")));
	assert_true(str_equal(s.last.service, STR("smtp")));
	assert_true(str_equal(s.last.site, STR("munich")));
	assert_int_equal(s.last.gate, GATE_ENDPOINTS);
	finish(&s, MINUTE + 1);
}

static void test_keys_are_apart(void **state)
{
	struct sums s;

	(void)state;
	begin(&s, false);
	for (uint64_t i = 0; i < 100; i++) {
		struct event_digest d =
			denied(i + 1, (int64_t)i, i % 2 == 0 ? "a.example" : "b.example");

		d.rule = i % 4 < 2 ? 7 : 8;
		d.principal = i < 50 ? STR("10.0.0.1") : STR("10.0.0.2");
		take(&s, &d);
	}
	/* eight keys of at most 13 */
	assert_int_equal(s.single_starts, 100);
	finish(&s, 1);
	assert_int_equal(s.rollups, 0);
}

#define NAMES 40u

/* A name by whose length and principal a number is known. */
static struct event_digest denied_named(uint64_t id, int64_t time_us, unsigned number)
{
	static char name[300], who[16];
	struct event_digest d;

	(void)snprintf(name, sizeof(name), "%0*u.example", (int)(2 + number * 37 % 200),
		       number);
	(void)snprintf(who, sizeof(who), "10.0.0.%u", number);
	d = denied(id, time_us, name);
	d.principal = str_of(who);
	return d;
}

/* Its connections were written or counted: `number` beyond the first twenty of the minute. */
static void put_named(void *arg, const struct rollup_event *e)
{
	unsigned *told = arg;
	const unsigned number = (unsigned)strtoul(e->host.p, NULL, 10);
	struct event_digest want;

	assert_in_range(number, 1, NAMES);
	want = denied_named(1, 0, number);
	assert_true(str_equal(e->host, want.host));
	assert_true(str_equal(e->principal, want.principal));
	assert_int_equal(e->count, number);
	told[number]++;
}

/* Some keys go at the end of each minute, the texts of the others move. */
static void test_names_stay_with_their_keys(void **state)
{
	const struct volume_names names = names_of(NULL);
	struct volume *v = volume_create(false);
	unsigned told[NAMES + 1] = {0}, want[NAMES + 1] = {0};
	uint64_t id = 0;

	(void)state;
	assert_non_null(v);
	for (unsigned minute = 0; minute < 12; minute++) {
		volume_tick(v, minute * MINUTE, &names, put_named, told);
		for (unsigned n = 1; n <= NAMES; n++) {
			if ((n * 7 + minute * 3) % 4 == 0)
				continue;
			want[n]++;
			for (unsigned i = 0; i < VOLUME_SINGLE + n; i++) {
				const struct event_digest d =
					denied_named(++id, minute * MINUTE + i, n);

				assert_int_equal(volume_take(v, &d), i >= VOLUME_SINGLE);
			}
		}
	}
	volume_finish(v, 12 * MINUTE, &names, put_named, told);
	assert_memory_equal(told, want, sizeof(told));
	volume_destroy(v);
}

static void test_ends_follow_their_beginnings(void **state)
{
	struct sums s;

	(void)state;
	begin(&s, false);
	for (uint64_t i = 1; i <= 30; i++) {
		struct event_digest d = denied(i, (int64_t)i, "a.example");

		take(&s, &d);
	}
	/* Those of the counted ones hours later, when their key is long gone. */
	for (uint64_t i = 21; i <= 30; i++)
		end_of(&s, denied(i, (int64_t)i, "a.example"), 90 * MINUTE, 100);
	finish(&s, 91 * MINUTE);
	assert_int_equal(s.count, 10);
	assert_int_equal(s.counted_ends, 10);
	assert_int_equal(s.single_ends, 0);
	assert_int_equal(s.bytes_out, 1000);
	assert_int_equal(s.last.count, 0);

	begin(&s, false);
	for (uint64_t i = 1; i <= 20; i++) {
		struct event_digest d = denied(i, (int64_t)i, "a.example");

		take(&s, &d);
		end_of(&s, d, 1, 100);
	}
	finish(&s, 1000);
	assert_int_equal(s.single_ends, 20); /* nothing was counted */
}

static void test_only_denials_unless_asked(void **state)
{
	struct sums s;

	(void)state;
	for (unsigned rest = 0; rest < 2; rest++) {
		begin(&s, rest == 1);
		for (uint64_t i = 1; i <= 100; i++) {
			struct event_digest d = denied(i, (int64_t)i, "a.example");

			d.verdict = VERDICT_ALLOW;
			d.in_scope = false;
			take(&s, &d);
			end_of(&s, d, 1, 5);
		}
		assert_int_equal(s.single_starts, rest == 1 ? 0 : 100);
		finish(&s, 1000);
		assert_int_equal(s.bytes_out, rest == 1 ? 500 : 0);
	}
	/* In scope, undecided, or not judged: always written. */
	begin(&s, true);
	for (uint64_t i = 1; i <= 100; i++) {
		struct event_digest d = denied(i, (int64_t)i, "a.example");

		d.verdict = VERDICT_ALLOW;
		take(&s, &d);
		d.in_scope = false;
		d.undecidable = UNDECIDABLE_CONFLICT;
		take(&s, &d);
		d.undecidable = UNDECIDABLE_NONE;
		d.judged = false;
		take(&s, &d);
	}
	assert_int_equal(s.single_starts, 300);
	finish(&s, 1000);
}

/* A line that is only reported counts like one that denies. */
static void test_would_be_denials(void **state)
{
	struct sums s;

	(void)state;
	begin(&s, false);
	for (uint64_t i = 1; i <= 100; i++) {
		struct event_digest d = denied(i, (int64_t)i, "a.example");

		d.verdict = VERDICT_ALLOW;
		d.would = VERDICT_DENY;
		d.would_gate = GATE_OWN;
		d.would_rule = (uint32_t)9;
		take(&s, &d);
	}
	finish(&s, 1000);
	assert_int_equal(s.count, 80);
	assert_int_equal(s.last.gate, GATE_OWN);
	assert_int_equal(s.last.would, VERDICT_DENY);
}

/* Issue bar: a million within 30 minutes write at most 1 MB and lose no count. */
static void test_a_million_denials(void **state)
{
	struct sums s;

	(void)state;
	begin(&s, false);
	for (uint64_t i = 0; i < 1000000; i++) {
		struct event_digest d =
			denied(i + 1, (int64_t)i * 30 * MINUTE / 1000000, "a.example");

		take(&s, &d);
		end_of(&s, d, 100, 60);
	}
	finish(&s, 31 * MINUTE);
	assert_int_equal(s.starts, 1000000);
	assert_int_equal(s.single_starts, 30 * VOLUME_SINGLE);
	assert_in_range(s.bytes, 1, 1000000);
	print_message("a million denials: %zu bytes\n", s.bytes);
}

/* More keys, and more open connections, than there is room for: written, never lost. */
static void test_no_room(void **state)
{
	struct volume_stats st;
	struct sums s;
	char host[32] = "h00000.example";

	(void)state;
	begin(&s, false);
	for (uint64_t i = 0; i < UINT64_C(2) * VOLUME_KEYS; i++) {
		uint64_t n = i;

		for (unsigned k = 5; k > 0; k--, n /= 10)
			host[k] = (char)('0' + n % 10);
		struct event_digest d = denied(i + 1, 5, host);

		take(&s, &d);
	}
	volume_stats(s.v, &st);
	assert_int_equal(st.keys_refused, VOLUME_KEYS);
	finish(&s, 10);

	begin(&s, false);
	for (uint64_t i = 0; i < 20 + VOLUME_OPEN + 5; i++) {
		struct event_digest d = denied(i + 1, 5, "a.example");

		take(&s, &d);
	}
	volume_stats(s.v, &st);
	assert_int_equal(st.opens_refused, 5);
	assert_int_equal(s.single_starts, 25);
	for (uint64_t i = 0; i < 20 + VOLUME_OPEN + 5; i++)
		end_of(&s, denied(i + 1, 5, "a.example"), 1, 1);
	/* All were taken out again: the same once more finds room. */
	for (uint64_t i = 0; i < VOLUME_OPEN; i++) {
		struct event_digest d = denied(i + 1, 7, "a.example");

		take(&s, &d);
	}
	volume_stats(s.v, &st);
	assert_int_equal(st.opens_refused, 5);
	finish(&s, 10);
}

/* Random starts and ends against plain sums. */
static void test_random_runs_add_up(void **state)
{
	static const char *const hosts[] = {"a.example", "b.example", "c.example"};
	uint64_t x = 88172645463325252u;

	(void)state;
	for (unsigned run = 0; run < 200; run++) {
		struct event_digest open[64];
		size_t count = 0;
		int64_t now = 0;
		struct sums s;

		begin(&s, run % 2 == 1);
		for (uint64_t i = 1; i < 2000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			now += (int64_t)(x % 200000);
			if (count > 0 && (count == 64 || x >> 20 & 1)) {
				size_t k = x >> 30 & 63;

				k %= count;
				open[k].time_us = now;
				end_of(&s, open[k], 0, x & 255);
				open[k] = open[--count];
			} else {
				struct event_digest d =
					denied(i, now, hosts[x >> 40 & 1]);

				d.verdict = x >> 50 & 1 ? VERDICT_ALLOW : VERDICT_DENY;
				d.in_scope = x >> 51 & 1;
				take(&s, &d);
				open[count++] = d;
			}
		}
		finish(&s, now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_twenty_of_a_minute_are_written),
		cmocka_unit_test(test_keys_are_apart),
		cmocka_unit_test(test_names_stay_with_their_keys),
		cmocka_unit_test(test_ends_follow_their_beginnings),
		cmocka_unit_test(test_only_denials_unless_asked),
		cmocka_unit_test(test_would_be_denials),
		cmocka_unit_test(test_a_million_denials),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_random_runs_add_up),
	};

	return cmocka_run_group_tests_name("engine/volume", tests, NULL, NULL);
}
