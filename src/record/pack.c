/* SPDX-License-Identifier: Apache-2.0 */
#include "record/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "record/output.h"
#include "record/segments.h"

#define LEVEL      3
#define WINDOW_LOG 21 /* 2 MiB; lines.c reads up to 8 */
#define SYNC_BYTES (1u << 20)

enum stage {
	STAGE_COPY,
	STAGE_SYNC, /* of the last part */
	STAGE_NAME,
	STAGE_REMOVE,
	STAGE_DONE
};

struct pack {
	int dir_fd; /* the caller's */
	int in, out;
	enum stage stage;
	ZSTD_CCtx *zstd;
	size_t unsynced;
	char plain[SEGMENT_NAME_MAX], part[SEGMENT_NAME_MAX], packed[SEGMENT_NAME_MAX];
	char text[PACK_STEP_BYTES], frame[PACK_STEP_BYTES];
};

static bool zstd_set(struct pack *p, ZSTD_cParameter what, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, what, value));
}

static int begin(struct pack *p)
{
	struct stat st;

	p->in = openat(p->dir_fd, p->plain,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (p->in < 0)
		return -errno;
	if (fstat(p->in, &st) != 0 || !S_ISREG(st.st_mode))
		return -EBADMSG;
	if (unlinkat(p->dir_fd, p->part, 0) != 0 && errno != ENOENT)
		return -errno;
	p->out = openat(p->dir_fd, p->part,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (p->out < 0)
		return -errno;
	p->zstd = ZSTD_createCCtx();
	if (p->zstd == NULL || !zstd_set(p, ZSTD_c_compressionLevel, LEVEL) ||
	    !zstd_set(p, ZSTD_c_windowLog, WINDOW_LOG) ||
	    !zstd_set(p, ZSTD_c_checksumFlag, 1))
		return -ENOMEM;
	return segment_give(p->dir_fd, p->out);
}

int pack_open(int dir_fd, uint32_t number, struct pack **ret)
{
	struct pack *p = malloc(sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	memset(p, 0, offsetof(struct pack, text));
	p->dir_fd = dir_fd;
	p->in = p->out = -1;
	segment_name(number, "jsonl", p->plain);
	segment_name(number, "part", p->part);
	segment_name(number, "jsonl.zst", p->packed);
	rc = begin(p);
	if (rc < 0) {
		pack_close(p);
		return rc;
	}
	*ret = p;
	return 0;
}

void pack_close(struct pack *p)
{
	if (p == NULL)
		return;
	if (p->out >= 0) {
		(void)close(p->out);
		if (p->stage < STAGE_REMOVE)
			(void)unlinkat(p->dir_fd, p->part, 0);
	}
	if (p->in >= 0)
		(void)close(p->in);
	(void)ZSTD_freeCCtx(p->zstd);
	free(p);
}

static int compress(struct pack *p, size_t len, bool last)
{
	ZSTD_inBuffer in = {.src = p->text, .size = len};
	size_t left, done;

	do {
		ZSTD_outBuffer out = {.dst = p->frame, .size = sizeof(p->frame)};
		int rc;

		left = ZSTD_compressStream2(p->zstd, &out, &in,
					    last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return -ENOMEM;
		rc = output_write_all(p->out, p->frame, out.pos, &done);
		if (rc < 0)
			return rc;
		p->unsynced += out.pos;
	} while (last ? left > 0 : in.pos < in.size);
	return 0;
}

static int sync_part(struct pack *p)
{
	if (fdatasync(p->out) != 0)
		return -errno;
	p->unsynced = 0;
	return 0;
}

static int copy(struct pack *p)
{
	ssize_t n;
	int rc;

	/* Each wait for the disk is short, and a step of its own. */
	if (p->unsynced >= SYNC_BYTES)
		return sync_part(p);
	do
		n = read(p->in, p->text, sizeof(p->text));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	rc = compress(p, (size_t)n, n == 0);
	if (rc == 0 && n == 0)
		p->stage = STAGE_SYNC;
	return rc;
}

int pack_step(struct pack *p)
{
	int rc = 0;

	switch (p->stage) {
	case STAGE_COPY:
		rc = copy(p);
		break;
	case STAGE_SYNC:
		rc = fsync(p->out) != 0 ? -errno : 0;
		if (rc == 0)
			p->stage = STAGE_NAME;
		break;
	case STAGE_NAME:
		if (renameat(p->dir_fd, p->part, p->dir_fd, p->packed) != 0)
			return -errno;
		p->stage = STAGE_REMOVE;
		rc = fsync(p->dir_fd) != 0 ? -errno : 0;
		break;
	case STAGE_REMOVE:
		rc = unlinkat(p->dir_fd, p->plain, 0) != 0 ? -errno : 0;
		if (rc == 0)
			p->stage = STAGE_DONE;
		break;
	case STAGE_DONE:
		return 0;
	}
	return rc < 0 ? rc : p->stage != STAGE_DONE;
}
