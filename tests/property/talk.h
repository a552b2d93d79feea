/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROPERTY_TALK_H
#define PROPERTY_TALK_H

/*
 * talk - what a client and a server say to each other, by turns: the client's bytes, then the
 * server's answer to them.
 *
 * Most are the first bytes of connections in tests/captures/real, the others are put together
 * here.  The client's bytes of a turn are all sent before the server answers them.
 */

#include "../unit/identify/support.h"

#define TALK_TURNS_MAX  8
#define TALK_CLIENT_MAX 20000u
#define TALK_ANSWER_MAX 1400u /* bytes of each answer */

struct turn {
	uint32_t client_end, server_end; /* in the two streams, when the turn is over */
};

struct talk {
	const char *name;
	bool quic; /* the client's bytes are CRYPTO bytes of its Initials */
	uint16_t port;
	uint32_t turn_count;
	struct turn turns[TALK_TURNS_MAX];
	struct bytes client, server;
};

/* All talks, in one array of *ret_count that lives until the end of the program. */
const struct talk *talks_load(size_t *ret_count);

/* A hello for decoy.example: what must never be believed. */
const struct bytes *talk_decoy(void);

#endif /* PROPERTY_TALK_H */
