/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_REPLAY_H
#define ENGINE_REPLAY_H

/*
 * replay - run capture files through the pipeline, with one worker or several.
 *
 * With one worker everything happens in the calling thread.  With more, a reader thread
 * hands each frame to the worker that owns its inside machine, and the calling thread puts
 * the workers' events in order by their keys: the ledger is the same to the byte whatever
 * the number of workers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/dnstap_log.h"
#include "engine/generation.h"
#include "engine/worker.h"
#include "record/ledger.h"
#include "record/packets.h"

#define REPLAY_WORKERS_MAX 64
#define REPLAY_DAMAGED_MAX 16
#define REPLAY_MESSAGE_MAX 300

struct replay_cfg {
	const struct generation *generation;
	const struct identity *identity;     /* who is who; NULL = nobody is known */
	const struct pseudonyms *pseudonyms; /* instead of names; borrowed; NULL = none */
	const char *const *captures;         /* "-" = standard input */
	size_t capture_count;
	const char *const *dnstap; /* resolvers' logs, fed by their time */
	size_t dnstap_count;       /* at most DNSTAP_LOGS_MAX */
	unsigned workers;          /* 1 .. REPLAY_WORKERS_MAX */
	bool ndpi;
	struct ledger *ledger;   /* where events go; borrowed */
	struct packets *packets; /* where packets go; borrowed; NULL = nowhere */
	/* Called for every event in order, after it was written; may be NULL. */
	void (*observe)(void *arg, const struct event_digest *d);
	/* Called now and then from the reading thread; may be NULL. */
	void (*progress)(void *arg, uint64_t frames, const char *capture);
	void *arg;
};

struct replay_result {
	struct worker_stats stats;
	uint64_t frames, bytes, truncated, odd_link;
	struct dnstap_stats dnstap;
	uint64_t late;             /* frames over a second older than one before them */
	int64_t first_us, last_us; /* capture times; first > last: no frame at all */
	int64_t clock_us;
	unsigned damaged; /* captures that could not be read to their end, or at all */
	char messages[REPLAY_DAMAGED_MAX][REPLAY_MESSAGE_MAX];
	int write_error; /* 0, or -errno of the ledger: events after it are lost */
	uint64_t events;
	unsigned troubles; /* 1u << enum selfcheck_trouble */
};

/* 0, or -errno when the run could not be set up; *ret is always filled. */
int replay_run(const struct replay_cfg *cfg, struct replay_result *ret);

#endif /* ENGINE_REPLAY_H */
