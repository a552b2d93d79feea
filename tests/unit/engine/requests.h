/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ENGINE_REQUESTS_H
#define TESTS_ENGINE_REQUESTS_H

/* requests - what the tests of later requests say, inline and watched. */

#include "watch.h"

#define GET(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define GOOD      GET("good.example")
#define EVIL      GET("evil.example")
#define POST_OF(n) \
	"POST / HTTP/1.1\r\nHost: good.example\r\nContent-Length: " n "\r\n\r\n"
#define CHUNKED \
	"POST / HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: chunked\r\n\r\n"
#define TUNNEL      "CONNECT good.example:443 HTTP/1.1\r\nHost: good.example:443\r\n\r\n"
#define UPGRADE     "GET / HTTP/1.1\r\nHost: good.example\r\nUpgrade: websocket\r\n\r\n"
#define LEN(text)   ((uint32_t)(sizeof(text) - 1))
#define DESYNC      "\"undecidable\":\"http_desync\""
#define EVIL_UPDATE "\"phase\":\"update\"", "\"host\":\"evil.example\""

/* The size of a chunk, and the last one. */
#define BIG  "100000\r\n"
#define STOP "0\r\n\r\n"

#define EVIL_TUNNEL "CONNECT evil.example:443 HTTP/1.1\r\n\r\n"
#define NO_TUNNEL   "HTTP/1.1 405 Not Allowed\r\nContent-Length: 0\r\n\r\n"

/* RFC 8446 4.1.3: the second random asks for another hello. */
#define RECORD "\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03"
#define RETRY                                                                     \
	RECORD "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" \
	       "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

#endif /* TESTS_ENGINE_REQUESTS_H */
