/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_MMDB_CHECK_H
#define CATALOG_MMDB_CHECK_H

/*
 * mmdb_check - is one value of a MaxMind DB's data section sound?
 *
 * libmaxminddb parses the values, but follows what they claim: a map of 16 million entries,
 * or pointers to maps of pointers to maps, keep it busy for minutes.  This walks a value
 * first, without recursion, and refuses it beyond a depth and a count of steps.
 * Source: MaxMind DB File Format Specification 2.0, section "Data Section", read 2026-11.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define MMDB_DEPTH_MAX 16   /* maps and arrays in each other; real files: 4 */
#define MMDB_STEPS_MAX 4096 /* values of one record; real files: about 150 */

#define MMDB_FAULTS(X)                                                   \
	X(SOUND, "sound")                                                \
	X(CUT, "a value goes past the end")                              \
	X(POINTER, "a pointer leads outside, or to a pointer")           \
	X(TYPE, "a value has a type that the format does not know")      \
	X(SIZE, "a number has more bytes than its type")                 \
	X(KEY, "a map has a key that is no text")                        \
	X(NO_MAP, "a record is no map")                                  \
	X(DEEP, "maps and arrays stand more than 16 deep in each other") \
	X(LONG, "a record has more than 4096 values")

#define MMDB_FAULT_ENUM(name, text) MMDB_FAULT_##name,
enum mmdb_fault {
	MMDB_FAULTS(MMDB_FAULT_ENUM) MMDB_FAULT_COUNT
};

const char *mmdb_fault_text(enum mmdb_fault f);

/* Told what is met; depth 1 = in the record itself.  The key borrows from the section. */
struct mmdb_listener {
	void (*key)(void *arg, unsigned depth, struct str key); /* NULL = not wanted */
	/* Unsigned numbers of at most 64 bits that are values of a map. */
	void (*number)(void *arg, unsigned depth, struct str key, uint64_t v);
	void *arg;
};

/*
 * Walk the map at `at`.  *steps (never NULL) grows by the values met, also when it fails.
 * listener may be NULL.
 */
enum mmdb_fault mmdb_check(const uint8_t *section, size_t size, size_t at,
			   uint64_t *steps, const struct mmdb_listener *listener);

#endif /* CATALOG_MMDB_CHECK_H */
