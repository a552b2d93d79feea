/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_BUILDER_H
#define CATALOG_BUILDER_H

/*
 * builder - the catalogue while its files are being read.
 *
 * Every reader adds findings and goes on; what a broken row would have said is left out.
 */

#include "catalog/tables.h"

/* One row that names a connector: sorted into sets when all files are read. */
#define ENTRY_NONE UINT32_MAX /* the row has no pattern: it declares the connector */

struct link {
	uint32_t entry;
	uint16_t connector;
	struct connector_row row;
};

/* Shipped and own patterns are told apart: own ones answer first. */
struct patterns {
	struct words words;
	struct entry *list; /* by word */
	size_t room;
	struct link *links;
	size_t link_count, link_room;
};

struct builder {
	struct catalog *c;
	struct diag *d;
	bool out_of_memory;
	struct patterns shipped, own;
	size_t region_room;
	unsigned rows[FILE_COUNT];
	struct str date[FILE_COUNT];
	const char *name[FILE_COUNT]; /* in the arena; NULL = not given */
};

/* A copy in the catalogue's arena; absent stays absent. */
struct str builder_copy(struct builder *b, struct str s);
struct str builder_copy_lower(struct builder *b, struct str s);

/* Zeroed bytes of the arena that begin a cache line; NULL as arena_alloc(). */
void *builder_lines(struct builder *b, size_t size);

/* realloc to hold one more of `size` bytes; false (and out_of_memory) when it cannot. */
bool builder_room(struct builder *b, void **list, size_t *room, size_t count,
		  size_t size);

/* geo.c */
void read_regions(struct builder *b, const struct tsv_text *text);

/* places.c: one file of service tags, unless it gives way to one of its cloud; then, when all are read, what addresses mean */
void read_tags(struct builder *b, const struct tsv_text *text, bool gives_way);
void compile_places(struct builder *b);

/* geo_files.c */
void read_databases(struct builder *b, const struct tsv_text files[FILE_COUNT],
		    const struct build_extra *extra);
/* "country     GeoLite2-Country of 2026-11-24, ..." into `to`; its length. */
size_t describe_database(const struct catalog *c, unsigned file, const char *title,
			 const char *name, char *to, size_t room);
/* How each country database did with addresses that the tags know; "" = not asked. */
size_t describe_probe(const struct catalog *c, char *to, size_t room);

/* networks.c */
void read_networks(struct builder *b, const struct tsv_text *text);

/* rows.c */
void read_groups(struct builder *b, const struct tsv_text *text);
void read_services(struct builder *b, const struct tsv_text *text);
void read_connectors(struct builder *b, const struct tsv_text *text);
void read_own(struct builder *b, const struct tsv_text *text);

/* hidden.c: once the names are compiled, warn of own entries that hide shipped ones */
void warn_hidden(struct builder *b);

#endif /* CATALOG_BUILDER_H */
