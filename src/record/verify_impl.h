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
/* Look again: does it hold that tag now?  A writer adds them behind its lines. */
bool tag_file_reaches(struct tag_file *t, uint64_t index);
bool tag_file_at(struct tag_file *t, uint64_t index, uint8_t ret[CHAIN_TAG]);

/* The folder's own root key.  0, or -ENOKEY: there is none. */
int ledger_root_read(int dir_fd, uint8_t ret[SIGN_KEY])
	__attribute__((warn_unused_result));

/* The number of the first line of the ledger, whose first segment that is; 1 when it says none. */
uint64_t ledger_beginning(int dir_fd, uint32_t first);

/* What epochs.jsonl has kept of the lines before `begins`, which were removed. */
struct removed_part {
	uint64_t begins;
	uint8_t key
		[SIGN_KEY]; /* before: the root's; behind: that of the last proven epoch */
	uint64_t epoch;
	struct seal
		tombstone; /* without has_removed: none; nobody looked at its signature */
};

/* Follow the seals that name keys; look for the tombstone that ends where the ledger begins. */
void removed_read(int dir_fd, struct removed_part *r);

/* How far a walk had proven the ledger. */
struct sound_at {
	uint64_t seq, epoch, offset;
	uint32_t segment;
};

/* The lines of one segment that are taken out (record/expired.h), and whether a seal says so. */
struct taken_out {
	char name[SEGMENT_NAME_MAX];
	uint64_t line; /* the first one's, in the segment */
	uint64_t first_seq, last_seq;
	uint64_t count;
	uint8_t head[CHAIN_DIGEST]; /* as struct seal_expired has it */
	struct sound_at before;     /* the first of them was read */
	int64_t sealed_us;          /* of the last good seal before the last of them */
	/* Sets (1u << enum expiring): of what it has whole lines yet, what went, what seals name. */
	unsigned whole, gone, said;
	/* What went of ranges that begin in the segment before, which has such lines, too. */
	bool is_joined;
	unsigned joint;
	bool odd; /* what went cannot have been of those types */
	bool told;
	int64_t age_us; /* at the seal that tells */
};

struct taken_outs {
	size_t count, room;
	struct taken_out *list;
	size_t range; /* those from here on have lines in the range that is walked */
};

/* Where a walk stands. */
struct taken_here {
	const char *name;
	bool again; /* the segment is that of the last one added */
	uint64_t line, seq;
	int64_t sealed_us;
};

/* A line that is one.  False: out of memory. */
bool taken_out_add(struct taken_outs *t, const struct taken_here *at, struct str line,
		   const struct ledger_proof *p);

/*
 * A good seal ends a range, of which `seen` was there; NULL: it has findings of its own.  Lines of
 * which only that is left must be as many as are missing of the types that can expire.
 */
void taken_out_sealed(struct taken_outs *t, const struct expiring_count *seen,
		      const struct seal *s);

/* A good seal says of a segment what was taken out of it. */
void taken_out_told(struct taken_outs *t, const struct seal *s);

/*
 * All was read: a finding for each segment of which no seal says so, or in which lines of a type
 * went that no seal names, or not all of one, unless the walk had findings of its own; what is proven ends before it in any case.
 */
void taken_out_end(struct taken_outs *t, struct ledger_proof *p);

/* Count the digests in question everywhere, and say of each finding what was done. */
int name_faults(int dir_fd, struct ledger_proof *p) __attribute__((warn_unused_result));

#endif /* RECORD_VERIFY_IMPL_H */
