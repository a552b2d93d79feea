/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/tsv.h"

#include <string.h>

#include "base/clock.h"

/* The next line without its end; false after the last one. */
static bool next_line(struct tsv *t, struct str *ret)
{
	const char *from = t->from.text + t->at;
	const char *end;

	if (t->at >= t->from.len)
		return false;
	end = memchr(from, '\n', t->from.len - t->at);
	ret->p = from;
	ret->len = end == NULL ? t->from.len - t->at : (size_t)(end - from);
	t->at += ret->len + (end != NULL ? 1 : 0);
	if (ret->len > 0 && from[ret->len - 1] == '\r')
		ret->len--;
	t->line++;
	return true;
}

bool tsv_is_date(struct str s)
{
	uint64_t y, m, d;

	return s.len == 10 && s.p[4] == '-' && s.p[7] == '-' &&
	       parse_u64((struct str){s.p, 4}, 9999, &y) &&
	       parse_u64((struct str){s.p + 5, 2}, 12, &m) &&
	       parse_u64((struct str){s.p + 8, 2}, 31, &d) &&
	       civil_valid_date((int)y, (int)m, (int)d);
}

/* What follows `key` in a comment line; absent when it is another comment. */
static struct str comment_value(struct str line, struct str key)
{
	if (line.len < key.len || memcmp(line.p, key.p, key.len) != 0)
		return STR_NONE;
	return str_trim((struct str){line.p + key.len, line.len - key.len});
}

static void comment(struct tsv *t, struct str line)
{
	struct str date = comment_value(line, STR("# date: "));
	struct str cloud = comment_value(line, STR("# cloud: "));
	struct str change = comment_value(line, STR("# change: "));

	if (tsv_is_date(date))
		t->date = date;
	if (cloud.len > 0)
		t->cloud = cloud;
	if (change.len > 0)
		t->change = change;
}

static struct span span_of(const struct tsv *t, unsigned col, size_t len)
{
	if (t->line == 1 && col > 0)
		col += t->mark;
	return (struct span){t->from.name, t->line, col, (unsigned)len};
}

/* Control bytes would end up in events and on terminals. */
static bool line_clean(const struct tsv *t, struct str line)
{
	if (line.len > TSV_LINE_MAX) {
		diag_error(t->d, span_of(t, 0, 0),
			   "the line is %zu bytes long, at most %d", line.len,
			   TSV_LINE_MAX);
		return false;
	}
	for (size_t i = 0; i < line.len; i++) {
		unsigned char b = (unsigned char)line.p[i];

		if ((b < 0x20 && b != '\t') || b == 0x7f) {
			diag_error(t->d, span_of(t, (unsigned)i + 1, 1),
				   "control byte 0x%02x", b);
			diag_remedy(t->d, "plain text, columns separated by one tab");
			return false;
		}
	}
	return true;
}

/* The next line that is neither empty nor a comment and is clean. */
static bool next_data(struct tsv *t, struct str *ret)
{
	while (next_line(t, ret)) {
		if (ret->len > 0 && ret->p[0] == '#')
			comment(t, *ret);
		else if (str_trim(*ret).len > 0 && line_clean(t, *ret))
			return true;
	}
	return false;
}

/* Cut the next field off `rest`; false when nothing is left. */
static bool next_field(struct str *rest, struct str *ret)
{
	const char *tab;

	if (rest->p == NULL)
		return false;
	tab = memchr(rest->p, '\t', rest->len);
	ret->p = rest->p;
	ret->len = tab == NULL ? rest->len : (size_t)(tab - rest->p);
	if (tab == NULL)
		*rest = STR_NONE;
	else
		*rest = (struct str){tab + 1, rest->len - ret->len - 1};
	return true;
}

static bool is_optional(const char *wanted)
{
	return wanted[0] == '?';
}

static const char *column_name(const char *wanted)
{
	return is_optional(wanted) ? wanted + 1 : wanted;
}

static int wanted_column(const struct tsv *t, struct str name)
{
	for (size_t i = 0; i < t->wanted_count; i++) {
		if (str_equal(name, str_of(column_name(t->wanted[i]))))
			return (int)i;
	}
	return -1;
}

static bool read_names(struct tsv *t, struct str line)
{
	struct str rest = line, name;
	bool fine = true;

	while (next_field(&rest, &name)) {
		if (t->count == TSV_COLUMNS_MAX) {
			diag_error(t->d, span_of(t, 0, 0), "more than %d columns",
				   TSV_COLUMNS_MAX);
			return false;
		}
		t->place[t->count++] = wanted_column(t, str_trim(name));
	}
	for (size_t i = 0; i < t->wanted_count; i++) {
		size_t times = 0;

		for (size_t c = 0; c < t->count; c++)
			times += t->place[c] == (int)i;
		if (times == 1 || (times == 0 && is_optional(t->wanted[i])))
			continue;
		diag_error(t->d, span_of(t, 1, line.len), "column \"%s\" is %s",
			   column_name(t->wanted[i]),
			   times == 0 ? "missing" : "there twice");
		diag_remedy(t->d, "a first row of column names, separated by tabs");
		fine = false;
	}
	return fine;
}

bool tsv_start(struct tsv *t, const struct tsv_text *from, const char *const *wanted,
	       size_t wanted_count, struct diag *d)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct str line;

	*t = (struct tsv){
		.from = *from, .d = d, .wanted = wanted, .wanted_count = wanted_count};
	if (from->len >= sizeof(mark) - 1 &&
	    memcmp(from->text, mark, sizeof(mark) - 1) == 0)
		t->at = t->mark = sizeof(mark) - 1;
	if (!next_data(t, &line)) {
		diag_error(d, (struct span){.file = from->name}, "holds no rows");
		return false;
	}
	return read_names(t, line);
}

static bool read_row(struct tsv *t, struct str line, struct tsv_row *ret)
{
	struct str rest = line, field;
	size_t count = 0;

	ret->line = t->line;
	for (size_t i = 0; i < t->wanted_count; i++) {
		ret->field[i] = STR_NONE;
		ret->col[i] = 0;
	}
	while (next_field(&rest, &field)) {
		int at = count < t->count ? t->place[count] : -1;
		struct str value = str_trim(field);

		count++;
		if (at < 0)
			continue;
		ret->col[at] =
			(unsigned)((value.len > 0 ? value.p : field.p) - line.p) + 1;
		if (value.len > 0 && !str_equal(value, STR("-")))
			ret->field[at] = value;
	}
	if (count == t->count)
		return true;
	diag_error(t->d, span_of(t, 1, line.len), "%zu columns instead of %zu", count,
		   t->count);
	diag_remedy(t->d, "one tab between columns, \"-\" for nothing to say");
	return false;
}

bool tsv_next(struct tsv *t, struct tsv_row *ret)
{
	struct str line;

	while (next_data(t, &line)) {
		if (read_row(t, line, ret)) {
			t->rows++;
			return true;
		}
	}
	return false;
}

struct span tsv_span(const struct tsv *t, const struct tsv_row *row, size_t column)
{
	size_t len = row->field[column].len;

	return (struct span){t->from.name, row->line, row->col[column],
			     (unsigned)(len == 0 ? 1 : len)};
}

void tsv_fault(const struct tsv *t, const struct tsv_row *row, size_t column, size_t at,
	       size_t len, const char *message)
{
	struct span where = tsv_span(t, row, column);

	if (len > 0) {
		where.col += (unsigned)at;
		where.len = (unsigned)len;
	}
	diag_error(t->d, where, "%s", message);
}
