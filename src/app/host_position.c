/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_position - where the machine stands, by the connections that the kernel tracks now:
 * a look that waits for no packet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/host.h"
#include "base/text.h"
#include "enforce/conntrack_text.h"

#define LINES_MAX  50000 /* that are looked at */
#define LINE_BYTES 1024
#define FEW        20 /* too few connections to say anything */
#define DNS_PORT   53
#define TCP        6

struct look {
	bool readable;
	size_t count;             /* connections through or from this machine */
	size_t tcp, unreplied;    /* of TCP; without an answer */
	size_t outbound, outside; /* from inside; neither end inside */
	size_t translated;        /* outbound ones whose source this machine changes */
	size_t dns;               /* outbound ones to port 53 */
	struct addr source;       /* of the first from inside */
	bool many_sources;
};

static bool holds(const struct prefix *list, size_t count, const struct addr *a)
{
	for (size_t i = 0; i < count; i++)
		if (prefix_contains(&list[i], a))
			return true;
	return false;
}

static bool is_inside(const struct config *c, const struct addr *a)
{
	for (size_t i = 0; i < c->site_count; i++)
		if (holds(c->sites[i].inside, c->sites[i].inside_count, a))
			return true;
	for (size_t i = 0; i < c->source_count; i++)
		if (holds(c->sources[i].addresses, c->sources[i].address_count, a))
			return true;
	return false;
}

static bool is_loopback(const struct addr *a)
{
	static const uint8_t six[16] = {[15] = 1};

	return memcmp(a->b, six, 16) == 0 || (addr_is_v4(a) && a->b[12] == 127);
}

static void add(struct look *l, const struct config *c, const struct conntrack_line *e)
{
	const bool from = is_inside(c, &e->src), to = is_inside(c, &e->dst);

	if (is_loopback(&e->src))
		return;
	l->count++;
	l->tcp += e->ip_proto == TCP;
	l->unreplied += e->ip_proto == TCP && e->unreplied;
	l->outside += !from && !to;
	if (!from || to)
		return;
	if (l->outbound++ == 0)
		l->source = e->src;
	l->many_sources = l->many_sources || !addr_equal(&l->source, &e->src);
	l->translated += !addr_equal(&e->src, &e->reply_dst);
	l->dns += e->dst_port == DNS_PORT;
}

static void look(const struct host *h, struct look *l)
{
	char name[HOST_PATH_MAX], line[LINE_BYTES];
	FILE *f;

	host_path(h, "/proc/net/nf_conntrack", name);
	f = fopen(name, "re");
	l->readable = f != NULL;
	for (size_t i = 0;
	     f != NULL && i < LINES_MAX && fgets(line, sizeof(line), f) != NULL; i++) {
		struct conntrack_line e;
		const size_t n = strcspn(line, "\n");

		if (conntrack_line_parse((struct str){line, n}, &e))
			add(l, h->config, &e);
	}
	if (f != NULL)
		(void)fclose(f);
}

static void tell_one_way(struct host *h, const struct look *l)
{
	if (l->tcp < FEW)
		host_tell(h, HOST_UNKNOWN, "one-way", "look again while people work",
			  "%zu TCP connections are tracked: too few to tell", l->tcp);
	else if (l->unreplied * 2 > l->tcp)
		host_tell(h, HOST_WARNING, "one-way",
			  "routes that bring both directions through this machine",
			  "%zu of %zu TCP connections have no answer: it takes another "
			  "way",
			  l->unreplied, l->tcp);
	else
		host_tell(h, HOST_FINE, "one-way", NULL,
			  "%zu of %zu TCP connections are answered",
			  l->tcp - l->unreplied, l->tcp);
}

static void tell_position(struct host *h, const struct look *l)
{
	if (l->count < FEW)
		host_tell(h, HOST_UNKNOWN, "position", "look again while people work",
			  "%zu connections are tracked: too few to tell", l->count);
	else if (l->outside * 2 > l->count)
		host_tell(h, HOST_WARNING, "position",
			  "sites.inside with this network's prefixes; or stand on the "
			  "inner side of the address translation",
			  "%zu of %zu connections have no end inside", l->outside,
			  l->count);
	else if (l->outbound >= FEW && !l->many_sources)
		host_tell(h, HOST_WARNING, "position",
			  "look on its inner side, or name it in sources with shared = "
			  "true",
			  "all %zu outbound connections come from one address: behind it "
			  "is a proxy or an address translation",
			  l->outbound);
	else
		host_tell(h, HOST_FINE, "position", NULL,
			  "%zu outbound connections of %s, %s", l->outbound,
			  l->many_sources ? "several inside addresses"
					  : "one inside address",
			  l->translated == 0 ? "not translated here"
			  : l->translated == l->outbound
				  ? "translated by this machine: it sees both sides"
				  : "some of them translated by this machine");
}

/* Answers that never pass here are no witnesses. */
static void tell_resolvers(struct host *h, const struct look *l)
{
	const struct config *c = h->config;
	char text[ADDR_TEXT_MAX];
	size_t named = 0, before = h->told;

	for (size_t i = 0; i < c->site_count; i++)
		for (size_t k = 0; k < c->sites[i].resolver_count; k++) {
			const struct addr *a = &c->sites[i].resolvers[k];

			named++;
			if (!is_inside(c, a) || c->dns.log != NULL)
				continue;
			(void)addr_format(a, text);
			host_tell(h, HOST_WARNING, "resolver",
				  "dns.log with the resolver's log (dnstap), unless this "
				  "machine stands between it and its clients",
				  "resolver %s of site %s is inside: its answers to "
				  "clients may not pass here",
				  text, c->sites[i].name);
		}
	if (h->told > before)
		return;
	if (c->dns.log != NULL)
		host_tell(h, HOST_FINE, "resolver", NULL,
			  "a resolver's log is read (dns.log)");
	else if (l->dns > 0)
		host_tell(h, HOST_FINE, "resolver", NULL,
			  "%zu connections to resolvers pass here", l->dns);
	else
		host_tell(h, HOST_UNKNOWN, "resolver",
			  "stand between clients and their resolver, or dns.log with its "
			  "log (dnstap)",
			  "no question to a resolver is tracked now%s",
			  named == 0 ? ", and no site names resolvers" : "");
}

void host_check_position(struct host *h)
{
	struct look l = {0};

	look(h, &l);
	if (!l.readable) {
		host_tell(h, HOST_UNKNOWN, "position",
			  "as root, where the kernel has /proc/net/nf_conntrack; the "
			  "ledger's selfcheck_ events tell it of a running gateway",
			  "the tracked connections cannot be read: %s",
			  strerrordesc_np(errno));
	} else {
		tell_one_way(h, &l);
		tell_position(h, &l);
	}
	tell_resolvers(h, &l);
}
