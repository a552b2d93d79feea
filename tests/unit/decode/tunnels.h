/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DECODE_TUNNELS_H
#define TESTS_DECODE_TUNNELS_H

/*
 * tunnels - every form of tunnel, to be put into each other, and what each fault ends in.
 *
 * A wrap starts where a slot is (an Ethernet frame, an IP packet) and leaves another one.
 * tunnel_end() writes lengths and checksums of all headers, innermost first.
 */

#include "cases.h"

enum slot {
	SLOT_ETHERNET,
	SLOT_V4,
	SLOT_V6
};

enum open_kind {
	OPEN_IP,
	OPEN_PPPOE,
	OPEN_GRE
};

struct open {
	enum open_kind kind;
	size_t at, l4;
	uint8_t proto;
};

static struct open opens[32];
static size_t open_count;
static size_t inner_at; /* where the innermost IP packet begins */

static void open_ip(void)
{
	opens[open_count++] =
		(struct open){.kind = OPEN_IP, .at = b.ip, .l4 = b.l4, .proto = b.proto};
}

static void tunnel_start(void)
{
	build_start(&b, LINK_ETHERNET);
	open_count = 0;
	inner_at = 0;
}

static void tunnel_end(void)
{
	while (open_count > 0) {
		const struct open *o = &opens[--open_count];

		if (o->kind == OPEN_PPPOE) {
			set16(&b, o->at + 4, (unsigned)(b.len - o->at - 6));
			continue;
		}
		if (o->kind == OPEN_GRE) {
			set16(&b, o->at + 4,
			      ~build_sum(b.b + o->at, b.len - o->at, 0) & 0xffff);
			continue;
		}
		b.ip = o->at;
		b.l4 = o->l4;
		b.proto = o->proto;
		if (b.proto == 17)
			set16(&b, b.l4 + 4, (unsigned)(b.len - b.l4));
		build_end(&b);
	}
}

static void put_mac(unsigned first, unsigned type)
{
	put8(&b, first);
	put(&b, "\0\0\0\0\x02\x02\0\0\0\0\x01", 11);
	put16(&b, type);
}

static void outer4(unsigned proto)
{
	put_ipv4(&b, proto);
	open_ip();
}

static void outer6(unsigned proto)
{
	put_ipv6(&b, proto);
	open_ip();
}

static void outer_udp(bool v6, unsigned port)
{
	if (v6)
		outer6(17);
	else
		outer4(17);
	put_udp(&b, 0);
	set16(&b, b.len - 6, port);
}

/* ---- under IP ---------------------------------------------------------------------------- */

static void pppoe(unsigned protocol)
{
	put_mac(2, 0x8864);
	opens[open_count++] = (struct open){.kind = OPEN_PPPOE, .at = b.len};
	put(&b, "\x11\0\0\x07\0\0", 6);
	if (protocol < 0x100)
		put8(&b, protocol);
	else
		put16(&b, protocol & 0xfff);
}

static void pppoe_v4(void)
{
	pppoe(0x1021);
}

static void pppoe_v6(void)
{
	pppoe(0x1057);
}

static void pppoe_one_byte(void)
{
	pppoe(0x21);
}

static void labels(unsigned count)
{
	for (unsigned i = 1; i <= count; i++)
		put32(&b, (16 + i) << 12 | (i == count ? 0x100u : 0) | 64);
}

static void mpls(void)
{
	put_mac(2, 0x8847);
	labels(1);
}

static void mpls_16(void)
{
	put_mac(2, 0x8848);
	labels(DECODE_LABELS_MAX);
}

static void mpls_pseudowire(void)
{
	mpls();
	put32(&b, 0);
}

static void pppoe_mpls(void)
{
	pppoe(0x1281);
	labels(2);
}

/* ---- IP in IP ------------------------------------------------------------------------------ */

static void in4_v4(void)
{
	outer4(4);
}

static void in4_v6(void)
{
	outer4(41);
}

static void in6_v4(void)
{
	outer6(4);
}

static void in6_v6(void)
{
	outer6(41);
}

static void in6_behind_options(void)
{
	outer6(60);
	put_extension_header(&b, 41, 16);
}

static void in4_mpls(void)
{
	outer4(137);
	labels(3);
}

/* ---- GRE ---------------------------------------------------------------------------------- */

static void gre(unsigned flags, unsigned type)
{
	if ((flags & 0x8000) != 0)
		opens[open_count++] = (struct open){.kind = OPEN_GRE, .at = b.len};
	put16(&b, flags);
	put16(&b, type);
	for (unsigned bit = 0x8000; bit >= 0x1000; bit >>= 1)
		if (bit != 0x4000 && (flags & bit) != 0)
			put32(&b, bit == 0x8000 ? 0 : 0xc0ffee00 | bit >> 8);
}

static void gre_v4(void)
{
	outer4(47);
	gre(0, 0x0800);
}

static void gre_v6(void)
{
	outer4(47);
	gre(0, 0x86dd);
}

static void gre_over_v6(void)
{
	outer6(47);
	gre(0, 0x0800);
}

static void gre_key(void)
{
	outer4(47);
	gre(0x2000, 0x0800);
}

static void gre_sum(void)
{
	outer4(47);
	gre(0x8000, 0x0800);
}

static void gre_all(void)
{
	outer4(47);
	gre(0xb000, 0x86dd);
}

static void gre_mpls(void)
{
	outer4(47);
	gre(0x1000, 0x8847);
	labels(2);
}

static void gretap(void)
{
	outer4(47);
	gre(0x2000, 0x6558);
}

static void gretap_sum(void)
{
	outer6(47);
	gre(0xb000, 0x6558);
}

static void erspan1(void)
{
	outer4(47);
	gre(0, 0x88be);
}

static void erspan2(void)
{
	outer4(47);
	gre(0x1000, 0x88be);
	put(&b, "\x10\x64\0\x05\0\0\0\x09", 8);
}

static void erspan3_head(unsigned tail)
{
	outer4(47);
	gre(0x1000, 0x22eb);
	put(&b, "\x20\x64\0\x05\x12\x34\x56\x78\0\0", 10);
	put16(&b, tail);
	if ((tail & 1) != 0)
		put_pattern(&b, 8, 3);
}

static void erspan3(void)
{
	erspan3_head(0x8000);
}

static void erspan3_platform(void)
{
	erspan3_head(0x8001);
}

static void erspan3_ip(void)
{
	erspan3_head(0x0800);
}

/* ---- UDP ---------------------------------------------------------------------------------- */

static void vxlan_flags(bool v6, unsigned flags)
{
	outer_udp(v6, 4789);
	put8(&b, flags);
	put(&b, "\0\0\0\x12\x34\x56\0", 7);
}

static void vxlan(void)
{
	vxlan_flags(false, 0x08);
}

static void vxlan_over_v6(void)
{
	vxlan_flags(true, 0x08);
}

static void vxlan_group_policy(void)
{
	vxlan_flags(false, 0x88);
}

static void geneve_head(unsigned first, unsigned bits, unsigned type)
{
	outer_udp(false, 6081);
	put8(&b, first);
	put8(&b, bits);
	put16(&b, type);
	put(&b, "\x12\x34\x56\0", 4);
}

static void geneve(void)
{
	geneve_head(0, 0, 0x6558);
}

static void geneve_options_v4(void)
{
	geneve_head(3, 0x40, 0x0800);
	put_pattern(&b, 12, 5);
}

static void geneve_v6(void)
{
	geneve_head(0, 0, 0x86dd);
}

struct wrap {
	const char *what;
	enum slot from, to;
	void (*put)(void);
};

static const struct wrap wraps[] = {
	{"PPPoE, IPv4", SLOT_ETHERNET, SLOT_V4, pppoe_v4},
	{"PPPoE, IPv6", SLOT_ETHERNET, SLOT_V6, pppoe_v6},
	{"PPPoE, protocol in one byte", SLOT_ETHERNET, SLOT_V4, pppoe_one_byte},
	{"MPLS, IPv4", SLOT_ETHERNET, SLOT_V4, mpls},
	{"MPLS, IPv6", SLOT_ETHERNET, SLOT_V6, mpls},
	{"MPLS, 16 labels", SLOT_ETHERNET, SLOT_V4, mpls_16},
	{"MPLS, control word", SLOT_ETHERNET, SLOT_ETHERNET, mpls_pseudowire},
	{"MPLS, Ethernet", SLOT_ETHERNET, SLOT_ETHERNET, mpls},
	{"PPPoE, MPLS, IPv6", SLOT_ETHERNET, SLOT_V6, pppoe_mpls},
	{"MPLS in IPv4", SLOT_V4, SLOT_V6, in4_mpls},
	{"GRE, MPLS", SLOT_V4, SLOT_V4, gre_mpls},
	{"IPv4 in IPv4", SLOT_V4, SLOT_V4, in4_v4},
	{"IPv6 in IPv4", SLOT_V4, SLOT_V6, in4_v6},
	{"IPv4 in IPv6", SLOT_V6, SLOT_V4, in6_v4},
	{"IPv6 in IPv6", SLOT_V6, SLOT_V6, in6_v6},
	{"IPv6 in IPv6 behind options", SLOT_V6, SLOT_V6, in6_behind_options},
	{"GRE, IPv4", SLOT_V4, SLOT_V4, gre_v4},
	{"GRE, IPv6", SLOT_V4, SLOT_V6, gre_v6},
	{"GRE over IPv6", SLOT_V6, SLOT_V4, gre_over_v6},
	{"GRE, key", SLOT_V4, SLOT_V4, gre_key},
	{"GRE, checksum", SLOT_V4, SLOT_V4, gre_sum},
	{"GRE, checksum, key, sequence", SLOT_V4, SLOT_V6, gre_all},
	{"GRETAP, key", SLOT_V4, SLOT_ETHERNET, gretap},
	{"GRETAP over IPv6, all fields", SLOT_V6, SLOT_ETHERNET, gretap_sum},
	{"ERSPAN I", SLOT_V4, SLOT_ETHERNET, erspan1},
	{"ERSPAN II", SLOT_V4, SLOT_ETHERNET, erspan2},
	{"ERSPAN III", SLOT_V4, SLOT_ETHERNET, erspan3},
	{"ERSPAN III, subheader", SLOT_V4, SLOT_ETHERNET, erspan3_platform},
	{"ERSPAN III, IP", SLOT_V4, SLOT_V4, erspan3_ip},
	{"VXLAN", SLOT_V4, SLOT_ETHERNET, vxlan},
	{"VXLAN over IPv6", SLOT_V6, SLOT_ETHERNET, vxlan_over_v6},
	{"VXLAN, group policy", SLOT_V4, SLOT_ETHERNET, vxlan_group_policy},
	{"Geneve", SLOT_V4, SLOT_ETHERNET, geneve},
	{"Geneve, options, IPv4", SLOT_V4, SLOT_V4, geneve_options_v4},
	{"Geneve, IPv6", SLOT_V4, SLOT_V6, geneve_v6},
};

#define WRAPS (sizeof(wraps) / sizeof(wraps[0]))

/* Can something that starts at `from` stand in `at`? */
static inline bool slot_takes(enum slot at, enum slot from)
{
	return at == from || at == SLOT_ETHERNET;
}

static void slot_put(enum slot at, enum slot from)
{
	if (at == SLOT_ETHERNET && from != SLOT_ETHERNET)
		put_mac(2, from == SLOT_V4 ? 0x0800 : 0x86dd);
}

/* The packet that all is about. */
static void inner_put(enum slot at, size_t payload)
{
	slot_put(at, at == SLOT_V6 ? SLOT_V6 : SLOT_V4);
	inner_at = b.len;
	if (at == SLOT_V6)
		put_ipv6(&b, 6);
	else
		put_ipv4(&b, 6);
	open_ip();
	put_tcp(&b, 0);
	put_pattern(&b, payload, 9);
}

static void wrapped(const struct wrap *w)
{
	tunnel_start();
	slot_put(SLOT_ETHERNET, w->from);
	w->put();
	inner_put(w->to, 11);
	tunnel_end();
}

/* Around a packet. */
static void around(enum slot from, void (*put_wrap)(void), enum slot to)
{
	const struct wrap w = {.from = from, .to = to, .put = put_wrap};

	wrapped(&w);
}

/* ---- faults, and what is no tunnel -------------------------------------------------------- */

/* The payload of an IP packet: what `put_wrap` writes, and nothing in it. */
static void alone(void (*put_wrap)(void), size_t less)
{
	tunnel_start();
	put_mac(2, 0x0800);
	put_wrap();
	b.len -= less;
	tunnel_end();
}

static void pppoe_header_cut(void)
{
	tunnel_start();
	put_mac(2, 0x8864);
	put(&b, "\x11\0\0\x07\0", 5);
}

static void pppoe_without_protocol(void)
{
	tunnel_start();
	put_mac(2, 0x8864);
	put(&b, "\x11\0\0\x07\0\x01\0", 7);
}

static void pppoe_version(void)
{
	around(SLOT_ETHERNET, pppoe_v4, SLOT_V4);
	b.b[14] = 0x21;
}

static void pppoe_code(void)
{
	around(SLOT_ETHERNET, pppoe_v4, SLOT_V4);
	b.b[15] = 0x07;
}

static void pppoe_length(void)
{
	around(SLOT_ETHERNET, pppoe_v4, SLOT_V4);
	set16(&b, 18, (unsigned)(b.len - 20 + 1));
}

static void pppoe_padded(void)
{
	around(SLOT_ETHERNET, pppoe_v4, SLOT_V4);
	put_pattern(&b, 6, 0x45);
}

static void pppoe_lcp(void)
{
	around(SLOT_ETHERNET, pppoe_v4, SLOT_V4);
	set16(&b, 20, 0xc021);
}

static void mpls_cut(void)
{
	tunnel_start();
	put_mac(2, 0x8847);
	labels(2);
	b.len--;
}

static void mpls_nothing_inside(void)
{
	tunnel_start();
	mpls();
}

static void mpls_17(void)
{
	tunnel_start();
	put_mac(2, 0x8847);
	labels(DECODE_LABELS_MAX + 1);
	inner_put(SLOT_V4, 4);
	tunnel_end();
}

static void mpls_channel(void)
{
	tunnel_start();
	mpls();
	put32(&b, 0x10000007);
	put_zeros(&b, 40);
}

static void mpls_zeros(void)
{
	tunnel_start();
	mpls();
	put_zeros(&b, 40);
}

/* A receiver whose address begins like an IP header. */
static void mpls_to_mac(unsigned first)
{
	tunnel_start();
	mpls();
	put_mac(first, 0x0800);
	inner_put(SLOT_V4, 4);
	tunnel_end();
}

static void mpls_to_mac_48(void)
{
	mpls_to_mac(0x48);
}

static void mpls_to_mac_6c(void)
{
	tunnel_start();
	mpls();
	put(&b, "\x6c\x3b\x6b\x01\xf0\x02\x02\0\0\0\0\x01\x08\0", 14);
	inner_put(SLOT_V4, 4);
	tunnel_end();
}

static void mpls_to_mac_fe(void)
{
	mpls_to_mac(0xfe);
}

static void version_of_tunnel(void)
{
	around(SLOT_V4, in4_v4, SLOT_V6);
}

static void nothing_in_ip(void)
{
	alone(in4_v4, 0);
}

static void gre_cut(void)
{
	alone(gre_v4, 1);
}

static void gre_key_cut(void)
{
	alone(gre_key, 1);
}

static void gre_nothing_inside(void)
{
	alone(gre_v4, 0);
}

static void gre_flags(unsigned set)
{
	around(SLOT_V4, gre_v4, SLOT_V4);
	b.b[34] |= (uint8_t)(set >> 8);
	b.b[35] |= (uint8_t)set;
}

static void gre_routing(void)
{
	gre_flags(0x4000);
}

static void gre_reserved(void)
{
	gre_flags(0x0400);
}

static void gre_reserved_but_ignored(void)
{
	gre_flags(0x03f8);
}

static void gre_version_1(void)
{
	gre_flags(0x0001);
}

static void gre_ppp(void)
{
	around(SLOT_V4, gre_v4, SLOT_V4);
	set16(&b, 36, 0x880b);
}

static void gre_sum_wrong(void)
{
	around(SLOT_V4, gre_sum, SLOT_V4);
	b.b[b.len - 1] ^= 1;
}

static void gretap_cut(void)
{
	alone(gretap, 0);
	put_zeros(&b, 13);
	open_count = 1;
	tunnel_end();
}

static void gretap_arp(void)
{
	tunnel_start();
	put_mac(2, 0x0800);
	gretap();
	put_mac(2, 0x0806);
	put_zeros(&b, 28);
	tunnel_end();
}

static void erspan2_cut(void)
{
	alone(erspan2, 1);
}

static void erspan2_version(void)
{
	around(SLOT_V4, erspan2, SLOT_ETHERNET);
	b.b[42] = 0x20;
}

static void erspan3_cut(void)
{
	alone(erspan3, 1);
}

static void erspan3_platform_cut(void)
{
	alone(erspan3_platform, 1);
}

static void erspan3_version(void)
{
	around(SLOT_V4, erspan3, SLOT_ETHERNET);
	b.b[42] = 0x10;
}

static void erspan3_of_something(void)
{
	erspan3();
	around(SLOT_V4, erspan3, SLOT_ETHERNET);
	set16(&b, 52, 0x0400);
}

static void vxlan_without_network(void)
{
	around(SLOT_V4, vxlan, SLOT_ETHERNET);
	b.b[42] = 0;
}

static void vxlan_like_quic(void)
{
	around(SLOT_V4, vxlan, SLOT_ETHERNET);
	b.b[42] = 0xc8;
}

static void vxlan_of_7(void)
{
	alone(vxlan, 1);
}

static void vxlan_nothing_inside(void)
{
	alone(vxlan, 0);
}

static void vxlan_udp_length(void)
{
	around(SLOT_V4, vxlan, SLOT_ETHERNET);
	set16(&b, 38, (unsigned)b.len);
}

static void geneve_version_1(void)
{
	around(SLOT_V4, geneve, SLOT_ETHERNET);
	b.b[42] = 0x40;
}

static void geneve_control(void)
{
	around(SLOT_V4, geneve, SLOT_ETHERNET);
	b.b[43] = 0x80;
}

static void geneve_other(void)
{
	around(SLOT_V4, geneve, SLOT_ETHERNET);
	set16(&b, 44, 0x88cc);
}

static void geneve_of_7(void)
{
	alone(geneve, 1);
}

static void geneve_options_over(void)
{
	alone(geneve_options_v4, 1);
}

static void ip_in_ip(unsigned count)
{
	tunnel_start();
	put_mac(2, 0x0800);
	for (unsigned i = 0; i < count; i++)
		in4_v4();
	inner_put(SLOT_V4, 4);
	tunnel_end();
}

static void deepest(void)
{
	ip_in_ip(DECODE_TUNNELS_MAX);
}

static void too_deep(void)
{
	ip_in_ip(DECODE_TUNNELS_MAX + 1);
}

static void labels_too_deep(void)
{
	tunnel_start();
	for (unsigned i = 0; i <= DECODE_TUNNELS_MAX; i++)
		mpls_pseudowire();
	inner_put(SLOT_ETHERNET, 4);
	tunnel_end();
}

static void inner_checksum(void)
{
	around(SLOT_V4, gre_v4, SLOT_V4);
	b.b[inner_at + 8] ^= 1;
}

static void inner_length(void)
{
	around(SLOT_V4, vxlan, SLOT_ETHERNET);
	set16(&b, inner_at + 2, (unsigned)(b.len - inner_at + 1));
	b.ip = inner_at;
	build_ipv4_checksum(&b);
}

static const struct row tunnel_rows[] = {
	{"PPPoE header cut", DECODE_TUNNEL_TRUNCATED, pppoe_header_cut},
	{"PPPoE without protocol", DECODE_TUNNEL_TRUNCATED, pppoe_without_protocol},
	{"PPPoE version", DECODE_PPPOE_HEADER, pppoe_version},
	{"PPPoE code", DECODE_PPPOE_HEADER, pppoe_code},
	{"PPPoE length over frame", DECODE_PPPOE_HEADER, pppoe_length},
	{"PPPoE padded", DECODE_OK, pppoe_padded},
	{"PPPoE, LCP", DECODE_NOT_IP, pppoe_lcp},
	{"MPLS cut", DECODE_TUNNEL_TRUNCATED, mpls_cut},
	{"MPLS, nothing inside", DECODE_TUNNEL_TRUNCATED, mpls_nothing_inside},
	{"MPLS, 17 labels", DECODE_MPLS_LABELS, mpls_17},
	{"MPLS, associated channel", DECODE_MPLS_PAYLOAD, mpls_channel},
	{"MPLS, zeros", DECODE_MPLS_PAYLOAD, mpls_zeros},
	{"MPLS, Ethernet to 48:...", DECODE_OK, mpls_to_mac_48},
	{"MPLS, Ethernet to 6c:...", DECODE_OK, mpls_to_mac_6c},
	{"MPLS, Ethernet to fe:...", DECODE_OK, mpls_to_mac_fe},
	{"IPv6 in what says IPv4", DECODE_IP_VERSION, version_of_tunnel},
	{"nothing in IP", DECODE_IP_TRUNCATED, nothing_in_ip},
	{"GRE cut", DECODE_TUNNEL_TRUNCATED, gre_cut},
	{"GRE key cut", DECODE_TUNNEL_TRUNCATED, gre_key_cut},
	{"GRE, nothing inside", DECODE_IP_TRUNCATED, gre_nothing_inside},
	{"GRE, routing", DECODE_GRE_FLAGS, gre_routing},
	{"GRE, reserved flag", DECODE_GRE_FLAGS, gre_reserved},
	{"GRE, reserved flags to ignore", DECODE_OK, gre_reserved_but_ignored},
	{"GRE version 1", DECODE_OK, gre_version_1},
	{"GRE with PPP", DECODE_OK, gre_ppp},
	{"GRE checksum wrong", DECODE_GRE_CHECKSUM, gre_sum_wrong},
	{"GRETAP, Ethernet cut", DECODE_LINK_TRUNCATED, gretap_cut},
	{"GRETAP, ARP", DECODE_NOT_IP, gretap_arp},
	{"ERSPAN II cut", DECODE_TUNNEL_TRUNCATED, erspan2_cut},
	{"ERSPAN II version", DECODE_ERSPAN_HEADER, erspan2_version},
	{"ERSPAN III cut", DECODE_TUNNEL_TRUNCATED, erspan3_cut},
	{"ERSPAN III subheader cut", DECODE_TUNNEL_TRUNCATED, erspan3_platform_cut},
	{"ERSPAN III version", DECODE_ERSPAN_HEADER, erspan3_version},
	{"ERSPAN III of another type", DECODE_NOT_IP, erspan3_of_something},
	{"VXLAN without its flag", DECODE_OK, vxlan_without_network},
	{"VXLAN like QUIC", DECODE_OK, vxlan_like_quic},
	{"VXLAN of 7 bytes", DECODE_OK, vxlan_of_7},
	{"VXLAN, nothing inside", DECODE_LINK_TRUNCATED, vxlan_nothing_inside},
	{"VXLAN, UDP length", DECODE_UDP_LENGTH, vxlan_udp_length},
	{"Geneve version 1", DECODE_OK, geneve_version_1},
	{"Geneve, control", DECODE_OK, geneve_control},
	{"Geneve of 7 bytes", DECODE_OK, geneve_of_7},
	{"Geneve, LLDP", DECODE_OK, geneve_other},
	{"Geneve options over datagram", DECODE_GENEVE_OPTIONS, geneve_options_over},
	{"eight tunnels", DECODE_OK, deepest},
	{"nine tunnels", DECODE_TUNNEL_TOO_DEEP, too_deep},
	{"nine label stacks", DECODE_TUNNEL_TOO_DEEP, labels_too_deep},
	{"inner checksum wrong", DECODE_IP_CHECKSUM, inner_checksum},
	{"inner length over outer", DECODE_IP_TOTAL_LENGTH, inner_length},
};

#define TUNNEL_ROWS (sizeof(tunnel_rows) / sizeof(tunnel_rows[0]))

#endif /* TESTS_DECODE_TUNNELS_H */
