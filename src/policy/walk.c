/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk - ask one gate: its lines from the first on, three-valued.
 *
 * A line that may match is remembered; the first that does ends the walk.  When all that may
 * answer say the same, that is the answer, else the gate cannot tell.  Packet path: nothing
 * here allocates.
 */
#include "policy/program.h"

void alerts_add(struct alerts *a, uint32_t rule)
{
	if (a->count == ALERTS_MAX)
		a->lost = true;
	else
		a->rules[a->count++] = rule;
}

static enum answer answer_for(enum action a)
{
	return a == ACTION_DENY ? ANSWER_DENY : ANSWER_ALLOW;
}

static enum undecidable why_maybe(const struct question *q)
{
	return q->s->name_pending ? UNDECIDABLE_INCOMPLETE : UNDECIDABLE_EGRESS_UNKNOWN;
}

/* What may still answer, until a line ends the walk. */
struct maybe {
	bool any, differ;
	struct walk first;
};

static void maybe_add(struct maybe *m, const struct walk *w)
{
	if (m->any && m->first.answer != w->answer)
		m->differ = true;
	if (!m->any)
		m->first = *w;
	m->first.by_report = m->first.by_report || w->by_report;
	m->any = true;
}

static struct walk maybe_end(struct maybe *m, const struct walk *last,
			     enum undecidable why)
{
	if (!m->any)
		return *last;
	maybe_add(m, last);
	if (!m->differ)
		return (struct walk){.answer = last->answer,
				     .rule = last->rule,
				     .by_report = m->first.by_report};
	m->first.answer = ANSWER_UNDECIDABLE;
	m->first.why = why;
	return m->first;
}

/* One of the two walks that are made side by side. */
struct pass {
	struct maybe maybe;
	struct walk last; /* the line that ended it, or not concerned */
	bool ended;
};

static void pass_add(struct pass *d, const struct line *line, enum tri t)
{
	struct walk w = {
		.answer = answer_for(line->action),
		.rule = line->rule,
		.by_report = line->report_only,
	};

	if (d->ended)
		return;
	if (t == TRI_YES) {
		d->last = w;
		d->ended = true;
	} else {
		maybe_add(&d->maybe, &w);
	}
}

struct walks walk_lines(const struct question *q, const struct lines *l,
			struct alerts *alerts)
{
	struct pass is = {.last.answer = ANSWER_NOT_CONCERNED};
	struct pass would = {.last.answer = ANSWER_NOT_CONCERNED};

	if (l->count == 0)
		return (struct walks){.is = is.last, .would = would.last};
	for (uint32_t i = 0; i < l->count && !is.ended; i++) {
		const struct line *line = &l->list[i];
		enum tri t;

		if (guard_fails(q, &l->guards[i]) || (line->report_only && would.ended))
			continue;
		t = line_match(q, line);
		if (t == TRI_NO)
			continue;
		if (line->action == ACTION_ALERT) {
			if (t == TRI_YES && alerts != NULL)
				alerts_add(alerts, line->rule);
			continue;
		}
		pass_add(&would, line, t);
		if (!line->report_only)
			pass_add(&is, line, t);
	}
	return (struct walks){
		.is = maybe_end(&is.maybe, &is.last, why_maybe(q)),
		.would = maybe_end(&would.maybe, &would.last, why_maybe(q)),
	};
}

static void agree(struct walk *w, const struct walk *other)
{
	w->by_report = w->by_report || other->by_report;
	if (w->answer == other->answer)
		return;
	w->answer = ANSWER_UNDECIDABLE;
	w->why = UNDECIDABLE_INCOMPLETE;
}

/* While a name may still bring the connection into scope, both answers must agree. */
struct walks walk_default(struct question *q, const struct lines *l)
{
	struct walks w = walk_lines(q, l, NULL);
	struct walks other;

	if (!q->s->name_pending || q->in_scope)
		return w;
	q->in_scope = true;
	other = walk_lines(q, l, NULL);
	q->in_scope = false;
	agree(&w.is, &other.is);
	agree(&w.would, &other.would);
	return w;
}

/* ---- gate connectors --------------------------------------------------------------------- */

#define CONNECTORS_SEEN 64 /* of one host; further ones count as not listed */

/*
 * Each imported file is a policy of its own, and the lines written by hand are one: a
 * connector that one of them denies is denied, whatever the others say.
 */
struct tally {
	uint32_t layer;
	uint64_t open;  /* connectors that no line of this layer has named yet */
	uint64_t maybe; /* those that a line of this layer may name */
	uint64_t denied, allowed, unsure; /* of all layers */
	uint32_t denying, allowing;       /* the first line of each */
	bool by_report;
};

static void next_layer(struct tally *y, uint32_t layer)
{
	y->unsure |= y->maybe & y->open;
	y->layer = layer;
	y->open = UINT64_MAX;
	y->maybe = 0;
}

static void count_line(const struct service *v, const struct line *l, enum tri t,
		       struct tally *y)
{
	size_t n = v->connector_count < CONNECTORS_SEEN ? v->connector_count
							: CONNECTORS_SEEN;
	uint64_t hit = 0;

	for (size_t i = 0; i < n; i++)
		if ((y->open >> i & 1) != 0 &&
		    (l->connectors == NULL ||
		     bitset_has(l->connectors, v->connectors[i].connector)))
			hit |= (uint64_t)1 << i;
	if (hit == 0)
		return;
	y->by_report = y->by_report || l->report_only;
	if (t == TRI_MAYBE) {
		y->maybe |= hit;
		return;
	}
	y->open &= ~hit;
	if (l->action == ACTION_DENY) {
		y->denied |= hit;
		if (y->denying == RULE_NONE)
			y->denying = l->rule;
	} else {
		y->allowed |= hit;
		if (y->allowing == RULE_NONE)
			y->allowing = l->rule;
	}
}

/*
 * A host of several connectors is denied only when all of them are, and one of the denied
 * rows is verified: a published or assumed row alone does not prove that the host is the
 * connector's.  What remains of a deny is undecidable(shared_host).
 */
static struct walk end_tally(const struct question *q, const struct tally *y)
{
	const struct service *v = q->s->service;
	struct walk w = {.answer = ANSWER_NOT_CONCERNED, .by_report = y->by_report};
	bool verified = false;
	size_t denied = 0;

	for (size_t i = 0; i < v->connector_count && i < CONNECTORS_SEEN; i++)
		if ((y->denied >> i & 1) != 0) {
			denied++;
			verified = verified ||
				   v->connectors[i].confidence == CONFIDENCE_VERIFIED;
		}
	if ((y->unsure & ~y->denied) != 0) {
		w.answer = ANSWER_UNDECIDABLE;
		w.why = why_maybe(q);
	} else if (denied > 0 && denied == v->connector_count && verified) {
		w.answer = ANSWER_DENY;
		w.rule = y->denying;
	} else if (denied > 0) {
		w.answer = ANSWER_UNDECIDABLE;
		w.why = UNDECIDABLE_SHARED_HOST;
		w.rule = y->denying;
	} else if (y->allowed != 0) {
		w.answer = ANSWER_ALLOW;
		w.rule = y->allowing;
	}
	return w;
}

static struct walk tally(const struct question *q, const struct lines *l, bool report)
{
	const struct service *v = q->s->service;
	struct walk none = {.answer = ANSWER_NOT_CONCERNED};
	struct tally y = {.open = UINT64_MAX};

	if (l->count > 0 && q->s->name_pending)
		return (struct walk){.answer = ANSWER_UNDECIDABLE,
				     .why = UNDECIDABLE_INCOMPLETE};
	if (l->count == 0 || q->blank_host || v->platform || v->connector_count == 0)
		return none;
	for (uint32_t i = 0; i < l->count; i++) {
		const struct line *line = &l->list[i];
		enum tri t;

		if (guard_fails(q, &l->guards[i]) || (line->report_only && !report))
			continue;
		if (line->layer != y.layer)
			next_layer(&y, line->layer);
		t = line_match(q, line);
		if (t != TRI_NO)
			count_line(v, line, t, &y);
	}
	next_layer(&y, 0);
	return end_tally(q, &y);
}

/* Hosts of the catalogue's connectors by their lines, others by the patterns of custom ones. */
struct walks walk_connectors(const struct question *q, const struct lines *l)
{
	struct walks w = {.is = tally(q, l, false)};
	struct walks custom = walk_custom(q);

	w.would = l->has_report ? tally(q, l, true) : w.is;
	if (w.is.answer == ANSWER_NOT_CONCERNED)
		w.is = custom.is;
	if (w.would.answer == ANSWER_NOT_CONCERNED)
		w.would = custom.would;
	return w;
}
