/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

/*
 * worker - runs a frame through the whole pipeline: decode, flow, identify, catalog, policy,
 * record.
 *
 * A connection is pending until its name is known or cannot be known any more; then it is
 * judged once, a `start` event and its signals are written, and what was kept for judging is
 * given back.  When it ends an `end` event follows with counts and the same facts.
 *
 * Threads: a worker belongs to one thread; the generation is shared and immutable.
 * Memory: everything is reserved at creation; no allocation per packet outside nDPI,
 * which is another process in the gateway.
 */

#include <stdint.h>

#include "decode/decode.h"
#include "engine/generation.h"
#include "engine/sink.h"
#include "flow/table.h"
#include "identify/identify.h"
#include "model/frame.h"

struct dns_message; /* identify/dns.h */
struct inline_cfg;  /* engine/inline.h */
struct guess_rings; /* engine/guess.h */
struct identity;    /* config/identity.h */
struct pseudonyms;  /* record/pseudonym.h */

struct worker_cfg {
	const struct generation *generation;
	struct event_origin origin;
	struct event_sink sink;
	uint64_t seed; /* of the flow table's hash: random where senders choose tuples */
	bool ndpi;     /* name the protocol of unknown traffic, in this thread */
	const struct guess_rings *guesser; /* or in a process of its own; NULL */
	bool dns_events;                   /* write a `dns` event an answer */
	bool told_by_reader; /* of site resolvers' answers, by worker_site_answer() */
	const struct identity
		*identity; /* who is who; borrowed; NULL = nobody is known */
	const struct pseudonyms
		*pseudonyms; /* borrowed; NULL = names of people are written */
	const struct inline_cfg *inline_cfg; /* NULL: packets pass whatever we say */
};

struct worker;

struct worker *worker_create(const struct worker_cfg *cfg); /* NULL: out of memory */
void worker_destroy(struct worker *w);

/* Who is who from now on; the table before is of no use any more. */
void worker_identify(struct worker *w, const struct identity *identity);

/* Take a frame; borrowed for the call.  Frames come in the order of their numbers. */
void worker_frame(struct worker *w, const struct frame *f);

/* The same of a frame that another decoder has read, and counted; pkt->ip is not looked at. */
void worker_decoded(struct worker *w, const struct frame *f, struct packet *pkt);

/* A site's resolver has answered, in a frame that came at `clock_us`, maybe to another worker. */
struct site_answer; /* engine/resolve.h */
void worker_site_answer(struct worker *w, const struct site_answer *a, int64_t clock_us);

/*
 * A resolver's own log says what it answered to a client whose connections come to this worker,
 * when the run had come to `clock_us`.
 */
void worker_client_answer(struct worker *w, const struct addr *client,
			  const struct dns_message *m, int64_t time_us, int64_t clock_us);

/* No frame came, but time went on: end what has timed out at or before `clock_us`. */
void worker_tick(struct worker *w, int64_t clock_us);

/* The run is over at `clock_us`: end everything. */
void worker_finish(struct worker *w, int64_t clock_us);

/* Counters of one worker; a run sums them. */
struct worker_stats {
	uint64_t decode[DECODE_RESULT_COUNT];
	/* judgements by what their event says; NONE: sure ones */
	uint64_t undecidable[UNDECIDABLE_COUNT];
	uint64_t flows, evicted;
	uint64_t judged, never_judged;
	uint64_t heads_refused;   /* no memory to put a stream's head together */
	uint64_t pending_refused; /* too many undecided connections */
	uint64_t ignored_checksum, ignored_no_ack, ignored_syn_data, ignored_md5;
	uint64_t ignored_old;    /* time stamp before the last one taken */
	uint64_t ignored_urgent; /* urgent bytes that are no part of the name */
	uint64_t ignored_reset_data, ignored_bad_ack;
	uint64_t ignored_window; /* beyond the server's */
	uint64_t signals, signals_lost, forms_lost, texts_refused;
	uint64_t quic_initials, quic_failed, quic_discarded;
	uint64_t quic_refused;   /* datagrams over the budget */
	uint64_t quic_inherited; /* judged by an earlier connection, engine/inherit.h */
	uint64_t quic_forgotten; /* no room there */
	uint64_t dns_answers, witnesses_evicted;
	uint64_t site_witnesses_evicted; /* the same in every worker of a run */
	/* engine/guess.h */
	uint64_t guesses, guesses_answered, guesses_displaced, guesses_over_memory;
	uint64_t guess_packets_dropped, guess_answers_refused, guess_answers_late;
	uint64_t dns_events;
	uint64_t http_requests; /* read behind the first of their connections */
	uint64_t http_lost;     /* connections whose later requests cannot be read */
	uint64_t
		dns_lost; /* connections whose messages over TCP cannot be read; questions without room */
	uint64_t dns_site_lost; /* the same for the table of sites, engine/resolve.h */
	uint64_t followers_refused;
	uint64_t sources_suspected; /* of being shared */
	uint64_t denied_at_edges;   /* of the hours of lines with `cut` */
	/* of lines with `capture`: connections of which packets were to be kept, of these ... */
	uint64_t keeps;
	uint64_t
		keeps_synthesised; /* ... as segments made of the head, for want of room */
	uint64_t keeps_empty;      /* ... without any packet that was held */
};
void worker_stats(const struct worker *w, struct worker_stats *ret);
struct witness *worker_witness(const struct worker *w); /* the worker's own */
uint64_t worker_flows(const struct worker *w);          /* in being */
void worker_stats_add(struct worker_stats *sum, const struct worker_stats *one);

#endif /* ENGINE_WORKER_H */
