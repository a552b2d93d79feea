/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_LEXER_H
#define CONFIG_LEXER_H

/*
 * lexer - the tokens of libconfig's grammar with their places.
 *
 * Faults inside a token (a string without its closing quote, a byte that begins nothing,
 * @include, \x00) are reported here; `failed` is then set.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/text.h"

enum token_kind {
	TOKEN_END,
	TOKEN_BAD, /* reported */
	TOKEN_WORD,
	TOKEN_STRING,
	TOKEN_INTEGER,
	TOKEN_FLOAT,
	TOKEN_BOOL,
	TOKEN_EQUALS, /* '=' or ':' */
	TOKEN_SEMICOLON,
	TOKEN_COMMA,
	TOKEN_GROUP_OPEN,
	TOKEN_GROUP_CLOSE,
	TOKEN_ARRAY_OPEN,
	TOKEN_ARRAY_CLOSE,
	TOKEN_LIST_OPEN,
	TOKEN_LIST_CLOSE
};

struct token {
	enum token_kind kind;
	struct str text; /* as written */
	unsigned line, col;
};

struct lexer {
	const char *p, *end;
	const char *line_start;
	unsigned line;
	const char *file;
	struct diag *diag;
	struct token unread; /* kind != TOKEN_END: comes next */
	bool failed;
};

/* Reads nothing; false (and reported) when a NUL byte stands in the text. */
bool lexer_is_text(struct lexer *lx);

void lexer_start(struct lexer *lx, const char *file, struct str text, struct diag *d);
struct token lexer_next(struct lexer *lx); /* TOKEN_END for ever at the end */
void lexer_unread(struct lexer *lx, const struct token *t);

bool token_is_name(const struct token *t); /* may name a setting */

static inline bool token_opens(enum token_kind k)
{
	return k == TOKEN_GROUP_OPEN || k == TOKEN_ARRAY_OPEN || k == TOKEN_LIST_OPEN;
}

static inline bool token_closes(enum token_kind k)
{
	return k == TOKEN_GROUP_CLOSE || k == TOKEN_ARRAY_CLOSE || k == TOKEN_LIST_CLOSE;
}

#endif /* CONFIG_LEXER_H */
