/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INLINE_H
#define ENGINE_INLINE_H

/*
 * inline - the worker where packets wait for its answer: hold, pass, drop, reject.
 *
 * In mode enforce the client's payload is held until its connection is decided; what
 * contradicts held bytes, what a server would ignore and what has a hop limit under min_ttl
 * is dropped, so that the server gets exactly the bytes that were judged.  A denied
 * connection gets a reset to both ends (TCP) or ICMP prohibited (all else), and each later
 * packet of it the same.  What is held longer than hold_us is dropped, so that the client
 * sends it again; the connection is then judged `hold_budget` and, where that allows, stays
 * under inspection: the packet that completes its name is still held and judged.
 *
 * In mode monitor everything passes at once and is judged all the same.
 *
 * What was dropped over a cap of the hold or after hold_us is sent again.  Until the server has
 * acknowledged all the bytes that were judged, others in their place are dropped; of QUIC a
 * dropped datagram counts for nothing.
 *
 * `final` tells that the kernel may pass the rest of the connection alone.  Never final: port
 * 53, HTTP in clear, and while the server lacks judged bytes that were dropped.
 *
 * Threads: as the worker's.  No allocation per packet.
 */

#include <stdbool.h>
#include <stdint.h>

#include "engine/hold.h"
#include "engine/worker.h"
#include "model/gateway.h"

/* What becomes of packets.  All pointers are borrowed for the call. */
struct inline_sink {
	void (*pass)(void *arg, struct held_packet p, bool final);
	void (*drop)(void *arg, struct held_packet p);
	void (*reset)(void *arg, const struct tcp_reset *r);
	void (*prohibit)(void *arg, const uint8_t *ip, size_t len);
	/*
	 * Its later packets come to us again: addresses, ports and translation are set.  For TCP
	 * and UDP; NULL: for none.  For which it cannot be done nothing is final while the rules
	 * have lines with `cut`.
	 */
	void (*recall)(void *arg, const struct conn_report *r);
	void *arg;
};

struct inline_cfg {
	struct inline_sink sink;
	struct hold_cfg hold;
	int64_t hold_us;        /* 0 = 3 s */
	int64_t adopt_until_us; /* connections in mid-stream pass unjudged until then */
	uint8_t min_ttl;        /* 0 = any */
	bool enforce;           /* else monitor */
	bool dns_events;
};

struct inline_state; /* worker.h: made by worker_create() when its cfg has an inline_cfg */

/* Take a packet and answer for it, at once or later; frames as for worker_frame(). */
void worker_packet(struct worker *w, const struct queued_packet *q);

/* What connection tracking says of a connection that the kernel passes alone. */
void worker_report(struct worker *w, const struct conn_report *r, int64_t clock_us);

/*
 * The headers of a packet that passed, seen on an interface: where connection tracking cannot
 * count.  Counts it to its connection, follows its state; decides nothing.
 */
void worker_headers(struct worker *w, const struct frame *f);

/*
 * Decide by another generation, or in another mode, from now on.  The old generation may be
 * destroyed after the call.  Connections in being are decided again when their next packet
 * comes, when they end, or by worker_sweep(), whichever is first; a verdict that changes
 * writes an `update` event, and a connection denied now is cut at its next packet, which
 * the caller brings about by no longer honouring earlier marks.  At the edge of the hours of a line
 * with `cut` worker_sweep() does it (engine/edge.h), and calls `recall`.
 */
void worker_use(struct worker *w, const struct generation *g,
		const struct event_origin *origin, bool enforce);

/* `recall` cannot be done, as it turns out. */
void worker_keeps_all(struct worker *w);

/* Nobody will ask any more: let everything go that is held. */
void worker_let_go(struct worker *w);

/* Nobody will ask any more, and nothing may pass unjudged: drop what is held. */
void worker_forget_held(struct worker *w);

/* Some of that work; false when nothing is left. */
bool worker_sweep(struct worker *w, int64_t clock_us);

struct inline_stats {
	uint64_t passed, final, dropped, held;
	uint64_t denied;      /* packets of denied connections */
	uint64_t conflicting; /* dropped: other bytes than those held */
	uint64_t ttl_low;     /* dropped: hop limit under min_ttl */
	uint64_t ignored;     /* dropped: a server would ignore it */
	uint64_t undecodable; /* dropped: no packet that could be judged */
	uint64_t over_cap;    /* dropped: the hold's caps */
	uint64_t
		timed_out; /* connections whose held packets were dropped after hold_us */
	uint64_t adopted;  /* connections older than the start */
	uint64_t redecided, redecided_changed;
	uint64_t reports, reports_unknown;
	uint32_t held_now;
};
void worker_inline_stats(const struct worker *w, struct inline_stats *ret);

#endif /* ENGINE_INLINE_H */
