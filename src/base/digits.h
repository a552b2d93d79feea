/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

/*
 * digits - numbers as decimal text, two digits at a time; for what is written for each event.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 20 /* of a uint64_t */

extern const char digit_pairs[201]; /* "00" to "99" */

/* `v` below 100 as two digits; returns their end. */
static inline char *digits_two(char *p, unsigned v)
{
	memcpy(p, digit_pairs + (size_t)2 * v, 2);
	return p + 2;
}

/* How many digits `v` has. */
static inline unsigned digits_count(uint64_t v)
{
	unsigned n = 1;

	for (; v >= 10000; v /= 10000)
		n += 4;
	return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

/* `v` without leading zeros, at most DIGITS_MAX bytes and no NUL; returns their end. */
static inline char *digits_put(char *p, uint64_t v)
{
	char *const end = p + digits_count(v);
	char *at = end;

	for (; v >= 100; v /= 100)
		(void)digits_two(at -= 2, (unsigned)(v % 100));
	if (v >= 10)
		(void)digits_two(p, (unsigned)v);
	else
		*p = (char)('0' + v);
	return end;
}

#endif /* BASE_DIGITS_H */
