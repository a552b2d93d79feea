/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_RULES_STATS_H
#define APP_RULES_STATS_H

/* rules_stats - which lines the traffic of a ledger comes to. */

#include "app/command.h"

/* `dir`: the ledger.  `g`: whose lines are counted.  An exit code. */
int rules_stats(const struct generation *g, const char *dir, bool json);

#endif /* APP_RULES_STATS_H */
