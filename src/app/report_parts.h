/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_REPORT_PARTS_H
#define APP_REPORT_PARTS_H

/* report_parts - the sections of `weir report`, in the order of the page. */

#include "app/report_ask.h"
#include "app/trust.h"

/* Numbers that several sections need. */
struct report_totals {
	uint64_t started, summed_up; /* connections that were written, and counted */
	uint64_t denied, denied_summed_up;
	uint64_t would_deny, would_deny_summed_up;
	uint64_t losses;
	int64_t uninspected_us;
};

void report_verification(struct report *r, const struct ledger_proof *p,
			 const struct trust *g);
void report_completeness(struct report *r, struct report_totals *t);
void report_traffic(struct report *r, const struct report_totals *t);
void report_denials(struct report *r, const struct report_totals *t);
void report_posture(struct report *r, const struct ledger_proof *p,
		    const struct report_totals *t);

/* "3 d 4 h", "12 min", "5 s": the two largest units, cut off. */
void report_duration(FILE *out, int64_t us);

/* How much of these spans lies within the period, counted once where they overlap; NULL-safe. */
struct report_span {
	int64_t from_us, to_us;
};
int64_t report_union(const struct report *r, struct report_span *spans, size_t count);

#endif /* APP_REPORT_PARTS_H */
