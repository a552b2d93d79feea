/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

/*
 * addr - IPv4 and IPv6 addresses and prefixes in one form.
 *
 * An address is 16 bytes in network order; IPv4 is held as ::ffff:a.b.c.d (RFC 4291
 * 2.5.5.2), so both families share tables and comparisons.  Text is RFC 5952.
 */

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct addr {
	uint8_t b[16];
};

struct prefix {
	struct addr addr; /* bits past `bits` are zero */
	uint8_t bits;     /* 0..128 in the 16-byte form: an IPv4 /8 is 104 */
};

#define ADDR_TEXT_MAX   46 /* longest address and NUL */
#define PREFIX_TEXT_MAX 50

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* As memcmp(), without the call: every packet's ends are compared. */
static inline int addr_compare(const struct addr *a, const struct addr *b)
{
	uint64_t x[2], y[2];
	unsigned at;

	memcpy(x, a->b, sizeof(x));
	memcpy(y, b->b, sizeof(y));
	if (x[0] == y[0] && x[1] == y[1])
		return 0;
	at = x[0] == y[0] ? 1 : 0;
	return be64toh(x[at]) < be64toh(y[at]) ? -1 : 1;
}

static inline bool addr_is_v4(const struct addr *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

static inline struct addr addr_from_v4(const uint8_t be[4])
{
	struct addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};

	memcpy(a.b + 12, be, 4);
	return a;
}

static inline struct addr addr_from_v6(const uint8_t be[16])
{
	struct addr a;

	memcpy(a.b, be, 16);
	return a;
}

/* Strict: no leading zeros in IPv4, no zone index, nothing before or after.  Length given. */
bool addr_parse(const char *s, size_t len, struct addr *ret);

/* Writes RFC 5952 text and a NUL; returns the length without it. */
size_t addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX]);

enum prefix_error {
	PREFIX_OK = 0,
	PREFIX_BAD_ADDRESS,
	PREFIX_BAD_LENGTH, /* not a number, or over 32 / 128 */
	PREFIX_HOST_BITS,  /* bits set past the length; *ret holds the corrected prefix */
};

/* "10.0.0.0/8", "2001:db8::/32", or an address alone (/32, /128). */
enum prefix_error prefix_parse(const char *s, size_t len, struct prefix *ret);
size_t prefix_format(const struct prefix *p, char buf[PREFIX_TEXT_MAX]);
bool prefix_contains(const struct prefix *p, const struct addr *a);

/* May an IPv6 prefix of so many bits be one of NAT64?  RFC 6052 2.2. */
bool nat64_bits(unsigned bits);
/*
 * The IPv4 address that `a` holds behind NAT64 prefix `p`; false: it is none of that prefix, or
 * bits 64 to 71 are not zero.  What stands behind the address is not looked at.
 */
bool nat64_embedded(const struct prefix *p, const struct addr *a, struct addr *ret);

#endif /* BASE_ADDR_H */
