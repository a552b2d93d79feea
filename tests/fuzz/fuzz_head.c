/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_head - stream heads against a model that keeps one entry per byte.
 *
 * Input: pieces of {le16 offset, le16 length % 2,000, u8 kind}.  Bytes come from a fixed stream, so that
 * pieces agree, unless the kind says that one of them is changed.  After every piece head and
 * model must agree; then the same pieces, unchanged, are added in another order and split in
 * two, and must fill the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECE_BYTES 5
#define PIECES_MAX  40
#define LENGTH_MAX  2000u /* longer than a segment, and HEAD_SMALL is near */
#define ROOM        LENGTH_MAX

struct piece {
	uint32_t at, len;
	uint8_t kind;
};

struct model {
	uint8_t bytes[HEAD_MAX];
	bool seen[HEAD_MAX];
	uint32_t filled, highest, conflict_at;
	bool conflict, out_of_order, beyond;
};

static void check(bool fine)
{
	if (!fine)
		abort();
}

/* The bytes of a piece, cut from a stream that repeats itself every 64 KiB. */
static const uint8_t *bytes_of(const struct piece *p, uint8_t buf[ROOM])
{
	static uint8_t stream[2 * 65536];

	if (stream[1] == 0) {
		for (uint32_t i = 0; i < sizeof(stream); i++)
			stream[i] = (uint8_t)(i * 167 + (i >> 8));
	}
	memcpy(buf, stream + p->at % 65536, p->len);
	if (p->kind % 4 == 3 && p->len > 0)
		buf[p->kind / 4 % p->len] ^= 0x55;
	return buf;
}

static void model_add(struct model *m, uint32_t at, const uint8_t *data, uint32_t len)
{
	const uint32_t before = m->highest;

	for (uint32_t i = 0; i < len; i++) {
		uint64_t o = (uint64_t)at + i;

		if (o >= HEAD_MAX) {
			m->beyond = true;
			break;
		}
		if (m->seen[o]) {
			if (m->bytes[o] == data[i])
				continue;
			if (!m->conflict || o < m->conflict_at)
				m->conflict_at = (uint32_t)o;
			m->conflict = true;
			continue;
		}
		m->seen[o] = true;
		m->bytes[o] = data[i];
		if (o < before)
			m->out_of_order = true;
		if (o >= m->highest)
			m->highest = (uint32_t)o + 1;
	}
	while (m->filled < HEAD_MAX && m->seen[m->filled])
		m->filled++;
}

static void compare(const struct head *h, const struct model *m)
{
	check(h->filled == m->filled);
	check(h->filled == 0 || memcmp(h->bytes, m->bytes, h->filled) == 0);
	check(h->highest == m->highest && h->highest <= h->size);
	check(h->conflict == m->conflict && h->conflict_at == m->conflict_at);
	check(h->out_of_order == m->out_of_order);
	check(h->beyond == m->beyond);
	check((h->bytes == NULL) == (h->size == 0));
}

static size_t read_pieces(const uint8_t *data, size_t size,
			  struct piece pieces[PIECES_MAX])
{
	size_t n = 0;

	for (; n < PIECES_MAX && size >= PIECE_BYTES; n++, size -= PIECE_BYTES) {
		const uint8_t *d = data + n * PIECE_BYTES;

		pieces[n].at = (uint32_t)d[0] | (uint32_t)d[1] << 8;
		pieces[n].len = ((uint32_t)d[2] | (uint32_t)d[3] << 8) % LENGTH_MAX;
		pieces[n].kind = d[4];
		if (pieces[n].kind % 4 >= 2) { /* short and near pieces meet */
			pieces[n].at %= 300;
			pieces[n].len %= 70;
		}
		if (pieces[n].kind % 4 == 1) /* far offsets, as sequence numbers give */
			pieces[n].at = UINT32_MAX - pieces[n].at;
	}
	return n;
}

static void in_another_order(struct head_pools *pools, const struct piece *pieces,
			     size_t n)
{
	static uint8_t buf[ROOM];
	struct head a = {0}, b = {0};

	for (size_t i = 0; i < n; i++) {
		struct piece p = pieces[i], q = pieces[n - 1 - i];
		uint32_t cut = q.len / 3;

		p.kind = q.kind = 0;
		(void)head_add(&a, pools, p.at, bytes_of(&p, buf), p.len);
		(void)head_add(&b, pools, q.at + cut, bytes_of(&q, buf) + cut,
			       q.len - cut);
		(void)head_add(&b, pools, q.at, buf, cut);
	}
	check(a.filled == b.filled && a.highest == b.highest);
	check(!a.conflict && !b.conflict);
	check(a.filled == 0 || memcmp(a.bytes, b.bytes, a.filled) == 0);
	head_clear(&a, pools);
	head_clear(&b, pools);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct head_pools *pools;
	static struct model m;
	static uint8_t buf[ROOM];
	struct piece pieces[PIECES_MAX];
	size_t n = read_pieces(data, size, pieces);
	struct head h = {0};
	bool wraps = false;

	if (pools == NULL)
		pools = head_pools_create(4, 4);
	memset(&m, 0, sizeof(m));
	for (size_t i = 0; i < n; i++) {
		const struct piece *p = &pieces[i];
		uint32_t filled = h.filled;
		enum head_result r = head_add(&h, pools, p->at, bytes_of(p, buf), p->len);

		model_add(&m, p->at, buf, p->len);
		compare(&h, &m);
		check(r == (h.filled > filled ? HEAD_ADDED : HEAD_KEPT));
		wraps |= p->at + p->len < p->at;
	}
	head_clear(&h, pools);
	if (!wraps) /* cut pieces would begin past the end of the offsets */
		in_another_order(pools, pieces, n);
	return 0;
}
