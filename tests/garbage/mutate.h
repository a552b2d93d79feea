/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GARBAGE_MUTATE_H
#define GARBAGE_MUTATE_H

/*
 * mutate - turn a sound file into a damaged one, the same way for the same number.
 *
 * Memory: works in place, in a buffer of MUTATE_MAX bytes; never grows past it.
 */

#include <stddef.h>
#include <stdint.h>

#define MUTATE_MAX ((size_t)1 << 20)

struct bytes {
	uint8_t *at;
	size_t len;
};

/* SplitMix64 (Steele, Lea, Flood 2014): every start value gives a good sequence. */
struct dice {
	uint64_t state;
};

uint64_t dice_roll(struct dice *d);
size_t dice_below(struct dice *d, size_t n); /* 0 .. n - 1; 0 when n is 0 */

enum form {
	FORM_TEXT = 0,
	FORM_BINARY,
	FORM_CAPTURE
};

/*
 * Damage `b` (of MUTATE_MAX bytes) in one to a few dozen places.  `other` is a second seed,
 * of which pieces may be put in.
 */
void mutate(struct dice *d, enum form form, const struct bytes *other, struct bytes *b);

#endif /* GARBAGE_MUTATE_H */
