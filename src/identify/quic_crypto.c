/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/quic_crypto.h"

#include <string.h>

#include <openssl/evp.h>

#define SECRET_LEN 32

/* RFC 9001 5.2, 5.8 and RFC 9369 3.1-3.3. */
const struct quic_version quic_versions[QUIC_VERSIONS] = {
	{.number = 1,
	 .salt = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
		  0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
	 .label_prefix = "quic ",
	 .retry_key = {0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b,
		       0x54, 0xe3, 0x68, 0xc8, 0x4e},
	 .retry_nonce = {0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25,
			 0xbb},
	 .type_initial = 0,
	 .type_retry = 3},
	{.number = 0x6b3343cf,
	 .salt = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
		  0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
	 .label_prefix = "quicv2 ",
	 .retry_key = {0x8f, 0xb4, 0xb0, 0x1b, 0x56, 0xac, 0x48, 0xe2, 0x60, 0xfb, 0xcb,
		       0xce, 0xad, 0x7c, 0xcc, 0x92},
	 .retry_nonce = {0xd8, 0x69, 0x69, 0xbc, 0x2d, 0x7c, 0x6d, 0x99, 0x90, 0xef, 0xb0,
			 0x4a},
	 .type_initial = 1,
	 .type_retry = 0},
};

const struct quic_version *quic_version_find(uint32_t number)
{
	for (size_t i = 0; i < QUIC_VERSIONS; i++)
		if (quic_versions[i].number == number)
			return &quic_versions[i];
	return NULL;
}

/* RFC 2104, the two key blocks hashed once.  Keys here are never longer than a block. */
static void hmac_key(struct quic_hmac *h, const uint8_t *key, size_t len)
{
	uint8_t inner[64], outer[64];

	memset(inner, 0x36, sizeof(inner));
	memset(outer, 0x5c, sizeof(outer));
	for (size_t i = 0; i < len; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	digest_start(&h->inner);
	digest_add(&h->inner, inner, sizeof(inner));
	digest_start(&h->outer);
	digest_add(&h->outer, outer, sizeof(outer));
}

static void hmac_run(const struct quic_hmac *h, const uint8_t *data, size_t len,
		     uint8_t ret[SECRET_LEN])
{
	struct digest d = h->inner;

	digest_add(&d, data, len);
	digest_end(&d, ret);
	d = h->outer;
	digest_add(&d, ret, SECRET_LEN);
	digest_end(&d, ret);
}

/* HKDF-Expand-Label with an empty context and at most one block (RFC 8446 7.1). */
static void expand(const struct quic_hmac *secret, const char *prefix, const char *label,
		   uint8_t *ret, size_t len)
{
	static const char tls13[] = "tls13 ";
	const char *const parts[] = {tls13, prefix, label};
	uint8_t info[64] = {0};
	uint8_t block[SECRET_LEN];
	size_t at = 3;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t part = strlen(parts[i]);

		memcpy(info + at, parts[i], part);
		at += part;
	}
	info[1] = (uint8_t)len;
	info[2] = (uint8_t)(at - 3);
	at++;           /* no context */
	info[at++] = 1; /* HKDF-Expand: the first block */
	hmac_run(secret, info, at, block);
	memcpy(ret, block, len);
}

static void derive(const struct quic_hmac *salt, const struct quic_version *v,
		   const uint8_t *dcid, size_t dcid_len, const char *side,
		   struct quic_keys *ret)
{
	struct quic_hmac h;
	uint8_t secret[SECRET_LEN];

	hmac_run(salt, dcid, dcid_len, secret);
	hmac_key(&h, secret, sizeof(secret));
	expand(&h, "", side, secret, sizeof(secret));
	hmac_key(&h, secret, sizeof(secret));
	expand(&h, v->label_prefix, "key", ret->key, sizeof(ret->key));
	expand(&h, v->label_prefix, "iv", ret->iv, sizeof(ret->iv));
	expand(&h, v->label_prefix, "hp", ret->hp, sizeof(ret->hp));
}

const struct quic_keys *quic_client_keys(struct quic_crypto *c,
					 const struct quic_version *v,
					 const uint8_t *dcid, size_t dcid_len)
{
	uint64_t word = 0;
	size_t at;

	memcpy(&word, dcid, dcid_len < sizeof(word) ? dcid_len : sizeof(word));
	at = (size_t)(hash_u64(word) % QUIC_REMEMBERED);
	if (c->remembered[at].version == v->number &&
	    c->remembered[at].dcid_len == dcid_len &&
	    memcmp(c->remembered[at].dcid, dcid, dcid_len) == 0)
		return &c->remembered[at].keys;
	c->remembered[at].version = v->number;
	c->remembered[at].dcid_len = (uint8_t)dcid_len;
	memcpy(c->remembered[at].dcid, dcid, dcid_len);
	derive(&c->salts[v - quic_versions], v, dcid, dcid_len, "client in",
	       &c->remembered[at].keys);
	return &c->remembered[at].keys;
}

void quic_server_keys(const struct quic_crypto *c, const struct quic_version *v,
		      const uint8_t *dcid, size_t dcid_len, struct quic_keys *ret)
{
	derive(&c->salts[v - quic_versions], v, dcid, dcid_len, "server in", ret);
}

bool quic_header_mask(struct quic_crypto *c, const struct quic_keys *k,
		      const uint8_t sample[16], uint8_t ret[5])
{
	uint8_t block[16];
	int len = 0;

	if (EVP_EncryptInit_ex(c->ecb, NULL, NULL, k->hp, NULL) != 1 ||
	    EVP_EncryptUpdate(c->ecb, block, &len, sample, 16) != 1 || len != 16)
		return false;
	memcpy(ret, block, 5);
	return true;
}

static bool add_aad(struct quic_crypto *c, const uint8_t *data, size_t len)
{
	int out = 0;

	return len == 0 || EVP_DecryptUpdate(c->gcm, NULL, &out, data, (int)len) == 1;
}

static bool check_tag(struct quic_crypto *c, const uint8_t *tag)
{
	uint8_t expected[QUIC_TAG_LEN];
	uint8_t none[QUIC_TAG_LEN];
	int out = 0;

	memcpy(expected, tag, sizeof(expected));
	return EVP_CIPHER_CTX_ctrl(c->gcm, EVP_CTRL_AEAD_SET_TAG, QUIC_TAG_LEN,
				   expected) == 1 &&
	       EVP_DecryptFinal_ex(c->gcm, none, &out) == 1;
}

bool quic_open(struct quic_crypto *c, const struct quic_keys *k,
	       const struct quic_sealed *s, uint8_t *plain)
{
	uint8_t nonce[12];
	size_t len;
	int out = 0;

	if (s->payload_len < QUIC_TAG_LEN || s->payload_len > UINT16_MAX ||
	    s->header_len > UINT16_MAX || s->number_len > sizeof(s->number))
		return false;
	len = s->payload_len - QUIC_TAG_LEN;
	memcpy(nonce, k->iv, sizeof(nonce));
	for (size_t i = 0; i < s->number_len; i++)
		nonce[sizeof(nonce) - s->number_len + i] ^= s->number[i];
	if (EVP_DecryptInit_ex(c->gcm, NULL, NULL, k->key, nonce) != 1 ||
	    !add_aad(c, &s->first, 1) || !add_aad(c, s->header, s->header_len) ||
	    !add_aad(c, s->number, s->number_len))
		return false;
	if (len > 0 && EVP_DecryptUpdate(c->gcm, plain, &out, s->payload, (int)len) != 1)
		return false;
	return check_tag(c, s->payload + len);
}

bool quic_retry_genuine(struct quic_crypto *c, const struct quic_version *v,
			const uint8_t *dcid, size_t dcid_len, const uint8_t *packet,
			size_t len)
{
	uint8_t length = (uint8_t)dcid_len;

	if (len < QUIC_TAG_LEN || len > UINT16_MAX)
		return false;
	return EVP_DecryptInit_ex(c->gcm, NULL, NULL, v->retry_key, v->retry_nonce) ==
		       1 &&
	       add_aad(c, &length, 1) && add_aad(c, dcid, dcid_len) &&
	       add_aad(c, packet, len - QUIC_TAG_LEN) &&
	       check_tag(c, packet + len - QUIC_TAG_LEN);
}

static EVP_CIPHER_CTX *context_of(const char *cipher, bool encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *fetched = EVP_CIPHER_fetch(NULL, cipher, NULL);

	if (ctx == NULL || fetched == NULL ||
	    EVP_CipherInit_ex(ctx, fetched, NULL, NULL, NULL, encrypt) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	EVP_CIPHER_free(fetched);
	return ctx;
}

bool quic_crypto_open(struct quic_crypto *c)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < QUIC_VERSIONS; i++)
		hmac_key(&c->salts[i], quic_versions[i].salt,
			 sizeof(quic_versions[i].salt));
	c->ecb = context_of("AES-128-ECB", true);
	c->gcm = context_of("AES-128-GCM", false);
	return c->ecb != NULL && c->gcm != NULL;
}

void quic_crypto_close(struct quic_crypto *c)
{
	EVP_CIPHER_CTX_free(c->ecb);
	EVP_CIPHER_CTX_free(c->gcm);
	c->ecb = NULL;
	c->gcm = NULL;
}
