/* SPDX-License-Identifier: Apache-2.0 */
#include "match/calendar.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "match/zone.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct hours hours_of(const char *text)
{
	struct hours h;
	size_t at, len;
	const char *why;

	if (!hours_parse(str_of(text), &h, &at, &len, &why))
		fail_msg("'%s': %s", text, why);
	return h;
}

struct format_row {
	const char *text, *canonical;
};

static const struct format_row format_rows[] = {
	{"always", "always"},
	{"  Never ", "never"},
	{"daily 00:00-24:00", "always"},
	{"mon-sun 00:00-00:00, tue 01:00-02:00", NULL},
	{"mon-fri 07:00-19:00, sat 08:00-12:00", "mon-fri 07:00-19:00, sat 08:00-12:00"},
	{"sat 08:00-12:00,\tMON-Fri   07:00-19:00",
	 "mon-fri 07:00-19:00, sat 08:00-12:00"},
	{"mon-sun 08:00-20:00", "daily 08:00-20:00"},
	{"tue-mon 08:00-20:00", "daily 08:00-20:00"},
	{"sat-mon 08:00-20:00", "sat-mon 08:00-20:00"},
	{"sun-mon 08:00-20:00", "sun-mon 08:00-20:00"},
	{"fri-fri 08:00-20:00", "fri 08:00-20:00"},
	{"daily 22:00-06:00", "daily 22:00-06:00"},
	{"fri 22:00-24:00", "fri 22:00-24:00"},
	{"fri 22:00-00:00", "fri 22:00-24:00"},
	{"mon 08:00-12:00, wed 08:00-12:00, fri 08:00-12:00",
	 "mon 08:00-12:00, wed 08:00-12:00, fri 08:00-12:00"},
	{"wed 08:00-12:00, tue 08:00-12:00, mon 08:00-12:00", "mon-wed 08:00-12:00"},
	{"mon-fri 13:00-17:00, mon-fri 08:00-12:00",
	 "mon-fri 08:00-12:00, mon-fri 13:00-17:00"},
	{"sun 08:00-12:00, mon 08:00-12:00, tue 08:00-12:00, thu 08:00-12:00",
	 "thu 08:00-12:00, sun-tue 08:00-12:00"},
};

static void test_canonical_text_parses_to_the_same_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(format_rows); i++) {
		const struct format_row *r = &format_rows[i];
		struct hours h, again;
		char text[HOURS_TEXT_MAX];
		size_t at, len;
		const char *why;

		if (r->canonical == NULL) {
			assert_false(hours_parse(str_of(r->text), &h, &at, &len, &why));
			continue;
		}
		h = hours_of(r->text);
		hours_format(&h, text, sizeof(text));
		assert_string_equal(text, r->canonical);
		again = hours_of(text);
		assert_int_equal(again.count, h.count);
		for (size_t s = 0; s < h.count; s++) {
			assert_int_equal(again.spans[s].days, h.spans[s].days);
			assert_int_equal(again.spans[s].from, h.spans[s].from);
			assert_int_equal(again.spans[s].to, h.spans[s].to);
		}
	}
}

static void test_text_is_cut_to_the_given_size(void **state)
{
	struct hours h = hours_of("mon-fri 07:00-19:00");
	char text[8] = "xxxxxxx";

	(void)state;
	hours_format(&h, text, 0);
	assert_string_equal(text, "xxxxxxx");
	hours_format(&h, text, 1);
	assert_string_equal(text, "");
	hours_format(&h, text, sizeof(text));
	assert_string_equal(text, "mon-fri");
}

static void test_longest_text_fits(void **state)
{
	struct hours h = {.count = HOURS_SPANS_MAX};
	struct hours again;
	char text[HOURS_TEXT_MAX], twice[HOURS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < HOURS_SPANS_MAX; i++) {
		h.spans[i].days = 0x15; /* mon, wed, fri: three items, the most */
		h.spans[i].from = (uint16_t)(60 * i);
		h.spans[i].to = (uint16_t)(60 * i + 30);
	}
	hours_format(&h, text, sizeof(text));
	assert_true(strlen(text) < sizeof(text) - 1);
	again = hours_of(text);
	hours_format(&again, twice, sizeof(twice));
	assert_string_equal(text, twice);
}

struct fault_row {
	const char *text;
	size_t at, len;
	const char *why;
};

static const struct fault_row fault_rows[] = {
	{"", 0, 0, "no hours: write them as mon-fri 07:00-19:00, or always, or never"},
	{"  ", 0, 2, "no hours: write them as mon-fri 07:00-19:00, or always, or never"},
	{"mon-fry 07:00-19:00", 4, 3,
	 "not a day: write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, or daily"},
	{"monday 07:00-19:00", 0, 6,
	 "not a day: write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, or daily"},
	{"mon- 07:00-19:00", 0, 4,
	 "not a day: write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, or daily"},
	{"daily-fri 07:00-19:00", 0, 5,
	 "not a day: write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, or daily"},
	{"07:00-19:00", 0, 11,
	 "no day before the time: write daily 07:00-19:00 or mon-fri 07:00-19:00"},
	{"mon", 0, 3,
	 "no time after the day: write mon-fri 07:00-19:00 (each day or range with its own)"},
	{"mon, wed 07:00-19:00", 0, 3,
	 "no time after the day: write mon-fri 07:00-19:00 (each day or range with its own)"},
	{"mon 07:00", 4, 5, "not a span of time: write it as 07:00-19:00"},
	{"mon 07:00 - 19:00", 4, 5, "not a span of time: write it as 07:00-19:00"},
	{"mon 07:00-", 4, 6, "not a span of time: write it as 07:00-19:00"},
	{"mon 7:00-19:00", 4, 4,
	 "not a time: write two digits, a colon and two digits, such as 07:00"},
	{"mon 07.00-19:00", 4, 5,
	 "not a time: write two digits, a colon and two digits, such as 07:00"},
	{"mon 07:00-7pm", 10, 3,
	 "not a time: write two digits, a colon and two digits, such as 07:00"},
	{"mon 07:00-24:01", 10, 5, "past the end of a day: write 00:00 to 24:00"},
	{"mon 25:00-26:00", 4, 5, "past the end of a day: write 00:00 to 24:00"},
	{"mon 07:60-19:00", 4, 5, "more than 59 minutes: write 00 to 59 after the colon"},
	{"mon 24:00-06:00", 4, 5,
	 "no span begins at 24:00: write the next day and 00:00"},
	{"mon 07:00-07:00", 4, 11,
	 "begins and ends at one time: write 00:00-24:00 for a whole day"},
	{"mon 07:00-19:00 sat 08:00-12:00", 16, 3,
	 "no comma before it: write mon-fri 07:00-19:00, sat 08:00-12:00"},
	{"mon 07:00-19:00; sat 08:00-12:00", 10, 6,
	 "not a time: write two digits, a colon and two digits, such as 07:00"},
	{"mon 07:00-19:00,", 15, 1, "comma without hours on both sides: take it away"},
	{"mon 07:00-19:00, ", 15, 1, "comma without hours on both sides: take it away"},
	{",mon 07:00-19:00", 0, 1, "comma without hours on both sides: take it away"},
	{"mon 07:00-19:00,, sat 08:00-12:00", 16, 1,
	 "comma without hours on both sides: take it away"},
	{"mon 07:00-19:00, never", 17, 5,
	 "always and never stand alone: write one of them, or days and times"},
	{"always, mon 07:00-19:00", 0, 6,
	 "always and never stand alone: write one of them, or days and times"},
};

static void test_faults_are_underlined_with_a_remedy(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fault_rows); i++) {
		const struct fault_row *r = &fault_rows[i];
		struct hours h = {.count = 99};
		size_t at = 999, len = 999;
		const char *why = NULL;

		if (hours_parse(str_of(r->text), &h, &at, &len, &why))
			fail_msg("'%s' is accepted", r->text);
		assert_string_equal(why, r->why);
		if (at != r->at || len != r->len)
			fail_msg("'%s': underlined %zu+%zu, not %zu+%zu", r->text, at,
				 len, r->at, r->len);
		assert_int_equal(h.count, 99); /* untouched */
	}
}

static void test_one_span_too_many_is_refused(void **state)
{
	char text[HOURS_TEXT_MAX];
	size_t used = 0, at, len;
	struct hours h;
	const char *why;

	(void)state;
	for (int i = 0; i <= HOURS_SPANS_MAX; i++) {
		size_t begin = used == 0 ? 0 : used + 2;

		if (i == HOURS_SPANS_MAX) /* sixteen are fine */
			assert_true(hours_parse((struct str){text, used}, &h, &at, &len,
						&why));
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%smon %02d:00-%02d:30", i == 0 ? "" : ", ", i,
					 i);
		if (i < HOURS_SPANS_MAX)
			continue;
		assert_false(hours_parse((struct str){text, used}, &h, &at, &len, &why));
		assert_int_equal(at, begin);
		assert_int_equal(len, strlen("mon 16:00-16:30"));
		assert_string_equal(why,
				    "more than 16 spans: write days that have the same "
				    "times as one range");
	}
}

static const char holidays_text[] = "# Public holidays in Bavaria\n"
				    "2026-12-25 Erster Weihnachtstag\n"
				    "\r\n"
				    "  2026-12-26\tZweiter Weihnachtstag\r\n"
				    "2027-01-01";

struct open_row {
	const char *hours, *utc;
	bool want;
};

/* In Europe/Berlin: UTC+1, from 29 March to 25 October 2026 UTC+2. */
static const struct open_row open_rows[] = {
	{"mon-fri 07:00-19:00", "2026-11-23T06:00:00Z", true}, /* a Monday, 07:00 */
	{"mon-fri 07:00-19:00", "2026-11-23T05:59:59.999999Z", false},
	{"mon-fri 07:00-19:00", "2026-11-23T17:59:59.999999Z", true},
	{"mon-fri 07:00-19:00", "2026-11-23T18:00:00Z", false},
	{"mon-fri 07:00-19:00", "2026-11-22T12:00:00Z", false}, /* Sunday */
	{"mon-fri 07:00-19:00, sat 08:00-12:00", "2026-11-21T10:59:00Z", true},
	{"mon-fri 07:00-19:00, sat 08:00-12:00", "2026-11-21T11:00:00Z", false},
	{"never", "2026-11-23T12:00:00Z", false},
	{"always", "2026-11-22T02:00:00Z", true},
	{"always", "2026-11-22T23:00:00Z", true}, /* midnight */
	/* Local midnight decides the day, not that of UTC. */
	{"mon 00:00-24:00", "2026-11-22T22:59:59Z", false},
	{"mon 00:00-24:00", "2026-11-22T23:00:00Z", true},
	{"mon 00:00-24:00", "2026-11-23T23:00:00Z", false},
	/* Over midnight: belongs to the day on which it begins. */
	{"fri 22:00-06:00", "2026-11-20T21:00:00Z", true},  /* Friday 22:00 */
	{"fri 22:00-06:00", "2026-11-21T04:59:59Z", true},  /* Saturday 05:59:59 */
	{"fri 22:00-06:00", "2026-11-21T05:00:00Z", false}, /* 06:00 */
	{"fri 22:00-06:00", "2026-11-20T04:00:00Z", false}, /* Friday 05:00 */
	{"fri 22:00-06:00", "2026-11-21T21:00:00Z", false}, /* Saturday 22:00 */
	{"sun 22:00-06:00", "2026-11-23T04:00:00Z", true},  /* over the end of the week */
	/* The clock is set back at 03:00: 22:00-06:00 has nine hours, and ends once. */
	{"sat 22:00-06:00", "2026-10-24T19:59:59Z", false},
	{"sat 22:00-06:00", "2026-10-24T20:00:00Z", true}, /* 22:00 CEST */
	{"sat 22:00-06:00", "2026-10-25T00:30:00Z", true}, /* 02:30 CEST */
	{"sat 22:00-06:00", "2026-10-25T01:30:00Z", true}, /* 02:30 CET */
	{"sat 22:00-06:00", "2026-10-25T04:59:59Z", true}, /* 05:59:59 CET */
	{"sat 22:00-06:00", "2026-10-25T05:00:00Z", false},
	{"sun 02:00-03:00", "2026-10-25T00:30:00Z", true}, /* both times */
	{"sun 02:00-03:00", "2026-10-25T01:30:00Z", true},
	{"sun 02:00-03:00", "2026-10-25T02:00:00Z", false},
	/* It is set forward at 02:00: seven hours, and 02:30 never comes. */
	{"sat 22:00-06:00", "2026-03-28T21:00:00Z", true},
	{"sat 22:00-06:00", "2026-03-29T00:59:59Z", true},
	{"sat 22:00-06:00", "2026-03-29T01:00:00Z", true}, /* 03:00 CEST */
	{"sat 22:00-06:00", "2026-03-29T03:59:59Z", true},
	{"sat 22:00-06:00", "2026-03-29T04:00:00Z", false},
	{"sun 02:00-03:00", "2026-03-29T00:59:59Z", false},
	{"sun 02:00-03:00", "2026-03-29T01:00:00Z", false},
	/* Holidays: 25 December 2026 is a Friday, 1 January 2027 as well. */
	{"mon-fri 07:00-19:00", "2026-12-24T12:00:00Z", true},
	{"mon-fri 07:00-19:00", "2026-12-25T12:00:00Z", false},
	{"daily 07:00-19:00", "2026-12-26T12:00:00Z", false},
	{"daily 07:00-19:00", "2026-12-27T12:00:00Z", true},
	{"always", "2026-12-25T12:00:00Z", false},
	{"always", "2026-12-26T22:59:59Z", false},
	{"always", "2026-12-26T23:00:00Z", true},
	/* The night shift of the evening before runs on, that of the holiday does not begin. */
	{"daily 22:00-06:00", "2026-12-25T04:59:59Z", true},
	{"daily 22:00-06:00", "2026-12-25T05:00:00Z", false},
	{"daily 22:00-06:00", "2026-12-25T21:00:00Z", false},
	{"daily 22:00-06:00", "2026-12-26T04:00:00Z", false},
	{"daily 22:00-06:00", "2026-12-26T23:30:00Z", false}, /* began on the 26th */
	{"daily 22:00-06:00", "2026-12-27T21:00:00Z", true},
	{"daily 22:00-06:00", "2026-12-31T23:30:00Z", true}, /* 00:30 on 1 January */
	{"daily 22:00-06:00", "2027-01-01T22:00:00Z", false},
};

/* The findings as they are printed; the caller frees. */
static char *findings(const struct diag *d)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	diag_print(d, out, false);
	assert_int_equal(fclose(out), 0);
	return text;
}

static struct holidays *holidays_of(const char *text)
{
	struct holidays *h = NULL;
	struct diag *d = diag_create();

	assert_non_null(d);
	if (holidays_parse(str_of(text), "days", d, &h) != 0)
		fail_msg("%s", findings(d));
	diag_destroy(d);
	return h;
}

static void test_local_clock_and_holidays_decide(void **state)
{
	struct holidays *off = holidays_of(holidays_text);
	struct zone *z = NULL;

	(void)state;
	assert_int_equal(zone_load(NULL, "Europe/Berlin", &z), 0);
	for (size_t i = 0; i < COUNT(open_rows); i++) {
		const struct open_row *r = &open_rows[i];
		struct hours h = hours_of(r->hours);
		int64_t us = 0;

		assert_true(clock_parse_rfc3339(r->utc, strlen(r->utc), &us));
		if (calendar_open(&h, off, z, us) != r->want)
			fail_msg("%s at %s is not %s", r->hours, r->utc,
				 r->want ? "open" : "closed");
	}
	zone_destroy(z);
	holidays_destroy(off);
}

static void test_without_zone_and_holidays_it_is_utc(void **state)
{
	struct hours h = hours_of("fri 07:00-19:00");
	struct hours nothing = {0};

	(void)state;
	/* 1970-01-02 was a Friday. */
	assert_true(calendar_open(&h, NULL, NULL, INT64_C(31) * 3600 * 1000000));
	assert_false(calendar_open(&h, NULL, NULL, INT64_C(31) * 3600 * 1000000 - 1));
	assert_false(calendar_open(&nothing, NULL, NULL, 0));
	(void)calendar_open(&h, NULL, NULL, INT64_MIN);
	(void)calendar_open(&h, NULL, NULL, INT64_MAX);
}

static void test_plain_dates(void **state)
{
	struct holidays *h = holidays_of(holidays_text);

	(void)state;
	assert_true(holidays_has(h, 2026, 12, 25));
	assert_true(holidays_has(h, 2026, 12, 26));
	assert_true(holidays_has(h, 2027, 1, 1));
	assert_false(holidays_has(h, 2026, 12, 24));
	assert_false(holidays_has(h, 2027, 12, 25));
	assert_false(holidays_has(h, 2026, 13, 25));
	assert_false(holidays_has(h, 2026, 2, 30));
	holidays_destroy(h);
	assert_false(holidays_has(NULL, 2026, 12, 25));
	h = holidays_of("");
	assert_false(holidays_has(h, 2026, 12, 25));
	holidays_destroy(h);
	h = holidays_of("\xef\xbb\xbf"
			"2026-12-25\n2026-12-25\n");
	assert_true(holidays_has(h, 2026, 12, 25));
	holidays_destroy(h);
	holidays_destroy(NULL);
}

#define CALENDAR(events) "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" events "END:VCALENDAR\r\n"
#define EVENT(lines)     "BEGIN:VEVENT\r\n" lines "END:VEVENT\r\n"

struct date {
	int year, month, day;
};

struct ical_row {
	const char *text;
	struct date in[4], out[4]; /* year 0 ends the list */
};

static const struct ical_row ical_rows[] = {
	{CALENDAR(EVENT("DTSTART;VALUE=DATE:20261225\r\nSUMMARY:Christmas\r\n")),
	 {{2026, 12, 25}},
	 {{2026, 12, 24}, {2026, 12, 26}, {2027, 12, 25}}},
	/* Line ends of Unix, small letters, a date without its VALUE. */
	{"begin:vcalendar\nbegin:vevent\ndtstart:20261225\nend:vevent\nend:vcalendar\n",
	 {{2026, 12, 25}},
	 {{2026, 12, 26}}},
	/* The end is not part of it. */
	{CALENDAR(EVENT("DTEND;VALUE=DATE:20270103\r\nDTSTART;VALUE=DATE:20261230\r\n")),
	 {{2026, 12, 30}, {2026, 12, 31}, {2027, 1, 1}, {2027, 1, 2}},
	 {{2026, 12, 29}, {2027, 1, 3}}},
	{CALENDAR(EVENT("DTSTART;VALUE=DATE:20201225\r\nRRULE:FREQ=YEARLY\r\n")),
	 {{2020, 12, 25}, {2024, 12, 25}, {2026, 12, 25}, {2100, 12, 25}},
	 {{2019, 12, 25}, {2026, 12, 24}, {2026, 12, 26}}},
	{CALENDAR(EVENT("DTSTART;VALUE=DATE:20200301\r\nRRULE:FREQ=YEARLY\r\n")),
	 {{2020, 3, 1}, {2023, 3, 1}, {2024, 3, 1}},
	 {{2023, 2, 28}, {2024, 2, 29}, {2023, 3, 2}, {2024, 3, 2}}},
	{CALENDAR(EVENT("DTSTART;VALUE=DATE:20200229\r\nRRULE:FREQ=YEARLY\r\n")),
	 {{2020, 2, 29}, {2024, 2, 29}},
	 {{2021, 2, 28}, {2021, 3, 1}, {2024, 3, 1}}},
	/* Over New Year, every year. */
	{CALENDAR(EVENT("DTSTART;VALUE=DATE:20231230\r\nDTEND;VALUE=DATE:20240102\r\n"
			"RRULE:FREQ=YEARLY\r\n")),
	 {{2023, 12, 31}, {2024, 1, 1}, {2024, 12, 30}, {2025, 1, 1}},
	 {{2023, 1, 1}, {2024, 1, 2}, {2024, 12, 29}, {2023, 12, 29}}},
	/* A folded line: the break and one blank after it are not there. */
	{CALENDAR(EVENT(
		 "DTSTA\r\n RT;VALUE=DATE:2026\r\n\t1225\r\nSUMMARY:a\r\n  b:c\r\n")),
	 {{2026, 12, 25}},
	 {{2026, 12, 24}}},
	/* A colon within quotes does not end the parameters. */
	{CALENDAR(EVENT("DTSTART;X-A=\"b:c\";VALUE=DATE:20261225\r\n")),
	 {{2026, 12, 25}},
	 {{2026, 12, 24}}},
	/* Other components, and alarms inside of events, are passed over. */
	{CALENDAR("BEGIN:VTIMEZONE\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n"
		  "END:STANDARD\r\nEND:VTIMEZONE\r\n" EVENT(
			  "BEGIN:VALARM\r\nDURATION:PT5M\r\nDTSTART:x\r\nEND:VALARM\r\n"
			  "DTSTART;VALUE=DATE:20261225\r\n")),
	 {{2026, 12, 25}},
	 {{1601, 1, 1}}},
	/* Events of another component, and in an event, are not the calendar's. */
	{CALENDAR(
		 "BEGIN:X-DRAFTS\r\n" EVENT("DTSTART:20261224\r\n") "END:X-DRAFTS\r\n" EVENT(
			 EVENT("DTSTART:20261226\r\n") "DTSTART:20261225\r\n")),
	 {{2026, 12, 25}},
	 {{2026, 12, 24}, {2026, 12, 26}}},
	{CALENDAR(EVENT("DTSTART;VALUE=DATE:20261225\r\nSTATUS:CANCELLED\r\n")
			  EVENT("DTSTART;VALUE=DATE:20261226\r\nSTATUS:CONFIRMED\r\n")),
	 {{2026, 12, 26}},
	 {{2026, 12, 25}}},
	{CALENDAR(""), {{0, 0, 0}}, {{2026, 12, 25}}},
	/* The last Monday of May, the fourth Thursday of November. */
	{CALENDAR(EVENT("DTSTART:20240527\r\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO\r\n") EVENT(
		 "DTSTART:20241128\r\nRRULE:FREQ=YEARLY;BYDAY=4TH;BYMONTH=11\r\n")),
	 {{2024, 5, 27}, {2025, 5, 26}, {2026, 5, 25}, {2026, 11, 26}},
	 {{2026, 5, 27}, {2023, 5, 29}, {2026, 11, 28}, {2026, 11, 19}}},
	/* Wednesday before 23 November; the Tuesday after the first Monday, every four years. */
	{CALENDAR(
		 EVENT("DTSTART:20241120\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=WE;"
		       "BYMONTHDAY=16,17,18,19,20,21,22\r\n")
			 EVENT("DTSTART:20241105\r\nRRULE:FREQ=YEARLY;INTERVAL=4;BYMONTH=11;"
			       "BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;WKST=SU\r\n")),
	 {{2026, 11, 18}, {2027, 11, 17}, {2028, 11, 7}, {2032, 11, 2}},
	 {{2026, 11, 20}, {2026, 11, 3}, {2026, 11, 25}, {2020, 11, 3}}},
	/* The last day, the last workday. */
	{CALENDAR(EVENT("DTSTART:20251231\r\nRRULE:FREQ=YEARLY;BYYEARDAY=-1\r\n") EVENT(
		 "DTSTART:20281229\r\nRRULE:freq=yearly;bymonth=12;byday=mo,tu,we,th,fr;"
		 "bysetpos=-1\r\n")),
	 {{2028, 12, 31}, {2028, 12, 29}, {2030, 12, 31}, {2033, 12, 30}},
	 {{2024, 12, 31}, {2026, 12, 30}, {2033, 12, 29}}},
	{CALENDAR(EVENT("DTSTART:20241225\r\nRRULE:FREQ=YEARLY;COUNT=3\r\n") EVENT(
		 "DTSTART:20240501\r\nRRULE:FREQ=YEARLY;UNTIL=20260501T120000Z\r\n")),
	 {{2024, 12, 25}, {2026, 12, 25}, {2024, 5, 1}, {2026, 5, 1}},
	 {{2027, 12, 25}, {2027, 5, 1}, {2023, 5, 1}}},
	/* Without one, with another, each of two days. */
	{CALENDAR(EVENT("DTSTART;VALUE=DATE:20241224\r\nDURATION:P2D\r\n"
			"RRULE:FREQ=YEARLY\r\nEXDATE;VALUE=DATE:20251224,20241224\r\n"
			"RDATE;VALUE=DATE:20260101\r\nEXDATE:20271224T000000\r\n")
			  EVENT("DTSTART:20270301\r\n")),
	 {{2026, 12, 24}, {2026, 12, 25}, {2026, 1, 2}, {2027, 3, 1}},
	 {{2025, 12, 25}, {2024, 12, 24}, {2027, 12, 24}, {2027, 12, 25}}},
	/* What an event excludes does not exclude it from the next. */
	{CALENDAR(EVENT("DTSTART:20241224\r\nEXDATE:20261224\r\n") EVENT(
		 "DTSTART:20241224\r\nRRULE:FREQ=YEARLY\r\nDURATION:P1W\r\nEXDATE:20271224\r\n")),
	 {{2026, 12, 24}, {2026, 12, 30}},
	 {{2026, 12, 31}}},
	/* From midnight to midnight, as some programs write whole days. */
	{CALENDAR(EVENT("DTSTART;TZID=Europe/Berlin:20261225T000000\r\n"
			"DTEND;TZID=Europe/Berlin:20261227T000000\r\n")
			  EVENT("DTSTART:20260501T000000\r\nDURATION:PT24H\r\n")),
	 {{2026, 12, 25}, {2026, 12, 26}, {2026, 5, 1}},
	 {{2026, 12, 24}, {2026, 12, 27}, {2026, 5, 2}}},
	/* Transparent ones count when there are no others. */
	{CALENDAR(EVENT("DTSTART:20261225\r\nTRANSP:TRANSPARENT\r\n")
			  EVENT("DTSTART:20261226\r\nTRANSP:OPAQUE\r\n")),
	 {{2026, 12, 26}},
	 {{2026, 12, 25}}},
	{CALENDAR(EVENT("DTSTART:20261225\r\ntransp:transparent\r\n") EVENT(
		 "DTSTART:20261226\r\nTRANSP:TRANSPARENT\r\nRRULE:FREQ=YEARLY\r\n")
			  EVENT("DTSTART:20261227\r\nSTATUS:CANCELLED\r\n")),
	 {{2026, 12, 25}, {2026, 12, 26}, {2100, 12, 26}},
	 {{2026, 12, 27}}},
	/* Long ago, and a rule that does not fit its beginning, which counts. */
	{CALENDAR(EVENT("DTSTART:19000228\r\n")
			  EVENT("DTSTART:19000101\r\nRRULE:FREQ=YEARLY;\r\n") EVENT(
				  "DTSTART:20260102\r\nRRULE:FREQ=YEARLY;BYMONTH=3\r\n")),
	 {{1970, 1, 1}, {2100, 1, 1}, {2026, 1, 2}, {2026, 3, 2}},
	 {{2027, 1, 2}, {2026, 4, 2}}},
};

static void test_icalendar_dates(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ical_rows); i++) {
		const struct ical_row *r = &ical_rows[i];
		struct holidays *h = holidays_of(r->text);

		for (size_t d = 0; d < COUNT(r->in) && r->in[d].year != 0; d++) {
			if (!holidays_has(h, r->in[d].year, r->in[d].month, r->in[d].day))
				fail_msg("row %zu: %d-%d-%d is missing", i, r->in[d].year,
					 r->in[d].month, r->in[d].day);
		}
		for (size_t d = 0; d < COUNT(r->out) && r->out[d].year != 0; d++) {
			if (holidays_has(h, r->out[d].year, r->out[d].month,
					 r->out[d].day))
				fail_msg("row %zu: %d-%d-%d is too many", i,
					 r->out[d].year, r->out[d].month, r->out[d].day);
		}
		holidays_destroy(h);
	}
}

struct bad_row {
	const char *text;
	const char *want; /* "LINE:COLUMN: error: MESSAGE", or its beginning */
};

#define DAY "DTSTART;VALUE=DATE:20261225\r\n"

static const struct bad_row bad_rows[] = {
	{"2026-12-25\nChristmas\n", "2:1: error: not a date\n"},
	{"25.12.2026\n", "1:1: error: not a date\n"},
	{"2026-12-2\n", "1:1: error: not a date\n"},
	{"2026-12-255\n", "1:1: error: not a date\n"},
	{"2026-1a-25\n", "1:1: error: not a date\n"},
	{"2026/12/25\n", "1:1: error: not a date\n"},
	{"\n\n2026-02-29\n", "3:1: error: no such day in the calendar\n"},
	{"0000-01-01\n", "1:1: error: no such day in the calendar\n"},
	{"1969-12-31\n", "1:1: error: not within 1970 to 2100\n"},
	{"2101-01-01\n", "1:1: error: not within 1970 to 2100\n"},
	{"2026-12-25Christmas\n", "1:1: error: no blank after the date\n"},
	{"BEGIN:VCARD\n", "1: error: not an iCalendar line\n"},
	{CALENDAR("hello\r\n"), "3: error: not an iCalendar line\n"},
	{CALENDAR(EVENT("SUMMARY:x\r\n")), "5: error: event without a date\n"},
	{CALENDAR(EVENT("DTSTART:20261225T080000Z\r\n")),
	 "4:9: error: not a whole day\n"},
	{CALENDAR(EVENT("DTSTART:20261225T080000\r\n")), "4:9: error: not a whole day\n"},
	{CALENDAR(EVENT("DTSTART:20261225T000000Z\r\n")),
	 "4:9: error: not a whole day\n"},
	{CALENDAR(EVENT("DTSTART;VALUE=DATE:2026122x\r\n")),
	 "4:20: error: not a whole day\n"},
	{CALENDAR(EVENT("DTSTART;VALUE=DATE:20260229\r\n")), "4:20: error: no such day"},
	{CALENDAR(EVENT("DTSTART:18991231\r\n")), "4:9: error: not within 1900 to 2100"},
	{CALENDAR(EVENT("DTSTART:21010101\r\n")), "4:9: error: not within 1900 to 2100"},
	{CALENDAR(EVENT("SUMMARY:a\r\n b\r\n c\r\nDTSTART:x\r\n")),
	 "7:9: error: not a whole day\n"},
	{CALENDAR(EVENT("DTSTA\r\n RT:\r\n x\r\n")), "4: error: not a whole day\n"},
	{CALENDAR(EVENT("DTSTART:20261225\r\nDTSTART:20261225\r\n")),
	 "5:9: error: given twice"},
	{CALENDAR(EVENT("DTEND:20261225\r\nDTEND:20261225\r\n")),
	 "5:7: error: given twice"},
	{CALENDAR(EVENT(DAY "DTEND:20261226\r\nDURATION:P1D\r\n")),
	 "6:10: error: given twice"},
	{CALENDAR(EVENT(DAY "DTEND:20261225\r\n")), "6: error: event that ends"},
	{CALENDAR(EVENT("DTSTART:20260101\r\nDTEND:20260412\r\n")),
	 "6: error: event of over 100 days\n"},
	{CALENDAR(EVENT(DAY "DURATION:P101D\r\n")), "6: error: event of over 100 days\n"},
	{CALENDAR(EVENT(DAY "DURATION:PT3H\r\n")),
	 "5:10: error: not a duration of whole"},
	{CALENDAR(EVENT(DAY "DURATION:-P1D\r\n")),
	 "5:10: error: not a duration of whole"},
	{CALENDAR(EVENT(DAY "DURATION:P4294967297D\r\n")),
	 "5:10: error: not a duration of whole"},
	{CALENDAR(EVENT(DAY "DURATION:\r\n")), "5:10: error: not a duration of whole"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=WEEKLY\r\n")),
	 "5:7: error: rule that is not yearly"},
	{CALENDAR(EVENT(DAY "RRULE:BYMONTH=5\r\n")),
	 "5:7: error: rule that is not yearly"},
	{CALENDAR(EVENT(DAY "RRULE:\r\n")), "5:7: error: rule that is not yearly"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYHOUR=9\r\n")),
	 "5:19: error: part of a rule that is not known"},
	{CALENDAR(EVENT(DAY "RRULE:RSCALE=HEBREW;FREQ=YEARLY\r\n")),
	 "5:7: error: part of a rule that is not known"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;UNTIL=2030123x\r\n")),
	 "5:19: error: value that this part"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;COUNT=3x\r\n")),
	 "5:19: error: value that this part"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;COUNT=0\r\n")),
	 "5:19: error: value that this part"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;INTERVAL=101\r\n")),
	 "5:19: error: value that this part"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYMONTH=5,\r\n")),
	 "5:19: error: value that this part"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYMONTH=5L\r\n")),
	 "5:19: error: value that this part"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYMONTH=5;;BYDAY=MO\r\n")),
	 "5:29: error: part of a rule that is not known"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYMONTH=99\r\n")),
	 "5:7: error: rule that libical does not take"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYDAY=XX\r\n")),
	 "5:7: error: rule that libical does not take"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;COUNT=2;UNTIL=20301231\r\n")),
	 "5:7: error: rule that libical does not take"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO\r\n")),
	 "5:19: error: part of a rule that is not known"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYMONTHDAY=6\r\n")),
	 "5:7: error: parts of a rule that do not go together"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYYEARDAY=6;BYMONTH=1\r\n")),
	 "5:7: error: parts of a rule that do not go together"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYSETPOS=-1;BYMONTH=1\r\n")),
	 "5:7: error: parts of a rule that do not go together"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY\r\nRRULE:FREQ=YEARLY\r\n")),
	 "6:7: error: given twice"},
	{CALENDAR(EVENT(DAY "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\r\n")),
	 "5: error: rule that never gives a day"},
	{CALENDAR(EVENT(DAY "EXDATE:20271225,x\r\n")), "5:17: error: not a whole day\n"},
	{CALENDAR(EVENT(DAY "RDATE;VALUE=PERIOD:20271225T000000/P1D\r\n")),
	 "5:20: error: not a whole day\n"},
	{CALENDAR(EVENT(DAY "RECURRENCE-ID:20271225\r\n")), "5:15: error: property that"},
	{CALENDAR(EVENT(DAY "EXRULE:FREQ=YEARLY\r\n")), "5:8: error: property that"},
	{CALENDAR("END:VEVENT\r\n"), "3: error: END without its BEGIN\n"},
	{CALENDAR("BEGIN:VEVENT\r\nDTSTART:20261225\r\n"),
	 "5: error: END without its BEGIN\n"},
	{"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "2: error: file ends inside"},
	{"BEGIN:VCALENDAR\r\n", "1: error: file ends inside the calendar\n"},
	{CALENDAR("") "2026-12-25\r\n", "4: error: line after END:VCALENDAR\n"},
};

static void test_bad_holidays_name_place_and_remedy(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_rows); i++) {
		const struct bad_row *r = &bad_rows[i];
		struct holidays *h = NULL;
		struct diag *d = diag_create();
		int rc = holidays_parse(str_of(r->text), "days", d, &h);
		char *text = findings(d);

		if (rc != -EINVAL || h != NULL || diag_count(d, DIAG_ERROR) != 1 ||
		    strncmp(text, "days:", 5) != 0 ||
		    strncmp(text + 5, r->want, strlen(r->want)) != 0 ||
		    strstr(text, "= write: ") == NULL)
			fail_msg("row %zu: %d, '%s', not '%s'", i, rc, text, r->want);
		free(text);
		diag_destroy(d);
	}
}

static void test_all_faults_of_a_file_are_told(void **state)
{
	static const char plain[] = "x\n2026-12-25\n2026-02-30\n";
	static const char ical[] = CALENDAR(EVENT("DTSTART:x\r\nDTEND:y\r\n") EVENT(DAY)
						    EVENT(DAY "EXDATE:z\r\n"));
	struct holidays *h = NULL;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct diag *d = diag_create();

		assert_int_equal(
			holidays_parse(str_of(i == 0 ? plain : ical), "days", d, &h),
			-EINVAL);
		assert_int_equal(diag_count(d, DIAG_ERROR), i == 0 ? 2 : 3);
		diag_destroy(d);
	}
}

/* The only finding, without the file's name and what follows the message. */
static void refused(const char *text, size_t len, const char *want)
{
	struct holidays *h = NULL;
	struct diag *d = diag_create();
	char *got;

	assert_int_equal(holidays_parse((struct str){text, len}, "days", d, &h), -EINVAL);
	got = findings(d);
	if (strstr(got, want) == NULL || diag_count(d, DIAG_ERROR) != 1)
		fail_msg("'%s', not '%s'", got, want);
	free(got);
	diag_destroy(d);
}

static void taken(const char *text, size_t len)
{
	struct holidays *h = NULL;
	struct diag *d = diag_create();

	assert_int_equal(holidays_parse((struct str){text, len}, "days", d, &h), 0);
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	holidays_destroy(h);
	diag_destroy(d);
}

static void test_long_lines_and_long_files_are_refused(void **state)
{
	static char text[20001 * 11 + 1]; /* the dates and a NUL */

	(void)state;
	for (size_t i = 0; i < 20001; i++)
		(void)snprintf(text + i * 11, 12, "2026-12-25\n");
	taken(text, (size_t)20000 * 11);
	refused(text, (size_t)20001 * 11, "days:20001:1: error: more than 20000 dates");

	(void)snprintf(text, sizeof(text), "BEGIN:VCALENDAR\nX:%08200d", 0);
	refused(text, 16 + 8192, "days:2: error: file ends inside the calendar");
	refused(text, 16 + 8193, "days:2: error: line of over 8192 bytes");
	refused("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:2026122\0\n", 46,
		"days:3: error: a NUL byte");
}

/* A calendar of one event `count` times. */
static size_t repeat(char *text, size_t size, const char *event, size_t count)
{
	size_t len = (size_t)snprintf(text, size, "BEGIN:VCALENDAR\n");

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, size - len,
					"BEGIN:VEVENT\n%sEND:VEVENT\n", event);
	return len + (size_t)snprintf(text + len, size - len, "END:VCALENDAR\n");
}

static void test_rules_cannot_take_for_ever(void **state)
{
	static const char always[] = "DTSTART:19000101\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,"
				     "TH,FR,SA,SU\n";
	static const char never[] = "DTSTART:20000101\nRRULE:FREQ=YEARLY;BYMONTH=2;"
				    "BYMONTHDAY=30\n";
	static const char once[] = "DTSTART:20000101\nRRULE:FREQ=YEARLY;COUNT=1\n";
	static char text[1 << 18];

	(void)state;
	refused(text, repeat(text, sizeof(text), always, 900),
		"rules of more than 100000 days together");
	/* Each would take a third of a second. */
	refused(text, repeat(text, sizeof(text), never, 900),
		"rule that never gives a day; no further rule");
	taken(text, repeat(text, sizeof(text), once, 1000));
	refused(text, repeat(text, sizeof(text), once, 1001), "more than 1000 rules");
}

/* libical would free these by recursion. */
static void test_deep_components_are_only_counted(void **state)
{
	static char text[1 << 20];
	size_t len = (size_t)snprintf(text, sizeof(text), "BEGIN:VCALENDAR\n");

	(void)state;
	while (len + 32 < sizeof(text))
		len += (size_t)snprintf(text + len, sizeof(text) - len, "BEGIN:VEVENT\n");
	refused(text, len, "error: file ends inside the calendar");
}

/* A digest is of the days, not of how they are written. */
static void test_equal_days_have_one_digest(void **state)
{
	static const char *const texts[] = {
		"2026-12-25 Christmas\n1970-01-01\n",
		"# other words\n1970-01-01\n2026-12-25\n",
		"2026-12-26\n1970-01-01\n",
		"2026-12-25\n1970-01-01\n2100-12-31\n",
	};
	uint8_t got[4][32];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct holidays *h = NULL;
		struct diag *d = diag_create();
		struct digest sum;

		assert_int_equal(holidays_parse(str_of(texts[i]), "days", d, &h), 0);
		digest_start(&sum);
		holidays_digest(h, &sum);
		digest_end(&sum, got[i]);
		holidays_destroy(h);
		diag_destroy(d);
	}
	assert_memory_equal(got[0], got[1], 32);
	assert_memory_not_equal(got[0], got[2], 32);
	assert_memory_not_equal(got[0], got[3], 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical_text_parses_to_the_same_value),
		cmocka_unit_test(test_text_is_cut_to_the_given_size),
		cmocka_unit_test(test_longest_text_fits),
		cmocka_unit_test(test_equal_days_have_one_digest),
		cmocka_unit_test(test_faults_are_underlined_with_a_remedy),
		cmocka_unit_test(test_one_span_too_many_is_refused),
		cmocka_unit_test(test_local_clock_and_holidays_decide),
		cmocka_unit_test(test_without_zone_and_holidays_it_is_utc),
		cmocka_unit_test(test_plain_dates),
		cmocka_unit_test(test_icalendar_dates),
		cmocka_unit_test(test_bad_holidays_name_place_and_remedy),
		cmocka_unit_test(test_all_faults_of_a_file_are_told),
		cmocka_unit_test(test_long_lines_and_long_files_are_refused),
		cmocka_unit_test(test_rules_cannot_take_for_ever),
		cmocka_unit_test(test_deep_components_are_only_counted),
	};

	return cmocka_run_group_tests_name("match/calendar", tests, NULL, NULL);
}
