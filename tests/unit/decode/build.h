/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DECODE_BUILD_H
#define TESTS_DECODE_BUILD_H

/*
 * build - frames put together by hand, header by header, from the outside in.
 *
 * build_end() writes the lengths and checksums that the headers left open, innermost first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "model/frame.h"

#define BUILD_MAX 66000

struct build {
	uint8_t b[BUILD_MAX];
	size_t len;
	enum link_type link;
	size_t ip;     /* offset of the IP header, 0 with raw IP */
	size_t l4;     /* offset of the transport header */
	uint8_t proto; /* whose checksum build_end() writes; 0 = none */
};

static inline void put(struct build *b, const void *data, size_t len)
{
	memcpy(b->b + b->len, data, len);
	b->len += len;
}

static inline void put8(struct build *b, unsigned v)
{
	b->b[b->len++] = (uint8_t)v;
}

static inline void put16(struct build *b, unsigned v)
{
	put8(b, v >> 8);
	put8(b, v & 0xff);
}

static inline void put32(struct build *b, uint32_t v)
{
	put16(b, v >> 16);
	put16(b, v & 0xffff);
}

static inline void put_zeros(struct build *b, size_t len)
{
	memset(b->b + b->len, 0, len);
	b->len += len;
}

/* Bytes that differ from one another, so that a shift shows. */
static inline void put_pattern(struct build *b, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		put8(b, (unsigned)(seed + i * 7 + i / 251) & 0xff);
}

static inline void set16(struct build *b, size_t at, unsigned v)
{
	b->b[at] = (uint8_t)(v >> 8);
	b->b[at + 1] = (uint8_t)v;
}

static inline void build_start(struct build *b, enum link_type link)
{
	b->len = b->ip = b->l4 = 0;
	b->proto = 0;
	b->link = link;
}

static inline void put_ethernet(struct build *b, unsigned type)
{
	build_start(b, LINK_ETHERNET);
	put(b, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
	put16(b, type);
}

static const uint8_t build_v4[2][4] = {{192, 0, 2, 1}, {198, 51, 100, 7}};
static const uint8_t build_v6[2][16] = {
	{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
	{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}};

/* Total length 0 and checksum 0 are for build_end(). */
static inline void put_ipv4_header(struct build *b, unsigned proto, unsigned id,
				   unsigned place, size_t options)
{
	b->ip = b->len;
	put8(b, 0x40 | (5 + (unsigned)options / 4));
	put8(b, 0);
	put16(b, 0);
	put16(b, id);
	put16(b, place);
	put8(b, 64);
	put8(b, proto);
	put16(b, 0);
	put(b, build_v4[0], 4);
	put(b, build_v4[1], 4);
	for (size_t i = 0; i < options; i++)
		put8(b, 1);
	b->l4 = b->len;
}

static inline void put_ipv4(struct build *b, unsigned proto)
{
	put_ipv4_header(b, proto, 7, 0x4000, 0);
	b->proto = (uint8_t)proto;
}

static inline void put_ipv6(struct build *b, unsigned next)
{
	b->ip = b->len;
	put32(b, 0x60000000);
	put16(b, 0);
	put8(b, next);
	put8(b, 64);
	put(b, build_v6[0], 16);
	put(b, build_v6[1], 16);
	b->l4 = b->len;
	b->proto = (uint8_t)next;
}

/* An extension header of `len` bytes (a multiple of 8) but Fragment and AH. */
static inline void put_extension_header(struct build *b, unsigned next, size_t len)
{
	put8(b, next);
	put8(b, (unsigned)(len / 8 - 1));
	put_zeros(b, len - 2);
	b->l4 = b->len;
	b->proto = (uint8_t)next;
}

static inline void put_ah(struct build *b, unsigned next)
{
	put8(b, next);
	put8(b, 4); /* 24 bytes */
	put_zeros(b, 22);
	b->l4 = b->len;
	b->proto = (uint8_t)next;
}

static inline void put_fragment(struct build *b, unsigned next, unsigned offset,
				bool more, uint32_t id)
{
	put8(b, next);
	put8(b, 0);
	put16(b, offset | (more ? 1u : 0u));
	put32(b, id);
	b->l4 = b->len;
	b->proto = (uint8_t)next;
}

static inline void put_tcp(struct build *b, size_t options)
{
	put16(b, 40001);
	put16(b, 443);
	put32(b, 0x01020304);
	put32(b, 0x05060708);
	put8(b, (unsigned)(5 + options / 4) << 4);
	put8(b, 0x18);
	put16(b, 64240);
	put16(b, 0);
	put16(b, 0);
}

static inline void put_udp(struct build *b, size_t payload)
{
	put16(b, 40000);
	put16(b, 53);
	put16(b, (unsigned)(8 + payload));
	put16(b, 0);
}

static inline unsigned build_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline void build_l4_checksum(struct build *b, bool v4)
{
	const size_t at = b->l4 + (b->proto == 6 ? 16 : 6);
	const size_t l4_len = b->len - b->l4;
	const size_t ends = b->ip + (v4 ? 12 : 8);
	unsigned sum;

	if ((b->proto != 6 && b->proto != 17) || at + 2 > b->len)
		return;
	set16(b, at, 0);
	sum = build_sum(b->b + ends, v4 ? 8 : 32, (uint32_t)l4_len + b->proto);
	sum = build_sum(b->b + b->l4, l4_len, sum);
	set16(b, at, sum == 0xffff ? 0xffff : ~sum & 0xffff);
}

static inline void build_ipv4_checksum(struct build *b)
{
	const size_t header = (size_t)(b->b[b->ip] & 15) * 4;

	set16(b, b->ip + 10, 0);
	set16(b, b->ip + 10, ~build_sum(b->b + b->ip, header, 0) & 0xffff);
}

static inline void build_end(struct build *b)
{
	const bool v4 = b->b[b->ip] >> 4 == 4;

	if (v4) {
		set16(b, b->ip + 2, (unsigned)(b->len - b->ip));
		build_ipv4_checksum(b);
	} else {
		set16(b, b->ip + 4, (unsigned)(b->len - b->ip - 40));
	}
	build_l4_checksum(b, v4);
}

static inline struct frame build_frame(const struct build *b)
{
	return (struct frame){.data = b->b,
			      .caplen = (uint32_t)b->len,
			      .len = (uint32_t)b->len,
			      .link = b->link,
			      .number = 1};
}

#endif /* TESTS_DECODE_BUILD_H */
