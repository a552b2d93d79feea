/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_IMPORT_JSON_H
#define APP_IMPORT_JSON_H

/*
 * import_json - `weir import --json` of a tenant's policies and of lists of hosts: one object,
 * {documents, findings, written}; docs/import.md has its members.
 *
 * The documents are made before anything is written, so that what cannot be told is not done.
 */

#include "app/import_files.h"
#include "base/json.h"
#include "import/write.h"

struct import_json {
	struct json j; /* of the member that is being made; goes to `out` */
	char *memory;
	FILE *out; /* into `text` */
	char *text;
	size_t len;
};

/* Begins the object and its documents; false and a message: no memory. */
bool import_json_begin(struct import_json *x);

/* A document of a tenant with its counts, changes and what of it can be decided. */
int import_json_document(struct import_json *x, const struct tenant *t,
			 const struct document *doc, const struct write_cfg *cfg,
			 struct output *one);

/* Another document: begin, counts, changes, end. */
void import_json_begin_document(struct import_json *x, const char *name,
				const char *kind);
void import_json_count(struct import_json *x, const char *key, size_t n);
int import_json_changes(struct import_json *x, struct output *one);
void import_json_end_document(struct import_json *x);

/* Ends the documents; the findings, and the beginning of what is written.  False: too long. */
bool import_json_findings(struct import_json *x, const struct diag *d);
void import_json_written(struct import_json *x, const char *path);

/* Ends the object and prints it: `code`, or EXIT_COULD_NOT and a message. */
int import_json_end(struct import_json *x, int code);

#endif /* APP_IMPORT_JSON_H */
