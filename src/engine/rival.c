/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rival - other contents for what the client has already said, until the server has taken one.
 *
 * Who only watches cannot know which of two packets reached the server, so outside of the
 * gateway a name counts when the server has acknowledged the bytes that hold it, and what
 * contradicts them before that makes a conflict with every name that was read as candidate.
 * (Inline, what contradicts held bytes is dropped: inline_admits().)  The first copy of each
 * byte is in pending.head; the last one in pending.other, made at the first contradiction.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/conn.h"

/* One direction only: so long after the name, nothing else is waited for. */
#define PATIENCE_US 3000000

/* A router's change of path moves the hop limit by less. */
#define TTL_STEADY 2

void rival_name(struct worker *w, struct conn *c, struct str host)
{
	if (host.len == 0)
		return;
	for (size_t i = 0; i < CANDIDATES_MAX; i++) {
		if (c->candidates[i] == 0) {
			c->candidates[i] = intern_hold(w->texts, host);
			return;
		}
		if (str_equal(intern_text(w->texts, c->candidates[i]), host))
			return;
	}
}

void rival_forget(struct worker *w, struct conn *c)
{
	for (size_t i = 0; i < CANDIDATES_MAX; i++) {
		intern_release(w->texts, c->candidates[i]);
		c->candidates[i] = 0;
	}
}

/* What the last copies say by now. */
static void read_other(struct worker *w, const struct flow *fl, struct conn *c,
		       const struct pending *p)
{
	const struct head *h = &p->other;
	struct facts f;

	memset(&f, 0, sizeof(f));
	if (h->filled > 0 &&
	    identify_stream(w->identify, h->bytes, h->filled, false, false,
			    flow_server_port(fl), &f) == IDENTIFY_DONE)
		rival_name(w, c, facts_host(&f));
}

void rival_add(struct worker *w, struct conn *c, struct pending *p, uint32_t at,
	       struct str bytes)
{
	const uint8_t *data = (const uint8_t *)bytes.p;

	if (p->other.bytes == NULL) {
		if (!head_contradicts(&p->head, at, data, bytes.len))
			return;
		p->rival = true;
		c->flags |= 1u << FLAG_OVERLAP;
		if (!head_copy(&p->other, w->others, &p->head)) {
			w->stats.heads_refused++;
			return;
		}
	}
	if (head_overwrite(&p->other, w->others, at, data, bytes.len) == HEAD_NO_ROOM)
		w->stats.heads_refused++;
}

void rival_stream(struct worker *w, const struct flow *fl, struct conn *c,
		  struct pending *p, uint32_t at, struct str bytes)
{
	rival_add(w, c, p, at, bytes);
	if (p->other.bytes != NULL)
		read_other(w, fl, c, p);
}

void rival_note_ttl(const struct flow *fl, struct conn *c, const struct packet *pkt)
{
	if (pkt->payload_len > 0 && abs((int)pkt->ttl - (int)fl->out.ttl) > TTL_STEADY)
		c->flags |= 1u << FLAG_TTL_JUMP;
}

bool rival_is_over(const struct worker *w, const struct flow *fl, const struct pending *p,
		   const struct packet *pkt, bool from_client)
{
	const uint32_t needed = p->whole ? p->head.filled : p->head.highest;

	if (!p->whole && !p->rival)
		return false;
	if (p->facts.undecidable == UNDECIDABLE_BUDGET)
		return true;
	if (!from_client)
		return (pkt->tcp_flags & TCP_ACK) != 0 &&
		       (int32_t)(pkt->ack - fl->client_isn - needed) >= 0;
	/* Nothing is seen of the server: it has answered when its client acknowledges more. */
	return !fl->in.has_seq &&
	       (pkt->ack != p->first_ack || w->now_us - p->whole_us > PATIENCE_US);
}

void rival_conclude(struct worker *w, struct conn *c, struct pending *p)
{
	const struct facts f = p->facts;

	if (p->rival)
		rival_name(w, c, facts_host(&f));
	/* Two connections for one host: that is its name, whichever the server took. */
	if (p->rival && p->second.opened && f.host_len > 0 && c->candidates[1] == 0 &&
	    p->second_whole)
		p->rival = false;
	if (!p->rival) {
		rival_forget(w, c);
		return;
	}
	memset(&p->facts, 0, sizeof(p->facts));
	p->facts.protocol = f.protocol;
	p->facts.flags = f.flags;
	p->facts.tls_offered = f.tls_offered;
	p->facts.quic_version = f.quic_version;
	p->facts.undecidable = UNDECIDABLE_CONFLICT;
}
