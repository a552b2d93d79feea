/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MATCH_PREFIXES_H
#define MATCH_PREFIXES_H

/*
 * prefixes - longest-prefix table over IPv4 and IPv6, each prefix with values.
 *
 * The families are apart: an IPv6 prefix shorter than ::ffff:0:0/96, such as ::/0, contains
 * no IPv4 address, although one lies in the other when both are written in 16 bytes.
 *
 * Compiled once (prefixes_seal), immutable after; any number of readers, no locks.
 * Cost: a binary search over disjoint ranges in the address's family; no allocation.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct prefixes;

struct prefixes *prefixes_create(void); /* NULL: out of memory */
void prefixes_destroy(struct prefixes *t);

/*
 * One prefix may be added several times with different values; bits past its length are
 * ignored.  0, -ENOMEM, or -EINVAL (over 128 bits, or the table is sealed).
 */
int prefixes_add(struct prefixes *t, const struct prefix *p, uint32_t value)
	__attribute__((warn_unused_result));
int prefixes_seal(struct prefixes *t)
	__attribute__((warn_unused_result)); /* 0 or -ENOMEM */

/*
 * Values of all prefixes that contain `a`, longest prefix first (equal prefixes in the order
 * of adding), at most `max`; returns the count in `ret`.
 */
size_t prefixes_find(const struct prefixes *t, const struct addr *a, uint32_t *ret,
		     size_t max);

/*
 * The same in two steps, for callers that keep something for each distinct prefix: the number
 * of the longest prefix that contains `a`, below prefixes_distinct(), or PREFIXES_NONE; and
 * the values of that prefix and of those around it, as prefixes_find() gives them.
 */
#define PREFIXES_NONE UINT32_MAX
uint32_t prefixes_longest(const struct prefixes *t, const struct addr *a);
uint32_t prefixes_distinct(const struct prefixes *t); /* once sealed */
size_t prefixes_around(const struct prefixes *t, uint32_t number, uint32_t *ret,
		       size_t max);

bool prefixes_contain(const struct prefixes *t, const struct addr *a);
size_t prefixes_count(const struct prefixes *t); /* prefixes added */

/*
 * The i-th of the disjoint ranges of IPv4, ascending, each with the same answer throughout:
 * its first and last address.  False: there are fewer.
 */
bool prefixes_v4_range(const struct prefixes *t, size_t i, struct addr *ret_first,
		       struct addr *ret_last);
/* The same of IPv6, of all 16-byte addresses: that of IPv4 among them has no answer. */
bool prefixes_v6_range(const struct prefixes *t, size_t i, struct addr *ret_first,
		       struct addr *ret_last);

#endif /* MATCH_PREFIXES_H */
