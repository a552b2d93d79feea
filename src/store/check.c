/* SPDX-License-Identifier: Apache-2.0 */
#include "store/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/sums.h"

#define ROW_FIXED  7 /* columns of an event before the fields: n, segment, line, .. */
#define SUMS_FIXED 4
#define MINUTE_US  ((int64_t)60 * 1000000)

struct list {
	unsigned at[FIELDS_MAX];
	size_t count;
};

struct check {
	struct store *store;
	struct diag *d;
	struct store_check *r;
	struct ledger_reader *reader;
	struct record_line *lines;
	struct list events, added, keys[DAY_TABLES];
	uint64_t marks[LINE_TOP_COUNT];

	/* Of the file at hand. */
	struct day *day;
	struct strings *texts; /* with the file's numbers; more are of the ledger alone */
	struct sums *here[DAY_TABLES], *there[DAY_TABLES]; /* ledger, index */
	sqlite3_stmt *row, *minute;
	int64_t run_first, run_last, run_us; /* of the run of rows at hand: its minute */
	uint64_t run_marks;
	struct day_cover seen;
	bool partly;
};

__attribute__((format(printf, 2, 3))) static void differ(struct check *c, const char *fmt,
							 ...)
{
	char *to = c->r->difference;
	va_list args;
	int n;

	if (c->r->differs)
		return;
	c->r->differs = true;
	n = snprintf(to, STORE_DIFFERENCE_MAX, "%s: ", c->day->name);
	va_start(args, fmt);
	(void)vsnprintf(to + n, STORE_DIFFERENCE_MAX - (size_t)n, fmt, args);
	va_end(args);
}

/* ---- rows ---- */

static int load_texts(struct check *c)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(
		c->day->db, "SELECT id, text FROM strings ORDER BY id", -1, &s, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		const struct str text = {sqlite3_column_blob(s, 1),
					 (size_t)sqlite3_column_bytes(s, 1)};

		rc = SQLITE_OK;
		if (strings_add(c->texts, text) != sqlite3_column_int64(s, 0)) {
			differ(c, "text %" PRId64 " is there twice, or one before is not",
			       (int64_t)sqlite3_column_int64(s, 0));
			break;
		}
	}
	(void)sqlite3_finalize(s);
	return day_error(rc);
}

static bool same_field(const struct check *c, int column, unsigned field)
{
	const struct value v = value_of(c->lines, field);
	const int64_t n = sqlite3_column_int64(c->row, column);

	if (v.set != (sqlite3_column_type(c->row, column) != SQLITE_NULL))
		return false;
	if (!v.set || kind_is_number(fields[field].kind))
		return !v.set || n == v.number;
	return n > 0 && (uint64_t)n <= STRINGS_MAX &&
	       str_equal(strings_text(c->texts, (uint32_t)n), v.text);
}

/* False: the index has another row here. */
static bool compare_row(struct check *c, const struct ledger_line *line)
{
	const int64_t want[] = {line->segment, line->line, (int64_t)line->offset,
				(int64_t)line->text.len, day_digest(line->text)};

	for (int i = 0; i < 5; i++)
		if (sqlite3_column_int64(c->row, i + 1) != want[i])
			return false;
	for (size_t i = 0; i < c->events.count; i++)
		if (!same_field(c, ROW_FIXED + (int)i, c->events.at[i])) {
			differ(c,
			       "row %" PRId64 ", line %u of segment %u: its %s is not "
			       "the line's",
			       (int64_t)sqlite3_column_int64(c->row, 0), line->line,
			       line->segment, fields[c->events.at[i]].name);
			return false;
		}
	return true;
}

static int64_t floor_to(int64_t us, int64_t unit)
{
	const int64_t rest = us % unit;

	return us - (rest < 0 ? rest + unit : rest);
}

/* Is the row in a run of its minute, which knows of all that is in its line alone? */
static void check_minute(struct check *c)
{
	const int64_t n = sqlite3_column_int64(c->row, 0),
		      us = c->lines->values[LINE_FIELD_MOMENT].us;
	uint64_t marks = 0;

	while (n > c->run_last && sqlite3_step(c->minute) == SQLITE_ROW) {
		c->run_us = sqlite3_column_int64(c->minute, 0);
		c->run_first = sqlite3_column_int64(c->minute, 1);
		c->run_last = sqlite3_column_int64(c->minute, 2);
		c->run_marks = (uint64_t)sqlite3_column_int64(c->minute, 3);
	}
	for (size_t i = 0; i < c->lines->set_count; i++)
		if (c->lines->set[i] < LINE_TOP_COUNT)
			marks |= c->marks[c->lines->set[i]];
	if (n < c->run_first || n > c->run_last || c->run_us != floor_to(us, MINUTE_US))
		differ(c, "row %" PRId64 " is in no run of its minute", n);
	else if ((marks & ~c->run_marks) != 0)
		differ(c, "row %" PRId64 ": its minute does not know all of its fields",
		       n);
}

static int64_t sums_part(struct check *c, unsigned field)
{
	const struct value v = value_of(c->lines, field);

	return !v.set                               ? 0
	       : kind_is_number(fields[field].kind) ? v.number
						    : strings_add(c->texts, v.text);
}

static bool add_sums(struct check *c)
{
	const int64_t us = c->lines->values[LINE_FIELD_MOMENT].us;
	int64_t key[SUMS_KEYS_MAX], values[SUMS_VALUES_MAX] = {0};
	const struct sums_one one = {key, 1, us, us, values};

	for (size_t i = 0; i < c->added.count; i++)
		values[i] = sums_part(c, c->added.at[i]);
	for (size_t t = 0; t < DAY_TABLES; t++) {
		key[0] = floor_to(us, day_tables[t].unit_us);
		for (size_t i = 0; i < c->keys[t].count; i++)
			key[i + 1] = sums_part(c, c->keys[t].at[i]);
		if (!sums_add(c->here[t], &one))
			return false;
	}
	return true;
}

static int take_line(struct check *c, const struct ledger_line *line)
{
	const int64_t us = c->lines->values[LINE_FIELD_MOMENT].us;
	const int step = sqlite3_step(c->row);

	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return day_error(step);
	if (step == SQLITE_DONE || !compare_row(c, line)) {
		differ(c, "line %u of segment %u is not in it where it should be",
		       line->line, line->segment);
		return 0;
	}
	check_minute(c);
	c->r->rows++;
	c->seen.events++;
	if (us < c->seen.first_us)
		c->seen.first_us = us;
	if (us > c->seen.last_us)
		c->seen.last_us = us;
	return add_sums(c) ? 0 : -ENOMEM;
}

/* ---- sums ---- */

static int load_sums(struct check *c, size_t t)
{
	const size_t keys = c->keys[t].count;
	sqlite3_stmt *s = NULL;
	char sql[64];
	int rc;

	(void)snprintf(sql, sizeof(sql), "SELECT * FROM %s", day_tables[t].name);
	rc = sqlite3_prepare_v2(c->day->db, sql, -1, &s, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t key[SUMS_KEYS_MAX], values[SUMS_VALUES_MAX] = {0};
		const struct sums_one one = {key, (uint64_t)sqlite3_column_int64(s, 1),
					     sqlite3_column_int64(s, 2),
					     sqlite3_column_int64(s, 3), values};

		key[0] = sqlite3_column_int64(s, 0);
		for (size_t i = 0; i < keys; i++)
			key[i + 1] = sqlite3_column_int64(s, SUMS_FIXED + (int)i);
		for (size_t i = 0; i < c->added.count; i++)
			values[i] = sqlite3_column_int64(s, SUMS_FIXED + (int)(keys + i));
		rc = sums_add(c->there[t], &one) ? SQLITE_OK : SQLITE_NOMEM;
	}
	(void)sqlite3_finalize(s);
	return day_error(rc);
}

struct sorting {
	const struct sums *sums;
	size_t keys;
};

static int compare_keys(const int64_t *a, const int64_t *b, size_t keys)
{
	for (size_t i = 0; i < keys; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

static int by_key(const void *a, const void *b, void *arg)
{
	const struct sorting *s = arg;

	return compare_keys(sums_at(s->sums, *(const size_t *)a).key,
			    sums_at(s->sums, *(const size_t *)b).key, s->keys);
}

static size_t *sorted(const struct sums *sums, size_t keys)
{
	const size_t n = sums_count(sums);
	struct sorting s = {sums, keys};
	size_t *at = calloc(n + 1, sizeof(*at));

	for (size_t i = 0; at != NULL && i < n; i++)
		at[i] = i;
	if (at != NULL)
		qsort_r(at, n, sizeof(*at), by_key, &s);
	return at;
}

static void differ_sums(struct check *c, size_t t, int64_t us,
			const struct sums_row *here, const struct sums_row *there)
{
	char when[RFC3339_LEN + 1];

	clock_format_rfc3339(us, when);
	differ(c,
	       "sums of table %s at %s: %" PRIu64 " events or what they add up to, the "
	       "ledger has %" PRIu64,
	       day_tables[t].name, when, there == NULL ? 0 : there->count,
	       here == NULL ? 0 : here->count);
}

static void compare_tables(struct check *c, size_t t, const size_t *a, const size_t *b)
{
	const size_t n = sums_count(c->here[t]), m = sums_count(c->there[t]),
		     keys = c->keys[t].count + 1;

	for (size_t i = 0; !c->r->differs && (i < n || i < m); i++) {
		const struct sums_row none = {0},
				      x = i < n ? sums_at(c->here[t], a[i]) : none,
				      y = i < m ? sums_at(c->there[t], b[i]) : none;
		const int order = i >= n   ? 1
				  : i >= m ? -1
					   : compare_keys(x.key, y.key, keys);

		if (order != 0)
			differ_sums(c, t, order < 0 ? x.key[0] : y.key[0],
				    order < 0 ? &x : NULL, order > 0 ? &y : NULL);
		else if (x.count != y.count || x.first_us != y.first_us ||
			 x.last_us != y.last_us ||
			 compare_keys(x.values, y.values, c->added.count) != 0)
			differ_sums(c, t, x.key[0], &x, &y);
		else
			c->r->sums++;
	}
}

static int check_sums(struct check *c)
{
	int rc = 0;

	for (size_t t = 0; rc == 0 && !c->r->differs && t < DAY_TABLES; t++) {
		size_t *a, *b;

		rc = load_sums(c, t);
		if (rc != 0)
			break;
		a = sorted(c->here[t], c->keys[t].count + 1);
		b = sorted(c->there[t], c->keys[t].count + 1);
		if (a == NULL || b == NULL)
			rc = -ENOMEM;
		else
			compare_tables(c, t, a, b);
		free(a);
		free(b);
	}
	return rc;
}

/* ---- a file ---- */

/* Do SQLite's own indexes have the rows that the tables have? */
static int check_indexes(struct check *c)
{
	sqlite3_stmt *s = NULL;
	int rc =
		sqlite3_prepare_v2(c->day->db, "PRAGMA integrity_check(1)", -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW &&
	    !str_equal(str_of((const char *)sqlite3_column_text(s, 0)), STR("ok")))
		differ(c, "%s", (const char *)sqlite3_column_text(s, 0));
	(void)sqlite3_finalize(s);
	return day_error(rc);
}

/* Stand at its first line; rows of segments that were removed are passed over. */
static int stand_at_start(struct check *c, const struct day *before)
{
	const struct day_cover *cover = &c->day->cover;
	const uint32_t first = ledger_reader_first(c->reader);
	const char *sql = "SELECT * FROM events WHERE segment >= ?1 ORDER BY n";
	const unsigned line = before == NULL ? 0 : before->cover.end_line;
	int rc = day_error(sqlite3_prepare_v2(c->day->db, sql, -1, &c->row, NULL));

	c->partly = cover->start_segment < first;
	c->run_last = 0;
	if (rc == 0)
		rc = day_error(sqlite3_prepare_v2(c->day->db,
						  "SELECT * FROM minutes ORDER BY rowid",
						  -1, &c->minute, NULL));
	if (rc == 0)
		(void)sqlite3_bind_int64(c->row, 1,
					 c->partly ? (int64_t)first : INT64_MIN);
	if (rc == 0 && !(c->partly ? ledger_reader_seek(c->reader, first, 0, 0)
				   : ledger_reader_seek(c->reader, cover->start_segment,
							cover->start_offset, line)))
		rc = -EIO;
	return rc;
}

static bool is_covered(const struct day_cover *c, const struct ledger_line *line)
{
	return line->segment < c->end_segment ||
	       (line->segment == c->end_segment && line->offset <= c->last_offset);
}

static int check_lines(struct check *c)
{
	struct ledger_line line;
	int rc = 0;

	while (rc == 0 && !c->r->differs && ledger_reader_next(c->reader, &line) &&
	       is_covered(&c->day->cover, &line)) {
		if (record_line_read(&line, c->d, c->lines) == LINE_UNSOUND)
			c->seen.bad++;
		else
			rc = take_line(c, &line);
	}
	if (rc == 0 && !c->r->differs && sqlite3_step(c->row) != SQLITE_DONE)
		differ(c, "row %" PRId64 " is of no line",
		       (int64_t)sqlite3_column_int64(c->row, 0));
	return rc;
}

static void compare_cover(struct check *c)
{
	const struct day_cover *said = &c->day->cover, *seen = &c->seen;

	if (said->events != seen->events || said->bad != seen->bad)
		differ(c,
		       "it says %" PRIu64 " events and %" PRIu64
		       " other lines, the ledger has %" PRIu64 " and %" PRIu64,
		       said->events, said->bad, seen->events, seen->bad);
	else if (said->first_us != seen->first_us || said->last_us != seen->last_us)
		differ(c, "its first or last time is not the ledger's");
}

static int prepare(struct check *c)
{
	c->seen = (struct day_cover){.first_us = INT64_MAX, .last_us = INT64_MIN};
	c->texts = strings_create();
	for (size_t t = 0; t < DAY_TABLES; t++) {
		c->here[t] = sums_create(c->keys[t].count + 1);
		c->there[t] = sums_create(c->keys[t].count + 1);
		if (c->here[t] == NULL || c->there[t] == NULL)
			return -ENOMEM;
	}
	return c->texts == NULL ? -ENOMEM : 0;
}

static void forget(struct check *c)
{
	(void)sqlite3_finalize(c->row);
	c->row = NULL;
	(void)sqlite3_finalize(c->minute);
	c->minute = NULL;
	strings_destroy(c->texts);
	c->texts = NULL;
	for (size_t t = 0; t < DAY_TABLES; t++) {
		sums_destroy(c->here[t]);
		sums_destroy(c->there[t]);
		c->here[t] = c->there[t] = NULL;
	}
	day_close(c->day);
}

static int check_day(struct check *c, const struct day *before)
{
	int rc = day_open(c->day, store_folder(c->store));

	if (rc == 0)
		rc = prepare(c);
	if (rc == 0)
		rc = load_texts(c);
	if (rc == 0)
		rc = stand_at_start(c, before);
	if (rc == 0)
		rc = check_lines(c);
	if (rc == 0 && c->partly)
		c->r->not_compared += c->day->cover.events - c->seen.events;
	else if (rc == 0 && !c->r->differs)
		compare_cover(c);
	if (rc == 0 && !c->partly)
		rc = check_sums(c);
	if (rc == 0 && !c->r->differs)
		rc = check_indexes(c);
	forget(c);
	return rc;
}

int store_check(struct store *s, struct diag *d, struct store_check *ret)
{
	struct check *c = calloc(1, sizeof(*c));
	int rc = c == NULL ? -ENOMEM : 0;

	memset(ret, 0, sizeof(*ret));
	if (rc == 0) {
		*c = (struct check){.store = s, .d = d, .r = ret};
		c->lines = line_for_store();
		c->reader = ledger_reader_open(store_ledger(s), d);
		c->events.count = fields_in(IN_EVENTS, c->events.at);
		c->added.count = fields_in(IN_SUMS, c->added.at);
		for (unsigned i = 0; i < LINE_TOP_COUNT; i++)
			c->marks[i] = field_mark(str_of(fields[i].name));
		for (size_t t = 0; t < DAY_TABLES; t++)
			c->keys[t].count = fields_in(day_tables[t].place, c->keys[t].at);
		rc = c->lines == NULL || c->reader == NULL ? -ENOMEM : 0;
	}
	for (size_t i = 0; rc == 0 && !ret->differs && i < store_day_count(s); i++) {
		c->day = store_day(s, i);
		rc = check_day(c, i == 0 ? NULL : store_day(s, i - 1));
	}
	if (rc > 0) {
		differ(c, "it is damaged");
		rc = 0;
	}
	if (rc != 0)
		diag_error(d, (struct span){.file = store_folder(s)}, "%s",
			   strerrordesc_np(-rc));
	if (c != NULL) {
		ledger_reader_close(c->reader);
		free(c->lines);
	}
	free(c);
	return rc;
}
