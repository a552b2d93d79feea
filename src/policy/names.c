/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names - `tenant`, `environment` and `own complete`: what is ours.
 */
#include <string.h>

#include "policy/parse.h"

static bool read_ownership(struct parser *ps, const struct token *t, enum ownership *ret)
{
	enum ownership o = is_word(t, "own")       ? OWNERSHIP_OWN
			   : is_word(t, "partner") ? OWNERSHIP_PARTNER
						   : OWNERSHIP_UNKNOWN;

	if (o == OWNERSHIP_UNKNOWN)
		return false;
	(void)next(ps);
	*ret = o;
	return true;
}

static bool need_ownership(struct parser *ps, const struct token *name,
			   enum ownership got, const char *what)
{
	if (got != OWNERSHIP_UNKNOWN)
		return true;
	complain(ps, name, "whose is %s %.*s?", what, SHOWN(name->text));
	diag_remedy(ps->d, "own or partner after the GUID");
	return false;
}

/* Only names that stand for one host each can be somebody's. */
static bool read_hosts(struct parser *ps, struct item **list)
{
	struct item **end = list;
	const struct token *t;
	size_t count = 0;

	while (*end != NULL)
		end = &(*end)->next;
	(void)next(ps);
	t = peek(ps);
	if (!items_read(ps, FIELD_HOST, &end, &count, "a host name"))
		return false;
	for (const struct item *it = *list; it != NULL; it = it->next)
		if (it->table != NULL || memchr(it->text.p, '*', it->text.len) != NULL) {
			complain(ps, t,
				 "names are listed one by one here: no tables, "
				 "no stars");
			diag_remedy(ps->d, "host { contoso.crm4.dynamics.com, "
					   "contoso.sharepoint.com }");
			return false;
		}
	return true;
}

static bool read_orgs(struct parser *ps, struct environment *e)
{
	const struct token *open = peek(ps);
	struct item **end = &e->orgs;
	bool more = true;
	char guid[GUID_LEN + 1];

	while (*end != NULL)
		end = &(*end)->next;
	if (open->type == TOKEN_OPEN)
		(void)next(ps);
	while (more) {
		const struct token *t = parser_text(ps, "the GUID of an organization");
		struct item *it;

		if (t == NULL || !parser_guid(ps, t, guid))
			return false;
		it = item_new(ps, FIELD_ENVIRONMENT);
		if (it == NULL)
			return false;
		it->text = parser_copy(ps, guid, GUID_LEN);
		*end = it;
		end = &it->next;
		more = false;
		if (open->type == TOKEN_OPEN && !items_more(ps, open, &more))
			return false;
	}
	return true;
}

static const char *const tenant_words[] = {"own", "partner", "host"};
static const char *const environment_words[] = {"own", "partner", "tenant", "host",
						"org"};

static bool stray(struct parser *ps, const struct token *t, const char *const *words,
		  size_t count, const char *what)
{
	complain(ps, t, "\"%.*s\" says nothing about %s", SHOWN(t->text), what);
	if (!parser_suggest(ps, t->text, words, count))
		diag_remedy(ps->d, "%s",
			    count == 3 ? "own, partner or host NAMES"
				       : "own, partner, tenant NAME, host NAMES or org "
					 "GUID");
	return false;
}

bool parse_tenant(struct parser *ps)
{
	const struct token *name, *guid;
	struct tenant *t;

	(void)next(ps);
	name = parser_text(ps, "the name of a tenant");
	if (name == NULL || !parser_name_ok(ps, name, "tenant"))
		return false;
	t = parser_take(ps, sizeof(*t));
	guid = parser_text(ps, "the tenant's GUID");
	if (t == NULL || guid == NULL || !parser_guid(ps, guid, t->guid))
		return false;
	for (const struct tenant *o = ps->ast->tenants; o != NULL; o = o->next)
		if (str_equal(o->name, name->text) || strcmp(o->guid, t->guid) == 0) {
			complain(ps, str_equal(o->name, name->text) ? name : guid,
				 "this tenant is defined twice");
			diag_note(ps->d, "first at %s:%u", o->at.file, o->at.line);
			return false;
		}
	while (peek(ps)->type != TOKEN_END) {
		const struct token *w = peek(ps);

		if (read_ownership(ps, w, &t->ownership))
			continue;
		if (!is_word(w, "host"))
			return stray(ps, w, tenant_words, 3, "a tenant");
		if (!read_hosts(ps, &t->hosts))
			return false;
	}
	if (!need_ownership(ps, name, t->ownership, "tenant"))
		return false;
	if (ps->ast->tenant_count == POLICY_NAMES_MAX) {
		complain(ps, name, "more than %d tenants", POLICY_NAMES_MAX);
		diag_remedy(ps->d, "own and partner tenants only; others are foreign");
		return false;
	}
	t->name = name->text;
	t->at = parser_span(ps, name);
	t->index = (uint32_t)ps->ast->tenant_count++;
	*ps->ast->tenants_end = t;
	ps->ast->tenants_end = &t->next;
	return true;
}

static bool read_tenant_of(struct parser *ps, struct environment *e)
{
	const struct token *t;
	const struct tenant *one = ps->ast->tenants;

	(void)next(ps);
	t = parser_text(ps, "the name of a tenant");
	if (t == NULL)
		return false;
	while (one != NULL && !str_equal(one->name, t->text))
		one = one->next;
	e->tenant = one;
	if (one != NULL)
		return true;
	complain(ps, t, "no tenant \"%.*s\" is defined before this line", SHOWN(t->text));
	diag_remedy(ps->d, "tenant %.*s GUID own, above", SHOWN(t->text));
	return false;
}

static bool read_environment_words(struct parser *ps, struct environment *e)
{
	while (peek(ps)->type != TOKEN_END) {
		const struct token *w = peek(ps);
		bool fine = true;

		if (read_ownership(ps, w, &e->ownership))
			continue;
		if (is_word(w, "tenant")) {
			fine = read_tenant_of(ps, e);
		} else if (is_word(w, "host")) {
			fine = read_hosts(ps, &e->hosts);
		} else if (is_word(w, "org")) {
			(void)next(ps);
			fine = read_orgs(ps, e);
		} else {
			return stray(ps, w, environment_words, 5, "an environment");
		}
		if (!fine)
			return false;
	}
	return true;
}

bool parse_environment(struct parser *ps)
{
	const struct token *name, *guid;
	struct environment *e;

	(void)next(ps);
	name = parser_text(ps, "the name of an environment");
	if (name == NULL || !parser_name_ok(ps, name, "environment"))
		return false;
	e = parser_take(ps, sizeof(*e));
	guid = parser_text(ps, "the environment's GUID");
	if (e == NULL || guid == NULL || !parser_guid(ps, guid, e->guid))
		return false;
	for (const struct environment *o = ps->ast->environments; o != NULL; o = o->next)
		if (str_equal(o->name, name->text) || strcmp(o->guid, e->guid) == 0) {
			complain(ps, str_equal(o->name, name->text) ? name : guid,
				 "this environment is defined twice");
			diag_note(ps->d, "first at %s:%u", o->at.file, o->at.line);
			return false;
		}
	if (!read_environment_words(ps, e) ||
	    !need_ownership(ps, name, e->ownership, "environment"))
		return false;
	if (ps->ast->environment_count == POLICY_ENVS_MAX) {
		complain(ps, name, "more than %d environments", POLICY_ENVS_MAX);
		diag_remedy(ps->d, "environments that lines name only");
		return false;
	}
	e->name = name->text;
	e->at = parser_span(ps, name);
	e->index = (uint32_t)ps->ast->environment_count++;
	*ps->ast->environments_end = e;
	ps->ast->environments_end = &e->next;
	return true;
}

bool parse_own(struct parser *ps)
{
	(void)next(ps);
	if (!is_word(peek(ps), "complete")) {
		complain(ps, peek(ps), "expected \"complete\" after \"own\"");
		diag_remedy(ps->d, "own complete");
		return false;
	}
	(void)next(ps);
	ps->ast->own_complete = true;
	return parser_end(ps);
}
