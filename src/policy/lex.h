/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_LEX_H
#define POLICY_LEX_H

/*
 * lex - the words of one statement of a rule file.
 *
 * A statement is a line; `\` at the end of a line joins the next one; `#` begins a comment.
 * Tokens borrow from the file's text.  Faults go to diag; the statement is then skipped.
 *
 * Limits: lines of POLICY_LINE_MAX bytes, TOKENS_MAX tokens a statement.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/text.h"

#define TOKENS_MAX 60000

enum token_type {
	TOKEN_END = 0, /* the end of the statement */
	TOKEN_WORD,
	TOKEN_STRING, /* text is what stands between the quotes */
	TOKEN_TABLE,  /* text is what stands between < and > */
	TOKEN_MACRO,  /* text is what follows $ */
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_EQUALS,
	TOKEN_ARROW
};

struct macro;

struct token {
	enum token_type type;
	struct str text;
	unsigned line, col, len;   /* as written, quotes and brackets included */
	const struct macro *macro; /* not NULL: stands for `$name` written here */
};

struct tokens {
	struct token *list; /* malloc'd; list[count] is a TOKEN_END */
	size_t count, room;
};

void tokens_finish(struct tokens *t);

/* 0 or -ENOMEM; keeps a TOKEN_END after the last one. */
int tokens_add(struct tokens *t, const struct token *one)
	__attribute__((warn_unused_result));

struct reader {
	const char *file;
	const char *text;
	size_t len;
	size_t pos;
	unsigned line; /* of pos, from 1 */
	size_t line_start;
};

enum lex_result {
	LEX_STATEMENT = 0, /* at least one token */
	LEX_BAD,           /* reported; go on with the next */
	LEX_EOF,
	LEX_NO_MEMORY
};

enum lex_result lex_statement(struct reader *r, struct tokens *ret, struct diag *d);

#endif /* POLICY_LEX_H */
