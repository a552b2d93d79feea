/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor - keeps the gateway's processes alive, and makes changes in one step.
 *
 * A change (reload, mode) is: load aside, tell the enforcer, which judges by it from that
 * moment on and marks with a new mark, then replace the netfilter rules by ones that honour
 * the new mark only.  Whatever fails, the old state stays in force.
 */
#include "engine/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/feeds.h"
#include "engine/held.h"
#include "record/form.h"
#include "record/keys.h"

#define EVENTS_BYTES ((size_t)16 << 20)
#define NOTES_BYTES  ((size_t)1 << 20)
#define ASKS_BYTES   ((size_t)2 << 20)
#define WORDS_BYTES  ((size_t)256 << 10)
#define START_US     INT64_C(10000000) /* for a process to become ready */
#define CHANGE_US    INT64_C(30000000)
#define QUICK_US     INT64_C(5000000)
#define QUICK_MAX    3u
#define FEEDS_US     INT64_C(86400000000)
#define WAIT_MS      50
#define STOP_US      INT64_C(5000000)

int64_t gateway_monotonic_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t supervisor_real_us(void)
{
	return clock_real.now_us(clock_real.arg);
}

static const struct capture_cfg *capture_of(const struct supervisor *s)
{
	return &s->generation->config->capture;
}

static bool is_inline(const struct supervisor *s)
{
	return capture_of(s)->source == CAPTURE_NFQUEUE;
}

/* ---- events of its own ---------------------------------------------------------------------- */

static struct event_origin origin_of(const struct supervisor *s)
{
	return (struct event_origin){.sensor = str_of(s->generation->config->sensor),
				     .generation = str_of(s->generation->name),
				     .mode = s->mode};
}

/* False: it found the ring full. */
static bool try_note(struct supervisor *s, const char *line, size_t len)
{
	void *at = len == 0 ? NULL : ring_reserve(s->rings.notes, len);

	if (at == NULL)
		return false;
	memcpy(at, line, len);
	ring_commit(s->rings.notes, len);
	return true;
}

/* The same, counted as lost. */
static bool note(struct supervisor *s, const char *line, size_t len)
{
	const bool fine = try_note(s, line, len);

	if (!fine)
		atomic_fetch_add(&s->sh->lost, 1);
	return fine;
}

static void note_system(struct supervisor *s, const struct system_event *e)
{
	char line[FORM_LINE_MAX] = "";
	const struct event_origin o = origin_of(s);

	(void)note(s, line, form_system(e, &o, line, sizeof(line)));
}

void supervisor_note_system(struct supervisor *s, const char *what, const char *message)
{
	note_system(s, &(struct system_event){.time_us = supervisor_real_us(),
					      .what = what,
					      .message = str_of(message)});
}

void supervisor_note_counters(struct supervisor *s, const char *what,
			      const struct event_counter *counters, size_t count)
{
	note_system(s, &(struct system_event){.time_us = supervisor_real_us(),
					      .what = what,
					      .counters = counters,
					      .counter_count = count});
}

bool supervisor_note_loss(struct supervisor *s, const char *what, uint64_t count,
			  int64_t from_us, int64_t to_us)
{
	char line[FORM_LINE_MAX] = "";
	const struct event_origin o = origin_of(s);
	const struct loss_event e = {.time_us = to_us,
				     .what = what,
				     .count = count,
				     .from_us = from_us,
				     .to_us = to_us};

	return try_note(s, line, form_loss(&e, &o, line, sizeof(line)));
}

void supervisor_note_change(struct supervisor *s, const char *what, const char *diff,
			    const char *old_name, const char *new_name)
{
	char line[FORM_LINE_MAX] = "";
	const struct event_origin o = origin_of(s);
	const struct change_event e = {.time_us = supervisor_real_us(),
				       .what = what,
				       .who = str_of(s->asker.who),
				       .why = str_of(s->asker.why),
				       .ticket = str_of(s->asker.ticket),
				       .diff = str_of(diff),
				       .old_generation = str_of(old_name),
				       .new_generation = str_of(new_name)};

	(void)note(s, line, form_change(&e, &o, line, sizeof(line)));
}

bool supervisor_note_unmasked(struct supervisor *s, const struct asker *a,
			      const char *pseudonym)
{
	char line[FORM_LINE_MAX] = "";
	const struct event_origin o = origin_of(s);
	const struct change_event e = {.time_us = supervisor_real_us(),
				       .what = "unmasked",
				       .who = str_of(a->who),
				       .why = str_of(a->why),
				       .diff = str_of(pseudonym)};

	return note(s, line, form_change(&e, &o, line, sizeof(line)));
}

/* ---- netfilter ---------------------------------------------------------------------------------- */

static struct netfilter_cfg rules_of(const struct supervisor *s)
{
	const struct capture_cfg *c = capture_of(s);

	return (struct netfilter_cfg){.backend = s->backend,
				      .queue = (uint16_t)c->queue,
				      .mark_mask = c->mark_mask,
				      .allow_mark = s->mark,
				      .fail_open = c->on_failure == ON_FAILURE_OPEN,
				      .drop_invalid = s->mode == MODE_ENFORCE,
				      .acct_was_off = atomic_load(&s->sh->acct_was_off),
				      .interfaces = c->interfaces,
				      .interface_count = c->interface_count};
}

int supervisor_put_rules(struct supervisor *s, char error[NETFILTER_ERROR_MAX])
{
	const struct netfilter_cfg cfg = rules_of(s);
	int rc;

	if (!is_inline(s))
		return 0;
	/* What somebody did since the last look would be overwritten, and never told. */
	if (s->guard.missing_from_us == 0)
		(void)guard_rules_stand(s);
	rc = netfilter_install(&cfg, &s->backend, error);
	if (rc == 0) {
		s->rules_in_place = true;
		guard_remember(s);
	}
	return rc;
}

/* Can the tools that put our rules there still be run? */
static int look_at_rules(const struct supervisor *s, char error[NETFILTER_ERROR_MAX])
{
	char *now = NULL;
	int rc = s->rules_in_place ? netfilter_read(s->backend, &now, error) : 0;

	free(now);
	return rc;
}

/* 0, or -errno with `error`: then they stand as they stood. */
static int take_rules_away(struct supervisor *s, char error[NETFILTER_ERROR_MAX])
{
	bool found;
	int rc;

	if (!s->rules_in_place)
		return 0;
	(void)guard_rules_stand(s);
	guard_close_gap(s);
	rc = look_at_rules(s, error);
	if (rc == 0)
		rc = netfilter_remove(&found, error);
	if (rc == 0)
		s->rules_in_place = false;
	else
		log_error("the netfilter rules are still in place: %s", error);
	return rc;
}

/* ---- children ------------------------------------------------------------------------------------- */

static const char *child_name(enum child_kind k)
{
	static const char *const names[CHILD_COUNT] = {[CHILD_ENFORCER] = "enforcer",
						       [CHILD_WRITER] = "writer",
						       [CHILD_GUESSER] = "guesser",
						       [CHILD_DNSTAP] = "dnstap"};

	return names[k];
}

static bool is_wanted(const struct supervisor *s, enum child_kind k)
{
	return k == CHILD_GUESSER  ? s->guesser != NULL
	       : k == CHILD_DNSTAP ? s->dnstap != NULL
				   : true;
}

/* Without it there is no gateway. */
static bool is_needed(enum child_kind k)
{
	return k == CHILD_ENFORCER || k == CHILD_WRITER;
}

static struct gateway_process *process_of(const struct supervisor *s, enum child_kind k)
{
	if (k == CHILD_GUESSER)
		return &s->guesser->process;
	if (k == CHILD_DNSTAP)
		return &s->dnstap->process;
	return k == CHILD_ENFORCER ? &s->sh->enforcer : &s->sh->writer;
}

static int child_life(struct supervisor *s, enum child_kind k, int order_fd)
{
	char title[16];

	(void)snprintf(title, sizeof(title), "weir:%s", child_name(k));
	(void)prctl(PR_SET_NAME, title, 0, 0, 0);
	if (k != CHILD_ENFORCER)
		(void)munmap(s->rings.identity, 2 * IDENTITY_BYTES_MAX);
	switch (k) {
	case CHILD_ENFORCER:
		return enforcer_main(&s->cfg, s->sh, &s->rings, order_fd);
	case CHILD_WRITER:
		return writer_main(&s->cfg, s->sh, &s->rings);
	case CHILD_GUESSER:
		(void)munmap(s->sh, sizeof(*s->sh));
		s->sh = NULL;
		return guesser_main(&s->cfg, s->guesser, &s->rings);
	case CHILD_DNSTAP:
		(void)munmap(s->sh, sizeof(*s->sh));
		s->sh = NULL;
		return dnstap_main(&s->cfg, s->dnstap, &s->rings);
	case CHILD_COUNT:
		break;
	}
	return 3;
}

static int prepare_ledger(const struct supervisor *s)
{
	const struct config *c = s->generation->config;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the loader does not ask for users */
	const struct passwd *pw = getpwnam(c->capture.user);
	bool made;

	if (c->ledger.dir == NULL) {
		log_error(
			"no ledger: write ledger = { dir = \"/var/lib/weir/ledger\"; };");
		return -EINVAL;
	}
	made = mkdir(c->ledger.dir, 0750) == 0;
	if (!made && errno != EEXIST) {
		log_error("%s: %s", c->ledger.dir, strerrordesc_np(errno));
		return -errno;
	}
	if (pw == NULL && s->sh == NULL)
		log_warning("no user '%s': the processes stay uid %u, without rights",
			    c->capture.user, (unsigned)getuid());
	else if (pw != NULL && (made || s->sh == NULL) &&
		 chown(c->ledger.dir, pw->pw_uid, pw->pw_gid) != 0)
		log_warning("%s: cannot give it to user '%s': %s", c->ledger.dir,
			    c->capture.user, strerrordesc_np(errno));
	if (made || s->sh == NULL)
		readers_let_in(c->ledger.dir, c->control.readers);
	return 0;
}

/* The folder of the passive DNS table, where it is one of its own; trouble shows at the first save. */
static void prepare_dns(const struct supervisor *s)
{
	const struct config *c = s->generation->config;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the loader does not ask for users */
	const struct passwd *pw = getpwnam(c->capture.user);

	if (c->dns.keep && c->dns.dir != NULL && mkdir(c->dns.dir, 0700) == 0 &&
	    pw != NULL && chown(c->dns.dir, pw->pw_uid, pw->pw_gid) != 0)
		log_warning("%s: cannot give it to user '%s': %s", c->dns.dir,
			    c->capture.user, strerrordesc_np(errno));
}

/* A line each: the log keeps no newline within one. */
static void log_lines(const char *text, bool error)
{
	for (const char *line = text; *line != '\0';) {
		const int len = (int)strcspn(line, "\n");

		if (len > 0 && error)
			log_error("%.*s", len, line);
		else if (len > 0)
			log_warning("%.*s", len, line);
		line += len + (line[len] == '\n' ? 1 : 0);
	}
}

/* A broken file: what it said before stays in force. */
static void tell_identity(void *arg, bool fine, const char *text)
{
	struct supervisor *s = arg;

	if (fine) {
		log_notice("identity: %s can be read again", text);
		supervisor_note_system(s, "identity_restored", text);
		return;
	}
	log_lines(text, true);
	log_error("identity: what that file said before stays in force");
	supervisor_note_system(s, "identity_refused", text);
}

static void look_who_is_who(struct supervisor *s, bool now)
{
	identity_watch_look(s->identity, s->generation->config, gateway_monotonic_us(),
			    now);
}

static void start_child(struct supervisor *s, enum child_kind k)
{
	struct child *c = &s->children[k];
	int pair[2] = {-1, -1};

	if (k == CHILD_ENFORCER) {
		if (s->order_fd >= 0)
			(void)close(s->order_fd);
		s->order_fd = -1;
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
			return;
		s->order_fd = pair[0];
		s->answers_due = 0;
		s->cfg.generation = s->generation;
		look_who_is_who(s, true);
		/* It begins with what is offered. */
		atomic_store(&s->sh->identity.taken,
			     atomic_load(&s->sh->identity.offered));
		/* What began while nobody looked, and was let pass, goes on. */
		if (c->started_us != 0 && capture_of(s)->on_failure == ON_FAILURE_OPEN)
			s->sh->adopt_until_us =
				supervisor_real_us() + capture_of(s)->adopt_us;
		atomic_store(&s->sh->mark, s->mark);
		atomic_store(&s->sh->mode, (int)s->mode);
	}
	/* It may be the removed folder that the last one ended for. */
	if (k == CHILD_WRITER && c->started_us != 0)
		(void)prepare_ledger(s);
	atomic_store(&process_of(s, k)->ready, false);
	c->started_us = gateway_monotonic_us();
	c->pid = fork();
	if (c->pid == 0) {
		/* Of the supervisor alone: its end is how the enforcer hears of its death. */
		if (s->order_fd >= 0)
			(void)close(s->order_fd);
		(void)close(s->signal_fd);
		control_close(s->control);
		_exit(child_life(s, k, pair[1]));
	}
	if (pair[1] >= 0)
		(void)close(pair[1]);
	if (c->pid < 0) {
		log_error("cannot start the %s: %s", child_name(k),
			  strerrordesc_np(errno));
		c->pid = 0;
	}
}

static const char *how_it_ended(int status, char buf[64])
{
	if (WIFSIGNALED(status))
		(void)snprintf(buf, 64, "killed by signal %d%s", WTERMSIG(status),
			       WTERMSIG(status) == SIGSYS ? " (a forbidden system call)"
							  : "");
	else
		(void)snprintf(buf, 64, "exit status %d", WEXITSTATUS(status));
	return buf;
}

/* From the last packet that was surely judged to the first that will be again. */
static void open_gap(struct supervisor *s)
{
	const int64_t quiet =
		gateway_monotonic_us() - atomic_load(&s->sh->enforcer.beat_us);

	/* In mode panic nothing was to be judged. */
	if (s->uninspected_from_us == 0 && s->announced && s->mode != MODE_PANIC)
		s->uninspected_from_us = supervisor_real_us() - (quiet > 0 ? quiet : 0);
}

static void close_gap(struct supervisor *s)
{
	/* Where there is no room for it, it is told by the next turn. */
	if (s->uninspected_from_us == 0 ||
	    !supervisor_note_loss(s,
				  !is_inline(s) ? "not_captured"
				  : capture_of(s)->on_failure == ON_FAILURE_OPEN ||
						  s->rules_were_gone
					  ? "uninspected"
					  : "blocked",
				  0, s->uninspected_from_us, supervisor_real_us()))
		return;
	s->uninspected_from_us = 0;
	s->rules_were_gone = false;
}

/* Do rules of an earlier run stand, which nobody answers? */
static bool rules_are_left(void)
{
	bool any = false;

	for (int b = NETFILTER_PROBE + 1; b < NETFILTER_BACKEND_COUNT && !any; b++) {
		char error[NETFILTER_ERROR_MAX], *text = NULL;

		any = netfilter_read((enum netfilter_backend)b, &text, error) == 0 &&
		      *text != '\0';
		free(text);
	}
	return any;
}

static void end_change(struct supervisor *s, bool ok, const char *text)
{
	if (!ok)
		log_lines(text, true);
	s->changing = false;
	s->loading = false;
	generation_destroy(s->next);
	s->next = NULL;
	free(s->held);
	s->held = NULL;
	control_finish(s->control, &s->asker, ok, text);
}

bool supervisor_read_stats(const struct supervisor *s, struct gateway_stats *ret)
{
	for (int i = 0; i < 1000; i++) {
		const uint64_t v = atomic_load(&s->sh->stats_version);

		if ((v & 1) != 0)
			continue;
		*ret = s->sh->stats;
		if (atomic_load(&s->sh->stats_version) == v)
			return true;
	}
	return false;
}

/* Nothing changed, and why; who asked is told, the log and the ledger too. */
static void refuse_change(struct supervisor *s, const char *text)
{
	const bool mode = s->next_mode != s->mode;

	log_error("%s refused, nothing changed:", mode ? "change of mode" : "reload");
	supervisor_note_change(s, mode ? "mode_refused" : "reload_refused", "",
			       s->generation->name, "");
	(void)exempt_settle(s, false);
	exempt_forget(s);
	end_change(s, false, text);
}

/*
 * Before it is started again: at once, but what cannot live is tried once a second.  What sends
 * down those that are not needed comes from others, again and again: ever less often, at last
 * once a minute.
 */
static int64_t pause_us(enum child_kind k, uint32_t quick)
{
	const uint32_t more = quick < QUICK_MAX ? 0 : quick - QUICK_MAX;

	if (quick < QUICK_MAX)
		return 0;
	if (is_needed(k))
		return 1000000;
	return more < 6 ? INT64_C(1000000) << more : INT64_C(60000000);
}

static void child_ended(struct supervisor *s, enum child_kind k, int status)
{
	struct child *c = &s->children[k];
	const int64_t now = gateway_monotonic_us();
	char how[64], text[160], what[32];

	c->pid = 0;
	if (s->stop)
		return;
	c->quick = now - c->started_us < QUICK_US ? c->quick + 1 : 0;
	(void)snprintf(text, sizeof(text), "the %s has ended: %s%s", child_name(k),
		       how_it_ended(status, how),
		       !s->announced && c->quick > 2 && is_needed(k)
			       ? ""
			       : "; starting it again");
	log_error("%s", text);
	(void)snprintf(what, sizeof(what), "%s_ended", child_name(k));
	supervisor_note_system(s, what, text);
	c->restarts++;
	c->retry_us = now + pause_us(k, c->quick);
	if (k == CHILD_ENFORCER) {
		losses_overflow(s, true);
		counted_enforcer_ended(s);
		open_gap(s);
	}
	if (k == CHILD_ENFORCER && s->changing)
		refuse_change(s,
			      "the enforcer ended during the change; nothing changed\n");
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned k = 0; k < CHILD_COUNT; k++)
			if (s->children[k].pid == pid)
				child_ended(s, (enum child_kind)k, status);
}

static void watch_child(struct supervisor *s, enum child_kind k)
{
	struct child *c = &s->children[k];
	const struct gateway_process *p = process_of(s, k);
	const int64_t now = gateway_monotonic_us();
	const int64_t limit = k == CHILD_WRITER ? START_US : capture_of(s)->watchdog_us;
	int64_t quiet;

	if (c->pid == 0) {
		if (now >= c->retry_us)
			start_child(s, k);
		return;
	}
	if (!atomic_load(&p->ready)) {
		if (now - c->started_us > START_US)
			(void)kill(c->pid, SIGKILL);
		return;
	}
	quiet = now - atomic_load(&p->beat_us);
	if (quiet > limit) {
		log_error("the %s has not moved for %" PRId64 " ms: killed",
			  child_name(k), quiet / 1000);
		(void)kill(c->pid, SIGKILL);
	}
}

/* ---- changes ------------------------------------------------------------------------------------------ */

static bool begin_change(struct supervisor *s, const struct asker *who)
{
	if (s->changing)
		return false;
	s->changing = true;
	s->asker = *who;
	s->change_until_us = gateway_monotonic_us() + CHANGE_US;
	s->next_mode = s->mode;
	return true;
}

static bool give_order(struct supervisor *s, enum gateway_order_kind kind)
{
	struct gateway_order o = {
		.kind = kind, .mode = s->next_mode, .mark = s->next_mark};

	if (s->next != NULL)
		memcpy(o.name, s->next->name, sizeof(o.name));
	if (s->order_fd < 0 || send(s->order_fd, &o, sizeof(o),
				    MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof(o))
		return false;
	s->answers_due += kind != GATEWAY_STOP;
	return true;
}

bool supervisor_reload(struct supervisor *s, const struct asker *who)
{
	if (!begin_change(s, who))
		return false;
	geo_watch_begin(s);
	s->loading = loader_start(s->loader, supervisor_real_us());
	if (!s->loading)
		refuse_change(s, "a load that was given up goes on yet; try again\n");
	return true;
}

/* What cannot change under way stays as it was at the start, all of it, and is told. */
static void hold_keys(struct supervisor *s)
{
	size_t size = 0;
	FILE *out = open_memstream(&s->held, &size);

	if (out != NULL) {
		(void)held_differences(s->start->config, s->mode, s->next->config, out);
		(void)fclose(out);
	}
	held_keep(s->start->config, s->next->config);
}

/* Nothing is begun that the netfilter tools cannot bring to its end. */
static void order_change(struct supervisor *s, enum gateway_order_kind kind)
{
	char error[NETFILTER_ERROR_MAX] = "";

	if (look_at_rules(s, error) != 0)
		refuse_change(s, error);
	else if (!give_order(s, kind))
		refuse_change(s, "the enforcer is not there; try again\n");
}

static void loaded(struct supervisor *s)
{
	char *text = NULL;
	struct generation *g = loader_take(s->loader, &text);

	if (!s->loading) { /* of a change that was given up */
		generation_destroy(g);
		free(text);
		return;
	}
	s->loading = false;
	s->next = g;
	if (s->next == NULL) {
		geo_watch_refused(s, text == NULL ? "" : text);
		refuse_change(s, text == NULL ? "out of memory\n" : text);
	} else {
		hold_keys(s);
		s->next_mark = mark_choose(s, s->next->name, s->next_mode);
		order_change(s, GATEWAY_USE);
	}
	free(text);
}

/* The enforcer judges by it already: make it ours, and let the kernel honour its mark. */
static void adopt_change(struct supervisor *s)
{
	char error[NETFILTER_ERROR_MAX], text[NETFILTER_ERROR_MAX + 2400],
		diff[1600] = "";
	const char *held = s->held == NULL ? "" : s->held, *exempted;
	const enum mode old_mode = s->mode;
	char old_name[GENERATION_NAME_LEN + 1];
	int rc = 0;

	memcpy(old_name, s->generation->name, sizeof(old_name));
	if (s->next != NULL) {
		geo_watch_adopt(s, s->next);
		if (s->generation != s->start)
			loader_discard(s->loader, s->generation);
		s->generation = s->next;
		s->cfg.generation = s->generation;
		s->next = NULL;
	}
	s->mode = s->next_mode;
	s->mark = s->next_mark;
	atomic_store(&s->sh->mark, s->mark);
	atomic_store(&s->sh->mode, (int)s->mode);
	if (s->mode == MODE_PANIC)
		rc = take_rules_away(s, error);
	else
		rc = supervisor_put_rules(s, error);
	mark_keep(s);
	if (old_mode != s->mode)
		(void)snprintf(diff, sizeof(diff), "%s -> %s", mode_name(old_mode),
			       mode_name(s->mode));
	for (size_t i = 0; held[i] != '\0' && i + 1 < sizeof(diff); i++) {
		diff[i] = held[i] == '\n' ? ';' : held[i];
		diff[i + 1] = '\0';
	}
	if (s->generation->signed_by[0] != '\0' && old_mode == s->mode)
		(void)snprintf(diff + strlen(diff), sizeof(diff) - strlen(diff),
			       "%ssigned by %s", diff[0] == '\0' ? "" : "; ",
			       s->generation->signed_by);
	exempted = exempt_settle(s, true);
	supervisor_note_change(s,
			       exempted != NULL      ? "exempt"
			       : old_mode != s->mode ? "mode"
						     : "reload",
			       exempted != NULL ? exempted : diff, old_name,
			       s->generation->name);
	exempt_forget(s);
	if (s->mode == MODE_PANIC && rc == 0)
		log_error("panic: everything passes, nothing is judged");
	(void)snprintf(text, sizeof(text), "mode %s, generation %s%s%s",
		       mode_name(s->mode), s->generation->name, rc != 0 ? "; BUT " : "",
		       rc != 0 ? error : "");
	log_notice("%s", text);
	log_lines(held, false);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "\n%s", held);
	end_change(s, rc == 0, text);
}

bool supervisor_mode(struct supervisor *s, enum mode mode, const struct asker *who)
{
	if (s->changing && mode == MODE_PANIC)
		refuse_change(s, "given up: mode panic came first\n");
	if (!begin_change(s, who))
		return false;
	s->next_mode = mode;
	s->next_mark = mark_choose(s, s->generation->name, mode);
	if (mode == MODE_PANIC) { /* the way out waits for nobody who may hang */
		(void)give_order(s, GATEWAY_MODE);
		adopt_change(s);
	} else {
		order_change(s, GATEWAY_MODE);
	}
	return true;
}

/* What the enforcer judges by when it has done what it was told last. */
static const char *next_name(const struct supervisor *s)
{
	return s->next != NULL ? s->next->name : s->generation->name;
}

static void enforcer_answered(struct supervisor *s)
{
	struct gateway_reply r;
	ssize_t n = recv(s->order_fd, &r, sizeof(r), MSG_DONTWAIT);

	if (n != (ssize_t)sizeof(r)) {
		if (n == 0) { /* it has ended: waitpid() tells the rest */
			(void)close(s->order_fd);
			s->order_fd = -1;
		}
		return;
	}
	r.text[sizeof(r.text) - 1] = '\0';
	if (s->answers_due > 0)
		s->answers_due--;
	if (s->answers_due > 0) /* to an order that was given up, or not waited for */
		return;
	if (r.ok && strcmp(r.text, next_name(s)) != 0) {
		log_error("the enforcer judges by generation %s, which was given up: "
			  "killed",
			  r.text);
		(void)kill(s->children[CHILD_ENFORCER].pid, SIGKILL);
	}
	if (!s->changing)
		return;
	if (r.ok && strcmp(r.text, next_name(s)) != 0)
		refuse_change(s, "the enforcer judged by other rules; try again\n");
	else if (r.ok)
		adopt_change(s);
	else
		refuse_change(s, r.text);
}

/* It may come to its end later: the enforcer is told to stay with what it has. */
static void give_up_change(struct supervisor *s)
{
	const bool ordered = !s->loading;

	refuse_change(s, ordered ? "no answer from the enforcer\n"
				 : "the files could not be loaded within 30 s\n");
	s->next_mode = s->mode;
	s->next_mark = s->mark;
	if (ordered)
		(void)give_order(s, GATEWAY_MODE);
}

/* ---- the passive DNS table --------------------------------------------------------------------------- */

uint64_t supervisor_want_dns(struct supervisor *s)
{
	return atomic_fetch_add(&s->sh->dns.wanted, 1) + 1;
}

int supervisor_dns(const struct supervisor *s, uint64_t wanted)
{
	uint64_t version;
	int fd, rc;

	if (atomic_load(&s->sh->dns.made) < wanted)
		return -EAGAIN;
	fd = memfd_create("weir-dns-copy", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = dns_share_copy(&s->sh->dns, s->rings.dns_fd, fd, &version);
	if (rc == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	(void)close(fd);
	return rc == 0 ? -EIO : rc;
}

/* ---- life ----------------------------------------------------------------------------------------------- */

static bool share_with_guesser(struct supervisor *s)
{
	void *p = mmap(NULL, sizeof(*s->guesser), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	s->guesser = p;
	s->rings.guesses.asks = ring_create_shared(ASKS_BYTES);
	s->rings.guesses.answers = ring_create_shared(WORDS_BYTES);
	return s->rings.guesses.asks != NULL && s->rings.guesses.answers != NULL;
}

static int share_memory(struct supervisor *s)
{
	void *p = mmap(NULL, sizeof(*s->sh), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	s->sh = p;
	s->rings.events = ring_create_shared(EVENTS_BYTES);
	s->rings.notes = ring_create_shared(NOTES_BYTES);
	s->rings.dns_fd = dns_share_open();
	if (s->rings.dns_fd < 0)
		return s->rings.dns_fd;
	s->rings.identity = identity_share_create();
	s->identity = identity_watch_create(&s->sh->identity, s->rings.identity,
					    tell_identity, s);
	if (s->rings.identity == NULL || s->identity == NULL)
		return -ENOMEM;
	if (s->cfg.ndpi && !share_with_guesser(s))
		return -ENOMEM;
	s->sh->start_us = supervisor_real_us();
	s->sh->start_mono_us = gateway_monotonic_us();
	s->sh->adopt_until_us = s->sh->start_us + capture_of(s)->adopt_us;
	return s->rings.events == NULL || s->rings.notes == NULL ? -ENOMEM : 0;
}

static int take_signals(struct supervisor *s)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -EINVAL;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd < 0 ? -errno : 0;
}

static void signalled(struct supervisor *s)
{
	struct signalfd_siginfo si;

	while (read(s->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT)
			s->stop = true;
		else if (si.ssi_signo == SIGHUP)
			s->reload_due = true;
		else if (si.ssi_signo == SIGCHLD)
			reap(s);
	}
}

/* A signal that comes during a change waits for its end: the files may have changed since. */
static void reload_if_due(struct supervisor *s)
{
	const struct asker by_signal = {.fd = -1, .who = "signal"};

	if (s->reload_due && supervisor_reload(s, &by_signal))
		s->reload_due = false;
}

/* Everything stands: rules go in last, so that nothing is queued that nobody reads. */
static int become_ready(struct supervisor *s)
{
	char error[NETFILTER_ERROR_MAX];
	int rc;

	if (!atomic_load(&s->sh->enforcer.ready) || !atomic_load(&s->sh->writer.ready))
		return 0;
	close_gap(s);
	if (s->announced)
		return 0;
	rc = s->mode == MODE_PANIC ? 0 : supervisor_put_rules(s, error);
	if (rc != 0) {
		log_error("%s", error);
		return rc;
	}
	mark_keep(s);
	s->announced = true;
	supervisor_note_system(s, "start", is_inline(s) ? "inline" : "mirror");
	guard_start(s);
	geo_watch_start(s);
	losses_before(s);
	edited_tell(s);
	log_notice("ready: %s, mode %s, generation %s, %s, on failure %s",
		   is_inline(s) ? "inline" : "mirror", mode_name(s->mode),
		   s->generation->name,
		   is_inline(s) ? netfilter_backend_name(s->backend) : "no rules",
		   !is_inline(s)                                  ? "-"
		   : capture_of(s)->on_failure == ON_FAILURE_OPEN ? "open"
								  : "closed");
	return 0;
}

static void tell_old_feed(void *arg, const struct tag_feed *feed, const char *text)
{
	log_warning("%s: %s", feed->file, text);
	supervisor_note_system(arg, "feed_old", text);
}

/* For each new generation, and once a day. */
static void tell_old_feeds(struct supervisor *s)
{
	const int64_t now = gateway_monotonic_us();

	if (!s->announced || (s->feeds_of == s->generation && now < s->feeds_next_us))
		return;
	s->feeds_of = s->generation;
	s->feeds_next_us = now + FEEDS_US;
	(void)feeds_old(s->generation, supervisor_real_us(), tell_old_feed, s);
}

static int turn(struct supervisor *s)
{
	struct pollfd fds[3 + CONTROL_FDS_MAX] = {0};
	nfds_t n = 3;

	fds[0] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = loader_fd(s->loader), .events = POLLIN};
	fds[2] = (struct pollfd){.fd = s->order_fd, .events = POLLIN};
	n += control_fds(s->control, fds + n);
	(void)poll(fds, n, WAIT_MS);
	if (fds[0].revents != 0)
		signalled(s);
	reload_if_due(s);
	if (fds[1].revents != 0)
		loaded(s);
	if (fds[2].revents != 0 && s->order_fd >= 0)
		enforcer_answered(s);
	control_serve(s->control, s, gateway_monotonic_us());
	if (s->stop)
		return 0;
	reap(s);
	for (unsigned k = 0; k < CHILD_COUNT; k++)
		if (is_wanted(s, (enum child_kind)k))
			watch_child(s, (enum child_kind)k);
	if (s->changing && gateway_monotonic_us() > s->change_until_us)
		give_up_change(s);
	losses_look(s);
	counted_look(s);
	tell_old_feeds(s);
	look_who_is_who(s, false);
	guard_look(s);
	geo_watch_look(s);
	exempt_look(s);
	/* What never was ready will not be: say so and give up.  */
	for (unsigned k = 0; k < CHILD_COUNT && !s->announced; k++)
		if (is_needed((enum child_kind)k) && s->children[k].quick > 2) {
			log_error("the %s ended three times before it was ready, for the "
				  "reason above: giving up",
				  child_name((enum child_kind)k));
			return -EIO;
		}
	return become_ready(s);
}

/* 0, or -EIO when it did not end as it should: what it had to finish may be left. */
static int await(struct supervisor *s, enum child_kind k)
{
	const int64_t until = gateway_monotonic_us() + STOP_US;
	const struct timespec little = {.tv_nsec = 5000000};
	const pid_t pid = s->children[k].pid;
	int status = 0;
	char how[64];

	s->children[k].pid = 0;
	if (pid <= 0)
		return 0;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (gateway_monotonic_us() > until)
			(void)kill(pid, SIGKILL);
		(void)nanosleep(&little, NULL);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	log_error("the %s did not stop as it should: %s", child_name(k),
		  how_it_ended(status, how));
	return -EIO;
}

/* One that has nothing to bring to an end, and may hang. */
static void end_helper(struct supervisor *s, enum child_kind k)
{
	struct child *c = &s->children[k];

	if (c->pid <= 0)
		return;
	(void)kill(c->pid, SIGKILL);
	(void)waitpid(c->pid, NULL, 0);
	c->pid = 0;
}

static int wind_up(struct supervisor *s)
{
	char error[NETFILTER_ERROR_MAX] = "";
	int rc, rc_enforcer = 0, rc_writer;

	s->stop = true;
	rc = take_rules_away(s, error);
	if (s->children[CHILD_ENFORCER].pid > 0) {
		(void)give_order(s, GATEWAY_STOP);
		rc_enforcer = await(s, CHILD_ENFORCER);
	}
	end_helper(s, CHILD_GUESSER);
	end_helper(s, CHILD_DNSTAP);
	resolvers_close(s);
	if (rc == 0)
		rc = rc_enforcer;
	/* One that was killed could not set it back. */
	if (atomic_load(&s->sh->acct_was_off) && conntrack_accounting() == 1)
		(void)conntrack_accounting_off();
	close_gap(s);
	s->losses.next_us = 0;
	losses_look(s);
	if (s->announced) {
		counted_tell(s);
		supervisor_note_system(s, "stop", "");
		mark_keep(s);
	}
	atomic_store(&s->sh->writer_stop, true);
	rc_writer = await(s, CHILD_WRITER);
	losses_end(s);
	return rc == 0 ? rc_writer : rc;
}

int gateway_run(const struct gateway_cfg *cfg)
{
	struct supervisor s = {.cfg = *cfg,
			       .generation = cfg->generation,
			       .start = cfg->generation,
			       .order_fd = -1,
			       .signal_fd = -1};
	char error[NETFILTER_ERROR_MAX] = "";
	int rc, rc_stop;

	s.mode = s.next_mode = cfg->generation->config->mode;
	s.mark = mark_choose(&s, cfg->generation->name, s.mode);
	s.uninspected_from_us = mark_died_us(&s);
	s.losses.left = mark_left(&s);
	if (s.uninspected_from_us != 0 && is_inline(&s))
		s.rules_were_gone = !rules_are_left();
	rc = prepare_ledger(&s);
	if (rc == 0) {
		edited_find(&s);
		/* Killed before it wrote a line. */
		if (s.uninspected_from_us != 0)
			s.last_stopped = false;
		rc = supervisor_keys(&s);
	}
	if (rc == 0)
		log_notice("ledger: sealed with the key %s", s.fingerprint);
	prepare_dns(&s);
	if (rc == 0)
		rc = share_memory(&s);
	if (rc == 0)
		rc = take_signals(&s);
	if (rc != 0)
		return rc;
	s.control = control_open(&cfg->generation->config->control, error);
	if (s.control == NULL) {
		log_error("%s", error);
		return -EIO;
	}
	if (is_inline(&s) && control_lock(s.control, error) != 0) {
		log_error("%s", error);
		control_close(s.control);
		return -EBUSY;
	}
	rc = resolvers_listen(&s);
	/* A weir that was killed left the setting changed, and a note in its rules. */
	if (is_inline(&s))
		atomic_store(&s.sh->acct_was_off, netfilter_acct_noted());
	s.loader = loader_create(&cfg->load, true);
	if (s.loader == NULL)
		return -ENOMEM;
	while (rc == 0 && !s.stop)
		rc = turn(&s);
	rc_stop = wind_up(&s);
	control_close(s.control);
	loader_destroy(s.loader);
	identity_watch_destroy(s.identity);
	if (s.generation != s.start)
		generation_destroy(s.start);
	generation_destroy(s.generation);
	free(s.guard.rules);
	exempt_forget(&s);
	return rc == 0 ? rc_stop : rc;
}
