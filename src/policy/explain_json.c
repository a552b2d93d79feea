/* SPDX-License-Identifier: Apache-2.0 */
/* explain_json - every gate's answer as JSON: docs/explain-schema.json. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "policy/explain.h"

/* A text being written; NULL = no memory, and the value is left out. */
struct text {
	char *buf;
	size_t len;
};

static bool text_begin(struct explainer *x, struct text *t)
{
	*t = (struct text){0};
	x->out = open_memstream(&t->buf, &t->len);
	return x->out != NULL;
}

static void text_end(struct explainer *x, struct text *t, struct json *j, const char *key)
{
	if (fclose(x->out) == 0)
		json_string(j, key, (struct str){t->buf, t->len});
	free(t->buf);
	x->out = NULL;
}

static void put_rule(struct json *j, const char *key, const struct rule_place *at)
{
	char text[1100];

	if (at->line == 0)
		return;
	(void)snprintf(text, sizeof(text), "%.*s:%u", (int)at->file.len, at->file.p,
		       (unsigned)at->line);
	json_cstring(j, key, text);
}

static void put_line(struct explainer *x, struct json *j, const char *key, struct str s)
{
	struct text t;

	if (s.len == 0 || !text_begin(x, &t))
		return;
	explain_line(x->out, s);
	text_end(x, &t, j, key);
}

static void put_misses(struct explainer *x, struct json *j, enum gate g, uint32_t until)
{
	const struct lines *l = &x->p->program.gates[g];
	size_t shown = 0, more = 0;
	struct text t;

	json_array_begin(j, "misses");
	for (uint32_t i = 0; i < l->count && l->list[i].rule != until; i++) {
		const struct rule_place at = policy_rule(x->p, l->list[i].rule);

		if (line_failing(x->q, &l->list[i]) == LINE_HOLDS)
			continue;
		more += shown == EXPLAIN_MISSES;
		if (shown == EXPLAIN_MISSES || !text_begin(x, &t))
			continue;
		shown++;
		explain_miss(x, &l->list[i]);
		json_object_begin(j, NULL);
		put_rule(j, "rule", &at);
		text_end(x, &t, j, "because");
		json_object_end(j);
	}
	json_array_end(j);
	if (more > 0)
		json_u64(j, "misses_untold", more);
}

/* Lines of the list above the one that answered: those that do not fit. */
static void put_list(struct explainer *x, struct json *j, const struct endpoints *l)
{
	size_t shown = 0;
	enum tri fits;
	struct text t;

	json_array_begin(j, "misses");
	for (uint32_t i = 0; i < l->count && shown < EXPLAIN_MISSES; i++) {
		const struct rule_place at = policy_rule(x->p, l->list[i].rule);

		fits = endpoint_line_fits(x->q, l, i);
		if (fits == TRI_YES)
			break;
		if (fits != TRI_NO || !text_begin(x, &t))
			continue;
		shown++;
		explain_line(x->out, at.text);
		json_object_begin(j, NULL);
		put_rule(j, "rule", &at);
		text_end(x, &t, j, "because");
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_origin(const struct explainer *x, struct json *j, uint32_t rule)
{
	struct rule_origin o;

	if (!policy_rule_origin(x->p, rule, &o))
		return;
	json_string(j, "policy", o.policy);
	json_string(j, "policy_name", o.title);
	json_string(j, "policy_source", o.source);
	json_string(j, "policy_date", o.date);
}

static void put_gate(struct explainer *x, struct json *j, enum gate g,
		     const struct decision *d)
{
	const struct gate_answer *a = &d->gates[g];
	const struct rule_place at = policy_rule(x->p, a->rule);
	const struct rule_place report = policy_rule(x->p, a->report_rule);
	const struct endpoints *l = endpoint_list_of(x->p, a);
	char endpoint[POLICY_ENDPOINT_MAX];
	size_t len;

	json_object_begin(j, NULL);
	json_cstring(j, "gate", gate_name(g));
	json_cstring(j, "answer", answer_name(a->answer));
	json_bool(j, "decides", d->gate == g);
	if (a->answer == ANSWER_UNDECIDABLE)
		json_cstring(j, "undecidable", undecidable_name(a->why));
	put_rule(j, "rule", &at);
	if (at.label.len > 0)
		json_string(j, "rule_label", at.label);
	put_line(x, j, "line", at.text);
	put_origin(x, j, a->rule);
	if (a->report != ANSWER_NOT_CONCERNED) {
		json_cstring(j, "report", answer_name(a->report));
		put_rule(j, "report_rule", &report);
		put_line(x, j, "report_line", report.text);
	}
	len = explain_endpoint(x, g, d, endpoint);
	if (len > 0)
		json_string(j, "endpoint", (struct str){endpoint, len});
	if (l != NULL)
		put_list(x, j, l);
	else if (explain_has_misses(g, a))
		put_misses(x, j, g, a->rule);
	json_object_end(j);
}

static void put_alerts(struct explainer *x, struct json *j, const struct decision *d)
{
	json_array_begin(j, "alerts");
	for (size_t i = 0; i < d->alert_count; i++) {
		const struct rule_place at = policy_rule(x->p, d->alerts[i]);

		json_object_begin(j, NULL);
		json_string(j, "signal", policy_signal_name(x->p, d->alerts[i]));
		put_rule(j, "rule", &at);
		put_line(x, j, "line", at.text);
		json_object_end(j);
	}
	if (d->undecidable_alert) {
		json_object_begin(j, NULL);
		json_cstring(j, "signal", "undecidable");
		json_cstring(j, "undecidable", undecidable_name(d->undecidable));
		json_object_end(j);
	}
	json_array_end(j);
	if (d->alerts_lost)
		json_bool(j, "alerts_lost", true);
}

/* What would change the verdict: an exception, and lines that only report. */
static void put_change(struct explainer *x, struct json *j, const struct decision *d)
{
	const struct rule_place would = policy_rule(x->p, d->would_rule);
	const uint32_t skip =
		d->verdict == VERDICT_DENY ? policy_skips(x->p, x->q->s) : 0;
	struct text t;

	if (d->would != VERDICT_NONE) {
		json_cstring(j, "would_verdict", verdict_name(d->would));
		if (d->would_gate < GATE_COUNT)
			json_cstring(j, "would_gate", gate_name(d->would_gate));
		put_rule(j, "would_rule", &would);
		if (would.label.len > 0)
			json_string(j, "would_rule_label", would.label);
	}
	if (skip == 0)
		return;
	json_array_begin(j, "exception_skips");
	for (unsigned g = 0; g < GATE_COUNT; g++)
		if ((skip >> g & 1) != 0)
			json_cstring(j, NULL, gate_name((enum gate)g));
	json_array_end(j);
	if (!text_begin(x, &t))
		return;
	explain_exception(x, skip);
	text_end(x, &t, j, "exception");
}

void policy_explain_json(const struct policy *p, const struct subject *s,
			 const struct decision *d, struct json *j)
{
	const struct rule_place at = policy_rule(p, d->rule);
	struct question q;
	struct explainer x = {.p = p, .q = &q};

	question_init(&q, &p->program, s);
	json_cstring(j, "verdict", verdict_name(d->verdict));
	json_cstring(j, "reason", verdict_reason_name(d->reason));
	if (d->undecidable != UNDECIDABLE_NONE)
		json_cstring(j, "undecidable", undecidable_name(d->undecidable));
	if (d->gate < GATE_COUNT)
		json_cstring(j, "gate", gate_name(d->gate));
	put_rule(j, "rule", &at);
	if (at.label.len > 0)
		json_string(j, "rule_label", at.label);
	put_line(&x, j, "line", at.text);
	put_change(&x, j, d);
	json_object_begin(j, "gates");
	for (unsigned g = 0; g < GATE_COUNT; g++)
		if (d->gates[g].answer != ANSWER_NOT_ASKED)
			json_cstring(j, gate_name((enum gate)g),
				     answer_name(d->gates[g].answer));
	json_object_end(j);
	json_array_begin(j, "answers");
	for (unsigned g = 0; g < GATE_COUNT; g++)
		put_gate(&x, j, (enum gate)g, d);
	json_array_end(j);
	put_alerts(&x, j, d);
}
