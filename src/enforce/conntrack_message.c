/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/conntrack_message.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>

#define ATTRIBUTE_ALIGN 4u      /* lengths are rounded up to it */
#define ATTRIBUTE_TYPE  0x3fffu /* without the bits for nesting and byte order */

struct tuple {
	struct addr src, dst;
	uint16_t src_port, dst_port;
	uint8_t proto;
};

/* The next attribute of `c`; false at the end or when the lengths do not fit. */
static bool attribute_next(struct cursor *c, unsigned *ret_type, struct cursor *ret_value)
{
	struct nlattr a;
	const uint8_t *at = cur_take(c, sizeof(a));
	size_t pad;

	if (at == NULL)
		return false;
	memcpy(&a, at, sizeof(a));
	if (a.nla_len < sizeof(a))
		return false;
	*ret_value = cur_sub(c, a.nla_len - sizeof(a));
	if (!cur_ok(c))
		return false;
	pad = -(size_t)a.nla_len % ATTRIBUTE_ALIGN;
	cur_skip(c, pad < c->left ? pad : c->left);
	*ret_type = a.nla_type & ATTRIBUTE_TYPE;
	return true;
}

/* The attribute `want` of `c`, empty when there is none. */
static struct cursor attribute_find(struct cursor c, unsigned want)
{
	struct cursor value;
	unsigned type;

	while (attribute_next(&c, &type, &value))
		if (type == want)
			return value;
	return cur_init(NULL, 0);
}

static void address_read(struct cursor value, struct addr *ret)
{
	const size_t len = value.left;
	const uint8_t *at = cur_take(&value, len);

	if (at != NULL && len == 4)
		*ret = addr_from_v4(at);
	else if (at != NULL && len == 16)
		*ret = addr_from_v6(at);
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE ||
	       proto == IPPROTO_SCTP || proto == IPPROTO_DCCP;
}

static void tuple_protocol_read(struct cursor c, struct tuple *t)
{
	struct cursor value;
	unsigned type;

	while (attribute_next(&c, &type, &value)) {
		if (type == CTA_PROTO_NUM)
			t->proto = cur_u8(&value);
		else if (type == CTA_PROTO_SRC_PORT)
			t->src_port = cur_be16(&value);
		else if (type == CTA_PROTO_DST_PORT)
			t->dst_port = cur_be16(&value);
	}
	if (!has_ports(t->proto))
		t->src_port = t->dst_port = 0;
}

static void tuple_read(struct cursor c, struct tuple *ret)
{
	struct cursor value, inner;
	unsigned type;

	memset(ret, 0, sizeof(*ret));
	while (attribute_next(&c, &type, &value)) {
		if (type == CTA_TUPLE_PROTO)
			tuple_protocol_read(value, ret);
		if (type != CTA_TUPLE_IP)
			continue;
		while (attribute_next(&value, &type, &inner)) {
			if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC)
				address_read(inner, &ret->src);
			else if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST)
				address_read(inner, &ret->dst);
		}
	}
}

static bool counters_read(struct cursor c, uint64_t *ret_packets, uint64_t *ret_bytes)
{
	struct cursor packets = attribute_find(c, CTA_COUNTERS_PACKETS);
	struct cursor bytes = attribute_find(c, CTA_COUNTERS_BYTES);

	*ret_packets = cur_be64(&packets);
	*ret_bytes = cur_be64(&bytes);
	return cur_ok(&packets) && cur_ok(&bytes);
}

static uint8_t tcp_state_read(struct cursor info)
{
	struct cursor tcp = attribute_find(info, CTA_PROTOINFO_TCP);
	struct cursor state = attribute_find(tcp, CTA_PROTOINFO_TCP_STATE);

	return cur_u8(&state);
}

/*
 * The hook that sees forwarded packets stands behind the destination's translation and before
 * the source's: there the connection goes from the original source to whoever replies.
 */
static bool report_address(const struct tuple *orig, const struct tuple *reply,
			   struct conn_report *r)
{
	if (orig->proto == 0 || orig->proto != reply->proto ||
	    orig->proto == IPPROTO_ICMP || orig->proto == IPPROTO_ICMPV6)
		return false;
	r->ip_proto = orig->proto;
	r->src = orig->src;
	r->src_port = orig->src_port;
	r->dst = reply->src;
	r->dst_port = reply->src_port;
	if (!addr_equal(&reply->dst, &orig->src) || reply->dst_port != orig->src_port) {
		r->nat_src = reply->dst;
		r->nat_src_port = reply->dst_port;
	}
	return true;
}

bool conntrack_entry_read(struct cursor message, struct conntrack_entry *ret)
{
	struct conn_report *r = &ret->report;
	struct tuple orig = {0}, reply = {0};
	bool out = false, in = false;
	struct cursor value, start;
	unsigned type;

	memset(ret, 0, sizeof(*ret));
	ret->family = cur_u8(&message);
	cur_skip(&message, sizeof(struct nfgenmsg) - 1);
	for (start = message; attribute_next(&message, &type, &value); start = message) {
		switch (type) {
		case CTA_TUPLE_ORIG:
			tuple_read(value, &orig);
			ret->tuple = cur_sub(&start, (size_t)(message.p - start.p));
			break;
		case CTA_TUPLE_REPLY:
			tuple_read(value, &reply);
			break;
		case CTA_ZONE:
			ret->zone = cur_sub(&start, (size_t)(message.p - start.p));
			break;
		case CTA_PROTOINFO:
			ret->tcp_state = tcp_state_read(value);
			break;
		case CTA_MARK:
			r->mark = cur_be32(&value);
			break;
		case CTA_ID:
			ret->id = cur_be32(&value);
			break;
		case CTA_COUNTERS_ORIG:
			out = counters_read(value, &r->packets_out, &r->bytes_out);
			break;
		case CTA_COUNTERS_REPLY:
			in = counters_read(value, &r->packets_in, &r->bytes_in);
			break;
		default:
			break;
		}
	}
	r->counted = out && in;
	return report_address(&orig, &reply, r);
}

enum end_reason conntrack_entry_end(const struct conntrack_entry *e)
{
	if (e->tcp_state == TCP_CONNTRACK_TIME_WAIT)
		return END_REASON_FIN;
	if (e->tcp_state == TCP_CONNTRACK_CLOSE)
		return END_REASON_RESET;
	return END_REASON_NONE;
}

size_t conntrack_request_build(const struct conntrack_entry *e,
			       uint8_t buf[CONNTRACK_REQUEST_MAX])
{
	const struct nfgenmsg family = {.nfgen_family = e->family};
	const size_t head = sizeof(struct nlmsghdr) + sizeof(family);
	const struct nlmsghdr h = {
		.nlmsg_len = (uint32_t)(head + e->tuple.left + e->zone.left),
		.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
		.nlmsg_flags = NLM_F_REQUEST,
		.nlmsg_seq = CONNTRACK_REQUEST_SEQ,
	};

	/* Both attributes end on a multiple of four, unless they were the message's last. */
	if (e->tuple.left == 0 || e->tuple.left % ATTRIBUTE_ALIGN != 0 ||
	    e->zone.left % ATTRIBUTE_ALIGN != 0 ||
	    e->tuple.left + e->zone.left > CONNTRACK_REQUEST_MAX - head)
		return 0;
	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(struct nlmsghdr), &family, sizeof(family));
	memcpy(buf + head, e->tuple.p, e->tuple.left);
	if (e->zone.left != 0)
		memcpy(buf + head + e->tuple.left, e->zone.p, e->zone.left);
	return h.nlmsg_len;
}

/* ---- taking a mark away ------------------------------------------------------------------ */

struct message {
	uint8_t *bytes;
	size_t len;
};

static void put(struct message *m, const void *bytes, size_t len)
{
	static const uint8_t zeros[ATTRIBUTE_ALIGN];
	const size_t pad = -len % ATTRIBUTE_ALIGN;

	memcpy(m->bytes + m->len, bytes, len);
	memcpy(m->bytes + m->len + len, zeros, pad);
	m->len += len + pad;
}

static void put_attribute(struct message *m, unsigned type, const void *bytes, size_t len)
{
	const struct nlattr a = {.nla_len = (uint16_t)(sizeof(a) + len),
				 .nla_type = (uint16_t)type};

	put(m, &a, sizeof(a));
	put(m, bytes, len);
}

/* The length is filled in by close_nest(). */
static size_t open_nest(struct message *m, unsigned type)
{
	const struct nlattr a = {.nla_type = (uint16_t)(NLA_F_NESTED | type)};
	const size_t at = m->len;

	put(m, &a, sizeof(a));
	return at;
}

static void close_nest(struct message *m, size_t at)
{
	const uint16_t len = (uint16_t)(m->len - at);

	memcpy(m->bytes + at + offsetof(struct nlattr, nla_len), &len, sizeof(len));
}

static void put_port(struct message *m, unsigned type, uint16_t port)
{
	const uint8_t bytes[2] = {(uint8_t)(port >> 8), (uint8_t)port};

	put_attribute(m, type, bytes, sizeof(bytes));
}

static void put_number(struct message *m, unsigned type, uint32_t n)
{
	const uint8_t bytes[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16),
				  (uint8_t)(n >> 8), (uint8_t)n};

	put_attribute(m, type, bytes, sizeof(bytes));
}

static void put_tuple(struct message *m, unsigned type, const struct tuple *t)
{
	const bool v4 = addr_is_v4(&t->src);
	const size_t from = v4 ? 12 : 0, len = v4 ? 4 : 16;
	const size_t tuple = open_nest(m, type);
	size_t part = open_nest(m, CTA_TUPLE_IP);

	put_attribute(m, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, t->src.b + from, len);
	put_attribute(m, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, t->dst.b + from, len);
	close_nest(m, part);
	part = open_nest(m, CTA_TUPLE_PROTO);
	put_attribute(m, CTA_PROTO_NUM, &t->proto, 1);
	put_port(m, CTA_PROTO_SRC_PORT, t->src_port);
	put_port(m, CTA_PROTO_DST_PORT, t->dst_port);
	close_nest(m, part);
	close_nest(m, tuple);
}

static void put_recall(struct message *m, unsigned type, const struct tuple *t,
		       uint32_t mask)
{
	const struct nfgenmsg family = {.nfgen_family =
						addr_is_v4(&t->src) ? AF_INET : AF_INET6};
	const size_t at = m->len;
	struct nlmsghdr h = {
		.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW,
		.nlmsg_flags = NLM_F_REQUEST,
		.nlmsg_seq = CONNTRACK_RECALL_SEQ,
	};

	put(m, &h, sizeof(h));
	put(m, &family, sizeof(family));
	put_tuple(m, type, t);
	put_number(m, CTA_MARK, 0);
	put_number(m, CTA_MARK_MASK, mask);
	h.nlmsg_len = (uint32_t)(m->len - at);
	memcpy(m->bytes + at, &h, sizeof(h));
}

/* NOLINTBEGIN(readability-non-const-parameter): written through a pointer within a struct */
size_t conntrack_recall_build(const struct conn_report *r, uint32_t mask,
			      uint8_t buf[CONNTRACK_RECALL_MAX])
/* NOLINTEND(readability-non-const-parameter) */
{
	const bool translated = r->nat_src_port != 0;
	const struct tuple orig = {.src = r->src,
				   .dst = r->dst,
				   .src_port = r->src_port,
				   .dst_port = r->dst_port,
				   .proto = r->ip_proto};
	const struct tuple reply = {.src = r->dst,
				    .dst = translated ? r->nat_src : r->src,
				    .src_port = r->dst_port,
				    .dst_port =
					    translated ? r->nat_src_port : r->src_port,
				    .proto = r->ip_proto};
	struct message m = {.bytes = buf};

	if (r->ip_proto != IPPROTO_TCP && r->ip_proto != IPPROTO_UDP)
		return 0;
	put_recall(&m, CTA_TUPLE_ORIG, &orig, mask);
	put_recall(&m, CTA_TUPLE_REPLY, &reply, mask);
	return m.len;
}
