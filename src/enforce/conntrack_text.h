/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENFORCE_CONNTRACK_TEXT_H
#define ENFORCE_CONNTRACK_TEXT_H

/*
 * conntrack_text - a line of /proc/net/nf_conntrack, for people who ask where a machine stands.
 *
 * Source: Linux 6.1 net/netfilter/nf_conntrack_standalone.c, ct_seq_show().
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/text.h"

struct conntrack_line {
	uint8_t ip_proto;
	struct addr src, dst;             /* as the client sent it */
	struct addr reply_src, reply_dst; /* whom the answer is from, and to */
	uint16_t dst_port;                /* 0 = the protocol has none */
	bool unreplied;                   /* no packet came back yet */
};

/* False: no such line, or one that lacks an address.  Borrows nothing. */
bool conntrack_line_parse(struct str line, struct conntrack_line *ret);

#endif /* ENFORCE_CONNTRACK_TEXT_H */
