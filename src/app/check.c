/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/host.h"
#include "base/clock.h"
#include "config/identity.h"
#include "engine/feeds.h"

static int print_keys(void)
{
	config_print_keys(stdout);
	return finish_output(EXIT_FINE);
}

/* The file may be meant for another machine: this is no finding. */
static void tell_interfaces(const struct capture_cfg *c)
{
	for (size_t i = 0; i < c->interface_count; i++)
		if (if_nametoindex(c->interfaces[i]) == 0)
			(void)fprintf(stderr,
				      "warning: capture.interfaces: no interface '%s' on "
				      "this machine now; nothing that comes in by that "
				      "name is judged\n",
				      c->interfaces[i]);
}

static void old_feed(void *arg, const struct tag_feed *feed, const char *text)
{
	diag_add(arg, DIAG_WARNING, (struct span){.file = feed->file}, "old-feed", "%s",
		 text);
	diag_remedy(arg, "geo.tags of a newer file: weir-update, or weir import "
			 "service-tags");
}

/* Which databases were read, and how: what the summary says of them. */
static void tell_databases(const struct catalog *c)
{
	static const char *const titles[] = {"country ", "network ", "probe "};

	for (const char *line = catalog_summary(c); *line != '\0';) {
		const size_t len = strcspn(line, "\n");

		for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
			if (strncmp(line, titles[i], strlen(titles[i])) == 0)
				(void)printf("%.*s\n", (int)len, line);
		line += len + (line[len] == '\n' ? 1 : 0);
	}
}

/* ---- people ------------------------------------------------------------------------------ */

struct names {
	char **list;
	size_t count, room;
	bool no_memory;
};

static void add_name(void *arg, struct str user)
{
	struct names *n = arg;
	char *copy;

	if (n->count == n->room) {
		const size_t room = n->room == 0 ? 256 : 2 * n->room;
		char **list = realloc(n->list, room * sizeof(*list));

		n->no_memory = n->no_memory || list == NULL;
		if (list == NULL)
			return;
		n->list = list;
		n->room = room;
	}
	copy = strndup(user.p, user.len);
	n->no_memory = n->no_memory || copy == NULL;
	if (copy != NULL)
		n->list[n->count++] = copy;
}

static int compare_names(const void *a, const void *b)
{
	return str_compare_fold(str_of(*(const char *const *)a),
				str_of(*(const char *const *)b));
}

/* People in the rules whom the lists do not know. */
static void check_people(const struct generation *g, const struct identity *who,
			 struct diag *d)
{
	struct names n = {.count = 0};
	struct word_list users;

	identity_users(who, add_name, &n);
	if (n.count > 0)
		qsort(n.list, n.count, sizeof(*n.list), compare_names);
	users = (struct word_list){(const char *const *)n.list, n.count};
	if (!n.no_memory)
		policy_check_users(g->policy, &users, d);
	for (size_t i = 0; i < n.count; i++)
		free(n.list[i]);
	free(n.list);
}

static int check(const struct common *c, bool quiet)
{
	struct generation_cfg cfg = {
		.config = c->config,
		.rules = c->rules,
		.rule_count = c->rule_count,
		.share = share_folder(),
		/* Others are for trying: nobody has signed them yet. */
		.signed_rules = c->rule_count == 0,
		.now_us = clock_real.now_us(clock_real.arg)};
	struct diag *d = diag_create();
	struct identity *who = NULL;
	struct generation *g;
	int code;

	if (d == NULL) {
		(void)fprintf(stderr, "weir: out of memory\n");
		return EXIT_COULD_NOT;
	}
	g = generation_load(&cfg, d);
	if (g != NULL) {
		config_check_anchor(g->config, d);
		(void)feeds_old(g, cfg.now_us, old_feed, d);
		who = identity_load(g->config, d);
		if (who != NULL)
			check_people(g, who, d);
	}
	if (c->json)
		diag_print_json(d, stdout);
	else
		print_findings(d);
	if (g == NULL && !c->json)
		(void)fprintf(stderr, "nothing was loaded\n");
	if (g != NULL && who == NULL && !c->json)
		(void)fprintf(stderr, "the rest is fine; of a broken file of the group "
				      "identity what it said before stays in force\n");
	if (who != NULL && !c->json && !quiet)
		(void)printf("fine: generation %s, %" PRIu32 " rules, %zu expectations "
			     "fulfilled\n",
			     g->name, policy_rule_count(g->policy), g->expect_count);
	if (g != NULL && !c->json && !quiet) {
		tell_databases(g->catalog);
		tell_interfaces(&g->config->capture);
	}
	code = who == NULL ? EXIT_FINDINGS : EXIT_FINE;
	identity_destroy(who);
	generation_destroy(g);
	diag_destroy(d);
	return finish_output(code);
}

/* Of the configuration alone: rules need not be sound for a machine to be. */
static int check_host(const struct common *c, const char *root)
{
	struct host h = {.root = root == NULL ? "" : root, .json = c->json};
	const char *path = c->config;
	struct diag *d = diag_create();
	struct config *config = NULL;
	struct stat st;
	int code = EXIT_COULD_NOT;

	if (root != NULL && (stat(root, &st) != 0 || !S_ISDIR(st.st_mode))) {
		(void)fprintf(stderr, "weir check: --root %s: no folder\n", root);
	} else if (d == NULL) {
		(void)fprintf(stderr, "weir: out of memory\n");
	} else {
		if (path == NULL && access(DEFAULT_CONFIG, R_OK) == 0)
			path = DEFAULT_CONFIG;
		config = config_load(path, share_folder(), d);
		if (config == NULL)
			print_findings(d);
		h.config = config;
		code = config == NULL ? EXIT_COULD_NOT : host_check(&h);
	}
	config_destroy(config);
	diag_destroy(d);
	return code;
}

static int run(int argc, char *argv[])
{
	enum {
		OPT_JSON = 256,
		OPT_KEYS,
		OPT_HOST,
		OPT_ROOT
	};
	static const struct option longs[] = {
		{"json", no_argument, NULL, OPT_JSON},
		{"keys", no_argument, NULL, OPT_KEYS},
		{"host", no_argument, NULL, OPT_HOST},
		{"root", required_argument, NULL, OPT_ROOT},
		{"config", required_argument, NULL, 'c'},
		{"rules", required_argument, NULL, 'r'},
		{"quiet", no_argument, NULL, 'q'},
		{NULL, 0, NULL, 0},
	};
	struct common c = {0};
	bool quiet = false, host = false;
	const char *root = NULL;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:r:q", longs, NULL)) != -1) {
		if (o == 'c')
			c.config = optarg;
		else if (o == 'r' && !add_rules(&c, optarg))
			return EXIT_USAGE;
		else if (o == 'q')
			quiet = true;
		else if (o == OPT_JSON)
			c.json = true;
		else if (o == OPT_HOST)
			host = true;
		else if (o == OPT_ROOT)
			root = optarg;
		else if (o == OPT_KEYS)
			return print_keys();
		else if (o == '?')
			return usage_error("check", "see the options");
	}
	for (int i = optind; i < argc; i++)
		if (!add_rules(&c, argv[i]))
			return EXIT_USAGE;
	if (host && c.rule_count > 0)
		return usage_error("check", "--host looks at the machine: no rule files");
	if (!host && root != NULL)
		return usage_error("check", "--root is for --host");
	return host ? check_host(&c, root) : check(&c, quiet);
}

const struct command command_check = {
	.name = "check",
	.summary = "check a configuration and rule files, run their tests",
	.run = run,
	.help = "usage: weir check [options] [RULES...]\n"
		"       weir check --host [-c FILE] [--root DIR] [--json]\n"
		"\n"
		"Reads the configuration and the rule files, reports every finding with file,\n"
		"line, column and remedy, and runs the `expect` lines.  Nothing is applied.\n"
		"\n"
		"  -c FILE    configuration (default: built in)\n"
		"  -r FILE    rule file, the same as an operand; they replace the configuration's\n"
		"  --json     findings as a JSON array\n"
		"  --keys     list every key of weir.conf with type, default and meaning\n"
		"  -q         say nothing when all is well\n"
		"\n"
		"--host looks at this machine instead, and changes nothing: netfilter, table of\n"
		"connections, forwarding, interfaces and what they merge, one-way traffic, position\n"
		"before or behind translation and proxies, resolvers, clock, days that the disk\n"
		"lasts, rights of files.  Each line is fine, a warning, or cannot be told.\n"
		"\n"
		"  -c FILE    configuration (default: /etc/weir/weir.conf, else built in)\n"
		"  --root DIR the kernel's and the system's files are below DIR\n"
		"  --json     a JSON array of {check, state, message, remedy}\n"
		"\n"
		"Exit status: 0 fine (warnings included); 1 errors, with --host warnings; 2 usage;\n"
		"3 could not.\n",
};
