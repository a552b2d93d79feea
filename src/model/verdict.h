/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_VERDICT_H
#define MODEL_VERDICT_H

/*
 * verdict - policy's decision about one connection, with every gate's answer kept.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/names.h"

#define RULE_NONE 0 /* rules are numbered from 1 in the order of the policy's files */
#define ALERTS_MAX \
	8 /* alert lines that may fire on one connection; further ones counted */

struct gate_answer {
	enum answer answer;
	enum undecidable why; /* when answer is UNDECIDABLE */
	uint32_t rule;        /* the line that answered, or RULE_NONE */
	/* what a report-only line would have answered (ALLOW, DENY, or UNDECIDABLE) */
	enum answer report; /* NOT_CONCERNED: no report-only line matched */
	uint32_t report_rule;
};

struct decision {
	enum verdict verdict; /* ALLOW or DENY */
	enum verdict_reason reason;
	enum gate gate; /* that decided; GATE_COUNT when no gate did (no_objection) */
	uint32_t rule;  /* the deciding line, or RULE_NONE */
	/* Why an undecidable gate, or the name itself, decided or alerts. */
	enum undecidable undecidable;
	bool undecidable_alert;    /* its policy is alert: the engine writes a signal */
	uint32_t undecidable_rule; /* the line of gate undecidable, or RULE_NONE */

	/* What report-only lines in force would have made of it, when it differs, else NONE. */
	enum verdict would;
	enum gate would_gate;
	uint32_t would_rule;

	struct gate_answer gates[GATE_COUNT];
	uint8_t alert_count;
	bool alerts_lost;
	uint32_t alerts[ALERTS_MAX]; /* rules: alert lines that matched, in order */
};

#endif /* MODEL_VERDICT_H */
