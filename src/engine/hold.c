/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hold.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pool.h"

#define FLOW_PACKETS   32u
#define FLOW_BYTES     (128u << 10)
#define SOURCE_PACKETS 2048u
#define TOTAL_PACKETS  16384u
#define TOTAL_MAX      1000000u
#define TOTAL_BYTES    ((uint64_t)64 << 20)

struct held {
	struct held_packet packet;
	uint32_t bytes;
	uint32_t next; /* record + 1; 0 = last */
};

/* How many packets of a source are held; none = the place is free. */
struct source_count {
	struct addr addr;
	uint32_t packets;
};

struct hold {
	struct hold_cfg cfg;
	struct pool *records;
	/* Open addressing, linear; at most total_packets sources in twice as many places. */
	struct source_count *sources;
	uint32_t source_mask;
	struct hold_stats stats;
};

static uint32_t or_default(uint32_t v, uint32_t normal)
{
	return v == 0 ? normal : v;
}

struct hold *hold_create(const struct hold_cfg *cfg)
{
	struct hold *h = calloc(1, sizeof(*h));
	uint32_t places = 1;

	if (h == NULL)
		return NULL;
	h->cfg = (struct hold_cfg){
		.flow_packets = or_default(cfg->flow_packets, FLOW_PACKETS),
		.flow_bytes = or_default(cfg->flow_bytes, FLOW_BYTES),
		.source_packets = or_default(cfg->source_packets, SOURCE_PACKETS),
		.total_packets = or_default(cfg->total_packets, TOTAL_PACKETS),
		.total_bytes = cfg->total_bytes == 0 ? TOTAL_BYTES : cfg->total_bytes,
		.seed = cfg->seed,
	};
	if (h->cfg.total_packets > TOTAL_MAX)
		h->cfg.total_packets = TOTAL_MAX;
	while (places < 2 * h->cfg.total_packets)
		places *= 2;
	h->source_mask = places - 1;
	h->sources = calloc(places, sizeof(*h->sources));
	h->records = pool_create(sizeof(struct held), h->cfg.total_packets);
	if (h->sources == NULL || h->records == NULL) {
		hold_destroy(h);
		return NULL;
	}
	return h;
}

void hold_destroy(struct hold *h)
{
	if (h == NULL)
		return;
	pool_destroy(h->records);
	free(h->sources);
	free(h);
}

static uint32_t home_of(const struct hold *h, const struct addr *a)
{
	return (uint32_t)hash_bytes(a->b, sizeof(a->b), h->cfg.seed) & h->source_mask;
}

/* The place of `a`, or the free one where it would go. */
static uint32_t place_of(const struct hold *h, const struct addr *a)
{
	uint32_t i = home_of(h, a);

	while (h->sources[i].packets > 0 && !addr_equal(&h->sources[i].addr, a))
		i = (i + 1) & h->source_mask;
	return i;
}

/* Free place i and close the gap: no search may end before what it looks for. */
static void free_place(struct hold *h, uint32_t i)
{
	uint32_t k = i;

	h->sources[i].packets = 0;
	for (;;) {
		uint32_t home;

		k = (k + 1) & h->source_mask;
		if (h->sources[k].packets == 0)
			return;
		home = home_of(h, &h->sources[k].addr);
		/* May k's entry stand at i?  Only if its home is not in (i, k]. */
		if (((k - home) & h->source_mask) < ((k - i) & h->source_mask))
			continue;
		h->sources[i] = h->sources[k];
		h->sources[k].packets = 0;
		i = k;
	}
}

bool hold_add(struct hold *h, struct hold_list *l, const struct addr *source,
	      struct held_packet p, uint32_t bytes)
{
	uint32_t place = place_of(h, source);
	struct held *r;

	if (l->packets >= h->cfg.flow_packets || bytes > h->cfg.flow_bytes - l->bytes) {
		h->stats.over_flow++;
		return false;
	}
	if (h->sources[place].packets >= h->cfg.source_packets) {
		h->stats.over_source++;
		return false;
	}
	if (h->stats.now_bytes + bytes > h->cfg.total_bytes ||
	    (r = pool_get(h->records)) == NULL) {
		h->stats.over_total++;
		return false;
	}
	*r = (struct held){.packet = p, .bytes = bytes};
	if (l->first == 0)
		l->first = pool_index(h->records, r) + 1;
	else
		((struct held *)pool_at(h->records, l->last - 1))->next =
			pool_index(h->records, r) + 1;
	l->last = pool_index(h->records, r) + 1;
	l->packets++;
	l->bytes += bytes;
	h->sources[place].addr = *source;
	h->sources[place].packets++;
	h->stats.held++;
	h->stats.now++;
	h->stats.now_bytes += bytes;
	return true;
}

bool hold_take(struct hold *h, struct hold_list *l, const struct addr *source,
	       struct held_packet *ret)
{
	uint32_t place;
	struct held *r;

	if (l->first == 0)
		return false;
	r = pool_at(h->records, l->first - 1);
	*ret = r->packet;
	l->first = r->next;
	if (l->first == 0)
		l->last = 0;
	l->packets--;
	l->bytes -= r->bytes;
	h->stats.now--;
	h->stats.now_bytes -= r->bytes;
	pool_put(h->records, r);
	place = place_of(h, source);
	if (--h->sources[place].packets == 0)
		free_place(h, place);
	return true;
}

const struct hold_stats *hold_stats(const struct hold *h)
{
	return &h->stats;
}
