/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "enforce/conntrack_message.h"

#define PROC_ACCT   "/proc/sys/net/netfilter/nf_conntrack_acct"
#define PROC_SUM    "/proc/sys/net/netfilter/nf_conntrack_checksum"
#define PROC_EVENTS "/proc/sys/net/netfilter/nf_conntrack_events"

#define EVENT_BUFFER (8u << 20)
#define QUERY_BUFFER (1u << 20)

#define REQUESTS     1024  /* gathered before they are sent early */
#define BATCH        32    /* datagrams received at once */
#define BATCH_DUMP   8     /* the same while a dump goes on: each holds many entries */
#define DATAGRAM_MAX 16384 /* the kernel fills a dump's to what is offered */
#define BURST        256   /* messages after which a read comes to its end */

#define TOLD_WAYS    16u /* a cache line of ids */
#define TOLD_BUCKETS (CONNTRACK_TOLD / TOLD_WAYS)

/* To whom reports go. */
struct taker {
	conntrack_take *take;
	void *arg;
};

struct requests {
	size_t len;
	uint8_t bytes[REQUESTS * CONNTRACK_REQUEST_MAX];
};

struct conntrack {
	struct nfct_handle *events; /* NULL = none here */
	struct nfct_handle *query;
	int acct_fd; /* -1 = cannot be set */
	bool acct_ours;
	bool dumping;
	struct conntrack_stats stats;
	struct requests gathered, waiting;
	int64_t patience_us, gathered_us; /* since when they are gathered */
	struct mmsghdr headers[BATCH];
	struct iovec vectors[BATCH];
	uint8_t datagrams[BATCH][DATAGRAM_MAX];
	/* Ids of entries whose end was reported, in buckets; 0 = free. */
	uint32_t told[TOLD_BUCKETS][TOLD_WAYS];
};

/*
 * Which events are heard.  One filter lets through both kinds, so that one socket keeps the
 * order in which an entry changed and went.  (The library's filter knows a state or a
 * protocol, and would drop the DESTROY of what timed out, or pass each UPDATE of UDP.)
 */
static int filter_attach(int fd)
{
	const uint32_t destroy = htons(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE);
	const uint32_t find = (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR);
	const uint32_t nest = (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR_NEST);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, destroy, 15, 0),
		BPF_STMT(BPF_LD | BPF_IMM,
			 sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg)),
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_PROTOINFO),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, find),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 10, 0),
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_PROTOINFO_TCP),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, nest),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 7, 0),
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_PROTOINFO_TCP_STATE),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, nest),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, sizeof(struct nlattr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_CONNTRACK_TIME_WAIT, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_CONNTRACK_CLOSE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		return -errno;
	return 0;
}

/* The buffer that was asked for, or as much as the host grants. */
static void buffer_set(int fd, uint32_t bytes)
{
	const int size = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* The one digit of a setting, or -1. */
static int digit_read(int fd)
{
	char digit;

	if (pread(fd, &digit, 1, 0) != 1 || digit < '0' || digit > '9')
		return -1;
	return digit - '0';
}

static int setting_read(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	int value = -1;

	if (fd >= 0) {
		value = digit_read(fd);
		(void)close(fd);
	}
	return value;
}

/* The file stays open: it may be out of reach when it is set back. */
static bool accounting_on(struct conntrack *c)
{
	c->acct_fd = open(PROC_ACCT, O_RDWR | O_CLOEXEC);
	if (c->acct_fd < 0)
		return setting_read(PROC_ACCT) == 1;
	if (digit_read(c->acct_fd) == 0)
		c->acct_ours = pwrite(c->acct_fd, "1\n", 2, 0) == 2;
	return digit_read(c->acct_fd) == 1;
}

int conntrack_accounting(void)
{
	return setting_read(PROC_ACCT);
}

int conntrack_checksum(void)
{
	return setting_read(PROC_SUM);
}

bool conntrack_accounting_off(void)
{
	const int fd = open(PROC_ACCT, O_RDWR | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return setting_read(PROC_ACCT) == 0;
	done = digit_read(fd) == 0 || pwrite(fd, "0\n", 2, 0) == 2;
	(void)close(fd);
	return done;
}

static void accounting_back(struct conntrack *c)
{
	if (c->acct_fd < 0)
		return;
	if (c->acct_ours && digit_read(c->acct_fd) == 1)
		(void)!pwrite(c->acct_fd, "0\n", 2, 0);
	(void)close(c->acct_fd);
}

/* Does the kernel answer us at all?  By the smallest question there is. */
static int query_try(int fd)
{
	const struct nlmsghdr ask = {
		.nlmsg_len = sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg),
		.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS,
		.nlmsg_flags = NLM_F_REQUEST,
	};
	uint8_t request[sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg)] = {0};
	uint8_t answer[512];
	struct nlmsghdr h;
	struct nlmsgerr e;
	ssize_t n;

	memcpy(request, &ask, sizeof(ask));
	if (send(fd, request, sizeof(request), MSG_DONTWAIT) < 0)
		return -errno;
	n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(h))
		return -EPROTO;
	memcpy(&h, answer, sizeof(h));
	if (h.nlmsg_type != NLMSG_ERROR)
		return 0;
	if ((size_t)n < sizeof(struct nlmsghdr) + sizeof(e))
		return -EPROTO;
	memcpy(&e, answer + sizeof(struct nlmsghdr), sizeof(e));
	return e.error;
}

static int query_open(struct conntrack *c, char error[CONNTRACK_ERROR_MAX])
{
	int rc;

	c->query = nfct_open(CONNTRACK, 0);
	rc = c->query == NULL ? -errno : query_try(nfct_fd(c->query));
	if (rc == 0) {
		buffer_set(nfct_fd(c->query), QUERY_BUFFER);
		return 0;
	}
	(void)snprintf(error, CONNTRACK_ERROR_MAX, "cannot ask connection tracking: %s%s",
		       strerrordesc_np(-rc),
		       rc == -EPERM ? "; start as root or with CAP_NET_ADMIN"
				    : "; is the module nf_conntrack_netlink there?");
	return rc;
}

static bool events_open(struct conntrack *c, uint32_t buffer)
{
	if (setting_read(PROC_EVENTS) <= 0)
		return false;
	c->events = nfct_open(CONNTRACK,
			      NF_NETLINK_CONNTRACK_UPDATE | NF_NETLINK_CONNTRACK_DESTROY);
	if (c->events == NULL)
		return false;
	buffer_set(nfct_fd(c->events), buffer == 0 ? EVENT_BUFFER : buffer);
	if (filter_attach(nfct_fd(c->events)) != 0) {
		(void)nfct_close(c->events);
		c->events = NULL;
		return false;
	}
	return true;
}

int conntrack_open(const struct conntrack_cfg *cfg, struct conntrack **ret,
		   struct conntrack_abilities *ret_can, char error[CONNTRACK_ERROR_MAX])
{
	struct conntrack *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL) {
		(void)snprintf(error, CONNTRACK_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	c->acct_fd = -1;
	for (size_t i = 0; i < BATCH; i++) {
		c->vectors[i].iov_base = c->datagrams[i];
		c->vectors[i].iov_len = DATAGRAM_MAX;
		c->headers[i].msg_hdr.msg_iov = &c->vectors[i];
		c->headers[i].msg_hdr.msg_iovlen = 1;
	}
	rc = query_open(c, error);
	if (rc != 0) {
		conntrack_close(c);
		return rc;
	}
	c->patience_us = cfg->patience_us;
	ret_can->events = events_open(c, cfg->receive_buffer);
	c->acct_ours = cfg->acct_was_off;
	ret_can->accounting = accounting_on(c);
	ret_can->acct_was_off = c->acct_ours;
	*ret = c;
	return 0;
}

void conntrack_close(struct conntrack *c)
{
	if (c == NULL)
		return;
	accounting_back(c);
	if (c->events != NULL)
		(void)nfct_close(c->events);
	if (c->query != NULL)
		(void)nfct_close(c->query);
	free(c);
}

int conntrack_event_fd(const struct conntrack *c)
{
	return c->events == NULL ? -1 : nfct_fd(c->events);
}

int conntrack_query_fd(const struct conntrack *c)
{
	return nfct_fd(c->query);
}

/* The place of an id among those whose end was reported, or NULL. */
static uint32_t *told_find(struct conntrack *c, uint32_t id)
{
	uint32_t *bucket = c->told[id % TOLD_BUCKETS];

	for (unsigned i = 0; i < TOLD_WAYS; i++)
		if (bucket[i] == id && id != 0)
			return &bucket[i];
	return NULL;
}

/* With a full bucket an older id goes, whose end will then be told again. */
static void told_add(struct conntrack *c, uint32_t id)
{
	uint32_t *bucket = c->told[id % TOLD_BUCKETS];
	unsigned at = id / TOLD_BUCKETS % TOLD_WAYS;

	for (unsigned i = 0; i < TOLD_WAYS; i++)
		if (bucket[i] == 0)
			at = i;
	bucket[at] = id;
}

static void requests_send(struct conntrack *c, struct requests *r)
{
	if (r->len != 0)
		(void)send(nfct_fd(c->query), r->bytes, r->len, MSG_DONTWAIT);
	r->len = 0;
}

/* Questions that have waited long enough. */
static void requests_due(struct conntrack *c, int64_t now_us)
{
	if (c->patience_us == 0) {
		requests_send(c, &c->gathered);
	} else if (now_us - c->gathered_us >= c->patience_us) {
		requests_send(c, &c->waiting);
		c->waiting.len = c->gathered.len;
		memcpy(c->waiting.bytes, c->gathered.bytes, c->gathered.len);
		c->gathered.len = 0;
		c->gathered_us = now_us;
	}
}

static void end_report(struct conntrack_entry *e, enum end_reason reason,
		       const struct taker *t)
{
	e->report.ended = true;
	e->report.end_reason = reason;
	t->take(t->arg, &e->report);
}

/* Of an entry that stays for a while: a reset may yet follow, and DESTROY will. */
static void end_report_once(struct conntrack *c, struct conntrack_entry *e,
			    enum end_reason reason, const struct taker *t)
{
	if (told_find(c, e->id) != NULL)
		return;
	told_add(c, e->id);
	end_report(e, reason, t);
}

static void destroy_heard(struct conntrack *c, struct conntrack_entry *e,
			  const struct taker *t)
{
	const enum end_reason reason = conntrack_entry_end(e);
	uint32_t *told = told_find(c, e->id);

	if (told != NULL) /* ids come again: a place in memory and a tuple make one */
		*told = 0;
	if (reason == END_REASON_NONE)
		end_report(e, END_REASON_TIMEOUT, t);
	else if (told == NULL)
		end_report(e, reason, t);
}

static void event_heard(struct conntrack *c, const struct nlmsghdr *h, struct cursor body,
			const struct taker *t)
{
	struct conntrack_entry e;
	size_t n;

	c->stats.events++;
	if (NFNL_SUBSYS_ID(h->nlmsg_type) != NFNL_SUBSYS_CTNETLINK ||
	    !conntrack_entry_read(body, &e))
		return;
	if (NFNL_MSG_TYPE(h->nlmsg_type) == IPCTNL_MSG_CT_DELETE) {
		destroy_heard(c, &e, t);
	} else if (conntrack_entry_end(&e) != END_REASON_NONE) {
		if (sizeof(c->gathered.bytes) - c->gathered.len < CONNTRACK_REQUEST_MAX)
			requests_send(c, &c->gathered);
		n = conntrack_request_build(&e, c->gathered.bytes + c->gathered.len);
		c->gathered.len += n;
		c->stats.asked += n != 0;
	}
}

static void single_heard(struct conntrack *c, struct conntrack_entry *e,
			 const struct taker *t)
{
	const enum end_reason reason = conntrack_entry_end(e);

	if (reason == END_REASON_NONE) {
		/* Another connection of the same addresses; DESTROY tells of the first. */
		c->stats.unknown++;
		return;
	}
	c->stats.answered++;
	end_report_once(c, e, reason, t);
}

static void dumped_heard(struct conntrack *c, struct conntrack_entry *e,
			 const struct taker *t)
{
	const enum end_reason reason = conntrack_entry_end(e);
	const uint8_t proto = e->report.ip_proto;

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return;
	if (reason == END_REASON_NONE) {
		t->take(t->arg, &e->report);
	} else {
		end_report_once(c, e, reason, t);
	}
}

/* An error is the answer to a request for one entry, or to a dump. */
static void error_heard(struct conntrack *c, struct cursor body)
{
	const uint8_t *at = cur_take(&body, sizeof(struct nlmsgerr));
	struct nlmsgerr e;

	if (at == NULL)
		return;
	memcpy(&e, at, sizeof(e));
	if (e.msg.nlmsg_seq == CONNTRACK_RECALL_SEQ)
		return; /* of two ways to name a connection one is not the kernel's */
	if ((e.msg.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
		c->dumping = false;
	else
		c->stats.unknown++;
}

static void answer_heard(struct conntrack *c, const struct nlmsghdr *h,
			 struct cursor body, const struct taker *t)
{
	struct conntrack_entry e;

	if (h->nlmsg_type == NLMSG_ERROR) {
		error_heard(c, body);
	} else if (h->nlmsg_type == NLMSG_DONE) {
		c->dumping = false;
		c->stats.dumps++;
	} else if (NFNL_SUBSYS_ID(h->nlmsg_type) == NFNL_SUBSYS_CTNETLINK &&
		   conntrack_entry_read(body, &e)) {
		/* Not by NLM_F_MULTI: the kernel sets it on both. */
		if (h->nlmsg_seq == CONNTRACK_REQUEST_SEQ)
			single_heard(c, &e, t);
		else
			dumped_heard(c, &e, t);
	}
}

typedef void heard(struct conntrack *c, const struct nlmsghdr *h, struct cursor body,
		   const struct taker *t);

/* The messages of one datagram, each to `hear`; how many. */
static int datagram_read(struct conntrack *c, struct cursor d, heard *hear,
			 const struct taker *t)
{
	struct cursor body;
	struct nlmsghdr h;
	const uint8_t *at;
	size_t pad;
	int n = 0;

	while ((at = cur_take(&d, sizeof(h))) != NULL) {
		memcpy(&h, at, sizeof(h));
		if (h.nlmsg_len < sizeof(h))
			break;
		body = cur_sub(&d, h.nlmsg_len - sizeof(h));
		if (!cur_ok(&d))
			break;
		pad = -(size_t)h.nlmsg_len % NLMSG_ALIGNTO;
		cur_skip(&d, pad < d.left ? pad : d.left);
		hear(c, &h, body, t);
		n++;
	}
	return n;
}

/*
 * Some events were lost, DESTROYs among them: an id whose DESTROY does not come would hide
 * the end of a later entry that gets the same one.  Rather tell an end twice.
 */
static void events_overflowed(struct conntrack *c)
{
	c->stats.events_lost++;
	memset(c->told, 0, sizeof(c->told));
}

/* What waits at a socket, at most `most` datagrams; how many messages. */
static int socket_read(struct conntrack *c, int fd, unsigned most, heard *hear,
		       const struct taker *t)
{
	int got = recvmmsg(fd, c->headers, most, MSG_DONTWAIT, NULL);
	int n = 0;

	if (got < 0 && errno == ENOBUFS) { /* said once; what was kept still waits */
		if (hear == event_heard)
			events_overflowed(c);
		got = recvmmsg(fd, c->headers, most, MSG_DONTWAIT, NULL);
	}
	for (int i = 0; i < got; i++)
		n += datagram_read(c, cur_init(c->datagrams[i], c->headers[i].msg_len),
				   hear, t);
	return n;
}

/*
 * Events first: the answers to what they make us ask are there when the requests have been
 * sent, and an entry's DESTROY is read after its change of state was.
 */
int conntrack_read(struct conntrack *c, int64_t now_us, conntrack_take *take, void *arg)
{
	const struct taker t = {take, arg};
	const int query = nfct_fd(c->query);
	int n = 0, events;

	do {
		events = 0;
		if (c->events != NULL)
			events = socket_read(c, nfct_fd(c->events), BATCH, event_heard,
					     &t);
		requests_due(c, now_us);
		n += events;
		n += socket_read(c, query, c->dumping ? BATCH_DUMP : BATCH, answer_heard,
				 &t);
	} while (events == BATCH && n < BURST);
	return n;
}

bool conntrack_dump(struct conntrack *c)
{
	const uint32_t both = AF_UNSPEC;

	if (c->dumping)
		return false;
	c->dumping = nfct_send(c->query, NFCT_Q_DUMP, &both) >= 0;
	return c->dumping;
}

bool conntrack_dumping(const struct conntrack *c)
{
	return c->dumping;
}

void conntrack_recall(struct conntrack *c, const struct conn_report *r, uint32_t mask)
{
	uint8_t buf[CONNTRACK_RECALL_MAX];
	const size_t n = conntrack_recall_build(r, mask, buf);

	if (n > 0 && send(nfct_fd(c->query), buf, n, MSG_DONTWAIT) == (ssize_t)n)
		c->stats.recalls++;
	else
		c->stats.recalls_unsent++;
}

static int64_t monotonic_ms(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int conntrack_dump_now(struct conntrack *c, int timeout_ms, conntrack_take *take,
		       void *arg)
{
	const int64_t until = monotonic_ms() + timeout_ms;
	struct pollfd p[2] = {
		{.fd = conntrack_query_fd(c), .events = POLLIN},
		{.fd = conntrack_event_fd(c), .events = POLLIN}, /* -1 is passed over */
	};
	bool asked = false;

	for (;;) {
		const int n = conntrack_read(c, monotonic_ms() * 1000, take, arg);
		const int64_t left = until - monotonic_ms();

		/* A dump that goes on may be past what has changed since: begin anew. */
		if (!c->dumping && !asked) {
			if (!conntrack_dump(c))
				return -errno;
			asked = true;
			continue;
		}
		if (!c->dumping && (n == 0 || left <= 0))
			return 0;
		if (left <= 0)
			return -ETIMEDOUT;
		if (n == 0 && poll(p, 2, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

const struct conntrack_stats *conntrack_stats(const struct conntrack *c)
{
	return &c->stats;
}
