/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dns_table - the file of the passive DNS table.
 *
 * The hashes are put right first, or no input would come past them.  Properties: rows come only of
 * a file that is fine; they hold what the witness could have told; written again they can be
 * read, and are as many.
 */
#include <stdlib.h>
#include <string.h>

#include "identify/dns_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX ((size_t)1 << 16)

struct again {
	struct dns_block block; /* the rows of clients that fit */
	uint64_t rows;
};

static void take(void *arg, const struct dns_table_row *r)
{
	struct again *a = arg;

	if (r->row.name.len == 0 || r->row.name.len > 253 || r->row.first_us < 0 ||
	    r->row.first_us > r->row.last_us || r->row.last_us > r->row.until_us ||
	    (r->row.of_site && r->site.len == 0))
		abort();
	if (!r->row.of_site && dns_block_row(&a->block, &r->row, DNS_TABLE_NO_SITE))
		a->rows++;
}

static void count(void *arg, const struct dns_table_row *r)
{
	uint64_t *rows = arg;

	(void)r;
	(*rows)++;
}

static void put_hashes_right(uint8_t *data, size_t size)
{
	static struct dns_block b;
	size_t at = DNS_TABLE_HEAD;

	while (at + 12 <= size) {
		const size_t len = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 |
				   (size_t)data[at + 2] << 8 | data[at + 3];

		if (len == 0 || len > DNS_TABLE_BLOCK || at + 12 + len > size)
			return;
		b.len = len;
		memcpy(b.bytes + 12, data + at + 12, len);
		(void)dns_block_end(&b);
		memcpy(data + at, b.bytes, 12);
		at += 12 + len;
	}
}

static void read_again(struct again *a)
{
	static uint8_t file[DNS_TABLE_HEAD + sizeof(a->block.bytes) + DNS_TABLE_TAIL];
	const size_t len = dns_block_end(&a->block);
	uint64_t rows = 0;
	int64_t time_us;

	dns_table_head(file, 0);
	memcpy(file + DNS_TABLE_HEAD, a->block.bytes, len);
	dns_table_tail(file + DNS_TABLE_HEAD + len, a->rows);
	if (dns_table_read(file, DNS_TABLE_HEAD + len + DNS_TABLE_TAIL, &time_us, count,
			   &rows) != DNS_TABLE_FINE ||
	    rows != a->rows)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t copy[INPUT_MAX];
	static struct again a;
	enum dns_table_fault fault;
	int64_t time_us = 0;

	if (size > sizeof(copy))
		return 0;
	memcpy(copy, data, size);
	put_hashes_right(copy, size);
	a.block.len = 0;
	a.rows = 0;
	fault = dns_table_read(copy, size, &time_us, take, &a);
	if (fault != DNS_TABLE_FINE && a.block.len > 0)
		abort();
	if (fault == DNS_TABLE_FINE)
		read_again(&a);
	return 0;
}
