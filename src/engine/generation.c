/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/generation.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "engine/bundle.h"
#include "match/calendar.h"
#include "match/prefixes.h"

#define CONFIG_BYTES_MAX ((size_t)4 << 20)
#define EXEMPT_BYTES_MAX ((size_t)1 << 20)
/* One address lies in 129 prefixes at the most, each once a site's and once a source's. */
#define NESTED_MAX 259
/* Values of the inside table: a source's number, or that of a site, maybe for its egress. */
#define IS_SOURCE 0x10000u
#define IS_EGRESS 0x20000u

struct generation_memory {
	struct prefixes *inside;
	const char **site_names;
	const char **source_names;
	uint16_t *source_sites;
	struct prefix_list *source_prefixes;
	struct addr_list *site_egress;
};

static struct span nowhere(const char *file)
{
	return (struct span){.file = file == NULL ? "weir" : file};
}

static uint16_t site_number(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->site_count; i++)
		if (name != NULL && strcmp(c->sites[i].name, name) == 0)
			return (uint16_t)i;
	return ID_NONE;
}

static int add_all(struct prefixes *t, const struct prefix *p, size_t n, uint32_t value)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = prefixes_add(t, &p[i], value);
	return rc;
}

/* What is seen behind the translation comes from them. */
static int add_egress(struct prefixes *t, const struct site_cfg *site, uint32_t number)
{
	int rc = 0;

	for (size_t i = 0;
	     i < site->egress_count && site->vantage != VANTAGE_INSIDE && rc == 0; i++) {
		const struct prefix p = {.addr = site->egress[i], .bits = 128};

		rc = prefixes_add(t, &p, IS_EGRESS | number);
	}
	return rc;
}

/* Which addresses are whose, and the words for sites and sources. */
static int index_inside(struct generation *g)
{
	struct generation_memory *m = g->memory;
	const struct config *c = g->config;
	int rc = 0;

	m->inside = prefixes_create();
	m->site_names = calloc(c->site_count + 1, sizeof(*m->site_names));
	m->source_names = calloc(c->source_count + 1, sizeof(*m->source_names));
	m->source_sites = calloc(c->source_count + 1, sizeof(*m->source_sites));
	m->source_prefixes = calloc(c->source_count + 1, sizeof(*m->source_prefixes));
	m->site_egress = calloc(c->site_count + 1, sizeof(*m->site_egress));
	if (m->inside == NULL || m->site_names == NULL || m->source_names == NULL ||
	    m->source_sites == NULL || m->source_prefixes == NULL ||
	    m->site_egress == NULL)
		return -1;
	for (size_t i = 0; i < c->site_count && rc == 0; i++) {
		m->site_names[i] = c->sites[i].name;
		m->site_egress[i] =
			(struct addr_list){c->sites[i].egress, c->sites[i].egress_count};
		rc = add_all(m->inside, c->sites[i].inside, c->sites[i].inside_count,
			     (uint32_t)i);
	}
	for (size_t i = 0; i < c->site_count && rc == 0; i++)
		rc = add_egress(m->inside, &c->sites[i], (uint32_t)i);
	for (size_t i = 0; i < c->source_count && rc == 0; i++) {
		m->source_names[i] = c->sources[i].name;
		m->source_prefixes[i] = (struct prefix_list){c->sources[i].addresses,
							     c->sources[i].address_count};
		m->source_sites[i] = site_number(c, c->sources[i].site);
		rc = add_all(m->inside, c->sources[i].addresses,
			     c->sources[i].address_count, IS_SOURCE | (uint32_t)i);
	}
	g->vocabulary.sites = (struct word_list){m->site_names, c->site_count};
	g->vocabulary.sources = (struct word_list){m->source_names, c->source_count};
	g->vocabulary.source_prefixes = m->source_prefixes;
	g->vocabulary.site_egress = m->site_egress;
	return rc != 0 ? rc : prefixes_seal(m->inside);
}

/* The days that sites' calendars have, each behind its site's number. */
static void add_calendars(const struct config *c, struct digest *d)
{
	for (size_t i = 0; i < c->site_count; i++) {
		const uint8_t number[] = {(uint8_t)i, (uint8_t)(i >> 8)};

		if (c->sites[i].holidays == NULL)
			continue;
		digest_add(d, number, sizeof(number));
		holidays_digest(c->sites[i].holidays, d);
	}
}

/*
 * The generation's name covers the configuration's bytes, the calendars, the rules and the
 * catalogue.
 */
static void name_generation(struct generation *g, struct file_set *set)
{
	uint8_t part[32];
	char hex[65], *text = NULL;
	size_t len = 0;
	struct digest d;

	digest_start(&d);
	if (g->config->path != NULL &&
	    file_set_read(set, g->config->path, CONFIG_BYTES_MAX, &text, &len) == 0)
		digest_add(&d, text, len);
	free(text);
	add_calendars(g->config, &d);
	if (g->policy != NULL) {
		policy_digest(g->policy, part);
		digest_add(&d, part, sizeof(part));
	}
	catalog_digest(g->catalog, part);
	digest_add(&d, part, sizeof(part));
	digest_end(&d, part);
	hex_format(part, sizeof(part), hex);
	memcpy(g->name, hex, GENERATION_NAME_LEN);
}

static struct catalog *load_catalog(const struct generation_cfg *how,
				    const struct config *c, struct diag *d)
{
	struct catalog_cfg cfg = {
		.set = how->set,
		.fresh = how->fresh_tags,
		.stand_in = how->absent_tags ? c->geo.shipped : NULL,
		.stand_in_count = how->absent_tags ? c->geo.shipped_count : 0,
		.services = c->catalog.services,
		.connectors = c->catalog.connectors,
		.regions = c->catalog.regions,
		.own = c->catalog.own,
		.tags = c->geo.tags,
		.tag_file_count = c->geo.tag_count,
		.accept_registrant = c->geo.accept_registrant,
		.networks = c->geo.networks,
	};

	for (size_t i = 0; i < c->geo.country_count && i < MMDB_PARTS; i++)
		cfg.country[i] = c->geo.country[i];
	for (size_t i = 0; i < c->geo.asn_count && i < MMDB_PARTS; i++)
		cfg.asn[i] = c->geo.asn[i];
	return catalog_load(&cfg, d);
}

/* Databases that have grown old, at `now_us`; 0 = nobody knows what time it is. */
static void warn_old_databases(const struct generation *g, int64_t now_us, struct diag *d)
{
	const int64_t limit = g->config->geo.warn_age_us, day = INT64_C(86400000000);
	struct geo_file files[GEO_FILES_MAX];
	const size_t n = catalog_geo_files(g->catalog, files);

	for (size_t i = 0; i < n && now_us > 0 && limit > 0; i++) {
		const int64_t age = now_us - files[i].about.build_us;

		if (age <= limit)
			continue;
		diag_add(d, DIAG_WARNING, (struct span){.file = files[i].path}, "geo-old",
			 "is %lld days old; geo.warn_age is %lld days",
			 (long long)(age / day), (long long)(limit / day));
		diag_remedy(d, "a new database; geo/README.md names sources");
	}
}

void generation_exempt_path(const struct config *c, char *buf, size_t size)
{
	const char *slash = strrchr(c->control.socket, '/');
	const int n = slash == NULL ? 0 : (int)(slash - c->control.socket) + 1;

	(void)snprintf(buf, size, "%.*sexempt.rules", n, c->control.socket);
}

/* The rule files, behind the lines of `weir ctl exempt` when there are any. */
static struct policy *load_policy(const struct generation *g,
				  const struct generation_cfg *cfg, struct diag *d)
{
	const char *const *files = cfg->rule_count > 0 ? cfg->rules : g->config->rules;
	const size_t count =
		cfg->rule_count > 0 ? cfg->rule_count : g->config->rule_count;
	const char **all = calloc(count + 1, sizeof(*all));
	char path[PATH_MAX], *text = NULL;
	struct policy_cfg rules = {.vocabulary = &g->vocabulary,
				   .now_us = cfg->now_us,
				   .set = cfg->set,
				   .files = all};
	struct policy *p;
	size_t len;

	if (all == NULL) {
		diag_error(d, nowhere(cfg->config), "out of memory");
		return NULL;
	}
	generation_exempt_path(g->config, path, sizeof(path));
	if (cfg->exempt &&
	    file_set_read(cfg->set, path, EXEMPT_BYTES_MAX, &text, &len) == 0)
		all[rules.file_count++] = path;
	free(text);
	for (size_t i = 0; i < count; i++)
		all[rules.file_count++] = files[i];
	p = policy_load(&rules, d);
	free(all);
	return p;
}

struct generation *generation_load(const struct generation_cfg *cfg, struct diag *d)
{
	struct generation *g = calloc(1, sizeof(*g));
	const struct config_source from = {.path = cfg->config,
					   .share = cfg->share,
					   .absent = cfg->absent_tags,
					   .files = cfg->set};

	if (g == NULL || (g->memory = calloc(1, sizeof(*g->memory))) == NULL)
		goto no_memory;
	g->config = config_load_from(&from, d);
	if (g->config == NULL)
		goto fail;
	g->catalog = load_catalog(cfg, g->config, d);
	if (g->catalog == NULL)
		goto fail;
	warn_old_databases(g, cfg->now_us, d);
	catalog_vocabulary(g->catalog, &g->vocabulary);
	if (index_inside(g) != 0)
		goto no_memory;
	g->policy = load_policy(g, cfg, d);
	if (g->policy == NULL)
		goto fail;
	bundle_check(g, cfg, d);
	name_generation(g, cfg->set);
	g->expect_count = policy_expect(g->policy, generation_describe_cb, g, d);
	if (diag_count(d, DIAG_ERROR) > 0)
		goto fail;
	return g;
no_memory:
	diag_error(d, nowhere(cfg->config), "out of memory");
fail:
	generation_destroy(g);
	return NULL;
}

void generation_destroy(struct generation *g)
{
	if (g == NULL)
		return;
	policy_destroy(g->policy);
	catalog_destroy(g->catalog);
	config_destroy(g->config);
	if (g->memory != NULL) {
		prefixes_destroy(g->memory->inside);
		free(g->memory->site_names);
		free(g->memory->source_names);
		free(g->memory->source_sites);
		free(g->memory->source_prefixes);
		free(g->memory->site_egress);
	}
	free(g->memory);
	free(g);
}

/* Does `a` belong to us?  Sets site, source and role when it does. */
static bool whose(const struct generation *g, const struct addr *a,
		  struct whereabouts *ret)
{
	uint32_t values[NESTED_MAX];
	size_t n = prefixes_find(g->memory->inside, a, values, NESTED_MAX);

	ret->site = ID_NONE;
	ret->source = ID_NONE;
	ret->role = ROLE_USER;
	ret->translated = ret->shared = false;
	for (size_t i = 0; i < n; i++) {
		uint16_t number = (uint16_t)(values[i] & 0xffff);

		if ((values[i] & IS_EGRESS) != 0) {
			ret->translated = ret->shared = true;
			if (ret->site == ID_NONE)
				ret->site = number;
			continue;
		}
		if ((values[i] & IS_SOURCE) == 0) {
			if (ret->site == ID_NONE)
				ret->site = number;
		} else if (ret->source == ID_NONE) {
			ret->source = number;
			ret->role = g->config->sources[number].role;
			ret->shared |= g->config->sources[number].shared;
			if (g->memory->source_sites[number] != ID_NONE)
				ret->site = g->memory->source_sites[number];
		}
	}
	return n > 0;
}

void generation_locate(const struct generation *g, const struct addr *client,
		       const struct addr *server, struct whereabouts *ret)
{
	struct whereabouts from, to;
	bool client_in = whose(g, client, &from);
	bool server_in = whose(g, server, &to);

	*ret = client_in || !server_in ? from : to;
	ret->client_inside = client_in || !server_in;
	ret->inside = ret->client_inside ? *client : *server;
	ret->peer = ret->client_inside ? *server : *client;
	ret->known = client_in || server_in;
	ret->direction = client_in && server_in ? DIRECTION_INTERNAL
			 : client_in            ? DIRECTION_OUTBOUND
			 : server_in            ? DIRECTION_INBOUND
						: DIRECTION_UNKNOWN;
}

static bool named_resolver(const struct config *c, const struct addr *a, bool *ret_any)
{
	*ret_any = false;
	for (size_t i = 0; i < c->site_count; i++)
		for (size_t k = 0; k < c->sites[i].resolver_count; k++) {
			*ret_any = true;
			if (addr_equal(&c->sites[i].resolvers[k], a))
				return true;
		}
	return false;
}

bool generation_is_resolver(const struct generation *g, const struct addr *a)
{
	bool any;

	return named_resolver(g->config, a, &any) || !any;
}

uint16_t generation_site_of(const struct generation *g, const struct addr *a)
{
	struct whereabouts at;

	return whose(g, a, &at) ? at.site : ID_NONE;
}

bool generation_site_resolves(const struct generation *g, uint16_t site,
			      const struct addr *a)
{
	const struct site_cfg *s = site == ID_NONE ? NULL : &g->config->sites[site];

	for (size_t i = 0; s != NULL && i < s->resolver_count; i++)
		if (addr_equal(&s->resolvers[i], a))
			return true;
	return false;
}

uint64_t generation_site_id(const struct generation *g, uint16_t site)
{
	const char *name = site == ID_NONE ? NULL : g->config->sites[site].name;

	return name == NULL ? 0 : hash_bytes(name, strlen(name), 0) | 1;
}

struct addr generation_anchor(const struct generation *g, const struct addr *a,
			      const struct addr *b)
{
	bool a_first = prefixes_contain(g->memory->inside, a);
	bool b_first = prefixes_contain(g->memory->inside, b);
	bool any;

	if (a_first == b_first) {
		a_first = !named_resolver(g->config, a, &any);
		b_first = !named_resolver(g->config, b, &any);
	}
	/* Two of a kind: the same one whichever way the packet goes. */
	if (a_first == b_first)
		a_first = addr_compare(a, b) <= 0;
	return a_first ? *a : *b;
}

static bool country_in(const char *const *list, size_t n, const char *country)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], country) == 0)
			return true;
	return false;
}

/* "NL|IE" holds "NL"? */
static bool country_listed(struct str list, const char *country)
{
	for (size_t i = 0; i + 2 <= list.len; i += 3)
		if (memcmp(list.p + i, country, 2) == 0)
			return true;
	return false;
}

/*
 * Expected: in the site's set, and, where a published range tells the country for certain,
 * in the set of the region that the host name names.
 */
static enum known country_expected(const struct site_cfg *site, const struct service *svc,
				   const struct place *place)
{
	if (place->country[0] == '\0')
		return KNOWN_UNKNOWN;
	if (site != NULL && site->country_count > 0 &&
	    !country_in(site->countries, site->country_count, place->country))
		return KNOWN_NO;
	if (place->country_from_tag && svc->countries.len >= 2 &&
	    !country_listed(svc->countries, place->country))
		return KNOWN_NO;
	return site != NULL && site->country_count > 0 ? KNOWN_YES : KNOWN_UNKNOWN;
}

static enum corroboration by_range(const struct catalog *c, const struct service *svc,
				   const struct place *place)
{
	if (svc->service == ID_NONE)
		return CORROBORATION_NONE;
	if (catalog_range_of_service(c, svc, place))
		return CORROBORATION_RANGE_SERVICE;
	return place->microsoft_cloud ? CORROBORATION_RANGE_CLOUD : CORROBORATION_NONE;
}

bool generation_embedded(const struct generation *g, const struct addr *a,
			 struct addr *ret)
{
	/* RFC 6052 2.1 */
	static const struct prefix well_known = {.addr = {{0x00, 0x64, 0xff, 0x9b}},
						 .bits = 96};
	const struct config *c = g->config;

	*ret = *a;
	if (addr_is_v4(a))
		return false;
	if (nat64_embedded(&well_known, a, ret))
		return true;
	for (size_t i = 0; i < c->geo.nat64_count; i++)
		if (nat64_embedded(&c->geo.nat64[i], a, ret))
			return true;
	return false;
}

/* RFC 1918, 6598, 3927, 4193, 4291 2.5.6: nobody on the Internet has such an address. */
static bool is_private(const struct addr *a)
{
	static const struct prefix ranges[] = {
		{.addr = {{[10] = 0xff, [11] = 0xff, [12] = 10}}, .bits = 104},
		{.addr = {{[10] = 0xff, [11] = 0xff, [12] = 172, [13] = 16}},
		 .bits = 108},
		{.addr = {{[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 168}},
		 .bits = 112},
		{.addr = {{[10] = 0xff, [11] = 0xff, [12] = 100, [13] = 64}},
		 .bits = 106},
		{.addr = {{[10] = 0xff, [11] = 0xff, [12] = 169, [13] = 254}},
		 .bits = 112},
		{.addr = {{[0] = 0xfc}}, .bits = 7},
		{.addr = {{[0] = 0xfe, [1] = 0x80}}, .bits = 10},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (prefix_contains(&ranges[i], a))
			return true;
	return false;
}

bool generation_is_astray(const struct generation *g, const struct subject *s)
{
	struct addr peer;

	if (!s->service->in_scope || s->host.len == 0 || s->place->tag_count > 0 ||
	    s->place->microsoft_network)
		return false;
	(void)generation_embedded(g, &s->peer, &peer);
	return !is_private(&peer) && !prefixes_contain(g->memory->inside, &peer);
}

/*
 * One egress address of the family that the peer is reached by: the site's are translated to it.
 * Several: to one of them.  None: nobody said how; IPv6 is mostly not translated.
 */
static struct addr declared_egress(const struct site_cfg *site, const struct subject *s,
				   const struct addr *peer)
{
	const bool v4 = addr_is_v4(peer);
	struct addr egress = {{0}};
	size_t n = 0;

	for (size_t i = 0;
	     site != NULL && i < site->egress_count && s->direction == DIRECTION_OUTBOUND;
	     i++)
		if (addr_is_v4(&site->egress[i]) == v4 && n++ == 0)
			egress = site->egress[i];
	return n == 1 ? egress : (struct addr){{0}};
}

void generation_describe(const struct generation *g, struct subject *s,
			 struct service *svc, struct place *place)
{
	const struct site_cfg *site =
		s->site == ID_NONE ? NULL : &g->config->sites[s->site];
	enum corroboration range;
	struct addr peer;

	catalog_name(g->catalog, s->host, svc);
	(void)generation_embedded(g, &s->peer, &peer);
	catalog_address(g->catalog, &peer, place);
	s->service = svc;
	s->place = place;
	s->in_scope = svc->in_scope || s->role != ROLE_USER;
	range = by_range(g->catalog, svc, place);
	if (range > s->corroboration)
		s->corroboration = range;
	s->zone = site == NULL ? NULL : site->zone;
	s->in_hours = KNOWN_UNKNOWN;
	if (site != NULL && site->hours_text != NULL)
		s->in_hours = calendar_open(&site->hours, site->holidays, site->zone,
					    s->time_us)
				      ? KNOWN_YES
				      : KNOWN_NO;
	s->in_hours_now = s->in_hours;
	if (s->now_us != 0 && s->in_hours != KNOWN_UNKNOWN)
		s->in_hours_now =
			calendar_open(&site->hours, site->holidays, site->zone, s->now_us)
				? KNOWN_YES
				: KNOWN_NO;
	if (!s->egress_given)
		s->egress = declared_egress(site, s, &peer);
	s->country_expected = country_expected(site, svc, place);
}

bool generation_is_edge(const struct generation *g, int64_t us)
{
	const struct policy_hours no_hours = {.zone = NULL};
	const struct config *c = g->config;

	for (size_t i = 0; i < c->site_count; i++) {
		const struct site_cfg *s = &c->sites[i];
		const struct policy_hours site = {
			.hours = s->hours_text != NULL ? &s->hours : NULL,
			.holidays = s->holidays,
			.zone = s->zone};

		if (policy_is_edge(g->policy, &site, us))
			return true;
	}
	return policy_is_edge(g->policy, &no_hours, us);
}

void generation_describe_cb(void *arg, struct subject *s, struct service *svc,
			    struct place *place)
{
	const struct generation *g = arg;
	struct whereabouts w;

	generation_locate(g, &s->inside, &s->peer, &w);
	s->direction = w.direction;
	s->site = w.site;
	s->egress_given = w.translated;
	if (w.translated)
		s->egress = s->inside;
	if (s->source == ID_NONE)
		s->source = w.source;
	if (w.source != ID_NONE)
		s->role = w.role;
	generation_describe(g, s, svc, place);
}
