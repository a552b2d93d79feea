/* SPDX-License-Identifier: Apache-2.0 */
#include "match/glob.h"

#include <stddef.h>

#include "base/text.h"

#define NO_STAR ((size_t)-1)

static size_t first_star(struct str s)
{
	const char *at = s.len == 0 ? NULL : memchr(s.p, '*', s.len);

	return at == NULL ? NO_STAR : (size_t)(at - s.p);
}

static size_t last_star(struct str s)
{
	const char *at = s.len == 0 ? NULL : memrchr(s.p, '*', s.len);

	return at == NULL ? NO_STAR : (size_t)(at - s.p);
}

bool glob_valid(struct str pattern)
{
	size_t stars = 0;

	if (pattern.len > GLOB_MAX)
		return false;
	for (size_t i = 0; i < pattern.len; i++)
		stars += pattern.p[i] == '*';
	return stars <= GLOB_STARS_MAX;
}

/*
 * Is `word` in the language of `pattern`?  A `*` in `word` is a byte like any other, and no
 * literal part of a pattern can hold it: it is the byte "that no pattern has".  So for a
 * seen string this asks for YES: what stands for the hidden part falls under a star of the
 * pattern, and a star accepts any other run of bytes in its place, also none.
 *
 * Leftmost placement of each part is complete: a later place only leaves less to match.
 */
static bool covers(struct str pattern, struct str word)
{
	size_t head = first_star(pattern);
	size_t tail;
	const char *part, *end, *at, *last;

	if (head == NO_STAR)
		return str_equal(pattern, word);
	tail = pattern.len - 1 - last_star(pattern);
	if (word.len < head + tail)
		return false;
	if (word.p == NULL)
		word = STR("");
	if (memcmp(pattern.p, word.p, head) != 0)
		return false;
	if (memcmp(pattern.p + pattern.len - tail, word.p + word.len - tail, tail) != 0)
		return false;

	at = word.p + head;
	last = word.p + word.len - tail;
	part = pattern.p + head;
	end = pattern.p + pattern.len - tail; /* just past the last star */
	while (part < end) {
		const char *star = memchr(part, '*', (size_t)(end - part));
		size_t len = (size_t)(star - part);

		if (len > 0) {
			at = memmem(at, (size_t)(last - at), part, len);
			if (at == NULL)
				return false;
			at += len;
		}
		part = star + 1;
	}
	return true;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Do the two share a word?  With a star on both sides only the ends can conflict: the longer
 * beginning, then the inner parts of one, then those of the other, then the longer end is a
 * word of both, as each side's stars take in what belongs to the other.
 */
static bool intersect(struct str a, struct str b)
{
	size_t a_head = first_star(a), b_head = first_star(b);
	size_t head, tail;

	if (a_head == NO_STAR)
		return covers(b, a);
	if (b_head == NO_STAR)
		return covers(a, b);
	head = smaller(a_head, b_head);
	tail = smaller(a.len - 1 - last_star(a), b.len - 1 - last_star(b));
	return memcmp(a.p, b.p, head) == 0 &&
	       memcmp(a.p + a.len - tail, b.p + b.len - tail, tail) == 0;
}

enum glob_answer glob_match(struct str pattern, struct str seen)
{
	if (!glob_valid(pattern) || !glob_valid(seen))
		return GLOB_MAYBE;
	if (covers(pattern, seen))
		return GLOB_YES;
	return intersect(pattern, seen) ? GLOB_MAYBE : GLOB_NO;
}

bool glob_covers(struct str wide, struct str narrow)
{
	return glob_valid(wide) && glob_valid(narrow) && covers(wide, narrow);
}
