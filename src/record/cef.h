/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_CEF_H
#define RECORD_CEF_H

/*
 * cef - a ledger line in the Common Event Format, for SIEMs.
 *
 *   CEF:0|Weir|Weir|VERSION|SIGNATURE|NAME|SEVERITY|key=value key=value ...
 *
 * Every type of event has a form.  Which field goes into which key is the table CEF_ROWS, and
 * docs/forms.md; a test holds both together.  What is absent in the line is an absent key.
 *
 * Sources: Implementing ArcSight Common Event Format, version 25 (2017-09-28; escaping, keys
 * and their lengths); Microsoft Learn, "CEF and CommonSecurityLog field mapping" (seen
 * 2026-11; the columns that keys become, severity's steps).  Of Defender for Cloud Apps no page
 * names the keys that its parser GENERIC_CEF needs; "Set up cloud discovery" (seen 2026-11)
 * lists what a log must tell: time, source address and user, target address and URL, bytes
 * up, down, action.
 *
 * Escaped are \ and | in the header, \ and = and ends of lines in values.  Other control
 * characters become U+FFFD.  A value longer than its key allows is cut between two characters,
 * and WeirCut names the key.  A seal's line goes whole into WeirSeal, byte for byte.
 *
 * Pure: no clock, no heap.  Threads: any, each with its own buffer.
 */

#include <stddef.h>

#include "base/text.h"
#include "record/line.h"

/*
 * Three bytes for each of the line's at most 16,384 (U+FFFD for a DEL), two more for a seal's
 * line, the few values that stand twice, and the keys.
 */
#define CEF_LINE_MAX 131072

/* K(field, key, label or NULL, most bytes of the value).  The first that a line has, of a key. */
#define CEF_ROWS(K)                                           \
	K(START, "start", NULL, 20)                           \
	K(FROM, "start", NULL, 20)                            \
	K(FIRST, "start", NULL, 20)                           \
	K(END, "end", NULL, 20)                               \
	K(TO, "end", NULL, 20)                                \
	K(LAST, "end", NULL, 20)                              \
	K(SENSOR, "deviceExternalId", NULL, 255)              \
	K(SENSOR, "dvchost", NULL, 100)                       \
	K(SRC_IP, "src", NULL, 45)                            \
	K(SRC_PORT, "spt", NULL, 5)                           \
	K(SRC_NAT_IP, "sourceTranslatedAddress", NULL, 45)    \
	K(SRC_NAT_PORT, "sourceTranslatedPort", NULL, 5)      \
	K(DST_IP, "dst", NULL, 45)                            \
	K(DST_PORT, "dpt", NULL, 5)                           \
	K(HOST, "dhost", NULL, 1023)                          \
	K(TRANSPORT, "proto", NULL, 31)                       \
	K(PROTOCOL, "app", NULL, 31)                          \
	K(SERVICE, "destinationServiceName", NULL, 1023)      \
	K(URL, "request", NULL, 1023)                         \
	K(HTTP_METHOD, "requestMethod", NULL, 1023)           \
	K(WHO, "suser", NULL, 1023)                           \
	K(REASON, "reason", NULL, 1023)                       \
	K(WHY, "reason", NULL, 1023)                          \
	K(BYTES_IN, "in", NULL, 20)                           \
	K(BYTES_OUT, "out", NULL, 20)                         \
	K(COUNTED, "cnt", NULL, 20)                           \
	K(CONNECTORS, "cs1", "Connectors", 4000)              \
	K(RULE, "cs2", "Rule", 4000)                          \
	K(ENDPOINT, "cs3", "Endpoint", 4000)                  \
	K(COUNTRY, "cs4", "Destination country", 4000)        \
	K(UNDECIDABLE, "cs5", "Undecidable", 4000)            \
	K(COMMUNITY_ID, "cs6", "Community ID", 4000)          \
	K(SCORE, "cn1", "Score", 20)                          \
	K(ASN, "cn2", "Destination AS", 20)                   \
	K(SEQ, "cn3", "Sequence", 20)                         \
	K(ENVIRONMENT_ID, "flexString1", "Environment", 1023) \
	K(RULE_LABEL, "flexString2", "Rule label", 1023)      \
	K(MESSAGE, "msg", NULL, 1023)                         \
	K(SUMMARY, "msg", NULL, 1023)                         \
	K(DIFF, "msg", NULL, 1023)                            \
	K(MODE, "WeirMode", NULL, 4000)                       \
	K(GENERATION, "WeirGeneration", NULL, 4000)           \
	K(FLOW_ID, "WeirFlowId", NULL, 4000)                  \
	K(COMMUNITY_ID_NAT, "WeirCommunityIdNat", NULL, 4000) \
	K(SITE, "WeirSite", NULL, 4000)                       \
	K(ROLE, "WeirRole", NULL, 4000)                       \
	K(PRINCIPAL, "WeirPrincipal", NULL, 4000)             \
	K(SHARED, "WeirShared", NULL, 4000)                   \
	K(NDPI, "WeirNdpi", NULL, 4000)                       \
	K(EVIDENCE, "WeirEvidence", NULL, 4000)               \
	K(CORROBORATION, "WeirCorroboration", NULL, 4000)     \
	K(VISIBILITY, "WeirVisibility", NULL, 4000)           \
	K(CANDIDATES, "WeirCandidates", NULL, 4000)           \
	K(FLAGS, "WeirFlags", NULL, 4000)                     \
	K(SNI, "WeirSni", NULL, 4000)                         \
	K(JA4, "WeirJa4", NULL, 4000)                         \
	K(TDS_DATABASE, "WeirDatabase", NULL, 4000)           \
	K(TENANT_ID, "WeirTenantId", NULL, 4000)              \
	K(ORGANIZATION_ID, "WeirOrganizationId", NULL, 4000)  \
	K(ORG, "WeirOrg", NULL, 4000)                         \
	K(IN_SCOPE, "WeirInScope", NULL, 4000)                \
	K(VERDICT, "WeirVerdict", NULL, 4000)                 \
	K(WOULD_VERDICT, "WeirWouldVerdict", NULL, 4000)      \
	K(WOULD_GATE, "WeirWouldGate", NULL, 4000)            \
	K(WOULD_RULE, "WeirWouldRule", NULL, 4000)            \
	K(WOULD_RULE_LABEL, "WeirWouldRuleLabel", NULL, 4000) \
	K(EFFECT, "WeirEffect", NULL, 4000)                   \
	K(GATE, "WeirGate", NULL, 4000)                       \
	K(DATA_GROUP, "WeirDataGroup", NULL, 4000)            \
	K(END_REASON, "WeirEndReason", NULL, 4000)            \
	K(PACKETS, "WeirPackets", NULL, 4000)                 \
	K(PACKETS_SHA256, "WeirPacketsSha256", NULL, 4000)    \
	K(ENDS, "WeirEnds", NULL, 4000)                       \
	K(DETAIL, "WeirDetail", NULL, 4000)                   \
	K(INCIDENT_ID, "WeirIncidentId", NULL, 4000)          \
	K(SIGNALS, "WeirSignals", NULL, 4000)                 \
	K(QUERY_TYPE, "WeirQueryType", NULL, 4000)            \
	K(RESPONSE_CODE, "WeirResponseCode", NULL, 4000)      \
	K(ANSWERS, "WeirAnswers", NULL, 4000)                 \
	K(TICKET, "WeirTicket", NULL, 4000)                   \
	K(OLD_GENERATION, "WeirOldGeneration", NULL, 4000)    \
	K(NEW_GENERATION, "WeirNewGeneration", NULL, 4000)

/*
 * Write the line's form, without an end of line, into buf; returns its length, or 0 when it did
 * not fit, which no line that record_line_read() takes is long enough for when size is
 * CEF_LINE_MAX.  `version` is the program's, for the header.
 */
size_t cef_format(const struct record_line *l, struct str version, char *buf,
		  size_t size);

#endif /* RECORD_CEF_H */
