/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_QUIC_H
#define IDENTIFY_QUIC_H

/*
 * quic - the ClientHello in a client's QUIC Initial packets (RFC 9000, 9001, 9369).
 *
 * Private to identify; datagram.c decides what is QUIC and how long to wait.
 */

#include "base/cursor.h"
#include "identify/context.h"

/* Long header, the part that every version shares (RFC 8999 5.1). */
struct quic_long {
	uint8_t first;
	uint32_t version;
	const uint8_t *dcid, *scid;
	uint8_t dcid_len, scid_len;
};

/* false: no long header. */
bool quic_read_long(const uint8_t *data, size_t len, struct quic_long *ret);

/*
 * A server discards Initials in smaller datagrams (RFC 9000 14.1), and every client pads them
 * all.
 */
#define QUIC_DATAGRAM_MIN 1200

/* Does some packet of a datagram of this version claim to be an Initial? */
bool quic_holds_initial(const struct quic_version *v, struct cursor data);

enum quic_seen {
	QUIC_NOTHING = 0, /* no Initial in the datagram */
	QUIC_INITIAL,     /* an Initial, opened or not, but no whole hello yet */
	QUIC_HELLO,       /* the facts are final */
	QUIC_OTHER,       /* an Initial of a second connection */
};

/*
 * A client datagram that begins with a long header of version `v`: open its Initials and put
 * their CRYPTO bytes together.
 */
enum quic_seen quic_client_datagram(struct identify *id, struct datagram_state *st,
				    const struct quic_version *v, struct cursor data,
				    const struct crypto_sink *sink, struct facts *f);

/* A server datagram: a genuine Retry restarts the hello under new keys. */
enum identify_step quic_server_datagram(struct identify *id, struct datagram_state *st,
					const uint8_t *data, size_t len,
					const struct crypto_sink *sink, struct facts *f);

#endif /* IDENTIFY_QUIC_H */
