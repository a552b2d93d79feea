/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/*
 * clock - time as microseconds since 1970-01-01 UTC (int64_t), and civil dates.
 *
 * Decisions never read the machine's clock: their time comes with the packet.  Where a
 * program part needs "now" (live runs, file names), it is handed a struct clock, which a
 * test replaces by a counter.  The calendar here is UTC only; zones live in match/zone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock {
	int64_t (*now_us)(void *arg);
	void *arg;
};

extern const struct clock clock_real; /* CLOCK_REALTIME */

struct civil {
	int year;        /* 1..9999 */
	int month;       /* 1..12 */
	int day;         /* 1..31 */
	int hour;        /* 0..23 */
	int minute;      /* 0..59 */
	int second;      /* 0..59 */
	int weekday;     /* 0 = Monday .. 6 = Sunday */
	int microsecond; /* 0..999999 */
};

/* Any int64_t; years outside 1..9999 are clamped. */
struct civil civil_from_us(int64_t us);
int64_t civil_to_us(const struct civil *c); /* weekday is not read */

/* Days since 1970-01-01 of a proleptic Gregorian date. */
int64_t civil_days(int year, int month, int day);
bool civil_valid_date(int year, int month, int day);

#define RFC3339_LEN 27 /* "2026-11-22T02:11:16.123456Z" without NUL */

/* Write RFC 3339 UTC with microseconds (exactly RFC3339_LEN bytes) and a NUL. */
void clock_format_rfc3339(int64_t us, char buf[RFC3339_LEN + 1]);

/* The text of a time, kept to write the next one of the same day faster; starts all zero. */
struct time_text {
	int64_t day_us;
	char text[RFC3339_LEN + 1];
};

void time_text_set(struct time_text *t, int64_t us);

/*
 * Read "2026-11-22T02:11:16[.ffffff](Z|+hh:mm|-hh:mm)" (a space for the T is fine).
 * False when it is anything else; *ret_us is then untouched.
 */
bool clock_parse_rfc3339(const char *s, size_t len, int64_t *ret_us);

#endif /* BASE_CLOCK_H */
