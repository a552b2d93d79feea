/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_read.h"

#include <string.h>

#include "base/utf8.h"

static const char *const names[] = {
	[JSON_READ_END] = "nothing",
	[JSON_READ_OBJECT] = "an object",
	[JSON_READ_OBJECT_END] = "the end of an object",
	[JSON_READ_ARRAY] = "an array",
	[JSON_READ_ARRAY_END] = "the end of an array",
	[JSON_READ_KEY] = "a key",
	[JSON_READ_STRING] = "a string",
	[JSON_READ_NUMBER] = "a number",
	[JSON_READ_TRUE] = "true",
	[JSON_READ_FALSE] = "false",
	[JSON_READ_NULL] = "null",
};

const char *json_kind_name(enum json_kind k)
{
	return names[k];
}

struct span json_read_span(const struct json_reader *r, const struct json_token *t)
{
	return (struct span){r->file, t->line, t->col, t->len};
}

void json_read_start(struct json_reader *r, const char *file, const char *text,
		     size_t len, struct diag *d)
{
	static const char mark[] = "\xef\xbb\xbf";

	memset(r, 0, offsetof(struct json_reader, decoded));
	r->file = file;
	r->text = text;
	r->len = len;
	r->d = d;
	r->line = 1;
	if (len >= 3 && memcmp(text, mark, 3) == 0)
		r->at = 3;
}

/* The byte at `at`; -1 past the end. */
static int byte_at(const struct json_reader *r, size_t at)
{
	return at < r->len ? (unsigned char)r->text[at] : -1;
}

static bool fault(struct json_reader *r, size_t at, size_t len, const char *message,
		  const char *remedy)
{
	const struct span where = {r->file, r->line, (unsigned)(at - r->line_start) + 1,
				   (unsigned)len};

	diag_error(r->d, where, "%s", message);
	diag_remedy(r->d, "%s", remedy);
	r->failed = true;
	return false;
}

static const char *const again = "a complete JSON text; fetch or export the file again";

static void pass_blanks(struct json_reader *r)
{
	for (; r->at < r->len; r->at++) {
		char c = r->text[r->at];

		if (c == '\n') {
			r->line++;
			r->line_start = r->at + 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			return;
		}
	}
}

static int hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits of \uXXXX that begin at `at`; false when they are none. */
static bool code_unit(const struct json_reader *r, size_t at, uint32_t *ret)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int digit = hex_value(byte_at(r, at + i));

		if (digit < 0)
			return false;
		v = v << 4 | (uint32_t)digit;
	}
	*ret = v;
	return true;
}

static size_t put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/*
 * The escape whose backslash stands at *at, decoded to at most 4 bytes at `to`; *at moves
 * behind it.  Returns how many bytes, 0 = no sound escape.  Surrogates count in pairs only.
 */
static size_t unescape(const struct json_reader *r, size_t *at, char *to)
{
	static const char plain[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	int c = byte_at(r, *at + 1);
	const char *known = c <= 0 ? NULL : strchr(plain, c);
	uint32_t code, low;

	if (known != NULL) {
		*to = meant[known - plain];
		*at += 2;
		return 1;
	}
	if (c != 'u' || !code_unit(r, *at + 2, &code))
		return 0;
	*at += 6;
	if (code < 0xd800 || code > 0xdfff)
		return put_utf8(to, code);
	if (code > 0xdbff || byte_at(r, *at) != '\\' || byte_at(r, *at + 1) != 'u' ||
	    !code_unit(r, *at + 2, &low) || low < 0xdc00 || low > 0xdfff)
		return 0;
	*at += 6;
	return put_utf8(to, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
}

/* Each byte's highest bit: 1 when the byte is zero (and of bytes above such a one, maybe). */
static uint64_t zero_bytes(uint64_t v)
{
	return (v - 0x0101010101010101u) & ~v & 0x8080808080808080u;
}

/* How many bytes from `at` on stand for themselves: ASCII, no control byte, quote, escape. */
static size_t plain_run(const struct json_reader *r, size_t at)
{
	const size_t begin = at;

	for (; r->len - at >= 8; at += 8) {
		uint64_t v, odd;

		memcpy(&v, r->text + at, sizeof(v));
		odd = zero_bytes(v ^ 0x2222222222222222u) |
		      zero_bytes(v ^ 0x5c5c5c5c5c5c5c5cu) |
		      ((v - 0x2020202020202020u) & ~v & 0x8080808080808080u) |
		      (v & 0x8080808080808080u);
		if (odd != 0 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
			return at - begin + (size_t)__builtin_ctzll(odd) / 8;
		if (odd != 0)
			break;
	}
	while (at < r->len && (unsigned char)r->text[at] >= 0x20 &&
	       (unsigned char)r->text[at] < 0x80 && r->text[at] != '"' &&
	       r->text[at] != '\\')
		at++;
	return at - begin;
}

/* A string from its quote on: r->at moves behind it. */
static bool read_string(struct json_reader *r, struct str *ret)
{
	size_t begin = r->at + 1, at = begin + plain_run(r, begin), used = 0;
	bool escaped = false;

	for (;;) {
		int c = byte_at(r, at);
		size_t n = 1;

		if (c == '"')
			break;
		if (c < 0x20)
			return fault(r, c < 0 ? r->at : at, 1,
				     c < 0 ? "the string has no end"
					   : "a control byte in a string",
				     c < 0 ? again : "an escape such as \\n");
		if (c == '\\') {
			size_t from = at;

			if (!escaped) {
				if (at - begin > sizeof(r->decoded) - 4)
					return fault(r, r->at, 1,
						     "the string is too long",
						     "at most 1,020 bytes with escapes");
				used = at - begin;
				memcpy(r->decoded, r->text + begin, used);
				escaped = true;
			}
			if (used > sizeof(r->decoded) - 4)
				return fault(r, r->at, 1, "the string is too long",
					     "at most 1,020 bytes with escapes");
			n = unescape(r, &at, r->decoded + used);
			if (n == 0)
				return fault(
					r, from, 2, "no escape of JSON",
					"\\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX");
			used += n;
			continue;
		}
		if (c >= 0x80)
			n = utf8_len((const uint8_t *)r->text + at, r->len - at);
		if (n == 0)
			return fault(r, at, 1, "a byte that is no UTF-8",
				     "a file in UTF-8");
		if (escaped) {
			if (used > sizeof(r->decoded) - 4)
				return fault(r, r->at, 1, "the string is too long",
					     "at most 1,020 bytes with escapes");
			memcpy(r->decoded + used, r->text + at, n);
			used += n;
		}
		at += n;
	}
	*ret = escaped ? (struct str){r->decoded, used}
		       : (struct str){r->text + begin, at - begin};
	r->at = at + 1;
	return true;
}

static size_t digits(const struct json_reader *r, size_t at)
{
	size_t n = 0;

	while (byte_at(r, at + n) >= '0' && byte_at(r, at + n) <= '9')
		n++;
	return n;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool read_number(struct json_reader *r, struct str *ret)
{
	size_t at = r->at + (byte_at(r, r->at) == '-' ? 1 : 0);
	size_t whole = digits(r, at);
	bool sound = whole > 0 && (whole == 1 || byte_at(r, at) != '0');

	at += whole;
	if (sound && byte_at(r, at) == '.') {
		size_t n = digits(r, at + 1);

		sound = n > 0;
		at += 1 + n;
	}
	if (sound && (byte_at(r, at) == 'e' || byte_at(r, at) == 'E')) {
		size_t sign = byte_at(r, at + 1) == '+' || byte_at(r, at + 1) == '-';
		size_t n = digits(r, at + 1 + sign);

		sound = n > 0;
		at += 1 + sign + n;
	}
	if (!sound)
		return fault(r, r->at, at > r->at ? at - r->at : 1, "no number of JSON",
			     "digits without a leading zero");
	*ret = (struct str){r->text + r->at, at - r->at};
	r->at = at;
	return true;
}

static bool read_word(struct json_reader *r, struct json_token *ret)
{
	static const struct {
		const char *word;
		enum json_kind kind;
	} words[] = {{"true", JSON_READ_TRUE},
		     {"false", JSON_READ_FALSE},
		     {"null", JSON_READ_NULL}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].word);

		if (r->len - r->at < n || memcmp(r->text + r->at, words[i].word, n) != 0)
			continue;
		ret->kind = words[i].kind;
		ret->text = (struct str){r->text + r->at, n};
		r->at += n;
		return true;
	}
	return fault(r, r->at, 1, "no value of JSON begins here",
		     "an object, an array, a string, a number, true, false or null");
}

static bool in_object(const struct json_reader *r)
{
	return r->depth > 0 && (r->objects >> (r->depth - 1) & 1) != 0;
}

/* A value has ended: what may follow depends on what is open. */
static void value_ended(struct json_reader *r)
{
	r->after_key = r->after_comma = false;
	r->after_value = r->depth > 0;
	r->done = r->depth == 0;
}

static bool open_one(struct json_reader *r, bool object, struct json_token *ret)
{
	if (r->depth == JSON_READ_DEPTH_MAX)
		return fault(r, r->at, 1, "more than 32 objects and arrays in each other",
			     "a file of the form that is documented");
	ret->kind = object ? JSON_READ_OBJECT : JSON_READ_ARRAY;
	r->objects &= ~((uint32_t)1 << r->depth);
	r->objects |= (uint32_t)object << r->depth;
	r->depth++;
	r->after_key = r->after_comma = r->after_value = false;
	r->at++;
	return true;
}

static bool close_one(struct json_reader *r, struct json_token *ret)
{
	bool object = in_object(r);

	if (r->text[r->at] != (object ? '}' : ']'))
		return fault(r, r->at, 1,
			     object ? "an object is open here, not an array"
				    : "an array is open here, not an object",
			     object ? "}" : "]");
	ret->kind = object ? JSON_READ_OBJECT_END : JSON_READ_ARRAY_END;
	r->depth--;
	r->at++;
	value_ended(r);
	return true;
}

static bool read_key(struct json_reader *r, struct json_token *ret)
{
	size_t from = r->at;

	if (byte_at(r, r->at) != '"')
		return fault(r, r->at, 1, "a key in quotes must stand here",
			     "\"key\": value");
	ret->kind = JSON_READ_KEY;
	if (!read_string(r, &ret->text))
		return false;
	ret->len = (unsigned)(r->at - from);
	pass_blanks(r);
	if (byte_at(r, r->at) != ':')
		return fault(r, r->at, 1, "':' is missing behind the key",
			     "\"key\": value");
	r->at++;
	r->after_key = true;
	r->after_comma = false;
	return true;
}

static bool read_value(struct json_reader *r, struct json_token *ret)
{
	size_t from = r->at;
	int c = byte_at(r, r->at);

	if (c == '{' || c == '[')
		return open_one(r, c == '{', ret);
	if (c == '"') {
		ret->kind = JSON_READ_STRING;
		if (!read_string(r, &ret->text))
			return false;
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		ret->kind = JSON_READ_NUMBER;
		if (!read_number(r, &ret->text))
			return false;
	} else if (!read_word(r, ret)) {
		return false;
	}
	ret->len = (unsigned)(r->at - from);
	value_ended(r);
	return true;
}

/* The comma between two members; false: a fault, or nothing follows. */
static bool pass_comma(struct json_reader *r)
{
	if (!r->after_value)
		return true;
	if (byte_at(r, r->at) != ',')
		return fault(r, r->at, 1, "',' is missing here",
			     in_object(r) ? "a comma between members, or }"
					  : "a comma between values, or ]");
	r->at++;
	r->after_value = false;
	r->after_comma = true;
	pass_blanks(r);
	return true;
}

static bool next_token(struct json_reader *r, struct json_token *ret)
{
	int c = byte_at(r, r->at);

	if (c < 0)
		return fault(r, r->at, 0, "the file ends in the middle", again);
	ret->line = r->line;
	ret->col = (unsigned)(r->at - r->line_start) + 1;
	ret->len = 1;
	if ((c == '}' || c == ']') && r->depth > 0 && !r->after_comma && !r->after_key)
		return close_one(r, ret);
	if (!pass_comma(r))
		return false;
	if (byte_at(r, r->at) < 0)
		return fault(r, r->at, 0, "the file ends in the middle", again);
	ret->line = r->line;
	ret->col = (unsigned)(r->at - r->line_start) + 1;
	return in_object(r) && !r->after_key ? read_key(r, ret) : read_value(r, ret);
}

bool json_read_next(struct json_reader *r, struct json_token *ret)
{
	*ret = (struct json_token){.kind = JSON_READ_END};
	if (r->failed)
		return false;
	pass_blanks(r);
	if (r->done) {
		if (r->at < r->len)
			(void)fault(r, r->at, 1, "more text behind the end", "one value");
		return false;
	}
	if (next_token(r, ret))
		return true;
	*ret = (struct json_token){.kind = JSON_READ_END};
	return false;
}

void json_read_skip(struct json_reader *r, const struct json_token *t)
{
	unsigned outside = r->depth;
	struct json_token one;
	bool more;

	if (t->kind != JSON_READ_OBJECT && t->kind != JSON_READ_ARRAY)
		return;
	do
		more = json_read_next(r, &one);
	while (more && r->depth >= outside);
}
