/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - findings about a policy that parses: gates without lines, lines and imports whose
 * time is over; and the findings of its parts (check.h).
 */
#include <string.h>

#include "base/clock.h"
#include "policy/check.h"
#include "policy/parse.h"
#include "policy/policy.h"

#define DAY_US     (INT64_C(86400) * 1000000)
#define YEAR_MAX   9998
#define SOON_US    (14 * DAY_US)
#define TRIAL_DAYS 30 /* that an import may stay report-only before it is said */

static struct span whole(const struct ast *a)
{
	return (struct span){.file = a->sources == NULL ? "rules" : a->sources->name};
}

/* A file of `weir import` by itself is a part: what it lacks stands elsewhere. */
static bool imports_alone(const struct ast *a)
{
	size_t n = 0;

	for (const struct provenance *p = a->provenances; p != NULL; p = p->next)
		n += p->generated;
	return n > 0 && n == a->source_count;
}

static void check_gates(const struct ast *a, struct diag *d)
{
	const struct gate_ast *own = &a->gates[GATE_OWN];
	const struct gate_ast *last = &a->gates[GATE_DEFAULT];
	bool in_scope = false;

	if (own->count == 0) {
		diag_add(d, DIAG_WARNING, own->seen ? own->at : whole(a), "own-empty",
			 "gate own has no lines: other tenants' environments are not "
			 "told apart from yours");
		diag_remedy(d, "tenant NAME GUID own, and in gate own: deny to foreign "
			       "{ tenant, environment, organization } report-only");
	}
	for (const struct rule *r = last->rules; r != NULL; r = r->next)
		in_scope = in_scope || r->conditions->items->id == 0;
	if (!in_scope) {
		diag_add(d, DIAG_WARNING, last->seen ? last->at : whole(a), "no-default",
			 "gate default has no line for in-scope: what no rule names is "
			 "allowed");
		diag_remedy(d, "deny in-scope report-only, to see what it would mean");
	}
}

static void check_expiry(const struct rule *r, int64_t now_us, struct diag *d)
{
	if (!r->has_expires)
		return;
	if (r->expires_us <= now_us) {
		diag_add(d, DIAG_WARNING, rule_span(r, r->expires), "expired",
			 "this line ended with %.*s and matches nothing any more",
			 (int)r->expires.len, r->expires.p);
		diag_remedy(d, "the file without this line, or a later date");
	} else if (r->expires_us - now_us <= SOON_US) {
		const int days = (int)((r->expires_us - now_us) / DAY_US);

		diag_add(d, DIAG_WARNING, rule_span(r, r->expires), "expires-soon",
			 "this line ends with %.*s, in %s%d day%s", (int)r->expires.len,
			 r->expires.p, days == 0 ? "less than " : "",
			 days == 0 ? 1 : days, days <= 1 ? "" : "s");
		diag_remedy(d, "a later date, when its owner still needs it%s%.*s",
			    r->owner.len > 0 ? ": ask " : "", SHOWN(r->owner));
	}
}

/* ---- imports that are never enforced ------------------------------------------------------ */

static bool read_day(struct str s, int64_t *ret_us)
{
	uint64_t y, m, d;

	if (s.len < 10 || s.p[4] != '-' || s.p[7] != '-' ||
	    !parse_u64((struct str){s.p, 4}, YEAR_MAX, &y) ||
	    !parse_u64((struct str){s.p + 5, 2}, 12, &m) ||
	    !parse_u64((struct str){s.p + 8, 2}, 31, &d) ||
	    !civil_valid_date((int)y, (int)m, (int)d))
		return false;
	*ret_us = civil_days((int)y, (int)m, (int)d) * DAY_US;
	return true;
}

/* Lines of the import that only report; *ret is the first. */
static size_t report_lines(const struct ast *a, const struct provenance *p,
			   struct span *ret)
{
	size_t n = 0;

	for (size_t g = 0; g < GATE_COUNT; g++)
		for (const struct rule *r = a->gates[g].rules; r != NULL; r = r->next)
			if (r->from == p && r->report_only && n++ == 0)
				*ret = r->at;
	for (const struct endpoint_list *l = a->lists; l != NULL; l = l->next)
		if (l->from == p && l->report_only && n++ == 0)
			*ret = l->at;
	return n;
}

static void check_trials(const struct ast *a, int64_t now_us, struct diag *d)
{
	for (const struct provenance *p = a->provenances; p != NULL; p = p->next) {
		struct span at;
		int64_t day;
		size_t n;

		if (!p->generated || !read_day(p->date, &day) ||
		    now_us - day <= TRIAL_DAYS * DAY_US)
			continue;
		n = report_lines(a, p, &at);
		if (n == 0)
			continue;
		diag_add(d, DIAG_WARNING, at, "long-trial",
			 "imported on %.*s and report-only for %d days: %zu lines block "
			 "nothing",
			 10, p->date.p, (int)((now_us - day) / DAY_US), n);
		diag_remedy(d, "import \"%s\" enforce, after a look at weir rules stats",
			    p->file);
	}
}

/* A line about everything that keeps packets of it: payload of everybody. */
static void check_capture(const struct rule *r, struct diag *d)
{
	if (!r->capture || r->gate == GATE_UNDECIDABLE ||
	    (r->conditions != NULL && r->gate != GATE_DEFAULT))
		return;
	diag_add(d, DIAG_WARNING, r->at, "capture-all",
		 "keeps the first packets, payload too, of every connection that comes "
		 "here");
	diag_remedy(d, "a line of its own for what is to be kept, with capture");
}

void policy_check(const struct ast *a, const struct policy_cfg *cfg, struct diag *d)
{
	check_shadowed(a, d);
	check_contradictions(a, d);
	check_lists(a, d);
	check_lines(a, d);
	check_egress(a, d);
	for (size_t g = 0; a->captures && g < GATE_COUNT; g++)
		for (const struct rule *r = a->gates[g].rules; r != NULL; r = r->next)
			check_capture(r, d);
	if (a->vocabulary->users.count > 0)
		check_users(a, &a->vocabulary->users, d);
	for (size_t g = 0; g < GATE_COUNT && cfg->now_us != 0; g++)
		for (const struct rule *r = a->gates[g].rules; r != NULL; r = r->next)
			check_expiry(r, cfg->now_us, d);
	if (cfg->now_us != 0)
		check_trials(a, cfg->now_us, d);
	if (cfg->file_count > 0 && !imports_alone(a))
		check_gates(a, d);
}
