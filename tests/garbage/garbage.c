/* SPDX-License-Identifier: Apache-2.0 */
/*
 * garbage - feed damaged files to every reader of files, in processes that may die.
 *
 *     garbage COUNT JOBS              cases 0 .. COUNT - 1; TAP on standard output
 *     garbage --seed K [FILE]         case K alone, in this process; keep its file
 *
 * Cases run in batches, a process a batch: one that crashes, or does not end in time, takes
 * only itself along and is named; LeakSanitizer looks at every process when it ends.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"

#define BATCH       100u
#define JOBS_MAX    64u
#define FAULTS_MAX  20u /* then the rest is not worth the time */
#define CPU_S_MAX   5   /* a case that computes longer hangs */
#define CLOCK_S_MAX 60  /* ... or sleeps longer, on a busy machine */

/* What a batch tells the parent, in shared memory. */
struct lane {
	pid_t pid;
	bool whole; /* it came to its end */
	uint64_t from, to, at;
	uint64_t counts[KIND_COUNT][OUTCOME_COUNT];
};

struct run {
	struct cases *cases;
	struct lane *lanes;
	unsigned jobs;
	unsigned faults;
};

/* Either clock kills the process; the parent reads by which signal it died. */
static void start_clocks(bool on)
{
	struct itimerval cpu = {.it_value = {.tv_sec = on ? CPU_S_MAX : 0}};

	(void)setitimer(ITIMER_PROF, &cpu, NULL);
	(void)alarm(on ? CLOCK_S_MAX : 0);
}

static enum outcome run_case(struct cases *c, uint64_t number, const char *keep,
			     char why[WHY_MAX])
{
	enum outcome o;

	start_clocks(true);
	o = cases_run(c, number, keep, why);
	start_clocks(false);
	if (o == OUTCOME_WRONG) {
		(void)printf("not ok - case %" PRIu64 ", %s: %s\n", number,
			     kind_name((enum kind)(number % KIND_COUNT)), why);
		(void)fflush(stdout);
	}
	return o;
}

static void run_batch(struct run *r, struct lane *l)
{
	for (; l->at < l->to; l->at++) {
		char why[WHY_MAX];
		enum outcome o = run_case(r->cases, l->at, NULL, why);

		l->counts[l->at % KIND_COUNT][o]++;
	}
	l->whole = true;
}

static void start_batch(struct run *r, struct lane *l, uint64_t from, uint64_t to)
{
	pid_t pid;

	l->from = l->at = from;
	l->to = to;
	l->whole = false;
	(void)fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe): no threads here */
	}
	if (pid > 0) {
		l->pid = pid; /* only here: the child shares the lane */
		return;
	}
	run_batch(r, l);
	/* A leak makes LeakSanitizer change the exit status. */
	cases_destroy(r->cases);
	exit(EXIT_SUCCESS); /* NOLINT(concurrency-mt-unsafe): its threads have ended */
}

static const char *cause(int status)
{
	if (!WIFSIGNALED(status))
		return "a sanitizer stopped it";
	if (WTERMSIG(status) == SIGPROF || WTERMSIG(status) == SIGALRM)
		return "did not end in time";
	return "crash";
}

/* A batch has ended; what it did not do is started again after the case that killed it. */
static void end_batch(struct run *r, struct lane *l, int status)
{
	l->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS && l->whole)
		return;
	r->faults++;
	if (l->whole) {
		(void)printf("not ok - cases %" PRIu64 " to %" PRIu64 ": a leak\n",
			     l->from, l->to - 1);
		return;
	}
	(void)printf("not ok - case %" PRIu64 ", %s: %s\n", l->at,
		     kind_name((enum kind)(l->at % KIND_COUNT)), cause(status));
	if (l->at + 1 < l->to && r->faults < FAULTS_MAX)
		start_batch(r, l, l->at + 1, l->to);
}

static void wait_for_one(struct run *r)
{
	int status;
	pid_t pid = wait(&status);

	for (unsigned i = 0; i < r->jobs; i++)
		if (pid > 0 && r->lanes[i].pid == pid)
			end_batch(r, &r->lanes[i], status);
}

static unsigned busy_lanes(const struct run *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->jobs; i++)
		n += r->lanes[i].pid != 0;
	return n;
}

static void run_all(struct run *r, uint64_t count)
{
	uint64_t from = 0;

	while (from < count && r->faults < FAULTS_MAX) {
		uint64_t to = from + BATCH < count ? from + BATCH : count;
		unsigned i = 0;

		while (i < r->jobs && r->lanes[i].pid != 0)
			i++;
		if (i == r->jobs) {
			wait_for_one(r);
			continue;
		}
		start_batch(r, &r->lanes[i], from, to);
		from = to;
	}
	while (busy_lanes(r) > 0)
		wait_for_one(r);
}

/* ---- reporting ----------------------------------------------------------------------------- */

/* Damage that hits nothing, or refuses everything, would prove nothing. */
static bool report_kind(const struct run *r, enum kind k)
{
	uint64_t sum[OUTCOME_COUNT] = {0};
	bool fine;

	for (unsigned i = 0; i < r->jobs; i++)
		for (unsigned o = 0; o < OUTCOME_COUNT; o++)
			sum[o] += r->lanes[i].counts[k][o];
	fine = sum[OUTCOME_WRONG] == 0 && sum[OUTCOME_READ] > 0 &&
	       sum[OUTCOME_REFUSED] > 0;
	(void)printf("%s - %s: %" PRIu64 " read, %" PRIu64 " refused with a message",
		     fine ? "ok" : "not ok", kind_name(k), sum[OUTCOME_READ],
		     sum[OUTCOME_REFUSED]);
	if (k == KIND_CAPTURE)
		(void)printf(", %" PRIu64 " sound but without a frame",
			     sum[OUTCOME_EMPTY]);
	(void)printf(", %" PRIu64 " wrong\n", sum[OUTCOME_WRONG]);
	return fine;
}

static bool run_seeds(struct cases *c)
{
	bool all_fine = true;

	for (unsigned k = 0; k < KIND_COUNT; k++) {
		size_t n = cases_seed_count(c, (enum kind)k), bad = 0;
		char why[WHY_MAX];

		for (size_t i = 0; i < n; i++) {
			if (cases_run_seed(c, (enum kind)k, i, why) != OUTCOME_WRONG)
				continue;
			(void)printf("# seed %zu: %s\n", i, why);
			bad++;
		}
		(void)printf("%s - %zu %s, undamaged, are as they should be\n",
			     bad == 0 ? "ok" : "not ok", n, kind_name((enum kind)k));
		all_fine = all_fine && bad == 0;
	}
	return all_fine;
}

static int run_many(struct cases *c, uint64_t count, unsigned jobs)
{
	struct run r = {.cases = c, .jobs = jobs};
	bool fine = run_seeds(c);

	r.lanes = mmap(NULL, jobs * sizeof(*r.lanes), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r.lanes == MAP_FAILED) {
		perror("mmap");
		return EXIT_FAILURE;
	}
	run_all(&r, count);
	for (unsigned k = 0; k < KIND_COUNT; k++)
		fine = report_kind(&r, (enum kind)k) && fine;
	(void)printf("%s - %" PRIu64 " damaged files: no crash, no leak, no hang\n",
		     r.faults == 0 ? "ok" : "not ok", count);
	(void)munmap(r.lanes, jobs * sizeof(*r.lanes));
	return fine && r.faults == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static uint64_t number_of(const char *text)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0') {
		(void)fprintf(stderr, "garbage: '%s' is no number\n", text);
		exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe): no threads here */
	}
	return n;
}

int main(int argc, char *argv[])
{
	static const char *const words[OUTCOME_COUNT] = {"read", "refused", "no frame",
							 "wrong"};
	struct cases *c;
	int code = EXIT_FAILURE;

	if (argc < 3) {
		(void)fprintf(stderr, "usage: garbage COUNT JOBS | --seed K [FILE]\n");
		return EXIT_FAILURE;
	}
	c = cases_create();
	if (c == NULL)
		return EXIT_FAILURE;
	if (strcmp(argv[1], "--seed") == 0) {
		char why[WHY_MAX];
		enum outcome o = run_case(c, number_of(argv[2]),
					  argc > 3 ? argv[3] : "/dev/null", why);

		(void)printf("%s\n%s\n", words[o], why);
		code = o == OUTCOME_WRONG ? EXIT_FAILURE : EXIT_SUCCESS;
	} else {
		uint64_t jobs = number_of(argv[2]);

		code = run_many(c, number_of(argv[1]),
				jobs == 0         ? 1
				: jobs > JOBS_MAX ? JOBS_MAX
						  : (unsigned)jobs);
	}
	cases_destroy(c);
	return code;
}
