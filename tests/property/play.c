/* SPDX-License-Identifier: Apache-2.0 */
#include "play.h"

#include <stdarg.h>

#include "../unit/engine/scene_rules.h"
#include "../unit/identify/quic_seal.h"
#include "flow/head.h"
#include "wire.h"

#define T0           (INT64_C(1795521600) * 1000000) /* 2026-11-24T12:00:00Z */
#define PACKET_US    1000
#define PACKETS_MAX  8192u
#define RANGES_MAX   8192u
#define RESENDS_MAX  40u /* rounds in which the client tries again */
#define RESENT_BYTES 1000u
#define STREAM_MAX   (TALK_CLIENT_MAX + 16)
#define MIN_TTL      20
#define STAMP_SYN    100000u

struct players {
	struct generation *open, *closed;
	struct seal seal;
};

struct range {
	uint32_t at, len;
};

/* What a packet brings to the server, in game.ranges. */
struct sent {
	uint32_t first, count;
	bool other; /* other bytes than the client's */
};

struct game {
	struct players *players;
	const struct talk *talk;
	const struct plan *plan;
	enum position pos;
	struct outcome *out;
	struct worker *w;
	struct build packet;
	int64_t now_us;
	uint64_t frames;
	uint32_t stamp;
	/* the client */
	bool said[STREAM_MAX];
	/* the server */
	bool has[STREAM_MAX];
	uint32_t next, acked; /* in the client's stream */
	uint32_t answered;    /* in its own */
	bool was_reset;       /* by a decoy */
	/* inline */
	struct sent sent[PACKETS_MAX];
	uint8_t answer[PACKETS_MAX]; /* 0 = none so far */
	uint32_t ids;
	struct range ranges[RANGES_MAX];
	uint32_t range_count;
	bool final, reset;
	/* QUIC */
	struct bytes frames_now, datagram;
	uint32_t datagram_first; /* its ranges */
};

__attribute__((format(printf, 2, 3))) static void fault(struct game *g, const char *text,
							...)
{
	va_list ap;

	if (g->out->fault[0] != '\0')
		return;
	va_start(ap, text);
	(void)vsnprintf(g->out->fault, FAULT_MAX, text, ap);
	va_end(ap);
}

/* ---- what the worker says --------------------------------------------------------------------- */

/* Flags that tell how the bytes came, not what they are. */
static const char *const of_the_way[] = {"out_of_order", "decoy_ignored", "overlap",
					 "ttl_jump",     "ttl_low",       "fragments"};

static bool is_of_the_way(struct str word)
{
	for (size_t i = 0; i < sizeof(of_the_way) / sizeof(of_the_way[0]); i++)
		if (str_equal(str_of(of_the_way[i]), word))
			return true;
	return false;
}

/* `"a","b"` without those words; returns the length. */
static size_t filter_flags(char *to, struct str list)
{
	size_t len = 0;

	for (size_t at = 0; at < list.len;) {
		const char *end = memchr(list.p + at, ',', list.len - at);
		const size_t n =
			end == NULL ? list.len - at : (size_t)(end - list.p) - at;

		if (n > 2 && !is_of_the_way((struct str){list.p + at + 1, n - 2})) {
			if (len > 0)
				to[len++] = ',';
			memcpy(to + len, list.p + at, n);
			len += n;
		}
		at += n + 1;
	}
	return len;
}

/* Takes the value behind `key` out of a line, up to its closing `end`. */
static size_t cut_value(char *line, size_t len, const char *key, char end)
{
	char *at = memmem(line, len, key, strlen(key));
	char *from = at == NULL ? NULL : at + strlen(key);
	char *to = from == NULL ? NULL : memchr(from, end, len - (size_t)(from - line));

	if (to == NULL)
		return len;
	memmove(from, to, len - (size_t)(to - line));
	return len - (size_t)(to - from);
}

/* Times and counts hang on the number of packets. */
static const char *const cut_keys[] = {
	"\"time\":\"",    "\"flow_id\":\"",  "\"start\":\"",  "\"packets_out\":",
	"\"bytes_out\":", "\"packets_in\":", "\"bytes_in\":", "\"duration_us\":"};

static bool is_text(const char *key)
{
	return key[strlen(key) - 1] == '"';
}

static size_t normalise(char *line, size_t len)
{
	static const char key[] = "\"flags\":[";
	char words[512];
	char *at, *end;
	size_t n;

	for (size_t i = 0; i < sizeof(cut_keys) / sizeof(cut_keys[0]); i++)
		len = cut_value(line, len, cut_keys[i], is_text(cut_keys[i]) ? '"' : ',');
	at = memmem(line, len, key, strlen(key));
	end = at == NULL ? NULL : memchr(at, ']', len - (size_t)(at - line));
	if (end == NULL || (size_t)(end - at) > sizeof(words))
		return len;
	n = filter_flags(
		words, (struct str){at + strlen(key), (size_t)(end - at) - strlen(key)});
	if (n == 0) { /* with the comma behind the list */
		memmove(at, end + 2, len - (size_t)(end + 2 - line));
		return len - (size_t)(end + 2 - at);
	}
	memcpy(at + strlen(key), words, n);
	memmove(at + strlen(key) + n, end, len - (size_t)(end - line));
	return len - ((size_t)(end - at) - strlen(key) - n);
}

static void take_event(void *arg, const struct event_key *key,
		       const struct event_digest *digest, const char *tail, size_t len)
{
	struct game *g = arg;
	struct outcome *o = g->out;
	char *line = o->events + o->events_len;

	(void)key;
	(void)digest;
	if (memmem(tail, len, "\"phase\":\"start\"", 15) == NULL &&
	    memmem(tail, len, "\"phase\":\"update\"", 16) == NULL)
		return;
	if (len >= OUTCOME_MAX - o->events_len) {
		fault(g, "more events than there is room for");
		return;
	}
	memcpy(line, tail, len);
	o->events_len += normalise(line, len);
	o->events[o->events_len] = '\0';
}

/* ---- the server -------------------------------------------------------------------------------- */

static void arrive(struct game *g, const struct sent *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const struct range r = g->ranges[s->first + i];

		for (uint32_t at = r.at; at < r.at + r.len; at++) {
			if (g->has[at])
				continue;
			if (s->other)
				fault(g, "the server gets another byte at %u", at);
			g->has[at] = true;
		}
	}
	while (g->next < g->talk->client.len && g->has[g->next])
		g->next++;
}

static void answer(struct game *g, struct held_packet p, bool passes, bool final)
{
	if (p.id == 0 || p.id > g->ids || g->answer[p.id - 1] != 0) {
		fault(g, "packet %u is answered twice, or was not asked", p.id);
		return;
	}
	g->answer[p.id - 1] = 1;
	g->final |= final;
	if (passes)
		arrive(g, &g->sent[p.id - 1]);
}

static void take_pass(void *arg, struct held_packet p, bool final)
{
	answer(arg, p, true, final);
}

static void take_drop(void *arg, struct held_packet p)
{
	answer(arg, p, false, false);
}

static void take_reset(void *arg, const struct tcp_reset *r)
{
	struct game *g = arg;

	(void)r;
	g->reset = true;
}

static void take_prohibit(void *arg, const uint8_t *ip, size_t len)
{
	struct game *g = arg;

	(void)ip;
	(void)len;
	g->reset = true;
}

/* ---- packets --------------------------------------------------------------------------------------- */

/* g->packet, with what it brings to the server. */
static void give(struct game *g, struct sent s)
{
	struct queued_packet q;

	if (g->final) { /* the kernel asks no more */
		arrive(g, &s);
		return;
	}
	g->now_us += PACKET_US;
	q = (struct queued_packet){.frame = build_frame(&g->packet)};
	q.frame.time_us = q.frame.clock_us = g->now_us;
	q.frame.number = ++g->frames;
	if (g->pos == POSITION_MIRROR) {
		worker_frame(g->w, &q.frame);
		arrive(g, &s);
		return;
	}
	if (g->ids == PACKETS_MAX)
		abort();
	g->sent[g->ids++] = s;
	q.id = g->ids;
	worker_packet(g->w, &q);
}

static uint32_t add_range(struct game *g, uint32_t at, uint32_t len)
{
	if (g->range_count == RANGES_MAX)
		abort();
	g->ranges[g->range_count] = (struct range){at, len};
	return g->range_count++;
}

static void give_segment(struct game *g, const struct segment *s, struct sent what)
{
	wire_segment(&g->packet, g->plan->ipv6, g->talk->port, s);
	give(g, what);
}

/* A segment of the client as it has to be, at stream offset `at`. */
static struct segment of_client(struct game *g, uint32_t at, const uint8_t *data,
				uint32_t len)
{
	return (struct segment){.from_client = true,
				.flags = TCP_ACK | TCP_PSH,
				.seq = g->plan->client_isn + 1 + at,
				.ack = g->plan->server_isn + 1 + g->answered,
				.data = data,
				.len = len,
				.stamped = g->plan->stamps,
				.stamp = g->stamp};
}

static struct segment of_server(const struct game *g, unsigned flags)
{
	return (struct segment){.flags = flags,
				.seq = g->plan->server_isn + 1 + g->answered,
				.ack = g->plan->client_isn + 1 + g->next,
				.stamped = g->plan->stamps,
				.stamp = 900000,
				.echo = STAMP_SYN};
}

/* Segments without bytes pass by a rule of their own inline (docs/architecture.md). */
static void acknowledge(struct game *g)
{
	const struct segment s = of_server(g, TCP_ACK);

	if (g->plan->one_way || g->pos == POSITION_INLINE)
		return;
	give_segment(g, &s, (struct sent){0});
	g->acked = g->next;
}

static void flush_datagram(struct game *g)
{
	struct seal *seal = &g->players->seal;

	if (g->frames_now.len == 0)
		return;
	g->datagram.len = 0;
	seal->pad_to = 1200;
	seal->number++;
	put_initial(&g->datagram, seal, &g->frames_now);
	g->frames_now.len = 0;
	wire_datagram(&g->packet, g->plan->ipv6, g->talk->port, true, g->datagram.b,
		      g->datagram.len);
	give(g,
	     (struct sent){g->datagram_first, g->range_count - g->datagram_first, false});
	g->datagram_first = g->range_count;
}

static void send_bytes(struct game *g, uint32_t at, uint32_t len, bool together)
{
	struct segment s;

	for (uint32_t i = at; i < at + len; i++)
		g->said[i] = true;
	if (!g->talk->quic) {
		g->stamp += 3;
		s = of_client(g, at, g->talk->client.b + at, len);
		give_segment(g, &s, (struct sent){add_range(g, at, len), 1, false});
		return;
	}
	if (!together)
		flush_datagram(g);
	put_crypto(&g->frames_now, at, g->talk->client.b + at, len);
	(void)add_range(g, at, len);
}

/* ---- decoys -------------------------------------------------------------------------------------- */

/* Bytes for this place: of another hello, which may have some in common, or all changed. */
static const uint8_t *lie(const struct game *g, const struct step *s)
{
	static uint8_t buf[STREAM_MAX];
	const struct bytes *hello = talk_decoy();

	for (uint32_t i = 0; i < s->len; i++) {
		const uint32_t at = s->at + i;

		buf[i] = (uint8_t)(g->talk->client.b[at] ^ 0x55);
		if ((s->noise & 1) != 0 && at < hello->len && s->decoy != DECOY_OTHER)
			buf[i] = hello->b[at];
	}
	return buf;
}

/* Fills in what makes it a decoy; false: there is none of this kind now. */
/* NOLINTNEXTLINE(readability-function-size): one case a kind */
static bool make_decoy(const struct game *g, const struct step *s, struct segment *d)
{
	const uint32_t far =
		(UINT32_C(1) << 30) + 100000 + s->noise % (UINT32_C(1) << 29);

	switch ((enum decoy)s->decoy) {
	case DECOY_CHECKSUM:
		d->spoil = (uint16_t)(1 + s->noise % 0xfffe);
		if ((s->noise & 2) != 0)
			d->flags |= TCP_FIN;
		return true;
	case DECOY_NO_ACK:
		d->flags = (s->noise & 2) != 0 ? TCP_PSH : 0;
		return true;
	case DECOY_OLD:
		d->stamp = STAMP_SYN - 1 - s->noise % 100000;
		return g->plan->stamps;
	case DECOY_MD5:
		d->md5 = true;
		return true;
	case DECOY_RESET:
		d->flags = TCP_RST | ((s->noise & 2) != 0 ? TCP_ACK : 0);
		return s->at != g->next;
	case DECOY_ACK_AHEAD:
		d->ack += 1 + s->noise % 0x7ffffffe;
		return true;
	case DECOY_SYN:
		d->flags = TCP_SYN | ((s->noise & 2) != 0 ? TCP_ACK : 0);
		/* After a reset in the window older servers have closed, and a SYN opens. */
		return g->next > 0 && !g->was_reset;
	case DECOY_PROBE:
		d->seq = g->plan->client_isn + g->acked;
		d->len = s->noise >> 1 & 1;
		return true;
	case DECOY_TAKEN:
		return s->at + s->len <= g->acked;
	case DECOY_FAR:
		d->seq += (s->noise & 2) != 0 ? far : 0u - far;
		return true;
	case DECOY_HEADER:
		d->short_header = true;
		return true;
	case DECOY_EARLY:
		d->ack = (s->noise << 4) + g->plan->server_isn + 2;
		return true;
	case DECOY_TTL:
		d->ttl = (uint8_t)(1 + s->noise % (MIN_TTL - 1));
		return true;
	case DECOY_OTHER:
		for (uint32_t i = s->at; i < s->at + s->len; i++)
			if (!g->said[i] || i >= HEAD_MAX)
				return false;
		return true;
	case DECOY_LEFT:
	case DECOY_TAG:
	case DECOY_UNPADDED:
	case DECOY_JUNK:
	case DECOY_COUNT:
		break;
	}
	abort();
}

static void send_quic_decoy(struct game *g, const struct step *s)
{
	struct seal *seal = &g->players->seal;
	static struct bytes frames;

	frames.len = g->datagram.len = 0;
	seal->pad_to = s->decoy == DECOY_UNPADDED ? 300 : 1200;
	put_crypto(&frames, s->at, lie(g, s), s->len > 200 ? 200 : s->len);
	put_initial(&g->datagram, seal, &frames);
	if (s->decoy == DECOY_TAG)
		g->datagram.b[g->datagram.len - 1 - s->noise % 300] ^= 0x10;
	if (s->decoy == DECOY_JUNK)
		g->datagram.len = 20 + s->noise % 200;
	if (s->decoy == DECOY_JUNK)
		memset(g->datagram.b, 0x31, g->datagram.len);
	wire_datagram(&g->packet, g->plan->ipv6, g->talk->port, true, g->datagram.b,
		      g->datagram.len);
	give(g, (struct sent){0});
}

/* Other bytes in front of those that the server wants next. */
static void send_left(struct game *g, const struct step *s)
{
	static uint8_t buf[STREAM_MAX + 64];
	const uint32_t before = 1 + s->noise % 60;
	const uint32_t end = g->talk->turns[s->turn].client_end, at = g->acked;
	const uint32_t len = s->len < end - at ? s->len : end - at;
	struct segment d = of_client(g, at - before, buf, before + len);

	if (len == 0)
		return;
	memset(buf, 0x33, before);
	memcpy(buf + before, g->talk->client.b + at, len);
	give_segment(g, &d, (struct sent){add_range(g, at, len), 1, false});
}

static void send_decoy(struct game *g, const struct step *s)
{
	struct segment d;
	struct sent what = {0};

	if (g->talk->quic) {
		flush_datagram(g);
		/* On other ports it is another protocol's. */
		if (s->decoy != DECOY_JUNK || g->talk->port == 443)
			send_quic_decoy(g, s);
		return;
	}
	if (s->decoy == DECOY_LEFT) {
		send_left(g, s);
		return;
	}
	d = of_client(g, s->at, lie(g, s), s->len);
	if (!make_decoy(g, s, &d))
		return;
	g->was_reset |= s->decoy == DECOY_RESET;
	/* The server would take these, if it had not its own. */
	if (s->decoy == DECOY_OTHER)
		what = (struct sent){add_range(g, s->at, s->len), 1, true};
	give_segment(g, &d, what);
}

/* ---- a game ---------------------------------------------------------------------------------------- */

static void open_connection(struct game *g)
{
	struct segment s = of_client(g, 0, NULL, 0);

	if (g->talk->quic)
		return;
	s.flags = TCP_SYN;
	s.seq--;
	s.ack = 0;
	give_segment(g, &s, (struct sent){0});
	for (size_t i = 0; i < g->plan->count; i++)
		if (g->plan->steps[i].kind == STEP_DECOY &&
		    g->plan->steps[i].decoy == DECOY_EARLY)
			send_decoy(g, &g->plan->steps[i]);
	s = of_server(g, TCP_SYN | TCP_ACK);
	s.seq--;
	if (g->pos == POSITION_INLINE)
		return;
	if (!g->plan->one_way)
		give_segment(g, &s, (struct sent){0});
	s = of_client(g, 0, NULL, 0);
	s.flags = TCP_ACK;
	give_segment(g, &s, (struct sent){0});
}

static void take_steps(struct game *g, uint32_t turn)
{
	for (size_t i = 0; i < g->plan->count && !g->reset; i++) {
		const struct step *s = &g->plan->steps[i];

		if (s->turn != turn)
			continue;
		if (s->kind == STEP_DATA)
			send_bytes(g, s->at, s->len, s->together);
		else if (s->kind == STEP_ACK)
			acknowledge(g);
		else if (s->decoy != DECOY_EARLY)
			send_decoy(g, s);
	}
	flush_datagram(g);
}

/* What no step has brought, or what was dropped: from what the server acknowledges on. */
static void send_rest(struct game *g, uint32_t end)
{
	for (unsigned n = 0; g->next < end && !g->reset && n < RESENDS_MAX; n++) {
		for (uint32_t at = g->next, to; at < end && !g->reset; at = to) {
			while (at < end && g->has[at])
				at++;
			for (to = at; to < end && !g->has[to] && to - at < RESENT_BYTES;)
				to++;
			if (to > at)
				send_bytes(g, at, to - at, false);
			flush_datagram(g);
		}
	}
	if (g->next < end && !g->reset)
		fault(g, "the server waits for byte %u of %u for ever", g->next, end);
}

static void answer_turn(struct game *g, uint32_t turn)
{
	static const uint8_t handshake[60] = {0xe3, 0, 0, 0, 1, 0, 8, 1, 2, 3};
	const uint32_t end = g->talk->turns[turn].server_end;
	struct segment s = of_server(g, TCP_ACK | TCP_PSH);

	if (g->talk->quic) {
		if (!g->plan->one_way) {
			wire_datagram(&g->packet, g->plan->ipv6, g->talk->port, false,
				      handshake, sizeof(handshake));
			give(g, (struct sent){0});
		}
		return;
	}
	s.data = g->talk->server.b + g->answered;
	s.len = end - g->answered;
	if (s.len == 0) {
		acknowledge(g);
		return;
	}
	if (!g->plan->one_way)
		give_segment(g, &s, (struct sent){0});
	g->acked = g->next;
	g->answered = end;
}

static void start(struct game *g)
{
	static const uint8_t dcid[] = {1, 2, 3, 4, 5, 6, 7, 8};
	const struct inline_cfg inl = {.enforce = true,
				       .min_ttl = MIN_TTL,
				       .sink = {.pass = take_pass,
						.drop = take_drop,
						.reset = take_reset,
						.prohibit = take_prohibit,
						.arg = g}};
	const struct worker_cfg cfg = {
		.generation = g->plan->deny ? g->players->closed : g->players->open,
		.origin = {.sensor = STR("test"),
			   .generation = STR("0123456789abcdef"),
			   .mode = MODE_ENFORCE},
		.sink = {.put = take_event, .arg = g},
		.inline_cfg = g->pos == POSITION_INLINE ? &inl : NULL};

	g->players->seal.dcid = dcid;
	g->players->seal.dcid_len = sizeof(dcid);
	g->players->seal.number = 0;
	g->w = worker_create(&cfg);
	if (g->w == NULL)
		abort();
}

void play(struct players *p, const struct talk *t, enum position pos,
	  const struct plan *plan, struct outcome *ret)
{
	static struct game game;
	struct game *g = &game;

	memset(g, 0, sizeof(*g));
	ret->events_len = 0;
	ret->events[0] = ret->fault[0] = '\0';
	g->players = p;
	g->talk = t;
	g->plan = plan;
	g->pos = pos;
	g->out = ret;
	g->now_us = T0;
	g->stamp = STAMP_SYN;
	start(g);
	open_connection(g);
	for (uint32_t turn = 0; turn < t->turn_count && !g->reset; turn++) {
		take_steps(g, turn);
		send_rest(g, t->turns[turn].client_end);
		if (!g->reset)
			answer_turn(g, turn);
	}
	if (pos == POSITION_INLINE)
		worker_let_go(g->w);
	worker_finish(g->w, g->now_us);
	worker_destroy(g->w);
	ret->got = g->next;
	for (uint32_t i = 0; i < g->ids; i++)
		if (g->answer[i] == 0)
			fault(g, "packet %u has no answer", i + 1);
}

struct players *players_create(void)
{
	struct players *p = calloc(1, sizeof(*p));

	if (p == NULL || !quic_crypto_open(&p->seal.crypto))
		abort();
	p->open = scene_generation(open_rules);
	p->closed = scene_generation(closed_rules);
	p->open->config->limits.max_flows = p->closed->config->limits.max_flows = 16;
	p->open->config->limits.max_heads = p->closed->config->limits.max_heads = 4;
	return p;
}

void players_destroy(struct players *p)
{
	quic_crypto_close(&p->seal.crypto);
	generation_destroy(p->open);
	generation_destroy(p->closed);
	free(p);
}
