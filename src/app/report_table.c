/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_table - answers of several questions in one table: groups that are alike are one row.
 */
#include <stdlib.h>

#include "app/report_ask.h"
#include "record/read.h"
#include "report/chart.h"
#include "report/html.h"

#define CELL_BYTES_MAX 300

struct counted {
	const struct table *t;
	size_t keys, numbers;
	struct strings *texts;
	struct sums *rows; /* key: numbers of texts, 0 = absent */
	size_t *order;
	int64_t totals[TABLE_NUMBERS_MAX];
};

static size_t count_texts(const char *const *texts)
{
	size_t n = 0;

	while (texts[n] != NULL)
		n++;
	return n;
}

/* ---- gathering ---- */

static bool add_row(const struct report *r, struct counted *c, const struct table_ask *q,
		    const struct answered *a, const struct sums_row *row)
{
	int64_t key[TABLE_KEYS_MAX] = {0}, values[SUMS_VALUES_MAX] = {0};
	const struct sums_one one = {.key = key,
				     .count = row->count,
				     .first_us = row->first_us,
				     .last_us = row->last_us,
				     .values = values};

	for (size_t i = 0; i < c->keys; i++) {
		char buf[ANSWER_TEXT_MAX];
		const struct str text = answer_key(r, a, row, i + 1, buf);

		if (text.p == NULL)
			continue;
		key[i] = strings_add(c->texts, text);
		if (key[i] == 0)
			return false;
	}
	for (unsigned i = 0; i < q->sums; i++)
		values[q->column + i] = row->values[i];
	if (q->sums == 0)
		values[q->column] = (int64_t)row->count;
	return sums_add(c->rows, &one);
}

static bool gather(struct report *r, struct counted *c)
{
	for (const struct table_ask *q = c->t->asks; q->words != NULL; q++) {
		struct answered a;
		bool fine = true;

		if (!report_ask(r, q->words, q->whole, &a))
			return false;
		for (size_t i = 0; fine && i < sums_count(a.result.groups); i++) {
			const struct sums_row row = sums_at(a.result.groups, i);

			fine = add_row(r, c, q, &a, &row);
		}
		answer_finish(&a);
		if (!fine)
			return false;
	}
	return true;
}

/* ---- order ---- */

static int64_t added(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* What the rows are ordered by and the bar shows. */
static int64_t weight(const struct table *t, const int64_t *values)
{
	int64_t sum = 0;

	if (t->total == 0)
		return values[0];
	for (unsigned i = 0; i < t->total; i++)
		sum = added(sum, values[i]);
	return sum;
}

static int compare_texts(struct str a, struct str b)
{
	const size_t n = a.len < b.len ? a.len : b.len;
	const int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	return c != 0 ? c : a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static int compare_rows(const void *pa, const void *pb, void *arg)
{
	const struct counted *c = arg;
	const struct sums_row a = sums_at(c->rows, *(const size_t *)pa),
			      b = sums_at(c->rows, *(const size_t *)pb);
	const int64_t x = weight(c->t, a.values), y = weight(c->t, b.values);
	int order = x == y ? 0 : x > y ? -1 : 1;

	for (size_t k = 0; order == 0 && k < c->keys; k++)
		order = compare_texts(strings_text(c->texts, (uint32_t)a.key[k]),
				      strings_text(c->texts, (uint32_t)b.key[k]));
	return order;
}

static bool sort(struct counted *c)
{
	const size_t n = sums_count(c->rows);

	c->order = calloc(n + 1, sizeof(*c->order));
	if (c->order == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct sums_row row = sums_at(c->rows, i);

		c->order[i] = i;
		for (size_t k = 0; k < c->numbers; k++)
			c->totals[k] = added(c->totals[k], row.values[k]);
	}
	qsort_r(c->order, n, sizeof(*c->order), compare_rows, c);
	return true;
}

/* ---- showing ---- */

static void put_number(FILE *out, int64_t n, bool bytes)
{
	(void)fputs("<td class=\"n\">", out);
	if (bytes)
		html_bytes(out, n < 0 ? 0 : (uint64_t)n);
	else
		html_count(out, n < 0 ? 0 : (uint64_t)n);
	(void)fputs("</td>", out);
}

static void put_key(FILE *out, struct str text, bool head)
{
	(void)fputs(head ? "<th scope=\"row\">" : "<td>", out);
	if (text.p == NULL)
		(void)fputs("<span class=\"soft\">(none)</span>", out);
	else
		html_text_cut(out, text, CELL_BYTES_MAX);
	(void)fputs(head ? "</th>" : "</td>", out);
}

static void put_moment(const struct report *r, int64_t us)
{
	(void)fputs("<td class=\"t\">", r->out);
	chart_moment(r->out, r->zone, us);
	(void)fputs("</td>", r->out);
}

static void print_head(FILE *out, const struct counted *c)
{
	struct page_column columns[PAGE_COLUMNS_MAX + 2];
	size_t n = 0;

	for (size_t i = 0; i < c->keys; i++)
		columns[n++] = (struct page_column){c->t->keys[i], false};
	columns[n++] = (struct page_column){"", false};
	if (c->t->total > 0)
		columns[n++] = (struct page_column){"total", true};
	for (size_t i = 0; i < c->numbers; i++)
		columns[n++] = (struct page_column){c->t->numbers[i], true};
	if (c->t->times) {
		columns[n++] = (struct page_column){"first", false};
		columns[n++] = (struct page_column){"last", false};
	}
	page_table_begin(out, c->t->title, columns, n);
}

static void print_numbers(FILE *out, const struct counted *c, const int64_t *values)
{
	if (c->t->total > 0)
		put_number(out, weight(c->t, values), false);
	for (size_t i = 0; i < c->numbers; i++)
		put_number(out, values[i], (c->t->bytes >> i & 1) != 0);
}

static void print_row(const struct report *r, const struct counted *c, size_t at)
{
	const struct sums_row row = sums_at(c->rows, c->order[at]);
	const struct sums_row first = sums_at(c->rows, c->order[0]);
	const int64_t n = weight(c->t, row.values), most = weight(c->t, first.values);

	(void)fputs("<tr>", r->out);
	for (size_t i = 0; i < c->keys; i++)
		put_key(r->out,
			row.key[i] == 0 ? STR_NONE
					: strings_text(c->texts, (uint32_t)row.key[i]),
			i == 0);
	(void)fputs("<td class=\"b\">", r->out);
	chart_bar(r->out, n < 0 ? 0 : (uint64_t)n, most < 0 ? 0 : (uint64_t)most);
	(void)fputs("</td>", r->out);
	print_numbers(r->out, c, row.values);
	if (c->t->times) {
		put_moment(r, row.first_us);
		put_moment(r, row.last_us);
	}
	(void)fputs("</tr>\n", r->out);
}

static void print_foot(FILE *out, const struct counted *c, size_t shown)
{
	const size_t n = sums_count(c->rows);

	(void)fprintf(out, "</tbody>\n<tfoot><tr><th scope=\"row\" colspan=\"%zu\">total",
		      c->keys + 1);
	if (n > shown) {
		(void)fputs(", with ", out);
		html_count(out, n - shown);
		(void)fputs(" more rows that are not shown", out);
	}
	(void)fputs("</th>", out);
	print_numbers(out, c, c->totals);
	if (c->t->times)
		(void)fputs("<td></td><td></td>", out);
	(void)fputs("</tr></tfoot>\n", out);
}

static void print(const struct report *r, const struct counted *c)
{
	const size_t n = sums_count(c->rows), shown = n < c->t->top ? n : c->t->top;

	if (n == 0) {
		(void)fprintf(r->out, "<h3>%s</h3>\n<p class=\"none\">None.</p>\n",
			      c->t->title);
		return;
	}
	print_head(r->out, c);
	(void)fputs("<tbody>\n", r->out);
	for (size_t i = 0; i < shown; i++)
		print_row(r, c, i);
	print_foot(r->out, c, shown);
	page_table_end(r->out);
}

size_t report_table(struct report *r, const struct table *t)
{
	struct counted c = {.t = t,
			    .keys = count_texts(t->keys),
			    .numbers = count_texts(t->numbers),
			    .texts = strings_create()};
	size_t n = 0;

	c.rows = sums_create(c.keys);
	if (c.texts != NULL && c.rows != NULL && gather(r, &c) && sort(&c)) {
		n = sums_count(c.rows);
		print(r, &c);
		if (t->note != NULL)
			page_note(r->out, t->note);
		report_queries(r);
	} else {
		r->failed = true;
	}
	free(c.order);
	sums_destroy(c.rows);
	strings_destroy(c.texts);
	return n;
}

/* ---- events one by one ---- */

struct showing {
	struct ledger_reader *reader;
	struct record_line *lines;
	int extras[OUT_COLUMNS_MAX];
};

static struct str cell_text(const struct report *r, const struct showing *x,
			    const struct query_options *o, size_t i,
			    char buf[ANSWER_TEXT_MAX])
{
	const struct field_ref *f = &o->fields[i];
	const struct value v = f->at >= 0 ? value_of(x->lines, (unsigned)f->at)
			       : x->extras[i] >= 0
				       ? value_of_extra(x->lines, (unsigned)x->extras[i])
				       : (struct value){0};
	struct civil t;
	int n;

	if (!v.set)
		return STR_NONE;
	if (f->kind != LINE_TIME)
		return v.text;
	t = zone_local(r->zone, v.number);
	n = snprintf(buf, ANSWER_TEXT_MAX, "%04d-%02d-%02d %02d:%02d:%02d", t.year,
		     t.month, t.day, t.hour, t.minute, t.second);
	return (struct str){buf, n < 0 ? 0 : (size_t)n};
}

static void print_line(struct report *r, struct showing *x, const struct query_options *o,
		       const struct line_place *at)
{
	struct ledger_line line;

	if (!store_read_line(x->reader, at, &line) ||
	    record_line_read(&line, r->d, x->lines) == LINE_UNSOUND) {
		r->gone++;
		return;
	}
	(void)fputs("<tr>", r->out);
	for (size_t i = 0; i < o->field_count; i++) {
		char buf[ANSWER_TEXT_MAX];

		put_key(r->out, cell_text(r, x, o, i, buf), i == 0);
	}
	(void)fputs("</tr>\n", r->out);
}

static void print_lines(struct report *r, struct showing *x, const char *title,
			const struct answered *a)
{
	struct page_column columns[OUT_COLUMNS_MAX];

	for (size_t i = 0; i < a->o->field_count; i++) {
		columns[i] = (struct page_column){a->o->fields[i].name, false};
		x->extras[i] = a->o->fields[i].at < 0
				       ? line_want(x->lines, a->o->fields[i].name)
				       : -1;
	}
	page_table_begin(r->out, title, columns, a->o->field_count);
	(void)fputs("<tbody>\n", r->out);
	for (size_t i = 0; i < a->result.line_count; i++)
		print_line(r, x, a->o, &a->result.lines[i].place);
	(void)fputs("</tbody>\n", r->out);
	page_table_end(r->out);
	if (a->result.matched > a->result.line_count) {
		(void)fputs("<p class=\"soft\">The last ", r->out);
		html_count(r->out, a->result.line_count);
		(void)fputs(" of ", r->out);
		html_count(r->out, a->result.matched);
		(void)fputs(".</p>\n", r->out);
	}
}

size_t report_lines(struct report *r, const char *title, const char *words, size_t limit)
{
	char text[512];
	struct showing *x = calloc(1, sizeof(*x));
	struct answered a;
	size_t n = 0;
	const int len = snprintf(text, sizeof(text), "%s --limit %zu", words, limit);

	if (x == NULL || len < 0 || (size_t)len >= sizeof(text) ||
	    !report_ask(r, text, false, &a)) {
		r->failed = true;
		free(x);
		return 0;
	}
	n = a.result.line_count;
	x->lines = line_for_store();
	x->reader = n == 0 ? NULL : ledger_reader_open(r->ledger, r->d);
	if (x->lines == NULL || (n > 0 && x->reader == NULL))
		r->failed = true;
	else if (n == 0)
		(void)fprintf(r->out, "<h3>%s</h3>\n<p class=\"none\">None.</p>\n",
			      title);
	else
		print_lines(r, x, title, &a);
	ledger_reader_close(x->reader);
	free(x->lines);
	free(x);
	answer_finish(&a);
	report_queries(r);
	return n;
}
