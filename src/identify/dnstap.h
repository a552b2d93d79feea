/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_DNSTAP_H
#define IDENTIFY_DNSTAP_H

/*
 * dnstap - a resolver's own log: who was told what (dnstap.info).
 *
 *   stream   Frame Streams: START, data frames, STOP; all numbers be32
 *     data     length (1 .. DNSTAP_FRAME_MAX) | bytes
 *     control  0 | length (4 .. 512) | type | { 1 | length | content type }
 *   bytes    protobuf (proto2) Dnstap { 14: Message, 15: type = 1 }
 *   Message  { 1: type, 4: query_address, 12: response_time_sec, 13: ..._nsec,
 *              14: response_message }, of which CLIENT_RESPONSE is read
 *
 * Other types tell nothing of a client: what servers told the resolver is what the resolver has
 * yet to believe.  Another START after a STOP goes on (logs put together).  No recursion:
 * of messages within messages exactly one level is read.
 *
 * Over a socket a writer may begin with READY, is told ACCEPT, and after its STOP FINISH (the
 * handshake of libfstrm, as unbound and BIND use it); without READY it is a log as in a file.
 *
 * Threads: values of their owner.  No allocation.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cursor.h"
#include "base/text.h"
#include "identify/dns.h"

#define DNSTAP_FRAME_MAX ((size_t)256 << 10) /* two DNS messages of 64 KiB, and room */

/* ---- the stream ---- */

struct dnstap_stream {
	bool socket;  /* the owner's: READY may come, and is answered */
	bool ready;   /* it has come */
	bool started; /* between START and STOP */
	bool over;    /* STOP has come, and is answered: nothing follows */
};                    /* begin with all zero, but for `socket` */

enum dnstap_step {
	DNSTAP_MORE = 0, /* not a whole frame yet */
	DNSTAP_CONTROL,  /* START or STOP: go on behind it */
	DNSTAP_READY,    /* send dnstap_accept(), go on */
	DNSTAP_STOPPED,  /* send dnstap_finish(), hang up */
	DNSTAP_DATA,     /* ret_data */
	DNSTAP_BROKEN    /* this is no such stream, or not any more */
};

/* What a reader says at a socket. */
struct str dnstap_accept(void);
struct str dnstap_finish(void);

/* The frame at data[0..len); *ret_used: its bytes, with its head.  ret_data borrows. */
enum dnstap_step dnstap_next(struct dnstap_stream *s, const uint8_t *data, size_t len,
			     size_t *ret_used, struct cursor *ret_data);

/* ---- one frame ---- */

enum dnstap_result {
	DNSTAP_ANSWER = 0, /* *ret is filled */
	DNSTAP_OTHER,      /* another type of message */
	DNSTAP_NO_CLIENT,  /* no address of a client, no time, or no message */
	DNSTAP_NO_DNS,     /* its DNS message is no answer that can be read */
	DNSTAP_MALFORMED,
	DNSTAP_RESULT_COUNT
};

struct dnstap_answer {
	struct addr client;
	int64_t time_us; /* of the answer; since 1970 UTC */
	struct dns_message message;
};

enum dnstap_result dnstap_read(struct cursor data, struct dnstap_answer *ret);

/* The same without a look at the DNS message: never DNSTAP_NO_DNS. */
struct dnstap_told {
	struct addr client;
	int64_t time_us;
	struct cursor answer; /* borrowed from data */
};
enum dnstap_result dnstap_find(struct cursor data, struct dnstap_told *ret);

#endif /* IDENTIFY_DNSTAP_H */
