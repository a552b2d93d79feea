/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tzif - TZif files, and the laws that local time keeps in any zone.
 */
#include <stdlib.h>
#include <string.h>

#include "match/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define US INT64_C(1000000)

static void check_at(const struct zone *z, int64_t us)
{
	const char *abbreviation = NULL;
	int offset = zone_offset(z, us, &abbreviation);
	struct civil c = zone_local(z, us);
	struct civil again;
	int64_t back;

	if (offset < -90000 || offset > 93600 || strlen(abbreviation) > 512)
		abort();
	if (c.year < 1 || c.year > 9999)
		abort();
	if (us < civil_days(4, 1, 1) * 86400 * US ||
	    us > civil_days(9997, 1, 1) * 86400 * US)
		return;
	/* A local time that exists leads back to its earliest instant. */
	back = zone_instant(z, &c);
	if (back > us)
		abort();
	again = zone_local(z, back);
	if (civil_to_us(&again) != civil_to_us(&c))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t instants[] = {INT64_MIN, INT64_MAX, -1, 0, 1};
	struct zone *z = NULL;

	if (zone_parse("Fuzz/Zone", data, size, &z) != 0) {
		if (z != NULL)
			abort();
		return 0;
	}
	for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++)
		check_at(z, instants[i]);
	for (int year = 1850; year < 2500; year += 13) {
		for (int month = 1; month <= 12; month++)
			check_at(z, civil_days(year, month, year % 28 + 1) * 86400 * US +
					    (int64_t)month * 7200 * US + 1);
	}
	/* Every eight bytes of the file, as an instant: transitions are among them. */
	for (size_t i = 0; i + 8 <= size && i < 512; i++) {
		int64_t seconds = 0;

		for (size_t k = 0; k < 8; k++)
			seconds = (int64_t)((uint64_t)seconds << 8 | data[i + k]);
		if (seconds > -INT64_C(60000000000) && seconds < INT64_C(250000000000)) {
			check_at(z, seconds * US - 1);
			check_at(z, seconds * US);
		}
	}
	zone_destroy(z);
	return 0;
}
