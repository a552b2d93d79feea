/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_EXPIRED_H
#define RECORD_EXPIRED_H

/*
 * expired - what is left of a line whose time has passed: its number and its digest.
 *
 *   {"v":1,"seq":N,"type":"expired","digest":"64 hex digits","check":"8 hex digits"      }
 *
 * It is as long as the line was (blanks stand before the brace), so that every other line of the
 * segment stays where it stood, and `digest` is D of the line that was (record/chain.h): the
 * chain, the tags and the seals hold as before.  `check` is the first 4 bytes of SHA-256 of all that
 * stands before it: what was changed by accident or by hand is no such line, but some line, and the
 * tag says which.  Nothing else of the line is left.  That it was
 * Weir that took it out, and when, a later seal says (record/seal.h, struct seal_expired).
 * docs/ledger.md is the contract.
 *
 * Memory: the caller's.  Threads: none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "record/chain.h"

/* The types of events that can have a time of their own, which are those about people. */
enum expiring {
	EXPIRING_FLOW = 0,
	EXPIRING_SIGNAL,
	EXPIRING_ROLLUP,
	EXPIRING_DNS,
	EXPIRING_COUNT
};

const char *expiring_name(enum expiring t); /* as `type` of an event */
/* EXPIRING_COUNT: such lines stay as long as their segment. */
enum expiring expiring_find(struct str type);

/* "flow,dns" of a set (1u << type); its length. */
#define EXPIRING_TEXT_MAX 32
size_t expiring_format(unsigned set, char buf[EXPIRING_TEXT_MAX]);

/* The type of a line, or of its part from "time" on; EXPIRING_COUNT: another. */
enum expiring expiring_of(struct str line);

/*
 * Lines by type.  A seal says how many of each its range has, so that lines that are gone cannot
 * have been others: what is missing of the types must be as many as have expired.
 */
struct expiring_count {
	uint64_t of[EXPIRING_COUNT];
	uint64_t expired; /* lines of which only that is left */
};

/* Returns its type; EXPIRING_COUNT: another, or only that is left. */
enum expiring expiring_note(struct expiring_count *c, struct str line, bool expired);

/* *ret_missing: types of which `seen` has fewer lines.  False: it cannot be what was sealed. */
bool expiring_fits(const struct expiring_count *seen,
		   const uint64_t sealed[EXPIRING_COUNT], unsigned *ret_missing);

/*
 * Put it in the place of a line of `len` bytes without the newline.  False: such a short line
 * has no room for it.  Weir's own lines all have.
 */
bool expired_format(uint64_t seq, const uint8_t digest[CHAIN_DIGEST], char *line,
		    size_t len);

/* A line without its newline.  Strict: what differs in a byte is some line. */
bool expired_parse(struct str line, uint64_t *ret_seq, uint8_t ret_digest[CHAIN_DIGEST]);

bool expired_is(struct str line);

/*
 * D of a line that stands in a ledger: of its bytes with the newline behind them, (p, len + 1),
 * or what an expired one says of the line that was.
 */
void line_digest(struct str line, uint8_t ret[CHAIN_DIGEST]);

/*
 * How far each type was taken out: of all segments up to that number.  In the ledger's folder as
 * the file `expired`, written after the segment; a ledger without it is looked through again.
 * Whoever has copies of lines (the store) tells by it which of them are to go.
 */
#define EXPIRED_MARKS "expired"
struct expired_marks {
	uint32_t to[EXPIRING_COUNT];    /* 0 = none */
	uint64_t lines[EXPIRING_COUNT]; /* that went, in all */
};

/* What cannot be read is 0. */
void expired_marks_read(int dir_fd, struct expired_marks *ret);
/* 0 or -errno; then the file is as it was. */
int expired_marks_write(int dir_fd, const struct expired_marks *m)
	__attribute__((warn_unused_result));

#endif /* RECORD_EXPIRED_H */
