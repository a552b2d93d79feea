/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COPIES_H
#define ENGINE_COPIES_H

/*
 * copies - the contents that a receiver may have made of segments that contradict each other.
 *
 * RFC 9293 3.10.7.4 leaves open which copy of a byte counts, and a segment may be lost or come in
 * another order than it was seen.  Whatever the receiver does, of two segments that overlap one counts
 * wherever both lie, unless a third one does: each content that is possible is made by some order in
 * which the segments are preferred.  mixtures_next() gives these contents, one after the other, that
 * of the first copies first; where something found no room it says so, and may give others.
 *
 * Offsets are those of a stream's head, at most HEAD_MAX.  Plain data without pointers, all zero at the
 * start; threads and memory as the worker's.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "flow/head.h"

#define SEGMENTS_MAX 12
#define COPIES_MAX   24
#define COPIES_BYTES 4000
#define PLACES_MAX   12
#define MIXTURES_MAX 64

struct extent {
	uint16_t from, end;
};

/* Where the segments lie that have come so far, while none contradicts another. */
struct segments {
	struct extent at[SEGMENTS_MAX];
	uint8_t count;
	bool more; /* there was no room for one */
};

void segments_add(struct segments *s, uint32_t from, uint32_t end);

/* The head begins `by` bytes earlier; below 0, later: what lies in front of it then is cut off. */
void segments_move(struct segments *s, int32_t by);

/* The same, and what they say. */
struct copies {
	struct extent at[COPIES_MAX];
	struct extent other[COPIES_MAX]; /* what of it is not as the first copies are */
	uint16_t bytes_at[COPIES_MAX];   /* that, in `bytes` */
	uint8_t count;
	uint16_t used; /* of `bytes` */
	bool more;     /* there was no room for one */
	uint8_t bytes[COPIES_BYTES];
};

/* All of `s` say what the first copies do; what *c held is forgotten. */
void copies_begin(struct copies *c, const struct segments *s);

/* One more segment, before it is added to `first`, the first copies of all bytes. */
void copies_add(struct copies *c, const struct head *first, uint32_t at,
		struct str bytes);

/* As segments_move(). */
void copies_move(struct copies *c, int32_t by);

/* Where mixtures_next() stands; private to it but for `more`. */
struct mixtures {
	const struct copies *copies;
	const struct head *first;
	struct extent place[PLACES_MAX];         /* where contents differ */
	uint32_t there[PLACES_MAX];              /* a bit for each segment there */
	uint32_t unlike[PLACES_MAX][COPIES_MAX]; /* the same: that say something else */
	uint8_t says[PLACES_MAX][COPIES_MAX];    /* the first one that says the same */
	/* A bit for each to which a segment is preferred so far, and that are preferred to it. */
	uint32_t over[PLACES_MAX + 1][COPIES_MAX], under[PLACES_MAX + 1][COPIES_MAX];
	uint8_t choice[PLACES_MAX]; /* the segment, + 1 */
	uint8_t places, level;
	uint64_t told[2 * MIXTURES_MAX]; /* the contents, by hash; 0 = none */
	uint8_t count;
	uint16_t steps;
	bool more; /* not all contents have been, or will be, given */
};

void mixtures_begin(struct mixtures *m, const struct copies *c, const struct head *first);

/* The next content: put into `bytes`, which holds what `first` does, or a content before.  False: no more. */
bool mixtures_next(struct mixtures *m, uint8_t *bytes);

#endif /* ENGINE_COPIES_H */
