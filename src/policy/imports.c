/* SPDX-License-Identifier: Apache-2.0 */
/*
 * imports - `policy "NAME"`, `import "FILE" [for role ..] [[not] environment ..] [report-only | enforce]`, and
 * what a file that `weir import` wrote says of itself.
 *
 * Such a file begins with GENERATED_FIRST, then says its source, policy and date in comments,
 * and ends with a line that holds the SHA-256 of all bytes before it.  Whoever needs other
 * lines writes them elsewhere: a changed file is an error, however it is read in.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "policy/parse.h"

#define GENERATED_FIRST "# weir import: generated"
#define GENERATED_LAST  "# weir import: sha256 "
#define HEX_BYTES       64
#define HEAD_LINES      64 /* in which the comments about the source stand */

static bool begins_with(struct str s, struct str head)
{
	return s.len >= head.len && memcmp(s.p, head.p, head.len) == 0;
}

/* The line at `from`, without its end; *ret_next is where the next one begins. */
static struct str line_at(const struct source *s, size_t from, size_t *ret_next)
{
	const char *nl = memchr(s->text + from, '\n', s->len - from);
	size_t end = nl == NULL ? s->len : (size_t)(nl - s->text);

	*ret_next = nl == NULL ? s->len : end + 1;
	if (end > from && s->text[end - 1] == '\r')
		end--;
	return (struct str){s->text + from, end - from};
}

/* Where the last line begins, and which it is. */
static size_t last_line(const struct source *s, unsigned *ret_number)
{
	size_t at = 0, behind = 0;

	*ret_number = 0;
	while (behind < s->len) {
		at = behind;
		(void)line_at(s, at, &behind);
		(*ret_number)++;
	}
	return at;
}

static void hand_edited(struct parser *ps, const struct source *s, struct span at,
			const char *what)
{
	diag_add(ps->d, DIAG_ERROR, at, "hand-edited", "%s: %s", s->name, what);
	diag_remedy(ps->d,
		    "weir import ... -o %s, anew; what must differ from the tenant "
		    "stands in gate exceptions of a file of your own",
		    s->name);
}

static bool sound_hash(struct parser *ps, const struct source *s)
{
	unsigned number;
	size_t from = last_line(s, &number), behind;
	struct str last = line_at(s, from, &behind);
	struct span at = {
		.file = s->name, .line = number, .col = 1, .len = (unsigned)last.len};
	uint8_t digest[32];
	char hex[2 * sizeof(digest) + 1];

	if (!begins_with(last, STR(GENERATED_LAST)) ||
	    last.len != strlen(GENERATED_LAST) + HEX_BYTES) {
		hand_edited(ps, s, at,
			    "this is not its last line: it ends with its hash");
		return false;
	}
	digest_sha256(s->text, from, digest);
	hex_format(digest, sizeof(digest), hex);
	if (memcmp(hex, last.p + strlen(GENERATED_LAST), HEX_BYTES) == 0)
		return true;
	hand_edited(ps, s, at, "what stands above this line is not what was written");
	return false;
}

/* What the head says is shown: up to the first byte that no text may have. */
static struct str shown(struct str s)
{
	return (struct str){s.p, utf8_text_len(s.p, s.len)};
}

static void read_source(struct provenance *p, struct str s)
{
	const char *mark = memmem(s.p, s.len, " sha256:", 8);

	if (p->source.p != NULL)
		return; /* of several the first */
	p->source = s;
	if (mark == NULL)
		return;
	p->source.len = (size_t)(mark - s.p);
	p->sha256 = str_trim((struct str){mark + 8, s.len - p->source.len - 8});
}

static void read_policy(struct provenance *p, struct str s)
{
	const char *open = memchr(s.p, '"', s.len);

	p->policy = s;
	if (open == NULL)
		return;
	p->policy = str_trim((struct str){s.p, (size_t)(open - s.p)});
	p->title = (struct str){open + 1, s.len - (size_t)(open + 1 - s.p)};
	open = p->title.len == 0 ? NULL : memchr(p->title.p, '"', p->title.len);
	if (open != NULL)
		p->title.len = (size_t)(open - p->title.p);
	if (p->title.len > POLICY_TEXT_MAX)
		p->title.len = POLICY_TEXT_MAX;
	p->title = shown(p->title); /* whole characters */
}

static void read_head(struct provenance *p, const struct source *s)
{
	size_t behind = 0;

	for (unsigned i = 0; i < HEAD_LINES && behind < s->len; i++) {
		struct str line = line_at(s, behind, &behind);

		if (!begins_with(line, STR("#")))
			return;
		if (begins_with(line, STR("# source: ")))
			read_source(p, shown((struct str){line.p + 10, line.len - 10}));
		else if (begins_with(line, STR("# policy: ")))
			read_policy(p, shown((struct str){line.p + 10, line.len - 10}));
		else if (begins_with(line, STR("# date: ")))
			p->date = shown((struct str){line.p + 8, line.len - 8});
	}
}

/* Below its header: the group that the line for all other connectors stands for. */
static void read_others(struct provenance *p, const struct source *s)
{
	static const char mark[] = "\n# all other connectors: ";
	const char *at =
		s->len == 0 ? NULL : memmem(s->text, s->len, mark, sizeof(mark) - 1);
	struct str line;

	if (at == NULL)
		return;
	at += sizeof(mark) - 1;
	line = (struct str){at, 0};
	while (at + line.len < s->text + s->len && ascii_is_alpha(at[line.len]))
		line.len++;
	for (unsigned g = CUSTOM_GROUP_BUSINESS; g <= CUSTOM_GROUP_BLOCKED; g++)
		if (str_equal(line, str_of(custom_group_words[g])))
			p->others = line;
}

static struct provenance *add_provenance(struct parser *ps)
{
	struct ast *a = ps->ast;
	struct provenance *p;

	p = parser_take(ps, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->layer = (uint32_t)++a->provenance_count;
	*a->provenances_end = p;
	a->provenances_end = &p->next;
	return p;
}

/* The end of a generated file below another beginning: somebody took its first line off. */
static bool is_headless(struct parser *ps, const struct source *s)
{
	unsigned number;
	size_t behind, from = last_line(s, &number);
	struct str last = line_at(s, from, &behind);
	const struct span at = {
		.file = s->name, .line = number, .col = 1, .len = (unsigned)last.len};

	if (!begins_with(last, STR(GENERATED_LAST)))
		return false;
	hand_edited(ps, s, at,
		    "a hash of weir import at the end, and not its first line above");
	return true;
}

bool generated_read(struct parser *ps, const struct source *s, struct provenance **ret)
{
	struct provenance *p;

	*ret = NULL;
	if (!begins_with((struct str){s->text, s->len}, STR(GENERATED_FIRST)))
		return !is_headless(ps, s);
	if (!sound_hash(ps, s))
		return false;
	p = add_provenance(ps);
	if (p == NULL)
		return false;
	read_head(p, s);
	read_others(p, s);
	p->generated = true;
	p->file = s->name;
	*ret = p;
	return true;
}

/* `policy "NAME"`: the lines below are a policy of their own. */
bool parse_policy_name(struct parser *ps)
{
	const struct token *word = next(ps);
	const struct token *t = parser_text(ps, "the name of a policy between quotes");
	struct provenance *p;

	if (t == NULL)
		return false;
	if (ps->gate != GATE_CONNECTORS) {
		complain(ps, word, "policies stand in gate connectors");
		diag_remedy(ps->d, "gate connectors, on a line above");
		return false;
	}
	if (t->text.len > POLICY_TEXT_MAX) {
		complain(ps, t, "this text has %zu bytes; at most %d are kept",
			 t->text.len, POLICY_TEXT_MAX);
		diag_remedy(ps->d, "a shorter name");
		return false;
	}
	if (ps->ast->provenance_count == POLICY_NAMES_MAX) {
		complain(ps, word, "more than %d policies", POLICY_NAMES_MAX);
		diag_remedy(ps->d, "one policy for lines that are alike");
		return false;
	}
	p = add_provenance(ps);
	if (p == NULL)
		return false;
	p->file = ps->file->name;
	p->title = t->text;
	ps->policy = p;
	return parser_end(ps);
}

/* ---- the statement ----------------------------------------------------------------------- */

static bool read_roles(struct parser *ps, struct import_words *w)
{
	struct item **end = &w->roles;
	size_t count = 0;

	(void)next(ps);
	if (!is_word(peek(ps), "role")) {
		complain(ps, peek(ps), "expected \"role\" after \"for\"");
		diag_remedy(ps->d, "for role { gateway, desktop, subnet }");
		return false;
	}
	(void)next(ps);
	return items_read(ps, FIELD_ROLE, &end, &count, "a role");
}

static bool read_environments(struct parser *ps, struct import_words *w)
{
	struct item **end = &w->bound;

	if (is_word(peek(ps), "not")) {
		(void)next(ps);
		w->bound_negated = true;
	}
	(void)next(ps);
	return items_read(ps, FIELD_BOUND, &end, &w->bound_count,
			  "the name of an environment");
}

static bool is_environment(const struct parser *ps)
{
	const struct token *t = peek(ps);

	return is_word(t, "environment") ||
	       (is_word(t, "not") && is_word(t + 1, "environment"));
}

bool import_words_read(struct parser *ps, struct import_words *w)
{
	while (peek(ps)->type != TOKEN_END) {
		const struct token *t = peek(ps);
		bool fine = true;

		if (is_word(t, "for") && w->roles == NULL) {
			fine = read_roles(ps, w);
		} else if (is_environment(ps) && w->bound == NULL) {
			fine = read_environments(ps, w);
		} else if ((is_word(t, "report-only") || is_word(t, "enforce")) &&
			   !w->report_only && !w->enforce) {
			w->report_only = is_word(t, "report-only");
			w->enforce = !w->report_only;
			(void)next(ps);
		} else {
			complain(ps, t, "\"%.*s\" says nothing about an import",
				 SHOWN(t->text));
			diag_remedy(ps->d, "for role ROLES, environment NAMES, and "
					   "report-only or enforce, each once");
			return false;
		}
		if (!fine)
			return false;
	}
	return true;
}

/* ---- what it makes of the lines ---------------------------------------------------------- */

static void drop_condition(struct rule *r, enum field f)
{
	struct condition **at = &r->conditions;

	while (*at != NULL)
		if ((*at)->field == f)
			*at = (*at)->next;
		else
			at = &(*at)->next;
}

static bool put_condition(struct parser *ps, struct rule *r, enum field f,
			  struct item *items, size_t count, bool negated)
{
	struct condition *c = parser_take(ps, sizeof(*c));

	if (c == NULL)
		return false;
	drop_condition(r, f);
	*c = (struct condition){
		.field = f, .items = items, .count = count, .negated = negated};
	condition_insert(r, c);
	return true;
}

static size_t count_items(const struct item *it)
{
	size_t n = 0;

	for (; it != NULL; it = it->next)
		n++;
	return n;
}

/*
 * Roles and environments of the statement take the place of those in the file.  Sources of an
 * environment are no enforcement that an export brings along: lines of gate ip-firewall only
 * report until the statement says `enforce`.
 */
bool import_rule(struct parser *ps, struct rule *r)
{
	const struct import_words *w = &ps->words;

	r->from =
		r->gate == GATE_CONNECTORS && ps->policy != NULL ? ps->policy : ps->from;
	if (!ps->imported)
		return true;
	if (r->action != ACTION_ALERT) {
		if (w->enforce)
			r->report_only = false;
		else if (w->report_only || r->gate == GATE_IP_FIREWALL)
			r->report_only = true;
	}
	if (r->gate != GATE_CONNECTORS)
		return true;
	return (w->roles == NULL || put_condition(ps, r, FIELD_ROLE, w->roles,
						  count_items(w->roles), false)) &&
	       (w->bound == NULL || put_condition(ps, r, FIELD_BOUND, w->bound,
						  w->bound_count, w->bound_negated));
}

void import_list(struct parser *ps, struct endpoint_list *l)
{
	const struct import_words *w = &ps->words;

	l->from = ps->from;
	if (!ps->imported)
		return;
	if (w->roles != NULL)
		l->roles = 0;
	for (const struct item *it = w->roles; it != NULL; it = it->next)
		l->roles |= 1u << it->id;
	if (w->bound != NULL) {
		l->bound = w->bound;
		l->bound_negated = w->bound_negated;
	}
	l->report_only = (l->report_only || w->report_only) && !w->enforce;
}
