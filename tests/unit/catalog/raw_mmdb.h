/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_CATALOG_RAW_MMDB_H
#define UNIT_CATALOG_RAW_MMDB_H

/* raw_mmdb - MaxMind DB files byte by byte, also such as no writer makes. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RAW_MARKER "\xab\xcd\xefMaxMind.com"

struct raw {
	uint8_t b[24 << 10];
	size_t n;
};

struct raw_meta {
	uint32_t node_count, record_size, ip_version;
};

static inline void raw_add(struct raw *r, const void *bytes, size_t n)
{
	memcpy(r->b + r->n, bytes, n);
	r->n += n;
}

static inline void raw_be(struct raw *r, uint64_t v, unsigned n)
{
	while (n-- > 0)
		r->b[r->n++] = (uint8_t)(v >> (8 * n));
}

/* At most 28 bytes. */
static inline void raw_text(struct raw *r, const char *s)
{
	raw_be(r, 0x40 | strlen(s), 1);
	raw_add(r, s, strlen(s));
}

/* Types: 5 = uint16, 6 = uint32; 9 = uint64 is an extended one. */
static inline void raw_number(struct raw *r, unsigned type, uint64_t v)
{
	unsigned n = type == 5 ? 2 : type == 6 ? 4 : 8;

	raw_be(r, (type > 7 ? 0 : type << 5) | n, 1);
	if (type > 7)
		raw_be(r, type - 7, 1);
	raw_be(r, v, n);
}

static inline void raw_metadata(struct raw *r, struct raw_meta m)
{
	raw_add(r, RAW_MARKER, sizeof(RAW_MARKER) - 1);
	raw_be(r, 0xe9, 1);
	raw_text(r, "node_count");
	raw_number(r, 6, m.node_count);
	raw_text(r, "record_size");
	raw_number(r, 5, m.record_size);
	raw_text(r, "ip_version");
	raw_number(r, 5, m.ip_version);
	raw_text(r, "database_type");
	raw_text(r, "raw");
	raw_text(r, "languages");
	raw_be(r, 0x0004, 2); /* an array of none */
	raw_text(r, "description");
	raw_be(r, 0xe0, 1);
	raw_text(r, "build_epoch");
	raw_number(r, 9, 1700000000);
	raw_text(r, "binary_format_major_version");
	raw_number(r, 5, 2);
	raw_text(r, "binary_format_minor_version");
	raw_number(r, 5, 0);
}

/* One node: below 128.0.0.0 the record in `data`, above it nothing. */
static inline void raw_file(struct raw *r, const void *data, size_t len)
{
	static const uint8_t separator[16] = {0};

	r->n = 0;
	raw_be(r, 1 + 16, 3);
	raw_be(r, 1, 3);
	raw_add(r, separator, sizeof(separator));
	raw_add(r, data, len);
	raw_metadata(r, (struct raw_meta){1, 24, 4});
}

#endif /* UNIT_CATALOG_RAW_MMDB_H */
