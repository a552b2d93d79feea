/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include "base/text.h"

#define V4_BITS 96 /* length of the prefix ::ffff:0:0/96 */
#define GROUPS  8

/* Exactly four decimal numbers of at most 255, written without leading zeros. */
static bool parse_v4(const char *s, size_t len, uint8_t ret[4])
{
	uint8_t b[4];
	size_t at = 0;

	for (int i = 0; i < 4; i++) {
		unsigned value = 0;
		size_t digits = 0;

		if (i > 0 && (at == len || s[at++] != '.'))
			return false;
		while (at < len && digits < 4 && ascii_is_digit(s[at])) {
			value = value * 10 + (unsigned)(s[at++] - '0');
			digits++;
		}
		if (digits == 0 || value > 255 || (digits > 1 && s[at - digits] == '0'))
			return false;
		b[i] = (uint8_t)value;
	}
	if (at != len)
		return false;
	memcpy(ret, b, 4);
	return true;
}

static unsigned hex_value(char c)
{
	return ascii_is_digit(c) ? (unsigned)(c - '0')
				 : (unsigned)(ascii_lower(c) - 'a') + 10;
}

/* The groups on one side of "::", or all of them when there is none. */
struct groups {
	uint8_t b[16];
	size_t bytes;
};

/*
 * Groups of up to four hexadecimal digits with colons between them; the last two may be
 * written as an IPv4 address when `v4_allowed`.  An empty text is no group.
 */
static bool parse_groups(struct str s, bool v4_allowed, struct groups *ret)
{
	size_t at = 0;

	ret->bytes = 0;
	while (at < s.len) {
		size_t start = at;
		unsigned value = 0;

		while (at < s.len && at - start < 4 && ascii_is_hex(s.p[at]))
			value = value << 4 | hex_value(s.p[at++]);
		if (v4_allowed && at < s.len && s.p[at] == '.' && ret->bytes <= 12 &&
		    parse_v4(s.p + start, s.len - start, ret->b + ret->bytes)) {
			ret->bytes += 4;
			return true;
		}
		if (at == start || ret->bytes == 16)
			return false;
		ret->b[ret->bytes++] = (uint8_t)(value >> 8);
		ret->b[ret->bytes++] = (uint8_t)value;
		if (at == s.len)
			return true;
		if (s.p[at++] != ':' || at == s.len)
			return false;
	}
	return true;
}

static bool parse_v6(struct str s, struct addr *ret)
{
	struct groups head;
	struct groups tail = {.bytes = 0};
	struct str left = s;
	struct str right = STR_NONE;
	bool gap = false;

	for (size_t i = 0; i + 1 < s.len && !gap; i++) {
		gap = s.p[i] == ':' && s.p[i + 1] == ':';
		if (gap) {
			left.len = i;
			right = (struct str){s.p + i + 2, s.len - i - 2};
		}
	}
	if (!parse_groups(left, !gap, &head) || !parse_groups(right, true, &tail))
		return false;
	/* RFC 4291 2.2: "::" stands for one or more groups. */
	if (gap ? head.bytes + tail.bytes > 14 : head.bytes != 16)
		return false;

	memset(ret->b, 0, sizeof(ret->b));
	memcpy(ret->b, head.b, head.bytes);
	memcpy(ret->b + 16 - tail.bytes, tail.b, tail.bytes);
	return true;
}

bool addr_parse(const char *s, size_t len, struct addr *ret)
{
	uint8_t v4[4];

	if (len == 0 || len >= ADDR_TEXT_MAX)
		return false;
	if (memchr(s, ':', len) != NULL)
		return parse_v6((struct str){s, len}, ret);
	if (!parse_v4(s, len, v4))
		return false;
	*ret = addr_from_v4(v4);
	return true;
}

static char *put_decimal(char *p, unsigned value)
{
	if (value >= 100)
		*p++ = (char)('0' + value / 100);
	if (value >= 10)
		*p++ = (char)('0' + value / 10 % 10);
	*p++ = (char)('0' + value % 10);
	return p;
}

static char *put_hex(char *p, unsigned value)
{
	static const char digits[] = "0123456789abcdef";

	if (value >= 0x1000)
		*p++ = digits[value >> 12];
	if (value >= 0x100)
		*p++ = digits[value >> 8 & 15];
	if (value >= 0x10)
		*p++ = digits[value >> 4 & 15];
	*p++ = digits[value & 15];
	return p;
}

/* The first of the longest runs of zero groups; a single one is no run (RFC 5952 4.2). */
static int longest_zeros(const unsigned group[GROUPS], int *ret_count)
{
	int best = GROUPS;
	int count = 1;

	for (int i = 0; i < GROUPS; i++) {
		int end = i;

		while (end < GROUPS && group[end] == 0)
			end++;
		if (end - i > count) {
			best = i;
			count = end - i;
		}
		if (end > i)
			i = end;
	}
	*ret_count = count;
	return best;
}

static char *put_v6(char *p, const struct addr *a)
{
	unsigned group[GROUPS];
	int zeros;
	int count;

	for (size_t i = 0; i < GROUPS; i++)
		group[i] = (unsigned)a->b[2 * i] << 8 | a->b[2 * i + 1];
	zeros = longest_zeros(group, &count);
	for (int i = 0; i < GROUPS; i++) {
		if (i == zeros) {
			*p++ = ':';
			*p++ = ':';
			i += count - 1;
			continue;
		}
		if (i > 0 && i != zeros + count)
			*p++ = ':';
		p = put_hex(p, group[i]);
	}
	return p;
}

size_t addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	char *p = buf;

	if (addr_is_v4(a)) {
		for (int i = 12; i < 16; i++) {
			if (i > 12)
				*p++ = '.';
			p = put_decimal(p, a->b[i]);
		}
	} else {
		p = put_v6(p, a);
	}
	*p = '\0';
	return (size_t)(p - buf);
}

/* Clear the bits past the length; true when any was set. */
static bool clear_host_bits(struct prefix *p)
{
	bool any = false;

	for (unsigned i = p->bits / 8; i < 16; i++) {
		unsigned keep = p->bits <= 8 * i ? 0 : p->bits - 8 * i;
		unsigned host = keep >= 8 ? 0 : 0xffu >> keep;
		unsigned byte = p->addr.b[i];

		any = any || (byte & host) != 0;
		p->addr.b[i] = (uint8_t)(byte & ~host);
	}
	return any;
}

enum prefix_error prefix_parse(const char *s, size_t len, struct prefix *ret)
{
	const char *slash = len == 0 ? NULL : memchr(s, '/', len);
	size_t addr_len = slash == NULL ? len : (size_t)(slash - s);
	struct prefix p = {.bits = 128};
	bool host_bits;

	if (!addr_parse(s, addr_len, &p.addr))
		return PREFIX_BAD_ADDRESS;
	if (slash != NULL) {
		struct str digits = {slash + 1, len - addr_len - 1};
		/* An address written with colons counts its length in 128 bits. */
		bool v6 = memchr(s, ':', addr_len) != NULL;
		uint64_t bits;

		if (!parse_u64(digits, v6 ? 128 : 32, &bits) ||
		    (digits.len > 1 && digits.p[0] == '0'))
			return PREFIX_BAD_LENGTH;
		p.bits = (uint8_t)(v6 ? bits : bits + V4_BITS);
	}
	host_bits = clear_host_bits(&p);
	*ret = p;
	return host_bits ? PREFIX_HOST_BITS : PREFIX_OK;
}

size_t prefix_format(const struct prefix *p, char buf[PREFIX_TEXT_MAX])
{
	unsigned bits = p->bits;
	char *end = buf + addr_format(&p->addr, buf);

	if (addr_is_v4(&p->addr) && bits >= V4_BITS)
		bits -= V4_BITS;
	*end++ = '/';
	end = put_decimal(end, bits);
	*end = '\0';
	return (size_t)(end - buf);
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	size_t whole = p->bits / 8;
	unsigned rest = p->bits % 8;

	if (memcmp(p->addr.b, a->b, whole) != 0)
		return false;
	return rest == 0 || (p->addr.b[whole] ^ a->b[whole]) >> (8 - rest) == 0;
}

bool nat64_bits(unsigned bits)
{
	return bits == 96 || (bits >= 32 && bits <= 64 && bits % 8 == 0);
}

bool nat64_embedded(const struct prefix *p, const struct addr *a, struct addr *ret)
{
	uint8_t v4[4];
	size_t at = p->bits / 8u;

	if (!nat64_bits(p->bits) || addr_is_v4(a) || a->b[8] != 0 ||
	    !prefix_contains(p, a))
		return false;
	for (size_t i = 0; i < sizeof(v4); i++, at++) {
		at += at == 8; /* the octet that is zero */
		v4[i] = a->b[at];
	}
	*ret = addr_from_v4(v4);
	return true;
}
