/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IDENTIFY_QUIC_SEAL_H
#define TESTS_IDENTIFY_QUIC_SEAL_H

/*
 * quic_seal - writes a client's QUIC packets (RFC 9000 17.2, RFC 9001 5), so that the tests
 * and the fuzz target reach what stands behind the encryption.
 */

#include <openssl/evp.h>

#include "identify/quic_crypto.h"
#include "support.h"

struct seal {
	struct quic_crypto crypto;
	uint32_t version;    /* 0 = 1 */
	const uint8_t *dcid; /* the keys follow from it ... */
	size_t dcid_len;
	const uint8_t
		*header_dcid; /* ... unless the header shows another; NULL = the same */
	size_t header_dcid_len;
	const char *token; /* NULL = none */
	uint32_t number;
	uint8_t flipped; /* bits of the first byte that are not as they must be */
	bool server;     /* of the server: other keys */
	size_t pad_to;   /* PADDING frames up to so many bytes of packet */
};

static inline void put_varint(struct bytes *to, uint64_t v)
{
	if (v < 64)
		put_be(to, v, 1);
	else if (v < 16384)
		put_be(to, v | 0x4000, 2);
	else if (v < (UINT64_C(1) << 30))
		put_be(to, v | 0x80000000u, 4);
	else
		put_be(to, v | UINT64_C(0xc000000000000000), 8);
}

static inline void put_crypto(struct bytes *to, uint64_t at, const uint8_t *p, size_t len)
{
	put_be(to, 6, 1);
	put_varint(to, at);
	put_varint(to, len);
	put_mem(to, p, len);
}

static inline void encrypt(const struct quic_keys *k, const uint8_t *aad, size_t aad_len,
			   const uint8_t nonce[12], struct bytes *packet, size_t at)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int len = 0;

	if (c == NULL ||
	    EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, k->key, nonce) != 1 ||
	    EVP_EncryptUpdate(c, NULL, &len, aad, (int)aad_len) != 1 ||
	    EVP_EncryptUpdate(c, packet->b + at, &len, packet->b + at,
			      (int)(packet->len - at)) != 1 ||
	    EVP_EncryptFinal_ex(c, packet->b + packet->len, &len) != 1)
		abort();
	put_fill(packet, 0, QUIC_TAG_LEN);
	if (EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, QUIC_TAG_LEN,
				packet->b + packet->len - QUIC_TAG_LEN) != 1)
		abort();
	EVP_CIPHER_CTX_free(c);
}

/* Appends an Initial that holds `frames`. */
static inline void put_initial(struct bytes *to, struct seal *s,
			       const struct bytes *frames)
{
	static struct bytes packet;
	const struct quic_version *v =
		quic_version_find(s->version == 0 ? 1 : s->version);
	struct quic_keys own;
	const struct quic_keys *k = quic_client_keys(&s->crypto, v, s->dcid, s->dcid_len);
	const uint8_t *shown = s->header_dcid == NULL ? s->dcid : s->header_dcid;
	size_t shown_len = s->header_dcid == NULL ? s->dcid_len : s->header_dcid_len;
	size_t token_len = s->token == NULL ? 0 : strlen(s->token);
	size_t pad = 4;
	size_t number_at, payload_at;
	uint8_t aad[256], nonce[12], mask[5];

	if (s->server) {
		quic_server_keys(&s->crypto, v, s->dcid, s->dcid_len, &own);
		k = &own;
	}
	packet.len = 0;
	put_be(&packet, (0xc3u | (unsigned)v->type_initial << 4) ^ s->flipped, 1);
	put_be(&packet, v->number, 4);
	put_be(&packet, shown_len, 1);
	put_mem(&packet, shown, shown_len);
	put_be(&packet, 0, 1);
	put_varint(&packet, token_len);
	put_mem(&packet, s->token, token_len);
	if (packet.len + 4 + 4 + frames->len + pad + QUIC_TAG_LEN < s->pad_to)
		pad = s->pad_to - (packet.len + 4 + 4 + frames->len + QUIC_TAG_LEN);
	put_be(&packet, (4 + frames->len + pad + QUIC_TAG_LEN) | 0x80000000u, 4);
	number_at = packet.len;
	put_be(&packet, s->number, 4);
	payload_at = packet.len;
	if (payload_at > sizeof(aad))
		abort();
	memcpy(aad, packet.b, payload_at);
	put_mem(&packet, frames->b, frames->len);
	put_fill(&packet, 0, pad);
	memcpy(nonce, k->iv, sizeof(nonce));
	for (size_t i = 0; i < 4; i++)
		nonce[8 + i] ^= packet.b[number_at + i];
	encrypt(k, aad, payload_at, nonce, &packet, payload_at);
	if (!quic_header_mask(&s->crypto, k, packet.b + number_at + 4, mask))
		abort();
	packet.b[0] ^= mask[0] & 0x0f;
	for (size_t i = 0; i < 4; i++)
		packet.b[number_at + i] ^= mask[1 + i];
	put_mem(to, packet.b, packet.len);
}

/* Appends a long-header packet whose payload nobody can read: 0-RTT (1) or Handshake (2). */
static inline void put_opaque(struct bytes *to, const struct seal *s, unsigned type,
			      size_t len)
{
	put_be(to, 0xc3u | type << 4, 1);
	put_be(to, s->version == 0 ? 1 : s->version, 4);
	put_be(to, s->dcid_len, 1);
	put_mem(to, s->dcid, s->dcid_len);
	put_be(to, 0, 1);
	put_varint(to, len);
	put_fill(to, 0x5a, len);
}

/* A Retry that is genuine for s->dcid, and gives `scid`. */
static inline void put_retry(struct bytes *to, const struct seal *s, const uint8_t *scid,
			     size_t scid_len)
{
	static struct bytes packet;
	const struct quic_version *v =
		quic_version_find(s->version == 0 ? 1 : s->version);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t tag[QUIC_TAG_LEN];
	int len = 0;

	packet.len = 0;
	put_be(&packet, s->dcid_len, 1);
	put_mem(&packet, s->dcid, s->dcid_len);
	put_be(&packet, 0xc0u | (unsigned)v->type_retry << 4, 1);
	put_be(&packet, v->number, 4);
	put_be(&packet, 0, 1);
	put_be(&packet, scid_len, 1);
	put_mem(&packet, scid, scid_len);
	put_text(&packet, "token");
	if (c == NULL ||
	    EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, v->retry_key,
			       v->retry_nonce) != 1 ||
	    EVP_EncryptUpdate(c, NULL, &len, packet.b, (int)packet.len) != 1 ||
	    EVP_EncryptFinal_ex(c, tag, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, QUIC_TAG_LEN, tag) != 1)
		abort();
	EVP_CIPHER_CTX_free(c);
	put_mem(to, packet.b + 1 + s->dcid_len, packet.len - 1 - s->dcid_len);
	put_mem(to, tag, sizeof(tag));
}

#endif /* TESTS_IDENTIFY_QUIC_SEAL_H */
