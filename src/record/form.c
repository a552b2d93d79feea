/* SPDX-License-Identifier: Apache-2.0 */
#include "record/form.h"

#include <string.h>

#include "base/clock.h"
#include "base/digits.h"
#include "base/json.h"
#include "record/redact.h"

/*
 * A line is written in full first.  Should hostile texts make it outgrow the buffer, it is
 * written once more with every text cut and "cut":true added: an event is never lost for
 * the length of what the wire said.
 */
#define UNCUT    SIZE_MAX
#define CUT_TEXT 96 /* bytes; escaping makes at most six of one */
#define CUT_LIST 48 /* entries of a list */

#define RULE_FILE_MAX 1024 /* bytes of a rule file's name */

struct line {
	struct json j;
	size_t cut; /* UNCUT, or the greatest length of a text */
	bool was_cut;
	struct time_text time;
};

static struct str clip(struct line *l, struct str s)
{
	if (s.len <= l->cut)
		return s;
	l->was_cut = true;
	s.len = l->cut;
	/* Not within a character; what is no character at all may be cut anywhere. */
	for (unsigned i = 0; i < 3 && ((unsigned char)s.p[s.len] & 0xc0) == 0x80; i++)
		s.len--;
	return s;
}

static inline __attribute__((always_inline)) void text(struct line *l, const char *key,
						       struct str s)
{
	if (s.len > 0)
		json_string(&l->j, key, clip(l, s));
}

static inline __attribute__((always_inline)) void word(struct line *l, const char *key,
						       const char *w)
{
	if (w != NULL && w[0] != '\0')
		json_cstring(&l->j, key, w);
}

/* Without the parts of a path that may be keys. */
static void url(struct line *l, const char *key, struct str s)
{
	char buf[URL_MAX];

	if (s.len > 0)
		json_string(&l->j, key, clip(l, redact_url(s, buf)));
}

static void moment(struct line *l, const char *key, int64_t us)
{
	time_text_set(&l->time, us);
	json_string(&l->j, key, (struct str){l->time.text, RFC3339_LEN});
}

static void address(struct line *l, const char *key, const struct addr *a)
{
	char buf[ADDR_TEXT_MAX];

	json_string(&l->j, key, (struct str){buf, addr_format(a, buf)});
}

static void known_address(struct line *l, const char *key, const struct addr *a)
{
	static const struct addr unknown;

	if (!addr_equal(a, &unknown))
		address(l, key, a);
}

/* The lowest `count` hexadecimal digits of v. */
static void hex_digits(uint64_t v, size_t count, char *buf)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = count; i > 0; i--) {
		buf[i - 1] = digits[v & 15];
		v >>= 4;
	}
}

static void flow_id(struct line *l, uint64_t id)
{
	char buf[16];

	hex_digits(id, sizeof(buf), buf);
	json_string(&l->j, "flow_id", (struct str){buf, sizeof(buf)});
}

/* A number of a protocol that has no word: "0x0a0a". */
static void hex_word(struct line *l, const char *key, uint64_t v, size_t digits)
{
	char buf[18] = "0x";

	hex_digits(v, digits, buf + 2);
	json_string(&l->j, key, (struct str){buf, 2 + digits});
}

static bool has_ports(uint8_t ip_proto)
{
	return ip_proto == 6 || ip_proto == 17 || ip_proto == 132;
}

static void transport(struct line *l, uint8_t ip_proto)
{
	const char *name = transport_name(ip_proto);

	if (name == NULL) {
		char buf[3 + DIGITS_MAX] = "ip-";
		const char *end = digits_put(buf + 3, ip_proto);

		json_string(&l->j, "transport", (struct str){buf, (size_t)(end - buf)});
	} else {
		word(l, "transport", name);
	}
}

static void tls_version(struct line *l, const char *key, uint16_t version)
{
	switch (version) {
	case 0:
		break;
	case 0x0300:
		word(l, key, "ssl3");
		break;
	case 0x0301:
		word(l, key, "1.0");
		break;
	case 0x0302:
		word(l, key, "1.1");
		break;
	case 0x0303:
		word(l, key, "1.2");
		break;
	case 0x0304:
		word(l, key, "1.3");
		break;
	default:
		hex_word(l, key, version, 4);
		break;
	}
}

/* RFC 9000 15 and RFC 9369 3.1. */
static void quic_version(struct line *l, uint32_t version)
{
	switch (version) {
	case 0:
		break;
	case 1:
		word(l, "quic_version", "1");
		break;
	case 0x6b3343cf:
		word(l, "quic_version", "2");
		break;
	default:
		hex_word(l, "quic_version", version, 8);
		break;
	}
}

/* As clip(), but keeps the end, where files of one folder differ. */
static struct str clip_front(struct line *l, struct str s, size_t max)
{
	size_t keep = max < l->cut ? max : l->cut;

	if (s.len <= keep)
		return s;
	l->was_cut = true;
	return (struct str){s.p + (s.len - keep), keep};
}

/* "FILE:LINE"; a name too long for any file system is shortened at its front. */
static void rule(struct line *l, const char *key, const struct rule_place *r)
{
	char buf[RULE_FILE_MAX + 1 + DIGITS_MAX];
	struct str f = clip_front(l, r->file, RULE_FILE_MAX);
	size_t n = f.len;

	if (r->line == 0 || n == 0)
		return;
	memcpy(buf, f.p, n);
	buf[n++] = ':';
	n = (size_t)(digits_put(buf + n, r->line) - buf);
	json_string(&l->j, key, (struct str){buf, n});
}

static void line_begin(struct line *l, char *buf, size_t size, size_t cut)
{
	*l = (struct line){.cut = cut};
	json_init(&l->j, buf, size);
}

static void origin(struct line *l, int64_t time_us, const char *type,
		   const struct event_origin *o)
{
	moment(l, "time", time_us);
	word(l, "type", type);
	text(l, "sensor", o->sensor);
	text(l, "generation", o->generation);
	word(l, "mode", mode_name(o->mode));
}

/* The length of the finished tail, or 0 when it did not fit. */
static size_t line_end(struct line *l)
{
	if (l->was_cut)
		json_bool(&l->j, "cut", true);
	json_object_end(&l->j);
	json_raw(&l->j, "\n", 1);
	return json_ok(&l->j) ? l->j.len : 0;
}

static void flow_ends(struct line *l, const struct flow_event *e)
{
	word(l, "phase", phase_name(e->phase));
	flow_id(l, e->flow_id);
	text(l, "community_id", e->community_id);
	address(l, "src_ip", &e->src);
	if (has_ports(e->ip_proto))
		json_u64(&l->j, "src_port", e->src_port);
	address(l, "dst_ip", &e->dst);
	if (has_ports(e->ip_proto))
		json_u64(&l->j, "dst_port", e->dst_port);
	transport(l, e->ip_proto);
	known_address(l, "src_nat_ip", &e->src_nat);
	if (e->src_nat_port != 0)
		json_u64(&l->j, "src_nat_port", e->src_nat_port);
	text(l, "community_id_nat", e->community_id_nat);
	word(l, "protocol", protocol_name(e->protocol));
	text(l, "ndpi", e->ndpi);
	word(l, "ndpi_confidence", guess_confidence_name(e->ndpi_confidence));
	text(l, "ndpi_host", e->ndpi_host);
	text(l, "site", e->site);
	if (e->has_role)
		word(l, "role", role_name(e->role));
	text(l, "principal", e->principal);
	word(l, "shared", sharing_name(e->shared));
	word(l, "direction", direction_name(e->direction));
}

static void flow_flags(struct line *l, uint32_t flags)
{
	if ((flags & ((1u << FLAG_COUNT) - 1)) == 0)
		return;
	json_array_begin(&l->j, "flags");
	for (unsigned i = 0; i < FLAG_COUNT; i++)
		if ((flags >> i & 1) != 0)
			json_cstring(&l->j, NULL, flag_name((enum flag)i));
	json_array_end(&l->j);
}

/* Of the name first; else why a gate could not tell. */
static enum undecidable undecidable_of(const struct flow_event *e)
{
	if (e->undecidable != UNDECIDABLE_NONE || !e->judged || e->decision == NULL)
		return e->undecidable;
	return e->decision->undecidable;
}

/* With commas between; absent when it is empty. */
static void text_list(struct line *l, const char *key, struct str rest)
{
	if (rest.len == 0)
		return;
	json_array_begin(&l->j, key);
	while (rest.len > 0)
		json_string(&l->j, NULL, clip(l, str_item(&rest, ',')));
	json_array_end(&l->j);
}

static void flow_mail(struct line *l, const struct flow_event *e)
{
	text(l, "smtp_banner", e->smtp_banner);
	text(l, "smtp_server", e->smtp_server);
	text(l, "smtp_helo", e->smtp_helo);
	text(l, "mail_from_domain", e->mail_from);
	text_list(l, "mail_to_domains", e->mail_to);
	if (e->mail_to_more > 0)
		json_u64(&l->j, "mail_to_more", e->mail_to_more);
}

static void flow_name(struct line *l, const struct flow_event *e)
{
	text(l, "host", e->host);
	word(l, "evidence", evidence_name(e->evidence));
	if (e->evidence != EVIDENCE_NONE)
		word(l, "corroboration", corroboration_name(e->corroboration));
	word(l, "visibility", visibility_name(e->visibility));
	text_list(l, "candidates", e->candidates);
	word(l, "undecidable", undecidable_name(undecidable_of(e)));
	flow_flags(l, e->flags);
	text(l, "sni", e->sni);
	text(l, "alpn", e->alpn);
	text(l, "alpn_selected", e->alpn_selected);
	tls_version(l, "tls_offered", e->tls_offered);
	tls_version(l, "tls_selected", e->tls_selected);
	text(l, "key_shares", e->key_shares);
	text(l, "ja4", e->ja4);
	quic_version(l, e->quic_version);
	text(l, "http_method", redact_method(e->method));
	url(l, "url", e->url);
	flow_mail(l, e);
	text(l, "tds_database", e->database);
	url(l, "endpoint", e->endpoint);
}

static const char *word_of(const struct word_list *w, uint16_t id)
{
	return id < w->count ? w->words[id] : NULL;
}

static void flow_connectors(struct line *l, const struct service *s,
			    const struct vocabulary *v)
{
	size_t count = s->connector_count;

	if (count == 0 || v == NULL)
		return;
	if (l->cut != UNCUT && count > CUT_LIST) {
		count = CUT_LIST;
		l->was_cut = true;
	}
	json_array_begin(&l->j, "connectors");
	for (size_t i = 0; i < count; i++) {
		const char *w = word_of(&v->connectors, s->connectors[i].connector);

		if (w != NULL)
			json_string(&l->j, NULL, clip(l, str_of(w)));
	}
	json_array_end(&l->j);
}

static void flow_service(struct line *l, const struct service *s,
			 const struct vocabulary *v)
{
	if (s == NULL)
		return;
	if (v != NULL)
		text(l, "service", str_of(word_of(&v->services, s->service)));
	text(l, "cloud", s->cloud);
	if (!str_equal(s->region, STR("?")))
		text(l, "region", s->region);
	word(l, "environment_id", s->environment_id);
	word(l, "tenant_id", s->tenant_id);
	word(l, "organization_id", s->organization_id);
	text(l, "org", s->org);
	text(l, "site_name", s->site_name);
	text(l, "tenant_name", s->tenant_name);
	text(l, "account", s->account);
	text(l, "key", s->key);
	text(l, "component", s->component);
	text(l, "stamp", s->stamp);
	text(l, "host_role", s->host_role);
	if (s->service != ID_NONE)
		json_bool(&l->j, "in_scope", s->in_scope);
	flow_connectors(l, s, v);
}

static void flow_place(struct line *l, const struct place *p)
{
	if (p == NULL)
		return;
	word(l, "country", p->country);
	if (p->asn != 0)
		json_u64(&l->j, "asn", p->asn);
	text(l, "as_org", p->as_org);
}

static void flow_gates(struct line *l, const struct decision *d)
{
	json_object_begin(&l->j, "gates");
	for (unsigned i = 0; i < GATE_COUNT; i++)
		if (d->gates[i].answer != ANSWER_NOT_ASKED)
			json_cstring(&l->j, gate_name((enum gate)i),
				     answer_name(d->gates[i].answer));
	json_object_end(&l->j);
}

static void flow_verdict(struct line *l, const struct flow_event *e)
{
	const struct decision *d = e->decision;

	if (!e->judged || d == NULL)
		return;
	word(l, "verdict", verdict_name(d->verdict));
	if (d->would != VERDICT_NONE && d->would != d->verdict) {
		word(l, "would_verdict", verdict_name(d->would));
		if (d->would_gate < GATE_COUNT)
			word(l, "would_gate", gate_name(d->would_gate));
		rule(l, "would_rule", &e->would_rule);
		text(l, "would_rule_label", e->would_rule.label);
	}
	word(l, "effect", effect_name(e->effect));
	word(l, "reason", verdict_reason_name(d->reason));
	if (d->gate < GATE_COUNT)
		word(l, "gate", gate_name(d->gate));
	rule(l, "rule", &e->rule);
	text(l, "rule_label", e->rule.label);
	/* They stand in the start event; only sums are new at the end. */
	if (e->phase != PHASE_END) {
		text(l, "data_group", e->data_group);
		flow_gates(l, d);
	}
}

/* At its start a connection has no sums yet, and no end before its end. */
static void flow_sums(struct line *l, const struct flow_event *e)
{
	if (e->phase != PHASE_START) {
		json_u64(&l->j, "packets_out", e->packets_out);
		json_u64(&l->j, "bytes_out", e->bytes_out);
		json_u64(&l->j, "packets_in", e->packets_in);
		json_u64(&l->j, "bytes_in", e->bytes_in);
		json_u64(&l->j, "duration_us",
			 e->end_us > e->start_us
				 ? (uint64_t)e->end_us - (uint64_t)e->start_us
				 : 0);
	}
	moment(l, "start", e->start_us);
	if (e->phase == PHASE_END) {
		moment(l, "end", e->end_us);
		word(l, "end_reason", end_reason_name(e->end_reason));
	}
}

static size_t flow_line(const struct flow_event *e, const struct event_origin *o,
			struct line *l)
{
	origin(l, e->time_us, "flow", o);
	flow_ends(l, e);
	flow_name(l, e);
	flow_service(l, e->service, e->vocabulary);
	flow_place(l, e->place);
	flow_verdict(l, e);
	flow_sums(l, e);
	return line_end(l);
}

size_t form_flow(const struct flow_event *e, const struct event_origin *o, char *buf,
		 size_t size)
{
	struct line l;
	size_t n;

	line_begin(&l, buf, size, UNCUT);
	n = flow_line(e, o, &l);
	if (n > 0)
		return n;
	line_begin(&l, buf, size, CUT_TEXT);
	return flow_line(e, o, &l);
}

/* Detail is opened only for a signal that compared something. */
static void signal_detail(struct line *l, const struct signal_event *e)
{
	if (e->zone.len == 0 && e->local_time.len == 0 && e->hours.len == 0 &&
	    e->country.len == 0 && e->expected_countries.len == 0 &&
	    e->country_source.len == 0 && e->undecidable == UNDECIDABLE_NONE)
		return;
	json_object_begin(&l->j, "detail");
	text(l, "zone", e->zone);
	text(l, "local_time", e->local_time);
	text(l, "hours", e->hours);
	text(l, "country", e->country);
	text(l, "expected_countries", e->expected_countries);
	text(l, "country_source", e->country_source);
	word(l, "undecidable", undecidable_name(e->undecidable));
	json_object_end(&l->j);
}

static size_t signal_line(const struct signal_event *e, const struct event_origin *o,
			  struct line *l)
{
	origin(l, e->time_us, "signal", o);
	text(l, "signal", e->signal);
	text(l, "principal", e->principal);
	word(l, "shared", sharing_name(e->shared));
	if (e->flow_id != 0)
		flow_id(l, e->flow_id);
	text(l, "community_id", e->community_id);
	known_address(l, "src_ip", &e->src);
	known_address(l, "dst_ip", &e->dst);
	known_address(l, "src_nat_ip", &e->src_nat);
	text(l, "site", e->site);
	if (e->has_role)
		word(l, "role", role_name(e->role));
	text(l, "host", e->host);
	text(l, "service", e->service_name);
	rule(l, "rule", &e->rule);
	text(l, "rule_label", e->rule.label);
	json_u64(&l->j, "score", e->score);
	signal_detail(l, e);
	return line_end(l);
}

size_t form_signal(const struct signal_event *e, const struct event_origin *o, char *buf,
		   size_t size)
{
	struct line l;
	size_t n;

	line_begin(&l, buf, size, UNCUT);
	n = signal_line(e, o, &l);
	if (n > 0)
		return n;
	line_begin(&l, buf, size, CUT_TEXT);
	return signal_line(e, o, &l);
}

static size_t system_line(const struct system_event *e, const struct event_origin *o,
			  struct line *l)
{
	origin(l, e->time_us, "system", o);
	word(l, "what", e->what);
	text(l, "message", e->message);
	if (e->counter_count > 0) {
		json_object_begin(&l->j, "detail");
		for (size_t i = 0; i < e->counter_count; i++)
			json_u64(&l->j, e->counters[i].name, e->counters[i].value);
		json_object_end(&l->j);
	}
	return line_end(l);
}

size_t form_system(const struct system_event *e, const struct event_origin *o, char *buf,
		   size_t size)
{
	struct line l;
	size_t n;

	line_begin(&l, buf, size, UNCUT);
	n = system_line(e, o, &l);
	if (n > 0)
		return n;
	line_begin(&l, buf, size, CUT_TEXT);
	return system_line(e, o, &l);
}

size_t form_loss(const struct loss_event *e, const struct event_origin *o, char *buf,
		 size_t size)
{
	struct line l;

	line_begin(&l, buf, size, CUT_TEXT);
	origin(&l, e->time_us, "loss", o);
	word(&l, "what", e->what);
	json_u64(&l.j, "count", e->count);
	moment(&l, "from", e->from_us);
	moment(&l, "to", e->to_us);
	return line_end(&l);
}

/* RFC 1035 3.2.2, RFC 3596, RFC 9460; other types as RFC 3597 section 5 writes them. */
static void query_type(struct line *l, uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *word;
	} known[] = {{1, "A"},    {2, "NS"},    {5, "CNAME"},  {6, "SOA"},
		     {12, "PTR"}, {15, "MX"},   {16, "TXT"},   {28, "AAAA"},
		     {33, "SRV"}, {64, "SVCB"}, {65, "HTTPS"}, {255, "ANY"}};
	char buf[4 + DIGITS_MAX] = "TYPE";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].type == type) {
			word(l, "query_type", known[i].word);
			return;
		}
	json_string(&l->j, "query_type",
		    (struct str){buf, (size_t)(digits_put(buf + 4, type) - buf)});
}

static size_t dns_line(const struct dns_event *e, const struct event_origin *o,
		       struct line *l)
{
	char buf[ADDR_TEXT_MAX] = "";

	origin(l, e->time_us, "dns", o);
	flow_id(l, e->flow_id);
	text(l, "community_id", e->community_id);
	address(l, "src_ip", &e->src);
	json_u64(&l->j, "src_port", e->src_port);
	address(l, "dst_ip", &e->dst);
	json_u64(&l->j, "dst_port", e->dst_port);
	transport(l, e->ip_proto);
	text(l, "site", e->site);
	text(l, "principal", e->principal);
	text(l, "host", e->host);
	query_type(l, e->query_type);
	text(l, "response_code", e->response_code);
	if (e->answer_count > 0) {
		json_array_begin(&l->j, "answers");
		for (size_t i = 0; i < e->answer_count && i < DNS_EVENT_ANSWERS_MAX; i++)
			json_string(&l->j, NULL,
				    (struct str){buf, addr_format(&e->answers[i], buf)});
		json_array_end(&l->j);
	}
	return line_end(l);
}

size_t form_dns(const struct dns_event *e, const struct event_origin *o, char *buf,
		size_t size)
{
	struct line l;
	size_t n;

	line_begin(&l, buf, size, UNCUT);
	n = dns_line(e, o, &l);
	if (n > 0)
		return n;
	line_begin(&l, buf, size, CUT_TEXT);
	return dns_line(e, o, &l);
}

static size_t rollup_line(const struct rollup_event *e, const struct event_origin *o,
			  struct line *l)
{
	origin(l, e->time_us, "rollup", o);
	text(l, "site", e->site);
	if (e->has_role)
		word(l, "role", role_name(e->role));
	text(l, "principal", e->principal);
	text(l, "host", e->host);
	text(l, "service", e->service);
	word(l, "verdict", verdict_name(e->verdict));
	if (e->would != VERDICT_NONE && e->would != e->verdict)
		word(l, "would_verdict", verdict_name(e->would));
	word(l, "reason", verdict_reason_name(e->reason));
	if (e->gate < GATE_COUNT)
		word(l, "gate", gate_name(e->gate));
	rule(l, "rule", &e->rule);
	text(l, "rule_label", e->rule.label);
	json_u64(&l->j, "count", e->count);
	json_u64(&l->j, "ends", e->ends);
	json_u64(&l->j, "packets_out", e->packets_out);
	json_u64(&l->j, "bytes_out", e->bytes_out);
	json_u64(&l->j, "packets_in", e->packets_in);
	json_u64(&l->j, "bytes_in", e->bytes_in);
	if (e->count > 0) {
		moment(l, "first", e->first_us);
		moment(l, "last", e->last_us);
	}
	return line_end(l);
}

size_t form_rollup(const struct rollup_event *e, const struct event_origin *o, char *buf,
		   size_t size)
{
	struct line l;
	size_t n;

	line_begin(&l, buf, size, UNCUT);
	n = rollup_line(e, o, &l);
	if (n > 0)
		return n;
	line_begin(&l, buf, size, CUT_TEXT);
	return rollup_line(e, o, &l);
}

static size_t change_line(const struct change_event *e, const struct event_origin *o,
			  struct line *l)
{
	origin(l, e->time_us, "change", o);
	word(l, "what", e->what);
	text(l, "who", e->who);
	text(l, "why", e->why);
	text(l, "ticket", e->ticket);
	text(l, "diff", e->diff);
	text(l, "old_generation", e->old_generation);
	text(l, "new_generation", e->new_generation);
	return line_end(l);
}

size_t form_change(const struct change_event *e, const struct event_origin *o, char *buf,
		   size_t size)
{
	struct line l;
	size_t n;

	line_begin(&l, buf, size, UNCUT);
	n = change_line(e, o, &l);
	if (n > 0)
		return n;
	line_begin(&l, buf, size, CUT_TEXT);
	return change_line(e, o, &l);
}

static char *append(char *at, struct str s)
{
	memcpy(at, s.p, s.len);
	return at + s.len;
}

size_t form_add_packets(char tail[FORM_LINE_MAX], size_t len, const char *name,
			const char *sha256)
{
	const struct str key = STR(",\"packets\":\""),
			 next = STR("\",\"packets_sha256\":\"");
	const struct str end = STR("\"}\n"), file = str_of(name), digest = str_of(sha256);
	const size_t more = key.len + file.len + next.len + digest.len + end.len;
	char *at;

	if (len < 2 || len > FORM_LINE_MAX - more ||
	    memcmp(tail + len - 2, "}\n", 2) != 0)
		return 0;
	at = append(tail + len - 2, key);
	at = append(at, file);
	at = append(at, next);
	at = append(at, digest);
	at = append(at, end);
	return (size_t)(at - tail);
}

size_t form_head(uint64_t seq, char buf[FORM_HEAD_MAX])
{
	static const char version[] = "{\"v\":1,\"seq\":";
	size_t n = sizeof(version) - 1;

	_Static_assert(FORM_VERSION == 1, "the head spells the version out");
	_Static_assert(sizeof(version) + 20 + 1 <= FORM_HEAD_MAX, "20 digits fit");
	memcpy(buf, version, n);
	n = (size_t)(digits_put(buf + n, seq) - buf);
	buf[n++] = ',';
	return n;
}
