/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide - ask all gates about a connection.  Packet path: nothing here allocates.
 */
#include <string.h>

#include "policy/policy.h"
#include "policy/program.h"

static const struct undecidable_policy *undecidable_for(const struct program *p,
							const struct subject *s)
{
	unsigned role = s->role < ROLE_COUNT ? s->role : ROLE_USER;

	return p->undecidable[role];
}

/* Gates that the line skips, or lists of which it skips. */
static uint32_t touched(const struct line *l)
{
	return l->skip | (l->skip_lists != NULL ? 1u << GATE_ENDPOINTS : 0) |
	       (l->skip_custom ? 1u << GATE_CONNECTORS : 0);
}

/* The exception that is in force; *ret_maybe: gates that others might skip, some lists or all. */
static uint32_t ask_exceptions(struct question *q, uint32_t *ret_skip,
			       uint32_t *ret_maybe)
{
	const struct lines *l = &q->p->gates[GATE_EXCEPTIONS];

	*ret_skip = 0;
	*ret_maybe = 0;
	for (uint32_t i = 0; i < l->count; i++) {
		enum tri t = guard_fails(q, &l->guards[i]) ? TRI_NO
							   : line_match(q, &l->list[i]);

		if (t == TRI_MAYBE)
			*ret_maybe |= touched(&l->list[i]);
		if (t == TRI_YES) {
			*ret_skip = l->list[i].skip;
			q->exception = &l->list[i];
			return l->list[i].rule;
		}
	}
	return RULE_NONE;
}

static struct walks ask_gate(struct question *q, enum gate g, struct alerts *alerts)
{
	const struct lines *l = &q->p->gates[g];

	if (g == GATE_CONNECTORS)
		return walk_connectors(q, l);
	if (g == GATE_ENDPOINTS)
		return walk_endpoints(q);
	if (g == GATE_DEFAULT)
		return walk_default(q, l);
	return walk_lines(q, l, alerts);
}

static bool owner_unknown(const struct question *q)
{
	for (unsigned k = 0; k < OWN_KIND_COUNT; k++)
		if (q->own[k] == OWNERSHIP_UNKNOWN)
			return true;
	return false;
}

static void ask(struct question *q, enum gate g, struct gate_answer *ret,
		struct alerts *alerts)
{
	struct walks w = ask_gate(q, g, alerts);

	*ret = (struct gate_answer){
		.answer = w.is.answer, .why = w.is.why, .rule = w.is.rule};
	if (g == GATE_OWN && q->p->unknown_owner_rule != RULE_NONE &&
	    w.is.answer == ANSWER_NOT_CONCERNED && owner_unknown(q))
		alerts_add(alerts, q->p->unknown_owner_rule);
	if (!w.would.by_report)
		return;
	ret->report = w.would.answer;
	ret->report_rule = w.would.rule;
	if (ret->answer != ANSWER_UNDECIDABLE)
		ret->why = w.would.why;
}

static void ask_all(struct question *q, struct algebra_question *a, struct alerts *alerts)
{
	for (enum gate g = GATE_OWN; g <= GATE_DEFAULT; g++)
		if ((a->skipped >> g & 1) == 0)
			ask(q, g, &a->gates[g], alerts);
}

static void keep_alerts(const struct alerts *a, struct decision *ret)
{
	ret->alert_count = a->count;
	ret->alerts_lost = a->lost;
	memcpy(ret->alerts, a->rules, a->count * sizeof(a->rules[0]));
}

void policy_decide(const struct policy *p, const struct subject *s, struct decision *ret)
{
	struct algebra_question a = {
		.name = s->undecidable,
		.undecidable = undecidable_for(&p->program, s),
	};
	struct alerts alerts = {.count = 0};
	struct question q;
	uint32_t maybe;

	memset(ret, 0, sizeof(*ret));
	question_init(&q, &p->program, s);
	a.exception = ask_exceptions(&q, &a.skipped, &maybe);
	ask_all(&q, &a, &alerts);
	algebra_decide(&a, ret);
	keep_alerts(&alerts, ret);
}

/* The gates to which a deny is owed: the one that decided, or those that cannot tell why. */
static uint32_t blamed(const struct decision *d)
{
	uint32_t gates = 0;

	if (d->gate >= GATE_OWN && d->gate <= GATE_DEFAULT)
		return 1u << d->gate;
	for (enum gate g = GATE_OWN; g <= GATE_DEFAULT; g++)
		if (d->gates[g].answer == ANSWER_UNDECIDABLE &&
		    d->gates[g].why == d->undecidable)
			gates |= 1u << g;
	return gates;
}

uint32_t policy_skips(const struct policy *p, const struct subject *s)
{
	struct algebra_question a = {
		.name = s->undecidable,
		.undecidable = undecidable_for(&p->program, s),
	};
	uint32_t maybe;
	struct decision d;
	struct question q;

	question_init(&q, &p->program, s);
	a.exception = ask_exceptions(&q, &a.skipped, &maybe);
	ask_all(&q, &a, NULL);
	for (unsigned tries = 0; tries <= GATE_COUNT; tries++) {
		uint32_t more;

		memset(&d, 0, sizeof(d));
		algebra_decide(&a, &d);
		if (d.verdict != VERDICT_DENY)
			return tries == 0 ? 0 : a.skipped;
		more = blamed(&d) & ~a.skipped;
		if (more == 0)
			return 0;
		a.skipped |= more;
	}
	return 0;
}

/*
 * Default has a say when gate rules is skipped, which is sure only while no exception before
 * that one may still match, or when it was asked and no line can match.
 */
static bool default_asked_for_certain(const struct algebra_question *a, uint32_t maybe)
{
	if ((a->skipped >> GATE_RULES & 1) != 0)
		return maybe == 0;
	return a->gates[GATE_RULES].answer == ANSWER_NOT_CONCERNED;
}

/*
 * A deny is certain when some gate that no exception can skip denies for certain: the other
 * answers, whatever the name makes of them, cannot take it back.
 */
static bool denied_for_certain(const struct algebra_question *a, uint32_t maybe)
{
	for (enum gate g = GATE_OWN; g <= GATE_DEFAULT; g++) {
		uint32_t out = a->skipped | maybe;

		if ((out >> g & 1) != 0 || a->gates[g].answer != ANSWER_DENY)
			continue;
		if (g != GATE_DEFAULT || default_asked_for_certain(a, maybe))
			return true;
	}
	return false;
}

bool policy_decide_early(const struct policy *p, const struct subject *s,
			 struct decision *ret)
{
	struct algebra_question a = {
		.name = UNDECIDABLE_NONE,
		.undecidable = undecidable_for(&p->program, s),
	};
	struct alerts alerts = {.count = 0};
	struct decision d;
	struct question q;
	uint32_t maybe;

	question_init(&q, &p->program, s);
	a.exception = ask_exceptions(&q, &a.skipped, &maybe);
	ask_all(&q, &a, &alerts);
	if (!denied_for_certain(&a, maybe))
		return false;
	/* What waits for the name has no say: it was not waited for. */
	for (size_t g = 0; g < GATE_COUNT; g++) {
		if (a.gates[g].answer == ANSWER_UNDECIDABLE || (maybe >> g & 1) != 0)
			a.gates[g] = (struct gate_answer){.answer = ANSWER_NOT_CONCERNED};
		if (a.gates[g].report == ANSWER_UNDECIDABLE)
			a.gates[g].report = ANSWER_NOT_CONCERNED;
	}
	memset(&d, 0, sizeof(d));
	algebra_decide(&a, &d);
	d.reason = VERDICT_REASON_ADDRESS;
	keep_alerts(&alerts, &d);
	*ret = d;
	return d.verdict == VERDICT_DENY;
}
