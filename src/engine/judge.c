/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge - from facts to a verdict, and from both to events.
 */
#include <string.h>

#include "base/clock.h"
#include "config/identity.h"
#include "engine/conn.h"
#include "flow/community.h"
#include "identify/host.h"
#include "match/calendar.h"
#include "record/pseudonym.h"

/* Everything that one judgement needs, on the stack. */
struct case_file {
	struct subject subject;
	struct service service;
	struct place place;
	struct decision decision;
	char principal[IDENTITY_TEXT_MAX];
	size_t principal_len;
	bool is_user; /* the principal is a person's name */
	char pseudonym[PSEUDONYM_LEN + 1];
	char community[COMMUNITY_ID_LEN + 1];
};

static enum sharing sharing_of(const struct conn *c)
{
	return c->shared      ? SHARING_DECLARED
	       : c->suspected ? SHARING_SUSPECTED
			      : SHARING_NONE;
}

/* The principal as it is written; what is decided and counted goes by the true one. */
static struct str written_principal(const struct worker *w, struct case_file *cf)
{
	const struct str name = {cf->principal, cf->principal_len};

	if (!cf->is_user || w->cfg.pseudonyms == NULL)
		return name;
	pseudonym_format(w->cfg.pseudonyms, name, cf->pseudonym);
	return (struct str){cf->pseudonym, PSEUDONYM_LEN};
}

/* Of a source that many people share, the person is nobody in particular. */
static void name_user(const struct conn *c, struct case_file *cf)
{
	cf->subject.user = cf->is_user && sharing_of(c) == SHARING_NONE
				   ? (struct str){cf->principal, cf->principal_len}
				   : STR_NONE;
}

static void who(const struct worker *w, const struct flow *fl, const struct conn *c,
		struct case_file *cf)
{
	struct subject *s = &cf->subject;
	struct addr client = flow_client(fl), server = flow_server(fl);

	s->inside = c->client_inside ? client : server;
	s->peer = c->client_inside ? server : client;
	s->inside_port = c->client_inside ? flow_client_port(fl) : flow_server_port(fl);
	s->peer_port = c->client_inside ? flow_server_port(fl) : flow_client_port(fl);
	s->server_port = flow_server_port(fl);
	s->ip_proto = fl->key.ip_proto;
	s->direction = (enum direction)c->direction;
	s->role = (enum role)c->role;
	s->site = c->site;
	s->source = c->source;
	s->egress_given = c->translated || c->nat_port != 0;
	s->egress = c->translated ? s->inside : c->nat;
	s->time_us = fl->clock_us; /* of its last packet: a time-out does not move it */
	/* Who had the address when the connection began. */
	cf->is_user =
		identity_principal(w->cfg.identity, &s->inside, fl->first_us,
				   cf->principal, &cf->principal_len) == IDENTITY_USER;
	name_user(c, cf);
}

/*
 * Where all of a source's connections come to one worker: towards the outside; else a run with more
 * workers would suspect less.
 */
static void look_for_sharing(struct worker *w, struct conn *c, const struct subject *s)
{
	if (c->shared || s->direction != DIRECTION_OUTBOUND)
		return;
	if (s->ja4.len > 0 && diversity_note(w->diversity, &s->inside, s->ja4, w->now_us))
		w->stats.sources_suspected++;
	c->suspected = diversity_suspects(w->diversity, &s->inside, w->now_us);
}

/* ---- conn <-> facts and decision -------------------------------------------------------- */

static void hold(struct worker *w, uint32_t *slot, struct str s)
{
	intern_release(w->texts, *slot);
	*slot = intern_hold(w->texts, s);
}

/* One text for both lists: few clients have the one and not the other in common. */
static void hold_offers(struct worker *w, struct conn *c, const struct facts *f)
{
	char both[ALPN_MAX + 1 + KEY_SHARES_MAX];
	size_t len = f->alpn_len;

	memcpy(both, f->alpn, len);
	if (f->key_shares_len > 0) {
		both[len++] = ' ';
		memcpy(both + len, f->key_shares, f->key_shares_len);
		len += f->key_shares_len;
	}
	hold(w, &c->offers, (struct str){both, len});
}

static void part_offers(struct str offers, struct str *ret_alpn, struct str *ret_shares)
{
	*ret_shares = offers;
	*ret_alpn = str_item(ret_shares, ' ');
}

static void keep_texts(struct worker *w, const struct flow *fl, struct conn *c,
		       const struct facts *f)
{
	hold(w, &c->host, facts_host(f));
	hold(w, &c->sni, (struct str){f->sni, f->sni_len});
	hold_offers(w, c, f);
	hold(w, &c->ja4, (struct str){f->ja4, f->ja4_len});
	hold(w, &c->method, (struct str){f->method, f->method_len});
	hold(w, &c->url, (struct str){f->url, f->url_len});
	hold(w, &c->helo, (struct str){f->mail.helo, f->mail.helo_len});
	hold(w, &c->mail_from, (struct str){f->mail.from, f->mail.from_len});
	hold(w, &c->mail_to, (struct str){f->mail.to, f->mail.to_len});
	hold(w, &c->database, (struct str){f->database, f->database_len});
	c->mail_to_more = f->mail.to_more;
	c->tls_offered = f->tls_offered;
	if (fl->key.ip_proto != IP_PROTO_TCP)
		c->quic_version = f->quic_version;
	c->flags |= f->flags;
	c->protocol = (uint8_t)f->protocol;
	c->evidence = (uint8_t)f->evidence;
	c->visibility = (uint8_t)f->visibility;
	c->name_undecidable = (uint8_t)f->undecidable;
}

static void keep_decision(struct conn *c, const struct decision *d)
{
	c->judged = true;
	c->verdict = (uint8_t)d->verdict;
	c->reason = (uint8_t)d->reason;
	c->gate = (uint8_t)d->gate;
	c->rule = d->rule;
	c->undecidable = (uint8_t)d->undecidable;
	c->would = (uint8_t)d->would;
	c->would_gate = (uint8_t)d->would_gate;
	c->would_rule = d->would_rule;
}

static void recall_decision(const struct conn *c, struct decision *d)
{
	memset(d, 0, sizeof(*d));
	d->verdict = (enum verdict)c->verdict;
	d->reason = (enum verdict_reason)c->reason;
	d->gate = (enum gate)c->gate;
	d->rule = c->rule;
	d->undecidable = (enum undecidable)c->undecidable;
	d->would = (enum verdict)c->would;
	d->would_gate = (enum gate)c->would_gate;
	d->would_rule = c->would_rule;
}

/* ---- events ------------------------------------------------------------------------------ */

static void put(struct worker *w, const struct event_digest *digest, size_t len)
{
	if (len == 0) {
		w->stats.forms_lost++;
		return;
	}
	w->cfg.sink.put(w->cfg.sink.arg, &w->key, digest, w->line, len);
	w->key.sub++;
}

/* What became of the connection, as far as we had a hand in it. */
static enum effect effect_of(const struct worker *w, const struct conn *c,
			     const struct decision *d, uint8_t ip_proto)
{
	if (w->inl == NULL || !c->judged)
		return EFFECT_NONE;
	if (conn_is_cut(w, c))
		return ip_proto == IP_PROTO_TCP ? EFFECT_RESET : EFFECT_REJECTED;
	return d->undecidable == UNDECIDABLE_HOLD_BUDGET && w->inl->cfg.enforce
		       ? EFFECT_HELD_DROPPED
		       : EFFECT_PASSED;
}

static struct str site_name(const struct worker *w, uint16_t site)
{
	return site == ID_NONE ? STR_NONE : str_of(w->g->config->sites[site].name);
}

#define WORD_MAX 64

/* What a summary lists under a service: environment, tenant, or host. */
static struct str summary_word(const struct service *svc, struct str host,
			       char buf[WORD_MAX])
{
	bool environment = svc->environment_id[0] != '\0';
	struct str kind = environment ? STR("environment ") : STR("tenant ");

	if (!environment && svc->tenant_id[0] == '\0')
		return host;
	memcpy(buf, kind.p, kind.len);
	memcpy(buf + kind.len, environment ? svc->environment_id : svc->tenant_id,
	       GUID_LEN);
	return (struct str){buf, kind.len + GUID_LEN};
}

/* Community ID of the connection as it is behind the translation. */
static struct str translated_id(const struct flow *fl, const struct conn *c,
				char buf[COMMUNITY_ID_LEN + 1])
{
	struct packet p = {.src = c->nat,
			   .src_port = c->nat_port,
			   .dst = flow_server(fl),
			   .dst_port = flow_server_port(fl),
			   .ip_proto = fl->key.ip_proto};
	bool from_low;
	struct flow_key k = flow_key_of(&p, &from_low);

	community_id(&k, from_low, 0, buf);
	return (struct str){buf, COMMUNITY_ID_LEN};
}

/* Why a gate that the verdict names, else the name, cannot be told. */
static enum undecidable undecidable_of(const struct conn *c)
{
	return c->undecidable != UNDECIDABLE_NONE ? (enum undecidable)c->undecidable
						  : (enum undecidable)c->name_undecidable;
}

static void tell_tls(const struct worker *w, const struct flow *fl, const struct conn *c,
		     struct flow_event *e)
{
	part_offers(intern_text(w->texts, c->offers), &e->alpn, &e->key_shares);
	e->tls_offered = c->tls_offered;
	if (fl->key.ip_proto != IP_PROTO_TCP) {
		e->quic_version = c->quic_version;
	} else if (c->tls_offered != 0 ||
		   (c->protocol != PROTOCOL_HTTP && c->protocol != PROTOCOL_DNS)) {
		e->tls_selected = c->tls_selected;
		e->alpn_selected = intern_text(w->texts, c->alpn_selected);
	}
}

static void tell_mail_and_database(const struct worker *w, const struct conn *c,
				   struct flow_event *e)
{
	if (c->protocol == PROTOCOL_SMTP) {
		e->smtp_banner = intern_text(w->texts, c->banner);
		e->smtp_server = intern_text(w->texts, c->mail_server);
	}
	e->smtp_helo = intern_text(w->texts, c->helo);
	e->mail_from = intern_text(w->texts, c->mail_from);
	e->mail_to = intern_text(w->texts, c->mail_to);
	e->mail_to_more = c->mail_to_more;
	e->database = intern_text(w->texts, c->database);
}

static void tell_ends_and_connectors(const struct flow_event *e, struct event_digest *d)
{
	const struct service *svc = e->service;

	d->proxied = str_equal(e->method, STR("CONNECT"));
	d->principal = e->principal;
	d->start_us = e->start_us;
	d->packets_out = e->packets_out;
	d->bytes_out = e->bytes_out;
	d->packets_in = e->packets_in;
	d->bytes_in = e->bytes_in;
	d->client = e->src;
	d->server = e->dst;
	d->direction = e->direction;
	while (d->connector_count < DIGEST_CONNECTORS_MAX &&
	       d->connector_count < svc->connector_count) {
		d->connectors[d->connector_count] =
			svc->connectors[d->connector_count].connector;
		d->connector_count++;
	}
}

/* What lists were asked with, and the connector's group; like the gates, not at the end. */
static void tell_lists(const struct worker *w, const struct case_file *cf,
		       char endpoint[POLICY_ENDPOINT_MAX], struct flow_event *e)
{
	if (!e->judged || e->phase == PHASE_END)
		return;
	e->endpoint.p = endpoint;
	e->endpoint.len =
		policy_endpoint(w->g->policy, &cf->subject, &cf->decision, endpoint);
	e->data_group = policy_data_group(w->g->policy, &cf->decision);
}

static void tell_place_and_packets(struct worker *w, const struct flow *fl,
				   const struct conn *c, const struct case_file *cf,
				   struct event_digest *d)
{
	memcpy(d->country, cf->place.country, sizeof(d->country));
	if (d->phase != PHASE_END)
		d->packets = keep_for(w, fl, c, &cf->decision);
}

static void tell_other_names(const struct worker *w, const struct conn *c,
			     struct flow_event *e)
{
	if (!str_equal(intern_text(w->texts, c->ndpi_host), e->host))
		e->ndpi_host = intern_text(w->texts, c->ndpi_host);
	e->candidates = intern_text(w->texts, c->candidates);
}

/* Encrypted Client Hello: show the outer name, which decided nothing, as what it is. */
static void show_outer_name(struct flow_event *e, struct host *outer)
{
	if (e->host.len == 0 && e->undecidable == UNDECIDABLE_ECH_USED &&
	    host_normalize(e->sni, outer) == HOST_NAME)
		e->host = (struct str){outer->text, outer->len};
}

static void form_and_put_flow(struct worker *w, const struct flow *fl,
			      const struct conn *c, struct case_file *cf,
			      enum phase phase)
{
	char word[WORD_MAX], translated[COMMUNITY_ID_LEN + 1];
	char endpoint[POLICY_ENDPOINT_MAX];
	struct flow_event e = {
		.time_us = w->now_us,
		.phase = phase,
		.flow_id = fl->id,
		.src = flow_client(fl),
		.dst = flow_server(fl),
		.src_port = flow_client_port(fl),
		.dst_port = flow_server_port(fl),
		.ip_proto = fl->key.ip_proto,
		.src_nat = c->nat_port != 0 ? c->nat : cf->subject.egress,
		.src_nat_port = c->nat_port,
		.site = site_name(w, c->site),
		.principal = written_principal(w, cf),
		.role = (enum role)c->role,
		.has_role = c->inside_known,
		.shared = sharing_of(c),
		.direction = (enum direction)c->direction,
		.protocol = (enum protocol)c->protocol,
		.ndpi = intern_text(w->texts, c->ndpi),
		.ndpi_confidence = (enum guess_confidence)c->ndpi_confidence,
		.host = cf->subject.host,
		.sni = intern_text(w->texts, c->sni),
		.ja4 = intern_text(w->texts, c->ja4),
		.method = intern_text(w->texts, c->method),
		.url = intern_text(w->texts, c->url),
		.evidence = (enum evidence)c->evidence,
		.corroboration = (enum corroboration)c->corroboration,
		.visibility = (enum visibility)c->visibility,
		.undecidable = undecidable_of(c),
		.flags = c->flags,
		.service = &cf->service,
		.vocabulary = &w->g->vocabulary,
		.place = &cf->place,
		.judged = c->judged,
		.decision = &cf->decision,
		.rule = policy_rule(w->g->policy, c->rule),
		.would_rule = policy_rule(w->g->policy, c->would_rule),
		.effect = effect_of(w, c, &cf->decision, fl->key.ip_proto),
		.packets_out = fl->out.packets,
		.bytes_out = fl->out.bytes,
		.packets_in = fl->in.packets,
		.bytes_in = fl->in.bytes,
		.start_us = fl->first_us,
		.end_us = fl->last_us,
		.end_reason = phase == PHASE_END ? (enum end_reason)fl->end_reason
						 : END_REASON_NONE,
	};
	struct host outer;
	struct event_digest d = {
		.type = EVENT_FLOW,
		.phase = phase,
		.protocol = e.protocol,
		.evidence = e.evidence,
		.undecidable = e.undecidable,
		.role = e.role,
		.has_role = e.has_role,
		.judged = c->judged,
		.ip_proto = e.ip_proto,
		.verdict = cf->decision.verdict,
		.would = cf->decision.would,
		.reason = cf->decision.reason,
		.gate = cf->decision.gate,
		.would_gate = cf->decision.would_gate,
		.end_reason = e.end_reason,
		.service = cf->service.service,
		.site = c->site,
		.source = c->source,
		.rule = c->rule,
		.would_rule = c->would_rule,
		.flags = c->flags,
		.flow_id = fl->id,
		.in_scope = cf->subject.in_scope,
		.time_us = w->now_us,
		.host = e.host,
		.word = summary_word(&cf->service, e.host, word),
	};

	tell_tls(w, fl, c, &e);
	tell_mail_and_database(w, c, &e);
	tell_lists(w, cf, endpoint, &e);
	tell_other_names(w, c, &e);
	tell_ends_and_connectors(&e, &d);
	show_outer_name(&e, &outer);
	tell_place_and_packets(w, fl, c, cf, &d);
	community_id(&fl->key, fl->client_is_low, 0, cf->community);
	e.community_id = (struct str){cf->community, COMMUNITY_ID_LEN};
	if (c->nat_port != 0)
		e.community_id_nat = translated_id(fl, c, translated);
	put(w, &d, form_flow(&e, &w->cfg.origin, w->line, sizeof(w->line)));
}

/* "DE NL IE" into buf. */
static struct str join_countries(const struct site_cfg *site, char *buf, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; site != NULL && i < site->country_count && len + 3 < size;
	     i++) {
		if (len > 0)
			buf[len++] = ' ';
		memcpy(buf + len, site->countries[i], 2);
		len += 2;
	}
	return len == 0 ? STR_NONE : (struct str){buf, len};
}

/* Local time as "2026-11-22T02:11:16+01:00". */
static struct str local_time(const struct zone *z, int64_t us, char buf[32])
{
	int offset = z == NULL ? 0 : zone_offset(z, us, NULL);
	unsigned minutes = (unsigned)(offset < 0 ? -offset : offset) / 60;
	char utc[RFC3339_LEN + 1];

	clock_format_rfc3339(us + (int64_t)offset * 1000000, utc);
	memcpy(buf, utc, 19);
	buf[19] = offset < 0 ? '-' : '+';
	buf[20] = (char)('0' + minutes / 60 / 10 % 10);
	buf[21] = (char)('0' + minutes / 60 % 10);
	buf[22] = ':';
	buf[23] = (char)('0' + minutes % 60 / 10);
	buf[24] = (char)('0' + minutes % 10);
	return (struct str){buf, 25};
}

static void put_signal(struct worker *w, const struct flow *fl, const struct conn *c,
		       struct case_file *cf, struct str name, uint32_t rule)
{
	const struct subject *s = &cf->subject;
	const struct site_cfg *site =
		c->site == ID_NONE ? NULL : &w->g->config->sites[c->site];
	char countries[200], local[32], peer[ADDR_TEXT_MAX];
	struct signal_event e = {
		.time_us = w->now_us,
		.signal = name,
		.principal = written_principal(w, cf),
		.shared = sharing_of(c),
		.flow_id = fl->id,
		.src = flow_client(fl),
		.dst = flow_server(fl),
		.src_nat = s->egress,
		.site = site_name(w, c->site),
		.role = s->role,
		.has_role = c->inside_known,
		.host = s->host,
		.rule = policy_rule(w->g->policy, rule),
		.score = policy_rule_score(w->g->policy, rule),
		.undecidable = cf->decision.undecidable,
	};
	struct event_digest d = {
		.type = EVENT_SIGNAL,
		.role = s->role,
		.has_role = c->inside_known,
		.service = cf->service.service,
		.site = c->site,
		.source = c->source,
		.rule = rule,
		.flow_id = fl->id,
		.time_us = w->now_us,
		.host = s->host,
		.signal = name,
	};

	memcpy(d.country, cf->place.country, sizeof(d.country));
	if (cf->service.service != ID_NONE)
		e.service_name =
			str_of(w->g->vocabulary.services.words[cf->service.service]);
	community_id(&fl->key, fl->client_is_low, 0, cf->community);
	e.community_id = (struct str){cf->community, COMMUNITY_ID_LEN};
	if (site != NULL && str_equal(name, STR("off_hours"))) {
		e.zone = site->zone_name == NULL ? STR("UTC") : str_of(site->zone_name);
		e.local_time = local_time(site->zone, s->time_us, local);
		e.hours = str_of(site->hours_text);
	}
	if (str_equal(name, STR("unexpected_country"))) {
		e.country = cf->place.country[0] == '\0' ? STR("unknown")
							 : str_of(cf->place.country);
		e.expected_countries = join_countries(site, countries, sizeof(countries));
		if (cf->place.country[0] != '\0')
			e.country_source = cf->place.country_from_tag ? STR("service_tag")
								      : STR("mmdb");
	}
	d.peer = s->host.len > 0 ? s->host
				 : (struct str){peer, addr_format(&s->peer, peer)};
	w->stats.signals++;
	put(w, &d, form_signal(&e, &w->cfg.origin, w->line, sizeof(w->line)));
}

static void put_signals(struct worker *w, const struct flow *fl, const struct conn *c,
			struct case_file *cf)
{
	const struct decision *d = &cf->decision;

	for (size_t i = 0; i < d->alert_count; i++)
		put_signal(w, fl, c, cf, policy_signal_name(w->g->policy, d->alerts[i]),
			   d->alerts[i]);
	if (d->alerts_lost)
		w->stats.signals_lost++;
	if (d->undecidable_alert)
		put_signal(w, fl, c, cf, STR("undecidable"), d->undecidable_rule);
	if ((c->flags & 1u << FLAG_NAME_ADDRESS_MISMATCH) != 0)
		put_signal(w, fl, c, cf, STR("name_address_mismatch"), RULE_NONE);
}

/* ---- judging ----------------------------------------------------------------------------- */

/*
 * Do the DNS answers to this flow's client come to the worker of this flow?  Where they may
 * not, they count for nothing, or a run with more workers would know less.
 */
static bool sees_dns(const struct worker *w, const struct flow *fl)
{
	struct addr client = flow_client(fl), server = flow_server(fl);
	struct addr anchor = generation_anchor(w->g, &client, &server);

	return addr_equal(&anchor, &client);
}

/* The connection uses what DNS told its client: that stays until it ends. */
static bool hold_witness(struct worker *w, struct conn *c, const struct subject *s)
{
	witness_let_go(w->witness, c->witness, s->time_us); /* of an earlier judgement */
	c->witness = witness_hold(w->witness, &s->inside, &s->peer, s->host, s->time_us);
	return c->witness.place != 0;
}

/*
 * A second witness for the name, or the name itself where the wire hides it.  A site's answers
 * never give a name: others asked for them, and whoever has a zone of his own can ask for a
 * name of it that points anywhere.
 */
static void ask_witness(struct worker *w, const struct flow *fl, struct conn *c,
			struct case_file *cf)
{
	struct subject *s = &cf->subject;
	const bool own = sees_dns(w, fl);
	struct str name;

	if (s->host.len > 0) {
		if (own && hold_witness(w, c, s))
			s->corroboration = CORROBORATION_DNS_CLIENT;
		else if (witness_site_confirms(w->witness,
					       generation_site_id(w->g, s->site),
					       &s->peer, s->host, s->time_us))
			s->corroboration = CORROBORATION_DNS_SITE;
		return;
	}
	if (!own)
		return;
	if (c->name_undecidable != UNDECIDABLE_NONE &&
	    c->name_undecidable != UNDECIDABLE_NO_SNI &&
	    c->name_undecidable != UNDECIDABLE_NO_READER)
		return;
	name = witness_name(w->witness, &s->inside, &s->peer, s->time_us);
	if (name.len == 0)
		return;
	s->host = name;
	s->evidence = EVIDENCE_DNS;
	s->visibility = VISIBILITY_HOST;
	s->corroboration = CORROBORATION_DNS_CLIENT;
	(void)hold_witness(w, c, s);
	if (s->undecidable == UNDECIDABLE_NO_SNI)
		s->undecidable = UNDECIDABLE_NONE;
}

/* What hides its name by ECH names what DNS told its client to name in clear. */
static void look_for_front(struct worker *w, const struct flow *fl, struct conn *c,
			   struct subject *s)
{
	if ((c->flags & 1u << FLAG_ECH_EXT) == 0 || s->evidence != EVIDENCE_SNI ||
	    !sees_dns(w, fl) ||
	    !witness_fronts(w->witness, &s->inside, s->host, s->time_us))
		return;
	hold(w, &c->host, STR_NONE);
	s->host = STR_NONE;
	s->evidence = EVIDENCE_NONE;
	s->visibility = VISIBILITY_ADDRESS;
	s->undecidable = UNDECIDABLE_ECH_USED;
	c->name_undecidable = UNDECIDABLE_ECH_USED;
}

static enum evidence evidence_of_address(const struct case_file *cf)
{
	return cf->place.tag_count > 0 ? EVIDENCE_RANGE : EVIDENCE_ADDRESS;
}

/* Complete the subject from what the connection itself told. */
static void what(struct worker *w, struct conn *c, struct case_file *cf)
{
	struct subject *s = &cf->subject;

	s->protocol = (enum protocol)c->protocol;
	s->evidence = (enum evidence)c->evidence;
	s->corroboration = (enum corroboration)c->corroboration;
	s->visibility = (enum visibility)c->visibility;
	s->undecidable = (enum undecidable)c->name_undecidable;
	s->flags = c->flags;
	s->host = intern_text(w->texts, c->host);
	s->url = intern_text(w->texts, c->url);
	s->database = intern_text(w->texts, c->database);
	s->ja4 = intern_text(w->texts, c->ja4);
}

#define UNREAD                                                             \
	(1u << UNDECIDABLE_MIDSTREAM | 1u << UNDECIDABLE_MALFORMED_HELLO | \
	 1u << UNDECIDABLE_HELLO_TOO_BIG | 1u << UNDECIDABLE_INCOMPLETE |  \
	 1u << UNDECIDABLE_HOLD_BUDGET)

/* Nobody saw its beginning, and what came then says nothing of itself. */
static bool was_under_way(const struct flow *fl, enum undecidable u)
{
	return u == UNDECIDABLE_QUIC_MIDSTREAM ||
	       (fl->midstream && (UNREAD & 1u << u) != 0);
}

/* Older than our start: it passes, and the record says that nobody looked. */
static void adopt(struct worker *w, struct decision *d)
{
	memset(d, 0, sizeof(*d));
	d->verdict = VERDICT_ALLOW;
	d->reason = VERDICT_REASON_PREEXISTING;
	d->gate = GATE_COUNT;
	d->would_gate = GATE_COUNT;
	for (unsigned i = 0; i < GATE_COUNT; i++)
		d->gates[i].answer = ANSWER_NOT_ASKED;
	w->inl->stats.adopted++;
}

/* ---- QUIC whose beginning nobody saw ---- */

/*
 * Whose connections come to this worker, and whose they are in whatever worker: none else
 * inherits, or a run with more workers would know less.
 */
static bool has_legacy(const struct worker *w, const struct flow *fl,
		       const struct conn *c, struct inherit_key *ret)
{
	if (!c->client_inside || fl->key.ip_proto != IP_PROTO_UDP || !sees_dns(w, fl))
		return false;
	*ret = (struct inherit_key){.inside = flow_client(fl),
				    .server = flow_server(fl),
				    .port = flow_server_port(fl)};
	return true;
}

void judge_look_for_legacy(struct worker *w, const struct flow *fl, struct conn *c,
			   const struct packet *pkt)
{
	struct inherit_key k;

	if (pkt->ip_proto != IP_PROTO_UDP || c->judged ||
	    !identify_is_short_header(pkt->payload, pkt->payload_len) ||
	    !has_legacy(w, fl, c, &k))
		return;
	c->inherit = inherit_find(w->heirs, &k, w->now_us);
	c->heir = c->inherit != INHERIT_NONE;
}

void judge_leave_legacy(struct worker *w, const struct flow *fl, struct conn *c)
{
	if (fl->key.ip_proto != IP_PROTO_UDP)
		return;
	if (c->heir)
		inherit_leave(w->heirs, c->inherit);
	else
		inherit_end(w->heirs, c->inherit, fl->clock_us);
	c->heir = false;
	c->inherit = INHERIT_NONE;
}

/* Of a name that the connection's own hello said, and for which it passes: others may inherit. */
static void leave_legacy(struct worker *w, const struct flow *fl, struct conn *c,
			 const struct decision *d)
{
	const struct legacy l = {.host = c->host,
				 .sni = c->sni,
				 .offers = c->offers,
				 .ja4 = c->ja4,
				 .quic_version = c->quic_version,
				 .tls_offered = c->tls_offered,
				 .evidence = c->evidence,
				 .visibility = c->visibility};
	struct inherit_key k;

	if (c->protocol != PROTOCOL_QUIC || !has_legacy(w, fl, c, &k))
		return;
	if (d->verdict == VERDICT_DENY) {
		inherit_deny(w->heirs, &k);
	} else if (c->evidence == EVIDENCE_SNI && c->host != INTERN_NONE &&
		   c->name_undecidable == UNDECIDABLE_NONE &&
		   (c->flags & 1u << FLAG_QUIC_INHERITED) == 0) {
		judge_leave_legacy(w, fl, c);
		c->inherit = inherit_allow(w->heirs, &k, &l);
	}
}

/* Does an heir know nothing of itself?  Then *f becomes what it inherits. */
static bool inherits(const struct worker *w, const struct conn *c, struct facts *f)
{
	const struct legacy *l = c->heir ? inherit_legacy(w->heirs, c->inherit) : NULL;
	struct str alpn, shares;

	if (l == NULL ||
	    (f->undecidable != UNDECIDABLE_QUIC_MIDSTREAM &&
	     (f->protocol != PROTOCOL_UNKNOWN || f->undecidable != UNDECIDABLE_NONE)))
		return false;
	*f = (struct facts){.protocol = PROTOCOL_QUIC,
			    .evidence = (enum evidence)l->evidence,
			    .visibility = (enum visibility)l->visibility,
			    .flags = f->flags | 1u << FLAG_QUIC_INHERITED,
			    .quic_version = l->quic_version,
			    .tls_offered = l->tls_offered};
	f->host_len = (uint16_t)intern_copy(w->texts, l->host, f->host, HOST_MAX);
	f->sni_len = (uint16_t)intern_copy(w->texts, l->sni, f->sni, HOST_MAX);
	part_offers(intern_text(w->texts, l->offers), &alpn, &shares);
	f->alpn_len = (uint8_t)str_copy(alpn, f->alpn, sizeof(f->alpn));
	f->key_shares_len =
		(uint8_t)str_copy(shares, f->key_shares, sizeof(f->key_shares));
	f->ja4_len = (uint8_t)intern_copy(w->texts, l->ja4, f->ja4, sizeof(f->ja4));
	return true;
}

/*
 * The resolver's word is trusted where the site says which one it is.  A name that DNS alone told
 * cannot contradict it.
 */
static void look_for_mismatch(const struct worker *w, struct conn *c,
			      struct case_file *cf)
{
	struct subject *s = &cf->subject;
	const bool trusted =
		s->site != ID_NONE && w->g->config->sites[s->site].resolver_count > 0;

	if (trusted && c->client_inside && s->evidence != EVIDENCE_DNS &&
	    s->corroboration == CORROBORATION_NONE && generation_is_astray(w->g, s) &&
	    witness_contradicts(w->witness, &s->inside, generation_site_id(w->g, s->site),
				&s->peer, s->host, s->time_us))
		s->flags |= 1u << FLAG_NAME_ADDRESS_MISMATCH;
}

static void flag_address(const struct worker *w, struct conn *c, struct case_file *cf)
{
	struct addr v4;

	cf->subject.flags &= ~(1u << FLAG_NAME_ADDRESS_MISMATCH);
	if (generation_embedded(w->g, &cf->subject.peer, &v4))
		cf->subject.flags |= 1u << FLAG_NAT64;
	look_for_mismatch(w, c, cf);
	c->flags = cf->subject.flags;
}

static void decide_by(struct worker *w, struct flow *fl, struct conn *c,
		      const struct facts *f, struct case_file *cf)
{
	memset(cf, 0, sizeof(*cf));
	c->flags &= ~(1u << FLAG_QUIC_INHERITED);
	keep_texts(w, fl, c, f);
	who(w, fl, c, cf);
	what(w, c, cf);
	look_for_sharing(w, c, &cf->subject);
	name_user(c, cf);
	if (c->client_inside) {
		look_for_front(w, fl, c, &cf->subject);
		ask_witness(w, fl, c, cf);
	}
	generation_describe(w->g, &cf->subject, &cf->service, &cf->place);
	flag_address(w, c, cf);
	if (cf->subject.evidence == EVIDENCE_NONE)
		cf->subject.evidence = evidence_of_address(cf);
	if (cf->subject.evidence == EVIDENCE_DNS)
		hold(w, &c->host, cf->subject.host);
	c->evidence = (uint8_t)cf->subject.evidence;
	c->corroboration = (uint8_t)cf->subject.corroboration;
	c->visibility = (uint8_t)cf->subject.visibility;
	c->name_undecidable = (uint8_t)cf->subject.undecidable;
	if (adopts(w) && was_under_way(fl, (enum undecidable)c->name_undecidable))
		adopt(w, &cf->decision);
	else
		policy_decide(w->g->policy, &cf->subject, &cf->decision);
	keep_decision(c, &cf->decision);
	leave_legacy(w, fl, c, &cf->decision);
}

static void count_undecidable(struct worker *w, const struct conn *c)
{
	w->stats.undecidable[undecidable_of(c)]++;
}

static void judge_by(struct worker *w, struct flow *fl, struct conn *c,
		     const struct facts *f, enum phase phase)
{
	struct facts heir = *f;
	struct case_file cf;

	/* An allowed connection's name passes on; a denial never rests on it. */
	if (!inherits(w, c, &heir)) {
		decide_by(w, fl, c, f, &cf);
	} else {
		decide_by(w, fl, c, &heir, &cf);
		if (cf.decision.verdict == VERDICT_ALLOW)
			w->stats.quic_inherited++;
		else
			decide_by(w, fl, c, f, &cf);
	}
	if (c->heir)
		judge_leave_legacy(w, fl, c);
	w->stats.judged++;
	count_undecidable(w, c);
	form_and_put_flow(w, fl, c, &cf, phase);
	put_signals(w, fl, c, &cf);
}

void judge(struct worker *w, struct flow *fl, struct conn *c, const struct facts *f)
{
	judge_by(w, fl, c, f, PHASE_START);
}

static bool is_same_name(const struct worker *w, const struct conn *c,
			 const struct facts *f)
{
	return f->protocol == (enum protocol)c->protocol &&
	       f->undecidable == (enum undecidable)c->name_undecidable &&
	       str_equal(facts_host(f), intern_text(w->texts, c->host));
}

static bool is_same_answer(const struct conn *a, const struct conn *b)
{
	return a->verdict == b->verdict && a->rule == b->rule && a->would == b->would &&
	       a->would_rule == b->would_rule;
}

static bool is_same_mail(const struct worker *w, const struct conn *c,
			 const struct mail_facts *m)
{
	return c->mail_to_more == m->to_more &&
	       str_equal(intern_text(w->texts, c->mail_to),
			 (struct str){m->to, m->to_len}) &&
	       str_equal(intern_text(w->texts, c->mail_from),
			 (struct str){m->from, m->from_len});
}

bool judge_knows_mail(const struct worker *w, const struct conn *c, const struct facts *f)
{
	return c->judged && f->protocol == PROTOCOL_SMTP &&
	       (c->flags & 1u << FLAG_CLEAR_TEXT) != 0 && is_same_name(w, c, f);
}

void judge_again(struct worker *w, struct flow *fl, struct conn *c, const struct facts *f)
{
	const struct conn was = *c;
	const bool nothing_new = is_same_mail(w, c, &f->mail);
	struct case_file cf;

	c->provisional = false;
	if (!judge_knows_mail(w, c, f)) {
		judge_by(w, fl, c, f, PHASE_UPDATE);
		return;
	}
	decide_by(w, fl, c, f, &cf);
	if (nothing_new && is_same_answer(c, &was))
		return;
	form_and_put_flow(w, fl, c, &cf, PHASE_UPDATE);
	if (!is_same_answer(c, &was))
		put_signals(w, fl, c, &cf);
}

void judge_request(struct worker *w, struct flow *fl, struct conn *c,
		   const struct facts *f)
{
	const struct conn was = *c;
	const bool more =
		f->undecidable != UNDECIDABLE_NONE && c->candidates != INTERN_NONE;
	const bool same = is_same_name(w, c, f) && !more &&
			  (c->flags & 1u << FLAG_QUIC_INHERITED) == 0;
	struct case_file cf;

	if (same &&
	    str_equal((struct str){f->url, f->url_len}, intern_text(w->texts, c->url)))
		return;
	decide_by(w, fl, c, f, &cf);
	if (same && is_same_answer(c, &was))
		return;
	count_undecidable(w, c);
	form_and_put_flow(w, fl, c, &cf, PHASE_UPDATE);
	put_signals(w, fl, c, &cf);
}

bool judge_early(struct worker *w, struct flow *fl, struct conn *c)
{
	struct case_file cf;

	memset(&cf, 0, sizeof(cf));
	who(w, fl, c, &cf);
	cf.subject.name_pending = true;
	cf.subject.visibility = VISIBILITY_ADDRESS;
	generation_describe(w->g, &cf.subject, &cf.service, &cf.place);
	cf.subject.evidence = evidence_of_address(&cf);
	if (!policy_decide_early(w->g->policy, &cf.subject, &cf.decision))
		return false;
	c->evidence = (uint8_t)cf.subject.evidence;
	keep_decision(c, &cf.decision);
	w->stats.judged++;
	w->stats.undecidable[UNDECIDABLE_NONE]++;
	form_and_put_flow(w, fl, c, &cf, PHASE_START);
	put_signals(w, fl, c, &cf);
	return true;
}

void judge_keep_facts(struct worker *w, const struct flow *fl, struct conn *c,
		      const struct facts *f)
{
	enum evidence address = (enum evidence)c->evidence;

	keep_texts(w, fl, c, f);
	if (c->evidence == EVIDENCE_NONE)
		c->evidence = (uint8_t)address;
}

void judge_end(struct worker *w, const struct flow *fl, const struct conn *c)
{
	struct case_file cf;

	memset(&cf, 0, sizeof(cf));
	who(w, fl, c, &cf);
	cf.subject.host = intern_text(w->texts, c->host);
	generation_describe(w->g, &cf.subject, &cf.service, &cf.place);
	recall_decision(c, &cf.decision);
	form_and_put_flow(w, fl, c, &cf, PHASE_END);
}

/*
 * What is known of a connection in being.  A calendar's edges concern new ones, so the hour is that
 * of its beginning, but for lines with `cut`, which ask about `now_us`.
 */
static void open_again(struct worker *w, const struct flow *fl, struct conn *c,
		       int64_t now_us, struct case_file *cf)
{
	memset(cf, 0, sizeof(*cf));
	who(w, fl, c, cf);
	what(w, c, cf);
	cf->subject.time_us = fl->first_us;
	cf->subject.now_us = now_us;
	generation_describe(w->g, &cf->subject, &cf->service, &cf->place);
}

bool judge_anew(struct worker *w, struct flow *fl, struct conn *c, bool tell)
{
	const uint8_t verdict = c->verdict;
	struct case_file cf;

	c->epoch = w->epoch;
	conn_locate(w, fl, c);
	if (!c->judged || c->reason == VERDICT_REASON_PREEXISTING)
		return false;
	open_again(w, fl, c, w->now_us, &cf);
	cf.subject.name_pending = c->reason == VERDICT_REASON_ADDRESS && !c->done;
	if (!cf.subject.name_pending) {
		policy_decide(w->g->policy, &cf.subject, &cf.decision);
	} else if (!policy_decide_early(w->g->policy, &cf.subject, &cf.decision)) {
		c->judged = false; /* the name decides now */
		return true;
	}
	keep_decision(c, &cf.decision);
	if (c->verdict == VERDICT_DENY)
		leave_legacy(w, fl, c, &cf.decision);
	if (w->inl != NULL)
		w->inl->stats.redecided++;
	if (verdict == c->verdict)
		return false;
	if (w->inl != NULL)
		w->inl->stats.redecided_changed++;
	if (tell)
		form_and_put_flow(w, fl, c, &cf, PHASE_UPDATE);
	return true;
}

/* RFC 1035 4.1.1 and RFC 6895 2.3; other codes by number. */
static bool denies(const struct decision *d)
{
	return d->verdict == VERDICT_DENY;
}

static bool would_deny(const struct decision *d)
{
	return d->would == VERDICT_DENY;
}

void judge_at_edge(struct worker *w, struct flow *fl, struct conn *c)
{
	struct case_file cf, then;

	/* What was decided by another generation is judged again as a whole. */
	if (!c->judged || c->epoch != w->epoch || c->verdict == VERDICT_DENY ||
	    c->reason == VERDICT_REASON_PREEXISTING)
		return;
	open_again(w, fl, c, w->now_us, &cf);
	policy_decide(w->g->policy, &cf.subject, &cf.decision);
	if (!denies(&cf.decision) &&
	    (!would_deny(&cf.decision) || c->would == VERDICT_DENY))
		return;
	/* It is the hour that denies, and not what became known since. */
	open_again(w, fl, c, fl->first_us, &then);
	policy_decide(w->g->policy, &then.subject, &then.decision);
	if (denies(&then.decision) == denies(&cf.decision) &&
	    would_deny(&then.decision) == would_deny(&cf.decision))
		return;
	keep_decision(c, &cf.decision);
	form_and_put_flow(w, fl, c, &cf, PHASE_UPDATE);
	if (!denies(&cf.decision))
		return;
	w->stats.denied_at_edges++;
	leave_legacy(w, fl, c, &cf.decision);
	inline_recall(w, fl, c);
}

static struct str response_word(uint8_t rcode, char buf[8])
{
	static const char *const words[] = {"noerror",  "formerr", "servfail",
					    "nxdomain", "notimp",  "refused"};

	if (rcode < sizeof(words) / sizeof(words[0]))
		return str_of(words[rcode]);
	memcpy(buf, "rcode00", 8);
	buf[5] = (char)('0' + rcode / 10 % 10);
	buf[6] = (char)('0' + rcode % 10);
	return (struct str){buf, 7};
}

void judge_dns(struct worker *w, struct flow *fl, const struct dns_message *m)
{
	struct case_file cf;
	char code[8];
	struct dns_event e = {
		.time_us = w->now_us,
		.flow_id = fl->id,
		.src = flow_client(fl),
		.dst = flow_server(fl),
		.src_port = flow_client_port(fl),
		.dst_port = flow_server_port(fl),
		.ip_proto = fl->key.ip_proto,
		.host = {m->name, m->name_len},
		.query_type = m->qtype,
		.response_code =
			m->is_answer ? response_word(m->rcode, code) : STR("unanswered"),
		.answer_count = m->address_count,
	};
	struct event_digest d = {.type = EVENT_DNS, .time_us = w->now_us};
	const struct conn *c = flow_extra(fl);

	if (m->name_len == 0)
		return;
	memset(&cf, 0, sizeof(cf));
	who(w, fl, c, &cf);
	e.site = site_name(w, c->site);
	e.principal = written_principal(w, &cf);
	for (size_t i = 0; i < m->address_count; i++)
		e.answers[i] = m->addresses[i].addr;
	community_id(&fl->key, fl->client_is_low, 0, cf.community);
	e.community_id = (struct str){cf.community, COMMUNITY_ID_LEN};
	w->stats.dns_events++;
	put(w, &d, form_dns(&e, &w->cfg.origin, w->line, sizeof(w->line)));
}
