/* SPDX-License-Identifier: Apache-2.0 */
#include "match/glob.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

#define NO_STAR ((size_t)-1)

static size_t first_star(struct str s)
{
	const char *at = s.len == 0 ? NULL : memchr(s.p, '*', s.len);

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

/* ---- three bytes in a row ---------------------------------------------------------------- */

#define GRAM      3
#define GRAM_BITS (64 * 64)

static uint16_t gram_hash(const char *p)
{
	uint32_t x = (uint32_t)(unsigned char)p[0] << 16 |
		     (uint32_t)(unsigned char)p[1] << 8 | (unsigned char)p[2];

	return (uint16_t)((x * 2654435761u) >> 20); /* 12 bits */
}

/* Is there a group of three that a match must hold at `i`?  None with a star in it. */
static bool is_gram(struct str s, size_t i)
{
	return s.len - i >= GRAM && s.p[i] != '*' && s.p[i + 1] != '*' &&
	       s.p[i + 2] != '*';
}

static bool has_gram(const struct glob *g, uint16_t hash)
{
	bool found = false;

	for (unsigned i = 0; i < g->gram_count; i++)
		found = found || g->grams[i] == hash;
	return found;
}

/* Up to GLOB_GRAMS of them, all different, spread over the pattern. */
static void choose_grams(struct glob *g)
{
	size_t all = 0, n = 0;

	for (size_t i = 0; i < g->text.len; i++)
		all += is_gram(g->text, i);
	for (size_t i = 0; i < g->text.len && g->gram_count < GLOB_GRAMS; i++) {
		if (!is_gram(g->text, i))
			continue;
		if (n >= all * g->gram_count / GLOB_GRAMS &&
		    !has_gram(g, gram_hash(g->text.p + i)))
			g->grams[g->gram_count++] = gram_hash(g->text.p + i);
		n++;
	}
}

void glob_add_grams(struct str t, uint64_t grams[GLOB_GRAM_WORDS])
{
	for (size_t i = 0; i + GRAM <= t.len; i++) {
		unsigned h = gram_hash(t.p + i);

		grams[h / 64] |= (uint64_t)1 << (h % 64);
	}
}

static bool may_hold(const struct glob *pattern, struct glob_seen *seen)
{
	if (!seen->has_grams) {
		memset(seen->grams, 0, sizeof(seen->grams));
		glob_add_grams(seen->glob.text, seen->grams);
		seen->has_grams = true;
	}
	return !glob_lacks_gram(pattern->grams, pattern->gram_count, seen->grams);
}

static void measure(struct glob *g, struct str pattern)
{
	size_t star = first_star(pattern), last = star, stars = 0;

	*g = (struct glob){.text = pattern.p == NULL ? STR("") : pattern};
	g->has_star = star != NO_STAR;
	for (size_t i = star; i < pattern.len; i++)
		if (pattern.p[i] == '*') {
			last = i;
			stars++;
		}
	g->valid = pattern.len <= GLOB_MAX && stars <= GLOB_STARS_MAX;
	if (!g->valid)
		return;
	g->head = (uint16_t)(g->has_star ? star : pattern.len);
	g->tail = (uint16_t)(g->has_star ? pattern.len - 1 - last : 0);
}

void glob_compile(struct glob *g, struct str pattern)
{
	measure(g, pattern);
	if (g->valid)
		choose_grams(g);
}

void glob_see(struct glob_seen *s, struct str seen)
{
	measure(&s->glob, seen);
	s->work = 0;
	s->has_grams = false;
}

/* ---- the three answers ------------------------------------------------------------------- */

/*
 * Is `word` in the language of `pattern`?  A `*` in `word` is a byte like any other, and no
 * literal part of a pattern can hold it: it is the byte "that no pattern has".  So for a
 * seen string this asks for YES: what stands for the hidden part falls under a star of the
 * pattern, and a star accepts any other run of bytes in its place, also none.
 */
static bool ends_fit(const struct glob *wide, const struct glob *narrow)
{
	struct str p = wide->text, w = narrow->text;

	if (!wide->has_star)
		return str_equal(p, w);
	return w.len >= (size_t)wide->head + wide->tail &&
	       memcmp(p.p, w.p, wide->head) == 0 &&
	       memcmp(p.p + p.len - wide->tail, w.p + w.len - wide->tail, wide->tail) ==
		       0;
}

/* Leftmost placement of each part is complete: a later place only leaves less to match. */
static bool middle_fits(const struct glob *wide, const struct glob *narrow)
{
	const char *at = narrow->text.p + wide->head;
	const char *last = narrow->text.p + narrow->text.len - wide->tail;
	const char *part = wide->text.p + wide->head;
	/* just past the last star */
	const char *end = wide->text.p + wide->text.len - wide->tail;

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

static bool covers(const struct glob *pattern, const struct glob *word)
{
	return ends_fit(pattern, word) &&
	       (!pattern->has_star || middle_fits(pattern, word));
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
static bool intersect(const struct glob *a, const struct glob *b)
{
	size_t tail = smaller(a->tail, b->tail);

	if (!a->has_star)
		return covers(b, a);
	if (!b->has_star)
		return covers(a, b);
	return memcmp(a->text.p, b->text.p, smaller(a->head, b->head)) == 0 &&
	       memcmp(a->text.p + a->text.len - tail, b->text.p + b->text.len - tail,
		      tail) == 0;
}

enum glob_answer glob_ask(const struct glob *pattern, struct glob_seen *seen)
{
	const struct glob *word = &seen->glob;
	bool fits;

	if (!pattern->valid || !word->valid)
		return GLOB_MAYBE;
	fits = ends_fit(pattern, word);
	if (fits && pattern->has_star &&
	    pattern->text.len > (size_t)pattern->head + pattern->tail + 1) {
		fits = may_hold(pattern, seen);
		if (fits) {
			seen->work += pattern->text.len + word->text.len;
			fits = middle_fits(pattern, word);
		}
	}
	if (fits)
		return GLOB_YES;
	if (!word->has_star)
		return GLOB_NO;
	if (pattern->has_star)
		return intersect(pattern, word) ? GLOB_MAYBE : GLOB_NO;
	if (!ends_fit(word, pattern))
		return GLOB_NO;
	seen->work += pattern->text.len + word->text.len;
	return middle_fits(word, pattern) ? GLOB_MAYBE : GLOB_NO;
}

enum glob_answer glob_match(struct str pattern, struct str seen)
{
	struct glob p, s;

	measure(&p, pattern);
	measure(&s, seen);
	if (!p.valid || !s.valid)
		return GLOB_MAYBE;
	if (covers(&p, &s))
		return GLOB_YES;
	return intersect(&p, &s) ? GLOB_MAYBE : GLOB_NO;
}

bool glob_covers(struct str wide, struct str narrow)
{
	struct glob w, n;

	measure(&w, wide);
	measure(&n, narrow);
	return w.valid && n.valid && covers(&w, &n);
}
