/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIP_SHIPPER_H
#define SHIP_SHIPPER_H

/*
 * shipper - the follower's loop: ledger to receiver, at least once, with a saved cursor.
 *
 * After each reconnect the last `window` lines sent, or fewer, are sent again; after a start of
 * the program at most a quarter of the window more.  Nothing is lost when the receiver's kernel
 * and process together never hold more than 7/8 of `window` lines that it did not write.
 *
 * A wake by inotify, else once a second.  Memory: 64 bytes a line of the window, one frame's
 * room, a reader's and TLS's.  Threads: one.  Time comes from the clocks given.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "ship/peer.h"
#include "ship/syslog.h"

struct shipper_cfg {
	const char *ledger; /* folder */
	const char *state;  /* file */
	struct peer_cfg peer;
	struct syslog_form form;
	uint32_t window;
	bool once;         /* to the ledger's end of now, then end */
	struct clock wall; /* the other one is peer.mono */
	const volatile sig_atomic_t *stop;
	void (*tell)(void *arg, bool bad, const char *text); /* for the operator's log */
	void *arg;
};

/*
 * Ships until *stop, or once.  0; or -errno: of memory and the state file always (said by tell()),
 * and with `once` of everything that kept a line from being acknowledged.
 */
int shipper_run(const struct shipper_cfg *cfg) __attribute__((warn_unused_result));

#endif /* SHIP_SHIPPER_H */
