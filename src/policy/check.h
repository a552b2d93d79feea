/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_CHECK_H
#define POLICY_CHECK_H

/*
 * check - findings about a policy that parses; each has a name that weir.rules(5) lists.
 *
 * The parts of policy_check().  They change nothing in the ast.
 */

#include <stdbool.h>

#include "base/diag.h"
#include "policy/ast.h"

/* check_shadowed.c: lines that can never answer, and endpoints that stand twice in a list. */
void check_shadowed(const struct ast *a, struct diag *d);

/* check_contradictions.c: lines of which two conditions exclude each other. */
void check_contradictions(const struct ast *a, struct diag *d);

/* Does no connection have both, whatever the catalogue says?  Sound, not complete. */
bool items_apart(const struct vocabulary *v, const struct item *a, const struct item *b);

/* check_lists.c: endpoints that mean more than they say, numbers, what no wire shows. */
void check_lists(const struct ast *a, struct diag *d);

/* check_lines.c: of lines: hosts that mean more, infrastructure, tables, people. */
void check_lines(const struct ast *a, struct diag *d);

/*
 * check_users.c: people of whom `users` (sorted by str_compare_fold()) has nobody, with who is
 * meant.
 */
void check_users(const struct ast *a, const struct word_list *users, struct diag *d);

/* check_egress.c: lists of ip-firewall that lock us out. */
void check_egress(const struct ast *a, struct diag *d);

/* Does all that `narrow` matches match `wide`?  Sound, not complete. */
bool item_covers(const struct vocabulary *v, const struct item *wide,
		 const struct item *narrow);

/* Where a word of the line stands on its first line; else the line's first word. */
struct span rule_span(const struct rule *r, struct str word);

/*
 * A note about a finding at a line that a tenant's export brought: it is not to be corrected
 * here.  Nothing for other lines.
 */
void note_origin(struct diag *d, const struct rule *r);

#endif /* POLICY_CHECK_H */
