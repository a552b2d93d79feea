/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIP_WINDOW_H
#define SHIP_WINDOW_H

/*
 * window - the last lines that were sent, and which of them the peer's kernel acknowledged.
 *
 * Syslog has no acknowledgement, and TCP's says only that the peer's kernel has the bytes.  So
 * the cursor stays 7/8 of `size` lines to all of them behind what was sent, and never passes what
 * is not acknowledged: after a reconnect at most `size` lines come twice, and what the receiver
 * had not written yet is lost only when it was more than 7/8 of that.
 *
 * Memory: 64 bytes a line, at once.  Threads: one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ship/saved.h"

struct window;

/* NULL: out of memory.  size > 0. */
struct window *window_create(size_t size);
void window_destroy(struct window *w); /* NULL is a no-op */

/* A new connection: nothing was sent on it. */
void window_clear(struct window *w);

/* Room for another line?  Without, window_settle() has to come first, and may not be able to. */
bool window_has_room(const struct window *w);

/*
 * A line was handed over whose message ends `end` bytes after the connection's beginning.  Behind
 * it `gap` lines before it are gone.  Only when there is room.
 */
void window_push(struct window *w, const struct ship_place *at, uint64_t gap,
		 uint64_t end);

/* The peer's kernel has `bytes` of this connection; returns the last seq that it has, else 0. */
uint64_t window_acknowledge(struct window *w, uint64_t bytes);

/*
 * When the window is full, the oldest eighth leaves it, as far as it is acknowledged: *cursor
 * becomes the last line that left, *lost grows by the gaps before them.  How many left.
 */
uint64_t window_settle(struct window *w, struct ship_place *cursor, uint64_t *lost);

/* Are all lines acknowledged? */
bool window_is_acknowledged(const struct window *w);

#endif /* SHIP_WINDOW_H */
