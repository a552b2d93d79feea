/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_TRACE_H
#define MODEL_TRACE_H

/*
 * trace - packets of one connection, one behind the other, on their way from who sees them to who
 * writes them into a file: a header each, `len` bytes from the IP header on, and zeros up to a
 * multiple of 8.
 */

#include <stdint.h>

#define TRACE_MAX 32768 /* bytes of all, headers too */

enum trace_flag {
	TRACE_SYNTHESISED = 1, /* no packet was held: made of what is known of it */
	TRACE_REBUILT = 2, /* came in fragments or a tunnel: its IP header is made anew */
};

struct trace_packet {
	int64_t time_us;   /* since 1970 */
	uint32_t wire_len; /* IP total length; over `len` when it was cut */
	uint16_t len;
	uint16_t flags; /* enum trace_flag, or'ed */
};

/* Bytes that a packet of `len` takes. */
#define TRACE_ROOM(len) (sizeof(struct trace_packet) + (((size_t)(len) + 7) & ~(size_t)7))

#endif /* MODEL_TRACE_H */
