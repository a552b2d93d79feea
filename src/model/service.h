/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SERVICE_H
#define MODEL_SERVICE_H

/*
 * service - what the catalogue says of a host name; place - what it says of an address;
 * vocabulary - the words of one generation, by number.
 *
 * Strings without a buffer of their own borrow from the catalogue (valid as long as its
 * generation) or from the host name that was looked up.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/text.h"

#define ID_NONE      UINT16_MAX
#define GUID_LEN     36
#define SERVICES_MAX 256 /* services are numbered below this: sets of them are bit sets */

enum confidence {
	CONFIDENCE_ASSUMED = 0,
	CONFIDENCE_PUBLISHED,
	CONFIDENCE_VERIFIED
};

struct connector_ref {
	uint16_t connector; /* index in vocabulary.connectors */
	uint8_t confidence; /* enum confidence */
	uint32_t row; /* the catalogue's number of the row, for catalog_connector_row() */
};

struct service {
	uint16_t service; /* index in vocabulary.services, or ID_NONE */
	bool in_scope;    /* Power Platform, Dataverse, relay, connector runtime, login */
	bool platform;    /* a platform-service row, not only a connector's backend */
	uint8_t confidence;
	uint32_t row; /* line of the catalogue file that answered; 0 = none */
	struct str cloud;
	struct str region;    /* Microsoft's token, or "?" = the form has one, unknown */
	struct str countries; /* ISO codes of the region, "NL|IE"; absent = unknown */
	struct str host_role; /* "org-api", "login", ... */
	struct str org, site_name, tenant_name, account, key, component, stamp;
	struct str pattern; /* that matched */
	struct str source;  /* where the row's fact comes from, with its date */
	const struct connector_ref *connectors; /* sorted by connector */
	size_t connector_count;
	char environment_id[GUID_LEN +
			    1]; /* "" = none; lower case; stands behind the rest */
	char tenant_id[GUID_LEN + 1];
	char organization_id[GUID_LEN + 1];
};

/* An address lies in at most so many service tags, or their file is refused; published: 5. */
#define PLACE_TAGS_MAX 64

struct place {
	char country[3];       /* ISO 3166-1 alpha-2, "" = unknown */
	bool country_from_tag; /* service-tag region, else MMDB */
	uint16_t tag_count;    /* at most PLACE_TAGS_MAX */
	const uint16_t
		*tags; /* all of them: indexes in vocabulary.tags, see docs/catalog.md */
	struct str tag_cloud;   /* of the longest range: "Public"; absent = unknown */
	bool microsoft_service; /* in a service's published range (not only AzureCloud) */
	bool microsoft_cloud;   /* in AzureCloud */
	bool microsoft_network; /* its autonomous system is one of Microsoft's */
	struct str region;      /* of the most specific regional tag */
	uint32_t asn;           /* 0 = unknown */
	struct str as_org;
};

struct word_list {
	const char *const *words;
	size_t count;
};

struct service_set {
	uint64_t bits[SERVICES_MAX / 64];
};

static inline bool service_set_has(const struct service_set *s, uint16_t id)
{
	return id < SERVICES_MAX && (s->bits[id / 64] >> (id % 64) & 1) != 0;
}

static inline void service_set_add(struct service_set *s, uint16_t id)
{
	if (id < SERVICES_MAX)
		s->bits[id / 64] |= (uint64_t)1 << (id % 64);
}

struct service_group {
	const char *name; /* "power-platform" = all of its services */
	struct service_set members;
};

struct prefix_list {
	const struct prefix *list;
	size_t count;
};

struct addr_list {
	const struct addr *list;
	size_t count;
};

/* Everything here outlives the policy that was compiled with it. */
struct vocabulary {
	struct word_list services;
	struct word_list connectors; /* "shared_sql"; looked up ignoring case */
	struct word_list tags;       /* service tags, "AzureCloud.westeurope" */
	struct word_list sites;
	struct word_list sources;
	struct word_list users; /* people, sorted, letter case aside; empty = not known */
	const struct prefix_list *source_prefixes; /* of each source; NULL = not known */
	const struct addr_list *site_egress;       /* of each site; NULL = not known */
	const struct service_group *groups;
	size_t group_count;
};

#endif /* MODEL_SERVICE_H */
