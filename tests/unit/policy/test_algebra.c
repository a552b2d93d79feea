/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algebra against a second implementation, written from the sentences of docs/policy.md
 * and nothing else, over all combinations of answers.
 */
#include "policy/algebra.h"

#include <stdbool.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define WHY_GATE UNDECIDABLE_SHARED_HOST /* what gates cannot tell */
#define WHY_NAME UNDECIDABLE_NO_SNI      /* why the name is not known */

/* Sanitizers make it ten times slower: then every seventh of the 28 million. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STRIDE 7u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || \
	__has_feature(thread_sanitizer)
#define STRIDE 7u
#endif
#endif
#ifndef STRIDE
#define STRIDE 1u
#endif

/* A line number for each source of an answer, so that the deciding line can be told. */
#define LINE(gate)   (10u + (unsigned)(gate))
#define REPORT(gate) (30u + (unsigned)(gate))
#define LINE_WHY     50u
#define LINE_NAME    51u

static const enum answer four[] = {ANSWER_NOT_CONCERNED, ANSWER_ALLOW, ANSWER_DENY,
				   ANSWER_UNDECIDABLE};
static const enum remedy three[] = {REMEDY_ALERT, REMEDY_ALLOW, REMEDY_DENY};

/* ---- the reference: one sentence, one function ------------------------------------------- */

struct reference {
	enum verdict verdict;
	enum gate gate;
	uint32_t rule;
};

/* "Report-only answers never decide"; with them in force they stand before the others. */
static enum answer said(const struct algebra_question *q, enum gate g, bool report)
{
	return report && q->gates[g].report != ANSWER_NOT_CONCERNED ? q->gates[g].report
								    : q->gates[g].answer;
}

static uint32_t said_by(const struct algebra_question *q, enum gate g, bool report)
{
	return report && q->gates[g].report != ANSWER_NOT_CONCERNED
		       ? q->gates[g].report_rule
		       : q->gates[g].rule;
}

/* "A gate that an exception skips is not asked." */
static bool skipped(const struct algebra_question *q, enum gate g)
{
	return (q->skipped & (1u << g)) != 0;
}

/* "`default` is asked only when `rules` matched neither allow nor deny." */
static bool asked(const struct algebra_question *q, enum gate g, bool report)
{
	if (skipped(q, g))
		return false;
	if (g != GATE_DEFAULT || skipped(q, GATE_RULES))
		return true;
	return said(q, GATE_RULES, report) != ANSWER_ALLOW &&
	       said(q, GATE_RULES, report) != ANSWER_DENY;
}

static enum remedy made_of(const struct algebra_question *q, enum undecidable why,
			   bool report)
{
	const struct undecidable_policy *u = &q->undecidable[why];

	return report && u->has_report ? u->would : u->remedy;
}

/* "An effective deny is a deny, or an undecidable whose reason's policy is deny." */
static bool effective_deny(const struct algebra_question *q, enum gate g, bool report)
{
	enum answer a = said(q, g, report);

	if (!asked(q, g, report))
		return false;
	return a == ANSWER_DENY || (a == ANSWER_UNDECIDABLE &&
				    made_of(q, q->gates[g].why, report) == REMEDY_DENY);
}

/* "The first effective deny decides"; the name's own reason is asked last. */
static struct reference refer(const struct algebra_question *q, bool report)
{
	for (enum gate g = GATE_OWN; g <= GATE_DEFAULT; g++) {
		if (!effective_deny(q, g, report))
			continue;
		if (said(q, g, report) == ANSWER_DENY)
			return (struct reference){VERDICT_DENY, g, said_by(q, g, report)};
		return (struct reference){VERDICT_DENY, GATE_UNDECIDABLE, LINE_WHY};
	}
	if (q->name != UNDECIDABLE_NONE && made_of(q, q->name, report) == REMEDY_DENY)
		return (struct reference){VERDICT_DENY, GATE_UNDECIDABLE, LINE_NAME};
	return (struct reference){VERDICT_ALLOW, GATE_COUNT, 0};
}

/* Of an allow: `rules` if it allowed, else `default`, else gate undecidable, else nobody. */
static enum gate who_allowed(const struct algebra_question *q)
{
	if (!skipped(q, GATE_RULES) && q->gates[GATE_RULES].answer == ANSWER_ALLOW)
		return GATE_RULES;
	if (asked(q, GATE_DEFAULT, false) &&
	    q->gates[GATE_DEFAULT].answer == ANSWER_ALLOW)
		return GATE_DEFAULT;
	for (enum gate g = GATE_OWN; g <= GATE_DEFAULT; g++)
		if (asked(q, g, false) && q->gates[g].answer == ANSWER_UNDECIDABLE)
			return GATE_UNDECIDABLE;
	return q->name != UNDECIDABLE_NONE ? GATE_UNDECIDABLE : GATE_COUNT;
}

/* "A reason without a line alerts": is there one, among those that were met, that alerts? */
static bool some_alert(const struct algebra_question *q)
{
	for (enum gate g = GATE_OWN; g <= GATE_DEFAULT; g++)
		if (asked(q, g, false) && q->gates[g].answer == ANSWER_UNDECIDABLE &&
		    made_of(q, q->gates[g].why, false) == REMEDY_ALERT)
			return true;
	return q->name != UNDECIDABLE_NONE && made_of(q, q->name, false) == REMEDY_ALERT;
}

/* ---- the comparison ---------------------------------------------------------------------- */

/* cmocka's assertions are too slow for millions: count, and say where. */
static uint64_t compared;

static void differ(const struct algebra_question *q, const struct decision *d,
		   const char *what)
{
	for (enum gate g = GATE_OWN; g <= GATE_DEFAULT; g++)
		print_error("%-12s %-14s report %-14s%s\n", gate_name(g),
			    answer_name(q->gates[g].answer),
			    answer_name(q->gates[g].report),
			    skipped(q, g) ? " skipped" : "");
	print_error("name %s; got %s by gate %u line %u, would %s\n",
		    undecidable_name(q->name), verdict_name(d->verdict), d->gate, d->rule,
		    verdict_name(d->would));
	fail_msg("%s", what);
}

static void compare(const struct algebra_question *q)
{
	struct reference is = refer(q, false), would = refer(q, true);
	struct decision d;

	memset(&d, 0, sizeof(d));
	algebra_decide(q, &d);
	compared++;
	if (d.verdict != is.verdict)
		differ(q, &d, "verdict");
	if (is.verdict == VERDICT_DENY && (d.gate != is.gate || d.rule != is.rule))
		differ(q, &d, "deciding line");
	if (is.verdict == VERDICT_ALLOW && d.gate != who_allowed(q))
		differ(q, &d, "allowing gate");
	if (would.verdict == is.verdict && d.would != VERDICT_NONE)
		differ(q, &d, "would, where nothing would change");
	if (would.verdict != is.verdict && d.would != would.verdict)
		differ(q, &d, "would");
	if (would.verdict == VERDICT_DENY && is.verdict == VERDICT_ALLOW &&
	    (d.would_gate != would.gate || d.would_rule != would.rule))
		differ(q, &d, "would-deciding line");
	if (d.reason == VERDICT_REASON_UNDECIDABLE && d.verdict == VERDICT_DENY &&
	    d.undecidable_alert)
		differ(q, &d, "a reason that denies does not alert as well");
	if (d.reason != VERDICT_REASON_UNDECIDABLE &&
	    d.undecidable_alert != some_alert(q))
		differ(q, &d, "alert");
	for (enum gate g = GATE_OWN; g <= GATE_DEFAULT; g++) {
		enum answer want = skipped(q, g)         ? ANSWER_SKIPPED
				   : !asked(q, g, false) ? ANSWER_NOT_ASKED
							 : q->gates[g].answer;

		if (d.gates[g].answer != want)
			differ(q, &d, "kept answer");
	}
}

static struct gate_answer made(enum gate g, unsigned answer, unsigned report)
{
	return (struct gate_answer){
		.answer = four[answer],
		.why = WHY_GATE,
		.rule = LINE(g),
		.report = four[report],
		.report_rule = REPORT(g),
	};
}

static void policies(struct undecidable_policy *u, unsigned gate, unsigned name)
{
	memset(u, 0, UNDECIDABLE_COUNT * sizeof(*u));
	u[WHY_GATE] =
		(struct undecidable_policy){.remedy = three[gate], .rule = LINE_WHY};
	u[WHY_NAME] =
		(struct undecidable_policy){.remedy = three[name], .rule = LINE_NAME};
}

/* Every answer of every gate, every skip, every policy, with and without a name. */
static void answers_skips_and_policies(void **state)
{
	struct undecidable_policy u[UNDECIDABLE_COUNT];
	struct algebra_question q = {.undecidable = u};

	(void)state;
	compared = 0;
	for (unsigned n = 0; n < 4096; n++) { /* 4 answers of 6 gates */
		for (unsigned g = 0; g < 6; g++)
			q.gates[GATE_OWN + g] =
				made((enum gate)(GATE_OWN + g), n >> (2 * g) & 3, 0);
		for (unsigned skip = 0; skip < 64; skip++)
			for (unsigned p = 0; p < 12; p++) {
				policies(u, p % 3, p / 3 % 3);
				q.skipped = skip << GATE_OWN;
				q.name = p < 9 ? WHY_NAME : UNDECIDABLE_NONE;
				compare(&q);
			}
	}
	assert_int_equal(compared, 4096 * 64 * 12);
}

/* Every answer and every report-only answer of every gate. */
static void answers_and_reports(void **state)
{
	struct undecidable_policy u[UNDECIDABLE_COUNT];
	struct algebra_question q = {.undecidable = u};

	(void)state;
	compared = 0;
	/* 16 pairs of 5 gates, 9 of default, which cannot be undecidable, 3 policies */
	for (unsigned n = 0; n < 1u << 20; n += STRIDE) {
		for (unsigned g = 0; g < 5; g++)
			q.gates[GATE_OWN + g] =
				made((enum gate)(GATE_OWN + g), n >> (4 * g) & 3,
				     n >> (4 * g + 2) & 3);
		for (unsigned k = 0; k < 27; k++) {
			q.gates[GATE_DEFAULT] = made(GATE_DEFAULT, k % 3, k / 3 % 3);
			policies(u, k / 9, 0);
			compare(&q);
		}
	}
	assert_int_equal(compared, (((1u << 20) + STRIDE - 1) / STRIDE) * 27ull);
}

/* Report-only lines of gate undecidable, for every answer of three gates. */
static void reported_policies(void **state)
{
	struct undecidable_policy u[UNDECIDABLE_COUNT];
	struct algebra_question q = {.undecidable = u};

	(void)state;
	for (unsigned n = 0; n < 4096; n++) {
		q.gates[GATE_OWN] = made(GATE_OWN, n & 3, n >> 2 & 3);
		q.gates[GATE_RULES] = made(GATE_RULES, n >> 4 & 3, n >> 6 & 3);
		q.gates[GATE_DEFAULT] = made(GATE_DEFAULT, n >> 8 & 3, n >> 10 & 3);
		for (unsigned p = 0; p < 9; p++) {
			policies(u, p % 3, p / 3);
			u[WHY_GATE].has_report = true;
			u[WHY_GATE].would = three[p / 3];
			u[WHY_GATE].would_rule = LINE_WHY;
			q.name = (n & 1) != 0 ? WHY_NAME : UNDECIDABLE_NONE;
			compare(&q);
		}
	}
}

static void a_skip_names_its_exception(void **state)
{
	struct undecidable_policy u[UNDECIDABLE_COUNT] = {{.remedy = REMEDY_ALERT}};
	struct algebra_question q = {.undecidable = u, .exception = 7};
	struct decision d;

	(void)state;
	q.skipped = 1u << GATE_OWN;
	q.gates[GATE_OWN] = made(GATE_OWN, 2, 0);
	algebra_decide(&q, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_int_equal(d.reason, VERDICT_REASON_NO_OBJECTION);
	assert_int_equal(d.gate, GATE_COUNT);
	assert_int_equal(d.gates[GATE_EXCEPTIONS].answer, ANSWER_ALLOW);
	assert_int_equal(d.gates[GATE_EXCEPTIONS].rule, 7);
	assert_int_equal(d.gates[GATE_UNDECIDABLE].answer, ANSWER_NOT_ASKED);
}

static void the_alerting_reason_is_the_one_that_is_told(void **state)
{
	struct undecidable_policy u[UNDECIDABLE_COUNT];
	struct algebra_question q = {.undecidable = u, .name = WHY_NAME};
	struct decision d;

	(void)state;
	policies(u, 1, 0); /* the gate's is allowed, the name's alerts */
	q.gates[GATE_CONNECTORS] = made(GATE_CONNECTORS, 3, 0);
	algebra_decide(&q, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_int_equal(d.undecidable, WHY_NAME);
	assert_true(d.undecidable_alert);
	assert_int_equal(d.undecidable_rule, LINE_NAME);

	policies(u, 0, 1);
	algebra_decide(&q, &d);
	assert_int_equal(d.undecidable, WHY_GATE);
	assert_true(d.undecidable_alert);
	assert_int_equal(d.undecidable_rule, LINE_WHY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_skips_and_policies),
		cmocka_unit_test(answers_and_reports),
		cmocka_unit_test(reported_policies),
		cmocka_unit_test(a_skip_names_its_exception),
		cmocka_unit_test(the_alerting_reason_is_the_one_that_is_told),
	};

	return cmocka_run_group_tests_name("policy/algebra", tests, NULL, NULL);
}
