/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/catalog.h"

#include <string.h>

#include "catalog/tables.h"

#define NAME_MATCHES 16 /* patterns that one name falls under; shipped files: at most 6 */
#define TAG_MATCHES  32 /* prefixes that one address lies in; shipped files: at most 9 */

static void clear_service(struct service *ret)
{
	*ret = (struct service){.service = ID_NONE, .confidence = CONFIDENCE_ASSUMED};
}

static void set_countries(const struct catalog *c, const struct region_ref *ref,
			  struct service *ret)
{
	const struct region *r;

	if (ref->token.len == 0 || ref->scheme == REGION_SCHEME_COUNT)
		return;
	r = regions_guess(&c->regions, ref->scheme, ref->token);
	if (r == NULL)
		return;
	ret->countries = r->countries;
	if (ref->scheme == REGION_CRM)
		ret->region = r->code;
}

/* Fill in what `e` says of `host`; false when the name does not fit the pattern's grammar. */
static bool answer_service(const struct catalog *c, const struct entry *e,
			   struct str host, struct service *ret)
{
	const struct service_row *row = e->service;
	struct region_ref ref;

	clear_service(ret);
	ret->host_role = row->role;
	if (!hostname_decode(e->grammar, e->tail, host, ret, &ref))
		return false;
	set_countries(c, &ref, ret);
	ret->service = row->service;
	if (row->service != ID_NONE) {
		ret->in_scope = c->meanings[row->service].in_scope;
		ret->platform = c->meanings[row->service].platform;
	}
	ret->confidence = row->confidence;
	ret->row = row->line;
	ret->cloud = row->cloud;
	ret->pattern = e->pattern;
	ret->source = row->source;
	return true;
}

static uint8_t best_confidence(const struct entry *e)
{
	uint8_t best = CONFIDENCE_ASSUMED;

	for (size_t i = 0; i < e->connector_count; i++) {
		if (e->connectors[i].confidence > best)
			best = e->connectors[i].confidence;
	}
	return best;
}

static void answer_connectors(const struct catalog *c, const struct entry *e,
			      struct str host, struct service *ret)
{
	if (ret->pattern.p == NULL) { /* no service row: the connector's row answers */
		struct region_ref ref;

		(void)hostname_decode(e->grammar, e->tail, host, ret, &ref);
		set_countries(c, &ref, ret);
		ret->confidence = best_confidence(e);
		ret->row = e->connector_line;
		ret->pattern = e->pattern;
		ret->source = e->connector_source;
	} else if (e->grammar == GRAMMAR_ACCOUNT && ret->account.len == 0) {
		struct region_ref ref;

		(void)hostname_decode(e->grammar, e->tail, host, ret, &ref);
	}
	ret->connectors = e->connectors;
	ret->connector_count = e->connector_count;
}

/* The best match that passes: the site's own first, whatever its length. */
static bool find_service(const struct catalog *c, const uint32_t *hits, size_t n,
			 struct str host, struct service *ret)
{
	for (int own = c->has_own ? 1 : 0; own >= 0; own--) {
		for (size_t i = 0; i < n; i++) {
			const struct entry *e = &c->entries[hits[i]];

			if (e->own == (own == 1) && e->service != NULL &&
			    answer_service(c, e, host, ret))
				return true;
		}
	}
	clear_service(ret);
	return false;
}

static const struct entry *find_connectors(const struct catalog *c, const uint32_t *hits,
					   size_t n)
{
	const struct entry *shipped = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct entry *e = &c->entries[hits[i]];

		if (e->connectors == NULL)
			continue;
		if (e->own)
			return e;
		if (shipped == NULL)
			shipped = e;
		if (!c->has_own)
			break;
	}
	return shipped;
}

void catalog_name(const struct catalog *c, struct str host, struct service *ret)
{
	uint32_t hits[NAME_MATCHES];
	const struct entry *e;
	size_t n;

	if (host.len == 0) {
		clear_service(ret);
		return;
	}
	n = suffix_find(c->names, host, hits, NAME_MATCHES);
	(void)find_service(c, hits, n, host, ret);
	e = find_connectors(c, hits, n);
	if (e != NULL)
		answer_connectors(c, e, host, ret);
}

static void add_tag(struct place *ret, uint16_t tag)
{
	for (size_t i = 0; i < ret->tag_count; i++) {
		if (ret->tags[i] == tag)
			return;
	}
	if (ret->tag_count < PLACE_TAGS_MAX)
		ret->tags[ret->tag_count++] = tag;
}

/* Services before the cloud that they stand in, also where both have the same prefix. */
static void add_tags(const struct catalog *c, const uint32_t *hits, size_t n, bool cloud,
		     struct place *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (c->places[hits[i]].cloud == cloud)
			add_tag(ret, (uint16_t)hits[i]);
	}
}

/* The first region met, of the longest prefix, counts. */
static void set_region(struct place *ret, const struct tag_place *p)
{
	ret->microsoft_cloud = ret->microsoft_cloud || p->cloud;
	ret->microsoft_service = ret->microsoft_service || !p->cloud;
	if (ret->region.p != NULL || p->region.len == 0)
		return;
	ret->region = p->region;
	if (p->countries.len == 2) { /* exactly one */
		memcpy(ret->country, p->countries.p, 2);
		ret->country_from_tag = true;
	}
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
	uint32_t hits[TAG_MATCHES];
	size_t n = 0;

	*ret = (struct place){.country = ""};
	if (c->prefixes != NULL)
		n = prefixes_find(c->prefixes, a, hits, TAG_MATCHES);
	for (size_t i = 0; i < n; i++)
		set_region(ret, &c->places[hits[i]]);
	add_tags(c, hits, n, false, ret);
	add_tags(c, hits, n, true, ret);
	for (size_t i = 0; i < n; i++)
		add_tag(ret, c->places[hits[i]].whole);
	if (ret->country[0] == '\0')
		mmdb_country(c->country, a, ret->country);
	mmdb_network(c->asn, a, &ret->asn, &ret->as_org);
	ret->microsoft_network = is_microsoft_network(c, ret->asn);
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

void catalog_digest(const struct catalog *c, uint8_t ret[32])
{
	memcpy(ret, c->digest, sizeof(c->digest));
}

const char *catalog_summary(const struct catalog *c)
{
	return c->summary;
}
