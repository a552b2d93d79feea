/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/context.h"

#include <stdlib.h>
#include <sys/random.h>

#define FRAGMENTS_DEFAULT  1024
#define FRAGMENTS_LIMIT    ((uint32_t)1 << 20)
#define TIMEOUT_DEFAULT_US ((int64_t)30 * 1000 * 1000)

static bool fragments_open(struct fragments *t, uint32_t max, int64_t timeout_us)
{
	uint32_t buckets = 16;

	while (buckets < 2 * max)
		buckets *= 2;
	t->bucket_mask = buckets - 1;
	t->timeout_us = timeout_us;
	t->next_deadline_us = INT64_MAX;
	/*
	 * The seed makes long chains a matter of luck for a sender.  Results never depend on
	 * it, so zero will do when there is no entropy this early in boot.
	 */
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) < 0)
		t->seed = 0;
	t->buckets = calloc(buckets, sizeof(struct datagram *));
	t->datagrams = pool_create(sizeof(struct datagram), max);
	t->buffers = pool_create(FRAGMENT_BYTES_MAX, max + FRAGMENT_LENT_MAX);
	return t->buckets != NULL && t->datagrams != NULL && t->buffers != NULL;
}

static void fragments_close(struct fragments *t)
{
	pool_destroy(t->buffers);
	pool_destroy(t->datagrams);
	free(t->buckets);
}

struct decoder *decoder_create(const struct decode_cfg *cfg)
{
	struct decoder *d = calloc(1, sizeof(*d));
	uint32_t max = cfg->fragments_max;
	int64_t timeout_us = cfg->fragment_timeout_us;

	if (d == NULL)
		return NULL;
	d->tunnels = cfg->tunnels;
	if (max == 0)
		max = FRAGMENTS_DEFAULT;
	if (max > FRAGMENTS_LIMIT)
		max = FRAGMENTS_LIMIT;
	if (timeout_us <= 0)
		timeout_us = TIMEOUT_DEFAULT_US;
	if (!fragments_open(&d->fragments, max, timeout_us)) {
		decoder_destroy(d);
		return NULL;
	}
	return d;
}

void decoder_destroy(struct decoder *d)
{
	if (d == NULL)
		return;
	fragments_close(&d->fragments);
	free(d);
}
