/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_WORDS_H
#define CATALOG_WORDS_H

/*
 * words - numbers for names, in the order in which they are first met; case is ignored.
 *
 * Built while loading, immutable after.  The texts live in the arena given at the start.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"

struct words {
	struct arena *arena;
	const char **list; /* NUL-terminated */
	size_t count, room;
	uint32_t *slots; /* number + 1, 0 = empty; a power of two of them */
	size_t slot_count;
	size_t max; /* at most that many words */
};

/* `max` at most UINT16_MAX: ID_NONE names no word. */
void words_start(struct words *w, struct arena *arena, size_t max);
void words_end(struct words *w);

/* The number of `s`, new or old, in *ret.  0, -ENOSPC (over `max`) or -ENOMEM. */
int words_add(struct words *w, struct str s, uint16_t *ret)
	__attribute__((warn_unused_result));

/* UINT16_MAX when there is no such word. */
uint16_t words_find(const struct words *w, struct str s);

#endif /* CATALOG_WORDS_H */
