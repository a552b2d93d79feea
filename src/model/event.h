/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

/*
 * event - what record writes down, one struct for each event type of docs/events.md.
 *
 * Absent texts have length 0, absent numbers the value that each comment names; the form
 * leaves absent fields out.  Everything is borrowed for the call.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/text.h"
#include "model/names.h"
#include "model/service.h"
#include "model/verdict.h"

/* What all events of a run share. */
struct event_origin {
	struct str sensor;
	struct str generation; /* hexadecimal digest */
	enum mode mode;
};

/* Where a rule stands, for people: resolved from decision.rule by the policy. */
struct rule_place {
	struct str file; /* as the configuration names it */
	uint32_t line;   /* 0 = no rule */
	struct str label;
	struct str text; /* the rule's source line */
};

/* Names that are told of a stream of several contents; with commas at most 1,024 bytes. */
#define CANDIDATES_MAX 16

struct flow_event {
	int64_t time_us;
	enum phase phase;
	uint64_t flow_id; /* written as 16 hexadecimal digits */
	struct str community_id;
	struct addr src, dst; /* client, server */
	uint16_t src_port, dst_port;
	uint8_t ip_proto;
	struct addr src_nat;         /* all zero = unknown */
	uint16_t src_nat_port;       /* 0 = unknown */
	struct str community_id_nat; /* of the translated connection */
	struct str site, principal;
	enum role role;
	bool has_role; /* false: no inside source, or it is not known who */
	enum sharing shared;
	enum direction direction;

	enum protocol protocol;
	struct str ndpi, ndpi_host;
	enum guess_confidence ndpi_confidence;
	struct str host, sni, alpn, key_shares, ja4, method, url, endpoint;
	struct str
		alpn_selected; /* by a server of TLS 1.2 or older, who says so in clear */
	struct str smtp_banner, smtp_server, smtp_helo, mail_from;
	struct str mail_to; /* domains, separated by commas */
	uint16_t mail_to_more;
	struct str database; /* of a TDS login */
	enum evidence evidence;
	enum corroboration corroboration;
	enum visibility visibility;
	struct str candidates; /* of a conflict, separated by commas */
	enum undecidable undecidable;
	uint32_t flags;
	uint16_t tls_offered;
	uint16_t tls_selected; /* by the server; 0 = not seen, or not before this event */
	uint32_t quic_version;

	const struct service *service; /* NULL = nothing known */
	const struct vocabulary *vocabulary;
	const struct place *place; /* NULL = nothing known */

	bool judged; /* false: ended before anything could be judged; no verdict fields */
	const struct decision *decision;
	struct rule_place rule;       /* of decision->rule */
	struct rule_place would_rule; /* of decision->would_rule */
	struct str data_group;        /* absent = gate connectors found none */
	enum effect effect;

	uint64_t packets_out, bytes_out; /* client to server; bytes = IP total lengths */
	uint64_t packets_in, bytes_in;
	int64_t start_us, end_us;
	enum end_reason end_reason;
};

struct signal_event {
	int64_t time_us;
	struct str signal; /* off_hours, unexpected_country, rule_alert, ... */
	struct str principal;
	enum sharing shared;
	uint64_t flow_id;
	struct str community_id;
	struct addr src, dst;
	struct addr src_nat; /* all zero = unknown */
	struct str site;
	enum role role;
	bool has_role;
	struct str host;
	struct str service_name;
	struct rule_place rule;
	uint32_t score;
	/* detail: what was compared; absent parts are left out */
	struct str zone, local_time, hours; /* off_hours */
	struct str country,
		expected_countries; /* unexpected_country; "unknown" is a class */
	struct str country_source;  /* "service_tag" or "mmdb" */
	enum undecidable undecidable;
};

#define DNS_EVENT_ANSWERS_MAX 32

/* One answer of a resolver. */
struct dns_event {
	int64_t time_us;
	uint64_t flow_id;
	struct str community_id;
	struct addr src, dst; /* client, resolver */
	uint16_t src_port, dst_port;
	uint8_t ip_proto;
	struct str site, principal;
	struct str host;     /* the name asked for */
	uint16_t query_type; /* RFC 1035 3.2.2, by number */
	struct str response_code;
	size_t answer_count;
	struct addr answers[DNS_EVENT_ANSWERS_MAX];
};

/* Connections that were only counted: engine/volume.h. */
struct rollup_event {
	int64_t time_us;
	struct str principal, site, host, service;
	enum role role;
	bool has_role;
	enum verdict verdict, would;
	enum verdict_reason reason;
	enum gate gate;         /* that decided, or would; GATE_COUNT = none */
	struct rule_place rule; /* of that gate */
	uint64_t count, ends;   /* connections begun, connections ended */
	uint64_t packets_out, bytes_out, packets_in, bytes_in; /* of those ended */
	int64_t first_us, last_us; /* starts of the first and the last; with count */
};

/* Someone changed what the gateway does. */
struct change_event {
	int64_t time_us;
	const char *what; /* "reload", "mode", ... */
	struct str who, why, ticket, diff;
	struct str old_generation, new_generation; /* absent: it stays */
};

/* Counters of a run or an interval: {name, value} pairs written into detail. */
struct event_counter {
	const char *name;
	uint64_t value;
};

struct system_event {
	int64_t time_us;
	const char *what; /* "start", "stop", "capture_end", "capture_damaged", ... */
	struct str message;
	const struct event_counter *counters;
	size_t counter_count;
};

struct loss_event {
	int64_t time_us;
	const char *what; /* where it was lost */
	uint64_t count;
	int64_t from_us, to_us;
};

/*
 * The few facts of an event that a summary counts, so that nobody parses lines again.
 * Texts are borrowed for the call.
 */
enum event_type {
	EVENT_FLOW = 0,
	EVENT_SIGNAL,
	EVENT_SYSTEM,
	EVENT_LOSS,
	EVENT_DNS,
	EVENT_CHANGE,
	EVENT_ROLLUP
};

#define DIGEST_CONNECTORS_MAX 32

struct event_digest {
	enum event_type type;
	enum phase phase;
	enum protocol protocol;
	enum evidence evidence;
	enum undecidable undecidable; /* of the decision, else of the name */
	enum role role;
	bool has_role;
	bool judged;
	bool proxied; /* a proxy was asked for a tunnel (CONNECT) */
	struct addr client, server;
	enum direction direction;
	uint8_t ip_proto;
	enum verdict verdict, would;
	enum verdict_reason reason;
	enum gate gate, would_gate;
	enum end_reason end_reason;
	bool in_scope;    /* the service is, or the source is no mere user */
	uint16_t service; /* vocabulary.services, or ID_NONE */
	uint16_t site;    /* vocabulary.sites, or ID_NONE */
	uint16_t source;  /* vocabulary.sources, or ID_NONE */
	uint32_t rule, would_rule;
	uint32_t flags;
	uint64_t flow_id;
	int64_t time_us, start_us;
	uint64_t packets_out, bytes_out, packets_in, bytes_in;
	char country[3];
	uint8_t connector_count; /* of vocabulary.connectors; further ones are not told */
	uint16_t connectors[DIGEST_CONNECTORS_MAX];
	struct str host, principal;
	struct str
		word; /* what the service's row lists: environment, organization, ... */
	struct str signal;  /* EVENT_SIGNAL: its name */
	struct str peer;    /* EVENT_SIGNAL: host, else address */
	struct str packets; /* EVENT_FLOW: to be kept (model/trace.h); absent: none */
};

#endif /* MODEL_EVENT_H */
