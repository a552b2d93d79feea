/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep - packets of connections that lines with `capture` answer (engine/trace.h).
 *
 * While some line has it, what comes of each connection that waits for its verdict is held, for
 * nobody knows yet which line will answer.  Whoever takes events writes the file; here nothing is
 * hashed and nothing waits.
 */
#include <stdlib.h>

#include "engine/conn.h"

#define TRACES_MAX 1024u /* 32 MiB at most; pages are used as packets come */

bool keep_create(struct worker *w)
{
	/* Always: a reload may bring such lines. */
	w->traces = pool_create(sizeof(struct trace), TRACES_MAX);
	w->spare = malloc(sizeof(*w->spare));
	return w->traces != NULL && w->spare != NULL;
}

void keep_destroy(struct worker *w)
{
	pool_destroy(w->traces);
	free(w->spare);
}

static struct trace_of about(const struct worker *w, const struct flow *fl,
			     const struct conn *c)
{
	return (struct trace_of){
		.flow = fl, .checksums = c->strict_checksum, .now_us = w->now_us};
}

void keep_packet(struct worker *w, const struct flow *fl, const struct conn *c,
		 struct pending *p, const struct packet *pkt, bool from_client)
{
	const struct trace_of of = about(w, fl, c);

	if (p->untraced || !pkt->has_l4 || pkt->payload_len == 0 ||
	    !policy_captures(w->g->policy))
		return;
	if (p->trace == NULL) {
		p->trace = pool_get(w->traces);
		p->untraced = p->trace == NULL;
		if (p->untraced)
			return;
		trace_clear(p->trace);
	}
	trace_add(p->trace, &of, pkt, from_client);
}

void keep_no_more(struct worker *w, struct pending *p)
{
	pool_put(w->traces, p->trace);
	p->trace = NULL;
}

static bool is_asked(const struct worker *w, const struct conn *c,
		     const struct decision *d)
{
	const struct policy *policy = w->g->policy;

	if (!policy_captures(policy))
		return false;
	for (size_t i = 0; i < d->alert_count; i++)
		if (policy_rule_captures(policy, d->alerts[i]))
			return true;
	return policy_rule_captures(policy, c->rule) ||
	       policy_rule_captures(policy, c->would_rule) ||
	       (d->undecidable_alert &&
		policy_rule_captures(policy, d->undecidable_rule));
}

struct str keep_for(struct worker *w, const struct flow *fl, const struct conn *c,
		    const struct decision *d)
{
	const struct pending *p = conn_pending(w, c);
	const struct trace_of of = about(w, fl, c);
	const struct trace *t = p == NULL ? NULL : p->trace;

	if (!is_asked(w, c, d))
		return STR_NONE;
	w->stats.keeps++;
	if (p != NULL && p->untraced && fl->key.ip_proto == IP_PROTO_TCP &&
	    p->head.filled > 0) {
		trace_of_head(w->spare, &of, &p->head);
		w->stats.keeps_synthesised++;
		t = w->spare;
	}
	if (t == NULL || t->len == 0) {
		w->stats.keeps_empty++;
		return STR_NONE;
	}
	return (struct str){(const char *)t->bytes, t->len};
}
