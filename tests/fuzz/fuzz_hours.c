/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_hours - working hours: what is accepted prints to a text of the same value, what is
 * refused is underlined within the text.
 */
#include <stdlib.h>
#include <string.h>

#include "match/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct hours *a, const struct hours *b)
{
	if (a->count != b->count)
		abort();
	for (size_t i = 0; i < a->count; i++) {
		if (a->spans[i].days != b->spans[i].days ||
		    a->spans[i].from != b->spans[i].from ||
		    a->spans[i].to != b->spans[i].to)
			abort();
	}
}

static void check_spans(const struct hours *h)
{
	for (size_t i = 0; i < h->count; i++) {
		if (h->spans[i].days == 0 || h->spans[i].days > 0x7f)
			abort();
		if (h->spans[i].from >= 1440 || h->spans[i].to <= h->spans[i].from ||
		    h->spans[i].to > 2880 || h->spans[i].to - h->spans[i].from > 1440)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct hours h, again;
	size_t at = SIZE_MAX, len = SIZE_MAX;
	const char *why = NULL;
	char canonical[HOURS_TEXT_MAX], twice[HOURS_TEXT_MAX];
	size_t open = 0;

	if (!hours_parse(text, &h, &at, &len, &why)) {
		if (why == NULL || at > size || len > size - at)
			abort();
		return 0;
	}
	if (h.count > HOURS_SPANS_MAX)
		abort();
	check_spans(&h);
	hours_format(&h, canonical, sizeof(canonical));
	if (strlen(canonical) >= sizeof(canonical) - 1)
		abort();
	if (!hours_parse(str_of(canonical), &again, &at, &len, &why))
		abort();
	check_same(&h, &again);
	hours_format(&again, twice, sizeof(twice));
	if (strcmp(canonical, twice) != 0)
		abort();
	for (int64_t minute = 0; minute < INT64_C(7) * 1440; minute++)
		open += calendar_open(&h, NULL, NULL, minute * 60 * 1000000);
	if ((open > 0) != (h.count > 0))
		abort();
	return 0;
}
