/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as one of the catalogue's files (the first byte says which), the others sound.
 * Either the catalogue stands, and answers within its tables, or there is a finding.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/tables.h"
#include "large.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool sound)
{
	if (!sound)
		abort();
}

static void set(struct tsv_text *file, const char *name, const char *text)
{
	*file = (struct tsv_text){name, text, strlen(text)};
}

static void sound_files(struct tsv_text files[FILE_COUNT])
{
	memset(files, 0, FILE_COUNT * sizeof(files[0]));
	set(&files[FILE_REGIONS], "regions.tsv",
	    "scheme\ttoken\tregion\tcountries\n"
	    "azure-region\twesteurope\twesteurope\tNL\n");
	set(&files[FILE_TAGS], "tags.tsv",
	    "prefix\ttag\tregion\n192.0.2.0/24\tAzureCloud\twesteurope\n");
	set(&files[FILE_GROUPS], "groups.tsv",
	    "service\tscope\tplatform\tgroups\tranges\n"
	    "dataverse\tin\tyes\tplatform\tSql\nsql\tout\tno\t-\tSql\n");
	set(&files[FILE_SERVICES], "services.tsv",
	    "pattern\tservice\tcloud\trole\tports\tconfidence\tsource\n"
	    "*.crm4.dynamics.com\tdataverse\tpublic\torg\ttcp/443\tverified\tdoc\n");
	set(&files[FILE_CONNECTORS], "connectors.tsv",
	    "pattern\tconnector\tconfidence\tsource\n"
	    "*.database.windows.net\tshared_sql\tverified\tdoc\n");
}

static void ask(const struct catalog *c)
{
	static const char *const hosts[] = {"contoso.crm4.dynamics.com", "a.example",
					    "x.database.windows.net"};
	struct vocabulary v;

	catalog_vocabulary(c, &v);
	check(v.services.count <= SERVICES_MAX);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct service s;

		catalog_name(c, str_of(hosts[i]), &s);
		check(s.service == ID_NONE || s.service < v.services.count);
		for (size_t k = 0; k < s.connector_count; k++)
			check(s.connectors[k].connector < v.connectors.count);
	}
	for (unsigned i = 0; i < 4; i++) {
		struct addr a = {{0}};
		struct place p;

		memset(a.b, (int)(i * 85), sizeof(a.b));
		if (i == 1)
			a = addr_from_v4((const uint8_t[]){192, 0, 2, 1});
		catalog_address(c, &a, &p);
		check(p.tag_count <= PLACE_TAGS_MAX);
		for (size_t k = 0; k < p.tag_count; k++)
			check(p.tags[k] < v.tags.count);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsv_text files[FILE_COUNT];
	struct catalog *c;
	struct diag *d;
	char *copy;

	if (size == 0)
		return 0;
	copy = malloc(size);
	d = diag_create();
	check(copy != NULL && d != NULL);
	memcpy(copy, data + 1, size - 1);
	sound_files(files);
	files[data[0] % FILE_COUNT] = (struct tsv_text){"fuzzed", copy, size - 1};
	diag_source(d, "fuzzed", copy, size - 1);
	c = catalog_build(files, d);
	check((c == NULL) == (diag_count(d, DIAG_ERROR) > 0));
	if (c != NULL)
		ask(c);
	catalog_destroy(c);
	diag_destroy(d);
	free(copy);
	large_end();
	return 0;
}
