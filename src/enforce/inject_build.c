/* SPDX-License-Identifier: Apache-2.0 */
/* The packets themselves: no sockets, no clock, no memory but the caller's. */
#include "enforce/inject.h"

#include <netinet/in.h>
#include <string.h>

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/put.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER  20
#define ICMP_HEADER 8
#define TTL         64

#define TCP_RST 0x04
#define TCP_ACK 0x10

#define IPV4_DONT_FRAGMENT 0x4000
#define FRAGMENT_OFFSET    0x1fff /* IPv4, in units of 8 bytes */
#define FRAGMENT_OFFSET_V6 0xfff8

/* The whole packet, IP header counted (RFC 1812 4.3.2.3, RFC 4443 2.4). */
#define ICMP_PACKET_MAX   576
#define ICMPV6_PACKET_MAX 1280

#define ICMP_UNREACHABLE    3
#define ICMP_PROHIBITED     13
#define ICMPV6_UNREACHABLE  1
#define ICMPV6_PROHIBITED   1
#define ICMPV6_REDIRECT     137
#define ICMPV6_FIRST_QUERY  128 /* lower types are errors (RFC 4443 2.1) */
#define IPV6_EXTENSIONS_MAX 8   /* more of them is nobody's honest packet */

/* The TCP header; `pseudo` is the sum over what RFC 9293 3.1 puts before it. */
static void tcp_put(const struct tcp_reset *r, uint64_t pseudo, uint8_t *tcp)
{
	uint8_t *at = tcp;

	at = put_be16(at, r->src_port);
	at = put_be16(at, r->dst_port);
	at = put_be32(at, r->seq);
	at = put_be32(at, r->has_ack ? r->ack : 0);
	*at++ = TCP_HEADER / 4 << 4;
	*at++ = r->has_ack ? TCP_RST | TCP_ACK : TCP_RST;
	at = put_be16(at, 0); /* window */
	at = put_be16(at, 0); /* checksum */
	(void)put_be16(at, 0);
	checksum_put(tcp + 16, checksum_add(pseudo, tcp, TCP_HEADER));
}

static size_t reset_v4(const struct tcp_reset *r, uint8_t *ip)
{
	const uint8_t rest[4] = {0, IPPROTO_TCP, 0, TCP_HEADER};
	uint8_t *at = ip;

	*at++ = 4 << 4 | IPV4_HEADER / 4;
	*at++ = 0;
	at = put_be16(at, IPV4_HEADER + TCP_HEADER);
	at = put_be16(at, 0);
	at = put_be16(at, IPV4_DONT_FRAGMENT);
	*at++ = TTL;
	*at++ = IPPROTO_TCP;
	at = put_be16(at, 0);
	memcpy(at, r->src.b + 12, 4);
	memcpy(at + 4, r->dst.b + 12, 4);
	checksum_put(ip + 10, checksum_add(0, ip, IPV4_HEADER));
	tcp_put(r, checksum_add(checksum_add(0, at, 8), rest, sizeof(rest)),
		ip + IPV4_HEADER);
	return IPV4_HEADER + TCP_HEADER;
}

static size_t reset_v6(const struct tcp_reset *r, uint8_t *ip)
{
	const uint8_t rest[8] = {0, 0, 0, TCP_HEADER, 0, 0, 0, IPPROTO_TCP};
	uint8_t *at = ip;

	at = put_be32(at, UINT32_C(6) << 28);
	at = put_be16(at, TCP_HEADER);
	*at++ = IPPROTO_TCP;
	*at++ = TTL;
	memcpy(at, r->src.b, 16);
	memcpy(at + 16, r->dst.b, 16);
	tcp_put(r, checksum_add(checksum_add(0, at, 32), rest, sizeof(rest)),
		ip + IPV6_HEADER);
	return IPV6_HEADER + TCP_HEADER;
}

size_t inject_build_reset(const struct tcp_reset *r, uint8_t buf[INJECT_PACKET_MAX])
{
	const bool v4 = addr_is_v4(&r->src);

	if (v4 != addr_is_v4(&r->dst))
		return 0;
	return v4 ? reset_v4(r, buf) : reset_v6(r, buf);
}

/* Does the address stand for one host that may be told (RFC 1122 3.2.2, RFC 4443 2.4)? */
static bool is_one_host(const struct addr *a)
{
	static const struct addr loopback = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
	static const struct addr unspecified = {{0}};

	if (addr_is_v4(a)) /* not 0/8, not loopback, not multicast, class E, broadcast */
		return a->b[12] != 0 && a->b[12] != 127 && a->b[12] < 224;
	return a->b[0] != 0xff && !addr_equal(a, &unspecified) &&
	       !addr_equal(a, &loopback);
}

/* RFC 792, 950, 1256: what asks or answers; everything else is an error or unknown. */
static bool icmp_is_query(uint8_t type)
{
	return type == 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18);
}

/* Read the IPv4 header; false when the packet must not be answered. */
static bool may_answer_v4(struct cursor c, size_t *ret_len, struct addr *ret_src)
{
	const size_t have = c.left;
	const size_t header = (size_t)(cur_u8(&c) & 15) * 4;
	unsigned fragment;
	struct addr dst;
	const uint8_t *at;
	uint8_t proto;

	cur_skip(&c, 1);
	*ret_len = cur_be16(&c);
	cur_skip(&c, 2);
	fragment = cur_be16(&c);
	cur_skip(&c, 1);
	proto = cur_u8(&c);
	cur_skip(&c, 2);
	at = cur_take(&c, 8);
	if (at == NULL || header < IPV4_HEADER || header > have || *ret_len < header)
		return false;
	*ret_src = addr_from_v4(at);
	dst = addr_from_v4(at + 4);
	cur_skip(&c, header - IPV4_HEADER);
	if ((fragment & FRAGMENT_OFFSET) != 0 || !is_one_host(ret_src) ||
	    !is_one_host(&dst))
		return false;
	if (proto != IPPROTO_ICMP)
		return true;
	return *ret_len > header && icmp_is_query(cur_u8(&c)) && cur_ok(&c);
}

/*
 * Behind the extension headers, at most so many.  False when what stands there must not be
 * answered or cannot be seen.
 */
static bool upper_may_be_answered(struct cursor *c, uint8_t next)
{
	for (unsigned i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		uint8_t type = next;
		unsigned len;

		switch (type) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case IPPROTO_MH:
		case 139: /* HIP */
		case 140: /* Shim6 */
			next = cur_u8(c);
			len = (cur_u8(c) + 1u) * 8;
			cur_skip(c, len - 2);
			break;
		case IPPROTO_AH:
			next = cur_u8(c);
			len = (cur_u8(c) + 2u) * 4;
			cur_skip(c, len - 2);
			break;
		case IPPROTO_FRAGMENT:
			next = cur_u8(c);
			cur_skip(c, 1);
			if ((cur_be16(c) & FRAGMENT_OFFSET_V6) != 0)
				return false;
			cur_skip(c, 4);
			break;
		case IPPROTO_ICMPV6:
			type = cur_u8(c);
			return cur_ok(c) && type >= ICMPV6_FIRST_QUERY &&
			       type != ICMPV6_REDIRECT;
		default:
			return cur_ok(c);
		}
	}
	return false;
}

static bool may_answer_v6(struct cursor c, size_t *ret_len, struct addr *ret_src)
{
	struct addr dst;
	const uint8_t *at;
	size_t payload;
	uint8_t next;

	cur_skip(&c, 4);
	payload = cur_be16(&c);
	next = cur_u8(&c);
	cur_skip(&c, 1);
	at = cur_take(&c, 32);
	if (at == NULL)
		return false;
	*ret_len = IPV6_HEADER + payload;
	*ret_src = addr_from_v6(at);
	dst = addr_from_v6(at + 16);
	/* A mapped address on the wire would look like the other family's to whom we tell. */
	if (addr_is_v4(ret_src) || !is_one_host(ret_src) || !is_one_host(&dst))
		return false;
	if (c.left > payload)
		c = cur_sub(&c, payload);
	return upper_may_be_answered(&c, next);
}

size_t inject_build_prohibited(const uint8_t *ip, size_t len, struct addr *ret_to,
			       uint8_t buf[INJECT_PACKET_MAX])
{
	const unsigned version = len == 0 ? 0 : ip[0] >> 4;
	struct cursor c = cur_init(ip, len);
	struct addr src;
	size_t quote, most;

	if (version == 4 && may_answer_v4(c, &quote, &src))
		most = ICMP_PACKET_MAX - IPV4_HEADER - ICMP_HEADER;
	else if (version == 6 && may_answer_v6(c, &quote, &src))
		most = ICMPV6_PACKET_MAX - IPV6_HEADER - ICMP_HEADER;
	else
		return 0;
	if (quote > len)
		quote = len;
	if (quote > most)
		quote = most;
	memset(buf, 0, ICMP_HEADER);
	buf[0] = version == 4 ? ICMP_UNREACHABLE : ICMPV6_UNREACHABLE;
	buf[1] = version == 4 ? ICMP_PROHIBITED : ICMPV6_PROHIBITED;
	memcpy(buf + ICMP_HEADER, ip, quote);
	if (version == 4)
		checksum_put(buf + 2, checksum_add(0, buf, ICMP_HEADER + quote));
	*ret_to = src;
	return ICMP_HEADER + quote;
}
