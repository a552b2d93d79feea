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
#include "model/service.h"

struct catalog_cfg {
	const char *services;   /* .tsv; the shipped one, required */
	const char *connectors; /* .tsv; required */
	const char *regions;    /* .tsv; required */
	const char *tags;       /* service-tag prefixes, .tsv; NULL = none */
	const char *
		groups; /* words for services, .tsv; NULL = groups.tsv beside `services` */
	const char *own; /* the site's own entries, format of services; NULL = none */
	const char *networks; /* Microsoft's autonomous systems, .tsv; NULL = none */
	const char *country;  /* MMDB; NULL = none */
	const char *asn;      /* MMDB; NULL = none */
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

/* What `a` means.  Always sets *ret. */
void catalog_address(const struct catalog *c, const struct addr *a, struct place *ret);

/* The words and groups; sites and sources are left empty for the caller to fill in. */
void catalog_vocabulary(const struct catalog *c, struct vocabulary *ret);

/* Is this one of the published ranges of the service that `s` names? (corroboration) */
bool catalog_range_of_service(const struct catalog *c, const struct service *s,
			      const struct place *p);

/* Running digest of all files loaded, for the generation's hash. */
void catalog_digest(const struct catalog *c, uint8_t ret[32]);

/* "services 534 rows of 2026-11-23, ..." one a line, for lookup and --version. */
const char *catalog_summary(const struct catalog *c);
const char *mmdb_library_version(void);

#endif /* CATALOG_CATALOG_H */
