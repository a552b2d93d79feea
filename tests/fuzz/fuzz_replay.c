/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_replay - whole hostile frames, tunnels too, through a worker of replay.
 *
 * Input: frames of u8 how | u8 link type | be16 length | bytes; `how` holds
 * what time goes on by and whether the capture cut the frame.  Properties: every flow that
 * began has its end, an event is one line, flows stay within their limit, and a worker that
 * was rewound says what a new one says.
 */
#include "../unit/engine/scene_rules.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "engine/worker.h"
#include "rewind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLOWS_MAX 16u
#define T0        (INT64_C(1795521600) * 1000000)

/* What a worker said of one input. */
struct said {
	uint64_t starts, ends;
	uint64_t hash; /* of all lines */
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void take_event(void *arg, const struct event_key *key,
		       const struct event_digest *digest, const char *tail, size_t len)
{
	struct said *e = arg;

	(void)key;
	(void)digest;
	check(len > 2 && memchr(tail, '\n', len) == tail + len - 1);
	e->hash = hash_bytes(tail, len, e->hash);
	e->starts += memmem(tail, len, "\"phase\":\"start\"", 15) != NULL;
	e->ends += memmem(tail, len, "\"phase\":\"end\"", 13) != NULL;
}

static void give(struct worker *w, struct frame *f, struct cursor *c)
{
	const unsigned how = cur_u8(c);
	const unsigned link = cur_u8(c);
	size_t len = cur_be16(c);
	uint8_t *exact;

	if (!cur_ok(c))
		return;
	if (len > c->left)
		len = c->left;
	/* Memory of exactly the frame's size: the sanitizer sees a byte too far. */
	exact = malloc(len == 0 ? 1 : len);
	check(exact != NULL);
	if (len > 0)
		memcpy(exact, cur_take(c, len), len);
	f->data = exact;
	f->link = (enum link_type)(link % LINK_TYPE_COUNT);
	f->caplen = (uint32_t)len;
	f->len = f->caplen + ((how & 1) != 0 ? 100 : 0);
	f->number++;
	f->clock_us += (int64_t)(how >> 1) * ((how & 0x80) != 0 ? 1000000 : 1000);
	f->time_us = f->clock_us;
	worker_frame(w, f);
	free(exact);
	check(worker_flows(w) <= FLOWS_MAX);
}

static struct worker *make_worker(struct said *said)
{
	static struct generation *g;
	struct worker_cfg cfg = {.dns_events = true,
				 .sink = {.put = take_event, .arg = said}};
	struct worker *w;

	if (g == NULL) {
		g = scene_generation(open_rules);
		g->config->limits.max_flows = FLOWS_MAX;
		g->config->limits.max_heads = 6;
		g->config->limits.max_fragments = 4;
	}
	cfg.generation = g;
	cfg.origin = (struct event_origin){
		.sensor = STR("test"), .generation = STR("0"), .mode = MODE_MONITOR};
	w = worker_create(&cfg);
	check(w != NULL);
	return w;
}

static void play(struct worker *w, const struct said *said, const uint8_t *data,
		 size_t size)
{
	struct cursor c = cur_init(data, size);
	struct frame f = {.clock_us = T0};
	struct worker_stats stats;

	while (c.left > 0 && cur_ok(&c))
		give(w, &f, &c);
	worker_finish(w, f.clock_us);
	worker_stats(w, &stats);
	check(worker_flows(w) == 0);
	check(stats.flows == said->ends && said->starts <= said->ends);
	check(stats.forms_lost == 0 && stats.judged <= stats.flows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rewind rewind;
	static struct worker *kept;
	static struct said said;
	struct said fresh = {0, 0, 0};
	struct worker *w;

	if (size == 0)
		return 0;
	if (kept == NULL) {
		worker_destroy(make_worker(&said)); /* libraries and rules come first */
		rewind_record(&rewind);
		kept = make_worker(&said);
		rewind_mark(&rewind);
	}
	said = fresh;
	rewind_back(&rewind);
	play(kept, &said, data, size);
	if (!rewind_is_compared(data, size))
		return 0;
	w = make_worker(&fresh);
	play(w, &fresh, data, size);
	worker_destroy(w);
	check(memcmp(&fresh, &said, sizeof(said)) == 0);
	return 0;
}
