/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rest.h"

#include <stdlib.h>

#include "base/hash.h"

/* Each has one place, by its hash, so a newer one costs at most one older. */
struct rest {
	uint32_t tag; /* of the key, never 0; 0 = none */
	uint32_t next;
	bool begins;
};

struct rests {
	uint64_t seed;
	uint32_t mask;
	struct rest at[];
};

struct rests *rests_create(uint32_t max, uint64_t seed)
{
	uint32_t places = 1;
	struct rests *r;

	while (places < max && places < UINT32_C(1) << 24)
		places *= 2;
	r = calloc(1, sizeof(*r) + places * sizeof(r->at[0]));
	if (r == NULL)
		return NULL;
	r->seed = seed;
	r->mask = places - 1;
	return r;
}

void rests_destroy(struct rests *r)
{
	free(r);
}

static uint32_t place_of(const struct rests *r, const struct flow_key *k,
			 uint32_t *ret_tag)
{
	const uint64_t hash = hash_bytes(k, sizeof(*k), r->seed);

	*ret_tag = (uint32_t)(hash >> 32) | 1;
	return (uint32_t)hash & r->mask;
}

void rests_note(struct rests *r, const struct flow_key *k, uint32_t next, bool begins)
{
	uint32_t tag;
	const uint32_t at = place_of(r, k, &tag);

	r->at[at] = (struct rest){.tag = tag, .next = next, .begins = begins};
}

static const struct rest *find(const struct rests *r, const struct flow_key *k)
{
	uint32_t tag;
	const uint32_t at = place_of(r, k, &tag);

	return r->at[at].tag == tag ? &r->at[at] : NULL;
}

void rests_forget(struct rests *r, const struct flow_key *k)
{
	uint32_t tag;
	const uint32_t at = place_of(r, k, &tag);

	if (r->at[at].tag == tag)
		r->at[at] = (struct rest){0};
}

bool rests_is_amid(const struct rests *r, const struct flow_key *k, uint32_t seq)
{
	const struct rest *at = find(r, k);

	return at != NULL && !(at->begins && at->next == seq);
}

bool rests_has(const struct rests *r, const struct flow_key *k)
{
	return find(r, k) != NULL;
}
