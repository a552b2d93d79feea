/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_BYTES ((size_t)4096)

static ssize_t read_some(int fd, void *buf, size_t size)
{
	ssize_t n;

	do
		n = read(fd, buf, size);
	while (n == -1 && errno == EINTR);
	return n;
}

/*
 * Read to the end.  `expect` is a first guess of the size.  One byte over `limit` is asked
 * for, so that a file of exactly `limit` bytes and a larger one differ.
 */
static int read_all(int fd, size_t limit, size_t expect, char **ret, size_t *ret_len)
{
	size_t size = expect < FIRST_BYTES ? FIRST_BYTES : expect + 1;
	size_t len = 0;
	char *text = malloc(size + 1); /* and the NUL */
	int rc = -ENOMEM;

	while (text != NULL) {
		ssize_t n = read_some(fd, text + len, size - len);

		if (n == -1) {
			rc = -errno;
			break;
		}
		len += (size_t)n;
		if (len > limit) {
			rc = -EFBIG;
			break;
		}
		if (n == 0) {
			text[len] = '\0';
			*ret = text;
			*ret_len = len;
			return 0;
		}
		if (len == size) {
			char *more = realloc(text, size * 2 + 1);

			if (more == NULL)
				break;
			text = more;
			size *= 2;
		}
	}
	free(text);
	return rc;
}

int file_read(const char *path, size_t limit, char **ret, size_t *ret_len)
{
	struct stat st;
	size_t expect = 0;
	int rc = 0;
	int fd;

	if (limit > SIZE_MAX / 4)
		limit = SIZE_MAX / 4; /* keeps the sums in read_all() in range */
	do
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	while (fd == -1 && errno == EINTR);
	if (fd == -1)
		return -errno;

	if (fstat(fd, &st) == -1)
		rc = -errno;
	else if (S_ISDIR(st.st_mode))
		rc = -EISDIR;
	else if (S_ISREG(st.st_mode) && (uintmax_t)st.st_size > limit)
		rc = -EFBIG;
	else if (S_ISREG(st.st_mode))
		expect = (size_t)st.st_size;
	else if (!S_ISFIFO(st.st_mode))
		rc = -EINVAL;
	if (rc == 0)
		rc = read_all(fd, limit, expect, ret, ret_len);
	(void)close(fd);
	return rc;
}

void file_fold(char *path)
{
	char *up;

	while ((up = strstr(path, "/../")) != NULL && up > path) {
		char *from = up;

		while (from > path && from[-1] != '/')
			from--;
		if (from == up || strncmp(from, "../", 3) == 0 ||
		    strncmp(from, "./", 2) == 0)
			return;
		memmove(from, up + 4, strlen(up + 4) + 1);
	}
}

/* Shorter and the same file?  A folder that is a link may make it another. */
static char *shorten(char *path)
{
	char *folded = strdup(path);
	struct stat a, b;

	if (folded == NULL)
		return path;
	file_fold(folded);
	if (stat(path, &a) == 0 && stat(folded, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino) {
		free(path);
		return folded;
	}
	free(folded);
	return path;
}

char *file_join(const char *base, const char *name)
{
	const char *slash = strrchr(base, '/');
	size_t folder = slash == NULL ? 0 : (size_t)(slash - base) + 1;
	size_t len = strlen(name);
	char *path;

	if (name[0] == '/')
		folder = 0;
	path = malloc(folder + len + 1);
	if (path == NULL)
		return NULL;
	memcpy(path, base, folder);
	memcpy(path + folder, name, len + 1);
	return path;
}

char *file_beside(const char *base, const char *name)
{
	char *path = file_join(base, name);

	return path == NULL ? NULL : shorten(path);
}

/* The folder of `path` without links; *ret_name is what follows it.  malloc'd or NULL. */
static char *folder_of(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char *folder, *real;

	*ret_name = slash == NULL ? path : slash + 1;
	if (slash == NULL)
		return realpath(".", NULL);
	folder = strndup(path, (size_t)(slash - path) + 1);
	real = folder == NULL ? NULL : realpath(folder, NULL);
	free(folder);
	return real;
}

bool file_is_place(const char *a, const char *b)
{
	const char *a_name, *b_name;
	char *a_folder, *b_folder;
	bool same;

	if (strcmp(a, b) == 0)
		return true;
	a_folder = folder_of(a, &a_name);
	b_folder = folder_of(b, &b_name);
	same = a_folder != NULL && b_folder != NULL && strcmp(a_name, b_name) == 0 &&
	       strcmp(a_folder, b_folder) == 0;
	free(a_folder);
	free(b_folder);
	return same;
}

static int write_whole(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The move itself is on the disk when the folder is. */
static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL   ? strdup(".")
		       : slash == path ? strdup("/")
				       : strndup(path, (size_t)(slash - path));
	int fd = folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = folder == NULL ? -ENOMEM : fd == -1 || fsync(fd) != 0 ? -errno : 0;

	if (fd != -1)
		(void)close(fd);
	free(folder);
	return rc;
}

static int replace(const char *path, const char *bytes, size_t len, bool sync)
{
	size_t size = strlen(path) + sizeof(".new");
	char *beside = malloc(size);
	int fd, rc;

	if (beside == NULL)
		return -ENOMEM;
	(void)snprintf(beside, size, "%s.new", path);
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	rc = fd == -1 ? -errno : write_whole(fd, bytes, len);
	if (rc == 0 && sync && fsync(fd) != 0)
		rc = -errno;
	if (fd != -1 && close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(beside, path) != 0)
		rc = -errno;
	if (rc != 0 && fd != -1)
		(void)unlink(beside);
	if (rc == 0 && sync)
		rc = sync_folder(path);
	free(beside);
	return rc;
}

int file_replace(const char *path, const char *bytes, size_t len)
{
	return replace(path, bytes, len, true);
}

int file_put(const char *path, const char *bytes, size_t len)
{
	return replace(path, bytes, len, false);
}

int file_identify(const char *path, struct file_id *ret)
{
	struct stat st;

	*ret = (struct file_id){0};
	if (stat(path, &st) == -1)
		return -errno;
	*ret = (struct file_id){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
	};
	return 0;
}

bool file_same(const struct file_id *a, const struct file_id *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}
