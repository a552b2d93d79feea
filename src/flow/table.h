/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_TABLE_H
#define FLOW_TABLE_H

/*
 * table - the connections in being, found by either direction's packets.
 *
 * Open addressing over pooled records of fixed size; the engine appends `extra_bytes` of its
 * own to each.  A flow ends by FIN, reset, time-out (by packet clock, per state) or
 * eviction (table full: the flow longest without a packet, counted).  Unvalidated resets
 * (of another number than its receiver waits for) end nothing.
 *
 * Order: ends come out in the order of their time, then of their last frame, whatever the
 * number of tables; time-outs are given out before the frame that reveals them.
 *
 * Threads: one table a worker.  Memory: reserved at creation; resident as used.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "model/flow_key.h"
#include "model/frame.h"
#include "model/names.h"
#include "model/packet.h"

enum flow_state {
	FLOW_TCP_OPENING = 0, /* SYN seen, the handshake not finished */
	FLOW_TCP_OPEN,
	/*
	 * FIN both ways and acknowledged, or a valid reset: waits for stragglers.  A forged
	 * reset is undone: new bytes from the end that seemed to send it bring back OPEN.
	 */
	FLOW_TCP_CLOSING,
	FLOW_UDP,
	FLOW_OTHER,
	FLOW_STATE_COUNT
};

struct flow_cfg {
	uint32_t max_flows; /* 0 = 1,000,000 */
	int64_t timeout_us
		[FLOW_STATE_COUNT]; /* 0 = default: 30 s, 5 min, 10 s, 60 s, 30 s */
	uint64_t seed;              /* of the hash; 0 is fine for files */
	uint32_t extra_bytes;       /* appended to each flow, zeroed at its start */
	/*
	 * Asked of the first packet of a flow that is no SYN: is its sender the client, whatever
	 * the ports look like?  NULL: ports tell.
	 */
	bool (*client_sends)(void *arg, const struct packet *p);
	void *arg;
};

struct flow_direction {
	uint64_t packets;
	uint64_t bytes;    /* IP total length */
	uint32_t next_seq; /* TCP: one past the highest byte seen, if has_seq */
	uint32_t acked;    /* TCP: highest acknowledgement number sent, if has_ack */
	uint8_t tcp_flags; /* all seen, or'ed */
	uint8_t ttl;       /* of the first packet */
	bool has_seq;      /* a segment that a receiver may take was seen this way */
	bool has_ack;
};

struct flow {
	struct flow_key key;
	int64_t first_us, last_us; /* capture time of first and last packet */
	int64_t clock_us; /* frame clock of the last packet: time-outs count from here */
	uint64_t first_frame;
	uint64_t last_frame; /* once displaced or evicted: the frame that did it */
	uint64_t id;         /* hash of first packet time and tuple; stable across runs */
	bool client_is_low;  /* which end opened it */
	bool midstream;      /* TCP of which neither SYN nor SYN-ACK was seen */
	bool was_reset;      /* TCP: by one of its ends, not by us */
	bool bypassed; /* the kernel passes it without us: packets are missing here */
	uint8_t state; /* enum flow_state */
	uint8_t end_reason;  /* enum end_reason, once closing */
	uint32_t client_isn; /* TCP: first sequence number of the client's data, ... */
	uint32_t server_isn; /* ... the server's; valid when that direction has_seq */
	struct flow_direction out; /* from the client */
	struct flow_direction in;
};

/* Bytes of a flow before the engine's own. */
#define FLOW_RECORD_BYTES ((sizeof(struct flow) + 15) / 16 * 16)

static inline struct addr flow_client(const struct flow *f)
{
	return f->client_is_low ? f->key.low : f->key.high;
}

static inline struct addr flow_server(const struct flow *f)
{
	return f->client_is_low ? f->key.high : f->key.low;
}

static inline uint16_t flow_client_port(const struct flow *f)
{
	return f->client_is_low ? f->key.low_port : f->key.high_port;
}

static inline uint16_t flow_server_port(const struct flow *f)
{
	return f->client_is_low ? f->key.high_port : f->key.low_port;
}

struct flow_table;

/* NULL: memory cannot be reserved. */
struct flow_table *flow_table_create(const struct flow_cfg *cfg);
void flow_table_destroy(struct flow_table *t);

/* The engine's bytes behind a flow, 16-byte aligned. */
void *flow_extra(struct flow *f);

/* What a packet did. */
struct flow_touch {
	struct flow *flow;
	bool is_new;
	bool from_client;
	bool ended; /* this packet moved it to CLOSING */
};

/*
 * Count `p` (frame `f`) to its flow, made if need be.  A new SYN on a CLOSING tuple starts a
 * new flow, and so does a SYN-ACK that belongs to another connection on one that is OPEN or was
 * reset: the old flow is first moved to where flow_next_end() gives it out.  Behind a reset a SYN
 * alone does not, where the server's SYN-ACK was seen and so can be seen again.
 * The client is the sender of a SYN, the receiver of a SYN-ACK, else the sender of the first
 * packet, except when the source port is under 1024 or a known service's and the other is
 * not.  When the table is full the oldest flow is evicted (see flow_next_end).
 */
void flow_touch(struct flow_table *t, const struct packet *p, const struct frame *f,
		struct flow_touch *ret);

/*
 * The next flow that has ended at or before `clock_us`, or NULL.  Call until NULL before each
 * flow_touch() with the clock of that frame, and after it (else flows that were displaced may
 * be lost).  The flow is valid until the next call on the table.  *ret_us: the moment of its
 * end, by frame clock: the time-out's, or that of the frame which displaced or evicted it.
 *
 * At the end, call it until NULL with the clock of the run's last frame, the same for every
 * table, then until NULL with INT64_MAX: all that are left, in order of their last frame, with
 * end_reason CAPTURE_END unless they were closing, and *ret_us one microsecond after the
 * greatest clock the table was told.  So (*ret_us, last_frame) grows strictly from end to
 * end, and merging several tables by it gives what one table would have given, evictions
 * apart.
 */
struct flow *flow_next_end(struct flow_table *t, int64_t clock_us, int64_t *ret_us);

/*
 * A TCP flow whose SYN was not seen, and which the sender of the first packet was taken to have
 * opened for want of anything better: it was the other end.  False: ports tell, and it stays.
 */
bool flow_turn(struct flow *f);

/* The flow of a key, or NULL. */
struct flow *flow_find(const struct flow_table *t, const struct flow_key *k);

/* A bypassed flow is known to live at `clock_us`: its time-out counts from then. */
void flow_refresh(struct flow_table *t, struct flow *f, int64_t clock_us);

/* Weir cut it, with `reason`: what still comes is its rest, a new SYN another connection. */
void flow_close(struct flow_table *t, struct flow *f, enum end_reason reason);

/* It has ended, as others tell: flow_next_end() gives it out at `clock_us`. */
void flow_finish(struct flow_table *t, struct flow *f, int64_t clock_us,
		 enum end_reason reason);

/*
 * The next living flow at or after record `*at`, which moves past it; looks at `steps` records
 * at the most.  NULL: none among them; flow_walk_done() tells whether that was all.
 */
struct flow *flow_walk(const struct flow_table *t, uint32_t *at, uint32_t steps);
bool flow_walk_done(const struct flow_table *t, uint32_t at);

/* The living flows in the order of their last frame; nothing may happen to the table meanwhile. */
struct flow_order {
	uint32_t at[FLOW_STATE_COUNT];
};
void flow_order_start(const struct flow_table *t, struct flow_order *ret);
struct flow *flow_order_next(const struct flow_table *t,
			     struct flow_order *o); /* NULL: all */

struct flow_stats {
	uint64_t created, ended, evicted;
	uint32_t in_use;
};
void flow_table_stats(const struct flow_table *t, struct flow_stats *ret);

#endif /* FLOW_TABLE_H */
