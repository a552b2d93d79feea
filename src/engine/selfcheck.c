/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/selfcheck.h"

static const struct {
	const char *name, *message;
} troubles[SELFCHECK_COUNT] = {
	[SELFCHECK_NEITHER_INSIDE] =
		{"selfcheck_neither_inside",
		 "most connections have no end inside: put this network's prefixes into "
		 "sites.inside, its public addresses into sites.egress; or look on the "
		 "inner side of the address translation"},
	[SELFCHECK_ONE_SOURCE] =
		{"selfcheck_one_source",
		 "all connections come from one inside address: behind it is a proxy or "
		 "an address translation; look on its inner side, or name it in sources "
		 "with shared = true"},
	[SELFCHECK_EXPLICIT_PROXY] =
		{"selfcheck_explicit_proxy",
		 "several machines use an explicit proxy inside: its own connections are "
		 "everybody's; name it in sources with shared = true, and look also "
		 "between the machines and the proxy"},
};

const char *selfcheck_name(enum selfcheck_trouble t)
{
	return troubles[t].name;
}

const char *selfcheck_message(enum selfcheck_trouble t)
{
	return troubles[t].message;
}

static bool tell(struct selfcheck *s, enum selfcheck_trouble t)
{
	const bool first = (s->told & 1u << t) == 0;

	s->told |= 1u << t;
	return first;
}

/* Have so many different machines asked this proxy? */
static bool many_ask(struct selfcheck *s, const struct event_digest *d)
{
	unsigned p = 0, c = 0;

	while (p < s->proxy_count && !addr_equal(&s->proxies[p].proxy, &d->server))
		p++;
	if (p == s->proxy_count) {
		if (p == SELFCHECK_PROXIES)
			return false;
		s->proxies[p].proxy = d->server;
		s->proxy_count++;
	}
	while (c < s->proxies[p].client_count &&
	       !addr_equal(&s->proxies[p].clients[c], &d->client))
		c++;
	if (c == s->proxies[p].client_count && c < SELFCHECK_CLIENTS) {
		s->proxies[p].clients[c] = d->client;
		s->proxies[p].client_count++;
	}
	return s->proxies[p].client_count == SELFCHECK_CLIENTS;
}

enum selfcheck_trouble selfcheck_look(struct selfcheck *s, const struct event_digest *d)
{
	if (d->type != EVENT_FLOW || d->phase != PHASE_START)
		return SELFCHECK_COUNT;
	s->flows++;
	s->outside += d->direction == DIRECTION_UNKNOWN;
	if (d->direction == DIRECTION_OUTBOUND) {
		if (s->from_inside++ == 0)
			s->source = d->client;
		s->many_sources |= !addr_equal(&s->source, &d->client);
	}
	if (d->proxied && d->direction == DIRECTION_INTERNAL && many_ask(s, d) &&
	    tell(s, SELFCHECK_EXPLICIT_PROXY))
		return SELFCHECK_EXPLICIT_PROXY;
	if (s->flows >= SELFCHECK_FLOWS && s->outside * 2 > s->flows &&
	    tell(s, SELFCHECK_NEITHER_INSIDE))
		return SELFCHECK_NEITHER_INSIDE;
	if (s->from_inside >= SELFCHECK_FLOWS && !s->many_sources &&
	    tell(s, SELFCHECK_ONE_SOURCE))
		return SELFCHECK_ONE_SOURCE;
	return SELFCHECK_COUNT;
}
