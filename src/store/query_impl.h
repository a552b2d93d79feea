/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_QUERY_IMPL_H
#define STORE_QUERY_IMPL_H

/*
 * query_impl - a query as it runs: within store/query*.c alone.
 *
 * Its files are taken newest first by one or two runs, each with a thread, an answer and all it
 * reads for itself; they share `turns`, and their answers are joined (store/query_join.c).
 */

#include <stdatomic.h>

#include "store/query.h"

#define NEEDED_MAX (QUERY_FILTERS_MAX + QUERY_GROUPED_MAX + QUERY_SUMMED_MAX + 8)
#define RUNS_MAX   2 /* more would wait for one another's pages */

enum source {
	FROM_EVENTS = 0,
	FROM_HOURS,
	FROM_RULES,
	FROM_DAYS
};

/* A field that the query looks at. */
struct needed {
	struct field_ref field;
	int extra;  /* in the line reader; -1 = a field of the table */
	int column; /* of the statement at hand; -1 = it must be read from the line */
};

struct cell {
	struct value value;
	uint32_t id; /* of the text, in the result's; 0 = not looked up */
};

struct memo { /* what a filter said of a text */
	uint8_t *said;
	size_t room;
};

struct run;

/* The lines that one file gave, in the ledger's order. */
struct day_lines {
	const struct run *run;
	size_t from, count; /* in its answer's lines */
};

/* What the runs of a query share. */
struct turns {
	struct day **days;       /* newest first */
	struct day_lines *lines; /* of each */
	size_t count;
	bool newest;     /* the last `limit` lines are enough */
	uint64_t events; /* in all of the days */
	_Atomic size_t next,
		enough; /* the next to take; those from here on are not needed */
	_Atomic uint64_t found, looked_at; /* lines of days that are done; rows, about */
	_Atomic bool failed;
};

struct run {
	struct store *store;
	const struct query *q;
	struct diag *d;
	struct query_result *r;
	struct turns *turns;
	struct needed needed[NEEDED_MAX];
	size_t needed_count;
	size_t of_filter[QUERY_FILTERS_MAX], of_group[QUERY_GROUPED_MAX],
		of_sum[QUERY_SUMMED_MAX], of_order, of_would[4], of_type, of_phase,
		of_count;
	struct memo memos[QUERY_FILTERS_MAX];
	struct ledger_reader *reader;
	struct record_line *lines;
	bool lists; /* lines, not groups */
	size_t line_room;
	uint32_t seal; /* that proves the line at hand */
	bool tells;    /* of the progress */
	int rc;

	/* Of the file at hand. */
	struct day *day;
	size_t turn; /* its place in turns->days */
	size_t from; /* its first line in the answer */
	enum source source;
	bool reads_lines, backward;
	sqlite3_stmt *text;
	uint32_t *map; /* a text's number in the file -> in the result */
	size_t map_size;
	struct cell cells[NEEDED_MAX];
};

/* One event, or several that are alike. */
struct found {
	uint64_t count;
	int64_t time_us, first_us, last_us; /* time: for the bucket */
	const struct line_place *place;     /* of events */
};

/* store/query_row.c: what is done with a row, whose columns are in the statement. */

bool row_columns_match(struct run *x, sqlite3_stmt *s);
/* The columns' values, then those of the line, if it has to be read.  False: it does not count. */
bool row_fits(struct run *x, sqlite3_stmt *s, const struct line_place *place);
/* Count it.  False: out of memory. */
bool row_take(struct run *x, const struct found *f);
/* `more` places, of which `at` is the first: their number, and the first of all. */
void note_places(uint64_t *count, struct line_place *first, uint64_t more,
		 const struct line_place *at);
/* Sorts lines by key, then by place. */
int lines_by_key(const void *a, const void *b);
/* How many lines have to be kept of a file; 0 = all. */
uint64_t lines_wanted(const struct query *q);

/* store/query_day.c: one file, x->day.  0, DAY_DAMAGED or -errno. */
int run_ask_day(struct run *x);

/* store/query_join.c: the answers of all runs become the first one's, arranged.  0 or -errno. */
int runs_join(struct run *const runs[], size_t count);

#endif /* STORE_QUERY_IMPL_H */
