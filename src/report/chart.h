/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_CHART_H
#define REPORT_CHART_H

/*
 * chart - stacked columns over time, as inline SVG without script or colour that matters: each
 * series has a pattern of its own, and the figures stand in a table below.
 *
 * Times are microseconds since 1970.  Values may be any number; a sum that is too large stays at
 * the largest.  No floating point, so the same values give the same bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "match/zone.h"

#define CHART_SERIES_MAX 3

struct chart_point {
	int64_t at_us; /* its beginning */
	uint64_t values[CHART_SERIES_MAX];
};

struct chart {
	const char *id;    /* of elements: letters alone */
	const char *title; /* our own words */
	const char *names[CHART_SERIES_MAX];
	size_t series;
	const struct chart_point
		*points; /* in order of time; those without values may be missing */
	size_t count;
	int64_t from_us, to_us, width_us; /* the axis, and how long a column lasts */
	const struct zone *zone;          /* NULL = UTC */
	bool bytes;                       /* values are bytes */
};

void chart_print(FILE *out, const struct chart *c);

/* A bar of a table's row: `n` of `most`; of no meaning without the number beside it. */
void chart_bar(FILE *out, uint64_t n, uint64_t most);

/* The smallest of 1, 2, 5, 10, 20, ... that is not below n; UINT64_MAX when there is none. */
uint64_t chart_ceiling(uint64_t n);

/* "2026-11-22 02:10" in that zone. */
void chart_moment(FILE *out, const struct zone *zone, int64_t us);

#endif /* REPORT_CHART_H */
