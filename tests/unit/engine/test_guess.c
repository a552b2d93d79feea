/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/guess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "engine/guesser.h"
#include "identify/ndpi_packet.h"

#define NOW  INT64_C(1700000000000000)
#define SEED 0xfffffffeu

static const char bittorrent[] = "\x13"
				 "BitTorrent protocol\0\0\0\0\0\x10\0\5"
				 "aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb";
#define BITTORRENT bittorrent, sizeof(bittorrent) - 1
#define NOISE      "\x93\x17\xe4\xc2\x05\x99", 6

/* What the owners, which are ints, were told. */
struct told {
	int *owner;
	unsigned count;
	struct ndpi_answer answer;
};

struct scene {
	struct guess_rings rings;
	struct guesses *guesses;
	struct guesser *guesser;
	struct told told;
	int owners[GUESS_OPEN_MAX + 2];
};

static void take(void *arg, void *owner, const struct ndpi_answer *a)
{
	struct told *t = arg;

	t->owner = owner;
	t->count++;
	t->answer = *a;
}

static struct guesses *new_guesses(struct scene *s, bool here)
{
	const struct guess_cfg cfg = {.rings = here ? NULL : &s->rings,
				      .seed = SEED,
				      .take = take,
				      .arg = &s->told};

	return guesses_create(&cfg);
}

static struct scene *new_scene(size_t ring_bytes)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->rings.asks = ring_create_shared(ring_bytes);
	s->rings.answers = ring_create_shared(ring_bytes);
	s->guesses = new_guesses(s, false);
	assert_non_null(s->rings.asks);
	assert_non_null(s->rings.answers);
	assert_non_null(s->guesses);
	return s;
}

static void start_guesser(struct scene *s)
{
	s->guesser = guesser_create(&s->rings, NULL);
	assert_non_null(s->guesser);
}

static void end_scene(struct scene *s)
{
	guesses_destroy(s->guesses);
	guesser_destroy(s->guesser);
	ring_destroy(s->rings.asks);
	ring_destroy(s->rings.answers);
	free(s);
}

static void feed(struct guesses *g, uint32_t number, const char *data, size_t len)
{
	static const uint8_t inside[4] = {10, 1, 0, 2}, outside[4] = {198, 51, 100, 7};
	struct packet p = {.ip_proto = IP_PROTO_TCP,
			   .has_l4 = true,
			   .src_port = 40000,
			   .dst_port = 443,
			   .payload = (const uint8_t *)data,
			   .payload_len = len,
			   .payload_wire_len = len};

	p.src = addr_from_v4(inside);
	p.dst = addr_from_v4(outside);
	guess_feed(g, number, &p, NOW);
}

static struct guess_stats stats_of(const struct scene *s)
{
	struct guess_stats st;

	guesses_stats(s->guesses, &st);
	return st;
}

/* The oldest ask, given back. */
static bool next_ask(struct scene *s, struct guess_ask *ret)
{
	size_t len;
	const void *at = ring_peek(s->rings.asks, &len);

	if (at == NULL)
		return false;
	memcpy(ret, at, sizeof(*ret));
	assert_int_equal(len, sizeof(*ret) + ret->packet_len);
	if (ret->kind != GUESS_ASK_END)
		assert_true(ndpi_packet_is_normal((const uint8_t *)at + sizeof(*ret),
						  ret->packet_len, ret->ip_proto));
	ring_release(s->rings.asks);
	return true;
}

static void say(struct scene *s, const void *record, size_t len)
{
	void *at = ring_reserve(s->rings.answers, len);

	assert_non_null(at);
	memcpy(at, record, len);
	ring_commit(s->rings.answers, len);
}

static void a_word_comes_over_the_rings(void **state)
{
	struct scene *s = new_scene(1 << 16);
	uint32_t a, b;

	(void)state;
	start_guesser(s);
	a = guess_start(s->guesses, &s->owners[0], IP_PROTO_TCP);
	b = guess_start(s->guesses, &s->owners[1], IP_PROTO_TCP);
	assert_int_not_equal(a, GUESS_NONE);
	feed(s->guesses, a, NOISE);
	feed(s->guesses, b, BITTORRENT);
	assert_int_equal(guesser_serve(s->guesser, 10), 2);
	guesses_poll(s->guesses);
	assert_int_equal(s->told.count, 1);
	assert_ptr_equal(s->told.owner, &s->owners[1]);
	assert_string_equal(s->told.answer.word, "bittorrent");
	assert_int_not_equal(s->told.answer.confidence, GUESS_CONFIDENCE_NONE);
	assert_int_equal(stats_of(s).answered, 1);
	end_scene(s);
}

/* Eight packets, then that it is unknown. */
static void nothing_known_is_an_answer(void **state)
{
	struct scene *s = new_scene(1 << 16);
	uint32_t a;

	(void)state;
	start_guesser(s);
	a = guess_start(s->guesses, &s->owners[0], IP_PROTO_TCP);
	for (int i = 0; i < 3 * NDPI_PACKETS_MAX; i++)
		feed(s->guesses, a, NOISE);
	assert_int_equal(guesser_serve(s->guesser, 100), NDPI_PACKETS_MAX);
	guesses_poll(s->guesses);
	assert_int_equal(s->told.count, 1);
	assert_string_equal(s->told.answer.word, "");
	end_scene(s);
}

static void what_is_asked(void **state)
{
	static const enum guess_ask_kind want[] = {GUESS_ASK_BEGIN, GUESS_ASK_PACKET,
						   GUESS_ASK_END};
	struct scene *s = new_scene(1 << 16);
	struct guess_ask a = {0}, first = {0};
	uint32_t number = guess_start(s->guesses, &s->owners[0], IP_PROTO_TCP);

	(void)state;
	feed(s->guesses, number, NOISE);
	feed(s->guesses, number, "", 0);
	feed(s->guesses, number, NOISE);
	guess_end(s->guesses, number);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(next_ask(s, &a));
		assert_int_equal(a.kind, want[i]);
		assert_int_equal(a.slot, number - 1);
		if (i == 0)
			first = a;
		assert_int_equal(a.generation, first.generation);
	}
	assert_false(next_ask(s, &a));
	assert_int_equal(s->told.count, 0);
	/* The same place has another generation; what was asked nothing has no end. */
	assert_int_equal(guess_start(s->guesses, &s->owners[0], IP_PROTO_TCP), number);
	guess_end(s->guesses, number);
	assert_false(next_ask(s, &a));
	assert_int_equal(guess_start(s->guesses, &s->owners[0], IP_PROTO_TCP), number);
	feed(s->guesses, number, NOISE);
	assert_true(next_ask(s, &a));
	assert_int_equal(a.generation, first.generation + 2);
	end_scene(s);
}

static void nobody_waits_for_a_full_ring(void **state)
{
	struct scene *s = new_scene(1 << 16);
	struct guess_ask a = {0};
	unsigned asked = 0;
	uint32_t number = GUESS_NONE;

	(void)state;
	for (int i = 0; i < 4096; i++) {
		number = guess_start(s->guesses, &s->owners[i], IP_PROTO_TCP);
		feed(s->guesses, number, NOISE);
	}
	while (next_ask(s, &a))
		asked++;
	assert_true(asked > 100 && asked < 4096);
	assert_int_equal(stats_of(s).dropped, 4096 - asked);
	/* The last one's first packet was not sent: the next is the first. */
	feed(s->guesses, number, NOISE);
	assert_true(next_ask(s, &a));
	assert_int_equal(a.kind, GUESS_ASK_BEGIN);
	assert_int_equal(a.slot, number - 1);
	end_scene(s);
}

static void the_oldest_goes_for_a_new_one(void **state)
{
	struct scene *s = new_scene(1 << 22);
	struct guess_ask a = {0};
	uint32_t first = GUESS_NONE;

	(void)state;
	for (uint32_t i = 0; i <= GUESS_OPEN_MAX; i++) {
		uint32_t n = guess_start(s->guesses, &s->owners[i], IP_PROTO_TCP);

		if (i == 0) {
			first = n;
			feed(s->guesses, n, NOISE);
			assert_true(next_ask(s, &a));
		}
		assert_int_equal(s->told.count, i == GUESS_OPEN_MAX);
		if (i == GUESS_OPEN_MAX)
			assert_int_equal(n, first);
	}
	assert_ptr_equal(s->told.owner, &s->owners[0]);
	assert_string_equal(s->told.answer.word, "");
	assert_int_equal(stats_of(s).displaced, 1);
	assert_true(next_ask(s, &a));
	assert_int_equal(a.kind, GUESS_ASK_END);
	/* And the second for the next. */
	(void)guess_start(s->guesses, &s->owners[0], IP_PROTO_TCP);
	assert_ptr_equal(s->told.owner, &s->owners[1]);
	end_scene(s);
}

static void an_answer_is_hostile(void **state)
{
	struct scene *s = new_scene(1 << 16);
	struct guess_answer right = {.ndpi = {"ssh", "a.example", GUESS_CONFIDENCE_DPI}};
	struct guess_answer bad[9];
	struct guess_ask a = {0};
	uint32_t number = guess_start(s->guesses, &s->owners[7], IP_PROTO_TCP);
	uint32_t silent = guess_start(s->guesses, &s->owners[8], IP_PROTO_TCP);
	const size_t count = sizeof(bad) / sizeof(bad[0]);

	(void)state;
	feed(s->guesses, number, NOISE);
	assert_true(next_ask(s, &a));
	right.slot = a.slot;
	right.generation = a.generation;
	for (size_t i = 0; i < count; i++)
		bad[i] = right;
	bad[0].slot = GUESS_OPEN_MAX;
	bad[1].slot = UINT32_MAX;
	bad[2].slot = silent - 1;  /* was asked nothing */
	bad[3].slot = silent + 5;  /* not open */
	bad[4].generation += 1;    /* of the future */
	bad[5].generation -= 2;    /* of long ago */
	bad[6].ndpi.word[1] = 'S'; /* not of the alphabet */
	memset(bad[7].ndpi.host, 'a', sizeof(bad[7].ndpi.host));
	bad[8].ndpi.confidence = GUESS_CONFIDENCE_COUNT;
	for (size_t i = 0; i < count; i++) {
		say(s, &bad[i], sizeof(bad[i]));
		guesses_poll(s->guesses);
		assert_int_equal(stats_of(s).refused, i + 1);
	}
	say(s, &right, sizeof(right) - 1);
	say(s, "", 0);
	guesses_poll(s->guesses);
	assert_int_equal(stats_of(s).refused, count + 2);
	assert_int_equal(s->told.count, 0);
	say(s, &right, sizeof(right));
	guesses_poll(s->guesses);
	assert_int_equal(s->told.count, 1);
	assert_ptr_equal(s->told.owner, &s->owners[7]);
	assert_string_equal(s->told.answer.host, "a.example");
	/* Once. */
	say(s, &right, sizeof(right));
	guesses_poll(s->guesses);
	assert_int_equal(s->told.count, 1);
	assert_int_equal(stats_of(s).late, 1);
	end_scene(s);
}

static void who_answers_without_end_does_not_keep_us(void **state)
{
	struct scene *s = new_scene(1 << 20);
	const struct guess_answer none = {.slot = 1};
	size_t len;
	void *at;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		at = ring_reserve(s->rings.answers, sizeof(none));
		assert_non_null(at);
		memcpy(at, &none, sizeof(none));
		ring_commit(s->rings.answers, sizeof(none));
	}
	guesses_poll(s->guesses);
	assert_non_null(ring_peek(s->rings.answers, &len));
	for (unsigned i = 0; i < 4; i++)
		guesses_poll(s->guesses);
	assert_null(ring_peek(s->rings.answers, &len));
	assert_int_equal(stats_of(s).refused, 5000);
	end_scene(s);
}

static void after_the_end_an_answer_is_late(void **state)
{
	struct scene *s = new_scene(1 << 16);
	uint32_t a;

	(void)state;
	start_guesser(s);
	a = guess_start(s->guesses, &s->owners[0], IP_PROTO_TCP);
	feed(s->guesses, a, BITTORRENT);
	guess_end(s->guesses, a);
	assert_int_equal(guesser_serve(s->guesser, 10), 2);
	guesses_poll(s->guesses);
	assert_int_equal(s->told.count, 0);
	assert_int_equal(stats_of(s).late, 1);
	assert_int_equal(stats_of(s).refused, 0);
	end_scene(s);
}

/* What was asked of the one before is not asked of the next in its middle. */
static void a_new_guesser_knows_nothing_of_before(void **state)
{
	struct scene *s = new_scene(1 << 16);
	struct guesser_stats st;
	uint32_t a, b;

	(void)state;
	start_guesser(s);
	a = guess_start(s->guesses, &s->owners[0], IP_PROTO_TCP);
	feed(s->guesses, a, NOISE);
	assert_int_equal(guesser_serve(s->guesser, 10), 1);
	guesser_destroy(s->guesser);
	start_guesser(s);
	b = guess_start(s->guesses, &s->owners[1], IP_PROTO_TCP);
	feed(s->guesses, a, BITTORRENT);
	feed(s->guesses, b, BITTORRENT);
	assert_int_equal(guesser_serve(s->guesser, 10), 2);
	guesses_poll(s->guesses);
	assert_int_equal(s->told.count, 1);
	assert_ptr_equal(s->told.owner, &s->owners[1]);
	guesser_stats(s->guesser, &st);
	assert_int_equal(st.ignored, 1);
	end_scene(s);
}

static void the_guesser_looks_at_asks_too(void **state)
{
	struct scene *s = new_scene(1 << 16);
	static const struct guess_ask bad[] = {
		{.slot = GUESS_OPEN_MAX, .ip_proto = IP_PROTO_TCP},
		{.slot = UINT32_MAX, .ip_proto = IP_PROTO_TCP},
		{.slot = 0, .ip_proto = IP_PROTO_TCP, .packet_len = 1},
		{.slot = 0, .ip_proto = IP_PROTO_TCP, .packet_len = NDPI_PACKET_MAX + 1},
	};
	struct guesser_stats st;
	void *at;

	(void)state;
	start_guesser(s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		at = ring_reserve(s->rings.asks, sizeof(bad[i]));
		assert_non_null(at);
		memcpy(at, &bad[i], sizeof(bad[i]));
		ring_commit(s->rings.asks, sizeof(bad[i]));
	}
	assert_non_null(ring_reserve(s->rings.asks, 3));
	ring_commit(s->rings.asks, 3);
	assert_int_equal(guesser_serve(s->guesser, 10), 5);
	guesser_stats(s->guesser, &st);
	assert_int_equal(st.ignored, 5);
	end_scene(s);
}

/* The end of a guess of before, whose place is another's by now. */
static void an_end_ends_its_own_guess_only(void **state)
{
	struct scene *s = new_scene(1 << 16);
	struct guess_ask end = {.kind = GUESS_ASK_END, .generation = SEED - 1};
	uint32_t a;
	void *at;

	(void)state;
	start_guesser(s);
	a = guess_start(s->guesses, &s->owners[0], IP_PROTO_TCP);
	feed(s->guesses, a, NOISE);
	end.slot = a - 1;
	at = ring_reserve(s->rings.asks, sizeof(end));
	assert_non_null(at);
	memcpy(at, &end, sizeof(end));
	ring_commit(s->rings.asks, sizeof(end));
	for (int i = 1; i < NDPI_PACKETS_MAX; i++)
		feed(s->guesses, a, NOISE);
	assert_int_equal(guesser_serve(s->guesser, 10), NDPI_PACKETS_MAX + 1);
	guesses_poll(s->guesses);
	assert_int_equal(s->told.count, 1);
	end_scene(s);
}

static void in_the_thread_the_answer_comes_in_the_call(void **state)
{
	struct scene *s = new_scene(1 << 16);
	struct guesses *g = new_guesses(s, true);
	uint32_t a, b;

	(void)state;
	assert_non_null(g);
	a = guess_start(g, &s->owners[0], IP_PROTO_TCP);
	b = guess_start(g, &s->owners[1], IP_PROTO_TCP);
	feed(g, b, NOISE);
	assert_int_equal(s->told.count, 0);
	feed(g, a, BITTORRENT);
	assert_int_equal(s->told.count, 1);
	assert_ptr_equal(s->told.owner, &s->owners[0]);
	assert_string_equal(s->told.answer.word, "bittorrent");
	guess_end(g, b);
	assert_int_equal(s->told.count, 2);
	assert_ptr_equal(s->told.owner, &s->owners[1]);
	assert_string_equal(s->told.answer.word, "");
	(void)guess_start(g, &s->owners[1], IP_PROTO_TCP); /* open at the end */
	guesses_destroy(g);
	end_scene(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_comes_over_the_rings),
		cmocka_unit_test(nothing_known_is_an_answer),
		cmocka_unit_test(what_is_asked),
		cmocka_unit_test(nobody_waits_for_a_full_ring),
		cmocka_unit_test(the_oldest_goes_for_a_new_one),
		cmocka_unit_test(an_answer_is_hostile),
		cmocka_unit_test(who_answers_without_end_does_not_keep_us),
		cmocka_unit_test(after_the_end_an_answer_is_late),
		cmocka_unit_test(a_new_guesser_knows_nothing_of_before),
		cmocka_unit_test(the_guesser_looks_at_asks_too),
		cmocka_unit_test(an_end_ends_its_own_guess_only),
		cmocka_unit_test(in_the_thread_the_answer_comes_in_the_call),
	};

	return cmocka_run_group_tests_name("engine/guess", tests, NULL, NULL);
}
