/* SPDX-License-Identifier: Apache-2.0 */
#include "ship/backoff.h"

#include "base/hash.h"

void backoff_reset(struct backoff *b)
{
	b->bound_us = 0;
}

int64_t backoff_next(struct backoff *b, int64_t now_us)
{
	int64_t half;

	if (b->bound_us == 0)
		b->bound_us = BACKOFF_FIRST_US;
	else if (b->bound_us < BACKOFF_MOST_US / 2)
		b->bound_us *= 2;
	else
		b->bound_us = BACKOFF_MOST_US;
	half = b->bound_us / 2;
	/* hash_u64() keeps 0 at 0. */
	return half + (int64_t)(hash_u64((uint64_t)now_us + 1) % (uint64_t)(half + 1));
}
