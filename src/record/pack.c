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

#include "record/segments.h"
#include "record/squeeze.h"

enum stage {
	STAGE_COPY,
	STAGE_SYNC, /* of the last part */
	STAGE_NAME,
	STAGE_REMOVE,
	STAGE_DONE
};

struct pack {
	int dir_fd; /* the caller's */
	int in;
	enum stage stage;
	struct squeeze out;
	char plain[SEGMENT_NAME_MAX], packed[SEGMENT_NAME_MAX];
	char text[PACK_STEP_BYTES];
};

static int begin(struct pack *p, uint32_t number)
{
	struct stat st;

	p->in = openat(p->dir_fd, p->plain,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (p->in < 0)
		return -errno;
	if (fstat(p->in, &st) != 0 || !S_ISREG(st.st_mode))
		return -EBADMSG;
	return squeeze_open(&p->out, p->dir_fd, number, true);
}

int pack_open(int dir_fd, uint32_t number, struct pack **ret)
{
	struct pack *p = malloc(sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	memset(p, 0, offsetof(struct pack, text));
	p->dir_fd = dir_fd;
	p->in = p->out.fd = -1;
	segment_name(number, "jsonl", p->plain);
	segment_name(number, "jsonl.zst", p->packed);
	rc = begin(p, number);
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
	squeeze_close(&p->out);
	if (p->in >= 0)
		(void)close(p->in);
	free(p);
}

static int copy(struct pack *p)
{
	ssize_t n;
	int rc;

	/* Each wait for the disk is short, and a step of its own. */
	if (squeeze_is_due(&p->out))
		return squeeze_sync(&p->out);
	do
		n = read(p->in, p->text, sizeof(p->text));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	rc = squeeze_add(&p->out, p->text, (size_t)n, n == 0);
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
		rc = squeeze_sync(&p->out);
		if (rc == 0)
			p->stage = STAGE_NAME;
		break;
	case STAGE_NAME:
		rc = squeeze_rename(&p->out, p->packed);
		if (rc == 0)
			p->stage = STAGE_REMOVE;
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
