/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#define CUTS_MAX   200
#define FRAMES_MAX 40 /* of QUIC, in a talk */
#define DATAGRAMS_MAX \
	30 /* decoys fit in under IDENTIFY_DATAGRAMS_MAX, which counts no others */

static const char *const names[DECOY_COUNT] = {
	"checksum", "no_ack", "old",   "md5",  "reset",    "ack_ahead",
	"syn",      "probe",  "taken", "left", "far",      "header",
	"early",    "ttl",    "other", "tag",  "unpadded", "junk"};

static const enum decoy of_mirror[] = {
	DECOY_CHECKSUM,  DECOY_NO_ACK, DECOY_OLD,   DECOY_MD5,   DECOY_RESET,
	DECOY_ACK_AHEAD, DECOY_SYN,    DECOY_PROBE, DECOY_TAKEN, DECOY_LEFT,
	DECOY_FAR,       DECOY_HEADER, DECOY_EARLY};

/* What shows by itself, without a word of the server. */
static const enum decoy of_one_way[] = {DECOY_CHECKSUM, DECOY_NO_ACK, DECOY_RESET,
					DECOY_FAR, DECOY_HEADER};

/* Inline, SYN-ACKs pass without us, and wrong checksums do not come so far. */
static const enum decoy of_inline[] = {DECOY_NO_ACK, DECOY_MD5,    DECOY_RESET,
				       DECOY_SYN,    DECOY_HEADER, DECOY_LEFT,
				       DECOY_TTL,    DECOY_OTHER};

static const enum decoy of_quic[] = {DECOY_TAG, DECOY_UNPADDED, DECOY_JUNK};

const char *decoy_name(enum decoy d)
{
	return names[d];
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static enum decoy choose(const struct plan *p, const struct talk *t, enum position pos,
			 struct rng *r)
{
	if (t->quic)
		return of_quic[below(r, COUNT(of_quic))];
	if (pos == POSITION_INLINE)
		return of_inline[below(r, COUNT(of_inline))];
	if (p->one_way)
		return of_one_way[below(r, COUNT(of_one_way))];
	return of_mirror[below(r, COUNT(of_mirror))];
}

static void add(struct plan *p, struct step s)
{
	if (p->count < STEPS_MAX)
		p->steps[p->count++] = s;
}

/* [from, to) in pieces: a few, many, of one size, or single bytes at first. */
static void cut(struct plan *p, struct step s, uint32_t to, struct rng *r)
{
	static const uint16_t sizes[] = {1, 7, 64, 200, 536, 1000, 1220, 1460};
	const uint32_t style = below(r, 5);
	const uint32_t size = sizes[below(r, COUNT(sizes))];
	const uint32_t pieces = 1 + below(r, style == 0 ? 4 : 40);
	const uint32_t usual = 1 + (to - s.at) / pieces;
	uint32_t n = 0;

	while (s.at < to) {
		const uint32_t left = to - s.at;
		uint32_t len = style < 2 ? 1 + below(r, 2 * (size_t)usual) : size;

		if (style == 4 && n < 30)
			len = 1 + below(r, 2);
		if (len > left || n++ >= CUTS_MAX)
			len = left;
		s.len = len;
		s.noise = (uint32_t)rng_next(r);
		add(p, s);
		s.at += len;
	}
}

static void swap(struct step *a, struct step *b)
{
	const struct step keep = *a;

	*a = *b;
	*b = keep;
}

/* The steps from `first` on: as they are, backwards, neighbours swapped, or any order. */
static void reorder(struct plan *p, size_t first, struct rng *r)
{
	const size_t n = p->count - first;
	struct step *s = p->steps + first;

	switch (below(r, 5)) {
	case 0:
		break;
	case 1:
		for (size_t i = 0; i < n / 2; i++)
			swap(&s[i], &s[n - 1 - i]);
		break;
	case 2:
		for (size_t i = 1; i < n; i++)
			if (below(r, 3) == 0)
				swap(&s[i - 1], &s[i]);
		break;
	case 3:
		if (n > 1)
			swap(&s[0], &s[n - 1]);
		break;
	default:
		for (size_t i = n; i > 1; i--)
			swap(&s[i - 1], &s[below(r, i)]);
		break;
	}
}

/* To any place among the steps of its turn. */
static void put_in(struct plan *p, size_t first, struct step s, struct rng *r)
{
	if (p->count == STEPS_MAX)
		return;
	add(p, s);
	for (size_t i = p->count - 1, to = first + below(r, p->count - first); i > to;
	     i--)
		swap(&p->steps[i], &p->steps[i - 1]);
}

static struct step any_range(uint8_t turn, uint32_t end, struct rng *r)
{
	struct step s = {.turn = turn, .at = below(r, end)};
	const uint32_t longest = below(r, 2) == 0 ? 20 : end;

	s.len = 1 + below(r, longest);
	if (s.len > end - s.at)
		s.len = end - s.at;
	s.noise = (uint32_t)rng_next(r);
	return s;
}

static void add_more(struct plan *p, size_t first, const struct talk *t, uint8_t turn,
		     enum position pos, struct rng *r)
{
	const uint32_t end = t->turns[turn].client_end;
	const bool decoys = below(r, 3) != 0;

	for (uint32_t n = below(r, 6); n > 0; n--)
		put_in(p, first, any_range(turn, end, r), r);
	for (uint32_t n = t->quic ? 0 : below(r, 5); n > 0; n--)
		put_in(p, first, (struct step){.turn = turn, .kind = STEP_ACK}, r);
	for (uint32_t n = decoys ? below(r, t->quic ? 4 : 8) : 0; n > 0; n--) {
		struct step s = any_range(turn, end, r);

		s.kind = STEP_DECOY;
		s.decoy = (uint8_t)choose(p, t, pos, r);
		if (below(r, 3) == 0)
			s.at = 0;
		put_in(p, first, s, r);
	}
}

/* Frames into datagrams, so many that the reader's patience is not used up. */
static void pack(struct plan *p, struct rng *r)
{
	uint32_t datagrams = 0;

	for (size_t i = 0; i < p->count; i++) {
		struct step *s = &p->steps[i];

		if (s->kind != STEP_DATA)
			continue;
		s->together =
			datagrams > 0 && (datagrams == DATAGRAMS_MAX || below(r, 3) == 0);
		datagrams += !s->together;
	}
}

static void make_turn(struct plan *p, const struct talk *t, uint8_t turn,
		      enum position pos, struct rng *r)
{
	const uint32_t from = turn == 0 ? 0 : t->turns[turn - 1].client_end;
	const uint32_t to = t->turns[turn].client_end;
	const size_t first = p->count;

	if (to == 0)
		return;
	cut(p, (struct step){.turn = turn, .at = from}, to, r);
	if (t->quic)
		for (size_t keep = FRAMES_MAX; p->count > keep; p->count--)
			p->steps[keep - 1].len += p->steps[p->count - 1].len;
	reorder(p, first, r);
	add_more(p, first, t, turn, pos, r);
	if (t->quic)
		pack(p, r);
}

void plan_plain(struct plan *ret, const struct plan *p)
{
	ret->ipv6 = p->ipv6;
	ret->stamps = false;
	ret->one_way = p->one_way;
	ret->deny = p->deny;
	ret->client_isn = 1000;
	ret->server_isn = 5000;
	ret->count = 0;
}

void plan_make(struct plan *ret, const struct talk *t, enum position pos, struct rng *r)
{
	ret->ipv6 = below(r, 3) == 0;
	ret->stamps = below(r, 2) == 0;
	ret->one_way = pos == POSITION_MIRROR && below(r, 6) == 0;
	ret->deny = pos == POSITION_INLINE && below(r, 3) == 0;
	/* Often so that the numbers wrap within the stream. */
	ret->client_isn = (uint32_t)rng_next(r);
	if (below(r, 3) == 0)
		ret->client_isn = 0u - below(r, 3000);
	ret->server_isn = (uint32_t)rng_next(r);
	ret->count = 0;
	for (uint8_t turn = 0; turn < t->turn_count; turn++)
		make_turn(ret, t, turn, pos, r);
}
