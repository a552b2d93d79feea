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
#define PERIOD     65536u

struct game {
	struct chunks whole, cut;
	uint32_t next; /* offset of the byte behind all so far */
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* The byte at an offset is one of its low 16 bits: all there are, and the first ones again. */
static char text[PERIOD + LENGTH_MAX];

static void make_text(void)
{
	for (uint32_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 167 + (i >> 8));
}

static char *bytes_at(uint32_t offset)
{
	return text + offset % PERIOD;
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
	const struct str s = {bytes_at(g->next), len};

	chunks_add(&g->whole, g->next, s);
	for (uint32_t at = 0; at < len; at += piece) {
		const uint32_t n = len - at < piece ? len - at : piece;

		chunks_add(&g->cut, g->next + at, (struct str){s.p + at, n});
	}
	g->next += len;
	check_alike(g);
}

static bool is_kept(const struct chunks *k, uint32_t offset)
{
	for (uint32_t f = 0; f < k->count; f++)
		if (offset - k->frames[f].at < k->frames[f].len)
			return true;
	return false;
}

/* What is said of bytes in one piece and in two; is the one at `odd` another than it was? */
static void check_answers(const struct chunks *k, uint32_t at, struct str s, bool is_odd,
			  uint32_t odd)
{
	const struct chunk_frame *f = NULL, *first = NULL;
	const uint32_t half = (uint32_t)s.len / 2;
	enum chunks_match all, one, two;

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
	check((all == CHUNKS_OTHER) == (is_odd && is_kept(k, at + odd)));
	check(all == CHUNKS_SAME || f == first);
}

static void compare(const struct game *g, uint32_t back, uint32_t len, uint8_t how)
{
	const uint32_t at = g->next - back;
	const bool is_odd = (how & 1) != 0 && len > 0;
	const uint32_t odd = is_odd ? how / 2 % len : 0;
	char *p = bytes_at(at);

	/* In its place and back: the text is not copied. */
	p[odd] ^= is_odd ? 0x55 : 0;
	check_answers(&g->whole, at, (struct str){p, len}, is_odd, odd);
	p[odd] ^= is_odd ? 0x55 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct game g;

	if (size == 0)
		return 0;
	if (text[1] == 0)
		make_text();
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
			check_alike(&g);
			break;
		case 3:
			compare(&g, large, data[2] * 8u, data[3]);
			break;
		default: /* as most of them are */
			add(&g, data[1] % 16, data[3] % 4 + 1u);
			g.next += data[2];
			break;
		}
		data += STEP_BYTES;
		size -= STEP_BYTES;
	}
	return 0;
}
