/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/history.h"
#include "app/rules_sign.h"
#include "app/rules_stats.h"
#include "config/config.h"

struct options {
	const char *key; /* of sign */
	struct common common;
	const char *generation, *ledger;
};

/* What the files say, or what a kept generation was made from. */
static struct generation *load(const struct options *o, const char *dir)
{
	return o->generation == NULL ? load_or_report(&o->common, false)
				     : history_generation(dir, o->generation);
}

static int print(const struct options *o)
{
	char buf[LEDGER_DIR_MAX];
	const char *dir = NULL;
	struct generation *g;

	if (o->generation != NULL && o->common.rule_count > 0)
		return usage_error("rules", "--generation names the rules: no files "
					    "beside it");
	if (o->generation != NULL &&
	    (dir = history_dir("rules", &o->common, o->ledger, buf)) == NULL)
		return EXIT_USAGE;
	g = load(o, dir);
	if (g == NULL)
		return EXIT_FINDINGS;
	policy_print_origins(g->policy, stdout);
	policy_print(g->policy, stdout);
	generation_destroy(g);
	return finish_output(EXIT_FINE);
}

static int stats(const struct options *o)
{
	static const char *const last[] = {"running"};
	char buf[LEDGER_DIR_MAX];
	const char *dir = history_dir("rules", &o->common, o->ledger, buf);
	struct generation *g;
	int code;

	if (dir == NULL)
		return EXIT_USAGE;
	if (o->generation == NULL && o->common.config == NULL &&
	    o->common.rule_count == 0)
		g = history_meant("rules", dir, &o->common, last, 1);
	else
		g = load(o, dir);
	if (g == NULL)
		return EXIT_FINDINGS;
	code = rules_stats(g, dir, o->common.json);
	generation_destroy(g);
	return code;
}

/* The expectations of one more file, with the rules that are loaded. */
static int test(struct options *o, const char *file)
{
	struct diag *d = diag_create();
	struct config *c = NULL;
	struct generation *g, *alone;
	size_t all, before;

	if (d != NULL && o->common.rule_count == 0) {
		c = config_load(o->common.config, share_folder(), d);
		if (c == NULL)
			print_findings(d);
		for (size_t i = 0; c != NULL && i < c->rule_count; i++)
			(void)add_rules(&o->common, c->rules[i]);
	}
	diag_destroy(d);
	if (o->common.rule_count == 0) {
		if (c != NULL || o->common.config == NULL)
			(void)usage_error("rules",
					  "which rules? write -c FILE or -r RULES");
		config_destroy(c);
		return EXIT_USAGE;
	}
	alone = load_or_report(&o->common, false);
	before = alone == NULL ? 0 : alone->expect_count;
	g = alone != NULL && add_rules(&o->common, file)
		    ? load_or_report(&o->common, true)
		    : NULL;
	all = g == NULL ? 0 : g->expect_count;
	generation_destroy(alone);
	generation_destroy(g);
	config_destroy(c);
	if (g == NULL)
		return EXIT_FINDINGS;
	(void)printf("%s: %zu expectations, all hold\n", file, all - before);
	return finish_output(EXIT_FINE);
}

static int with_word(struct options *o, const char *word, char *const *rest, int count)
{
	struct common *c = &o->common;
	int code = EXIT_FINE;

	if (strcmp(word, "test") == 0 && count == 0)
		return usage_error("rules", "which file? write weir rules test FILE...");
	if (strcmp(word, "test") == 0) {
		for (int i = 0; i < count; i++) {
			struct options each = *o;
			int one = test(&each, rest[i]);

			code = one > code ? one : code;
		}
		return code;
	}
	for (int i = 0; i < count; i++)
		if (!add_rules(c, rest[i]))
			return EXIT_USAGE;
	if (strcmp(word, "print") == 0)
		return print(o);
	if (strcmp(word, "sign") == 0)
		return rules_sign(c, o->key);
	if (strcmp(word, "stats") == 0)
		return stats(o);
	return usage_error("rules", "'%s': write print, stats, test or sign", word);
}

static int run(int argc, char *argv[])
{
	enum {
		OPT_GENERATION = 256,
		OPT_LEDGER,
		OPT_KEY,
		OPT_JSON
	};
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"rules", required_argument, NULL, 'r'},
		{"generation", required_argument, NULL, OPT_GENERATION},
		{"ledger", required_argument, NULL, OPT_LEDGER},
		{"key", required_argument, NULL, OPT_KEY},
		{"json", no_argument, NULL, OPT_JSON},
		{NULL, 0, NULL, 0},
	};
	struct options opts = {0};
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:r:", longs, NULL)) != -1) {
		if (o == 'c')
			opts.common.config = optarg;
		else if (o == 'r' && !add_rules(&opts.common, optarg))
			return EXIT_USAGE;
		else if (o == OPT_GENERATION)
			opts.generation = optarg;
		else if (o == OPT_LEDGER)
			opts.ledger = optarg;
		else if (o == OPT_KEY)
			opts.key = optarg;
		else if (o == OPT_JSON)
			opts.common.json = true;
		else if (o == '?')
			return usage_error("rules", "see the options");
	}
	if (optind == argc)
		return usage_error("rules", "say what to do: print, stats, test or sign");
	return with_word(&opts, argv[optind], argv + optind + 1, argc - optind - 1);
}

const struct command command_rules = {
	.name = "rules",
	.summary = "print the rules, count what comes to each, test expectations",
	.run = run,
	.help = "usage: weir rules print [-c FILE] [-r RULES]... [RULES...]\n"
		"       weir rules print --generation NAME [--ledger DIR]\n"
		"       weir rules stats [-c FILE] [-r RULES]... [--ledger DIR] [--json]\n"
		"       weir rules test [-c FILE] [-r RULES]... FILE...\n"
		"       weir rules sign --key FILE [-c FILE] [RULES...]\n"
		"\n"
		"print: the loaded policy in its canonical form, which parses to itself: macros,\n"
		"tables and included files resolved, defaults written out.\n"
		"stats: for each line, how many recorded judgements it answers and decides when they\n"
		"are judged again, and when last; which lines nothing comes to.\n"
		"test: does every `expect` line of FILE hold with these rules?\n"
		"sign: write a signature of these rules, with all that they include, import and read,\n"
		"into RULES.sig beside the first; `rules_signers` of weir.conf says whose count.\n"
		"\n"
		"  --generation NAME  the rules of a generation that the ledger keeps, as an event\n"
		"                     names it; its first digits are enough\n"
		"  --ledger DIR       that ledger (default: the configured one)\n"
		"  --key FILE         sign: the signer's key, of weir keygen --signer\n"
		"  --json             stats: one object a line, the sums, then each rule\n"
		"\n"
		"Exit status: 0 fine; 1 errors in the files, an expectation that does not hold;\n"
		"2 usage; 3 could not.\n",
};
