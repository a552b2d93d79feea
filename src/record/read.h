/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_READ_H
#define RECORD_READ_H

/*
 * read - a ledger read back: its lines in order, and what a line says of a connection.
 *
 * The lines are hostile: whoever can write in the folder can write anything.  That they are the
 * ones that were written is what seals prove, not this reader.
 *
 * Threads: one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/diag.h"
#include "base/text.h"
#include "model/names.h"

struct ledger_reader;

struct ledger_line {
	const char *file; /* the segment's name: "000001.jsonl" */
	unsigned line;    /* from 1 */
	struct str text;  /* without the newline; until the next call */
	uint32_t segment; /* the number in `file` */
	uint64_t offset;  /* of the line's first byte in the segment's text */
	bool expired;     /* only its number is left (record/expired.h) */
};

/* The segments of `dir`, as they are now.  NULL, with a finding, when it is no ledger. */
struct ledger_reader *ledger_reader_open(const char *dir, struct diag *d);
void ledger_reader_close(struct ledger_reader *r); /* NULL is a no-op */

/*
 * The next whole line; false at the end, and when a segment cannot be read (a finding).  A last
 * line without its newline is being written, or was torn, and is no line.
 */
bool ledger_reader_next(struct ledger_reader *r, struct ledger_line *ret);

/* The same with the lines that have expired, which ledger_reader_next() passes over. */
bool ledger_reader_next_any(struct ledger_reader *r, struct ledger_line *ret);

/*
 * Go on at a place that a line told: the next line is the one that begins at `offset` of
 * `segment`, behind `line` others.  False, without a finding, when the segment is not there.
 */
bool ledger_reader_seek(struct ledger_reader *r, uint32_t segment, uint64_t offset,
			unsigned line);

/* The lowest number of a segment that is there; 0 = none is. */
uint32_t ledger_reader_first(struct ledger_reader *r);

#define RECORDED_TEXT_MAX 16384

/* What a `flow` event says that a judgement asks about, and what was judged.  Absent = none. */
struct recorded_flow {
	uint64_t seq, flow_id;
	int64_t time_us;
	enum phase phase;
	struct addr src, dst, src_nat; /* src_nat all zero = unknown */
	uint16_t src_port, dst_port, src_nat_port;
	uint8_t ip_proto;
	enum protocol protocol;
	enum evidence evidence;
	enum corroboration corroboration;
	enum visibility visibility;
	enum undecidable undecidable; /* of the name, else of a gate */
	uint32_t flags;
	bool judged;
	enum verdict verdict, would;
	enum gate gate; /* GATE_COUNT = none decided */
	enum verdict_reason reason;
	enum effect effect;
	bool has_role;
	enum role role;
	bool in_scope, cut;
	struct str generation, community_id, principal, shared, site, host, sni, url,
		database, ja4, service, rule, rule_label, would_rule, country;

	char text[RECORDED_TEXT_MAX]; /* what the texts borrow */
	size_t text_len;
};

/*
 * Read a line.  False: it is no flow event, or (with a finding) none that can be believed.
 */
bool record_read_flow(const struct ledger_line *line, struct diag *d,
		      struct recorded_flow *ret);

/*
 * How many connections a `rollup` event counts, which no flow event tells of.  False: it is
 * no such event, or (with a finding) none that can be believed.
 */
bool record_read_rollup(const struct ledger_line *line, struct diag *d,
			uint64_t *ret_count);

#endif /* RECORD_READ_H */
