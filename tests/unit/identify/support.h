/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IDENTIFY_SUPPORT_H
#define TESTS_IDENTIFY_SUPPORT_H

/* support - makes the bytes that the tests and fuzz targets of identify feed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identify/identify.h"

#define BYTES_MAX ((size_t)32 * 1024)
#define SINK_MAX  ((size_t)18 * 1024)

struct bytes {
	size_t len;
	uint8_t b[BYTES_MAX];
};

static inline void put_mem(struct bytes *to, const void *p, size_t len)
{
	if (len > sizeof(to->b) - to->len)
		abort();
	if (len > 0)
		memcpy(to->b + to->len, p, len);
	to->len += len;
}

/* The low `n` bytes of v, highest first. */
static inline void put_be(struct bytes *to, uint64_t v, size_t n)
{
	while (n-- > 0) {
		uint8_t b = (uint8_t)(v >> (8 * n));

		put_mem(to, &b, 1);
	}
}

static inline void put_text(struct bytes *to, const char *s)
{
	put_mem(to, s, strlen(s));
}

static inline void put_fill(struct bytes *to, uint8_t v, size_t n)
{
	while (n-- > 0)
		put_mem(to, &v, 1);
}

/* ---- TLS ------------------------------------------------------------------------------- */

static inline void put_extension(struct bytes *to, uint16_t type, const void *p,
				 size_t len)
{
	put_be(to, type, 2);
	put_be(to, len, 2);
	put_mem(to, p, len);
}

static inline void put_sni(struct bytes *to, const char *name, size_t len)
{
	put_be(to, 0, 2);
	put_be(to, len + 5, 2);
	put_be(to, len + 3, 2);
	put_be(to, 0, 1);
	put_be(to, len, 2);
	put_mem(to, name, len);
}

/* What a hello needs to be one of QUIC: TLS 1.3, parameters of the transport (RFC 9001 4.2, 8.2). */
static inline void put_quic_needs(struct bytes *to)
{
	put_extension(to, 43, "\x02\x03\x04", 3);
	put_extension(to, 57, "\x01\x02\x67\x10", 4);
}

/* A ClientHello message with these extensions; NULL: without the block of extensions. */
static inline void put_hello(struct bytes *to, const struct bytes *extensions)
{
	size_t len = 2 + 32 + 1 + 2 + 4 + 2;

	if (extensions != NULL)
		len += 2 + extensions->len;
	put_be(to, 1, 1);
	put_be(to, len, 3);
	put_be(to, 0x0303, 2);
	put_fill(to, 0x55, 32);
	put_be(to, 0, 1);
	put_be(to, 4, 2);
	put_be(to, 0x13011302, 4);
	put_be(to, 0x0100, 2);
	if (extensions != NULL) {
		put_be(to, extensions->len, 2);
		put_mem(to, extensions->b, extensions->len);
	}
}

static inline void put_record(struct bytes *to, uint8_t type, const uint8_t *p,
			      size_t len)
{
	put_be(to, type, 1);
	put_be(to, 0x0301, 2);
	put_be(to, len, 2);
	put_mem(to, p, len);
}

/* The message in records of at most `size` bytes. */
static inline void put_records(struct bytes *to, const struct bytes *message, size_t size)
{
	for (size_t at = 0; at < message->len; at += size)
		put_record(to, 22, message->b + at,
			   message->len - at < size ? message->len - at : size);
}

/* ---- where CRYPTO bytes go ---------------------------------------------------------------- */

struct test_sink {
	uint8_t bytes[SINK_MAX];
	bool seen[SINK_MAX];
	bool conflict;
	bool full; /* refuse everything */
	unsigned resets;
};

static inline bool test_sink_add(void *arg, uint32_t at, const uint8_t *data, size_t len)
{
	struct test_sink *s = arg;

	if (s->full)
		return false;
	for (size_t i = 0; i < len && at + i < SINK_MAX; i++) {
		if (s->seen[at + i] && s->bytes[at + i] != data[i]) {
			s->conflict = true;
			continue;
		}
		s->seen[at + i] = true;
		s->bytes[at + i] = data[i];
	}
	return true;
}

static inline const uint8_t *test_sink_bytes(void *arg, size_t *ret_filled)
{
	struct test_sink *s = arg;
	size_t n = 0;

	while (n < SINK_MAX && s->seen[n])
		n++;
	*ret_filled = n;
	return s->bytes;
}

static inline bool test_sink_conflict(void *arg)
{
	const struct test_sink *s = arg;

	return s->conflict;
}

static inline void test_sink_reset(void *arg)
{
	struct test_sink *s = arg;
	unsigned resets = s->resets + 1;
	bool full = s->full;

	memset(s, 0, sizeof(*s));
	s->full = full;
	s->resets = resets;
}

static inline struct crypto_sink test_sink_of(struct test_sink *s)
{
	return (struct crypto_sink){.add = test_sink_add,
				    .bytes = test_sink_bytes,
				    .conflict = test_sink_conflict,
				    .reset = test_sink_reset,
				    .arg = s};
}

/* ---- files --------------------------------------------------------------------------------- */

/* tests/unit/identify/data/NAME.bin, from the root of the tree. */
static inline void load(const char *name, struct bytes *ret)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "tests/unit/identify/data/%s.bin", name);
	f = fopen(path, "rb");
	if (f == NULL) {
		perror(path);
		abort();
	}
	ret->len = fread(ret->b, 1, sizeof(ret->b), f);
	(void)fclose(f);
}

#endif /* TESTS_IDENTIFY_SUPPORT_H */
