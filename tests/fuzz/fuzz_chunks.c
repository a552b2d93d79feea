/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_chunks - what is kept of a body in chunks, however its bytes were cut.
 *
 * Input: u8 where the stream begins, then steps of u8 what | u8 a | u8 b | u8 cut: more bytes
 * around chunks, a body between, an acknowledgement, or bytes to be compared, maybe with one changed.
 * Properties: bytes that come in pieces are kept as those that come at once; what is compared in
 * two pieces has the answer of the whole; OTHER is said if and only if some byte that is kept is another.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/chunks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_BYTES 4
#define STEPS_MAX  400
#define LENGTH_MAX 4096u /* more than all that is kept */

struct game {
	struct chunks whole, cut;
	uint32_t next; /* offset of the byte behind all so far */
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static char byte_at(uint32_t offset)
{
	return (char)(offset * 167 + (offset >> 8));
}

static struct str bytes_of(char buf[LENGTH_MAX], uint32_t at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		buf[i] = byte_at(at + i);
	return (struct str){buf, len};
}

static void check_alike(const struct game *g)
{
	const struct chunks *a = &g->whole, *b = &g->cut;

	check(a->count == b->count && a->bytes == b->bytes && a->forgot == b->forgot);
	check(!a->forgot || a->forgot_end == b->forgot_end);
	check(a->count <= CHUNKS_MAX && a->bytes <= CHUNKS_BYTES);
	check(memcmp(a->frames, b->frames, a->count * sizeof(a->frames[0])) == 0);
	check(memcmp(a->text, b->text, a->bytes) == 0);
}

static void add(struct game *g, uint32_t len, uint32_t piece)
{
	char buf[LENGTH_MAX];
	const struct str s = bytes_of(buf, g->next, len);

	chunks_add(&g->whole, g->next, s);
	for (uint32_t at = 0; at < len; at += piece) {
		const uint32_t n = len - at < piece ? len - at : piece;

		chunks_add(&g->cut, g->next + at, (struct str){s.p + at, n});
	}
	g->next += len;
}

/* Is a byte that is kept another one? */
static bool is_other(const struct chunks *k, uint32_t at, struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		for (uint32_t f = 0; f < k->count; f++)
			if (at + (uint32_t)i - k->frames[f].at < k->frames[f].len &&
			    s.p[i] != byte_at(at + (uint32_t)i))
				return true;
	return false;
}

static void compare(const struct game *g, uint32_t back, uint32_t len, uint8_t how)
{
	const struct chunk_frame *f = NULL, *first = NULL;
	const uint32_t at = g->next - back, half = len / 2;
	const struct chunks *k = &g->whole;
	enum chunks_match all, one, two;
	char buf[LENGTH_MAX];
	const struct str s = bytes_of(buf, at, len);

	if ((how & 1) != 0 && len > 0)
		buf[how / 2 % len] ^= 0x55;
	all = chunks_compare(k, at, s, &f);
	one = chunks_compare(k, at, (struct str){s.p, half}, &first);
	two = chunks_compare(k, at + half, (struct str){s.p + half, s.len - half},
			     one == CHUNKS_OTHER ? &(const struct chunk_frame *){NULL}
						 : &first);
	check((all == CHUNKS_UNKNOWN) == (one == CHUNKS_UNKNOWN));
	if (all == CHUNKS_UNKNOWN)
		return;
	check(two != CHUNKS_UNKNOWN);
	check((all == CHUNKS_OTHER) == (one == CHUNKS_OTHER || two == CHUNKS_OTHER));
	check((all == CHUNKS_OTHER) == is_other(k, at, s));
	check(all == CHUNKS_SAME || f == first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct game g;

	if (size == 0)
		return 0;
	memset(&g, 0, sizeof(g));
	g.next = 0u - 16u * data[0];
	data++;
	size--;
	for (size_t n = 0; n < STEPS_MAX && size >= STEP_BYTES; n++) {
		const uint32_t large = (uint32_t)data[1] << 4 | data[2] >> 4;

		switch (data[0] % 8) {
		case 0: /* body */
			g.next += 1 + large;
			break;
		case 1:
			add(&g, large, data[3] + 1u);
			break;
		case 2:
			check(chunks_taken(&g.whole, g.next - large) ==
			      chunks_taken(&g.cut, g.next - large));
			break;
		case 3:
			compare(&g, large, data[2] * 8u, data[3]);
			break;
		default: /* as most of them are */
			add(&g, data[1] % 16, data[3] % 4 + 1u);
			g.next += data[2];
			break;
		}
		check_alike(&g);
		data += STEP_BYTES;
		size -= STEP_BYTES;
	}
	return 0;
}
