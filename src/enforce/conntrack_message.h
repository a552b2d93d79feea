/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENFORCE_CONNTRACK_MESSAGE_H
#define ENFORCE_CONNTRACK_MESSAGE_H

/*
 * conntrack_message - ctnetlink messages as values; private to this folder.
 *
 * The library reads a message into an object of its own, with memory a message (labels,
 * security contexts).  Here the dozen attributes that are wanted go to the stack; the bytes
 * are read through base/cursor.h like any others.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "model/gateway.h"

#define CONNTRACK_REQUEST_MAX 256

/* Tells the answers from a dump's entries: the library numbers dumps from the clock. */
#define CONNTRACK_REQUEST_SEQ 1u
#define CONNTRACK_RECALL_SEQ  2u /* of the two messages that take a mark away */
#define CONNTRACK_RECALL_MAX  (2u * 144u)

struct conntrack_entry {
	struct conn_report report; /* without the end */
	uint32_t id;               /* the kernel's, of this entry and no later one */
	uint8_t tcp_state;         /* enum tcp_conntrack; 0 = not TCP, or not told */
	uint8_t family;            /* AF_INET, AF_INET6 */
	struct cursor tuple,
		zone; /* the attributes as they came; borrowed, may be empty */
};

/* What follows the netlink header.  False: not a connection, or an ICMP one. */
bool conntrack_entry_read(struct cursor message, struct conntrack_entry *ret);

/* Has the connection ended by its own doing, and how; END_REASON_NONE when not. */
enum end_reason conntrack_entry_end(const struct conntrack_entry *e);

/*
 * The request for one entry, netlink header included: its length, 0 when the entry's tuple
 * does not fit.
 */
size_t conntrack_request_build(const struct conntrack_entry *e,
			       uint8_t buf[CONNTRACK_REQUEST_MAX]);

/*
 * Two messages that clear the bits `mask` of a TCP or UDP connection's mark: by its original
 * source and by who replies to it, of which one at least is as the kernel has it, unless both ends
 * are translated and `r` does not say how.  Their length; 0: of another protocol.
 */
size_t conntrack_recall_build(const struct conn_report *r, uint32_t mask,
			      uint8_t buf[CONNTRACK_RECALL_MAX]);

#endif /* ENFORCE_CONNTRACK_MESSAGE_H */
