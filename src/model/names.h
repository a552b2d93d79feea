/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_NAMES_H
#define MODEL_NAMES_H

/*
 * names - the enumerations that travel between stages, each with its word.
 *
 * The word is the one form used in events, rules, counters and documents
 * (docs/events.md lists them; a test holds the lists together).  Every X_name() returns a
 * static string; every X_COUNT is last.  X_find() returns X_COUNT for an unknown word.
 */

#include "base/text.h"

#define PROTOCOLS(X)          \
	X(UNKNOWN, "unknown") \
	X(TLS, "tls")         \
	X(QUIC, "quic")       \
	X(HTTP, "http")       \
	X(DNS, "dns")         \
	X(SMTP, "smtp")       \
	X(TDS, "tds")         \
	X(SSH, "ssh")         \
	X(SOCKS, "socks")     \
	X(ICMP, "icmp")       \
	X(NTP, "ntp")         \
	X(OTHER, "other") /* nDPI's own word is in flow_event.ndpi */

/* How a name is known, strongest first. */
#define EVIDENCES(X)          \
	X(NONE, "")           \
	X(REQUEST, "request") \
	X(CONNECT, "connect") \
	X(SNI, "sni")         \
	X(DNS, "dns")         \
	X(RANGE, "range")     \
	X(ADDRESS, "address")

#define CORROBORATIONS(X)                 \
	X(NONE, "none")                   \
	X(RANGE_CLOUD, "range_cloud")     \
	X(RANGE_SERVICE, "range_service") \
	X(DNS_SITE, "dns_site")           \
	X(DNS_CLIENT, "dns_client")

#define VISIBILITIES(X)       \
	X(ADDRESS, "address") \
	X(HOST, "host")       \
	X(URL, "url")

/* Why a name, an endpoint or a gate's answer cannot be told.  docs/undecidable.md. */
#define UNDECIDABLES(X)                       \
	X(NONE, "")                           \
	X(NO_SNI, "no_sni")                   \
	X(NO_HOST, "no_host")                 \
	X(ECH_USED, "ech_used")               \
	X(QUIC_VERSION, "quic_version")       \
	X(QUIC_MIDSTREAM, "quic_midstream")   \
	X(CONFLICT, "conflict")               \
	X(MALFORMED_NAME, "malformed_name")   \
	X(MALFORMED_HELLO, "malformed_hello") \
	X(HELLO_TOO_BIG, "hello_too_big")     \
	X(INCOMPLETE, "incomplete")           \
	X(MIDSTREAM, "midstream")             \
	X(NO_READER, "no_reader")             \
	X(HOLD_BUDGET, "hold_budget")         \
	X(BUDGET, "budget")                   \
	X(SHARED_HOST, "shared_host")         \
	X(WHICH_CONNECTOR, "which_connector") \
	X(PATH_HIDDEN, "path_hidden")         \
	X(DATABASE_HIDDEN, "database_hidden") \
	X(EGRESS_UNKNOWN, "egress_unknown")   \
	X(HTTP_DESYNC, "http_desync")

#define ROLES(X)              \
	X(USER, "user")       \
	X(GATEWAY, "gateway") \
	X(DESKTOP, "desktop") \
	X(SUBNET, "subnet")   \
	X(PUBLISHED, "published")

/* Do many people use an inside address? */
#define SHARINGS(X)             \
	X(NONE, "")             \
	X(DECLARED, "declared") \
	X(SUSPECTED, "suspected")

#define DIRECTIONS(X)           \
	X(UNKNOWN, "")          \
	X(OUTBOUND, "outbound") \
	X(INBOUND, "inbound")   \
	X(INTERNAL, "internal")

#define MODES(X)              \
	X(REPLAY, "replay")   \
	X(MONITOR, "monitor") \
	X(ENFORCE, "enforce") \
	X(PANIC, "panic")

/* In the order in which a connection is asked. */
#define GATES(X)                      \
	X(EXCEPTIONS, "exceptions")   \
	X(OWN, "own")                 \
	X(IP_FIREWALL, "ip-firewall") \
	X(CONNECTORS, "connectors")   \
	X(ENDPOINTS, "endpoints")     \
	X(RULES, "rules")             \
	X(DEFAULT, "default")         \
	X(UNDECIDABLE, "undecidable")

#define ANSWERS(X)                        \
	X(NOT_CONCERNED, "not_concerned") \
	X(ALLOW, "allow")                 \
	X(DENY, "deny")                   \
	X(UNDECIDABLE, "undecidable")     \
	X(SKIPPED, "skipped")             \
	X(NOT_ASKED, "not_asked")

#define VERDICTS(X)       \
	X(NONE, "")       \
	X(ALLOW, "allow") \
	X(DENY, "deny")

/* What kind of line decided. */
#define VERDICT_REASONS(X)                                                              \
	X(NONE, "")                                                                     \
	X(RULE, "rule")                 /* a line of gate own .. rules */               \
	X(DEFAULT, "default")           /* a line of gate default */                    \
	X(NO_OBJECTION, "no_objection") /* no line asked for more: allow */             \
	X(UNDECIDABLE, "undecidable")   /* a line of gate undecidable */                \
	X(ADDRESS, "address")         /* a deny that the first packet already proved */ \
	X(PREEXISTING, "preexisting") /* older than Weir's start: passes, uninspected */

#define EFFECTS(X)                      \
	X(NONE, "none")                 \
	X(PASSED, "passed")             \
	X(HELD_DROPPED, "held_dropped") \
	X(REJECTED, "rejected")         \
	X(RESET, "reset")               \
	X(RESET_SENT, "reset_sent")     \
	X(RESET_SEEN, "reset_seen")

#define PHASES(X)           \
	X(START, "start")   \
	X(UPDATE, "update") \
	X(END, "end")

#define END_REASONS(X)                                                      \
	X(NONE, "")                                                         \
	X(FIN, "fin")                                                       \
	X(RESET, "reset")                                                   \
	X(REFUSED, "refused") /* reset or ICMP before any client payload */ \
	X(TIMEOUT, "timeout")                                               \
	X(CAPTURE_END, "capture_end")                                       \
	X(EVICTED, "evicted") /* the flow table was full */

/* What the word for a protocol rests on: nDPI and this connection's bytes; these and what nDPI
 * remembers of others; a header that only we look at. */
#define GUESS_CONFIDENCES(X)  \
	X(NONE, "")           \
	X(DPI, "dpi")         \
	X(CACHE, "dpi_cache") \
	X(HEADER, "header")

/* Flags of a flow, a bit each (1u << FLAG_X). */
#define FLAGS(X)                                \
	X(ECH_EXT, "ech_ext")                   \
	X(DECOY_IGNORED, "decoy_ignored")       \
	X(RECORD_SPLIT, "record_split")         \
	X(TTL_JUMP, "ttl_jump")                 \
	X(TTL_LOW, "ttl_low")                   \
	X(OUT_OF_ORDER, "out_of_order")         \
	X(FRAGMENTS, "fragments")               \
	X(OVERLAP, "overlap")                   \
	X(MORE_CANDIDATES, "more_candidates")   \
	X(QUIC_INHERITED, "quic_inherited")     \
	X(QUIC_RETRY, "quic_retry")             \
	X(MIDSTREAM, "midstream")               \
	X(IP_LITERAL, "ip_literal")             \
	X(HOST_MISMATCH, "host_mismatch")       \
	X(RESUMPTION, "resumption")             \
	X(EARLY_DATA, "early_data")             \
	X(CLEAR_TEXT, "clear_text")             \
	X(TRUNCATED_FRAMES, "truncated_frames") \
	X(NAT64, "nat64")                       \
	X(NAME_ADDRESS_MISMATCH, "name_address_mismatch")

/* The names of policies' objects that decode to someone else's: gate own. */
#define OWNERSHIPS(X)         \
	X(UNKNOWN, "unknown") \
	X(OWN, "own")         \
	X(PARTNER, "partner") \
	X(FOREIGN, "foreign")

#define MODEL_DECLARE(type, list, PREFIX, ITEM) \
	enum type {                             \
		list(ITEM) PREFIX##_COUNT       \
	};                                      \
	const char *type##_name(enum type v);   \
	enum type type##_find(struct str word);

#define MODEL_PROTOCOL(id, word)         PROTOCOL_##id,
#define MODEL_EVIDENCE(id, word)         EVIDENCE_##id,
#define MODEL_CORROBORATION(id, word)    CORROBORATION_##id,
#define MODEL_VISIBILITY(id, word)       VISIBILITY_##id,
#define MODEL_UNDECIDABLE(id, word)      UNDECIDABLE_##id,
#define MODEL_ROLE(id, word)             ROLE_##id,
#define MODEL_SHARING(id, word)          SHARING_##id,
#define MODEL_DIRECTION(id, word)        DIRECTION_##id,
#define MODEL_MODE(id, word)             MODE_##id,
#define MODEL_GATE(id, word)             GATE_##id,
#define MODEL_ANSWER(id, word)           ANSWER_##id,
#define MODEL_VERDICT(id, word)          VERDICT_##id,
#define MODEL_VERDICT_REASON(id, word)   VERDICT_REASON_##id,
#define MODEL_EFFECT(id, word)           EFFECT_##id,
#define MODEL_PHASE(id, word)            PHASE_##id,
#define MODEL_END_REASON(id, word)       END_REASON_##id,
#define MODEL_GUESS_CONFIDENCE(id, word) GUESS_CONFIDENCE_##id,
#define MODEL_FLAG(id, word)             FLAG_##id,
#define MODEL_OWNERSHIP(id, word)        OWNERSHIP_##id,

MODEL_DECLARE(protocol, PROTOCOLS, PROTOCOL, MODEL_PROTOCOL)
MODEL_DECLARE(evidence, EVIDENCES, EVIDENCE, MODEL_EVIDENCE)
MODEL_DECLARE(corroboration, CORROBORATIONS, CORROBORATION, MODEL_CORROBORATION)
MODEL_DECLARE(visibility, VISIBILITIES, VISIBILITY, MODEL_VISIBILITY)
MODEL_DECLARE(undecidable, UNDECIDABLES, UNDECIDABLE, MODEL_UNDECIDABLE)
MODEL_DECLARE(role, ROLES, ROLE, MODEL_ROLE)
MODEL_DECLARE(sharing, SHARINGS, SHARING, MODEL_SHARING)
MODEL_DECLARE(direction, DIRECTIONS, DIRECTION, MODEL_DIRECTION)
MODEL_DECLARE(mode, MODES, MODE, MODEL_MODE)
MODEL_DECLARE(gate, GATES, GATE, MODEL_GATE)
MODEL_DECLARE(answer, ANSWERS, ANSWER, MODEL_ANSWER)
MODEL_DECLARE(verdict, VERDICTS, VERDICT, MODEL_VERDICT)
MODEL_DECLARE(verdict_reason, VERDICT_REASONS, VERDICT_REASON, MODEL_VERDICT_REASON)
MODEL_DECLARE(effect, EFFECTS, EFFECT, MODEL_EFFECT)
MODEL_DECLARE(phase, PHASES, PHASE, MODEL_PHASE)
MODEL_DECLARE(end_reason, END_REASONS, END_REASON, MODEL_END_REASON)
MODEL_DECLARE(guess_confidence, GUESS_CONFIDENCES, GUESS_CONFIDENCE,
	      MODEL_GUESS_CONFIDENCE)
MODEL_DECLARE(flag, FLAGS, FLAG, MODEL_FLAG)
MODEL_DECLARE(ownership, OWNERSHIPS, OWNERSHIP, MODEL_OWNERSHIP)

/* "tcp", "udp", "icmp", "icmp6", "sctp", or NULL: the word for an IP protocol number. */
const char *transport_name(uint8_t ip_proto);

#endif /* MODEL_NAMES_H */
