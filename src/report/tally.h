/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_TALLY_H
#define REPORT_TALLY_H

/*
 * tally - connections counted by what they have in common.
 *
 * A row is a few texts, how many connections they fit, when the first and the last was, whose
 * they were and one of them as an example.  Rows come out by count, then by their texts: the same
 * connections give the same order.
 *
 * Bounded: connections of further rows than TALLY_ROWS_MAX are only counted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define TALLY_TEXTS_MAX   6
#define TALLY_SOURCES_MAX 16 /* kept a row; further ones make sources_cut true */
#define TALLY_ROWS_MAX    65536

struct tally;

struct tally_row {
	struct str texts[TALLY_TEXTS_MAX]; /* absent ones at the end */
	uint64_t count;
	int64_t first_us, last_us;
	size_t source_count;
	struct str
		sources[TALLY_SOURCES_MAX]; /* in the order of their first connection */
	bool sources_cut;
	struct str example; /* of the first */
};

struct tally *tally_create(void); /* NULL: out of memory */
void tally_destroy(struct tally *t);

struct tally_one {
	struct str texts[TALLY_TEXTS_MAX];
	struct str source, example; /* absent = not told */
	int64_t time_us;
};

/* Count one connection; texts are copied.  False: out of memory. */
bool tally_add(struct tally *t, const struct tally_one *one);

/* Bring the rows into order; returns their number. */
size_t tally_sort(struct tally *t);
const struct tally_row *tally_at(const struct tally *t,
				 size_t i); /* after tally_sort() */

uint64_t tally_lost(const struct tally *t); /* connections of rows that found no room */

#endif /* REPORT_TALLY_H */
