/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SELFCHECK_H
#define ENGINE_SELFCHECK_H

/*
 * selfcheck - does Weir stand where its configuration says?  Looks at the events of a run in
 * their order, and tells each trouble once.
 *
 *   neither_inside   most connections have no end inside: the prefixes are not those of this
 *                    network, or it stands outside of the address translation
 *   one_source       all connections come from one inside address
 *   explicit_proxy   several machines ask one inside address for tunnels (CONNECT): behind it
 *                    nobody can be told apart
 *
 * Bounded, whatever comes.  Threads: one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "model/event.h"

#define SELFCHECK_FLOWS   200u /* connections that are looked at before anything is said */
#define SELFCHECK_CLIENTS 4u   /* of one proxy */
#define SELFCHECK_PROXIES 8u

enum selfcheck_trouble {
	SELFCHECK_NEITHER_INSIDE = 0,
	SELFCHECK_ONE_SOURCE,
	SELFCHECK_EXPLICIT_PROXY,
	SELFCHECK_COUNT
};

struct selfcheck {
	uint64_t flows, outside, from_inside;
	struct addr source; /* of the first from inside */
	bool many_sources;
	struct {
		struct addr proxy, clients[SELFCHECK_CLIENTS];
		unsigned client_count;
	} proxies[SELFCHECK_PROXIES];
	unsigned proxy_count;
	unsigned told; /* 1u << trouble */
};

/* Look at one more event; the trouble that it shows, told once, else SELFCHECK_COUNT. */
enum selfcheck_trouble selfcheck_look(struct selfcheck *s, const struct event_digest *d);

/* Words for the event ("selfcheck_one_source"), and what it means and what to do. */
const char *selfcheck_name(enum selfcheck_trouble t);
const char *selfcheck_message(enum selfcheck_trouble t);

#endif /* ENGINE_SELFCHECK_H */
