/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_HTTP_FOLLOW_H
#define IDENTIFY_HTTP_FOLLOW_H

/*
 * http_follow - from request to request through the client's bytes of an HTTP/1 connection.
 *
 * Bodies are skipped by their length or their chunks (RFC 9112 6, 7.1).  Where servers differ
 * on how long a body is, or what follows is no request, the step is lost for good.  The answer
 * does not depend on how the bytes are cut.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identify/identify.h"

/* Plain data; all zero where a request is due. */
struct http_follow {
	uint8_t state;
	uint8_t digits; /* of the chunk's size so far */
	bool upgrade;   /* the last request asked for another protocol */
	bool tunnel;    /* it was a CONNECT */
	bool closes;    /* the server reads no other request (RFC 9112 9.3, 9.6) */
	bool expects; /* its client may wait with the body, of which nothing is read yet */
	uint16_t line; /* bytes of the chunk's line, or of all trailers, so far */
	uint64_t left; /* of the body, or of the chunk */
};

enum http_step {
	HTTP_STEP_MORE = 0,
	HTTP_STEP_REQUEST, /* the facts are those of a request, `used` ends behind its header */
	HTTP_STEP_LOST, /* the facts say why: HTTP_DESYNC, HELLO_TOO_BIG */
};

/*
 * Go on with the client's next bytes, all in order; *ret_used of them are read and never wanted
 * again: some of a body, some of what stands around chunks, or a request, one kind a call.  A request is read when its header section is whole: MORE with none used asks for the
 * same bytes and more.  `full`: no more of them will be kept.  *f starts zeroed.
 */
enum http_step identify_http(struct identify *id, struct http_follow *hf,
			     struct str bytes, bool full, uint16_t port, size_t *ret_used,
			     struct facts *f);

/* Next stands what tells how long a body is: sizes of chunks, their line ends, trailers. */
bool http_around_chunks(const struct http_follow *hf);

/* Begin anew in front of a chunk's size, or with the line end that stands before it. */
void http_at_chunk(struct http_follow *hf, bool line_end);

/* How many of the next bytes are body whatever they are; they may be left out by http_skip(). */
uint64_t http_skippable(const struct http_follow *hf);
void http_skip(struct http_follow *hf, uint64_t n); /* at most http_skippable() */

#define HTTP_STATUS_LEN 12 /* "HTTP/1.1 200" */

/* The status of the answer that a server's bytes begin with (RFC 9112 4); 0 = none, or fewer. */
unsigned identify_http_status(struct str bytes);

/* A request is due next. */
bool http_between(const struct http_follow *hf);

#endif /* IDENTIFY_HTTP_FOLLOW_H */
