/* SPDX-License-Identifier: Apache-2.0 */
/* Several connections of QUIC between the same ports: which of them the server takes is not known. */
#include "watch.h"

#include "initial.h"

#define ALL      0 /* of a hello */
#define MAX_SENT 10

enum what {
	END = 0,
	HELLO,   /* of the client: bytes [from, to) of it */
	PING,    /* of the client: no CRYPTO */
	TAKEN,   /* of the server: an Initial that acknowledges */
	ANSWERS, /* of the server: an Initial with its hello */
	SHORT,   /* of the server: a short header */
	JUNK,    /* of the client: `to` datagrams that no server takes */
	FRAMES,  /* a hello in two frames of a packet, cut at `from` */
	RETRIES, /* a Retry to the id, whose eight bytes of the new one are `to` */
	PAUSE,   /* so many seconds */
};

/* One step of a capture. */
struct step {
	enum what what;
	uint8_t id; /* the eight bytes of the connection's id */
	const struct bytes *hello;
	size_t from, to;
	uint32_t number, version;
};

/* What is told at the beginning, or by the end. */
struct row {
	const char *about;
	const char *start, *end;
	struct step steps[MAX_SENT];
};

static const char server_hello[] = "\2\0\0\x26\3\3"
				   "0123456789abcdef0123456789abcdef"
				   "\0\x13\1\0";

static void make_packet(struct bytes *to, const struct step *t)
{
	static struct seal seal;
	static struct bytes frames;
	uint8_t id[8];

	memset(id, t->id, sizeof(id));
	memset(&seal, 0, sizeof(seal));
	assert_true(quic_crypto_open(&seal.crypto));
	seal.dcid = id;
	seal.dcid_len = sizeof(id);
	seal.number = t->number;
	seal.version = t->version;
	seal.server = t->what == TAKEN || t->what == ANSWERS;
	seal.pad_to = 1200;
	frames.len = to->len = 0;
	if (t->what == RETRIES) {
		uint8_t next[8];

		memset(next, (int)t->to, sizeof(next));
		put_retry(to, &seal, next, sizeof(next));
		quic_crypto_close(&seal.crypto);
		return;
	}
	if (t->what == FRAMES) {
		put_crypto(&frames, 0, t->hello->b + 5, t->from);
		put_crypto(&frames, t->from, t->hello->b + 5 + t->from,
			   t->hello->len - 5 - t->from);
	} else if (t->what == HELLO)
		put_crypto(&frames, t->from, t->hello->b + 5 + t->from,
			   (t->to == ALL ? t->hello->len - 5 : t->to) - t->from);
	else if (t->what == ANSWERS)
		put_crypto(&frames, 0, (const uint8_t *)server_hello,
			   sizeof(server_hello) - 1);
	else if (t->what == TAKEN)
		put_mem(&frames, "\2\0\0\0\0", 5);
	else
		put_be(&frames, 1, 1);
	put_initial(to, &seal, &frames);
	quic_crypto_close(&seal.crypto);
}

static void see_step(struct scene *s, const struct ends *e, const struct step *t)
{
	static const char short_header[] = "@234567890123456789012345";
	static struct bytes d;

	switch (t->what) {
	case HELLO:
	case FRAMES:
	case PING:
	case TAKEN:
	case ANSWERS:
	case RETRIES:
		make_packet(&d, t);
		see_datagram(s, e,
			     t->what == HELLO || t->what == FRAMES || t->what == PING
				     ? FROM_CLIENT
				     : FROM_SERVER,
			     d.b, d.len);
		break;
	case SHORT:
		see_datagram(s, e, FROM_SERVER, short_header, sizeof(short_header) - 1);
		break;
	case JUNK:
		for (size_t i = 0; i < t->to; i++)
			see_datagram(s, e, FROM_CLIENT,
				     t->id == 0 ? "junk" : short_header,
				     t->id == 0 ? 4 : sizeof(short_header) - 1);
		break;
	case PAUSE:
		s->now_us += (int64_t)t->to * SECOND;
		break;
	case END:
		break;
	}
}

static void check(const struct ends *e, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct scene *s = watch();

		for (size_t k = 0; k < MAX_SENT && rows[i].steps[k].what != END; k++)
			see_step(s, e, &rows[i].steps[k]);
		worker_finish(s->w, s->now_us);
		if (scene_lines(s, "\"phase\":\"start\"", rows[i].start) != 1 ||
		    (rows[i].end != NULL &&
		     scene_lines(s, "\"phase\":\"end\"", rows[i].end) != 1))
			fail_msg("%s:\n%s", rows[i].about, s->events);
		end_watch(s);
	}
}

#define GOOD         "\"host\":\"good.example\""
#define EVIL         "\"host\":\"evil.example\""
#define GOOD_OR_EVIL "\"candidates\":[\"good.example\",\"evil.example\"]"
#define EVIL_OR_GOOD "\"candidates\":[\"evil.example\",\"good.example\"]"

static void each_hello_is_a_candidate(void **state)
{
	const struct row rows[] = {
		{"the third of three",
		 EVIL_OR_GOOD,
		 NULL,
		 {{HELLO, 1, &good, 0, ALL, 0, 1},
		  {HELLO, 2, &good, 0, ALL, 0, 1},
		  {HELLO, 3, &evil, 0, ALL, 0, 1},
		  {ANSWERS, 3, NULL, 0, 0, 0, 1}}},
		{"the third, in two, its server's word between",
		 EVIL_OR_GOOD,
		 NULL,
		 {{HELLO, 1, &good, 0, ALL, 0, 1},
		  {HELLO, 2, &good, 0, ALL, 0, 1},
		  {HELLO, 3, &evil, 0, 60, 0, 1},
		  {TAKEN, 3, NULL, 0, 0, 0, 1},
		  {HELLO, 3, &evil, 60, ALL, 1, 1},
		  {ANSWERS, 3, NULL, 0, 0, 1, 1}}},
		{"halves crossed",
		 GOOD_OR_EVIL,
		 NULL,
		 {{HELLO, 2, &evil, 0, 60, 0, 1},
		  {HELLO, 1, &good, 0, 60, 0, 1},
		  {HELLO, 2, &evil, 60, ALL, 1, 1},
		  {HELLO, 1, &good, 60, ALL, 1, 1},
		  {SHORT, 0, NULL, 0, 0, 0, 1}}},
		{"one id in two versions",
		 EVIL_OR_GOOD,
		 NULL,
		 {{HELLO, 1, &good, 0, ALL, 0, 0x6b3343cf},
		  {HELLO, 1, &evil, 0, ALL, 0, 1},
		  {SHORT, 0, NULL, 0, 0, 0, 1}}},
		{"a Retry to the first, and the second is answered",
		 EVIL_OR_GOOD,
		 NULL,
		 {{HELLO, 1, &good, 0, ALL, 0, 1},
		  {HELLO, 2, &evil, 0, ALL, 0, 1},
		  {RETRIES, 1, NULL, 0, 3, 0, 1},
		  {HELLO, 3, &good, 0, ALL, 1, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1},
		  {SHORT, 0, NULL, 0, 0, 0, 1}}},
		{"two contents under the second id",
		 GOOD_OR_EVIL,
		 NULL,
		 {{PING, 1, NULL, 0, 0, 0, 1},
		  {HELLO, 2, &good, 0, ALL, 0, 1},
		  {HELLO, 2, &evil, 0, ALL, 1, 1},
		  {SHORT, 0, NULL, 0, 0, 0, 1}}},
	};

	(void)state;
	check(&quic, rows, sizeof(rows) / sizeof(rows[0]));
}

/* Two contents of the pieces in front of a place within the name and behind it, of the first id and the second. */
static void crossed_pieces_name_all_four(void **state)
{
	static const char *const names[] = {"good", "evil", "goil", "evod"};
	const uint8_t *name = memmem(good.b, good.len, "good.example", 12);
	const size_t cut = (size_t)(name - good.b) - 5 + 2;

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		const uint8_t id = n % 2 + 1;
		const struct step pieces[] = {
			{PING, 1, NULL, 0, 0, 0, 1},
			{HELLO, id, &good, 0, cut, 1, 1},
			{HELLO, id, &evil, cut, ALL, 2, 1},
			{HELLO, id, &evil, 0, cut, 3, 1},
			{HELLO, id, &good, cut, ALL, 4, 1},
			{SHORT, 0, NULL, 0, 0, 0, 1},
		};
		const struct step frames[] = {
			{PING, 1, NULL, 0, 0, 0, 1},
			{HELLO, id, &good, 0, ALL, 1, 1},
			{FRAMES, id, &evil, cut, 0, 2, 1},
			{SHORT, 0, NULL, 0, 0, 0, 1},
		};
		struct scene *s = watch();

		for (size_t i = 0; n < 2 && i < sizeof(pieces) / sizeof(pieces[0]); i++)
			see_step(s, &quic, &pieces[i]);
		for (size_t i = 0; n > 1 && i < sizeof(frames) / sizeof(frames[0]); i++)
			see_step(s, &quic, &frames[i]);
		worker_finish(s->w, s->now_us);
		for (size_t i = 0; i < 4; i++) {
			char text[32];

			(void)snprintf(text, sizeof(text), "\"%s.example\"", names[i]);
			assert_lines(s, "\"undecidable\":\"conflict\"", text, 2);
		}
		assert_lines(s, "more_candidates", NULL, 0);
		end_watch(s);
	}
}

/* More than there is room for, and the last one is answered. */
static void of_many_the_answered_one_is_a_candidate(void **state)
{
	static struct bytes d;
	struct scene *s = watch();
	struct step t = {HELLO, 0, &good, 0, ALL, 0, 1};

	(void)state;
	for (t.id = 1; t.id < 30; t.id++)
		see_step(s, &quic, &t);
	t.hello = &evil;
	see_step(s, &quic, &t);
	t.what = ANSWERS;
	make_packet(&d, &t);
	see_datagram(s, &quic, FROM_SERVER, d.b, d.len);
	assert_lines(s, "\"undecidable\":\"conflict\"", EVIL_OR_GOOD, 1);
	assert_lines(s, "\"more_candidates\"", NULL, 1);
	end_watch(s);
}

static void the_one_whole_hello_is_the_name(void **state)
{
	const struct row rows[] = {
		{"no word under the first id",
		 EVIL,
		 NULL,
		 {{PING, 1, NULL, 0, 0, 0, 1},
		  {HELLO, 2, &evil, 0, ALL, 0, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1}}},
		{"half a hello under the first id",
		 EVIL,
		 NULL,
		 {{HELLO, 1, &good, 0, 60, 0, 1},
		  {HELLO, 2, &evil, 0, ALL, 0, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1}}},
		{"half a hello under the second id",
		 EVIL,
		 NULL,
		 {{HELLO, 2, &evil, 0, ALL, 0, 1},
		  {HELLO, 1, &good, 0, 60, 0, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1}}},
		{"a packet of another version (RFC 9000 5.2)",
		 EVIL,
		 NULL,
		 {{HELLO, 1, &evil, 0, 60, 0, 1},
		  {HELLO, 1, &good, 60, ALL, 1, 0x6b3343cf},
		  {HELLO, 1, &evil, 60, ALL, 1, 1},
		  {ANSWERS, 1, NULL, 0, 0, 0, 1}}},
		{"the same under two ids",
		 EVIL,
		 NULL,
		 {{HELLO, 1, &evil, 0, ALL, 0, 1},
		  {HELLO, 2, &evil, 0, ALL, 0, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1}}},
	};

	(void)state;
	check(&quic, rows, sizeof(rows) / sizeof(rows[0]));
}

/* The server has taken a hello of which not all was seen: no other one is its name. */
static void a_server_that_answers_what_was_not_seen_is_not_named(void **state)
{
	const struct row rows[] = {
		{"under the second id",
		 "\"undecidable\":\"incomplete\"",
		 NULL,
		 {{HELLO, 1, &good, 0, ALL, 0, 1},
		  {HELLO, 2, &evil, 0, 60, 0, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1}}},
		{"under the first id",
		 "\"undecidable\":\"incomplete\"",
		 NULL,
		 {{HELLO, 1, &evil, 0, 60, 0, 1},
		  {HELLO, 2, &good, 0, ALL, 0, 1},
		  {ANSWERS, 1, NULL, 0, 0, 0, 1}}},
	};

	(void)state;
	check(&quic, rows, sizeof(rows) / sizeof(rows[0]));
}

/* Junk and other protocols in front, of any number and on any port, hide no hello. */
static void a_hello_behind_a_verdict_is_judged(void **state)
{
	static const struct ends there = {"10.1.2.3", "192.0.2.7", 50000, 8443};
	const struct row rows[] = {
		{"short headers",
		 NULL,
		 EVIL,
		 {{JUNK, 1, NULL, 0, 40, 0, 1},
		  {HELLO, 2, &evil, 0, ALL, 0, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1}}},
		{"others",
		 NULL,
		 EVIL,
		 {{JUNK, 0, NULL, 0, 40, 0, 1},
		  {HELLO, 2, &evil, 0, 60, 0, 1},
		  {HELLO, 2, &evil, 60, ALL, 1, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1}}},
		{"a connection that was answered",
		 GOOD,
		 EVIL,
		 {{HELLO, 1, &good, 0, ALL, 0, 1},
		  {ANSWERS, 1, NULL, 0, 0, 0, 1},
		  {HELLO, 2, &evil, 0, ALL, 0, 1},
		  {SHORT, 0, NULL, 0, 0, 0, 1}}},
		{"and another that says the same",
		 GOOD,
		 GOOD,
		 {{HELLO, 1, &good, 0, ALL, 0, 1},
		  {ANSWERS, 1, NULL, 0, 0, 0, 1},
		  {HELLO, 2, &good, 0, ALL, 0, 1}}},
		{"and others that say no name",
		 GOOD,
		 GOOD,
		 {{HELLO, 1, &good, 0, ALL, 0, 1},
		  {ANSWERS, 1, NULL, 0, 0, 0, 1},
		  {PING, 2, NULL, 0, 0, 0, 1},
		  {HELLO, 3, &evil, 0, 60, 0, 1}}},
		{"of which half was there before",
		 GOOD,
		 EVIL,
		 {{HELLO, 1, &good, 0, ALL, 0, 1},
		  {HELLO, 2, &evil, 0, 60, 0, 1},
		  {HELLO, 3, &good, 0, 60, 0, 1},
		  {SHORT, 0, NULL, 0, 0, 0, 1}, /* a stateless reset, say */
		  {HELLO, 1, &good, 0, ALL, 1, 1},
		  {SHORT, 0, NULL, 0, 0, 0, 1},
		  {HELLO, 2, &evil, 60, ALL, 1, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1}}},
		{"of which half was there first",
		 GOOD,
		 EVIL,
		 {{HELLO, 2, &evil, 0, 60, 0, 1},
		  {HELLO, 1, &good, 0, ALL, 0, 1},
		  {SHORT, 0, NULL, 0, 0, 0, 1},
		  {HELLO, 2, &evil, 60, ALL, 1, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1}}},
		{"and two, of which one is taken",
		 GOOD,
		 EVIL_OR_GOOD,
		 {{HELLO, 1, &good, 0, ALL, 0, 1},
		  {ANSWERS, 1, NULL, 0, 0, 0, 1},
		  {HELLO, 2, &evil, 0, ALL, 0, 1},
		  {HELLO, 3, &good, 0, ALL, 0, 1},
		  {ANSWERS, 2, NULL, 0, 0, 0, 1}}},
	};

	(void)state;
	check(&quic, rows, sizeof(rows) / sizeof(rows[0]));
	check(&there, rows, sizeof(rows) / sizeof(rows[0]));
}

/* ---- any order --------------------------------------------------------------------------------- */

#define IDS    6u
#define PIECES 3u
#define TALKS  400

/* A piece of the hello of each id is sent as often as there are pieces; ids from `good_ids` on say evil. */
struct talk {
	unsigned good_ids;
	size_t cuts[IDS][PIECES + 1];
	unsigned sent[IDS]; /* bit n: piece n */
	uint32_t number;
};

static uint32_t dice_state;

static uint32_t dice(uint32_t sides)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % sides;
}

static const struct bytes *hello_of(const struct talk *t, unsigned id)
{
	return id < t->good_ids ? &good : &evil;
}

static bool is_whole(const struct talk *t, unsigned id)
{
	return t->sent[id] == (1u << PIECES) - 1;
}

static struct step random_step(struct talk *t)
{
	static const enum what others[] = {PING, TAKEN, SHORT, JUNK};
	const unsigned id = dice(IDS), piece = dice(PIECES);
	struct step s = {.id = (uint8_t)(id + 1), .number = t->number++, .version = 1};

	if (dice(3) > 0) {
		s.what = HELLO;
		s.hello = hello_of(t, id);
		s.from = t->cuts[id][piece];
		s.to = t->cuts[id][piece + 1];
		t->sent[id] |= 1u << piece;
	} else if (is_whole(t, id)) {
		s.what = ANSWERS;
	} else {
		s.what = others[dice(4)];
		if (s.what == TAKEN && t->sent[id] == 0)
			s.what = PING;
		s.to = dice(20);
	}
	return s;
}

/* Whom a whole hello names is told, as the name or as a candidate; whom none does is not. */
static void whole_hellos_are_told_in_any_order(void **state)
{
	(void)state;
	for (dice_state = 0; dice_state < TALKS; dice_state++) {
		const uint32_t seed = dice_state;
		struct scene *s = watch();
		struct talk t = {.good_ids = dice(IDS + 1)};
		bool want_good = false, want_evil = false;

		for (unsigned id = 0; id < IDS; id++) {
			const size_t len = hello_of(&t, id)->len - 5;

			t.cuts[id][1] = 1 + dice((uint32_t)len / 2);
			t.cuts[id][2] = t.cuts[id][1] + 1 + dice((uint32_t)len / 3);
			t.cuts[id][3] = len;
		}
		for (uint32_t n = 5 + dice(40); n > 0; n--) {
			const struct step step = random_step(&t);

			see_step(s, &quic, &step);
		}
		worker_finish(s->w, s->now_us);
		for (unsigned id = 0; id < IDS; id++) {
			want_good |= is_whole(&t, id) && id < t.good_ids;
			want_evil |= is_whole(&t, id) && id >= t.good_ids;
		}
		if ((scene_lines(s, "good.example", NULL) > 0) != want_good ||
		    (scene_lines(s, "evil.example", NULL) > 0) != want_evil)
			fail_msg("seed %u: want%s%s\n%s", seed, want_good ? " good" : "",
				 want_evil ? " evil" : "", s->events);
		end_watch(s);
		dice_state = seed;
	}
}

/* Nor does a flood hide it. */
static void a_hello_over_the_budget_is_told(void **state)
{
	static const struct ends flood = {"10.1.2.3", "192.0.2.8", 50001, 443};
	const struct step good_one = {HELLO, 1, &good, 0, ALL, 0, 1};
	const struct step answer = {ANSWERS, 1, NULL, 0, 0, 0, 1};
	const struct step evil_one = {HELLO, 2, &evil, 0, ALL, 0, 1};
	static struct bytes d;
	struct scene *s = watch();

	(void)state;
	see_step(s, &quic, &good_one);
	see_step(s, &quic, &answer);
	make_packet(&d, &good_one);
	for (int i = 0; i < 1000; i++) {
		see_datagram(s, &flood, FROM_CLIENT, d.b, d.len);
		s->now_us -= 1000;
	}
	see_step(s, &quic, &evil_one);
	assert_lines(s, "\"phase\":\"update\"", "\"undecidable\":\"budget\"", 1);
	s->now_us += SECOND;
	see_step(s, &quic, &evil_one);
	see_step(s, &quic, &(struct step){SHORT, 0, NULL, 0, 0, 0, 1});
	assert_lines(s, "\"phase\":\"update\"", EVIL, 1);
	end_watch(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_hello_is_a_candidate),
		cmocka_unit_test(crossed_pieces_name_all_four),
		cmocka_unit_test(of_many_the_answered_one_is_a_candidate),
		cmocka_unit_test(the_one_whole_hello_is_the_name),
		cmocka_unit_test(a_hello_behind_a_verdict_is_judged),
		cmocka_unit_test(whole_hellos_are_told_in_any_order),
		cmocka_unit_test(a_hello_over_the_budget_is_told),
		cmocka_unit_test(a_server_that_answers_what_was_not_seen_is_not_named),
	};

	return cmocka_run_group_tests_name("engine/twins", tests, prepare, tidy);
}
