/* SPDX-License-Identifier: Apache-2.0 */
/*
 * losses - what was not seen or not written, and what puts the record's times or its future in
 * doubt, told as events: a clock that was set, a ledger that cannot be written, an end that was no
 * clean stop.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/supervisor.h"

#define LOOK_US INT64_C(10000000)
#define OVER_US INT64_C(1000000)
#define STEP_US INT64_C(1000000) /* less is how a clock is corrected */

void losses_overflow(struct supervisor *s, bool now)
{
	struct losses *l = &s->losses;
	const int64_t mono = gateway_monotonic_us();
	struct gateway_stats st;
	const struct nfqueue_stats *q = &st.queue;

	if (!supervisor_read_stats(s, &st))
		return;
	if (q->full < l->full_told || q->unread < l->unread_told)
		l->full_told = l->unread_told = 0;
	if (q->full == l->full_told)
		return;
	if (l->full_wait_us == 0)
		l->full_wait_us = mono + LOOK_US;
	if (!now && supervisor_real_us() - q->full_until_us < OVER_US &&
	    mono < l->full_wait_us)
		return;
	if (!supervisor_note_loss(s, "uninspected", q->unread - l->unread_told,
				  q->full_from_us > l->full_told_us ? q->full_from_us
								    : l->full_told_us,
				  q->full_until_us))
		return;
	log_warning("queue: it was full: packets passed that were not judged");
	l->full_told = q->full;
	l->unread_told = q->unread;
	l->full_told_us = q->full_until_us;
	l->full_wait_us = 0;
}

/* What there is no room to tell stays to be told: the rings are full when the disk is. */
static void tell_loss(struct supervisor *s, const char *what, uint64_t now,
		      struct told *told)
{
	const int64_t real = supervisor_real_us();

	if (now < told->count) /* a new process counts from nothing */
		told->count = 0;
	if (now > told->count &&
	    !supervisor_note_loss(s, what, now - told->count,
				  told->until_us != 0 ? told->until_us : real - LOOK_US,
				  real))
		return;
	told->count = now;
	told->until_us = real;
}

/* Without it nobody can say later by what was judged: a full disk, or somebody took it away. */
static void look_at_generation(struct supervisor *s)
{
	char path[4096], text[256];

	if (strcmp(s->losses.not_kept, s->generation->name) == 0)
		return;
	(void)snprintf(path, sizeof(path), "%s/generations/%s.json",
		       s->start->config->ledger.dir, s->generation->name);
	if (access(path, F_OK) == 0 || errno != ENOENT)
		return;
	(void)snprintf(s->losses.not_kept, sizeof(s->losses.not_kept), "%s",
		       s->generation->name);
	(void)snprintf(text, sizeof(text),
		       "what generation %s was made from is not kept in generations/: "
		       "with room there, weir ctl reload keeps it",
		       s->generation->name);
	log_warning("%s", text);
	supervisor_note_system(s, "generation_not_kept", text);
}

static void tell_losses(struct supervisor *s)
{
	struct losses *l = &s->losses;
	struct gateway_stats st;

	if (s->announced) {
		mark_touch(s);
		look_at_generation(s);
	}
	tell_loss(s, "events", atomic_load(&s->sh->lost), &l->events);
	tell_loss(s, "packets",
		  atomic_load(&s->sh->packets_lost) + atomic_load(&s->sh->packets_failed),
		  &l->packets);
	if (!supervisor_read_stats(s, &st))
		return;
	tell_loss(s, "queue", st.queue.queue_dropped + st.queue.user_dropped, &l->queue);
	tell_loss(s, "conntrack_events", st.conntrack.events_lost, &l->conntrack);
	tell_loss(s, "capture", st.source.kernel_dropped, &l->capture);
}

/* ---- the clock and the disk ----------------------------------------------------------------- */

/* Set, and not corrected bit by bit.  What the enforcer sees keeps a time that never goes back. */
static void look_at_clock(struct supervisor *s)
{
	const int64_t ahead = supervisor_real_us() - gateway_monotonic_us();
	const int64_t before = s->losses.clock_us;
	const int64_t step = ahead - before;
	char text[240];

	s->losses.clock_us = ahead;
	if (before == 0 || (step < STEP_US && step > -STEP_US))
		return;
	(void)snprintf(text, sizeof(text), "the clock was set %s by %" PRId64 " s%s",
		       step > 0 ? "forward" : "back",
		       ((step > 0 ? step : -step) + 500000) / 1000000,
		       step > 0 ? ""
				: ": connections keep the time of before, which is "
				  "ahead, and hours and ends of rules go by it, until "
				  "the clock has caught up or the next start");
	log_warning("%s", text);
	supervisor_note_system(s, "clock_step", text);
}

static void look_at_ledger(struct supervisor *s)
{
	const int rc = atomic_load(&s->sh->write_error);
	const bool full = rc == -ENOSPC || rc == -EDQUOT;
	char text[160] = "";

	if (rc == s->losses.write_error)
		return;
	s->losses.write_error = rc;
	if (rc != 0)
		(void)snprintf(text, sizeof(text),
			       "the ledger cannot be written: %s; events wait, then are "
			       "lost and counted",
			       strerrordesc_np(-rc));
	supervisor_note_system(s,
			       rc == 0 ? "ledger_restored"
			       : full  ? "disk_full"
				       : "ledger_failed",
			       text);
}

/* Everything passes, by order: not inspected all the same, from its beginning to its end. */
static void look_at_panic(struct supervisor *s)
{
	const bool passes = s->mode == MODE_PANIC && !s->stop &&
			    s->start->config->capture.source == CAPTURE_NFQUEUE;
	const int64_t real = supervisor_real_us();

	if (passes && s->losses.panic_from_us == 0)
		s->losses.panic_from_us = real;
	else if (!passes && s->losses.panic_from_us != 0 &&
		 supervisor_note_loss(s, "uninspected", 0, s->losses.panic_from_us, real))
		s->losses.panic_from_us = 0;
}

void losses_look(struct supervisor *s)
{
	const int64_t now = gateway_monotonic_us();

	losses_overflow(s, s->stop);
	look_at_panic(s);
	if (s->announced) {
		look_at_clock(s);
		look_at_ledger(s);
	}
	if (now < s->losses.next_us)
		return;
	s->losses.next_us = now + LOOK_US;
	tell_losses(s);
}

/* ---- between two runs ------------------------------------------------------------------------ */

/* A clean stop ends with its seal; else something may have waited for it in vain. */
void losses_before(struct supervisor *s)
{
	const int64_t now = supervisor_real_us();
	char text[160];

	look_at_generation(s);
	if (s->last_us == 0)
		return;
	if (s->last_us > now + STEP_US) {
		(void)snprintf(text, sizeof(text),
			       "the ledger's last event before this start is %" PRId64
			       " s ahead of the clock",
			       (s->last_us - now) / 1000000);
		log_warning("%s", text);
		supervisor_note_system(s, "clock_step", text);
	}
	if (!s->last_stopped &&
	    supervisor_note_loss(s, "events", s->losses.left, s->last_us, now))
		s->losses.left = 0;
}

/* The writer has ended: what it did not take from the rings, nobody will. */
static uint64_t count_ring(struct ring *r)
{
	uint64_t n = 0;
	size_t len;

	ring_attach(r);
	for (; ring_peek(r, &len) != NULL; n++)
		ring_release(r);
	return n;
}

void losses_end(struct supervisor *s)
{
	const struct gateway_shared *sh = s->sh;

	s->losses.left += atomic_load(&sh->lost) - s->losses.events.count +
			  atomic_load(&sh->taken) - atomic_load(&sh->written) +
			  count_ring(s->rings.events) + count_ring(s->rings.notes);
	if (s->losses.left == 0)
		return;
	log_error("ledger: %" PRIu64 " events were not written; the next start tells it",
		  s->losses.left);
	if (s->announced)
		mark_keep(s);
}
