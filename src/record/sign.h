/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_SIGN_H
#define RECORD_SIGN_H

/*
 * sign - Ed25519 (RFC 8032) of libcrypto, and how public keys are shown.
 *
 * A public key is 32 raw bytes.  People compare fingerprints: the first 16 bytes of the SHA-256
 * of these, as eight groups of four upper-case hexadecimal digits.  Files hold PEM of the
 * SubjectPublicKeyInfo (RFC 8410), which the openssl command reads.
 *
 * Memory: a private key is on the heap of libcrypto, which clears it when it is freed.
 * Threads: a key belongs to one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define SIGN_KEY        32
#define SIGN_SIGNATURE  64
#define FINGERPRINT_LEN 39 /* without its NUL */
#define SIGN_PEM_MAX    160

struct sign_key;

/* NULL: libcrypto has no memory or no random numbers. */
struct sign_key *sign_key_generate(void);
struct sign_key *sign_key_of(const uint8_t seed[SIGN_KEY]);
void sign_key_destroy(struct sign_key *k); /* NULL is a no-op */

/* The private half; the caller clears it with sign_forget(). */
bool sign_key_seed(const struct sign_key *k, uint8_t ret[SIGN_KEY]);
bool sign_key_public(const struct sign_key *k, uint8_t ret[SIGN_KEY]);
void sign_forget(void *secret, size_t len);

/* `domain` is signed before `text`.  False: libcrypto failed, or text is over 4096 bytes. */
bool sign_make(const struct sign_key *k, struct str domain, struct str text,
	       uint8_t ret[SIGN_SIGNATURE]);
bool sign_check(const uint8_t public_key[SIGN_KEY], struct str domain, struct str text,
		const uint8_t signature[SIGN_SIGNATURE]);

void fingerprint_format(const uint8_t public_key[SIGN_KEY],
			char buf[FINGERPRINT_LEN + 1]);
bool fingerprint_is(struct str s); /* is it formed like one? */

/* The length of the PEM text, NUL behind it. */
size_t sign_pem_format(const uint8_t public_key[SIGN_KEY], char buf[SIGN_PEM_MAX]);
/* The first public key of a PEM text; false when there is none of Ed25519. */
bool sign_pem_parse(struct str pem, uint8_t ret[SIGN_KEY]);

/* The same without its first and last line: 60 characters of base64. */
bool sign_base64_parse(struct str s, uint8_t ret[SIGN_KEY]);

/* A private key as PEM of PKCS #8 (RFC 8410, 7), as openssl genpkey writes it. */
size_t sign_private_format(const struct sign_key *k, char buf[SIGN_PEM_MAX]);
struct sign_key *sign_private_parse(struct str pem); /* NULL: it is none */

#endif /* RECORD_SIGN_H */
