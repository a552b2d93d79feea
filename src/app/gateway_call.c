/* SPDX-License-Identifier: Apache-2.0 */
#include "app/gateway_call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int gateway_call(const char *command, const char path[GATEWAY_PATH_MAX])
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, path, strnlen(path, sizeof(a.sun_path) - 1));
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	(void)fprintf(stderr, "weir %s: %s: %s%s\n", command, path,
		      strerrordesc_np(errno),
		      errno == ENOENT || errno == ECONNREFUSED
			      ? " (is weir running?  If it is not and traffic is "
				"stuck: weir off)"
			      : "");
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

bool gateway_hear(int fd, char word[4], int *ret_passed)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} rights;
	struct iovec iov = {.iov_base = word, .iov_len = 3};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	const struct cmsghdr *c;
	ssize_t n;

	*ret_passed = -1;
	m.msg_control = rights.bytes;
	m.msg_controllen = sizeof(rights.bytes);
	n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_passed, CMSG_DATA(c), sizeof(int));
	word[n > 0 ? n : 0] = '\0';
	return n == 3;
}
