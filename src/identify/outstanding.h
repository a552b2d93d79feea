/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_OUTSTANDING_H
#define IDENTIFY_OUTSTANDING_H

/*
 * outstanding - DNS queries that wait for their answer.
 *
 * An answer counts when it comes from the resolver that was asked, to the same port, with the
 * same id, name and type (RFC 5452 9.1), within 30 s, and is the first.  Bounded: a full
 * bucket gives up the oldest query.
 *
 * Threads: one owner.  No allocation after creation.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "identify/dns.h"

struct outstanding;

/* Room for `max` queries, rounded up to a power of two.  NULL: out of memory. */
struct outstanding *outstanding_create(uint32_t max);
void outstanding_destroy(struct outstanding *o); /* NULL is a no-op */

/* `client` asks `resolver`.  Messages that are no query with one question are ignored. */
void outstanding_add(struct outstanding *o, const struct addr *client,
		     uint16_t client_port, const struct addr *resolver,
		     const struct dns_message *m, int64_t clock_us);

/* Is `m` the answer to a query that waits?  It waits no longer then. */
bool outstanding_take(struct outstanding *o, const struct addr *client,
		      uint16_t client_port, const struct addr *resolver,
		      const struct dns_message *m, int64_t clock_us);

#endif /* IDENTIFY_OUTSTANDING_H */
