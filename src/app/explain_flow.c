/* SPDX-License-Identifier: Apache-2.0 */
#include "app/explain_flow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/explain_json.h"
#include "app/explain_show.h"
#include "app/history.h"
#include "base/clock.h"
#include "engine/rejudge.h"
#include "store/query.h"

#define ID_MIN   4 /* digits that may stand for a flow_id */
#define ID_TEXT  17
#define FILE_MAX 32

/* The last judgement of what is looked for. */
struct search {
	const char *wanted;
	bool found, several; /* connections that the word stands for */
	uint64_t flow_id;    /* of the last one */
	char file[FILE_MAX];
	unsigned line;
	char *text; /* of the line, malloc'd */
	size_t len;
	bool out_of_memory;
};

static void id_text(const struct recorded_flow *f, char buf[ID_TEXT])
{
	(void)snprintf(buf, ID_TEXT, "%016" PRIx64, f->flow_id);
}

static bool is_wanted(const struct recorded_flow *f, const char *wanted)
{
	char id[ID_TEXT];

	id_text(f, id);
	return strncmp(id, wanted, strlen(wanted)) == 0 ||
	       str_equal(f->community_id, str_of(wanted));
}

static bool look_at(void *arg, const struct recorded_flow *f,
		    const struct ledger_line *line)
{
	struct search *s = arg;

	if (!is_wanted(f, s->wanted))
		return true;
	s->several = s->several || (s->found && s->flow_id != f->flow_id);
	s->found = true;
	s->flow_id = f->flow_id;
	(void)snprintf(s->file, sizeof(s->file), "%s", line->file);
	s->line = line->line;
	free(s->text);
	s->text = strndup(line->text.p, line->text.len);
	s->len = line->text.len;
	s->out_of_memory = s->text == NULL;
	return !s->out_of_memory;
}

/* ---- by the index ---- */

/* "ab12": ab12000000000000 to ab12ffffffffffff. */
static bool query_ids(struct query *q, const char *digits)
{
	static char first[ID_TEXT]; /* the query borrows it */
	char last[ID_TEXT];
	struct field_ref id;
	const int more = ID_TEXT - 1 - (int)strlen(digits);

	(void)snprintf(first, ID_TEXT, "%s%.*s", digits, more, "0000000000000000");
	(void)snprintf(last, ID_TEXT, "%s%.*s", digits, more, "ffffffffffffffff");
	query_init(q);
	return field_ref_find("flow_id", &id) &&
	       query_filter(q, &id, str_of(first)) == NULL &&
	       value_parse(LINE_ID, str_of(last), &q->filters[0].filter.patterns[0].high);
}

/* The lines of an answer; false when one is not what was indexed. */
static bool look_at_lines(const char *dir, const struct query_result *r, struct diag *d,
			  struct search *s)
{
	struct recorded_flow *f = malloc(sizeof(*f));
	struct ledger_reader *reader = f == NULL ? NULL : ledger_reader_open(dir, d);
	bool fine = reader != NULL, more = true;
	struct ledger_line line;

	for (size_t i = 0; fine && more && i < r->line_count; i++) {
		fine = store_read_line(reader, &r->lines[i].place, &line) &&
		       store_prove_line(&r->lines[i].place, &line);
		if (fine && record_read_flow(&line, d, f) && f->judged &&
		    f->phase != PHASE_END)
			more = look_at(s, f, &line);
	}
	ledger_reader_close(reader);
	free(f);
	return fine;
}

/*
 * Where the ledger has an index, that finds the lines.  It is a short cut and no more: without
 * one, or when it has nothing or something else, the ledger is read.
 */
static bool look_in_index(const char *dir, struct search *s)
{
	const struct store_cfg cfg = {.ledger = dir};
	struct query *q = malloc(sizeof(*q));
	struct diag *d = diag_create();
	struct query_result r;
	struct store *st = NULL;
	char path[LEDGER_DIR_MAX + 16];
	bool fine = q != NULL && d != NULL && strncmp(s->wanted, "1:", 2) != 0 &&
		    query_ids(q, s->wanted);

	(void)snprintf(path, sizeof(path), "%s/index/lock", dir);
	fine = fine && access(path, R_OK | W_OK) == 0 && store_open(&cfg, d, &st) == 0;
	if (fine && query_run(st, q, d, &r) == 0) {
		fine = !r.over && look_at_lines(dir, &r, d, s);
		query_result_finish(&r);
	} else {
		fine = false;
	}
	store_close(st);
	diag_destroy(d);
	free(q);
	return fine && s->found;
}

static void forget(struct search *s)
{
	free(s->text);
	*s = (struct search){.wanted = s->wanted};
}

static bool is_word(const char *wanted)
{
	const size_t n = strlen(wanted);

	return strncmp(wanted, "1:", 2) == 0 ||
	       (n >= ID_MIN && n < ID_TEXT && strspn(wanted, "0123456789abcdef") == n);
}

static void show_head(const struct search *s, const struct recorded_flow *f)
{
	char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX], when[RFC3339_LEN + 1], id[ID_TEXT];

	(void)addr_format(&f->src, from);
	(void)addr_format(&f->dst, to);
	clock_format_rfc3339(f->time_us, when);
	id_text(f, id);
	(void)printf("%s   %s -> ", f->verdict == VERDICT_DENY ? "DENY" : "ALLOW", from);
	str_put_printable(stdout, f->host);
	(void)printf("%s%s:%u   %s   generation ", f->host.len > 0 ? " " : "", to,
		     (unsigned)f->dst_port, when);
	str_put_printable(stdout, f->generation);
	(void)printf(" (in force then)\n"
		     "  record     flow_id %s, %s line %u, effect %s",
		     id, s->file, s->line, effect_name(f->effect));
	if (f->rule.len > 0)
		(void)fputs(", because of ", stdout);
	str_put_printable(stdout, f->rule);
	if (f->principal.len > 0) {
		(void)fputs("\n  principal  ", stdout);
		str_put_printable(stdout, f->principal);
		(void)fputs("   (as recorded)", stdout);
	}
	(void)putchar('\n');
}

#define CHANGED "the record, or what the ledger keeps of its generation, was changed"

static bool is_as_recorded(const struct generation *g, const struct recorded_flow *f,
			   const struct decision *d)
{
	const struct rule_place rule = policy_rule(g->policy, d->rule);
	char place[1100];

	(void)snprintf(place, sizeof(place), "%.*s:%u", (int)rule.file.len, rule.file.p,
		       (unsigned)rule.line);
	return d->verdict == f->verdict &&
	       (rule.line == 0 ? f->rule.len == 0 : str_equal(f->rule, str_of(place)));
}

/* The gates once more; a decision that is not the recorded one is said, never hidden. */
static void show_gates(const struct recorded_flow *f, const struct generation *g)
{
	static struct rejudged again;
	const char *doubt = rejudge(g, f, &again);

	show_known(g, &again.subject, stdout);
	show_bindings(g, &again.subject, stdout);
	(void)printf("\n");
	policy_explain(g->policy, &again.subject, &again.decision, stdout);
	if (is_as_recorded(g, f, &again.decision))
		(void)printf("\njudged again: as recorded\n");
	else
		(void)printf("\njudged again: %s, NOT as recorded: %s\n",
			     verdict_name(again.decision.verdict),
			     doubt != NULL ? doubt : CHANGED);
}

static void name_generation(const struct recorded_flow *f, char name[64])
{
	(void)snprintf(name, 64, "%.*s", (int)f->generation.len,
		       f->generation.p == NULL ? "" : f->generation.p);
}

static int show(const char *dir, const struct search *s, const struct recorded_flow *f)
{
	char name[64];
	struct generation *g;

	name_generation(f, name);
	show_head(s, f);
	if (f->reason == VERDICT_REASON_PREEXISTING) {
		(void)printf(
			"\nolder than Weir's start: it passed, and no gate was asked\n");
		return finish_output(EXIT_FINE);
	}
	(void)fflush(stdout);
	g = history_generation(dir, name);
	if (g == NULL)
		return EXIT_COULD_NOT;
	show_gates(f, g);
	generation_destroy(g);
	return finish_output(f->verdict == VERDICT_DENY ? EXIT_FINDINGS : EXIT_FINE);
}

static void put_some(struct json *j, const char *key, struct str s)
{
	if (s.len > 0)
		json_string(j, key, s);
}

/* What the record says, which is not asked again. */
static void record_json(struct json *j, const struct search *s,
			const struct recorded_flow *f)
{
	char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX], id[ID_TEXT];

	(void)addr_format(&f->src, from);
	(void)addr_format(&f->dst, to);
	id_text(f, id);
	put_some(j, "generation", f->generation);
	json_cstring(j, "flow_id", id);
	put_some(j, "community_id", f->community_id);
	json_cstring(j, "ledger_file", s->file);
	json_u64(j, "ledger_line", s->line);
	json_cstring(j, "src_ip", from);
	json_cstring(j, "dst_ip", to);
	json_u64(j, "dst_port", f->dst_port);
	if (f->principal.len > 0) {
		json_string(j, "principal", f->principal);
		json_cstring(j, "principal_by", "record");
	}
	json_cstring(j, "effect", effect_name(f->effect));
	json_cstring(j, "recorded_verdict", verdict_name(f->verdict));
	put_some(j, "recorded_rule", f->rule);
}

static void again_json(struct explain_json *x, const struct recorded_flow *f,
		       const struct generation *g)
{
	static struct rejudged again;
	const char *doubt = rejudge(g, f, &again);
	bool same = is_as_recorded(g, f, &again.decision);

	explain_json_known(x, g, &again.subject);
	policy_explain_json(g->policy, &again.subject, &again.decision, &x->j);
	json_bool(&x->j, "as_recorded", same);
	if (!same)
		json_cstring(&x->j, "doubt", doubt != NULL ? doubt : CHANGED);
}

static int show_json(const char *dir, const struct search *s,
		     const struct recorded_flow *f)
{
	char name[64];
	struct generation *g = NULL;
	struct explain_json x;

	name_generation(f, name);
	if (f->reason != VERDICT_REASON_PREEXISTING) {
		g = history_generation(dir, name);
		if (g == NULL)
			return EXIT_COULD_NOT;
	}
	if (!explain_json_begin(&x)) {
		generation_destroy(g);
		return EXIT_COULD_NOT;
	}
	record_json(&x.j, s, f);
	if (g != NULL) {
		again_json(&x, f, g);
	} else {
		json_cstring(&x.j, "verdict", verdict_name(f->verdict));
		json_cstring(&x.j, "reason", verdict_reason_name(f->reason));
	}
	generation_destroy(g);
	return explain_json_end(&x,
				f->verdict == VERDICT_DENY ? EXIT_FINDINGS : EXIT_FINE);
}

/* The line that was kept says the same once more. */
static int show_found(const char *dir, const struct search *s, bool json)
{
	const struct ledger_line line = {
		.file = s->file, .line = s->line, .text = {s->text, s->len}};
	struct recorded_flow *f = malloc(sizeof(*f));
	struct diag *d = diag_create();
	int code = EXIT_COULD_NOT;

	if (f != NULL && d != NULL && record_read_flow(&line, d, f))
		code = json ? show_json(dir, s, f) : show(dir, s, f);
	else
		(void)fprintf(stderr, "weir explain: out of memory\n");
	diag_destroy(d);
	free(f);
	return code;
}

int explain_flow(const struct common *c, const char *wanted, const char *ledger)
{
	char buf[LEDGER_DIR_MAX];
	struct search s = {.wanted = wanted};
	struct history_reading to = {.each = look_at, .arg = &s};
	const char *dir;
	int code = EXIT_FINE;

	if (!is_word(wanted))
		return usage_error("explain",
				   "--flow '%s': write 4 to 16 digits of a flow_id "
				   "(0-9, a-f), or a Community ID (1:...)",
				   wanted);
	dir = history_dir("explain", c, ledger, buf);
	if (dir == NULL)
		return EXIT_USAGE;
	if (!look_in_index(dir, &s)) {
		forget(&s);
		code = history_read("explain", dir, &to);
	}
	if (code == EXIT_FINE && s.out_of_memory) {
		(void)fprintf(stderr, "weir explain: out of memory\n");
		code = EXIT_COULD_NOT;
	} else if (code == EXIT_FINE && !s.found) {
		(void)fprintf(stderr, "weir explain: %s: no judged connection '%s'\n",
			      dir, wanted);
		history_say_left_out("explain", &to);
		if (to.expired == 0) /* it was the index that was asked */
			history_say_expired("explain", dir);
		code = EXIT_COULD_NOT;
	} else if (code == EXIT_FINE && s.several) {
		(void)fprintf(
			stderr,
			"weir explain: %s: '%s' stands for several connections; write "
			"more digits of the flow_id\n",
			dir, wanted);
		code = EXIT_USAGE;
	} else if (code == EXIT_FINE) {
		code = show_found(dir, &s, c->json);
	}
	free(s.text);
	return code;
}
