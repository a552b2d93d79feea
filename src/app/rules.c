/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "app/command.h"

static int run(int argc, char *argv[])
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"rules", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	struct common c = {0};
	struct generation *g;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:r:", longs, NULL)) != -1) {
		if (o == 'c')
			c.config = optarg;
		else if (o == 'r' && !add_rules(&c, optarg))
			return EXIT_USAGE;
		else if (o == '?')
			return usage_error("rules", "see the options");
	}
	if (optind == argc || strcmp(argv[optind], "print") != 0)
		return usage_error("rules", "say what to do: weir rules print");
	for (int i = optind + 1; i < argc; i++)
		if (!add_rules(&c, argv[i]))
			return EXIT_USAGE;
	g = load_or_report(&c, false);
	if (g == NULL)
		return EXIT_FINDINGS;
	policy_print_origins(g->policy, stdout);
	policy_print(g->policy, stdout);
	generation_destroy(g);
	return finish_output(EXIT_FINE);
}

const struct command command_rules = {
	.name = "rules",
	.summary = "print the rules in their canonical form",
	.run = run,
	.help = "usage: weir rules print [-c FILE] [-r RULES]... [RULES...]\n"
		"\n"
		"Prints the loaded policy in its canonical form, which parses to itself: macros,\n"
		"tables and included files resolved, defaults written out.\n"
		"\n"
		"Exit status: 0 fine; 1 errors in the files; 2 usage; 3 could not.\n",
};
