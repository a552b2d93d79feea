/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DNS_SHARE_H
#define ENGINE_DNS_SHARE_H

/*
 * dns_share - the passive DNS table on its way out of the enforcer.
 *
 * The enforcer writes its tables (identify/dns_table.h) into a memory file that the processes
 * share, a slice at a tick, so that no packet waits for more than one block; supervisor and
 * writer copy it.  A version that is odd while it is written tells whether a copy is of one
 * piece; nobody waits for anybody.  The memory file cannot grow or shrink, and what it
 * holds is not believed: whoever reads it uses dns_table_read().
 *
 * Threads: a side belongs to one process.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/worker.h"

/* In shared memory. */
struct dns_share {
	_Atomic uint64_t wanted;  /* supervisor: tables asked for */
	_Atomic uint64_t made;    /* enforcer: asked for when the last one was begun */
	_Atomic uint64_t version; /* odd while it is written; 0 = there never was one */
	_Atomic uint64_t bytes;
	/* dns_file.h: writer */
	_Atomic uint64_t saved, save_failed;
	/* enforcer, over all its starts */
	_Atomic uint64_t restored, ended, foreign, refused;
};

/* The memory file.  A descriptor, or -errno. */
int dns_share_open(void);

/* ---- the enforcer's side ---- */

struct dns_writer;

struct dns_writer *dns_writer_create(struct dns_share *sh, int fd); /* NULL: no memory */

/*
 * A slice of what is asked for, or of a table that is begun when `due`.  True: there is more to
 * do; `due` counts again then.
 */
bool dns_writer_turn(struct dns_writer *d, const struct worker *w,
		     const struct generation *g, int64_t clock_us, bool due);

/* A whole table at once. */
void dns_writer_all(struct dns_writer *d, const struct worker *w,
		    const struct generation *g, int64_t clock_us);

/* Sites have other numbers now: begin anew what was begun. */
void dns_writer_restart(struct dns_writer *d);

/* ---- the others' ---- */

/*
 * Copy the table to the descriptor `to`, at its offset.  0; -ENODATA: there is none yet;
 * -EAGAIN: it is being written; -errno of writing.  *ret_version: of what was copied.
 */
int dns_share_copy(const struct dns_share *sh, int fd, int to, uint64_t *ret_version);

#endif /* ENGINE_DNS_SHARE_H */
