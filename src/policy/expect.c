/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expect - run the `expect` lines of the files.
 */
#include <string.h>

#include "base/clock.h"
#include "match/zone.h"
#include "policy/policy.h"
#include "policy/program.h"

#define MINUTE_US (INT64_C(60) * 1000000)

/* The week of "Mon" .. "Sun": 2026-03-02 is a Monday; no zone in use changes its clock then. */
#define WEEK_YEAR  2026
#define WEEK_MONTH 3
#define WEEK_DAY   2

struct described {
	struct subject subject;
	struct service service;
	struct place place;
};

static void fill(const struct expect *e, struct subject *s)
{
	static const struct addr none;

	memset(s, 0, sizeof(*s));
	s->inside = e->inside;
	s->peer = e->peer;
	/* No address is stated: some host of the client's family, as its site translates to. */
	if (e->host.len > 0 && addr_equal(&e->peer, &none) && addr_is_v4(&e->inside))
		s->peer = addr_from_v4((const uint8_t[4]){0});
	s->inside_port = 50000;
	s->peer_port = e->port;
	s->server_port = e->port;
	s->ip_proto = e->ip_proto;
	s->direction = DIRECTION_OUTBOUND;
	s->role = e->has_role ? e->role : ROLE_USER;
	s->site = ID_NONE;
	s->source = e->source;
	s->protocol = e->protocol;
	s->evidence = EVIDENCE_ADDRESS;
	s->visibility = VISIBILITY_ADDRESS;
	s->user = e->user;
	s->host = e->host;
	if (e->host.len > 0) {
		s->evidence =
			e->protocol == PROTOCOL_HTTP ? EVIDENCE_REQUEST : EVIDENCE_SNI;
		s->visibility = VISIBILITY_HOST;
	} else if (e->protocol == PROTOCOL_TLS || e->protocol == PROTOCOL_QUIC) {
		s->undecidable = UNDECIDABLE_NO_SNI;
	}
}

/* Local time needs the zone of the site, which only the description tells. */
static int64_t instant(const struct expect *e, const struct zone *zone)
{
	struct civil c = {
		.year = WEEK_YEAR,
		.month = WEEK_MONTH,
		.day = WEEK_DAY + e->weekday,
		.hour = e->minutes / 60,
		.minute = e->minutes % 60,
	};

	if (!e->has_weekday)
		return e->time_us;
	return zone == NULL ? civil_to_us(&c) : zone_instant(zone, &c);
}

static void describe_one(const struct expect *e, policy_describe *describe, void *arg,
			 struct described *t)
{
	for (int pass = 0; pass < 2; pass++) {
		const struct zone *zone = pass == 0 ? NULL : t->subject.zone;

		memset(&t->service, 0, sizeof(t->service));
		memset(&t->place, 0, sizeof(t->place));
		fill(e, &t->subject);
		t->subject.service = &t->service;
		t->subject.place = &t->place;
		t->subject.time_us = instant(e, zone);
		describe(arg, &t->subject, &t->service, &t->place);
	}
}

static void report(const struct policy *p, const struct expect *e,
		   const struct decision *got, struct diag *d)
{
	struct rule_place by = policy_rule(p, got->rule);

	if (got->verdict != e->verdict)
		diag_error(d, e->at, "expected %s, but the answer is %s",
			   verdict_name(e->verdict), verdict_name(got->verdict));
	else if (e->has_gate && got->gate != e->gate)
		diag_error(d, e->at, "%s is right, but gate %s decided, not %s",
			   verdict_name(got->verdict),
			   got->gate < GATE_COUNT ? gate_name(got->gate) : "none",
			   gate_name(e->gate));
	else
		diag_error(d, e->at, "%s is right, but not by label %.*s",
			   verdict_name(got->verdict), (int)e->label.len, e->label.p);
	if (by.line != 0)
		diag_note(d, "%.*s:%u decided: %.*s", (int)by.file.len, by.file.p,
			  (unsigned)by.line, (int)(by.text.len > 200 ? 200 : by.text.len),
			  by.text.p);
	else
		diag_note(d, "no line decided");
}

/* Is the address what the line says it is? */
static bool sound(const struct policy *p, const struct expect *e, const struct subject *s,
		  struct diag *d)
{
	const struct word_list *sources = &p->ast.vocabulary->sources;

	if (!e->has_role || s->role == e->role)
		return true;
	diag_error(d, e->at, "the address has the role %s, not %s", role_name(s->role),
		   role_name(e->role));
	if (s->source != ID_NONE && s->source < sources->count)
		diag_note(d, "it belongs to source %s", sources->words[s->source]);
	return false;
}

static void run_one(const struct policy *p, const struct expect *e,
		    policy_describe *describe, void *arg, struct diag *d)
{
	struct described t;
	struct decision got;

	describe_one(e, describe, arg, &t);
	if (!sound(p, e, &t.subject, d))
		return;
	policy_decide(p, &t.subject, &got);
	if (got.verdict != e->verdict || (e->has_gate && got.gate != e->gate) ||
	    (e->label.p != NULL && !str_equal(policy_rule(p, got.rule).label, e->label)))
		report(p, e, &got, d);
}

size_t policy_expect(const struct policy *p, policy_describe *describe, void *arg,
		     struct diag *d)
{
	size_t count = 0;

	for (const struct source *s = p->ast.sources; s != NULL; s = s->next)
		diag_source(d, s->name, s->text, s->len);
	for (const struct expect *e = p->ast.expects; e != NULL; e = e->next) {
		run_one(p, e, describe, arg, d);
		count++;
	}
	/* The findings may outlive the policy and its texts. */
	diag_forget_sources(d);
	return count;
}
