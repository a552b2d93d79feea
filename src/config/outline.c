/* SPDX-License-Identifier: Apache-2.0 */
#include "config/outline.h"

#include <stdlib.h>

#include "config/lexer.h"

/* What may come next. */
enum expect {
	EXPECT_NAME,      /* or the end of the group */
	EXPECT_EQUALS,    /* after a name */
	EXPECT_VALUE,     /* after '=', or after a comma of a list */
	EXPECT_FIRST,     /* a value or the closing bracket */
	EXPECT_SEPARATOR, /* after a value */
};

struct reader {
	struct lexer lx;
	struct outline *o;
	uint32_t capacity;
	uint32_t open[OUTLINE_DEPTH_MAX + 1]; /* nodes whose bracket is open */
	unsigned depth;                       /* of the innermost one */
	enum expect expect;
	struct token name; /* the setting being read */
	bool failed;
	bool stop; /* nothing sensible can follow */
};

static struct span token_span(const struct reader *r, const struct token *t)
{
	return (struct span){.file = r->o->file,
			     .line = t->line,
			     .col = t->col,
			     .len = (unsigned)t->text.len};
}

/* Text of a token in a message: short, on one line. */
static int shown(const struct token *t)
{
	return t->text.len > 40 ? 40 : (int)t->text.len;
}

static struct node *innermost(const struct reader *r)
{
	return &r->o->nodes[r->open[r->depth]];
}

static struct node *add_node(struct reader *r, enum node_kind kind, const struct token *t)
{
	struct outline *o = r->o;
	struct node *n;

	if (o->count == OUTLINE_NODES_MAX) {
		diag_error(r->lx.diag, token_span(r, t),
			   "more than %d settings and elements in one file",
			   OUTLINE_NODES_MAX);
		r->failed = r->stop = true;
		return NULL;
	}
	if (o->count == r->capacity) {
		uint32_t more = r->capacity == 0 ? 64 : r->capacity * 2;
		struct node *grown = realloc(o->nodes, more * sizeof(*grown));

		if (grown == NULL) {
			diag_error(r->lx.diag, token_span(r, t), "out of memory");
			r->failed = r->stop = true;
			return NULL;
		}
		o->nodes = grown;
		r->capacity = more;
	}
	n = &o->nodes[o->count++];
	*n = (struct node){.kind = kind,
			   .end = o->count,
			   .name = r->name.text,
			   .line = r->name.text.len > 0 ? r->name.line : t->line,
			   .col = r->name.text.len > 0 ? r->name.col : t->col,
			   .value_line = t->line,
			   .value_col = t->col,
			   .source = t->text};
	r->name = (struct token){.kind = TOKEN_END};
	return n;
}

/*
 * After an error: skip to where a setting or an element may begin again.  Brackets opened
 * meanwhile are skipped with what they hold.
 */
static void recover(struct reader *r, struct token t)
{
	unsigned inner = 0;

	r->failed = true;
	r->name = (struct token){.kind = TOKEN_END};
	r->expect = EXPECT_SEPARATOR;
	for (;; t = lexer_next(&r->lx)) {
		bool separator = t.kind == TOKEN_SEMICOLON || t.kind == TOKEN_COMMA;

		if (t.kind == TOKEN_END || (inner == 0 && separator))
			break;
		if (token_opens(t.kind))
			inner++;
		else if (token_closes(t.kind) && inner == 0)
			break;
		else if (token_closes(t.kind))
			inner--;
	}
	if (t.kind == TOKEN_SEMICOLON || t.kind == TOKEN_COMMA)
		r->expect = innermost(r)->kind == NODE_GROUP ? EXPECT_NAME : EXPECT_FIRST;
	else
		lexer_unread(&r->lx, &t);
}

static enum token_kind closing(enum node_kind kind)
{
	return kind == NODE_GROUP   ? TOKEN_GROUP_CLOSE
	       : kind == NODE_ARRAY ? TOKEN_ARRAY_CLOSE
				    : TOKEN_LIST_CLOSE;
}

static void open_bracket(struct reader *r, const struct token *t)
{
	enum node_kind kind = t->kind == TOKEN_GROUP_OPEN   ? NODE_GROUP
			      : t->kind == TOKEN_ARRAY_OPEN ? NODE_ARRAY
							    : NODE_LIST;

	if (innermost(r)->kind == NODE_ARRAY) {
		diag_error(r->lx.diag, token_span(r, t),
			   "an array [ ] holds only plain values");
		diag_remedy(r->lx.diag,
			    "( ... ) around elements that are lists or groups");
		recover(r, *t);
		return;
	}
	if (r->depth == OUTLINE_DEPTH_MAX) {
		diag_error(r->lx.diag, token_span(r, t), "brackets are nested too deep");
		r->failed = r->stop = true;
		return;
	}
	innermost(r)->count++;
	if (add_node(r, kind, t) == NULL)
		return;
	r->open[++r->depth] = r->o->count - 1;
	r->expect = kind == NODE_GROUP ? EXPECT_NAME : EXPECT_FIRST;
}

static void close_bracket(struct reader *r, const struct token *t)
{
	const struct node *n = innermost(r);

	if (r->depth == 0) {
		diag_error(r->lx.diag, token_span(r, t), "'%.*s' closes nothing",
			   (int)t->text.len, t->text.p);
		r->failed = r->stop = true;
		return;
	}
	if (t->kind != closing(n->kind)) {
		diag_error(r->lx.diag, token_span(r, t),
			   "'%.*s' does not close the '%.*s' of line %u",
			   (int)t->text.len, t->text.p, (int)n->source.len, n->source.p,
			   n->value_line);
		r->failed = r->stop = true;
		return;
	}
	r->o->nodes[r->open[r->depth]].end = r->o->count;
	r->depth--;
	r->expect = EXPECT_SEPARATOR;
}

static void no_value(struct reader *r, const struct token *t)
{
	if (r->name.text.len > 0) {
		diag_error(r->lx.diag, token_span(r, &r->name), "'%.*s' has no value",
			   shown(&r->name), r->name.text.p);
	} else {
		diag_error(r->lx.diag, token_span(r, t),
			   "a value is expected, not '%.*s'", shown(t), t->text.p);
		if (token_closes(t->kind))
			diag_note(r->lx.diag, "no comma may follow the last element");
	}
	recover(r, *t);
}

static void read_value(struct reader *r, const struct token *t)
{
	static const enum node_kind kinds[] = {
		[TOKEN_STRING] = NODE_STRING,
		[TOKEN_INTEGER] = NODE_INTEGER,
		[TOKEN_FLOAT] = NODE_FLOAT,
		[TOKEN_BOOL] = NODE_BOOL,
	};

	if (token_opens(t->kind)) {
		open_bracket(r, t);
		return;
	}
	if (t->kind == TOKEN_WORD) {
		diag_error(r->lx.diag, token_span(r, t), "'%.*s' stands without quotes",
			   shown(t), t->text.p);
		diag_remedy(r->lx.diag, "\"%.*s\"", shown(t), t->text.p);
		recover(r, *t);
		return;
	}
	if (t->kind != TOKEN_STRING && t->kind != TOKEN_INTEGER &&
	    t->kind != TOKEN_FLOAT && t->kind != TOKEN_BOOL) {
		no_value(r, t);
		return;
	}
	innermost(r)->count++;
	if (add_node(r, kinds[t->kind], t) != NULL)
		r->expect = EXPECT_SEPARATOR;
}

static void read_name(struct reader *r, const struct token *t)
{
	if (token_closes(t->kind)) {
		close_bracket(r, t);
		return;
	}
	if (t->kind == TOKEN_WORD && token_is_name(t)) {
		r->name = *t;
		r->expect = EXPECT_EQUALS;
		return;
	}
	if (t->kind == TOKEN_SEMICOLON || t->kind == TOKEN_COMMA) {
		diag_error(r->lx.diag, token_span(r, t), "'%.*s' ends nothing",
			   (int)t->text.len, t->text.p);
		diag_note(r->lx.diag, "one ';' follows a setting, and none a '{'");
		r->failed = true;
		return;
	}
	diag_error(r->lx.diag, token_span(r, t),
		   "the name of a setting is expected, not '%.*s'", shown(t), t->text.p);
	recover(r, *t);
}

static void read_equals(struct reader *r, const struct token *t)
{
	if (t->kind == TOKEN_EQUALS) {
		r->expect = EXPECT_VALUE;
		return;
	}
	diag_error(r->lx.diag, token_span(r, &r->name), "'%.*s' is not followed by '='",
		   shown(&r->name), r->name.text.p);
	diag_remedy(r->lx.diag, "%.*s = VALUE;", shown(&r->name), r->name.text.p);
	recover(r, *t);
}

static void read_separator(struct reader *r, const struct token *t)
{
	const struct node *in = innermost(r);

	if (token_closes(t->kind)) {
		close_bracket(r, t);
		return;
	}
	if (in->kind == NODE_GROUP) {
		/* libconfig lets the ';' be left out. */
		r->expect = EXPECT_NAME;
		if (t->kind == TOKEN_SEMICOLON || t->kind == TOKEN_COMMA)
			return;
		if (t->kind == TOKEN_WORD) {
			read_name(r, t);
			return;
		}
		diag_error(r->lx.diag, token_span(r, t),
			   "'%.*s' follows a complete setting", shown(t), t->text.p);
		diag_note(r->lx.diag, "a setting ends with ';'; several values stand in "
				      "[ ] with commas between");
		recover(r, *t);
		return;
	}
	if (t->kind == TOKEN_COMMA) {
		r->expect = EXPECT_VALUE;
		return;
	}
	diag_error(r->lx.diag, token_span(r, t), "a comma is missing before '%.*s'",
		   shown(t), t->text.p);
	if (t->kind == TOKEN_STRING)
		diag_note(r->lx.diag, "libconfig would join the two strings");
	else if (t->kind == TOKEN_SEMICOLON)
		diag_note(r->lx.diag, "elements end with ',', only settings with ';'");
	recover(r, *t);
}

static void step(struct reader *r, const struct token *t)
{
	if (t->kind == TOKEN_BAD) { /* reported by the lexer */
		recover(r, *t);
		return;
	}
	switch (r->expect) {
	case EXPECT_NAME:
		read_name(r, t);
		break;
	case EXPECT_EQUALS:
		read_equals(r, t);
		break;
	case EXPECT_FIRST:
		if (token_closes(t->kind)) {
			close_bracket(r, t);
			break;
		}
		read_value(r, t);
		break;
	case EXPECT_VALUE:
		read_value(r, t);
		break;
	case EXPECT_SEPARATOR:
		read_separator(r, t);
		break;
	}
}

static void finish(struct reader *r, const struct token *end)
{
	if (r->expect == EXPECT_EQUALS)
		read_equals(r, end);
	else if (r->expect == EXPECT_VALUE && r->depth == 0)
		read_value(r, end);
	for (; r->depth > 0; r->depth--) {
		const struct node *n = innermost(r);

		diag_error(r->lx.diag, outline_value_span(r->o, n),
			   "'%.*s' is never closed", (int)n->source.len, n->source.p);
		r->failed = true;
	}
	r->o->nodes[0].end = r->o->count;
}

/* libconfig names neither of two equal settings; here both are. */
static void find_twins(struct reader *r, const struct node *group)
{
	const struct outline *o = r->o;

	if (group->count > OUTLINE_KEYS_MAX) {
		diag_error(r->lx.diag, outline_name_span(o, group),
			   "more than %d settings in one group", OUTLINE_KEYS_MAX);
		r->failed = true;
		return;
	}
	for (const struct node *b = outline_first(o, group); b != NULL;
	     b = outline_next(o, group, b)) {
		const struct node *a = outline_first(o, group);

		while (a != b && !str_equal(a->name, b->name))
			a = outline_next(o, group, a);
		if (a == b)
			continue;
		diag_error(r->lx.diag, outline_name_span(o, b),
			   "'%.*s' is set twice, first in line %u", (int)b->name.len,
			   b->name.p, a->line);
		r->failed = true;
	}
}

/* libconfig wants one type in an array. */
static void find_mixture(struct reader *r, const struct node *array)
{
	const struct node *first = outline_first(r->o, array);

	for (const struct node *n = first; n != NULL; n = outline_next(r->o, array, n)) {
		if (n->kind == first->kind)
			continue;
		diag_error(r->lx.diag, outline_value_span(r->o, n),
			   "%s in an array that begins with %s", node_kind_name(n->kind),
			   node_kind_name(first->kind));
		r->failed = true;
		return;
	}
}

bool outline_read(const char *file, struct str text, struct diag *d, struct outline *ret)
{
	struct reader r = {.o = ret, .expect = EXPECT_NAME};
	struct token t;

	*ret = (struct outline){.file = file};
	lexer_start(&r.lx, file, text, d);
	if (!lexer_is_text(&r.lx))
		return false;
	t = (struct token){.kind = TOKEN_END, .line = 1, .col = 1};
	if (add_node(&r, NODE_GROUP, &t) == NULL)
		return false;
	for (t = lexer_next(&r.lx); t.kind != TOKEN_END && !r.stop; t = lexer_next(&r.lx))
		step(&r, &t);
	if (r.stop || r.lx.failed)
		return false;
	finish(&r, &t);
	if (r.failed)
		return false;
	for (uint32_t i = 0; i < ret->count; i++) {
		if (ret->nodes[i].kind == NODE_GROUP)
			find_twins(&r, &ret->nodes[i]);
		else if (ret->nodes[i].kind == NODE_ARRAY)
			find_mixture(&r, &ret->nodes[i]);
	}
	return !r.failed;
}

void outline_release(struct outline *o)
{
	free(o->nodes);
	o->nodes = NULL;
	o->count = 0;
}

struct span outline_name_span(const struct outline *o, const struct node *n)
{
	if (n->name.len == 0)
		return outline_value_span(o, n);
	return (struct span){.file = o->file,
			     .line = n->line,
			     .col = n->col,
			     .len = (unsigned)n->name.len};
}

struct span outline_value_span(const struct outline *o, const struct node *n)
{
	if (n == o->nodes)
		return (struct span){.file = o->file};
	return (struct span){.file = o->file,
			     .line = n->value_line,
			     .col = n->value_col,
			     .len = (unsigned)n->source.len};
}

const struct node *outline_first(const struct outline *o, const struct node *of)
{
	return of == NULL || of->count == 0 ? NULL : &o->nodes[of - o->nodes + 1];
}

const struct node *outline_next(const struct outline *o, const struct node *of,
				const struct node *member)
{
	return member->end < of->end ? &o->nodes[member->end] : NULL;
}

const struct node *outline_member(const struct outline *o, const struct node *of,
				  const char *name)
{
	const struct node *n = outline_first(o, of);

	while (n != NULL && !str_equal(n->name, str_of(name)))
		n = outline_next(o, of, n);
	return n;
}

const char *node_kind_name(enum node_kind kind)
{
	static const char *const names[] = {
		[NODE_GROUP] = "a group { }",      [NODE_ARRAY] = "an array [ ]",
		[NODE_LIST] = "a list ( )",        [NODE_STRING] = "a string",
		[NODE_INTEGER] = "a whole number", [NODE_FLOAT] = "a number with a point",
		[NODE_BOOL] = "true or false",
	};

	return names[kind];
}
