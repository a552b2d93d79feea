/* SPDX-License-Identifier: Apache-2.0 */
/* hours - the text of working hours, read and written.  Contract: match/calendar.h. */
#include "match/calendar.h"

#include <string.h>

#include "base/text.h"

#define DAY_MINUTES 1440
#define WEEK        7
#define EVERY_DAY   0x7fu

static const char *const day_names[WEEK] = {"mon", "tue", "wed", "thu",
					    "fri", "sat", "sun"};

/* They follow "'TEXT': " in messages, with the part at fault underlined. */
static const char why_empty[] =
	"no hours: write them as mon-fri 07:00-19:00, or always, or never";
static const char why_day[] =
	"not a day: write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, "
	"or daily";
static const char why_no_day[] =
	"no day before the time: write daily 07:00-19:00 or mon-fri 07:00-19:00";
static const char why_no_span[] =
	"no time after the day: write mon-fri 07:00-19:00 (each day or range with its own)";
static const char why_span[] = "not a span of time: write it as 07:00-19:00";
static const char why_time[] =
	"not a time: write two digits, a colon and two digits, such as 07:00";
static const char why_hour[] = "past the end of a day: write 00:00 to 24:00";
static const char why_minute[] = "more than 59 minutes: write 00 to 59 after the colon";
static const char why_begin[] = "no span begins at 24:00: write the next day and 00:00";
static const char why_nothing[] =
	"begins and ends at one time: write 00:00-24:00 for a whole day";
static const char why_no_comma[] =
	"no comma before it: write mon-fri 07:00-19:00, sat 08:00-12:00";
static const char why_comma[] = "comma without hours on both sides: take it away";
static const char why_alone[] =
	"always and never stand alone: write one of them, or days and times";
static const char why_many[] =
	"more than 16 spans: write days that have the same times as one range";

/* What is left to read, and the fault if there is one. */
struct parse {
	struct str text;
	size_t at; /* offset of the next unread byte */
	size_t fault_at, fault_len;
	const char *why;
};

static bool fault(struct parse *p, struct str where, const char *why)
{
	p->fault_at = where.p == NULL ? 0 : (size_t)(where.p - p->text.p);
	p->fault_len = where.len;
	p->why = why;
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next word or comma; empty at the end of the text. */
static struct str next_token(struct parse *p)
{
	size_t begin;

	while (p->at < p->text.len && is_blank(p->text.p[p->at]))
		p->at++;
	begin = p->at;
	if (begin < p->text.len && p->text.p[begin] == ',')
		p->at++;
	while (p->at < p->text.len && !is_blank(p->text.p[p->at]) &&
	       p->text.p[p->at] != ',' && p->text.p[begin] != ',')
		p->at++;
	return (struct str){p->text.p + begin, p->at - begin};
}

/* Parts before and after the first '-'; `ret_right` is absent where there is none. */
static struct str cut_at_dash(struct str s, struct str *ret_right)
{
	const char *dash = s.len == 0 ? NULL : memchr(s.p, '-', s.len);
	size_t left;

	*ret_right = STR_NONE;
	if (dash == NULL)
		return s;
	left = (size_t)(dash - s.p);
	*ret_right = (struct str){dash + 1, s.len - left - 1};
	return (struct str){s.p, left};
}

static int day_index(struct str s)
{
	for (int i = 0; i < WEEK; i++) {
		if (str_equal_fold(s, str_of(day_names[i])))
			return i;
	}
	return -1;
}

static bool parse_days(struct parse *p, struct str token, uint8_t *ret)
{
	struct str right;
	struct str left = cut_at_dash(token, &right);
	int first, last;

	if (str_equal_fold(token, STR("daily"))) {
		*ret = EVERY_DAY;
		return true;
	}
	if (str_equal_fold(token, STR("always")) || str_equal_fold(token, STR("never")))
		return fault(p, token, why_alone);
	if (ascii_is_digit(token.p[0]))
		return fault(p, token, why_no_day);
	first = day_index(left);
	if (first < 0)
		return fault(p, left.len == 0 ? token : left, why_day);
	last = right.p == NULL ? first : day_index(right);
	if (last < 0)
		return fault(p, right.len == 0 ? token : right, why_day);

	*ret = 0;
	for (int day = first;; day = (day + 1) % WEEK) {
		*ret |= (uint8_t)(1u << day);
		if (day == last)
			return true;
	}
}

/* "HH:MM" up to 24:00, as minutes of the day. */
static bool parse_time(struct parse *p, struct str s, int *ret)
{
	int hour, minute;

	if (s.len != 5 || s.p[2] != ':' || !ascii_is_digit(s.p[0]) ||
	    !ascii_is_digit(s.p[1]) || !ascii_is_digit(s.p[3]) || !ascii_is_digit(s.p[4]))
		return fault(p, s, why_time);
	hour = (s.p[0] - '0') * 10 + (s.p[1] - '0');
	minute = (s.p[3] - '0') * 10 + (s.p[4] - '0');
	if (minute > 59)
		return fault(p, s, why_minute);
	if (hour * 60 + minute > DAY_MINUTES)
		return fault(p, s, why_hour);
	*ret = hour * 60 + minute;
	return true;
}

static bool parse_span(struct parse *p, struct str token, int *ret_from, int *ret_to)
{
	struct str right;
	struct str left = cut_at_dash(token, &right);

	if (right.p == NULL || left.len == 0 || right.len == 0)
		return fault(p, token, why_span);
	if (!parse_time(p, left, ret_from) || !parse_time(p, right, ret_to))
		return false;
	if (*ret_from == DAY_MINUTES)
		return fault(p, left, why_begin);
	if (*ret_from == *ret_to)
		return fault(p, token, why_nothing);
	if (*ret_to < *ret_from)
		*ret_to += DAY_MINUTES;
	return true;
}

/* Spans of the same times become one, so that equal hours have equal values. */
static bool add_span(struct hours *h, uint8_t days, int from, int to)
{
	for (size_t i = 0; i < h->count; i++) {
		if (h->spans[i].from == from && h->spans[i].to == to) {
			h->spans[i].days |= days;
			return true;
		}
	}
	if (h->count == HOURS_SPANS_MAX)
		return false;
	h->spans[h->count].days = days;
	h->spans[h->count].from = (uint16_t)from;
	h->spans[h->count].to = (uint16_t)to;
	h->count++;
	return true;
}

/* By the first day of the week, then by the times. */
static bool span_before(const struct hours *h, size_t a, size_t b)
{
	int a_day = __builtin_ctz(h->spans[a].days),
	    b_day = __builtin_ctz(h->spans[b].days);

	if (a_day != b_day)
		return a_day < b_day;
	if (h->spans[a].from != h->spans[b].from)
		return h->spans[a].from < h->spans[b].from;
	return h->spans[a].to < h->spans[b].to;
}

static void sort_spans(struct hours *h)
{
	for (size_t i = 1; i < h->count; i++) {
		for (size_t k = i; k > 0 && span_before(h, k, k - 1); k--) {
			__typeof__(h->spans[0]) swap = h->spans[k];

			h->spans[k] = h->spans[k - 1];
			h->spans[k - 1] = swap;
		}
	}
}

/* Days, times, and the comma or the end after them; *ret_more: a comma came. */
static bool parse_item(struct parse *p, struct hours *h, bool *ret_more)
{
	struct str days_token = next_token(p);
	struct str span_token, after;
	uint8_t days = 0;
	int from = 0, to = 0;

	if (!parse_days(p, days_token, &days))
		return false;
	span_token = next_token(p);
	if (span_token.len == 0 || span_token.p[0] == ',')
		return fault(p, days_token, why_no_span);
	if (!parse_span(p, span_token, &from, &to))
		return false;
	after = next_token(p);
	if (after.len > 0 && after.p[0] != ',')
		return fault(p, after, why_no_comma);
	if (!add_span(h, days, from, to))
		return fault(
			p,
			(struct str){days_token.p, (size_t)(span_token.p - days_token.p) +
							   span_token.len},
			why_many);
	*ret_more = after.len > 0;
	return true;
}

static bool parse_items(struct parse *p, struct hours *h)
{
	bool more = true;

	while (more) {
		size_t mark = p->at;
		struct str token = next_token(p);

		if (token.len == 0) /* only after a comma: the text is not blank */
			return fault(p, (struct str){p->text.p + mark - 1, 1}, why_comma);
		if (token.p[0] == ',')
			return fault(p, token, why_comma);
		p->at = mark;
		if (!parse_item(p, h, &more))
			return false;
	}
	sort_spans(h);
	return true;
}

bool hours_parse(struct str text, struct hours *ret, size_t *ret_at, size_t *ret_len,
		 const char **ret_why)
{
	struct parse p = {.text = text};
	struct hours h = {0};
	struct str word = str_trim(text);
	bool fine;

	if (word.len == 0)
		fine = fault(&p, text, why_empty);
	else if (str_equal_fold(word, STR("always")))
		fine = add_span(&h, EVERY_DAY, 0, DAY_MINUTES);
	else if (str_equal_fold(word, STR("never")))
		fine = true;
	else
		fine = parse_items(&p, &h);
	if (!fine) {
		*ret_at = p.fault_at;
		*ret_len = p.fault_len;
		*ret_why = p.why;
		return false;
	}
	*ret = h;
	return true;
}

/* Appends as long as there is room; `full` is sticky. */
struct out {
	char *p;
	size_t left; /* with the NUL */
};

static void put(struct out *o, char c)
{
	if (o->left < 2)
		return;
	*o->p++ = c;
	*o->p = '\0';
	o->left--;
}

static void put_text(struct out *o, const char *s)
{
	for (; *s != '\0'; s++)
		put(o, *s);
}

static void put_time(struct out *o, int minutes)
{
	int hour = minutes / 60, minute = minutes % 60;

	put(o, (char)('0' + hour / 10));
	put(o, (char)('0' + hour % 10));
	put(o, ':');
	put(o, (char)('0' + minute / 10));
	put(o, (char)('0' + minute % 10));
}

static bool has_day(unsigned days, int day)
{
	return (days >> ((day + WEEK) % WEEK) & 1) != 0;
}

/* One item a run of neighbouring days: "fri-mon 22:00-06:00". */
static void put_span(struct out *o, const char **separator, unsigned days, int from,
		     int to)
{
	for (int first = 0; first < WEEK; first++) {
		int last = first;

		if (!has_day(days, first) ||
		    (days != EVERY_DAY && has_day(days, first - 1)))
			continue;
		put_text(o, *separator);
		*separator = ", ";
		if (days == EVERY_DAY) {
			put_text(o, "daily");
		} else {
			put_text(o, day_names[first]);
			while (has_day(days, last + 1))
				last++;
		}
		if (last > first) {
			put(o, '-');
			put_text(o, day_names[last % WEEK]);
		}
		put(o, ' ');
		put_time(o, from);
		put(o, '-');
		put_time(o, to > DAY_MINUTES ? to - DAY_MINUTES : to);
		if (days == EVERY_DAY)
			return;
	}
}

void hours_format(const struct hours *h, char *buf, size_t size)
{
	struct out o = {buf, size};
	const char *separator = "";

	if (size > 0)
		buf[0] = '\0';
	if (h->count == 0) {
		put_text(&o, "never");
		return;
	}
	if (h->count == 1 && h->spans[0].days == EVERY_DAY && h->spans[0].from == 0 &&
	    h->spans[0].to == DAY_MINUTES) {
		put_text(&o, "always");
		return;
	}
	for (size_t i = 0; i < h->count; i++)
		put_span(&o, &separator, h->spans[i].days, h->spans[i].from,
			 h->spans[i].to);
}
