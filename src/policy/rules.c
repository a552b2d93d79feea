/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - gate headers and the lines of gates.
 */
#include "policy/parse.h"

#include <string.h>

#include "base/clock.h"

#define DAY_US   (INT64_C(86400) * 1000000)
#define YEAR_MAX 9998

const char *const attribute_words[ATTRIBUTE_COUNT] = {
	[ATTRIBUTE_REPORT_ONLY] = "report-only",
	[ATTRIBUTE_CUT] = "cut",
	[ATTRIBUTE_CAPTURE] = "capture",
	[ATTRIBUTE_LABEL] = "label",
	[ATTRIBUTE_SCORE] = "score",
	[ATTRIBUTE_SKIP] = "skip",
	[ATTRIBUTE_OWNER] = "owner",
	[ATTRIBUTE_REASON] = "reason",
	[ATTRIBUTE_TICKET] = "ticket",
	[ATTRIBUTE_EXPIRES] = "expires",
	[ATTRIBUTE_NOTE] = "note",
};

/* ---- gates ------------------------------------------------------------------------------- */

/* Returns the gate that was probably meant, or GATE_COUNT. */
static enum gate unknown_gate(struct parser *ps, const struct token *t)
{
	const char *words[GATE_COUNT];
	const char *best;

	for (unsigned i = 0; i < GATE_COUNT; i++)
		words[i] = gate_name((enum gate)i);
	complain(ps, t, "there is no gate \"%.*s\"", SHOWN(t->text));
	best = text_nearest(t->text, words, GATE_COUNT);
	diag_remedy(ps->d, "%s",
		    best != NULL ? best
				 : "exceptions, own, ip-firewall, connectors, endpoints, "
				   "rules, default or undecidable");
	return best == NULL ? GATE_COUNT : gate_find(str_of(best));
}

bool parse_gate(struct parser *ps)
{
	const struct token *word = next(ps);
	const struct token *t = parser_text(ps, "the name of a gate");
	enum gate g;

	ps->policy = NULL;
	if (t == NULL)
		return false;
	g = gate_find(t->text);
	if (g == GATE_COUNT) {
		ps->gate = unknown_gate(ps, t);
		ps->lost_gate = ps->gate == GATE_COUNT;
		return false;
	}
	ps->lost_gate = false;
	if ((ps->gates_seen >> g & 1) != 0) {
		complain(ps, t, "gate %s stands twice in this file", gate_name(g));
		diag_note(ps->d, "first at %s:%u", ps->ast->gates[g].at.file,
			  ps->ast->gates[g].at.line);
		ps->gate = g;
		return false;
	}
	if (ps->gates_seen >> g != 0) {
		complain(ps, t, "gate %s stands after gate %s", gate_name(g),
			 gate_name(ps->gate));
		diag_note(ps->d, "the order is exceptions, own, ip-firewall, connectors, "
				 "endpoints, rules, default, undecidable");
		ps->gate = g;
		return false;
	}
	ps->gate = g;
	ps->gate_report = is_word(peek(ps), "report-only");
	ps->gates_seen |= 1u << g;
	if (ps->gate_report)
		(void)next(ps);
	if (ps->gate_report && g == GATE_EXCEPTIONS) {
		complain(ps, t,
			 "an exception is in force or is not there: gate "
			 "exceptions cannot be report-only");
		diag_remedy(ps->d, "gate exceptions");
		return false;
	}
	ps->ast->gates[g].seen = true;
	if (ps->ast->gates[g].at.line == 0)
		ps->ast->gates[g].at = parser_span(ps, word);
	return parser_end(ps);
}

/* ---- attributes -------------------------------------------------------------------------- */

enum attribute attribute_find(const struct token *t)
{
	unsigned a = 0;

	while (a < ATTRIBUTE_COUNT && !is_word(t, attribute_words[a]))
		a++;
	return (enum attribute)a;
}

static bool read_text(struct parser *ps, enum attribute a, struct str *ret)
{
	const struct token *t = peek(ps);

	if (!is_text(t) || t->text.len == 0) {
		complain(ps, t, "expected text between quotes after \"%s\"",
			 attribute_words[a]);
		diag_remedy(ps->d, "%s \"some words\"", attribute_words[a]);
		return false;
	}
	if (t->text.len > POLICY_TEXT_MAX) {
		complain(ps, t, "this text has %zu bytes; at most %d are kept",
			 t->text.len, POLICY_TEXT_MAX);
		diag_remedy(ps->d, "a shorter text, and ticket \"ID\" for the rest");
		return false;
	}
	(void)next(ps);
	*ret = t->text;
	return true;
}

static bool read_score(struct parser *ps, struct rule *r)
{
	const struct token *t = next(ps);
	uint64_t n;

	if (!is_text(t) || !parse_u64(t->text, 1000, &n)) {
		complain(ps, t, "a score is a number from 0 to 1000");
		diag_remedy(ps->d, "score 50");
		return false;
	}
	r->score = (uint32_t)n;
	r->has_score = true;
	return true;
}

static bool parse_date(struct str s, int *year, int *month, int *day)
{
	uint64_t y, m, d;

	if (s.len != 10 || s.p[4] != '-' || s.p[7] != '-' ||
	    !parse_u64((struct str){s.p, 4}, YEAR_MAX, &y) ||
	    !parse_u64((struct str){s.p + 5, 2}, 12, &m) ||
	    !parse_u64((struct str){s.p + 8, 2}, 31, &d))
		return false;
	*year = (int)y;
	*month = (int)m;
	*day = (int)d;
	return civil_valid_date(*year, *month, *day);
}

static bool read_expires(struct parser *ps, struct rule *r)
{
	const struct token *t = next(ps);
	int64_t now = ps->cfg->now_us;
	int year, month, day;

	if (is_text(t) && parse_date(t->text, &year, &month, &day)) {
		r->expires_us = (civil_days(year, month, day) + 1) * DAY_US;
	} else if (!is_text(t) ||
		   !clock_parse_rfc3339(t->text.p, t->text.len, &r->expires_us)) {
		complain(ps, t, "expected a date after \"expires\"");
		diag_remedy(ps->d, "expires 2026-12-31, or expires "
				   "\"2026-12-31T18:00:00Z\"");
		return false;
	}
	r->expires = t->text;
	r->has_expires = true;
	if (ps->gate == GATE_EXCEPTIONS && now != 0 &&
	    r->expires_us > now + POLICY_EXCEPTION_DAYS * DAY_US) {
		struct civil last =
			civil_from_us(now + (POLICY_EXCEPTION_DAYS - 1) * DAY_US);

		complain(ps, t, "an exception lives at most a year");
		diag_remedy(ps->d, "expires %04d-%02d-%02d, or earlier", last.year,
			    last.month, last.day);
		return false;
	}
	return true;
}

/* The connector whose list is meant: the part of `t` from `at` on. */
static struct item *read_skipped(struct parser *ps, enum gate g, const struct token *t,
				 size_t at)
{
	struct token name = *t;
	struct item *it;

	name.type = TOKEN_STRING;
	name.text = (struct str){t->text.p + at, t->text.len - at};
	if (t->macro == NULL) {
		name.col += (unsigned)at + (t->type == TOKEN_STRING);
		name.len = (unsigned)name.text.len;
	}
	if (g == GATE_CONNECTORS) {
		if (!str_equal(name.text, STR("custom-connectors"))) {
			complain(ps, &name,
				 "gate connectors has one list, of the custom "
				 "connectors");
			diag_remedy(ps->d, "connectors:custom-connectors, or connectors");
			return NULL;
		}
		it = item_new(ps, FIELD_CONNECTOR);
		if (it != NULL) {
			it->id = CONNECTOR_ANY;
			it->text = STR("custom-connectors");
		}
		return it;
	}
	it = item_read(ps, FIELD_CONNECTOR, &name);
	if (it == NULL ||
	    list_family(ps->ast->vocabulary->connectors.words[it->id]) != FAMILY_COUNT)
		return it;
	complain(ps, &name, "no list of gate endpoints is about connector %.*s",
		 SHOWN(it->text));
	diag_remedy(ps->d, "skip connectors, when its data group is in the way");
	return NULL;
}

/* `endpoints:shared_sql`: the lists of one connector, and no other. */
static bool read_skip_list(struct parser *ps, struct rule *r, const struct token *t,
			   size_t colon)
{
	const enum gate g = gate_find((struct str){t->text.p, colon});
	struct item **end = &r->skip_lists;
	struct item *it;

	if (g != GATE_ENDPOINTS && g != GATE_CONNECTORS) {
		complain(ps, t, "only gate endpoints and gate connectors have lists");
		diag_remedy(ps->d, "endpoints:shared_sql, for example, or a gate's name");
		return false;
	}
	it = read_skipped(ps, g, t, colon + 1);
	if (it == NULL)
		return false;
	for (; *end != NULL; end = &(*end)->next)
		if ((*end)->id == it->id)
			return true;
	*end = it;
	return true;
}

static bool read_skip_gate(struct parser *ps, struct rule *r)
{
	const struct token *t = parser_text(ps, "the name of a gate");
	const char *colon;
	enum gate g;

	if (t == NULL)
		return false;
	g = gate_find(t->text);
	colon = memchr(t->text.p, ':', t->text.len);
	if (g == GATE_COUNT && colon != NULL)
		return read_skip_list(ps, r, t, (size_t)(colon - t->text.p));
	if (g != GATE_COUNT && g != GATE_EXCEPTIONS && g != GATE_UNDECIDABLE) {
		r->skip |= 1u << g;
		return true;
	}
	if (g != GATE_COUNT) {
		complain(ps, t, "gate %s cannot be skipped", gate_name(g));
		diag_remedy(ps->d,
			    "skip { own, ip-firewall, connectors, endpoints, rules, "
			    "default } or some of them");
	} else {
		(void)unknown_gate(ps, t);
	}
	return false;
}

static bool read_skip(struct parser *ps, struct rule *r)
{
	const struct token *open = peek(ps);
	bool more = true;

	if (ps->gate != GATE_EXCEPTIONS) {
		complain(ps, &ps->tok.list[ps->at - 1],
			 "only a line of gate exceptions can skip a gate");
		diag_remedy(ps->d, "this line in gate exceptions, with owner, reason and "
				   "expires");
		return false;
	}
	if (open->type == TOKEN_OPEN)
		(void)next(ps);
	while (more) {
		if (!read_skip_gate(ps, r))
			return false;
		more = false;
		if (open->type == TOKEN_OPEN && !items_more(ps, open, &more))
			return false;
	}
	return true;
}

bool attribute_read(struct parser *ps, struct rule *r, enum attribute a, unsigned *seen)
{
	const struct token *t = next(ps);

	if ((*seen >> a & 1) != 0) {
		complain(ps, t, "\"%s\" twice on this line", attribute_words[a]);
		diag_remedy(ps->d, "one of the two");
		return false;
	}
	*seen |= 1u << a;
	switch (a) {
	case ATTRIBUTE_REPORT_ONLY:
		r->report_only = true;
		return true;
	case ATTRIBUTE_CUT:
		r->cut = true;
		return true;
	case ATTRIBUTE_CAPTURE:
		r->capture = true;
		return true;
	case ATTRIBUTE_LABEL:
		return read_text(ps, a, &r->label);
	case ATTRIBUTE_SCORE:
		return read_score(ps, r);
	case ATTRIBUTE_SKIP:
		return read_skip(ps, r);
	case ATTRIBUTE_OWNER:
		return read_text(ps, a, &r->owner);
	case ATTRIBUTE_REASON:
		return read_text(ps, a, &r->reason);
	case ATTRIBUTE_TICKET:
		return read_text(ps, a, &r->ticket);
	case ATTRIBUTE_EXPIRES:
		return read_expires(ps, r);
	case ATTRIBUTE_NOTE:
		return read_text(ps, a, &r->note);
	case ATTRIBUTE_COUNT:
		break;
	}
	return false;
}

/* ---- lines ------------------------------------------------------------------------------- */

/* The line of the file on which `t` stands; `t` was written there, not in a macro. */
struct str parser_line(const struct parser *ps, const struct token *t)
{
	const char *p = t->text.p - (t->col - 1);
	const char *end = ps->file->text + ps->file->len;
	const char *nl = memchr(p, '\n', (size_t)(end - p));

	if (nl != NULL)
		end = nl;
	if (end > p && end[-1] == '\r')
		end--;
	return str_trim((struct str){p, (size_t)(end - p)});
}

struct rule *rule_new(struct parser *ps, const struct token *t)
{
	struct rule *r;

	if (ps->ast->rule_count == POLICY_RULES_MAX) {
		complain(ps, t, "more than %d lines in all gates", POLICY_RULES_MAX);
		diag_remedy(ps->d, "one line with a list or a <table> for lines that are "
				   "alike");
		return NULL;
	}
	r = parser_take(ps, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->gate = ps->gate;
	r->at = parser_span(ps, t);
	return r;
}

static bool no_scope(struct parser *ps, const struct token *t)
{
	complain(ps, t, "gate default asks about in-scope or other traffic only");
	diag_remedy(ps->d, "in-scope or other; finer lines stand in gate rules");
	return false;
}

/* The rest of the line that `r` begins; the words of gate default and undecidable. */
static bool read_scope(struct parser *ps, struct rule *r)
{
	const struct token *t = next(ps);
	struct condition *c = parser_take(ps, sizeof(*c));
	struct item *it;

	if (!is_word(t, "in-scope") && !is_word(t, "other"))
		return no_scope(ps, t);
	it = item_new(ps, FIELD_SCOPE);
	if (c == NULL || it == NULL)
		return false;
	it->text = is_word(t, "in-scope") ? STR("in-scope") : STR("other");
	it->id = is_word(t, "in-scope") ? 0 : 1;
	*c = (struct condition){.field = FIELD_SCOPE, .items = it, .count = 1};
	condition_insert(r, c);
	return true;
}

static bool read_reasons(struct parser *ps, struct rule *r)
{
	struct condition *c = parser_take(ps, sizeof(*c));
	struct item **end;

	if (c == NULL)
		return false;
	c->field = FIELD_REASON;
	end = &c->items;
	if (!items_read(ps, FIELD_REASON, &end, &c->count, "an undecidable reason"))
		return false;
	condition_insert(r, c);
	return true;
}

static bool role_only(struct parser *ps, const struct rule *r)
{
	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		if (c->field == FIELD_ROLE)
			for (const struct item *it = c->items; it != NULL; it = it->next)
				if (it->field != FIELD_ROLE)
					goto bad;
	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		if (c->field != FIELD_ROLE && c->field != FIELD_REASON)
			goto bad;
	return true;
bad:
	diag_error(ps->d, r->at, "a line of gate undecidable asks about the role only");
	diag_remedy(ps->d, "from role X after the reasons");
	return false;
}

/* Roles that gate connectors means where a line names none: never people. */
static bool add_default_roles(struct parser *ps, struct rule *r)
{
	static const enum role roles[] = {ROLE_GATEWAY, ROLE_DESKTOP, ROLE_SUBNET};
	struct condition *c;
	struct item **end;

	for (c = r->conditions; c != NULL; c = c->next)
		if (c->field == FIELD_ROLE || c->field == FIELD_SOURCE)
			return true;
	c = parser_take(ps, sizeof(*c));
	if (c == NULL)
		return false;
	c->field = FIELD_ROLE;
	end = &c->items;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		struct item *it = item_new(ps, FIELD_ROLE);

		if (it == NULL)
			return false;
		it->id = (uint32_t)roles[i];
		it->text = str_of(role_name(roles[i]));
		*end = it;
		end = &it->next;
		c->count++;
	}
	condition_insert(r, c);
	return true;
}

static bool sound_connectors(struct parser *ps, struct rule *r)
{
	size_t found = 0;

	for (const struct condition *c = r->conditions; c != NULL; c = c->next) {
		bool has = c->field == FIELD_CONNECTOR;

		for (const struct item *it = c->items; it != NULL; it = it->next)
			has = has || it->field == FIELD_CONNECTOR;
		found += has;
		if (has && (c->negated || c->field != FIELD_CONNECTOR || c->count == 0))
			found += 2;
		for (const struct item *it = c->items; has && it != NULL; it = it->next)
			if (it->field != FIELD_CONNECTOR)
				found += 2;
	}
	if (found != 1) {
		diag_error(ps->d, r->at,
			   "a line of gate connectors names connectors once, "
			   "without \"not\" and nothing beside them");
		diag_remedy(ps->d, "deny  connector { X, Y }, or connector any");
		return false;
	}
	return add_default_roles(ps, r);
}

static bool sound_exception(struct parser *ps, const struct rule *r)
{
	bool who = false;
	const char *missing = NULL;

	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		who = who || (c->items != NULL && field_side(c->field) == SIDE_FROM &&
			      !c->negated);
	if (!who) {
		diag_error(ps->d, r->at, "an exception says for whom it is");
		diag_remedy(ps->d, "from source NAME, from role ROLE or from PREFIX");
		return false;
	}
	if (r->skip == 0 && r->skip_lists == NULL)
		missing = "skip GATE";
	else if (r->owner.p == NULL)
		missing = "owner \"NAME\"";
	else if (r->reason.p == NULL)
		missing = "reason \"WHY\"";
	else if (!r->has_expires)
		missing = "expires YYYY-MM-DD";
	if (missing == NULL)
		return true;
	diag_error(ps->d, r->at, "an exception needs skip, owner, reason and expires");
	diag_remedy(ps->d, "%s", missing);
	return false;
}

/* A line with `cut` has hours, at whose edges it cuts, and an answer. */
static bool sound_cut(struct parser *ps, const struct rule *r)
{
	bool timed = false;

	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		timed = timed || c->field == FIELD_HOURS || c->field == FIELD_DURING;
	if (!r->cut)
		return true;
	if (r->action == ACTION_ALERT) {
		diag_error(ps->d, r->at, "an alert ends no connection: it cannot cut");
		diag_remedy(ps->d, "deny .. cut, or the alert without it");
		return false;
	}
	if (timed)
		return true;
	diag_error(ps->d, r->at,
		   "cut is about the edges of hours, and this line has none");
	diag_remedy(ps->d, "during \"mon-fri 08:00-18:00\" cut, or the line without it");
	return false;
}

static bool sound_action(struct parser *ps, const struct rule *r)
{
	const char *gate = gate_name(ps->gate);

	if (ps->gate == GATE_EXCEPTIONS && r->action != ACTION_ALLOW) {
		diag_error(ps->d, r->at, "gate exceptions only allows");
		diag_remedy(ps->d, "allow .. skip GATE, or this line in gate rules");
		return false;
	}
	if (r->action == ACTION_ALERT &&
	    (ps->gate == GATE_CONNECTORS || ps->gate == GATE_DEFAULT)) {
		diag_error(ps->d, r->at, "gate %s allows or denies; it does not alert",
			   gate);
		diag_remedy(ps->d, "this line in gate rules");
		return false;
	}
	if (r->report_only &&
	    (ps->gate == GATE_EXCEPTIONS ||
	     (r->action == ACTION_ALERT && ps->gate != GATE_UNDECIDABLE))) {
		diag_error(
			ps->d, r->at,
			ps->gate == GATE_EXCEPTIONS
				? "an exception is in force or is not there: it cannot "
				  "be report-only"
				: "an alert blocks nothing: it cannot be report-only");
		diag_remedy(ps->d, "the line without \"report-only\"");
		return false;
	}
	if (r->capture && ps->gate == GATE_EXCEPTIONS) {
		diag_error(ps->d, r->at,
			   "an exception decides nothing: it cannot capture");
		diag_remedy(ps->d,
			    "capture on the line that decides then, or an alert with it");
		return false;
	}
	if (r->has_score && r->action != ACTION_ALERT) {
		diag_error(ps->d, r->at, "only alert lines have a score");
		diag_remedy(ps->d, "alert .. score NUMBER, or the line without it");
		return false;
	}
	return true;
}

static bool sound(struct parser *ps, struct rule *r, bool any)
{
	if (!sound_action(ps, r) || !sound_cut(ps, r))
		return false;
	switch (ps->gate) {
	case GATE_EXCEPTIONS:
		return sound_exception(ps, r);
	case GATE_CONNECTORS:
		return sound_connectors(ps, r);
	case GATE_UNDECIDABLE:
		return role_only(ps, r);
	case GATE_DEFAULT:
		return true;
	case GATE_OWN:
	case GATE_IP_FIREWALL:
	case GATE_ENDPOINTS:
	case GATE_RULES:
	case GATE_COUNT:
		break;
	}
	if (r->conditions == NULL && !any) {
		diag_error(ps->d, r->at, "this line does not say what it is about");
		diag_remedy(ps->d, "from .., to .., or \"to any\" for everything");
		return false;
	}
	return true;
}

static bool stray_word(struct parser *ps, const struct token *t)
{
	const char *words[64];
	size_t n, m;
	const char *const *starts = condition_words(&n);

	for (m = 0; m < n; m++)
		words[m] = starts[m];
	for (size_t a = 0; a < ATTRIBUTE_COUNT; a++)
		words[m++] = attribute_words[a];
	if (ps->gate == GATE_DEFAULT && is_condition_word(t))
		return no_scope(ps, t);
	if (is_word(t, "in-scope") || is_word(t, "other")) {
		complain(ps, t, "\"%.*s\" belongs to gate default", SHOWN(t->text));
		diag_remedy(ps->d, "this line in gate default, or to service NAME");
		return false;
	}
	if (is_word(t, "user")) {
		complain(ps, t, "people stand behind \"from\"");
		diag_remedy(ps->d, "from user \"NAME\", or from role user for all");
		return false;
	}
	complain(ps, t, "\"%.*s\" is neither a condition nor an attribute",
		 SHOWN(t->text));
	if (!parser_suggest(ps, t->text, words, m))
		diag_remedy(ps->d, "from, to, port, proto or another condition, or label "
				   "\"TEXT\"; weir.rules(5) lists them");
	return false;
}

/* Where a line may stand, said before its words are looked at. */
static bool sound_place(struct parser *ps, const struct token *t)
{
	if (ps->lost_gate)
		return false; /* its gate was reported */
	if (ps->gate == GATE_COUNT) {
		complain(ps, t, "this line stands before the first gate");
		diag_remedy(ps->d, "gate rules, on a line above");
		return false;
	}
	if (ps->gate == GATE_ENDPOINTS) {
		complain(ps, t, "gate endpoints holds lists of numbered lines");
		diag_remedy(ps->d,
			    "list shared_sql for role gateway, and below it  1 %.*s "
			    "\"server,*\"",
			    SHOWN(t->text));
		return false;
	}
	return true;
}

bool parse_rule(struct parser *ps)
{
	const struct token *t = next(ps);
	struct gate_ast *g;
	unsigned seen = 0;
	struct rule *r;
	bool any = false;

	if (!sound_place(ps, t))
		return false;
	g = &ps->ast->gates[ps->gate];
	r = rule_new(ps, t);
	if (r == NULL)
		return false;
	r->action = is_word(t, "allow")  ? ACTION_ALLOW
		    : is_word(t, "deny") ? ACTION_DENY
					 : ACTION_ALERT;
	if (ps->gate == GATE_DEFAULT && !read_scope(ps, r))
		return false;
	if (ps->gate == GATE_UNDECIDABLE && !read_reasons(ps, r))
		return false;
	while (peek(ps)->type != TOKEN_END) {
		enum attribute a = attribute_find(peek(ps));
		bool fine;

		if (a != ATTRIBUTE_COUNT)
			fine = attribute_read(ps, r, a, &seen);
		else if (is_condition_word(peek(ps)) && ps->gate != GATE_DEFAULT)
			fine = condition_read(ps, r, &any);
		else
			fine = stray_word(ps, peek(ps));
		if (!fine)
			return false;
	}
	r->report_only = r->report_only || (ps->gate_report && r->action != ACTION_ALERT);
	if (!import_rule(ps, r) || !sound(ps, r, any))
		return false;
	r->text = parser_line(ps, t);
	r->number = ++ps->ast->rule_count;
	ps->ast->captures = ps->ast->captures || r->capture;
	*g->rules_end = r;
	g->rules_end = &r->next;
	g->count++;
	return true;
}
