/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ENGINE_PLAY_H
#define TESTS_ENGINE_PLAY_H

/* play - what the tests of the inline worker share: rules, connections, what must be seen. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scene.h"

static struct generation *closed, *open_to_all, *patient;

static const struct ends v4 = {"10.1.2.3", "192.0.2.7", 40001, 443};
static const struct ends v6 = {"2001:db8:1::3", "2001:db8:9::7", 40001, 443};
static const struct ends bad_v4 = {"10.1.2.3", "192.0.2.66", 40002, 443};
static const struct ends bad_v6 = {"2001:db8:1::3", "2001:db8:9::66", 40002, 443};
static const struct ends quic = {"10.1.2.3", "192.0.2.7", 50000, 443};
static const struct ends dns = {"10.1.2.3", "9.9.9.9", 50053, 53};
static const struct ends web = {"10.1.2.3", "192.0.2.8", 40080, 80};

static const struct ends of_source[] = {
	{"10.1.2.3", "192.0.2.7", 41000, 443},
	{"10.1.2.3", "192.0.2.8", 41001, 443},
	{"10.1.2.4", "192.0.2.7", 41002, 443},
};

static struct bytes good, evil;

static inline int prepare(void **state)
{
	(void)state;
	closed = scene_generation(closed_rules);
	open_to_all = scene_generation(open_rules);
	patient = scene_generation(patient_rules);
	make_hello(&good, "good.example", 100);
	make_hello(&evil, "evil.example", 100);
	return 0;
}

static inline int tidy(void **state)
{
	(void)state;
	generation_destroy(closed);
	generation_destroy(open_to_all);
	generation_destroy(patient);
	return 0;
}

static inline struct scene *start(const struct generation *g)
{
	struct scene *s = scene_create(g);

	scene_start(s);
	return s;
}

static inline void assert_answer(const struct scene *s, uint32_t id,
				 enum scene_answer want)
{
	assert_int_equal(s->answers[id - 1], want);
}

/* `n` packets from number `id` on. */
static inline void assert_answers(const struct scene *s, uint32_t id, uint32_t n,
				  enum scene_answer want)
{
	for (uint32_t i = 0; i < n; i++)
		assert_answer(s, id + i, want);
}

static inline void assert_lines(const struct scene *s, const char *what, const char *also,
				unsigned n)
{
	if (scene_lines(s, what, also) != n)
		print_error("%s", s->events);
	assert_int_equal(scene_lines(s, what, also), n);
}

static inline void assert_reset(const struct tcp_reset *r, const struct ends *e,
				enum side from, uint32_t seq, uint32_t ack)
{
	const bool client = from == FROM_CLIENT;
	const struct addr src = address_of(client ? e->client : e->server);
	const struct addr dst = address_of(client ? e->server : e->client);

	assert_true(addr_equal(&r->src, &src));
	assert_true(addr_equal(&r->dst, &dst));
	assert_int_equal(r->src_port, client ? e->client_port : e->server_port);
	assert_int_equal(r->dst_port, client ? e->server_port : e->client_port);
	assert_true(r->has_ack);
	assert_int_equal(r->seq, seq);
	assert_int_equal(r->ack, ack);
}

/* The hello in one piece. */
static inline uint32_t say(struct scene *s, const struct ends *e,
			   const struct bytes *hello)
{
	return send_data(s, e, 0, hello->b, hello->len);
}

/* Piece `i` of `n`. */
static inline uint32_t say_part(struct scene *s, const struct ends *e,
				const struct bytes *hello, size_t i, size_t n)
{
	const size_t from = hello->len * i / n, to = hello->len * (i + 1) / n;

	return send_data(s, e, (uint32_t)from, hello->b + from, to - from);
}

/* The server answers what it took: from there on the kernel may pass the rest alone. */
static inline void assert_taken(struct scene *s, const struct ends *e, size_t len)
{
	assert_answer(s, send_reply(s, e, 0, (uint32_t)len, "taken"), GOT_FINAL);
}

/* ---- protocols that begin TLS amid their own: a dialogue up to the hello ---- */

struct tls_carrier {
	const char *client[2], *server[2]; /* in turn, before the hello */
	size_t client_len[2], server_len[2];
	size_t turns;
	bool wraps; /* TDS 7: a packet around each message of TLS */
};

static const struct tls_carrier carriers[] = {
	{{"EHLO a\r\n", "STARTTLS\r\n"},
	 {"250-b\r\n250 STARTTLS\r\n", "220 go\r\n"},
	 {8, 10},
	 {21, 8},
	 2,
	 false},
	{{"\x12\x01\0\x0e\0\0\x01\0\xff\0\0\0\0\0", NULL},
	 {"\x04\x01\0\x0e\0\0\x01\0\xff\0\0\0\0\0", NULL},
	 {14, 0},
	 {14, 0},
	 1,
	 true},
};
#define CARRIERS_OF_TLS (sizeof(carriers) / sizeof(carriers[0]))

/* A message of TLS as `c` carries it, in packets of at most `most` bytes. */
static inline void carry(struct bytes *to, const struct tls_carrier *c, const void *tls,
			 size_t len, size_t most)
{
	to->len = 0;
	for (size_t at = 0; at < len; at += most) {
		const size_t n = len - at < most ? len - at : most;

		if (c->wraps) {
			put_be(to, 0x1200u | (at + n == len), 2);
			put_be(to, n + 8, 2);
			put_be(to, 0x00000100, 4);
		}
		put_mem(to, (const uint8_t *)tls + at, n);
	}
}

/* A packet that is none: cut in its header. */
static inline uint32_t send_rubbish(struct scene *s)
{
	static const uint8_t rubbish[] = {0x45, 0, 0, 20, 0, 0};
	struct queued_packet q = {.id = ++s->ids,
				  .frame = {.data = rubbish,
					    .caplen = sizeof(rubbish),
					    .len = sizeof(rubbish),
					    .link = LINK_RAW_IP}};

	q.mark = SCENE_MARK | q.id;
	q.frame.number = q.id;
	q.frame.time_us = q.frame.clock_us = s->now_us;
	worker_packet(s->w, &q);
	return q.id;
}

#endif /* TESTS_ENGINE_PLAY_H */
