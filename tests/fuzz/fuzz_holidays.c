/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_holidays - dates from plain text and iCalendar: a set or findings, never both, and
 * the same days whichever way the lines end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "match/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct holidays *parse(const char *text, size_t len)
{
	struct holidays *h = NULL;
	struct diag *d = diag_create();
	int rc = d == NULL ? -ENOMEM
			   : holidays_parse((struct str){text, len}, "days", d, &h);

	if ((rc == 0) != (h != NULL))
		abort();
	if (d != NULL && (rc == -EINVAL) != (diag_count(d, DIAG_ERROR) > 0))
		abort();
	diag_destroy(d);
	return h;
}

/* The days of `b` are those of `a`; only such as there are. */
static void compare(const struct holidays *a, const struct holidays *b)
{
	for (int year = 1968; year < 2103; year++)
		for (int month = 0; month <= 13; month++)
			for (int day = 0; day <= 32; day++) {
				bool has = holidays_has(a, year, month, day);

				if (has && (!civil_valid_date(year, month, day) ||
					    year < 1970 || year > 2100))
					abort();
				if (b != NULL && has != holidays_has(b, year, month, day))
					abort();
			}
}

/* With CR before each end of a line that has none. */
static char *other_ends(const uint8_t *data, size_t size, size_t *ret_len)
{
	char *text = malloc(size * 2 + 1);
	size_t n = 0;

	for (size_t i = 0; i < size && text != NULL; i++) {
		if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
			text[n++] = '\r';
		text[n++] = (char)data[i];
	}
	*ret_len = n;
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct holidays *h = parse((const char *)data, size), *again;
	size_t len = 0;
	char *text;

	if (h == NULL)
		return 0;
	text = other_ends(data, size, &len);
	again = text == NULL ? NULL : parse(text, len);
	if (text != NULL && again == NULL)
		abort();
	compare(h, again);
	/* A plain date is found where it was written. */
	if (size >= 10 && memcmp(data, "2026-12-25", 10) == 0 &&
	    !holidays_has(h, 2026, 12, 25))
		abort();
	free(text);
	holidays_destroy(h);
	holidays_destroy(again);
	return 0;
}
