/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/nfqueue_parse.h"

#include <limits.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#define TYPE_PACKET ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET)

static size_t left_at_most(const struct cursor *c, size_t n)
{
	return n < c->left ? n : c->left;
}

/* Skip `n` bytes and what aligns them; the last of a message may lack its padding. */
static void skip_aligned(struct cursor *c, size_t n)
{
	cur_skip(c, left_at_most(c, NLMSG_ALIGN(n)));
}

/* Headers of netlink are in the host's byte order, values of nfnetlink in the network's. */
static void read_attribute(struct nlattr attribute, struct cursor value,
			   struct nfqueue_message *m, bool *has_id)
{
	switch (attribute.nla_type & NLA_TYPE_MASK) {
	case NFQA_PACKET_HDR: {
		const uint32_t id = cur_be32(&value);
		const uint16_t protocol = cur_be16(&value);

		if (!cur_ok(&value))
			break;
		*has_id = true;
		m->id = id;
		m->ip = m->ip || protocol == ETH_P_IP || protocol == ETH_P_IPV6;
		break;
	}
	case NFQA_MARK:
		m->mark = cur_be32(&value);
		break;
	case NFQA_CAP_LEN:
		m->len = cur_be32(&value);
		break;
	case NFQA_PAYLOAD:
		if (value.left > 0) {
			m->payload = value.p;
			m->payload_len = (uint32_t)value.left;
		}
		break;
	default:
		break;
	}
}

static void parse_packet(struct cursor *c, struct nfqueue_message *m)
{
	struct nfgenmsg general;
	struct nlattr attribute;
	bool has_id = false;
	const uint8_t *at = cur_take(c, sizeof(general));

	if (at == NULL)
		return;
	memcpy(&general, at, sizeof(general));
	m->ip = general.nfgen_family == NFPROTO_IPV4 ||
		general.nfgen_family == NFPROTO_IPV6;
	while (c->left >= sizeof(attribute)) {
		size_t value_len;

		memcpy(&attribute, c->p, sizeof(attribute));
		if (attribute.nla_len < sizeof(attribute) ||
		    attribute.nla_len > c->left) {
			m->damaged = true;
			break;
		}
		value_len = attribute.nla_len - sizeof(attribute);
		read_attribute(attribute, cur_init(c->p + sizeof(attribute), value_len),
			       m, &has_id);
		skip_aligned(c, attribute.nla_len);
	}
	if (m->len < m->payload_len)
		m->len = m->payload_len;
	if (has_id)
		m->kind = NFQUEUE_MESSAGE_PACKET;
}

static void parse_error(struct cursor *c, struct nfqueue_message *m)
{
	const uint8_t *at = cur_take(c, sizeof(m->error));

	if (at == NULL)
		return;
	memcpy(&m->error, at, sizeof(m->error));
	m->kind = NFQUEUE_MESSAGE_ERROR;
	m->error = m->error >= 0 || m->error == INT_MIN ? 0 : -m->error;
}

bool nfqueue_parse(struct cursor *datagram, struct nfqueue_message *ret)
{
	struct nlmsghdr header;
	struct cursor body;
	size_t body_len;

	if (datagram->left < sizeof(header))
		return false;
	*ret = (struct nfqueue_message){.kind = NFQUEUE_MESSAGE_OTHER};
	memcpy(&header, datagram->p, sizeof(header));
	if (header.nlmsg_len < sizeof(header))
		return false;
	ret->damaged = header.nlmsg_len > datagram->left;
	ret->sequence = header.nlmsg_seq;
	/* What is there of a message that was cut off still names the packet to answer. */
	body_len = left_at_most(datagram, header.nlmsg_len) - sizeof(header);
	body = cur_init(datagram->p + sizeof(header), body_len);
	if (header.nlmsg_type == TYPE_PACKET)
		parse_packet(&body, ret);
	else if (header.nlmsg_type == NLMSG_ERROR)
		parse_error(&body, ret);
	if (header.nlmsg_len > datagram->left)
		cur_skip(datagram, datagram->left);
	else
		skip_aligned(datagram, header.nlmsg_len);
	return true;
}
