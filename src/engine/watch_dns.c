/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_dns - what resolvers tell: a client, of which its connections are known by name; a
 * site, as a second witness; and the reader of the ledger, as `dns` events.
 */
#include <string.h>

#include "engine/conn.h"
#include "identify/dns.h"

/* Of one connection; of more the oldest is told as it is. */
#define QUESTIONS_MAX 16

static void tell_unanswered(struct worker *w, struct flow *fl, const struct question *q)
{
	const struct str name = intern_text(w->texts, q->name);
	struct dns_message m;

	memset(&m, 0, sizeof(m));
	memcpy(m.name, name.p, name.len);
	m.name_len = (uint16_t)name.len;
	m.qtype = q->type;
	judge_dns(w, fl, &m);
}

/* Take the question at `*link` out of its list. */
static void drop_question(struct worker *w, uint32_t *link)
{
	struct question *q = pool_at(w->questions, *link);

	*link = q->next;
	intern_release(w->texts, q->name);
	pool_put(w->questions, q);
}

/* Kept until somebody answers it.  One that is asked again is one. */
static void note_question(struct worker *w, struct flow *fl, struct conn *c,
			  const struct dns_message *m)
{
	const struct str name = {m->name, m->name_len};
	uint32_t *link = &c->questions;
	struct question *q;
	unsigned n = 0;

	for (; *link != POOL_NONE; link = &q->next, n++) {
		q = pool_at(w->questions, *link);
		if (q->id == m->id && q->type == m->qtype &&
		    str_equal(intern_text(w->texts, q->name), name))
			return;
	}
	if (name.len == 0)
		return;
	q = pool_get(w->questions);
	if (q == NULL) {
		w->stats.dns_lost++;
		return;
	}
	*q = (struct question){.name = intern_hold(w->texts, name),
			       .next = POOL_NONE,
			       .type = m->qtype,
			       .id = m->id};
	*link = pool_index(w->questions, q);
	if (n < QUESTIONS_MAX)
		return;
	tell_unanswered(w, fl, pool_at(w->questions, c->questions));
	drop_question(w, &c->questions);
}

static void note_answer(struct worker *w, struct conn *c, const struct dns_message *m)
{
	const struct str name = {m->name, m->name_len};
	uint32_t *link = &c->questions;

	while (*link != POOL_NONE) {
		struct question *q = pool_at(w->questions, *link);

		if (q->id == m->id && q->type == m->qtype &&
		    str_equal(intern_text(w->texts, q->name), name)) {
			drop_question(w, link);
			return;
		}
		link = &q->next;
	}
}

void watch_dns_end(struct worker *w, struct flow *fl, struct conn *c)
{
	while (c->questions != POOL_NONE) {
		tell_unanswered(w, fl, pool_at(w->questions, c->questions));
		drop_question(w, &c->questions);
	}
}

void watch_dns_message(struct worker *w, struct flow *fl, const uint8_t *data, size_t len,
		       bool from_client)
{
	struct addr client = flow_client(fl), resolver = flow_server(fl);
	struct conn *c = flow_extra(fl);
	struct addr anchor;
	struct dns_message m;

	if (!generation_is_resolver(w->g, &resolver))
		return;
	/* Only where this client's other connections come to this worker too. */
	anchor = generation_anchor(w->g, &client, &resolver);
	if (!addr_equal(&anchor, &client) || dns_parse(data, len, &m) != DNS_FINE ||
	    m.question_count != 1) /* no resolver answers more (RFC 9619 4) */
		return;
	if (from_client && !m.is_answer)
		witness_query(w->witness, &client, flow_client_port(fl), &resolver, &m,
			      w->now_us);
	else if (!from_client && m.is_answer &&
		 witness_answer(w->witness, &client, flow_client_port(fl), &resolver, &m,
				w->now_us))
		w->stats.dns_answers++;
	if (!w->cfg.dns_events || from_client == m.is_answer)
		return;
	if (from_client) {
		note_question(w, fl, c, &m);
		return;
	}
	note_answer(w, c, &m);
	judge_dns(w, fl, &m);
}

/* UDP: what DNS tells our clients, for names that the wire hides and as a second witness. */
void watch_dns_datagram(struct worker *w, struct flow *fl, const struct packet *pkt,
			bool from_client)
{
	const struct conn *c = flow_extra(fl);

	if (flow_server_port(fl) == DNS_PORT ||
	    (c->protocol == PROTOCOL_DNS && flow_server_port(fl) != MDNS_PORT))
		watch_dns_message(w, fl, pkt->payload, pkt->payload_len, from_client);
}

static void keep_site(void *arg, const struct site_answer *a)
{
	struct worker *w = arg;

	(void)witness_keep_site(w->witness, a->site, &a->message, w->now_us);
}

/* What a resolver of the site tells anybody there, as a second witness for all of them. */
void watch_site(struct worker *w, const struct packet *pkt, int64_t clock_us)
{
	if (w->asked == NULL)
		return;
	w->now_us = clock_us;
	resolve_packet(w->asked, w->g, pkt, clock_us, keep_site, w);
}
