/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conditions - `from ..`, `to ..`, `not proto dns`, `outside hours`, `during ..`.
 */
#include <errno.h>
#include <string.h>

#include "match/zone.h"
#include "policy/parse.h"

#define HOURS_TEXT_MAX 1024
#define ZONES_MAX      64

/* Words that begin a condition; FIELD_COUNT marks those with a grammar of their own. */
static const struct {
	const char *word;
	enum field field;
} starts[] = {
	{"from", FIELD_COUNT},
	{"to", FIELD_COUNT},
	{"not", FIELD_COUNT},
	{"inside", FIELD_COUNT},
	{"outside", FIELD_COUNT},
	{"during", FIELD_COUNT},
	{"environment", FIELD_ENVIRONMENT},
	{"service", FIELD_SERVICE},
	{"connector", FIELD_CONNECTOR},
	{"country", FIELD_COUNTRY},
	{"tag", FIELD_TAG},
	{"asn", FIELD_ASN},
	{"host", FIELD_HOST},
	{"port", FIELD_PORT},
	{"proto", FIELD_PROTO},
	{"direction", FIELD_DIRECTION},
	{"evidence", FIELD_EVIDENCE},
	{"corroboration", FIELD_CORROBORATION},
	{"ja4", FIELD_JA4},
};
#define STARTS (sizeof(starts) / sizeof(starts[0]))

bool is_condition_word(const struct token *t)
{
	for (size_t i = 0; i < STARTS; i++)
		if (is_word(t, starts[i].word))
			return true;
	return false;
}

const char *const *condition_words(size_t *ret_count)
{
	static const char *const words[STARTS] = {
		"from",      "to",          "not",           "inside",    "outside",
		"during",    "environment", "service",       "connector", "country",
		"tag",       "asn",         "host",          "port",      "proto",
		"direction", "evidence",    "corroboration", "ja4",
	};

	*ret_count = STARTS;
	return words;
}

static struct condition *condition_new(struct parser *ps, enum field f, bool negated)
{
	struct condition *c = parser_take(ps, sizeof(*c));

	if (c != NULL) {
		c->field = f;
		c->negated = negated;
	}
	ps->condition = c;
	return c;
}

/* In the order of the fields, so that cheap ones come first and print is canonical. */
void condition_insert(struct rule *r, struct condition *c)
{
	struct condition **at = &r->conditions;

	while (*at != NULL && (*at)->field <= c->field)
		at = &(*at)->next;
	c->next = *at;
	*at = c;
}

static const char *item_what(enum field f)
{
	switch (f) {
	case FIELD_ROLE:
		return "a role";
	case FIELD_SOURCE:
		return "the name of a source";
	case FIELD_SITE:
		return "the name of a site";
	case FIELD_USER:
		return "a person's name between quotes";
	case FIELD_INSIDE:
	case FIELD_EGRESS:
	case FIELD_PEER:
		return "a prefix or <table>";
	case FIELD_REASON:
		return "an undecidable reason";
	case FIELD_BOUND:
	case FIELD_ENVIRONMENT:
		return "the name of an environment";
	case FIELD_OWN:
	case FIELD_PARTNER:
	case FIELD_FOREIGN:
	case FIELD_UNKNOWN:
		return "tenant, environment or organization";
	case FIELD_SERVICE:
		return "a service";
	case FIELD_CONNECTOR:
		return "a connector";
	case FIELD_COUNTRY:
		return "a country";
	case FIELD_TAG:
		return "a service tag";
	case FIELD_ASN:
		return "an AS number";
	case FIELD_HOST:
		return "a host pattern";
	case FIELD_PORT:
		return "a port";
	case FIELD_PROTO:
		return "a protocol";
	case FIELD_DIRECTION:
		return "a direction";
	case FIELD_EVIDENCE:
		return "a kind of evidence";
	case FIELD_CORROBORATION:
		return "a kind of corroboration";
	case FIELD_JA4:
		return "a JA4 fingerprint";
	case FIELD_SCOPE:
	case FIELD_HOURS:
	case FIELD_DURING:
	case FIELD_COUNT:
		break;
	}
	return "a word";
}

/* The field that `t` names after `from` or `to`, else FIELD_COUNT. */
static enum field field_named(const struct token *t, enum side side)
{
	for (unsigned f = 0; f < FIELD_COUNT; f++)
		if (field_side((enum field)f) == side && t->type == TOKEN_WORD &&
		    field_word((enum field)f)[0] != '\0' &&
		    is_word(t, field_word((enum field)f)))
			return (enum field)f;
	return FIELD_COUNT;
}

static bool in_words(const struct word_list *l, struct str s)
{
	for (size_t i = 0; i < l->count; i++)
		if (str_equal(str_of(l->words[i]), s))
			return true;
	return false;
}

/* What the word would be with its kind before it: "from role user" for "from user". */
static bool suggest_kind(struct parser *ps, enum side side, struct str s)
{
	const struct vocabulary *v = ps->ast->vocabulary;
	const char *kind = NULL;

	if (side == SIDE_FROM) {
		if (role_find(s) != ROLE_COUNT)
			kind = "role";
		else if (in_words(&v->sources, s))
			kind = "source";
		else if (in_words(&v->sites, s))
			kind = "site";
	} else {
		for (const struct environment *e = ps->ast->environments; e != NULL;
		     e = e->next)
			if (str_equal(e->name, s))
				kind = "environment";
		if (in_words(&v->services, s))
			kind = "service";
		for (size_t i = 0; kind == NULL && i < v->group_count; i++)
			if (str_equal(str_of(v->groups[i].name), s))
				kind = "service";
		if (kind == NULL && in_words(&v->connectors, s))
			kind = "connector";
		if (kind == NULL && in_words(&v->tags, s))
			kind = "tag";
		if (kind == NULL && memchr(s.p, '.', s.len) != NULL)
			kind = "host";
	}
	if (kind == NULL)
		return false;
	if (strcmp(kind, "host") == 0)
		diag_remedy(ps->d, "to host \"%.*s\"", SHOWN(s));
	else
		diag_remedy(ps->d, "%s %s %.*s", side == SIDE_FROM ? "from" : "to", kind,
			    SHOWN(s));
	return true;
}

static bool stray_word(struct parser *ps, enum side side, const struct token *t)
{
	const char *words[FIELD_COUNT + 1];
	size_t n = 0;

	complain(ps, t, "\"%.*s\" is neither a table, %s, a prefix nor a keyword",
		 SHOWN(t->text), side == SIDE_FROM ? "a source" : "a host pattern");
	if (suggest_kind(ps, side, t->text))
		return false;
	for (unsigned f = 0; f < FIELD_COUNT; f++)
		if (field_side((enum field)f) == side &&
		    field_word((enum field)f)[0] != '\0')
			words[n++] = field_word((enum field)f);
	words[n++] = "any";
	if (!parser_suggest(ps, t->text, words, n))
		diag_remedy(ps->d, side == SIDE_FROM
					   ? "from role ROLE, source NAME or PREFIX"
					   : "to service NAME, host \"NAME\" or "
					     "PREFIX");
	return false;
}

bool looks_like_address(struct str s)
{
	size_t digits = 0;

	if (memchr(s.p, ':', s.len) != NULL)
		return true;
	while (digits < s.len &&
	       (ascii_is_digit(s.p[digits]) || s.p[digits] == '.' || s.p[digits] == '/'))
		digits++;
	return s.len > 0 && digits == s.len;
}

static bool append(struct parser *ps, struct condition *c, struct item ***end,
		   struct item *it, const struct token *t)
{
	if (it == NULL)
		return false;
	if (c->count == POLICY_LIST_MAX) {
		complain(ps, t, "this list has more than %d items", POLICY_LIST_MAX);
		diag_remedy(ps->d, "table <name> file \"NAME\"");
		return false;
	}
	**end = it;
	*end = &it->next;
	c->count++;
	return true;
}

/* One element after from/to; between braces each names one thing. */
static bool read_element(struct parser *ps, enum side side, struct condition *c,
			 struct item ***end, bool in_braces)
{
	const struct token *t = peek(ps);
	enum field plain = side == SIDE_FROM ? FIELD_INSIDE : FIELD_PEER;
	enum field f = field_named(t, side);

	if (f != FIELD_COUNT) {
		(void)next(ps);
		if (!in_braces)
			return items_read(ps, f, end, &c->count, item_what(f));
		t = next(ps);
		if (t->type == TOKEN_OPEN) {
			complain(ps, t, "a list inside a list");
			diag_remedy(ps->d, "%s X, %s Y", field_word(f), field_word(f));
			return false;
		}
		return append(ps, c, end, item_read(ps, f, t), t);
	}
	(void)next(ps);
	if (t->type == TOKEN_TABLE)
		return append(ps, c, end, item_read(ps, plain, t), t);
	if (!is_text(t)) {
		complain(ps, t, "expected %s here",
			 side == SIDE_FROM
				 ? "any, role, source, site, user, environment, a "
				   "prefix or <table>"
				 : "any, service, host, country, environment, a "
				   "prefix or <table>");
		diag_remedy(ps->d, side == SIDE_FROM ? "from role user, for example"
						     : "to any, for example");
		return false;
	}
	if (looks_like_address(t->text))
		return append(ps, c, end, item_read(ps, plain, t), t);
	return stray_word(ps, side, t);
}

static bool read_elements(struct parser *ps, enum side side, struct condition *c)
{
	struct item **end = &c->items;
	const struct token *open = peek(ps);
	bool more = true, fine = true;

	if (open->type != TOKEN_OPEN)
		return read_element(ps, side, c, &end, false);
	(void)next(ps);
	if (peek(ps)->type == TOKEN_CLOSE) {
		complain(ps, open, "this list is empty");
		diag_remedy(ps->d, "%s any, for everything",
			    side == SIDE_FROM ? "from" : "to");
		return false;
	}
	while (more) {
		size_t at = ps->at;

		if (!read_element(ps, side, c, &end, true)) {
			/* Go on behind one unknown word, so that the next is seen too. */
			if (ps->no_memory || ps->at != at + 1 ||
			    !is_text(&ps->tok.list[at]))
				return false;
			fine = false;
		}
		if (!items_more(ps, open, &more))
			return false;
	}
	return fine;
}

/* Items of one kind stand together, kinds in the order of the fields. */
static void sort_items(struct condition *c)
{
	struct item *lists[FIELD_COUNT] = {NULL};
	struct item **ends[FIELD_COUNT];
	struct item **end = &c->items;
	struct item *next;

	for (size_t f = 0; f < FIELD_COUNT; f++)
		ends[f] = &lists[f];
	for (struct item *it = c->items; it != NULL; it = next) {
		next = it->next;
		it->next = NULL;
		*ends[it->field] = it;
		ends[it->field] = &it->next;
	}
	for (size_t f = 0; f < FIELD_COUNT; f++)
		if (lists[f] != NULL) {
			*end = lists[f];
			end = ends[f];
		}
	c->field = c->items->field;
}

static bool read_side(struct parser *ps, struct rule *r, enum side side, bool negated,
		      bool *ret_any)
{
	struct condition *c;

	bool twice = negated;

	if (is_word(peek(ps), "not")) {
		negated = true;
		(void)next(ps);
		twice = twice || is_word(peek(ps), "not");
		if (twice) {
			complain(ps, &ps->tok.list[ps->at - 1], "\"not\" twice");
			diag_remedy(ps->d, "one \"not\", or none");
			return false;
		}
	}
	if (is_word(peek(ps), "any")) {
		if (negated) {
			complain(ps, peek(ps), "\"not any\" would never match");
			diag_remedy(ps->d, "any, or what is not meant after \"not\"");
			return false;
		}
		(void)next(ps);
		*ret_any = true;
		return true;
	}
	c = condition_new(ps, FIELD_INSIDE, negated);
	if (c == NULL || !read_elements(ps, side, c))
		return false;
	sort_items(c);
	condition_insert(r, c);
	return true;
}

static bool read_hours(struct parser *ps, struct rule *r, bool outside, bool negated)
{
	const char *word = outside ? "outside" : "inside";
	struct condition *c;

	if (!is_word(peek(ps), "hours")) {
		complain(ps, peek(ps), "expected \"hours\" after \"%s\"", word);
		diag_remedy(ps->d, "%s hours", word);
		return false;
	}
	if (negated) {
		complain(ps, peek(ps), "\"not %s hours\"", word);
		diag_remedy(ps->d, "%s hours", outside ? "inside" : "outside");
		return false;
	}
	(void)next(ps);
	c = condition_new(ps, FIELD_HOURS, false);
	if (c == NULL)
		return false;
	c->outside = outside;
	condition_insert(r, c);
	return true;
}

static const struct zone *zone_named(struct parser *ps, const struct token *t)
{
	struct zone_ref *z = ps->ast->zones;
	char name[128];
	size_t count = 0;
	int rc;

	for (; z != NULL; z = z->next, count++)
		if (str_equal(z->name, t->text))
			return z->zone;
	if (count == ZONES_MAX || t->text.len >= sizeof(name)) {
		complain(ps, t, "more than %d zones, or a name of more than 127 bytes",
			 ZONES_MAX);
		diag_remedy(ps->d, "an IANA name such as \"Europe/Berlin\"");
		return NULL;
	}
	memcpy(name, t->text.p, t->text.len);
	name[t->text.len] = '\0';
	z = parser_take(ps, sizeof(*z));
	if (z == NULL)
		return NULL;
	rc = zone_load(ps->cfg->zone_folder, name, &z->zone);
	if (rc != 0) {
		complain(ps, t, "no time zone \"%.*s\"%s", SHOWN(t->text),
			 rc == -EBADMSG ? ": its file is damaged" : "");
		diag_remedy(ps->d, "an IANA name such as \"Europe/Berlin\"");
		return NULL;
	}
	z->name = t->text;
	z->next = ps->ast->zones;
	ps->ast->zones = z;
	return z->zone;
}

static bool read_during(struct parser *ps, struct rule *r, bool negated)
{
	const struct token *t = next(ps);
	struct condition *c = condition_new(ps, FIELD_DURING, negated);
	struct schedule *s = parser_take(ps, sizeof(*s));
	char text[HOURS_TEXT_MAX];
	const char *why;
	size_t at, len;

	if (c == NULL || s == NULL)
		return false;
	if (t->type != TOKEN_STRING) {
		complain(ps, t, "expected hours between quotes after \"during\"");
		diag_remedy(ps->d, "during \"mon-fri 08:00-18:00\"");
		return false;
	}
	if (!hours_parse(t->text, &s->hours, &at, &len, &why)) {
		struct span span = parser_span(ps, t);

		if (t->macro == NULL) {
			span.col += 1 + (unsigned)at;
			span.len = (unsigned)len;
		}
		diag_error(ps->d, span, "these are no hours");
		parser_macro_note(ps, t);
		diag_remedy(ps->d, "%s", why);
		return false;
	}
	hours_format(&s->hours, text, sizeof(text));
	s->text = parser_copy(ps, text, strlen(text));
	if (s->text.p == NULL)
		return false;
	if (is_word(peek(ps), "zone")) {
		(void)next(ps);
		t = parser_text(ps, "the name of a time zone");
		if (t == NULL || (s->zone = zone_named(ps, t)) == NULL)
			return false;
		s->zone_name = t->text;
	}
	c->schedule = s;
	condition_insert(r, c);
	return true;
}

static bool read_bare(struct parser *ps, struct rule *r, enum field f, bool negated)
{
	struct condition *c = condition_new(ps, f, negated);
	struct item **end;

	if (c == NULL)
		return false;
	if (is_word(peek(ps), "not")) {
		complain(ps, peek(ps), "\"not\" stands before \"%s\" here",
			 field_word(f));
		diag_remedy(ps->d, "not %s ..", field_word(f));
		return false;
	}
	end = &c->items;
	if (!items_read(ps, f, &end, &c->count, item_what(f)))
		return false;
	sort_items(c);
	condition_insert(r, c);
	return true;
}

static bool read_one(struct parser *ps, struct rule *r, bool *ret_any)
{
	const struct token *t = next(ps);
	bool negated = is_word(t, "not");

	if (negated)
		t = next(ps);
	if (is_word(t, "from"))
		return read_side(ps, r, SIDE_FROM, negated, ret_any);
	if (is_word(t, "to"))
		return read_side(ps, r, SIDE_TO, negated, ret_any);
	if (is_word(t, "inside") || is_word(t, "outside"))
		return read_hours(ps, r, is_word(t, "outside"), negated);
	if (is_word(t, "during"))
		return read_during(ps, r, negated);
	for (size_t i = 0; i < STARTS; i++)
		if (starts[i].field != FIELD_COUNT && is_word(t, starts[i].word))
			return read_bare(ps, r, starts[i].field, negated);
	complain(ps, t, "expected a condition after \"not\"");
	diag_remedy(ps->d, "not proto dns, for example");
	return false;
}

/* Where its words stand; of those that go on in another line the first. */
static struct span span_of(struct parser *ps, size_t from)
{
	struct span at = parser_span(ps, &ps->tok.list[from]);
	struct span end = parser_span(ps, &ps->tok.list[ps->at - 1]);

	if (end.line == at.line && end.col >= at.col)
		at.len = end.col + end.len - at.col;
	return at;
}

bool condition_read(struct parser *ps, struct rule *r, bool *ret_any)
{
	const size_t from = ps->at;

	ps->condition = NULL;
	if (!read_one(ps, r, ret_any))
		return false;
	if (ps->condition != NULL)
		ps->condition->at = span_of(ps, from);
	return true;
}
