/* SPDX-License-Identifier: Apache-2.0 */
/* Contents that contradict each other, or leave out a byte: all that may be are told, or that there are more. */
#include "requests.h"

#define START    "\"phase\":\"start\""
#define CONFLICT "\"undecidable\":\"conflict\""
#define MORE     "\"more_candidates\""

/* A request for a host of one letter, told by `shares`. */
static const char *ask(int host)
{
	static char text[] = "GET / HTTP/1.1\r\nHost: ?.example\r\n\r\n";

	text[22] = (char)host;
	return text;
}

#define ASK_LEN 36u

/* A client of the web, at its first request or, behind GOOD that was answered, a later one. */
static struct scene *watch_request(bool later)
{
	struct scene *s = watch();

	see_open(s, &web);
	if (later) {
		see_client(s, &web, 0, GOOD, LEN(GOOD));
		see_server(s, &web, 0, LEN(GOOD), "x", 1);
	}
	return s;
}

static void more_copies_than_can_be_told_are_flagged(void **state)
{
	(void)state;
	for (int count = 1; count < CANDIDATES_MAX + 3; count++)
		for (unsigned later = 0; later < 2; later++) {
			const uint32_t front = later ? LEN(GOOD) : 0;
			const bool all = count <= CANDIDATES_MAX;
			struct scene *s = watch_request(later);

			for (int at = 'a'; at < 'a' + count; at++)
				see_client(s, &web, front, ask(at), ASK_LEN);
			see_server(s, &web, 1, front + ASK_LEN, "x", 1);
			worker_finish(s->w, s->now_us);
			for (int at = all ? 'a' : 'b';
			     at < 'a' + count && (all || at < 'q'); at++) {
				char name[32];

				(void)snprintf(name, sizeof(name), "\"%c.example\"", at);
				assert_lines(s, CONFLICT, name, count > 1 ? 2 : 0);
			}
			assert_lines(s, "\"more_candidates\"", NULL, all ? 0 : 2);
			end_watch(s);
		}
}

/* As many as the text for them has room for: four that are as long as names may be. */
static void long_names_are_told_as_far_as_there_is_room(void **state)
{
	static char text[512];
	const char *label =
		"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij";
	const int len = snprintf(text, sizeof(text),
				 "GET / HTTP/1.1\r\nHost: ?%s.%s.%s.%s.example\r\n\r\n",
				 label + 1, label, label, label);
	struct scene *s = watch();

	(void)state;
	see_open(s, &web);
	for (int at = 'a'; at < 'f'; at++) {
		text[22] = (char)at;
		see_client(s, &web, 0, text, (size_t)len);
	}
	see_server(s, &web, 1, (uint32_t)len, "x", 1);
	worker_finish(s->w, s->now_us);
	for (int at = 'a'; at < 'f'; at++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "\"%cbcdef", at);
		assert_lines(s, CONFLICT, name, at == 'a' ? 0 : 2);
	}
	assert_lines(s, CONFLICT, MORE, 2);
	end_watch(s);
}

/* The real front, the other's back, the other's front, the real back. */
static void crossed_copies_name_all_four(void **state)
{
	const uint32_t cut = 24, all = LEN(GOOD);
	const char *const real = GET("good.example"), *const other = GET("evil.exbmple");

	(void)state;
	for (unsigned later = 0; later < 2; later++) {
		const uint32_t front = later ? LEN(GOOD) : 0;
		struct scene *s = watch_request(later);

		see_client(s, &web, front, real, cut);
		see_client(s, &web, front + cut, other + cut, all - cut);
		see_client(s, &web, front, other, cut);
		see_client(s, &web, front + cut, real + cut, all - cut);
		see_server(s, &web, 1, front + all, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, CONFLICT, "\"good.example\"", 2);
		assert_lines(s, CONFLICT, "\"evil.exbmple\"", 2);
		assert_lines(s, CONFLICT, "\"goil.exbmple\"", 2);
		assert_lines(s, CONFLICT, "\"evod.example\"", 2);
		assert_lines(s, MORE, NULL, 0);
		end_watch(s);
	}
}

/* A body that looks like a ServerHello. */
static void who_speaks_http_has_chosen_nothing(void **state)
{
	static const char hello[] =
		"\x16\3\3\0\x2a\2\0\0\x26\3\3xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\0\xc0\x2f\0";
	struct scene *s = watch();

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, GOOD, LEN(GOOD));
	see_server(s, &web, 0, LEN(GOOD), hello, LEN(hello));
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"good.example\"", NULL, 2);
	assert_lines(s, "_selected", NULL, 0);
	end_watch(s);
}

/*
 * A copy of the real bytes behind one decoy opens nothing new; a decoy of what came in two pieces may
 * have been taken for the one and not the other.
 */
static void one_decoy_is_told_whole(void **state)
{
	const uint32_t cut = 24, all = LEN(GOOD);

	(void)state;
	for (unsigned pieces = 1; pieces < 3; pieces++) {
		struct scene *s = watch();

		see_open(s, &web);
		if (pieces == 2)
			see_client(s, &web, 0, GOOD, cut);
		see_client(s, &web, pieces == 2 ? cut : 0, &GOOD[pieces == 2 ? cut : 0],
			   pieces == 2 ? all - cut : all);
		see_client(s, &web, 0, EVIL, cut + 4);
		see_client(s, &web, 0, GOOD, all);
		see_server(s, &web, 0, all, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, CONFLICT,
			     pieces == 2 ? "[\"evil.example\",\"good.example\","
					   "\"goil.example\",\"evod.example\"]"
					 : "[\"evil.example\",\"good.example\"]",
			     2);
		assert_lines(s, MORE, NULL, 0);
		end_watch(s);
	}
}

/* A part of the request, a copy of it, and one that goes on with either, in these orders. */
static void what_goes_on_with_a_copy_is_told(void **state)
{
	const uint32_t cut = 28, all = LEN(GOOD);

	(void)state;
	for (unsigned later = 0; later < 2; later++)
		for (unsigned taken = 0; taken < 2; taken++)
			for (unsigned whole = 0; whole < 2; whole++) {
				const uint32_t front = later ? LEN(GOOD) : 0;
				struct scene *s = watch_request(later);

				see_client(s, &web, front, GOOD, cut);
				see_client(s, &web, front, EVIL, cut);
				if (taken)
					see_server(s, &web, later, front + cut, "", 0);
				if (whole)
					see_client(s, &web, front, GOOD, all);
				else
					see_client(s, &web, front + cut, &GOOD[cut],
						   all - cut);
				see_server(s, &web, later, front + all, "x", 1);
				worker_finish(s->w, s->now_us);
				assert_lines(s, CONFLICT, "\"good.example\"", 2);
				assert_lines(s, CONFLICT, "\"evil.example\"", 2);
				assert_lines(s, MORE, NULL, 0);
				end_watch(s);
			}
}

/* What the server has acknowledged of two readings is no copy's to change. */
static void a_copy_of_what_was_acknowledged_changes_nothing(void **state)
{
	const uint32_t cut = 24, most = LEN(GOOD) - 4, all = LEN(GOOD);

	(void)state;
	for (unsigned later = 0; later < 2; later++) {
		const uint32_t front = later ? LEN(GOOD) : 0;
		struct scene *s = watch_request(later);

		see_client(s, &web, front, GOOD, cut);
		see_client(s, &web, front, EVIL, cut);
		see_client(s, &web, front + cut, &GOOD[cut], most - cut);
		see_server(s, &web, later, front + most, NULL, 0);
		see_client(s, &web, front, GET("thud.example"), most);
		see_client(s, &web, front + most, &GOOD[most], all - most);
		see_server(s, &web, later, front + all, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, CONFLICT, "\"good.example\"", 2);
		assert_lines(s, CONFLICT, "\"evod.example\"", 2);
		assert_lines(s, "thud", NULL, 0);
		end_watch(s);
	}
}

/*
 * Of two requests at once the second has two contents, before the server has taken anything: the first
 * is what it is.  Of the other the second segment begins in the first request, or not.
 */
static void only_the_contested_request_is_a_conflict(void **state)
{
	static const char first[] = GOOD EVIL, other[] = GOOD GET("thud.example");
	const uint32_t all = LEN(first), cut = LEN(GOOD) + 4;

	(void)state;
	for (unsigned whole = 0; whole < 2; whole++)
		for (unsigned order = 0; order < 2; order++) {
			const uint32_t from = whole ? 0 : cut;
			struct scene *s = watch();

			see_open(s, &web);
			if (!order)
				see_client(s, &web, 0, first, cut);
			see_client(s, &web, order ? 0 : cut, first + (order ? 0 : cut),
				   all - (order ? 0 : cut));
			see_client(s, &web, from, other + from, all - from);
			see_server(s, &web, 0, all, "x", 1);
			worker_finish(s->w, s->now_us);
			assert_lines(s, START, "\"host\":\"good.example\"", 1);
			assert_lines(s, START, CONFLICT, 0);
			assert_lines(s, "\"phase\":\"update\"", CONFLICT, 1);
			assert_lines(s, CONFLICT, "\"evil.example\"", 2);
			assert_lines(s, CONFLICT, "\"thud.example\"", 2);
			assert_lines(s, MORE, NULL, 0);
			end_watch(s);
		}
}

/* A body with two contents in front of a request, both in one segment: no name depends on it. */
static void two_contents_of_a_body_are_no_conflict(void **state)
{
	static const char first[] = POST_OF("4") "abcd" EVIL,
			  other[] = POST_OF("4") "efgh" EVIL;
	struct scene *s = watch();

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, first, LEN(first));
	see_client(s, &web, 0, other, LEN(other));
	see_server(s, &web, 0, LEN(first), "x", 1);
	worker_finish(s->w, s->now_us);
	assert_lines(s, START, "\"host\":\"good.example\"", 1);
	assert_lines(s, "\"phase\":\"update\"", "\"host\":\"evil.example\"", 1);
	assert_lines(s, CONFLICT, NULL, 0);
	end_watch(s);
}

static void assert_told(struct scene *s, const char *names[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "\"%s.example\"", names[i]);
		assert_lines(s, CONFLICT, text, 2);
	}
	assert_lines(s, MORE, NULL, 0);
}

/* Their beginning comes behind them, in a connection whose SYN was not seen. */
static void copies_whose_beginning_comes_last_name_all_six(void **state)
{
	const char *names[] = {"good", "evil", "goil", "evod", "goud", "evud"};
	const uint32_t cut = 24, all = LEN(GOOD);
	struct scene *s = watch();

	(void)state;
	see_client(s, &web, cut, &GOOD[cut], all - cut);
	see_client(s, &web, cut, &GET("thud.example")[cut], all - cut);
	see_client(s, &web, cut, &EVIL[cut], all - cut);
	see_client(s, &web, 0, GOOD, cut);
	see_client(s, &web, 0, EVIL, cut);
	see_server(s, &web, 0, all, "x", 1);
	worker_finish(s->w, s->now_us);
	assert_told(s, names, 6);
	end_watch(s);
}

/* The pieces of the first hello are none of the second one. */
static void a_second_hello_has_copies_of_its_own(void **state)
{
	const char *names[] = {"good", "evil"};
	const uint8_t *name = memmem(good.b, good.len, "good.example", 12);
	const uint32_t all = (uint32_t)good.len, cut = (uint32_t)(name - good.b) + 2;
	struct scene *s = watch();

	(void)state;
	see_open(s, &v4);
	see_client(s, &v4, 0, good.b, cut);
	see_client(s, &v4, cut, good.b + cut, all - cut);
	see_server(s, &v4, 0, all, RETRY, LEN(RETRY));
	see_client(s, &v4, all, good.b, all);
	see_client(s, &v4, all, evil.b, all);
	see_server(s, &v4, LEN(RETRY), 2 * all, "x", 1);
	worker_finish(s->w, s->now_us);
	assert_told(s, names, 2);
	assert_lines(s, "goil", NULL, 0);
	end_watch(s);
}

/* Of the second request a part comes before the server has taken the first one. */
static void pieces_of_before_the_verdict_count(void **state)
{
	const char *names[] = {"evil", "thud", "evud", "thil"};
	static const char first[] = GOOD EVIL, other[] = GET("thud.example");
	const uint32_t front = LEN(GOOD), cut = front + 24, all = LEN(first);
	struct scene *s = watch();

	(void)state;
	see_open(s, &web);
	see_client(s, &web, 0, first, front);
	see_client(s, &web, front, first + front, cut - front);
	see_server(s, &web, 0, front, "x", 1);
	assert_lines(s, START, "\"host\":\"good.example\"", 1);
	see_client(s, &web, cut, first + cut, all - cut);
	see_client(s, &web, front, other, all - front);
	see_server(s, &web, 1, all, "x", 1);
	worker_finish(s->w, s->now_us);
	assert_told(s, names, 4);
	end_watch(s);
}

static void see_urgent(struct scene *s, const struct ends *e, uint32_t at,
		       unsigned pointer, const char *data, size_t len)
{
	build_segment(&s->packet, e,
		      &(struct segment){FROM_CLIENT, TCP_ACK | TCP_URG, CLIENT_FIRST + at,
					SERVER_FIRST, data, len});
	s->packet.b[20 + 18] = (uint8_t)(pointer >> 8);
	s->packet.b[20 + 19] = (uint8_t)pointer;
	build_end(&s->packet);
	see_packet(s);
}

/*
 * A byte that servers may take out (RFC 6093 3), of a first request and a later one; its pointer
 * comes with it, alone in front of it, or alone behind it.
 */
static void an_urgent_byte_makes_two_names_wherever_it_stands(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: xgood.example\r\n\r\n";
	const uint32_t len = LEN(text), x = 22;

	(void)state;
	for (unsigned later = 0; later < 2; later++)
		for (int how = 0; how < 4; how++) {
			const uint32_t front = later ? LEN(GOOD) : 0;
			struct scene *s = watch_request(later);

			if (how == 0)
				see_urgent(s, &web, front, x + 1, text, len);
			if (how == 1)
				see_urgent(s, &web, front, x + 1, NULL, 0);
			if (how == 3) {
				see_client(s, &web, front, text, x + 5);
				see_urgent(s, &web, front, x + 1, NULL, 0);
				see_client(s, &web, front + x + 5, text + x + 5,
					   len - x - 5);
			} else if (how != 0) {
				see_client(s, &web, front, text, len);
			}
			if (how == 2)
				see_urgent(s, &web, front, x + 1, NULL, 0);
			see_server(s, &web, 1, front + len, "x", 1);
			worker_finish(s->w, s->now_us);
			assert_lines(s, CONFLICT, "\"xgood.example\"", 2);
			if (how != 2 || !later)
				assert_lines(s, CONFLICT, "\"good.example\"", 2);
			else
				assert_lines(s, CONFLICT, MORE, 2);
			end_watch(s);
		}
}

static void several_urgent_bytes_are_flagged(void **state)
{
	struct scene *s = watch();

	(void)state;
	see_open(s, &v4);
	see_urgent(s, &v4, 0, 20, (const char *)good.b, 40);
	see_urgent(s, &v4, 40, 20, (const char *)good.b + 40, good.len - 40);
	see_server(s, &v4, 0, (uint32_t)good.len, "x", 1);
	worker_finish(s->w, s->now_us);
	assert_lines(s, CONFLICT, "[\"good.example\"]", 2);
	assert_lines(s, CONFLICT, MORE, 2);
	end_watch(s);
}

/* What a copy and a byte that is left out make together is not read. */
static void a_copy_beside_an_urgent_byte_is_flagged(void **state)
{
	(void)state;
	for (unsigned later = 0; later < 2; later++) {
		const uint32_t front = later ? LEN(GOOD) : 0;
		struct scene *s = watch_request(later);

		see_urgent(s, &web, front, 23, GET("xgood.example"), LEN(GOOD) + 1);
		see_client(s, &web, front, GET("xevil.example"), LEN(GOOD) + 1);
		see_server(s, &web, 1, front + LEN(GOOD) + 1, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, CONFLICT, MORE, 2);
		end_watch(s);
	}
}

/* Mail in clear names no server, and where a STARTTLS may come is no reader's to say. */
static void two_contents_of_a_mail_are_flagged(void **state)
{
	static const struct ends mail = {"10.1.2.3", "192.0.2.8", 40025, 25};
	static const char begin[] = "EHLO a\r\nMAIL FROM:<j@b.example>\r\n";
	const uint32_t len = LEN(begin);
	struct scene *s = watch();

	(void)state;
	see_open(s, &mail);
	see_client(s, &mail, 0, begin, len);
	see_client(s, &mail, len, "STARTTLS\r\n", 10);
	see_client(s, &mail, len, "STOP NOW\r\n", 10);
	see_server(s, &mail, 0, len + 10, "250 a\r\n", 7);
	worker_finish(s->w, s->now_us);
	assert_lines(s, CONFLICT, MORE, 2);
	end_watch(s);
}

/* One that is none of this stream, or in bytes that the server does not take. */
static void an_urgent_pointer_that_counts_for_nothing(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct scene *s = watch();

		see_open(s, &v4);
		if (how == 0)
			see_urgent(s, &v4, 0xfffff000u, 20, NULL, 0);
		else if (how == 1)
			see(s, &v4,
			    (struct segment){FROM_CLIENT, TCP_URG, CLIENT_FIRST, 0, NULL,
					     0});
		else
			see_urgent(s, &v4, 0, 60000, NULL, 0);
		see_client(s, &v4, 0, good.b, good.len);
		see_server(s, &v4, 0, (uint32_t)good.len, "x", 1);
		worker_finish(s->w, s->now_us);
		assert_lines(s, START, "\"host\":\"good.example\"", 1);
		end_watch(s);
	}
}

/* Inline none of them passes while bytes are judged or guarded. */
static void a_gateway_drops_a_pointer_alone(void **state)
{
	struct scene *s = start(closed);
	const struct segment urgent = {
		FROM_CLIENT, TCP_ACK | TCP_URG, CLIENT_FIRST, SERVER_FIRST, NULL, 0};

	(void)state;
	(void)open_tcp(s, &web);
	assert_answer(s, send_segment(s, &web, urgent), GOT_NOTHING + GOT_PASS);
	(void)send_data(s, &web, 0, GOOD, 10);
	assert_answer(s, send_segment(s, &web, urgent), GOT_DROP);
	(void)send_data(s, &web, 10, &GOOD[10], LEN(GOOD) - 10);
	assert_answer(s, send_segment(s, &web, urgent), GOT_DROP);
	assert_true(scene_end(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_copies_than_can_be_told_are_flagged),
		cmocka_unit_test(long_names_are_told_as_far_as_there_is_room),
		cmocka_unit_test(crossed_copies_name_all_four),
		cmocka_unit_test(who_speaks_http_has_chosen_nothing),
		cmocka_unit_test(one_decoy_is_told_whole),
		cmocka_unit_test(what_goes_on_with_a_copy_is_told),
		cmocka_unit_test(a_copy_of_what_was_acknowledged_changes_nothing),
		cmocka_unit_test(only_the_contested_request_is_a_conflict),
		cmocka_unit_test(two_contents_of_a_body_are_no_conflict),
		cmocka_unit_test(copies_whose_beginning_comes_last_name_all_six),
		cmocka_unit_test(a_second_hello_has_copies_of_its_own),
		cmocka_unit_test(pieces_of_before_the_verdict_count),
		cmocka_unit_test(a_copy_beside_an_urgent_byte_is_flagged),
		cmocka_unit_test(two_contents_of_a_mail_are_flagged),
		cmocka_unit_test(an_urgent_byte_makes_two_names_wherever_it_stands),
		cmocka_unit_test(several_urgent_bytes_are_flagged),
		cmocka_unit_test(an_urgent_pointer_that_counts_for_nothing),
		cmocka_unit_test(a_gateway_drops_a_pointer_alone),
	};

	return cmocka_run_group_tests_name("engine/copies", tests, prepare, tidy);
}
