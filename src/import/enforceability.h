/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_ENFORCEABILITY_H
#define IMPORT_ENFORCEABILITY_H

/*
 * enforceability - how much of a tenant's policy a box at the network's edge can decide, for
 * each rule and connector and each place in the network.
 *
 * exact: the wire shows all that the rule asks about.  host: it shows the host or server, not
 * the path, database or title; the answer may be "cannot tell".  no: the traffic does not pass
 * here, or shows nothing of it.
 *
 * Source: Microsoft Learn "Connector endpoint filtering" (2025-09-19) for what rules are about;
 * "Virtual Network support overview" (2026-01-06) for which connectors leave through a
 * delegated subnet; the table for places is docs/import.md's.
 */

#include <stdio.h>

#include "import/known.h"
#include "import/tenant.h"
#include "model/names.h"

#define ENFORCEABILITY_PLACES 4

enum visible {
	VISIBLE_NOT = 0,
	VISIBLE_HOST,
	VISIBLE_EXACT
};

/* "no", "host", "exact". */
const char *visible_name(enum visible v);

/* What kind of endpoints a connector's list holds. */
enum endpoint_kind {
	ENDPOINT_KIND_NONE = 0, /* it has no lists */
	ENDPOINT_KIND_SQL,
	ENDPOINT_KIND_SMTP,
	ENDPOINT_KIND_BLOB,
	ENDPOINT_KIND_URL,       /* HTTP, HTTP Webhook */
	ENDPOINT_KIND_URL_ENTRA, /* HTTP with Microsoft Entra ID */
	ENDPOINT_KIND_BROWSER,
	ENDPOINT_KIND_SCREEN,
	ENDPOINT_KIND_DATAVERSE,
	ENDPOINT_KIND_CUSTOM, /* URL patterns of custom connectors */
	ENDPOINT_KIND_COUNT
};

enum endpoint_kind endpoint_kind_of(struct str connector);

/* Of a rule, wherever its traffic passes. */
enum visible endpoint_visible(enum endpoint_kind k, struct str pattern);

/* At one place: ROLE_USER, ROLE_GATEWAY, ROLE_DESKTOP or ROLE_SUBNET. */
enum visible endpoint_visible_at(enum endpoint_kind k, struct str pattern,
				 enum role place);
enum visible connector_visible_at(const struct known_connector *c, enum role place);

/* What can be decided about one connector or rule. */
struct enforceability_row {
	const struct tenant_connector *connector; /* of a data group; NULL = a rule */
	const struct tenant_list *list; /* of an endpoint; NULL = a URL pattern */
	const struct tenant_rule *rule;
	bool is_known, has_hosts; /* the connector in the catalogue */
	enum visible at[ENFORCEABILITY_PLACES];
};

typedef void enforceability_each(void *arg, const struct enforceability_row *row);

/* Connectors by group, then endpoint lists, then URL patterns, as in the report. */
void enforceability_rows(const struct dlp_policy *p, const struct connector_book *known,
			 enforceability_each *each, void *arg);

/* The places of `at`: user, gateway, desktop, subnet. */
extern const enum role enforceability_places[ENFORCEABILITY_PLACES];

/* The first line of a file of reports, by which `import` knows its own again. */
#define ENFORCEABILITY_FIRST \
	"weir import --report: generated, do not edit; what of each policy can be decided"

/* The report of one policy, for people.  0 or -EIO. */
int enforceability_print(const struct dlp_policy *p, const struct connector_book *known,
			 FILE *out);

#endif /* IMPORT_ENFORCEABILITY_H */
