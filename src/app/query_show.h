/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_QUERY_SHOW_H
#define APP_QUERY_SHOW_H

/* query_show - the answer of a query: lines or groups. */

#include "app/query_options.h"

/* False: it was said why not. */
bool query_show_lines(struct store *s, const struct query_options *o,
		      const struct query_result *r, bool streams);
bool query_show_groups(const struct query_options *o, const struct query_result *r);

/* Which ledger, how much of it, and the zone of times: before a table. */
void query_show_head(struct store *s, const struct query_options *o);

/* What is behind the answer: how many, what was left out, what proving found. */
void query_show_tail(const struct query_options *o, const struct query_result *r,
		     bool groups);

#endif /* APP_QUERY_SHOW_H */
