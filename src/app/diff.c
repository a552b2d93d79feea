/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/history.h"
#include "base/clock.h"
#include "base/json.h"
#include "engine/rejudge.h"
#include "report/tally.h"

#define NAMES_MAX 64
#define PLACE_MAX 1100

struct options {
	struct common common;
	const char *old[NAMES_MAX], *fresh[NAMES_MAX];
	size_t old_count, fresh_count;
	const char *ledger;
};

enum change {
	CHANGE_DENIED,     /* newly */
	CHANGE_ALLOWED,    /* newly */
	CHANGE_WOULD_DENY, /* a report-only line, newly */
	CHANGE_WOULD_PASS, /* no longer */
	CHANGE_COUNT
};

static const struct {
	const char *word, *title;
} changes[CHANGE_COUNT] = {
	{"newly_denied", "newly denied"},
	{"newly_allowed", "newly allowed"},
	{"would_newly_deny", "would newly be denied, by lines that only report"},
	{"would_no_longer_deny", "would no longer be denied"},
};

/* What one side says of a connection. */
struct opinion {
	bool deny, would_deny;
	char rule[PLACE_MAX]; /* FILE:LINE; "" = none */
	struct str text;      /* of that line; absent: none, or not recorded */
};

struct comparison {
	const struct generation *old, *fresh; /* old NULL: as recorded */
	struct tally *rows[CHANGE_COUNT];
	struct tally *doubts;
	uint64_t judged, same, other_rule, changed[CHANGE_COUNT], doubtful;
	uint64_t rolled_up; /* in events that count connections: not judged again */
	bool out_of_memory;
	struct rejudged now, before;
};

static void put_rule(const struct generation *g, uint32_t rule, struct opinion *ret)
{
	const struct rule_place at = policy_rule(g->policy, rule);

	ret->rule[0] = '\0';
	ret->text = at.text;
	if (at.line > 0)
		(void)snprintf(ret->rule, PLACE_MAX, "%.*s:%u", (int)at.file.len,
			       at.file.p, (unsigned)at.line);
}

static void answer_of(const struct generation *g, const struct rejudged *j,
		      struct opinion *ret)
{
	const struct decision *d = &j->decision;

	ret->deny = d->verdict == VERDICT_DENY;
	ret->would_deny = ret->deny || d->would == VERDICT_DENY;
	put_rule(g, ret->would_deny && !ret->deny ? d->would_rule : d->rule, ret);
}

static void recorded_answer(const struct recorded_flow *f, struct opinion *ret)
{
	struct str rule;

	ret->deny = f->verdict == VERDICT_DENY;
	ret->would_deny = ret->deny || f->would == VERDICT_DENY;
	rule = ret->would_deny && !ret->deny ? f->would_rule : f->rule;
	(void)snprintf(ret->rule, sizeof(ret->rule), "%.*s", (int)rule.len,
		       rule.len > 0 ? rule.p : "");
	ret->text = STR_NONE;
}

/* Who, as rules name it: a source, else the role and whose address it is. */
static struct str who(const struct generation *g, const struct recorded_flow *f,
		      const struct subject *s, char buf[PLACE_MAX])
{
	int n;

	if (s->source != ID_NONE)
		return str_of(g->vocabulary.sources.words[s->source]);
	n = snprintf(buf, PLACE_MAX, "%s%s%.*s", role_name(s->role),
		     f->principal.len > 0 ? " " : "", (int)f->principal.len,
		     f->principal.len > 0 ? f->principal.p : "");
	return (struct str){buf, n < 0 ? 0 : (size_t)n};
}

static struct str what(const struct recorded_flow *f, char buf[PLACE_MAX])
{
	char address[ADDR_TEXT_MAX];
	struct str host = f->host;
	int n;

	if (host.len == 0)
		host = (struct str){address, addr_format(&f->dst, address)};
	n = snprintf(buf, PLACE_MAX, "%.*s:%u", (int)host.len, host.p,
		     (unsigned)f->dst_port);
	return (struct str){buf, n < 0 ? 0 : (size_t)n};
}

static struct str service_of(const struct generation *g, const struct rejudged *j)
{
	return j->service.service == ID_NONE
		       ? STR("(none)")
		       : str_of(g->vocabulary.services.words[j->service.service]);
}

static void add(struct comparison *c, struct tally *to, const struct recorded_flow *f,
		struct str first, const struct opinion *now, const struct opinion *before)
{
	char source[PLACE_MAX], example[PLACE_MAX];
	const struct tally_one one = {
		.texts = {first, str_of(now == NULL ? "" : now->rule),
			  str_of(before == NULL ? "" : before->rule),
			  service_of(c->fresh, &c->now)},
		.source = who(c->fresh, f, &c->now.subject, source),
		.example = what(f, example),
		.time_us = f->time_us,
	};

	c->out_of_memory = !tally_add(to, &one) || c->out_of_memory;
}

static void compare(struct comparison *c, const struct recorded_flow *f,
		    const struct opinion *now, const struct opinion *before)
{
	enum change kind = CHANGE_COUNT;

	if (now->deny != before->deny)
		kind = now->deny ? CHANGE_DENIED : CHANGE_ALLOWED;
	else if (now->would_deny != before->would_deny)
		kind = now->would_deny ? CHANGE_WOULD_DENY : CHANGE_WOULD_PASS;
	if (kind == CHANGE_COUNT) {
		c->same++;
		c->other_rule += c->old != NULL && !str_equal(now->text, before->text);
		return;
	}
	c->changed[kind]++;
	add(c, c->rows[kind], f, STR_NONE, now, before);
}

static bool each(void *arg, const struct recorded_flow *f, const struct ledger_line *line)
{
	struct comparison *c = arg;
	struct opinion now, before;
	const char *doubt = "it was older than Weir's start";

	(void)line;
	c->judged++;
	if (f->reason != VERDICT_REASON_PREEXISTING)
		doubt = rejudge(c->fresh, f, &c->now);
	if (doubt == NULL && c->old != NULL)
		doubt = rejudge(c->old, f, &c->before);
	if (doubt != NULL) {
		if (f->reason == VERDICT_REASON_PREEXISTING)
			memset(&c->now, 0, sizeof(c->now));
		if (f->reason == VERDICT_REASON_PREEXISTING)
			c->now.service.service = c->now.subject.source = ID_NONE;
		c->doubtful++;
		add(c, c->doubts, f, str_of(doubt), NULL, NULL);
		return !c->out_of_memory;
	}
	answer_of(c->fresh, &c->now, &now);
	if (c->old != NULL)
		answer_of(c->old, &c->before, &before);
	else
		recorded_answer(f, &before);
	compare(c, f, &now, &before);
	return !c->out_of_memory;
}

/* ---- showing ---- */

static struct str or_none(struct str s)
{
	return s.len == 0 ? STR("(no line)") : s;
}

static void print_sources(const struct tally_row *r, FILE *out)
{
	for (size_t i = 0; i < r->source_count && i < 3; i++) {
		(void)fputs(i > 0 ? ", " : "", out);
		str_put_printable(out, r->sources[i]);
	}
	if (r->sources_cut)
		(void)fprintf(out, " and more");
	else if (r->source_count > 3)
		(void)fprintf(out, " and %zu more", r->source_count - 3);
}

static void print_rows(struct tally *t, const char *title, uint64_t count, bool doubts)
{
	size_t n = tally_sort(t);

	if (count == 0)
		return;
	(void)printf("\n%s: %" PRIu64 "\n", title, count);
	for (size_t i = 0; i < n; i++) {
		const struct tally_row *r = tally_at(t, i);

		(void)printf("  %7" PRIu64 "  ", r->count);
		str_put_printable(stdout, doubts ? r->texts[0] : or_none(r->texts[1]));
		if (!doubts) {
			(void)fputs("   (before: ", stdout);
			str_put_printable(stdout, or_none(r->texts[2]));
			(void)fputs(")", stdout);
		}
		(void)fputs("\n           service ", stdout);
		str_put_printable(stdout, r->texts[3]);
		(void)fputs(", from ", stdout);
		print_sources(r, stdout);
		(void)fputs(", first to ", stdout);
		str_put_printable(stdout, r->example);
		(void)putchar('\n');
	}
	if (tally_lost(t) > 0)
		(void)printf("  %7" PRIu64 "  of further kinds\n", tally_lost(t));
}

static void print_text(struct comparison *c)
{
	(void)printf("old   %s%s\nnew   generation %s\n",
		     c->old == NULL ? "as recorded" : "generation ",
		     c->old == NULL ? "" : c->old->name, c->fresh->name);
	(void)printf("seen  %" PRIu64 " judgements: %" PRIu64 " the same", c->judged,
		     c->same);
	/* A record names its line, but does not hold it. */
	if (c->old != NULL)
		(void)printf(" (%" PRIu64 " by another line)", c->other_rule);
	(void)printf(", %" PRIu64 " could not be judged again\n", c->doubtful);
	for (unsigned k = 0; k < CHANGE_COUNT; k++)
		print_rows(c->rows[k], changes[k].title, c->changed[k], false);
	print_rows(c->doubts, "could not be judged again", c->doubtful, true);
	if (c->rolled_up > 0)
		(void)printf("\ncould not be judged again: %" PRIu64 " in rollups, which "
			     "count connections and do not tell them\n",
			     c->rolled_up);
}

static void json_row(struct json *j, const struct tally_row *r, const char *change)
{
	char when[RFC3339_LEN + 1];

	json_object_begin(j, NULL);
	json_cstring(j, "change", change);
	json_put_u64(j, STR("count"), r->count);
	if (r->texts[0].len > 0)
		json_string(j, "why", r->texts[0]);
	if (r->texts[1].len > 0)
		json_string(j, "rule", r->texts[1]);
	if (r->texts[2].len > 0)
		json_string(j, "old_rule", r->texts[2]);
	json_string(j, "service", r->texts[3]);
	json_array_begin(j, "sources");
	for (size_t i = 0; i < r->source_count; i++)
		json_string(j, NULL, r->sources[i]);
	json_array_end(j);
	if (r->sources_cut)
		json_bool(j, "sources_cut", true);
	json_string(j, "example", r->example);
	clock_format_rfc3339(r->first_us, when);
	json_cstring(j, "first", when);
	clock_format_rfc3339(r->last_us, when);
	json_cstring(j, "last", when);
	json_object_end(j);
}

/* One object a line: the sums first, then each row. */
static void print_json(struct comparison *c)
{
	static char buf[JSON_ROW_MAX];
	struct json j;

	json_init(&j, buf, sizeof(buf));
	json_object_begin(&j, NULL);
	json_cstring(&j, "old", c->old == NULL ? "recorded" : c->old->name);
	json_cstring(&j, "new", c->fresh->name);
	json_put_u64(&j, STR("judgements"), c->judged);
	json_put_u64(&j, STR("same"), c->same);
	if (c->old != NULL)
		json_put_u64(&j, STR("other_rule"), c->other_rule);
	json_put_u64(&j, STR("not_judged_again"), c->doubtful);
	json_put_u64(&j, STR("in_rollups"), c->rolled_up);
	for (unsigned k = 0; k < CHANGE_COUNT; k++)
		json_put_u64(&j, str_of(changes[k].word), c->changed[k]);
	json_object_end(&j);
	(void)printf("%.*s\n", (int)j.len, buf);
	for (unsigned k = 0; k <= CHANGE_COUNT; k++) {
		struct tally *t = k < CHANGE_COUNT ? c->rows[k] : c->doubts;
		size_t n = tally_sort(t);

		for (size_t i = 0; i < n; i++) {
			json_init(&j, buf, sizeof(buf));
			json_row(&j, tally_at(t, i),
				 k < CHANGE_COUNT ? changes[k].word : "not_judged_again");
			(void)printf("%.*s\n", (int)j.len, buf);
		}
	}
}

/* ---- doing ---- */

static int read_all(struct comparison *c, const char *dir, const char *const *captures,
		    size_t count)
{
	struct history_reading to = {.each = each, .arg = c};
	const int code = count == 0
				 ? history_read("diff", dir, &to)
				 : history_replay("diff", c->old, captures, count, &to);

	c->rolled_up = to.rolled_up;
	history_say_gone("diff", &to);
	return code;
}

static int compare_all(const struct options *o, struct comparison *c, const char *dir,
		       const char *const *captures, size_t count)
{
	bool differs = false;
	int code = EXIT_FINE;

	c->doubts = tally_create();
	c->out_of_memory = c->doubts == NULL;
	for (unsigned k = 0; k < CHANGE_COUNT; k++) {
		c->rows[k] = tally_create();
		c->out_of_memory = c->out_of_memory || c->rows[k] == NULL;
	}
	if (!c->out_of_memory)
		code = read_all(c, dir, captures, count);
	if (c->out_of_memory) {
		(void)fprintf(stderr, "weir diff: out of memory\n");
		code = EXIT_COULD_NOT;
	}
	if (code == EXIT_FINE) {
		if (o->common.json)
			print_json(c);
		else
			print_text(c);
		for (unsigned k = 0; k < CHANGE_COUNT; k++)
			differs = differs || c->changed[k] > 0;
		code = finish_output(differs ? EXIT_FINDINGS : EXIT_FINE);
	}
	for (unsigned k = 0; k < CHANGE_COUNT; k++)
		tally_destroy(c->rows[k]);
	tally_destroy(c->doubts);
	return code;
}

static int diff(const struct options *o, const char *const *captures, size_t count)
{
	struct comparison *c = calloc(1, sizeof(*c));
	struct generation *old = NULL, *fresh = NULL;
	char buf[LEDGER_DIR_MAX];
	const char *dir = NULL;
	int code = EXIT_FINDINGS;

	if (c == NULL)
		return EXIT_COULD_NOT;
	if (count == 0 || o->ledger != NULL) {
		dir = history_dir("diff", &o->common, o->ledger, buf);
		if (dir == NULL) {
			free(c);
			return EXIT_USAGE;
		}
	}
	fresh = history_meant("diff", dir, &o->common, o->fresh, o->fresh_count);
	if (fresh != NULL && (o->old_count > 0 || count > 0))
		old = history_meant("diff", dir, &o->common, o->old, o->old_count);
	if (fresh != NULL && (old != NULL || (o->old_count == 0 && count == 0))) {
		c->old = old;
		c->fresh = fresh;
		code = compare_all(o, c, dir, captures, count);
	}
	generation_destroy(old);
	generation_destroy(fresh);
	free(c);
	return code;
}

static bool add_name(const char *list[NAMES_MAX], size_t *count, const char *name)
{
	if (*count == NAMES_MAX)
		return false;
	list[(*count)++] = name;
	return true;
}

static int run(int argc, char *argv[])
{
	enum {
		OPT_OLD = 256,
		OPT_NEW,
		OPT_LEDGER,
		OPT_JSON
	};
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"old", required_argument, NULL, OPT_OLD},
		{"new", required_argument, NULL, OPT_NEW},
		{"ledger", required_argument, NULL, OPT_LEDGER},
		{"json", no_argument, NULL, OPT_JSON},
		{NULL, 0, NULL, 0},
	};
	struct options opts = {0};
	bool room = true;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		if (o == 'c')
			opts.common.config = optarg;
		else if (o == OPT_OLD)
			room = room && add_name(opts.old, &opts.old_count, optarg);
		else if (o == OPT_NEW)
			room = room && add_name(opts.fresh, &opts.fresh_count, optarg);
		else if (o == OPT_LEDGER)
			opts.ledger = optarg;
		else if (o == OPT_JSON)
			opts.common.json = true;
		else if (o == '?')
			return usage_error("diff", "see the options");
	}
	if (!room)
		return usage_error("diff", "more than %d files", NAMES_MAX);
	if (opts.fresh_count == 0 && opts.common.config == NULL)
		return usage_error("diff", "--new RULES (or a generation) is needed");
	return diff(&opts, (const char *const *)argv + optind, (size_t)(argc - optind));
}

const struct command command_diff = {
	.name = "diff",
	.summary = "what other rules would have made of traffic that was seen",
	.run = run,
	.help = "usage: weir diff [--old OLD]... --new NEW... [-c FILE] [--ledger DIR]\n"
		"       weir diff [--old OLD]... --new NEW... [-c FILE] CAPTURE...\n"
		"\n"
		"Judges recorded connections again and prints what changes: what is newly denied or\n"
		"allowed, or would be by lines that only report; by which line, of which service,\n"
		"from which sources.  Without --old the recorded verdicts are compared, or, with\n"
		"captures, those of the configuration.  What the record cannot tell again is\n"
		"counted apart.\n"
		"\n"
		"  --new NEW      rule files (repeatable), or a generation that the ledger keeps, by\n"
		"                 4 to 16 digits, or `running`: the last one of the ledger; without\n"
		"                 --new, but with -c, the configuration's files as they are now\n"
		"  --old OLD      the same of the other side\n"
		"  -c FILE        configuration, for rule files: sites, sources, catalogue\n"
		"  --ledger DIR   the ledger's folder (default: the configured one)\n"
		"  --json         one object a line: the sums, then each row\n"
		"\n"
		"Exit status: 0 nothing changes; 1 something does, or errors in the files; 2 usage;\n"
		"3 could not.\n",
};
