/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events sealed a second of one core, and lines verified by one thread and by two.
 * usage: ledger DIR EVENTS     (DIR must not exist; it is left there)
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "record/ledger.h"
#include "record/verify.h"

#define LINE 400

static double seconds(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char *argv[])
{
	static struct ledger_proof p;
	const struct ledger_seals seals = {.events = 0};
	struct ledger_cfg cfg = {.fd = -1, .seals = &seals};
	struct verify_cfg vc = {.root = NULL};
	char tail[LINE], error[300];
	struct ledger *l = NULL;
	uint64_t n;
	double from, wrote, best = 0;
	size_t len;

	if (argc != 3 || !parse_u64(str_of(argv[2]), 100000000, &n))
		return 2;
	vc.dir = cfg.dir = argv[1];
	memset(tail, 'x', sizeof(tail));
	len = (size_t)snprintf(
		tail, sizeof(tail),
		"\"time\":\"2026-09-21T10:00:00.000000Z\",\"type\":\"system\","
		"\"sensor\":\"s\",\"mode\":\"replay\",\"what\":\"x\","
		"\"message\":\"");
	tail[len] = 'x';
	memcpy(tail + LINE - 24, "\"}\n", 3);
	if (ledger_open(&cfg, &l, error) != 0) {
		(void)fprintf(stderr, "%s\n", error);
		return 3;
	}
	from = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (uint64_t i = 0; i < n; i++)
		if (ledger_append(l, tail, LINE - 21) != 0)
			return 3;
	if (ledger_close(l) != 0)
		return 3;
	wrote = seconds(CLOCK_PROCESS_CPUTIME_ID) - from;
	(void)printf("%.0f sealed events/s of one core\n", (double)n / wrote);
	for (unsigned i = 0; i < 2; i++) {
		double wall = seconds(CLOCK_MONOTONIC), rate;

		vc.alone = i == 0;
		from = seconds(CLOCK_PROCESS_CPUTIME_ID);
		if (ledger_verify(&vc, &p) != 0 || p.finding_count > 0 || p.sound_seq < n)
			return 1;
		wall = seconds(CLOCK_MONOTONIC) - wall;
		rate = (double)p.lines / wall;
		best = rate > best ? rate : best;
		(void)printf("%.0f verified lines/s with %u threads, %.0f a CPU second\n",
			     rate, i + 1,
			     (double)p.lines /
				     (seconds(CLOCK_PROCESS_CPUTIME_ID) - from));
	}
	return (double)n / wrote < 200000 || best < 500000;
}
