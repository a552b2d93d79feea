/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "enforce/conntrack_message.h"

struct message {
	uint8_t b[1024];
	size_t len;
};

static void put_bytes(struct message *m, const void *data, size_t len)
{
	memcpy(m->b + m->len, data, len);
	m->len += len;
}

/* An attribute and the zeros behind it. */
static void put_attribute(struct message *m, unsigned type, const void *data, size_t len)
{
	const struct nlattr a = {
		.nla_len = (uint16_t)(sizeof(a) + len),
		.nla_type = (uint16_t)type,
	};

	put_bytes(m, &a, sizeof(a));
	put_bytes(m, data, len);
	m->len += (4 - len % 4) % 4;
}

static void put_nested(struct message *m, unsigned type, const struct message *inner)
{
	put_attribute(m, type | NLA_F_NESTED, inner->b, inner->len);
}

static void put_number(struct message *m, unsigned type, uint64_t v, size_t bytes)
{
	uint8_t be[8];

	for (size_t i = 0; i < bytes; i++)
		be[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
	put_attribute(m, type, be, bytes);
}

static void put_tuple(struct message *m, unsigned type, uint32_t src, uint16_t src_port,
		      uint32_t dst, uint16_t dst_port)
{
	struct message ip = {0}, proto = {0}, tuple = {0};

	put_number(&ip, CTA_IP_V4_SRC, src, 4);
	put_number(&ip, CTA_IP_V4_DST, dst, 4);
	put_number(&proto, CTA_PROTO_NUM, IPPROTO_TCP, 1);
	put_number(&proto, CTA_PROTO_SRC_PORT, src_port, 2);
	put_number(&proto, CTA_PROTO_DST_PORT, dst_port, 2);
	put_nested(&tuple, CTA_TUPLE_IP, &ip);
	put_nested(&tuple, CTA_TUPLE_PROTO, &proto);
	put_nested(m, type, &tuple);
}

static void put_counters(struct message *m, unsigned type, uint64_t packets,
			 uint64_t bytes)
{
	struct message c = {0};

	put_number(&c, CTA_COUNTERS_PACKETS, packets, 8);
	put_number(&c, CTA_COUNTERS_BYTES, bytes, 8);
	put_nested(m, type, &c);
}

/* 10.0.0.1:1000 to 192.0.2.9:80, which is 192.0.2.2:8080; seen there as 198.51.100.1:2000. */
static void translated(struct message *m)
{
	struct message tcp = {0}, info = {0};

	memset(m, 0, sizeof(*m));
	m->b[0] = AF_INET;
	m->len = 4;
	put_tuple(m, CTA_TUPLE_ORIG, 0x0a000001, 1000, 0xc0000209, 80);
	put_tuple(m, CTA_TUPLE_REPLY, 0xc0000202, 8080, 0xc6336401, 2000);
	put_number(&tcp, CTA_PROTOINFO_TCP_STATE, TCP_CONNTRACK_TIME_WAIT, 1);
	put_nested(&info, CTA_PROTOINFO_TCP, &tcp);
	put_nested(m, CTA_PROTOINFO, &info);
	put_counters(m, CTA_COUNTERS_ORIG, 5, UINT64_C(0x123456789a));
	put_counters(m, CTA_COUNTERS_REPLY, 7, 800);
	put_number(m, CTA_ZONE, 3, 2);
	put_number(m, CTA_MARK, 0xdead0001, 4);
	put_number(m, CTA_ID, 0x11223344, 4);
}

static void check_address(const struct addr *a, uint32_t v4)
{
	const uint8_t be[4] = {(uint8_t)(v4 >> 24), (uint8_t)(v4 >> 16),
			       (uint8_t)(v4 >> 8), (uint8_t)v4};
	const struct addr want = addr_from_v4(be);

	assert_true(addr_equal(a, &want));
}

static void addresses_are_those_of_the_forward_hook(void **state)
{
	struct conntrack_entry e;
	struct message m;

	(void)state;
	translated(&m);
	assert_true(conntrack_entry_read(cur_init(m.b, m.len), &e));
	check_address(&e.report.src, 0x0a000001);
	check_address(&e.report.dst, 0xc0000202);
	check_address(&e.report.nat_src, 0xc6336401);
	assert_int_equal(e.report.src_port, 1000);
	assert_int_equal(e.report.dst_port, 8080);
	assert_int_equal(e.report.nat_src_port, 2000);
	assert_int_equal(e.report.ip_proto, IPPROTO_TCP);
	assert_true(e.report.counted);
	assert_int_equal(e.report.packets_out, 5);
	assert_int_equal(e.report.bytes_out, UINT64_C(0x123456789a));
	assert_int_equal(e.report.packets_in, 7);
	assert_int_equal(e.report.bytes_in, 800);
	assert_int_equal(e.report.mark, 0xdead0001);
	assert_int_equal(e.id, 0x11223344);
	assert_int_equal(conntrack_entry_end(&e), END_REASON_FIN);
}

static void request_repeats_the_tuple_and_zone(void **state)
{
	uint8_t request[CONNTRACK_REQUEST_MAX];
	struct message m, want = {0};
	struct conntrack_entry e;
	struct nlmsghdr h;
	size_t n;

	(void)state;
	translated(&m);
	assert_true(conntrack_entry_read(cur_init(m.b, m.len), &e));
	n = conntrack_request_build(&e, request);
	want.b[0] = AF_INET;
	want.len = 4;
	put_tuple(&want, CTA_TUPLE_ORIG, 0x0a000001, 1000, 0xc0000209, 80);
	put_number(&want, CTA_ZONE, 3, 2);
	assert_int_equal(n, sizeof(h) + want.len);
	assert_memory_equal(request + sizeof(h), want.b, want.len);
	memcpy(&h, request, sizeof(h));
	assert_int_equal(h.nlmsg_len, n);
	assert_int_equal(h.nlmsg_flags, NLM_F_REQUEST);
}

/* A tuple that does not fit is not asked for. */
static void long_tuple_is_no_request(void **state)
{
	uint8_t request[CONNTRACK_REQUEST_MAX], junk[240] = {0};
	struct conntrack_entry e;

	(void)state;
	memset(&e, 0, sizeof(e));
	assert_int_equal(conntrack_request_build(&e, request), 0);
	e.tuple = cur_init(junk, 236);
	assert_int_equal(conntrack_request_build(&e, request), 256);
	e.tuple = cur_init(junk, 240);
	assert_int_equal(conntrack_request_build(&e, request), 0);
	e.tuple = cur_init(junk, 233);
	assert_int_equal(conntrack_request_build(&e, request), 0);
}

/* Cut anywhere, or with any byte changed: nothing is read that is not there. */
static void damaged_messages_do_no_harm(void **state)
{
	uint8_t request[CONNTRACK_REQUEST_MAX];
	struct conntrack_entry e;
	struct message m;
	uint8_t *exact;

	(void)state;
	translated(&m);
	for (size_t n = 0; n <= m.len; n++) {
		exact = malloc(n == 0 ? 1 : n);
		assert_non_null(exact);
		memcpy(exact, m.b, n);
		if (conntrack_entry_read(cur_init(exact, n), &e))
			(void)conntrack_request_build(&e, request);
		free(exact);
	}
	for (size_t at = 0; at < m.len * 255; at++) {
		exact = malloc(m.len);
		assert_non_null(exact);
		memcpy(exact, m.b, m.len);
		exact[at / 255] ^= (uint8_t)(1 + at % 255);
		if (conntrack_entry_read(cur_init(exact, m.len), &e))
			(void)conntrack_request_build(&e, request);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_those_of_the_forward_hook),
		cmocka_unit_test(request_repeats_the_tuple_and_zone),
		cmocka_unit_test(long_tuple_is_no_request),
		cmocka_unit_test(damaged_messages_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
