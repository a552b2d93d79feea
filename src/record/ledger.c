/* SPDX-License-Identifier: Apache-2.0 */
#include "record/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/form.h"
#include "record/output.h"
#include "record/sealer.h"
#include "record/segments.h"
#include "record/tags.h"
#include "record/upkeep.h"

#define BUFFER_BYTES         (256u * 1024)
#define SEGMENT_BYTES_NORMAL (256ull * 1024 * 1024)
#define ERROR_MAX            300
#define HOUR_US              INT64_C(3600000000)

struct ledger {
	int dir_fd; /* -1: a stream; holds the lock */
	struct output out;
	uint32_t segment; /* the number of the open one */
	uint64_t segment_bytes;
	int64_t begun_us; /* wall time of the open segment's first line; 0 = not known yet */
	uint64_t next_seq;
	uint64_t bytes;
	int error; /* sticky -errno; 0 = fine */
	bool made_dir;
	bool sync_lost; /* a sync failed: what the segment holds is not known */
	bool sealed;    /* the rest is in use */
	bool appended;  /* a line, since opening */
	struct ledger_seals when;
	struct sealer sealer;
	struct tags tags;
	struct upkeep upkeep;
	size_t buffered; /* bytes of whole lines in buf */
	char buf[BUFFER_BYTES];
};

/* The lock is the folder itself: nothing to clean up, gone with the process. */
static int open_dir(const char *dir, bool *ret_made, char error[ERROR_MAX])
{
	int fd, rc;

	*ret_made = mkdir(dir, 0750) == 0;
	if (!*ret_made && errno != EEXIST) {
		rc = -errno;
		(void)snprintf(error, ERROR_MAX, "cannot create the ledger '%s': %s", dir,
			       strerrordesc_np(-rc));
		return rc;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		(void)snprintf(error, ERROR_MAX, "cannot open the ledger '%s': %s", dir,
			       strerrordesc_np(-rc));
		return rc;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (rc == -EBUSY)
			(void)snprintf(error, ERROR_MAX,
				       "another process writes the ledger '%s': stop it, "
				       "or name another folder",
				       dir);
		else
			(void)snprintf(error, ERROR_MAX,
				       "cannot lock the ledger '%s': %s", dir,
				       strerrordesc_np(-rc));
		(void)close(fd);
		return rc;
	}
	return fd;
}

/*
 * Go on behind the last whole line of segment `last`.  A last segment without a line is one
 * that was created or torn just before the end: the number comes from the one before it.
 */
static int go_on(struct ledger *l, uint32_t last, const char *dir, char error[ERROR_MAX])
{
	struct segment_end e = {.fd = -1}, before = {.fd = -1};
	int rc = segment_reopen(l->dir_fd, last, &e);

	if (rc == 0 && !e.has_line && last > 1) {
		rc = segment_reopen(l->dir_fd, last - 1, &before);
		if (rc == -ENOENT)
			rc = segment_packed_end(l->dir_fd, last - 1, &before);
		if (rc == 0 && !before.has_line)
			rc = -EBADMSG;
		if (before.fd >= 0)
			(void)close(before.fd);
		e.last_seq = before.last_seq;
	}
	if (rc == 0)
		rc = output_open(&l->out, e.fd);
	if (rc < 0) {
		if (e.fd >= 0)
			(void)close(e.fd);
		(void)snprintf(
			error, ERROR_MAX,
			rc == -EBADMSG ? "the ledger '%s' cannot be continued at segment "
					 "%06u: its last line is not a ledger line"
			: rc == -ELOOP ? "the ledger '%s' cannot be continued at segment "
					 "%06u: it is a symbolic link, and must be a file"
				       : "cannot continue the ledger '%s' at segment "
					 "%06u: %s",
			dir, last, strerrordesc_np(-rc));
		return rc;
	}
	l->out.alone = true;
	l->segment = last;
	if (!e.has_line || segment_begins(l->dir_fd, last, &l->begun_us) != 0)
		l->begun_us = 0;
	l->next_seq = e.last_seq + 1;
	if (e.torn_bytes > 0 || before.torn_bytes > 0)
		(void)snprintf(error, ERROR_MAX,
			       "the last line of the ledger '%s' was torn: %" PRIu64
			       " bytes "
			       "moved to %06u.torn",
			       dir, e.torn_bytes + before.torn_bytes,
			       e.torn_bytes > 0 ? last : last - 1);
	return 0;
}

static int next_segment(struct ledger *l)
{
	int rc = l->sealed ? tags_open(&l->tags, l->dir_fd, l->segment + 1, 0) : 0;
	int fd = rc < 0 ? rc : segment_create(l->dir_fd, l->segment + 1);

	if (fd < 0)
		return fd;
	rc = output_open(&l->out, fd);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	l->out.alone = true;
	l->segment++;
	l->begun_us = 0;
	return 0;
}

/* ---- sealing ------------------------------------------------------------------------------ */

static int write_buffer(struct ledger *l);

/* A line, whose digest the chain has, into the buffer that has room for it. */
static void put_line(struct ledger *l, size_t len, const uint8_t digest[CHAIN_DIGEST])
{
	if (l->sealed)
		(void)tags_add(&l->tags, digest);
	l->buffered += len;
	l->bytes += len;
	l->next_seq++;
}

static bool has_room(const struct ledger *l, size_t len)
{
	return l->buffered + len <= sizeof(l->buf) &&
	       (!l->sealed || l->tags.waiting < TAGS_WAITING_MAX);
}

/* The key's last seal names the next one, where keys are kept and the old one was used. */
static bool begin_step(struct ledger *l)
{
	return l->sealer.keys.dir_fd >= 0 && l->when.epoch_us > 0 &&
	       l->sealer.epoch_lines > 0 && keys_step_begin(&l->sealer.keys) == 0;
}

/*
 * A seal over what is unsealed, also in `line`: its length, or -errno; without one it is made at
 * the next occasion.
 */
static int make_seal(struct ledger *l, enum seal_cause cause,
		     const struct seal_more *more, char line[SEAL_LINE_MAX])
{
	uint8_t digest[CHAIN_DIGEST];
	size_t len;
	int rc = has_room(l, SEAL_LINE_MAX) ? 0 : write_buffer(l);

	if (rc == 0 && !has_room(l, SEAL_LINE_MAX))
		rc = -ENOBUFS;
	if (rc < 0)
		return rc;
	len = sealer_seal(&l->sealer, l->next_seq, cause, more, line, digest);
	if (len == 0)
		return -EIO;
	memcpy(l->buf + l->buffered, line, len);
	put_line(l, len, digest);
	return (int)len;
}

static int put_seal(struct ledger *l, enum seal_cause cause, const struct seal_more *more)
{
	char line[SEAL_LINE_MAX];
	const int len = make_seal(l, cause, more, line);

	return len < 0 ? len : 0;
}

static int seal_and_step(struct ledger *l, enum seal_cause cause)
{
	const struct seal_more more = {.step = begin_step(l)};

	return put_seal(l, cause, &more);
}

static bool is_rotated(const struct ledger *l)
{
	return l->sealer.unsealed == 0 && l->sealer.last_seq + 1 == l->next_seq &&
	       l->sealer.last_cause == SEAL_ROTATION;
}

/* For people and scripts; nobody believes it because it is there. */
static int write_public(const struct ledger *l)
{
	char pem[SIGN_PEM_MAX];
	const size_t len = sign_pem_format(l->sealer.keys.root_public, pem);
	size_t done;
	int rc, fd = openat(l->dir_fd, "ledger.pub",
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	rc = segment_give(l->dir_fd, fd);
	if (rc == 0)
		rc = output_write_all(fd, pem, len, &done);
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

static int open_keys(struct ledger *l, const struct ledger_seals *when, bool is_new,
		     char error[ERROR_MAX])
{
	struct keys keys;
	int rc =
		when->keys == NULL ? keys_in_memory(&keys) : keys_open(when->keys, &keys);

	if (rc == 0 && is_new) {
		rc = keys_begin_anew(&keys);
		if (rc < 0)
			keys_close(&keys);
	}
	if (rc < 0) {
		(void)snprintf(
			error, ERROR_MAX,
			rc == -ENOENT    ? "no key to seal with: weir keygen --keys '%s' "
					   "makes one"
			: rc == -EBADMSG ? "the key in '%s' is damaged"
					 : "the key in '%s' cannot be used: %s",
			when->keys == NULL ? "memory" : when->keys, strerrordesc_np(-rc));
		return rc;
	}
	l->when = *when;
	if (l->when.events == 0)
		l->when.events = LEDGER_SEAL_EVENTS;
	l->sealed = true;
	sealer_start(&l->sealer, &keys);
	l->sealer.clock_us = when->wall_us;
	return 0;
}

/* Seal what the end of another process left unsealed; close what it wanted closed. */
static int recover(struct ledger *l)
{
	struct seal_more more = {.step = false};
	bool stepped = false;
	int rc = sealer_recover(&l->sealer, l->dir_fd, l->segment, &l->tags, &stepped);

	if (rc == 0)
		rc = keys_settle(&l->sealer.keys, stepped);
	more.recovered = l->sealer.unsealed;
	if (rc == 0 && more.recovered > 0)
		rc = put_seal(l, SEAL_START, &more);
	/* The end came between the two: the next one may be there, and empty. */
	if (rc == 0 && is_rotated(l) && l->out.size > 0) {
		(void)close(l->out.fd);
		l->out.fd = -1;
		rc = next_segment(l);
	}
	return rc;
}

static int open_folder(struct ledger *l, const struct ledger_cfg *cfg,
		       char error[ERROR_MAX])
{
	uint32_t last = 0;
	int rc = open_dir(cfg->dir, &l->made_dir, error);

	if (rc < 0)
		return rc;
	l->dir_fd = rc;
	rc = segments_last(l->dir_fd, &last);
	if (rc == 0 && last > 0 && cfg->must_be_new) {
		(void)snprintf(error, ERROR_MAX, "'%s' holds a ledger already", cfg->dir);
		return -EEXIST;
	}
	if (rc == 0 && cfg->seals != NULL) {
		rc = open_keys(l, cfg->seals, last == 0, error);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && last > 0) {
		rc = go_on(l, last, cfg->dir, error);
		if (rc < 0)
			return rc;
		rc = l->sealed ? recover(l) : 0;
	} else if (rc == 0) {
		rc = next_segment(l);
	}
	if (rc == 0 && l->sealed)
		rc = write_public(l);
	if (rc < 0)
		(void)snprintf(error, ERROR_MAX, "cannot begin the ledger '%s': %s",
			       cfg->dir, strerrordesc_np(-rc));
	return rc;
}

static void free_ledger(struct ledger *l)
{
	if (l->sealed) {
		keys_close(&l->sealer.keys);
		tags_close(&l->tags);
		upkeep_finish(&l->upkeep);
	}
	if (l->dir_fd >= 0) {
		if (l->out.fd >= 0)
			(void)close(l->out.fd);
		(void)close(l->dir_fd);
	}
	free(l);
}

int ledger_open(const struct ledger_cfg *cfg, struct ledger **ret, char error[300])
{
	struct ledger *l = calloc(1, sizeof(*l));
	int rc;

	error[0] = '\0';
	if (l == NULL) {
		(void)snprintf(error, ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	l->dir_fd = -1;
	l->out.fd = -1;
	l->next_seq = 1;
	tags_init(&l->tags);
	upkeep_init(&l->upkeep, &cfg->upkeep);
	l->segment_bytes =
		cfg->segment_bytes == 0 ? SEGMENT_BYTES_NORMAL : cfg->segment_bytes;
	if (cfg->dir != NULL) {
		rc = open_folder(l, cfg, error);
	} else {
		rc = output_open(&l->out, cfg->fd);
		if (rc < 0)
			(void)snprintf(error, ERROR_MAX, "cannot write the events: %s",
				       strerrordesc_np(-rc));
	}
	if (rc < 0) {
		free_ledger(l);
		return rc;
	}
	*ret = l;
	return 0;
}

static size_t count_lines(const char *bytes, size_t len)
{
	size_t n = 0;

	for (const char *p = bytes;
	     (p = memchr(p, '\n', len - (size_t)(p - bytes))) != NULL; p++)
		n++;
	return n;
}

/* Hand the buffer to the kernel, then its tags; what could not be written stays in it. */
static int write_buffer(struct ledger *l)
{
	size_t written = 0;
	int rc = 0;

	if (l->buffered > 0 && l->out.fd < 0)
		return -EBADF;
	if (l->buffered > 0)
		rc = output_write(&l->out, l->buf, l->buffered, &written);
	if (l->sealed)
		tags_ready(&l->tags, written == l->buffered
					     ? l->tags.waiting - l->tags.ready
					     : count_lines(l->buf, written));
	l->buffered -= written;
	memmove(l->buf, l->buf + written, l->buffered);
	return rc == 0 && l->sealed ? tags_flush(&l->tags) : rc;
}

/* After a failed sync the kernel may have dropped the pages and forgotten the error. */
static int sync_output(struct ledger *l)
{
	if (l->out.fd < 0 || !l->out.can_cut)
		return 0;
	if (fdatasync(l->out.fd) != 0) {
		l->sync_lost = true;
		return -errno;
	}
	if (!l->sealed)
		return 0;
	/* The seal that named the key is on the disk: the one before may go, now or later. */
	if (keys_step_finish(&l->sealer.keys) != 0)
		l->sealer.keys.unfinished = true;
	return tags_sync(&l->tags);
}

/* Close a full segment for good and begin the next. */
static int rotate(struct ledger *l)
{
	int rc = 0;

	if (l->sealed && l->out.fd >= 0 && !is_rotated(l))
		rc = seal_and_step(l, SEAL_ROTATION);
	if (rc == 0)
		rc = write_buffer(l);
	if (rc == 0)
		rc = sync_output(l);
	if (rc < 0)
		return rc;
	if (l->out.fd >= 0) {
		(void)close(l->out.fd);
		l->out.fd = -1;
	}
	return next_segment(l);
}

static bool segment_full(const struct ledger *l, size_t more)
{
	uint64_t size = l->out.size + l->buffered;

	return l->dir_fd >= 0 &&
	       (l->out.fd < 0 || (size > 0 && size + more > l->segment_bytes));
}

int ledger_append(struct ledger *l, const char *tail, size_t len)
{
	uint8_t digest[CHAIN_DIGEST];
	char head[FORM_HEAD_MAX], *line;
	size_t head_len;

	if (l->error != 0)
		return l->error;
	if (len < 2 || len > FORM_LINE_MAX || memchr(tail, '\n', len) != tail + len - 1)
		return -EINVAL;
	head_len = form_head(l->next_seq, head);
	if (segment_full(l, head_len + len)) {
		l->error = rotate(l);
		head_len = form_head(l->next_seq, head); /* behind a seal */
	} else if (!has_room(l, head_len + len)) {
		l->error = write_buffer(l);
	}
	if (l->error != 0)
		return l->error;
	line = l->buf + l->buffered;
	memcpy(line, head, head_len);
	memcpy(line + head_len, tail, len);
	if (l->sealed)
		sealer_add(&l->sealer, (struct str){line, head_len + len},
			   (struct str){line + head_len, len}, digest);
	put_line(l, head_len + len, digest);
	l->appended = true;
	/* The line is in; that its seal is not is the next one's error. */
	if (l->sealed && l->sealer.unsealed >= l->when.events)
		l->error = put_seal(l, SEAL_COUNT, &(struct seal_more){.step = false});
	return 0;
}

/* Too old, by what is kept how long; not without a line. */
static bool segment_old(struct ledger *l, int64_t wall_us)
{
	const int64_t age_us = upkeep_segment_us(&l->upkeep.cfg);

	if (age_us == 0 || l->dir_fd < 0 || l->out.fd < 0 ||
	    l->out.size + l->buffered == 0)
		return false;
	if (l->begun_us == 0)
		l->begun_us = wall_us;
	/* One of the future: the clock was wrong, and is set. */
	return wall_us - l->begun_us >= age_us || l->begun_us - wall_us >= HOUR_US;
}

int ledger_tick(struct ledger *l, int64_t wall_us, int64_t mono_us)
{
	struct sealer *s = &l->sealer;
	bool step;

	if (!l->sealed || l->error != 0)
		return l->error;
	s->clock_us = wall_us;
	if (segment_old(l, wall_us))
		l->error = rotate(l);
	if (l->error != 0)
		return l->error;
	if (s->sealed_at == 0)
		s->sealed_at = s->epoch_at = mono_us;
	step = l->when.epoch_us > 0 && s->epoch_lines > 0 &&
	       mono_us - s->epoch_at >= l->when.epoch_us;
	if (step) {
		s->epoch_at = s->sealed_at = mono_us;
		l->error = seal_and_step(l, SEAL_EPOCH);
		return l->error == 0 ? ledger_sync(l) : l->error;
	}
	if (s->unsealed == 0 || l->when.interval_us == 0) {
		s->sealed_at = mono_us;
	} else if (mono_us - s->sealed_at >= l->when.interval_us) {
		s->sealed_at = mono_us;
		l->error = put_seal(l, SEAL_TIME, &(struct seal_more){.step = false});
	}
	return l->error;
}

int ledger_tend(struct ledger *l, int64_t wall_us, int64_t mono_us)
{
	const struct upkeep_now now = {.dir_fd = l->dir_fd,
				       .open = l->segment,
				       .wall_us = wall_us,
				       .mono_us = mono_us};
	char line[SEAL_LINE_MAX];
	struct seal_more more = {.step = false};
	int len, rc;

	if (!l->sealed || l->error != 0 || l->dir_fd < 0 || l->out.fd < 0)
		return 0;
	rc = upkeep_step(&l->upkeep, &now);
	if (rc != UPKEEP_SEAL)
		return rc;
	upkeep_told(&l->upkeep, &more.removed, &more.expired);
	len = make_seal(l, more.expired != NULL ? SEAL_EXPIRY : SEAL_RETENTION, &more,
			line);
	l->error = len < 0 ? len : 0;
	if (ledger_sync(l) != 0)
		return l->error;
	rc = upkeep_go(&l->upkeep, l->dir_fd, (struct str){line, (size_t)len});
	return rc < 0 ? rc : 1;
}

bool ledger_state(const struct ledger *l, struct ledger_state *ret)
{
	if (!l->sealed)
		return false;
	*ret = (struct ledger_state){.seal_seq = l->sealer.last_seq,
				     .seal_us = l->sealer.last_us,
				     .epoch = l->sealer.keys.epoch};
	memcpy(ret->root_public, l->sealer.keys.root_public, SIGN_KEY);
	return true;
}

uint64_t ledger_next_seq(const struct ledger *l)
{
	return l->next_seq;
}

uint64_t ledger_bytes(const struct ledger *l)
{
	return l->bytes;
}

int ledger_flush(struct ledger *l)
{
	if (l->error == 0)
		l->error = write_buffer(l);
	return l->error;
}

int ledger_sync(struct ledger *l)
{
	if (l->error == 0)
		l->error = write_buffer(l);
	if (l->error == 0)
		l->error = sync_output(l);
	return l->error;
}

int ledger_retry(struct ledger *l)
{
	l->error = 0;
	/* A segment whose sync failed is left as it is; new lines go to a sound one. */
	if (l->sync_lost && l->dir_fd >= 0) {
		if (l->out.fd >= 0)
			(void)close(l->out.fd);
		l->out.fd = -1;
		l->error = next_segment(l);
		if (l->error == 0)
			l->sync_lost = false;
	} else if (l->out.fd < 0) {
		l->error = next_segment(l);
	}
	if (l->error == 0)
		l->error = write_buffer(l);
	return l->error;
}

int ledger_look(struct ledger *l)
{
	struct stat st;

	if (l->dir_fd < 0)
		return 0;
	if (fstat(l->dir_fd, &st) != 0)
		return -errno;
	if (st.st_nlink == 0)
		return -ENOENT;
	if (l->out.fd < 0)
		return 0;
	if (fstat(l->out.fd, &st) != 0)
		return -errno;
	if (st.st_nlink > 0)
		return 0;
	(void)close(l->out.fd);
	l->out.fd = -1;
	l->error = next_segment(l);
	return l->error == 0 ? 1 : l->error;
}

void ledger_discard(struct ledger *l, const char *dir)
{
	char name[SEGMENT_NAME_MAX];
	bool made;

	if (l == NULL)
		return;
	for (uint32_t i = 1; l->dir_fd >= 0 && i <= l->segment; i++) {
		segment_name(i, "jsonl", name);
		(void)unlinkat(l->dir_fd, name, 0);
		segment_name(i, "tags", name);
		(void)unlinkat(l->dir_fd, name, 0);
	}
	if (l->sealed)
		(void)unlinkat(l->dir_fd, "ledger.pub", 0);
	l->when.epoch_us = 0; /* no key for what goes */
	made = l->made_dir;
	(void)ledger_close(l);
	if (made)
		(void)rmdir(dir);
}

int ledger_close(struct ledger *l)
{
	int rc;

	if (l == NULL)
		return 0;
	if (l->sealed && l->error == 0 && l->appended && !is_rotated(l))
		l->error = seal_and_step(l, SEAL_STOP);
	rc = ledger_sync(l);
	if (l->dir_fd >= 0 && l->out.fd >= 0) {
		if (close(l->out.fd) != 0 && rc == 0)
			rc = -errno;
		l->out.fd = -1;
	}
	free_ledger(l);
	return rc;
}
