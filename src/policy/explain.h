/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_EXPLAIN_H
#define POLICY_EXPLAIN_H

/* explain - what policy_explain() and policy_explain_json() both say, as text to x->out. */

#include <stdio.h>

#include "policy/policy.h"
#include "policy/program.h"

#define EXPLAIN_MISSES 8 /* lines of a gate that do not match */

struct explainer {
	const struct policy *p;
	const struct question *q;
	FILE *out;
};

/* Wire texts may hold anything: only what is printable ASCII is shown as it is. */
void explain_wire(FILE *out, struct str s);

/* A source line without the blanks that align it. */
void explain_line(FILE *out, struct str s);

/* Why a line does not match: what the connection has instead. */
void explain_miss(const struct explainer *x, const struct line *l);

/*
 * What the list that answered at gate `g` was asked about, as policy_endpoint() tells it: of
 * gate connectors only when no list of gate endpoints answered.  Returns its length; 0 = no list.
 */
size_t explain_endpoint(const struct explainer *x, enum gate g, const struct decision *d,
			char buf[POLICY_ENDPOINT_MAX]);

/* Are there lines of the gate that were asked in vain and can be told? */
bool explain_has_misses(enum gate g, const struct gate_answer *a);

/* The line that would let this connection pass, for a person to sign: the gates in `skip`, not 0. */
void explain_exception(const struct explainer *x, uint32_t skip);

#endif /* POLICY_EXPLAIN_H */
