/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_traffic - what went where, when; what was denied, and what was noticed.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "app/report_parts.h"
#include "report/chart.h"
#include "report/html.h"

#define STARTS      "--type flow --phase start"
#define POINTS_MAX  1000
#define COLUMNS_MAX 40
#define MINUTE_US   ((int64_t)60 * 1000000)

/* ---- charts ---- */

static const struct {
	const char *word;
	int64_t us;
} buckets[] = {
	{"1min", MINUTE_US},      {"5min", 5 * MINUTE_US},  {"15min", 15 * MINUTE_US},
	{"1h", 60 * MINUTE_US},   {"3h", 180 * MINUTE_US},  {"6h", 360 * MINUTE_US},
	{"12h", 720 * MINUTE_US}, {"1d", 1440 * MINUTE_US}, {"7d", 10080 * MINUTE_US},
};

/* The period; from the first event when it has no beginning. */
static int64_t period_from(const struct report *r)
{
	return r->since_us != INT64_MIN ? r->since_us : store_totals(r->store).first_us;
}

static size_t bucket_for(const struct report *r)
{
	const size_t last = sizeof(buckets) / sizeof(buckets[0]) - 1;
	const uint64_t length = (uint64_t)r->until_us - (uint64_t)period_from(r);
	size_t i = 0;

	while (i < last && length / (uint64_t)buckets[i].us > COLUMNS_MAX)
		i++;
	return i;
}

struct series_ask {
	const char *words; /* behind it --bucket is written */
	unsigned column;
	unsigned sums; /* 0 = its events */
};

struct series {
	const char *id, *title;
	const char *names[CHART_SERIES_MAX];
	size_t count;
	bool bytes;
	struct series_ask asks[5];
};

/* By time; further points than the cap are left out, the oldest ones. */
static int compare_points(const void *pa, const void *pb)
{
	const struct chart_point *a = pa, *b = pb;

	return a->at_us == b->at_us ? 0 : a->at_us < b->at_us ? -1 : 1;
}

static bool gather(struct report *r, const struct series *s, const char *bucket,
		   struct sums *into)
{
	for (const struct series_ask *q = s->asks; q->words != NULL; q++) {
		char words[256];
		struct answered a;
		bool fine = true;

		(void)snprintf(words, sizeof(words), "%s --bucket %s", q->words, bucket);
		if (!report_ask(r, words, false, &a))
			return false;
		for (size_t i = 0; fine && i < sums_count(a.result.groups); i++) {
			const struct sums_row row = sums_at(a.result.groups, i);
			int64_t values[SUMS_VALUES_MAX] = {0};
			const struct sums_one one = {.key = row.key,
						     .count = row.count,
						     .first_us = row.first_us,
						     .last_us = row.last_us,
						     .values = values};

			values[q->column] = (int64_t)row.count;
			for (unsigned k = 0; k < q->sums; k++)
				values[q->column + k] = row.values[k];
			fine = sums_add(into, &one);
		}
		answer_finish(&a);
		if (!fine)
			return false;
	}
	return true;
}

static void draw(struct report *r, const struct series *s, const struct sums *rows,
		 int64_t width_us)
{
	const size_t n = sums_count(rows);
	struct chart_point *points = calloc(n + 1, sizeof(*points));
	const size_t cut = n > POINTS_MAX ? n - POINTS_MAX : 0;
	struct chart c = {.id = s->id,
			  .title = s->title,
			  .series = s->count,
			  .count = n - cut,
			  .from_us = period_from(r),
			  .to_us = r->until_us,
			  .width_us = width_us,
			  .zone = r->zone,
			  .bytes = s->bytes};

	if (points == NULL) {
		r->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct sums_row row = sums_at(rows, i);

		points[i].at_us = row.key[0];
		for (size_t k = 0; k < s->count; k++)
			points[i].values[k] =
				row.values[k] < 0 ? 0 : (uint64_t)row.values[k];
	}
	qsort(points, n, sizeof(*points), compare_points);
	memcpy(c.names, s->names, sizeof(c.names));
	c.points = points + cut;
	if (n > 0 && (cut > 0 || c.points[0].at_us < c.from_us))
		c.from_us = c.points[0].at_us;
	if (n > 0 && c.points[c.count - 1].at_us + width_us > c.to_us)
		c.to_us = c.points[c.count - 1].at_us + width_us;
	chart_print(r->out, &c);
	if (cut > 0)
		page_say(r->out, "<p>The newest # of # columns.</p>\n",
			 (uint64_t[]){POINTS_MAX, n});
	free(points);
}

static void chart(struct report *r, const struct series *s)
{
	const size_t bucket = bucket_for(r);
	struct sums *rows = sums_create(1);

	(void)fprintf(r->out, "<h3>%s, by %s</h3>\n", s->title, buckets[bucket].word);
	if (rows != NULL && gather(r, s, buckets[bucket].word, rows))
		draw(r, s, rows, buckets[bucket].us);
	else
		r->failed = true;
	sums_destroy(rows);
	report_queries(r);
}

static const struct series connections = {
	.id = "conns",
	.title = "Connections begun",
	.names = {"allowed", "allowed, report-only would deny", "denied"},
	.count = 3,
	.asks = {{.words = STARTS " --verdict allow --would-verdict !deny"},
		 {.words = STARTS " --verdict allow --would-verdict deny", .column = 1},
		 {.words = STARTS " --verdict deny", .column = 2},
		 {.words = "--type rollup --verdict deny --sum count",
		  .column = 2,
		  .sums = 1}},
};

static const struct series summed_up = {
	.id = "rollups",
	.title = "Allowed connections counted in roll-ups",
	.names = {"allowed", "allowed, report-only would deny"},
	.count = 2,
	.asks = {{.words =
			  "--type rollup --verdict allow --would-verdict !deny --sum count",
		  .sums = 1},
		 {.words =
			  "--type rollup --verdict allow --would-verdict deny --sum count",
		  .column = 1,
		  .sums = 1}},
};

static const struct series volume = {
	.id = "bytes",
	.title = "Bytes of the connections that ended",
	.names = {"in: server to client", "out: client to server"},
	.count = 2,
	.bytes = true,
	.asks = {{.words = "--type flow --phase end --sum bytes_in,bytes_out", .sums = 2},
		 {.words = "--type rollup --sum bytes_in,bytes_out", .sums = 2}},
};

static const struct series noticed = {
	.id = "signals",
	.title = "Signals",
	.names = {"signals"},
	.count = 1,
	.asks = {{.words = "--type signal"}},
};

/* ---- top tables ---- */

#define ROLLED(verdict, by) \
	"--type rollup --verdict " verdict " --group-by " by " --sum count"

/* Allowed and denied, written and counted, by one field. */
#define BY(field, filter)                                                               \
	{                                                                               \
		{.words = STARTS " --verdict allow" filter " --group-by " field},       \
			{.words = STARTS " --verdict deny" filter " --group-by " field, \
			 .column = 1},                                                  \
			{.words = "--type rollup --verdict allow" filter                \
				  " --group-by " field " --sum count",                  \
			 .column = 2,                                                   \
			 .sums = 1},                                                    \
		{                                                                       \
			.words = "--type rollup --verdict deny" filter                  \
				 " --group-by " field " --sum count",                   \
			.column = 3, .sums = 1                                          \
		}                                                                       \
	}
#define BY_NUMBERS                                                         \
	{                                                                  \
		"allowed", "denied", "allowed, counted", "denied, counted" \
	}

static const struct table traffic_tables[] = {
	{.title = "Services, by connections",
	 .note = "(none): no entry of the catalogue, DNS among it.",
	 .keys = {"service"},
	 .numbers = BY_NUMBERS,
	 .total = 4,
	 .top = 20,
	 .asks = BY("service", "")},
	{.title = "Services, by bytes of connections that ended",
	 .keys = {"service"},
	 .numbers = {"out", "in"},
	 .bytes = 3,
	 .top = 10,
	 .asks = {{.words = "--type flow --phase end --group-by service --sum "
			    "bytes_out,bytes_in",
		   .sums = 2},
		  {.words = "--type rollup --group-by service --sum bytes_out,bytes_in",
		   .sums = 2}}},
	{.title = "Sources, by connections",
	 .keys = {"principal"},
	 .numbers = BY_NUMBERS,
	 .total = 4,
	 .top = 10,
	 .asks = BY("principal", "")},
	{.title = "Roles of the sources",
	 .keys = {"role"},
	 .numbers = BY_NUMBERS,
	 .total = 4,
	 .top = 10,
	 .asks = BY("role", "")},
	{.title = "Environments, by connections whose name tells one",
	 .keys = {"environment_id", "service"},
	 .numbers = {"allowed", "denied"},
	 .total = 2,
	 .top = 10,
	 .asks = {{.words = STARTS " --verdict allow --environment-id * --group-by "
				   "environment_id,service"},
		  {.words = STARTS " --verdict deny --environment-id * --group-by "
				   "environment_id,service",
		   .column = 1}}},
	{.title = "Countries of the servers",
	 .keys = {"country"},
	 .numbers = {"allowed", "denied"},
	 .total = 2,
	 .top = 10,
	 .asks = {{.words = STARTS " --verdict allow --country * --group-by country"},
		  {.words = STARTS " --verdict deny --country * --group-by country",
		   .column = 1}}},
	{.title = "Protocols",
	 .keys = {"protocol"},
	 .numbers = {"allowed", "denied"},
	 .total = 2,
	 .top = 12,
	 .asks = {{.words = STARTS " --verdict allow --group-by protocol"},
		  {.words = STARTS " --verdict deny --group-by protocol", .column = 1}}},
};

void report_traffic(struct report *r, const struct report_totals *t)
{
	page_section(r->out, "traffic", "3. Traffic");
	chart(r, &connections);
	if (t->summed_up > t->denied_summed_up)
		chart(r, &summed_up);
	chart(r, &volume);
	for (size_t i = 0; i < sizeof(traffic_tables) / sizeof(traffic_tables[0]); i++)
		(void)report_table(r, &traffic_tables[i]);
	page_section_end(r->out);
}

/* ---- denials, signals, changes ---- */

static const struct table by_rule = {
	.title = "Denied connections by the line that decided",
	.note = "written: one event each. counted: in roll-ups, beyond the first 20 a minute of one "
		"source, line and host.",
	.keys = {"gate", "rule", "label", "reason"},
	.numbers = {"written", "counted"},
	.total = 2,
	.times = true,
	.top = 30,
	.asks = {{.words = STARTS
		  " --verdict deny --group-by gate,rule,rule_label,reason"},
		 {.words = ROLLED("deny", "gate,rule,rule_label,reason"),
		  .column = 1,
		  .sums = 1}},
};

static const struct table denied_tables[] = {
	{.title = "What became of them",
	 .note = "Of those that were written. passed and none: nothing was blocked.",
	 .keys = {"effect", "mode"},
	 .numbers = {"connections"},
	 .top = 20,
	 .asks = {{.words = STARTS " --verdict deny --group-by effect,mode"}}},
	{.title =
		 "Denied later: allowed at their start, denied when they were judged again",
	 .keys = {"gate", "rule", "label"},
	 .numbers = {"judgements"},
	 .times = true,
	 .top = 20,
	 .asks = {{.words = "--type flow --phase update --verdict deny --group-by "
			    "gate,rule,rule_label"}}},
	{.title = "Denied hosts and who asked for them",
	 .keys = {"host", "principal", "role"},
	 .numbers = {"written", "counted"},
	 .total = 2,
	 .top = 15,
	 .asks = {{.words = STARTS " --verdict deny --group-by host,principal,role"},
		  {.words = ROLLED("deny", "host,principal,role"),
		   .column = 1,
		   .sums = 1}}},
};

static const struct table signal_tables[] = {
	{.title = "Signals by name",
	 .keys = {"signal", "rule", "label"},
	 .numbers = {"signals"},
	 .times = true,
	 .top = 20,
	 .asks = {{.words = "--type signal --group-by signal,rule,rule_label"}}},
	{.title = "Signals by source",
	 .keys = {"signal", "principal", "role", "host"},
	 .numbers = {"signals"},
	 .times = true,
	 .top = 15,
	 .asks = {{.words = "--type signal --group-by signal,principal,role,host"}}},
};

static const struct table change_tables[] = {
	{.title = "Changes by whom",
	 .keys = {"who", "what"},
	 .numbers = {"changes"},
	 .times = true,
	 .top = 20,
	 .asks = {{.words = "--type change --group-by who,what"}}},
	{.title = "Policy versions (generations) in force",
	 .note = "weir rules print --generation shows one as it was.",
	 .keys = {"generation"},
	 .numbers = {"events"},
	 .times = true,
	 .top = 20,
	 .asks = {{.words = "--group-by generation"}}},
};

static void tables_of(struct report *r, const struct table *t, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)report_table(r, &t[i]);
}

void report_denials(struct report *r, const struct report_totals *t)
{
	page_section(r->out, "denials", "4. Denials");
	page_say(
		r->out,
		"<p><strong>#</strong> connections were denied: # written one by one and # "
		"counted.</p>\n",
		(uint64_t[]){t->denied + t->denied_summed_up, t->denied,
			     t->denied_summed_up});
	(void)report_table(r, &by_rule);
	tables_of(r, denied_tables, sizeof(denied_tables) / sizeof(denied_tables[0]));
	page_section_end(r->out);

	page_section(r->out, "signals", "5. Signals");
	chart(r, &noticed);
	tables_of(r, signal_tables, sizeof(signal_tables) / sizeof(signal_tables[0]));
	page_section_end(r->out);

	page_section(r->out, "changes", "6. Changes");
	tables_of(r, change_tables, sizeof(change_tables) / sizeof(change_tables[0]));
	(void)report_lines(r, "The last changes one by one",
			   "--type change --fields time,what,who,why,diff,new_generation",
			   20);
	page_section_end(r->out);
}
