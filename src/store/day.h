/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_DAY_H
#define STORE_DAY_H

/*
 * day - one file of the index: a run of the ledger's lines that follow each other.
 *
 * A file is named by the day (UTC) of its first line, `YYYY-MM-DD.sqlite`; the first line of a
 * later day begins the next file, a clock that was set back does not.  It holds
 *   events   a row a line: its place in the ledger, a digest of its bytes, and the columns
 *            that store/fields.c names; texts as numbers of `strings`
 *   minutes  runs of rows whose times are in one minute, with the marks (store/fields.h) of the
 *            fields that are in their lines alone
 *   seals    copies of the lines that are seals, and where they stand
 *   strings  each text once
 *   hours,   sums of events that are alike in the columns named there, by hour and by day;
 *   days,    several rows may have the same key, readers add them up
 *   rules
 *   cover    one row: which part of the ledger is in here, and how far types had expired then
 * What a commit writes is one transaction, the cover included: a killed process loses work,
 * never agreement.  Source: SQLite 3.40, WAL, synchronous=NORMAL.
 *
 * Errors: DAY_DAMAGED when what is there cannot be used, -errno for the environment.
 * Threads: one at a time.
 */

#include <sqlite3.h>

#include "record/expired.h"
#include "store/fields.h"
#include "store/strings.h"

#define DAY_PATH_MAX 4400
#define DAY_NAME_MAX 64

#define DAY_DAMAGED    1 /* no index of this version, or broken */
#define DAY_UNFINISHED 2 /* nothing was committed yet */
#define DAY_FULL       3 /* begin a new file */

struct day_cover {
	uint32_t start_segment, end_segment;
	uint64_t start_offset, end_offset; /* the first line; where the next will begin */
	unsigned end_line;                 /* lines of end_segment before the next */
	uint64_t last_offset;              /* of the last line that was read */
	int64_t last_digest;
	uint64_t last_seq;
	uint64_t events, bad, gaps; /* rows; lines that are no event; jumps of `seq` */
	int64_t first_us, last_us;  /* of the rows' times; first > last = no row */
	struct expired_marks
		expired; /* how far the ledger's lines had gone when it was made */
};

struct day {
	char name[DAY_NAME_MAX];
	int64_t number; /* days since 1970-01-01, of the name */
	unsigned part;  /* from 1; a file that is full goes on in the next part */
	struct day_cover cover;
	sqlite3 *db; /* NULL = closed */
	struct day_writer *writer;
};

/* The tables of sums: their keys are a time, floored to the unit, and the fields of a place. */
#define DAY_TABLES 3
struct day_table {
	const char *name;
	unsigned place;
	int64_t unit_us;
};
extern const struct day_table day_tables[DAY_TABLES];

/* The digest of a line's bytes that the index keeps. */
int64_t day_digest(struct str line);

/* Is it the name of such a file?  Then number and part are set. */
bool day_name_parse(const char *name, struct day *ret);
void day_name_format(struct day *d);

/* Open a file that exists and read its cover. */
int day_open(struct day *d, const char *folder) __attribute__((warn_unused_result));
void day_close(struct day *d); /* forgets what was not committed */
/* Of an open file: the time of its last row, in the ledger's order; unchanged without a row. */
int day_newest(const struct day *d, int64_t *ret) __attribute__((warn_unused_result));

/* Make a new file, which begins at the cover's start, and be ready to add. */
int day_create(struct day *d, const char *folder) __attribute__((warn_unused_result));
/* Be ready to add to an open file. */
int day_extend(struct day *d) __attribute__((warn_unused_result));

/* Add a line; v NULL: it is no event.  Commits by itself now and then. */
int day_add(struct day *d, const struct ledger_line *line, const struct record_line *v)
	__attribute__((warn_unused_result));
/* Pass over a line that has expired. */
int day_pass(struct day *d, const struct ledger_line *line)
	__attribute__((warn_unused_result));
int day_commit(struct day *d) __attribute__((warn_unused_result));

/* What an answer of SQLite means here: 0, DAY_DAMAGED or -errno. */
int day_error(int rc);

#endif /* STORE_DAY_H */
