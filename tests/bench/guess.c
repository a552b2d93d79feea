/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guess - what it costs a connection that no reader knows to be asked about: CPU time without
 * nDPI, with nDPI in the worker's thread (replay), and with the guesser as a process (the
 * gateway).
 *
 * usage: guess [CONNECTIONS [RATE [ROUNDS]]]      5000 connections, 2000 a second, 9 rounds
 *
 * A worker that watches gets connections of TCP with noise both ways, so many a second: the
 * handshake, four segments of 300 bytes from each end, the end.  nDPI knows none of them and looks at
 * all eight.  The guesser is the real one, under its limits and its filter of system calls.  In
 * each round the three forms take turns.  Prints medians, and the least and the most: CPU of the
 * worker's process (the making of packets in it, alike in all three), of the guesser's, and of
 * both, in microseconds a connection.  The last row is a guesser that nobody asks, for a second.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/diag.h"
#include "engine/gateway.h"

#define ROUNDS_MAX 101
#define TICK_US    10000
#define SEGMENTS   4
#define SEGMENT    300
#define READY_US   INT64_C(10000000)
#define SETTLE_US  300000

enum form {
	FORM_OFF,
	FORM_HERE,
	FORM_APART,
	FORM_IDLE,
	FORM_COUNT
};

static const char *const form_names[FORM_COUNT] = {"without nDPI", "in the worker",
						   "as a process", "idle, 1 s"};

struct cost {
	double worker, guesser;
	uint64_t answered, dropped;
};

struct bench {
	struct generation *generation;
	struct guess_rings rings;
	struct gateway_guesser *shared;
	pid_t child;
	clockid_t child_clock;
	struct worker *worker;
	uint64_t frames, noise;
	int64_t clock_us;
	uint8_t packet[40 + SEGMENT];
	struct cost costs[FORM_COUNT][ROUNDS_MAX];
};

static void fail(const char *what)
{
	(void)fprintf(stderr, "guess: %s\n", what);
	exit(3); // NOLINT(concurrency-mt-unsafe): one thread
}

static double cpu_us(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) != 0)
		fail("no CPU clock");
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int64_t mono_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void wait_until(int64_t us)
{
	const struct timespec t = {.tv_sec = us / 1000000,
				   .tv_nsec = us % 1000000 * 1000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		continue;
}

/* ---- packets --------------------------------------------------------------------------------- */

static void put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

static uint64_t next_noise(struct bench *b)
{
	b->noise = b->noise * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return b->noise >> 32;
}

struct segment {
	bool server;
	unsigned flags;
	uint32_t at, ack;
	size_t len;
};

static void put_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~(sum + (sum >> 16)) & 0xffff);
}

/* A packet of connection `n`; the sequence numbers begin at 0. */
static void send_segment(struct bench *b, uint32_t n, struct segment s)
{
	const uint32_t client = 0x0a010000u + (n >> 12), server = 0xc6336400u + n % 251;
	const unsigned port = 20000 + (n & 4095);
	uint8_t *ip = b->packet, *tcp = ip + 20;
	struct frame f = {.data = ip, .link = LINK_RAW_IP};

	memset(ip, 0, 40);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(40 + s.len));
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, s.server ? server : client);
	put32(ip + 16, s.server ? client : server);
	put_checksum(ip);
	put16(tcp, s.server ? 9000 : port);
	put16(tcp + 2, s.server ? port : 9000);
	put32(tcp + 4, s.at);
	put32(tcp + 8, s.ack);
	put16(tcp + 12, 0x5000 | s.flags);
	put16(tcp + 14, 64240);
	for (size_t i = 0; i < s.len; i++)
		tcp[20 + i] = (uint8_t)next_noise(b);
	if (s.len > 0)
		tcp[20] = 0x93; /* no reader's first byte */
	f.caplen = f.len = (uint32_t)(40 + s.len);
	f.number = ++b->frames;
	f.time_us = f.clock_us = b->clock_us;
	worker_frame(b->worker, &f);
}

static void play_connection(struct bench *b, uint32_t n)
{
	uint32_t said[2] = {1, 1}; /* by the client, by the server */

	send_segment(b, n, (struct segment){.flags = 0x02});
	send_segment(b, n, (struct segment){.server = true, .flags = 0x12, .ack = 1});
	for (int i = 0; i < 2 * SEGMENTS; i++) {
		const int server = i % 2;

		send_segment(b, n,
			     (struct segment){server != 0, 0x18, said[server],
					      said[!server], SEGMENT});
		said[server] += SEGMENT;
	}
	for (int server = 0; server < 2; server++)
		send_segment(b, n,
			     (struct segment){server != 0, 0x11, said[server],
					      said[!server] + (uint32_t)server, 0});
	send_segment(b, n, (struct segment){false, 0x10, said[0] + 1, said[1] + 1, 0});
}

/* ---- the guesser ----------------------------------------------------------------------------- */

static void start_guesser(struct bench *b)
{
	const struct gateway_cfg cfg = {.generation = b->generation};
	const struct gateway_rings rings = {.guesses = b->rings, .dnstap_fd = -1};
	const int64_t until = mono_us() + READY_US;

	atomic_store(&b->shared->process.ready, false);
	b->child = fork();
	if (b->child == 0)
		_exit(guesser_main(&cfg, b->shared, &rings));
	if (b->child < 0 || clock_getcpuclockid(b->child, &b->child_clock) != 0)
		fail("no process");
	while (!atomic_load(&b->shared->process.ready)) {
		if (mono_us() > until || waitpid(b->child, NULL, WNOHANG) != 0)
			fail("the guesser does not start: run as root");
		wait_until(mono_us() + 1000);
	}
}

static void end_guesser(struct bench *b)
{
	(void)kill(b->child, SIGKILL);
	(void)waitpid(b->child, NULL, 0);
	ring_destroy(b->rings.asks);
	ring_destroy(b->rings.answers);
}

static void make_rings(struct bench *b)
{
	b->rings.asks = ring_create_shared((size_t)2 << 20); /* as the supervisor's */
	b->rings.answers = ring_create_shared((size_t)256 << 10);
	if (b->rings.asks == NULL || b->rings.answers == NULL)
		fail("no memory");
}

/* ---- measuring ------------------------------------------------------------------------------- */

static void ignore(void *arg, const struct event_key *key, const struct event_digest *d,
		   const char *tail, size_t len)
{
	(void)arg;
	(void)key;
	(void)d;
	(void)tail;
	(void)len;
}

static void play(struct bench *b, uint32_t connections, uint32_t rate)
{
	const int64_t begin = mono_us();
	int64_t tick = begin + TICK_US;

	for (uint32_t n = 0; n < connections;) {
		const int64_t due = mono_us() - begin;

		while (n < connections && (int64_t)n * 1000000 <= due * (int64_t)rate) {
			b->clock_us = INT64_C(1795881600000000) + due;
			play_connection(b, n++);
		}
		if (mono_us() >= tick) {
			worker_tick(b->worker, b->clock_us);
			tick += TICK_US;
		}
		wait_until(mono_us() + 1000);
	}
	wait_until(mono_us() + SETTLE_US);
	worker_tick(b->worker, b->clock_us);
}

static void run(struct bench *b, enum form form, uint32_t connections, uint32_t rate,
		struct cost *ret)
{
	struct worker_cfg cfg = {.generation = b->generation,
				 .origin = {.sensor = STR("bench")},
				 .sink = {.put = ignore},
				 .ndpi = form == FORM_HERE};
	const bool apart = form >= FORM_APART;
	struct worker_stats st;

	if (apart) {
		make_rings(b);
		start_guesser(b);
		cfg.guesser = &b->rings;
	}
	b->worker = worker_create(&cfg);
	if (b->worker == NULL)
		fail("no memory");
	ret->worker = -cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	ret->guesser = apart ? -cpu_us(b->child_clock) : 0;
	if (form == FORM_IDLE)
		wait_until(mono_us() + 1000000);
	else
		play(b, connections, rate);
	ret->worker += cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	ret->guesser += apart ? cpu_us(b->child_clock) : 0;
	worker_stats(b->worker, &st);
	ret->answered = st.guesses_answered;
	ret->dropped = st.guess_packets_dropped;
	if (form != FORM_IDLE) {
		ret->worker /= connections;
		ret->guesser /= connections;
	}
	worker_destroy(b->worker);
	if (apart)
		end_guesser(b);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_values(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	(void)printf("  %8.1f (%.1f - %.1f)", v[n / 2], v[0], v[n - 1]);
}

static void print_form(const struct bench *b, enum form form, size_t rounds)
{
	double worker[ROUNDS_MAX], guesser[ROUNDS_MAX], both[ROUNDS_MAX];
	const struct cost *c = b->costs[form];

	for (size_t i = 0; i < rounds; i++) {
		worker[i] = c[i].worker;
		guesser[i] = c[i].guesser;
		both[i] = c[i].worker + c[i].guesser;
	}
	(void)printf("%-14s", form_names[form]);
	print_values(worker, rounds);
	print_values(guesser, rounds);
	print_values(both, rounds);
	(void)printf("  %llu answered, %llu packets dropped\n",
		     (unsigned long long)c[rounds - 1].answered,
		     (unsigned long long)c[rounds - 1].dropped);
}

static struct generation *load(void)
{
	struct diag *d = diag_create();
	const struct generation_cfg cfg = {.share = "."};
	struct generation *g = d == NULL ? NULL : generation_load(&cfg, d);

	if (g == NULL)
		fail("cannot load: run in the project's folder");
	diag_destroy(d);
	return g;
}

static uint32_t number(char **argv, int argc, int at, uint32_t otherwise, uint32_t most)
{
	uint64_t v = otherwise;

	if (argc > at && (!parse_u64(str_of(argv[at]), most, &v) || v == 0))
		fail("usage: guess [CONNECTIONS [RATE [ROUNDS]]]");
	return (uint32_t)v;
}

int main(int argc, char **argv)
{
	const uint32_t connections = number(argv, argc, 1, 5000, 100000);
	const uint32_t rate = number(argv, argc, 2, 2000, 1000000);
	const uint32_t rounds = number(argv, argc, 3, 9, ROUNDS_MAX);
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		fail("no memory");
	b->generation = load();
	b->shared = mmap(NULL, sizeof(*b->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->shared == MAP_FAILED)
		fail("no memory");
	for (uint32_t r = 0; r < rounds; r++)
		for (uint32_t i = 0; i < FORM_COUNT; i++) {
			const enum form form = (enum form)((r + i) % FORM_COUNT);

			run(b, form, connections, rate, &b->costs[form][r]);
		}
	(void)printf(
		"%u connections, %u a second, %u rounds; CPU us: median (least - most)\n"
		"%-14s  %-24s  %-24s  %-24s\n",
		connections, rate, rounds, "", "worker", "guesser", "both");
	for (int i = 0; i < FORM_COUNT; i++)
		print_form(b, (enum form)i, rounds);
	generation_destroy(b->generation);
	free(b);
	return 0;
}
