/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Does somebody listen there?  With a full backlog, too. */
static bool is_served(const struct sockaddr_un *a)
{
	const int fd = make_socket();
	const bool served =
		fd >= 0 && (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 ||
			    errno == EAGAIN);

	if (fd >= 0)
		(void)close(fd);
	return served;
}

/* 0, or -errno: what is there is not to be taken over. */
static int clear_place(const struct sockaddr_un *a)
{
	struct stat st;

	if (lstat(a->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (is_served(a))
		return -EADDRINUSE;
	return unlink(a->sun_path) == 0 ? 0 : -errno;
}

int listen_at(const char *path, mode_t mode, gid_t group)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd, rc;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path) + 1);
	rc = clear_place(&a);
	if (rc != 0)
		return rc;
	fd = make_socket();
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 &&
	    (group == (gid_t)-1 || chown(path, (uid_t)-1, group) == 0) &&
	    chmod(path, mode) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	rc = -errno;
	(void)close(fd);
	return rc;
}
