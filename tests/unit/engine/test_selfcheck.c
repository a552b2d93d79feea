/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/selfcheck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/diversity.h"

#define HOUR INT64_C(3600000000)

static struct addr machine(unsigned n)
{
	return (struct addr){{[10] = 0xff, 0xff, 10, 0, (uint8_t)(n >> 8), (uint8_t)n}};
}

static struct event_digest flow(enum direction direction, unsigned client,
				unsigned server)
{
	return (struct event_digest){.type = EVENT_FLOW,
				     .phase = PHASE_START,
				     .direction = direction,
				     .client = machine(client),
				     .server = machine(server)};
}

/* `count` of them; how often a trouble was told, and which. */
static unsigned look(struct selfcheck *s, struct event_digest d, unsigned count,
		     enum selfcheck_trouble *ret)
{
	unsigned told = 0;

	for (unsigned i = 0; i < count; i++) {
		const enum selfcheck_trouble t = selfcheck_look(s, &d);

		if (t != SELFCHECK_COUNT) {
			*ret = t;
			told++;
		}
	}
	return told;
}

static void a_view_without_an_inside_is_told_once(void **state)
{
	struct selfcheck s = {0};
	enum selfcheck_trouble t = SELFCHECK_COUNT;
	struct event_digest ends = flow(DIRECTION_UNKNOWN, 1, 2);

	(void)state;
	ends.phase = PHASE_END;
	assert_int_equal(look(&s, flow(DIRECTION_OUTBOUND, 1, 900), 50, &t), 0);
	assert_int_equal(look(&s, flow(DIRECTION_OUTBOUND, 2, 900), 50, &t), 0);
	assert_int_equal(look(&s, ends, 1000, &t), 0);
	assert_int_equal(look(&s, flow(DIRECTION_UNKNOWN, 3, 4), 100, &t), 0);
	assert_int_equal(look(&s, flow(DIRECTION_UNKNOWN, 3, 4), 1, &t), 1);
	assert_int_equal(t, SELFCHECK_NEITHER_INSIDE);
	assert_int_equal(look(&s, flow(DIRECTION_UNKNOWN, 3, 4), 1000, &t), 0);
	assert_int_equal(s.told, 1u << SELFCHECK_NEITHER_INSIDE);
}

static void one_source_is_told_and_two_are_not(void **state)
{
	struct selfcheck one = {0}, two = {0};
	enum selfcheck_trouble t = SELFCHECK_COUNT;

	(void)state;
	assert_int_equal(
		look(&one, flow(DIRECTION_OUTBOUND, 1, 900), SELFCHECK_FLOWS - 1, &t), 0);
	assert_int_equal(look(&one, flow(DIRECTION_OUTBOUND, 1, 901), 9, &t), 1);
	assert_int_equal(t, SELFCHECK_ONE_SOURCE);
	assert_int_equal(look(&two, flow(DIRECTION_OUTBOUND, 2, 900), 1, &t), 0);
	assert_int_equal(look(&two, flow(DIRECTION_OUTBOUND, 1, 900), 1000, &t), 0);
}

static void a_proxy_of_several_machines_is_told(void **state)
{
	struct selfcheck s = {0};
	enum selfcheck_trouble t = SELFCHECK_COUNT;
	struct event_digest d;

	(void)state;
	for (unsigned i = 0; i < 2 * SELFCHECK_CLIENTS; i++) {
		d = flow(DIRECTION_INTERNAL, i, 500);
		assert_int_equal(look(&s, d, 1, &t), 0); /* no tunnel */
		d = flow(DIRECTION_OUTBOUND, i, 501);
		d.proxied = true;
		assert_int_equal(look(&s, d, 1, &t), 0); /* not inside */
		d = flow(DIRECTION_INTERNAL, 7, 502 + i);
		d.proxied = true;
		assert_int_equal(look(&s, d, 1, &t),
				 0); /* many proxies, of one machine */
	}
	memset(&s, 0, sizeof(s));
	for (unsigned i = 0; i < SELFCHECK_CLIENTS; i++) {
		d = flow(DIRECTION_INTERNAL, i, 500);
		d.proxied = true;
		assert_int_equal(look(&s, d, 3, &t), i + 1 == SELFCHECK_CLIENTS);
	}
	assert_int_equal(t, SELFCHECK_EXPLICIT_PROXY);
}

static void every_trouble_says_what_to_do(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SELFCHECK_COUNT; i++) {
		assert_memory_equal(selfcheck_name((enum selfcheck_trouble)i),
				    "selfcheck_", 10);
		assert_non_null(
			strstr(selfcheck_message((enum selfcheck_trouble)i), "look"));
	}
}

static bool note(struct diversity *d, unsigned who, unsigned print, int64_t now_us)
{
	const struct addr a = machine(who);
	char text[16];
	const int n = snprintf(text, sizeof(text), "ja4-%u", print);

	return diversity_note(d, &a, (struct str){text, (size_t)n}, now_us);
}

static void many_fingerprints_within_an_hour_are_suspicious(void **state)
{
	struct diversity *d = diversity_create();
	const struct addr a = machine(1), b = machine(2);

	(void)state;
	assert_non_null(d);
	for (unsigned i = 0; i < DIVERSITY_PRINTS; i++) {
		assert_false(note(d, 1, i, 1));
		assert_false(note(d, 1, i, 2));                 /* the same again */
		assert_false(note(d, 2, i, 1 + i * HOUR / 20)); /* in two hours */
	}
	assert_false(note(d, 2, 77, DIVERSITY_PRINTS * HOUR / 20));
	assert_false(diversity_suspects(d, &a, 3));
	assert_true(note(d, 1, 77, HOUR));
	assert_false(note(d, 1, 78, HOUR)); /* said once */
	assert_true(diversity_suspects(d, &a, HOUR));
	assert_true(diversity_suspects(d, &a, HOUR + DIVERSITY_LASTS_US - 1));
	assert_false(diversity_suspects(d, &a, HOUR + DIVERSITY_LASTS_US));
	assert_false(diversity_suspects(d, &b, 2 * HOUR));
	diversity_destroy(d);
}

static void sources_are_bounded(void **state)
{
	struct diversity *d = diversity_create();

	(void)state;
	for (unsigned who = 0; who < 65536; who++)
		assert_false(note(d, who, 1, who));
	diversity_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_view_without_an_inside_is_told_once),
		cmocka_unit_test(one_source_is_told_and_two_are_not),
		cmocka_unit_test(a_proxy_of_several_machines_is_told),
		cmocka_unit_test(every_trouble_says_what_to_do),
		cmocka_unit_test(many_fingerprints_within_an_hour_are_suspicious),
		cmocka_unit_test(sources_are_bounded),
	};

	return cmocka_run_group_tests_name("engine/selfcheck", tests, NULL, NULL);
}
