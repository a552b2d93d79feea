/* SPDX-License-Identifier: Apache-2.0 */
#include "record/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int output_open(struct output *o, int fd)
{
	struct stat st;
	off_t at;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st) != 0)
		return -errno;
	*o = (struct output){.fd = fd, .can_cut = S_ISREG(st.st_mode)};
	if (!o->can_cut)
		return 0;
	/* Appending goes to the end wherever the descriptor stands. */
	at = (flags & O_APPEND) != 0 ? st.st_size : lseek(fd, 0, SEEK_CUR);
	if (at < 0)
		return -errno;
	o->size = (uint64_t)at;
	return 0;
}

int output_write_all(int fd, const char *bytes, size_t len, size_t *ret_done)
{
	size_t done = 0;
	int rc = 0;

	while (done < len) {
		ssize_t n = write(fd, bytes + done, len - done);

		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0) {
			rc = -EIO;
			break;
		} else if (errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			(void)poll(&p, 1, -1);
		} else if (errno != EINTR) {
			rc = -errno;
			break;
		}
	}
	*ret_done = done;
	return rc;
}

/* SIGPIPE is kept from the process, whatever it does with that signal. */
static int write_without_sigpipe(int fd, const char *bytes, size_t len, size_t *ret_done)
{
	static const struct timespec at_once;
	sigset_t pipe_only, before, pending;
	bool had_one;
	int rc;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)sigpending(&pending);
	had_one = sigismember(&pending, SIGPIPE) == 1;
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	rc = output_write_all(fd, bytes, len, ret_done);
	if (rc == -EPIPE && !had_one)
		(void)sigtimedwait(&pipe_only, NULL, &at_once);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* Drop what stands past the whole lines, if it is ours alone. */
static int cut_back(struct output *o, uint64_t expected_size)
{
	struct stat st;

	o->torn = true;
	o->stuck = expected_size;
	if (fstat(o->fd, &st) != 0)
		return -errno;
	if ((uint64_t)st.st_size != expected_size &&
	    !(o->alone && (uint64_t)st.st_size >= o->size))
		return -ESTALE;
	if (ftruncate(o->fd, (off_t)o->size) != 0)
		return -errno;
	if (lseek(o->fd, (off_t)o->size, SEEK_SET) < 0)
		return -errno;
	o->torn = false;
	return 0;
}

static size_t whole_lines(const char *lines, size_t len)
{
	const char *last = len == 0 ? NULL : memrchr(lines, '\n', len);

	return last == NULL ? 0 : (size_t)(last - lines) + 1;
}

int output_write(struct output *o, const char *lines, size_t len, size_t *ret_written)
{
	size_t done = 0, whole;
	int rc;

	*ret_written = 0;
	if (o->torn) {
		rc = cut_back(o, o->stuck);
		if (rc < 0)
			return rc;
	}
	rc = write_without_sigpipe(o->fd, lines, len, &done);
	whole = rc == 0 ? len : whole_lines(lines, done);
	o->size += whole;
	*ret_written = whole;
	if (rc < 0 && o->can_cut && (done > whole || o->alone))
		(void)cut_back(o, o->size + (done - whole));
	return rc;
}
