/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_RECORD_SAMPLE_H
#define TESTS_RECORD_SAMPLE_H

/*
 * sample - a flow event with every field set, for the tests of record.
 */

#include <string.h>

#include "model/event.h"

struct sample {
	struct event_origin origin;
	struct flow_event flow;
	struct service service;
	struct vocabulary vocabulary;
	struct place place;
	struct decision decision;
	struct connector_ref connectors[2];
};

static const char *const sample_services[] = {"entra", "dataverse"};
static const char *const sample_connectors[] = {"shared_sql", "shared_commondataservice",
						"shared_azureblob"};

static inline void sample_decide(struct decision *d)
{
	*d = (struct decision){.verdict = VERDICT_ALLOW,
			       .reason = VERDICT_REASON_RULE,
			       .gate = GATE_RULES,
			       .rule = 7,
			       .would = VERDICT_DENY,
			       .would_gate = GATE_OWN,
			       .would_rule = 3};
	for (unsigned i = 0; i < GATE_COUNT; i++)
		d->gates[i].answer =
			i < GATE_RULES ? ANSWER_NOT_CONCERNED : ANSWER_NOT_ASKED;
	d->gates[GATE_RULES].answer = ANSWER_ALLOW;
	d->gates[GATE_EXCEPTIONS].answer = ANSWER_SKIPPED;
}

static inline void sample_name(struct sample *s)
{
	static const char guid[] = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

	s->connectors[0] = (struct connector_ref){0, CONFIDENCE_VERIFIED, 0};
	s->connectors[1] = (struct connector_ref){2, CONFIDENCE_ASSUMED, 0};
	s->service = (struct service){.service = 1,
				      .in_scope = true,
				      .cloud = STR("public"),
				      .region = STR("crm4"),
				      .host_role = STR("org-api"),
				      .org = STR("contoso"),
				      .site_name = STR("portal"),
				      .tenant_name = STR("contoso-tenant"),
				      .account = STR("contosodata"),
				      .key = STR("k1"),
				      .component = STR("api"),
				      .stamp = STR("00"),
				      .connectors = s->connectors,
				      .connector_count = 2};
	memcpy(s->service.environment_id, guid, sizeof(guid));
	memcpy(s->service.tenant_id, guid, sizeof(guid));
	memcpy(s->service.organization_id, guid, sizeof(guid));
}

static inline void sample_fill(struct sample *s)
{
	static const uint8_t client[4] = {10, 10, 0, 2}, server[4] = {40, 99, 204, 34},
			     nat[4] = {198, 51, 100, 10};

	memset(s, 0, sizeof(*s));
	sample_decide(&s->decision);
	sample_name(s);
	s->origin = (struct event_origin){.sensor = STR("gw-muc-1"),
					  .generation = STR("3f9a12cd77aa0011"),
					  .mode = MODE_MONITOR};
	s->vocabulary = (struct vocabulary){.services = {sample_services, 2},
					    .connectors = {sample_connectors, 3}};
	s->place = (struct place){
		.country = "NL", .asn = 8075, .as_org = STR("MICROSOFT-CORP-MSN")};
	s->flow = (struct flow_event){
		.time_us = 1795314676123456,
		.phase = PHASE_END,
		.flow_id = 0xfe12ab34,
		.community_id = STR("1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
		.src = addr_from_v4(client),
		.dst = addr_from_v4(server),
		.src_port = 51234,
		.dst_port = 443,
		.ip_proto = 6,
		.src_nat = addr_from_v4(nat),
		.site = STR("munich"),
		.principal = STR("10.10.0.2"),
		.role = ROLE_DESKTOP,
		.has_role = true,
		.direction = DIRECTION_OUTBOUND,
		.protocol = PROTOCOL_TLS,
		.ndpi = STR("tls.azure"),
		.ndpi_confidence = GUESS_CONFIDENCE_CACHE,
		.ndpi_host = STR("Other.lab.example"),
		.host = STR("contoso.crm4.dynamics.com"),
		.sni = STR("Contoso.crm4.dynamics.com"),
		.alpn = STR("h2,http/1.1"),
		.alpn_selected = STR("h2"),
		.key_shares = STR("X25519MLKEM768,x25519"),
		.ja4 = STR("t13d1516h2_8daaf6152771_02713d6af862"),
		.method = STR("GET"),
		.url = STR("http://contoso.crm4.dynamics.com/api"),
		.smtp_banner = STR("mail.example ESMTP"),
		.smtp_server = STR("mail.example"),
		.smtp_helo = STR("robot-1"),
		.mail_from = STR("contoso.com"),
		.mail_to = STR("fabrikam.com,192.0.2.1"),
		.mail_to_more = 3,
		.database = STR("sales"),
		.endpoint = STR("contoso.crm4.dynamics.com,*"),
		.evidence = EVIDENCE_SNI,
		.corroboration = CORROBORATION_DNS_CLIENT,
		.visibility = VISIBILITY_HOST,
		.flags = 1u << FLAG_ECH_EXT | 1u << FLAG_TRUNCATED_FRAMES,
		.tls_offered = 0x0304,
		.quic_version = 1,
		.service = &s->service,
		.vocabulary = &s->vocabulary,
		.place = &s->place,
		.judged = true,
		.decision = &s->decision,
		.rule = {STR("rules/contoso.rules"), 31, STR("m365"), STR("")},
		.would_rule = {STR("rules/own.rules"), 4, STR("tenant"), STR("")},
		.effect = EFFECT_PASSED,
		.packets_out = 14,
		.bytes_out = 4120,
		.packets_in = 18,
		.bytes_in = 23110,
		.start_us = 1795314676000000,
		.end_us = 1795314679250001,
		.end_reason = END_REASON_FIN,
	};
}

#endif /* TESTS_RECORD_SAMPLE_H */
