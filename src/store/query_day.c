/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/query_impl.h"

#define HOUR_US     ((int64_t)3600 * 1000000)
#define MINUTE_US   ((int64_t)60 * 1000000)
#define DAY_US      ((int64_t)86400 * 1000000)
#define SQL_MAX     32768
#define IN_LIST_MAX 64    /* numbers of texts given to SQLite; more are tested here */
#define TEXTS_FEW   20000 /* texts of a file that are worth a look before its sums */
#define TOLD_ROWS   4096  /* rows between two words of progress */

/* ---- where to look ---- */

static bool inside(const struct run *x, const struct day_cover *c)
{
	return c->first_us >= x->q->since_us && c->last_us < x->q->until_us;
}

static bool fields_are_in(const struct run *x, unsigned place)
{
	for (size_t i = 0; i < x->needed_count; i++) {
		const int at = x->needed[i].field.at;
		bool summed = i == x->of_count;

		if (at >= 0 && (fields[at].places & place) != 0)
			continue;
		for (size_t k = 0; k < x->q->sum_count; k++)
			summed = summed || x->of_sum[k] == i;
		for (size_t k = 0; k < x->q->filter_count; k++)
			summed = summed && x->of_filter[k] != i;
		for (size_t k = 0; k < x->q->group_count; k++)
			summed = summed && x->of_group[k] != i;
		if (at < 0 || !summed || (fields[at].places & IN_SUMS) == 0)
			return false;
	}
	return true;
}

/* Do all buckets begin where a unit of UTC does? */
static bool buckets_fit(const struct run *x, int64_t unit)
{
	const struct day_cover *c = &x->day->cover;
	const int64_t unit_s = unit / 1000000;

	if (x->q->bucket_us == 0)
		return true;
	if (x->q->bucket_us % unit != 0)
		return false;
	return x->q->zone == NULL ||
	       (zone_offset(x->q->zone, c->first_us, NULL) % unit_s == 0 &&
		zone_offset(x->q->zone, c->last_us, NULL) % unit_s == 0);
}

static bool aligned(int64_t us)
{
	return us == INT64_MIN || us == INT64_MAX || us % HOUR_US == 0;
}

static enum source choose(const struct run *x)
{
	const bool whole = inside(x, &x->day->cover);

	if (x->lists || x->q->prove || x->q->plain || x->q->after_segment != 0)
		return FROM_EVENTS;
	if (fields_are_in(x, IN_HOURS) && buckets_fit(x, HOUR_US) &&
	    (whole || (aligned(x->q->since_us) && aligned(x->q->until_us))))
		return FROM_HOURS;
	if (fields_are_in(x, IN_RULES) && whole && buckets_fit(x, DAY_US))
		return FROM_RULES;
	if (fields_are_in(x, IN_DAYS) && whole && buckets_fit(x, DAY_US))
		return FROM_DAYS;
	return FROM_EVENTS;
}

/* ---- a file ---- */

static void put(char *sql, size_t *n, const char *text)
{
	const size_t len = strlen(text);

	if (len < SQL_MAX - *n) {
		memcpy(sql + *n, text, len + 1);
		*n += len;
	}
}

static void put_number(char *sql, size_t *n, int64_t v)
{
	char buf[24];

	(void)snprintf(buf, sizeof(buf), "%" PRId64, v);
	put(sql, n, buf);
}

static void put_column(char *sql, size_t *n, const struct needed *f)
{
	put(sql, n, "\"");
	put(sql, n, f->field.name);
	put(sql, n, "\"");
}

/* Of a filter: the numbers of few texts in this file that it takes or, negative, refuses. */
struct picked {
	bool some, negative;
	size_t count; /* more than IN_LIST_MAX: too many to tell SQLite */
	int64_t ids[IN_LIST_MAX];
};

static void pick(struct picked *p, const struct filter *f, const struct value *v,
		 int64_t id)
{
	if (!p->some || p->count > IN_LIST_MAX || filter_matches(f, v) == p->negative)
		return;
	if (p->count < IN_LIST_MAX)
		p->ids[p->count] = id;
	p->count++;
}

/* In one pass: a scan of the texts costs about what one of so many rows does. */
static int pick_texts(struct run *x, struct picked *picked)
{
	const struct query *q = x->q;
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(x->day->db, "SELECT id, text FROM strings", -1, &s,
				    NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		const struct value v = {.set = true,
					.text = {sqlite3_column_blob(s, 1),
						 (size_t)sqlite3_column_bytes(s, 1)}};

		rc = SQLITE_OK;
		for (size_t i = 0; i < q->filter_count; i++)
			pick(&picked[i], &q->filters[i].filter, &v,
			     sqlite3_column_int64(s, 0));
	}
	(void)sqlite3_finalize(s);
	return day_error(rc);
}

static void put_picked(const struct needed *on, const struct picked *p, char *sql,
		       size_t *n)
{
	if (!p->some || p->count > IN_LIST_MAX)
		return;
	put(sql, n, p->negative ? " AND (" : " AND ");
	put_column(sql, n, on);
	if (p->negative) {
		put(sql, n, " IS NULL OR ");
		put_column(sql, n, on);
		put(sql, n, " NOT");
	}
	put(sql, n, " IN (");
	for (size_t k = 0; k < p->count; k++) {
		put(sql, n, k == 0 ? "" : ",");
		put_number(sql, n, p->ids[k]);
	}
	put(sql, n, p->negative ? "))" : ")");
}

static bool is_any(const struct filter *f)
{
	return f->count == 1 && f->has_positive &&
	       str_equal(f->patterns[0].text, STR("*"));
}

/* What SQLite can test by itself. */
static int put_filters(struct run *x, char *sql, size_t *n)
{
	const struct query *q = x->q;
	struct picked *picked = calloc(QUERY_FILTERS_MAX, sizeof(*picked));
	bool any = false;
	int rc = picked == NULL ? -ENOMEM : 0;

	for (size_t i = 0; rc == 0 && i < q->filter_count; i++) {
		const struct filter *f = &q->filters[i].filter;
		const struct needed *on = &x->needed[x->of_filter[i]];

		if (on->column < 0)
			continue;
		if (is_any(f)) {
			put(sql, n, " AND ");
			put_column(sql, n, on);
			put(sql, n, " IS NOT NULL");
		} else if (!kind_is_number(f->kind)) {
			picked[i].some = any = true;
			picked[i].negative = !f->has_positive;
		} else if (f->count == 1 && f->has_positive) {
			put(sql, n, " AND ");
			put_column(sql, n, on);
			put(sql, n, " BETWEEN ");
			put_number(sql, n, f->patterns[0].low);
			put(sql, n, " AND ");
			put_number(sql, n, f->patterns[0].high);
		}
	}
	if (rc == 0 && any)
		rc = pick_texts(x, picked);
	for (size_t i = 0; rc == 0 && i < q->filter_count; i++)
		put_picked(&x->needed[x->of_filter[i]], &picked[i], sql, n);
	free(picked);
	return rc;
}

/* Are the texts fewer than rows are read?  Else the tests here are cheaper. */
static int has_few_texts(struct run *x, bool *ret)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(x->day->db, "SELECT max(id) FROM strings", -1, &s,
				    NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	*ret = rc == SQLITE_ROW &&
	       (x->source == FROM_EVENTS || sqlite3_column_int64(s, 0) <= TEXTS_FEW);
	(void)sqlite3_finalize(s);
	return day_error(rc);
}

/* Only types that are few: a partial index has them. */
static bool only_rare(const struct run *x)
{
	static const char *const many[] = {"flow", "dns", "signal"};

	for (size_t i = 0; i < x->q->filter_count; i++) {
		const struct filter *f = &x->q->filters[i].filter;
		bool rare = x->q->filters[i].field.at == LINE_FIELD_TYPE &&
			    filter_is_exact(f);

		for (size_t k = 0; rare && k < 3; k++) {
			const struct value v = {.set = true, .text = str_of(many[k])};

			rare = !filter_matches(f, &v);
		}
		if (rare)
			return true;
	}
	return false;
}

/* Rows between the first and the last that the times allow: in the ledger's order. */
static int put_times(struct run *x, char *sql, size_t *n)
{
	const struct query *q = x->q;
	sqlite3_stmt *s = NULL;
	int64_t low = 0, high = -1;
	int rc;

	if (inside(x, &x->day->cover))
		return 0;
	rc = sqlite3_prepare_v2(x->day->db,
				"SELECT min(first_n), max(last_n) FROM minutes"
				" WHERE minute > ?1 AND minute < ?2",
				-1, &s, NULL);
	(void)sqlite3_bind_int64(s, 1,
				 q->since_us < INT64_MIN + MINUTE_US
					 ? INT64_MIN
					 : q->since_us - MINUTE_US);
	(void)sqlite3_bind_int64(s, 2, q->until_us);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL) {
		low = sqlite3_column_int64(s, 0);
		high = sqlite3_column_int64(s, 1);
	}
	(void)sqlite3_finalize(s);
	put(sql, n, " AND n BETWEEN ");
	put_number(sql, n, low);
	put(sql, n, " AND ");
	put_number(sql, n, high);
	put(sql, n, " AND +time >= ");
	put_number(sql, n, q->since_us);
	put(sql, n, " AND +time < ");
	put_number(sql, n, q->until_us);
	return day_error(rc);
}

static int put_conditions(struct run *x, char *sql, size_t *n)
{
	bool few = false;
	int rc = 0;

	put(sql, n, " WHERE 1");
	if (x->source == FROM_EVENTS) {
		rc = put_times(x, sql, n);
		if (only_rare(x) && !x->q->plain)
			put(sql, n, " AND rare = 1");
	} else if (!inside(x, &x->day->cover)) {
		put(sql, n, " AND hour >= ");
		put_number(sql, n, x->q->since_us);
		put(sql, n, " AND hour < ");
		put_number(sql, n, x->q->until_us);
	}
	if (rc == 0)
		rc = has_few_texts(x, &few);
	if (rc == 0 && few)
		rc = put_filters(x, sql, n);
	return rc;
}

/* Of the fields in lines alone that an event must have: rows of other minutes are passed over. */
static uint64_t marks_needed(const struct run *x)
{
	uint64_t marks = 0;

	for (size_t i = 0; i < x->q->filter_count && !x->q->plain; i++) {
		const struct needed *n = &x->needed[x->of_filter[i]];

		if (n->column < 0 && x->q->filters[i].filter.has_positive)
			marks |= field_mark(str_of(n->field.name));
	}
	return marks;
}

#define EVENT_COLUMNS 6
#define SUM_COLUMNS   4

static int prepare(struct run *x, sqlite3_stmt **ret)
{
	static _Thread_local char sql[SQL_MAX];
	static const char *const tables[] = {"events", "hours", "rules", "days"};
	size_t n = 0;
	int column = x->source == FROM_EVENTS ? EVENT_COLUMNS : SUM_COLUMNS, rc;
	uint64_t marks;

	put(sql, &n,
	    x->source == FROM_EVENTS
		    ? "SELECT time, segment, line, offset, length, digest"
		    : "SELECT hour, n, first_us, last_us");
	x->reads_lines = x->q->prove || x->q->plain;
	for (size_t i = 0; i < x->needed_count; i++) {
		struct needed *f = &x->needed[i];
		const bool kept = f->field.at >= 0 && !x->q->plain &&
				  fields[f->field.at].places != IN_LINE;

		f->column = kept ? column++ : -1;
		x->reads_lines = x->reads_lines || !kept;
		if (kept) {
			put(sql, &n, ", ");
			put_column(sql, &n, f);
		}
	}
	marks = marks_needed(x);
	x->backward = x->turns->newest && !x->reads_lines;
	put(sql, &n, marks == 0 ? " FROM " : " FROM minutes CROSS JOIN ");
	put(sql, &n, tables[x->source]);
	rc = put_conditions(x, sql, &n);
	if (rc == 0 && marks != 0) {
		put(sql, &n, " AND n BETWEEN first_n AND last_n AND marks & ");
		put_number(sql, &n, (int64_t)marks);
		put(sql, &n, " = ");
		put_number(sql, &n, (int64_t)marks);
	}
	if (x->backward)
		put(sql, &n, " ORDER BY n DESC");
	if (rc == 0)
		rc = day_error(sqlite3_prepare_v2(x->day->db, sql, (int)n, ret, NULL));
	return rc;
}

static struct line_place place_of(sqlite3_stmt *s)
{
	return (struct line_place){.segment = (uint32_t)sqlite3_column_int64(s, 1),
				   .line = (unsigned)sqlite3_column_int64(s, 2),
				   .offset = (uint64_t)sqlite3_column_int64(s, 3),
				   .length = (uint32_t)sqlite3_column_int64(s, 4),
				   .digest = sqlite3_column_int64(s, 5)};
}

static bool is_after(const struct query *q, const struct line_place *p)
{
	return p->segment > q->after_segment ||
	       (p->segment == q->after_segment && p->offset >= q->after_offset);
}

/* False: out of memory. */
static bool take_row(struct run *x, sqlite3_stmt *s)
{
	struct line_place place = {0};
	struct found f = {.count = 1, .place = &place};

	x->r->rows++;
	f.time_us = f.first_us = f.last_us = sqlite3_column_int64(s, 0);
	if (x->source == FROM_EVENTS) {
		place = place_of(s);
		if (!is_after(x->q, &place))
			return true;
	} else {
		f.count = (uint64_t)sqlite3_column_int64(s, 1);
		f.first_us = sqlite3_column_int64(s, 2);
		f.last_us = sqlite3_column_int64(s, 3);
	}
	if (!row_columns_match(x, s)) /* first: most rows end here */
		return true;
	return !row_fits(x, s, &place) || row_take(x, &f);
}

/* Are lines of newer files, or of this one, all that are wanted? */
static bool has_enough(struct run *x)
{
	const struct query_result *r = x->r;

	if (!x->turns->newest)
		return false;
	/* One more, which is not shown, tells that there is one. */
	if (x->backward && r->line_count - x->from > x->q->limit)
		return x->r->stopped = true;
	if (x->turn >= atomic_load(&x->turns->enough))
		return x->r->stopped = true;
	return false;
}

static void tell(struct run *x, uint64_t rows)
{
	const struct turns *t = x->turns;
	const uint64_t done = atomic_fetch_add(&x->turns->looked_at, rows) + rows;

	if (x->tells && x->q->progress != NULL)
		x->q->progress(x->q->progress_arg, done < t->events ? done : t->events,
			       t->events);
}

static int take_rows(struct run *x, sqlite3_stmt *s)
{
	int rc = 0, step = SQLITE_DONE;
	uint64_t rows = 0;

	while (rc == 0 && !has_enough(x) && (step = sqlite3_step(s)) == SQLITE_ROW) {
		if (!take_row(x, s))
			rc = -ENOMEM;
		if (++rows % TOLD_ROWS == 0)
			tell(x, TOLD_ROWS);
	}
	rows -= rows % TOLD_ROWS;
	tell(x, x->day->cover.events > rows ? x->day->cover.events - rows : 0);
	return rc != 0 || step == SQLITE_ROW ? rc : day_error(step);
}

static void turn_around(struct query_line *lines, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		const struct query_line one = lines[i];

		lines[i] = lines[count - 1 - i];
		lines[count - 1 - i] = one;
	}
}

int run_ask_day(struct run *x)
{
	sqlite3_stmt *s = NULL;
	int rc = day_open(x->day, store_folder(x->store));

	x->source = choose(x);
	free(x->map);
	x->map = NULL;
	x->map_size = 0;
	if (rc == 0)
		rc = day_error(sqlite3_prepare_v2(
			x->day->db, "SELECT text FROM strings WHERE id = ?1", -1,
			&x->text, NULL));
	if (rc == 0)
		rc = prepare(x, &s);
	if (rc == 0)
		rc = take_rows(x, s);
	if (x->backward)
		turn_around(x->r->lines + x->from, x->r->line_count - x->from);
	(void)sqlite3_finalize(s);
	(void)sqlite3_finalize(x->text);
	x->text = NULL;
	day_close(x->day);
	return rc;
}
