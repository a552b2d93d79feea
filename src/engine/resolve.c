/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resolve.h"

static bool is_named(const struct generation *g, const struct addr *a)
{
	const struct config *c = g->config;

	for (size_t i = 0; i < c->site_count; i++)
		if (generation_site_resolves(g, (uint16_t)i, a))
			return true;
	return false;
}

bool resolve_concerns(const struct generation *g, const struct addr *src,
		      const struct addr *dst)
{
	return is_named(g, src) || is_named(g, dst);
}

bool resolve_packet(struct outstanding *asked, const struct generation *g,
		    const struct packet *pkt, int64_t clock_us, struct site_answer *ret)
{
	const bool query = pkt->dst_port == DNS_PORT;
	const struct addr *client = query ? &pkt->src : &pkt->dst;
	const struct addr *resolver = query ? &pkt->dst : &pkt->src;
	const uint16_t port = query ? pkt->src_port : pkt->dst_port;
	struct dns_message *m = &ret->message;
	uint16_t site;

	/* From port 53 to port 53 nobody can say who asks. */
	if (pkt->ip_proto != IP_PROTO_UDP || query == (pkt->src_port == DNS_PORT))
		return false;
	site = generation_site_of(g, client);
	if (!generation_site_resolves(g, site, resolver) ||
	    dns_parse(pkt->payload, pkt->payload_len, m) != DNS_FINE ||
	    m->question_count != 1 || m->is_answer == query)
		return false;
	ret->site = generation_site_id(g, site);
	if (!query)
		return outstanding_take(asked, client, port, resolver, m, clock_us);
	outstanding_add(asked, client, port, resolver, m, clock_us);
	return false;
}
