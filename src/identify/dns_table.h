/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_DNS_TABLE_H
#define IDENTIFY_DNS_TABLE_H

/*
 * dns_table - the witness's tables as bytes: what the gateway keeps over a restart, and what
 * `weir ctl dns` gets.
 *
 *   file   "weirdns\n" | be32 version | be64 time_us | block... | be32 0 | be64 rows
 *   block  be32 length (1..DNS_TABLE_BLOCK) | be64 hash of these bytes | records
 *   site   u8 1 | u8 length | name                      (sites count from 0)
 *   row    u8 2 | be16 site | addr | times | name       (of a site)
 *   row    u8 3 | be16 site | client | addr | times | name   (site 0xffff: of none)
 *   addr   16 bytes, IPv4 mapped;  times  be64 first, last, until, us since 1970
 *   name   u8 length (1..253) | bytes 0x21..0x7e, no capitals
 *
 * The reader believes nothing: it reads all before it gives anything, and refuses the file at
 * the first fault.  The hash finds damage, not malice.
 *
 * Threads: values of their owner.  No allocation.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identify/witness.h"

#define DNS_TABLE_BLOCK     65536u
#define DNS_TABLE_SITES_MAX 1024u
#define DNS_TABLE_NO_SITE   0xffffu
#define DNS_TABLE_HEAD      20u
#define DNS_TABLE_TAIL      12u
/* Of both tables, full of the longest names. */
#define DNS_TABLE_BYTES_MAX ((size_t)2 * WITNESS_ENTRIES * 320 + ((size_t)1 << 20))

/* ---- writing ---- */

/* One block in the making. */
struct dns_block {
	size_t len; /* of the records */
	uint8_t bytes[12 + DNS_TABLE_BLOCK];
};

void dns_table_head(uint8_t ret[DNS_TABLE_HEAD], int64_t time_us);
void dns_table_tail(uint8_t ret[DNS_TABLE_TAIL], uint64_t rows);

/* False: the block is full; finish it, and try again in an empty one. */
bool dns_block_site(struct dns_block *b, struct str name);
bool dns_block_row(struct dns_block *b, const struct witness_row *row, uint16_t site);

/* Fill in the block's head.  How many of b->bytes to write; 0 = it is empty. */
size_t dns_block_end(struct dns_block *b);

/* ---- reading ---- */

enum dns_table_fault {
	DNS_TABLE_FINE = 0,
	DNS_TABLE_SHORT,   /* cut off */
	DNS_TABLE_OTHER,   /* no such file */
	DNS_TABLE_VERSION, /* of another version */
	DNS_TABLE_HASH,    /* a block is damaged */
	DNS_TABLE_BLOCKS,  /* a length, the number of rows, or more behind the end */
	DNS_TABLE_RECORD,  /* a record that cannot be */
	DNS_TABLE_FAULT_COUNT
};
const char *dns_table_fault_text(enum dns_table_fault f);

struct dns_table_row {
	struct witness_row row; /* row.site is not filled */
	struct str site;        /* absent = none */
};

/*
 * `take` gets every row, borrowed for the call, once the whole has been found right; NULL =
 * only look.  *ret_time_us: when it was written.
 */
enum dns_table_fault dns_table_read(const uint8_t *data, size_t len, int64_t *ret_time_us,
				    void (*take)(void *arg,
						 const struct dns_table_row *r),
				    void *arg);

#endif /* IDENTIFY_DNS_TABLE_H */
