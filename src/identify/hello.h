/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_HELLO_H
#define IDENTIFY_HELLO_H

/*
 * hello - a TLS ClientHello (RFC 8446 4.1.2), as TLS over TCP and QUIC carry it.
 *
 *     0  be16  legacy_version           | u8 length, compression methods
 *     2  32    random                   | be16 length, extensions:
 *    34  u8    length, session id       |     be16 type | be16 length | data
 *        be16  length, cipher suites    |
 *
 * Private to identify.
 */

#include <stddef.h>
#include <stdint.h>

#include "identify/ja4.h"
#include "model/facts.h"

#define HANDSHAKE_CLIENT_HELLO 1

/* How far the handshake header says that the message goes. */
enum hello_state {
	HELLO_MORE = 0, /* fewer bytes than the header announces */
	HELLO_WHOLE,
	HELLO_NOT, /* not a ClientHello */
	HELLO_TOO_BIG,
};

/*
 * Look at the handshake header (u8 type | be24 length) in front of `have` bytes, that many
 * of `room` at most.  *ret_len: bytes of the whole message, header included; 0 with fewer
 * than 4 bytes.
 */
enum hello_state hello_measure(const uint8_t header[4], size_t have, size_t room,
			       size_t *ret_len);

/*
 * Read the whole message of `len` bytes, handshake header included, into *f: name, ALPN,
 * versions, flags, JA4, and undecidable when there is no usable name.  `transport`: 't' or
 * 'q', JA4's first letter.  Sets protocol only for what ALPN tells (TDS 8).
 */
void hello_read(struct ja4_memory *m, const uint8_t *message, size_t len, char transport,
		struct facts *f);

/*
 * One more application protocol behind `list_len` bytes of a list, as it is told: other than
 * printable bytes become '?'.  The list's new length; the same where the name does not fit.
 */
uint8_t hello_put_alpn(char list[ALPN_MAX], uint8_t list_len, struct str name);

#endif /* IDENTIFY_HELLO_H */
