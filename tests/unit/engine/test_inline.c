/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../identify/quic_seal.h"
#include "scene.h"

static struct generation *closed, *open_to_all, *patient;

static const struct ends v4 = {"10.1.2.3", "192.0.2.7", 40001, 443};
static const struct ends v6 = {"2001:db8:1::3", "2001:db8:9::7", 40001, 443};
static const struct ends bad_v4 = {"10.1.2.3", "192.0.2.66", 40002, 443};
static const struct ends bad_v6 = {"2001:db8:1::3", "2001:db8:9::66", 40002, 443};
static const struct ends quic = {"10.1.2.3", "192.0.2.7", 50000, 443};
static const struct ends dns = {"10.1.2.3", "9.9.9.9", 50053, 53};
static const struct ends web = {"10.1.2.3", "192.0.2.8", 40080, 80};

static struct bytes good, evil;

static int prepare(void **state)
{
	(void)state;
	closed = scene_generation(closed_rules);
	open_to_all = scene_generation(open_rules);
	patient = scene_generation(patient_rules);
	make_hello(&good, "good.example", 100);
	make_hello(&evil, "evil.example", 100);
	return 0;
}

static int tidy(void **state)
{
	(void)state;
	generation_destroy(closed);
	generation_destroy(open_to_all);
	generation_destroy(patient);
	return 0;
}

static struct scene *start(const struct generation *g)
{
	struct scene *s = scene_create(g);

	scene_start(s);
	return s;
}

static void assert_answer(const struct scene *s, uint32_t id, enum scene_answer want)
{
	assert_int_equal(s->answers[id - 1], want);
}

/* `n` packets from number `id` on. */
static void assert_answers(const struct scene *s, uint32_t id, uint32_t n,
			   enum scene_answer want)
{
	for (uint32_t i = 0; i < n; i++)
		assert_answer(s, id + i, want);
}

static void assert_lines(const struct scene *s, const char *what, const char *also,
			 unsigned n)
{
	if (scene_lines(s, what, also) != n)
		print_error("%s", s->events);
	assert_int_equal(scene_lines(s, what, also), n);
}

static void assert_reset(const struct tcp_reset *r, const struct ends *e, enum side from,
			 uint32_t seq, uint32_t ack)
{
	const bool client = from == FROM_CLIENT;
	const struct addr src = address_of(client ? e->client : e->server);
	const struct addr dst = address_of(client ? e->server : e->client);

	assert_true(addr_equal(&r->src, &src));
	assert_true(addr_equal(&r->dst, &dst));
	assert_int_equal(r->src_port, client ? e->client_port : e->server_port);
	assert_int_equal(r->dst_port, client ? e->server_port : e->client_port);
	assert_true(r->has_ack);
	assert_int_equal(r->seq, seq);
	assert_int_equal(r->ack, ack);
}

/* The hello in one piece. */
static uint32_t say(struct scene *s, const struct ends *e, const struct bytes *hello)
{
	return send_data(s, e, 0, hello->b, hello->len);
}

/* Piece `i` of `n`. */
static uint32_t say_part(struct scene *s, const struct ends *e, const struct bytes *hello,
			 size_t i, size_t n)
{
	const size_t from = hello->len * i / n, to = hello->len * (i + 1) / n;

	return send_data(s, e, (uint32_t)from, hello->b + from, to - from);
}

/* A packet that is none: cut in its header. */
static uint32_t send_rubbish(struct scene *s)
{
	static const uint8_t rubbish[] = {0x45, 0, 0, 20, 0, 0};
	struct queued_packet q = {.id = ++s->ids,
				  .frame = {.data = rubbish,
					    .caplen = sizeof(rubbish),
					    .len = sizeof(rubbish),
					    .link = LINK_RAW_IP}};

	q.mark = SCENE_MARK | q.id;
	q.frame.number = q.id;
	q.frame.time_us = q.frame.clock_us = s->now_us;
	worker_packet(s->w, &q);
	return q.id;
}

/* ---- allowed ----------------------------------------------------------------------------------- */

static void an_allowed_hello_passes_for_good(void **state)
{
	const struct ends *const all[] = {&v4, &v6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene *s = start(closed);
		uint32_t id = open_tcp(s, all[i]);

		assert_answers(s, id - 2, 3, GOT_PASS);
		id = say(s, all[i], &good);
		assert_answer(s, id, GOT_FINAL);
		assert_lines(s, "\"phase\":\"start\"", "\"verdict\":\"allow\"", 1);
		assert_lines(s, "\"host\":\"good.example\"", "\"effect\":\"passed\"", 1);
		assert_int_equal(s->reset_count, 0);
		assert_int_equal(scene_stats(s).final, 1);
		assert_true(scene_end(s));
	}
}

/* `order` of the `n` pieces; the last of them makes the name whole. */
static void check_pieces(const struct ends *e, const size_t *order, size_t n)
{
	struct scene *s = start(closed);
	uint32_t first = open_tcp(s, e) + 1, before = s->answered;

	for (size_t i = 0; i + 1 < n; i++) {
		(void)say_part(s, e, &good, order[i], n);
		assert_int_equal(s->answered, before);
		assert_int_equal(scene_stats(s).held_now, i + 1);
	}
	(void)say_part(s, e, &good, order[n - 1], n);
	assert_answers(s, first, (uint32_t)n, GOT_FINAL);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(s->order[before + i], first + i);
	assert_int_equal(scene_stats(s).held, n - 1);
	assert_true(scene_end(s));
}

static void pieces_wait_for_the_last_and_keep_their_order(void **state)
{
	static const size_t in_order[] = {0, 1, 2, 3, 4};
	static const size_t backwards[] = {4, 3, 2, 1, 0};
	static const size_t mixed[] = {2, 0, 4, 1, 3};

	(void)state;
	check_pieces(&v4, in_order, 5);
	check_pieces(&v4, backwards, 5);
	check_pieces(&v4, mixed, 5);
	check_pieces(&v6, in_order, 5);
	check_pieces(&v6, backwards, 5);
	check_pieces(&v6, mixed, 5);
}

static void what_is_not_payload_is_never_held(void **state)
{
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &v4);
	id = say_part(s, &v4, &good, 0, 2);
	assert_answer(s, send_data(s, &v4, 0, NULL, 0), GOT_PASS);
	assert_answer(s, id, GOT_NOTHING);
	assert_true(scene_end(s));
}

static void final_waits_for_the_server_where_asked(void **state)
{
	struct scene *s = scene_create(closed);
	uint32_t len = (uint32_t)good.len;

	(void)state;
	s->cfg.see_server = true;
	scene_start(s);
	(void)open_tcp(s, &v4);
	assert_answer(s, say(s, &v4, &good), GOT_PASS);
	assert_answer(s, send_data(s, &v4, len, "more", 4), GOT_PASS);
	assert_answer(s, send_reply(s, &v4, 0, len + 4, "hello"), GOT_FINAL);
	assert_answer(s, send_data(s, &v4, len + 4, "more", 4), GOT_FINAL);
	assert_true(scene_end(s));
}

/* ---- denied -------------------------------------------------------------------------------------- */

static void a_denied_name_is_dropped_and_both_ends_are_told(void **state)
{
	const struct ends *const all[] = {&v4, &v6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const uint32_t len = (uint32_t)evil.len;
		struct scene *s = start(closed);
		uint32_t id = open_tcp(s, all[i]) + 1;

		for (size_t k = 0; k < 3; k++)
			(void)say_part(s, all[i], &evil, k, 3);
		assert_answers(s, id, 3, GOT_DROP);
		assert_int_equal(s->reset_count, 2);
		assert_reset(&s->resets[0], all[i], FROM_CLIENT, CLIENT_FIRST,
			     SERVER_FIRST);
		assert_reset(&s->resets[1], all[i], FROM_SERVER, SERVER_FIRST,
			     CLIENT_FIRST + len);
		assert_int_equal(scene_stats(s).denied, 3);
		assert_lines(s, "\"phase\":\"start\"", "\"verdict\":\"deny\"", 1);
		assert_lines(s, "\"effect\":\"reset\"", "\"host\":\"evil.example\"", 1);
		worker_tick(s->w, s->now_us + 60 * SECOND);
		assert_lines(s, "\"phase\":\"end\"", "\"end_reason\":\"reset\"", 1);
		assert_true(scene_end(s));
	}
}

static void what_comes_after_a_denial_fares_the_same(void **state)
{
	const uint32_t len = (uint32_t)evil.len;
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &evil);
	assert_int_equal(s->reset_count, 2);
	id = send_data(s, &v4, len, "more", 4);
	assert_answer(s, id, GOT_DROP);
	assert_int_equal(s->reset_count, 4);
	assert_reset(&s->resets[2], &v4, FROM_CLIENT, CLIENT_FIRST, SERVER_FIRST);
	assert_reset(&s->resets[3], &v4, FROM_SERVER, SERVER_FIRST,
		     CLIENT_FIRST + len + 4);
	/* From the server: what it acknowledges is what it takes next. */
	assert_answer(s, send_reply(s, &v4, 7, 0, "hi"), GOT_DROP);
	assert_int_equal(s->reset_count, 6);
	assert_reset(&s->resets[4], &v4, FROM_CLIENT, CLIENT_FIRST, SERVER_FIRST + 7);
	assert_reset(&s->resets[5], &v4, FROM_SERVER, SERVER_FIRST + 7, CLIENT_FIRST);
	/* Nobody answers a reset. */
	id = send_segment(
		s, &v4, (struct segment){FROM_CLIENT, TCP_RST, CLIENT_FIRST, 0, NULL, 0});
	assert_answer(s, id, GOT_DROP);
	assert_int_equal(s->reset_count, 6);
	assert_true(scene_end(s));
}

static void a_denied_address_is_refused_at_once(void **state)
{
	const struct ends *const all[] = {&bad_v4, &bad_v6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene *s = start(open_to_all);

		assert_answer(s, send_syn(s, all[i]), GOT_DROP);
		assert_int_equal(s->reset_count, 1);
		assert_reset(&s->resets[0], all[i], FROM_SERVER, 0, CLIENT_FIRST);
		assert_lines(s, "\"phase\":\"start\"", "\"verdict\":\"deny\"", 1);
		/* Again: another connection, as refused as the first. */
		s->now_us += SECOND;
		assert_answer(s, send_syn(s, all[i]), GOT_DROP);
		assert_int_equal(s->reset_count, 2);
		assert_lines(s, "\"end_reason\":\"refused\"", NULL, 1);
		assert_true(scene_end(s));
	}
}

/* ---- decoys ---------------------------------------------------------------------------------------- */

static void other_bytes_than_those_held_are_dropped(void **state)
{
	struct scene *s = start(closed);
	uint32_t first, decoy;

	(void)state;
	(void)open_tcp(s, &v4);
	first = say_part(s, &v4, &evil, 1, 2); /* with the name */
	decoy = say_part(s, &v4, &good, 1, 2);
	assert_answer(s, decoy, GOT_DROP);
	assert_answer(s, first, GOT_NOTHING);
	assert_int_equal(scene_stats(s).conflicting, 1);
	(void)say_part(s, &v4, &evil, 0, 2);
	assert_answer(s, first, GOT_DROP);
	assert_lines(s, "\"verdict\":\"deny\"", "\"host\":\"evil.example\"", 1);
	assert_lines(s, "\"overlap\"", "\"decoy_ignored\"", 1);
	assert_true(scene_end(s));
}

static void the_same_bytes_again_are_no_conflict(void **state)
{
	struct scene *s = start(closed);
	uint32_t first;

	(void)state;
	first = open_tcp(s, &v4) + 1;
	(void)say_part(s, &v4, &good, 0, 2);
	(void)say_part(s, &v4, &good, 0, 2);
	(void)say(s, &v4, &good);
	assert_answers(s, first, 3, GOT_FINAL);
	assert_int_equal(scene_stats(s).conflicting, 0);
	assert_lines(s, "\"overlap\"", NULL, 0);
	assert_true(scene_end(s));
}

static void a_low_hop_limit_is_dropped(void **state)
{
	const struct ends *const all[] = {&v4, &v6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene *s = start(closed);
		uint32_t id;

		(void)open_tcp(s, all[i]);
		s->ttl = 19;
		id = say(s, all[i], &good);
		assert_answer(s, id, GOT_DROP);
		assert_int_equal(scene_stats(s).ttl_low, 1);
		assert_lines(s, "\"phase\":\"start\"", NULL, 0);
		s->ttl = 20;
		assert_answer(s, say(s, all[i], &good), GOT_FINAL);
		assert_lines(s, "\"ttl_low\"", "\"decoy_ignored\"", 1);
		assert_true(scene_end(s));
	}
}

struct ignored_row {
	unsigned flags;
	uint32_t ack;
};

static void what_a_server_ignores_is_dropped(void **state)
{
	static const struct ignored_row rows[] = {
		{TCP_PSH, SERVER_FIRST},
		{TCP_ACK, SERVER_FIRST + 1},
		{TCP_RST | TCP_ACK, SERVER_FIRST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene *s = start(closed);
		uint32_t id;

		(void)open_tcp(s, &v4);
		id = send_segment(s, &v4,
				  (struct segment){FROM_CLIENT, rows[i].flags,
						   CLIENT_FIRST + 3, rows[i].ack, good.b,
						   good.len});
		assert_answer(s, id, GOT_DROP);
		assert_int_equal(scene_stats(s).ignored, 1);
		(void)say(s, &v4, &evil);
		assert_lines(s, "\"decoy_ignored\"", "\"verdict\":\"deny\"", 1);
		assert_true(scene_end(s));
	}
}

/* Each drop has one reason. */
static void reasons_of_drops_add_up(void **state)
{
	struct scene *s = start(closed);
	struct inline_stats st;

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say_part(s, &v4, &good, 1, 2);
	(void)say_part(s, &v4, &evil, 1, 2);
	s->ttl = 3;
	(void)say_part(s, &v4, &good, 0, 2);
	s->ttl = 64;
	(void)send_segment(s, &v4,
			   (struct segment){FROM_CLIENT, TCP_PSH, CLIENT_FIRST,
					    SERVER_FIRST, "?", 1});
	(void)say_part(s, &v4, &good, 0, 2);
	(void)send_rubbish(s);
	st = scene_stats(s);
	assert_int_equal(st.conflicting, 1);
	assert_int_equal(st.ttl_low, 1);
	assert_int_equal(st.dropped, st.denied + st.conflicting + st.ttl_low +
					     st.ignored + st.undecodable + st.over_cap);
	assert_true(scene_end(s));
}

/* ---- caps ------------------------------------------------------------------------------------------- */

static void a_connection_over_its_cap_waits_for_the_client(void **state)
{
	struct scene *s = scene_create(closed);
	uint32_t first;

	(void)state;
	s->cfg.hold.flow_packets = 2;
	scene_start(s);
	first = open_tcp(s, &v4) + 1;
	(void)say_part(s, &v4, &good, 0, 4);
	(void)say_part(s, &v4, &good, 1, 4);
	assert_answer(s, say_part(s, &v4, &good, 2, 4), GOT_DROP);
	assert_int_equal(scene_stats(s).over_cap, 1);
	assert_int_equal(scene_stats(s).held_now, 2);
	assert_answers(s, first, 2, GOT_NOTHING);
	assert_true(scene_end(s));
}

static const struct ends of_source[] = {
	{"10.1.2.3", "192.0.2.7", 41000, 443},
	{"10.1.2.3", "192.0.2.8", 41001, 443},
	{"10.1.2.4", "192.0.2.7", 41002, 443},
};

/* A place set free by one connection is the next one's. */
static void a_source_over_its_cap_is_decided_by_the_retransmission(void **state)
{
	struct scene *s = scene_create(closed);
	uint32_t held, other;

	(void)state;
	s->cfg.hold.source_packets = 1;
	scene_start(s);
	for (size_t i = 0; i < 3; i++)
		(void)open_tcp(s, &of_source[i]);
	held = say_part(s, &of_source[0], &good, 0, 2);
	assert_answer(s, say_part(s, &of_source[1], &good, 0, 2), GOT_DROP);
	other = say_part(s, &of_source[2], &good, 0, 2);
	assert_answer(s, other, GOT_NOTHING);
	assert_int_equal(scene_stats(s).over_cap, 1);
	(void)say_part(s, &of_source[0], &good, 1, 2);
	assert_answer(s, held, GOT_FINAL);
	held = say_part(s, &of_source[1], &good, 0, 2);
	assert_answer(s, held, GOT_NOTHING);
	assert_answer(s, say_part(s, &of_source[1], &good, 1, 2), GOT_PASS);
	assert_answer(s, held, GOT_PASS);
	assert_answer(s, send_reply(s, &of_source[1], 0, (uint32_t)good.len, "all"),
		      GOT_FINAL);
	assert_true(scene_end(s));
}

static void all_together_have_a_cap(void **state)
{
	struct scene *s = scene_create(closed);

	(void)state;
	s->cfg.hold.total_packets = 2;
	scene_start(s);
	for (size_t i = 0; i < 3; i++) {
		(void)open_tcp(s, &of_source[i]);
		assert_answer(s, say_part(s, &of_source[i], &good, 0, 2),
			      i < 2 ? GOT_NOTHING : GOT_DROP);
	}
	assert_int_equal(scene_stats(s).over_cap, 1);
	/* A name that is whole needs no place. */
	assert_answer(s, say(s, &of_source[2], &good), GOT_PASS);
	(void)open_tcp(s, &v6);
	assert_answer(s, say(s, &v6, &good), GOT_FINAL);
	assert_true(scene_end(s));
}

/*
 * The hello went over a cap in part, and passes.  Until the server has it whole, no other bytes
 * may take the place of those judged.
 */
static void check_guard(struct scene *s, uint32_t name_at)
{
	const uint32_t len = (uint32_t)good.len;
	const size_t rest = len - name_at;
	uint64_t before = scene_stats(s).conflicting;

	assert_lines(s, "\"host\":\"good.example\"", "\"verdict\":\"allow\"", 1);
	assert_int_equal(scene_stats(s).final, 0);
	assert_answer(s, send_data(s, &v4, name_at, evil.b + name_at, rest), GOT_DROP);
	assert_int_equal(scene_stats(s).conflicting, before + 1);
	/* Not even as the end of a segment that begins before the stream. */
	assert_answer(s, send_data(s, &v4, 0u - 1, "x", 1), GOT_PASS);
	assert_answer(s, send_reply(s, &v4, 0, name_at, "part"), GOT_PASS);
	assert_answer(s, say(s, &v4, &evil), GOT_DROP);
	assert_answer(s, send_data(s, &v4, name_at, good.b + name_at, rest), GOT_PASS);
	assert_answer(s, send_data(s, &v4, len, "more", 4), GOT_PASS);
	assert_answer(s, send_reply(s, &v4, 4, len, "all"), GOT_FINAL);
	assert_answer(s, send_data(s, &v4, len + 4, "more", 4), GOT_FINAL);
	assert_true(scene_end(s));
}

static void bytes_over_a_cap_are_not_replaced(void **state)
{
	struct scene *s = scene_create(closed);

	(void)state;
	s->cfg.hold.flow_packets = 2;
	scene_start(s);
	(void)open_tcp(s, &v4);
	(void)send_data(s, &v4, 0, good.b, 1);
	(void)send_data(s, &v4, 1, good.b + 1, 1);
	/* The part with the name goes over the cap. */
	assert_answer(s, send_data(s, &v4, 3, good.b + 3, good.len - 3), GOT_DROP);
	assert_answer(s, send_data(s, &v4, 2, good.b + 2, 1), GOT_PASS);
	check_guard(s, 3);
}

/* ---- time ------------------------------------------------------------------------------------------- */

static void who_waits_too_long_is_denied(void **state)
{
	struct scene *s = start(patient);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &v4);
	id = say_part(s, &v4, &good, 0, 2);
	s->now_us += 3 * SECOND - 1;
	worker_tick(s->w, s->now_us);
	assert_answer(s, id, GOT_NOTHING);
	s->now_us += 1;
	worker_tick(s->w, s->now_us);
	assert_answer(s, id, GOT_DROP);
	assert_int_equal(scene_stats(s).timed_out, 1);
	assert_lines(s, "\"undecidable\":\"hold_budget\"", "\"verdict\":\"deny\"", 1);
	assert_int_equal(s->reset_count, 2);
	assert_reset(&s->resets[0], &v4, FROM_CLIENT, CLIENT_FIRST, SERVER_FIRST);
	assert_reset(&s->resets[1], &v4, FROM_SERVER, SERVER_FIRST,
		     CLIENT_FIRST + (uint32_t)good.len / 2);
	assert_answer(s, say(s, &v4, &good), GOT_DROP);
	assert_true(scene_end(s));
}

static void a_name_that_comes_late_still_decides(void **state)
{
	const struct bytes *const names[] = {&good, &evil};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene *s = start(open_to_all);
		uint32_t id;

		(void)open_tcp(s, &v4);
		id = say_part(s, &v4, names[i], 0, 2);
		s->now_us += 3 * SECOND;
		worker_tick(s->w, s->now_us);
		assert_answer(s, id, GOT_DROP);
		assert_lines(s, "\"phase\":\"start\"", "\"undecidable\":\"hold_budget\"",
			     1);
		assert_lines(s, "\"effect\":\"held_dropped\"", "\"verdict\":\"allow\"",
			     1);
		/* The client sends it again; it passes, and is looked at. */
		assert_answer(s, say_part(s, &v4, names[i], 0, 2), GOT_PASS);
		id = say_part(s, &v4, names[i], 1, 2);
		assert_answer(s, id, i == 0 ? GOT_PASS : GOT_DROP);
		assert_lines(s, "\"phase\":\"update\"",
			     i == 0 ? "\"verdict\":\"allow\"" : "\"verdict\":\"deny\"",
			     1);
		assert_int_equal(s->reset_count, i == 0 ? 0 : 2);
		if (i == 1) /* the first half is with the server */
			assert_reset(&s->resets[0], &v4, FROM_CLIENT,
				     CLIENT_FIRST + (uint32_t)evil.len / 2, SERVER_FIRST);
		assert_true(scene_end(s));
	}
}

static void bytes_held_too_long_are_not_replaced(void **state)
{
	struct scene *s = start(open_to_all);
	const uint32_t name_at = (uint32_t)(good.len * 3 / 4);

	(void)state;
	(void)open_tcp(s, &v4);
	assert_answer(s, say_part(s, &v4, &good, 3, 4), GOT_NOTHING);
	s->now_us += 3 * SECOND;
	worker_tick(s->w, s->now_us);
	assert_answer(s, s->ids, GOT_DROP);
	for (size_t i = 0; i < 3; i++)
		assert_answer(s, say_part(s, &v4, &good, i, 4), GOT_PASS);
	check_guard(s, name_at);
}

static void each_connection_has_its_own_clock(void **state)
{
	struct scene *s = start(patient);
	uint32_t ids[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		(void)open_tcp(s, &of_source[i]);
		ids[i] = say_part(s, &of_source[i], &good, 0, 2);
		s->now_us += SECOND;
	}
	/* The middle one is decided in time. */
	assert_answer(s, say_part(s, &of_source[1], &good, 1, 2), GOT_FINAL);
	worker_tick(s->w, s->now_us);
	assert_answer(s, ids[0], GOT_DROP);
	assert_answer(s, ids[1], GOT_FINAL);
	assert_answer(s, ids[2], GOT_NOTHING);
	worker_tick(s->w, s->now_us + 2 * SECOND);
	assert_answer(s, ids[2], GOT_DROP);
	assert_int_equal(scene_stats(s).timed_out, 2);
	assert_true(scene_end(s));
}

/* ---- what is not TCP, and what is never final --------------------------------------------------------- */

static const uint8_t dcid[] = {1, 2, 3, 4, 5, 6, 7, 8};

/* Bytes [from, to) of the hello's message as an Initial; to 0 = all. */
static void make_initial(struct bytes *to, const struct bytes *hello, uint32_t number,
			 size_t from, size_t until)
{
	static struct seal seal;
	static struct bytes frames;
	const size_t len = (until == 0 ? hello->len - 5 : until) - from;

	memset(&seal, 0, sizeof(seal));
	assert_true(quic_crypto_open(&seal.crypto));
	seal.dcid = dcid;
	seal.dcid_len = sizeof(dcid);
	seal.number = number;
	seal.pad_to = 1200;
	frames.len = to->len = 0;
	put_crypto(&frames, from, hello->b + 5 + from, len);
	put_initial(to, &seal, &frames);
	quic_crypto_close(&seal.crypto);
}

static void an_allowed_quic_hello_passes(void **state)
{
	static struct bytes first, second;
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	make_initial(&first, &good, 0, 0, 90);
	make_initial(&second, &good, 1, 90, 0);
	id = send_datagram(s, &quic, FROM_CLIENT, first.b, first.len);
	assert_answer(s, id, GOT_NOTHING);
	(void)send_datagram(s, &quic, FROM_CLIENT, second.b, second.len);
	assert_answers(s, id, 2, GOT_FINAL);
	assert_int_equal(s->order[0], id);
	assert_lines(s, "\"protocol\":\"quic\"", "\"verdict\":\"allow\"", 1);
	assert_int_equal(s->prohibited_count, 0);
	assert_true(scene_end(s));
}

static void a_denied_quic_hello_is_prohibited(void **state)
{
	static struct bytes first, second;
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	make_initial(&first, &evil, 0, 0, 90);
	make_initial(&second, &evil, 1, 90, 0);
	id = send_datagram(s, &quic, FROM_CLIENT, first.b, first.len);
	(void)send_datagram(s, &quic, FROM_CLIENT, second.b, second.len);
	assert_answers(s, id, 2, GOT_DROP);
	assert_int_equal(s->prohibited_count, 1);
	assert_int_equal(s->prohibited.len, s->packet.len);
	assert_memory_equal(s->prohibited.b, s->packet.b, s->packet.len);
	assert_int_equal(s->reset_count, 0);
	assert_lines(s, "\"effect\":\"rejected\"", "\"host\":\"evil.example\"", 1);
	/* And so is what follows; the server is told nothing. */
	id = send_datagram(s, &quic, FROM_CLIENT, first.b, first.len);
	assert_answer(s, id, GOT_DROP);
	assert_int_equal(s->prohibited_count, 2);
	id = send_datagram(s, &quic, FROM_SERVER, "x", 1);
	assert_answer(s, id, GOT_DROP);
	assert_int_equal(s->prohibited_count, 2);
	assert_true(scene_end(s));
}

/* A datagram that was dropped counts for nothing: another may take its place. */
static void datagrams_that_were_dropped_do_not_make_the_name(void **state)
{
	static struct bytes first, second, other;
	struct scene *s = scene_create(open_to_all);
	uint32_t id;

	(void)state;
	s->cfg.hold.flow_packets = 1;
	scene_start(s);
	make_initial(&first, &good, 0, 0, 90);
	make_initial(&second, &good, 1, 90, 0);
	make_initial(&other, &evil, 2, 90, 0);
	id = send_datagram(s, &quic, FROM_CLIENT, second.b, second.len);
	s->now_us += 3 * SECOND;
	worker_tick(s->w, s->now_us);
	assert_answer(s, id, GOT_DROP);
	assert_lines(s, "\"undecidable\":\"hold_budget\"", "\"verdict\":\"allow\"", 1);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, first.b, first.len),
		      GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, other.b, other.len),
		      GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"host\":\"evil.example\"", 1);
	assert_true(scene_end(s));
}

static void datagrams_over_a_cap_do_not_make_the_name(void **state)
{
	static struct bytes first, second, other;
	struct scene *s = scene_create(closed);
	uint32_t id;

	(void)state;
	s->cfg.hold.flow_packets = 1;
	scene_start(s);
	make_initial(&first, &good, 0, 0, 40);
	make_initial(&second, &good, 1, 90, 0);
	make_initial(&other, &good, 2, 40, 90);
	id = send_datagram(s, &quic, FROM_CLIENT, first.b, first.len);
	(void)send_datagram(s, &quic, FROM_CLIENT, second.b, second.len);
	assert_answers(s, id, 2, GOT_DROP);
	id = send_datagram(s, &quic, FROM_CLIENT, other.b, other.len);
	assert_answer(s, id, GOT_NOTHING);
	assert_lines(s, "\"phase\":\"start\"", NULL, 0);
	assert_true(scene_end(s));
}

static void a_denied_address_is_prohibited_to_datagrams(void **state)
{
	static const struct ends e = {"10.1.2.3", "192.0.2.66", 50001, 4500};
	struct scene *s = start(open_to_all);

	(void)state;
	assert_answer(s, send_datagram(s, &e, FROM_CLIENT, "x", 1), GOT_DROP);
	assert_int_equal(s->prohibited_count, 1);
	assert_true(scene_end(s));
}

/* A question for contoso.example's address, or its answer 192.0.2.77. */
static size_t make_dns(uint8_t *to, unsigned number, bool answer)
{
	static struct bytes m;

	m.len = 0;
	put_be(&m, number, 2);
	put_be(&m, answer ? 0x8180 : 0x0100, 2);
	put_be(&m, 1, 2);
	put_be(&m, answer ? 1 : 0, 2);
	put_be(&m, 0, 4);
	put_text(&m, "\7contoso\7example");
	put_be(&m, 0, 1);
	put_be(&m, 0x00010001, 4);
	if (answer) {
		put_be(&m, 0xc00c00010001, 6);
		put_be(&m, 300, 4);
		put_be(&m, 4, 2);
		put_be(&m, 0xc000024d, 4);
	}
	memcpy(to, m.b, m.len);
	return m.len;
}

static void port_53_is_never_final_and_answers_are_told(void **state)
{
	struct scene *s = scene_create(closed);
	uint8_t m[128];

	(void)state;
	s->cfg.dns_events = true;
	scene_start(s);
	for (unsigned i = 0; i < 3; i++) {
		assert_answer(
			s, send_datagram(s, &dns, FROM_CLIENT, m, make_dns(m, i, false)),
			GOT_PASS);
		assert_answer(
			s, send_datagram(s, &dns, FROM_SERVER, m, make_dns(m, i, true)),
			GOT_PASS);
		assert_lines(s, "\"type\":\"dns\"", "\"192.0.2.77\"", i + 1);
	}
	assert_lines(s, "\"type\":\"dns\"", "\"contoso.example\"", 3);
	assert_true(scene_end(s));
}

static void http_in_clear_is_never_final(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: good.example\r\n\r\n";
	const uint32_t len = sizeof(request) - 1;
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &web);
	id = send_data(s, &web, 0, request, 20);
	assert_answer(s, id, GOT_NOTHING);
	(void)send_data(s, &web, 20, request + 20, len - 20);
	assert_answers(s, id, 2, GOT_PASS);
	assert_lines(s, "\"protocol\":\"http\"", "\"verdict\":\"allow\"", 1);
	assert_answer(s, send_reply(s, &web, 0, len, "HTTP/1.1 200 OK"), GOT_PASS);
	assert_answer(s, send_data(s, &web, len, request, len), GOT_PASS);
	assert_int_equal(scene_stats(s).final, 0);
	assert_true(scene_end(s));
}

/* ---- monitor ------------------------------------------------------------------------------------------- */

static void in_monitor_all_passes_and_is_judged(void **state)
{
	struct scene *s = scene_create(closed);
	uint32_t id;

	(void)state;
	s->cfg.enforce = false;
	scene_start(s);
	id = open_tcp(s, &v4) + 1;
	(void)say_part(s, &v4, &evil, 0, 2);
	s->ttl = 3;
	(void)say_part(s, &v4, &good, 1, 2);
	s->ttl = 64;
	(void)say_part(s, &v4, &good, 0, 2);
	assert_answers(s, id, 3, GOT_PASS);
	assert_int_not_equal(s->answers[say_part(s, &v4, &evil, 1, 2) - 1], GOT_DROP);
	(void)send_syn(s, &bad_v4);
	(void)send_rubbish(s);
	assert_int_equal(scene_stats(s).undecodable, 1);
	assert_int_equal(scene_stats(s).dropped, 0);
	assert_int_equal(s->answered, s->ids);
	assert_int_equal(s->reset_count, 0);
	assert_lines(s, "\"verdict\":\"deny\"", "\"host\":\"evil.example\"", 1);
	assert_lines(s, "\"verdict\":\"deny\"", "\"dst_ip\":\"192.0.2.66\"", 1);
	assert_lines(s, "\"verdict\":\"deny\"", "\"effect\":\"passed\"", 2);
	assert_true(scene_end(s));
}

static void in_enforce_what_cannot_be_read_is_dropped(void **state)
{
	struct scene *s = start(open_to_all);

	(void)state;
	assert_answer(s, send_rubbish(s), GOT_DROP);
	assert_int_equal(scene_stats(s).undecodable, 1);
	assert_true(scene_end(s));
}

/* ---- older than the start --------------------------------------------------------------------------------- */

static const char record_data[] = "\x17\x03\x03\0\x10................";
static const char record_ccs[] = "\x14\x03\x03\0\1\1";
static const char record_alert[] = "\x15\x03\x03\0\2\1\0";
static const char unknown_bytes[] = "\1\2\3\4 what nobody reads";

struct midstream_row {
	const char *bytes;
	size_t len;
};

static const struct midstream_row midstream_rows[] = {
	{record_data, sizeof(record_data) - 1},
	{record_ccs, sizeof(record_ccs) - 1},
	{record_alert, sizeof(record_alert) - 1},
	{unknown_bytes, sizeof(unknown_bytes) - 1},
};

#define MIDSTREAM_ROWS (sizeof(midstream_rows) / sizeof(midstream_rows[0]))

static struct scene *start_adopting(const struct generation *g)
{
	struct scene *s = scene_create(g);

	s->cfg.adopt_until_us = SCENE_T0 + 600 * SECOND;
	scene_start(s);
	return s;
}

static void older_connections_pass_for_a_while(void **state)
{
	(void)state;
	for (size_t i = 0; i < MIDSTREAM_ROWS; i++) {
		const struct midstream_row *r = &midstream_rows[i];
		struct scene *s = start_adopting(closed);

		assert_answer(s, send_data(s, &v4, 70000, r->bytes, r->len), GOT_FINAL);
		assert_lines(s, "\"reason\":\"preexisting\"", "\"verdict\":\"allow\"", 1);
		assert_lines(s, "\"midstream\"", NULL, 1);
		assert_int_equal(scene_stats(s).adopted, 1);
		/* Seen from the server first. */
		assert_answer(s, send_reply(s, &v6, 70000, 500, "anything"), GOT_FINAL);
		assert_int_equal(scene_stats(s).adopted, 2);
		assert_true(scene_end(s));
	}
}

static void then_they_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < MIDSTREAM_ROWS; i++) {
		const struct midstream_row *r = &midstream_rows[i];
		struct scene *s = start_adopting(closed);

		s->now_us += 600 * SECOND;
		assert_answer(s, send_data(s, &v4, 70000, r->bytes, r->len), GOT_DROP);
		assert_lines(s, "\"verdict\":\"deny\"", "\"midstream\"", 1);
		assert_int_equal(scene_stats(s).adopted, 0);
		assert_int_equal(s->reset_count, 2);
		assert_true(scene_end(s));
	}
}

static void a_name_decides_whenever_it_is_said(void **state)
{
	struct scene *s = start_adopting(closed);

	(void)state;
	assert_answer(s, say(s, &v4, &evil), GOT_DROP);
	assert_lines(s, "\"verdict\":\"deny\"", "\"host\":\"evil.example\"", 1);
	assert_int_equal(scene_stats(s).adopted, 0);
	assert_int_equal(s->reset_count, 2);
	/* Who begins now is no older connection. */
	(void)open_tcp(s, &v6);
	assert_answer(s, send_data(s, &v6, 0, unknown_bytes, sizeof(unknown_bytes) - 1),
		      GOT_DROP);
	assert_int_equal(scene_stats(s).adopted, 0);
	assert_true(scene_end(s));
}

/* ---- another generation, another mode ------------------------------------------------------------------------ */

static void use(struct scene *s, const struct generation *g, bool enforce)
{
	const struct event_origin o = scene_origin(enforce);

	worker_use(s->w, g, &o, enforce);
	while (worker_sweep(s->w, s->now_us))
		;
}

static void a_new_generation_cuts_what_it_denies(void **state)
{
	static struct bytes other;
	const uint32_t len = (uint32_t)good.len;
	struct scene *s = start(open_to_all);

	(void)state;
	make_hello(&other, "else.example", 100);
	(void)open_tcp(s, &v4);
	assert_answer(s, say(s, &v4, &other), GOT_FINAL);
	(void)open_tcp(s, &v6);
	assert_answer(s, say(s, &v6, &good), GOT_FINAL);
	use(s, closed, true);
	assert_int_equal(scene_stats(s).redecided, 2);
	assert_int_equal(scene_stats(s).redecided_changed, 1);
	assert_lines(s, "\"phase\":\"update\"", NULL, 1);
	assert_lines(s, "\"phase\":\"update\"", "\"host\":\"else.example\"", 1);
	assert_lines(s, "\"phase\":\"update\"", "\"verdict\":\"deny\"", 1);
	assert_int_equal(s->reset_count, 0);
	assert_answer(s, send_data(s, &v4, len, "more", 4), GOT_DROP);
	assert_int_equal(s->reset_count, 2);
	assert_reset(&s->resets[0], &v4, FROM_CLIENT, CLIENT_FIRST + len, SERVER_FIRST);
	assert_reset(&s->resets[1], &v4, FROM_SERVER, SERVER_FIRST,
		     CLIENT_FIRST + len + 4);
	assert_answer(s, send_data(s, &v6, len, "more", 4), GOT_FINAL);
	assert_lines(s, "\"phase\":\"update\"", NULL, 1);
	assert_true(scene_end(s));
}

/* Without a sweep the next packet brings it about. */
static void the_next_packet_decides_anew(void **state)
{
	struct scene *s = start(open_to_all);
	const struct event_origin o = scene_origin(true);
	static struct bytes other;

	(void)state;
	make_hello(&other, "else.example", 100);
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &other);
	worker_use(s->w, closed, &o, true);
	assert_answer(s, send_reply(s, &v4, 0, 10, "hi"), GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"verdict\":\"deny\"", 1);
	assert_true(scene_end(s));
}

static void who_waits_is_judged_by_the_new_generation(void **state)
{
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &v4);
	id = say_part(s, &v4, &evil, 0, 2);
	use(s, open_to_all, true);
	assert_answer(s, id, GOT_NOTHING);
	(void)say_part(s, &v4, &evil, 1, 2);
	assert_answer(s, id, GOT_DROP);
	assert_lines(s, "\"phase\":\"start\"", "sites.conf", 0);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_true(scene_end(s));
}

static void an_older_connection_stays_adopted(void **state)
{
	struct scene *s = start_adopting(open_to_all);

	(void)state;
	(void)send_data(s, &v4, 70000, "\x17\x03\x03", 3);
	(void)send_data(s, &v4, 70003, "\0\1x\x17\3\3\0\1x", 9);
	use(s, closed, true);
	assert_answer(s, send_data(s, &v4, 70012, "more", 4), GOT_FINAL);
	assert_true(scene_end(s));
}

static void monitor_lets_go_what_waits(void **state)
{
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &v4);
	id = say_part(s, &v4, &evil, 0, 2);
	(void)open_tcp(s, &v6);
	(void)say(s, &v6, &evil);
	use(s, closed, false);
	assert_answer(s, id, GOT_PASS);
	assert_int_equal(scene_stats(s).held_now, 0);
	/* The name is still read, and nothing is cut. */
	assert_int_not_equal(s->answers[say_part(s, &v4, &evil, 1, 2) - 1], GOT_DROP);
	assert_lines(s, "\"effect\":\"passed\"", "\"verdict\":\"deny\"", 1);
	/* Back in enforce the server has the first bytes: it is reset behind them. */
	use(s, closed, true);
	s->reset_count = 0;
	assert_answer(s, send_data(s, &v4, (uint32_t)evil.len, "x", 1), GOT_DROP);
	assert_reset(&s->resets[0], &v4, FROM_CLIENT, CLIENT_FIRST + (uint32_t)evil.len,
		     SERVER_FIRST);
	assert_true(scene_end(s));
}

static void letting_go_passes_what_waits_in_order(void **state)
{
	struct scene *s = start(closed);
	uint32_t ids[3], before;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		(void)open_tcp(s, &of_source[i]);
		ids[i] = say_part(s, &of_source[i], &evil, 0, 2);
	}
	before = s->answered;
	worker_let_go(s->w);
	for (uint32_t i = 0; i < 3; i++) {
		assert_answer(s, ids[i], GOT_PASS);
		assert_int_equal(s->order[before + i], ids[i]);
	}
	assert_int_equal(scene_stats(s).held_now, 0);
	worker_let_go(s->w);
	worker_tick(s->w, s->now_us + 4 * SECOND);
	assert_int_equal(scene_stats(s).timed_out, 0);
	assert_true(scene_end(s));
}

/* ---- what connection tracking and the wire tell ---------------------------------------------------------------- */

static struct conn_report report_of(const struct ends *e)
{
	return (struct conn_report){.src = address_of(e->client),
				    .dst = address_of(e->server),
				    .src_port = e->client_port,
				    .dst_port = e->server_port,
				    .ip_proto = IP_PROTO_TCP,
				    .nat_src = address_of("198.51.100.10"),
				    .nat_src_port = 61000,
				    .counted = true,
				    .packets_out = 11,
				    .bytes_out = 1100,
				    .packets_in = 22,
				    .bytes_in = 2200};
}

static void a_report_counts_and_ends(void **state)
{
	struct scene *s = start(closed);
	struct conn_report r = report_of(&v4);

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &good);
	worker_report(s->w, &r, s->now_us + SECOND);
	assert_lines(s, "\"phase\":\"end\"", NULL, 0);
	/* It is known to live: no time-out counts from its last packet here. */
	worker_tick(s->w, s->now_us + 300 * SECOND);
	assert_lines(s, "\"phase\":\"end\"", NULL, 0);
	r.ended = true;
	r.end_reason = END_REASON_FIN;
	r.bytes_in = 3300;
	s->now_us += 300 * SECOND;
	worker_report(s->w, &r, s->now_us);
	assert_lines(s, "\"phase\":\"end\"", "\"end_reason\":\"fin\"", 1);
	assert_lines(s, "\"phase\":\"end\"", "\"src_nat_ip\":\"198.51.100.10\"", 1);
	assert_lines(s, "\"phase\":\"end\"", "\"src_nat_port\":61000", 1);
	assert_lines(s, "\"bytes_out\":1100", "\"bytes_in\":3300", 1);
	assert_lines(s, "\"packets_out\":11", "\"packets_in\":22", 1);
	assert_int_equal(scene_stats(s).reports, 2);
	assert_int_equal(scene_stats(s).reports_unknown, 0);
	assert_int_equal(worker_flows(s->w), 0);
	worker_report(s->w, &r, s->now_us);
	assert_int_equal(scene_stats(s).reports_unknown, 1);
	assert_true(scene_end(s));
}

static void a_report_of_what_is_still_looked_at_counts_nothing(void **state)
{
	struct scene *s = start(closed);
	struct conn_report r = report_of(&v4);
	uint32_t id;

	(void)state;
	r.ended = true;
	r.end_reason = END_REASON_TIMEOUT;
	(void)open_tcp(s, &v4);
	id = say_part(s, &v4, &good, 0, 2);
	worker_report(s->w, &r, s->now_us);
	assert_int_equal(scene_stats(s).reports_unknown, 1);
	assert_lines(s, "\"phase\":\"end\"", NULL, 0);
	assert_answer(s, id, GOT_NOTHING);
	assert_true(scene_end(s));
}

static void an_ended_tuple_is_another_connection(void **state)
{
	struct scene *s = start(closed);
	struct conn_report r = report_of(&v4);

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &good);
	r.ended = true;
	r.end_reason = END_REASON_FIN;
	worker_report(s->w, &r, s->now_us);
	s->now_us += SECOND;
	(void)open_tcp(s, &v4);
	assert_answer(s, say(s, &v4, &evil), GOT_DROP);
	assert_lines(s, "\"phase\":\"start\"", NULL, 2);
	assert_lines(s, "\"phase\":\"start\"", "\"verdict\":\"deny\"", 1);
	assert_true(scene_end(s));
}

/* Nobody reported the end; a SYN with other numbers shows it. */
static void a_syn_on_a_tuple_passed_for_good_begins_anew(void **state)
{
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &good);
	id = send_segment(s, &v4,
			  (struct segment){FROM_CLIENT, TCP_SYN, 77000, 0, NULL, 0});
	assert_answer(s, id, GOT_PASS);
	(void)send_segment(
		s, &v4,
		(struct segment){FROM_SERVER, TCP_SYN | TCP_ACK, 88000, 77001, NULL, 0});
	id = send_segment(
		s, &v4,
		(struct segment){FROM_CLIENT, TCP_ACK, 77001, 88001, evil.b, evil.len});
	assert_answer(s, id, GOT_DROP);
	assert_lines(s, "\"phase\":\"end\"", "\"host\":\"good.example\"", 1);
	assert_lines(s, "\"phase\":\"start\"", "\"host\":\"evil.example\"", 1);
	assert_true(scene_end(s));
}

static void see_headers(struct scene *s, const struct ends *e, struct segment g)
{
	struct frame f;

	build_segment(&s->packet, e, &g);
	build_end(&s->packet);
	f = build_frame(&s->packet);
	f.time_us = f.clock_us = s->now_us;
	worker_headers(s->w, &f);
}

static void headers_count_and_decide_nothing(void **state)
{
	const uint32_t len = (uint32_t)good.len;
	struct scene *s = start(closed);

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &good);
	see_headers(s, &v4,
		    (struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST,
				     CLIENT_FIRST + len, "abc", 3});
	/* Of nobody: nothing begins. */
	see_headers(s, &v6,
		    (struct segment){FROM_CLIENT, TCP_SYN, CLIENT_FIRST - 1, 0, NULL, 0});
	assert_int_equal(worker_flows(s->w), 1);
	see_headers(s, &v4,
		    (struct segment){FROM_SERVER, TCP_ACK | TCP_RST, SERVER_FIRST + 3,
				     CLIENT_FIRST + len, NULL, 0});
	worker_tick(s->w, s->now_us + 11 * SECOND);
	assert_lines(s, "\"phase\":\"end\"", "\"packets_in\":3", 1);
	assert_lines(s, "\"phase\":\"end\"", "\"end_reason\":\"reset\"", 1);
	assert_true(scene_end(s));
}

/* The kernel passed a SYN that we were not asked about; another connection waits. */
static void a_connection_that_headers_begin_is_one_of_its_own(void **state)
{
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &good);
	(void)open_tcp(s, &v6);
	id = say_part(s, &v6, &good, 0, 2);
	see_headers(s, &v4, (struct segment){FROM_CLIENT, TCP_SYN, 77000, 0, NULL, 0});
	assert_lines(s, "\"phase\":\"end\"", "\"host\":\"good.example\"", 1);
	worker_tick(s->w, s->now_us + SECOND);
	see_headers(s, &v4, (struct segment){FROM_CLIENT, TCP_RST, 77001, 0, NULL, 0});
	assert_answer(s, id, GOT_NOTHING);
	assert_answer(s, say_part(s, &v6, &good, 1, 2), GOT_FINAL);
	worker_tick(s->w, s->now_us + 31 * SECOND);
	assert_lines(s, "\"phase\":\"start\"", NULL, 2);
	assert_true(scene_end(s));
}

/* ---- ends ------------------------------------------------------------------------------------------------------ */

/* Whoever gives up in the middle of its hello is judged by what it said, and all is answered. */
static void an_end_answers_what_waits(void **state)
{
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &v4);
	id = say_part(s, &v4, &good, 0, 2);
	(void)send_segment(
		s, &v4, (struct segment){FROM_SERVER, TCP_RST, SERVER_FIRST, 0, NULL, 0});
	s->now_us += 2 * SECOND;
	(void)open_tcp(s, &v4);
	assert_answer(s, id, GOT_DROP);
	assert_lines(s, "\"phase\":\"end\"", NULL, 1);
	assert_true(scene_end(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_allowed_hello_passes_for_good),
		cmocka_unit_test(pieces_wait_for_the_last_and_keep_their_order),
		cmocka_unit_test(what_is_not_payload_is_never_held),
		cmocka_unit_test(final_waits_for_the_server_where_asked),
		cmocka_unit_test(a_denied_name_is_dropped_and_both_ends_are_told),
		cmocka_unit_test(what_comes_after_a_denial_fares_the_same),
		cmocka_unit_test(a_denied_address_is_refused_at_once),
		cmocka_unit_test(other_bytes_than_those_held_are_dropped),
		cmocka_unit_test(the_same_bytes_again_are_no_conflict),
		cmocka_unit_test(a_low_hop_limit_is_dropped),
		cmocka_unit_test(what_a_server_ignores_is_dropped),
		cmocka_unit_test(reasons_of_drops_add_up),
		cmocka_unit_test(a_connection_over_its_cap_waits_for_the_client),
		cmocka_unit_test(a_source_over_its_cap_is_decided_by_the_retransmission),
		cmocka_unit_test(all_together_have_a_cap),
		cmocka_unit_test(bytes_over_a_cap_are_not_replaced),
		cmocka_unit_test(who_waits_too_long_is_denied),
		cmocka_unit_test(a_name_that_comes_late_still_decides),
		cmocka_unit_test(bytes_held_too_long_are_not_replaced),
		cmocka_unit_test(each_connection_has_its_own_clock),
		cmocka_unit_test(an_allowed_quic_hello_passes),
		cmocka_unit_test(a_denied_quic_hello_is_prohibited),
		cmocka_unit_test(datagrams_that_were_dropped_do_not_make_the_name),
		cmocka_unit_test(datagrams_over_a_cap_do_not_make_the_name),
		cmocka_unit_test(a_denied_address_is_prohibited_to_datagrams),
		cmocka_unit_test(port_53_is_never_final_and_answers_are_told),
		cmocka_unit_test(http_in_clear_is_never_final),
		cmocka_unit_test(in_monitor_all_passes_and_is_judged),
		cmocka_unit_test(in_enforce_what_cannot_be_read_is_dropped),
		cmocka_unit_test(older_connections_pass_for_a_while),
		cmocka_unit_test(then_they_are_judged),
		cmocka_unit_test(a_name_decides_whenever_it_is_said),
		cmocka_unit_test(a_new_generation_cuts_what_it_denies),
		cmocka_unit_test(the_next_packet_decides_anew),
		cmocka_unit_test(who_waits_is_judged_by_the_new_generation),
		cmocka_unit_test(an_older_connection_stays_adopted),
		cmocka_unit_test(monitor_lets_go_what_waits),
		cmocka_unit_test(letting_go_passes_what_waits_in_order),
		cmocka_unit_test(a_report_counts_and_ends),
		cmocka_unit_test(a_report_of_what_is_still_looked_at_counts_nothing),
		cmocka_unit_test(an_ended_tuple_is_another_connection),
		cmocka_unit_test(a_syn_on_a_tuple_passed_for_good_begins_anew),
		cmocka_unit_test(headers_count_and_decide_nothing),
		cmocka_unit_test(a_connection_that_headers_begin_is_one_of_its_own),
		cmocka_unit_test(an_end_answers_what_waits),
	};

	return cmocka_run_group_tests_name("engine/inline", tests, prepare, tidy);
}
