/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_EVIDENCE_PACKETS_H
#define APP_EVIDENCE_PACKETS_H

/*
 * evidence_packets - the files of packets that a pack's events name: `weir evidence --with-packets`.
 *
 * They hold payload, so they are in a pack only when somebody asks.  Their names and SHA-256 are
 * in the events, which the seals prove.
 */

#include "base/diag.h"
#include "base/tar.h"
#include "record/line.h"
#include "record/packets.h"

struct evidence_packets {
	struct packets_kept *list; /* each once, in the events' order */
	size_t count, room;
	uint64_t absent, changed; /* once they were added */
	struct record_line *line;
};

/* What the event names.  0 or -ENOMEM. */
int evidence_packets_note(struct evidence_packets *p, const struct ledger_line *line,
			  struct diag *d);
void evidence_packets_finish(struct evidence_packets *p); /* zeros are a no-op */

/*
 * Add the files of the ledger `dir`; `readme` is told which are not there any more, and which are
 * not the ones that the events name: these are added all the same.
 */
void evidence_packets_add(struct evidence_packets *p, const char *dir, struct tar *t,
			  FILE *readme);

#endif /* APP_EVIDENCE_PACKETS_H */
