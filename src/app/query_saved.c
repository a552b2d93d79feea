/* SPDX-License-Identifier: Apache-2.0 */
#include "app/query_saved.h"

#include <stdlib.h>

#include "app/history.h"

#define HOUR_US ((int64_t)3600 * 1000000)

void query_saved_list(void)
{
	for (size_t i = 0; i < saved_count; i++)
		(void)printf("%-16s %s\n", saved_queries[i].name,
			     saved_queries[i].question);
}

/* A part that is no query of its own, in words. */
static const char *words_of(enum saved_kind k)
{
	switch (k) {
	case SAVED_SILENCE:
		return "hours (UTC) between the first and the last event that hold none";
	case SAVED_UNUSED_RULES:
		return "lines of the last generation, by its own events; `weir rules "
		       "stats` judges all connections again instead";
	case SAVED_EXCEPTIONS:
		return "lines of gate exceptions of the last generation; whether they "
		       "had ended at its last event";
	case SAVED_QUERY:
	case SAVED_END:
		break;
	}
	return "";
}

void query_saved_explain(const struct saved *q)
{
	(void)printf("%s: %s\n", q->name, q->question);
	for (const struct saved_part *p = q->parts; p->kind != SAVED_END; p++)
		(void)printf("\n  %s\n    %s%s\n", p->title,
			     p->kind == SAVED_QUERY ? "weir query " : words_of(p->kind),
			     p->options == NULL ? "" : p->options);
	if (q->limits != NULL)
		(void)printf("\n  %s\n", q->limits);
}

/* ---- silence ---- */

static int compare_hours(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x == y ? 0 : x < y ? -1 : 1;
}

/* The beginnings of hours that hold events, in order; NULL: no memory. */
static int64_t *hours_of(const struct query_result *r, size_t *ret_count)
{
	const size_t n = sums_count(r->groups);
	int64_t *hours = calloc(n + 1, sizeof(*hours));

	for (size_t i = 0; hours != NULL && i < n; i++)
		hours[i] = sums_at(r->groups, i).key[0];
	if (hours != NULL)
		qsort(hours, n, sizeof(*hours), compare_hours);
	*ret_count = n;
	return hours;
}

/* The end of a table, or of what became of one; as `fine` says. */
static bool finish(struct out *out, bool fine)
{
	if (fine)
		out_end(out, false);
	out_destroy(out);
	return fine;
}

static bool show_silence(const struct query_options *o, const int64_t *hours, size_t n,
			 uint64_t *ret_rows)
{
	static const struct out_column columns[] = {{"from", LINE_TIME, false},
						    {"to", LINE_TIME, false},
						    {"hours", LINE_NUMBER, false}};
	struct out *out = out_create(o->form, o->zone);
	bool fine = out != NULL;

	if (fine)
		out_begin(out, columns, 3);
	*ret_rows = 0;
	for (size_t i = 1; fine && i < n; i++) {
		const int64_t from = hours[i - 1] + HOUR_US;
		const struct value cells[] = {
			{.set = true, .number = from},
			{.set = true, .number = hours[i]},
			{.set = true, .number = (hours[i] - from) / HOUR_US}};

		if (hours[i] == from)
			continue;
		fine = out_row(out, cells);
		(*ret_rows)++;
	}
	return finish(out, fine);
}

int query_saved_silence(struct store *s, const struct query_options *o, struct diag *d,
			uint64_t *ret_rows)
{
	struct query *q = calloc(1, sizeof(*q));
	struct query_result r;
	int code = EXIT_COULD_NOT;
	int64_t *hours;
	size_t n;

	if (q == NULL)
		return code;
	*q = o->query;
	q->group_count = q->sum_count = 0;
	q->bucket_us = HOUR_US;
	q->zone = NULL;
	if (query_run(s, q, d, &r) == 0) {
		hours = hours_of(&r, &n);
		if (hours != NULL && show_silence(o, hours, n, ret_rows))
			code = EXIT_FINE;
		free(hours);
		query_result_finish(&r);
	}
	free(q);
	return code;
}

/* ---- rules in force ---- */

/* Groups by up to two fields, counted; an answer to be finished. */
static int count_fields(struct store *s, const struct query_options *o,
			const char *const *names, size_t count, struct diag *d,
			struct query_result *ret)
{
	struct query *q = calloc(1, sizeof(*q));
	int rc;

	if (q == NULL)
		return -1;
	*q = o->query;
	q->bucket_us = 0;
	q->sum_count = 0;
	q->group_count = count;
	for (size_t i = 0; i < count; i++)
		(void)field_ref_find(names[i], &q->groups[i]);
	rc = query_run(s, q, d, ret);
	free(q);
	return rc;
}

static struct str key_text(const struct query_result *r, const struct sums_row *row,
			   size_t i)
{
	return row->key[i + 1] == QUERY_ABSENT
		       ? STR_NONE
		       : strings_text(r->texts, (uint32_t)row->key[i + 1]);
}

/* The rules in force at the last event that is asked for. */
struct in_force {
	char name[GENERATION_NAME_LEN + 1]; /* "" = it names none, or there is none */
	int64_t first_us, last_us;          /* of its events */
	struct generation *g; /* NULL: none is named, or it is not kept, which was said */
};

/* The generation that a line names, into name. */
static void read_name(struct store *s, const struct line_place *at, struct diag *d,
		      char name[GENERATION_NAME_LEN + 1])
{
	struct ledger_reader *reader = ledger_reader_open(store_ledger(s), d);
	struct record_line *line = line_for_store();
	struct ledger_line text;
	struct str found = STR_NONE;

	if (reader != NULL && line != NULL && store_read_line(reader, at, &text) &&
	    record_line_read(&text, d, line) != LINE_UNSOUND)
		found = line_text(line, LINE_FIELD_GENERATION);
	if (found.len == GENERATION_NAME_LEN) {
		memcpy(name, found.p, found.len);
		name[found.len] = '\0';
	}
	free(line);
	ledger_reader_close(reader);
}

/*
 * That of the ledger's last line, if it is asked for: whatever the clock said, and without a look at
 * all the others.
 */
static bool find_last(struct store *s, const struct query_options *o, struct diag *d,
		      char name[GENERATION_NAME_LEN + 1])
{
	const size_t days = store_day_count(s);
	struct query *q = days == 0 ? NULL : calloc(1, sizeof(*q));
	struct query_result r;
	bool fine = q != NULL;

	name[0] = '\0';
	if (days == 0)
		return true;
	if (fine) {
		const struct day_cover *c = &store_day(s, days - 1)->cover;

		*q = o->query;
		q->bucket_us = 0;
		q->sum_count = q->group_count = 0;
		q->limit = 1;
		q->after_segment = c->end_segment;
		q->after_offset = c->last_offset;
		fine = query_run(s, q, d, &r) == 0;
	}
	if (fine) {
		if (r.line_count > 0)
			read_name(s, &r.lines[r.line_count - 1].place, d, name);
		query_result_finish(&r);
	}
	free(q);
	return fine;
}

static bool find_in_force(struct store *s, const struct query_options *o, struct diag *d,
			  struct in_force *ret)
{
	static const char *const by[] = {"generation"};
	struct query_result r;

	*ret = (struct in_force){.last_us = INT64_MIN};
	bool known;

	if (!find_last(s, o, d, ret->name) || count_fields(s, o, by, 1, d, &r) != 0)
		return false;
	known = ret->name[0] != '\0';
	for (size_t i = 0; i < sums_count(r.groups); i++) {
		const struct sums_row row = sums_at(r.groups, i);
		const struct str text = key_text(&r, &row, 0);

		/* Where the last line is not asked for: the newest by time. */
		if (text.len != GENERATION_NAME_LEN ||
		    (known ? !str_equal(text, str_of(ret->name))
			   : row.last_us < ret->last_us))
			continue;
		ret->first_us = row.first_us;
		ret->last_us = row.last_us;
		memcpy(ret->name, text.p, text.len);
		ret->name[text.len] = '\0';
	}
	query_result_finish(&r);
	if (ret->name[0] == '\0')
		return true;
	ret->g = history_generation(store_ledger(s), ret->name);
	return ret->g != NULL;
}

static void tell_in_force(const struct query_options *o, const struct in_force *f)
{
	char text[RFC3339_LEN + 1];

	if (f->g == NULL || o->form != OUT_TABLE)
		return;
	clock_format_rfc3339(f->first_us, text);
	(void)printf("# of generation %s, whose first event is of %s\n", f->name, text);
}

/* Places of lines; of another generation they may be those of other lines. */
static bool mark_used(struct store *s, const struct query_options *o,
		      const struct in_force *f, struct diag *d, struct strings *used)
{
	static const char *const by[2][2] = {{"rule", "generation"},
					     {"would_rule", "generation"}};
	bool fine = true;

	for (size_t k = 0; fine && k < 2; k++) {
		struct query_result r;

		if (count_fields(s, o, by[k], 2, d, &r) != 0)
			return false;
		for (size_t i = 0; fine && i < sums_count(r.groups); i++) {
			const struct sums_row row = sums_at(r.groups, i);
			const struct str place = key_text(&r, &row, 0);

			if (place.len > 0 &&
			    str_equal(key_text(&r, &row, 1), str_of(f->name)))
				fine = strings_add(used, place) > 0;
		}
		query_result_finish(&r);
	}
	return fine;
}

#define PLACE_MAX 1200

static bool format_place(const struct rule_place *at, char buf[PLACE_MAX])
{
	const int n = snprintf(buf, PLACE_MAX, "%.*s:%u", (int)at->file.len, at->file.p,
			       (unsigned)at->line);

	return n >= 0;
}

static bool show_unused(const struct query_options *o, const struct generation *g,
			struct strings *used, uint64_t *ret_rows)
{
	static const struct out_column columns[] = {{"rule", LINE_TEXT, false},
						    {"rule_label", LINE_TEXT, true},
						    {"text", LINE_TEXT, false}};
	struct out *out = out_create(o->form, o->zone);
	const uint32_t count = policy_rule_count(g->policy);
	bool fine = out != NULL;

	if (fine)
		out_begin(out, columns, 3);
	for (uint32_t i = 1; fine && i <= count; i++) {
		const struct rule_place at = policy_rule(g->policy, i);
		const uint32_t before = strings_count(used);
		char place[PLACE_MAX];

		/* A gate's header is no line that something can come to. */
		if (!format_place(&at, place) ||
		    (at.text.len >= 5 && memcmp(at.text.p, "gate ", 5) == 0))
			continue;
		const struct value cells[] = {{.set = true, .text = str_of(place)},
					      {.set = at.label.len > 0, .text = at.label},
					      {.set = true, .text = at.text}};

		if (strings_add(used, str_of(place)) <= before)
			continue;
		fine = out_row(out, cells);
		(*ret_rows)++;
	}
	return finish(out, fine);
}

int query_saved_unused_rules(struct store *s, const struct query_options *o,
			     struct diag *d, uint64_t *ret_rows)
{
	struct strings *used = strings_create();
	struct in_force f = {.g = NULL};
	bool fine = used != NULL && find_in_force(s, o, d, &f);

	*ret_rows = 0;
	if (fine && f.g != NULL)
		fine = mark_used(s, o, &f, d, used) &&
		       show_unused(o, f.g, used, ret_rows);
	if (fine)
		tell_in_force(o, &f);
	generation_destroy(f.g);
	strings_destroy(used);
	return fine ? EXIT_FINE : EXIT_COULD_NOT;
}

/* ---- exceptions ---- */

static bool show_exceptions(const struct query_options *o, const struct in_force *f,
			    uint64_t *ret_rows)
{
	static const struct out_column columns[] = {
		{"rule", LINE_TEXT, false},    {"state", LINE_TEXT, false},
		{"expires", LINE_TIME, false}, {"owner", LINE_TEXT, false},
		{"reason", LINE_TEXT, false},  {"ticket", LINE_TEXT, true},
		{"text", LINE_TEXT, false}};
	struct out *out = out_create(o->form, o->zone);
	const uint32_t count = policy_rule_count(f->g->policy);
	bool fine = out != NULL;

	if (fine)
		out_begin(out, columns, 7);
	for (uint32_t i = 1; fine && i <= count; i++) {
		const struct rule_place at = policy_rule(f->g->policy, i);
		struct rule_exception e;
		char place[PLACE_MAX];

		if (!policy_rule_exception(f->g->policy, i, &e) ||
		    !format_place(&at, place))
			continue;
		const struct value cells[] = {
			{.set = true, .text = str_of(place)},
			{.set = true,
			 .text = e.expires_us > f->last_us ? STR("in force")
							   : STR("ended")},
			{.set = e.expires_us != INT64_MAX, .number = e.expires_us},
			{.set = e.owner.len > 0, .text = e.owner},
			{.set = e.reason.len > 0, .text = e.reason},
			{.set = e.ticket.len > 0, .text = e.ticket},
			{.set = true, .text = at.text}};

		fine = out_row(out, cells);
		(*ret_rows)++;
	}
	return finish(out, fine);
}

int query_saved_exceptions(struct store *s, const struct query_options *o, struct diag *d,
			   uint64_t *ret_rows)
{
	struct in_force f;
	bool fine = find_in_force(s, o, d, &f);

	*ret_rows = 0;
	if (fine && f.g != NULL)
		fine = show_exceptions(o, &f, ret_rows);
	if (fine)
		tell_in_force(o, &f);
	generation_destroy(f.g);
	return fine ? EXIT_FINE : EXIT_COULD_NOT;
}
