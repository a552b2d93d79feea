/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_HOSTNAME_H
#define CATALOG_HOSTNAME_H

/*
 * hostname - what Microsoft's host names say about themselves: environment, tenant,
 * organization, region, site, account.
 *
 * A grammar belongs to a domain; it is chosen once per catalogue pattern, and the pattern
 * anchors the name in that domain before anything is read from it.
 *
 * Sources (read 2026-11): npm @microsoft/agents-copilotstudio-client 1.5.2 and
 * microsoft/powerplatform-vscode (GUID names), terraform-provider-power-platform (the same
 * with another split; locations, apihub), PowerPlatform-DataverseServiceClient
 * DiscoveryServers.cs (crmN), Microsoft's Power Automate, Power Pages and e-invoicing
 * articles.  docs/catalog.md has the table.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "catalog/regions.h"
#include "model/service.h"

enum grammar {
	GRAMMAR_NONE = 0,
	GRAMMAR_GUID,      /* <hex>.<hex>.{environment,tenant,organization}.api... */
	GRAMMAR_DATAVERSE, /* <org>[.api].crm<N>.dynamics.com */
	GRAMMAR_FINANCE,   /* <env>[.sandbox].operations[.<geo>].dynamics.com */
	GRAMMAR_LOGIC,     /* <stamp>.<azure region>.logic.azure.com */
	GRAMMAR_APIM,      /* <geo>-<nnn>.azure-apim.net and its siblings */
	GRAMMAR_APIHUB,    /* <key>.<xx>.common.<geo>.azure-apihub.net and its siblings */
	GRAMMAR_ISLAND,    /* <component>.<cc>-il<nnn>.gateway... */
	GRAMMAR_LOCATION,  /* <location>.api.bap.microsoft.com ... */
	GRAMMAR_ANALYTICS, /* <geo>.csanalytics... */
	GRAMMAR_SITE,      /* <site>.powerappsportals.com ... */
	GRAMMAR_TENANT,    /* <tenant>[-my|-admin|...].sharepoint.com, b2clogin.com */
	GRAMMAR_ACCOUNT,   /* <server, account, vault, namespace>.<domain> */
};

/* The grammar that `pattern` lies in, and how many bytes its domain has. */
enum grammar hostname_grammar(struct str pattern, uint8_t *ret_tail);

struct region_ref {
	enum region_scheme scheme; /* REGION_SCHEME_COUNT: nothing to look up */
	struct str token;
};

/*
 * Does `host` (normalized; it matched a pattern of this grammar) fit the pattern's service?
 * False for "x.crmfoo.dynamics.com": the next pattern shall answer.
 */
bool hostname_fits(enum grammar g, uint8_t tail, struct str host);

/* May a name match `pattern` without fitting?  Where not, hostname_fits() need not be asked. */
bool hostname_may_misfit(enum grammar g, uint8_t tail, struct str pattern);

/*
 * Read `host`, which fits, and set the fields that it states; the others stay as they are.
 * *ret_region is always set.
 */
void hostname_decode(enum grammar g, uint8_t tail, struct str host, struct service *ret,
		     struct region_ref *ret_region);

#endif /* CATALOG_HOSTNAME_H */
