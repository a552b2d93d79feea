/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_SEALER_H
#define RECORD_SEALER_H

/*
 * sealer - the state behind a ledger's last line: head of the chain, last seal, key.
 *
 * Pure but for the key's own file: the ledger hands lines in as it numbers them and asks for
 * seal lines when one is due.  A seal bears sensor, generation and mode of the line before
 * it; its time is sealer_clock()'s, or without one that line's (a replay: packet time).
 *
 * Threads: one writer.  No allocation.
 */

#include "record/keys.h"
#include "record/seal.h"
#include "record/tags.h"

struct sealer {
	struct keys keys;
	uint8_t head[CHAIN_DIGEST];
	bool has_previous;
	uint8_t previous[CHAIN_DIGEST];
	uint64_t first_seq;          /* of the next seal's range */
	uint64_t unsealed;           /* lines behind the last seal */
	struct expiring_count count; /* of them, by type */
	uint64_t epoch_lines;        /* and since the present key began */
	enum seal_cause last_cause;  /* of the last seal of this process */
	uint64_t last_seq;           /* its number; 0 = none known */
	int64_t last_us;             /* its time */
	int64_t clock_us;            /* wall time; 0 = packet time */
	int64_t sealed_at, epoch_at; /* monotonic microseconds */
	int64_t line_us;             /* of the last line */
	size_t origin_len;
	char origin[SEAL_ORIGIN_MAX];
	size_t recent_len; /* beginning of the last line, from "time" on; 0 = a seal */
	char recent[SEAL_ORIGIN_MAX + 64];
};

/* Before the first line.  Takes the keys. */
void sealer_start(struct sealer *s, const struct keys *keys);

/*
 * A line is added: `line` with its newline, `tail` of it from "time" on.  *ret_digest: for
 * its tag.
 */
void sealer_add(struct sealer *s, struct str line, struct str tail,
		uint8_t ret_digest[CHAIN_DIGEST]);

/* What a seal says beyond its range. */
struct seal_more {
	bool step; /* names the next key; keys_step_begin() was done */
	uint64_t recovered;
	const struct seal_removed *removed;
	const struct seal_expired *expired;
};

/*
 * The seal numbered `seq`, which is added to the chain.  Its length, *ret_digest for its tag;
 * 0 when it could not be signed, and nothing has changed.
 */
size_t sealer_seal(struct sealer *s, uint64_t seq, enum seal_cause cause,
		   const struct seal_more *more, char buf[SEAL_LINE_MAX],
		   uint8_t ret_digest[CHAIN_DIGEST]);

/*
 * Read the end of the ledger again: the state behind the last line of segment `last`, from its
 * last seal on.  Tags of lines behind that seal are made again, missing ones too; `tags` is then
 * open for that segment.  *ret_stepped: has the ledger named or used the key that is keys.next?
 * 0 or -errno.
 */
int sealer_recover(struct sealer *s, int dir_fd, uint32_t last, struct tags *tags,
		   bool *ret_stepped) __attribute__((warn_unused_result));

#endif /* RECORD_SEALER_H */
