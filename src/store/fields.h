/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_FIELDS_H
#define STORE_FIELDS_H

/*
 * fields - the fields of events (record/line.h) as the store has them: where the index keeps
 * each, and their values as texts and signed numbers.  A test holds them against
 * docs/events.md.
 * Memory: values borrow the line.  Threads: constants.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "record/line.h"

/* Those that are held as numbers: times are microseconds since 1970. */
static inline bool kind_is_number(enum line_kind k)
{
	return k == LINE_NUMBER || k == LINE_PORT || k == LINE_TIME || k == LINE_ID;
}

/* Where the index keeps a field, beside the ledger's line that has them all. */
enum field_place {
	IN_LINE = 0,
	IN_EVENTS = 1, /* a column of the events */
	IN_DAYS = 2,   /* of the sums by day: who went where */
	IN_HOURS = 4,  /* of the sums by hour */
	IN_RULES =
		8,   /* of the sums by day: what the rules did, of nobody in particular */
	IN_SUMS = 16 /* added up in all three */
};

struct field {
	const char *name;
	enum line_kind kind;
	unsigned places;
};

extern const struct field fields[]; /* by enum line_field */
extern const size_t field_count;

#define FIELDS_MAX LINE_VALUE_COUNT

/* The place in `fields` of a name (`_` and `-` are the same), or -1. */
int field_find(struct str name);

/* The fields with one of `places`, in the order of the columns; returns how many. */
size_t fields_in(unsigned places, unsigned ret[FIELDS_MAX]);

/*
 * One bit for a field, by which the index tells which of its runs of rows have it in their
 * lines alone; an inner field has that of the object around it.  0: it is a column.
 */
uint64_t field_mark(struct str name);

/* `detail.NAME` and `gates.NAME` beyond the table. */
bool field_is_inner(struct str name);

/* The field nearest to a wrong name, or NULL. */
const char *field_nearest(struct str name);

struct value {
	bool set;
	struct str text; /* of numbers: as written, where they were read from a line */
	int64_t number;  /* of the kinds that kind_is_number() */
};

/* A line to be read with all that the store wants to know of it; free() it.  NULL: no memory. */
struct record_line *line_for_store(void);

/* A number over 2^63 - 1 counts as absent: SQLite holds none. */
struct value value_of(const struct record_line *l, unsigned field);
struct value value_of_extra(const struct record_line *l, unsigned extra);

/* A value of a kind from its text; false: it is none. */
bool value_parse(enum line_kind kind, struct str text, int64_t *ret);

/* The text of a number of that kind; buf holds it. */
#define VALUE_TEXT_MAX 32
struct str value_format(enum line_kind kind, int64_t number, char buf[VALUE_TEXT_MAX]);

#endif /* STORE_FIELDS_H */
