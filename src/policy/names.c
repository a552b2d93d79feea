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

/*
 * A file of `weir import` names what the tenant has, and a person may have named it above:
 * then the two lines are one.  What a person's line says of `name` or its GUID elsewhere is
 * an error.
 */
static bool defined_twice(struct parser *ps, const struct token *name,
			  const struct token *guid, struct str first,
			  const struct span *first_at, const char *what)
{
	const bool by_name = str_equal(first, name->text);

	complain(ps, by_name ? name : guid, "this %s is defined twice", what);
	diag_note(ps->d, "first at %s:%u", first_at->file, first_at->line);
	diag_remedy(ps->d, by_name ? "another name, or one line for it"
				   : "one line for it; of a file that weir import wrote, "
				     "import it below that line");
	return false;
}

static bool same_ownership(struct parser *ps, const struct token *name,
			   enum ownership here, enum ownership first,
			   const struct span *first_at)
{
	if (here == first)
		return true;
	complain(ps, name, "%.*s is %s here, and not so at %s:%u", SHOWN(name->text),
		 here == OWNERSHIP_OWN ? "own" : "partner", first_at->file,
		 first_at->line);
	diag_remedy(ps->d, "%s there, or no line there",
		    here == OWNERSHIP_OWN ? "own" : "partner");
	return false;
}

/* The items of `more` that `list` lacks, behind it. */
static void join(struct item **list, struct item *more)
{
	while (more != NULL) {
		struct item *one = more, **end = list;

		more = more->next;
		while (*end != NULL && !str_equal((*end)->text, one->text))
			end = &(*end)->next;
		if (*end == NULL) {
			one->next = NULL;
			*end = one;
		}
	}
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

static struct tenant *find_tenant(struct parser *ps, struct str name, const char *guid)
{
	struct tenant *named = NULL;

	for (struct tenant *t = ps->ast->tenants; t != NULL; t = t->next) {
		if (strcmp(t->guid, guid) == 0)
			return t;
		if (str_equal(t->name, name))
			named = t;
	}
	return named;
}

bool parse_tenant(struct parser *ps)
{
	const struct token *name, *guid;
	struct tenant *t, *first;

	(void)next(ps);
	name = parser_text(ps, "the name of a tenant");
	if (name == NULL || !parser_name_ok(ps, name, "tenant"))
		return false;
	t = parser_take(ps, sizeof(*t));
	guid = parser_text(ps, "the tenant's GUID");
	if (t == NULL || guid == NULL || !parser_guid(ps, guid, t->guid))
		return false;
	first = find_tenant(ps, name->text, t->guid);
	if (first != NULL && (ps->from == NULL || strcmp(first->guid, t->guid) != 0))
		return defined_twice(ps, name, guid, first->name, &first->at, "tenant");
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
	if (first != NULL) {
		join(&first->hosts, t->hosts);
		return same_ownership(ps, name, t->ownership, first->ownership,
				      &first->at);
	}
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

static struct environment *find_environment(struct parser *ps, struct str name,
					    const char *guid)
{
	struct environment *named = NULL;

	for (struct environment *e = ps->ast->environments; e != NULL; e = e->next) {
		if (strcmp(e->guid, guid) == 0)
			return e;
		if (str_equal(e->name, name))
			named = e;
	}
	return named;
}

bool parse_environment(struct parser *ps)
{
	const struct token *name, *guid;
	struct environment *e, *first;

	(void)next(ps);
	name = parser_text(ps, "the name of an environment");
	if (name == NULL || !parser_name_ok(ps, name, "environment"))
		return false;
	e = parser_take(ps, sizeof(*e));
	guid = parser_text(ps, "the environment's GUID");
	if (e == NULL || guid == NULL || !parser_guid(ps, guid, e->guid))
		return false;
	first = find_environment(ps, name->text, e->guid);
	if (first != NULL && (ps->from == NULL || strcmp(first->guid, e->guid) != 0))
		return defined_twice(ps, name, guid, first->name, &first->at,
				     "environment");
	if (!read_environment_words(ps, e) ||
	    !need_ownership(ps, name, e->ownership, "environment"))
		return false;
	if (first != NULL) {
		join(&first->hosts, e->hosts);
		join(&first->orgs, e->orgs);
		if (first->tenant == NULL)
			first->tenant = e->tenant;
		return same_ownership(ps, name, e->ownership, first->ownership,
				      &first->at);
	}
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
