/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>

#include "app/command.h"
#include "enforce/netfilter.h"

static int run(int argc, char *argv[])
{
	static const struct option longs[] = {{NULL, 0, NULL, 0}};
	char error[NETFILTER_ERROR_MAX];
	bool found = false;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	if (getopt_long(argc, argv, "", longs, NULL) != -1)
		return usage_error("off", "it takes no options");
	if (optind < argc)
		return usage_error("off", "'%s': no operand is expected", argv[optind]);
	if (netfilter_remove(&found, error) != 0) {
		(void)fprintf(stderr, "weir off: %s\n", error);
		return EXIT_COULD_NOT;
	}
	(void)printf(
		found ? "Weir's netfilter rules are gone: everything passes, nothing is "
			"judged.\nA weir that still runs sees no packets until it is "
			"started again (or: weir ctl mode ...).\n"
		      : "There are no netfilter rules of Weir here.\n");
	return finish_output(EXIT_FINE);
}

const struct command command_off = {
	.name = "off",
	.summary = "take Weir's netfilter rules away; needs no running weir",
	.run = run,
	.help = "usage: weir off\n"
		"\n"
		"Takes the netfilter rules of weir away, whichever tool put them there, and\n"
		"nothing else: the way back when the gateway is stuck.  Needs root, and no\n"
		"running weir; one that runs goes on without seeing packets.  Doing it twice\n"
		"does no harm.\n"
		"\n"
		"Exit status: 0 they are gone (or were not there), 2 usage, 3 could not.\n",
};
