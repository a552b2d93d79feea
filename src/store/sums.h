/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SUMS_H
#define STORE_SUMS_H

/*
 * sums - events counted by what they have in common, before they go into the index.
 * A key is a few numbers.  Threads: one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUMS_KEYS_MAX   64
#define SUMS_VALUES_MAX 8

struct sums;

struct sums_row {
	const int64_t *key;
	uint64_t count;
	int64_t first_us, last_us;
	int64_t values[SUMS_VALUES_MAX];
};

struct sums *sums_create(size_t keys); /* keys a row; NULL: out of memory */
void sums_destroy(struct sums *s);

struct sums_one {
	const int64_t *key;
	uint64_t count;
	int64_t first_us, last_us;
	const int64_t *values; /* SUMS_VALUES_MAX of them; sums stay at their ends */
};

bool sums_add(struct sums *s, const struct sums_one *one); /* false: out of memory */
size_t sums_count(const struct sums *s);
struct sums_row sums_at(const struct sums *s, size_t i); /* in the order they came */
void sums_clear(struct sums *s);

#endif /* STORE_SUMS_H */
