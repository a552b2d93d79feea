/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_WRITE_H
#define IMPORT_WRITE_H

/*
 * write - rule files of what was read, one a document: a policy, the tenant's isolation, an
 * IP firewall, the environments.
 *
 * Form: comment lines of provenance first (source, policy, date), the statements of
 * weir.rules(5), and as its last line the SHA-256 of all bytes before that line, by which
 * `import` finds hand edits.  Connectors are sorted by id, rules by order: the same export
 * gives the same bytes, and a changed one differs where it changed.
 */

#include <stdio.h>

#include "import/known.h"
#include "import/tenant.h"

#define WRITE_FIRST \
	"# weir import: generated, do not edit; what must differ goes to gate exceptions"
#define WRITE_LAST "# weir import: sha256 "

enum document_kind {
	DOCUMENT_POLICY = 0,
	DOCUMENT_ISOLATION,
	DOCUMENT_FIREWALL,
	DOCUMENT_ENVIRONMENTS
};

struct document {
	enum document_kind kind;
	const struct dlp_policy *policy;    /* of DOCUMENT_POLICY */
	const struct ip_firewall *firewall; /* of DOCUMENT_FIREWALL */
	char name[96];                      /* for a file of its own: "dlp-GUID.rules" */
};

struct write_cfg {
	const char *role;        /* NULL = gateway, desktop and subnet */
	const char *environment; /* of what does not say its own; NULL = none */
	const char *date;        /* of what has none; NULL = none */
	bool enforce;            /* no report-only on own and ip-firewall lines */
	struct connector_book known;
};

/* What a tenant gives: malloc'd, in a stable order; NULL = out of memory. */
struct document *documents_of(const struct tenant *t, size_t *ret_count);

/*
 * Write one document.  What it must leave out, or take for something else, is a warning in
 * `d`.  0, -ENOMEM, -EIO, or -EINVAL after an error in `d`.
 */
int document_print(const struct tenant *t, const struct document *doc,
		   const struct write_cfg *cfg, FILE *out, struct diag *d);

/* The first lines of any generated file: that it is one, and what it was made from. */
void generated_head(FILE *out, const struct tenant_file *files);
/* Text of others in a comment: on its line, without controls and quotes. */
void generated_text(FILE *out, struct str s);
/* A whole text with its hash behind it.  0 or -EIO. */
int generated_seal(struct str text, FILE *out);

enum generated {
	GENERATED_NOT = 0, /* somebody's own file */
	GENERATED_EDITED,  /* by us, and changed since */
	GENERATED_SOUND
};

/* Was this text written by document_print(), and is it as it was? */
enum generated generated_check(struct str text);

#endif /* IMPORT_WRITE_H */
