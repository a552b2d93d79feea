/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/history.h"
#include "app/query_prove.h"
#include "app/query_saved.h"
#include "app/query_show.h"
#include "base/clock.h"

/* What the index had to say: that it was made anew, and lines that are no events. */
static void print_any(struct diag *d)
{
	if (diag_count(d, DIAG_ERROR) + diag_count(d, DIAG_WARNING) > 0)
		print_findings(d);
}

static bool has_groups(const struct query_options *o)
{
	return o->query.group_count > 0 || o->query.bucket_us > 0;
}

/* ---- one query ---- */

/* On a terminal, of what takes longer than the rest of this second. */
static void tell_progress(void *arg, uint64_t events, uint64_t of)
{
	struct query_progress *p = arg;
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0 || now.tv_sec == p->shown_s)
		return;
	if (p->shown_s != 0) {
		(void)fprintf(stderr,
			      "\rweir query: %" PRIu64 " of %" PRIu64
			      " events looked at\033[K",
			      events, of);
		p->shown = true;
	}
	p->shown_s = now.tv_sec;
}

static int run_query(struct store *s, struct query_options *o, struct diag *d,
		     struct query_result *ret)
{
	struct query *q = &o->query;
	int rc;

	o->progress = (struct query_progress){.shown_s = 0};
	q->newest = true;
	q->progress = isatty(STDERR_FILENO) == 1 ? tell_progress : NULL;
	q->progress_arg = &o->progress;
	rc = query_run(s, q, d, ret);
	q->progress = NULL;
	if (o->progress.shown)
		(void)fprintf(stderr, "\r\033[K");
	return rc;
}

/* With a prover until its seals hold what the answer rests on.  An exit code. */
static int run_proven(struct store *s, struct query_options *o, struct query_prover *p,
		      struct diag *d, struct query_result *ret)
{
	int code;

	do {
		o->query.seals = p == NULL ? NULL : query_prove_seals(p);
		if (run_query(s, o, d, ret) != 0)
			return EXIT_COULD_NOT;
		code = p == NULL ? EXIT_FINE : query_prove_hold(p, ret);
		if (code != EXIT_FINE)
			query_result_finish(ret);
	} while (code == EXIT_FINDINGS);
	return code;
}

static bool asks_for(const struct query *q, enum expiring type)
{
	const struct value v = {.set = true, .text = str_of(expiring_name(type))};

	for (size_t i = 0; i < q->filter_count; i++)
		if (strcmp(q->filters[i].field.name, "type") == 0 &&
		    !filter_matches(&q->filters[i].filter, &v))
			return false;
	return true;
}

/* Of the time that is asked for, events that are gone; of several queries once. */
static void tell_expired(const struct store *s, const struct query *q)
{
	static bool told[EXPIRING_COUNT];
	char when[RFC3339_LEN + 1];
	int64_t before_us;

	for (unsigned t = 0; t < EXPIRING_COUNT; t++) {
		if (told[t] || !asks_for(q, (enum expiring)t) ||
		    !store_expired(s, (enum expiring)t, &before_us) ||
		    q->since_us >= before_us)
			continue;
		clock_format_rfc3339(before_us, when);
		(void)fprintf(stderr,
			      "weir query: events of type %s from before %s have expired "
			      "(ledger.keep_%s): they are not in the answer\n",
			      expiring_name((enum expiring)t), when,
			      expiring_name((enum expiring)t));
		told[t] = true;
	}
}

/* One query; *ret_rows: how many events fit.  p: NULL, or what proves them. */
static int answer(struct store *s, struct query_options *o, struct query_prover *p,
		  struct diag *d, uint64_t *ret_rows)
{
	struct query_result r;
	bool fine;

	if (run_proven(s, o, p, d, &r) != EXIT_FINE)
		return EXIT_COULD_NOT;
	fine = has_groups(o) ? query_show_groups(o, &r)
			     : query_show_lines(s, o, &r, false);
	if (fine)
		query_show_tail(o, &r, has_groups(o));
	tell_expired(s, &o->query);
	*ret_rows = r.matched;
	if (r.changed > 0 || r.doubtful > 0 || r.over)
		fine = false;
	query_result_finish(&r);
	return fine ? EXIT_FINE : EXIT_COULD_NOT;
}

/* ---- following ---- */

static void stand_behind(struct store *s, struct query *q)
{
	const size_t n = store_day_count(s);

	if (n == 0)
		return;
	q->after_segment = store_day(s, n - 1)->cover.end_segment;
	q->after_offset = store_day(s, n - 1)->cover.end_offset;
}

/* Until it is ended, or nobody reads on. */
static int follow(struct store *s, struct query_options *o, struct diag *d)
{
	const struct timespec second = {1, 0};
	struct query_result r;
	bool fine = true;

	o->query.limit = 0;
	while (fine) {
		stand_behind(s, &o->query);
		store_release(s);
		(void)fflush(stdout);
		if (ferror(stdout) != 0)
			return finish_output(EXIT_FINE);
		(void)nanosleep(&second, NULL);
		fine = store_update(s, d) == 0 && query_run(s, &o->query, d, &r) == 0;
		if (!fine)
			break;
		if (r.line_count > 0)
			fine = query_show_lines(s, o, &r, true);
		query_result_finish(&r);
	}
	print_any(d);
	return EXIT_COULD_NOT;
}

/* ---- saved queries ---- */

static int answer_part(struct store *s, struct query_options *o,
		       const struct saved_part *p, struct query_prover *prover,
		       struct diag *d, uint64_t *ret_rows)
{
	const bool is_table = o->form == OUT_TABLE;
	int code = EXIT_FINE;

	if (is_table)
		(void)printf("\n%s\n", p->title);
	*ret_rows = 0;
	if (p->kind == SAVED_QUERY) {
		code = query_options_read_text(o, p->options);
		if (code == EXIT_FINE)
			code = query_options_settle(o, store_totals(s).newest_us);
		return code == EXIT_FINE ? answer(s, o, prover, d, ret_rows) : code;
	}
	code = query_options_settle(o, store_totals(s).newest_us);
	if (code == EXIT_FINE)
		code = p->kind == SAVED_SILENCE ? query_saved_silence(s, o, d, ret_rows)
		       : p->kind == SAVED_EXCEPTIONS
			       ? query_saved_exceptions(s, o, d, ret_rows)
			       : query_saved_unused_rules(s, o, d, ret_rows);
	if (code == EXIT_FINE && is_table && *ret_rows == 0)
		(void)printf("none\n");
	tell_expired(s, &o->query);
	return code;
}

/* Each part with the options of the command line, argv up to its NULL, too. */
static int answer_saved(struct store *s, const struct saved *q, char *argv[],
			struct query_prover *prover, enum out_form form, struct diag *d)
{
	uint64_t rows = 0, all = 0;
	int code = EXIT_FINE;
	size_t argc = 0;

	while (argv[argc] != NULL)
		argc++;
	for (const struct saved_part *p = q->parts;
	     code == EXIT_FINE && p->kind != SAVED_END; p++) {
		struct query_options *o = query_options_create("query");

		code = o == NULL ? EXIT_COULD_NOT : query_options_read(o, argc, argv);
		if (code == EXIT_FINE)
			code = answer_part(s, o, p, prover, d, &rows);
		all += rows;
		query_options_destroy(o);
	}
	if (code == EXIT_FINE && form == OUT_TABLE && q->limits != NULL)
		(void)printf("\n# %s\n", q->limits);
	return code != EXIT_FINE ? code : all > 0 ? EXIT_FINE : EXIT_FINDINGS;
}

/* ---- all ---- */

static int check(const struct query_options *o, const struct saved *saved)
{
	const struct query *q = &o->query;

	if (o->saved != NULL && saved == NULL)
		return usage_error("query",
				   "there is no saved query '%s': "
				   "`weir query --saved list` prints all",
				   o->saved);
	if (o->explain && saved == NULL)
		return usage_error("query", "--explain is for --saved NAME");
	if (saved != NULL && (has_groups(o) || o->field_count > 0 || o->follow ||
			      q->sample > 0 || o->order != NULL))
		return usage_error("query", "--saved goes with filters, times, --top, "
					    "--limit, --prove and forms of output alone");
	if (has_groups(o) && (o->follow || q->sample > 0 || o->field_count > 0))
		return usage_error("query", "--follow, --sample and --fields are for "
					    "events, not for groups");
	if ((o->trust.key != NULL || o->trust.anchors != NULL) && !q->prove)
		return usage_error("query", "--root-key and --anchors are for --prove");
	if (q->sum_count > 0 && !has_groups(o))
		return usage_error("query", "--sum needs --group-by or --bucket");
	if (o->follow && (q->sample > 0 || o->order != NULL))
		return usage_error("query", "--follow shows events as they come");
	return EXIT_FINE;
}

static int ask(struct query_options *o, const struct saved *saved, char *argv[])
{
	char buf[LEDGER_DIR_MAX];
	const char *dir = history_dir("query", &o->common, o->ledger, buf);
	const struct store_cfg cfg = {.ledger = dir, .index = o->index};
	struct diag *d = dir == NULL ? NULL : diag_create();
	struct query_prover *prover = NULL;
	struct store *s = NULL;
	uint64_t rows = 0;
	int code = EXIT_COULD_NOT;

	if (dir == NULL)
		return EXIT_USAGE;
	if (d != NULL && store_open(&cfg, d, &s) == 0)
		code = query_options_settle(o, store_totals(s).newest_us);
	if (code == EXIT_FINE && o->query.prove)
		code = query_prove_begin(s, o, d, &prover);
	if (code == EXIT_FINE && o->form == OUT_TABLE)
		query_show_head(s, o);
	if (code == EXIT_FINE && saved != NULL) {
		code = answer_saved(s, saved, argv, prover, o->form, d);
	} else if (code == EXIT_FINE) {
		code = answer(s, o, prover, d, &rows);
		if (code == EXIT_FINE && o->follow)
			code = follow(s, o, d);
		else if (code == EXIT_FINE && rows == 0)
			code = EXIT_FINDINGS;
	}
	if (prover != NULL)
		query_prove_tell(prover);
	if (d != NULL)
		print_any(d);
	query_prove_end(prover);
	store_close(s);
	diag_destroy(d);
	return finish_output(code);
}

static int run(int argc, char *argv[])
{
	struct query_options *o = query_options_create("query");
	const struct saved *saved;
	int code;

	if (o == NULL)
		return EXIT_COULD_NOT;
	code = query_options_read(o, (size_t)argc - 1, argv + 1);
	saved = o->saved == NULL ? NULL : saved_find(o->saved);
	if (code == EXIT_FINE && o->help) {
		for (size_t i = 0; i < field_count; i++)
			if (fields[i].kind != LINE_OBJECT)
				(void)printf("%s\n", fields[i].name);
		code = finish_output(EXIT_FINE);
	} else if (code == EXIT_FINE && o->saved != NULL &&
		   strcmp(o->saved, "list") == 0) {
		query_saved_list();
		code = finish_output(EXIT_FINE);
	} else if (code == EXIT_FINE) {
		code = check(o, saved);
		if (code == EXIT_FINE && o->explain) {
			query_saved_explain(saved);
			code = finish_output(EXIT_FINE);
		} else if (code == EXIT_FINE) {
			code = ask(o, saved, argv + 1);
		}
	}
	query_options_destroy(o);
	return code;
}

const struct command command_query = {
	.name = "query",
	.summary = "events of a ledger, by filter, counted or one by one",
	.run = run,
	.help = "usage: weir query [--FIELD VALUE]... [options]\n"
		"\n"
		"FIELD is a field of docs/events.md (--fields list prints all); detail.X and gates.X\n"
		"too.  Repeated: or; different fields: and.  VALUE: a text, `*` for any run of bytes,\n"
		"!VALUE for not; of addresses 10.0.0.0/8; of numbers and times N, A..B, '>N', '<N'.\n"
		"`*` alone: the field is there.\n"
		"\n"
		"  --since T --until T  2026-11-22, 2026-11-22T02:11:16Z, or 24h, 7d: before the\n"
		"                  newest event\n"
		"  --would-deny    what passed and would be denied\n"
		"  --group-by F,.. count events that are alike in these fields\n"
		"  --bucket 1h     count by time\n"
		"  --sum F,..      add up these fields, too\n"
		"  --top N         groups shown (default: 50 in a table; 0: all)\n"
		"  --fields F,..   fields shown of single events\n"
		"  --order F       by this field; -F: descending; of groups also count, first, last\n"
		"  --limit N       events shown, the last ones (default: 100 in a table; 0: all)\n"
		"  --sample N --seed S  N events by chance; the same S picks the same ones\n"
		"  --saved NAME    a query for auditors; --saved list; --explain says what it asks\n"
		"  --prove         read each counted line again from the ledger, compare it, and hold\n"
		"                  it against the ledger's seals: proven_seal and proven_epoch say by\n"
		"                  which one each event is proven; --root-key FILE or fingerprint and\n"
		"                  --anchors FILE are what verify's --key and --anchors are\n"
		"  --follow        go on with new events as they come\n"
		"  --ledger DIR    (default: the configured one); --index FOLDER (default: DIR/index)\n"
		"  -c FILE         configuration; --tz ZONE of dates and tables (default: UTC)\n"
		"  --json, --csv   one object or row an event or group; times are RFC 3339 in UTC\n"
		"\n"
		"Exit status: 0 there are rows; 1 none; 2 usage; 3 could not, or the answer is not\n"
		"whole or not what the ledger says.\n",
};
