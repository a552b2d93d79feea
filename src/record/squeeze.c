/* SPDX-License-Identifier: Apache-2.0 */
#include "record/squeeze.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <zstd.h>

#include "record/output.h"

#define LEVEL      3
#define SYNC_BYTES (1u << 20)
#define WINDOW_LOG 21 /* 2 MiB; lines.c reads up to 8 */

static bool zstd_set(struct squeeze *s, ZSTD_cParameter what, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, what, value));
}

static int begin(struct squeeze *s, bool packed)
{
	if (unlinkat(s->dir_fd, s->name, 0) != 0 && errno != ENOENT)
		return -errno;
	s->fd = openat(s->dir_fd, s->name,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (s->fd < 0)
		return -errno;
	if (packed) {
		s->zstd = ZSTD_createCCtx();
		if (s->zstd == NULL || !zstd_set(s, ZSTD_c_compressionLevel, LEVEL) ||
		    !zstd_set(s, ZSTD_c_windowLog, WINDOW_LOG) ||
		    !zstd_set(s, ZSTD_c_checksumFlag, 1))
			return -ENOMEM;
	}
	return segment_give(s->dir_fd, s->fd);
}

int squeeze_open(struct squeeze *s, int dir_fd, uint32_t number, bool packed)
{
	int rc;

	s->dir_fd = dir_fd;
	s->fd = -1;
	s->zstd = NULL;
	s->unsynced = 0;
	segment_name(number, "part", s->name);
	rc = begin(s, packed);
	if (rc < 0)
		squeeze_close(s);
	return rc;
}

static int write_bytes(struct squeeze *s, const char *bytes, size_t len)
{
	size_t done;

	s->unsynced += len;
	return output_write_all(s->fd, bytes, len, &done);
}

int squeeze_add(struct squeeze *s, const char *text, size_t len, bool last)
{
	ZSTD_inBuffer in = {.src = text, .size = len};
	size_t left;

	if (s->zstd == NULL)
		return write_bytes(s, text, len);
	do {
		ZSTD_outBuffer out = {.dst = s->frame, .size = sizeof(s->frame)};
		int rc;

		left = ZSTD_compressStream2(s->zstd, &out, &in,
					    last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return -ENOMEM;
		rc = write_bytes(s, s->frame, out.pos);
		if (rc < 0)
			return rc;
	} while (last ? left > 0 : in.pos < in.size);
	return 0;
}

bool squeeze_is_due(const struct squeeze *s)
{
	return s->unsynced >= SYNC_BYTES;
}

int squeeze_sync(struct squeeze *s)
{
	if (fsync(s->fd) != 0)
		return -errno;
	s->unsynced = 0;
	return 0;
}

int squeeze_rename(struct squeeze *s, const char *name)
{
	if (renameat(s->dir_fd, s->name, s->dir_fd, name) != 0)
		return -errno;
	(void)close(s->fd);
	s->fd = -1;
	return fsync(s->dir_fd) != 0 ? -errno : 0;
}

void squeeze_close(struct squeeze *s)
{
	if (s->fd >= 0) {
		(void)close(s->fd);
		(void)unlinkat(s->dir_fd, s->name, 0);
	}
	s->fd = -1;
	(void)ZSTD_freeCCtx(s->zstd);
	s->zstd = NULL;
}
