/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists - `list CONNECTOR for role .. [[not] environment ..] [beside service ..]` and its
 * numbered lines: endpoints of connectors in gate endpoints, host URLs of custom connectors
 * in gate connectors.
 */
#include <string.h>

#include "match/glob.h"
#include "policy/fold.h"
#include "policy/idn.h"
#include "policy/parse.h"

static const struct {
	const char *connector; /* lower case */
	enum family family;
} known[] = {
	{"shared_sql", FAMILY_SQL},
	{"shared_sqldw", FAMILY_SQL},
	{"shared_smtp", FAMILY_SMTP},
	{"shared_azureblob", FAMILY_BLOB},
	{"http", FAMILY_HTTP},
	{"httpwebhook", FAMILY_HTTP},
	{"shared_webcontents", FAMILY_HTTP},
	{"shared_webcontentsv2", FAMILY_HTTP},
	{"desktopflow.web", FAMILY_HTTP},
	{"desktopflow.webautomation", FAMILY_HTTP},
	{"desktopflow.uiautomation", FAMILY_SCREEN},
	{"shared_commondataserviceforapps", FAMILY_DATAVERSE},
};

enum family list_family(const char *connector)
{
	const char *tail = strrchr(connector, '/');
	struct str s = str_of(tail == NULL ? connector : tail + 1);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_equal_fold(s, str_of(known[i].connector)))
			return known[i].family;
	return FAMILY_COUNT;
}

/* Patterns of custom connectors stand with the other data groups. */
static bool sound_gate(struct parser *ps, const struct token *t, bool custom)
{
	if (ps->gate == (custom ? GATE_CONNECTORS : GATE_ENDPOINTS))
		return true;
	if (custom) {
		complain(ps, t, "list custom-connectors stands in gate connectors");
		diag_remedy(ps->d, "gate connectors, on a line above");
	} else {
		complain(ps, t, "lists stand in gate endpoints");
		diag_remedy(ps->d, "gate endpoints, on a line above");
	}
	return false;
}

static bool read_connector(struct parser *ps, struct endpoint_list *l)
{
	const struct token *word = &ps->tok.list[ps->at - 1];
	const struct token *t = peek(ps);
	bool custom = is_text(t) && str_equal(t->text, STR("custom-connectors"));
	struct item *it;

	if (!sound_gate(ps, word, custom))
		return false;
	t = parser_text(ps, "a connector");
	if (t == NULL)
		return false;
	if (custom) {
		l->connector = CONNECTOR_ANY;
		l->name = STR("custom-connectors");
		l->family = FAMILY_CUSTOM;
		return true;
	}
	if (is_word(t, "any")) {
		complain(ps, t, "a list belongs to one connector");
		diag_remedy(ps->d, "list shared_sql for role gateway, and one list each");
		return false;
	}
	it = item_read(ps, FIELD_CONNECTOR, t);
	if (it == NULL)
		return false;
	l->connector = it->id;
	l->name = it->text;
	l->family = list_family(ps->ast->vocabulary->connectors.words[it->id]);
	if (l->family != FAMILY_COUNT)
		return true;
	complain(ps, t, "connector %.*s has no endpoint lists", SHOWN(it->text));
	diag_note(ps->d,
		  "lists exist for shared_sql, shared_smtp, shared_azureblob, Http, "
		  "HttpWebhook, shared_webcontents, shared_webcontentsv2, "
		  "shared_commondataserviceforapps, web and UI automation");
	return false;
}

static bool read_roles(struct parser *ps, struct endpoint_list *l)
{
	struct item *items = NULL;
	struct item **end = &items;
	size_t count = 0;

	if (!is_word(peek(ps), "for")) {
		complain(ps, peek(ps), "a list says for which roles it is");
		diag_remedy(ps->d, "list %.*s  for role { gateway, desktop, subnet }",
			    SHOWN(l->name));
		return false;
	}
	(void)next(ps);
	if (!is_word(peek(ps), "role")) {
		complain(ps, peek(ps), "expected \"role\" after \"for\"");
		diag_remedy(ps->d, "for role { gateway, desktop, subnet }");
		return false;
	}
	(void)next(ps);
	if (!items_read(ps, FIELD_ROLE, &end, &count, "a role"))
		return false;
	for (; items != NULL; items = items->next)
		l->roles |= 1u << items->id;
	if (is_word(peek(ps), "not") &&
	    is_word(&ps->tok.list[ps->at + 1], "environment")) {
		(void)next(ps);
		l->bound_negated = true;
	}
	if (!is_word(peek(ps), "environment"))
		return true;
	(void)next(ps);
	end = &l->bound;
	count = 0;
	return items_read(ps, FIELD_BOUND, &end, &count, "the name of an environment");
}

static bool read_list_words(struct parser *ps, struct endpoint_list *l)
{
	struct item **end = &l->beside;
	size_t count = 0;

	while (peek(ps)->type != TOKEN_END) {
		const struct token *t = next(ps);

		if (is_word(t, "report-only")) {
			l->report_only = true;
			continue;
		}
		if (!is_word(t, "beside") || l->beside != NULL) {
			complain(ps, t, "\"%.*s\" is no part of a list's first line",
				 SHOWN(t->text));
			diag_remedy(ps->d, "environment { .. } behind the roles, beside "
					   "service { .. } or report-only");
			return false;
		}
		if (!is_word(peek(ps), "service")) {
			complain(ps, peek(ps), "expected \"service\" after \"beside\"");
			diag_remedy(ps->d, "beside service { power-platform, entra }");
			return false;
		}
		(void)next(ps);
		if (!items_read(ps, FIELD_SERVICE, &end, &count, "a service"))
			return false;
	}
	return true;
}

bool parse_list(struct parser *ps)
{
	const struct token *t = next(ps);
	struct endpoint_list *l;

	ps->lone_list = true;
	if (ps->ast->list_count == POLICY_LISTS_MAX) {
		complain(ps, t, "more than %d lists", POLICY_LISTS_MAX);
		diag_remedy(ps->d, "one list for roles and environments that are alike");
		return false;
	}
	l = parser_take(ps, sizeof(*l));
	if (l == NULL)
		return false;
	l->at = parser_span(ps, t);
	if (!read_connector(ps, l) || !read_roles(ps, l) || !read_list_words(ps, l))
		return false;
	l->report_only = l->report_only || ps->gate_report;
	import_list(ps, l);
	ps->lone_list = false;
	ps->list = l;
	l->number = (uint32_t)++ps->ast->list_count;
	*ps->ast->lists_end = l;
	ps->ast->lists_end = &l->next;
	return true;
}

/* ---- patterns ---------------------------------------------------------------------------- */

/*
 * A blob line in the form of a URL, or with a container, means the account: a deny is folded
 * to that, and an allow where it names no more than the account.
 */
static size_t fold_account(const struct rule *r, char *p, size_t len)
{
	const char *mark = memmem(p, len, "://", 3);
	size_t from = mark == NULL ? 0 : (size_t)(mark - p) + 3;
	const char *slash = memchr(p + from, '/', len - from);
	size_t end = slash == NULL ? len : (size_t)(slash - p);
	bool more = len - end > 2 || (len - end == 2 && p[end + 1] != '*');

	if (end == from || (more && r->action != ACTION_DENY))
		return len;
	memmove(p, p + from, end - from);
	return end - from;
}

/* Write the pattern as the wire has it; the rest of reading it needs no more than that. */
static bool fold_pattern(struct parser *ps, const struct token *t, struct rule *r,
			 enum family family)
{
	char folded[POLICY_PATTERN_MAX];
	size_t n = 0;

	switch (endpoint_ascii(family, r->pattern, folded, sizeof(folded), &n)) {
	case IDN_FINE:
		n = endpoint_fold(family, (struct str){folded, n}, folded);
		if (family == FAMILY_BLOB)
			n = fold_account(r, folded, n);
		r->folded = parser_copy(ps, folded, n);
		return r->folded.p != NULL;
	case IDN_STAR:
		complain(ps, t, "a star in a label that is not ASCII would never match");
		diag_note(ps->d,
			  "the wire has A-labels (xn--..), in another order of bytes");
		diag_remedy(ps->d,
			    "\"*\" for the whole label, or each name that is meant");
		return false;
	case IDN_NO_NAME:
		complain(ps, t,
			 "no host name has a label like this: it would never match");
		diag_remedy(ps->d, "the A-label (xn--..) that the wire has");
		return false;
	case IDN_TOO_LONG:
		break;
	}
	complain(ps, t, "as the wire has it this endpoint has more than %d bytes",
		 POLICY_PATTERN_MAX);
	diag_remedy(ps->d, "a shorter beginning, and \"*\" for the rest");
	return false;
}

static bool read_pattern(struct parser *ps, struct rule *r, enum family family)
{
	const struct token *t = next(ps);

	if (t->type != TOKEN_STRING) {
		complain(ps, t, "expected an endpoint between quotes");
		diag_remedy(ps->d, "\"*\" for all endpoints");
		return false;
	}
	r->pattern = str_trim(t->text);
	if (r->pattern.len == 0) {
		complain(ps, t, "this endpoint is empty");
		diag_remedy(ps->d, "\"*\" for all endpoints");
		return false;
	}
	if (r->pattern.len > POLICY_PATTERN_MAX) {
		complain(ps, t, "this endpoint has %zu bytes; at most %d are matched",
			 r->pattern.len, POLICY_PATTERN_MAX);
		diag_remedy(ps->d, "a shorter beginning, and \"*\" for the rest");
		return false;
	}
	if (!glob_valid(r->pattern)) {
		complain(ps, t, "this endpoint has more than %d stars", GLOB_STARS_MAX);
		diag_remedy(ps->d, "one \"*\" for what lies between two of them");
		return false;
	}
	r->pattern_at = parser_span(ps, t);
	r->pattern_at.col++;
	r->pattern_at.len -= 2;
	return fold_pattern(ps, t, r, family);
}

/* May `t` be the number of a line of `l`? */
static bool sound_order(struct parser *ps, const struct token *t, uint32_t last,
			uint32_t *ret)
{
	uint64_t n;

	if (!parse_u64(t->text, 1000000, &n)) {
		complain(ps, t, "a line's number is at most 1000000");
		diag_remedy(ps->d, "%u", (unsigned)last + 1);
		return false;
	}
	if (n <= last) {
		complain(ps, t, "line %u stands after line %u", (unsigned)n,
			 (unsigned)last);
		diag_note(ps->d, "lines are asked in the order of their numbers");
		return false;
	}
	*ret = (uint32_t)n;
	return true;
}

static bool no_list(struct parser *ps, const struct token *t)
{
	if (ps->lone_list)
		return false; /* its first line was reported */
	complain(ps, t, "this numbered line belongs to no list");
	diag_remedy(ps->d, "list CONNECTOR for role ROLE, in gate endpoints, above");
	return false;
}

static bool read_action(struct parser *ps, struct rule *r)
{
	const struct token *t = next(ps);

	if (is_word(t, "allow") || is_word(t, "deny")) {
		r->action = is_word(t, "allow") ? ACTION_ALLOW : ACTION_DENY;
		return true;
	}
	complain(ps, t, "expected allow or deny after the number");
	diag_remedy(ps->d, "%s",
		    is_word(t, "block") || is_word(t, "blocked") ? "deny"
								 : "allow or deny");
	return false;
}

static bool read_group(struct parser *ps, struct rule *r)
{
	const struct token *word = next(ps);
	const struct token *t;
	unsigned g = CUSTOM_GROUP_BUSINESS;

	if (!is_word(word, "group")) {
		complain(ps, word, "expected group after the number");
		diag_remedy(ps->d, "group business, general, blocked or ignore");
		return false;
	}
	t = next(ps);
	while (g < CUSTOM_GROUP_COUNT && !is_word(t, custom_group_words[g]))
		g++;
	if (g == CUSTOM_GROUP_COUNT) {
		complain(ps, t, "\"%.*s\" is no data group", SHOWN(t->text));
		if (!parser_suggest(ps, t->text,
				    custom_group_words + CUSTOM_GROUP_BUSINESS,
				    CUSTOM_GROUP_COUNT - CUSTOM_GROUP_BUSINESS))
			diag_remedy(ps->d, "business, general, blocked or ignore");
		return false;
	}
	r->group = (enum custom_group)g;
	r->action = g == CUSTOM_GROUP_BLOCKED ? ACTION_DENY : ACTION_ALLOW;
	return true;
}

/* Said once a list; the rest of its lines is skipped. */
static bool has_room(struct parser *ps, const struct token *t, struct endpoint_list *l)
{
	if (l->rule_count < POLICY_LIST_RULES_MAX)
		return true;
	if (!l->full) {
		complain(ps, t, "list %.*s has more than %d lines", SHOWN(l->name),
			 POLICY_LIST_RULES_MAX);
		diag_remedy(ps->d, "patterns with \"*\" for endpoints that are alike");
	}
	l->full = true;
	return false;
}

static bool read_notes(struct parser *ps, struct rule *r)
{
	unsigned seen = 0;

	while (peek(ps)->type != TOKEN_END) {
		enum attribute a = attribute_find(peek(ps));

		if (a != ATTRIBUTE_LABEL && a != ATTRIBUTE_NOTE &&
		    a != ATTRIBUTE_CAPTURE) {
			complain(ps, peek(ps),
				 "\"%.*s\": only capture, label and note may follow an "
				 "endpoint",
				 SHOWN(peek(ps)->text));
			diag_remedy(ps->d, "capture, label \"TEXT\" or note \"TEXT\"");
			return false;
		}
		if (!attribute_read(ps, r, a, &seen))
			return false;
	}
	return true;
}

static bool read_line(struct parser *ps, struct endpoint_list *l)
{
	const struct token *t = next(ps);
	struct rule *r;
	bool fine;

	if (!has_room(ps, t, l))
		return false;
	r = rule_new(ps, t);
	if (r == NULL)
		return false;
	fine = l->family == FAMILY_CUSTOM ? read_group(ps, r) : read_action(ps, r);
	if (!fine ||
	    !sound_order(ps, t, l->last == NULL ? 0 : l->last->order, &r->order) ||
	    !read_pattern(ps, r, l->family) || !read_notes(ps, r))
		return false;
	r->kind = RULE_KIND_ENDPOINT;
	r->report_only = l->report_only;
	r->from = l->from;
	r->text = parser_line(ps, t);
	r->number = ++ps->ast->rule_count;
	ps->ast->captures = ps->ast->captures || r->capture;
	if (l->last == NULL)
		l->rules = r;
	else
		l->last->next = r;
	l->last = r;
	l->rule_count++;
	return true;
}

bool parse_list_line(struct parser *ps)
{
	if (ps->list == NULL)
		return no_list(ps, peek(ps));
	if (read_line(ps, ps->list))
		return true;
	ps->list->faulty = true;
	return false;
}

static bool is_all(const struct rule *r)
{
	return str_equal(r->folded, STR("*"));
}

/* `ignore` says that no line speaks: Microsoft's patterns have it on the last one alone. */
static void check_ignore(struct parser *ps, const struct endpoint_list *l)
{
	for (const struct rule *r = l->rules; r != NULL; r = r->next) {
		if (r->group != CUSTOM_GROUP_IGNORE || is_all(r))
			continue;
		diag_error(ps->d, r->at, "group ignore stands with \"*\" alone");
		diag_remedy(ps->d, "business, general or blocked");
	}
}

/* Microsoft's lists end with "*": without it the meaning of the rest is a guess. */
void list_close(struct parser *ps)
{
	const struct endpoint_list *l = ps->list;
	const struct rule *last = l == NULL ? NULL : l->last;
	unsigned number = last == NULL ? 1 : (unsigned)last->order + 1;

	ps->list = NULL;
	ps->lone_list = false;
	if (l == NULL || l->faulty)
		return;
	check_ignore(ps, l);
	if (last != NULL && is_all(last))
		return;
	diag_error(ps->d, last == NULL ? l->at : last->at,
		   "the last line of list %.*s is not \"*\"", SHOWN(l->name));
	if (l->family == FAMILY_CUSTOM)
		diag_remedy(ps->d, "%u group ignore \"*\" (or another group) below it",
			    number);
	else
		diag_remedy(ps->d, "%u deny \"*\" (or allow) below it", number);
}
