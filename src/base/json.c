/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <string.h>

#include "base/digits.h"
#include "base/utf8.h"

/* `len` bytes of room, counted as written, or NULL: overflow is sticky. */
static char *room(struct json *j, size_t len)
{
	char *at;

	if (j->full || len > j->size - j->len) {
		j->full = true;
		return NULL;
	}
	at = j->buf + j->len;
	j->len += len;
	return at;
}

static void put(struct json *j, const char *bytes, size_t len)
{
	char *at = room(j, len);

	if (at != NULL)
		memcpy(at, bytes, len);
}

/* What stands before a value: a comma, the key. */
static void begin(struct json *j, struct str key)
{
	char *at = room(j, (j->comma ? 1u : 0u) + (key.p == NULL ? 0 : key.len + 3));

	if (at == NULL)
		return;
	if (j->comma)
		*at++ = ',';
	if (key.p != NULL) {
		*at++ = '"';
		at = mempcpy(at, key.p, key.len);
		*at++ = '"';
		*at = ':';
	}
	j->comma = true;
}

void json_object_begin(struct json *j, const char *key)
{
	begin(j, str_of(key));
	put(j, "{", 1);
	j->comma = false;
}

void json_object_end(struct json *j)
{
	put(j, "}", 1);
	j->comma = true;
}

void json_array_begin(struct json *j, const char *key)
{
	begin(j, str_of(key));
	put(j, "[", 1);
	j->comma = false;
}

void json_array_end(struct json *j)
{
	put(j, "]", 1);
	j->comma = true;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

typedef int8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

/* As is_plain(), of 16 bytes at once. */
static bool are_plain(words2 w)
{
	const bytes16 b = (bytes16)w;
	/* Bytes from 0x80 on are negative. */
	const words2 special =
		(words2)((b < 0x20) | (b == '"') | (b == '\\') | (b == 0x7f));

	return (special[0] | special[1]) == 0;
}

bool json_copy_plain(char *to, const char *from, size_t len)
{
	words2 w;

	if (len < 4) {
		for (; len > 0; len--, from++, to++) {
			if (!is_plain((unsigned char)*from))
				return false;
			*to = *from;
		}
		return true;
	}
	/* First and last half, which overlap. */
	if (len < 8) {
		uint32_t first, last;
		uint64_t both;

		memcpy(&first, from, 4);
		memcpy(&last, from + len - 4, 4);
		memcpy(to, &first, 4);
		memcpy(to + len - 4, &last, 4);
		both = (uint64_t)first << 32 | last;
		return are_plain((words2){both, both});
	}
	if (len < sizeof(w)) {
		uint64_t first, last;

		memcpy(&first, from, 8);
		memcpy(&last, from + len - 8, 8);
		memcpy(to, &first, 8);
		memcpy(to + len - 8, &last, 8);
		return are_plain((words2){first, last});
	}
	for (size_t n = 0; len - n > sizeof(w); n += sizeof(w)) {
		memcpy(&w, from + n, sizeof(w));
		if (!are_plain(w))
			return false;
		memcpy(to + n, &w, sizeof(w));
	}
	/* The last 16, of which some may have been copied already. */
	memcpy(&w, from + len - sizeof(w), sizeof(w));
	memcpy(to + len - sizeof(w), &w, sizeof(w));
	return are_plain(w);
}

/* Copy the plain bytes at the start of `len` bytes; returns their number. */
static size_t copy_plain(char *to, const char *from, size_t len)
{
	size_t n = 0;

	while (n < len && is_plain((unsigned char)from[n])) {
		to[n] = from[n];
		n++;
	}
	return n;
}

static void put_escape(struct json *j, unsigned c)
{
	static const char digits[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

	switch (c) {
	case '"':
	case '\\':
		text[1] = (char)c;
		break;
	case '\n':
		text[1] = 'n';
		break;
	case '\r':
		text[1] = 'r';
		break;
	case '\t':
		text[1] = 't';
		break;
	default:
		put(j, text, 6);
		return;
	}
	put(j, text, 2);
}

/* Write the one character at `p` that copy_plain() left; returns the bytes read. */
static size_t put_special(struct json *j, const char *p, size_t left)
{
	const uint8_t *b = (const uint8_t *)p;
	size_t len = utf8_len(b, left);

	if (len == 0) {
		put(j, "\xef\xbf\xbd", 3); /* U+FFFD */
		return 1;
	}
	if (len == 1)
		put_escape(j, b[0]);
	else if (utf8_is_c1(b, len))
		put_escape(j,
			   b[1]); /* U+0080..U+009F: the second byte is the code point */
	else
		put(j, p, len);
	return len;
}

void json_put_string(struct json *j, struct str key, struct str s)
{
	size_t done = 0;

	if (s.p == NULL)
		return;
	begin(j, key);
	put(j, "\"", 1);
	while (done < s.len && !j->full) {
		size_t left = s.len - done;
		size_t space = j->size - j->len;
		size_t n = copy_plain(j->buf + j->len, s.p + done,
				      left < space ? left : space);

		j->len += n;
		done += n;
		if (done < s.len)
			done += put_special(j, s.p + done, s.len - done);
	}
	put(j, "\"", 1);
}

void json_put_u64(struct json *j, struct str key, uint64_t v)
{
	char *at;

	begin(j, key);
	at = room(j, digits_count(v));
	if (at != NULL)
		(void)digits_put(at, v);
}

void json_put_i64(struct json *j, struct str key, int64_t v)
{
	char text[1 + DIGITS_MAX] = "-";
	char *end = text + (v < 0 ? 1 : 0);

	end = digits_put(end, v < 0 ? -(uint64_t)v : (uint64_t)v);
	begin(j, key);
	put(j, text, (size_t)(end - text));
}

void json_put_bool(struct json *j, struct str key, bool v)
{
	begin(j, key);
	put(j, v ? "true" : "false", v ? 4 : 5);
}

void json_raw(struct json *j, const char *bytes, size_t len)
{
	put(j, bytes, len);
}
