/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_EVIDENCE_PACK_H
#define APP_EVIDENCE_PACK_H

/* evidence_pack - the files of `weir evidence`, and the archive that holds them. */

#include "app/command.h"
#include "app/evidence_packets.h"
#include "record/proof.h"

#define EVIDENCE_LINES_MAX       1000000
#define EVIDENCE_GENERATIONS_MAX 1024
#define EVIDENCE_WORDS_MAX       128
#define EVIDENCE_FILE_MAX        ((size_t)8 << 20) /* of generations, without --all-files */

struct pack {
	const char *dir; /* the ledger */
	uint8_t root[SIGN_KEY];
	bool all_files, with_packets;
	const char *words[EVIDENCE_WORDS_MAX]; /* of the command line, for the README */
	size_t word_count;
	struct proof_want *wants; /* sorted */
	size_t want_count;
	char generations[EVIDENCE_GENERATIONS_MAX][GENERATION_NAME_LEN + 1];
	size_t generation_count;
	bool generations_over;
	struct evidence_packets packets; /* that the events name */
};

/* An exit code; what it was, is said. */
int evidence_write(struct pack *e, const char *path, struct diag *d);

#endif /* APP_EVIDENCE_PACK_H */
