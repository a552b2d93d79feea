/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_REPORT_ASK_H
#define APP_REPORT_ASK_H

/*
 * report_ask - the questions of a report: each is the text of a `weir query`, asked as that
 * command would ask it and shown beside the number that it gave.
 *
 * A question that cannot be answered leaves its finding in `d` and sets `failed`; the report goes
 * on with zeros and is thrown away at its end.
 */

#include "app/query_options.h"
#include "report/page.h"

struct report_asked {
	char *command; /* as a person would type it */
	uint64_t events;
	bool has_sum;
	int64_t sum;
};

struct report {
	FILE *out;
	struct store *store;
	struct diag *d;
	const char *ledger, *index, *zone_name; /* as given; NULL = not */
	const struct zone *zone;
	int64_t since_us, until_us; /* since INT64_MIN = from the beginning */
	bool prove;
	/* What came of it. */
	bool failed, over;
	uint64_t read_again, changed, gone;
	struct report_asked *asked; /* since the last report_queries() */
	size_t asked_count;
};

struct answered {
	struct query_options *o;
	struct query_result result; /* only when o != NULL */
};

/* `whole`: of the ledger from its beginning.  False: it failed; nothing to finish. */
bool report_ask(struct report *r, const char *words, bool whole, struct answered *ret);
void answer_finish(struct answered *a);

/* A group's key as text, moments in the report's zone; absent: STR_NONE.  Key 0 is the bucket. */
#define ANSWER_TEXT_MAX 64
struct str answer_key(const struct report *r, const struct answered *a,
		      const struct sums_row *row, size_t key, char buf[ANSWER_TEXT_MAX]);

/* How many events fit, or what their first --sum gives.  Words with a --group-by. */
uint64_t report_events(struct report *r, const char *words);
uint64_t report_events_whole(struct report *r, const char *words);
uint64_t report_sum(struct report *r, const char *words);
uint64_t report_sum_whole(struct report *r, const char *words);

/* What the --sum of the last question gave. */
uint64_t report_last_sum(const struct report *r);

/* The questions asked since the last call, in small type. */
void report_queries(struct report *r);

/* ---- tables ---- */

#define TABLE_KEYS_MAX    5
#define TABLE_NUMBERS_MAX 5
#define TABLE_ASKS_MAX    5

struct table_ask {
	const char *words; /* with a --group-by of as many fields as the table has keys */
	bool whole;
	unsigned column; /* of the numbers: where its events go */
	unsigned
		sums; /* not 0: so many of its sums, into that column and the next ones */
};

struct table {
	const char *title, *note; /* note may be NULL */
	const char *keys[TABLE_KEYS_MAX + 1];
	const char *numbers[TABLE_NUMBERS_MAX + 1];
	unsigned total; /* a column before them: the first so many added up; 0 = none */
	unsigned bytes; /* bit n: number n is bytes */
	bool times;     /* when first and last */
	size_t top;
	struct table_ask asks[TABLE_ASKS_MAX + 1];
};

/* Largest first.  Returns how many rows there were. */
size_t report_table(struct report *r, const struct table *t);

/* The last events one by one; words with --fields. */
size_t report_lines(struct report *r, const char *title, const char *words, size_t limit);

#endif /* APP_REPORT_ASK_H */
