/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/guesser.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/gateway.h"
#include "identify/ndpi_packet.h"

#define BURST    64u
#define IDLE_US  10000
#define QUIET_US 50000 /* after a quarter of a second without an ask */
#define QUIET_AT 25

struct guessed {
	struct ndpi_guess *guess; /* NULL: not begun, or answered */
	uint32_t generation;
};

struct guesser {
	struct guess_rings rings;
	struct ndpi_adapter *ndpi;
	struct guesser_stats stats;
	struct guessed slots[GUESS_OPEN_MAX];
	struct guess_ask ask; /* the one at hand */
	uint8_t packet[NDPI_PACKET_MAX];
};

struct guesser *guesser_create(const struct guess_rings *rings,
			       const struct ndpi_cfg *ndpi)
{
	struct guesser *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->rings = *rings;
	g->ndpi = ndpi_adapter_create(ndpi);
	if (g->ndpi == NULL) {
		free(g);
		return NULL;
	}
	return g;
}

static void forget(struct guesser *g, struct guessed *s)
{
	struct ndpi_answer nobody_asks;

	ndpi_guess_finish(g->ndpi, s->guess, &nobody_asks);
	s->guess = NULL;
}

void guesser_destroy(struct guesser *g)
{
	if (g == NULL)
		return;
	for (uint32_t i = 0; i < GUESS_OPEN_MAX; i++)
		forget(g, &g->slots[i]);
	ndpi_adapter_destroy(g->ndpi);
	free(g);
}

static void answer(struct guesser *g, struct guessed *s)
{
	struct guess_answer *a = ring_reserve(g->rings.answers, sizeof(*a));
	struct guess_answer said = {.slot = g->ask.slot, .generation = s->generation};

	ndpi_guess_finish(g->ndpi, s->guess, &said.ndpi);
	s->guess = NULL;
	if (a == NULL) {
		g->stats.answers_lost++;
		return;
	}
	memcpy(a, &said, sizeof(*a));
	ring_commit(g->rings.answers, sizeof(*a));
}

static void begin(struct guesser *g, struct guessed *s)
{
	forget(g, s);
	s->generation = g->ask.generation;
	s->guess = ndpi_guess_start(g->ndpi, g->ask.ip_proto);
	if (s->guess == NULL) /* no memory: it is unknown */
		answer(g, s);
}

/* g->ask, whose bytes are in g->packet. */
static void take(struct guesser *g)
{
	const struct guess_ask *a = &g->ask;
	struct guessed *s = &g->slots[a->slot];

	if (a->kind == GUESS_ASK_BEGIN)
		begin(g, s);
	if (s->guess == NULL || s->generation != a->generation)
		g->stats.ignored += a->kind == GUESS_ASK_PACKET;
	else if (a->kind == GUESS_ASK_END)
		forget(g, s);
	else if (ndpi_guess_feed(g->ndpi, s->guess, g->packet, a->packet_len, a->time_us))
		answer(g, s);
}

/* Copy the oldest ask and give its place back.  False: it is none. */
static bool copy(struct guesser *g, const uint8_t *at, size_t len)
{
	bool whole = len >= sizeof(g->ask);

	if (whole) {
		memcpy(&g->ask, at, sizeof(g->ask));
		whole = g->ask.slot < GUESS_OPEN_MAX &&
			g->ask.packet_len <= sizeof(g->packet) &&
			len - sizeof(g->ask) == g->ask.packet_len;
	}
	if (whole)
		memcpy(g->packet, at + sizeof(g->ask), g->ask.packet_len);
	ring_release(g->rings.asks);
	return whole;
}

unsigned guesser_serve(struct guesser *g, unsigned max)
{
	unsigned n = 0;
	const void *at;
	size_t len;

	for (; n < max && (at = ring_peek(g->rings.asks, &len)) != NULL; n++)
		if (copy(g, at, len))
			take(g);
		else
			g->stats.ignored++;
	return n;
}

void guesser_stats(const struct guesser *g, struct guesser_stats *ret)
{
	*ret = g->stats;
	ret->memory = ndpi_adapter_memory(g->ndpi);
	ret->ignored += ring_faults(g->rings.asks);
}

/* ---- the process ----------------------------------------------------------------------------- */

static void rest(unsigned empty)
{
	const struct timespec t = {.tv_nsec = (empty < QUIET_AT ? IDLE_US : QUIET_US) *
					      1000L};

	(void)nanosleep(&t, NULL);
}

static void publish(const struct guesser *g, struct gateway_guesser *sh)
{
	struct guesser_stats st;

	guesser_stats(g, &st);
	atomic_store(&sh->memory, st.memory.bytes);
	atomic_store(&sh->memory_most, st.memory.most);
	atomic_store(&sh->over_memory, st.memory.over);
	atomic_store(&sh->answers_lost, st.answers_lost);
	atomic_store(&sh->ignored, st.ignored);
	atomic_store(&sh->process.beat_us, gateway_monotonic_us());
}

int guesser_main(const struct gateway_cfg *cfg, struct gateway_guesser *sh,
		 const struct gateway_rings *rings)
{
	const pid_t parent = getppid();
	struct guesser *g;
	char error[300] = "";
	unsigned empty = 0;

	/* Not its business: what is left is no way to anything. */
	ring_destroy(rings->events);
	ring_destroy(rings->notes);
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	ring_attach(rings->guesses.asks);
	ring_attach(rings->guesses.answers);
	g = guesser_create(&rings->guesses, NULL);
	if (g == NULL || confine(CONFINE_GUESSER, cfg->generation->config->capture.user,
				 false, error) != 0) {
		log_error("guesser: %s", g == NULL ? "out of memory" : error);
		guesser_destroy(g);
		return 3;
	}
	publish(g, sh);
	atomic_store(&sh->process.ready, true);
	while (getppid() == parent) {
		const unsigned n = guesser_serve(g, BURST);

		publish(g, sh);
		empty = n > 0 ? 0 : empty + 1;
		if (n < BURST)
			rest(empty);
	}
	guesser_destroy(g);
	return 0;
}
