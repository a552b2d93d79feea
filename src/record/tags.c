/* SPDX-License-Identifier: Apache-2.0 */
#include "record/tags.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/segments.h"

void tags_init(struct tags *t)
{
	t->fd = -1;
	t->written = 0;
	t->waiting = t->ready = 0;
}

int tags_open(struct tags *t, int dir_fd, uint32_t number, uint64_t lines)
{
	char name[SEGMENT_NAME_MAX];
	struct stat st;
	int fd, rc;

	segment_name(number, "tags", name);
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0640);
	if (fd < 0)
		return -errno;
	rc = fstat(fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EBADMSG;
	if (rc == 0 && (uint64_t)st.st_size > lines * CHAIN_TAG &&
	    ftruncate(fd, (off_t)(lines * CHAIN_TAG)) != 0)
		rc = -errno;
	if (rc == 0)
		rc = segment_give(dir_fd, fd);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	tags_close(t);
	t->fd = fd;
	t->written = (uint64_t)st.st_size / CHAIN_TAG;
	if (t->written > lines)
		t->written = lines;
	return 0;
}

void tags_close(struct tags *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
	memmove(t->buf[0], t->buf[t->ready], (t->waiting - t->ready) * CHAIN_TAG);
	t->waiting -= t->ready;
	t->ready = 0;
	t->written = 0;
}

bool tags_add(struct tags *t, const uint8_t digest[CHAIN_DIGEST])
{
	if (t->waiting == TAGS_WAITING_MAX)
		return false;
	memcpy(t->buf[t->waiting++], digest, CHAIN_TAG);
	return true;
}

void tags_ready(struct tags *t, size_t lines)
{
	t->ready += lines;
	if (t->ready > t->waiting)
		t->ready = t->waiting;
}

int tags_flush(struct tags *t)
{
	size_t done = 0;

	if (t->ready == 0)
		return 0;
	if (t->fd < 0)
		return -EBADF;
	/* At its place, so that a part that was written is written again. */
	while (done < t->ready * CHAIN_TAG) {
		const ssize_t n =
			pwrite(t->fd, t->buf[0] + done, t->ready * CHAIN_TAG - done,
			       (off_t)(t->written * CHAIN_TAG + done));

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	t->written += t->ready;
	memmove(t->buf[0], t->buf[t->ready], (t->waiting - t->ready) * CHAIN_TAG);
	t->waiting -= t->ready;
	t->ready = 0;
	return 0;
}

int tags_sync(struct tags *t)
{
	const int rc = tags_flush(t);

	return rc == 0 && t->fd >= 0 && fdatasync(t->fd) != 0 ? -errno : rc;
}
