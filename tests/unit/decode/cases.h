/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DECODE_CASES_H
#define TESTS_DECODE_CASES_H

/*
 * cases - frames of every kind that decode reads or refuses, and what each ends in.
 */

#include "build.h"
#include "decode/decode.h"

/* Too large for a stack; every test starts it anew. */
static struct build b;

static void ipv4_udp(void)
{
	put_ipv4(&b, 17);
	put_udp(&b, 4);
	put_pattern(&b, 4, 1);
	build_end(&b);
}

static void ipv6_udp(void)
{
	put_ipv6(&b, 17);
	put_udp(&b, 4);
	put_pattern(&b, 4, 1);
	build_end(&b);
}

static void ipv4_tcp(void)
{
	put_ipv4(&b, 6);
	put_tcp(&b, 0);
	put_pattern(&b, 4, 1);
	build_end(&b);
}

static void ethernet_ipv4(void)
{
	put_ethernet(&b, 0x0800);
	ipv4_udp();
}

static void ethernet_ipv6(void)
{
	put_ethernet(&b, 0x86dd);
	ipv6_udp();
}

static void tags(const unsigned *types, size_t count)
{
	put_ethernet(&b, types[0]);
	for (size_t i = 0; i < count; i++) {
		put16(&b, 0x2064);
		put16(&b, i + 1 < count ? types[i + 1] : 0x0800);
	}
	ipv4_udp();
}

static void vlan(void)
{
	tags((const unsigned[]){0x8100}, 1);
}

static void qinq(void)
{
	tags((const unsigned[]){0x88a8, 0x8100}, 2);
}

static void four_tags(void)
{
	tags((const unsigned[]){0x9100, 0x9100, 0x88a8, 0x8100}, 4);
}

static void five_tags(void)
{
	tags((const unsigned[]){0x9100, 0x9100, 0x88a8, 0x8100, 0x8100}, 5);
}

static void snap(void)
{
	put_ethernet(&b, 8 + 32);
	put(&b, "\xaa\xaa\x03\0\0\0\x08\0", 8);
	ipv4_udp();
}

static void snap_of_a_vendor(void)
{
	put_ethernet(&b, 8 + 32);
	put(&b, "\xaa\xaa\x03\0\0\x0c\x08\0", 8);
	ipv4_udp();
}

static void spanning_tree(void)
{
	put_ethernet(&b, 38);
	put(&b, "\x42\x42\x03", 3);
	put_zeros(&b, 43);
}

static void arp(void)
{
	put_ethernet(&b, 0x0806);
	put_zeros(&b, 46);
}

static void sll(void)
{
	build_start(&b, LINK_LINUX_SLL);
	put(&b, "\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0", 14);
	put16(&b, 0x86dd);
	ipv6_udp();
}

static void sll_vlan(void)
{
	build_start(&b, LINK_LINUX_SLL);
	put_zeros(&b, 14);
	put16(&b, 0x8100);
	put16(&b, 100);
	put16(&b, 0x0800);
	ipv4_udp();
}

static void sll_snap(void)
{
	build_start(&b, LINK_LINUX_SLL);
	put_zeros(&b, 14);
	put16(&b, 0x0004);
	put(&b, "\xaa\xaa\x03\0\0\0\x08\0", 8);
	ipv4_udp();
}

static void sll_can_bus(void)
{
	build_start(&b, LINK_LINUX_SLL);
	put_zeros(&b, 14);
	put16(&b, 0x000c);
	put(&b, "\xaa\xaa\x03\0\0\0\x08\0", 8);
	ipv4_udp();
}

static void sll2(void)
{
	build_start(&b, LINK_LINUX_SLL2);
	put16(&b, 0x0800);
	put_zeros(&b, 18);
	ipv4_udp();
}

static void raw4(void)
{
	build_start(&b, LINK_RAW_IP);
	ipv4_udp();
}

static void raw6(void)
{
	build_start(&b, LINK_RAW_IP);
	ipv6_udp();
}

static void raw_tcp(void)
{
	build_start(&b, LINK_RAW_IP);
	ipv4_tcp();
}

static void null_little(void)
{
	build_start(&b, LINK_NULL);
	put(&b, "\x02\0\0\0", 4);
	ipv4_udp();
}

static void null_big(void)
{
	build_start(&b, LINK_NULL);
	put(&b, "\0\0\0\x02", 4);
	ipv4_udp();
}

static void null_family(unsigned family)
{
	build_start(&b, LINK_NULL);
	put8(&b, family);
	put_zeros(&b, 3);
	ipv6_udp();
}

static void null_linux6(void)
{
	null_family(10);
}

static void null_openbsd6(void)
{
	null_family(24);
}

static void null_freebsd6(void)
{
	null_family(28);
}

static void null_darwin6(void)
{
	null_family(30);
}

static void null_appletalk(void)
{
	null_family(16);
}

static void loop6(void)
{
	build_start(&b, LINK_LOOP);
	put32(&b, 24);
	ipv6_udp();
}

static void loop_wrong_order(void)
{
	build_start(&b, LINK_LOOP);
	put(&b, "\x02\0\0\0", 4);
	ipv4_udp();
}

static void no_link_type(void)
{
	raw4();
	b.link = LINK_TYPE_COUNT;
}

static void runt(void)
{
	ethernet_ipv4();
	b.len = 13;
}

static void tag_cut(void)
{
	vlan();
	b.len = 16;
}

static void ethernet_alone(void)
{
	put_ethernet(&b, 0x0800);
}

static void version_5(void)
{
	raw4();
	b.b[0] = 0x55;
}

static void version_of_the_other(void)
{
	put_ethernet(&b, 0x0800);
	ipv6_udp();
}

static void ipv4_header_cut(void)
{
	raw4();
	b.len = 19;
}

static void ipv6_header_cut(void)
{
	raw6();
	b.len = 39;
}

static void ipv4_header_of_16(void)
{
	raw4();
	b.b[0] = 0x44;
	build_ipv4_checksum(&b);
}

static void ipv4_total_under_header(void)
{
	raw4();
	set16(&b, 2, 19);
	build_ipv4_checksum(&b);
}

static void ipv4_total_over_frame(void)
{
	raw4();
	set16(&b, 2, (unsigned)b.len + 1);
	build_ipv4_checksum(&b);
}

static void ipv4_total_0_in_a_small_frame(void)
{
	raw_tcp();
	set16(&b, 2, 0);
	build_ipv4_checksum(&b);
}

static void ipv4_total_0_from_offload(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4(&b, 6);
	put_tcp(&b, 0);
	put_pattern(&b, 4000, 1);
	set16(&b, 2, 0);
	build_ipv4_checksum(&b);
}

static void ipv4_total_0_and_no_checksum(void)
{
	ipv4_total_0_from_offload();
	set16(&b, 10, 0);
}

static void ipv4_no_checksum(void)
{
	raw4();
	set16(&b, 10, 0);
}

static void ipv4_checksum_wrong(void)
{
	raw4();
	b.b[8] ^= 1;
}

static void ipv4_options(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4_header(&b, 17, 1, 0, 40);
	put_udp(&b, 0);
	build_end(&b);
}

static void ipv6_over_frame(void)
{
	raw6();
	set16(&b, 4, 13);
}

static void jumbogram(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv6(&b, 0);
	put_extension_header(&b, 17, 8);
	put_udp(&b, 1600);
	put_pattern(&b, 1600, 0);
}

static void ipv6_total_0_from_offload(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv6(&b, 6);
	put_tcp(&b, 0);
	put_pattern(&b, 4000, 1);
}

static void ipv6_nothing_inside(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv6(&b, 59);
}

static void mapped_source(void)
{
	raw6();
	memcpy(b.b + 8, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
}

static void mapped_destination(void)
{
	raw6();
	memcpy(b.b + 24, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
}

static void every_extension(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv6(&b, 0);
	put_extension_header(&b, 60, 16); /* hop-by-hop */
	put_extension_header(&b, 43, 8);  /* destination */
	put_extension_header(&b, 44, 24); /* routing */
	put_fragment(&b, 51, 0, false, 9);
	put_ah(&b, 135);
	put_extension_header(&b, 60, 8); /* mobility */
	put_extension_header(&b, 6, 264);
	put_tcp(&b, 0);
	put_pattern(&b, 3, 1);
	build_end(&b);
}

static void extensions(unsigned count)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv6(&b, 60);
	for (unsigned i = 1; i < count; i++)
		put_extension_header(&b, 60, 8);
	put_extension_header(&b, 17, 8);
	put_udp(&b, 0);
	build_end(&b);
}

static void most_extensions(void)
{
	extensions(DECODE_EXTENSIONS_MAX);
}

static void too_many_extensions(void)
{
	extensions(DECODE_EXTENSIONS_MAX + 1);
}

static void extension_past_the_end(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv6(&b, 60);
	put_extension_header(&b, 17, 8);
	b.b[41] = 200;
	put_udp(&b, 0);
	build_end(&b);
}

static void fragment_header_cut(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv6(&b, 44);
	put_zeros(&b, 7);
	build_end(&b);
}

static void fragment_of_nothing(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4_header(&b, 17, 1, 0x2000, 0);
	build_end(&b);
}

static void fragment_not_in_eights(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4_header(&b, 17, 1, 0x2000, 0);
	put_zeros(&b, 12);
	build_end(&b);
}

static void fragment_past_64k(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4_header(&b, 17, 1, 0x1fff, 0);
	put_zeros(&b, 9);
	build_end(&b);
}

static void fragment_first(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4_header(&b, 17, 2, 0x2000, 0);
	put_zeros(&b, 16);
	build_end(&b);
}

static void tcp_header_cut_by_ip(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4(&b, 6);
	put_zeros(&b, 19);
	build_end(&b);
}

static void udp_header_cut_by_ip(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4(&b, 17);
	put_zeros(&b, 7);
	build_end(&b);
}

static void icmp_header_cut_by_ip(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4(&b, 1);
	put_zeros(&b, 7);
	build_end(&b);
}

static void sctp_header_cut_by_ip(void)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4(&b, 132);
	put_zeros(&b, 11);
	build_end(&b);
}

static void tcp_offset(unsigned words)
{
	raw_tcp();
	b.b[b.l4 + 12] = (uint8_t)(words << 4);
}

static void tcp_offset_4(void)
{
	tcp_offset(4);
}

static void tcp_offset_10(void)
{
	tcp_offset(10);
}

static void tcp_with(const char *options, size_t len)
{
	build_start(&b, LINK_RAW_IP);
	put_ipv4(&b, 6);
	put_tcp(&b, len);
	put(&b, options, len);
	build_end(&b);
}

static void tcp_option_of_0(void)
{
	tcp_with("\x01\x01\x02\0", 4);
}

static void tcp_option_of_1(void)
{
	tcp_with("\x01\x01\x02\x01", 4);
}

static void tcp_option_past_header(void)
{
	tcp_with("\x01\x01\x02\x03", 4);
}

static void tcp_option_kind_alone(void)
{
	tcp_with("\x01\x01\x01\x02", 4);
}

static void tcp_options_after_end(void)
{
	tcp_with("\0\xff\0\x02", 4);
}

static void udp_length(unsigned v)
{
	raw4();
	set16(&b, b.l4 + 4, v);
}

static void udp_length_7(void)
{
	udp_length(7);
}

static void udp_length_over_ip(void)
{
	udp_length(13);
}

static void udp_length_0(void)
{
	udp_length(0);
}

static void udp6_length_0(void)
{
	raw6();
	set16(&b, b.l4 + 4, 0);
}

struct row {
	const char *what;
	enum decode_result want;
	void (*build)(void);
};

static const struct row rows[] = {
	{"Ethernet, IPv4", DECODE_OK, ethernet_ipv4},
	{"Ethernet, IPv6", DECODE_OK, ethernet_ipv6},
	{"802.1Q", DECODE_OK, vlan},
	{"802.1ad", DECODE_OK, qinq},
	{"four tags", DECODE_OK, four_tags},
	{"five tags", DECODE_TAGS_TOO_DEEP, five_tags},
	{"802.3 SNAP", DECODE_OK, snap},
	{"802.3 SNAP of another organization", DECODE_NOT_IP, snap_of_a_vendor},
	{"802.3 LLC", DECODE_NOT_IP, spanning_tree},
	{"ARP", DECODE_NOT_IP, arp},
	{"cooked v1", DECODE_OK, sll},
	{"cooked v1 with a tag", DECODE_OK, sll_vlan},
	{"cooked v1 with LLC", DECODE_OK, sll_snap},
	{"cooked v1, a small protocol number", DECODE_NOT_IP, sll_can_bus},
	{"cooked v2", DECODE_OK, sll2},
	{"raw IPv4", DECODE_OK, raw4},
	{"raw IPv6", DECODE_OK, raw6},
	{"null, little endian", DECODE_OK, null_little},
	{"null, big endian", DECODE_OK, null_big},
	{"null, IPv6 of Linux", DECODE_OK, null_linux6},
	{"null, IPv6 of OpenBSD", DECODE_OK, null_openbsd6},
	{"null, IPv6 of FreeBSD", DECODE_OK, null_freebsd6},
	{"null, IPv6 of Darwin", DECODE_OK, null_darwin6},
	{"null, AppleTalk", DECODE_LINK_UNKNOWN, null_appletalk},
	{"loop", DECODE_OK, loop6},
	{"loop in the wrong order", DECODE_LINK_UNKNOWN, loop_wrong_order},
	{"no link type", DECODE_LINK_UNKNOWN, no_link_type},
	{"Ethernet header cut", DECODE_LINK_TRUNCATED, runt},
	{"tag cut", DECODE_LINK_TRUNCATED, tag_cut},
	{"nothing behind Ethernet", DECODE_IP_TRUNCATED, ethernet_alone},
	{"version 5", DECODE_IP_VERSION, version_5},
	{"IPv6 behind IPv4's ethertype", DECODE_IP_VERSION, version_of_the_other},
	{"IPv4 header cut", DECODE_IP_TRUNCATED, ipv4_header_cut},
	{"IPv6 header cut", DECODE_IP_TRUNCATED, ipv6_header_cut},
	{"IPv4 header of 16 bytes", DECODE_IP_HEADER_LENGTH, ipv4_header_of_16},
	{"IPv4 total under header", DECODE_IP_TOTAL_LENGTH, ipv4_total_under_header},
	{"IPv4 total over frame", DECODE_IP_TOTAL_LENGTH, ipv4_total_over_frame},
	{"IPv4 total 0", DECODE_IP_TOTAL_LENGTH, ipv4_total_0_in_a_small_frame},
	{"IPv4 total 0, offload", DECODE_OK, ipv4_total_0_from_offload},
	{"IPv4 total and checksum 0, offload", DECODE_OK, ipv4_total_0_and_no_checksum},
	{"IPv4 checksum 0", DECODE_IP_CHECKSUM, ipv4_no_checksum},
	{"IPv4 checksum wrong", DECODE_IP_CHECKSUM, ipv4_checksum_wrong},
	{"IPv4 with 40 bytes of options", DECODE_OK, ipv4_options},
	{"IPv6 length over frame", DECODE_IP_TOTAL_LENGTH, ipv6_over_frame},
	{"IPv6 jumbogram", DECODE_IP_TOTAL_LENGTH, jumbogram},
	{"IPv6 length 0, offload", DECODE_OK, ipv6_total_0_from_offload},
	{"IPv6 with nothing inside", DECODE_OK, ipv6_nothing_inside},
	{"IPv6 from a mapped address", DECODE_IP_MAPPED, mapped_source},
	{"IPv6 to a mapped address", DECODE_IP_MAPPED, mapped_destination},
	{"IPv6 with every extension", DECODE_OK, every_extension},
	{"IPv6 with as many extensions as are read", DECODE_OK, most_extensions},
	{"IPv6 with one more", DECODE_EXTENSION_TOO_MANY, too_many_extensions},
	{"IPv6 extension past the end", DECODE_EXTENSION_TRUNCATED,
	 extension_past_the_end},
	{"IPv6 fragment header cut", DECODE_EXTENSION_TRUNCATED, fragment_header_cut},
	{"fragment of no bytes", DECODE_FRAGMENT_BAD, fragment_of_nothing},
	{"fragment not in eights", DECODE_FRAGMENT_BAD, fragment_not_in_eights},
	{"fragment past 64 KiB", DECODE_FRAGMENT_BAD, fragment_past_64k},
	{"fragment", DECODE_FRAGMENT_HELD, fragment_first},
	{"TCP header cut by IP", DECODE_L4_TRUNCATED, tcp_header_cut_by_ip},
	{"UDP header cut by IP", DECODE_L4_TRUNCATED, udp_header_cut_by_ip},
	{"ICMP header cut by IP", DECODE_L4_TRUNCATED, icmp_header_cut_by_ip},
	{"SCTP header cut by IP", DECODE_L4_TRUNCATED, sctp_header_cut_by_ip},
	{"TCP", DECODE_OK, raw_tcp},
	{"TCP data offset 4", DECODE_TCP_HEADER_LENGTH, tcp_offset_4},
	{"TCP data offset past the end", DECODE_TCP_HEADER_LENGTH, tcp_offset_10},
	{"TCP option of length 0", DECODE_OK, tcp_option_of_0},
	{"TCP option of length 1", DECODE_OK, tcp_option_of_1},
	{"TCP option past the header", DECODE_OK, tcp_option_past_header},
	{"TCP option without length", DECODE_OK, tcp_option_kind_alone},
	{"TCP options after their end", DECODE_OK, tcp_options_after_end},
	{"UDP length 7", DECODE_UDP_LENGTH, udp_length_7},
	{"UDP length over IP's", DECODE_UDP_LENGTH, udp_length_over_ip},
	{"UDP length 0", DECODE_UDP_LENGTH, udp_length_0},
	{"UDP length 0 over IPv6", DECODE_OK, udp6_length_0},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

#endif /* TESTS_DECODE_CASES_H */
