/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on behind its end for us is no beginning: nothing in it is told for certain. */
#include "engine/rest.h"

#include "flow/head.h"

#include "requests.h"
#include "watch.h"

#define START     "\"phase\":\"start\""
#define MIDSTREAM "\"undecidable\":\"midstream\""
#define PAUSE     (301 * SECOND)

static const char front[] =
	"POST / HTTP/1.1\r\nHost: good.example\r\nContent-Length: 90\r\n\r\n";
static const char request[] = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static void they_are_known_by_their_key(void **state)
{
	struct rests *r = rests_create(100, 7);
	struct flow_key k[3];

	(void)state;
	assert_non_null(r);
	memset(k, 0, sizeof(k));
	for (uint16_t i = 0; i < 3; i++)
		k[i].low_port = i;
	rests_note(r, &k[0], 500, true);
	rests_note(r, &k[1], 500, false);
	assert_true(rests_has(r, &k[0]) && rests_has(r, &k[1]));
	assert_false(rests_has(r, &k[2]) || rests_is_amid(r, &k[2], 500));
	assert_false(rests_is_amid(r, &k[0], 500));
	assert_true(rests_is_amid(r, &k[0], 499));
	assert_true(rests_is_amid(r, &k[1], 500));
	rests_forget(r, &k[2]);
	rests_forget(r, &k[1]);
	assert_true(rests_has(r, &k[0]));
	assert_false(rests_has(r, &k[1]));
	for (uint16_t i = 3; i < 5000; i++) { /* newer ones take the places */
		k[2].low_port = i;
		rests_note(r, &k[2], 0, false);
	}
	assert_false(rests_has(r, &k[0]));
	rests_destroy(r);
	rests_destroy(NULL);
}

/* Time, or a reset that does not come to the server. */
static void pause_after(struct scene *s, const struct ends *e, uint32_t said, bool reset)
{
	if (reset)
		see(s, e,
		    (struct segment){FROM_CLIENT, TCP_RST, CLIENT_FIRST + said, 0, NULL,
				     0});
	s->now_us += reset ? 11 * SECOND : PAUSE;
}

static void assert_only_candidate(struct scene *s)
{
	worker_finish(s->w, s->now_us);
	assert_lines(s, START, MIDSTREAM, 1);
	assert_lines(s, MIDSTREAM, "\"candidates\":[\"evil.example\"]", 2);
	assert_lines(s, "\"host\":\"evil.example\"", NULL, 0);
	end_watch(s);
}

static void what_goes_on_amid_a_hello_is_none(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		const uint32_t half = (uint32_t)good.len / 2;
		struct scene *s = watch();

		see_open(s, &v4);
		see_client(s, &v4, 0, good.b, half);
		see_server(s, &v4, 0, half, NULL, 0);
		pause_after(s, &v4, half, reset != 0);
		see_client(s, &v4, half, evil.b, evil.len);
		see_server(s, &v4, 0, half + (uint32_t)evil.len, "x", 1);
		assert_only_candidate(s);
	}
}

static void what_goes_on_amid_a_body_is_no_request(void **state)
{
	(void)state;
	for (int twice = 0; twice < 2; twice++) {
		uint32_t said = sizeof(front) - 1 + 20;
		struct scene *s = watch();

		see_open(s, &web);
		see_client(s, &web, 0, front, sizeof(front) - 1);
		see_client(s, &web, sizeof(front) - 1, answer, 20);
		see_server(s, &web, 0, said, NULL, 0);
		s->now_us += PAUSE;
		for (int i = 0; i < twice;
		     i++) { /* the server alone says something amid */
			see_server(s, &web, 0, said, NULL, 0);
			s->now_us += PAUSE;
		}
		see_client(s, &web, said, request, sizeof(request) - 1);
		see_server(s, &web, 0, said + sizeof(request) - 1, answer,
			   sizeof(answer) - 1);
		assert_only_candidate(s);
	}
}

/* Where the client is between two requests, or has said nothing yet, it begins one. */
static void what_goes_on_between_two_requests_is_one(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++)
		for (int reset = 0; reset < 2; reset++) {
			const uint32_t len = sizeof(request) - 1;
			const uint32_t said = first ? 0 : len;
			struct scene *s = watch();

			see_open(s, &web);
			if (!first) {
				see_client(s, &web, 0, request, len);
				see_server(s, &web, 0, said, answer, sizeof(answer) - 1);
			}
			pause_after(s, &web, said, reset != 0);
			see_client(s, &web, said, request, len);
			see_server(s, &web, 99, said + len, answer, sizeof(answer) - 1);
			worker_finish(s->w, s->now_us);
			assert_lines(s, START, "\"host\":\"evil.example\"",
				     first ? 1 : 2);
			assert_lines(s, MIDSTREAM, NULL, 0);
			end_watch(s);
		}
}

/* The client numbers it anew by a SYN that an open connection ignores. */
static void a_syn_without_an_answer_is_no_beginning(void **state)
{
	(void)state;
	for (int ended = 0; ended < 2; ended++) {
		const uint32_t half = (uint32_t)good.len / 2;
		const uint32_t lie = CLIENT_FIRST + half - (uint32_t)evil.len;
		const unsigned fin = ended ? TCP_FIN : 0;
		struct scene *s = watch();

		see_open(s, &v4);
		see_client(s, &v4, 0, good.b, half);
		see(s, &v4,
		    (struct segment){FROM_SERVER, TCP_ACK | fin, SERVER_FIRST,
				     CLIENT_FIRST + half, NULL, 0});
		see(s, &v4,
		    (struct segment){FROM_CLIENT, TCP_ACK | fin, CLIENT_FIRST + half,
				     SERVER_FIRST + (ended ? 1 : 0), NULL, 0});
		see(s, &v4,
		    (struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST + (ended ? 1 : 0),
				     CLIENT_FIRST + half + (ended ? 1 : 0), NULL, 0});
		s->now_us += PAUSE;
		see(s, &v4, (struct segment){FROM_CLIENT, TCP_SYN, lie - 1, 0, NULL, 0});
		see(s, &v4,
		    (struct segment){FROM_CLIENT, TCP_ACK, lie, SERVER_FIRST, evil.b,
				     evil.len});
		see_server(s, &v4, 0, half, NULL, 0);
		if (!ended) {
			assert_only_candidate(s);
			continue;
		}
		worker_finish(s->w, s->now_us);
		assert_lines(s, START, "\"host\":\"evil.example\"", 1);
		end_watch(s);
	}
}

/* Inline the same, though what waits for the server's answer would pass with the name. */
static void a_gateway_believes_it_no_more(void **state)
{
	static const char connect[] = "CONNECT evil.example:443 HTTP/1.1\r\n"
				      "Host: evil.example:443\r\n\r\n";

	(void)state;
	for (int tunnel = 0; tunnel < 2; tunnel++) {
		const char *const says = tunnel ? connect : request;
		uint32_t said = sizeof(front) - 1 + 20;
		struct scene *s = start(open_to_all);

		(void)open_tcp(s, &web);
		(void)send_data(s, &web, 0, front, sizeof(front) - 1);
		(void)send_data(s, &web, sizeof(front) - 1, answer, 20);
		s->now_us += PAUSE;
		(void)send_data(s, &web, said, says, strlen(says));
		assert_lines(s, START, MIDSTREAM, 1);
		assert_lines(s, MIDSTREAM, "\"candidates\":[\"evil.example\"]", 1);
		assert_lines(s, "\"host\":\"evil.example\"", NULL, 0);
		assert_true(scene_end(s));
	}
}

/* A stream without a SYN whose segments come in any order is read as in its own. */
static void the_first_seen_need_not_be_the_first(void **state)
{
	static struct bytes big;

	(void)state;
	make_hello(&big, "good.example", 3000);
	memcpy(big.b + 400, evil.b, evil.len); /* in its padding */
	for (int seen = 0; seen < 2; seen++)
		for (size_t step = 1; step < big.len; step = step * 3 + 1) {
			struct scene *s = watch();

			/* From the back, the decoy first as it stands. */
			see_client(s, &v4, 400, big.b + 400, big.len - 400);
			if (seen)
				see_server(s, &v4, 0, 0, NULL, 0);
			for (size_t end = 400; end > 0; end -= end < step ? end : step) {
				const size_t n = end < step ? end : step;

				see_client(s, &v4, (uint32_t)(end - n), big.b + end - n,
					   n);
			}
			if (seen)
				see_server(s, &v4, 0, (uint32_t)big.len, "x", 1);
			worker_finish(s->w, s->now_us);
			assert_lines(s, START, "\"host\":\"good.example\"", 1);
			assert_lines(s, "evil", NULL, 0);
			end_watch(s);
		}
}

/* Something stood in front: nobody knows what. */
static void what_does_not_come_first_is_no_beginning(void **state)
{
	static const char junk[HEAD_MAX + 8] = "x";

	(void)state;
	for (int how = 0; how < 3; how++) {
		const uint32_t at = how == 2 ? HEAD_MAX : 7;
		struct scene *s = watch();

		if (how == 0) /* it was sent again, and the server had it */
			see_server(s, &v4, 0, at, NULL, 0);
		see_client(s, &v4, at, evil.b, evil.len);
		if (how == 1) /* the server waits for it */
			see_server(s, &v4, 0, 0, NULL, 0);
		else
			see_client(s, &v4, 0, junk, how == 2 ? 60 : at);
		if (how != 1)
			see_server(s, &v4, 0, at + (uint32_t)evil.len, "x", 1);
		assert_only_candidate(s);
	}
}

/* One byte that asks whether the server is there is not in front. */
static void a_probe_is_no_front(void **state)
{
	struct scene *s = watch();

	(void)state;
	see_client(s, &v4, 50, NULL, 0);
	see_client(s, &v4, 49, "", 1);
	see_server(s, &v4, 0, 50, NULL, 0);
	see_client(s, &v4, 49, "", 1);
	see_client(s, &v4, 50, good.b, good.len);
	see_server(s, &v4, 0, 50 + (uint32_t)good.len, "x", 1);
	worker_finish(s->w, s->now_us);
	assert_lines(s, START, "\"host\":\"good.example\"", 1);
	end_watch(s);
}

/* The server is seen first, and no port tells that it is one: who says a hello is the client. */
static void a_hello_tells_the_client(void **state)
{
	static const struct ends odd[] = {{"10.1.2.3", "192.0.2.7", 40001, 25000},
					  {"10.1.2.3", "192.0.2.7", 443, 443}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = watch();

		see_server(s, &odd[i], 0, 0, NULL, 0);
		see_client(s, &odd[i], 0, good.b, good.len);
		see_server(s, &odd[i], 0, (uint32_t)good.len, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, START, "\"host\":\"good.example\"", 1);
		assert_lines(s, START, "\"direction\":\"outbound\"", 1);
		end_watch(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_known_by_their_key),
		cmocka_unit_test(what_goes_on_amid_a_hello_is_none),
		cmocka_unit_test(what_goes_on_amid_a_body_is_no_request),
		cmocka_unit_test(what_goes_on_between_two_requests_is_one),
		cmocka_unit_test(a_syn_without_an_answer_is_no_beginning),
		cmocka_unit_test(a_gateway_believes_it_no_more),
		cmocka_unit_test(the_first_seen_need_not_be_the_first),
		cmocka_unit_test(what_does_not_come_first_is_no_beginning),
		cmocka_unit_test(a_probe_is_no_front),
		cmocka_unit_test(a_hello_tells_the_client),
	};

	return cmocka_run_group_tests_name("engine/rest", tests, prepare, tidy);
}
