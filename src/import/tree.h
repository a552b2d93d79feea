/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_TREE_H
#define IMPORT_TREE_H

/*
 * tree - a whole JSON text in memory, each value with its place.
 *
 * Exports name their keys in any order and letter case, so their readers look keys up instead
 * of walking tokens.  Built by json_read without recursion.  What PowerShell's ConvertTo-Json
 * leaves of values that lie too deep ("@{...}", "System.Object[]") is a finding: its meaning
 * is lost.
 *
 * Memory: nodes and decoded strings are in the arena, other strings borrow from the text.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/json_read.h"
#include "base/text.h"

#define TREE_NODES_MAX ((size_t)2000000) /* values of one text */

struct node {
	enum json_kind kind; /* OBJECT, ARRAY, STRING, NUMBER, TRUE, FALSE or NULL */
	struct str key;      /* in an object; absent elsewhere */
	struct str text;     /* of strings and numbers */
	struct span at;      /* of the value's first token */
	struct node *first, *next;
};

/* The root, or NULL: what is wrong is in `d`.  `file` names the text in findings. */
struct node *tree_parse(const char *file, struct str text, struct arena *a,
			struct diag *d);

/* The value of a key, letter case ignored; NULL when it is not there or null. */
const struct node *tree_get(const struct node *object, const char *key);

/* As tree_get, through several objects: "properties.definition". */
const struct node *tree_path(const struct node *object, const char *path);

/*
 * The items of a list.  One value without its brackets is a list of one, and the object
 * {"value": [..], "Count": N} of Windows PowerShell is the list in it; NULL is an empty list.
 */
const struct node *tree_first(const struct node *list);
const struct node *tree_next(const struct node *list, const struct node *item);

/* The string of a key; absent when it is not there or is none. */
struct str tree_text(const struct node *object, const char *key);

#endif /* IMPORT_TREE_H */
