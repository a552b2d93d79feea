/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_TAGS_H
#define CATALOG_TAGS_H

/*
 * tags - one file of service tags: which address prefixes Microsoft publishes for a service.
 *
 * Two forms are read: Microsoft's JSON as it is downloaded ("Azure IP Ranges and Service
 * Tags", one file a cloud, https://www.microsoft.com/download/details.aspx?id=56519, 57063
 * Government, 57062 China, seen 2026-05-06), and Weir's TSV (docs/catalog.md), which holds the
 * same entries in less space.  Every fault is a finding with line and column.
 *
 * Date: the JSON holds none, so it is the one in the file's name (..._20260506.json); the TSV
 * says it in a comment.  The time at which a file was fetched is never used.
 *
 * Memory: its own; nothing is borrowed from the text but `name`.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/diag.h"
#include "catalog/tsv.h"
#include "catalog/words.h"

#define TAGS_MAX         16384   /* service tags, all files together */
#define TAG_PREFIXES_MAX 1000000 /* prefix entries of one file */
#define TAG_NAME_MAX     100

struct tag_entry {
	struct prefix prefix;
	uint16_t tag; /* number in names */
	uint32_t line, col;
};

/* Order by tag, then address, then length; 0 = the same entry, wherever it stands. */
int tag_entry_compare(const struct tag_entry *a, const struct tag_entry *b);

struct tag_file {
	const char *name; /* borrowed */
	struct arena *arena;
	struct str cloud; /* as Microsoft spells it: "Public"; absent = not said */
	uint64_t change;  /* number of the publication; 0 = not said */
	char date[11];    /* "2026-05-06"; "" = not said */
	struct words names;
	struct tag_entry *entries; /* in the order asked for; each once */
	size_t count, room;
};

enum tag_order {
	TAG_BY_PREFIX, /* entries of one prefix as in the file */
	TAG_BY_TAG     /* then by prefix: tag_entry_compare() */
};

/* NULL when anything is wrong; all findings are in `d`. */
struct tag_file *tag_file_parse(const struct tsv_text *text, enum tag_order order,
				struct diag *d);
void tag_file_destroy(struct tag_file *f); /* NULL is a no-op */

/* "AzureCloud.westeurope": what follows the first dot; absent when there is none. */
struct str tag_suffix(struct str name);

/* ---- for the two readers ------------------------------------------------------------------ */

struct tag_reader {
	struct tag_file *f;
	struct diag *d;
	bool stop; /* out of memory, or a cap was reached: said in `d` */
};

/* False, with a finding: no sound prefix, or one that is wider than any published one. */
bool tag_read_prefix(struct tag_reader *r, struct span at, struct str s,
		     struct prefix *ret);
/* Letters, digits, '-', '_' and inside '.', at most TAG_NAME_MAX. */
bool tag_name_sound(struct str s);
bool tag_add_name(struct tag_reader *r, struct span at, struct str name, uint16_t *ret);
/* `at`.line 0: an entry that follows from another one. */
bool tag_add_entry(struct tag_reader *r, struct span at, const struct prefix *p,
		   uint16_t tag);
bool tag_set_cloud(struct tag_reader *r, struct span at, struct str s);
void tag_read_json(struct tag_reader *r, const struct tsv_text *text); /* tags_json.c */

#endif /* CATALOG_TAGS_H */
