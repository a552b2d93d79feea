/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"
#include "tunnels.h"

static struct decoder *decoder_new(void)
{
	/* Two datagrams at a time: a cap that a test can reach. */
	const struct decode_cfg cfg = {.fragments_max = 2};
	struct decoder *d = decoder_create(&cfg);

	assert_non_null(d);
	return d;
}

/* Decode `b` as it stands, from memory of exactly its size, and check what always holds. */
static enum decode_result decode_cut(struct decoder *d, size_t caplen, size_t len,
				     struct packet *p)
{
	uint8_t *exact = malloc(caplen == 0 ? 1 : caplen);
	struct frame f = build_frame(&b);
	struct addr src, dst;
	enum decode_result r;

	assert_non_null(exact);
	memcpy(exact, b.b, caplen);
	f.data = exact;
	f.caplen = (uint32_t)caplen;
	f.len = (uint32_t)len;
	r = decode_frame(d, &f, p);
	if (r == DECODE_OK) {
		decode_check_l4(p);
		assert_int_equal(decode_addresses(&f, false, &src, &dst),
				 DECODE_PLACE_ADDRESSES);
		assert_true(addr_equal(&src, &p->src) && addr_equal(&dst, &p->dst));
		assert_true(p->payload >= p->l4);
		assert_true(p->payload + p->payload_len <= p->l4 + p->l4_len);
		assert_true(p->payload_wire_len >= p->payload_len);
		if (!p->was_fragmented) {
			assert_true(p->ip >= exact && p->l4 > p->ip);
			assert_true(p->l4 + p->l4_len <= exact + caplen);
		}
	} else if (r == DECODE_FRAGMENT_HELD) {
		assert_int_equal(decode_addresses(&f, false, &src, &dst),
				 DECODE_PLACE_FRAGMENT);
	}
	free(exact);
	return r;
}

static enum decode_result decode_built(struct decoder *d, struct packet *p)
{
	const struct frame f = build_frame(&b);

	return decode_frame(d, &f, p);
}

static void every_row_has_its_result(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct decoder *d = decoder_new();
		struct packet p;
		enum decode_result got;

		rows[i].build();
		got = decode_cut(d, b.len, b.len, &p);
		if (got != rows[i].want)
			print_error("%s: %s\n", rows[i].what, decode_result_name(got));
		assert_int_equal(got, rows[i].want);
		assert_int_equal(decoder_counts(d)[got], 1);
		decoder_destroy(d);
	}
}

/* The results that take several frames; test_fragment.c looks at them closely. */
static void count_of_several_frames(uint64_t seen[DECODE_RESULT_COUNT])
{
	struct decoder *d = decoder_new();
	struct packet p;
	struct frame f;

	for (unsigned id = 1; id <= 3; id++) {
		fragment_first();
		set16(&b, 4, id);
		build_ipv4_checksum(&b);
		seen[decode_built(d, &p)]++;
	}
	set16(&b, 4, 1);
	b.b[20] ^= 1;
	build_ipv4_checksum(&b);
	seen[decode_built(d, &p)]++;
	ethernet_ipv4();
	f = build_frame(&b);
	f.clock_us = INT64_C(3600) * 1000000;
	seen[decode_frame(d, &f, &p)]++;
	seen[DECODE_FRAGMENT_TIMEOUT] += decoder_counts(d)[DECODE_FRAGMENT_TIMEOUT];
	decoder_destroy(d);
}

static void every_result_can_happen(void **state)
{
	uint64_t seen[DECODE_RESULT_COUNT] = {0};

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		seen[rows[i].want]++;
	for (size_t i = 0; i < TUNNEL_ROWS; i++) /* test_tunnel.c */
		seen[tunnel_rows[i].want]++;
	count_of_several_frames(seen);
	for (unsigned r = 0; r < DECODE_RESULT_COUNT; r++) {
		if (seen[r] == 0)
			print_error("no frame ends in %s\n",
				    decode_result_name((enum decode_result)r));
		assert_true(seen[r] > 0);
	}
}

static void every_result_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DECODE_RESULT_COUNT; i++) {
		const char *name = decode_result_name((enum decode_result)i);

		assert_true(name[0] != '\0');
		assert_true(decode_result_text((enum decode_result)i)[0] != '\0');
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(
				name, decode_result_name((enum decode_result)j));
	}
	assert_string_equal(decode_result_name(DECODE_RESULT_COUNT), "unknown");
}

/* By the snap length (the wire length stays) and on the wire. */
static void every_frame_can_be_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct decoder *d = decoder_new();
		bool ok_before = false;
		struct packet p;

		rows[i].build();
		for (size_t n = 0; n <= b.len; n++) {
			enum decode_result r = decode_cut(d, n, b.len, &p);

			/* A longer piece of a packet never says less. */
			if (rows[i].want == DECODE_OK) {
				assert_false(ok_before && r != DECODE_OK);
				ok_before = r == DECODE_OK;
			} else {
				assert_int_not_equal(r, DECODE_OK);
			}
			if (r == DECODE_OK)
				assert_int_equal(p.truncated, n < b.len);
			if (r == DECODE_OK && n < b.len)
				assert_int_equal(p.l4_checksum, CHECKSUM_UNKNOWN);

			r = decode_cut(d, n, n, &p);
			if (r == DECODE_OK)
				assert_false(p.truncated);
		}
		assert_true(rows[i].want != DECODE_OK || ok_before);
		decoder_destroy(d);
	}
}

static void cut_payload_keeps_its_length_on_the_wire(void **state)
{
	struct decoder *d = decoder_new();
	struct packet p;

	(void)state;
	ethernet_ipv4();
	assert_int_equal(decode_cut(d, b.len - 3, b.len, &p), DECODE_OK);
	assert_true(p.truncated);
	assert_int_equal(p.payload_len, 1);
	assert_int_equal(p.payload_wire_len, 4);
	assert_int_equal(p.ip_len, 32);
	decoder_destroy(d);
}

static void ethernet_padding_is_no_payload(void **state)
{
	struct decoder *d = decoder_new();
	struct packet p;

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		if (v6 == 0)
			ethernet_ipv4();
		else
			ethernet_ipv6();
		put_pattern(&b, 20, 9);
		assert_int_equal(decode_built(d, &p), DECODE_OK);
		assert_int_equal(p.payload_len, 4);
		assert_int_equal(p.payload_wire_len, 4);
		assert_int_equal(p.l4_len, 12);
		assert_false(p.truncated);
		decode_check_l4(&p);
		assert_int_equal(p.l4_checksum, CHECKSUM_GOOD);
	}
	decoder_destroy(d);
}

static void offloaded_frame_has_the_length_of_the_wire(void **state)
{
	struct decoder *d = decoder_new();
	struct packet p;

	(void)state;
	ipv4_total_0_from_offload();
	assert_int_equal(decode_built(d, &p), DECODE_OK);
	assert_int_equal(p.ip_len, 4040);
	assert_int_equal(p.payload_len, 4000);
	ipv6_total_0_from_offload();
	assert_int_equal(decode_built(d, &p), DECODE_OK);
	assert_int_equal(p.ip_len, 4060);
	assert_int_equal(p.payload_len, 4000);
	decoder_destroy(d);
}

static void extensions_end_at_the_transport(void **state)
{
	struct decoder *d = decoder_new();
	struct packet p;

	(void)state;
	every_extension();
	assert_int_equal(decode_built(d, &p), DECODE_OK);
	assert_int_equal(p.ip_proto, IP_PROTO_TCP);
	assert_int_equal(p.dst_port, 443);
	assert_int_equal(p.payload_len, 3);
	assert_int_equal(p.ip_len, b.len);
	assert_false(p.was_fragmented); /* an atomic fragment is a plain packet */
	decode_check_l4(&p);
	assert_int_equal(p.l4_checksum, CHECKSUM_GOOD);
	decoder_destroy(d);
}

static void late_hop_by_hop_is_an_unknown_protocol(void **state)
{
	struct decoder *d = decoder_new();
	struct packet p;

	(void)state;
	build_start(&b, LINK_RAW_IP);
	put_ipv6(&b, 60);
	put_extension_header(&b, 0, 8);
	put_extension_header(&b, 6, 8);
	put_tcp(&b, 0);
	build_end(&b);
	assert_int_equal(decode_built(d, &p), DECODE_OK);
	assert_int_equal(p.ip_proto, 0);
	assert_false(p.has_l4);
	decoder_destroy(d);
}

static void addresses_of_what_is_not_ip_are_none(void **state)
{
	struct addr src, dst;
	struct frame f;

	(void)state;
	arp();
	f = build_frame(&b);
	assert_int_equal(decode_addresses(&f, false, &src, &dst), DECODE_PLACE_NONE);
	ipv4_header_cut();
	f = build_frame(&b);
	assert_int_equal(decode_addresses(&f, false, &src, &dst), DECODE_PLACE_NONE);
	version_of_the_other();
	f = build_frame(&b);
	assert_int_equal(decode_addresses(&f, false, &src, &dst), DECODE_PLACE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_its_result),
		cmocka_unit_test(every_result_can_happen),
		cmocka_unit_test(every_result_has_a_name_of_its_own),
		cmocka_unit_test(every_frame_can_be_cut_anywhere),
		cmocka_unit_test(cut_payload_keeps_its_length_on_the_wire),
		cmocka_unit_test(ethernet_padding_is_no_payload),
		cmocka_unit_test(offloaded_frame_has_the_length_of_the_wire),
		cmocka_unit_test(extensions_end_at_the_transport),
		cmocka_unit_test(late_hop_by_hop_is_an_unknown_protocol),
		cmocka_unit_test(addresses_of_what_is_not_ip_are_none),
	};

	return cmocka_run_group_tests_name("decode/decode", tests, NULL, NULL);
}
