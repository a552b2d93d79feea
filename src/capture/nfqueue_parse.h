/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAPTURE_NFQUEUE_PARSE_H
#define CAPTURE_NFQUEUE_PARSE_H

/*
 * nfqueue_parse - netlink messages of nfnetlink_queue to a struct; private to this folder.
 *
 * The kernel writes these messages, but it copies the tail of each from the wire, and a
 * receive buffer may cut a message off: lengths are tested before they are used.
 * Memory: borrows the datagram, any alignment.  Source: <linux/netfilter/nfnetlink_queue.h>.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"

/* Bytes that the kernel puts around a payload, and room for what later kernels add. */
#define NFQUEUE_MESSAGE_OVERHEAD 1024

enum nfqueue_message_kind {
	NFQUEUE_MESSAGE_OTHER = 0, /* nothing to answer */
	NFQUEUE_MESSAGE_PACKET,
	NFQUEUE_MESSAGE_ERROR, /* the kernel's answer to a request of ours */
};

struct nfqueue_message {
	enum nfqueue_message_kind kind;
	uint32_t sequence; /* ERROR: of the request */
	int error;         /* ERROR: an errno above 0; 0 = done as asked */
	uint32_t id;       /* PACKET, and all below */
	uint32_t mark;
	bool ip;                /* IPv4 or IPv6, as the kernel says */
	bool damaged;           /* the message ends too early: payload may be missing */
	const uint8_t *payload; /* NULL = none */
	uint32_t payload_len;
	uint32_t len; /* of the packet; >= payload_len */
};

/* Take the next message off a datagram; false at its end. */
bool nfqueue_parse(struct cursor *datagram, struct nfqueue_message *ret);

#endif /* CAPTURE_NFQUEUE_PARSE_H */
