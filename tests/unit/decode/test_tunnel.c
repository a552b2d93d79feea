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

static struct decoder *decoder_new(bool tunnels)
{
	const struct decode_cfg cfg = {.fragments_max = 4, .tunnels = tunnels};
	struct decoder *d = decoder_create(&cfg);

	assert_non_null(d);
	return d;
}

static bool within(const uint8_t *at, size_t len, const uint8_t *all, size_t all_len)
{
	return at >= all && len <= all_len && (size_t)(at - all) <= all_len - len;
}

static void check_packet(const struct frame *f, struct packet *p)
{
	unsigned sum = 0;

	assert_true(p->tunnels <= DECODE_TUNNELS_MAX);
	assert_ptr_equal(p->payload + p->payload_len, p->l4 + p->l4_len);
	assert_true(p->payload_wire_len >= p->payload_len);
	assert_true(p->truncated || p->payload_wire_len == p->payload_len);
	assert_int_equal(p->was_fragmented, p->ip == NULL);
	/* No fragments here but those that the caller put together. */
	if (p->ip != NULL && within(p->ip, 1, f->data, f->caplen))
		assert_true(within(p->l4, p->l4_len, f->data, f->caplen));
	for (size_t i = 0; i < p->l4_len; i++)
		sum += p->l4[i];
	assert_true(sum <= p->l4_len * 255);
	decode_check_l4(p);
}

/*
 * Decode bytes from memory of exactly their size, and check what always holds.  *p lives on
 * the decoder's or nobody's memory afterwards: its pointers are not for the caller.
 */
static enum decode_result decode_bytes(struct decoder *d, bool tunnels,
				       const uint8_t *bytes, size_t caplen, size_t len,
				       struct packet *p)
{
	uint8_t *exact = malloc(caplen == 0 ? 1 : caplen);
	struct frame f = build_frame(&b);
	enum decode_place place;
	struct addr src, dst;
	enum decode_result r;

	assert_non_null(exact);
	memcpy(exact, bytes, caplen);
	f.data = exact;
	f.caplen = (uint32_t)caplen;
	f.len = (uint32_t)len;
	place = decode_addresses(&f, tunnels, &src, &dst);
	r = decode_frame(d, &f, p);
	if (r == DECODE_OK) {
		check_packet(&f, p);
		if (place == DECODE_PLACE_ADDRESSES)
			assert_true(addr_equal(&src, &p->src) &&
				    addr_equal(&dst, &p->dst));
		else
			assert_int_equal(place, DECODE_PLACE_FRAGMENT);
	} else if (r == DECODE_FRAGMENT_HELD) {
		assert_int_equal(place, DECODE_PLACE_FRAGMENT);
	}
	free(exact);
	return r;
}

static enum decode_result decode_built(struct decoder *d, struct packet *p)
{
	const struct frame f = build_frame(&b);

	return decode_frame(d, &f, p);
}

/* `p` is to be what the packet at inner_at is without anything around it. */
static void assert_inner(const struct packet *p)
{
	struct decoder *d = decoder_new(false);
	struct frame f = build_frame(&b);
	struct packet want;

	f.data += inner_at;
	f.caplen -= (uint32_t)inner_at;
	f.len -= (uint32_t)inner_at;
	f.link = LINK_RAW_IP;
	assert_int_equal(decode_frame(d, &f, &want), DECODE_OK);
	assert_true(addr_equal(&p->src, &want.src) && addr_equal(&p->dst, &want.dst));
	assert_int_equal(p->src_port, want.src_port);
	assert_int_equal(p->dst_port, want.dst_port);
	assert_int_equal(p->ip_proto, want.ip_proto);
	assert_int_equal(p->ttl, want.ttl);
	assert_int_equal(p->ip_len, want.ip_len);
	assert_int_equal(p->seq, want.seq);
	assert_int_equal(p->was_fragmented, want.was_fragmented);
	assert_int_equal(p->truncated, want.truncated);
	assert_int_equal(p->payload_wire_len, want.payload_wire_len);
	assert_int_equal(p->payload_len, want.payload_len);
	assert_memory_equal(p->payload, want.payload, want.payload_len);
	decoder_destroy(d);
}

static void every_form_is_opened(void **state)
{
	(void)state;
	for (size_t i = 0; i < WRAPS; i++) {
		struct decoder *d = decoder_new(true);
		enum decode_result r;
		struct packet p;

		wrapped(&wraps[i]);
		r = decode_built(d, &p);
		if (r != DECODE_OK || p.tunnels == 0)
			print_error("%s: %s, %u tunnels\n", wraps[i].what,
				    decode_result_name(r), p.tunnels);
		assert_int_equal(r, DECODE_OK);
		/* Labels inside of IP, GRE or PPP are a tunnel of their own. */
		assert_in_range(p.tunnels, 1, 2);
		assert_int_equal(p.dst_port, 443);
		assert_inner(&p);
		decode_check_l4(&p);
		assert_int_equal(p.l4_checksum, CHECKSUM_GOOD);
		decoder_destroy(d);
	}
}

static void without_the_switch_the_outer_packet_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < WRAPS; i++) {
		struct decoder *d = decoder_new(false);
		enum decode_result r;
		struct packet p;

		wrapped(&wraps[i]);
		r = decode_bytes(d, false, b.b, b.len, b.len, &p);
		if (wraps[i].from == SLOT_ETHERNET) {
			assert_int_equal(r, DECODE_NOT_IP);
		} else {
			assert_int_equal(r, DECODE_OK);
			assert_int_equal(p.tunnels, 0);
			assert_int_not_equal(p.ip_proto, IP_PROTO_TCP);
			assert_int_equal(p.ip_len, b.len - 14);
		}
		decoder_destroy(d);
	}
}

static void every_fault_has_its_result(void **state)
{
	(void)state;
	for (size_t i = 0; i < TUNNEL_ROWS; i++) {
		struct decoder *d = decoder_new(true);
		struct packet p;
		enum decode_result got;

		tunnel_rows[i].build();
		got = decode_bytes(d, true, b.b, b.len, b.len, &p);
		if (got != tunnel_rows[i].want)
			print_error("%s: %s\n", tunnel_rows[i].what,
				    decode_result_name(got));
		assert_int_equal(got, tunnel_rows[i].want);
		assert_int_equal(decoder_counts(d)[got], 1);
		decoder_destroy(d);
	}
}

/* What is no tunnel is judged by its own addresses and ports. */
static void what_is_no_tunnel_stays_what_it_is(void **state)
{
	static void (*const builds[])(void) = {
		gre_version_1,    gre_ppp,      vxlan_without_network,
		vxlan_like_quic,  vxlan_of_7,   geneve_control,
		geneve_version_1, geneve_other, geneve_of_7};

	(void)state;
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		struct decoder *d = decoder_new(true);
		struct packet p;

		builds[i]();
		assert_int_equal(decode_built(d, &p), DECODE_OK);
		assert_int_equal(p.tunnels, 0);
		assert_int_equal(p.ip_proto, i < 2 ? IP_PROTO_GRE : IP_PROTO_UDP);
		assert_int_equal(p.dst_port, i < 2 ? 0 : i < 5 ? 4789 : 6081);
		assert_int_equal(p.ip_len, b.len - 14);
		decoder_destroy(d);
	}
}

/* By the snap length (the wire length stays) and on the wire, at every byte. */
static void cut_everywhere(bool ok)
{
	struct decoder *d = decoder_new(true);
	bool ok_before = false;
	struct packet p;

	for (size_t n = 0; n <= b.len; n++) {
		const enum decode_result r = decode_bytes(d, true, b.b, n, b.len, &p);

		/* A longer piece of a packet never says less. */
		if (ok) {
			assert_false(ok_before && r != DECODE_OK);
			ok_before = r == DECODE_OK;
		}
		if (r == DECODE_OK && p.tunnels > 0 && n < inner_at + 20)
			fail();
		(void)decode_bytes(d, true, b.b, n, n, &p);
	}
	assert_int_equal(ok_before, ok);
	decoder_destroy(d);
}

static void every_form_can_be_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < WRAPS; i++) {
		wrapped(&wraps[i]);
		cut_everywhere(true);
	}
	for (size_t i = 0; i < TUNNEL_ROWS; i++) {
		tunnel_rows[i].build();
		inner_at = 0;
		cut_everywhere(tunnel_rows[i].want == DECODE_OK);
	}
}

/* xorshift64 (Marsaglia): the same frames at every run. */
static uint64_t random_next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Up to `most` forms in each other, as chance has them; how many. */
static unsigned random_nest(uint64_t *seed, unsigned most)
{
	const unsigned want = (unsigned)(random_next(seed) % most) + 1;
	enum slot at = SLOT_ETHERNET;
	unsigned count = 0;

	tunnel_start();
	while (count < want) {
		const struct wrap *w = &wraps[random_next(seed) % WRAPS];

		if (!slot_takes(at, w->from))
			continue;
		slot_put(at, w->from);
		w->put();
		at = w->to;
		count++;
	}
	inner_put(at, (size_t)(random_next(seed) % 40));
	tunnel_end();
	return count;
}

static void forms_nest_in_any_order(void **state)
{
	struct decoder *d = decoder_new(true);
	uint64_t seed = 4;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		const unsigned count = random_nest(&seed, 6);
		enum decode_result r;
		struct packet p;

		r = decode_built(d, &p);
		if (r == DECODE_TUNNEL_TOO_DEEP) {
			/* Only by label stacks that count beside their carriers. */
			assert_true(count > DECODE_TUNNELS_MAX / 2);
			continue;
		}
		assert_int_equal(r, DECODE_OK);
		assert_in_range(p.tunnels, count, 2 * count);
		assert_inner(&p);
	}
	decoder_destroy(d);
}

static void mutated_frames_do_no_harm(void **state)
{
	struct decoder *d = decoder_new(true);
	uint64_t seed = 77, total = 0;
	struct packet p;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		const size_t changes = (size_t)(random_next(&seed) % 4);
		size_t n;

		(void)random_nest(&seed, 4);
		for (size_t k = 0; k < changes; k++)
			b.b[random_next(&seed) % b.len] = (uint8_t)random_next(&seed);
		n = random_next(&seed) % 4 == 0 ? random_next(&seed) % (b.len + 1)
						: b.len;
		(void)decode_bytes(d, true, b.b, n,
				   random_next(&seed) % 2 == 0 ? n : b.len, &p);
	}
	for (unsigned r = 0; r < DECODE_RESULT_COUNT; r++)
		total += decoder_counts(d)[r];
	assert_int_equal(total, 100000);
	decoder_destroy(d);
}

static void depth_is_told(void **state)
{
	struct decoder *d = decoder_new(true);
	struct packet p;

	(void)state;
	for (unsigned n = 0; n <= DECODE_TUNNELS_MAX; n++) {
		ip_in_ip(n);
		assert_int_equal(decode_built(d, &p), DECODE_OK);
		assert_int_equal(p.tunnels, n);
		assert_inner(&p);
	}
	decoder_destroy(d);
}

static void padding_of_a_tunnel_is_no_payload(void **state)
{
	static void (*const builds[])(void) = {pppoe_v4, mpls_pseudowire};
	struct decoder *d = decoder_new(true);
	struct packet p;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		around(SLOT_ETHERNET, builds[i], i == 0 ? SLOT_V4 : SLOT_ETHERNET);
		put_pattern(&b, 9, 1);
		assert_int_equal(decode_built(d, &p), DECODE_OK);
		assert_int_equal(p.payload_len, 11);
		assert_false(p.truncated);
	}
	decoder_destroy(d);
}

/* The switch copied less than there was and says so: the packet is one cut by a capture. */
static void erspan_says_that_it_cut_the_packet(void **state)
{
	static void (*const builds[])(void) = {erspan2, erspan3};
	struct decoder *d = decoder_new(true);
	struct packet p;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		tunnel_start();
		put_mac(2, 0x0800);
		builds[i / 2]();
		inner_put(SLOT_ETHERNET, 11);
		set16(&b, inner_at + 2, 40 + 1400);
		b.ip = inner_at;
		build_ipv4_checksum(&b);
		open_count = 1; /* the inner packet keeps its length */
		if (i % 2 == 1)
			b.b[44] |= 0x04;
		tunnel_end();
		if (i % 2 == 0) {
			assert_int_equal(decode_built(d, &p), DECODE_IP_TOTAL_LENGTH);
			continue;
		}
		assert_int_equal(decode_bytes(d, true, b.b, b.len, b.len, &p), DECODE_OK);
		assert_true(p.truncated);
		assert_int_equal(p.ip_len, 1440);
		assert_int_equal(p.payload_len, 11);
		assert_int_equal(p.payload_wire_len, 1400);
	}
	decoder_destroy(d);
}

/* ---- fragments ------------------------------------------------------------------------------ */

static uint8_t pieces[8][4096];
static size_t piece_len[8];

/*
 * Cut the IPv4 packet at `at` of `src` (raw up to there) in two and store them as pieces
 * `to` and `to` + 1, each behind what stood before it.
 */
static void split(const uint8_t *src, size_t len, size_t at, unsigned to, size_t first)
{
	const size_t head = at + 20;

	for (unsigned i = 0; i < 2; i++) {
		const size_t from = i == 0 ? 0 : first;
		const size_t n = i == 0 ? first : len - head - first;
		uint8_t *out = pieces[to + i];

		memcpy(out, src, head);
		memcpy(out + head, src + head + from, n);
		piece_len[to + i] = head + n;
		out[at + 2] = (uint8_t)((20 + n) >> 8);
		out[at + 3] = (uint8_t)(20 + n);
		out[at + 6] = (uint8_t)((i == 0 ? 0x20 : 0) | from / 8 >> 8);
		out[at + 7] = (uint8_t)(from / 8);
		out[at + 10] = 0;
		out[at + 11] = 0;
		{
			const unsigned sum = ~build_sum(out + at, 20, 0) & 0xffff;

			out[at + 10] = (uint8_t)(sum >> 8);
			out[at + 11] = (uint8_t)sum;
		}
	}
}

static enum decode_result give(struct decoder *d, unsigned piece, struct packet *p)
{
	return decode_bytes(d, true, pieces[piece], piece_len[piece], piece_len[piece],
			    p);
}

static void fragmented_tunnel_is_put_together_first(void **state)
{
	struct decoder *d = decoder_new(true);
	struct packet p;

	(void)state;
	for (size_t i = 0; i < WRAPS; i++) {
		if (wraps[i].from != SLOT_V4)
			continue;
		wrapped(&wraps[i]);
		/* Where the header of the tunnel itself is cut, too. */
		for (unsigned first = 8; first < 40; first += 8)
			for (unsigned order = 0; order < 2; order++) {
				split(b.b, b.len, 14, 0, first);
				assert_int_equal(give(d, order, &p),
						 DECODE_FRAGMENT_HELD);
				assert_int_equal(give(d, 1 - order, &p), DECODE_OK);
				assert_true(p.tunnels > 0);
				assert_false(
					p.was_fragmented); /* the inner one was not */
				assert_inner(&p);
			}
	}
	decoder_destroy(d);
}

static void fragments_in_a_tunnel_are_put_together(void **state)
{
	struct decoder *d = decoder_new(true);
	struct packet p;

	(void)state;
	ip_in_ip(1);
	split(b.b, b.len, inner_at, 0, 16);
	for (unsigned i = 0; i < 2; i++) { /* the outer length is that of a piece */
		uint8_t *out = pieces[i];
		unsigned sum;

		out[16] = (uint8_t)((piece_len[i] - 14) >> 8);
		out[17] = (uint8_t)(piece_len[i] - 14);
		out[24] = 0;
		out[25] = 0;
		sum = ~build_sum(out + 14, 20, 0) & 0xffff;
		out[24] = (uint8_t)(sum >> 8);
		out[25] = (uint8_t)sum;
	}
	assert_int_equal(give(d, 1, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(give(d, 0, &p), DECODE_OK);
	assert_true(p.was_fragmented);
	assert_int_equal(p.tunnels, 1);
	assert_int_equal(p.dst_port, 443);
	assert_int_equal(p.payload_len, 4);
	decoder_destroy(d);
}

/* A tunnel in pieces, in which is a piece of a tunnel in pieces, and so on to the cap. */
static void fragments_in_fragments_are_put_together(void **state)
{
	static uint8_t packet[2][8192];
	struct decoder *d = decoder_new(true);
	struct packet p;
	size_t len;

	(void)state;
	/* Innermost: 600 bytes of UDP, cut; each piece in GRE, cut again: four frames. */
	for (unsigned half = 0; half < 2; half++) {
		build_start(&b, LINK_RAW_IP);
		put_ipv4(&b, 17);
		put_udp(&b, 600);
		put_pattern(&b, 600, 3);
		build_end(&b);
		memcpy(packet[0], b.b, b.len);
		split(packet[0], b.len, 0, 0, 304);
		memcpy(packet[1], pieces[half], piece_len[half]);
		len = piece_len[half];
		build_start(&b, LINK_RAW_IP);
		put_ipv4_header(&b, 47, 100 + half, 0, 0);
		put32(&b, 0x0800);
		put(&b, packet[1], len);
		b.proto = 0;
		build_end(&b);
		memcpy(packet[0], b.b, b.len);
		split(packet[0], b.len, 0, 4 + 2 * half, 160);
	}
	b.link = LINK_RAW_IP;
	for (unsigned round = 0; round < 50; round++) { /* no buffer is lost */
		assert_int_equal(give(d, 6, &p), DECODE_FRAGMENT_HELD);
		assert_int_equal(give(d, 4, &p), DECODE_FRAGMENT_HELD);
		assert_int_equal(give(d, 7, &p), DECODE_FRAGMENT_HELD);
		assert_int_equal(give(d, 5, &p), DECODE_OK);
		assert_int_equal(p.tunnels, 1);
		assert_true(p.was_fragmented);
		assert_int_equal(p.payload_len, 600);
		for (unsigned i = 0; i < 600; i++)
			assert_int_equal(p.payload[i], (3 + i * 7 + i / 251) & 0xff);
	}
	decoder_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_opened),
		cmocka_unit_test(without_the_switch_the_outer_packet_stays),
		cmocka_unit_test(every_fault_has_its_result),
		cmocka_unit_test(what_is_no_tunnel_stays_what_it_is),
		cmocka_unit_test(every_form_can_be_cut_anywhere),
		cmocka_unit_test(forms_nest_in_any_order),
		cmocka_unit_test(mutated_frames_do_no_harm),
		cmocka_unit_test(depth_is_told),
		cmocka_unit_test(padding_of_a_tunnel_is_no_payload),
		cmocka_unit_test(erspan_says_that_it_cut_the_packet),
		cmocka_unit_test(fragmented_tunnel_is_put_together_first),
		cmocka_unit_test(fragments_in_a_tunnel_are_put_together),
		cmocka_unit_test(fragments_in_fragments_are_put_together),
	};

	return cmocka_run_group_tests_name("decode/tunnel", tests, NULL, NULL);
}
