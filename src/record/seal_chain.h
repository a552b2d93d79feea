/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_SEAL_CHAIN_H
#define RECORD_SEAL_CHAIN_H

/*
 * seal_chain - some sealed ranges of a ledger proven, and the rest of it not read.
 *
 * The caller has copies of all seals, from wherever; nobody believes them because of that.  Each
 * has the digest of the one before, so they are one chain, which the signatures of those that
 * name a key, and of the last one, hold from the root's key to the end; anchors must be in it.
 * Then a range is proven by its own lines: they must give the head of its seal.
 *
 * What does not fit is not named here: ledger_verify() walks all lines and does.  And what this
 * does not say: whether lines of other ranges are the ones that were sealed.
 *
 * Memory: 152 bytes a seal; 3 MiB more while lines are read.  Threads: one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "record/anchors.h"
#include "record/sign.h"

struct seal_chain;

struct seal_chain_cfg {
	const char *dir;
	const uint8_t *root;     /* SIGN_KEY bytes; NULL = the folder's ledger.pub */
	struct anchors *anchors; /* NULL = none; those that are found are marked */
};

/* 0 or -errno as ledger_verify().  What cfg points to must outlive it. */
int seal_chain_open(const struct seal_chain_cfg *cfg, struct seal_chain **ret)
	__attribute__((warn_unused_result));
void seal_chain_close(struct seal_chain *r); /* NULL is a no-op */

struct seal_copy {
	uint32_t segment; /* where it is said to stand */
	uint64_t offset;
	struct str text; /* without its newline; until seal_chain_add() returns */
};

/* The next seal in the ledger's order.  False: out of memory. */
bool seal_chain_add(struct seal_chain *r, const struct seal_copy *copy);

/*
 * All were added: are they one chain from the root to the last, with all anchors, and are the
 * segments there in which they are said to stand?
 */
bool seal_chain_tied(struct seal_chain *r);

struct chained_seal {
	uint32_t segment;
	uint64_t offset, seq, epoch;
};

size_t seal_chain_count(const struct seal_chain *r);
struct chained_seal seal_chain_seal(const struct seal_chain *r, size_t i);

/* Of a chain that is tied: do the lines before seal i, and it, stand in the ledger?  Cheapest in order. */
bool seal_chain_check(struct seal_chain *r, size_t i);

/* Are the lines behind the last seal numbered on, and as their tags say? */
bool seal_chain_check_tail(struct seal_chain *r);

struct seal_chain_said {
	char root[FINGERPRINT_LEN + 1];
	bool key_given;
	uint64_t first_seq; /* of the ledger */
	uint64_t lines;     /* that were read by now */
};

void seal_chain_said(const struct seal_chain *r, struct seal_chain_said *ret);

#endif /* RECORD_SEAL_CHAIN_H */
