/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/command.h"
#include "capture/source.h"
#include "engine/archive.h"
#include "engine/selfcheck.h"
#include "match/zone.h"
#include "record/ledger.h"
#include "record/packets.h"
#include "record/pseudonym.h"
#include "record/sign.h"
#include "report/summary.h"

struct options {
	struct common common;
	const char *out_dir;     /* -o */
	const char *events_file; /* --events */
	const char *pseudonym_key;
	bool masked; /* pseudonyms are written */
	struct pseudonyms pseudonyms;
	const char *dnstap[DNSTAP_LOGS_MAX];
	size_t dnstap_count;
	unsigned workers;
	bool ndpi;
	bool quiet;
	struct zone *zone;   /* --tz; owned */
	char chosen_dir[64]; /* when -o was not given */
};

struct show {
	struct summary *summary;
	bool progress;
	int64_t shown_s;
};

static void observe(void *arg, const struct event_digest *d)
{
	struct show *s = arg;

	if (s->summary != NULL)
		summary_add(s->summary, d);
}

static void progress(void *arg, uint64_t frames, const char *capture)
{
	struct show *s = arg;
	struct timespec now;

	if (!s->progress || clock_gettime(CLOCK_MONOTONIC, &now) != 0 ||
	    now.tv_sec == s->shown_s)
		return;
	s->shown_s = now.tv_sec;
	(void)fprintf(stderr, "\r%s: %" PRIu64 " packets\033[K", capture, frames);
}

static bool parse_workers(const char *text, unsigned *ret)
{
	uint64_t n;

	if (!parse_u64(str_of(text), REPLAY_WORKERS_MAX, &n) || n == 0)
		return false;
	*ret = (unsigned)n;
	return true;
}

static int parse_options(int argc, char *argv[], struct options *o)
{
	enum {
		OPT_EVENTS = 256,
		OPT_JSON,
		OPT_TZ,
		OPT_NO_NDPI,
		OPT_DNSTAP,
		OPT_PSEUDONYM_KEY
	};
	static const struct option longs[] = {
		{"events", required_argument, NULL, OPT_EVENTS},
		{"json", no_argument, NULL, OPT_JSON},
		{"tz", required_argument, NULL, OPT_TZ},
		{"no-ndpi", no_argument, NULL, OPT_NO_NDPI},
		{"dnstap", required_argument, NULL, OPT_DNSTAP},
		{"pseudonym-key", required_argument, NULL, OPT_PSEUDONYM_KEY},
		{"rules", required_argument, NULL, 'r'},
		{"config", required_argument, NULL, 'c'},
		{"output", required_argument, NULL, 'o'},
		{"jobs", required_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'},
		{NULL, 0, NULL, 0},
	};
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((c = getopt_long(argc, argv, "c:r:o:j:q", longs, NULL)) != -1) {
		if (c == 'c')
			o->common.config = optarg;
		else if (c == 'r' && !add_rules(&o->common, optarg))
			return EXIT_USAGE;
		else if (c == 'o')
			o->out_dir = optarg;
		else if (c == 'j' && !parse_workers(optarg, &o->workers))
			return usage_error("replay",
					   "-j '%s': write a number from 1 to %d", optarg,
					   REPLAY_WORKERS_MAX);
		else if (c == 'q')
			o->quiet = true;
		else if (c == OPT_EVENTS)
			o->events_file = optarg;
		else if (c == OPT_JSON)
			o->common.json = true;
		else if (c == OPT_TZ)
			o->common.zone = optarg;
		else if (c == OPT_DNSTAP && o->dnstap_count == DNSTAP_LOGS_MAX)
			return usage_error("replay", "at most %d --dnstap",
					   DNSTAP_LOGS_MAX);
		else if (c == OPT_DNSTAP)
			o->dnstap[o->dnstap_count++] = optarg;
		else if (c == OPT_PSEUDONYM_KEY)
			o->pseudonym_key = optarg;
		else if (c == OPT_NO_NDPI)
			o->ndpi = false;
		else if (c == '?')
			return usage_error("replay", "see the options");
	}
	if (optind == argc)
		return usage_error("replay",
				   "which capture?  Name files, or - for standard input");
	if (o->out_dir != NULL && o->events_file != NULL)
		return usage_error("replay", "-o and --events exclude each other");
	if (o->common.zone != NULL && zone_load(NULL, o->common.zone, &o->zone) != 0)
		return usage_error("replay",
				   "--tz '%s' is no time zone; write one such as "
				   "Europe/Berlin",
				   o->common.zone);
	return EXIT_FINE;
}

/*
 * Is there one capture that can be read, so that a ledger is worth beginning?  If not, says
 * why for each.  Files are not opened here: a pipe can be opened but once.
 */
static bool any_capture(const char *const *captures, size_t count)
{
	struct source_clock clock = {0};
	char error[SOURCE_ERROR_MAX];
	struct stat st;

	for (size_t i = 0; i < count; i++)
		if (strcmp(captures[i], "-") == 0 ||
		    (stat(captures[i], &st) == 0 && !S_ISDIR(st.st_mode) &&
		     access(captures[i], R_OK) == 0))
			return true;
	for (size_t i = 0; i < count; i++) {
		struct source *s = source_open_file(captures[i], &clock, error);

		if (s == NULL)
			(void)fprintf(stderr, "weir replay: %s\n", error);
		source_close(s);
	}
	return false;
}

/* The first ./weir-ledger-N that is not there yet. */
static const char *choose_dir(struct options *o)
{
	struct stat st;

	if (o->out_dir != NULL)
		return o->out_dir;
	for (unsigned n = 1; n < 10000; n++) {
		(void)snprintf(o->chosen_dir, sizeof(o->chosen_dir), "./weir-ledger-%u",
			       n);
		if (lstat(o->chosen_dir, &st) != 0 && errno == ENOENT)
			break;
	}
	return o->chosen_dir;
}

static struct ledger *open_output(struct options *o, const struct config *cfg,
				  const char **ret_dir)
{
	/* A key for this run alone, which nobody can sign with afterwards. */
	const struct ledger_seals seals = {.events = cfg->ledger.seal_events};
	struct ledger_cfg lc = {.fd = -1, .segment_bytes = cfg->ledger.segment_bytes};
	struct ledger *l = NULL;
	char error[300];

	*ret_dir = NULL;
	if (o->events_file == NULL) {
		lc.dir = *ret_dir = choose_dir(o);
		lc.must_be_new = true;
		lc.seals = &seals;
	} else if (strcmp(o->events_file, "-") == 0) {
		lc.fd = STDOUT_FILENO;
	} else {
		lc.fd = open(o->events_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			     0640);
		if (lc.fd < 0) {
			(void)fprintf(stderr, "weir replay: %s: %s\n", o->events_file,
				      strerrordesc_np(errno));
			return NULL;
		}
	}
	if (ledger_open(&lc, &l, error) != 0) {
		(void)fprintf(stderr, "weir replay: %s\n", error);
		return NULL;
	}
	return l;
}

static uint64_t count_malformed(const struct worker_stats *st)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < DECODE_RESULT_COUNT; i++)
		if (i != DECODE_OK && i != DECODE_FRAGMENT_HELD && i != DECODE_NOT_IP)
			n += st->decode[i];
	return n;
}

/* The ledger that was written. */
struct written {
	const char *dir;               /* NULL = none */
	char key[FINGERPRINT_LEN + 1]; /* that sealed it; empty = it is not sealed */
};

static void note_key(const struct ledger *l, struct written *w)
{
	struct ledger_state st;

	if (ledger_state(l, &st))
		fingerprint_format(st.root_public, w->key);
}

static int show_result(const struct options *o, const struct generation *g,
		       const struct replay_cfg *rc, const struct replay_result *res,
		       const struct summary *sum, const struct written *w)
{
	const char *troubles[SELFCHECK_COUNT];
	struct summary_frame f = {
		.troubles = troubles,
		.captures = rc->captures,
		.capture_count = rc->capture_count,
		.generation = g->name,
		.frames = res->frames,
		.bytes = res->bytes,
		.malformed = count_malformed(&res->stats),
		.damaged = res->damaged,
		.first_us = res->first_us,
		.last_us = res->last_us,
		.zone = o->zone != NULL             ? o->zone
			: g->config->site_count > 0 ? g->config->sites[0].zone
						    : NULL,
		.ledger = w->dir,
		.key = w->key[0] == '\0' ? NULL : w->key,
	};

	for (unsigned i = 0; i < SELFCHECK_COUNT; i++)
		if ((res->troubles & 1u << i) != 0)
			troubles[f.trouble_count++] =
				selfcheck_message((enum selfcheck_trouble)i);
	if (o->common.json)
		summary_print_json(sum, &f, stdout);
	else
		summary_print(sum, &f, stdout);
	return finish_output(EXIT_FINE);
}

/* Not one packet came from captures that all are damaged: there is nothing to sum up. */
static bool nothing_read(const struct replay_result *res, size_t captures)
{
	return res->frames == 0 && res->damaged >= captures;
}

static int report_trouble(const struct replay_result *res, size_t captures)
{
	for (unsigned i = 0; i < res->damaged && i < REPLAY_DAMAGED_MAX; i++)
		(void)fprintf(stderr, "weir replay: %s\n", res->messages[i]);
	if (res->damaged > REPLAY_DAMAGED_MAX)
		(void)fprintf(stderr,
			      "weir replay: and %u more captures not read to their end\n",
			      res->damaged - REPLAY_DAMAGED_MAX);
	if (res->write_error != 0) {
		if (res->write_error != -EPIPE)
			(void)fprintf(
				stderr,
				"weir replay: events could not be written after the first "
				"%" PRIu64 ": %s\n",
				res->events, strerrordesc_np(-res->write_error));
		return EXIT_COULD_NOT;
	}
	if (res->late > 0)
		(void)fprintf(
			stderr,
			"weir replay: %" PRIu64 " packets are older than packets before "
			"them, and count as if they came with those; name captures in "
			"the order of their time\n",
			res->late);
	if (res->stats.forms_lost > 0)
		(void)fprintf(stderr,
			      "weir replay: %" PRIu64 " events did not fit a line\n",
			      res->stats.forms_lost);
	if (res->frames == 0 && res->damaged == 0)
		(void)fprintf(stderr, "weir replay: no packet in any capture\n");
	if (res->damaged == 0)
		return EXIT_FINE;
	return nothing_read(res, captures) ? EXIT_COULD_NOT : EXIT_FINDINGS;
}

/* What the generation was made from, beside the events that name it. */
static int keep_generation(const struct options *o, const struct generation *g,
			   const char *dir)
{
	const struct generation_cfg cfg = generation_cfg_of(&o->common);
	int rc = archive_keep(dir, g, &cfg, false);

	if (rc != 0)
		(void)fprintf(stderr,
			      "weir replay: %s/generations: the rules and tables of "
			      "generation %s could not be kept: %s\n",
			      dir, g->name, strerrordesc_np(-rc));
	return rc;
}

static int run_with(struct options *o, const struct generation *g,
		    const struct identity *identity, const char *const *captures,
		    size_t count)
{
	struct summary_cfg sc = {.policy = g->policy, .vocabulary = &g->vocabulary};
	struct replay_result *res = calloc(1, sizeof(*res));
	struct show show = {.summary = summary_create(&sc)};
	struct written w = {.dir = NULL};
	struct ledger *l = open_output(o, g->config, &w.dir);
	struct replay_cfg rc = {.generation = g,
				.identity = identity,
				.pseudonyms = o->masked ? &o->pseudonyms : NULL,
				.captures = captures,
				.capture_count = count,
				.dnstap = o->dnstap,
				.dnstap_count = o->dnstap_count,
				.workers = o->workers,
				.ndpi = o->ndpi,
				.ledger = l,
				/* Nobody looks at the sums: do not make them. */
				.observe = o->quiet || o->events_file != NULL ? NULL
									      : observe,
				.progress = progress,
				.arg = &show};
	int code = EXIT_COULD_NOT, rc_run, rc_keep, rc_close;

	show.progress = !o->quiet && isatty(STDERR_FILENO) == 1;
	if (l == NULL || res == NULL || show.summary == NULL)
		goto out;
	if (w.dir != NULL)
		rc.packets = packets_create(w.dir, g->config->ledger.packets_bytes);
	rc_run = replay_run(&rc, res);
	if (nothing_read(res, count)) {
		if (show.progress)
			(void)fprintf(stderr, "\r\033[K");
		ledger_discard(l, w.dir);
		l = NULL;
		code = report_trouble(res, count);
		goto out;
	}
	rc_keep = w.dir == NULL ? 0 : keep_generation(o, g, w.dir);
	note_key(l, &w);
	rc_close = ledger_close(l);
	l = NULL;
	if (show.progress)
		(void)fprintf(stderr, "\r\033[K");
	if (rc_run != 0) {
		(void)fprintf(stderr, "weir replay: out of memory\n");
		goto out;
	}
	if (res->write_error == 0)
		res->write_error = rc_close;
	if (res->write_error == 0 && rc_keep != 0)
		goto out; /* it was said */
	code = EXIT_FINE;
	if (o->events_file == NULL && !o->quiet)
		code = show_result(o, g, &rc, res, show.summary, &w);
	if (code == EXIT_FINE)
		code = report_trouble(res, count);
	else
		(void)report_trouble(res, count);
out:
	if (l != NULL)
		(void)ledger_close(l);
	packets_destroy(rc.packets);
	summary_destroy(show.summary);
	free(res);
	return code;
}

/* By the file's key, else by one of this run alone. */
static bool take_pseudonyms(struct options *o, const struct config *c)
{
	int rc;

	o->masked = c->identity.pseudonyms || o->pseudonym_key != NULL;
	if (!o->masked)
		return true;
	rc = o->pseudonym_key == NULL ? pseudonyms_random(&o->pseudonyms)
				      : pseudonyms_read(o->pseudonym_key, &o->pseudonyms);
	if (rc == 0)
		return true;
	(void)fprintf(stderr, "weir replay: %s: %s%s\n",
		      o->pseudonym_key == NULL ? "pseudonyms" : o->pseudonym_key,
		      strerrordesc_np(-rc),
		      rc == -EBADMSG ? " (a key is a file of 32 bytes)" : "");
	return false;
}

static int load_and_run(struct options *o, const char *const *captures, size_t count)
{
	struct identity *identity;
	struct generation *g;
	int code = EXIT_FINDINGS;

	if (!any_capture(captures, count))
		return EXIT_COULD_NOT;
	if (o->events_file == NULL && (o->common.set = file_set_create()) == NULL) {
		(void)fprintf(stderr, "weir replay: out of memory\n");
		return EXIT_COULD_NOT;
	}
	g = load_or_report(&o->common, o->quiet);
	if (g == NULL) {
		file_set_destroy(o->common.set);
		return EXIT_FINDINGS;
	}
	identity = identity_or_report(g->config, o->quiet);
	if (identity != NULL && !take_pseudonyms(o, g->config))
		code = EXIT_COULD_NOT;
	else if (identity != NULL)
		code = run_with(o, g, identity, captures, count);
	pseudonyms_forget(&o->pseudonyms);
	identity_destroy(identity);
	generation_destroy(g);
	file_set_destroy(o->common.set);
	return code;
}

static int run(int argc, char *argv[])
{
	struct options o = {.workers = 1, .ndpi = true};
	int code = parse_options(argc, argv, &o);

	if (code == EXIT_FINE)
		code = load_and_run(&o, (const char *const *)&argv[optind],
				    (size_t)(argc - optind));
	zone_destroy(o.zone);
	return code;
}

const struct command command_replay = {
	.name = "replay",
	.summary = "run captures through the whole pipeline",
	.run = run,
	.help = "usage: weir replay [options] CAPTURE...\n"
		"\n"
		"Reads pcap and pcapng files (- = standard input), decides about every connection\n"
		"as enforce would, writes the events and prints a summary.  Nothing is blocked.\n"
		"\n"
		"  -c FILE          configuration (default: built in, monitor, private ranges inside)\n"
		"  -r FILE          rule file; replaces the configuration's list; repeatable\n"
		"  -o DIR           write the ledger there (default: a new ./weir-ledger-N)\n"
		"  --events FILE    write events to FILE (- = standard output) instead of a ledger\n"
		"  -j N             workers, 1 to 64 (default 1); the events are the same\n"
		"  --dnstap FILE    a resolver's log: who was told which address; repeatable\n"
		"  --pseudonym-key FILE\n"
		"                   write pseudonyms of people by this key of a gateway; where only\n"
		"                   identity.pseudonyms asks for them, the key is of this run alone\n"
		"  --json           the summary as JSON\n"
		"  --tz ZONE        show times in this zone (default: the first site's)\n"
		"  --no-ndpi        do not name unknown protocols\n"
		"  -q               no summary, no warnings\n"
		"\n"
		"Exit status: 0 fine; 1 rule or configuration errors, or a capture damaged (what\n"
		"came before is kept); 2 usage; 3 no capture could be read, or no output written.\n",
};
