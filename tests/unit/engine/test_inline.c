/* SPDX-License-Identifier: Apache-2.0 */
/* What is held, passed and dropped, and what both ends are told. */
#include "play.h"

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
		assert_answer(s, id, GOT_PASS);
		assert_taken(s, all[i], good.len);
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
	assert_answers(s, first, (uint32_t)n, GOT_PASS);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(s->order[before + i], first + i);
	assert_int_equal(scene_stats(s).held, n - 1);
	assert_taken(s, e, good.len);
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

/* ---- a second hello --------------------------------------------------------------------------- */

/* RFC 8446 4.1.3: a ServerHello with this random asks for another hello. */
static const char hello_retry[] =
	"\x16\x03\x03\x00\x2a\x02\xff\xff\x26\x03\x03"
	"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

static uint32_t ask_again(struct scene *s, const struct ends *e)
{
	return send_segment(s, e,
			    (struct segment){FROM_SERVER, TCP_ACK | TCP_PSH, SERVER_FIRST,
					     CLIENT_FIRST + (uint32_t)good.len,
					     hello_retry, sizeof(hello_retry) - 1});
}

static uint32_t retry_after(struct scene *s, uint32_t taken)
{
	return send_segment(s, &v4,
			    (struct segment){FROM_SERVER, TCP_ACK | TCP_PSH, SERVER_FIRST,
					     CLIENT_FIRST + taken, hello_retry,
					     sizeof(hello_retry) - 1});
}

static void the_same_hello_may_come_twice(void **state)
{
	static const char ccs[] =
		"\x14\x03\x01\x00\x01\x01"; /* servers ignore the version */
	const uint32_t at = (uint32_t)good.len, n = sizeof(ccs) - 1;
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &v4);
	assert_answer(s, say(s, &v4, &good), GOT_PASS);
	assert_answer(s, ask_again(s, &v4), GOT_PASS);
	id = send_data(s, &v4, at, ccs, n);
	assert_answer(s, id, GOT_NOTHING);
	(void)send_data(s, &v4, at + n, good.b, 50);
	(void)send_data(s, &v4, at + n + 50, good.b + 50, good.len - 50);
	assert_answers(s, id, 3, GOT_PASS);
	/* Other bytes in its place are dropped until the server has it. */
	assert_answer(s, send_data(s, &v4, at + n, evil.b, evil.len), GOT_DROP);
	assert_answer(s, send_reply(s, &v4, sizeof(hello_retry) - 1, at + n, "no"),
		      GOT_PASS);
	assert_answer(s, send_reply(s, &v4, sizeof(hello_retry) + 1, 2 * at + n, "taken"),
		      GOT_FINAL);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_int_equal(s->reset_count, 0);
	assert_true(scene_end(s));
}

static void another_second_hello_is_dropped(void **state)
{
	struct scene *s = start(closed);
	const uint32_t at = (uint32_t)good.len;

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &good);
	(void)ask_again(s, &v4);
	assert_answer(s, send_data(s, &v4, at, evil.b, evil.len), GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"malformed_hello\"", 1);
	assert_lines(s, "\"phase\":\"update\"",
		     "\"candidates\":[\"good.example\",\"evil.example\"]", 1);
	assert_int_equal(s->reset_count, 2);
	assert_reset(&s->resets[0], &v4, FROM_CLIENT, CLIENT_FIRST + at, SERVER_FIRST);
	assert_true(scene_end(s));
}

/* RFC 8446 5.1: a message may lie in several records. */
static void a_second_hello_is_judged_whatever_the_records(void **state)
{
	const uint32_t all = sizeof(hello_retry) - 1 - 5, at = (uint32_t)good.len;

	(void)state;
	for (uint32_t size = 1; size < all; size++) {
		static struct bytes cut;
		struct scene *s = start(closed);

		cut.len = 0;
		for (uint32_t n = 0; n < all; n += size) {
			const uint32_t part = all - n < size ? all - n : size;

			put_mem(&cut, "\x16\x03\x03\x00", 4);
			put_be(&cut, part, 1);
			put_mem(&cut, hello_retry + 5 + n, part);
		}
		(void)open_tcp(s, &v4);
		(void)say(s, &v4, &good);
		(void)send_segment(s, &v4,
				   (struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST,
						    CLIENT_FIRST + at,
						    (const char *)cut.b, cut.len});
		assert_answer(s, send_data(s, &v4, at, evil.b, evil.len), GOT_DROP);
		assert_lines(s, "\"phase\":\"update\"",
			     "\"undecidable\":\"malformed_hello\"", 1);
		assert_true(scene_end(s));
	}
}

/* A client with a tiny window gets the request in pieces. */
static void a_second_hello_is_judged_however_it_was_asked_for(void **state)
{
	const uint32_t at = (uint32_t)good.len, all = sizeof(hello_retry) - 1;

	(void)state;
	for (uint32_t step = 1; step < all; step++) {
		struct scene *s = start(closed);

		(void)open_tcp(s, &v4);
		(void)say(s, &v4, &good);
		for (uint32_t n = 0; n < all; n += step)
			assert_answer(
				s,
				send_segment(s, &v4,
					     (struct segment){
						     FROM_SERVER, TCP_ACK,
						     SERVER_FIRST + n, CLIENT_FIRST + at,
						     hello_retry + n,
						     all - n < step ? all - n : step}),
				GOT_PASS);
		assert_answer(s, send_data(s, &v4, at, evil.b, evil.len), GOT_DROP);
		assert_true(scene_end(s));
	}
}

static void a_second_hello_before_it_was_asked_for_is_no_second_hello(void **state)
{
	static struct bytes both;
	struct scene *s = start(closed);

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &good);
	(void)send_data(s, &v4, (uint32_t)good.len, evil.b, evil.len);
	assert_answer(s, ask_again(s, &v4), GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"malformed_hello\"", 1);
	assert_true(scene_end(s));

	both.len = 0;
	put_mem(&both, good.b, good.len);
	put_mem(&both, evil.b, evil.len);
	s = start(closed);
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &both);
	(void)send_segment(s, &v4,
			   (struct segment){FROM_SERVER, TCP_ACK | TCP_PSH, SERVER_FIRST,
					    CLIENT_FIRST + (uint32_t)both.len,
					    hello_retry, sizeof(hello_retry) - 1});
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"malformed_hello\"", 1);
	assert_true(scene_end(s));
}

static void a_second_hello_is_not_waited_for_for_ever(void **state)
{
	struct scene *s = start(patient);
	const uint32_t at = (uint32_t)good.len;

	(void)state;
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &good);
	(void)ask_again(s, &v4);
	assert_answer(s, send_data(s, &v4, at, good.b, 50), GOT_NOTHING);
	s->now_us += 4 * SECOND;
	worker_tick(s->w, s->now_us);
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"hold_budget\"", 1);
	assert_int_equal(s->reset_count, 2);
	assert_true(scene_end(s));
}

/* ---- a second hello behind STARTTLS, and in the packets of TDS 7 ---------------------------------- */

/* Up to the first hello; *ret_at bytes of the client, *ret_said of the server. */
static void begin_tls(struct scene *s, const struct tls_carrier *c, size_t most,
		      uint32_t *ret_at, uint32_t *ret_said)
{
	static struct bytes hello;
	uint32_t at = 0, said = 0;

	(void)open_tcp(s, &v4);
	for (size_t i = 0; i < c->turns; i++) {
		assert_answer(s, send_data(s, &v4, at, c->client[i], c->client_len[i]),
			      GOT_PASS);
		at += (uint32_t)c->client_len[i];
		(void)send_segment(s, &v4,
				   (struct segment){FROM_SERVER, TCP_ACK,
						    SERVER_FIRST + said,
						    CLIENT_FIRST + at, c->server[i],
						    c->server_len[i]});
		said += (uint32_t)c->server_len[i];
	}
	carry(&hello, c, good.b, good.len, most);
	assert_answer(s, send_data(s, &v4, at, hello.b, hello.len), GOT_PASS);
	*ret_at = at + (uint32_t)hello.len;
	*ret_said = said;
}

/* In one segment, or in `step` bytes each; the last answer is `want`. */
static void say_second(struct scene *s, const struct bytes *b, uint32_t at, size_t step,
		       enum scene_answer want)
{
	for (size_t from = 0; from < b->len; from += step) {
		const size_t n = b->len - from < step ? b->len - from : step;
		const uint32_t id =
			send_data(s, &v4, at + (uint32_t)from, b->b + from, n);

		if (from + n == b->len)
			assert_answer(s, id, want);
	}
}

static void check_carried(const struct tls_carrier *c, bool bad, size_t most, size_t step)
{
	const struct bytes *second = bad ? &evil : &good;
	static struct bytes ask, again;
	struct scene *s = start(closed);
	uint32_t at, said;

	begin_tls(s, c, most, &at, &said);
	carry(&ask, c, hello_retry, sizeof(hello_retry) - 1, 4096);
	assert_answer(
		s,
		send_segment(s, &v4,
			     (struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST + said,
					      CLIENT_FIRST + at, ask.b, ask.len}),
		GOT_PASS);
	carry(&again, c, second->b, second->len, most);
	say_second(s, &again, at, step, bad ? GOT_DROP : GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"malformed_hello\"",
		     bad);
	assert_lines(s, "\"candidates\":[\"good.example\",\"evil.example\"]",
		     "\"phase\":\"update\"", bad);
	assert_int_equal(s->reset_count, bad ? 2 : 0);
	if (!bad)
		assert_answer(s,
			      send_reply(s, &v4, said + (uint32_t)ask.len,
					 at + (uint32_t)again.len, "taken"),
			      GOT_FINAL);
	assert_true(scene_end(s));
}

static void a_second_hello_amid_another_protocol_is_judged(void **state)
{
	static const size_t steps[] = {4096, 100, 7};

	(void)state;
	for (size_t i = 0; i < CARRIERS_OF_TLS; i++)
		for (size_t k = 0; k < 3; k++)
			for (int bad = 0; bad < 2; bad++) {
				check_carried(&carriers[i], bad, 4096, steps[k]);
				check_carried(&carriers[i], bad, 90, steps[k]);
			}
}

/* What stands behind a hello in its packet of TDS would be the beginning of the second one. */
static void nothing_may_follow_a_hello_in_its_packet(void **state)
{
	static struct bytes both, packets;

	(void)state;
	for (size_t n = 0; n < 3; n++) {
		const struct tls_carrier *c = &carriers[1];
		struct scene *s = start(closed);
		uint32_t id;

		both.len = 0;
		put_mem(&both, good.b, good.len);
		put_mem(&both, evil.b, n);
		carry(&packets, c, both.b, both.len, 4096);
		(void)open_tcp(s, &v4);
		(void)send_data(s, &v4, 0, c->client[0], c->client_len[0]);
		(void)send_segment(
			s, &v4,
			(struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST,
					 CLIENT_FIRST + (uint32_t)c->client_len[0],
					 c->server[0], c->server_len[0]});
		id = send_data(s, &v4, (uint32_t)c->client_len[0], packets.b,
			       packets.len);
		assert_answer(s, id, n > 0 ? GOT_DROP : GOT_PASS);
		assert_lines(s, "\"undecidable\":\"malformed_hello\"",
			     "\"phase\":\"start\"", n > 0);
		assert_true(scene_end(s));
	}
}

/* A client without SNI in a tunnel: the proxy's word stands, and is no other name. */
static void a_second_hello_without_a_name_is_the_same(void **state)
{
	static const char tunnel[] = "CONNECT good.example:443 HTTP/1.1\r\n\r\n";
	static struct bytes nameless, message, all;
	const uint32_t n = sizeof(hello_retry) - 1;
	struct scene *s = start(closed);
	uint32_t at;

	(void)state;
	nameless.len = message.len = all.len = 0;
	put_hello(&message, &nameless);
	put_records(&nameless, &message, 16384);
	put_mem(&all, tunnel, sizeof(tunnel) - 1);
	put_mem(&all, nameless.b, nameless.len);
	at = (uint32_t)all.len;
	(void)open_tcp(s, &v4);
	assert_answer(s, say(s, &v4, &all), GOT_PASS);
	assert_answer(s, retry_after(s, at), GOT_PASS);
	assert_answer(s, send_data(s, &v4, at, nameless.b, nameless.len), GOT_PASS);
	assert_answer(s, send_reply(s, &v4, n, at + (uint32_t)nameless.len, "taken"),
		      GOT_FINAL);
	assert_lines(s, "\"undecidable\"", NULL, 0);
	assert_true(scene_end(s));
}

/* ---- early data in front of a second hello (RFC 8446 4.2.10) ---------------------------------- */

static struct bytes keen; /* good.example, offers early data */
static struct bytes early;

/* change_cipher_spec, then `n` records of `each` bytes. */
static void make_early(unsigned n, size_t each)
{
	make_hello_with(&keen, "good.example", 100, true);
	early.len = 0;
	put_mem(&early, "\x14\x03\x03\x00\x01\x01", 6);
	for (unsigned i = 0; i < n; i++) {
		put_be(&early, 0x170303, 3);
		put_be(&early, each, 2);
		put_fill(&early, 0xee, each);
	}
}

/* The early data from `from` on, in segments.  Each but those of a record's header passes. */
static void send_early(struct scene *s, uint32_t from, uint32_t to)
{
	for (uint32_t n; from < to; from += n) {
		n = to - from < 600 ? to - from : 600;
		(void)send_data(s, &v4, (uint32_t)keen.len + from, early.b + from, n);
	}
}

/* The server asks when `before` bytes of the early data have passed. */
static struct scene *asked_again(uint32_t before)
{
	struct scene *s = start(closed);

	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &keen);
	send_early(s, 0, before);
	assert_answer(s, retry_after(s, (uint32_t)keen.len), GOT_PASS);
	return s;
}

static void early_data_in_front_of_a_second_hello_is_skipped(void **state)
{
	(void)state;
	make_early(3, 700);
	for (uint32_t before = 0; before <= early.len; before += 7) {
		const uint32_t at = (uint32_t)(keen.len + early.len);
		struct scene *s = asked_again(before);

		send_early(s, before, (uint32_t)early.len);
		assert_answer(s, send_data(s, &v4, at, good.b, good.len), GOT_PASS);
		assert_answers(s, 1, s->ids, GOT_PASS);
		assert_answer(s,
			      send_reply(s, &v4, sizeof(hello_retry) - 1,
					 at + (uint32_t)good.len, "taken"),
			      GOT_FINAL);
		assert_lines(s, "\"phase\":\"update\"", NULL, 0);
		assert_true(scene_end(s));
		s = asked_again(before);
		send_early(s, before, (uint32_t)early.len);
		assert_answer(s, send_data(s, &v4, at, evil.b, evil.len), GOT_DROP);
		assert_lines(s, "\"undecidable\":\"malformed_hello\"",
			     "\"candidates\":[\"good.example\",\"evil.example\"]", 1);
		assert_true(scene_end(s));
	}
}

/* Held back it would keep its client from going on: the server acknowledges nothing. */
static void early_data_is_not_held_but_in_a_header(void **state)
{
	struct scene *s;
	uint32_t at, id;

	(void)state;
	make_early(2, 6000);
	s = asked_again(0);
	at = (uint32_t)keen.len;
	assert_answer(s, send_data(s, &v4, at, early.b, 500), GOT_PASS);
	send_early(s, 500, 6011);
	assert_answers(s, 1, s->ids, GOT_PASS);
	id = send_data(s, &v4, at + 6011, early.b + 6011, 3);
	assert_answer(s, id, GOT_NOTHING);
	(void)send_data(s, &v4, at + 6014, early.b + 6014, 1000);
	assert_answers(s, id, 2, GOT_PASS);
	assert_true(scene_end(s));
}

/* A server may have ignored the segment with the record that is skipped here. */
static void other_bytes_in_the_place_of_early_data_are_dropped(void **state)
{
	(void)state;
	make_early(1, 900);
	for (uint32_t before = 0; before <= 600; before += 600) {
		struct scene *s = asked_again(before);
		const uint32_t at = (uint32_t)keen.len;

		send_early(s, before, (uint32_t)early.len);
		assert_answer(s, send_data(s, &v4, at, evil.b, evil.len), GOT_DROP);
		assert_answer(s, send_data(s, &v4, at + 6, evil.b, evil.len), GOT_DROP);
		assert_int_equal(scene_stats(s).conflicting, 2);
		assert_true(scene_end(s));
	}
	/* ... before it asks, too. */
	struct scene *s = start(closed);

	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &keen);
	send_early(s, 0, (uint32_t)early.len);
	assert_answer(s, send_data(s, &v4, (uint32_t)keen.len, evil.b, evil.len),
		      GOT_DROP);
	assert_true(scene_end(s));
}

static void behind_early_data_no_second_hello_passes_before_it_is_asked_for(void **state)
{
	struct scene *s = start(closed);

	(void)state;
	make_early(1, 900);
	(void)open_tcp(s, &v4);
	(void)say(s, &v4, &keen);
	send_early(s, 0, (uint32_t)early.len);
	(void)send_data(s, &v4, (uint32_t)(keen.len + early.len), evil.b, evil.len);
	assert_answer(s, retry_after(s, (uint32_t)keen.len), GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"malformed_hello\"", 1);
	assert_true(scene_end(s));
}

static void what_was_not_offered_or_is_too_much_is_not_skipped(void **state)
{
	const uint32_t room = 18432; /* HEAD_MAX */
	struct scene *s;

	(void)state;
	make_early(1, 16384);
	s = asked_again(0);
	send_early(s, 0, (uint32_t)early.len);
	assert_answer(
		s, send_data(s, &v4, (uint32_t)(keen.len + early.len), good.b, good.len),
		GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_true(scene_end(s));
	make_early(2, 9300);
	s = asked_again(0);
	send_early(s, 0, (uint32_t)early.len);
	assert_answer(s, s->ids, GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"hello_too_big\"", 1);
	assert_true(early.len > room);
	assert_true(scene_end(s));
	make_early(1, 900);
	make_hello(&keen, "good.example", 100);
	s = asked_again(0);
	send_early(s, 0, (uint32_t)early.len);
	assert_answer(s, s->ids, GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"malformed_hello\"", 1);
	assert_true(scene_end(s));
}

/* ---- a second hello in a tunnel ----------------------------------------------------------------- */

#define TUNNEL      "CONNECT good.example:443 HTTP/1.1\r\n\r\n"
#define MADE        "HTTP/1.1 200 OK\r\nServer: a\x16\x03\r\n\r\n"
#define OTHER_HELLO "\x16\x03\x03\x01\x2a\x02\x01\x01\x26\x03\x03\xcf\x21\xad\x75"
#define SOCKS       "\x04\x01\x01\xbb\0\0\0\x01\0good.example\0"
#define ECHOES \
	"HTTP/1.1 200 OK\r\nVia: \x16\x03\x16\x03\x16\x02\x03\x16\x03\x03\x03\xcf\x03\r\n\r\n"
#define SERVED "\x00\x5a\x16\x03\x16\x03\x02\x02"

static void a_second_hello_behind_a_proxys_answer_is_judged(void **state)
{
	static const struct {
		const char *ask, *answer;
		size_t ask_len, answer_len;
	} proxies[] = {
		{TUNNEL, MADE, sizeof(TUNNEL) - 1, sizeof(MADE) - 1},
		/* It says again what looks like a ServerHello. */
		{TUNNEL, ECHOES, sizeof(TUNNEL) - 1, sizeof(ECHOES) - 1},
		{SOCKS, SERVED, sizeof(SOCKS) - 1, sizeof(SERVED) - 1},
	};
	static struct bytes say_all, answer;

	(void)state;
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
		say_all.len = answer.len = 0;
		put_mem(&say_all, proxies[i].ask, proxies[i].ask_len);
		put_mem(&say_all, good.b, good.len);
		put_mem(&answer, proxies[i].answer, proxies[i].answer_len);
		put_mem(&answer, hello_retry, sizeof(hello_retry) - 1);
		for (uint32_t step = 1; step <= answer.len; step++) {
			const uint32_t at = (uint32_t)say_all.len;
			const bool bad = step % 2 != 0;
			struct scene *s = start(closed);

			(void)open_tcp(s, &v4);
			assert_answer(s, say(s, &v4, &say_all), GOT_PASS);
			for (uint32_t n = 0; n < answer.len; n += step)
				assert_answer(
					s,
					send_segment(
						s, &v4,
						(struct segment){FROM_SERVER, TCP_ACK,
								 SERVER_FIRST + n,
								 CLIENT_FIRST + at,
								 answer.b + n,
								 answer.len - n < step
									 ? answer.len - n
									 : step}),
					GOT_PASS);
			assert_answer(s,
				      send_data(s, &v4, at, bad ? evil.b : good.b,
						bad ? evil.len : good.len),
				      bad ? GOT_DROP : GOT_PASS);
			assert_true(scene_end(s));
		}
	}
}

/*
 * Another ServerHello, which a proxy may have made up unless its answer was over, and what is no TLS:
 * so much is heard and no more.
 */
static void a_tunnels_answer_is_not_listened_to_for_ever(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 100 Go on\r\n\r\n" OTHER_HELLO,
		MADE,
		MADE OTHER_HELLO,
	};
	static struct bytes say_all;
	static char page[5000];

	(void)state;
	memset(page, 'x', sizeof(page) - 1);
	say_all.len = 0;
	put_mem(&say_all, TUNNEL, sizeof(TUNNEL) - 1);
	put_mem(&say_all, good.b, good.len);
	for (size_t i = 0; i < 3; i++) {
		const size_t n = strlen(answers[i]);
		const uint32_t at = (uint32_t)say_all.len;
		struct scene *s = start(closed);

		(void)open_tcp(s, &v4);
		(void)say(s, &v4, &say_all);
		assert_answer(
			s,
			send_segment(s, &v4,
				     (struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST,
						      CLIENT_FIRST + at, answers[i], n}),
			i == 2 ? GOT_FINAL : GOT_PASS);
		assert_answer(s, send_reply(s, &v4, (uint32_t)n, at, page), GOT_FINAL);
		assert_true(scene_end(s));
	}
}

/* Behind STARTTLS and PRELOGIN nobody but the server itself can have said it. */
static void another_servers_hello_ends_it(void **state)
{
	static struct bytes answer;

	(void)state;
	for (size_t i = 0; i < CARRIERS_OF_TLS; i++) {
		struct scene *s = start(closed);
		uint32_t at, said;

		begin_tls(s, &carriers[i], 4096, &at, &said);
		carry(&answer, &carriers[i], OTHER_HELLO, sizeof(OTHER_HELLO) - 1, 4096);
		assert_answer(s,
			      send_segment(s, &v4,
					   (struct segment){FROM_SERVER, TCP_ACK,
							    SERVER_FIRST + said,
							    CLIENT_FIRST + at, answer.b,
							    answer.len}),
			      GOT_FINAL);
		assert_true(scene_end(s));
	}
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
	assert_answers(s, first, 3, GOT_PASS);
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
		assert_answer(s, say(s, all[i], &good), GOT_PASS);
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

/*
 * A second SYN with other numbers: a client that comes again, or one whose server has answered
 * the first and ignores it.  Bytes by the numbers that do not count may stand in front of what
 * the server reads, and bytes that were not judged may not pass.
 */
static void check_second_syn(uint32_t isn)
{
	struct scene *s = start(closed);
	uint32_t id;

	(void)send_syn(s, &v4);
	/* The server's answer is not queued (architecture.md). */
	id = send_segment(s, &v4,
			  (struct segment){FROM_CLIENT, TCP_SYN, isn, 0, NULL, 0});
	assert_answer(s, id, GOT_PASS);
	assert_answer(s, say(s, &v4, &evil), GOT_DROP); /* by the first's numbers */
	id = send_segment(s, &v4,
			  (struct segment){FROM_CLIENT, TCP_ACK, isn + 1, SERVER_FIRST,
					   good.b, good.len});
	assert_answer(s, id, GOT_PASS);
	assert_answer(s, say(s, &v4, &evil), GOT_DROP);
	id = send_segment(s, &v4,
			  (struct segment){FROM_CLIENT, TCP_ACK,
					   isn + 1 + (uint32_t)good.len, SERVER_FIRST,
					   evil.b, evil.len});
	assert_answer(s, id, GOT_DROP);
	assert_lines(s, "\"phase\":\"start\"", "\"host\":\"good.example\"", 1);
	/* The server takes it: the client had come again. */
	id = send_segment(s, &v4,
			  (struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST,
					   isn + 1 + (uint32_t)good.len, "hi", 2});
	assert_answer(s, id, GOT_FINAL);
	assert_true(scene_end(s));
}

static void a_second_syn_is_not_believed(void **state)
{
	(void)state;
	check_second_syn(CLIENT_FIRST - 1 + 2000);
	check_second_syn(CLIENT_FIRST - 1 - 2000);
}

/* The beginning was not seen: what is in front of the first bytes, or glued to them, is not passed. */
static void a_hello_in_midstream_stands_alone(void **state)
{
	static struct bytes both;
	struct scene *s = start(closed);
	const uint32_t len = (uint32_t)good.len;

	(void)state;
	both.len = 0;
	put_mem(&both, good.b, good.len);
	put_mem(&both, evil.b, evil.len);
	assert_answer(s, send_data(s, &v4, 0, both.b, both.len), GOT_DROP);
	assert_answer(s, send_data(s, &v4, 0, good.b, good.len), GOT_PASS);
	assert_answer(s, send_data(s, &v4, len, evil.b, evil.len), GOT_DROP);
	assert_answer(s, send_data(s, &v4, (uint32_t)-10, evil.b, evil.len), GOT_DROP);
	assert_answer(s, send_data(s, &v4, 0, good.b, good.len), GOT_PASS);
	assert_taken(s, &v4, good.len);
	assert_true(scene_end(s));
}

/* A server that ignores what was judged (an old time stamp) gets nothing else in its place. */
static void other_bytes_in_the_place_of_a_judged_hello_do_not_pass(void **state)
{
	static struct bytes same;
	struct scene *s = start(closed);

	(void)state;
	make_hello(&same, "evil.example", 100);
	assert_int_equal(same.len, good.len);
	(void)open_tcp(s, &v4);
	assert_answer(s, say(s, &v4, &good), GOT_PASS);
	assert_answer(s, say(s, &v4, &same), GOT_DROP);
	assert_int_equal(scene_stats(s).conflicting, 1);
	assert_answer(s, say(s, &v4, &good), GOT_PASS);
	assert_taken(s, &v4, good.len);
	assert_true(scene_end(s));
}

/* What the urgent flag does to the bytes hangs on the server. */
static void urgent_bytes_are_dropped_before_the_verdict(void **state)
{
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)open_tcp(s, &v4);
	id = send_segment(s, &v4,
			  (struct segment){FROM_CLIENT, TCP_ACK | TCP_URG, CLIENT_FIRST,
					   SERVER_FIRST, evil.b, evil.len});
	assert_answer(s, id, GOT_DROP);
	(void)say(s, &v4, &evil);
	assert_lines(s, "\"phase\":\"start\"", "\"verdict\":\"deny\"", 1);
	assert_true(scene_end(s));
}

/* Unless the first one came to nothing. */
static void a_syn_after_a_silence_is_the_first(void **state)
{
	struct scene *s = start(closed);
	uint32_t id;

	(void)state;
	(void)send_syn(s, &v4);
	s->now_us += 31 * SECOND;
	id = send_segment(s, &v4,
			  (struct segment){FROM_CLIENT, TCP_SYN, 77000, 0, NULL, 0});
	assert_answer(s, id, GOT_PASS);
	id = send_segment(s, &v4,
			  (struct segment){FROM_CLIENT, TCP_ACK, 77001, SERVER_FIRST,
					   good.b, good.len});
	assert_answer(s, id, GOT_PASS);
	assert_true(scene_end(s));
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
	assert_answer(s, held, GOT_PASS);
	held = say_part(s, &of_source[1], &good, 0, 2);
	assert_answer(s, held, GOT_NOTHING);
	assert_answer(s, say_part(s, &of_source[1], &good, 1, 2), GOT_PASS);
	assert_answer(s, held, GOT_PASS);
	assert_taken(s, &of_source[1], good.len);
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
	assert_answer(s, say(s, &v6, &good), GOT_PASS);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_allowed_hello_passes_for_good),
		cmocka_unit_test(pieces_wait_for_the_last_and_keep_their_order),
		cmocka_unit_test(what_is_not_payload_is_never_held),
		cmocka_unit_test(the_same_hello_may_come_twice),
		cmocka_unit_test(another_second_hello_is_dropped),
		cmocka_unit_test(a_second_hello_is_judged_whatever_the_records),
		cmocka_unit_test(a_second_hello_is_judged_however_it_was_asked_for),
		cmocka_unit_test(
			a_second_hello_before_it_was_asked_for_is_no_second_hello),
		cmocka_unit_test(a_second_hello_is_not_waited_for_for_ever),
		cmocka_unit_test(a_second_hello_amid_another_protocol_is_judged),
		cmocka_unit_test(nothing_may_follow_a_hello_in_its_packet),
		cmocka_unit_test(a_second_hello_without_a_name_is_the_same),
		cmocka_unit_test(early_data_in_front_of_a_second_hello_is_skipped),
		cmocka_unit_test(early_data_is_not_held_but_in_a_header),
		cmocka_unit_test(other_bytes_in_the_place_of_early_data_are_dropped),
		cmocka_unit_test(
			behind_early_data_no_second_hello_passes_before_it_is_asked_for),
		cmocka_unit_test(what_was_not_offered_or_is_too_much_is_not_skipped),
		cmocka_unit_test(a_second_hello_behind_a_proxys_answer_is_judged),
		cmocka_unit_test(a_tunnels_answer_is_not_listened_to_for_ever),
		cmocka_unit_test(another_servers_hello_ends_it),
		cmocka_unit_test(a_denied_name_is_dropped_and_both_ends_are_told),
		cmocka_unit_test(what_comes_after_a_denial_fares_the_same),
		cmocka_unit_test(a_denied_address_is_refused_at_once),
		cmocka_unit_test(other_bytes_than_those_held_are_dropped),
		cmocka_unit_test(the_same_bytes_again_are_no_conflict),
		cmocka_unit_test(a_low_hop_limit_is_dropped),
		cmocka_unit_test(what_a_server_ignores_is_dropped),
		cmocka_unit_test(a_second_syn_is_not_believed),
		cmocka_unit_test(a_hello_in_midstream_stands_alone),
		cmocka_unit_test(other_bytes_in_the_place_of_a_judged_hello_do_not_pass),
		cmocka_unit_test(urgent_bytes_are_dropped_before_the_verdict),
		cmocka_unit_test(a_syn_after_a_silence_is_the_first),
		cmocka_unit_test(reasons_of_drops_add_up),
		cmocka_unit_test(a_connection_over_its_cap_waits_for_the_client),
		cmocka_unit_test(a_source_over_its_cap_is_decided_by_the_retransmission),
		cmocka_unit_test(all_together_have_a_cap),
		cmocka_unit_test(bytes_over_a_cap_are_not_replaced),
		cmocka_unit_test(bytes_held_too_long_are_not_replaced),
	};

	return cmocka_run_group_tests_name("engine/inline", tests, prepare, tidy);
}
