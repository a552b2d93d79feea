/* SPDX-License-Identifier: Apache-2.0 */
#include "record/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "record/segments.h"

#define READ_BYTES   ((size_t)128 << 10) /* at a time: what a core's cache holds */
#define PACKED_BYTES ((size_t)128 << 10)
#define WINDOW_LOG   23 /* 8 MiB; what we write needs 2 */

struct lines {
	int fd;
	char name[SEGMENT_NAME_MAX];
	ZSTD_DCtx *zstd; /* NULL = a plain file */
	ZSTD_inBuffer in;
	bool in_frame; /* the file may not end here */
	bool at_end, damaged;
	size_t at, len; /* of text: what is unread */
	uint64_t place; /* in the whole text, of text[0] */
	char text[2 * LINES_LINE_MAX];
	char packed[PACKED_BYTES];
};

static int open_file(int dir_fd, const char *name)
{
	struct stat st;
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return -EBADMSG;
	}
	return fd;
}

static int open_any(struct lines *l, int dir_fd, uint32_t number)
{
	segment_name(number, "jsonl", l->name);
	l->fd = open_file(dir_fd, l->name);
	if (l->fd != -ENOENT)
		return l->fd < 0 ? l->fd : 0;
	segment_name(number, "jsonl.zst", l->name);
	l->fd = open_file(dir_fd, l->name);
	if (l->fd < 0)
		return l->fd;
	l->zstd = ZSTD_createDCtx();
	l->in = (ZSTD_inBuffer){.src = l->packed};
	if (l->zstd == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(
				       l->zstd, ZSTD_d_windowLogMax, WINDOW_LOG)))
		return -ENOMEM;
	return 0;
}

int lines_open(int dir_fd, uint32_t number, struct lines **ret)
{
	struct lines *l = malloc(sizeof(*l));
	int rc;

	if (l == NULL)
		return -ENOMEM;
	memset(l, 0, offsetof(struct lines, text));
	rc = open_any(l, dir_fd, number);
	if (rc < 0) {
		lines_close(l);
		return rc;
	}
	*ret = l;
	return 0;
}

void lines_close(struct lines *l)
{
	if (l == NULL)
		return;
	(void)ZSTD_freeDCtx(l->zstd);
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l);
}

const char *lines_name(const struct lines *l)
{
	return l->name;
}

/* Bytes of the file; 0 at its end, and (damaged) when it cannot be read. */
static size_t read_some(struct lines *l, char *buf, size_t size)
{
	ssize_t n;

	do
		n = read(l->fd, buf, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		l->damaged = true;
	if (n <= 0)
		l->at_end = true;
	return n < 0 ? 0 : (size_t)n;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the library writes there */
static size_t unpack_some(struct lines *l, char *buf, size_t size)
{
	ZSTD_outBuffer out = {.dst = buf, .size = size};

	while (out.pos == 0 && !l->at_end) {
		size_t left;

		if (l->in.pos == l->in.size) {
			l->in.pos = 0;
			l->in.size = read_some(l, l->packed, sizeof(l->packed));
			if (l->in.size == 0)
				break;
		}
		left = ZSTD_decompressStream(l->zstd, &out, &l->in);
		if (ZSTD_isError(left)) {
			l->damaged = l->at_end = true;
			return 0;
		}
		l->in_frame = left != 0;
	}
	if (out.pos == 0 && l->in_frame)
		l->damaged = true;
	return out.pos;
}

/* More bytes behind what is unread; false: there are none. */
static bool fill(struct lines *l)
{
	size_t n, room;

	if (l->at_end)
		return false;
	memmove(l->text, l->text + l->at, l->len - l->at);
	l->place += l->at;
	l->len -= l->at;
	l->at = 0;
	room = sizeof(l->text) - l->len;
	room = room < READ_BYTES ? room : READ_BYTES;
	n = l->zstd == NULL ? read_some(l, l->text + l->len, room)
			    : unpack_some(l, l->text + l->len, room);
	l->len += n;
	return n > 0;
}

enum lines_end lines_next(struct lines *l, struct str *ret)
{
	size_t searched = 0;

	for (;;) {
		const char *from = l->text + l->at;
		const size_t left = l->len - l->at;
		const char *end = memchr(from + searched, '\n', left - searched);
		const size_t n = end == NULL ? left : (size_t)(end - from);

		*ret = (struct str){from, n};
		if (n > LINES_LINE_MAX)
			return LINES_LONG;
		if (end != NULL) {
			l->at += n + 1;
			return LINES_LINE;
		}
		searched = left;
		if (fill(l))
			continue;
		*ret = (struct str){l->text + l->at, l->len - l->at};
		if (l->damaged)
			return LINES_DAMAGED;
		return ret->len > 0 ? LINES_TORN : LINES_END;
	}
}

static bool begin_anew(struct lines *l, uint64_t offset)
{
	if (lseek(l->fd, (off_t)offset, SEEK_SET) < 0)
		return false;
	if (l->zstd != NULL) {
		if (ZSTD_isError(ZSTD_DCtx_reset(l->zstd, ZSTD_reset_session_only)))
			return false;
		l->in = (ZSTD_inBuffer){.src = l->packed};
		l->in_frame = false;
	}
	l->at = l->len = 0;
	l->place = offset;
	l->at_end = l->damaged = false;
	return true;
}

bool lines_seek(struct lines *l, uint64_t offset)
{
	if (offset > INT64_MAX)
		return false;
	if (offset < l->place || (l->zstd == NULL && offset > l->place + l->len)) {
		if (!begin_anew(l, l->zstd == NULL ? offset : 0))
			return false;
	}
	while (offset > l->place + l->len) {
		l->at = l->len;
		if (!fill(l))
			return false;
	}
	l->at = (size_t)(offset - l->place);
	/* A file that is being written may have grown. */
	if (l->zstd == NULL)
		l->at_end = l->damaged = false;
	return true;
}
