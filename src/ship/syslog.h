/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIP_SYSLOG_H
#define SHIP_SYSLOG_H

/*
 * syslog - events as messages of RFC 5424, framed by octet counting (RFC 6587 section 3.4.1,
 * RFC 5425 section 4.3):
 *
 *   LENGTH SP <PRI>1 TIME SENSOR weir - TYPE - MSG
 *
 * Facility local4; severity by docs/forms.md's steps.  MSG is the event's form in CEF, or its
 * line, without a byte order mark, which parsers of CEF trip over (so MSG-ANY of RFC 5424).
 * What is no event of the ledger is a notice of type "ship", which counts what is missing.
 *
 * Pure: no clock, no heap.  Threads: any, each with its own struct.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/cef.h"
#include "record/line.h"

#define SYSLOG_HEAD_MAX  400
#define SYSLOG_FRAME_MAX (SYSLOG_HEAD_MAX + CEF_LINE_MAX)

_Static_assert(CEF_LINE_MAX > LINE_TEXT_MAX, "a line fits where its form does");

struct syslog_form {
	bool json;
	struct str version; /* of the program */
	struct str sensor;  /* in notices: the configuration's */
};

/* Write the event's frame; returns its length, or 0 when it has none: it did not fit. */
size_t syslog_event(const struct syslog_form *f, const struct record_line *l, char *buf,
		    size_t size);

enum ship_notice {
	SHIP_LOST,    /* lines that were gone before they were sent */
	SHIP_BEGUN,   /* another ledger, or one begun anew: all its lines follow */
	SHIP_BACK,    /* the last line sent is not there: its segment follows again */
	SHIP_LEFT_OUT /* a line that is no event of a ledger */
};

struct ship_note {
	enum ship_notice what;
	uint64_t count;
	int64_t time_us;
	const char *text; /* a sentence of plain words, numbers and names of segments */
};

/* As syslog_event(). */
size_t syslog_notice(const struct syslog_form *f, const struct ship_note *n, char *buf,
		     size_t size);

#endif /* SHIP_SYSLOG_H */
