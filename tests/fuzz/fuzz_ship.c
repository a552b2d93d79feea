/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the file of a saved cursor; what is read is written as the same bytes.  The bytes
 * once more with the right check behind them, which a search would not find.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "ship/saved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void read_saved(const char *text, size_t len)
{
	char again[SAVED_TEXT_MAX];
	struct ship_saved s, t;

	if (saved_parse((struct str){text, len}, &s) != 0)
		return;
	demand(s.place.seq == 0 || s.place.segment > 0);
	/* A time may be written in several ways; what it means stays. */
	demand(saved_parse((struct str){again, saved_format(&s, again)}, &t) == 0);
	demand(t.place.seq == s.place.seq && t.place.offset == s.place.offset &&
	       t.place.segment == s.place.segment && t.place.line == s.place.line &&
	       t.acked == s.acked && t.lost == s.lost && t.time_us == s.time_us &&
	       strcmp(t.error, s.error) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly its size: a read past its end is seen. */
	char *copy = malloc(size + 80), hex[2 * SHIP_DIGEST + 1];
	char *exact = malloc(size == 0 ? 1 : size);
	uint8_t sum[SHIP_DIGEST];

	demand(copy != NULL && exact != NULL);
	if (size > 0) {
		memcpy(copy, data, size);
		memcpy(exact, data, size);
	}
	read_saved(exact, size);
	digest_sha256(copy, size, sum);
	hex_format(sum, SHIP_DIGEST, hex);
	size += (size_t)snprintf(copy + size, 80, "check %s\n", hex);
	read_saved(copy, size);
	free(exact);
	free(copy);
	return 0;
}
