/* SPDX-License-Identifier: Apache-2.0 */
#include "match/tzrule.h"

#include <stddef.h>

#include "base/clock.h"

#define DAY_SECONDS  86400
#define HOUR_SECONDS 3600
#define US           1000000

/* Bounds in hours, RFC 8536 3.3.1. */
#define OFFSET_HOURS_MAX 24
#define CHANGE_HOURS_MAX 167

/*
 * Years to look at on both sides: a change can lie a week before or after its year, so both
 * of a year's changes can be over, or still to come, when the year begins or ends.
 */
#define AROUND 2

/* Reads from the front of what is left; `bad` is sticky, as in base/cursor. */
struct reader {
	struct str left;
	bool bad;
};

static char peek(const struct reader *r)
{
	return r->bad || r->left.len == 0 ? '\0' : r->left.p[0];
}

static char take(struct reader *r)
{
	char c = peek(r);

	if (c == '\0') {
		r->bad = true;
		return c;
	}
	r->left.p++;
	r->left.len--;
	return c;
}

static bool accept(struct reader *r, char c)
{
	if (peek(r) != c)
		return false;
	(void)take(r);
	return true;
}

static void expect(struct reader *r, char c)
{
	if (!accept(r, c))
		r->bad = true;
}

static int read_number(struct reader *r, int min, int max)
{
	int n = 0;

	if (!ascii_is_digit(peek(r)))
		r->bad = true;
	while (ascii_is_digit(peek(r)) && !r->bad) {
		n = n * 10 + (take(r) - '0');
		if (n > max)
			r->bad = true;
	}
	if (n < min)
		r->bad = true;
	return n;
}

/* [+-]hh[:mm[:ss]] */
static int32_t read_time(struct reader *r, int hours_max)
{
	int sign = 1;
	int seconds;

	if (accept(r, '-'))
		sign = -1;
	else
		(void)accept(r, '+');
	seconds = read_number(r, 0, hours_max) * HOUR_SECONDS;
	if (accept(r, ':')) {
		seconds += read_number(r, 0, 59) * 60;
		if (accept(r, ':'))
			seconds += read_number(r, 0, 59);
	}
	return sign * seconds;
}

/* Three letters or more, or anything of letters, digits and signs in <>. */
static void read_name(struct reader *r, char name[TZ_NAME_MAX + 1])
{
	bool quoted = accept(r, '<');
	size_t len = 0;

	for (;;) {
		char c = peek(r);

		if (!ascii_is_alpha(c) &&
		    !(quoted && (ascii_is_digit(c) || c == '+' || c == '-')))
			break;
		if (len == TZ_NAME_MAX) {
			r->bad = true;
			break;
		}
		name[len++] = take(r);
	}
	name[len] = '\0';
	if (quoted)
		expect(r, '>');
	if (len < 3)
		r->bad = true;
}

static struct tz_change read_change(struct reader *r)
{
	struct tz_change c = {.form = TZ_DAY_OF_YEAR, .seconds = 2 * HOUR_SECONDS};

	if (accept(r, 'M')) {
		c.form = TZ_DAY_OF_MONTH;
		c.month = read_number(r, 1, 12);
		expect(r, '.');
		c.week = read_number(r, 1, 5);
		expect(r, '.');
		c.day = read_number(r, 0, 6);
	} else if (accept(r, 'J')) {
		c.form = TZ_DAY_JULIAN;
		c.day = read_number(r, 1, 365);
	} else {
		c.day = read_number(r, 0, 365);
	}
	if (accept(r, '/'))
		c.seconds = read_time(r, CHANGE_HOURS_MAX);
	return c;
}

bool tzrule_parse(struct str text, struct tzrule *ret)
{
	struct reader r = {.left = text};

	*ret = (struct tzrule){0};
	/* POSIX counts offsets west of UTC. */
	read_name(&r, ret->standard.name);
	ret->standard.seconds = -read_time(&r, OFFSET_HOURS_MAX);
	if (r.bad || r.left.len == 0)
		return !r.bad;

	ret->has_daylight = true;
	read_name(&r, ret->daylight.name);
	ret->daylight.seconds = ret->standard.seconds + HOUR_SECONDS;
	if (peek(&r) != ',')
		ret->daylight.seconds = -read_time(&r, OFFSET_HOURS_MAX);
	expect(&r, ',');
	ret->begin = read_change(&r);
	expect(&r, ',');
	ret->end = read_change(&r);
	return !r.bad && r.left.len == 0;
}

static bool is_leap(int year)
{
	return civil_valid_date(year, 2, 29);
}

/* Days since the epoch of the change's day in `year`. */
static int64_t change_day(const struct tz_change *c, int year)
{
	int64_t first;
	int64_t day;
	int64_t next_month;

	switch (c->form) {
	case TZ_DAY_JULIAN:
		return civil_days(year, 1, 1) + c->day - 1 +
		       (c->day >= 60 && is_leap(year));
	case TZ_DAY_OF_YEAR:
		return civil_days(year, 1, 1) + c->day;
	case TZ_DAY_OF_MONTH:
		break;
	}
	first = civil_days(year, c->month, 1);
	next_month = c->month == 12 ? civil_days(year + 1, 1, 1)
				    : civil_days(year, c->month + 1, 1);
	/* 1970-01-01 was a Thursday (4), and `first` may be before it. */
	day = first + (c->day - ((first + 4) % 7 + 7) % 7 + 7) % 7;
	day += (int64_t)(c->week - 1) * 7;
	while (day >= next_month)
		day -= 7;
	return day;
}

/* Year of `seconds`, kept where the years around it exist. */
static int year_of(int64_t seconds)
{
	int64_t us;
	int year;

	if (__builtin_mul_overflow(seconds, (int64_t)US, &us))
		us = seconds < 0 ? INT64_MIN : INT64_MAX;
	year = civil_from_us(us).year;
	if (year < 1 + AROUND)
		return 1 + AROUND;
	return year > 9999 - AROUND ? 9999 - AROUND : year;
}

const struct tz_offset *tzrule_at(const struct tzrule *r, int64_t seconds,
				  int64_t *ret_from, int64_t *ret_until)
{
	const struct tz_offset *in_force = NULL;
	const struct tz_offset *before = &r->standard;
	int64_t before_all = INT64_MAX;
	int year;

	*ret_from = INT64_MIN;
	*ret_until = INT64_MAX;
	if (!r->has_daylight)
		return &r->standard;

	year = year_of(seconds);
	for (int y = year - AROUND; y <= year + AROUND; y++) {
		int64_t begin = change_day(&r->begin, y) * DAY_SECONDS +
				r->begin.seconds - r->standard.seconds;
		int64_t end = change_day(&r->end, y) * DAY_SECONDS + r->end.seconds -
			      r->daylight.seconds;

		/*
		 * Where one year's end is the next one's begin, daylight saving time goes
		 * on (RFC 8536 3.3.1): of equal instants the begin counts.
		 */
		if (end <= seconds && end > *ret_from) {
			*ret_from = end;
			in_force = &r->standard;
		}
		if (begin <= seconds && begin >= *ret_from) {
			*ret_from = begin;
			in_force = &r->daylight;
		}
		if (begin > seconds && begin < *ret_until)
			*ret_until = begin;
		if (end > seconds && end < *ret_until)
			*ret_until = end;
		if (begin < before_all) {
			before_all = begin;
			before = &r->standard;
		}
		if (end < before_all) {
			before_all = end;
			before = &r->daylight;
		}
	}
	/* Only at the ends of time is no change of these years at or before `seconds`. */
	return in_force == NULL ? before : in_force;
}
