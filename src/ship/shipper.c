/* SPDX-License-Identifier: Apache-2.0 */
#include "ship/shipper.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "ship/backoff.h"
#include "ship/follower.h"
#include "ship/saved.h"
#include "ship/window.h"

#define BATCH_BYTES ((size_t)64 << 10)
#define POLL_MS     1000
#define ACK_MS      20
#define SAVE_US     1000000
#define TOLD_MAX    20 /* lines left out that the log is told, of a connection */
#define TEXT_MAX    400

struct shipper {
	const struct shipper_cfg *cfg;
	struct follower *follower;
	struct window *window;
	struct backoff backoff;
	struct peer *peer; /* NULL = not connected */
	int notify;        /* inotify, -1 = none: polls alone */
	int64_t retry_us, saved_us;
	struct ship_saved saved; /* as it should be in the file */
	bool dirty;
	uint64_t unsaved;     /* lines that left the window since */
	uint64_t queued, gap; /* bytes of this connection; lines lost before the next */
	uint64_t left_out;
	uint64_t proven;                 /* acked when the connection began */
	char unreadable[SHIP_ERROR_MAX]; /* said already */
	struct diag *d;
	size_t len;
	struct record_line line;
	char batch[BATCH_BYTES + SYSLOG_FRAME_MAX];
};

static int64_t mono(const struct shipper *s)
{
	return s->cfg->peer.mono.now_us(s->cfg->peer.mono.arg);
}

static int64_t wall(const struct shipper *s)
{
	return s->cfg->wall.now_us(s->cfg->wall.arg);
}

static bool is_stopped(const struct shipper *s)
{
	return *s->cfg->stop != 0;
}

static void tell(const struct shipper *s, bool bad, const char *text)
{
	s->cfg->tell(s->cfg->arg, bad, text);
}

/* ---- the saved cursor --------------------------------------------------------------------- */

static int save(struct shipper *s)
{
	char text[TEXT_MAX];
	int rc;

	s->saved.time_us = wall(s);
	follower_ledger(s->follower, s->saved.ledger);
	rc = saved_store(s->cfg->state, &s->saved);
	if (rc != 0) {
		(void)snprintf(text, sizeof(text), "%.200s: cannot be written: %s",
			       s->cfg->state, strerrordesc_np(-rc));
		tell(s, true, text);
		return rc;
	}
	s->saved_us = mono(s);
	s->dirty = false;
	s->unsaved = 0;
	return 0;
}

/* Often enough that a start of ours sends no more than a quarter of a window more again. */
static int save_when_due(struct shipper *s)
{
	if (!s->dirty ||
	    (s->unsaved < s->cfg->window / 4 && mono(s) - s->saved_us < SAVE_US))
		return 0;
	return save(s);
}

static int load(struct shipper *s)
{
	char text[TEXT_MAX];
	int rc = saved_load(s->cfg->state, &s->saved);

	if (rc == 0 || rc == -ENOENT)
		return save(s); /* is it writable? */
	(void)snprintf(text, sizeof(text),
		       rc == -EBADMSG
			       ? "%.200s: is damaged, or of another version of Weir; "
				 "remove it to send the whole ledger again"
			       : "%.200s: %s",
		       s->cfg->state, strerrordesc_np(-rc));
	tell(s, true, text);
	return rc;
}

/* What keeps lines from being sent; saved, so that --status shows it.  "" = nothing does. */
static void set_error(struct shipper *s, const char *text)
{
	if (strcmp(s->saved.error, text) == 0)
		return;
	(void)snprintf(s->saved.error, sizeof(s->saved.error), "%s", text);
	if (text[0] != '\0')
		tell(s, true, text);
	s->dirty = true;
	s->saved_us = mono(s) - SAVE_US;
}

/* ---- lines to frames ---------------------------------------------------------------------- */

static void notice(struct shipper *s, enum ship_notice what, uint64_t count,
		   const char *text)
{
	const struct ship_note n = {
		.what = what, .count = count, .time_us = wall(s), .text = text};

	if (what != SHIP_LEFT_OUT || s->left_out++ < TOLD_MAX)
		tell(s, true, text);
	s->len += syslog_notice(&s->cfg->form, &n, s->batch + s->len,
				sizeof(s->batch) - s->len);
}

static void add_lost(struct shipper *s, const struct followed *f)
{
	const uint64_t n = f->to_seq - f->from_seq + 1;
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof(text),
		       "lines %" PRIu64 " to %" PRIu64
		       " were removed before they could be sent: %" PRIu64 " lines",
		       f->from_seq, f->to_seq, n);
	notice(s, SHIP_LOST, n, text);
	s->gap = n;
}

/* Findings about one line are ours to tell, and not kept. */
static void forget_findings(struct shipper *s)
{
	struct diag *fresh;

	if (diag_count(s->d, DIAG_ERROR) + diag_count(s->d, DIAG_WARNING) == 0)
		return;
	fresh = diag_create();
	if (fresh == NULL)
		return;
	diag_destroy(s->d);
	s->d = fresh;
}

static void add_left_out(struct shipper *s, const struct ledger_line *l, const char *why)
{
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof(text), "line %u of %s %s and is left out", l->line,
		       l->file, why);
	notice(s, SHIP_LEFT_OUT, 1, text);
}

static void add_line(struct shipper *s, const struct followed *f)
{
	const enum line_answer a = record_line_read(&f->line, s->d, &s->line);
	size_t n = 0;

	forget_findings(s);
	if (a == LINE_READ)
		n = syslog_event(&s->cfg->form, &s->line, s->batch + s->len,
				 sizeof(s->batch) - s->len);
	s->len += n;
	if (n == 0)
		add_left_out(s, &f->line,
			     a == LINE_UNKNOWN ? "is of a type that this version of Weir "
						 "does not know"
					       : "is no event");
	window_push(s->window, &f->at, s->gap, s->queued + s->len);
	s->gap = 0;
}

/* The cursor's line is not where it was. */
static void add_beginning(struct shipper *s, bool whole)
{
	if (whole) {
		s->saved.place = (struct ship_place){.seq = 0};
		s->saved.acked = s->proven = 0;
		s->dirty = true;
		window_clear(s->window);
		notice(s, SHIP_BEGUN, 1,
		       "the last line that was sent is not in the ledger: it was begun "
		       "anew or changed, and is sent from its first line");
		return;
	}
	notice(s, SHIP_BACK, 1,
	       "the last line that was sent is not in the ledger: its end was lost or "
	       "changed, and the segment is sent again");
}

static void add_unreadable(struct shipper *s, const struct followed *f)
{
	if (strcmp(s->unreadable, f->error) == 0)
		return;
	(void)snprintf(s->unreadable, sizeof(s->unreadable), "%s", f->error);
	set_error(s, f->error);
}

/* Frames up to a batch's size.  The kind that ended it; FOLLOWED_LINE = it is full. */
static enum followed_kind fill(struct shipper *s)
{
	struct followed f;

	s->len = 0;
	while (s->len < BATCH_BYTES && window_has_room(s->window)) {
		follower_next(s->follower, &f);
		switch (f.kind) {
		case FOLLOWED_LINE:
			add_line(s, &f);
			break;
		case FOLLOWED_LOST:
			add_lost(s, &f);
			break;
		case FOLLOWED_BEGUN:
		case FOLLOWED_BACK:
			add_beginning(s, f.kind == FOLLOWED_BEGUN);
			break;
		case FOLLOWED_ODD:
			add_left_out(s, &f.line, "is not the next one of the ledger");
			break;
		case FOLLOWED_UNREADABLE:
			add_unreadable(s, &f);
			return f.kind;
		case FOLLOWED_END:
			return f.kind;
		}
	}
	return FOLLOWED_LINE;
}

/* ---- the connection ----------------------------------------------------------------------- */

static void drop(struct shipper *s, const char *why)
{
	char text[SHIP_ERROR_MAX];
	const int64_t at = mono(s);

	(void)snprintf(text, sizeof(text), "%s", why);
	peer_close(s->peer);
	s->peer = NULL;
	s->retry_us = at + backoff_next(&s->backoff, at);
	set_error(s, text);
}

static int connect_peer(struct shipper *s)
{
	char error[PEER_ERROR_MAX] = "";
	int rc = peer_open(&s->cfg->peer, &s->peer, error);

	if (rc == -EINTR)
		return rc;
	if (rc != 0) {
		drop(s, error);
		return rc;
	}
	window_clear(s->window);
	follower_go(s->follower, &s->saved.place, s->saved.ledger);
	s->queued = s->gap = s->left_out = 0;
	s->proven = s->saved.acked;
	s->unreadable[0] = '\0';
	return 0;
}

/* What the peer's kernel has, and what leaves the window for it. */
static void settle(struct shipper *s)
{
	const uint64_t seq = window_acknowledge(s->window, peer_acknowledged(s->peer));
	uint64_t settled;

	if (seq > s->saved.acked) {
		s->saved.acked = seq;
		s->dirty = true;
	}
	if (seq > s->proven)
		backoff_reset(&s->backoff);
	settled = window_settle(s->window, &s->saved.place, &s->saved.lost);
	s->unsaved += settled;
	s->dirty = s->dirty || settled > 0;
}

/* ---- the loop ----------------------------------------------------------------------------- */

static void drain_notify(const struct shipper *s)
{
	char buf[4096] __attribute__((aligned(8)));

	while (s->notify != -1 && read(s->notify, buf, sizeof(buf)) > 0)
		;
}

static void watch(struct shipper *s)
{
	if (s->notify == -1)
		return;
	/* The same folder again changes nothing; a new one under the name is watched too. */
	(void)inotify_add_watch(s->notify, s->cfg->ledger,
				IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

/* Nothing to send: until there is, or the peer speaks, or an acknowledgement may have come. */
static int wait_for_more(struct shipper *s, bool full)
{
	const bool waits = !window_is_acknowledged(s->window);
	int rc;

	watch(s);
	rc = peer_wait(s->peer, full ? -1 : s->notify, waits ? ACK_MS : POLL_MS);
	drain_notify(s);
	return rc;
}

static int send_some(struct shipper *s, enum followed_kind *ret_kind)
{
	int rc;

	*ret_kind = fill(s);
	if (s->len == 0)
		return 0;
	rc = peer_send(s->peer, s->batch, s->len);
	s->queued += s->len;
	if (rc == 0 && *ret_kind != FOLLOWED_UNREADABLE)
		set_error(s, "");
	return rc;
}

/* Connected: one round.  1: all is sent and acknowledged; 0; or -errno of the connection. */
static int round_of(struct shipper *s)
{
	enum followed_kind kind = FOLLOWED_LINE;
	int rc;

	rc = send_some(s, &kind);
	if (rc != 0)
		return rc;
	if (s->len > 0)
		return peer_wait(s->peer, -1, 0);
	settle(s);
	if (kind == FOLLOWED_END) {
		set_error(s, "");
		s->unreadable[0] = '\0';
		if (window_is_acknowledged(s->window) && s->cfg->once)
			return 1;
	}
	if (kind == FOLLOWED_UNREADABLE && s->cfg->once)
		return -EIO;
	return wait_for_more(s, kind == FOLLOWED_LINE);
}

static void rest(struct shipper *s)
{
	int64_t left_ms = (s->retry_us - mono(s)) / 1000 + 1;

	if (left_ms > 0)
		(void)poll(NULL, 0, left_ms > 200 ? 200 : (int)left_ms);
}

static int finish_once(struct shipper *s)
{
	const int rc = peer_finish(s->peer);

	/* It has all; that it keeps the connection open is its affair. */
	if (rc == -ETIMEDOUT)
		return 0;
	if (rc != 0 && rc != -EINTR)
		set_error(s, peer_error(s->peer));
	return rc;
}

static int run(struct shipper *s)
{
	int rc;

	while (!is_stopped(s)) {
		if (s->peer != NULL)
			settle(s);
		rc = save_when_due(s);
		if (rc != 0)
			return rc;
		if (s->peer == NULL && mono(s) < s->retry_us) {
			rest(s);
			continue;
		}
		if (s->peer == NULL) {
			rc = connect_peer(s);
			if (rc != 0 && s->cfg->once)
				return rc;
			continue;
		}
		rc = round_of(s);
		if (rc == 1)
			return finish_once(s);
		if (rc < 0 && rc != -EINTR && peer_error(s->peer)[0] != '\0')
			drop(s, peer_error(s->peer));
		if (rc < 0 && s->cfg->once)
			return rc;
	}
	return 0;
}

int shipper_run(const struct shipper_cfg *cfg)
{
	struct shipper *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM, last;

	if (s == NULL)
		return -ENOMEM;
	s->cfg = cfg;
	s->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	s->follower = follower_create(cfg->ledger);
	s->window = window_create(cfg->window);
	s->d = diag_create();
	if (s->follower != NULL && s->window != NULL && s->d != NULL)
		rc = load(s);
	if (rc == 0) {
		rc = run(s);
		if (s->peer != NULL)
			settle(s);
		last = s->dirty ? save(s) : 0;
		rc = rc == 0 ? last : rc;
	}
	peer_close(s->peer);
	window_destroy(s->window);
	follower_destroy(s->follower);
	diag_destroy(s->d);
	if (s->notify != -1)
		(void)close(s->notify);
	free(s);
	return rc;
}
