/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GARBAGE_CASES_H
#define GARBAGE_CASES_H

/*
 * cases - the files that `make garbage` damages, and what must hold for each of them.
 *
 * Case number N is always of kind N % KIND_COUNT and always the same bytes, as long as the
 * seeds stay as they are.  The working folder holds the seeds, laid out as in the tree, and
 * `share` with cut-down shipped data (scripts/garbage.sh prepares it).
 */

#include <stddef.h>
#include <stdint.h>

#define WHY_MAX 300

enum kind {
	KIND_CAPTURE = 0,
	KIND_RULES,
	KIND_CONFIG,
	KIND_CATALOG,
	KIND_COUNT
};

enum outcome {
	OUTCOME_READ = 0, /* loaded; captures: at least a frame was read */
	OUTCOME_REFUSED,  /* with a message; captures: no frame was read */
	OUTCOME_EMPTY,    /* captures: nothing wrong, but no frame in it */
	OUTCOME_WRONG,    /* see `why` */
	OUTCOME_COUNT
};

struct cases;

/* NULL, and a message on standard error, when seeds are missing or are not sound. */
struct cases *cases_create(void);
void cases_destroy(struct cases *c);

const char *kind_name(enum kind k);
size_t cases_seed_count(const struct cases *c, enum kind k);

/* Run seed `i` as it is; OUTCOME_WRONG also when it is a sound one and is not read. */
enum outcome cases_run_seed(struct cases *c, enum kind k, size_t i, char why[WHY_MAX]);

/* Make case `number` and run it.  keep: write the file there too; NULL = no. */
enum outcome cases_run(struct cases *c, uint64_t number, const char *keep,
		       char why[WHY_MAX]);

#endif /* GARBAGE_CASES_H */
