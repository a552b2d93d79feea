/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/tcp.h"

/* No receiver's window reaches further: 65,535 << 14 (RFC 7323 2.3). */
#define REACH ((uint32_t)1 << 30)

static bool is_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static struct flow_direction *direction_of(struct flow *f, bool from_client)
{
	return from_client ? &f->out : &f->in;
}

static uint32_t *isn_of(struct flow *f, bool from_client)
{
	return from_client ? &f->client_isn : &f->server_isn;
}

static void start_at(struct flow *f, bool from_client, uint32_t isn, uint32_t next_seq)
{
	struct flow_direction *me = direction_of(f, from_client);

	*isn_of(f, from_client) = isn;
	me->next_seq = next_seq;
	me->has_seq = true;
}

static void acknowledge(struct flow_direction *me, uint32_t ack)
{
	if (!me->has_ack || (is_after(ack, me->acked) && ack - me->acked <= REACH))
		me->acked = ack;
	me->has_ack = true;
}

static void turn_round(struct flow *f)
{
	const struct flow_direction out = f->out;

	f->out = f->in;
	f->in = out;
	f->client_is_low = !f->client_is_low;
}

void tcp_turn(struct flow *f)
{
	const uint32_t isn = f->client_isn;

	f->client_isn = f->server_isn;
	f->server_isn = isn;
	turn_round(f);
}

/*
 * While the connection opens, the last SYN of each side counts, and of the client's the one
 * that the server's answer names: what else was sent was ignored.
 */
static void syn_seen(struct flow *f, const struct packet *p, bool from_client)
{
	const uint32_t isn = p->seq + 1;
	const uint32_t end = isn + (uint32_t)p->payload_wire_len;
	const bool answers = (p->tcp_flags & TCP_ACK) != 0;
	struct flow_direction *me;

	/* Who seemed to answer a SYN that nobody saw sends one: that was no answer. */
	if (!from_client && !answers && f->state == FLOW_TCP_OPENING &&
	    (f->out.tcp_flags & TCP_SYN) == 0)
		f->out.has_seq = f->in.has_seq = f->out.has_ack = f->in.has_ack = false;
	if (!f->out.has_seq && !f->in.has_seq) {
		if (from_client == answers) {
			turn_round(f);
			from_client = !from_client;
		}
		f->midstream = false;
		f->state = FLOW_TCP_OPENING;
	}
	me = direction_of(f, from_client);
	if (f->state != FLOW_TCP_OPENING) {
		if (!me->has_seq)
			start_at(f, from_client, isn, end);
		return;
	}
	if (from_client) {
		if (answers || f->in.has_seq)
			return;
		if (!f->out.has_seq || f->client_isn != isn)
			start_at(f, true, isn, end);
		else if (
			is_after(
				end,
				f->out.next_seq)) /* what came with it before counts on */
			f->out.next_seq = end;
		return;
	}
	start_at(f, false, isn, end);
	if (!answers)
		return;
	me->acked = p->ack;
	me->has_ack = true;
	if (!f->out.has_seq || p->ack - f->client_isn > f->out.next_seq - f->client_isn)
		start_at(f, true, p->ack, p->ack);
}

/*
 * RFC 9293 3.10.7.4 (RFC 5961 3.2): a reset counts at exactly the number that its receiver waits
 * for, which is what it has acknowledged, or behind what is under way.  Elsewhere in the window
 * it brings a challenge, and whoever really is gone answers that with the exact number.
 */
static bool reset_is_valid(struct flow *f, const struct packet *p, bool from_client)
{
	const struct flow_direction *me = direction_of(f, from_client);
	const struct flow_direction *peer = direction_of(f, !from_client);

	if (!me->has_seq && !peer->has_seq)
		return true; /* the rest of a connection that we did not see */
	if (f->state == FLOW_TCP_OPENING && !from_client && (p->tcp_flags & TCP_ACK) != 0)
		return p->ack - f->client_isn <= f->out.next_seq - f->client_isn;
	return (me->has_seq && p->seq == me->next_seq) ||
	       (peer->has_ack && p->seq == peer->acked);
}

static bool client_sent_payload(const struct flow *f)
{
	uint32_t fin = (f->out.tcp_flags & TCP_FIN) != 0 ? 1 : 0;

	return f->midstream || (f->out.has_seq && f->out.next_seq - f->client_isn > fin);
}

static bool reset_seen(struct flow *f, const struct packet *p, bool from_client)
{
	struct flow_direction *me = direction_of(f, from_client);
	const bool payload = client_sent_payload(f);

	if (f->state == FLOW_TCP_CLOSING || !reset_is_valid(f, p, from_client))
		return false;
	/* So that only bytes from beyond the reset can show that it was forged. */
	if (!me->has_seq)
		start_at(f, from_client, p->seq, p->seq);
	else if (is_after(p->seq, me->next_seq))
		me->next_seq = p->seq;
	f->state = FLOW_TCP_CLOSING;
	f->was_reset = true;
	f->end_reason = payload ? END_REASON_RESET : END_REASON_REFUSED;
	return true;
}

/* True when the segment holds bytes from beyond all that was seen. */
static bool advance(struct flow *f, const struct packet *p, bool from_client)
{
	struct flow_direction *me = direction_of(f, from_client);
	uint32_t fin = (p->tcp_flags & TCP_FIN) != 0 ? 1 : 0;
	uint32_t end = p->seq + (uint32_t)p->payload_wire_len + fin;

	if (!me->has_seq) {
		start_at(f, from_client, p->seq, end);
		return true;
	}
	if (!is_after(end, me->next_seq) || end - me->next_seq > REACH)
		return false;
	me->next_seq = end;
	return true;
}

static bool is_finished(const struct flow *f)
{
	return (f->out.tcp_flags & f->in.tcp_flags & TCP_FIN) != 0 && f->out.has_ack &&
	       f->in.has_ack && !is_after(f->in.next_seq, f->out.acked) &&
	       !is_after(f->out.next_seq, f->in.acked);
}

static void segment_seen(struct flow *f, const struct packet *p, bool from_client)
{
	struct flow_direction *me = direction_of(f, from_client);
	bool fresh = advance(f, p, from_client);

	acknowledge(me, p->ack);
	if (f->state == FLOW_TCP_OPENING &&
	    (p->payload_wire_len > 0 ||
	     (from_client && (f->in.tcp_flags & TCP_SYN) != 0 &&
	      p->ack == f->server_isn)))
		f->state = FLOW_TCP_OPEN;
	if (f->state == FLOW_TCP_CLOSING && f->end_reason != END_REASON_FIN && fresh &&
	    p->payload_wire_len > 0 && (me->tcp_flags & TCP_RST) != 0) {
		f->state = FLOW_TCP_OPEN;
		f->was_reset = false;
		f->end_reason = END_REASON_NONE;
	}
}

bool tcp_touch(struct flow *f, const struct packet *p, bool from_client)
{
	if ((p->tcp_flags & TCP_RST) != 0)
		return reset_seen(f, p, from_client);
	if ((p->tcp_flags & TCP_SYN) != 0) {
		if (f->state != FLOW_TCP_CLOSING)
			syn_seen(f, p, from_client);
		return false;
	}
	if ((p->tcp_flags & TCP_ACK) == 0)
		return false;
	segment_seen(f, p, from_client);
	if (f->state == FLOW_TCP_CLOSING || !is_finished(f))
		return false;
	f->state = FLOW_TCP_CLOSING;
	f->end_reason = END_REASON_FIN;
	return true;
}

/* Is it closed for whom a SYN comes to?  For no server behind a reset that was lost or forged. */
static bool is_over(const struct flow *f, bool from_client)
{
	return f->state == FLOW_TCP_CLOSING &&
	       !(f->was_reset && from_client && (f->in.tcp_flags & TCP_SYN) != 0);
}

/*
 * The first answer to a client's SYN: of what came with that it may acknowledge some (RFC 7413), also
 * where the client seems to have gone on before.
 */
static bool is_first_answer(const struct flow *f, const struct packet *p,
			    bool from_client)
{
	return !from_client && !f->in.has_seq && (f->out.tcp_flags & TCP_SYN) != 0 &&
	       p->ack - f->client_isn <= f->out.next_seq - f->client_isn;
}

/*
 * A SYN alone may be forged or refused, so it ends no connection that is still open; a server
 * that answers with other numbers has given the old one up.  The same behind a reset, which may
 * not have come to the server, where its answer to the first SYN was seen: that to the next one
 * is to be expected.  Its client answers no SYN: who opened the connection ignores such a
 * segment (RFC 5961 4), and so must we; unless who opened it is not known, and the other end has sent a SYN.
 */
bool tcp_starts_anew(const struct flow *f, const struct packet *p, bool from_client)
{
	const struct flow_direction *me = from_client ? &f->out : &f->in;
	const struct flow_direction *peer = from_client ? &f->in : &f->out;
	uint32_t isn = from_client ? f->client_isn : f->server_isn;
	uint32_t peer_isn = from_client ? f->server_isn : f->client_isn;

	if ((p->tcp_flags & TCP_SYN) == 0 || (p->tcp_flags & TCP_RST) != 0)
		return false;
	if ((p->tcp_flags & TCP_ACK) == 0) /* of a bypassed one the end may be unseen */
		return is_over(f, from_client) ||
		       (f->bypassed && (!from_client || p->seq + 1 != isn));
	return (f->state == FLOW_TCP_OPEN ||
		(f->state == FLOW_TCP_CLOSING && f->was_reset)) &&
	       (!from_client || (f->midstream && (f->in.tcp_flags & TCP_SYN) != 0)) &&
	       (!me->has_seq || p->seq + 1 != isn) && peer->has_seq &&
	       p->ack != peer_isn && !is_first_answer(f, p, from_client);
}
