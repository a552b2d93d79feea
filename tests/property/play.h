/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROPERTY_PLAY_H
#define PROPERTY_PLAY_H

/*
 * play - a talk by a plan, between a client and a server that are played here, past a worker
 * of src/engine; tells what the worker said and what the server got.
 *
 * The client sends again what the server has not acknowledged.  The server keeps the first
 * copy of each byte, and takes nothing of a decoy but what it is meant to take (plan.h).
 */

#include "engine/inline.h"
#include "plan.h"

#define OUTCOME_MAX 8192
#define FAULT_MAX   160

struct outcome {
	/* `start` and `update` events, without times and the flags that tell how it came. */
	char events[OUTCOME_MAX];
	size_t events_len;
	uint32_t got;          /* bytes from the first on that the server has */
	char fault[FAULT_MAX]; /* what must never be; empty = nothing */
};

struct players; /* generations, keys: made once */

struct players *players_create(void);
void players_destroy(struct players *p);

void play(struct players *p, const struct talk *t, enum position pos,
	  const struct plan *plan, struct outcome *ret);

#endif /* PROPERTY_PLAY_H */
