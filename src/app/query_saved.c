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

void query_saved_explain(const struct saved *q)
{
	(void)printf("%s: %s\n", q->name, q->question);
	for (const struct saved_part *p = q->parts; p->kind != SAVED_END; p++)
		(void)printf("\n  %s\n    %s%s\n", p->title,
			     p->kind == SAVED_QUERY ? "weir query "
			     : p->kind == SAVED_SILENCE
				     ? "hours (UTC) between the first "
				       "and the last event that hold none"
				     : "lines of the last generation; "
				       "`weir rules stats` judges all "
				       "connections again instead",
			     p->options == NULL ? "" : p->options);
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
	if (fine)
		out_end(out, false);
	out_destroy(out);
	return fine;
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

/* ---- unused rules ---- */

/* All values of one field, counted; an answer to be finished. */
static int count_field(struct store *s, const struct query_options *o, const char *field,
		       struct diag *d, struct query_result *ret)
{
	struct query *q = calloc(1, sizeof(*q));
	int rc;

	if (q == NULL)
		return -1;
	*q = o->query;
	q->bucket_us = 0;
	q->sum_count = 0;
	q->group_count = 1;
	(void)field_ref_find(field, &q->groups[0]);
	rc = query_run(s, q, d, ret);
	free(q);
	return rc;
}

/* The generation of the newest event that names one, in name. */
static bool last_generation(struct store *s, const struct query_options *o,
			    struct diag *d, char name[GENERATION_NAME_LEN + 1])
{
	struct query_result r;
	int64_t last = INT64_MIN;

	name[0] = '\0';
	if (count_field(s, o, "generation", d, &r) != 0)
		return false;
	for (size_t i = 0; i < sums_count(r.groups); i++) {
		const struct sums_row row = sums_at(r.groups, i);
		struct str text = STR_NONE;

		if (row.key[1] != QUERY_ABSENT)
			text = strings_text(r.texts, (uint32_t)row.key[1]);
		if (text.len != GENERATION_NAME_LEN || row.last_us < last)
			continue;
		last = row.last_us;
		memcpy(name, text.p, text.len);
		name[text.len] = '\0';
	}
	query_result_finish(&r);
	return true;
}

static bool mark_used(struct store *s, const struct query_options *o, struct diag *d,
		      struct strings *used)
{
	static const char *const by[] = {"rule", "would_rule"};
	bool fine = true;

	for (size_t k = 0; fine && k < 2; k++) {
		struct query_result r;

		if (count_field(s, o, by[k], d, &r) != 0)
			return false;
		for (size_t i = 0; fine && i < sums_count(r.groups); i++) {
			const int64_t id = sums_at(r.groups, i).key[1];

			if (id != QUERY_ABSENT)
				fine = strings_add(used, strings_text(r.texts,
								      (uint32_t)id)) > 0;
		}
		query_result_finish(&r);
	}
	return fine;
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
		char place[1200];
		const int n = snprintf(place, sizeof(place), "%.*s:%u", (int)at.file.len,
				       at.file.p, (unsigned)at.line);
		const struct value cells[] = {{.set = true, .text = str_of(place)},
					      {.set = at.label.len > 0, .text = at.label},
					      {.set = true, .text = at.text}};

		/* A gate's header is no line that something can come to. */
		if (n < 0 || (at.text.len >= 5 && memcmp(at.text.p, "gate ", 5) == 0))
			continue;
		if (strings_add(used, str_of(place)) <= before)
			continue;
		fine = out_row(out, cells);
		(*ret_rows)++;
	}
	if (fine)
		out_end(out, false);
	out_destroy(out);
	return fine;
}

int query_saved_unused_rules(struct store *s, const struct query_options *o,
			     struct diag *d, uint64_t *ret_rows)
{
	char name[GENERATION_NAME_LEN + 1];
	struct strings *used = strings_create();
	struct generation *g = NULL;
	bool fine = used != NULL && last_generation(s, o, d, name);

	*ret_rows = 0;
	if (fine && name[0] != '\0') {
		g = history_generation(store_ledger(s), name);
		fine = g != NULL && mark_used(s, o, d, used) &&
		       show_unused(o, g, used, ret_rows);
	}
	if (fine && g != NULL && o->form == OUT_TABLE)
		(void)printf("# of generation %s\n", name);
	generation_destroy(g);
	strings_destroy(used);
	return fine ? EXIT_FINE : EXIT_COULD_NOT;
}
