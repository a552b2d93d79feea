/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LINE_H
#define STORE_LINE_H

/*
 * line - one line of a ledger as values by field.  The line is hostile.
 * What the index keeps and what is read back from the ledger comes from here, so that both
 * say the same.  Of a key that stands twice the last value counts.
 * Memory: a reader of its own size; values borrow the line and the reader until the next line.
 * Threads: one a reader.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "record/read.h"
#include "store/fields.h"

struct value {
	bool set;
	struct str text; /* of numbers: as written */
	int64_t number;  /* of the kinds that field_is_number() */
};

#define EXTRAS_MAX 16 /* inner fields beyond the table */

struct line_values {
	struct value fields[FIELDS_MAX];
	struct value extras[EXTRAS_MAX];
};

struct line_reader;

struct line_reader *line_reader_create(void); /* NULL: out of memory */
void line_reader_destroy(struct line_reader *r);

/* Also read this inner field ("detail.frames"; borrowed).  Its place in extras, or -1. */
int line_reader_add(struct line_reader *r, const char *name);

/*
 * False, with a finding in d: it is no event.  An event is a JSON object with a `time` and a
 * `type`.  A value that is not of its field's kind is left out.
 */
bool line_read(struct line_reader *r, const struct ledger_line *line, struct diag *d,
	       struct line_values *ret);

/* A value of a kind from its text; false: it is none. */
bool value_parse(enum field_kind kind, struct str text, int64_t *ret);

/* The text of a number of that kind; buf holds it. */
#define VALUE_TEXT_MAX 32
struct str value_format(enum field_kind kind, int64_t number, char buf[VALUE_TEXT_MAX]);

#endif /* STORE_LINE_H */
