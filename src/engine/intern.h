/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INTERN_H
#define ENGINE_INTERN_H

/*
 * intern - one copy of each text that many settled flows share (host names, JA4, ALPN).
 *
 * Texts are named by a number and counted; the last release frees the copy.  Bounded: at
 * most `max` texts; a full table answers INTERN_NONE and counts it.
 * Threads: one table a worker.
 */

#include <stdint.h>

#include "base/text.h"

#define INTERN_NONE     0u
#define INTERN_TEXT_MAX 1024 /* longer texts are cut */

struct intern;

struct intern *intern_create(uint32_t max); /* NULL: out of memory */
void intern_destroy(struct intern *t);

/* Number of `s` with one more holder; INTERN_NONE for an empty text or a full table. */
uint32_t intern_hold(struct intern *t, struct str s);
void intern_release(struct intern *t, uint32_t number); /* INTERN_NONE is a no-op */
struct str intern_text(const struct intern *t, uint32_t number); /* INTERN_NONE: absent */
/* Into `to`, cut at `size`, without a NUL; how long it is. */
size_t intern_copy(const struct intern *t, uint32_t number, char *to, size_t size);
uint64_t intern_refused(const struct intern *t);

#endif /* ENGINE_INTERN_H */
