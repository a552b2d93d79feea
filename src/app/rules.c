/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "app/history.h"

struct options {
	struct common common;
	const char *generation, *ledger;
};

/* What the files say, or what a kept generation was made from. */
static struct generation *load(const struct options *o)
{
	char buf[LEDGER_DIR_MAX];
	const char *dir;

	if (o->generation == NULL)
		return load_or_report(&o->common, false);
	dir = history_dir("rules", &o->common, o->ledger, buf);
	return dir == NULL ? NULL : history_generation(dir, o->generation);
}

static int run(int argc, char *argv[])
{
	enum {
		OPT_GENERATION = 256,
		OPT_LEDGER
	};
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"rules", required_argument, NULL, 'r'},
		{"generation", required_argument, NULL, OPT_GENERATION},
		{"ledger", required_argument, NULL, OPT_LEDGER},
		{NULL, 0, NULL, 0},
	};
	struct options opts = {0};
	struct common *c = &opts.common;
	struct generation *g;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:r:", longs, NULL)) != -1) {
		if (o == 'c')
			c->config = optarg;
		else if (o == 'r' && !add_rules(c, optarg))
			return EXIT_USAGE;
		else if (o == OPT_GENERATION)
			opts.generation = optarg;
		else if (o == OPT_LEDGER)
			opts.ledger = optarg;
		else if (o == '?')
			return usage_error("rules", "see the options");
	}
	if (optind == argc || strcmp(argv[optind], "print") != 0)
		return usage_error("rules", "say what to do: weir rules print");
	for (int i = optind + 1; i < argc; i++)
		if (!add_rules(c, argv[i]))
			return EXIT_USAGE;
	if (opts.generation != NULL && c->rule_count > 0)
		return usage_error("rules",
				   "--generation names the rules: no files beside it");
	g = load(&opts);
	if (g == NULL)
		return EXIT_FINDINGS;
	policy_print(g->policy, stdout);
	generation_destroy(g);
	return finish_output(EXIT_FINE);
}

const struct command command_rules = {
	.name = "rules",
	.summary = "print the rules in their canonical form",
	.run = run,
	.help = "usage: weir rules print [-c FILE] [-r RULES]... [RULES...]\n"
		"       weir rules print --generation NAME [--ledger DIR]\n"
		"\n"
		"Prints the loaded policy in its canonical form, which parses to itself: macros,\n"
		"tables and included files resolved, defaults written out.\n"
		"\n"
		"  --generation NAME  the rules of a generation that the ledger keeps, as an event\n"
		"                     names it; its first digits are enough\n"
		"  --ledger DIR       that ledger (default: the configured one)\n"
		"\n"
		"Exit status: 0 fine; 1 errors in the files; 2 usage; 3 could not.\n",
};
