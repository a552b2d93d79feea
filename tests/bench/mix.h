/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MIX_H
#define MIX_H

/*
 * mix - what the files of genmix share: random numbers that are the same on every machine,
 * bytes in the making, and the handshake messages.
 *
 * A flow's `seed` gives its messages: what is cut in two is made twice from the same seed.
 * An error ends the program: it is a tool for developers.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELLO_MAX 4096
#define DATAGRAM  1250 /* Chromium's first flight */
#define CID       8 /* bytes of the client's first destination id and the server's id */

static inline uint64_t mix64(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* splitmix64. */
static inline uint64_t next(uint64_t *random)
{
	*random += UINT64_C(0x9e3779b97f4a7c15);
	return mix64(*random);
}

static inline uint32_t below(uint64_t *random, uint32_t n)
{
	return (uint32_t)((next(random) >> 32) * n >> 32);
}

static inline void require(bool fine, const char *what)
{
	if (fine)
		return;
	(void)fprintf(stderr, "genmix: %s\n", what);
	exit(EXIT_FAILURE);
}

struct out {
	uint8_t *p;
	size_t n, cap;
};

static inline void put(struct out *o, const void *data, size_t len)
{
	require(len <= o->cap - o->n, "a message is too big");
	memcpy(o->p + o->n, data, len);
	o->n += len;
}

static inline void put_be(struct out *o, uint64_t v, unsigned bytes)
{
	uint8_t b[8];

	for (unsigned i = 0; i < bytes; i++)
		b[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
	put(o, b, bytes);
}

static inline void put_random(struct out *o, uint64_t *random, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_be(o, next(random) & 0xff, 1);
}

/* A length field of `bytes` bytes, filled in by close_length(). */
static inline size_t open_length(struct out *o, unsigned bytes)
{
	put_be(o, 0, bytes);
	return o->n;
}

static inline void close_length(struct out *o, size_t from, unsigned bytes)
{
	size_t len = o->n - from;

	for (unsigned i = 0; i < bytes; i++)
		o->p[from - 1 - i] = (uint8_t)(len >> 8 * i);
}

/* The words that follow, two bytes each. */
#define WORDS(o, ...)                                                              \
	do {                                                                       \
		static const uint16_t words_[] = {__VA_ARGS__};                    \
		for (size_t i_ = 0; i_ < sizeof(words_) / sizeof(words_[0]); i_++) \
			put_be((o), words_[i_], 2);                                \
	} while (0)

enum hello {
	HELLO_SMALL, /* 517 bytes with its record, padded as browsers did before ML-KEM */
	HELLO_TCP,
	HELLO_QUIC
};

/* A ClientHello, over TCP with its record header; `o` must be empty. */
void put_hello(struct out *o, uint64_t seed, const char *name, enum hello kind);

/* A ServerHello message; big: with an ML-KEM key share. */
void put_server_hello(struct out *o, uint64_t *random, bool quic, bool big);

/* Connection ids of a QUIC flow: of the client's first flight, and the server's own. */
void make_cids(uint64_t seed, uint8_t first[CID], uint8_t server[CID]);

/* The client's first (0) or second (1) Initial, a full datagram. */
void put_client_initial(struct out *o, uint64_t seed, const char *name, unsigned which);
void put_server_initial(struct out *o, uint64_t seed);

#endif /* MIX_H */
