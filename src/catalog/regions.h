/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_REGIONS_H
#define CATALOG_REGIONS_H

/*
 * regions - what Microsoft's region tokens mean: "crm4.dynamics.com" is EUR, NL or IE.
 *
 * A token is looked up under the scheme of the place where it stood; schemes that share
 * spellings stand in for each other (regions.c).  Immutable after loading.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define REGION_SCHEMES(X)                 \
	X(CRM, "dataverse-crm")           \
	X(LOCATION, "pp-location")        \
	X(ISLAND, "pp-island")            \
	X(APIHUB, "apihub-geo")           \
	X(APIM, "apim-geo")               \
	X(CSANALYTICS, "csanalytics-geo") \
	X(AZURE, "azure-region")

enum region_scheme {
#define X(id, word) REGION_##id,
	REGION_SCHEMES(X)
#undef X
	REGION_SCHEME_COUNT
};

const char *region_scheme_name(enum region_scheme s);
enum region_scheme region_scheme_find(struct str s); /* REGION_SCHEME_COUNT: none */

struct region {
	enum region_scheme scheme;
	unsigned line;        /* of regions.tsv */
	struct str token;     /* lower case */
	struct str code;      /* what is reported: "EUR", "westeurope" */
	struct str countries; /* "NL|IE"; absent = unknown */
};

struct regions {
	struct region *list;
	size_t count;
	uint16_t *slots; /* index + 1, 0 = empty; a power of two of them */
	size_t slot_count;
};

/* Make list[index] findable; there must be an empty slot. */
void regions_place(struct regions *r, size_t index);

/* The token under exactly this scheme, case ignored; NULL = unknown. */
const struct region *regions_find(const struct regions *r, enum region_scheme scheme,
				  struct str token);

/* The same, then under related schemes, then without the token's final digits. */
const struct region *regions_guess(const struct regions *r, enum region_scheme scheme,
				   struct str token);

#endif /* CATALOG_REGIONS_H */
