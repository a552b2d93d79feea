/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CUTS_H
#define ENGINE_CUTS_H

/*
 * cuts - where the segments of a stream's head began and ended.
 *
 * A server may take either of two copies of each segment.  Of contents that contradict each other
 * on both sides of a cut it may so take the one in front and the other behind: there are more than
 * two.  Offsets in the head; one more than there is room for may lie anywhere.
 * Plain data, all zero at the start; threads as the worker's.
 */

#include <stdbool.h>
#include <stdint.h>

#include "flow/head.h"

#define CUTS_MAX 12

struct cuts {
	uint16_t at[CUTS_MAX];
	uint8_t count;
	bool more; /* there was no room */
};

static inline void cuts_add(struct cuts *c, uint32_t at)
{
	if (at == 0 || at >= HEAD_MAX)
		return;
	for (unsigned i = 0; i < c->count; i++)
		if (c->at[i] == at)
			return;
	if (c->count == CUTS_MAX)
		c->more = true;
	else
		c->at[c->count++] = (uint16_t)at;
}

/* Is some cut behind `from` and in front of `end`? */
static inline bool cuts_between(const struct cuts *c, uint32_t from, uint32_t end)
{
	bool found = c->more && from + 1 < end;

	for (unsigned i = 0; i < c->count; i++)
		found |= c->at[i] > from && c->at[i] < end;
	return found;
}

#endif /* ENGINE_CUTS_H */
