/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables - `table <name> [add] { items } | file "name"`: prefixes, host names or countries.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "policy/parse.h"

/* What an entry looks like; the table takes the kind of its first one. */
static enum table_kind kind_of(struct str s)
{
	size_t i = 0;

	if (memchr(s.p, ':', s.len) != NULL)
		return TABLE_PREFIXES;
	while (i < s.len && (ascii_is_digit(s.p[i]) || s.p[i] == '.' || s.p[i] == '/'))
		i++;
	if (i == s.len || memchr(s.p, '/', s.len) != NULL)
		return TABLE_PREFIXES;
	if (s.len == 2 && ascii_is_alpha(s.p[0]) && ascii_is_alpha(s.p[1]))
		return TABLE_COUNTRIES;
	return TABLE_HOSTS;
}

static bool add_entry(struct parser *ps, struct table *table, const struct token *t)
{
	static const enum field fields[] = {
		[TABLE_EMPTY] = FIELD_HOST,
		[TABLE_PREFIXES] = FIELD_PEER,
		[TABLE_HOSTS] = FIELD_HOST,
		[TABLE_COUNTRIES] = FIELD_COUNTRY,
	};
	enum table_kind kind;
	struct item *it;

	if (!is_text(t) || t->text.len == 0) {
		complain(ps, t, "expected a prefix, a host name or a country here");
		diag_remedy(ps->d, "10.0.0.0/8, \"*.name.example\" or DE");
		return false;
	}
	kind = kind_of(t->text);
	if (table->kind != TABLE_EMPTY && kind != table->kind) {
		complain(ps, t, "table <%.*s> holds %s, but \"%.*s\" is of another kind",
			 SHOWN(table->name), table_kind_name(table->kind),
			 SHOWN(t->text));
		diag_remedy(ps->d, "this entry in a table of its own");
		return false;
	}
	it = item_read(ps, fields[kind], t);
	if (it == NULL)
		return false;
	table->kind = kind;
	*table->items_end = it;
	table->items_end = &it->next;
	table->count++;
	return true;
}

static bool read_inline(struct parser *ps, struct table *table)
{
	const struct token *open = next(ps);
	size_t count = 0;
	bool more = peek(ps)->type != TOKEN_CLOSE;

	if (!more)
		(void)next(ps);
	while (more) {
		if (++count > POLICY_LIST_MAX) {
			complain(ps, peek(ps), "this list has more than %d items",
				 POLICY_LIST_MAX);
			diag_remedy(ps->d, "table <name> file \"NAME\"");
			return false;
		}
		if (!add_entry(ps, table, next(ps)) || !items_more(ps, open, &more))
			return false;
	}
	return parser_end(ps);
}

/*
 * One entry a line, `#` comments, behind a byte order mark if there is one.  Faults of several
 * lines are all reported.
 */
static bool read_file(struct parser *ps, struct table *table, const struct source *s)
{
	const struct source *outer = ps->file;
	size_t pos = 0;
	bool fine = true;

	ps->file = s;
	for (unsigned line = 1; pos < s->len && !ps->no_memory; line++) {
		const char *start = s->text + pos;
		const char *nl = memchr(start, '\n', s->len - pos);
		size_t len = nl == NULL ? s->len - pos : (size_t)(nl - start);
		const char *hash = memchr(start, '#', len);
		struct str word = {start, hash == NULL ? len : (size_t)(hash - start)};
		struct token t = {.type = TOKEN_WORD, .line = line};

		pos += len + 1;
		if (line == 1 && word.len >= 3 && memcmp(word.p, "\xef\xbb\xbf", 3) == 0)
			word = (struct str){word.p + 3, word.len - 3};
		if (word.len > 0 && word.p[word.len - 1] == '\r')
			word.len--;
		t.text = str_trim(word);
		t.col = (unsigned)(t.text.p - start) + 1;
		t.len = (unsigned)(t.text.len > POLICY_LINE_MAX ? POLICY_LINE_MAX
								: t.text.len);
		if (t.text.len > 0 && !add_entry(ps, table, &t))
			fine = false;
		if (!fine && !parser_fresh(ps))
			break;
	}
	ps->file = outer;
	return fine;
}

static bool read_from_file(struct parser *ps, struct table *table)
{
	const struct token *t;
	const struct source *s;
	char *name, *path;

	(void)next(ps);
	t = parser_text(ps, "the name of a file between quotes");
	if (t == NULL || !parser_end(ps))
		return false;
	name = strndup(t->text.p, t->text.len);
	path = name == NULL ? NULL : file_set_beside(ps->cfg->set, ps->file->name, name);
	free(name);
	if (path == NULL) {
		ps->no_memory = true;
		return false;
	}
	s = parser_open(ps, path, parser_span(ps, t));
	free(path);
	return s != NULL && read_file(ps, table, s);
}

static struct table *table_new(struct parser *ps, const struct token *t)
{
	struct table *table;

	if (ps->ast->table_count == POLICY_NAMES_MAX) {
		complain(ps, t, "more than %d tables", POLICY_NAMES_MAX);
		diag_remedy(ps->d, "one table for lists that are alike");
		return NULL;
	}
	table = parser_take(ps, sizeof(*table));
	if (table == NULL)
		return NULL;
	table->name = t->text;
	table->items_end = &table->items;
	table->at = parser_span(ps, t);
	*ps->ast->tables_end = table;
	ps->ast->tables_end = &table->next;
	ps->ast->table_count++;
	return table;
}

/* The table that the statement fills: a new one, or with `add` one that is there. */
static struct table *table_named(struct parser *ps, const struct token *t, bool add)
{
	struct table *table = table_find(ps->ast, t->text);

	if (add && table == NULL) {
		complain(ps, t, "no table <%.*s> is defined before this line",
			 SHOWN(t->text));
		diag_remedy(ps->d, "table <%.*s> without \"add\"", SHOWN(t->text));
		return NULL;
	}
	if (!add && table != NULL) {
		complain(ps, t, "table <%.*s> is defined twice", SHOWN(t->text));
		diag_note(ps->d, "first at %s:%u", table->at.file, table->at.line);
		diag_remedy(ps->d, "table <%.*s> add .. to extend it", SHOWN(t->text));
		return NULL;
	}
	if (add && table->used) {
		complain(ps, t, "table <%.*s> grows after a line has used it",
			 SHOWN(t->text));
		diag_remedy(ps->d, "this statement above the first use");
		return NULL;
	}
	return add ? table : table_new(ps, t);
}

bool parse_table(struct parser *ps)
{
	const struct token *t;
	struct table *table;
	bool add;

	(void)next(ps);
	t = next(ps);
	if (t->type != TOKEN_TABLE) {
		complain(ps, t, "expected the name of a table between < and >");
		diag_remedy(ps->d, "table <name> { 10.0.0.0/8 }");
		return false;
	}
	if (!parser_name_ok(ps, t, "table"))
		return false;
	add = is_word(peek(ps), "add");
	if (add)
		(void)next(ps);
	table = table_named(ps, t, add);
	if (table == NULL)
		return false;
	if (peek(ps)->type == TOKEN_OPEN)
		return read_inline(ps, table);
	if (is_word(peek(ps), "file"))
		return read_from_file(ps, table);
	complain(ps, peek(ps), "expected { .. } or file \"NAME\" here");
	diag_remedy(ps->d, "table <%.*s> { 10.0.0.0/8 }", SHOWN(table->name));
	return false;
}
