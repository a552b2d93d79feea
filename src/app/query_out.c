/* SPDX-License-Identifier: Apache-2.0 */
#include "app/query_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"

#define WIDTH_LEAST 6
#define CELL_MAX    1024
#define JSON_MAX    ((size_t)8 << 20)

struct out {
	enum out_form form;
	bool goes_on;
	const struct zone *zone;
	struct out_column columns[OUT_COLUMNS_MAX];
	size_t count;
	char **cells; /* of a table, row by row; NULL = absent */
	size_t rows, room;
	char *json; /* JSON_MAX */
};

struct out *out_create(enum out_form form, const struct zone *zone)
{
	struct out *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->form = form;
	o->zone = zone;
	o->json = form == OUT_JSON ? malloc(JSON_MAX) : NULL;
	if (form != OUT_JSON || o->json != NULL)
		return o;
	free(o);
	return NULL;
}

void out_go_on(struct out *o)
{
	o->goes_on = true;
}

static void forget_rows(struct out *o)
{
	for (size_t i = 0; i < o->rows * o->count; i++)
		free(o->cells[i]);
	o->rows = 0;
}

void out_destroy(struct out *o)
{
	if (o == NULL)
		return;
	forget_rows(o);
	free(o->cells);
	free(o->json);
	free(o);
}

/* ---- CSV ---- */

/* -12 or -0.5, as detail.X may have it: no formula. */
static bool is_negative(struct str s)
{
	size_t digits = 0, points = 0;

	for (size_t i = 1; i < s.len; i++) {
		digits += ascii_is_digit(s.p[i]);
		points += s.p[i] == '.';
	}
	return s.p[0] == '-' && digits > 0 && points < 2 && digits + points + 1 == s.len;
}

/* Would a spreadsheet compute a cell that begins so?  Then an apostrophe goes before it. */
static bool is_formula(struct str s)
{
	return s.len > 0 && s.p[0] != '\0' && strchr("=+-@\t\r", s.p[0]) != NULL &&
	       !is_negative(s);
}

static bool needs_quotes(struct str s)
{
	bool quoted = s.len > 0 && (s.p[0] == ' ' || s.p[s.len - 1] == ' ');

	for (size_t i = 0; i < s.len && !quoted; i++)
		quoted = s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' ||
			 s.p[i] == '\r' || s.p[i] == '\t' || s.p[i] == ';';
	return quoted;
}

static void put_csv(struct str s, bool is_text)
{
	const bool quoted = needs_quotes(s);

	if (quoted)
		(void)putchar('"');
	if (is_text && is_formula(s))
		(void)putchar('\'');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"')
			(void)putchar('"');
		(void)putchar(s.p[i] == LINE_LIST_SEPARATOR ? ' ' : s.p[i]);
	}
	if (quoted)
		(void)putchar('"');
}

static struct str text_of(const struct out_column *c, const struct value *v,
			  char buf[VALUE_TEXT_MAX])
{
	return kind_is_number(c->kind) ? value_format(c->kind, v->number, buf) : v->text;
}

static void csv_row(const struct out *o, const struct value *cells)
{
	for (size_t i = 0; i < o->count; i++) {
		char buf[VALUE_TEXT_MAX];

		if (i > 0)
			(void)putchar(',');
		if (cells[i].set)
			put_csv(text_of(&o->columns[i], &cells[i], buf),
				!kind_is_number(o->columns[i].kind));
	}
	(void)fputs("\r\n", stdout);
}

/* ---- JSON ---- */

static void json_list(struct json *j, const char *key, struct str s)
{
	json_array_begin(j, key);
	for (;;) {
		const char *end = memchr(s.p, LINE_LIST_SEPARATOR, s.len);
		const size_t n = end == NULL ? s.len : (size_t)(end - s.p);

		json_string(j, NULL, (struct str){s.p, n});
		if (end == NULL)
			break;
		s = (struct str){end + 1, s.len - n - 1};
	}
	json_array_end(j);
}

static void json_cell(struct json *j, const struct out_column *c, const struct value *v)
{
	char buf[VALUE_TEXT_MAX];

	switch (c->kind) {
	case LINE_NUMBER:
	case LINE_PORT:
		json_i64(j, c->name, v->number);
		break;
	case LINE_BOOL:
		json_bool(j, c->name, str_equal(v->text, STR("true")));
		break;
	case LINE_LIST:
		json_list(j, c->name, v->text);
		break;
	case LINE_TIME:
	case LINE_ID:
	case LINE_TEXT:
	case LINE_ADDRESS:
	case LINE_OBJECT:
		json_string(j, c->name, text_of(c, v, buf));
		break;
	}
}

static void json_row(struct out *o, const struct value *cells)
{
	struct json j;

	json_init(&j, o->json, JSON_MAX);
	json_object_begin(&j, NULL);
	for (size_t i = 0; i < o->count; i++)
		if (cells[i].set)
			json_cell(&j, &o->columns[i], &cells[i]);
	json_object_end(&j);
	(void)printf("%.*s\n", (int)j.len, o->json);
}

/* ---- tables ---- */

static size_t format_cell(const struct out *o, const struct out_column *c,
			  const struct value *v, char buf[CELL_MAX])
{
	char number[VALUE_TEXT_MAX];
	size_t n = 0;
	struct str s;

	if (c->kind == LINE_TIME) {
		const struct civil t = zone_local(o->zone, v->number);
		const int len =
			snprintf(buf, CELL_MAX, "%04d-%02d-%02d %02d:%02d:%02d", t.year,
				 t.month, t.day, t.hour, t.minute, t.second);

		return len < 0 ? 0 : (size_t)len;
	}
	s = text_of(c, v, number);
	for (; n < s.len && n < CELL_MAX - 1; n++) {
		const char b = s.p[n];

		buf[n] = b == LINE_LIST_SEPARATOR ? ' ' : b < ' ' || b > '~' ? '?' : b;
	}
	return n;
}

static bool keep_row(struct out *o, const struct value *cells)
{
	char buf[CELL_MAX];

	if (o->rows == o->room) {
		const size_t room = o->room == 0 ? 64 : o->room * 2;
		char **more = realloc(o->cells, room * o->count * sizeof(*more));

		if (more == NULL)
			return false;
		o->cells = more;
		o->room = room;
	}
	for (size_t i = 0; i < o->count; i++) {
		char **to = &o->cells[o->rows * o->count + i];

		*to = NULL;
		if (cells[i].set)
			*to = strndup(buf,
				      format_cell(o, &o->columns[i], &cells[i], buf));
	}
	o->rows++;
	return true;
}

/* A file or a program takes lines of any length. */
static size_t terminal_width(void)
{
	const char *set = getenv("COLUMNS"); /* NOLINT(concurrency-mt-unsafe) */
	struct winsize w;
	uint64_t n;

	if (set != NULL && parse_u64(str_of(set), 10000, &n) && n >= 40)
		return (size_t)n;
	if (isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 &&
	    w.ws_col >= 40)
		return w.ws_col;
	return SIZE_MAX;
}

/* 0: the column is left out. */
static void measure(const struct out *o, size_t widths[OUT_COLUMNS_MAX])
{
	const size_t most = terminal_width();
	size_t sum = 0;

	for (size_t i = 0; i < o->count; i++) {
		bool any = !o->columns[i].hides;

		widths[i] = strlen(o->columns[i].name);
		for (size_t r = 0; r < o->rows; r++) {
			const char *cell = o->cells[r * o->count + i];

			any = any || cell != NULL;
			if (cell != NULL && strlen(cell) > widths[i])
				widths[i] = strlen(cell);
		}
		widths[i] = any ? widths[i] : 0;
		sum += widths[i] == 0 ? 0 : widths[i] + 2;
	}
	while (sum > most) { /* the widest gives way */
		size_t widest = o->count;

		for (size_t i = 0; i < o->count; i++)
			if (o->columns[i].kind != LINE_TIME &&
			    o->columns[i].kind != LINE_NUMBER && /* cut, it is another */
			    (widest == o->count || widths[i] > widths[widest]))
				widest = i;
		if (widest == o->count || widths[widest] <= WIDTH_LEAST)
			break;
		widths[widest]--;
		sum--;
	}
}

/* FILE:LINE: its end tells most. */
static bool is_place(const struct out_column *c)
{
	return str_ends_with(str_of(c->name), STR("rule"));
}

static void print_cell(const char *text, size_t width, const struct out_column *c,
		       bool last)
{
	const bool right = c->kind == LINE_NUMBER;
	const size_t len = strlen(text);

	if (len > width && is_place(c))
		(void)printf("..%s", text + (len - (width - 2)));
	else if (len > width)
		(void)printf("%.*s..", (int)(width - 2), text);
	else if (right)
		(void)printf("%*s", (int)width, text);
	else if (last)
		(void)printf("%s", text);
	else
		(void)printf("%-*s", (int)width, text);
	(void)printf("%s", last ? "\n" : "  ");
}

static void print_row(const struct out *o, const size_t *widths, const char *const *cells)
{
	size_t last = 0;

	for (size_t i = 0; i < o->count; i++)
		if (widths[i] > 0)
			last = i;
	for (size_t i = 0; i < o->count; i++)
		if (widths[i] > 0)
			print_cell(cells[i] == NULL ? "-" : cells[i], widths[i],
				   &o->columns[i], i == last);
}

/* ---- all ---- */

void out_begin(struct out *o, const struct out_column *columns, size_t count)
{
	forget_rows(o);
	o->room = 0;
	free(o->cells);
	o->cells = NULL;
	memcpy(o->columns, columns, count * sizeof(*columns));
	o->count = count;
	for (size_t i = 0; o->form == OUT_CSV && !o->goes_on && i < count; i++)
		(void)printf("%s%s", columns[i].name, i + 1 == count ? "\r\n" : ",");
}

bool out_row(struct out *o, const struct value *cells)
{
	if (o->form == OUT_CSV)
		csv_row(o, cells);
	else if (o->form == OUT_JSON)
		json_row(o, cells);
	else
		return keep_row(o, cells);
	return true;
}

void out_end(struct out *o, bool streams)
{
	const char *heads[OUT_COLUMNS_MAX];
	size_t widths[OUT_COLUMNS_MAX] = {0};

	if (o->form != OUT_TABLE)
		return;
	for (size_t i = 0; i < o->count; i++)
		heads[i] = o->columns[i].name;
	measure(o, widths);
	for (size_t i = 0; streams && i < o->count; i++)
		widths[i] = CELL_MAX;
	for (size_t r = 0; streams && r < o->rows; r++)
		for (size_t i = 0; i < o->count; i++) {
			const char *cell = o->cells[r * o->count + i];

			(void)printf("%s%s", cell == NULL ? "-" : cell,
				     i + 1 == o->count ? "\n" : "  ");
		}
	if (!streams && o->rows > 0)
		print_row(o, widths, heads);
	for (size_t r = 0; !streams && r < o->rows; r++)
		print_row(o, widths, (const char *const *)o->cells + r * o->count);
	forget_rows(o);
}
