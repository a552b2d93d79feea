/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INHERIT_H
#define ENGINE_INHERIT_H

/*
 * inherit - which QUIC connections were allowed a short while ago, for those whose beginning
 * nobody saw: a client whose port the network translates anew, or that changes it (RFC 9000 9),
 * goes on with short headers, which say no name.
 *
 * An entry is (inside address, server's address and port) and what the last allowed connection
 * between these said of itself.  It counts while a connection that made it lives, and
 * INHERIT_US longer, by frame clock; a denied one between the same ends makes it void until
 * another is allowed.  Connections hold their entry by number: an entry that is held never goes.
 *
 * Threads: as the worker's.  Memory: reserved at creation; of a full table the entry goes that
 * was let go first, and where all are held a new one is refused; both are counted.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "engine/intern.h"

#define INHERIT_US      INT64_C(600000000)
#define INHERIT_ENTRIES 65536u
#define INHERIT_NONE    0u

struct inherit_key {
	struct addr inside, server;
	uint16_t port;
};

/* What an heir takes; the texts are numbers of the table's intern, held by the entry. */
struct legacy {
	uint32_t host, sni, offers, ja4;
	uint32_t quic_version;
	uint16_t tls_offered;
	uint8_t evidence, visibility;
};

struct inherit;

/* At most `max` entries; `texts` is borrowed for its life.  NULL: out of memory. */
struct inherit *inherit_create(uint32_t max, uint64_t seed, struct intern *texts);
void inherit_destroy(struct inherit *t); /* NULL is a no-op */

/*
 * A connection was allowed: its entry, held as one that made it, or INHERIT_NONE.  The texts of
 * *l get one more holder each.
 */
uint32_t inherit_allow(struct inherit *t, const struct inherit_key *k,
		       const struct legacy *l);

/* A connection was denied: nobody inherits any more. */
void inherit_deny(struct inherit *t, const struct inherit_key *k);

/* The entry that counts at `clock_us`, held as an heir's, or INHERIT_NONE. */
uint32_t inherit_find(struct inherit *t, const struct inherit_key *k, int64_t clock_us);

/* What a held entry says, or NULL: it has become void.  Borrowed until the next call. */
const struct legacy *inherit_legacy(const struct inherit *t, uint32_t entry);

/* Who made it is over since its last packet at `last_us`; INHERIT_NONE is a no-op. */
void inherit_end(struct inherit *t, uint32_t entry, int64_t last_us);

/* An heir wants it no more; INHERIT_NONE is a no-op. */
void inherit_leave(struct inherit *t, uint32_t entry);

/* Give back what has ended at `clock_us`. */
void inherit_expire(struct inherit *t, int64_t clock_us);

struct inherit_stats {
	uint32_t entries; /* now */
	uint64_t
		forgotten; /* gone before their time, or refused, because there was no room */
};
void inherit_stats(const struct inherit *t, struct inherit_stats *ret);

#endif /* ENGINE_INHERIT_H */
