/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_SUMMARY_H
#define REPORT_SUMMARY_H

/*
 * summary - what a run saw and decided, counted from its events, on one screen.
 *
 * Every number is a count of events and can be found again in the ledger
 * (tests/tools/recount.py does).  Connections are counted when they end, verdicts when they
 * are given.
 *
 * Memory: bounded; of names beyond SUMMARY_WORDS_MAX only the number is kept.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "match/zone.h"
#include "model/event.h"
#include "policy/policy.h"

#define SUMMARY_WORDS_MAX 4096

struct summary;

struct summary_cfg {
	const struct policy *policy;
	const struct vocabulary *vocabulary;
};

struct summary *summary_create(const struct summary_cfg *cfg); /* NULL: out of memory */
void summary_destroy(struct summary *s);

void summary_add(struct summary *s, const struct event_digest *d);

/* What the events do not hold. */
struct summary_frame {
	const char *const *captures;
	size_t capture_count;
	const char *generation;
	uint64_t frames, bytes, malformed, damaged;
	int64_t first_us, last_us;
	const struct zone *zone; /* in which times are shown; NULL = UTC */
	const char *ledger;      /* folder; NULL = none */
	const char *key;         /* fingerprint of the key that sealed it; NULL = none */
	const char *const *troubles; /* that it stands where it should not; sentences */
	size_t trouble_count;
};

void summary_print(const struct summary *s, const struct summary_frame *f, FILE *out);
void summary_print_json(const struct summary *s, const struct summary_frame *f,
			FILE *out);

#endif /* REPORT_SUMMARY_H */
