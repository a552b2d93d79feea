/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_TRACE_H
#define ENGINE_TRACE_H

/*
 * trace - what is held of the packets of a connection that waits for its verdict, for lines with
 * `capture`: those with payload, both ways, as they came, from the IP header on.
 *
 * The handshake has none, and inline not all of it is seen; so that a reader of the file knows
 * where the streams begin, it is made anew (TRACE_SYNTHESISED) wherever it was seen, without
 * options.  What came in fragments or a tunnel gets a new IP header (TRACE_REBUILT).
 * What does not fit is cut, and nothing more is taken.
 *
 * Memory: the caller's.  Threads: one.
 */

#include <stdbool.h>

#include "flow/head.h"
#include "flow/table.h"
#include "model/packet.h"
#include "model/trace.h"

struct trace {
	uint32_t len;
	bool full;
	bool opened; /* the handshake is in it, or was not seen */
	bool syn;    /* a SYN with payload is in it */
	_Alignas(8) uint8_t bytes[TRACE_MAX];
};

/* What the trace is of; `checksums`: its client's are right, so a made one must be. */
struct trace_of {
	const struct flow *flow;
	bool checksums;
	int64_t now_us;
};

void trace_clear(struct trace *t);

/* A packet with payload. */
void trace_add(struct trace *t, const struct trace_of *of, const struct packet *p,
	       bool from_client);

/* No packet was held: segments made of the head of the client's stream; TCP only. */
void trace_of_head(struct trace *t, const struct trace_of *of, const struct head *h);

#endif /* ENGINE_TRACE_H */
