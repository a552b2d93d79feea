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

/* A row of services.tsv; at the start of a cache line, what lookups read first. */
struct service_row {
	struct str cloud, role, source;
	uint16_t service; /* ID_NONE: an own row that takes the name out */
	uint8_t confidence;
	uint32_t line, col; /* of the pattern */
	const char *file;
	struct str date, ports, note;
};

/* A row that names a connector. */
struct connector_row {
	const char *file;
	uint32_t line, col; /* of the pattern; of own rows alone */
	uint8_t confidence;
	bool own;
	struct str pattern;
	struct str title, publisher, tier, source, date;
	enum stated endpoint_filterable, unblockable, gateway, vnet;
};

/*
 * A value of the suffix table: which kinds of rows the entry has, and its index above them.
 * Most lookups pass over an entry without reading it.
 */
#define NAME_SERVICE    UINT32_C(1)
#define NAME_CONNECTORS UINT32_C(2)
#define NAME_SHIFT      2

/*
 * Everything that one pattern of one file says.  What every lookup asks of the rows behind it is kept here, so that it costs one cache line.
 */
struct entry {
	struct str pattern;
	const struct service_row *service;      /* NULL = none */
	const struct connector_ref *connectors; /* NULL = none */
	const struct connector_row *first;      /* of them, by line; NULL = none */
	uint32_t connector_count;
	uint32_t line;       /* of the service's row, else of `first` */
	uint16_t service_id; /* ID_NONE = none */
	uint8_t confidence;  /* of the service's row, else the best of the connectors */
	uint8_t tail;        /* bytes of the grammar's domain */
	uint8_t grammar;     /* enum grammar */
	bool own;            /* the site's: beats all that is shipped */
	bool asks_host;      /* names may match without fitting: hostname_fits() */
	bool in_scope, platform;
};

#define CACHE_LINE 64
_Static_assert(sizeof(struct entry) == CACHE_LINE, "an entry is one cache line");

/* What a service tag says of its addresses; numbered as the tags are. */
struct tag_place {
	bool cloud;           /* AzureCloud: any customer's machines */
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
	struct connector_row *connector_rows;
	size_t connector_row_count;
	uint32_t *connector_about; /* by connector: its first row + 1, 0 = none */
	struct regions regions;
	struct prefixes *prefixes;
	uint32_t *networks; /* Microsoft's autonomous systems, ascending */
	size_t network_count;
	struct tag_feed feeds[TAG_FILES_MAX];
	size_t feed_count;
	struct place *places; /* one for each set of tags that some address has */
	uint32_t *place_of;   /* by distinct prefix: index of places */
	struct mmdb *geo[2][MMDB_PARTS]; /* by kind; NULL = not given */
	struct geo_file geo_files[GEO_FILES_MAX];
	size_t geo_count;
	struct geo_probe probes[MMDB_PARTS][2]; /* by file of countries; IPv4, IPv6 */
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
	FILE_COUNTRY_2,
	FILE_ASN_2,
	FILE_MORE_TAGS, /* further files of service tags, up to the end */
	FILE_COUNT = FILE_MORE_TAGS + TAG_FILES_MAX - 1
};

/* What the loader knows of the files beside their bytes. */
struct build_extra {
	struct file_id ids[FILE_COUNT];
	bool accept_registrant;
	bool gives_way
		[FILE_COUNT]; /* tags that are passed over when their cloud has some */
};

/* The number of the i-th file of service tags. */
static inline unsigned tag_file_at(size_t i)
{
	return i == 0 ? FILE_TAGS : FILE_MORE_TAGS + (unsigned)i - 1;
}

/* The catalogue from texts in memory; text NULL = not given.  NULL when anything is wrong. */
struct catalog *catalog_build(const struct tsv_text files[FILE_COUNT], struct diag *d);
/* The same; extra NULL = nothing is known. */
struct catalog *catalog_build_with(const struct tsv_text files[FILE_COUNT],
				   const struct build_extra *extra, struct diag *d);

/* What the service tags alone say of `a`.  Always sets *ret. */
void catalog_tags_of(const struct catalog *c, const struct addr *a, struct place *ret);
/* What the country databases alone say; "" = unknown. */
void catalog_country_of(const struct catalog *c, const struct addr *a, char ret[3]);

#endif /* CATALOG_TABLES_H */
