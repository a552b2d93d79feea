/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines with `cut` at a gateway: what becomes of connections in being at the edges of hours.
 */
#include "play.h"

/* Seconds from SCENE_T0 to the edge of each policy here. */
#define EDGE 300

static const char cutting[] = "version 1\ngate rules\n"
			      "deny from egress 203.0.113.5\n"
			      "deny to host \"good.example\" "
			      "during \"daily 12:05-13:00\" zone \"UTC\" cut\n";
static const char trying[] = "version 1\ngate rules\n"
			     "deny to host \"good.example\" report-only "
			     "during \"daily 12:05-13:00\" zone \"UTC\" cut\n";
static const char passing[] = "version 1\ngate rules\n"
			      "deny to host \"good.example\" "
			      "during \"daily 12:05-13:00\" zone \"UTC\"\n";

static struct conn_report recalled;
static unsigned recalls;

static void take_recall(void *arg, const struct conn_report *r)
{
	(void)arg;
	recalled = *r;
	recalls++;
}

static struct scene *start_with(const struct generation *g, bool enforce, bool can_recall)
{
	struct scene *s = scene_create(g);

	recalls = 0;
	s->cfg.enforce = enforce;
	s->cfg.sink.recall = can_recall ? take_recall : NULL;
	scene_start(s);
	return s;
}

static void sweep_at(struct scene *s, int64_t seconds)
{
	s->now_us = SCENE_T0 + seconds * SECOND;
	worker_tick(s->w, s->now_us);
	while (worker_sweep(s->w, s->now_us))
		;
}

static void let_in(struct scene *s, const struct ends *e)
{
	(void)open_tcp(s, e);
	(void)say(s, e, &good);
	assert_taken(s, e, good.len);
}

/* The kernel tells now and then that it lives, with that translation. */
static void still_there(struct scene *s, const struct ends *e, const char *nat)
{
	const struct conn_report r = {.src = address_of(e->client),
				      .dst = address_of(e->server),
				      .src_port = e->client_port,
				      .dst_port = e->server_port,
				      .ip_proto = 6,
				      .nat_src = address_of(nat),
				      .nat_src_port = 61000};

	worker_report(s->w, &r, s->now_us);
}

static void an_edge_calls_back_what_the_kernel_passes(void **state)
{
	struct generation *g = scene_generation(cutting);
	struct scene *s = start_with(g, true, true);
	const struct addr client = address_of(v4.client), server = address_of(v4.server);

	(void)state;
	sweep_at(s, 200);
	let_in(s, &v4);
	still_there(s, &v4, "198.51.100.10");
	sweep_at(s, EDGE - 1);
	assert_int_equal(recalls, 0);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	for (int i = 0; i <= 60; i++)
		sweep_at(s, EDGE + i);
	assert_int_equal(recalls, 1);
	assert_true(addr_equal(&recalled.src, &client));
	assert_true(addr_equal(&recalled.dst, &server));
	assert_int_equal(recalled.src_port, v4.client_port);
	assert_int_equal(recalled.dst_port, v4.server_port);
	assert_int_equal(recalled.ip_proto, 6);
	assert_int_equal(recalled.nat_src_port, 61000);
	assert_lines(s, "\"phase\":\"update\"", "\"verdict\":\"deny\"", 1);
	assert_int_equal(s->reset_count, 0);
	assert_answer(s, send_data(s, &v4, (uint32_t)good.len, "more", 4), GOT_DROP);
	assert_int_equal(s->reset_count, 2);
	assert_true(scene_end(s));
	generation_destroy(g);
}

/* When the hours are over it is not let on, nor by rules that are loaded anew. */
static void what_was_cut_stays_cut(void **state)
{
	const struct event_origin o = scene_origin(true);
	struct generation *g = scene_generation(cutting);
	struct scene *s = start_with(g, true, true);

	(void)state;
	sweep_at(s, 200);
	let_in(s, &v4);
	sweep_at(s, EDGE + 60);
	assert_lines(s, "\"phase\":\"update\"", "\"verdict\":\"deny\"", 1);
	worker_use(s->w, g, &o, true);
	sweep_at(s, EDGE + 70);
	assert_lines(s, "\"phase\":\"update\"", NULL, 1);
	assert_answer(s, send_data(s, &v4, (uint32_t)good.len, "more", 4), GOT_DROP);
	assert_true(scene_end(s));
	generation_destroy(g);
}

static void without_cut_it_stays_open(void **state)
{
	struct generation *g = scene_generation(passing);
	struct scene *s = start_with(g, true, true);

	(void)state;
	sweep_at(s, 200);
	let_in(s, &v4);
	for (int i = 0; i <= 60; i++)
		sweep_at(s, EDGE + i);
	assert_int_equal(recalls, 0);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_answer(s, send_data(s, &v4, (uint32_t)good.len, "more", 4), GOT_FINAL);
	assert_true(scene_end(s));
	generation_destroy(g);
}

static void who_only_reports_calls_nothing_back(void **state)
{
	struct generation *g = scene_generation(trying);
	struct scene *s = start_with(g, true, true);

	(void)state;
	sweep_at(s, 200);
	let_in(s, &v4);
	sweep_at(s, EDGE + 60);
	assert_int_equal(recalls, 0);
	assert_lines(s, "\"phase\":\"update\"", "\"would_verdict\":\"deny\"", 1);
	assert_answer(s, send_data(s, &v4, (uint32_t)good.len, "more", 4), GOT_FINAL);
	assert_true(scene_end(s));
	generation_destroy(g);
}

static void in_mode_monitor_it_is_told_and_passes(void **state)
{
	struct generation *g = scene_generation(cutting);
	struct scene *s = start_with(g, false, true);

	(void)state;
	sweep_at(s, 200);
	let_in(s, &v4);
	sweep_at(s, EDGE + 60);
	assert_int_equal(recalls, 0);
	assert_lines(s, "\"phase\":\"update\"", "\"verdict\":\"deny\"", 1);
	assert_answer(s, send_data(s, &v4, (uint32_t)good.len, "more", 4), GOT_FINAL);
	assert_true(scene_end(s));
	generation_destroy(g);
}

/* Where nothing can be called back, nothing is left to the kernel; other rules do not care. */
static void nothing_is_final_that_cannot_be_called_back(void **state)
{
	struct generation *g = scene_generation(cutting);
	struct generation *plain = scene_generation(passing);
	struct scene *s = start_with(g, true, false);

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &good);
	assert_answer(s, send_reply(s, &v4, 0, (uint32_t)good.len, "taken"), GOT_PASS);
	assert_true(scene_end(s));
	s = start_with(plain, true, false);
	let_in(s, &v4);
	assert_true(scene_end(s));
	s = start_with(g, true, true);
	worker_keeps_all(s->w);
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &good);
	assert_answer(s, send_reply(s, &v4, 0, (uint32_t)good.len, "taken"), GOT_PASS);
	assert_true(scene_end(s));
	generation_destroy(g);
	generation_destroy(plain);
}

/* Its translated address, which a line denies, is known since: no matter of the hour. */
static void what_became_known_since_cuts_nothing(void **state)
{
	static struct bytes other;
	struct generation *g = scene_generation(cutting);
	struct scene *s = start_with(g, true, true);

	(void)state;
	make_hello(&other, "else.example", 100);
	sweep_at(s, 200);
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &other);
	assert_taken(s, &v4, other.len);
	still_there(s, &v4, "203.0.113.5");
	sweep_at(s, EDGE + 60);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_int_equal(recalls, 0);
	assert_true(scene_end(s));
	generation_destroy(g);
}

/* Who began after the edge was judged by its hour. */
static void after_the_edge_it_is_denied_at_once(void **state)
{
	struct generation *g = scene_generation(cutting);
	struct scene *s = start_with(g, true, true);

	(void)state;
	sweep_at(s, EDGE + 10);
	(void)open_tcp(s, &v4);
	assert_answer(s, say(s, &v4, &good), GOT_DROP);
	sweep_at(s, EDGE + 60);
	assert_lines(s, "\"phase\":\"start\"", "\"verdict\":\"deny\"", 1);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_true(scene_end(s));
	generation_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_edge_calls_back_what_the_kernel_passes),
		cmocka_unit_test(what_was_cut_stays_cut),
		cmocka_unit_test(without_cut_it_stays_open),
		cmocka_unit_test(who_only_reports_calls_nothing_back),
		cmocka_unit_test(in_mode_monitor_it_is_told_and_passes),
		cmocka_unit_test(nothing_is_final_that_cannot_be_called_back),
		cmocka_unit_test(what_became_known_since_cuts_nothing),
		cmocka_unit_test(after_the_edge_it_is_denied_at_once),
	};

	return cmocka_run_group_tests(tests, prepare, tidy);
}
