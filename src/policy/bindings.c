/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bindings - `bind SOURCE to environment X`: which environments an inside address belongs to.
 *
 * The longest prefix answers; those of a source are the configuration's.  Of two statements
 * that give the same prefix none could be right, so that is an error at the second.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"

static bool add_item(struct parser *ps, struct binding *b, enum field f,
		     const struct token *t)
{
	struct item *it;
	struct bind_item *i;

	if (b->count == POLICY_LIST_MAX) {
		complain(ps, t, "this list has more than %d items", POLICY_LIST_MAX);
		diag_remedy(ps->d, "table <name> file \"NAME\"");
		return false;
	}
	it = item_read(ps, f, t);
	i = it == NULL ? NULL : parser_take(ps, sizeof(*i));
	if (i == NULL)
		return false;
	i->item = it;
	i->at = parser_span(ps, t);
	*b->items_end = i;
	b->items_end = &i->next;
	b->count++;
	return true;
}

static bool is_source(const struct parser *ps, struct str s)
{
	const struct word_list *l = &ps->ast->vocabulary->sources;
	size_t i = 0;

	while (i < l->count && !str_equal(str_of(l->words[i]), s))
		i++;
	return i < l->count;
}

static bool stray_item(struct parser *ps, const struct token *t)
{
	const struct word_list *l = &ps->ast->vocabulary->sources;

	if (!is_text(t)) {
		complain(ps, t, "expected source NAME, a prefix or <table> here");
		diag_remedy(ps->d, "bind source NAME to environment NAME");
		return false;
	}
	complain(ps, t, "\"%.*s\" is neither a source, a prefix nor a <table>",
		 SHOWN(t->text));
	if (!parser_suggest(ps, t->text, l->words, l->count))
		diag_remedy(ps->d, "source NAME, a prefix or <table>");
	return false;
}

/* `source NAME`, the name alone, a prefix or a table. */
static bool read_item(struct parser *ps, struct binding *b)
{
	const struct token *t = next(ps);

	if (is_word(t, "source"))
		return add_item(ps, b, FIELD_SOURCE, next(ps));
	if (t->type == TOKEN_TABLE || (is_text(t) && looks_like_address(t->text)))
		return add_item(ps, b, FIELD_INSIDE, t);
	if (is_text(t) && is_source(ps, t->text))
		return add_item(ps, b, FIELD_SOURCE, t);
	return stray_item(ps, t);
}

static bool read_items(struct parser *ps, struct binding *b)
{
	const struct token *open = peek(ps);
	bool more = true, fine = true;

	if (open->type != TOKEN_OPEN)
		return read_item(ps, b);
	(void)next(ps);
	if (peek(ps)->type == TOKEN_CLOSE) {
		complain(ps, open, "this list is empty");
		diag_remedy(ps->d, "{ source NAME, 10.0.0.0/24, <table> }");
		return false;
	}
	while (more) {
		const struct token *t = peek(ps);
		bool one = read_item(ps, b);

		/* A word that is not known does not hide the next one; a brace would. */
		if (ps->no_memory || (!one && !is_text(t) && t->type != TOKEN_TABLE) ||
		    !items_more(ps, open, &more))
			return false;
		fine = fine && one;
	}
	return fine;
}

static bool read_environments(struct parser *ps, struct binding *b)
{
	static const char *const words[] = {"to", "environment"};
	struct item **end = &b->environments;
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		if (!is_word(peek(ps), words[i])) {
			complain(ps, peek(ps), "expected \"%s\" here", words[i]);
			diag_remedy(ps->d,
				    "bind source NAME to environment { NAME, NAME }");
			return false;
		}
		(void)next(ps);
	}
	return items_read(ps, FIELD_BOUND, &end, &count, "the name of an environment") &&
	       parser_end(ps);
}

bool parse_bind(struct parser *ps)
{
	const struct token *t = next(ps);
	struct binding *b = parser_take(ps, sizeof(*b));

	if (b == NULL)
		return false;
	b->items_end = &b->items;
	b->at = parser_span(ps, t);
	b->text = parser_line(ps, t);
	if (!read_items(ps, b) || !read_environments(ps, b))
		return false;
	if (ps->ast->binding_count == POLICY_BINDS_MAX) {
		complain(ps, t, "more than %d bindings", POLICY_BINDS_MAX);
		diag_remedy(ps->d,
			    "bind { PREFIX, PREFIX } or <table> to environment NAME");
		return false;
	}
	ps->ast->binding_count++;
	*ps->ast->bindings_end = b;
	ps->ast->bindings_end = &b->next;
	return true;
}

/* ---- the same prefix twice --------------------------------------------------------------- */

struct claim {
	struct prefix prefix;
	size_t order; /* in the files */
	struct bind_item *item;
	const struct binding *binding;
};

struct claims {
	struct claim *list;
	size_t count;
	const struct binding *binding; /* at hand */
};

static void add_claim(void *arg, struct bind_item *i, const struct prefix *prefix)
{
	struct claims *c = arg;

	c->list[c->count] = (struct claim){*prefix, c->count, i, c->binding};
	c->count++;
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = addr_compare(&x->prefix.addr, &y->prefix.addr);

	if (order == 0)
		order = (int)x->prefix.bits - (int)y->prefix.bits;
	return order != 0 ? order : x->order < y->order ? -1 : x->order > y->order;
}

static void report_twice(struct parser *ps, const struct claim *old,
			 const struct claim *new)
{
	const struct item *it = new->item->item;
	const struct span *first = &old->item->at;
	char text[PREFIX_TEXT_MAX];

	if (new->item->reported)
		return;
	new->item->reported = true;
	(void)prefix_format(&new->prefix, text);
	if (it->field == FIELD_SOURCE)
		diag_error(ps->d, new->item->at, "%s of source %.*s is bound already",
			   text, SHOWN(it->text));
	else if (it->table != NULL)
		diag_error(ps->d, new->item->at, "%s of <%.*s> is bound already", text,
			   SHOWN(it->text));
	else
		diag_error(ps->d, new->item->at, "%s is bound already", text);
	diag_note(ps->d, "first at %s:%u:%u", first->file, first->line, first->col);
	diag_remedy(ps->d, "one line: bind .. to environment { X, Y }");
}

static void check_claims(struct parser *ps, struct claims *c)
{
	if (c->count > 1)
		qsort(c->list, c->count, sizeof(*c->list), compare_claims);
	for (size_t i = 1, first = 0; i < c->count; i++) {
		const struct claim *old = &c->list[first], *new = &c->list[i];

		if (!addr_equal(&old->prefix.addr, &new->prefix.addr) ||
		    old->prefix.bits != new->prefix.bits)
			first = i;
		else if (old->binding != new->binding)
			report_twice(ps, old, new);
	}
}

void bindings_check(struct parser *ps)
{
	const struct vocabulary *v = ps->ast->vocabulary;
	struct claims c = {.list = NULL};
	size_t n = 0;

	for (const struct binding *b = ps->ast->bindings; b != NULL; b = b->next)
		n += binding_prefixes(v, b, NULL, NULL);
	if (n < 2)
		return;
	c.list = calloc(n, sizeof(*c.list));
	if (c.list == NULL) {
		ps->no_memory = true;
		return;
	}
	for (const struct binding *b = ps->ast->bindings; b != NULL; b = b->next) {
		c.binding = b;
		(void)binding_prefixes(v, b, add_claim, &c);
	}
	check_claims(ps, &c);
	free(c.list);
}
