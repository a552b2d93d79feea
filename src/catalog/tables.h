/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_TABLES_H
#define CATALOG_TABLES_H

/*
 * tables - the compiled catalogue, as the loader (load.c, rows.c) leaves it and the lookups
 * (catalog.c) read it; and the texts from which it is built, which tests give directly.
 */

#include "base/arena.h"
#include "catalog/catalog.h"
#include "catalog/hostname.h"
#include "catalog/mmdb.h"
#include "catalog/regions.h"
#include "catalog/tsv.h"
#include "catalog/words.h"
#include "match/prefixes.h"
#include "match/suffix.h"

/* What groups.tsv says of a service. */
struct meaning {
	bool in_scope;
	bool platform;
	bool known;             /* has a row there */
	const uint16_t *ranges; /* tags */
	size_t range_count;
};

/* A row of services.tsv. */
struct service_row {
	uint16_t service; /* ID_NONE: an own row that takes the name out */
	uint8_t confidence;
	uint32_t line;
	struct str cloud, role, source;
};

/* Everything that one pattern of one file says: the suffix table's value is its index. */
struct entry {
	struct str pattern;
	bool own; /* the site's: beats all that is shipped */
	uint8_t tail;
	enum grammar grammar;
	const struct service_row *service;      /* NULL = none */
	const struct connector_ref *connectors; /* NULL = none */
	size_t connector_count;
	uint32_t connector_line; /* the first of them */
	struct str connector_source;
};

/* What a service tag says of its addresses; numbered as the tags are. */
struct tag_place {
	uint16_t
		whole; /* "AzureCloud" for "AzureCloud.westeurope"; itself without region */
	bool cloud;    /* AzureCloud: any customer's machines */
	struct str region;    /* lower case; absent = none */
	struct str countries; /* of the region; absent = unknown */
};

struct catalog {
	struct arena *arena;
	struct words services, connectors, tags;
	struct meaning *meanings; /* by service */
	struct service_group *groups;
	size_t group_count;
	struct suffix_table *names;
	struct entry *entries;
	size_t entry_count;
	bool has_own;
	struct regions regions;
	struct prefixes *prefixes;
	struct tag_place *places; /* by tag */
	uint32_t *networks;       /* Microsoft's autonomous systems, ascending */
	size_t network_count;
	struct mmdb *country, *asn;
	uint8_t digest[32];
	char *summary;
};

/* In the order in which they are read. */
enum catalog_file {
	FILE_REGIONS = 0,
	FILE_TAGS,
	FILE_GROUPS,
	FILE_SERVICES,
	FILE_CONNECTORS,
	FILE_OWN,
	FILE_NETWORKS,
	FILE_COUNTRY, /* MMDB */
	FILE_ASN,     /* MMDB */
	FILE_COUNT
};

/* The catalogue from texts in memory; text NULL = not given.  NULL when anything is wrong. */
struct catalog *catalog_build(const struct tsv_text files[FILE_COUNT], struct diag *d);

#endif /* CATALOG_TABLES_H */
