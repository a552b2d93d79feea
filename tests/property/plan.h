/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROPERTY_PLAN_H
#define PROPERTY_PLAN_H

/*
 * plan - in which pieces and order the client's bytes come, and what a server ignores between
 * them.
 *
 * Whatever is taken out of a plan, what is left is one too: who plays it sends at the end of
 * each turn what no step has brought.
 */

#include <stdbool.h>

#include "random.h"
#include "talk.h"

#define STEPS_MAX 1024

enum position {
	POSITION_MIRROR = 0, /* who only watches: mirror port and replay */
	POSITION_INLINE
};

/* Segments of the client, or datagrams, which no server takes. */
enum decoy {
	DECOY_CHECKSUM = 0, /* of TCP, wrong, where the SYN's was right */
	DECOY_NO_ACK,
	DECOY_OLD,   /* time stamp before the SYN's, where both use them (RFC 7323 5.3) */
	DECOY_MD5,   /* signed, where the server has not agreed to that (RFC 2385) */
	DECOY_RESET, /* a reset with bytes, not at the next number (RFC 5961 3) */
	DECOY_ACK_AHEAD, /* acknowledges what the server has not sent (RFC 9293 3.10.7.4) */
	DECOY_SYN,       /* a SYN with bytes in a connection that is open (RFC 5961 4) */
	DECOY_PROBE,     /* keep-alive: no byte, or any, in front of the next */
	DECOY_TAKEN,     /* other bytes where the server has acknowledged its own */
	DECOY_LEFT,      /* such bytes, and behind them its own that are due */
	DECOY_FAR,       /* beyond any window (RFC 9293 3.10.7.4) */
	DECOY_HEADER,    /* a data offset that cannot be */
	DECOY_EARLY,     /* before the SYN-ACK, which it does not acknowledge */
	DECOY_TTL,       /* inline: under min_ttl */
	DECOY_OTHER,     /* inline: other bytes where the client has said its own */
	DECOY_TAG,       /* QUIC: an Initial that does not decrypt */
	DECOY_UNPADDED, /* QUIC: an Initial in a small datagram (RFC 9000 14.1) */
	DECOY_JUNK,     /* QUIC: no packet at all */
	DECOY_COUNT
};

enum step_kind {
	STEP_DATA = 0, /* bytes of the stream */
	STEP_ACK,      /* the server acknowledges what it has */
	STEP_DECOY
};

struct step {
	uint8_t turn;
	uint8_t kind;  /* enum step_kind */
	uint8_t decoy; /* enum decoy */
	bool together; /* QUIC: in the datagram of the frame before */
	uint32_t at, len;
	uint32_t noise; /* what else there is to choose */
};

struct plan {
	bool ipv6;
	bool stamps;  /* both ends use RFC 7323 time stamps */
	bool one_way; /* nothing is seen of the server */
	bool deny;    /* by rules under which this talk is denied */
	uint32_t client_isn, server_isn;
	size_t count;
	struct step steps[STEPS_MAX];
};

const char *decoy_name(enum decoy d);

/* One segment a turn and nothing else; one_way and the addresses as in `p`. */
void plan_plain(struct plan *ret, const struct plan *p);

void plan_make(struct plan *ret, const struct talk *t, enum position pos, struct rng *r);

#endif /* PROPERTY_PLAN_H */
