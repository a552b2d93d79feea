/* SPDX-License-Identifier: Apache-2.0 */
/* holidays - sets of dates from plain text or iCalendar.  Contract: match/calendar.h. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "match/calendar.h"
#include "match/ical.h"

struct holidays {
	struct day_set days;
};

struct plain {
	struct holidays *h;
	const char *file;
	struct diag *d;
	unsigned line;
	size_t dates;
	bool faulty;
};

static void report(struct plain *p, size_t len, const char *what, const char *remedy)
{
	diag_error(p->d, ((struct span){p->file, p->line, 1, (unsigned)len}), "%s", what);
	diag_remedy(p->d, "%s", remedy);
	p->faulty = true;
}

static bool read_digits(const char *s, size_t count, int *ret)
{
	uint64_t n;

	if (!parse_u64((struct str){s, count}, 9999, &n))
		return false;
	*ret = (int)n;
	return true;
}

static bool is_date(struct str line, struct civil *ret)
{
	return line.len >= 10 && line.p[4] == '-' && line.p[7] == '-' &&
	       read_digits(line.p, 4, &ret->year) &&
	       read_digits(line.p + 5, 2, &ret->month) &&
	       read_digits(line.p + 8, 2, &ret->day);
}

static void read_plain(struct plain *p, struct str whole)
{
	struct str line = str_trim(whole);
	struct civil date = {0};
	size_t blanks = (size_t)(line.p - whole.p);

	if (line.len == 0 || line.p[0] == '#')
		return;
	if (!is_date(line, &date) || (line.len > 10 && ascii_is_digit(line.p[10])))
		report(p, whole.len, "not a date", "2026-12-25, with or without a name");
	else if (!civil_valid_date(date.year, date.month, date.day))
		report(p, blanks + 10, "no such day in the calendar",
		       "a date such as 2026-12-25");
	else if (date.year < DAYS_FIRST_YEAR || date.year > DAYS_LAST_YEAR)
		report(p, blanks + 10, "not within 1970 to 2100",
		       "a date such as 2026-12-25");
	else if (line.len > 10 && line.p[10] != ' ' && line.p[10] != '\t')
		report(p, whole.len, "no blank after the date",
		       "2026-12-25 Christmas Day");
	else if (p->dates++ == DATES_MAX)
		report(p, blanks + 10, "more than 20000 dates", "fewer dates in a file");
	else
		day_set_add(&p->h->days, civil_days(date.year, date.month, date.day), 1);
}

static int parse_plain(struct holidays *h, struct str rest, const char *file,
		       struct diag *d)
{
	struct plain p = {.h = h, .file = file, .d = d};

	while (rest.len > 0) {
		p.line++;
		read_plain(&p, ical_next_line(&rest));
	}
	return p.faulty ? -EINVAL : 0;
}

/* An iCalendar file begins with BEGIN:VCALENDAR, after blank lines at most. */
static bool looks_like_ical(struct str rest)
{
	struct str line = STR_NONE;

	while (rest.len > 0 && line.len == 0)
		line = str_trim(ical_next_line(&rest));
	return line.len >= 6 && str_equal_fold((struct str){line.p, 6}, STR("BEGIN:"));
}

int holidays_parse(struct str text, const char *file, struct diag *d,
		   struct holidays **ret)
{
	struct holidays *h = calloc(1, sizeof(*h));
	int rc;

	if (h == NULL)
		return -ENOMEM;
	if (text.len >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		text = (struct str){text.p + 3, text.len - 3}; /* UTF-8 byte order mark */
	rc = looks_like_ical(text) ? ical_parse(text, file, d, &h->days)
				   : parse_plain(h, text, file, d);
	if (rc == 0)
		*ret = h;
	else
		free(h);
	return rc;
}

void holidays_destroy(struct holidays *h)
{
	free(h);
}

bool holidays_has(const struct holidays *h, int year, int month, int day)
{
	return h != NULL && civil_valid_date(year, month, day) &&
	       day_set_has(&h->days, civil_days(year, month, day));
}

void holidays_digest(const struct holidays *h, struct digest *d)
{
	for (size_t i = 0; i < sizeof(h->days.bits) / sizeof(h->days.bits[0]); i++) {
		const uint64_t word = htole64(h->days.bits[i]);

		digest_add(d, &word, sizeof(word));
	}
}
