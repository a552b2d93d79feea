/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/smtp_follow.h"

#define NO_WORD    UINT8_MAX
#define CHUNK_MAX  (UINT64_MAX / 16) /* what is longer never ends */
#define REPLY_CODE 3

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One byte more of what may be `word`, behind blanks as some servers take them. */
static uint8_t match(uint8_t at, struct str word, char c)
{
	if (at == NO_WORD || (at == 0 && is_blank(c)))
		return at;
	if (at == word.len) /* what may stand behind it */
		return is_blank(c) || c == '\r' ? at : NO_WORD;
	return ascii_lower(c) == ascii_lower(word.p[at]) ? (uint8_t)(at + 1) : NO_WORD;
}

static void begin_line(struct smtp_follow *sf)
{
	sf->bdat = sf->starttls = 0;
	sf->counting = false;
	sf->size = 0;
}

/* "BDAT 123 LAST": the digits of its first word. */
static void read_size(struct smtp_follow *sf, char c)
{
	static const struct str word = {"BDAT", 4};

	if (sf->bdat == word.len && ascii_is_digit(c)) {
		sf->counting = true;
		if (sf->size < CHUNK_MAX)
			sf->size = sf->size * 10 + (uint64_t)(c - '0');
	} else if (sf->counting) {
		sf->bdat = NO_WORD; /* the size is read */
	} else {
		sf->bdat = match(sf->bdat, word, c);
	}
}

static void read_byte(struct smtp_follow *sf, char c)
{
	static const struct str word = {"STARTTLS", 8};

	sf->asked = false;
	if (c == '\n') {
		sf->asked = sf->starttls == word.len;
		if (sf->counting && sf->left == 0)
			sf->left = sf->size + 1; /* this byte is counted below */
		begin_line(sf);
	} else {
		read_size(sf, c);
		sf->starttls = match(sf->starttls, word, c);
	}
	if (sf->left > 0 && --sf->left == 0 && c != '\n')
		begin_line(sf);
}

/* Most bytes stand amid a line: how many of the next ones end neither that nor a chunk. */
static size_t skip_amid(struct smtp_follow *sf, struct str rest)
{
	const char *lf;
	size_t n = rest.len;

	if (sf->bdat != NO_WORD || sf->starttls != NO_WORD || sf->counting)
		return 0;
	if (sf->left > 0 && n > sf->left - 1)
		n = (size_t)(sf->left - 1);
	lf = n == 0 ? NULL : memchr(rest.p, '\n', n);
	if (lf != NULL)
		n = (size_t)(lf - rest.p);
	if (sf->left > 0)
		sf->left -= n;
	return n;
}

size_t smtp_follow(struct smtp_follow *sf, struct str bytes)
{
	size_t at = 0;

	while (at < bytes.len) {
		const char c = bytes.p[at];

		/* Records of TLS begin with such a byte, and no line does. */
		if (sf->asked && (uint8_t)c < ' ' && c != '\t' && c != '\r' && c != '\n')
			break;
		read_byte(sf, c);
		at++;
		at += skip_amid(sf, (struct str){bytes.p + at, bytes.len - at});
	}
	return at;
}

bool smtp_is_ready(struct str bytes)
{
	size_t from;

	if (bytes.len == 0 || bytes.p[bytes.len - 1] != '\n')
		return false;
	for (from = bytes.len - 1; from > 0 && bytes.p[from - 1] != '\n'; from--)
		;
	return bytes.len - from > REPLY_CODE &&
	       str_equal((struct str){bytes.p + from, REPLY_CODE}, STR("220")) &&
	       bytes.p[from + REPLY_CODE] != '-';
}
