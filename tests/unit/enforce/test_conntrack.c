/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#include "enforce/conntrack.h"
#include "namespace.h"

#define MARK   0x2a00u
#define PROC   "/proc/sys/net/netfilter/"
#define ACCT   PROC "nf_conntrack_acct"
#define EVENTS PROC "nf_conntrack_events"

#define REPORTS_MAX 1500

struct reports {
	struct conn_report r[REPORTS_MAX];
	size_t count;
};

static struct reports reports; /* too big for the stack; cleared by tracker_new() */

static void take(void *arg, const struct conn_report *r)
{
	struct reports *to = arg;

	assert_true(to->count < REPORTS_MAX);
	to->r[to->count++] = *r;
}

static int setting_get(const char *path)
{
	char digit = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, &digit, 1), 1);
	(void)close(fd);
	return digit - '0';
}

static void setting_put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(write(fd, value, strlen(value)) > 0);
	(void)close(fd);
}

static void need(const char *const argv[])
{
	if (run(argv) != 0) {
		print_message("needs %s -t %s with %s\n", argv[0], argv[2], argv[6]);
		skip();
	}
}

/* A namespace in which the kernel tracks connections, and marks them. */
static void tracked_namespace_enter(void)
{
	static const char *const programs[] = {"iptables", "ip6tables"};

	namespace_enter();
	for (size_t i = 0; i < 2; i++) {
		const char *const mark[] = {programs[i], "-t", "mangle",   "-A",
					    "OUTPUT",    "-j", "CONNMARK", "--set-mark",
					    "0x2a00",    NULL};

		need(mark);
	}
}

static struct conntrack *tracker_open(uint32_t buffer,
				      struct conntrack_abilities *ret_can)
{
	const struct conntrack_cfg cfg = {.receive_buffer = buffer};
	char error[CONNTRACK_ERROR_MAX];
	struct conntrack *c;

	memset(&reports, 0, sizeof(reports));
	assert_int_equal(conntrack_open(&cfg, &c, ret_can, error), 0);
	return c;
}

static struct conntrack *tracker_new(void)
{
	struct conntrack_abilities can = {0};
	struct conntrack *c = tracker_open(0, &can);

	assert_true(can.events && can.accounting);
	return c;
}

/* Read until there are so many reports, two seconds at most. */
static void wait_reports(struct conntrack *c, size_t count)
{
	struct pollfd p[2] = {
		{.fd = conntrack_event_fd(c), .events = POLLIN},
		{.fd = conntrack_query_fd(c), .events = POLLIN},
	};

	while (conntrack_read(c, 0, take, &reports) > 0 || reports.count < count)
		if (reports.count < count && poll(p, 2, 2000) == 0)
			break;
	assert_int_equal(reports.count, count);
}

/* All entries go; the kernel tells each by DESTROY. */
static void table_flush(void)
{
	struct nfct_handle *h = nfct_open(CONNTRACK, 0);
	const uint32_t both = AF_UNSPEC;

	assert_non_null(h);
	assert_int_equal(nfct_query(h, NFCT_Q_FLUSH, &both), 0);
	(void)nfct_close(h);
}

struct totals {
	uint64_t packets_out, bytes_out, packets_in, bytes_in;
};

/* What the wire carried of the connections of a client's port. */
static struct totals tap_totals(int tap, uint16_t client_port)
{
	static uint8_t buf[128];
	struct totals t = {0};
	size_t len;

	while ((len = tap_read(tap, buf, sizeof(buf))) != 0) {
		const size_t head = buf[0] >> 4 == 4 ? 20 : 40;
		const unsigned src = (unsigned)buf[head] << 8 | buf[head + 1];
		const unsigned dst = (unsigned)buf[head + 2] << 8 | buf[head + 3];

		if (src == client_port) {
			t.packets_out++;
			t.bytes_out += len;
		} else if (dst == client_port) {
			t.packets_in++;
			t.bytes_in += len;
		}
	}
	return t;
}

struct pair {
	int client, server;
	uint16_t client_port, server_port;
};

static struct pair pair_open(int l, const char *client, uint16_t client_port,
			     const char *server, uint16_t server_port)
{
	struct pair p = {.server_port = server_port};

	p.client = bound_socket(SOCK_STREAM, client, client_port);
	p.client_port = local_port(p.client);
	assert_int_equal(connect_to(p.client, server, server_port), 0);
	p.server = accept(l, NULL, NULL);
	assert_true(p.server >= 0);
	return p;
}

static void send_all(int from, int to, size_t len)
{
	static uint8_t buf[65536];
	size_t sent = 0, got = 0;
	ssize_t n;

	while (got < len) {
		size_t chunk = len - sent < sizeof(buf) ? len - sent : sizeof(buf);

		if (chunk != 0) {
			n = send(from, buf, chunk, MSG_DONTWAIT);
			sent += n > 0 ? (size_t)n : 0;
		}
		n = recv(to, buf, sizeof(buf), 0);
		assert_true(n > 0);
		got += (size_t)n;
	}
}

/* The client ends it, the server follows; both have seen the other's end after this. */
static void pair_close(struct pair *p)
{
	char c;

	assert_int_equal(shutdown(p->client, SHUT_WR), 0);
	assert_int_equal(recv(p->server, &c, 1, 0), 0);
	assert_int_equal(shutdown(p->server, SHUT_WR), 0);
	assert_int_equal(recv(p->client, &c, 1, 0), 0);
	(void)close(p->client);
	(void)close(p->server);
}

static void abort_close(int fd)
{
	const struct linger now = {.l_onoff = 1};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	(void)close(fd);
}

static void check_ends(const struct conn_report *r, const char *src, uint16_t src_port,
		       const char *dst, uint16_t dst_port)
{
	const struct addr s = address(src), d = address(dst), none = {{0}};

	assert_true(addr_equal(&r->src, &s));
	assert_true(addr_equal(&r->dst, &d));
	assert_int_equal(r->src_port, src_port);
	assert_int_equal(r->dst_port, dst_port);
	assert_true(addr_equal(&r->nat_src, &none));
	assert_int_equal(r->nat_src_port, 0);
	assert_int_equal(r->mark, MARK);
}

static void check_totals(const struct conn_report *r, const struct totals *t)
{
	assert_true(r->counted);
	assert_int_equal(r->packets_out, t->packets_out);
	assert_int_equal(r->bytes_out, t->bytes_out);
	assert_int_equal(r->packets_in, t->packets_in);
	assert_int_equal(r->bytes_in, t->bytes_in);
}

static void transfer_is_counted(const char *client, const char *server)
{
	struct conntrack *c;
	int l, tap;
	struct pair p;
	struct totals t;

	tracked_namespace_enter();
	c = tracker_new();
	l = listener(server);
	tap = tap_open();
	p = pair_open(l, client, 0, server, local_port(l));
	send_all(p.client, p.server, 300000);
	send_all(p.server, p.client, 1000);
	assert_int_equal(conntrack_read(c, 0, take, &reports), 0);
	pair_close(&p);
	wait_reports(c, 1);
	check_ends(&reports.r[0], client, p.client_port, server, p.server_port);
	assert_int_equal(reports.r[0].ip_proto, IPPROTO_TCP);
	assert_true(reports.r[0].ended);
	assert_int_equal(reports.r[0].end_reason, END_REASON_FIN);
	t = tap_totals(tap, p.client_port);
	assert_true(t.bytes_out > 300000 && t.bytes_in > 1000);
	check_totals(&reports.r[0], &t);

	table_flush(); /* the DESTROY of what was told already is no report */
	assert_int_equal(conntrack_dump_now(c, 2000, take, &reports), 0);
	assert_int_equal(reports.count, 1);
	assert_int_equal(conntrack_stats(c)->asked, 1);
	assert_int_equal(conntrack_stats(c)->answered, 1);
	assert_int_equal(conntrack_stats(c)->unknown, 0);
	assert_true(conntrack_stats(c)->events >= 2);
	conntrack_close(c);
	(void)close(l);
	(void)close(tap);
}

static void tcp_over_v4_ends_with_its_bytes(void **state)
{
	(void)state;
	transfer_is_counted(A4, B4);
}

static void tcp_over_v6_ends_with_its_bytes(void **state)
{
	(void)state;
	transfer_is_counted(A6, B6);
}

static void reset_is_told_apart(void **state)
{
	struct conntrack *c;
	int l, tap;
	struct pair p;
	struct totals t;

	(void)state;
	tracked_namespace_enter();
	c = tracker_new();
	l = listener(B4);
	tap = tap_open();
	p = pair_open(l, A4, 0, B4, local_port(l));
	send_all(p.client, p.server, 10);
	abort_close(p.client);
	wait_reports(c, 1);
	check_ends(&reports.r[0], A4, p.client_port, B4, p.server_port);
	assert_int_equal(reports.r[0].end_reason, END_REASON_RESET);
	t = tap_totals(tap, p.client_port);
	check_totals(&reports.r[0], &t);
	table_flush();
	assert_int_equal(conntrack_dump_now(c, 2000, take, &reports), 0);
	assert_int_equal(reports.count, 1);
	conntrack_close(c);
	(void)close(p.server);
	(void)close(l);
	(void)close(tap);
}

/* The kernel forgets it at once: there is no change of state to hear, only DESTROY. */
static void refused_connection_is_reported(void **state)
{
	struct conntrack *c;
	uint16_t port;
	int s;

	(void)state;
	tracked_namespace_enter();
	c = tracker_new();
	s = bound_socket(SOCK_STREAM, A4, 0);
	port = local_port(s);
	assert_int_equal(connect_to(s, B4, 9), -1);
	assert_int_equal(errno, ECONNREFUSED);
	wait_reports(c, 1);
	check_ends(&reports.r[0], A4, port, B4, 9);
	assert_true(reports.r[0].ended && reports.r[0].counted);
	assert_int_equal(reports.r[0].end_reason, END_REASON_RESET);
	assert_int_equal(reports.r[0].packets_out, 1);
	assert_int_equal(reports.r[0].packets_in, 1);
	assert_int_equal(conntrack_stats(c)->asked, 0);
	conntrack_close(c);
	(void)close(s);
}

/* A datagram and its answer; returns the client's port. */
static uint16_t datagrams(const char *client, const char *server,
			  uint16_t *ret_server_port)
{
	int s = bound_socket(SOCK_DGRAM, server, 0);
	int c = bound_socket(SOCK_DGRAM, client, 0);
	const uint16_t port = local_port(c);
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char buf[100];

	*ret_server_port = local_port(s);
	assert_int_equal(connect_to(c, server, *ret_server_port), 0);
	assert_int_equal(send(c, "question", 8, 0), 8);
	assert_int_equal(recvfrom(s, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len),
			 8);
	assert_int_equal(sendto(s, "answer", 6, 0, (struct sockaddr *)&from, len), 6);
	assert_int_equal(recv(c, buf, sizeof(buf), 0), 6);
	(void)close(s);
	(void)close(c);
	return port;
}

static void ping(void)
{
	static const uint8_t echo[8] = {8, 0, 0xf7, 0xfd, 0, 1, 0, 1};
	struct sockaddr_storage ss;
	socklen_t len = endpoint(B4, 0, &ss);
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, echo, 8, 0, (const struct sockaddr *)&ss, len), 8);
	(void)close(fd);
}

static void udp_ends_when_the_entry_goes(void **state)
{
	const struct totals want = {1, 28 + 8, 1, 28 + 6};
	uint16_t client, server;
	struct conntrack *c;

	(void)state;
	tracked_namespace_enter();
	c = tracker_new();
	client = datagrams(A4, B4, &server);
	ping();
	table_flush();
	wait_reports(c, 1); /* and not the ping */
	check_ends(&reports.r[0], A4, client, B4, server);
	assert_int_equal(reports.r[0].ip_proto, IPPROTO_UDP);
	assert_true(reports.r[0].ended);
	assert_int_equal(reports.r[0].end_reason, END_REASON_TIMEOUT);
	check_totals(&reports.r[0], &want);
	assert_int_equal(conntrack_stats(c)->events, 2);
	conntrack_close(c);
}

static const struct conn_report *report_of(uint16_t src_port)
{
	size_t i = 0;

	while (i < reports.count && reports.r[i].src_port != src_port)
		i++;
	assert_true(i < reports.count);
	return &reports.r[i];
}

static void dump_shows_what_lives(void **state)
{
	uint16_t client4, server4, client6, server6;
	const struct conn_report *r;
	struct conntrack *c;
	struct pair p;
	int l;

	(void)state;
	tracked_namespace_enter();
	c = tracker_new();
	l = listener(B4);
	p = pair_open(l, A4, 0, B4, local_port(l));
	send_all(p.client, p.server, 5000);
	client4 = datagrams(A4, B4, &server4);
	client6 = datagrams(A6, B6, &server6);
	ping();
	assert_true(conntrack_dump(c));
	assert_true(conntrack_dumping(c));
	assert_false(conntrack_dump(c));
	for (unsigned i = 0; i < 100 && conntrack_dumping(c); i++)
		(void)conntrack_read(c, 0, take, &reports);
	assert_false(conntrack_dumping(c));
	assert_int_equal(conntrack_stats(c)->dumps, 1);
	assert_int_equal(reports.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(reports.r[i].counted && !reports.r[i].ended);
	r = report_of(p.client_port);
	check_ends(r, A4, p.client_port, B4, p.server_port);
	assert_true(r->bytes_out > 5000);
	check_ends(report_of(client4), A4, client4, B4, server4);
	check_ends(report_of(client6), A6, client6, B6, server6);

	/* The end falls into the next dump's time: one report of it. */
	pair_close(&p);
	reports.count = 0;
	assert_int_equal(conntrack_dump_now(c, 2000, take, &reports), 0);
	assert_int_equal(conntrack_stats(c)->dumps, 2);
	wait_reports(c, 3);
	assert_true(report_of(p.client_port)->ended);
	conntrack_close(c);
	(void)close(l);
}

static void translated_addresses_are_told(void **state)
{
	static const char *const snat[] = {"iptables", "-t",   "nat", "-A", "POSTROUTING",
					   "-j",       "SNAT", "-s",  A4,   "--to-source",
					   C4,         NULL};
	static const char *const dnat[] = {
		"iptables", "-t",   "nat", "-A",        "OUTPUT",
		"-j",       "DNAT", "-d",  "10.9.0.99", "--to-destination",
		B4,         NULL};
	const struct addr a = address(A4), b = address(B4), n = address(C4);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct sockaddr_in seen;
	struct conntrack *c;
	struct pair p;
	int l;

	(void)state;
	tracked_namespace_enter();
	need(snat);
	need(dnat);
	c = tracker_new();
	l = listener(B4);
	p = pair_open(l, A4, 0, "10.9.0.99", local_port(l));
	assert_int_equal(getpeername(p.server, (struct sockaddr *)&ss, &len), 0);
	memcpy(&seen, &ss, sizeof(seen));
	assert_memory_equal(&seen.sin_addr, n.b + 12, 4);
	pair_close(&p);
	wait_reports(c, 1);
	assert_true(addr_equal(&reports.r[0].src, &a));
	assert_true(addr_equal(&reports.r[0].dst, &b));
	assert_int_equal(reports.r[0].src_port, p.client_port);
	assert_int_equal(reports.r[0].dst_port, p.server_port);
	assert_true(addr_equal(&reports.r[0].nat_src, &n));
	assert_int_equal(reports.r[0].nat_src_port, ntohs(seen.sin_port));
	conntrack_close(c);
	(void)close(l);
}

/* The mark of the connection of that source port, in a dump made now. */
static uint32_t mark_of(struct conntrack *c, uint16_t port)
{
	reports.count = 0;
	assert_int_equal(conntrack_dump_now(c, 2000, take, &reports), 0);
	return report_of(port)->mark;
}

static void a_mark_is_taken_away(void **state)
{
	uint16_t client4, server4, client6, server6;
	struct conn_report r;
	struct conntrack *c;

	(void)state;
	tracked_namespace_enter();
	c = tracker_new();
	client4 = datagrams(A4, B4, &server4);
	client6 = datagrams(A6, B6, &server6);
	r = (struct conn_report){.src = address(A4),
				 .dst = address(B4),
				 .src_port = client4,
				 .dst_port = server4,
				 .ip_proto = IPPROTO_UDP};
	assert_int_equal(mark_of(c, client4), MARK);
	conntrack_recall(c, &r, 0x0a00);
	assert_int_equal(mark_of(c, client4), MARK & ~0x0a00u);
	assert_int_equal(mark_of(c, client6), MARK);
	r.src = address(A6);
	r.dst = address(B6);
	r.src_port = client6;
	r.dst_port = server6;
	conntrack_recall(c, &r, UINT32_MAX);
	assert_int_equal(mark_of(c, client6), 0);
	assert_int_equal(conntrack_stats(c)->recalls, 2);
	r.ip_proto = IPPROTO_ICMP;
	conntrack_recall(c, &r, UINT32_MAX);
	assert_int_equal(conntrack_stats(c)->recalls_unsent, 1);
	assert_int_equal(conntrack_stats(c)->unknown, 0);
	conntrack_close(c);
}

/* `nat` programs are in force; `told`: the translation of the source is known. */
static void check_recall(const char *to, bool told)
{
	const struct addr n = address(C4);
	struct conn_report r;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct sockaddr_in seen;
	struct conntrack *c;
	struct pair p;
	int l;

	c = tracker_new();
	l = listener(B4);
	p = pair_open(l, A4, 0, to, local_port(l));
	assert_int_equal(getpeername(p.server, (struct sockaddr *)&ss, &len), 0);
	memcpy(&seen, &ss, sizeof(seen));
	r = (struct conn_report){.src = address(A4),
				 .dst = address(B4),
				 .src_port = p.client_port,
				 .dst_port = p.server_port,
				 .ip_proto = IPPROTO_TCP};
	if (told) {
		r.nat_src = n;
		r.nat_src_port = ntohs(seen.sin_port);
	}
	assert_int_equal(mark_of(c, p.client_port), MARK);
	conntrack_recall(c, &r, MARK);
	assert_int_equal(mark_of(c, p.client_port), 0);
	pair_close(&p);
	conntrack_close(c);
	(void)close(l);
}

static void translated_connections_are_recalled(void **state)
{
	static const char *const snat[] = {"iptables", "-t",   "nat", "-A", "POSTROUTING",
					   "-j",       "SNAT", "-s",  A4,   "--to-source",
					   C4,         NULL};
	static const char *const dnat[] = {
		"iptables", "-t",   "nat", "-A",        "OUTPUT",
		"-j",       "DNAT", "-d",  "10.9.0.99", "--to-destination",
		B4,         NULL};

	(void)state;
	tracked_namespace_enter();
	need(dnat);
	check_recall("10.9.0.99", false); /* the destination alone */
	need(snat);
	check_recall(B4, false); /* the source alone, not told */
	check_recall("10.9.0.99", true);
}

static void accounting_is_set_back(void **state)
{
	struct conntrack_abilities can;
	struct conntrack *c;

	(void)state;
	tracked_namespace_enter();
	setting_put(ACCT, "0");
	c = tracker_open(0, &can);
	assert_true(can.accounting);
	assert_int_equal(setting_get(ACCT), 1);
	conntrack_close(c);
	assert_int_equal(setting_get(ACCT), 0);

	setting_put(ACCT, "1"); /* someone else's */
	c = tracker_open(0, &can);
	assert_true(can.accounting);
	conntrack_close(c);
	assert_int_equal(setting_get(ACCT), 1);
	conntrack_close(NULL);
}

/* Neither counted nor told by events: found by a dump. */
static void older_connections_have_no_counters(void **state)
{
	struct conntrack *c;
	struct pair p;
	int l;

	(void)state;
	tracked_namespace_enter();
	setting_put(ACCT, "0");
	l = listener(B4);
	p = pair_open(l, A4, 0, B4, local_port(l));
	c = tracker_new();
	assert_int_equal(conntrack_dump_now(c, 2000, take, &reports), 0);
	assert_int_equal(reports.count, 1);
	assert_false(reports.r[0].counted || reports.r[0].ended);
	check_ends(&reports.r[0], A4, p.client_port, B4, p.server_port);
	pair_close(&p);
	reports.count = 0;
	for (unsigned i = 0; i < 100 && (reports.count == 0 || !reports.r[0].ended);
	     i++) {
		reports.count = 0;
		assert_int_equal(conntrack_dump_now(c, 2000, take, &reports), 0);
	}
	assert_int_equal(reports.count, 1);
	assert_int_equal(reports.r[0].end_reason, END_REASON_FIN);
	assert_int_equal(conntrack_dump_now(c, 2000, take, &reports), 0);
	assert_int_equal(reports.count, 1); /* once */
	conntrack_close(c);
	(void)close(l);
}

static void without_events_dumps_work(void **state)
{
	struct conntrack_abilities can;
	struct conntrack *c;
	struct pair p;
	int l;

	(void)state;
	tracked_namespace_enter();
	setting_put(EVENTS, "0");
	c = tracker_open(0, &can);
	assert_false(can.events);
	assert_int_equal(conntrack_event_fd(c), -1);
	l = listener(B4);
	p = pair_open(l, A4, 0, B4, local_port(l));
	assert_int_equal(conntrack_read(c, 0, take, &reports), 0);
	assert_int_equal(conntrack_dump_now(c, 2000, take, &reports), 0);
	assert_int_equal(reports.count, 1);
	conntrack_close(c);
	(void)close(p.client);
	(void)close(p.server);
	(void)close(l);
}

static void unprivileged_open_says_what_is_missing(void **state)
{
	const struct conntrack_cfg cfg = {0};
	char error[CONNTRACK_ERROR_MAX] = "";
	struct conntrack_abilities can;
	struct conntrack *c = NULL;
	int rc;

	(void)state;
	namespace_enter();
	setting_put(ACCT, "0");
	assert_int_equal(seteuid(65534), 0);
	rc = conntrack_open(&cfg, &c, &can, error);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rc, -EPERM);
	assert_null(c);
	assert_non_null(strstr(error, "CAP_NET_ADMIN"));
	assert_int_equal(setting_get(ACCT), 0);
}

#define MANY 500

static uint32_t make_many(int l, size_t count, bool seen[65536])
{
	const uint16_t port = local_port(l);
	uint32_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		struct pair p = pair_open(l, A4, (uint16_t)(20000 + i), B4, port);

		send_all(p.client, p.server, 1 + i);
		pair_close(&p);
		seen[p.client_port] = true;
		bytes += (uint32_t)(1 + i);
	}
	return bytes;
}

/* Each of them ended, and none more than once. */
static void check_many(size_t count, bool seen[65536])
{
	assert_int_equal(reports.count, count);
	for (size_t i = 0; i < count; i++) {
		const struct conn_report *r = &reports.r[i];

		assert_true(r->ended && r->counted);
		assert_int_equal(r->end_reason, END_REASON_FIN);
		assert_true(seen[r->src_port]);
		seen[r->src_port] = false;
	}
}

static void five_hundred_ends_are_five_hundred_reports(void **state)
{
	static bool seen[65536];
	uint64_t bytes = 0, packets = 0;
	struct conntrack *c;
	uint32_t sent;
	int l;

	(void)state;
	tracked_namespace_enter();
	c = tracker_new();
	l = listener(B4);
	sent = make_many(l, MANY, seen);
	wait_reports(c, MANY);
	check_many(MANY, seen);
	for (size_t i = 0; i < MANY; i++) {
		bytes += reports.r[i].bytes_out;
		packets += reports.r[i].packets_out;
	}
	/* IP and TCP headers with the time stamp option; SYN has 8 bytes more. */
	assert_int_equal(bytes, sent + packets * 52 + (uint64_t)MANY * 8);
	assert_int_equal(conntrack_stats(c)->events_lost, 0);
	assert_int_equal(conntrack_stats(c)->answered, MANY);
	table_flush();
	assert_int_equal(conntrack_dump_now(c, 2000, take, &reports), 0);
	assert_int_equal(reports.count, MANY);
	conntrack_close(c);
	(void)close(l);
}

static void a_dump_finds_what_lost_events_hid(void **state)
{
	static bool seen[65536];
	struct conntrack_abilities can;
	struct conntrack *c;
	int l;

	(void)state;
	tracked_namespace_enter();
	c = tracker_open(4096, &can);
	l = listener(B4);
	(void)make_many(l, MANY, seen);
	while (conntrack_read(c, 0, take, &reports) > 0)
		;
	assert_true(conntrack_stats(c)->events_lost > 0);
	assert_true(reports.count < MANY);
	assert_int_equal(conntrack_dump_now(c, 2000, take, &reports), 0);
	wait_reports(c, MANY); /* the last one's end may have been on its way */
	check_many(MANY, seen);
	conntrack_close(c);
	(void)close(l);
}

/* A new connection takes the tuple, and perhaps the id, of one in TIME_WAIT. */
static void reused_tuple_ends_each_time(void **state)
{
	struct conntrack *c;
	uint16_t port;
	int l;

	(void)state;
	tracked_namespace_enter();
	c = tracker_new();
	l = listener(B4);
	port = local_port(l);
	for (size_t i = 1; i <= 5; i++) {
		struct pair p = pair_open(l, A4, 20000, B4, port);
		char byte;

		send_all(p.client, p.server, 100 * i);
		/* The server ends it: the client's port is free at once. */
		assert_int_equal(shutdown(p.server, SHUT_WR), 0);
		assert_int_equal(recv(p.client, &byte, 1, 0), 0);
		(void)close(p.client);
		assert_int_equal(recv(p.server, &byte, 1, 0), 0);
		(void)close(p.server);
		wait_reports(c, i);
		assert_true(reports.r[i - 1].ended);
		assert_int_equal(reports.r[i - 1].bytes_out,
				 100 * i + reports.r[i - 1].packets_out * 52 + 8);
	}
	assert_int_equal(conntrack_stats(c)->answered, 5);
	conntrack_close(c);
	(void)close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_over_v4_ends_with_its_bytes),
		cmocka_unit_test(tcp_over_v6_ends_with_its_bytes),
		cmocka_unit_test(reset_is_told_apart),
		cmocka_unit_test(refused_connection_is_reported),
		cmocka_unit_test(udp_ends_when_the_entry_goes),
		cmocka_unit_test(dump_shows_what_lives),
		cmocka_unit_test(translated_addresses_are_told),
		cmocka_unit_test(a_mark_is_taken_away),
		cmocka_unit_test(translated_connections_are_recalled),
		cmocka_unit_test(accounting_is_set_back),
		cmocka_unit_test(older_connections_have_no_counters),
		cmocka_unit_test(without_events_dumps_work),
		cmocka_unit_test(unprivileged_open_says_what_is_missing),
		cmocka_unit_test(five_hundred_ends_are_five_hundred_reports),
		cmocka_unit_test(a_dump_finds_what_lost_events_hid),
		cmocka_unit_test(reused_tuple_ends_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
