/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/inline.h"

#include <stdlib.h>
#include <string.h>

#include "engine/conn.h"
#include "identify/dns.h"

#define HOLD_US     INT64_C(3000000)
#define SWEEP_FLOWS 256u
#define SWEEP_STEPS 8192u

/* Of headers nothing is put together: fragments are counted where they begin. */
static const struct decode_cfg few_fragments = {.fragments_max = 16};

struct inline_state *inline_create(const struct inline_cfg *cfg)
{
	struct inline_state *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->cfg = *cfg;
	if (s->cfg.hold_us == 0)
		s->cfg.hold_us = HOLD_US;
	s->hold = hold_create(&cfg->hold);
	s->headers = decoder_create(&few_fragments);
	if (s->hold == NULL || s->headers == NULL) {
		inline_destroy(s);
		return NULL;
	}
	return s;
}

void inline_destroy(struct inline_state *s)
{
	if (s == NULL)
		return;
	hold_destroy(s->hold);
	decoder_destroy(s->headers);
	free(s);
}

/* ---- answers ----------------------------------------------------------------------------- */

static void pass(struct worker *w, struct held_packet p, bool final)
{
	w->inl->stats.passed++;
	w->inl->stats.final += final;
	w->inl->cfg.sink.pass(w->inl->cfg.sink.arg, p, final);
}

static void drop(struct worker *w, struct held_packet p, uint64_t *why)
{
	w->inl->stats.dropped++;
	(*why)++;
	w->inl->cfg.sink.drop(w->inl->cfg.sink.arg, p);
}

static struct held_packet name_of(const struct queued_packet *q)
{
	return (struct held_packet){.id = q->id, .mark = q->mark};
}

static bool can_recall(const struct worker *w, const struct flow *fl)
{
	return w->inl->cfg.sink.recall != NULL &&
	       (fl->key.ip_proto == IP_PROTO_TCP || fl->key.ip_proto == IP_PROTO_UDP);
}

/* May the kernel pass the rest without us?  Not what may name another server later. */
static bool is_final(const struct worker *w, const struct flow *fl, const struct conn *c)
{
	const struct pending *p = conn_pending(w, c);

	if ((w->edges.wanted && !can_recall(w, fl)) || !c->done || !c->judged ||
	    flow_server_port(fl) == DNS_PORT || c->follower != POOL_NONE ||
	    c->protocol == PROTOCOL_DNS || (c->protocol == PROTOCOL_HTTP && !c->read_out))
		return false;
	return p == NULL || !p->guarded;
}

/* ---- the packets that wait --------------------------------------------------------------- */

static void enlist(struct worker *w, struct pending *p)
{
	struct inline_state *s = w->inl;
	const uint32_t me = pool_index(w->pendings, p) + 1;

	if (p->held_since_us != 0)
		return;
	p->held_since_us = w->now_us;
	p->wait_prev = s->wait_last;
	p->wait_next = 0;
	if (s->wait_last == 0)
		s->wait_first = me;
	else
		((struct pending *)pool_at(w->pendings, s->wait_last - 1))->wait_next =
			me;
	s->wait_last = me;
}

static void unlist(struct worker *w, struct pending *p)
{
	struct inline_state *s = w->inl;

	if (p->held_since_us == 0)
		return;
	p->held_since_us = 0;
	if (p->wait_prev == 0)
		s->wait_first = p->wait_next;
	else
		((struct pending *)pool_at(w->pendings, p->wait_prev - 1))->wait_next =
			p->wait_next;
	if (p->wait_next == 0)
		s->wait_last = p->wait_prev;
	else
		((struct pending *)pool_at(w->pendings, p->wait_next - 1))->wait_prev =
			p->wait_prev;
}

/* Up to `end` in the client's stream. */
static void note_passed(struct conn *c, uint32_t end)
{
	if ((int32_t)(end - c->passed) > 0)
		c->passed = end;
}

static void answer_held(struct worker *w, struct flow *fl, struct conn *c,
			struct pending *p, bool go_on, uint64_t *why)
{
	const struct addr client = flow_client(fl);
	const bool final = go_on && is_final(w, fl, c);
	struct held_packet held;

	if (go_on && p->held.packets > 0 && fl->key.ip_proto == IP_PROTO_TCP)
		note_passed(c, c->follower == POOL_NONE && !c->read_out
				       ? p->base + p->head.highest
				       : fl->out.next_seq - fl->client_isn);
	fl->bypassed |= final;
	while (hold_take(w->inl->hold, &p->held, &client, &held)) {
		if (go_on)
			pass(w, held, final);
		else
			drop(w, held, why);
	}
}

/*
 * What is held of it was dropped or will be.  The head of a stream stays, and is guarded after
 * the verdict (inline_guards); QUIC's frames move between datagrams, so they count no more.
 */
static void lose(struct worker *w, struct flow *fl, struct conn *c, struct pending *p)
{
	if (fl->key.ip_proto == IP_PROTO_TCP)
		return;
	answer_held(w, fl, c, p, false, &w->inl->stats.over_cap);
	head_clear(&p->head, w->heads);
	memset(&p->datagram, 0, sizeof(p->datagram));
	conn_forget_facts(w, p);
}

/* The client sends again what is over a cap. */
static void hold_packet(struct worker *w, const struct queued_packet *q, struct flow *fl,
			struct conn *c, struct pending *p)
{
	const struct addr client = flow_client(fl);

	enlist(w, p);
	if (hold_add(w->inl->hold, &p->held, &client, name_of(q), q->frame.len)) {
		w->inl->stats.held++;
		return;
	}
	drop(w, name_of(q), &w->inl->stats.over_cap);
	lose(w, fl, c, p);
}

/* Which byte the server takes for the first is not known. */
static bool is_unsure(const struct flow *fl, const struct conn *c)
{
	return fl->midstream || c->unsure;
}

/* The server answers a hello before it takes more. */
static bool waits_for_answer(const struct conn *c)
{
	return c->protocol == PROTOCOL_TLS || c->protocol == PROTOCOL_TDS ||
	       c->protocol == PROTOCOL_SMTP;
}

bool inline_guards(const struct worker *w, const struct flow *fl, const struct conn *c,
		   const struct pending *p)
{
	const uint32_t end = fl->client_isn + p->base + p->head.highest;

	if (!w->inl->cfg.enforce || conn_is_cut(w, c) ||
	    c->reason == VERDICT_REASON_PREEXISTING)
		return false;
	if (fl->key.ip_proto == IP_PROTO_UDP) /* a server may ask for a second hello */
		return p->datagram.hello_len > 0 && !p->retried;
	return fl->key.ip_proto == IP_PROTO_TCP && p->head.highest > 0 &&
	       (!fl->in.has_ack || (int32_t)(fl->in.acked - end) < 0);
}

void inline_forget(struct worker *w, struct pending *p)
{
	unlist(w, p);
	answer_held(w, p->flow, flow_extra(p->flow), p, false, &w->inl->stats.ignored);
}

void inline_release(struct worker *w, struct flow *fl, struct conn *c, struct pending *p)
{
	unlist(w, p);
	answer_held(w, fl, c, p, c->judged && !conn_is_cut(w, c), &w->inl->stats.denied);
}

void inline_let_on(struct worker *w, struct flow *fl, struct conn *c, struct pending *p,
		   bool asked)
{
	if (asked && judge_knows_mail(w, c, conn_facts(w, p))) {
		c->provisional = true; /* what its envelope says comes at its end */
	} else if (asked && c->provisional) {
		judge_again(w, fl, c, conn_facts(w, p));
		c->provisional = true;
	} else if (asked && !c->judged) {
		judge(w, fl, c, conn_facts(w, p));
		c->provisional = true;
	}
	c->asked |= asked;
	if (conn_is_cut(w, c)) {
		inline_release(w, fl, c, p);
		return;
	}
	unlist(w, p);
	answer_held(w, fl, c, p, true, &w->inl->stats.denied);
	w->inl->go_on = true;
}

static bool refuse(struct worker *w, struct conn *c, uint64_t *why)
{
	w->inl->refused = why;
	c->flags |= 1u << FLAG_DECOY_IGNORED;
	return false;
}

bool inline_reaches(struct worker *w, struct conn *c, uint8_t ttl)
{
	if (ttl >= w->inl->cfg.min_ttl)
		return true;
	c->flags |= 1u << FLAG_TTL_LOW;
	return refuse(w, c, &w->inl->stats.ttl_low);
}

/* Where the stream begins is not known: bytes that may lie before it, or behind a decoy. */
static bool strays(const struct flow *fl, const struct conn *c, const struct pending *p,
		   const struct packet *pkt, uint32_t at, struct str bytes)
{
	return is_unsure(fl, c) &&
	       ((int32_t)(pkt->seq - fl->client_isn) < 0 ||
		(!c->done && at > p->head.filled) ||
		(c->done && waits_for_answer(c) && at + bytes.len > p->head.highest));
}

bool inline_ends_there(struct worker *w, const struct flow *fl, struct conn *c,
		       const struct pending *p)
{
	if (!is_unsure(fl, c) || p->retried || p->facts->protocol != PROTOCOL_TLS ||
	    p->facts->layered || p->facts->hello_end == 0 ||
	    p->facts->hello_end == p->head.highest)
		return true;
	return refuse(w, c, &w->inl->stats.ignored);
}

bool inline_follows(struct worker *w, struct conn *c, const struct packet *pkt)
{
	if (!inline_reaches(w, c, pkt->ttl))
		return false;
	return (pkt->tcp_flags & TCP_URG) == 0 || refuse(w, c, &w->inl->stats.ignored);
}

bool inline_admits(struct worker *w, const struct flow *fl, struct conn *c,
		   const struct packet *pkt, uint32_t at, struct str bytes)
{
	const struct pending *p = conn_pending(w, c);
	struct inline_stats *stats = &w->inl->stats;

	if (!inline_reaches(w, c, pkt->ttl))
		return false;
	/* Whether the urgent byte is part of the stream depends on the server. */
	if ((pkt->tcp_flags & TCP_URG) != 0 || strays(fl, c, p, pkt, at, bytes))
		return refuse(w, c, &stats->ignored);
	if (!head_contradicts(&p->head, at, (const uint8_t *)bytes.p, bytes.len))
		return true;
	c->flags |= 1u << FLAG_OVERLAP;
	return refuse(w, c, &stats->conflicting);
}

/* ---- denied connections ------------------------------------------------------------------- */

/*
 * To the client: what it takes next is what it acknowledges.  To the server: the first byte of
 * the client while nothing has passed, then the number of the packet at hand.  (Segments
 * without payload do not come by here, so what the server acknowledged is not known.)
 */
static void reset_both(struct worker *w, const struct flow *fl, uint32_t to_client,
		       uint32_t client_next, uint32_t to_server, bool server_knows)
{
	const struct inline_sink *sink = &w->inl->cfg.sink;
	struct tcp_reset r = {.src = flow_client(fl),
			      .dst = flow_server(fl),
			      .src_port = flow_client_port(fl),
			      .dst_port = flow_server_port(fl),
			      .seq = to_server,
			      .ack = to_client,
			      .has_ack = true};

	if (server_knows)
		sink->reset(sink->arg, &r);
	r = (struct tcp_reset){.src = flow_server(fl),
			       .dst = flow_client(fl),
			       .src_port = flow_server_port(fl),
			       .dst_port = flow_client_port(fl),
			       .seq = to_client,
			       .ack = client_next,
			       .has_ack = true};
	sink->reset(sink->arg, &r);
}

static void cut_tcp(struct worker *w, struct flow *fl, const struct conn *c,
		    const struct packet *pkt, bool from_client)
{
	const uint32_t control = (pkt->tcp_flags & TCP_SYN) != 0 ? 1 : 0;
	const uint32_t fin = (pkt->tcp_flags & TCP_FIN) != 0 ? 1 : 0;
	const uint32_t end = pkt->seq + control + (uint32_t)pkt->payload_wire_len + fin;

	if ((pkt->tcp_flags & TCP_RST) == 0) {
		if (!from_client)
			reset_both(w, fl, pkt->seq, pkt->ack, pkt->ack, true);
		else if ((pkt->tcp_flags & TCP_ACK) == 0)
			reset_both(w, fl, 0, end, 0, false);
		else
			reset_both(w, fl, pkt->ack, end, fl->client_isn + c->passed,
				   true);
	}
	flow_close(w->flows, fl, control != 0 ? END_REASON_REFUSED : END_REASON_RESET);
}

static void cut(struct worker *w, const struct queued_packet *q, const struct taken *t,
		const struct packet *pkt)
{
	const struct inline_sink *sink = &w->inl->cfg.sink;

	drop(w, name_of(q), &w->inl->stats.denied);
	if (pkt->ip_proto == IP_PROTO_TCP && pkt->has_l4)
		cut_tcp(w, t->flow, t->conn, pkt, t->from_client);
	else if (t->from_client)
		sink->prohibit(sink->arg, q->frame.data, q->frame.caplen);
}

void inline_recall(struct worker *w, const struct flow *fl, const struct conn *c)
{
	const struct inline_sink *sink = w->inl == NULL ? NULL : &w->inl->cfg.sink;
	const struct conn_report r = {.src = flow_client(fl),
				      .dst = flow_server(fl),
				      .src_port = flow_client_port(fl),
				      .dst_port = flow_server_port(fl),
				      .ip_proto = fl->key.ip_proto,
				      .nat_src = c->nat,
				      .nat_src_port = c->nat_port};

	if (conn_is_cut(w, c) && fl->bypassed && sink->recall != NULL)
		sink->recall(sink->arg, &r);
}

/* ---- packets ------------------------------------------------------------------------------ */

/* Part of a later request that is not whole yet. */
static void keep_back(struct worker *w, const struct queued_packet *q, struct flow *fl,
		      struct conn *c)
{
	struct pending *p = conn_pending(w, c);

	if (p == NULL)
		p = conn_pend(w, fl, c);
	if (p == NULL)
		drop(w, name_of(q), &w->inl->stats.over_cap);
	else
		hold_packet(w, q, fl, c, p);
}

/* Bytes that were let on before: some were dropped over a cap, and come again. */
static bool was_let_on(const struct taken *t, const struct packet *pkt)
{
	const uint32_t end =
		pkt->seq - t->flow->client_isn + (uint32_t)pkt->payload_wire_len;

	return pkt->ip_proto == IP_PROTO_TCP && (int32_t)(end - t->conn->passed) <= 0;
}

static void answer(struct worker *w, const struct queued_packet *q, const struct taken *t,
		   const struct packet *pkt)
{
	struct inline_state *s = w->inl;
	struct conn *c = t->conn;
	struct pending *p = conn_pending(w, c);
	bool final;

	if (conn_is_cut(w, c)) {
		cut(w, q, t, pkt);
		return;
	}
	if (s->cfg.enforce && s->refused != NULL) {
		drop(w, name_of(q), s->refused);
		return;
	}
	if (s->cfg.enforce && p != NULL && !c->done && (!c->judged || c->asked) &&
	    !s->go_on && t->from_client && pkt->payload_wire_len > 0 &&
	    !was_let_on(t, pkt)) {
		hold_packet(w, q, t->flow, c, p);
		return;
	}
	if (s->cfg.enforce && t->from_client && pkt->payload_wire_len > 0 &&
	    follow_keeps_back(w, t->flow, c, pkt)) {
		keep_back(w, q, t->flow, c);
		return;
	}
	final = is_final(w, t->flow, c);
	t->flow->bypassed |= final;
	if (t->from_client && pkt->payload_wire_len > 0 && pkt->ip_proto == IP_PROTO_TCP)
		note_passed(c, pkt->seq - t->flow->client_isn +
				       (uint32_t)pkt->payload_wire_len);
	pass(w, name_of(q), final);
}

void worker_packet(struct worker *w, const struct queued_packet *q)
{
	struct inline_state *s = w->inl;
	struct packet pkt;
	struct taken t;

	s->refused = NULL;
	s->go_on = false;
	inline_tick(w);
	if (worker_take(w, &q->frame, false, &pkt, &t)) {
		answer(w, q, &t, &pkt);
	} else if (s->cfg.enforce) {
		drop(w, name_of(q), &s->stats.undecodable);
	} else {
		s->stats.undecodable++;
		pass(w, name_of(q), false);
	}
}

/*
 * Held too long.  The connection is judged as what it is, undecidable; where that may pass it
 * stays under inspection, and where not, both ends are told.
 */
static void time_out(struct worker *w, struct pending *p)
{
	struct flow *fl = p->flow;
	struct conn *c = flow_extra(fl);
	struct facts f;

	unlist(w, p);
	answer_held(w, fl, c, p, false, &w->inl->stats.over_cap);
	w->inl->stats.timed_out++;
	if (c->judged && !c->asked && c->follower == POOL_NONE)
		return;
	memset(&f, 0, sizeof(f));
	f.protocol = conn_facts(w, p)->protocol;
	f.undecidable = UNDECIDABLE_HOLD_BUDGET;
	if (c->follower != POOL_NONE)
		follow_too_long(w, fl, c);
	else if (c->judged)
		judge_again(w, fl, c, &f);
	else
		judge(w, fl, c, &f);
	c->asked = false;
	if (c->follower != POOL_NONE && !conn_is_cut(w, c)) {
		conn_release(w, c); /* it held packets, and no more */
		return;
	}
	if (!conn_is_cut(w, c)) {
		c->provisional = true;
		lose(w, fl, c, p);
		return;
	}
	c->done = true;
	conn_release(w, c);
	if (fl->key.ip_proto != IP_PROTO_TCP)
		return;
	reset_both(w, fl, fl->out.acked, fl->out.next_seq, fl->client_isn + c->passed,
		   true);
	flow_close(w->flows, fl, END_REASON_RESET);
}

void inline_tick(struct worker *w)
{
	struct inline_state *s = w->inl;

	while (s->wait_first != 0) {
		struct pending *p = pool_at(w->pendings, s->wait_first - 1);

		if (p->held_since_us + s->cfg.hold_us > w->now_us)
			return;
		time_out(w, p);
	}
}

/* ---- what others tell ---------------------------------------------------------------------- */

void worker_report(struct worker *w, const struct conn_report *r, int64_t clock_us)
{
	const struct packet p = {.src = r->src,
				 .dst = r->dst,
				 .src_port = r->src_port,
				 .dst_port = r->dst_port,
				 .ip_proto = r->ip_proto};
	bool from_low;
	const struct flow_key k = flow_key_of(&p, &from_low);
	struct flow *fl = flow_find(w->flows, &k);
	struct flow_direction *out, *in;
	struct conn *c;

	w->inl->stats.reports++;
	if (fl == NULL || !fl->bypassed) {
		w->inl->stats.reports_unknown++;
		return;
	}
	c = flow_extra(fl);
	if (r->nat_src_port != 0) {
		c->nat = r->nat_src;
		c->nat_port = r->nat_src_port;
	}
	out = from_low == fl->client_is_low ? &fl->out : &fl->in;
	in = out == &fl->out ? &fl->in : &fl->out;
	if (r->counted) {
		out->packets = r->packets_out;
		out->bytes = r->bytes_out;
		in->packets = r->packets_in;
		in->bytes = r->bytes_in;
	}
	w->now_us = clock_us;
	w->key = (struct event_key){.clock_us = clock_us, .cause = CAUSE_TIMEOUT};
	if (!r->ended) {
		flow_refresh(w->flows, fl, clock_us);
		return;
	}
	fl->last_us = clock_us;
	flow_finish(w->flows, fl, clock_us, r->end_reason);
	worker_end_gone(w, clock_us);
}

void worker_headers(struct worker *w, const struct frame *f)
{
	struct flow_touch touch;
	struct packet pkt;
	struct flow_key k;
	bool from_low;

	if (decode_frame(w->inl->headers, f, &pkt) != DECODE_OK)
		return;
	k = flow_key_of(&pkt, &from_low);
	if (flow_find(w->flows, &k) == NULL)
		return;
	w->now_us = f->clock_us;
	w->key = (struct event_key){.clock_us = f->clock_us, .cause = CAUSE_TIMEOUT};
	flow_touch(w->flows, &pkt, f, &touch);
	worker_end_gone(w, f->clock_us);
	if (touch.is_new) /* the kernel passed a SYN without asking us */
		conn_start(w, touch.flow, flow_extra(touch.flow));
}

/* ---- another generation or mode ------------------------------------------------------------- */

void worker_use(struct worker *w, const struct generation *g,
		const struct event_origin *origin, bool enforce)
{
	struct inline_state *s = w->inl;

	w->g = g;
	w->cfg.generation = g;
	w->cfg.origin = *origin;
	w->epoch++;
	edges_use(&w->edges, g);
	if (s == NULL)
		return;
	s->cfg.enforce = enforce;
	s->sweep_at = 0;
	s->sweeping = true;
	if (!enforce) /* nobody waits in mode monitor */
		worker_let_go(w);
}

void worker_keeps_all(struct worker *w)
{
	w->inl->cfg.sink.recall = NULL;
}

void worker_let_go(struct worker *w)
{
	for (uint32_t i = w->inl->wait_first; i != 0;) {
		struct pending *p = pool_at(w->pendings, i - 1);

		i = p->wait_next;
		unlist(w, p);
		answer_held(w, p->flow, flow_extra(p->flow), p, true,
			    &w->inl->stats.denied);
	}
}

void worker_forget_held(struct worker *w)
{
	while (w->inl->wait_first != 0)
		inline_forget(w, pool_at(w->pendings, w->inl->wait_first - 1));
}

bool worker_sweep(struct worker *w, int64_t clock_us)
{
	struct inline_state *s = w->inl;

	if (s == NULL)
		return false;
	if (w->edges.wanted)
		edges_pass(w, clock_us);
	if (!s->sweeping)
		return false;
	w->now_us = clock_us;
	w->key = (struct event_key){.clock_us = clock_us, .cause = CAUSE_TIMEOUT};
	for (unsigned n = 0; n < SWEEP_FLOWS; n++) {
		struct flow *fl = flow_walk(w->flows, &s->sweep_at, SWEEP_STEPS);
		struct conn *c;

		if (fl == NULL)
			break;
		c = flow_extra(fl);
		if (c->epoch != w->epoch)
			(void)judge_anew(w, fl, c, true);
	}
	s->sweeping = !flow_walk_done(w->flows, s->sweep_at);
	return s->sweeping;
}

void worker_inline_stats(const struct worker *w, struct inline_stats *ret)
{
	*ret = w->inl->stats;
	ret->held_now = hold_stats(w->inl->hold)->now;
}
