/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/counted.h"

#include "engine/supervisor.h"

#define TELL_US INT64_C(3600000000)

static void read_numbers(struct supervisor *s)
{
	struct counted_numbers *n = &s->counted.now;
	struct gateway_stats st;
	uint64_t unread;

	if (!supervisor_read_stats(s, &st))
		return;
	n->taken = st.queue.packets + st.source.frames;
	n->dropped =
		st.queue.queue_dropped + st.queue.user_dropped + st.source.kernel_dropped;
	n->given = st.queue.queued + st.queue.queue_dropped + st.source.frames +
		   st.source.kernel_dropped;
	/* What waits in the socket is told the next time. */
	unread = n->given - n->taken - n->dropped;
	if (unread <= st.queue.waiting)
		n->given -= unread;
	n->ended = st.worker.flows - st.flows_now;
}

static struct counted_numbers sum(const struct counted_numbers *a,
				  const struct counted_numbers *b)
{
	return (struct counted_numbers){a->given + b->given, a->taken + b->taken,
					a->dropped + b->dropped, a->ended + b->ended};
}

void counted_enforcer_ended(struct supervisor *s)
{
	struct counted *c = &s->counted;

	read_numbers(s);
	c->before = sum(&c->before, &c->now);
	c->now = (struct counted_numbers){0};
	/* The next one begins with nothing; with an even number, too, if this one died writing. */
	s->sh->stats = (struct gateway_stats){.flows_now = 0};
	if (atomic_load(&s->sh->stats_version) % 2 != 0)
		atomic_fetch_add(&s->sh->stats_version, 1);
}

void counted_tell(struct supervisor *s)
{
	struct counted *c = &s->counted;
	struct counted_numbers all;

	read_numbers(s);
	all = sum(&c->before, &c->now);
	const struct event_counter counters[] = {
		{"kernel_packets", all.given - c->told.given},
		{"packets_taken", all.taken - c->told.taken},
		{"packets_dropped", all.dropped - c->told.dropped},
		{"connections_ended", all.ended - c->told.ended},
	};

	supervisor_note_counters(s, "counted", counters,
				 sizeof(counters) / sizeof(counters[0]));
	c->told = all;
}

void counted_look(struct supervisor *s)
{
	const int64_t now = gateway_monotonic_us();

	if (now < s->counted.next_us)
		return;
	if (s->counted.next_us != 0)
		counted_tell(s);
	s->counted.next_us = now + TELL_US;
}
