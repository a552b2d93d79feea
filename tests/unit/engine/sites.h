/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ENGINE_SITES_H
#define TESTS_ENGINE_SITES_H

/* sites - a generation of tests/unit/engine/sites.conf for a group of tests. */

#include "engine/generation.h"

static struct generation *sites;

static inline int sites_make(void **state)
{
	const struct generation_cfg cfg = {.config = "tests/unit/engine/sites.conf",
					   .share = "."};
	struct diag *d = diag_create();

	(void)state;
	if (d == NULL)
		return -1;
	sites = generation_load(&cfg, d);
	diag_destroy(d);
	return sites == NULL ? -1 : 0;
}

static inline int sites_unmake(void **state)
{
	(void)state;
	generation_destroy(sites);
	return 0;
}

#endif /* TESTS_ENGINE_SITES_H */
