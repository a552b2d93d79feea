/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_HEAD_H
#define FLOW_HEAD_H

/*
 * head - the first bytes of one direction of a stream, put together in any order.
 *
 * Byte-accurate coverage: which of the first HEAD_MAX bytes have been seen.  The first copy
 * of a byte stays; a later copy that differs is a conflict (the caller decides what it
 * means: it may keep a second head in which the later copy stays).  Used for TCP by
 * sequence offset and for QUIC CRYPTO by stream offset.
 *
 * Memory: grows through two pools (HEAD_SMALL bytes, then HEAD_MAX), and a third gives the map
 * of a large head with a gap; a head without bytes owns nothing.  Threads: a head and its pools belong to one thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_SMALL 2048
#define HEAD_MAX   18432 /* 18 KiB */

struct head_pools;

/* Room for so many small and large heads at a time.  NULL: out of memory. */
struct head_pools *head_pools_create(uint32_t small_max, uint32_t large_max);
void head_pools_destroy(struct head_pools *p);

struct head {
	uint8_t *bytes;       /* NULL until the first byte */
	uint8_t *map;         /* of the bytes behind a gap; NULL until there is one */
	uint32_t size;        /* room at bytes: 0, HEAD_SMALL or HEAD_MAX */
	uint32_t filled;      /* bytes [0, filled) have all been seen */
	uint32_t highest;     /* one past the highest byte seen */
	bool conflict;        /* some byte was seen with two values */
	uint32_t conflict_at; /* offset of the first such byte */
	bool out_of_order;    /* some byte came after a later one */
	bool beyond;          /* bytes past HEAD_MAX were offered and dropped */
};

enum head_result {
	HEAD_ADDED = 0, /* filled grew */
	HEAD_KEPT,      /* stored, or nothing new; filled is as before */
	HEAD_NO_ROOM, /* a pool is empty: nothing stored, the caller applies its policy */
};

/*
 * Add `len` bytes at stream offset `at`.  Bytes past HEAD_MAX are dropped and flagged.
 * conflict_at is the lowest offset in conflict so far, whenever it was found.
 */
enum head_result head_add(struct head *h, struct head_pools *p, uint32_t at,
			  const uint8_t *data, size_t len);

/* Have all bytes of [at, end) been seen?  end <= HEAD_MAX. */
bool head_has(const struct head *h, uint32_t at, uint32_t end);

/* Would these bytes contradict what is stored?  Looks only. */
bool head_contradicts(const struct head *h, uint32_t at, const uint8_t *data, size_t len);

/* How many bytes stand in front of the first one that contradicts; `len` if none does. */
size_t head_agrees(const struct head *h, uint32_t at, const uint8_t *data, size_t len);

/* As head_add(), but the later copy of a byte stays. */
enum head_result head_overwrite(struct head *h, struct head_pools *p, uint32_t at,
				const uint8_t *data, size_t len);

/* `to`, which is empty, gets what `from` holds, in memory of `p`; false: no room. */
bool head_copy(struct head *to, struct head_pools *p, const struct head *from);

/* The same of what lies from offset `from_at` on, which becomes offset 0. */
bool head_copy_from(struct head *to, struct head_pools *p, const struct head *from,
		    uint32_t from_at);

/* The same of all that `from` holds, behind what may be there, from offset `at` on: as by head_add(). */
bool head_add_all(struct head *to, struct head_pools *p, uint32_t at,
		  const struct head *from);

/*
 * Its bytes move on by `n`, in front of which nothing has been seen yet; what would lie past
 * HEAD_MAX is dropped and flagged.  False: no room, and nothing has moved.
 */
bool head_shift(struct head *h, struct head_pools *p, uint32_t n);

/* Forget the first `n` bytes, seen or not: what lies behind them moves to offset 0. */
void head_drop(struct head *h, struct head_pools *p, uint32_t n);

/* Give the memory back; the head is empty again. */
void head_clear(struct head *h, struct head_pools *p);

#endif /* FLOW_HEAD_H */
