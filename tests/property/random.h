/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROPERTY_RANDOM_H
#define PROPERTY_RANDOM_H

/* random - numbers that follow from a seed, the same on every machine. */

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

/* splitmix64 */
static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Of run `run` under `seed`. */
static inline struct rng rng_of(uint64_t seed, uint64_t run)
{
	struct rng r = {seed};

	r.state = rng_next(&r) ^ run * UINT64_C(0xd1342543de82ef95);
	return r;
}

/* 0 .. n - 1; n > 0. */
static inline uint32_t below(struct rng *r, size_t n)
{
	return (uint32_t)((rng_next(r) >> 16) % n);
}

#endif /* PROPERTY_RANDOM_H */
