/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MATCH_ICAL_H
#define MATCH_ICAL_H

/*
 * ical - the days of an iCalendar file (RFC 5545) whose events are off days.
 *
 * Lines, components and dates are read here, strictly and with their places; libical has the
 * rules of recurrence and durations.  Its own reader is not used: it has no line numbers,
 * takes "2026122x" for 2 December, and frees nested components by recursion.
 *
 * Events are whole days: DTSTART and DTEND or DURATION, RRULE:FREQ=YEARLY with the parts that
 * libical gets right (parts_agree() says which), RDATE, EXDATE.  Rules are followed up to the end of DAYS_LAST_YEAR, at
 * loading: an endless one costs no more than one that ends.  STATUS:CANCELLED counts for
 * nothing, TRANSP:TRANSPARENT neither, unless all events of the file have it, as in the
 * public calendars of holidays that others offer.
 *
 * No zone and no environment takes part: rules are about dates without a time.
 * Threads: none is started; libical keeps memory of its own for each thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/text.h"

#define DAYS_FIRST_YEAR 1970
#define DAYS_LAST_YEAR  2100
#define DAYS_COUNT      47847 /* 1970-01-01 to 2100-12-31 */

#define DATES_MAX           20000  /* dates of one file, plain or RDATE and EXDATE */
#define ICAL_LINE_MAX       8192   /* bytes of an unfolded line */
#define ICAL_EVENT_DAYS     100    /* longer than this is no holiday but a mistake */
#define ICAL_FIRST_YEAR     1900   /* of an event */
#define ICAL_RULES_MAX      1000   /* of one file */
#define ICAL_OCCURRENCE_MAX 100000 /* of all rules of a file */
#define ICAL_INTERVAL_MAX   100    /* years between two occurrences */

/* A bit for each day. */
struct day_set {
	uint64_t bits[(DAYS_COUNT + 63) / 64];
};

/* Days since 1970-01-01; those outside of the span are left out. */
void day_set_add(struct day_set *s, int64_t first, int64_t count);
bool day_set_has(const struct day_set *s, int64_t day);

/* One line off the front of *rest, without its end. */
struct str ical_next_line(struct str *rest);

/*
 * Add the days of `text`, which stands for `file`.  0; -EINVAL, all findings are in `d` and
 * *ret is of no use; or -ENOMEM.
 */
int ical_parse(struct str text, const char *file, struct diag *d, struct day_set *ret)
	__attribute__((warn_unused_result));

#endif /* MATCH_ICAL_H */
