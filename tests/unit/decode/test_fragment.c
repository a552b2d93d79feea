/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "build.h"
#include "decode/decode.h"

#define SECOND INT64_C(1000000)

static struct build whole; /* the datagram */
static struct build b;     /* a fragment of it */

struct piece {
	size_t offset, len;
	bool more;
};

/* A UDP datagram of `payload` bytes over IPv4 or IPv6, checksum and all. */
static void whole_build(bool v6, size_t payload)
{
	build_start(&whole, LINK_RAW_IP);
	if (v6)
		put_ipv6(&whole, 17);
	else
		put_ipv4(&whole, 17);
	put_udp(&whole, payload);
	put_pattern(&whole, payload, 3);
	build_end(&whole);
}

/* The fragment of `whole` that `piece` says. */
static void piece_build(const struct piece *piece, uint32_t id)
{
	const bool v6 = whole.b[0] >> 4 == 6;
	const unsigned more = piece->more ? 0x2000 : 0;

	build_start(&b, LINK_RAW_IP);
	if (v6) {
		put_ipv6(&b, 44);
		put_fragment(&b, 17, (unsigned)piece->offset, piece->more, id);
	} else {
		put_ipv4_header(&b, 17, id, (unsigned)(piece->offset / 8) | more, 0);
	}
	b.proto = 0;
	put(&b, whole.b + whole.l4 + piece->offset, piece->len);
	build_end(&b);
}

static struct decoder *decoder_new(uint32_t max)
{
	const struct decode_cfg cfg = {.fragments_max = max,
				       .fragment_timeout_us = 30 * SECOND};
	struct decoder *d = decoder_create(&cfg);

	assert_non_null(d);
	return d;
}

static enum decode_result feed_at(struct decoder *d, int64_t clock_us, struct packet *p)
{
	struct frame f = build_frame(&b);

	f.clock_us = clock_us;
	return decode_frame(d, &f, p);
}

static enum decode_result feed(struct decoder *d, const struct piece *piece, uint32_t id,
			       struct packet *p)
{
	piece_build(piece, id);
	return feed_at(d, 0, p);
}

/* The datagram came out as it went in. */
static void assert_whole(struct packet *p, uint32_t ip_len)
{
	const size_t len = whole.len - whole.l4;

	assert_true(p->was_fragmented);
	assert_null(p->ip);
	assert_int_equal(p->l4_len, len);
	assert_memory_equal(p->l4, whole.b + whole.l4, len);
	assert_int_equal(p->src_port, 40000);
	assert_int_equal(p->dst_port, 53);
	assert_int_equal(p->payload_len, len - 8);
	assert_int_equal(p->payload_wire_len, len - 8);
	assert_int_equal(p->ip_len, ip_len);
	assert_false(p->truncated);
	decode_check_l4(p);
	assert_int_equal(p->l4_checksum, CHECKSUM_GOOD);
}

/* Three pieces: 24 bytes, 16, and 11 that are no multiple of eight. */
static const struct piece thirds[3] = {{0, 24, true}, {24, 16, true}, {40, 11, false}};

static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
				      {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

static void three_pieces_meet_in_any_order(void **state)
{
	struct decoder *d = decoder_new(4);

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		whole_build(v6 != 0, 43);
		for (uint32_t o = 0; o < 6; o++) {
			const unsigned *order = orders[o];
			struct packet p;

			/* One id for all: a finished datagram leaves it free. */
			assert_int_equal(feed(d, &thirds[order[0]], 5, &p),
					 DECODE_FRAGMENT_HELD);
			assert_int_equal(feed(d, &thirds[order[1]], 5, &p),
					 DECODE_FRAGMENT_HELD);
			assert_int_equal(feed(d, &thirds[order[2]], 5, &p), DECODE_OK);
			assert_whole(&p, v6 != 0 ? 51 + 3 * 48 : 51 + 3 * 20);
		}
	}
	assert_int_equal(decoder_counts(d)[DECODE_OK], 12);
	assert_int_equal(decoder_counts(d)[DECODE_FRAGMENT_HELD], 24);
	decoder_destroy(d);
}

static void pieces_of_eight_bytes_meet(void **state)
{
	struct decoder *d = decoder_new(4);
	struct packet p;
	uint32_t packets = 0;

	(void)state;
	whole_build(false, 65515 - 8);
	/* Backwards, and the largest datagram that there is. */
	for (size_t at = 65512;; at -= 8) {
		const size_t left = 65515 - at;
		const struct piece piece = {at, left < 8 ? left : 8, left > 8};
		const enum decode_result r = feed(d, &piece, 77, &p);

		packets++;
		assert_int_equal(r, at == 0 ? DECODE_OK : DECODE_FRAGMENT_HELD);
		if (at == 0)
			break;
	}
	assert_whole(&p, 65515 + packets * 20);
	decoder_destroy(d);
}

static void datagrams_do_not_mix(void **state)
{
	struct decoder *d = decoder_new(4);
	struct packet p;

	(void)state;
	whole_build(false, 43);
	assert_int_equal(feed(d, &thirds[0], 1, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &thirds[0], 2, &p), DECODE_FRAGMENT_HELD);
	/* Of the same id, but another protocol, then another sender. */
	piece_build(&thirds[1], 1);
	b.b[9] = 6;
	build_ipv4_checksum(&b);
	assert_int_equal(feed_at(d, 0, &p), DECODE_FRAGMENT_HELD);
	piece_build(&thirds[1], 1);
	b.b[15] ^= 1;
	build_ipv4_checksum(&b);
	assert_int_equal(feed_at(d, 0, &p), DECODE_FRAGMENT_HELD);

	assert_int_equal(feed(d, &thirds[2], 2, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &thirds[1], 2, &p), DECODE_OK);
	assert_whole(&p, 51 + 60);
	assert_int_equal(feed(d, &thirds[2], 1, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &thirds[1], 1, &p), DECODE_OK);
	assert_whole(&p, 51 + 60);
	decoder_destroy(d);
}

static void first_piece_says_hop_limit_and_protocol(void **state)
{
	struct decoder *d = decoder_new(4);
	struct packet p;

	(void)state;
	whole_build(true, 43);
	piece_build(&thirds[2], 1);
	b.b[7] = 9;
	b.b[40] = 6; /* what the others say of the next header counts for nothing */
	assert_int_equal(feed_at(d, 0, &p), DECODE_FRAGMENT_HELD);
	piece_build(&thirds[0], 1);
	b.b[7] = 33;
	assert_int_equal(feed_at(d, 0, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &thirds[1], 1, &p), DECODE_OK);
	assert_int_equal(p.ttl, 33);
	assert_whole(&p, 51 + 3 * 48);
	decoder_destroy(d);
}

static void duplicates_are_ignored(void **state)
{
	struct decoder *d = decoder_new(4);
	struct packet p;

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		whole_build(v6 != 0, 43);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(feed(d, &thirds[0], 3, &p),
					 DECODE_FRAGMENT_HELD);
		assert_int_equal(feed(d, &thirds[2], 3, &p), DECODE_FRAGMENT_HELD);
		assert_int_equal(feed(d, &thirds[2], 3, &p), DECODE_FRAGMENT_HELD);
		assert_int_equal(feed(d, &thirds[1], 3, &p), DECODE_OK);
		assert_whole(&p, v6 != 0 ? 51 + 3 * 48 : 51 + 3 * 20);
	}
	assert_int_equal(decoder_counts(d)[DECODE_FRAGMENT_OVERLAP], 0);
	decoder_destroy(d);
}

/* After `before`, `piece` condemns the datagram, and all that comes later goes with it. */
struct conflict_row {
	const char *what;
	struct piece before[2];
	struct piece piece;
	bool changed; /* a byte of `piece` differs */
	enum decode_result want;
};

static const struct conflict_row conflicts[] = {
	{"same place, other bytes",
	 {{0, 24, true}},
	 {0, 24, true},
	 true,
	 DECODE_FRAGMENT_OVERLAP},
	{"tail over a head",
	 {{0, 24, true}},
	 {16, 16, true},
	 false,
	 DECODE_FRAGMENT_OVERLAP},
	{"head over a tail",
	 {{24, 16, true}},
	 {16, 16, true},
	 false,
	 DECODE_FRAGMENT_OVERLAP},
	{"around another",
	 {{24, 8, true}},
	 {16, 24, true},
	 false,
	 DECODE_FRAGMENT_OVERLAP},
	{"inside, other bytes",
	 {{0, 40, true}},
	 {8, 8, true},
	 true,
	 DECODE_FRAGMENT_OVERLAP},
	{"over the seam",
	 {{0, 16, true}, {24, 16, true}},
	 {8, 24, true},
	 false,
	 DECODE_FRAGMENT_OVERLAP},
	{"last over the middle",
	 {{24, 16, true}},
	 {32, 19, false},
	 false,
	 DECODE_FRAGMENT_OVERLAP},
	{"two ends, the second nearer",
	 {{40, 11, false}},
	 {24, 16, false},
	 false,
	 DECODE_FRAGMENT_BAD},
	{"two ends, the second farther",
	 {{24, 16, false}},
	 {40, 11, false},
	 false,
	 DECODE_FRAGMENT_BAD},
	{"past the end", {{24, 16, false}}, {40, 8, true}, false, DECODE_FRAGMENT_BAD},
	{"more behind the end",
	 {{24, 16, false}},
	 {32, 8, true},
	 false,
	 DECODE_FRAGMENT_BAD},
	{"end before what is held",
	 {{40, 8, true}},
	 {24, 16, false},
	 false,
	 DECODE_FRAGMENT_BAD},
};

static void contradictions_condemn_the_datagram(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
		const struct conflict_row *row = &conflicts[i];

		for (unsigned v6 = 0; v6 < 2; v6++) {
			struct decoder *d;
			enum decode_result got;
			struct packet p;

			if (v6 == 0 && row->want == DECODE_FRAGMENT_OVERLAP)
				continue; /* see below */
			d = decoder_new(4);
			whole_build(v6 != 0, 43);
			for (size_t j = 0; j < 2 && row->before[j].len != 0; j++)
				assert_int_equal(feed(d, &row->before[j], 8, &p),
						 DECODE_FRAGMENT_HELD);
			piece_build(&row->piece, 8);
			if (row->changed)
				b.b[b.len - 1] ^= 1;
			got = feed_at(d, 0, &p);
			if (got != row->want)
				print_error("%s: %s\n", row->what,
					    decode_result_name(got));
			assert_int_equal(got, row->want);
			for (unsigned k = 0; k < 3; k++)
				assert_int_equal(feed(d, &thirds[k], 8, &p), row->want);
			/* Another datagram is not touched by it. */
			for (unsigned k = 0; k < 3; k++)
				got = feed(d, &thirds[k], 9, &p);
			assert_int_equal(got, DECODE_OK);
			/* When its time is over the id may be used again. */
			piece_build(&thirds[0], 8);
			assert_int_equal(feed_at(d, 30 * SECOND, &p),
					 DECODE_FRAGMENT_HELD);
			assert_int_equal(decoder_counts(d)[DECODE_FRAGMENT_TIMEOUT], 0);
			decoder_destroy(d);
		}
	}
}

/* RFC 791 3.2: receivers put such a datagram together, of one copy or the other. */
static void overlaps_of_ipv4_are_told(void **state)
{
	static const struct piece pieces[] = {
		{0, 24, true}, {8, 32, true}, {32, 19, false}};
	(void)state;
	for (unsigned order = 0; order < 2; order++) {
		for (unsigned changed = 0; changed < 4; changed++) {
			struct decoder *d = decoder_new(4);
			enum decode_result got = DECODE_OK;
			struct packet p;

			whole_build(false, 43);
			for (unsigned k = 0; k < 3; k++) {
				piece_build(&pieces[order ? 2 - k : k], 8);
				if (k == changed) /* a byte in both overlaps' reach */
					b.b[b.len - (order ? 1 : pieces[k].len)] ^= 1;
				got = feed_at(d, 0, &p);
			}
			assert_int_equal(got, DECODE_OK);
			assert_int_equal(p.overlaps, changed == 1 || changed == 2);
			if (changed == 3)
				assert_whole(&p, 75 + 3 * 20);
			decoder_destroy(d);
		}
	}
}

static void impossible_piece_leaves_the_datagram_alone(void **state)
{
	struct decoder *d = decoder_new(4);
	const struct piece odd = {24, 12, true};
	struct packet p;

	(void)state;
	whole_build(true, 43);
	assert_int_equal(feed(d, &thirds[0], 1, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &odd, 1, &p), DECODE_FRAGMENT_BAD);
	assert_int_equal(feed(d, &thirds[1], 1, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &thirds[2], 1, &p), DECODE_OK);
	decoder_destroy(d);
}

static void piece_cut_by_the_capture_is_no_piece(void **state)
{
	struct decoder *d = decoder_new(4);
	struct packet p;
	struct frame f;

	(void)state;
	whole_build(false, 43);
	piece_build(&thirds[0], 1);
	f = build_frame(&b);
	f.caplen -= 8;
	assert_int_equal(decode_frame(d, &f, &p), DECODE_FRAGMENT_BAD);
	decoder_destroy(d);
}

static void unfinished_datagram_times_out(void **state)
{
	struct decoder *d = decoder_new(4);
	struct packet p;

	(void)state;
	whole_build(false, 43);
	piece_build(&thirds[0], 1);
	assert_int_equal(feed_at(d, SECOND, &p), DECODE_FRAGMENT_HELD);
	piece_build(&thirds[0], 2);
	assert_int_equal(feed_at(d, 2 * SECOND, &p), DECODE_FRAGMENT_HELD);
	piece_build(&thirds[1], 1);
	assert_int_equal(feed_at(d, 31 * SECOND - 1, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(decoder_counts(d)[DECODE_FRAGMENT_TIMEOUT], 0);

	/* Too late by a microsecond: it starts a new datagram, the other one still waits. */
	piece_build(&thirds[2], 1);
	assert_int_equal(feed_at(d, 31 * SECOND, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(decoder_counts(d)[DECODE_FRAGMENT_TIMEOUT], 1);
	piece_build(&thirds[1], 2);
	assert_int_equal(feed_at(d, 31 * SECOND, &p), DECODE_FRAGMENT_HELD);
	piece_build(&thirds[2], 2);
	assert_int_equal(feed_at(d, 31 * SECOND, &p), DECODE_OK);

	/* Any frame at all lets time pass. */
	assert_int_equal(whole.len, 71);
	b = whole;
	assert_int_equal(feed_at(d, 61 * SECOND, &p), DECODE_OK);
	assert_int_equal(decoder_counts(d)[DECODE_FRAGMENT_TIMEOUT], 2);
	decoder_destroy(d);
}

static void cap_refuses_new_datagrams_only(void **state)
{
	struct decoder *d = decoder_new(3);
	struct packet p;

	(void)state;
	whole_build(false, 43);
	for (uint32_t id = 1; id <= 3; id++)
		assert_int_equal(feed(d, &thirds[0], id, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &thirds[0], 4, &p), DECODE_FRAGMENT_CAP);
	assert_int_equal(feed(d, &thirds[1], 2, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &thirds[2], 2, &p), DECODE_OK);
	assert_whole(&p, 51 + 60);
	assert_int_equal(feed(d, &thirds[0], 4, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &thirds[0], 5, &p), DECODE_FRAGMENT_CAP);
	assert_int_equal(decoder_counts(d)[DECODE_FRAGMENT_CAP], 2);

	/* Time makes room. */
	piece_build(&thirds[0], 5);
	assert_int_equal(feed_at(d, 30 * SECOND, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(decoder_counts(d)[DECODE_FRAGMENT_TIMEOUT], 3);
	decoder_destroy(d);
}

/* Many datagrams at once, ids that share buckets, finished in another order. */
static void many_datagrams_are_kept_apart(void **state)
{
	enum {
		COUNT = 1000
	};
	struct decoder *d = decoder_new(COUNT);
	struct packet p;

	(void)state;
	whole_build(true, 43);
	for (uint32_t id = 0; id < COUNT; id++)
		assert_int_equal(feed(d, &thirds[2], id, &p), DECODE_FRAGMENT_HELD);
	for (uint32_t id = 0; id < COUNT; id++)
		assert_int_equal(feed(d, &thirds[0], COUNT - 1 - id, &p),
				 DECODE_FRAGMENT_HELD);
	for (uint32_t id = 0; id < COUNT; id++) {
		assert_int_equal(feed(d, &thirds[1], id * 7 % COUNT, &p), DECODE_OK);
		assert_whole(&p, 51 + 3 * 48);
	}
	decoder_destroy(d);
}

static void extensions_go_on_behind_the_fragments(void **state)
{
	struct decoder *d = decoder_new(4);
	struct packet p;

	(void)state;
	/* Fragments whose content starts with destination options, then UDP. */
	build_start(&whole, LINK_RAW_IP);
	put_ipv6(&whole, 60);
	put_extension_header(&whole, 17, 8);
	put_udp(&whole, 16);
	put_pattern(&whole, 16, 3);
	build_end(&whole);
	whole.l4 = 40;
	for (unsigned i = 0; i < 2; i++) {
		const struct piece piece = {(size_t)i * 16, 16, i == 0};

		piece_build(&piece, 4);
		b.b[40] = 60;
		assert_int_equal(feed_at(d, 0, &p),
				 i == 0 ? DECODE_FRAGMENT_HELD : DECODE_OK);
	}
	assert_int_equal(p.ip_proto, IP_PROTO_UDP);
	assert_int_equal(p.dst_port, 53);
	assert_int_equal(p.payload_len, 16);
	decode_check_l4(&p);
	assert_int_equal(p.l4_checksum, CHECKSUM_GOOD);
	decoder_destroy(d);
}

static void fragment_of_a_fragment_is_refused(void **state)
{
	struct decoder *d = decoder_new(4);
	struct packet p;

	(void)state;
	build_start(&whole, LINK_RAW_IP);
	put_ipv6(&whole, 44);
	put_fragment(&whole, 17, 0, true, 1);
	put_zeros(&whole, 24);
	build_end(&whole);
	whole.l4 = 40;
	for (unsigned i = 0; i < 2; i++) {
		const struct piece piece = {(size_t)i * 16, 16, i == 0};

		piece_build(&piece, 4);
		b.b[40] = 44;
		assert_int_equal(feed_at(d, 0, &p),
				 i == 0 ? DECODE_FRAGMENT_HELD : DECODE_FRAGMENT_BAD);
	}
	decoder_destroy(d);
}

/* RFC 6946: an atomic fragment neither joins nor disturbs fragments of its id. */
static void atomic_fragment_stands_alone(void **state)
{
	struct decoder *d = decoder_new(4);
	const struct piece atomic = {0, 51, false};
	struct packet p;

	(void)state;
	whole_build(true, 43);
	assert_int_equal(feed(d, &thirds[0], 6, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &atomic, 6, &p), DECODE_OK);
	assert_false(p.was_fragmented);
	assert_int_equal(p.ip_len, 51 + 48);
	assert_non_null(p.ip);
	assert_int_equal(feed(d, &thirds[1], 6, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &thirds[2], 6, &p), DECODE_OK);
	assert_whole(&p, 51 + 3 * 48);
	decoder_destroy(d);
}

static void transport_cut_within_the_datagram_is_said(void **state)
{
	struct decoder *d = decoder_new(4);
	const struct piece last = {8, 8, false}, first = {0, 8, true};
	struct packet p;

	(void)state;
	whole_build(false, 8);
	piece_build(&last, 1);
	b.b[9] = 6;
	build_ipv4_checksum(&b);
	assert_int_equal(feed_at(d, 0, &p), DECODE_FRAGMENT_HELD);
	piece_build(&first, 1);
	b.b[9] = 6;
	build_ipv4_checksum(&b);
	assert_int_equal(feed_at(d, 0, &p), DECODE_L4_TRUNCATED);
	decoder_destroy(d);
}

static void creation_takes_defaults_and_refuses_nothing(void **state)
{
	const struct decode_cfg cfg = {0};
	struct decoder *d = decoder_create(&cfg);
	struct packet p;

	(void)state;
	assert_non_null(d);
	whole_build(false, 43);
	for (uint32_t id = 0; id < 1024; id++)
		assert_int_equal(feed(d, &thirds[0], id, &p), DECODE_FRAGMENT_HELD);
	assert_int_equal(feed(d, &thirds[0], 1024, &p), DECODE_FRAGMENT_CAP);
	decoder_destroy(d);
	decoder_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_pieces_meet_in_any_order),
		cmocka_unit_test(pieces_of_eight_bytes_meet),
		cmocka_unit_test(datagrams_do_not_mix),
		cmocka_unit_test(first_piece_says_hop_limit_and_protocol),
		cmocka_unit_test(duplicates_are_ignored),
		cmocka_unit_test(contradictions_condemn_the_datagram),
		cmocka_unit_test(overlaps_of_ipv4_are_told),
		cmocka_unit_test(impossible_piece_leaves_the_datagram_alone),
		cmocka_unit_test(piece_cut_by_the_capture_is_no_piece),
		cmocka_unit_test(unfinished_datagram_times_out),
		cmocka_unit_test(cap_refuses_new_datagrams_only),
		cmocka_unit_test(many_datagrams_are_kept_apart),
		cmocka_unit_test(extensions_go_on_behind_the_fragments),
		cmocka_unit_test(fragment_of_a_fragment_is_refused),
		cmocka_unit_test(atomic_fragment_stands_alone),
		cmocka_unit_test(transport_cut_within_the_datagram_is_said),
		cmocka_unit_test(creation_takes_defaults_and_refuses_nothing),
	};

	return cmocka_run_group_tests_name("decode/fragment", tests, NULL, NULL);
}
