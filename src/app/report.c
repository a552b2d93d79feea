/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - what a ledger says of a period, as one HTML page that needs nothing but itself.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/history.h"
#include "app/report_parts.h"
#include "base/file.h"
#include "report/chart.h"
#include "report/html.h"

enum option_letter {
	OPTION_SINCE = 256,
	OPTION_UNTIL,
	OPTION_LEDGER,
	OPTION_INDEX,
	OPTION_KEY,
	OPTION_ANCHORS,
	OPTION_TZ,
	OPTION_PROVE
};

static const struct option long_options[] = {
	{"since", required_argument, NULL, OPTION_SINCE},
	{"until", required_argument, NULL, OPTION_UNTIL},
	{"ledger", required_argument, NULL, OPTION_LEDGER},
	{"index", required_argument, NULL, OPTION_INDEX},
	{"key", required_argument, NULL, OPTION_KEY},
	{"anchors", required_argument, NULL, OPTION_ANCHORS},
	{"tz", required_argument, NULL, OPTION_TZ},
	{"prove", no_argument, NULL, OPTION_PROVE},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	struct common common;
	char *since, *until, *zone;
	const char *ledger, *index, *file;
	struct trust trust;
	bool prove;
};

static void take(int c, struct options *o)
{
	switch (c) {
	case 'c':
		o->common.config = optarg;
		break;
	case 'o':
		o->file = optarg;
		break;
	case OPTION_SINCE:
		o->since = optarg;
		break;
	case OPTION_UNTIL:
		o->until = optarg;
		break;
	case OPTION_LEDGER:
		o->ledger = optarg;
		break;
	case OPTION_INDEX:
		o->index = optarg;
		break;
	case OPTION_KEY:
		o->trust.key = optarg;
		break;
	case OPTION_ANCHORS:
		o->trust.anchors = optarg;
		break;
	case OPTION_TZ:
		o->zone = optarg;
		break;
	default:
		o->prove = true;
		break;
	}
}

static int parse(int argc, char *argv[], struct options *o)
{
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((c = getopt_long(argc, argv, "c:o:", long_options, NULL)) != -1) {
		if (c == '?' || c == 'h')
			return EXIT_USAGE;
		take(c, o);
	}
	if (optind < argc)
		return usage_error("report", "'%s' is no option", argv[optind]);
	if (o->file == NULL)
		return usage_error("report", "where to? write -o FILE.html, or -o -");
	return EXIT_FINE;
}

/* ---- the period ---- */

/* As `weir query` reads the same options: ages count back from the newest event. */
static int settle(const struct options *o, struct report *r, struct query_options *q)
{
	const struct store_totals t = store_totals(r->store);
	char tz[] = "--tz", since[] = "--since", until[] = "--until";
	char *words[6];
	size_t n = 0;
	int code;

	if (o->zone != NULL) {
		words[n++] = tz;
		words[n++] = o->zone;
	}
	if (o->since != NULL) {
		words[n++] = since;
		words[n++] = o->since;
	}
	if (o->until != NULL) {
		words[n++] = until;
		words[n++] = o->until;
	}
	code = query_options_read(q, n, words);
	if (code == EXIT_FINE)
		code = query_options_settle(q, t.newest_us);
	r->since_us = q->query.since_us;
	r->until_us = q->query.until_us;
	if (o->until == NULL && t.events > 0)
		r->until_us = t.last_us == INT64_MAX ? t.last_us : t.last_us + 1;
	if (code == EXIT_FINE && r->since_us >= r->until_us)
		code = usage_error("report", "--since is behind the newest event");
	r->zone = q->zone;
	r->zone_name = o->zone;
	return code;
}

/* ---- the page ---- */

static void put_period(struct report *r, bool until_given)
{
	const int64_t first = store_totals(r->store).first_us;

	(void)fputs("<p>Period: ", r->out);
	chart_moment(r->out, r->zone, r->since_us == INT64_MIN ? first : r->since_us);
	(void)fputs(r->since_us == INT64_MIN ? " (the first event) to " : " to ", r->out);
	chart_moment(r->out, r->zone, r->until_us);
	(void)fputs(until_given ? " (as asked)" : " (the newest event)", r->out);
	(void)fprintf(
		r->out,
		"; times in %s. This page bears the time of its period's end: the same "
		"ledger gives the same page.</p>\n",
		r->zone == NULL ? "UTC" : zone_name(r->zone));
}

static void put_sensors(struct report *r)
{
	struct answered a;

	if (!report_ask(r, "--group-by sensor", false, &a))
		return;
	(void)fputs("<p>Ledger: <code>", r->out);
	html_text(r->out, str_of(r->ledger));
	(void)fputs("</code>, sensor:", r->out);
	for (size_t i = 0; i < sums_count(a.result.groups) && i < 10; i++) {
		const struct sums_row row = sums_at(a.result.groups, i);
		char buf[ANSWER_TEXT_MAX];

		(void)fputs(" ", r->out);
		html_text_cut(r->out, answer_key(r, &a, &row, 1, buf), 100);
	}
	page_say(r->out, ", # events in the period.</p>\n", &a.result.matched);
	answer_finish(&a);
	report_queries(r);
}

static void put_links(FILE *out)
{
	static const char *const links[][2] = {
		{"verification", "Verification"}, {"completeness", "Completeness"},
		{"traffic", "Traffic"},           {"denials", "Denials"},
		{"signals", "Signals"},           {"changes", "Changes"},
		{"posture", "Posture"},
	};

	(void)fputs("<nav>", out);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		(void)fprintf(out, "<a href=\"#%s\">%s</a> ", links[i][0], links[i][1]);
	(void)fputs("</nav>\n", out);
}

static void put_end(struct report *r)
{
	page_section(r->out, "method", "How to count again");
	page_note(
		r->out,
		"Below each number stands the query that gives it, and how many events it finds; "
		"docs/queries.md says what its words mean. A connection is counted when it is "
		"judged first (phase start); counted means: in roll-up events, which hold exact "
		"sums of what was not written one by one.");
	if (r->prove)
		page_say(r->out,
			 "<p>Read again: # lines; # were not what was indexed.</p>\n",
			 (uint64_t[]){r->read_again, r->changed});
	if (r->gone > 0)
		page_say(r->out, "<p>Not in the ledger any more: # lines.</p>\n",
			 &r->gone);
	if (r->over)
		(void)fputs(
			"<p><strong>Some answers are not whole</strong>: more groups than the "
			"caps of <code>weir query</code>. Take a shorter period.</p>\n",
			r->out);
	page_section_end(r->out);
}

static void write_page(struct report *r, const struct ledger_proof *p,
		       const struct options *o)
{
	struct report_totals t = {0};

	page_begin(r->out, "Weir report");
	(void)fputs("<header><h1>Weir report</h1>\n", r->out);
	put_sensors(r);
	put_period(r, o->until != NULL);
	put_links(r->out);
	(void)fputs("</header>\n<main>\n", r->out);
	report_verification(r, p, &o->trust);
	report_completeness(r, &t);
	report_traffic(r, &t);
	report_denials(r, &t);
	report_posture(r, p, &t);
	put_end(r);
	(void)fputs("</main>\n", r->out);
	page_end(r->out);
}

static int keep(const char *file, const char *text, size_t len)
{
	int rc;

	if (file == NULL) /* the command line was not read */
		return EXIT_USAGE;
	if (strcmp(file, "-") == 0) {
		(void)fwrite(text, 1, len, stdout);
		return finish_output(EXIT_FINE);
	}
	if (!may_replace("report", file))
		return EXIT_COULD_NOT;
	rc = file_put(file, text, len);
	if (rc == 0)
		return EXIT_FINE;
	(void)fprintf(stderr, "weir report: %s: %s\n", file, strerrordesc_np(-rc));
	return EXIT_COULD_NOT;
}

static int make_page(struct report *r, const struct ledger_proof *p,
		     const struct options *o)
{
	char *text = NULL;
	size_t len = 0;
	int code = EXIT_COULD_NOT;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return code;
	r->out = out;
	write_page(r, p, o);
	r->failed = ferror(out) != 0 || r->failed;
	r->failed = fclose(out) != 0 || r->failed;
	if (!r->failed)
		code = keep(o->file, text, len);
	else if (diag_count(r->d, DIAG_ERROR) == 0)
		(void)fprintf(stderr, "weir report: out of memory\n");
	free(text);
	if (code == EXIT_FINE && (p->finding_count > 0 || r->changed > 0)) {
		(void)fprintf(
			stderr, "weir report: %s\n",
			p->finding_count > 0
				? "the ledger is not whole: section 1 says where"
				: "lines are not what was indexed: `weir verify` says "
				  "why");
		code = EXIT_FINDINGS;
	}
	return code;
}

/* ---- all ---- */

static int report(const struct options *o, struct report *r, struct ledger_proof *proof)
{
	const struct store_cfg cfg = {.ledger = r->ledger, .index = r->index};
	struct query_options *q = query_options_create("report");
	int code = EXIT_COULD_NOT;

	if (q != NULL && store_open(&cfg, r->d, &r->store) == 0)
		code = settle(o, r, q);
	if (code == EXIT_FINE &&
	    trust_verify("report", &o->trust, &(struct verify_cfg){.dir = r->ledger},
			 proof) != EXIT_FINE)
		code = EXIT_COULD_NOT;
	if (code == EXIT_FINE)
		code = make_page(r, proof, o);
	if (diag_count(r->d, DIAG_ERROR) + diag_count(r->d, DIAG_WARNING) > 0)
		print_findings(r->d);
	store_close(r->store);
	query_options_destroy(q);
	return code;
}

static int run(int argc, char *argv[])
{
	struct options o = {.trust.key_option = "--key"};
	char buf[LEDGER_DIR_MAX];
	struct report r = {.d = NULL};
	struct ledger_proof *proof;
	int code = parse(argc, argv, &o);

	if (code != EXIT_FINE)
		return code;
	r.ledger = history_dir("report", &o.common, o.ledger, buf);
	if (r.ledger == NULL)
		return EXIT_USAGE;
	r.index = o.index;
	r.prove = o.prove;
	r.d = diag_create();
	proof = calloc(1, sizeof(*proof));
	code = EXIT_COULD_NOT;
	if (r.d != NULL && proof != NULL)
		code = report(&o, &r, proof);
	else
		(void)fprintf(stderr, "weir report: out of memory\n");
	for (size_t i = 0; i < r.asked_count; i++)
		free(r.asked[i].command);
	free(r.asked);
	free(proof);
	diag_destroy(r.d);
	return code;
}

const struct command command_report = {
	.name = "report",
	.summary = "what a ledger says of a period, as one HTML page",
	.run = run,
	.help = "usage: weir report [--since T] [--until T] [options] -o FILE.html\n"
		"\n"
		"One page that needs no other file, script or network: first whether the ledger is\n"
		"whole, what that rests on and what is not in it; then traffic, denials, signals,\n"
		"changes and posture.  Below each number stands the query that gives it.\n"
		"\n"
		"  -o FILE         where to; - is standard output\n"
		"  --since T --until T  2026-11-22, 2026-11-22T02:11:16Z, or 24h, 7d: before the\n"
		"                  newest event (default: all up to the newest event)\n"
		"  --ledger DIR    (default: the configured one); --index FOLDER (default: DIR/index)\n"
		"  --key PUB       root key, or its fingerprint, as of weir verify\n"
		"  --anchors FILE  seals that were kept elsewhere, as of weir verify\n"
		"  --prove         read each counted line again from the ledger and compare it\n"
		"  --tz ZONE       of times on the page (default: UTC)\n"
		"  -c FILE         configuration\n"
		"\n"
		"Exit status: 0 written; 1 written, but the ledger is not whole; 2 usage; 3 could\n"
		"not.\n",
};
