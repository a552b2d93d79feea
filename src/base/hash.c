/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

/*
 * The low-level SHA functions are chosen although OpenSSL 3 prefers EVP: they need no
 * memory and cannot fail, which a flow key's hash on the packet path may not do.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct digest), "struct digest is too small");

/* libcrypto is not instrumented: tell MemorySanitizer that it wrote the digest. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define WRITTEN(at, len) __msan_unpoison((at), (len))
#endif
#endif
#ifndef WRITTEN
#define WRITTEN(at, len) ((void)(at), (void)(len))
#endif

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, len, seed);
}

void digest_sha1(const void *data, size_t len, uint8_t ret[20])
{
	SHA_CTX c;

	(void)SHA1_Init(&c);
	(void)SHA1_Update(&c, data, len);
	(void)SHA1_Final(ret, &c);
	WRITTEN(ret, 20);
}

void digest_sha256(const void *data, size_t len, uint8_t ret[32])
{
	SHA256_CTX c;

	(void)SHA256_Init(&c);
	(void)SHA256_Update(&c, data, len);
	(void)SHA256_Final(ret, &c);
	WRITTEN(ret, 32);
}

/* struct digest is bytes without alignment, so its context is copied in and out. */
void digest_start(struct digest *d)
{
	SHA256_CTX c;

	(void)SHA256_Init(&c);
	memcpy(d->opaque, &c, sizeof(c));
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	SHA256_CTX c;

	memcpy(&c, d->opaque, sizeof(c));
	(void)SHA256_Update(&c, data, len);
	memcpy(d->opaque, &c, sizeof(c));
}

void digest_end(struct digest *d, uint8_t ret[32])
{
	SHA256_CTX c;

	memcpy(&c, d->opaque, sizeof(c));
	(void)SHA256_Final(ret, &c);
	WRITTEN(ret, 32);
	memset(d, 0, sizeof(*d));
}

void hex_format(const uint8_t *data, size_t len, char *buf)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		buf[2 * i] = digits[data[i] >> 4];
		buf[2 * i + 1] = digits[data[i] & 15];
	}
	buf[2 * len] = '\0';
}

bool hex_parse(struct str text, uint8_t *ret, size_t len)
{
	if (text.len != 2 * len)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const char c = text.p[i];
		const int v = ascii_is_digit(c)      ? c - '0'
			      : c >= 'a' && c <= 'f' ? c - 'a' + 10
						     : -1;

		if (v < 0)
			return false;
		ret[i / 2] = (uint8_t)(i % 2 == 0 ? v << 4 : ret[i / 2] | v);
	}
	return true;
}

size_t base64_format(const uint8_t *data, size_t len, char *buf)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = buf;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t group = (uint32_t)data[i] << 16 |
				 (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
				 (left > 2 ? data[i + 2] : 0u);

		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[group & 63] : '=';
	}
	*out = '\0';
	return (size_t)(out - buf);
}
