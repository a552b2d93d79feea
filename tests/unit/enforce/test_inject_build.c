/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "enforce/inject.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Put together by hand, the sums by another program. */
static const uint8_t golden_v4[40] = {
	0x45, 0x00, 0x00, 0x28, 0x00, 0x00, 0x40, 0x00, 0x40, 0x06,
	0x4e, 0x94, 0xc0, 0x00, 0x02, 0x01, 0xc6, 0x33, 0x64, 0x07,
	0x01, 0xbb, 0xc8, 0x22, 0x11, 0x22, 0x33, 0x44, 0xff, 0xff,
	0xff, 0xfe, 0x50, 0x14, 0x00, 0x00, 0xb5, 0x51, 0x00, 0x00,
};
static const uint8_t golden_v6[60] = {
	0x60, 0x00, 0x00, 0x00, 0x00, 0x14, 0x06, 0x40, 0x20, 0x01, 0x0d, 0xb8,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0xff, 0xc8, 0x22, 0x01, 0xbb, 0xde, 0xad, 0xbe, 0xef,
	0x00, 0x00, 0x00, 0x00, 0x50, 0x04, 0x00, 0x00, 0xeb, 0xf3, 0x00, 0x00,
};

static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

/* RFC 1071 as it is written there: 16-bit words in network order, then the carries. */
static unsigned ones_sum(unsigned sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += (unsigned)p[i] << (i % 2 == 0 ? 8 : 0);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void resets_are_as_written_by_hand(void **state)
{
	const struct tcp_reset v4 = {
		.src = address("192.0.2.1"),
		.dst = address("198.51.100.7"),
		.src_port = 443,
		.dst_port = 51234,
		.seq = 0x11223344,
		.ack = 0xfffffffe,
		.has_ack = true,
	};
	const struct tcp_reset v6 = {
		.src = address("2001:db8::1"),
		.dst = address("2001:db8::ff"),
		.src_port = 51234,
		.dst_port = 443,
		.seq = 0xdeadbeef,
		.ack = 77, /* not sent: there is none */
	};
	uint8_t buf[INJECT_PACKET_MAX];

	(void)state;
	assert_int_equal(inject_build_reset(&v4, buf), sizeof(golden_v4));
	assert_memory_equal(buf, golden_v4, sizeof(golden_v4));
	assert_int_equal(inject_build_reset(&v6, buf), sizeof(golden_v6));
	assert_memory_equal(buf, golden_v6, sizeof(golden_v6));
}

static void reset_of_two_families_is_none(void **state)
{
	struct tcp_reset r = {.src = address("192.0.2.1"), .dst = address("2001:db8::1")};
	uint8_t buf[INJECT_PACKET_MAX];

	(void)state;
	assert_int_equal(inject_build_reset(&r, buf), 0);
	r.dst = r.src;
	r.src = address("2001:db8::1");
	assert_int_equal(inject_build_reset(&r, buf), 0);
}

static uint32_t random_next(uint32_t *x)
{
	*x = *x * 1664525u + 1013904223u;
	return *x >> 8;
}

static void check_reset(const struct tcp_reset *r, const uint8_t *ip, size_t len)
{
	const bool v4 = addr_is_v4(&r->src);
	const size_t head = v4 ? 20 : 40;
	const uint8_t *tcp = ip + head;
	unsigned sum = 6 + 20; /* protocol and length of the pseudo header */

	assert_int_equal(len, head + 20);
	if (v4) {
		assert_int_equal(ones_sum(0, ip, 20), 0xffff);
		assert_int_equal(get16(ip + 2), len);
		sum = ones_sum(sum, ip + 12, 8);
	} else {
		assert_int_equal(get16(ip + 4), 20);
		sum = ones_sum(sum, ip + 8, 32);
	}
	assert_int_equal(ones_sum(sum, tcp, 20), 0xffff);
	assert_int_equal(get16(tcp), r->src_port);
	assert_int_equal(get16(tcp + 2), r->dst_port);
	assert_int_equal(get32(tcp + 4), r->seq);
	assert_int_equal(get32(tcp + 8), r->has_ack ? r->ack : 0);
	assert_int_equal(tcp[13], r->has_ack ? 0x14 : 0x04);
}

static void every_reset_has_right_sums(void **state)
{
	uint8_t buf[INJECT_PACKET_MAX];
	uint32_t x = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct tcp_reset r = {
			.src_port = (uint16_t)random_next(&x),
			.dst_port = (uint16_t)random_next(&x),
			.seq = random_next(&x) << 8 | (i & 255),
			.ack = random_next(&x) << 8 | (i & 255),
			.has_ack = i % 3 == 0,
		};

		for (unsigned j = 0; j < 16; j++) {
			r.src.b[j] = (uint8_t)random_next(&x);
			r.dst.b[j] = (uint8_t)random_next(&x);
		}
		if (i % 2 == 0) {
			r.src = addr_from_v4(r.src.b);
			r.dst = addr_from_v4(r.dst.b);
		} else if (addr_is_v4(&r.src) || addr_is_v4(&r.dst)) {
			continue;
		}
		check_reset(&r, buf, inject_build_reset(&r, buf));
	}
}

/* A packet to be answered, which the rows below spoil. */
struct offender {
	uint8_t b[2048];
	size_t len;
};

static void offend_v4(struct offender *o, uint8_t proto, size_t payload)
{
	static const uint8_t head[20] = {0x45, 0, 0,   0, 0x12, 0x34, 0x40, 0,  64,  17,
					 0,    0, 192, 0, 2,    1,    198,  51, 100, 7};

	memset(o, 0, sizeof(*o));
	memcpy(o->b, head, sizeof(head));
	o->len = sizeof(head) + payload;
	o->b[2] = (uint8_t)(o->len >> 8);
	o->b[3] = (uint8_t)o->len;
	o->b[9] = proto;
	for (size_t i = sizeof(head); i < o->len; i++)
		o->b[i] = (uint8_t)i;
}

static void offend_v6(struct offender *o, uint8_t next, size_t payload)
{
	const struct addr src = address("2001:db8::1"), dst = address("2001:db8::2");

	memset(o, 0, sizeof(*o));
	o->b[0] = 0x60;
	o->b[4] = (uint8_t)(payload >> 8);
	o->b[5] = (uint8_t)payload;
	o->b[6] = next;
	o->b[7] = 64;
	memcpy(o->b + 8, src.b, 16);
	memcpy(o->b + 24, dst.b, 16);
	o->len = 40 + payload;
	for (size_t i = 40; i < o->len; i++)
		o->b[i] = (uint8_t)i;
}

/* Build from memory of exactly the packet's size, and check what always holds. */
static size_t build_cut(const struct offender *o, size_t len,
			uint8_t buf[INJECT_PACKET_MAX])
{
	uint8_t *exact = malloc(len == 0 ? 1 : len);
	struct addr to = {{0}};
	size_t n;

	assert_non_null(exact);
	memcpy(exact, o->b, len);
	memset(buf, 0xa5, INJECT_PACKET_MAX);
	n = inject_build_prohibited(exact, len, &to, buf);
	if (n != 0) {
		const bool v4 = exact[0] >> 4 == 4;

		assert_true(n >= 8 && n <= len + 8); /* nobody gets more than was sent */
		assert_true(n <= (v4 ? 576u - 20 : 1280u - 40));
		assert_int_equal(buf[0], v4 ? 3 : 1);
		assert_int_equal(buf[1], v4 ? 13 : 1);
		assert_int_equal(get32(buf + 4), 0);
		assert_memory_equal(buf + 8, exact, n - 8);
		if (v4)
			assert_int_equal(ones_sum(0, buf, n), 0xffff);
		else
			assert_int_equal(get16(buf + 2), 0);
		assert_int_equal(addr_is_v4(&to), v4);
		assert_memory_equal(to.b + (v4 ? 12 : 0), exact + (v4 ? 12 : 8),
				    v4 ? 4 : 16);
	} else {
		assert_true(addr_equal(&to, &(struct addr){{0}}));
	}
	free(exact);
	return n;
}

static size_t build(const struct offender *o)
{
	uint8_t buf[INJECT_PACKET_MAX];

	return build_cut(o, o->len, buf);
}

static void as_much_is_quoted_as_fits(void **state)
{
	static const struct {
		size_t payload, v4, v6;
	} rows[] = {
		{8, 36, 56},       {100, 128, 148},   {528, 556, 576},   {529, 556, 577},
		{1192, 556, 1240}, {1193, 556, 1240}, {1900, 556, 1240},
	};
	struct offender o;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		offend_v4(&o, 17, rows[i].payload);
		assert_int_equal(build(&o), rows[i].v4);
		offend_v6(&o, 17, rows[i].payload);
		assert_int_equal(build(&o), rows[i].v6);
	}
}

static void bytes_behind_the_packet_are_not_quoted(void **state)
{
	struct offender o;

	(void)state;
	offend_v4(&o, 17, 10);
	o.len += 26;
	assert_int_equal(build(&o), 8 + 30);
	offend_v6(&o, 17, 10);
	o.len += 26;
	assert_int_equal(build(&o), 8 + 50);
}

static void a_packet_may_be_cut_behind_its_headers(void **state)
{
	uint8_t buf[INJECT_PACKET_MAX];
	struct offender o;

	(void)state;
	offend_v4(&o, 17, 100);
	for (size_t n = 0; n <= o.len; n++)
		assert_int_equal(build_cut(&o, n, buf), n < 20 ? 0 : n + 8);
	offend_v4(&o, 1, 100);
	o.b[20] = 8;
	for (size_t n = 0; n <= o.len; n++)
		assert_int_equal(build_cut(&o, n, buf), n < 21 ? 0 : n + 8);
	offend_v6(&o, 60, 100); /* destination options, then UDP */
	o.b[40] = 17;
	o.b[41] = 1;
	for (size_t n = 0; n <= o.len; n++)
		assert_int_equal(build_cut(&o, n, buf), n < 56 ? 0 : n + 8);
}

static void v4_rules(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
		bool answered;
	} rows[] = {
		{"as it is", 0, 0x45, true},
		{"IP options", 0, 0x46, true},
		{"header too short", 0, 0x44, false},
		{"another version", 0, 0x55, false},
		{"total length shorter than the header", 3, 19, false},
		{"first fragment", 6, 0x20, true},
		{"later fragment", 7, 1, false},
		{"last fragment", 6, 0x1f, false},
		{"source unspecified", 12, 0, false},
		{"source loopback", 12, 127, false},
		{"source multicast", 12, 224, false},
		{"source class E", 12, 240, false},
		{"source broadcast", 12, 255, false},
		{"multicast", 16, 239, false},
		{"broadcast", 16, 255, false},
		{"no TTL left", 8, 0, true},
	};
	struct offender o;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		offend_v4(&o, 17, 40);
		o.b[rows[i].at] = rows[i].value;
		if ((build(&o) != 0) != rows[i].answered)
			fail_msg("%s", rows[i].what);
	}
	for (unsigned type = 0; type < 256; type++) {
		const bool query = type == 0 || (type >= 8 && type <= 10) ||
				   (type >= 13 && type <= 18);

		offend_v4(&o, 1, 40);
		o.b[20] = (uint8_t)type;
		assert_int_equal(build(&o) != 0, query);
	}
}

static void v6_rules(void **state)
{
	static const char *const sources[] = {"::", "::1", "ff02::1", "::ffff:192.0.2.1"};
	struct offender o;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < COUNT(sources); i++) {
		a = address(sources[i]);
		offend_v6(&o, 17, 40);
		memcpy(o.b + 8, a.b, 16);
		if (build(&o) != 0)
			fail_msg("from %s", sources[i]);
	}
	a = address("ff05::2");
	offend_v6(&o, 17, 40);
	memcpy(o.b + 24, a.b, 16);
	assert_int_equal(build(&o), 0);
	a = address("fe80::2");
	memcpy(o.b + 8, a.b, 16);
	memcpy(o.b + 24, a.b, 16);
	assert_int_equal(build(&o), 88);
	for (unsigned type = 0; type < 256; type++) {
		offend_v6(&o, 58, 40);
		o.b[40] = (uint8_t)type;
		assert_int_equal(build(&o) != 0, type >= 128 && type != 137);
	}
}

static void v6_extension_headers_are_walked(void **state)
{
	static const uint8_t kinds[] = {0, 43, 60, 135, 139, 140};
	struct offender o;

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		offend_v6(&o, kinds[i], 64);
		o.b[40] = 58;
		o.b[41] = 1; /* 16 bytes */
		o.b[56] = 128;
		assert_int_not_equal(build(&o), 0);
		o.b[56] = 1; /* an error must not be hidden behind it */
		assert_int_equal(build(&o), 0);
	}
	offend_v6(&o, 51, 64); /* authentication: 4-byte units, less 2 */
	o.b[40] = 58;
	o.b[41] = 4; /* 24 bytes */
	o.b[64] = 1;
	assert_int_equal(build(&o), 0);
	o.b[64] = 129;
	assert_int_not_equal(build(&o), 0);

	offend_v6(&o, 44, 64); /* fragments */
	o.b[40] = 17;
	o.b[42] = 0;
	o.b[43] = 1;
	assert_int_not_equal(build(&o), 0);
	o.b[43] = 8;
	assert_int_equal(build(&o), 0);
	o.b[43] = 0;
	o.b[42] = 1;
	assert_int_equal(build(&o), 0);
}

static void v6_chains_have_an_end(void **state)
{
	struct offender o;

	(void)state;
	for (size_t count = 1; count < 20; count++) {
		offend_v6(&o, 60, 200);
		for (size_t i = 0; i < count; i++) {
			o.b[40 + i * 8] = i + 1 == count ? 17 : 60;
			o.b[41 + i * 8] = 0;
		}
		assert_int_equal(build(&o) != 0, count < 8);
	}
}

/* Whatever the bytes: what build_cut() checks. */
static void random_packets_do_no_harm(void **state)
{
	uint8_t buf[INJECT_PACKET_MAX];
	struct offender o;
	unsigned built = 0;
	uint32_t x = 7;

	(void)state;
	for (unsigned i = 0; i < 50000; i++) {
		if (i % 2 == 0)
			offend_v4(&o, (uint8_t)(random_next(&x) % 20),
				  random_next(&x) % 1400);
		else
			offend_v6(&o, (uint8_t)(random_next(&x) % 64),
				  random_next(&x) % 1400);
		for (unsigned j = random_next(&x) % 4; j > 0; j--)
			o.b[random_next(&x) % 64] = (uint8_t)random_next(&x);
		built += build_cut(&o, random_next(&x) % (o.len + 1), buf) != 0;
	}
	assert_true(built > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resets_are_as_written_by_hand),
		cmocka_unit_test(reset_of_two_families_is_none),
		cmocka_unit_test(every_reset_has_right_sums),
		cmocka_unit_test(as_much_is_quoted_as_fits),
		cmocka_unit_test(bytes_behind_the_packet_are_not_quoted),
		cmocka_unit_test(a_packet_may_be_cut_behind_its_headers),
		cmocka_unit_test(v4_rules),
		cmocka_unit_test(v6_rules),
		cmocka_unit_test(v6_extension_headers_are_walked),
		cmocka_unit_test(v6_chains_have_an_end),
		cmocka_unit_test(random_packets_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
