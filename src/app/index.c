/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "app/command.h"
#include "store/check.h"

/* What is in the index against what the ledger's lines say. */
static int hold_against_ledger(struct store *s, struct diag *d)
{
	struct store_check r;

	if (store_check(s, d, &r) != 0)
		return EXIT_COULD_NOT;
	if (r.differs) {
		(void)printf("it differs from the ledger: %s\n"
			     "`weir index --rebuild` makes it anew\n",
			     r.difference);
		return EXIT_FINDINGS;
	}
	(void)printf("%" PRIu64 " rows and %" PRIu64 " sums are what the ledger says\n",
		     r.rows, r.sums);
	if (r.not_compared > 0)
		(void)printf("%" PRIu64
			     " rows of segments that were removed could not be "
			     "compared, nor the sums of their files\n",
			     r.not_compared);
	return store_totals(s).rebuilt ? EXIT_FINDINGS : EXIT_FINE;
}

static int bring_up_to_date(const struct store_cfg *cfg, bool checks)
{
	struct diag *d = diag_create();
	struct store *s = NULL;
	int rc, code = EXIT_FINE;

	if (d == NULL)
		return EXIT_COULD_NOT;
	rc = store_open(cfg, d, &s);
	if (rc == 0 && checks)
		code = hold_against_ledger(s, d);
	print_findings(d);
	diag_destroy(d);
	if (rc != 0)
		return EXIT_COULD_NOT;
	{
		const struct store_totals t = store_totals(s);

		(void)printf("%s: %" PRIu64 " events in %u files, %" PRIu64
			     " lines read now\n",
			     store_folder(s), t.events, t.files, t.added);
		if (t.bad > 0)
			(void)printf("%" PRIu64 " lines are no events\n", t.bad);
		if (t.gaps > 0)
			(void)printf("%" PRIu64 " times the sequence number jumps\n",
				     t.gaps);
		store_close(s);
		if (code == EXIT_FINE && (t.bad > 0 || t.gaps > 0))
			code = EXIT_FINDINGS;
		return finish_output(code);
	}
}

static int run(int argc, char *argv[])
{
	enum {
		OPT_INDEX = 256,
		OPT_REBUILD,
		OPT_CHECK
	};
	static const struct option longs[] = {
		{"index", required_argument, NULL, OPT_INDEX},
		{"check", no_argument, NULL, OPT_CHECK},
		{"rebuild", no_argument, NULL, OPT_REBUILD},
		{NULL, 0, NULL, 0},
	};
	struct store_cfg cfg = {0};
	bool checks = false;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (o == OPT_INDEX)
			cfg.index = optarg;
		else if (o == OPT_REBUILD)
			cfg.rebuild = true;
		else if (o == OPT_CHECK)
			checks = true;
		else
			return usage_error("index", "see the options");
	}
	if (optind + 1 != argc)
		return usage_error("index", "one ledger: weir index DIR");
	cfg.ledger = argv[optind];
	return bring_up_to_date(&cfg, checks);
}

const struct command command_index = {
	.name = "index",
	.summary = "bring the index of a ledger up to date",
	.run = run,
	.help = "usage: weir index [--index FOLDER] [--rebuild | --check] DIR\n"
		"\n"
		"Reads what is new in the ledger DIR into its index, which `weir query` asks.  A\n"
		"query does the same by itself; this is for copies that cannot be written, and for\n"
		"the first time, which takes a while.\n"
		"\n"
		"  --index FOLDER  where the index is (default: DIR/index)\n"
		"  --rebuild       make it anew\n"
		"  --check         then hold each row and sum against a scan of the ledger, and tell\n"
		"                  the first difference\n"
		"\n"
		"Exit status: 0 fine; 1 lines are no events, sequence numbers jump, or the index is\n"
		"not what the ledger says (or had to be made anew with --check); 2 usage;\n"
		"3 could not.\n",
};
