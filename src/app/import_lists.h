/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_IMPORT_LISTS_H
#define APP_IMPORT_LISTS_H

/*
 * import_lists - `weir import block-script` and `weir import m365-urls`: one file of others to
 * one generated rule file.
 */

#include <stdbool.h>

struct list_options {
	char *path;
	const char *to; /* a file or "-"; NULL = write nothing */
	const char *role, *date;
	bool enforce;
	bool json; /* as in tenant_options */
};

/* An exit code; everything was said. */
int import_block_script(const struct list_options *o);
int import_m365_urls(const struct list_options *o);

#endif /* APP_IMPORT_LISTS_H */
