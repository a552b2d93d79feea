/* SPDX-License-Identifier: Apache-2.0 */
/* Requests behind the first of a connection, as who only watches sees them. */
#include "requests.h"

#include "flow/head.h"

static void a_request_counts_when_the_server_has_taken_it(void **state)
{
	struct scene *s = watch();

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, GOOD, LEN(GOOD));
	see_server(s, &web, 0, LEN(GOOD), "HTTP/1.1 200 OK\r\n\r\n", 19);
	see_client(s, &web, LEN(GOOD), EVIL, LEN(EVIL));
	assert_lines(s, EVIL_UPDATE, 0);
	see_server(s, &web, 19, LEN(GOOD) + LEN(EVIL), NULL, 0);
	assert_lines(s, EVIL_UPDATE, 1);
	end_watch(s);
}

/* RFC 9112 9.3, 9.6. */
static void what_stands_behind_a_request_that_closes_is_ignored(void **state)
{
	static const char last[] =
		"GET / HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\n\r\n";
	static const char old[] = "POST / HTTP/1.0\r\nHost: good.example\r\n"
				  "Content-Length: 2\r\n\r\nab\r\n";
	struct scene *s = watch();

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, GOOD, LEN(GOOD));
	see_server(s, &web, 0, LEN(GOOD), "x", 1);
	see_client(s, &web, LEN(GOOD), last, LEN(last));
	see_client(s, &web, LEN(GOOD) + LEN(last), EVIL, LEN(EVIL));
	see_server(s, &web, 1, LEN(GOOD) + LEN(last) + LEN(EVIL), "x", 1);
	worker_finish(s->w, s->now_us);
	assert_lines(s, "evil.example", NULL, 0);
	assert_lines(s, "\"phase\":\"end\"", "decoy_ignored", 1);
	end_watch(s);
	s = watch();
	see_open(s, &web);
	see_client(s, &web, 0, old, LEN(old));
	see_server(s, &web, 0, LEN(old), "x", 1);
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"phase\":\"end\"", "\"host\":\"good.example\"", 1);
	assert_lines(s, "decoy_ignored", NULL, 0);
	end_watch(s);
}

static void pipelined_requests_are_told_one_by_one(void **state)
{
	struct scene *s = watch();

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, GOOD EVIL GOOD, 2 * LEN(GOOD) + LEN(EVIL));
	see_server(s, &web, 0, 2 * LEN(GOOD) + LEN(EVIL), "x", 1);
	assert_lines(s, EVIL_UPDATE, 1);
	see_server(s, &web, 1, 2 * LEN(GOOD) + LEN(EVIL), "x", 1);
	assert_lines(s, "\"phase\":\"update\"", "\"host\":\"good.example\"", 1);
	end_watch(s);
}

static void two_contents_of_a_later_request_are_a_conflict(void **state)
{
	struct scene *s = watch();

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, GOOD, LEN(GOOD));
	see_server(s, &web, 0, LEN(GOOD), "x", 1);
	see_client(s, &web, LEN(GOOD), GOOD, LEN(GOOD));
	see_client(s, &web, LEN(GOOD), EVIL, LEN(EVIL));
	see_server(s, &web, 1, 2 * LEN(GOOD), "x", 1);
	assert_lines(s, "\"undecidable\":\"conflict\"",
		     "\"candidates\":[\"good.example\",\"evil.example\"]", 1);
	assert_lines(s, EVIL_UPDATE, 0);
	end_watch(s);
}

static void two_framings_of_a_body_are_a_conflict(void **state)
{
	(void)state;
	for (int taken = 0; taken < 2; taken++) {
		struct scene *s = watch();
		const uint32_t at = LEN(GOOD) + LEN(CHUNKED);

		see_open(s, &web);
		see_client(s, &web, 0, GOOD, LEN(GOOD));
		see_server(s, &web, 0, LEN(GOOD), "x", 1);
		see_client(s, &web, LEN(GOOD), CHUNKED, LEN(CHUNKED));
		see_client(s, &web, at, BIG, LEN(BIG));
		if (taken)
			see_server(s, &web, 1, at + LEN(BIG), "x", 1);
		see_client(s, &web, at, BIG "x", LEN(BIG) + 1); /* again */
		see_client(s, &web, at, STOP EVIL, LEN(STOP) + LEN(EVIL));
		see_server(s, &web, 1 + (uint32_t)taken, at + LEN(STOP) + LEN(EVIL), NULL,
			   0);
		assert_lines(s, "\"undecidable\":\"conflict\"",
			     "\"candidates\":[\"good.example\",\"evil.example\"]",
			     taken ? 0 : 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, EVIL_UPDATE, 0);
		end_watch(s);
	}
}

/* The request behind the body that was read first is one candidate, not a fact. */
static void a_request_behind_a_contested_body_is_a_candidate(void **state)
{
	struct scene *s = watch();
	const uint32_t at = LEN(CHUNKED);

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, CHUNKED, LEN(CHUNKED));
	see_server(s, &web, 0, LEN(CHUNKED), "x", 1);
	see_client(s, &web, at, STOP GET("third.example"),
		   LEN(STOP) + LEN(GET("third.example")));
	see_client(s, &web, at, "1\r\na\r\n" STOP EVIL, 6 + LEN(STOP) + LEN(EVIL));
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"phase\":\"update\"",
		     "\"candidates\":[\"third.example\",\"evil.example\"]", 1);
	assert_lines(s, "\"host\":\"third.example\"", NULL, 0);
	end_watch(s);
}

/* A connection with one request that the server has answered. */
static struct scene *seen(void)
{
	struct scene *s = watch();

	see_open(s, &web);
	see_client(s, &web, 0, GOOD, LEN(GOOD));
	see_server(s, &web, 0, LEN(GOOD), "x", 1);
	return s;
}

#define BOTH   "\"candidates\":[\"good.example\",\"evil.example\"]"
#define UPDATE "\"phase\":\"update\""

/* Two contents for the first `n` bytes of a request, then the rest of the one or the other. */
static void half_a_request_twice_is_a_conflict_of_both(void **state)
{
	const char *const one = GOOD, *const two = EVIL;
	const uint32_t at = LEN(GOOD);

	(void)state;
	for (uint32_t n = 23; n < LEN(GOOD) - 1; n++)
		for (int cut = 0; cut < 2; cut++) {
			struct scene *s = seen();

			see_client(s, &web, at, one, n);
			see_client(s, &web, at, two, n);
			if (cut) /* the rest, in two segments */
				see_client(s, &web, at + n, two + n, 1);
			see_client(s, &web, at + n + (uint32_t)cut,
				   &two[n + (uint32_t)cut],
				   LEN(EVIL) - n - (uint32_t)cut);
			see_server(s, &web, 1, at + LEN(EVIL), NULL, 0);
			assert_lines(s, UPDATE, BOTH, n < 26 ? 0 : 1);
			worker_finish(s->w, s->now_us);
			assert_lines(s, UPDATE, "\"undecidable\":\"conflict\"", 1);
			assert_lines(s, EVIL_UPDATE, 0);
			end_watch(s);
		}
}

/* What the server has acknowledged is no longer to be replaced. */
static void half_a_request_that_was_taken_stays(void **state)
{
	const char *const one = GOOD, *const two = EVIL;
	const uint32_t at = LEN(GOOD);
	struct scene *s = seen();

	(void)state;
	see_client(s, &web, at, two, 30);
	see_server(s, &web, 1, at + 30, NULL, 0);
	see_client(s, &web, at, one, 30);
	see_client(s, &web, at + 30, two + 30, LEN(EVIL) - 30);
	see_server(s, &web, 1, at + LEN(EVIL), "x", 1);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_lines(s, "\"conflict\"", NULL, 0);
	end_watch(s);
}

/* The second content ends later than the first, with the next segments, or never. */
static void a_longer_header_in_the_place_of_another_is_read(void **state)
{
#define LONG "GET / HTTP/1.1\r\nA: 0123456789\r\nHost: evil.example\r\n\r\n"
	const char *const two = LONG;
	const uint32_t at = LEN(GOOD);

	(void)state;
	for (uint32_t n = LEN(GOOD) / 2; n < LEN(LONG); n += 3)
		for (int ends = 0; ends < 2; ends++) {
			struct scene *s = seen();

			see_client(s, &web, at, GOOD, LEN(GOOD));
			see_client(s, &web, at, two, n);
			if (ends)
				see_client(s, &web, at + n, two + n, LEN(LONG) - n);
			see_server(s, &web, 1, at + (ends ? LEN(LONG) : n), "x", 1);
			worker_finish(s->w, s->now_us);
			assert_lines(s, UPDATE, "\"undecidable\":\"conflict\"", 1);
			assert_lines(s, UPDATE, BOTH, ends ? 1 : 0);
			end_watch(s);
		}
#undef LONG
}

/* Behind another framing of a body its request may come much later. */
static void a_request_behind_another_framing_is_awaited(void **state)
{
	const uint32_t at = LEN(GOOD) + LEN(CHUNKED);
	static char body[9000];

	(void)state;
	for (int large = 0; large < 2; large++) {
		const char *const size = large ? "8000\r\n" : "9\r\n";
		const uint32_t len = large ? 0x8000 : 9;
		uint32_t next = at + (uint32_t)strlen(size);
		struct scene *s = seen();

		see_client(s, &web, LEN(GOOD), CHUNKED, LEN(CHUNKED));
		see_client(s, &web, at, "7777\r\n", 6);
		see_client(s, &web, at, size, strlen(size));
		for (uint32_t n; next < at + strlen(size) + len; next += n) {
			n = at + (uint32_t)strlen(size) + len - next;
			n = n < sizeof(body) ? n : (uint32_t)sizeof(body);
			see_client(s, &web, next, body, n);
		}
		assert_lines(s, UPDATE, NULL, 0);
		see_client(s, &web, next, "\r\n" STOP EVIL, 2 + LEN(STOP) + LEN(EVIL));
		see_server(s, &web, 1, next + 2 + LEN(STOP) + LEN(EVIL), NULL, 0);
		assert_lines(s, UPDATE, BOTH, 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, EVIL_UPDATE, 0);
		end_watch(s);
	}
}

/* A request is told although what stands in its body cannot be read. */
static void a_request_in_front_of_what_is_lost_is_told(void **state)
{
#define BAD \
	"POST / HTTP/1.1\r\nHost: evil.example\r\nTransfer-Encoding: chunked\r\n\r\nxyz"
	struct scene *s = seen();

	(void)state;
	see_client(s, &web, LEN(GOOD), BAD, LEN(BAD));
	see_server(s, &web, 1, LEN(GOOD) + LEN(BAD), "x", 1);
	assert_lines(s, EVIL_UPDATE, 1);
	assert_lines(s, UPDATE, DESYNC, 1);
	end_watch(s);
#undef BAD
}

/* ---- watched, behind a later CONNECT ---- */

#define MADE "HTTP/1.1 200 OK\r\n\r\n"

/* In one segment or two; the server takes all, with its answer. */
static struct scene *see_tunnel(const char *tunnel, const struct bytes *hello, bool cut,
				bool taken)
{
	static struct bytes both;
	struct scene *s = seen();
	const uint32_t at = LEN(GOOD), n = (uint32_t)strlen(tunnel);

	both.len = 0;
	put_mem(&both, tunnel, n);
	put_mem(&both, hello->b, hello->len);
	see_client(s, &web, at, both.b, cut ? n : both.len);
	if (cut) {
		see_server(s, &web, 1, at + n, MADE, LEN(MADE));
		see_client(s, &web, at + n, both.b + n, both.len - n);
	}
	if (taken)
		see_server(s, &web, cut ? 1 + LEN(MADE) : 1, at + (uint32_t)both.len,
			   cut ? "x" : MADE, cut ? 1 : LEN(MADE));
	worker_finish(s->w, s->now_us);
	return s;
}

static void a_later_tunnel_is_compared_with_its_hello(void **state)
{
	(void)state;
	for (int cut = 0; cut < 2; cut++)
		for (int taken = 0; taken < 2; taken++) {
			struct scene *s = see_tunnel(EVIL_TUNNEL, &evil, cut, taken);

			assert_lines(s, EVIL_UPDATE, 2);
			assert_lines(s, "\"conflict\"", NULL, 0);
			end_watch(s);
			s = see_tunnel(EVIL_TUNNEL, &good, cut, taken);
			assert_lines(s, UPDATE, "\"evidence\":\"connect\"", 1);
			assert_lines(s, UPDATE,
				     "\"candidates\":[\"evil.example\",\"good.example\"]",
				     1);
			assert_lines(s, UPDATE, "\"host\":\"good.example\"", 0);
			end_watch(s);
		}
}

/* Who never said anything is not judged: a refused connection. */
static void a_handshake_alone_is_not_judged(void **state)
{
	struct scene *s = watch();

	(void)state;
	see(s, &web,
	    (struct segment){FROM_CLIENT, TCP_SYN, CLIENT_FIRST - 1, 0, NULL, 0});
	see(s, &web,
	    (struct segment){FROM_SERVER, TCP_RST | TCP_ACK, 0, CLIENT_FIRST, NULL, 0});
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"phase\":\"start\"", NULL, 0);
	assert_lines(s, "\"phase\":\"end\"", NULL, 1);
	end_watch(s);
}

static void a_second_hello_in_a_later_tunnel_is_compared(void **state)
{
	static const char answer[] = MADE RETRY;
	static struct bytes both;

	(void)state;
	both.len = 0;
	put_mem(&both, TUNNEL, LEN(TUNNEL));
	put_mem(&both, good.b, good.len);
	for (uint32_t cut = 0; cut < sizeof(answer) - 1; cut++)
		for (int bad = 0; bad < 2; bad++) {
			const struct bytes *second = bad ? &evil : &good;
			const uint32_t at = LEN(GOOD) + (uint32_t)both.len;
			struct scene *s = seen();

			see_client(s, &web, LEN(GOOD), both.b, both.len);
			if (cut > 0)
				see_server(s, &web, 1, at, answer, cut);
			see_server(s, &web, 1 + cut, at, answer + cut,
				   sizeof(answer) - 1 - cut);
			see_client(s, &web, at, second->b, second->len);
			see_server(s, &web, sizeof(answer), at + (uint32_t)second->len,
				   "x", 1);
			assert_lines(s, UPDATE, BOTH, bad ? 1 : 0);
			assert_lines(s, "\"phase\":\"update\"",
				     "\"undecidable\":\"malformed_hello\"", bad ? 1 : 0);
			end_watch(s);
		}
}

/* Two hellos in one place: which of them the server took nobody knows who only watches. */
static void two_hellos_in_a_later_tunnel_are_a_conflict(void **state)
{
	const uint32_t at = LEN(GOOD) + LEN(TUNNEL);
	const uint8_t *const name = memmem(good.b, good.len, "good", 4);

	(void)state;
	for (size_t n = good.len; n > 100; n -= 7) {
		struct scene *s;

		/* A cut through the name makes more names than two copies hold. */
		if (good.b + n > name && good.b + n < name + 4)
			continue;
		s = seen();

		see_client(s, &web, LEN(GOOD), TUNNEL, LEN(TUNNEL));
		see_server(s, &web, 1, at, MADE, LEN(MADE));
		see_client(s, &web, at, good.b, n);
		see_client(s, &web, at, evil.b, evil.len);
		if (n < good.len)
			see_client(s, &web, at + (uint32_t)n, good.b + n, good.len - n);
		see_server(s, &web, 1 + LEN(MADE), at + (uint32_t)good.len, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, UPDATE, "\"undecidable\":\"conflict\"", 1);
		assert_int_equal(
			scene_lines(s, UPDATE, BOTH) +
				scene_lines(s, UPDATE,
					    "[\"evil.example\",\"good.example\"]"),
			1);
		end_watch(s);
	}
}

#define START "\"phase\":\"start\""

/* Which of them was refused, and who stands behind whom, is not looked at: one of all. */
static void several_connects_at_once_are_a_conflict_of_all(void **state)
{
	static const char third[] = "CONNECT third.example:443 HTTP/1.1\r\n\r\n";
	static struct bytes all;

	(void)state;
	all.len = 0;
	put_mem(&all, EVIL_TUNNEL, LEN(EVIL_TUNNEL));
	put_mem(&all, third, LEN(third));
	put_mem(&all, TUNNEL, LEN(TUNNEL));
	put_mem(&all, good.b, good.len);
	for (size_t step = 10; step <= all.len; step += step < 300 ? 17 : 1)
		for (int hello = 0; hello < 2; hello++) {
			const size_t len = hello ? all.len : all.len - good.len;
			struct scene *s = watch();

			see_open(s, &web);
			for (size_t at = 0; at < len; at += step)
				see_client(s, &web, (uint32_t)at, all.b + at,
					   len - at < step ? len - at : step);
			see_server(s, &web, 0, (uint32_t)len, "x", 1);
			worker_finish(s->w, s->now_us);
			assert_lines(s, START,
				     "\"candidates\":[\"evil.example\",\"third.example\","
				     "\"good.example\"]",
				     1);
			assert_lines(s, START, "\"undecidable\":\"conflict\"", 1);
			end_watch(s);
		}
}

/* Bytes that no reader knows stand in a tunnel, or are what a proxy that said no reads next. */
static void unknown_bytes_belong_to_a_tunnel_if_it_was_made(void **state)
{
	static const char junk[] = "\x01\x02 no request\r\n\r\n";
	const uint32_t at = LEN(TUNNEL), end = at + LEN(junk);

	(void)state;
	for (int made = 0; made < 2; made++)
		for (int how = 0; how < 3; how++) {
			const char *const answer = made ? MADE : NO_TUNNEL;
			const uint32_t n = (uint32_t)strlen(answer);
			struct scene *s = watch();

			see_open(s, &web);
			if (how == 0) { /* at once */
				see_client(s, &web, 0,
					   TUNNEL "\x01\x02 no request\r\n\r\n", end);
				see_server(s, &web, 0, end, NULL, 0);
			} else {
				see_client(s, &web, 0, TUNNEL, at);
			}
			if (how == 2) /* before the answer */
				see_client(s, &web, at, junk, LEN(junk));
			see_server(s, &web, 0, how == 1 ? at : end, answer, n);
			if (how == 1) {
				see_client(s, &web, at, junk, LEN(junk));
				see_server(s, &web, n, end, NULL, 0);
				see_server(s, &web, n, end, "x", 1);
			}
			worker_finish(s->w, s->now_us);
			assert_lines(s, START, "\"host\":\"good.example\"", 1);
			assert_lines(s, UPDATE, DESYNC, made ? 0 : 1);
			end_watch(s);
		}
}

/* All requests of a tunnel go where the proxy went, and a server there may go by their hosts. */
static void later_requests_in_a_first_tunnel_are_compared_with_it(void **state)
{
	const uint32_t at = LEN(TUNNEL), second = at + LEN(GOOD), n = LEN(MADE);

	(void)state;
	for (int watched = 0; watched < 2; watched++) {
		struct scene *s = watched ? watch() : start(open_to_all);

		if (watched) {
			see_open(s, &web);
			see_client(s, &web, 0, TUNNEL, at);
			see_server(s, &web, 0, at, MADE, n);
			see_client(s, &web, at, GOOD, LEN(GOOD));
			see_server(s, &web, n, second, "x", 1);
			see_client(s, &web, second, EVIL, LEN(EVIL));
			see_server(s, &web, n + 1, second + LEN(EVIL), "x", 1);
			see_client(s, &web, second + LEN(EVIL), GOOD, LEN(GOOD));
			see_server(s, &web, n + 2, second + LEN(EVIL) + LEN(GOOD), "x",
				   1);
		} else {
			(void)open_tcp(s, &web);
			(void)send_data(s, &web, 0, TUNNEL, at);
			(void)send_reply(s, &web, 0, at, MADE);
			(void)send_data(s, &web, at, GOOD, LEN(GOOD));
			(void)send_reply(s, &web, n, second, "x");
			(void)send_data(s, &web, second, EVIL, LEN(EVIL));
			(void)send_reply(s, &web, n + 1, second + LEN(EVIL), "x");
			(void)send_data(s, &web, second + LEN(EVIL), GOOD, LEN(GOOD));
		}
		assert_lines(s, UPDATE,
			     "\"candidates\":[\"good.example\",\"evil.example\"]", 1);
		assert_lines(s, "\"undecidable\":\"conflict\"", "host_mismatch", 1);
		assert_lines(s, "\"host\":\"evil.example\"", NULL, 0);
		if (watched)
			end_watch(s);
		else
			assert_true(scene_end(s));
	}
}

/* A refused CONNECT is a request as another: the next one on the connection says whom it is for. */
static void behind_a_first_refused_tunnel_requests_are_judged(void **state)
{
	static const char front[] = "PROXY TCP4 10.1.2.3 192.0.2.8 40080 80\r\n";

	(void)state;
	for (int how = 0; how < 3; how++)
		for (int fronted = 0; fronted < 2; fronted++) {
			const uint32_t from = fronted ? LEN(front) : 0;
			const uint32_t at = from + LEN(TUNNEL), end = at + LEN(EVIL);
			struct scene *s = watch();

			see_open(s, &web);
			see_client(s, &web, 0, front, from);
			if (how == 0) { /* at once */
				see_client(s, &web, from, TUNNEL EVIL,
					   LEN(TUNNEL) + LEN(EVIL));
			} else {
				see_client(s, &web, from, TUNNEL, LEN(TUNNEL));
				if (how == 1) /* before the answer */
					see_client(s, &web, at, EVIL, LEN(EVIL));
			}
			see_server(s, &web, 0, how == 2 ? at : end, NO_TUNNEL,
				   LEN(NO_TUNNEL));
			assert_lines(s, START, "\"host\":\"good.example\"", 1);
			if (how == 2)
				see_client(s, &web, at, EVIL, LEN(EVIL));
			see_server(s, &web, LEN(NO_TUNNEL), end, NULL, 0);
			assert_lines(s, EVIL_UPDATE, 1);
			worker_finish(s->w, s->now_us);
			assert_lines(s, "\"phase\":\"end\"", "\"host\":\"evil.example\"",
				     1);
			assert_lines(s, "\"undecidable\":", NULL, 0);
			end_watch(s);
		}
}

/* However the answer is cut, and with another in front that tells nothing (RFC 9110 15.2). */
static void an_answer_in_pieces_is_one(void **state)
{
	static const char no[] = "HTTP/1.1 100 Continue\r\n\r\n" NO_TUNNEL;
	static const char yes[] = "HTTP/1.1 100 Continue\r\n\r\n" MADE;

	(void)state;
	for (int made = 0; made < 2; made++)
		for (uint32_t cut = 0; cut < (made ? LEN(yes) : LEN(no)); cut++) {
			const char *const answer = made ? yes : no;
			const uint32_t n = made ? LEN(yes) : LEN(no), at = LEN(TUNNEL);
			const char *const next = made ? "\x01\x02 unknown" : EVIL;
			const uint32_t end = at + (uint32_t)strlen(next);
			struct scene *s = watch();

			see_open(s, &web);
			see_client(s, &web, 0, TUNNEL, at);
			see_server(s, &web, 0, at, answer, cut);
			see_server(s, &web, cut, at, answer + cut, n - cut);
			see_client(s, &web, at, next, end - at);
			see_server(s, &web, n, end, "x", 1);
			worker_finish(s->w, s->now_us);
			assert_lines(s, START, "\"host\":\"good.example\"", 1);
			assert_lines(s, EVIL_UPDATE, made ? 0 : 1);
			assert_lines(s, "\"undecidable\":", NULL, 0);
			end_watch(s);
		}
}

/* With rights the proxy says yes: what stands in the tunnel is judged as ever. */
static void a_tunnel_behind_a_refused_one_is_compared(void **state)
{
	(void)state;
	for (int bad = 0; bad < 2; bad++) {
		const uint32_t second = LEN(TUNNEL), hello = 2 * LEN(TUNNEL);
		const struct bytes *const h = bad ? &evil : &good;
		struct scene *s = watch();

		see_open(s, &web);
		see_client(s, &web, 0, TUNNEL, LEN(TUNNEL));
		see_server(s, &web, 0, second, NO_TUNNEL, LEN(NO_TUNNEL));
		see_client(s, &web, second, TUNNEL, LEN(TUNNEL));
		see_server(s, &web, LEN(NO_TUNNEL), hello, MADE, LEN(MADE));
		see_client(s, &web, hello, h->b, h->len);
		see_server(s, &web, LEN(NO_TUNNEL) + LEN(MADE), hello + (uint32_t)h->len,
			   "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, START, "\"host\":\"good.example\"", 1);
		assert_lines(s, UPDATE,
			     bad ? "\"candidates\":[\"good.example\",\"evil.example\"]"
				 : "\"ja4\":",
			     1);
		assert_lines(s, "\"undecidable\":", UPDATE, bad ? 1 : 0);
		end_watch(s);
	}
}

static void out_of_order_and_at_the_end_requests_are_read(void **state)
{
	struct scene *s = watch();

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, GOOD, LEN(GOOD));
	see_server(s, &web, 0, LEN(GOOD), "x", 1);
	see_client(s, &web, LEN(GOOD) + 20, &(EVIL)[20], LEN(EVIL) - 20);
	see_client(s, &web, LEN(GOOD), EVIL, 20);
	assert_lines(s, EVIL_UPDATE, 0);
	worker_finish(s->w, s->now_us);
	assert_lines(s, EVIL_UPDATE, 1);
	end_watch(s);
}

/* A request that the capture lacks, near enough to be awaited; what stands behind it comes or not. */
static void what_the_server_has_taken_unseen_is_a_loss_of_step(void **state)
{
	(void)state;
	for (int more = 0; more < 3; more++) {
		struct scene *s = watch();
		const uint32_t at = LEN(GOOD) + LEN(EVIL);

		see_open(s, &web);
		see_client(s, &web, 0, GOOD, LEN(GOOD));
		see_server(s, &web, 0, LEN(GOOD), "x", 1);
		if (more == 1)
			see_client(s, &web, at, GOOD, LEN(GOOD));
		assert_lines(s, DESYNC, NULL, 0);
		see_server(s, &web, 1, at, "x", 1);
		assert_lines(s, "\"phase\":\"update\"", DESYNC, 1);
		if (more == 2)
			see_client(s, &web, at, EVIL, LEN(EVIL));
		worker_finish(s->w, s->now_us);
		assert_lines(s, EVIL_UPDATE, 0);
		end_watch(s);
	}
}

/* Of a body nothing is missed, and an end is no byte. */
static void what_is_missing_of_a_body_is_not_missed(void **state)
{
	struct scene *s = watch();

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, POST_OF("1000"), LEN(POST_OF("1000")));
	see_server(s, &web, 0, LEN(POST_OF("1000")), "x", 1);
	see_server(s, &web, 1, LEN(POST_OF("1000")) + 1000, "x", 1);
	see_client(s, &web, LEN(POST_OF("1000")) + 1000, GOOD, LEN(GOOD));
	see(s, &web,
	    (struct segment){FROM_CLIENT, TCP_ACK | TCP_FIN,
			     CLIENT_FIRST + LEN(POST_OF("1000")) + 1000 + LEN(GOOD),
			     SERVER_FIRST + 2, NULL, 0});
	see_server(s, &web, 2, LEN(POST_OF("1000")) + 1000 + LEN(GOOD) + 1, "x", 1);
	worker_finish(s->w, s->now_us);
	assert_lines(s, DESYNC, NULL, 0);
	end_watch(s);
}

/* What the server has not acknowledged may be nothing, and is not missed. */
static void a_hole_in_the_capture_is_no_request(void **state)
{
	static const char far[] = "x";

	(void)state;
	for (int taken = 0; taken < 2; taken++) {
		struct scene *s = watch();

		see_open(s, &web);
		see_client(s, &web, 0, GOOD, LEN(GOOD));
		see_server(s, &web, 0, LEN(GOOD) + (taken ? HEAD_MAX : 0), "x", 1);
		see_client(s, &web, LEN(GOOD) + HEAD_MAX, far, 1);
		assert_lines(s, "\"phase\":\"update\"", DESYNC, taken ? 1 : 0);
		if (!taken) {
			see_client(s, &web, LEN(GOOD), EVIL, LEN(EVIL));
			see_server(s, &web, 1, LEN(GOOD) + LEN(EVIL), "x", 1);
			assert_lines(s, EVIL_UPDATE, 1);
		}
		end_watch(s);
	}
}

static void a_request_beyond_the_window_is_not_taken(void **state)
{
	struct scene *s = watch();
	const struct segment g = {
		FROM_SERVER, TCP_ACK, SERVER_FIRST, CLIENT_FIRST + LEN(GOOD), "x", 1};
	const char *const other = EVIL;

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, GOOD, LEN(GOOD));
	see(s, &web, g);
	/* The window that see() writes reaches further than these heads do: lie beyond it. */
	see_client(s, &web, LEN(GOOD) + 64241, other, LEN(EVIL));
	see_client(s, &web, LEN(GOOD), GOOD, LEN(GOOD));
	see_server(s, &web, 1, 2 * LEN(GOOD), "x", 1);
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"phase\":\"end\"", "\"decoy_ignored\"", 1);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	end_watch(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_counts_when_the_server_has_taken_it),
		cmocka_unit_test(what_stands_behind_a_request_that_closes_is_ignored),
		cmocka_unit_test(pipelined_requests_are_told_one_by_one),
		cmocka_unit_test(two_contents_of_a_later_request_are_a_conflict),
		cmocka_unit_test(two_framings_of_a_body_are_a_conflict),
		cmocka_unit_test(a_request_behind_a_contested_body_is_a_candidate),
		cmocka_unit_test(half_a_request_twice_is_a_conflict_of_both),
		cmocka_unit_test(half_a_request_that_was_taken_stays),
		cmocka_unit_test(a_longer_header_in_the_place_of_another_is_read),
		cmocka_unit_test(a_request_behind_another_framing_is_awaited),
		cmocka_unit_test(a_request_in_front_of_what_is_lost_is_told),
		cmocka_unit_test(a_later_tunnel_is_compared_with_its_hello),
		cmocka_unit_test(a_handshake_alone_is_not_judged),
		cmocka_unit_test(a_second_hello_in_a_later_tunnel_is_compared),
		cmocka_unit_test(two_hellos_in_a_later_tunnel_are_a_conflict),
		cmocka_unit_test(several_connects_at_once_are_a_conflict_of_all),
		cmocka_unit_test(unknown_bytes_belong_to_a_tunnel_if_it_was_made),
		cmocka_unit_test(later_requests_in_a_first_tunnel_are_compared_with_it),
		cmocka_unit_test(behind_a_first_refused_tunnel_requests_are_judged),
		cmocka_unit_test(an_answer_in_pieces_is_one),
		cmocka_unit_test(a_tunnel_behind_a_refused_one_is_compared),
		cmocka_unit_test(out_of_order_and_at_the_end_requests_are_read),
		cmocka_unit_test(what_the_server_has_taken_unseen_is_a_loss_of_step),
		cmocka_unit_test(what_is_missing_of_a_body_is_not_missed),
		cmocka_unit_test(a_hole_in_the_capture_is_no_request),
		cmocka_unit_test(a_request_beyond_the_window_is_not_taken),
	};

	return cmocka_run_group_tests(tests, prepare, tidy);
}
