/* SPDX-License-Identifier: Apache-2.0 */
#include "app/explain_flow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/explain_show.h"
#include "app/history.h"
#include "base/clock.h"
#include "engine/rejudge.h"

#define ID_MIN   4 /* digits that may stand for a flow_id */
#define ID_TEXT  17
#define FILE_MAX 32

/* A judgement that was found, and where. */
struct record {
	struct recorded_flow flow;
	char file[FILE_MAX];
	unsigned line;
};

struct search {
	const char *wanted;
	struct record *now, *found;
	unsigned connections; /* that the word stands for */
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

/* The last judgement counts; the end of a connection is none. */
static void look_at(struct search *s)
{
	const struct recorded_flow *f = &s->now->flow;
	struct record *old = s->found;

	if (!f->judged || f->phase == PHASE_END || !is_wanted(f, s->wanted))
		return;
	if (s->connections == 0 || old->flow.flow_id != f->flow_id)
		s->connections++;
	s->found = s->now;
	s->now = old;
}

static bool is_word(const char *wanted)
{
	const size_t n = strlen(wanted);

	return strncmp(wanted, "1:", 2) == 0 ||
	       (n >= ID_MIN && n < ID_TEXT && strspn(wanted, "0123456789abcdef") == n);
}

static int search(const char *dir, struct search *s)
{
	struct diag *d = diag_create();
	struct ledger_reader *r = d == NULL ? NULL : ledger_reader_open(dir, d);
	struct ledger_line line;
	int code = r == NULL ? EXIT_COULD_NOT : EXIT_FINE;

	while (r != NULL && ledger_reader_next(r, &line)) {
		if (!record_read_flow(&line, d, &s->now->flow))
			continue;
		(void)snprintf(s->now->file, sizeof(s->now->file), "%s", line.file);
		s->now->line = line.line;
		look_at(s);
	}
	ledger_reader_close(r);
	if (d == NULL)
		(void)fprintf(stderr, "weir explain: out of memory\n");
	else if (diag_count(d, DIAG_ERROR) > 0)
		diag_print(d, stderr, isatty(STDERR_FILENO) == 1);
	diag_destroy(d);
	return code;
}

static void show_head(const struct record *r)
{
	const struct recorded_flow *f = &r->flow;
	char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX], when[RFC3339_LEN + 1], id[ID_TEXT];

	(void)addr_format(&f->src, from);
	(void)addr_format(&f->dst, to);
	clock_format_rfc3339(f->time_us, when);
	id_text(f, id);
	(void)printf("%s   %s -> %.*s%s%s:%u   %s   generation %.*s (in force then)\n",
		     f->verdict == VERDICT_DENY ? "DENY" : "ALLOW", from,
		     (int)f->host.len, f->host.len > 0 ? f->host.p : "",
		     f->host.len > 0 ? " " : "", to, (unsigned)f->dst_port, when,
		     (int)f->generation.len, f->generation.p);
	(void)printf("  record     flow_id %s, %s line %u, effect %s%s%.*s\n", id,
		     r->file, r->line, effect_name(f->effect),
		     f->rule.len > 0 ? ", because of " : "", (int)f->rule.len,
		     f->rule.len > 0 ? f->rule.p : "");
	if (f->principal.len > 0)
		(void)printf("  principal  %.*s   (as recorded)\n", (int)f->principal.len,
			     f->principal.p);
}

/* The gates once more; a decision that is not the recorded one is said, never hidden. */
static void show_gates(const struct record *r, const struct generation *g)
{
	static struct rejudged again;
	const char *doubt = rejudge(g, &r->flow, &again);
	const struct rule_place rule = policy_rule(g->policy, again.decision.rule);
	char place[1100];

	show_known(g, &again.subject, stdout);
	show_bindings(g, &again.subject, stdout);
	(void)printf("\n");
	policy_explain(g->policy, &again.subject, &again.decision, stdout);
	(void)snprintf(place, sizeof(place), "%.*s:%u", (int)rule.file.len, rule.file.p,
		       (unsigned)rule.line);
	if (again.decision.verdict == r->flow.verdict &&
	    (rule.line == 0 ? r->flow.rule.len == 0
			    : str_equal(r->flow.rule, str_of(place))))
		(void)printf("\njudged again: as recorded\n");
	else
		(void)printf("\njudged again: %s, NOT as recorded: %s\n",
			     verdict_name(again.decision.verdict),
			     doubt != NULL
				     ? doubt
				     : "the record, or what the ledger keeps of its "
				       "generation, was changed");
}

static int show(const char *dir, const struct search *s)
{
	const struct recorded_flow *f = &s->found->flow;
	char name[64];
	struct generation *g;

	(void)snprintf(name, sizeof(name), "%.*s", (int)f->generation.len,
		       f->generation.p == NULL ? "" : f->generation.p);
	show_head(s->found);
	if (f->reason == VERDICT_REASON_PREEXISTING) {
		(void)printf(
			"\nolder than Weir's start: it passed, and no gate was asked\n");
		return finish_output(EXIT_FINE);
	}
	(void)fflush(stdout);
	g = history_generation(dir, name);
	if (g == NULL)
		return EXIT_COULD_NOT;
	show_gates(s->found, g);
	generation_destroy(g);
	return finish_output(f->verdict == VERDICT_DENY ? EXIT_FINDINGS : EXIT_FINE);
}

int explain_flow(const struct common *c, const char *wanted, const char *ledger)
{
	char buf[LEDGER_DIR_MAX];
	struct search s = {.wanted = wanted};
	const char *dir;
	int code;

	if (!is_word(wanted))
		return usage_error("explain",
				   "--flow '%s': write 4 to 16 digits of a flow_id "
				   "(0-9, a-f), or a Community ID (1:...)",
				   wanted);
	dir = history_dir("explain", c, ledger, buf);
	if (dir == NULL)
		return EXIT_USAGE;
	s.now = calloc(1, sizeof(*s.now));
	s.found = calloc(1, sizeof(*s.found));
	code = s.now == NULL || s.found == NULL ? EXIT_COULD_NOT : search(dir, &s);
	if (code == EXIT_FINE && s.connections == 0) {
		(void)fprintf(stderr, "weir explain: %s: no judged connection '%s'\n",
			      dir, wanted);
		code = EXIT_COULD_NOT;
	} else if (code == EXIT_FINE && s.connections > 1) {
		(void)fprintf(stderr,
			      "weir explain: %s: '%s' stands for %u connections; write "
			      "more digits of the flow_id\n",
			      dir, wanted, s.connections);
		code = EXIT_USAGE;
	} else if (code == EXIT_FINE) {
		code = show(dir, &s);
	}
	free(s.now);
	free(s.found);
	return code;
}
