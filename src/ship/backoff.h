/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIP_BACKOFF_H
#define SHIP_BACKOFF_H

/*
 * backoff - how long to wait before the next attempt.
 *
 * The bound doubles from BACKOFF_FIRST_US to BACKOFF_MOST_US; the wait is between half of it and
 * all of it, by the time that is given, so that many gateways do not come back at one moment.
 * Pure: the same times give the same waits.
 */

#include <stdint.h>

#define BACKOFF_FIRST_US INT64_C(250000)
#define BACKOFF_MOST_US  INT64_C(60000000)

struct backoff {
	int64_t bound_us; /* 0 = nothing failed yet */
};

void backoff_reset(struct backoff *b);

/* An attempt failed at `now_us`: the wait until the next, in microseconds. */
int64_t backoff_next(struct backoff *b, int64_t now_us);

#endif /* SHIP_BACKOFF_H */
