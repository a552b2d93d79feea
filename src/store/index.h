/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

/*
 * index - a ledger's index: a folder of daily files that follows the ledger and is made anew
 * whenever it cannot be believed.
 *
 * It is off the packet path: whoever asks brings it up to date first.  Each file tells which
 * part of the ledger it holds; together they must tile it up to a last line that still stands
 * where it stood, with the bytes that it had.  Damage, another schema, a missing file, a ledger
 * that does not go on there: all files are removed and made again, with a warning.
 * Files whose segments were all removed (retention) are removed, too, and files with lines that
 * have expired since (record/expired.h) are made anew.
 *
 * The index can be changed by whoever can write in its folder.  It is a means to find lines;
 * the ledger is the record, and store_prove_line() holds a row against it.
 *
 * Two at once: the file `lock` of the folder, flock(2): exclusive while it is brought up to
 * date, shared while it is asked.  Threads: one a store.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "record/seal_chain.h"
#include "store/day.h"

struct store;

struct store_cfg {
	const char *ledger; /* the folder with the segments */
	const char *index;  /* NULL: `index` in the ledger's folder */
	bool rebuild;       /* remove what is there first */
};

struct store_totals {
	uint64_t events, bad, gaps, added; /* added: lines read by this process */
	int64_t first_us, last_us;         /* of the events; first > last = none */
	int64_t newest_us; /* of the ledger's last one: less than last_us where a clock was set back */
	unsigned files;
	bool rebuilt;
};

/*
 * Open, and bring it up to date.  0, or -errno with findings in d.  Warnings (made anew, lines
 * that are no events) may be in d in both cases.
 */
int store_open(const struct store_cfg *cfg, struct diag *d, struct store **ret)
	__attribute__((warn_unused_result));
void store_close(struct store *s); /* NULL is a no-op */

/* Read what was added to the ledger since.  0 or -errno with findings. */
int store_update(struct store *s, struct diag *d) __attribute__((warn_unused_result));

/* Make it anew, with a warning that says why. */
int store_rebuild(struct store *s, struct diag *d, const char *why)
	__attribute__((warn_unused_result));

/* Let others bring it up to date until the next store_update(). */
void store_release(struct store *s);

struct store_totals store_totals(const struct store *s);

/* The files in the ledger's order, closed; day_open() them with the folder to read. */
size_t store_day_count(const struct store *s);
struct day *store_day(struct store *s, size_t i);
/*
 * The copies of all seals, in the ledger's order; `each` false: out of memory.  0 or -errno
 * with findings.
 */
int store_each_seal(struct store *s,
		    bool (*each)(void *arg, const struct seal_copy *copy), void *arg,
		    struct diag *d) __attribute__((warn_unused_result));

/* Are lines of that type from before a time gone?  Then when, since 1970. */
bool store_expired(const struct store *s, enum expiring type, int64_t *ret_before_us);

const char *store_folder(const struct store *s);
const char *store_ledger(const struct store *s);

/* Where an indexed line stands, and its digest then. */
struct line_place {
	uint32_t segment;
	unsigned line;
	uint64_t offset;
	uint32_t length;
	int64_t digest;
};

/* The line at that place; false: it is not there any more (or, with a finding, unreadable). */
bool store_read_line(struct ledger_reader *r, const struct line_place *at,
		     struct ledger_line *ret);

/*
 * Are its bytes those that were indexed?  By a digest without a secret: it finds what changed
 * since, by accident or by hand in the ledger alone.  That the ledger is what was written is
 * for its chain and seals to prove.
 */
bool store_prove_line(const struct line_place *at, const struct ledger_line *line);

#endif /* STORE_INDEX_H */
