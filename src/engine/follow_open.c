/* SPDX-License-Identifier: Apache-2.0 */
/* What begins behind a CONNECT, an Upgrade, or a STARTTLS behind mail in clear. */
#include <string.h>

#include "engine/follow_impl.h"

void follow_remember_mail(const struct worker *w, const struct conn *c, struct facts *f)
{
	struct mail_facts *m = &f->mail;

	f->protocol = PROTOCOL_SMTP;
	f->flags |= 1u << FLAG_CLEAR_TEXT;
	m->helo_len = (uint16_t)intern_copy(w->texts, c->helo, m->helo, sizeof(m->helo));
	m->from_len =
		(uint16_t)intern_copy(w->texts, c->mail_from, m->from, sizeof(m->from));
	m->to_len = (uint16_t)intern_copy(w->texts, c->mail_to, m->to, sizeof(m->to));
	m->to_more = c->mail_to_more;
}

void follow_contradict(struct worker *w, struct conn *c, struct str asked,
		       struct facts *f)
{
	rival_name(w, c, asked);
	rival_name(w, c, facts_host(f));
	f->flags |= 1u << FLAG_HOST_MISMATCH;
	f->undecidable = UNDECIDABLE_CONFLICT;
	memcpy(f->asked, asked.p, asked.len); /* conn_settle() tells both */
	f->asked_len = (uint16_t)asked.len;
	memcpy(f->inside, f->host, f->host_len);
	f->inside_len = f->host_len;
	f->evidence = EVIDENCE_NONE;
	f->host_len = f->url_len = 0;
}

/* ---- behind CONNECT and Upgrade -------------------------------------------------------------------- */

static void compare_names(struct worker *w, struct conn *c, struct facts *f)
{
	const struct str asked = intern_text(w->texts, c->host);

	if (asked.len == 0 || f->host_len == 0 || str_equal(asked, facts_host(f)) ||
	    (c->flags & 1u << FLAG_IP_LITERAL) != 0)
		return;
	follow_contradict(w, c, asked, f);
}

/* A request, maybe another CONNECT: the server did not do what it was asked for. */
static bool is_request(struct worker *w, const struct flow *fl, const struct follower *fo)
{
	struct http_follow first = {0};
	struct facts f;
	size_t used;

	memset(&f, 0, sizeof(f));
	return identify_http(w->identify, &first, lane_bytes(&fo->out), false,
			     flow_server_port(fl), &used, &f) == HTTP_STEP_REQUEST;
}

void follow_expect_requests(struct follower *fo)
{
	fo->kind = FOLLOW_HTTP;
	fo->tunnel = fo->asked_upgrade = false;
	fo->http = (struct http_follow){0};
}

/*
 * Inline: what was read behind a CONNECT or an Upgrade is kept as the head of a connection is,
 * along with that request, until the server has acknowledged both: no other bytes in their place,
 * and a second hello is looked for.  False: there is no room.
 */
static bool guard_opening(struct worker *w, struct flow *fl, struct conn *c,
			  const struct follower *fo, const struct facts *f)
{
	const struct head *h = &fo->out.head, *front = &fo->guard;
	const bool fronted = front->highest > 0 && guard_end(fo) == fo->out.next;
	const uint32_t begin = fronted ? fo->guard_at : fo->out.next;
	struct pending *p = conn_pending(w, c);
	uint32_t at;

	if (w->inl == NULL)
		return true;
	if (p == NULL && (p = conn_pend(w, fl, c)) == NULL)
		return false;
	if (p->head.highest == 0 || (int32_t)(begin - p->base) < 0 ||
	    fo->out.next - p->base > HEAD_MAX - h->highest) {
		head_clear(&p->head, w->heads);
		p->base = begin;
	}
	at = fo->out.next - p->base;
	if (at > HEAD_MAX - h->highest ||
	    head_add(&p->head, w->heads, begin - p->base, front->bytes,
		     fronted ? front->filled : 0) == HEAD_NO_ROOM ||
	    head_add(&p->head, w->heads, at, h->bytes, h->filled) == HEAD_NO_ROOM) {
		w->stats.heads_refused++;
		return false;
	}
	*conn_facts(w, p) = *f;
	p->facts->layered = true; /* the answer to what stands in front may come first */
	if (f->hello_end > 0)
		p->facts->hello_end = (uint16_t)(f->hello_end + at);
	p->heard = 0;
	p->listens = p->heard_other = p->retried = false;
	return true;
}

/*
 * Who only watches goes on as at the beginning of a connection: what is known counts when the
 * server has taken it, other bytes in its place are rivals, and a second hello is looked for.
 */
static bool watch_opening(struct worker *w, struct flow *fl, struct conn *c,
			  const struct follower *fo, const struct facts *f)
{
	struct pending *p;

	if (w->inl != NULL || c->pending != POOL_NONE ||
	    (p = conn_pend(w, fl, c)) == NULL)
		return false;
	p->base = fo->out.next;
	p->window = fo->window;
	p->rivals.segments = fo->segments;
	segments_move(&p->rivals.segments, (int32_t)(fo->segments_at - p->base));
	p->first_ack = fl->out.acked;
	if (!head_copy_from(&p->head, w->heads, &fo->out.head, 0))
		w->stats.heads_refused++;
	*conn_facts(w, p) = *f;
	p->facts->layered = true;
	p->again = true;
	c->done = false;
	rival_note_whole(w, p);
	return true;
}

static void judge_opening(struct worker *w, struct flow *fl, struct conn *c,
			  struct follower *fo, struct facts *f)
{
	const bool tells = f->host_len > 0 || f->undecidable != UNDECIDABLE_NONE;
	struct pending *p;

	if (fo->tunnel)
		compare_names(w, c, f);
	if (fo->mailed)
		follow_remember_mail(w, c, f);
	if (tells && watch_opening(w, fl, c, fo, f)) {
		follow_stop(w, c);
		return;
	}
	if (!guard_opening(w, fl, c, fo, f)) {
		follow_give_up(w, fl, c, UNDECIDABLE_BUDGET);
		return;
	}
	follow_stop(w, c);
	if (tells)
		judge_request(w, fl, c, f);
	p = conn_pending(w, c);
	if (p != NULL && w->inl != NULL)
		p->guarded = inline_guards(w, fl, c, p);
}

bool follow_read_opening(struct worker *w, struct flow *fl, struct conn *c,
			 struct follower *fo)
{
	const struct head *h = &fo->out.head;
	enum identify_step step;
	struct facts f;

	/* Whoever only watches reads on when the server has taken what stands in front. */
	if (h->filled == 0 || fo->waits)
		return false;
	memset(&f, 0, sizeof(f));
	step = identify_stream(w->identify, h->bytes, h->filled, false,
			       h->filled == HEAD_MAX, flow_server_port(fl), &f);
	turn_client(&fo->turn, step == IDENTIFY_MORE ? NULL : &f,
		    fl->client_isn + fo->out.next + h->filled);
	if (step == IDENTIFY_ASKED && !turn_kept(&fo->turn, &f))
		step = IDENTIFY_DONE;
	switch (step) {
	case IDENTIFY_ASKED:
		if (is_request(w, fl, fo)) {
			follow_expect_requests(fo);
			return true;
		}
		judge_request(w, fl, c, &f);
		fo->lets_pass = true;
		return false;
	case IDENTIFY_PASS:
		fo->lets_pass = true; /* the client waits for an answer */
		return false;
	case IDENTIFY_MORE:
	case IDENTIFY_OTHER:
	case IDENTIFY_RETRY:
	case IDENTIFY_HELLO_RETRY:
	case IDENTIFY_ANSWERED:
		return false;
	case IDENTIFY_DONE:
		break;
	}
	if (is_request(w, fl, fo)) {
		follow_expect_requests(fo);
		return true;
	}
	if (fo->tunnel && !fo->opened && f.protocol == PROTOCOL_UNKNOWN &&
	    (w->inl != NULL || fl->in.has_seq)) {
		follow_give_up(w, fl, c,
			       UNDECIDABLE_HTTP_DESYNC); /* whose are these bytes? */
		return false;
	}
	if (!turn_kept(&fo->turn, &f) && (w->inl != NULL || fl->in.has_seq))
		f = (struct facts){.protocol = f.protocol,
				   .undecidable = UNDECIDABLE_MALFORMED_HELLO};
	f.turns = 0;
	f.waiting = false;
	judge_opening(w, fl, c, fo, &f);
	return false;
}

/* ---- mail in clear --------------------------------------------------------------------------------- */

/* TLS behind a STARTTLS that the server has not granted is no hello: text of a mail, or did not wait. */
size_t follow_read_mail(struct worker *w, struct flow *fl, struct conn *c,
			struct follower *fo, struct str bytes)
{
	const bool begins = fo->mail.asked;
	const size_t used = smtp_follow(&fo->mail, bytes);

	if (used == bytes.len) {
		fo->opened &= used == 0;
		return used;
	}
	if (used > 0 || !begins || !fo->opened) {
		follow_stop(w, c);
		follow_judge_unknown(w, fl, c, UNDECIDABLE_MALFORMED_HELLO);
		return 0;
	}
	fo->kind = FOLLOW_OPENING;
	fo->mailed = true;
	return 0;
}

void follow_hear_mail(const struct flow *fl, struct follower *fo, const struct piece *p)
{
	fo->opened = fo->mail.asked && fo->out.head.highest == 0 &&
		     (int32_t)(p->pkt->ack - (fl->client_isn + fo->out.next)) >= 0 &&
		     smtp_is_ready(p->bytes);
}
