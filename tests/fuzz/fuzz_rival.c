/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_rival - two hellos in the same numbers, in any pieces and order, past who only watches.
 *
 * Input: u8 settings, then steps of u8 what | u8 place | u8 length | u8 how.  A client says
 * pieces of hello A or of hello B, a server acknowledges; in the end A is said whole.
 * Properties: the connection is judged, B is its name only when some byte of B was sent, and a
 * worker that was rewound says what a new one says.
 */
#include "../property/wire.h"
#include "../unit/engine/scene_rules.h"
#include "../unit/identify/support.h"
#include "base/hash.h"
#include "engine/worker.h"
#include "rewind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_BYTES   4
#define STEPS_MAX    200
#define CLIENT_FIRST 1001u
#define SERVER_FIRST 5001u
#define T0           (INT64_C(1795521600) * 1000000)

struct game {
	struct worker *w;
	struct build packet;
	struct frame at;
	bool b_sent;
	unsigned starts;
	bool host_b;
	uint64_t hash; /* of all lines */
};

static struct bytes hellos[2];

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void take_event(void *arg, const struct event_key *key,
		       const struct event_digest *digest, const char *tail, size_t len)
{
	struct game *g = arg;

	(void)key;
	(void)digest;
	g->hash = hash_bytes(tail, len, g->hash);
	if (memmem(tail, len, "\"phase\":\"start\"", 15) == NULL)
		return;
	g->starts++;
	g->host_b |= memmem(tail, len, "\"host\":\"bbbb.example\"", 21) != NULL;
}

static void send_segment(struct game *g, struct segment s)
{
	wire_segment(&g->packet, false, 443, &s);
	g->at.data = g->packet.b;
	g->at.caplen = g->at.len = (uint32_t)g->packet.len;
	g->at.link = LINK_RAW_IP;
	g->at.number++;
	g->at.time_us = g->at.clock_us += 1000;
	worker_frame(g->w, &g->at);
}

/* what: bit 0 hello B, bit 1 the server, bits 2 .. 4 flags, the rest a way to be ignored. */
static void step(struct game *g, const uint8_t d[STEP_BYTES])
{
	static const unsigned flags[] = {TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_URG,
					 TCP_RST, TCP_SYN,           TCP_SYN | TCP_ACK,
					 0,       TCP_ACK | TCP_FIN};
	const struct bytes *h = &hellos[d[0] & 1];
	const uint32_t place = (uint32_t)(d[1] * h->len / 255);
	const uint32_t left = (uint32_t)h->len - (place < h->len ? place : 0);
	struct segment s = {.from_client = (d[0] & 2) == 0,
			    .flags = flags[d[0] >> 2 & 7],
			    .seq = CLIENT_FIRST + place,
			    .ack = SERVER_FIRST,
			    .data = h->b + (h->len - left),
			    .len = d[2] == 255 || d[2] > left ? left : d[2]};

	if (!s.from_client) {
		s.seq = SERVER_FIRST;
		s.ack = CLIENT_FIRST + place;
		s.len = d[2] & 1;
	}
	s.ttl = (d[3] & 1) != 0 ? 5 : 64;
	s.md5 = (d[3] & 2) != 0;
	s.spoil = (d[3] & 4) != 0 ? 77 : 0;
	s.stamped = (d[3] & 8) != 0;
	s.stamp = d[3] >> 4;
	g->b_sent |= s.from_client && (d[0] & 1) != 0 && s.len > 0;
	send_segment(g, s);
}

/* All of hello A, the handshake before it and the server's answer behind it. */
static void speak(struct game *g, bool opens)
{
	const uint32_t end = CLIENT_FIRST + (uint32_t)hellos[0].len;

	if (opens) {
		send_segment(g, (struct segment){.from_client = true,
						 .flags = TCP_SYN,
						 .seq = CLIENT_FIRST - 1});
		send_segment(g, (struct segment){.flags = TCP_SYN | TCP_ACK,
						 .seq = SERVER_FIRST - 1,
						 .ack = CLIENT_FIRST});
		return;
	}
	send_segment(g, (struct segment){.from_client = true,
					 .flags = TCP_ACK,
					 .seq = CLIENT_FIRST,
					 .ack = SERVER_FIRST,
					 .data = hellos[0].b,
					 .len = hellos[0].len});
	send_segment(g, (struct segment){.flags = TCP_ACK,
					 .seq = SERVER_FIRST,
					 .ack = end,
					 .data = (const uint8_t *)"x",
					 .len = 1});
}

static struct generation *prepare(void)
{
	static const char *const names[] = {"aaaa.example", "bbbb.example"};
	static struct bytes extensions, message;
	struct generation *g = scene_generation(open_rules);

	for (size_t i = 0; i < 2; i++) {
		extensions.len = message.len = 0;
		put_sni(&extensions, names[i], strlen(names[i]));
		put_hello(&message, &extensions);
		put_records(&hellos[i], &message, 16384);
	}
	g->config->limits.max_flows = 4; /* one connection */
	g->config->limits.max_heads = 6;
	g->config->limits.max_fragments = 4;
	return g;
}

static struct worker *make_worker(struct game *g)
{
	static struct generation *rules;
	struct worker_cfg cfg = {.sink = {.put = take_event, .arg = g}};
	struct worker *w;

	if (rules == NULL)
		rules = prepare();
	cfg.generation = rules;
	cfg.origin = (struct event_origin){
		.sensor = STR("test"), .generation = STR("0"), .mode = MODE_MONITOR};
	w = worker_create(&cfg);
	check(w != NULL);
	return w;
}

static void play(struct game *g, const uint8_t *data, size_t size)
{
	g->at = (struct frame){.clock_us = T0};
	g->b_sent = g->host_b = false;
	g->starts = 0;
	g->hash = 0;
	if ((data[0] & 1) == 0)
		speak(g, true);
	for (size_t n = 0, at = 1; n < STEPS_MAX && size - at >= STEP_BYTES; n++) {
		step(g, data + at);
		at += STEP_BYTES;
	}
	speak(g, false);
	worker_finish(g->w, g->at.clock_us);
	check(g->starts > 0);
	check(g->b_sent || !g->host_b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rewind rewind;
	static struct worker *kept;
	static struct game game;
	uint64_t hash;

	if (size == 0)
		return 0;
	if (kept == NULL) {
		worker_destroy(make_worker(&game)); /* libraries and rules come first */
		rewind_record(&rewind);
		kept = make_worker(&game);
		rewind_mark(&rewind);
	}
	rewind_back(&rewind);
	game.w = kept;
	play(&game, data, size);
	if (!rewind_is_compared(data, size))
		return 0;
	hash = game.hash;
	game.w = make_worker(&game);
	play(&game, data, size);
	worker_destroy(game.w);
	check(game.hash == hash);
	return 0;
}
