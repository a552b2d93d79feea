/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/table.h"

#include <string.h>

#include "base/hash.h"
#include "flow/table_state.h"
#include "flow/tcp.h"

/* Ports from 1024 on that servers listen at, on the traffic that Weir is for. */
static const uint16_t service_ports[] = {
	1080,                         /* SOCKS */
	1433,                         /* TDS */
	3128,                         /* HTTP proxy */
	3306,                         /* MySQL */
	3389,                         /* RDP */
	5432,                         /* PostgreSQL */
	5671, 5672,                   /* AMQP: Service Bus, relay */
	8080, 8443,                   /* HTTP, TLS */
	9350, 9351, 9352, 9353, 9354, /* relay listeners */
};

static struct flow *flow_at(const struct flow_table *t, uint32_t i)
{
	return pool_at(t->pool, i);
}

void *flow_extra(struct flow *f)
{
	return (uint8_t *)f + FLOW_RECORD_BYTES;
}

static int64_t add_saturating(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void list_append(struct flow_table *t, unsigned list, uint32_t i)
{
	struct flow_list *l = &t->lists[list];
	int64_t us = add_saturating(t->clock_us, t->timeout_us[list]);

	if (us < t->earliest_us)
		t->earliest_us = us;

	t->links[i] = (struct flow_link){.prev = l->tail, .next = FLOW_NONE};
	if (l->tail == FLOW_NONE)
		l->head = i;
	else
		t->links[l->tail].next = i;
	l->tail = i;
}

static void list_remove(struct flow_table *t, unsigned list, uint32_t i)
{
	struct flow_list *l = &t->lists[list];
	const struct flow_link at = t->links[i];

	if (at.prev == FLOW_NONE)
		l->head = at.next;
	else
		t->links[at.prev].next = at.next;
	if (at.next == FLOW_NONE)
		l->tail = at.prev;
	else
		t->links[at.next].prev = at.prev;
}

static uint32_t tag_of(const struct flow_table *t, const struct flow_key *k)
{
	return (uint32_t)hash_bytes(k, sizeof(*k), t->seed);
}

static uint32_t find(const struct flow_table *t, const struct flow_key *k, uint32_t tag)
{
	struct slot_walk w;
	uint32_t i = slots_first(&t->slots, tag, &w);

	while (i != SLOTS_NONE && memcmp(&flow_at(t, i)->key, k, sizeof(*k)) != 0)
		i = slots_next(&t->slots, &w);
	return i;
}

/* Out of the slots and off its list: the tuple is free, the record still held. */
static void take_out(struct flow_table *t, unsigned list, uint32_t i)
{
	list_remove(t, list, i);
	slots_remove(&t->slots, tag_of(t, &flow_at(t, i)->key), i);
	t->in_use--;
}

static bool is_tcp(const struct flow *f)
{
	return f->state <= FLOW_TCP_CLOSING;
}

/* A flow without a reason of its own ends with `reason`, unless both ends had finished. */
static void settle(struct flow *f, enum end_reason reason)
{
	if (f->end_reason != END_REASON_NONE)
		return;
	if (is_tcp(f) && (f->out.tcp_flags & f->in.tcp_flags & TCP_FIN) != 0)
		reason = END_REASON_FIN;
	f->end_reason = (uint8_t)reason;
}

static void release(struct flow_table *t, uint32_t i)
{
	t->links[i] = (struct flow_link){FLOW_FREE, FLOW_FREE};
	pool_put(t->pool, flow_at(t, i));
}

static void release_given(struct flow_table *t)
{
	if (t->given != FLOW_NONE)
		release(t, t->given);
	t->given = FLOW_NONE;
}

/* The frame number makes the order of ends total: a frame displaces one flow at most. */
static void displace(struct flow_table *t, uint32_t i, uint64_t frame,
		     enum end_reason reason)
{
	struct flow *f = flow_at(t, i);

	take_out(t, f->state, i);
	settle(f, reason);
	f->clock_us = t->clock_us;
	f->last_frame = frame;
	list_append(t, LIST_GONE, i);
}

/* The list whose head has been longest without a packet; LIST_COUNT: no flow is alive. */
static unsigned oldest_list(const struct flow_table *t)
{
	unsigned best = LIST_COUNT;
	uint64_t frame = 0;

	for (unsigned l = 0; l < FLOW_STATE_COUNT; l++) {
		uint32_t head = t->lists[l].head;

		if (head == FLOW_NONE)
			continue;
		if (best == LIST_COUNT || flow_at(t, head)->last_frame < frame) {
			best = l;
			frame = flow_at(t, head)->last_frame;
		}
	}
	return best;
}

static void evict(struct flow_table *t, uint64_t frame)
{
	unsigned list = oldest_list(t);

	displace(t, t->lists[list].head, frame, END_REASON_EVICTED);
	t->evicted++;
}

static bool is_service_port(uint16_t port)
{
	if (port < 1024)
		return true;
	for (size_t i = 0; i < sizeof(service_ports) / sizeof(service_ports[0]); i++) {
		if (service_ports[i] == port)
			return true;
	}
	return false;
}

static bool source_is_client(const struct flow_table *t, const struct packet *p)
{
	if (p->ip_proto == IP_PROTO_ICMP || p->ip_proto == IP_PROTO_ICMP6)
		return true;
	if (p->ip_proto == IP_PROTO_TCP && (p->tcp_flags & TCP_SYN) != 0)
		return (p->tcp_flags & TCP_ACK) == 0;
	if (t->client_sends != NULL && t->client_sends(t->arg, p))
		return true;
	return !is_service_port(p->src_port) || is_service_port(p->dst_port);
}

static enum flow_state first_state(const struct packet *p)
{
	if (p->ip_proto == IP_PROTO_TCP && p->has_l4)
		return FLOW_TCP_OPEN;
	return p->ip_proto == IP_PROTO_UDP ? FLOW_UDP : FLOW_OTHER;
}

static uint64_t id_of(const struct flow *f)
{
	struct {
		int64_t first_us;
		struct flow_key key;
	} what = {.first_us = f->first_us, .key = f->key};

	_Static_assert(sizeof(what) == sizeof(int64_t) + sizeof(struct flow_key),
		       "hashed as bytes: no padding");
	return hash_bytes(&what, sizeof(what), 0);
}

/* Never fails: the pool has spare records, and what nobody collected is given up. */
static uint32_t take_record(struct flow_table *t)
{
	void *record = pool_get(t->pool);

	if (record == NULL) {
		uint32_t i = t->lists[LIST_GONE].head;

		list_remove(t, LIST_GONE, i);
		release(t, i);
		record = pool_get(t->pool);
	}
	memset(record, 0, t->flow_bytes);
	return pool_index(t->pool, record);
}

static uint32_t begin(struct flow_table *t, const struct flow_key *k, bool from_low,
		      const struct packet *p, const struct frame *fr)
{
	struct flow *f;
	uint32_t i;

	if (t->in_use == t->max_flows)
		evict(t, fr->number);
	i = take_record(t);
	f = flow_at(t, i);
	f->key = *k;
	f->first_us = fr->time_us;
	f->first_frame = fr->number;
	f->id = id_of(f);
	f->state = (uint8_t)first_state(p);
	f->midstream = f->state == FLOW_TCP_OPEN;
	f->client_is_low = from_low == source_is_client(t, p);
	slots_add(&t->slots, tag_of(t, k), i);
	list_append(t, f->state, i);
	t->in_use++;
	t->created++;
	return i;
}

/* True: the packet moved the flow to CLOSING. */
static bool count(struct flow_table *t, struct flow *f, bool from_low,
		  const struct packet *p, const struct frame *fr)
{
	const bool from_client = from_low == f->client_is_low;
	struct flow_direction *d = from_client ? &f->out : &f->in;

	if (d->ttl == 0)
		d->ttl = p->ttl;
	if (!fr->uncounted) {
		d->packets++;
		d->bytes += p->ip_len;
	}
	f->last_us = fr->time_us;
	f->clock_us = t->clock_us;
	f->last_frame = fr->number;
	if (!is_tcp(f) || !p->has_l4)
		return false;
	d->tcp_flags |= p->tcp_flags;
	return tcp_touch(f, p, from_client);
}

void flow_touch(struct flow_table *t, const struct packet *p, const struct frame *fr,
		struct flow_touch *ret)
{
	bool from_low;
	const struct flow_key k = flow_key_of(p, &from_low);
	const uint32_t tag = tag_of(t, &k);
	uint32_t i;
	unsigned list;
	struct flow *f;

	release_given(t);
	if (fr->clock_us > t->clock_us)
		t->clock_us = fr->clock_us;
	i = find(t, &k, tag);
	if (i != FLOW_NONE && p->has_l4) {
		f = flow_at(t, i);
		if (is_tcp(f) && tcp_starts_anew(f, p, from_low == f->client_is_low)) {
			displace(t, i, fr->number, END_REASON_TIMEOUT);
			i = FLOW_NONE;
		}
	}
	ret->is_new = i == FLOW_NONE;
	if (ret->is_new)
		i = begin(t, &k, from_low, p, fr);
	f = flow_at(t, i);
	list = f->state;
	ret->ended = count(t, f, from_low, p, fr);
	if (f->state != list || t->lists[list].tail != i) {
		list_remove(t, list, i);
		list_append(t, f->state, i);
	}
	ret->flow = f;
	ret->from_client = from_low == f->client_is_low;
}

/* The list whose head ends first, and when; LIST_COUNT: all are empty. */
static unsigned first_to_end(const struct flow_table *t, int64_t *ret_us)
{
	unsigned best = LIST_COUNT;
	uint64_t best_frame = 0;

	for (unsigned l = 0; l < LIST_COUNT; l++) {
		uint32_t head = t->lists[l].head;
		const struct flow *f;
		int64_t us;

		if (head == FLOW_NONE)
			continue;
		f = flow_at(t, head);
		us = add_saturating(f->clock_us, t->timeout_us[l]);
		if (best == LIST_COUNT || us < *ret_us ||
		    (us == *ret_us && f->last_frame < best_frame)) {
			best = l;
			best_frame = f->last_frame;
			*ret_us = us;
		}
	}
	return best;
}

static struct flow *give(struct flow_table *t, unsigned list, enum end_reason reason)
{
	uint32_t i = t->lists[list].head;
	struct flow *f = flow_at(t, i);

	if (list == LIST_GONE)
		list_remove(t, list, i);
	else
		take_out(t, list, i);
	settle(f, reason);
	t->given = i;
	return f;
}

__attribute__((noinline)) static struct flow *next_end(struct flow_table *t,
						       int64_t clock_us, int64_t *ret_us)
{
	const bool at_end = clock_us == INT64_MAX;
	int64_t us = 0;
	unsigned list;

	release_given(t);
	if (!at_end && clock_us > t->clock_us)
		t->clock_us = clock_us;
	if (!at_end && clock_us < t->earliest_us)
		return NULL;
	list = first_to_end(t, &us);
	if (list == LIST_COUNT)
		return NULL;
	if (us <= (at_end ? t->clock_us : clock_us)) {
		*ret_us = us;
		return give(t, list, END_REASON_TIMEOUT);
	}
	if (!at_end) {
		t->earliest_us = us;
		return NULL;
	}
	*ret_us = add_saturating(t->clock_us, 1);
	return give(t, oldest_list(t), END_REASON_CAPTURE_END);
}

/* Asked twice a packet, and almost always there is none. */
struct flow *flow_next_end(struct flow_table *t, int64_t clock_us, int64_t *ret_us)
{
	if (t->given != FLOW_NONE || clock_us >= t->earliest_us)
		return next_end(t, clock_us, ret_us);
	if (clock_us > t->clock_us)
		t->clock_us = clock_us;
	return NULL;
}

bool flow_turn(struct flow *f)
{
	if (!f->midstream ||
	    is_service_port(f->key.low_port) != is_service_port(f->key.high_port))
		return false;
	tcp_turn(f);
	return true;
}

struct flow *flow_find(const struct flow_table *t, const struct flow_key *k)
{
	uint32_t i = find(t, k, tag_of(t, k));

	return i == FLOW_NONE ? NULL : flow_at(t, i);
}

static void move_to(struct flow_table *t, struct flow *f, enum flow_state state)
{
	uint32_t i = pool_index(t->pool, f);

	list_remove(t, f->state, i);
	f->state = (uint8_t)state;
	list_append(t, f->state, i);
}

void flow_refresh(struct flow_table *t, struct flow *f, int64_t clock_us)
{
	if (clock_us > t->clock_us)
		t->clock_us = clock_us;
	f->clock_us = t->clock_us;
	move_to(t, f, (enum flow_state)f->state);
}

void flow_close(struct flow_table *t, struct flow *f, enum end_reason reason)
{
	if (!is_tcp(f) || f->state == FLOW_TCP_CLOSING)
		return;
	f->end_reason = (uint8_t)reason;
	f->clock_us = t->clock_us;
	move_to(t, f, FLOW_TCP_CLOSING);
}

void flow_finish(struct flow_table *t, struct flow *f, int64_t clock_us,
		 enum end_reason reason)
{
	uint32_t i = pool_index(t->pool, f);

	if (clock_us > t->clock_us)
		t->clock_us = clock_us;
	displace(t, i, f->last_frame, reason);
}

/* Links say which records are in use; a record never used has two neighbours 0. */
static bool is_used(const struct flow_table *t, uint32_t i)
{
	const struct flow_link l = t->links[i];

	return l.prev != FLOW_FREE && (l.prev != 0 || l.next != 0);
}

struct flow *flow_walk(const struct flow_table *t, uint32_t *at, uint32_t steps)
{
	const uint32_t records = pool_max(t->pool);

	for (; *at < records && steps > 0; steps--) {
		const uint32_t i = (*at)++;

		/* What waits to be given out is in no slot any more. */
		if (is_used(t, i) && flow_find(t, &flow_at(t, i)->key) == flow_at(t, i))
			return flow_at(t, i);
	}
	return NULL;
}

bool flow_walk_done(const struct flow_table *t, uint32_t at)
{
	return at >= pool_max(t->pool);
}

void flow_order_start(const struct flow_table *t, struct flow_order *ret)
{
	for (unsigned l = 0; l < FLOW_STATE_COUNT; l++)
		ret->at[l] = t->lists[l].head;
}

struct flow *flow_order_next(const struct flow_table *t, struct flow_order *o)
{
	struct flow *best = NULL;
	unsigned list = 0;

	for (unsigned l = 0; l < FLOW_STATE_COUNT; l++) {
		struct flow *f = o->at[l] == FLOW_NONE ? NULL : flow_at(t, o->at[l]);

		if (f == NULL || (best != NULL && best->last_frame < f->last_frame))
			continue;
		best = f;
		list = l;
	}
	if (best != NULL)
		o->at[list] = t->links[o->at[list]].next;
	return best;
}

void flow_table_stats(const struct flow_table *t, struct flow_stats *ret)
{
	*ret = (struct flow_stats){
		.created = t->created,
		.ended = t->created - t->in_use,
		.evicted = t->evicted,
		.in_use = t->in_use,
	};
}
