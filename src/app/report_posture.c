/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_posture - rows of a maturity table for Power Platform (data protection and monitoring,
 * from initial to efficient), each answered by what this ledger shows and by nothing else.
 *
 * "not shown" is no verdict on the organization: the network cannot show it, or nothing of it
 * happened in the period.
 */
#include <inttypes.h>

#include "app/report_parts.h"

#define STARTS "--type flow --phase start"
#define TYPE   " --group-by type"

enum answer_state {
	MET,
	PARTLY,
	NOT_SHOWN
};

static void begin(struct report *r, const char *name, enum answer_state state)
{
	static const enum page_state looks[] = {PAGE_GOOD, PAGE_DOUBT, PAGE_PLAIN};
	static const char *const words[] = {"MET", "PARTLY", "NOT SHOWN"};

	page_fact_begin(r->out, name, looks[state], words[state]);
}

static void end(struct report *r)
{
	report_queries(r);
	page_fact_end(r->out);
}

/* A gate's answers, denials and would-be denials, of connections when they began. */
struct gate_numbers {
	uint64_t answered, denied, would;
};

static struct gate_numbers gate_numbers(struct report *r, const char *gate)
{
	struct gate_numbers n;
	char words[256];

	(void)snprintf(words, sizeof(words),
		       STARTS " --gates.%s !not_concerned --gates.%s *" TYPE, gate, gate);
	n.answered = report_events(r, words);
	(void)snprintf(words, sizeof(words), STARTS " --verdict deny --gate %s" TYPE,
		       gate);
	n.denied = report_events(r, words);
	(void)snprintf(words, sizeof(words),
		       "--type rollup --verdict deny --gate %s" TYPE " --sum count",
		       gate);
	n.denied += report_sum(r, words);
	(void)snprintf(words, sizeof(words),
		       STARTS " --would-verdict deny --would-gate %s" TYPE, gate);
	n.would = report_events(r, words);
	return n;
}

/* Met when the gate answered and nothing passed for a report-only line alone. */
static void row_gate(struct report *r, const char *name, const char *gate,
		     const char *nothing)
{
	const struct gate_numbers n = gate_numbers(r, gate);

	begin(r, name,
	      n.answered + n.denied == 0 ? NOT_SHOWN
	      : n.would > 0              ? PARTLY
					 : MET);
	if (n.answered + n.denied == 0)
		(void)fputs(nothing, r->out);
	else
		page_say(
			r->out,
			"# connections came to the gate; # were denied by it, # passed that "
			"its report-only lines would deny.",
			(uint64_t[]){n.answered, n.denied, n.would});
	end(r);
}

static void row_subnets(struct report *r)
{
	const uint64_t n = report_events(r, STARTS " --role subnet" TYPE);

	begin(r, "Capable: virtual network", n > 0 ? MET : NOT_SHOWN);
	page_say(r->out, "# connections from delegated subnets (role subnet).", &n);
	end(r);
}

static void row_enforced(struct report *r, const struct report_totals *t)
{
	const uint64_t all = report_events(r, STARTS TYPE),
		       enforced = report_events(r, STARTS " --mode enforce" TYPE),
		       passed = report_events(r, STARTS " --verdict deny --effect passed "
							"--effect none" TYPE);

	begin(r, "Efficient: rules are enforced",
	      enforced == 0                                              ? NOT_SHOWN
	      : enforced == all && passed == 0 && t->uninspected_us == 0 ? MET
									 : PARTLY);
	page_say(
		r->out,
		"# of # connections began in mode enforce; # denied ones passed all the same "
		"(monitor, panic, replay, a mirror port).",
		(uint64_t[]){enforced, all, passed});
	end(r);
}

static void row_encrypted(struct report *r)
{
	const uint64_t ended = report_events(r, "--type flow --phase end --protocol !dns "
						"--verdict *" TYPE),
		       tls = report_events(r,
					   "--type flow --phase end --tls-selected 1.2 "
					   "--tls-selected 1.3" TYPE),
		       quic = report_events(
			       r, "--type flow --phase end --protocol quic" TYPE),
		       clear = report_events(r, "--type flow --phase end --protocol !dns "
						"--verdict * --flags clear_text" TYPE),
		       old = report_events(
			       r, "--type flow --phase end --tls-selected * "
				  "--tls-selected !1.2 --tls-selected !1.3" TYPE);

	begin(r, "Initial: encryption in transit",
	      ended == 0               ? NOT_SHOWN
	      : clear == 0 && old == 0 ? MET
				       : PARTLY);
	page_say(
		r->out,
		"Of # connections that were judged and ended, DNS apart: # with TLS 1.2 or 1.3, "
		"# with QUIC, # in clear text, # with an older version. The rest was denied "
		"before the server chose, or its version was not seen.",
		(uint64_t[]){ended, tls, quic, clear, old});
	end(r);
}

static void row_not_shown(struct report *r, const char *name, const char *why)
{
	begin(r, name, NOT_SHOWN);
	(void)fputs(why, r->out);
	end(r);
}

static void data_protection(struct report *r, const struct report_totals *t)
{
	page_facts_begin(r->out, "Data protection");
	row_gate(
		r, "Initial: data policies (DLP) at the network", "connectors",
		"No connection came to gate connectors: no data policy is bound to what is "
		"seen here.");
	row_encrypted(r);
	row_gate(r, "Capable: endpoint filtering", "endpoints",
		 "No connection came to gate endpoints.");
	row_gate(r, "Capable: IP firewall", "ip-firewall",
		 "No connection came to gate ip-firewall.");
	row_subnets(r);
	row_not_shown(r, "Capable: connector actions",
		      "Which action of a connector runs is hidden from the network.");
	row_gate(r, "Efficient: foreign tenants", "own",
		 "No connection came to gate own: say which tenants are yours.");
	row_enforced(r, t);
	page_facts_end(r->out);
}

/* ---- monitoring ---- */

static void row_records(struct report *r, const struct report_totals *t)
{
	const uint64_t nameless =
		report_events(r, STARTS " --verdict deny --gate !*" TYPE) +
		report_sum(r,
			   "--type rollup --verdict deny --gate !*" TYPE " --sum count");

	begin(r, "Initial: audit log that names the rule",
	      t->started + t->summed_up == 0 ? NOT_SHOWN
	      : nameless == 0                ? MET
					     : PARTLY);
	page_say(
		r->out,
		"# connections are in the ledger; of # denied ones # do not name the gate that "
		"decided.",
		(uint64_t[]){t->started + t->summed_up, t->denied + t->denied_summed_up,
			     nameless});
	end(r);
}

static void row_tamper(struct report *r, const struct ledger_proof *p)
{
	const bool whole = p->finding_count == 0;

	begin(r, "Initial: records that nobody can change unseen",
	      !whole || p->sound_seq == 0 ? NOT_SHOWN
	      : p->anchored_seq > 0       ? MET
					  : PARTLY);
	page_say(r->out, "# findings, # seals, anchored up to line #: section 1.",
		 (uint64_t[]){p->finding_count, p->seals, p->anchored_seq});
	end(r);
}

static void row_gaps(struct report *r, const struct report_totals *t)
{
	const uint64_t unlike = report_events(
		r, "--type loss --what events --what queue --what capture" TYPE);

	begin(r, "Initial: no gaps", t->losses == 0 ? MET : PARTLY);
	page_say(
		r->out,
		"# losses were told, # of them of events or packets; uninspected time: section "
		"2.",
		(uint64_t[]){t->losses, unlike});
	end(r);
}

static void row_join(struct report *r)
{
	const uint64_t ended = report_events(r, "--type flow --phase end --verdict * "
						"--direction outbound" TYPE),
		       known = report_events(r,
					     "--type flow --phase end --verdict * "
					     "--direction outbound --src-nat-ip *" TYPE);

	begin(r, "Capable: can be joined with Microsoft's logs",
	      known == 0       ? NOT_SHOWN
	      : known == ended ? MET
			       : PARTLY);
	page_say(
		r->out,
		"The public egress address is known of # of # outbound connections that ended.",
		(uint64_t[]){known, ended});
	end(r);
}

static void row_alerts(struct report *r)
{
	const uint64_t all = report_events(r, "--type signal" TYPE),
		       odd = report_events(r, "--type signal --signal off_hours --signal "
					      "unexpected_country" TYPE);

	begin(r, "Capable: alerts", all > 0 ? MET : NOT_SHOWN);
	page_say(
		r->out,
		"# signals, # of them of unusual hours or countries. Whether anybody read them "
		"is not in the ledger.",
		(uint64_t[]){all, odd});
	end(r);
}

static void row_changes(struct report *r)
{
	const uint64_t all = report_events(r, "--type change" TYPE),
		       nameless = report_events(r, "--type change --who !*" TYPE),
		       reasonless = report_events(r, "--type change --why !*" TYPE);

	begin(r, "Capable: changes with who and why",
	      all == 0                           ? NOT_SHOWN
	      : nameless == 0 && reasonless == 0 ? MET
						 : PARTLY);
	page_say(r->out, "# changes; # without a login user, # without a reason.",
		 (uint64_t[]){all, nameless, reasonless});
	end(r);
}

static bool is_kept(const struct ledger_proof *p, struct str name)
{
	for (size_t i = 0; i < p->generation_count && i < VERIFY_GENERATIONS_MAX; i++)
		if (str_equal(str_of(p->generations[i]), name))
			return true;
	return false;
}

static void row_versions(struct report *r, const struct ledger_proof *p)
{
	struct answered a;
	uint64_t all = 0, kept = 0;

	if (!report_ask(r, "--type flow --group-by generation", false, &a))
		return;
	for (size_t i = 0; i < sums_count(a.result.groups); i++) {
		const struct sums_row row = sums_at(a.result.groups, i);
		char buf[ANSWER_TEXT_MAX];

		all++;
		kept += is_kept(p, answer_key(r, &a, &row, 1, buf));
	}
	answer_finish(&a);
	begin(r, "Capable: the rules of then can be read",
	      all == 0      ? NOT_SHOWN
	      : kept == all ? MET
			    : PARTLY);
	page_say(r->out,
		 "Of # policy versions that judged, # are kept beside the ledger.",
		 (uint64_t[]){all, kept});
	end(r);
}

static void monitoring(struct report *r, const struct ledger_proof *p,
		       const struct report_totals *t)
{
	page_facts_begin(r->out, "Monitoring");
	row_records(r, t);
	row_tamper(r, p);
	row_gaps(r, t);
	row_join(r);
	row_alerts(r);
	row_changes(r);
	row_versions(r, p);
	row_not_shown(
		r, "Capable: Microsoft Sentinel has them",
		"<code>weir export cef</code> and <code>asim</code> write the rows; whether "
		"they arrived is for Sentinel to say.");
	row_not_shown(r, "Efficient: Defender for Cloud Apps, automated answers",
		      "Not in the ledger.");
	page_facts_end(r->out);
}

void report_posture(struct report *r, const struct ledger_proof *p,
		    const struct report_totals *t)
{
	page_section(r->out, "posture", "7. Posture");
	page_note(
		r->out,
		"MET, PARTLY and NOT SHOWN say what this ledger shows of the period. What the "
		"network cannot show, or what nothing happened of, is NOT SHOWN, and may well be "
		"in place.");
	data_protection(r, t);
	monitoring(r, p, t);
	page_section_end(r->out);
}
