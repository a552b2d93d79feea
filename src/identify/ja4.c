/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/ja4.h"

#include <string.h>

#include "base/hash.h"
#include "base/text.h"

#define EXTENSION_SNI  0x0000
#define EXTENSION_ALPN 0x0010
#define VALUE_LEN      5 /* "c02b," */

/* Shell sort: no memory, and a hostile order of 256 values costs microseconds. */
static void sort(struct ja4_values *l)
{
	static const size_t gaps[] = {57, 23, 10, 4, 1};

	for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
		size_t gap = gaps[g];

		for (size_t i = gap; i < l->count; i++) {
			uint16_t v = l->v[i];
			size_t at = i;

			for (; at >= gap && l->v[at - gap] > v; at -= gap)
				l->v[at] = l->v[at - gap];
			l->v[at] = v;
		}
	}
}

static size_t put_hex16(char *to, uint16_t v)
{
	static const char digits[] = "0123456789abcdef";

	to[0] = digits[v >> 12];
	to[1] = digits[v >> 8 & 15];
	to[2] = digits[v >> 4 & 15];
	to[3] = digits[v & 15];
	return 4;
}

/* "0005,000a,000b"; `skip_names`: without SNI and ALPN.  Returns the length. */
static size_t put_list(char *to, const struct ja4_values *l, bool skip_names)
{
	size_t len = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (skip_names && (l->v[i] == EXTENSION_SNI || l->v[i] == EXTENSION_ALPN))
			continue;
		if (len > 0)
			to[len++] = ',';
		len += put_hex16(to + len, l->v[i]);
	}
	return len;
}

static void put_digest(struct ja4_memory *m, char ret[JA4_PART_LEN], const char *text,
		       size_t len)
{
	const size_t at = hash_bytes(text, len, 0) % JA4_REMEMBERED;
	uint8_t d[32];
	char hex[JA4_PART_LEN + 1];

	if (len == 0) {
		memset(ret, '0', JA4_PART_LEN);
		return;
	}
	if (m->digests[at].len == len && memcmp(m->digests[at].text, text, len) == 0) {
		memcpy(ret, m->digests[at].digest, JA4_PART_LEN);
		return;
	}
	digest_sha256(text, len, d);
	hex_format(d, JA4_PART_LEN / 2, hex);
	memcpy(ret, hex, JA4_PART_LEN);
	if (len > JA4_TEXT_MAX)
		return;
	m->digests[at].len = (uint16_t)len;
	memcpy(m->digests[at].digest, hex, JA4_PART_LEN);
	memcpy(m->digests[at].text, text, len);
}

static void put_count(char ret[2], size_t n)
{
	if (n > 99)
		n = 99;
	ret[0] = (char)('0' + n / 10);
	ret[1] = (char)('0' + n % 10);
}

static const char *version_word(uint16_t version)
{
	switch (version) {
	case 0x0304:
		return "13";
	case 0x0303:
		return "12";
	case 0x0302:
		return "11";
	case 0x0301:
		return "10";
	case 0x0300:
		return "s3";
	case 0x0002:
		return "s2";
	default:
		return "00";
	}
}

static bool is_alnum(uint8_t c)
{
	return ascii_is_alpha((char)c) || ascii_is_digit((char)c);
}

/* First and last byte; when either is no letter or digit, first and last hexadecimal digit. */
static void put_alpn(char ret[2], const struct ja4_input *in)
{
	char first[5], last[5];

	if (in->alpn_len == 0) {
		ret[0] = ret[1] = '0';
	} else if (is_alnum(in->alpn_first) && is_alnum(in->alpn_last)) {
		ret[0] = (char)in->alpn_first;
		ret[1] = (char)in->alpn_last;
	} else {
		(void)put_hex16(first, in->alpn_first);
		(void)put_hex16(last, in->alpn_last);
		ret[0] = first[2];
		ret[1] = last[3];
	}
}

bool ja4_write(struct ja4_memory *m, struct ja4_input *in, char ret[JA4_LEN])
{
	char text[2 * JA4_VALUES_MAX * VALUE_LEN];
	size_t len;

	if (in->ciphers.more || in->extensions.more || in->signatures.more)
		return false;
	ret[0] = in->transport;
	memcpy(ret + 1, version_word(in->version), 2);
	ret[3] = in->sni ? 'd' : 'i';
	put_count(ret + 4, in->ciphers.count);
	put_count(ret + 6, in->extensions.count);
	put_alpn(ret + 8, in);

	sort(&in->ciphers);
	ret[10] = '_';
	put_digest(m, ret + 11, text, put_list(text, &in->ciphers, false));

	sort(&in->extensions);
	len = put_list(text, &in->extensions, true);
	if (in->signatures.count > 0) {
		text[len++] = '_';
		len += put_list(text + len, &in->signatures, false);
	}
	ret[23] = '_';
	put_digest(m, ret + 24, text, len);
	return true;
}
