/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_TCP_H
#define FLOW_TCP_H

/*
 * tcp - how far a TCP connection has come, as both of its ends must see it.
 *
 * Believes only what a receiver would: segments without ACK move nothing, a reset counts when
 * its sequence number is the one that is waited for.  Source: RFC 9293 3.10.7, RFC 5961
 * section 3.
 */

#include "flow/table.h"

/*
 * A packet of a flow in a TCP state, already counted in its direction; the flow is new when
 * neither direction has_seq.  May turn the flow round (client_is_low) when a SYN shows who
 * opened it.  True: it has moved to CLOSING, end_reason is set.
 */
bool tcp_touch(struct flow *f, const struct packet *p, bool from_client);

/* The ends were taken the wrong way. */
void tcp_turn(struct flow *f);

/* Whether the packet begins another connection on the ports of this one. */
bool tcp_starts_anew(const struct flow *f, const struct packet *p, bool from_client);

#endif /* FLOW_TCP_H */
