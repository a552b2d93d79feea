/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_HISTORY_H
#define APP_HISTORY_H

/*
 * history - what the commands share that read a ledger: where it is, and the generations
 * that it keeps.
 */

#include "app/command.h"
#include "record/read.h"

#define LEDGER_DIR_MAX 4096
#define JSON_ROW_MAX \
	((size_t)256 << 10) /* 20 texts of 1,100 bytes, all of them escaped */

/*
 * The ledger's folder: `given`, else the one that the configuration of `c` names (without -c
 * /etc/weir/weir.conf), in buf.  NULL: a message was printed.
 */
const char *history_dir(const char *command, const struct common *c, const char *given,
			char buf[LEDGER_DIR_MAX]);

/* A generation kept beside the ledger, by its name or the beginning of it.  NULL: said why. */
struct generation *history_generation(const char *dir, const char *name);

/*
 * A generation by what a person calls it: one kept beside ledger `dir` (4 to 16 digits),
 * "running" (what the gateway's ledger `dir` was last told), or else rule files, with the
 * configuration of `c`.  Names of files win.  NULL: said why.
 */
struct generation *history_meant(const char *command, const char *dir,
				 const struct common *c, const char *const *names,
				 size_t count);

/* One judgement: the start of a connection, or that it was judged again. */
typedef bool history_each(void *arg, const struct recorded_flow *f,
			  const struct ledger_line *line);

struct history_reading {
	history_each *each; /* false stops the reading */
	void *arg;
	uint64_t rolled_up; /* connections that rollup events count: none to call with */
	uint64_t expired;   /* lines of which only the digest is left, of whatever type */
	uint64_t removed;   /* lines before the ledger's first, which retention removed */
};

/*
 * Call to->each for all judgements that the ledger holds, in order.  An exit code: EXIT_FINE, or EXIT_COULD_NOT when it cannot be read, which was said; lines that
 * cannot be believed are said and passed over.  Adds to what is left out.
 */
int history_read(const char *command, const char *dir, struct history_reading *to);

/* On standard error, when there are such: what was left out. */
void history_say_left_out(const char *command, const struct history_reading *to);

/* On standard error: that lines of a ledger have expired, if any have. */
void history_say_expired(const char *command, const char *dir);

/* The same of what the ledger has no more. */
void history_say_gone(const char *command, const struct history_reading *to);

/*
 * The same for captures: they are replayed by `g` into a ledger that is removed again.
 */
int history_replay(const char *command, const struct generation *g,
		   const char *const *captures, size_t count, struct history_reading *to);

#endif /* APP_HISTORY_H */
