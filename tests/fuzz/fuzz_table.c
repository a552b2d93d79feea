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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_BYTES 4
#define FLOWS_MAX  64
#define EXTRA      24

struct entry {
	struct flow_key key;
	uint64_t id, packets, bytes, last_frame;
	int64_t clock_us;
	uint8_t state;
	bool used;
	bool gone; /* displaced or evicted at clock_us, waits to be given out */
};

struct model {
	struct flow_table *t;
	struct entry flows[FLOWS_MAX + 8];
	uint32_t max, alive;
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

static struct entry *find_alive(struct model *m, const struct flow_key *k)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		struct entry *e = &m->flows[i];

		if (e->used && !e->gone && memcmp(&e->key, k, sizeof(*k)) == 0)
			return e;
	}
	return NULL;
}

static struct entry *find_unused(struct model *m)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		if (!m->flows[i].used)
			return &m->flows[i];
	}
	abort();
}

static int64_t end_of(const struct entry *e)
{
	return e->gone ? e->clock_us : e->clock_us + timeouts[e->state];
}

/* at_end: time does not count, only the last frame. */
static struct entry *next_end(struct model *m, int64_t clock_us, bool at_end)
{
	struct entry *best = NULL;

	for (size_t i = 0; i < ENTRIES; i++) {
		struct entry *e = &m->flows[i];

		if (!e->used || (!at_end && end_of(e) > clock_us))
			continue;
		if (best == NULL || (!at_end && end_of(e) < end_of(best)) ||
		    ((at_end || end_of(e) == end_of(best)) &&
		     e->last_frame < best->last_frame))
			best = e;
	}
	return best;
}

static void leave(struct model *m, struct entry *e)
{
	e->gone = true;
	e->clock_us = m->clock_us;
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
		check(us == (at_end ? m->clock_us + 1 : end_of(e)));
		check(f->end_reason != END_REASON_NONE);
		check(us > m->end_us ||
		      (us == m->end_us && f->last_frame > m->end_frame));
		m->end_us = us;
		m->end_frame = f->last_frame;
		if (!e->gone)
			m->alive--;
		e->used = false;
		e->gone = false;
	}
}

static struct packet packet_of(const uint8_t d[STEP_BYTES])
{
	static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_TCP, IP_PROTO_UDP,
					 IP_PROTO_ICMP};
	const uint8_t a[4] = {10, 0, 0, (uint8_t)(d[1] & 3)};
	const uint8_t b[4] = {10, 0, 0, (uint8_t)(4 + (d[1] >> 2 & 3))};
	struct packet p = {
		.src = addr_from_v4(a),
		.dst = addr_from_v4(b),
		.src_port = (uint16_t)(1000 + (d[1] >> 4 & 1)),
		.dst_port = 443,
		.ip_proto = protos[d[1] >> 5 & 3],
		.has_l4 = (d[3] & 0xf0) != 0xf0,
		.ip_len = 40u + d[3],
		.tcp_flags = d[2] & 0x1f,
		.seq = 100 + (d[3] & 3),
		.ack = 100 + (d[3] >> 2 & 3),
		.window = d[3],
		.payload_wire_len = d[3] >> 4 & 3,
	};

	if ((d[1] & 0x80) != 0) {
		struct packet q = p;

		q.src = p.dst;
		q.dst = p.src;
		q.src_port = p.dst_port;
		q.dst_port = p.src_port;
		return q;
	}
	return p;
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
	struct entry *e = find_alive(m, &k);

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
			struct entry *oldest = NULL;

			for (size_t i = 0; i < ENTRIES; i++) {
				e = &m->flows[i];
				if (e->used && !e->gone &&
				    (oldest == NULL ||
				     e->last_frame < oldest->last_frame))
					oldest = e;
			}
			check(oldest != NULL);
			leave(m, oldest);
			m->evicted++;
		}
		e = find_unused(m);
		*e = (struct entry){.key = k, .id = touch.flow->id, .used = true};
		m->alive++;
		check(memcmp(flow_extra(touch.flow), zero, EXTRA) == 0);
		memset(flow_extra(touch.flow), 0xff, EXTRA);
	}
	e->packets++;
	e->bytes += p->ip_len;
	e->last_frame = m->frame;
	e->clock_us = m->clock_us;
	e->state = touch.flow->state;
	check(touch.flow->id == e->id);
	check(touch.flow->out.packets + touch.flow->in.packets == e->packets);
	check(!touch.ended || e->state == FLOW_TCP_CLOSING);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;
	struct flow_cfg cfg = {.extra_bytes = EXTRA};
	struct flow_stats stats;

	if (size == 0)
		return 0;
	memset(&m, 0, sizeof(m));
	memcpy(cfg.timeout_us, timeouts, sizeof(timeouts));
	cfg.max_flows = m.max = 1u + data[0] % FLOWS_MAX;
	cfg.seed = data[0];
	m.t = flow_table_create(&cfg);
	if (m.t == NULL)
		return 0;
	for (data++, size--; size >= STEP_BYTES; data += STEP_BYTES, size -= STEP_BYTES) {
		const struct packet p = packet_of(data);

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
