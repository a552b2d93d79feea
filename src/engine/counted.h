/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COUNTED_H
#define ENGINE_COUNTED_H

/*
 * counted - what others counted beside the events, in the ledger: `system` events `counted`, once
 * an hour and at the end.  Each tells what came since the one before, so that they add up.
 *
 * The kernel numbers the packets that it gives to the queue (or, on a mirror, counts frames) and
 * counts those for which there was no room; each connection's first packet is one of them.  What
 * passes while nobody serves the queue, or uncounted by a full queue that is open, is no
 * part of it: that is told as `uninspected`.
 *
 * The numbers of an enforcer that died are those that it published last.
 */

#include <stdint.h>

struct supervisor;

struct counted_numbers {
	uint64_t given;   /* by the kernel, or dropped by it */
	uint64_t taken;   /* of these, by the enforcer */
	uint64_t dropped; /* of these, for want of room */
	uint64_t ended;   /* connections */
};

struct counted {
	struct counted_numbers now;    /* of the enforcer that is */
	struct counted_numbers before; /* of all before it */
	struct counted_numbers told;   /* of all of these together */
	int64_t next_us;               /* monotonic: tell again; 0 = not begun */
};

void counted_look(struct supervisor *s); /* now and then */
void counted_enforcer_ended(struct supervisor *s);
void counted_tell(struct supervisor *s); /* now, at the end */

#endif /* ENGINE_COUNTED_H */
