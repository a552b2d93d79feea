/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_RANGES_H
#define IMPORT_RANGES_H

/*
 * ranges - address ranges as the IP firewall of a Dataverse organization takes them: joined
 * where that changes nothing, and merged, at a price that is told, where they are too many.
 *
 * Merging two neighbours takes the smallest prefix that holds both, and with it addresses that
 * nobody named.  The cheapest merge comes first: IPv4 counts in addresses, IPv6 in networks of
 * 64 bits, one of which costs as much as one IPv4 address.  No merge is shorter than
 * RANGES_V4_BITS or RANGES_V6_BITS, and none holds a range that is nobody's on the Internet.
 *
 * Source: Microsoft Learn "IP firewall in Power Platform environments" (2025-04-17): at most
 * 200 ranges and 4,000 characters, commas between, IPv4 and IPv6.
 *
 * Memory: the list is malloc'd; ranges_finish() frees it.  Cost: of merging, count squared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define RANGES_MAX     4096 /* that may be given */
#define RANGES_V4_BITS 8
#define RANGES_V6_BITS 24

struct ranges {
	struct prefix *list;
	size_t count, room;
};

/* One merge that let others in. */
struct range_merge {
	struct prefix into;
	size_t taken;   /* ranges that it took the place of */
	double foreign; /* addresses that none of them held */
};

struct range_fit {
	size_t given, joined; /* ranges before, and after joining what changes nothing */
	struct range_merge *merges; /* those that still stand, in the order of the list */
	size_t merge_count;
};

/* 0, -ENOMEM, or -E2BIG: RANGES_MAX are there. */
int ranges_add(struct ranges *r, const struct prefix *p);
void ranges_finish(struct ranges *r);

/* The name of the block that makes a range no public one ("RFC 1918"); NULL = it is public. */
const char *range_private(const struct prefix *p);

/* Bytes of all ranges with commas between, without a NUL. */
size_t ranges_text_len(const struct ranges *r);

/*
 * Sort, join and merge until there are at most `max` ranges of `max_text` bytes.  0, -ENOMEM,
 * or -ERANGE: no merge that is allowed is left (the list is as far as it went).
 * *ret is to be given to range_fit_finish() in every case.
 */
int ranges_fit(struct ranges *r, size_t max, size_t max_text, struct range_fit *ret);
void range_fit_finish(struct range_fit *f);

#endif /* IMPORT_RANGES_H */
