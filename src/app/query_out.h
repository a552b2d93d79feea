/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_QUERY_OUT_H
#define APP_QUERY_OUT_H

/*
 * query_out - rows of an answer as a table, as CSV (RFC 4180) or as JSON lines.
 * A table is kept until its end and cut to the terminal's width; the others are written as
 * they come.  Times are in a zone in tables, and RFC 3339 in UTC else.
 * CSV is read by spreadsheets, which compute cells that begin with = + - @, a tab or a CR: texts
 * (whoever wrote them; numbers never) get an apostrophe before such a byte.  Source: OWASP, CSV
 * Injection, https://owasp.org/www-community/attacks/CSV_Injection (2026-11-29).
 */

#include <stdbool.h>
#include <stdint.h>

#include "match/zone.h"
#include "store/fields.h"

#define OUT_FIELDS_MAX  48                   /* that may be asked for */
#define OUT_COLUMNS_MAX (OUT_FIELDS_MAX + 2) /* and what proves a row */

enum out_form {
	OUT_TABLE = 0,
	OUT_CSV,
	OUT_JSON
};

struct out_column {
	const char *name;
	enum line_kind kind;
	bool hides; /* a table leaves it out when no row has a value */
};

struct out;

struct out *out_create(enum out_form form, const struct zone *zone); /* NULL: no memory */
void out_destroy(struct out *o);

/* What is begun next continues rows that were written before: no head of CSV again. */
void out_go_on(struct out *o);

void out_begin(struct out *o, const struct out_column *columns, size_t count);
bool out_row(struct out *o, const struct value *cells); /* false: out of memory */
/* `streams`: of rows that come as time goes by: no widths, no head. */
void out_end(struct out *o, bool streams);

#endif /* APP_QUERY_OUT_H */
