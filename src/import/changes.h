/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_CHANGES_H
#define IMPORT_CHANGES_H

/*
 * changes - what differs between two generated rule files, line by line.
 *
 * A line is told with the statement that it belongs to, so that a connector which moves from
 * one group to another is seen.  Longest common subsequence; where two files differ in more
 * than CHANGES_CELLS_MAX pairs of lines, all of the lines between count as changed.
 */

#include <stdbool.h>
#include <stdio.h>

#include "base/text.h"

#define CHANGES_CELLS_MAX ((size_t)8 << 20)

struct changes {
	size_t removed, added;
};

/* A line that is only in the one or the other; `head` absent = it belongs to no statement. */
typedef void changes_each(void *arg, bool added, struct str head, struct str line);

/* Call `each` (NULL = count only) for all of them, in their order.  0 or -ENOMEM. */
int changes_tell(struct str before, struct str after, changes_each *each, void *arg,
		 struct changes *ret);

/* Print them to `out` (NULL = count only).  0 or -ENOMEM. */
int changes_print(struct str before, struct str after, FILE *out, struct changes *ret);

#endif /* IMPORT_CHANGES_H */
