/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DIVERSITY_H
#define ENGINE_DIVERSITY_H

/*
 * diversity - how many kinds of clients speak from one inside address: one machine has a
 * handful, a proxy, a terminal server or a translation in front of us has many.
 *
 * Counted are different JA4 fingerprints within a window of an hour by packet clock.  More than
 * DIVERSITY_PRINTS make the address suspected of being shared, for a day from then on.
 *
 * Bounded: DIVERSITY_SOURCES addresses; the one of a full bucket that was heard of least lately goes.
 * Memory: reserved at creation.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/text.h"

#define DIVERSITY_SOURCES   8192u
#define DIVERSITY_PRINTS    24u
#define DIVERSITY_WINDOW_US INT64_C(3600000000)
#define DIVERSITY_LASTS_US  INT64_C(86400000000)

struct diversity;

struct diversity *diversity_create(void); /* NULL: out of memory */
void diversity_destroy(struct diversity *d);

/* A client of `a` with this fingerprint; true: `a` has just become suspected. */
bool diversity_note(struct diversity *d, const struct addr *a, struct str ja4,
		    int64_t now_us);

bool diversity_suspects(const struct diversity *d, const struct addr *a, int64_t now_us);

#endif /* ENGINE_DIVERSITY_H */
