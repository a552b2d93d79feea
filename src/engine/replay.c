/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/replay.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/ring.h"
#include "capture/source.h"
#include "engine/feeds.h"
#include "engine/resolve.h"
#include "engine/selfcheck.h"
#include "engine/volume.h"
#include "record/form.h"

#define IN_RING_BYTES  ((size_t)8 << 20)
#define OUT_RING_BYTES ((size_t)8 << 20)
#define LATE_US        1000000
#define PROGRESS_EVERY 65536u

/* What the reader tells a worker; bytes follow.  The worker sets pointers to them anew. */
struct in_record {
	bool end;          /* no more: finish at frame.clock_us */
	bool decoded;      /* the bytes are those of packet.l4, else of the frame */
	bool site_answer;  /* the bytes are a struct site_answer, for every worker */
	bool log_answer;   /* the bytes are a struct dnstap_answer, of a client of its */
	size_t payload_at; /* of the decoded packet, in the bytes */
	struct frame frame;
	struct packet packet; /* if decoded */
};

/* What a worker tells the merger; texts and the tail follow. */
struct out_record {
	struct event_key key;
	bool progress; /* no event: everything up to key has been told */
	bool end;
	uint32_t host_len, word_len, signal_len, peer_len, principal_len, packets_len,
		tail_len;
	struct event_digest digest;
};

struct lane {
	struct replay *run;
	struct worker *worker;
	struct ring *in, *out;
	pthread_t thread;
	bool started;
	/* merger's view */
	const struct out_record *next; /* peeked, or NULL */
	bool ended;
};

/* The reader's place, for workers that have nothing to do: all before it is handed out. */
struct read_mark {
	_Atomic uint64_t version; /* even = stable (sequence lock, one writer) */
	_Atomic int64_t clock_us;
	_Atomic uint64_t frame;
};

struct replay {
	const struct replay_cfg *cfg;
	struct replay_result *result;
	struct event_origin origin;
	struct lane lanes[REPLAY_WORKERS_MAX];
	struct decoder *fragments; /* the reader's: see take_shared() */
	struct decoder *resolvers; /* the same, of the frames of site resolvers */
	struct resolve *asked;     /* what these were asked */
	struct dnstap_logs *logs;  /* NULL = none */
	int64_t clock_us;          /* of the last frame */
	struct read_mark mark;
	struct volume *volume;
	struct selfcheck check; /* of the events, in their order */
	bool any_frame;
};

static void wait_a_little(unsigned *tries)
{
	struct timespec t = {.tv_nsec = *tries < 16 ? 0 : 20000};

	(*tries)++;
	(void)nanosleep(&t, NULL);
}

/* ---- writing ------------------------------------------------------------------------------ */

static void write_event(struct replay *r, const struct event_digest *d, const char *tail,
			size_t len)
{
	int rc;

	if (r->result->write_error != 0)
		return;
	rc = ledger_append(r->cfg->ledger, tail, len);
	if (rc != 0) {
		r->result->write_error = rc;
		return;
	}
	r->result->events++;
	if (r->cfg->observe != NULL)
		r->cfg->observe(r->cfg->arg, d);
}

/* The packets go first: what the event names is there. */
static void write_flow(struct replay *r, const struct event_digest *d, const char *tail,
		       size_t len)
{
	char line[FORM_LINE_MAX];

	if (d->packets.len == 0 || r->cfg->packets == NULL || len > sizeof(line) ||
	    r->result->write_error != 0) {
		write_event(r, d, tail, len);
		return;
	}
	memcpy(line, tail, len);
	len = packets_keep_of(r->cfg->packets, d->flow_id, d->packets, line, len);
	write_event(r, d, line, len);
}

static void write_system(struct replay *r, int64_t time_us, const char *what,
			 const char *message, const struct event_counter *counters,
			 size_t n)
{
	char line[FORM_LINE_MAX];
	struct system_event e = {.time_us = time_us,
				 .what = what,
				 .message = str_of(message),
				 .counters = counters,
				 .counter_count = n};
	struct event_digest d = {.type = EVENT_SYSTEM, .time_us = e.time_us};
	size_t len = form_system(&e, &r->origin, line, sizeof(line));

	if (len > 0)
		write_event(r, &d, line, len);
}

static void write_rollup(void *arg, const struct rollup_event *e)
{
	struct replay *r = arg;
	char line[FORM_LINE_MAX];
	const struct event_digest d = {.type = EVENT_ROLLUP, .time_us = e->time_us};
	const size_t len = form_rollup(e, &r->origin, line, sizeof(line));

	if (len > 0)
		write_event(r, &d, line, len);
}

static struct volume_names names_of(const struct replay *r)
{
	const struct generation *g = r->cfg->generation;

	return (struct volume_names){.vocabulary = &g->vocabulary, .policy = g->policy};
}

static void take_event(struct replay *r, const struct event_digest *d, const char *tail,
		       size_t len)
{
	const struct volume_names names = names_of(r);
	enum selfcheck_trouble t;

	volume_tick(r->volume, d->time_us, &names, write_rollup, r);
	if (!volume_take(r->volume, d))
		write_flow(r, d, tail, len);
	else if (r->cfg->observe != NULL)
		r->cfg->observe(r->cfg->arg, d);
	t = selfcheck_look(&r->check, d);
	if (t == SELFCHECK_COUNT)
		return;
	write_system(r, d->time_us, selfcheck_name(t), selfcheck_message(t), NULL, 0);
	r->result->troubles = r->check.told;
}

static void put_direct(void *arg, const struct event_key *key,
		       const struct event_digest *d, const char *tail, size_t len)
{
	(void)key;
	take_event(arg, d, tail, len);
}

/* ---- reading ------------------------------------------------------------------------------ */

typedef void take_frame(struct replay *r, const struct frame *f);
typedef void take_answer(struct replay *r, const struct dnstap_answer *a,
			 const struct site_answer *site, int64_t clock_us);

static void note_damage(struct replay_result *res, const char *message)
{
	if (res->damaged < REPLAY_DAMAGED_MAX) {
		size_t len = strlen(message);

		if (len >= REPLAY_MESSAGE_MAX)
			len = REPLAY_MESSAGE_MAX - 1;
		memcpy(res->messages[res->damaged], message, len);
		res->messages[res->damaged][len] = '\0';
	}
	res->damaged++;
}

static void note_log_damage(void *arg, const char *message)
{
	struct replay *r = arg;

	note_damage(r->result, message);
}

static void add_source_stats(struct replay *r, const struct source *s)
{
	struct replay_result *res = r->result;
	struct source_stats st;

	source_stats(s, &st);
	res->frames += st.frames;
	res->bytes += st.bytes;
	res->truncated += st.truncated;
	res->odd_link += st.odd_link;
	if (st.frames == 0)
		return;
	if (!r->any_frame || st.first_us < res->first_us)
		res->first_us = st.first_us;
	if (!r->any_frame || st.last_us > res->last_us)
		res->last_us = st.last_us;
	r->any_frame = true;
}

/*
 * What resolvers' logs say up to that moment: of the client, and of its site.  One that is older
 * than the last frame comes late, and ends no connection earlier than that.
 */
static void take_logs(struct replay *r, int64_t clock_us, take_answer *take)
{
	const struct generation *g = r->cfg->generation;
	const struct dnstap_answer *a;

	while (r->logs != NULL && (a = dnstap_logs_next(r->logs, clock_us)) != NULL) {
		const struct site_answer site = {
			.site = generation_site_id(g, generation_site_of(g, &a->client)),
			.message = a->message};

		take(r, a, &site, a->time_us > r->clock_us ? a->time_us : r->clock_us);
	}
	r->clock_us = clock_us;
}

/* Read all captures, in order, as one stream of frames on one clock. */
static void read_captures(struct replay *r, take_frame *take, take_answer *answer)
{
	struct source_clock clock = {0};
	char error[SOURCE_ERROR_MAX];
	enum source_result res;
	struct frame f;

	r->result->first_us = 1;
	for (size_t i = 0; i < r->cfg->capture_count; i++) {
		struct source *s = source_open_file(r->cfg->captures[i], &clock, error);

		if (s == NULL) {
			note_damage(r->result, error);
			continue;
		}
		while ((res = source_read(s, &f)) == SOURCE_FRAME) {
			r->result->late += f.clock_us - f.time_us > LATE_US;
			take_logs(r, f.clock_us, answer);
			take(r, &f);
			if (r->cfg->progress != NULL && f.number % PROGRESS_EVERY == 0)
				r->cfg->progress(r->cfg->arg, f.number, source_name(s));
		}
		if (res == SOURCE_DAMAGED)
			note_damage(r->result, source_error(s));
		add_source_stats(r, s);
		source_close(s);
	}
	r->result->clock_us = clock.clock_us;
}

/* ---- one worker ---------------------------------------------------------------------------- */

static void take_direct(struct replay *r, const struct frame *f)
{
	worker_frame(r->lanes[0].worker, f);
}

static void take_answer_direct(struct replay *r, const struct dnstap_answer *a,
			       const struct site_answer *site, int64_t clock_us)
{
	struct worker *w = r->lanes[0].worker;

	worker_client_answer(w, &a->client, &a->message, a->time_us, clock_us);
	worker_site_answer(w, site, clock_us);
}

static bool wants_dns(const struct replay *r)
{
	return r->cfg->generation->config->ledger.dns_events;
}

static int run_one(struct replay *r)
{
	struct worker_cfg cfg = {.generation = r->cfg->generation,
				 .origin = r->origin,
				 .sink = {.put = put_direct, .arg = r},
				 .dns_events = wants_dns(r),
				 .identity = r->cfg->identity,
				 .pseudonyms = r->cfg->pseudonyms,
				 .ndpi = r->cfg->ndpi};

	r->lanes[0].worker = worker_create(&cfg);
	if (r->lanes[0].worker == NULL)
		return -ENOMEM;
	read_captures(r, take_direct, take_answer_direct);
	worker_finish(r->lanes[0].worker, r->result->clock_us);
	return 0;
}

/* ---- several workers: the reader ------------------------------------------------------------ */

/* Almost no frame comes decoded. */
static size_t record_len(const struct in_record *rec)
{
	return rec->decoded ? sizeof(*rec) : offsetof(struct in_record, packet);
}

static void push(struct lane *l, const struct in_record *rec, const uint8_t *data,
		 size_t data_len)
{
	const size_t head = record_len(rec);
	size_t len = head + data_len;
	unsigned tries = 0;
	char *at;

	while ((at = ring_reserve(l->in, len)) == NULL)
		wait_a_little(&tries);
	memcpy(at, rec, head);
	if (data_len > 0)
		memcpy(at + head, data, data_len);
	ring_commit(l->in, len);
}

static void set_mark(struct read_mark *m, int64_t clock_us, uint64_t frame)
{
	uint64_t v = atomic_load_explicit(&m->version, memory_order_relaxed);

	atomic_store(&m->version, v + 1);
	atomic_store(&m->clock_us, clock_us);
	atomic_store(&m->frame, frame);
	atomic_store(&m->version, v + 2);
}

/* False while the writer is busy with it. */
static bool get_mark(struct read_mark *m, int64_t *ret_clock, uint64_t *ret_frame)
{
	uint64_t v = atomic_load(&m->version);

	*ret_clock = atomic_load(&m->clock_us);
	*ret_frame = atomic_load(&m->frame);
	return (v & 1) == 0 && atomic_load(&m->version) == v;
}

static struct lane *lane_by(struct replay *r, const struct addr *anchor)
{
	return &r->lanes[hash_bytes(anchor->b, sizeof(anchor->b), 0) % r->cfg->workers];
}

static struct lane *lane_of(struct replay *r, const struct addr *src,
			    const struct addr *dst)
{
	const struct addr anchor = generation_anchor(r->cfg->generation, src, dst);

	return lane_by(r, &anchor);
}

struct spreading {
	struct replay *run;
	const struct frame *frame;
};

static void spread_answer(void *arg, const struct site_answer *a)
{
	const struct spreading *s = arg;
	const struct in_record rec = {.site_answer = true, .frame = *s->frame};

	for (unsigned i = 0; i < s->run->cfg->workers; i++)
		push(&s->run->lanes[i], &rec, (const uint8_t *)a, sizeof(*a));
}

/*
 * What a site's resolver tells somebody is for all workers.  After the frame itself: one worker
 * learns it when it is done with the frame.
 */
static void spread(struct replay *r, const struct frame *f, const struct packet *p)
{
	struct spreading s = {r, f};

	resolve_packet(r->asked, r->cfg->generation, p, f->clock_us, spread_answer, &s);
}

static void look_for_answer(struct replay *r, const struct frame *f,
			    const struct addr *src, const struct addr *dst)
{
	struct packet p;

	if (resolve_concerns(r->cfg->generation, src, dst) &&
	    decode_frame(r->resolvers, f, &p) == DECODE_OK)
		spread(r, f, &p);
}

/*
 * Fragments are put together here: whose a datagram is may only be known when it is whole,
 * because it may be a tunnel.
 */
static void take_shared(struct replay *r, const struct frame *f)
{
	struct in_record rec = {.frame = *f};
	struct packet *p = &rec.packet;
	struct addr src, dst;

	switch (decode_addresses(f, true, &src, &dst)) {
	case DECODE_PLACE_NONE: /* to be counted, by anyone */
		push(&r->lanes[0], &rec, f->data, f->caplen);
		break;
	case DECODE_PLACE_ADDRESSES:
		push(lane_of(r, &src, &dst), &rec, f->data, f->caplen);
		look_for_answer(r, f, &src, &dst);
		break;
	case DECODE_PLACE_FRAGMENT:
		if (decode_frame(r->fragments, f, p) != DECODE_OK)
			break;
		rec.decoded = true;
		rec.payload_at = (size_t)(p->payload - p->l4);
		push(lane_of(r, &p->src, &p->dst), &rec, p->l4, p->l4_len);
		spread(r, f, p);
		break;
	}
	set_mark(&r->mark, f->clock_us, f->number);
}

/* The client's connections come to the worker of its address: judge.c, sees_dns(). */
static void take_answer_shared(struct replay *r, const struct dnstap_answer *a,
			       const struct site_answer *site, int64_t clock_us)
{
	struct in_record rec = {.log_answer = true, .frame = {.clock_us = clock_us}};

	push(lane_by(r, &a->client), &rec, (const uint8_t *)a, sizeof(*a));
	rec.log_answer = false;
	rec.site_answer = true;
	for (unsigned i = 0; i < r->cfg->workers; i++)
		push(&r->lanes[i], &rec, (const uint8_t *)site, sizeof(*site));
}

static void *reader_main(void *arg)
{
	struct replay *r = arg;
	struct in_record end = {.end = true};

	read_captures(r, take_shared, take_answer_shared);
	end.frame.clock_us = r->result->clock_us;
	decoder_tick(r->fragments, end.frame.clock_us);
	for (unsigned i = 0; i < r->cfg->workers; i++)
		push(&r->lanes[i], &end, NULL, 0);
	return NULL;
}

/* ---- several workers: a worker ---------------------------------------------------------------- */

static char *append(char *at, struct str s)
{
	if (s.len > 0)
		memcpy(at, s.p, s.len);
	return at + s.len;
}

static void put_shared(void *arg, const struct event_key *key,
		       const struct event_digest *d, const char *tail, size_t len)
{
	struct lane *l = arg;
	struct out_record rec = {.key = *key,
				 .host_len = (uint32_t)d->host.len,
				 .word_len = (uint32_t)d->word.len,
				 .signal_len = (uint32_t)d->signal.len,
				 .peer_len = (uint32_t)d->peer.len,
				 .principal_len = (uint32_t)d->principal.len,
				 .packets_len = (uint32_t)d->packets.len,
				 .tail_len = (uint32_t)len,
				 .digest = *d};
	size_t all = sizeof(rec) + d->host.len + d->word.len + d->signal.len +
		     d->peer.len + d->principal.len + d->packets.len + len;
	unsigned tries = 0;
	char *at;

	while ((at = ring_reserve(l->out, all)) == NULL)
		wait_a_little(&tries);
	memcpy(at, &rec, sizeof(rec));
	at = append(at + sizeof(rec), d->host);
	at = append(at, d->word);
	at = append(at, d->signal);
	at = append(at, d->peer);
	at = append(at, d->principal);
	at = append(at, d->packets);
	(void)append(at, (struct str){tail, len});
	ring_commit(l->out, all);
}

static void tell_progress(struct lane *l, struct event_key key, bool end)
{
	struct out_record rec = {.key = key, .progress = true, .end = end};
	unsigned tries = 0;
	char *at;

	while ((at = ring_reserve(l->out, sizeof(rec))) == NULL)
		wait_a_little(&tries);
	memcpy(at, &rec, sizeof(rec));
	ring_commit(l->out, sizeof(rec));
}

/*
 * Nothing to do: everything up to the reader's mark that was ours has been done, if the mark
 * was read before the ring was found empty.  Say so, or the merger would wait for us.
 */
static void idle(struct lane *l, unsigned *tries, uint64_t *told)
{
	uint64_t frame;
	int64_t clock;
	size_t len;

	if (!get_mark(&l->run->mark, &clock, &frame) || frame == *told ||
	    ring_peek(l->in, &len) != NULL) {
		if (ring_peek(l->in, &len) == NULL)
			wait_a_little(tries);
		return;
	}
	*told = frame;
	worker_tick(l->worker, clock);
	tell_progress(l,
		      (struct event_key){.clock_us = clock,
					 .frame = frame,
					 .cause = CAUSE_FRAME,
					 .sub = UINT32_MAX},
		      false);
}

static void take_record(struct lane *l, struct in_record *rec, const uint8_t *bytes)
{
	if (rec->end) {
		worker_finish(l->worker, rec->frame.clock_us);
	} else if (rec->log_answer) {
		struct dnstap_answer a;

		memcpy(&a, bytes, sizeof(a));
		worker_client_answer(l->worker, &a.client, &a.message, a.time_us,
				     rec->frame.clock_us);
	} else if (rec->site_answer) {
		struct site_answer a;

		memcpy(&a, bytes, sizeof(a));
		worker_site_answer(l->worker, &a, rec->frame.clock_us);
	} else if (rec->decoded) {
		rec->packet.ip = NULL;
		rec->packet.l4 = bytes;
		rec->packet.payload = bytes + rec->payload_at;
		worker_decoded(l->worker, &rec->frame, &rec->packet);
	} else {
		rec->frame.data = bytes;
		worker_frame(l->worker, &rec->frame);
	}
}

static void *worker_main(void *arg)
{
	struct lane *l = arg;
	uint64_t told = 0;
	unsigned tries = 0;
	bool end = false;

	while (!end) {
		size_t len;
		const char *at = ring_peek(l->in, &len);
		struct in_record rec;

		if (at == NULL) {
			idle(l, &tries, &told);
			continue;
		}
		tries = 0;
		memcpy(&rec, at, offsetof(struct in_record, packet));
		if (rec.decoded)
			memcpy(&rec, at, sizeof(rec));
		end = rec.end;
		take_record(l, &rec, (const uint8_t *)at + record_len(&rec));
		ring_release(l->in);
	}
	tell_progress(l, (struct event_key){.clock_us = INT64_MAX, .frame = UINT64_MAX},
		      true);
	return NULL;
}

/* ---- several workers: the merger --------------------------------------------------------------- */

static void write_record(struct replay *r, const struct out_record *rec)
{
	struct event_digest d = rec->digest;
	const char *at = (const char *)(rec + 1);

	d.host = (struct str){rec->host_len == 0 ? NULL : at, rec->host_len};
	at += rec->host_len;
	d.word = (struct str){rec->word_len == 0 ? NULL : at, rec->word_len};
	at += rec->word_len;
	d.signal = (struct str){rec->signal_len == 0 ? NULL : at, rec->signal_len};
	at += rec->signal_len;
	d.peer = (struct str){rec->peer_len == 0 ? NULL : at, rec->peer_len};
	at += rec->peer_len;
	d.principal =
		(struct str){rec->principal_len == 0 ? NULL : at, rec->principal_len};
	at += rec->principal_len;
	d.packets = (struct str){rec->packets_len == 0 ? NULL : at, rec->packets_len};
	at += rec->packets_len;
	take_event(r, &d, at, rec->tail_len);
}

/* The lane whose next record comes first; NULL while some lane has not spoken. */
static struct lane *first_lane(struct replay *r, bool *ret_alive)
{
	struct lane *best = NULL;
	bool silent = false;

	*ret_alive = false;
	for (unsigned i = 0; i < r->cfg->workers; i++) {
		struct lane *l = &r->lanes[i];
		size_t len;

		if (l->ended)
			continue;
		*ret_alive = true;
		if (l->next == NULL)
			l->next = ring_peek(l->out, &len);
		if (l->next == NULL)
			silent = true;
		else if (best == NULL ||
			 event_key_compare(&l->next->key, &best->next->key) < 0)
			best = l;
	}
	return silent ? NULL : best;
}

static void merge(struct replay *r)
{
	unsigned tries = 0;
	bool alive = true;

	while (alive) {
		struct lane *l = first_lane(r, &alive);

		if (l == NULL) {
			if (alive)
				wait_a_little(&tries);
			continue;
		}
		tries = 0;
		if (!l->next->progress)
			write_record(r, l->next);
		l->ended = l->next->end;
		l->next = NULL;
		ring_release(l->out);
	}
}

static int create_lanes(struct replay *r)
{
	const struct decode_cfg fragments = {
		.fragments_max = r->cfg->generation->config->limits.max_fragments,
		.tunnels = true};

	r->fragments = decoder_create(&fragments);
	r->resolvers = decoder_create(&fragments);
	r->asked = resolve_create(RESOLVE_QUERIES);
	if (r->fragments == NULL || r->resolvers == NULL || r->asked == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < r->cfg->workers; i++) {
		struct lane *l = &r->lanes[i];
		struct worker_cfg cfg = {.generation = r->cfg->generation,
					 .origin = r->origin,
					 .sink = {.put = put_shared, .arg = l},
					 .dns_events = wants_dns(r),
					 .told_by_reader = true,
					 .identity = r->cfg->identity,
					 .pseudonyms = r->cfg->pseudonyms,
					 .ndpi = r->cfg->ndpi};

		l->run = r;
		l->worker = worker_create(&cfg);
		l->in = ring_create(IN_RING_BYTES);
		l->out = ring_create(OUT_RING_BYTES);
		if (l->worker == NULL || l->in == NULL || l->out == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int run_many(struct replay *r)
{
	pthread_t reader;
	int rc = create_lanes(r);

	if (rc != 0)
		return rc;
	/* Without its threads a run cannot be wound up half-way: they wait for each other. */
	for (unsigned i = 0; i < r->cfg->workers; i++)
		if (pthread_create(&r->lanes[i].thread, NULL, worker_main,
				   &r->lanes[i]) != 0)
			abort();
	if (pthread_create(&reader, NULL, reader_main, r) != 0)
		abort();
	merge(r);
	(void)pthread_join(reader, NULL);
	for (unsigned i = 0; i < r->cfg->workers; i++)
		(void)pthread_join(r->lanes[i].thread, NULL);
	return 0;
}

/* ---- the end of a run ---------------------------------------------------------------------------- */

static void write_old_feed(void *arg, const struct tag_feed *feed, const char *text)
{
	struct replay *r = arg;

	(void)feed;
	write_system(r, r->result->clock_us, "feed_old", text, NULL, 0);
}

static void count_packets(const struct replay *r, struct event_counter *counters,
			  size_t *n)
{
	const struct worker_stats *st = &r->result->stats;
	struct packets_stats p = {0};

	if (r->cfg->packets != NULL)
		packets_stats(r->cfg->packets, &p);
	counters[(*n)++] = (struct event_counter){"packet_files_wanted", st->keeps};
	counters[(*n)++] =
		(struct event_counter){"packet_files_synthesised", st->keeps_synthesised};
	counters[(*n)++] = (struct event_counter){"packet_files_empty", st->keeps_empty};
	counters[(*n)++] = (struct event_counter){"packet_files_kept", p.kept};
	counters[(*n)++] = (struct event_counter){"packet_files_removed", p.removed};
	counters[(*n)++] = (struct event_counter){"packet_files_failed", p.failed};
}

static void write_end(struct replay *r)
{
	const struct replay_result *res = r->result;
	const struct worker_stats *st = &res->stats;
	struct event_counter counters[DECODE_RESULT_COUNT + 64];
	size_t n = 0;

	for (unsigned i = 0; i < res->damaged && i < REPLAY_DAMAGED_MAX; i++)
		write_system(r, r->result->clock_us, "capture_damaged", res->messages[i],
			     NULL, 0);
	(void)feeds_old(r->cfg->generation, res->clock_us, write_old_feed, r);
#define COUNT(name, value) counters[n++] = (struct event_counter){name, value}
	COUNT("captures", r->cfg->capture_count);
	COUNT("captures_damaged", res->damaged);
	COUNT("frames", res->frames);
	COUNT("bytes", res->bytes);
	COUNT("frames_truncated", res->truncated);
	COUNT("frames_odd_link", res->odd_link);
	COUNT("frames_late", res->late);
	for (unsigned i = 0; i < DECODE_RESULT_COUNT; i++)
		if (st->decode[i] > 0)
			COUNT(decode_result_name((enum decode_result)i), st->decode[i]);
	COUNT("flows", st->flows);
	COUNT("flows_judged", st->judged);
	COUNT("flows_never_judged", st->never_judged);
	COUNT("flows_evicted", st->evicted);
	COUNT("signals", st->signals);
	COUNT("signals_lost", st->signals_lost);
	COUNT("events_lost", st->forms_lost);
	COUNT("heads_refused", st->heads_refused);
	COUNT("pending_refused", st->pending_refused);
	COUNT("texts_refused", st->texts_refused);
	COUNT("ignored_checksum", st->ignored_checksum);
	COUNT("ignored_no_ack", st->ignored_no_ack);
	COUNT("ignored_syn_data", st->ignored_syn_data);
	COUNT("ignored_tcp_md5", st->ignored_md5);
	COUNT("ignored_old_timestamp", st->ignored_old);
	COUNT("ignored_urgent", st->ignored_urgent);
	COUNT("ignored_reset_data", st->ignored_reset_data);
	COUNT("ignored_bad_ack", st->ignored_bad_ack);
	COUNT("ignored_window", st->ignored_window);
	COUNT("quic_initials_opened", st->quic_initials);
	COUNT("quic_initials_failed", st->quic_failed);
	COUNT("quic_initials_unpadded", st->quic_discarded);
	COUNT("quic_initials_refused", st->quic_refused);
	COUNT("quic_inherited", st->quic_inherited);
	COUNT("quic_forgotten", st->quic_forgotten);
	COUNT("http_requests", st->http_requests);
	COUNT("http_lost", st->http_lost);
	COUNT("dns_tcp_lost", st->dns_lost);
	COUNT("dns_site_tcp_lost", st->dns_site_lost);
	COUNT("followers_refused", st->followers_refused);
	COUNT("sources_suspected", st->sources_suspected);
	COUNT("denied_at_edges", st->denied_at_edges);
	if (st->keeps > 0)
		count_packets(r, counters, &n);
	COUNT("guesses", st->guesses);
	COUNT("guesses_answered", st->guesses_answered);
	COUNT("guesses_displaced", st->guesses_displaced);
	COUNT("guesses_over_memory", st->guesses_over_memory);
	COUNT("dns_answers_kept", st->dns_answers);
	COUNT("dns_witnesses_evicted", st->witnesses_evicted);
	COUNT("dns_site_witnesses_evicted", st->site_witnesses_evicted);
	if (r->cfg->dnstap_count > 0) {
		COUNT("dnstap_answers", res->dnstap.answers);
		COUNT("dnstap_others", res->dnstap.others);
		COUNT("dnstap_strangers", res->dnstap.strangers);
		COUNT("dnstap_unusable", res->dnstap.unusable);
	}
#undef COUNT
	write_system(r, r->result->clock_us, "replay_end", NULL, counters, n);
}

int replay_run(const struct replay_cfg *cfg, struct replay_result *ret)
{
	struct replay *r = calloc(1, sizeof(*r));
	struct worker_stats one;
	int rc;

	memset(ret, 0, sizeof(*ret));
	if (r == NULL)
		return -ENOMEM;
	r->cfg = cfg;
	r->result = ret;
	r->origin =
		(struct event_origin){.sensor = str_of(cfg->generation->config->sensor),
				      .generation = str_of(cfg->generation->name),
				      .mode = MODE_REPLAY};
	if (cfg->dnstap_count > 0)
		r->logs = dnstap_logs_open(cfg->generation, cfg->dnstap,
					   cfg->dnstap_count, note_log_damage, r);
	r->volume = volume_create(cfg->generation->config->ledger.rollup);
	rc = r->volume == NULL || (cfg->dnstap_count > 0 && r->logs == NULL) ? -ENOMEM
	     : cfg->workers <= 1                                             ? run_one(r)
				 : run_many(r);
	if (r->logs != NULL)
		ret->dnstap = *dnstap_logs_stats(r->logs);
	for (unsigned i = 0; i < cfg->workers; i++)
		if (r->lanes[i].worker != NULL && rc == 0) {
			worker_stats(r->lanes[i].worker, &one);
			worker_stats_add(&ret->stats, &one);
			/* One table in as many copies. */
			ret->stats.site_witnesses_evicted = one.site_witnesses_evicted;
		}
	if (r->asked != NULL)
		ret->stats.dns_site_lost = resolve_lost(r->asked);
	if (r->fragments != NULL) {
		const uint64_t *counts = decoder_counts(r->fragments);

		for (unsigned i = 0; i < DECODE_RESULT_COUNT; i++)
			ret->stats.decode[i] += counts[i];
	}
	if (rc == 0) {
		const struct volume_names names = names_of(r);

		volume_finish(r->volume, ret->clock_us, &names, write_rollup, r);
		write_end(r);
	}
	volume_destroy(r->volume);
	decoder_destroy(r->fragments);
	decoder_destroy(r->resolvers);
	resolve_destroy(r->asked);
	dnstap_logs_close(r->logs);
	for (unsigned i = 0; i < cfg->workers; i++) {
		worker_destroy(r->lanes[i].worker);
		ring_destroy(r->lanes[i].in);
		ring_destroy(r->lanes[i].out);
	}
	free(r);
	return rc;
}
