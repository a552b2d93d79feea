/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_BUDGET_H
#define ENGINE_BUDGET_H

/*
 * budget - how much work of one kind each source, and all together, may cause in a second.
 *
 * Seconds are those of the packets' clock.  Sources are IPv4 addresses and /64 networks of IPv6;
 * those that do not fit the table share what the source that they displace had spent, so a flood
 * of sources gives nobody more.  A budget belongs to one thread; no allocation after creation.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct budget;

/* At most so much a second; all 0 = no limit.  NULL: out of memory. */
struct budget *budget_create(uint32_t a_source, uint32_t all, uint64_t seed);
void budget_destroy(struct budget *b); /* NULL is a no-op */

/* Spend one; false: nothing is left in this second. */
bool budget_take(struct budget *b, const struct addr *source, int64_t clock_us);

#endif /* ENGINE_BUDGET_H */
