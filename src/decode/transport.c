/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/transport.h"

#include "base/checksum.h"

#define TCP_HEADER_MIN 20
#define UDP_HEADER     8
#define SCTP_HEADER    12
#define ICMP_HEADER \
	8 /* type, code, checksum and the four bytes that depend on the type */

enum tcp_option {
	TCP_OPTION_END = 0,
	TCP_OPTION_NOP = 1,
	TCP_OPTION_SCALE = 3,     /* RFC 7323 2.2 */
	TCP_OPTION_TIMESTAMP = 8, /* RFC 7323 3.2 */
	TCP_OPTION_MD5 = 19,      /* RFC 2385 */
};

#define TCP_SCALE_LEN     3
#define TCP_SCALE_MAX     14
#define TCP_TIMESTAMP_LEN 10

/* RFC 7323 appendix A: NOP, NOP, timestamp of 10 bytes; the options of almost every segment. */
#define TCP_TIMESTAMP_USUAL     0x0101080au
#define TCP_TIMESTAMP_USUAL_LEN 12

/* The rest of `c` is payload; `wire_len` says how much of it there was on the wire. */
static enum decode_result payload_set(struct packet *p, const struct cursor *c,
				      size_t wire_len)
{
	p->payload = c->p;
	p->payload_len = c->left;
	p->payload_wire_len = wire_len;
	return DECODE_OK;
}

/*
 * RFC 9293 section 3.1: a kind, and but for the first two a length that counts both.  Receivers
 * must cope with an illegal length (3.1, MUST-7); Linux, Windows and BSD take the segment without
 * this option and those behind it, so its payload counts.
 */
static void tcp_options_decode(struct cursor c, struct packet *p)
{
	struct cursor usual = c;

	if (c.left == TCP_TIMESTAMP_USUAL_LEN &&
	    cur_be32(&usual) == TCP_TIMESTAMP_USUAL) {
		p->tcp_timestamp = true;
		p->ts_val = cur_be32(&usual);
		p->ts_ecr = cur_be32(&usual);
		return;
	}
	while (c.left > 0) {
		const uint8_t kind = cur_u8(&c);
		struct cursor body;
		uint8_t len;

		if (kind == TCP_OPTION_END)
			break;
		if (kind == TCP_OPTION_NOP)
			continue;
		len = cur_u8(&c);
		if (len < 2)
			return;
		body = cur_sub(&c, len - 2u);
		if (!cur_ok(&body))
			return;
		if (kind == TCP_OPTION_TIMESTAMP && len == TCP_TIMESTAMP_LEN) {
			p->tcp_timestamp = true;
			p->ts_val = cur_be32(&body);
			p->ts_ecr = cur_be32(&body);
		} else if (kind == TCP_OPTION_SCALE && len == TCP_SCALE_LEN) {
			p->tcp_scaled = true;
			p->tcp_scale = cur_u8(&body);
			if (p->tcp_scale > TCP_SCALE_MAX)
				p->tcp_scale = TCP_SCALE_MAX;
		} else if (kind == TCP_OPTION_MD5) {
			p->tcp_md5 = true;
		}
	}
}

/*
 * 0 be16 source port | 2 be16 destination port | 4 be32 sequence | 8 be32 acknowledgment |
 * 12 u8 data offset in words << 4 | 13 u8 flags | 14 be16 window | 16 be16 checksum |
 * 18 be16 urgent | 20 options          (RFC 9293 section 3.1)
 */
static enum decode_result tcp_decode(struct cursor c, size_t wire_len, struct packet *p)
{
	struct cursor h = cur_sub(&c, TCP_HEADER_MIN);
	size_t header_len;

	if (!cur_ok(&h))
		return DECODE_L4_TRUNCATED;
	p->src_port = cur_be16(&h);
	p->dst_port = cur_be16(&h);
	p->seq = cur_be32(&h);
	p->ack = cur_be32(&h);
	header_len = (size_t)(cur_u8(&h) >> 4) * 4;
	p->tcp_flags = cur_u8(&h);
	p->window = cur_be16(&h);
	if (header_len < TCP_HEADER_MIN || header_len > wire_len)
		return DECODE_TCP_HEADER_LENGTH;
	if (header_len > TCP_HEADER_MIN) {
		const struct cursor options = cur_sub(&c, header_len - TCP_HEADER_MIN);

		if (!cur_ok(&options))
			return DECODE_L4_TRUNCATED;
		tcp_options_decode(options, p);
	}
	p->has_l4 = true;
	return payload_set(p, &c, wire_len - header_len);
}

/* 0 be16 source port | 2 be16 destination port | 4 be16 length | 6 be16 checksum */
static enum decode_result udp_decode(struct cursor c, size_t wire_len, struct packet *p)
{
	struct cursor h = cur_sub(&c, UDP_HEADER);
	size_t udp_len;

	if (!cur_ok(&h))
		return DECODE_L4_TRUNCATED;
	p->src_port = cur_be16(&h);
	p->dst_port = cur_be16(&h);
	udp_len = cur_be16(&h);
	/*
	 * Over IPv6 zero stands for "all of it": meant for jumbograms (RFC 2675 section 4),
	 * but Linux takes it in any packet, so a datagram written so does arrive.
	 */
	if (udp_len == 0 && !addr_is_v4(&p->src))
		udp_len = wire_len;
	if (udp_len < UDP_HEADER || udp_len > wire_len)
		return DECODE_UDP_LENGTH;
	if (c.left > udp_len - UDP_HEADER)
		c = cur_sub(&c, udp_len - UDP_HEADER);
	p->l4_len = UDP_HEADER + c.left;
	p->has_l4 = true;
	return payload_set(p, &c, udp_len - UDP_HEADER);
}

static enum decode_result sctp_decode(struct cursor c, size_t wire_len, struct packet *p)
{
	struct cursor h = cur_sub(&c, SCTP_HEADER);

	if (!cur_ok(&h))
		return DECODE_L4_TRUNCATED;
	p->src_port = cur_be16(&h);
	p->dst_port = cur_be16(&h);
	p->has_l4 = true;
	return payload_set(p, &c, wire_len - SCTP_HEADER);
}

struct icmp_pair {
	uint8_t a, b; /* request and reply, or the two halves of discovery */
};

/*
 * Types that answer each other, as Community ID v1 pairs them (corelight/community-id-spec,
 * "ICMP" of the reference implementation, read 2026-11; the same as Zeek's).
 */
static const struct icmp_pair icmp4_pairs[] = {
	{8, 0},   /* echo */
	{13, 14}, /* timestamp */
	{15, 16}, /* information */
	{10, 9},  /* router solicitation, advertisement */
	{17, 18}, /* address mask */
};

static const struct icmp_pair icmp6_pairs[] = {
	{128, 129}, /* echo */
	{133, 134}, /* router solicitation, advertisement */
	{135, 136}, /* neighbour solicitation, advertisement */
	{130, 131}, /* multicast listener query, report */
	{139, 140}, /* node information */
	{144, 145}, /* home agent address discovery */
};

/* The port that faces type: its counterpart, or the code when it has none. */
static uint16_t icmp_counterpart(uint8_t proto, uint8_t type, uint8_t code)
{
	const bool v6 = proto == IP_PROTO_ICMP6;
	const struct icmp_pair *pairs = v6 ? icmp6_pairs : icmp4_pairs;
	const size_t count = v6 ? sizeof(icmp6_pairs) / sizeof(icmp6_pairs[0])
				: sizeof(icmp4_pairs) / sizeof(icmp4_pairs[0]);

	for (size_t i = 0; i < count; i++) {
		if (pairs[i].a == type)
			return pairs[i].b;
		if (pairs[i].b == type)
			return pairs[i].a;
	}
	return code;
}

/* 0 u8 type | 1 u8 code | 2 be16 checksum | 4 u8[4] by type          (RFC 792, RFC 4443) */
static enum decode_result icmp_decode(struct cursor c, size_t wire_len, struct packet *p)
{
	struct cursor h = cur_sub(&c, ICMP_HEADER);

	if (!cur_ok(&h))
		return DECODE_L4_TRUNCATED;
	p->icmp_type = cur_u8(&h);
	p->icmp_code = cur_u8(&h);
	p->src_port = p->icmp_type;
	p->dst_port = icmp_counterpart(p->ip_proto, p->icmp_type, p->icmp_code);
	p->has_l4 = true;
	return payload_set(p, &c, wire_len - ICMP_HEADER);
}

enum decode_result transport_decode(struct cursor c, size_t wire_len, struct packet *p)
{
	p->l4 = c.p;
	p->l4_len = c.left;
	switch (p->ip_proto) {
	case IP_PROTO_TCP:
		return tcp_decode(c, wire_len, p);
	case IP_PROTO_UDP:
		return udp_decode(c, wire_len, p);
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMP6:
		return icmp_decode(c, wire_len, p);
	case IP_PROTO_SCTP:
		return sctp_decode(c, wire_len, p);
	default:
		return payload_set(p, &c, wire_len);
	}
}

/* RFC 9293 section 3.1 and RFC 8200 section 8.1: what a checksum covers beside the bytes. */
static uint64_t pseudo_header_add(const struct packet *p)
{
	const uint8_t tail[8] = {(uint8_t)(p->l4_len >> 24),
				 (uint8_t)(p->l4_len >> 16),
				 (uint8_t)(p->l4_len >> 8),
				 (uint8_t)p->l4_len,
				 0,
				 0,
				 0,
				 p->ip_proto};
	/* Both families share the tail: zeros change no sum. */
	const size_t skip = addr_is_v4(&p->src) ? 12 : 0;
	uint64_t sum = checksum_add(0, tail, sizeof(tail));

	sum = checksum_add(sum, p->src.b + skip, sizeof(p->src.b) - skip);
	return checksum_add(sum, p->dst.b + skip, sizeof(p->dst.b) - skip);
}

void decode_check_l4(struct packet *p)
{
	const size_t field = p->ip_proto == IP_PROTO_UDP ? 6 : 16;
	uint64_t sum;

	p->l4_checksum = CHECKSUM_UNKNOWN;
	if (!p->has_l4 || p->truncated)
		return;
	if (p->ip_proto == IP_PROTO_UDP) {
		/* Zero: not computed.  IPv6 forbids it (RFC 8200 section 8.1). */
		if (p->l4[6] == 0 && p->l4[7] == 0 && addr_is_v4(&p->src))
			return;
	} else if (p->ip_proto != IP_PROTO_TCP) {
		return;
	}
	sum = pseudo_header_add(p);
	if (checksum_good(checksum_add(sum, p->l4, p->l4_len)))
		p->l4_checksum = CHECKSUM_GOOD;
	else
		p->l4_checksum = checksum_is_partial(p->l4 + field, sum)
					 ? CHECKSUM_PARTIAL
					 : CHECKSUM_BAD;
}
