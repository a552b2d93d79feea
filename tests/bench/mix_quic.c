/* SPDX-License-Identifier: Apache-2.0 */
/* QUIC v1 Initial packets, protected (RFC 9001 5), CRYPTO frames shuffled like Chromium's. */
#include "mix.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define CAPACITY (DATAGRAM - 19 - 16) /* frames in an Initial that fills its datagram */

struct quic_keys {
	uint8_t key[16], iv[12], hp[16];
};

static void hmac(const uint8_t *key, size_t key_len, const struct out *what,
		 uint8_t ret[32])
{
	unsigned len = 0;

	require(HMAC(EVP_sha256(), key, (int)key_len, what->p, what->n, ret, &len) !=
				NULL &&
			len == 32,
		"libcrypto: HMAC");
}

/* HKDF-Expand-Label (RFC 8446 7.1) of at most one block. */
static void expand(const uint8_t from[32], const char *label, uint8_t *ret, size_t len)
{
	uint8_t info[64], block[32];
	struct out o = {.p = info, .cap = sizeof(info)};

	put_be(&o, len, 2);
	put_be(&o, 6 + strlen(label), 1);
	put(&o, "tls13 ", 6);
	put(&o, label, strlen(label));
	put_be(&o, 1, 2); /* empty context, then the number of the block */
	hmac(from, 32, &o, block);
	memcpy(ret, block, len);
}

static struct quic_keys initial_keys(const uint8_t dcid[CID], bool client)
{
	static const uint8_t salt[20] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34,
					 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8,
					 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
	uint8_t id[CID], initial[32], secret[32];
	struct out o = {.p = id, .cap = sizeof(id)};
	struct quic_keys k;

	put(&o, dcid, CID);
	hmac(salt, sizeof(salt), &o, initial);
	expand(initial, client ? "client in" : "server in", secret, 32);
	expand(secret, "quic key", k.key, sizeof(k.key));
	expand(secret, "quic iv", k.iv, sizeof(k.iv));
	expand(secret, "quic hp", k.hp, sizeof(k.hp));
	return k;
}

/* Header protection included; `packet` holds header and frames, the header ends with `number`. */
static void protect(const struct quic_keys *k, struct out *packet, size_t header,
		    uint8_t number)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t nonce[12], tag[16], mask[32];
	uint8_t *frames = packet->p + header;
	int n = 0, len = (int)(packet->n - header);

	memcpy(nonce, k->iv, sizeof(nonce));
	nonce[11] ^= number;
	require(c != NULL &&
			EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, k->key, nonce) ==
				1 &&
			EVP_EncryptUpdate(c, NULL, &n, packet->p, (int)header) == 1 &&
			EVP_EncryptUpdate(c, frames, &n, frames, len) == 1 &&
			EVP_EncryptFinal_ex(c, frames + n, &n) == 1 &&
			EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1,
		"libcrypto: AES-GCM");
	put(packet, tag, sizeof(tag));
	require(EVP_CIPHER_CTX_reset(c) == 1 &&
			EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, k->hp, NULL) ==
				1 &&
			EVP_EncryptUpdate(c, mask, &n, packet->p + header - 1 + 4, 16) ==
				1,
		"libcrypto: AES");
	EVP_CIPHER_CTX_free(c);
	packet->p[0] ^= mask[0] & 0x0f;
	packet->p[header - 1] ^= mask[1];
}

void make_cids(uint64_t seed, uint8_t first[CID], uint8_t server[CID])
{
	uint64_t random = mix64(seed ^ 0x51);

	for (unsigned i = 0; i < CID; i++)
		first[i] = (uint8_t)next(&random);
	for (unsigned i = 0; i < CID; i++)
		server[i] = (uint8_t)next(&random);
}

/* An Initial of exactly DATAGRAM bytes around CAPACITY bytes of frames. */
static void put_initial(struct out *o, uint64_t seed, bool client, uint8_t number,
			const uint8_t frames[CAPACITY])
{
	uint8_t first[CID], server[CID];
	struct quic_keys k;
	size_t header;

	make_cids(seed, first, server);
	k = initial_keys(first, client);
	put(o, "\xc0\0\0\0\1", 5);
	put_be(o, client ? CID : 0, 1);
	if (client) {
		put(o, first, CID);
		put_be(o, 0, 1);
	} else {
		put_be(o, CID, 1);
		put(o, server, CID);
	}
	put_be(o, 0, 1);
	put_be(o, 0x4000 + 1 + CAPACITY + 16, 2);
	put_be(o, number, 1);
	header = o->n;
	put(o, frames, CAPACITY);
	protect(&k, o, header, number);
}

static void put_varint(struct out *o, size_t v)
{
	if (v < 64)
		put_be(o, v, 1);
	else
		put_be(o, 0x4000 + v, 2);
}

static void put_crypto(struct out *o, const uint8_t *hello, size_t at, size_t len)
{
	put_be(o, 6, 1);
	put_varint(o, at);
	put_varint(o, len);
	put(o, hello + at, len);
}

/*
 * The frames of both client Initials: the hello in 10 to 16 fragments, shuffled, with PING and
 * PADDING between them, the first datagram filled to its end.
 */
static void make_client_frames(uint64_t seed, const char *name,
			       uint8_t frames[2][CAPACITY])
{
	uint8_t hello[HELLO_MAX];
	struct out h = {.p = hello, .cap = sizeof(hello)};
	struct out o[2] = {{.p = frames[0], .cap = CAPACITY},
			   {.p = frames[1], .cap = CAPACITY}};
	uint64_t random = mix64(seed ^ 0xc7);
	uint32_t n = 10 + below(&random, 7);
	size_t from[17] = {0}, upto[17] = {0};
	unsigned d = 0;

	put_hello(&h, seed, name, HELLO_QUIC);
	memset(frames, 0, 2 * (size_t)CAPACITY);
	/* Cuts in growing order: one in each n-th of the hello; some fragments are tiny. */
	for (uint32_t i = 0; i < n; i++) {
		from[i] = i == 0 ? 0 : upto[i - 1];
		upto[i] = i == n - 1 ? h.n
				     : h.n * i / n + 1 +
					       below(&random, (uint32_t)(h.n / n) - 1);
	}
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t j = below(&random, i + 1);
		size_t a = from[i], b = upto[i];

		from[i] = from[j];
		upto[i] = upto[j];
		from[j] = a;
		upto[j] = b;
	}
	for (uint32_t i = 0; i < n; i++) {
		size_t at = from[i], left = upto[i] - at;

		if (below(&random, 4) == 0 && o[d].cap - o[d].n > 8)
			put(&o[d], "\1\0\0", below(&random, 4) % 4);
		if (d == 0 && o[0].cap - o[0].n < left + 5) {
			size_t room = o[0].cap - o[0].n;

			if (room > 5) {
				put_crypto(&o[0], hello, at, room - 5);
				at += room - 5;
				left -= room - 5;
			}
			d = 1;
		}
		if (left > 0)
			put_crypto(&o[d], hello, at, left);
	}
}

static void make_server_frames(uint64_t seed, uint8_t frames[CAPACITY])
{
	uint64_t random = mix64(seed ^ 0x5e);
	uint8_t hello[HELLO_MAX];
	struct out h = {.p = hello, .cap = sizeof(hello)};
	struct out o = {.p = frames, .cap = CAPACITY};

	memset(frames, 0, CAPACITY);
	put_server_hello(&h, &random, true, true);
	put(&o, "\2\1\0\0\1", 5); /* ACK of packets 0 and 1 */
	put_crypto(&o, hello, 0, h.n);
}

void put_client_initial(struct out *o, uint64_t seed, const char *name, unsigned which)
{
	uint8_t frames[2][CAPACITY];

	make_client_frames(seed, name, frames);
	put_initial(o, seed, true, (uint8_t)which, frames[which]);
}

void put_server_initial(struct out *o, uint64_t seed)
{
	uint8_t frames[CAPACITY];

	make_server_frames(seed, frames);
	put_initial(o, seed, false, 0, frames);
}
