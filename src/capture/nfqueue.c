/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/nfqueue.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include "capture/nfqueue_parse.h"

/*
 * Packets that Weir cannot read get their answer here: what is not IP, or has no bytes,
 * passes (it is not what the gateway judges); a message that was cut off is a drop.
 *
 * Senders of messages are not looked at: the kernel lets nobody without CAP_NET_ADMIN
 * write to this socket.
 */

#define COPY_RANGE_DEFAULT     ((uint32_t)20 * 1024)
#define COPY_RANGE_MAX         65531u /* an attribute's length has 16 bits, its header 4 bytes */
#define MAX_PACKETS_DEFAULT    32768u
#define RECEIVE_BUFFER_DEFAULT ((uint32_t)32 * 1024 * 1024)

/* A verdict with its mark: headers of 16 and 4 bytes, attributes of 12 and 8. */
#define VERDICT_MAX 40

/*
 * Verdicts that go out in one send.  With the kernel's own 320 bytes behind them they
 * stay within a page; more would be fetched by vmalloc() at each send.
 */
#define OUT_BYTES 3600

#define FULL_GAP_US 1000000 /* of room: what was full before is another interval */

/* Tells an answer to a setting from one to a verdict, which carry 0. */
#define SETTING_SEQUENCE 1u

/* Opened once: its reader may have given up its rights, and seccomp forbids open(). */
#define STATUS_FILE "/proc/thread-self/net/netfilter/nfnetlink_queue"

struct nfqueue {
	struct mnl_socket *socket;
	int status_fd; /* of STATUS_FILE; -1 = not there */
	uint16_t number;
	bool fail_open;
	uint32_t max_packets;
	uint32_t last_id;     /* of packets; 0 = none came yet */
	uint64_t unread_seen; /* of counted.unread, by nfqueue_watch() */
	int64_t clear_us;     /* the last time that there was room */
	uint64_t frames;      /* given to the caller */
	struct nfqueue_stats counted;
	size_t buffer_bytes;
	uint8_t *buffers; /* NFQUEUE_BURST of buffer_bytes */
	struct iovec parts[NFQUEUE_BURST];
	struct mmsghdr messages[NFQUEUE_BURST];
	size_t out_used;
	uint64_t out_count; /* verdicts in `out` */
	_Alignas(8) uint8_t out[OUT_BYTES];
};

/* One line of STATUS_FILE. */
struct queue_status {
	/* netlink port of who serves the queue: mostly its process id */
	uint64_t port;
	uint64_t waiting, queue_dropped, user_dropped;
	uint32_t number; /* of the last packet that was queued; goes round */
};

static bool status_parse(char *line, uint16_t number, struct queue_status *ret)
{
	enum {
		NUMBER,
		PORT,
		WAITING,
		MODE,
		RANGE,
		QUEUE_DROPPED,
		USER_DROPPED,
		LAST_NUMBER,
		COLUMNS
	};
	uint64_t column[COLUMNS];

	for (size_t i = 0; i < COLUMNS; i++) {
		size_t len;

		line += strspn(line, " ");
		len = strcspn(line, " ");
		if (!parse_u64((struct str){line, len}, UINT64_MAX, &column[i]))
			return false;
		line += len;
	}
	if (column[NUMBER] != number)
		return false;
	*ret = (struct queue_status){
		.port = column[PORT],
		.waiting = column[WAITING],
		.queue_dropped = column[QUEUE_DROPPED],
		.user_dropped = column[USER_DROPPED],
		.number = (uint32_t)column[LAST_NUMBER],
	};
	return true;
}

/* Find the queue's line; false when there is none, or no file. */
static bool status_find(int fd, uint16_t number, struct queue_status *ret)
{
	char text[4096];
	size_t kept = 0; /* bytes of a line whose end has not come */
	off_t at = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while ((n = pread(fd, text + kept, sizeof(text) - kept, at)) > 0) {
		const size_t have = kept + (size_t)n;
		char *line = text;
		char *end;

		at += n;
		while ((end = memchr(line, '\n', have - (size_t)(line - text))) != NULL) {
			*end = '\0';
			if (status_parse(line, number, ret))
				return true;
			line = end + 1;
		}
		kept = have - (size_t)(line - text);
		if (kept == sizeof(text))
			return false;
		memmove(text, line, kept);
	}
	return false;
}

/* Write what keeps the queue from being opened; gives -errno. */
static int complain(const struct nfqueue *q, int number, const char *what,
		    char error[NFQUEUE_ERROR_MAX])
{
	struct queue_status owner;
	char text[128];

	if ((number == EPERM || number == EBUSY) &&
	    status_find(q->status_fd, q->number, &owner)) {
		(void)snprintf(error, NFQUEUE_ERROR_MAX,
			       "queue %u: taken by another program (netlink port %lu, "
			       "mostly its process id); end that one, or take another "
			       "queue number here and in the firewall's rule",
			       q->number, owner.port);
		return -EBUSY;
	}
	switch (number) {
	case EPERM:
	case EACCES:
		(void)snprintf(
			error, NFQUEUE_ERROR_MAX,
			"queue %u: not permitted; run as root, or give the program "
			"CAP_NET_ADMIN, which it must keep",
			q->number);
		break;
	case EINVAL:
	case EPROTONOSUPPORT:
		(void)snprintf(error, NFQUEUE_ERROR_MAX,
			       "queue %u: the kernel has no packet queues; load the "
			       "module: modprobe nfnetlink_queue",
			       q->number);
		break;
	default:
		(void)snprintf(error, NFQUEUE_ERROR_MAX, "queue %u: %s: %s", q->number,
			       what, strerror_r(number, text, sizeof(text)));
		break;
	}
	return -number;
}

static struct nlmsghdr *message_put(void *at, unsigned type, uint16_t queue)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(at);
	struct nfgenmsg *general;

	header->nlmsg_type = (uint16_t)((NFNL_SUBSYS_QUEUE << 8) | type);
	header->nlmsg_flags = NLM_F_REQUEST;
	general = mnl_nlmsg_put_extra_header(header, sizeof(*general));
	general->nfgen_family = AF_UNSPEC;
	general->version = NFNETLINK_V0;
	general->res_id = htons(queue);
	return header;
}

/* Send a setting and, if it was asked for, read the kernel's answer.  0 or an errno. */
static int setting_send(const struct nfqueue *q, struct nlmsghdr *header)
{
	uint8_t answer[512];
	struct nfqueue_message m;
	struct cursor c;
	ssize_t n;

	header->nlmsg_seq = SETTING_SEQUENCE;
	if (mnl_socket_sendto(q->socket, header, header->nlmsg_len) < 0)
		return errno;
	if ((header->nlmsg_flags & NLM_F_ACK) == 0)
		return 0;
	/* The kernel answers before the send returns: there is nothing to wait for. */
	n = recv(mnl_socket_get_fd(q->socket), answer, sizeof(answer), 0);
	if (n < 0)
		return errno;
	c = cur_init(answer, (size_t)n);
	if (!nfqueue_parse(&c, &m) || m.kind != NFQUEUE_MESSAGE_ERROR)
		return EPROTO;
	return m.error;
}

/*
 * Packets come from the second message on, not before: until then the copy mode is "none".
 * So it asks for no answer, for which packets would have to be read past; should the kernel
 * refuse it, nfqueue_read() says so.
 */
static int queue_set(const struct nfqueue *q, const struct nfqueue_cfg *cfg,
		     uint32_t copy_range, const char **ret_what)
{
	const uint32_t flags =
		NFQA_CFG_F_GSO | (cfg->fail_open ? (uint32_t)NFQA_CFG_F_FAIL_OPEN : 0);
	const struct nfqnl_msg_config_cmd bind = {.command = NFQNL_CFG_CMD_BIND};
	const struct nfqnl_msg_config_params params = {
		.copy_range = htonl(copy_range),
		.copy_mode = NFQNL_COPY_PACKET,
	};
	_Alignas(8) uint8_t room[256];
	struct nlmsghdr *header = message_put(room, NFQNL_MSG_CONFIG, q->number);
	int error;

	header->nlmsg_flags |= NLM_F_ACK;
	mnl_attr_put(header, NFQA_CFG_CMD, sizeof(bind), &bind);
	mnl_attr_put_u32(header, NFQA_CFG_FLAGS, htonl(flags));
	mnl_attr_put_u32(header, NFQA_CFG_MASK, htonl(flags));
	mnl_attr_put_u32(header, NFQA_CFG_QUEUE_MAXLEN, htonl(q->max_packets));
	*ret_what = "cannot be bound";
	error = setting_send(q, header);
	if (error != 0)
		return error;
	header = message_put(room, NFQNL_MSG_CONFIG, q->number);
	mnl_attr_put(header, NFQA_CFG_PARAMS, sizeof(params), &params);
	*ret_what = "the copy range cannot be set";
	return setting_send(q, header);
}

/* 0 or an errno.  The default buffer loses packets at the first burst of 64 KiB ones. */
static int socket_set(const struct nfqueue *q, uint32_t bytes)
{
	const int fd = mnl_socket_get_fd(q->socket);
	const int size = bytes < INT_MAX ? (int)bytes : INT_MAX;
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) != 0)
		return errno;
	/* An answer need not bring our message back; old kernels do not know this. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return mnl_socket_bind(q->socket, 0, MNL_SOCKET_AUTOPID) != 0 ? errno : 0;
}

static bool buffers_create(struct nfqueue *q, uint32_t copy_range)
{
	q->buffer_bytes =
		((size_t)copy_range + NFQUEUE_MESSAGE_OVERHEAD + 63) & ~(size_t)63;
	q->buffers = calloc(NFQUEUE_BURST, q->buffer_bytes);
	if (q->buffers == NULL)
		return false;
	for (size_t i = 0; i < NFQUEUE_BURST; i++) {
		q->parts[i].iov_base = q->buffers + i * q->buffer_bytes;
		q->parts[i].iov_len = q->buffer_bytes;
		q->messages[i].msg_hdr.msg_iov = &q->parts[i];
		q->messages[i].msg_hdr.msg_iovlen = 1;
	}
	return true;
}

int nfqueue_open(const struct nfqueue_cfg *cfg, struct nfqueue **ret,
		 char error[NFQUEUE_ERROR_MAX])
{
	uint32_t copy_range = cfg->copy_range != 0 ? cfg->copy_range : COPY_RANGE_DEFAULT;
	const char *what = "has no memory";
	struct nfqueue *q = calloc(1, sizeof(*q));
	int number = ENOMEM;

	if (copy_range > COPY_RANGE_MAX)
		copy_range = COPY_RANGE_MAX;
	if (q == NULL) {
		(void)snprintf(error, NFQUEUE_ERROR_MAX, "queue %u: out of memory",
			       cfg->number);
		return -ENOMEM;
	}
	q->number = cfg->number;
	q->fail_open = cfg->fail_open;
	q->max_packets = cfg->max_packets != 0 ? cfg->max_packets : MAX_PACKETS_DEFAULT;
	q->status_fd = open(STATUS_FILE, O_RDONLY | O_CLOEXEC);
	if (!buffers_create(q, copy_range))
		goto fail;
	what = "its socket cannot be opened";
	q->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (q->socket == NULL) {
		number = errno;
		goto fail;
	}
	number = socket_set(q, cfg->receive_buffer != 0 ? cfg->receive_buffer
							: RECEIVE_BUFFER_DEFAULT);
	if (number == 0)
		number = queue_set(q, cfg, copy_range, &what);
	if (number != 0)
		goto fail;
	*ret = q;
	return 0;
fail:
	number = complain(q, number, what, error);
	nfqueue_close(q);
	return number;
}

void nfqueue_close(struct nfqueue *q)
{
	if (q == NULL)
		return;
	if (q->socket != NULL) {
		(void)nfqueue_flush(q);
		(void)mnl_socket_close(q->socket);
	}
	if (q->status_fd >= 0)
		(void)close(q->status_fd);
	free(q->buffers);
	free(q);
}

int nfqueue_fd(const struct nfqueue *q)
{
	return mnl_socket_get_fd(q->socket);
}

/* What the kernel answered to a request of ours; 0, or -errno when no other will do better. */
static int take_error(struct nfqueue *q, const struct nfqueue_message *m)
{
	if (m->error == 0)
		return 0;
	if (m->sequence == SETTING_SEQUENCE)
		return -m->error;
	q->counted.verdict_failed++;
	/* Rights lost, or the queue: after such an answer no verdict is heard. */
	return m->error == EPERM || m->error == ENODEV ? -m->error : 0;
}

static bool take_packet(struct nfqueue *q, const struct nfqueue_message *m,
			struct queued_packet *p)
{
	q->counted.packets++;
	/* A number is given before the socket is found to be full. */
	if (q->fail_open && q->last_id != 0)
		q->counted.unread += m->id - q->last_id - 1;
	q->last_id = m->id;
	if (m->damaged || !m->ip || m->payload == NULL) {
		nfqueue_verdict(q, m->id, !m->damaged, false, 0);
		return false;
	}
	q->counted.bytes += m->len;
	if (m->payload_len < m->len)
		q->counted.truncated++;
	p->id = m->id;
	p->mark = m->mark;
	p->frame.data = m->payload;
	p->frame.caplen = m->payload_len;
	p->frame.len = m->len;
	p->frame.number = ++q->frames;
	return true;
}

/* Datagrams into q->messages: how many, 0 when none waits, or -errno. */
static int receive(struct nfqueue *q)
{
	/* The kernel tells of an overflow once, until the socket was emptied. */
	for (int i = 0; i < 4; i++) {
		const int n = recvmmsg(mnl_socket_get_fd(q->socket), q->messages,
				       NFQUEUE_BURST, MSG_DONTWAIT, NULL);

		if (n >= 0)
			return n;
		if (errno == ENOBUFS)
			q->counted.receive_lost++;
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int nfqueue_read(struct nfqueue *q, int64_t now_us,
		 void (*take)(void *arg, const struct queued_packet *p), void *arg)
{
	struct queued_packet p = {
		.frame = {.link = LINK_RAW_IP, .time_us = now_us, .clock_us = now_us},
	};
	const int datagrams = receive(q);
	int failed = datagrams < 0 ? datagrams : 0;
	int packets = 0;

	for (int i = 0; i < datagrams; i++) {
		struct cursor c = cur_init(q->parts[i].iov_base, q->messages[i].msg_len);
		struct nfqueue_message m;

		while (nfqueue_parse(&c, &m)) {
			int error;

			switch (m.kind) {
			case NFQUEUE_MESSAGE_PACKET:
				packets++;
				if (take_packet(q, &m, &p))
					take(arg, &p);
				break;
			case NFQUEUE_MESSAGE_ERROR:
				error = take_error(q, &m);
				failed = error != 0 ? error : failed;
				break;
			case NFQUEUE_MESSAGE_OTHER:
				break;
			}
		}
	}
	return failed != 0 ? failed : packets;
}

void nfqueue_verdict(struct nfqueue *q, uint32_t id, bool accept, bool set_mark,
		     uint32_t mark)
{
	const struct nfqnl_msg_verdict_hdr verdict = {
		.verdict = htonl(accept ? NF_ACCEPT : NF_DROP),
		.id = htonl(id),
	};
	struct nlmsghdr *header;

	if (VERDICT_MAX > sizeof(q->out) - q->out_used) {
		(void)nfqueue_flush(q);
		if (q->out_used > 0) {
			q->counted.verdict_failed++;
			return;
		}
	}
	header = message_put(q->out + q->out_used, NFQNL_MSG_VERDICT, q->number);
	mnl_attr_put(header, NFQA_VERDICT_HDR, sizeof(verdict), &verdict);
	if (set_mark)
		mnl_attr_put_u32(header, NFQA_MARK, htonl(mark));
	q->out_used += header->nlmsg_len;
	q->out_count++;
	if (accept)
		q->counted.accepted++;
	else
		q->counted.dropped++;
}

int nfqueue_flush(struct nfqueue *q)
{
	int error = 0;
	ssize_t n;

	if (q->out_used == 0)
		return 0;
	do
		n = mnl_socket_sendto(q->socket, q->out, q->out_used);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		error = errno;
		/* Short of memory: they stay, for the next flush. */
		if (error == ENOBUFS || error == ENOMEM || error == EAGAIN)
			return -error;
		q->counted.verdict_failed += q->out_count;
	}
	q->out_used = 0;
	q->out_count = 0;
	return -error;
}

void nfqueue_watch(struct nfqueue *q, int64_t now_us)
{
	struct nfqueue_stats *c = &q->counted;
	struct queue_status status;
	bool full;

	if (!q->fail_open)
		return;
	full = c->unread != q->unread_seen ||
	       (status_find(q->status_fd, q->number, &status) &&
		status.waiting >= q->max_packets);
	q->unread_seen = c->unread;
	if (!full) {
		q->clear_us = now_us;
		return;
	}
	c->full++;
	/* One interval as long as it goes on. */
	if (c->full == 1 || q->clear_us > c->full_until_us + FULL_GAP_US)
		c->full_from_us = q->clear_us != 0 ? q->clear_us : now_us;
	c->full_until_us = now_us;
}

void nfqueue_stats(const struct nfqueue *q, struct nfqueue_stats *ret)
{
	struct queue_status status;

	*ret = q->counted;
	if (!status_find(q->status_fd, q->number, &status))
		return;
	ret->waiting = status.waiting;
	ret->queue_dropped = status.queue_dropped;
	ret->user_dropped = status.user_dropped;
	/* It is ahead of what we took by less than goes round. */
	ret->queued = ret->packets + (status.number - (uint32_t)ret->packets);
}
