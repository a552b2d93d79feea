/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define SERVE_MAX 16

static const char name[] = "weir-inline"; /* behind the NUL of an abstract one */

static socklen_t address(struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(a->sun_path + 1, name, sizeof(name) - 1);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(name));
}

/* Connected to who holds the name and is root's; -1 = there is none. */
static int reach(struct ucred *ret)
{
	const struct timeval patience = {.tv_sec = 2};
	socklen_t len = sizeof(*ret);
	struct sockaddr_un a;
	const socklen_t alen = address(&a);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&a, alen) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &len) == 0 &&
	    (ret->uid == 0 || ret->uid == geteuid()))
		return fd;
	(void)close(fd);
	return -1;
}

int lock_take(int *ret_fd, char error[300])
{
	struct sockaddr_un a;
	const socklen_t len = address(&a);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc,
	    other;
	struct ucred peer = {0};

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&a, len) == 0 &&
	    listen(fd, SERVE_MAX) == 0) {
		*ret_fd = fd;
		return 0;
	}
	rc = errno == 0 ? -EIO : -errno;
	if (fd >= 0)
		(void)close(fd);
	other = reach(&peer);
	if (other >= 0)
		(void)close(other);
	if (rc == -EADDRINUSE && other < 0) {
		log_warning("the socket name @%s is held by a process that is no weir: a "
			    "second weir would not be noticed",
			    name);
		*ret_fd = -1;
		return 0;
	}
	if (rc == -EADDRINUSE)
		(void)snprintf(error, 300,
			       "another weir runs inline in this network namespace "
			       "(process %d): its netfilter rules and this one's would "
			       "take each other's place; stop it first",
			       (int)peer.pid);
	else
		(void)snprintf(error, 300, "socket @%s: %s", name, strerrordesc_np(-rc));
	return rc;
}

void lock_serve(int fd, const char *path)
{
	for (int i = 0; i < SERVE_MAX; i++) {
		const int to = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (to < 0)
			return;
		(void)send(to, path, strlen(path), MSG_NOSIGNAL);
		(void)close(to);
	}
}

bool lock_ask(char *path, size_t size, int *ret_pid)
{
	struct ucred peer = {0};
	const int fd = reach(&peer);
	ssize_t n = fd < 0 ? -1 : recv(fd, path, size - 1, MSG_WAITALL);

	if (fd >= 0)
		(void)close(fd);
	*ret_pid = fd >= 0 ? (int)peer.pid : 0;
	if (n <= 0)
		return false;
	path[n] = '\0';
	return true;
}
