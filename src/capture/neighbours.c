/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/neighbours.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define REPLY_BYTES 32768

/* What is known of an address, and not by a rule that asks nobody. */
#define KNOWN_STATES (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

struct gathering {
	neighbour_seen *seen;
	void *arg;
	int family;
	const uint8_t *addr, *mac;
};

static int take_attribute(const struct nlattr *attr, void *data)
{
	struct gathering *g = data;
	const size_t len = mnl_attr_get_payload_len(attr);
	const uint8_t *bytes = mnl_attr_get_payload(attr);

	if (mnl_attr_get_type(attr) == NDA_DST &&
	    len == (g->family == AF_INET ? 4u : 16u))
		g->addr = bytes;
	else if (mnl_attr_get_type(attr) == NDA_LLADDR && len == 6)
		g->mac = bytes;
	return MNL_CB_OK;
}

static int take_message(const struct nlmsghdr *h, void *data)
{
	const struct gathering *all = data;
	struct gathering g = *all;
	const struct ndmsg *m = mnl_nlmsg_get_payload(h);
	struct addr a;

	if (h->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(h) < sizeof(*m))
		return MNL_CB_OK;
	g.family = m->ndm_family;
	if ((g.family != AF_INET && g.family != AF_INET6) ||
	    (m->ndm_state & KNOWN_STATES) == 0)
		return MNL_CB_OK;
	(void)mnl_attr_parse(h, sizeof(*m), take_attribute, &g);
	if (g.addr == NULL || g.mac == NULL)
		return MNL_CB_OK;
	a = g.family == AF_INET ? addr_from_v4(g.addr) : addr_from_v6(g.addr);
	g.seen(g.arg, &a, g.mac);
	return MNL_CB_OK;
}

/*
 * How many bytes of `message` are whole messages.  libmnl 1.0.5 takes a length of over
 * INT_MAX for a negative one and stays at that message for ever (mnl_nlmsg_ok()).
 */
static size_t whole_messages(const void *message, size_t len)
{
	size_t at = 0, pad;
	uint32_t one;

	while (len - at >= sizeof(struct nlmsghdr)) {
		memcpy(&one, (const char *)message + at, sizeof(one));
		if (one < sizeof(struct nlmsghdr) || one > len - at)
			break;
		at += one;
		pad = (MNL_ALIGNTO - one % MNL_ALIGNTO) % MNL_ALIGNTO;
		at += len - at < pad ? len - at : pad;
	}
	return at;
}

/* As mnl_cb_run(). */
static int run(const void *message, size_t len, unsigned seq, unsigned port,
	       struct gathering *g)
{
	return mnl_cb_run(message, whole_messages(message, len), seq, port, take_message,
			  g);
}

void neighbours_parse(const void *message, size_t len, neighbour_seen *seen, void *arg)
{
	struct gathering g = {.seen = seen, .arg = arg};

	(void)run(message, len, 0, 0, &g);
}

static int ask(struct mnl_socket *s, char *buf)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ndmsg *m;

	h->nlmsg_type = RTM_GETNEIGH;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = 1;
	m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	m->ndm_family = AF_UNSPEC;
	return mnl_socket_sendto(s, h, h->nlmsg_len) < 0 ? -errno : 0;
}

int neighbours_read(neighbour_seen *seen, void *arg)
{
	_Alignas(struct nlmsghdr) char buf[REPLY_BYTES];
	const struct timeval patience = {.tv_sec = 1};
	struct gathering g = {.seen = seen, .arg = arg};
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int rc, more = MNL_CB_OK;

	if (s == NULL)
		return -errno;
	rc = mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 ||
			     setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVTIMEO,
					&patience, sizeof(patience)) < 0
		     ? -errno
		     : ask(s, buf);
	while (rc == 0 && more == MNL_CB_OK) {
		const ssize_t n = mnl_socket_recvfrom(s, buf, sizeof(buf));

		if (n <= 0)
			rc = n == 0 ? -EIO : -errno;
		else
			more = run(buf, (size_t)n, 1, mnl_socket_get_portid(s), &g);
	}
	if (rc == 0 && more < 0)
		rc = -errno;
	(void)mnl_socket_close(s);
	return rc;
}
