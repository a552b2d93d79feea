/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/head_pools.h"

#include <stdlib.h>

struct head_pools *head_pools_create(uint32_t small_max, uint32_t large_max)
{
	struct head_pools *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->small = pool_create(HEAD_SMALL + head_map_bytes(HEAD_SMALL), small_max);
	p->large = pool_create(HEAD_MAX, large_max);
	p->maps = pool_create(head_map_bytes(HEAD_MAX), large_max);
	if (p->small == NULL || p->large == NULL || p->maps == NULL) {
		head_pools_destroy(p);
		return NULL;
	}
	return p;
}

void head_pools_destroy(struct head_pools *p)
{
	if (p == NULL)
		return;
	pool_destroy(p->small);
	pool_destroy(p->large);
	pool_destroy(p->maps);
	free(p);
}
