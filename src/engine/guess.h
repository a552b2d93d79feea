/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_GUESS_H
#define ENGINE_GUESS_H

/*
 * guess - what nDPI calls the protocol of connections that no reader of ours knows; asked here
 * in the thread (replay), or over two rings in a process of its own, the guesser (the gateway).
 *
 *   worker -> asks:     packets in the form of identify/ndpi_packet.h, at most NDPI_PACKETS_MAX
 *                       a connection, and that a connection is over
 *   answers -> worker:  the word, what it rests on, a host name for the log
 *
 * Nobody waits: a full ring drops the packet, counted, and a guess that gets no answer ends
 * with its connection, or when GUESS_OPEN_MAX others have begun since: the oldest goes.
 * An answer is hostile input: it counts only for a guess that is open under the same number and
 * generation and was asked something, and only if ndpi_answer_is_sound().
 *
 * Threads: as the worker's.  Memory: reserved at creation; nDPI's own in the thread alone.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/ring.h"
#include "identify/ndpi.h"
#include "model/packet.h"

#define GUESS_NONE     0u
#define GUESS_OPEN_MAX 16384u

/* Both in memory that the two processes share, or both in this one's (tests). */
struct guess_rings {
	struct ring *asks, *answers;
};

struct guess_cfg {
	const struct guess_rings *rings; /* NULL: nDPI runs in this thread */
	struct ndpi_cfg ndpi;            /* of this thread */
	uint32_t seed;                   /* of the generations */
	/* The answer for `owner`, whose guess is closed by then.  Borrowed for the call. */
	void (*take)(void *arg, void *owner, const struct ndpi_answer *a);
	void *arg;
};

struct guesses;

struct guesses *guesses_create(const struct guess_cfg *cfg); /* NULL: out of memory */
void guesses_destroy(struct guesses *g);                     /* NULL is a no-op */

/* Begin one: its number, never GUESS_NONE; or that, where nDPI has no memory (counted). */
uint32_t guess_start(struct guesses *g, void *owner, uint8_t ip_proto);

/* A packet of the connection, either way.  In this thread the answer may come in the call. */
void guess_feed(struct guesses *g, uint32_t number, const struct packet *p,
		int64_t time_us);

/* The connection is over.  In this thread the answer comes in the call, else not any more. */
void guess_end(struct guesses *g, uint32_t number);

/* Take the answers that have come. */
void guesses_poll(struct guesses *g);

struct guess_stats {
	uint64_t asked;     /* guesses begun */
	uint64_t answered;  /* with a word or without */
	uint64_t dropped;   /* packets that found the ring full */
	uint64_t refused;   /* answers to nothing that was asked, or no answers at all */
	uint64_t late;      /* answers after the connection's end */
	uint64_t displaced; /* guesses given up for newer ones */
	uint64_t over_memory; /* of this thread: ended for a cap */
};
void guesses_stats(const struct guesses *g, struct guess_stats *ret);

/* ---- what lies in the rings; for the guesser ------------------------------------------------- */

enum guess_ask_kind {
	GUESS_ASK_BEGIN,  /* the first packet of a guess */
	GUESS_ASK_PACKET, /* a later one */
	GUESS_ASK_END     /* no packet; nobody wants the answer any more */
};

/* In front of the packet.  Host byte order: both ends are one program. */
struct guess_ask {
	uint32_t slot; /* under GUESS_OPEN_MAX */
	uint32_t generation;
	uint8_t kind;
	uint8_t ip_proto;
	uint16_t packet_len; /* at most NDPI_PACKET_MAX */
	int64_t time_us;
};

struct guess_answer {
	uint32_t slot, generation;
	struct ndpi_answer ndpi;
};

#endif /* ENGINE_GUESS_H */
