/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain - every gate's answer with its line, and what was compared where a line does not
 * match.
 */
#include "policy/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* Wire texts may hold anything: only what is printable ASCII is shown as it is. */
void explain_wire(FILE *out, struct str s)
{
	s.len = s.len < 300 ? s.len : 300;
	str_put_printable(out, s);
}

/* A source line without the blanks that align it. */
void explain_line(FILE *out, struct str s)
{
	bool blank = false;

	for (size_t i = 0; i < s.len && i < 200; i++) {
		bool now = s.p[i] == ' ' || s.p[i] == '\t';

		if (!(now && blank))
			(void)fputc(now ? ' ' : s.p[i], out);
		blank = now;
	}
}

static void put_place(const struct explainer *x, uint32_t rule, int width)
{
	struct rule_place at = policy_rule(x->p, rule);
	char text[300];

	if (at.line == 0)
		(void)snprintf(text, sizeof(text), "-");
	else
		(void)snprintf(text, sizeof(text), "%.*s:%u", (int)at.file.len, at.file.p,
			       (unsigned)at.line);
	(void)fprintf(x->out, "%-*s", width, text);
}

/* Of an imported line: which policy of the tenant says so. */
static void put_origin(const struct explainer *x, uint32_t rule)
{
	struct rule_origin o;

	if (!policy_rule_origin(x->p, rule, &o))
		return;
	(void)fputs("  [", x->out);
	if (o.title.len > 0)
		(void)fputs("policy \"", x->out);
	explain_wire(x->out, o.title);
	(void)fputs(o.title.len > 0 ? "\" " : "", x->out);
	explain_wire(x->out, o.policy);
	if (o.source.len > 0)
		(void)fputs(o.policy.len > 0 ? " from " : "from ", x->out);
	explain_wire(x->out, o.source);
	if (o.date.len > 0)
		(void)fputs(" of ", x->out);
	explain_wire(x->out, o.date);
	(void)fputc(']', x->out);
}

static const char *word_or(const struct word_list *l, uint16_t id, const char *none)
{
	return id < l->count ? l->words[id] : none;
}

static void put_address(FILE *out, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	(void)addr_format(a, text);
	(void)fputs(text, out);
}

static void put_connectors(const struct explainer *x)
{
	const struct service *v = x->q->s->service;
	const struct word_list *l = &x->p->ast.vocabulary->connectors;

	(void)fputs(v->connector_count == 0 ? "the host belongs to no connector"
					    : "the host belongs to ",
		    x->out);
	for (size_t i = 0; i < v->connector_count && i < 8; i++)
		(void)fprintf(x->out, "%s%s", i > 0 ? ", " : "",
			      word_or(l, v->connectors[i].connector, "?"));
	if (v->connector_count > 8)
		(void)fprintf(x->out, " and %zu more", v->connector_count - 8);
}

static void put_ownership(const struct explainer *x)
{
	bool any = false;

	for (unsigned k = 0; k < OWN_KIND_COUNT; k++) {
		enum ownership o = x->q->own[k];

		if (o == OWNERSHIP_COUNT)
			continue;
		(void)fprintf(x->out, "%s%s %s", any ? ", " : "", own_kind_words[k],
			      ownership_name(o));
		any = true;
	}
	if (!any)
		(void)fputs("the name holds no tenant, environment or organization",
			    x->out);
}

static void put_environment(const struct explainer *x)
{
	const struct environment *e = x->p->ast.environments;

	while (e != NULL && e->index != x->q->environment)
		e = e->next;
	if (e == NULL)
		(void)fputs("the name is of no listed environment", x->out);
	else
		(void)fprintf(x->out, "the environment is %.*s", (int)e->name.len,
			      e->name.p);
}

static void put_name_fact(const struct explainer *x, enum field f)
{
	const struct subject *s = x->q->s;

	if (x->q->blank_host || s->name_pending) {
		(void)fputs("the host is not known", x->out);
		return;
	}
	if (f == FIELD_SERVICE) {
		(void)fprintf(x->out, "the service is %s",
			      word_or(&x->p->ast.vocabulary->services,
				      s->service->service, "none of the catalogue's"));
	} else if (f == FIELD_CONNECTOR) {
		put_connectors(x);
	} else if (f == FIELD_HOST) {
		(void)fputs("the host is ", x->out);
		explain_wire(x->out, s->host);
	} else if (f == FIELD_ENVIRONMENT) {
		put_environment(x);
	} else {
		put_ownership(x);
	}
}

static void put_protocol(const struct explainer *x)
{
	const struct subject *s = x->q->s;
	const char *transport = transport_name(s->ip_proto);

	(void)fprintf(x->out, "the protocol is %s over %s", protocol_name(s->protocol),
		      transport == NULL ? "another transport" : transport);
}

static void put_country(const struct explainer *x)
{
	const struct subject *s = x->q->s;

	(void)fprintf(x->out, "the country is %.2s%s",
		      s->place->country[0] == '\0' ? "--" : s->place->country,
		      s->place->country[0] == '\0'           ? " (unknown)"
		      : s->country_expected == KNOWN_NO      ? ", which is not expected"
		      : s->country_expected == KNOWN_UNKNOWN ? ", nothing says what to "
							       "expect"
							     : ", which is expected");
}

static void put_where(const struct explainer *x, enum field f)
{
	const struct subject *s = x->q->s;

	if (f == FIELD_INSIDE || f == FIELD_PEER) {
		(void)fprintf(x->out, "the %s address is ",
			      f == FIELD_INSIDE ? "inside" : "outside");
		put_address(x->out, f == FIELD_INSIDE ? &s->inside : &s->peer);
	} else if (!x->q->egress_known) {
		(void)fputs("the egress address is not known", x->out);
	} else {
		(void)fputs("the egress address is ", x->out);
		put_address(x->out, &s->egress);
	}
}

static void put_source(const struct explainer *x, enum field f)
{
	const struct vocabulary *v = x->p->ast.vocabulary;
	const struct subject *s = x->q->s;

	if (f == FIELD_ROLE)
		(void)fprintf(x->out, "the role is %s", role_name(s->role));
	else if (f == FIELD_SOURCE)
		(void)fprintf(x->out, "the source is %s",
			      word_or(&v->sources, s->source, "none that has a name"));
	else if (f == FIELD_SITE)
		(void)fprintf(x->out, "the site is %s",
			      word_or(&v->sites, s->site, "not known"));
	else
		(void)fputs(s->user.len == 0 ? "who it is is not known" : "the user is ",
			    x->out);
	if (f == FIELD_USER)
		explain_wire(x->out, s->user);
}

static void put_bound(const struct explainer *x)
{
	size_t n = 0;

	for (const struct environment *e = x->p->ast.environments; e != NULL; e = e->next)
		if (x->q->bound != NULL && bitset_has(x->q->bound, e->index))
			(void)fprintf(x->out, "%s%.*s",
				      n++ == 0 ? "the source is bound to " : ", ",
				      (int)e->name.len, e->name.p);
	if (n == 0)
		(void)fputs("the source is bound to no environment", x->out);
}

/* What the connection has where a condition about `f` did not hold. */
static void put_fact(const struct explainer *x, enum field f)
{
	const struct subject *s = x->q->s;

	switch (f) {
	case FIELD_ROLE:
	case FIELD_SOURCE:
	case FIELD_SITE:
	case FIELD_USER:
		put_source(x, f);
		break;
	case FIELD_INSIDE:
	case FIELD_EGRESS:
	case FIELD_PEER:
		put_where(x, f);
		break;
	case FIELD_BOUND:
		put_bound(x);
		break;
	case FIELD_SCOPE:
		(void)fprintf(x->out, "the traffic is %s",
			      s->in_scope ? "in scope" : "not in scope");
		break;
	case FIELD_ENVIRONMENT:
	case FIELD_OWN:
	case FIELD_PARTNER:
	case FIELD_FOREIGN:
	case FIELD_UNKNOWN:
	case FIELD_SERVICE:
	case FIELD_CONNECTOR:
	case FIELD_HOST:
		put_name_fact(x, f);
		break;
	case FIELD_COUNTRY:
		put_country(x);
		break;
	case FIELD_TAG:
		(void)fprintf(x->out, "the address has %u service tags, none of these",
			      (unsigned)s->place->tag_count);
		break;
	case FIELD_ASN:
		(void)fprintf(x->out, "the network is AS%u", (unsigned)s->place->asn);
		break;
	case FIELD_PORT:
		(void)fprintf(x->out, "the port is %u", (unsigned)s->server_port);
		break;
	case FIELD_PROTO:
		put_protocol(x);
		break;
	case FIELD_DIRECTION:
		(void)fprintf(x->out, "the direction is %s",
			      s->direction == DIRECTION_UNKNOWN
				      ? "not known"
				      : direction_name(s->direction));
		break;
	case FIELD_EVIDENCE:
		(void)fprintf(x->out, "the evidence is %s",
			      s->evidence == EVIDENCE_NONE ? "none"
							   : evidence_name(s->evidence));
		break;
	case FIELD_CORROBORATION:
		(void)fprintf(x->out, "the corroboration is %s",
			      corroboration_name(s->corroboration));
		break;
	case FIELD_JA4:
		(void)fputs(s->ja4.len == 0 ? "there is no fingerprint"
					    : "the fingerprint is ",
			    x->out);
		explain_wire(x->out, s->ja4);
		break;
	case FIELD_HOURS:
		(void)fputs(s->in_hours == KNOWN_UNKNOWN ? "the site has no hours"
			    : s->in_hours == KNOWN_YES   ? "it is inside the site's hours"
						       : "it is outside the site's hours",
			    x->out);
		break;
	case FIELD_DURING:
		(void)fputs("the time is another", x->out);
		break;
	case FIELD_REASON:
	case FIELD_COUNT:
		break;
	}
}

void explain_miss(const struct explainer *x, const struct line *l)
{
	int failing = line_failing(x->q, l);
	const struct test *t;

	if (failing == LINE_EXPIRED) {
		(void)fputs("it has expired", x->out);
		return;
	}
	t = &l->tests[failing];
	for (uint32_t i = 0; i < t->part_count; i++) {
		(void)fputs(i > 0 ? "; " : "", x->out);
		put_fact(x, t->parts[i].field);
	}
}

static void put_miss(const struct explainer *x, const struct line *l)
{
	(void)fputs("                                 ", x->out);
	put_place(x, l->rule, 0);
	(void)fputs(" does not match: ", x->out);
	explain_miss(x, l);
	(void)fputc('\n', x->out);
}

/* The lines before the one that answered. */
static void put_misses(const struct explainer *x, enum gate g, uint32_t until)
{
	const struct lines *l = &x->p->program.gates[g];
	size_t shown = 0, more = 0;

	for (uint32_t i = 0; i < l->count && l->list[i].rule != until; i++) {
		if (line_failing(x->q, &l->list[i]) == LINE_HOLDS)
			continue;
		if (shown < EXPLAIN_MISSES) {
			put_miss(x, &l->list[i]);
			shown++;
		} else {
			more++;
		}
	}
	if (more > 0)
		(void)fprintf(x->out,
			      "                                 and %zu more lines\n",
			      more);
}

size_t explain_endpoint(const struct explainer *x, enum gate g, const struct decision *d,
			char buf[POLICY_ENDPOINT_MAX])
{
	const bool told = endpoint_list_of(x->p, &d->gates[GATE_ENDPOINTS]) != NULL;

	if (g != (told ? GATE_ENDPOINTS : GATE_CONNECTORS) ||
	    endpoint_list_of(x->p, &d->gates[g]) == NULL)
		return 0;
	return policy_endpoint(x->p, x->q->s, d, buf);
}

/* The lines of the list that answered, up to the one that fits for certain. */
static void put_list(const struct explainer *x, const struct endpoints *l)
{
	size_t shown = 0;
	enum tri fits = TRI_NO;

	for (uint32_t i = 0; i < l->count; i++) {
		fits = endpoint_line_fits(x->q, l, i);
		if (fits == TRI_YES || shown == EXPLAIN_MISSES)
			break;
		(void)fputs("                                 ", x->out);
		put_place(x, l->list[i].rule, 0);
		(void)fputs(fits == TRI_NO ? " does not match: " : " may match: ",
			    x->out);
		explain_line(x->out, policy_rule(x->p, l->list[i].rule).text);
		(void)fputc('\n', x->out);
		shown++;
	}
	if (fits != TRI_YES && shown == EXPLAIN_MISSES)
		(void)fputs("                                 and more lines\n", x->out);
}

static void put_asked(const struct explainer *x, enum gate g, const struct decision *d)
{
	const struct endpoints *l = endpoint_list_of(x->p, &d->gates[g]);
	char endpoint[POLICY_ENDPOINT_MAX];
	size_t len = explain_endpoint(x, g, d, endpoint);

	if (len > 0) {
		(void)fputs("                                 the endpoint is \"",
			    x->out);
		explain_wire(x->out, (struct str){endpoint, len});
		(void)fputs("\"\n", x->out);
	}
	if (l != NULL)
		put_list(x, l);
}

static void put_note(const struct explainer *x, const struct gate_answer *a)
{
	struct rule_place at = policy_rule(x->p, a->rule);

	if (a->answer == ANSWER_UNDECIDABLE)
		(void)fprintf(x->out, "  %s;", undecidable_name(a->why));
	(void)fputs(at.line != 0 ? "  " : "", x->out);
	explain_line(x->out, at.text);
	put_origin(x, a->rule);
	(void)fputc('\n', x->out);
	if (a->report == ANSWER_NOT_CONCERNED)
		return;
	(void)fprintf(x->out, "   report-only   %-14s ", answer_name(a->report));
	put_place(x, a->report_rule, 28);
	(void)fputs("  ", x->out);
	explain_line(x->out, policy_rule(x->p, a->report_rule).text);
	put_origin(x, a->report_rule);
	(void)fputc('\n', x->out);
}

bool explain_has_misses(enum gate g, const struct gate_answer *a)
{
	return a->answer != ANSWER_SKIPPED && a->answer != ANSWER_NOT_ASKED &&
	       g != GATE_UNDECIDABLE && g != GATE_ENDPOINTS;
}

static void put_gate(const struct explainer *x, enum gate g, const struct decision *d)
{
	const struct gate_answer *a = &d->gates[g];
	bool deciding = d->gate == g;

	(void)fprintf(x->out, "%s%u %-13s %-14s ", deciding ? ">" : " ", (unsigned)g,
		      gate_name(g), answer_name(a->answer));
	put_place(x, a->rule,
		  a->rule != RULE_NONE || a->answer == ANSWER_UNDECIDABLE ? 28 : 0);
	put_note(x, a);
	put_asked(x, g, d);
	if (explain_has_misses(g, a))
		put_misses(x, g, a->rule);
}

static void put_alerts(const struct explainer *x, const struct decision *d)
{
	for (size_t i = 0; i < d->alert_count; i++) {
		struct str name = policy_signal_name(x->p, d->alerts[i]);

		(void)fprintf(x->out, "   alert         %-14.*s ", (int)name.len, name.p);
		put_place(x, d->alerts[i], 28);
		(void)fputs("  ", x->out);
		explain_line(x->out, policy_rule(x->p, d->alerts[i]).text);
		(void)fputc('\n', x->out);
	}
	if (d->alerts_lost)
		(void)fprintf(x->out, "   alert         more than %d lines matched\n",
			      ALERTS_MAX);
	if (d->undecidable_alert)
		(void)fprintf(x->out, "   alert         undecidable    %s\n",
			      undecidable_name(d->undecidable));
}

static void put_skip(const struct explainer *x, uint32_t skip)
{
	bool many = (skip & (skip - 1)) != 0, first = true;

	(void)fputs(many ? "  skip { " : "  skip ", x->out);
	for (unsigned g = 0; g < GATE_COUNT; g++) {
		if ((skip >> g & 1) == 0)
			continue;
		(void)fprintf(x->out, "%s%s", first ? "" : ", ", gate_name((enum gate)g));
		first = false;
	}
	(void)fputs(many ? " }" : "", x->out);
}

#define TWO_WEEKS_US (INT64_C(14) * 86400 * 1000000)

void explain_exception(const struct explainer *x, uint32_t skip)
{
	const struct subject *s = x->q->s;
	const struct civil end = civil_from_us(s->time_us + TWO_WEEKS_US);
	const char *source = word_or(&x->p->ast.vocabulary->sources, s->source, NULL);

	(void)fputs("allow  from ", x->out);
	if (source != NULL)
		(void)fprintf(x->out,
			      str_is_host_name(str_of(source)) &&
					      strchr(source, '.') == NULL
				      ? "source %s"
				      : "source \"%s\"",
			      source);
	else
		put_address(x->out, &s->inside);
	if (str_is_host_name(s->host)) {
		(void)fprintf(x->out, "  to host \"%.*s\"", (int)s->host.len, s->host.p);
	} else {
		(void)fputs("  to ", x->out);
		put_address(x->out, &s->peer);
	}
	if (s->server_port != 0)
		(void)fprintf(x->out, "  port %u", (unsigned)s->server_port);
	put_skip(x, skip);
	(void)fprintf(x->out, "  owner \"?\"  reason \"?\"  expires %04d-%02d-%02d",
		      end.year, end.month, end.day);
}

void policy_explain(const struct policy *p, const struct subject *s,
		    const struct decision *decision, FILE *out)
{
	struct question q;
	struct explainer x = {.p = p, .q = &q, .out = out};
	uint32_t skip;

	question_init(&q, &p->program, s);
	(void)fprintf(out, "   gate          answer         line\n");
	for (unsigned g = 0; g < GATE_COUNT; g++)
		put_gate(&x, (enum gate)g, decision);
	put_alerts(&x, decision);
	(void)fprintf(out, "\n%s, because ",
		      decision->verdict == VERDICT_DENY ? "deny" : "allow");
	if (decision->rule != RULE_NONE) {
		put_place(&x, decision->rule, 0);
		(void)fprintf(out, " says so (gate %s)\n",
			      decision->gate < GATE_COUNT ? gate_name(decision->gate)
							  : "none");
	} else {
		(void)fprintf(out, "no line objects\n");
	}
	if (decision->would != VERDICT_NONE) {
		(void)fprintf(out, "with report-only lines in force: %s, by ",
			      verdict_name(decision->would));
		put_place(&x, decision->would_rule, 0);
		(void)fputc('\n', out);
	}
	skip = decision->verdict == VERDICT_DENY ? policy_skips(p, s) : 0;
	if (skip == 0)
		return;
	(void)fputs("an exception that would let it pass, in gate exceptions:\n  ", out);
	explain_exception(&x, skip);
	(void)fputc('\n', out);
}
