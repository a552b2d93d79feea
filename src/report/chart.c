/* SPDX-License-Identifier: Apache-2.0 */
#include "report/chart.h"

#include <inttypes.h>

#include "report/html.h"

/* Places are in tenths of the view's units. */
#define VIEW_WIDTH  900
#define VIEW_HEIGHT 240
#define LEFT        700
#define RIGHT       8900
#define TOP         340
#define BOTTOM      2080
#define TICKS       5

uint64_t chart_ceiling(uint64_t n)
{
	static const uint64_t steps[] = {1, 2, 5};

	for (uint64_t power = 1;; power *= 10) {
		for (size_t i = 0; i < 3; i++) {
			if (power > UINT64_MAX / steps[i])
				return UINT64_MAX;
			if (steps[i] * power >= n)
				return steps[i] * power;
		}
		if (power > UINT64_MAX / 10)
			return UINT64_MAX;
	}
}

static uint64_t added(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* n of most, as a part of `length`: without overflow, cut off. */
static unsigned part(uint64_t n, uint64_t most, unsigned length)
{
	while (most > UINT64_MAX / 100000) {
		most >>= 4;
		n >>= 4;
	}
	return most == 0 || n == 0 ? 0
	       : n >= most         ? length
				   : (unsigned)(n * length / most);
}

static void put_tenths(FILE *out, const char *name, unsigned tenths)
{
	(void)fprintf(out, " %s=\"%u.%u\"", name, tenths / 10, tenths % 10);
}

static void put_value(FILE *out, const struct chart *c, uint64_t n)
{
	if (c->bytes)
		html_bytes(out, n);
	else
		html_count(out, n);
}

void chart_moment(FILE *out, const struct zone *zone, int64_t us)
{
	const struct civil t = zone_local(zone, us);

	(void)fprintf(out, "%04d-%02d-%02d %02d:%02d", t.year, t.month, t.day, t.hour,
		      t.minute);
}

static uint64_t sum_of(const struct chart *c, const struct chart_point *p)
{
	uint64_t sum = 0;

	for (size_t s = 0; s < c->series; s++)
		sum = added(sum, p->values[s]);
	return sum;
}

static unsigned place(const struct chart *c, int64_t us)
{
	if (us <= c->from_us)
		return LEFT;
	if (us >= c->to_us)
		return RIGHT;
	return LEFT + part((uint64_t)us - (uint64_t)c->from_us,
			   (uint64_t)c->to_us - (uint64_t)c->from_us, RIGHT - LEFT);
}

/* ---- parts of the picture ---- */

static void print_patterns(FILE *out, const struct chart *c)
{
	(void)fprintf(
		out,
		"<defs><pattern id=\"%s-p1\" width=\"6\" height=\"6\" "
		"patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
		"<rect width=\"6\" height=\"6\" class=\"p1b\"/>"
		"<rect width=\"2.5\" height=\"6\" class=\"p1\"/></pattern></defs>\n",
		c->id);
}

static void put_fill(FILE *out, const struct chart *c, size_t series)
{
	if (series == 1)
		(void)fprintf(out, " class=\"s1\" fill=\"url(#%s-p1)\"", c->id);
	else
		(void)fprintf(out, " class=\"s%zu\"", series);
}

static void print_legend(FILE *out, const struct chart *c)
{
	unsigned x = LEFT;

	for (size_t s = 0; s < c->series; s++) {
		(void)fputs("<rect y=\"8\" width=\"12\" height=\"12\"", out);
		put_tenths(out, "x", x);
		put_fill(out, c, s);
		(void)fputs("/><text y=\"19\"", out);
		put_tenths(out, "x", x + 180);
		(void)fputs(">", out);
		html_text(out, str_of(c->names[s]));
		(void)fputs("</text>\n", out);
		x += 180 + 90 * (unsigned)strlen(c->names[s]) + 250;
	}
}

static void print_axes(FILE *out, const struct chart *c, uint64_t top)
{
	const unsigned ticks = top < TICKS ? (unsigned)top : TICKS;

	for (unsigned i = 0; i <= ticks; i++) {
		const unsigned y = BOTTOM - (BOTTOM - TOP) * i / ticks;

		(void)fputs("<line class=\"grid\"", out);
		put_tenths(out, "x1", LEFT);
		put_tenths(out, "x2", RIGHT);
		put_tenths(out, "y1", y);
		put_tenths(out, "y2", y);
		(void)fputs("/><text class=\"end\"", out);
		put_tenths(out, "x", LEFT - 60);
		put_tenths(out, "y", y + 40);
		(void)fputs(">", out);
		put_value(out, c, top / ticks * i + top % ticks * i / ticks);
		(void)fputs("</text>\n", out);
	}
	for (unsigned i = 0; i <= 2; i++) {
		static const char *const anchors[] = {"", " class=\"mid\"",
						      " class=\"end\""};
		const uint64_t length = (uint64_t)c->to_us - (uint64_t)c->from_us;

		(void)fprintf(out, "<text%s", anchors[i]);
		put_tenths(out, "x", LEFT + (RIGHT - LEFT) * i / 2);
		put_tenths(out, "y", BOTTOM + 220);
		(void)fputs(">", out);
		chart_moment(out, c->zone, c->from_us + (int64_t)(length / 2 * i));
		(void)fputs("</text>\n", out);
	}
}

static void print_column(FILE *out, const struct chart *c, const struct chart_point *p,
			 uint64_t top)
{
	const int64_t end_us =
		p->at_us > INT64_MAX - c->width_us ? INT64_MAX : p->at_us + c->width_us;
	const unsigned x = place(c, p->at_us), end = place(c, end_us);
	uint64_t below = 0;

	for (size_t s = 0; s < c->series; s++) {
		const uint64_t above = added(below, p->values[s]);
		const unsigned y = part(above, top, BOTTOM - TOP);
		unsigned height = y - part(below, top, BOTTOM - TOP);

		below = above;
		if (p->values[s] == 0)
			continue;
		if (height < 10) /* one in a million is still seen */
			height = 10;
		(void)fputs("<rect", out);
		put_tenths(out, "x", x);
		put_tenths(out, "y", BOTTOM - (y < height ? height : y));
		put_tenths(out, "width", end > x + 30 ? end - x - 10 : 20);
		put_tenths(out, "height", height);
		put_fill(out, c, s);
		(void)fputs("><title>", out);
		chart_moment(out, c->zone, p->at_us);
		(void)fputs(" ", out);
		html_text(out, str_of(c->names[s]));
		(void)fputs(": ", out);
		put_value(out, c, p->values[s]);
		(void)fputs("</title></rect>\n", out);
	}
}

static void print_figures(FILE *out, const struct chart *c)
{
	(void)fprintf(out,
		      "<details open><summary>Figures of this chart</summary>"
		      "<div class=\"wide\"><table><thead><tr><th scope=\"col\">from");
	(void)fprintf(out, "</th>");
	for (size_t s = 0; s < c->series; s++) {
		(void)fputs("<th scope=\"col\" class=\"n\">", out);
		html_text(out, str_of(c->names[s]));
		(void)fputs("</th>", out);
	}
	(void)fputs("</tr></thead><tbody>\n", out);
	for (size_t i = 0; i < c->count; i++) {
		(void)fputs("<tr><th scope=\"row\" class=\"t\">", out);
		chart_moment(out, c->zone, c->points[i].at_us);
		(void)fputs("</th>", out);
		for (size_t s = 0; s < c->series; s++) {
			(void)fputs("<td class=\"n\">", out);
			put_value(out, c, c->points[i].values[s]);
			(void)fputs("</td>", out);
		}
		(void)fputs("</tr>\n", out);
	}
	(void)fputs("</tbody></table></div></details>\n", out);
}

/* ---- all ---- */

void chart_print(FILE *out, const struct chart *c)
{
	uint64_t most = 0, top;

	for (size_t i = 0; i < c->count; i++)
		if (sum_of(c, &c->points[i]) > most)
			most = sum_of(c, &c->points[i]);
	if (most == 0) {
		(void)fputs("<p class=\"none\">Nothing in this period.</p>\n", out);
		return;
	}
	top = chart_ceiling(most);
	(void)fprintf(
		out,
		"<figure><svg role=\"img\" aria-labelledby=\"%s-t\" "
		"viewBox=\"0 0 %d %d\"><title id=\"%s-t\">%s; the figures stand in the "
		"table below</title>\n",
		c->id, VIEW_WIDTH, VIEW_HEIGHT, c->id, c->title);
	print_patterns(out, c);
	print_legend(out, c);
	print_axes(out, c, top);
	for (size_t i = 0; i < c->count; i++)
		print_column(out, c, &c->points[i], top);
	(void)fputs("</svg></figure>\n", out);
	print_figures(out, c);
}

void chart_bar(FILE *out, uint64_t n, uint64_t most)
{
	const unsigned width = part(n, most, 1000);

	(void)fputs(
		"<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
		"aria-hidden=\"true\"><rect class=\"s0\" height=\"10\"",
		out);
	put_tenths(out, "width", n > 0 && width < 10 ? 10 : width);
	(void)fputs("/></svg>", out);
}
