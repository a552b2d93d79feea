/* SPDX-License-Identifier: Apache-2.0 */
#include "report/html.h"

#include <inttypes.h>

#include "base/utf8.h"

/* The code point of a well-formed sequence. */
static uint32_t code_point(const uint8_t *b, size_t len)
{
	static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = b[0] & masks[len];

	for (size_t i = 1; i < len; i++)
		c = c << 6 | (b[i] & 0x3f);
	return c;
}

struct span {
	uint32_t from, to;
};

/* Not seen, or of effect on what stands around. */
static const struct span unseen[] = {
	{0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},     {0x34f, 0x34f},
	{0x61c, 0x61c},     {0x115f, 0x1160},   {0x17b4, 0x17b5}, {0x180b, 0x180f},
	{0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f}, {0x3164, 0x3164},
	{0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0}, {0xfff0, 0xfffb},
	{0x1bca0, 0x1bca3}, {0xe0000, 0xe0fff},
};

static bool is_unseen(uint32_t c)
{
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		if (c >= unseen[i].from && c <= unseen[i].to)
			return true;
	return false;
}

static const char *reference(uint32_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* One character; returns how many bytes it took. */
static size_t put_one(FILE *out, const uint8_t *b, size_t left)
{
	const size_t len = utf8_len(b, left);
	const uint32_t c = len == 0 ? 0xfffd : code_point(b, len);
	const char *named = reference(c);

	if (named != NULL)
		(void)fputs(named, out);
	else if (len == 0)
		(void)fputs("\xef\xbf\xbd", out);
	else if (is_unseen(c))
		(void)fprintf(out, "\\u%04" PRIx32, c);
	else
		(void)fwrite(b, 1, len, out);
	return len == 0 ? 1 : len;
}

void html_text_cut(FILE *out, struct str s, size_t most)
{
	const uint8_t *b = (const uint8_t *)s.p;
	size_t i = 0;

	while (i < s.len && i < most)
		i += put_one(out, b + i, s.len - i);
	if (i < s.len)
		(void)fputs("...", out);
}

void html_text(FILE *out, struct str s)
{
	html_text_cut(out, s, SIZE_MAX);
}

void html_count(FILE *out, uint64_t n)
{
	char digits[24];
	const int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			(void)fputc(',', out);
		(void)fputc(digits[i], out);
	}
}

void html_bytes(FILE *out, uint64_t n)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	uint64_t unit = 1;
	size_t i = 0;

	while (i + 1 < sizeof(units) / sizeof(units[0]) && n / unit >= 1000) {
		unit *= 1000;
		i++;
	}
	if (i == 0)
		(void)fprintf(out, "%" PRIu64 " B", n);
	else
		(void)fprintf(out, "%" PRIu64 ".%" PRIu64 " %s", n / unit,
			      n % unit / (unit / 10), units[i]);
}
