/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hop - what it costs to give each queued packet to another process and to get the answer
 * back.
 *
 * usage: hop bare|one|two CONF SHARE
 *
 *   bare  reads the queue and accepts, nothing else; the first packet of a connection without
 *         a mark, the next one with it, so that as many packets come as in the other forms
 *   one   the enforcer as it is: queue, worker, answers in one process
 *   two   the enforcer reads the queue and copies each packet into a ring in shared memory; the
 *         inspector runs the worker and returns answers by a second ring; the enforcer sends
 *         them.  Who waits sleeps in the kernel and is woken by an eventfd, once a burst
 *
 * one and two have the real worker with the policy of CONF and nDPI, the real writer with its
 * ledger, conntrack's reports, and each process under its real system-call filter.  The parent
 * puts the rules in place and sleeps.  Not there, in any form: control socket, reloads, resets.
 *
 * Each line of standard input asks for a line of JSON: CPU time of each process so far, and
 * packets and latency (from before a burst is read to after its answers are sent) since the
 * line before.  Its end ends the program.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "engine/gateway.h"

#define TICK_US       10000 /* as in engine/enforcer.c, like the two below */
#define BURSTS        4
#define REPORT_BURSTS 16
#define EVENTS_BYTES  ((size_t)16 << 20)
#define NOTES_BYTES   ((size_t)1 << 20)

#define RING_BYTES      ((size_t)8 << 20)
#define ANSWERS_BURST   64  /* the enforcer is woken after so many at the latest */
#define INSPECTOR_MS    100 /* packets bring the time along; else it looks this often */
#define READY_US        INT64_C(20000000)
#define SAMPLES_MAX     ((size_t)1 << 20)
#define IDS             65536u /* more than wait in the kernel at a time */
#define TCP_FLAGS_AT(n) ((n) + 13)

enum form {
	FORM_BARE,
	FORM_ONE,
	FORM_TWO
};

/* What stands in the rings; the record's bytes follow. */
enum record_kind {
	RECORD_PACKET, /* struct parcel, then the packet */
	RECORD_REPORT, /* struct conn_report */
	RECORD_USAGE,  /* asked: nothing; answered: struct usage */
	RECORD_STOP,
	RECORD_ANSWER /* struct ruling */
};

struct record {
	uint32_t kind;
	uint32_t bytes; /* that follow */
	int64_t clock_us;
};

struct parcel {
	struct queued_packet packet; /* without its data */
};

struct ruling {
	uint32_t id, mark;
	bool accept, final;
};

struct usage {
	int64_t user_us, system_us;
};

/* One direction: a ring, and how its reader is woken. */
struct lane {
	struct ring *ring;
	int wake_fd;
	_Atomic bool *sleeps; /* the reader is in the kernel, or about to be */
	uint64_t wakes, full; /* of the writer's copy */
};

/* In shared memory. */
struct hop_shared {
	struct gateway_shared gateway;
	_Atomic bool enforcer_sleeps, inspector_sleeps;
	_Atomic bool inspector_ready;
};

struct hop {
	enum form form;
	struct gateway_cfg cfg;
	struct hop_shared *sh;
	struct gateway_rings rings;
	struct event_origin origin;
	struct lane to_inspector, to_enforcer;
	pid_t writer, inspector, enforcer;
	clockid_t writer_clock; /* the CPU's */
	struct worker *worker;

	/* the enforcer's */
	struct nfqueue *queue;
	struct conntrack *conntrack;
	int epoll_fd;
	uint32_t mask, mark;
	int64_t now_us, offset_us, next_tick_us;
	bool stop;

	uint64_t packets, resets;
	int64_t read_ns; /* when the burst at hand was asked for */
	int64_t *read_at_ns;
	uint32_t *answered; /* ids since the last flush */
	size_t answered_count;
	uint32_t *samples_ns;
	size_t sample_count;
};

static int64_t monotonic_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t micros(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static struct usage usage_of_self(void)
{
	struct rusage r;

	if (getrusage(RUSAGE_SELF, &r) != 0)
		memset(&r, 0, sizeof(r));
	return (struct usage){.user_us = micros(r.ru_utime),
			      .system_us = micros(r.ru_stime)};
}

/* All CPU time of the writer: its code is the real one and tells nothing. */
static int64_t writer_cpu_us(const struct hop *h)
{
	struct timespec t;

	if (h->writer == 0 || clock_gettime(h->writer_clock, &t) != 0)
		return 0;
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- lanes -------------------------------------------------------------------------------- */

static void *lane_reserve(struct lane *l, enum record_kind kind, size_t bytes,
			  int64_t clock_us)
{
	struct record *r = ring_reserve(l->ring, sizeof(*r) + bytes);

	if (r == NULL) {
		l->full++;
		return NULL;
	}
	*r = (struct record){
		.kind = kind, .bytes = (uint32_t)bytes, .clock_us = clock_us};
	return r + 1;
}

static bool lane_put(struct lane *l, enum record_kind kind, const void *from,
		     size_t bytes, int64_t clock_us)
{
	void *at = lane_reserve(l, kind, bytes, clock_us);

	if (at == NULL)
		return false;
	if (bytes > 0)
		memcpy(at, from, bytes);
	ring_commit(l->ring, sizeof(struct record) + bytes);
	return true;
}

/* The reader says that it sleeps, then looks once more: it is woken or sees the record. */
static void lane_wake(struct lane *l)
{
	const uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load(l->sleeps) || !atomic_exchange(l->sleeps, false))
		return;
	l->wakes++;
	(void)!write(l->wake_fd, &one, sizeof(one));
}

/* True: nothing is there, and who puts something there wakes us. */
static bool lane_may_sleep(struct lane *l)
{
	size_t len;

	atomic_store(l->sleeps, true);
	atomic_thread_fence(memory_order_seq_cst);
	if (ring_peek(l->ring, &len) == NULL)
		return true;
	atomic_store(l->sleeps, false);
	return false;
}

static void lane_woken(struct lane *l)
{
	uint64_t count;

	atomic_store(l->sleeps, false);
	(void)!read(l->wake_fd, &count, sizeof(count));
}

static int lane_open(struct lane *l, _Atomic bool *sleeps)
{
	l->ring = ring_create_shared(RING_BYTES);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->sleeps = sleeps;
	return l->ring == NULL || l->wake_fd < 0 ? -ENOMEM : 0;
}

/* ---- answers, in the process that has the queue ---------------------------------------------- */

static void answer(struct hop *h, const struct ruling *a)
{
	nfqueue_verdict(h->queue, a->id, a->accept, a->final,
			(a->mark & ~h->mask) | h->mark);
	if (h->answered_count < IDS)
		h->answered[h->answered_count++] = a->id;
}

static void flush(struct hop *h)
{
	int64_t now;

	if (h->answered_count == 0)
		return;
	if (nfqueue_flush(h->queue) != 0)
		(void)fputs("hop: cannot answer the kernel\n", stderr);
	now = monotonic_ns();
	for (size_t i = 0; i < h->answered_count && h->sample_count < SAMPLES_MAX; i++)
		h->samples_ns[h->sample_count++] =
			(uint32_t)(now - h->read_at_ns[h->answered[i] % IDS]);
	h->answered_count = 0;
}

/* ---- the worker and what it tells, in whichever process ------------------------------------- */

static void put_event(void *arg, const struct event_key *key,
		      const struct event_digest *d, const char *tail, size_t len)
{
	struct hop *h = arg;
	struct gateway_shared *sh = &h->sh->gateway;
	void *at = ring_reserve(h->rings.events, len);

	(void)key;
	(void)d;
	if (at == NULL) {
		atomic_fetch_add(&sh->lost, 1);
		return;
	}
	memcpy(at, tail, len);
	ring_commit(h->rings.events, len);
	atomic_fetch_add(&sh->put, 1);
}

static void give(struct hop *h, const struct ruling *a)
{
	if (h->form == FORM_ONE)
		answer(h, a);
	else
		(void)lane_put(&h->to_enforcer, RECORD_ANSWER, a, sizeof(*a), 0);
}

static void pass(void *arg, struct held_packet p, bool final)
{
	const struct ruling a = {
		.id = p.id, .mark = p.mark, .accept = true, .final = final};

	give(arg, &a);
}

static void drop(void *arg, struct held_packet p)
{
	const struct ruling a = {.id = p.id};

	give(arg, &a);
}

static void reset(void *arg, const struct tcp_reset *r)
{
	(void)r;
	((struct hop *)arg)->resets++;
}

static void prohibit(void *arg, const uint8_t *ip, size_t len)
{
	(void)ip;
	(void)len;
	((struct hop *)arg)->resets++;
}

static int make_worker(struct hop *h)
{
	const struct config *c = h->cfg.generation->config;
	const struct inline_cfg in = {
		.sink = {.pass = pass,
			 .drop = drop,
			 .reset = reset,
			 .prohibit = prohibit,
			 .arg = h},
		.hold = {.flow_packets = c->limits.hold_flow,
			 .source_packets = c->limits.hold_source,
			 .total_packets = c->limits.hold_total,
			 .seed = 1},
		.hold_us = c->limits.hold_time_us,
		.adopt_until_us = h->sh->gateway.adopt_until_us,
		.min_ttl = (uint8_t)c->capture.min_ttl,
		.enforce = true,
	};
	const struct worker_cfg wc = {.generation = h->cfg.generation,
				      .origin = h->origin,
				      .sink = {.put = put_event, .arg = h},
				      .seed = 1,
				      .ndpi = true,
				      .dns_events = c->ledger.dns_events,
				      .inline_cfg = &in};

	h->worker = worker_create(&wc);
	return h->worker == NULL ? -ENOMEM : 0;
}

/* ---- the inspector ---------------------------------------------------------------------------- */

static void take_parcel(struct hop *h, const void *at)
{
	struct queued_packet p;

	memcpy(&p, at, sizeof(p));
	p.frame.data = (const uint8_t *)at + sizeof(struct parcel);
	worker_packet(h->worker, &p);
}

static void take_record(struct hop *h, const struct record *r)
{
	struct conn_report report;
	struct usage used;

	h->now_us = r->clock_us;
	switch ((enum record_kind)r->kind) {
	case RECORD_PACKET:
		take_parcel(h, r + 1);
		return;
	case RECORD_REPORT:
		memcpy(&report, r + 1, sizeof(report));
		worker_report(h->worker, &report, r->clock_us);
		return;
	case RECORD_USAGE:
		used = usage_of_self();
		(void)lane_put(&h->to_enforcer, RECORD_USAGE, &used, sizeof(used), 0);
		return;
	case RECORD_STOP:
		h->stop = true;
		return;
	case RECORD_ANSWER:
		return;
	}
}

static int inspector_life(struct hop *h)
{
	struct pollfd wait = {.fd = h->to_inspector.wake_fd, .events = POLLIN};
	char error[300] = "";
	const struct record *r;
	size_t len;
	int rc = make_worker(h);

	if (rc == 0)
		rc = confine(CONFINE_ENFORCER, NULL, false, error);
	if (rc != 0) {
		(void)fprintf(stderr, "hop: inspector: %s\n", error);
		return 3;
	}
	atomic_store(&h->sh->inspector_ready, true);
	while (!h->stop) {
		unsigned count = 0;

		while (count < ANSWERS_BURST &&
		       (r = ring_peek(h->to_inspector.ring, &len)) != NULL) {
			take_record(h, r);
			ring_release(h->to_inspector.ring);
			count++;
		}
		if (count > 0) {
			lane_wake(&h->to_enforcer);
			worker_tick(h->worker, h->now_us);
		}
		if (count < ANSWERS_BURST && lane_may_sleep(&h->to_inspector)) {
			if (poll(&wait, 1, INSPECTOR_MS) == 0)
				h->now_us += INT64_C(1000) * INSPECTOR_MS;
			lane_woken(&h->to_inspector);
		}
	}
	worker_finish(h->worker, h->now_us);
	return 0;
}

/* ---- the enforcer ------------------------------------------------------------------------------- */

static void read_clock(struct hop *h)
{
	const int64_t mono = gateway_monotonic_us();
	const int64_t now = mono + h->offset_us;

	if (now > h->now_us)
		h->now_us = now;
}

/* The first packet of a connection is a SYN; the rest follows with the mark of the second. */
static bool opens_connection(const struct frame *f)
{
	const size_t at = f->caplen > 20 ? (size_t)(f->data[0] & 15) * 4 : 0;

	return f->caplen > 40 && f->data[0] >> 4 == 4 && f->data[9] == 6 &&
	       f->caplen > TCP_FLAGS_AT(at) && (f->data[TCP_FLAGS_AT(at)] & 2) != 0;
}

static void take_packet(void *arg, const struct queued_packet *p)
{
	struct hop *h = arg;
	const struct ruling pass_on = {.id = p->id,
				       .mark = p->mark,
				       .accept = true,
				       .final = !opens_connection(&p->frame)};
	struct parcel *to;

	h->packets++;
	h->read_at_ns[p->id % IDS] = h->read_ns;
	switch (h->form) {
	case FORM_BARE:
		answer(h, &pass_on);
		return;
	case FORM_ONE:
		worker_packet(h->worker, p);
		return;
	case FORM_TWO:
		to = lane_reserve(&h->to_inspector, RECORD_PACKET,
				  sizeof(*to) + p->frame.caplen, h->now_us);
		if (to == NULL) { /* as a full queue would: on_failure */
			answer(h, &pass_on);
			return;
		}
		to->packet = *p;
		memcpy(to + 1, p->frame.data, p->frame.caplen);
		ring_commit(h->to_inspector.ring,
			    sizeof(struct record) + sizeof(*to) + p->frame.caplen);
		return;
	}
}

static void take_report(void *arg, const struct conn_report *r)
{
	struct hop *h = arg;

	if (h->form == FORM_ONE)
		worker_report(h->worker, r, h->now_us);
	else
		(void)lane_put(&h->to_inspector, RECORD_REPORT, r, sizeof(*r), h->now_us);
}

static int read_queue(struct hop *h)
{
	int n = NFQUEUE_BURST;

	for (int i = 0; i < BURSTS && n == NFQUEUE_BURST; i++) {
		h->read_ns = monotonic_ns();
		n = nfqueue_read(h->queue, h->now_us, take_packet, h);
		if (h->form == FORM_TWO && n > 0)
			lane_wake(&h->to_inspector);
		flush(h);
	}
	return n < 0 ? n : 0;
}

static void tick(struct hop *h)
{
	if (h->worker != NULL)
		worker_tick(h->worker, h->now_us);
	flush(h);
	for (int i = 0; h->conntrack != NULL && i < REPORT_BURSTS; i++)
		if (conntrack_read(h->conntrack, h->now_us, take_report, h) == 0)
			break;
	if (h->form == FORM_TWO)
		lane_wake(&h->to_inspector);
	h->next_tick_us = h->now_us + TICK_US;
}

/* ---- what is told ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double percentile_us(const struct hop *h, size_t percent)
{
	const size_t n = h->sample_count, at = n * percent / 100;

	return n == 0 ? 0 : (double)h->samples_ns[at] / 1e3;
}

static void tell(struct hop *h, struct usage other)
{
	const struct usage self = usage_of_self();
	const int64_t writer_us = writer_cpu_us(h);
	const size_t n = h->sample_count;

	qsort(h->samples_ns, n, sizeof(*h->samples_ns), by_value);
	(void)printf("{\"enforcer_us\": %" PRId64 ", \"inspector_us\": %" PRId64
		     ", \"writer_us\": %" PRId64 ", \"user_us\": %" PRId64
		     ", \"system_us\": %" PRId64 ", \"packets\": %" PRIu64
		     ", \"answered\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f"
		     ", \"wakes\": %" PRIu64 ", \"full\": %" PRIu64 ", \"lost\": %" PRIu64
		     ", \"put\": %" PRIu64 ", \"resets\": %" PRIu64 "}\n",
		     self.user_us + self.system_us, other.user_us + other.system_us,
		     writer_us, self.user_us + other.user_us,
		     self.system_us + other.system_us, h->packets, n,
		     percentile_us(h, 50), percentile_us(h, 99), h->to_inspector.wakes,
		     h->to_inspector.full, atomic_load(&h->sh->gateway.lost),
		     atomic_load(&h->sh->gateway.put), h->resets);
	(void)fflush(stdout);
	h->sample_count = 0;
	h->packets = 0;
}

static void take_order(struct hop *h)
{
	char line[64];
	const ssize_t n = read(STDIN_FILENO, line, sizeof(line));

	if (n <= 0) {
		h->stop = true;
		return;
	}
	if (h->form != FORM_TWO) {
		tell(h, (struct usage){0});
		return;
	}
	(void)lane_put(&h->to_inspector, RECORD_USAGE, NULL, 0, h->now_us);
	lane_wake(&h->to_inspector);
}

static void take_answers(struct hop *h)
{
	const struct record *r;
	struct ruling a;
	struct usage used;
	size_t len;

	while ((r = ring_peek(h->to_enforcer.ring, &len)) != NULL) {
		if (r->kind == RECORD_ANSWER) {
			memcpy(&a, r + 1, sizeof(a));
			answer(h, &a);
		} else if (r->kind == RECORD_USAGE) {
			memcpy(&used, r + 1, sizeof(used));
			tell(h, used);
		}
		ring_release(h->to_enforcer.ring);
	}
	flush(h);
}

/* ---- the enforcer's life -------------------------------------------------------------------------- */

enum waited {
	WAITED_ORDER,
	WAITED_ANSWERS,
	WAITED_PACKETS
};

static int wait_for(const struct hop *h, int fd, enum waited what)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = what};

	return epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

static int open_enforcer(struct hop *h, char error[300])
{
	const struct capture_cfg *c = &h->cfg.generation->config->capture;
	const struct nfqueue_cfg q = {.number = (uint16_t)c->queue};
	const struct conntrack_cfg ct = {0};
	struct conntrack_abilities can = {0};
	int rc = nfqueue_open(&q, &h->queue, error);

	if (rc == 0 && h->form != FORM_BARE)
		rc = conntrack_open(&ct, &h->conntrack, &can, error);
	if (rc == 0 && h->form != FORM_BARE && (!can.events || !can.accounting)) {
		(void)snprintf(error, 300, "connection tracking cannot count here");
		return -ENOTSUP;
	}
	if (rc == 0 && h->form == FORM_ONE)
		rc = make_worker(h);
	h->read_at_ns = calloc(IDS, sizeof(*h->read_at_ns));
	h->answered = calloc(IDS, sizeof(*h->answered));
	h->samples_ns = calloc(SAMPLES_MAX, sizeof(*h->samples_ns));
	h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (h->read_at_ns == NULL || h->answered == NULL || h->samples_ns == NULL ||
	    h->epoll_fd < 0)
		return -ENOMEM;
	if (rc == 0)
		rc = wait_for(h, STDIN_FILENO, WAITED_ORDER);
	if (rc == 0)
		rc = wait_for(h, nfqueue_fd(h->queue), WAITED_PACKETS);
	if (rc == 0 && h->form == FORM_TWO)
		rc = wait_for(h, h->to_enforcer.wake_fd, WAITED_ANSWERS);
	return rc == 0 ? confine(CONFINE_ENFORCER, NULL, true, error) : rc;
}

static int turn(struct hop *h)
{
	struct epoll_event ready[8];
	const int64_t left_us = h->next_tick_us - h->now_us;
	int wait_ms = h->form == FORM_BARE ? -1 : (int)(left_us / 1000) + 1;
	int rc = 0, n;

	if (wait_ms < 0 && h->form != FORM_BARE)
		wait_ms = 0;
	if (h->form == FORM_TWO && !lane_may_sleep(&h->to_enforcer))
		wait_ms = 0;
	n = epoll_wait(h->epoll_fd, ready, 8, wait_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (h->form == FORM_TWO)
		atomic_store(h->to_enforcer.sleeps, false);
	read_clock(h);
	for (int i = 0; i < n && rc == 0; i++)
		switch ((enum waited)ready[i].data.u32) {
		case WAITED_ORDER:
			take_order(h);
			break;
		case WAITED_ANSWERS:
			lane_woken(&h->to_enforcer);
			break;
		case WAITED_PACKETS:
			rc = read_queue(h);
			break;
		}
	if (h->form == FORM_TWO)
		take_answers(h);
	if (h->form != FORM_BARE && h->now_us >= h->next_tick_us)
		tick(h);
	return rc;
}

static int enforcer_life(struct hop *h)
{
	char error[600] = "";
	int rc;

	h->offset_us = clock_real.now_us(clock_real.arg) - gateway_monotonic_us();
	read_clock(h);
	rc = open_enforcer(h, error);
	if (rc != 0) {
		(void)fprintf(stderr, "hop: enforcer: %s: %s\n", strerrordesc_np(-rc),
			      error);
		return 3;
	}
	atomic_store(&h->sh->gateway.enforcer.ready, true);
	while (rc == 0 && !h->stop)
		rc = turn(h);
	if (h->form == FORM_TWO) {
		(void)lane_put(&h->to_inspector, RECORD_STOP, NULL, 0, h->now_us);
		lane_wake(&h->to_inspector);
	}
	if (h->worker != NULL)
		worker_finish(h->worker, h->now_us);
	conntrack_close(h->conntrack);
	nfqueue_close(h->queue);
	return rc == 0 ? 0 : 3;
}

/* ---- the parent ---------------------------------------------------------------------------------------- */

static struct generation *load(const char *conf, const char *share)
{
	const struct generation_cfg cfg = {.config = conf, .share = share};
	struct diag *d = diag_create();
	struct generation *g = d == NULL ? NULL : generation_load(&cfg, d);

	if (g == NULL && d != NULL)
		diag_print(d, stderr, false);
	diag_destroy(d);
	return g;
}

static int share_memory(struct hop *h)
{
	void *p = mmap(NULL, sizeof(*h->sh), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int rc;

	if (p == MAP_FAILED)
		return -ENOMEM;
	h->sh = p;
	h->rings.dnstap_fd = -1;
	h->rings.events = ring_create_shared(EVENTS_BYTES);
	h->rings.notes = ring_create_shared(NOTES_BYTES);
	h->sh->gateway.start_us = clock_real.now_us(clock_real.arg);
	h->sh->gateway.adopt_until_us = h->sh->gateway.start_us;
	rc = lane_open(&h->to_inspector, &h->sh->inspector_sleeps);
	if (rc == 0)
		rc = lane_open(&h->to_enforcer, &h->sh->enforcer_sleeps);
	return h->rings.events == NULL || h->rings.notes == NULL ? -ENOMEM : rc;
}

static int writer_life(struct hop *h)
{
	return writer_main(&h->cfg, &h->sh->gateway, &h->rings);
}

static pid_t start(struct hop *h, int (*life)(struct hop *h))
{
	const pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() != parent)
			_exit(3);
		_exit(life(h));
	}
	return pid < 0 ? 0 : pid;
}

static bool all_ready(const struct hop *h)
{
	return atomic_load(&h->sh->gateway.enforcer.ready) &&
	       (h->form == FORM_BARE || atomic_load(&h->sh->gateway.writer.ready)) &&
	       (h->form != FORM_TWO || atomic_load(&h->sh->inspector_ready));
}

static bool await_ready(const struct hop *h)
{
	const struct timespec little = {.tv_nsec = 5000000};
	const int64_t until = gateway_monotonic_us() + READY_US;

	while (!all_ready(h)) {
		if (gateway_monotonic_us() > until || waitpid(-1, NULL, WNOHANG) > 0)
			return false;
		(void)nanosleep(&little, NULL);
	}
	return true;
}

static bool await_end(pid_t pid, const char *what)
{
	int status = 0;

	if (pid == 0)
		return true;
	if (waitpid(pid, &status, 0) == pid && status == 0)
		return true;
	(void)fprintf(stderr, "hop: %s: wait status %#x\n", what, (unsigned)status);
	return false;
}

static int run(struct hop *h)
{
	const struct capture_cfg *c = &h->cfg.generation->config->capture;
	const struct netfilter_cfg nf = {.queue = (uint16_t)c->queue,
					 .mark_mask = c->mark_mask,
					 .allow_mark = h->mark,
					 .drop_invalid = true,
					 .interfaces = c->interfaces,
					 .interface_count = c->interface_count};
	enum netfilter_backend used;
	char error[NETFILTER_ERROR_MAX] = "";
	bool good, found;

	if (h->form != FORM_BARE)
		h->writer = start(h, writer_life);
	if (h->writer != 0 && clock_getcpuclockid(h->writer, &h->writer_clock) != 0)
		return 3;
	if (h->form == FORM_TWO)
		h->inspector = start(h, inspector_life);
	h->enforcer = start(h, enforcer_life);
	good = await_ready(h);
	if (!good)
		return 3; /* children end with us */
	if (netfilter_install(&nf, &used, error) != 0) {
		(void)fprintf(stderr, "hop: %s\n", error);
		return 3;
	}
	(void)printf("ready %s\n", netfilter_backend_name(used));
	(void)fflush(stdout);
	good = await_end(h->enforcer, "enforcer");
	if (netfilter_remove(&found, error) != 0) {
		(void)fprintf(stderr, "hop: %s\n", error);
		good = false;
	}
	if (h->inspector != 0 && !good)
		(void)kill(h->inspector, SIGKILL);
	good = await_end(h->inspector, "inspector") && good;
	atomic_store(&h->sh->gateway.writer_stop, true);
	return await_end(h->writer, "writer") && good ? 0 : 3;
}

int main(int argc, char *argv[])
{
	static const char *const forms[] = {
		[FORM_BARE] = "bare", [FORM_ONE] = "one", [FORM_TWO] = "two"};
	struct hop h = {0};
	bool known = false;

	for (unsigned i = 0; argc == 4 && i < 3; i++)
		if (strcmp(argv[1], forms[i]) == 0) {
			h.form = (enum form)i;
			known = true;
		}
	if (!known) {
		(void)fputs("usage: hop bare|one|two CONF SHARE\n", stderr);
		return 2;
	}
	h.cfg.generation = load(argv[2], argv[3]);
	h.cfg.ndpi = true;
	if (h.cfg.generation == NULL || share_memory(&h) != 0)
		return 3;
	h.origin =
		(struct event_origin){.sensor = str_of(h.cfg.generation->config->sensor),
				      .generation = str_of(h.cfg.generation->name),
				      .mode = MODE_ENFORCE};
	h.mask = h.cfg.generation->config->capture.mark_mask;
	h.mark = h.mask & -h.mask; /* its lowest bit */
	return run(&h);
}
