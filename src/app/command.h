/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

/*
 * command - what the subcommands share: exit codes, options, loading a generation.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/identity.h"
#include "engine/generation.h"

enum exit_code {
	EXIT_FINE = 0,
	EXIT_FINDINGS = 1, /* the answer is no; findings; differences */
	EXIT_USAGE = 2,
	EXIT_COULD_NOT = 3, /* the environment: missing file, full disk, no rights */
};

#define RULES_MAX      256
#define DEFAULT_CONFIG "/etc/weir/weir.conf" /* of commands about the gateway */

/* What most commands take. */
struct common {
	const char *config; /* -c */
	const char *rules[RULES_MAX];
	size_t rule_count;
	bool json;
	bool absent_tags;     /* as in generation_cfg */
	const char *zone;     /* --tz */
	struct file_set *set; /* as in generation_cfg */
	bool exempt;          /* the same */
	bool signed_rules;    /* the same */
};

extern const char program_version[];

/* The folder of shipped data: $WEIR_SHARE, beside the program, or ../share/weir. */
const char *share_folder(void);

struct generation_cfg generation_cfg_of(const struct common *c);

/*
 * Load what `c` names and print every finding to standard error.  NULL: errors were printed.
 * `quiet` leaves warnings unprinted.
 */
struct generation *load_or_report(const struct common *c, bool quiet);
/* The same of the files that say who is who. */
struct identity *identity_or_report(const struct config *c, bool quiet);

/* One wrong option or operand: "weir replay: ..." and where to read on; EXIT_USAGE. */
int usage_error(const char *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Add a rule file; false (and a message) when there are too many. */
bool add_rules(struct common *c, const char *file);

/*
 * May a file of ours take the place of `path`?  Nothing and a file may be replaced; a device, pipe or
 * link would be lost (whoever runs this may be root, and /dev/null the machine's): false, said.
 */
bool may_replace(const char *command, const char *path);

/* To standard error; in colour on a terminal, unless $NO_COLOR is set and not empty (no-color.org). */
void print_findings(const struct diag *d);

/* Flush standard output; EXIT_COULD_NOT and a message when not all of it was taken. */
int finish_output(int code);

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char *argv[]);
	const char *help;
};

extern const struct command command_check;
extern const struct command command_ctl;
extern const struct command command_diff;
extern const struct command command_drift;
extern const struct command command_evidence;
extern const struct command command_explain;
extern const struct command command_import;
extern const struct command command_export;
extern const struct command command_geo;
extern const struct command command_index;
extern const struct command command_keygen;
extern const struct command command_lookup;
extern const struct command command_off;
extern const struct command command_query;
extern const struct command command_replay;
extern const struct command command_report;
extern const struct command command_rules;
extern const struct command command_run;
extern const struct command command_seal;
extern const struct command command_ship;
extern const struct command command_suggest;
extern const struct command command_unmask;
extern const struct command command_verify;

#endif /* APP_COMMAND_H */
