/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENFORCE_CONNTRACK_H
#define ENFORCE_CONNTRACK_H

/*
 * conntrack - counters, ends and translated addresses of connections that the kernel passes
 * without us.
 *
 * Two netlink sockets.  One hears what tells an end: TCP reaching TIME_WAIT or CLOSE, and
 * every DESTROY; a filter in the kernel keeps the rest away.  A TCP connection's DESTROY comes
 * two minutes late, so at its change of state its counters are asked for (such events carry
 * none) and the end is reported then; the DESTROY that follows is known by the entry's id and
 * not reported again.  The other socket asks: single entries, and the whole table
 * (conntrack_dump), which finds what lost events hid and refreshes what lives.
 *
 * An end is reported once, unless events were lost or more than CONNTRACK_TOLD connections
 * ended within two minutes.  Then it may come twice; whoever takes the reports ignores
 * connections that it does not know.  ICMP is never reported.
 *
 * Accounting (nf_conntrack_acct) is switched on at conntrack_open() and set back at
 * conntrack_close(), unless someone else changed it.  What was there before conntrack_open()
 * has no counters then, and the kernel may tell no events of it: dumps show it.
 *
 * Facts, 2026-11, Linux 6.18: UPDATE carries the state without counters, DESTROY carries
 * counters, state and id, dumps carry all; a refused TCP connection is only told by DESTROY
 * (state CLOSE); the answer to a request is in the socket when its sending returns.
 *
 * Threads: one.  Memory: all at conntrack_open(), about 2 MiB.  Needs CAP_NET_ADMIN.  Every
 * read is bounded; nothing blocks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/gateway.h"

#define CONNTRACK_ERROR_MAX 300
#define CONNTRACK_TOLD      262144u /* ends remembered until their DESTROY */

struct conntrack_cfg {
	uint32_t receive_buffer; /* bytes; 0 = 8 MiB */
	/* From a TCP connection's change of state to the question for its counters, at least,
	 * and at most twice that: late acknowledgements count, too.  0 = ask at once. */
	int64_t patience_us;
	bool acct_was_off; /* an earlier process switched accounting on, for us */
};

struct conntrack;

/* What it can do here, found out by trying. */
struct conntrack_abilities {
	bool events;
	bool accounting;
	bool acct_was_off; /* accounting was off before us: conntrack_close() sets it back */
};

typedef void conntrack_take(void *arg, const struct conn_report *r);

/*
 * 0 and *ret, or -errno with a sentence in `error` when not even dumps work (module or right
 * missing).  Lesser lacks are told by *ret_can.
 */
int conntrack_open(const struct conntrack_cfg *cfg, struct conntrack **ret,
		   struct conntrack_abilities *ret_can, char error[CONNTRACK_ERROR_MAX])
	__attribute__((warn_unused_result));
void conntrack_close(struct conntrack *c); /* NULL is a no-op */

/* Settings of this network namespace: 0, 1, or -1 when they cannot be read. */
int conntrack_accounting(void);
int conntrack_checksum(void); /* 0: segments with wrong checksums are taken for good */
/* Accounting off, if it is on: for who finds it left behind.  False: could not. */
bool conntrack_accounting_off(void);

/* Readable when there is something to read: poll both, then conntrack_read(). */
int conntrack_event_fd(const struct conntrack *c); /* -1 = no events here */
int conntrack_query_fd(const struct conntrack *c);

/*
 * Take what waits, a bounded burst of it, without blocking; `now_us` is of any clock that only
 * goes on (unused without patience); `take` is called for each end
 * and for each entry of a dump in progress.  Returns how many messages were read; 0 when
 * none waits.
 */
int conntrack_read(struct conntrack *c, int64_t now_us, conntrack_take *take, void *arg);

/*
 * Ask for the whole table (both families, TCP and UDP); the entries come by conntrack_read().
 * False while an earlier dump goes on, or when the kernel did not take the request.
 */
bool conntrack_dump(struct conntrack *c);
bool conntrack_dumping(const struct conntrack *c);

/*
 * The whole table now, waiting at most `timeout_ms` for it: for the end of a run.  0, or
 * -ETIMEDOUT, or -errno.
 */
int conntrack_dump_now(struct conntrack *c, int timeout_ms, conntrack_take *take,
		       void *arg);

/*
 * Clear the bits `mask` of a TCP or UDP connection's mark, so that rules that pass it by them do
 * no longer.  Of r only addresses, ports and translation are read.  Only in the default zone.
 */
void conntrack_recall(struct conntrack *c, const struct conn_report *r, uint32_t mask);

struct conntrack_stats {
	uint64_t events; /* messages heard */
	uint64_t
		events_lost; /* times the buffer overflowed (ENOBUFS): some number of events */
	uint64_t asked, answered, unknown; /* single entries: asked, told, gone already */
	uint64_t dumps;
	uint64_t recalls, recalls_unsent;
};
const struct conntrack_stats *conntrack_stats(const struct conntrack *c);

#endif /* ENFORCE_CONNTRACK_H */
