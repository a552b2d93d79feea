/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_QUERY_OPTIONS_H
#define APP_QUERY_OPTIONS_H

/* query_options - what `weir query` was asked. */

#include "app/command.h"
#include "app/query_out.h"
#include "app/trust.h"
#include "store/query.h"
#include "store/saved.h"

#define LIMIT_OF_TABLES 100
#define TOP_OF_TABLES   50

struct query_progress {
	int64_t shown_s; /* monotonic, of the last word; 0 = none */
	bool shown;
};

struct query_options {
	const char *command;
	struct common common;
	const char *ledger, *index, *saved;
	struct trust trust; /* of --prove */
	enum out_form form;
	bool explain, follow, help;
	const char *since, *until; /* as written: "24h" needs the newest event */
	struct zone *zone;
	struct field_ref fields[OUT_FIELDS_MAX];
	size_t field_count;
	const char *order; /* as written, without its '-' */
	bool descending;
	bool has_limit, has_top;
	uint64_t top;
	struct query query;
	struct query_progress progress;
	char **words; /* copies that the options point into */
	size_t word_count;
};

/* Of `weir command`, which errors name (borrowed).  NULL: no memory, and said so. */
struct query_options *query_options_create(const char *command);
void query_options_destroy(struct query_options *o);

/* Words of the command line, or of a saved query.  EXIT_FINE, or another code when it
 * was said why. */
int query_options_read(struct query_options *o, size_t count, char *const *words);

/* The same of one text with blanks between. */
int query_options_read_text(struct query_options *o, const char *text);

/*
 * Turn --since and --until into times, of which "24h" is before `newest_us`, and --order into
 * a field.  EXIT_FINE or EXIT_USAGE.
 */
int query_options_settle(struct query_options *o, int64_t newest_us);

#endif /* APP_QUERY_OPTIONS_H */
