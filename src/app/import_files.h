/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_IMPORT_FILES_H
#define APP_IMPORT_FILES_H

/*
 * import_files - files of others as they are read, and generated files as they are written:
 * what `weir import` and `weir drift` share.
 */

#include <stdbool.h>
#include <stddef.h>

#include "engine/generation.h"
#include "import/changes.h"
#include "import/known.h"
#include "import/tenant.h"

/* "weir COMMAND: cannot WHAT PATH: ..."; EXIT_COULD_NOT. */
int could_not(const char *command, const char *what, const char *path, int rc);

/* A file that was read, in UTF-8. */
struct input {
	char *path, *owned;
	struct str text;
	uint8_t sha256[32]; /* of its own bytes */
};

struct inputs {
	const char *command; /* for messages */
	struct input *list;  /* TENANT_FILES_MAX; NULL = out of memory */
	size_t count;
};

void inputs_init(struct inputs *all, const char *command);
void inputs_finish(struct inputs *all);

/*
 * Read files, and of folders the files right in them that are neither hidden nor rule files, by
 * name.  An exit code; what is wrong was said.
 */
int inputs_add(struct inputs *all, char *const *paths, size_t count);

/* All of them as exports of one tenant; `policy`: a GUID in any case, or NULL.  As tenant_read. */
bool inputs_read_tenant(const struct inputs *all, const char *policy, bool lenient,
			struct tenant *t, struct diag *d);

/* What the catalogue knows of connectors; borrows from the generation. */
struct connector_book known_connectors(const struct generation *g);

/* A generated file as it is to be written, and what stands there now. */
struct output {
	const char *option; /* that names it, for remedies */
	const char
		*first; /* line that a report of ours begins with; NULL = a rule file */
	char *path;     /* NULL = nowhere */
	char *text, *before;
	size_t len, before_len;
	bool is_stream; /* a terminal, pipe or /dev/null: written to, never replaced */
	struct changes changes;
};

void output_finish(struct output *one);

/* Is it "-", or a name of standard output? */
bool output_is_standard(const char *path);

/*
 * What stands at its path: nothing, a stream, or an older one of ours.  -EINVAL: a finding says
 * what else; links are not followed, as the file that they name would stay as it was.
 */
int output_look(struct output *one, struct diag *d);

/* Is it the file that stands at, or would be made at, `path`?  A finding; streams never are. */
bool output_is_at(const struct output *one, const char *path, struct diag *d);

/* Write to the stream, or replace the file as a whole.  0 or -errno. */
int output_put(const struct output *one);

/* Say to standard output what changes.  0 or -ENOMEM. */
int output_show_changes(struct output *one);

#endif /* APP_IMPORT_FILES_H */
