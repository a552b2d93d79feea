/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "build.h"
#include "decode/decode.h"

/* Too large for a stack; every test starts it anew. */
static struct build b;

static struct decoder *decoder_new(void)
{
	const struct decode_cfg cfg = {.fragments_max = 0};
	struct decoder *d = decoder_create(&cfg);

	assert_non_null(d);
	return d;
}

static enum decode_result decode_built(struct decoder *d, struct packet *p)
{
	const struct frame f = build_frame(&b);

	return decode_frame(d, &f, p);
}

static void ipv4_udp(void)
{
	put_ipv4(&b, 17);
	put_udp(&b, 4);
	put_pattern(&b, 4, 1);
	build_end(&b);
}

static void ipv6_udp(void)
{
	put_ipv6(&b, 17);
	put_udp(&b, 4);
	put_pattern(&b, 4, 1);
	build_end(&b);
}

static void ipv4_tcp(void)
{
	put_ipv4(&b, 6);
	put_tcp(&b, 0);
	put_pattern(&b, 4, 1);
	build_end(&b);
}

static void raw4(void)
{
	build_start(&b, LINK_RAW_IP);
	ipv4_udp();
}

static void raw6(void)
{
	build_start(&b, LINK_RAW_IP);
	ipv6_udp();
}

static void raw_tcp(void)
{
	build_start(&b, LINK_RAW_IP);
	ipv4_tcp();
}

static void tcp_with(const char *options, size_t len)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4(&b, 6);
	put_tcp(&b, len);
	put(&b, options, len);
	build_end(&b);
}

static void udp_length(unsigned v)
{
	raw4();
	set16(&b, b.l4 + 4, v);
}

static void tcp_fields_are_read(void **state)
{
	struct decoder *d = decoder_new();
	struct addr want[2] = {addr_from_v4(build_v4[0]), addr_from_v4(build_v4[1])};
	struct packet p;

	(void)state;
	raw_tcp();
	assert_int_equal(decode_built(d, &p), DECODE_OK);
	assert_true(addr_equal(&p.src, &want[0]) && addr_equal(&p.dst, &want[1]));
	assert_int_equal(p.ip_proto, IP_PROTO_TCP);
	assert_int_equal(p.ttl, 64);
	assert_int_equal(p.src_port, 40001);
	assert_int_equal(p.dst_port, 443);
	assert_int_equal(p.seq, 0x01020304);
	assert_int_equal(p.ack, 0x05060708);
	assert_int_equal(p.tcp_flags, TCP_PSH | TCP_ACK);
	assert_int_equal(p.window, 64240);
	assert_int_equal(p.ip_len, 44);
	assert_true(p.has_l4);
	assert_false(p.was_fragmented || p.tcp_md5 || p.tcp_timestamp);
	assert_ptr_equal(p.ip, b.b);
	assert_ptr_equal(p.l4, b.b + 20);
	assert_ptr_equal(p.payload, b.b + 40);
	assert_int_equal(p.payload_len, 4);
	assert_int_equal(p.l4_checksum, CHECKSUM_UNKNOWN);
	decoder_destroy(d);
}

struct option_row {
	const char *bytes;
	size_t len;
	bool md5, timestamp;
};

static void tcp_options_are_read(void **state)
{
	static const struct option_row options[] = {
		{"\x01\x01\x08\x0a\xde\xad\xbe\xef\1\2\3\4", 12, false, true},
		{"\x02\x04\x05\xb4\x08\x0a\xde\xad\xbe\xef\1\2\3\4\0\0", 16, false, true},
		{"\x08\x06\xde\xad\xbe\xef\x01\x01", 8, false, false}, /* no timestamp */
		{"\x13\x12................\x01\x01", 20, true, false},
		{"\x1d\x10..............", 16, false,
		 false}, /* TCP-AO: others ignore it */
		/* What stands behind an illegal length is not read. */
		{"\x13\x01\x08\x0a\xde\xad\xbe\xef\1\2\3\4", 12, false, false},
		{"\x08\x0a\xde\xad\xbe\xef\1\2\3\4\x13\x12", 12, false, true},
		{"\0\x13\x02\x01", 4, false, false}, /* behind the end */
		{"\x02\x04\x05\xb4\x01\x03\x03\x07", 8, false, false},
	};
	struct decoder *d = decoder_new();

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct packet p;

		tcp_with(options[i].bytes, options[i].len);
		assert_int_equal(decode_built(d, &p), DECODE_OK);
		assert_int_equal(p.tcp_md5, options[i].md5);
		assert_int_equal(p.tcp_timestamp, options[i].timestamp);
		assert_int_equal(p.ts_val, options[i].timestamp ? 0xdeadbeef : 0);
		assert_int_equal(p.ts_ecr, options[i].timestamp ? 0x01020304 : 0);
		assert_int_equal(p.payload_len, 0);
	}
	decoder_destroy(d);
}

static void payload_of_other_protocols_is_all_behind_ip(void **state)
{
	struct decoder *d = decoder_new();
	struct packet p;

	(void)state;
	build_start(&b, LINK_RAW_IP);
	put_ipv4(&b, 47);
	put_pattern(&b, 30, 0);
	build_end(&b);
	assert_int_equal(decode_built(d, &p), DECODE_OK);
	assert_int_equal(p.ip_proto, 47);
	assert_false(p.has_l4);
	assert_int_equal(p.src_port, 0);
	assert_int_equal(p.payload_len, 30);
	assert_ptr_equal(p.payload, p.l4);
	decoder_destroy(d);
}

static void sctp_ports_are_read(void **state)
{
	struct decoder *d = decoder_new();
	struct packet p;

	(void)state;
	build_start(&b, LINK_RAW_IP);
	put_ipv4(&b, 132);
	put16(&b, 32836);
	put16(&b, 80);
	put_zeros(&b, 8 + 5);
	build_end(&b);
	assert_int_equal(decode_built(d, &p), DECODE_OK);
	assert_int_equal(p.src_port, 32836);
	assert_int_equal(p.dst_port, 80);
	assert_int_equal(p.payload_len, 5);
	decoder_destroy(d);
}

static void udp_payload_ends_where_udp_says(void **state)
{
	struct decoder *d = decoder_new();
	struct packet p;

	(void)state;
	udp_length(10);
	assert_int_equal(decode_built(d, &p), DECODE_OK);
	assert_int_equal(p.payload_len, 2);
	assert_int_equal(p.payload_wire_len, 2);
	assert_int_equal(p.l4_len, 10);
	assert_int_equal(p.ip_len, 32);
	raw6();
	set16(&b, b.l4 + 4, 0);
	assert_int_equal(decode_built(d, &p), DECODE_OK);
	assert_int_equal(p.payload_len, 4);
	decoder_destroy(d);
}

struct icmp_row {
	uint8_t proto, type, code;
	uint16_t src_port, dst_port;
};

static void icmp_ports_are_those_of_community_id(void **state)
{
	static const struct icmp_row icmp[] = {
		{1, 8, 0, 8, 0},        {1, 0, 0, 0, 8},        {1, 13, 0, 13, 14},
		{1, 14, 0, 14, 13},     {1, 15, 0, 15, 16},     {1, 16, 0, 16, 15},
		{1, 10, 0, 10, 9},      {1, 9, 0, 9, 10},       {1, 17, 0, 17, 18},
		{1, 18, 0, 18, 17},     {1, 3, 1, 3, 1},        {1, 11, 0, 11, 0},
		{58, 128, 0, 128, 129}, {58, 129, 0, 129, 128}, {58, 133, 0, 133, 134},
		{58, 134, 0, 134, 133}, {58, 135, 0, 135, 136}, {58, 136, 0, 136, 135},
		{58, 130, 0, 130, 131}, {58, 131, 0, 131, 130}, {58, 139, 1, 139, 140},
		{58, 140, 1, 140, 139}, {58, 144, 0, 144, 145}, {58, 145, 0, 145, 144},
		{58, 1, 4, 1, 4},       {58, 3, 0, 3, 0},
	};
	struct decoder *d = decoder_new();

	(void)state;
	for (size_t i = 0; i < sizeof(icmp) / sizeof(icmp[0]); i++) {
		struct packet p;

		build_start(&b, LINK_RAW_IP);
		if (icmp[i].proto == 1)
			put_ipv4(&b, 1);
		else
			put_ipv6(&b, 58);
		put8(&b, icmp[i].type);
		put8(&b, icmp[i].code);
		put_zeros(&b, 6 + 3);
		build_end(&b);
		assert_int_equal(decode_built(d, &p), DECODE_OK);
		assert_int_equal(p.icmp_type, icmp[i].type);
		assert_int_equal(p.icmp_code, icmp[i].code);
		assert_int_equal(p.src_port, icmp[i].src_port);
		assert_int_equal(p.dst_port, icmp[i].dst_port);
		assert_int_equal(p.payload_len, 3);
		assert_true(p.has_l4);
	}
	decoder_destroy(d);
}

static enum checksum checksum_of(void)
{
	struct decoder *d = decoder_new();
	struct packet p;

	assert_int_equal(decode_built(d, &p), DECODE_OK);
	decode_check_l4(&p);
	decoder_destroy(d);
	return p.l4_checksum;
}

static void checksum_is_verified_when_asked(void **state)
{
	static void (*const builds[])(void) = {raw4, raw6, raw_tcp};

	(void)state;
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		builds[i]();
		assert_int_equal(checksum_of(), CHECKSUM_GOOD);
		b.b[b.len - 1] ^= 0x10;
		assert_int_equal(checksum_of(), CHECKSUM_BAD);
	}
	/* Odd lengths end in half a word. */
	for (size_t len = 0; len < 20; len++) {
		build_start(&b, LINK_RAW_IP);
		put_ipv4(&b, 6);
		put_tcp(&b, 0);
		put_pattern(&b, len, 77);
		build_end(&b);
		assert_int_equal(checksum_of(), CHECKSUM_GOOD);
		b.b[b.len - 1] ^= 0x10;
		assert_int_equal(checksum_of(), CHECKSUM_BAD);
	}
}

/* As a host hands a packet to a network card that is to complete it: the sum of the pseudo header. */
static void a_checksum_that_a_card_completes_is_partial(void **state)
{
	(void)state;
	for (int tcp = 0; tcp < 2; tcp++) {
		const size_t field = tcp ? 16 : 6;
		unsigned sum;

		if (tcp)
			raw_tcp();
		else
			raw4();
		sum = build_sum(b.b + b.ip + 12, 8,
				(uint32_t)(b.b[b.ip + 9] + (b.len - b.l4)));
		set16(&b, b.l4 + field, sum);
		assert_int_equal(checksum_of(), CHECKSUM_PARTIAL);
		set16(&b, b.l4 + field, sum ^ 1u);
		assert_int_equal(checksum_of(), CHECKSUM_BAD);
	}
}

static void absent_checksum_is_unknown_but_over_ipv6(void **state)
{
	(void)state;
	raw4();
	set16(&b, b.l4 + 6, 0);
	assert_int_equal(checksum_of(), CHECKSUM_UNKNOWN);
	raw6();
	set16(&b, b.l4 + 6, 0);
	assert_int_equal(checksum_of(), CHECKSUM_BAD);
	/* Protocols without one that covers the addresses. */
	build_start(&b, LINK_RAW_IP);
	put_ipv4(&b, 47);
	put_zeros(&b, 8);
	build_end(&b);
	assert_int_equal(checksum_of(), CHECKSUM_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_fields_are_read),
		cmocka_unit_test(tcp_options_are_read),
		cmocka_unit_test(payload_of_other_protocols_is_all_behind_ip),
		cmocka_unit_test(sctp_ports_are_read),
		cmocka_unit_test(udp_payload_ends_where_udp_says),
		cmocka_unit_test(icmp_ports_are_those_of_community_id),
		cmocka_unit_test(checksum_is_verified_when_asked),
		cmocka_unit_test(a_checksum_that_a_card_completes_is_partial),
		cmocka_unit_test(absent_checksum_is_unknown_but_over_ipv6),
	};

	return cmocka_run_group_tests_name("decode/transport", tests, NULL, NULL);
}
