/* SPDX-License-Identifier: Apache-2.0 */
/* holidays - sets of dates from plain text or iCalendar.  Contract: match/calendar.h. */
#include "match/calendar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define DATES_MAX      20000 /* single days of one file */
#define EVENT_DAYS_MAX 100   /* longer than this is no holiday but a mistake */
#define LINE_MAX_BYTES 8192  /* of one unfolded iCalendar line */
#define YEAR_DAYS_MAX  366

struct holidays {
	int32_t *days; /* since the epoch, ascending */
	size_t count, room;
	/*
	 * Yearly events: since[leap year?][day of the year from 0] is the first year in
	 * which that day is one of theirs.
	 */
	uint16_t since[2][YEAR_DAYS_MAX];
};

/* Whole messages: the caller names the file and the line. */
static const char why_date[] = "not a date: write it as 2026-12-25";
static const char why_no_day[] =
	"no such day in the calendar: check the year, the month and the day";
static const char why_name[] = "no blank after the date: write 2026-12-25 Christmas Day";
static const char why_many[] = "too many dates: write at most 20000 in a file";
static const char why_line[] = "line of over 8192 bytes: write a shorter one";
static const char why_calendar[] =
	"not an iCalendar line: write NAME:VALUE after BEGIN:VCALENDAR";
static const char why_nesting[] =
	"END without its BEGIN: write END:VEVENT after an event, END:VCALENDAR last";
static const char why_open[] =
	"file ends inside the calendar: write END:VEVENT and END:VCALENDAR";
static const char why_after[] = "line after END:VCALENDAR: take it away";
static const char why_no_start[] =
	"event without a date: write DTSTART;VALUE=DATE:20261225 in it";
static const char why_whole_day[] =
	"not a whole day: write a date such as DTSTART;VALUE=DATE:20261225";
static const char why_twice[] = "given twice in one event: keep one of them";
static const char why_order[] =
	"event that ends before it begins: write a DTEND after its DTSTART";
static const char why_long[] = "event of over 100 days: write a shorter one";
static const char why_rule[] =
	"rule that is not supported: write RRULE:FREQ=YEARLY alone, or an event a date";
static const char why_other[] =
	"property that is not supported: write an event a date, with DTSTART and DTEND";

/* What a parser has come to; `why` is set together with a return of false. */
struct parse {
	struct holidays *h;
	const char *why;
	bool no_memory;
};

static bool fault(struct parse *p, const char *why)
{
	p->why = why;
	return false;
}

static int leap(int year)
{
	return civil_valid_date(year, 2, 29) ? 1 : 0;
}

static bool add_day(struct parse *p, int64_t day)
{
	struct holidays *h = p->h;

	if (h->count == DATES_MAX)
		return fault(p, why_many);
	if (h->count == h->room) {
		size_t room = h->room == 0 ? 32 : h->room * 2;
		int32_t *more = realloc(h->days, room * sizeof(*more));

		if (more == NULL) {
			p->no_memory = true;
			return false;
		}
		h->days = more;
		h->room = room;
	}
	h->days[h->count++] = (int32_t)day;
	return true;
}

/* One line off the front of *rest, without its end. */
static struct str next_line(struct str *rest)
{
	const char *end = memchr(rest->p, '\n', rest->len);
	struct str line = *rest;

	if (end == NULL) {
		*rest = (struct str){rest->p + rest->len, 0};
	} else {
		line.len = (size_t)(end - rest->p);
		*rest = (struct str){end + 1, rest->len - line.len - 1};
	}
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool read_digits(const char *s, size_t count, int *ret)
{
	uint64_t n;

	if (!parse_u64((struct str){s, count}, 9999, &n))
		return false;
	*ret = (int)n;
	return true;
}

/* A year, month and day of the calendar, that is one that exists. */
static bool read_date(struct parse *p, const char *year, const char *month,
		      const char *day, struct civil *ret)
{
	if (!read_digits(year, 4, &ret->year) || !read_digits(month, 2, &ret->month) ||
	    !read_digits(day, 2, &ret->day))
		return fault(p, why_date);
	if (!civil_valid_date(ret->year, ret->month, ret->day))
		return fault(p, why_no_day);
	return true;
}

static bool plain_line(struct parse *p, struct str line)
{
	struct civil date = {0};

	line = str_trim(line);
	if (line.len == 0 || line.p[0] == '#')
		return true;
	if (line.len < 10 || line.p[4] != '-' || line.p[7] != '-')
		return fault(p, why_date);
	if (!read_date(p, line.p, line.p + 5, line.p + 8, &date))
		return false;
	if (line.len > 10 && line.p[10] != ' ' && line.p[10] != '\t')
		return fault(p, ascii_is_digit(line.p[10]) ? why_date : why_name);
	return add_day(p, civil_days(date.year, date.month, date.day));
}

static bool parse_plain(struct parse *p, struct str rest, unsigned *ret_line)
{
	while (rest.len > 0) {
		++*ret_line;
		if (!plain_line(p, next_line(&rest)))
			return false;
	}
	return true;
}

/*
 * RFC 5545.  Only events in the calendar itself are read; other components, and those inside
 * an event (alarms), are skipped by counting their BEGINs and ENDs.
 */
struct ical {
	bool in_calendar, done;
	bool in_event;
	unsigned skipped; /* depth of components that are skipped */
	bool has_start, has_end, yearly, cancelled;
	struct civil start;
	int64_t end; /* day after the last */
	char line[LINE_MAX_BYTES];
	size_t len;
};

/* The value of a DTSTART or DTEND: eight digits, whatever the parameters say. */
static bool read_value_date(struct parse *p, struct str value, struct civil *ret)
{
	if (value.len != 8)
		return fault(p, why_whole_day);
	return read_date(p, value.p, value.p + 4, value.p + 6, ret);
}

static bool event_start(struct parse *p, struct ical *c, struct str value)
{
	if (c->has_start)
		return fault(p, why_twice);
	c->has_start = true;
	return read_value_date(p, value, &c->start);
}

static bool event_stop(struct parse *p, struct ical *c, struct str value)
{
	struct civil end = {0};

	if (c->has_end)
		return fault(p, why_twice);
	if (!read_value_date(p, value, &end))
		return false;
	c->has_end = true;
	c->end = civil_days(end.year, end.month, end.day);
	return true;
}

static void mark_since(struct holidays *h, int leap_year, int64_t day, int year)
{
	uint16_t *since = &h->since[leap_year][day];

	if (*since > year)
		*since = (uint16_t)year;
}

/*
 * An event every year from `start` on.  Days past the end of a year belong to the next one,
 * where they come from the year before: there it does not matter which year is a leap year.
 */
static void add_yearly(struct holidays *h, const struct civil *start, int64_t days)
{
	for (int leap_year = 0; leap_year < 2; leap_year++) {
		int model = leap_year == 1 ? 2000 : 2001;
		int64_t year_days = 365 + leap_year;
		int64_t first;

		if (!civil_valid_date(model, start->month, start->day))
			continue; /* 29 February: RFC 5545 3.3.10 skips such years */
		first = civil_days(model, start->month, start->day) -
			civil_days(model, 1, 1);
		for (int64_t day = first; day < first + days; day++) {
			if (day < year_days) {
				mark_since(h, leap_year, day, start->year);
				continue;
			}
			mark_since(h, 0, day - year_days, start->year + 1);
			mark_since(h, 1, day - year_days, start->year + 1);
		}
	}
}

static bool event_done(struct parse *p, const struct ical *c)
{
	int64_t first, days;

	if (!c->has_start)
		return fault(p, why_no_start);
	first = civil_days(c->start.year, c->start.month, c->start.day);
	days = c->has_end ? c->end - first : 1;
	if (days < 1)
		return fault(p, why_order);
	if (days > EVENT_DAYS_MAX)
		return fault(p, why_long);
	if (c->cancelled)
		return true;
	if (c->yearly) {
		add_yearly(p->h, &c->start, days);
		return true;
	}
	for (int64_t day = first; day < first + days; day++) {
		if (!add_day(p, day))
			return false;
	}
	return true;
}

static bool ical_begin(struct parse *p, struct ical *c, struct str what)
{
	if (!c->in_calendar) {
		if (!str_equal_fold(what, STR("VCALENDAR")))
			return fault(p, why_calendar);
		c->in_calendar = true;
		return true;
	}
	if (c->skipped > 0 || c->in_event || !str_equal_fold(what, STR("VEVENT"))) {
		c->skipped++;
		return true;
	}
	c->in_event = true;
	c->has_start = c->has_end = c->yearly = c->cancelled = false;
	return true;
}

static bool ical_end(struct parse *p, struct ical *c, struct str what)
{
	if (c->skipped > 0) {
		c->skipped--;
		return true;
	}
	if (c->in_event) {
		if (!str_equal_fold(what, STR("VEVENT")))
			return fault(p, why_nesting);
		c->in_event = false;
		return event_done(p, c);
	}
	if (!str_equal_fold(what, STR("VCALENDAR")))
		return fault(p, why_nesting);
	c->in_calendar = false;
	c->done = true;
	return true;
}

static bool event_property(struct parse *p, struct ical *c, struct str name,
			   struct str value)
{
	/* What would move, add or take away days, and is not understood, must not be lost. */
	static const char *const refused[] = {"RDATE", "EXDATE", "EXRULE", "DURATION",
					      "RECURRENCE-ID"};

	if (str_equal_fold(name, STR("DTSTART")))
		return event_start(p, c, value);
	if (str_equal_fold(name, STR("DTEND")))
		return event_stop(p, c, value);
	if (str_equal_fold(name, STR("RRULE"))) {
		if (!str_equal_fold(value, STR("FREQ=YEARLY")))
			return fault(p, why_rule);
		c->yearly = true;
		return true;
	}
	if (str_equal_fold(name, STR("STATUS"))) {
		c->cancelled = str_equal_fold(value, STR("CANCELLED"));
		return true;
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (str_equal_fold(name, str_of(refused[i])))
			return fault(p, why_other);
	}
	return true;
}

/* Where the value begins: after the first colon outside quotes.  0 = there is none. */
static size_t value_offset(struct str line)
{
	bool quoted = false;

	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] == '"')
			quoted = !quoted;
		else if (line.p[i] == ':' && !quoted)
			return i + 1;
	}
	return 0;
}

/* One unfolded line: name *(";" parameter) ":" value. */
static bool ical_line(struct parse *p, struct ical *c)
{
	struct str line = {c->line, c->len};
	size_t offset = value_offset(line);
	struct str name, value;
	const char *semicolon;

	if (line.len == 0)
		return true;
	if (c->done)
		return fault(p, why_after);
	if (offset < 2)
		return fault(p, why_calendar);
	value = str_trim((struct str){line.p + offset, line.len - offset});
	name = (struct str){line.p, offset - 1};
	semicolon = memchr(name.p, ';', name.len);
	if (semicolon != NULL)
		name.len = (size_t)(semicolon - name.p);

	if (str_equal_fold(name, STR("BEGIN")))
		return ical_begin(p, c, value);
	if (str_equal_fold(name, STR("END")))
		return ical_end(p, c, value);
	if (c->in_event && c->skipped == 0)
		return event_property(p, c, name, value);
	return true;
}

/* Append a physical line to the logical one. */
static bool ical_gather(struct parse *p, struct ical *c, struct str piece)
{
	if (piece.len > sizeof(c->line) - c->len)
		return fault(p, why_line);
	memcpy(c->line + c->len, piece.p, piece.len);
	c->len += piece.len;
	return true;
}

static bool parse_ical(struct parse *p, struct str rest, unsigned *ret_line)
{
	struct ical c = {0};
	unsigned next = 0;

	while (rest.len > 0) {
		struct str line = next_line(&rest);
		unsigned folds = 0;

		/* A fault belongs to the line on which the logical line begins. */
		*ret_line = ++next;
		c.len = 0;
		if (!ical_gather(p, &c, line))
			return false;
		/* Section 3.1: a line that begins with a blank goes on with the one before. */
		while (rest.len > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t')) {
			line = next_line(&rest);
			folds++;
			if (!ical_gather(p, &c, (struct str){line.p + 1, line.len - 1}))
				return false;
		}
		next += folds;
		if (!ical_line(p, &c))
			return false;
	}
	*ret_line = next;
	return c.done ? true : fault(p, why_open);
}

static int by_day(const void *x, const void *y)
{
	int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;

	return a < b ? -1 : a > b;
}

/* An iCalendar file begins with BEGIN:VCALENDAR, after blank lines at most. */
static bool looks_like_ical(struct str rest)
{
	struct str line = STR_NONE;

	while (rest.len > 0 && line.len == 0)
		line = str_trim(next_line(&rest));
	return line.len >= 6 && str_equal_fold((struct str){line.p, 6}, STR("BEGIN:"));
}

int holidays_parse(struct str text, struct holidays **ret, unsigned *ret_line,
		   const char **ret_why)
{
	struct parse p = {.h = calloc(1, sizeof(struct holidays))};
	unsigned line = 0;
	bool fine;

	if (p.h == NULL)
		return -ENOMEM;
	memset(p.h->since, 0xff, sizeof(p.h->since)); /* in no year */
	if (text.len >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		text = (struct str){text.p + 3, text.len - 3}; /* UTF-8 byte order mark */
	if (looks_like_ical(text))
		fine = parse_ical(&p, text, &line);
	else
		fine = parse_plain(&p, text, &line);
	if (!fine) {
		holidays_destroy(p.h);
		if (p.no_memory)
			return -ENOMEM;
		*ret_line = line;
		*ret_why = p.why;
		return -EINVAL;
	}
	if (p.h->count > 1)
		qsort(p.h->days, p.h->count, sizeof(*p.h->days), by_day);
	*ret = p.h;
	return 0;
}

void holidays_destroy(struct holidays *h)
{
	if (h == NULL)
		return;
	free(h->days);
	free(h);
}

bool holidays_has(const struct holidays *h, int year, int month, int day)
{
	int32_t key;
	int64_t of_year;

	if (h == NULL || !civil_valid_date(year, month, day))
		return false;
	key = (int32_t)civil_days(year, month, day);
	of_year = key - civil_days(year, 1, 1);
	if (h->since[leap(year)][of_year] <= year)
		return true;
	return h->count > 0 &&
	       bsearch(&key, h->days, h->count, sizeof(*h->days), by_day) != NULL;
}
