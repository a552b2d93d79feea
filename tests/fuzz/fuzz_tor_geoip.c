/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as tor-geoipdb's text.  What is read can be written, and what is written says for
 * both ends of every range what was read.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/mmdb.h"
#include "catalog/mmdb_write.h"
#include "catalog/tor_geoip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool sound)
{
	if (!sound)
		abort();
}

static bool in_v4_space(const struct addr *a)
{
	static const uint8_t zeros[12] = {0};

	return memcmp(a->b, zeros, sizeof(zeros)) == 0;
}

/* IPv6 that lies where the format keeps IPv4 is another matter. */
static bool is_plain(const struct tor_geoip *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (in_v4_space(&t->list[i].first))
			return false;
	/* One text, ascending: no range hides another unless the families mix. */
	for (size_t i = 1; i < t->count; i++)
		if (addr_is_v4(&t->list[i].first) != addr_is_v4(&t->list[0].first))
			return false;
	return t->count > 0 && t->count < 1000;
}

static void write_and_read(const struct tor_geoip *t)
{
	const struct mmdb_write_cfg cfg = {"fuzz", "fuzz", 1};
	struct mmdb_write *w = mmdb_write_create();
	struct diag *d = diag_create();
	struct mmdb *m;
	uint8_t *bytes;
	size_t len;

	check(w != NULL && d != NULL);
	for (size_t i = 0; i < t->count; i++)
		check(mmdb_write_range(w, &t->list[i].first, &t->list[i].last,
				       mmdb_write_country(w, t->list[i].code)) == 0);
	check(mmdb_write_end(w, &cfg, &bytes, &len) == 0);
	m = mmdb_open("fuzz", bytes, len, MMDB_COUNTRY, d);
	check(m != NULL);
	for (size_t i = 0; i < t->count; i++) {
		char got[3];

		mmdb_country(m, &t->list[i].first, got);
		check(memcmp(got, t->list[i].code, 2) == 0);
		mmdb_country(m, &t->list[i].last, got);
		check(memcmp(got, t->list[i].code, 2) == 0);
	}
	mmdb_close(m);
	free(bytes);
	diag_destroy(d);
	mmdb_write_destroy(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tor_geoip t = {0};
	struct diag *d = diag_create();
	char *copy = malloc(size + 1);

	check(d != NULL && copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	copy[size] = '\0';
	diag_source(d, "fuzzed", copy, size);
	if (tor_geoip_parse("fuzzed", copy, size, &t, d))
		check(diag_count(d, DIAG_ERROR) == 0);
	if (is_plain(&t))
		write_and_read(&t);
	free(t.list);
	free(copy);
	diag_destroy(d);
	return 0;
}
