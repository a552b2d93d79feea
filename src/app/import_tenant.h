/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_IMPORT_TENANT_H
#define APP_IMPORT_TENANT_H

/*
 * import_tenant - `weir import` of a tenant's policies: files to documents, the changes that
 * they bring, the report.
 */

#include <stdbool.h>
#include <stddef.h>

#define IMPORT_PATHS_MAX 256

struct tenant_options {
	const char *config;
	char *const *paths; /* files and folders */
	size_t path_count;
	const char *to;     /* a file, a folder or "-"; NULL = write nothing */
	const char *report; /* a file or "-"; NULL = none */
	const char *policy; /* GUID as given; NULL = none */
	const char *environment, *role, *date;
	bool lenient, enforce;
	bool json; /* what is said, as one object on standard output */
};

/* Are these the words of an option?  Else what to write is in *ret_wanted. */
bool tenant_options_sound(const struct tenant_options *o, const char **ret_wanted);

/* An exit code; everything was said. */
int import_tenant(const struct tenant_options *o);

#endif /* APP_IMPORT_TENANT_H */
