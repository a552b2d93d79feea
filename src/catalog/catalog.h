/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

/*
 * catalog - from names and addresses to Microsoft's vocabulary.
 *
 * Loaded from files of the tree (docs/catalog.md has their columns): services and connectors
 * by host pattern, regions, service tags by prefix, country and network by MMDB.  Immutable
 * after loading; any number of reading threads; looking up allocates nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/file.h"
#include "base/file_set.h"
#include "catalog/mmdb.h"
#include "model/service.h"

#define TAG_FILES_MAX 8

struct tsv_text;

struct catalog_cfg {
	const char *services;   /* .tsv; the shipped one, required */
	const char *connectors; /* .tsv; required */
	const char *regions;    /* .tsv; required */
	const char *const
		*tags; /* files of service tags (catalog/tags.h), of one cloud each */
	size_t tag_file_count; /* at most TAG_FILES_MAX; 0 = none */
	const char *
		groups; /* words for services, .tsv; NULL = groups.tsv beside `services` */
	const char *own; /* the site's own entries, format of services; NULL = none */
	const char *networks; /* Microsoft's autonomous systems, .tsv; NULL = none */
	const char *country[MMDB_PARTS], *asn[MMDB_PARTS]; /* MMDB; NULL = none */
	bool accept_registrant; /* only warn of a country database of registrants */
	/*
	 * For who is to write a file of tags.  fresh: a text that is read in the place of
	 * fresh->name among `tags`, or of the file of its cloud; NULL = none.  stand_in: when
	 * one of `tags` does not exist, those of clouds that no other file has take its place.
	 */
	const struct tsv_text *fresh;
	const char *const *stand_in;
	size_t stand_in_count;
	struct file_set *set; /* keeps, or stands for, the files read; NULL = none */
};

struct catalog;

/* NULL when anything is wrong; all findings are in `d`. */
struct catalog *catalog_load(const struct catalog_cfg *cfg, struct diag *d);
void catalog_destroy(struct catalog *c);

/*
 * What `host` (normalized: lower case, no final dot, no port) means.  Always sets *ret; unknown
 * = service ID_NONE.  Borrows from the catalogue and from `host`.
 */
void catalog_name(const struct catalog *c, struct str host, struct service *ret);

enum stated {
	STATED_NOT = 0, /* the row does not say */
	STATED_NO,
	STATED_YES,
};

/* A row of the catalogue's files, for people who ask why; borrows from the catalogue. */
struct catalog_row {
	const char *file; /* as it was loaded */
	uint32_t line;
	bool own; /* of the site's own entries */
	uint8_t confidence;
	struct str pattern;
	struct str source;
	struct str date; /* YYYY-MM-DD: the row's, else its file's; absent = neither */
	struct str ports, note; /* services */
	struct str title, publisher,
		tier; /* connectors; of the connector, when an own row */
	enum stated endpoint_filterable, unblockable, gateway, vnet;
};

/*
 * The row that catalog_name() takes `host`'s service from, else the first of its connectors.
 * False: no row speaks of it.
 */
bool catalog_name_row(const struct catalog *c, struct str host, struct catalog_row *ret);

/* The row behind one of the connectors that catalog_name() gave. */
void catalog_connector_row(const struct catalog *c, const struct connector_ref *ref,
			   struct catalog_row *ret);

/* What the catalogue's files say of a connector, of all its rows together. */
struct catalog_connector {
	const char *id; /* in the catalogue's letter case */
	struct str title;
	enum stated unblockable, gateway, vnet;
	size_t hosts; /* patterns that name it, those of the platform itself left out */
	uint8_t confidence; /* the best of them; 0 without any */
};

/* False: no such connector.  Letter case is ignored.  Looks at all rows: not for packets. */
bool catalog_connector(const struct catalog *c, struct str id,
		       struct catalog_connector *ret);

/* What `a` means.  Always sets *ret. */
void catalog_address(const struct catalog *c, const struct addr *a, struct place *ret);

/* The words and groups; sites and sources are left empty for the caller to fill in. */
void catalog_vocabulary(const struct catalog *c, struct vocabulary *ret);

/* Is this one of the published ranges of the service that `s` names? (corroboration) */
bool catalog_range_of_service(const struct catalog *c, const struct service *s,
			      const struct place *p);

/* A loaded file of service tags, in the order given. */
struct tag_feed {
	const char *file;
	const char *cloud; /* "Public"; "" = the file does not say */
	uint64_t change;   /* number of the publication; 0 = not said */
	const char *date;  /* "2026-05-06"; "" = not said */
	int64_t date_us;   /* that day's begin, UTC; INT64_MIN = not said */
	size_t tag_count, prefix_count;
};
size_t catalog_feeds(const struct catalog *c, const struct tag_feed **ret);

/* Does a service of groups.tsv, or the catalogue itself, rely on the tag of that name? */
bool catalog_uses_tag(const struct catalog *c, struct str name);

/* Running digest of all files loaded, for the generation's hash. */
void catalog_digest(const struct catalog *c, uint8_t ret[32]);

/* "services 534 rows of 2026-11-23, ..." one a line, for lookup and --version. */
const char *catalog_summary(const struct catalog *c);
const char *mmdb_library_version(void);

/* A country or network database in use. */
struct geo_file {
	const char *path;
	enum mmdb_kind kind;
	struct file_id id; /* of what was read */
	struct mmdb_about about;
};

#define GEO_FILES_MAX ((size_t)2 * MMDB_PARTS)

/* The databases in use, countries first; borrowed from `c`. */
size_t catalog_geo_files(const struct catalog *c, struct geo_file ret[GEO_FILES_MAX]);

/*
 * What one country database says of addresses of one family whose country the service tags
 * tell: Azure's regions outside the United States, where Microsoft is registered.  asked 0: the
 * file is not there or knows nothing of the family.
 */
struct geo_probe {
	unsigned asked, answered, right;
	unsigned registrant; /* answered US */
};

void catalog_probe(const struct catalog *c, unsigned part, bool v6,
		   struct geo_probe *ret); /* part: below MMDB_PARTS */

#endif /* CATALOG_CATALOG_H */
