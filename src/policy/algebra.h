/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_ALGEBRA_H
#define POLICY_ALGEBRA_H

/*
 * algebra - from the gates' answers to one verdict.  A pure function; docs/policy.md
 * "The algebra" says the same in words, and a test compares both over all combinations.
 *
 *  - Gates own .. endpoints only narrow: their allow means "no objection".
 *  - `default` is asked only when `rules` answered neither allow nor deny.
 *  - A skipped gate has no say.
 *  - An undecidable answer is what the policy of its reason makes of it.  The name's own
 *    reason is asked last, as gate undecidable.
 *  - The first effective deny decides.
 *  - Report-only answers never decide; the walk is made a second time with them in force.
 */

#include <stdint.h>

#include "model/verdict.h"

enum remedy {
	REMEDY_ALERT = 0, /* a reason without a line */
	REMEDY_ALLOW,
	REMEDY_DENY
};

/* What gate undecidable makes of one reason, for the role at hand. */
struct undecidable_policy {
	enum remedy remedy;
	uint32_t rule;     /* RULE_NONE: no line */
	bool has_report;   /* a report-only line comes first: */
	enum remedy would; /* what it would make of the reason */
	uint32_t would_rule;
};

struct algebra_question {
	/* own .. default are read; default as if it were asked */
	struct gate_answer gates[GATE_COUNT];
	uint32_t skipped;      /* 1u << gate, own .. default */
	uint32_t exception;    /* the line that skips them, or RULE_NONE */
	enum undecidable name; /* why the name is not known, or NONE */
	const struct undecidable_policy *undecidable; /* UNDECIDABLE_COUNT of them */
};

/* Sets all of *ret but the alerts, which it leaves alone. */
void algebra_decide(const struct algebra_question *q, struct decision *ret);

#endif /* POLICY_ALGEBRA_H */
