/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/mman.h>

#include "flow/table_state.h"

#define SECONDS 1000000

static const int64_t default_timeout_us[FLOW_STATE_COUNT] = {
	[FLOW_TCP_OPENING] = (int64_t)30 * SECONDS,
	[FLOW_TCP_OPEN] = (int64_t)300 * SECONDS,
	[FLOW_TCP_CLOSING] = (int64_t)10 * SECONDS,
	[FLOW_UDP] = (int64_t)60 * SECONDS,
	[FLOW_OTHER] = (int64_t)30 * SECONDS,
};

static int reserve(struct flow_table *t, const struct flow_cfg *cfg)
{
	const uint32_t records = t->max_flows + FLOW_SPARE;
	void *links;

	t->pool = pool_create(FLOW_RECORD_BYTES + (size_t)cfg->extra_bytes, records);
	if (t->pool == NULL || slots_init(&t->slots, t->max_flows) < 0)
		return -1;
	t->flow_bytes = pool_object_bytes(t->pool);
	t->links_bytes = records * sizeof(*t->links);
	links = mmap(NULL, t->links_bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (links == MAP_FAILED)
		return -1;
	t->links = links;
	return 0;
}

struct flow_table *flow_table_create(const struct flow_cfg *cfg)
{
	struct flow_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->max_flows = cfg->max_flows == 0 ? 1000000 : cfg->max_flows;
	t->seed = cfg->seed;
	t->client_sends = cfg->client_sends;
	t->arg = cfg->arg;
	t->clock_us = INT64_MIN;
	t->given = FLOW_NONE;
	for (int i = 0; i < FLOW_STATE_COUNT; i++)
		t->timeout_us[i] = cfg->timeout_us[i] > 0 ? cfg->timeout_us[i]
							  : default_timeout_us[i];
	for (int i = 0; i < LIST_COUNT; i++)
		t->lists[i] = (struct flow_list){FLOW_NONE, FLOW_NONE};
	if (t->max_flows > FLOW_NONE - FLOW_SPARE - 1 || reserve(t, cfg) < 0) {
		flow_table_destroy(t);
		return NULL;
	}
	return t;
}

void flow_table_destroy(struct flow_table *t)
{
	if (t == NULL)
		return;
	if (t->links != NULL)
		(void)munmap(t->links, t->links_bytes);
	slots_release(&t->slots);
	pool_destroy(t->pool);
	free(t);
}
