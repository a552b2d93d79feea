/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_WITNESS_TABLE_H
#define IDENTIFY_WITNESS_TABLE_H

/*
 * witness_table - how witness and outstanding keep their tables.  Private to identify.
 *
 * Entries and outstanding queries live in buckets of WITNESS_WAYS; a full bucket gives up the
 * entry that ends first.  Names are kept once, however many clients and addresses share one,
 * in slots of four sizes.  All room is reserved at creation and becomes resident with use.
 * The hash seed is fixed, so that a replay repeats to the byte: whoever aims at a bucket
 * pushes out answers, and what is not confirmed is never trusted more.
 */

#include "base/hash.h"
#include "base/pool.h"
#include "identify/outstanding.h"
#include "identify/witness.h"

#define WITNESS_WAYS    16
#define WITNESS_CLASSES 4
#define WITNESS_SEED    UINT64_C(0x7765697277697473)

struct witness_name {
	uint64_t hash;
	uint32_t next; /* in its hash chain, or POOL_NONE */
	uint32_t users;
	uint16_t len;
	char text[]; /* len bytes */
};

struct witness_entry {
	struct addr whose; /* the client, or the site's number and zeros */
	struct addr addr;
	int64_t first_us, last_us;
	int64_t until_us; /* 0 = free */
	uint32_t name;
	uint32_t flows;  /* connections that hold it */
	uint32_t serial; /* another one for whatever comes to this place */
	uint8_t size_class;
};

struct outstanding_query {
	struct addr client, resolver;
	uint64_t name_hash; /* of the question's name and type */
	int64_t until_us;   /* 0 = free */
	uint16_t port, id;
};

struct outstanding {
	struct outstanding_query *queries;
	uint32_t buckets; /* a power of two */
};

/* Somebody was told addresses of a name: a hash of both. */
struct witness_told {
	uint64_t key;
	int64_t until_us; /* 0 = free */
};

enum witness_kind {
	WITNESS_CLIENTS = 0,
	WITNESS_SITES,
	WITNESS_KINDS
};

struct witness {
	struct witness_entry *entries[WITNESS_KINDS];
	struct witness_told *told[WITNESS_KINDS]; /* in buckets, as many as of entries */
	struct outstanding *asked;
	uint32_t *chains[WITNESS_CLASSES]; /* first name of each hash chain */
	struct pool *names[WITNESS_CLASSES];
	uint32_t entry_buckets, chain_count; /* powers of two */
	uint32_t serial;
	struct witness_stats stats;
};

/* Bytes of name that fit into a slot of each size. */
static const uint16_t witness_class_max[WITNESS_CLASSES] = {32, 64, 128, 256};

static inline uint64_t witness_pair_hash(const struct addr *a, const struct addr *b)
{
	uint8_t both[2 * sizeof(struct addr)];

	memcpy(both, a->b, sizeof(a->b));
	memcpy(both + sizeof(a->b), b->b, sizeof(b->b));
	return hash_bytes(both, sizeof(both), WITNESS_SEED);
}

/* A clock that is not after 1970 cannot mark an entry as used. */
static inline int64_t witness_after_epoch(int64_t clock_us)
{
	return clock_us < 0 ? 0 : clock_us;
}

#endif /* IDENTIFY_WITNESS_TABLE_H */
