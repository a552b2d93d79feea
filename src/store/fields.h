/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_FIELDS_H
#define STORE_FIELDS_H

/*
 * fields - the fields of events (docs/events.md): what kind of value each holds and where the
 * index keeps it.  A test holds the table against that document.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum field_kind {
	FIELD_TEXT = 0, /* any text and word */
	FIELD_ADDRESS,
	FIELD_TRUTH, /* true, false */
	FIELD_LIST,  /* of texts, held as one text with FIELD_LIST_SEPARATOR between */
	/* Those that are held as numbers: */
	FIELD_NUMBER,
	FIELD_MOMENT, /* microseconds since 1970 */
	FIELD_ID      /* 16 hexadecimal digits */
};

#define FIELD_LIST_SEPARATOR '\x1f'

static inline bool field_is_number(enum field_kind k)
{
	return k >= FIELD_NUMBER;
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
	enum field_kind kind;
	unsigned places;
};

extern const struct field fields[];
extern const size_t field_count;

#define FIELDS_MAX 160

/* The place in `fields` of a name (`_` and `-` are the same), or -1. */
int field_find(struct str name);

/* Known at compile time: they stand in front. */
enum field_known {
	FIELD_TIME = 0,
	FIELD_TYPE,
	FIELD_SEQ,
	FIELD_PHASE,
	FIELD_VERDICT,
	FIELD_WOULD_VERDICT,
	FIELD_EFFECT
};

/* The fields with one of `places`, in the order of the table; returns how many. */
size_t fields_in(unsigned places, unsigned ret[FIELDS_MAX]);

/* `detail.NAME` and `gates.NAME` beyond the table. */
bool field_is_inner(struct str name);

/* The field nearest to a wrong name, or NULL. */
const char *field_nearest(struct str name);

#endif /* STORE_FIELDS_H */
