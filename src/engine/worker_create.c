/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "engine/conn.h"
#include "engine/worker.h"

#define SILENT_US         INT64_C(900000000)
#define PENDING_DEFAULT   65536u
#define LARGE_HEADS_SHARE 8u  /* one large head for so many pending connections */
#define CHUNKS_SHARE      8u  /* one list of chunks' frames for so many */
#define OTHERS_SHARE      16u /* one second copy for so many */
#define TEXTS_MAX         (1u << 20)
#define EACH_FLOW         128u /* texts, names told by DNS, and queries */
#define RESTS_MAX         (1u << 16)

/*
 * Client datagrams with QUIC Initials a second that are opened, about 10 us each; of all only
 * where one worker sees all.
 */
#define INITIALS_A_SOURCE 1000u
#define INITIALS_OF_ALL   20000u

/*
 * Inline the first packet of a flow comes by, and what an inside machine sends must wait for the
 * verdict whatever port it sends from.  In a capture ports tell more.
 */
static bool inside_sends(void *arg, const struct packet *p)
{
	const struct worker *w = arg;
	struct whereabouts at;

	if (w->inl == NULL)
		return false;
	generation_locate(w->g, &p->src, &p->dst, &at);
	return at.direction != DIRECTION_INBOUND;
}

/* So many for each connection that there may be, `most` in all. */
static uint32_t scaled(uint32_t max_flows, uint32_t most)
{
	return max_flows != 0 && max_flows < most / EACH_FLOW ? max_flows * EACH_FLOW
							      : most;
}

static bool create_parts(struct worker *w)
{
	const struct config *c = w->g->config;
	uint32_t pendings =
		c->limits.max_heads != 0 ? c->limits.max_heads : PENDING_DEFAULT;
	struct decode_cfg decode = {.fragments_max = c->limits.max_fragments,
				    .tunnels = w->cfg.inline_cfg == NULL};
	struct flow_cfg flows = {.max_flows = c->limits.max_flows,
				 .extra_bytes = sizeof(struct conn),
				 .client_sends = inside_sends,
				 .seed = w->cfg.seed};

	flows.arg = w;
	flows.timeout_us[FLOW_TCP_OPEN] = c->limits.tcp_timeout_us;
	flows.timeout_us[FLOW_UDP] = c->limits.udp_timeout_us;
	/*
	 * A client may wait long before it speaks; where its stream begins must be known then, and
	 * as long as older connections are adopted none that we saw begin may look like one.
	 */
	if (w->cfg.inline_cfg != NULL)
		flows.timeout_us[FLOW_TCP_OPENING] =
			c->capture.adopt_us > SILENT_US ? c->capture.adopt_us : SILENT_US;
	w->decoder = decoder_create(&decode);
	w->flows = flow_table_create(&flows);
	w->heads = head_pools_create(pendings, pendings / LARGE_HEADS_SHARE + 1);
	w->others = head_pools_create(pendings / OTHERS_SHARE + 1,
				      pendings / OTHERS_SHARE / LARGE_HEADS_SHARE + 1);
	w->initials = budget_create(INITIALS_A_SOURCE,
				    w->cfg.inline_cfg != NULL ? INITIALS_OF_ALL : 0,
				    w->cfg.seed);
	w->diversity = diversity_create();
	w->identify = identify_create();
	w->witness = witness_create(scaled(c->limits.max_flows, WITNESS_ENTRIES));
	if (!w->cfg.told_by_reader &&
	    (w->asked = resolve_create(scaled(c->limits.max_flows, RESOLVE_QUERIES))) ==
		    NULL)
		return false;
	w->texts = intern_create(scaled(c->limits.max_flows, TEXTS_MAX));
	if (w->texts != NULL)
		w->heirs = inherit_create(scaled(c->limits.max_flows, INHERIT_ENTRIES),
					  w->cfg.seed, w->texts);
	w->rests = rests_create(scaled(c->limits.max_flows, RESTS_MAX), w->cfg.seed);
	w->pendings = pool_create(sizeof(struct pending), pendings);
	w->facts = pool_create(sizeof(struct facts), pendings);
	w->questions = pool_create(sizeof(struct question),
				   scaled(c->limits.max_flows, TEXTS_MAX));
	w->followers = pool_create(sizeof(struct follower), pendings);
	w->twins = pool_create(sizeof(struct twin), pendings / OTHERS_SHARE + 1);
	w->contests = pool_create(sizeof(struct contest), pendings / OTHERS_SHARE + 1);
	w->copies = pool_create(sizeof(struct copies), pendings / OTHERS_SHARE + 1);
	w->chunks = pool_create(sizeof(struct chunks), pendings / CHUNKS_SHARE + 1);
	if (words_wanted(w))
		w->guesses = words_create(w);
	if (!keep_create(w))
		return false;
	if (w->cfg.inline_cfg != NULL &&
	    (w->inl = inline_create(w->cfg.inline_cfg)) == NULL)
		return false;
	return w->decoder != NULL && w->diversity != NULL && w->flows != NULL &&
	       w->heads != NULL && w->initials != NULL && w->others != NULL &&
	       w->identify != NULL && w->witness != NULL && w->texts != NULL &&
	       w->heirs != NULL && w->rests != NULL && w->pendings != NULL &&
	       w->facts != NULL && w->questions != NULL && w->followers != NULL &&
	       w->chunks != NULL && w->twins != NULL && w->copies != NULL &&
	       w->contests != NULL && (w->guesses != NULL || !words_wanted(w));
}

struct worker *worker_create(const struct worker_cfg *cfg)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->cfg = *cfg;
	w->g = cfg->generation;
	edges_use(&w->edges, w->g);
	if (!create_parts(w)) {
		worker_destroy(w);
		return NULL;
	}
	return w;
}

void worker_destroy(struct worker *w)
{
	if (w == NULL)
		return;
	guesses_destroy(w->guesses);
	inline_destroy(w->inl);
	keep_destroy(w);
	pool_destroy(w->twins);
	pool_destroy(w->copies);
	pool_destroy(w->contests);
	pool_destroy(w->chunks);
	pool_destroy(w->followers);
	pool_destroy(w->questions);
	pool_destroy(w->facts);
	pool_destroy(w->pendings);
	rests_destroy(w->rests);
	inherit_destroy(w->heirs);
	intern_destroy(w->texts);
	resolve_destroy(w->asked);
	witness_destroy(w->witness);
	identify_destroy(w->identify);
	diversity_destroy(w->diversity);
	budget_destroy(w->initials);
	head_pools_destroy(w->others);
	head_pools_destroy(w->heads);
	flow_table_destroy(w->flows);
	decoder_destroy(w->decoder);
	free(w);
}
