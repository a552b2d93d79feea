/* SPDX-License-Identifier: Apache-2.0 */
#include "import/encoding.h"

#include <stdint.h>
#include <stdlib.h>

bool encoding_is_utf16le(const char *text, size_t len)
{
	const uint8_t *b = (const uint8_t *)text;

	if (len < 2)
		return false;
	if (b[0] == 0xff && b[1] == 0xfe)
		return true;
	return b[0] != 0 && b[0] < 0x80 && b[1] == 0;
}

static uint32_t unit_at(const char *text, size_t i)
{
	const uint8_t *b = (const uint8_t *)text + 2 * i;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8;
}

static size_t put(char *to, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	if (n == 1) {
		to[0] = (char)c;
		return 1;
	}
	to[0] = (char)(lead[n] | c >> 6 * (n - 1));
	for (size_t i = 1; i < n; i++)
		to[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
	return n;
}

char *encoding_from_utf16le(const char *text, size_t len, size_t *ret_len)
{
	size_t units = len / 2, used = 0;
	char *to = malloc(units * 3 + 1);

	if (to == NULL)
		return NULL;
	for (size_t i = 0; i < units; i++) {
		uint32_t c = unit_at(text, i);
		uint32_t low = i + 1 < units ? unit_at(text, i + 1) : 0;

		if (i == 0 && c == 0xfeff)
			continue;
		if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i++;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
		}
		used += put(to + used, c);
	}
	to[used] = '\0';
	*ret_len = used;
	return to;
}
