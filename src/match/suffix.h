/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MATCH_SUFFIX_H
#define MATCH_SUFFIX_H

/*
 * suffix - which host patterns does a name fall under?
 *
 * Patterns (case ignored, one final dot ignored):
 *   "host.example"       that name only
 *   "*.host.example"     any name below it, not the name itself
 *   "a.*.example"        `*` as a whole label: exactly one label
 *   "flow-apim-*.x.example", "*-my.sharepoint.com", "crm*.x"
 *                        `*` inside a label: any bytes but a dot, also none
 * A leading "*." stands for one or more labels; every other `*` stays inside its label.
 *
 * Order of matches: more labels without `*` first, then an exact pattern before a wildcard
 * one, then more literal bytes, then the order of adding.  Compiled once, immutable after.
 *
 * Cost:    one hash probe a label of the name, plus the patterns with an inner `*` under it.
 * Memory:  built with malloc, off the packet path; looking up allocates nothing.
 * Threads: any number of readers after suffix_seal().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define SUFFIX_PATTERN_MAX 255

enum suffix_fault {
	SUFFIX_FINE = 0,
	SUFFIX_EMPTY,      /* nothing, or an empty label */
	SUFFIX_TOO_LONG,   /* over SUFFIX_PATTERN_MAX bytes, or a label over 63 */
	SUFFIX_BAD_BYTE,   /* not a letter, digit, '-', '_' or '*' */
	SUFFIX_ONLY_STARS, /* "*", "*.*": would match every name */
};

/* Is `pattern` well formed?  *ret_at is the offset of the first offending byte. */
enum suffix_fault suffix_check(struct str pattern, size_t *ret_at);

struct suffix_table;

struct suffix_table *suffix_create(void); /* NULL: out of memory */
void suffix_destroy(struct suffix_table *t);

/* Add a well-formed pattern with the caller's `value`.  0, -EINVAL or -ENOMEM. */
int suffix_add(struct suffix_table *t, struct str pattern, uint32_t value)
	__attribute__((warn_unused_result));

/* No more adding; makes the table ready for looking up.  0 or -ENOMEM. */
int suffix_seal(struct suffix_table *t) __attribute__((warn_unused_result));

/*
 * The values of all patterns that `host` (lower case, no final dot) matches, best first, at
 * most `max`; returns how many there are in `ret`.  Equal patterns each give their value.
 */
size_t suffix_find(const struct suffix_table *t, struct str host, uint32_t *ret,
		   size_t max);

/* Does this one pattern match `host` (lower case, no final dot)? */
bool suffix_match(struct str pattern, struct str host);

#endif /* MATCH_SUFFIX_H */
