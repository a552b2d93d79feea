/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/dns_table.h"

#include "base/cursor.h"
#include "base/hash.h"

#define VERSION    1
#define BLOCK_HEAD 12u
#define HASH_SEED  UINT64_C(0x776569722d646e73)
#define NAME_MAX   253u /* RFC 1035 2.3.4, as text */

static const char magic[8] = {'w', 'e', 'i', 'r', 'd', 'n', 's', '\n'};

enum record {
	RECORD_SITE = 1,
	RECORD_OF_SITE,
	RECORD_OF_CLIENT
};

/* ---- writing ---------------------------------------------------------------------------- */

static uint8_t *put_be(uint8_t *at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
	return at + bytes;
}

static uint8_t *put_bytes(uint8_t *at, const void *from, size_t len)
{
	memcpy(at, from, len);
	return at + len;
}

static uint8_t *put_name(uint8_t *at, struct str name)
{
	*at++ = (uint8_t)name.len;
	return put_bytes(at, name.p, name.len);
}

void dns_table_head(uint8_t ret[DNS_TABLE_HEAD], int64_t time_us)
{
	uint8_t *at = put_bytes(ret, magic, sizeof(magic));

	(void)put_be(put_be(at, VERSION, 4), (uint64_t)time_us, 8);
}

void dns_table_tail(uint8_t ret[DNS_TABLE_TAIL], uint64_t rows)
{
	(void)put_be(put_be(ret, 0, 4), rows, 8);
}

/* Where the next record goes, NULL when it has no room. */
static uint8_t *room(struct dns_block *b, size_t len)
{
	return b->len + len > DNS_TABLE_BLOCK ? NULL : b->bytes + BLOCK_HEAD + b->len;
}

static void taken(struct dns_block *b, const uint8_t *end)
{
	b->len = (size_t)(end - b->bytes) - BLOCK_HEAD;
}

bool dns_block_site(struct dns_block *b, struct str name)
{
	uint8_t *at;

	if (name.len > UINT8_MAX)
		name.len = UINT8_MAX;
	at = room(b, 2 + name.len);
	if (at == NULL)
		return false;
	*at++ = RECORD_SITE;
	taken(b, put_name(at, name));
	return true;
}

bool dns_block_row(struct dns_block *b, const struct witness_row *row, uint16_t site)
{
	uint8_t *at = room(b, 3 + 2 * sizeof(struct addr) + 24 + 1 + row->name.len);

	if (at == NULL)
		return false;
	*at++ = row->of_site ? RECORD_OF_SITE : RECORD_OF_CLIENT;
	at = put_be(at, site, 2);
	if (!row->of_site)
		at = put_bytes(at, row->client.b, sizeof(row->client.b));
	at = put_bytes(at, row->addr.b, sizeof(row->addr.b));
	at = put_be(at, (uint64_t)row->first_us, 8);
	at = put_be(at, (uint64_t)row->last_us, 8);
	at = put_be(at, (uint64_t)row->until_us, 8);
	taken(b, put_name(at, row->name));
	return true;
}

size_t dns_block_end(struct dns_block *b)
{
	const size_t len = b->len;

	if (len == 0)
		return 0;
	(void)put_be(put_be(b->bytes, len, 4),
		     hash_bytes(b->bytes + BLOCK_HEAD, len, HASH_SEED + len), 8);
	return BLOCK_HEAD + len;
}

/* ---- reading ---------------------------------------------------------------------------- */

const char *dns_table_fault_text(enum dns_table_fault f)
{
	static const char *const texts[DNS_TABLE_FAULT_COUNT] = {
		[DNS_TABLE_FINE] = "fine",
		[DNS_TABLE_SHORT] = "cut off",
		[DNS_TABLE_OTHER] = "no table of names",
		[DNS_TABLE_VERSION] = "written by another version",
		[DNS_TABLE_HASH] = "damaged",
		[DNS_TABLE_BLOCKS] = "of a wrong length",
		[DNS_TABLE_RECORD] = "holding what cannot be",
	};

	return texts[f];
}

struct reader {
	void (*take)(void *arg, const struct dns_table_row *r); /* NULL = only look */
	void *arg;
	size_t site_count;
	struct str sites[DNS_TABLE_SITES_MAX];
	uint64_t rows;
};

static struct str read_text(struct cursor *c)
{
	const uint8_t len = cur_u8(c);
	const uint8_t *at = cur_take(c, len);

	return at == NULL || len == 0 ? STR_NONE : (struct str){(const char *)at, len};
}

static bool is_name(struct str s)
{
	if (s.len == 0 || s.len > NAME_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || (s.p[i] >= 'A' && s.p[i] <= 'Z'))
			return false;
	return true;
}

static bool is_site(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return s.len > 0;
}

static struct addr read_addr(struct cursor *c)
{
	static const struct addr none = {{0}};
	const uint8_t *b = cur_take(c, sizeof(struct addr));

	return b == NULL ? none : addr_from_v6(b);
}

/* Times that can be written and compared without overflow: until the year 9999. */
static bool read_time(struct cursor *c, int64_t *ret)
{
	const uint64_t v = cur_be64(c);

	*ret = (int64_t)(v & INT64_MAX);
	return v <= UINT64_C(253402300799000000);
}

static enum dns_table_fault read_row(struct reader *r, struct cursor *c, bool of_site)
{
	struct dns_table_row t = {.row = {.of_site = of_site}};
	const uint16_t site = cur_be16(c);
	bool right;

	if (!of_site)
		t.row.client = read_addr(c);
	t.row.addr = read_addr(c);
	right = read_time(c, &t.row.first_us);
	right &= read_time(c, &t.row.last_us);
	right &= read_time(c, &t.row.until_us);
	t.row.name = read_text(c);
	if (!cur_ok(c) || !right || !is_name(t.row.name) ||
	    t.row.first_us > t.row.last_us || t.row.last_us > t.row.until_us ||
	    (site >= r->site_count && (of_site || site != DNS_TABLE_NO_SITE)))
		return DNS_TABLE_RECORD;
	if (site != DNS_TABLE_NO_SITE)
		t.site = r->sites[site];
	r->rows++;
	if (r->take != NULL)
		r->take(r->arg, &t);
	return DNS_TABLE_FINE;
}

static enum dns_table_fault read_records(struct reader *r, struct cursor c)
{
	enum dns_table_fault fault = DNS_TABLE_FINE;

	while (c.left > 0 && fault == DNS_TABLE_FINE) {
		const uint8_t kind = cur_u8(&c);

		if (kind == RECORD_SITE) {
			const struct str name = read_text(&c);

			if (!is_site(name) || r->site_count == DNS_TABLE_SITES_MAX)
				return DNS_TABLE_RECORD;
			r->sites[r->site_count++] = name;
		} else if (kind == RECORD_OF_SITE || kind == RECORD_OF_CLIENT) {
			fault = read_row(r, &c, kind == RECORD_OF_SITE);
		} else {
			fault = DNS_TABLE_RECORD;
		}
	}
	return fault;
}

static enum dns_table_fault read_blocks(struct reader *r, struct cursor c)
{
	enum dns_table_fault fault = DNS_TABLE_FINE;
	uint64_t rows;
	uint32_t len;

	r->site_count = 0;
	r->rows = 0;
	while ((len = cur_be32(&c)) > 0 && fault == DNS_TABLE_FINE) {
		const uint64_t hash = cur_be64(&c);
		struct cursor block;

		if (len > DNS_TABLE_BLOCK)
			return DNS_TABLE_BLOCKS;
		block = cur_sub(&c, len);
		if (!cur_ok(&c))
			return DNS_TABLE_SHORT;
		if (hash_bytes(block.p, len, HASH_SEED + len) != hash)
			return DNS_TABLE_HASH;
		fault = read_records(r, block);
	}
	if (fault != DNS_TABLE_FINE)
		return fault;
	rows = cur_be64(&c);
	if (!cur_ok(&c))
		return DNS_TABLE_SHORT;
	return rows == r->rows && c.left == 0 ? DNS_TABLE_FINE : DNS_TABLE_BLOCKS;
}

enum dns_table_fault dns_table_read(const uint8_t *data, size_t len, int64_t *ret_time_us,
				    void (*take)(void *arg,
						 const struct dns_table_row *r),
				    void *arg)
{
	struct cursor c = cur_init(data, len);
	const uint8_t *head = cur_take(&c, sizeof(magic));
	const uint32_t version = cur_be32(&c);
	struct reader r = {.arg = arg};
	enum dns_table_fault fault;

	if (head == NULL || memcmp(head, magic, sizeof(magic)) != 0)
		return DNS_TABLE_OTHER;
	if (cur_ok(&c) && version != VERSION)
		return DNS_TABLE_VERSION;
	if (!read_time(&c, ret_time_us))
		return DNS_TABLE_RECORD;
	if (!cur_ok(&c))
		return DNS_TABLE_SHORT;
	fault = read_blocks(&r, c);
	if (fault != DNS_TABLE_FINE || take == NULL)
		return fault;
	r.take = take;
	return read_blocks(&r, c);
}
