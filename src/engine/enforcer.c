/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enforcer - the process that sees packets: reads the queue (or the interfaces), lets the
 * worker decide, and carries the answers out.
 *
 * One thread does everything in a loop around poll(); a second one loads generations.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/dns_file.h"
#include "engine/gateway.h"
#include "engine/loader.h"
#include "engine/selfcheck.h"
#include "engine/volume.h"
#include "record/form.h"
#include "record/pseudonym.h"

#define TICK_US 10000
#define QUIET_TICK_US \
	50000 /* nothing came since the last: each waking costs the others */
#define STATS_US        250000
#define DUMP_US         INT64_C(20000000) /* under the shortest time-out of a bypassed flow */
#define CLOCK_STEP_US   1000000
#define PATIENCE_US     200000 /* for the acknowledgements behind an end */
#define BURSTS          4      /* of the queue, before others have their turn */
#define REPORT_BURSTS   16     /* of connection tracking, a tick */
#define SOURCES_MAX     CAPTURE_WATCHED_MAX
#define HEADERS_SNAPLEN 192 /* link, tags, IPv6 with extension headers, TCP */
#define HEADERS_BURST   4096
#define STOP_DUMP_MS    1000
#define ANSWERS_A_TICK  256 /* of resolvers, about 2 us each */

struct enforcer {
	const struct gateway_cfg *cfg;
	struct gateway_shared *sh;
	struct ring *events;
	struct guess_rings guesses;
	struct ring *resolvers;   /* NULL = no dns.log */
	struct dnstap_feed *feed; /* of these */
	int order_fd;
	int epoll_fd;
	struct generation *generation;
	struct worker *worker;
	struct loader *loader;
	struct dns_writer *dns;
	struct pseudonyms pseudonyms; /* where the configuration asks for them */
	const void *identity;         /* identity_watch.h */
	uint32_t identity_taken;      /* number of the table in use; 0 = none */
	struct gateway_order order;   /* being carried out: a load goes on */
	bool loading;
	struct event_origin origin;
	char sensor[64], name[GENERATION_NAME_LEN + 1];

	struct nfqueue *queue;
	struct inject *inject;
	struct conntrack *conntrack;
	struct source *headers; /* counts where conntrack cannot; NULL = not needed */
	struct source *sources[SOURCES_MAX];
	size_t source_count;
	struct source_clock source_clock;
	uint32_t mask, mark; /* of a packet that may pass without us */

	int64_t offset_us; /* from monotonic to real time; only grows */
	int64_t now_us;    /* real time, never going back */
	int64_t mono_us;
	int64_t next_tick_us, next_stats_us, next_dump_us; /* monotonic */
	int64_t next_save_us, save_us; /* of the passive DNS table; save_us 0 = never */
	struct selfcheck check;
	struct volume *volume;
	bool busy; /* something came since the last tick */
	bool stop;
	bool orphaned; /* the supervisor is gone; rules that it put in place may stand */
	bool closed;   /* capture.on_failure; the generation of the start goes */
};

/*
 * Real time that never goes back and does not wait: the monotonic clock, moved on when the
 * real one has been set ahead.
 */
static void read_clock(struct enforcer *e)
{
	const int64_t real = clock_real.now_us(clock_real.arg);

	e->mono_us = gateway_monotonic_us();
	if (real - e->mono_us > e->offset_us + CLOCK_STEP_US || e->offset_us == 0)
		e->offset_us = real - e->mono_us;
	e->now_us = e->mono_us + e->offset_us;
}

/* ---- events --------------------------------------------------------------------------------- */

static void put_line(struct enforcer *e, const char *tail, size_t len)
{
	void *at = len == 0 ? NULL : ring_reserve(e->events, len);

	if (at == NULL) {
		atomic_fetch_add(&e->sh->lost, 1);
		return;
	}
	memcpy(at, tail, len);
	ring_commit(e->events, len);
	atomic_fetch_add(&e->sh->put, 1);
}

/* With packets to keep; where there is no room for them the event is written all the same. */
static void put_flow(struct enforcer *e, const struct event_digest *d, const char *tail,
		     size_t len)
{
	const struct gateway_packets head = {.line_len = (uint32_t)len,
					     .flow_id = d->flow_id};
	const size_t all = sizeof(head) + len + d->packets.len;
	char *at = d->packets.len == 0 || len == 0 ? NULL : ring_reserve(e->events, all);

	if (at == NULL) {
		if (d->packets.len > 0)
			atomic_fetch_add(&e->sh->packets_lost, 1);
		put_line(e, tail, len);
		return;
	}
	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), tail, len);
	memcpy(at + sizeof(head) + len, d->packets.p, d->packets.len);
	ring_commit(e->events, all);
	atomic_fetch_add(&e->sh->put, 1);
}

static void put_rollup(void *arg, const struct rollup_event *r)
{
	struct enforcer *e = arg;
	char line[FORM_LINE_MAX] = "";

	put_line(e, line, form_rollup(r, &e->origin, line, sizeof(line)));
}

static struct volume_names names_of(const struct enforcer *e)
{
	return (struct volume_names){.vocabulary = &e->generation->vocabulary,
				     .policy = e->generation->policy};
}

/* Before anything that they were counted under changes. */
static void tell_counted(struct enforcer *e)
{
	const struct volume_names names = names_of(e);

	volume_finish(e->volume, e->now_us, &names, put_rollup, e);
}

static void put_event(void *arg, const struct event_key *key,
		      const struct event_digest *d, const char *tail, size_t len)
{
	struct enforcer *e = arg;
	const enum selfcheck_trouble t = selfcheck_look(&e->check, d);

	(void)key;
	if (!volume_take(e->volume, d))
		put_flow(e, d, tail, len);
	if (t != SELFCHECK_COUNT) {
		char line[FORM_LINE_MAX] = "";
		const struct system_event s = {.time_us = d->time_us,
					       .what = selfcheck_name(t),
					       .message = str_of(selfcheck_message(t))};

		log_warning("%s", selfcheck_message(t));
		put_line(e, line, form_system(&s, &e->origin, line, sizeof(line)));
	}
}

/* ---- answers -------------------------------------------------------------------------------- */

static void pass(void *arg, struct held_packet p, bool final)
{
	struct enforcer *e = arg;

	nfqueue_verdict(e->queue, p.id, true, final, (p.mark & ~e->mask) | e->mark);
}

static void drop(void *arg, struct held_packet p)
{
	struct enforcer *e = arg;

	nfqueue_verdict(e->queue, p.id, false, false, 0);
}

static void reset(void *arg, const struct tcp_reset *r)
{
	struct enforcer *e = arg;

	inject_reset(e->inject, r);
}

static void prohibit(void *arg, const uint8_t *ip, size_t len)
{
	struct enforcer *e = arg;

	inject_prohibited(e->inject, ip, len, e->now_us);
}

static void recall(void *arg, const struct conn_report *r)
{
	struct enforcer *e = arg;

	if (e->conntrack != NULL)
		conntrack_recall(e->conntrack, r, e->mask);
}

static void take_packet(void *arg, const struct queued_packet *p)
{
	struct enforcer *e = arg;
	struct queued_packet copy;

	if (e->headers == NULL) {
		worker_packet(e->worker, p);
		return;
	}
	copy = *p;
	copy.frame.uncounted = true;
	worker_packet(e->worker, &copy);
}

static void take_report(void *arg, const struct conn_report *r)
{
	struct enforcer *e = arg;

	worker_report(e->worker, r, e->now_us);
}

/* ---- orders of the supervisor ------------------------------------------------------------------ */

static void reply(struct enforcer *e, bool ok, const char *text)
{
	struct gateway_reply r = {.ok = ok};

	(void)snprintf(r.text, sizeof(r.text), "%s", text);
	(void)send(e->order_fd, &r, sizeof(r), MSG_NOSIGNAL);
}

static void name_origin(struct enforcer *e, enum mode mode)
{
	const char *sensor = e->generation->config->sensor;

	(void)snprintf(e->sensor, sizeof(e->sensor), "%s", sensor);
	memcpy(e->name, e->generation->name, sizeof(e->name));
	e->origin = (struct event_origin){
		.sensor = str_of(e->sensor), .generation = str_of(e->name), .mode = mode};
}

static void use(struct enforcer *e, enum mode mode, uint32_t mark)
{
	name_origin(e, mode);
	e->mark = mark;
	worker_use(e->worker, e->generation, &e->origin, mode == MODE_ENFORCE);
}

static void end_load(struct enforcer *e)
{
	char *text = NULL;
	struct generation *g = loader_take(e->loader, &text);
	struct generation *old = e->generation;

	if (!e->loading) { /* given up */
		if (g != NULL)
			loader_discard(e->loader, g);
		free(text);
		return;
	}
	e->loading = false;
	if (g == NULL) {
		reply(e, false, text == NULL ? "out of memory" : text);
	} else if (strcmp(g->name, e->order.name) != 0) {
		loader_discard(e->loader, g);
		reply(e, false, "the files changed while they were read; try again");
	} else {
		tell_counted(e);
		e->generation = g;
		use(e, e->order.mode, e->order.mark);
		dns_writer_restart(e->dns);
		/* The one of the start is the supervisor's memory too: freed here, not there. */
		loader_discard(e->loader, old);
		reply(e, true, g->name);
	}
	free(text);
}

/* Every order has one answer, in their order, and the last order is what counts. */
static void give_up_load(struct enforcer *e)
{
	if (e->loading)
		reply(e, false, "given up for another order");
	e->loading = false;
}

static void take_order(struct enforcer *e)
{
	struct gateway_order o;
	ssize_t n = recv(e->order_fd, &o, sizeof(o), MSG_DONTWAIT);

	if (n == 0) { /* the supervisor is gone */
		e->stop = e->orphaned = true;
		return;
	}
	if (n != (ssize_t)sizeof(o))
		return;
	switch (o.kind) {
	case GATEWAY_USE:
		give_up_load(e);
		e->order = o;
		e->loading = loader_start(e->loader, e->now_us);
		if (!e->loading)
			reply(e, false, "a load is going on");
		return;
	case GATEWAY_MODE:
		give_up_load(e);
		tell_counted(e);
		use(e, o.mode, o.mark);
		reply(e, true, e->name);
		return;
	case GATEWAY_STOP:
		e->stop = true;
		return;
	}
}

/* ---- the passive DNS table --------------------------------------------------------------------------- */

static const char *dns_dir(const struct config *c)
{
	return c->dns.dir != NULL ? c->dns.dir : c->ledger.dir;
}

static void load_dns(struct enforcer *e, const struct config *c)
{
	struct dns_share *sh = &e->sh->dns;
	struct dns_loaded n;
	char error[300];

	if (!c->dns.keep || dns_dir(c) == NULL)
		return;
	e->save_us = c->dns.save_us;
	e->next_save_us = e->mono_us + e->save_us;
	if (dns_file_load(dns_dir(c), worker_witness(e->worker), e->generation, e->now_us,
			  &n, error) != 0) {
		log_warning("dns table: %s", error);
		atomic_fetch_add(&sh->refused, 1);
	} else if (n.rows + n.ended + n.foreign > 0) {
		log_notice("dns table: %" PRIu64 " entries taken over, %" PRIu64
			   " had ended, %" PRIu64 " of other sites",
			   n.rows, n.ended, n.foreign);
	}
	atomic_fetch_add(&sh->restored, n.rows);
	atomic_fetch_add(&sh->ended, n.ended);
	atomic_fetch_add(&sh->foreign, n.foreign);
}

static bool dns_is_due(struct enforcer *e)
{
	if (e->save_us == 0 || e->mono_us < e->next_save_us)
		return false;
	e->next_save_us = e->mono_us + e->save_us;
	return true;
}

/* ---- setting up ---------------------------------------------------------------------------------- */

/* Connection tracking has no events or no counters: watch the inside interface. */
static void count_by_headers(struct enforcer *e, const struct capture_cfg *c)
{
	char error[SOURCE_ERROR_MAX] =
		"capture.interfaces names none; the first one named is watched";
	const struct source_live_cfg live = {
		.interface = c->interface_count > 0 ? c->interfaces[0] : NULL,
		.snaplen = HEADERS_SNAPLEN};

	if (live.interface != NULL)
		e->headers = source_open_live(&live, &e->source_clock, error);
	if (e->headers != NULL)
		log_warning(
			"connection tracking cannot count here: counting by the headers "
			"on %s",
			live.interface);
	else
		log_warning("connection tracking cannot count here, and headers neither: "
			    "`end` events of what the kernel passes alone come late and "
			    "without bytes (%s)",
			    error);
}

static int open_queue(struct enforcer *e, const struct capture_cfg *c, char error[300])
{
	const struct nfqueue_cfg q = {.number = (uint16_t)c->queue,
				      .fail_open = c->on_failure == ON_FAILURE_OPEN};
	const struct conntrack_cfg ct = {.patience_us = PATIENCE_US,
					 .acct_was_off =
						 atomic_load(&e->sh->acct_was_off)};
	struct conntrack_abilities can = {0};
	int rc = nfqueue_open(&q, &e->queue, error);

	if (rc == 0)
		rc = inject_open(&e->inject, error);
	if (rc != 0)
		return rc;
	if (conntrack_open(&ct, &e->conntrack, &can, error) != 0)
		log_warning("%s", error);
	if (!can.events || !can.accounting)
		count_by_headers(e, c);
	e->sh->can_events = can.events;
	e->sh->can_accounting = can.accounting;
	atomic_store(&e->sh->acct_was_off, can.acct_was_off);
	return 0;
}

static int open_interfaces(struct enforcer *e, const struct capture_cfg *c,
			   char error[300])
{
	for (size_t i = 0; i < c->interface_count && i < SOURCES_MAX; i++) {
		const struct source_live_cfg live = {.interface = c->interfaces[i],
						     .promiscuous = true};
		struct source *s = source_open_live(&live, &e->source_clock, error);

		if (s == NULL)
			return -EIO;
		e->sources[e->source_count++] = s;
	}
	return 0;
}

/* What is waited for: its kind, and which of the sources. */
enum waited {
	WAITED_ORDER,
	WAITED_LOAD,
	WAITED_PACKETS
};

static int wait_for(const struct enforcer *e, int fd, enum waited what)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = what};

	return epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

static int wait_for_all(struct enforcer *e)
{
	int rc;

	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->epoll_fd < 0)
		return -errno;
	rc = wait_for(e, e->order_fd, WAITED_ORDER);
	if (rc == 0)
		rc = wait_for(e, loader_fd(e->loader), WAITED_LOAD);
	if (rc == 0 && e->queue != NULL)
		rc = wait_for(e, nfqueue_fd(e->queue), WAITED_PACKETS);
	for (size_t i = 0; i < e->source_count && rc == 0; i++)
		rc = wait_for(e, source_fd(e->sources[i]), WAITED_PACKETS);
	return rc;
}

/* Senders choose addresses and ports: what they collide with must not be theirs to choose. */
static uint64_t random_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = (uint64_t)clock_real.now_us(clock_real.arg);
	return seed;
}

/* Made by the supervisor; the rights to read it go with the start. */
static int read_pseudonyms(const struct config *c, struct pseudonyms *ret,
			   char error[300])
{
	char path[PSEUDONYMS_PATH_MAX];
	int rc;

	pseudonyms_path(c->ledger.keys, c->ledger.dir, path);
	rc = pseudonyms_read(path, ret);
	if (rc != 0)
		(void)snprintf(error, 300, "the key of pseudonyms cannot be read: %s",
			       strerrordesc_np(-rc));
	return rc;
}

static int open_all(struct enforcer *e, char error[300])
{
	const uint64_t seed = random_seed();
	const struct config *c = e->generation->config;
	const enum mode mode = (enum mode)atomic_load(&e->sh->mode);
	const struct inline_cfg in = {
		.sink = {.pass = pass,
			 .drop = drop,
			 .reset = reset,
			 .prohibit = prohibit,
			 .recall = recall,
			 .arg = e},
		.hold = {.flow_packets = c->limits.hold_flow,
			 .source_packets = c->limits.hold_source,
			 .total_packets = c->limits.hold_total,
			 .seed = seed},
		.hold_us = c->limits.hold_time_us,
		.adopt_until_us = e->sh->adopt_until_us,
		.min_ttl = (uint8_t)c->capture.min_ttl,
		.enforce = mode == MODE_ENFORCE,
	};
	const bool queue = c->capture.source == CAPTURE_NFQUEUE;
	const bool masked = c->identity.pseudonyms;
	struct worker_cfg wc = {.generation = e->generation,
				.sink = {.put = put_event, .arg = e},
				.seed = seed,
				.guesser = e->guesses.asks != NULL ? &e->guesses : NULL,
				.dns_events = c->ledger.dns_events,
				.pseudonyms = masked ? &e->pseudonyms : NULL,
				.inline_cfg = queue ? &in : NULL};
	int rc;

	rc = masked ? read_pseudonyms(c, &e->pseudonyms, error) : 0;
	if (rc != 0)
		return rc;
	name_origin(e, mode);
	wc.origin = e->origin;
	e->closed = c->capture.on_failure == ON_FAILURE_CLOSED;
	e->mask = c->capture.mark_mask;
	e->mark = atomic_load(&e->sh->mark);
	e->worker = worker_create(&wc);
	e->volume = volume_create(c->ledger.rollup);
	e->loader = loader_create(&e->cfg->load, false);
	if (e->resolvers != NULL)
		e->feed = dnstap_feed_create(e->resolvers);
	if (e->worker == NULL || e->volume == NULL || e->loader == NULL ||
	    e->dns == NULL || (e->resolvers != NULL && e->feed == NULL)) {
		(void)snprintf(error, 300, "out of memory");
		return -ENOMEM;
	}
	load_dns(e, c);
	rc = queue ? open_queue(e, &c->capture, error)
		   : open_interfaces(e, &c->capture, error);
	if (queue && e->conntrack == NULL)
		worker_keeps_all(e->worker);
	if (rc == 0)
		rc = wait_for_all(e);
	if (rc != 0)
		return rc;
	return confine(CONFINE_ENFORCER, c->capture.user, queue, error);
}

/* ---- the loop --------------------------------------------------------------------------------------- */

static void publish(struct enforcer *e)
{
	struct gateway_shared *sh = e->sh;
	struct gateway_stats *st = &sh->stats;

	atomic_fetch_add(&sh->stats_version, 1);
	worker_stats(e->worker, &st->worker);
	st->flows_now = worker_flows(e->worker);
	if (e->feed != NULL)
		dnstap_feed_stats(e->feed, &st->dnstap);
	st->troubles = e->check.told;
	if (e->queue != NULL) {
		worker_inline_stats(e->worker, &st->in_line);
		nfqueue_stats(e->queue, &st->queue);
		st->inject = *inject_stats(e->inject);
	}
	if (e->conntrack != NULL)
		st->conntrack = *conntrack_stats(e->conntrack);
	memset(&st->source, 0, sizeof(st->source));
	for (size_t i = 0; i < e->source_count; i++) {
		struct source_stats one;

		source_stats(e->sources[i], &one);
		st->source.frames += one.frames;
		st->source.bytes += one.bytes;
		st->source.kernel_dropped += one.kernel_dropped;
	}
	atomic_fetch_add(&sh->stats_version, 1);
}

/* After the queue: what a header belongs to is known by then. */
static void read_headers(struct enforcer *e)
{
	struct frame f;

	for (int i = 0; e->headers != NULL && i < HEADERS_BURST; i++) {
		if (source_read_now(e->headers, &f) != SOURCE_FRAME)
			return;
		worker_headers(e->worker, &f);
	}
}

static void take_identity(struct enforcer *e)
{
	const struct identity *t =
		identity_share_take(&e->sh->identity, e->identity, &e->identity_taken);

	if (t != NULL)
		worker_identify(e->worker, t);
}

static void tick(struct enforcer *e)
{
	const struct volume_names names = names_of(e);

	atomic_store(&e->sh->enforcer.beat_us, e->mono_us);
	take_identity(e);
	worker_tick(e->worker, e->now_us);
	volume_tick(e->volume, e->now_us, &names, put_rollup, e);
	if (e->queue != NULL)
		nfqueue_watch(e->queue, e->now_us);
	if (e->queue != NULL && nfqueue_flush(e->queue) != 0)
		log_error("queue: cannot answer the kernel");
	e->busy |= worker_sweep(e->worker, e->now_us);
	for (int i = 0; e->conntrack != NULL && i < REPORT_BURSTS; i++) {
		if (conntrack_read(e->conntrack, e->mono_us, take_report, e) == 0)
			break;
		e->busy = true;
	}
	read_headers(e);
	if (e->feed != NULL && dnstap_feed_take(e->feed, e->worker, e->generation,
						e->now_us, ANSWERS_A_TICK) > 0)
		e->busy = true;
	e->busy |= dns_writer_turn(e->dns, e->worker, e->generation, e->now_us,
				   dns_is_due(e));
	e->next_tick_us = e->mono_us + (e->busy ? TICK_US : QUIET_TICK_US);
	e->busy = false;
	if (e->mono_us >= e->next_stats_us) {
		publish(e);
		e->next_stats_us = e->mono_us + STATS_US;
	}
	if (e->conntrack != NULL && e->mono_us >= e->next_dump_us) {
		(void)conntrack_dump(e->conntrack);
		e->next_dump_us = e->mono_us + DUMP_US;
	}
}

static int read_queue(struct enforcer *e)
{
	int n = NFQUEUE_BURST;

	for (int i = 0; i < BURSTS && n == NFQUEUE_BURST; i++) {
		n = nfqueue_read(e->queue, e->now_us, take_packet, e);
		if (n == NFQUEUE_BURST) /* more wait: how many, before there is room */
			nfqueue_watch(e->queue, e->now_us);
		if (n >= 0 && nfqueue_flush(e->queue) != 0)
			log_error("queue: cannot answer the kernel");
	}
	return n < 0 ? n : 0;
}

static int read_interfaces(struct enforcer *e)
{
	struct frame f;

	for (size_t i = 0; i < e->source_count; i++) {
		enum source_result r = SOURCE_FRAME;

		for (int n = 0; n < NFQUEUE_BURST * BURSTS && r == SOURCE_FRAME; n++) {
			r = source_read_now(e->sources[i], &f);
			if (r == SOURCE_FRAME)
				worker_frame(e->worker, &f);
		}
		if (r == SOURCE_DAMAGED || r == SOURCE_END) {
			log_error("%s", source_error(e->sources[i]));
			return -EIO;
		}
	}
	return 0;
}

/*
 * Connection tracking is not waited for: what it tells is taken every 10 ms, many at a time,
 * which costs a fraction of a wake-up for each.
 */
static int turn(struct enforcer *e)
{
	struct epoll_event ready[8];
	const int64_t left_us = e->next_tick_us - e->mono_us;
	int rc = 0, n;

	n = epoll_wait(e->epoll_fd, ready, 8,
		       left_us > 0 ? (int)(left_us / 1000) + 1 : 0);
	if (n < 0 && errno != EINTR)
		return -errno;
	read_clock(e);
	for (int i = 0; i < n && rc == 0; i++)
		switch ((enum waited)ready[i].data.u32) {
		case WAITED_ORDER:
			take_order(e);
			e->next_tick_us = e->mono_us;
			break;
		case WAITED_LOAD:
			end_load(e);
			break;
		case WAITED_PACKETS:
			rc = e->queue != NULL ? read_queue(e) : read_interfaces(e);
			e->busy = true;
			if (e->next_tick_us > e->mono_us + TICK_US)
				e->next_tick_us = e->mono_us + TICK_US;
			break;
		}
	if (e->mono_us >= e->next_tick_us)
		tick(e);
	return rc;
}

/*
 * Nothing more is judged: let go what is held (or drop it, where nothing may pass unjudged),
 * count what the kernel still passes.
 */
static void wind_up(struct enforcer *e)
{
	read_clock(e);
	if (e->queue != NULL) {
		while (nfqueue_read(e->queue, e->now_us, take_packet, e) > 0)
			(void)nfqueue_flush(e->queue);
		if (e->orphaned && e->closed)
			worker_forget_held(e->worker);
		else
			worker_let_go(e->worker);
		(void)nfqueue_flush(e->queue);
	}
	if (e->conntrack != NULL)
		(void)conntrack_dump_now(e->conntrack, STOP_DUMP_MS, take_report, e);
	read_headers(e);
	worker_finish(e->worker, e->now_us);
	tell_counted(e);
	dns_writer_all(e->dns, e->worker, e->generation, e->now_us);
	publish(e);
}

int enforcer_main(const struct gateway_cfg *cfg, struct gateway_shared *sh,
		  const struct gateway_rings *rings, int order_fd)
{
	struct enforcer e = {.cfg = cfg,
			     .sh = sh,
			     .events = rings->events,
			     .guesses = rings->guesses,
			     .resolvers = rings->resolvers,
			     .identity = rings->identity,
			     .order_fd = order_fd,
			     .generation = cfg->generation};
	char error[600] = "";
	int rc;

	ring_attach(e.events);
	if (e.guesses.asks != NULL) {
		ring_attach(e.guesses.asks);
		ring_attach(e.guesses.answers);
	}
	if (e.resolvers != NULL)
		ring_attach(e.resolvers);
	if (rings->dnstap_fd >= 0)
		(void)close(rings->dnstap_fd);
	ring_destroy(rings->notes); /* this process's mapping: not its business */
	read_clock(&e);
	e.dns = dns_writer_create(&sh->dns, rings->dns_fd);
	rc = identity_share_attach(rings->identity);
	if (rc == 0)
		rc = open_all(&e, error);
	else
		(void)snprintf(error, sizeof(error), "%s", strerrordesc_np(-rc));
	if (rc == 0)
		take_identity(&e);
	if (rc != 0) {
		log_error("%s", error);
		return 3;
	}
	e.next_dump_us = e.mono_us + DUMP_US;
	atomic_store(&sh->enforcer.beat_us, gateway_monotonic_us());
	atomic_store(&sh->enforcer.ready, true);
	while (rc == 0 && !e.stop)
		rc = turn(&e);
	if (rc != 0)
		log_error("enforcer: %s", strerrordesc_np(-rc));
	wind_up(&e);
	conntrack_close(e.conntrack);
	source_close(e.headers);
	nfqueue_close(e.queue);
	inject_close(e.inject);
	volume_destroy(e.volume);
	atomic_store(&sh->enforcer.ready, false); /* all of its events are in the ring */
	return rc == 0 ? 0 : 3;
}
