/* SPDX-License-Identifier: Apache-2.0 */
#include "report/summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"

/* Rows of the table: a row a service, then those without one. */
#define ROW_OTHER_HOST  SERVICES_MAX       /* a name that no service row knows */
#define ROW_NO_NAME     (SERVICES_MAX + 1) /* no name at all */
#define ROW_COUNT       (SERVICES_MAX + 2)
#define WORD_SLOTS      ((size_t)SUMMARY_WORDS_MAX * 2)
#define SIGNALS_MAX     64
#define SHOWN_WORDS     2
#define CONNECTORS_TOLD 4 /* a host of more says little about which one is meant */
#define PLACES_MAX      256
#define SHOWN_PLACES    5
#define JSON_BYTES_MAX  ((size_t)64 << 20)

struct row {
	uint64_t connections, allow, deny, would_deny, undecidable;
	uint64_t roles[ROLE_COUNT];
	uint64_t words_not_kept;
};

struct word {
	uint32_t row;
	uint64_t count;
	char text[96];
};

struct signal_count {
	char name[64];
	uint64_t count;
	uint64_t not_listed; /* beyond the list below */
};

/* Of one signal: who went where, as often. */
struct signal_place {
	size_t signal; /* index */
	uint64_t count;
	uint16_t source; /* vocabulary.sources, or ID_NONE */
	uint8_t role;    /* ROLE_COUNT = none */
	char country[3]; /* of unexpected_country; "" = not that */
	char peer[256];
};

struct summary {
	struct summary_cfg cfg;
	uint64_t flows, dns, judged, never_judged;
	uint64_t names_own, names_dns, names_none, names_quic;
	uint64_t allow, deny, would_deny;
	uint64_t dns_allow, dns_deny, dns_would_deny;
	uint64_t undecidable[UNDECIDABLE_COUNT];
	uint64_t deny_gate[GATE_COUNT + 1];
	uint64_t *deny_rule, *would_rule; /* by rule number */
	struct row rows[ROW_COUNT];
	size_t words;
	struct word slots[WORD_SLOTS];
	size_t signals;
	struct signal_count signal[SIGNALS_MAX];
	size_t places;
	struct signal_place place[PLACES_MAX];
	uint64_t *connectors; /* connections by vocabulary.connectors */
	uint64_t shared;      /* connections to hosts of more than CONNECTORS_TOLD */
};

struct summary *summary_create(const struct summary_cfg *cfg)
{
	struct summary *s = calloc(1, sizeof(*s));
	size_t rules = (size_t)policy_rule_count(cfg->policy) + 1;

	if (s == NULL)
		return NULL;
	s->cfg = *cfg;
	s->deny_rule = calloc(rules, sizeof(*s->deny_rule));
	s->connectors =
		calloc(cfg->vocabulary->connectors.count + 1, sizeof(*s->connectors));
	s->would_rule = calloc(rules, sizeof(*s->would_rule));
	if (s->deny_rule == NULL || s->would_rule == NULL || s->connectors == NULL) {
		summary_destroy(s);
		return NULL;
	}
	return s;
}

void summary_destroy(struct summary *s)
{
	if (s == NULL)
		return;
	free(s->deny_rule);
	free(s->would_rule);
	free(s->connectors);
	free(s);
}

/* ---- counting ------------------------------------------------------------------------------ */

static void count_word(struct summary *s, uint32_t row, struct str text)
{
	uint64_t h;

	if (text.len == 0)
		return;
	if (text.len >= sizeof(s->slots[0].text))
		text.len = sizeof(s->slots[0].text) - 1;
	h = hash_bytes(text.p, text.len, row);
	for (;; h++) {
		struct word *w = &s->slots[h % WORD_SLOTS];

		if (w->count == 0) {
			if (s->words == SUMMARY_WORDS_MAX) {
				s->rows[row].words_not_kept++;
				return;
			}
			s->words++;
			w->row = row;
			memcpy(w->text, text.p, text.len);
		} else if (w->row != row || strlen(w->text) != text.len ||
			   memcmp(w->text, text.p, text.len) != 0) {
			continue;
		}
		w->count++;
		return;
	}
}

/* Deciding lines, of DNS too. */
static void count_rules(struct summary *s, const struct event_digest *d)
{
	uint32_t last = policy_rule_count(s->cfg.policy);

	if (d->verdict == VERDICT_DENY && d->rule <= last)
		s->deny_rule[d->rule]++;
	if (d->would == VERDICT_DENY && d->would_rule <= last)
		s->would_rule[d->would_rule]++;
}

/* At the start, and where a later request or a late name was judged anew. */
static void count_undecidable(struct summary *s, const struct event_digest *d)
{
	if (d->protocol != PROTOCOL_DNS && d->undecidable < UNDECIDABLE_COUNT)
		s->undecidable[d->undecidable]++;
}

static void count_judged(struct summary *s, const struct event_digest *d)
{
	uint32_t n = d->service != ID_NONE ? d->service
		     : d->host.len > 0     ? ROW_OTHER_HOST
					   : ROW_NO_NAME;
	struct row *r = &s->rows[n];

	s->judged++;
	count_rules(s, d);
	if (d->protocol == PROTOCOL_DNS) {
		s->dns_allow += d->verdict != VERDICT_DENY;
		s->dns_deny += d->verdict == VERDICT_DENY;
		s->dns_would_deny += d->would == VERDICT_DENY;
		return;
	}
	r->connections++;
	s->shared += d->connector_count > CONNECTORS_TOLD;
	for (size_t i = 0;
	     i < d->connector_count && d->connector_count <= CONNECTORS_TOLD; i++)
		if (d->connectors[i] < s->cfg.vocabulary->connectors.count)
			s->connectors[d->connectors[i]]++;
	if (d->has_role && d->role < ROLE_COUNT)
		r->roles[d->role]++;
	count_word(s, n, d->word.len > 0 ? d->word : str_of(protocol_name(d->protocol)));
	s->names_own += d->host.len > 0 && d->evidence != EVIDENCE_DNS;
	s->names_quic += d->host.len > 0 && d->protocol == PROTOCOL_QUIC;
	s->names_dns += d->host.len > 0 && d->evidence == EVIDENCE_DNS;
	s->names_none += d->host.len == 0;
	count_undecidable(s, d);
	r->undecidable += d->undecidable != UNDECIDABLE_NONE;
	if (d->verdict == VERDICT_DENY) {
		s->deny++;
		r->deny++;
		s->deny_gate[d->gate <= GATE_COUNT ? d->gate : GATE_COUNT]++;
	} else {
		s->allow++;
		r->allow++;
	}
	if (d->would == VERDICT_DENY) {
		s->would_deny++;
		r->would_deny++;
	}
}

static void count_place(struct summary *s, size_t signal, const struct event_digest *d)
{
	uint8_t role = d->has_role ? (uint8_t)d->role : (uint8_t)ROLE_COUNT;
	bool by_country = str_equal(d->signal, STR("unexpected_country"));
	const char *country = by_country ? d->country : "";
	struct str peer = d->peer;
	struct signal_place *p;

	if (peer.len >= sizeof(p->peer))
		peer.len = sizeof(p->peer) - 1;
	for (size_t i = 0; i < s->places; i++) {
		p = &s->place[i];
		if (p->signal == signal && p->role == role && p->source == d->source &&
		    strcmp(p->country, country) == 0 &&
		    str_equal(str_of(p->peer), peer)) {
			p->count++;
			return;
		}
	}
	if (s->places == PLACES_MAX) {
		s->signal[signal].not_listed++;
		return;
	}
	p = &s->place[s->places++];
	*p = (struct signal_place){
		.signal = signal, .count = 1, .source = d->source, .role = role};
	if (by_country)
		memcpy(p->country, d->country, sizeof(p->country));
	if (peer.len > 0)
		memcpy(p->peer, peer.p, peer.len);
}

static void count_signal(struct summary *s, const struct event_digest *d)
{
	size_t i = 0;

	while (i < s->signals && !str_equal(str_of(s->signal[i].name), d->signal))
		i++;
	if (i == SIGNALS_MAX || d->signal.len >= sizeof(s->signal[0].name))
		return;
	if (i == s->signals) {
		s->signals++;
		memcpy(s->signal[i].name, d->signal.p, d->signal.len);
	}
	count_place(s, i, d);
	s->signal[i].count++;
}

void summary_add(struct summary *s, const struct event_digest *d)
{
	if (d->type == EVENT_SIGNAL)
		count_signal(s, d);
	if (d->type != EVENT_FLOW)
		return;
	if (d->phase == PHASE_START)
		count_judged(s, d);
	if (d->phase == PHASE_UPDATE)
		count_undecidable(s, d);
	if (d->phase != PHASE_END)
		return;
	s->flows++;
	s->dns += d->protocol == PROTOCOL_DNS;
	s->never_judged += !d->judged;
}

/* ---- showing -------------------------------------------------------------------------------- */

static void print_grouped(FILE *out, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			(void)fputc(',', out);
		(void)fputc(digits[i], out);
	}
}

static void print_time(FILE *out, const struct zone *z, int64_t us)
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu",
					   "Fri", "Sat", "Sun"};
	struct civil c = zone_local(z, us);

	(void)fprintf(out, "%s %04d-%02d-%02d %02d:%02d", days[c.weekday], c.year,
		      c.month, c.day, c.hour, c.minute);
}

static const char *row_name(const struct summary *s, uint32_t row)
{
	if (row == ROW_OTHER_HOST)
		return "(other hosts)";
	if (row == ROW_NO_NAME)
		return "(no name)";
	return s->cfg.vocabulary->services.words[row];
}

/* The next row by number of connections, after (count, index). */
static uint32_t next_row(const struct summary *s, uint32_t after)
{
	uint32_t best = ROW_COUNT;

	for (uint32_t i = 0; i < ROW_COUNT; i++) {
		uint64_t n = s->rows[i].connections;

		if (n == 0 || i == after)
			continue;
		if (after != ROW_COUNT &&
		    (n > s->rows[after].connections ||
		     (n == s->rows[after].connections && i < after)))
			continue;
		if (best == ROW_COUNT || n > s->rows[best].connections)
			best = i;
	}
	return best;
}

/* Is `a` shown before `b`?  By count, then by text. */
static bool word_before(const struct word *a, const struct word *b)
{
	return b == NULL || a->count > b->count ||
	       (a->count == b->count && strcmp(a->text, b->text) < 0);
}

static void print_words(const struct summary *s, uint32_t row, FILE *out)
{
	const struct word *shown[SHOWN_WORDS] = {NULL};
	uint64_t distinct = s->rows[row].words_not_kept;

	for (size_t i = 0; i < WORD_SLOTS; i++)
		distinct += s->slots[i].count > 0 && s->slots[i].row == row;
	for (size_t k = 0; k < SHOWN_WORDS; k++)
		for (size_t i = 0; i < WORD_SLOTS; i++) {
			const struct word *w = &s->slots[i];

			if (w->count > 0 && w->row == row && (k == 0 || w != shown[0]) &&
			    word_before(w, shown[k]))
				shown[k] = w;
		}
	for (size_t k = 0; k < SHOWN_WORDS && shown[k] != NULL; k++)
		(void)fprintf(out, "%s%s (%" PRIu64 ")", k > 0 ? ", " : "",
			      shown[k]->text, shown[k]->count);
	if (distinct > SHOWN_WORDS)
		(void)fprintf(out, ", %" PRIu64 " more", distinct - SHOWN_WORDS);
}

static void print_roles(const struct row *r, FILE *out)
{
	char text[80];
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if (r->roles[i] > 0 && len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"%s%s %" PRIu64, len > 0 ? ", " : "",
						role_name((enum role)i), r->roles[i]);
	(void)fprintf(out, "%-34s ", text);
}

static void print_table(const struct summary *s, FILE *out)
{
	struct row total = {0};

	(void)fprintf(out, "\n  %-28s %6s %6s %5s %5s %6s  %-34s %s\n", "service",
		      "conns", "allow", "deny", "would", "unsure", "who",
		      "environments, hosts");
	for (uint32_t i = next_row(s, ROW_COUNT); i != ROW_COUNT; i = next_row(s, i)) {
		const struct row *r = &s->rows[i];

		(void)fprintf(out,
			      "  %-28s %6" PRIu64 " %6" PRIu64 " %5" PRIu64 " %5" PRIu64
			      " %6" PRIu64 "  ",
			      row_name(s, i), r->connections, r->allow, r->deny,
			      r->would_deny, r->undecidable);
		print_roles(r, out);
		print_words(s, i, out);
		(void)fputc('\n', out);
		total.connections += r->connections;
		total.allow += r->allow;
		total.deny += r->deny;
		total.would_deny += r->would_deny;
		total.undecidable += r->undecidable;
	}
	(void)fprintf(out,
		      "  %-28s %6" PRIu64 " %6" PRIu64 " %5" PRIu64 " %5" PRIu64
		      " %6" PRIu64 "\n\n",
		      "total", total.connections, total.allow, total.deny,
		      total.would_deny, total.undecidable);
}

/* A rule as it stands, runs of blanks as one. */
static void print_line_text(struct str text, FILE *out)
{
	(void)fputs("    ", out);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i] == '\t' ? ' ' : text.p[i];

		if (c != ' ' || (i > 0 && text.p[i - 1] != ' ' && text.p[i - 1] != '\t'))
			(void)fputc(c, out);
	}
	(void)fputc('\n', out);
}

static void print_rule_counts(const struct summary *s, const char *title,
			      const uint64_t *counts, FILE *out)
{
	uint32_t n = policy_rule_count(s->cfg.policy);
	bool first = true;

	for (uint32_t i = 0; i <= n; i++) {
		struct rule_place at = policy_rule(s->cfg.policy, i);

		if (counts[i] == 0)
			continue;
		(void)fprintf(out, "%-13s%6" PRIu64 "  ", first ? title : "", counts[i]);
		first = false;
		if (at.line == 0) {
			(void)fprintf(out, "no line (built in)\n");
			continue;
		}
		(void)fprintf(out, "%.*s:%" PRIu32, (int)at.file.len, at.file.p, at.line);
		if (at.label.len > 0)
			(void)fprintf(out, "  %.*s", (int)at.label.len, at.label.p);
		print_line_text(at.text, out);
	}
}

/* Who went where: the most frequent first. */
static void print_places(const struct summary *s, size_t signal, FILE *out)
{
	bool shown[PLACES_MAX] = {false};
	uint64_t rest = s->signal[signal].not_listed;

	for (size_t k = 0; k < SHOWN_PLACES; k++) {
		const struct signal_place *best = NULL;

		for (size_t i = 0; i < s->places; i++)
			if (s->place[i].signal == signal && !shown[i] &&
			    (best == NULL || s->place[i].count > best->count))
				best = &s->place[i];
		if (best == NULL)
			break;
		shown[best - s->place] = true;
		(void)fprintf(out, "                     - %" PRIu64 "x", best->count);
		if (best->role < ROLE_COUNT)
			(void)fprintf(out, " %s", role_name((enum role)best->role));
		if (best->source != ID_NONE)
			(void)fprintf(out, " %s",
				      s->cfg.vocabulary->sources.words[best->source]);
		(void)fprintf(out, " -> %s", best->peer);
		if (best->country[0] != '\0')
			(void)fprintf(out, " in %s", best->country);
		(void)fputc('\n', out);
	}
	for (size_t i = 0; i < s->places; i++)
		if (s->place[i].signal == signal && !shown[i])
			rest += s->place[i].count;
	if (rest > 0)
		(void)fprintf(out, "                     - and %" PRIu64 " more\n", rest);
}

/* Connectors that the hosts seen belong to; a host of a few counts for each. */
static void print_connectors(const struct summary *s, FILE *out)
{
	const struct word_list *words = &s->cfg.vocabulary->connectors;
	size_t shown = 0, column = 0;

	for (size_t i = 0; i < words->count; i++) {
		char item[120];
		int len;

		if (s->connectors[i] == 0)
			continue;
		len = snprintf(item, sizeof(item), "%s %" PRIu64, words->words[i],
			       s->connectors[i]);
		if (shown == 0)
			(void)fprintf(out, "connectors   ");
		else if (column + (size_t)len > 100)
			(void)fprintf(out, ",\n             ");
		else
			(void)fprintf(out, ", ");
		column = column + (size_t)len > 100 ? (size_t)len
						    : column + (size_t)len + 2;
		(void)fputs(item, out);
		shown++;
	}
	if (s->shared > 0)
		(void)fprintf(
			out, "%s%" PRIu64 " connections to hosts that more than %d share",
			shown == 0 ? "connectors   " : ",\n             ", s->shared,
			CONNECTORS_TOLD);
	if (shown > 0 || s->shared > 0)
		(void)fputc('\n', out);
}

static void print_findings(const struct summary *s, FILE *out)
{
	bool first = true;

	print_connectors(s, out);
	print_rule_counts(s, "why denied", s->deny_rule, out);
	print_rule_counts(s, "would deny", s->would_rule, out);
	for (unsigned i = 1; i < UNDECIDABLE_COUNT; i++)
		if (s->undecidable[i] > 0) {
			(void)fprintf(out, "%-13s%6" PRIu64 "  %s\n",
				      first ? "cannot tell" : "", s->undecidable[i],
				      undecidable_name((enum undecidable)i));
			first = false;
		}
	first = true;
	for (size_t i = 0; i < s->signals; i++) {
		(void)fprintf(out, "%-13s%6" PRIu64 "  %s\n", first ? "signals" : "",
			      s->signal[i].count, s->signal[i].name);
		print_places(s, i, out);
		first = false;
	}
}

static void print_captures(const struct summary_frame *f, FILE *out)
{
	(void)fprintf(out, "captures     ");
	for (size_t i = 0; i < f->capture_count && i < 3; i++)
		(void)fprintf(out, "%s%s", i > 0 ? ", " : "", f->captures[i]);
	if (f->capture_count > 3)
		(void)fprintf(out, " and %zu more", f->capture_count - 3);
	(void)fprintf(out, "\n             ");
	print_grouped(out, f->frames);
	(void)fprintf(out, " packets, ");
	print_grouped(out, f->bytes);
	(void)fprintf(out, " bytes, ");
	print_grouped(out, f->malformed);
	(void)fprintf(out, " malformed");
	if (f->damaged > 0)
		(void)fprintf(out, ", %" PRIu64 " captures not read to their end",
			      f->damaged);
	if (f->frames > 0) {
		(void)fprintf(out, "\n             ");
		print_time(out, f->zone, f->first_us);
		(void)fprintf(out, " - ");
		print_time(out, f->zone, f->last_us);
		(void)fprintf(out, " (%s); all times come from the packets",
			      f->zone == NULL ? "UTC" : zone_name(f->zone));
	}
	(void)fputc('\n', out);
}

void summary_print(const struct summary *s, const struct summary_frame *f, FILE *out)
{
	uint64_t shown = s->allow + s->deny;

	print_captures(f, out);
	(void)fprintf(
		out,
		"policy       generation %s, mode replay: nothing was blocked, this is "
		"what enforce would do\n",
		f->generation);
	(void)fprintf(out, "seen         ");
	print_grouped(out, s->flows);
	(void)fprintf(out,
		      " flows: %" PRIu64 " DNS, %" PRIu64 " connections judged, %" PRIu64
		      " ended before their client said anything\n",
		      s->dns, shown, s->never_judged);
	(void)fprintf(out,
		      "dns          %" PRIu64 " allowed, %" PRIu64 " denied, %" PRIu64
		      " would be denied; not in the table below\n",
		      s->dns_allow, s->dns_deny, s->dns_would_deny);
	(void)fprintf(out,
		      "names        %" PRIu64
		      " from the client's hello or request (%" PRIu64 " QUIC), %" PRIu64
		      " from DNS only, %" PRIu64 " without a name\n",
		      s->names_own, s->names_quic, s->names_dns, s->names_none);
	print_table(s, out);
	print_findings(s, out);
	for (size_t i = 0; i < f->trouble_count; i++)
		(void)fprintf(out, "CHECK        %s\n", f->troubles[i]);
	if (f->ledger != NULL)
		(void)fprintf(out, "ledger       %s\n", f->ledger);
	if (f->ledger != NULL && f->key != NULL)
		(void)fprintf(out,
			      "             sealed with key %s; no seal of it is kept "
			      "elsewhere (weir seal)\n",
			      f->key);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_rules(const struct summary *s, struct json *j, const char *key,
		       const uint64_t *counts)
{
	json_array_begin(j, key);
	for (uint32_t i = 0; i <= policy_rule_count(s->cfg.policy); i++) {
		struct rule_place at = policy_rule(s->cfg.policy, i);
		char place[600];
		int len;

		if (counts[i] == 0)
			continue;
		len = snprintf(place, sizeof(place), "%.*s:%" PRIu32, (int)at.file.len,
			       at.file.p == NULL ? "" : at.file.p, at.line);
		json_object_begin(j, NULL);
		if (at.line > 0 && len > 0 && (size_t)len < sizeof(place))
			json_string(j, "rule", (struct str){place, (size_t)len});
		if (at.label.len > 0)
			json_string(j, "rule_label", at.label);
		json_u64(j, "count", counts[i]);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_rows(const struct summary *s, struct json *j)
{
	json_array_begin(j, "services");
	for (uint32_t i = next_row(s, ROW_COUNT); i != ROW_COUNT; i = next_row(s, i)) {
		const struct row *r = &s->rows[i];

		json_object_begin(j, NULL);
		json_cstring(j, "service", row_name(s, i));
		json_u64(j, "connections", r->connections);
		json_u64(j, "allow", r->allow);
		json_u64(j, "deny", r->deny);
		json_u64(j, "would_deny", r->would_deny);
		json_u64(j, "undecidable", r->undecidable);
		json_object_begin(j, "roles");
		for (unsigned k = 0; k < ROLE_COUNT; k++)
			if (r->roles[k] > 0)
				json_u64(j, role_name((enum role)k), r->roles[k]);
		json_object_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_all(const struct summary *s, const struct summary_frame *f,
		     struct json *j)
{
	json_object_begin(j, NULL);
	json_cstring(j, "generation", f->generation);
	json_u64(j, "frames", f->frames);
	json_u64(j, "bytes", f->bytes);
	json_u64(j, "malformed", f->malformed);
	json_u64(j, "damaged", f->damaged);
	json_u64(j, "flows", s->flows);
	json_u64(j, "dns", s->dns);
	json_u64(j, "connections", s->allow + s->deny);
	json_u64(j, "dns_deny", s->dns_deny);
	json_u64(j, "dns_would_deny", s->dns_would_deny);
	json_u64(j, "never_judged", s->never_judged);
	json_u64(j, "names_own", s->names_own);
	json_u64(j, "names_quic", s->names_quic);
	json_u64(j, "names_dns", s->names_dns);
	json_u64(j, "names_none", s->names_none);
	json_u64(j, "allow", s->allow);
	json_u64(j, "deny", s->deny);
	json_u64(j, "would_deny", s->would_deny);
	json_rows(s, j);
	json_rules(s, j, "denied", s->deny_rule);
	json_rules(s, j, "would_denied", s->would_rule);
	json_object_begin(j, "undecidable");
	for (unsigned i = 1; i < UNDECIDABLE_COUNT; i++)
		if (s->undecidable[i] > 0)
			json_u64(j, undecidable_name((enum undecidable)i),
				 s->undecidable[i]);
	json_object_end(j);
	json_object_begin(j, "connectors");
	for (size_t i = 0; i < s->cfg.vocabulary->connectors.count; i++)
		if (s->connectors[i] > 0)
			json_u64(j, s->cfg.vocabulary->connectors.words[i],
				 s->connectors[i]);
	json_object_end(j);
	json_u64(j, "connector_shared", s->shared);
	json_object_begin(j, "signals");
	for (size_t i = 0; i < s->signals; i++)
		json_u64(j, s->signal[i].name, s->signal[i].count);
	json_object_end(j);
	if (f->trouble_count > 0) {
		json_array_begin(j, "checks");
		for (size_t i = 0; i < f->trouble_count; i++)
			json_cstring(j, NULL, f->troubles[i]);
		json_array_end(j);
	}
	if (f->ledger != NULL)
		json_cstring(j, "ledger", f->ledger);
	if (f->ledger != NULL && f->key != NULL)
		json_cstring(j, "key", f->key);
	json_object_end(j);
	json_raw(j, "\n", 1);
}

void summary_print_json(const struct summary *s, const struct summary_frame *f, FILE *out)
{
	bool done = false;

	/* Thousands of rules that denied need more room than most runs. */
	for (size_t size = (size_t)1 << 16; !done && size <= JSON_BYTES_MAX; size *= 4) {
		char *buf = malloc(size);
		struct json j;

		if (buf == NULL)
			return;
		json_init(&j, buf, size);
		json_all(s, f, &j);
		done = json_ok(&j);
		if (done)
			(void)fwrite(buf, 1, j.len, out);
		free(buf);
	}
}
