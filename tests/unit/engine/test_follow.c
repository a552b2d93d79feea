/* SPDX-License-Identifier: Apache-2.0 */
/* Requests behind the first of a connection, and DNS over TCP: inline and watched. */
#include "requests.h"

#include "engine/chunks.h"
#include "flow/head.h"

/* ---- inline -------------------------------------------------------------------------------- */

static uint32_t text_at(struct scene *s, uint32_t at, const char *text)
{
	return send_data(s, &web, at, text, strlen(text));
}

/* A connection with one allowed request that the server has answered. */
static struct scene *served(const struct generation *g, const char *request)
{
	struct scene *s = start(g);

	(void)open_tcp(s, &web);
	assert_answer(s, text_at(s, 0, request), GOT_PASS);
	assert_answer(s,
		      send_reply(s, &web, 0, (uint32_t)strlen(request),
				 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
		      GOT_PASS);
	return s;
}

static void a_later_request_for_a_denied_host_is_dropped(void **state)
{
	struct scene *s = served(closed, GOOD);

	(void)state;
	assert_answer(s, text_at(s, LEN(GOOD), GOOD), GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_answer(s, text_at(s, 2 * LEN(GOOD), EVIL), GOT_DROP);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_int_equal(s->reset_count, 2);
	assert_reset(&s->resets[0], &web, FROM_CLIENT, CLIENT_FIRST + 2 * LEN(GOOD),
		     SERVER_FIRST);
	assert_true(scene_end(s));
}

static void a_pipelined_request_for_a_denied_host_takes_the_first_along(void **state)
{
	struct scene *s = start(closed);

	(void)state;
	(void)open_tcp(s, &web);
	assert_answer(s, text_at(s, 0, GOOD EVIL), GOT_DROP);
	assert_lines(s, "\"phase\":\"start\"", "good.example", 1);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_int_equal(s->reset_count, 2);
	assert_reset(&s->resets[0], &web, FROM_CLIENT, CLIENT_FIRST, SERVER_FIRST);
	assert_true(scene_end(s));
}

static void a_later_request_waits_until_it_is_whole(void **state)
{
	struct scene *s = served(closed, GOOD);
	const char *const request = GOOD;
	uint32_t id = text_at(s, LEN(GOOD) + 20, request + 20);

	(void)state;
	assert_answer(s, id, GOT_NOTHING);
	(void)send_data(s, &web, LEN(GOOD), request, 10);
	assert_answer(s, id + 1, GOT_NOTHING);
	assert_int_equal(scene_stats(s).held_now, 2);
	(void)send_data(s, &web, LEN(GOOD) + 10, request + 10, 10);
	assert_answers(s, id, 3, GOT_PASS);
	assert_int_equal(scene_stats(s).held_now, 0);
	/* All of it has passed: that is where a reset would be. */
	assert_answer(s, text_at(s, 2 * LEN(GOOD), EVIL), GOT_DROP);
	assert_reset(&s->resets[0], &web, FROM_CLIENT, CLIENT_FIRST + 2 * LEN(GOOD),
		     SERVER_FIRST);
	assert_true(scene_end(s));
}

/* RFC 9112 9.6; a server that reads on goes by its host. */
static void behind_a_request_that_closes_both_hosts_are_candidates(void **state)
{
	static const char *const last[] = {
		"GET / HTTP/1.1\r\nHost: good.example\r\nConnection: x, Close\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: good.example\r\n\r\n",
	};
	static const char kept[] =
		"GET / HTTP/1.0\r\nHost: good.example\r\nConnection: keep-alive\r\n\r\n";
	struct scene *s;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		s = served(open_to_all, last[i]);
		(void)text_at(s, (uint32_t)strlen(last[i]), GOOD);
		assert_lines(s, "\"phase\":\"update\"", NULL, 0);
		(void)text_at(s, (uint32_t)strlen(last[i]) + LEN(GOOD), EVIL);
		assert_lines(s, "\"undecidable\":\"conflict\"",
			     "\"candidates\":[\"good.example\",\"evil.example\"]", 1);
		assert_true(scene_end(s));
	}
	s = served(closed, kept);
	assert_answer(s, text_at(s, LEN(kept), EVIL), GOT_DROP);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_true(scene_end(s));
}

static void pieces_of_a_denied_request_never_pass(void **state)
{
	struct scene *s = served(closed, GOOD);
	const char *const request = EVIL;
	uint32_t id = send_data(s, &web, LEN(GOOD), request, 30);

	(void)state;
	assert_answer(s, id, GOT_NOTHING);
	(void)text_at(s, LEN(GOOD) + 30, request + 30);
	assert_answers(s, id, 2, GOT_DROP);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_true(scene_end(s));
}

static void half_a_request_is_not_held_for_ever(void **state)
{
	struct scene *s = served(patient, GOOD);
	uint32_t id = send_data(s, &web, LEN(GOOD), GOOD, 30);

	(void)state;
	s->now_us += 4 * SECOND;
	worker_tick(s->w, s->now_us);
	assert_answer(s, id, GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"hold_budget\"", 1);
	assert_lines(s, "\"phase\":\"update\"", "\"verdict\":\"deny\"", 1);
	assert_int_equal(s->reset_count, 2);
	assert_reset(&s->resets[0], &web, FROM_CLIENT, CLIENT_FIRST + LEN(GOOD),
		     SERVER_FIRST);
	assert_true(scene_end(s));
}

static void where_waiting_may_pass_it_is_judged_when_it_is_whole(void **state)
{
	struct scene *s = served(open_to_all, GOOD);
	const char *const request = EVIL;

	(void)state;
	(void)send_data(s, &web, LEN(GOOD), request, 30);
	s->now_us += 4 * SECOND;
	worker_tick(s->w, s->now_us);
	assert_int_equal(s->reset_count, 0);
	assert_answer(s, send_data(s, &web, LEN(GOOD), request, 30), GOT_PASS);
	assert_answer(s, text_at(s, LEN(GOOD) + 30, request + 30), GOT_DROP);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_true(scene_end(s));
}

/* What was kept for half a request is another connection's when the wait is over. */
static void a_wait_that_is_over_keeps_no_room(void **state)
{
	struct generation *tight = scene_generation(open_rules);
	struct scene *s;

	(void)state;
	tight->config->limits.max_heads = 2; /* for two who wait, and two heads */
	s = served(tight, GOOD);
	(void)send_data(s, &web, LEN(GOOD), EVIL, 30);
	s->now_us += 4 * SECOND;
	worker_tick(s->w, s->now_us);
	(void)open_tcp(s, &v6);
	(void)send_reply(s, &v6, 0, 0, "220 I speak first\r\n");
	(void)open_tcp(s, &v4);
	assert_answer(s, say(s, &v4, &good), GOT_PASS);
	assert_lines(s, "\"undecidable\":\"budget\"", NULL, 0);
	assert_true(scene_end(s));
	generation_destroy(tight);
}

static void bodies_are_skipped_by_their_length(void **state)
{
	struct scene *s = served(closed, POST_OF("100000") EVIL);
	const uint32_t begin = LEN(POST_OF("100000"));
	static char body[100000 - LEN(EVIL) - 1000];

	(void)state;
	memset(body, 'x', sizeof(body));
	/* A part of the body that comes ahead of what is in front of it. */
	assert_answer(s, send_data(s, &web, begin + 50000, body, 1400), GOT_PASS);
	for (uint32_t at = 0; at < sizeof(body); at += 1400)
		assert_answer(
			s,
			send_data(s, &web, begin + LEN(EVIL) + at, body + at,
				  sizeof(body) - at < 1400 ? sizeof(body) - at : 1400),
			GOT_PASS);
	assert_answer(s, send_data(s, &web, begin + 99000, body, 1000), GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	(void)send_reply(s, &web, 40, begin + 100000, "HTTP/1.1 200 OK\r\n\r\n");
	assert_answer(s, text_at(s, begin + 100000, EVIL), GOT_DROP);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_true(scene_end(s));
}

static void chunks_are_skipped_however_they_are_cut(void **state)
{
	static const char chunks[] = "5;name=\"a\"\r\nGET /\r\n0a \r\n0123456789\r\n"
				     "0\r\nTrailer: x\r\n\r\n" EVIL;
	const uint32_t end = LEN(chunks) - LEN(EVIL);

	(void)state;
	for (uint32_t step = 1; step < LEN(chunks); step++) {
		struct scene *s = served(closed, CHUNKED);
		uint32_t at = 0, id = 0;

		for (; at < LEN(chunks); at += step) {
			const uint32_t n =
				LEN(chunks) - at < step ? LEN(chunks) - at : step;

			id = send_data(s, &web, LEN(CHUNKED) + at, chunks + at, n);
			if (at + n <= end)
				assert_answer(s, id, GOT_PASS);
		}
		assert_answer(s, id, GOT_DROP);
		assert_lines(s, EVIL_UPDATE, 1);
		assert_lines(s, DESYNC, NULL, 0);
		assert_true(scene_end(s));
	}
}

static void where_servers_differ_the_step_is_lost(void **state)
{
	static const char *const bodies[][2] = {
		{CHUNKED, "5\nGET /\r\n"},
		{CHUNKED, "x\r\n"},
		{CHUNKED, "\r\n"},
		{CHUNKED, "5;a\nb\r\nGET /\r\n"},
		{CHUNKED, "5\r\nGET /GET"},
		{CHUNKED, "0\r\nA: b\n\r\n"},
		{CHUNKED, "1000000000000000\r\n"},
		{POST_OF("+5"), "abcde"},
		{POST_OF("5, 5"), "abcde"},
		{POST_OF("5\r\nContent-Length: 5"), "abcde"},
		{POST_OF("5\r\nTransfer-Encoding: chunked"), "abcde"},
		{POST_OF("99999999999999999999"), "abcde"},
		{"POST / HTTP/1.0\r\nHost: good.example\r\nTransfer-Encoding: chunked\r\n\r\n",
		 "0\r\n\r\n"},
		{"POST / HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: identity\r\n\r\n",
		 "abc"},
		{"POST / HTTP/1.1\r\nHost: good.example\r\n"
		 "Transfer-Encoding: chunked, chunked\r\n\r\n",
		 "0\r\n\r\n"},
		{GOOD, "\x01\x02\x03"},
		{GOOD, "nonsense\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct scene *s = served(closed, bodies[i][0]);

		assert_answer(s, text_at(s, (uint32_t)strlen(bodies[i][0]), bodies[i][1]),
			      GOT_DROP);
		assert_lines(s, "\"phase\":\"update\"", DESYNC, 1);
		assert_true(scene_end(s));
	}
}

static void other_bytes_in_the_place_of_a_judged_request_are_dropped(void **state)
{
	struct scene *s = served(closed, GOOD);
	const uint32_t at = LEN(GOOD);
	uint32_t id;

	(void)state;
	assert_answer(s, text_at(s, at, GOOD), GOT_PASS);
	assert_answer(s, text_at(s, at, EVIL), GOT_DROP);
	assert_int_equal(scene_stats(s).conflicting, 1);
	assert_answer(s, text_at(s, at, GOOD), GOT_PASS); /* sent again */
	/* The same of half a request that is held. */
	id = send_data(s, &web, at + LEN(GOOD), GOOD, 30);
	assert_answer(s, send_data(s, &web, at + LEN(GOOD) + 20, &(EVIL)[20], 18),
		      GOT_DROP);
	assert_answer(s, send_data(s, &web, at + LEN(GOOD), GOOD, LEN(GOOD)), GOT_PASS);
	assert_answer(s, id, GOT_PASS);
	assert_int_equal(scene_stats(s).conflicting, 2);
	(void)send_reply(s, &web, 40, at + 2 * LEN(GOOD), "HTTP/1.1 200 OK\r\n\r\n");
	assert_int_equal(s->reset_count, 0);
	assert_true(scene_end(s));
}

static void what_no_server_takes_is_dropped(void **state)
{
	struct scene *s = served(closed, GOOD);

	(void)state;
	s->ttl = 3;
	assert_answer(s, text_at(s, LEN(GOOD), GOOD), GOT_DROP);
	s->ttl = 64;
	assert_answer(s,
		      send_segment(s, &web,
				   (struct segment){FROM_CLIENT, TCP_PSH,
						    CLIENT_FIRST + LEN(GOOD), 0, GOOD,
						    LEN(GOOD)}),
		      GOT_DROP);
	assert_answer(s, text_at(s, LEN(GOOD), EVIL), GOT_DROP);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_true(scene_end(s));
}

#define SERVED 38u /* bytes of the answer of served() */
static const char server_hello[] = RECORD "\x01\x02\x03\x04";

static void behind_connect_the_hello_decides(void **state)
{
	struct scene *s = served(closed, GOOD);
	static char page[5000];
	uint32_t at = LEN(GOOD);

	(void)state;
	assert_answer(s, text_at(s, at, TUNNEL), GOT_PASS);
	at += LEN(TUNNEL);
	(void)send_reply(s, &web, 40, at, "HTTP/1.1 200 OK\r\n\r\n");
	assert_answer(s, send_data(s, &web, at, evil.b, evil.len), GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"conflict\"", 1);
	assert_lines(s, "\"candidates\":[\"good.example\",\"evil.example\"]", NULL, 1);
	assert_true(scene_end(s));

	s = served(closed, GOOD);
	at = LEN(GOOD);
	(void)text_at(s, at, TUNNEL);
	at += LEN(TUNNEL);
	assert_answer(s, send_data(s, &web, at, good.b, good.len), GOT_PASS);
	/* A server may have ignored it. */
	assert_answer(s, send_data(s, &web, at, evil.b, evil.len), GOT_DROP);
	(void)send_reply(s, &web, SERVED, at, "HTTP/1.1 200 OK\r\n\r\n");
	assert_answer(s, send_data(s, &web, at, evil.b, evil.len), GOT_DROP);
	assert_answer(
		s,
		send_segment(s, &web,
			     (struct segment){FROM_SERVER, TCP_ACK,
					      SERVER_FIRST + SERVED + 19,
					      CLIENT_FIRST + at + (uint32_t)good.len,
					      server_hello, sizeof(server_hello) - 1}),
		GOT_PASS); /* a proxy may have made it up */
	memset(page, 'x', sizeof(page) - 1);
	at += (uint32_t)good.len;
	assert_answer(
		s, send_reply(s, &web, SERVED + 19 + sizeof(server_hello) - 1, at, page),
		GOT_FINAL);
	assert_true(scene_end(s));
}

/* Behind a later CONNECT, too, a server may ask for another hello. */
static void a_second_hello_in_a_later_tunnel_is_judged(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n" RETRY;
	static struct bytes both;

	(void)state;
	both.len = 0;
	put_mem(&both, TUNNEL, LEN(TUNNEL));
	put_mem(&both, good.b, good.len);
	for (int bad = 0; bad < 2; bad++)
		for (int first = 0; first < 2; first++) {
			struct scene *s = first ? start(closed) : served(closed, GOOD);
			const struct bytes *second = bad ? &evil : &good;
			uint32_t at = first ? 0 : LEN(GOOD);

			if (first) { /* all of it in one segment */
				static struct bytes all;

				all.len = 0;
				put_mem(&all, GOOD, LEN(GOOD));
				put_mem(&all, both.b, both.len);
				(void)open_tcp(s, &web);
				assert_answer(s, send_data(s, &web, 0, all.b, all.len),
					      GOT_PASS);
				at = LEN(GOOD);
			} else {
				assert_answer(s, send_data(s, &web, at, both.b, both.len),
					      GOT_PASS);
			}
			at += (uint32_t)both.len;
			assert_answer(
				s,
				send_segment(s, &web,
					     (struct segment){
						     FROM_SERVER, TCP_ACK,
						     SERVER_FIRST + (first ? 0 : SERVED),
						     CLIENT_FIRST + at, answer,
						     sizeof(answer) - 1}),
				GOT_PASS);
			assert_answer(s, send_data(s, &web, at, second->b, second->len),
				      bad ? GOT_DROP : GOT_PASS);
			assert_true(scene_end(s));
		}
}

/*
 * The server may have ignored CONNECT and hello (an old time stamp): no other CONNECT passes in the
 * place of the one that was judged, be the request before it acknowledged or not.
 */
static void the_connect_in_front_of_a_judged_hello_stays_guarded(void **state)
{
#define OTHER_TUNNEL "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"
	static struct bytes both;

	(void)state;
	both.len = 0;
	put_mem(&both, TUNNEL, LEN(TUNNEL));
	put_mem(&both, good.b, good.len);
	for (int answered = 0; answered < 2; answered++)
		for (int cut = 0; cut < 2; cut++) {
			struct scene *s = answered ? served(closed, GOOD) : start(closed);
			const uint32_t at = LEN(GOOD), n = LEN(TUNNEL);

			if (!answered) {
				(void)open_tcp(s, &web);
				assert_answer(s, text_at(s, 0, GOOD), GOT_PASS);
			}
			assert_answer(s,
				      send_data(s, &web, at, both.b, cut ? n : both.len),
				      GOT_PASS);
			if (cut)
				assert_answer(
					s, send_data(s, &web, at + n, good.b, good.len),
					GOT_PASS);
			assert_answer(s, text_at(s, at, OTHER_TUNNEL), GOT_DROP);
			assert_answer(s, send_data(s, &web, at, both.b, both.len),
				      GOT_PASS);
			assert_true(scene_end(s));
		}
#undef OTHER_TUNNEL
}

static void after_an_upgrade_nothing_is_read(void **state)
{
	static const char frame[] = "\x81\x85\x01\x02\x03\x04zzzzz";
	struct scene *s = start(closed);

	(void)state;
	(void)open_tcp(s, &web);
	(void)text_at(s, 0, UPGRADE);
	(void)send_reply(s, &web, 0, LEN(UPGRADE), "HTTP/1.1 101 Switching\r\n\r\n");
	assert_answer(s, text_at(s, LEN(UPGRADE), frame), GOT_PASS);
	assert_answer(s, send_reply(s, &web, 26, LEN(UPGRADE) + LEN(frame), "x"),
		      GOT_FINAL);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_true(scene_end(s));

	/* A server that does not switch goes on with requests. */
	s = served(closed, UPGRADE);
	assert_answer(s, text_at(s, LEN(UPGRADE), EVIL), GOT_DROP);
	assert_true(scene_end(s));
	s = served(closed, UPGRADE);
	assert_answer(s, text_at(s, LEN(UPGRADE), frame), GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", DESYNC, 1);
	assert_true(scene_end(s));
}

static void in_monitor_requests_pass_and_are_told(void **state)
{
	struct scene *s = scene_create(closed);

	(void)state;
	s->cfg.enforce = false;
	scene_start(s);
	(void)open_tcp(s, &web);
	assert_answer(s, text_at(s, 0, GOOD), GOT_PASS);
	assert_answer(s, send_data(s, &web, LEN(GOOD), EVIL, 20), GOT_PASS);
	assert_answer(s, text_at(s, LEN(GOOD) + 20, &(EVIL)[20]), GOT_PASS);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_true(scene_end(s));
}

/* ---- what a server that refuses goes on with ------------------------------------------------ */

static void every_connect_behind_another_is_judged(void **state)
{
	struct scene *s = served(closed, GOOD);
	uint32_t at = LEN(GOOD);

	(void)state;
	assert_answer(s, text_at(s, at, TUNNEL), GOT_PASS);
	at += LEN(TUNNEL);
	(void)send_reply(s, &web, SERVED, at, NO_TUNNEL);
	assert_answer(s, text_at(s, at, TUNNEL),
		      GOT_PASS); /* with rights, as NTLM does */
	at += LEN(TUNNEL);
	(void)send_reply(s, &web, SERVED + LEN(NO_TUNNEL), at, NO_TUNNEL);
	assert_answer(s, text_at(s, at, EVIL_TUNNEL), GOT_DROP);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_true(scene_end(s));
}

static void requests_behind_refused_tunnels_are_followed(void **state)
{
	struct scene *s = served(closed, GOOD);
	uint32_t at = LEN(GOOD);

	(void)state;
	for (uint32_t n = 0; n < 2; n++) {
		assert_answer(s, text_at(s, at, TUNNEL), GOT_PASS);
		at += LEN(TUNNEL);
		(void)send_reply(s, &web, SERVED + n * LEN(NO_TUNNEL), at, NO_TUNNEL);
	}
	assert_answer(s, text_at(s, at, GOOD), GOT_PASS);
	at += LEN(GOOD);
	(void)send_reply(s, &web, SERVED + 2 * LEN(NO_TUNNEL), at, NO_TUNNEL);
	assert_answer(s, text_at(s, at, EVIL), GOT_DROP);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_true(scene_end(s));
}

static void behind_a_refused_tunnel_there_is_http_alone(void **state)
{
	struct scene *s = served(closed, GOOD);
	uint32_t at = LEN(GOOD);

	(void)state;
	assert_answer(s, text_at(s, at, TUNNEL), GOT_PASS);
	at += LEN(TUNNEL);
	(void)send_reply(s, &web, SERVED, at, NO_TUNNEL);
	assert_answer(s, text_at(s, at, "\x01\x02\x03\x04 no request"), GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", DESYNC, 1);
	assert_true(scene_end(s));
}

static void empty_lines_in_front_hide_no_request(void **state)
{
	static const char hidden[] = "\r\n\r\n\n\n\r\n\r\n\r\n" EVIL;
	struct scene *s = start(open_to_all);

	(void)state;
	(void)open_tcp(s, &web);
	assert_answer(s, text_at(s, 0, hidden), GOT_DROP);
	assert_lines(s, "\"phase\":\"start\"", "evil.example", 1);
	assert_true(scene_end(s));
	s = start(closed);
	(void)open_tcp(s, &web);
	assert_answer(s, text_at(s, 0, TUNNEL), GOT_PASS);
	(void)send_reply(s, &web, 0, LEN(TUNNEL), NO_TUNNEL);
	assert_answer(s, text_at(s, LEN(TUNNEL), hidden), GOT_DROP);
	assert_true(scene_end(s));
}

/* A server that refuses the first CONNECT goes on with requests, whatever they look like. */
static void behind_a_first_refused_tunnel_nothing_passes_unread(void **state)
{
	struct scene *s = start(closed);
	uint32_t at = LEN(TUNNEL);

	(void)state;
	(void)open_tcp(s, &web);
	assert_answer(s, text_at(s, 0, TUNNEL), GOT_PASS);
	(void)send_reply(s, &web, 0, at, NO_TUNNEL);
	(void)text_at(s, at, "\x01\x02 no request\r\n\r\n");
	assert_answer(s, text_at(s, at + 17, EVIL), GOT_DROP);
	assert_true(scene_end(s));
}

/* What it goes on with is judged by its own host; what was sent before the answer was judged before. */
static void a_request_behind_a_first_refused_tunnel_is_judged(void **state)
{
	(void)state;
	for (int bad = 0; bad < 2; bad++) {
		struct scene *s = start(open_to_all);
		const uint32_t at = LEN(TUNNEL);

		(void)open_tcp(s, &web);
		assert_answer(s, text_at(s, 0, TUNNEL), GOT_PASS);
		(void)send_reply(s, &web, 0, at, NO_TUNNEL);
		assert_answer(s, text_at(s, at, bad ? EVIL : GET("www.good.example")),
			      bad ? GOT_DROP : GOT_PASS);
		assert_lines(s, "\"phase\":\"start\"", "\"host\":\"good.example\"", 1);
		assert_lines(s, "\"phase\":\"update\"",
			     bad ? "\"host\":\"evil.example\""
				 : "\"host\":\"www.good.example\"",
			     1);
		assert_lines(s, "\"phase\":\"update\"", NULL, 1);
		assert_lines(s, "\"undecidable\":", NULL, 0);
		assert_true(scene_end(s));
	}
}

/* Of several hosts at once none was judged but the last; the proxy goes by the first. */
static void a_connect_in_front_of_another_is_judged(void **state)
{
	struct scene *s = start(closed);

	(void)state;
	(void)open_tcp(s, &web);
	assert_answer(s, text_at(s, 0, EVIL_TUNNEL TUNNEL), GOT_DROP);
	assert_lines(s, "\"phase\":\"start\"", "\"undecidable\":\"conflict\"", 1);
	assert_lines(s, "\"phase\":\"start\"",
		     "\"candidates\":[\"evil.example\",\"good.example\"]", 1);
	assert_true(scene_end(s));
	s = start(closed); /* one that is judged does not speak for the next */
	(void)open_tcp(s, &web);
	assert_answer(s, text_at(s, 0, TUNNEL), GOT_PASS);
	(void)send_reply(s, &web, 0, LEN(TUNNEL), NO_TUNNEL);
	assert_answer(s, text_at(s, LEN(TUNNEL), EVIL_TUNNEL TUNNEL), GOT_DROP);
	assert_true(scene_end(s));
	s = start(open_to_all);
	(void)open_tcp(s, &web);
	assert_answer(s, text_at(s, 0, TUNNEL), GOT_PASS);
	(void)send_reply(s, &web, 0, LEN(TUNNEL), NO_TUNNEL);
	assert_answer(s, text_at(s, LEN(TUNNEL), TUNNEL), GOT_PASS);
	assert_answer(s, text_at(s, 2 * LEN(TUNNEL), EVIL_TUNNEL), GOT_DROP);
	assert_true(scene_end(s));
}

static void in_a_tunnel_any_protocol_may_stand(void **state)
{
	static const char unknown[] = "\x01\x02 unknown";
	struct scene *s = start(closed);
	uint32_t at = LEN(TUNNEL);

	(void)state;
	(void)open_tcp(s, &web);
	(void)text_at(s, 0, TUNNEL);
	(void)send_reply(s, &web, 0, at, "HTTP/1.1 200 OK\r\n\r\n");
	assert_answer(s, text_at(s, at, unknown), GOT_PASS);
	assert_true(scene_end(s));
	s = served(closed, GOOD);
	at = LEN(GOOD) + LEN(TUNNEL);
	(void)text_at(s, LEN(GOOD), TUNNEL);
	(void)send_reply(s, &web, SERVED, at, "HTTP/1.1 102 Wait\r\n\r\n");
	(void)send_reply(s, &web, SERVED + 21, at, "HTTP/1.1 200 OK\r\n\r\n");
	assert_answer(s, text_at(s, at, unknown), GOT_PASS);
	assert_answer(s, send_reply(s, &web, SERVED + 21 + 19, at + LEN(unknown), "x"),
		      GOT_FINAL);
	assert_lines(s, DESYNC, NULL, 0);
	assert_true(scene_end(s));
}

/* The answer to the request in front of a CONNECT is not the proxy's word on it. */
static void another_answer_opens_no_tunnel(void **state)
{
	static const char both[] = GOOD TUNNEL;
	struct scene *s = served(closed, GOOD);
	const uint32_t at = LEN(GOOD) + LEN(both);

	(void)state;
	assert_answer(s, text_at(s, LEN(GOOD), both), GOT_PASS);
	(void)send_reply(s, &web, SERVED, at, "HTTP/1.1 200 OK\r\n\r\n");
	assert_answer(s, text_at(s, at, "\x01\x02 unknown"), GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", DESYNC, 1);
	assert_true(scene_end(s));
}

/* Behind CONNECT: whom the next proxy is asked for. */
static void socks_in_a_tunnel_is_judged(void **state)
{
	static const char ask[] = "\x05\x01\x00\x05\x01\x00\x03\x0c"
				  "evil.example\x01\xbb";
	struct scene *s = served(closed, GOOD);
	const uint32_t at = LEN(GOOD) + LEN(TUNNEL);

	(void)state;
	(void)text_at(s, LEN(GOOD), TUNNEL);
	(void)send_reply(s, &web, SERVED, at, "HTTP/1.1 200 OK\r\n\r\n");
	assert_answer(s, send_data(s, &web, at, ask, 3), GOT_PASS);
	(void)send_reply(s, &web, SERVED + LEN("HTTP/1.1 200 OK\r\n\r\n"), at + 3,
			 "\x05\x02");
	assert_answer(s, send_data(s, &web, at + 3, ask + 3, LEN(ask) - 3), GOT_DROP);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_true(scene_end(s));
}

/* A rule that came while a request was held; that it was held for long changes nothing. */
static void a_denial_stands_when_the_time_is_over(void **state)
{
	static const char rules[] = "version 1\n" SCENE_ADDRESSES "gate rules\n"
				    "deny to host \"good.example\"\n"
				    "allow from any\n"
				    "gate undecidable\n"
				    "allow { hold_budget }\n";
	struct generation *none = scene_generation(rules);
	struct scene *s = served(open_to_all, GOOD);
	const struct event_origin origin = scene_origin(true);

	(void)state;
	(void)send_data(s, &web, LEN(GOOD), GOOD, 30);
	worker_use(s->w, none, &origin, true);
	while (worker_sweep(s->w, s->now_us))
		;
	s->now_us += 4 * SECOND;
	worker_tick(s->w, s->now_us);
	assert_lines(s, "\"phase\":\"update\"", "\"verdict\":\"deny\"", 1);
	assert_lines(s, "hold_budget", NULL, 0);
	assert_true(scene_end(s));
	generation_destroy(none);
}

static void a_later_header_that_is_too_long_is_judged_as_that(void **state)
{
	static const char begin[] = "GET / HTTP/1.1\r\nHost: good.example\r\nA: ";
	struct scene *s = served(open_to_all, GOOD);
	static char header[20000];
	uint32_t id = 0;

	(void)state;
	memset(header, 'x', sizeof(header));
	memcpy(header, begin, sizeof(begin) - 1);
	for (uint32_t n = 0; n + 1400 <= sizeof(header); n += 1400)
		id = send_data(s, &web, LEN(GOOD) + n, header + n, 1400);
	assert_answer(s, id, GOT_FINAL);
	assert_lines(s, "\"phase\":\"update\"", "hello_too_big", 1);
	assert_true(scene_end(s));
}

/* ---- the frames of chunks ------------------------------------------------------------------- */

/* A server may ignore the size of a chunk (an old time stamp, say) and take the next one. */
static void other_sizes_in_the_place_of_a_read_one_are_dropped(void **state)
{
	struct scene *s = served(closed, CHUNKED);
	const uint32_t at = LEN(CHUNKED);

	(void)state;
	assert_answer(s, text_at(s, at, BIG), GOT_PASS);
	assert_answer(s, text_at(s, at, STOP EVIL), GOT_DROP);
	assert_answer(s, text_at(s, at + 2, "\r\n" EVIL), GOT_DROP);
	assert_int_equal(scene_stats(s).conflicting, 2);
	assert_answer(s, text_at(s, at, BIG "body"), GOT_PASS);
	assert_answer(s, text_at(s, at + LEN(BIG), EVIL), GOT_PASS); /* as body */
	/* What the server has acknowledged stays as it is. */
	(void)send_reply(s, &web, SERVED, at + LEN(BIG), "HTTP/1.1 100 Go on\r\n\r\n");
	assert_answer(s, text_at(s, at, STOP EVIL), GOT_PASS);
	assert_lines(s, EVIL_UPDATE, 0);
	assert_true(scene_end(s));
}

/* The end of a body, its trailers, and sizes whose digits came in pieces. */
static void every_byte_around_chunks_is_guarded(void **state)
{
	static const char chunks[] = "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n";
	const uint32_t at = LEN(CHUNKED);

	(void)state;
	for (uint32_t step = 1; step <= LEN(chunks); step++)
		for (uint32_t i = 0; i < LEN(chunks); i++) {
			struct scene *s = served(closed, CHUNKED);
			const bool body = i >= 7 && i < 12;

			for (uint32_t n = 0; n < LEN(chunks); n += step)
				(void)send_data(s, &web, at + n, chunks + n,
						LEN(chunks) - n < step ? LEN(chunks) - n
								       : step);
			assert_answer(s, send_data(s, &web, at + i, "?", 1),
				      body ? GOT_PASS : GOT_DROP);
			assert_true(scene_end(s));
		}
}

/* More frames than are kept, and the server says nothing to them. */
static void forgotten_frames_are_not_taken_for_known(void **state)
{
	struct scene *s = served(closed, CHUNKED);
	uint32_t at = LEN(CHUNKED);

	(void)state;
	for (unsigned i = 0; i <= CHUNKS_MAX; i++, at += 7)
		assert_answer(s, text_at(s, at, "2\r\nab\r\n"), GOT_PASS);
	assert_answer(s, text_at(s, at - 7, "2\r\nab\r\n"), GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_answer(s, text_at(s, LEN(CHUNKED), STOP EVIL), GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", DESYNC, 1);
	assert_true(scene_end(s));
}

/* The rest of a header in one large frame with much of the body. */
static void a_large_frame_ends_a_header(void **state)
{
	static const char header[] = POST_OF("30000");
	static char rest[sizeof(header) - 1 - 20 + 30000 + LEN(EVIL)];
	struct scene *s = served(closed, GOOD);
	const uint32_t at = LEN(GOOD), end = at + LEN(header) + 30000;
	uint32_t id;

	(void)state;
	memset(rest, 'x', sizeof(rest));
	memcpy(rest, header + 20, LEN(header) - 20);
	memcpy(rest + sizeof(rest) - LEN(EVIL), EVIL, LEN(EVIL));
	id = send_data(s, &web, at, header, 20);
	assert_answer(s, id, GOT_NOTHING);
	(void)send_data(s, &web, at + 20, rest, sizeof(rest) - LEN(EVIL));
	assert_answers(s, id, 2, GOT_PASS);
	(void)send_reply(s, &web, SERVED, end, "HTTP/1.1 200 OK\r\n\r\n");
	assert_answer(s, text_at(s, end, EVIL), GOT_DROP);
	assert_true(scene_end(s));
	/* ... and with the next request, which waits for the server's word on the first. */
	s = served(closed, GOOD);
	id = send_data(s, &web, at, header, 20);
	(void)send_data(s, &web, at + 20, rest, sizeof(rest));
	assert_answer(s, id + 1, GOT_NOTHING);
	(void)send_reply(s, &web, SERVED, at + LEN(header), "HTTP/1.1 200 OK\r\n\r\n");
	assert_answer(s, id + 1, GOT_DROP);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_true(scene_end(s));
}

/* ---- DNS over TCP ---------------------------------------------------------------------------- */

static const struct ends resolver = {"10.1.2.3", "9.9.9.9", 50053, 53};

/* With the two length bytes; an answer holds 192.0.2.77. */
static void put_message(struct bytes *to, const char *name, unsigned id, bool answer)
{
	static struct bytes m;

	m.len = 0;
	put_be(&m, id, 2);
	put_be(&m, answer ? 0x8180 : 0x0100, 2);
	put_be(&m, 1, 2);
	put_be(&m, answer ? 1 : 0, 2);
	put_be(&m, 0, 4);
	put_be(&m, strlen(name), 1);
	put_mem(&m, name, strlen(name));
	put_mem(&m,
		"\x07"
		"example\0\0\x01\0\x01",
		13);
	if (answer)
		put_mem(&m, "\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x4d", 16);
	put_be(to, m.len, 2);
	put_mem(to, m.b, m.len);
}

static void every_message_of_dns_over_tcp_is_read(void **state)
{
	static struct bytes ask, tell;

	(void)state;
	for (size_t step = 1; step < 60; step += 7) {
		struct scene *s = watch();

		ask.len = tell.len = 0;
		put_message(&ask, "one", 1, false);
		put_message(&ask, "two", 2, false);
		put_message(&ask, "three", 3, false);
		put_message(&tell, "two", 2, true);
		put_message(&tell, "one", 1, true);
		see_open(s, &resolver);
		for (size_t at = 0; at < ask.len; at += step)
			see_client(s, &resolver, (uint32_t)at, ask.b + at,
				   ask.len - at < step ? ask.len - at : step);
		for (size_t at = 0; at < tell.len; at += step)
			see_server(s, &resolver, (uint32_t)at, (uint32_t)ask.len,
				   tell.b + at,
				   tell.len - at < step ? tell.len - at : step);
		assert_lines(s, "\"type\":\"dns\"", "\"192.0.2.77\"", 2);
		assert_lines(s, "\"type\":\"dns\"", "\"one.example\"", 1);
		assert_lines(s, "\"type\":\"dns\"", "\"two.example\"", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"response_code\":\"unanswered\"", "\"three.example\"",
			     1);
		end_watch(s);
	}
}

/* Several at once, in one segment or in two: each is told, and those that are answered once. */
static void all_questions_at_once_are_told(void **state)
{
	static const char *const names[] = {"one", "two", "three"};
	static struct bytes ask, tell;

	(void)state;
	for (unsigned answered = 0; answered < 8; answered++)
		for (unsigned cut = 0; cut < 3; cut++) {
			struct scene *s = watch();
			uint32_t first;

			ask.len = tell.len = 0;
			for (unsigned i = 0; i < 3; i++) {
				put_message(&ask, names[i], i + 1, false);
				if ((answered >> i & 1) != 0)
					put_message(&tell, names[i], i + 1, true);
			}
			first = cut == 0 ? (uint32_t)ask.len : cut == 1 ? 31 : 7;
			see_open(s, &resolver);
			see_client(s, &resolver, 0, ask.b, first);
			see_client(s, &resolver, first, ask.b + first, ask.len - first);
			see_server(s, &resolver, 0, (uint32_t)ask.len, NULL, 0);
			see_server(s, &resolver, 0, (uint32_t)ask.len, tell.b, tell.len);
			worker_finish(s->w, s->now_us);
			assert_lines(s, "\"type\":\"dns\"", NULL, 3);
			for (unsigned i = 0; i < 3; i++) {
				char name[32];

				(void)snprintf(name, sizeof(name), "\"%s.example\"",
					       names[i]);
				assert_lines(s, name,
					     (answered >> i & 1) != 0 ? "\"192.0.2.77\""
								      : "\"unanswered\"",
					     1);
			}
			end_watch(s);
		}
}

/* More than are kept: the oldest is told when there is no more room. */
static void of_many_questions_none_is_lost(void **state)
{
	static struct bytes ask;
	struct scene *s = watch();

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		char name[8];

		ask.len = 0;
		(void)snprintf(name, sizeof(name), "n%u", i % 50);
		put_message(&ask, name, i % 50, false); /* each of them twice */
		for (unsigned again = 0; again < 2; again++)
			see_datagram(s, &dns, FROM_CLIENT, ask.b + 2, ask.len - 2);
	}
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"response_code\":\"unanswered\"", NULL, 100);
	end_watch(s);
}

/* Two names under one id, of which the second is answered: each is told as what it is. */
static void questions_of_one_id_are_told_apart(void **state)
{
	static struct bytes ask, tell;
	struct scene *s = watch();

	(void)state;
	ask.len = tell.len = 0;
	put_message(&ask, "one", 1, false);
	see_datagram(s, &dns, FROM_CLIENT, ask.b + 2, ask.len - 2);
	ask.len = 0;
	put_message(&ask, "two", 1, false);
	see_datagram(s, &dns, FROM_CLIENT, ask.b + 2, ask.len - 2);
	put_message(&tell, "two", 1, true);
	see_datagram(s, &dns, FROM_SERVER, tell.b + 2, tell.len - 2);
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"two.example\"", "\"192.0.2.77\"", 1);
	assert_lines(s, "\"one.example\"", "\"unanswered\"", 1);
	assert_lines(s, "\"type\":\"dns\"", NULL, 2);
	end_watch(s);
}

static void a_question_without_an_answer_is_told(void **state)
{
	static struct bytes ask;
	struct scene *s = scene_create(open_to_all);

	(void)state;
	s->cfg.dns_events = true;
	scene_start(s);
	put_message(&ask, "lost", 7, false);
	(void)send_datagram(s, &dns, FROM_CLIENT, ask.b + 2, ask.len - 2);
	assert_lines(s, "\"type\":\"dns\"", NULL, 0);
	s->now_us += 1000 * SECOND;
	worker_tick(s->w, s->now_us);
	assert_lines(s, "\"response_code\":\"unanswered\"", "\"lost.example\"", 1);
	assert_true(scene_end(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_later_request_for_a_denied_host_is_dropped),
		cmocka_unit_test(
			a_pipelined_request_for_a_denied_host_takes_the_first_along),
		cmocka_unit_test(a_later_request_waits_until_it_is_whole),
		cmocka_unit_test(behind_a_request_that_closes_both_hosts_are_candidates),
		cmocka_unit_test(pieces_of_a_denied_request_never_pass),
		cmocka_unit_test(half_a_request_is_not_held_for_ever),
		cmocka_unit_test(where_waiting_may_pass_it_is_judged_when_it_is_whole),
		cmocka_unit_test(a_wait_that_is_over_keeps_no_room),
		cmocka_unit_test(bodies_are_skipped_by_their_length),
		cmocka_unit_test(chunks_are_skipped_however_they_are_cut),
		cmocka_unit_test(where_servers_differ_the_step_is_lost),
		cmocka_unit_test(
			other_bytes_in_the_place_of_a_judged_request_are_dropped),
		cmocka_unit_test(what_no_server_takes_is_dropped),
		cmocka_unit_test(behind_connect_the_hello_decides),
		cmocka_unit_test(a_second_hello_in_a_later_tunnel_is_judged),
		cmocka_unit_test(the_connect_in_front_of_a_judged_hello_stays_guarded),
		cmocka_unit_test(after_an_upgrade_nothing_is_read),
		cmocka_unit_test(every_connect_behind_another_is_judged),
		cmocka_unit_test(requests_behind_refused_tunnels_are_followed),
		cmocka_unit_test(behind_a_refused_tunnel_there_is_http_alone),
		cmocka_unit_test(empty_lines_in_front_hide_no_request),
		cmocka_unit_test(behind_a_first_refused_tunnel_nothing_passes_unread),
		cmocka_unit_test(a_request_behind_a_first_refused_tunnel_is_judged),
		cmocka_unit_test(a_connect_in_front_of_another_is_judged),
		cmocka_unit_test(in_a_tunnel_any_protocol_may_stand),
		cmocka_unit_test(another_answer_opens_no_tunnel),
		cmocka_unit_test(socks_in_a_tunnel_is_judged),
		cmocka_unit_test(other_sizes_in_the_place_of_a_read_one_are_dropped),
		cmocka_unit_test(every_byte_around_chunks_is_guarded),
		cmocka_unit_test(forgotten_frames_are_not_taken_for_known),
		cmocka_unit_test(a_large_frame_ends_a_header),
		cmocka_unit_test(a_denial_stands_when_the_time_is_over),
		cmocka_unit_test(a_later_header_that_is_too_long_is_judged_as_that),
		cmocka_unit_test(in_monitor_requests_pass_and_are_told),
		cmocka_unit_test(every_message_of_dns_over_tcp_is_read),
		cmocka_unit_test(all_questions_at_once_are_told),
		cmocka_unit_test(of_many_questions_none_is_lost),
		cmocka_unit_test(questions_of_one_id_are_told_apart),
		cmocka_unit_test(a_question_without_an_answer_is_told),
	};

	return cmocka_run_group_tests(tests, prepare, tidy);
}
