/* SPDX-License-Identifier: Apache-2.0 */
#include "record/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "record/form.h"
#include "record/lines.h"
#include "record/output.h"
#include "record/seal.h"

#define SEGMENT_MODE 0640
#define LINE_MAX_ALL (FORM_HEAD_MAX + FORM_LINE_MAX)

void segment_name(uint32_t number, const char *suffix, char buf[SEGMENT_NAME_MAX])
{
	(void)snprintf(buf, SEGMENT_NAME_MAX, "%06u.%s", number, suffix);
}

/* The digits before .jsonl or .jsonl.zst; none: no name of that form. */
static struct str digits_of(const char *name)
{
	struct str s = str_of(name);

	if (str_ends_with(s, STR(".jsonl.zst")))
		s.len -= sizeof(".zst") - 1;
	if (!str_ends_with(s, STR(".jsonl")))
		return (struct str){name, 0};
	s.len -= sizeof(".jsonl") - 1;
	return strspn(name, "0123456789") == s.len ? s : (struct str){name, 0};
}

/* The number of a segment's name, or 0.  Of two spellings of a number one is a name. */
static uint32_t number_of(const char *name)
{
	const struct str s = digits_of(name);
	uint64_t n;

	if (s.len < 6 || (s.len > 6 && name[0] == '0') ||
	    !parse_u64(s, UINT32_MAX - 1, &n))
		return 0;
	return (uint32_t)n;
}

/* The folder's entries, from the first; closedir() is the caller's.  NULL: errno says why. */
static DIR *open_entries(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const int error = errno;

	if (fd >= 0 && d == NULL)
		(void)close(fd);
	errno = error;
	return d;
}

/* The lowest number above `after` and the highest of all; 0 = there is none. */
static int scan(int dir_fd, uint32_t after, uint32_t *ret_next, uint32_t *ret_last)
{
	struct dirent *e;
	DIR *d = open_entries(dir_fd);
	int rc;

	if (d == NULL)
		return -errno;
	/* readdir() shares nothing here: the stream is this function's own. */
	*ret_next = *ret_last = 0;
	errno = 0;
	while ((e = readdir(d)) != NULL) { // NOLINT(concurrency-mt-unsafe)
		uint32_t n = number_of(e->d_name);

		if (n > *ret_last)
			*ret_last = n;
		if (n > after && (*ret_next == 0 || n < *ret_next))
			*ret_next = n;
	}
	rc = errno;
	(void)closedir(d);
	return -rc;
}

int segments_last(int dir_fd, uint32_t *ret)
{
	uint32_t next;

	return scan(dir_fd, 0, &next, ret);
}

int segments_after(int dir_fd, uint32_t after, uint32_t *ret)
{
	uint32_t last;

	return scan(dir_fd, after, ret, &last);
}

int segments_bytes(int dir_fd, uint64_t *ret)
{
	struct dirent *e;
	uint64_t sum = 0;
	DIR *d = open_entries(dir_fd);
	int rc;

	if (d == NULL)
		return -errno;
	errno = 0;
	while ((e = readdir(d)) != NULL) { // NOLINT(concurrency-mt-unsafe)
		struct stat st;

		if (number_of(e->d_name) == 0 &&
		    !str_ends_with(str_of(e->d_name), STR(".tags")))
			continue;
		if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			sum += (uint64_t)st.st_size;
		errno = 0;
	}
	rc = errno;
	(void)closedir(d);
	*ret = sum;
	return -rc;
}

/* The first by name is kept, so that the answer does not depend on the folder's order. */
static void keep_first(const char *name, char buf[SEGMENT_NAME_MAX])
{
	char cut[SEGMENT_NAME_MAX];

	(void)snprintf(cut, sizeof(cut), "%.*s", SEGMENT_NAME_MAX - 1, name);
	if (buf[0] == '\0' || strcmp(cut, buf) < 0)
		memcpy(buf, cut, sizeof(cut));
}

void segments_odd(const char *dir, struct segments_odd *ret)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : open_entries(fd);
	struct dirent *e;
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	while (d != NULL && (e = readdir(d)) != NULL) { // NOLINT(concurrency-mt-unsafe)
		if (digits_of(e->d_name).len == 0)
			continue;
		if (number_of(e->d_name) == 0) {
			ret->stray_count++;
			keep_first(e->d_name, ret->stray);
		} else if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			   !S_ISREG(st.st_mode)) {
			keep_first(e->d_name, ret->no_file);
		}
	}
	if (d != NULL)
		(void)closedir(d);
	if (fd >= 0)
		(void)close(fd);
}

int segment_give(int dir_fd, int fd)
{
	struct stat folder, file;

	if (fstat(dir_fd, &folder) != 0 || fstat(fd, &file) != 0)
		return -errno;
	if (folder.st_uid == file.st_uid)
		return 0;
	return fchown(fd, folder.st_uid, folder.st_gid) == 0 || errno == EPERM ? 0
									       : -errno;
}

int segment_beside(int dir_fd, const char *name, mode_t mode, const void *bytes,
		   size_t len)
{
	size_t done;
	int rc, fd = openat(dir_fd, name,
			    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	rc = segment_give(dir_fd, fd);
	if (rc == 0)
		rc = output_write_all(fd, bytes, len, &done);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

int segment_create(int dir_fd, uint32_t number)
{
	char name[SEGMENT_NAME_MAX];
	int fd;

	segment_name(number, "jsonl", name);
	fd = openat(dir_fd, name,
		    O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    SEGMENT_MODE);
	if (fd < 0)
		return -errno;
	/* The name must survive a power cut as well as the lines do. */
	if (segment_give(dir_fd, fd) != 0 || fsync(dir_fd) != 0) {
		int rc = -errno;

		(void)close(fd);
		(void)unlinkat(dir_fd, name, 0);
		return rc;
	}
	return fd;
}

static int read_at(int fd, char *buf, size_t len, uint64_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, buf + done, len - done, (off_t)(at + done));

		if (n == 0)
			return -EIO; /* it shrank under us */
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

/* *ret: the offset behind the last newline before `end`, 0 when there is none. */
static int behind_newline(int fd, uint64_t end, uint64_t *ret)
{
	char buf[4096];

	while (end > 0) {
		size_t n = end < sizeof(buf) ? (size_t)end : sizeof(buf);
		const char *last;
		int rc = read_at(fd, buf, n, end - n);

		if (rc < 0)
			return rc;
		last = memrchr(buf, '\n', n);
		if (last != NULL) {
			*ret = end - n + (uint64_t)(last - buf) + 1;
			return 0;
		}
		end -= n;
	}
	*ret = 0;
	return 0;
}

/* Append the bytes [from, size) of `fd` to NNNNNN.torn, then cut them off. */
static int move_torn(int dir_fd, uint32_t number, int fd, uint64_t from, uint64_t size)
{
	char name[SEGMENT_NAME_MAX], buf[4096];
	int out, rc = 0;

	segment_name(number, "torn", name);
	out = openat(dir_fd, name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		     SEGMENT_MODE);
	if (out < 0)
		return -errno;
	for (uint64_t at = from; at < size && rc == 0;) {
		size_t n = size - at < sizeof(buf) ? (size_t)(size - at) : sizeof(buf);
		size_t done;

		rc = read_at(fd, buf, n, at);
		if (rc == 0)
			rc = output_write_all(out, buf, n, &done);
		at += n;
	}
	if (rc == 0 && fsync(out) != 0)
		rc = -errno;
	if (close(out) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && fsync(dir_fd) != 0)
		rc = -errno;
	if (rc == 0 && ftruncate(fd, (off_t)from) != 0)
		rc = -errno;
	return rc;
}

/* The sequence number of the line that ends (with its newline) at `end` > 0. */
static int last_line(int fd, uint64_t end, uint64_t *ret_seq)
{
	uint64_t from;
	char *line;
	size_t len;
	int rc = behind_newline(fd, end - 1, &from);

	if (rc < 0)
		return rc;
	if (end - 1 - from > LINE_MAX_ALL)
		return -EBADMSG;
	len = (size_t)(end - 1 - from);
	line = malloc(len + 1);
	if (line == NULL)
		return -ENOMEM;
	rc = read_at(fd, line, len, from);
	if (rc == 0 && !line_seq((struct str){line, len}, ret_seq))
		rc = -EBADMSG;
	free(line);
	return rc;
}

static int examine(int dir_fd, uint32_t number, int fd, struct segment_end *ret)
{
	struct segment_end e = {.fd = fd};
	uint64_t whole;
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	rc = behind_newline(fd, (uint64_t)st.st_size, &whole);
	if (rc < 0)
		return rc;
	if (whole > 0) {
		rc = last_line(fd, whole, &e.last_seq);
		if (rc < 0)
			return rc;
		e.has_line = true;
	}
	if (whole < (uint64_t)st.st_size) {
		rc = move_torn(dir_fd, number, fd, whole, (uint64_t)st.st_size);
		if (rc < 0)
			return rc;
		e.torn_bytes = (uint64_t)st.st_size - whole;
	}
	e.size = whole;
	*ret = e;
	return 0;
}

int segment_reopen(int dir_fd, uint32_t number, struct segment_end *ret)
{
	char name[SEGMENT_NAME_MAX];
	int fd, rc;

	segment_name(number, "jsonl", name);
	/* O_NONBLOCK: a FIFO in its place must not hold us up. */
	fd = openat(dir_fd, name,
		    O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = examine(dir_fd, number, fd, ret);
	if (rc < 0)
		(void)close(fd);
	return rc;
}

int segment_packed_end(int dir_fd, uint32_t number, struct segment_end *ret)
{
	struct segment_end e = {.fd = -1};
	struct lines *l;
	struct str line;
	enum lines_end end;
	int rc = lines_open(dir_fd, number, &l);

	if (rc < 0)
		return rc;
	while ((end = lines_next(l, &line)) == LINES_LINE)
		e.has_line = line_seq(line, &e.last_seq);
	lines_close(l);
	if (end != LINES_END)
		return -EBADMSG;
	*ret = e;
	return 0;
}

int segment_begins(int dir_fd, uint32_t number, int64_t *ret_us)
{
	struct lines *l;
	struct str line;
	int rc = lines_open(dir_fd, number, &l);

	if (rc < 0)
		return rc;
	do
		rc = lines_next(l, &line) == LINES_LINE ? 0 : -EBADMSG;
	while (rc == 0 && !line_time(line, ret_us) && expired_is(line));
	if (rc == 0 && !line_time(line, ret_us))
		rc = -EBADMSG;
	lines_close(l);
	return rc;
}
