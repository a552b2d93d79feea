/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_SERVICE_TAGS_H
#define IMPORT_SERVICE_TAGS_H

/*
 * service_tags - is a newer file of service tags fit to replace an older one, what changes,
 * and the file that is kept of it.
 *
 * A prefix counts as removed when the newer prefixes of its tag do not cover all of it, and as
 * added when the older ones did not: joining or splitting ranges changes nothing.
 *
 * Measured, 2025-10-28 to 2026-05-06, public cloud: of the tags that groups.tsv names none
 * lost over 0.4 % of its prefixes; in spring 2025 LogicApps lost 486 of about 2,000 at once,
 * which the default refuses until somebody has looked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "catalog/tags.h"

#define TAG_LOSS_DEFAULT 2000 /* hundredths of a percent: 20 % */

struct tag_change {
	struct str name;
	size_t before, after; /* prefixes; 0 = the tag is not there */
	size_t added, removed;
	bool used;     /* Weir relies on the tag: the guard watches it */
	bool accepted; /* told to take its removals */
	bool refused;
};

struct tag_update_cfg {
	unsigned loss; /* a watched tag may lose so much, hundredths of a percent */
	const char *const *accepted; /* tags whose removals are taken */
	size_t accepted_count;
	bool accept_older, accept_cloud;
	bool (*uses)(void *arg, struct str tag);
	void *arg;
};

struct tag_update {
	const struct tag_file *before, *after; /* before: NULL = none to compare with */
	struct tag_change *changes;            /* tags that differ, by name */
	size_t count;
	size_t added, removed, tags_added, tags_removed;
	bool older;       /* the change number or the date goes back */
	bool other_cloud; /* the two files are of different clouds */
	bool refused;     /* for any reason that was not accepted */
};

/* 0 or -ENOMEM.  The files, both TAG_BY_TAG, are borrowed by *ret. */
int tag_update_compare(const struct tag_file *before, const struct tag_file *after,
		       const struct tag_update_cfg *cfg, struct tag_update *ret);
void tag_update_finish(struct tag_update *u);

/*
 * Write `f`, which is TAG_BY_TAG, as TSV (docs/catalog.md), with where it comes from: the name and digest of the
 * file that was read.  The same file gives the same bytes.  0, -ENOMEM or -EIO.
 */
int tag_file_print(const struct tag_file *f, const char *source, const uint8_t sha256[32],
		   FILE *out);

#endif /* IMPORT_SERVICE_TAGS_H */
