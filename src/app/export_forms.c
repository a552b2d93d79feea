/* SPDX-License-Identifier: Apache-2.0 */
#include "app/export_forms.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/history.h"
#include "base/clock.h"
#include "record/asim.h"
#include "record/cef.h"
#include "record/read.h"
#include "record/seal.h"

#define FORM_MAX (CEF_LINE_MAX > ASIM_LINE_MAX ? CEF_LINE_MAX : ASIM_LINE_MAX)

struct options {
	struct common common;
	const char *ledger, *output;
	int64_t since_us, until_us; /* from, and up to but not at */
	uint64_t after;             /* sequence numbers up to it are left out */
	bool types[LINE_TYPE_COUNT];
	bool some_types; /* --type was given */
	bool asim;
};

struct counts {
	uint64_t written, unsound, unknown, no_ends;
	uint64_t no_table[LINE_TYPE_COUNT];
};

struct exporting {
	const struct options *o;
	struct diag *d;
	struct counts n;
	FILE *out;
	struct record_line line;
	char form[FORM_MAX + 1];
};

/* ---- one line ------------------------------------------------------------------------------ */

static bool is_wanted(const struct options *o, const struct record_line *l)
{
	const int64_t at = l->values[LINE_FIELD_MOMENT].us;

	return at >= o->since_us && at < o->until_us &&
	       (!o->some_types || o->types[l->type]);
}

/* The form's length; 0 = it has none, which was counted. */
static size_t form(struct exporting *e)
{
	const struct str version = str_of(program_version);
	size_t n = 0;

	if (!e->o->asim)
		return cef_format(&e->line, version, e->form, FORM_MAX);
	switch (asim_format(&e->line, version, e->form, FORM_MAX, &n)) {
	case ASIM_ROW:
		return n;
	case ASIM_NO_TABLE:
		e->n.no_table[e->line.type]++;
		break;
	case ASIM_NO_ENDS:
		e->n.no_ends++;
		break;
	case ASIM_NO_ROOM:
		e->n.unsound++;
		break;
	}
	return 0;
}

/* False: the output takes no more. */
static bool export_line(struct exporting *e, const struct ledger_line *line)
{
	uint64_t seq;
	size_t n;

	if (e->o->after > 0 && line_seq(line->text, &seq) && seq <= e->o->after)
		return true;
	switch (record_line_read(line, e->d, &e->line)) {
	case LINE_READ:
		break;
	case LINE_UNKNOWN:
		e->n.unknown++;
		return true;
	case LINE_UNSOUND:
		e->n.unsound++;
		return true;
	}
	if (!is_wanted(e->o, &e->line))
		return true;
	n = form(e);
	if (n == 0)
		return true;
	e->form[n++] = '\n';
	e->n.written++;
	return fwrite(e->form, 1, n, e->out) == n;
}

/* ---- all of them --------------------------------------------------------------------------- */

static void tell(const struct exporting *e)
{
	for (unsigned t = 0; t < LINE_TYPE_COUNT; t++)
		if (e->n.no_table[t] > 0)
			(void)fprintf(
				stderr,
				"left out: %" PRIu64 " of type %s: no table of ASIM "
				"is about them; cef has them\n",
				e->n.no_table[t], line_type_name((enum line_type)t));
	if (e->n.no_ends > 0)
		(void)fprintf(stderr,
			      "left out: %" PRIu64 " connections whose ends are not "
			      "told, which a row must have\n",
			      e->n.no_ends);
	if (e->n.unknown > 0)
		(void)fprintf(stderr,
			      "left out: %" PRIu64
			      " of a type that this version does not "
			      "know\n",
			      e->n.unknown);
	if (e->n.unsound > 0)
		(void)fprintf(stderr, "refused: %" PRIu64 " lines that are no events\n",
			      e->n.unsound);
}

static int read_all(struct exporting *e, const char *dir)
{
	struct diag *d = diag_create();
	struct ledger_reader *r = d == NULL ? NULL : ledger_reader_open(dir, d);
	int code = r == NULL ? EXIT_COULD_NOT : EXIT_FINE;
	struct ledger_line line;

	while (r != NULL && ledger_reader_next(r, &line) && export_line(e, &line))
		;
	ledger_reader_close(r);
	if (d == NULL) {
		(void)fprintf(stderr, "weir export: out of memory\n");
		return EXIT_COULD_NOT;
	}
	if (diag_count(d, DIAG_ERROR) > 0) {
		print_findings(d);
		code = EXIT_COULD_NOT;
	}
	diag_destroy(d);
	if (diag_count(e->d, DIAG_ERROR) > 0)
		print_findings(e->d);
	tell(e);
	return code != EXIT_FINE ? code : e->n.unsound > 0 ? EXIT_FINDINGS : EXIT_FINE;
}

static int cannot_write(const char *path, int error)
{
	(void)fprintf(stderr, "weir export: %s: %s\n", path, strerrordesc_np(error));
	return EXIT_COULD_NOT;
}

/* Into FILE.new, which takes FILE's place when it is whole: never half of an export. */
static int into_file(struct exporting *e, const char *dir)
{
	const char *path = e->o->output;
	char beside[PATH_MAX];
	int n = snprintf(beside, sizeof(beside), "%s.new", path);
	int fd, code, error = 0;

	if (n < 0 || (size_t)n >= sizeof(beside))
		return cannot_write(path, ENAMETOOLONG);
	if (!may_replace("export", path))
		return EXIT_COULD_NOT;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	e->out = fd == -1 ? NULL : fdopen(fd, "w");
	if (e->out == NULL)
		return cannot_write(beside, errno);
	code = read_all(e, dir);
	if (fflush(e->out) != 0 || ferror(e->out) != 0 || fsync(fd) != 0)
		error = errno != 0 ? errno : EIO;
	if (fclose(e->out) != 0 && error == 0)
		error = errno;
	if (error == 0 && code != EXIT_COULD_NOT && rename(beside, path) != 0)
		error = errno;
	if (error != 0 || code == EXIT_COULD_NOT)
		(void)unlink(beside);
	return error != 0 ? cannot_write(path, error) : code;
}

static int export(const struct options *o)
{
	struct exporting *e = calloc(1, sizeof(*e));
	char buf[LEDGER_DIR_MAX];
	const char *dir = history_dir("export", &o->common, o->ledger, buf);
	int code = EXIT_USAGE;

	if (e == NULL || (e->d = diag_create()) == NULL) {
		(void)fprintf(stderr, "weir export: out of memory\n");
		code = EXIT_COULD_NOT;
	} else if (dir != NULL) {
		e->o = o;
		e->out = stdout;
		code = o->output != NULL ? into_file(e, dir)
					 : finish_output(read_all(e, dir));
		history_say_expired("export", dir);
	}
	if (e != NULL)
		diag_destroy(e->d);
	free(e);
	return code;
}

/* ---- options ------------------------------------------------------------------------------- */

/* A moment of RFC 3339, or a day, which begins at midnight UTC. */
static bool parse_moment(const char *s, int64_t *ret_us)
{
	char day[sizeof("2026-11-22T00:00:00Z")];

	if (clock_parse_rfc3339(s, strlen(s), ret_us))
		return true;
	if (strlen(s) != strlen("2026-11-22"))
		return false;
	(void)snprintf(day, sizeof(day), "%sT00:00:00Z", s);
	return clock_parse_rfc3339(day, strlen(day), ret_us);
}

/* "flow,signal".  EXIT_FINE or a usage error. */
static int add_types(struct options *o, const char *list)
{
	o->some_types = true;
	for (const char *p = list;; p++) {
		const struct str word = {p, strcspn(p, ",")};
		const enum line_type t = line_type_find(word);
		struct nearest near;

		if (t == LINE_TYPE_COUNT) {
			nearest_start(&near, word);
			for (unsigned i = 0; i < LINE_TYPE_COUNT; i++)
				nearest_offer(&near, line_type_name((enum line_type)i));
			return usage_error("export", "--type '%.*s': no such type%s%s%s",
					   (int)word.len, word.p,
					   near.best != NULL ? "; did you mean '" : "",
					   near.best != NULL ? near.best : "",
					   near.best != NULL ? "'?" : "");
		}
		o->types[t] = true;
		p += word.len;
		if (*p == '\0')
			return EXIT_FINE;
	}
}

static int take(struct options *o, int letter, const char *arg)
{
	switch (letter) {
	case 'c':
		o->common.config = arg;
		break;
	case 'l':
		o->ledger = arg;
		break;
	case 'o':
		o->output = arg;
		break;
	case 't':
		return add_types(o, arg);
	case 'a':
		if (!parse_u64(str_of(arg), UINT64_MAX, &o->after))
			return usage_error("export", "--after '%s': no sequence number",
					   arg);
		break;
	case 's':
	case 'u':
		if (!parse_moment(arg, letter == 's' ? &o->since_us : &o->until_us))
			return usage_error("export",
					   "'%s' is no time: write "
					   "2026-11-22T09:30:00+01:00, or 2026-11-22",
					   arg);
		break;
	default:
		return usage_error("export", "see the options");
	}
	return EXIT_FINE;
}

bool export_forms_has(const char *word)
{
	return strcmp(word, "cef") == 0 || strcmp(word, "asim") == 0;
}

int export_forms(const char *word, int argc, char *argv[])
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"ledger", required_argument, NULL, 'l'},
		{"output", required_argument, NULL, 'o'},
		{"since", required_argument, NULL, 's'},
		{"until", required_argument, NULL, 'u'},
		{"type", required_argument, NULL, 't'},
		{"after", required_argument, NULL, 'a'},
		{NULL, 0, NULL, 0},
	};
	struct options opts = {.since_us = INT64_MIN, .until_us = INT64_MAX};
	int o, code;

	opts.asim = strcmp(word, "asim") == 0;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:o:", longs, NULL)) != -1) {
		code = take(&opts, o, optarg);
		if (code != EXIT_FINE)
			return code;
	}
	if (optind != argc)
		return usage_error("export", "'%s': %s takes no operand", argv[optind],
				   word);
	return export(&opts);
}
