/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_EXPLAIN_FLOW_H
#define APP_EXPLAIN_FLOW_H

/* explain_flow - one recorded connection, by the generation that judged it. */

#include "app/command.h"

/*
 * `wanted`: a flow_id, the beginning of one, or a Community ID.  `ledger`: NULL = the configured
 * one.  An exit code.
 */
int explain_flow(const struct common *c, const char *wanted, const char *ledger);

#endif /* APP_EXPLAIN_FLOW_H */
