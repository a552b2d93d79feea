/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ENGINE_SCENE_H
#define TESTS_ENGINE_SCENE_H

/*
 * scene - an inline worker between a client and a server that the test plays: packets go in,
 * answers, resets and events are written down.
 */

#include "../decode/build.h"
#include "../identify/support.h"
#include "engine/inline.h"
#include "scene_rules.h"

#define SCENE_ANSWERS 32768u
#define SCENE_RESETS  64u
#define SCENE_EVENTS  ((size_t)1 << 20)
#define SCENE_MARK    0x7000u
#define SCENE_T0      (INT64_C(1795521600) * 1000000) /* 2026-11-24T12:00:00Z */
#define SECOND        INT64_C(1000000)

enum scene_answer {
	GOT_NOTHING = 0,
	GOT_PASS,
	GOT_FINAL,
	GOT_DROP
};

struct scene {
	struct worker *w;
	const struct generation *g;
	struct inline_cfg cfg;
	struct build packet; /* the last one given */
	int64_t now_us;
	uint8_t ttl;
	uint32_t ids; /* given so far; numbers from 1 */
	bool watches; /* see watch.h: nothing is answered */
	bool failed;  /* an answer for a packet that has one, or with another mark */
	enum scene_answer answers[SCENE_ANSWERS];
	uint32_t order[SCENE_ANSWERS]; /* ids as they were answered */
	uint32_t answered;
	struct tcp_reset resets[SCENE_RESETS];
	uint32_t reset_count;
	struct bytes prohibited; /* the last one */
	uint32_t prohibited_count;
	void (*passed)(void *arg, uint32_t id);                  /* NULL = nobody asks */
	void (*was_reset)(void *arg, const struct tcp_reset *r); /* the same */
	void *watcher;                                           /* arg of both */
	char events[SCENE_EVENTS];
	size_t events_len;
};

/* ---- what the worker says -------------------------------------------------------------------- */

static inline void scene_answer(struct scene *s, struct held_packet p,
				enum scene_answer answer)
{
	if (p.id == 0 || p.id > s->ids || p.mark != (SCENE_MARK | p.id) ||
	    s->answers[p.id - 1] != GOT_NOTHING) {
		s->failed = true;
		return;
	}
	s->answers[p.id - 1] = answer;
	s->order[s->answered++] = p.id;
	if (answer != GOT_DROP && s->passed != NULL)
		s->passed(s->watcher, p.id);
}

static inline void scene_pass(void *arg, struct held_packet p, bool final)
{
	scene_answer(arg, p, final ? GOT_FINAL : GOT_PASS);
}

static inline void scene_drop(void *arg, struct held_packet p)
{
	scene_answer(arg, p, GOT_DROP);
}

static inline void scene_reset(void *arg, const struct tcp_reset *r)
{
	struct scene *s = arg;

	if (s->reset_count < SCENE_RESETS)
		s->resets[s->reset_count] = *r;
	s->reset_count++;
	if (s->was_reset != NULL)
		s->was_reset(s->watcher, r);
}

static inline void scene_prohibit(void *arg, const uint8_t *ip, size_t len)
{
	struct scene *s = arg;

	s->prohibited.len = 0;
	put_mem(&s->prohibited, ip, len);
	s->prohibited_count++;
}

static inline void scene_event(void *arg, const struct event_key *key,
			       const struct event_digest *digest, const char *tail,
			       size_t len)
{
	struct scene *s = arg;

	(void)key;
	(void)digest;
	if (len >= SCENE_EVENTS)
		abort();
	if (len >= SCENE_EVENTS - s->events_len)
		s->events_len = 0;
	memcpy(s->events + s->events_len, tail, len);
	s->events_len += len;
	s->events[s->events_len] = '\0';
}

/* ---- the scene ------------------------------------------------------------------------------- */

static inline struct event_origin scene_origin(bool enforce)
{
	return (struct event_origin){.sensor = STR("test"),
				     .generation = STR("0123456789abcdef"),
				     .mode = enforce ? MODE_ENFORCE : MODE_MONITOR};
}

/* Ready for another play: what was written down is gone. */
static inline void scene_clear(struct scene *s, const struct generation *g)
{
	memset(s->answers, 0, s->ids * sizeof(s->answers[0]));
	s->ids = s->answered = s->reset_count = s->prohibited_count = 0;
	s->prohibited.len = s->events_len = 0;
	s->events[0] = '\0';
	s->failed = false;
	s->g = g;
	s->now_us = SCENE_T0;
	s->ttl = 64;
	s->cfg = (struct inline_cfg){.enforce = true,
				     .min_ttl = 20,
				     .sink = {.pass = scene_pass,
					      .drop = scene_drop,
					      .reset = scene_reset,
					      .prohibit = scene_prohibit,
					      .arg = s}};
}

/* A scene in mode enforce; change s->cfg, then scene_start(). */
static inline struct scene *scene_create(const struct generation *g)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	scene_clear(s, g);
	return s;
}

static inline void scene_start(struct scene *s)
{
	const struct worker_cfg cfg = {.generation = s->g,
				       .origin = scene_origin(s->cfg.enforce),
				       .sink = {.put = scene_event, .arg = s},
				       .dns_events = s->cfg.dns_events,
				       .inline_cfg = &s->cfg};

	s->w = worker_create(&cfg);
	if (s->w == NULL)
		abort();
}

/* Ends all connections.  True when each packet got exactly one answer. */
static inline bool scene_finish(struct scene *s)
{
	struct inline_stats st;

	worker_let_go(s->w);
	worker_finish(s->w, s->now_us);
	worker_inline_stats(s->w, &st);
	return !s->failed && s->answered == s->ids && st.held_now == 0 &&
	       st.passed + st.dropped == s->ids;
}

/* The same, and the worker. */
static inline bool scene_stop(struct scene *s)
{
	const bool fine = scene_finish(s);

	worker_destroy(s->w);
	s->w = NULL;
	return fine;
}

/* The same, of a scene that was created. */
static inline bool scene_end(struct scene *s)
{
	const bool fine = scene_stop(s);

	free(s);
	return fine;
}

static inline struct inline_stats scene_stats(const struct scene *s)
{
	struct inline_stats st;

	worker_inline_stats(s->w, &st);
	return st;
}

/* How many lines hold `what`, and `also` if it is not NULL. */
static inline unsigned scene_lines(const struct scene *s, const char *what,
				   const char *also)
{
	unsigned n = 0;

	for (const char *at = s->events; *at != '\0';) {
		const size_t len = strcspn(at, "\n");

		if (memmem(at, len, what, strlen(what)) != NULL &&
		    (also == NULL || memmem(at, len, also, strlen(also)) != NULL))
			n++;
		at += len + (at[len] == '\n');
	}
	return n;
}

/* ---- packets ------------------------------------------------------------------------------------ */

struct ends {
	const char *client, *server;
	uint16_t client_port, server_port;
};

enum side {
	FROM_CLIENT,
	FROM_SERVER
};

static inline struct addr address_of(const char *text)
{
	struct addr a;

	if (!addr_parse(text, strlen(text), &a))
		abort();
	return a;
}

static inline void put_ends(struct build *b, const struct ends *e, enum side side,
			    unsigned proto)
{
	const bool client = side == FROM_CLIENT;
	const struct addr src = address_of(client ? e->client : e->server);
	const struct addr dst = address_of(client ? e->server : e->client);

	build_start(b, LINK_RAW_IP);
	if (addr_is_v4(&src)) {
		put_ipv4(b, proto);
		memcpy(b->b + 12, src.b + 12, 4);
		memcpy(b->b + 16, dst.b + 12, 4);
	} else {
		put_ipv6(b, proto);
		memcpy(b->b + 8, src.b, 16);
		memcpy(b->b + 24, dst.b, 16);
	}
	put16(b, client ? e->client_port : e->server_port);
	put16(b, client ? e->server_port : e->client_port);
}

/* Gives s->packet to the worker; returns its number. */
static inline uint32_t give(struct scene *s)
{
	struct queued_packet q = {.id = ++s->ids};

	if (s->ids > SCENE_ANSWERS)
		abort();
	s->packet.b[s->packet.b[0] >> 4 == 4 ? 8 : 7] = s->ttl;
	build_end(&s->packet);
	q.mark = SCENE_MARK | q.id;
	q.frame = build_frame(&s->packet);
	q.frame.number = q.id;
	q.frame.time_us = q.frame.clock_us = s->now_us;
	worker_packet(s->w, &q);
	return q.id;
}

struct segment {
	enum side side;
	unsigned flags; /* TCP_... */
	uint32_t seq, ack;
	const void *data;
	size_t len;
};

static inline void build_segment(struct build *b, const struct ends *e,
				 const struct segment *g)
{
	put_ends(b, e, g->side, IP_PROTO_TCP);
	put32(b, g->seq);
	put32(b, g->ack);
	put16(b, 0x5000 | g->flags);
	put16(b, 64240);
	put32(b, 0);
	if (g->len > 0)
		put(b, g->data, g->len);
}

static inline uint32_t send_segment(struct scene *s, const struct ends *e,
				    struct segment g)
{
	build_segment(&s->packet, e, &g);
	return give(s);
}

static inline void build_datagram(struct build *b, const struct ends *e, enum side side,
				  const void *data, size_t len)
{
	put_ends(b, e, side, IP_PROTO_UDP);
	put16(b, (unsigned)(8 + len));
	put16(b, 0);
	put(b, data, len);
}

static inline uint32_t send_datagram(struct scene *s, const struct ends *e,
				     enum side side, const void *data, size_t len)
{
	build_datagram(&s->packet, e, side, data, len);
	return give(s);
}

/* First bytes of the two streams of every connection. */
#define CLIENT_FIRST 1001u
#define SERVER_FIRST 5001u

/* Client payload at stream offset `at`. */
static inline uint32_t send_data(struct scene *s, const struct ends *e, uint32_t at,
				 const void *data, size_t len)
{
	return send_segment(s, e,
			    (struct segment){FROM_CLIENT, TCP_ACK | TCP_PSH,
					     CLIENT_FIRST + at, SERVER_FIRST, data, len});
}

static inline uint32_t send_syn(struct scene *s, const struct ends *e)
{
	return send_segment(
		s, e,
		(struct segment){FROM_CLIENT, TCP_SYN, CLIENT_FIRST - 1, 0, NULL, 0});
}

/* The handshake; returns the number of its last packet, the first being two before. */
static inline uint32_t open_tcp(struct scene *s, const struct ends *e)
{
	(void)send_syn(s, e);
	(void)send_segment(s, e,
			   (struct segment){FROM_SERVER, TCP_SYN | TCP_ACK,
					    SERVER_FIRST - 1, CLIENT_FIRST, NULL, 0});
	return send_data(s, e, 0, NULL, 0);
}

/* The server's payload at its stream offset `at`, when it has taken `taken` bytes. */
static inline uint32_t send_reply(struct scene *s, const struct ends *e, uint32_t at,
				  uint32_t taken, const char *text)
{
	return send_segment(s, e,
			    (struct segment){FROM_SERVER, TCP_ACK | TCP_PSH,
					     SERVER_FIRST + at, CLIENT_FIRST + taken,
					     text, strlen(text)});
}

static inline void make_hello_with(struct bytes *to, const char *name, size_t pad,
				   bool early_data)
{
	static struct bytes extensions, message;

	extensions.len = message.len = to->len = 0;
	if (early_data)
		put_be(&extensions, 42u << 16, 4);
	put_be(&extensions, 21, 2);
	put_be(&extensions, pad, 2);
	put_fill(&extensions, 0, pad);
	put_quic_needs(&extensions);
	put_sni(&extensions, name, strlen(name));
	put_hello(&message, &extensions);
	put_records(to, &message, 16384);
}

/* A hello for `name` in one record, `pad` bytes longer than need be. */
static inline void make_hello(struct bytes *to, const char *name, size_t pad)
{
	make_hello_with(to, name, pad, false);
}

#endif /* TESTS_ENGINE_SCENE_H */
