/* SPDX-License-Identifier: Apache-2.0 */
#include "store/query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

#define HOUR_US     ((int64_t)3600 * 1000000)
#define MINUTE_US   ((int64_t)60 * 1000000)
#define DAY_US      ((int64_t)86400 * 1000000)
#define SQL_MAX     32768
#define NEEDED_MAX  (QUERY_FILTERS_MAX + QUERY_GROUPED_MAX + QUERY_SUMMED_MAX + 8)
#define IN_LIST_MAX 64    /* numbers of texts given to SQLite; more are tested here */
#define TEXTS_FEW   20000 /* texts of a file that are worth a look before its sums */

bool field_ref_find(const char *name, struct field_ref *ret)
{
	const int at = field_find(str_of(name));

	if (at >= 0)
		*ret = (struct field_ref){fields[at].name, fields[at].kind, at};
	else if (field_is_inner(str_of(name)))
		*ret = (struct field_ref){name, LINE_TEXT, -1};
	else
		return false;
	return true;
}

void query_init(struct query *q)
{
	memset(q, 0, sizeof(*q));
	q->since_us = INT64_MIN;
	q->until_us = INT64_MAX;
}

const char *query_filter(struct query *q, const struct field_ref *field, struct str text)
{
	struct query_filter *f = NULL;

	for (size_t i = 0; i < q->filter_count && f == NULL; i++)
		if (strcmp(q->filters[i].field.name, field->name) == 0)
			f = &q->filters[i];
	if (f == NULL) {
		if (q->filter_count == QUERY_FILTERS_MAX)
			return "is one too many: at most 48 different fields";
		f = &q->filters[q->filter_count++];
		*f = (struct query_filter){.field = *field,
					   .filter = {.kind = field->kind}};
	}
	return filter_add(&f->filter, text);
}

/* ---- a run ---- */

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

struct run {
	struct store *store;
	const struct query *q;
	struct diag *d;
	struct query_result *r;
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

	/* Of the file at hand. */
	struct day *day;
	enum source source;
	bool reads_lines;
	sqlite3_stmt *text;
	uint32_t *map; /* a text's number in the file -> in the result */
	size_t map_size;
	struct cell cells[NEEDED_MAX];
};

static size_t need(struct run *x, const struct field_ref *f)
{
	for (size_t i = 0; i < x->needed_count; i++)
		if (strcmp(x->needed[i].field.name, f->name) == 0)
			return i;
	x->needed[x->needed_count] =
		(struct needed){*f, f->at < 0 ? line_want(x->lines, f->name) : -1, -1};
	return x->needed_count++;
}

static size_t need_known(struct run *x, enum line_field at)
{
	const struct field_ref f = {fields[at].name, fields[at].kind, (int)at};

	return need(x, &f);
}

static void collect(struct run *x)
{
	static const enum line_field would[] = {LINE_FIELD_VERDICT,
						LINE_FIELD_WOULD_VERDICT,
						LINE_FIELD_EFFECT, LINE_FIELD_MODE};
	const struct query *q = x->q;

	for (size_t i = 0; i < q->filter_count; i++)
		x->of_filter[i] = need(x, &q->filters[i].field);
	for (size_t i = 0; i < q->group_count; i++)
		x->of_group[i] = need(x, &q->groups[i]);
	for (size_t i = 0; i < q->sum_count; i++)
		x->of_sum[i] = need(x, &q->sums[i]);
	if (q->order.name != NULL)
		x->of_order = need(x, &q->order);
	for (size_t i = 0; q->would_deny && i < 4; i++)
		x->of_would[i] = need_known(x, would[i]);
	x->lists = q->group_count == 0 && q->bucket_us == 0;
	x->of_count = SIZE_MAX;
	if (x->lists)
		return;
	x->of_type = need_known(x, LINE_FIELD_TYPE);
	x->of_phase = need_known(x, LINE_FIELD_PHASE);
	x->of_count = need_known(x, LINE_FIELD_COUNTED);
}

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

/* ---- texts ---- */

static uint32_t global_text(struct run *x, int64_t id)
{
	uint32_t n = 0;

	if (id <= 0 || (uint64_t)id > STRINGS_MAX)
		return 0;
	if ((size_t)id >= x->map_size) {
		const size_t size = (size_t)id * 2 + 1024;
		uint32_t *more = realloc(x->map, size * sizeof(*more));

		if (more == NULL)
			return 0;
		memset(more + x->map_size, 0, (size - x->map_size) * sizeof(*more));
		x->map = more;
		x->map_size = size;
	}
	if (x->map[id] != 0)
		return x->map[id];
	(void)sqlite3_bind_int64(x->text, 1, id);
	if (sqlite3_step(x->text) == SQLITE_ROW)
		n = strings_add(x->r->texts,
				(struct str){sqlite3_column_blob(x->text, 0),
					     (size_t)sqlite3_column_bytes(x->text, 0)});
	(void)sqlite3_reset(x->text);
	return x->map[id] = n;
}

static void fill_cell(struct run *x, sqlite3_stmt *s, size_t i)
{
	const struct needed *n = &x->needed[i];
	struct cell *c = &x->cells[i];

	*c = (struct cell){0};
	if (n->column < 0 || sqlite3_column_type(s, n->column) == SQLITE_NULL)
		return;
	c->value.number = sqlite3_column_int64(s, n->column);
	c->value.set = true;
	if (kind_is_number(n->field.kind))
		return;
	c->id = global_text(x, c->value.number);
	c->value.text = strings_text(x->r->texts, c->id);
	c->value.set = c->id != 0;
}

/* ---- filters ---- */

static bool asks_filter(struct run *x, size_t i)
{
	const struct cell *c = &x->cells[x->of_filter[i]];
	struct memo *m = &x->memos[i];
	bool yes;

	if (c->id == 0)
		return filter_matches(&x->q->filters[i].filter, &c->value);
	if (c->id >= m->room) {
		const size_t room = (size_t)c->id * 2 + 1024;
		uint8_t *more = realloc(m->said, room);

		if (more == NULL)
			return filter_matches(&x->q->filters[i].filter, &c->value);
		memset(more + m->room, 0, room - m->room);
		m->said = more;
		m->room = room;
	}
	if (m->said[c->id] != 0)
		return m->said[c->id] == 2;
	yes = filter_matches(&x->q->filters[i].filter, &c->value);
	m->said[c->id] = yes ? 2 : 1;
	return yes;
}

static bool is_text(const struct run *x, size_t cell, struct str word)
{
	const struct value *v = &x->cells[cell].value;

	return v->set && str_equal(v->text, word);
}

/* A roll-up has no effect: its mode tells, as in line_action(). */
static bool would_deny(const struct run *x)
{
	const size_t *at = x->of_would;

	if (is_text(x, at[1], STR("deny")))
		return true;
	if (!is_text(x, at[0], STR("deny")))
		return false;
	return x->cells[at[2]].value.set ? is_text(x, at[2], STR("passed")) ||
						   is_text(x, at[2], STR("none"))
					 : !is_text(x, at[3], STR("enforce"));
}

/* How many connections began with so many events that are alike. */
static int64_t connections(const struct run *x, uint64_t events)
{
	if (is_text(x, x->of_type, STR("flow")))
		return is_text(x, x->of_phase, STR("start")) ? (int64_t)events : 0;
	return is_text(x, x->of_type, STR("rollup")) ? x->cells[x->of_count].value.number
						     : 0;
}

static bool columns_match(struct run *x, sqlite3_stmt *s)
{
	for (size_t i = 0; i < x->q->filter_count; i++)
		if (x->needed[x->of_filter[i]].column >= 0) {
			fill_cell(x, s, x->of_filter[i]);
			if (!asks_filter(x, i))
				return false;
		}
	return true;
}

static bool lines_match(struct run *x)
{
	for (size_t i = 0; i < x->q->filter_count; i++)
		if (x->needed[x->of_filter[i]].column < 0 && !asks_filter(x, i))
			return false;
	return true;
}

/* ---- lines ---- */

static bool same_value(const struct value *a, const struct value *b, bool number)
{
	return a->set == b->set && (!a->set || (number ? a->number == b->number
						       : str_equal(a->text, b->text)));
}

static void note_changed(struct run *x, const struct line_place *at)
{
	if (x->r->changed++ == 0)
		x->r->first_changed = *at;
}

/* The columns that the index gave against what the line says. */
static bool columns_agree(const struct run *x)
{
	for (size_t i = 0; i < x->needed_count; i++) {
		const struct needed *n = &x->needed[i];
		struct value said;

		if (n->column < 0)
			continue;
		said = value_of(x->lines, (unsigned)n->field.at);
		if (!same_value(&x->cells[i].value, &said, kind_is_number(n->field.kind)))
			return false;
	}
	return true;
}

static bool stands_before(const struct line_place *at, uint32_t segment, uint64_t line)
{
	return at->segment < segment || (at->segment == segment && at->line <= line);
}

bool query_seals_add(struct query_seals *s, const struct query_seal *one)
{
	if (s->count == s->room) {
		const size_t room = s->room == 0 ? 1024 : s->room * 2;
		struct query_seal *more =
			room > QUERY_SEALS_MAX ? NULL
					       : realloc(s->list, room * sizeof(*more));

		if (more == NULL)
			return false;
		s->list = more;
		s->room = room;
	}
	s->list[s->count++] = *one;
	return true;
}

/* The first seal that stands at the line or behind it, from 1; 0 = none does. */
static uint32_t seal_of(const struct query_seals *s, const struct line_place *at)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (stands_before(at, s->list[mid].segment, s->list[mid].line))
			high = mid;
		else
			low = mid + 1;
	}
	return low == s->count ? 0 : (uint32_t)low + 1;
}

static void note_seal(struct run *x, uint32_t seal)
{
	struct query_result *r = x->r;

	x->seal = seal;
	r->sealed++;
	if (r->first_seal == 0 || seal < r->first_seal)
		r->first_seal = seal;
	if (seal > r->last_seal)
		r->last_seal = seal;
}

/* Up to the last sound seal each line has its place's number: no other can take it. */
static void hold_against_seals(struct run *x, const struct line_place *at)
{
	const struct query_seals *s = x->q->seals;

	if (s == NULL)
		return;
	if (stands_before(at, s->sound_segment, s->sound_line) &&
	    x->lines->values[LINE_FIELD_SEQ].number <= s->sound_seq)
		note_seal(x, seal_of(s, at));
	else if (!stands_before(at, s->sealed_segment, s->sealed_line))
		x->r->unsealed++;
	else if (x->r->doubtful++ == 0)
		x->r->first_doubtful = *at;
}

/* False: it cannot be read, or is no event any more. */
static bool read_cells(struct run *x, const struct line_place *at)
{
	struct ledger_line line;
	bool sound;

	x->seal = 0;
	if (!store_read_line(x->reader, at, &line)) {
		x->r->lines_gone++;
		return false;
	}
	x->r->lines_read++;
	sound = record_line_read(&line, x->d, x->lines) != LINE_UNSOUND;
	if (!store_prove_line(at, &line) || !sound || !columns_agree(x)) {
		note_changed(x, at);
		if (!sound)
			return false;
	} else {
		x->r->proved++;
		hold_against_seals(x, at);
	}
	for (size_t i = 0; i < x->needed_count; i++) {
		const struct needed *n = &x->needed[i];

		if (n->column < 0)
			x->cells[i] = (struct cell){
				.value = n->extra >= 0
						 ? value_of_extra(x->lines,
								  (unsigned)n->extra)
						 : value_of(x->lines,
							    (unsigned)n->field.at)};
	}
	return true;
}

/* ---- what was found ---- */

static int64_t bucket_of(const struct run *x, int64_t us)
{
	const int64_t unit = x->q->bucket_us;
	int64_t east, local, rest;

	if (unit == 0)
		return 0;
	east = x->q->zone == NULL ? 0
				  : (int64_t)zone_offset(x->q->zone, us, NULL) * 1000000;
	if (us > INT64_MAX - DAY_US || us < INT64_MIN + DAY_US)
		return us;
	local = us + east;
	rest = local % unit;
	local -= rest < 0 ? rest + unit : rest;
	return local - east;
}

static int64_t key_of(struct run *x, size_t i)
{
	struct cell *c = &x->cells[i];

	if (!c->value.set)
		return QUERY_ABSENT;
	if (kind_is_number(x->needed[i].field.kind))
		return c->value.number;
	if (c->id == 0)
		c->id = strings_add(x->r->texts, c->value.text);
	if (c->id == 0)
		x->r->over = true;
	return c->id;
}

struct found {
	uint64_t count;
	int64_t time_us, first_us, last_us; /* time: for the bucket */
	const struct line_place *place;     /* of events */
};

static bool group(struct run *x, const struct found *f)
{
	int64_t key[QUERY_GROUPED_MAX + 1] = {bucket_of(x, f->time_us)};
	int64_t values[SUMS_VALUES_MAX] = {0};
	const struct sums_one one = {key, f->count, f->first_us, f->last_us, values};

	for (size_t i = 0; i < x->q->group_count; i++)
		key[i + 1] = key_of(x, x->of_group[i]);
	for (size_t i = 0; i < x->q->sum_count; i++)
		values[i] = x->cells[x->of_sum[i]].value.number;
	values[x->q->sum_count] = connections(x, f->count);
	if (sums_count(x->r->groups) >= QUERY_GROUPS_MAX) {
		x->r->over = true;
		return true;
	}
	return sums_add(x->r->groups, &one);
}

static int by_key(const void *a, const void *b)
{
	const struct query_line *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->place.segment != y->place.segment)
		return x->place.segment < y->place.segment ? -1 : 1;
	return x->place.offset == y->place.offset  ? 0
	       : x->place.offset < y->place.offset ? -1
						   : 1;
}

/* How many lines have to be kept; 0 = all. */
static uint64_t wanted(const struct query *q)
{
	return q->sample != 0 ? q->sample : q->order.name != NULL ? 0 : q->limit;
}

/* Keep the best ones only: the lowest keys of a sample, the last ones else. */
static void thin_out(struct run *x, uint64_t keep)
{
	struct query_result *r = x->r;

	if (x->q->sample != 0)
		qsort(r->lines, r->line_count, sizeof(*r->lines), by_key);
	else
		memmove(r->lines, r->lines + (r->line_count - keep),
			keep * sizeof(*r->lines));
	r->line_count = keep;
}

static bool list(struct run *x, const struct found *f)
{
	struct query_result *r = x->r;
	const uint64_t keep = wanted(x->q);
	struct query_line one = {.place = *f->place, .seal = x->seal};

	if (x->q->sample != 0)
		one.key = (int64_t)(hash_u64((uint64_t)f->place->digest ^
					     hash_u64(x->q->seed + f->place->offset) ^
					     f->place->segment) >>
				    1);
	else if (x->q->order.name != NULL)
		one.key = key_of(x, x->of_order);
	if (keep != 0 && r->line_count >= keep * 2 && r->line_count >= 65536)
		thin_out(x, keep);
	if (r->line_count == QUERY_MATCHES_MAX) {
		r->over = true;
		return true;
	}
	if (r->line_count == x->line_room) {
		const size_t room = x->line_room == 0 ? 1024 : x->line_room * 2;
		struct query_line *more = realloc(r->lines, room * sizeof(*more));

		if (more == NULL)
			return false;
		r->lines = more;
		x->line_room = room;
	}
	r->lines[r->line_count++] = one;
	return true;
}

static bool take(struct run *x, const struct found *f)
{
	struct query_result *r = x->r;

	r->matched += f->count;
	if (f->first_us < r->first_us)
		r->first_us = f->first_us;
	if (f->last_us > r->last_us)
		r->last_us = f->last_us;
	return x->lists ? list(x, f) : group(x, f);
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

#define EVENT_COLUMNS 6
#define SUM_COLUMNS   4

static int prepare(struct run *x, sqlite3_stmt **ret)
{
	static char sql[SQL_MAX];
	static const char *const tables[] = {"events", "hours", "rules", "days"};
	size_t n = 0;
	int column = x->source == FROM_EVENTS ? EVENT_COLUMNS : SUM_COLUMNS, rc;

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
	put(sql, &n, " FROM ");
	put(sql, &n, tables[x->source]);
	rc = put_conditions(x, sql, &n);
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
	if (!columns_match(x, s)) /* first: most rows end here */
		return true;
	for (size_t i = 0; i < x->needed_count; i++)
		fill_cell(x, s, i);
	if (x->reads_lines && !read_cells(x, &place))
		return true;
	if (!lines_match(x) || (x->q->would_deny && !would_deny(x)))
		return true;
	return take(x, &f);
}

static int ask_day(struct run *x)
{
	sqlite3_stmt *s = NULL;
	int rc = day_open(x->day, store_folder(x->store)), step = SQLITE_DONE;

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
	while (rc == 0 && (step = sqlite3_step(s)) == SQLITE_ROW)
		if (!take_row(x, s))
			rc = -ENOMEM;
	if (rc == 0)
		rc = day_error(step);
	(void)sqlite3_finalize(s);
	(void)sqlite3_finalize(x->text);
	x->text = NULL;
	day_close(x->day);
	return rc;
}

static bool concerns(const struct run *x, const struct day_cover *c)
{
	return c->events > 0 && c->last_us >= x->q->since_us &&
	       c->first_us < x->q->until_us &&
	       (c->end_segment > x->q->after_segment ||
		(c->end_segment == x->q->after_segment &&
		 c->end_offset > x->q->after_offset));
}

/* ---- the end ---- */

/* The texts of an order get their ranks as keys. */
static int by_text(const void *a, const void *b, void *arg)
{
	const struct strings *t = arg;
	const struct str x = strings_text(t, *(const uint32_t *)a),
			 y = strings_text(t, *(const uint32_t *)b);
	const size_t n = x.len < y.len ? x.len : y.len;
	const int c = n == 0 ? 0 : memcmp(x.p, y.p, n);

	return c != 0 ? c : x.len == y.len ? 0 : x.len < y.len ? -1 : 1;
}

static int rank_texts(struct query_result *r)
{
	const uint32_t n = strings_count(r->texts);
	uint32_t *order = calloc((size_t)n + 1, sizeof(*order));
	int64_t *rank = calloc((size_t)n + 1, sizeof(*rank));

	if (order == NULL || rank == NULL) {
		free(order);
		free(rank);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		order[i] = i + 1;
	qsort_r(order, n, sizeof(*order), by_text, r->texts);
	for (uint32_t i = 0; i < n; i++)
		rank[order[i]] = i + 1;
	for (size_t i = 0; i < r->line_count; i++)
		if (r->lines[i].key != QUERY_ABSENT)
			r->lines[i].key = rank[r->lines[i].key];
	free(order);
	free(rank);
	return 0;
}

static int arrange(struct run *x)
{
	struct query_result *r = x->r;
	const struct query *q = x->q;
	int rc = 0;

	if (!x->lists || r->line_count == 0)
		return 0;
	if (q->order.name != NULL && q->sample == 0 && !kind_is_number(q->order.kind))
		rc = rank_texts(r);
	if (q->order.name != NULL && q->sample == 0) {
		for (size_t i = 0; q->descending && i < r->line_count; i++)
			r->lines[i].key = r->lines[i].key == QUERY_ABSENT
						  ? INT64_MAX
						  : -r->lines[i].key;
		qsort(r->lines, r->line_count, sizeof(*r->lines), by_key);
		if (q->limit != 0 && r->line_count > q->limit)
			r->line_count = q->limit;
		return rc;
	}
	if (wanted(q) != 0 && r->line_count > wanted(q))
		thin_out(x, wanted(q));
	if (q->sample != 0) { /* picked by chance, shown in order */
		for (size_t i = 0; i < r->line_count; i++)
			r->lines[i].key = 0;
		qsort(r->lines, r->line_count, sizeof(*r->lines), by_key);
	}
	return rc;
}

static int run_days(struct run *x)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < store_day_count(x->store); i++) {
		x->day = store_day(x->store, i);
		if (concerns(x, &x->day->cover))
			rc = ask_day(x);
	}
	return rc == 0 ? arrange(x) : rc;
}

static bool inner_fields_fit(const struct run *x)
{
	for (size_t i = 0; i < x->needed_count; i++)
		if (x->needed[i].field.at < 0 && x->needed[i].extra < 0)
			return false;
	return true;
}

static void forget(struct run *x)
{
	for (size_t i = 0; i < QUERY_FILTERS_MAX; i++)
		free(x->memos[i].said);
	ledger_reader_close(x->reader);
	free(x->lines);
	free(x->map);
	free(x);
}

static int run_once(struct store *s, const struct query *q, struct diag *d,
		    struct query_result *ret)
{
	struct run *x = calloc(1, sizeof(*x));
	int rc = -ENOMEM;

	*ret = (struct query_result){.first_us = INT64_MAX, .last_us = INT64_MIN};
	ret->texts = strings_create();
	ret->groups = sums_create(q->group_count + 1);
	if (x == NULL)
		return rc;
	*x = (struct run){.store = s, .q = q, .d = d, .r = ret};
	x->lines = line_for_store();
	x->reader = ledger_reader_open(store_ledger(s), d);
	if (ret->texts != NULL && ret->groups != NULL && x->lines != NULL &&
	    x->reader != NULL) {
		collect(x);
		rc = inner_fields_fit(x) ? run_days(x) : -E2BIG;
	}
	forget(x);
	return rc;
}

static int trouble(const struct store *s, struct diag *d, int rc)
{
	if (rc == -E2BIG)
		diag_error(d, (struct span){.file = store_folder(s)},
			   "more than %d different inner fields (detail.X) at once",
			   LINE_EXTRA_MAX);
	else
		diag_error(d, (struct span){.file = store_folder(s)}, "%s",
			   rc > 0 ? "is damaged again" : strerrordesc_np(-rc));
	return rc > 0 ? -EBADMSG : rc;
}

int query_run(struct store *s, const struct query *q, struct diag *d,
	      struct query_result *ret)
{
	int rc = run_once(s, q, d, ret);

	if (rc > 0) {
		query_result_finish(ret);
		rc = store_rebuild(s, d, "damaged");
		if (rc != 0)
			return rc;
		rc = run_once(s, q, d, ret);
	}
	if (rc == 0)
		return 0;
	query_result_finish(ret);
	return trouble(s, d, rc);
}

void query_result_finish(struct query_result *r)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a second call finds zeros */
	free(r->lines);
	strings_destroy(r->texts);
	sums_destroy(r->groups);
	*r = (struct query_result){0};
}
