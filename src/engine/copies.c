/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/copies.h"

#include <string.h>

#define STEPS_MAX 2048
#define SLOTS     (2 * MIXTURES_MAX)

/* ---- segments ------------------------------------------------------------------------------ */

static uint16_t limited(uint32_t at)
{
	return (uint16_t)(at < HEAD_MAX ? at : HEAD_MAX);
}

static uint16_t moved(uint16_t at, int32_t by)
{
	const int32_t to = at + by;

	return limited(to > 0 ? (uint32_t)to : 0);
}

static bool is_extent(const struct extent *s, uint32_t from, uint32_t end)
{
	return s->from == from && s->end == end;
}

void segments_add(struct segments *s, uint32_t from, uint32_t end)
{
	const struct extent at = {limited(from), limited(end)};

	if (at.from == at.end)
		return;
	for (unsigned i = 0; i < s->count; i++)
		if (is_extent(&s->at[i], at.from, at.end))
			return;
	if (s->count == SEGMENTS_MAX)
		s->more = true;
	else
		s->at[s->count++] = at;
}

void segments_move(struct segments *s, int32_t by)
{
	const struct segments old = *s;

	*s = (struct segments){.more = old.more};
	for (unsigned i = 0; i < old.count; i++)
		segments_add(s, moved(old.at[i].from, by), moved(old.at[i].end, by));
}

/* ---- copies ---------------------------------------------------------------------------------- */

void copies_begin(struct copies *c, const struct segments *s)
{
	memset(c, 0, offsetof(struct copies, bytes));
	memcpy(c->at, s->at, s->count * sizeof(s->at[0]));
	c->count = s->count;
	c->more = s->more;
}

static bool is_first_copy(const struct head *first, uint32_t i, char byte)
{
	return !head_has(first, i, i + 1) || first->bytes[i] == (uint8_t)byte;
}

/* What of the bytes is not as the first copies, at the widest; empty where all is. */
static struct extent other_of(const struct head *first, struct extent at,
			      const char *bytes)
{
	struct extent other = at;

	while (other.from < other.end &&
	       is_first_copy(first, other.from, bytes[other.from - at.from]))
		other.from++;
	while (other.end > other.from &&
	       is_first_copy(first, other.end - 1u, bytes[other.end - 1 - at.from]))
		other.end--;
	return other;
}

void copies_add(struct copies *c, const struct head *first, uint32_t at, struct str bytes)
{
	const struct extent all = {
		limited(at),
		bytes.len < HEAD_MAX ? limited(at + (uint32_t)bytes.len) : HEAD_MAX};
	const struct extent other = other_of(first, all, bytes.p);
	const unsigned len = other.end - other.from;
	const char *const said = bytes.p + (other.from - all.from);

	if (all.from == all.end)
		return;
	for (unsigned i = 0; i < c->count; i++)
		if (is_extent(&c->at[i], all.from, all.end) &&
		    is_extent(&c->other[i], len > 0 ? other.from : 0,
			      len > 0 ? other.end : 0) &&
		    memcmp(c->bytes + c->bytes_at[i], said, len) == 0)
			return;
	if (c->count == COPIES_MAX || len + c->used > COPIES_BYTES) {
		c->more = true;
		return;
	}
	c->at[c->count] = all;
	c->bytes_at[c->count] = c->used;
	c->other[c->count] = len > 0 ? other : (struct extent){0, 0};
	memcpy(c->bytes + c->used, said, len);
	c->used = (uint16_t)(c->used + len);
	c->count++;
}

void copies_move(struct copies *c, int32_t by)
{
	for (unsigned i = 0; i < c->count; i++) {
		const int32_t from = c->other[i].from + by;

		if (c->other[i].end > 0) {
			c->other[i] = (struct extent){moved(c->other[i].from, by),
						      moved(c->other[i].end, by)};
			c->bytes_at[i] =
				(uint16_t)(c->bytes_at[i] + (from < 0 ? -from : 0));
		}
		c->at[i] = (struct extent){moved(c->at[i].from, by),
					   moved(c->at[i].end, by)};
	}
}

/* ---- mixtures -------------------------------------------------------------------------------- */

/* What segment `s` says at `i`, where it lies. */
static uint8_t said_at(const struct mixtures *m, unsigned s, uint32_t i)
{
	const struct copies *c = m->copies;
	const struct extent *other = &c->other[s];

	return i >= other->from && i < other->end
		       ? c->bytes[c->bytes_at[s] + (i - other->from)]
		       : m->first->bytes[i];
}

static bool same_within(const struct mixtures *m, unsigned s, unsigned t,
			struct extent place, const struct extent *part)
{
	uint32_t at = place.from > part->from ? place.from : part->from;
	const uint32_t end = place.end < part->end ? place.end : part->end;

	while (at < end && said_at(m, s, at) == said_at(m, t, at))
		at++;
	return at >= end;
}

/* Where neither is another, both are as the first copies. */
static bool says_same(const struct mixtures *m, unsigned s, unsigned t,
		      struct extent place)
{
	return same_within(m, s, t, place, &m->copies->other[s]) &&
	       same_within(m, s, t, place, &m->copies->other[t]);
}

/* A place where some segments lie and no other one begins or ends: is it said in several ways? */
static void look_at_place(struct mixtures *m, struct extent place)
{
	const struct copies *c = m->copies;
	const unsigned n = m->places;
	uint8_t says[COPIES_MAX];
	uint32_t there = 0;
	bool several = false;

	for (unsigned s = 0; s < c->count; s++) {
		if (c->at[s].from > place.from || c->at[s].end < place.end)
			continue;
		says[s] = (uint8_t)s;
		for (unsigned t = s; t-- > 0;)
			if ((there >> t & 1) != 0 && says[t] == t &&
			    says_same(m, s, t, place))
				says[s] = (uint8_t)t;
		several |= there != 0 && says[s] == s;
		there |= 1u << s;
	}
	if (!several)
		return;
	if (n == PLACES_MAX) {
		m->more = true;
		return;
	}
	m->place[n] = place;
	m->there[n] = there;
	for (unsigned s = 0; s < c->count; s++) {
		m->says[n][s] = (there >> s & 1) != 0 ? says[s] : 0;
		for (unsigned t = 0; t < s; t++)
			if ((there >> s & there >> t & 1) != 0 && says[t] != says[s]) {
				m->unlike[n][s] |= 1u << t;
				m->unlike[n][t] |= 1u << s;
			}
	}
	m->places++;
}

/* The first edge of a segment behind `at`; `highest`: there is none in front of that. */
static uint32_t next_edge(const struct copies *c, uint32_t at, uint32_t highest)
{
	uint32_t edge = highest;

	for (unsigned s = 0; s < c->count; s++) {
		if (c->at[s].from > at && c->at[s].from < edge)
			edge = c->at[s].from;
		if (c->at[s].end > at && c->at[s].end < edge)
			edge = c->at[s].end;
	}
	return edge;
}

void mixtures_begin(struct mixtures *m, const struct copies *c, const struct head *first)
{
	memset(m, 0, sizeof(*m));
	m->copies = c;
	m->first = first;
	m->more = c->more;
	for (uint32_t at = 0, end; at < first->highest; at = end) {
		end = next_edge(c, at, first->highest);
		look_at_place(m, (struct extent){(uint16_t)at, (uint16_t)end});
	}
}

static unsigned take_bit(uint32_t *bits)
{
	const unsigned lowest = (unsigned)__builtin_ctz(*bits);

	*bits &= *bits - 1;
	return lowest;
}

/* At the present place segment `s` counts: over all there that say something else.  False: it cannot. */
static bool prefer(struct mixtures *m, unsigned s)
{
	const uint32_t unlike = m->unlike[m->level][s];
	uint32_t *const over = m->over[m->level + 1], *const under =
							      m->under[m->level + 1];
	uint32_t below = unlike, above, bits;

	if ((m->under[m->level][s] & unlike) != 0)
		return false;
	memcpy(over, m->over[m->level], sizeof(m->over[0]));
	memcpy(under, m->under[m->level], sizeof(m->under[0]));
	for (bits = unlike; bits != 0;)
		below |= over[take_bit(&bits)];
	above = under[s] | 1u << s;
	for (bits = above; bits != 0;)
		over[take_bit(&bits)] |= below;
	for (bits = below; bits != 0;)
		under[take_bit(&bits)] |= above;
	return true;
}

/* All places have their segment: is it a content that was not given before? */
static bool is_new(struct mixtures *m)
{
	uint64_t key = 0;
	unsigned slot;

	for (unsigned n = 0; n < m->places; n++)
		key = key << 5 | m->says[n][m->choice[n] - 1];
	key++; /* 0 is a free slot */
	slot = (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SLOTS;
	while (m->told[slot] != key && m->told[slot] != 0)
		slot = (slot + 1) % SLOTS;
	if (m->told[slot] == key)
		return false;
	if (m->count == MIXTURES_MAX) {
		m->more = true;
		return false;
	}
	m->told[slot] = key;
	m->count++;
	return true;
}

static void put(const struct mixtures *m, uint8_t *bytes)
{
	for (unsigned n = 0; n < m->places; n++)
		for (uint32_t i = m->place[n].from; i < m->place[n].end; i++)
			bytes[i] = said_at(m, m->choice[n] - 1u, i);
}

/* The next segment for the present place; false: there is none. */
static bool choose(struct mixtures *m)
{
	const unsigned n = m->level;
	uint32_t left = m->there[n] & ~((1u << m->choice[n]) - 1);

	while (left != 0) {
		const unsigned s = take_bit(&left);

		m->choice[n] = (uint8_t)(s + 1);
		if (prefer(m, s))
			return true;
	}
	m->choice[n] = 0;
	return false;
}

bool mixtures_next(struct mixtures *m, uint8_t *bytes)
{
	if (m->places == 0 || (m->level == 0 && m->steps > 0))
		return false;
	if (m->level == m->places) /* where the one before was given */
		m->level--;
	for (;;) {
		if (++m->steps > STEPS_MAX) {
			m->more = true;
			m->level = 0;
			return false;
		}
		if (!choose(m)) {
			if (m->level == 0)
				return false;
			m->level--;
			continue;
		}
		m->level++;
		if (m->level < m->places)
			continue;
		if (is_new(m)) {
			put(m, bytes);
			return true;
		}
		if (m->more)
			return false;
		m->level--;
	}
}
