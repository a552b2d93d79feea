/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_table - the flow table against a model that searches arrays.
 *
 * Input: u8 table size, then steps of {u8 clock step, u8 tuple, u8 TCP flags, u8 numbers}.  The
 * TCP states are the table's own word (test_table.c checks them): the model takes state and
 * reason from the flow it was handed, and checks which flow that is, every count, and that
 * ends come when they must, in strictly growing (time, last frame).
 */
#include <stdlib.h>
#include <string.h>

#include "flow/table.h"
#include "maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_BYTES 4
#define FLOWS_MAX  64
#define EXTRA      24

struct entry {
	struct flow_key key;
	uint64_t tag; /* of the key: most others have another one */
	uint64_t id, packets, bytes, last_frame;
	int64_t end_us;
	bool gone; /* displaced or evicted at end_us, waits to be given out */
};

struct model {
	struct flow_table *t;
	struct entry flows[FLOWS_MAX + 8]; /* in no order */
	uint32_t max, used, alive;
	int64_t soonest_us; /* no flow ends before */
	uint64_t frame, evicted;
	int64_t clock_us;
	int64_t end_us; /* of the last end */
	uint64_t end_frame;
};

static const int64_t timeouts[FLOW_STATE_COUNT] = {20, 50, 10, 30, 20};

static void check(bool fine)
{
	if (!fine)
		abort();
}

#define ENTRIES (sizeof(((struct model *)NULL)->flows) / sizeof(struct entry))

static uint64_t tag_of(const struct flow_key *k)
{
	return k->low.b[15] | (uint64_t)k->high.b[15] << 8 | (uint64_t)k->low_port << 16 |
	       (uint64_t)k->high_port << 32 | (uint64_t)k->ip_proto << 48;
}

static struct entry *find_alive(struct model *m, const struct flow_key *k, uint64_t tag)
{
	for (struct entry *e = m->flows; e < m->flows + m->used; e++) {
		if (e->tag == tag && !e->gone && memcmp(&e->key, k, sizeof(*k)) == 0)
			return e;
	}
	return NULL;
}

static struct entry *find_oldest(struct model *m)
{
	struct entry *oldest = NULL;

	for (struct entry *e = m->flows; e < m->flows + m->used; e++)
		if (!e->gone && (oldest == NULL || e->last_frame < oldest->last_frame))
			oldest = e;
	return oldest;
}

static void end_at(struct model *m, struct entry *e, int64_t us)
{
	e->end_us = us;
	if (us < m->soonest_us)
		m->soonest_us = us;
}

static bool is_before(const struct entry *a, const struct entry *b, bool at_end)
{
	if (!at_end && a->end_us != b->end_us)
		return a->end_us < b->end_us;
	return a->last_frame < b->last_frame;
}

/* at_end: time does not count, only the last frame. */
static struct entry *next_end(struct model *m, int64_t clock_us, bool at_end)
{
	struct entry *best = NULL;

	if (m->soonest_us > clock_us)
		return NULL;
	m->soonest_us = INT64_MAX;
	for (struct entry *e = m->flows; e < m->flows + m->used; e++) {
		if (e->end_us < m->soonest_us)
			m->soonest_us = e->end_us;
		if (e->end_us <= clock_us && (best == NULL || is_before(e, best, at_end)))
			best = e;
	}
	return best;
}

static void leave(struct model *m, struct entry *e)
{
	e->gone = true;
	end_at(m, e, m->clock_us);
	e->last_frame = m->frame;
	m->alive--;
}

static void collect(struct model *m, int64_t clock_us)
{
	const bool at_end = clock_us == INT64_MAX;

	for (;;) {
		int64_t us = 0;
		const struct flow *f = flow_next_end(m->t, clock_us, &us);
		struct entry *e = next_end(m, clock_us, at_end);

		check((f == NULL) == (e == NULL));
		if (f == NULL || e == NULL)
			return;
		check(memcmp(&f->key, &e->key, sizeof(e->key)) == 0 && f->id == e->id);
		check(f->out.packets + f->in.packets == e->packets);
		check(f->out.bytes + f->in.bytes == e->bytes);
		check(us == (at_end ? m->clock_us + 1 : e->end_us));
		check(f->end_reason != END_REASON_NONE);
		check(us > m->end_us ||
		      (us == m->end_us && f->last_frame > m->end_frame));
		m->end_us = us;
		m->end_frame = f->last_frame;
		if (!e->gone)
			m->alive--;
		*e = m->flows[--m->used];
	}
}

static void packet_of(const uint8_t d[STEP_BYTES], struct packet *ret)
{
	static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_TCP, IP_PROTO_UDP,
					 IP_PROTO_ICMP};
	const uint8_t a[4] = {10, 0, 0, (uint8_t)(d[1] & 3)};
	const uint8_t b[4] = {10, 0, 0, (uint8_t)(4 + (d[1] >> 2 & 3))};
	const uint16_t port = (uint16_t)(1000 + (d[1] >> 4 & 1));
	const bool back = (d[1] & 0x80) != 0;

	*ret = (struct packet){
		.src = addr_from_v4(back ? b : a),
		.dst = addr_from_v4(back ? a : b),
		.src_port = back ? 443 : port,
		.dst_port = back ? port : 443,
		.ip_proto = protos[d[1] >> 5 & 3],
		.has_l4 = (d[3] & 0xf0) != 0xf0,
		.ip_len = 40u + d[3],
		.tcp_flags = d[2] & 0x1f,
		.seq = 100 + (d[3] & 3),
		.ack = 100 + (d[3] >> 2 & 3),
		.window = d[3],
		.payload_wire_len = d[3] >> 4 & 3,
	};
}

static void step(struct model *m, const struct packet *p)
{
	static const uint8_t zero[EXTRA];
	const struct frame fr = {
		.time_us = m->clock_us - p->window % 3,
		.clock_us = m->clock_us,
		.number = ++m->frame,
	};
	struct flow_touch touch;
	bool from_low;
	const struct flow_key k = flow_key_of(p, &from_low);
	const uint64_t tag = tag_of(&k);
	struct entry *e = find_alive(m, &k, tag);

	flow_touch(m->t, p, &fr, &touch);
	check(memcmp(&touch.flow->key, &k, sizeof(k)) == 0);
	check(touch.from_client == (touch.flow->client_is_low == from_low));
	check(e != NULL || touch.is_new);
	if (e != NULL && touch.is_new) {
		check(p->ip_proto == IP_PROTO_TCP && (p->tcp_flags & TCP_SYN) != 0);
		leave(m, e);
	}
	if (touch.is_new) {
		if (m->alive == m->max) {
			e = find_oldest(m);
			check(e != NULL);
			leave(m, e);
			m->evicted++;
		}
		check(m->used < ENTRIES);
		e = &m->flows[m->used++];
		*e = (struct entry){.key = k, .tag = tag, .id = touch.flow->id};
		m->alive++;
		check(memcmp(flow_extra(touch.flow), zero, EXTRA) == 0);
		memset(flow_extra(touch.flow), 0xff, EXTRA);
	}
	e->packets++;
	e->bytes += p->ip_len;
	e->last_frame = m->frame;
	end_at(m, e, m->clock_us + timeouts[touch.flow->state]);
	check(touch.flow->id == e->id);
	check(touch.flow->out.packets + touch.flow->in.packets == e->packets);
	check(!touch.ended || touch.flow->state == FLOW_TCP_CLOSING);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;
	struct flow_cfg cfg = {.extra_bytes = EXTRA};
	struct flow_stats stats;
	struct packet p;

	if (size == 0)
		return 0;
	memset(&m, 0, sizeof(m));
	m.soonest_us = INT64_MAX;
	memcpy(cfg.timeout_us, timeouts, sizeof(timeouts));
	cfg.max_flows = m.max = 1u + data[0] % FLOWS_MAX;
	cfg.seed = data[0];
	m.t = flow_table_create(&cfg);
	if (m.t == NULL)
		return 0;
	for (data++, size--; size >= STEP_BYTES; data += STEP_BYTES, size -= STEP_BYTES) {
		packet_of(data, &p);
		/* Often not at all, sometimes past every time-out. */
		m.clock_us += data[0] < 128 ? 0 : (data[0] & 0x7f);
		collect(&m, m.clock_us);
		step(&m, &p);
		collect(&m, m.clock_us);
		flow_table_stats(m.t, &stats);
		check(stats.in_use == m.alive && stats.evicted == m.evicted);
		check(stats.created - stats.ended == m.alive);
	}
	collect(&m, INT64_MAX);
	check(m.alive == 0);
	flow_table_destroy(m.t);
	return 0;
}
