/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/mmdb_write.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What a side of a node holds: nothing, a node's number, or a record's. */
#define EMPTY  0u
#define RECORD 0x80000000u

struct node {
	uint32_t side[2];
};

struct buffer {
	uint8_t *at;
	size_t len, room;
	bool failed;
};

struct mmdb_write {
	struct node *nodes; /* 0 is the root, and as a side's value EMPTY */
	uint32_t count, room;
	struct buffer data;  /* the records */
	uint32_t *record_at; /* offset of each */
	uint32_t records, record_room;
};

/* ---- the data section ------------------------------------------------------------------------ */

enum {
	TYPE_TEXT = 2,
	TYPE_UINT16 = 5,
	TYPE_UINT32 = 6,
	TYPE_MAP = 7,
	TYPE_UINT64 = 9,
	TYPE_ARRAY = 11
};

static void put_bytes(struct buffer *b, const void *bytes, size_t n)
{
	if (n > b->room - b->len) {
		size_t more = (b->len + n) * 2 + 4096;
		uint8_t *longer = b->failed ? NULL : realloc(b->at, more);

		if (longer == NULL) {
			b->failed = true;
			return;
		}
		b->at = longer;
		b->room = more;
	}
	if (n > 0)
		memcpy(b->at + b->len, bytes, n);
	b->len += n;
}

static void put_byte(struct buffer *b, unsigned v)
{
	const uint8_t byte = (uint8_t)v;

	put_bytes(b, &byte, 1);
}

/* The lowest `n` bytes of `v`, most significant first. */
static void put_be(struct buffer *b, uint64_t v, unsigned n)
{
	while (n-- > 0)
		put_byte(b, (unsigned)(v >> (8 * n)) & 0xff);
}

/* Type and size; sizes here stay below 65,821. */
static void put_control(struct buffer *b, unsigned type, size_t size)
{
	const unsigned low = size < 29 ? (unsigned)size : size < 285 ? 29 : 30;

	put_byte(b, (type > TYPE_MAP ? 0 : type << 5) | low);
	if (type > TYPE_MAP)
		put_byte(b, type - TYPE_MAP);
	if (low == 29)
		put_be(b, size - 29, 1);
	else if (low == 30)
		put_be(b, size - 285, 2);
}

static void put_text(struct buffer *b, const char *s, size_t len)
{
	put_control(b, TYPE_TEXT, len);
	put_bytes(b, s, len);
}

static void put_key(struct buffer *b, const char *s)
{
	put_text(b, s, strlen(s));
}

/* A number in as few bytes as it needs. */
static void put_number(struct buffer *b, unsigned type, uint64_t v)
{
	unsigned n = 0;

	while (n < 8 && v >> (8 * n) != 0)
		n++;
	put_control(b, type, n);
	put_be(b, v, n);
}

struct mmdb_write *mmdb_write_create(void)
{
	struct mmdb_write *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->room = 1024;
	w->nodes = calloc(w->room, sizeof(*w->nodes));
	w->count = 1;
	if (w->nodes == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

void mmdb_write_destroy(struct mmdb_write *w)
{
	if (w == NULL)
		return;
	free(w->nodes);
	free(w->data.at);
	free(w->record_at);
	free(w);
}

/* A new record begins where the data ends.  Its number, or -errno. */
static int begin_record(struct mmdb_write *w)
{
	if (w->data.len > INT32_MAX || w->records == INT32_MAX)
		return -E2BIG;
	if (w->records == w->record_room) {
		uint32_t more = w->record_room == 0 ? 256 : w->record_room * 2;
		uint32_t *longer = realloc(w->record_at, more * sizeof(*longer));

		if (longer == NULL)
			return -ENOMEM;
		w->record_at = longer;
		w->record_room = more;
	}
	w->record_at[w->records] = (uint32_t)w->data.len;
	return (int)w->records++;
}

int mmdb_write_country(struct mmdb_write *w, const char code[2])
{
	int record = begin_record(w);

	if (record < 0)
		return record;
	put_control(&w->data, TYPE_MAP, 1);
	put_key(&w->data, "country");
	put_control(&w->data, TYPE_MAP, 1);
	put_key(&w->data, "iso_code");
	put_text(&w->data, code, 2);
	return w->data.failed ? -ENOMEM : record;
}

int mmdb_write_network(struct mmdb_write *w, uint32_t asn, struct str name)
{
	int record = name.len > UINT16_MAX ? -EINVAL : begin_record(w);

	if (record < 0)
		return record;
	put_control(&w->data, TYPE_MAP, 2);
	put_key(&w->data, "autonomous_system_number");
	put_number(&w->data, TYPE_UINT32, asn);
	put_key(&w->data, "autonomous_system_organization");
	put_text(&w->data, name.p, name.len);
	return w->data.failed ? -ENOMEM : record;
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* As the tree has it: IPv4 in ::/96. */
static struct addr in_tree(const struct addr *a)
{
	struct addr t = *a;

	if (addr_is_v4(a))
		memset(t.b, 0, 12);
	return t;
}

static unsigned bit_of(const struct addr *a, unsigned i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

/* The node below `at` on that side; a record there becomes two halves.  0: no memory. */
static uint32_t descend(struct mmdb_write *w, uint32_t at, unsigned side)
{
	uint32_t was = w->nodes[at].side[side];
	struct node *longer;

	if (was != EMPTY && (was & RECORD) == 0)
		return was;
	if (w->count == w->room) {
		if (w->room >= MMDB_WRITE_NODES_MAX)
			return 0;
		longer = realloc(w->nodes, (size_t)w->room * 2 * sizeof(*longer));
		if (longer == NULL)
			return 0;
		w->nodes = longer;
		w->room *= 2;
	}
	w->nodes[w->count] = (struct node){{was, was}};
	w->nodes[at].side[side] = w->count;
	return w->count++;
}

static int put_prefix(struct mmdb_write *w, const struct addr *a, unsigned bits,
		      uint32_t value)
{
	uint32_t at = 0;

	for (unsigned i = 0; i + 1 < bits; i++) {
		at = descend(w, at, bit_of(a, i));
		if (at == 0)
			return w->room >= MMDB_WRITE_NODES_MAX ? -E2BIG : -ENOMEM;
	}
	w->nodes[at].side[bit_of(a, bits - 1)] = value;
	return 0;
}

/* Zero bits at the end: how wide a block may begin at `a`. */
static unsigned trailing_zeros(const struct addr *a)
{
	unsigned n = 0;

	while (n < 128 && bit_of(a, 127 - n) == 0)
		n++;
	return n;
}

/* The last address of the block of 2^`wide` at `a`. */
static struct addr block_end(const struct addr *a, unsigned wide)
{
	struct addr e = *a;

	for (unsigned i = 0; i < wide; i++)
		e.b[(127 - i) / 8] |= (uint8_t)(1u << (i % 8));
	return e;
}

/* Add one; false: it was the last address. */
static bool increment(struct addr *a)
{
	for (unsigned i = 16; i-- > 0;)
		if (++a->b[i] != 0)
			return true;
	return false;
}

int mmdb_write_range(struct mmdb_write *w, const struct addr *first,
		     const struct addr *last, int record)
{
	struct addr a = in_tree(first), end = in_tree(last);
	const unsigned most = addr_is_v4(first) ? 32 : 127;

	if (record < 0 || (uint32_t)record >= w->records ||
	    addr_is_v4(first) != addr_is_v4(last) || addr_compare(&a, &end) > 0)
		return -EINVAL;
	for (;;) {
		unsigned wide = trailing_zeros(&a);
		struct addr block;
		int rc;

		wide = wide < most ? wide : most;
		block = block_end(&a, wide);
		while (addr_compare(&block, &end) > 0)
			block = block_end(&a, --wide);
		rc = put_prefix(w, &a, 128 - wide, RECORD | (uint32_t)record);
		if (rc != 0 || addr_equal(&block, &end) || !increment(&block))
			return rc;
		a = block;
	}
}

/* ---- the file -------------------------------------------------------------------------------- */

/*
 * Children were made after their parents, so from the last node to the first each is finished
 * before it is looked at: one with the same record on both sides becomes that record.
 */
static void merge(struct mmdb_write *w)
{
	for (uint32_t i = w->count; i-- > 0;)
		for (unsigned s = 0; s < 2; s++) {
			uint32_t v = w->nodes[i].side[s];
			const struct node *n;

			if (v == EMPTY || (v & RECORD) != 0)
				continue;
			n = &w->nodes[v];
			if (n->side[0] == n->side[1] &&
			    (n->side[0] == EMPTY || (n->side[0] & RECORD) != 0))
				w->nodes[i].side[s] = n->side[0];
		}
}

/*
 * New numbers for the nodes that are left, in the order of their making; 0 = not reached (but
 * the root, which is 0).  NULL: no memory.
 */
static uint32_t *number_nodes(const struct mmdb_write *w, uint32_t *ret_count)
{
	uint32_t *number = calloc(w->count, sizeof(*number));
	uint32_t n = 1;

	if (number == NULL)
		return NULL;
	for (uint32_t i = 0; i < w->count; i++) {
		if (i > 0 && number[i] == 0)
			continue;
		if (i > 0)
			number[i] = n++;
		for (unsigned s = 0; s < 2; s++) {
			uint32_t v = w->nodes[i].side[s];

			if (v != EMPTY && (v & RECORD) == 0)
				number[v] = 1; /* reached */
		}
	}
	*ret_count = n;
	return number;
}

struct layout {
	const struct mmdb_write *w;
	const uint32_t *number;
	uint32_t count; /* of nodes */
	unsigned record_bits;
};

/* A value of the format: below the count a node, the count itself nothing, above it data. */
static uint32_t format_value(const struct layout *l, uint32_t v)
{
	if (v == EMPTY)
		return l->count;
	if ((v & RECORD) != 0)
		return l->count + 16 + l->w->record_at[v & ~RECORD];
	return l->number[v];
}

static void put_node(const struct layout *l, struct buffer *b, const struct node *n)
{
	uint32_t left = format_value(l, n->side[0]), right = format_value(l, n->side[1]);

	switch (l->record_bits) {
	case 24:
		put_be(b, left, 3);
		put_be(b, right, 3);
		break;
	case 28:
		put_be(b, left & 0xffffff, 3);
		put_byte(b, (left >> 24) << 4 | right >> 24);
		put_be(b, right & 0xffffff, 3);
		break;
	default:
		put_be(b, left, 4);
		put_be(b, right, 4);
		break;
	}
}

static void put_metadata(const struct layout *l, struct buffer *b,
			 const struct mmdb_write_cfg *cfg)
{
	put_bytes(b, "\xab\xcd\xefMaxMind.com", 14);
	put_control(b, TYPE_MAP, 9);
	put_key(b, "binary_format_major_version");
	put_number(b, TYPE_UINT16, 2);
	put_key(b, "binary_format_minor_version");
	put_number(b, TYPE_UINT16, 0);
	put_key(b, "build_epoch");
	put_number(b, TYPE_UINT64, cfg->build_s);
	put_key(b, "database_type");
	put_key(b, cfg->type);
	put_key(b, "description");
	put_control(b, TYPE_MAP, 1);
	put_key(b, "en");
	put_key(b, cfg->description);
	put_key(b, "ip_version");
	put_number(b, TYPE_UINT16, 6);
	put_key(b, "languages");
	put_control(b, TYPE_ARRAY, 1);
	put_key(b, "en");
	put_key(b, "node_count");
	put_number(b, TYPE_UINT32, l->count);
	put_key(b, "record_size");
	put_number(b, TYPE_UINT16, l->record_bits);
}

int mmdb_write_end(struct mmdb_write *w, const struct mmdb_write_cfg *cfg, uint8_t **ret,
		   size_t *ret_len)
{
	static const uint8_t separator[16] = {0};
	struct layout l = {.w = w};
	struct buffer b = {0};
	uint32_t *number;
	uint64_t highest;

	merge(w);
	number = number_nodes(w, &l.count);
	if (number == NULL)
		return -ENOMEM;
	l.number = number;
	highest = (uint64_t)l.count + 16 + w->data.len;
	l.record_bits = highest < 1u << 24 ? 24 : highest < 1u << 28 ? 28 : 32;
	for (uint32_t i = 0; i < w->count && highest <= UINT32_MAX; i++)
		if (i == 0 || number[i] != 0)
			put_node(&l, &b, &w->nodes[i]);
	free(number);
	put_bytes(&b, separator, sizeof(separator));
	put_bytes(&b, w->data.at, w->data.len);
	put_metadata(&l, &b, cfg);
	if (b.failed || highest > UINT32_MAX) {
		free(b.at);
		return b.failed ? -ENOMEM : -E2BIG;
	}
	*ret = b.at;
	*ret_len = b.len;
	return 0;
}
