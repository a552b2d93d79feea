/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/community.h"

#include <string.h>

#include "base/hash.h"
#include "base/put.h"

/* Types that answer each other, in the order of Zeek's mapping; either may come first. */
struct pair {
	uint8_t ip_proto;
	uint8_t a, b;
};

static const struct pair two_way[] = {
	{IP_PROTO_ICMP, 8, 0},      {IP_PROTO_ICMP, 13, 14},
	{IP_PROTO_ICMP, 15, 16},    {IP_PROTO_ICMP, 17, 18},
	{IP_PROTO_ICMP, 10, 9},     {IP_PROTO_ICMP6, 128, 129},
	{IP_PROTO_ICMP6, 130, 131}, {IP_PROTO_ICMP6, 133, 134},
	{IP_PROTO_ICMP6, 135, 136}, {IP_PROTO_ICMP6, 139, 140},
	{IP_PROTO_ICMP6, 144, 145},
};

static bool is_one_way(const struct flow_key *k)
{
	if (k->ip_proto != IP_PROTO_ICMP && k->ip_proto != IP_PROTO_ICMP6)
		return false;
	for (size_t i = 0; i < sizeof(two_way) / sizeof(two_way[0]); i++) {
		const struct pair *t = &two_way[i];

		if (t->ip_proto != k->ip_proto)
			continue;
		if ((k->low_port == t->a && k->high_port == t->b) ||
		    (k->low_port == t->b && k->high_port == t->a))
			return false;
	}
	return true;
}

static bool has_ports(uint8_t ip_proto)
{
	return ip_proto == IP_PROTO_TCP || ip_proto == IP_PROTO_UDP ||
	       ip_proto == IP_PROTO_SCTP || ip_proto == IP_PROTO_ICMP ||
	       ip_proto == IP_PROTO_ICMP6;
}

static uint8_t *put_addr(uint8_t *at, const struct addr *a, bool v4)
{
	size_t skip = v4 ? 12 : 0;

	memcpy(at, a->b + skip, sizeof(a->b) - skip);
	return at + sizeof(a->b) - skip;
}

/*
 * What is hashed (spec, "Technical details"): be16 seed | address | address | u8 protocol |
 * u8 zero | be16 port | be16 port; addresses 4 or 16 bytes, ports only where there are any.
 */
void community_id(const struct flow_key *k, bool from_low, uint16_t seed,
		  char buf[COMMUNITY_ID_LEN + 1])
{
	const bool swap = !from_low && is_one_way(k);
	const bool v4 = addr_is_v4(&k->low) && addr_is_v4(&k->high);
	uint8_t data[2 + 16 + 16 + 2 + 4];
	uint8_t sha[20];
	uint8_t *at = put_be16(data, seed);

	at = put_addr(at, swap ? &k->high : &k->low, v4);
	at = put_addr(at, swap ? &k->low : &k->high, v4);
	*at++ = k->ip_proto;
	*at++ = 0;
	if (has_ports(k->ip_proto)) {
		at = put_be16(at, swap ? k->high_port : k->low_port);
		at = put_be16(at, swap ? k->low_port : k->high_port);
	}
	digest_sha1(data, (size_t)(at - data), sha);
	buf[0] = '1';
	buf[1] = ':';
	(void)base64_format(sha, sizeof(sha), buf + 2);
}
