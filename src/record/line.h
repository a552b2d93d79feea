/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_LINE_H
#define RECORD_LINE_H

/*
 * line - any line of a ledger as a row of fields: for the forms that other tools want, and for
 * the index.
 *
 * read.h knows what a judgement asks about; this knows every field of docs/events.md by name
 * and kind, whatever the type of the event, and keeps the fields of later versions as they
 * stand.  The line is hostile: a field of the wrong kind, a field that stands twice, a line
 * longer than any event's make it no event, with a finding.
 *
 * Memory: borrows the line; texts with escapes are decoded into the object itself.  No heap but
 * that of findings.  The object is zeros before its first line.
 * Threads: one at a time per object.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/json_read.h"
#include "base/text.h"
#include "record/read.h"

#define LINE_TEXT_MAX  16384 /* bytes of a line: form.h writes no longer ones */
#define LINE_OTHER_MAX 32    /* fields that this version does not know, or a seal's */
#define LINE_EXTRA_MAX 16    /* inner fields by name, beyond LINE_INNER */

#define LINE_LIST_SEPARATOR '\x1f' /* no byte of any text that we write */

/* In the order of the headings of docs/events.md. */
#define LINE_TYPES(X)           \
	X(FLOW, "flow")         \
	X(SIGNAL, "signal")     \
	X(SYSTEM, "system")     \
	X(LOSS, "loss")         \
	X(ROLLUP, "rollup")     \
	X(INCIDENT, "incident") \
	X(DNS, "dns")           \
	X(CHANGE, "change")     \
	X(SEAL, "seal")

/* What a value must be; lists are of texts, objects are kept as they stand. */
enum line_kind {
	LINE_TEXT,
	LINE_NUMBER, /* whole, 0 to 2^64 - 1 */
	LINE_PORT,   /* 0 to 65535 */
	LINE_TIME,   /* RFC 3339, 1970 or later */
	LINE_ADDRESS,
	LINE_BOOL,
	LINE_LIST,
	LINE_OBJECT,
	LINE_ID /* 16 hexadecimal digits */
};

/* Every field of docs/events.md, nearly in the order of lines: the next is looked for first. */
#define LINE_FIELDS(X)                                \
	X(V, "v", NUMBER)                             \
	X(SEQ, "seq", NUMBER)                         \
	X(MOMENT, "time", TIME)                       \
	X(TYPE, "type", TEXT)                         \
	X(SENSOR, "sensor", TEXT)                     \
	X(GENERATION, "generation", TEXT)             \
	X(MODE, "mode", TEXT)                         \
	X(PHASE, "phase", TEXT)                       \
	X(SIGNAL, "signal", TEXT)                     \
	X(WHAT, "what", TEXT)                         \
	X(FLOW_ID, "flow_id", ID)                     \
	X(COMMUNITY_ID, "community_id", TEXT)         \
	X(SRC_IP, "src_ip", ADDRESS)                  \
	X(SRC_PORT, "src_port", PORT)                 \
	X(DST_IP, "dst_ip", ADDRESS)                  \
	X(DST_PORT, "dst_port", PORT)                 \
	X(TRANSPORT, "transport", TEXT)               \
	X(SRC_NAT_IP, "src_nat_ip", ADDRESS)          \
	X(SRC_NAT_PORT, "src_nat_port", PORT)         \
	X(COMMUNITY_ID_NAT, "community_id_nat", TEXT) \
	X(PROTOCOL, "protocol", TEXT)                 \
	X(NDPI, "ndpi", TEXT)                         \
	X(NDPI_CONFIDENCE, "ndpi_confidence", TEXT)   \
	X(NDPI_HOST, "ndpi_host", TEXT)               \
	X(SITE, "site", TEXT)                         \
	X(ROLE, "role", TEXT)                         \
	X(PRINCIPAL, "principal", TEXT)               \
	X(SHARED, "shared", TEXT)                     \
	X(DIRECTION, "direction", TEXT)               \
	X(HOST, "host", TEXT)                         \
	X(EVIDENCE, "evidence", TEXT)                 \
	X(CORROBORATION, "corroboration", TEXT)       \
	X(VISIBILITY, "visibility", TEXT)             \
	X(CANDIDATES, "candidates", LIST)             \
	X(UNDECIDABLE, "undecidable", TEXT)           \
	X(FLAGS, "flags", LIST)                       \
	X(SNI, "sni", TEXT)                           \
	X(ALPN, "alpn", TEXT)                         \
	X(ALPN_SELECTED, "alpn_selected", TEXT)       \
	X(TLS_OFFERED, "tls_offered", TEXT)           \
	X(TLS_SELECTED, "tls_selected", TEXT)         \
	X(KEY_SHARES, "key_shares", TEXT)             \
	X(JA4, "ja4", TEXT)                           \
	X(QUIC_VERSION, "quic_version", TEXT)         \
	X(HTTP_METHOD, "http_method", TEXT)           \
	X(URL, "url", TEXT)                           \
	X(SMTP_BANNER, "smtp_banner", TEXT)           \
	X(SMTP_SERVER, "smtp_server", TEXT)           \
	X(SMTP_HELO, "smtp_helo", TEXT)               \
	X(MAIL_FROM_DOMAIN, "mail_from_domain", TEXT) \
	X(MAIL_TO_DOMAINS, "mail_to_domains", LIST)   \
	X(MAIL_TO_MORE, "mail_to_more", NUMBER)       \
	X(TDS_DATABASE, "tds_database", TEXT)         \
	X(ENDPOINT, "endpoint", TEXT)                 \
	X(SERVICE, "service", TEXT)                   \
	X(CLOUD, "cloud", TEXT)                       \
	X(REGION, "region", TEXT)                     \
	X(ENVIRONMENT_ID, "environment_id", TEXT)     \
	X(TENANT_ID, "tenant_id", TEXT)               \
	X(ORGANIZATION_ID, "organization_id", TEXT)   \
	X(ORG, "org", TEXT)                           \
	X(SITE_NAME, "site_name", TEXT)               \
	X(TENANT_NAME, "tenant_name", TEXT)           \
	X(ACCOUNT, "account", TEXT)                   \
	X(KEY, "key", TEXT)                           \
	X(COMPONENT, "component", TEXT)               \
	X(STAMP, "stamp", TEXT)                       \
	X(HOST_ROLE, "host_role", TEXT)               \
	X(IN_SCOPE, "in_scope", BOOL)                 \
	X(CONNECTORS, "connectors", LIST)             \
	X(COUNTRY, "country", TEXT)                   \
	X(ASN, "asn", NUMBER)                         \
	X(AS_ORG, "as_org", TEXT)                     \
	X(VERDICT, "verdict", TEXT)                   \
	X(WOULD_VERDICT, "would_verdict", TEXT)       \
	X(WOULD_GATE, "would_gate", TEXT)             \
	X(WOULD_RULE, "would_rule", TEXT)             \
	X(WOULD_RULE_LABEL, "would_rule_label", TEXT) \
	X(EFFECT, "effect", TEXT)                     \
	X(REASON, "reason", TEXT)                     \
	X(GATE, "gate", TEXT)                         \
	X(RULE, "rule", TEXT)                         \
	X(RULE_LABEL, "rule_label", TEXT)             \
	X(DATA_GROUP, "data_group", TEXT)             \
	X(GATES, "gates", OBJECT)                     \
	X(PACKETS_OUT, "packets_out", NUMBER)         \
	X(BYTES_OUT, "bytes_out", NUMBER)             \
	X(PACKETS_IN, "packets_in", NUMBER)           \
	X(BYTES_IN, "bytes_in", NUMBER)               \
	X(DURATION_US, "duration_us", NUMBER)         \
	X(START, "start", TIME)                       \
	X(END, "end", TIME)                           \
	X(END_REASON, "end_reason", TEXT)             \
	X(PACKETS, "packets", TEXT)                   \
	X(PACKETS_SHA256, "packets_sha256", TEXT)     \
	X(SCORE, "score", NUMBER)                     \
	X(DETAIL, "detail", OBJECT)                   \
	X(MESSAGE, "message", TEXT)                   \
	X(COUNTED, "count", NUMBER)                   \
	X(ENDS, "ends", NUMBER)                       \
	X(FROM, "from", TIME)                         \
	X(TO, "to", TIME)                             \
	X(FIRST, "first", TIME)                       \
	X(LAST, "last", TIME)                         \
	X(INCIDENT_ID, "incident_id", TEXT)           \
	X(SIGNALS, "signals", LIST)                   \
	X(SUMMARY, "summary", TEXT)                   \
	X(QUERY_TYPE, "query_type", TEXT)             \
	X(RESPONSE_CODE, "response_code", TEXT)       \
	X(ANSWERS, "answers", LIST)                   \
	X(WHO, "who", TEXT)                           \
	X(WHY, "why", TEXT)                           \
	X(TICKET, "ticket", TEXT)                     \
	X(DIFF, "diff", TEXT)                         \
	X(OLD_GENERATION, "old_generation", TEXT)     \
	X(NEW_GENERATION, "new_generation", TEXT)     \
	X(CUT, "cut", BOOL)

/* Of seals alone (seal.h reads those): forms keep them as they stand. */
#define LINE_OF_SEALS(Y)                                  \
	Y(CAUSE, "cause", TEXT)                           \
	Y(FIRST_SEQ, "first_seq", NUMBER)                 \
	Y(LAST_SEQ, "last_seq", NUMBER)                   \
	Y(FLOW_LINES, "flow_lines", NUMBER)               \
	Y(SIGNAL_LINES, "signal_lines", NUMBER)           \
	Y(ROLLUP_LINES, "rollup_lines", NUMBER)           \
	Y(DNS_LINES, "dns_lines", NUMBER)                 \
	Y(HEAD, "head", TEXT)                             \
	Y(PREVIOUS, "previous", TEXT)                     \
	Y(EPOCH, "epoch", NUMBER)                         \
	Y(NEXT_KEY, "next_key", TEXT)                     \
	Y(RECOVERED, "recovered", NUMBER)                 \
	Y(REMOVED_FIRST_SEQ, "removed_first_seq", NUMBER) \
	Y(REMOVED_LAST_SEQ, "removed_last_seq", NUMBER)   \
	Y(REMOVED_HEAD, "removed_head", TEXT)             \
	Y(REMOVED_FROM, "removed_from", TIME)             \
	Y(REMOVED_TO, "removed_to", TIME)                 \
	Y(EXPIRED_FIRST_SEQ, "expired_first_seq", NUMBER) \
	Y(EXPIRED_LAST_SEQ, "expired_last_seq", NUMBER)   \
	Y(EXPIRED_TYPES, "expired_types", TEXT)           \
	Y(EXPIRED_LINES, "expired_lines", NUMBER)         \
	Y(EXPIRED_HEAD, "expired_head", TEXT)             \
	Y(SIGNATURE, "signature", TEXT)

/* Members of `detail` and `gates`; read when asked for, and left out when of another kind. */
#define LINE_INNER(Y)                                           \
	Y(DETAIL_ZONE, "detail.zone", TEXT)                     \
	Y(DETAIL_LOCAL_TIME, "detail.local_time", TEXT)         \
	Y(DETAIL_HOURS, "detail.hours", TEXT)                   \
	Y(DETAIL_COUNTRY, "detail.country", TEXT)               \
	Y(DETAIL_EXPECTED, "detail.expected_countries", TEXT)   \
	Y(DETAIL_COUNTRY_SOURCE, "detail.country_source", TEXT) \
	Y(DETAIL_UNDECIDABLE, "detail.undecidable", TEXT)       \
	Y(GATES_EXCEPTIONS, "gates.exceptions", TEXT)           \
	Y(GATES_OWN, "gates.own", TEXT)                         \
	Y(GATES_IP_FIREWALL, "gates.ip-firewall", TEXT)         \
	Y(GATES_CONNECTORS, "gates.connectors", TEXT)           \
	Y(GATES_ENDPOINTS, "gates.endpoints", TEXT)             \
	Y(GATES_RULES, "gates.rules", TEXT)                     \
	Y(GATES_DEFAULT, "gates.default", TEXT)                 \
	Y(GATES_UNDECIDABLE, "gates.undecidable", TEXT)

#define LINE_TYPE_ID(id, word)        LINE_TYPE_##id,
#define LINE_FIELD_ID(id, name, kind) LINE_FIELD_##id,

enum line_type {
	LINE_TYPES(LINE_TYPE_ID) LINE_TYPE_COUNT
};

enum line_field {
	LINE_FIELDS(LINE_FIELD_ID) LINE_FIELD_COUNT, /* of those that forms know */
	LINE_BEFORE_SEALS = LINE_FIELD_COUNT - 1,
	LINE_OF_SEALS(LINE_FIELD_ID) LINE_TOP_COUNT,
	LINE_BEFORE_INNER = LINE_TOP_COUNT - 1,
	LINE_INNER(LINE_FIELD_ID) LINE_VALUE_COUNT
};

const char *line_type_name(enum line_type v);
enum line_type line_type_find(struct str word); /* LINE_TYPE_COUNT = unknown */
const char *line_field_name(enum line_field v);
enum line_kind line_field_kind(enum line_field v);

struct line_value {
	struct str
		raw; /* as it stands in the line: JSON; p == NULL: the field is absent */
	struct str text; /* decoded; a list's texts with l->between; of objects none */
	union {
		uint64_t number; /* of numbers, ports, ids; 1 of true */
		int64_t us;      /* of times */
	};
};

struct line_other {
	struct str key, value; /* as they stand, quotes included */
};

struct record_line {
	/* As the caller wants it; kept from line to line. */
	bool inner;                         /* read the members of `detail` and `gates` */
	char between;                       /* of a list's texts; 0 = a comma */
	const char *extras[LINE_EXTRA_MAX]; /* line_want() */
	unsigned extra_count;

	enum line_type type;
	struct str whole; /* the line, without its newline */
	struct line_value values[LINE_VALUE_COUNT];
	struct line_value extra_values[LINE_EXTRA_MAX];
	struct line_other others[LINE_OTHER_MAX];
	size_t other_count, text_len;
	uint8_t set
		[LINE_VALUE_COUNT]; /* the fields that are there, in the line's order */
	unsigned set_count;
	uint8_t after[LINE_TOP_COUNT]; /* the field that came behind that one last time */
	char text[LINE_TEXT_MAX];      /* what decoded texts borrow */
	struct json_reader json;
};

/*
 * Also read this inner field ("detail.frames"; borrowed).  Its place in extra_values, or -1:
 * no more fit.
 */
int line_want(struct record_line *l, const char *name);

/* The field of that very name, or LINE_VALUE_COUNT. */
enum line_field line_field_find(struct str name);

/* 16 lower-case hexadecimal digits. */
bool line_id_parse(struct str text, uint64_t *ret);

enum line_answer {
	LINE_READ = 0,
	LINE_UNKNOWN, /* sound, but of a type that this version does not know */
	LINE_UNSOUND  /* no event: a finding says why */
};

enum line_answer record_line_read(const struct ledger_line *line, struct diag *d,
				  struct record_line *ret);

/* Also when it is empty, which no line of ours is. */
static inline bool line_has(const struct record_line *l, enum line_field f)
{
	return l->values[f].raw.p != NULL;
}

/* Absent: STR_NONE. */
static inline struct str line_text(const struct record_line *l, enum line_field f)
{
	return l->values[f].text;
}

/* ---- what several forms say alike ---------------------------------------------------------- */

/* What became of a connection: never a block that did not happen. */
enum line_action {
	LINE_ACTION_NONE = 0, /* not judged, or it cannot be told */
	LINE_ALLOWED,
	LINE_DENIED,       /* in mode enforce; what was done is not told: roll-ups */
	LINE_NOT_ENFORCED, /* denied, and it passed: replay, monitor, panic */
	LINE_DROPPED,
	LINE_REJECTED,
	LINE_RESET,
	LINE_RESET_SENT /* whether it helped is not known */
};

enum line_action line_action(const struct record_line *l);

/* 0 to 10 as CEF counts: to 3 low, to 6 medium, to 8 high, above very high.  docs/forms.md. */
unsigned line_severity(const struct record_line *l);

/* What a principal (docs/events.md, flow) is. */
enum line_principal {
	LINE_PRINCIPAL_NONE = 0,
	LINE_PRINCIPAL_USER,
	LINE_PRINCIPAL_MAC,
	LINE_PRINCIPAL_ADDRESS /* an address, or an IPv6 /64 */
};

enum line_principal line_principal(const struct record_line *l);

#endif /* RECORD_LINE_H */
