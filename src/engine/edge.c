/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/edge.h"

#include "engine/conn.h"

#define MINUTE_US (INT64_C(60) * 1000000)

void edges_use(struct edges *e, const struct generation *g)
{
	*e = (struct edges){.wanted = policy_cuts(g->policy),
			    .step = EDGE_STEPS,
			    .clock_us = e->clock_us};
}

static int64_t minute_of(int64_t us)
{
	const int64_t over = us % MINUTE_US;

	return us - over - (over < 0 ? MINUTE_US : 0);
}

/* Without connections nothing is to be done at the minutes before this one. */
static void leave_out(struct worker *w, int64_t clock_us)
{
	struct edges *e = &w->edges;
	const int64_t before = minute_of(clock_us) - MINUTE_US;

	if (e->started && (e->minute_us >= before || worker_flows(w) > 0))
		return;
	e->minute_us = before;
	e->started = true;
}

/* The next step at or before `clock_us`. */
static bool next_step(struct worker *w, int64_t clock_us, int64_t *ret_us)
{
	struct edges *e = &w->edges;

	for (;;) {
		if (e->step < EDGE_STEPS) {
			*ret_us = e->edge_us + e->step * EDGE_STEP_US;
			return *ret_us <= clock_us;
		}
		leave_out(w, clock_us);
		if (clock_us - e->minute_us < MINUTE_US)
			return false;
		e->minute_us += MINUTE_US;
		if (w->inl == NULL)
			worker_end_timed_out(w, e->minute_us, e->minute_us);
		if (!generation_is_edge(w->g, e->minute_us))
			continue;
		e->edge_us = e->minute_us;
		e->step = 0;
	}
}

static void take_step(struct worker *w, int64_t us)
{
	const struct edges *e = &w->edges;
	struct flow_order order;
	struct flow *fl;

	flow_order_start(w->flows, &order);
	while ((fl = flow_order_next(w->flows, &order)) != NULL) {
		if (fl->id % EDGE_STEPS != e->step || fl->first_us >= e->edge_us)
			continue;
		w->now_us = us;
		w->key = (struct event_key){
			.clock_us = us, .frame = fl->last_frame, .cause = CAUSE_EDGE};
		judge_at_edge(w, fl, flow_extra(fl));
	}
}

void edges_pass(struct worker *w, int64_t clock_us)
{
	struct edges *e = &w->edges;
	int64_t at;

	while (next_step(w, clock_us, &at)) {
		/* After a reload the first steps are late. */
		if (w->inl != NULL || at < e->clock_us)
			at = w->inl != NULL ? clock_us : e->clock_us;
		else
			worker_end_timed_out(w, at, at);
		take_step(w, at);
		e->step++;
	}
	e->clock_us = clock_us;
}

void edges_pass_time(struct worker *w, int64_t clock_us)
{
	if (w->edges.wanted && w->inl == NULL)
		edges_pass(w, clock_us);
	worker_end_timed_out(w, clock_us, clock_us);
}
