/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CONN_H
#define ENGINE_CONN_H

/*
 * conn - what the engine keeps of a connection; private to engine/worker and engine/judge.
 *
 * struct conn stands behind each flow for as long as it lives, so it is small; struct
 * pending holds what is needed until the verdict and comes from a pool.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "engine/intern.h"
#include "engine/worker.h"
#include "flow/head.h"
#include "flow/table.h"
#include "identify/identify.h"
#include "identify/ndpi.h"
#include "identify/witness.h"
#include "model/facts.h"
#include "model/verdict.h"
#include "record/form.h"

struct pending {
	struct head head; /* client bytes of TCP, or QUIC CRYPTO */
	struct datagram_state datagram;
	struct ndpi_guess *guess; /* NULL = not asked */
	struct facts facts;
};

struct conn {
	uint32_t pending; /* index in worker.pendings, or POOL_NONE */
	uint32_t host, sni, alpn, ja4, method, url, ndpi; /* numbers in worker.texts */
	uint32_t flags;
	uint32_t quic_version;
	uint32_t rule, would_rule;
	uint16_t tls_offered;
	uint16_t site, source;
	uint8_t direction, role;
	bool client_inside, inside_known;
	bool client_is_low; /* as it was located */
	bool server_spoke;  /* payload came from the server's side */
	uint8_t protocol, evidence, corroboration, visibility;
	uint8_t name_undecidable; /* why the name is not known */
	bool judged;
	bool done; /* nothing more is wanted from the packets */
	uint8_t verdict, reason, gate, undecidable, would, would_gate;
	bool strict_checksum; /* its SYN had a good one: bad ones are not the client's */
	bool md5_negotiated;
};

struct worker {
	struct worker_cfg cfg;
	const struct generation *g;
	struct decoder *decoder;
	struct flow_table *flows;
	struct head_pools *heads;
	struct identify *identify;
	struct witness *witness;
	struct ndpi_adapter *ndpi; /* NULL = off */
	struct intern *texts;
	struct pool *pendings;
	struct event_key key; /* of the next event */
	int64_t now_us;       /* time of the next event */
	struct worker_stats stats;
	char line[FORM_LINE_MAX];
};

static inline struct pending *conn_pending(const struct worker *w, const struct conn *c)
{
	return c->pending == POOL_NONE ? NULL : pool_at(w->pendings, c->pending);
}

/* Give back what judging needed; a running nDPI guess keeps its part. */
void conn_release(struct worker *w, struct conn *c);

/* Judge by what `f` says, write `start` and the signals.  Once a connection. */
void judge(struct worker *w, struct flow *fl, struct conn *c, const struct facts *f);

/* Judge by addresses alone at the first packet; true when it is denied whatever the name. */
bool judge_early(struct worker *w, struct flow *fl, struct conn *c);

/* Keep what a connection judged early still told about its name. */
void judge_keep_facts(struct worker *w, struct conn *c, const struct facts *f);

/* Write the `end` event. */
void judge_end(struct worker *w, const struct flow *fl, const struct conn *c);

#endif /* ENGINE_CONN_H */
