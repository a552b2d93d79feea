/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/witness.h"

#include "base/hash.h"
#include "identify/witness_table.h"

#define SEED           UINT64_C(0x7765697277697473)
#define OUTSTANDING_US (30 * INT64_C(1000000)) /* resolvers give up before */
#define KEEP_MIN_US    (300 * INT64_C(1000000))
#define KEEP_MAX_US    (86400 * INT64_C(1000000))

static uint64_t pair_hash(const struct addr *a, const struct addr *b)
{
	uint8_t both[2 * sizeof(struct addr)];

	memcpy(both, a->b, sizeof(a->b));
	memcpy(both + sizeof(a->b), b->b, sizeof(b->b));
	return hash_bytes(both, sizeof(both), SEED);
}

static struct witness_entry *bucket_of(const struct witness *w, const struct addr *client,
				       const struct addr *addr)
{
	size_t b = (size_t)(pair_hash(client, addr) & (w->entry_buckets - 1));

	return w->entries + b * WITNESS_WAYS;
}

static bool is_pair(const struct witness_entry *e, const struct addr *client,
		    const struct addr *addr, int64_t clock_us)
{
	return e->until_us > clock_us && addr_equal(&e->client, client) &&
	       addr_equal(&e->addr, addr);
}

static const struct witness_name *name_of(const struct witness *w,
					  const struct witness_entry *e)
{
	return pool_at(w->names[e->size_class], e->name);
}

static struct str text_of(const struct witness_name *n)
{
	return (struct str){n->text, n->len};
}

/* The slot that holds `name`, with one user more; POOL_NONE when there is no room. */
static uint32_t take_name(struct witness *w, struct str name, uint8_t class)
{
	uint64_t hash = hash_bytes(name.p, name.len, SEED);
	uint32_t *first = &w->chains[class][hash & (w->chain_count - 1)];
	struct witness_name *n;

	for (uint32_t i = *first; i != POOL_NONE; i = n->next) {
		n = pool_at(w->names[class], i);
		if (n->hash == hash && str_equal(text_of(n), name)) {
			n->users++;
			return i;
		}
	}
	n = pool_get(w->names[class]);
	if (n == NULL)
		return POOL_NONE;
	n->hash = hash;
	n->users = 1;
	n->len = (uint16_t)name.len;
	memcpy(n->text, name.p, name.len);
	n->next = *first;
	*first = pool_index(w->names[class], n);
	return *first;
}

static void drop_entry(struct witness *w, struct witness_entry *e)
{
	struct witness_name *n = pool_at(w->names[e->size_class], e->name);
	uint32_t *link = &w->chains[e->size_class][n->hash & (w->chain_count - 1)];

	e->until_us = 0;
	if (--n->users > 0)
		return;
	while (*link != e->name)
		link = &((struct witness_name *)pool_at(w->names[e->size_class], *link))
				->next;
	*link = n->next;
	pool_put(w->names[e->size_class], n);
}

static int64_t keep_us(uint32_t ttl_s)
{
	int64_t us = (int64_t)ttl_s * 1000000;

	if (us < KEEP_MIN_US)
		return KEEP_MIN_US;
	return us > KEEP_MAX_US ? KEEP_MAX_US : us;
}

static uint8_t class_of(size_t len)
{
	uint8_t class = 0;

	while (len > witness_class_max[class])
		class ++;
	return class;
}

static void keep(struct witness *w, const struct addr *client, const struct addr *addr,
		 struct str name, int64_t until_us)
{
	struct witness_entry *bucket = bucket_of(w, client, addr);
	struct witness_entry *to = bucket;
	uint32_t slot;

	for (size_t i = 0; i < WITNESS_WAYS; i++) {
		struct witness_entry *e = bucket + i;

		if (e->until_us > 0 && addr_equal(&e->client, client) &&
		    addr_equal(&e->addr, addr) &&
		    str_equal(text_of(name_of(w, e)), name)) {
			if (until_us > e->until_us)
				e->until_us = until_us;
			return;
		}
		if (e->until_us < to->until_us)
			to = e;
	}
	if (to->until_us > 0) {
		w->stats.evicted++;
		drop_entry(w, to);
	}
	slot = take_name(w, name, class_of(name.len));
	if (slot == POOL_NONE) {
		w->stats.evicted++;
		return;
	}
	*to = (struct witness_entry){.client = *client,
				     .addr = *addr,
				     .until_us = until_us,
				     .name = slot,
				     .size_class = class_of(name.len)};
	w->stats.kept++;
}

/* A clock that is not after 1970 cannot mark an entry as used. */
static int64_t after_epoch(int64_t clock_us)
{
	return clock_us < 0 ? 0 : clock_us;
}

static struct witness_pending *pending_bucket(const struct witness *w,
					      const struct witness_pending *q)
{
	uint64_t h = pair_hash(&q->client, &q->resolver) ^ q->name_hash ^
		     hash_u64((uint64_t)q->port << 16 | q->id);

	return w->pending +
	       (size_t)(hash_u64(h) & (w->pending_buckets - 1)) * WITNESS_WAYS;
}

static struct witness_pending pending_of(const struct addr *client, uint16_t client_port,
					 const struct addr *resolver,
					 const struct dns_message *m)
{
	return (struct witness_pending){
		.client = *client,
		.resolver = *resolver,
		.port = client_port,
		.id = m->id,
		.name_hash = hash_bytes(m->name, m->name_len, SEED + m->qtype),
	};
}

static bool same_query(const struct witness_pending *a, const struct witness_pending *b)
{
	return a->name_hash == b->name_hash && a->port == b->port && a->id == b->id &&
	       addr_equal(&a->client, &b->client) &&
	       addr_equal(&a->resolver, &b->resolver);
}

void witness_query(struct witness *w, const struct addr *client, uint16_t client_port,
		   const struct addr *resolver, const struct dns_message *m,
		   int64_t clock_us)
{
	struct witness_pending q = pending_of(client, client_port, resolver, m);
	struct witness_pending *bucket = pending_bucket(w, &q);
	struct witness_pending *to = bucket;

	if (m->is_answer || m->question_count != 1 || m->name_len == 0)
		return;
	for (size_t i = 0; i < WITNESS_WAYS; i++) {
		if (bucket[i].until_us > 0 && same_query(&bucket[i], &q)) {
			to = &bucket[i];
			break;
		}
		if (bucket[i].until_us < to->until_us)
			to = &bucket[i];
	}
	q.until_us = after_epoch(clock_us) + OUTSTANDING_US;
	*to = q;
}

bool witness_answer(struct witness *w, const struct addr *client, uint16_t client_port,
		    const struct addr *resolver, const struct dns_message *m,
		    int64_t clock_us)
{
	struct witness_pending q = pending_of(client, client_port, resolver, m);
	struct witness_pending *bucket = pending_bucket(w, &q);
	int64_t now_us = after_epoch(clock_us);

	if (!m->is_answer || m->question_count != 1)
		return false;
	for (size_t i = 0; i < WITNESS_WAYS; i++) {
		if (bucket[i].until_us < now_us || bucket[i].until_us == 0 ||
		    !same_query(&bucket[i], &q))
			continue;
		/* One answer for each query: a second one is somebody else's. */
		bucket[i].until_us = 0;
		if (m->rcode != 0)
			return false;
		for (size_t a = 0; a < m->address_count; a++)
			keep(w, client, &m->addresses[a].addr,
			     (struct str){m->name, m->name_len},
			     now_us + keep_us(m->addresses[a].ttl_s));
		return m->address_count > 0;
	}
	w->stats.unasked++;
	return false;
}

bool witness_confirms(const struct witness *w, const struct addr *client,
		      const struct addr *addr, struct str host, int64_t clock_us)
{
	const struct witness_entry *bucket = bucket_of(w, client, addr);

	for (size_t i = 0; i < WITNESS_WAYS; i++)
		if (is_pair(&bucket[i], client, addr, clock_us) &&
		    str_equal(text_of(name_of(w, &bucket[i])), host))
			return true;
	return false;
}

struct str witness_name(const struct witness *w, const struct addr *client,
			const struct addr *addr, int64_t clock_us)
{
	const struct witness_entry *bucket = bucket_of(w, client, addr);
	const struct witness_entry *found = NULL;

	for (size_t i = 0; i < WITNESS_WAYS; i++) {
		if (!is_pair(&bucket[i], client, addr, clock_us))
			continue;
		if (found != NULL) /* entries of one pair differ in their names */
			return STR_NONE;
		found = &bucket[i];
	}
	return found == NULL ? STR_NONE : text_of(name_of(w, found));
}

const struct witness_stats *witness_stats(const struct witness *w)
{
	return &w->stats;
}
