/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_WITNESS_H
#define IDENTIFY_WITNESS_H

/*
 * witness - what DNS told clients and sites: addresses and their names, by frame clock.
 *
 * Two tables of one form: (client, address) -> names, and (site, address) -> names.  Filled with
 * answers to outstanding queries, and with what a resolver's own log says.  Bounded: the
 * entry of a full bucket that ends first goes, counted.  Entries live for their TTL, at least
 * 5 minutes (clients keep addresses longer than TTLs), at most a day; one that connections
 * of its client use lives on until 5 minutes after the end of the last of them.
 *
 * A site's entry says only that a resolver of the site gave the address to somebody there: it
 * confirms a name that was seen, and is never asked for one (docs/undecidable.md).  It
 * depends on answers alone, never on connections, so that every worker's copy is the same.
 *
 * Threads: one table a worker (replay sends a client's packets to one worker, and the site's
 * answers to all).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/text.h"
#include "identify/dns.h"

struct witness;

#define WITNESS_ENTRIES 65536u /* of each table, where no other number is given */

struct witness *witness_create(
	uint32_t max_entries); /* 0 = WITNESS_ENTRIES.  NULL: out of memory */
void witness_destroy(struct witness *w);

/* A query that `client` sent to `resolver`. */
void witness_query(struct witness *w, const struct addr *client, uint16_t client_port,
		   const struct addr *resolver, const struct dns_message *m,
		   int64_t clock_us);

/* An answer; true when it fits an outstanding query and holds addresses, which were kept. */
bool witness_answer(struct witness *w, const struct addr *client, uint16_t client_port,
		    const struct addr *resolver, const struct dns_message *m,
		    int64_t clock_us);

/*
 * The addresses of an answer that somebody else has found to be one: of `client`, or of the
 * site with this number, which its name gives (generation_site_id()).  True: it held some.
 */
bool witness_keep(struct witness *w, const struct addr *client,
		  const struct dns_message *m, int64_t clock_us);
bool witness_keep_site(struct witness *w, uint64_t site, const struct dns_message *m,
		       int64_t clock_us);

/* Did DNS give `addr` to `client` for `host`? */
bool witness_confirms(const struct witness *w, const struct addr *client,
		      const struct addr *addr, struct str host, int64_t clock_us);

/* Did DNS give `addr` to anybody of the site for `host`? */
bool witness_site_confirms(const struct witness *w, uint64_t site,
			   const struct addr *addr, struct str host, int64_t clock_us);

/*
 * Did DNS say otherwise: other addresses for `host`, to the client or to anybody of the site
 * (0 = none), or to the client this address for another name?  False where it also said the same, and
 * where it said nothing.  What was said of a name is not kept over a restart.
 */
bool witness_contradicts(const struct witness *w, const struct addr *client,
			 uint64_t site, const struct addr *addr, struct str host,
			 int64_t clock_us);

/*
 * Did DNS tell `client` that hellos with Encrypted ClientHello name `host` in clear (ech= of an HTTPS or
 * SVCB answer, RFC 9849)?  Not kept over a restart.
 */
bool witness_fronts(const struct witness *w, const struct addr *client, struct str host,
		    int64_t clock_us);

/*
 * The one name for which DNS gave `addr` to `client`, borrowed until the next call that
 * adds; absent when there is none, or several different ones.
 */
struct str witness_name(const struct witness *w, const struct addr *client,
			const struct addr *addr, int64_t clock_us);

/* A connection's hold on an entry of its client; {0} = none. */
struct witness_ref {
	uint32_t place; /* + 1 */
	uint32_t serial;
};

/*
 * As witness_confirms(), and the entry does not end before witness_let_go().  {0}: there is
 * none.  Of a bucket full of such entries one goes all the same; its holders do no harm.
 */
struct witness_ref witness_hold(struct witness *w, const struct addr *client,
				const struct addr *addr, struct str host,
				int64_t clock_us);
void witness_let_go(struct witness *w, struct witness_ref ref, int64_t clock_us);

/* ---- what is in it ---- */

struct witness_row {
	bool of_site;
	uint64_t site;      /* if of_site */
	struct addr client; /* if not */
	struct addr addr;
	struct str name;                     /* borrowed until the next call that adds */
	int64_t first_us, last_us, until_us; /* first and last answer; end */
};

/* Places are numbered from 0; false: nothing that lives at `clock_us` is there. */
size_t witness_places(const struct witness *w);
bool witness_row_at(const struct witness *w, size_t place, int64_t clock_us,
		    struct witness_row *ret);

/* Put back what witness_row_at() told; false: it has ended. */
bool witness_restore(struct witness *w, const struct witness_row *row, int64_t clock_us);

struct witness_stats {
	uint64_t kept;                    /* (client, address, name) entries made */
	uint64_t evicted;                 /* entries that went before their time */
	uint64_t site_kept, site_evicted; /* the same of sites */
	uint64_t unasked;                 /* answers without an outstanding query */
};
const struct witness_stats *witness_stats(const struct witness *w);

#endif /* IDENTIFY_WITNESS_H */
