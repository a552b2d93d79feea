/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams, mode monitor, connections older than the start, other generations, what
 * connection tracking and the wire tell, ends.
 */
#include "initial.h"
#include "play.h"

/* ---- what is not TCP, and what is never final --------------------------------------------------------- */

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
	assert_answers(s, id, 2, GOT_PASS);
	assert_int_equal(s->order[0], id);
	assert_lines(s, "\"protocol\":\"quic\"", "\"verdict\":\"allow\"", 1);
	assert_int_equal(s->prohibited_count, 0);
	assert_true(scene_end(s));
}

/* RFC 9000 5.2.2: a server takes each for a connection of its own. */
static void a_second_connection_of_quic_is_judged(void **state)
{
	static const uint8_t other_id[] = {8, 7, 6, 5, 4, 3, 2, 1};
	static struct bytes first, second, rest;
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	make_initial(&first, &good, 0, 0, 0);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, first.b, first.len),
		      GOT_PASS);
	/* The same once more, and half of it: its server may have lost it. */
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, first.b, first.len),
		      GOT_PASS);
	make_initial(&second, &good, 1, 90, 0);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, second.b, second.len),
		      GOT_PASS);
	/* Under the id that the server chose: the keys are those of the first. */
	memcpy(second.b + 6, other_id, sizeof(other_id));
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, second.b, second.len),
		      GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);

	make_initial_of(&second, other_id, &good, 0, 0, 0);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, second.b, second.len),
		      GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);

	make_initial_of(&second, dcid, &evil, 0, 0, 90);
	make_initial_of(&rest, dcid, &evil, 1, 90, 0);
	id = send_datagram(s, &quic, FROM_CLIENT, second.b, second.len);
	assert_answer(s, id, GOT_NOTHING);
	(void)send_datagram(s, &quic, FROM_CLIENT, rest.b, rest.len);
	assert_answers(s, id, 2, GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"host\":\"evil.example\"", 1);
	assert_int_equal(s->prohibited_count, 1);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, first.b, first.len),
		      GOT_DROP);
	assert_true(scene_end(s));
}

/* A connection that has not said a word is no rival, and is judged when it does. */
static void an_initial_without_a_word_is_no_rival(void **state)
{
	static const uint8_t other_id[] = {8, 7, 6, 5, 4, 3, 2, 1};
	static struct bytes silent, hello;
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	make_crypto(&silent, false, 0, 0, NULL, 0);
	make_initial_of(&hello, other_id, &good, 0, 0, 0);
	id = send_datagram(s, &quic, FROM_CLIENT, silent.b, silent.len);
	assert_answer(s, id, GOT_NOTHING);
	(void)send_datagram(s, &quic, FROM_CLIENT, hello.b, hello.len);
	assert_answers(s, id, 2, GOT_PASS);
	assert_lines(s, "\"phase\":\"start\"", "\"host\":\"good.example\"", 1);
	make_initial(&hello, &evil, 1, 0, 0);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, hello.b, hello.len),
		      GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"host\":\"evil.example\"", 1);
	assert_true(scene_end(s));
}

/* A server asks for a second hello; where it names another, who is asked for is not known. */
static void a_second_hello_of_quic_is_judged(void **state)
{
	static struct bytes d;
	const size_t n = sizeof(retry_message) - 1, len = good.len - 5;

	(void)state;
	for (unsigned other = 0; other < 2; other++) {
		const struct bytes *h = other ? &evil : &good;
		struct scene *s = start(closed);
		uint32_t id;

		make_initial(&d, &good, 0, 0, 0);
		assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, d.b, d.len),
			      GOT_PASS);
		make_crypto(&d, true, 0, 0, NULL, 0); /* acknowledged, no answer yet */
		(void)send_datagram(s, &quic, FROM_SERVER, d.b, d.len);
		make_crypto(&d, true, 1, 7, retry_message + 7, n - 7);
		(void)send_datagram(s, &quic, FROM_SERVER, d.b, d.len);
		make_crypto(&d, true, 2, 0, retry_message, 7);
		(void)send_datagram(s, &quic, FROM_SERVER, d.b, d.len);
		make_crypto(&d, false, 1, len, h->b + 5, 60);
		id = send_datagram(s, &quic, FROM_CLIENT, d.b, d.len);
		assert_answer(s, id, GOT_NOTHING);
		make_crypto(&d, false, 2, len + 60, h->b + 65, h->len - 65);
		(void)send_datagram(s, &quic, FROM_CLIENT, d.b, d.len);
		assert_answers(s, id, 2, other ? GOT_DROP : GOT_FINAL);
		assert_lines(s, "\"phase\":\"update\"",
			     "\"candidates\":[\"good.example\",\"evil.example\"]", other);
		assert_true(scene_end(s));
	}
}

/* A server that answers with a ServerHello asks for nothing more. */
static void an_answered_hello_of_quic_is_final(void **state)
{
	static struct bytes d;
	struct scene *s = start(closed);
	char hello[sizeof(retry_message)];

	(void)state;
	memcpy(hello, retry_message, sizeof(hello));
	hello[20] ^= 1;
	make_initial(&d, &good, 0, 0, 0);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, d.b, d.len), GOT_PASS);
	make_crypto(&d, true, 0, 0, hello, sizeof(hello) - 1);
	(void)send_datagram(s, &quic, FROM_SERVER, d.b, d.len);
	make_crypto(&d, false, 1, good.len - 5, evil.b + 5, evil.len - 5);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, d.b, d.len), GOT_FINAL);
	assert_true(scene_end(s));
}

/* Whoever sends Initials in floods is not read any more in that second; others are. */
static void a_flood_of_initials_is_not_opened(void **state)
{
	static struct bytes first;
	struct scene *s = start(closed);
	struct ends e = quic;
	uint32_t id = 0;

	(void)state;
	make_initial(&first, &good, 0, 0, 0);
	for (uint16_t i = 0; i < 1000; i++) {
		e.client_port = (uint16_t)(20000 + i);
		assert_answer(s, send_datagram(s, &e, FROM_CLIENT, first.b, first.len),
			      GOT_PASS);
	}
	e.client_port = 30000;
	id = send_datagram(s, &e, FROM_CLIENT, first.b, first.len);
	assert_answer(s, id, GOT_DROP);
	assert_lines(s, "\"undecidable\":\"budget\"", "\"phase\":\"start\"", 1);
	e.client = "10.1.2.4";
	assert_answer(s, send_datagram(s, &e, FROM_CLIENT, first.b, first.len), GOT_PASS);
	s->now_us += SECOND;
	e = quic;
	assert_answer(s, send_datagram(s, &e, FROM_CLIENT, first.b, first.len), GOT_PASS);
	assert_true(scene_end(s));
}

/* The budget takes nothing from a connection that is judged: the second one comes again. */
static void a_second_connection_over_the_budget_comes_again(void **state)
{
	static const uint8_t other_id[sizeof(dcid)] = {9, 8, 7, 6, 5, 4, 3, 2};
	static struct bytes first, second, rest;
	struct scene *s = start(closed);
	struct ends e = quic;
	uint32_t id;

	(void)state;
	make_initial(&first, &good, 0, 0, 0);
	make_initial_of(&second, other_id, &evil, 0, 0, 90);
	make_initial_of(&rest, other_id, &evil, 1, 90, 0);
	for (uint16_t i = 0; i < 998; i++) {
		e.client_port = (uint16_t)(20000 + i);
		(void)send_datagram(s, &e, FROM_CLIENT, first.b, first.len);
	}
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, first.b, first.len),
		      GOT_PASS);
	/* The last one of this second, which is counted once. */
	id = send_datagram(s, &quic, FROM_CLIENT, second.b, second.len);
	assert_answer(s, id, GOT_NOTHING);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, rest.b, rest.len),
		      GOT_DROP);
	assert_answer(s, send_datagram(s, &e, FROM_CLIENT, second.b, second.len),
		      GOT_DROP);
	assert_answer(s, send_datagram(s, &e, FROM_CLIENT, first.b, first.len), GOT_PASS);
	assert_lines(s, "\"undecidable\":\"budget\"", NULL, 0);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_int_equal(scene_stats(s).over_cap, 2);
	s->now_us += SECOND;
	(void)send_datagram(s, &quic, FROM_CLIENT, rest.b, rest.len);
	assert_answers(s, id, 1, GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"host\":\"evil.example\"", 1);
	assert_true(scene_end(s));
}

/* It may end before the server, and would be judged for what comes after it. */
static void a_datagram_with_a_low_hop_limit_is_dropped(void **state)
{
	static struct bytes decoy, real;
	struct scene *s = start(closed);

	(void)state;
	make_initial(&decoy, &good, 0, 0, 0);
	make_initial(&real, &evil, 1, 0, 0);
	s->ttl = 3;
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, decoy.b, decoy.len),
		      GOT_DROP);
	assert_int_equal(scene_stats(s).ttl_low, 1);
	assert_lines(s, "\"phase\":\"start\"", NULL, 0);
	s->ttl = 64;
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, real.b, real.len),
		      GOT_DROP);
	assert_lines(s, "\"ttl_low\"", "\"verdict\":\"deny\"", 1);
	assert_lines(s, "\"host\":\"good.example\"", NULL, 0);
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
	(void)say(s, &v4, &other);
	assert_taken(s, &v4, other.len);
	(void)open_tcp(s, &v6);
	(void)say(s, &v6, &good);
	assert_taken(s, &v6, good.len);
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
	assert_taken(s, &v4, good.len);
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
	assert_taken(s, &v4, good.len);
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
	assert_taken(s, &v4, good.len);
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
	assert_taken(s, &v4, good.len);
	(void)open_tcp(s, &v6);
	id = say_part(s, &v6, &good, 0, 2);
	see_headers(s, &v4, (struct segment){FROM_CLIENT, TCP_SYN, 77000, 0, NULL, 0});
	assert_lines(s, "\"phase\":\"end\"", "\"host\":\"good.example\"", 1);
	worker_tick(s->w, s->now_us + SECOND);
	see_headers(s, &v4, (struct segment){FROM_CLIENT, TCP_RST, 77001, 0, NULL, 0});
	assert_answer(s, id, GOT_NOTHING);
	assert_answer(s, say_part(s, &v6, &good, 1, 2), GOT_PASS);
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
	(void)send_segment(
		s, &v4,
		(struct segment){FROM_CLIENT, TCP_SYN, CLIENT_FIRST + 9000, 0, NULL, 0});
	assert_answer(s, id, GOT_NOTHING);
	(void)send_segment(s, &v4,
			   (struct segment){FROM_SERVER, TCP_SYN | TCP_ACK,
					    SERVER_FIRST + 9000, CLIENT_FIRST + 9001,
					    NULL, 0});
	assert_answer(s, id, GOT_DROP);
	assert_lines(s, "\"phase\":\"end\"", NULL, 1);
	assert_true(scene_end(s));
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
	assert_answer(s, say_part(s, &of_source[1], &good, 1, 2), GOT_PASS);
	worker_tick(s->w, s->now_us);
	assert_answer(s, ids[0], GOT_DROP);
	assert_answer(s, ids[1], GOT_PASS);
	assert_answer(s, ids[2], GOT_NOTHING);
	worker_tick(s->w, s->now_us + 2 * SECOND);
	assert_answer(s, ids[2], GOT_DROP);
	assert_int_equal(scene_stats(s).timed_out, 2);
	assert_true(scene_end(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_allowed_quic_hello_passes),
		cmocka_unit_test(a_second_connection_of_quic_is_judged),
		cmocka_unit_test(an_initial_without_a_word_is_no_rival),
		cmocka_unit_test(a_second_hello_of_quic_is_judged),
		cmocka_unit_test(an_answered_hello_of_quic_is_final),
		cmocka_unit_test(a_flood_of_initials_is_not_opened),
		cmocka_unit_test(a_second_connection_over_the_budget_comes_again),
		cmocka_unit_test(a_datagram_with_a_low_hop_limit_is_dropped),
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
		cmocka_unit_test(who_waits_too_long_is_denied),
		cmocka_unit_test(a_name_that_comes_late_still_decides),
		cmocka_unit_test(each_connection_has_its_own_clock),
	};

	return cmocka_run_group_tests_name("engine/inline_life", tests, prepare, tidy);
}
