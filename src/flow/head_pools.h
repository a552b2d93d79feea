/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_HEAD_POOLS_H
#define FLOW_HEAD_POOLS_H

/*
 * head_pools - the two pools behind heads; private to flow.
 *
 * An object holds HEAD_SMALL stream bytes, then one bit for each of them; or HEAD_MAX bytes,
 * whose bits lie in a map, which few heads need.
 */

#include "base/pool.h"
#include "flow/head.h"

struct head_pools {
	struct pool *small;
	struct pool *large;
	struct pool *maps; /* one for each of `large` */
};

static inline size_t head_map_bytes(uint32_t size)
{
	return size / 8;
}

#endif /* FLOW_HEAD_POOLS_H */
