/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_FOLD_H
#define POLICY_FOLD_H

/*
 * fold - one form for an endpoint, whoever wrote it: the patterns of lists and what is seen
 * on the wire are folded alike before they are compared.
 *
 * What Microsoft Learn "Connector endpoint filtering" (text of 2025-09-19) leaves open is
 * decided here.  Letter case of scheme, host, server, account and database is ignored, that
 * of a path and of user information is not.  Blanks around commas, default ports, the dot
 * after a host name and repeated backslashes fall away.  In a URL dot segments are removed
 * and needless %-escapes decoded (RFC 3986 section 6.2.2).  User information is kept: what it
 * hides may not match.  A `*` is any run of bytes, so nothing beside one is taken away.
 *
 * Packet path: nothing here allocates.  Threads: no state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "policy/ast.h"

/* Writes at most s.len bytes to `buf`, which may be s.p, and returns how many. */
size_t endpoint_fold(enum family family, struct str s, char *buf);

/*
 * A hash of the server part of a folded endpoint: scheme and authority of a URL, else what
 * stands before the first comma.  False when there is a star in that part.  Of two that have
 * a key each, a match needs equal keys: the part and the byte that ends it are read alike
 * from all texts that begin alike.
 */
bool endpoint_key(struct str s, uint32_t *ret);

/* The folded URL of an origin, without a path. */
struct origin {
	size_t len;
	uint32_t alone; /* endpoint_key() of it, and of it with any path behind it */
	uint32_t with_path;
};

#define ORIGIN_MAX 280 /* bytes of one */

/*
 * What endpoint_fold() makes of scheme, `server` (of an IPv6 address: without brackets) and
 * port, written at once to the ORIGIN_MAX bytes of `buf`.  False when `server` is too long, or
 * has a byte or an end that must be folded, or a star.
 */
bool endpoint_origin(struct str server, bool clear, uint16_t port, char *buf,
		     struct origin *ret);

#endif /* POLICY_FOLD_H */
