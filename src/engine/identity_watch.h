/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_IDENTITY_WATCH_H
#define ENGINE_IDENTITY_WATCH_H

/*
 * identity_watch - keeps the table of who is who up to date while the gateway runs.
 *
 * The supervisor reads: it may read files that the enforcer, without rights, may not.  Every 5 s it
 * looks at the files (device, number, size, time of change) and the neighbour table.  What
 * has changed is read anew; a broken file is told, and what it said before stays in force.
 *
 * The table goes to the enforcer in shared memory of two places: the supervisor writes into the one
 * that is not in use and offers it; it writes again only when the enforcer has taken the
 * offer.  The enforcer maps both for reading only.  A table has no pointers.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/identity.h"

/* In the gateway's shared memory. */
struct identity_share {
	_Atomic uint32_t
		offered; /* number of the table, from 1; its place is the last bit */
	_Atomic uint32_t taken; /* by the enforcer */
	_Atomic uint32_t rows;
};

/* The two places.  NULL: no memory. */
void *identity_share_create(void);

/* The enforcer: read-only from now on. */
int identity_share_attach(void *places);
/* A table that is not in use yet, or NULL. */
const struct identity *identity_share_take(struct identity_share *sh, const void *places,
					   uint32_t *in_use);

struct identity_watch;

/* Said once for each state of a file: what was refused, all findings, or that it is fine again. */
typedef void identity_tell(void *arg, bool fine, const char *text);

/* Tables go to `sh` and its `places`.  NULL: out of memory. */
struct identity_watch *identity_watch_create(struct identity_share *sh, void *places,
					     identity_tell *tell, void *arg);
void identity_watch_destroy(struct identity_watch *w);

/*
 * Look at what `c` names, at the most every 5 s of `mono_us`; offer a new table if anything has
 * changed.  `now` = at once.
 */
void identity_watch_look(struct identity_watch *w, const struct config *c,
			 int64_t mono_us, bool now);

/* Files whose present contents are not in force. */
unsigned identity_watch_broken(const struct identity_watch *w);

#endif /* ENGINE_IDENTITY_WATCH_H */
