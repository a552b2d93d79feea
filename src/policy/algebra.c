/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/algebra.h"

#include <stddef.h>

/* One walk over the gates: what decided, and what could not be told. */
struct outcome {
	enum verdict verdict;
	enum verdict_reason reason;
	enum gate gate;
	uint32_t rule;
	/* the undecidable reason that decided, else the first that alerts, else the first */
	enum undecidable why;
	enum remedy remedy; /* of `why` */
	uint32_t why_rule;
};

static enum remedy remedy_of(const struct algebra_question *q, enum undecidable why,
			     bool report, uint32_t *ret_rule)
{
	const struct undecidable_policy *u = &q->undecidable[why];

	*ret_rule = report && u->has_report ? u->would_rule : u->rule;
	return report && u->has_report ? u->would : u->remedy;
}

static bool decided(const struct outcome *o)
{
	return o->verdict == VERDICT_DENY;
}

static void deny(struct outcome *o, enum verdict_reason reason, enum gate g,
		 uint32_t rule)
{
	o->verdict = VERDICT_DENY;
	o->reason = reason;
	o->gate = g;
	o->rule = rule;
}

static void cannot_tell(const struct algebra_question *q, struct outcome *o,
			enum undecidable why, bool report)
{
	uint32_t rule;
	enum remedy r = remedy_of(q, why, report, &rule);
	bool deciding = r == REMEDY_DENY && !decided(o);
	/* A reason that decided stays; one that alerts goes before one that is allowed. */
	bool settled = o->reason == VERDICT_REASON_UNDECIDABLE ||
		       (o->why != UNDECIDABLE_NONE &&
			(o->remedy == REMEDY_ALERT || r != REMEDY_ALERT));

	if (deciding)
		deny(o, VERDICT_REASON_UNDECIDABLE, GATE_UNDECIDABLE, rule);
	else if (settled)
		return;
	o->why = why;
	o->remedy = r;
	o->why_rule = rule;
}

/* The answer that counts, and the line that gave it. */
static enum answer answer_of(const struct gate_answer *a, bool report, uint32_t *ret_rule)
{
	bool would = report && a->report != ANSWER_NOT_CONCERNED;

	*ret_rule = would ? a->report_rule : a->rule;
	return would ? a->report : a->answer;
}

static bool is_skipped(const struct algebra_question *q, enum gate g)
{
	return (q->skipped >> g & 1) != 0;
}

/* Gate default keeps quiet when `rules` answered for certain. */
static bool default_is_asked(const struct algebra_question *q, bool report)
{
	uint32_t rule;
	enum answer a = answer_of(&q->gates[GATE_RULES], report, &rule);

	return is_skipped(q, GATE_RULES) || (a != ANSWER_ALLOW && a != ANSWER_DENY);
}

static struct outcome walk(const struct algebra_question *q, bool report)
{
	struct outcome o = {
		.verdict = VERDICT_ALLOW,
		.reason = VERDICT_REASON_NO_OBJECTION,
		.gate = GATE_COUNT,
		.why = UNDECIDABLE_NONE,
	};

	for (enum gate g = GATE_OWN; g <= GATE_DEFAULT; g++) {
		bool is_default = g == GATE_DEFAULT;
		enum verdict_reason reason =
			is_default ? VERDICT_REASON_DEFAULT : VERDICT_REASON_RULE;
		uint32_t rule;
		enum answer a = answer_of(&q->gates[g], report, &rule);

		if (is_skipped(q, g) || (is_default && !default_is_asked(q, report)))
			continue;
		if (a == ANSWER_UNDECIDABLE)
			cannot_tell(q, &o, q->gates[g].why, report);
		else if (a == ANSWER_DENY && !decided(&o))
			deny(&o, reason, g, rule);
		else if (a == ANSWER_ALLOW && g >= GATE_RULES && !decided(&o)) {
			o.reason = reason;
			o.gate = g;
			o.rule = rule;
		}
	}
	if (q->name != UNDECIDABLE_NONE)
		cannot_tell(q, &o, q->name, report);
	/* Only a line of gate undecidable spoke for the connection. */
	if (o.reason == VERDICT_REASON_NO_OBJECTION && o.why != UNDECIDABLE_NONE &&
	    o.why_rule != RULE_NONE) {
		o.reason = VERDICT_REASON_UNDECIDABLE;
		o.gate = GATE_UNDECIDABLE;
		o.rule = o.why_rule;
	}
	return o;
}

static void keep_answers(const struct algebra_question *q, const struct outcome *o,
			 struct decision *ret)
{
	struct gate_answer *last = &ret->gates[GATE_UNDECIDABLE];

	for (size_t g = 0; g < GATE_COUNT; g++)
		ret->gates[g] = q->gates[g];
	ret->gates[GATE_EXCEPTIONS] = (struct gate_answer){
		.answer = q->exception == RULE_NONE ? ANSWER_NOT_CONCERNED : ANSWER_ALLOW,
		.rule = q->exception,
	};
	if (!default_is_asked(q, false))
		ret->gates[GATE_DEFAULT].answer = ANSWER_NOT_ASKED;
	for (enum gate g = GATE_OWN; g <= GATE_DEFAULT; g++)
		if (is_skipped(q, g))
			ret->gates[g].answer = ANSWER_SKIPPED;
	*last = (struct gate_answer){.answer = ANSWER_NOT_ASKED};
	if (o->why == UNDECIDABLE_NONE)
		return;
	last->answer = o->remedy == REMEDY_DENY ? ANSWER_DENY : ANSWER_ALLOW;
	last->why = o->why;
	last->rule = o->why_rule;
	if (q->undecidable[o->why].has_report) {
		last->report = q->undecidable[o->why].would == REMEDY_DENY ? ANSWER_DENY
									   : ANSWER_ALLOW;
		last->report_rule = q->undecidable[o->why].would_rule;
	}
}

/* Has any report-only line a say?  Else the second walk would find what the first did. */
static bool has_report(const struct algebra_question *q, const struct outcome *o)
{
	bool any = o->why != UNDECIDABLE_NONE;

	for (size_t g = 0; g < GATE_COUNT; g++)
		any = any || q->gates[g].report != ANSWER_NOT_CONCERNED;
	return any;
}

void algebra_decide(const struct algebra_question *q, struct decision *ret)
{
	struct outcome is = walk(q, false);
	struct outcome would = has_report(q, &is) ? walk(q, true) : is;

	ret->verdict = is.verdict;
	ret->reason = is.reason;
	ret->gate = is.gate;
	ret->rule = is.rule;
	ret->undecidable = is.why;
	ret->undecidable_alert = is.why != UNDECIDABLE_NONE && is.remedy == REMEDY_ALERT;
	ret->undecidable_rule = is.why == UNDECIDABLE_NONE ? RULE_NONE : is.why_rule;
	ret->would = VERDICT_NONE;
	ret->would_gate = GATE_COUNT;
	ret->would_rule = RULE_NONE;
	if (would.verdict != is.verdict) {
		ret->would = would.verdict;
		ret->would_gate = would.gate;
		ret->would_rule = would.rule;
	}
	keep_answers(q, &is, ret);
}
