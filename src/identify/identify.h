/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_IDENTIFY_H
#define IDENTIFY_IDENTIFY_H

/*
 * identify - who is the client talking to?  Reads the client's first bytes of a connection.
 *
 * The engine feeds stream heads (TCP) or datagrams (UDP) until the answer is DONE; then the
 * facts are final for the verdict.  Readers: TLS ClientHello, QUIC v1 Initials, HTTP/1
 * request, DNS; everything else gets its protocol from nDPI behind identify/ndpi.h.
 *
 * A connection whose first bytes fit no reader is DONE at once with protocol UNKNOWN: its
 * name cannot be known.  What stands in front of the bytes with the name (STARTTLS, TDS 7,
 * CONNECT, SOCKS, PROXY headers) is read through; HTTP/2 in clear is DONE with undecidable
 * NO_READER.
 *
 * Memory: contexts at creation, per-flow state is plain data of the engine's pool (its QUIC
 * head comes from the head pools through the callbacks); no allocation per packet.
 * Threads: one context a worker.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/facts.h"

enum identify_step {
	IDENTIFY_MORE = 0,
	/*
	 * All the bytes so far are whole messages after which the client may wait for an answer
	 * (EHLO, PRELOGIN, a SOCKS greeting): they may go to the server, more is wanted.
	 */
	IDENTIFY_PASS,
	/*
	 * As PASS, and the facts can be judged: they say whom the client asked a proxy for, or
	 * that mail in clear names no server.  DONE follows, and may say more.
	 */
	IDENTIFY_ASKED,
	IDENTIFY_DONE,
	/* Datagrams only, which say what the same call would otherwise have hidden: */
	IDENTIFY_OTHER, /* an Initial of a second connection; the state is as before */
	IDENTIFY_RETRY, /* the server sent the client back: its hello will come again */
	IDENTIFY_HELLO_RETRY, /* the server asks for a second hello in the same connection */
	IDENTIFY_ANSWERED,    /* the server has taken the client's Initials */
};

struct identify; /* a worker's context: crypto contexts, counters */

struct identify *identify_create(void); /* NULL: out of memory */
void identify_destroy(struct identify *id);

/*
 * The client's stream so far.  `bytes`: the first `filled` bytes, all seen.  `final`: no more
 * will come (closed, over the cap, time-out): the answer is then always DONE.  Called again
 * with more bytes (the same ones first) after MORE, PASS and ASKED.  `port`: the server's port, used only
 * where two protocols begin alike.  *f starts zeroed and is kept by the caller between calls.
 */
enum identify_step identify_stream(struct identify *id, const uint8_t *bytes,
				   size_t filled, bool final, bool beyond_cap,
				   uint16_t port, struct facts *f);

/* The host that the stream asks its proxy number `n`, from 0 on, for; its length, 0 = there is none. */
size_t identify_asked(struct identify *id, const uint8_t *bytes, size_t filled,
		      unsigned n, char name[HOST_MAX]);

/* Where the first CONNECT of HTTP begins among what stands in front, if there is one. */
bool identify_connect_at(struct identify *id, const uint8_t *bytes, size_t filled,
			 size_t *ret_at);

/*
 * What stands in TDS packets that wrap TLS, as far as they are there; borrowed until the next call.
 * At most IDENTIFY_UNWRAP_MAX bytes.  *ret_broken: something else follows them.
 */
#define IDENTIFY_UNWRAP_MAX ((size_t)18 * 1024)
struct str identify_unwrap(struct identify *id, const uint8_t *bytes, size_t filled,
			   bool *ret_broken);

/* What a TLS server chose. */
struct server_hello {
	uint16_t version; /* 0x0304 = 1.3 */
	uint8_t alpn_len; /* 0: none, or TLS 1.3, whose server encrypts it (RFC 8446 4.3.1) */
	char alpn[ALPN_MAX];
};

/*
 * A server's bytes.  false: they do not begin with a whole ServerHello in order, bare or in a packet
 * of TDS 7; *ret is empty.
 */
bool identify_server_hello(const uint8_t *bytes, size_t len, struct server_hello *ret);

/*
 * A segment of a server that may speak SMTP (RFC 5321 4.2, 4.3.1), for display only: the text of
 * the first line of a whole reply `code` ("220", "250"), borrowed; absent where the segment does not
 * begin with one, or the line is not printable ASCII.  Cut at IDENTIFY_BANNER_MAX.
 */
#define IDENTIFY_BANNER_MAX 200
struct str identify_smtp_reply(const uint8_t *bytes, size_t len, struct str code);

/* The domain or address in front of the answer to EHLO, normalized; 0 bytes: there is none. */
size_t identify_smtp_name(struct str reply, char name[HOST_MAX]);

/* Where QUIC CRYPTO bytes are put together; the engine gives flow/head behind it. */
struct crypto_sink {
	/* Add bytes at an offset.  false: no room. */
	bool (*add)(void *arg, uint32_t at, const uint8_t *data, size_t len);
	/* All bytes from 0 on that have been seen. */
	const uint8_t *(*bytes)(void *arg, size_t *ret_filled);
	bool (*conflict)(void *arg);
	/* Forget all (Retry: the client starts again under new keys). */
	void (*reset)(void *arg);
	void *arg;
};

#define IDENTIFY_ANSWER \
	38 /* bytes of a ServerHello up to the end of its random (RFC 8446 4.1.3) */

/* Per-flow state of the UDP readers; all zero at the start. */
struct datagram_state {
	uint8_t kind;     /* which reader took it; 0 = not known yet */
	uint8_t dcid_len; /* QUIC: of the client's first Initial */
	uint8_t dcid[20];
	uint8_t retry_dcid_len; /* QUIC: after a Retry */
	uint8_t retry_dcid[20];
	uint8_t server_scid_len; /* QUIC: which the server gave the client, once it has spoken */
	uint8_t server_scid[20];
	uint8_t datagrams;        /* client datagrams looked at */
	uint8_t unknown_versions; /* of them, long headers of versions that are not read */
	bool opened;              /* some Initial decrypted */
	bool discarded;           /* some Initial that servers discard (quic_discarded) */
	uint32_t version;
	uint32_t
		hello_len; /* of the first hello, once it is whole; a second stands behind it */
	/* Of the server: the first bytes of its CRYPTO stream, until they tell what it answers. */
	uint8_t server_datagrams; /* looked into */
	bool asks_again;          /* they are a HelloRetryRequest */
	bool answered_unseen;     /* it answered before its client's hello was whole */
	uint8_t answer[IDENTIFY_ANSWER];
	uint64_t answer_seen; /* bit n: byte n */
};

/*
 * Client datagrams that are waited for before the first Initial that opens, and behind a hello
 * that the server has answered though it was not seen whole.  Between these all are waited for.
 */
#define IDENTIFY_DATAGRAMS_MAX 16

/*
 * One datagram.  from_client: server datagrams matter only for QUIC: Retry, version
 * negotiation, or an answer.  `final` with data NULL: no more will come.  After DONE it may be
 * called on with other facts, zeroed each time, to hear of what contradicts.
 */
enum identify_step identify_datagram(struct identify *id, struct datagram_state *st,
				     const uint8_t *data, size_t len, bool from_client,
				     bool final, uint16_t port,
				     const struct crypto_sink *sink, struct facts *f);

/* Whose is a server's datagram, as its keys tell, or those that a Retry rests on? */
enum identify_answer {
	ANSWER_NOBODYS = 0, /* nothing tells */
	ANSWER_OTHERS,
	ANSWER_OWN, /* of the connection of this state */
};
enum identify_answer identify_whose_answer(struct identify *id,
					   const struct datagram_state *st,
					   const uint8_t *data, size_t len);

/*
 * The connection id of a datagram that may begin a QUIC connection of a version that is read
 * (a long header, an Initial in it, and large enough), borrowed from it; absent of any other.
 */
#define IDENTIFY_DCID_MIN \
	8 /* of a client's first Initial (RFC 9000 7.2); servers discard others */
struct str identify_initial_dcid(const uint8_t *data, size_t len);

/* A datagram of a short header, as long as one that can be read (RFC 9000 17.3.1, 5.4.2)? */
bool identify_is_short_header(const uint8_t *data, size_t len);

/*
 * The hello that stands behind the first one: a client sends one after a HelloRetryRequest and at
 * no other time.  MORE: it is not whole; st->hello_len < the bytes there are: some of it is.
 */
enum identify_step identify_second_crypto(struct identify *id,
					  const struct datagram_state *st,
					  const struct crypto_sink *sink,
					  struct facts *f);

/* The hello in CRYPTO bytes that were put together otherwise than by identify_datagram(). */
enum identify_step identify_crypto(struct identify *id, const struct crypto_sink *sink,
				   struct facts *f);

struct identify_stats {
	uint64_t tls, quic, http, dns, other;
	uint64_t quic_initials, quic_failed; /* decrypted; tag did not match */
	/* Ignored, as servers do: in small datagrams, without the fixed bit, under a short id. */
	uint64_t quic_discarded;
	uint64_t undecidable[UNDECIDABLE_COUNT];
};
const struct identify_stats *identify_stats(const struct identify *id);

#endif /* IDENTIFY_IDENTIFY_H */
