/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CAPTURE_NAMESPACE_H
#define TESTS_CAPTURE_NAMESPACE_H

/*
 * A network namespace for one test program, with its loopback up and nothing else in it.
 * Include after cmocka.h.
 */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <net/if.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline bool interface_up(const char *name, int mtu)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_flags = 0};
	bool up;

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
	request.ifr_flags |= IFF_UP;
	up = up && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	request.ifr_mtu = mtu;
	up = up && (mtu == 0 || ioctl(fd, SIOCSIFMTU, &request) == 0);
	if (fd >= 0)
		(void)close(fd);
	return up;
}

/* False when namespaces are not for us: the tests then skip. */
static inline bool namespace_enter(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && interface_up("lo", 1500);
}

/* Run a program with its output thrown away; its exit status, 127 when it is not there. */
static inline int run(const char *const *words)
{
	char *argv[32] = {NULL};
	int status;
	pid_t child;

	for (size_t i = 0; words[i] != NULL && i < ARRAY_LEN(argv) - 1; i++)
		argv[i] = strdup(words[i]);
	child = fork();
	if (child == 0) {
		const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int fd = 0; fd < 3; fd++)
			(void)dup2(null, fd);
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	for (size_t i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 126;
	return WEXITSTATUS(status);
}

/* 127.0.0.1 or ::1, and the port. */
static inline socklen_t loopback(int family, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		in->sin_port = htons(port);
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	}
	((struct sockaddr_in6 *)ret)->sin6_port = htons(port);
	((struct sockaddr_in6 *)ret)->sin6_addr = in6addr_loopback;
	return sizeof(struct sockaddr_in6);
}

/* A socket bound to the port of the loopback address. */
static inline int socket_bound(int family, int type, uint16_t port)
{
	const int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage at;
	const socklen_t len = loopback(family, port, &at);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	return fd;
}

static inline void send_number(int fd, int family, uint16_t port, uint32_t number)
{
	struct sockaddr_storage to;
	const socklen_t len = loopback(family, port, &to);

	assert_int_equal(
		sendto(fd, &number, sizeof(number), 0, (struct sockaddr *)&to, len),
		sizeof(number));
}

static inline bool readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

#endif /* TESTS_CAPTURE_NAMESPACE_H */
