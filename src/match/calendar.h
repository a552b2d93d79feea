/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MATCH_CALENDAR_H
#define MATCH_CALENDAR_H

/*
 * calendar - working hours and holidays on local time.
 *
 * Hours text: "mon-fri 07:00-19:00, sat 08:00-12:00"; days are mon..sun, ranges may wrap
 * ("sat-mon"), "daily" = mon-sun; "22:00-06:00" spans midnight and belongs to the day on
 * which it begins; "24:00" is the end of a day; "always" and "never" stand alone.
 * Holidays: a set of dates; a span that begins on a holiday is not working time, one that
 * began the evening before a holiday runs on to its end.
 * The clock on the wall decides: where it is set back, the repeated hour is judged alike both
 * times; where it is set forward, the skipped hour never comes.
 *
 * Threads: immutable after loading; readers need no lock.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/text.h"
#include "match/zone.h"

#define HOURS_SPANS_MAX 16
#define HOURS_TEXT_MAX  1024 /* holds every hours_format() */

/* Plain value; copy freely. */
struct hours {
	size_t count;
	struct {
		uint8_t days; /* bit 0 = Monday, the day on which the span begins */
		uint16_t from,
			to; /* minutes of the day, to > from; to may be up to 2880 */
	} spans[HOURS_SPANS_MAX];
};

/*
 * Items of the same times become one span, and spans are sorted, so equal hours compare equal
 * span by span.  On false, *ret_at and *ret_len underline the fault in `text` and *ret_why
 * (static) says what to write.
 */
bool hours_parse(struct str text, struct hours *ret, size_t *ret_at, size_t *ret_len,
		 const char **ret_why);

/* Canonical text, at most `size` bytes with NUL; parses to the same value. */
void hours_format(const struct hours *h, char *buf, size_t size);

struct holidays;

/*
 * Dates of 1970 to 2100 from text, which stands for `file`: one "2026-12-25 [name]" a line,
 * "#" comments, or an iCalendar file (match/ical.h).  0; -EINVAL, all findings are in `d`; or
 * -ENOMEM.
 */
int holidays_parse(struct str text, const char *file, struct diag *d,
		   struct holidays **ret) __attribute__((warn_unused_result));
void holidays_destroy(struct holidays *h);
bool holidays_has(const struct holidays *h, int year, int month,
		  int day); /* h may be NULL */
/* Add the dates, whatever the file looked like: of equal sets the digest is the same. */
void holidays_digest(const struct holidays *h, struct digest *d);

/* Is local time `us` in zone `z` (NULL = UTC) within the hours? */
bool calendar_open(const struct hours *h, const struct holidays *off,
		   const struct zone *z, int64_t us);

#endif /* MATCH_CALENDAR_H */
