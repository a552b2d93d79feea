/* SPDX-License-Identifier: Apache-2.0 */
/* Only what a site's own resolver answers a client of that site counts for the site. */
#include "engine/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sites.h"

#define SECOND INT64_C(1000000)
#define NOW    (1700000000 * SECOND)

static struct addr addr_of(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static const uint8_t query_bytes[] = "\0\7\1\0\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1";
static const uint8_t answer_bytes[] =
	"\0\7\x81\x80\0\1\0\1\0\0\0\0\1a\7example\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"
	"\xc0\0\2\7";

struct exchange {
	const char *what, *client, *resolver;
	uint16_t client_port, resolver_port, site;
	uint8_t ip_proto;
};

static struct packet packet_of(const struct exchange *e, bool query)
{
	const struct addr client = addr_of(e->client), resolver = addr_of(e->resolver);

	return (struct packet){
		.src = query ? client : resolver,
		.dst = query ? resolver : client,
		.src_port = query ? e->client_port : e->resolver_port,
		.dst_port = query ? e->resolver_port : e->client_port,
		.ip_proto = e->ip_proto,
		.payload = query ? query_bytes : answer_bytes,
		.payload_len = (query ? sizeof(query_bytes) : sizeof(answer_bytes)) - 1,
	};
}

/* What was told. */
static struct site_answer told;
static unsigned tells;

static void tell(void *arg, const struct site_answer *a)
{
	(void)arg;
	told = *a;
	tells++;
}

static bool take(struct resolve *r, const struct packet *p, int64_t at_us)
{
	const unsigned before = tells;

	resolve_packet(r, sites, p, at_us, tell, NULL);
	return tells > before;
}

static bool feed(struct resolve *r, const struct exchange *e, bool query, int64_t at_us)
{
	const struct packet p = packet_of(e, query);

	return take(r, &p, at_us);
}

#define NORTH "10.1.2.3"
#define OWN   "10.1.0.53"

static const struct exchange right = {"", NORTH, OWN, 5000, 53, 0, 17};

static void who_asks_whom(void **state)
{
	static const struct exchange rows[] = {
		{"own, inside", NORTH, OWN, 5000, 53, 0, 17},
		{"own, outside", NORTH, "9.9.9.9", 5000, 53, 0, 17},
		{"of IPv6", "2001:db8:1::7", OWN, 5000, 53, 0, 17},
		{"the south's", "10.2.1.1", "10.2.0.53", 5000, 53, 1, 17},
		{"another site's", NORTH, "10.2.0.53", 5000, 53, ID_NONE, 17},
		{"nobody's", NORTH, "8.8.8.8", 5000, 53, ID_NONE, 17},
		{"a stranger asks", "192.0.2.9", OWN, 5000, 53, ID_NONE, 17},
		{"another port", NORTH, OWN, 5000, 5353, ID_NONE, 17},
		{"who asks?", NORTH, OWN, 53, 53, ID_NONE, 17},
		{"TCP without its beginning", NORTH, OWN, 5000, 53, ID_NONE, 6},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct exchange *e = &rows[i];
		struct resolve *o = resolve_create(64);
		bool found;

		assert_non_null(o);
		assert_false(feed(o, e, true, NOW));
		found = feed(o, e, false, NOW + SECOND);
		if (found != (e->site != ID_NONE) ||
		    (found && told.site != generation_site_id(sites, e->site)))
			fail_msg("%s", e->what);
		if (found) {
			assert_int_equal(told.message.address_count, 1);
			assert_string_equal(told.message.name, "a.example");
		}
		resolve_destroy(o);
	}
}

static void only_the_first_answer_to_a_query(void **state)
{
	const struct exchange other = {"", "10.1.2.4", OWN, 5000, 53, 0, 17};
	struct resolve *o = resolve_create(64);

	(void)state;
	assert_non_null(o);
	assert_false(feed(o, &right, false, NOW));
	assert_false(feed(o, &right, true, NOW));
	assert_false(feed(o, &other, false, NOW));
	assert_true(feed(o, &right, false, NOW));
	assert_false(feed(o, &right, false, NOW));
	assert_false(feed(o, &right, true, NOW));
	assert_false(feed(o, &right, false, NOW + 31 * SECOND));
	resolve_destroy(o);
}

static void a_query_is_not_an_answer_whoever_sends_it(void **state)
{
	struct resolve *o = resolve_create(64);
	struct packet p = packet_of(&right, false);

	(void)state;
	assert_non_null(o);
	assert_false(feed(o, &right, true, NOW));
	p.payload = query_bytes;
	p.payload_len = sizeof(query_bytes) - 1;
	assert_false(take(o, &p, NOW));
	p.payload_len = 11;
	assert_false(take(o, &p, NOW));
	resolve_destroy(o);
}

static void concerns_are_quick_and_miss_nothing(void **state)
{
	const struct addr client = addr_of(NORTH), own = addr_of(OWN);
	const struct addr far = addr_of("10.2.0.53"), web = addr_of("192.0.2.9");

	(void)state;
	assert_true(resolve_concerns(sites, &client, &own));
	assert_true(resolve_concerns(sites, &own, &client));
	assert_true(resolve_concerns(sites, &far, &web));
	assert_false(resolve_concerns(sites, &client, &web));
}

static void a_site_s_number_is_its_name_s(void **state)
{
	(void)state;
	assert_int_not_equal(generation_site_id(sites, 0), generation_site_id(sites, 1));
	assert_int_not_equal(generation_site_id(sites, 0), 0);
	assert_int_equal(generation_site_id(sites, ID_NONE), 0);
}

/* ---- TCP ---------------------------------------------------------------------------------- */

#define CLIENT_FIRST 0xffffffe0u /* the numbers go round */
#define SERVER_FIRST 0xfffffff0u
#define STREAM_MAX   600u

/* Messages in one direction, each with its length. */
struct text {
	uint8_t b[STREAM_MAX];
	size_t len;
};

static void add_message(struct text *t, const uint8_t *m, size_t len, uint8_t id)
{
	t->b[t->len] = (uint8_t)(len >> 8);
	t->b[t->len + 1] = (uint8_t)len;
	memcpy(t->b + t->len + 2, m, len);
	t->b[t->len + 3] = id; /* second byte of the message */
	t->len += 2 + len;
}

/* Three queries, of which two are answered, the second first; and an answer to none. */
static void make_texts(struct text *asks, struct text *replies)
{
	asks->len = replies->len = 0;
	for (uint8_t id = 1; id <= 3; id++)
		add_message(asks, query_bytes, sizeof(query_bytes) - 1, id);
	add_message(replies, answer_bytes, sizeof(answer_bytes) - 1, 2);
	add_message(replies, answer_bytes, sizeof(answer_bytes) - 1, 9);
	add_message(replies, answer_bytes, sizeof(answer_bytes) - 1, 1);
}

static struct packet segment(const struct exchange *e, bool query, const struct text *t,
			     size_t at, size_t len)
{
	struct packet p = packet_of(e, query);

	p.ip_proto = IP_PROTO_TCP;
	p.payload = t == NULL ? NULL : t->b + at;
	p.payload_len = p.payload_wire_len = len;
	p.seq = (query ? CLIENT_FIRST : SERVER_FIRST) + (uint32_t)at;
	p.ack = query ? SERVER_FIRST : CLIENT_FIRST;
	p.tcp_flags = TCP_ACK;
	return p;
}

static struct packet syn_of(const struct exchange *e)
{
	struct packet p = segment(e, true, NULL, 0, 0);

	p.seq--;
	p.tcp_flags = TCP_SYN;
	return p;
}

static bool open_stream(struct resolve *r, const struct exchange *e)
{
	const struct packet p = syn_of(e);

	return take(r, &p, NOW);
}

static void say(struct resolve *r, const struct exchange *e, bool query,
		const struct text *t, size_t at, size_t len)
{
	const struct packet p = segment(e, query, t, at, len);

	(void)take(r, &p, NOW);
}

/* A direction in pieces of up to `most` bytes, out of order, some twice; the first one first. */
static void say_in_pieces(struct resolve *r, const struct exchange *e, bool query,
			  const struct text *t, size_t most)
{
	size_t from[STREAM_MAX], len[STREAM_MAX], n = 0;

	for (size_t at = 0; at < t->len; at += len[n++]) {
		from[n] = at;
		len[n] = 1 + (size_t)rand() % most; // NOLINT
		if (len[n] > t->len - at)
			len[n] = t->len - at;
	}
	say(r, e, query, t, from[0], len[0]);
	for (size_t i = 1; i < n; i++) {
		const size_t other = i + (size_t)rand() % (n - i); // NOLINT
		const size_t f = from[i], l = len[i];

		from[i] = from[other];
		len[i] = len[other];
		from[other] = f;
		len[other] = l;
		say(r, e, query, t, from[i], len[i]);
		say(r, e, query, t, from[i / 2], len[i / 2]);
	}
}

static void answers_over_tcp_in_any_pieces(void **state)
{
	struct text asks, answers;

	(void)state;
	make_texts(&asks, &answers);
	srand(7); // NOLINT
	for (unsigned i = 0; i < 3000; i++) {
		struct resolve *r = resolve_create(64);

		assert_non_null(r);
		tells = 0;
		assert_false(open_stream(r, &right));
		say_in_pieces(r, &right, true, &asks, 1 + i % 120);
		assert_int_equal(tells, 0);
		say_in_pieces(r, &right, false, &answers, 1 + i % 150);
		if (tells != 2 || told.site != generation_site_id(sites, 0) ||
		    told.message.address_count != 1 || resolve_lost(r) != 0)
			fail_msg("run %u: %u answers", i, tells);
		resolve_destroy(r);
	}
}

/* Without its SYN, of another site, or where the client has not asked yet. */
static void streams_that_tell_nothing(void **state)
{
	const struct exchange foreign = {"", NORTH, "10.2.0.53", 5000, 53, 0, 17};
	struct resolve *r = resolve_create(64);
	struct packet p;
	struct text asks, answers;

	(void)state;
	assert_non_null(r);
	make_texts(&asks, &answers);
	tells = 0;
	say(r, &right, true, &asks, 0, asks.len);
	say(r, &right, false, &answers, 0, answers.len);
	(void)open_stream(r, &foreign);
	say(r, &foreign, true, &asks, 0, asks.len);
	say(r, &foreign, false, &answers, 0, answers.len);
	(void)open_stream(r, &right);
	say(r, &right, false, &answers, 0, answers.len);
	/* Not the first bytes: they do not say where the server's begin. */
	say(r, &right, true, &asks, 40, asks.len - 40);
	say(r, &right, false, &answers, 0, answers.len);
	assert_int_equal(tells, 0);
	say(r, &right, true, &asks, 0, 40);
	/* A reset's bytes, and those without ACK, are nobody's. */
	p = segment(&right, false, &answers, 0, answers.len);
	p.tcp_flags = TCP_ACK | TCP_RST;
	assert_false(take(r, &p, NOW));
	p.tcp_flags = 0;
	assert_false(take(r, &p, NOW));
	p.tcp_flags = TCP_ACK;
	p.seq += 0x50000000u;
	assert_false(take(r, &p, NOW));
	say(r, &right, false, &answers, 0, answers.len);
	assert_int_equal(tells, 2);
	assert_int_equal(resolve_lost(r), 0);
	resolve_destroy(r);
}

static void another_syn_begins_anew(void **state)
{
	struct resolve *r = resolve_create(64);
	struct packet p = syn_of(&right);
	struct text asks, answers;

	(void)state;
	assert_non_null(r);
	make_texts(&asks, &answers);
	tells = 0;
	(void)open_stream(r, &right);
	say(r, &right, true, &asks, 0, 20);
	(void)open_stream(r, &right); /* the same once more */
	say(r, &right, true, &asks, 20, asks.len - 20);
	p.seq += 1000;
	assert_false(take(r, &p, NOW));
	say(r, &right, false, &answers, 0, answers.len);
	assert_int_equal(tells, 0);
	(void)open_stream(r, &right);
	say(r, &right, true, &asks, 0, asks.len);
	say(r, &right, false, &answers, 0, answers.len);
	assert_int_equal(tells, 2);
	assert_int_equal(resolve_lost(r), 0);
	resolve_destroy(r);
}

/* Two contents, a message that is too long, bytes too far ahead: all that comes later is lost. */
static void streams_that_are_given_up(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct resolve *r = resolve_create(64);
		struct text asks, answers, other;

		assert_non_null(r);
		make_texts(&asks, &answers);
		other = answers;
		other.b[20] ^= 1;
		if (i == 1)
			other.b[0] = 0x7f;
		tells = 0;
		(void)open_stream(r, &right);
		say(r, &right, true, &asks, 0, asks.len);
		if (i == 0) {
			say(r, &right, false, &answers, 0, 30);
			say(r, &right, false, &other, 0, 25);
		} else if (i == 1) {
			say(r, &right, false, &other, 0, 2);
		} else {
			struct packet p = segment(&right, false, &answers, 0, 30);

			p.seq += 18432;
			assert_false(take(r, &p, NOW));
		}
		assert_int_equal(resolve_lost(r), 1);
		say(r, &right, false, &answers, 0, answers.len);
		assert_int_equal(tells, 0);
		resolve_destroy(r);
	}
}

/* A crowd of them: the longest silent goes, and its memory with it. */
static void the_longest_silent_stream_goes(void **state)
{
	struct resolve *r = resolve_create(64);
	struct exchange e = right;
	struct text asks, answers;

	(void)state;
	assert_non_null(r);
	make_texts(&asks, &answers);
	for (uint32_t i = 0; i < 20000; i++) {
		e.client_port = (uint16_t)(10000 + i);
		(void)open_stream(r, &e);
		say(r, &e, true, &asks, 0, 10);
		say(r, &e, false, &answers, 1, 10);
		/* This one speaks all the time. */
		if (i == 0)
			(void)open_stream(r, &right);
		say(r, &right, true, &asks, 0, i == 0 ? asks.len : 1);
	}
	assert_true(resolve_lost(r) >= 20001 - RESOLVE_STREAMS);
	tells = 0;
	say(r, &right, false, &answers, 0, answers.len);
	assert_int_equal(tells, 2);
	tells = 0;
	say(r, &e, true, &asks, 10, asks.len - 10);
	say(r, &e, false, &answers, 0, answers.len);
	assert_int_equal(tells, 2);
	resolve_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_whom),
		cmocka_unit_test(only_the_first_answer_to_a_query),
		cmocka_unit_test(a_query_is_not_an_answer_whoever_sends_it),
		cmocka_unit_test(concerns_are_quick_and_miss_nothing),
		cmocka_unit_test(a_site_s_number_is_its_name_s),
		cmocka_unit_test(answers_over_tcp_in_any_pieces),
		cmocka_unit_test(streams_that_tell_nothing),
		cmocka_unit_test(another_syn_begins_anew),
		cmocka_unit_test(streams_that_are_given_up),
		cmocka_unit_test(the_longest_silent_stream_goes),
	};

	return cmocka_run_group_tests_name("engine/resolve", tests, sites_make,
					   sites_unmake);
}
