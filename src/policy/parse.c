/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct span parser_span(const struct parser *ps, const struct token *t)
{
	return (struct span){
		.file = ps->file->name,
		.line = t->line,
		.col = t->col,
		.len = t->len,
	};
}

void parser_macro_note(struct parser *ps, const struct token *t)
{
	if (t->macro != NULL)
		diag_note(ps->d, "in macro $%.*s, defined at %s:%u",
			  SHOWN(t->macro->name), t->macro->file, t->macro->line);
}

void *parser_take(struct parser *ps, size_t size)
{
	void *p = arena_alloc(ps->arena, size);

	if (p == NULL)
		ps->no_memory = true;
	return p;
}

struct str parser_copy(struct parser *ps, const char *p, size_t len)
{
	struct str s = {arena_strndup(ps->arena, p, len), len};

	if (s.p == NULL) {
		ps->no_memory = true;
		return STR_NONE;
	}
	return s;
}

struct str parser_lower(struct parser *ps, struct str s)
{
	char *copy = arena_strndup(ps->arena, s.p, s.len);

	if (copy == NULL) {
		ps->no_memory = true;
		return STR_NONE;
	}
	for (size_t i = 0; i < s.len; i++)
		copy[i] = ascii_lower(copy[i]);
	return (struct str){copy, s.len};
}

bool parser_fresh(const struct parser *ps)
{
	return diag_count(ps->d, DIAG_ERROR) + diag_count(ps->d, DIAG_WARNING) <=
	       DIAG_MAX;
}

bool parser_end(struct parser *ps)
{
	const struct token *t = peek(ps);

	if (t->type == TOKEN_END)
		return true;
	complain(ps, t, "nothing may follow here, but \"%.*s\" does", SHOWN(t->text));
	diag_remedy(ps->d,
		    "the line up to this word, and what follows on a line of its own");
	return false;
}

bool parser_suggest(struct parser *ps, struct str s, const char *const *words,
		    size_t count)
{
	const char *best = parser_fresh(ps) ? text_nearest(s, words, count) : NULL;

	if (best != NULL)
		diag_remedy(ps->d, "%s", best);
	return best != NULL;
}

const struct token *parser_text(struct parser *ps, const char *what)
{
	const struct token *t = peek(ps);

	if (is_text(t) && t->text.len > 0) {
		(void)next(ps);
		return t;
	}
	complain(ps, t, "expected %s here", what);
	diag_remedy(ps->d, "%s in this place", what);
	return NULL;
}

static bool is_name_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

bool parser_name_ok(struct parser *ps, const struct token *t, const char *what)
{
	bool fine = t->text.len > 0 && t->text.len <= 60;

	for (size_t i = 0; fine && i < t->text.len; i++)
		fine = is_name_byte(t->text.p[i]);
	if (fine)
		return true;
	complain(ps, t, "\"%.*s\" cannot be the name of a %s", SHOWN(t->text), what);
	diag_remedy(ps->d, "1 to 60 letters, digits, \"-\" and \"_\"");
	return false;
}

bool parser_port(struct parser *ps, const struct token *t, struct str s, uint16_t *ret)
{
	uint64_t n;

	if (parse_u64(s, UINT64_MAX, &n) && n >= 1 && n <= 65535) {
		*ret = (uint16_t)n;
		return true;
	}
	if (s.len > 0 && ascii_is_digit(s.p[0]))
		complain(ps, t, "port %.*s is out of range (1-65535)", SHOWN(s));
	else
		complain(ps, t, "\"%.*s\" is no port", SHOWN(s));
	diag_remedy(ps->d, "a number such as 443, or a range such as 8000-8100");
	return false;
}

bool parser_guid(struct parser *ps, const struct token *t, char ret[GUID_LEN + 1])
{
	bool fine = t->text.len == GUID_LEN;

	for (size_t i = 0; fine && i < GUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		fine = dash ? t->text.p[i] == '-' : ascii_is_hex(t->text.p[i]);
		ret[i] = ascii_lower(t->text.p[i]);
	}
	if (fine) {
		ret[GUID_LEN] = '\0';
		return true;
	}
	complain(ps, t, "\"%.*s\" is no GUID", SHOWN(t->text));
	diag_remedy(ps->d, "32 hexadecimal digits as 8-4-4-4-12");
	return false;
}

/* ---- macros ------------------------------------------------------------------------------ */

static struct macro *macro_find(const struct parser *ps, struct str name)
{
	struct macro *m = ps->macros;

	while (m != NULL && !str_equal(m->name, name))
		m = m->next;
	return m;
}

static void unknown_macro(struct parser *ps, const struct token *t)
{
	complain(ps, t, "no macro $%.*s is defined before this line", SHOWN(t->text));
	if (!parser_fresh(ps))
		return;
	for (const struct macro *m = ps->macros; m != NULL; m = m->next) {
		char name[64];
		const char *one = name;

		(void)snprintf(name, sizeof(name), "%.*s", SHOWN(m->name));
		if (text_nearest(t->text, &one, 1) != NULL) {
			diag_remedy(ps->d, "$%s", name);
			return;
		}
	}
	diag_remedy(ps->d, "%.*s = { .. }, above", SHOWN(t->text));
}

/* Put the macro's tokens in place of `t`; between braces its own braces fall away. */
static bool splice(struct parser *ps, const struct token *t, const struct macro *m,
		   bool in_braces)
{
	struct token one = *t;

	one.macro = m;
	if (ps->tok.count + m->count + 2 > TOKENS_MAX) {
		complain(ps, t, "this statement has more than %d words with its macros",
			 TOKENS_MAX);
		diag_remedy(ps->d, "table <name> file \"NAME\" for long lists");
		return false;
	}
	for (size_t i = 0; i < m->count; i++) {
		bool brace =
			m->list[i].type == TOKEN_OPEN || m->list[i].type == TOKEN_CLOSE;

		if (brace && in_braces)
			continue;
		one.type = m->list[i].type;
		one.text = m->list[i].text;
		if (tokens_add(&ps->tok, &one) != 0) {
			ps->no_memory = true;
			return false;
		}
	}
	return true;
}

/* From the tokens as written to those with macros expanded. */
static bool expand(struct parser *ps)
{
	size_t depth = 0;

	ps->tok.count = 0;
	ps->at = 0;
	for (size_t i = 0; i < ps->raw.count; i++) {
		const struct token *t = &ps->raw.list[i];

		if (t->type == TOKEN_OPEN)
			depth++;
		if (t->type == TOKEN_CLOSE && depth > 0)
			depth--;
		if (t->type == TOKEN_MACRO) {
			const struct macro *m = macro_find(ps, t->text);

			if (m == NULL) {
				unknown_macro(ps, t);
				return false;
			}
			if (!splice(ps, t, m, depth > 0))
				return false;
		} else if (tokens_add(&ps->tok, t) != 0) {
			ps->no_memory = true;
			return false;
		}
	}
	return true;
}

/* Is what follows "=" one item, or one list of items between braces? */
static bool macro_sound(struct parser *ps)
{
	const struct token *t = &ps->tok.list[2];
	size_t last = ps->tok.count - 1;

	if (t->type == TOKEN_END) {
		complain(ps, t, "expected a value after \"=\"");
		diag_remedy(ps->d, "%.*s = { \"a.example\", \"b.example\" }",
			    SHOWN(ps->tok.list[0].text));
		return false;
	}
	if (t->type != TOKEN_OPEN) {
		if (is_text(t) || t->type == TOKEN_TABLE) {
			ps->at = 3;
			return parser_end(ps);
		}
		complain(ps, t, "\"%.*s\" cannot be the value of a macro",
			 SHOWN(t->text));
		diag_remedy(ps->d, "one word or string, or a list between braces");
		return false;
	}
	for (size_t i = 3; i < last; i++) {
		const struct token *in = &ps->tok.list[i];

		if (in->type == TOKEN_OPEN || in->type == TOKEN_CLOSE ||
		    in->type == TOKEN_EQUALS || in->type == TOKEN_ARROW) {
			complain(ps, in, "\"%.*s\" inside the list of a macro",
				 SHOWN(in->text));
			diag_remedy(ps->d, "words, strings and <tables> between commas");
			return false;
		}
	}
	if (last < 4 || ps->tok.list[last].type != TOKEN_CLOSE) {
		complain(ps, t,
			 last == 3 && ps->tok.list[3].type == TOKEN_CLOSE
				 ? "this list is empty"
				 : "this list has no \"}\" on its line");
		diag_remedy(ps->d,
			    "{ ITEM, ITEM }; \"\\\" at the end of a line joins the "
			    "next one");
		return false;
	}
	return true;
}

static bool parse_macro(struct parser *ps)
{
	const struct token *name = peek(ps);
	const struct macro *old = macro_find(ps, name->text);
	struct macro *m;

	if (old != NULL) {
		complain(ps, name, "macro %.*s is defined twice", SHOWN(name->text));
		diag_note(ps->d, "first at %s:%u", old->file, old->line);
		return false;
	}
	if (!parser_name_ok(ps, name, "macro") || !macro_sound(ps))
		return false;
	if (ps->macro_count == POLICY_NAMES_MAX) {
		complain(ps, name, "more than %d macros", POLICY_NAMES_MAX);
		diag_remedy(ps->d, "tables for lists that several lines share");
		return false;
	}
	m = parser_take(ps, sizeof(*m));
	if (m == NULL)
		return false;
	m->name = name->text;
	m->file = ps->file->name;
	m->line = name->line;
	m->count = ps->tok.count - 2;
	m->list = parser_take(ps, m->count * sizeof(*m->list));
	if (m->list == NULL)
		return false;
	memcpy(m->list, ps->tok.list + 2, m->count * sizeof(*m->list));
	m->next = ps->macros;
	ps->macros = m;
	ps->macro_count++;
	return true;
}

/* ---- statements -------------------------------------------------------------------------- */

static bool parse_version(struct parser *ps)
{
	const struct token *t;

	(void)next(ps);
	t = parser_text(ps, "a number");
	if (t == NULL)
		return false;
	if (!str_equal(t->text, STR("1"))) {
		complain(ps, t, "version %.*s of the rule language is not known here",
			 SHOWN(t->text));
		diag_remedy(ps->d, "version 1");
		return false;
	}
	return parser_end(ps);
}

static bool is_number(const struct token *t)
{
	for (size_t i = 0; i < t->text.len; i++)
		if (!ascii_is_digit(t->text.p[i]))
			return false;
	return t->type == TOKEN_WORD && t->text.len > 0;
}

static bool unknown_statement(struct parser *ps, const struct token *t)
{
	static const char *const words[] = {
		"version", "tenant", "environment", "own",   "bind", "table", "include",
		"import",  "gate",   "list",        "allow", "deny", "alert", "expect",
	};
	static const char *const foreign[][2] = {
		{"block", "deny"}, {"drop", "deny"},    {"reject", "deny"},
		{"pass", "allow"}, {"accept", "allow"}, {"permit", "allow"},
		{"log", "alert"},
	};

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (is_word(t, foreign[i][0])) {
			complain(ps, t, "\"%s\" is not a word of this language",
				 foreign[i][0]);
			diag_remedy(ps->d, "%s", foreign[i][1]);
			return false;
		}
	complain(ps, t, "no statement begins with \"%.*s\"", SHOWN(t->text));
	if (!parser_suggest(ps, t->text, words, sizeof(words) / sizeof(words[0])))
		diag_remedy(ps->d,
			    "allow, deny, alert, gate, list, table, expect or another "
			    "statement of weir.rules(5)");
	return false;
}

/* `include` and `import` are the driver's: they change which file is read. */
static bool parse_statement(struct parser *ps)
{
	static const struct {
		const char *word;
		bool (*parse)(struct parser *ps);
		bool ends_list; /* numbered lines may not follow any more */
	} statements[] = {
		{"version", parse_version, false},
		{"tenant", parse_tenant, false},
		{"environment", parse_environment, false},
		{"own", parse_own, false},
		{"bind", parse_bind, false},
		{"table", parse_table, false},
		{"gate", parse_gate, true},
		{"policy", parse_policy_name, true},
		{"list", parse_list, true},
		{"expect", parse_expect, false},
		{"allow", parse_rule, true},
		{"deny", parse_rule, true},
		{"alert", parse_rule, true},
	};
	const struct token *t = peek(ps);

	if (t->type == TOKEN_WORD && ps->tok.list[1].type == TOKEN_EQUALS)
		return parse_macro(ps);
	if (is_number(t))
		return parse_list_line(ps);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		if (is_word(t, statements[i].word)) {
			if (statements[i].ends_list)
				list_close(ps);
			return statements[i].parse(ps);
		}
	return unknown_statement(ps, t);
}

/* ---- files ------------------------------------------------------------------------------- */

struct open_file {
	struct reader reader;
	const struct source *source;
	/* of the file that included or imported this one, given back at its end */
	const struct provenance *from, *policy;
	bool imported;
	enum gate gate;
	bool lost_gate, gate_report;
	unsigned gates_seen;
	uint32_t rule_count; /* before its first line */
};

struct files {
	struct open_file stack[POLICY_INCLUDE_MAX];
	size_t depth;
};

static const char *why_not(int rc)
{
	switch (-rc) {
	case ENOENT:
		return "there is no such file";
	case EACCES:
	case EPERM:
		return "it may not be read";
	case EFBIG:
		return "it is larger than 4 MiB";
	case EISDIR:
		return "it is a folder";
	default:
		return "it cannot be read";
	}
}

/* A NUL byte stands in no text: one finding for all of such a file. */
static bool has_no_nul(struct parser *ps, const struct source *s)
{
	const char *nul = s->len == 0 ? NULL : memchr(s->text, '\0', s->len);
	const char *from = s->text;
	struct span at = {.file = s->name, .line = 1, .len = 1};

	if (nul == NULL)
		return true;
	for (const char *p = from; p < nul; p++)
		if (*p == '\n') {
			at.line++;
			from = p + 1;
		}
	at.col = (unsigned)(nul - from) + 1;
	diag_error(ps->d, at, "a NUL byte: this is not a text file");
	diag_remedy(ps->d,
		    "a file of text in UTF-8 (UTF-16 has a NUL in most characters)");
	return false;
}

const struct source *parser_open(struct parser *ps, const char *path, struct span at)
{
	struct source *s;
	int rc;

	if (ps->ast->source_count == POLICY_FILES_MAX) {
		diag_error(ps->d, at, "more than %d files", POLICY_FILES_MAX);
		diag_remedy(ps->d, "fewer and longer files");
		return NULL;
	}
	s = parser_take(ps, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->name = arena_strndup(ps->arena, path, strlen(path));
	if (s->name == NULL) {
		ps->no_memory = true;
		return NULL;
	}
	rc = file_set_read(ps->cfg->set, path, POLICY_FILE_MAX, &s->text, &s->len);
	if (rc == -ENOMEM) {
		ps->no_memory = true;
		return NULL;
	}
	if (rc != 0) {
		diag_error(ps->d, at, "cannot read \"%s\": %s", path, why_not(rc));
		diag_note(ps->d, "names are relative to the file that names them");
		return NULL;
	}
	*ps->ast->sources_end = s;
	ps->ast->sources_end = &s->next;
	ps->ast->source_count++;
	diag_source(ps->d, s->name, s->text, s->len);
	return has_no_nul(ps, s) ? s : NULL;
}

static void push_file(struct parser *ps, struct files *f, const struct source *s)
{
	struct open_file *o = &f->stack[f->depth++];
	size_t bom = s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	*o = (struct open_file){
		.source = s,
		.reader = {.file = s->name,
			   .text = s->text,
			   .len = s->len,
			   .pos = bom,
			   .line = 1},
		.from = ps->from,
		.policy = ps->policy,
		.imported = ps->imported,
		.gate = ps->gate,
		.lost_gate = ps->lost_gate,
		.gate_report = ps->gate_report,
		.gates_seen = ps->gates_seen,
		.rule_count = ps->ast->rule_count,
	};
}

/* An imported file has gates of its own: those of the file around it go on behind it. */
static void pop_file(struct parser *ps, struct files *f)
{
	const struct open_file *o = &f->stack[--f->depth];

	for (struct source *s = ps->ast->sources; s != NULL; s = s->next)
		if (s == o->source)
			s->defines = ps->ast->rule_count == o->rule_count;
	if (ps->imported && !o->imported) {
		list_close(ps);
		ps->gate = o->gate;
		ps->lost_gate = o->lost_gate;
		ps->gate_report = o->gate_report;
		ps->gates_seen = o->gates_seen;
		ps->policy = o->policy;
	}
	ps->from = o->from;
	ps->imported = o->imported;
}

static void begin_gates(struct parser *ps)
{
	ps->gate = GATE_COUNT;
	ps->policy = NULL;
	ps->gates_seen = 0;
	ps->gate_report = false;
	ps->lost_gate = false;
}

/* The file that a statement names, relative to its own; NULL after a report. */
static const struct source *open_named(struct parser *ps, const struct files *f,
				       const struct token *t, const char *verb)
{
	char *name = strndup(t->text.p, t->text.len);
	char *path =
		name == NULL ? NULL : file_set_beside(ps->cfg->set, ps->file->name, name);
	const struct source *s = NULL;
	size_t i = 0;

	free(name);
	if (path == NULL) {
		ps->no_memory = true;
		return NULL;
	}
	while (i < f->depth && strcmp(f->stack[i].source->name, path) != 0)
		i++;
	if (i < f->depth)
		complain(ps, t, "\"%s\" %ss itself%s", path, verb,
			 i + 1 < f->depth ? " by way of this file" : "");
	else if (f->depth == POLICY_INCLUDE_MAX)
		complain(ps, t, "more than %d files include each other",
			 POLICY_INCLUDE_MAX);
	else
		s = parser_open(ps, path, parser_span(ps, t));
	if (i < f->depth || f->depth == POLICY_INCLUDE_MAX)
		diag_remedy(ps->d, "what both need in a third file");
	free(path);
	return s;
}

/* Several files may each include the one that defines their tables. */
static bool is_defined(struct parser *ps, const struct token *t)
{
	char *name = strndup(t->text.p, t->text.len);
	char *path =
		name == NULL ? NULL : file_set_beside(ps->cfg->set, ps->file->name, name);
	const struct source *s = ps->ast->sources;

	ps->no_memory = ps->no_memory || path == NULL;
	while (s != NULL && path != NULL && (!s->defines || strcmp(s->name, path) != 0))
		s = s->next;
	free(name);
	free(path);
	return s != NULL;
}

static bool parse_include(struct parser *ps, struct files *f)
{
	struct provenance *from;
	const struct token *t;
	const struct source *s;

	(void)next(ps);
	t = parser_text(ps, "the name of a file between quotes");
	if (t == NULL || !parser_end(ps))
		return false;
	if (is_defined(ps, t))
		return true;
	s = open_named(ps, f, t, "include");
	if (s == NULL || !generated_read(ps, s, &from))
		return false;
	push_file(ps, f, s);
	if (from != NULL)
		ps->from = from;
	return true;
}

static bool parse_import(struct parser *ps, struct files *f)
{
	struct import_words words = {.roles = NULL};
	struct provenance *from;
	const struct token *t, *word = next(ps);
	const struct source *s;

	t = parser_text(ps, "the name of a file between quotes");
	if (t == NULL || !import_words_read(ps, &words))
		return false;
	if (ps->from != NULL) {
		complain(ps, word, "a generated file imports no other");
		diag_remedy(ps->d, "this statement in a file of your own");
		return false;
	}
	s = open_named(ps, f, t, "import");
	if (s == NULL || !generated_read(ps, s, &from))
		return false;
	if (from == NULL) {
		complain(ps, t, "\"%.*s\" was not written by weir import",
			 SHOWN(t->text));
		diag_remedy(ps->d, "include \"%.*s\" for a file of your own",
			    SHOWN(t->text));
		return false;
	}
	list_close(ps);
	push_file(ps, f, s);
	begin_gates(ps);
	ps->from = from;
	ps->imported = true;
	ps->words = words;
	return true;
}

static void read_statement(struct parser *ps, struct files *f)
{
	const struct token *first = &ps->raw.list[0];

	ps->tok.count = 0;
	if (first->type == TOKEN_MACRO) {
		complain(ps, first, "a statement begins with a word, not with a macro");
		diag_remedy(ps->d, "allow, deny or another word before the macro");
		return;
	}
	if (!expand(ps))
		return;
	if (is_word(first, "include"))
		(void)parse_include(ps, f);
	else if (is_word(first, "import"))
		(void)parse_import(ps, f);
	else
		(void)parse_statement(ps);
}

static void read_files(struct parser *ps, struct files *f)
{
	while (f->depth > 0 && !ps->no_memory) {
		struct open_file *o = &f->stack[f->depth - 1];

		ps->file = o->source;
		switch (lex_statement(&o->reader, &ps->raw, ps->d)) {
		case LEX_STATEMENT:
			read_statement(ps, f);
			break;
		case LEX_BAD:
			break;
		case LEX_EOF:
			pop_file(ps, f);
			break;
		case LEX_NO_MEMORY:
			ps->no_memory = true;
			break;
		}
	}
}

int policy_parse(struct ast *a, const struct policy_cfg *cfg, struct diag *d)
{
	struct parser ps = {
		.ast = a,
		.arena = a->arena,
		.d = d,
		.cfg = cfg,
		.gate = GATE_COUNT,
	};
	struct files f = {.depth = 0};

	for (size_t i = 0; i < cfg->file_count && !ps.no_memory; i++) {
		struct span at = {.file = cfg->files[i]};
		const struct source *s = parser_open(&ps, cfg->files[i], at);
		struct provenance *from;

		/* Each file of the configuration begins anew; its lines join the gates. */
		begin_gates(&ps);
		ps.from = NULL;
		ps.imported = false;
		if (s == NULL || !generated_read(&ps, s, &from))
			continue;
		push_file(&ps, &f, s);
		ps.from = from;
		read_files(&ps, &f);
		list_close(&ps);
	}
	if (!ps.no_memory)
		bindings_check(&ps);
	tokens_finish(&ps.raw);
	tokens_finish(&ps.tok);
	return ps.no_memory ? -ENOMEM : 0;
}
