/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIP_PEER_H
#define SHIP_PEER_H

/*
 * peer - a connection to a receiver, over TCP or TLS, and how much of it the peer's kernel has.
 *
 * TLS: version 1.2 or later; the server's certificate must be signed by a known authority, be
 * valid now and bear the configured name or address among its subjectAltNames (RFC 5425
 * section 5.2; the common name counts for nothing).  There is no way to pass over a fault.
 *
 * The kernel says how many bytes of the socket are not acknowledged yet (SIOCOUTQ, tcp(7));
 * what TLS adds is counted with them.
 *
 * Memory: OpenSSL's, and 64 marks.  Threads: one.  SIGPIPE must be ignored.
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define PEER_ERROR_MAX 300

struct peer;

struct peer_cfg {
	const char *host; /* name or address */
	uint16_t port;
	bool tls;
	const char *ca, *cert, *key; /* NULL = the system's; none */
	struct clock mono;
	const volatile sig_atomic_t *stop; /* not 0: give up with -EINTR */
};

/* Connect, within 10 s an address.  0, or -errno and a sentence for the operator. */
int peer_open(const struct peer_cfg *cfg, struct peer **ret, char error[PEER_ERROR_MAX])
	__attribute__((warn_unused_result));
void peer_close(struct peer *p); /* NULL is a no-op */

/* Hand all bytes to the kernel; waits as long as the peer lives.  0, -EINTR or -errno. */
int peer_send(struct peer *p, const char *bytes, size_t len)
	__attribute__((warn_unused_result));

/* Of the bytes that were sent, how many the peer's kernel certainly has. */
uint64_t peer_acknowledged(struct peer *p);

/*
 * Wait for `fd` (-1 = none) to become readable or the peer to say something, at most timeout_ms.
 * 0, or -errno: -EPIPE when the peer closed.  What it says is thrown away.
 */
int peer_wait(struct peer *p, int fd, int timeout_ms) __attribute__((warn_unused_result));

/* Say that nothing follows and wait, at most 5 s, until the peer has closed too.  0 or -errno. */
int peer_finish(struct peer *p) __attribute__((warn_unused_result));

/* What ended it, for people; "" = nothing. */
const char *peer_error(const struct peer *p);

#endif /* SHIP_PEER_H */
