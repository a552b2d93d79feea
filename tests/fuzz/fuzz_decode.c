/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of every link type through one decoder.
 *
 * Input: a byte that chooses the link type (and by its upper half a small cap of datagrams),
 * then frames, each behind 4 bytes: 0 be16 length | 2 u8 bytes cut by the capture |
 * 3 u8 seconds since the frame before.  Tunnels are opened when the upper half is even.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static unsigned byte_sum(const uint8_t *p, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += p[i];
	return sum;
}

static void check_packet(const struct frame *f, struct packet *p)
{
	/* By the address: a reassembled datagram is the decoder's memory. */
	const bool in_frame = p->ip >= f->data && p->ip < f->data + f->caplen;
	volatile unsigned touched;

	require(p->tunnels <= DECODE_TUNNELS_MAX);
	require(p->payload >= p->l4 && p->payload_len <= p->l4_len);
	require(p->payload + p->payload_len == p->l4 + p->l4_len);
	require(p->payload_wire_len >= p->payload_len);
	require(p->truncated || p->payload_wire_len == p->payload_len);
	require(p->was_fragmented == (p->ip == NULL));
	if (in_frame) {
		require(p->l4 >= p->ip + 20);
		require(p->l4 + p->l4_len <= f->data + f->caplen);
		require(p->truncated || p->ip_len <= f->len);
	} else if (!p->was_fragmented) {
		require(p->tunnels > 0 && p->l4 >= p->ip + 20);
	} else {
		require(p->l4_len <= UINT16_MAX && !p->truncated);
	}
	touched = byte_sum(p->l4, p->l4_len);
	(void)touched;
	decode_check_l4(p);
	require(!p->truncated || p->l4_checksum == CHECKSUM_UNKNOWN);
}

static void decode_one(struct decoder *d, bool tunnels, struct frame *f,
		       const uint8_t *bytes)
{
	/* Memory of exactly the frame's size: the sanitizer sees a byte too far. */
	uint8_t *exact = malloc(f->caplen == 0 ? 1 : f->caplen);
	enum decode_place place;
	struct addr src, dst;
	enum decode_result r;
	struct packet p;

	require(exact != NULL);
	memcpy(exact, bytes, f->caplen);
	f->data = exact;
	place = decode_addresses(f, tunnels, &src, &dst);
	r = decode_frame(d, f, &p);
	require(r < DECODE_RESULT_COUNT && r != DECODE_FRAGMENT_TIMEOUT);
	if (r == DECODE_OK) {
		check_packet(f, &p);
		require(tunnels || p.tunnels == 0);
		require(place == DECODE_PLACE_FRAGMENT ||
			(place == DECODE_PLACE_ADDRESSES && addr_equal(&src, &p.src) &&
			 addr_equal(&dst, &p.dst)));
		require(place == DECODE_PLACE_FRAGMENT || !p.was_fragmented);
	} else if (r == DECODE_FRAGMENT_HELD) {
		require(place == DECODE_PLACE_FRAGMENT);
	}
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cur_init(data, size);
	const unsigned choice = cur_u8(&c);
	const struct decode_cfg cfg = {.fragments_max = 1 + (choice >> 4),
				       .tunnels = (choice >> 4) % 2 == 0};
	struct decoder *d = decoder_create(&cfg);
	struct frame f = {.link = (enum link_type)((choice & 15) % LINK_TYPE_COUNT)};
	uint64_t results = 0;

	require(d != NULL);
	for (;;) {
		const size_t len = cur_be16(&c);
		const uint32_t cut = cur_u8(&c);
		const int64_t seconds = cur_u8(&c);
		const uint8_t *bytes;

		if (!cur_ok(&c))
			break;
		bytes = cur_take(&c, len < c.left ? len : c.left);
		f.caplen = (uint32_t)(c.p - bytes);
		f.len = f.caplen + cut;
		f.number++;
		f.clock_us += seconds * 1000000;
		f.time_us = f.clock_us;
		decode_one(d, cfg.tunnels, &f, bytes);
	}
	for (unsigned r = 0; r < DECODE_RESULT_COUNT; r++)
		if (r != DECODE_FRAGMENT_TIMEOUT)
			results += decoder_counts(d)[r];
	require(results == f.number);
	decoder_destroy(d);
	return 0;
}
