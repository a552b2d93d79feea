/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_proof - is the ledger whole, and what does that rest on?
 */
#include <inttypes.h>
#include <stdlib.h>

#include "app/report_parts.h"
#include "report/chart.h"
#include "report/html.h"

void report_duration(FILE *out, int64_t us)
{
	static const struct {
		const char *word;
		int64_t s;
	} units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
	int64_t left = us < 0 ? 0 : us / 1000000;
	unsigned shown = 0;

	for (size_t i = 0; i < 4 && shown < 2; i++) {
		if (left < units[i].s && (shown == 0 ? i < 3 : true)) {
			if (shown > 0)
				break;
			continue;
		}
		(void)fprintf(out, "%s%" PRId64 " %s", shown > 0 ? " " : "",
			      left / units[i].s, units[i].word);
		left %= units[i].s;
		shown++;
	}
}

static int compare_spans(const void *pa, const void *pb)
{
	const struct report_span *a = pa, *b = pb;

	return a->from_us == b->from_us ? 0 : a->from_us < b->from_us ? -1 : 1;
}

int64_t report_union(const struct report *r, struct report_span *spans, size_t count)
{
	int64_t end = r->since_us, sum = 0;

	if (count == 0)
		return 0;
	qsort(spans, count, sizeof(*spans), compare_spans);
	for (size_t i = 0; i < count; i++) {
		const int64_t from = spans[i].from_us > end ? spans[i].from_us : end;
		const int64_t to =
			spans[i].to_us < r->until_us ? spans[i].to_us : r->until_us;

		if (to <= from)
			continue;
		sum += to - from;
		end = to;
	}
	return sum;
}

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

/* ---- facts ---- */

static void put_verify_command(struct report *r, const struct trust *g)
{
	(void)fputs("<p class=\"q\"><code>weir verify ", r->out);
	html_text(r->out, str_of(r->ledger));
	if (g->key != NULL) {
		(void)fputs(" --key ", r->out);
		html_text(r->out, str_of(g->key));
	}
	if (g->anchors != NULL) {
		(void)fputs(" --anchors ", r->out);
		html_text(r->out, str_of(g->anchors));
	}
	(void)fputs("</code></p>\n", r->out);
}

static void fact_whole(struct report *r, const struct ledger_proof *p,
		       const struct trust *g)
{
	const uint64_t n[] = {p->finding_count};

	if (p->finding_count == 0)
		page_fact_begin(r->out, "Ledger", PAGE_GOOD, "WHOLE");
	else
		page_fact_begin(r->out, "Ledger", PAGE_BAD, "NOT WHOLE");
	if (p->finding_count == 0)
		(void)fputs("Each line is the one that was sealed.", r->out);
	else
		page_say(r->out, "# findings, named below.", n);
	put_verify_command(r, g);
	page_fact_end(r->out);
}

static void fact_anchor(struct report *r, const struct ledger_proof *p)
{
	const uint64_t n[] = {p->anchored_seq, p->last_seq, p->anchors};
	char words[80];

	if (p->anchors == 0 || p->anchored_seq == 0) {
		page_fact_begin(r->out, "Anchor", PAGE_DOUBT, "UNANCHORED");
		(void)fputs(
			p->anchors == 0
				? "No seal that was kept elsewhere was given "
				  "(<code>--anchors</code>)"
				: "None of the seals given is of a line that is there",
			r->out);
		(void)fputs(
			": whoever holds the present key could have written its epoch "
			"anew, or cut the end.",
			r->out);
	} else {
		page_fact_begin(r->out, "Anchor",
				p->anchored_seq == p->last_seq ? PAGE_GOOD : PAGE_PLAIN,
				"ANCHORED");
		page_say(r->out,
			 "up to line # of #, by # seals that were kept elsewhere.", n);
		(void)snprintf(words, sizeof(words), "--seq >%" PRIu64 " --group-by type",
			       p->anchored_seq);
		if (n[0] < n[1]) {
			const uint64_t behind = report_events(r, words);

			page_say(r->out, " Events of the period behind it: #.", &behind);
		}
		report_queries(r);
	}
	page_fact_end(r->out);
}

static void fact_key(struct report *r, const struct ledger_proof *p)
{
	page_fact_begin(r->out, "Key", p->key_given ? PAGE_GOOD : PAGE_DOUBT,
			p->key_given ? "AS GIVEN" : "FROM THE LEDGER'S FOLDER");
	(void)fprintf(r->out, "<code>%s</code> ", p->root);
	if (!p->key_given)
		(void)fputs("It proves nothing against whoever could replace it: compare "
			    "the fingerprint with the one that was written down.",
			    r->out);
	page_fact_end(r->out);
}

static void fact_proven(struct report *r, const struct ledger_proof *p)
{
	const bool any = p->sound_seq >= p->first_seq && p->sound_seq > 0;
	const uint64_t n[] = {p->first_seq, p->sound_seq, p->last_seq,
			      p->lines,     p->segments,  p->seals};
	const uint64_t epochs[] = {p->sound_epoch};
	char words[80];
	uint64_t behind;

	(void)snprintf(words, sizeof(words), "--seq >%" PRIu64 " --group-by type",
		       any ? p->sound_seq : 0);
	behind = report_events(r, words);
	page_fact_begin(r->out, "Proven",
			any && behind == 0 ? PAGE_GOOD
			: any              ? PAGE_DOUBT
					   : PAGE_BAD,
			any ? NULL : "NOTHING");
	if (any) {
		page_say(r->out,
			 "lines # to # of a ledger that ends with line # (# lines, # "
			 "segments, # seals)",
			 n);
		page_say(r->out, ", by the keys of epochs 0 to #.", epochs);
	}
	page_say(r->out, " Events of the period that no sound seal covers: #.", &behind);
	report_queries(r);
	if (p->removed_to > 0)
		page_say(r->out,
			 "<p>Lines 1 to # were removed by retention, as # seals say.",
			 (uint64_t[]){p->removed_to, p->tombstones});
	if (p->expired_lines > 0)
		page_say(r->out,
			 "<p>The time of # lines of # segments has passed: they are gone "
			 "but for their digests, as seals say, and in no number of this "
			 "page.",
			 (uint64_t[]){p->expired_lines, p->expired_segments});
	page_fact_end(r->out);
}

static void fact_uncovered(struct report *r, const struct ledger_proof *p)
{
	struct report_span spans[VERIFY_GAPS_MAX];
	const size_t n = at_most(p->gap_count, VERIFY_GAPS_MAX);
	int64_t sum;

	for (size_t i = 0; i < n; i++)
		spans[i] = (struct report_span){p->gaps[i].from_us, p->gaps[i].to_us};
	sum = report_union(r, spans, n);
	page_fact_begin(r->out, "Time without a seal",
			p->gap_count == 0 ? PAGE_GOOD : PAGE_DOUBT,
			p->gap_count == 0 ? "NONE" : NULL);
	if (p->gap_count > 0) {
		report_duration(r->out, sum);
		page_say(r->out,
			 " of the period, of # times in the ledger when no seal "
			 "covered time as it passed.",
			 (uint64_t[]){p->gap_count});
	}
	page_fact_end(r->out);
}

/* How the numbers of this page hang on the ledger's lines. */
static void fact_index(struct report *r, const struct ledger_proof *p)
{
	const struct store_totals t = store_totals(r->store);
	const uint64_t n[] = {t.events, t.bad, p->lines};
	const bool all = t.events + t.bad <= p->lines && t.bad == 0;

	page_fact_begin(r->out, "Index", all ? PAGE_PLAIN : PAGE_DOUBT, NULL);
	page_say(r->out,
		 "The numbers are counted from an index of # events (# lines are no "
		 "events); the walk over the ledger found # lines.",
		 n);
	(void)fputs(r->prove ? " Each counted line was read again and compared "
			       "(<code>--prove</code>): see the end of the page."
			     : " They were not held against the ledger line by line; "
			       "<code>weir report --prove</code> does that.",
		    r->out);
	page_fact_end(r->out);
}

/* ---- lists ---- */

static void list_findings(struct report *r, const struct ledger_proof *p)
{
	static const struct page_column columns[] = {
		{"where", false}, {"lines", false}, {"kind", false}, {"meaning", false}};
	const size_t n = at_most(p->finding_count, VERIFY_FINDINGS_MAX);

	if (n == 0)
		return;
	page_table_begin(r->out, "Findings: the first bad line of each sealed range",
			 columns, 4);
	(void)fputs("<tbody>\n", r->out);
	for (size_t i = 0; i < n; i++) {
		const struct ledger_finding *f = &p->findings[i];

		(void)fputs("<tr><th scope=\"row\">", r->out);
		html_text(r->out, str_of(f->segment));
		if (f->line > 0)
			(void)fprintf(r->out, ":%" PRIu64, f->line);
		(void)fprintf(r->out, "</th><td>%" PRIu64, f->seq);
		if (f->to_seq > f->seq)
			(void)fprintf(r->out, " to %" PRIu64, f->to_seq);
		(void)fprintf(r->out, "</td><td>%s</td><td>%s</td></tr>\n",
			      ledger_fault_name(f->fault),
			      ledger_fault_meaning(f->fault));
	}
	(void)fputs("</tbody>\n", r->out);
	page_table_end(r->out);
	if (p->finding_count > n)
		page_say(r->out, "<p>and # more</p>\n",
			 (uint64_t[]){p->finding_count - n});
}

static void list_gaps(struct report *r, const struct ledger_proof *p)
{
	static const struct page_column columns[] = {
		{"from", false}, {"to", false}, {"why", false}, {"lines", false}};
	static const char *const why[] = {
		[GAP_STOPPED] = "stopped",
		[GAP_ENDED] = "ended, and not by a stop",
		[GAP_CRASHED] = "lines found unsealed at a start, and sealed then",
		[GAP_TAIL] = "lines behind the last seal"};
	size_t shown = 0;

	for (size_t i = 0; i < p->gap_count && i < VERIFY_GAPS_MAX; i++) {
		const struct ledger_gap *g = &p->gaps[i];

		if (g->to_us < r->since_us || g->from_us >= r->until_us)
			continue;
		if (shown++ == 0) {
			page_table_begin(r->out, "Time that no seal covered as it passed",
					 columns, 4);
			(void)fputs("<tbody>\n", r->out);
		}
		(void)fputs("<tr><th scope=\"row\">", r->out);
		chart_moment(r->out, r->zone, g->from_us);
		(void)fputs("</th><td>", r->out);
		chart_moment(r->out, r->zone, g->to_us);
		(void)fprintf(r->out,
			      "</td><td>%s</td><td>%" PRIu64 " to %" PRIu64
			      "</td></tr>\n",
			      why[g->kind], g->from_seq, g->to_seq);
	}
	if (shown == 0)
		return;
	(void)fputs("</tbody>\n", r->out);
	page_table_end(r->out);
	if (p->gap_count > VERIFY_GAPS_MAX)
		page_say(r->out, "<p>Of # such times the first # were looked at.</p>\n",
			 (uint64_t[]){p->gap_count, VERIFY_GAPS_MAX});
}

void report_verification(struct report *r, const struct ledger_proof *p,
			 const struct trust *g)
{
	page_section(r->out, "verification", "1. Verification");
	page_facts_begin(r->out, "Is the ledger the one that was written?");
	fact_whole(r, p, g);
	fact_anchor(r, p);
	fact_key(r, p);
	fact_proven(r, p);
	fact_uncovered(r, p);
	fact_index(r, p);
	page_facts_end(r->out);
	list_findings(r, p);
	list_gaps(r, p);
	page_note(r->out,
		  "A page proves nothing by itself: run the command above on a copy of "
		  "the ledger, with a key and seals that you kept.");
	page_section_end(r->out);
}
