/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "policy/ast.h"

void tokens_finish(struct tokens *t)
{
	free(t->list);
	*t = (struct tokens){0};
}

int tokens_add(struct tokens *t, const struct token *one)
{
	if (t->count + 2 > t->room) {
		size_t room = t->room == 0 ? 64 : t->room * 2;
		struct token *list = realloc(t->list, room * sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		t->list = list;
		t->room = room;
	}
	t->list[t->count++] = *one;
	t->list[t->count] = (struct token){
		.type = TOKEN_END,
		.line = one->line,
		.col = one->col + one->len,
		.macro = one->macro,
	};
	return 0;
}

static struct span span_at(const struct reader *r, size_t pos, size_t len)
{
	return (struct span){
		.file = r->file,
		.line = r->line,
		.col = (unsigned)(pos - r->line_start) + 1,
		.len = (unsigned)len,
	};
}

static size_t line_end(const struct reader *r)
{
	const char *end = memchr(r->text + r->pos, '\n', r->len - r->pos);

	return end == NULL ? r->len : (size_t)(end - r->text);
}

static void next_line(struct reader *r)
{
	size_t end = line_end(r);

	r->pos = end < r->len ? end + 1 : r->len;
	r->line_start = r->pos;
	r->line++;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_word_byte(char c)
{
	return c > ' ' && c < 0x7f && strchr("\"#$<>{},=\\", c) == NULL;
}

/* Bytes of a word from `pos`; "->" is no part of one. */
static size_t word_len(const struct reader *r, size_t pos, size_t end)
{
	size_t n = 0;

	while (pos + n < end && is_word_byte(r->text[pos + n])) {
		if (r->text[pos + n] == '-' && pos + n + 1 < end &&
		    r->text[pos + n + 1] == '>')
			break;
		n++;
	}
	return n;
}

static bool lex_string(struct reader *r, size_t end, struct token *ret, struct diag *d)
{
	const char *start = r->text + r->pos;
	const char *close = memchr(start + 1, '"', end - r->pos - 1);
	size_t bad;

	if (close == NULL) {
		diag_error(d, span_at(r, r->pos, end - r->pos),
			   "this string has no end on its line");
		diag_remedy(d, "a closing \" (a string holds no quotes itself)");
		return false;
	}
	ret->type = TOKEN_STRING;
	ret->text = (struct str){start + 1, (size_t)(close - start) - 1};
	ret->len = (unsigned)(close - start) + 1;
	bad = utf8_text_len(ret->text.p, ret->text.len);
	if (bad < ret->text.len) {
		diag_error(d, span_at(r, r->pos + 1 + bad, 1),
			   "byte 0x%02x in a string: neither printable nor UTF-8",
			   (unsigned char)ret->text.p[bad]);
		diag_remedy(d, "the text in UTF-8, without control characters");
		return false;
	}
	return true;
}

static bool lex_table(struct reader *r, size_t end, struct token *ret, struct diag *d)
{
	size_t n = word_len(r, r->pos + 1, end);

	if (n == 0 || r->pos + 1 + n >= end || r->text[r->pos + 1 + n] != '>') {
		diag_error(d, span_at(r, r->pos, n + 1), "this table name has no end");
		diag_remedy(d, "<name>");
		return false;
	}
	ret->type = TOKEN_TABLE;
	ret->text = (struct str){r->text + r->pos + 1, n};
	ret->len = (unsigned)n + 2;
	return true;
}

static bool lex_macro(struct reader *r, size_t end, struct token *ret, struct diag *d)
{
	size_t n = word_len(r, r->pos + 1, end);

	if (n == 0) {
		diag_error(d, span_at(r, r->pos, 1), "\"$\" without a macro's name");
		diag_remedy(d, "$name");
		return false;
	}
	ret->type = TOKEN_MACRO;
	ret->text = (struct str){r->text + r->pos + 1, n};
	ret->len = (unsigned)n + 1;
	return true;
}

static bool lex_other(struct reader *r, struct token *ret, struct diag *d)
{
	static const struct {
		char c;
		enum token_type type;
	} marks[] = {
		{'{', TOKEN_OPEN},
		{'}', TOKEN_CLOSE},
		{',', TOKEN_COMMA},
		{'=', TOKEN_EQUALS},
	};
	char c = r->text[r->pos];

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (marks[i].c == c) {
			ret->type = marks[i].type;
			ret->text = (struct str){r->text + r->pos, 1};
			ret->len = 1;
			return true;
		}
	if (c == '\\') {
		diag_error(d, span_at(r, r->pos, 1),
			   "\"\\\" joins the next line, so it stands last on its line");
		diag_remedy(d, "a string between quotes, where the \"\\\" is meant");
	} else if (c == '>') {
		diag_error(d, span_at(r, r->pos, 1), "\">\" without \"<\"");
		diag_remedy(d, "<name>, or -> in an expect line");
	} else {
		diag_error(d, span_at(r, r->pos, 1), "byte 0x%02x outside of a string",
			   (unsigned char)c);
		diag_remedy(d, "words of ASCII; other text between quotes");
	}
	return false;
}

static bool lex_one(struct reader *r, size_t end, struct token *ret, struct diag *d)
{
	char c = r->text[r->pos];
	size_t n;

	*ret = (struct token){.line = r->line,
			      .col = (unsigned)(r->pos - r->line_start) + 1};
	if (c == '"')
		return lex_string(r, end, ret, d);
	if (c == '<')
		return lex_table(r, end, ret, d);
	if (c == '$')
		return lex_macro(r, end, ret, d);
	if (c == '-' && r->pos + 1 < end && r->text[r->pos + 1] == '>') {
		ret->type = TOKEN_ARROW;
		ret->text = (struct str){r->text + r->pos, 2};
		ret->len = 2;
		return true;
	}
	n = word_len(r, r->pos, end);
	if (n == 0)
		return lex_other(r, ret, d);
	ret->type = TOKEN_WORD;
	ret->text = (struct str){r->text + r->pos, n};
	ret->len = (unsigned)n;
	return true;
}

/* Is the rest of the line after a `\` blank? */
static bool joins(const struct reader *r, size_t pos, size_t end)
{
	while (pos < end && is_blank(r->text[pos]))
		pos++;
	return pos == end;
}

/* Skip the rest of a statement that has a fault: its lines joined by `\` too. */
static enum lex_result give_up(struct reader *r)
{
	bool more = true;

	while (more && r->pos < r->len) {
		size_t end = line_end(r);
		size_t last = end;

		while (last > r->line_start && is_blank(r->text[last - 1]))
			last--;
		more = last > r->line_start && r->text[last - 1] == '\\';
		next_line(r);
	}
	return LEX_BAD;
}

/* One line.  *ret_joined: it ends with `\`, so the statement goes on. */
static enum lex_result lex_line(struct reader *r, struct tokens *ret, bool *ret_joined,
				struct diag *d)
{
	size_t end = line_end(r);
	struct token one;

	*ret_joined = false;
	if (end - r->pos > POLICY_LINE_MAX) {
		diag_error(d, span_at(r, r->pos, 1),
			   "this line has %zu bytes; at most %d are read", end - r->pos,
			   POLICY_LINE_MAX);
		diag_remedy(d, "several lines, joined by \"\\\", or a table in a file");
		return give_up(r);
	}
	while (r->pos < end && r->text[r->pos] != '#') {
		if (is_blank(r->text[r->pos])) {
			r->pos++;
			continue;
		}
		if (r->text[r->pos] == '\\' && joins(r, r->pos + 1, end)) {
			*ret_joined = true;
			break;
		}
		if (!lex_one(r, end, &one, d))
			return give_up(r);
		if (ret->count == TOKENS_MAX) {
			diag_error(d, span_at(r, r->pos, one.len),
				   "this statement has more than %d words", TOKENS_MAX);
			diag_remedy(d, "table <name> file \"NAME\" for long lists");
			return give_up(r);
		}
		if (tokens_add(ret, &one) != 0)
			return LEX_NO_MEMORY;
		r->pos += one.len;
	}
	next_line(r);
	return LEX_STATEMENT;
}

enum lex_result lex_statement(struct reader *r, struct tokens *ret, struct diag *d)
{
	bool joined = false;

	ret->count = 0;
	while (r->pos < r->len) {
		enum lex_result rc = lex_line(r, ret, &joined, d);

		if (rc != LEX_STATEMENT)
			return rc;
		if (!joined && ret->count > 0)
			return LEX_STATEMENT;
	}
	return ret->count > 0 ? LEX_STATEMENT : LEX_EOF;
}
