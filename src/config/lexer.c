/* SPDX-License-Identifier: Apache-2.0 */
#include "config/lexer.h"

#include <string.h>

void lexer_start(struct lexer *lx, const char *file, struct str text, struct diag *d)
{
	*lx = (struct lexer){.p = text.p,
			     .end = text.p + text.len,
			     .line_start = text.p,
			     .line = 1,
			     .file = file,
			     .diag = d};
}

void lexer_unread(struct lexer *lx, const struct token *t)
{
	lx->unread = *t;
}

static void new_line(struct lexer *lx)
{
	lx->line++;
	lx->line_start = lx->p + 1;
}

static struct token token_at(const struct lexer *lx, enum token_kind kind, size_t len)
{
	return (struct token){.kind = kind,
			      .text = {lx->p, len},
			      .line = lx->line,
			      .col = (unsigned)(lx->p - lx->line_start) + 1};
}

static struct span span_of(const struct lexer *lx, const struct token *t)
{
	return (struct span){.file = lx->file,
			     .line = t->line,
			     .col = t->col,
			     .len = (unsigned)t->text.len};
}

static bool looking_at(const struct lexer *lx, const char *two)
{
	return lx->end - lx->p >= 2 && lx->p[0] == two[0] && lx->p[1] == two[1];
}

bool lexer_is_text(struct lexer *lx)
{
	const char *nul = memchr(lx->p, '\0', (size_t)(lx->end - lx->p));
	struct lexer to = *lx;
	struct token t;

	if (nul == NULL)
		return true;
	for (; to.p < nul; to.p++)
		if (*to.p == '\n')
			new_line(&to);
	t = token_at(&to, TOKEN_BAD, 1);
	diag_error(lx->diag, span_of(lx, &t), "a NUL byte: this is not a text file");
	lx->failed = true;
	return false;
}

static void skip_line(struct lexer *lx)
{
	while (lx->p < lx->end && *lx->p != '\n')
		lx->p++;
}

static void skip_comment(struct lexer *lx)
{
	struct token start = token_at(lx, TOKEN_BAD, 2);

	for (lx->p += 2; lx->p < lx->end; lx->p++) {
		if (looking_at(lx, "*/")) {
			lx->p += 2;
			return;
		}
		if (*lx->p == '\n')
			new_line(lx);
	}
	diag_error(lx->diag, span_of(lx, &start), "the comment is never closed");
	lx->failed = true;
}

static void skip_blanks(struct lexer *lx)
{
	while (lx->p < lx->end) {
		switch (*lx->p) {
		case '\n':
			new_line(lx);
			lx->p++;
			break;
		case ' ':
		case '\t':
		case '\r':
		case '\f':
			lx->p++;
			break;
		case '#':
			skip_line(lx);
			break;
		case '/':
			if (looking_at(lx, "//"))
				skip_line(lx);
			else if (looking_at(lx, "/*"))
				skip_comment(lx);
			else
				return;
			break;
		default:
			return;
		}
	}
}

static bool word_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_' || c == '-' ||
	       c == '*' || c == '+' || c == '.' || c == '%';
}

bool token_is_name(const struct token *t)
{
	if (!ascii_is_alpha(t->text.p[0]) && t->text.p[0] != '*')
		return false;
	for (size_t i = 0; i < t->text.len; i++)
		if (t->text.p[i] == '+' || t->text.p[i] == '.' || t->text.p[i] == '%')
			return false;
	return true;
}

/* Digits from s.p + *at on; how many. */
static size_t digits(struct str s, size_t *at)
{
	size_t from = *at;

	while (*at < s.len && ascii_is_digit(s.p[*at]))
		(*at)++;
	return *at - from;
}

/* [-+]?digits with up to two final L, 0x digits, or a decimal fraction or exponent. */
static enum token_kind number_kind(struct str s)
{
	size_t i = s.len > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0, whole, part = 0;

	if (i == 0 && s.len > 2 && s.p[0] == '0' && ascii_lower(s.p[1]) == 'x') {
		for (i = 2; i < s.len && ascii_is_hex(s.p[i]); i++)
			;
		return i == s.len ? TOKEN_INTEGER : TOKEN_WORD;
	}
	whole = digits(s, &i);
	if (whole > 0 && s.len - i <= 2 && (i == s.len || s.p[i] == 'L') &&
	    s.p[s.len - 1] != 'l' && (s.len - i < 2 || s.p[i + 1] == 'L'))
		return TOKEN_INTEGER;
	if (i < s.len && s.p[i] == '.') {
		i++;
		part = digits(s, &i);
	}
	if (whole + part == 0)
		return TOKEN_WORD;
	if (i < s.len && ascii_lower(s.p[i]) == 'e') {
		i++;
		if (i < s.len && (s.p[i] == '-' || s.p[i] == '+'))
			i++;
		if (digits(s, &i) == 0)
			return TOKEN_WORD;
	}
	return i == s.len ? TOKEN_FLOAT : TOKEN_WORD;
}

static struct token word_token(struct lexer *lx)
{
	struct token t = token_at(lx, TOKEN_WORD, 0);

	while (lx->p < lx->end && word_byte(*lx->p))
		lx->p++;
	t.text.len = (size_t)(lx->p - t.text.p);
	if (str_equal_fold(t.text, STR("true")) || str_equal_fold(t.text, STR("false")))
		t.kind = TOKEN_BOOL;
	else
		t.kind = number_kind(t.text);
	return t;
}

static struct token string_fault(struct lexer *lx, struct token *t, const char *why)
{
	t->text.len = (size_t)(lx->p - t->text.p);
	diag_error(lx->diag, span_of(lx, t), "%s", why);
	lx->failed = true;
	t->kind = TOKEN_STRING; /* go on as if it were closed here */
	return *t;
}

static struct token string_token(struct lexer *lx)
{
	struct token t = token_at(lx, TOKEN_STRING, 0);

	for (lx->p++; lx->p < lx->end && *lx->p != '"'; lx->p++) {
		if (*lx->p == '\n')
			return string_fault(lx, &t,
					    "the string is not closed on its line");
		if (*lx->p == '\\' && lx->end - lx->p >= 4 && lx->p[1] == 'x' &&
		    lx->p[2] == '0' && lx->p[3] == '0') {
			struct token zero = token_at(lx, TOKEN_BAD, 4);

			diag_error(lx->diag, span_of(lx, &zero),
				   "a string cannot hold a NUL byte");
			lx->failed = true;
		}
		if (*lx->p == '\\' && lx->end - lx->p >= 2 && lx->p[1] != '\n')
			lx->p++;
	}
	if (lx->p == lx->end)
		return string_fault(lx, &t, "the string is not closed on its line");
	lx->p++;
	t.text.len = (size_t)(lx->p - t.text.p);
	return t;
}

static struct token bad_token(struct lexer *lx)
{
	struct token t = token_at(lx, TOKEN_BAD, 1);

	if (*lx->p == '@') {
		while (lx->p + t.text.len < lx->end && ascii_is_alpha(lx->p[t.text.len]))
			t.text.len++;
		diag_error(lx->diag, span_of(lx, &t), "@include is not supported");
		diag_note(lx->diag,
			  "one weir.conf is one file; rule files can include others");
	} else if (*lx->p == '\'') {
		diag_error(lx->diag, span_of(lx, &t), "strings stand in double quotes");
	} else {
		diag_error(lx->diag, span_of(lx, &t), "'%.1s' cannot stand here",
			   t.text.p);
	}
	lx->failed = true;
	lx->p += t.text.len;
	return t;
}

static enum token_kind mark_kind(char c)
{
	switch (c) {
	case '=':
	case ':':
		return TOKEN_EQUALS;
	case ';':
		return TOKEN_SEMICOLON;
	case ',':
		return TOKEN_COMMA;
	case '{':
		return TOKEN_GROUP_OPEN;
	case '}':
		return TOKEN_GROUP_CLOSE;
	case '[':
		return TOKEN_ARRAY_OPEN;
	case ']':
		return TOKEN_ARRAY_CLOSE;
	case '(':
		return TOKEN_LIST_OPEN;
	case ')':
		return TOKEN_LIST_CLOSE;
	default:
		return TOKEN_BAD;
	}
}

struct token lexer_next(struct lexer *lx)
{
	struct token t = lx->unread;

	if (t.kind != TOKEN_END) {
		lx->unread.kind = TOKEN_END;
		return t;
	}
	skip_blanks(lx);
	if (lx->p == lx->end)
		return token_at(lx, TOKEN_END, 0);
	if (*lx->p == '"')
		return string_token(lx);
	if (word_byte(*lx->p))
		return word_token(lx);
	t.kind = mark_kind(*lx->p);
	if (t.kind == TOKEN_BAD)
		return bad_token(lx);
	t = token_at(lx, t.kind, 1);
	lx->p++;
	return t;
}
