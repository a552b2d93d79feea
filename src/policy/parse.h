/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_PARSE_H
#define POLICY_PARSE_H

/*
 * parse - one statement at a time, from tokens to the ast.
 *
 * Every function that returns bool gives false after reporting a fault (or setting
 * no_memory); the statement is then abandoned and the next line is read, so that one run
 * reports the faults of all lines.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "policy/ast.h"
#include "policy/lex.h"
#include "policy/policy.h"

struct macro {
	struct macro *next;
	struct str name;
	struct token *list; /* in the arena; without the outer braces */
	size_t count;
	bool braced;
	const char *file;
	unsigned line;
};

/* The words of an `import` statement; they take the place of those in the file. */
struct import_words {
	struct item *roles; /* NULL = the file's own */
	struct item *bound; /* NULL = the file's own */
	size_t bound_count;
	bool bound_negated;
	bool report_only, enforce;
};

struct parser {
	struct ast *ast;
	struct arena *arena;
	struct diag *d;
	const struct policy_cfg *cfg;

	const struct source *file;   /* of the statement at hand */
	struct tokens raw;           /* as written */
	struct tokens tok;           /* macros expanded */
	size_t at;                   /* next token of tok */
	struct condition *condition; /* the one read last */
	bool no_memory;

	const struct provenance *from;   /* of the file at hand; NULL = written by hand */
	const struct provenance *policy; /* of a `policy` line in gate connectors */
	bool imported;                   /* by a statement, whose words are */
	struct import_words words;

	struct macro *macros;
	size_t macro_count;
	enum gate gate;      /* GATE_COUNT = before the first */
	bool lost_gate;      /* the last header named no gate: its lines are skipped */
	bool gate_report;    /* the header says report-only */
	unsigned gates_seen; /* of this file of the configuration: 1u << gate */
	struct endpoint_list *list; /* takes the numbered lines */
	bool lone_list; /* a faulty list takes them: numbered lines are not reported */
};

/* For "%.*s": what of a word is shown in a message. */
#define SHOWN(s) (int)((s).len > 100 ? 100 : (s).len), (s).p

#define complain(ps, t, ...)                                              \
	do {                                                              \
		diag_error((ps)->d, parser_span((ps), (t)), __VA_ARGS__); \
		parser_macro_note((ps), (t));                             \
	} while (0)

static inline const struct token *peek(const struct parser *ps)
{
	return &ps->tok.list[ps->at];
}

/* The END token is never passed. */
static inline const struct token *next(struct parser *ps)
{
	const struct token *t = peek(ps);

	if (t->type != TOKEN_END)
		ps->at++;
	return t;
}

static inline bool is_text(const struct token *t)
{
	return t->type == TOKEN_WORD || t->type == TOKEN_STRING;
}

static inline bool is_word(const struct token *t, const char *word)
{
	return t->type == TOKEN_WORD && str_equal(t->text, str_of(word));
}

/* parse.c: what all parts share */
struct span parser_span(const struct parser *ps, const struct token *t);
void parser_macro_note(struct parser *ps, const struct token *t);
void *parser_take(struct parser *ps, size_t size); /* NULL sets no_memory */
struct str parser_copy(struct parser *ps, const char *p, size_t len);
struct str parser_lower(struct parser *ps, struct str s);
bool parser_end(struct parser *ps); /* nothing may follow */
/* A remedy with the nearest of `words`, when one is near; returns whether it was. */
bool parser_suggest(struct parser *ps, struct str s, const char *const *words,
		    size_t count);
bool parser_fresh(const struct parser *ps); /* may more findings be kept? */
/* Read a file; its text stays with the ast.  NULL after a report at `at`. */
const struct source *parser_open(struct parser *ps, const char *path, struct span at);
/* The next token as a word or string; `what` says in the message what is missing. */
const struct token *parser_text(struct parser *ps, const char *what);
bool parser_name_ok(struct parser *ps, const struct token *t, const char *what);
bool parser_port(struct parser *ps, const struct token *t, struct str s, uint16_t *ret);
bool parser_guid(struct parser *ps, const struct token *t, char ret[GUID_LEN + 1]);

/* items.c: the items of lists */
struct item *item_new(struct parser *ps, enum field f);
/* One item of field `f` from token `t`; NULL after a report. */
struct item *item_read(struct parser *ps, enum field f, const struct token *t);
/*
 * `X` or `{ X, Y }` of field `f`, appended to *end (which moves).  `what` names an item in
 * messages.
 */
bool items_read(struct parser *ps, enum field f, struct item ***end, size_t *count,
		const char *what);
/* After an item between braces: a comma (more = true) or the closing brace. */
bool items_more(struct parser *ps, const struct token *open, bool *ret_more);
/* lists.c: how the connector's endpoints are written; FAMILY_COUNT = it has no lists. */
enum family list_family(const char *connector);
struct table *table_find(const struct ast *a, struct str name);
enum role role_read(struct parser *ps, const struct token *t); /* ROLE_COUNT: reported */

/* tables.c */
bool parse_table(struct parser *ps);

/* names.c: tenants and environments */
bool parse_tenant(struct parser *ps);
bool parse_environment(struct parser *ps);
bool parse_own(struct parser *ps);

/* bindings.c */
bool parse_bind(struct parser *ps);
/* After all files: prefixes that several bindings give are errors. */
void bindings_check(struct parser *ps);

/* rules.c */
bool parse_gate(struct parser *ps);
bool parse_rule(struct parser *ps);
struct str parser_line(const struct parser *ps, const struct token *t);
struct rule *rule_new(struct parser *ps, const struct token *t);
/* Attributes from here to the end of the statement, of the kinds in `allowed`. */
enum attribute {
	ATTRIBUTE_REPORT_ONLY = 0,
	ATTRIBUTE_CUT,
	ATTRIBUTE_CAPTURE,
	ATTRIBUTE_LABEL,
	ATTRIBUTE_SCORE,
	ATTRIBUTE_SKIP,
	ATTRIBUTE_OWNER,
	ATTRIBUTE_REASON,
	ATTRIBUTE_TICKET,
	ATTRIBUTE_EXPIRES,
	ATTRIBUTE_NOTE,
	ATTRIBUTE_COUNT
};
extern const char *const attribute_words[ATTRIBUTE_COUNT];
enum attribute attribute_find(const struct token *t);
bool attribute_read(struct parser *ps, struct rule *r, enum attribute a, unsigned *seen);

/* conditions.c */
bool condition_read(struct parser *ps, struct rule *r, bool *ret_any);
void condition_insert(struct rule *r, struct condition *c);
bool looks_like_address(struct str s);
bool is_condition_word(const struct token *t);
const char *const *condition_words(size_t *ret_count);

/* lists.c */
bool parse_list(struct parser *ps);
bool parse_list_line(struct parser *ps);
void list_close(struct parser *ps); /* checks the list that took lines so far */

/* imports.c */
/* Is it a generated file?  Then *ret is what it says of itself; false when it was changed. */
bool generated_read(struct parser *ps, const struct source *s, struct provenance **ret);
bool parse_policy_name(struct parser *ps);
/* What follows the name of the file; *w is all zero before. */
bool import_words_read(struct parser *ps, struct import_words *w);
/* Where a line or list comes from, and what the statement makes of it. */
bool import_rule(struct parser *ps, struct rule *r);
void import_list(struct parser *ps, struct endpoint_list *l);

/* expects.c */
bool parse_expect(struct parser *ps);

#endif /* POLICY_PARSE_H */
