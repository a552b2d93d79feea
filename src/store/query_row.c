/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "store/query_impl.h"

#define DAY_US        ((int64_t)86400 * 1000000)
#define FIELD_KEY_MAX 64 /* a field's name with quotes and colon */

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

bool row_columns_match(struct run *x, sqlite3_stmt *s)
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

void note_places(uint64_t *count, struct line_place *first, uint64_t more,
		 const struct line_place *at)
{
	const bool before = at->segment < first->segment ||
			    (at->segment == first->segment && at->offset < first->offset);

	if (more > 0 && (*count == 0 || before))
		*first = *at;
	*count += more;
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

static bool stands_before(const struct line_place *at, uint32_t segment, uint64_t offset)
{
	return at->segment < segment || (at->segment == segment && at->offset <= offset);
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

		if (stands_before(at, s->list[mid].segment, s->list[mid].offset))
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
	r->ranges[seal - 1] = 1;
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
	if (stands_before(at, s->sound_segment, s->sound_offset) &&
	    x->lines->values[LINE_FIELD_SEQ].number <= s->sound_seq)
		note_seal(x, seal_of(s, at));
	else if (!stands_before(at, s->sealed_segment, s->sealed_offset))
		x->r->unsealed++;
	else
		note_places(&x->r->doubtful, &x->r->first_doubtful, 1, at);
}

/* Does the text behind one of these keys fit?  The line has no escapes. */
static bool some_text_fits(struct str line, struct str key, const struct filter *f)
{
	const char *end = line.p + line.len, *at = line.p;

	while ((at = memmem(at, (size_t)(end - at), key.p, key.len)) != NULL) {
		const char *text = at + key.len + 1, *quote = NULL;

		at += key.len;
		if (f->kind != LINE_TEXT || at == end || *at != '"')
			return true; /* whoever reads the line says */
		quote = memchr(text, '"', (size_t)(end - text));
		if (quote == NULL ||
		    filter_matches(
			    f, &(struct value){.set = true,
					       .text = {text, (size_t)(quote - text)}}))
			return true;
	}
	return false;
}

/*
 * Is there a filter that the bytes alone refuse?  Most lines of a scan end here, unread.  A
 * key may stand in an inner object, too: then the line is read.
 */
static bool bytes_refuse(const struct run *x, struct str line)
{
	char key[FIELD_KEY_MAX];

	if (memchr(line.p, '\\', line.len) != NULL)
		return false;
	for (size_t i = 0; i < x->q->filter_count; i++) {
		const struct needed *n = &x->needed[x->of_filter[i]];
		const struct filter *f = &x->q->filters[i].filter;
		int len;

		if (n->column >= 0 || !f->has_positive || n->field.at < 0 ||
		    n->field.at >= LINE_TOP_COUNT)
			continue;
		len = snprintf(key, sizeof(key), "\"%s\":", n->field.name);
		if (!some_text_fits(line, (struct str){key, (size_t)len}, f))
			return true;
	}
	return false;
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
	if (!x->q->prove && !x->q->plain && bytes_refuse(x, line.text))
		return false;
	sound = record_line_read(&line, x->d, x->lines) != LINE_UNSOUND;
	if (!store_prove_line(at, &line) || !sound || !columns_agree(x)) {
		note_places(&x->r->changed, &x->r->first_changed, 1, at);
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

int lines_by_key(const void *a, const void *b)
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

uint64_t lines_wanted(const struct query *q)
{
	return q->sample != 0 ? q->sample : q->order.name != NULL ? 0 : q->limit;
}

/* Keep the best ones of this file only: the lowest keys of a sample, the last ones else. */
static void thin_out(struct run *x, uint64_t keep)
{
	struct query_result *r = x->r;
	struct query_line *mine = r->lines + x->from;
	const size_t count = r->line_count - x->from;

	if (x->q->sample != 0)
		qsort(mine, count, sizeof(*mine), lines_by_key);
	else
		memmove(mine, mine + (count - keep), keep * sizeof(*mine));
	r->line_count = x->from + keep;
}

static bool list(struct run *x, const struct found *f)
{
	struct query_result *r = x->r;
	const uint64_t keep = lines_wanted(x->q);
	struct query_line one = {.place = *f->place, .seal = x->seal};

	if (x->q->sample != 0)
		one.key = (int64_t)(hash_u64((uint64_t)f->place->digest ^
					     hash_u64(x->q->seed + f->place->offset) ^
					     f->place->segment) >>
				    1);
	else if (x->q->order.name != NULL)
		one.key = key_of(x, x->of_order);
	if (keep != 0 && r->line_count - x->from >= keep * 2 &&
	    r->line_count - x->from >= 65536)
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

bool row_take(struct run *x, const struct found *f)
{
	struct query_result *r = x->r;

	r->matched += f->count;
	if (f->first_us < r->first_us)
		r->first_us = f->first_us;
	if (f->last_us > r->last_us)
		r->last_us = f->last_us;
	return x->lists ? list(x, f) : group(x, f);
}

bool row_fits(struct run *x, sqlite3_stmt *s, const struct line_place *place)
{
	for (size_t i = 0; i < x->needed_count; i++)
		fill_cell(x, s, i);
	if (x->reads_lines && !read_cells(x, place))
		return false;
	return lines_match(x) && (!x->q->would_deny || would_deny(x));
}
