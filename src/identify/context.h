/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_CONTEXT_H
#define IDENTIFY_CONTEXT_H

/*
 * context - a worker's scratch memory and counters, and what the readers of a stream's first
 * bytes have in common.  Private to identify.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identify/identify.h"
#include "identify/ja4.h"
#include "identify/quic_crypto.h"
#include "model/facts.h"

/* A stream head is at most this long (flow/head.h), so no longer hello can be read. */
#define HELLO_MAX ((size_t)18 * 1024)

struct identify {
	struct identify_stats stats;
	struct quic_crypto crypto;
	struct ja4_memory ja4;
	uint8_t hello[HELLO_MAX];     /* a ClientHello out of several TLS records */
	uint8_t unwrapped[HELLO_MAX]; /* what stands in the packets of TDS */
	uint8_t plain[UINT16_MAX];    /* an opened QUIC packet */
};

/* The client's stream so far, as identify_stream() gets it. */
struct stream {
	const uint8_t *bytes;
	size_t filled;
	bool final;
	bool beyond_cap;
	uint16_t port;
};

/* What a reader says of a stream.  Only FIT_DONE may have changed the facts. */
enum fit {
	FIT_NO = 0, /* not my protocol */
	FIT_MAYBE,  /* too few bytes to tell; never at the end of the stream */
	FIT_MINE,   /* my protocol, not all there */
	FIT_DONE,   /* the facts are final */
};

/* A stream that ends unfinished: too long to be read, or cut short. */
static inline enum undecidable stream_unfinished(const struct stream *s)
{
	return s->beyond_cap ? UNDECIDABLE_HELLO_TOO_BIG : UNDECIDABLE_INCOMPLETE;
}

enum fit tls_read(struct identify *id, const struct stream *s, struct facts *f);
enum fit http_read(const struct stream *s, struct facts *f);

/* Protocols told by their first bytes and not read further: plain.c. */
enum fit plain_read(const struct stream *s, struct facts *f);

/* Visibility and counters; always IDENTIFY_DONE. */
enum identify_step identify_settle(struct identify *id, struct facts *f);

#endif /* IDENTIFY_CONTEXT_H */
