/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MATCH_GLOB_H
#define MATCH_GLOB_H

/*
 * glob - `*`-only patterns, asked with what the wire shows, which may hold `*` itself.
 *
 * Only `*` is special: it stands for any run of bytes, also none, and crosses every border.
 * Both sides are anchored.  A pattern matches a seen string that has `*` for its hidden
 * parts: in all cases (YES), in no case (NO), or depending on what is hidden (MAYBE).
 *
 * YES: the seen string with each `*` replaced by a byte that no pattern has matches.
 * NO:  the two patterns share no word at all.  With a `*` on both sides that is decided by
 *      their ends alone: neither beginning, or neither end, is part of the other.
 * Source: Microsoft Learn "Connector endpoint filtering" (text of 2025-09-19) for `*`; the
 *         three values are our own, proven by brute force in tests/unit/match.
 *
 * Cost: linear in both lengths (memmem(3) is), bounded by GLOB_MAX; no allocation.
 *
 * Who asks many patterns about one string compiles them first (struct glob) and prepares the
 * string once (struct glob_seen): the ends and up to GLOB_GRAMS groups of three bytes then
 * turn away nearly every pattern that does not match before it is searched for.  What such
 * searches cost is counted in `work`, so that the caller can end them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define GLOB_MAX       512 /* bytes of a pattern or of a seen string */
#define GLOB_STARS_MAX 32

enum glob_answer {
	GLOB_NO = 0,
	GLOB_YES,
	GLOB_MAYBE
};

/* Within GLOB_MAX and GLOB_STARS_MAX? */
bool glob_valid(struct str pattern);

#define GLOB_GRAMS      4
#define GLOB_GRAM_WORDS 64 /* of a set of groups, by hash */

/* A pattern, measured once.  Immutable; `text` is borrowed. */
struct glob {
	struct str text;
	uint16_t head,
		tail; /* bytes before the first star, after the last; no star: len, 0 */
	bool valid, has_star;
	uint8_t gram_count;
	uint16_t
		grams[GLOB_GRAMS]; /* hashes of three bytes that a match holds in a row */
};

/* A seen string.  Of one thread; filled as it is asked about. */
struct glob_seen {
	struct glob glob;
	size_t work; /* bytes that searches may have looked at so far */
	bool has_grams;
	uint64_t grams[GLOB_GRAM_WORDS];
};

void glob_compile(struct glob *g, struct str pattern);
void glob_see(struct glob_seen *s, struct str seen);

/* Add the groups of `text` to a set. */
void glob_add_grams(struct str text, uint64_t grams[GLOB_GRAM_WORDS]);

/* Is one of the pattern's groups in none of the texts?  Then it matches none of them for certain. */
static inline bool glob_lacks_gram(const uint16_t *pattern, unsigned count,
				   const uint64_t grams[GLOB_GRAM_WORDS])
{
	for (unsigned i = 0; i < count; i++)
		if ((grams[pattern[i] / 64] >> (pattern[i] % 64) & 1) == 0)
			return true;
	return false;
}
/* As glob_match(). */
enum glob_answer glob_ask(const struct glob *pattern, struct glob_seen *seen);

/* Either side beyond the limits answers GLOB_MAYBE. */
enum glob_answer glob_match(struct str pattern, struct str seen);

/*
 * Does every word of `narrow` belong to `wide`?  Used to find lines that can never answer;
 * false when either is beyond the limits.
 */
bool glob_covers(struct str wide, struct str narrow);

#endif /* MATCH_GLOB_H */
