/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a country or network database (the first byte says which).  Either it opens,
 * and every address has an answer in form, or there is one finding and its remedy.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/mmdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool sound)
{
	if (!sound)
		abort();
}

static void ask(const struct mmdb *m, const struct addr *a)
{
	char country[3];
	uint32_t asn;
	struct str org;
	unsigned sum = 0;

	mmdb_country(m, a, country);
	check(country[0] == '\0' ||
	      (country[0] >= 'A' && country[0] <= 'Z' && country[1] >= 'A' &&
	       country[1] <= 'Z' && country[2] == '\0'));
	mmdb_network(m, a, &asn, &org);
	for (size_t i = 0; i < org.len; i++) /* all of it can be read */
		sum += (unsigned char)org.p[i];
	check(sum <= org.len * 255);
}

static void ask_all(const struct mmdb *m, uint8_t seed)
{
	struct mmdb_about about;

	mmdb_about(m, &about);
	check(about.records > 0 && about.schema != NULL && about.build_us >= 0);
	for (const char *p = about.type; *p != '\0'; p++)
		check(*p >= ' ' && *p <= '~');
	for (unsigned i = 0; i < 64; i++) {
		const uint8_t v4[4] = {(uint8_t)(i * 4), seed, (uint8_t)i, seed};
		struct addr a = addr_from_v4(v4);

		ask(m, &a);
		memset(a.b, (int)(i * 4), sizeof(a.b));
		ask(m, &a);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag *d = diag_create();
	struct mmdb *m;
	uint8_t *copy;

	check(d != NULL);
	if (size == 0) {
		diag_destroy(d);
		return 0;
	}
	copy = malloc(size); /* without the first byte: as long as the file */
	check(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	m = mmdb_open("fuzzed", copy, size - 1,
		      data[0] % 2 == 0 ? MMDB_COUNTRY : MMDB_ASN, d);
	memset(copy, 0xff, size - 1); /* the database has a copy of its own */
	check((m == NULL) == (diag_count(d, DIAG_ERROR) == 1));
	if (m != NULL)
		ask_all(m, data[0]);
	mmdb_close(m);
	free(copy);
	diag_destroy(d);
	return 0;
}
