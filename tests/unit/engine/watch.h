/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ENGINE_WATCH_H
#define TESTS_ENGINE_WATCH_H

/* watch - a worker that only looks on, as in a replay or on a mirror port; see play.h. */

#include "play.h"

static inline struct scene *watch(void)
{
	struct scene *s = scene_create(closed);
	const struct worker_cfg cfg = {.generation = s->g,
				       .origin = scene_origin(false),
				       .dns_events = true,
				       .sink = {.put = scene_event, .arg = s}};

	s->w = worker_create(&cfg);
	assert_non_null(s->w);
	s->watches = true;
	return s;
}

/* s->packet, whole, comes by a millisecond behind the one before. */
static inline void see_packet(struct scene *s)
{
	struct frame f = build_frame(&s->packet);

	f.number = ++s->ids;
	f.time_us = f.clock_us = s->now_us += 1000;
	worker_frame(s->w, &f);
}

static inline void see(struct scene *s, const struct ends *e, struct segment g)
{
	build_segment(&s->packet, e, &g);
	build_end(&s->packet);
	see_packet(s);
}

static inline void see_datagram(struct scene *s, const struct ends *e, enum side side,
				const void *data, size_t len)
{
	build_datagram(&s->packet, e, side, data, len);
	build_end(&s->packet);
	see_packet(s);
}

static inline void see_client(struct scene *s, const struct ends *e, uint32_t at,
			      const void *data, size_t len)
{
	see(s, e,
	    (struct segment){FROM_CLIENT, TCP_ACK, CLIENT_FIRST + at, SERVER_FIRST, data,
			     len});
}

static inline void see_server(struct scene *s, const struct ends *e, uint32_t at,
			      uint32_t taken, const void *data, size_t len)
{
	see(s, e,
	    (struct segment){FROM_SERVER, TCP_ACK, SERVER_FIRST + at,
			     CLIENT_FIRST + taken, data, len});
}

static inline void see_open(struct scene *s, const struct ends *e)
{
	see(s, e, (struct segment){FROM_CLIENT, TCP_SYN, CLIENT_FIRST - 1, 0, NULL, 0});
	see(s, e,
	    (struct segment){FROM_SERVER, TCP_SYN | TCP_ACK, SERVER_FIRST - 1,
			     CLIENT_FIRST, NULL, 0});
}

static inline void end_watch(struct scene *s)
{
	worker_finish(s->w, s->now_us);
	worker_destroy(s->w);
	free(s);
}

#endif /* TESTS_ENGINE_WATCH_H */
