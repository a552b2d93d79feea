/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_TSV_H
#define CATALOG_TSV_H

/*
 * tsv - rows of a tab-separated text whose first row names its columns.
 *
 * '#' begins a comment line; "# date: YYYY-MM-DD" says how old the facts are.  "-" is an
 * empty field.  Columns may stand in any order; those that this version does not know are
 * passed over, so that files may grow.  A byte order mark (U+FEFF in UTF-8, RFC 3629 6) at the
 * beginning is passed over too.  Every fault is a finding with file, line and column.
 *
 * Memory: borrows the text.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/text.h"

#define TSV_COLUMNS_MAX 16
#define TSV_LINE_MAX    4096

struct tsv_text {
	const char *name; /* as findings show it */
	const char *text;
	size_t len;
};

struct tsv {
	struct tsv_text from;
	struct diag *d;
	size_t at;
	unsigned line;
	unsigned mark; /* bytes of the byte order mark */
	size_t count;  /* columns in the file */
	int place
		[TSV_COLUMNS_MAX]; /* column of the file -> wanted column, -1 = unknown */
	const char *const *wanted; /* names; "?name" = may be missing */
	size_t wanted_count;
	struct str date;          /* absent = the file says none */
	struct str cloud, change; /* service tags: "# cloud: Public", "# change: 398" */
	unsigned rows;            /* sound rows so far */
};

/* Only the wanted columns are set. */
struct tsv_row {
	unsigned line;
	struct str field[TSV_COLUMNS_MAX]; /* by wanted column; absent when "-" */
	unsigned col[TSV_COLUMNS_MAX];     /* where it stands, from 1 */
};

/* False when the row of column names is missing or lacks one of `wanted` (<= the maximum). */
bool tsv_start(struct tsv *t, const struct tsv_text *from, const char *const *wanted,
	       size_t wanted_count, struct diag *d);

/* The next sound row; broken ones become findings.  False at the end. */
bool tsv_next(struct tsv *t, struct tsv_row *ret);

/* Is `s` a day, "YYYY-MM-DD"? */
bool tsv_is_date(struct str s);

/* Record an error at `len` bytes from byte `at` of a field; len 0 = the whole field. */
void tsv_fault(const struct tsv *t, const struct tsv_row *row, size_t column, size_t at,
	       size_t len, const char *message);
struct span tsv_span(const struct tsv *t, const struct tsv_row *row, size_t column);

#endif /* CATALOG_TSV_H */
