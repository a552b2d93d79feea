/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_MMDB_WRITE_H
#define CATALOG_MMDB_WRITE_H

/*
 * mmdb_write - a MaxMind DB file from ranges of addresses.
 *
 * One file for both families: IPv4 lies in ::/96, where readers of the format look for it.
 * The same ranges give the same bytes.  Neighbours with the same record become one; the
 * smallest size of tree records that fits is taken.
 * Source: MaxMind DB File Format Specification 2.0, read 2026-11.
 *
 * Memory: 8 bytes a node of the tree; the ranges of all countries need about 20 MiB.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/text.h"

#define MMDB_WRITE_NODES_MAX (UINT32_C(1) << 26)

struct mmdb_write_cfg {
	const char *type;        /* database_type */
	const char *description; /* in English */
	uint64_t build_s;        /* build_epoch; readers refuse 0 */
};

struct mmdb_write;

struct mmdb_write *mmdb_write_create(void); /* NULL: out of memory */
void mmdb_write_destroy(struct mmdb_write *w);

/* The record {"country":{"iso_code":code}}; code = two letters.  Its number, or -errno. */
int mmdb_write_country(struct mmdb_write *w, const char code[2]);
/* The record of a network.  At most 65,535 bytes of name.  Its number, or -errno. */
int mmdb_write_network(struct mmdb_write *w, uint32_t asn, struct str name);

/*
 * Addresses first..last (same family, ascending) have `record`; where ranges overlap the later
 * call wins.  0, -EINVAL, -ENOMEM, -E2BIG (too many nodes).
 */
int mmdb_write_range(struct mmdb_write *w, const struct addr *first,
		     const struct addr *last, int record)
	__attribute__((warn_unused_result));

/* The file's bytes, the caller's.  0, -ENOMEM, or -E2BIG.  Call once. */
int mmdb_write_end(struct mmdb_write *w, const struct mmdb_write_cfg *cfg, uint8_t **ret,
		   size_t *ret_len) __attribute__((warn_unused_result));

#endif /* CATALOG_MMDB_WRITE_H */
