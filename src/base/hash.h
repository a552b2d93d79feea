/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

/*
 * hash - table hashes (XXH3 of libxxhash, seeded) and digests (SHA-1, SHA-256 of libcrypto).
 *
 * hash_bytes() values are for tables in memory and for identifiers that need no secrecy;
 * seed tables that hostile input fills with a number the sender cannot know.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed);

/* Mix one 64-bit value; for keys that are already a number. */
static inline uint64_t hash_u64(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	return x;
}

void digest_sha1(const void *data, size_t len, uint8_t ret[20]);
void digest_sha256(const void *data, size_t len, uint8_t ret[32]);

/* Running SHA-256 over several pieces. */
struct digest {
	unsigned char opaque[128];
};
void digest_start(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t len);
void digest_end(struct digest *d, uint8_t ret[32]);

/* Lower-case hexadecimal: 2 * len bytes and a NUL. */
void hex_format(const uint8_t *data, size_t len, char *buf);

/* 2 * len of those digits, and nothing else. */
bool hex_parse(struct str text, uint8_t *ret, size_t len);

/* RFC 4648 base64 with padding and a NUL; returns the length without it. */
size_t base64_format(const uint8_t *data, size_t len, char *buf);

#endif /* BASE_HASH_H */
