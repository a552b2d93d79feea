/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/diversity.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define WAYS 8u

struct source_prints {
	struct addr addr;
	bool used;
	uint8_t count;
	int64_t begun_us; /* of the window */
	int64_t last_us;
	int64_t suspect_until_us; /* 0 = it is not */
	uint32_t prints[DIVERSITY_PRINTS];
};

struct diversity {
	struct source_prints slots[DIVERSITY_SOURCES];
};

struct diversity *diversity_create(void)
{
	return calloc(1, sizeof(struct diversity));
}

void diversity_destroy(struct diversity *d)
{
	free(d);
}

static size_t bucket_of(const struct addr *a)
{
	return (size_t)(hash_bytes(a->b, sizeof(a->b), 0) % (DIVERSITY_SOURCES / WAYS)) *
	       WAYS;
}

static struct source_prints *slot_of(struct diversity *d, const struct addr *a)
{
	struct source_prints *bucket = d->slots + bucket_of(a), *oldest = bucket;

	for (size_t i = 0; i < WAYS; i++) {
		struct source_prints *s = &bucket[i];

		if (s->used && addr_equal(&s->addr, a))
			return s;
		if (!s->used || (oldest->used && s->last_us < oldest->last_us))
			oldest = s;
	}
	memset(oldest, 0, sizeof(*oldest));
	return oldest;
}

bool diversity_note(struct diversity *d, const struct addr *a, struct str ja4,
		    int64_t now_us)
{
	struct source_prints *s = slot_of(d, a);
	const uint32_t print = (uint32_t)hash_bytes(ja4.p, ja4.len, 0);
	bool before;

	if (!s->used || now_us - s->begun_us >= DIVERSITY_WINDOW_US) {
		s->used = true;
		s->addr = *a;
		s->begun_us = now_us;
		s->count = 0;
	}
	s->last_us = now_us;
	for (size_t i = 0; i < s->count; i++)
		if (s->prints[i] == print)
			return false;
	if (s->count < DIVERSITY_PRINTS) {
		s->prints[s->count++] = print;
		return false;
	}
	before = s->suspect_until_us > now_us;
	s->suspect_until_us = now_us + DIVERSITY_LASTS_US;
	return !before;
}

bool diversity_suspects(const struct diversity *d, const struct addr *a, int64_t now_us)
{
	const struct source_prints *bucket = d->slots + bucket_of(a);

	for (size_t i = 0; i < WAYS; i++)
		if (bucket[i].used && addr_equal(&bucket[i].addr, a))
			return bucket[i].suspect_until_us > now_us;
	return false;
}
