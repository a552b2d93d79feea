/* SPDX-License-Identifier: Apache-2.0 */
#include "match/zone.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define US       INT64_C(1000000)

static int64_t instant_of(const char *text)
{
	int64_t us = 0;

	if (text == NULL || !clock_parse_rfc3339(text, strlen(text), &us))
		fail_msg("'%s' is no time", text == NULL ? "(none)" : text);
	return us;
}

static struct zone *load(const char *name)
{
	struct zone *z = NULL;

	if (zone_load(NULL, name, &z) != 0)
		fail_msg("zone '%s' cannot be loaded: is tzdata installed?", name);
	return z;
}

struct local_row {
	const char *zone, *utc, *local, *abbreviation;
	int offset;
};

static const struct local_row local_rows[] = {
	/* Clocks go back at 03:00 on 25 October 2026 and forward at 02:00 on 29 March. */
	{"Europe/Berlin", "2026-10-25T00:59:59Z", "2026-10-25 02:59:59 6", "CEST", 7200},
	{"Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25 02:00:00 6", "CET", 3600},
	{"Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29 01:59:59 6", "CET", 3600},
	{"Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 03:00:00 6", "CEST", 7200},
	/* Long after the last transition of any file: the footer. */
	{"Europe/Berlin", "2399-07-01T12:00:00Z", "2399-07-01 14:00:00 3", "CEST", 7200},
	{"Europe/Berlin", "2399-01-01T12:00:00Z", "2399-01-01 13:00:00 4", "CET", 3600},
	{"Europe/Berlin", "2100-03-28T00:59:59Z", "2100-03-28 01:59:59 6", "CET", 3600},
	{"Europe/Berlin", "2100-03-28T01:00:00Z", "2100-03-28 03:00:00 6", "CEST", 7200},
	{"Europe/Berlin", "2100-10-31T01:00:00Z", "2100-10-31 02:00:00 6", "CET", 3600},
	{"America/New_York", "2100-03-14T06:59:59Z", "2100-03-14 01:59:59 6", "EST",
	 -18000},
	{"America/New_York", "2100-03-14T07:00:00Z", "2100-03-14 03:00:00 6", "EDT",
	 -14400},
	/* The south: summer time over New Year. */
	{"Australia/Sydney", "2100-01-01T00:00:00Z", "2100-01-01 11:00:00 4", "AEDT",
	 39600},
	{"Australia/Sydney", "2100-07-01T00:00:00Z", "2100-07-01 10:00:00 3", "AEST",
	 36000},
	/* Winter time that is the exception in the file, not summer time. */
	{"Europe/Dublin", "2100-01-15T12:00:00Z", "2100-01-15 12:00:00 4", "GMT", 0},
	{"Europe/Dublin", "2100-07-15T12:00:00Z", "2100-07-15 13:00:00 3", "IST", 3600},
	{"Asia/Kolkata", "2026-11-22T02:11:16Z", "2026-11-22 07:41:16 6", "IST", 19800},
	{"Asia/Kolkata", "2300-11-22T18:30:00Z", "2300-11-23 00:00:00 4", "IST", 19800},
	/* Brazil gave summer time up in 2019. */
	{"America/Sao_Paulo", "2019-01-15T12:00:00Z", "2019-01-15 10:00:00 1", "-02",
	 -7200},
	{"America/Sao_Paulo", "2026-01-15T12:00:00Z", "2026-01-15 09:00:00 3", "-03",
	 -10800},
	/* Samoa went over the date line: 30 December 2011 never was. */
	{"Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29 23:59:59 3", "-10", -36000},
	{"Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31 00:00:00 5", "+14", 50400},
	/* Summer time in steps of half an hour. */
	{"Australia/Lord_Howe", "2100-01-01T00:00:00Z", "2100-01-01 11:00:00 4", "+11",
	 39600},
	{"Australia/Lord_Howe", "2100-07-01T00:00:00Z", "2100-07-01 10:30:00 3", "+1030",
	 37800},
	/* Before the first transition: local mean time. */
	{"Europe/Berlin", "1850-01-01T00:00:00Z", "1850-01-01 00:53:28 1", "LMT", 3208},
	{"UTC", "2026-11-22T02:11:16Z", "2026-11-22 02:11:16 6", "UTC", 0},
};

static void text_of(const struct civil *c, char ret[32])
{
	(void)snprintf(ret, 32, "%04d-%02d-%02d %02d:%02d:%02d %d", c->year % 10000,
		       c->month % 100, c->day % 100, c->hour % 100, c->minute % 100,
		       c->second % 100, c->weekday % 10);
}

static void test_local_time_is_that_of_the_zone(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(local_rows); i++) {
		const struct local_row *r = &local_rows[i];
		struct zone *z = load(r->zone);
		int64_t us = instant_of(r->utc) + 123456;
		struct civil c = zone_local(z, us);
		const char *abbreviation = NULL;
		char text[32];

		text_of(&c, text);
		assert_int_equal(c.microsecond, 123456);
		if (strcmp(text, r->local) != 0)
			fail_msg("%s at %s: %s, not %s", r->zone, r->utc, text, r->local);
		assert_int_equal(zone_offset(z, us, &abbreviation), r->offset);
		assert_string_equal(abbreviation, r->abbreviation);
		assert_int_equal(zone_offset(z, us, NULL), r->offset);
		assert_string_equal(zone_name(z), r->zone);
		zone_destroy(z);
	}
}

static void test_no_zone_is_utc(void **state)
{
	int64_t us = instant_of("2026-11-22T02:11:16Z");
	struct civil c = zone_local(NULL, us);
	const char *abbreviation;
	char text[32];

	(void)state;
	text_of(&c, text);
	assert_string_equal(text, "2026-11-22 02:11:16 6");
	assert_int_equal(zone_offset(NULL, us, &abbreviation), 0);
	assert_string_equal(abbreviation, "UTC");
	assert_string_equal(zone_name(NULL), "UTC");
	assert_int_equal(zone_instant(NULL, &c), us);
	zone_destroy(NULL);
}

struct instant_row {
	const char *zone, *local, *utc;
};

static const struct instant_row instant_rows[] = {
	{"Europe/Berlin", "2026-07-01T12:00:00Z", "2026-07-01T10:00:00Z"},
	/* Twice: the earlier one. */
	{"Europe/Berlin", "2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z"},
	{"Europe/Berlin", "2026-10-25T02:00:00Z", "2026-10-25T00:00:00Z"},
	{"Europe/Berlin", "2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z"},
	{"Europe/Berlin", "2100-10-31T02:30:00Z", "2100-10-31T00:30:00Z"},
	/* Never: by the offset before the jump. */
	{"Europe/Berlin", "2026-03-29T02:30:00Z", "2026-03-29T01:30:00Z"},
	{"Europe/Berlin", "2026-03-29T02:00:00Z", "2026-03-29T01:00:00Z"},
	{"Europe/Berlin", "2026-03-29T03:00:00Z", "2026-03-29T01:00:00Z"},
	{"Europe/Berlin", "2026-03-29T01:59:59Z", "2026-03-29T00:59:59Z"},
	{"Europe/Berlin", "2100-03-28T02:30:00Z", "2100-03-28T01:30:00Z"},
	/* A day that never was, by the clock of the day before. */
	{"Pacific/Apia", "2011-12-30T12:00:00Z", "2011-12-30T22:00:00Z"},
	{"Pacific/Apia", "2011-12-31T00:00:00Z", "2011-12-30T10:00:00Z"},
	{"Asia/Kolkata", "2026-11-22T00:00:00Z", "2026-11-21T18:30:00Z"},
};

static void test_instant_of_a_local_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(instant_rows); i++) {
		const struct instant_row *r = &instant_rows[i];
		struct zone *z = load(r->zone);
		struct civil local = civil_from_us(instant_of(r->local) + 7);

		if (zone_instant(z, &local) != instant_of(r->utc) + 7)
			fail_msg("%s %s is not %s", r->zone, r->local, r->utc);
		zone_destroy(z);
	}
}

static const char *const compared[] = {
	"Africa/Cairo",        "Africa/Casablanca",   "Africa/Johannesburg",
	"America/Caracas",     "America/Chicago",     "America/Havana",
	"America/Los_Angeles", "America/Nuuk",        "America/Phoenix",
	"America/Santiago",    "America/Sao_Paulo",   "America/St_Johns",
	"Antarctica/Troll",    "Asia/Gaza",           "Asia/Jerusalem",
	"Asia/Kathmandu",      "Asia/Kolkata",        "Asia/Pyongyang",
	"Asia/Shanghai",       "Asia/Tehran",         "Asia/Tokyo",
	"Atlantic/Azores",     "Australia/Lord_Howe", "Australia/Sydney",
	"Etc/GMT+12",          "Europe/Berlin",       "Europe/Chisinau",
	"Europe/Dublin",       "Europe/Istanbul",     "Europe/London",
	"Europe/Moscow",       "Pacific/Apia",        "Pacific/Auckland",
	"Pacific/Chatham",     "Pacific/Kiritimati",  "UTC",
};

static void compare_at(const struct zone *z, int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	struct civil c = zone_local(z, seconds * US);
	const char *abbreviation;
	int offset = zone_offset(z, seconds * US, &abbreviation);

	assert_non_null(localtime_r(&t, &tm));
	if (tm.tm_year + 1900 != c.year || tm.tm_mon + 1 != c.month ||
	    tm.tm_mday != c.day || tm.tm_hour != c.hour || tm.tm_min != c.minute ||
	    tm.tm_sec != c.second || (tm.tm_wday + 6) % 7 != c.weekday ||
	    tm.tm_gmtoff != offset || strcmp(tm.tm_zone, abbreviation) != 0)
		fail_msg("%s at %lld: offset %d %s, the C library has %ld %s",
			 zone_name(z), (long long)seconds, offset, abbreviation,
			 tm.tm_gmtoff, tm.tm_zone);
}

static void test_agrees_with_the_c_library(void **state)
{
	const int64_t from = instant_of("1840-01-01T00:00:00Z") / US;
	const int64_t to = instant_of("2600-01-01T00:00:00Z") / US;

	(void)state;
	for (size_t i = 0; i < COUNT(compared); i++) {
		struct zone *z = load(compared[i]);
		int last = zone_offset(z, from * US, NULL);

		/* The test has one thread. */
		// NOLINTNEXTLINE(concurrency-mt-unsafe)
		assert_int_equal(setenv("TZ", compared[i], 1), 0);
		tzset();
		for (int64_t t = from; t < to; t += 6 * 86400 + 12345) {
			int now = zone_offset(z, t * US, NULL);
			int64_t low = t - (6 * 86400 + 12345), high = t;

			compare_at(z, t);
			/* Where the offset changed, its very seconds as well. */
			while (now != last && high - low > 1) {
				int64_t middle = low + (high - low) / 2;

				if (zone_offset(z, middle * US, NULL) == last)
					low = middle;
				else
					high = middle;
			}
			if (now != last) {
				compare_at(z, low);
				compare_at(z, high);
			}
			last = now;
		}
		zone_destroy(z);
	}
}

static void test_every_local_time_leads_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(compared); i++) {
		struct zone *z = load(compared[i]);

		for (int64_t t = -INT64_C(4000000000); t < INT64_C(8000000000);
		     t += 1234567) {
			struct civil c = zone_local(z, t * US + 5);
			int64_t back = zone_instant(z, &c);
			struct civil again = zone_local(z, back);

			/* The same wall clock, and never later than the instant asked for. */
			assert_true(back <= t * US + 5);
			assert_int_equal(civil_to_us(&again), civil_to_us(&c));
		}
		zone_destroy(z);
	}
}

static void test_ends_of_time_are_harmless(void **state)
{
	static const int64_t instants[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX - 1,
					   INT64_MAX};
	struct zone *z = load("Europe/Berlin");

	(void)state;
	for (size_t i = 0; i < COUNT(instants); i++) {
		struct civil c = zone_local(z, instants[i]);
		int offset = zone_offset(z, instants[i], NULL);

		assert_true(c.year >= 1 && c.year <= 9999);
		assert_true(offset == 3208 || offset == 3600 || offset == 7200);
		(void)zone_instant(z, &c);
	}
	zone_destroy(z);
}

struct name_row {
	const char *name;
	int want;
};

static const struct name_row name_rows[] = {
	{"Europe/Berlin", 0},
	{"Etc/GMT+5", 0},
	{"", -EINVAL},
	{"/etc/passwd", -EINVAL},
	{"../../etc/passwd", -EINVAL},
	{"Europe/../UTC", -EINVAL},
	{"..", -EINVAL},
	{".", -EINVAL},
	{"Europe/", -EINVAL},
	{"Europe//Berlin", -EINVAL},
	{"Europe/Ber lin", -EINVAL},
	{"Europe/Berlin\n", -EINVAL},
	{"tzdata.zi", -EINVAL},
	{"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg", -EINVAL},
	{"Europe/Nowhere", -ENOENT},
	{"Europe", -ENOENT},
	{"UTC/x", -ENOENT},
	{"right/UTC", -EBADMSG}, /* leap seconds; -ENOENT where tzdata has none */
};

static void test_names_are_checked_before_any_file_is_opened(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(name_rows); i++) {
		struct zone *z = NULL;
		int rc = zone_load(NULL, name_rows[i].name, &z);

		if (name_rows[i].want == -EBADMSG && rc == -ENOENT)
			continue;
		if (rc != name_rows[i].want)
			fail_msg("'%s': %d, not %d", name_rows[i].name, rc,
				 name_rows[i].want);
		assert_true((z != NULL) == (rc == 0));
		zone_destroy(z);
	}
}

static void test_files_come_from_the_given_folder(void **state)
{
	struct zone *z = NULL;

	(void)state;
	assert_int_equal(zone_load("/usr/share/zoneinfo/Europe", "Berlin", &z), 0);
	assert_string_equal(zone_name(z), "Berlin");
	zone_destroy(z);
	assert_int_equal(zone_load("tests/unit/match", "UTC", &z), -ENOENT);
	assert_int_equal(zone_load("/etc", "passwd", &z), -EBADMSG);
}

/* A version 2+ file with no transitions, one type, and `footer` between its newlines. */
static size_t file_with_footer(const char *footer, uint8_t buf[256])
{
	static const uint8_t block[] = {
		'T', 'Z', 'i', 'f', '3', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,   0,   0,   0,
		0,   0,   0,   0,   0,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0,   0,   0,   0,
		0,   0,   0,   1,   0,   0, 0, 4, 0, 0, 0, 0, 0, 0, 'L', 'M', 'T', 0,
	};
	size_t len = 0;

	memcpy(buf, block, sizeof(block));
	len += sizeof(block);
	memcpy(buf + len, block, sizeof(block));
	len += sizeof(block);
	return len + (size_t)snprintf((char *)buf + len, 256 - len, "\n%s\n", footer);
}

struct footer_row {
	const char *footer;
	const char *utc; /* NULL: not a TZ string */
	int offset;
	const char *abbreviation;
};

static const struct footer_row footer_rows[] = {
	{"", "2026-01-01T00:00:00Z", 0, "LMT"},
	{"UTC0", "2026-01-01T00:00:00Z", 0, "UTC"},
	{"EST5", "2026-07-01T00:00:00Z", -18000, "EST"},
	{"<+0530>-5:30", "2026-01-01T00:00:00Z", 19800, "+0530"},
	{"<-1234>12:34:56", "2026-01-01T00:00:00Z", -45296, "-1234"},
	{"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 3600, "CET"},
	{"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 7200, "CEST"},
	{"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", 7200, "CEST"},
	{"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 3600, "CET"},
	/* J60 is 1 March in every year, day 59 from 0 is 29 February in leap years. */
	{"AAA0BBB,J60/0,J61/0", "2024-02-29T12:00:00Z", 0, "AAA"},
	{"AAA0BBB,J60/0,J61/0", "2024-03-01T12:00:00Z", 3600, "BBB"},
	{"AAA0BBB,J60/0,J61/0", "2025-03-01T12:00:00Z", 3600, "BBB"},
	{"AAA0BBB,59/0,60/0", "2024-02-29T12:00:00Z", 3600, "BBB"},
	{"AAA0BBB,59/0,60/0", "2024-03-01T12:00:00Z", 0, "AAA"},
	{"AAA0BBB,59/0,60/0", "2025-03-01T12:00:00Z", 3600, "BBB"},
	/* Times of change below zero and over a day: Godthab and Gaza have had them. */
	{"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -7200, "-02"},
	{"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -3600, "-01"},
	{"EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-27T23:59:59Z", 7200, "EET"},
	{"EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-28T00:00:00Z", 10800, "EEST"},
	{"AAA0BBB,0/-167,J1/167", "2025-12-25T01:00:00Z", 3600, "BBB"},
	{"AAA0BBB,0/-167,J1/167", "2026-01-07T21:59:59Z", 3600, "BBB"},
	{"AAA0BBB,0/-167,J1/167", "2026-01-07T22:00:00Z", 0, "AAA"},
	/* Summer time all year round, RFC 8536 3.3.1. */
	{"EST5EDT,0/0,J365/25", "2026-01-01T04:59:59Z", -14400, "EDT"},
	{"EST5EDT,0/0,J365/25", "2026-01-01T05:00:00Z", -14400, "EDT"},
	{"EST5EDT,0/0,J365/25", "2026-07-01T00:00:00Z", -14400, "EDT"},
	/* The end of one year comes after the begin of the next. */
	{"EST5EDT,0/0,J365/90", "1970-01-01T00:00:00Z", -18000, "EST"},
	{"EST5EDT,0/0,J365/90", "1970-01-01T05:00:00Z", -14400, "EDT"},
	{"EST5EDT,0/0,J365/90", "1970-01-03T22:00:00Z", -18000, "EST"},
	{"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01T00:00:00Z", 0, "GMT"},
	{"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01T00:00:00Z", 3600, "IST"},
	{"E5", NULL, 0, NULL},
	{"EST", NULL, 0, NULL},
	{"EST5EDT", NULL, 0, NULL}, /* when are the changes? */
	{"EST5EDT,M3.2.0", NULL, 0, NULL},
	{"EST25", NULL, 0, NULL},
	{"EST5:60", NULL, 0, NULL},
	{"EST5EDT,M13.2.0,M11.1.0", NULL, 0, NULL},
	{"EST5EDT,M3.6.0,M11.1.0", NULL, 0, NULL},
	{"EST5EDT,M3.2.7,M11.1.0", NULL, 0, NULL},
	{"EST5EDT,J0,J365", NULL, 0, NULL},
	{"EST5EDT,J1,366", NULL, 0, NULL},
	{"EST5EDT,M3.2.0/168,M11.1.0", NULL, 0, NULL},
	{"EST5EDT,M3.2.0,M11.1.0x", NULL, 0, NULL},
	{"<+05", NULL, 0, NULL},
	{"<+0123456789012345>0", NULL, 0, NULL},
	{"EST99999999999", NULL, 0, NULL},
	{"EST5EDT,M3.2.0,M11.1.0,", NULL, 0, NULL},
};

static void test_footer_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(footer_rows); i++) {
		const struct footer_row *r = &footer_rows[i];
		const char *abbreviation;
		uint8_t buf[256];
		size_t len = file_with_footer(r->footer, buf);
		struct zone *z = NULL;
		int rc = zone_parse("Test/Footer", buf, len, &z);

		if (rc != (r->utc == NULL ? -EBADMSG : 0))
			fail_msg("'%s': %d", r->footer, rc);
		if (rc != 0)
			continue;
		rc = zone_offset(z, instant_of(r->utc), &abbreviation);
		if (rc != r->offset || strcmp(abbreviation, r->abbreviation) != 0)
			fail_msg("'%s' at %s: %d %s", r->footer, r->utc, rc,
				 abbreviation);
		zone_destroy(z);
	}
}

static void test_truncated_files_are_refused(void **state)
{
	char *data;
	size_t len;
	struct zone *z = NULL;

	(void)state;
	assert_int_equal(
		file_read("/usr/share/zoneinfo/Europe/Berlin", 65536, &data, &len), 0);
	for (size_t n = 0; n < len; n++) {
		/* A copy of its own, so that a sanitizer sees the first byte past the end. */
		uint8_t *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, data, n);
		copy = realloc(copy, n == 0 ? 1 : n);
		assert_non_null(copy);
		assert_int_equal(zone_parse("Europe/Berlin", copy, n, &z), -EBADMSG);
		free(copy);
	}
	assert_int_equal(zone_parse("Europe/Berlin", (uint8_t *)data, len, &z), 0);
	zone_destroy(z);
	free(data);
}

struct damage_row {
	size_t at;
	uint8_t value;
	const char *what;
};

/* Offsets into file_with_footer("UTC0"); the second header begins at 54. */
static const struct damage_row damage_rows[] = {
	{0, 't', "magic"},
	{4, '1', "version"},
	{54, 't', "second magic"},
	{54 + 23, 2, "isutcnt that is not typecnt"},
	{54 + 27, 2, "isstdcnt that is not typecnt"},
	{54 + 31, 1, "leap seconds"},
	{54 + 32, 1, "too many transitions"},
	{54 + 39, 0, "no type"},
	{54 + 38, 2, "too many types"},
	{54 + 43, 0, "no abbreviations"},
	{54 + 42, 255, "too many abbreviations"},
	{54 + 44, 0x80, "offset out of range"},
	{54 + 48, 2, "flag that is no flag"},
	{54 + 49, 4, "abbreviation out of bounds"},
	{54 + 50, '\x1b', "control byte in an abbreviation"},
	{54 + 53, 'x', "abbreviation without end"},
	{108, 'x', "footer without its first newline"},
};

static void test_damaged_files_are_refused(void **state)
{
	struct zone *z = NULL;
	uint8_t buf[256];
	size_t len = file_with_footer("UTC0", buf);

	(void)state;
	assert_int_equal(zone_parse("Test/Fine", buf, len, &z), 0);
	zone_destroy(z);
	for (size_t i = 0; i < COUNT(damage_rows); i++) {
		const struct damage_row *r = &damage_rows[i];

		(void)file_with_footer("UTC0", buf);
		buf[r->at] = r->value;
		if (zone_parse("Test/Damaged", buf, len, &z) != -EBADMSG)
			fail_msg("%s is accepted", r->what);
	}
	(void)file_with_footer("UTC0", buf);
	assert_int_equal(zone_parse("../x", buf, len, &z), -EINVAL);
}

/* Version 1: the first block alone, 4-byte times, no footer. */
static void test_version_1_ends_with_its_last_type(void **state)
{
	static const uint8_t file[] = {'T', 'Z', 'i', 'f', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				       0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 8,
				       /* times -1 and 1000, types 1 and 0 */
				       0xff, 0xff, 0xff, 0xff, 0, 0, 0x03, 0xe8, 1, 0,
				       /* types: 0 AAA, +3600 BBB */
				       0, 0, 0, 0, 0, 0, 0, 0, 0x0e, 0x10, 1, 4, 'A', 'A',
				       'A', 0, 'B', 'B', 'B', 0};
	uint8_t unsorted[sizeof(file)];
	struct zone *z = NULL;

	(void)state;
	assert_int_equal(zone_parse("Test/One", file, sizeof(file), &z), 0);
	assert_int_equal(zone_offset(z, -2 * US, NULL), 0);
	assert_int_equal(zone_offset(z, -1 * US - 1, NULL), 0);
	assert_int_equal(zone_offset(z, -1 * US, NULL), 3600);
	assert_int_equal(zone_offset(z, 1000 * US - 1, NULL), 3600);
	assert_int_equal(zone_offset(z, 1000 * US, NULL), 0);
	assert_int_equal(zone_offset(z, INT64_MAX, NULL), 0);
	zone_destroy(z);

	memcpy(unsorted, file, sizeof(file));
	unsorted[44] = 0x7f; /* the first time is now after the second */
	assert_int_equal(zone_parse("Test/One", unsorted, sizeof(unsorted), &z),
			 -EBADMSG);
	memcpy(unsorted, file, sizeof(file));
	unsorted[52] = 2; /* there is no type 2 */
	assert_int_equal(zone_parse("Test/One", unsorted, sizeof(unsorted), &z),
			 -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_local_time_is_that_of_the_zone),
		cmocka_unit_test(test_no_zone_is_utc),
		cmocka_unit_test(test_instant_of_a_local_time),
		cmocka_unit_test(test_agrees_with_the_c_library),
		cmocka_unit_test(test_every_local_time_leads_back),
		cmocka_unit_test(test_ends_of_time_are_harmless),
		cmocka_unit_test(test_names_are_checked_before_any_file_is_opened),
		cmocka_unit_test(test_files_come_from_the_given_folder),
		cmocka_unit_test(test_footer_strings),
		cmocka_unit_test(test_truncated_files_are_refused),
		cmocka_unit_test(test_damaged_files_are_refused),
		cmocka_unit_test(test_version_1_ends_with_its_last_type),
	};

	return cmocka_run_group_tests_name("match/zone", tests, NULL, NULL);
}
