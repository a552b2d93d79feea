/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_copies - segments that contradict each other, and the contents that they make.
 *
 * Input: u8 where the head begins to count, then steps of u8 what | u8 from | u8 length | u8 text: a
 * segment of one of four texts, or the head moves.
 * Properties: no content comes twice, and unless some found no room the first one is that of the first
 * copies, each is made by some order of the segments, and where these are few all that orders make come.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/copies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_BYTES 4
#define STEPS_MAX  30
#define SPACE      20u /* offsets of a segment are below */
#define FEW        5

struct said {
	uint32_t from, end;
	uint8_t text[SPACE];
};

struct game {
	struct head first;
	struct segments before;
	bool contradicted, moved;
	struct said said[STEPS_MAX];
	unsigned count;
	uint32_t far; /* offsets in the head are those of the texts and so many */
};

static struct copies copies;
static struct mixtures mixtures;
static struct head_pools *pools;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void say(struct game *g, const uint8_t *step)
{
	struct said *s = &g->said[g->count];
	const uint32_t from = step[1] % SPACE;
	const uint32_t len = 1 + step[2] % (SPACE - from);
	struct str bytes;

	*s = (struct said){.from = from, .end = from + len};
	for (uint32_t i = from; i < s->end; i++)
		s->text[i] =
			(uint8_t)('a' + (i * (step[3] & 3) >> (step[3] >> 2 & 3) & 1));
	bytes = (struct str){(const char *)s->text + from, len};
	if (!g->contradicted &&
	    head_contradicts(&g->first, g->far + from, s->text + from, len)) {
		copies_begin(&copies, &g->before);
		g->contradicted = true;
	}
	if (g->contradicted)
		copies_add(&copies, &g->first, g->far + from, bytes);
	else
		segments_add(&g->before, g->far + from, g->far + s->end);
	(void)head_add(&g->first, pools, g->far + from, s->text + from, len);
	g->count++;
}

static void move(struct game *g, uint32_t by)
{
	if (g->moved || !head_shift(&g->first, pools, by))
		return;
	g->moved = true;
	g->far += by;
	if (g->contradicted)
		copies_move(&copies, (int32_t)by);
	else
		segments_move(&g->before, (int32_t)by);
}

/* The texts' part of a content; what no segment says is 0. */
static void cut_out(const struct game *g, const uint8_t *bytes, uint8_t *ret)
{
	memset(ret, 0, SPACE);
	for (unsigned k = 0; k < g->count; k++)
		for (uint32_t i = g->said[k].from; i < g->said[k].end; i++)
			if (g->far + i < HEAD_MAX)
				ret[i] = bytes[g->far + i];
}

/*
 * Is there such an order?  A segment that says another byte than the content comes behind one that
 * says the content's: those go first that say no other byte, where none is decided.
 */
static bool some_order_makes(const struct game *g, const uint8_t *content)
{
	bool used[STEPS_MAX] = {false}, decided[SPACE] = {false};
	bool found = true;
	unsigned left = g->count;

	while (found) {
		found = false;
		for (unsigned k = 0; k < g->count; k++) {
			const struct said *s = &g->said[k];
			uint32_t i = s->from;

			while (i < s->end && (decided[i] || g->far + i >= HEAD_MAX ||
					      s->text[i] == content[i]))
				i++;
			if (used[k] || i < s->end)
				continue;
			for (i = s->from; i < s->end; i++)
				decided[i] = true;
			used[k] = found = true;
			left--;
		}
	}
	return left == 0;
}

/* The content of the order of that number. */
static void play_order(const struct game *g, unsigned number, uint8_t *ret)
{
	unsigned left[FEW] = {0, 1, 2, 3, 4};

	memset(ret, 0, SPACE);
	for (unsigned k = g->count; k > 0; number /= k--) {
		const unsigned pick = number % k;
		const struct said *s = &g->said[left[pick]];

		memmove(left + pick, left + pick + 1, (k - pick - 1) * sizeof(left[0]));
		for (uint32_t i = s->from; i < s->end; i++)
			if (ret[i] == 0 && g->far + i < HEAD_MAX)
				ret[i] = s->text[i];
	}
}

static bool is_among(uint8_t (*contents)[SPACE], unsigned count, const uint8_t *content)
{
	for (unsigned i = 0; i < count; i++)
		if (memcmp(contents[i], content, SPACE) == 0)
			return true;
	return false;
}

static void check_contents(const struct game *g)
{
	static const unsigned orders[] = {1, 1, 2, 6, 24, 120};
	static uint8_t contents[MIXTURES_MAX][SPACE];
	static uint8_t bytes[HEAD_MAX];
	uint8_t content[SPACE];
	unsigned count = 0;

	if (g->first.highest == 0)
		return;
	memcpy(bytes, g->first.bytes, g->first.highest);
	mixtures_begin(&mixtures, &copies, &g->first);
	while (mixtures_next(&mixtures, bytes)) {
		check(count > 0 || mixtures.more ||
		      memcmp(bytes, g->first.bytes, g->first.highest) == 0);
		cut_out(g, bytes, content);
		check(!is_among(contents, count, content));
		check(mixtures.more || some_order_makes(g, content));
		check(count < MIXTURES_MAX);
		memcpy(contents[count++], content, SPACE);
	}
	if (count == 0) /* they are alike, or there is one */
		cut_out(g, g->first.bytes, contents[count++]);
	if (g->count > FEW || mixtures.more)
		return;
	for (unsigned n = 0; n < orders[g->count]; n++) {
		play_order(g, n, content);
		check(is_among(contents, count, content));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t far[] = {0, 1000, HEAD_MAX - SPACE, HEAD_MAX - SPACE / 2};
	static struct game g;

	if (pools == NULL)
		pools = head_pools_create(2, 2);
	if (size == 0 || pools == NULL)
		return 0;
	memset(&g, 0, sizeof(g));
	copies_begin(&copies, &g.before);
	g.far = far[data[0] & 3];
	for (size_t at = 1; at + STEP_BYTES <= size && g.count < STEPS_MAX;
	     at += STEP_BYTES) {
		if (data[at] == 0)
			move(&g, data[at + 1]);
		else
			say(&g, data + at);
	}
	check_contents(&g);
	head_clear(&g.first, pools);
	return 0;
}
