/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "base/clock.h"
#include "base/text.h"
#include "capture/source.h"
#include "catalog/catalog.h"
#include "config/config.h"
#include "identify/ndpi.h"

const char program_version[] = WEIR_VERSION;

static const struct command *const commands[] = {
	&command_replay,   &command_check,  &command_explain, &command_lookup,
	&command_query,    &command_index,  &command_rules,   &command_run,
	&command_ctl,      &command_off,    &command_import,  &command_export,
	&command_geo,      &command_diff,   &command_drift,   &command_suggest,
	&command_report,   &command_verify, &command_seal,    &command_keygen,
	&command_evidence, &command_ship,   &command_unmask,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const char *share_folder(void)
{
	static char path[4096];
	const char *set = getenv("WEIR_SHARE"); /* NOLINT(concurrency-mt-unsafe) */
	char probe[4200];
	ssize_t n;
	char *slash;

	if (set != NULL && set[0] != '\0')
		return set;
	if (path[0] != '\0')
		return path;
	n = readlink("/proc/self/exe", path, sizeof(path) - 20);
	path[n < 0 ? 0 : n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return ".";
	*slash = '\0';
	(void)snprintf(probe, sizeof(probe), "%s/rules/catalog/services.tsv", path);
	if (access(probe, R_OK) != 0)
		memcpy(slash, "/../share/weir", sizeof("/../share/weir"));
	return path;
}

struct generation_cfg generation_cfg_of(const struct common *c)
{
	return (struct generation_cfg){.config = c->config,
				       .rules = c->rules,
				       .rule_count = c->rule_count,
				       .signed_rules = c->signed_rules,
				       .share = share_folder(),
				       .absent_tags = c->absent_tags,
				       .set = c->set,
				       .exempt = c->exempt,
				       .now_us = clock_real.now_us(clock_real.arg)};
}

struct generation *load_or_report(const struct common *c, bool quiet)
{
	struct generation_cfg cfg = generation_cfg_of(c);
	struct diag *d = diag_create();
	struct generation *g = NULL;

	if (d == NULL) {
		(void)fprintf(stderr, "weir: out of memory\n");
		return NULL;
	}
	g = generation_load(&cfg, d);
	if (g == NULL || (!quiet && diag_count(d, DIAG_WARNING) > 0)) {
		print_findings(d);
		if (g == NULL)
			(void)fprintf(stderr, "nothing was loaded\n");
	}
	diag_destroy(d);
	return g;
}

struct identity *identity_or_report(const struct config *c, bool quiet)
{
	struct diag *d = diag_create();
	struct identity *t = d == NULL ? NULL : identity_load(c, d);

	if (d == NULL)
		(void)fprintf(stderr, "weir: out of memory\n");
	else if (t == NULL || (!quiet && diag_count(d, DIAG_WARNING) > 0))
		print_findings(d);
	diag_destroy(d);
	return t;
}

int usage_error(const char *command, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "weir%s%s: ", command[0] != '\0' ? " " : "", command);
	va_start(ap, fmt);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 errs */
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\nTry: weir%s%s --help\n", command[0] != '\0' ? " " : "",
		      command);
	return EXIT_USAGE;
}

bool add_rules(struct common *c, const char *file)
{
	if (c->rule_count == RULES_MAX) {
		(void)fprintf(stderr,
			      "weir: more than %d rule files; use include lines\n",
			      RULES_MAX);
		return false;
	}
	c->rules[c->rule_count++] = file;
	return true;
}

bool may_replace(const char *command, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0 || S_ISREG(st.st_mode))
		return true;
	(void)fprintf(
		stderr,
		"weir %s: -o %s: what stands there is %s, and a file would take its "
		"place: name another FILE\n",
		command, path,
		S_ISDIR(st.st_mode)   ? "a folder"
		: S_ISLNK(st.st_mode) ? "a link"
				      : "no file");
	return false;
}

void print_findings(const struct diag *d)
{
	const char *set = getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe) */

	diag_print(d, stderr,
		   isatty(STDERR_FILENO) == 1 && (set == NULL || *set == '\0'));
}

int finish_output(int code)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return code;
	if (errno != EPIPE)
		(void)fprintf(stderr, "weir: cannot write standard output: %s\n",
			      strerrordesc_np(errno));
	return EXIT_COULD_NOT;
}

static int print_version(void)
{
	(void)printf("weir %s\n%s\nnDPI %s\nlibmaxminddb %s\nlibconfig %s\n",
		     program_version, capture_library_version(), ndpi_library_version(),
		     mmdb_library_version(), config_library_version());
	return finish_output(EXIT_FINE);
}

static int print_help(void)
{
	(void)printf(
		"weir - firewall and traffic inspector for Microsoft Power Platform\n\n"
		"usage: weir COMMAND [options] [operands]\n\n"
		"commands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		(void)printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	(void)printf("\nEach command has --help.  Also: weir --version\n"
		     "Exit status: 0 fine, 1 findings, 2 usage, 3 could not.\n"
		     "Manual pages: weir(8), weir.conf(5), weir.rules(5)\n");
	return finish_output(EXIT_FINE);
}

static int unknown_command(const char *name)
{
	struct nearest n;

	nearest_start(&n, str_of(name));
	for (size_t i = 0; i < COMMANDS; i++)
		nearest_offer(&n, commands[i]->name);
	if (n.best != NULL)
		return usage_error("", "no command '%s'; did you mean '%s'?", name,
				   n.best);
	return usage_error("", "no command '%s'", name);
}

int main(int argc, char *argv[])
{
	const char *name = argc > 1 ? argv[1] : "--help";
	char title[32];

	/* Who reads our output may go: a write that failed says so, in every command. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
	    strcmp(name, "help") == 0) {
		int code = print_help();

		return argc > 1 ? code : EXIT_USAGE;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		return print_version();
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(name, commands[i]->name) != 0)
			continue;
		/* How getopt_long() begins its messages. */
		(void)snprintf(title, sizeof(title), "weir %s", name);
		argv[1] = title;
		for (int k = 2; k < argc && strcmp(argv[k], "--") != 0; k++)
			if (strcmp(argv[k], "--help") == 0) {
				(void)fputs(commands[i]->help, stdout);
				return finish_output(EXIT_FINE);
			}
		return commands[i]->run(argc - 1, argv + 1);
	}
	return unknown_command(name);
}
