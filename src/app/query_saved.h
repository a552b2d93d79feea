/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_QUERY_SAVED_H
#define APP_QUERY_SAVED_H

/* query_saved - the parts of saved queries that are no single query, and their list. */

#include "app/query_options.h"

void query_saved_list(void);
void query_saved_explain(const struct saved *q);

/* *ret_rows: how many there were.  An exit code. */
int query_saved_silence(struct store *s, const struct query_options *o, struct diag *d,
			uint64_t *ret_rows);
int query_saved_unused_rules(struct store *s, const struct query_options *o,
			     struct diag *d, uint64_t *ret_rows);
int query_saved_exceptions(struct store *s, const struct query_options *o, struct diag *d,
			   uint64_t *ret_rows);

#endif /* APP_QUERY_SAVED_H */
