/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_MMDB_FILE_H
#define CATALOG_MMDB_FILE_H

/* mmdb_file - what looking up (mmdb.c), opening (mmdb_file.c) and reading records
 * (mmdb_schema.c) share. */

#include <maxminddb.h>

#include "catalog/mmdb.h"

/* What one record says.  `org` lies in the sealed copy. */
struct mmdb_fact {
	uint32_t offset; /* of the record in the data section, plus 1; 0 = free slot */
	uint32_t asn;
	const char *org; /* NULL = unknown */
	uint32_t org_len;
	char country[3]; /* "" = unknown */
};

struct mmdb_preset {
	enum mmdb_kind kind;
	const char *name;
	const char *const *path; /* of the country's code, or of the network's number */
	const char *const *org;
	const char *shown; /* `path` for people */
};

struct mmdb {
	MMDB_s db;
	const struct mmdb_preset *preset;
	struct mmdb_fact *facts; /* by hash of the offset */
	uint32_t slots;          /* a power of two, at least twice the records */
	size_t records;
	bool v4, v6;
	char type[64];
};

static inline uint32_t mmdb_slot(uint32_t offset, uint32_t slots)
{
	/* Offsets are near each other: Fibonacci hashing spreads them. */
	return (uint32_t)((offset * UINT64_C(11400714819323198485)) >> 32) & (slots - 1);
}

/* ---- mmdb_schema.c ---- */

#define MMDB_PRESETS 4

const struct mmdb_preset *mmdb_preset_at(size_t i); /* i < MMDB_PRESETS */
/* Does the record hold the preset's code or number, whatever its value? */
bool mmdb_shows(const struct mmdb_preset *p, MMDB_entry_s entry);
/* Sets all but the offset. */
void mmdb_read_fact(const struct mmdb_preset *p, MMDB_entry_s entry,
		    struct mmdb_fact *ret);
/* "country.iso_code, country_code": what the kind's presets read. */
void mmdb_paths(enum mmdb_kind kind, char *buf, size_t size);

#endif /* CATALOG_MMDB_FILE_H */
