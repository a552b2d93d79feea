/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_VERIFY_IMPL_H
#define RECORD_VERIFY_IMPL_H

/*
 * verify_impl - what verify.c shares with verify_kind.c: sidecars, removed beginnings, and what
 * was done to the lines of the findings.
 */

#include "record/seal.h"
#include "record/verify.h"

#define TAG_FILE_PART 8192

/* A sidecar, read in parts. */
struct tag_file {
	int fd; /* -1 = none */
	uint64_t count;
	uint64_t from; /* index of the first in part */
	size_t in_part;
	uint8_t part[TAG_FILE_PART][CHAIN_TAG];
};

/* One that cannot be read is an empty one. */
void tag_file_open(struct tag_file *t, int dir_fd, uint32_t segment);
void tag_file_close(struct tag_file *t);
bool tag_file_at(struct tag_file *t, uint64_t index, uint8_t ret[CHAIN_TAG]);

/*
 * *ret_begins: the number of the ledger's first line.  When that is not 1, *ret: the newest seal
 * which says that the lines before it were removed; without has_removed when there is none.
 * Nobody has looked at its signature.
 */
int ledger_beginning(int dir_fd, uint32_t first, uint64_t *ret_begins, struct seal *ret)
	__attribute__((warn_unused_result));

/*
 * Follow the epoch seals of removed segments, which are kept in epochs.jsonl: from the root's
 * key to the last one that is proven.
 */
void epochs_read(int dir_fd, uint8_t key[SIGN_KEY], uint64_t *epoch);

/* Count the digests in question everywhere, and say of each finding what was done. */
int name_faults(int dir_fd, struct ledger_proof *p) __attribute__((warn_unused_result));

#endif /* RECORD_VERIFY_IMPL_H */
