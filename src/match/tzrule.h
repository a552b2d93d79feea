/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MATCH_TZRULE_H
#define MATCH_TZRULE_H

/*
 * tzrule - the TZ string at the end of a TZif file: which offset holds after its last
 * transition, for ever.
 *
 * Source: POSIX.1-2017 8.3 "TZ", with the extensions of RFC 8536 section 3.3.1: times of
 *         change from -167 to 167 hours, and daylight saving time all year round.  A string
 *         with daylight saving time but without its dates is refused: POSIX leaves open
 *         when the changes are.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define TZ_NAME_MAX 15 /* bytes of an abbreviation, without NUL */

enum tz_day {
	TZ_DAY_JULIAN = 0, /* Jn: 1..365, 29 February is never counted */
	TZ_DAY_OF_YEAR,    /* n: 0..365 */
	TZ_DAY_OF_MONTH    /* Mm.w.d: weekday d (0 = Sunday) of week w (5 = the last) */
};

/* When the clock changes each year, by the clock that was in force until then. */
struct tz_change {
	enum tz_day form;
	int month, week; /* TZ_DAY_OF_MONTH */
	int day;
	int32_t seconds; /* after that day's midnight */
};

struct tz_offset {
	int32_t seconds; /* east of UTC */
	char name[TZ_NAME_MAX + 1];
};

struct tzrule {
	struct tz_offset standard, daylight;
	bool has_daylight;
	struct tz_change begin, end; /* of daylight saving time */
};

/* False: not such a string; *ret is then undefined. */
bool tzrule_parse(struct str text, struct tzrule *ret);

/*
 * The offset in force at `seconds` since the epoch, and for how long it is: from *ret_from
 * on (INT64_MIN: always) and before *ret_until (INT64_MAX: for ever).
 */
const struct tz_offset *tzrule_at(const struct tzrule *r, int64_t seconds,
				  int64_t *ret_from, int64_t *ret_until);

#endif /* MATCH_TZRULE_H */
