/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ENFORCE_NAMESPACE_H
#define TESTS_ENFORCE_NAMESPACE_H

/*
 * namespace - a network of the test's own: loopback with a few addresses, and nothing else.
 *
 * Every test that enters makes a new one; the kernel takes the old one away.  Only root can;
 * everyone else skips.  Include after cmocka.h.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"

#define A4 "10.9.0.1"
#define B4 "10.9.0.2"
#define C4 "10.9.0.3"
#define A6 "fd09::1"
#define B6 "fd09::2"

static inline struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

/* A socket address of either family; its length. */
static inline socklen_t endpoint(const char *text, uint16_t port,
				 struct sockaddr_storage *ret)
{
	struct addr a = address(text);
	struct sockaddr_in6 sa6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in sa4 = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (addr_is_v4(&a)) {
		memcpy(&sa4.sin_addr, a.b + 12, 4);
		memcpy(ret, &sa4, sizeof(sa4));
		return sizeof(sa4);
	}
	memcpy(&sa6.sin6_addr, a.b, 16);
	memcpy(ret, &sa6, sizeof(sa6));
	return sizeof(sa6);
}

static inline uint16_t local_port(int fd)
{
	struct sockaddr_storage ss;
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(ss);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	memcpy(&sa, &ss, sizeof(sa)); /* the port stands at the same place in both */
	return ntohs(sa.sin6_port);
}

/* A socket bound to `text`, any port when 0, that gives up after two seconds. */
static inline int bound_socket(int type, const char *text, uint16_t port)
{
	const struct timeval two = {.tv_sec = 2};
	struct sockaddr_storage ss;
	socklen_t len = endpoint(text, port, &ss);
	const int on = 1;
	int fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &two, sizeof(two)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &two, sizeof(two)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&ss, len), 0);
	return fd;
}

static inline int connect_to(int fd, const char *text, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint(text, port, &ss);

	return connect(fd, (const struct sockaddr *)&ss, len);
}

static inline int listener(const char *text)
{
	int fd = bound_socket(SOCK_STREAM, text, 0);

	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static inline void address_add_v4(int fd, const char *alias, const char *text)
{
	struct ifreq r = {0};
	struct sockaddr_storage ss;

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", alias);
	(void)endpoint(text, 0, &ss);
	memcpy(&r.ifr_addr, &ss, sizeof(r.ifr_addr));
	assert_int_equal(ioctl(fd, SIOCSIFADDR, &r), 0);
}

static inline void address_add_v6(const char *text)
{
	struct {
		struct in6_addr addr;
		uint32_t prefix;
		int index;
	} r = {.prefix = 128, .index = (int)if_nametoindex("lo")};
	struct addr a = address(text);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(&r.addr, a.b, 16);
	assert_int_equal(ioctl(fd, SIOCSIFADDR, &r), 0);
	/* A worker of the kernel makes it usable a moment later. */
	for (unsigned i = 0; i < 1000; i++) {
		const struct timespec ms = {.tv_nsec = 1000000};
		struct sockaddr_storage ss;
		socklen_t len = endpoint(text, 0, &ss);

		if (bind(fd, (const struct sockaddr *)&ss, len) == 0)
			break;
		(void)nanosleep(&ms, NULL);
	}
	(void)close(fd);
}

static inline void namespace_enter(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
		print_message("needs a network namespace of its own: root\n");
		skip();
	}
	(void)signal(SIGPIPE, SIG_IGN);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	address_add_v4(fd, "lo:1", A4);
	address_add_v4(fd, "lo:2", B4);
	address_add_v4(fd, "lo:3", C4);
	address_add_v6(A6);
	address_add_v6(B6);
	(void)close(fd);
}

/* Everything that passes loopback from now on, IP header first. */
static inline int tap_open(void)
{
	struct sockaddr_ll sa = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex("lo"),
	};
	const int size = 16 << 20;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			htons(ETH_P_ALL));

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* The next packet that the tap heard, once each; its length, 0 when there is none. */
static inline size_t tap_read(int fd, uint8_t *buf, size_t size)
{
	struct sockaddr_ll sa = {0};
	socklen_t len;
	ssize_t n;

	do {
		len = sizeof(sa);
		n = recvfrom(fd, buf, size, MSG_TRUNC, (struct sockaddr *)&sa, &len);
	} while (n >= 0 && sa.sll_pkttype == PACKET_OUTGOING); /* each comes twice */
	return n < 0 ? 0 : (size_t)n;
}

/* Run a program to its end; its exit status, or 127 when there is none. */
static inline int run(const char *const argv[])
{
	posix_spawn_file_actions_t quiet;
	char *args[32] = {0};
	int status = 0;
	pid_t pid;
	int rc;

	for (size_t i = 0; argv[i] != NULL && i < 31; i++)
		args[i] = strdup(argv[i]);
	assert_int_equal(posix_spawn_file_actions_init(&quiet), 0);
	(void)posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&pid, args[0], &quiet, NULL, args, environ);
	(void)posix_spawn_file_actions_destroy(&quiet);
	for (size_t i = 0; i < 31; i++)
		free(args[i]);
	if (rc != 0)
		return 127;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

#endif /* TESTS_ENFORCE_NAMESPACE_H */
