/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_HEAD_POOLS_H
#define FLOW_HEAD_POOLS_H

/*
 * head_pools - the two pools behind heads; private to flow.
 *
 * An object holds HEAD_SMALL or HEAD_MAX stream bytes, then one bit for each of them.
 */

#include "base/pool.h"
#include "flow/head.h"

struct head_pools {
	struct pool *small;
	struct pool *large;
};

static inline size_t head_map_bytes(uint32_t size)
{
	return size / 8;
}

#endif /* FLOW_HEAD_POOLS_H */
