/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that the server took and that who only looks on has not seen: nothing stands in for them. */
#include "initial.h"
#include "requests.h"

#define START      "\"phase\":\"start\""
#define INCOMPLETE "\"undecidable\":\"incomplete\""

/* The server has the real bytes from `from` on; then others come in their place. */
static struct scene *see_late(const struct ends *e, size_t from, size_t step)
{
	struct scene *s = watch();

	see_open(s, e);
	see_client(s, e, 0, good.b, from);
	see_server(s, e, 0, (uint32_t)good.len, NULL, 0);
	for (size_t at = from; at < evil.len; at += step)
		see_client(s, e, (uint32_t)at, evil.b + at,
			   evil.len - at < step ? evil.len - at : step);
	see_server(s, e, 0, (uint32_t)good.len, "x", 1);
	return s;
}

static void what_stands_in_for_unseen_bytes_is_not_believed(void **state)
{
	(void)state;
	for (size_t from = 0; from < good.len; from += 11)
		for (size_t step = 50; step <= 1400; step += 450) {
			struct scene *s = see_late(from % 2 ? &v4 : &v6, from, step);

			worker_finish(s->w, s->now_us);
			assert_lines(s, START, INCOMPLETE, 1);
			assert_lines(s, "\"host\":", NULL, 0);
			end_watch(s);
		}
}

/* It may be the real one, that came by late: told as what it may be. */
static void a_late_name_is_a_candidate(void **state)
{
	struct scene *s = see_late(&v4, 0, 1400);

	(void)state;
	assert_lines(s, START, "\"candidates\":[\"evil.example\"]", 1);
	end_watch(s);
}

/* Copies of what was seen, and bytes that were not acknowledged when they came, are no matter. */
static void what_was_seen_in_time_stays(void **state)
{
	const uint32_t half = (uint32_t)good.len / 2, len = (uint32_t)good.len;

	(void)state;
	for (int how = 0; how < 4; how++) {
		struct scene *s = watch();

		see_open(s, &v4);
		if (how == 1) { /* in the wrong order: acknowledged when it is whole */
			see_client(s, &v4, half, good.b + half, len - half);
			see_server(s, &v4, 0, 0, NULL, 0);
			see_client(s, &v4, 0, good.b, half);
		} else {
			see_client(s, &v4, 0, good.b, half);
			see_server(s, &v4, 0, half, NULL, 0);
			if (how == 2)
				see_client(s, &v4, 0, evil.b, half);
			see_client(s, &v4, how == 3 ? 0 : half,
				   how == 3 ? good.b : good.b + half,
				   how == 3 ? len : len - half);
		}
		see_server(s, &v4, 0, len, "x", 1);
		assert_lines(s, START, "\"host\":\"good.example\"", 1);
		end_watch(s);
	}
}

/* A frame that the capture cut: its bytes went to the server, and others come in their place. */
static void see_cut(struct scene *s, const struct ends *e, uint32_t at,
		    const uint8_t *data, size_t len, size_t keep)
{
	const struct segment g = {FROM_CLIENT,  TCP_ACK, CLIENT_FIRST + at,
				  SERVER_FIRST, data,    len};
	struct frame f;

	build_segment(&s->packet, e, &g);
	build_end(&s->packet);
	f = build_frame(&s->packet);
	f.caplen -= (uint32_t)(len - keep);
	f.number = ++s->ids;
	f.time_us = f.clock_us = s->now_us += 1000;
	worker_frame(s->w, &f);
}

static void what_stands_in_for_cut_bytes_is_not_believed(void **state)
{
	(void)state;
	for (size_t keep = 0; keep < good.len; keep += 9) {
		struct scene *s = watch();

		see_open(s, &v4);
		see_cut(s, &v4, 0, good.b, good.len, keep);
		see_client(s, &v4, (uint32_t)keep, evil.b + keep, evil.len - keep);
		see_server(s, &v4, 0, (uint32_t)good.len, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, START, INCOMPLETE, 1);
		assert_lines(s, "\"host\":", NULL, 0);
		end_watch(s);
	}
}

/* The server answers what nobody saw; that it acknowledges an end without data tells nothing. */
static void what_was_not_seen_at_all_is_incomplete(void **state)
{
	(void)state;
	for (uint32_t taken = 0; taken < 3; taken++) {
		struct scene *s = watch();

		see_open(s, &v4);
		see_server(s, &v4, 0, taken > 1 ? 300 : 0, "x", 1);
		if (taken > 0)
			see(s, &v4,
			    (struct segment){FROM_CLIENT, TCP_ACK | TCP_FIN,
					     CLIENT_FIRST + (taken > 1 ? 300 : 0),
					     SERVER_FIRST + 1, NULL, 0});
		see_server(s, &v4, 1, taken > 1 ? 301 : taken, NULL, 0);
		worker_finish(s->w, s->now_us);
		assert_lines(s, START, NULL, 1);
		assert_lines(s, START, INCOMPLETE, taken > 1 ? 1 : 0);
		assert_lines(s, START, "\"undecidable\":\"", taken > 1 ? 1 : 0);
		end_watch(s);
	}
}

/* The server has taken a second hello that nobody saw; one comes in its place, or none. */
static void an_unseen_second_hello_is_no_first(void **state)
{
	const uint32_t taken = (uint32_t)good.len, retry = LEN(RETRY);

	(void)state;
	for (int late = 0; late < 3; late++) {
		struct scene *s = watch();

		see_open(s, &v4);
		see_client(s, &v4, 0, good.b, taken);
		see_server(s, &v4, 0, taken, RETRY, retry);
		see_server(s, &v4, retry, 2 * taken, NULL, 0);
		if (late > 0)
			see_client(s, &v4, taken, late == 1 ? good.b : evil.b, taken);
		see_server(s, &v4, retry, 2 * taken, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, START,
			     late == 2 ? "\"undecidable\":\"malformed_hello\""
				       : INCOMPLETE,
			     1);
		assert_lines(s, "\"host\":", NULL, 0);
		end_watch(s);
	}
}

/* The same of a later request. */
static void an_unseen_request_is_not_made_up(void **state)
{
	(void)state;
	for (uint32_t from = 0; from < LEN(EVIL); from += 7) {
		const char *const decoy = EVIL;
		struct scene *s = watch();

		see_open(s, &web);
		see_client(s, &web, 0, GOOD, LEN(GOOD));
		see_server(s, &web, 0, LEN(GOOD), "x", 1);
		see_client(s, &web, LEN(GOOD), GOOD, from);
		see_server(s, &web, 1, LEN(GOOD) + LEN(GOOD), NULL, 0);
		see_client(s, &web, LEN(GOOD) + from, decoy + from, LEN(EVIL) - from);
		see_server(s, &web, 1, LEN(GOOD) + LEN(GOOD), "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"phase\":\"update\"", DESYNC, 1);
		assert_lines(s, "\"host\":\"evil.example\"", NULL, 0);
		end_watch(s);
	}
}

/* A later request whose frame was cut; of a body nothing is needed. */
static void a_cut_request_is_not_made_up(void **state)
{
	const char *const decoy = EVIL, *const post = POST_OF("900");
	const uint32_t at = LEN(GOOD) + LEN(POST_OF("900"));
	static uint8_t body[900 + LEN(GOOD)];
	struct scene *s;

	(void)state;
	for (uint32_t keep = 0; keep < LEN(GOOD); keep += 5) {
		s = watch();
		see_open(s, &web);
		see_client(s, &web, 0, GOOD, LEN(GOOD));
		see_server(s, &web, 0, LEN(GOOD), "x", 1);
		see_cut(s, &web, LEN(GOOD), (const uint8_t *)(GOOD), LEN(GOOD), keep);
		see_client(s, &web, LEN(GOOD) + keep, decoy + keep, LEN(EVIL) - keep);
		see_server(s, &web, 1, LEN(GOOD) + LEN(GOOD), "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"phase\":\"update\"", DESYNC, 1);
		assert_lines(s, "\"host\":\"evil.example\"", NULL, 0);
		end_watch(s);
	}
	memcpy(body + 900, GOOD, LEN(GOOD));
	for (uint32_t more = 0; more <= LEN(GOOD); more += LEN(GOOD)) {
		s = watch();
		see_open(s, &web);
		see_client(s, &web, 0, GOOD, LEN(GOOD));
		see_server(s, &web, 0, LEN(GOOD), "x", 1);
		see_client(s, &web, LEN(GOOD), post, LEN(POST_OF("900")));
		see_cut(s, &web, at, body, 900 + more, 60);
		see_client(s, &web, at + 900 + more, EVIL, LEN(EVIL));
		see_server(s, &web, 1, at + 900 + more + LEN(EVIL), "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, EVIL_UPDATE, more > 0 ? 0 : 1);
		assert_lines(s, "\"phase\":\"update\"", DESYNC, more > 0 ? 1 : 0);
		end_watch(s);
	}
}

/* ---- QUIC ---- */

/* The server answers a hello of which the capture lacks all, or the rest; then one comes. */
static void a_hello_behind_its_answer_is_not_believed(void **state)
{
	static const char hello[] =
		"\x02\x00\x00\x28\x03\x03 this is a random, no request for another";
	static struct bytes d;

	(void)state;
	for (size_t seen = 0; seen < 100; seen += 90)
		for (int answered = 0; answered < 3; answered++) {
			const bool late = answered == 2 || (answered == 1 && seen == 0);
			struct scene *s = watch();

			if (seen > 0) {
				make_initial(&d, &good, 0, 0, seen);
				see_datagram(s, &quic, FROM_CLIENT, d.b, d.len);
			}
			if (answered == 1) /* it has got something */
				make_crypto(&d, true, 0, 0, NULL, 0);
			else
				make_crypto(&d, true, 0, 0, hello, sizeof(hello) - 1);
			if (answered > 0)
				see_datagram(s, &quic, FROM_SERVER, d.b, d.len);
			make_initial(&d, &evil, 1, seen, 0);
			see_datagram(s, &quic, FROM_CLIENT, d.b, d.len);
			make_crypto(&d, true, 1, 0, hello, sizeof(hello) - 1);
			see_datagram(s, &quic, FROM_SERVER, d.b, d.len);
			worker_finish(s->w, s->now_us);
			assert_lines(s, START,
				     late ? "\"candidates\":[\"evil.example\"]"
					  : "\"host\":\"evil.example\"",
				     1);
			assert_lines(s, START, INCOMPLETE, late ? 1 : 0);
			end_watch(s);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_in_for_unseen_bytes_is_not_believed),
		cmocka_unit_test(a_late_name_is_a_candidate),
		cmocka_unit_test(what_was_seen_in_time_stays),
		cmocka_unit_test(what_stands_in_for_cut_bytes_is_not_believed),
		cmocka_unit_test(what_was_not_seen_at_all_is_incomplete),
		cmocka_unit_test(an_unseen_second_hello_is_no_first),
		cmocka_unit_test(an_unseen_request_is_not_made_up),
		cmocka_unit_test(a_cut_request_is_not_made_up),
		cmocka_unit_test(a_hello_behind_its_answer_is_not_believed),
	};

	return cmocka_run_group_tests(tests, prepare, tidy);
}
