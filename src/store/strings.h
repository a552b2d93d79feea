/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STRINGS_H
#define STORE_STRINGS_H

/*
 * strings - texts by number: 1, 2, 3, ... in the order in which they came.
 * Memory: copies, until the table is destroyed; at most STRINGS_MAX texts.
 * Threads: one at a time.
 */

#include <stdint.h>

#include "base/text.h"

#define STRINGS_MAX (4u << 20)

struct strings;

struct strings *strings_create(void); /* NULL: out of memory */
void strings_destroy(struct strings *t);

/* Its number; 0: no room or no memory. */
uint32_t strings_add(struct strings *t, struct str s);
uint32_t strings_count(const struct strings *t);
struct str strings_text(const struct strings *t, uint32_t number); /* 0: absent */

#endif /* STORE_STRINGS_H */
