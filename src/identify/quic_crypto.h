/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_QUIC_CRYPTO_H
#define IDENTIFY_QUIC_CRYPTO_H

/*
 * quic_crypto - the keys of QUIC Initial packets, which everybody can compute: they protect
 * against accidents and middle boxes that guess, not against readers (RFC 9001 5, RFC 9369 3).
 *
 * Private to identify.  The two libcrypto contexts are made once and re-keyed for each
 * packet; keys are remembered for the connections seen last, so that a hello over several
 * datagrams derives them once.  No allocation after quic_crypto_open().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

#define QUIC_DCID_MAX   20 /* RFC 9000 17.2 */
#define QUIC_TAG_LEN    16
#define QUIC_REMEMBERED 64
#define QUIC_VERSIONS   2

struct evp_cipher_ctx_st;

struct quic_version {
	uint32_t number;
	uint8_t salt[20];
	const char *label_prefix;
	uint8_t retry_key[16];
	uint8_t retry_nonce[12];
	/* Long-header packet types, bits 4 and 5 of the first byte. */
	uint8_t type_initial, type_retry;
};

extern const struct quic_version quic_versions[QUIC_VERSIONS];

/* NULL: not a version whose Initials can be read. */
const struct quic_version *quic_version_find(uint32_t number);

struct quic_keys {
	uint8_t key[16];
	uint8_t iv[12];
	uint8_t hp[16];
};

struct quic_hmac {
	struct digest inner, outer;
};

struct quic_crypto {
	struct evp_cipher_ctx_st *ecb;
	struct evp_cipher_ctx_st *gcm;
	struct quic_hmac salts[QUIC_VERSIONS];
	struct {
		uint32_t version; /* 0 = empty */
		uint8_t dcid_len;
		uint8_t dcid[QUIC_DCID_MAX];
		struct quic_keys keys;
	} remembered[QUIC_REMEMBERED];
};

/* false: libcrypto cannot give the ciphers.  close() is legal in any case. */
bool quic_crypto_open(struct quic_crypto *c);
void quic_crypto_close(struct quic_crypto *c);

/* The client's Initial keys for the destination connection id it chose; borrowed until the
 * next call. */
const struct quic_keys *quic_client_keys(struct quic_crypto *c,
					 const struct quic_version *v,
					 const uint8_t *dcid, size_t dcid_len);

/* The server's, which follow from the same connection id (RFC 9001 5.2). */
void quic_server_keys(const struct quic_crypto *c, const struct quic_version *v,
		      const uint8_t *dcid, size_t dcid_len, struct quic_keys *ret);

/* The 5 bytes that hide the first byte and the packet number (RFC 9001 5.4.3). */
bool quic_header_mask(struct quic_crypto *c, const struct quic_keys *k,
		      const uint8_t sample[16], uint8_t ret[5]);

struct quic_sealed {
	uint8_t first;         /* unprotected first byte */
	const uint8_t *header; /* the bytes after it, up to the packet number */
	size_t header_len;
	uint8_t number[4]; /* packet number, unprotected, `number_len` bytes of it */
	size_t number_len;
	const uint8_t *payload; /* with the tag at its end */
	size_t payload_len;
};

/* Decrypts into `plain` (payload_len - QUIC_TAG_LEN bytes); false: the tag does not match. */
bool quic_open(struct quic_crypto *c, const struct quic_keys *k,
	       const struct quic_sealed *s, uint8_t *plain);

/* Does the tag of a whole Retry packet prove that its sender saw `dcid` (RFC 9001 5.8)? */
bool quic_retry_genuine(struct quic_crypto *c, const struct quic_version *v,
			const uint8_t *dcid, size_t dcid_len, const uint8_t *packet,
			size_t len);

#endif /* IDENTIFY_QUIC_CRYPTO_H */
