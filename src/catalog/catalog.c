/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/catalog.h"

#include <string.h>

#include "catalog/tables.h"

#define NAME_MATCHES 16 /* patterns that one name falls under; shipped files: at most 6 */

/*
 * All but the buffers of the GUIDs, which would cost a tenth of a lookup.  A copy of fixed
 * size is the shortest code; of chained assignments gcc reads back what it has just stored.
 */
static void clear_service(struct service *ret)
{
	static const struct service none = {.service = ID_NONE};

	memcpy(ret, &none, offsetof(struct service, environment_id));
	ret->environment_id[0] = '\0';
	ret->tenant_id[0] = '\0';
	ret->organization_id[0] = '\0';
}

static void set_countries(const struct catalog *c, const struct region_ref *ref,
			  struct service *ret)
{
	const struct region *r;

	if (ref->scheme == REGION_SCHEME_COUNT || ref->token.len == 0)
		return;
	r = regions_guess(&c->regions, ref->scheme, ref->token);
	if (r == NULL)
		return;
	ret->countries = r->countries;
	if (ref->scheme == REGION_CRM)
		ret->region = r->code;
}

/* Set what the form of the name states. */
static inline void read_form(const struct catalog *c, const struct entry *e,
			     struct str host, struct service *ret)
{
	struct region_ref ref;

	if (e->grammar == GRAMMAR_NONE)
		return;
	hostname_decode((enum grammar)e->grammar, e->tail, host, ret, &ref);
	set_countries(c, &ref, ret);
}

/* Fill in what `e`, which has a service row that fits, says of `host`. */
static void answer_service(const struct catalog *c, const struct entry *e,
			   struct str host, struct service *ret)
{
	const struct service_row *row = e->service;

	ret->host_role = row->role;
	read_form(c, e, host, ret);
	ret->service = e->service_id;
	ret->in_scope = e->in_scope;
	ret->platform = e->platform;
	ret->confidence = e->confidence;
	ret->row = e->line;
	ret->cloud = row->cloud;
	ret->pattern = e->pattern;
	ret->source = row->source;
}

static void answer_connectors(const struct catalog *c, const struct entry *e,
			      struct str host, struct service *ret)
{
	struct region_ref ref;

	if (ret->pattern.p == NULL) { /* no service row: the connector's row answers */
		read_form(c, e, host, ret);
		ret->confidence = e->confidence;
		ret->row = e->line;
		ret->pattern = e->pattern;
		ret->source = e->first->source;
	} else if (e->grammar == GRAMMAR_ACCOUNT && ret->account.len == 0) {
		hostname_decode(GRAMMAR_ACCOUNT, e->tail, host, ret, &ref);
	}
	ret->connectors = e->connectors;
	ret->connector_count = e->connector_count;
}

/* The entries that answer; NULL = none. */
struct best {
	const struct entry *service, *connectors;
};

/* The best matches of each kind: the site's own first, whatever their length. */
static inline __attribute__((always_inline)) struct best best_entries(
	const struct catalog *c, struct str host)
{
	uint32_t hits[NAME_MATCHES];
	size_t n = suffix_find(c->names, host, hits, NAME_MATCHES);
	struct best best = {NULL, NULL};
	uint32_t open = NAME_SERVICE | NAME_CONNECTORS; /* a better one may come */

	for (size_t i = 0; i < n && open != 0; i++) {
		const uint32_t kinds = hits[i] & open;
		const struct entry *e = &c->entries[hits[i] >> NAME_SHIFT];

		if (kinds == 0 ||
		    (e->asks_host &&
		     !hostname_fits((enum grammar)e->grammar, e->tail, host)))
			continue;
		if ((kinds & NAME_SERVICE) != 0 && (best.service == NULL || e->own))
			best.service = e;
		if ((kinds & NAME_CONNECTORS) != 0 && (best.connectors == NULL || e->own))
			best.connectors = e;
		if (e->own || !c->has_own)
			open &= ~kinds;
	}
	return best;
}

void catalog_name(const struct catalog *c, struct str host, struct service *ret)
{
	struct best best;

	clear_service(ret);
	if (host.len == 0)
		return;
	best = best_entries(c, host);
	if (best.service != NULL)
		answer_service(c, best.service, host, ret);
	if (best.connectors != NULL)
		answer_connectors(c, best.connectors, host, ret);
}

static void set_connector_row(const struct connector_row *row, struct catalog_row *ret)
{
	*ret = (struct catalog_row){
		.file = row->file,
		.line = row->line,
		.own = row->own,
		.confidence = row->confidence,
		.pattern = row->pattern,
		.source = row->source,
		.date = row->date,
		.title = row->title,
		.publisher = row->publisher,
		.tier = row->tier,
		.endpoint_filterable = row->endpoint_filterable,
		.unblockable = row->unblockable,
		.gateway = row->gateway,
		.vnet = row->vnet,
	};
}

void catalog_connector_row(const struct catalog *c, const struct connector_ref *ref,
			   struct catalog_row *ret)
{
	const struct connector_row *row = &c->connector_rows[ref->row];
	struct connector_row mixed = *row;
	uint32_t about = c->connector_about[ref->connector];

	if (row->own && about > 0) {
		const struct connector_row *shipped = &c->connector_rows[about - 1];

		mixed.title = shipped->title;
		mixed.publisher = shipped->publisher;
		mixed.tier = shipped->tier;
		mixed.endpoint_filterable = shipped->endpoint_filterable;
		mixed.unblockable = shipped->unblockable;
		mixed.gateway = shipped->gateway;
		mixed.vnet = shipped->vnet;
	}
	set_connector_row(&mixed, ret);
}

static void set_service_row(const struct entry *e, struct catalog_row *ret)
{
	const struct service_row *row = e->service;

	*ret = (struct catalog_row){
		.file = row->file,
		.line = row->line,
		.own = e->own,
		.confidence = row->confidence,
		.pattern = e->pattern,
		.source = row->source,
		.date = row->date,
		.ports = row->ports,
		.note = row->note,
	};
}

bool catalog_name_row(const struct catalog *c, struct str host, struct catalog_row *ret)
{
	struct best best = best_entries(c, host);

	if (best.service != NULL) {
		set_service_row(best.service, ret);
		return true;
	}
	if (best.connectors == NULL)
		return false;
	set_connector_row(best.connectors->first, ret);
	ret->confidence = best.connectors->confidence;
	return true;
}

void catalog_tags_of(const struct catalog *c, const struct addr *a, struct place *ret)
{
	uint32_t prefix =
		c->prefixes == NULL ? PREFIXES_NONE : prefixes_longest(c->prefixes, a);

	if (prefix == PREFIXES_NONE)
		*ret = (struct place){.country = ""};
	else
		*ret = c->places[c->place_of[prefix]];
}

void catalog_country_of(const struct catalog *c, const struct addr *a, char ret[3])
{
	ret[0] = '\0';
	for (size_t i = 0; i < MMDB_PARTS && ret[0] == '\0'; i++)
		mmdb_country(c->geo[MMDB_COUNTRY][i], a, ret);
}

static bool is_microsoft_network(const struct catalog *c, uint32_t asn)
{
	size_t low = 0, high = c->network_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (c->networks[middle] < asn)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->network_count && c->networks[low] == asn;
}

void catalog_address(const struct catalog *c, const struct addr *a, struct place *ret)
{
	catalog_tags_of(c, a, ret);
	if (ret->country[0] == '\0')
		catalog_country_of(c, a, ret->country);
	for (size_t i = 0; i < MMDB_PARTS && ret->asn == 0; i++)
		mmdb_network(c->geo[MMDB_ASN][i], a, &ret->asn, &ret->as_org);
	ret->microsoft_network = is_microsoft_network(c, ret->asn);
}

size_t catalog_geo_files(const struct catalog *c, struct geo_file ret[GEO_FILES_MAX])
{
	memcpy(ret, c->geo_files, sizeof(c->geo_files));
	return c->geo_count;
}

void catalog_probe(const struct catalog *c, unsigned part, bool v6, struct geo_probe *ret)
{
	*ret = c->probes[part][v6 ? 1 : 0];
}

size_t catalog_feeds(const struct catalog *c, const struct tag_feed **ret)
{
	*ret = c->feeds;
	return c->feed_count;
}

void catalog_vocabulary(const struct catalog *c, struct vocabulary *ret)
{
	*ret = (struct vocabulary){
		.services = {c->services.list, c->services.count},
		.connectors = {c->connectors.list, c->connectors.count},
		.tags = {c->tags.list, c->tags.count},
		.groups = c->groups,
		.group_count = c->group_count,
	};
}

bool catalog_range_of_service(const struct catalog *c, const struct service *s,
			      const struct place *p)
{
	const struct meaning *m;

	if (s->service >= c->services.count)
		return false;
	m = &c->meanings[s->service];
	for (size_t i = 0; i < m->range_count; i++) {
		for (size_t t = 0; t < p->tag_count; t++) {
			if (p->tags[t] == m->ranges[i])
				return true;
		}
	}
	return false;
}

bool catalog_uses_tag(const struct catalog *c, struct str name)
{
	uint16_t tag = words_find(&c->tags, name);

	if (str_equal_fold(name, STR("AzureCloud")))
		return true;
	for (size_t i = 0; tag != ID_NONE && i < c->services.count; i++) {
		const struct meaning *m = &c->meanings[i];

		for (size_t k = 0; k < m->range_count; k++)
			if (m->ranges[k] == tag)
				return true;
	}
	return false;
}

void catalog_digest(const struct catalog *c, uint8_t ret[32])
{
	memcpy(ret, c->digest, sizeof(c->digest));
}

const char *catalog_summary(const struct catalog *c)
{
	return c->summary;
}
