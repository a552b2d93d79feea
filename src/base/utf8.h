/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

/*
 * utf8 - the well-formed sequences of RFC 3629: no overlong forms, no surrogates, nothing
 * over U+10FFFF.
 */

#include <stddef.h>
#include <stdint.h>

/* Length of the sequence at the start of the `left` bytes (1 to 4), or 0: ill-formed. */
static inline size_t utf8_len(const uint8_t *b, size_t left)
{
	size_t len;
	uint8_t lo = 0x80; /* bounds of the second byte */
	uint8_t hi = 0xbf;

	if (left == 0)
		return 0;
	if (b[0] < 0x80)
		return 1;
	if (b[0] >= 0xc2 && b[0] <= 0xdf) {
		len = 2;
	} else if (b[0] >= 0xe0 && b[0] <= 0xef) {
		len = 3;
		if (b[0] == 0xe0)
			lo = 0xa0;
		if (b[0] == 0xed)
			hi = 0x9f;
	} else if (b[0] >= 0xf0 && b[0] <= 0xf4) {
		len = 4;
		if (b[0] == 0xf0)
			lo = 0x90;
		if (b[0] == 0xf4)
			hi = 0x8f;
	} else {
		return 0;
	}
	if (left < len || b[1] < lo || b[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* U+0080 to U+009F: control characters that terminals may obey. */
static inline int utf8_is_c1(const uint8_t *b, size_t len)
{
	return len == 2 && b[0] == 0xc2 && b[1] < 0xa0;
}

/* Bytes from the start that are well-formed and no control characters: `len` when all are. */
static inline size_t utf8_text_len(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		const uint8_t *b = (const uint8_t *)text + i;
		const size_t n = utf8_len(b, len - i);

		if (n == 0 || (n == 1 && (*b < 0x20 || *b == 0x7f)) || utf8_is_c1(b, n))
			break;
		i += n;
	}
	return i;
}

#endif /* BASE_UTF8_H */
