/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_inline - packets, reports and changes of mind to the inline worker: each packet gets
 * exactly one answer, in mode monitor that answer is pass, and a worker that was rewound says
 * what a new one says.
 *
 * Input: u8 settings, then steps of {u8 what and how, u8 which flow, u8 a, u8 b} and, for raw
 * packets, the bytes.
 */
#include "../unit/engine/scene.h"
#include "../unit/identify/quic_seal.h"
#include "base/hash.h"
#include "rewind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_BYTES  4
#define PACKETS_MAX 2000u
#define RAW_MAX     256u
#define RULES       3

/* A worker for each way to begin, made when it is first wanted. */
struct start {
	struct rewind rewind;
	struct worker *w;
};

struct shared {
	struct generation *rules[RULES];
	struct bytes good, evil, initial;
	struct start starts[RULES][2][2]; /* by enforce and adopt */
};

static void check(bool fine)
{
	if (!fine)
		abort();
}

static void make_shared(struct shared *sh)
{
	static const char *const texts[RULES] = {closed_rules, open_rules, patient_rules};
	static const uint8_t dcid[8] = {1, 2, 3};
	static struct seal seal = {.dcid = dcid, .dcid_len = sizeof(dcid), .pad_to = 400};
	static struct bytes frames;

	for (size_t i = 0; i < RULES; i++) {
		sh->rules[i] = scene_generation(texts[i]);
		sh->rules[i]->config->limits.max_flows = 16;
		sh->rules[i]->config->limits.max_heads = 6;
		sh->rules[i]->config->limits.max_fragments = 4;
	}
	make_hello(&sh->good, "good.example", 30);
	make_hello(&sh->evil, "evil.example", 30);
	check(quic_crypto_open(&seal.crypto));
	put_crypto(&frames, 0, sh->evil.b + 5, sh->evil.len - 5);
	put_initial(&sh->initial, &seal, &frames);
	quic_crypto_close(&seal.crypto);
}

static struct ends ends_of(uint8_t flow)
{
	static const char *const clients[] = {"10.1.2.3", "10.1.2.4", "192.0.2.7"};
	static const char *const servers[] = {"192.0.2.7", "192.0.2.66", "9.9.9.9"};
	static const uint16_t ports[] = {443, 80, 53, 9000};

	if ((flow & 0x80) != 0)
		return (struct ends){"2001:db8:1::3", "2001:db8:9::7", 40000, 443};
	return (struct ends){clients[(flow & 3) % 3], servers[(flow >> 2 & 3) % 3],
			     (uint16_t)(40000 + (flow >> 6 & 1)), ports[flow >> 4 & 3]};
}

/* Flags and acknowledgement from `how`, place and length in the hello from a and b. */
static void segment(struct scene *s, const struct bytes *hello,
		    const uint8_t d[STEP_BYTES])
{
	static const unsigned flags[] = {
		TCP_ACK, TCP_ACK | TCP_PSH, TCP_SYN,           TCP_SYN | TCP_ACK,
		TCP_RST, TCP_ACK | TCP_FIN, TCP_ACK | TCP_URG, 0};
	const struct ends e = ends_of(d[1]);
	const unsigned f = flags[d[0] >> 5];
	const uint32_t at = d[2] % (uint32_t)hello->len;
	const uint32_t left = (uint32_t)hello->len - at;
	const bool client = (d[3] & 1) == 0;
	struct segment g = {.side = client ? FROM_CLIENT : FROM_SERVER,
			    .flags = f,
			    .seq = (client ? CLIENT_FIRST : SERVER_FIRST) + at,
			    .ack = (client ? SERVER_FIRST : CLIENT_FIRST) + (d[3] >> 6),
			    .data = hello->b + at,
			    .len = d[3] >> 1};

	if (g.len == 127 || g.len > left)
		g.len = left;
	if ((f & TCP_SYN) != 0) {
		g.seq -= at + 1 - (at > 250 ? at : 0);
		g.len = 0;
	}
	s->ttl = d[2] == 255 ? 3 : 64;
	(void)send_segment(s, &e, g);
}

static size_t raw(struct scene *s, const uint8_t *data, size_t size)
{
	const size_t len = size < RAW_MAX ? size : RAW_MAX;
	struct queued_packet q = {.id = ++s->ids};

	q.mark = SCENE_MARK | q.id;
	q.frame = (struct frame){.data = data,
				 .caplen = (uint32_t)len,
				 .len = (uint32_t)len,
				 .link = LINK_RAW_IP,
				 .time_us = s->now_us,
				 .clock_us = s->now_us,
				 .number = q.id};
	worker_packet(s->w, &q);
	return len;
}

static void report(struct scene *s, const uint8_t d[STEP_BYTES])
{
	const struct ends e = ends_of(d[1]);
	const struct conn_report r = {
		.src = address_of(e.client),
		.dst = address_of(e.server),
		.src_port = e.client_port,
		.dst_port = e.server_port,
		.ip_proto = (d[2] & 1) != 0 ? IP_PROTO_UDP : IP_PROTO_TCP,
		.nat_src = address_of("198.51.100.10"),
		.nat_src_port = d[3],
		.counted = (d[2] & 2) != 0,
		.packets_out = d[3],
		.bytes_out = d[3],
		.ended = (d[2] & 4) != 0,
		.end_reason = (d[2] & 8) != 0 ? END_REASON_FIN : END_REASON_TIMEOUT};

	worker_report(s->w, &r, s->now_us);
}

static void headers(struct scene *s, const struct shared *sh, const uint8_t d[STEP_BYTES])
{
	static const unsigned flags[] = {TCP_ACK, TCP_SYN, TCP_SYN | TCP_ACK, TCP_RST};
	const struct ends e = ends_of(d[1]);
	struct segment g = {.side = (d[3] & 1) == 0 ? FROM_CLIENT : FROM_SERVER,
			    .flags = flags[d[3] >> 1 & 3],
			    .seq = CLIENT_FIRST + d[2],
			    .ack = CLIENT_FIRST,
			    .data = sh->good.b,
			    .len = d[3] >> 4};
	struct frame f;

	build_segment(&s->packet, &e, &g);
	build_end(&s->packet);
	f = build_frame(&s->packet);
	f.time_us = f.clock_us = s->now_us;
	f.number = s->ids;
	worker_headers(s->w, &f);
}

static void use(struct scene *s, const struct shared *sh, const uint8_t d[STEP_BYTES])
{
	const bool enforce = (d[2] & 1) != 0;
	const struct event_origin o = scene_origin(enforce);

	s->cfg.enforce = enforce;
	worker_use(s->w, sh->rules[d[3] % RULES], &o, enforce);
	if ((d[2] & 2) != 0)
		(void)worker_sweep(s->w, s->now_us);
}

/* Takes bytes of `data` beyond the step's own; returns how many. */
static size_t step(struct scene *s, const struct shared *sh, const uint8_t *data,
		   size_t size)
{
	const struct ends e = ends_of(data[1]);
	const enum side side = (data[3] & 1) == 0 ? FROM_CLIENT : FROM_SERVER;

	s->ttl = 64;
	switch (data[0] & 15) {
	case 0:
		return raw(s, data + STEP_BYTES, size - STEP_BYTES);
	case 1:
		(void)send_datagram(s, &e, side, sh->initial.b,
				    data[2] == 0 ? sh->initial.len : data[2]);
		break;
	case 2:
		s->now_us += (int64_t)data[2] * data[3] * 1000;
		break;
	case 3:
		s->now_us += (int64_t)data[2] * data[3] * 10000;
		worker_tick(s->w, s->now_us);
		break;
	case 4:
		use(s, sh, data);
		break;
	case 5:
		report(s, data);
		break;
	case 6:
		headers(s, sh, data);
		break;
	case 7:
		if (data[2] < 8)
			worker_let_go(s->w);
		else
			(void)worker_sweep(s->w, s->now_us);
		break;
	case 8:
		(void)open_tcp(s, &e);
		break;
	default:
		segment(s, (data[0] & 1) != 0 ? &sh->good : &sh->evil, data);
		break;
	}
	return 0;
}

/* The scene at its beginning; without a worker, as that is not part of it. */
static void set_scene(struct scene *s, const struct shared *sh, uint8_t settings)
{
	scene_clear(s, sh->rules[settings % RULES]);
	s->cfg.enforce = (settings & 0x80) == 0;
	s->cfg.dns_events = true;
	s->cfg.adopt_until_us = (settings & 0x20) != 0 ? SCENE_T0 + SECOND : 0;
	s->cfg.hold = (struct hold_cfg){.flow_packets = 3,
					.flow_bytes = 400,
					.source_packets = 5,
					.total_packets = 7,
					.total_bytes = 1000};
}

/* A worker at its beginning, for the scene as it is set. */
static void rewind_worker(struct scene *s, struct start *start)
{
	if (start->w == NULL) {
		scene_start(s);
		worker_destroy(s->w); /* libraries come first */
		rewind_record(&start->rewind);
		scene_start(s);
		rewind_mark(&start->rewind);
		start->w = s->w;
	}
	rewind_back(&start->rewind);
	s->w = start->w;
}

static void play(struct scene *s, const struct shared *sh, const uint8_t *data,
		 size_t size)
{
	while (size >= STEP_BYTES && s->ids < PACKETS_MAX) {
		const uint32_t answered = s->answered;
		const size_t used = STEP_BYTES + step(s, sh, data, size);
		uint32_t held;

		check(!s->failed);
		for (uint32_t i = answered; i < s->answered && !s->cfg.enforce; i++)
			check(s->answers[s->order[i] - 1] != GOT_DROP);
		check(s->cfg.enforce || s->answered == s->ids);
		held = scene_stats(s).held_now;
		check(held == s->ids - s->answered && held <= 7);
		data += used;
		size -= used;
	}
	check(scene_finish(s));
}

/* Of answers, their order and the lines. */
static uint64_t hash_scene(const struct scene *s)
{
	uint64_t h = hash_bytes(s->answers, s->ids * sizeof(s->answers[0]), s->ids);

	h = hash_bytes(s->order, s->answered * sizeof(s->order[0]), h);
	return hash_bytes(s->events, s->events_len, h + s->reset_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct shared sh;
	static struct scene scene; /* most of it is never touched, so it is made once */
	struct scene *s = &scene;
	uint64_t hash;

	if (size == 0)
		return 0;
	if (sh.rules[0] == NULL)
		make_shared(&sh);
	set_scene(s, &sh, data[0]);
	rewind_worker(s,
		      &sh.starts[data[0] % RULES][s->cfg.enforce][(data[0] & 0x20) != 0]);
	play(s, &sh, data + 1, size - 1);
	if (!rewind_is_compared(data, size))
		return 0;
	hash = hash_scene(s);
	set_scene(s, &sh, data[0]);
	scene_start(s);
	play(s, &sh, data + 1, size - 1);
	worker_destroy(s->w);
	check(hash_scene(s) == hash);
	return 0;
}
