/* SPDX-License-Identifier: Apache-2.0 */
#include "app/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 2026-03-04 12:00 UTC, a Wednesday: the week of `expect` lines. */
#define NOON_US (INT64_C(1772625600) * 1000000)

struct addresses {
	struct addr *list;
	size_t count, room;
};

static int add_address(struct addresses *a, const struct addr *one)
{
	if (a->count == REACH_ASKED_MAX)
		return -E2BIG;
	if (a->count == a->room) {
		size_t room = a->room == 0 ? 256 : a->room * 2;
		struct addr *list = reallocarray(a->list, room, sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		a->list = list;
		a->room = room;
	}
	a->list[a->count++] = *one;
	return 0;
}

/* Where a prefix begins, and where what lies behind it does. */
static int add_ends(struct addresses *a, const struct prefix *p)
{
	struct addr behind = p->addr;
	unsigned at = p->bits;
	int rc = add_address(a, &p->addr);

	while (at > 0 && (behind.b[(at - 1) / 8] & (0x80u >> ((at - 1) % 8))) != 0) {
		behind.b[(at - 1) / 8] &= (uint8_t) ~(0x80u >> ((at - 1) % 8));
		at--;
	}
	if (rc != 0 || at == 0)
		return rc;
	behind.b[(at - 1) / 8] |= (uint8_t)(0x80u >> ((at - 1) % 8));
	return add_address(a, &behind);
}

static bool is_prefix_byte(char c)
{
	return ascii_is_hex(c) || c == '.' || c == ':' || c == '/';
}

/* All prefixes that stand in the rules: in their canonical form each is a word. */
static int add_rules_text(struct addresses *a, const struct policy *p)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int rc = 0;

	if (out == NULL)
		return -ENOMEM;
	policy_print(p, out);
	if (fclose(out) != 0)
		rc = -ENOMEM;
	for (size_t i = 0, n; rc == 0 && i < len; i += n + 1) {
		struct prefix prefix;

		for (n = 0; i + n < len && is_prefix_byte(text[i + n]);)
			n++;
		if (n > 1 && prefix_parse(text + i, n, &prefix) == PREFIX_OK)
			rc = add_ends(a, &prefix);
	}
	free(text);
	return rc;
}

static int add_all(struct addresses *a, const struct generation *g)
{
	const struct config *c = g->config;
	int rc = add_rules_text(a, g->policy);

	for (size_t i = 0; rc == 0 && i < c->site_count; i++)
		for (size_t k = 0; rc == 0 && k < c->sites[i].inside_count; k++)
			rc = add_ends(a, &c->sites[i].inside[k]);
	for (size_t i = 0; rc == 0 && i < c->source_count; i++)
		for (size_t k = 0; rc == 0 && k < c->sources[i].address_count; k++)
			rc = add_ends(a, &c->sources[i].addresses[k]);
	return rc;
}

static bool is_denied(const struct generation *g, const struct whereabouts *w,
		      struct str host, uint32_t *ret_rule)
{
	struct subject s = {
		.inside = w->inside,
		.peer = w->peer,
		.direction = w->direction,
		.role = w->role,
		.site = w->site,
		.source = w->source,
		.host = host,
		.peer_port = 443,
		.server_port = 443,
		.ip_proto = 6,
		.protocol = PROTOCOL_TLS,
		.evidence = EVIDENCE_SNI,
		.visibility = VISIBILITY_HOST,
		.corroboration = CORROBORATION_DNS_CLIENT,
		.time_us = NOON_US,
	};
	struct rule_origin origin;
	struct service svc;
	struct place place;
	struct decision d;

	generation_describe(g, &s, &svc, &place);
	policy_decide(g->policy, &s, &d);
	*ret_rule = d.rule;
	return d.verdict == VERDICT_DENY &&
	       !(d.gate == GATE_IP_FIREWALL &&
		 policy_rule_origin(g->policy, d.rule, &origin));
}

static void ask(const struct generation *g, const struct addr *inside, struct reach *r)
{
	static const struct addr nowhere = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};
	struct whereabouts w;
	uint32_t rule;

	generation_locate(g, inside, &nowhere, &w);
	if (!w.known || !w.client_inside || w.translated || w.site == ID_NONE ||
	    r->sites[w.site])
		return;
	if (!is_denied(g, &w, r->environment.host, &rule))
		r->sites[w.site] = true;
	else if (r->denied[w.site].line == 0)
		r->denied[w.site] = policy_rule(g->policy, rule);
}

static bool find_environment(const struct generation *g, const char *name,
			     struct reach *ret, const char **ret_near)
{
	struct str wanted = str_of(name);
	static char near[64];
	struct nearest n;

	nearest_start(&n, wanted);
	for (size_t i = 0; policy_environment(g->policy, i, &ret->environment); i++) {
		const struct policy_environment *e = &ret->environment;

		if (str_equal(e->name, wanted) || str_equal_fold(str_of(e->guid), wanted))
			return true;
		(void)snprintf(near, sizeof(near), "%.*s", (int)e->name.len, e->name.p);
		nearest_offer(&n, near);
		if (n.best == near)
			break;
	}
	*ret_near = n.best;
	return false;
}

int reach_find(const struct generation *g, const char *name, struct reach *ret,
	       const char **ret_near)
{
	struct addresses a = {0};
	size_t sites = g->config->site_count;
	int rc = 0;

	*ret = (struct reach){0};
	*ret_near = NULL;
	if (!find_environment(g, name, ret, ret_near))
		return -ENOENT;
	ret->sites = calloc(sites + 1, sizeof(*ret->sites));
	ret->denied = calloc(sites + 1, sizeof(*ret->denied));
	if (ret->sites == NULL || ret->denied == NULL)
		return -ENOMEM;
	ret->asked = ret->environment.host.len > 0;
	if (!ret->asked) {
		memset(ret->sites, true, sites * sizeof(*ret->sites));
		return 0;
	}
	rc = add_all(&a, g);
	for (size_t i = 0; rc == 0 && i < a.count; i++)
		ask(g, &a.list[i], ret);
	free(a.list);
	return rc;
}

void reach_finish(struct reach *r)
{
	free(r->sites);
	free(r->denied);
	*r = (struct reach){0};
}
