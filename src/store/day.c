/* SPDX-License-Identifier: Apache-2.0 */
#include "store/day.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "store/sums.h"

#define DAY_US      ((int64_t)86400 * 1000000)
#define HOUR_US     ((int64_t)3600 * 1000000)
#define BATCH       1000000u /* lines a transaction: sums shrink with it, */
#define BATCH_SUMS  200000u  /* and are no more than so many a table, or a little above */
#define MINUTE_US   ((int64_t)60 * 1000000)
#define SQL_MAX     16384
#define FILE_MODE   0640
#define PLACE_COUNT 6 /* columns of a row before the fields */

/* The tables of sums. */
const struct day_table day_tables[DAY_TABLES] = {
	{"hours", IN_HOURS, HOUR_US},
	{"days", IN_DAYS, DAY_US},
	{"rules", IN_RULES, DAY_US},
};

struct list {
	unsigned at[FIELDS_MAX];
	size_t count;
};

struct day_writer {
	struct strings *strings;
	uint32_t saved; /* of strings, that many are in the file */
	sqlite3_stmt *add, *add_string;
	struct sums *sums[DAY_TABLES];
	struct list events, added, keys[DAY_TABLES]; /* fields: columns, sums, keys */
	int place[FIELDS_MAX];                       /* in `add`; 0 = no column */
	uint32_t last_text[FIELDS_MAX]; /* of the row before: most fields repeat */
	int64_t minute, minute_n;       /* of the rows from minute_n on */
	uint64_t marks[FIELDS_MAX];     /* field_mark() of each that is in lines alone */
	uint64_t minute_marks;          /* of those that lines of these rows have */
	sqlite3_stmt *add_minute, *add_seal;
	unsigned pending; /* lines since the last commit */
};

int64_t day_digest(struct str line)
{
	const uint64_t h = hash_bytes(line.p, line.len, 0);
	int64_t v;

	memcpy(&v, &h, sizeof(v));
	return v;
}

int day_error(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_IOERR:
		return -EIO;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	default:
		return DAY_DAMAGED;
	}
}

/* ---- names ---- */

bool day_name_parse(const char *name, struct day *ret)
{
	struct str s = str_of(name), part = STR_NONE;
	uint64_t y, m, d, n = 1;

	if (!str_ends_with(s, STR(".sqlite")) || s.len < 17)
		return false;
	s.len -= sizeof(".sqlite") - 1;
	if (s.p[4] != '-' || s.p[7] != '-' || (s.len > 10 && s.p[10] != '-'))
		return false;
	if (s.len > 10)
		part = (struct str){s.p + 11, s.len - 11};
	if (!parse_u64((struct str){s.p, 4}, 9999, &y) ||
	    !parse_u64((struct str){s.p + 5, 2}, 12, &m) ||
	    !parse_u64((struct str){s.p + 8, 2}, 31, &d) ||
	    (s.len > 10 && (!parse_u64(part, 999999, &n) || n < 2)) ||
	    !civil_valid_date((int)y, (int)m, (int)d))
		return false;
	ret->number = civil_days((int)y, (int)m, (int)d);
	ret->part = (unsigned)n;
	day_name_format(ret);
	return strcmp(ret->name, name) == 0;
}

void day_name_format(struct day *d)
{
	const struct civil c = civil_from_us(d->number * DAY_US);

	if (d->part <= 1)
		(void)snprintf(d->name, sizeof(d->name), "%04d-%02d-%02d.sqlite", c.year,
			       c.month, c.day);
	else
		(void)snprintf(d->name, sizeof(d->name), "%04d-%02d-%02d-%u.sqlite",
			       c.year, c.month, c.day, d->part);
}

/* ---- the schema ---- */

static void columns(char *sql, size_t *len, unsigned places)
{
	unsigned at[FIELDS_MAX];
	const size_t n = fields_in(places, at);

	for (size_t i = 0; i < n; i++)
		*len += (size_t)snprintf(sql + *len, SQL_MAX - *len, ", \"%s\"",
					 fields[at[i]].name);
}

static void add_sql(char *sql, size_t *len, const char *text)
{
	*len += (size_t)snprintf(sql + *len, SQL_MAX - *len, "%s", text);
}

/* All of it is known at compile time and fits by far. */
static void schema(char sql[SQL_MAX])
{
	size_t n = 0;

	add_sql(sql, &n,
		"CREATE TABLE strings(id INTEGER PRIMARY KEY, text BLOB);"
		"CREATE TABLE cover(start_segment, start_offset, end_segment, end_offset,"
		" end_line, last_offset, last_digest, last_seq, events, bad, gaps,"
		" first_us, last_us, expired);"
		"CREATE TABLE minutes(minute, first_n, last_n, marks);"
		"CREATE TABLE seals(segment, line, offset, text BLOB);"
		"CREATE TABLE events(n INTEGER PRIMARY KEY, segment, line, offset, length,"
		" digest, rare");
	columns(sql, &n, IN_EVENTS);
	for (size_t i = 0; i < DAY_TABLES; i++) {
		add_sql(sql, &n, ");CREATE TABLE ");
		add_sql(sql, &n, day_tables[i].name);
		add_sql(sql, &n, "(hour, n, first_us, last_us");
		columns(sql, &n, day_tables[i].place);
		columns(sql, &n, IN_SUMS);
	}
	add_sql(sql, &n, ");CREATE INDEX events_rare ON events(n) WHERE rare = 1;");
}

/* Another schema is another number: an index of it is made anew. */
static int schema_number(void)
{
	static _Thread_local char sql[SQL_MAX]; /* two threads open files at once */

	schema(sql);
	return (int)(hash_bytes(sql, strlen(sql), 1) & 0x7fffffff);
}

static int run(sqlite3 *db, const char *sql)
{
	return day_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int ask_number(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *s;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(s);
		*ret = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	}
	(void)sqlite3_finalize(s);
	return day_error(rc);
}

/* ---- opening ---- */

static int open_file(struct day *d, const char *folder, int flags)
{
	char path[DAY_PATH_MAX];
	int rc;

	if (snprintf(path, sizeof(path), "%s/%s", folder, d->name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	rc = sqlite3_open_v2(path, &d->db,
			     flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
			     NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_extended_result_codes(d->db, 1);
		(void)sqlite3_busy_timeout(d->db, 10000);
		(void)sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		(void)sqlite3_db_config(d->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		return run(d->db, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=268435456;"
				  "PRAGMA synchronous=NORMAL");
	}
	rc = day_error(rc);
	day_close(d);
	return rc;
}

/* The numbers of the types, in their order. */
static void read_marks(struct expired_marks *m, sqlite3_stmt *s, int column)
{
	const void *blob = sqlite3_column_blob(s, column);

	*m = (struct expired_marks){.to = {0}};
	if (blob != NULL && (size_t)sqlite3_column_bytes(s, column) == sizeof(m->to))
		memcpy(m->to, blob, sizeof(m->to));
}

static void read_cover(struct day_cover *c, sqlite3_stmt *s)
{
	*c = (struct day_cover){
		.start_segment = (uint32_t)sqlite3_column_int64(s, 0),
		.start_offset = (uint64_t)sqlite3_column_int64(s, 1),
		.end_segment = (uint32_t)sqlite3_column_int64(s, 2),
		.end_offset = (uint64_t)sqlite3_column_int64(s, 3),
		.end_line = (unsigned)sqlite3_column_int64(s, 4),
		.last_offset = (uint64_t)sqlite3_column_int64(s, 5),
		.last_digest = sqlite3_column_int64(s, 6),
		.last_seq = (uint64_t)sqlite3_column_int64(s, 7),
		.events = (uint64_t)sqlite3_column_int64(s, 8),
		.bad = (uint64_t)sqlite3_column_int64(s, 9),
		.gaps = (uint64_t)sqlite3_column_int64(s, 10),
		.first_us = sqlite3_column_int64(s, 11),
		.last_us = sqlite3_column_int64(s, 12),
	};
	read_marks(&c->expired, s, 13);
}

static int load_cover(struct day *d)
{
	sqlite3_stmt *s = NULL;
	int64_t version = 0, made = 0, last = 0;
	int rc = ask_number(d->db, "PRAGMA user_version", &version);

	if (rc == 0)
		rc = ask_number(d->db, "SELECT count(*) FROM sqlite_schema", &made);
	if (rc == 0 && version == 0 && made == 0)
		return DAY_UNFINISHED;
	if (rc == 0 && version != schema_number())
		return DAY_DAMAGED;
	if (rc == 0)
		rc = day_error(
			sqlite3_prepare_v2(d->db, "SELECT * FROM cover", -1, &s, NULL));
	if (rc == 0) {
		int step = sqlite3_step(s);

		rc = step == SQLITE_ROW    ? 0
		     : step == SQLITE_DONE ? DAY_UNFINISHED
					   : DAY_DAMAGED;
		if (rc == 0)
			read_cover(&d->cover, s);
	}
	(void)sqlite3_finalize(s);
	/* Rows that were taken out of it, or put in, at the end. */
	if (rc == 0)
		rc = ask_number(d->db, "SELECT max(n) FROM events", &last);
	if (rc == 0 && (uint64_t)last != d->cover.events)
		rc = DAY_DAMAGED;
	return rc;
}

int day_open(struct day *d, const char *folder)
{
	int rc = open_file(d, folder, SQLITE_OPEN_READWRITE);

	if (rc == 0)
		rc = load_cover(d);
	if (rc != 0)
		day_close(d);
	return rc;
}

int day_newest(const struct day *d, int64_t *ret)
{
	return d->cover.events == 0
		       ? 0
		       : ask_number(d->db,
				    "SELECT time FROM events ORDER BY n DESC LIMIT 1",
				    ret);
}

static void writer_destroy(struct day_writer *w)
{
	if (w == NULL)
		return;
	(void)sqlite3_finalize(w->add);
	(void)sqlite3_finalize(w->add_string);
	(void)sqlite3_finalize(w->add_minute);
	(void)sqlite3_finalize(w->add_seal);
	strings_destroy(w->strings);
	for (size_t i = 0; i < DAY_TABLES; i++)
		sums_destroy(w->sums[i]);
	free(w);
}

void day_close(struct day *d)
{
	writer_destroy(d->writer);
	d->writer = NULL;
	(void)sqlite3_close_v2(d->db);
	d->db = NULL;
}

/* ---- adding ---- */

static int load_strings(struct day *d)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(d->db, "SELECT id, text FROM strings ORDER BY id", -1,
				    &s, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		const struct str text = {sqlite3_column_blob(s, 1),
					 (size_t)sqlite3_column_bytes(s, 1)};
		const int64_t id = sqlite3_column_int64(s, 0);
		const uint32_t got = strings_add(d->writer->strings, text);

		rc = got == 0 ? SQLITE_NOMEM : got != id ? SQLITE_CORRUPT : SQLITE_OK;
	}
	(void)sqlite3_finalize(s);
	d->writer->saved = strings_count(d->writer->strings);
	return rc == SQLITE_CORRUPT ? DAY_DAMAGED : day_error(rc);
}

/* INSERT INTO name VALUES(?,...) of so many columns. */
static int prepare_insert(sqlite3 *db, const char *name, size_t count, sqlite3_stmt **ret)
{
	char sql[1024];
	size_t n = (size_t)snprintf(sql, sizeof(sql), "INSERT INTO %s VALUES(?", name);

	for (size_t i = 1; i < count && n + 3 < sizeof(sql); i++) {
		sql[n++] = ',';
		sql[n++] = '?';
	}
	sql[n++] = ')';
	return day_error(sqlite3_prepare_v3(db, sql, (int)n, SQLITE_PREPARE_PERSISTENT,
					    ret, NULL));
}

int day_extend(struct day *d)
{
	struct day_writer *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return -ENOMEM;
	writer_destroy(d->writer);
	d->writer = w;
	w->strings = strings_create();
	if (w->strings == NULL)
		return -ENOMEM;
	w->events.count = fields_in(IN_EVENTS, w->events.at);
	for (size_t i = 0; i < w->events.count; i++)
		w->place[w->events.at[i]] = PLACE_COUNT + 2 + (int)i;
	w->added.count = fields_in(IN_SUMS, w->added.at);
	for (unsigned i = 0; i < LINE_TOP_COUNT; i++)
		w->marks[i] = field_mark(str_of(fields[i].name));
	for (size_t i = 0; i < DAY_TABLES; i++) {
		w->keys[i].count = fields_in(day_tables[i].place, w->keys[i].at);
		w->sums[i] = sums_create(w->keys[i].count + 1);
		if (w->sums[i] == NULL)
			return -ENOMEM;
	}
	rc = load_strings(d);
	if (rc == 0)
		rc = prepare_insert(d->db, "events", PLACE_COUNT + 1 + w->events.count,
				    &w->add);
	if (rc == 0)
		rc = prepare_insert(d->db, "strings", 2, &w->add_string);
	if (rc == 0)
		rc = prepare_insert(d->db, "minutes", 4, &w->add_minute);
	if (rc == 0)
		rc = prepare_insert(d->db, "seals", 4, &w->add_seal);
	if (rc == 0)
		rc = run(d->db, "PRAGMA cache_size=-32768; BEGIN IMMEDIATE");
	return rc;
}

/* An empty file is an empty database; SQLite's own would be readable by all. */
static int create_file(const struct day *d, const char *folder)
{
	char path[DAY_PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", folder, d->name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (fd == -1)
		return -errno;
	(void)close(fd);
	return 0;
}

int day_create(struct day *d, const char *folder)
{
	static char sql[SQL_MAX];
	char version[64];
	int rc = create_file(d, folder);

	if (rc == 0)
		rc = open_file(d, folder, SQLITE_OPEN_READWRITE);

	d->cover.first_us = INT64_MAX;
	d->cover.last_us = INT64_MIN;
	schema(sql);
	(void)snprintf(version, sizeof(version), "PRAGMA user_version=%d",
		       schema_number());
	if (rc == 0)
		rc = run(d->db, "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; BEGIN");
	if (rc == 0)
		rc = run(d->db, sql);
	if (rc == 0)
		rc = run(d->db, version);
	/* Without a cover: unfinished until the first lines are committed. */
	if (rc == 0)
		rc = run(d->db, "COMMIT");
	if (rc == 0)
		rc = day_extend(d);
	if (rc != 0)
		day_close(d);
	return rc;
}

/* Events that are few, and asked for alone. */
static bool is_rare(struct str type)
{
	return !str_equal(type, STR("flow")) && !str_equal(type, STR("dns")) &&
	       !str_equal(type, STR("signal"));
}

/* What each field is in a row: a number, or that of a text; false: no more texts fit. */
static bool row_of(struct day_writer *w, const struct record_line *v,
		   int64_t row[FIELDS_MAX])
{
	for (size_t k = 0; k < v->set_count; k++) {
		const unsigned i = v->set[k];
		const struct value one = value_of(v, i);

		if (!one.set || fields[i].places == IN_LINE)
			continue;
		if (!kind_is_number(fields[i].kind) &&
		    (w->last_text[i] == 0 ||
		     !str_equal(strings_text(w->strings, w->last_text[i]), one.text)))
			w->last_text[i] = strings_add(w->strings, one.text);
		row[i] = kind_is_number(fields[i].kind) ? one.number : w->last_text[i];
		if (row[i] == 0 && !kind_is_number(fields[i].kind))
			return false;
	}
	return true;
}

static int64_t floor_to(int64_t us, int64_t unit)
{
	const int64_t rest = us % unit;

	return us - (rest < 0 ? rest + unit : rest);
}

static bool sum_row(struct day_writer *w, const int64_t row[FIELDS_MAX])
{
	int64_t key[SUMS_KEYS_MAX] = {0}, values[SUMS_VALUES_MAX] = {0};
	const struct sums_one one = {key, 1, row[LINE_FIELD_MOMENT],
				     row[LINE_FIELD_MOMENT], values};

	for (size_t i = 0; i < w->added.count; i++)
		values[i] = row[w->added.at[i]];
	for (size_t t = 0; t < DAY_TABLES; t++) {
		key[0] = floor_to(row[LINE_FIELD_MOMENT], day_tables[t].unit_us);
		for (size_t i = 0; i < w->keys[t].count; i++)
			key[i + 1] = row[w->keys[t].at[i]];
		if (!sums_add(w->sums[t], &one))
			return false;
	}
	return true;
}

static int add_event(struct day *d, const struct ledger_line *line,
		     const struct record_line *v, const int64_t row[FIELDS_MAX])
{
	sqlite3_stmt *s = d->writer->add;
	const int *at = d->writer->place;
	int rc;

	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	(void)sqlite3_bind_int64(s, 1, (int64_t)d->cover.events + 1);
	(void)sqlite3_bind_int64(s, 2, line->segment);
	(void)sqlite3_bind_int64(s, 3, line->line);
	(void)sqlite3_bind_int64(s, 4, (int64_t)line->offset);
	(void)sqlite3_bind_int64(s, 5, (int64_t)line->text.len);
	(void)sqlite3_bind_int64(s, 6, day_digest(line->text));
	(void)sqlite3_bind_int64(s, 7, is_rare(line_text(v, LINE_FIELD_TYPE)));
	for (size_t i = 0; i < v->set_count; i++)
		if (at[v->set[i]] != 0 && value_of(v, v->set[i]).set)
			(void)sqlite3_bind_int64(s, at[v->set[i]], row[v->set[i]]);
	rc = day_error(sqlite3_step(s));
	(void)sqlite3_reset(s);
	return rc;
}

/* The rows since minute_n, all of one minute, are the last ones now. */
static int save_minute(struct day *d)
{
	struct day_writer *w = d->writer;
	int rc;

	if (w->minute_n == 0 || w->minute_n > (int64_t)d->cover.events)
		return 0;
	(void)sqlite3_bind_int64(w->add_minute, 1, w->minute);
	(void)sqlite3_bind_int64(w->add_minute, 2, w->minute_n);
	(void)sqlite3_bind_int64(w->add_minute, 3, (int64_t)d->cover.events);
	(void)sqlite3_bind_int64(w->add_minute, 4, (int64_t)w->minute_marks);
	rc = day_error(sqlite3_step(w->add_minute));
	(void)sqlite3_reset(w->add_minute);
	w->minute_n = 0;
	return rc;
}

static int note_minute(struct day *d, const struct record_line *v)
{
	struct day_writer *w = d->writer;
	const int64_t minute = floor_to(v->values[LINE_FIELD_MOMENT].us, MINUTE_US);
	int rc = 0;

	if (w->minute_n == 0 || w->minute != minute) {
		rc = save_minute(d);
		w->minute = minute;
		w->minute_n = (int64_t)d->cover.events + 1;
		w->minute_marks = 0;
	}
	for (size_t i = 0; i < v->set_count; i++)
		w->minute_marks |= w->marks[v->set[i]];
	return rc;
}

/* A copy: who proves lines finds all seals without reading the ledger for them. */
static int add_seal(struct day *d, const struct ledger_line *line)
{
	sqlite3_stmt *s = d->writer->add_seal;
	int rc;

	(void)sqlite3_bind_int64(s, 1, line->segment);
	(void)sqlite3_bind_int64(s, 2, line->line);
	(void)sqlite3_bind_int64(s, 3, (int64_t)line->offset);
	(void)sqlite3_bind_blob64(s, 4, line->text.p, line->text.len, SQLITE_STATIC);
	rc = day_error(sqlite3_step(s));
	(void)sqlite3_reset(s);
	return rc;
}

static void cover_place(struct day_cover *c, const struct ledger_line *line)
{
	c->end_segment = line->segment;
	c->end_offset = line->offset + line->text.len + 1;
	c->end_line = line->line;
	c->last_offset = line->offset;
	c->last_digest = day_digest(line->text);
}

static void cover_seq(struct day_cover *c, uint64_t seq)
{
	c->gaps += c->last_seq != 0 && seq != c->last_seq + 1;
	c->last_seq = seq;
}

static void cover_line(struct day_cover *c, const struct ledger_line *line,
		       const struct record_line *v)
{
	int64_t us;

	cover_place(c, line);
	if (v == NULL) {
		c->bad++;
		return;
	}
	c->events++;
	us = v->values[LINE_FIELD_MOMENT].us;
	if (us < c->first_us)
		c->first_us = us;
	if (us > c->last_us)
		c->last_us = us;
	cover_seq(c, v->values[LINE_FIELD_SEQ].number);
}

/* A line more since the last commit: is one due? */
static int note_pending(struct day *d)
{
	struct day_writer *w = d->writer;

	return ++w->pending < BATCH && sums_count(w->sums[0]) < BATCH_SUMS &&
			       sums_count(w->sums[1]) < BATCH_SUMS &&
			       sums_count(w->sums[2]) < BATCH_SUMS
		       ? 0
		       : day_commit(d);
}

int day_pass(struct day *d, const struct ledger_line *line)
{
	uint8_t digest[CHAIN_DIGEST];
	uint64_t seq = 0;

	cover_place(&d->cover, line);
	if (expired_parse(line->text, &seq, digest))
		cover_seq(&d->cover, seq);
	return note_pending(d);
}

int day_add(struct day *d, const struct ledger_line *line, const struct record_line *v)
{
	struct day_writer *w = d->writer;
	int64_t row[FIELDS_MAX] = {0};
	int rc;

	if (v != NULL) {
		if (!row_of(w, v, row))
			return strings_count(w->strings) == STRINGS_MAX ? DAY_FULL
									: -ENOMEM;
		rc = note_minute(d, v);
		if (rc == 0)
			rc = add_event(d, line, v, row);
		if (rc == 0 && v->type == LINE_TYPE_SEAL)
			rc = add_seal(d, line);
		if (rc != 0)
			return rc;
		if (!sum_row(w, row))
			return -ENOMEM;
	}
	cover_line(&d->cover, line, v);
	return note_pending(d);
}

/* ---- committing ---- */

static int save_strings(struct day *d)
{
	struct day_writer *w = d->writer;
	int rc = 0;

	while (rc == 0 && w->saved < strings_count(w->strings)) {
		const struct str text = strings_text(w->strings, w->saved + 1);

		(void)sqlite3_bind_int64(w->add_string, 1, (int64_t)w->saved + 1);
		(void)sqlite3_bind_blob64(w->add_string, 2, text.p, text.len,
					  SQLITE_STATIC);
		rc = day_error(sqlite3_step(w->add_string));
		(void)sqlite3_reset(w->add_string);
		w->saved++;
	}
	return rc;
}

/* A text's number 0, and a sum of none, are NULL. */
static void bind_known(sqlite3_stmt *s, int at, int64_t v)
{
	if (v != 0)
		(void)sqlite3_bind_int64(s, at, v);
	else
		(void)sqlite3_bind_null(s, at);
}

static int save_sums(struct day *d, size_t table)
{
	struct day_writer *w = d->writer;
	struct sums *sums = w->sums[table];
	sqlite3_stmt *s = NULL;
	int rc = prepare_insert(d->db, day_tables[table].name,
				4 + w->keys[table].count + w->added.count, &s);

	for (size_t i = 0; rc == 0 && i < sums_count(sums); i++) {
		const struct sums_row r = sums_at(sums, i);
		int col = 1;

		(void)sqlite3_bind_int64(s, col++, r.key[0]);
		(void)sqlite3_bind_int64(s, col++, (int64_t)r.count);
		(void)sqlite3_bind_int64(s, col++, r.first_us);
		(void)sqlite3_bind_int64(s, col++, r.last_us);
		for (size_t k = 0; k < w->keys[table].count; k++)
			bind_known(s, col++, r.key[k + 1]);
		for (size_t k = 0; k < w->added.count; k++)
			bind_known(s, col++, r.values[k]);
		rc = day_error(sqlite3_step(s));
		(void)sqlite3_reset(s);
	}
	(void)sqlite3_finalize(s);
	sums_clear(sums);
	return rc;
}

static int save_cover(struct day *d)
{
	const struct day_cover *c = &d->cover;
	const int64_t values[] = {
		c->start_segment,   (int64_t)c->start_offset,
		c->end_segment,     (int64_t)c->end_offset,
		c->end_line,        (int64_t)c->last_offset,
		c->last_digest,     (int64_t)c->last_seq,
		(int64_t)c->events, (int64_t)c->bad,
		(int64_t)c->gaps,   c->first_us,
		c->last_us,
	};
	sqlite3_stmt *s = NULL;
	int rc = run(d->db, "DELETE FROM cover");

	if (rc == 0)
		rc = prepare_insert(d->db, "cover",
				    sizeof(values) / sizeof(values[0]) + 1, &s);
	for (size_t i = 0; rc == 0 && i < sizeof(values) / sizeof(values[0]); i++)
		(void)sqlite3_bind_int64(s, (int)i + 1, values[i]);
	if (rc == 0) {
		(void)sqlite3_bind_blob64(s, sizeof(values) / sizeof(values[0]) + 1,
					  c->expired.to, sizeof(c->expired.to),
					  SQLITE_STATIC);
		rc = day_error(sqlite3_step(s));
	}
	(void)sqlite3_finalize(s);
	return rc;
}

int day_commit(struct day *d)
{
	int rc;

	if (d->writer == NULL || d->writer->pending == 0)
		return 0;
	rc = save_strings(d);
	if (rc == 0)
		rc = save_minute(d);
	for (size_t i = 0; rc == 0 && i < DAY_TABLES; i++)
		rc = save_sums(d, i);
	if (rc == 0)
		rc = save_cover(d);
	if (rc == 0)
		rc = run(d->db, "COMMIT; BEGIN IMMEDIATE");
	d->writer->pending = 0;
	return rc;
}
