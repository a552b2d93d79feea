/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_CATALOG_TEXTS_H
#define UNIT_CATALOG_TEXTS_H

/* texts - a small sound catalogue in memory, for tests and fuzz targets that replace a file. */

#include <string.h>

#include "catalog/tables.h"

static inline void texts_set(struct tsv_text files[FILE_COUNT], enum catalog_file which,
			     const char *name, const char *text)
{
	files[which] = (struct tsv_text){name, text, strlen(text)};
}

static inline void texts_small(struct tsv_text files[FILE_COUNT])
{
	memset(files, 0, FILE_COUNT * sizeof(files[0]));
	texts_set(files, FILE_REGIONS, "regions.tsv",
		  "scheme\ttoken\tregion\tcountries\n"
		  "azure-region\twesteurope\twesteurope\tNL\n"
		  "azure-region\teastasia\teastasia\tHK|SG\n"
		  "dataverse-crm\tcrm4.dynamics.com\tEUR\tNL|IE\n");
	texts_set(files, FILE_TAGS, "tags.tsv",
		  "prefix\ttag\tregion\n"
		  "192.0.2.0/24\tAzureCloud\twesteurope\n"
		  "192.0.2.0/28\tSql\tWestEurope\n"
		  "198.51.100.0/24\tAzureCloud\teastasia\n");
	texts_set(files, FILE_GROUPS, "groups.tsv",
		  "service\tscope\tplatform\tgroups\tranges\n"
		  "dataverse\tin\tyes\tplatform\tSql\n"
		  "sql\tout\tno\t-\tSql\n");
	texts_set(files, FILE_SERVICES, "services.tsv",
		  "pattern\tservice\tcloud\trole\tports\tconfidence\tsource\n"
		  "*.crm4.dynamics.com\tdataverse\tpublic\torg\ttcp/443\tverified\tdoc\n"
		  "*.database.windows.net\tsql\tpublic\t-\t-\tassumed\tdoc\n");
	texts_set(files, FILE_CONNECTORS, "connectors.tsv",
		  "pattern\tconnector\tconfidence\tsource\n"
		  "*.database.windows.net\tshared_sql\tverified\tdoc\n"
		  "api.contoso.example\tshared_b\tassumed\tdoc\n"
		  "api.contoso.example\tshared_a\tpublished\tdoc\n"
		  "-\tshared_ftp\tassumed\tdoc\n");
}

#endif /* UNIT_CATALOG_TEXTS_H */
