/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_FLOW_KEY_H
#define MODEL_FLOW_KEY_H

/*
 * flow_key - what the packets of one connection have in common, in one order for both ways.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "model/packet.h"

struct flow_key {
	struct addr low,
		high; /* (low, low_port) < (high, high_port), bytewise, then port */
	uint16_t low_port, high_port;
	uint8_t ip_proto;
	uint8_t zero[3]; /* keys are hashed and compared as bytes */
};

/* The key of `p`; *ret_from_low tells whether the packet's source is the low end. */
static inline struct flow_key flow_key_of(const struct packet *p, bool *ret_from_low)
{
	int order = addr_compare(&p->src, &p->dst);
	bool from_low = order < 0 || (order == 0 && p->src_port <= p->dst_port);
	struct flow_key k;

	memset(&k, 0, sizeof(k));
	k.low = from_low ? p->src : p->dst;
	k.high = from_low ? p->dst : p->src;
	k.low_port = from_low ? p->src_port : p->dst_port;
	k.high_port = from_low ? p->dst_port : p->src_port;
	k.ip_proto = p->ip_proto;
	*ret_from_low = from_low;
	return k;
}

#endif /* MODEL_FLOW_KEY_H */
