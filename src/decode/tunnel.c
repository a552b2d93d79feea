/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/tunnel.h"

#include "base/checksum.h"

#define UDP_HEADER     8
#define VXLAN_HEADER   8
#define GENEVE_HEADER  8
#define ERSPAN2_HEADER 8
#define ERSPAN3_HEADER 12
#define ETHERNET_TYPE  12 /* where an Ethernet frame has its ethertype */

enum ppp_protocol { /* IANA ppp-numbers */
	PPP_IPV4 = 0x0021,
	PPP_IPV6 = 0x0057,
	PPP_MPLS = 0x0281,
};

enum gre_flag { /* RFC 2784 section 2.2, RFC 2890 section 2; the others are of RFC 1701 */
	GRE_CHECKSUM = 0x8000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_REFUSED = 0x4c00, /* a receiver must discard these */
	GRE_VERSION = 0x0007,
};

/* Each adds four bytes to the header. */
static const uint16_t gre_fields[] = {GRE_CHECKSUM, GRE_KEY, GRE_SEQUENCE};

enum vxlan_flag {
	VXLAN_VNI = 0x08,
	VXLAN_GROUP_POLICY = 0x80, /* draft-smith-vxlan-group-policy: no other layout */
};

enum erspan_bit {
	ERSPAN_TRUNCATED = 0x0400, /* of the second 16 bits: the copy is shorter */
	ERSPAN3_TYPE = 0x7c00,     /* of the last 16: what was copied */
	ERSPAN3_TYPE_IP = 0x0800,  /* a packet without its Ethernet header */
	ERSPAN3_PLATFORM = 0x0001, /* eight bytes more */
};

/* Tell how far *l has been read: the rest of what was on the wire lies behind it. */
static void layer_advance(struct layer *l, const struct cursor *at)
{
	l->wire_len -= l->c.left - at->left;
	l->c = *at;
}

/* What the layer holds ends after `len` bytes; false when it cannot. */
static bool layer_end(struct layer *l, size_t len)
{
	if (len > l->wire_len && !l->cut)
		return false;
	if (l->c.left > len)
		l->c = cur_sub(&l->c, len);
	l->wire_len = len;
	l->cut = false;
	return true;
}

static enum decode_result enter_ethernet(struct layer *l)
{
	struct cursor c = l->c;
	const enum decode_result r = link_decode_ethernet(&c, &l->family);

	if (r == DECODE_OK)
		layer_advance(l, &c);
	return r;
}

/*
 * RFC 2516 section 4, then PPP (RFC 1661 section 2, protocols in one byte too):
 *   0 u8 version << 4 | type | 1 u8 code | 2 be16 session | 4 be16 length | 6 be16 protocol
 */
static enum decode_result enter_pppoe(struct layer *l)
{
	struct cursor c = l->c;
	const uint8_t version_type = cur_u8(&c);
	const uint8_t code = cur_u8(&c);
	uint16_t protocol;
	size_t len;

	cur_skip(&c, 2);
	len = cur_be16(&c);
	if (!cur_ok(&c))
		return DECODE_TUNNEL_TRUNCATED;
	layer_advance(l, &c);
	if (version_type != 0x11 || code != 0 || !layer_end(l, len))
		return DECODE_PPPOE_HEADER;
	c = l->c;
	protocol = cur_u8(&c);
	if ((protocol & 1) == 0)
		protocol = (uint16_t)(protocol << 8 | cur_u8(&c));
	if (!cur_ok(&c))
		return DECODE_TUNNEL_TRUNCATED;
	layer_advance(l, &c);
	switch (protocol) {
	case PPP_IPV4:
		l->family = LINK_FAMILY_IPV4;
		return DECODE_OK;
	case PPP_IPV6:
		l->family = LINK_FAMILY_IPV6;
		return DECODE_OK;
	case PPP_MPLS:
		l->family = LINK_FAMILY_MPLS;
		return DECODE_OK;
	default:
		return DECODE_NOT_IP; /* LCP, IPCP, authentication */
	}
}

/* Could these be an Ethernet frame that carries something that we read? */
static bool is_ethernet(const struct layer *l, size_t at)
{
	struct cursor c = l->c;

	cur_skip(&c, at + ETHERNET_TYPE);
	switch (cur_be16(&c)) {
	case ETHERTYPE_IPV4:
	case ETHERTYPE_IPV6:
	case ETHERTYPE_VLAN:
	case ETHERTYPE_SERVICE_VLAN:
	case ETHERTYPE_OLD_QINQ:
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM:
	case ETHERTYPE_PPPOE:
		return true;
	default:
		return false;
	}
}

/* An IPv4 header of its own length with a right checksum, as far as it was captured. */
static bool is_ipv4(const struct layer *l)
{
	struct cursor c = l->c;
	struct cursor h = c;
	const size_t len = (size_t)(cur_u8(&h) & 0x0f) * 4;
	const uint8_t *header = cur_take(&c, len);

	return header == NULL ||
	       (len >= 20 && checksum_good(checksum_add(0, header, len)));
}

/* An IPv6 header whose length fits. */
static bool is_ipv6(const struct layer *l)
{
	struct cursor c = l->c;

	cur_skip(&c, 4);
	return l->cut || (size_t)cur_be16(&c) + 40 <= l->wire_len;
}

/*
 * RFC 3032 section 2.1: 0 be32 label << 12 | class << 9 | bottom << 8 | ttl.  What follows the
 * bottom is told by nobody but its first nibble (RFC 4928): 4 and 6 are IP, 0 is a control
 * word.  An Ethernet frame may begin as either, with its receiver's address.
 */
static enum decode_result enter_mpls(struct layer *l)
{
	struct cursor c = l->c;
	uint32_t entry = 0;
	uint8_t nibble;

	for (unsigned labels = 0; (entry & 0x100) == 0; labels++) {
		if (labels == DECODE_LABELS_MAX)
			return DECODE_MPLS_LABELS;
		entry = cur_be32(&c);
		if (!cur_ok(&c))
			return DECODE_TUNNEL_TRUNCATED;
	}
	layer_advance(l, &c);
	nibble = cur_u8(&c) >> 4;
	if (!cur_ok(&c))
		return DECODE_TUNNEL_TRUNCATED;
	l->family = LINK_FAMILY_ANY;
	if ((nibble == 4 && (is_ipv4(l) || !is_ethernet(l, 0))) ||
	    (nibble == 6 && (is_ipv6(l) || !is_ethernet(l, 0))))
		return DECODE_OK;
	if (nibble == 0 && is_ethernet(l, 4)) {
		c = l->c;
		cur_skip(&c, 4);
		layer_advance(l, &c);
		return enter_ethernet(l);
	}
	return is_ethernet(l, 0) ? enter_ethernet(l) : DECODE_MPLS_PAYLOAD;
}

enum decode_result tunnel_enter_link(struct layer *l)
{
	return l->family == LINK_FAMILY_PPPOE ? enter_pppoe(l) : enter_mpls(l);
}

/*
 * Type II, draft-foschiano-erspan-03 section 4.2:
 *   0 be16 version << 12 | vlan | 2 be16 ... truncated << 10 | session | 4 be32 index
 */
static enum decode_result enter_erspan2(struct layer *l)
{
	struct cursor c = l->c;
	const unsigned version = cur_be16(&c) >> 12;
	const uint16_t bits = cur_be16(&c);

	cur_skip(&c, ERSPAN2_HEADER - 4);
	if (!cur_ok(&c))
		return DECODE_TUNNEL_TRUNCATED;
	if (version != 1)
		return DECODE_ERSPAN_HEADER;
	layer_advance(l, &c);
	l->cut = (bits & ERSPAN_TRUNCATED) != 0;
	return enter_ethernet(l);
}

/*
 * Type III, section 4.3:
 *   0 be16 version << 12 | vlan | 2 be16 ... truncated << 10 | session | 4 be32 timestamp |
 *   8 be16 group | 10 be16 protocol << 15 | frame type << 10 | ... | optional subheader
 */
static enum decode_result enter_erspan3(struct layer *l)
{
	struct cursor c = l->c;
	const unsigned version = cur_be16(&c) >> 12;
	const uint16_t bits = cur_be16(&c);
	uint16_t tail;

	cur_skip(&c, ERSPAN3_HEADER - 6);
	tail = cur_be16(&c);
	if ((tail & ERSPAN3_PLATFORM) != 0)
		cur_skip(&c, 8);
	if (!cur_ok(&c))
		return DECODE_TUNNEL_TRUNCATED;
	if (version != 2)
		return DECODE_ERSPAN_HEADER;
	layer_advance(l, &c);
	l->cut = (bits & ERSPAN_TRUNCATED) != 0;
	if ((tail & ERSPAN3_TYPE) == ERSPAN3_TYPE_IP) {
		l->family = LINK_FAMILY_ANY;
		return DECODE_OK;
	}
	return (tail & ERSPAN3_TYPE) == 0 ? enter_ethernet(l) : DECODE_NOT_IP;
}

/*
 * Go to what GRE carries, its own header read; false for what is left to itself.  Type I of
 * ERSPAN is the frame at once: it alone has no sequence number (section 4.1).
 */
static bool enter_gre_payload(uint16_t type, bool sequence, struct layer *l,
			      enum decode_result *ret)
{
	*ret = DECODE_OK;
	switch (type) {
	case ETHERTYPE_IPV4:
		l->family = LINK_FAMILY_IPV4;
		return true;
	case ETHERTYPE_IPV6:
		l->family = LINK_FAMILY_IPV6;
		return true;
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM:
		l->family = LINK_FAMILY_MPLS;
		return true;
	case ETHERTYPE_BRIDGING:
		*ret = enter_ethernet(l);
		return true;
	case ETHERTYPE_ERSPAN2:
		*ret = sequence ? enter_erspan2(l) : enter_ethernet(l);
		return true;
	case ETHERTYPE_ERSPAN3:
		*ret = enter_erspan3(l);
		return true;
	default:
		return false;
	}
}

/*
 * RFC 2784 section 2.1 and RFC 2890 section 2:
 *   0 be16 flags | version | 2 be16 ethertype | checksum and 0, key, sequence: 4 bytes each
 */
static bool enter_gre(struct layer *l, enum decode_result *ret)
{
	struct layer inner = *l;
	struct cursor c = l->c;
	const uint16_t flags = cur_be16(&c);
	const uint16_t type = cur_be16(&c);

	if (!cur_ok(&c)) {
		*ret = DECODE_TUNNEL_TRUNCATED;
		return true;
	}
	if ((flags & GRE_VERSION) != 0)
		return false;
	for (size_t i = 0; i < sizeof(gre_fields) / sizeof(gre_fields[0]); i++)
		if ((flags & gre_fields[i]) != 0)
			cur_skip(&c, 4);
	if (!cur_ok(&c)) {
		*ret = DECODE_TUNNEL_TRUNCATED;
		return true;
	}
	layer_advance(&inner, &c);
	if (!enter_gre_payload(type, (flags & GRE_SEQUENCE) != 0, &inner, ret))
		return false;
	/* What a receiver discards carries nothing, whatever it says. */
	if ((flags & GRE_REFUSED) != 0)
		*ret = DECODE_GRE_FLAGS;
	else if ((flags & GRE_CHECKSUM) != 0 && l->c.left == l->wire_len &&
		 !checksum_good(checksum_add(0, l->c.p, l->c.left)))
		*ret = DECODE_GRE_CHECKSUM;
	*l = inner;
	return true;
}

/*
 * RFC 7348 section 5: 0 u8 flags | 1 u8[3] reserved | 4 u8[3] network | 7 u8 reserved.
 * Receivers are to ignore the other flags; Linux drops frames that have one it does not know,
 * and every QUIC packet has one.
 */
static bool enter_vxlan(struct layer *l, enum decode_result *ret)
{
	struct cursor c = l->c;
	const uint8_t flags = cur_u8(&c);

	cur_skip(&c, VXLAN_HEADER - 1);
	if (l->wire_len < VXLAN_HEADER)
		return false;
	if (!cur_ok(&c)) {
		*ret = DECODE_TUNNEL_TRUNCATED;
		return true;
	}
	if ((flags & ~VXLAN_GROUP_POLICY) != VXLAN_VNI)
		return false;
	layer_advance(l, &c);
	*ret = enter_ethernet(l);
	return true;
}

/*
 * RFC 8926 section 3.4: 0 u8 version << 6 | options in words | 1 u8 control << 7 | critical
 * << 6 | reserved | 2 be16 ethertype | 4 u8[3] network | 7 u8 reserved | options
 */
static bool enter_geneve(struct layer *l, enum decode_result *ret)
{
	struct cursor c = l->c;
	const uint8_t first = cur_u8(&c);
	const uint8_t bits = cur_u8(&c);
	const uint16_t type = cur_be16(&c);

	const size_t options = (size_t)(first & 0x3f) * 4;

	cur_skip(&c, GENEVE_HEADER - 4);
	if (l->wire_len < GENEVE_HEADER)
		return false;
	if (!cur_ok(&c)) {
		*ret = DECODE_TUNNEL_TRUNCATED;
		return true;
	}
	if (first >> 6 != 0 || (bits & 0xbf) != 0 ||
	    (type != ETHERTYPE_BRIDGING && type != ETHERTYPE_IPV4 &&
	     type != ETHERTYPE_IPV6))
		return false;
	cur_skip(&c, options);
	if (!cur_ok(&c)) {
		*ret = options > l->wire_len - GENEVE_HEADER ? DECODE_GENEVE_OPTIONS
							     : DECODE_TUNNEL_TRUNCATED;
		return true;
	}
	layer_advance(l, &c);
	*ret = DECODE_OK;
	if (type == ETHERTYPE_BRIDGING)
		*ret = enter_ethernet(l);
	else
		l->family = type == ETHERTYPE_IPV4 ? LINK_FAMILY_IPV4 : LINK_FAMILY_IPV6;
	return true;
}

/* 0 be16 source port | 2 be16 destination port | 4 be16 length | 6 be16 checksum */
static bool enter_udp(struct layer *l, enum decode_result *ret)
{
	struct layer inner = *l;
	struct cursor c = l->c;
	uint16_t port;
	size_t len;

	cur_skip(&c, 2);
	port = cur_be16(&c);
	len = cur_be16(&c);
	cur_skip(&c, 2);
	/* A wrong length is for the transport to refuse. */
	if (!cur_ok(&c) || len < UDP_HEADER || len > l->wire_len)
		return false;
	layer_advance(&inner, &c);
	(void)layer_end(&inner, len - UDP_HEADER);
	if (!(port == TUNNEL_PORT_VXLAN ? enter_vxlan(&inner, ret)
					: enter_geneve(&inner, ret)))
		return false;
	*l = inner;
	return true;
}

bool tunnel_enter(uint8_t proto, struct layer *l, enum decode_result *ret)
{
	switch (proto) {
	case IP_PROTO_IPV4:
	case IP_PROTO_IPV6:
	case IP_PROTO_MPLS:
		l->family = proto == IP_PROTO_IPV4   ? LINK_FAMILY_IPV4
			    : proto == IP_PROTO_IPV6 ? LINK_FAMILY_IPV6
						     : LINK_FAMILY_MPLS;
		*ret = DECODE_OK;
		return true;
	case IP_PROTO_GRE:
		return enter_gre(l, ret);
	case IP_PROTO_UDP:
		return enter_udp(l, ret);
	default:
		return false;
	}
}
