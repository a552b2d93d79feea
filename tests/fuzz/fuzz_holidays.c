/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_holidays - dates from plain text and iCalendar.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "match/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines of the text, the last one without its end included. */
static unsigned count_lines(const uint8_t *data, size_t size)
{
	unsigned count = size > 0 && data[size - 1] != '\n';

	for (size_t i = 0; i < size; i++)
		count += data[i] == '\n';
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct holidays *h = NULL;
	unsigned line = 0;
	const char *why = NULL;
	int rc = holidays_parse((struct str){(const char *)data, size}, &h, &line, &why);

	if (rc == -EINVAL) {
		if (h != NULL || why == NULL || line == 0 ||
		    line > count_lines(data, size))
			abort();
		return 0;
	}
	if (rc != 0)
		return 0;
	for (int year = 1995; year < 2030; year++) {
		for (int month = 0; month <= 13; month++) {
			for (int day = 0; day <= 32; day++) {
				if (holidays_has(h, year, month, day) &&
				    !civil_valid_date(year, month, day))
					abort();
			}
		}
	}
	/* A plain date is found where it was written. */
	if (size >= 10 && memcmp(data, "2026-12-25", 10) == 0 &&
	    !holidays_has(h, 2026, 12, 25))
		abort();
	holidays_destroy(h);
	return 0;
}
