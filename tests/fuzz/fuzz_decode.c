/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of every link type through one decoder.
 *
 * Input: a byte that chooses the link type (and by its upper half a small cap of datagrams),
 * then frames, each behind 4 bytes: 0 be16 length | 2 u8 bytes cut by the capture |
 * 3 u8 seconds since the frame before.
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
	volatile unsigned touched;
	struct addr src, dst;

	require(decode_addresses(f, &src, &dst));
	require(addr_equal(&src, &p->src) && addr_equal(&dst, &p->dst));
	require(p->payload >= p->l4 && p->payload_len <= p->l4_len);
	require(p->payload + p->payload_len == p->l4 + p->l4_len);
	require(p->payload_wire_len >= p->payload_len);
	require(p->truncated || p->payload_wire_len == p->payload_len);
	require(p->was_fragmented == (p->ip == NULL));
	if (!p->was_fragmented) {
		require(p->ip >= f->data && p->l4 >= p->ip + 20);
		require(p->l4 + p->l4_len <= f->data + f->caplen);
		require(p->ip_len <= f->len);
	} else {
		require(p->l4_len <= UINT16_MAX && !p->truncated);
	}
	touched = byte_sum(p->l4, p->l4_len);
	(void)touched;
	decode_check_l4(p);
	require(!p->truncated || p->l4_checksum == CHECKSUM_UNKNOWN);
}

static void decode_one(struct decoder *d, struct frame *f, const uint8_t *bytes)
{
	/* Memory of exactly the frame's size: the sanitizer sees a byte too far. */
	uint8_t *exact = malloc(f->caplen == 0 ? 1 : f->caplen);
	struct addr src, dst;
	enum decode_result r;
	struct packet p;

	require(exact != NULL);
	memcpy(exact, bytes, f->caplen);
	f->data = exact;
	r = decode_frame(d, f, &p);
	require(r < DECODE_RESULT_COUNT && r != DECODE_FRAGMENT_TIMEOUT);
	if (r == DECODE_OK)
		check_packet(f, &p);
	else if (r == DECODE_FRAGMENT_HELD)
		require(decode_addresses(f, &src, &dst));
	else
		(void)decode_addresses(f, &src, &dst);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cur_init(data, size);
	const unsigned choice = cur_u8(&c);
	const struct decode_cfg cfg = {.fragments_max = 1 + (choice >> 4)};
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
		decode_one(d, &f, bytes);
	}
	for (unsigned r = 0; r < DECODE_RESULT_COUNT; r++)
		if (r != DECODE_FRAGMENT_TIMEOUT)
			results += decoder_counts(d)[r];
	require(results == f.number);
	decoder_destroy(d);
	return 0;
}
