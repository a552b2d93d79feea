/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_WITNESS_H
#define IDENTIFY_WITNESS_H

/*
 * witness - what DNS told a client: (client, address) -> names, by frame clock.
 *
 * Filled with answers to outstanding queries only: same client, resolver, ports, id and name.
 * Bounded: the oldest entry of a full bucket goes, counted.  Entries live for their TTL, at
 * least 5 minutes (clients keep addresses longer than TTLs), at most a day.
 *
 * Threads: one table a worker (replay sends a client's packets to one worker).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/text.h"
#include "identify/dns.h"

struct witness;

struct witness *witness_create(
	uint32_t max_entries); /* 0 = 65,536.  NULL: out of memory */
void witness_destroy(struct witness *w);

/* A query that `client` sent to `resolver`. */
void witness_query(struct witness *w, const struct addr *client, uint16_t client_port,
		   const struct addr *resolver, const struct dns_message *m,
		   int64_t clock_us);

/* An answer; true when it fits an outstanding query and holds addresses, which were kept. */
bool witness_answer(struct witness *w, const struct addr *client, uint16_t client_port,
		    const struct addr *resolver, const struct dns_message *m,
		    int64_t clock_us);

/* Did DNS give `addr` to `client` for `host`? */
bool witness_confirms(const struct witness *w, const struct addr *client,
		      const struct addr *addr, struct str host, int64_t clock_us);

/*
 * The one name for which DNS gave `addr` to `client`, borrowed until the next call that
 * adds; absent when there is none, or several different ones.
 */
struct str witness_name(const struct witness *w, const struct addr *client,
			const struct addr *addr, int64_t clock_us);

struct witness_stats {
	uint64_t kept;    /* (client, address, name) entries made */
	uint64_t evicted; /* entries that went before their time */
	uint64_t unasked; /* answers without an outstanding query */
};
const struct witness_stats *witness_stats(const struct witness *w);

#endif /* IDENTIFY_WITNESS_H */
