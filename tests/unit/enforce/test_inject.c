/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "enforce/inject.h"
#include "namespace.h"

static struct inject *inject_new(void)
{
	char error[INJECT_ERROR_MAX];
	struct inject *i;

	assert_int_equal(inject_open(&i, error), 0);
	return i;
}

static void unprivileged_open_says_what_is_missing(void **state)
{
	char error[INJECT_ERROR_MAX] = "";
	struct inject *i = NULL;
	int rc;

	(void)state;
	namespace_enter();
	assert_int_equal(seteuid(65534), 0);
	rc = inject_open(&i, error);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rc, -EPERM);
	assert_null(i);
	assert_non_null(strstr(error, "CAP_NET_RAW"));
	inject_close(NULL);
}

/* A TCP connection over loopback, and what the wire says of its numbers. */
struct pair {
	int client, server, tap;
	struct addr client_addr, server_addr;
	uint16_t client_port, server_port;
	uint32_t client_next, server_next; /* the sequence number that comes next */
};

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void pair_listen(struct pair *p)
{
	static uint8_t buf[65536];
	size_t len;

	while ((len = tap_read(p->tap, buf, sizeof(buf))) != 0) {
		const size_t head = buf[0] >> 4 == 4 ? 20 : 40;
		const uint8_t *tcp = buf + head;
		const bool syn = (tcp[13] & 2) != 0;
		uint32_t next;

		assert_true(len >= head + 20);
		next = get32(tcp + 4) + (syn ? 1 : 0) +
		       (uint32_t)(len - head - (size_t)(tcp[12] >> 4) * 4);
		if ((unsigned)tcp[0] << 8 == (p->client_port & 0xff00u) &&
		    tcp[1] == (p->client_port & 0xff))
			p->client_next = next;
		else
			p->server_next = next;
	}
}

static struct pair pair_new(const char *client, const char *server)
{
	struct pair p = {.client_addr = address(client), .server_addr = address(server)};
	const char text[] = "some bytes that are acknowledged";
	char got[sizeof(text)];
	int l = listener(server);

	p.tap = tap_open();
	p.server_port = local_port(l);
	p.client = bound_socket(SOCK_STREAM, client, 0);
	p.client_port = local_port(p.client);
	assert_int_equal(connect_to(p.client, server, p.server_port), 0);
	p.server = accept(l, NULL, NULL);
	assert_true(p.server >= 0);
	(void)close(l);
	assert_int_equal(write(p.client, text, sizeof(text)), sizeof(text));
	assert_int_equal(recv(p.server, got, sizeof(got), MSG_WAITALL), sizeof(text));
	assert_int_equal(write(p.server, text, 7), 7);
	assert_int_equal(recv(p.client, got, 7, MSG_WAITALL), 7);
	pair_listen(&p);
	return p;
}

static struct tcp_reset reset_client(const struct pair *p)
{
	return (struct tcp_reset){
		.src = p->server_addr,
		.dst = p->client_addr,
		.src_port = p->server_port,
		.dst_port = p->client_port,
		.seq = p->server_next,
		.ack = p->client_next,
		.has_ack = true,
	};
}

static struct tcp_reset reset_server(const struct pair *p)
{
	return (struct tcp_reset){
		.src = p->client_addr,
		.dst = p->server_addr,
		.src_port = p->client_port,
		.dst_port = p->server_port,
		.seq = p->client_next,
	};
}

static void expect_reset(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void reset_both(const char *client, const char *server)
{
	struct pair p = pair_new(client, server);
	struct tcp_reset to_client = reset_client(&p), to_server = reset_server(&p);
	struct inject *i = inject_new();
	char c;

	inject_reset(i, &to_client);
	inject_reset(i, &to_server);
	expect_reset(p.client);
	expect_reset(p.server);
	assert_int_equal(inject_stats(i)->resets, 2);
	assert_int_equal(inject_stats(i)->resets_failed, 0);
	(void)close(p.client);
	(void)close(p.server);
	(void)close(p.tap);

	/* RFC 5961: another number within the window is not believed. */
	p = pair_new(client, server);
	to_client = reset_client(&p);
	to_client.seq++;
	to_client.has_ack = false;
	inject_reset(i, &to_client);
	assert_int_equal(write(p.server, "x", 1), 1);
	assert_int_equal(recv(p.client, &c, 1, 0), 1);
	(void)close(p.client);
	(void)close(p.server);
	(void)close(p.tap);
	inject_close(i);
}

static void both_ends_of_a_v4_connection_are_reset(void **state)
{
	(void)state;
	namespace_enter();
	reset_both(A4, B4);
}

static void both_ends_of_a_v6_connection_are_reset(void **state)
{
	(void)state;
	namespace_enter();
	reset_both(A6, B6);
}

static void what_cannot_be_sent_is_counted(void **state)
{
	struct tcp_reset r = {.src = address("192.0.2.1"),
			      .dst = address("198.51.100.7")};
	struct inject *i;

	(void)state;
	namespace_enter();
	i = inject_new();
	inject_reset(i, &r); /* no route */
	r.src = address("fe80::1");
	r.dst = address("fe80::2"); /* which link? */
	inject_reset(i, &r);
	r.dst = address(A4); /* two families */
	inject_reset(i, &r);
	assert_int_equal(inject_stats(i)->resets, 0);
	assert_int_equal(inject_stats(i)->resets_failed, 3);
	inject_close(i);
}

/* A datagram that was sent, as the tap heard it. */
static size_t offend(int client, int tap, uint8_t *buf, size_t size)
{
	size_t len = 0, n;

	assert_int_equal(send(client, "a datagram of some bytes", 24, 0), 24);
	while ((n = tap_read(tap, buf, size)) != 0)
		len = n;
	assert_true(len > 24);
	return len;
}

static void refuse_datagram(const char *client, const char *server, int want)
{
	struct inject *i = inject_new();
	int s = bound_socket(SOCK_DGRAM, server, 0);
	int c = bound_socket(SOCK_DGRAM, client, 0);
	int tap = tap_open();
	uint8_t ip[2048];
	size_t len;
	char byte;

	assert_int_equal(connect_to(c, server, local_port(s)), 0);
	len = offend(c, tap, ip, sizeof(ip));
	inject_prohibited(i, ip, len, 1);
	assert_int_equal(inject_stats(i)->icmp, 1);
	assert_int_equal(recv(c, &byte, 1, 0), -1);
	assert_int_equal(errno, want);

	/* And one that was cut by the queue's copy range. */
	len = offend(c, tap, ip, sizeof(ip));
	inject_prohibited(i, ip, len - 20, 1);
	assert_int_equal(inject_stats(i)->icmp, 2);
	assert_int_equal(recv(c, &byte, 1, 0), -1);
	assert_int_equal(errno, want);

	inject_prohibited(i, ip, 10, 1);
	assert_int_equal(inject_stats(i)->icmp_not_due, 1);
	assert_int_equal(inject_stats(i)->icmp_failed, 0);
	(void)close(s);
	(void)close(c);
	(void)close(tap);
	inject_close(i);
}

static void a_v4_client_is_told_of_the_refusal(void **state)
{
	(void)state;
	namespace_enter();
	refuse_datagram(A4, B4, EHOSTUNREACH);
}

static void a_v6_client_is_told_of_the_refusal(void **state)
{
	(void)state;
	namespace_enter();
	refuse_datagram(A6, B6, EACCES);
}

static void refusals_have_a_rate(void **state)
{
	static const uint8_t ip[28] = {0x45, 0, 0,  28, 0, 0, 0,  0, 64, 17,
				       0,    0, 10, 9,  0, 1, 10, 9, 0,  2};
	const int64_t start = INT64_C(1795313476000000);
	const struct inject_stats *n;
	struct inject *i;

	(void)state;
	namespace_enter();
	i = inject_new();
	n = inject_stats(i);
	for (unsigned k = 0; k < INJECT_ICMP_PER_SECOND + 500; k++)
		inject_prohibited(i, ip, sizeof(ip), start);
	assert_int_equal(n->icmp + n->icmp_failed, INJECT_ICMP_PER_SECOND);
	assert_int_equal(n->icmp_limited, 500);
	for (unsigned k = 0; k < 500; k++) /* a tenth of a second earns a tenth */
		inject_prohibited(i, ip, sizeof(ip), start + 100000);
	assert_int_equal(n->icmp_limited, 500 + 400);
	for (unsigned k = 0; k < 3; k++) /* a clock that goes back earns nothing */
		inject_prohibited(i, ip, sizeof(ip), start);
	assert_int_equal(n->icmp_limited, 903);
	inject_prohibited(i, ip, sizeof(ip), start + 1000);
	assert_int_equal(n->icmp_limited, 903);
	assert_int_equal(n->icmp_failed, 0);
	inject_close(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unprivileged_open_says_what_is_missing),
		cmocka_unit_test(both_ends_of_a_v4_connection_are_reset),
		cmocka_unit_test(both_ends_of_a_v6_connection_are_reset),
		cmocka_unit_test(what_cannot_be_sent_is_counted),
		cmocka_unit_test(a_v4_client_is_told_of_the_refusal),
		cmocka_unit_test(a_v6_client_is_told_of_the_refusal),
		cmocka_unit_test(refusals_have_a_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
