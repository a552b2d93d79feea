/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ship - the ledger to a syslog receiver, as a process of its own with rights of its own.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/command.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "record/read.h"
#include "record/seal.h"
#include "ship/confine.h"
#include "ship/saved.h"
#include "ship/shipper.h"

#define LATE_US    INT64_C(300000000) /* a line that waits longer makes --status say 1 */
#define STATUS_MAX 2048

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static int64_t monotonic_us(void *arg)
{
	struct timespec t = {.tv_sec = 0};

	(void)arg;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct options {
	const char *config;
	bool once, status, json;
};

static int parse(int argc, char *argv[], struct options *o)
{
	enum {
		OPT_ONCE = 256,
		OPT_STATUS,
		OPT_JSON
	};
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"once", no_argument, NULL, OPT_ONCE},
		{"status", no_argument, NULL, OPT_STATUS},
		{"json", no_argument, NULL, OPT_JSON},
		{NULL, 0, NULL, 0},
	};
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((c = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		if (c == 'c')
			o->config = optarg;
		else if (c == OPT_ONCE)
			o->once = true;
		else if (c == OPT_STATUS)
			o->status = true;
		else if (c == OPT_JSON)
			o->json = true;
		else
			return usage_error("ship", "see the options");
	}
	if (optind < argc)
		return usage_error("ship", "'%s': no operand is expected", argv[optind]);
	if (o->once && o->status)
		return usage_error("ship", "--once or --status, not both");
	if (o->json && !o->status)
		return usage_error("ship", "--json belongs to --status");
	return EXIT_FINE;
}

/* ---- shipping ----------------------------------------------------------------------------- */

static void tell(void *arg, bool bad, const char *text)
{
	(void)arg;
	if (bad)
		log_warning("%s", text);
	else
		log_notice("%s", text);
}

static uint16_t port_of(const struct ship_cfg *s)
{
	return s->port != 0 ? (uint16_t)s->port : s->protocol == SHIP_TLS ? 6514 : 514;
}

static int ship(const struct config *c, bool once)
{
	const struct ship_cfg *s = &c->ship;
	const struct shipper_cfg cfg = {
		.ledger = c->ledger.dir,
		.state = s->state,
		.peer = {.host = s->server,
			 .port = port_of(s),
			 .tls = s->protocol == SHIP_TLS,
			 .ca = s->ca,
			 .cert = s->cert,
			 .key = s->key,
			 .mono = {.now_us = monotonic_us},
			 .stop = &stopped},
		.form = {.json = s->format == SHIP_JSON,
			 .version = str_of(program_version),
			 .sensor = str_of(c->sensor)},
		.window = s->window,
		.once = once,
		.wall = clock_real,
		.stop = &stopped,
		.tell = tell,
	};
	const struct sigaction stop = {.sa_handler = on_signal};
	char error[300];

	(void)sigaction(SIGTERM, &stop, NULL);
	(void)sigaction(SIGINT, &stop, NULL);
	if (ship_confine(error) != 0) {
		log_error("ship: %s", error);
		return EXIT_COULD_NOT;
	}
	return shipper_run(&cfg) == 0 ? EXIT_FINE : EXIT_COULD_NOT;
}

/* ---- status ------------------------------------------------------------------------------- */

struct status {
	struct ship_saved saved;
	bool has_saved;
	uint64_t last_seq;  /* of the ledger; 0 = none */
	uint64_t first_seq; /* the lowest that waits and is there; 0 = none */
	int64_t waits_us;   /* since when; its line's time */
	bool removed;       /* lines that wait are gone */
};

/* The segment that holds the first line behind the acknowledged one, and the lines from there. */
static int measure(const char *dir, struct status *st)
{
	struct diag *d = diag_create();
	struct ledger_reader *r = d == NULL ? NULL : ledger_reader_open(dir, d);
	const struct ship_place *p = &st->saved.place;
	struct ledger_line l;
	uint64_t seq;
	int code = EXIT_COULD_NOT;

	if (r != NULL && p->seq > 0)
		if (!ledger_reader_seek(r, p->segment, p->offset, p->line - 1)) {
			ledger_reader_close(r);
			r = ledger_reader_open(dir, d);
		}
	while (r != NULL && ledger_reader_next(r, &l)) {
		if (!line_seq(l.text, &seq))
			continue;
		st->last_seq = seq;
		if (seq <= st->saved.acked || st->first_seq != 0)
			continue;
		st->first_seq = seq;
		st->removed = seq > st->saved.acked + 1;
		if (!line_time(l.text, &st->waits_us))
			st->waits_us = 0;
	}
	if (r != NULL && diag_count(d, DIAG_ERROR) == 0)
		code = EXIT_FINE;
	if (d != NULL && diag_count(d, DIAG_ERROR) > 0)
		print_findings(d);
	ledger_reader_close(r);
	diag_destroy(d);
	return code;
}

static uint64_t lag(const struct status *st)
{
	return st->last_seq > st->saved.acked ? st->last_seq - st->saved.acked : 0;
}

static bool is_bad(const struct status *st, int64_t now_us)
{
	return st->saved.error[0] != '\0' || st->removed ||
	       (st->first_seq != 0 && now_us - st->waits_us > LATE_US);
}

static void print_json(const struct status *st, int64_t now_us)
{
	char text[STATUS_MAX], when[RFC3339_LEN + 1];
	struct json j;

	json_init(&j, text, sizeof(text));
	json_object_begin(&j, NULL);
	json_u64(&j, "segment", st->saved.place.segment);
	json_u64(&j, "seq", st->saved.place.seq);
	json_u64(&j, "acknowledged", st->saved.acked);
	json_u64(&j, "last", st->last_seq);
	json_u64(&j, "lag_lines", lag(st));
	if (st->first_seq != 0)
		json_i64(&j, "lag_s", (now_us - st->waits_us) / 1000000);
	json_u64(&j, "lost", st->saved.lost);
	clock_format_rfc3339(st->saved.time_us, when);
	if (st->has_saved)
		json_cstring(&j, "saved", when);
	if (st->saved.error[0] != '\0')
		json_cstring(&j, "error", st->saved.error);
	json_object_end(&j);
	(void)printf("%.*s\n", (int)j.len, text);
}

static void print_text(const struct status *st, int64_t now_us)
{
	char when[RFC3339_LEN + 1];

	if (!st->has_saved)
		(void)printf("cursor        none yet: nothing was sent\n");
	else
		(void)printf("cursor        line %" PRIu64 ", segment %" PRIu32
			     "; a new connection begins behind it\n",
			     st->saved.place.seq, st->saved.place.segment);
	(void)printf("acknowledged  line %" PRIu64 " of %" PRIu64 "\n", st->saved.acked,
		     st->last_seq);
	(void)printf("lag           %" PRIu64 " lines", lag(st));
	if (st->first_seq != 0)
		(void)printf(", the oldest %" PRId64 " s old",
			     (now_us - st->waits_us) / 1000000);
	(void)printf("\nlost          %" PRIu64 " lines%s\n", st->saved.lost,
		     st->removed ? ", and lines that wait were removed" : "");
	clock_format_rfc3339(st->saved.time_us, when);
	if (st->has_saved)
		(void)printf("saved         %s (UTC)\n", when);
	(void)printf("error         %s\n",
		     st->saved.error[0] != '\0' ? st->saved.error : "none");
}

static int show_status(const struct config *c, bool json)
{
	struct status st = {.last_seq = 0};
	const int64_t now_us = clock_real.now_us(clock_real.arg);
	int rc = saved_load(c->ship.state, &st.saved);

	if (rc != 0 && rc != -ENOENT) {
		(void)fprintf(stderr, "weir ship: %s: %s\n", c->ship.state,
			      rc == -EBADMSG ? "is damaged, or of another version"
					     : strerrordesc_np(-rc));
		return EXIT_COULD_NOT;
	}
	st.has_saved = rc == 0;
	rc = measure(c->ledger.dir, &st);
	if (rc != EXIT_FINE)
		return rc;
	if (json)
		print_json(&st, now_us);
	else
		print_text(&st, now_us);
	return finish_output(is_bad(&st, now_us) ? EXIT_FINDINGS : EXIT_FINE);
}

/* ---- the command -------------------------------------------------------------------------- */

static int check_config(const struct config *c)
{
	if (c->ship.server == NULL)
		(void)fprintf(stderr,
			      "weir ship: %s names no receiver; write\n"
			      "    ship = { server = \"siem.example.org\"; };\n",
			      c->path);
	else if (c->ledger.dir == NULL)
		(void)fprintf(stderr,
			      "weir ship: %s names no ledger; write\n"
			      "    ledger = { dir = \"/var/lib/weir/ledger\"; };\n",
			      c->path);
	else
		return EXIT_FINE;
	return EXIT_FINDINGS;
}

static int run(int argc, char *argv[])
{
	struct options o = {.config = DEFAULT_CONFIG};
	struct config *c = NULL;
	struct diag *d;
	int code = parse(argc, argv, &o);

	if (code != EXIT_FINE)
		return code;
	d = diag_create();
	if (d != NULL)
		c = config_load(o.config, share_folder(), d);
	if (c == NULL) {
		if (d != NULL)
			print_findings(d);
		diag_destroy(d);
		return EXIT_FINDINGS;
	}
	diag_destroy(d);
	code = check_config(c);
	if (code == EXIT_FINE)
		code = o.status ? show_status(c, o.json) : ship(c, o.once);
	config_destroy(c);
	return code;
}

const struct command command_ship = {
	.name = "ship",
	.summary = "follow the ledger and send it to a syslog receiver",
	.run = run,
	.help = "usage: weir ship [-c CONF] [--once]\n"
		"       weir ship [-c CONF] --status [--json]\n"
		"\n"
		"Sends every line of the ledger to the receiver that `ship` of the configuration\n"
		"names: syslog (RFC 5424) over TLS or TCP, CEF or JSON, at least once, in order.\n"
		"After each reconnect up to ship.window lines come twice; their sequence number\n"
		"tells.  Runs until it is stopped, as a user that may only read the ledger.\n"
		"\n"
		"  -c CONF    configuration (default: /etc/weir/weir.conf)\n"
		"  --once     what there is now, then end\n"
		"  --status   cursor, lag and last error; ends with 1 when there is an error, a line\n"
		"             has waited for over 5 minutes, or lines that wait were removed\n"
		"  --json     the status as JSON\n"
		"\n"
		"Exit status: 0 fine; 1 findings; 2 usage; 3 could not.\n",
};
