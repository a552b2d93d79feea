/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_M365_URLS_H
#define IMPORT_M365_URLS_H

/*
 * m365_urls - Microsoft's list of the hosts and ranges of Microsoft 365, as tables of rules.
 *
 * A table of hosts and one of ranges for each service area; each entry of the list is a
 * statement of its own below a comment that says its number, category, ports.  What stands in
 * several entries of one area stands in the first one only.
 *
 * Source: Microsoft Learn "Microsoft 365 IP Address and URL web service" (2025-10):
 * endpoints.office.com/endpoints/worldwide gives an array of {id, serviceArea, urls[], ips[],
 * tcpPorts, udpPorts, category, required}.
 *
 * Memory: in the list's arena; strings may borrow from the text.
 */

#include <stdio.h>

#include "import/tenant.h"

#define M365_ENTRIES_MAX 2000  /* published: about 60 */
#define M365_ITEMS_MAX   20000 /* hosts and ranges together; published: about 400 */

struct m365_item {
	struct str text; /* a host pattern, lower case, or a prefix */
	bool range;
	bool again; /* stands in an earlier entry of its area */
	struct m365_item *next;
};

struct m365_entry {
	uint32_t id;
	char area[40];    /* "exchange": of a table's name */
	struct str title; /* as published; absent = none */
	struct str category, tcp, udp;
	bool required;
	struct m365_item *items, **items_end;
	size_t hosts, ranges; /* but those that stand there again */
	struct m365_entry *next;
};

struct m365_urls {
	struct arena *arena;
	struct m365_entry *entries, **entries_end; /* in the order of the file */
	size_t entry_count, hosts, ranges;
	struct tenant_file file;
};

/* NULL: what is wrong is in `d`. */
struct m365_urls *m365_urls_read(const struct tenant_text *text, struct diag *d);
void m365_urls_destroy(struct m365_urls *m); /* NULL is a no-op */

/* A generated rule file (write.h) of tables; `date` NULL = none.  0, -ENOMEM or -EIO. */
int m365_urls_print(const struct m365_urls *m, const char *date, FILE *out);

#endif /* IMPORT_M365_URLS_H */
