/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"

#define CLIENT_ISN 1001u
#define SERVER_ISN 9001u

static struct trace trace;

static const uint8_t segment[] = {
	0x45, 0,    0,    44,   0, 1,    0x40, 0, 64,  6, 0,   0,   10,   1,   0,
	2,    192,  0,    2,    7, 0x9c, 64,   1, 187, 0, 0,   3,   0xe9, 0,   0,
	0x23, 0x29, 0x50, 0x18, 1, 0,    0,    0, 0,   0, 'h', 'e', 'l',  'o',
};

static struct flow flow_of(uint8_t ip_proto)
{
	static const uint8_t low[4] = {10, 1, 0, 2}, high[4] = {192, 0, 2, 7};

	return (struct flow){.key = {.low = addr_from_v4(low),
				     .high = addr_from_v4(high),
				     .low_port = 40000,
				     .high_port = 443,
				     .ip_proto = ip_proto},
			     .client_is_low = true,
			     .client_isn = CLIENT_ISN,
			     .out = {.has_seq = true}};
}

/* The nth packet of the trace, and its bytes; false: there are not so many. */
static bool nth(size_t n, struct trace_packet *ret, const uint8_t **ret_bytes)
{
	size_t at = 0;

	for (size_t i = 0; at < trace.len; i++) {
		memcpy(ret, trace.bytes + at, sizeof(*ret));
		*ret_bytes = trace.bytes + at + sizeof(*ret);
		if (i == n)
			return true;
		at += TRACE_ROOM(ret->len);
	}
	return false;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool sum_is_right(const uint8_t *ip, size_t len)
{
	const uint8_t rest[4] = {0, 6, (uint8_t)((len - 20) >> 8), (uint8_t)(len - 20)};
	uint64_t sum = checksum_add(0, ip + 12, 8);

	sum = checksum_add(sum, rest, sizeof(rest));
	return checksum_good(checksum_add(sum, ip + 20, len - 20));
}

/* A made segment with these numbers and flags. */
static void expect_made(size_t n, uint32_t seq, uint32_t ack, uint8_t flags, size_t len)
{
	struct trace_packet h = {0};
	const uint8_t *ip = segment;

	assert_true(nth(n, &h, &ip));
	assert_int_equal(h.flags, TRACE_SYNTHESISED);
	assert_int_equal(h.len, 40 + len);
	assert_int_equal(h.wire_len, 40 + len);
	assert_true(checksum_good(checksum_add(0, ip, 20)));
	assert_true(sum_is_right(ip, h.len));
	assert_int_equal(be32(ip + 24), seq);
	assert_int_equal(be32(ip + 28), ack);
	assert_int_equal(ip[33], flags);
}

static struct packet packet_of(void)
{
	static const uint8_t low[4] = {10, 1, 0, 2}, high[4] = {192, 0, 2, 7};

	return (struct packet){.src = addr_from_v4(low),
			       .dst = addr_from_v4(high),
			       .src_port = 40000,
			       .dst_port = 443,
			       .ip_proto = IP_PROTO_TCP,
			       .ttl = 61,
			       .has_l4 = true,
			       .ip = segment,
			       .l4 = segment + 20,
			       .l4_len = 24,
			       .payload = segment + 40,
			       .payload_len = 4,
			       .payload_wire_len = 4,
			       .seq = CLIENT_ISN,
			       .ack = SERVER_ISN,
			       .tcp_flags = TCP_ACK | TCP_PSH};
}

static void the_handshake_stands_in_front(void **state)
{
	const struct flow fl = flow_of(IP_PROTO_TCP);
	const struct trace_of of = {.flow = &fl, .checksums = true, .now_us = 5};
	const struct packet p = packet_of();
	struct trace_packet h = {0};
	const uint8_t *ip = segment;

	(void)state;
	trace_clear(&trace);
	trace_add(&trace, &of, &p, true);
	trace_add(&trace, &of, &p, true);
	expect_made(0, CLIENT_ISN - 1, 0, TCP_SYN, 0);
	expect_made(1, SERVER_ISN - 1, CLIENT_ISN, TCP_SYN | TCP_ACK, 0);
	for (size_t i = 2; i < 4; i++) {
		assert_true(nth(i, &h, &ip));
		assert_int_equal(h.flags, 0);
		assert_int_equal(h.time_us, 5);
		assert_int_equal(h.len, sizeof(segment));
		assert_memory_equal(ip, segment, sizeof(segment));
	}
	assert_false(nth(4, &h, &ip));
}

static void without_a_beginning_none_is_made(void **state)
{
	struct flow fl = flow_of(IP_PROTO_TCP);
	const struct trace_of of = {.flow = &fl};
	const struct packet p = packet_of();
	struct trace_packet h = {0};
	const uint8_t *ip = segment;

	(void)state;
	fl.midstream = true;
	trace_clear(&trace);
	trace_add(&trace, &of, &p, true);
	assert_true(nth(0, &h, &ip));
	assert_int_equal(h.flags, 0);
	assert_false(nth(1, &h, &ip));
}

static void a_syn_with_payload_is_not_made_again(void **state)
{
	const struct flow fl = flow_of(IP_PROTO_TCP);
	const struct trace_of of = {.flow = &fl, .checksums = true};
	struct packet p = packet_of();
	struct trace_packet h = {0};
	const uint8_t *ip = segment;

	(void)state;
	trace_clear(&trace);
	p.tcp_flags = TCP_SYN;
	trace_add(&trace, &of, &p, true);
	p.tcp_flags = TCP_ACK;
	trace_add(&trace, &of, &p, true);
	assert_true(nth(0, &h, &ip));
	assert_int_equal(h.flags, 0);
	expect_made(1, SERVER_ISN - 1, CLIENT_ISN, TCP_SYN | TCP_ACK, 0);
	assert_true(nth(2, &h, &ip));
	assert_int_equal(h.flags, 0);
}

static void what_was_put_together_gets_a_header(void **state)
{
	const struct flow fl = flow_of(IP_PROTO_TCP);
	const struct trace_of of = {.flow = &fl};
	struct packet p = packet_of();
	struct trace_packet h = {0};
	const uint8_t *ip = segment;

	(void)state;
	for (unsigned way = 0; way < 3; way++) {
		p = packet_of();
		p.ip = way == 0 ? NULL : segment;
		p.was_fragmented = way == 1;
		p.tunnels = way == 2;
		p.payload_wire_len = 10;
		trace_clear(&trace);
		trace_add(&trace, &of, &p, true);
		assert_true(nth(2, &h, &ip));
		assert_int_equal(h.flags, TRACE_REBUILT);
		assert_int_equal(h.len, sizeof(segment));
		assert_int_equal(h.wire_len, sizeof(segment) + 6);
		assert_int_equal(ip[8], 61);
		assert_memory_equal(ip + 12, segment + 12, sizeof(segment) - 12);
	}
}

static void what_does_not_fit_is_cut(void **state)
{
	static uint8_t big[20 + 30000];
	const struct flow fl = flow_of(IP_PROTO_UDP);
	const struct trace_of of = {.flow = &fl};
	struct packet p = packet_of();
	struct trace_packet h = {0};
	const uint8_t *ip = segment;

	(void)state;
	p.ip_proto = IP_PROTO_UDP;
	p.ip = big;
	p.l4 = big + 20;
	p.l4_len = 30000;
	p.payload_len = p.payload_wire_len = 29992;
	trace_clear(&trace);
	for (unsigned i = 0; i < 3; i++)
		trace_add(&trace, &of, &p, true);
	assert_true(trace.full);
	assert_int_equal(trace.len, TRACE_MAX);
	assert_true(nth(1, &h, &ip));
	assert_int_equal(h.wire_len, 30020);
	assert_int_equal(h.len, TRACE_MAX - TRACE_ROOM(30020) - sizeof(h));
	assert_false(nth(2, &h, &ip));
}

static void a_head_becomes_segments(void **state)
{
	const struct flow fl = flow_of(IP_PROTO_TCP);
	const struct trace_of of = {.flow = &fl, .checksums = true};
	static uint8_t bytes[HEAD_MAX];
	struct head h = {.bytes = bytes, .filled = 3000};
	struct trace_packet p = {0};
	const uint8_t *ip = segment;

	(void)state;
	bytes[2800] = 'x';
	trace_of_head(&trace, &of, &h);
	expect_made(0, CLIENT_ISN - 1, 0, TCP_SYN, 0);
	expect_made(2, CLIENT_ISN, 1, TCP_ACK | TCP_PSH, 1400);
	expect_made(4, CLIENT_ISN + 2800, 1, TCP_ACK | TCP_PSH, 200);
	assert_true(nth(4, &p, &ip));
	assert_int_equal(ip[40], 'x');
	assert_false(nth(5, &p, &ip));
	h.filled = HEAD_MAX; /* fits */
	trace_of_head(&trace, &of, &h);
	assert_false(trace.full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_handshake_stands_in_front),
		cmocka_unit_test(without_a_beginning_none_is_made),
		cmocka_unit_test(a_syn_with_payload_is_not_made_again),
		cmocka_unit_test(what_was_put_together_gets_a_header),
		cmocka_unit_test(what_does_not_fit_is_cut),
		cmocka_unit_test(a_head_becomes_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
