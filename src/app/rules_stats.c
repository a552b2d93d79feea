/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rules_stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/history.h"
#include "base/clock.h"
#include "base/json.h"
#include "engine/rejudge.h"

/* Of one line. */
struct hits {
	uint64_t
		answered; /* its gate's answer, or what it would have been, was this line's */
	uint64_t decided; /* the verdict was */
	uint64_t alerts;
	int64_t last_us;
};

struct counting {
	const struct generation *g;
	struct hits *hits; /* by number of the rule */
	uint64_t judgements, doubtful;
	struct rejudged now;
};

static void hit(struct counting *c, uint32_t rule, int64_t at)
{
	if (rule == RULE_NONE)
		return;
	if (c->hits[rule].answered++ == 0 || at > c->hits[rule].last_us)
		c->hits[rule].last_us = at;
}

static bool each(void *arg, const struct recorded_flow *f, const struct ledger_line *line)
{
	struct counting *c = arg;
	const struct decision *d = &c->now.decision;

	(void)line;
	c->judgements++;
	if (f->reason == VERDICT_REASON_PREEXISTING ||
	    rejudge(c->g, f, &c->now) != NULL) {
		c->doubtful++;
		return true;
	}
	for (unsigned i = 0; i < GATE_COUNT; i++) {
		hit(c, d->gates[i].rule, f->time_us);
		if (d->gates[i].report_rule != d->gates[i].rule)
			hit(c, d->gates[i].report_rule, f->time_us);
	}
	for (size_t i = 0; i < d->alert_count; i++) {
		hit(c, d->alerts[i], f->time_us);
		c->hits[d->alerts[i]].alerts++;
	}
	if (d->rule != RULE_NONE)
		c->hits[d->rule].decided++;
	return true;
}

static void print_text(const struct counting *c)
{
	const uint32_t count = policy_rule_count(c->g->policy);
	uint64_t unused = 0;

	(void)printf("%" PRIu64 " judgements by generation %s, %" PRIu64
		     " could not be judged again\n\n"
		     "  answered   decided    alerts  last (UTC)            line\n",
		     c->judgements, c->g->name, c->doubtful);
	for (uint32_t i = 1; i <= count; i++) {
		const struct rule_place at = policy_rule(c->g->policy, i);
		const struct hits *h = &c->hits[i];
		char when[RFC3339_LEN + 1] = "-";

		/* A gate's header is its own line where it reports only. */
		unused += h->answered == 0 &&
			  (at.text.len < 5 || memcmp(at.text.p, "gate ", 5) != 0);
		if (h->answered > 0)
			clock_format_rfc3339(h->last_us, when);
		(void)printf("%10" PRIu64 "%10" PRIu64 "%10" PRIu64
			     "  %-20.19s  %.*s:%u  %.*s\n",
			     h->answered, h->decided, h->alerts, when, (int)at.file.len,
			     at.file.p, (unsigned)at.line, (int)at.text.len, at.text.p);
	}
	(void)printf("\n%" PRIu64 " of %u lines unused\n", unused, (unsigned)count);
}

/* One object a line: the sums, then each rule in the order of the files. */
static void print_json(const struct counting *c)
{
	const uint32_t count = policy_rule_count(c->g->policy);
	static char buf[JSON_ROW_MAX];
	struct json j;

	json_init(&j, buf, sizeof(buf));
	json_object_begin(&j, NULL);
	json_cstring(&j, "generation", c->g->name);
	json_put_u64(&j, STR("judgements"), c->judgements);
	json_put_u64(&j, STR("not_judged_again"), c->doubtful);
	json_object_end(&j);
	(void)printf("%.*s\n", (int)j.len, buf);
	for (uint32_t i = 1; i <= count; i++) {
		const struct rule_place at = policy_rule(c->g->policy, i);
		const struct hits *h = &c->hits[i];
		char when[RFC3339_LEN + 1];

		json_init(&j, buf, sizeof(buf));
		json_object_begin(&j, NULL);
		json_string(&j, "file", at.file);
		json_put_u64(&j, STR("line"), at.line);
		json_string(&j, "text", at.text);
		if (at.label.len > 0)
			json_string(&j, "label", at.label);
		json_put_u64(&j, STR("answered"), h->answered);
		json_put_u64(&j, STR("decided"), h->decided);
		json_put_u64(&j, STR("alerts"), h->alerts);
		if (h->answered > 0) {
			clock_format_rfc3339(h->last_us, when);
			json_cstring(&j, "last", when);
		}
		json_object_end(&j);
		(void)printf("%.*s\n", (int)j.len, buf);
	}
}

int rules_stats(const struct generation *g, const char *dir, bool json)
{
	struct counting *c = calloc(1, sizeof(*c));
	struct history_reading to = {.each = each};
	int code = EXIT_COULD_NOT;

	if (c != NULL)
		c->hits = calloc((size_t)policy_rule_count(g->policy) + 1,
				 sizeof(*c->hits));
	if (c == NULL || c->hits == NULL) {
		(void)fprintf(stderr, "weir rules: out of memory\n");
	} else {
		to.arg = c;
		c->g = g;
		code = history_read("rules", dir, &to);
		history_say_left_out("rules stats", &to);
		if (code == EXIT_FINE && json)
			print_json(c);
		else if (code == EXIT_FINE)
			print_text(c);
		if (code == EXIT_FINE)
			code = finish_output(EXIT_FINE);
	}
	if (c != NULL)
		free(c->hits);
	free(c);
	return code;
}
