/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_EXPLAIN_SHOW_H
#define APP_EXPLAIN_SHOW_H

/*
 * explain_show - what `weir explain` prints about a connection besides the gates' answers.
 */

#include <stdio.h>

#include "config/identity.h"
#include "engine/generation.h"

/* Who uses the inside address, by the files that say so now. */
void show_principal(const struct identity *who, const struct subject *s, FILE *out);

/* Which environments the source belongs to, by which lines. */
void show_bindings(const struct generation *g, const struct subject *s, FILE *out);

/* Source, name, service, country and hour.  `s` was described by `g`. */
void show_known(const struct generation *g, const struct subject *s, FILE *out);

#endif /* APP_EXPLAIN_SHOW_H */
