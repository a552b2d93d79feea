/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/decode.h"

#include <string.h>

#include "base/checksum.h"
#include "decode/context.h"
#include "decode/link.h"
#include "decode/transport.h"
#include "decode/tunnel.h"

#define IPV4_HEADER_MIN 20
#define IPV6_HEADER     40
#define IP_LENGTH_MAX   65535u

/*
 * No Ethernet link carries more at once, and offload that sends or merges several segments
 * as one frame is only used for more than that: a length field of zero is believed there.
 */
#define ETHERNET_MTU 1500u

#define IPV4_MORE_FRAGMENTS  0x2000u
#define IPV4_FRAGMENT_OFFSET 0x1fffu

enum extension {
	EXTENSION_HOP_BY_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_AUTHENTICATION = 51,
	EXTENSION_DESTINATION = 60,
	EXTENSION_MOBILITY = 135,
};

/* The part of an IP packet not read yet. */
struct rest {
	struct cursor c;     /* captured; link-layer padding cut off */
	size_t wire_len;     /* on the wire, at least c.left */
	uint8_t next;        /* protocol of the first byte */
	unsigned extensions; /* IPv6 extension headers read so far */
	bool lent;           /* lies in a reassembled datagram */
};

/* Link-layer trailers, and what the capture cut, are no part of the packet. */
static struct rest rest_init(struct cursor c, size_t wire_len, uint8_t next, bool lent)
{
	if (c.left > wire_len)
		c = cur_sub(&c, wire_len);
	return (struct rest){.c = c,
			     .wire_len = wire_len,
			     .next = next,
			     .extensions = 0,
			     .lent = lent};
}

static enum decode_result rest_deliver(const struct rest *rest, struct packet *p)
{
	p->ip_proto = rest->next;
	p->truncated = rest->c.left < rest->wire_len;
	return transport_decode(rest->c, rest->wire_len, p);
}

/*
 * Give the table a fragment, whose place and identity `piece` has already.  On DECODE_OK
 * *rest is the whole datagram.
 */
static enum decode_result reassemble(struct decoder *d, struct fragment *piece,
				     int64_t clock_us, struct rest *rest,
				     struct packet *p)
{
	struct datagram_whole whole;
	enum decode_result r;

	if (d->peeks)
		return DECODE_FRAGMENT_HELD;
	/* Bytes that the capture left out cannot be put together. */
	if (rest->c.left < rest->wire_len)
		return DECODE_FRAGMENT_BAD;
	piece->key.src = p->src;
	piece->key.dst = p->dst;
	piece->data = rest->c.p;
	piece->len = (uint32_t)rest->c.left;
	piece->ip_len = p->ip_len;
	piece->next = rest->next;
	piece->ttl = p->ttl;
	piece->inside = rest->lent;
	r = fragments_add(&d->fragments, piece, clock_us, &whole);
	if (r != DECODE_OK)
		return r;
	rest->c = cur_init(whole.data, whole.len);
	rest->wire_len = whole.len;
	rest->next = whole.next;
	rest->lent = true;
	p->ip = NULL;
	p->ip_len = whole.ip_len;
	p->ttl = whole.ttl;
	p->was_fragmented = true;
	p->overlaps |= whole.overlaps;
	return DECODE_OK;
}

/* Almost no packet has options: the usual sum is one without a loop. */
static uint64_t header_sum(const uint8_t *header, size_t len)
{
	return checksum_add(checksum_add(0, header, IPV4_HEADER_MIN),
			    header + IPV4_HEADER_MIN, len - IPV4_HEADER_MIN);
}

/*
 * RFC 791 section 3.1:
 *   0 u8 version << 4 | header words | 1 u8 service | 2 be16 total length | 4 be16 id |
 *   6 be16 flags << 13 | fragment offset | 8 u8 ttl | 9 u8 protocol | 10 be16 checksum |
 *   12 u8[4] source | 16 u8[4] destination | 20 options
 */
static enum decode_result ipv4_decode(struct decoder *d, int64_t clock_us,
				      const struct layer *l, struct packet *p,
				      struct rest *ret)
{
	struct cursor c = l->c;
	struct cursor at = c;
	struct cursor h = cur_sub(&at, IPV4_HEADER_MIN);
	size_t header_len, total_len;
	uint32_t id, place, checksum;
	struct fragment piece;
	const uint8_t *header, *ends;
	bool offloaded;
	uint8_t proto;

	header_len = (size_t)(cur_u8(&h) & 0x0f) * 4;
	cur_skip(&h, 1);
	total_len = cur_be16(&h);
	id = cur_be16(&h);
	place = cur_be16(&h);
	p->ttl = cur_u8(&h);
	proto = cur_u8(&h);
	checksum = cur_be16(&h);
	ends = cur_take(&h, 8);
	if (ends == NULL)
		return DECODE_IP_TRUNCATED;
	p->src = addr_from_v4(ends);
	p->dst = addr_from_v4(ends + 4);

	if (header_len < IPV4_HEADER_MIN)
		return DECODE_IP_HEADER_LENGTH;
	offloaded = total_len == 0 && proto == IP_PROTO_TCP &&
		    l->wire_len > ETHERNET_MTU && !l->cut;
	if (offloaded)
		total_len = l->wire_len;
	if (total_len < header_len || (total_len > l->wire_len && !l->cut))
		return DECODE_IP_TOTAL_LENGTH;
	header = cur_take(&c, header_len);
	if (header == NULL)
		return DECODE_IP_TRUNCATED;
	/* Who leaves the length to the card leaves it the checksum too. */
	if (!checksum_good(header_sum(header, header_len)) &&
	    !(offloaded && checksum == 0))
		return DECODE_IP_CHECKSUM;
	p->ip = header;
	p->ip_len = (uint32_t)total_len;
	*ret = rest_init(c, total_len - header_len, proto, l->lent);

	if ((place & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET)) != 0) {
		piece = (struct fragment){
			.key = {.id = id, .proto = proto},
			.offset = (place & IPV4_FRAGMENT_OFFSET) * FRAGMENT_UNIT,
			.more = (place & IPV4_MORE_FRAGMENTS) != 0,
			.bytes_max = IP_LENGTH_MAX - IPV4_HEADER_MIN,
			.may_overlap = true,
		};
		return reassemble(d, &piece, clock_us, ret, p);
	}
	return DECODE_OK;
}

/*
 * Take one extension header but Fragment: 0 u8 next header | 1 u8 length | ...
 * Length counts 8 bytes without the first 8, in AH (RFC 4302) 4 bytes without the first 8.
 */
static enum decode_result extension_skip(struct rest *rest)
{
	const uint8_t kind = rest->next;
	const uint8_t next = cur_u8(&rest->c);
	const size_t units = cur_u8(&rest->c);
	const size_t len =
		kind == EXTENSION_AUTHENTICATION ? units * 4 + 8 : units * 8 + 8;

	cur_skip(&rest->c, len - 2);
	if (!cur_ok(&rest->c))
		return DECODE_EXTENSION_TRUNCATED;
	rest->wire_len -= len;
	rest->next = next;
	return DECODE_OK;
}

/*
 * Walk the extension headers.  Ends at the upper-layer header, or behind the Fragment header
 * of a real fragment: then piece->bytes_max is set.  An atomic fragment (RFC 6946) is a whole
 * packet.  Hop-by-hop options anywhere but first are to a receiver a protocol it does not
 * know (RFC 8200 section 4.1), so they are one here: the chain ends at them.
 */
static enum decode_result extensions_walk(struct rest *rest, struct fragment *piece)
{
	for (;;) {
		enum decode_result r;
		struct cursor h;
		uint32_t place;

		switch (rest->next) {
		case EXTENSION_HOP_BY_HOP:
			if (rest->extensions != 0)
				return DECODE_OK;
			break;
		case EXTENSION_ROUTING:
		case EXTENSION_FRAGMENT:
		case EXTENSION_AUTHENTICATION:
		case EXTENSION_DESTINATION:
		case EXTENSION_MOBILITY:
			break;
		default:
			return DECODE_OK;
		}
		if (rest->extensions == DECODE_EXTENSIONS_MAX)
			return DECODE_EXTENSION_TOO_MANY;
		rest->extensions++;
		if (rest->next != EXTENSION_FRAGMENT) {
			r = extension_skip(rest);
			if (r != DECODE_OK)
				return r;
			continue;
		}
		/* 0 u8 next | 1 u8 0 | 2 be16 offset << 3 | more | 4 be32 id */
		h = cur_sub(&rest->c, 8);
		if (!cur_ok(&h))
			return DECODE_EXTENSION_TRUNCATED;
		rest->wire_len -= 8;
		rest->next = cur_u8(&h);
		cur_skip(&h, 1);
		place = cur_be16(&h);
		piece->key.id = cur_be32(&h);
		piece->offset = place & ~(uint32_t)7;
		piece->more = (place & 1) != 0;
		if (piece->offset != 0 || piece->more) {
			piece->bytes_max = IP_LENGTH_MAX;
			return DECODE_OK;
		}
	}
}

/*
 * RFC 8200 section 3:
 *   0 be32 version << 28 | class | flow label | 4 be16 payload length | 6 u8 next header |
 *   7 u8 hop limit | 8 u8[16] source | 24 u8[16] destination
 */
static enum decode_result ipv6_decode(struct decoder *d, int64_t clock_us,
				      const struct layer *l, struct packet *p,
				      struct rest *ret)
{
	struct fragment piece = {.bytes_max = 0};
	struct cursor c = l->c;
	struct cursor h = cur_sub(&c, IPV6_HEADER);
	const uint8_t *ends;
	size_t total_len;
	enum decode_result r;
	uint8_t next;

	p->ip = h.p;
	cur_skip(&h, 4);
	total_len = (size_t)cur_be16(&h) + IPV6_HEADER;
	next = cur_u8(&h);
	p->ttl = cur_u8(&h);
	ends = cur_take(&h, 32);
	if (ends == NULL)
		return DECODE_IP_TRUNCATED;
	p->src = addr_from_v6(ends);
	p->dst = addr_from_v6(ends + 16);

	if (total_len == IPV6_HEADER) {
		/* A jumbogram (RFC 2675), or the length was left to the card. */
		if (next == EXTENSION_HOP_BY_HOP)
			return DECODE_IP_TOTAL_LENGTH;
		if (next == IP_PROTO_TCP && l->wire_len > ETHERNET_MTU && !l->cut)
			total_len = l->wire_len;
	}
	if (total_len > l->wire_len && !l->cut)
		return DECODE_IP_TOTAL_LENGTH;
	/* Both forms would be one address to every table behind this. */
	if (addr_is_v4(&p->src) || addr_is_v4(&p->dst))
		return DECODE_IP_MAPPED;
	p->ip_len = (uint32_t)total_len;
	*ret = rest_init(c, total_len - IPV6_HEADER, next, l->lent);

	r = extensions_walk(ret, &piece);
	if (r != DECODE_OK || piece.bytes_max == 0)
		return r;
	r = reassemble(d, &piece, clock_us, ret, p);
	if (r != DECODE_OK)
		return r;
	piece.bytes_max = 0;
	r = extensions_walk(ret, &piece);
	if (r != DECODE_OK)
		return r;
	/* A fragment of a fragment: no sender makes one. */
	return piece.bytes_max != 0 ? DECODE_FRAGMENT_BAD : DECODE_OK;
}

/* The version nibble of what the link layer carries, and whether the two agree. */
static enum decode_result version_read(const struct cursor *c, enum link_family announced,
				       unsigned *ret)
{
	struct cursor h = *c;
	const unsigned version = cur_u8(&h) >> 4;

	if (!cur_ok(&h))
		return DECODE_IP_TRUNCATED;
	if ((version != 4 && version != 6) ||
	    (announced != LINK_FAMILY_ANY && (unsigned)announced != version))
		return DECODE_IP_VERSION;
	*ret = version;
	return DECODE_OK;
}

static enum decode_result network_decode(struct decoder *d, int64_t clock_us,
					 const struct layer *l, struct packet *p,
					 struct rest *ret)
{
	unsigned version = 0;
	const enum decode_result r = version_read(&l->c, l->family, &version);

	if (r != DECODE_OK)
		return r;
	return version == 4 ? ipv4_decode(d, clock_us, l, p, ret)
			    : ipv6_decode(d, clock_us, l, p, ret);
}

/* Into the tunnel that an IP packet carries, if it does; *l is its payload then. */
static bool rest_enter(const struct rest *rest, struct layer *l, enum decode_result *ret)
{
	if (!tunnel_possible(rest->next, &rest->c))
		return false;
	*l = (struct layer){.c = rest->c, .wire_len = rest->wire_len, .lent = rest->lent};
	return tunnel_enter(rest->next, l, ret);
}

/* From the link layer to the innermost transport. */
static enum decode_result layers_decode(struct decoder *d, const struct frame *f,
					struct packet *p)
{
	struct layer l = {.family = LINK_FAMILY_ANY};
	enum decode_result r = link_decode(f, &l.c, &l.family);
	struct rest rest;

	p->overlaps = false;
	l.wire_len = l.c.left + (f->len > f->caplen ? f->len - f->caplen : 0);
	for (unsigned depth = 0; r == DECODE_OK; depth++) {
		if (depth > DECODE_TUNNELS_MAX)
			return DECODE_TUNNEL_TOO_DEEP;
		p->tunnels = (uint8_t)depth;
		if (l.family == LINK_FAMILY_MPLS || l.family == LINK_FAMILY_PPPOE) {
			r = d->tunnels ? tunnel_enter_link(&l) : DECODE_NOT_IP;
			continue;
		}
		p->was_fragmented = false;
		r = network_decode(d, f->clock_us, &l, p, &rest);
		if (r == DECODE_OK && (!d->tunnels || !rest_enter(&rest, &l, &r)))
			return rest_deliver(&rest, p);
	}
	return r;
}

void decoder_tick(struct decoder *d, int64_t clock_us)
{
	if (clock_us >= d->fragments.next_deadline_us)
		d->counts[DECODE_FRAGMENT_TIMEOUT] +=
			fragments_expire(&d->fragments, clock_us);
}

enum decode_result decode_frame(struct decoder *d, const struct frame *f,
				struct packet *ret)
{
	enum decode_result r;

	decoder_tick(d, f->clock_us);
	memset(ret, 0, sizeof(*ret));
	r = layers_decode(d, f, ret);
	d->counts[r]++;
	return r;
}

const uint64_t *decoder_counts(const struct decoder *d)
{
	return d->counts;
}

/* A whole TCP or UDP packet that cannot be a tunnel: almost all of them. */
static bool addresses_of_plain(struct cursor c, unsigned version, struct addr *ret_src,
			       struct addr *ret_dst)
{
	const uint8_t *h = cur_take(&c, version == 4 ? IPV4_HEADER_MIN : IPV6_HEADER);
	size_t header_len;
	uint8_t proto;

	if (h == NULL)
		return false;
	proto = h[version == 4 ? 9 : 6];
	if (version == 4) {
		header_len = (size_t)(h[0] & 0x0f) * 4;
		if ((h[6] & 0x3f) != 0 || h[7] != 0 || header_len < IPV4_HEADER_MIN)
			return false;
		cur_skip(&c, header_len - IPV4_HEADER_MIN);
	}
	if ((proto != IP_PROTO_TCP && proto != IP_PROTO_UDP) ||
	    tunnel_possible(proto, &c))
		return false;
	*ret_src = version == 4 ? addr_from_v4(h + 12) : addr_from_v6(h + 8);
	*ret_dst = version == 4 ? addr_from_v4(h + 16) : addr_from_v6(h + 24);
	return true;
}

enum decode_place decode_addresses(const struct frame *f, bool tunnels,
				   struct addr *ret_src, struct addr *ret_dst)
{
	enum link_family family = LINK_FAMILY_ANY;
	enum decode_result r;
	unsigned version = 0;
	struct decoder none;
	struct packet p;
	struct cursor c;

	if (link_decode(f, &c, &family) != DECODE_OK)
		return DECODE_PLACE_NONE;
	if (version_read(&c, family, &version) == DECODE_OK &&
	    addresses_of_plain(c, version, ret_src, ret_dst))
		return DECODE_PLACE_ADDRESSES;
	memset(&none, 0, sizeof(none));
	none.fragments.next_deadline_us = INT64_MAX;
	none.tunnels = tunnels;
	none.peeks = true;
	r = decode_frame(&none, f, &p);
	if (r == DECODE_FRAGMENT_HELD)
		return DECODE_PLACE_FRAGMENT;
	if (r != DECODE_OK)
		return DECODE_PLACE_NONE;
	*ret_src = p.src;
	*ret_dst = p.dst;
	return DECODE_PLACE_ADDRESSES;
}
