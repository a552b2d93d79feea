/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "identify/witness_table.h"

#define ENTRIES_LIMIT (1u << 24)

_Static_assert(POOL_NONE == UINT32_MAX, "chains are filled with bytes");

static uint32_t power_of_two(uint32_t at_least)
{
	uint32_t n = 1;

	while (n < at_least)
		n <<= 1;
	return n;
}

struct outstanding *outstanding_create(uint32_t max)
{
	struct outstanding *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->buckets = power_of_two((max + WITNESS_WAYS - 1) / WITNESS_WAYS);
	o->queries = calloc((size_t)o->buckets * WITNESS_WAYS, sizeof(*o->queries));
	if (o->queries == NULL) {
		free(o);
		return NULL;
	}
	return o;
}

void outstanding_destroy(struct outstanding *o)
{
	if (o != NULL)
		free(o->queries);
	free(o);
}

static bool create_names(struct witness *w, uint32_t max)
{
	w->chain_count = power_of_two(max / 4 + 1);
	for (size_t i = 0; i < WITNESS_CLASSES; i++) {
		w->names[i] = pool_create(
			sizeof(struct witness_name) + witness_class_max[i], max);
		w->chains[i] = malloc(w->chain_count * sizeof(*w->chains[i]));
		if (w->names[i] == NULL || w->chains[i] == NULL)
			return false;
		/* POOL_NONE in every one */
		memset(w->chains[i], 0xff, w->chain_count * sizeof(*w->chains[i]));
	}
	return true;
}

struct witness *witness_create(uint32_t max_entries)
{
	struct witness *w = calloc(1, sizeof(*w));
	uint32_t max = max_entries == 0 ? WITNESS_ENTRIES : max_entries;

	if (w == NULL)
		return NULL;
	if (max > ENTRIES_LIMIT)
		max = ENTRIES_LIMIT;
	w->entry_buckets = power_of_two((max + WITNESS_WAYS - 1) / WITNESS_WAYS);
	max = w->entry_buckets * WITNESS_WAYS;
	w->asked = outstanding_create(max / 4);
	for (size_t i = 0; i < WITNESS_KINDS; i++)
		w->entries[i] = calloc(max, sizeof(*w->entries[i]));
	for (size_t i = 0; i < WITNESS_KINDS; i++)
		w->told[i] = calloc(max, sizeof(*w->told[i]));
	if (w->told[WITNESS_CLIENTS] == NULL || w->told[WITNESS_SITES] == NULL ||
	    w->entries[WITNESS_CLIENTS] == NULL || w->entries[WITNESS_SITES] == NULL ||
	    w->asked == NULL || !create_names(w, max * WITNESS_KINDS)) {
		witness_destroy(w);
		return NULL;
	}
	return w;
}

void witness_destroy(struct witness *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < WITNESS_CLASSES; i++) {
		pool_destroy(w->names[i]);
		free(w->chains[i]);
	}
	for (size_t i = 0; i < WITNESS_KINDS; i++)
		free(w->entries[i]);
	for (size_t i = 0; i < WITNESS_KINDS; i++)
		free(w->told[i]);
	outstanding_destroy(w->asked);
	free(w);
}
