/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer - the process that owns the ledger: takes lines from the rings and writes them.
 *
 * Lines are handed to the kernel every 20 ms and to the disk every second.  A full disk stops
 * the writing, not the traffic: the rings hold what they can, then events are lost, counted,
 * and the ledger goes on by itself when there is room.  Between lines it tends closed segments.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/dns_file.h"
#include "engine/gateway.h"
#include "record/keys.h"
#include "record/ledger.h"
#include "record/packets.h"

#define IDLE_US   20000
#define QUIET_US  100000 /* after half a second without a line */
#define QUIET_AT  25
#define RETRY_US  1000000
#define BURST     4096u
#define ORPHAN_US 3000000 /* what the enforcer winds up with takes no longer */
#define LOOK_US   1000000

struct writer {
	struct gateway_shared *sh;
	struct ring *events, *notes;
	struct ledger *ledger;
	struct packets *packets;
	char line
		[FORM_LINE_MAX]; /* with the name of its packets; waits if line_len > 0 */
	size_t line_len;
	int error;        /* of the ledger; 0 = fine */
	int tend_error;   /* of its closed segments, as it was told */
	bool passed_over; /* by what expires: told once */
	int64_t retry_us, sync_us, look_us;
	int64_t sync_every_us;
	struct packets_stats packets_before; /* of writers before this one */
	uint64_t looked; /* sh->taken when the segment was last known to be there */
	bool dirty;
	uint64_t faults;     /* told of the rings */
	const char *dns_dir; /* NULL = the passive DNS table is not kept */
	int dns_fd, dns_error;
	uint64_t dns_version; /* saved last */
	int64_t dns_us, dns_next_us;
};

static void rest(unsigned empty)
{
	const struct timespec t = {.tv_nsec = (empty < QUIET_AT ? IDLE_US : QUIET_US) *
					      1000L};

	(void)nanosleep(&t, NULL);
}

static void note_error(struct writer *w, int rc, int64_t now)
{
	if (rc == w->error)
		return;
	if (rc != 0)
		log_error("ledger: %s; events wait, then are lost, until there is room",
			  strerrordesc_np(-rc));
	else
		log_notice("ledger: writing again");
	w->error = rc;
	w->retry_us = now + RETRY_US;
	atomic_store(&w->sh->write_error, rc);
}

/*
 * The line of a record with packets, which go into a file first.  What another process wrote: each
 * length is looked at once.  False: it is none.
 */
static bool open_packets(struct writer *w, const void *record, size_t len)
{
	struct gateway_packets head;
	const char *tail = (const char *)record + sizeof(head);
	struct packets_stats st;
	struct str trace;

	if (len < sizeof(head))
		return false;
	memcpy(&head, record, sizeof(head));
	if (head.line_len == 0 || head.line_len > sizeof(w->line) ||
	    head.line_len > len - sizeof(head))
		return false;
	memcpy(w->line, tail, head.line_len);
	trace = (struct str){tail + head.line_len, len - sizeof(head) - head.line_len};
	w->line_len =
		packets_keep_of(w->packets, head.flow_id, trace, w->line, head.line_len);
	packets_stats(w->packets, &st);
	atomic_store(&w->sh->packets_kept, w->packets_before.kept + st.kept);
	atomic_store(&w->sh->packets_removed, w->packets_before.removed + st.removed);
	atomic_store(&w->sh->packets_failed, w->packets_before.failed + st.failed);
	return true;
}

/* One record of the ring of events; its packets are kept once, however often the line waits. */
static int append(struct writer *w, const char *record, size_t len)
{
	int rc;

	if (len == 0 || record[0] != '\0')
		return ledger_append(w->ledger, record, len);
	if (w->line_len == 0 && !open_packets(w, record, len))
		return ledger_append(w->ledger, record, len); /* refused there */
	rc = ledger_append(w->ledger, w->line, w->line_len);
	if (rc == 0)
		w->line_len = 0;
	return rc;
}

/* Lines of one ring; false: the ledger takes no more. */
static bool take(struct writer *w, struct ring *r, unsigned *count, int64_t now)
{
	const void *line;
	size_t len;

	while (*count < BURST && (line = ring_peek(r, &len)) != NULL) {
		int rc = append(w, line, len);

		if (rc == -EINVAL) { /* no line: whoever wrote it is not believed */
			atomic_fetch_add(&w->sh->lost, 1);
		} else if (rc != 0) {
			note_error(w, rc, now);
			return false;
		}
		atomic_fetch_add(&w->sh->taken, 1);
		ring_release(r);
		(*count)++;
	}
	return true;
}

/* Seals that are due: they are lines, too. */
static void seal(struct writer *w, unsigned *count, int64_t now)
{
	struct ledger_state st;
	const uint64_t before = ledger_next_seq(w->ledger);
	const int rc = ledger_tick(w->ledger, clock_real.now_us(clock_real.arg), now);

	if (rc != 0)
		note_error(w, rc, now);
	if (ledger_next_seq(w->ledger) != before)
		(*count)++;
	if (!ledger_state(w->ledger, &st))
		return;
	atomic_store(&w->sh->seal_seq, st.seal_seq);
	atomic_store(&w->sh->seal_us, st.seal_us);
	atomic_store(&w->sh->seal_epoch, st.epoch);
}

/*
 * A small step for closed segments, when few lines came: the rings hold what comes meanwhile.
 * False: there is nothing to do.
 */
static bool tend(struct writer *w, unsigned count, int64_t now)
{
	int rc;

	if (w->error != 0 || count > BURST / 8)
		return false;
	rc = ledger_tend(w->ledger, clock_real.now_us(clock_real.arg), now);
	if (rc == -ENOTSUP && !w->passed_over)
		log_warning("ledger: lines whose time has passed stay in segments until "
			    "ledger.keep removes them: their seals do not count lines "
			    "by type, as those of versions before, or they cannot be "
			    "read, or are not what was sealed (weir verify)");
	w->passed_over = w->passed_over || rc == -ENOTSUP;
	if (rc == -ENOTSUP)
		return true;
	if (rc < 0 && rc != w->tend_error)
		log_error("ledger: a closed segment cannot be compressed or removed: %s; "
			  "it stays, and is tried again every minute",
			  rc == -EBADMSG ? "it is damaged" : strerrordesc_np(-rc));
	if (rc != 0)
		w->tend_error = rc < 0 ? rc : 0;
	return rc > 0;
}

static void hand_over(struct writer *w, unsigned count, int64_t now)
{
	int rc = 0;

	if (count > 0) {
		rc = ledger_flush(w->ledger);
		w->dirty = true;
		if (rc == 0)
			atomic_store(&w->sh->written, atomic_load(&w->sh->taken));
	}
	if (rc == 0 && w->dirty && now >= w->sync_us) {
		rc = ledger_sync(w->ledger);
		w->dirty = false;
		w->sync_us = now + w->sync_every_us;
	}
	if (rc != 0)
		note_error(w, rc, now);
}

static void try_again(struct writer *w, int64_t now)
{
	const int rc = ledger_retry(w->ledger);

	if (rc == 0)
		atomic_store(&w->sh->written, atomic_load(&w->sh->taken));
	w->retry_us = now + RETRY_US;
	note_error(w, rc, now);
}

/* What a writer that was killed had taken and not handed over; at most that is lost. */
static void count_lost(struct gateway_shared *sh)
{
	const uint64_t written = atomic_load(&sh->written);

	atomic_fetch_add(&sh->lost, atomic_load(&sh->taken) - written);
	atomic_store(&sh->taken, written);
}

/* Somebody wrote into a ring what no record is: at least one event went. */
static void look_for_faults(struct writer *w)
{
	const uint64_t faults = ring_faults(w->events) + ring_faults(w->notes);

	if (faults == w->faults)
		return;
	log_error("events: what a process left in shared memory is damaged; dropped");
	atomic_fetch_add(&w->sh->lost, faults - w->faults);
	w->faults = faults;
}

/* The supervisor is gone: is the enforcer done with what it had, or gone, too? */
static bool nobody_writes(const struct gateway_shared *sh, int64_t now)
{
	return !atomic_load(&sh->enforcer.ready) ||
	       now - atomic_load(&sh->enforcer.beat_us) > ORPHAN_US;
}

/* What was written since the last look went with the file. */
static void count_removed(struct writer *w)
{
	atomic_fetch_add(&w->sh->lost, atomic_load(&w->sh->taken) - w->looked);
	atomic_store(&w->sh->written, atomic_load(&w->sh->taken));
}

/* Somebody removed the segment or its folder under us?  False: another writer must begin. */
static bool look(struct writer *w, int64_t now)
{
	int rc;

	if (now < w->look_us)
		return true;
	w->look_us = now + LOOK_US;
	rc = ledger_look(w->ledger);
	if (rc == 1) {
		log_error("ledger: the segment was removed while it was written; going "
			  "on in a new one");
		count_removed(w);
	} else if (rc == -ENOENT) {
		log_error("ledger: the folder was removed while it was written; making "
			  "it again");
		count_removed(w);
		atomic_store(&w->sh->write_error, rc);
		return false;
	} else if (rc != 0) {
		note_error(w, rc, now);
	}
	w->looked = atomic_load(&w->sh->taken);
	return true;
}

/*
 * The passive DNS table, when there is another one.  Half of the time between two is enough of a
 * pause: whoever asks for tables often makes us write no oftener.
 */
static void save_dns(struct writer *w, int64_t now, bool last)
{
	struct dns_share *sh = &w->sh->dns;
	int rc;

	if (w->dns_dir == NULL || (!last && now < w->dns_next_us) ||
	    atomic_load(&sh->version) == w->dns_version)
		return;
	rc = dns_file_save(w->dns_dir, sh, w->dns_fd, &w->dns_version);
	if (rc == -EAGAIN)
		return;
	w->dns_next_us = now + w->dns_us / 2;
	atomic_fetch_add(rc == 0 ? &sh->saved : &sh->save_failed, 1);
	if (rc != w->dns_error && rc != 0)
		log_error("dns table: cannot be saved in %s: %s", w->dns_dir,
			  strerrordesc_np(-rc));
	else if (rc != w->dns_error)
		log_notice("dns table: saved again");
	w->dns_error = rc;
}

/* As root: what the ledger's user does not own yet becomes its own. */
static int open_ledger(struct writer *w, const struct config *c, char error[300])
{
	char beside[KEYS_DIR_MAX];
	const struct ledger_seals seals = {.keys = c->ledger.keys != NULL ? c->ledger.keys
									  : beside,
					   .events = c->ledger.seal_events,
					   .interval_us = c->ledger.seal_us,
					   .epoch_us = c->ledger.epoch_us,
					   .wall_us = clock_real.now_us(clock_real.arg)};
	struct ledger_cfg lc = {.dir = c->ledger.dir,
				.fd = -1,
				.segment_bytes = c->ledger.segment_bytes,
				.seals = &seals,
				.upkeep = {.compress = c->ledger.compress,
					   .keep_us = c->ledger.keep_us,
					   .keep_bytes = c->ledger.keep_bytes}};

	memcpy(lc.upkeep.keep_type_us, c->ledger.keep_type_us,
	       sizeof(lc.upkeep.keep_type_us));
	w->sync_every_us = c->ledger.sync_us;
	keys_beside(c->ledger.dir, beside);
	return ledger_open(&lc, &w->ledger, error);
}

int writer_main(const struct gateway_cfg *cfg, struct gateway_shared *sh,
		const struct gateway_rings *rings)
{
	const struct config *c = cfg->generation->config;
	struct writer w = {.sh = sh, .events = rings->events, .notes = rings->notes};
	const pid_t parent = getppid();
	unsigned empty = 0;
	char error[300] = "";
	int rc = open_ledger(&w, c, error);

	atomic_store(&sh->write_error, rc);
	if (error[0] != '\0')
		log_warning("%s", error);
	if (rc != 0 || confine(CONFINE_WRITER, c->capture.user, false, error) != 0) {
		if (rc == 0)
			log_error("writer: %s", error);
		return 3;
	}
	ring_destroy(rings->guesses.asks); /* not its business */
	ring_destroy(rings->guesses.answers);
	ring_destroy(rings->resolvers);
	if (rings->dnstap_fd >= 0)
		(void)close(rings->dnstap_fd);
	ring_attach(w.events);
	ring_attach(w.notes);
	w.dns_dir = !c->dns.keep ? NULL : c->dns.dir != NULL ? c->dns.dir : c->ledger.dir;
	w.dns_fd = rings->dns_fd;
	w.dns_us = c->dns.save_us;
	w.packets = packets_create(c->ledger.dir, c->ledger.packets_bytes);
	if (w.packets == NULL)
		return 3;
	w.packets_before =
		(struct packets_stats){.kept = atomic_load(&sh->packets_kept),
				       .removed = atomic_load(&sh->packets_removed),
				       .failed = atomic_load(&sh->packets_failed)};
	count_lost(sh);
	w.looked = atomic_load(&sh->taken);
	atomic_store(&sh->writer.ready, true);
	for (;;) {
		const int64_t now = gateway_monotonic_us();
		const bool last = atomic_load(&sh->writer_stop) ||
				  (getppid() != parent && nobody_writes(sh, now));
		unsigned count = 0, sealed = 0;
		bool tended;

		atomic_store(&sh->writer.beat_us, now);
		if (!look(&w, now))
			return 3;
		if (w.error != 0 && now >= w.retry_us)
			try_again(&w, now);
		if (w.error == 0 && take(&w, w.notes, &count, now))
			(void)take(&w, w.events, &count, now);
		look_for_faults(&w);
		if (w.error == 0)
			seal(&w, &sealed, now);
		hand_over(&w, count + sealed, now);
		save_dns(&w, now, count == 0 && last);
		if (count == 0 && last)
			break;
		tended = !last && tend(&w, count, now);
		empty = count > 0 || tended ? 0 : empty + 1;
		if (count < BURST)
			rest(empty);
	}
	rc = ledger_close(w.ledger);
	if (rc != 0)
		log_error("ledger: %s; events that waited for room are lost",
			  strerrordesc_np(-rc));
	return rc == 0 ? 0 : 3;
}
