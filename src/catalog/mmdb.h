/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_MMDB_H
#define CATALOG_MMDB_H

/*
 * mmdb - country and network of an address from MaxMind DB files (format version 2).
 *
 * The file is copied into sealed memory first: libmaxminddb maps it, and a mapped file that
 * somebody truncates kills the process (SIGBUS).  Immutable after opening; any number of
 * reading threads; looking up allocates nothing.
 *
 * Schemas: "country.iso_code" (MaxMind, DB-IP) or a flat "country_code"; what the registrant's
 * country is ("registered_country") is never read.  "autonomous_system_number" and
 * "autonomous_system_organization" for networks.  An empty text is unknown.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/diag.h"
#include "base/text.h"

enum mmdb_kind {
	MMDB_COUNTRY = 0,
	MMDB_ASN
};

struct mmdb;

/*
 * NULL: a finding is in `d`.  `bytes`/`len` are the file's (mmdb keeps its own copy); `name` is
 * how findings call it.
 */
struct mmdb *mmdb_open(const char *name, const void *bytes, size_t len,
		       enum mmdb_kind kind, struct diag *d);
void mmdb_close(struct mmdb *m); /* NULL is a no-op */

/* Two upper-case letters, or "" = unknown.  m may be NULL. */
void mmdb_country(const struct mmdb *m, const struct addr *a, char ret[3]);

/* 0 and absent = unknown.  *ret_org borrows from `m`.  m may be NULL. */
void mmdb_network(const struct mmdb *m, const struct addr *a, uint32_t *ret_asn,
		  struct str *ret_org);

int64_t mmdb_build_us(const struct mmdb *m); /* when it was made */
const char *mmdb_type(const struct mmdb *m); /* its own name for itself */

#endif /* CATALOG_MMDB_H */
