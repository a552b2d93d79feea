/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/conn.h"
#include "identify/dns.h"

#define GUARD_US 3000000 /* no longer than that for a server of QUIC that is not seen */

/* ---- what has been read, and counts no more ---------------------------------------------- */

/* What was made of the bytes so far, by whatever other contents. */
static void forget_reading(struct worker *w, struct pending *p)
{
	conn_forget_facts(w, p);
	rival_clear(w, &p->rivals);
	p->whole = p->rival = p->retried = p->answered = p->crowded = false;
	p->unseen = p->other_read = false;
}

void conn_start_again(struct worker *w, struct conn *c, struct pending *p)
{
	c->flags |= conn_facts(w, p)->flags;
	forget_reading(w, p);
	datagrams_forget_twins(w, p);
	rival_forget(w, c);
	p->has_urgent = p->many_urgent = p->has_probe = false;
	p->base = p->cut_from = p->cut_end = p->late_end = 0;
	p->syn_bytes = p->syn_others = 0;
	p->far = (struct far){0, 0};
	p->turn = (struct turn){0};
}

void conn_begin_anew(struct worker *w, struct conn *c, struct pending *p)
{
	conn_start_again(w, c, p);
	head_clear(&p->head, w->heads);
	memset(&p->datagram, 0, sizeof(p->datagram));
}

enum identify_step conn_cannot_tell(struct worker *w, struct pending *p,
				    enum undecidable why)
{
	struct facts *f = conn_facts(w, p);

	*f = (struct facts){.protocol = f->protocol, .undecidable = why};
	return IDENTIFY_DONE;
}

/* ---- the head of a TCP stream ---------------------------------------------------------- */

/*
 * RFC 7323 5.3, PAWS.  Linux takes what is one tick old, and it and BSD all where TS.Recent is 0
 * (some systems send that in a SYN).
 */
static bool is_old(const struct conn *c, uint32_t stamp)
{
	return c->ts_recent != 0 && (int32_t)(c->ts_recent - stamp) > 1;
}

/* A segment of the client: has it acknowledged the server's SYN by now? */
static void note_handshake(const struct flow *fl, struct conn *c, const struct packet *p)
{
	if (!c->acked_syn && fl->in.has_seq && (p->tcp_flags & TCP_ACK) != 0)
		c->acked_syn =
			p->ack - fl->server_isn <= fl->in.next_seq - fl->server_isn;
}

/*
 * Watched, the server's SYN was seen: RFC 9293 3.10.7.4, fifth: until the client has acknowledged it,
 * another acknowledgement brings a reset.
 */
static bool is_before_handshake(const struct worker *w, const struct flow *fl,
				const struct conn *c)
{
	return w->inl == NULL && !c->acked_syn && (fl->in.tcp_flags & TCP_SYN) != 0;
}

/* Would a real server ignore this segment's bytes?  Counted.  RFC 9293 3.10.7. */
static bool server_ignores(struct worker *w, const struct flow *fl, struct conn *c,
			   struct packet *p)
{
	uint64_t *counter = NULL;

	note_handshake(fl, c, p);
	if ((p->tcp_flags & TCP_SYN) != 0)
		counter = &w->stats.ignored_syn_data;
	else if ((p->tcp_flags & TCP_RST) != 0)
		counter = &w->stats.ignored_reset_data;
	else if (fl->in.has_seq && ((int32_t)(p->ack - fl->in.next_seq) > 0 ||
				    is_before_handshake(w, fl, c)))
		counter = &w->stats.ignored_bad_ack;
	else if ((p->tcp_flags & TCP_ACK) == 0)
		counter = &w->stats.ignored_no_ack;
	else if (p->tcp_md5 && !c->md5_negotiated)
		counter = &w->stats.ignored_md5;
	else if (c->ts_agreed && p->tcp_timestamp && is_old(c, p->ts_val))
		counter = &w->stats.ignored_old;
	else if (c->strict_checksum) {
		decode_check_l4(p);
		if (p->l4_checksum == CHECKSUM_BAD)
			counter = &w->stats.ignored_checksum;
	}
	if (counter == NULL)
		return false;
	(*counter)++;
	if (w->inl != NULL)
		w->inl->refused = &w->inl->stats.ignored;
	c->flags |= 1u << FLAG_DECOY_IGNORED;
	return true;
}

static enum identify_step ask_stream(struct worker *w, const struct flow *fl,
				     struct conn *c, struct pending *p, bool final)
{
	const struct head *h = &p->head;
	enum identify_step step;

	if (p->retried)
		return rival_second_hello(w, fl, c, p);
	if (p->has_urgent && p->urgent_at < h->filled)
		return rival_read_urgent(w, fl, c, p, final);
	step = identify_stream(w->identify, h->bytes, h->filled, final,
			       h->filled == HEAD_MAX, flow_server_port(fl),
			       conn_facts(w, p));
	/* Most of these wait long, and nothing is known of them. */
	if (step == IDENTIFY_MORE)
		conn_forget_facts(w, p);
	else if (w->inl == NULL && step == IDENTIFY_DONE && p->facts->chained)
		rival_proxies(w, c, p);
	return step;
}

/*
 * The bytes that lie in the stream from number `from` on, and where.  None: keep-alive probe, old
 * copy.
 */
static struct str stream_bytes(uint32_t from, const struct packet *pkt, uint32_t *ret_at)
{
	const uint32_t at = pkt->seq - from;
	const size_t before = at >= 0x80000000u ? (size_t)(0u - at) : 0;

	*ret_at = before > 0 ? 0 : at;
	if (before >= pkt->payload_len)
		return STR_NONE;
	return (struct str){(const char *)pkt->payload + before,
			    pkt->payload_len - before};
}

/*
 * Bytes that did not wait for the server's word (engine/turn.h): which of them it reads is not known.
 * Where nothing of the server is seen, nobody knows whether they waited.
 */
static void look_at_turns(struct worker *w, const struct flow *fl, struct pending *p)
{
	struct facts *f = p->facts;

	if (fl->key.ip_proto != IP_PROTO_TCP || f == NULL || turn_kept(&p->turn, f) ||
	    f->undecidable == UNDECIDABLE_CONFLICT || (w->inl == NULL && !fl->in.has_seq))
		return;
	*f = (struct facts){.protocol = f->protocol,
			    .flags = f->flags,
			    .mail = f->mail,
			    .undecidable = UNDECIDABLE_MALFORMED_HELLO};
}

/* Inline: drop what is held of it, and begin to read anew. */
static void forget(struct worker *w, struct pending *p)
{
	inline_forget(w, p);
	head_clear(&p->head, w->heads);
	conn_forget_facts(w, p);
	p->turn = (struct turn){0};
}

/*
 * Inline: each proxy that a client asks is judged, so several names at once are a conflict; and
 * bytes that nobody can read stand in a tunnel or, where the proxy said no, in front of a request.
 */
static enum identify_step look_at_proxies(struct worker *w, struct conn *c,
					  struct pending *p, enum identify_step step)
{
	const struct facts *f = p->facts;

	if (step != IDENTIFY_ASKED && step != IDENTIFY_DONE)
		return step;
	if (rival_is_rest(w, p->flow, p)) /* conn_settle() says so */
		return IDENTIFY_DONE;
	if (f->chained && f->proxies > p->proxies + 1) {
		rival_proxies(w, c, p);
		return IDENTIFY_DONE;
	}
	p->proxies = f->proxies;
	if (!turn_kept(&p->turn, f)) /* conn_settle() says so */
		return IDENTIFY_DONE;
	if (step == IDENTIFY_DONE && rival_is_unread_tunnel(f) && !p->opened)
		return conn_cannot_tell(w, p, UNDECIDABLE_HTTP_DESYNC);
	return step;
}

/* Payload, or an urgent pointer. */
static bool says_something(const struct packet *pkt)
{
	return pkt->payload_wire_len > 0 ||
	       (pkt->tcp_flags & (TCP_URG | TCP_SYN | TCP_RST)) == TCP_URG;
}

/* An urgent pointer that comes alone. */
static enum identify_step hear_urgent(struct worker *w, const struct flow *fl,
				      struct conn *c, struct pending *p,
				      const struct packet *pkt)
{
	if (w->inl != NULL)
		(void)inline_admits(w, fl, c, pkt, 0, STR_NONE);
	else
		rival_note_urgent(w, fl, c, p, pkt);
	return IDENTIFY_MORE;
}

/* Does the head take bytes behind those that it is judged by: for follow_start(), or a second hello? */
static bool keeps_more(const struct pending *p)
{
	return !p->whole || p->facts->protocol == PROTOCOL_HTTP ||
	       p->facts->protocol == PROTOCOL_DNS || p->facts->commands ||
	       rival_keeps_behind(p) || p->flow->midstream;
}

/* Watched: may the server take some of the bytes at *at?  Those that it has are left out. */
static bool may_be_taken(struct worker *w, struct conn *c, struct pending *p,
			 const struct packet *pkt, uint32_t *at, struct str *bytes)
{
	const struct flow *fl = p->flow;

	if (rival_is_beyond(fl, &p->window, pkt)) {
		w->stats.ignored_window++;
		c->flags |= 1u << FLAG_DECOY_IGNORED;
		return false;
	}
	if (rival_keep_probe(fl, c, p, pkt))
		return false;
	*bytes = rival_trim(fl, p, at, *bytes);
	rival_note_late(fl, p, *at, bytes->len);
	rival_compare_probe(c, p, *at, *bytes);
	if (pkt->payload_wire_len > pkt->payload_len)
		rival_note_cut(fl, p, pkt);
	return true;
}

static enum identify_step feed_stream(struct worker *w, struct flow *fl, struct conn *c,
				      struct pending *p, struct packet *pkt)
{
	uint32_t at;
	struct str bytes;
	enum identify_step step;
	enum head_result r;

	note_handshake(fl, c, pkt);
	if (!says_something(pkt) || rival_keep_syn(w, fl, c, p, pkt) ||
	    server_ignores(w, fl, c, pkt) || !fl->out.has_seq)
		return IDENTIFY_MORE;
	if (pkt->payload_wire_len == 0)
		return hear_urgent(w, fl, c, p, pkt);
	rival_leave_syn(w, fl, c, p);
	rival_note_front(w, fl, c, p, pkt);
	bytes = stream_bytes(fl->client_isn + p->base, pkt, &at);
	if (pkt->payload_wire_len > pkt->payload_len)
		c->flags |= 1u << FLAG_TRUNCATED_FRAMES;
	if (w->inl == NULL && !may_be_taken(w, c, p, pkt, &at, &bytes))
		return IDENTIFY_MORE;
	if (w->inl != NULL && !inline_admits(w, fl, c, pkt, at, bytes))
		return IDENTIFY_MORE;
	if (bytes.len == 0)
		return IDENTIFY_MORE;
	if (w->inl == NULL) { /* or it was refused */
		rival_note_urgent(w, fl, c, p, pkt);
		if (p->head.bytes == NULL && !p->retried)
			p->first_ack = pkt->ack;
		if (at < p->whole_end || keeps_more(p))
			rival_stream(w, c, p, at, bytes);
	}
	if (!keeps_more(p))
		return IDENTIFY_MORE;
	r = head_add(&p->head, w->heads, at, (const uint8_t *)bytes.p, bytes.len);
	if (p->head.beyond)
		rival_note_far(p, at, bytes.len);
	if (p->whole) /* kept for follow_start() */
		return IDENTIFY_MORE;
	if (p->head.out_of_order)
		c->flags |= 1u << FLAG_OUT_OF_ORDER;
	if (r == HEAD_NO_ROOM) {
		w->stats.heads_refused++;
		return conn_cannot_tell(w, p, UNDECIDABLE_BUDGET);
	}
	if (p->head.conflict && w->inl != NULL)
		return conn_cannot_tell(w, p, UNDECIDABLE_CONFLICT);
	if (r != HEAD_ADDED)
		return IDENTIFY_MORE;
	step = ask_stream(w, fl, c, p, false);
	turn_client(&p->turn, step == IDENTIFY_MORE ? NULL : p->facts,
		    fl->client_isn + p->base + p->head.filled);
	if (w->inl != NULL)
		step = look_at_proxies(w, c, p, step);
	if (step != IDENTIFY_DONE || w->inl == NULL || inline_ends_there(w, fl, c, p))
		return step;
	forget(w, p);
	return IDENTIFY_MORE;
}

/* ---- one connection's life ------------------------------------------------------------- */

void conn_release(struct worker *w, struct conn *c)
{
	struct pending *p = conn_pending(w, c);

	if (p == NULL)
		return;
	if (w->inl != NULL && !follow_is_amid(w, c))
		inline_release(w, p->flow, c, p);
	if (p->guarded || p->held.packets > 0)
		return;
	head_clear(&p->head, w->heads);
	rival_clear(w, &p->rivals);
	datagrams_forget_twins(w, p);
	conn_forget_facts(w, p);
	keep_no_more(w, p);
	pool_put(w->pendings, p);
	c->pending = POOL_NONE;
}

static uint32_t hash_of_dcid(const struct worker *w, struct str dcid)
{
	return (uint32_t)hash_bytes(dcid.p, dcid.len, w->cfg.seed) | 1;
}

/*
 * Under which id the client's Initials go on with the connection: watched, it is judged when the
 * server has answered, which chose one.
 */
static struct str id_of(const struct worker *w, const struct datagram_state *st)
{
	if (w->inl == NULL && st->server_scid_len > 0)
		return (struct str){(const char *)st->server_scid, st->server_scid_len};
	return (struct str){(const char *)st->dcid, st->dcid_len};
}

/* What is judged so far stands until a hello of another connection is whole. */
static void look_on(struct conn *c, struct pending *p)
{
	p->again = true;
	c->done = false;
	c->asked = c->provisional = true;
}

void conn_settle(struct worker *w, struct flow *fl, struct conn *c, struct pending *p)
{
	struct facts *f;

	/* Whose are bytes behind a CONNECT that made no tunnel? */
	if (w->inl == NULL && p->facts != NULL && rival_is_unread_tunnel(p->facts) &&
	    p->whole && c->server_spoke && !p->opened && !p->again)
		(void)conn_cannot_tell(w, p, UNDECIDABLE_HTTP_DESYNC);
	look_at_turns(w, fl, p);
	rival_conclude(w, c, p);
	f = conn_facts(w, p);
	if (f->protocol != PROTOCOL_UNKNOWN)
		words_need_none(w, c);
	if (f->asked_len > 0)
		rival_name_facts(w, c, f);
	if (fl->midstream && f->protocol == PROTOCOL_UNKNOWN &&
	    f->undecidable == UNDECIDABLE_NONE)
		f->undecidable = UNDECIDABLE_MIDSTREAM;
	f->flags |= (c->flags & ~(1u << FLAG_QUIC_INHERITED)) |
		    (fl->midstream ? 1u << FLAG_MIDSTREAM : 0);
	c->done = true;
	c->asked = false;
	if (p->datagram.opened)
		c->dcid = hash_of_dcid(w, id_of(w, &p->datagram));
	if (c->provisional && p->retried && !p->rival) {
		c->provisional = false; /* the same hello again */
	} else if (p->again || (c->provisional && p->refused && f->requests)) {
		c->provisional = false;
		judge_request(w, fl, c, f);
	} else if (c->provisional) {
		judge_again(w, fl, c, f);
	} else if (c->judged) {
		judge_keep_facts(w, fl, c, f);
	} else {
		judge(w, fl, c, f);
	}
	words_ask(w, fl, c, p);
	follow_start(w, fl, c, p);
	p->guarded = w->inl != NULL && inline_guards(w, fl, c, p);
	if (p->guarded)
		p->whole_us = w->now_us;
	if (p->twins != 0 && datagrams_go_on(w, p)) {
		forget_reading(w, p);
		p->rivals.segments.more = true; /* of the head that goes on */
		look_on(c, p);
	} else {
		conn_release(w, c);
	}
}

/* Which end is ours.  Again when a SYN shows that the ends were taken the wrong way. */
void conn_locate(struct worker *w, const struct flow *fl, struct conn *c)
{
	struct addr client = flow_client(fl), server = flow_server(fl);
	struct whereabouts at;

	generation_locate(w->g, &client, &server, &at);
	c->direction = (uint8_t)at.direction;
	c->site = at.site;
	c->source = at.source;
	c->role = (uint8_t)at.role;
	c->client_inside = at.client_inside;
	c->translated = at.translated;
	c->shared = at.shared;
	c->inside_known = at.known && !(at.translated && at.source == ID_NONE);
	c->client_is_low = fl->client_is_low;
}

static void turn(struct worker *w, const struct flow *fl, struct conn *c)
{
	struct pending *p = conn_pending(w, c);

	conn_locate(w, fl, c);
	if (p != NULL && !c->done)
		conn_begin_anew(w, c, p);
}

/*
 * Inline, the answer to a SYN passes without us.  After a second one with other numbers it is
 * not known which the server took: what came by the first's is forgotten, and the head is
 * guarded (inline_guards).  A client may as well have given up and come again.
 */
static void another_syn(struct worker *w, const struct flow *fl, struct conn *c,
			struct pending *p)
{
	if (c->has_isn && fl->client_isn != c->isn) {
		c->unsure = true;
		c->passed = 0;
		if (p != NULL)
			forget(w, p);
	}
	c->has_isn = fl->out.has_seq;
	c->isn = fl->client_isn;
}

/*
 * What a handshake tells of its client: one right checksum shows that they are not left to
 * the network card, and only the server's answer makes TCP-MD5 part of the connection.
 */
static void note_syn(struct worker *w, struct flow *fl, struct conn *c, struct pending *p,
		     struct packet *pkt, bool from_client)
{
	if (!from_client) {
		decode_check_l4(pkt);
		if (pkt->l4_checksum == CHECKSUM_GOOD)
			c->server_strict = true;
		c->md5_negotiated = pkt->tcp_md5;
		/* No server says stamps that it was not offered: RFC 7323 3.2. */
		c->ts_agreed = pkt->tcp_timestamp &&
			       (c->ts_offered || (fl->out.tcp_flags & TCP_SYN) == 0);
		c->ts_recent = pkt->ts_ecr;
		/* The server was asked by bytes that acknowledge another number: it reset. */
		if (w->inl == NULL && p != NULL && !c->done && p->head.bytes != NULL &&
		    p->syn_bytes == 0 && p->first_ack != fl->server_isn)
			conn_begin_anew(w, c, p);
		return;
	}
	if (w->inl != NULL) { /* connection tracking has dropped bad checksums */
		another_syn(w, fl, c, p);
		return;
	}
	c->ts_offered = pkt->tcp_timestamp;
	if (p != NULL)
		p->window.offered = pkt->tcp_scaled;
	decode_check_l4(pkt);
	if (pkt->l4_checksum == CHECKSUM_GOOD)
		c->strict_checksum = true;
}

struct facts *conn_facts(struct worker *w, struct pending *p)
{
	if (p->facts == NULL) {
		p->facts = pool_get(w->facts); /* as many as pendings */
		memset(p->facts, 0, sizeof(*p->facts));
	}
	return p->facts;
}

void conn_forget_facts(struct worker *w, struct pending *p)
{
	pool_put(w->facts, p->facts);
	p->facts = NULL;
}

struct pending *conn_pend(struct worker *w, struct flow *fl, struct conn *c)
{
	struct pending *p = pool_get(w->pendings);

	if (p == NULL) {
		w->stats.pending_refused++;
		return NULL;
	}
	memset(p, 0, sizeof(*p));
	p->flow = fl;
	c->pending = pool_index(w->pendings, p);
	return p;
}

/* Keep what reading needs.  NULL: there is no room, and it is judged without. */
static struct pending *begin_reading(struct worker *w, struct flow *fl, struct conn *c)
{
	const struct facts none = {.undecidable = UNDECIDABLE_BUDGET};
	struct pending *p = conn_pend(w, fl, c);

	c->silent = false;
	if (p == NULL) {
		c->done = true;
		if (!c->judged)
			judge(w, fl, c, &none);
	}
	return p;
}

void conn_start(struct worker *w, struct flow *fl, struct conn *c)
{
	w->stats.flows++;
	c->epoch = w->epoch;
	c->gate = GATE_COUNT;
	c->would_gate = GATE_COUNT;
	conn_locate(w, fl, c);
	c->pending = POOL_NONE;
	c->follower = POOL_NONE;
	c->questions = POOL_NONE;
	/* Inline, handshakes alone take no room: whoever sends many must not crowd others out. */
	c->silent = w->inl != NULL && fl->key.ip_proto == IP_PROTO_TCP && !fl->midstream;
	/* A SYN of the client alone, where the server may hold on to the old one. */
	c->unsure = c->silent && rests_has(w->rests, &fl->key);
	if (c->silent || begin_reading(w, fl, c) != NULL)
		(void)judge_early(w, fl, c);
}

/* The second hello is held as the first was, and judged if it is another. */
static void expect_second_hello(struct worker *w, struct flow *fl, struct conn *c,
				struct pending *p)
{
	p->guarded = false;
	c->done = false;
	c->asked = true;
	c->provisional = true;
	p->rival = rival_has_passed(w, c, p);
	if (p->rival)
		conn_settle(w, fl, c, p);
}

/* A judged head that the server has not taken yet: no other bytes in its place. */
static void guard_stream(struct worker *w, struct flow *fl, struct conn *c,
			 struct pending *p, const struct packet *pkt, bool from_client)
{
	uint32_t at;
	const struct str bytes = stream_bytes(fl->client_isn + p->base, pkt, &at);
	if (from_client && says_something(pkt) &&
	    inline_admits(w, fl, c, pkt, at, bytes) && bytes.len > 0 &&
	    rival_keeps_early(p) &&
	    head_add(&p->head, w->heads, at, (const uint8_t *)bytes.p, bytes.len) ==
		    HEAD_NO_ROOM)
		w->stats.heads_refused++;
	if (!from_client)
		rival_hear_server(p, pkt);
	if (!from_client && rival_starts_over(w, p, pkt)) {
		expect_second_hello(w, fl, c, p);
		return;
	}
	p->guarded = inline_guards(w, fl, c, p) || rival_may_start_over(p);
	if (!p->guarded)
		conn_release(w, c);
}

/*
 * The proxy that was asked first made no tunnel: the CONNECT is a request as any, and others may
 * stand behind it.  False: nobody was asked like that, or has not taken it.
 */
static bool is_refused(struct worker *w, const struct flow *fl, struct pending *p)
{
	const struct head *h = &p->head;
	struct http_follow http = {0};
	struct facts f = {0};
	size_t at, used;

	if (!p->refused || p->opened || p->rival || p->base != 0 || h->filled == 0 ||
	    !identify_connect_at(w->identify, h->bytes, h->filled, &at) ||
	    identify_http(w->identify, &http,
			  (struct str){(const char *)h->bytes + at, h->filled - at}, true,
			  flow_server_port(fl), &used, &f) != HTTP_STEP_REQUEST ||
	    (int32_t)(fl->in.acked - fl->client_isn - (uint32_t)(at + used)) < 0)
		return false;
	f.request_at = (uint16_t)at;
	*conn_facts(w, p) = f;
	rival_note_whole(w, p);
	return true;
}

/* Who only watches waits, the name known, for the server to take it. */
static enum identify_step feed_tcp(struct worker *w, struct flow *fl, struct conn *c,
				   struct pending *p, struct packet *pkt,
				   bool from_client)
{
	enum identify_step step = IDENTIFY_MORE;

	if (from_client)
		step = feed_stream(w, fl, c, p, pkt);
	else if (w->inl != NULL && fl->midstream && c->server_spoke)
		return IDENTIFY_DONE; /* its client has spoken before */
	else if (pkt->payload_len > 0 && p->head.highest == 0)
		words_ask(w, fl, c, p); /* server-first protocols tell most at once */
	if (!from_client) {
		rival_hear_server(p, pkt);
		rival_hear_proxy(w, c, p, pkt);
		if (is_refused(w, fl, p))
			return IDENTIFY_DONE;
	}
	if (w->inl != NULL)
		return step;
	if (!from_client) {
		rival_note_window(fl, &p->window, pkt);
		if (rival_take_syn(w, fl, c, p, pkt) || rival_take_probe(w, fl, p))
			step = ask_stream(w, fl, c, p, false);
	}
	if (step == IDENTIFY_DONE) {
		rival_note_whole(w, p);
		words_ask(w, fl, c, p);
	}
	if (rival_is_over(w, fl, p, pkt, from_client))
		return IDENTIFY_DONE;
	/* What came behind the first hello before the server asked for a second one. */
	if (!from_client && p->retried && !p->whole && p->head.filled > 0 &&
	    ask_stream(w, fl, c, p, false) == IDENTIFY_DONE)
		rival_note_whole(w, p);
	return IDENTIFY_MORE;
}

/* What comes behind the verdict, for those of which that is read, too. */
static void feed_later(struct worker *w, struct flow *fl, struct conn *c,
		       struct packet *pkt, bool from_client)
{
	struct pending *p;

	if (c->follower == POOL_NONE ||
	    (w->inl != NULL && w->inl->refused != NULL && w->inl->cfg.enforce))
		return;
	if (from_client && says_something(pkt)) {
		rival_note_ttl(fl, c, pkt);
		if (server_ignores(w, fl, c, pkt) ||
		    (w->inl != NULL && !inline_follows(w, c, pkt)))
			return;
	}
	follow_packet(w, fl, c, pkt, from_client);
	p = conn_pending(w, c);
	if (p != NULL && c->done && (p->held.packets > 0 || !p->guarded) &&
	    !follow_is_amid(w, c))
		conn_release(w, c);
}

/*
 * After the verdict: an Initial under a connection id of its own, which is that of another
 * connection if it opens (RFC 9000 5.2.2; of this one it is when the server chose the id),
 * whatever the datagrams before were.  It is judged as the first was, inline also held.
 */
static struct pending *look_again(struct worker *w, struct flow *fl, struct conn *c,
				  const struct packet *pkt, bool paid)
{
	static const struct facts unread = {.protocol = PROTOCOL_QUIC,
					    .undecidable = UNDECIDABLE_BUDGET};
	struct pending *p;
	struct str dcid;

	if (!c->done || pkt->ip_proto != IP_PROTO_UDP || conn_is_cut(w, c))
		return NULL;
	dcid = identify_initial_dcid(pkt->payload, pkt->payload_len);
	if (dcid.len < IDENTIFY_DCID_MIN || hash_of_dcid(w, dcid) == c->dcid)
		return NULL;
	/* Inline, over a cap, the client sends it again. */
	p = paid || datagrams_may_open(w, pkt) ? conn_pend(w, fl, c) : NULL;
	if (p == NULL) {
		if (w->inl != NULL)
			w->inl->refused = &w->inl->stats.over_cap;
		else
			judge_request(w, fl, c, &unread);
		return NULL;
	}
	p->paid = true;
	look_on(c, p);
	return p;
}

/*
 * Inline, a judged hello of QUIC that the server has not answered.  Asks it for a second one, that is
 * held and judged as the first was.  NULL: the datagram has been looked at.
 */
static struct pending *guard_datagram(struct worker *w, struct flow *fl, struct conn *c,
				      struct pending *p, const struct packet *pkt,
				      bool from_client)
{
	struct facts again;
	enum identify_step step;
	bool behind;

	memset(&again, 0, sizeof(again));
	if (from_client && !datagrams_may_open(w, pkt)) {
		const struct str id =
			identify_initial_dcid(pkt->payload, pkt->payload_len);

		/* One of another connection, or behind a server's answer, is sent again. */
		if (hash_of_dcid(w, id) != c->dcid)
			w->inl->refused = &w->inl->stats.over_cap;
		return NULL;
	}
	step = datagrams_ask(w, c, p, pkt, from_client, &again);
	behind = step != IDENTIFY_RETRY && datagrams_ask_behind(w, c, p);
	p->guarded = step == IDENTIFY_MORE || step == IDENTIFY_DONE;
	if (p->rival || (step == IDENTIFY_HELLO_RETRY && !behind)) {
		p->guarded = false;
		p->retried = p->whole = true;
		c->done = false;
		c->asked = c->provisional = true;
		if (p->rival)
			conn_settle(w, fl, c, p);
		return NULL;
	}
	/* No server is seen; or there is nothing more to wait for. */
	if (behind || (from_client && w->now_us - p->whole_us > GUARD_US))
		p->guarded = false;
	if (!p->guarded)
		conn_release(w, c);
	return step == IDENTIFY_OTHER ? look_again(w, fl, c, pkt, true) : NULL;
}

static void look_no_more(struct worker *w, struct conn *c, struct pending *p)
{
	p->again = false;
	c->done = true;
	c->asked = c->provisional = false;
	conn_release(w, c);
}

/* An heir waits for no Initial: one that comes later is judged by itself (look_again). */
static enum identify_step cannot_read(struct worker *w, struct pending *p)
{
	conn_facts(w, p)->protocol = PROTOCOL_QUIC;
	conn_facts(w, p)->undecidable = UNDECIDABLE_QUIC_MIDSTREAM;
	return IDENTIFY_DONE;
}

/*
 * For display only: what a server says that speaks first, and what it calls itself in its first
 * answer behind that.  Told if the client speaks SMTP.
 */
static void hear_mail_server(struct worker *w, struct conn *c, const struct packet *pkt)
{
	struct str text;
	char name[HOST_MAX];

	if (!c->server_spoke) {
		text = identify_smtp_reply(pkt->payload, pkt->payload_len, STR("220"));
		c->banner = intern_hold(w->texts, text);
	} else if (c->banner != INTERN_NONE && !c->greeted) {
		text = identify_smtp_reply(pkt->payload, pkt->payload_len, STR("250"));
		c->greeted = text.len > 0;
		c->mail_server = intern_hold(
			w->texts, (struct str){name, identify_smtp_name(text, name)});
	}
}

/*
 * A segment with the server's payload that a client does not take, as far as that is cheaply seen: of
 * a client that has said nothing, outside of its first 64 KiB, or forged.  What a client seems to
 * have acknowledged may be no word of it.
 */
static bool client_ignores(const struct flow *fl, const struct conn *c,
			   struct packet *pkt)
{
	decode_check_l4(pkt);
	if ((pkt->tcp_flags & (TCP_ACK | TCP_RST | TCP_SYN)) != TCP_ACK ||
	    (pkt->tcp_md5 && !c->md5_negotiated) ||
	    (c->server_strict && pkt->l4_checksum == CHECKSUM_BAD))
		return true;
	if (fl->out.has_seq && ((int32_t)(pkt->ack - fl->client_isn) <= 0 ||
				(int32_t)(pkt->ack - fl->out.next_seq) > 0))
		return true;
	return (fl->in.tcp_flags & TCP_SYN) != 0 &&
	       pkt->seq - fl->server_isn > UINT16_MAX;
}

static void hear_server_hello(struct worker *w, const struct flow *fl, struct conn *c,
			      struct packet *pkt)
{
	struct server_hello hello;

	if (!identify_server_hello(pkt->payload, pkt->payload_len, &hello) ||
	    client_ignores(fl, c, pkt))
		return;
	c->tls_selected = hello.version;
	c->alpn_selected =
		intern_hold(w->texts, (struct str){hello.alpn, hello.alpn_len});
}

static void feed(struct worker *w, struct flow *fl, struct conn *c, struct packet *pkt,
		 bool from_client)
{
	struct pending *p = conn_pending(w, c);
	enum identify_step step;

	if (!from_client && c->ts_agreed)
		rival_note_echo(c, pkt);
	if (!from_client && pkt->payload_wire_len > 0) {
		if (pkt->ip_proto == IP_PROTO_TCP)
			hear_mail_server(w, c, pkt);
		c->server_spoke = true;
		if (c->tls_selected == 0 && pkt->ip_proto == IP_PROTO_TCP)
			hear_server_hello(w, fl, c, pkt);
	}
	if (c->silent && pkt->payload_wire_len > 0)
		p = begin_reading(w, fl, c);
	else if (c->silent && (pkt->tcp_flags & TCP_SYN) != 0)
		note_syn(w, fl, c, NULL, pkt, from_client);
	if (p != NULL && p->guarded && pkt->ip_proto == IP_PROTO_UDP)
		p = guard_datagram(w, fl, c, p, pkt, from_client);
	else if (p == NULL && from_client)
		p = look_again(w, fl, c, pkt, false);
	if (p == NULL) {
		feed_later(w, fl, c, pkt, from_client);
		return;
	}
	if (pkt->was_fragmented)
		c->flags |= 1u << FLAG_FRAGMENTS;
	if (pkt->overlaps && !c->done) { /* which copy the receiver took is not known */
		c->flags |= 1u << FLAG_OVERLAP | 1u << FLAG_MORE_CANDIDATES;
		p->rival = true;
	}
	if (pkt->ip_proto == IP_PROTO_TCP && (pkt->tcp_flags & TCP_SYN) != 0)
		note_syn(w, fl, c, p, pkt, from_client);
	if (!c->done) {
		keep_packet(w, fl, c, p, pkt, from_client);
		if (from_client)
			rival_note_ttl(fl, c, pkt);
		if (pkt->ip_proto == IP_PROTO_TCP) {
			step = feed_tcp(w, fl, c, p, pkt, from_client);
		} else if (pkt->ip_proto == IP_PROTO_UDP) {
			if (w->inl != NULL && from_client &&
			    !inline_reaches(w, c, pkt->ttl))
				return;
			step = w->inl == NULL && from_client &&
					       datagrams_are_spoilt(w, c, p, pkt)
				       ? IDENTIFY_MORE
				       : datagrams_feed(w, c, p, pkt, from_client);
			if (w->inl != NULL && c->heir && step == IDENTIFY_MORE)
				step = cannot_read(w, p);
			if (p->again && step == IDENTIFY_MORE && !p->datagram.opened) {
				look_no_more(w, c, p);
				return;
			}
		} else {
			if (pkt->ip_proto == IP_PROTO_ICMP ||
			    pkt->ip_proto == IP_PROTO_ICMP6)
				conn_facts(w, p)->protocol = PROTOCOL_ICMP;
			step = IDENTIFY_DONE;
		}
		if (step == IDENTIFY_DONE)
			conn_settle(w, fl, c, p);
		else if (w->inl != NULL && step != IDENTIFY_MORE &&
			 p->head.highest == p->head.filled &&
			 pkt->payload_len == pkt->payload_wire_len)
			inline_let_on(w, fl, c, p, step == IDENTIFY_ASKED);
	} else if (p->guarded) {
		guard_stream(w, fl, c, p, pkt, from_client);
	}
	feed_later(w, fl, c, pkt, from_client);
}

/* ---- ends ------------------------------------------------------------------------------ */

/*
 * May it go on?  Not behind both FINs, nor when the kernel passes it without us and so tells when
 * it has ended.  Of one that has said nothing there is nothing new to know.
 */
static void note_rest(struct worker *w, const struct flow *fl, const struct conn *c)
{
	const bool spoke = fl->out.has_seq && fl->out.next_seq != fl->client_isn;

	if (fl->key.ip_proto != IP_PROTO_TCP || fl->bypassed ||
	    fl->end_reason == END_REASON_CAPTURE_END)
		return;
	if (fl->end_reason == END_REASON_FIN)
		rests_forget(w->rests, &fl->key);
	else if (spoke || !fl->midstream)
		rests_note(w->rests, &fl->key, fl->out.next_seq,
			   !spoke || follow_is_between(w, fl, c));
}

static void end_datagrams(struct worker *w, struct flow *fl, struct conn *c,
			  struct pending *p)
{
	if (!p->whole)
		(void)datagrams_ask(w, c, p, NULL, true, conn_facts(w, p));
	/* Watched: of one more connection that said no name nothing is told. */
	if (w->inl != NULL || !p->again || datagrams_are_whole(w, p))
		conn_settle(w, fl, c, p);
	p = conn_pending(w, c);
	if (w->inl == NULL && p != NULL && !c->done)
		look_no_more(w, c, p);
}

static void end_conn(struct worker *w, struct flow *fl)
{
	struct conn *c = flow_extra(fl);
	struct pending *p = conn_pending(w, c);

	if (p != NULL && !c->done) {
		bool said = p->head.highest > p->syn_bytes;

		/* Data is judged whoever sent it; a handshake alone is not. */
		if (fl->key.ip_proto == IP_PROTO_TCP && (said || c->server_spoke)) {
			if (said && !p->whole && !p->retried)
				(void)ask_stream(w, fl, c, p, true);
			if (said && !p->retried && p->head.filled == 0 &&
			    conn_facts(w, p)->undecidable == UNDECIDABLE_NONE)
				conn_facts(w, p)->undecidable = UNDECIDABLE_INCOMPLETE;
			conn_settle(w, fl, c, p);
		} else if (fl->key.ip_proto == IP_PROTO_UDP) {
			end_datagrams(w, fl, c, p);
		}
	}
	note_rest(w, fl, c);
	words_ask_no_more(w, c);
	witness_let_go(w->witness, c->witness, w->now_us);
	p = conn_pending(w, c);
	if (p != NULL)
		p->guarded = false;
	if (p != NULL && follow_is_amid(w, c))
		inline_forget(w, p);
	follow_end(w, fl, c);
	watch_dns_end(w, fl, c);
	conn_release(w, c);
	if (c->epoch != w->epoch)
		(void)judge_anew(w, fl, c, false);
	if (!c->judged)
		w->stats.never_judged++;
	judge_end(w, fl, c);
	judge_leave_legacy(w, fl, c);
	intern_release(w->texts, c->host);
	intern_release(w->texts, c->sni);
	intern_release(w->texts, c->offers);
	intern_release(w->texts, c->ja4);
	intern_release(w->texts, c->method);
	intern_release(w->texts, c->url);
	intern_release(w->texts, c->ndpi);
	intern_release(w->texts, c->helo);
	intern_release(w->texts, c->mail_from);
	intern_release(w->texts, c->mail_to);
	intern_release(w->texts, c->database);
	intern_release(w->texts, c->ndpi_host);
	if (fl->key.ip_proto == IP_PROTO_TCP) {
		intern_release(w->texts, c->banner);
		intern_release(w->texts, c->mail_server);
		intern_release(w->texts, c->alpn_selected);
	}
	rival_forget(w, c);
}

void worker_end_timed_out(struct worker *w, int64_t clock_us, int64_t cap_us)
{
	struct flow *fl;
	int64_t at;

	while ((fl = flow_next_end(w->flows, clock_us, &at)) != NULL) {
		w->now_us = at < cap_us ? at : cap_us;
		w->key = (struct event_key){
			.clock_us = at, .frame = fl->last_frame, .cause = CAUSE_TIMEOUT};
		end_conn(w, fl);
	}
}

void worker_end_gone(struct worker *w, int64_t clock_us)
{
	struct flow *fl;
	int64_t at;

	while ((fl = flow_next_end(w->flows, clock_us, &at)) != NULL)
		end_conn(w, fl);
}

void worker_tick(struct worker *w, int64_t clock_us)
{
	if (w->guesses != NULL)
		guesses_poll(w->guesses);
	edges_pass_time(w, clock_us);
	inherit_expire(w->heirs, clock_us);
	if (w->inl == NULL)
		return;
	w->now_us = clock_us;
	w->key = (struct event_key){.clock_us = clock_us, .cause = CAUSE_TIMEOUT};
	inline_tick(w);
}

void worker_site_answer(struct worker *w, const struct site_answer *a, int64_t clock_us)
{
	/* As one worker would, which ends what has timed out before it looks at the frame. */
	edges_pass_time(w, clock_us);
	(void)witness_keep_site(w->witness, a->site, &a->message, clock_us);
}

void worker_client_answer(struct worker *w, const struct addr *client,
			  const struct dns_message *m, int64_t time_us, int64_t clock_us)
{
	edges_pass_time(w, clock_us);
	w->stats.dns_answers += witness_keep(w->witness, client, m, time_us);
}

void worker_finish(struct worker *w, int64_t clock_us)
{
	if (w->guesses != NULL)
		guesses_poll(w->guesses);
	decoder_tick(w->decoder, clock_us);
	edges_pass_time(w, clock_us);
	worker_end_timed_out(w, INT64_MAX, clock_us);
}

/*
 * A reset, FIN or SYN with a wrong checksum, where those of its sender are right: no end takes
 * it, so it must not end or move what we keep.  (At a gateway the kernel has dropped it.)
 */
static bool is_forged(struct worker *w, struct packet *pkt)
{
	struct flow_key k;
	struct flow *fl;
	struct conn *c;
	bool from_low;

	if (w->inl != NULL || pkt->ip_proto != IP_PROTO_TCP ||
	    (pkt->tcp_flags & (TCP_RST | TCP_FIN | TCP_SYN)) == 0)
		return false;
	decode_check_l4(pkt);
	if (pkt->l4_checksum != CHECKSUM_BAD)
		return false;
	k = flow_key_of(pkt, &from_low);
	fl = flow_find(w->flows, &k);
	c = fl == NULL ? NULL : flow_extra(fl);
	if (c == NULL ||
	    !(from_low == fl->client_is_low ? c->strict_checksum : c->server_strict))
		return false;
	w->stats.ignored_checksum++;
	c->flags |= 1u << FLAG_DECOY_IGNORED;
	return true;
}

/*
 * Watched, nobody saw which end opened the connection, and the one that was taken for the server's
 * is the first to say something, which is a client's: a record of TLS with a ClientHello
 * (RFC 8446 5.1: u8 22 | u8 3 | u8 minor | be16 length, 4: u8 1).
 */
static bool is_clients(const struct worker *w, const struct conn *c,
		       const struct packet *pkt, const struct flow_touch *touch)
{
	const struct pending *p = conn_pending(w, c);
	const uint8_t *b = pkt->payload;

	return w->inl == NULL && touch->flow->midstream && !touch->from_client &&
	       p != NULL && !c->done && !c->server_spoke && p->head.highest == 0 &&
	       pkt->payload_len > 5 && b[0] == 22 && b[1] == 3 && b[5] == 1;
}

/* Of settled connections only datagrams with a long header are looked at: look_again() reads it. */
static bool may_begin_quic(const struct packet *pkt)
{
	return pkt->ip_proto == IP_PROTO_UDP && pkt->payload_len > 0 &&
	       (pkt->payload[0] & 0x80) != 0;
}

bool worker_take(struct worker *w, const struct frame *f, bool decoded,
		 struct packet *pkt, struct taken *ret)
{
	struct flow_touch touch;
	struct conn *c;

	edges_pass_time(w, f->clock_us);
	inherit_expire(w->heirs, f->clock_us);
	if (!decoded && decode_frame(w->decoder, f, pkt) != DECODE_OK)
		return false;
	if (is_forged(w, pkt)) {
		watch_site(w, pkt, f->clock_us);
		return false;
	}
	w->now_us = f->clock_us;
	w->key = (struct event_key){
		.clock_us = f->clock_us, .frame = f->number, .cause = CAUSE_FRAME};
	flow_touch(w->flows, pkt, f, &touch);
	/* What the table gave up for this packet: a reused tuple, or the oldest when full. */
	worker_end_gone(w, f->clock_us);
	c = flow_extra(touch.flow);
	if (touch.is_new) {
		conn_start(w, touch.flow, c);
		judge_look_for_legacy(w, touch.flow, c, pkt);
	} else if (c->client_is_low != touch.flow->client_is_low) {
		turn(w, touch.flow, c);
	} else if (is_clients(w, c, pkt, &touch) && flow_turn(touch.flow)) {
		touch.from_client = true;
		turn(w, touch.flow, c);
	}
	if (c->epoch != w->epoch)
		(void)judge_anew(w, touch.flow, c, true);
	if (c->pending != POOL_NONE || c->follower != POOL_NONE || w->inl != NULL ||
	    (touch.from_client && may_begin_quic(pkt)))
		feed(w, touch.flow, c, pkt, touch.from_client);
	if (c->guess != GUESS_NONE)
		guess_feed(w->guesses, c->guess, pkt, w->now_us);
	if (pkt->ip_proto == IP_PROTO_UDP)
		watch_dns_datagram(w, touch.flow, pkt, touch.from_client);
	watch_site(w, pkt, f->clock_us);
	*ret = (struct taken){touch.flow, c, touch.from_client};
	return true;
}

void worker_frame(struct worker *w, const struct frame *f)
{
	struct packet pkt;
	struct taken t;

	(void)worker_take(w, f, false, &pkt, &t);
}

void worker_decoded(struct worker *w, const struct frame *f, struct packet *pkt)
{
	struct taken t;

	(void)worker_take(w, f, true, pkt, &t);
}

void worker_identify(struct worker *w, const struct identity *identity)
{
	w->cfg.identity = identity;
}

/* ---- counters -------------------------------------------------------------------------- */

void worker_stats(const struct worker *w, struct worker_stats *ret)
{
	const uint64_t *counts = decoder_counts(w->decoder);
	const struct identify_stats *id = identify_stats(w->identify);
	struct flow_stats flows;
	struct inherit_stats heirs;

	*ret = w->stats;
	memcpy(ret->decode, counts, sizeof(ret->decode));
	flow_table_stats(w->flows, &flows);
	ret->evicted = flows.evicted;
	ret->witnesses_evicted = witness_stats(w->witness)->evicted;
	ret->site_witnesses_evicted = witness_stats(w->witness)->site_evicted;
	ret->quic_initials = id->quic_initials;
	ret->quic_failed = id->quic_failed;
	ret->quic_discarded = id->quic_discarded;
	inherit_stats(w->heirs, &heirs);
	ret->quic_forgotten = heirs.forgotten;
	if (w->asked != NULL)
		ret->dns_site_lost = resolve_lost(w->asked);
	ret->texts_refused = intern_refused(w->texts);
	words_stats(w, ret);
}

struct witness *worker_witness(const struct worker *w)
{
	return w->witness;
}

uint64_t worker_flows(const struct worker *w)
{
	struct flow_stats flows;

	flow_table_stats(w->flows, &flows);
	return flows.in_use;
}

void worker_stats_add(struct worker_stats *sum, const struct worker_stats *one)
{
	/* The struct is counters and nothing else. */
	const uint64_t *from = (const void *)one;
	uint64_t *to = (void *)sum;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}
