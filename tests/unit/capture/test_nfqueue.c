/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "namespace.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include "capture/nfqueue.h"
#include "capture/nfqueue_parse.h"

#define QUEUE    7
#define UDP_PORT 9
#define TCP_PORT 8080
#define NOBODY   65534

#define NOW INT64_C(1795313476123456)

/* Of a datagram of ours: headers of IPv4 and UDP, and a number. */
#define UDP_LEN 32

/* ---- messages without a kernel ---- */

struct message {
	_Alignas(8) uint8_t bytes[512];
	size_t len;
};

static void put(struct message *m, const void *bytes, size_t len)
{
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
	while (m->len % 4 != 0)
		m->bytes[m->len++] = 0;
}

/* Start a message; returns its place, for end(). */
static size_t begin(struct message *m, unsigned type, uint8_t family)
{
	const size_t at = m->len;
	const struct nlmsghdr header = {.nlmsg_type = (uint16_t)type};
	const struct nfgenmsg general = {.nfgen_family = family};

	put(m, &header, sizeof(header));
	if (type != NLMSG_ERROR)
		put(m, &general, sizeof(general));
	return at;
}

static void end(struct message *m, size_t at)
{
	const uint32_t len = (uint32_t)(m->len - at);

	memcpy(m->bytes + at, &len, sizeof(len));
}

static void attribute(struct message *m, uint16_t type, const void *value, size_t len)
{
	const struct nlattr header = {.nla_len = (uint16_t)(sizeof(header) + len),
				      .nla_type = type};

	put(m, &header, sizeof(header));
	put(m, value, len);
}

static void attribute_u32(struct message *m, uint16_t type, uint32_t value)
{
	value = htonl(value);
	attribute(m, type, &value, sizeof(value));
}

static void packet_header(struct message *m, uint32_t id, uint16_t protocol)
{
	const struct nfqnl_msg_packet_hdr header = {.packet_id = htonl(id),
						    .hw_protocol = htons(protocol)};

	attribute(m, NFQA_PACKET_HDR, &header, sizeof(header));
}

#define PACKET ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET)

static void message_gives_packet(void **state)
{
	struct message m = {.len = 0};
	const size_t at = begin(&m, PACKET, NFPROTO_IPV4);
	struct nfqueue_message got;
	struct cursor c;

	(void)state;
	packet_header(&m, 0x01020304, 0);
	attribute_u32(&m, NFQA_MARK, 0xcafef00d);
	attribute_u32(&m, NFQA_IFINDEX_INDEV, 3);
	attribute_u32(&m, NFQA_CAP_LEN, 70000);
	attribute(&m, NFQA_PAYLOAD, "Eabcdefg", 8);
	end(&m, at);
	c = cur_init(m.bytes, m.len);
	assert_true(nfqueue_parse(&c, &got));
	assert_int_equal(got.kind, NFQUEUE_MESSAGE_PACKET);
	assert_int_equal(got.id, 0x01020304);
	assert_int_equal(got.mark, 0xcafef00d);
	assert_true(got.ip);
	assert_false(got.damaged);
	assert_int_equal(got.payload_len, 8);
	assert_memory_equal(got.payload, "Eabcdefg", 8);
	assert_int_equal(got.len, 70000);
	assert_false(nfqueue_parse(&c, &got));
}

static void datagram_may_hold_several_messages(void **state)
{
	const int noent = -ENOENT;
	struct message m = {.len = 0};
	struct nfqueue_message got;
	struct cursor c;
	size_t at;

	(void)state;
	at = begin(&m, NLMSG_ERROR, 0);
	put(&m, &noent, sizeof(noent));
	end(&m, at);
	at = begin(&m, NLMSG_NOOP, 0);
	end(&m, at);
	at = begin(&m, PACKET, NFPROTO_IPV6);
	packet_header(&m, 2, ETH_P_IPV6);
	attribute(&m, NFQA_PAYLOAD, "abcde", 5);
	end(&m, at);
	c = cur_init(m.bytes, m.len);
	assert_true(nfqueue_parse(&c, &got));
	assert_int_equal(got.kind, NFQUEUE_MESSAGE_ERROR);
	assert_int_equal(got.error, ENOENT);
	assert_true(nfqueue_parse(&c, &got));
	assert_int_equal(got.kind, NFQUEUE_MESSAGE_OTHER);
	assert_true(nfqueue_parse(&c, &got));
	assert_int_equal(got.kind, NFQUEUE_MESSAGE_PACKET);
	assert_int_equal(got.id, 2);
	assert_int_equal(got.mark, 0);
	/* Without NFQA_CAP_LEN the payload is the packet. */
	assert_int_equal(got.len, 5);
	assert_false(nfqueue_parse(&c, &got));
}

static void other_protocols_are_not_ip(void **state)
{
	static const struct {
		uint8_t family;
		uint16_t protocol;
		bool ip;
	} rows[] = {
		{NFPROTO_IPV4, 0, true},
		{NFPROTO_IPV6, 0, true},
		{NFPROTO_BRIDGE, ETH_P_IP, true},
		{NFPROTO_BRIDGE, ETH_P_IPV6, true},
		{NFPROTO_BRIDGE, ETH_P_ARP, false},
		{NFPROTO_ARP, ETH_P_ARP, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct message m = {.len = 0};
		const size_t at = begin(&m, PACKET, rows[i].family);
		struct nfqueue_message got;
		struct cursor c;

		packet_header(&m, 1, rows[i].protocol);
		attribute(&m, NFQA_PAYLOAD, "E", 1);
		end(&m, at);
		c = cur_init(m.bytes, m.len);
		assert_true(nfqueue_parse(&c, &got));
		assert_int_equal(got.kind, NFQUEUE_MESSAGE_PACKET);
		assert_int_equal(got.ip, rows[i].ip);
	}
}

/* Of a message cut off anywhere: nothing past the cut, and no packet taken for whole. */
static void cut_message_is_damaged(void **state)
{
	struct message m = {.len = 0};
	const size_t at = begin(&m, PACKET, NFPROTO_IPV4);
	size_t header_end;

	(void)state;
	packet_header(&m, 77, ETH_P_IP);
	header_end = m.len;
	attribute(&m, NFQA_PAYLOAD, "Eabcdefg", 8);
	end(&m, at);
	for (size_t len = 0; len < m.len; len++) {
		/* Of its own, so that a sanitizer sees a read too far. */
		uint8_t *copy = malloc(len + 1);
		struct cursor c = cur_init(copy, len);
		struct nfqueue_message got;

		assert_non_null(copy);
		memcpy(copy, m.bytes, len);
		if (len < sizeof(struct nlmsghdr)) {
			assert_false(nfqueue_parse(&c, &got));
		} else {
			assert_true(nfqueue_parse(&c, &got));
			assert_true(got.damaged);
			assert_null(got.payload);
			if (len >= header_end) {
				assert_int_equal(got.kind, NFQUEUE_MESSAGE_PACKET);
				assert_int_equal(got.id, 77);
			}
			assert_false(nfqueue_parse(&c, &got));
		}
		free(copy);
	}
}

/* ---- with the kernel ---- */

#define HELD_MAX 256

/* What a queue gave, by the number in each datagram. */
struct held {
	size_t count;
	struct queued_packet packets[HELD_MAX];
	uint32_t numbers[HELD_MAX];
};

struct fixture {
	struct nfqueue *q; /* of the test that runs */
	int out, in, out6, in6;
};

static bool rule(const char *const *programs, const char *protocol, const char *port)
{
	for (size_t i = 0; programs[i] != NULL; i++) {
		const char *const words[] = {
			programs[i],   "-w",      "-A", "OUTPUT", "-p",
			protocol,      "--dport", port, "-j",     "NFQUEUE",
			"--queue-num", "7",       NULL};

		if (run(words) == 0)
			return true;
	}
	return false;
}

static bool rules_add(void)
{
	static const char *const v4[] = {"iptables-nft", "iptables-legacy", NULL};
	static const char *const v6[] = {"ip6tables-nft", "ip6tables-legacy", NULL};

	return rule(v4, "udp", "9") && rule(v4, "tcp", "8080") && rule(v6, "udp", "9");
}

/* In a namespace, with the rules. */
static int set_up(void **state)
{
	static struct fixture f;
	const int on = 1;

	f.in = socket_bound(AF_INET, SOCK_DGRAM, UDP_PORT);
	f.in6 = socket_bound(AF_INET6, SOCK_DGRAM, UDP_PORT);
	f.out = socket_bound(AF_INET, SOCK_DGRAM, 0);
	f.out6 = socket_bound(AF_INET6, SOCK_DGRAM, 0);
	*state = &f;
	return setsockopt(f.in, SOL_SOCKET, SO_RCVMARK, &on, sizeof(on));
}

/* After each test: what it left open would fail the next ones too. */
static int clean_up(void **state)
{
	struct fixture *f = *state;
	uint32_t number;

	nfqueue_close(f->q);
	f->q = NULL;
	while (recv(f->in, &number, sizeof(number), 0) > 0)
		;
	return seteuid(0);
}

static struct nfqueue *queue_open(struct fixture *f, const struct nfqueue_cfg *cfg)
{
	struct nfqueue_cfg with_number = *cfg;
	char error[NFQUEUE_ERROR_MAX] = "";
	struct nfqueue *q = NULL;

	with_number.number = QUEUE;
	if (nfqueue_open(&with_number, &q, error) != 0)
		print_error("%s\n", error);
	assert_non_null(q);
	f->q = q;
	return q;
}

static void hold(void *arg, const struct queued_packet *p)
{
	struct held *h = arg;

	assert_true(h->count < HELD_MAX);
	h->packets[h->count] = *p;
	if (p->frame.caplen >= UDP_LEN)
		memcpy(&h->numbers[h->count], p->frame.data + p->frame.caplen - 4, 4);
	h->count++;
}

/* Take `count` packets, which must come. */
static void take(struct nfqueue *q, struct held *h, size_t count)
{
	memset(h, 0, sizeof(*h));
	while (h->count < count) {
		assert_true(readable(nfqueue_fd(q), 1000));
		assert_true(nfqueue_read(q, NOW, hold, h) >= 0);
	}
	assert_int_equal(h->count, count);
}

static void send_numbers(int fd, uint32_t from, uint32_t to)
{
	for (uint32_t n = from; n <= to; n++)
		send_number(fd, AF_INET, UDP_PORT, n);
}

/* The next datagram's number, which must come, and its mark. */
static uint32_t receive_marked(int fd, uint32_t *ret_mark)
{
	uint32_t number = 0;
	struct iovec part = {&number, sizeof(number)};
	_Alignas(8) uint8_t control[64];
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	const struct cmsghdr *c;

	assert_true(readable(fd, 1000));
	assert_int_equal(recvmsg(fd, &message, 0), sizeof(number));
	*ret_mark = 0;
	c = CMSG_FIRSTHDR(&message);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_MARK)
		memcpy(ret_mark, CMSG_DATA(c), sizeof(*ret_mark));
	return number;
}

static uint32_t receive(int fd)
{
	uint32_t mark;

	return receive_marked(fd, &mark);
}

static void frames_carry_what_was_sent(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){0});
	struct nfqueue_stats stats;
	struct held h;

	send_numbers(f->out, 100, 102);
	take(q, &h, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct frame *frame = &h.packets[i].frame;

		assert_int_equal(h.numbers[i], 100 + i);
		assert_int_equal(h.packets[i].mark, 0);
		assert_int_equal(frame->link, LINK_RAW_IP);
		assert_int_equal(frame->caplen, UDP_LEN);
		assert_int_equal(frame->len, UDP_LEN);
		assert_int_equal(frame->time_us, NOW);
		assert_int_equal(frame->clock_us, NOW);
		assert_int_equal(frame->number, i + 1);
		assert_int_equal(frame->data[0], 0x45);
		nfqueue_verdict(q, h.packets[i].id, true, false, 0);
	}
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.waiting, 3);
	assert_int_equal(nfqueue_flush(q), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(receive(f->in), 100 + i);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.packets, 3);
	assert_int_equal(stats.bytes, 3 * UDP_LEN);
	assert_int_equal(stats.truncated, 0);
	assert_int_equal(stats.accepted, 3);
	assert_int_equal(stats.dropped, 0);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.verdict_failed, 0);
	assert_int_equal(nfqueue_read(q, NOW, hold, &h), 0);
}

static void ipv6_comes_too(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){0});
	struct held h;

	send_number(f->out6, AF_INET6, UDP_PORT, 6);
	take(q, &h, 1);
	assert_int_equal(h.numbers[0], 6);
	assert_int_equal(h.packets[0].frame.caplen, 40 + 8 + 4);
	assert_int_equal(h.packets[0].frame.data[0] >> 4, 6);
	nfqueue_verdict(q, h.packets[0].id, true, false, 0);
	assert_int_equal(nfqueue_flush(q), 0);
	assert_int_equal(receive(f->in6), 6);
}

static void drop_stops_a_packet_and_no_other(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){0});
	struct nfqueue_stats stats;
	struct held h;

	send_numbers(f->out, 1, 5);
	take(q, &h, 5);
	for (size_t i = 0; i < 5; i++)
		nfqueue_verdict(q, h.packets[i].id, i % 2 == 0, false, 0);
	assert_int_equal(nfqueue_flush(q), 0);
	assert_int_equal(receive(f->in), 1);
	assert_int_equal(receive(f->in), 3);
	assert_int_equal(receive(f->in), 5);
	assert_false(readable(f->in, 0));
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.accepted, 3);
	assert_int_equal(stats.dropped, 2);
	assert_int_equal(stats.waiting, 0);
}

static void mark_is_read_and_set(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){0});
	uint32_t mark = 0x80000001;
	struct held h;

	assert_int_equal(setsockopt(f->out, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	send_numbers(f->out, 1, 3);
	mark = 0;
	assert_int_equal(setsockopt(f->out, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	take(q, &h, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(h.packets[i].mark, 0x80000001);
	nfqueue_verdict(q, h.packets[0].id, true, false, 0xffffffff);
	nfqueue_verdict(q, h.packets[1].id, true, true, 0xdeadbeef);
	nfqueue_verdict(q, h.packets[2].id, true, true, 0);
	assert_int_equal(nfqueue_flush(q), 0);
	assert_int_equal(receive_marked(f->in, &mark), 1);
	assert_int_equal(mark, 0x80000001);
	assert_int_equal(receive_marked(f->in, &mark), 2);
	assert_int_equal(mark, 0xdeadbeef);
	assert_int_equal(receive_marked(f->in, &mark), 3);
	assert_int_equal(mark, 0);
}

static void held_packets_are_answered_in_any_order(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){0});
	struct nfqueue_stats stats;
	struct held h;

	send_numbers(f->out, 1, 3);
	take(q, &h, 3);
	nfqueue_verdict(q, h.packets[2].id, true, false, 0);
	assert_int_equal(nfqueue_flush(q), 0);
	assert_int_equal(receive(f->in), 3);
	assert_false(readable(f->in, 0));
	nfqueue_verdict(q, h.packets[0].id, true, false, 0);
	assert_int_equal(nfqueue_flush(q), 0);
	assert_int_equal(receive(f->in), 1);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.waiting, 1);
	nfqueue_verdict(q, h.packets[1].id, true, false, 0);
	assert_int_equal(nfqueue_flush(q), 0);
	assert_int_equal(receive(f->in), 2);
}

static void verdict_for_a_packet_that_is_gone_is_counted(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){0});
	struct nfqueue_stats stats;
	struct held h;

	send_numbers(f->out, 1, 1);
	take(q, &h, 1);
	/* The good one goes through although its neighbours in the send are refused. */
	nfqueue_verdict(q, h.packets[0].id + 1000, true, false, 0);
	nfqueue_verdict(q, h.packets[0].id, true, false, 0);
	nfqueue_verdict(q, h.packets[0].id, true, false, 0);
	assert_int_equal(nfqueue_flush(q), 0);
	assert_int_equal(receive(f->in), 1);
	assert_int_equal(nfqueue_read(q, NOW, hold, &h), 0);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.verdict_failed, 2);
}

static void full_verdict_buffer_is_sent(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){0});
	struct nfqueue_stats stats;
	struct held h;

	send_numbers(f->out, 1, 200);
	take(q, &h, 200);
	for (size_t i = 0; i < 200; i++)
		nfqueue_verdict(q, h.packets[i].id, true, true, 1);
	nfqueue_stats(q, &stats);
	assert_in_range(stats.waiting, 1, 199);
	assert_int_equal(nfqueue_flush(q), 0);
	assert_int_equal(nfqueue_flush(q), 0); /* nothing to send */
	for (uint32_t i = 1; i <= 200; i++)
		assert_int_equal(receive(f->in), i);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.accepted, 200);
}

static void read_takes_a_burst_at_the_most(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){0});
	struct held h = {.count = 0};

	send_numbers(f->out, 1, NFQUEUE_BURST + 1);
	assert_int_equal(nfqueue_read(q, NOW, hold, &h), NFQUEUE_BURST);
	assert_int_equal(nfqueue_read(q, NOW, hold, &h), 1);
	assert_int_equal(h.packets[NFQUEUE_BURST].frame.number, NFQUEUE_BURST + 1);
	nfqueue_close(q); /* the kernel drops them */
	f->q = NULL;
	assert_false(readable(f->in, 0));
}

static void second_server_of_a_queue_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct nfqueue_cfg cfg = {.number = QUEUE};
	char error[NFQUEUE_ERROR_MAX] = "";
	struct nfqueue *second = NULL;
	struct nfqueue *q;

	q = queue_open(f, &cfg);
	assert_int_equal(nfqueue_open(&cfg, &second, error), -EBUSY);
	assert_null(second);
	assert_non_null(strstr(error, "queue 7: taken by another program"));
	assert_non_null(strstr(error, "end that one, or take another queue number"));
	nfqueue_close(q);
	f->q = NULL;
	(void)queue_open(f, &cfg); /* it is free again */
}

static void open_without_rights_is_refused(void **state)
{
	const struct nfqueue_cfg cfg = {.number = QUEUE};
	char error[NFQUEUE_ERROR_MAX] = "";
	struct nfqueue *q = NULL;
	int rc;

	(void)state;
	assert_int_equal(seteuid(NOBODY), 0);
	rc = nfqueue_open(&cfg, &q, error);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rc, -EPERM);
	assert_null(q);
	assert_non_null(strstr(error, "queue 7: not permitted"));
	assert_non_null(strstr(error, "CAP_NET_ADMIN"));
}

static void loss_of_rights_ends_the_queue(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){0});
	struct nfqueue_stats stats;
	struct held h;
	int rc;

	send_numbers(f->out, 1, 1);
	take(q, &h, 1);
	nfqueue_verdict(q, h.packets[0].id, true, false, 0);
	assert_int_equal(seteuid(NOBODY), 0);
	rc = nfqueue_flush(q);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(nfqueue_read(q, NOW, hold, &h), -EPERM);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.verdict_failed, 1);
	assert_int_equal(stats.waiting, 1);
}

static void full_queue_drops(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){.max_packets = 4});
	struct nfqueue_stats stats;
	struct held h;

	send_numbers(f->out, 1, 7);
	take(q, &h, 4);
	assert_false(readable(f->in, 0));
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.queue_dropped, 3);
	for (size_t i = 0; i < 4; i++)
		nfqueue_verdict(q, h.packets[i].id, true, false, 0);
	assert_int_equal(nfqueue_flush(q), 0);
	for (uint32_t i = 1; i <= 4; i++)
		assert_int_equal(receive(f->in), i);
	assert_false(readable(f->in, 0));
}

static void full_queue_passes_with_fail_open(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q =
		queue_open(f, &(struct nfqueue_cfg){.max_packets = 4, .fail_open = true});
	struct nfqueue_stats stats;
	struct held h;

	send_numbers(f->out, 1, 7);
	for (uint32_t i = 5; i <= 7; i++)
		assert_int_equal(receive(f->in), i);
	assert_false(readable(f->in, 0));
	take(q, &h, 4);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.queue_dropped, 0);
}

/* The kernel counts nothing there: it is seen from how many wait. */
static void full_queue_is_seen_with_fail_open(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q =
		queue_open(f, &(struct nfqueue_cfg){.max_packets = 4, .fail_open = true});
	struct nfqueue_stats stats;
	struct held h;

	send_numbers(f->out, 1, 3);
	nfqueue_watch(q, NOW);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.full, 0);
	send_numbers(f->out, 4, 7);
	nfqueue_watch(q, NOW + 10);
	nfqueue_watch(q, NOW + 20);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.full, 2);
	assert_int_equal(stats.full_from_us, NOW);
	assert_int_equal(stats.full_until_us, NOW + 20);
	take(q, &h, 4);
	for (size_t i = 0; i < 4; i++)
		nfqueue_verdict(q, h.packets[i].id, true, false, 0);
	assert_int_equal(nfqueue_flush(q), 0);
	nfqueue_watch(q, NOW + 30);
	nfqueue_watch(q, NOW + 2000000);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.full, 2);
	send_numbers(f->out, 11, 15); /* another interval */
	nfqueue_watch(q, NOW + 2000010);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.full, 3);
	assert_int_equal(stats.full_from_us, NOW + 2000000);
	assert_int_equal(stats.unread, 0);
}

/* As does what found our socket full; that is counted by the gaps in the numbers. */
static void overflow_of_the_socket_is_seen_with_fail_open(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(
		f, &(struct nfqueue_cfg){.receive_buffer = 1, .fail_open = true});
	struct held h = {.count = 0};
	struct nfqueue_stats stats;
	uint32_t passed = 0;

	send_numbers(f->out, 1, 100);
	while (readable(f->in, 0)) {
		(void)receive(f->in);
		passed++;
	}
	assert_true(passed > 0);
	while (nfqueue_read(q, NOW, hold, &h) > 0)
		;
	send_numbers(f->out, 101, 101);
	assert_int_equal(nfqueue_read(q, NOW, hold, &h), 1);
	nfqueue_watch(q, NOW);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.unread, passed);
	assert_int_equal(stats.packets, 101 - passed);
	assert_int_equal(stats.full, 1);
}

static void overflow_of_the_socket_is_counted(void **state)
{
	struct fixture *f = *state;
	struct nfqueue *q = queue_open(f, &(struct nfqueue_cfg){.receive_buffer = 1});
	struct held h = {.count = 0};
	struct nfqueue_stats stats;

	send_numbers(f->out, 1, 100);
	assert_true(nfqueue_read(q, NOW, hold, &h) > 0);
	nfqueue_stats(q, &stats);
	assert_int_equal(stats.receive_lost, 1);
	assert_int_equal(stats.packets + stats.user_dropped, 100);
	assert_in_range(stats.user_dropped, 1, 99);
}

/* ---- TCP: packets that offload merged ---- */

#define TCP_BYTES 300000

struct transfer {
	struct nfqueue *q;
	uint32_t longest;
	uint32_t caplen_most;
};

static void pass(void *arg, const struct queued_packet *p)
{
	struct transfer *t = arg;

	if (p->frame.len > t->longest)
		t->longest = p->frame.len;
	if (p->frame.caplen > t->caplen_most)
		t->caplen_most = p->frame.caplen;
	nfqueue_verdict(t->q, p->id, true, false, 0);
}

static void serve(struct transfer *t)
{
	assert_true(nfqueue_read(t->q, NOW, pass, t) >= 0);
	assert_int_equal(nfqueue_flush(t->q), 0);
}

/* Send TCP_BYTES from `client` to `server` while the queue is served. */
static void transfer(struct transfer *t, int client, int server)
{
	static uint8_t bytes[TCP_BYTES];
	static uint8_t got[TCP_BYTES];
	size_t sent = 0;
	size_t received = 0;
	int idle = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	while (received < sizeof(got)) {
		ssize_t n = send(client, bytes + sent, sizeof(bytes) - sent, 0);

		sent += n > 0 ? (size_t)n : 0;
		serve(t);
		n = recv(server, got + received, sizeof(got) - received, 0);
		received += n > 0 ? (size_t)n : 0;
		if (n <= 0 && !readable(nfqueue_fd(t->q), 100))
			assert_true(++idle < 10);
	}
	assert_memory_equal(got, bytes, sizeof(got));
}

static int tcp_connect(struct transfer *t, int listener, int client)
{
	struct sockaddr_storage to;
	const socklen_t len = loopback(AF_INET, TCP_PORT, &to);
	int server;

	assert_int_equal(connect(client, (struct sockaddr *)&to, len), -1);
	assert_int_equal(errno, EINPROGRESS);
	for (int i = 0; (server = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0;
	     i++) {
		assert_true(i < 20);
		(void)readable(nfqueue_fd(t->q), 50);
		serve(t);
	}
	return server;
}

/* The loopback's MTU is 1,500 here: what is longer was merged. */
static void merged_packets_come_whole(void **state, uint32_t copy_range, uint32_t caplen)
{
	struct fixture *f = *state;
	const int listener = socket_bound(AF_INET, SOCK_STREAM, TCP_PORT);
	const int client = socket_bound(AF_INET, SOCK_STREAM, 0);
	struct nfqueue_stats stats;
	struct transfer t = {
		.q = queue_open(f, &(struct nfqueue_cfg){.copy_range = copy_range}),
	};
	int server;

	assert_int_equal(listen(listener, 1), 0);
	server = tcp_connect(&t, listener, client);
	transfer(&t, client, server);
	assert_in_range(t.longest, 20000, 70000);
	assert_int_equal(t.caplen_most, caplen < t.longest ? caplen : t.longest);
	nfqueue_stats(t.q, &stats);
	if (caplen < t.longest)
		assert_in_range(stats.truncated, 1, stats.packets);
	else
		assert_int_equal(stats.truncated, 0);
	assert_true(stats.bytes > TCP_BYTES);
	assert_int_equal(stats.user_dropped, 0);
	/* A reset, so that the port is free at once. */
	assert_int_equal(setsockopt(server, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
				    sizeof(struct linger)),
			 0);
	assert_int_equal(close(server), 0);
	serve(&t);
	assert_int_equal(close(client), 0);
	assert_int_equal(close(listener), 0);
}

static void merged_packets_are_cut_at_the_copy_range(void **state)
{
	merged_packets_come_whole(state, 256, 256);
}

static void copy_range_is_20_kib_unless_set(void **state)
{
	merged_packets_come_whole(state, 0, 20 * 1024);
}

static void greatest_copy_range_cuts_nothing(void **state)
{
	merged_packets_come_whole(state, UINT32_MAX, 65531);
}

static void closing_nothing_is_fine(void **state)
{
	(void)state;
	nfqueue_close(NULL);
}

#define KERNEL_TEST(test) cmocka_unit_test_teardown(test, clean_up)

int main(void)
{
	const struct CMUnitTest anywhere[] = {
		cmocka_unit_test(message_gives_packet),
		cmocka_unit_test(datagram_may_hold_several_messages),
		cmocka_unit_test(other_protocols_are_not_ip),
		cmocka_unit_test(cut_message_is_damaged),
		cmocka_unit_test(closing_nothing_is_fine),
	};
	const struct CMUnitTest with_kernel[] = {
		KERNEL_TEST(frames_carry_what_was_sent),
		KERNEL_TEST(ipv6_comes_too),
		KERNEL_TEST(drop_stops_a_packet_and_no_other),
		KERNEL_TEST(mark_is_read_and_set),
		KERNEL_TEST(held_packets_are_answered_in_any_order),
		KERNEL_TEST(verdict_for_a_packet_that_is_gone_is_counted),
		KERNEL_TEST(full_verdict_buffer_is_sent),
		KERNEL_TEST(read_takes_a_burst_at_the_most),
		KERNEL_TEST(second_server_of_a_queue_is_refused),
		KERNEL_TEST(open_without_rights_is_refused),
		KERNEL_TEST(loss_of_rights_ends_the_queue),
		KERNEL_TEST(full_queue_drops),
		KERNEL_TEST(full_queue_passes_with_fail_open),
		KERNEL_TEST(full_queue_is_seen_with_fail_open),
		KERNEL_TEST(overflow_of_the_socket_is_seen_with_fail_open),
		KERNEL_TEST(overflow_of_the_socket_is_counted),
		KERNEL_TEST(merged_packets_are_cut_at_the_copy_range),
		KERNEL_TEST(copy_range_is_20_kib_unless_set),
		KERNEL_TEST(greatest_copy_range_cuts_nothing),
	};
	int failed = cmocka_run_group_tests_name("capture/nfqueue", anywhere, NULL, NULL);

	if (!namespace_enter()) {
		puts("ok - in a network namespace # SKIP needs root");
		return failed;
	}
	if (!rules_add()) {
		puts("ok - with a queue # SKIP needs iptables and its NFQUEUE target");
		return failed;
	}
	return failed + cmocka_run_group_tests_name("capture/nfqueue kernel", with_kernel,
						    set_up, NULL);
}
