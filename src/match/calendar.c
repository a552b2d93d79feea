/* SPDX-License-Identifier: Apache-2.0 */
#include "match/calendar.h"

#define DAY_MINUTES 1440
#define DAY_US      INT64_C(86400000000)

/* Does a span begin on this day, given the holidays? */
static bool begins_on(uint8_t days, const struct civil *day, const struct holidays *off)
{
	return (days >> day->weekday & 1) != 0 &&
	       !holidays_has(off, day->year, day->month, day->day);
}

/*
 * The clock on the wall decides: an hour that a clock set back repeats is within the hours
 * both times or neither time, one that a clock set forward skips never comes.
 */
bool calendar_open(const struct hours *h, const struct holidays *off,
		   const struct zone *z, int64_t us)
{
	struct civil now = zone_local(z, us);
	struct civil yesterday =
		civil_from_us((civil_days(now.year, now.month, now.day) - 1) * DAY_US);
	int minute = now.hour * 60 + now.minute;

	for (size_t i = 0; i < h->count; i++) {
		int from = h->spans[i].from, to = h->spans[i].to;

		if (minute >= from && minute < to &&
		    begins_on(h->spans[i].days, &now, off))
			return true;
		if (minute + DAY_MINUTES >= from && minute + DAY_MINUTES < to &&
		    begins_on(h->spans[i].days, &yesterday, off))
			return true;
	}
	return false;
}
