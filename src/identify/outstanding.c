/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/outstanding.h"

#include "base/hash.h"
#include "identify/witness_table.h"

#define WAITS_US (30 * INT64_C(1000000)) /* resolvers give up before */

static struct outstanding_query query_of(const struct addr *client, uint16_t client_port,
					 const struct addr *resolver,
					 const struct dns_message *m)
{
	return (struct outstanding_query){
		.client = *client,
		.resolver = *resolver,
		.port = client_port,
		.id = m->id,
		.name_hash = hash_bytes(m->name, m->name_len, WITNESS_SEED + m->qtype),
	};
}

static struct outstanding_query *bucket_of(const struct outstanding *o,
					   const struct outstanding_query *q)
{
	uint64_t h = witness_pair_hash(&q->client, &q->resolver) ^ q->name_hash ^
		     hash_u64((uint64_t)q->port << 16 | q->id);

	return o->queries + (size_t)(hash_u64(h) & (o->buckets - 1)) * WITNESS_WAYS;
}

static bool is_same(const struct outstanding_query *a, const struct outstanding_query *b)
{
	return a->name_hash == b->name_hash && a->port == b->port && a->id == b->id &&
	       addr_equal(&a->client, &b->client) &&
	       addr_equal(&a->resolver, &b->resolver);
}

void outstanding_add(struct outstanding *o, const struct addr *client,
		     uint16_t client_port, const struct addr *resolver,
		     const struct dns_message *m, int64_t clock_us)
{
	struct outstanding_query q = query_of(client, client_port, resolver, m);
	struct outstanding_query *bucket = bucket_of(o, &q);
	struct outstanding_query *to = bucket;

	if (m->is_answer || m->question_count != 1 || m->name_len == 0)
		return;
	for (size_t i = 0; i < WITNESS_WAYS; i++) {
		if (bucket[i].until_us > 0 && is_same(&bucket[i], &q)) {
			to = &bucket[i];
			break;
		}
		if (bucket[i].until_us < to->until_us)
			to = &bucket[i];
	}
	q.until_us = witness_after_epoch(clock_us) + WAITS_US;
	*to = q;
}

bool outstanding_take(struct outstanding *o, const struct addr *client,
		      uint16_t client_port, const struct addr *resolver,
		      const struct dns_message *m, int64_t clock_us)
{
	struct outstanding_query q = query_of(client, client_port, resolver, m);
	struct outstanding_query *bucket = bucket_of(o, &q);
	const int64_t now_us = witness_after_epoch(clock_us);

	for (size_t i = 0; i < WITNESS_WAYS; i++) {
		if (bucket[i].until_us < now_us || bucket[i].until_us == 0 ||
		    !is_same(&bucket[i], &q))
			continue;
		/* One answer for each query: a second one is somebody else's. */
		bucket[i].until_us = 0;
		return true;
	}
	return false;
}
