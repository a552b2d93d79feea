/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

#include "base/digits.h"
#include "base/text.h"

#define US_PER_SECOND     INT64_C(1000000)
#define SECONDS_PER_DAY   INT64_C(86400)
#define US_PER_DAY        (SECONDS_PER_DAY * US_PER_SECOND)
#define TIME_TEXT_LAST_US (INT64_C(1) << 57) /* in the year 6537 */

static int64_t real_now(void *arg)
{
	struct timespec ts;

	(void)arg;
	if (clock_gettime(CLOCK_REALTIME, &ts) == -1)
		return 0; /* cannot happen: the clock exists and ts is writable */
	return (int64_t)ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000;
}

const struct clock clock_real = {.now_us = real_now};

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

bool civil_valid_date(int year, int month, int day)
{
	return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= month_days(year, month);
}

/*
 * Years are counted from 1 March, so that the leap day is the last of its year and the days
 * before a month m (0 = March) are (153 m + 2) / 5: the months from March on have 31 30 31
 * 30 31, twice, then 31 and what is left.  400 years (an era) have 146097 days; 1970-01-01 is
 * day 719468 from 0000-03-01.
 */
#define ERA_YEARS  400
#define ERA_DAYS   146097
#define EPOCH_DAYS 719468

int64_t civil_days(int year, int month, int day)
{
	int64_t y = (int64_t)year - (month <= 2 ? 1 : 0);
	int64_t era = (y >= 0 ? y : y - (ERA_YEARS - 1)) / ERA_YEARS;
	int64_t year_of_era = y - era * ERA_YEARS;
	int64_t m = month > 2 ? month - 3 : month + 9;
	int64_t day_of_year = (153 * m + 2) / 5 + day - 1;
	int64_t day_of_era =
		year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

/* `days` since 1970-01-01, not before year 1. */
static void civil_date(int64_t days, struct civil *ret)
{
	int64_t z = days + EPOCH_DAYS; /* >= 0 from year 1 on */
	int64_t era = z / ERA_DAYS;
	int64_t day_of_era = z % ERA_DAYS;
	/* Take out the leap days of the era's 4, 100 and 400 years, then all years have 365. */
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / (ERA_DAYS - 1)) /
			      365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t m = (5 * day_of_year + 2) / 153;

	ret->day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
	ret->month = (int)(m < 10 ? m + 3 : m - 9);
	ret->year = (int)(era * ERA_YEARS + year_of_era + (m >= 10 ? 1 : 0));
	ret->weekday = (int)((days + 719162) % 7); /* 0001-01-01 was a Monday */
}

struct civil civil_from_us(int64_t us)
{
	const int64_t first = civil_days(1, 1, 1) * SECONDS_PER_DAY * US_PER_SECOND;
	const int64_t last =
		civil_days(10000, 1, 1) * SECONDS_PER_DAY * US_PER_SECOND - 1;
	struct civil c;
	int64_t seconds;
	int64_t days;
	int64_t rest;

	if (us < first)
		us = first;
	else if (us > last)
		us = last;

	us -= first; /* from here on nothing is negative: / and % round down */
	seconds = us / US_PER_SECOND;
	days = seconds / SECONDS_PER_DAY;
	rest = seconds % SECONDS_PER_DAY;
	civil_date(days + civil_days(1, 1, 1), &c);
	c.hour = (int)(rest / 3600);
	c.minute = (int)(rest / 60 % 60);
	c.second = (int)(rest % 60);
	c.microsecond = (int)(us % US_PER_SECOND);
	return c;
}

int64_t civil_to_us(const struct civil *c)
{
	int64_t seconds = civil_days(c->year, c->month, c->day) * SECONDS_PER_DAY +
			  (int64_t)c->hour * 3600 + (int64_t)c->minute * 60 + c->second;

	return seconds * US_PER_SECOND + c->microsecond;
}

#define TIME_AT 11 /* in an RFC 3339 text of ours */

/* "hh:mm:ss.ffffff" of a time within a day. */
static void put_time(char *p, int64_t us)
{
	const unsigned seconds = (unsigned)(us / US_PER_SECOND);
	const unsigned micros = (unsigned)(us % US_PER_SECOND);

	p = digits_two(p, seconds / 3600);
	*p++ = ':';
	p = digits_two(p, seconds / 60 % 60);
	*p++ = ':';
	p = digits_two(p, seconds % 60);
	*p++ = '.';
	p = digits_two(p, micros / 10000);
	p = digits_two(p, micros / 100 % 100);
	(void)digits_two(p, micros % 100);
}

void clock_format_rfc3339(int64_t us, char buf[RFC3339_LEN + 1])
{
	const struct civil c = civil_from_us(us);
	char *p = digits_two(buf, (unsigned)c.year / 100);

	p = digits_two(p, (unsigned)c.year % 100);
	*p++ = '-';
	p = digits_two(p, (unsigned)c.month);
	*p++ = '-';
	p = digits_two(p, (unsigned)c.day);
	*p = 'T';
	put_time(buf + TIME_AT, ((int64_t)c.hour * 3600 + (int64_t)c.minute * 60 +
				 c.second) * US_PER_SECOND +
					c.microsecond);
	buf[RFC3339_LEN - 1] = 'Z';
	buf[RFC3339_LEN] = '\0';
}

void time_text_set(struct time_text *t, int64_t us)
{
	if (t->text[0] != '\0' && t->day_us >= 0 && us >= t->day_us &&
	    us - t->day_us < US_PER_DAY) {
		put_time(t->text + TIME_AT, us - t->day_us);
		return;
	}
	clock_format_rfc3339(us, t->text);
	/* A time before 1970, or one that the text clamps, helps no other. */
	t->day_us = us >= 0 && us < TIME_TEXT_LAST_US ? us - us % US_PER_DAY : -1;
}

/* Reading: the first thing that does not fit makes `bad`; the rest then reads as 0. */
struct reader {
	const char *p;
	size_t left;
	bool bad;
};

static char take(struct reader *r)
{
	if (r->left == 0) {
		r->bad = true;
		return '\0';
	}
	r->left--;
	return *r->p++;
}

static void take_char(struct reader *r, char want)
{
	if (take(r) != want)
		r->bad = true;
}

static int take_digits(struct reader *r, int width, int most)
{
	int value = 0;

	for (int i = 0; i < width; i++) {
		char c = take(r);

		if (!ascii_is_digit(c)) {
			r->bad = true;
			return 0;
		}
		value = value * 10 + (c - '0');
	}
	if (value > most)
		r->bad = true;
	return value;
}

/* One to nine digits; what is finer than a microsecond is cut off. */
static int take_fraction(struct reader *r)
{
	int value = 0;
	int digits = 0;

	while (r->left > 0 && ascii_is_digit(*r->p)) {
		char c = take(r);

		if (digits < 6)
			value = value * 10 + (c - '0');
		digits++;
	}
	if (digits == 0 || digits > 9)
		r->bad = true;
	for (int i = digits; i < 6; i++)
		value *= 10;
	return value;
}

/* "Z" or the zone's distance from UTC, in seconds. */
static int take_offset(struct reader *r)
{
	char sign = take(r);
	int hours;
	int minutes;

	if (sign == 'Z')
		return 0;
	if (sign != '+' && sign != '-')
		r->bad = true;
	hours = take_digits(r, 2, 23);
	take_char(r, ':');
	minutes = take_digits(r, 2, 59);
	return (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

bool clock_parse_rfc3339(const char *s, size_t len, int64_t *ret_us)
{
	struct reader r = {.p = s, .left = len};
	struct civil c = {0};
	int64_t us;
	char sep;

	c.year = take_digits(&r, 4, 9999);
	take_char(&r, '-');
	c.month = take_digits(&r, 2, 12);
	take_char(&r, '-');
	c.day = take_digits(&r, 2, 31);
	sep = take(&r);
	c.hour = take_digits(&r, 2, 23);
	take_char(&r, ':');
	c.minute = take_digits(&r, 2, 59);
	take_char(&r, ':');
	c.second = take_digits(&r, 2, 59);
	if (r.left > 0 && *r.p == '.') {
		(void)take(&r);
		c.microsecond = take_fraction(&r);
	}
	us = -(int64_t)take_offset(&r) * US_PER_SECOND;

	if (r.bad || r.left > 0 || (sep != 'T' && sep != ' ') ||
	    !civil_valid_date(c.year, c.month, c.day))
		return false;
	*ret_us = us + civil_to_us(&c);
	return true;
}
