/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/conn.h"

static void take_word(void *arg, void *owner, const struct ndpi_answer *a)
{
	struct worker *w = arg;
	struct conn *c = flow_extra(owner);

	c->guess = GUESS_NONE;
	c->ndpi = intern_hold(w->texts, str_of(a->word));
	if (c->ndpi == INTERN_NONE)
		return;
	c->ndpi_confidence = (uint8_t)a->confidence;
	c->ndpi_host = intern_hold(w->texts, str_of(a->host));
}

bool words_wanted(const struct worker *w)
{
	return w->cfg.ndpi || w->cfg.guesser != NULL;
}

struct guesses *words_create(struct worker *w)
{
	const struct guess_cfg cfg = {.rings = w->cfg.guesser,
				      .seed = (uint32_t)w->cfg.seed,
				      .take = take_word,
				      .arg = w};

	return guesses_create(&cfg);
}

void words_ask(struct worker *w, struct flow *fl, struct conn *c, const struct pending *p)
{
	if (w->guesses == NULL || c->asked_ndpi ||
	    (p->facts != NULL && p->facts->protocol != PROTOCOL_UNKNOWN) ||
	    (fl->key.ip_proto != IP_PROTO_TCP && fl->key.ip_proto != IP_PROTO_UDP))
		return;
	c->asked_ndpi = true;
	c->guess = guess_start(w->guesses, fl, fl->key.ip_proto);
}

void words_ask_no_more(struct worker *w, struct conn *c)
{
	if (c->guess != GUESS_NONE)
		guess_end(w->guesses, c->guess);
	c->guess = GUESS_NONE;
}

void words_need_none(struct worker *w, struct conn *c)
{
	words_ask_no_more(w, c);
	intern_release(w->texts, c->ndpi);
	intern_release(w->texts, c->ndpi_host);
	c->ndpi = c->ndpi_host = INTERN_NONE;
	c->ndpi_confidence = GUESS_CONFIDENCE_NONE;
}

void words_stats(const struct worker *w, struct worker_stats *ret)
{
	struct guess_stats g;

	if (w->guesses == NULL)
		return;
	guesses_stats(w->guesses, &g);
	ret->guesses = g.asked;
	ret->guesses_answered = g.answered;
	ret->guesses_displaced = g.displaced;
	ret->guesses_over_memory = g.over_memory;
	ret->guess_packets_dropped = g.dropped;
	ret->guess_answers_refused = g.refused;
	ret->guess_answers_late = g.late;
}
