/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_BLOCK_SCRIPT_H
#define IMPORT_BLOCK_SCRIPT_H

/*
 * block_script - the apps that a security team has marked as unsanctioned in Defender for Cloud
 * Apps, as its script for Blue Coat ProxySG: lines "url.domain=app.example deny".
 *
 * A domain stands for itself and all names below it, as url.domain does on that proxy.  Empty
 * lines and comments (";") are passed over, any other line is an error.
 *
 * Source: Microsoft Learn "Govern discovered apps", API discovery_block_scripts (2025-01):
 * formats 102 Blue Coat, 104 Cisco ASA, 108 FortiGate, 112 Palo Alto, 120 Zscaler, 129 Juniper
 * SRX, 135 Websense.
 *
 * Memory: in the list's arena; domains do not borrow from the text.
 */

#include <stdio.h>

#include "import/tenant.h"

#define BLOCK_DOMAINS_MAX 50000
#define BLOCK_LINE_MAX    1000 /* bytes */

struct block_script {
	struct arena *arena;
	const char **domains; /* lower case, sorted, each once */
	size_t count;
	size_t lines; /* that named one */
	struct tenant_file file;
};

/* NULL: what is wrong is in `d`. */
struct block_script *block_script_read(const struct tenant_text *text, struct diag *d);
void block_script_destroy(struct block_script *b); /* NULL is a no-op */

struct block_script_cfg {
	const char *role; /* NULL = user */
	const char *date; /* NULL = none */
	bool enforce;     /* no report-only */
};

/* A generated rule file (write.h).  0, -ENOMEM or -EIO. */
int block_script_print(const struct block_script *b, const struct block_script_cfg *cfg,
		       FILE *out);

#endif /* IMPORT_BLOCK_SCRIPT_H */
