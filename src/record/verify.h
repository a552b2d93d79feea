/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_VERIFY_H
#define RECORD_VERIFY_H

/*
 * verify - is a ledger the one that was sealed, and where does it begin not to be?
 *
 * All lines are walked once; the first bad line of each sealed range is a finding.  With findings
 * a second walk counts the digests in question over all lines and all tags, which tells what
 * was done: a digest that tags have and lines have not is of a line that is gone, and so on.
 * Whatever the folder holds is hostile: the proof rests on the root key and the anchors that the
 * caller gives.
 *
 * Memory: the caller's, and about 9 MiB on the heap.  Threads: one that hashes lines ahead
 * (record/ahead.h), gone on return; what is found does not depend on it.  Reads no clock.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "record/anchors.h"
#include "record/segments.h"
#include "record/sign.h"

enum ledger_fault {
	FAULT_CHANGED = 0,
	FAULT_MISSING,
	FAULT_INSERTED,
	FAULT_REORDERED,
	FAULT_CUT,              /* the end of the ledger or of a segment is missing */
	FAULT_FOREIGN_KEY,      /* a seal by a key that no seal before it named */
	FAULT_TORN,             /* a last line without its newline */
	FAULT_TAGS,             /* the sidecar does not fit; the lines are sound */
	FAULT_EDITED_WITH_TAGS, /* lines and tags agree, the seal does not: a range */
	FAULT_SIGNATURE,        /* a seal that its key did not sign */
	FAULT_RESIGNED,         /* sealed, but not as the anchor says: a range */
	FAULT_DAMAGED,          /* the segment cannot be read on */
	FAULT_TAKEN_OUT, /* expired lines (record/expired.h), and no seal says so: a range */
	FAULT_COUNT
};

const char *ledger_fault_name(enum ledger_fault f);    /* "edited_with_tags" */
const char *ledger_fault_meaning(enum ledger_fault f); /* for a person */

struct ledger_finding {
	enum ledger_fault fault;
	char segment[SEGMENT_NAME_MAX];
	uint64_t line;        /* in the segment, from 1; 0 = not said */
	uint64_t seq, to_seq; /* the first bad one; the last of a range, else seq */
	bool has_line_tag, has_tag;
	uint8_t line_tag[CHAIN_TAG], tag[CHAIN_TAG]; /* there, and what the sidecar has */
};

/* Time that no seal covers as it passed. */
struct ledger_gap {
	int64_t from_us, to_us;
	uint64_t from_seq, to_seq; /* unsealed lines, or those around a stop */
	enum {
		GAP_STOPPED, /* between a clean stop and the next line */
		GAP_ENDED,   /* the same behind an end that was none; all was sealed */
		GAP_CRASHED, /* lines found unsealed at a start, sealed then */
		GAP_TAIL     /* lines behind the last seal */
	} kind;
};

#define VERIFY_FINDINGS_MAX    64
#define VERIFY_GAPS_MAX        256
#define VERIFY_GENERATIONS_MAX 256
#define GENERATION_TEXT        32

struct ledger_proof {
	struct segments_odd odd; /* said also when the ledger cannot be read */
	bool key_given;          /* else it is the folder's own */
	char root[FINGERPRINT_LEN + 1];
	uint64_t lines, segments, seals;
	uint64_t first_seq, last_seq;
	uint64_t sealed_seq; /* of the last good seal */
	/* Where that seal stands, and the last one with no finding before it: 0 = nowhere. */
	uint32_t sealed_segment, sound_segment;
	uint64_t sealed_offset, sound_offset; /* of its first byte */
	uint64_t sound_seq;          /* all lines up to here are proven; 0 = none */
	uint64_t sound_epoch;        /* by the keys of epochs up to this one */
	uint64_t epochs, last_epoch; /* that were proven */
	uint64_t unsealed;
	uint64_t expired_lines,
		expired_segments; /* lines that are taken out, as sealed */
	unsigned expired_types;   /* 1u << enum expiring, as the seals say */
	int64_t expired_age_us; /* of the youngest of them when it went, by the seals' times */
	uint64_t tombstones, removed_to; /* lines 1 to that went, as sealed; 0 = none */
	uint64_t anchors, anchored_seq, anchors_older;
	int64_t sealed_us;
	size_t finding_count; /* may be above the cap: the rest is counted only */
	struct ledger_finding findings[VERIFY_FINDINGS_MAX];
	size_t gap_count;
	struct ledger_gap gaps[VERIFY_GAPS_MAX];
	size_t generation_count;
	char generations[VERIFY_GENERATIONS_MAX][GENERATION_TEXT];
};

/* A seal that proves all lines up to its own, as far as the walk has come. */
struct proven_seal {
	uint32_t segment;
	uint64_t offset, seq, epoch;
};

struct verify_cfg {
	const char *dir;
	const uint8_t *root;     /* SIGN_KEY bytes; NULL = the folder's ledger.pub */
	struct anchors *anchors; /* NULL = none; what is found is marked */
	bool alone;              /* without a second thread */
	bool still; /* nobody writes it meanwhile: what is short at its end is not waited for */
	/*
	 * NULL = none.  Each such seal in order; the proof may still end before the last ones
	 * (anchors): sound_seq has the last word.  False: out of memory.
	 */
	bool (*each_seal)(void *arg, const struct proven_seal *s);
	void *arg;
};

/* 0, or -errno when it cannot be read at all: -ENOENT no ledger, -ENOKEY no key, -EBADMSG. */
int ledger_verify(const struct verify_cfg *cfg, struct ledger_proof *ret)
	__attribute__((warn_unused_result));

#endif /* RECORD_VERIFY_H */
