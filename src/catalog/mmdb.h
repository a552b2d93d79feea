/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_MMDB_H
#define CATALOG_MMDB_H

/*
 * mmdb - country and network of an address from MaxMind DB files (format version 2).
 *
 * The file is copied into sealed memory first: libmaxminddb maps it, and a mapped file that
 * somebody truncates kills the process (SIGBUS).  All of it is checked at opening, within a
 * bound of work: the search tree, and every record that the tree reaches (mmdb_check.h).
 * What a record says is read once, into a table; looking up an address walks the tree and
 * never meets the records again, so a hostile one costs nothing later.
 *
 * Immutable after opening; any number of reading threads; looking up allocates nothing.
 *
 * What a record may look like is a table of presets (mmdb_schema.c); the one that most
 * records show is taken for the whole file.  What the registrant's country is
 * ("registered_country") is never read.  An empty text, and a word that is no country of
 * ISO 3166-1 ("EU", "AP", "XX", "??"), is unknown; small letters count as capitals.
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

#define MMDB_PARTS 2 /* files of one kind: IPv4 and IPv6 may come apart */

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

/* What a file is.  The texts live as long as `m`. */
struct mmdb_about {
	int64_t build_us;   /* when it was made */
	const char *type;   /* its own name for itself; printable */
	const char *schema; /* "maxmind": the preset, and */
	const char *path;   /* "country.iso_code": what it reads */
	size_t records;     /* distinct ones */
	bool v4, v6;        /* knows addresses of the family */
};

void mmdb_about(const struct mmdb *m, struct mmdb_about *ret);

#endif /* CATALOG_MMDB_H */
