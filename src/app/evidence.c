/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence - some events of a ledger, with all that shows somebody else, who has neither the
 * ledger nor Weir, that they are what was sealed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/evidence_pack.h"
#include "app/history.h"
#include "app/query_options.h"
#include "app/trust.h"
#include "base/file.h"

#define NO_MEMORY "weir evidence: out of memory\n"

struct options {
	const char *out, *key;
	bool all_files, with_packets;
	struct query_options *query;
};

/* ---- what was asked ----------------------------------------------------------------------- */

/* "-o FILE", "--key PUB", "--all-files" and "--with-packets" go; what is left are words of a query. */
static int take_own(struct options *o, int *count, char *words[])
{
	int n = 0;

	for (int i = 0; i < *count; i++) {
		const bool out = strcmp(words[i], "-o") == 0;

		if (out || strcmp(words[i], "--key") == 0) {
			if (i + 1 == *count)
				return usage_error("evidence", "%s: its value is missing",
						   words[i]);
			i++;
			*(out ? &o->out : &o->key) = words[i];
		} else if (strcmp(words[i], "--all-files") == 0) {
			o->all_files = true;
		} else if (strcmp(words[i], "--with-packets") == 0) {
			o->with_packets = true;
		} else {
			words[n++] = words[i];
		}
	}
	*count = n;
	return o->out != NULL
		       ? EXIT_FINE
		       : usage_error("evidence", "where to? write -o FILE, such as "
						 "-o evidence.tar");
}

static int check(const struct query_options *o)
{
	const struct query *q = &o->query;

	if (q->group_count > 0 || q->bucket_us > 0 || q->sum_count > 0 ||
	    o->saved != NULL || o->follow || o->explain || o->help || o->field_count > 0)
		return usage_error(
			"evidence",
			"takes filters, times, --limit and --sample of weir "
			"query: a pack holds events, not what is made of them");
	if (q->filter_count == 0 && o->since == NULL && o->until == NULL &&
	    !q->would_deny && q->sample == 0 && !o->has_limit)
		return usage_error("evidence", "of which events? write a filter, such as "
					       "--verdict deny --since 24h");
	return EXIT_FINE;
}

/* *argc: what is left of the words, which are for a query. */
static int read_options(struct options *o, int *argc, char *argv[])
{
	int count = *argc - 1, code = take_own(o, &count, argv + 1);

	*argc = count + 1;
	if (code == EXIT_FINE) {
		o->query = query_options_create("evidence");
		if (o->query == NULL)
			return EXIT_COULD_NOT;
		code = query_options_read(o->query, (size_t)count, argv + 1);
	}
	if (code == EXIT_FINE)
		code = check(o->query);
	if (code == EXIT_FINE)
		o->query->form = OUT_JSON; /* no limit but the one given */
	return code;
}

/* The filter, for the README; where things are on this machine is not for others. */
static void note_words(struct pack *e, int argc, char *argv[])
{
	for (int i = 1; i < argc && e->word_count < EVIDENCE_WORDS_MAX; i++)
		if (strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0 ||
		    strcmp(argv[i], "--ledger") == 0 || strcmp(argv[i], "--index") == 0)
			i++;
		else
			e->words[e->word_count++] = argv[i];
}

/* The root key: `given`, a file or a fingerprint of the folder's, or the folder's own. */
static int read_root(const char *dir, const char *given, uint8_t ret[SIGN_KEY])
{
	char *own = NULL;
	int code;

	if (given != NULL)
		return trust_read_key("evidence", dir, given, ret);
	if (asprintf(&own, "%s/ledger.pub", dir) < 0)
		return EXIT_COULD_NOT;
	code = trust_read_key("evidence", dir, own, ret);
	free(own);
	return code;
}

/* ---- which lines -------------------------------------------------------------------------- */

static int add_wants(struct pack *e, const struct query_result *r, bool context)
{
	struct proof_want *more =
		realloc(e->wants, (e->want_count + r->line_count + 1) * sizeof(*more));

	if (more == NULL)
		return -ENOMEM;
	e->wants = more;
	for (size_t i = 0; i < r->line_count; i++)
		more[e->want_count++] =
			(struct proof_want){.segment = r->lines[i].place.segment,
					    .line = r->lines[i].place.line,
					    .context = context};
	return 0;
}

static void note_generation(struct pack *e, struct str line)
{
	static const char key[] = "\"generation\":\"";
	const size_t near = line.len < 256 ? line.len : 256;
	const char *at = memmem(line.p, near, key, sizeof(key) - 1);
	const size_t left = at == NULL ? 0 : (size_t)(line.p + line.len - at);
	size_t i = 0;

	if (left < sizeof(key) + GENERATION_NAME_LEN)
		return;
	at += sizeof(key) - 1;
	for (i = 0; i < GENERATION_NAME_LEN; i++)
		if (!ascii_is_digit(at[i]) && (at[i] < 'a' || at[i] > 'f'))
			return;
	if (at[i] != '"')
		return;
	for (i = 0; i < e->generation_count; i++)
		if (memcmp(e->generations[i], at, GENERATION_NAME_LEN) == 0)
			return;
	if (e->generation_count == EVIDENCE_GENERATIONS_MAX) {
		e->generations_over = true;
		return;
	}
	memcpy(e->generations[e->generation_count], at, GENERATION_NAME_LEN);
	e->generations[e->generation_count++][GENERATION_NAME_LEN] = '\0';
}

/* The generations and files of packets that the lines name. */
static int note_named(struct pack *e, const struct query_result *r, struct diag *d)
{
	struct ledger_reader *reader = ledger_reader_open(e->dir, d);
	struct ledger_line line;
	int rc = reader == NULL ? -EIO : 0;

	for (size_t i = 0; rc == 0 && i < r->line_count; i++) {
		if (!store_read_line(reader, &r->lines[i].place, &line))
			continue;
		note_generation(e, line.text);
		rc = evidence_packets_note(&e->packets, &line, d);
	}
	ledger_reader_close(reader);
	return rc;
}

/* Who put the generations in force that the chosen lines name: the changes that say so. */
static int add_changes(struct pack *e, struct store *s, struct diag *d)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < e->generation_count; i++) {
		struct query *q = malloc(sizeof(*q));
		struct field_ref type, generation;
		struct query_result r;

		if (q == NULL)
			return -ENOMEM;
		query_init(q);
		if (!field_ref_find("type", &type) ||
		    !field_ref_find("new_generation", &generation) ||
		    query_filter(q, &type, STR("change")) != NULL ||
		    query_filter(q, &generation, str_of(e->generations[i])) != NULL)
			rc = -EINVAL;
		if (rc == 0)
			rc = query_run(s, q, d, &r);
		if (rc == 0) {
			rc = add_wants(e, &r, true);
			query_result_finish(&r);
		}
		free(q);
	}
	return rc;
}

/* By place; the one that was asked for before the one that was not. */
static int by_place(const void *a, const void *b)
{
	const struct proof_want *x = a, *y = b;

	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (int)x->context - (int)y->context;
}

static void sort_wants(struct pack *e)
{
	size_t n = 0;

	if (e->want_count > 0)
		qsort(e->wants, e->want_count, sizeof(*e->wants), by_place);
	for (size_t i = 0; i < e->want_count; i++)
		if (n == 0 || e->wants[n - 1].segment != e->wants[i].segment ||
		    e->wants[n - 1].line != e->wants[i].line)
			e->wants[n++] = e->wants[i];
	e->want_count = n;
}

/* EXIT_FINDINGS: no event fits. */
static int choose(struct pack *e, struct options *o, struct diag *d)
{
	const struct store_cfg cfg = {.ledger = e->dir, .index = o->query->index};
	struct store *s = NULL;
	struct query_result r;
	int code, rc;

	if (store_open(&cfg, d, &s) != 0)
		return EXIT_COULD_NOT;
	code = query_options_settle(o->query, store_totals(s).newest_us);
	if (code != EXIT_FINE || query_run(s, &o->query->query, d, &r) != 0) {
		store_close(s);
		return code != EXIT_FINE ? code : EXIT_COULD_NOT;
	}
	if (r.line_count == 0) {
		(void)fprintf(stderr, "weir evidence: no event fits\n");
		code = EXIT_FINDINGS;
	} else if (r.over || r.line_count > EVIDENCE_LINES_MAX) {
		(void)fprintf(stderr,
			      "weir evidence: %" PRIu64 " events fit, and a pack holds "
			      "%d at most: write a narrower filter, or --sample N\n",
			      r.matched, EVIDENCE_LINES_MAX);
		code = EXIT_COULD_NOT;
	} else {
		rc = add_wants(e, &r, false);
		if (rc == 0)
			rc = note_named(e, &r, d);
		if (rc == 0)
			rc = add_changes(e, s, d);
		code = rc == 0 ? EXIT_FINE : EXIT_COULD_NOT;
		sort_wants(e);
	}
	query_result_finish(&r);
	store_close(s);
	return code;
}

/* ---- all ---------------------------------------------------------------------------------- */

static int make(struct pack *e, struct options *o)
{
	struct diag *d = diag_create();
	int code = d == NULL ? EXIT_COULD_NOT : choose(e, o, d);

	if (code == EXIT_FINE)
		code = evidence_write(e, o->out, d);
	if (d == NULL)
		(void)fprintf(stderr, NO_MEMORY);
	else if (diag_count(d, DIAG_ERROR) + diag_count(d, DIAG_WARNING) > 0)
		print_findings(d);
	diag_destroy(d);
	return finish_output(code);
}

static int pack(struct pack *e, struct options *o, int argc, char *argv[])
{
	char buf[LEDGER_DIR_MAX];
	int code = read_options(o, &argc, argv);

	if (code != EXIT_FINE)
		return code;
	note_words(e, argc, argv);
	e->all_files = o->all_files;
	e->with_packets = o->with_packets;
	e->dir = history_dir("evidence", &o->query->common, o->query->ledger, buf);
	code = e->dir == NULL ? EXIT_USAGE : read_root(e->dir, o->key, e->root);
	if (code == EXIT_FINE) {
		code = make(e, o);
		history_say_expired("evidence", e->dir);
	}
	return code;
}

static int run(int argc, char *argv[])
{
	struct options o = {.out = NULL};
	struct pack *e = calloc(1, sizeof(*e));
	char **words = calloc((size_t)argc, sizeof(*words)); /* some are taken out */
	int code = EXIT_COULD_NOT;

	if (e == NULL || words == NULL) {
		(void)fprintf(stderr, NO_MEMORY);
	} else {
		memcpy(words, argv, (size_t)argc * sizeof(*words));
		code = pack(e, &o, argc, words);
	}
	query_options_destroy(o.query);
	if (e != NULL) {
		free(e->wants);
		evidence_packets_finish(&e->packets);
	}
	free(e);
	free(words);
	return code;
}

const struct command command_evidence = {
	.name = "evidence",
	.summary = "events with the proof that they are what was sealed, for others",
	.run = run,
	.help = "usage: weir evidence FILTER... -o FILE.tar [options]\n"
		"\n"
		"Writes the events that fit, as they stand in the ledger, with the digests and seals\n"
		"that prove them, the root's public key, the rules of the generations that they name,\n"
		"and a README.txt.  docs/evidence-check.py checks such a pack without Weir.\n"
		"\n"
		"FILTER: --FIELD VALUE, --since T, --until T, --would-deny, --limit N, and\n"
		"--sample N --seed S, as weir query takes them.\n"
		"\n"
		"  -o FILE         the pack, a tar archive; the same ledger and filter give the same\n"
		"                  bytes\n"
		"  --key PUB       root key, as of weir verify (default: DIR/ledger.pub)\n"
		"  --all-files     files of generations over 8 MiB too (country databases)\n"
		"  --with-packets  the files of packets that the events name (capture): payload\n"
		"  --ledger DIR    (default: the configured one); --index FOLDER (default: DIR/index)\n"
		"  -c FILE         configuration; --tz ZONE of dates in --since and --until\n"
		"\n"
		"Exit status: 0 written, all of it provable; 1 no event fits, or written with what\n"
		"cannot be proven (which is said); 2 usage; 3 could not.\n",
};
