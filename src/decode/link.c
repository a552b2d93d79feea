/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/link.h"

#define ETHERNET_HEADER 14

#define SLL_PROTOCOL_LLC 0x0004 /* LINUX_SLL_P_802_2: an LLC header follows */

/* Address families of the BSD loopback headers; Linux uses its own 10. */
enum {
	FAMILY_IPV4 = 2,
	FAMILY_IPV6_LINUX = 10,
	FAMILY_IPV6_OPENBSD = 24, /* NetBSD, OpenBSD, Npcap */
	FAMILY_IPV6_FREEBSD = 28,
	FAMILY_IPV6_DARWIN = 30,
};

/*
 * 802.2 LLC and SNAP (RFC 1042):
 *   0 u8 dsap | 1 u8 ssap | 2 u8 control | 3 u8[3] organization | 6 be16 ethertype
 */
static enum decode_result llc_decode(struct cursor *c, enum link_family *ret_family)
{
	const uint32_t sap_control = cur_be24(c);
	const uint32_t organization = cur_be24(c);
	const uint16_t type = cur_be16(c);

	if (!cur_ok(c) || sap_control != 0xaaaa03 || organization != 0)
		return DECODE_NOT_IP;
	if (type == ETHERTYPE_IPV4)
		*ret_family = LINK_FAMILY_IPV4;
	else if (type == ETHERTYPE_IPV6)
		*ret_family = LINK_FAMILY_IPV6;
	else
		return DECODE_NOT_IP;
	return DECODE_OK;
}

/* Follow VLAN tags (0 be16 priority and id | 2 be16 ethertype) to what they carry. */
static enum decode_result ethertype_follow(struct cursor *c, uint16_t type,
					   enum link_family *ret_family)
{
	for (unsigned tags = 0;; tags++) {
		if (!cur_ok(c))
			return DECODE_LINK_TRUNCATED;
		switch (type) {
		case ETHERTYPE_IPV4:
			*ret_family = LINK_FAMILY_IPV4;
			return DECODE_OK;
		case ETHERTYPE_IPV6:
			*ret_family = LINK_FAMILY_IPV6;
			return DECODE_OK;
		case ETHERTYPE_MPLS:
		case ETHERTYPE_MPLS_UPSTREAM:
			*ret_family = LINK_FAMILY_MPLS;
			return DECODE_OK;
		case ETHERTYPE_PPPOE:
			*ret_family = LINK_FAMILY_PPPOE;
			return DECODE_OK;
		case ETHERTYPE_VLAN:
		case ETHERTYPE_SERVICE_VLAN:
		case ETHERTYPE_OLD_QINQ:
			if (tags == DECODE_TAGS_MAX)
				return DECODE_TAGS_TOO_DEEP;
			cur_skip(c, 2);
			type = cur_be16(c);
			break;
		default:
			return type < ETHERTYPE_MIN ? llc_decode(c, ret_family)
						    : DECODE_NOT_IP;
		}
	}
}

/* Linux cooked: the protocol is an ethertype, or a small number of if_ether.h. */
static enum decode_result cooked_follow(struct cursor *c, uint16_t protocol,
					enum link_family *ret_family)
{
	if (!cur_ok(c))
		return DECODE_LINK_TRUNCATED;
	if (protocol < ETHERTYPE_MIN && protocol != SLL_PROTOCOL_LLC)
		return DECODE_NOT_IP;
	return ethertype_follow(c, protocol, ret_family);
}

static enum decode_result family_decode(struct cursor *c, bool host_order,
					enum link_family *ret_family)
{
	uint32_t family = cur_be32(c);

	if (!cur_ok(c))
		return DECODE_LINK_TRUNCATED;
	/* Families are small: a filled upper half is a writer of the other byte order. */
	if (host_order && family > UINT16_MAX)
		family = __builtin_bswap32(family);
	switch (family) {
	case FAMILY_IPV4:
		*ret_family = LINK_FAMILY_IPV4;
		return DECODE_OK;
	case FAMILY_IPV6_LINUX:
	case FAMILY_IPV6_OPENBSD:
	case FAMILY_IPV6_FREEBSD:
	case FAMILY_IPV6_DARWIN:
		*ret_family = LINK_FAMILY_IPV6;
		return DECODE_OK;
	default:
		return DECODE_LINK_UNKNOWN;
	}
}

/* 0 u8[6] to | 6 u8[6] from | 12 be16 ethertype */
enum decode_result link_decode_ethernet(struct cursor *c, enum link_family *ret_family)
{
	struct cursor h = cur_sub(c, ETHERNET_HEADER);
	uint16_t type;

	if (!cur_ok(&h))
		return DECODE_LINK_TRUNCATED;
	cur_skip(&h, 12);
	type = cur_be16(&h);
	if (type == ETHERTYPE_IPV4) {
		*ret_family = LINK_FAMILY_IPV4;
		return DECODE_OK;
	}
	return ethertype_follow(c, type, ret_family);
}

enum decode_result link_decode(const struct frame *f, struct cursor *ret_ip,
			       enum link_family *ret_family)
{
	struct cursor c = cur_init(f->data, f->caplen);
	enum decode_result r = DECODE_LINK_UNKNOWN;
	uint16_t type;

	switch (f->link) {
	case LINK_ETHERNET:
		r = link_decode_ethernet(&c, ret_family);
		break;
	case LINK_LINUX_SLL: /* LINKTYPE_LINUX_SLL: ... | 14 be16 protocol */
		cur_skip(&c, 14);
		type = cur_be16(&c);
		r = cooked_follow(&c, type, ret_family);
		break;
	case LINK_LINUX_SLL2: /* LINKTYPE_LINUX_SLL2: 0 be16 protocol | ... 20 bytes */
		type = cur_be16(&c);
		cur_skip(&c, 18);
		r = cooked_follow(&c, type, ret_family);
		break;
	case LINK_RAW_IP:
		*ret_family = LINK_FAMILY_ANY;
		r = DECODE_OK;
		break;
	case LINK_NULL:
	case LINK_LOOP:
		r = family_decode(&c, f->link == LINK_NULL, ret_family);
		break;
	case LINK_TYPE_COUNT:
		break;
	}
	*ret_ip = c;
	return r;
}
