/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_WITNESS_TABLE_H
#define IDENTIFY_WITNESS_TABLE_H

/*
 * witness_table - how the witness keeps its three tables.  Private to identify.
 *
 * Entries and outstanding queries live in buckets of WITNESS_WAYS; a full bucket gives up the
 * entry that ends first.  Names are kept once, however many clients and addresses share one,
 * in slots of four sizes.  All room is reserved at creation and becomes resident with use.
 * The hash seed is fixed, so that a replay repeats to the byte: whoever aims at a bucket
 * pushes out answers, and what is not confirmed is never trusted more.
 */

#include "base/pool.h"
#include "identify/witness.h"

#define WITNESS_WAYS    16
#define WITNESS_CLASSES 4

struct witness_name {
	uint64_t hash;
	uint32_t next; /* in its hash chain, or POOL_NONE */
	uint32_t users;
	uint16_t len;
	char text[]; /* len bytes */
};

struct witness_entry {
	struct addr client, addr;
	int64_t until_us; /* 0 = free */
	uint32_t name;
	uint8_t size_class;
};

struct witness_pending {
	struct addr client, resolver;
	uint64_t name_hash; /* of the question's name and type */
	int64_t until_us;   /* 0 = free */
	uint16_t port, id;
};

struct witness {
	struct witness_entry *entries;
	struct witness_pending *pending;
	uint32_t *chains[WITNESS_CLASSES]; /* first name of each hash chain */
	struct pool *names[WITNESS_CLASSES];
	uint32_t entry_buckets, pending_buckets, chain_count; /* powers of two */
	struct witness_stats stats;
};

/* Bytes of name that fit into a slot of each size. */
static const uint16_t witness_class_max[WITNESS_CLASSES] = {32, 64, 128, 256};

#endif /* IDENTIFY_WITNESS_TABLE_H */
