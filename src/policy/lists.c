/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists - gate endpoints: `list CONNECTOR for role .. [environment ..] [beside service ..]`
 * and its numbered lines.
 *
 * What a pattern may be written as, and how it is folded before matching, follows Microsoft
 * Learn "Connector endpoint filtering" (text of 2025-09-19); what that page leaves open is
 * decided here: letter case of scheme, host, server, account and database is ignored, that
 * of a path is not; blanks around commas, default ports and repeated backslashes fall away.
 */
#include <string.h>

#include "match/glob.h"
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
	{"desktopflow.web", FAMILY_HTTP},
	{"desktopflow.webautomation", FAMILY_HTTP},
};

static enum family family_of(const char *connector)
{
	const char *tail = strrchr(connector, '/');
	struct str s = str_of(tail == NULL ? connector : tail + 1);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_equal_fold(s, str_of(known[i].connector)))
			return known[i].family;
	return FAMILY_COUNT;
}

static bool read_connector(struct parser *ps, struct endpoint_list *l)
{
	const struct token *t = parser_text(ps, "a connector");
	struct item *it;

	if (t == NULL)
		return false;
	if (is_word(t, "any")) {
		complain(ps, t, "a list belongs to one connector");
		return false;
	}
	it = item_read(ps, FIELD_CONNECTOR, t);
	if (it == NULL)
		return false;
	l->connector = it->id;
	l->name = it->text;
	l->family = family_of(ps->ast->vocabulary->connectors.words[it->id]);
	if (l->family != FAMILY_COUNT)
		return true;
	complain(ps, t, "connector %.*s has no endpoint lists", SHOWN(it->text));
	diag_note(ps->d,
		  "lists exist for shared_sql, shared_smtp, shared_azureblob, Http, "
		  "HttpWebhook, shared_webcontents and web automation");
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
	if (ps->gate != GATE_ENDPOINTS) {
		complain(ps, t, "lists stand in gate endpoints");
		diag_remedy(ps->d, "gate endpoints, on a line above");
		return false;
	}
	l = parser_take(ps, sizeof(*l));
	if (l == NULL)
		return false;
	l->at = parser_span(ps, t);
	if (!read_connector(ps, l) || !read_roles(ps, l) || !read_list_words(ps, l))
		return false;
	l->report_only = l->report_only || ps->gate_report;
	ps->lone_list = false;
	ps->list = l;
	*ps->ast->lists_end = l;
	ps->ast->lists_end = &l->next;
	return true;
}

/* ---- patterns ---------------------------------------------------------------------------- */

/* Where scheme and host of a URL pattern end: what follows keeps its letter case. */
static size_t url_host_end(struct str s)
{
	const char *mark = memmem(s.p, s.len, "://", 3);
	size_t from = mark == NULL ? 0 : (size_t)(mark - s.p) + 3;
	const char *slash = memchr(s.p + from, '/', s.len - from);

	return slash == NULL ? s.len : (size_t)(slash - s.p);
}

/* Drop the port that the scheme has anyway. */
static size_t drop_default_port(char *p, size_t len)
{
	static const char *const ports[][2] = {{"https://", ":443"}, {"http://", ":80"}};

	for (size_t i = 0; i < 2; i++) {
		size_t end = url_host_end((struct str){p, len});
		size_t n = strlen(ports[i][1]);

		if (len < strlen(ports[i][0]) ||
		    memcmp(p, ports[i][0], strlen(ports[i][0])) != 0 || end < n ||
		    memcmp(p + end - n, ports[i][1], n) != 0)
			continue;
		memmove(p + end - n, p + end, len - end);
		return len - n;
	}
	return len;
}

static size_t fold_url(struct str s, char *p)
{
	size_t end = url_host_end(s);

	for (size_t i = 0; i < s.len; i++)
		p[i] = i < end ? ascii_lower(s.p[i]) : s.p[i];
	return drop_default_port(p, s.len);
}

static size_t fold_plain(struct str s, char *p)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = ascii_lower(s.p[i]);

		if (c == ' ' && (n == 0 || p[n - 1] == ','))
			continue;
		if (c == ',')
			while (n > 0 && p[n - 1] == ' ')
				n--;
		if (c == '\\' && n > 0 && p[n - 1] == '\\')
			continue;
		p[n++] = c;
	}
	return n;
}

static bool read_pattern(struct parser *ps, struct rule *r, enum family family)
{
	const struct token *t = next(ps);
	char folded[POLICY_PATTERN_MAX];
	size_t n;

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
	if (r->pattern.len > POLICY_PATTERN_MAX || !glob_valid(r->pattern)) {
		complain(ps, t, "this endpoint has more than %d bytes or %d stars",
			 GLOB_MAX, GLOB_STARS_MAX);
		return false;
	}
	n = family == FAMILY_HTTP ? fold_url(r->pattern, folded)
				  : fold_plain(r->pattern, folded);
	r->folded = parser_copy(ps, folded, n);
	r->pattern_at = parser_span(ps, t);
	r->pattern_at.col++;
	r->pattern_at.len -= 2;
	return r->folded.p != NULL;
}

/* May `t` be the number of a line of `l`? */
static bool sound_order(struct parser *ps, const struct token *t, uint32_t last,
			uint32_t *ret)
{
	uint64_t n;

	if (!parse_u64(t->text, 1000000, &n)) {
		complain(ps, t, "a line's number is at most 1000000");
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

static bool read_line(struct parser *ps, struct endpoint_list *l)
{
	const struct token *t = next(ps);
	const struct token *action = next(ps);
	unsigned seen = 0;
	struct rule *r;

	if (!is_word(action, "allow") && !is_word(action, "deny")) {
		complain(ps, action, "expected allow or deny after the number");
		if (is_word(action, "block") || is_word(action, "blocked"))
			diag_remedy(ps->d, "deny");
		return false;
	}
	r = rule_new(ps, t);
	if (r == NULL ||
	    !sound_order(ps, t, l->last == NULL ? 0 : l->last->order, &r->order) ||
	    !read_pattern(ps, r, l->family))
		return false;
	r->kind = RULE_KIND_ENDPOINT;
	r->action = is_word(action, "allow") ? ACTION_ALLOW : ACTION_DENY;
	while (peek(ps)->type != TOKEN_END) {
		enum attribute a = attribute_find(peek(ps));

		if (a != ATTRIBUTE_LABEL && a != ATTRIBUTE_NOTE) {
			complain(ps, peek(ps),
				 "\"%.*s\": only label and note may follow an endpoint",
				 SHOWN(peek(ps)->text));
			return false;
		}
		if (!attribute_read(ps, r, a, &seen))
			return false;
	}
	r->report_only = l->report_only;
	r->text = parser_line(ps, t);
	r->number = ++ps->ast->rule_count;
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

/* Microsoft's lists end with "*": without it the meaning of the rest is a guess. */
void list_close(struct parser *ps)
{
	const struct endpoint_list *l = ps->list;
	const struct rule *last = l == NULL ? NULL : l->last;

	ps->list = NULL;
	ps->lone_list = false;
	if (l == NULL || l->faulty)
		return;
	if (last != NULL && str_equal(last->folded, STR("*")))
		return;
	diag_error(ps->d, last == NULL ? l->at : last->at,
		   "the last line of list %.*s is not \"*\"", SHOWN(l->name));
	diag_remedy(ps->d, "%u deny \"*\" (or allow) below it",
		    last == NULL ? 1 : (unsigned)last->order + 1);
}
