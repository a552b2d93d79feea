/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_JA4_H
#define IDENTIFY_JA4_H

/*
 * ja4 - FoxIO's JA4 fingerprint of a TLS client (github.com/FoxIO-LLC/ja4, JA4.md, seen 2025).
 *
 *     t13d1516h2_8daaf6152771_e5627efa2ab1
 *     transport, version, SNI, number of ciphers, of extensions, ALPN
 *                SHA-256 of the sorted ciphers, 12 digits
 *                             SHA-256 of the sorted extensions and the signature algorithms
 *
 * GREASE values (RFC 8701) count nowhere.  Private to identify.
 *
 * A network has few kinds of clients and so few lists: their digests are remembered.  All zero
 * is an empty memory; it belongs to one thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/facts.h"

/* Longest lists that are fingerprinted; real clients stay under 200 ciphers. */
#define JA4_VALUES_MAX 256

static inline bool tls_is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* In the order of the wire, GREASE left out; sorted in place by ja4_write(). */
struct ja4_values {
	size_t count;
	bool more; /* some did not fit: no fingerprint */
	uint16_t v[JA4_VALUES_MAX];
};

static inline void ja4_push(struct ja4_values *l, uint16_t v)
{
	if (tls_is_grease(v))
		return;
	if (l->count == JA4_VALUES_MAX)
		l->more = true;
	else
		l->v[l->count++] = v;
}

struct ja4_input {
	char transport;   /* 't' or 'q' */
	uint16_t version; /* highest offered */
	bool sni;
	uint8_t alpn_len; /* of the first ALPN value */
	uint8_t alpn_first, alpn_last;
	struct ja4_values ciphers;
	struct ja4_values extensions; /* all, SNI and ALPN too */
	struct ja4_values signatures;
};

#define JA4_REMEMBERED 64
#define JA4_PART_LEN   12  /* hexadecimal digits kept of a digest */
#define JA4_TEXT_MAX   498 /* of a list that is remembered: 99 values */

struct ja4_memory {
	struct {
		uint16_t len; /* 0 = empty */
		char digest[JA4_PART_LEN];
		char text[JA4_TEXT_MAX];
	} digests[JA4_REMEMBERED];
};

/* Writes JA4_LEN bytes without a NUL; false (nothing written) when a list did not fit. */
bool ja4_write(struct ja4_memory *m, struct ja4_input *in, char ret[JA4_LEN]);

#endif /* IDENTIFY_JA4_H */
