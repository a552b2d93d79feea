/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_ASIM_H
#define RECORD_ASIM_H

/*
 * asim - a ledger line as a row of Microsoft Sentinel's normalized tables, a JSON object.
 *
 *   flow, rollup       NetworkSession 0.2.7, table ASimNetworkSessionLogs
 *   signal, incident   AlertEvent 0.1, table ASimAlertEventLogs
 *
 * Other events have no row: no schema of ASIM is about them (docs/forms.md; the CEF form has
 * them all).  Which field goes into which column is ASIM_ROWS, and docs/forms.md; a test holds
 * both together.  Fields without a column of their own go into AdditionalFields under their
 * own names, whatever a later version adds, so nothing of the line is lost but `v` and `type`.
 *
 * SrcIpAddr is the inside address, SrcNatIpAddr the public egress that the other side saw.
 * Times are UTC with microseconds.
 *
 * Sources: Microsoft Learn, "ASIM Network Session normalization schema" 0.2.7 and "ASIM Alert
 * Event normalization schema" 0.1, "ASIM common schema fields" (all seen 2026-11);
 * ASimTester.csv of Azure/Azure-Sentinel for what is mandatory (seen 2026-11).
 * tests/data/asim_*.csv hold their fields, types and words.
 *
 * Pure: no clock, no heap.  Threads: any, each with its own buffer.
 */

#include <stddef.h>

#include "base/text.h"
#include "record/line.h"

/*
 * Six bytes (of a DEL's escape) for each of the line's at most 16,384, thrice (a sensor stands in
 * three columns), and the columns' names.
 */
#define ASIM_LINE_MAX 327680

/* R(field, column): what is written as it stands.  Both tables know AdditionalFields. */
#define ASIM_NETWORK_ROWS(R)                    \
	R(PHASE, "EventOriginalSubType")        \
	R(REASON, "EventOriginalResultDetails") \
	R(SRC_IP, "SrcIpAddr")                  \
	R(SRC_PORT, "SrcPortNumber")            \
	R(SRC_NAT_IP, "SrcNatIpAddr")           \
	R(SRC_NAT_PORT, "SrcNatPortNumber")     \
	R(DST_IP, "DstIpAddr")                  \
	R(DST_PORT, "DstPortNumber")            \
	R(COUNTRY, "DstGeoCountry")             \
	R(SITE, "SrcZone")                      \
	R(FLOW_ID, "NetworkSessionId")          \
	R(BYTES_OUT, "SrcBytes")                \
	R(BYTES_IN, "DstBytes")                 \
	R(PACKETS_OUT, "SrcPackets")            \
	R(PACKETS_IN, "DstPackets")

#define ASIM_ALERT_ROWS(R)     \
	R(SRC_IP, "DvcIpAddr") \
	R(SITE, "DvcZone")

enum asim_answer {
	ASIM_ROW = 0,
	ASIM_NO_TABLE, /* no schema is about such events */
	ASIM_NO_ENDS, /* a connection whose ends the line does not tell: Src and Dst are mandatory */
	ASIM_NO_ROOM /* never with ASIM_LINE_MAX */
};

/* Write the row, without an end of line, into buf.  `version` is the program's. */
enum asim_answer asim_format(const struct record_line *l, struct str version, char *buf,
			     size_t size, size_t *ret_len);

#endif /* RECORD_ASIM_H */
