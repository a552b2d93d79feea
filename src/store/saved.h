/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SAVED_H
#define STORE_SAVED_H

/*
 * saved - the questions that auditors ask, as queries with a name.  docs/queries.md defines
 * each; a test holds it against this table.
 */

#include <stddef.h>

enum saved_kind {
	SAVED_END = 0,
	SAVED_QUERY,   /* options of `weir query` */
	SAVED_SILENCE, /* hours between the first and the last event that have none */
	SAVED_UNUSED_RULES, /* lines of the rules in force that decided nothing */
	SAVED_EXCEPTIONS,   /* lines of gate exceptions of the rules in force */
};

struct saved_part {
	enum saved_kind kind;
	const char *title;
	const char *options; /* of SAVED_QUERY, with one blank between words */
};

#define SAVED_PARTS_MAX 7 /* the end, too */

struct saved {
	const char *name;
	const char *question;
	struct saved_part parts[SAVED_PARTS_MAX]; /* ended by SAVED_END */
	const char *limits; /* what the answer cannot hold, behind its tables; or NULL */
};

extern const struct saved saved_queries[];
extern const size_t saved_count;

const struct saved *saved_find(const char *name);

#endif /* STORE_SAVED_H */
