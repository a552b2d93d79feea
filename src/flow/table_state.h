/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_TABLE_STATE_H
#define FLOW_TABLE_STATE_H

/*
 * table_state - what a flow table is made of; private to flow.
 *
 * Every live flow is on the list of its state, in the order of its last packet.  All flows of
 * a list share the time-out, so that order is also the order of their deadlines.  Links live
 * in an array of their own: moving a flow touches 8 bytes of each neighbour, not its record.
 */

#include "base/pool.h"
#include "flow/slots.h"
#include "flow/table.h"

#define FLOW_NONE POOL_NONE
#define FLOW_FREE (POOL_NONE - 1) /* both links of a record given back */

/* Flows displaced or evicted wait here until flow_next_end() gives them out. */
#define LIST_GONE  FLOW_STATE_COUNT
#define LIST_COUNT (FLOW_STATE_COUNT + 1)

/* Records beyond max_flows: one just given out, one gone, and two more for luck. */
#define FLOW_SPARE 4

struct flow_link {
	uint32_t prev, next;
};

struct flow_list {
	uint32_t head, tail;
};

struct flow_table {
	struct pool *pool;
	struct slots slots;
	struct flow_link *links; /* by record index */
	size_t links_bytes;
	struct flow_list lists[LIST_COUNT];
	int64_t timeout_us[LIST_COUNT];
	int64_t clock_us; /* greatest seen */
	/* No flow ends before: deadlines only move on, but for what a shorter list takes in. */
	int64_t earliest_us;
	bool (*client_sends)(void *arg, const struct packet *p);
	void *arg;
	uint64_t seed;
	uint64_t created;
	uint64_t evicted;
	uint32_t max_flows;
	uint32_t in_use;   /* in the slots */
	uint32_t given;    /* given out by the last flow_next_end(), or FLOW_NONE */
	size_t flow_bytes; /* record and the engine's bytes */
};

#endif /* FLOW_TABLE_STATE_H */
