/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CHUNKS_H
#define ENGINE_CHUNKS_H

/*
 * chunks - what stands around the chunks of a request's body (RFC 9112 7.1): sizes, line ends,
 * trailers, kept until the server has acknowledged them, so that bytes in their place can be
 * compared.  Of a body without end the newest are kept, and where the older ones ended.
 *
 * Plain data of a pool of the worker; all zero = nothing is kept.  Offsets are those of the
 * client's stream and wrap around.  Private to engine/follow.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define CHUNKS_MAX   192
#define CHUNKS_BYTES 2048

struct chunk_frame {
	uint32_t at; /* offset in the stream */
	uint16_t text, len;
};

struct chunks {
	uint32_t count, bytes;
	bool forgot;                           /* some that the server may not have ... */
	uint32_t forgot_end;                   /* ... which end here */
	struct chunk_frame frames[CHUNKS_MAX]; /* in order */
	char text[CHUNKS_BYTES];
};

/* Keep bytes that lie at or behind the end of all that were kept before. */
void chunks_add(struct chunks *k, uint32_t at, struct str bytes);

/* The server has all up to `end`.  True: nothing is kept any more. */
bool chunks_taken(struct chunks *k, uint32_t end);

enum chunks_match {
	CHUNKS_SAME = 0, /* or nothing there is to be compared */
	CHUNKS_OTHER,    /* *ret is the first frame with other bytes, borrowed */
	CHUNKS_UNKNOWN,  /* what was there is forgotten */
};
enum chunks_match chunks_compare(const struct chunks *k, uint32_t at, struct str bytes,
				 const struct chunk_frame **ret);

#endif /* ENGINE_CHUNKS_H */
