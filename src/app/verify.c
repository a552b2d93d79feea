/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - is a ledger whole, who says so, and what does that rest on?
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/trust.h"
#include "base/clock.h"
#include "base/json.h"

#define JSON_MAX ((size_t)256 << 10)

enum option_letter {
	OPTION_KEY = 256,
	OPTION_ANCHORS,
	OPTION_JSON
};

static const struct option long_options[] = {
	{"key", required_argument, NULL, OPTION_KEY},
	{"anchors", required_argument, NULL, OPTION_ANCHORS},
	{"json", no_argument, NULL, OPTION_JSON},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	const char *dir;
	struct trust trust;
	bool json;
};

static int parse(int argc, char *argv[], struct options *o)
{
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		switch (c) { // NOLINT(concurrency-mt-unsafe): one thread
		case OPTION_KEY:
			o->trust.key = optarg;
			break;
		case OPTION_ANCHORS:
			o->trust.anchors = optarg;
			break;
		case OPTION_JSON:
			o->json = true;
			break;
		default:
			return EXIT_USAGE;
		}
	if (optind + 1 != argc)
		return usage_error("verify", "one ledger: weir verify DIR");
	o->dir = argv[optind];
	return EXIT_FINE;
}

/* ---- what is told ------------------------------------------------------------------------- */

static void print_finding(const struct ledger_finding *f)
{
	if (f->segment[0] != '\0' && f->line > 0)
		(void)printf("%s:%" PRIu64 ": ", f->segment, f->line);
	else if (f->segment[0] != '\0')
		(void)printf("%s: ", f->segment);
	if (f->to_seq > f->seq)
		(void)printf("lines %" PRIu64 " to %" PRIu64, f->seq, f->to_seq);
	else
		(void)printf("line %" PRIu64, f->seq);
	(void)printf(": %s: %s\n", ledger_fault_name(f->fault),
		     ledger_fault_meaning(f->fault));
}

static void print_gap(const struct ledger_gap *g)
{
	char from[RFC3339_LEN + 1], to[RFC3339_LEN + 1];

	clock_format_rfc3339(g->from_us, from);
	clock_format_rfc3339(g->to_us, to);
	(void)printf("             %s to %s: ", from, to);
	switch (g->kind) {
	case GAP_STOPPED:
		(void)printf("stopped\n");
		break;
	case GAP_ENDED:
		(void)printf("ended, and not by a stop\n");
		break;
	case GAP_CRASHED:
		(void)printf("lines %" PRIu64 " to %" PRIu64
			     " were left unsealed, and sealed at the next start\n",
			     g->from_seq, g->to_seq);
		break;
	case GAP_TAIL:
		(void)printf("lines %" PRIu64 " to %" PRIu64 " are not sealed yet\n",
			     g->from_seq, g->to_seq);
		break;
	}
}

static void print_proof(const struct ledger_proof *p)
{
	const size_t shown = p->finding_count < VERIFY_FINDINGS_MAX ? p->finding_count
								    : VERIFY_FINDINGS_MAX;
	char types[EXPIRING_TEXT_MAX];

	for (size_t i = 0; i < shown; i++)
		print_finding(&p->findings[i]);
	if (p->finding_count > shown)
		(void)printf("and %zu more\n", p->finding_count - shown);
	(void)printf("%s\n", p->finding_count > 0 ? "NOT WHOLE" : "whole");
	if (p->sound_seq >= p->first_seq && p->sound_seq > 0)
		(void)printf("proven       lines %" PRIu64 " to %" PRIu64
			     " by the keys of epochs 0 to %" PRIu64 "\n",
			     p->first_seq, p->sound_seq, p->sound_epoch);
	else
		(void)printf("proven       nothing\n");
	(void)printf("lines        %" PRIu64 " in %" PRIu64 " segments, %" PRIu64
		     " seals, %zu generations\n",
		     p->lines, p->segments, p->seals, p->generation_count);
	if (p->odd.stray_count > 0)
		(void)printf(
			"beside it    %u files named almost as segments (%s): not part "
			"of the ledger, not read\n",
			p->odd.stray_count, p->odd.stray);
	if (p->removed_to > 0)
		(void)printf("removed      lines 1 to %" PRIu64
			     ", by retention, as %" PRIu64 " seals say\n",
			     p->removed_to, p->tombstones);
	if (p->expired_lines > 0) {
		(void)expiring_format(p->expired_types, types);
		(void)printf("expired      %" PRIu64 " lines of %" PRIu64
			     " segments (%s), as seals say: their text is gone, their "
			     "digests are proven; the youngest was %" PRId64
			     " hours old when it went\n",
			     p->expired_lines, p->expired_segments, types,
			     p->expired_age_us / 3600000000);
	}
	(void)printf("key          %s, %s\n", p->root,
		     p->key_given
			     ? "as given"
			     : "from the ledger's own folder: proves nothing against "
			       "whoever could replace it");
	if (p->anchors == 0)
		(void)printf(
			"anchors      none: whoever holds the present key could have "
			"written its epoch anew, or cut the end\n");
	else
		(void)printf("anchors      %" PRIu64
			     ", the last that fits is line %" PRIu64 "; %" PRIu64
			     " are of lines that were removed\n",
			     p->anchors, p->anchored_seq, p->anchors_older);
	if (p->gap_count > 0)
		(void)printf("not covered  by a seal as it passed:\n");
	for (size_t i = 0; i < p->gap_count && i < VERIFY_GAPS_MAX; i++)
		print_gap(&p->gaps[i]);
	if (p->gap_count > VERIFY_GAPS_MAX)
		(void)printf("             and %zu more\n",
			     p->gap_count - VERIFY_GAPS_MAX);
}

static void json_moment(struct json *j, const char *key, int64_t us)
{
	char text[RFC3339_LEN + 1];

	clock_format_rfc3339(us, text);
	json_cstring(j, key, text);
}

static void findings_json(struct json *j, const struct ledger_proof *p)
{
	json_array_begin(j, "findings");
	for (size_t i = 0; i < p->finding_count && i < VERIFY_FINDINGS_MAX; i++) {
		const struct ledger_finding *f = &p->findings[i];

		json_object_begin(j, NULL);
		json_cstring(j, "kind", ledger_fault_name(f->fault));
		if (f->segment[0] != '\0')
			json_cstring(j, "segment", f->segment);
		if (f->line > 0)
			json_u64(j, "line", f->line);
		json_u64(j, "seq", f->seq);
		json_u64(j, "to_seq", f->to_seq);
		json_object_end(j);
	}
	json_array_end(j);
}

static void gaps_json(struct json *j, const struct ledger_proof *p)
{
	static const char *const kinds[] = {[GAP_STOPPED] = "stopped",
					    [GAP_ENDED] = "ended",
					    [GAP_CRASHED] = "crashed",
					    [GAP_TAIL] = "tail"};

	json_array_begin(j, "gaps");
	for (size_t i = 0; i < p->gap_count && i < VERIFY_GAPS_MAX; i++) {
		json_object_begin(j, NULL);
		json_cstring(j, "kind", kinds[p->gaps[i].kind]);
		json_moment(j, "from", p->gaps[i].from_us);
		json_moment(j, "to", p->gaps[i].to_us);
		json_u64(j, "from_seq", p->gaps[i].from_seq);
		json_u64(j, "to_seq", p->gaps[i].to_seq);
		json_object_end(j);
	}
	json_array_end(j);
}

static int print_json(const struct ledger_proof *p)
{
	char *buf = malloc(JSON_MAX);
	struct json j;

	if (buf == NULL)
		return EXIT_COULD_NOT;
	json_init(&j, buf, JSON_MAX);
	json_object_begin(&j, NULL);
	json_bool(&j, "whole", p->finding_count == 0);
	json_u64(&j, "finding_count", p->finding_count);
	findings_json(&j, p);
	json_u64(&j, "first_seq", p->first_seq);
	json_u64(&j, "last_seq", p->last_seq);
	json_u64(&j, "proven_to_seq", p->sound_seq);
	json_u64(&j, "proven_by_epoch", p->sound_epoch);
	json_u64(&j, "sealed_seq", p->sealed_seq);
	json_u64(&j, "unsealed", p->unsealed);
	json_u64(&j, "lines", p->lines);
	json_u64(&j, "segments", p->segments);
	json_u64(&j, "seals", p->seals);
	json_u64(&j, "strays", p->odd.stray_count);
	json_u64(&j, "epochs", p->epochs);
	json_u64(&j, "removed_to_seq", p->removed_to);
	json_u64(&j, "expired_lines", p->expired_lines);
	if (p->expired_lines > 0)
		json_i64(&j, "expired_youngest_s", p->expired_age_us / 1000000);
	json_cstring(&j, "key", p->root);
	json_bool(&j, "key_given", p->key_given);
	json_u64(&j, "anchors", p->anchors);
	json_u64(&j, "anchored_seq", p->anchored_seq);
	json_u64(&j, "gap_count", p->gap_count);
	gaps_json(&j, p);
	json_array_begin(&j, "generations");
	for (size_t i = 0; i < p->generation_count; i++)
		json_cstring(&j, NULL, p->generations[i]);
	json_array_end(&j);
	json_object_end(&j);
	json_raw(&j, "\n", 1);
	if (json_ok(&j))
		(void)fwrite(buf, 1, j.len, stdout);
	free(buf);
	return json_ok(&j) ? EXIT_FINE : EXIT_COULD_NOT;
}

static int run(int argc, char *argv[])
{
	struct options o = {.trust.key_option = "--key"};
	struct verify_cfg cfg = {.root = NULL};
	struct ledger_proof *p;
	int code = parse(argc, argv, &o);

	if (code != EXIT_FINE)
		return code;
	p = malloc(sizeof(*p));
	if (p == NULL)
		return EXIT_COULD_NOT;
	cfg.dir = o.dir;
	code = trust_verify("verify", &o.trust, &cfg, p);
	if (code == EXIT_FINE && o.json)
		code = print_json(p);
	else if (code == EXIT_FINE)
		print_proof(p);
	if (code == EXIT_FINE && p->finding_count > 0)
		code = EXIT_FINDINGS;
	free(p);
	return finish_output(code);
}

const struct command command_verify = {
	.name = "verify",
	.summary = "is a ledger whole?",
	.run = run,
	.help = "usage: weir verify DIR [--key PUB] [--anchors FILE] [--json]\n"
		"\n"
		"Walks all lines of a ledger, or of a copy of one, and names the first bad line of\n"
		"each sealed range and what was done to it; says what is proven, and by what.\n"
		"\n"
		"  --key PUB        root key: a copy of ledger.pub, or the fingerprint that was\n"
		"                   written down (default: DIR/ledger.pub, which proves little)\n"
		"  --anchors FILE   seals that were kept elsewhere, one a line (syslog is fine)\n"
		"  --json           as JSON\n"
		"\n"
		"Exit status: 0 whole; 1 findings; 2 usage; 3 could not.\n",
};
