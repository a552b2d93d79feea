/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_OUTLINE_H
#define CONFIG_OUTLINE_H

/*
 * outline - where each setting of a weir.conf stands, and every syntax error in it.
 *
 * libconfig 1.5 gives line numbers only, stops at the first error and calls it "syntax
 * error".  It also accepts what an operator hardly meant: strings side by side are joined,
 * strings run over lines, large integers are cut.  The outline reads the same grammar a
 * little more strictly, reports all errors with their columns, and gives the tree of
 * settings in document order; libconfig then reads only text that passed here and supplies
 * the values of strings (config/tree.c).
 *
 * Caps: OUTLINE_TEXT_MAX bytes, OUTLINE_NODES_MAX settings, OUTLINE_KEYS_MAX keys a group,
 * OUTLINE_DEPTH_MAX levels.  @include is refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/text.h"

#define OUTLINE_TEXT_MAX  (1u << 20)
#define OUTLINE_NODES_MAX 100000
#define OUTLINE_KEYS_MAX  256
#define OUTLINE_DEPTH_MAX 8

enum node_kind {
	NODE_GROUP, /* { } and the file as a whole */
	NODE_ARRAY, /* [ ] of scalars */
	NODE_LIST,  /* ( ) of anything */
	NODE_STRING,
	NODE_INTEGER,
	NODE_FLOAT,
	NODE_BOOL
};

/* Nodes stand in document order; those of a subtree are [i, nodes[i].end). */
struct node {
	enum node_kind kind;
	uint32_t end;
	uint32_t count;      /* members of a group, array or list */
	struct str name;     /* in the text; absent for elements and the file */
	unsigned line, col;  /* of the name, or of the value when there is none */
	unsigned value_line; /* of the value */
	unsigned value_col;
	struct str source; /* the value as written, quotes included; one bracket */
	const char *value; /* of a string, escapes resolved; set by tree_read() */
};

struct outline {
	struct node *nodes; /* nodes[0] is the file */
	uint32_t count;
	const char *file; /* borrowed */
};

/*
 * Read `text`.  True when it has no syntax error; else everything found is in `d`.
 * *ret always needs outline_release().
 */
bool outline_read(const char *file, struct str text, struct diag *d, struct outline *ret);
void outline_release(struct outline *o);

struct span outline_name_span(const struct outline *o, const struct node *n);
struct span outline_value_span(const struct outline *o, const struct node *n);

/* Member `name` of group `of`; NULL when there is none.  `of` may be NULL. */
const struct node *outline_member(const struct outline *o, const struct node *of,
				  const char *name);

/* Members in order: begin with outline_first(), NULL at the end. */
const struct node *outline_first(const struct outline *o, const struct node *of);
const struct node *outline_next(const struct outline *o, const struct node *of,
				const struct node *member);

/* "a string", "an integer", ...: for messages. */
const char *node_kind_name(enum node_kind kind);

#endif /* CONFIG_OUTLINE_H */
