/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that operators write and logs carry: quantities, numbers, addresses, prefixes,
 * moments, near words.  The first byte chooses the parser.  Properties: nothing is written
 * on an error; what a format function writes is read back as the same value, and written
 * again as the same text; and for addresses, the C library agrees.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void assert_addr_text(const struct addr *a)
{
	char text[ADDR_TEXT_MAX];
	struct addr again;
	size_t len = addr_format(a, text);

	demand(len == strlen(text) && len < sizeof(text));
	demand(addr_parse(text, len, &again) && addr_equal(a, &again));
}

static void test_addr(const char *s, size_t len)
{
	const struct addr marked = {{0xa5, 0x5a}};
	struct addr a = marked;
	char text[64] = "";
	uint8_t libc[16];
	bool known = false;

	if (len < sizeof(text) && (len == 0 || memchr(s, '\0', len) == NULL)) {
		memcpy(text, s, len);
		if (inet_pton(AF_INET6, text, libc) == 1) {
			known = true;
		} else if (inet_pton(AF_INET, text, libc + 12) == 1) {
			struct addr v4 = addr_from_v4(libc + 12);

			memcpy(libc, v4.b, sizeof(libc));
			known = true;
		}
	}
	if (!addr_parse(s, len, &a)) {
		demand(addr_equal(&a, &marked));
		/* glibc is looser in one thing: longer texts with leading zeros. */
		demand(!known || len >= ADDR_TEXT_MAX);
		return;
	}
	demand(known && memcmp(a.b, libc, sizeof(libc)) == 0);
	assert_addr_text(&a);
}

static void test_prefix(const char *s, size_t len)
{
	struct prefix p;
	struct prefix again;
	char text[PREFIX_TEXT_MAX];
	size_t text_len;
	enum prefix_error error = prefix_parse(s, len, &p);

	if (error != PREFIX_OK && error != PREFIX_HOST_BITS)
		return;
	demand(p.bits <= 128);
	demand(prefix_contains(&p, &p.addr));
	text_len = prefix_format(&p, text);
	demand(text_len == strlen(text) && text_len < sizeof(text));
	demand(prefix_parse(text, text_len, &again) == PREFIX_OK);
	demand(addr_equal(&p.addr, &again.addr) && p.bits == again.bits);
}

/* The 16 bytes of any address, and the number of bits that its prefix looks at. */
static void test_addr_bytes(const uint8_t *data, size_t size)
{
	struct addr a;
	struct prefix p;
	struct prefix again;
	char text[PREFIX_TEXT_MAX];

	if (size < 17)
		return;
	a = addr_from_v6(data);
	assert_addr_text(&a);
	p = (struct prefix){a, data[16] % 129};
	for (unsigned bit = 0; bit < 128; bit++) {
		const uint8_t mask = (uint8_t)(0x80u >> bit % 8);
		struct addr b = a;

		b.b[bit / 8] ^= mask;
		demand(prefix_contains(&p, &b) == (bit >= p.bits));
		if (bit >= p.bits)
			p.addr.b[bit / 8] &= (uint8_t)~mask;
	}
	demand(prefix_contains(&p, &a));
	demand(prefix_parse(text, prefix_format(&p, text), &again) == PREFIX_OK);
	demand(addr_equal(&p.addr, &again.addr) && p.bits == again.bits);
}

static void test_moment(const char *s, size_t len)
{
	const int64_t marked = INT64_C(0x5a5a5a5a5a5a5a5a);
	char text[RFC3339_LEN + 1];
	int64_t us = marked;
	int64_t again;
	struct civil c;

	if (!clock_parse_rfc3339(s, len, &us)) {
		demand(us == marked);
		return;
	}
	/* A zone can carry the first and the last hours out of the years that exist. */
	c = civil_from_us(us);
	clock_format_rfc3339(us, text);
	demand(clock_parse_rfc3339(text, RFC3339_LEN, &again));
	demand(again == us || c.year == 1 || c.year == 9999);
	demand(again == civil_to_us(&c));
}

static void test_moment_bytes(const uint8_t *data, size_t size)
{
	char text[RFC3339_LEN + 1];
	char text_again[RFC3339_LEN + 1];
	int64_t us = 0;
	struct civil c;

	memcpy(&us, data, size < sizeof(us) ? size : sizeof(us));
	c = civil_from_us(us);
	demand(civil_valid_date(c.year, c.month, c.day));
	demand(c.hour >= 0 && c.hour < 24 && c.minute >= 0 && c.minute < 60);
	demand(c.second >= 0 && c.second < 60 && c.weekday >= 0 && c.weekday < 7);
	demand(c.microsecond >= 0 && c.microsecond < 1000000);
	clock_format_rfc3339(us, text);
	demand(clock_parse_rfc3339(text, RFC3339_LEN, &us));
	clock_format_rfc3339(us, text_again);
	demand(strcmp(text, text_again) == 0);
	demand(civil_to_us(&c) == us);
}

static void test_quantities(struct str s)
{
	const char *why = NULL;
	char text[32];
	int64_t us = -1;
	int64_t us_again = -2;
	uint64_t n = 4711;
	uint64_t n_again;
	unsigned share = 4711;

	if (!parse_duration(s, &us, &why))
		demand(us == -1 && why != NULL);
	else
		demand(us >= 0);
	if (us >= 0) {
		(void)snprintf(text, sizeof(text), "%lldus", (long long)us);
		demand(parse_duration(str_of(text), &us_again, &why) && us == us_again);
	}
	why = NULL;
	if (!parse_size(s, &n, &why)) {
		demand(n == 4711 && why != NULL);
	} else {
		(void)snprintf(text, sizeof(text), "%lluB", (unsigned long long)n);
		demand(parse_size(str_of(text), &n_again, &why) && n == n_again);
	}
	why = NULL;
	if (!parse_share(s, &share, &why))
		demand(share == 4711 && why != NULL);
	else
		demand(share <= 10000);
	n = 4711;
	if (!parse_u64(s, 1000, &n))
		demand(n == 4711);
	else
		demand(n <= 1000);
}

static void test_words(struct str s)
{
	static const char *const words[] = {"connector", "endpoint", "tls", "dns",
					    "outbound"};
	const size_t count = sizeof(words) / sizeof(words[0]);
	const char *best = text_nearest(s, words, count);
	struct str trimmed = str_trim(s);

	for (size_t i = 0; i < count; i++)
		if (str_equal_fold(s, str_of(words[i])))
			demand(best == words[i]);
	demand(trimmed.len <= s.len && str_equal(str_trim(trimmed), trimmed));
	demand(str_ends_with(s, s) && str_equal_fold(s, s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s;
	uint8_t what;

	if (size == 0)
		return 0;
	what = *data++;
	size--;
	s = (struct str){(const char *)data, size};
	switch (what % 7) {
	case 0:
		test_addr(s.p, s.len);
		break;
	case 1:
		test_prefix(s.p, s.len);
		break;
	case 2:
		test_addr_bytes(data, size);
		break;
	case 3:
		test_moment(s.p, s.len);
		break;
	case 4:
		test_moment_bytes(data, size);
		break;
	case 5:
		test_quantities(s);
		break;
	default:
		test_words(s);
		break;
	}
	return 0;
}
