/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_KNOWN_H
#define IMPORT_KNOWN_H

/*
 * known - what the importer asks the catalogue about connectors; the caller answers.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct known_connector {
	const char *id;                     /* in the catalogue's letter case */
	bool unblockable;                   /* Microsoft does not let it be blocked */
	bool not_by_gateway, not_by_subnet; /* stated: it never leaves there */
	bool has_hosts;                     /* some host of it is known */
	bool verified; /* one of them by its vendor's documentation or own entry */
};

struct connector_book {
	void *arg;
	/* False: the catalogue has no such connector.  Letter case is ignored. */
	bool (*find)(void *arg, struct str id, struct known_connector *ret);
	/* All ids, in the catalogue's order. */
	const char *const *ids;
	size_t id_count;
};

#endif /* IMPORT_KNOWN_H */
