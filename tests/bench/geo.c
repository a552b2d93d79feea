/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags, country and network of addresses: nanoseconds a lookup.
 * usage: geo COUNTRY.mmdb ADDRESSES TAGS...       (COUNTRY.mmdb: make geo)
 *
 * The network database is made here, as large as the real ones: 400,000 ranges of 80,000
 * networks.  Half of the addresses lie in Microsoft's ranges, half anywhere in IPv4.  Says PASS
 * or MISS against the bar, and ends with 1 on MISS.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog/catalog.h"
#include "catalog/mmdb_write.h"

#define RANGES   400000u
#define NETWORKS 80000u
#define ROUNDS   5
#define BAR_NS   1000u

static uint64_t dice(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static struct addr v4(uint32_t v)
{
	const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
			      (uint8_t)v};

	return addr_from_v4(b);
}

/* The network database, in a file of its own. */
static int write_networks(const char *path)
{
	const struct mmdb_write_cfg cfg = {"bench", "bench", 1782361800};
	struct mmdb_write *w = mmdb_write_create();
	char name[32];
	uint8_t *bytes = NULL;
	size_t len = 0;
	int rc = w == NULL ? -1 : 0;
	FILE *f;

	for (uint32_t i = 0; i < NETWORKS && rc >= 0; i++) {
		int n = snprintf(name, sizeof(name), "Network number %" PRIu32, i);

		rc = mmdb_write_network(w, i + 1, (struct str){name, (size_t)n});
	}
	for (uint32_t i = 0; i < RANGES && rc >= 0; i++) {
		const uint32_t width = UINT32_MAX / RANGES;
		struct addr first = v4(i * width), last = v4(i * width + width - 1);

		rc = mmdb_write_range(w, &first, &last, (int)(i * 7919 % NETWORKS));
	}
	if (rc >= 0)
		rc = mmdb_write_end(w, &cfg, &bytes, &len);
	mmdb_write_destroy(w);
	f = rc < 0 ? NULL : fopen(path, "wb");
	if (f == NULL || fwrite(bytes, 1, len, f) != len)
		rc = -1;
	if (f != NULL && fclose(f) != 0)
		rc = -1;
	free(bytes);
	return rc;
}

static struct catalog *load(const char *const *tags, size_t tag_files,
			    const char *country, const char *asn)
{
	const struct catalog_cfg cfg = {
		.services = "rules/catalog/services.tsv",
		.connectors = "rules/catalog/connectors.tsv",
		.regions = "geo/regions.tsv",
		.tags = tags,
		.tag_file_count = tag_files,
		.country = {country},
		.asn = {asn},
	};
	struct diag *d = diag_create();
	struct catalog *c = catalog_load(&cfg, d);

	if (c == NULL)
		diag_print(d, stderr, false);
	diag_destroy(d);
	return c;
}

/* Addresses are drawn until half of them are Microsoft's. */
static struct addr *draw(const struct catalog *c, size_t count)
{
	struct addr *list = malloc(count * sizeof(*list));
	uint64_t seed = UINT64_C(88172645463325252);
	size_t inside = 0, outside = 0;

	while (list != NULL && inside + outside < count) {
		struct addr a = v4((uint32_t)(dice(&seed) >> 32));
		struct place p;

		catalog_address(c, &a, &p);
		if (p.tag_count > 0 && inside < count / 2)
			list[inside++ + outside] = a;
		else if (p.tag_count == 0 && outside < count - count / 2)
			list[inside + outside++] = a;
	}
	return list;
}

/* Of this process: others may use the machine meanwhile. */
static int64_t cpu_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* True when it took no longer than the bar. */
static bool measure(const struct catalog *c, const struct addr *list, size_t count)
{
	uint64_t best = UINT64_MAX, known[3] = {0};

	for (unsigned round = 0; round < ROUNDS; round++) {
		const int64_t from = cpu_us();
		uint64_t ns;

		memset(known, 0, sizeof(known));
		for (size_t i = 0; i < count; i++) {
			struct place p;

			catalog_address(c, &list[i], &p);
			known[0] += p.tag_count > 0;
			known[1] += p.country[0] != '\0';
			known[2] += p.asn != 0;
		}
		ns = (uint64_t)(cpu_us() - from) * 1000 / count;
		best = ns < best ? ns : best;
	}
	(void)printf("%zu addresses, best of %d rounds: %" PRIu64
		     " ns of CPU a lookup; bar %u: %s\n"
		     "with tags %" PRIu64 ", with country %" PRIu64
		     ", with network %" PRIu64 "\n",
		     count, ROUNDS, best, BAR_NS, best <= BAR_NS ? "PASS" : "MISS",
		     known[0], known[1], known[2]);
	return best <= BAR_NS;
}

int main(int argc, char *argv[])
{
	char path[] = "/tmp/weir-bench-XXXXXX";
	size_t count = argc > 3 ? (size_t)strtoull(argv[2], NULL, 10) : 0;
	int fd = count == 0 ? -1 : mkstemp(path);
	struct catalog *c = NULL;
	struct addr *list = NULL;
	bool pass = false;

	if (fd == -1) {
		(void)fprintf(stderr, "usage: geo COUNTRY.mmdb ADDRESSES TAGS...\n");
		return 2;
	}
	(void)close(fd);
	if (write_networks(path) >= 0)
		c = load((const char *const *)argv + 3, (size_t)argc - 3, argv[1], path);
	(void)unlink(path);
	if (c != NULL)
		list = draw(c, count);
	if (list != NULL)
		pass = measure(c, list, count);
	catalog_destroy(c);
	free(list);
	return pass ? 0 : 1;
}
