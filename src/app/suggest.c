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

#define WORDS_MAX 400

struct options {
	struct common common;
	const char *ledger;
	bool all;
};

/* Why a connection gives no line; in the order in which they are looked for. */
enum left_out {
	LEFT_PREEXISTING = 0,
	LEFT_DENIED,
	LEFT_FOREIGN,
	LEFT_COVERED,
	LEFT_OTHER,
	LEFT_NAMELESS,
	LEFT_MISMATCH,
	LEFT_UNCORROBORATED,
	LEFT_ODD_NAME,
	LEFT_COUNT
};

static const struct {
	const char *word, *text;
} left_out[LEFT_COUNT] = {
	[LEFT_PREEXISTING] = {"preexisting", "older than Weir's start: never judged"},
	[LEFT_DENIED] = {"denied", "denied by a line"},
	[LEFT_FOREIGN] = {"foreign", "to a tenant, environment or organization that the "
				     "gate own does not let pass"},
	[LEFT_COVERED] = {"covered", "allowed by a line already"},
	[LEFT_OTHER] = {"other", "out of scope, and the default lets them pass (--all: "
				 "lines for them too)"},
	[LEFT_NAMELESS] = {"nameless", "without a name"},
	[LEFT_MISMATCH] = {"mismatch", "whose name and address contradict each other"},
	[LEFT_UNCORROBORATED] = {"uncorroborated",
				 "whose name no second witness confirms"},
	[LEFT_ODD_NAME] = {"odd_name", "whose name holds other than letters, digits, "
				       "'-', '_' and '.'"},
};

struct suggesting {
	const struct generation *g;
	bool all;
	struct tally *lines;
	uint64_t seen, suggested, left[LEFT_COUNT];
	int64_t first_us, last_us;
	bool out_of_memory;
	struct rejudged now;
};

static bool denies(const struct gate_answer *a)
{
	return a->answer == ANSWER_DENY || a->report == ANSWER_DENY;
}

/* A deny of gate default is what a line would change; any other one is meant. */
static bool is_denied(const struct decision *d)
{
	for (unsigned g = 0; g < GATE_DEFAULT; g++)
		if (denies(&d->gates[g]))
			return true;
	return d->gates[GATE_UNDECIDABLE].answer == ANSWER_DENY ||
	       (d->verdict == VERDICT_DENY && d->gate != GATE_DEFAULT);
}

static enum left_out why_not(const struct suggesting *s, const struct recorded_flow *f)
{
	const struct subject *about = &s->now.subject;
	const struct decision *d = &s->now.decision;

	if (denies(&d->gates[GATE_OWN]))
		return LEFT_FOREIGN;
	if (f->verdict == VERDICT_DENY && f->gate != GATE_DEFAULT)
		return LEFT_DENIED;
	if (is_denied(d))
		return LEFT_DENIED;
	if (d->gates[GATE_RULES].answer == ANSWER_ALLOW)
		return LEFT_COVERED;
	if (!s->all && !about->in_scope && !denies(&d->gates[GATE_DEFAULT]))
		return LEFT_OTHER;
	if (about->host.len == 0 || about->undecidable != UNDECIDABLE_NONE)
		return LEFT_NAMELESS;
	if ((about->flags & (1u << FLAG_NAME_ADDRESS_MISMATCH)) != 0)
		return LEFT_MISMATCH;
	if (about->corroboration == CORROBORATION_NONE ||
	    about->corroboration == CORROBORATION_RANGE_CLOUD)
		return LEFT_UNCORROBORATED;
	/* It goes into a rule: nothing that is read in another way there, such as '*'. */
	return str_is_host_name(about->host) ? LEFT_COUNT : LEFT_ODD_NAME;
}

static struct str words(char buf[WORDS_MAX], const char *before, struct str name,
			bool quoted)
{
	int n = snprintf(buf, WORDS_MAX, "%s%s%.*s%s", before, quoted ? "\"" : "",
			 (int)name.len, name.p, quoted ? "\"" : "");

	return (struct str){buf, n < 0 || n >= WORDS_MAX ? 0 : (size_t)n};
}

/* What a line says of the two ends: a source or role, a service or host and port. */
static void suggest(struct suggesting *s, const struct recorded_flow *f)
{
	const struct vocabulary *v = &s->g->vocabulary;
	const struct subject *about = &s->now.subject;
	const struct service *svc = &s->now.service;
	char from[WORDS_MAX], to[WORDS_MAX], port[WORDS_MAX], example[WORDS_MAX],
		address[ADDR_TEXT_MAX];
	struct tally_one one = {.time_us = f->time_us};

	if (about->source != ID_NONE) {
		struct str name = str_of(v->sources.words[about->source]);

		one.texts[0] = words(from, "source ", name,
				     !str_is_host_name(name) ||
					     memchr(name.p, '.', name.len) != NULL);
	} else {
		one.texts[0] =
			words(from, "role ", str_of(role_name(about->role)), false);
	}
	if (svc->service != ID_NONE && svc->in_scope) {
		one.texts[1] = words(to, "service ",
				     str_of(v->services.words[svc->service]), false);
	} else {
		one.texts[1] = words(to, "host ", about->host, true);
		(void)snprintf(port, sizeof(port), "%u", (unsigned)about->server_port);
		one.texts[2] = str_of(port);
	}
	one.source =
		f->principal.len > 0
			? f->principal
			: (struct str){address, addr_format(&about->inside, address)};
	one.example = words(example, "", about->host, false);
	s->out_of_memory = !tally_add(s->lines, &one) || s->out_of_memory;
	s->suggested++;
}

static bool each(void *arg, const struct recorded_flow *f, const struct ledger_line *line)
{
	struct suggesting *s = arg;
	enum left_out why = LEFT_PREEXISTING;

	(void)line;
	if (s->seen++ == 0 || f->time_us < s->first_us)
		s->first_us = f->time_us;
	if (s->seen == 1 || f->time_us > s->last_us)
		s->last_us = f->time_us;
	if (f->reason != VERDICT_REASON_PREEXISTING) {
		(void)rejudge(s->g, f, &s->now);
		why = why_not(s, f);
	}
	if (why == LEFT_COUNT)
		suggest(s, f);
	else
		s->left[why]++;
	return !s->out_of_memory;
}

/* ---- showing ---- */

static void print_line(const struct tally_row *r)
{
	char first[RFC3339_LEN + 1], last[RFC3339_LEN + 1];

	clock_format_rfc3339(r->first_us, first);
	clock_format_rfc3339(r->last_us, last);
	(void)printf("\n# %" PRIu64 " judgements, first %s, last %s; to ", r->count,
		     first, last);
	str_put_printable(stdout, r->example);
	(void)printf("\n# from");
	for (size_t i = 0; i < r->source_count; i++) {
		(void)putchar(' ');
		str_put_printable(stdout, r->sources[i]);
	}
	(void)printf("%s\nallow  from %.*s  to %.*s%s%.*s\n",
		     r->sources_cut ? " and more" : "", (int)r->texts[0].len,
		     r->texts[0].p, (int)r->texts[1].len, r->texts[1].p,
		     r->texts[2].len > 0 ? "  port " : "", (int)r->texts[2].len,
		     r->texts[2].len > 0 ? r->texts[2].p : "");
}

static void print_text(struct suggesting *s)
{
	const size_t n = tally_sort(s->lines);
	char first[RFC3339_LEN + 1], last[RFC3339_LEN + 1];

	clock_format_rfc3339(s->first_us, first);
	clock_format_rfc3339(s->last_us, last);
	(void)printf(
		"# weir suggest: what was seen and no line allows yet; read each line "
		"before you use it\n"
		"# judged by generation %s: %" PRIu64 " judgements",
		s->g->name, s->seen);
	if (s->seen > 0)
		(void)printf(" from %s to %s", first, last);
	(void)printf("\n# %" PRIu64 " of them need the lines below", s->suggested);
	for (unsigned i = 0; i < LEFT_COUNT; i++)
		if (s->left[i] > 0)
			(void)printf("\n# left out: %" PRIu64 " %s", s->left[i],
				     left_out[i].text);
	(void)printf("\n\ngate rules\n");
	for (size_t i = 0; i < n; i++)
		print_line(tally_at(s->lines, i));
}

static void json_line(struct json *j, const struct tally_row *r)
{
	char when[RFC3339_LEN + 1];

	json_object_begin(j, NULL);
	json_string(j, "from", r->texts[0]);
	json_string(j, "to", r->texts[1]);
	if (r->texts[2].len > 0)
		json_string(j, "port", r->texts[2]);
	json_put_u64(j, STR("count"), r->count);
	clock_format_rfc3339(r->first_us, when);
	json_cstring(j, "first", when);
	clock_format_rfc3339(r->last_us, when);
	json_cstring(j, "last", when);
	json_string(j, "example", r->example);
	json_array_begin(j, "sources");
	for (size_t i = 0; i < r->source_count; i++)
		json_string(j, NULL, r->sources[i]);
	json_array_end(j);
	if (r->sources_cut)
		json_bool(j, "sources_cut", true);
	json_object_end(j);
}

static void print_json(struct suggesting *s)
{
	const size_t n = tally_sort(s->lines);
	static char buf[JSON_ROW_MAX];
	struct json j;

	json_init(&j, buf, sizeof(buf));
	json_object_begin(&j, NULL);
	json_cstring(&j, "generation", s->g->name);
	json_put_u64(&j, STR("judgements"), s->seen);
	json_put_u64(&j, STR("suggested"), s->suggested);
	json_object_begin(&j, "left_out");
	for (unsigned i = 0; i < LEFT_COUNT; i++)
		json_put_u64(&j, str_of(left_out[i].word), s->left[i]);
	json_object_end(&j);
	json_object_end(&j);
	(void)printf("%.*s\n", (int)j.len, buf);
	for (size_t i = 0; i < n; i++) {
		json_init(&j, buf, sizeof(buf));
		json_line(&j, tally_at(s->lines, i));
		(void)printf("%.*s\n", (int)j.len, buf);
	}
}

/* ---- doing ---- */

static struct generation *load(const struct options *o, const char *dir)
{
	static const char *const last[] = {"running"};

	if (o->common.config != NULL || o->common.rule_count > 0 || dir == NULL)
		return load_or_report(&o->common, true);
	return history_meant("suggest", dir, &o->common, last, 1);
}

static int run_all(const struct options *o, const char *const *captures, size_t count)
{
	struct suggesting *s = calloc(1, sizeof(*s));
	struct history_reading to = {.each = each};
	char buf[LEDGER_DIR_MAX];
	const char *dir = NULL;
	struct generation *g;
	int code = EXIT_FINDINGS;

	if (count == 0)
		dir = history_dir("suggest", &o->common, o->ledger, buf);
	if (s == NULL || (count == 0 && dir == NULL)) {
		free(s);
		return s == NULL ? EXIT_COULD_NOT : EXIT_USAGE;
	}
	g = load(o, dir);
	if (g != NULL) {
		s->g = g;
		to.arg = s;
		s->all = o->all;
		s->lines = tally_create();
		code = s->lines == NULL ? EXIT_COULD_NOT
		       : count == 0     ? history_read("suggest", dir, &to)
				    : history_replay("suggest", g, captures, count, &to);
		history_say_left_out("suggest", &to);
	}
	if (code == EXIT_FINE && s->out_of_memory)
		code = EXIT_COULD_NOT;
	if (code == EXIT_FINE) {
		if (o->common.json)
			print_json(s);
		else
			print_text(s);
		code = finish_output(EXIT_FINE);
	}
	tally_destroy(s->lines);
	generation_destroy(g);
	free(s);
	return code;
}

static int run(int argc, char *argv[])
{
	enum {
		OPT_LEDGER = 256,
		OPT_JSON,
		OPT_ALL
	};
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"rules", required_argument, NULL, 'r'},
		{"ledger", required_argument, NULL, OPT_LEDGER},
		{"json", no_argument, NULL, OPT_JSON},
		{"all", no_argument, NULL, OPT_ALL},
		{NULL, 0, NULL, 0},
	};
	struct options opts = {0};
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:r:", longs, NULL)) != -1) {
		if (o == 'c')
			opts.common.config = optarg;
		else if (o == 'r' && !add_rules(&opts.common, optarg))
			return EXIT_USAGE;
		else if (o == OPT_LEDGER)
			opts.ledger = optarg;
		else if (o == OPT_JSON)
			opts.common.json = true;
		else if (o == OPT_ALL)
			opts.all = true;
		else if (o == '?')
			return usage_error("suggest", "see the options");
	}
	if (optind < argc && opts.ledger != NULL)
		return usage_error("suggest", "captures or a ledger, not both");
	return run_all(&opts, (const char *const *)argv + optind,
		       (size_t)(argc - optind));
}

const struct command command_suggest = {
	.name = "suggest",
	.summary = "rules that traffic needs which was seen",
	.run = run,
	.help = "usage: weir suggest [-c FILE] [-r RULES]... [--ledger DIR | CAPTURE...]\n"
		"\n"
		"Prints lines for gate rules that would allow what was seen and no line allows yet,\n"
		"each with how often, when and from whom it was seen.  Denied traffic, names that\n"
		"no second witness confirms or that contradict their address, and others' tenants\n"
		"are left out and counted.  Read each line before you use it.\n"
		"\n"
		"  --ledger DIR   recorded connections (default: the configured ledger)\n"
		"  -c FILE        configuration (default with a ledger: its last generation)\n"
		"  -r FILE        rule file; replaces the configuration's list; repeatable\n"
		"  --all          lines for traffic out of scope, too\n"
		"  --json         one object a line: the sums, then each line\n"
		"\n"
		"Exit status: 0 fine; 1 errors in the files; 2 usage; 3 could not.\n",
};
