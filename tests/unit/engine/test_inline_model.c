/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many clients at once, honest ones and liars, with their segments cut, repeated, out of order
 * and lost at random; behind the worker a server that keeps the first copy of each byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scene.h"

#define FLOWS     24u
#define ROUNDS    12u
#define STEPS     1500u
#define HELLO_MAX 1024u

enum kind {
	HONEST_GOOD = 0,
	HONEST_EVIL,
	LIAR, /* says both, now this, now that */
	KINDS
};

enum variant {
	GOOD = 0,
	EVIL
};

struct client {
	struct ends ends;
	enum kind kind;
	size_t len;
	uint8_t hello[2][HELLO_MAX]; /* by enum variant */
	/* The server's side. */
	uint8_t got[HELLO_MAX];
	bool has[HELLO_MAX];
	size_t acked;
	bool final; /* the kernel asks no more */
	bool reset; /* no byte is taken any more */
};

/* What packet `id` was. */
struct sent {
	uint32_t flow, at, len;
	enum variant variant;
	bool arrives; /* its hop limit is enough */
};

struct world {
	struct scene *s;
	uint64_t random;
	struct client clients[FLOWS];
	struct sent sent[SCENE_ANSWERS]; /* by id - 1; len 0 = no payload */
	bool broken;                     /* two answers, or an answer for nobody */
};

static struct generation *closed, *open_to_all;
static struct world world;

static int prepare(void **state)
{
	(void)state;
	closed = scene_generation(closed_rules);
	open_to_all = scene_generation(open_rules);
	return 0;
}

static int tidy(void **state)
{
	(void)state;
	generation_destroy(closed);
	generation_destroy(open_to_all);
	return 0;
}

/* xorshift64 */
static uint32_t below(struct world *w, size_t n)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (uint32_t)((w->random >> 11) % n);
}

/* ---- the server ---------------------------------------------------------------------------- */

static void arrive(struct client *c, const struct sent *p)
{
	if (!p->arrives || c->reset)
		return;
	for (size_t i = p->at; i < p->at + p->len; i++) {
		if (c->has[i])
			continue;
		c->has[i] = true;
		c->got[i] = c->hello[p->variant][i];
	}
	while (c->acked < c->len && c->has[c->acked])
		c->acked++;
}

static void passed(void *arg, uint32_t id)
{
	struct world *w = arg;
	const struct sent *p = &w->sent[id - 1];

	if (p->len > 0)
		arrive(&w->clients[p->flow], p);
	w->clients[p->flow].final |= w->s->answers[id - 1] == GOT_FINAL;
}

/* A server that has seen a reset is done with its connection. */
static void was_reset(void *arg, const struct tcp_reset *r)
{
	struct world *w = arg;

	if (r->dst_port == 443)
		w->clients[r->src_port - 40000].reset = true;
}

/* ---- the clients ----------------------------------------------------------------------------- */

static void make_client(struct world *w, uint32_t i)
{
	static const char *const inside[] = {"10.1.2.3", "10.1.2.4", "10.2.2.3"};
	struct client *c = &w->clients[i];
	static struct bytes hello;
	const size_t pad = below(w, 600);

	memset(c, 0, sizeof(*c));
	c->ends = (struct ends){inside[below(w, 3)], "192.0.2.7", (uint16_t)(40000 + i),
				443};
	if (below(w, 3) == 0) {
		c->ends.client = "2001:db8:1::3";
		c->ends.server = "2001:db8:9::7";
	}
	c->kind = (enum kind)below(w, KINDS);
	make_hello(&hello, "good.example", pad);
	assert_true(hello.len <= HELLO_MAX);
	c->len = hello.len;
	memcpy(c->hello[GOOD], hello.b, c->len);
	make_hello(&hello, "evil.example", pad);
	memcpy(c->hello[EVIL], hello.b, c->len);
}

/* Packets of `flow` that the handshake or the server sends count for nobody. */
static void note(struct world *w, uint32_t flow, uint32_t packets)
{
	for (uint32_t i = 0; i < packets; i++)
		w->sent[w->s->ids + i] = (struct sent){.flow = flow};
}

static void say(struct world *w, uint32_t flow, enum variant v, uint32_t at, uint32_t len)
{
	struct client *c = &w->clients[flow];
	const struct sent p = {flow, at, len, v, w->s->ttl >= 20};

	if (c->final) {
		arrive(c, &p);
		return;
	}
	w->sent[w->s->ids] = p;
	(void)send_data(w->s, &c->ends, at, c->hello[v] + at, len);
}

static void say_something(struct world *w, uint32_t flow)
{
	const struct client *c = &w->clients[flow];
	const size_t longest = below(w, 4) == 0 ? c->len : 1 + c->len / 4;
	const uint32_t at = below(w, 3) == 0 ? (uint32_t)c->acked : below(w, c->len);
	uint32_t len = 1 + below(w, longest);
	enum variant v = c->kind == HONEST_EVIL ? EVIL : GOOD;

	if (at >= c->len)
		return;
	if (len > c->len - at)
		len = (uint32_t)c->len - at;
	if (c->kind == LIAR) {
		v = (enum variant)below(w, 2);
		w->s->ttl = below(w, 8) == 0 ? 3 : 64;
	}
	say(w, flow, v, at, len);
	w->s->ttl = 64;
}

static void answer(struct world *w, uint32_t flow)
{
	const struct client *c = &w->clients[flow];

	if (c->final)
		return;
	note(w, flow, 1);
	(void)send_reply(w->s, &c->ends, 0, (uint32_t)c->acked, "ok");
}

/* ---- what must hold --------------------------------------------------------------------------- */

static bool server_has_name(const struct client *c, enum variant v)
{
	const size_t at = c->len - strlen("good.example");

	return c->acked == c->len &&
	       memcmp(c->got + at, c->hello[v] + at, c->len - at) == 0;
}

/* Nothing but the allowed name is let through, byte for byte; a liar gets nothing else in. */
static void check_closed(const struct client *c)
{
	for (size_t i = 0; i < c->len; i++) {
		if (!c->has[i])
			continue;
		assert_int_not_equal(c->kind, HONEST_EVIL);
		assert_int_equal(c->got[i], c->hello[GOOD][i]);
	}
}

/* Bytes pass before the name is known, but never so that the server reads the denied one. */
static void check_open(const struct client *c)
{
	assert_false(server_has_name(c, EVIL));
}

/* An honest client repeats what is not acknowledged until it is. */
static void finish_honest(struct world *w, uint32_t flow)
{
	struct client *c = &w->clients[flow];

	for (unsigned n = 0; n < 200 && c->acked < c->len; n++) {
		uint32_t at = (uint32_t)c->acked;
		uint32_t len = (uint32_t)c->len - at;

		say(w, flow, GOOD, at, len > 400 ? 400 : len);
		if (c->acked < c->len && len > 400)
			say(w, flow, GOOD, at + 400, len - 400);
	}
	assert_int_equal(c->acked, c->len);
	assert_memory_equal(c->got, c->hello[GOOD], c->len);
}

static void play(const struct generation *g, uint64_t seed, bool time_goes_on,
		 void (*check)(const struct client *))
{
	struct world *w = &world;

	memset(w, 0, sizeof(*w));
	w->random = seed * 0x9e3779b97f4a7c15u | 1;
	w->s = scene_create(g);
	w->s->passed = passed;
	w->s->was_reset = was_reset;
	w->s->watcher = w;
	w->s->cfg.hold = (struct hold_cfg){.flow_packets = 6,
					   .flow_bytes = 4000,
					   .source_packets = 20,
					   .total_packets = 40};
	scene_start(w->s);
	for (uint32_t i = 0; i < FLOWS; i++) {
		make_client(w, i);
		note(w, i, 3);
		/* Segments without payload are not queued (architecture.md). */
		if (below(w, 2) == 0)
			(void)open_tcp(w->s, &w->clients[i].ends);
		else
			(void)send_syn(w->s, &w->clients[i].ends);
	}
	for (unsigned n = 0; n < STEPS; n++) {
		const uint32_t flow = below(w, FLOWS);

		if (below(w, 8) == 0)
			answer(w, flow);
		else
			say_something(w, flow);
		check(&w->clients[flow]);
		if (time_goes_on && below(w, 10) == 0) {
			w->s->now_us += below(w, SECOND);
			worker_tick(w->s->w, w->s->now_us);
		}
	}
	for (uint32_t i = 0; i < FLOWS; i++) {
		if (w->clients[i].kind == HONEST_GOOD)
			finish_honest(w, i);
		check(&w->clients[i]);
	}
	assert_true(scene_end(w->s));
}

static void only_judged_bytes_reach_the_server(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++)
		play(closed, seed, false, check_closed);
}

static void a_denied_name_never_reaches_the_server_whole(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++)
		play(open_to_all, seed, true, check_open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_judged_bytes_reach_the_server),
		cmocka_unit_test(a_denied_name_never_reaches_the_server_whole),
	};

	return cmocka_run_group_tests_name("engine/inline_model", tests, prepare, tidy);
}
