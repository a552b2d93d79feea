/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ARCHIVE_H
#define ENGINE_ARCHIVE_H

/*
 * archive - what each generation was made from, kept beside the ledger by its hash.
 *
 * DIR/generations/NAME.json says how the generation was loaded and which files it read;
 * DIR/generations/files/SHA256 holds their bytes, each content once, whatever it was called
 * and however many generations read it.  Kept is all that decides: configuration, rules,
 * tables, calendars, catalogue, service tags, country and network databases; not who people
 * are (leases, lists of people), which a generation does not hold.
 *
 * An event names its generation, so that a verdict can be explained, printed and judged again
 * with the rules of its day.  On reading every file is held against its hash, and the
 * generation against its name.
 */

#include "base/diag.h"
#include "engine/generation.h"

#define ARCHIVE_NAME_MIN 4 /* digits that may stand for a generation */

/*
 * Keep `g`, which was loaded as `cfg` says, with cfg->set.  What is there already stays.
 * `sync`: all is on the disk before the generation's own file is.  0 or -errno.
 */
int archive_keep(const char *dir, const struct generation *g,
		 const struct generation_cfg *cfg, bool sync)
	__attribute__((warn_unused_result));

/*
 * The generation called `name`, or the only one whose name begins so.  NULL when there is none,
 * or it is damaged: all findings are in `d`.
 */
struct generation *archive_load(const char *dir, const char *name, struct diag *d);

/* Called for each file of a generation; its bytes are not looked at. */
struct archive_each {
	void (*file)(void *arg, const char *name, const char *sha256);
	void *arg;
};

/*
 * What the manifest of the generation called `name`, its whole name, says that it was made from.
 * *ret (the caller's) is the manifest's text.  0, or -errno with findings.
 */
int archive_list(const char *dir, const char *name, const struct archive_each *each,
		 struct diag *d, char **ret, size_t *ret_len)
	__attribute__((warn_unused_result));

#endif /* ENGINE_ARCHIVE_H */
