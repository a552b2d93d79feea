/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export - what other tools want to know of our sites: the IP firewall of an environment,
 * Sentinel's watch list of network addresses.  Events are export_forms.c's matter.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/export_forms.h"
#include "app/reach.h"
#include "base/json.h"
#include "import/ranges.h"
#include "import/tenant.h"
#include "import/watchlist.h"

#define GIVEN_MAX  256
#define TITLE_MAX  160
#define JSON_BYTES ((size_t)16 << 10)

struct options {
	struct common common;
	const char *environment;
	const char *ranges[GIVEN_MAX], *sites[GIVEN_MAX];
	size_t range_count, site_count;
	bool enforce;
};

struct export
{
	const struct options *o;
	const struct generation *g;
	struct reach reach;
	struct diag *d;
	struct ranges ranges;
};

static int no_memory(void)
{
	(void)fprintf(stderr, "weir export: out of memory\n");
	return EXIT_COULD_NOT;
}

/* ---- which sites ------------------------------------------------------------------------- */

static bool is_named(const struct options *o, const char *site)
{
	for (size_t i = 0; i < o->site_count; i++)
		if (strcmp(o->sites[i], site) == 0)
			return true;
	return false;
}

static int check_sites(const struct options *o, const struct config *c)
{
	for (size_t i = 0; i < o->site_count; i++) {
		struct nearest near;
		bool found = false;

		nearest_start(&near, str_of(o->sites[i]));
		for (size_t k = 0; k < c->site_count; k++) {
			found = found || strcmp(c->sites[k].name, o->sites[i]) == 0;
			nearest_offer(&near, c->sites[k].name);
		}
		if (!found)
			return usage_error("export", "--site '%s': no such site%s%s%s",
					   o->sites[i],
					   near.best != NULL ? "; did you mean '" : "",
					   near.best != NULL ? near.best : "",
					   near.best != NULL ? "'?" : "");
	}
	return EXIT_FINE;
}

static int find_reach(struct export *e)
{
	const char *near;
	int rc = reach_find(e->g, e->o->environment, &e->reach, &near);

	if (rc == -ENOENT && near != NULL)
		return usage_error("export",
				   "--environment '%s': no environment line names it; "
				   "did you mean '%s'?",
				   e->o->environment, near);
	if (rc == -ENOENT)
		return usage_error("export",
				   "--environment '%s': no environment line of the rules "
				   "names it",
				   e->o->environment);
	if (rc == -E2BIG)
		return usage_error("export",
				   "the rules name too many prefixes to find out which "
				   "sites reach it: write --site NAME for each");
	if (rc != 0)
		return no_memory();
	if (!e->reach.asked && e->o->site_count == 0)
		(void)fprintf(stderr,
			      "note: no host of %s is in the rules, so all sites count; "
			      "--site picks some\n",
			      e->o->environment);
	return EXIT_FINE;
}

/* Does the site count?  What is left out is said. */
static bool counts(const struct export *e, size_t i)
{
	const struct site_cfg *s = &e->g->config->sites[i];
	const struct rule_place *by = &e->reach.denied[i];

	if (e->o->site_count > 0)
		return is_named(e->o, s->name);
	if (e->reach.sites[i])
		return true;
	(void)fprintf(stderr, "left out: site %s: nobody there may reach %s", s->name,
		      e->o->environment);
	if (by->line > 0)
		(void)fprintf(stderr, ", by %.*s:%u", (int)by->file.len, by->file.p,
			      (unsigned)by->line);
	(void)fprintf(stderr, "; --site takes it\n");
	return false;
}

/* ---- IP firewall ------------------------------------------------------------------------- */

static bool add_public(struct export *e, const struct prefix *p, const char *whose)
{
	const char *why = range_private(p);
	char text[PREFIX_TEXT_MAX];
	const struct span at = {.file = whose};

	(void)prefix_format(p, text);
	if (why != NULL) {
		diag_error(e->d, at, "%s is not what Microsoft sees of anybody: %s", text,
			   why);
		diag_remedy(e->d,
			    "the address that the outside sees, as egress = [ .. ] of "
			    "the site, or as --range");
		return true;
	}
	return ranges_add(&e->ranges, p) == 0;
}

static bool add_site(struct export *e, const struct site_cfg *s)
{
	char whose[TITLE_MAX + PREFIX_TEXT_MAX];
	bool fine = true;

	if (s->egress_count == 0)
		(void)fprintf(stderr,
			      "warning: site %s reaches %s, and its egress is not known: "
			      "the firewall will lock it out; write egress = [ .. ]\n",
			      s->name, e->o->environment);
	for (size_t i = 0; fine && i < s->egress_count; i++) {
		const struct prefix p = {.addr = s->egress[i], .bits = 128};

		(void)snprintf(whose, sizeof(whose), "site %s", s->name);
		fine = add_public(e, &p, whose);
	}
	return fine;
}

/* False: too many, or no memory. */
static bool add_given(struct export *e)
{
	bool fine = true;

	for (size_t i = 0; fine && i < e->o->range_count; i++) {
		const char *text = e->o->ranges[i];
		const struct span at = {.file = "--range"};
		struct prefix p;
		enum prefix_error wrong = prefix_parse(text, strlen(text), &p);

		if (wrong == PREFIX_OK) {
			fine = add_public(e, &p, "--range");
			continue;
		}
		diag_error(e->d, at, "'%s' is no address range%s", text,
			   wrong == PREFIX_HOST_BITS ? ": bits are set past its length"
						     : "");
		diag_remedy(e->d, "a range such as 198.51.100.0/24");
	}
	return fine;
}

static void tell_foreign(const struct range_merge *m)
{
	bool v4 = addr_is_v4(&m->into.addr);
	char text[PREFIX_TEXT_MAX];

	(void)prefix_format(&m->into, text);
	(void)fprintf(stderr, "merged: %zu ranges into %s, which lets in %.0f %s\n",
		      m->taken, text,
		      v4 || m->foreign < 18446744073709551616.0
			      ? m->foreign
			      : m->foreign / 18446744073709551616.0,
		      v4 || m->foreign < 18446744073709551616.0
			      ? "addresses that nobody named"
			      : "networks of 64 bits that nobody named");
}

static void tell_fit(const struct export *e, const struct range_fit *fit)
{
	double foreign = 0, networks = 0;

	(void)fprintf(stderr, "ranges: %zu given, %zu written, %zu characters\n",
		      fit->given, e->ranges.count, ranges_text_len(&e->ranges));
	for (size_t i = 0; i < fit->merge_count; i++) {
		tell_foreign(&fit->merges[i]);
		if (addr_is_v4(&fit->merges[i].into.addr))
			foreign += fit->merges[i].foreign;
		else
			networks += fit->merges[i].foreign / 18446744073709551616.0;
	}
	if (fit->merge_count > 0)
		(void)fprintf(stderr,
			      "warning: Microsoft takes at most %d ranges of %d "
			      "characters, so %.0f IPv4 addresses and %.0f IPv6 networks "
			      "of others are let in\n",
			      TENANT_RANGES_MAX, TENANT_RANGE_TEXT_MAX, foreign,
			      networks);
}

static int print_ranges(const struct export *e)
{
	char text[TENANT_RANGE_TEXT_MAX + PREFIX_TEXT_MAX], buf[JSON_BYTES];
	struct json j;
	size_t n = 0;

	for (size_t i = 0; i < e->ranges.count; i++) {
		if (i > 0)
			text[n++] = ',';
		n += prefix_format(&e->ranges.list[i], text + n);
	}
	if (!e->o->common.json) {
		(void)printf("%.*s\n", (int)n, text);
		return EXIT_FINE;
	}
	json_init(&j, buf, sizeof(buf));
	json_object_begin(&j, NULL);
	json_bool(&j, "enableipbasedfirewallrule", true);
	json_string(&j, "allowediprangeforfirewall", (struct str){text, n});
	json_bool(&j, "enableipbasedfirewallruleinauditmode", !e->o->enforce);
	json_object_end(&j);
	json_raw(&j, "\n", 1);
	(void)fwrite(buf, 1, j.len, stdout);
	return EXIT_FINE;
}

static int ip_firewall(struct export *e)
{
	const struct config *c = e->g->config;
	struct range_fit fit;
	bool fine = add_given(e);
	int rc;

	for (size_t i = 0; fine && i < c->site_count; i++)
		if (counts(e, i))
			fine = add_site(e, &c->sites[i]);
	if (!fine)
		return usage_error("export", "more than %d ranges", RANGES_MAX);
	if (diag_count(e->d, DIAG_ERROR) > 0) {
		print_findings(e->d);
		return EXIT_FINDINGS;
	}
	if (e->ranges.count == 0) {
		(void)fprintf(stderr,
			      "weir export: no range: an empty list would lock "
			      "everybody out; write egress = [ .. ] of a site, or "
			      "--range\n");
		return EXIT_FINDINGS;
	}
	rc = ranges_fit(&e->ranges, TENANT_RANGES_MAX, TENANT_RANGE_TEXT_MAX, &fit);
	if (rc == 0) {
		tell_fit(e, &fit);
		rc = print_ranges(e);
	} else if (rc == -ERANGE) {
		(void)fprintf(stderr,
			      "weir export: %zu ranges lie too far apart for the %d that "
			      "Microsoft takes: no merge is left that is narrower than a "
			      "/%d; write --site for the sites that need it\n",
			      fit.joined, TENANT_RANGES_MAX, RANGES_V4_BITS);
		rc = EXIT_FINDINGS;
	} else {
		rc = no_memory();
	}
	range_fit_finish(&fit);
	return rc;
}

/* ---- watch list -------------------------------------------------------------------------- */

static bool row(const struct prefix *p, const char *site, const char *what,
		const char *tag)
{
	char subnet[PREFIX_TEXT_MAX], name[TITLE_MAX];
	size_t len = prefix_format(p, subnet);

	(void)snprintf(name, sizeof(name), "%s %s", site, what);
	return watchlist_row(stdout, (struct str){subnet, len}, str_of(name),
			     str_of(tag));
}

static bool site_rows(const struct options *o, const struct site_cfg *s)
{
	bool formula = false;

	for (size_t i = 0; i < s->egress_count; i++) {
		const struct prefix p = {.addr = s->egress[i], .bits = 128};

		formula = row(&p, s->name, "egress",
			      o->environment != NULL ? "AllowDataverse" : "WeirEgress") ||
			  formula;
	}
	for (size_t i = 0; o->environment == NULL && i < s->inside_count; i++)
		formula = row(&s->inside[i], s->name, "inside", "WeirInside") || formula;
	return formula;
}

static int watchlist(struct export *e)
{
	const struct config *c = e->g->config;
	bool formula = false;
	size_t rows = 0;

	watchlist_head(stdout);
	for (size_t i = 0; i < c->site_count; i++) {
		const struct site_cfg *s = &c->sites[i];

		if (e->o->environment != NULL
			    ? !counts(e, i)
			    : e->o->site_count > 0 && !is_named(e->o, s->name))
			continue;
		formula = site_rows(e->o, s) || formula;
		rows += s->egress_count;
	}
	if (formula)
		(void)fprintf(stderr, "note: cells that a spreadsheet would take for a "
				      "formula begin with an apostrophe\n");
	if (rows == 0)
		(void)fprintf(stderr, "warning: no egress address: Sentinel's allow-list "
				      "rule is silent with an empty list\n");
	return EXIT_FINE;
}

/* ---- the command ------------------------------------------------------------------------- */

static int export(const struct options *o, int (*what)(struct export *e))
{
	struct export e = {.o = o};
	struct common common = o->common;
	struct generation *g;
	int code;

	if (common.config == NULL)
		common.config = DEFAULT_CONFIG;
	g = load_or_report(&common, true);
	e.g = g;
	e.d = diag_create();
	if (g == NULL || e.d == NULL) {
		generation_destroy(g);
		diag_destroy(e.d);
		return EXIT_FINDINGS;
	}
	code = check_sites(o, g->config);
	if (code == EXIT_FINE && o->environment != NULL)
		code = find_reach(&e);
	if (code == EXIT_FINE)
		code = what(&e);
	ranges_finish(&e.ranges);
	reach_finish(&e.reach);
	diag_destroy(e.d);
	generation_destroy(g);
	return finish_output(code);
}

static bool add_text(const char **list, size_t *count)
{
	if (*count == GIVEN_MAX)
		return false;
	list[(*count)++] = optarg;
	return true;
}

static int with_word(const struct options *o, const char *word)
{
	if (strcmp(word, "ip-firewall") == 0) {
		if (o->environment == NULL)
			return usage_error("export", "whose? write --environment NAME");
		return export(o, ip_firewall);
	}
	if (strcmp(word, "watchlist") != 0)
		return usage_error(
			"export",
			"'%s': write ip-firewall or watchlist, or first of all "
			"cef or asim",
			word);
	if (o->common.json || o->range_count > 0 || o->enforce)
		return usage_error("export",
				   "--json, --range and --enforce are for ip-firewall");
	return export(o, watchlist);
}

static int run(int argc, char *argv[])
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"rules", required_argument, NULL, 'r'},
		{"environment", required_argument, NULL, 'E'},
		{"range", required_argument, NULL, 'R'},
		{"site", required_argument, NULL, 'S'},
		{"enforce", no_argument, NULL, 'e'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct options opts = {0};
	int o;

	if (argc > 1 && export_forms_has(argv[1])) {
		const char *word = argv[1];

		argv[1] = argv[0];
		return export_forms(word, argc - 1, argv + 1);
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:r:", longs, NULL)) != -1) {
		if (o == 'c')
			opts.common.config = optarg;
		else if (o == 'r' && !add_rules(&opts.common, optarg))
			return EXIT_USAGE;
		else if (o == 'E')
			opts.environment = optarg;
		else if ((o == 'R' && !add_text(opts.ranges, &opts.range_count)) ||
			 (o == 'S' && !add_text(opts.sites, &opts.site_count)))
			return usage_error("export", "more than %d of them", GIVEN_MAX);
		else if (o == 'e')
			opts.enforce = true;
		else if (o == 'j')
			opts.common.json = true;
		else if (o == '?')
			return usage_error("export", "see the options");
	}
	if (argc - optind != 1)
		return usage_error("export", "one of: cef, asim, ip-firewall, watchlist");
	return with_word(&opts, argv[optind]);
}

const struct command command_export = {
	.name = "export",
	.summary = "events for SIEMs; what Microsoft's tools want to know of our sites",
	.run = run,
	.help = "usage: weir export ip-firewall --environment NAME [options]\n"
		"       weir export watchlist [--environment NAME] [options]\n"
		"       weir export cef|asim [--ledger DIR] [--since TIME] [--until TIME]\n"
		"                   [--after SEQ] [--type TYPE,...] [-o FILE] [-c FILE]\n"
		"\n"
		"ip-firewall: the value of allowediprangeforfirewall for an environment: the egress\n"
		"addresses of the sites that the rules let reach it.  At most 200 ranges of 4,000\n"
		"characters, Microsoft's own limits: what had to be merged for it, and how many\n"
		"addresses of others that lets in, is said on standard error.  Private ranges are\n"
		"refused.\n"
		"watchlist: Sentinel's watch list of network addresses (CSV): egress and inside\n"
		"prefixes of all sites; for an environment the egress of the sites that reach it, with\n"
		"the tag AllowDataverse.  A cell that would be a formula begins with an apostrophe.\n"
		"\n"
		"cef: a ledger's events in the Common Event Format, a line each, for Sentinel's\n"
		"CommonSecurityLog and other SIEMs.  asim: connections and signals as rows of Sentinel's\n"
		"tables ASimNetworkSessionLogs and ASimAlertEventLogs, a JSON object a line.\n"
		"\n"
		"  --environment NAME  of an `environment` line of the rules, or its GUID\n"
		"  --site NAME         this site, whatever the rules say; may be repeated\n"
		"  --range PREFIX      this range too; may be repeated\n"
		"  --json              the body of a PATCH of the organization; audit mode is on\n"
		"  --enforce           ... audit mode is off\n"
		"  -c FILE             configuration (default: /etc/weir/weir.conf)\n"
		"  -r FILE             rule file; replaces the configuration's list; repeatable\n"
		"  --ledger DIR        default: ledger.dir of the configuration\n"
		"  --since, --until    from that time on, and up to but not at it: RFC 3339, or a day (UTC)\n"
		"  --after SEQ         only lines with a higher sequence number\n"
		"  --type TYPE,...     only such events: flow, signal, system, loss, rollup, incident, dns,\n"
		"                      change, seal\n"
		"  -o FILE             not to standard output; replaced when whole\n"
		"\n"
		"Exit status: 0 fine; 1 errors in the files, lines that are no events, or no list that can be written; 2 usage;\n"
		"3 could not.\n",
};
