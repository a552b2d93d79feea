/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/guess.h"

#include <stdlib.h>
#include <string.h>

#include "identify/ndpi_packet.h"

#define ANSWERS_A_POLL 1024u /* whoever writes without end must not keep us */

struct slot {
	void *owner; /* NULL: free */
	struct ndpi_guess *here;
	uint32_t generation; /* above the seed */
	uint32_t prev, next; /* open ones, oldest first, or free ones; index + 1 */
	uint8_t ip_proto;
	uint8_t sent; /* packets */
};

struct guesses {
	struct guess_cfg cfg;
	struct ndpi_adapter *ndpi; /* NULL: in another process */
	struct slot slots[GUESS_OPEN_MAX];
	uint32_t oldest, newest, unused; /* index + 1 */
	uint32_t fresh; /* slots from here on were never used, and are zeros */
	struct guess_stats stats;
	uint8_t packet[NDPI_PACKET_MAX];
};

struct guesses *guesses_create(const struct guess_cfg *cfg)
{
	struct guesses *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->cfg = *cfg;
	if (cfg->rings == NULL) {
		g->ndpi = ndpi_adapter_create(&cfg->ndpi);
		if (g->ndpi == NULL) {
			free(g);
			return NULL;
		}
	}
	return g;
}

void guesses_destroy(struct guesses *g)
{
	struct ndpi_answer nobody_asks;

	if (g == NULL)
		return;
	for (uint32_t i = g->oldest; i != 0; i = g->slots[i - 1].next)
		if (g->slots[i - 1].here != NULL)
			ndpi_guess_finish(g->ndpi, g->slots[i - 1].here, &nobody_asks);
	ndpi_adapter_destroy(g->ndpi);
	free(g);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static void put_newest(struct guesses *g, uint32_t number)
{
	struct slot *s = &g->slots[number - 1];

	s->prev = g->newest;
	s->next = 0;
	if (g->newest != 0)
		g->slots[g->newest - 1].next = number;
	else
		g->oldest = number;
	g->newest = number;
}

static void close_slot(struct guesses *g, uint32_t number)
{
	struct slot *s = &g->slots[number - 1];

	if (s->prev != 0)
		g->slots[s->prev - 1].next = s->next;
	else
		g->oldest = s->next;
	if (s->next != 0)
		g->slots[s->next - 1].prev = s->prev;
	else
		g->newest = s->prev;
	*s = (struct slot){.generation = s->generation + 1, .next = g->unused};
	g->unused = number;
}

/* The owner's guess is closed before it hears of the answer: it may begin another. */
static void answer(struct guesses *g, uint32_t number, const struct ndpi_answer *a)
{
	void *owner = g->slots[number - 1].owner;

	close_slot(g, number);
	g->stats.answered++;
	g->cfg.take(g->cfg.arg, owner, a);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void send_end(struct guesses *g, uint32_t number)
{
	const struct slot *s = &g->slots[number - 1];
	struct guess_ask *a;

	if (s->sent == 0)
		return;
	a = ring_reserve(g->cfg.rings->asks, sizeof(*a));
	if (a == NULL) { /* it goes when the slot is used again */
		g->stats.dropped++;
		return;
	}
	*a = (struct guess_ask){.slot = number - 1,
				.generation = g->cfg.seed + s->generation,
				.kind = GUESS_ASK_END,
				.ip_proto = s->ip_proto};
	ring_commit(g->cfg.rings->asks, sizeof(*a));
}

/* Give it up: with what nDPI says by now, where it can be asked at once. */
static void conclude(struct guesses *g, uint32_t number, bool tell)
{
	struct slot *s = &g->slots[number - 1];
	struct ndpi_answer a = {0};

	if (g->ndpi != NULL) {
		ndpi_guess_finish(g->ndpi, s->here, &a);
		answer(g, number, &a);
		return;
	}
	send_end(g, number);
	if (tell)
		g->cfg.take(g->cfg.arg, s->owner, &a);
	close_slot(g, number);
}

uint32_t guess_start(struct guesses *g, void *owner, uint8_t ip_proto)
{
	struct ndpi_guess *here = NULL;
	uint32_t number;
	struct slot *s;

	if (g->unused == 0 && g->fresh == GUESS_OPEN_MAX) {
		g->stats.displaced++;
		conclude(g, g->oldest, true);
	}
	if (g->ndpi != NULL) {
		here = ndpi_guess_start(g->ndpi, ip_proto);
		if (here == NULL)
			return GUESS_NONE;
	}
	number = g->unused != 0 ? g->unused : ++g->fresh;
	s = &g->slots[number - 1];
	g->unused = s->next;
	s->owner = owner;
	s->here = here;
	s->ip_proto = ip_proto;
	put_newest(g, number);
	g->stats.asked++;
	return number;
}

static void feed_here(struct guesses *g, uint32_t number, const struct packet *p,
		      int64_t time_us)
{
	struct slot *s = &g->slots[number - 1];
	const size_t len = ndpi_packet_normalize(p, g->packet);

	if (len > 0 && ndpi_guess_feed(g->ndpi, s->here, g->packet, len, time_us))
		conclude(g, number, true);
}

static void send_packet(struct guesses *g, uint32_t number, const struct packet *p,
			int64_t time_us)
{
	struct slot *s = &g->slots[number - 1];
	struct guess_ask *a;
	size_t len;

	if (s->sent >= NDPI_PACKETS_MAX || p->payload_len == 0 || !p->has_l4)
		return;
	a = ring_reserve(g->cfg.rings->asks, sizeof(*a) + NDPI_PACKET_MAX);
	if (a == NULL) {
		g->stats.dropped++;
		return;
	}
	len = ndpi_packet_normalize(p, (uint8_t *)(a + 1));
	if (len == 0) /* never published */
		return;
	*a = (struct guess_ask){.slot = number - 1,
				.generation = g->cfg.seed + s->generation,
				.kind = s->sent == 0 ? GUESS_ASK_BEGIN : GUESS_ASK_PACKET,
				.ip_proto = s->ip_proto,
				.packet_len = (uint16_t)len,
				.time_us = time_us};
	ring_commit(g->cfg.rings->asks, sizeof(*a) + len);
	s->sent++;
}

void guess_feed(struct guesses *g, uint32_t number, const struct packet *p,
		int64_t time_us)
{
	if (p->ip_proto != g->slots[number - 1].ip_proto)
		return;
	if (g->ndpi != NULL)
		feed_here(g, number, p, time_us);
	else
		send_packet(g, number, p, time_us);
}

void guess_end(struct guesses *g, uint32_t number)
{
	conclude(g, number, false);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* `a` is our copy: what lies in the ring may change while it is looked at. */
static void take_answer(struct guesses *g, const struct guess_answer *a)
{
	const struct slot *s;
	uint32_t generation;

	if (a->slot >= GUESS_OPEN_MAX || !ndpi_answer_is_sound(&a->ndpi)) {
		g->stats.refused++;
		return;
	}
	s = &g->slots[a->slot];
	generation = g->cfg.seed + s->generation;
	if (generation - 1 == a->generation) /* the last one here: over by now */
		g->stats.late++;
	else if (s->owner == NULL || generation != a->generation || s->sent == 0)
		g->stats.refused++;
	else
		answer(g, a->slot + 1, &a->ndpi);
}

void guesses_poll(struct guesses *g)
{
	struct guess_answer a;
	const void *at;
	size_t len;

	if (g->ndpi != NULL)
		return;
	for (unsigned n = 0; n < ANSWERS_A_POLL; n++) {
		at = ring_peek(g->cfg.rings->answers, &len);
		if (at == NULL)
			return;
		if (len == sizeof(a))
			memcpy(&a, at, sizeof(a));
		ring_release(g->cfg.rings->answers);
		if (len == sizeof(a))
			take_answer(g, &a);
		else
			g->stats.refused++;
	}
}

void guesses_stats(const struct guesses *g, struct guess_stats *ret)
{
	*ret = g->stats;
	if (g->ndpi != NULL)
		ret->over_memory = ndpi_adapter_memory(g->ndpi).over;
	else
		ret->refused += ring_faults(g->cfg.rings->answers);
}
