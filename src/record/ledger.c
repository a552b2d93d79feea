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
#include "record/segments.h"

#define BUFFER_BYTES         (256u * 1024)
#define SEGMENT_BYTES_NORMAL (256ull * 1024 * 1024)
#define ERROR_MAX            300

struct ledger {
	int dir_fd; /* -1: a stream; holds the lock */
	struct output out;
	uint32_t segment; /* the number of the open one */
	uint64_t segment_bytes;
	uint64_t next_seq;
	uint64_t bytes;
	int error; /* sticky -errno; 0 = fine */
	bool made_dir;
	bool sync_lost;  /* a sync failed: what the segment holds is not known */
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
		(void)snprintf(error, ERROR_MAX,
			       rc == -EBADMSG
				       ? "the ledger '%s' cannot be continued at segment "
					 "%06u: its last line is not a ledger line"
				       : "cannot continue the ledger '%s' at segment "
					 "%06u: %s",
			       dir, last, strerrordesc_np(-rc));
		return rc;
	}
	l->segment = last;
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
	int rc, fd = segment_create(l->dir_fd, l->segment + 1);

	if (fd < 0)
		return fd;
	rc = output_open(&l->out, fd);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	l->segment++;
	return 0;
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
	if (rc == 0 && last > 0)
		return go_on(l, last, cfg->dir, error);
	if (rc == 0)
		rc = next_segment(l);
	if (rc < 0)
		(void)snprintf(error, ERROR_MAX, "cannot begin the ledger '%s': %s",
			       cfg->dir, strerrordesc_np(-rc));
	return rc;
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
		if (l->dir_fd >= 0)
			(void)close(l->dir_fd);
		free(l);
		return rc;
	}
	*ret = l;
	return 0;
}

/* Hand the buffer to the kernel; what could not be written stays in it. */
static int write_buffer(struct ledger *l)
{
	size_t written = 0;
	int rc = 0;

	if (l->buffered == 0)
		return 0;
	if (l->out.fd < 0)
		return -EBADF;
	rc = output_write(&l->out, l->buf, l->buffered, &written);
	l->buffered -= written;
	memmove(l->buf, l->buf + written, l->buffered);
	return rc;
}

/* After a failed sync the kernel may have dropped the pages and forgotten the error. */
static int sync_output(struct ledger *l)
{
	if (l->out.fd < 0 || !l->out.can_cut || fdatasync(l->out.fd) == 0)
		return 0;
	l->sync_lost = true;
	return -errno;
}

/* Close a full segment for good and begin the next. */
static int rotate(struct ledger *l)
{
	int rc = write_buffer(l);

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
	char head[FORM_HEAD_MAX];
	size_t head_len;

	if (l->error != 0)
		return l->error;
	if (len < 2 || len > FORM_LINE_MAX || memchr(tail, '\n', len) != tail + len - 1)
		return -EINVAL;
	head_len = form_head(l->next_seq, head);
	if (segment_full(l, head_len + len))
		l->error = rotate(l);
	else if (l->buffered + head_len + len > sizeof(l->buf))
		l->error = write_buffer(l);
	if (l->error != 0)
		return l->error;
	memcpy(l->buf + l->buffered, head, head_len);
	memcpy(l->buf + l->buffered + head_len, tail, len);
	l->buffered += head_len + len;
	l->bytes += head_len + len;
	l->next_seq++;
	return 0;
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
	}
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
	rc = ledger_sync(l);
	if (l->dir_fd >= 0) {
		if (l->out.fd >= 0 && close(l->out.fd) != 0 && rc == 0)
			rc = -errno;
		(void)close(l->dir_fd);
	}
	free(l);
	return rc;
}
