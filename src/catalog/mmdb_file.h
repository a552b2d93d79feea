/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CATALOG_MMDB_FILE_H
#define CATALOG_MMDB_FILE_H

/* mmdb_file - what mmdb.c (looking up) and mmdb_file.c (opening) share. */

#include <maxminddb.h>

#include "catalog/mmdb.h"

struct mmdb {
	MMDB_s db;
	const char *const *path; /* of the country's code in a record */
};

#endif /* CATALOG_MMDB_FILE_H */
