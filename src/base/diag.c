/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

#define FILES_MAX     (64 + DIAG_MAX) /* 64 with text, and one for each finding */
#define SOURCES_MAX   64
#define NOTES_MAX     4
#define TEXT_BYTES    1024 /* of a message, a remedy, a file name */
#define NAME_BYTES    32   /* of a finding's tag */
#define LINE_SHOWN    200  /* columns of a source line that are printed */
#define LINE_BEFORE   60   /* of them before the span, when the line is longer */
#define LINE_CUT      "..."
#define NUMBER_WIDTH  3
#define ESCAPED_BYTES 4 /* \xNN */

struct file {
	char *name;
	const char *text; /* borrowed; NULL = none */
	size_t len;
};

struct finding {
	enum diag_level level;
	size_t file; /* index of diag.files */
	unsigned line;
	unsigned col;
	unsigned len;
	size_t order; /* findings of one place stay in the order of diag_add() */
	char *name;   /* NULL = none */
	char *message;
	char *notes[NOTES_MAX];
	size_t note_count;
	char *source; /* copy of the source line; NULL = not copied */
	size_t source_len;
};

struct diag {
	struct file files[FILES_MAX];
	size_t file_count;
	size_t source_count;
	struct finding findings[DIAG_MAX];
	size_t finding_count;
	struct finding *last; /* what diag_add() recorded; NULL when it was not kept */
	size_t counts[DIAG_LEVEL_COUNT];
};

struct diag *diag_create(void)
{
	return calloc(1, sizeof(struct diag));
}

static void finding_finish(struct finding *f)
{
	free(f->name);
	free(f->message);
	free(f->source);
	for (size_t n = 0; n < f->note_count; n++)
		free(f->notes[n]);
}

void diag_destroy(struct diag *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->finding_count; i++)
		finding_finish(&d->findings[i]);
	for (size_t i = 0; i < d->file_count; i++)
		free(d->files[i].name);
	free(d);
}

/* The file of this name, made when it is new; NULL without room or memory. */
static struct file *file_of(struct diag *d, const char *name)
{
	struct file *f;

	if (name == NULL)
		name = "";
	for (size_t i = 0; i < d->file_count; i++)
		if (strncmp(d->files[i].name, name, TEXT_BYTES - 1) == 0)
			return &d->files[i];
	if (d->file_count == FILES_MAX)
		return NULL;
	f = &d->files[d->file_count];
	*f = (struct file){.name = strndup(name, TEXT_BYTES - 1)};
	if (f->name == NULL)
		return NULL;
	d->file_count++;
	return f;
}

void diag_source(struct diag *d, const char *file, const char *text, size_t len)
{
	struct file *f;

	f = file_of(d, file);
	if (f == NULL || (f->text == NULL && d->source_count == SOURCES_MAX))
		return;
	if (f->text == NULL)
		d->source_count++;
	f->text = text;
	f->len = len;
}

/* Line `line` (from 1) of the file, without its end; STR_NONE when it has no such line. */
static struct str line_of(const struct file *f, unsigned line)
{
	const char *p = f->text;
	const char *end;
	const char *newline;

	if (p == NULL || line == 0)
		return STR_NONE;
	end = p + f->len;
	for (unsigned i = 1; i < line; i++) {
		newline = p == end ? NULL : memchr(p, '\n', (size_t)(end - p));
		if (newline == NULL)
			return STR_NONE;
		p = newline + 1;
	}
	newline = p == end ? NULL : memchr(p, '\n', (size_t)(end - p));
	if (newline != NULL)
		end = newline;
	if (end > p && end[-1] == '\r')
		end--;
	return (struct str){p, (size_t)(end - p)};
}

static struct str source_of(const struct diag *d, const struct finding *f)
{
	if (f->source != NULL)
		return (struct str){f->source, f->source_len};
	return line_of(&d->files[f->file], f->line);
}

static void keep_line(struct finding *f, struct str line)
{
	if (f->source != NULL || line.p == NULL)
		return;
	f->source = malloc(line.len + 1);
	if (f->source == NULL)
		return;
	memcpy(f->source, line.p, line.len);
	f->source_len = line.len;
}

void diag_line(struct diag *d, const char *line, size_t len)
{
	if (d->last != NULL)
		keep_line(d->last, (struct str){line, len});
}

void diag_forget_sources(struct diag *d)
{
	for (size_t i = 0; i < d->finding_count; i++)
		keep_line(&d->findings[i], source_of(d, &d->findings[i]));
	for (size_t i = 0; i < d->file_count; i++)
		d->files[i].text = NULL;
	d->source_count = 0;
}

__attribute__((format(printf, 1, 0))) static char *format_text(const char *fmt,
							       va_list args)
{
	char text[TEXT_BYTES];

	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		return NULL;
	return strdup(text);
}

/* The last warning gives its place to an error; false when there is none. */
static bool drop_warning(struct diag *d)
{
	size_t i = d->finding_count;

	while (i > 0 && d->findings[i - 1].level != DIAG_WARNING)
		i--;
	if (i == 0)
		return false;
	finding_finish(&d->findings[i - 1]);
	memmove(&d->findings[i - 1], &d->findings[i],
		(d->finding_count - i) * sizeof(d->findings[0]));
	d->finding_count--;
	return true;
}

void diag_add(struct diag *d, enum diag_level level, struct span at, const char *name,
	      const char *fmt, ...)
{
	struct finding f = {
		.level = level, .line = at.line, .col = at.col, .len = at.len};
	struct file *file;
	va_list args;

	d->counts[level]++;
	d->last = NULL;
	if (d->finding_count == DIAG_MAX && (level != DIAG_ERROR || !drop_warning(d)))
		return;
	file = file_of(d, at.file);
	if (file == NULL)
		return;
	va_start(args, fmt);
	f.message = format_text(fmt, args);
	va_end(args);
	if (f.message == NULL)
		return;
	f.name = name == NULL ? NULL : strndup(name, NAME_BYTES);
	f.file = (size_t)(file - d->files);
	f.order = d->counts[DIAG_ERROR] + d->counts[DIAG_WARNING];
	d->findings[d->finding_count] = f;
	d->last = &d->findings[d->finding_count];
	d->finding_count++;
}

__attribute__((format(printf, 3, 0))) static void add_note(struct diag *d,
							   const char *before,
							   const char *fmt, va_list args)
{
	char *text;
	char *note;

	if (d->last == NULL || d->last->note_count == NOTES_MAX)
		return;
	text = format_text(fmt, args);
	if (text == NULL)
		return;
	if (asprintf(&note, "%s%s", before, text) != -1)
		d->last->notes[d->last->note_count++] = note;
	free(text);
}

void diag_remedy(struct diag *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_note(d, "write: ", fmt, args);
	va_end(args);
}

void diag_note(struct diag *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_note(d, "", fmt, args);
	va_end(args);
}

void diag_take(struct diag *d, const struct diag *from)
{
	size_t kept[DIAG_LEVEL_COUNT] = {0};

	for (size_t i = 0; i < from->finding_count; i++) {
		const struct finding *f = &from->findings[i];

		diag_add(
			d, f->level,
			(struct span){from->files[f->file].name, f->line, f->col, f->len},
			f->name, "%s", f->message);
		for (size_t n = 0; n < f->note_count; n++)
			diag_note(d, "%s", f->notes[n]);
		if (d->last != NULL)
			keep_line(d->last, source_of(from, f));
		kept[f->level]++;
	}
	for (unsigned l = 0; l < DIAG_LEVEL_COUNT; l++)
		d->counts[l] += from->counts[l] - kept[l];
}

size_t diag_count(const struct diag *d, enum diag_level level)
{
	return d->counts[level];
}

static int compare_unsigned(size_t a, size_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_findings(const void *a, const void *b)
{
	const struct finding *x = *(const struct finding *const *)a;
	const struct finding *y = *(const struct finding *const *)b;
	int c = compare_unsigned(x->file, y->file);

	if (c == 0)
		c = compare_unsigned(x->line, y->line);
	if (c == 0)
		c = compare_unsigned(x->col, y->col);
	return c != 0 ? c : compare_unsigned(x->order, y->order);
}

static void sort_findings(const struct diag *d, const struct finding *ret[DIAG_MAX])
{
	for (size_t i = 0; i < d->finding_count; i++)
		ret[i] = &d->findings[i];
	qsort(ret, d->finding_count, sizeof(struct finding *), compare_findings);
}

/* How one character of a text is shown: as it is, or each byte as \xNN. */
struct glyph {
	size_t bytes; /* of the text */
	bool escaped;
};

static struct glyph glyph_at(struct str s, size_t at)
{
	const uint8_t *b = (const uint8_t *)s.p + at;
	size_t len;
	struct glyph g;

	if (b[0] >= 0x20 && b[0] < 0x7f)
		return (struct glyph){.bytes = 1};
	len = utf8_len(b, s.len - at);
	g.bytes = len == 0 ? 1 : len;
	g.escaped = len == 0 || (len == 1 && (b[0] < 0x20 || b[0] == 0x7f)) ||
		    utf8_is_c1(b, len);
	return g;
}

/* Columns that the character takes; a tab is printed as it is. */
static size_t glyph_width(struct str s, size_t at, struct glyph g)
{
	return g.escaped && s.p[at] != '\t' ? g.bytes * ESCAPED_BYTES : 1;
}

static void print_bytes(struct str s, FILE *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		const char text[ESCAPED_BYTES] = {'\\', 'x', digits[c >> 4],
						  digits[c & 15]};

		(void)fwrite(text, 1, sizeof(text), out);
	}
}

static void print_escaped(struct str s, bool keep_tabs, FILE *out)
{
	size_t from =
		0; /* from here on nothing is printed yet, as all of it is as it is */

	for (size_t i = 0; i < s.len;) {
		const struct glyph g = glyph_at(s, i);

		if (g.escaped && !(keep_tabs && s.p[i] == '\t')) {
			(void)fwrite(s.p + from, 1, i - from, out);
			print_bytes((struct str){s.p + i, g.bytes}, out);
			from = i + g.bytes;
		}
		i += g.bytes;
	}
	if (from < s.len)
		(void)fwrite(s.p + from, 1, s.len - from, out);
}

/* What stands left of the bar: at least NUMBER_WIDTH, so that most findings align. */
static int number_width(unsigned line)
{
	int width = 1;

	for (; line >= 10; line /= 10)
		width++;
	return width < NUMBER_WIDTH ? NUMBER_WIDTH : width;
}

static void repeat(char c, size_t n, FILE *out)
{
	char run[64];

	memset(run, c, sizeof(run));
	for (; n > sizeof(run); n -= sizeof(run))
		(void)fwrite(run, 1, sizeof(run), out);
	(void)fwrite(run, 1, n, out);
}

/* Blanks under the text before `start`, then carets under what is before `end`. */
static void print_carets(struct str line, size_t start, size_t end, FILE *out)
{
	size_t i = 0;
	size_t blanks = 0, carets = 0;

	while (i < line.len && i < end) {
		struct glyph g = glyph_at(line, i);
		bool under = i + g.bytes > start;

		if (under) {
			carets += glyph_width(line, i, g);
		} else if (line.p[i] == '\t') {
			repeat(' ', blanks, out);
			(void)fputc('\t', out);
			blanks = 0;
		} else {
			blanks += glyph_width(line, i, g);
		}
		i += g.bytes;
	}
	repeat(' ', blanks, out);
	repeat('^', carets, out);
	/* The place right after the line: something is missing there. */
	if (start >= line.len)
		(void)fputc('^', out);
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

struct paint {
	const char *place;
	const char *level[DIAG_LEVEL_COUNT];
	const char *caret;
	const char *off;
};

static const struct paint plain = {
	.place = "", .level = {"", ""}, .caret = "", .off = ""};
static const struct paint coloured = {
	.place = "\033[1m",
	.level = {"\033[1;31m", "\033[1;35m"},
	.caret = "\033[1;32m",
	.off = "\033[0m",
};

static const char *level_word(enum diag_level level)
{
	return level == DIAG_ERROR ? "error" : "warning";
}

/* The characters from `at` on that fit into `columns`: where they end. */
static size_t fit(struct str s, size_t at, size_t columns)
{
	while (at < s.len) {
		struct glyph g = glyph_at(s, at);
		size_t width = glyph_width(s, at, g);

		if (width > columns)
			break;
		columns -= width;
		at += g.bytes;
	}
	return at;
}

/* Where to begin, so that at most `columns` stand before `start`. */
static size_t fit_before(struct str s, size_t start, size_t columns)
{
	size_t at = start > columns ? start - columns : 0;
	size_t width = 0;

	while (at < start && is_continuation(s.p[at]))
		at++;
	for (size_t i = at; i < start;) {
		const struct glyph g = glyph_at(s, i);

		width += glyph_width(s, i, g);
		i += g.bytes;
	}
	while (at < start && width > columns) {
		const struct glyph g = glyph_at(s, at);

		width -= glyph_width(s, at, g);
		at += g.bytes;
	}
	return at < start ? at : start;
}

/* The source line and what is meant in it.  Of a long line only the part around that. */
static void print_source(const struct finding *f, struct str line,
			 const struct paint *paint, FILE *out)
{
	size_t start = f->col == 0 ? 0 : f->col - 1;
	size_t cut = 0, end;
	struct str shown;
	bool more;

	if (start > line.len)
		start = line.len;
	if (fit(line, 0, LINE_SHOWN) < line.len)
		cut = fit_before(line, start, LINE_BEFORE);
	end = fit(line, cut, LINE_SHOWN);
	more = end < line.len;
	shown = (struct str){line.p + cut, end - cut};
	start -= cut;
	end = start + (f->len == 0 ? 1 : f->len);

	(void)fprintf(out, "%*u | %s", NUMBER_WIDTH, f->line, cut > 0 ? LINE_CUT : "");
	print_escaped(shown, true, out);
	(void)fprintf(out, "%s\n", more ? LINE_CUT : "");
	if (f->col == 0)
		return;
	(void)fprintf(out, "%*s | %s", number_width(f->line), "", paint->caret);
	repeat(' ', cut > 0 ? strlen(LINE_CUT) : 0, out);
	print_carets(shown, start, end, out);
	(void)fprintf(out, "%s\n", paint->off);
}

static void print_finding(const struct diag *d, const struct finding *f,
			  const struct paint *paint, FILE *out)
{
	const char *file = d->files[f->file].name;
	struct str line = source_of(d, f);

	(void)fputs(paint->place, out);
	if (file[0] != '\0') {
		print_escaped(str_of(file), false, out);
		(void)fputc(':', out);
		if (f->line > 0)
			(void)fprintf(out, "%u:", f->line);
		if (f->line > 0 && f->col > 0)
			(void)fprintf(out, "%u:", f->col);
		(void)fputc(' ', out);
	}
	(void)fprintf(out, "%s%s%s", paint->off, paint->level[f->level],
		      level_word(f->level));
	if (f->name != NULL)
		(void)fprintf(out, " [%s]", f->name);
	(void)fprintf(out, ":%s ", paint->off);
	print_escaped(str_of(f->message), false, out);
	(void)fputc('\n', out);

	if (line.p != NULL)
		print_source(f, line, paint, out);
	for (size_t i = 0; i < f->note_count; i++) {
		(void)fprintf(out, "%*s = ", number_width(f->line), "");
		print_escaped(str_of(f->notes[i]), false, out);
		(void)fputc('\n', out);
	}
}

void diag_print(const struct diag *d, FILE *out, bool colour)
{
	const struct finding *sorted[DIAG_MAX];
	size_t errors = d->counts[DIAG_ERROR];
	size_t warnings = d->counts[DIAG_WARNING];
	size_t hidden = errors + warnings - d->finding_count;

	sort_findings(d, sorted);
	for (size_t i = 0; i < d->finding_count; i++)
		print_finding(d, sorted[i], colour ? &coloured : &plain, out);
	if (errors + warnings == 0)
		return;
	(void)fprintf(out, "%zu error%s, %zu warning%s", errors, errors == 1 ? "" : "s",
		      warnings, warnings == 1 ? "" : "s");
	if (hidden > 0)
		(void)fprintf(out, " (%zu not shown)", hidden);
	(void)fputc('\n', out);
}

/* Empty the buffer into `out`: no field is longer than the buffer, all of them may be. */
static void flush_json(struct json *j, FILE *out)
{
	(void)fwrite(j->buf, 1, j->len, out);
	j->len = 0;
}

void diag_print_json(const struct diag *d, FILE *out)
{
	const struct finding *sorted[DIAG_MAX];
	char buf[6 * TEXT_BYTES + 512]; /* a text with every byte escaped, and numbers */
	struct json j;

	sort_findings(d, sorted);
	json_init(&j, buf, sizeof(buf));
	json_array_begin(&j, NULL);
	for (size_t i = 0; i < d->finding_count; i++) {
		const struct finding *f = sorted[i];

		json_object_begin(&j, NULL);
		flush_json(&j, out);
		json_cstring(&j, "file", d->files[f->file].name);
		flush_json(&j, out);
		json_u64(&j, "line", f->line);
		json_u64(&j, "column", f->col);
		json_u64(&j, "length", f->len);
		json_cstring(&j, "level", level_word(f->level));
		json_cstring(&j, "name", f->name);
		flush_json(&j, out);
		json_cstring(&j, "message", f->message);
		flush_json(&j, out);
		json_array_begin(&j, "notes");
		for (size_t n = 0; n < f->note_count; n++) {
			json_cstring(&j, NULL, f->notes[n]);
			flush_json(&j, out);
		}
		json_array_end(&j);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_raw(&j, "\n", 1);
	flush_json(&j, out);
}
