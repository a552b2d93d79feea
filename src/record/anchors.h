/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_ANCHORS_H
#define RECORD_ANCHORS_H

/*
 * anchors - seals that were kept outside of the ledger: mailed, printed, sent by syslog.
 *
 * A text of lines; of each, what follows its first '{' is read.  Lines that hold no seal are
 * counted and passed over.  The text is as hostile as any file's.
 *
 * Memory: the heap, ANCHORS_MAX of them at most.  Threads: none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "record/seal.h"

#define ANCHORS_MAX 1000000

struct anchor {
	uint64_t seq, epoch;
	uint8_t digest[CHAIN_DIGEST];
	char key[FINGERPRINT_LEN + 1];
	bool found; /* in the ledger, byte for byte */
};

struct anchors {
	struct anchor *list; /* by seq */
	size_t count;
	size_t other_lines; /* that hold no seal */
};

/* 0 or -errno: -ENOMEM, -E2BIG. */
int anchors_parse(struct str text, struct anchors *ret)
	__attribute__((warn_unused_result));
void anchors_finish(struct anchors *a);

/* A seal of the ledger: mark the anchors that are it. */
bool anchors_match(struct anchors *a, uint64_t seq, const uint8_t digest[CHAIN_DIGEST]);

#endif /* RECORD_ANCHORS_H */
