/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/archive.h"
#include "engine/gateway.h"

static int parse_options(int argc, char *argv[], struct common *c, bool *ret_ndpi)
{
	enum {
		OPT_NO_NDPI = 256
	};
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"rules", required_argument, NULL, 'r'},
		{"no-ndpi", no_argument, NULL, OPT_NO_NDPI},
		{NULL, 0, NULL, 0},
	};
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:r:", longs, NULL)) != -1) {
		if (o == 'c')
			c->config = optarg;
		else if (o == 'r' && !add_rules(c, optarg))
			return EXIT_USAGE;
		else if (o == OPT_NO_NDPI)
			*ret_ndpi = false;
		else if (o == '?')
			return usage_error("run", "see the options");
	}
	if (optind < argc)
		return usage_error("run", "'%s': no operand is expected", argv[optind]);
	return EXIT_FINE;
}

/* What the configuration has to say before packets can come. */
static int check_config(const struct config *c)
{
	if (c->capture.source == CAPTURE_NONE) {
		(void)fprintf(
			stderr,
			"weir run: %s does not say where packets come from; write\n"
			"    capture = { source = \"interface\"; interfaces = [ "
			"\"eth2\" ]; };                 # a mirror port\n"
			"or  capture = { source = \"nfqueue\"; on_failure = \"open\"; "
			"};                       # inline\n",
			c->path);
		return EXIT_FINDINGS;
	}
	if (c->ledger.dir == NULL) {
		(void)fprintf(stderr,
			      "weir run: %s names no ledger; write\n"
			      "    ledger = { dir = \"/var/lib/weir/ledger\"; };\n",
			      c->path);
		return EXIT_FINDINGS;
	}
	if (geteuid() != 0) {
		(void)fprintf(stderr,
			      "weir run: needs root to begin with; it gives up all "
			      "rights that it has no need of\n");
		return EXIT_COULD_NOT;
	}
	return EXIT_FINE;
}

/* A gateway goes on without: its traffic matters more than who asks later why. */
static void keep_generation(const struct common *c, const struct generation *g)
{
	const struct generation_cfg cfg = generation_cfg_of(c);
	int rc = archive_keep(g->config->ledger.dir, g, &cfg, true);

	if (rc != 0)
		(void)fprintf(stderr,
			      "weir run: %s/generations: what generation %s was made "
			      "from could not be kept: %s\n",
			      g->config->ledger.dir, g->name, strerrordesc_np(-rc));
}

static int run(int argc, char *argv[])
{
	struct common c = {
		.config = DEFAULT_CONFIG, .exempt = true, .signed_rules = true};
	uint8_t signers[CONFIG_SIGNERS_MAX][CONFIG_SIGNER_KEY] = {0};
	struct gateway_cfg cfg = {.ndpi = true};
	struct generation *g;
	int code = parse_options(argc, argv, &c, &cfg.ndpi);

	if (code != EXIT_FINE)
		return code;
	c.set = file_set_create();
	g = c.set == NULL ? NULL : load_or_report(&c, false);
	if (g == NULL) {
		file_set_destroy(c.set);
		return EXIT_FINDINGS;
	}
	code = check_config(g->config);
	if (code != EXIT_FINE) {
		file_set_destroy(c.set);
		generation_destroy(g);
		return code;
	}
	keep_generation(&c, g);
	file_set_destroy(c.set);
	cfg.load = (struct generation_cfg){
		.config = c.config,
		.rules = c.rules,
		.rule_count = c.rule_count,
		.share = share_folder(),
		.exempt = true,
		.signed_rules = true,
		.signers = (const uint8_t(*)[CONFIG_SIGNER_KEY])signers,
		.signer_count = g->config->signer_count};
	/* A reload is for those who counted at the start. */
	if (g->config->signer_count > 0)
		memcpy(signers, g->config->signers,
		       g->config->signer_count * sizeof(signers[0]));
	cfg.generation = g;
	return gateway_run(&cfg) == 0 ? EXIT_FINE : EXIT_COULD_NOT;
}

const struct command command_run = {
	.name = "run",
	.summary = "the gateway: live from interfaces, or inline",
	.run = run,
	.help = "usage: weir run [-c CONF] [-r RULES]...\n"
		"\n"
		"Judges live traffic until it is told to stop (SIGTERM, SIGINT).  Needs root at\n"
		"the start.  Where packets come from, what happens when Weir does not answer,\n"
		"and where the ledger is stands in CONF: weir.conf(5), section Gateway.\n"
		"In mode monitor, the default, nothing is blocked.\n"
		"\n"
		"  -c, --config FILE  configuration (default /etc/weir/weir.conf)\n"
		"  -r, --rules FILE   rule file; replaces the configuration's list; repeat\n"
		"      --no-ndpi      do not ask nDPI for the protocol of unknown traffic\n"
		"\n"
		"SIGHUP and `weir ctl reload` load everything anew; with one error nothing\n"
		"changes.  `weir off` takes the netfilter rules away without this process.\n"
		"Exit status: 0 stopped as told, 1 configuration or rules are wrong, 2 usage,\n"
		"3 could not run.\n",
};
