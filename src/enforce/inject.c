/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/inject.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ICMP_CREDIT_ONE 1000000 /* of a message; a microsecond earns the rate's worth */
#define ICMP_CREDIT_MAX ((int64_t)INJECT_ICMP_PER_SECOND * ICMP_CREDIT_ONE)

enum inject_socket {
	PACKET_V4,
	PACKET_V6,
	ICMP_V4,
	ICMP_V6,
	INJECT_SOCKETS
};

struct inject {
	int fd[INJECT_SOCKETS];
	int64_t credit;  /* of ICMP messages, ICMP_CREDIT_ONE each */
	int64_t last_us; /* when credit was last added to */
	struct inject_stats stats;
};

static const struct {
	int family, protocol;
	const char *what;
} sockets[INJECT_SOCKETS] = {
	[PACKET_V4] = {AF_INET, IPPROTO_RAW, "IPv4"},
	[PACKET_V6] = {AF_INET6, IPPROTO_RAW, "IPv6"},
	[ICMP_V4] = {AF_INET, IPPROTO_ICMP, "ICMP"},
	[ICMP_V6] = {AF_INET6, IPPROTO_ICMPV6, "ICMPv6"},
};

/* Nothing is read: without this the kernel would copy every ICMP message to us. */
static int deafen(int fd)
{
	struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {.len = 1, .filter = &refuse};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		return -errno;
	return 0;
}

static int socket_open(enum inject_socket s, int *ret)
{
	const int on = 1;
	int fd = socket(sockets[s].family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			sockets[s].protocol);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (s == PACKET_V4)
		rc = setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on));
	else if (s == PACKET_V6)
		rc = setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof(on));
	rc = rc != 0 ? -errno : deafen(fd);
	if (rc != 0) {
		(void)close(fd);
		return rc;
	}
	*ret = fd;
	return 0;
}

int inject_open(struct inject **ret, char error[INJECT_ERROR_MAX])
{
	struct inject *i = calloc(1, sizeof(*i));

	if (i == NULL) {
		(void)snprintf(error, INJECT_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	for (unsigned s = 0; s < INJECT_SOCKETS; s++)
		i->fd[s] = -1;
	i->credit = ICMP_CREDIT_MAX;
	for (unsigned s = 0; s < INJECT_SOCKETS; s++) {
		int rc = socket_open((enum inject_socket)s, &i->fd[s]);

		/* A host without IPv6 has nobody to send it to. */
		if (rc == -EAFNOSUPPORT && sockets[s].family == AF_INET6)
			continue;
		if (rc != 0) {
			(void)snprintf(error, INJECT_ERROR_MAX,
				       "cannot open a raw %s socket for refusals: %s%s",
				       sockets[s].what, strerrordesc_np(-rc),
				       rc == -EPERM || rc == -EACCES
					       ? "; start as root or with CAP_NET_RAW"
					       : "");
			inject_close(i);
			return rc;
		}
	}
	*ret = i;
	return 0;
}

void inject_close(struct inject *i)
{
	if (i == NULL)
		return;
	for (unsigned s = 0; s < INJECT_SOCKETS; s++)
		if (i->fd[s] >= 0)
			(void)close(i->fd[s]);
	free(i);
}

static bool packet_send(const struct inject *i, bool icmp, const struct addr *to,
			const uint8_t *data, size_t len)
{
	const int v4 = i->fd[icmp ? ICMP_V4 : PACKET_V4];
	const int v6 = i->fd[icmp ? ICMP_V6 : PACKET_V6];
	ssize_t sent;

	if (addr_is_v4(to)) {
		struct sockaddr_in sa = {.sin_family = AF_INET};

		memcpy(&sa.sin_addr, to->b + 12, 4);
		sent = sendto(v4, data, len, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&sa, sizeof(sa));
	} else {
		struct sockaddr_in6 sa = {.sin6_family = AF_INET6};

		memcpy(&sa.sin6_addr, to->b, 16);
		sent = sendto(v6, data, len, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (const struct sockaddr *)&sa, sizeof(sa));
	}
	return sent >= 0 && (size_t)sent == len;
}

void inject_reset(struct inject *i, const struct tcp_reset *r)
{
	uint8_t buf[INJECT_PACKET_MAX];
	const size_t len = inject_build_reset(r, buf);

	if (len != 0 && packet_send(i, false, &r->dst, buf, len))
		i->stats.resets++;
	else
		i->stats.resets_failed++;
}

/* One message's worth of credit, if there is one: a bucket that a second fills. */
static bool icmp_credit_take(struct inject *i, int64_t now_us)
{
	const int64_t elapsed = now_us - i->last_us;

	if (elapsed >= ICMP_CREDIT_ONE) {
		i->credit = ICMP_CREDIT_MAX;
	} else if (elapsed > 0) {
		i->credit += elapsed * INJECT_ICMP_PER_SECOND;
		if (i->credit > ICMP_CREDIT_MAX)
			i->credit = ICMP_CREDIT_MAX;
	}
	i->last_us = now_us;
	if (i->credit < ICMP_CREDIT_ONE)
		return false;
	i->credit -= ICMP_CREDIT_ONE;
	return true;
}

void inject_prohibited(struct inject *i, const uint8_t *ip, size_t len, int64_t now_us)
{
	uint8_t buf[INJECT_PACKET_MAX];
	struct addr to;
	const size_t n = inject_build_prohibited(ip, len, &to, buf);

	if (n == 0)
		i->stats.icmp_not_due++;
	else if (!icmp_credit_take(i, now_us))
		i->stats.icmp_limited++;
	else if (packet_send(i, true, &to, buf, n))
		i->stats.icmp++;
	else
		i->stats.icmp_failed++;
}

const struct inject_stats *inject_stats(const struct inject *i)
{
	return &i->stats;
}
