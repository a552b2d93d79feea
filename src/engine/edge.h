/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_EDGE_H
#define ENGINE_EDGE_H

/*
 * edge - the hours of lines with `cut`: at an edge connections in being are judged again, and
 * those that are denied now are cut.
 *
 * The clock is that of the frames or of the gateway.  Each minute is looked at once.  From an edge
 * on the connections that were there before it are taken in EDGE_STEPS parts, one a step; which
 * part is a connection's hangs on its flow id alone, so that replay gives the same with any number
 * of workers.  A step walks over all flows, and judges a part of them: with a million that is
 * some tens of milliseconds.
 *
 * Memory: none of its own.  Threads: as the worker's.
 */

#include <stdbool.h>
#include <stdint.h>

#define EDGE_STEPS   60u
#define EDGE_STEP_US INT64_C(1000000)

struct worker;
struct generation;

struct edges {
	bool wanted;       /* some line has `cut` */
	bool started;      /* minute_us is set */
	int64_t minute_us; /* the last one that was looked at */
	int64_t edge_us;   /* the last edge */
	uint32_t step;     /* the next one; EDGE_STEPS = all is done */
	int64_t clock_us;  /* when time was told last */
};

/* Go by the hours of `g` from now on. */
void edges_use(struct edges *e, const struct generation *g);

/*
 * Time has come to `clock_us`: end what has timed out before an edge, and judge what is there at
 * it.  What times out after the last edge is left.
 */
void edges_pass(struct worker *w, int64_t clock_us);

/* The same, and what times out after it.  A gateway's edges are worker_sweep()'s. */
void edges_pass_time(struct worker *w, int64_t clock_us);

#endif /* ENGINE_EDGE_H */
