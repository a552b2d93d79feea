/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

/*
 * query - events of a store by filter: their lines' places, or counted in groups.
 *
 * What the sums by hour or by day can answer is read from them, what the columns can answer
 * from the events, and the rest from the ledger's lines, a file at a time; all give the same
 * answer.  Texts are compared with ASCII case ignored (store/filter.h).
 * Bounded: QUERY_GROUPS_MAX groups, QUERY_MATCHES_MAX lines.
 * Threads: one at a time; a second one reads every other file, and is gone on return.
 */

#include "match/zone.h"
#include "store/filter.h"
#include "store/index.h"
#include "store/strings.h"
#include "store/sums.h"

#define QUERY_FILTERS_MAX 48
#define QUERY_GROUPED_MAX 8
#define QUERY_SUMMED_MAX  (SUMS_VALUES_MAX - 1) /* and the connections */
#define QUERY_GROUPS_MAX  1000000u
#define QUERY_MATCHES_MAX 50000000u

/* A field, or an inner one that is in no table. */
struct field_ref {
	const char *name;
	enum line_kind kind;
	int at; /* in fields; -1: inner */
};

/* False: there is no such field. */
bool field_ref_find(const char *name, struct field_ref *ret);

struct query_filter {
	struct field_ref field;
	struct filter filter;
};

/*
 * How far a ledger is proven (record/verify.h): up to a line by its seals and keys; from there
 * to another one (without end when the walk had findings) lines are in doubt.
 */
struct query_seal {
	uint32_t segment;
	uint64_t offset, seq,
		epoch; /* where it stands; it proves all lines up to there */
};

struct query_seals {
	uint32_t sound_segment, sealed_segment;
	uint64_t sound_offset, sealed_offset; /* in them */
	uint64_t sound_seq;
	struct query_seal *list; /* in the ledger's order; the caller's, malloc'd */
	size_t count, room;
};

/* False: out of memory, or more than QUERY_SEALS_MAX. */
#define QUERY_SEALS_MAX (16u << 20)
bool query_seals_add(struct query_seals *s, const struct query_seal *one);

struct query {
	struct query_filter filters[QUERY_FILTERS_MAX];
	size_t filter_count;
	bool would_deny; /* denied and passed, or to be denied by a report-only line */
	int64_t since_us, until_us; /* from, and before */

	/* Groups, if there is one or a bucket; else lines. */
	struct field_ref groups[QUERY_GROUPED_MAX], sums[QUERY_SUMMED_MAX];
	size_t group_count, sum_count;
	int64_t bucket_us;       /* 0 = none */
	const struct zone *zone; /* of buckets; NULL = UTC */

	uint64_t limit;  /* lines: the last ones; 0 = all */
	bool newest;     /* nothing older than those has to be counted */
	uint64_t sample; /* so many lines, picked by `seed`; 0 = no sample */
	uint64_t seed;
	struct field_ref order; /* of lines; name NULL = the ledger's order */
	bool descending;
	bool prove;                      /* read each counted line again */
	const struct query_seals *seals; /* and hold it against these; NULL = none */
	bool plain; /* ask neither sums nor columns, but each line: for tests */
	/* Only lines behind this place; segment 0 = all. */
	uint32_t after_segment;
	uint64_t after_offset;
	/* NULL, or told now and then how many of how many events were looked at. */
	void (*progress)(void *arg, uint64_t events, uint64_t of);
	void *progress_arg;
};

/* A query of everything. */
void query_init(struct query *q);

/* NULL, or what is wrong: as filter_add(); or too many fields. */
const char *query_filter(struct query *q, const struct field_ref *field, struct str text);

struct query_line {
	struct line_place place;
	int64_t key; /* of the order or sample */
	uint32_t
		seal; /* that proves it: its place in the query's seals, from 1; 0 = none */
};

struct query_result {
	uint64_t matched; /* events */
	bool stopped; /* with `newest`: there may be older ones, which are not counted */
	int64_t first_us, last_us;
	/* Lines. */
	struct query_line *lines;
	size_t line_count;
	/*
	 * Groups: key 0 is the bucket's beginning, then the fields: a number, or that of a text.
	 * Values: the sums that were asked for, then the connections: `flow` events of phase
	 * start, and what `rollup` events count.
	 */
	struct strings *texts;
	struct sums *groups;
	bool over; /* more groups or lines than the caps: the answer is not whole */
	/* What was read, for people and tests. */
	uint64_t rows, lines_read, lines_gone;
	/* Of --prove: lines that are not what was indexed; the first of them. */
	uint64_t proved, changed;
	struct line_place first_changed;
	/* Of those that are what was indexed, with seals. */
	uint64_t sealed, unsealed, doubtful;
	struct line_place first_doubtful;
	uint32_t first_seal, last_seal; /* of the sealed ones, as query_line.seal */
	uint8_t *ranges; /* with seals: of each, is one of them in its range? */
};

/* A group's value is absent. */
#define QUERY_ABSENT INT64_MIN

/* 0 or -errno with findings in d.  The caller's: query_result_finish(). */
int query_run(struct store *s, const struct query *q, struct diag *d,
	      struct query_result *ret) __attribute__((warn_unused_result));
void query_result_finish(struct query_result *r);

#endif /* STORE_QUERY_H */
