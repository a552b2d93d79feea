/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_CATALOG_SHIPPED_H
#define UNIT_CATALOG_SHIPPED_H

/* shipped - the catalogue as the tree ships it, for tests that run from the root. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/diag.h"
#include "catalog/catalog.h"

static inline struct catalog *shipped_load(const char *own, const char *country,
					   const char *asn)
{
	static const char *const tags[] = {"geo/tags-public.tsv", "geo/tags-usgov.tsv",
					   "geo/tags-china.tsv"};
	const struct catalog_cfg cfg = {
		.services = "rules/catalog/services.tsv",
		.connectors = "rules/catalog/connectors.tsv",
		.regions = "geo/regions.tsv",
		.tags = tags,
		.tag_file_count = sizeof(tags) / sizeof(tags[0]),
		.own = own,
		.country = {country},
		.asn = {asn},
	};
	struct diag *d = diag_create();
	struct catalog *c;

	assert_non_null(d);
	c = catalog_load(&cfg, d);
	diag_print(d, stderr, false);
	assert_non_null(c);
	assert_int_equal(diag_count(d, DIAG_WARNING), 0);
	diag_destroy(d);
	return c;
}

static inline const char *word_of(struct word_list l, uint16_t id)
{
	return id < l.count ? l.words[id] : "";
}

#endif /* UNIT_CATALOG_SHIPPED_H */
