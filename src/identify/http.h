/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_HTTP_H
#define IDENTIFY_HTTP_H

/*
 * http - the header section of one HTTP/1 request (RFC 9112).  Private to identify.
 */

#include "identify/context.h"

enum http_version {
	HTTP_VERSION_NONE = 0, /* HTTP/0.9, or not HTTP at all */
	HTTP_VERSION_1,        /* HTTP/1.0 .. HTTP/1.9 */
	HTTP_VERSION_ODD,      /* "HTTP/" and something else: servers differ on it */
};

/* How long the body is (RFC 9112 6.3). */
enum http_framing {
	HTTP_NO_BODY = 0,
	HTTP_LENGTH,
	HTTP_CHUNKED,
	HTTP_BAD_FRAMING, /* servers differ on where it ends */
};

/* All texts lie in the stream. */
struct http_request {
	struct str method;
	bool known_method; /* one of HTTP's own */
	struct str target;
	enum http_version version;
	char minor; /* digit of it */
	size_t host_fields;
	struct str host_field;
	enum undecidable why; /* what stands against reading on */
	enum http_framing framing;
	uint64_t length;    /* of the body, with HTTP_LENGTH */
	bool upgrade;       /* asks for another protocol (RFC 9110 7.8) */
	bool expects;       /* waits before it sends its body (RFC 9110 10.1.1) */
	bool closes, keeps; /* options of Connection (RFC 9112 9.3) */
};

/*
 * Read the request at the beginning of `s`.  DONE: *ret_end is the offset behind its header
 * section, if the version is HTTP_VERSION_1.
 */
enum fit http_head(const struct stream *s, struct http_request *r, size_t *ret_end);

/* What a request that http_head() has read says; `port` of the server. */
void http_tell(const struct http_request *r, uint16_t port, struct facts *f);

#endif /* IDENTIFY_HTTP_H */
