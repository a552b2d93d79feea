/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_PROOF_H
#define RECORD_PROOF_H

/*
 * proof - what somebody needs who has some lines of a ledger, and not the ledger, to see that
 * they are what was sealed: digests of the lines around, seals, and the seals that name keys.
 *
 * Of each sealed range that holds a chosen line: H before the first chosen one, D of it and
 * of all behind it in the range, and the seal.  Whoever chains them gets `head` of the seal, from
 * these lines and no others: that is as hard as finding two texts with one SHA-256.  Numbers
 * follow from the seal's, which are signed.  docs/ledger.md, "Evidence packs", is the contract.
 *
 * The lines are hostile, and nothing is believed here but the keys' chain: what does not prove
 * is written all the same, and the check says so.
 *
 * Memory: a range's digests, PROOF_RANGE_MAX at most.  Threads: none.
 */

#include <stdint.h>
#include <stdio.h>

#include "record/sign.h"

#define PROOF_RANGE_MAX (4u << 20) /* lines of one range; ledger.seal_events ends below */

/* Sorted by place, each once. */
struct proof_want {
	uint32_t segment;
	unsigned line; /* from 1 */
	bool context;  /* not asked for, but said of the others: goes to `context` */
};

struct proof_out {
	FILE *lines, *context; /* as they stand, in the ledger's order */
	FILE *proof;           /* ranges */
	FILE *seals;           /* that end them, and those asked for */
	FILE *epochs; /* seals that name the next key, as far as any seal needs */
};

struct proof_count {
	uint64_t lines, context;
	uint64_t ranges, seals, epochs;
	uint64_t unsealed;            /* chosen lines that no seal is behind */
	uint64_t gone;                /* chosen lines that are not there */
	uint64_t first_seq, last_seq; /* of the chosen; 0 = none */
};

/* Ledger `dir` of that root key.  0 or -errno: -ENOENT no ledger. */
int proof_write(const char *dir, const uint8_t root[SIGN_KEY],
		const struct proof_want *want, size_t count, const struct proof_out *out,
		struct proof_count *ret) __attribute__((warn_unused_result));

#endif /* RECORD_PROOF_H */
