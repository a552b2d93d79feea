/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_whole - how much of what happened is in the ledger, and what was left out on purpose?
 */
#include <inttypes.h>
#include <stdlib.h>

#include "app/report_parts.h"
#include "report/chart.h"
#include "report/html.h"

#define STARTS   "--type flow --phase start"
#define DENIED   "--verdict deny"
#define HOUR_US  ((int64_t)3600 * 1000000)
#define LIST_MAX 20

/* ---- connections ---- */

static void fact_connections(struct report *r, struct report_totals *t)
{
	uint64_t ended, ends, unjudged, n[2];

	t->started = report_events(r, STARTS " --group-by type");
	t->summed_up = report_sum(r, "--type rollup --group-by type --sum count");
	ended = report_events(r, "--type flow --phase end --group-by type");
	ends = report_sum(r, "--type rollup --group-by type --sum ends");
	unjudged =
		report_events(r, "--type flow --phase end --verdict !* --group-by type");
	n[0] = t->started;
	n[1] = t->summed_up;
	page_fact_begin(r->out, "Connections", PAGE_PLAIN, NULL);
	(void)fputs("<strong>", r->out);
	html_count(r->out, t->started + t->summed_up);
	page_say(r->out, "</strong> judged: # written one by one, # counted in roll-ups.",
		 n);
	page_say(r->out, " Ended: #, and # counted.", (uint64_t[]){ended, ends});
	page_say(r->out,
		 " # ended before their client said anything, so nothing was judged.",
		 &unjudged);
	report_queries(r);
	page_fact_end(r->out);
}

/* A number in a field of `detail`, over all groups. */
static uint64_t sum_of_key(const struct report *r, const struct answered *a, size_t key)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sums_count(a->result.groups); i++) {
		const struct sums_row row = sums_at(a->result.groups, i);
		char buf[ANSWER_TEXT_MAX];
		uint64_t n;

		if (parse_u64(answer_key(r, a, &row, key, buf), UINT32_MAX, &n))
			sum += n * row.count;
	}
	return sum;
}

/* Ends of connections have gone since they were counted. */
static bool is_short(const struct report *r)
{
	int64_t us;

	return store_expired(r->store, EXPIRING_FLOW, &us) ||
	       store_expired(r->store, EXPIRING_ROLLUP, &us);
}

/* fine: all else; ends: and as many ends of connections as were counted. */
static void begin_counted(struct report *r, bool fine, bool ends)
{
	const bool expired = fine && !ends && is_short(r);

	page_fact_begin(r->out, "Counted elsewhere",
			fine && ends ? PAGE_GOOD
			: expired    ? PAGE_DOUBT
				     : PAGE_BAD,
			fine && ends ? "AGREES"
			: expired    ? "EXPIRED"
				     : "DIFFERS");
	if (expired)
		page_say(r->out,
			 "Events of connections have expired (ledger.keep_flow, "
			 "ledger.keep_rollup), so their count says nothing here. ",
			 NULL);
}

/* The flow table of a replay, beside the events. */
static void fact_of_replay(struct report *r, const struct answered *a)
{
	const uint64_t seen = sum_of_key(r, a, 1), lost = sum_of_key(r, a, 2),
		       ended = report_events_whole(r, "--type flow --phase end "
						      "--mode replay --group-by type") +
			       report_sum_whole(r, "--type rollup --mode replay "
						   "--group-by type --sum ends");

	begin_counted(r, lost == 0, seen == ended);
	page_say(r->out,
		 "The replay's table of connections held #; the whole ledger has "
		 "the ends of #, and # events were lost.",
		 (uint64_t[]){seen, ended, lost});
}

/* The kernel's count of packets, and the flow table of a gateway; whose run may go on. */
static void fact_of_gateway(struct report *r, const struct answered *a)
{
	const uint64_t given = sum_of_key(r, a, 1), taken = sum_of_key(r, a, 2),
		       dropped = sum_of_key(r, a, 3), seen = sum_of_key(r, a, 4),
		       ended = report_events_whole(r, "--type flow --phase end "
						      "--mode !replay --group-by type") +
			       report_sum_whole(r, "--type rollup --mode !replay "
						   "--group-by type --sum ends");

	begin_counted(r, given == taken && dropped == 0, ended >= seen);
	page_say(r->out,
		 "The kernel gave Weir # packets to judge, the first of each connection "
		 "among them: # were taken, # dropped for want of room. Weir's table "
		 "then had the ends of # connections; the whole ledger has #, more "
		 "when some ended since. What passed while nobody judged is not in it: "
		 "see below.",
		 (uint64_t[]){given, taken, dropped, seen, ended});
}

/* What others counted beside the events. */
static void fact_against(struct report *r)
{
	struct answered replay, gateway;
	bool asked;

	if (!report_ask(r,
			"--type system --what replay_end --group-by "
			"detail.flows,detail.events_lost",
			true, &replay))
		return;
	asked = report_ask(r,
			   "--type system --what counted --group-by "
			   "detail.kernel_packets,detail.packets_taken,"
			   "detail.packets_dropped,detail.connections_ended",
			   true, &gateway);
	if (replay.result.matched > 0) {
		fact_of_replay(r, &replay);
	} else if (asked && gateway.result.matched > 0) {
		fact_of_gateway(r, &gateway);
	} else {
		page_fact_begin(r->out, "Counted elsewhere", PAGE_DOUBT, "NOT KNOWN");
		(void)fputs("The ledger has no <code>counted</code> event yet: a gateway "
			    "writes one an hour, and at its end.",
			    r->out);
	}
	answer_finish(&replay);
	if (asked)
		answer_finish(&gateway);
	report_queries(r);
	page_fact_end(r->out);
}

/* ---- losses ---- */

static int64_t uninspected(struct report *r)
{
	struct answered a;
	struct report_span *spans;
	size_t n;
	int64_t sum = 0;

	if (!report_ask(r,
			"--type loss --what uninspected --what not_captured --group-by "
			"from,to --sum count",
			false, &a))
		return 0;
	n = sums_count(a.result.groups);
	spans = calloc(n + 1, sizeof(*spans));
	for (size_t i = 0; spans != NULL && i < n; i++) {
		const struct sums_row row = sums_at(a.result.groups, i);

		if (row.key[1] != QUERY_ABSENT && row.key[2] != QUERY_ABSENT)
			spans[i] = (struct report_span){row.key[1], row.key[2]};
	}
	if (spans == NULL)
		r->failed = true;
	else
		sum = report_union(r, spans, n);
	free(spans);
	answer_finish(&a);
	return sum;
}

static void fact_losses(struct report *r, struct report_totals *t)
{
	uint64_t count, panic;

	t->losses = report_events(r, "--type loss --group-by what --sum count");
	count = report_last_sum(r);
	page_fact_begin(r->out, "Lost", t->losses == 0 ? PAGE_GOOD : PAGE_BAD,
			t->losses == 0 ? "NOTHING TOLD" : NULL);
	if (t->losses > 0)
		page_say(
			r->out,
			"# losses were told, of # things (0 where the number is not known): "
			"see the table.",
			(uint64_t[]){t->losses, count});
	report_queries(r);
	page_fact_end(r->out);

	t->uninspected_us = uninspected(r);
	count = r->asked_count == 0 ? 0 : r->asked[r->asked_count - 1].events;
	panic = report_events(r, "--mode panic --group-by type");
	page_fact_begin(r->out, "Not inspected",
			count > 0   ? PAGE_BAD
			: panic > 0 ? PAGE_DOUBT
				    : PAGE_GOOD,
			count + panic == 0 ? "NO TIME" : NULL);
	if (count > 0) {
		report_duration(r->out, t->uninspected_us);
		page_say(r->out,
			 " in # stretches of time in which packets passed unjudged.",
			 &count);
	}
	if (panic > 0)
		page_say(r->out,
			 " # events are of mode panic, in which everything passes.",
			 &panic);
	report_queries(r);
	page_fact_end(r->out);
}

static int compare_i64(const void *pa, const void *pb)
{
	const int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;

	return a == b ? 0 : a < b ? -1 : 1;
}

/* Hours between the first and the last event of the period that have none. */
static void fact_silence(struct report *r)
{
	struct answered a;
	int64_t *hours, sum = 0, most = 0, since = 0;
	size_t n;

	if (!report_ask(r, "--bucket 1h", false, &a))
		return;
	n = sums_count(a.result.groups);
	hours = calloc(n + 1, sizeof(*hours));
	for (size_t i = 0; hours != NULL && i < n; i++)
		hours[i] = sums_at(a.result.groups, i).key[0];
	if (hours != NULL)
		qsort(hours, n, sizeof(*hours), compare_i64);
	for (size_t i = 1; hours != NULL && i < n; i++) {
		const int64_t gap = hours[i] - hours[i - 1] - HOUR_US;

		sum += gap > 0 ? gap : 0;
		if (gap > most) {
			most = gap;
			since = hours[i - 1] + HOUR_US;
		}
	}
	r->failed = r->failed || hours == NULL;
	free(hours);
	answer_finish(&a);
	page_fact_begin(r->out, "Silence", sum == 0 ? PAGE_GOOD : PAGE_DOUBT,
			sum == 0 ? "NONE" : NULL);
	page_say(r->out, "# hours between the first and the last event hold none",
		 (uint64_t[]){(uint64_t)(sum / HOUR_US)});
	if (most > 0) {
		page_say(r->out, "; the longest are # from ",
			 (uint64_t[]){(uint64_t)(most / HOUR_US)});
		chart_moment(r->out, r->zone, since);
		(void)fputs(". A quiet night and a stopped Weir look alike here", r->out);
	}
	(void)fputs(".", r->out);
	report_queries(r);
	page_fact_end(r->out);
}

/* ---- left out on purpose ---- */

static void fact_passed(struct report *r)
{
	const uint64_t before =
		report_events(r, STARTS " --reason preexisting --group-by type");
	const uint64_t exempt = report_events(
		r, STARTS " --gates.exceptions !not_concerned --gates.exceptions * "
			  "--group-by type");
	const uint64_t given =
		report_events(r, "--type change --what exempt --group-by type");

	const bool none = before + exempt + given == 0;

	page_fact_begin(r->out, "Exempted", none ? PAGE_GOOD : PAGE_DOUBT,
			none ? "NOTHING" : NULL);
	page_say(
		r->out,
		"# connections that an exception is about; # changes of exceptions by "
		"<code>weir ctl exempt</code>; # connections older than a start, which passed "
		"and nobody looked.",
		(uint64_t[]){exempt, given, before});
	report_queries(r);
	page_fact_end(r->out);
}

static void fact_undecidable(struct report *r)
{
	const uint64_t n = report_events(r, STARTS " --undecidable * --group-by type");

	page_fact_begin(r->out, "Cannot tell", n == 0 ? PAGE_GOOD : PAGE_DOUBT, NULL);
	page_say(r->out, "# connections whose name or verdict could not be told.", &n);
	report_queries(r);
	page_fact_end(r->out);
}

static void fact_report_only(struct report *r, struct report_totals *t)
{
	t->would_deny = report_events(r, STARTS " --would-verdict deny --group-by type");
	t->would_deny_summed_up = report_sum(
		r, "--type rollup --would-verdict deny --group-by type --sum count");
	page_fact_begin(r->out, "Report-only",
			t->would_deny + t->would_deny_summed_up == 0 ? PAGE_GOOD
								     : PAGE_DOUBT,
			NULL);
	page_say(r->out,
		 "# connections passed that a report-only line would deny (# written, # "
		 "counted): the table says which lines, and since when.",
		 (uint64_t[]){t->would_deny + t->would_deny_summed_up, t->would_deny,
			      t->would_deny_summed_up});
	report_queries(r);
	page_fact_end(r->out);
}

static void fact_denied(struct report *r, struct report_totals *t)
{
	t->denied = report_events(r, STARTS " " DENIED " --group-by type");
	t->denied_summed_up =
		report_sum(r, "--type rollup " DENIED " --group-by type --sum count");
	page_fact_begin(r->out, "Denied", PAGE_PLAIN, NULL);
	page_say(
		r->out,
		"# connections: # written one by one, # counted in roll-ups. What became of "
		"them stands under Denials.",
		(uint64_t[]){t->denied + t->denied_summed_up, t->denied,
			     t->denied_summed_up});
	report_queries(r);
	page_fact_end(r->out);
}

/* ---- tables ---- */

static const struct table tables[] = {
	{.title = "What mode Weir was in",
	 .note = "monitor and panic block nothing; replay is a capture that was judged afterwards.",
	 .keys = {"mode"},
	 .numbers = {"events"},
	 .times = true,
	 .top = 8,
	 .asks = {{.words = "--group-by mode"}}},
	{.title = "Report-only lines, and since when they would deny",
	 .note = "first is of the whole ledger, not of the period alone. A line that nothing came "
		 "to is not in it.",
	 .keys = {"gate", "rule", "label"},
	 .numbers = {"in this period", "counted", "in the ledger", "counted"},
	 .times = true,
	 .top = 30,
	 .asks = {{.words = STARTS " --would-verdict deny --group-by "
				   "would_gate,would_rule,would_rule_label"},
		  {.words = "--type rollup --would-verdict deny --group-by "
			    "gate,rule,rule_label --sum count",
		   .column = 1,
		   .sums = 1},
		  {.words = STARTS " --would-verdict deny --group-by "
				   "would_gate,would_rule,would_rule_label",
		   .whole = true,
		   .column = 2},
		  {.words = "--type rollup --would-verdict deny --group-by "
			    "gate,rule,rule_label --sum count",
		   .whole = true,
		   .column = 3,
		   .sums = 1}}},
	{.title = "Losses",
	 .keys = {"what"},
	 .numbers = {"events", "count"},
	 .times = true,
	 .top = 20,
	 .asks = {{.words = "--type loss --group-by what"},
		  {.words = "--type loss --group-by what --sum count",
		   .column = 1,
		   .sums = 1}}},
	{.title = "Cannot tell, by reason",
	 .keys = {"reason"},
	 .numbers = {"allowed", "denied"},
	 .total = 2,
	 .top = 30,
	 .asks = {{.words = STARTS
		   " --undecidable * --verdict allow --group-by undecidable"},
		  {.words = STARTS
		   " --undecidable * --verdict deny --group-by undecidable",
		   .column = 1}}},
	{.title = "Exceptions in use",
	 .keys = {"answer", "role", "principal", "service", "verdict"},
	 .numbers = {"connections"},
	 .times = true,
	 .top = 20,
	 .asks = {{.words = STARTS
		   " --gates.exceptions !not_concerned --gates.exceptions * "
		   "--group-by gates.exceptions,role,principal,service,verdict"}}},
	{.title = "The program itself",
	 .keys = {"what"},
	 .numbers = {"events"},
	 .times = true,
	 .top = 20,
	 .asks = {{.words = "--type system --group-by what"}}},
	{.title = "Events of the ledger by type",
	 .keys = {"type"},
	 .numbers = {"events"},
	 .times = true,
	 .top = 20,
	 .asks = {{.words = "--group-by type"}}},
};

void report_completeness(struct report *r, struct report_totals *t)
{
	page_section(r->out, "completeness", "2. Completeness");
	page_facts_begin(r->out, "How much of what happened is in the ledger?");
	fact_connections(r, t);
	fact_against(r);
	fact_losses(r, t);
	fact_silence(r);
	fact_passed(r);
	fact_undecidable(r);
	fact_denied(r, t);
	fact_report_only(r, t);
	page_facts_end(r->out);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		(void)report_table(r, &tables[i]);
	if (t->losses > 0)
		(void)report_lines(r, "The last losses",
				   "--type loss --fields from,to,what,count", LIST_MAX);
	page_section_end(r->out);
}
