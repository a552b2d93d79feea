/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_HELD_H
#define ENGINE_HELD_H

/*
 * held - keys of weir.conf that a running gateway holds until its next start: mode, and all of
 * capture, control, ledger and limits.  Private to engine.
 */

#include <stdio.h>

#include "config/config.h"

/*
 * For each held key whose value in `next` is another than in force (in `start`; the mode in
 * `mode`) a line that names it and says how it comes into force.  How many.
 */
unsigned held_differences(const struct config *start, enum mode mode,
			  const struct config *next, FILE *out);

/* Give `next` the values of `start`; what they point to stays `start`'s, which must live on. */
void held_keep(const struct config *start, struct config *next);

/* The keys in order, for the tests; NULL behind the last. */
const char *held_name(size_t i);

#endif /* ENGINE_HELD_H */
