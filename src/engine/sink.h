/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SINK_H
#define ENGINE_SINK_H

/*
 * sink - where a worker puts the events that it has formed.
 *
 * Keys give all events of a run one order that does not depend on the number of workers:
 * by frame clock, ends by time-out before what the frame of that clock does, then by frame,
 * then as they came.  Each worker emits its events in rising order of their keys.
 */

#include <stddef.h>
#include <stdint.h>

#include "model/event.h"

enum event_cause {
	CAUSE_TIMEOUT = 0,
	CAUSE_EDGE, /* of the hours of a line with `cut` */
	CAUSE_FRAME
};

struct event_key {
	int64_t clock_us;
	uint64_t frame; /* the flow's last frame, or the frame that caused the event */
	uint32_t cause; /* enum event_cause */
	uint32_t sub;   /* nth event of that cause */
};

static inline int event_key_compare(const struct event_key *a, const struct event_key *b)
{
	if (a->clock_us != b->clock_us)
		return a->clock_us < b->clock_us ? -1 : 1;
	if (a->cause != b->cause)
		return a->cause < b->cause ? -1 : 1;
	if (a->frame != b->frame)
		return a->frame < b->frame ? -1 : 1;
	if (a->sub != b->sub)
		return a->sub < b->sub ? -1 : 1;
	return 0;
}

/* All pointers are borrowed for the call. */
struct event_sink {
	void (*put)(void *arg, const struct event_key *key,
		    const struct event_digest *digest, const char *tail, size_t len);
	void *arg;
};

#endif /* ENGINE_SINK_H */
