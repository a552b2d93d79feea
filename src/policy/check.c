/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - findings about a policy that parses: lines that can never answer, endpoints that
 * mean more than they say, defaults that are missing, exceptions that end.
 *
 * "Shadowed" is a sound test, not a complete one: an earlier line of the gate is in force for
 * ever and each of its conditions is one of the later line's, or wider.  It is looked for
 * among the first LINES_COMPARED lines of a gate.
 */
#include <string.h>

#include "base/clock.h"
#include "match/glob.h"
#include "policy/ast.h"
#include "policy/policy.h"

#define LINES_COMPARED 1000
#define ITEMS_COMPARED 10000 /* product of two lists' lengths */
#define DAY_US         (INT64_C(86400) * 1000000)
#define SOON_US        (14 * DAY_US)

static bool same_item(const struct item *a, const struct item *b)
{
	return a->field == b->field && a->id == b->id && a->high == b->high &&
	       a->table == b->table && str_equal(a->text, b->text);
}

static bool is_any(const struct item *it)
{
	return it->field == FIELD_CONNECTOR && it->id == CONNECTOR_ANY;
}

static bool has_item(const struct condition *c, const struct item *wanted)
{
	for (const struct item *it = c->items; it != NULL; it = it->next)
		if (same_item(it, wanted) ||
		    (is_any(it) && wanted->field == FIELD_CONNECTOR))
			return true;
	return false;
}

/* Are all items of `part` in `whole`? */
static bool has_all(const struct condition *whole, const struct condition *part)
{
	if (whole->count * part->count > ITEMS_COMPARED)
		return false;
	for (const struct item *it = part->items; it != NULL; it = it->next)
		if (!has_item(whole, it))
			return false;
	return true;
}

static bool same_schedule(const struct schedule *a, const struct schedule *b)
{
	return a->zone == b->zone && str_equal(a->text, b->text);
}

/* Does all that `narrow` matches match `wide`? */
static bool condition_covers(const struct condition *wide, const struct condition *narrow)
{
	if (wide->negated != narrow->negated)
		return false;
	if (wide->field == FIELD_HOURS || narrow->field == FIELD_HOURS)
		return wide->field == narrow->field && wide->outside == narrow->outside;
	if (wide->field == FIELD_DURING || narrow->field == FIELD_DURING)
		return wide->field == narrow->field &&
		       same_schedule(wide->schedule, narrow->schedule);
	if (wide->negated) /* "none of these" is the narrower, the more there are */
		return has_all(narrow,
			       wide); /* NOLINT(readability-suspicious-call-argument) */
	return has_all(wide, narrow);
}

static bool line_covers(const struct rule *wide, const struct rule *narrow)
{
	for (const struct condition *w = wide->conditions; w != NULL; w = w->next) {
		const struct condition *n = narrow->conditions;

		while (n != NULL && !condition_covers(w, n))
			n = n->next;
		if (n == NULL)
			return false;
	}
	return true;
}

/* Does the line end the walk of every connection that it matches, now and later? */
static bool always_answers(const struct rule *early, const struct rule *late)
{
	if (early->has_expires || (early->report_only && !late->report_only))
		return false;
	/* Policies of gate connectors do not shadow each other. */
	if (early->gate == GATE_CONNECTORS && early->from != late->from)
		return false;
	return early->action != ACTION_ALERT || early->gate == GATE_UNDECIDABLE;
}

static void warn_shadowed(struct diag *d, const struct rule *early,
			  const struct rule *late)
{
	diag_add(d, DIAG_WARNING, late->pattern.p != NULL ? late->pattern_at : late->at,
		 "shadowed",
		 "can never answer: %s:%u matches everything that this line matches",
		 early->at.file, early->at.line);
	diag_note(d, "%s:%u is: %.*s", early->at.file, early->at.line,
		  (int)(early->text.len > 200 ? 200 : early->text.len), early->text.p);
	diag_remedy(d, "this line above that one, or not at all");
}

static void check_shadowed(const struct rule *rules, struct diag *d)
{
	size_t n = 0;

	for (const struct rule *late = rules; late != NULL && n < LINES_COMPARED;
	     late = late->next, n++) {
		const struct rule *early = rules;

		while (early != late &&
		       !(always_answers(early, late) && line_covers(early, late)))
			early = early->next;
		if (early != late)
			warn_shadowed(d, early, late);
	}
}

static void check_list(const struct endpoint_list *l, struct diag *d)
{
	size_t n = 0;

	for (const struct rule *late = l->rules; late != NULL && n < LINES_COMPARED;
	     late = late->next, n++) {
		const struct rule *early = l->rules;

		while (early != late && !glob_covers(early->folded, late->folded))
			early = early->next;
		if (early != late)
			warn_shadowed(d, early, late);
	}
}

/* "https://name.example*": the star goes on into the host name. */
static bool runs_on(struct str s, size_t *ret_at)
{
	const char *mark = memmem(s.p, s.len, "://", 3);
	size_t host = mark == NULL ? 0 : (size_t)(mark - s.p) + 3;

	if (mark == NULL || s.len < host + 2 || s.p[s.len - 1] != '*' ||
	    memchr(s.p + host, '/', s.len - host) != NULL)
		return false;
	/* One star, after at least one dot: a whole name, not the beginning of one. */
	if (memchr(s.p + host, '*', s.len - host - 1) != NULL ||
	    memchr(s.p + host, '.', s.len - host) == NULL)
		return false;
	*ret_at = host;
	return true;
}

static void check_urls(const struct endpoint_list *l, struct diag *d)
{
	for (const struct rule *r = l->rules; r != NULL; r = r->next) {
		struct span at = r->pattern_at;
		size_t host;

		if (l->family != FAMILY_HTTP || !runs_on(r->pattern, &host))
			continue;
		at.col += at.len - 1;
		at.len = 1;
		diag_add(d, DIAG_WARNING, at, "host-prefix",
			 "also matches %.*s.evil.example", (int)r->pattern.len - 1,
			 r->pattern.p);
		diag_remedy(d, "\"%.*s/*\"", (int)r->pattern.len - 1, r->pattern.p);
	}
}

static struct span whole(const struct ast *a)
{
	return (struct span){.file = a->sources == NULL ? "rules" : a->sources->name};
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
		diag_add(d, DIAG_WARNING, r->at, "expired",
			 "this line ended with %.*s and matches nothing any more",
			 (int)r->expires.len, r->expires.p);
	} else if (r->expires_us - now_us <= SOON_US) {
		diag_add(d, DIAG_WARNING, r->at, "expires-soon",
			 "this line ends with %.*s, in %d days", (int)r->expires.len,
			 r->expires.p, (int)((r->expires_us - now_us) / DAY_US));
	}
}

void policy_check(const struct ast *a, const struct policy_cfg *cfg, struct diag *d)
{
	for (size_t g = 0; g < GATE_COUNT; g++) {
		check_shadowed(a->gates[g].rules, d);
		for (const struct rule *r = a->gates[g].rules; r != NULL; r = r->next)
			if (cfg->now_us != 0)
				check_expiry(r, cfg->now_us, d);
	}
	for (const struct endpoint_list *l = a->lists; l != NULL; l = l->next) {
		check_list(l, d);
		check_urls(l, d);
	}
	if (cfg->file_count > 0)
		check_gates(a, d);
}
