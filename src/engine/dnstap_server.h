/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DNSTAP_SERVER_H
#define ENGINE_DNSTAP_SERVER_H

/*
 * dnstap_server - listens to resolvers' own logs: dnstap by Frame Streams over a unix socket, to
 * which unbound, BIND and others connect (identify/dnstap.h).
 *
 * In the gateway it is a process of its own without rights: it has the socket, a ring to the
 * enforcer (dnstap_feed.h), a page of numbers, and what was in memory at the fork.
 *
 * At most DNSTAP_SERVER_MAX connections at a time; one more is hung up at once, and so is one that
 * sends no frames of dnstap, or none within DNSTAP_SERVER_PATIENCE_US.  An answer that finds the
 * ring full is lost.  All is counted.  A resolver connects again by itself.
 *
 * Threads: one owner.  Memory: a buffer a connection, at creation; resident as used.
 */

#include <stdint.h>

#include "base/ring.h"

#define DNSTAP_SERVER_MAX         16
#define DNSTAP_SERVER_PATIENCE_US INT64_C(10000000)

struct dnstap_server_stats {
	uint32_t connections;     /* now */
	uint64_t opened, refused; /* connections; of too many */
	uint64_t broken;          /* connections hung up for what they sent, or did not */
	uint64_t messages, answers; /* frames; of them answers to clients, handed on */
	uint64_t others, unusable;  /* of other types; without client, time or answer */
	uint64_t lost;              /* answers that found the ring full */
	int64_t last_us; /* of the last frame, by the caller's clock; 0 = none */
};

struct dnstap_server;

/* `fd` listens and does not block; it and `out` are borrowed.  NULL: out of memory. */
struct dnstap_server *dnstap_server_create(int fd, struct ring *out);
void dnstap_server_destroy(struct dnstap_server *s); /* hangs up; NULL is a no-op */

/* Wait up to `wait_ms` for something to come, and take it; `now_us` never goes back. */
void dnstap_server_turn(struct dnstap_server *s, int wait_ms, int64_t now_us);

void dnstap_server_stats(const struct dnstap_server *s, struct dnstap_server_stats *ret);

#endif /* ENGINE_DNSTAP_SERVER_H */
