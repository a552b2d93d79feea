/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/budget.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define BUCKETS 1024u /* a power of two */
#define WAYS    4u

struct spender {
	struct addr source;
	int64_t second; /* of `spent` */
	uint32_t spent;
};

struct budget {
	uint32_t a_source, all;
	uint64_t seed;
	int64_t second;
	uint32_t spent; /* by all */
	struct spender spenders[BUCKETS * WAYS];
};

struct budget *budget_create(uint32_t a_source, uint32_t all, uint64_t seed)
{
	struct budget *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->a_source = a_source;
	b->all = all;
	b->seed = seed;
	return b;
}

void budget_destroy(struct budget *b)
{
	free(b);
}

static struct addr network_of(const struct addr *source)
{
	struct addr a = *source;

	if (!addr_is_v4(&a))
		memset(a.b + 8, 0, 8);
	return a;
}

/* Its own place, a stale one, or that of who has spent the least. */
static struct spender *place_of(struct budget *b, const struct addr *a, int64_t second)
{
	const size_t at = (size_t)hash_bytes(a->b, sizeof(a->b), b->seed) & (BUCKETS - 1);
	struct spender *bucket = b->spenders + at * WAYS, *place = bucket;

	for (unsigned i = 0; i < WAYS; i++) {
		struct spender *s = bucket + i;

		if (s->second != second)
			s->spent = 0;
		s->second = second;
		if (s->spent > 0 && addr_equal(&s->source, a))
			return s;
		if (s->spent < place->spent)
			place = s;
	}
	place->source = *a;
	return place;
}

bool budget_take(struct budget *b, const struct addr *source, int64_t clock_us)
{
	const int64_t second = clock_us / 1000000;
	const struct addr a = network_of(source);
	struct spender *s;

	if (b->second != second)
		b->spent = 0;
	b->second = second;
	if (b->all != 0 && b->spent >= b->all)
		return false;
	s = place_of(b, &a, second);
	if (b->a_source != 0 && s->spent >= b->a_source)
		return false;
	s->spent++;
	b->spent++;
	return true;
}
